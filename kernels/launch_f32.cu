#include "kernels/device.hpp"
#include "kernels/launch_impl.cuh"

namespace sharpsweep::cuda {

template std::span<const int> bundle_sizes<float>(int);
template cudaError_t launch<float>(const Slice<float>&, int, int, std::uint32_t, cudaStream_t);

namespace {

/// Counts the arguments from `first` up whose bare_square_root is not the rounded one.
__global__ void count_wrong_roots(std::uint32_t first, unsigned* wrong) {
  const float a = as_float(first + blockIdx.x * blockDim.x + threadIdx.x);
  if (as_bits(bare_square_root(a)) != as_bits(square_root(a))) atomicAdd(wrong, 1u);
}

} // namespace

unsigned wrong_square_roots() {
  constexpr unsigned kThreads = 1024;
  const std::uint32_t first = as_bits(kBareRootLow), count = as_bits(kBareRootHigh) - first;
  DeviceArray<unsigned> wrong(1, nullptr);
  wrong.clear();
  count_wrong_roots<<<count / kThreads, kThreads>>>(first, wrong.data());
  check(cudaGetLastError(), "try its square roots");
  return wrong.download().front();
}

} // namespace sharpsweep::cuda
