// The predictions of theory/sam_classification_l2.hpp against runs of the recursion, an integration
// of all weights, and the numbers of theory/sam_classification.md.

#include "sharpsweep/theory/sam_classification_l2.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "tests/unit/sam_classification_run.hpp"

namespace sharpsweep::sam_classification {
namespace {

using theory::L2Flow;

constexpr double kKappas[] = {1.25, 1.5, 2, 3, 4, 8};

Network network_of(const Numbers& mu, const Numbers& alpha, double step_size, double rho,
                   Clock clock = Clock::rescaled, const Start& start = {}) {
  return {Rule::l2, clock, 2, mu, alpha, step_size, rho, start};
}

/// Sorted data values with ratios of 1.15 to 1.75, in units of the largest or so.
Numbers random_data(std::mt19937_64& random, std::size_t d) {
  std::uniform_real_distribution<double> uniform(1.15, 1.75);
  Numbers mu{1};
  while (mu.size() < d) mu.push_back(mu.back() * uniform(random));
  for (double& value : mu) value *= 2 / mu.back();
  return mu;
}

TEST(L2, ProductsAreExponentialsOfTauAndPhi) {
  // Exact in the flow; a step leaves (eta s mu)^2 of growth factors near 1 in ln beta, up to
  // 2e-3 * 1.7^2 * 3 in all: order 1 at the run's own tau and Phi, in both clocks.
  const Numbers mu{0.6, 1, 1.7}, alpha{1.1, 0.7, 0.9};
  for (const Clock clock : {Clock::rescaled, Clock::logistic}) {
    Numbers errors;
    for (const double step_size : {2e-3, 1e-3, 5e-4}) {
      Network network = network_of(mu, alpha, step_size, 0.8, clock);
      double worst = 0;
      for (int k = 0; k < std::lround(3 / step_size); ++k) network.step();
      for (std::size_t j = 0; j < 3; ++j) {
        const double expected =
            theory::l2_log_product(mu[j], alpha[j], 0.8, network.tau(), network.phi());
        worst = std::max(worst, std::fabs(std::log(network.product(j)) - expected));
      }
      errors.push_back(worst);
    }
    first_order("l2 L=2: ln beta from the run's tau and Phi, order 1", errors, 1.7e-2);
  }
}

TEST(L2, ScalarFlowIsTheFlowOfAllWeights) {
  // The test's own: Runge-Kutta of order 4 for the six layers themselves, step 5e-4.
  const Numbers mu{0.6, 1, 1.7}, u{1.1, 0.3, 0.9}, v{0.5, 0.8, 0.9};
  const double rho = 0.8, h = 5e-4;
  const auto force = [&](const Numbers& w) {
    double square = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      square += mu[j] * mu[j] * (w[j] * w[j] + w[3 + j] * w[3 + j]);
    }
    Numbers f(8);
    double z = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      const double uh = w[j] - rho * mu[j] * w[3 + j] / std::sqrt(square);
      const double vh = w[3 + j] - rho * mu[j] * w[j] / std::sqrt(square);
      f[j] = mu[j] * vh;
      f[3 + j] = mu[j] * uh;
      z += mu[j] * uh * vh;
    }
    f[6] = 1 / std::sqrt(square);
    f[7] = 1 + std::exp(z);
    return f;
  };
  const auto moved = [](Numbers w, const Numbers& f, double by) {
    for (std::size_t k = 0; k < w.size(); ++k) w[k] += by * f[k];
    return w;
  };
  Numbers w{u[0], u[1], u[2], v[0], v[1], v[2], 0, 0};
  const double tau = 1.5;
  for (int k = 0; k < std::lround(tau / h); ++k) {
    const Numbers k1 = force(w), k2 = force(moved(w, k1, h / 2)), k3 = force(moved(w, k2, h / 2)),
                  k4 = force(moved(w, k3, h));
    w = moved(moved(moved(moved(w, k1, h / 6), k2, h / 3), k3, h / 3), k4, h / 6);
  }
  L2Flow flow(mu, u, v, rho);
  ASSERT_TRUE(
      flow.advance_to([tau](const L2Flow& f) { return f.tau() - tau; }, L2Flow::Resolve::time));

