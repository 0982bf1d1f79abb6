/// \file
/// Value types of a model's arithmetic: how to load and store one, and packs of several.
///
/// A model's step is a template over its value type R: `float` or `double` on a CUDA thread, and on
/// a CPU a Pack of N SIMD registers (or of N scalars), whose N independent chains hide latency.
#pragma once

#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep {

/// Width in scalars, load and store of a SIMD register type V or of a plain scalar.
template <class V>
struct ValueTraits {
  static constexpr int width = V::width;
  using Scalar = typename V::Scalar;
  template <class From>
  static SHARPSWEEP_INLINE V load(const From* p) {
    return V::load(p);
  }
  static SHARPSWEEP_INLINE void store(Scalar* p, V v) { v.store(p); }
};

template <class T>
struct ScalarTraits {
  static constexpr int width = 1;
  using Scalar = T;
  template <class From>
  static SHARPSWEEP_INLINE T load(const From* p) {
    return static_cast<T>(*p);
  }
  static SHARPSWEEP_INLINE void store(T* p, T v) { *p = v; }
};
template <>
struct ValueTraits<float> : ScalarTraits<float> {};
template <>
struct ValueTraits<double> : ScalarTraits<double> {};

/// N values side by side; every operation is elementwise.
template <class V, int N>
struct Pack {
  using Traits = ValueTraits<V>;
  using Scalar = typename Traits::Scalar;
  static constexpr int width = N * Traits::width;
  V v[N];

  Pack() = default;
  explicit SHARPSWEEP_INLINE Pack(Scalar x) {
    SHARPSWEEP_UNROLL
    for (int i = 0; i < N; ++i) v[i] = V(x);
  }
  template <class From>
  static SHARPSWEEP_INLINE Pack load(const From* p) {
    Pack r;
    SHARPSWEEP_UNROLL
    for (int i = 0; i < N; ++i) r.v[i] = Traits::load(p + i * Traits::width);
    return r;
  }
  SHARPSWEEP_INLINE void store(Scalar* p) const {
    SHARPSWEEP_UNROLL
    for (int i = 0; i < N; ++i) Traits::store(p + i * Traits::width, v[i]);
  }
};

/// Whether R is the pack of a wide tile: of more registers than two, which serve networks of few
/// numbers, whose steps are short chains of operations that wait for each other.
template <class R>
inline constexpr bool kWideTile = false;
template <class V, int N>
inline constexpr bool kWideTile<Pack<V, N>> = N > 2;

template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> fmadd(Pack<V, N> a, Pack<V, N> b, Pack<V, N> c) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) c.v[i] = fmadd(a.v[i], b.v[i], c.v[i]);
  return c;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> fnmadd(Pack<V, N> a, Pack<V, N> b, Pack<V, N> c) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) c.v[i] = fnmadd(a.v[i], b.v[i], c.v[i]);
  return c;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> mul(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = mul(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> add(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = add(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> sub(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = sub(a.v[i], b.v[i]);
  return a;
}

} // namespace sharpsweep
