/// \file
/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011), word for word cuRAND's stream.
///
/// `curand_init(key, subsequence, 4 * block)` followed by `curand4` yields
/// `philox({block_lo, block_hi, subsequence_lo, subsequence_hi}, key)`.
#pragma once

#include <cstdint>

#include "sharpsweep/numerics/platform.hpp"

namespace sharpsweep {

inline constexpr std::uint32_t kPhiloxMultiplier0 = 0xD2511F53u;
inline constexpr std::uint32_t kPhiloxMultiplier1 = 0xCD9E8D57u;
inline constexpr std::uint32_t kPhiloxWeyl0 = 0x9E3779B9u;
inline constexpr std::uint32_t kPhiloxWeyl1 = 0xBB67AE85u;
inline constexpr int kPhiloxRounds = 10;

struct PhiloxBlock {
  std::uint32_t word[4];
};

/// Four random words of one counter. The words of distinct counters are independent streams.
SHARPSWEEP_INLINE PhiloxBlock philox(PhiloxBlock counter, std::uint64_t key) {
  std::uint32_t key0 = static_cast<std::uint32_t>(key);
  std::uint32_t key1 = static_cast<std::uint32_t>(key >> 32);
  auto& c = counter.word;
  SHARPSWEEP_UNROLL
  for (int round = 0; round < kPhiloxRounds; ++round) {
    const std::uint64_t product0 = std::uint64_t{kPhiloxMultiplier0} * c[0];
    const std::uint64_t product1 = std::uint64_t{kPhiloxMultiplier1} * c[2];
    c[0] = static_cast<std::uint32_t>(product1 >> 32) ^ c[1] ^ key0;
    c[1] = static_cast<std::uint32_t>(product1);
    c[2] = static_cast<std::uint32_t>(product0 >> 32) ^ c[3] ^ key1;
    c[3] = static_cast<std::uint32_t>(product0);
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
  return counter;
}

} // namespace sharpsweep
