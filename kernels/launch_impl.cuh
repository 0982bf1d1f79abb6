/// \file
/// The table of compiled kernels of one precision, included by one source file per precision.
#pragma once

#include <array>
#include <utility>

#include "kernels/launch.hpp"
#include "kernels/training.cuh"

namespace sharpsweep::cuda {

/// Bundles are compiled where their weights fit into registers beside the generator.
template <int L, class T>
constexpr auto compiled_bundles() {
  constexpr int words = L * static_cast<int>(sizeof(T) / 4);
  if constexpr (words > 16) {
    return std::integer_sequence<int, 1>{};
  } else if constexpr (words > 8 || sizeof(T) == 8) {
    return std::integer_sequence<int, 1, 4>{};
  } else {
    return std::integer_sequence<int, 1, 4, 8>{};
  }
}

template <class T>
using Kernel = void (*)(Slice<T>);

template <class T>
struct DepthKernels {
  std::array<int, 3> bundle{};
  std::array<Kernel<T>, 3> kernel{};
  std::size_t count = 0;
};

template <int L, class T, int... K>
DepthKernels<T> kernels_of_depth(std::integer_sequence<int, K...>) {
  DepthKernels<T> kernels;
  ((kernels.bundle[kernels.count] = K, kernels.kernel[kernels.count] = &train_slice<L, K, T>,
    ++kernels.count),
   ...);
  return kernels;
}

template <class T>
const DepthKernels<T>& depth_kernels(int depth) {
  static const auto table = []<int... I>(std::integer_sequence<int, I...>) {
    return std::array{kernels_of_depth<I + 1, T>(compiled_bundles<I + 1, T>())...};
  }
  (std::make_integer_sequence<int, ssam::kMaxDepth>{});
  return table[static_cast<std::size_t>(depth - 1)];
}

template <class T>
std::span<const int> bundle_sizes(int depth) {
  const DepthKernels<T>& kernels = depth_kernels<T>(depth);
  return {kernels.bundle.data(), kernels.count};
}

template <class T>
cudaError_t launch(const Slice<T>& slice, int depth, int bundle, std::uint32_t bundles,
                   cudaStream_t stream) {
  const DepthKernels<T>& kernels = depth_kernels<T>(depth);
  for (std::size_t i = 0; i < kernels.count; ++i) {
    if (kernels.bundle[i] != bundle) continue;
    const unsigned threads = (slice.block_lanes + 31) / 32 * 32;
    const dim3 grid((slice.lanes + slice.block_lanes - 1) / slice.block_lanes, bundles);
    const std::size_t shared = slice.radius > T(0) ? threads * sizeof(T) : 0;
    kernels.kernel[i]<<<grid, threads, shared, stream>>>(slice);
    return cudaGetLastError();
  }
  return cudaErrorInvalidValue;
}

} // namespace sharpsweep::cuda
