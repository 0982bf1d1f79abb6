#include "host/analysis/threshold.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "sharpsweep/numerics/streams.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The same fit by the min-max formula: max over j <= i of min over k >= i of the mean of j..k.
std::vector<double> min_max_fit(const std::vector<double>& values,
                                const std::vector<double>& weights) {
  std::vector<double> fit(values.size(), -kInfinity);
  for (std::size_t i = 0; i < values.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double least = kInfinity, sum = 0, weight = 0;
      for (std::size_t k = j; k < values.size(); ++k) {
        sum += values[k] * weights[k];
        weight += weights[k];
        if (k >= i) least = std::min(least, sum / weight);
      }
      fit[i] = std::max(fit[i], least);
    }
  }
  return fit;
}

TEST(IsotonicFit, EqualsTheMinMaxFormula) {
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (int trial = 0; trial < 2000; ++trial) {
    const std::size_t n = 1 + random() % 12;
    std::vector<double> values, weights;
    for (std::size_t i = 0; i < n; ++i) {
      // Ties are common among survival fractions.
      values.push_back(trial % 2 ? uniform(random) : static_cast<double>(random() % 4) / 4);
      weights.push_back(trial % 3 ? 1 + static_cast<double>(random() % 3) : 1);
    }

    const std::vector<double> fit = isotonic_fit(values, weights);

    const std::vector<double> expected = min_max_fit(values, weights);
    ASSERT_EQ(fit.size(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_NEAR(fit[i], expected[i], 1e-14);
    ASSERT_TRUE(std::is_sorted(fit.begin(), fit.end()));
  }
}

TEST(IsotonicFit, IsNearestInLeastSquares) {
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(0, 1);
  const auto distance = [](const std::vector<double>& a, const std::vector<double>& b,
                           const std::vector<double>& weights) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) sum += weights[i] * (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
  };
  for (int trial = 0; trial < 100; ++trial) {
    std::vector<double> values(8), weights(8);
    for (double& v : values) v = uniform(random);
    for (double& w : weights) w = 0.5 + uniform(random);
    const double least = distance(isotonic_fit(values, weights), values, weights);

    for (int other = 0; other < 1000; ++other) {
      std::vector<double> monotone(8);
      for (double& m : monotone) m = uniform(random);
      std::sort(monotone.begin(), monotone.end());
      ASSERT_GE(distance(monotone, values, weights), least);
    }
  }
}

TEST(HalfCrossing, InterpolatesTheMonotoneFit) {
  const std::vector<double> x = {1, 2, 4, 8}, even(4, 1);

  EXPECT_DOUBLE_EQ(half_crossing(x, std::vector<double>{0, 0, 1, 1}, even), 3);
  EXPECT_DOUBLE_EQ(half_crossing(x, std::vector<double>{0, 0.25, 0.75, 1}, even), 3);
  EXPECT_DOUBLE_EQ(half_crossing(x, std::vector<double>{0, 0.5, 0.9, 1}, even), 2);
  EXPECT_DOUBLE_EQ(half_crossing(x, std::vector<double>{0.1, 0.2, 0.4, 0.8}, even), 5);
  // 0.6, 0.2 pool to 0.4: from there to 1 the half lies a sixth of the way.
  EXPECT_DOUBLE_EQ(half_crossing(x, std::vector<double>{0, 0.6, 0.2, 1}, even), 4 + 4 / 6.0);
  // Weights 3 and 1 pool 0.625, 0.125 to 0.5.
  EXPECT_DOUBLE_EQ(
      half_crossing(x, std::vector<double>{0, 0.625, 0.125, 1}, std::vector<double>{1, 3, 1, 1}),
      2);
}

TEST(HalfCrossing, OutsideTheTargetsIsInfinite) {
  const std::vector<double> x = {1, 2, 3}, even(3, 1);

  EXPECT_EQ(half_crossing(x, std::vector<double>{0.5, 0.7, 1}, even), -kInfinity);
  EXPECT_EQ(half_crossing(x, std::vector<double>{0, 0.1, 0.49}, even), kInfinity);
  EXPECT_EQ(half_crossing(x, std::vector<double>{1, 0, 0.2}, even), kInfinity);
}

/// Survivors as masks, [block][target], for seeds that start at `first_seed`.
std::vector<std::uint64_t> masks_of(const std::vector<std::vector<bool>>& survived,
                                    std::uint32_t first_seed, std::uint32_t blocks) {
  const std::size_t targets = survived.size();
  std::vector<std::uint64_t> masks(blocks * targets, 0);
  for (std::size_t t = 0; t < targets; ++t) {
    for (std::size_t s = 0; s < survived[t].size(); ++s) {
      const std::size_t place = first_seed % kSeedBlock + s;
      if (survived[t][s]) masks[place / 64 * targets + t] |= std::uint64_t{1} << place % 64;
    }
  }
  return masks;
}

/// Which seed draw number `draw` of a replicate takes: the definition.
std::uint32_t resampled_seed(std::uint64_t base_seed, std::uint32_t replicate, std::uint32_t draw,
                             std::uint32_t seeds) {
  const PhiloxBlock words =
      philox({{draw / 4, 0, 0, std::uint32_t{2} << 28 | replicate}}, base_seed);
  return static_cast<std::uint32_t>(std::uint64_t{words.word[draw % 4]} * seeds >> 32);
}

struct Layout {
  std::uint32_t first_seed, seeds;
};
constexpr Layout kLayouts[] = {{0, 1}, {0, 16}, {0, 64}, {63, 2}, {40, 100}, {1000, 300}, {5, 59}};

TEST(Bootstrap, MaskedCountsEqualANaiveBootstrap) {
  std::mt19937_64 random(7);
  for (const Layout& layout : kLayouts) {
    const Bootstrap bootstrap(9, layout.first_seed, layout.seeds);
    std::vector<std::vector<bool>> survived(3, std::vector<bool>(layout.seeds));
    for (auto& one : survived) {
      for (std::size_t s = 0; s < one.size(); ++s) one[s] = random() % 2;
    }
    survived[2].assign(layout.seeds, true);
    const auto masks = masks_of(survived, layout.first_seed, bootstrap.blocks());

    for (std::uint32_t r = 0; r < Bootstrap::kReplicates; ++r) {
      for (std::size_t t = 0; t < survived.size(); ++t) {
        std::uint32_t expected = 0;
        for (std::uint32_t draw = 0; draw < layout.seeds; ++draw) {
          expected += survived[t][resampled_seed(9, r, draw, layout.seeds)];
        }
        ASSERT_EQ(bootstrap.count(r, &masks[t], survived.size()), expected)
            << layout.first_seed << " " << layout.seeds;
      }
      ASSERT_EQ(bootstrap.count(r, &masks[2], survived.size()), layout.seeds);
    }
  }
}

TEST(Bootstrap, KeysGiveOtherResamples) {
  const Bootstrap one(1, 0, 50), other(2, 0, 50);
  const std::uint64_t half = 0x1ffffff;
  int different = 0;

  for (std::uint32_t r = 0; r < Bootstrap::kReplicates; ++r) {
    different += one.count(r, &half, 1) != other.count(r, &half, 1);
  }

  EXPECT_GT(different, 300);
}

TEST(Threshold, EqualsANaiveEstimate) {
  std::mt19937_64 random(11);
  std::uniform_real_distribution<double> uniform(0, 1);
  for (const Layout& layout : kLayouts) {
    if (layout.seeds < 16) continue;
    std::vector<double> x;
    for (int t = 0; t < 15; ++t) x.push_back(0.5 + 0.1 * t);
    std::vector<std::vector<bool>> survived;
    for (const double magnitude : x) {
      survived.emplace_back(layout.seeds);
      const double chance = 1 / (1 + std::exp(-8 * (magnitude - 1.2)));
      for (std::size_t s = 0; s < layout.seeds; ++s) survived.back()[s] = uniform(random) < chance;
    }
    const Bootstrap bootstrap(4, layout.first_seed, layout.seeds);

    const Threshold found = estimate_threshold(
        x, masks_of(survived, layout.first_seed, bootstrap.blocks()), layout.seeds, bootstrap);

    const std::vector<double> even(x.size(), 1);
    std::vector<double> replicates, fractions;
    for (std::uint32_t r = 0; r < Bootstrap::kReplicates; ++r) {
      fractions.clear();
      for (const auto& one : survived) {
        double count = 0;
        for (std::uint32_t d = 0; d < layout.seeds; ++d) {
          count += one[resampled_seed(4, r, d, layout.seeds)];
        }
        fractions.push_back(count / layout.seeds);
      }
      replicates.push_back(half_crossing(x, fractions, even));
    }
    std::sort(replicates.begin(), replicates.end());
    fractions.clear();
    for (const auto& one : survived) {
      fractions.push_back(static_cast<double>(std::count(one.begin(), one.end(), true)) /
                          layout.seeds);
    }
    EXPECT_DOUBLE_EQ(found.value, half_crossing(x, fractions, even));
    EXPECT_DOUBLE_EQ(found.low, replicates[10]);   // 2.5 % of 400
    EXPECT_DOUBLE_EQ(found.high, replicates[389]); // 97.5 %
    EXPECT_LE(found.low, found.value);
    EXPECT_LE(found.value, found.high);
  }
}

TEST(Threshold, OrderOfTargetsDoesNotMatterAndEqualMagnitudesArePooled) {
  const Bootstrap bootstrap(0, 0, 8);
  const std::vector<double> x = {1, 2, 3, 4};
  const std::vector<std::uint64_t> masks = {0x00, 0x01, 0x3f, 0xff};
  const std::vector<double> shuffled = {3, 1, 4, 2};
  const std::vector<std::uint64_t> shuffled_masks = {0x3f, 0x00, 0xff, 0x01};
  // |w*| = 2 twice, with 1 and 3 of 8 survivors: 2 of 8 together.
  const std::vector<double> doubled = {1, 2, 2, 3, 4};
  const std::vector<std::uint64_t> doubled_masks = {0x00, 0x01, 0x07, 0x3f, 0xff};

  const Threshold plain = estimate_threshold(x, masks, 8, bootstrap);
  const Threshold reordered = estimate_threshold(shuffled, shuffled_masks, 8, bootstrap);
  const Threshold pooled = estimate_threshold(doubled, doubled_masks, 8, bootstrap);

  EXPECT_DOUBLE_EQ(plain.value, 2 + 3.0 / 5);
  EXPECT_EQ(plain.value, reordered.value);
  EXPECT_EQ(plain.low, reordered.low);
  EXPECT_EQ(plain.high, reordered.high);
  EXPECT_DOUBLE_EQ(pooled.value, 2 + 2.0 / 4);
}

TEST(Threshold, IsNaNWhereTargetsDoNotBracketIt) {
  const Bootstrap bootstrap(0, 0, 8);
  const std::vector<double> x = {1, 2};

  const Threshold all = estimate_threshold(x, std::vector<std::uint64_t>{0xff, 0xff}, 8, bootstrap);
  const Threshold none = estimate_threshold(x, std::vector<std::uint64_t>{0, 0x01}, 8, bootstrap);

  for (const Threshold& threshold : {all, none}) {
    EXPECT_TRUE(std::isnan(threshold.value));
    EXPECT_TRUE(std::isnan(threshold.low));
    EXPECT_TRUE(std::isnan(threshold.high));
  }
}

TEST(Threshold, IntervalsCoverTheTruthAsOftenAsTheyClaim) {
  // Logistic survival, 64 seeds, 500 simulated sweeps. A 95 % interval covers 475 +- 4.9 of them;
  // the percentile bootstrap of a monotone fit is known to err by a few per cent, so 90..99 % pass
  // (a false alarm beyond 5 standard deviations on the low side if coverage is at least 95 %).
  constexpr int kTrials = 500;
  constexpr std::uint32_t kSeeds = 64;
  constexpr double kTruth = 1.137;
  std::mt19937_64 random(13);
  std::uniform_real_distribution<double> uniform(0, 1);
  std::vector<double> x;
  for (int t = 0; t < 25; ++t) x.push_back(0.7 + 0.035 * t);
  const Bootstrap bootstrap(1, 0, kSeeds);
  int covered = 0;
  double sum = 0, squares = 0;

  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<std::uint64_t> masks;
    for (const double magnitude : x) {
      const double chance = 1 / (1 + std::exp(-(magnitude - kTruth) / 0.05));
      std::uint64_t mask = 0;
      for (std::uint32_t s = 0; s < kSeeds; ++s) {
        mask |= std::uint64_t{uniform(random) < chance} << s;
      }
      masks.push_back(mask);
    }
    const Threshold threshold = estimate_threshold(x, masks, kSeeds, bootstrap);
    covered += threshold.low <= kTruth && kTruth <= threshold.high;
    sum += threshold.value - kTruth;
    squares += (threshold.value - kTruth) * (threshold.value - kTruth);
  }

  EXPECT_GE(covered, 450);
  EXPECT_LE(covered, 495);
  // The estimate is unbiased to 4 standard errors of the mean over the trials.
  EXPECT_LT(std::fabs(sum / kTrials), 4 * std::sqrt(squares / kTrials / kTrials));
  RecordProperty("covered", covered);
}

} // namespace
} // namespace sharpsweep
