// The recursion of models/label_noise.hpp in preactivations, in parameters and in packs, its
// activations, noise, starts and order parameters. Behind a tolerance stands the largest error
// found.

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

// Activations.

TEST(Activations, JetsAreDerivatives) {
  // Central differences with h = 1e-5 of values of order 1 are good to 1e-10 times the third
  // derivative.
  double worst = 0;
  for (const Activation& phi : kActivations) {
    for (double z = -1.5; z < 1.6; z += 0.1) {
      const double h = 1e-5;
      const Jet at = jet(phi, z), above = jet(phi, z + h), below = jet(phi, z - h);

      worst = std::max({worst, std::fabs((above.value - below.value) / (2 * h) - at.slope),
                        std::fabs((above.slope - below.slope) / (2 * h) - at.second),
                        std::fabs((above.second - below.second) / (2 * h) - at.third)});
      EXPECT_GT(at.slope, 0);
    }
  }
  EXPECT_LT(worst, 1e-8); // 9e-10
}

TEST(Activations, TheStepsOwnAreTheJets) {
  for (const Activation& phi : kActivations) {
    visit<double>(phi, [&](auto own) {
      for (double z = -2; z < 2.1; z += 0.1) {
        double memo;
        const double value = own.add_value(z, 0.0, &memo), slope = own.slope(z, &memo);
        EXPECT_NEAR(value, jet(phi, z).value, 1e-15 * (1 + std::fabs(value)));
        EXPECT_NEAR(slope, jet(phi, z).slope, 1e-15 * (1 + slope));
      }
    });
  }
}

TEST(Activations, InverseIsTheInverse) {
  double worst = 0;
  for (const Activation& phi : kActivations) {
    for (double a = 1e-12; a < 1e12; a *= 1.7) {
      if (phi.kind == Kind::tanh && a >= 1) break;
      const double z = inverse(phi, a);

      // phi(z) is known to the rounding of z alone.
      const Jet at = jet(phi, z);
      const double error = std::fabs(at.value - a) / (a + at.slope * z);
      worst = std::max(worst, error);
      EXPECT_EQ(inverse(phi, -a), -z);
    }
    EXPECT_EQ(inverse(phi, 0), 0);
  }
  EXPECT_LT(worst, 1e-15); // 1.7e-16
  for (const double a : {1e-9, 0.2, 0.49, 0.51, 0.9, 1 - 1e-12}) {
    EXPECT_NEAR(inverse(kTanh, a), std::atanh(a), 4e-16 * std::atanh(a));
  }
  for (const double a : {1e-9, 0.2, 0.99, 1.01, 50.0, 1e200}) {
    EXPECT_NEAR(inverse(kSinh, a), std::asinh(a), 4e-16 * std::asinh(a));
  }
  EXPECT_TRUE(std::isnan(inverse(kTanh, 1)));
  EXPECT_TRUE(std::isnan(inverse({Kind::quintic, 1, 0.4}, 0.1))); // 9 k^2 / 20 = 0.45: not monotone
  EXPECT_FALSE(std::isnan(inverse({Kind::quintic, 1, 0.5}, 0.1)));
}

// The recursion.

TEST(Recursion, IsTheGradientOfTheNoisyLoss) {
  // The parameter step is -eta times the gradient of the loss of the noisy labels, here by central
  // differences of order-1 losses: good to 1e-10.
  double worst = 0;
  for (const Activation& phi : kActivations) {
    const Matrix x = random_inputs(3, 5, 1);
    Problem problem = problem_of(phi, 4, x, some_labels(3));
    const Matrix start = gaussian_parameters(1, Stream::initial, 0, 4, 5, 0.8);
    Matrix theta = start;
    problem.labels = {1.3, -0.4, 2};
    std::vector<double> work(work_size(3, 4));

    visit<double>(phi, [&](auto own) {
      step<Parameters>(own, {3, 4, 5}, x.entries().data(), -0.1 / 3, problem.labels.data(),
                       theta.entries().data(), work.data());
    });

    for (std::size_t at = 0; at < theta.entries().size(); ++at) {
      const double h = 1e-5;
      Matrix above = start, below = start;
      above.entries()[at] += h;
      below.entries()[at] -= h;
      const double slope = (loss_of(problem, x, above) - loss_of(problem, x, below)) / (2 * h);
      worst = std::max(worst, std::fabs(theta.entries()[at] - start.entries()[at] + 0.1 * slope));
    }
  }
  EXPECT_LT(worst, 1e-10); // 6e-12
}

