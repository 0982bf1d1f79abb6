// The recursion of models/sam_classification.hpp against its definition written plainly in long
// double, its helpers, its limits, and its order parameters.

#include "sharpsweep/models/sam_classification.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <memory>
#include <random>

#include "tests/unit/sam_classification_run.hpp"

namespace sharpsweep::sam_classification {
namespace {

/// Four networks side by side.
using Lanes = Pack<double, 4>;
template <class F>
Lanes each(F f) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = f(i);
  return r;
}

using Long = long double;
using Longs = std::vector<Long>;

/// One step as the paper states it, each quantity from its definition. \return {eta s, eta s / N}
std::pair<Long, Long> plain_step(Rule rule, Clock clock, int depth, const Numbers& examples,
                                 Long step_size, Long rho, Longs& w) {
  const std::size_t layers = static_cast<std::size_t>(depth), d = w.size() / layers;
  const std::size_t n = examples.size() / d;
  Long residuals = 0; // sum of q_i at the latest point
  const auto ascent = [&](const Longs& at) {
    Longs g(w.size(), 0);
    residuals = 0;
    for (std::size_t i = 0; i < n; ++i) {
      Long margin = 0;
      for (std::size_t j = 0; j < d; ++j) {
        Long beta = 1;
        for (std::size_t l = 0; l < layers; ++l) beta *= at[l * d + j];
        margin += examples[i * d + j] * beta;
      }
      const Long q = 1 / (1 + std::exp(margin));
      residuals += q;
      for (std::size_t k = 0; k < w.size(); ++k) {
        Long rest = 1;
        for (std::size_t l = 0; l < layers; ++l) rest *= l == k / d ? 1 : at[l * d + k % d];
        g[k] += q * examples[i * d + k % d] * rest;
      }
    }
    return g;
  };
  Longs what = w;
  Long norm = 0;
  const Longs up = ascent(w);
  for (const Long g : up) norm += g * g;
  norm = std::sqrt(norm);
  const Long relative_norm = norm / residuals;
  for (std::size_t k = 0; k < w.size(); ++k) {
    if (rule == Rule::linf) what[k] -= up[k] > 0 ? rho : -rho;
    if (rule == Rule::l2) what[k] -= rho * up[k] / norm;
  }
  const Longs down = ascent(what);
  const Long total = residuals;
  const Long rate = step_size * (clock == Clock::rescaled ? 1 : total / static_cast<Long>(n));
  for (std::size_t k = 0; k < w.size(); ++k) w[k] += rate * down[k] / total;
  return {rate, rule == Rule::l2 ? rate / relative_norm : 0};
}

TEST(Step, IsTheDefinition) {
  // 100 steps from random weights on random data of both signs; a chaotic approach to a sign
  // change under linf is avoided by few steps. Float follows double to its own rounding.
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  double worst = 0, worst_float = 0;
  for (const Rule rule : {Rule::gd, Rule::linf, Rule::l2}) {
    for (const Clock clock : {Clock::logistic, Clock::rescaled}) {
      for (int depth = 1; depth <= 6; ++depth) {
        for (const auto& [n, d] :
             {std::pair<std::size_t, std::size_t>{1, 1}, {1, 4}, {5, 3}, {7, 8}}) {
          Numbers examples, scales;
          for (std::size_t k = 0; k < n * d; ++k) examples.push_back(0.4 + normal(random));
          for (std::size_t j = 0; j < d; ++j) scales.push_back(0.9 + 0.1 * normal(random));
          const double step_size = 0.002, rho = 0.15;
          Network run(rule, clock, depth, examples, scales, step_size, rho, {1.3, 0.8});
          NetworkOf<float> single(rule, clock, depth, examples, scales, step_size, rho, {1.3, 0.8});
          Longs w(run.w.begin(), run.w.end());
          Long tau = 0, phi = 0;
          for (int k = 0; k < 100; ++k) {
            const auto [rate, over_norm] =
                plain_step(rule, clock, depth, examples, step_size, rho, w);
            tau += rate;
            phi += over_norm;
            run.step();
            single.step();
          }
          ASSERT_TRUE(run.running());
          for (std::size_t k = 0; k < w.size(); ++k) {
            worst = std::max(worst, std::fabs(run.w[k] - static_cast<double>(w[k])));
            worst_float = std::max(worst_float, std::fabs(single.w[k] - static_cast<double>(w[k])));
          }
          worst = std::max(worst, std::fabs(run.tau() - static_cast<double>(tau)));
          worst =
              std::max(worst, std::fabs(run.phi() - static_cast<double>(phi)) / (1 + run.phi()));
        }
      }
    }
  }
  measured("100 steps, double, against long double", worst, 1e-12);
  measured("100 steps, float, against long double", worst_float, 2e-4);
}

TEST(Step, LanesAreNetworks) {
  // Four networks of different data, starts and radii in the lanes of one: the bits of four runs,
  // though some of them blow up and freeze on the way.
  const std::size_t n = 3, d = 2;
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal;
  int frozen = 0, runs = 0;
  for (const Rule rule : {Rule::gd, Rule::linf, Rule::l2}) {
    for (const Clock clock : {Clock::logistic, Clock::rescaled}) {
      std::vector<Lanes> examples(n * d), w(3 * d), buffer(Workspace<Lanes>::size(3, d, n));
      const Lanes rho = each([](int i) { return 0.1 + 0.2 * i; });
      for (Lanes& a : examples) a = each([&](int) { return 1 + 0.5 * normal(random); });
      for (Lanes& x : w) x = each([&](int) { return 1 + 0.3 * normal(random); });
      const Problem<Lanes> problem{d, n, examples.data(), Lanes(0.01), rho, Lanes(1e4)};
      const Workspace<Lanes> workspace(buffer.data(), 3, d);
      Track<Lanes> track;
      std::vector<std::unique_ptr<Network>> alone;
      for (std::size_t i = 0; i < 4; ++i) {
        Numbers own;
        for (const Lanes& a : examples) own.push_back(a.v[i]);
        alone.push_back(
            std::make_unique<Network>(rule, clock, 3, own, Numbers(d, 1), 0.01, rho.v[i]));
        for (std::size_t k = 0; k < w.size(); ++k) alone[i]->w[k] = w[k].v[i];
      }

      for (int k = 0; k < 120; ++k) {
        train(rule, clock, 3, problem, w.data(), track, workspace, 1);
        for (const auto& network : alone) network->step();
      }

      for (std::size_t i = 0; i < 4; ++i) {
        for (std::size_t k = 0; k < w.size(); ++k) EXPECT_EQ(w[k].v[i], alone[i]->w[k]);
        EXPECT_EQ(track.tau.v[i], alone[i]->tau());
        EXPECT_EQ(track.phi.v[i], alone[i]->phi());
        EXPECT_EQ(track.running.v[i] > 0, alone[i]->running());
        ++runs;
        frozen += !alone[i]->running();
      }
    }
  }
  EXPECT_GT(frozen, 3);
  EXPECT_LT(frozen, runs - 3);
}

TEST(Step, BalancedSingleExampleFormulas) {
  // The scalar recursions of one example, L = 2..6: gd, linf and l2 (beyond L = 2 formula only).
  const Numbers mu{0.7, 1.1, 1.9}, alpha{0.8, 1.0, 0.6};
  const double step_size = 0.002, rho = 0.3;
  double worst = 0;
  for (int depth = 2; depth <= 6; ++depth) {
    for (const Rule rule : {Rule::gd, Rule::linf, Rule::l2}) {
      Network run(rule, Clock::rescaled, depth, mu, alpha, step_size, rho);
      Numbers w = alpha;
      for (int k = 0; k < 60; ++k) {
        double square = 0;
        for (std::size_t j = 0; j < 3; ++j) {
          square += depth * std::pow(mu[j] * std::pow(w[j], depth - 1), 2);
        }
        for (std::size_t j = 0; j < 3; ++j) {
          const double sign = w[j] < 0 && depth % 2 == 0 ? -1 : 1;
          const double up = rule == Rule::gd ? 0
                            : rule == Rule::linf
                                ? rho * sign
                                : rho * mu[j] * std::pow(w[j], depth - 1) / std::sqrt(square);
          w[j] += step_size * mu[j] * std::pow(w[j] - up, depth - 1);
        }
        run.step();
      }
      for (std::size_t j = 0; j < 3; ++j) {
        for (int l = 0; l < depth; ++l) {
          worst = std::max(worst, std::fabs(run.weight(j, l) / w[j] - 1));
        }
      }
    }
  }
  measured("balanced formulas", worst, 1e-12);
}

TEST(Step, NegativeDataWithItsSignMirrorsPositiveData) {
  const Numbers scales{0.9, 0.7};
  for (const Rule rule : {Rule::gd, Rule::linf, Rule::l2}) {
    Network positive(rule, Clock::logistic, 3, {1, 2}, scales, 0.01, 0.2);
    Network mirrored(rule, Clock::logistic, 3, {1, -2}, scales, 0.01, 0.2);
    for (int l = 0; l < 3; ++l) {
      mirrored.w[static_cast<std::size_t>(2 * l) + 1] = initial_weight({}, 3, l, scales[1], -1);
    }
    positive.run(200);
    mirrored.run(200);
    EXPECT_EQ(mirrored.product(0), positive.product(0));
    EXPECT_EQ(mirrored.product(1), -positive.product(1));
  }
}

TEST(Step, SurvivesHugeMarginsAndTinyGradients) {
  // Margins of +-1e4: q and its square underflow, the ascent of l2 does not notice.
  Network far(Rule::l2, Clock::rescaled, 2, {1, 2, 2, 1}, {80, 80}, 0.01, 1);
  NetworkOf<float> near(Rule::l2, Clock::rescaled, 2, {1, 2, 2, 1}, {80, 80}, 0.01, 1);
  far.run(50);
  near.run(50);
  ASSERT_TRUE(far.running() && near.running());
  EXPECT_NEAR(near.weight(0) / far.weight(0), 1, 1e-5);
  // Weights of 1e-4 at L = 6: squares of gradients of 1e-20 underflow in float.
  const Numbers tiny(3, 1e-4);
  Network small(Rule::l2, Clock::rescaled, 6, {1, 1, 1}, tiny, 0.01, 1e-6);
  NetworkOf<float> small_float(Rule::l2, Clock::rescaled, 6, {1, 1, 1}, tiny, 0.01, 1e-6);
  small.step();
  small_float.step();
  EXPECT_NEAR(small_float.phi() / small.phi(), 1, 1e-6);
  // A network at zero stays there.
  NetworkOf<float> zero(Rule::l2, Clock::rescaled, 2, {1, 1}, {0, 0}, 0.01, 1);
  zero.run(10);
  EXPECT_TRUE(zero.running());
  EXPECT_EQ(zero.weight(0), 0);
  EXPECT_TRUE(std::isfinite(zero.phi()));
}

TEST(Step, ARunThatBlowsUpFreezes) {
  for (const int depth : {3, 6}) {
    Network run(Rule::gd, Clock::rescaled, depth, {1, 2}, {1, 1}, 0.01, 0);
    run.run(100000);
    ASSERT_FALSE(run.running());
    const Numbers w = run.w;
    const double tau = run.tau();
    run.step();
    EXPECT_EQ(run.w, w);
    EXPECT_EQ(run.tau(), tau);
    EXPECT_EQ(run.leader(), 1);
    for (const double x : w) EXPECT_LT(std::fabs(x), 1e4);
  }
  // Overflow and NaN on the way count as reaching the limit.
  NetworkOf<float> run(Rule::l2, Clock::rescaled, 6, {1, 0, 2, 1}, {9e3, 9e3}, 1, 0.1);
  run.step();
  run.step();
  EXPECT_FALSE(run.running());
  for (const float x : run.w) EXPECT_EQ(x, 9e3F);
}

TEST(Step, SignOfZeroIsPlusOne) {
  // A zero weight at L = 2 has gradient zero, so what = +rho and the weight leaves zero.
  Network run(Rule::linf, Clock::rescaled, 2, {1}, {0}, 0.01, 0.5);
  run.step();
  EXPECT_DOUBLE_EQ(run.weight(0), 0.01 * 0.5);
}

TEST(Track, FloatSumsLoseNothing) {
  float sum = 0, excess = 0, plain = 0;
  for (int k = 0; k < 1000000; ++k) {
    push(1e-3F, sum, excess);
    plain += 1e-3F;
  }
  EXPECT_NEAR(sum, 1000, 1e-4);
  EXPECT_GT(std::fabs(plain - 1000), 1);
}

TEST(Step, SoftplusOfHugeMargins) {
  EXPECT_EQ(softplus(1e300), 1e300);
  EXPECT_EQ(softplus(-1e300), 0);
  EXPECT_DOUBLE_EQ(softplus(0.0), std::log(2.0));
}

TEST(Start, FactorsAndSigns) {
  EXPECT_EQ(initial_weight({2, 0.5}, 3, 0, 0.3, 1), 0.6);
  EXPECT_EQ(initial_weight({2, 0.5}, 3, 1, 0.3, 1), 0.3);
  EXPECT_EQ(initial_weight({2, 0.5}, 3, 2, 0.3, 1), 0.15);
  EXPECT_EQ(initial_weight({2, 0.5}, 3, 0, 0.3, -1), -0.6);
  EXPECT_EQ(initial_weight({2, 0.5}, 3, 2, 0.3, -1), 0.15);
  EXPECT_EQ(initial_weight({2, 0.5}, 1, 0, 0.3, 1), 0.3);
}

struct Observed {
  bool finite;
  Numbers share, log_product;
  double out[kOrderParameters];
};

Observed observe(Rule rule, int depth, const Numbers& w, const Numbers& examples, std::size_t d,
                 const Numbers& l1 = {}, const Numbers& l2 = {}) {
  const std::size_t n = examples.size() / d;
  Numbers buffer(Workspace<double>::size(depth, d, n));
  const Workspace<double> workspace(buffer.data(), depth, d);
  const FinalState<double> state{rule,
                                 depth,
                                 d,
                                 n,
                                 w.data(),
                                 1,
                                 examples.data(),
                                 0.01,
                                 0.5,
                                 3,
                                 2,
                                 l1.empty() ? nullptr : l1.data(),
                                 l2.empty() ? nullptr : l2.data()};
  Observed seen{true, Numbers(d), Numbers(d), {}};
  seen.finite =
      order_parameters(state, seen.share.data(), seen.log_product.data(), seen.out, workspace);
  return seen;
}

TEST(OrderParameters, EqualTheirDefinitions) {
  const Numbers w{0.5, -2, 3, 1, 4, 1}; // beta = (0.5, -8, 3)
  const Numbers examples{1, -2, 0.5, 2, -1, 1};
  const Numbers e2{0, -1, 0}, diagonal{1, 1, 1};
  const double root = std::sqrt(0.25 + 64 + 9);

  const Observed seen = observe(Rule::l2, 2, w, examples, 3, e2, diagonal);

  ASSERT_TRUE(seen.finite);
  EXPECT_EQ(seen.out[leader], 1);
  EXPECT_DOUBLE_EQ(seen.share[1], 8 / 11.5);
  EXPECT_DOUBLE_EQ(seen.log_product[1], std::log(8));
  EXPECT_DOUBLE_EQ(seen.out[margin], std::min(0.5 + 16 + 1.5, 1.0 + 8 + 3));
  EXPECT_DOUBLE_EQ(seen.out[cosine_l1], 8 / root);
  EXPECT_DOUBLE_EQ(seen.out[cosine_l2], -4.5 / (root * std::sqrt(3.0)));
  EXPECT_EQ(seen.out[clock_tau], 3);
  EXPECT_EQ(seen.out[clock_phi], 2);
  EXPECT_DOUBLE_EQ(seen.out[crossover], 1.5);
  EXPECT_EQ(seen.out[chatter], 0);
  const double q1 = 1 / (1 + std::exp(18.0)), q2 = 1 / (1 + std::exp(12.0));
  double square = 0;
  for (std::size_t j = 0; j < 3; ++j) {
    const double slope = (q1 * examples[j] + q2 * examples[3 + j]) / (q1 + q2);
    square += slope * slope * (w[j] * w[j] + w[3 + j] * w[3 + j]);
  }
  EXPECT_NEAR(seen.out[gradient_norm], std::sqrt(square), 1e-14);
}

TEST(OrderParameters, FateByTheSureInequalities) {
  const auto fate_of = [](Rule rule, int depth, double a, double b) {
    Numbers w;
    for (int l = 0; l < depth; ++l) w.insert(w.end(), {a, b});
    return static_cast<Fate>(observe(rule, depth, w, {1, 2}, 2).out[fate]);
  };
  // rho = 0.5: linf separates at 0.5; l2 collapses below N = 0.5 and escapes above N = 1.
  EXPECT_EQ(fate_of(Rule::linf, 2, 0.4, 0.51), Fate::escaped);
  EXPECT_EQ(fate_of(Rule::linf, 3, 0.49, 0.49), Fate::collapsed);
  EXPECT_EQ(fate_of(Rule::gd, 2, 1e-5, 1e-5), Fate::escaped);
  EXPECT_EQ(fate_of(Rule::l2, 2, 0.34, 0), Fate::collapsed); // N = sqrt 2 w_1
  EXPECT_EQ(fate_of(Rule::l2, 2, 0.37, 0), Fate::undecided);
  EXPECT_EQ(fate_of(Rule::l2, 2, 0.72, 0), Fate::escaped);
  EXPECT_EQ(fate_of(Rule::l2, 3, 5, 5), Fate::undecided);
  // A product of the sign against mu_j dies, whatever its size and beside whomever.
  const auto fate_against = [](Rule rule, double a, double b) {
    return static_cast<Fate>(observe(rule, 2, {-a, b, a, b}, {1, 2}, 2).out[fate]);
  };
  EXPECT_EQ(fate_against(Rule::linf, 2, 0.4), Fate::collapsed);
  EXPECT_EQ(fate_against(Rule::linf, 2, 0.6), Fate::escaped);
  EXPECT_EQ(fate_against(Rule::l2, 2, 0.1), Fate::undecided);
  EXPECT_EQ(fate_against(Rule::l2, 2, 0.4), Fate::escaped);
}

TEST(OrderParameters, ChatterAndDeadNetworks) {
  // Band: 2 eta |mu| rho = 0.01 and 0.02.
  EXPECT_EQ(observe(Rule::linf, 2, {3, 0.004, 3, -0.004}, {1, 2}, 2).out[chatter], 0.004);
  EXPECT_EQ(observe(Rule::linf, 2, {3, 0.03, 3, 0.03}, {1, 2}, 2).out[chatter], 0);
  const Observed dead = observe(Rule::linf, 2, {0, 0, 0, 0}, {1, 2}, 2, {0, 1}, {0, 1});
  EXPECT_TRUE(dead.finite);
  EXPECT_TRUE(std::isnan(dead.share[0]));
  EXPECT_TRUE(std::isnan(dead.out[cosine_l1]));
  EXPECT_EQ(dead.log_product[1], -INFINITY);
  EXPECT_EQ(static_cast<Fate>(dead.out[fate]), Fate::collapsed);
  EXPECT_TRUE(std::isnan(observe(Rule::gd, 2, {1, 1, 1, 1}, {1, 2}, 2).out[crossover]));
  EXPECT_FALSE(observe(Rule::gd, 2, {1, NAN, 1, 1}, {1, 2}, 2).finite);
}

} // namespace
} // namespace sharpsweep::sam_classification
