// theory/label_noise.hpp against what it is derived from: the loss, written here once more from its
// definition, differences of the sharpness, and the slow flow. Behind a tolerance stands the
// largest error found.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "sharpsweep/theory/label_noise.hpp"
#include "tests/label_noise_support.hpp"

namespace sharpsweep::label_noise {
namespace {

using namespace test;

// Sharpness.

TEST(Sharpness, IsTheTraceOfTheHessianOnTheManifold) {
  // Second differences with h = 1e-4 of a loss that is zero at the middle; its fourth derivative
  // makes an error of some 1e-8.
  double worst = 0;
  for (const Activation& phi : kActivations) {
    const Matrix x = random_inputs(3, 5, 6);
    const Problem problem = problem_of(phi, 4, x, some_labels(3));
    const State z = random_state(problem, 0.4, 3);
    const Matrix theta = parameters_with(problem, x, z, 1);
    double trace = 0;
    for (std::size_t at = 0; at < theta.entries().size(); ++at) {
      const double h = 1e-4;
      Matrix above = theta, below = theta;
      above.entries()[at] += h;
      below.entries()[at] -= h;
      trace += (loss_of(problem, x, above) + loss_of(problem, x, below)) / (h * h);
    }

    const double sharpness = theory::sharpness(problem, z, 0);

    worst = std::max(worst, std::fabs(trace / sharpness - 1));
    EXPECT_NEAR(hessian_trace(phi, 3, 4, problem.kernel.entries().data(), z.data()), sharpness,
                1e-14 * sharpness);
  }
  EXPECT_LT(worst, 1e-6); // 3.4e-8
}

TEST(Sharpness, OfFiniteStepsIsASumOverTheSpectrum) {
  const Matrix x = random_inputs(4, 5, 7);
  const Problem problem = problem_of(kCubic, 5, x, some_labels(4));
  const State z = random_state(problem, 0.5, 4);
  const double edge = 2 / theory::largest_curvature(problem, z);
  const auto eigenvalues =
      dense::symmetric_eigenvalues(theory::tangent_kernel(problem, jets(problem, z)));
  for (const double eta : {0.01 * edge, 0.5 * edge, 0.99 * edge}) {
    double sum = 0;
    for (const double lambda : eigenvalues) sum -= 2 / eta * std::log1p(-0.5 * eta * lambda);

    EXPECT_NEAR(theory::sharpness(problem, z, eta), sum, 1e-12 * sum);
  }
  // F_eta = F + (eta/4) tr A^2 + ...
  EXPECT_NEAR(theory::sharpness(problem, z, 1e-4 * edge), theory::sharpness(problem, z, 0),
              1e-4 * theory::sharpness(problem, z, 0));
  EXPECT_TRUE(std::isinf(theory::sharpness(problem, z, 1.01 * edge)));
}

TEST(Sharpness, GradientByDifferencesOfTheParameters) {
  double worst = 0;
  for (const Activation& phi : kActivations) {
    const Matrix x = random_inputs(3, 5, 8);
    const Problem problem = problem_of(phi, 4, x, some_labels(3));
    const State z = random_state(problem, 0.4, 5);
    const Matrix theta = parameters_with(problem, x, z, 2);
    for (const double eta : {0.0, 1 / theory::largest_curvature(problem, z)}) {
      Matrix gradient(4, 5);
      add_inputs(gradient, 1, theory::sharpness_gradient(problem, jets(problem, z), eta), x);
      for (std::size_t at = 0; at < theta.entries().size(); ++at) {
        const double h = 1e-5;
        Matrix above = theta, below = theta;
        above.entries()[at] += h;
        below.entries()[at] -= h;
        const double slope = (theory::sharpness(problem, preactivations(above, x), eta) -
                              theory::sharpness(problem, preactivations(below, x), eta)) /
                             (2 * h);
        worst = std::max(worst, std::fabs(slope - gradient.entries()[at]) /
                                    largest_magnitude(gradient.entries()));
      }
    }
  }
  EXPECT_LT(worst, 1e-8); // 6e-10
}

// The projection and the flow.

TEST(Projection, KillsTheJacobianKeepsTheRestAndIsThatOfTheParameters) {
  double killed = 0, kept = 0, dense_error = 0;
  for (const Activation& phi : kActivations) {
    const std::size_t n = 3, m = 4, d = 6;
    const Matrix x = random_inputs(n, d, 9);
    const Problem problem = problem_of(phi, m, x, some_labels(n));
    const State z = random_state(problem, 0.4, 6);
    const std::vector<Jet> at = jets(problem, z);

    // J_i has coefficients phi'(z_ij) of x_i alone.
    for (std::size_t i = 0; i < n; ++i) {
      std::vector<double> c(n * m, 0.0);
      for (std::size_t j = 0; j < m; ++j) c[j * n + i] = at[j * n + i].slope;
      killed = std::max(killed, largest_magnitude(theory::tangential(problem, at, c)) /
                                    largest_magnitude(c));
    }
    // P g in parameters: J and (J J^T)^-1 written out.
    const std::vector<double> h = theory::sharpness_gradient(problem, at, 0);
    const std::vector<double> projected = theory::tangential(problem, at, h);
    const std::vector<double> twice = theory::tangential(problem, at, projected);
    kept = std::max(kept, largest_difference(projected, twice) / largest_magnitude(projected));
    Matrix jacobian(n, m * d), gradient(m, d);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < m; ++j) {
        for (std::size_t k = 0; k < d; ++k) jacobian(i, j * d + k) = at[j * n + i].slope * x(i, k);
      }
    }
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < m; ++j) {
        const Jet& a = at[j * n + i];
        for (std::size_t k = 0; k < d; ++k) {
          gradient(j, k) += 2.0 / n * problem.kernel(i, i) * a.slope * a.second * x(i, k);
        }
      }
    }
    Matrix factor = dense::gram(jacobian);
    ASSERT_TRUE(dense::cholesky(factor));
    std::vector<double> pull(n);
    for (std::size_t i = 0; i < n; ++i) pull[i] = dense::dot(jacobian.row(i), gradient.entries());
    dense::solve_cholesky(factor, pull);
    std::vector<double> expected(gradient.entries().begin(), gradient.entries().end());
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < m * d; ++k) expected[k] -= pull[i] * jacobian(i, k);
    }
    Matrix from_coefficients(m, d);
    add_inputs(from_coefficients, 1, projected, x);
    dense_error = std::max(dense_error, largest_difference(from_coefficients.entries(), expected) /
                                            largest_magnitude(expected));
    for (std::size_t i = 0; i < n; ++i) {
      const double along = dense::dot(jacobian.row(i), from_coefficients.entries());
      killed = std::max(killed, std::fabs(along) / largest_magnitude(gradient.entries()));
    }
  }
  EXPECT_LT(killed, 1e-12);      // 1.2e-15
  EXPECT_LT(kept, 1e-12);        // 5e-16
  EXPECT_LT(dense_error, 1e-12); // 1.0e-15
}

