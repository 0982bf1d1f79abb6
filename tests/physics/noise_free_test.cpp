// Noise-free descent right above the threshold of each start: it must come to rest at the stable
// root, and one grid step below it must not survive. Nothing is random here.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/theory/ssam.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::diagram;
using test::values;

struct Descent {
  int depth;
  double step; ///< scaled, below the stability limit of the stiffest target here
  int steps;
};
// Stiffest: depth 5 from 0.35 eta, 1.5 of its threshold, alpha h = 1.0 (2 would oscillate).
// The slowest mode, at depth 2 and 0.0025 above the level, decays as exp(-0.18 t): scaled times of
// 400 and more leave the separatrix (rate above 0.05 everywhere) and rest to the last bits.
constexpr Descent kRuns[] = {
    {2, 0.02, 20000}, {3, 0.01, 40000}, {4, 0.004, 100000}, {5, 0.0005, 800000}};
constexpr double kStarts[] = {0.35, 0.5, 0.7, 1.0, 1.5}; // in units of eta

/// Descent from a balanced start u0 = s eta at multiples of its own predicted threshold.
Dataset descend(const Descent& run, double s, const std::string& multiples, const char* precision) {
  const ssam::Init init{ssam::Init::Kind::balanced, s, 1};
  const double threshold = ssam::theory::level_threshold(
      1, run.depth, ssam::theory::basin_threshold(1, run.depth, init, 1), 0.2);
  std::string targets;
  for (const std::string& item : split_items(multiples)) {
    const double target =
        std::stod(item) * threshold / ssam::theory::existence_threshold(1, run.depth);
    targets += (targets.empty() ? "" : ", ") + format_number(target);
  }
  return diagram("noise = \"none\"\nseeds = 1\neta = 0.5\nstep_size_unit = \"scaled\"\n"
                 "target_unit = \"threshold\"\ntail_average = 0\ndepth = " +
                 std::to_string(run.depth) + "\nstep_size = " + format_number(run.step) +
                 "\nsteps = " + std::to_string(run.steps) + "\ninit = \"balanced(" +
                 format_number(0.5 * s) + ")\"\ntarget = [" + targets + "]\nprecision = \"" +
                 precision + "\"\n");
}

TEST(NoiseFree, EveryStartRestsAtTheStableRootFromOneGridStepAboveItsThreshold) {
  for (const Descent& run : kRuns) {
    for (const double s : kStarts) {
      const Dataset data =
          descend(run, s, "1.0025, 1.005, 1.0075, 1.01, 1.02, 1.05, 1.1, 1.3, 1.5", "f64");

      const auto& found = values(data, "product_mean");
      const auto& theory = values(data, "product_theory");

      for (std::size_t i = 0; i < found.size(); ++i) {
        ASSERT_GT(theory[i], 0);
        EXPECT_NEAR(found[i] / theory[i], 1, 1e-5)
            << "L = " << run.depth << ", u0 = " << s << " eta, target " << i;
      }
    }
  }
}

TEST(NoiseFree, FloatWeightsRestThereToo) {
  // A float weight stops where a step falls below half an ulp: alpha h |w - u| < 6e-8 / 2 |w|, a
  // product L times as far off. 1e-5 holds where h is not small: depths 2 and 3, from 1.3
  // thresholds on.
  for (const Descent& run : {kRuns[0], kRuns[1]}) {
    for (const double s : kStarts) {
      const Dataset data = descend(run, s, "1.3, 1.5, 2, 2.5", "f32");

      const auto& found = values(data, "product_mean");
      const auto& theory = values(data, "product_theory");

      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_NEAR(found[i] / theory[i], 1, 1e-5)
            << "L = " << run.depth << ", u0 = " << s << " eta, target " << i;
      }
    }
  }
}

TEST(NoiseFree, OneGridStepBelowItsThresholdNoStartSurvives) {
  for (const Descent& run : kRuns) {
    for (const double s : kStarts) {
      for (const char* precision : {"f32", "f64"}) {
        const Dataset data = descend(run, s, "0.99, 0.995, 0.9975, 1.0025", precision);

        const std::vector<double> expected = {0, 0, 0, 1};

        EXPECT_EQ(values(data, "survival"), expected)
            << "L = " << run.depth << ", u0 = " << s << " eta, " << precision;
      }
    }
  }
}

} // namespace
} // namespace sharpsweep