/// Trains in z-space and in parameter space side by side and compares them at the end.
void expect_equal_recursions(const Activation& phi, bool single_samples, bool gaussian,
                             double& worst) {
  const std::size_t n = 3, m = 5, d = 7;
  const Matrix x = random_inputs(n, d, 2);
  const Problem problem = problem_of(phi, m, x, some_labels(n));
  const Matrix theta_0 = gaussian_parameters(1, Stream::initial, 3, m, d, 0.5);
  Matrix theta = theta_0, kernel = problem.kernel;
  State z = preactivations(theta, x);
  const double step_size = single_samples ? 0.03 : 0.1, sigma = 0.3;
  const double minus_step = single_samples ? -step_size : -step_size / static_cast<double>(n);
  for (double& entry : kernel.entries()) entry *= minus_step;
  std::vector<double> work(work_size(n, m)), labels(n);

  constexpr std::uint64_t kSteps = 20'000;
  visit<double>(phi, [&](auto own) {
    for (std::uint64_t t = 0; t < kSteps; ++t) {
      for (std::uint32_t i = 0; i < n; ++i) {
        const float noise =
            gaussian ? normal_number(1, Stream::label, 2, i, t) : sign_noise(1, 2, i, t);
        labels[i] = noisy_label(problem.labels[i], sigma, static_cast<double>(noise));
      }
      const std::size_t drawn = single_samples ? drawn_sample(1, 2, t, n) : kAllSamples;
      step(own, n, m, kernel.entries().data(), labels.data(), z.data(), work.data(), drawn);
      step<Parameters>(own, {n, m, d}, x.entries().data(), minus_step, labels.data(),
                       theta.entries().data(), work.data(), drawn);
    }
  });

  const State from_theta = preactivations(theta, x);
  const double size = largest_magnitude(z);
  ASSERT_TRUE(is_finite(size));
  worst = std::max(worst, largest_difference(z, from_theta) / size);
  const Matrix rebuilt = parameters_of(problem, x, theta_0, z);
  worst = std::max(worst, largest_difference(rebuilt.entries(), theta.entries()) /
                              largest_magnitude(theta.entries()));
  // The order parameters of both.
  const double* k = problem.kernel.entries().data();
  const auto compare = [&](double a, double b) {
    worst = std::max(worst, std::fabs(a - b) / std::fabs(b));
  };
  compare(hessian_trace(phi, n, m, k, z.data()), hessian_trace(phi, n, m, k, from_theta.data()));
  compare(spread(n, m, z.data()), spread(n, m, from_theta.data()));
  compare(loss(phi, n, m, problem.labels.data(), z.data()), loss_of(problem, x, theta));
  compare(theory::effective_rank(problem, z), theory::effective_rank(problem, from_theta));
}

TEST(Recursion, InPreactivationsEqualsTheOneInParameters) {
  // 20000 steps from an off-manifold start, with their order parameters. The spread contracts, so
  // that roundings don't pile up.
  double worst = 0;
  for (const Activation& phi : kActivations) {
    for (const bool single_samples : {false, true}) {
      expect_equal_recursions(phi, single_samples, false, worst);
    }
  }
  expect_equal_recursions(kTanh, false, true, worst); // bounded gradients take Gaussian noise
  EXPECT_LT(worst, 1e-12);                            // 2.5e-14
}

using Lanes = Pack<float, 4>;

/// Four networks of different step sizes, seeds and starts, as the lanes of packs and one by one.
template <class Packed, class Single>
void expect_lanes_to_be_networks(const Activation& phi, const Packed& packed,
                                 const Single& single) {
  const std::size_t n = 3, m = 5;
  const Problem problem = problem_of(phi, m, random_inputs(n, 5, 4), some_labels(n));
  std::vector<Lanes> kernels(n * n), z(n * m), labels(n), work(work_size(n, m));
  std::vector<float> kernel[4], network[4], label(n), single_work(work_size(n, m));
  for (unsigned lane = 0; lane < 4; ++lane) {
    const float step_size = 0.02F * static_cast<float>(lane + 1);
    for (std::size_t i = 0; i < n * n; ++i) {
      kernel[lane].push_back(-step_size * static_cast<float>(problem.kernel.entries()[i]));
      kernels[i].v[lane] = kernel[lane][i];
    }
    for (const double value : random_state(problem, 0.5, lane)) {
      z[network[lane].size()].v[lane] = static_cast<float>(value);
      network[lane].push_back(static_cast<float>(value));
    }
  }

  for (std::uint64_t t = 0; t < 200; ++t) {
    for (unsigned lane = 0; lane < 4; ++lane) {
      for (std::uint32_t i = 0; i < n; ++i) {
        const float noise = sign_noise(1, lane, i, t);
        label[i] = noisy_label(static_cast<float>(problem.labels[i]), 0.3F, noise);
        labels[i].v[lane] = label[i];
      }
      step(single, n, m, kernel[lane].data(), label.data(), network[lane].data(),
           single_work.data());
    }
    step(packed, n, m, kernels.data(), labels.data(), z.data(), work.data());
  }

  for (unsigned lane = 0; lane < 4; ++lane) {
    for (std::size_t i = 0; i < z.size(); ++i) EXPECT_EQ(z[i].v[lane], network[lane][i]);
  }
}

