/// \file
/// The inner loops of the CPU backend, compiled once per instruction set and chosen at run time.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sharpsweep/numerics/generator.hpp"

namespace sharpsweep::cpu {

/// One configuration of a bundle on the 64 lanes of a tile. Arrays are 64-byte aligned; rows are
/// kTileLanes long, one row a layer.
template <class T>
struct Member {
  T* weights;      ///< [depth][kTileLanes], updated in place
  const T* target; ///< [kTileLanes], w* of each lane
  T* product_sum;  ///< [kTileLanes], sum of products since the last flush
  T eta;
  T minus_two_alpha; ///< -2 alpha, before the schedule
};

/// Advances one member by `steps` steps.
/// \param depth  of its network: that which the kernel stands under in Kernels
/// \param normals  row r = step * depth + layer of this member's steps, kTileLanes a row
/// \param schedule  factor of the step size for each of the steps, or null: all 1
template <class T>
using Advance = void (*)(int depth, const Member<T>& member, const float* normals,
                         const T* schedule, int steps);

template <class T>
struct StepKernels {
  Advance<T> noisy;      ///< S-SAM
  Advance<T> noisy_tail; ///< S-SAM, adding every product to product_sum
  Advance<T> noise_free; ///< descent on the expected loss; normals are not read
  Advance<T> noise_free_tail;
};

/// The kernels of one instruction set.
struct Kernels {
  std::string_view name; ///< "scalar", "avx2" or "avx512"
  void (*fill_normals)(const NoiseAddress&, std::uint64_t first_block, int blocks, float* z);
  StepKernels<float> f32[16];  ///< by depth - 1
  StepKernels<double> f64[16]; ///< by depth - 1
};

/// Generators, in source files of their own: the register allocator then serves Philox alone.
void fill_normals_avx2(const NoiseAddress& address, std::uint64_t first_block, int blocks,
                       float* z);
void fill_normals_avx512(const NoiseAddress& address, std::uint64_t first_block, int blocks,
                         float* z);

/// The instruction sets that this machine runs, the fastest last; never empty ("scalar").
std::span<const Kernels* const> available_kernels();

/// The kernels by name. Throws UsageError when this machine or this build lacks them.
const Kernels& kernels_named(std::string_view name);

extern const Kernels kScalarKernels;
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;

} // namespace sharpsweep::cpu