  measured("l2 flow: Phi against all weights", std::fabs(flow.phi() / w[6] - 1), 1e-9);
  measured("l2 flow: t against all weights", std::fabs(flow.time() / w[7] - 1), 1e-7);
  double worst = 0;
  for (std::size_t j = 0; j < 3; ++j) {
    worst = std::max(worst, std::fabs(flow.product(j) / (w[j] * w[3 + j]) - 1));
  }
  measured("l2 flow: products against all weights", worst, 1e-9);
}

TEST(L2, RunsFollowTheScalarFlow) {
  const Numbers mu{0.6, 1, 1.7}, alpha{0.7, 0.7, 0.7};
  for (const double tau : {1.0, 4.0}) {
    Numbers errors;
    for (const double step_size : {2e-3, 1e-3, 5e-4}) {
      Network network = network_of(mu, alpha, step_size, 1);
      network.run(static_cast<int>(std::lround(tau / step_size)));
      const L2Flow flow = theory::l2_at_clock(mu, alpha, 1, tau);
      EXPECT_NEAR(flow.tau(), tau, 1e-13);
      errors.push_back(std::fabs(network.phi() - flow.phi()));
    }
    first_order("l2 flow: Phi at a clock, order 1", errors, 1e-2);
  }
  for (const double time : {3.0, 100.0}) {
    Numbers errors;
    for (const double step_size : {4e-3, 2e-3, 1e-3}) {
      Network network = network_of(mu, alpha, step_size, 1, Clock::logistic);
      network.run(static_cast<int>(std::lround(time / step_size)));
      const L2Flow flow = theory::l2_at_time(mu, alpha, 1, time);
      errors.push_back(std::fabs(network.tau() - flow.tau()));
    }
    first_order("l2 flow: tau at a time, order 1", errors, 1e-2);
  }
  // Far beyond where N overflows, and in a collapse, the flow stands.
  EXPECT_NEAR(theory::l2_at_clock(mu, alpha, 1, 1000).phi(),
              theory::l2_at_clock(mu, alpha, 1, 40).phi(), 1e-12);
  EXPECT_LT(theory::l2_at_clock(mu, Numbers(3, 0.2), 1, 1000).tau(), 1);
}

TEST(L2, PairwiseOrderOfGrowthIsExact) {
  // A step multiplies w_j by 1 + eta mu_j (1 - rho mu_j / N): the order of two factors is that of
  // N and rho (mu_i + mu_j), at any step size. So the minor's lead peaks just when N gets there.
  std::mt19937_64 random(53);
  int checks = 0, mismatches = 0, excluded = 0, peaks = 0, off_peak = 0;
  std::uniform_real_distribution<double> uniform(0.3, 0.9);
  for (int trial = 0; trial < 300; ++trial) {
    const std::size_t d = 2 + random() % 4;
    const Numbers mu = random_data(random, d);
    Network network = network_of(mu, Numbers(d, uniform(random)), 0.01, 1);
    double lead = 0, norm_before = 0;
    bool rising_before = false;
    for (int k = 0; k < 250; ++k) {
      const double norm = network.norm();
      if (norm < 0.1) break; // collapsing: factors change sign
      const Numbers before = network.w;
      network.step();
      for (std::size_t j = 1; j < d; ++j) {
        for (std::size_t i = 0; i < j; ++i) {
          const double edge = mu[i] + mu[j];
          if (std::fabs(norm / edge - 1) < 1e-11) {
            ++excluded;
            continue;
          }
          const bool faster = network.w[j] / before[j] > network.w[i] / before[i];
          ++checks;
          mismatches += faster != (norm > edge);
        }
      }
      const double now = std::log(network.w[0] / network.w[1]);
      if (rising_before && now < lead) {
        ++peaks;
        off_peak += !(norm_before <= mu[0] + mu[1] && norm >= mu[0] + mu[1]);
      }
      rising_before = now > lead;
      lead = now;
      norm_before = norm;
    }
  }
  counted("l2: order of growth from N against rho (mu_i + mu_j)", checks, mismatches, excluded);
  counted("l2: the minor's lead peaks as N passes rho (mu_1 + mu_2)", peaks, off_peak, 0);
}