TEST(SlowFlow, DescendsTheSharpnessAndStaysOnTheManifold) {
  double worst = 0;
  for (const Activation& phi : kActivations) {
    const Matrix x = random_inputs(3, 6, 10);
    const Problem problem = problem_of(phi, 5, x, some_labels(3));
    const State start = random_state(problem, 0.5, 7);
    for (const double eta : {0.0, 1 / theory::largest_curvature(problem, start)}) {
      State z = start;
      double before = theory::sharpness(problem, z, eta);
      for (int k = 0; k < 10; ++k) {
        ASSERT_TRUE(theory::follow_slow_flow(problem, z, 0.05, eta, 1e-6));
        worst = std::max(worst, largest_magnitude(residuals(problem, z)));
        const double after = theory::sharpness(problem, z, eta);
        EXPECT_LT(after, before);
        before = after;
      }
    }
  }
  EXPECT_LT(worst, 1e-13); // 1.0e-15
}

TEST(SlowFlow, LosesSharpnessAtTheSquaredLengthOfItsVelocity) {
  // dF/dS = -|P_T grad F|^2 = -sum c_ij K_ik c_kj; differences over 2e-5 are good to 1e-8.
  double worst = 0;
  const Matrix x = random_inputs(3, 6, 11);
  const Problem problem = problem_of(kSinh, 5, x, some_labels(3));
  const State z = random_state(problem, 0.5, 8);
  for (const double eta : {0.0, 1 / theory::largest_curvature(problem, z)}) {
    const std::vector<Jet> at = jets(problem, z);
    const std::vector<double> c =
        theory::tangential(problem, at, theory::sharpness_gradient(problem, at, eta));
    const State kc = moved(problem, State(z.size(), 0.0), 1, c);
    const double square = dense::dot(c, kc);
    const double h = 1e-5;
    const double rate = (theory::sharpness(problem, moved(problem, z, -h, c), eta) -
                         theory::sharpness(problem, moved(problem, z, h, c), eta)) /
                        (2 * h); // along -P_T grad F
    worst = std::max(worst, std::fabs(rate / square + 1));
  }
  EXPECT_LT(worst, 1e-7); // 9e-11
}

