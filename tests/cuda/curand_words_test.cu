// cuRAND's own generator, compiled for the host, against our Philox: curand_init(key, subsequence,
// 4 * block) and curand4 give the words of counter (block, subsequence).
#define QUALIFIERS static inline __host__ __device__
#include <curand_kernel.h>

#include <cstdio>

#include "sharpsweep/numerics/streams.hpp"

int main() {
  constexpr std::uint32_t kCounters = 1000000;
  for (std::uint32_t i = 0; i < kCounters; ++i) {
    const std::uint64_t key = sharpsweep::mix64(3 * std::uint64_t{i});
    const std::uint64_t subsequence = sharpsweep::mix64(3 * std::uint64_t{i} + 1);
    // cuRAND's offset counts words, so blocks end at 2^62; every length of block number occurs.
    const std::uint64_t block = sharpsweep::mix64(3 * std::uint64_t{i} + 2) >> (2 + i % 62);
    curandStatePhilox4_32_10_t state;
    curand_init(key, subsequence, 4 * block, &state);
    const uint4 theirs = curand4(&state);
    const sharpsweep::PhiloxBlock ours =
        sharpsweep::stream_block(key, block, static_cast<std::uint32_t>(subsequence),
                                 static_cast<std::uint32_t>(subsequence >> 32));
    if (theirs.x != ours.word[0] || theirs.y != ours.word[1] || theirs.z != ours.word[2] ||
        theirs.w != ours.word[3]) {
      std::printf("counter %u differs\n", i);
      return 1;
    }
  }
  std::printf("%u blocks of words equal cuRAND's\n", kCounters);
  return 0;
}
