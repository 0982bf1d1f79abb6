#include "sharpsweep/numerics/normals.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "host/cpu/kernels.hpp"
#include "sharpsweep/numerics/generator.hpp"
#include "sharpsweep/numerics/streams.hpp"

namespace sharpsweep {
namespace {

struct Pair {
  float first, second;
};

Pair normals(std::uint32_t x, std::uint32_t y) {
  Pair z;
  normal_pair<float, std::uint32_t>(x, y, z.first, z.second);
  return z;
}

/// The exact transform of u and t, the words as floats, in Real arithmetic.
template <class Real>
void exact(std::uint32_t x, std::uint32_t y, Real& first, Real& second) {
  const Real half_pi = static_cast<Real>(1.570796326794896619231321691639751442L);
  const float u = std::fma(static_cast<float>(static_cast<std::int32_t>(x & 0x7fffffffu)),
                           0x1.fffffep-32F, 0x1p-32F);
  const Real t = static_cast<Real>(static_cast<float>(static_cast<std::int32_t>(y))) / 0x1p31F;
  const Real radius = std::sqrt(-2 * std::log(static_cast<Real>(u)));
  first = radius * std::sin(half_pi * t);
  second = radius * std::sin(half_pi * (1 - std::fabs(t))); // the cosine, small near |t| = 1
  if (x >> 31) second = -second;
}

/// The largest errors seen.
struct Errors {
  double ulp = 0, absolute = 0, largest = 0;

  template <class Real>
  void add(float z, Real truth) {
    const double error = std::fabs(static_cast<double>(static_cast<Real>(z) - truth));
    absolute = std::max(absolute, error);
    largest = std::max(largest, std::fabs(static_cast<double>(z)));
    if (truth == 0) return;
    int exponent;
    std::frexp(static_cast<double>(truth), &exponent);
    ulp = std::max(ulp, error / std::ldexp(1.0, exponent - 24));
  }
  template <class Real>
  void add(std::uint32_t x, std::uint32_t y) {
    const Pair z = normals(x, y);
    Real first, second;
    exact<Real>(x, y, first, second);
    add(z.first, first);
    add(z.second, second);
  }
};

void expect_within_bounds(const Errors& errors) {
  EXPECT_LE(errors.ulp, kNormalMaxUlp);
  EXPECT_LE(errors.absolute, kNormalMaxError);
  EXPECT_LE(errors.largest, kNormalBound);
}

TEST(Normals, EdgeWordsAreWithinTheBounds) {
  constexpr std::uint32_t kEdges[] = {0,          1,          2,          0x53,       0x7fffff,
                                      0x800000,   0x1000000,  0x2aaaaaaa, 0x55555555, 0x555885c4,
                                      0x55aaaaab, 0x3fffffff, 0x40000000, 0x7fffffbf, 0x7fffffc0,
                                      0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff};
  Errors errors;

  for (const std::uint32_t x : kEdges) {
    for (const std::uint32_t y : kEdges) errors.add<long double>(x, y);
  }

  expect_within_bounds(errors);
}

TEST(Normals, TheWorstWordsKnownNearlyReachTheBounds) {
  // Found by combining the worst radii with the worst angles; they keep the bounds honest.
  Errors relative, absolute;

  relative.add<long double>(0x555885c4u, 0x8b3ce879u);
  absolute.add<long double>(0x53u, 0x7ff10980u);

  expect_within_bounds(relative);
  expect_within_bounds(absolute);
  EXPECT_GT(relative.ulp, 0.9 * kNormalMaxUlp);
  EXPECT_GT(absolute.absolute, 0.9 * kNormalMaxError);
}

TEST(Normals, StratifiedWordsAreWithinTheBounds) {
  // One pair from each of 2048 x 2048 cells. libm's double errors are below 1e-8 ulp of a float.
  Errors errors;

  for (std::uint32_t i = 0; i < 2048; ++i) {
    for (std::uint32_t j = 0; j < 2048; ++j) {
      const std::uint64_t offset = mix64(std::uint64_t{i} << 32 | j);
      errors.add<double>(i << 21 | (static_cast<std::uint32_t>(offset) >> 11),
                         j << 21 | static_cast<std::uint32_t>(offset >> 43));
    }
  }

  expect_within_bounds(errors);
}

TEST(Normals, RandomWordsAreWithinTheBounds) {
  Errors errors;

  for (std::uint64_t i = 0; i < 10'000'000; ++i) {
    const PhiloxBlock block = stream_block(1, i, 0, 0);
    errors.add<double>(block.word[0], block.word[1]);
    errors.add<double>(block.word[2], block.word[3]);
  }

  expect_within_bounds(errors);
  RecordProperty("max_ulp", std::to_string(errors.ulp));
  RecordProperty("max_error", std::to_string(errors.absolute));
}

TEST(Normals, TheBoundIsTight) {
  const Pair z = normals(0, 0); // the smallest u, at angle 0

  EXPECT_EQ(z.first, 0.0F);
  EXPECT_LE(z.second, kNormalBound);
  EXPECT_GT(z.second, 0.998 * kNormalBound);
}

TEST(Normals, TheTopBitOfXTurnsTheSecondNormalAndNothingElse) {
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const PhiloxBlock block = stream_block(2, i, 0, 0);
    const std::uint32_t x = block.word[0], y = block.word[1];

    const Pair a = normals(x, y), b = normals(x ^ 0x80000000u, y);

    ASSERT_EQ(as_bits(a.first), as_bits(b.first));
    ASSERT_EQ(as_bits(a.second), as_bits(b.second) ^ 0x80000000u);
  }
}

TEST(Normals, TheSignOfYTurnsTheFirstNormalAndNothingElse) {
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const PhiloxBlock block = stream_block(3, i, 0, 0);
    const std::uint32_t x = block.word[0], y = block.word[1] | 1; // -y exists

    const Pair a = normals(x, y), b = normals(x, 0 - y);

    ASSERT_EQ(as_bits(a.first), as_bits(b.first) ^ 0x80000000u);
    ASSERT_EQ(as_bits(a.second), as_bits(b.second));
  }
}