TEST(SlowFlow, DecouplesForOrthonormalInputs) {
  double worst = 0;
  for (const Activation& phi : kActivations) {
    Matrix x(3, 4);
    for (std::size_t i = 0; i < 3; ++i) x(i, i) = 1;
    const Problem problem = problem_of(phi, 5, x, some_labels(3));
    const State z = random_state(problem, 0.5, 9);

    const State velocity = theory::slow_velocity(problem, z, 0);

    worst = std::max(worst, largest_difference(velocity, theory::orthonormal_velocity(phi, 3, z)) /
                                largest_magnitude(velocity));
  }
  EXPECT_LT(worst, 1e-13); // 3e-16
}

TEST(SlowFlow, EndsInTheReplicatedStateFromAnywhereIfTheThirdDerivativeIsPositive) {
  for (const Activation& phi : {kCubic, kSinh}) {
    for (unsigned seed = 0; seed < 5; ++seed) {
      const Matrix x = random_inputs(2, 5, 20 + seed);
      const Problem problem = problem_of(phi, 4, x, {0.9, -0.4});
      State z = preactivations(gaussian_parameters(3, Stream::initial, seed, 4, 5, 1.5), x);
      ASSERT_TRUE(retract(problem, z));
      ASSERT_GT(theory::distance_to_replicated(problem, z), 0.3);

      const double slowest = theory::relaxation_rates(problem, 0).front();
      ASSERT_TRUE(theory::follow_slow_flow(problem, z, 16 / slowest, 0, 1e-4));

      EXPECT_LT(theory::distance_to_replicated(problem, z), 1e-5); // e^-16 = 1e-7
      EXPECT_NEAR(theory::effective_rank(problem, z), 1, 1e-9);
      EXPECT_NEAR(theory::sharpness(problem, z, 0), theory::replicated_sharpness(problem, 0), 1e-8);
    }
  }
}

TEST(SlowFlow, SaturatesATanhBelowItsStabilityLine) {
  // No phase is at a finite z: the largest preactivation goes on growing, ever more slowly.
  const Problem problem = problem_of(kTanh, 4, random_inputs(1, 1, 2), {0.3});
  State z = random_state(problem, 0.05, 3);
  double before = largest_magnitude(z);
  for (const double duration : {10.0, 100.0, 1000.0}) {
    ASSERT_TRUE(theory::follow_slow_flow(problem, z, duration, 0, 1e-4));
    const double after = largest_magnitude(z);
    EXPECT_GT(after, before + 0.3);
    before = after;
  }
}

// The replicated state.

TEST(Replicated, IsCritical) {
  double worst = 0;
  for (const Activation& phi : kActivations) {
    const Matrix x = random_inputs(3, 6, 12);
    const Problem problem = problem_of(phi, 5, x, some_labels(3));
    const State z = theory::replicated_state(problem);
    const std::vector<Jet> at = jets(problem, z);
    for (const double eta : {0.0, 1 / theory::largest_curvature(problem, z)}) {
      const std::vector<double> h = theory::sharpness_gradient(problem, at, eta);
      worst = std::max(worst, largest_magnitude(theory::tangential(problem, at, h)) /
                                  largest_magnitude(h));
    }
    EXPECT_LT(largest_magnitude(residuals(problem, z)), 1e-14);
  }
  EXPECT_LT(worst, 1e-12); // 2.8e-15
}