TEST(Recursion, ALaneOfAPackIsANetwork) {
  expect_lanes_to_be_networks(kCubic, Cubic{}, Cubic{});
  expect_lanes_to_be_networks(kQuintic, Quintic<Lanes>(Lanes(0.5F), Lanes(0.25F)),
                              Quintic<float>(0.5F, 0.25F));
}

TEST(Recursion, FloatStaysNearDouble) {
  // 30000 steps of roundings of 6e-8 relative, which decay with the spread: far below the O(sigma)
  // kicks, and nothing stagnates.
  const std::size_t n = 3, m = 8;
  const Matrix x = random_inputs(n, 9, 5);
  const Problem problem = problem_of(kCubic, m, x, some_labels(n));
  State z = random_state(problem, 0.5, 2);
  std::vector<float> single(z.begin(), z.end());
  std::vector<double> kernel(n * n), labels(n), work(work_size(n, m));
  std::vector<float> kernel_f(n * n), labels_f(n), work_f(work_size(n, m));
  for (std::size_t i = 0; i < n * n; ++i) {
    kernel_f[i] = static_cast<float>(-0.1 / 3 * problem.kernel.entries()[i]);
    kernel[i] = kernel_f[i]; // the same problem for both
  }
  for (std::uint64_t t = 0; t < 30'000; ++t) {
    for (std::uint32_t i = 0; i < n; ++i) {
      labels_f[i] =
          noisy_label(static_cast<float>(problem.labels[i]), 0.25F, sign_noise(1, 0, i, t));
      labels[i] = labels_f[i];
    }
    step(Cubic{}, n, m, kernel.data(), labels.data(), z.data(), work.data());
    step(Cubic{}, n, m, kernel_f.data(), labels_f.data(), single.data(), work_f.data());
  }
  double worst = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    worst = std::max(worst, std::fabs(z[i] - static_cast<double>(single[i])));
  }
  EXPECT_LT(worst, 1e-5); // 3.5e-6
}

// Noise.

TEST(Noise, LiesWhereTheStreamsSay) {
  const std::uint64_t key = 0x123456789abcdefu;
  const std::uint64_t steps[] = {0, 1, 31, 32, 127, 128, 4'000'000'000'000u};
  for (const std::uint64_t t : steps) {
    const std::uint64_t block = t / 128;
    const PhiloxBlock words = philox({{static_cast<std::uint32_t>(block),
                                       static_cast<std::uint32_t>(block >> 32), 5, 3u << 28 | 77}},
                                     key);
    const bool bit = words.word[t / 32 % 4] << (t % 32) >> 31;
    EXPECT_EQ(sign_noise(key, 77, 5, t), bit ? -1 : 1);

    const std::uint64_t quarter = t / 4;
    const PhiloxBlock four = philox({{static_cast<std::uint32_t>(quarter),
                                      static_cast<std::uint32_t>(quarter >> 32), 5, 3u << 28 | 77}},
                                    key);
    float pair[2];
    const std::size_t first = t % 4 < 2 ? 0 : 2;
    normal_pair<float, std::uint32_t>(four.word[first], four.word[first + 1], pair[0], pair[1]);
    EXPECT_EQ(normal_number(key, Stream::label, 77, 5, t), pair[t % 2]);
  }
}

TEST(Noise, IsFairAndDrawsEverySampleEquallyOften) {
  // 5 standard deviations of the sums: by chance once in 10^6 each.
  constexpr int kSteps = 100'000;
  double signs = 0, products = 0, normals = 0;
  std::vector<double> counts(5);
  for (std::uint64_t t = 0; t < kSteps; ++t) {
    const auto sign = static_cast<double>(sign_noise(9, 4, 0, t));
    signs += sign;
    products += sign * static_cast<double>(sign_noise(9, 4, 1, t));
    normals += static_cast<double>(normal_number(9, Stream::label, 4, 0, t));
    counts[drawn_sample(9, 4, t, 5)] += 1;
  }
  const double deviation = std::sqrt(kSteps);
  EXPECT_LT(std::fabs(signs), 5 * deviation);
  EXPECT_LT(std::fabs(products), 5 * deviation);
  EXPECT_LT(std::fabs(normals), 5 * deviation);
  for (const double count : counts) {
    EXPECT_NEAR(count, kSteps / 5.0, 5 * deviation * std::sqrt(0.2 * 0.8));
  }
}

// Starts.

