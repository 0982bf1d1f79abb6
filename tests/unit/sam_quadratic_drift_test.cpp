// The predictions of theory/sam_quadratic.hpp for valleys of varying curvature against the
// recursions and against the numbers of sam_quadratic.md.

#include "tests/unit/sam_quadratic_support.hpp"

namespace sharpsweep::sam_quadratic {
namespace {

/// A function of rho whose value is an error O(rho^2): halving rho divides it by 4. Higher orders
/// make the quotient 4 + O(rho^2).
template <class F>
void expect_second_order(const char* name, F error, double rho, double tolerance) {
  Worst worst(name, tolerance);
  const double coarse = error(rho), middle = error(rho / 2), fine = error(rho / 4);
  worst.absolute(coarse / middle, 4);
  worst.absolute(middle / fine, 4);
}

/// v after n steps in the valley, from the cycle.
double run_valley(double eta, double rho, double v, int n) {
  double u = theory::cycle_amplitude(eta, rho, valley_curvature(v));
  for (int k = 0; k < n; ++k) valley_step(u, v, eta, rho);
  return v;
}

TEST(Drift, RateIsThePapersExpression) {
  // [P] Thm 21 and its short form
  Worst worst("drift", 1e-14);
  for (const double eta : {0.1, 0.5, 1.2}) {
    for (const double lambda : {0.5, 1.0, 1.5}) {
      const double rho = 0.1, slope = 0.7, gap = 2 - eta * lambda;
      const double bracket = 1 + eta * lambda / gap;
      worst.relative(theory::drift(eta, rho, lambda, slope),
                     -(eta * rho * rho / 2) * bracket * bracket * slope);
    }
  }
}

TEST(Drift, InTheValleyFollowsItsSolution) {
  // [D] Relative error O(rho^2), at about a third of the fall. The start on the leading-order cycle
  // adds terms of the same order.
  for (const double eta : {0.1, 0.4, 0.7}) {
    const auto error = [eta](double rho) {
      const double v_0 = 0.9;
      const int n = 2 * static_cast<int>(std::lround(0.2 / (eta * rho * rho)));
      return run_valley(eta, rho, v_0, n) / theory::valley_position(eta, rho, v_0, n) - 1;
    };
    expect_second_order("valley_error_quotient", error, 0.05, 0.5);
    // .06, .82 and 5.1 rho^2: it grows as eta lambda(v_0) nears 2.
    EXPECT_LE(std::fabs(error(0.0125)), 6 * 0.0125 * 0.0125) << eta;
  }
}

TEST(Drift, ValleySolutionSolvesItsEquation) {
  // A difference quotient of the closed form against the rate; and its symmetry and ends.
  Worst worst("valley_equation", 1e-6);
  for (const double steps : {10.0, 1000.0, 30000.0}) {
    const double eta = 0.5, rho = 0.02, h = 1;
    const double v = theory::valley_position(eta, rho, 0.8, steps);
    const double rate = (theory::valley_position(eta, rho, 0.8, steps + h) -
                         theory::valley_position(eta, rho, 0.8, steps - h)) /
                        (2 * h);
    worst.relative(rate, theory::drift(eta, rho, 1 + v * v, 2 * v));
    EXPECT_EQ(theory::valley_position(eta, rho, -0.8, steps), -v);
  }
  EXPECT_DOUBLE_EQ(theory::valley_position(0.5, 0.02, 0.8, 0), 0.8);
  EXPECT_EQ(theory::valley_position(0.5, 0.02, 0, 10), 0);
  EXPECT_TRUE(std::isnan(theory::valley_position(1.5, 0.02, 0.8, 10)));
}

TEST(Drift, LocalRateAtTheFlatPointIsExact) {
  // [D] Any rho: corrections are v^2 = 1e-20.
  Worst worst("flat_point", 1e-12);
  for (const double eta : {0.1, 0.4, 1.0, 1.7}) {
    for (const double rho : {0.01, 0.1, 0.3}) {
      double u = eta * rho / (2 - eta), v = 1e-10;
      for (int k = 0; k < 4; ++k) valley_step(u, v, eta, rho);
      worst.relative(v / 1e-10, std::pow(theory::flat_point_multiplier(eta, rho), 4));
    }
  }
}

TEST(Imbalance, MultiplierIsExactAtEveryState) {
  // [D] Relative to the terms that add up to D' (a'^2 and b'^2 cancel): rounding.
  std::mt19937_64 random(9);
  Worst worst("imbalance_multiplier", 1e-12);
  for (int n = 0; n < 5000; ++n) {
    const Vector x = random_weights(random, 3, 1);
    const double eta = 0.01 + 0.0002 * n, rho = 0.3, y = x[2];
    double a = x[0], b = x[1];
    if (std::fabs(product_imbalance(a, b)) < 1e-3 || std::fabs(a * b - y) < 1e-6) continue;
    const double m = theory::imbalance_multiplier(eta, rho, a, b, y);
    const double before = product_imbalance(a, b);

    product_step(a, b, y, eta, rho);

    const double scale = a * a + b * b + std::fabs(before);
    worst.absolute(product_imbalance(a, b) / scale, m * before / scale);
  }
}

/// A state on the 2-cycle across the valley a b = y with imbalance d, after its transient.
void product_cycle(double eta, double rho, double d, double y, double& a, double& b) {
  const double lambda = product_curvature(d, y);
  a = std::sqrt((lambda + d) / 2);
  b = y / a;
  const double c = theory::cycle_amplitude(eta, rho, lambda), n = std::hypot(a, b);
  const double old = a;
  a += c * b / n;
  b += c * old / n;
}

TEST(Imbalance, RateOnTheCycle) {
  // [D] (1 - D'/D) (2 - eta lambda)^2 / (8 eta rho^2) - 1 = O(rho^2), over an even number of steps.
  for (const double eta : {0.1, 0.3, 0.6}) {
    const auto error = [eta](double rho) {
      const double y = 0.8;
      double a = 0, b = 0;
      product_cycle(eta, rho, 1.1, y, a, b);
      for (int k = 0; k < 200; ++k) product_step(a, b, y, eta, rho);
      const double before = product_imbalance(a, b);
      for (int k = 0; k < 2; ++k) product_step(a, b, y, eta, rho);
      const double measured = 1 - std::sqrt(product_imbalance(a, b) / before);
      return measured / (1 - theory::cycle_imbalance_multiplier(eta, rho, before, y)) - 1;
    };
    expect_second_order("imbalance_rate_quotient", error, 0.04, 0.5);
    // Up to 15 rho^2, at eta lambda = 1.2.
    EXPECT_LE(std::fabs(error(0.01)), 16 * 0.01 * 0.01) << eta;
  }
}

TEST(Imbalance, FollowsItsSolution) {
  // [D] As for the valley; and the closed form against its rate.
  Worst equation("imbalance_equation", 1e-6);
  for (const double y : {0.8, -0.5, 0.0}) {
    const double eta = 0.4, rho = 0.02, h = 1, steps = 1000;
    const double d = theory::imbalance(eta, rho, 1.1, y, steps);
    const double rate = (theory::imbalance(eta, rho, 1.1, y, steps + h) -
                         theory::imbalance(eta, rho, 1.1, y, steps - h)) /
                        (2 * h);
    equation.relative(rate / d, theory::cycle_imbalance_multiplier(eta, rho, d, y) - 1);
  }
  const auto error = [](double rho) {
    const double eta = 0.4, y = 0.8, d_0 = 1.1;
    const int n = 2 * static_cast<int>(std::lround(0.1 / (eta * rho * rho)));
    double a = 0, b = 0;
    product_cycle(eta, rho, d_0, y, a, b);
    const double start = product_imbalance(a, b);
    for (int k = 0; k < n; ++k) product_step(a, b, y, eta, rho);
    return product_imbalance(a, b) / theory::imbalance(eta, rho, start, y, n) - 1;
  };
  expect_second_order("imbalance_error_quotient", error, 0.04, 0.5);
  EXPECT_EQ(theory::imbalance(0.4, 0.02, 0, 1, 10), 0);
  EXPECT_TRUE(std::isnan(theory::imbalance(1.4, 0.02, 2, 1, 10)));
}

/// v at which |u_2| first exceeds |u_1|, from the cycle in u_1 at v_0.
double measured_exit(double eta, double rho, double v, double log_ratio, double log_floor) {
  const double log_c = std::log(theory::cycle_amplitude(eta, rho, 2 + v));
  double log_u[2] = {log_c, log_c + log_ratio}, sign[2] = {1, 1};
  for (int k = 0; k < 200000; ++k) {
    competing_log_step(log_u, sign, v, eta, rho);
    log_u[1] = std::max(log_u[1], log_floor);
    if (log_u[1] > log_u[0]) return v;
  }
  return NAN;
}

TEST(Competing, ExitMatchesTheTable) {
  // [D] eta = .3, rho = .05, u_2 / c = 1e-2. The rule to its last printed digit; the note's runs to
  // one step of v, 8e-4: where the switch counts and how the start is phased move it by that.
  const struct {
    double entry, run, rule;
  } table[] = {{0.1, -0.1119, -0.1118},
               {0.2, -0.2143, -0.2135},
               {0.3, -0.3274, -0.3262},
               {0.4, -0.4620, -0.4604}};
  Worst rule("exit_rule", 5.1e-5), printed("exit_table", 8e-4), run("exit_run", 2e-3);
  for (const auto& row : table) {
    const double predicted = theory::competing_exit(0.3, 0.05, row.entry, std::log(1e-2));
    const double measured = measured_exit(0.3, 0.05, row.entry, std::log(1e-2), -1e9);
    rule.absolute(predicted, row.rule);
    printed.absolute(measured, row.run);
    run.absolute(measured, predicted);
  }
}

TEST(Competing, ExitIsExactForSmallRadius) {
  // [D] The rule is leading order in rho: at rho = .0125 u_2 falls by thousands of nats.
  Worst worst("exit_small_radius", 2e-4);
  for (const double entry : {0.1, 0.3, 0.6, 0.9}) { // beyond .41 m_{2|1} passes through zero
    const double predicted = theory::competing_exit(0.3, 0.0125, entry, std::log(1e-2));
    worst.absolute(measured_exit(0.3, 0.0125, entry, std::log(1e-2), -1e9), predicted);
  }
}

TEST(Competing, NoiseFloorStartsTheLogarithmAnew) {
  // [C] in the note: with |u_2| held above eps the log counts from ln(eps / c) at v = 0.
  const double eta = 0.3, rho = 0.0125;
  Worst worst("exit_noise_floor", 2e-3);
  for (const double floor : {1e-30, 1e-12, 1e-6}) {
    const double c = theory::cycle_amplitude(eta, rho, 2);
    worst.absolute(measured_exit(eta, rho, 0.3, std::log(1e-2), std::log(floor * c)),
                   theory::competing_exit(eta, rho, 0, std::log(floor)));
  }
}

TEST(Competing, ExitHasARange) {
  EXPECT_TRUE(std::isnan(theory::competing_exit(0.3, 0.05, -0.1, -1)));
  EXPECT_TRUE(std::isnan(theory::competing_exit(0.9, 0.05, 0.5, -1)));
  EXPECT_TRUE(std::isnan(theory::competing_exit(0.3, 0.05, 0.1, 0)));
  EXPECT_EQ(theory::competing_exit(0.3, 0.05, 0, -1e9), -2);
}

} // namespace
} // namespace sharpsweep::sam_quadratic