TEST(Replicated, FeatureAndSharpness) {
  for (const Activation& phi : kActivations) {
    const std::size_t n = 3, m = 6;
    const Matrix x = random_inputs(n, 5, 13);
    const Problem problem = problem_of(phi, m, x, some_labels(n));
    const std::vector<double> feature = theory::replicated_feature(problem, x);
    double least = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double z = dense::dot(feature, x.row(i));
      EXPECT_NEAR(static_cast<double>(m) * jet(phi, z).value, problem.labels[i], 1e-12);
      least += static_cast<double>(m) / n * dense::dot(x.row(i), x.row(i)) * jet(phi, z).slope *
               jet(phi, z).slope;
    }
    EXPECT_NEAR(theory::replicated_sharpness(problem, 0), least, 1e-12 * least);
    // X^+ is the minimum-norm solution: its feature lies in the span of the inputs.
    Matrix theta(m, 5);
    for (std::size_t j = 0; j < m; ++j)
      std::copy(feature.begin(), feature.end(), theta.row(j).begin());
    const Matrix rebuilt =
        parameters_of(problem, x, Matrix(m, 5), theory::replicated_state(problem));
    EXPECT_LT(largest_difference(theta.entries(), rebuilt.entries()), 1e-12);
  }
}

TEST(Replicated, IsTheGlobalMinimumIfTheThirdDerivativeIsPositive) {
  for (const Activation& phi : {kCubic, kSinh}) {
    const Matrix x = random_inputs(3, 5, 14);
    const Problem problem = problem_of(phi, 4, x, some_labels(3));
    const double least = theory::replicated_sharpness(problem, 0);
    for (unsigned seed = 0; seed < 100; ++seed) {
      const State z = random_state(problem, 0.05 * (1 + seed % 20), seed);
      EXPECT_GT(theory::sharpness(problem, z, 0), least);
    }
  }
}

/// The slope of -ln spread along the flow at late times, over twice the slowest rate, less 1.
double late_slope_error(const Problem& problem, double eta) {
  // At a distance of 1e-7 nonlinear terms and roundings are both below 1e-7 of the slope.
  State z = slowest_direction(problem, eta, 1e-7);
  const double rate = theory::relaxation_rates(problem, eta).front(), window = 0.5 / rate;
  const double before = std::log(spread(problem.samples(), problem.neurons, z.data()));
  EXPECT_TRUE(theory::follow_slow_flow(problem, z, window, eta, 1e-8));
  const double after = std::log(spread(problem.samples(), problem.neurons, z.data()));
  return (before - after) / window / (2 * rate) - 1;
}

TEST(Relaxation, RatesAreTheLateSlopesOfTheFlow) {
  double worst = 0;
  for (const Activation& phi : {kCubic, kSinh}) {
    for (const std::size_t n : {1u, 2u, 3u}) {
      const Matrix x = random_inputs(n, 4 * n, 15);
      const Problem problem = problem_of(phi, 4, x, some_labels(n));
      const double curvature =
          theory::largest_curvature(problem, theory::replicated_state(problem));
      for (const double eta : {0.0, 0.5 / curvature, 1.5 / curvature}) {
        worst = std::max(worst, std::fabs(late_slope_error(problem, eta)));
      }
    }
  }
  // Above its stability line tanh relaxes too.
  const Matrix x = random_inputs(2, 8, 16);
  worst = std::max(worst, std::fabs(late_slope_error(problem_of(kTanh, 3, x, {0.8, -0.7}), 0)));
  EXPECT_LT(worst, 1e-6); // 6.6e-8
}

