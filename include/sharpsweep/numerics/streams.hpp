/// \file
/// Where every random number of a sweep lives. The only table of stream ids.
///
/// The Philox counter of a block of four words, most significant word last:
///
///     word 0, 1   block          position in the stream, counted in blocks of four words
///     word 2      coordinate     which coordinate of the network
///     word 3      stream | seed  4 bits of stream id, 28 bits of seed number
///
/// The key is `base_seed` when configurations share their noise (common random numbers), and
/// `independent_key(base_seed, configuration digest)` when every configuration has its own.
///
/// A coordinate is named by its value, never by its place in a grid: a finer or longer axis leaves
/// the noise of the old cells as it was.
#pragma once

#include <cstdint>

#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/numerics/philox.hpp"

namespace sharpsweep {

enum class Stream : std::uint32_t {
  training = 0,  ///< normal number step * normals_per_step + i of one coordinate
  initial = 1,   ///< normals of a Gaussian start: number l is layer l's
  bootstrap = 2, ///< words that resample seeds; the seed field holds the replicate
  label = 3,     ///< label noise: the coordinate is the sample, the position the step
  drawn = 4,     ///< which sample a step of one sample draws: the position is the step
  inputs = 5,    ///< a Gaussian data set: the coordinate is the sample, the seed the data set's
};

inline constexpr std::uint32_t kSeedLimit = 1u << 28; ///< seed numbers lie below this

/// Word 3 of the counter.
SHARPSWEEP_INLINE std::uint32_t stream_word(Stream stream, std::uint32_t seed) {
  return static_cast<std::uint32_t>(stream) << 28 | seed;
}

/// Word 2 of the counter for a coordinate that is named by a value of its axis: the float's bits.
SHARPSWEEP_INLINE std::uint32_t coordinate_word(double axis_value) {
  return as_bits(static_cast<float>(axis_value) + 0.0F); // + 0 makes -0 the same coordinate as 0
}

/// Block number `block` of one coordinate's stream.
SHARPSWEEP_INLINE PhiloxBlock stream_block(std::uint64_t key, std::uint64_t block,
                                           std::uint32_t coordinate, std::uint32_t stream_word) {
  return philox({{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                  coordinate, stream_word}},
                key);
}

/// splitmix64's finaliser: a bijection of 64-bit integers in which every input bit matters.
SHARPSWEEP_INLINE std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

/// The key of one configuration under `noise_streams = independent`.
SHARPSWEEP_INLINE std::uint64_t independent_key(std::uint64_t base_seed, std::uint64_t digest) {
  return mix64(base_seed ^ mix64(digest));
}

} // namespace sharpsweep
