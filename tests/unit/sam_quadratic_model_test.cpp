// The recursions of models/sam_quadratic.hpp against SAM's definition and against each other, their
// value types, the order parameters, and what plain numbers lose.

#include "tests/unit/sam_quadratic_support.hpp"

namespace sharpsweep::sam_quadratic {
namespace {

TEST(Step, IsSamOnTheQuadratic) {
  // One step, written once more from the definition; a few roundings.
  std::mt19937_64 random(1);
  Worst worst("step", 1e-14), norm("step_norm", 1e-15), multipliers("gradient_multiplier", 1e-13);
  for (int n = 0; n < 200; ++n) {
    const std::size_t d = 1 + static_cast<std::size_t>(n) % 9;
    const Vector lambda = random_spectrum(random, d, 0.01);
    const double eta = 0.1 + 0.009 * n, rho = 0.03;
    Vector w = random_weights(random, d, 0.05);
    const Vector old = w;

    const double g = step(w.data(), lambda.data(), static_cast<int>(d), eta, rho);

    norm.relative(g, norm_of(lambda, old));
    for (std::size_t i = 0; i < d; ++i) {
      const double v = lambda[i] * old[i];
      const double expected = old[i] - eta * lambda[i] * (old[i] + rho * v / g);
      worst.absolute(w[i] / old[i], expected / old[i]);
      multipliers.absolute(w[i] / old[i], theory::multiplier_at(eta, rho, lambda[i], g));
    }
  }
}

TEST(Step, SumsByTheTreeOfSums) {
  // The order of the sum defines the bits: 0.1's squares differ between orders.
  for (int d = 1; d <= kMaxCoordinates; ++d) {
    const auto n = static_cast<std::size_t>(d);
    std::vector<float> w(n), lambda(n, 1.0F), squares(n);
    for (std::size_t i = 0; i < n; ++i) {
      w[i] = 0.1F * static_cast<float>(i + 1);
      squares[i] = w[i] * w[i];
    }

    const float g = step(w.data(), lambda.data(), d, 0.1F, 0.1F);

    EXPECT_EQ(g, std::sqrt(pairwise_sum(squares.data(), n)));
  }
}

TEST(Step, HasTheSameBitsWithItsSizeCompiledIn) {
  std::mt19937_64 random(5);
  const auto check = [&]<int D>(Fixed<D> fixed) {
    const auto d = static_cast<std::size_t>(D);
    const Vector lambda = D == 1 ? Vector{1} : random_spectrum(random, d, 0.1);
    Vector w = random_weights(random, d, 1), same = w, log_v(d, -1.0), same_log = log_v;
    Vector sign(d, 1.0), same_sign = sign, decay(d, 0.6), pull = lambda;
    for (int k = 0; k < 5; ++k) {
      EXPECT_EQ(step(w.data(), lambda.data(), D, 0.4, 0.1),
                step(same.data(), lambda.data(), fixed, 0.4, 0.1));
      EXPECT_EQ(log_step(log_v.data(), sign.data(), decay.data(), pull.data(), D),
                log_step(same_log.data(), same_sign.data(), decay.data(), pull.data(), fixed));
    }
    EXPECT_EQ(w, same);
    EXPECT_EQ(log_v, same_log);
    EXPECT_EQ(sign, same_sign);
  };
  check(Fixed<1>());
  check(Fixed<2>());
  check(Fixed<3>());
  check(Fixed<5>());
  check(Fixed<7>());
  check(Fixed<8>());
}

TEST(Step, StaysAtTheMinimumAndNearIt) {
  const double lambda[2] = {1, 0.5};
  for (const double start : {0.0, 1e-300, 1e-160}) {
    double w[2] = {start, 0};
    step(w, lambda, 2, 0.5, 0.1);
    EXPECT_LE(std::fabs(w[0]), 0.05);
    EXPECT_EQ(w[0] == 0, start == 0);
    EXPECT_EQ(w[1], 0);
  }
}

TEST(LogStep, FollowsThePlainStep) {
  // Both forms round differently; on the way to a stable cycle differences do not grow, but a
  // multiplier close to zero magnifies a rounding by 1 / |m| once.
  std::mt19937_64 random(2);
  Worst worst("log_step", 1e-9);
  for (int n = 0; n < 60; ++n) {
    const std::size_t d = 2 + static_cast<std::size_t>(n) % 5;
    const Vector lambda = random_spectrum(random, d, 0.3);
    const double eta = 0.05 + 0.03 * n, rho = 0.05;
    Vector w = random_weights(random, d, 1);
    LogNetwork network(eta, rho, lambda, w);
    for (int k = 0; k < 60; ++k) {
      const double g = step(w.data(), lambda.data(), static_cast<int>(d), eta, rho);
      worst.relative(1 / network.step(), g);
      for (std::size_t i = 0; i < d; ++i) {
        if (std::fabs(w[i]) < 1e-9) continue; // lost to cancellation in the plain form
        worst.absolute(network.log_v[i], std::log(std::fabs(lambda[i] * w[i])));
        ASSERT_EQ(network.sign[i], std::copysign(1.0, w[i]));
      }
    }
  }
}

TEST(LogStep, ComesBackFromTheZeroOfTheMultiplier) {
  // G = gamma = 1: m is exactly 0, and |m| is held at 2^-106 (float: 2^-48).
  const double eta = 0.5, rho = 1;
  LogNetwork network(eta, rho, {1}, {1});
  network.step();
  EXPECT_NEAR(network.log_g(), -106 * std::log(2.0), 1e-12);
  network.steps(400);
  EXPECT_NEAR(network.log_g(), std::log(theory::cycle_gradient_norm(eta, rho, 1)), 1e-12);

  float log_v = 0, sign = 1, decay = 0.5F, pull = 0.5F;
  log_step(&log_v, &sign, &decay, &pull, 1);
  EXPECT_NEAR(log_v, -48 * std::log(2.0F), 1e-5);
  for (int k = 0; k < 400; ++k) log_step(&log_v, &sign, &decay, &pull, 1);
  EXPECT_NEAR(log_v, std::log(0.5F / 1.5F), 1e-6);
}

/// Every recursion once in R: a few steps of each from a start and step size of its own.
template <class R>
std::vector<R> all_recursions(R eta, R rho, R start) {
  R w[3] = {start, mul(start, start), R(0.3)}, lambda[3] = {R(1), R(0.6), R(0.1)};
  R log_v[3] = {R(-1), R(-2), sub(R(0), start)}, sign[3] = {R(1), R(-1), R(1)};
  R decay[3], pull[3];
  for (int i = 0; i < 3; ++i) {
    decay[i] = fnmadd(eta, lambda[i], R(1));
    pull[i] = mul(mul(eta, rho), mul(lambda[i], lambda[i]));
  }
  R u = R(0.1), v = start, a = add(start, R(1)), b = R(0.4);
  R pair[2] = {R(0.02), R(-0.001)}, along = R(0.2), log_along = R(0.2);
  R log_pair[2] = {R(-4), R(-7)}, signs[2] = {R(1), R(1)};
  Track<R> track(R(0), R(100));
  for (int k = 0; k < 20; ++k) {
    step(w, lambda, 3, eta, rho);
    const R inverse_g = log_step(log_v, sign, decay, pull, 3);
    track.observe(log_v[0], R(20), inverse_g, R(static_cast<detail::ScalarOf<R>>(k)));
    valley_step(u, v, eta, rho);
    product_step(a, b, R(0.5), eta, rho);
    competing_step(pair, along, eta, rho);
    competing_log_step(log_pair, signs, log_along, eta, rho);
  }
  return {w[0],
          w[1],
          w[2],
          log_v[0],
          log_v[1],
          log_v[2],
          sign[0],
          track.dip,
          track.hitting_step,
          u,
          v,
          product_imbalance(a, b),
          product_curvature(a, b),
          pair[0],
          pair[1],
          competing_curvature(along),
          log_pair[0],
          log_pair[1],
          log_along,
          signs[1]};
}

TEST(ValueType, EachLaneIsTheNetworkAlone) {
  using Lanes = Pack<double, 2>;
  const auto lanes_of = [](double a, double b) {
    const double both[2] = {a, b};
    return Lanes::load(both);
  };
  const auto lanes = all_recursions(lanes_of(0.4, 0.7), lanes_of(0.05, 0.02), lanes_of(0.5, 0.8));
  const auto first = all_recursions(0.4, 0.05, 0.5), second = all_recursions(0.7, 0.02, 0.8);
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    EXPECT_EQ(lanes[i].v[0], first[i]) << i;
    EXPECT_EQ(lanes[i].v[1], second[i]) << i;
  }
}

TEST(ValueType, FloatsFollowDoubles) {
  // 20 steps of 1e-7, magnified where a multiplier is small.
  const auto single = all_recursions(0.4F, 0.05F, 0.5F);
  const auto twice = all_recursions(0.4, 0.05, 0.5);
  for (std::size_t i = 0; i < single.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(single[i]) / twice[i], 1, 2e-5) << i;
  }
}