/// The eigenvalues of the slow flow linearised at the replicated state by central differences, on
/// the tangent space of M: those of -P (d velocity) P in coordinates in which K is the unit matrix.
std::vector<double> linearised_rates(const Problem& problem, double eta) {
  const std::size_t n = problem.samples(), m = problem.neurons, size = n * m;
  const State z = theory::replicated_state(problem);
  const std::vector<Jet> at = jets(problem, z);
  Matrix factor = problem.kernel;
  EXPECT_TRUE(dense::cholesky(factor));
  // In w = L^-1 z per neuron, column c of the flow's Jacobian.
  Matrix jacobian(size, size), projection(size, size);
  for (std::size_t c = 0; c < size; ++c) {
    const std::size_t neuron = c / n, coordinate = c % n;
    const double h = 1e-5;
    State above = z, below = z;
    for (std::size_t i = 0; i < n; ++i) {
      above[neuron * n + i] += h * factor(i, coordinate);
      below[neuron * n + i] -= h * factor(i, coordinate);
    }
    const State up = theory::slow_velocity(problem, above, eta);
    const State down = theory::slow_velocity(problem, below, eta);
    std::vector<double> column(size);
    for (std::size_t i = 0; i < size; ++i) column[i] = (up[i] - down[i]) / (2 * h);
    for (std::size_t j = 0; j < m; ++j) {
      dense::solve_lower(factor, std::span(column).subspan(j * n, n));
    }
    for (std::size_t i = 0; i < size; ++i) jacobian(i, c) = -column[i];

    // P on the unit vector: w = L^T c for a direction of coefficients c.
    std::vector<double> unit(size, 0.0);
    unit[c] = 1;
    dense::solve_lower_transposed(factor, std::span(unit).subspan(neuron * n, n));
    const std::vector<double> projected = theory::tangential(problem, at, unit);
    for (std::size_t j = 0; j < m; ++j) {
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t k = i; k < n; ++k) {
          projection(j * n + i, c) += factor(k, i) * projected[j * n + k];
        }
      }
    }
  }
  Matrix left(size, size), both(size, size);
  for (std::size_t a = 0; a < size; ++a) {
    for (std::size_t b = 0; b < size; ++b) {
      for (std::size_t c = 0; c < size; ++c) left(a, b) += projection(c, a) * jacobian(c, b);
    }
  }
  for (std::size_t a = 0; a < size; ++a) {
    for (std::size_t b = 0; b < size; ++b) {
      for (std::size_t c = 0; c < size; ++c) both(a, b) += left(a, c) * projection(c, b);
    }
  }
  double asymmetry = 0;
  for (std::size_t a = 0; a < size; ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      asymmetry = std::max(asymmetry, std::fabs(both(a, b) - both(b, a)));
      both(a, b) = both(b, a) = 0.5 * (both(a, b) + both(b, a));
    }
  }
  EXPECT_LT(asymmetry, 1e-6 * (1 + largest_magnitude(both.entries())));
  return dense::symmetric_eigenvalues(both);
}

TEST(Stability, ModesAndRatesAreThoseOfTheLinearisedFlow) {
  // Each rate m-1 times, and a zero for each of the n directions across M. Central differences with
  // h = 1e-5 are good to 1e-8.
  double worst = 0;
  int mixed = 0;
  std::mt19937_64 random(5);
  std::uniform_real_distribution<double> uniform(-0.95, 0.95);
  for (unsigned trial = 0; trial < 40; ++trial) {
    const Activation& phi = kActivations[trial % 4];
    const std::size_t n = 1 + trial % 4 + trial / 20, m = 2 + trial % 3;
    const Matrix x = random_inputs(n, n + 2, 30 + trial);
    std::vector<double> labels(n);
    for (double& label : labels) label = uniform(random);
    const Problem problem = problem_of(phi, m, x, labels);
    const double curvature = theory::largest_curvature(problem, theory::replicated_state(problem));
    for (const double eta : {0.0, 1 / curvature}) {
      const std::vector<double> rates = theory::relaxation_rates(problem, eta);
      std::vector<double> expected(n, 0.0);
      for (std::size_t j = 1; j < m; ++j)
        expected.insert(expected.end(), rates.begin(), rates.end());
      std::sort(expected.begin(), expected.end());

      const std::vector<double> found = linearised_rates(problem, eta);

      const double scale = largest_magnitude(rates);
      worst = std::max(worst, largest_difference(found, expected) / scale);
      const auto growing = static_cast<std::size_t>(
          std::count_if(found.begin(), found.end(), [&](double r) { return r < -1e-6 * scale; }));
      EXPECT_EQ(theory::unstable_modes(problem, eta), growing);
      mixed += growing > 0 && growing < n * (m - 1);
      if (eta > 0) continue;
      std::size_t negative = 0;
      for (const double z : theory::replicated_preactivations(problem)) {
        negative += jet(phi, z).third < 0;
      }
      EXPECT_EQ(growing, (m - 1) * negative);
    }
  }
  EXPECT_LT(worst, 1e-6); // 8e-9
  EXPECT_GE(mixed, 5);    // some are stable for one sample and unstable for another
}

