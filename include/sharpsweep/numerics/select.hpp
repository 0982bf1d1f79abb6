/// \file
/// Choices without branches, and the words behind values: with the rounded operations of
/// arithmetic.hpp, what steps and elementary functions (elementary.hpp) are made of.
///
/// Defined for scalars on host and device and for Packs; simd_avx2.hpp and simd_avx512.hpp overload
/// the same names. Every result is exact but that of times_power_of_two. A value's word is the
/// integer of its bits, 32 or 64 of them: from the top sign, exponent field, mantissa field.
#pragma once

#include "sharpsweep/numerics/pack.hpp"

namespace sharpsweep {

/// Whether a < b, lane by lane: not so where either is NaN. \return what `select` takes
SHARPSWEEP_INLINE bool less(float a, float b) { return a < b; }
SHARPSWEEP_INLINE bool less(double a, double b) { return a < b; }
SHARPSWEEP_INLINE float select(bool mask, float yes, float no) { return mask ? yes : no; }
SHARPSWEEP_INLINE double select(bool mask, double yes, double no) { return mask ? yes : no; }

/// `yes` where a < b, `no` elsewhere.
template <class V>
SHARPSWEEP_INLINE V select_less(V a, V b, V yes, V no) {
  return select(less(a, b), yes, no);
}

// The lesser and the greater of a and b; b where either is NaN or both are zeros.
SHARPSWEEP_INLINE float minimum(float a, float b) { return a < b ? a : b; }
SHARPSWEEP_INLINE double minimum(double a, double b) { return a < b ? a : b; }
SHARPSWEEP_INLINE float maximum(float a, float b) { return a > b ? a : b; }
SHARPSWEEP_INLINE double maximum(double a, double b) { return a > b ? a : b; }

/// |a|
SHARPSWEEP_INLINE float absolute(float a) { return as_float(as_bits(a) & 0x7fffffffu); }
SHARPSWEEP_INLINE double absolute(double a) { return as_double(as_bits(a) & 0x7fffffffffffffffu); }
/// |magnitude| with the sign bit of `sign`.
SHARPSWEEP_INLINE float copy_sign(float magnitude, float sign) {
  return as_float((as_bits(magnitude) & 0x7fffffffu) | (as_bits(sign) & 0x80000000u));
}
SHARPSWEEP_INLINE double copy_sign(double magnitude, double sign) {
  return as_double((as_bits(magnitude) & 0x7fffffffffffffffu) |
                   (as_bits(sign) & 0x8000000000000000u));
}

/// a + b, a - b and a & b of the words, modulo 2^32 or 2^64.
SHARPSWEEP_INLINE float add_bits(float a, float b) { return as_float(as_bits(a) + as_bits(b)); }
SHARPSWEEP_INLINE double add_bits(double a, double b) { return as_double(as_bits(a) + as_bits(b)); }
SHARPSWEEP_INLINE float subtract_bits(float a, float b) {
  return as_float(as_bits(a) - as_bits(b));
}
SHARPSWEEP_INLINE double subtract_bits(double a, double b) {
  return as_double(as_bits(a) - as_bits(b));
}
SHARPSWEEP_INLINE float and_bits(float a, float b) { return as_float(as_bits(a) & as_bits(b)); }
SHARPSWEEP_INLINE double and_bits(double a, double b) { return as_double(as_bits(a) & as_bits(b)); }

/// The word shifted left by the width of the mantissa field: its low bits become sign and exponent.
SHARPSWEEP_INLINE float low_bits_to_exponent(float a) { return as_float(as_bits(a) << 23); }
SHARPSWEEP_INLINE double low_bits_to_exponent(double a) { return as_double(as_bits(a) << 52); }
/// The word shifted right by the width of the mantissa field, zeros coming in.
SHARPSWEEP_INLINE float exponent_to_low_bits(float a) { return as_float(as_bits(a) >> 23); }
SHARPSWEEP_INLINE double exponent_to_low_bits(double a) { return as_double(as_bits(a) >> 52); }

/// An integer n added to this, |n| <= bias, leaves n + bias in the low bits of the sum's word, so
/// that low_bits_to_exponent makes 2^n of it. A fraction is rounded to an integer on the way.
template <class T>
inline constexpr T kIntegerToLowBits{};
template <>
inline constexpr float kIntegerToLowBits<float> = 0x1.8p23F + 127;
template <>
inline constexpr double kIntegerToLowBits<double> = 0x1.8p52 + 1023;

/// a 2^n, rounded once, for a in [1/2, 2] and an integer n whose magnitude is at most 1.5 times the
/// bias, so that results may be subnormal or infinite. NaN where a is NaN, whatever n.
template <class V>
SHARPSWEEP_INLINE V times_power_of_two(V a, V n) {
  using T = typename ValueTraits<V>::Scalar;
  const V offset(kIntegerToLowBits<T>);
  // Two factors, as 2^n alone may be out of range. The first product is exact.
  const V half = fmadd(n, V(T(0.5)), offset);
  const V rest = sub(n, sub(half, offset));
  return mul(mul(a, low_bits_to_exponent(half)), low_bits_to_exponent(add(rest, offset)));
}

// Packs: elementwise, as in pack.hpp, with the operations that were not needed there.
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> div(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = div(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> square_root(Pack<V, N> a) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = square_root(a.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> minimum(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = minimum(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> maximum(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = maximum(a.v[i], b.v[i]);
  return a;
}
/// What `less` says of a Pack.
template <class Mask, int N>
struct PackMask {
  Mask v[N];
};
template <class V, int N>
SHARPSWEEP_INLINE auto less(Pack<V, N> a, Pack<V, N> b) {
  PackMask<decltype(less(a.v[0], b.v[0])), N> mask;
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) mask.v[i] = less(a.v[i], b.v[i]);
  return mask;
}
template <class Mask, class V, int N>
SHARPSWEEP_INLINE Pack<V, N> select(PackMask<Mask, N> mask, Pack<V, N> yes, Pack<V, N> no) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) no.v[i] = select(mask.v[i], yes.v[i], no.v[i]);
  return no;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> add_bits(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = add_bits(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> subtract_bits(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = subtract_bits(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> and_bits(Pack<V, N> a, Pack<V, N> b) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = and_bits(a.v[i], b.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> low_bits_to_exponent(Pack<V, N> a) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = low_bits_to_exponent(a.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> exponent_to_low_bits(Pack<V, N> a) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = exponent_to_low_bits(a.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> absolute(Pack<V, N> a) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = absolute(a.v[i]);
  return a;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> copy_sign(Pack<V, N> magnitude, Pack<V, N> sign) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) sign.v[i] = copy_sign(magnitude.v[i], sign.v[i]);
  return sign;
}
template <class V, int N>
SHARPSWEEP_INLINE Pack<V, N> times_power_of_two(Pack<V, N> a, Pack<V, N> n) {
  SHARPSWEEP_UNROLL
  for (int i = 0; i < N; ++i) a.v[i] = times_power_of_two(a.v[i], n.v[i]);
  return a;
}

} // namespace sharpsweep