TEST(Competing, LogStepFollowsThePlainStep) {
  Worst worst("competing_log_step", 1e-9), gradient("competing_step", 1e-14);
  const double eta = 0.3, rho = 0.05;
  double u[2] = {0.02, -0.004}, v = 0.1, log_v = 0.1;
  double log_u[2] = {std::log(0.02), std::log(0.004)}, sign[2] = {1, -1};
  for (int k = 0; k < 300; ++k) {
    // SAM from its definition, for the multiplicative form
    const double g[3] = {(2 + v) * u[0], (2 - v) * u[1], 0.5 * (u[0] * u[0] - u[1] * u[1])};
    const double scale = rho / std::hypot(g[0], g[1], g[2]);
    const double p[3] = {u[0] + scale * g[0], u[1] + scale * g[1], v + scale * g[2]};
    const double expected[3] = {u[0] - eta * (2 + p[2]) * p[0], u[1] - eta * (2 - p[2]) * p[1],
                                v - eta * 0.5 * (p[0] * p[0] - p[1] * p[1])};
    competing_step(u, v, eta, rho);
    gradient.absolute(u[0], expected[0]);
    gradient.absolute(u[1], expected[1]);
    gradient.absolute(v, expected[2]);

    competing_log_step(log_u, sign, log_v, eta, rho);
    worst.absolute(log_v, v);
    for (int i = 0; i < 2; ++i) {
      worst.relative(std::exp(log_u[i]), std::fabs(u[i]));
      ASSERT_EQ(sign[i], std::copysign(1.0, u[i]));
    }
  }
  EXPECT_EQ(competing_curvature(-0.25), 2.25);
}