TEST(Stability, Lines) {
  EXPECT_NEAR(theory::stability_line(kTanh), 0.5773503, 5e-8);
  EXPECT_NEAR(theory::stability_line(kQuintic), 0.4069644, 5e-8);
  EXPECT_EQ(theory::stability_line(kCubic), 0);
  EXPECT_EQ(theory::stability_line(kSinh), 0);
  EXPECT_EQ(theory::stability_line({Kind::quintic, -0.3, 0.25}), 0);
  EXPECT_TRUE(std::isnan(theory::stability_line({Kind::quintic, 1, 0.4})));
  // The rate changes its sign there, to 1e-7, whatever the inputs and (one sample) the step size.
  for (const Activation& phi : {kTanh, kQuintic, Activation{Kind::quintic, 0.3, 0.1}}) {
    const double line = theory::stability_line(phi);
    const Matrix one = random_inputs(1, 2, 17), two = random_inputs(2, 3, 17);
    for (const double side : {-1e-7, 1e-7}) {
      const double a = line + side;
      for (const double eta : {0.0, 0.2}) {
        const Problem problem = problem_of(phi, 3, one, {a});
        EXPECT_EQ(theory::relaxation_rates(problem, eta).front() > 0, side > 0);
      }
      const Problem problem = problem_of(phi, 3, two, {a, 0.9});
      EXPECT_EQ(theory::relaxation_rates(problem, 0).front() > 0, side > 0);
      EXPECT_EQ(theory::unstable_modes(problem, 0), side > 0 ? 0u : 2u);
    }
  }
}

TEST(Stability, OutOfReachAndBeyondTheEdgeThereIsNoRate) {
  const Problem beyond_tanh = problem_of(kTanh, 3, random_inputs(2, 3, 17), {1.1, 0.2});
  EXPECT_TRUE(std::isnan(theory::relaxation_rates(beyond_tanh, 0).front()));
  EXPECT_EQ(theory::unstable_modes(beyond_tanh, 0), 0u);

  const Problem problem = problem_of(kCubic, 3, random_inputs(2, 3, 17), {1.1, 0.2});
  State z = theory::replicated_state(problem);
  const double edge = 2 / theory::largest_curvature(problem, z);
  EXPECT_FALSE(std::isnan(theory::relaxation_rates(problem, 0.99 * edge).front()));
  EXPECT_TRUE(std::isnan(theory::relaxation_rates(problem, 1.01 * edge).front()));
  EXPECT_FALSE(theory::follow_slow_flow(problem, z, 1, 1.01 * edge, 1e-6));
}

// Coexistence below the stability line.

TEST(Coexistence, CommonTangentOfTheQuintic) {
  const theory::Coexistence wells = theory::coexistence(kQuintic);

  EXPECT_NEAR(wells.z, std::sqrt(0.6), 1e-15);
  EXPECT_NEAR(wells.value, 0.79 * std::sqrt(0.6), 1e-15); // 0.61193; label_noise.md has 0.6118
  EXPECT_NEAR(wells.sharpness, 0.3025, 1e-15);
  // psi lies above the tangent everywhere, and touches it there alone.
  for (double a = -2; a < 2; a += 0.01) {
    const double slope = jet(kQuintic, inverse(kQuintic, a)).slope;
    EXPECT_GE(slope * slope, wells.sharpness * (1 - 1e-14));
  }
  EXPECT_TRUE(std::isnan(theory::coexistence(kCubic).z));
  EXPECT_EQ(theory::coexistence(kTanh).value, 1);
}

