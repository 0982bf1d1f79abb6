/// \file
/// The kernel of coupled models, instantiated by one source file per precision.
#pragma once

#include "kernels/coupled.hpp"
#include "sharpsweep/models/registry.hpp"

namespace sharpsweep::cuda {

inline constexpr unsigned kCoupledThreads = 64;

template <class M, class T>
__global__ void __launch_bounds__(kCoupledThreads) advance_networks(CoupledSlice<T> slice) {
  const std::uint32_t network = blockIdx.x * blockDim.x + threadIdx.x;
  if (network >= slice.networks) return;
  // Local memory, which the hardware interleaves between threads, is set aside for every thread
  // that a device can hold: only small networks fit.
  T own[kLocalNumbers];
  T* const state = slice.scratch ? slice.scratch + network * slice.sizes.all() : own;
  T* const constants = state + slice.sizes.state;
  T* const work = constants + slice.sizes.constants;
  const std::size_t stride = slice.networks;
  for (std::size_t i = 0; i < slice.sizes.state; ++i) state[i] = slice.state[i * stride + network];
  for (std::size_t i = 0; i < slice.sizes.constants; ++i) {
    constants[i] = slice.constants[i * stride + network];
  }
  const NoiseLanes noise{slice.key + network, slice.seed + network};
  M::template advance<T>(slice.shape, slice.steps, noise, constants, state, work);
  for (std::size_t i = 0; i < slice.sizes.state; ++i) slice.state[i * stride + network] = state[i];
}

template <class M, class T>
cudaError_t launch_model(const CoupledSlice<T>& slice, cudaStream_t stream) {
  const unsigned blocks = (slice.networks + kCoupledThreads - 1) / kCoupledThreads;
  advance_networks<M, T><<<blocks, kCoupledThreads, 0, stream>>>(slice);
  return cudaGetLastError();
}

template <class T, class... M>
cudaError_t launch_of(ModelList<M...>, std::size_t model, const CoupledSlice<T>& slice,
                      cudaStream_t stream) {
  cudaError_t status = cudaErrorInvalidDeviceFunction;
  std::size_t index = 0;
  ((index++ == model ? void(status = launch_model<M, T>(slice, stream)) : void()), ...);
  return status;
}

} // namespace sharpsweep::cuda