template <class T>
std::vector<T> run_plain(const Vector& spectrum, double eta, double rho, int steps) {
  std::vector<T> lambda(spectrum.begin(), spectrum.end()), w(spectrum.size(), T(1));
  for (int k = 0; k < steps; ++k) {
    step(w.data(), lambda.data(), static_cast<int>(w.size()), static_cast<T>(eta),
         static_cast<T>(rho));
  }
  return w;
}

TEST(PlainNumbers, GiveAWrongWinner) {
  // The note's example. Float's cycle is known to 1e-4: its radial factor .998 sits on rounding.
  const Vector lambda = {1, 0.6, 0.004};
  const double eta = 0.45, rho = 1e-4;
  const double wrong = theory::cycle_amplitude(eta, rho, 0.004);

  const auto single = run_plain<float>(lambda, eta, rho, 25000);
  const auto twice = run_plain<double>(lambda, eta, rho, 25000);
  LogNetwork network(eta, rho, lambda, {1, 1, 1});
  double least = 0;
  for (int k = 0; k < 25000; ++k) {
    network.step();
    least = std::min(least, network.log_v[0]);
  }

  EXPECT_EQ(single[0], 0);
  EXPECT_EQ(twice[0], 0);
  EXPECT_NEAR(std::fabs(single[2]) / wrong, 1, 1e-4);
  EXPECT_NEAR(std::fabs(twice[2]) / wrong, 1, 1e-9);
  EXPECT_NEAR(network.log_v[0], std::log(theory::cycle_gradient_norm(eta, rho, 1)), 1e-12);
  EXPECT_LT(network.log_v[2], -40);
  EXPECT_NEAR(least / std::log(10.0), -1270, 0.5);
  EXPECT_NEAR(theory::descent(eta, rho, Vector{1, 0.6, 0.004}, Vector{1, 1, 1}).dip, least, 2);
}

template <class T>
void expect_winner_by_dip(double safe, double lost) {
  int wrong = 0, right = 0;
  for (const double a : {0.05, 0.2, 0.45, 0.8}) {
    for (const double kappa : {2.0, 5.0, 10.0, 20.0, 30.0, 50.0, 100.0}) {
      const double rho = 1e-2,
                   dip = theory::descent(a, rho, Vector{1, 1 / kappa}, Vector{1, 1}).dip;
      if (dip < safe && dip > lost) continue;
      const auto steps = static_cast<int>(3000 + 60 * kappa / a);
      const auto w = run_plain<T>({1, 1 / kappa}, a, rho, steps);
      const bool first = std::fabs(w[0]) > std::fabs(w[1]);
      EXPECT_EQ(first, dip >= safe) << "a " << a << ", kappa " << kappa << ", dip " << dip;
      ++(first ? right : wrong);
    }
  }
  EXPECT_GT(wrong, 3);
  EXPECT_GT(right, 3);
}

/// Steps until the weight that dies is 0, which no weight becomes through subnormal numbers.
template <class T, class Step>
void expect_no_subnormal(std::vector<T> w, std::size_t dying, Step step) {
  for (int k = 0; k < 200000 && w[dying] != 0; ++k) {
    step(w);
    for (const T x : w) ASSERT_NE(std::fpclassify(x), FP_SUBNORMAL) << "step " << k;
  }
  EXPECT_EQ(w[dying], 0);
}