TEST(Coexistence, QuotedSplit) {
  // Half a unit of the last digit printed in label_noise.md.
  const theory::Split split = theory::split_state(kQuintic, 16.0 / 20, 0.3);
  const double symmetric = jet(kQuintic, inverse(kQuintic, 0.3)).slope;

  EXPECT_NEAR(split.sharpness, 0.3455, 5e-5);
  EXPECT_NEAR(symmetric * symmetric, 0.7458, 5e-5);
  EXPECT_TRUE(std::isnan(theory::split_state(kQuintic, 0.8, 5).high));
  EXPECT_TRUE(std::isnan(theory::split_state(kCubic, 0.8, 0.3).high));
}

TEST(Coexistence, SplitStatesAreMetastableEndsOfTheFlow) {
  // One sample of |x| = 1, m = 20. From noise around a split the flow returns to it.
  Matrix x(1, 1);
  x(0, 0) = 1;
  const Problem problem = problem_of(kQuintic, 20, x, {0.3});
  double worst = 0;
  for (const std::size_t high : {14u, 15u, 16u, 17u}) {
    const theory::Split split = theory::split_state(kQuintic, static_cast<double>(high) / 20, 0.3);
    State z(20, split.low), expected;
    std::fill(z.begin(), z.begin() + static_cast<std::ptrdiff_t>(high), split.high);
    expected = z;
    std::mt19937_64 random(high);
    std::normal_distribution<double> normal;
    for (double& value : z) value += 0.02 * normal(random);
    ASSERT_TRUE(retract(problem, z));

    ASSERT_TRUE(theory::follow_slow_flow(problem, z, 60, 0, 1e-4));

    worst = std::max(worst, largest_difference(z, expected));
    EXPECT_NEAR(theory::sharpness(problem, z, 0) / 20, split.sharpness, 1e-10);
  }
  EXPECT_LT(worst, 1e-9); // 1.0e-15
}

TEST(Coexistence, TheUnstableReplicatedStateSplits) { // here into 16:4
  Matrix x(1, 1);
  x(0, 0) = 1;
  const Problem problem = problem_of(kQuintic, 20, x, {0.3});
  State z = random_state(problem, 1e-3, 3);

  ASSERT_TRUE(theory::follow_slow_flow(problem, z, 100, 0, 1e-4));

  const auto high = std::count_if(z.begin(), z.end(), [](double value) { return value > 0; });
  const theory::Split split = theory::split_state(kQuintic, static_cast<double>(high) / 20, 0.3);
  EXPECT_NEAR(theory::sharpness(problem, z, 0) / 20, split.sharpness, 1e-8);
  EXPECT_GE(split.sharpness, 0.3025);
  EXPECT_LT(split.sharpness, 0.7458);
}

TEST(CriticalPoints, EverySampleMaySplitOnItsOwn) {
  // phi''(z_ij) = const_i is all that is asked: K only sets the pace.
  const std::size_t n = 2, m = 10;
  const Matrix x = random_inputs(n, 5, 18);
  const Problem problem = problem_of(kQuintic, m, x, {0.2, -0.1});
  State z(n * m);
  for (std::size_t i = 0; i < n; ++i) {
    const std::size_t high = i == 0 ? 7 : 4;
    const theory::Split split = theory::split_state(kQuintic, static_cast<double>(high) / m,
                                                    problem.labels[i] / static_cast<double>(m));
    for (std::size_t j = 0; j < m; ++j) {
      const std::size_t place = i == 0 ? j : (3 * j + 1) % m; // the groups overlap anyhow
      z[j * n + i] = place < high ? split.high : split.low;
    }
  }
  const std::vector<Jet> at = jets(problem, z);
  const std::vector<double> h = theory::sharpness_gradient(problem, at, 0);

  const double worst = largest_magnitude(theory::tangential(problem, at, h)) / largest_magnitude(h);

  EXPECT_LT(worst, 1e-12); // 2.7e-15
  EXPECT_LT(largest_magnitude(residuals(problem, z)), 1e-13);
}

} // namespace
} // namespace sharpsweep::label_noise
