/// \file
/// What the tests of label_noise share: problems, states on the zero-loss manifold, the loss from
/// its definition.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include "sharpsweep/theory/label_noise.hpp"

namespace sharpsweep::label_noise::test {

using Kind = Activation::Kind;

inline constexpr Activation kCubic{Kind::cubic}, kQuintic{Kind::quintic, 0.5, 0.25},
    kTanh{Kind::tanh}, kSinh{Kind::sinh};
inline constexpr Activation kActivations[] = {kCubic, kQuintic, kTanh, kSinh};

/// Calls `use` with the activation's type for values of R.
template <class R, class Use>
void visit(const Activation& phi, const Use& use) {
  using T = typename ValueTraits<R>::Scalar;
  visit(phi.kind, R(static_cast<T>(phi.k)), R(static_cast<T>(phi.q)), use);
}

inline std::size_t work_size(std::size_t samples, std::size_t neurons) {
  return samples * (neurons + 1);
}
inline constexpr std::size_t kAllSamples = ~std::size_t{0};

/// One step of a form of the recursion. \param matrix  M, or the inputs
/// \param drawn  the sample that the step sees \param weights  z or Theta
template <class Form, class Phi, class R>
void step(const Phi& phi, const Extent& extent, const R* matrix, R minus_step, const R* noisy_label,
          R* weights, R* work, std::size_t drawn = kAllSamples) {
  R* const error = work + extent.samples * extent.neurons;
  Form::respond(phi, extent, matrix, weights, work, error);
  for (std::size_t i = 0; i < extent.samples; ++i) {
    const bool seen = drawn == kAllSamples || drawn == i;
    error[i] = seen ? sub(error[i], noisy_label[i]) : R(0);
  }
  Form::descend(phi, extent, matrix, minus_step, error, weights, work);
}
/// The same in z-space. \param minus_step_kernel  -(eta/n) K, or -eta K
template <class Phi, class R>
void step(const Phi& phi, std::size_t samples, std::size_t neurons, const R* minus_step_kernel,
          const R* noisy_label, R* z, R* work, std::size_t drawn = kAllSamples) {
  step<Dense<0>>(phi, {samples, neurons, 0}, minus_step_kernel, R(0), noisy_label, z, work, drawn);
}

inline std::size_t drawn_sample(std::uint64_t key, std::uint32_t seed, std::uint64_t step,
                                std::uint32_t samples) {
  return drawn_samples(key, seed, step / 4, samples).word[step % 4];
}

inline double largest_difference(std::span<const double> a, std::span<const double> b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

inline double largest_magnitude(std::span<const double> a) {
  double largest = 0;
  for (const double x : a) largest = std::max(largest, std::fabs(x));
  return largest;
}

/// Inputs with entries N(0, 1/d): |x_i| is about 1.
inline Matrix random_inputs(std::size_t samples, std::size_t inputs, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Matrix x(samples, inputs);
  for (double& entry : x.entries()) entry = normal(random) / std::sqrt(inputs);
  return x;
}

/// A problem with labels m a_i.
inline Problem problem_of(const Activation& phi, std::size_t neurons, const Matrix& inputs,
                          std::vector<double> labels_per_neuron) {
  for (double& label : labels_per_neuron) label *= static_cast<double>(neurons);
  return {phi, neurons, dense::gram(inputs), std::move(labels_per_neuron)};
}

/// Labels per neuron that every activation can reach.
inline std::vector<double> some_labels(std::size_t samples) {
  std::vector<double> labels;
  for (std::size_t i = 0; i < samples; ++i)
    labels.push_back(i % 3 == 0 ? 0.75 : i % 3 == 1 ? -0.6 : 0.3);
  return labels;
}

/// A random point of M, `distance` away from the replicated state before it was retracted.
inline State random_state(const Problem& problem, double distance, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  State z = theory::replicated_state(problem);
  for (double& x : z) x += distance * normal(random);
  EXPECT_TRUE(retract(problem, z));
  return z;
}

/// Theta with these preactivations: (z^T K^-1) X, plus a part orthogonal to the inputs.
inline Matrix parameters_with(const Problem& problem, const Matrix& inputs, const State& z,
                              unsigned seed) {
  const Matrix theta =
      gaussian_parameters(7, Stream::initial, seed, problem.neurons, inputs.columns(), 0.5);
  return parameters_of(problem, inputs, theta, z);
}

/// The loss from its definition, (1/2n) sum_i (sum_j phi(theta_j . x_i) - y_i)^2.
inline double loss_of(const Problem& problem, const Matrix& inputs, const Matrix& theta) {
  double sum = 0;
  for (std::size_t i = 0; i < inputs.rows(); ++i) {
    double f = -problem.labels[i];
    for (std::size_t j = 0; j < theta.rows(); ++j) {
      f += jet(problem.activation, dense::dot(theta.row(j), inputs.row(i))).value;
    }
    sum += f * f;
  }
  return sum / (2 * static_cast<double>(inputs.rows()));
}

/// A point of M at `distance` from the replicated state in the direction that decays slowest (or
/// grows fastest): the flow leaves that one over, rescaled again and again.
inline State slowest_direction(const Problem& problem, double eta, double distance) {
  const std::vector<double> rates = theory::relaxation_rates(problem, eta);
  const State centre = theory::replicated_state(problem);
  State z = random_state(problem, 1e-5, 1);
  for (int round = 0; round < 4; ++round) {
    if (round > 0 && rates.size() > 1) {
      EXPECT_TRUE(theory::follow_slow_flow(problem, z, 8 / (rates[1] - rates[0]), eta, 1e-6));
    }
    const double factor =
        (round < 3 ? 1e-5 : distance) / theory::distance_to_replicated(problem, z);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] = centre[i] + factor * (z[i] - centre[i]);
    EXPECT_TRUE(retract(problem, z));
  }
  return z;
}

} // namespace sharpsweep::label_noise::test