TEST(Normals, RadicandsLieWhereBareSquareRootsAreTried) {
  const auto radicand = [](std::uint32_t x) { // y = 2^31: t = -1, the first normal is -radius
    const float radius = normals(x, 0x80000000u).first;
    return static_cast<double>(radius) * static_cast<double>(radius);
  };
  EXPECT_GT(radicand(0x7fffffffu), 1.9 * static_cast<double>(kBareRootLow)); // the largest u
  EXPECT_LT(radicand(0), static_cast<double>(kBareRootHigh) / 1.4);          // the least
}

/// Every fraction of two octaves, with every estimate that rsqrt.approx may give of it.
TEST(BareSquareRoot, RoundsCorrectlyButForTwoEstimates) {
  const double error = std::exp2(-22.9);
  std::uint64_t tried = 0;
  std::vector<float> failing;
  for (std::uint32_t bits = as_bits(1.0F); bits < as_bits(4.0F); ++bits) {
    const float a = as_float(bits), root = std::sqrt(a);
    const double exact = 1 / std::sqrt(static_cast<double>(a));
    auto estimate = static_cast<float>(exact * (1 - error));
    for (; static_cast<double>(estimate) <= exact * (1 + error);
         estimate = as_float(as_bits(estimate) + 1)) {
      if (std::fabs(static_cast<double>(estimate) - exact) > exact * error) continue;
      ++tried;
      if (as_bits(root_from_estimate(a, estimate)) != as_bits(root)) failing.push_back(a);
    }
  }
  EXPECT_GT(tried, 3 * (std::uint64_t{1} << 24)); // about three estimates a fraction
  EXPECT_EQ((std::vector<float>{0x1.f82294p+0F, 0x1.dd26e4p+1F}), failing);
}

TEST(FillNormals, EveryInstructionSetEqualsTheScalarWords) {
  // Around block 2^32, where the high word of the counter moves, and for extreme addresses.
  constexpr std::uint64_t kFirstBlocks[] = {
      0, 1, 0xfffffffdu, 0xffffffffu, 0x100000000u, 0x7fffffff'fffffffdu};
  constexpr std::uint64_t kKeys[] = {0, 1, 0x12345678'9abcdef0u, ~std::uint64_t{0}};
  constexpr int kBlocks = 7;
  for (const std::uint64_t key : kKeys) {
    NoiseAddress address;
    address.key = key;
    for (std::uint32_t lane = 0; lane < kTileLanes; ++lane) {
      address.coordinate[lane] = static_cast<std::uint32_t>(mix64(key + lane));
      address.stream[lane] = stream_word(Stream::training, lane % 3 == 0 ? kSeedLimit - 1 : lane);
    }
    for (const std::uint64_t first_block : kFirstBlocks) {
      alignas(64) float expected[kBlocks * 4 * kTileLanes], found[kBlocks * 4 * kTileLanes];
      for (int b = 0; b < kBlocks; ++b) {
        const std::uint64_t block = first_block + static_cast<std::uint64_t>(b);
        for (int lane = 0; lane < kTileLanes; ++lane) {
          const PhiloxBlock words =
              stream_block(key, block, address.coordinate[lane], address.stream[lane]);
          float* out = expected + 4 * b * kTileLanes + lane;
          const Pair early = normals(words.word[0], words.word[1]);
          const Pair late = normals(words.word[2], words.word[3]);
          out[0] = early.first;
          out[kTileLanes] = early.second;
          out[2 * kTileLanes] = late.first;
          out[3 * kTileLanes] = late.second;
        }
      }
      for (const cpu::Kernels* kernels : cpu::available_kernels()) {
        std::fill(std::begin(found), std::end(found), std::numeric_limits<float>::quiet_NaN());

        kernels->fill_normals(address, first_block, kBlocks, found);

        EXPECT_EQ(std::memcmp(expected, found, sizeof found), 0)
            << kernels->name << ", key " << key << ", first block " << first_block;
      }
    }
  }
}

} // namespace
} // namespace sharpsweep
