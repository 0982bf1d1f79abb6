/// \file
/// Finds and launches the training kernel for a depth, a bundle size and a precision.
#pragma once

#include <cuda_runtime.h>

#include <atomic>
#include <cstdint>
#include <span>

namespace sharpsweep::cuda {

template <class T>
struct Slice;

/// The bundle sizes that are compiled for a depth, ascending; 1 is always there.
template <class T>
std::span<const int> bundle_sizes(int depth);

/// Sizes of the bundles that this process launched, as a mask: what a test needs to know that it
/// saw them.
extern std::atomic<unsigned> bundles_launched;

/// Threads of a block at most for bundles of this size.
unsigned max_block_threads(int bundle);

/// Launches one slice for `bundles` bundles of `bundle` members from `slice.first_member` on.
template <class T>
cudaError_t launch(const Slice<T>& slice, int depth, int bundle, std::uint32_t bundles,
                   cudaStream_t stream);

/// The kernels take bare square roots: how many of all arguments of bare_square_root
/// (numerics/arithmetic.hpp) have other bits than square_root on the current device. 2.5e8 of them,
/// about a millisecond. Throws DeviceError.
unsigned wrong_square_roots();

} // namespace sharpsweep::cuda