/// Runs a network to `tau` and compares its leader with the prediction at every 20th step.
struct Dominance {
  int checks = 0, mismatches = 0, excluded = 0;
  double largest_lead = 0;  ///< the largest predicted lead, in ln beta, among all that differ
  double largest_shift = 0; ///< |M / midpoint - 1| of the two that differ, likewise

  void run(Network& network, const Numbers& mu, const Numbers& alpha, double tau, double time,
           bool uniform) {
    const double step_size = network.problem.step_size;
    for (int k = 1; network.running() && network.tau() < tau && k * step_size < time; ++k) {
      network.step();
      if (network.norm() < 0.2 * mu[0]) return; // collapsed
      if (k % 20 != 0) continue;
      const theory::Leader expected = theory::l2_leader(mu, alpha, 1, network.tau(), network.phi());
      const double crossover = theory::l2_crossover(1, network.tau(), network.phi());
      if (uniform) {
        EXPECT_EQ(theory::l2_leader(mu, crossover), expected.coordinate);
      }
      const bool differs = network.leader() != expected.coordinate;
      // A step of size eta leaves eta^2 mu^2 / 2 in ln w.
      const double margin = step_size * mu.back() * mu.back() * network.tau();
      const bool near = expected.lead < margin;
      (near ? excluded : checks) += 1;
      if (!near) mismatches += differs;
      if (!differs) continue;
      largest_lead = std::max(largest_lead, expected.lead);
      const auto i = static_cast<std::size_t>(expected.coordinate);
      const auto j = static_cast<std::size_t>(network.leader());
      largest_shift = std::max(largest_shift, std::fabs(2 * crossover / (mu[i] + mu[j]) - 1));
    }
  }
  void report(const std::string& what) const {
    counted(what, checks, mismatches, excluded);
    std::printf("             largest lead of ln beta that differs: %.1e\n", largest_lead);
  }
};

TEST(L2, DominanceByTheHarmonicMeanOfTheGradientNorm) {
  std::mt19937_64 random(59);
  for (const Clock clock : {Clock::rescaled, Clock::logistic}) {
    Dominance dominance;
    for (std::size_t d = 2; d <= 8; ++d) {
      const Numbers mu = random_data(random, d);
      const double low = 0.9 * theory::l2_collapse_threshold(mu, 1);
      const double high = 1.2 * theory::l2_window_edge(mu, d - 2, d - 1, 1);
      for (int a = 0; a < 40; ++a) {
        const Numbers alpha(d, low + (high - low) * a / 39);
        Network network = network_of(mu, alpha, 2e-3, 1, clock);
        dominance.run(network, mu, alpha, 6, 12, true);
      }
    }
    dominance.report(clock == Clock::rescaled ? "l2: argmax beta = argmin |mu - M|, d = 2..8"
                                              : "l2: the same in the logistic clock");
    measured("l2: |M / midpoint - 1| of the cells that differ", dominance.largest_shift, 5e-3);
  }
  Dominance dominance;
  std::uniform_real_distribution<double> uniform(0.5, 1);
  for (int trial = 0; trial < 200; ++trial) {
    const std::size_t d = 2 + static_cast<std::size_t>(trial) % 7;
    const Numbers mu = random_data(random, d);
    Numbers alpha;
    for (std::size_t j = 0; j < d; ++j) alpha.push_back(uniform(random));
    Network network = network_of(mu, alpha, 2e-3, 1);
    dominance.run(network, mu, alpha, 6, 1e9, false);
  }
  dominance.report("l2: the same for starts alpha_j, d = 2..8");
}

