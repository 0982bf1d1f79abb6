// Training with label noise against the slow flow, its rates and its clock, at step sizes near the
// edge of stability, where the theory of small steps is far off. Seeds are fixed; a mean over seeds
// may differ from its prediction by 3 standard errors, estimated from the scatter over 60 seeds or
// more: with other seeds a check would fail by chance once in 250 times.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "sharpsweep/theory/label_noise.hpp"
#include "tests/label_noise_support.hpp"

namespace sharpsweep::label_noise {
namespace {

using namespace test;

/// Training in z-space with noise +-1 from the program's own streams.
class Training {
public:
  Training(const Problem& problem, double step_size, double sigma, std::uint32_t seed, State z)
      : problem_(problem), sigma_(sigma), seed_(seed), full_(problem.kernel),
        single_(problem.kernel), z_(std::move(z)), blocks_(problem.samples()),
        held_(problem.samples(), ~std::uint64_t{0}),
        work_(work_size(problem.samples(), problem.neurons)) {
    for (double& entry : full_.entries()) {
      entry *= -step_size / static_cast<double>(problem.samples());
    }
    for (double& entry : single_.entries()) entry *= -step_size;
  }

  /// \param after_step  called after every step
  template <class After>
  void run_full_batch(std::uint64_t steps, After after_step) {
    const std::size_t n = problem_.samples();
    std::vector<double> labels(n);
    visit<double>(problem_.activation, [&](auto phi) {
      for (const std::uint64_t end = step_ + steps; step_ < end; ++step_) {
        for (std::size_t i = 0; i < n; ++i) labels[i] = noisy(i);
        step(phi, n, problem_.neurons, full_.entries().data(), labels.data(), z_.data(),
             work_.data());
        after_step();
      }
    });
  }
  void run_full_batch(std::uint64_t steps) {
    run_full_batch(steps, [] {});
  }

  void run_single_samples(std::uint64_t steps) {
    const std::size_t n = problem_.samples();
    std::vector<double> labels(n);
    visit<double>(problem_.activation, [&](auto phi) {
      for (const std::uint64_t end = step_ + steps; step_ < end; ++step_) {
        const std::size_t i = drawn_sample(1, seed_, step_, static_cast<std::uint32_t>(n));
        labels[i] = noisy(i);
        step(phi, n, problem_.neurons, single_.entries().data(), labels.data(), z_.data(),
             work_.data(), i);
      }
    });
  }

  /// Noise-free steps until the state rests on M: what the fast directions carried is gone, and the
  /// slow ones are where the theory measures them.
  void settle(std::uint64_t steps) {
    const double sigma = std::exchange(sigma_, 0.0);
    run_full_batch(steps);
    sigma_ = sigma;
  }

  const State& z() const { return z_; }
  double log_spread() const {
    return std::log(spread(problem_.samples(), problem_.neurons, z_.data()));
  }

private:
  double noisy(std::size_t i) {
    std::uint64_t& held = held_[i];
    if (held != step_ / kSignsPerBlock) {
      held = step_ / kSignsPerBlock;
      blocks_[i] = sign_block(1, seed_, static_cast<std::uint32_t>(i), held);
    }
    const std::uint32_t word = blocks_[i].word[step_ % kSignsPerBlock / kSignsPerWord];
    const bool minus = word << (step_ % kSignsPerWord) >> 31;
    return noisy_label(problem_.labels[i], sigma_, minus ? -1.0 : 1.0);
  }

