// How far noise moves the threshold from theory, over several base seeds, with the statistical
// error measured from their spread. Start u0 = eta, scaled time alpha' k = 40.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "sharpsweep/sweep/axis.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::diagram;
using test::values;

struct Grid {
  const char* targets; ///< in existence thresholds
  int seeds;
};

struct Mean {
  double value, error; ///< over base seeds; standard error
  double least, largest;
};

constexpr int kBaseSeeds = 4;

/// threshold / threshold_theory, averaged over base seeds 100, 101, ...
Mean shift(int depth, double scaled_step, const Grid& grid) {
  double sum = 0, squares = 0, least = 1e9, largest = 0;
  for (int b = 0; b < kBaseSeeds; ++b) {
    const Dataset data =
        diagram("eta = 0.5\ninit = \"balanced(0.5)\"\nstep_size_unit = \"scaled\"\n"
                "target_unit = \"threshold\"\ndepth = " +
                std::to_string(depth) + "\nstep_size = " + format_number(scaled_step) +
                "\nsteps = " + std::to_string(std::lround(40 / scaled_step)) + "\ntarget = \"" +
                grid.targets + "\"\nseeds = " + std::to_string(grid.seeds) +
                "\nbase_seed = " + std::to_string(100 + b) + "\n");
    const double ratio = values(data, "threshold")[0] / values(data, "threshold_theory")[0];
    sum += ratio;
    squares += ratio * ratio;
    least = std::fmin(least, ratio);
    largest = std::fmax(largest, ratio);
  }
  const double mean = sum / kBaseSeeds;
  const double variance = (squares / kBaseSeeds - mean * mean) / (kBaseSeeds - 1);
  return {mean, std::sqrt(std::fmax(variance, 0)), least, largest};
}

/// At 1e-4 every base seed must lie in [1, upper]; the shift must grow with the step size by three
/// standard errors and more.
void expect_shifts(int depth, double upper, const Grid (&grids)[3]) {
  const Mean small = shift(depth, 1e-4, grids[0]);
  const Mean middle = shift(depth, 3e-4, grids[1]);
  const Mean large = shift(depth, 1e-3, grids[2]);

  EXPECT_GE(small.least, 1.00);
  EXPECT_LE(small.largest, upper);
  EXPECT_GT(middle.value - small.value, 3 * std::hypot(middle.error, small.error));
  EXPECT_GT(large.value - middle.value, 3 * std::hypot(large.error, middle.error));
}

// Found over 12 base seeds at depth 2 (on wider grids, whose further targets change no
// threshold): 1.0026, a single one spreading by 0.0005 with 256 seeds (5 of them from 1.00, false
// alarm 1e-6) but by 0.0020 with 64, of which one base seed in ten falls below 1.00. 1.0082 at 3e-4
// and 1.016 at 1e-3, spread 0.0026 and 0.0062 with 128 seeds: here the differences are 4 and more
// of their standard errors, false alarm below 1 %.
TEST(WithNoise, DepthTwoShiftsByLessThanTwoPercentAndLessAtSmallerSteps) {
  expect_shifts(
      2, 1.02,
      {{"lin(1.01,1.07,13)", 256}, {"lin(1.02,1.08,13)", 512}, {"lin(1.01,1.11,11)", 1024}});
}

// At depth 3: 1.0256, 1.0742 and 1.211, spread 0.0011, 0.0022 and 0.0083: 18 and more of them from
// either bound.
TEST(WithNoise, DepthThreeShiftsByLessThanFourAndAHalfPercentAndLessAtSmallerSteps) {
  expect_shifts(3, 1.045,
                {{"lin(0.99,1.1,12)", 64}, {"lin(1,1.2,21)", 64}, {"lin(1.1,1.4,31)", 64}});
}

} // namespace
} // namespace sharpsweep