TEST(Retraction, EndsOnTheManifoldAndMovesInTheSpanOfTheInputs) {
  double worst_residual = 0, worst = 0;
  for (const Activation& phi : kActivations) {
    for (unsigned seed = 0; seed < 20; ++seed) {
      const Matrix x = random_inputs(3, 6, seed);
      const Problem problem = problem_of(phi, 6, x, {0.6, -0.3, 0.1});
      const Matrix start = gaussian_parameters(1, Stream::initial, seed, 6, 6, 0.7);
      Matrix theta = start;
      State z = preactivations(start, x);

      ASSERT_TRUE(retract(problem, x, theta));
      ASSERT_TRUE(retract(problem, z));

      worst_residual = std::max(worst_residual, largest_magnitude(residuals(problem, z)));
      worst_residual =
          std::max(worst_residual, largest_magnitude(residuals(problem, preactivations(theta, x))));
      worst = std::max(worst, largest_difference(z, preactivations(theta, x)));
      // What is orthogonal to the inputs is what parameters_of() leaves of the start.
      const Matrix rebuilt = parameters_of(problem, x, start, z);
      worst = std::max(worst, largest_difference(rebuilt.entries(), theta.entries()));
    }
  }
  EXPECT_LT(worst_residual, 1e-12); // 1.9e-13; inputs that are nearly dependent magnify roundings
  EXPECT_LT(worst, 1e-12);          // 1.8e-14
  const Matrix x = random_inputs(1, 2, 1);
  const Problem out_of_reach = problem_of(kTanh, 2, x, {1.1});
  State z = {0.1, 0.2};
  EXPECT_FALSE(retract(out_of_reach, z));
}

// Order parameters.

TEST(EffectiveRank, IsThatOfTheProjectedFeatures) {
  // Against the singular values of Theta P_X, with P_X from an orthonormal basis of the inputs.
  double worst = 0;
  for (unsigned seed = 0; seed < 20; ++seed) {
    const std::size_t n = 3, m = 5, d = 6;
    const Matrix x = random_inputs(n, d, 60 + seed);
    const Problem problem = problem_of(kCubic, m, x, some_labels(n));
    const Matrix theta = gaussian_parameters(1, Stream::initial, seed, m, d, 1);
    Matrix basis = x;
    for (std::size_t i = 0; i < n; ++i) {
      for (int twice = 0; twice < 2; ++twice) { // Gram-Schmidt, repeated for orthogonality
        for (std::size_t k = 0; k < i; ++k) {
          const double along = dense::dot(basis.row(i), basis.row(k));
          for (std::size_t c = 0; c < d; ++c) basis(i, c) -= along * basis(k, c);
        }
      }
      const double norm = std::sqrt(dense::dot(basis.row(i), basis.row(i)));
      for (double& entry : basis.row(i)) entry /= norm;
    }
    Matrix coordinates(m, n); // Theta P_X in the basis: the same singular values
    for (std::size_t j = 0; j < m; ++j) {
      for (std::size_t i = 0; i < n; ++i)
        coordinates(j, i) = dense::dot(theta.row(j), basis.row(i));
    }
    double sum = 0, squares = 0;
    for (const double s2 : dense::symmetric_eigenvalues(dense::gram(coordinates))) {
      sum += s2;
      squares += s2 * s2;
    }
    const double rank = sum * sum / squares;

    worst = std::max(
        worst, std::fabs(theory::effective_rank(problem, preactivations(theta, x)) / rank - 1));
  }
  EXPECT_LT(worst, 1e-11); // 6e-16
  const Matrix x = random_inputs(3, 5, 19);
  const Problem problem = problem_of(kCubic, 7, x, some_labels(3));
  EXPECT_NEAR(theory::effective_rank(problem, theory::replicated_state(problem)), 1, 1e-13);
  EXPECT_EQ(theory::effective_rank(problem, State(21, 0.0)), 0);
}

TEST(Spread, EqualsItsDefinitionAndIsExactlyZeroForReplicas) {
  std::mt19937_64 random(9);
  std::normal_distribution<double> normal;
  const std::size_t n = 3, m = 7;
  State z(n * m);
  for (double& value : z) value = normal(random);
  double deviations = 0, squares = 0;
  for (std::size_t i = 0; i < n; ++i) {
    double mean = 0;
    for (std::size_t j = 0; j < m; ++j) mean += z[j * n + i] / static_cast<double>(m);
    for (std::size_t j = 0; j < m; ++j) {
      deviations += (z[j * n + i] - mean) * (z[j * n + i] - mean);
      squares += z[j * n + i] * z[j * n + i];
    }
  }
  EXPECT_NEAR(spread(n, m, z.data()), deviations / squares, 1e-15);
  for (std::size_t j = 1; j < m; ++j) {
    std::copy_n(z.begin(), n, z.begin() + static_cast<std::ptrdiff_t>(j * n));
  }
  EXPECT_EQ(spread(n, m, z.data()), 0);
  EXPECT_EQ(spread(n, m, State(n * m, 0.0).data()), 0);
}

} // namespace
} // namespace sharpsweep::label_noise
