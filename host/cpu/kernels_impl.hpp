/// \file
/// The inner loops as templates over the value types of an instruction set. Included by one source
/// file per instruction set, which alone is compiled with that set's flags.
#pragma once

#include <utility>

#include "host/cpu/kernels.hpp"
#include "sharpsweep/models/ssam.hpp"

namespace sharpsweep::cpu {

/// Advances all lanes of a tile, one Pack of V at a time so that its weights stay in registers.
template <int L, class V, int N, bool kNoise, bool kTail>
void advance(const Member<typename ValueTraits<V>::Scalar>& member, const float* normals,
             const typename ValueTraits<V>::Scalar* schedule, int steps) {
  using T = typename ValueTraits<V>::Scalar;
  using R = Pack<V, N>;
  const R eta(member.eta);
  for (int lane = 0; lane < kTileLanes; lane += R::width) {
    R w[L];
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) w[l] = R::load(member.weights + l * kTileLanes + lane);
    const R target = R::load(member.target + lane);
    R sum(T(0));
    if constexpr (kTail) sum = R::load(member.product_sum + lane);
    const float* row = normals + lane;
    for (int k = 0; k < steps; ++k) {
      const R minus_two_alpha(schedule ? mul(member.minus_two_alpha, schedule[k])
                                       : member.minus_two_alpha);
      if constexpr (kNoise) {
        R z[L];
        SHARPSWEEP_UNROLL
        for (int l = 0; l < L; ++l) z[l] = R::load(row + l * kTileLanes);
        row += L * kTileLanes;
        ssam::step<L>(w, z, eta, minus_two_alpha, target);
      } else {
        ssam::step_noise_free<L>(w, eta, minus_two_alpha, target);
      }
      if constexpr (kTail) sum = add(sum, ssam::product<L>(w));
    }
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) w[l].store(member.weights + l * kTileLanes + lane);
    if constexpr (kTail) sum.store(member.product_sum + lane);
  }
}

/// How many registers of an instruction set a Pack holds at depth L, as many independent chains:
/// four cover the latency of fma even where some of them spill; with 32 registers fewer deep ones,
/// which all fit, are better.
template <int L, int kRegisters>
inline constexpr int kInterleave = kRegisters < 32 ? 4
                                   : L >= 11       ? 1
                                   : L >= 5        ? 2
                                                   : 4;

template <class V, int kRegisters, int L>
constexpr StepKernels<typename ValueTraits<V>::Scalar> step_kernels() {
  constexpr int kWidth = ValueTraits<V>::width;
  constexpr int N = kWidth == 1 ? 1 : kInterleave<L, kRegisters>;
  return {&advance<L, V, N, true, false>, &advance<L, V, N, true, true>,
          &advance<L, V, N, false, false>, &advance<L, V, N, false, true>};
}

/// \param fill  the generator of the instruction set
template <class F32, class F64, int kRegisters>
constexpr Kernels make_kernels(std::string_view name,
                               void (*fill)(const NoiseAddress&, std::uint64_t, int, float*)) {
  Kernels kernels{};
  kernels.name = name;
  kernels.fill_normals = fill;
  [&]<int... I>(std::integer_sequence<int, I...>) {
    ((kernels.f32[I] = step_kernels<F32, kRegisters, I + 1>()), ...);
    ((kernels.f64[I] = step_kernels<F64, kRegisters, I + 1>()), ...);
  }
  (std::make_integer_sequence<int, ssam::kMaxDepth>{});
  return kernels;
}

} // namespace sharpsweep::cpu
