#include "sharpsweep/numerics/philox.hpp"

#include <gtest/gtest.h>

namespace sharpsweep {
namespace {

struct KnownAnswer {
  std::uint32_t counter[4];
  std::uint64_t key;
  std::uint32_t words[4];
};

// Random123's known-answer vectors for philox4x32-10 (kat_vectors).
constexpr KnownAnswer kKnownAnswers[] = {
    {{0, 0, 0, 0}, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     0xffffffffffffffff,
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     0x299f31d0a4093822,
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

TEST(Philox, KnownAnswers) {
  for (const KnownAnswer& known : kKnownAnswers) {
    const PhiloxBlock block = philox(
        {{known.counter[0], known.counter[1], known.counter[2], known.counter[3]}}, known.key);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], known.words[i]);
  }
}

} // namespace
} // namespace sharpsweep