  const Problem& problem_;
  double sigma_;
  std::uint32_t seed_;
  Matrix full_, single_;
  State z_;
  std::vector<PhiloxBlock> blocks_; ///< of each sample, with their numbers
  std::vector<std::uint64_t> held_;
  std::vector<double> work_;
  std::uint64_t step_ = 0;
};

struct Estimate {
  double mean, error; ///< standard error of the mean
};

constexpr double kSigma = 0.1; ///< small enough that its next order stays below the errors
constexpr std::uint32_t kSeeds = 60;

/// The mean of `measure(seed)` over seeds.
template <class Measure>
Estimate over_seeds(std::uint32_t seeds, Measure measure) {
  double sum = 0, squares = 0;
  for (std::uint32_t seed = 0; seed < seeds; ++seed) {
    const double value = measure(seed);
    sum += value;
    squares += value * value;
  }
  const double mean = sum / seeds;
  return {mean, std::sqrt((squares / seeds - mean * mean) / (seeds - 1))};
}

TEST(Training, LeavesReplicasReplicas) {
  const std::size_t n = 3, m = 7;
  const Matrix x = random_inputs(n, 6, 21);
  for (const Activation& phi : kActivations) {
    const Problem problem = problem_of(phi, m, x, some_labels(n));
    const State start = theory::replicated_state(problem);
    Training full(problem, 0.1, 0.5, 0, start), single(problem, 0.03, 0.5, 1, start);

    full.run_full_batch(2000);
    single.run_single_samples(2000);

    EXPECT_NE(full.z(), start);
    EXPECT_TRUE(is_finite(full.z()[0]) && is_finite(single.z()[0]));
    EXPECT_EQ(spread(n, m, full.z().data()), 0);
    EXPECT_EQ(spread(n, m, single.z().data()), 0);
  }
}

/// Nearly orthogonal inputs, whose rates are not far apart.
Problem tame_problem(const Activation& phi, std::size_t neurons, std::vector<double> labels) {
  const std::size_t n = labels.size();
  return problem_of(phi, neurons, random_inputs(n, 8 * n, 22), std::move(labels));
}

/// (-ln spread / 2)' of training in units of `rate`, averaged over seeds. \param clock  S of a step
template <class Run>
Estimate measured_rate(const Problem& problem, const State& start, double step_size, double sigma,
                       double rate, double clock, std::uint32_t seeds, Run run) {
  // The first part lets training reach its stationary distribution around M.
  const auto before = static_cast<std::uint64_t>(0.2 / std::fabs(rate) / clock);
  const auto window = static_cast<std::uint64_t>(2.5 / std::fabs(rate) / clock);
  return over_seeds(seeds, [&](std::uint32_t seed) {
    Training training(problem, step_size, sigma, seed, start);
    run(training, before);
    const double early = training.log_spread();
    run(training, window);
    return (early - training.log_spread()) / 2 / (static_cast<double>(window) * clock) / rate;
  });
}

void full_batch(Training& training, std::uint64_t steps) { training.run_full_batch(steps); }
void single_samples(Training& training, std::uint64_t steps) { training.run_single_samples(steps); }

TEST(Training, SpreadDecaysAtTwiceTheSlowestRateOfFiniteSteps) {
  // eta lambda_max = 1: the rates of small steps are off by far more than the error.
  for (const std::size_t n : {1u, 2u, 3u}) {
    std::vector<double> labels = {0.9, 0.8, -0.7};
    labels.resize(n);
    const Problem problem = tame_problem(kCubic, 4, labels);
    const double step_size =
        1 / theory::largest_curvature(problem, theory::replicated_state(problem));
    const double slowest = theory::relaxation_rates(problem, step_size).front();

    const Estimate rate = measured_rate(
        problem, slowest_direction(problem, step_size, 1e-3), step_size, kSigma, slowest,
        theory::slow_clock(step_size, kSigma, static_cast<double>(n), 1), kSeeds, full_batch);

    const double small_steps = theory::relaxation_rates(problem, 0).front() / slowest;
    EXPECT_NEAR(rate.mean, 1, 3 * rate.error);
    EXPECT_LT(rate.error, 0.003);
    EXPECT_LT(small_steps, 1 - 20 * rate.error);
  }
}

TEST(Training, SingleSamplesOfOrthogonalInputsAreProblemsOfOneSample) {
  // Derived here: where gradients of samples are orthogonal, sample i is drawn every n-th step and
  // then takes the step of a problem of its own, whose edge is eta |df_i|^2 = 2; W is
  // 1 / (1 - (eta/2) |df_i|^2), without the 1/n of A that full batches have. Had they the same W,
  // as label_noise.md could be read, the rate would be off by far more than the error.
  Matrix x(2, 2);
  x(0, 0) = x(1, 1) = 1;
  const Problem problem = problem_of(kCubic, 4, x, {0.9, 0.9});
  const Jet at = jet(kCubic, inverse(kCubic, 0.9));
  const double square = 4 * at.slope * at.slope, step_size = 0.6 / square;
  const double small_steps = at.slope * at.third; // (2/n) |x|^4 phi' phi''', n = 2
  const double expected = small_steps / (1 - 0.5 * step_size * square);

  const Estimate rate =
      measured_rate(problem, random_state(problem, 1e-3, 1), step_size, kSigma, expected,
                    theory::slow_clock(step_size, kSigma, 1, 1), kSeeds, single_samples);

  const double full_batch_rate = theory::relaxation_rates(problem, step_size).front() / expected;
  EXPECT_NEAR(theory::relaxation_rates(problem, 0).front(), small_steps, 1e-12);
  EXPECT_NEAR(rate.mean, 1, 3 * rate.error);
  EXPECT_LT(full_batch_rate, 1 - 10 * rate.error);
}

TEST(Training, FiniteStepsMoveTheStabilityLineOfCorrelatedInputs) {
  // Between the line of small steps and that of eta lambda_max = 1.5 the replicated state is stable
  // for the former and unstable for the latter: the spread grows, at the rate that 2 K Q has.
  Problem problem{kQuintic, 4, Matrix(2, 2), {}};
  problem.kernel(0, 0) = problem.kernel(1, 1) = 1;
  problem.kernel(0, 1) = problem.kernel(1, 0) = 0.9;
  problem.labels = {4 * (theory::stability_line(kQuintic) + 0.005), 4 * 0.8};
  const double step_size =
      1.5 / theory::largest_curvature(problem, theory::replicated_state(problem));
  const double rate = theory::relaxation_rates(problem, step_size).front();
  ASSERT_EQ(theory::unstable_modes(problem, 0), 0u);
  ASSERT_EQ(theory::unstable_modes(problem, step_size), 3u);
  ASSERT_LT(rate, 0);

  const Estimate growth =
      measured_rate(problem, slowest_direction(problem, step_size, 1e-5), step_size, kSigma, rate,
                    theory::slow_clock(step_size, kSigma, 2, 1), kSeeds, full_batch);

  EXPECT_NEAR(growth.mean, 1, 3 * growth.error);
  EXPECT_LT(growth.error, 0.1);
}

TEST(Training, FollowsTheSlowFlowOfTheFiniteStepSharpness) {
  // From far away, where F_eta and F differ: training is carried on without noise at the end, which
  // is the map onto M that the slow flow is a flow of.
  const Problem problem = tame_problem(kCubic, 3, {0.9, -0.5});
  const State start = random_state(problem, 0.8, 3);
  const double step_size = 1.2 / theory::largest_curvature(problem, start);
  const double clock = theory::slow_clock(step_size, kSigma, 2, 1);
  const auto steps = static_cast<std::uint64_t>(0.12 / clock);
  State finite = start, small = start;
  ASSERT_TRUE(theory::follow_slow_flow(problem, finite, static_cast<double>(steps) * clock,
                                       step_size, 1e-8));
  ASSERT_TRUE(
      theory::follow_slow_flow(problem, small, static_cast<double>(steps) * clock, 0, 1e-8));

  const Estimate sharpness = over_seeds(4 * kSeeds, [&](std::uint32_t seed) {
    Training training(problem, step_size, kSigma, seed, start);
    training.run_full_batch(steps);
    training.settle(500);
    return theory::sharpness(problem, training.z(), 0);
  });

  const double predicted = theory::sharpness(problem, finite, 0);
  const double without = theory::sharpness(problem, small, 0);
  EXPECT_NEAR(sharpness.mean, predicted, 3 * sharpness.error);
  EXPECT_GT(std::fabs(without - predicted), 20 * sharpness.error);
}

TEST(Training, DivergesBeyondTheEdgeOfStability) {
  // Noise-free, from near the replicated state: eta lambda_max = 2 parts rest from none.
  const Problem problem = tame_problem(kCubic, 4, {0.9, 0.8});
  const State rest = theory::replicated_state(problem);
  const double edge = 2 / theory::largest_curvature(problem, rest);
  for (const double part : {0.98, 1.02}) {
    State start = rest;
    for (double& value : start) value += 1e-6;
    Training training(problem, part * edge, 0, 0, start);

    training.run_full_batch(1000);

    const double distance = theory::distance_to_replicated(problem, training.z());
    EXPECT_EQ(distance < 1e-12, part < 1);
  }
}

TEST(Training, StationaryLossIsThatOfTheCovariance) {
  // At the replicated state, where training stays. Means over 20000 steps of 60 seeds.
  const Problem problem = tame_problem(kCubic, 4, {0.9, 0.8, -0.7});
  const State start = theory::replicated_state(problem);
  const double step_size = 1.2 / theory::largest_curvature(problem, start), sigma = 0.02;
  const Estimate measured = over_seeds(kSeeds, [&](std::uint32_t seed) {
    Training training(problem, step_size, sigma, seed, start);
    training.run_full_batch(300);
    double sum = 0;
    training.run_full_batch(20'000, [&] {
      sum += loss(problem.activation, 3, 4, problem.labels.data(), training.z().data());
    });
    return sum / 20'000;
  });

  const double predicted = theory::stationary_loss(problem, start, step_size, sigma);
  const double small_steps =
      step_size * sigma * sigma / 12 * theory::sharpness(problem, start, 0); // eta sigma^2 F / 4n
  EXPECT_NEAR(measured.mean, predicted, 3 * measured.error);
  EXPECT_GT(std::fabs(small_steps - predicted), 20 * measured.error);
  EXPECT_NEAR(theory::stationary_loss(problem, start, 1e-5, sigma), 1e-5 * small_steps / step_size,
              1e-3 * 1e-5 * small_steps / step_size);
}

} // namespace
} // namespace sharpsweep::label_noise
