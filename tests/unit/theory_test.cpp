// The closed forms of theory/ssam.hpp against the numbers of theory/ssam.md, against each other,
// and against the expected loss itself, written here once more from its definition.

#include "sharpsweep/theory/ssam.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace sharpsweep::ssam {
namespace {

using Weights = std::vector<double>;

constexpr double kEtas[] = {0.05, 0.3, 0.5, 1, 2.5};
constexpr int kDepths[] = {2, 3, 4, 5, 8, 16};

double product_of_all(const Weights& w) {
  return std::accumulate(w.begin(), w.end(), 1.0, std::multiplies<>());
}

double average_sharpness_of(const Weights& w, double eta) {
  double perturbed = 1, squares = 1;
  for (const double x : w) {
    perturbed *= x * x + eta * eta;
    squares *= x * x;
  }
  return perturbed - squares;
}

double expected_loss(const Weights& w, double eta, double target) {
  const double residual = target - product_of_all(w);
  return residual * residual + average_sharpness_of(w, eta);
}

/// dE/dw_l by central differences; their error is about 1e-9 of the loss's scale.
double slope(Weights w, std::size_t l, double eta, double target) {
  const double h = 1e-5 * std::max(std::fabs(w[l]), eta);
  const double middle = w[l];
  w[l] = middle + h;
  const double above = expected_loss(w, eta, target);
  w[l] = middle - h;
  return (above - expected_loss(w, eta, target)) / (2 * h);
}

double curvature(Weights w, std::size_t l, std::size_t m, double eta, double target) {
  const double h = 1e-4 * eta, middle = w[m];
  w[m] = middle + h;
  const double above = slope(w, l, eta, target);
  w[m] = middle - h;
  return (above - slope(w, l, eta, target)) / (2 * h);
}

Init balanced(double s) { return {Init::Kind::balanced, s, 1}; }
Init unbalanced(double s, double r) { return {Init::Kind::unbalanced, s, r}; }

void expect_relative(double value, double expected, double tolerance) {
  EXPECT_NEAR(value, expected, tolerance * std::fabs(expected));
}

TEST(Existence, HasTheTabledCoefficients) {
  // Half a unit of the last digit printed in ssam.md.
  for (const double eta : kEtas) {
    const auto coefficient = [eta](int depth) {
      return theory::existence_threshold(eta, depth) / std::pow(eta, depth);
    };
    EXPECT_NEAR(coefficient(2), 1, 1e-14);
    EXPECT_NEAR(coefficient(3), 3.079201, 5e-7);
    EXPECT_NEAR(coefficient(4), 6.75, 1e-13);
    EXPECT_NEAR(coefficient(5), 14.101102, 5e-7);
    EXPECT_NEAR(coefficient(8), 119.146846, 5e-7);
  }
  EXPECT_TRUE(std::isnan(theory::existence_threshold(0.5, 1)));
}

TEST(Existence, IsTheLeastTargetWithABalancedCriticalPoint) {
  for (const double eta : kEtas) {
    for (const int depth : kDepths) {
      const auto target_of = [=](double u) {
        return std::pow(u * u + eta * eta, depth - 1) / std::pow(u, depth - 2);
      };
      const double threshold = theory::existence_threshold(eta, depth);
      const double u_sn = theory::saddle_node_weight(eta, depth);

      for (int i = 1; i <= 1000; ++i) {
        EXPECT_GE(target_of(0.005 * i * eta), threshold * (1 - 1e-13));
      }
      if (depth > 2) {
        expect_relative(target_of(u_sn), threshold, 1e-13);
        expect_relative(u_sn, eta * std::sqrt((depth - 2.0) / depth), 1e-15);
      }
    }
  }
}

TEST(Existence, ShrinkageAtTheSaddleNode) {
  for (const double eta : kEtas) {
    EXPECT_EQ(theory::saddle_node_shrinkage(eta, 2), 0);
    EXPECT_NEAR(theory::saddle_node_shrinkage(eta, 3), 0.397, 5e-4);
    EXPECT_NEAR(theory::saddle_node_shrinkage(eta, 4), 0.439, 5e-4);
  }
}

TEST(Maxwell, HasTheTabledCoefficients) {
  for (const double eta : kEtas) {
    const auto coefficient = [eta](int depth) {
      return theory::maxwell_threshold(eta, depth) / std::pow(eta, depth);
    };
    EXPECT_NEAR(coefficient(2), 1, 1e-14);
    EXPECT_NEAR(coefficient(3), 3.330191, 5e-7);
    EXPECT_NEAR(coefficient(4), 7.41375, 5e-6);
    EXPECT_NEAR(coefficient(5), 15.45322, 5e-6);
  }
}

TEST(Maxwell, SquaredWeightAtDepthThreeIsTheGoldenRatio) {
  for (const double eta : kEtas) {
    const double u = theory::stable_weight(eta, 3, theory::maxwell_threshold(eta, 3));

    EXPECT_NEAR(u * u / (eta * eta), (std::sqrt(5.0) - 1) / 2, 1e-12);
  }
}

TEST(Maxwell, ZeroAndTheStablePointHaveEqualExpectedLoss) {
  for (const double eta : kEtas) {
    for (const int depth : {3, 4, 5, 8, 16}) {
      const auto layers = static_cast<std::size_t>(depth);
      const double target = theory::maxwell_threshold(eta, depth);

      const double at_zero = expected_loss(Weights(layers, 0), eta, target);
      const double at_stable =
          expected_loss(Weights(layers, theory::stable_weight(eta, depth, target)), eta, target);

      expect_relative(at_stable, at_zero, 1e-11);
      EXPECT_GT(target, theory::existence_threshold(eta, depth));
    }
  }
}

TEST(StableWeight, SatisfiesItsEquationAndIsTheLargerRoot) {
  for (const double eta : kEtas) {
    for (const int depth : kDepths) {
      const double existence = theory::existence_threshold(eta, depth);
      for (const double ratio : {1.0001, 1.01, 1.3, 2.0, 10.0, 1000.0}) {
        const double target = ratio * existence;

        const double u = theory::stable_weight(eta, depth, target);

        // Near the saddle-node the equation is flat in u: u is known to 1e-8 there.
        expect_relative(std::pow(u * u + eta * eta, depth - 1), target * std::pow(u, depth - 2),
                        1e-12);
        EXPECT_GT(u, theory::saddle_node_weight(eta, depth));
        const double lambda = u / std::pow(target, 1.0 / depth);
        EXPECT_NEAR(lambda * lambda - std::pow(lambda, (depth - 2.0) / (depth - 1)) +
                        eta * eta / std::pow(target, 2.0 / depth),
                    0, 1e-12);
      }
      EXPECT_EQ(theory::stable_weight(eta, depth, 0.999 * existence), 0);
      EXPECT_EQ(theory::stable_weight(eta, depth, 0), 0);
    }
    EXPECT_EQ(theory::stable_weight(eta, 1, 1.7), 1.7);
  }
}

TEST(StableWeight, AtDepthTwoIsSoftThresholding) {
  for (const double eta : kEtas) {
    const double target = 3 * eta * eta;

    const double u = theory::stable_weight(eta, 2, target);

    expect_relative(u * u, target - eta * eta, 1e-14);
  }
}

TEST(StableWeight, IsAMinimumOfTheExpectedLoss) {
  for (const double eta : {0.3, 0.5, 1.0}) {
    for (const int depth : {2, 3, 4, 5, 8}) {
      const double target = 1.5 * theory::existence_threshold(eta, depth);
      const Weights w(static_cast<std::size_t>(depth), theory::stable_weight(eta, depth, target));
      const double scale = expected_loss(w, eta, target) / eta;

      for (std::size_t l = 0; l < w.size(); ++l) {
        EXPECT_NEAR(slope(w, l, eta, target), 0, 1e-8 * scale);
      }

      std::mt19937_64 random(7);
      std::normal_distribution<double> normal;
      for (int i = 0; i < 100; ++i) {
        Weights moved = w;
        for (double& x : moved) x += 0.01 * eta * normal(random);
        EXPECT_GT(expected_loss(moved, eta, target), expected_loss(w, eta, target));
      }
    }
  }
}

TEST(Level, TargetAtLevelHasThatShrinkage) {
  for (const double eta : kEtas) {
    for (const int depth : kDepths) {
      for (const double level : {0.5, 0.7, 0.95}) {
        if (level <= theory::saddle_node_shrinkage(eta, depth)) continue;

        const double target = theory::target_at_level(eta, depth, level);

        const double u = theory::stable_weight(eta, depth, target);
        EXPECT_NEAR(u / std::pow(target, 1.0 / depth), level, 1e-10);
      }
    }
  }
}

TEST(Level, ThresholdIsTheLargerOfBasinAndTargetAtLevel) {
  const double eta = 0.5;
  // L = 2: eta^2 / (1 - level^2); a jump over the level at L = 3 leaves the basin threshold.
  expect_relative(theory::level_threshold(eta, 2, 0.25, 0.2), 0.25 / 0.96, 1e-14);
  const double basin = theory::basin_threshold(eta, 3, balanced(0.1), 1);
  EXPECT_EQ(theory::level_threshold(eta, 3, basin, 0.2), basin);
  const double existence = theory::existence_threshold(eta, 3);
  EXPECT_EQ(theory::level_threshold(eta, 3, existence, 0.6), theory::target_at_level(eta, 3, 0.6));
  EXPECT_GT(theory::level_threshold(eta, 3, existence, 0.6), existence);
  EXPECT_EQ(theory::level_threshold(eta, 3, 100.0, 0.6), 100.0);
}

TEST(Basin, ClosedFormOfABalancedStart) {
  for (const double eta : kEtas) {
    for (const int depth : {3, 4, 5, 8}) {
      const double u_sn = theory::saddle_node_weight(eta, depth);
      const double existence = theory::existence_threshold(eta, depth);

      for (const double part : {0.1, 0.5, 0.9}) {
        const double u0 = part * u_sn;
        const double expected = std::pow(u0 * u0 + eta * eta, depth - 1) / std::pow(u0, depth - 2);
        expect_relative(theory::basin_threshold(eta, depth, balanced(u0), 1), expected, 1e-13);
        EXPECT_GT(expected, existence);
      }
      for (const double part : {1.0, 1.5, 10.0}) {
        EXPECT_EQ(theory::basin_threshold(eta, depth, balanced(part * u_sn), 1), existence);
      }
    }
    for (const double u0 : {0.01, 1.0}) {
      expect_relative(theory::basin_threshold(eta, 2, balanced(u0), 1), eta * eta, 1e-14);
    }
  }
}

TEST(Basin, IntegratedThresholdOfEqualLayersIsTheClosedForm) {
  // unbalanced(s,1) is balanced(s), but takes the integrator, which bisects to 1e-7.
  for (const double eta : {0.3, 1.0}) {
    for (const int depth : {3, 4, 5}) {
      for (const double part : {0.3, 0.7, 1.5}) {
        const double s = part * theory::saddle_node_weight(eta, depth);

        const double integrated = theory::basin_threshold(eta, depth, unbalanced(s, 1), 1);

        expect_relative(integrated, theory::basin_threshold(eta, depth, balanced(s), 1), 3e-7);
      }
    }
  }
}

/// Descent on the expected loss with plain Euler steps; whether the product stays off zero.
bool descends_to_survival(Weights w, double eta, double target) {
  for (int k = 0; k < 400000; ++k) {
    const Weights old = w;
    for (std::size_t l = 0; l < w.size(); ++l) {
      double rest = 1, penalty = 1;
      for (std::size_t m = 0; m < w.size(); ++m) {
        if (m == l) continue;
        rest *= old[m];
        penalty *= old[m] * old[m] + eta * eta;
      }
      w[l] -= 0.002 * 2 * (old[l] * penalty - target * rest);
    }
  }
  const double u_sn = theory::saddle_node_weight(eta, static_cast<int>(w.size()));
  return product_of_all(w) * target > 0 && std::fabs(w[0]) > u_sn;
}

TEST(Basin, IntegratedThresholdsSeparateDescents) {
  // Euler steps move a threshold by less than 1 %.
  struct Start {
    Init init;
    int depth;
    Weights w;
  };
  const double eta = 1;
  const Start starts[] = {
      {unbalanced(0.4, 2), 3, {0.8, 0.4, 0.2}},
      {unbalanced(0.6, 3), 4, {1.8, 0.6, 0.6, 0.2}},
      {{Init::Kind::zero_last, 0.7, 1}, 3, {0.7, 0.7, 0}},
      {{Init::Kind::zero_last, 0.9, 1}, 4, {0.9, 0.9, 0.9, 0}},
  };
  for (const Start& start : starts) {
    for (const int sign : {1, -1}) {
      // Even a start of the wrong sign survives from some target on: its smallest weight is the
      // first to cross zero.
      const double basin = theory::basin_threshold(eta, start.depth, start.init, sign);

      EXPECT_FALSE(descends_to_survival(start.w, eta, sign * 0.99 * basin)) << start.depth << sign;
      EXPECT_TRUE(descends_to_survival(start.w, eta, sign * 1.01 * basin)) << start.depth << sign;
    }
  }
}

TEST(Basin, BalancedStartsOfTheWrongSignAndZeroStartsNeverSurvive) {
  EXPECT_TRUE(std::isinf(theory::basin_threshold(0.5, 3, balanced(0.4), -1)));
  EXPECT_TRUE(std::isinf(theory::basin_threshold(0.5, 3, balanced(-0.4), 1)));
  EXPECT_FALSE(std::isinf(theory::basin_threshold(0.5, 3, balanced(-0.4), -1)));
  EXPECT_FALSE(std::isinf(theory::basin_threshold(0.5, 4, balanced(-0.4), 1)));
  EXPECT_TRUE(std::isinf(theory::basin_threshold(0.5, 3, balanced(0), 1)));
  EXPECT_TRUE(std::isnan(theory::basin_threshold(0.5, 3, {Init::Kind::gaussian, 1, 1}, 1)));
  EXPECT_TRUE(std::isnan(theory::basin_threshold(0.5, 1, balanced(1), 1)));
}

TEST(Balance, MinimisesSharpnessAndHessianTraceAmongFactorisationsOfAProduct) {
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  for (const int depth : {2, 3, 4, 5, 8, 16}) {
    const auto layers = static_cast<std::size_t>(depth);
    for (int i = 0; i < 500; ++i) {
      // Factors e^(a_l - mean a): any factorisation of one product, signs aside.
      const double eta = 0.5, u = 0.8;
      Weights w(layers);
      for (double& x : w) x = 0.5 * normal(random);
      const double mean = std::accumulate(w.begin(), w.end(), 0.0) / depth;
      for (double& x : w) x = u * std::exp(x - mean);
      const Weights even(layers, u);
      double other[kOrderParameters], least[kOrderParameters];

      ASSERT_TRUE(order_parameters(w.data(), 1, depth, eta, 1, 1, other));
      ASSERT_TRUE(order_parameters(even.data(), 1, depth, eta, 1, 1, least));

      expect_relative(product_of_all(w), product_of_all(even), 1e-12);
      EXPECT_GT(other[average_sharpness], least[average_sharpness] * (1 - 1e-13));
      EXPECT_GT(other[hessian_trace], least[hessian_trace] * (1 - 1e-13));
      EXPECT_GT(average_sharpness_of(w, eta), average_sharpness_of(even, eta) * (1 - 1e-13));
    }
  }
}

TEST(OrderParameters, EqualTheirDefinitions) {
  std::mt19937_64 random(13);
  std::normal_distribution<double> normal;
  for (int depth = 1; depth <= 16; ++depth) {
    for (int i = 0; i < 100; ++i) {
      Weights w(static_cast<std::size_t>(depth));
      for (double& x : w) x = 1 + 0.3 * normal(random);
      const double eta = 0.4, target = 2, averaged = 1.3;
      double trace = 0, gap = 0, out[kOrderParameters];
      for (std::size_t l = 0; l < w.size(); ++l) {
        double rest = 2;
        for (std::size_t m = 0; m < w.size(); ++m) rest *= m == l ? 1 : w[m] * w[m];
        trace += rest;
        if (l > 0) gap = std::max(gap, std::fabs(w[l] * w[l] - w[l - 1] * w[l - 1]));
      }

      ASSERT_TRUE(order_parameters(w.data(), 1, depth, eta, target, averaged, out));

      // Subtracting two products loses up to 1e-12 in this test's own sharpness.
      expect_relative(out[average_sharpness], average_sharpness_of(w, eta), 1e-11);
      expect_relative(out[hessian_trace], trace, 1e-13);
      expect_relative(out[imbalance], gap, 1e-14);
      expect_relative(out[shrinkage], std::pow(averaged / target, 1.0 / depth), 1e-14);
      EXPECT_EQ(out[product_], averaged);
      const double residual = target - product_of_all(w);
      EXPECT_NEAR(out[loss], residual * residual, 1e-12 * std::max(1.0, std::fabs(residual)));
    }
  }
}

TEST(OrderParameters, ShrinkageIsZeroForAProductOfTheWrongSign) {
  EXPECT_EQ(shrinkage_of(-0.5, 2, 3), 0);
  EXPECT_EQ(shrinkage_of(0.5, -2, 3), 0);
  EXPECT_EQ(shrinkage_of(0, 2, 3), 0);
  EXPECT_EQ(shrinkage_of(1, 0, 3), 0);
  EXPECT_NEAR(shrinkage_of(-2, -2, 3), 1, 1e-15);
  EXPECT_NEAR(shrinkage_of(-0.25, -2, 3), 0.5, 1e-15);
}

TEST(Coercivity, WeightsAreBoundedByTheSharpness) {
  std::mt19937_64 random(17);
  std::normal_distribution<double> normal;
  for (const int depth : kDepths) {
    for (const double eta : kEtas) {
      for (int i = 0; i < 50; ++i) {
        Weights w(static_cast<std::size_t>(depth));
        double norm_squared = 0;
        for (double& x : w) {
          x = (0.3 + 0.2 * i) * eta * normal(random);
          norm_squared += x * x;
        }
        double out[kOrderParameters];

        ASSERT_TRUE(order_parameters(w.data(), 1, depth, eta, 1, 1, out));

        EXPECT_LE(norm_squared,
                  out[average_sharpness] / std::pow(eta, 2 * depth - 2) * (1 + 1e-12));
      }
    }
  }
}

TEST(Balancing, GradientFlowObeysTheIdentity) {
  // d/dt (w_l^2 - w_m^2) = -4 eta^2 prod_{k != l,m} (w_k^2 + eta^2) (w_l^2 - w_m^2); slopes by
  // differences are good to 1e-7 here.
  std::mt19937_64 random(19);
  std::normal_distribution<double> normal;
  for (const int depth : {2, 3, 4, 5}) {
    for (int i = 0; i < 100; ++i) {
      const double eta = 0.6, target = 1.4;
      Weights w(static_cast<std::size_t>(depth));
      for (double& x : w) x = normal(random);
      for (std::size_t l = 0; l < w.size(); ++l) {
        for (std::size_t m = 0; m < l; ++m) {
          double others = 1;
          for (std::size_t k = 0; k < w.size(); ++k) {
            if (k != l && k != m) others *= w[k] * w[k] + eta * eta;
          }

          const double rate =
              2 * w[m] * slope(w, m, eta, target) - 2 * w[l] * slope(w, l, eta, target);

          const double law = -4 * eta * eta * others * (w[l] * w[l] - w[m] * w[m]);
          EXPECT_NEAR(rate, law, 1e-6 * (1 + std::fabs(law) + expected_loss(w, eta, target)));
        }
      }
    }
  }
}

TEST(StationaryVariance, QuotedNumbers) {
  const auto variance = theory::stationary_variance(0.5, 2, 1, 0.002);

  EXPECT_NEAR(variance.along, 1.421e-3, 5e-7);
  EXPECT_NEAR(variance.across, 7.51e-4, 5e-7);
}

TEST(StationaryVariance, OfOneLayerIsExact) {
  const auto variance = theory::stationary_variance(0.5, 1, 3, 0.1);

  expect_relative(variance.along, 0.1 * 0.25 / 0.9, 1e-15);
  EXPECT_TRUE(std::isnan(variance.across));
}

TEST(StationaryVariance, FollowsFromTheHessianAndTheGradientNoise) {
  // As alpha -> 0 variance / alpha = c / (2 h): h by differences of the expected loss (1e-4), c by
  // 4e6 sampled gradients, far enough above the threshold that their spread is below 0.3 %: 2 % is
  // beyond 6 of it.
  std::mt19937_64 random(23);
  std::normal_distribution<double> normal;
  for (const int depth : {2, 3, 4}) {
    const double eta = 0.3, alpha = 1e-12;
    const double target = 20 * theory::existence_threshold(eta, depth);
    const double u = theory::stable_weight(eta, depth, target);
    const Weights w(static_cast<std::size_t>(depth), u);
    const double diagonal = curvature(w, 0, 0, eta, target);
    const double off_diagonal = curvature(w, 0, 1, eta, target);
    double along = 0, across = 0;
    constexpr int kSamples = 4'000'000;
    Weights p(w.size()), g(w.size());
    for (int i = 0; i < kSamples; ++i) {
      for (double& x : p) x = u + eta * normal(random);
      const double residual = 2 * (product_of_all(p) - target);
      double sum = 0;
      for (std::size_t l = 0; l < p.size(); ++l) {
        g[l] = residual;
        for (std::size_t m = 0; m < p.size(); ++m) g[l] *= m == l ? 1 : p[m];
        sum += g[l];
      }
      along += sum * sum / depth;
      across += (g[0] - g[1]) * (g[0] - g[1]) / 2;
    }

    const auto variance = theory::stationary_variance(eta, depth, target, alpha);

    const double stiff = diagonal + (depth - 1) * off_diagonal;
    expect_relative(variance.along / alpha, along / kSamples / (2 * stiff), 0.02);
    expect_relative(variance.across / alpha, across / kSamples / (2 * (diagonal - off_diagonal)),
                    0.02);
  }
}

TEST(Predict, BelowTheBasinEverythingIsZeroAndAboveItIsTheStablePoint) {
  const double eta = 0.5, basin = theory::basin_threshold(eta, 3, balanced(0.8), 1);
  double below[kOrderParameters], above[kOrderParameters], negative[kOrderParameters];

  theory::predict(balanced(0.8), eta, 3, 0.9 * basin, basin, 10, below);
  theory::predict(balanced(0.8), eta, 3, 1.5 * basin, basin, 10, above);
  theory::predict(balanced(-0.8), eta, 3, -1.5 * basin, basin, 10, negative);

  EXPECT_EQ(below[shrinkage], 0);
  EXPECT_EQ(below[product_], 0);
  expect_relative(below[loss], 0.81 * basin * basin, 1e-14);
  expect_relative(below[average_sharpness], std::pow(eta, 6), 1e-14);
  EXPECT_EQ(below[hessian_trace], 0);
  const double u = theory::stable_weight(eta, 3, 1.5 * basin);
  expect_relative(above[product_], u * u * u, 1e-14);
  expect_relative(above[shrinkage], u / std::cbrt(1.5 * basin), 1e-14);
  expect_relative(above[hessian_trace], 6 * std::pow(u, 4), 1e-14);
  EXPECT_EQ(above[imbalance], 0);
  EXPECT_EQ(negative[product_], -above[product_]);
  EXPECT_EQ(negative[shrinkage], above[shrinkage]);
  EXPECT_EQ(negative[loss], above[loss]);
}

TEST(Predict, ImbalanceDecaysAtDepthTwoAndIsUnknownBeyond) {
  const double eta = 0.5, time = 3;
  double two[kOrderParameters], three[kOrderParameters];

  theory::predict(unbalanced(1, 2), eta, 2, 2, eta * eta, time, two);
  theory::predict(unbalanced(1, 2), eta, 3, 2, 0.4, time, three);

  expect_relative(two[imbalance], (4 - 0.25) * std::exp(-4 * eta * eta * time), 1e-14);
  EXPECT_TRUE(std::isnan(three[imbalance]));
}

} // namespace
} // namespace sharpsweep::ssam
