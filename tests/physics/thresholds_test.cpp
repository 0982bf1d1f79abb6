// Measured thresholds against theory: noise-free descent for every kind of start.

#include <gtest/gtest.h>

#include <cmath>

#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/theory/ssam.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::diagram;
using test::values;

std::string number(double x) { return format_number(x); }

/// lin(...) around `middle` with relative spacing `step`, `half` points to either side.
std::string grid_around(double middle, double step, int half) {
  return "target = \"lin(" + number(middle * (1 - half * step)) + "," +
         number(middle * (1 + half * step)) + "," + std::to_string(2 * half + 1) + ")\"\n";
}

/// The predicted threshold in units of the existence threshold, at eta = 1.
double predicted_ratio(int depth, const ssam::Init& init) {
  const double basin = ssam::theory::basin_threshold(1, depth, init, 1);
  return ssam::theory::level_threshold(1, depth, basin, 0.2) /
         ssam::theory::existence_threshold(1, depth);
}

struct Time {
  int depth;
  double step;
  int steps;
};
// Scaled step sizes below the stability limit of the stiffest target, and scaled times of 200 and
// more: a start half a grid step from its threshold has left it by then.
constexpr Time kTimes[] = {
    {2, 0.02, 20000}, {3, 0.01, 40000}, {4, 0.004, 60000}, {5, 0.001, 200000}};

TEST(NoiseFree, ThresholdsOfBalancedStartsAreWithinAGridStepOfTheory) {
  constexpr double kStep = 0.0025;
  for (const Time& time : kTimes) {
    for (const double s : {0.35, 0.5, 0.7, 1.0, 1.5}) {
      for (const char* precision : {"f32", "f64"}) {
        const ssam::Init init{ssam::Init::Kind::balanced, s, 1};
        const Dataset data =
            diagram("noise = \"none\"\nseeds = 1\neta = 0.5\nstep_size_unit = \"scaled\"\n"
                    "target_unit = \"threshold\"\ntail_average = 0\ndepth = " +
                    std::to_string(time.depth) + "\nstep_size = " + number(time.step) +
                    "\nsteps = " + std::to_string(time.steps) + "\ninit = \"balanced(" +
                    number(0.5 * s) + ")\"\nprecision = \"" + precision + "\"\n" +
                    grid_around(predicted_ratio(time.depth, init), kStep, 8));

        const double measured = values(data, "threshold")[0];
        const double theory = values(data, "threshold_theory")[0];

        EXPECT_NEAR(measured / theory, 1, kStep)
            << "L = " << time.depth << ", u0 = " << s << " eta, " << precision;
      }
    }
  }
}

TEST(NoiseFree, ProductsAboveTheThresholdAreTheStableRoot) {
  // Beyond 1.02 thresholds the flow has come to rest. 1e-5 relative in double. Float weights stop
  // where a step falls below half an ulp, which near the flat saddle-node is up to 7e-5 off: 1e-4.
  for (const Time& time : kTimes) {
    for (const char* precision : {"f32", "f64"}) {
      const Dataset data =
          diagram("noise = \"none\"\nseeds = 1\neta = 0.5\nstep_size_unit = \"scaled\"\n"
                  "target_unit = \"threshold\"\ntarget = \"lin(1.02,1.5,13)\"\ntail_average = 0\n"
                  "init = [\"balanced(0.5)\", \"balanced(0.8)\"]\ndepth = " +
                  std::to_string(time.depth) + "\nstep_size = " + number(time.step) + "\nsteps = " +
                  std::to_string(time.steps) + "\nprecision = \"" + precision + "\"\n");

      const auto& found = values(data, "product_mean");
      const auto& theory = values(data, "product_theory");

      for (std::size_t i = 0; i < found.size(); ++i) {
        EXPECT_GT(theory[i], 0);
        EXPECT_NEAR(found[i] / theory[i], 1, precision == std::string("f64") ? 1e-5 : 1e-4)
            << "L = " << time.depth << ", " << precision << ", cell " << i;
      }
    }
  }
}

TEST(NoiseFree, ThresholdsOfOtherStartsAreWithinAGridStepOfTheIntegratedFlow) {
  constexpr double kStep = 0.005;
  struct Start {
    int depth;
    ssam::Init init;
  };
  const Start starts[] = {
      {3, {ssam::Init::Kind::unbalanced, 0.5, 2}}, {3, {ssam::Init::Kind::unbalanced, 1, 3}},
      {4, {ssam::Init::Kind::unbalanced, 0.6, 2}}, {3, {ssam::Init::Kind::zero_last, 0.8, 1}},
      {4, {ssam::Init::Kind::zero_last, 1, 1}},
  };
  for (const Start& start : starts) {
    const double ratio = predicted_ratio(start.depth, start.init);
    ssam::Init init = start.init;
    init.scale *= 0.5;

    const Dataset data = diagram(
        "noise = \"none\"\nseeds = 1\neta = 0.5\nstep_size_unit = \"scaled\"\nprecision = \"f64\"\n"
        "target_unit = \"threshold\"\nstep_size = 0.001\nsteps = 200000\ntail_average = 0\ndepth "
        "= " +
        std::to_string(start.depth) + "\ninit = \"" + format_init(init) + "\"\n" +
        grid_around(ratio, kStep, 8));

    EXPECT_NEAR(values(data, "threshold")[0] / values(data, "threshold_theory")[0], 1, kStep)
        << "L = " << start.depth << ", " << format_init(start.init) << " eta";
    EXPECT_GE(ratio, 1 - 1e-6);
  }
}

TEST(NoiseFree, GaussianStartsHaveTheThresholdOfTheirOwnFlow) {
  // threshold_theory follows the very starts that the sweep draws, so survival agrees target by
  // target but for those within a step of a basin's edge.
  for (const int depth : {2, 3}) {
    const Dataset data = diagram(
        "noise = \"none\"\nseeds = 12\neta = 0.5\nstep_size_unit = \"scaled\"\nprecision = "
        "\"f64\"\n"
        "target_unit = \"threshold\"\nstep_size = 0.002\nsteps = 60000\ninit = \"gaussian(0.5)\"\n"
        "target = \"log(0.8,8,24)\"\ntail_average = 0\ndepth = " +
        std::to_string(depth) + "\n");

    const double measured = values(data, "threshold")[0];
    const double theory = values(data, "threshold_theory")[0];

    const double grid_step = std::log(10.0) / 23;
    EXPECT_NEAR(std::log(measured / theory), 0, grid_step) << "L = " << depth;
  }
}

} // namespace
} // namespace sharpsweep
