/// \file
/// What the host hands to the training kernel: plain data, without a word of CUDA.
#pragma once

#include <cstdint>

namespace sharpsweep::cuda {

/// One configuration as the kernel needs it.
template <class T>
struct MemberParameters {
  T eta;
  T minus_two_alpha; ///< before the schedule
  std::uint64_t key;
};

/// A batch of configurations of one depth on [seed][target] lanes, and the slice to make.
template <class T>
struct Slice {
  T* weights;                         ///< [member][layer][lane]
  T* product_sum;                     ///< [member][lane], since the last flush
  double* tail;                       ///< [member][lane], up to the last flush
  const T* targets;                   ///< [member][target]
  const MemberParameters<T>* members; ///< [member]
  const std::uint32_t* coordinate;    ///< [target], counter word 2
  const T* schedule;                  ///< [step of the slice], or null: all 1
  std::uint64_t first_step;
  std::uint64_t total_steps; ///< of the whole run: the last flush of the tail comes then
  std::uint32_t steps;
  std::uint32_t first_member; ///< of the launch; blockIdx.y counts bundles from here
  std::uint32_t first_seed;
  std::uint32_t coordinates; ///< targets of a network
  std::uint32_t lanes;       ///< seeds * coordinates
  std::uint32_t block_lanes; ///< lanes of a block: whole networks where they are projected
  bool noisy;
  bool tail_active; ///< products of this slice are summed
  T radius;         ///< projection radius; 0: never project
};

} // namespace sharpsweep::cuda