TEST(L2, WindowsOfFirstAmplification) {
  std::mt19937_64 random(61);
  std::uniform_real_distribution<double> uniform(0.1, 1.3);
  int checks = 0, mismatches = 0, excluded = 0;
  for (int trial = 0; trial < 4000; ++trial) {
    const std::size_t d = 2 + random() % 6;
    const Numbers mu = random_data(random, d);
    const double alpha = uniform(random) * theory::l2_window_edge(mu, d - 2, d - 1, 1);
    std::size_t window = 0;
    bool on_edge = false;
    for (std::size_t j = 0; j + 1 < d; ++j) {
      const double edge = theory::l2_window_edge(mu, j, j + 1, 1);
      window += alpha > edge;
      on_edge = on_edge || std::fabs(alpha / edge - 1) < 1e-10;
    }
    Network network = network_of(mu, Numbers(d, alpha), 1e-3, 1);
    network.step();
    const int expected = static_cast<int>(window);
    (on_edge ? excluded : checks) += 1;
    if (on_edge) continue;
    mismatches += network.leader() != expected;
    mismatches += theory::l2_first_amplified(mu, alpha, 1) != expected;
  }
  counted("l2: first amplified coordinate by window, d = 2..7", checks, mismatches, excluded);

  checks = mismatches = 0;
  for (int trial = 0; trial < 40; ++trial) {
    const std::size_t d = 2 + random() % 6;
    const Numbers mu = random_data(random, d);
    const double edge = theory::l2_window_edge(mu, d - 2, d - 1, 1);
    Network network = network_of(mu, Numbers(d, 1.0001 * edge), 2e-3, 1);
    for (int k = 0; k < 2000; ++k, ++checks) {
      network.step();
      mismatches += network.leader() != static_cast<int>(d) - 1;
    }
  }
  counted("l2: above the top edge the major leads at every step", checks, mismatches, 0);
}

TEST(L2, LowWindowsMayLieInTheCollapse) {
  // The threshold need not lie in the first window: with strong majors beside close minors, starts
  // of the first windows, and some that amplify a larger mu first, collapse all the same.
  const Numbers mu{1, 1.05, 3, 3.1, 3.2};
  const double threshold = theory::l2_collapse_threshold(mu, 1);
  const double edge = theory::l2_window_edge(mu, 0, 1, 1);
  ASSERT_LT(edge, 0.8 * threshold);
  Network network = network_of(mu, Numbers(5, 0.97 * threshold), 1e-3, 1);

  network.step();
  const int first = network.leader();
  const bool amplified = network.weight(1) > 0.97 * threshold;
  network.run_to(20);

  EXPECT_EQ(first, 1);
  EXPECT_TRUE(amplified);
  EXPECT_LT(network.norm(), 0.1);
}

TEST(L2, WindowEdgesOfTwoCoordinates) {
  // As tabulated, half a unit of the last digit; (1 + kappa) / sqrt(2 (1 + kappa^2)).
  const double tabulated[] = {.99388, .98058, .94868, .89443, .85749, .78935};
  for (std::size_t k = 0; k < 6; ++k) {
    const Numbers mu{1, kKappas[k]};
    EXPECT_NEAR(theory::l2_window_edge(mu, 0, 1, 1), tabulated[k], 5e-6);
  }
}

TEST(L2, CollapseThresholdsAreTheTabledOnes) {
  const double tabulated[] = {.5029453, .5088033, .5213213, .5416034, .5567489, .5938710};
  double worst = 0;
  for (std::size_t k = 0; k < 6; ++k) {
    const double threshold = theory::l2_collapse_threshold(Numbers{1, kKappas[k]}, 1);
    worst = std::max(worst, std::fabs(threshold - tabulated[k]));
  }
  const double four = theory::l2_collapse_threshold(Numbers{1, 1.5, 2.2, 3}, 1);
  measured("l2: alpha_c / rho against the table", worst, 5e-8);
  measured("l2: alpha_c / rho of d = 4", std::fabs(four - .3739361), 5e-8);
  EXPECT_EQ(theory::l2_collapse_threshold(Numbers{1, 1}, 1), 0.5);
  EXPECT_NEAR(theory::l2_collapse_threshold(Numbers{3}, 0.7), 0.7 / std::sqrt(2.0), 1e-15);
}

TEST(L2, CollapseThresholdIsScaleFree) {
  double worst = 0;
  const double threshold = theory::l2_collapse_threshold(Numbers{1, 1.5, 2.2, 3}, 1);
  for (const double scale : {1e-3, 0.37, 40.0}) {
    const Numbers scaled{scale, 1.5 * scale, 2.2 * scale, 3 * scale};
    worst = std::max(worst, std::fabs(theory::l2_collapse_threshold(scaled, 1) / threshold - 1));
    const double other = theory::l2_collapse_threshold(Numbers{1, 1.5, 2.2, 3}, scale);
    worst = std::max(worst, std::fabs(other / scale / threshold - 1));
  }
  measured("l2: alpha_c invariant under scales of mu and rho", worst, 1e-11);
}

