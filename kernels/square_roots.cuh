/// \file
/// The training kernels take bare square roots (numerics/arithmetic.hpp); here they are tried.
#pragma once

#include <cstdint>

#include "kernels/device.cuh"
#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep::cuda {

/// Counts the arguments from `first` up whose bare_square_root is not the rounded one.
static __global__ void count_wrong_roots(std::uint32_t first, unsigned* wrong) {
  const float a = as_float(first + blockIdx.x * blockDim.x + threadIdx.x);
  if (as_bits(bare_square_root(a)) != as_bits(square_root(a))) atomicAdd(wrong, 1u);
}

/// How many of all arguments of bare_square_root have other bits than square_root on the current
/// device: 2.5e8 of them, about a millisecond. Throws DeviceError.
inline unsigned wrong_square_roots() {
  constexpr unsigned kThreads = 1024;
  const std::uint32_t first = as_bits(kBareRootLow), count = as_bits(kBareRootHigh) - first;
  DeviceArray<unsigned> wrong(1, nullptr);
  wrong.clear();
  count_wrong_roots<<<count / kThreads, kThreads>>>(first, wrong.data());
  check(cudaGetLastError(), "try its square roots");
  return wrong.download().front();
}

} // namespace sharpsweep::cuda
