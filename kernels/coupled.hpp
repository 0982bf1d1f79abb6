/// \file
/// Advances coupled networks on a device: a thread is a network.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "sharpsweep/models/network.hpp"

namespace sharpsweep::cuda {

/// Networks of one shape, in arrays [number][network] of device memory.
template <class T>
struct CoupledSlice {
  Shape shape;
  Sizes sizes;
  Steps steps;
  const std::uint64_t* key;
  const std::uint32_t* seed;
  const T* constants;
  T* state;
  std::uint32_t networks;
  T* scratch; ///< sizes.all() for each network; none where kLocalNumbers are enough
};

/// Numbers for which a thread has memory of its own.
inline constexpr std::size_t kLocalNumbers = 512;

/// Launches one slice of model number `model` of registry.hpp.
template <class T>
cudaError_t launch_coupled(std::size_t model, const CoupledSlice<T>& slice, cudaStream_t stream);

} // namespace sharpsweep::cuda