/// Whether a run escapes; decided by the sure inequalities.
bool escapes(Network& network, const Numbers& mu, double rho) {
  for (int k = 0; k < 1000000; ++k) {
    double sums = 0;
    for (std::size_t j = 0; j < mu.size(); ++j) {
      sums += 0.5 * std::pow(mu[j] * (network.weight(j, 0) + network.weight(j, 1)), 2);
    }
    if (std::sqrt(sums) > rho * mu.back()) return true;
    if (network.norm() < rho * mu.front()) return false;
    network.step();
  }
  return false;
}

TEST(L2, CollapseThresholdsAreBracketedByRuns) {
  int checks = 0, mismatches = 0;
  std::vector<Numbers> data;
  for (const double kappa : kKappas) data.push_back({1, kappa});
  data.push_back({1, 1.5, 2.2, 3});
  data.push_back({1, 1.1, 1.2, 1.3, 2.5});
  for (const Numbers& mu : data) {
    const double threshold = theory::l2_collapse_threshold(mu, 0.7);
    for (const double off : {-0.001, 0.001}) {
      Network network =
          network_of(mu, Numbers(mu.size(), threshold * (1 + off)), 5e-4 / mu.back(), 0.7);
      ++checks;
      mismatches += escapes(network, mu, 0.7) != (off > 0);
    }
  }
  counted("l2: alpha_c bracketed to 0.1 % by runs", checks, mismatches, 0);

  // Starts of unequal alpha_j, and of unequal layers.
  checks = mismatches = 0;
  std::mt19937_64 random(67);
  std::uniform_real_distribution<double> uniform(0.5, 1.5);
  for (int trial = 0; trial < 12; ++trial) {
    const std::size_t d = 2 + static_cast<std::size_t>(trial) % 4;
    const Numbers mu = random_data(random, d);
    Numbers profile;
    for (std::size_t j = 0; j < d; ++j) profile.push_back(uniform(random));
    const double threshold = theory::l2_collapse_threshold(mu, profile, 1);
    for (const double off : {-0.001, 0.001}) {
      Numbers alpha = profile;
      for (double& value : alpha) value *= threshold * (1 + off);
      Network network = network_of(mu, alpha, 2.5e-4, 1);
      ++checks;
      mismatches += escapes(network, mu, 1) != (off > 0);
    }
    const Start start{2 * uniform(random), uniform(random)};
    const auto flow_at = [&](double scale) {
      Numbers u, v;
      for (const double value : profile) {
        u.push_back(scale * value * start.first);
        v.push_back(scale * value * start.last);
      }
      return L2Flow(mu, u, v, 1);
    };
    const double unbalanced =
        theory::bisect(0.01, 4, [&](double scale) { return flow_at(scale).escapes(); });
    for (const double off : {-0.001, 0.001}) {
      Numbers alpha = profile;
      for (double& value : alpha) value *= unbalanced * (1 + off);
      Network network = network_of(mu, alpha, 2.5e-4, 1, Clock::rescaled, start);
      ++checks;
      mismatches += escapes(network, mu, 1) != (off > 0);
    }
  }
  counted("l2: the same for starts alpha_j and (u0, v0)", checks, mismatches, 0);
}

TEST(L2, ThresholdsOfRunsConvergeInTheStep) {
  const Numbers mu{1, 2};
  Numbers errors;
  for (const double step_size : {8e-3, 4e-3, 2e-3}) {
    double low = 0.5, high = 0.55;
    while (high - low > 1e-8) {
      const double middle = 0.5 * (low + high);
      Network network = network_of(mu, {middle, middle}, step_size, 1);
      (escapes(network, mu, 1) ? high : low) = middle;
    }
    errors.push_back(std::fabs(high / theory::l2_collapse_threshold(mu, 1) - 1));
  }
  first_order("l2: alpha_c of runs, relative, kappa = 2, order 1", errors, 5e-3);
}

