/// \file
/// The inner loops as templates over the value types of an instruction set. Included by one source
/// file per instruction set, which alone is compiled with that set's flags.
#pragma once

#include <utility>

#include "host/cpu/kernels.hpp"
#include "sharpsweep/models/ssam.hpp"

namespace sharpsweep::cpu {

/// Rows of kTileLanes scalars, of which R takes its lanes: what looks like an array of R.
template <class R, class Scalar>
class Rows {
public:
  SHARPSWEEP_INLINE explicit Rows(Scalar* first) : first_(first) {}
  struct Row {
    Scalar* at;
    SHARPSWEEP_INLINE operator R() const { return R::load(at); }
    SHARPSWEEP_INLINE void operator=(const R& value) const { value.store(at); }
  };
  SHARPSWEEP_INLINE Row operator[](int l) const { return {first_ + l * kTileLanes}; }

private:
  Scalar* first_;
};

/// Advances the lanes of R, whose weights an array holds meanwhile or stay in the rows.
template <class D, class R, bool kNoise, bool kTail, class Weights, class T>
SHARPSWEEP_INLINE void advance_lanes(D depth, Weights& w, const Member<T>& member, int lane,
                                     const float* normals, const T* schedule, int steps) {
  const R eta(member.eta), target = R::load(member.target + lane);
  R sum(T(0));
  if constexpr (kTail) sum = R::load(member.product_sum + lane);
  const float* row = normals + lane;
  for (int k = 0; k < steps; ++k) {
    const R minus_two_alpha(schedule ? mul(member.minus_two_alpha, schedule[k])
                                     : member.minus_two_alpha);
    if constexpr (kNoise) {
      ssam::step(depth, w, Rows<R, const float>(row), eta, minus_two_alpha, target);
      row += depth * kTileLanes;
    } else {
      ssam::step_noise_free(depth, w, eta, minus_two_alpha, target);
    }
    if constexpr (kTail) sum = add(sum, ssam::product<R>(depth, w));
  }
  if constexpr (kTail) sum.store(member.product_sum + lane);
}

/// Advances all lanes of a tile, one R at a time, with its weights in registers.
template <int L, class R, bool kNoise, bool kTail>
void advance_unrolled(int, const Member<typename R::Scalar>& member, const float* normals,
                      const typename R::Scalar* schedule, int steps) {
  for (int lane = 0; lane < kTileLanes; lane += R::width) {
    R w[L];
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) w[l] = R::load(member.weights + l * kTileLanes + lane);
    advance_lanes<ssam::Depth<L>, R, kNoise, kTail>({}, w, member, lane, normals, schedule, steps);
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) w[l].store(member.weights + l * kTileLanes + lane);
  }
}

/// The same for any depth, with the weights in the L1 cache.
template <class R, bool kNoise, bool kTail>
void advance_any(int depth, const Member<typename R::Scalar>& member, const float* normals,
                 const typename R::Scalar* schedule, int steps) {
  for (int lane = 0; lane < kTileLanes; lane += R::width) {
    Rows<R, typename R::Scalar> w(member.weights + lane);
    advance_lanes<int, R, kNoise, kTail>(depth, w, member, lane, normals, schedule, steps);
  }
}

/// Four registers side by side, as many independent chains, cover the latency of fma. Weights stay
/// in registers where there are enough for that, or for two of twice the depth; elsewhere loading
/// them costs less than a compiler's spills.
template <class V, int kUnrolled, int L>
constexpr StepKernels<typename ValueTraits<V>::Scalar> step_kernels() {
  constexpr bool kDeep = L > 4 && L <= kUnrolled;
  using R = Pack<V, ValueTraits<V>::width == 1 ? 1 : kDeep ? 2 : 4>;
  if constexpr (L <= kUnrolled) {
    return {&advance_unrolled<L, R, true, false>, &advance_unrolled<L, R, true, true>,
            &advance_unrolled<L, R, false, false>, &advance_unrolled<L, R, false, true>};
  } else {
    return {&advance_any<R, true, false>, &advance_any<R, true, true>,
            &advance_any<R, false, false>, &advance_any<R, false, true>};
  }
}

/// \param fill  the generator of the instruction set
/// \tparam kUnrolled  the largest depth whose weights stay in registers
template <class F32, class F64, int kUnrolled>
constexpr Kernels make_kernels(std::string_view name,
                               void (*fill)(const NoiseAddress&, std::uint64_t, int, float*)) {
  Kernels kernels{};
  kernels.name = name;
  kernels.fill_normals = fill;
  [&]<int... I>(std::integer_sequence<int, I...>) {
    ((kernels.f32[I] = step_kernels<F32, kUnrolled, I + 1>()), ...);
    ((kernels.f64[I] = step_kernels<F64, kUnrolled, I + 1>()), ...);
  }
  (std::make_integer_sequence<int, ssam::kMaxDepth>{});
  return kernels;
}

} // namespace sharpsweep::cpu