template <class T>
void expect_no_subnormals() {
  const T lambda[2] = {T(1), T(0.5)}, eta = T(0.4), rho = T(0.1);
  expect_no_subnormal<T>({1, 1}, 1, [&](auto& w) { step(w.data(), lambda, 2, eta, rho); });
  expect_no_subnormal<T>({T(0.01), T(0.5)}, 1, [&](auto& w) { valley_step(w[0], w[1], eta, rho); });
  expect_no_subnormal<T>({T(0.1), T(0.1), T(0.1)}, 1, [&](auto& w) {
    T u[2] = {w[0], w[1]};
    competing_step(u, w[2], eta, rho);
    w[2] = T(0.1); // held, so that u_1 stays the stronger
    w[0] = u[0];
    w[1] = u[1];
  });
}

TEST(PlainNumbers, AreNeverSubnormal) {
  expect_no_subnormals<float>();
  expect_no_subnormals<double>();
}

TEST(PlainNumbers, LoseTheWinnerWhereTheDipUnderflows) {
  // The boundary of the winner map: -87 and -708, where numbers stop being normal; 5 nats for the
  // prediction's own error.
  expect_winner_by_dip<float>(-82, -92);
  expect_winner_by_dip<double>(-703, -713);
}

TEST(OrderParameters, OfTheQuadratic) {
  std::mt19937_64 random(8);
  Worst worst("order_parameters", 1e-12), log("order_parameter_potential", 1e-11);
  for (int n = 0; n < 200; ++n) {
    const std::size_t d = 1 + static_cast<std::size_t>(n) % 7;
    const double eta = 0.1 + 0.009 * n, rho = 0.2;
    const Vector lambda = random_spectrum(random, d, 0.05);
    const Vector w = random_weights(random, d, 0.5);
    Vector log_v(d), earlier(d);
    std::size_t best = 0;
    double steepest = -1e300;
    for (std::size_t i = 0; i < d; ++i) {
      log_v[i] = log_gradient(w[i], lambda[i]);
      earlier[i] = log_v[i] + 10 * (0.3 + static_cast<double>(i));
      if (std::fabs(w[i]) > std::fabs(w[best])) best = i;
    }
    for (std::size_t i = 0; i < d; ++i) {
      if (i != best) steepest = std::max(steepest, -0.3 - static_cast<double>(i));
    }
    double out[kOrderParameters];

    ASSERT_TRUE(order_parameters(log_v.data(), earlier.data(), 10, lambda.data(),
                                 static_cast<int>(d), eta, rho, out));

    const double g = norm_of(lambda, w), v1 = lambda[0] * w[0];
    EXPECT_EQ(out[winner], static_cast<double>(best + 1));
    worst.relative(out[amplitude], std::fabs(w[0]));
    worst.relative(out[alignment], v1 * v1 / (g * g));
    worst.relative(out[gradient_norm], g);
    log.absolute(out[potential], theory::potential(eta, rho, lambda, w));
    if (d > 1) {
      worst.relative(out[late_slope], steepest);
    } else {
      EXPECT_TRUE(std::isnan(out[late_slope]));
    }
  }
}

TEST(OrderParameters, OfTheLogDomainKeepWhatUnderflows) {
  const double log_v[2] = {-0.5, -5000}, earlier[2] = {-0.5, -4990}, lambda[2] = {1, 0.5};
  const double infinite[2] = {-0.5, -theory::kInfinity};
  double out[kOrderParameters];
  ASSERT_TRUE(order_parameters(log_v, earlier, 10, lambda, 2, 0.5, 0.1, out));
  EXPECT_EQ(out[winner], 1);
  EXPECT_EQ(out[alignment], 1);
  EXPECT_EQ(out[late_slope], -1);
  EXPECT_FALSE(order_parameters(infinite, earlier, 10, lambda, 2, 0.5, 0.1, out));
  const double overflowing[2] = {710, 0};
  EXPECT_FALSE(order_parameters(overflowing, earlier, 10, lambda, 2, 0.5, 0.1, out));
  EXPECT_EQ(log_gradient(0.0F, 1), detail::kLeastLog<float>);
  EXPECT_EQ(log_gradient(0.0, 1), detail::kLeastLog<double>);
  EXPECT_TRUE(std::isnan(log_gradient(std::nan(""), 1)));
}

TEST(Track, KeepsTheDipAndTheFirstHit) {
  Track<float> track(0, 1e9F);
  const float first[] = {0, -3, -1, -2}, norm[] = {2, 1.5F, 0.5F, 0.1F};
  for (int k = 0; k < 4; ++k) track.observe(first[k], norm[k], 1, static_cast<float>(k));
  EXPECT_EQ(track.dip, -3);
  EXPECT_EQ(track.hitting_step, 2);
}

} // namespace
} // namespace sharpsweep::sam_quadratic