TEST(L2, ExitsAreForGood) {
  std::mt19937_64 random(71);
  std::uniform_real_distribution<double> uniform(0.2, 0.9);
  int escaped = 0, collapsed = 0, returned = 0;
  for (int trial = 0; trial < 100; ++trial) {
    const std::size_t d = 2 + random() % 4;
    const Numbers mu = random_data(random, d);
    const double scale = uniform(random);
    Network network = network_of(mu, Numbers(d, scale), 2e-3, 1);
    bool above = false, below = false;
    for (int k = 0; k < 5000 && network.running(); ++k) {
      const double norm = network.norm();
      returned += above && norm < mu.back();
      returned += below && norm > mu.front();
      above = above || norm > mu.back();
      below = below || norm < mu.front();
      network.step();
    }
    escaped += above;
    collapsed += below;
    // A collapsed network chatters where a step multiplies a weight by -1: N = eta rho mu^2 / 2.
    if (below) {
      EXPECT_LT(network.norm(), 2e-3 * mu.back() * mu.back());
    }
  }
  counted("l2: runs beyond rho mu_max or below rho mu_min never return", escaped + collapsed,
          returned, 0);
  EXPECT_GT(escaped, 20);
  EXPECT_GT(collapsed, 20);
}

TEST(L2, SaddleRates) {
  const Numbers mu{0.7, 1, 1.6};
  const double rho = 0.9, step_size = 0.01, nudge = 1e-7;
  double worst = 0;
  for (std::size_t j = 0; j < 3; ++j) {
    for (std::size_t i = 0; i < 3; ++i) {
      Numbers alpha(3, 0);
      alpha[j] = rho / std::sqrt(2.0);
      const double rest = i == j ? alpha[j] : 0;
      alpha[i] += nudge;
      Network network = network_of(mu, alpha, step_size, rho);
      network.step();
      const double rate = ((network.weight(i) - rest) / nudge - 1) / step_size;
      worst = std::max(worst, std::fabs(rate - theory::l2_saddle_rate(mu, i, j)));
    }
  }
  // Rounding of a weight over the nudge and the step, and a nudge relative to rho.
  measured("l2: rates at the saddles", worst, 1e-6);
}

TEST(L2, SwitchClocks) {
  const Numbers mu{0.8, 1.2, 2};
  struct Case {
    Numbers alpha;
    std::size_t i, j;
  };
  const Case cases[] = {{{.6, .6, .6}, 0, 2},
                        {{.52, .52, .52}, 0, 1},
                        {{.52, .52, .52}, 1, 2},
                        {{.75, .6, .5}, 1, 2},
                        {{.75, .6, .5}, 0, 1}};
  for (const auto& [alpha, i, j] : cases) {
    const double expected = theory::l2_switch_clock(mu, alpha, 1, i, j);
    ASSERT_TRUE(expected > 0 && expected < 100);
    const L2Flow flow = theory::l2_at_clock(mu, alpha, 1, expected);
    if (alpha[i] == alpha[j]) {
      EXPECT_NEAR(flow.tau() / flow.phi(), mu[i] + mu[j], 1e-9);
    }
    Numbers errors;
    for (const double step_size : {4e-3, 2e-3, 1e-3}) {
      // Where ln(beta_j / beta_i), linear within a step, crosses zero for good.
      Network network = network_of(mu, alpha, step_size, 1);
      double crossed = 0, before = -1;
      while (network.tau() < expected + 0.5) {
        network.step();
        const double lead = std::log(network.product(j) / network.product(i));
        if (before < 0 && lead >= 0 && network.tau() > 0.01) {
          crossed = network.tau() - step_size * lead / (lead - before);
        }
        before = lead;
      }
      errors.push_back(std::fabs(crossed - expected));
    }
    first_order("l2: clock of a switch, order 1", errors, 5e-2);
  }
  EXPECT_EQ(theory::l2_switch_clock(mu, Numbers(3, 2), 1, 0, 2), 0);
  EXPECT_EQ(theory::l2_switch_clock(mu, Numbers(3, 0.2), 1, 0, 2), theory::kInfinity);
  const Numbers equal{1, 1}, apart{0.7, 0.8};
  EXPECT_EQ(theory::l2_switch_clock(equal, apart, 1, 0, 1), 0);
  EXPECT_EQ(theory::l2_switch_clock(equal, apart, 1, 1, 0), theory::kInfinity);
  EXPECT_EQ(theory::l2_switch_clock(equal, equal, 1, 0, 1), theory::kInfinity);
}

