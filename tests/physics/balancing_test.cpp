// The balancing law beyond depth 2, and balance as the least sharp factorisation, as the engine
// reports them (the formulas themselves: unit/theory_test.cpp; the law at depth 2:
// stationary_test.cpp).

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

TEST(Balancing, LateRateIsThatOfTheBalancedPoint) {
  // 4 eta^2 (u^2 + eta^2)^(L-2) at the stable u, fitted between imbalances of 1e-5 and 1e-9.
  // Deterministic. Descent errs by alpha / 2 times the rate, below 2e-4 here; 1e-3 allowed.
  constexpr double kEta = 0.5, kAlpha = 1e-4;
  for (const int depth : {2, 3, 4, 5}) {
    const double target = 4 * ssam::theory::existence_threshold(kEta, depth); // u > eta: fast
    const double u = ssam::theory::stable_weight(kEta, depth, target);
    const Sweep sweep = test::sweep_of(
        "noise = \"none\"\nseeds = 1\nprecision = \"f64\"\neta = 0.5\nstep_size = 1e-4\n"
        "steps = 300000\nrecord = 2000\ninit = \"unbalanced(" +
        format_number(u) + ",1.2)\"\ndepth = " + std::to_string(depth) +
        "\ntarget = " + format_number(target) + "\n");
    const Dataset data = phase_diagram(sweep, test::run(sweep));
    const auto& imbalance = values(data, "imbalance_path_mean");
    const auto times = sweep.record_steps();

    std::vector<std::size_t> window;
    for (std::size_t i = 0; i < times.size(); ++i) {
      if (imbalance[i] < 1e-5 && imbalance[i] > 1e-9) window.push_back(i);
    }
    ASSERT_GT(window.size(), 10u) << depth;
    const double time = kAlpha * static_cast<double>(times[window.back()] - times[window.front()]);
    const double rate = std::log(imbalance[window.front()] / imbalance[window.back()]) / time;

    const double law = 4 * kEta * kEta * std::pow(u * u + kEta * kEta, depth - 2);
    EXPECT_NEAR(rate / law, 1, 1e-3) << "L = " << depth;
  }
}

TEST(Balance, IsTheLeastSharpOfThePrescribedFactorisations) {
  // A step of 1e-300 leaves a double as it is: s r, s, .., s / r all have the product s^L, and r
  // and 1 / r are the same up to the order of the layers. Roundings only: 1e-13.
  for (const int depth : {2, 3, 4, 5}) {
    const Dataset data = diagram(
        "noise = \"none\"\nseeds = 1\nsteps = 1\nstep_size = 1e-300\nprecision = \"f64\"\n"
        "tail_average = 0\ninit = [\"unbalanced(0.8,1)\", \"unbalanced(0.8,1.25)\", "
        "\"unbalanced(0.8,2)\", \"unbalanced(0.8,4)\", \"unbalanced(0.8,0.25)\"]\ndepth = " +
        std::to_string(depth) + "\n");

    const auto& product = values(data, "product_mean");
    for (const char* name : {"average_sharpness_mean", "hessian_trace_mean"}) {
      const auto& sharpness = values(data, name);
      for (std::size_t i = 1; i < 4; ++i) {
        EXPECT_GT(sharpness[i], 1.001 * sharpness[i - 1]) << name << ", L = " << depth;
      }
      EXPECT_NEAR(sharpness[4] / sharpness[3], 1, 1e-13) << name << ", L = " << depth;
    }
    for (const double p : product) EXPECT_NEAR(p / product[0], 1, 1e-13);
  }
}

TEST(Balance, NoTrainedNetworkIsLessSharpThanItsBalancedTwin) {
  // Random factorisations: Gaussian starts after a few steps. At the same product the balanced
  // network has R = (|p|^(2/L) + eta^2)^L - p^2 and trace 2 L |p|^(2 - 2/L). The inequality holds
  // for every network, up to roundings: no false alarm.
  constexpr double kEta = 0.5;
  for (const int depth : {2, 3, 4, 5}) {
    const Dataset data =
        diagram("depth = " + std::to_string(depth) +
                "\ninit = \"gaussian(0.8)\"\nseeds = 2000\nsteps = 20\nstep_size = 1e-3\n"
                "eta = 0.5\ntarget = [0.7, 1.5]\ntail_average = 0\nsave = \"seeds\"\n"
                "precision = \"f64\"\n");
    const auto& product = values(data, "product");
    int much_sharper = 0;

    for (std::size_t i = 0; i < product.size(); ++i) {
      const double square = std::pow(std::fabs(product[i]), 2.0 / depth);
      const double least_sharpness =
          std::pow(square + kEta * kEta, depth) - product[i] * product[i];
      const double least_trace = 2 * depth * std::pow(square, depth - 1);
      const double sharpness = values(data, "average_sharpness")[i];
      EXPECT_GE(sharpness, least_sharpness * (1 - 1e-12)) << depth;
      EXPECT_GE(values(data, "hessian_trace")[i], least_trace * (1 - 1e-12)) << depth;
      much_sharper += sharpness > 1.05 * least_sharpness;
    }

    EXPECT_EQ(product.size(), 4000u);
    EXPECT_GT(much_sharper, 2000) << depth; // the networks are far from balance
  }
}

} // namespace
} // namespace sharpsweep
