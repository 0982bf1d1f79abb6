// What the tests of sam_quadratic share.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "sharpsweep/theory/sam_quadratic.hpp"

namespace sharpsweep::sam_quadratic {

using Vector = std::vector<double>;

inline constexpr double kPi = 3.14159265358979323846;

/// The largest error of a check, held against one tolerance at the end.
class Worst {
public:
  Worst(std::string name, double tolerance) : name_(std::move(name)), tolerance_(tolerance) {}
  ~Worst() {
    testing::Test::RecordProperty(name_, std::to_string(std::log10(worst_)));
    EXPECT_LE(worst_, tolerance_) << name_;
    EXPECT_GT(count_, 0) << name_;
  }
  Worst(const Worst&) = delete;
  Worst& operator=(const Worst&) = delete;
  void absolute(double value, double expected) { push(std::fabs(value - expected)); }
  void relative(double value, double expected) { push(std::fabs(value / expected - 1)); }

private:
  void push(double error) {
    ++count_;
    if (!(error <= worst_)) worst_ = error; // a NaN stays
  }
  std::string name_;
  double tolerance_, worst_ = 0;
  int count_ = 0;
};

/// A network of the quadratic in the log domain.
struct LogNetwork {
  Vector lambda, decay, pull, log_v, sign;

  LogNetwork(double eta, double rho, const Vector& spectrum, const Vector& w) : lambda(spectrum) {
    for (std::size_t i = 0; i < lambda.size(); ++i) {
      const Coefficients c = coefficients(eta, rho, lambda[i]);
      decay.push_back(c.decay);
      pull.push_back(c.pull);
      log_v.push_back(log_gradient(w[i], lambda[i]));
      sign.push_back(std::copysign(1.0, w[i]));
    }
  }
  int size() const { return static_cast<int>(lambda.size()); }
  /// \return 1 / G before the step
  double step() { return log_step(log_v.data(), sign.data(), decay.data(), pull.data(), size()); }
  void steps(int n) {
    for (int k = 0; k < n; ++k) step();
  }
  double log_g() const { return log_norm(log_v.data(), size()); }
};

inline double norm_of(const Vector& lambda, const Vector& w) {
  double sum = 0;
  for (std::size_t i = 0; i < w.size(); ++i) sum += lambda[i] * w[i] * lambda[i] * w[i];
  return std::sqrt(sum);
}

// Inlined, it has GCC 12 warn of blocks of 8 weights in networks that have fewer.
[[gnu::noinline]] inline void plain_steps(Vector& w, const Vector& lambda, double eta, double rho,
                                          int n) {
  for (int k = 0; k < n; ++k) {
    step(w.data(), lambda.data(), static_cast<int>(w.size()), eta, rho);
  }
}

/// d eigenvalues in [least, 1], the largest 1 and no two closer than 2 %.
inline Vector random_spectrum(std::mt19937_64& random, std::size_t d, double least) {
  std::uniform_real_distribution<double> uniform(least, 1);
  for (;;) {
    Vector lambda(d);
    for (double& x : lambda) x = uniform(random);
    lambda[0] = 1;
    std::sort(lambda.rbegin(), lambda.rend());
    bool apart = true;
    for (std::size_t i = 1; i < d; ++i) apart = apart && lambda[i] < 0.98 * lambda[i - 1];
    if (apart) return lambda;
  }
}

inline Vector random_weights(std::mt19937_64& random, std::size_t d, double scale) {
  std::normal_distribution<double> normal;
  Vector w(d);
  for (double& x : w) x = scale * normal(random);
  return w;
}

} // namespace sharpsweep::sam_quadratic