/// The uniform start from which on runs of mu = (1, 2), rho = 1 have the major leading at time t.
double run_boundary(double time, double step_size) {
  const Numbers mu{1, 2};
  double low = 0.53, high = 0.95;
  while (high - low > 1e-6) {
    const double middle = 0.5 * (low + high);
    Network network = network_of(mu, {middle, middle}, step_size, 1, Clock::logistic);
    network.run(static_cast<int>(std::lround(time / step_size)));
    (network.leader() == 1 ? high : low) = middle;
  }
  return high;
}

TEST(L2, TimeBudgetBoundaries) {
  const Numbers mu{1, 2};
  // The four figures of the notes are rounded to 0.005 or 0.01.
  struct Row {
    double time, quoted, tolerance;
  };
  for (const Row& row : {Row{2, .795, .005}, {10, .69, .005}, {50, .67, .005}, {500, .65, .005}}) {
    const double boundary = theory::l2_boundary_at_time(mu, 1, row.time);
    std::printf("             boundary at t = %g: %.6f\n", row.time, boundary);
    EXPECT_NEAR(boundary, row.quoted, row.tolerance);
  }
  for (const double time : {2.0, 10.0}) {
    Numbers errors;
    for (const double step_size : {8e-3, 4e-3, 2e-3}) {
      const double boundary = theory::l2_boundary_at_time(mu, 1, time);
      errors.push_back(std::fabs(run_boundary(time, step_size) / boundary - 1));
    }
    first_order("l2: boundary at time t, relative, order 1", errors, 2e-2);
  }
  double worst = 0;
  for (const double time : {50.0, 500.0}) {
    const double boundary = theory::l2_boundary_at_time(mu, 1, time);
    worst = std::max(worst, std::fabs(run_boundary(time, 1e-2) / boundary - 1));
  }
  measured("l2: boundary at t = 50 and 500, relative, step 0.01", worst, 1e-2);
}

TEST(L2, UnbalancedSumsAndDifferencesAreExact) {
  const Numbers mu{0.6, 1, 1.7};
  const double rho = 0.8, step_size = 0.02;
  double worst = 0;
  for (const double scale : {0.4, 0.9}) {
    Network network =
        network_of(mu, {scale, scale, scale}, step_size, rho, Clock::logistic, {1.6, 0.7});
    Numbers p, q;
    for (std::size_t j = 0; j < 3; ++j) {
      p.push_back(network.weight(j, 0) + network.weight(j, 1));
      q.push_back(network.weight(j, 0) - network.weight(j, 1));
    }
    for (int k = 0; k < 500; ++k) {
      double square = 0, z = 0;
      for (std::size_t j = 0; j < 3; ++j) {
        square += 0.5 * mu[j] * mu[j] * (p[j] * p[j] + q[j] * q[j]);
      }
      const double norm = std::sqrt(square);
      EXPECT_NEAR(network.norm() / norm, 1, 1e-10);
      for (std::size_t j = 0; j < 3; ++j) {
        const double grow = p[j] * (1 - rho * mu[j] / norm);
        const double shrink = q[j] * (1 + rho * mu[j] / norm);
        z += 0.25 * mu[j] * (grow * grow - shrink * shrink);
      }
      const double a = step_size / (1 + std::exp(z));
      for (std::size_t j = 0; j < 3; ++j) {
        p[j] *= 1 + a * mu[j] * (1 - rho * mu[j] / norm);
        q[j] *= 1 - a * mu[j] * (1 + rho * mu[j] / norm);
      }
      network.step();
      for (std::size_t j = 0; j < 3; ++j) {
        const double u = network.weight(j, 0), v = network.weight(j, 1);
        worst = std::max(worst, std::fabs(u + v - p[j]) + std::fabs(u - v - q[j]));
      }
    }
  }
  measured("l2 unbalanced: sums and differences, exact", worst, 1e-11);
}

} // namespace
} // namespace sharpsweep::sam_classification
