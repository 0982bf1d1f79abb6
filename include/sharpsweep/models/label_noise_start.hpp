/// \file
/// Where networks of label_noise start: Gaussian parameters, and the zero-loss manifold. Host code
/// in double; nothing here runs in a step.
#pragma once

#include <vector>

#include "sharpsweep/models/label_noise.hpp"
#include "sharpsweep/numerics/dense.hpp"

namespace sharpsweep::label_noise {

using dense::Matrix;

/// Preactivations z_ij of a network, [neuron][sample].
using State = std::vector<double>;

/// What the dynamics of a network in z-space depends on.
struct Problem {
  Activation activation;
  std::size_t neurons = 1;    ///< m
  Matrix kernel;              ///< K = X X^T, n x n, positive definite
  std::vector<double> labels; ///< y_i; tanh can only reach |y_i| < m

  std::size_t samples() const { return labels.size(); }
};

/// phi and its derivatives at every z_ij.
inline std::vector<Jet> jets(const Problem& problem, const State& z) {
  std::vector<Jet> all(z.size());
  for (std::size_t i = 0; i < z.size(); ++i) all[i] = jet(problem.activation, z[i]);
  return all;
}

/// sum_j phi(z_ij) - y_i
inline std::vector<double> residuals(const Problem& problem, const State& z) {
  const std::size_t n = problem.samples();
  std::vector<double> residual(n);
  for (std::size_t i = 0; i < n; ++i) {
    residual[i] = -problem.labels[i];
    for (std::size_t j = 0; j < problem.neurons; ++j) {
      residual[i] += jet(problem.activation, z[j * n + i]).value;
    }
  }
  return residual;
}

/// J J^T of the Jacobian J_i = df(x_i)/dTheta = (phi'(z_ij) x_i)_j:
/// (J J^T)_ik = K_ik sum_j phi'(z_ij) phi'(z_kj).
inline Matrix jacobian_gram(const Problem& problem, const std::vector<Jet>& at) {
  const std::size_t n = problem.samples();
  Matrix result(n, n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      double slopes = 0;
      for (std::size_t j = 0; j < problem.neurons; ++j) {
        slopes += at[j * n + i].slope * at[j * n + k].slope;
      }
      result(i, k) = problem.kernel(i, k) * slopes;
    }
  }
  return result;
}

/// z_kj + factor * sum_i K_ki c_ij: how a change sum_i c_ij x_i of theta_j moves z.
inline State moved(const Problem& problem, const State& z, double factor,
                   const std::vector<double>& c) {
  const std::size_t n = problem.samples();
  State result = z;
  for (std::size_t j = 0; j < problem.neurons; ++j) {
    for (std::size_t k = 0; k < n; ++k) {
      double change = 0;
      for (std::size_t i = 0; i < n; ++i) change += problem.kernel(k, i) * c[j * n + i];
      result[j * n + k] += factor * change;
    }
  }
  return result;
}

/// Brings z onto the zero-loss manifold by Newton's method, Theta <- Theta - J^T (J J^T)^-1 r;
/// steps are halved while |r| would not fall. Where it ends is on M but not the nearest point of M.
/// \param change  if given, receives the c_ij by which Theta changed: theta_j += sum_i c_ij x_i
/// \return false when it failed, as where tanh can't reach the labels or its neurons are saturated;
/// z is undefined then
inline bool retract(const Problem& problem, State& z, std::vector<double>* change = nullptr) {
  const std::size_t n = problem.samples();
  if (change) change->assign(z.size(), 0.0);
  std::vector<double> r = residuals(problem, z);
  double norm = dense::dot(r, r);
  constexpr int kMaxIterations = 200;
  for (int k = 0; k < kMaxIterations; ++k) {
    const std::vector<Jet> at = jets(problem, z);
    bool on_manifold = true;
    double all_squares = 0; // of what the residuals are differences of
    for (std::size_t i = 0; i < n; ++i) {
      double scale = problem.labels[i] < 0 ? -problem.labels[i] : problem.labels[i];
      for (std::size_t j = 0; j < problem.neurons; ++j) {
        const double value = at[j * n + i].value;
        scale += value < 0 ? -value : value;
      }
      on_manifold = on_manifold && r[i] * r[i] <= 1e-30 * scale * scale;
      all_squares += scale * scale;
    }
    if (on_manifold) return true;

    Matrix gram = jacobian_gram(problem, at);
    if (!dense::cholesky(gram)) return false;
    std::vector<double> pull = r;
    dense::solve_cholesky(gram, pull);
    std::vector<double> direction(z.size());
    for (std::size_t j = 0; j < problem.neurons; ++j) {
      for (std::size_t i = 0; i < n; ++i) {
        direction[j * n + i] = -pull[i] * at[j * n + i].slope;
      }
    }
    double step = 1;
    for (;; step *= 0.5) {
      State next = moved(problem, z, step, direction);
      std::vector<double> next_r = residuals(problem, next);
      const double next_norm = dense::dot(next_r, next_r);
      if (next_norm < norm * (1 - 0.1 * step)) {
        z = std::move(next);
        r = std::move(next_r);
        norm = next_norm;
        break;
      }
      // Full steps converge quadratically: one that fails here met the rounding of the residual.
      if (norm <= 1e-24 * all_squares) return true;
      if (step < 0x1p-30) return false;
    }
    if (!change) continue;
    for (std::size_t i = 0; i < z.size(); ++i) (*change)[i] += step * direction[i];
  }
  return false;
}

/// Theta, [neuron][input], of entries scale * N(0,1): normal_number() of the neuron and the input.
inline Matrix gaussian_parameters(std::uint64_t key, Stream stream, std::uint32_t seed,
                                  std::size_t neurons, std::size_t inputs, double scale) {
  Matrix theta(neurons, inputs);
  for (std::size_t j = 0; j < neurons; ++j) {
    for (std::size_t k = 0; k < inputs; ++k) {
      theta(j, k) = scale * static_cast<double>(
                                normal_number(key, stream, seed, static_cast<std::uint32_t>(j), k));
    }
  }
  return theta;
}

/// z = Theta X^T
inline State preactivations(const Matrix& theta, const Matrix& inputs) {
  State z(theta.rows() * inputs.rows());
  for (std::size_t j = 0; j < theta.rows(); ++j) {
    for (std::size_t i = 0; i < inputs.rows(); ++i) {
      z[j * inputs.rows() + i] = dense::dot(theta.row(j), inputs.row(i));
    }
  }
  return z;
}

/// theta_j += factor * sum_i c_ij x_i
inline void add_inputs(Matrix& theta, double factor, const std::vector<double>& c,
                       const Matrix& inputs) {
  for (std::size_t j = 0; j < theta.rows(); ++j) {
    for (std::size_t i = 0; i < inputs.rows(); ++i) {
      for (std::size_t k = 0; k < inputs.columns(); ++k) {
        theta(j, k) += factor * c[j * inputs.rows() + i] * inputs(i, k);
      }
    }
  }
}

/// Brings parameters onto the zero-loss manifold; what is orthogonal to the inputs stays as it was.
/// \return false when it failed
inline bool retract(const Problem& problem, const Matrix& inputs, Matrix& theta) {
  State z = preactivations(theta, inputs);
  std::vector<double> change;
  if (!retract(problem, z, &change)) return false;
  add_inputs(theta, 1, change, inputs);
  return true;
}

/// The parameters after z-space training: Theta_0 + (z - z_0)^T K^-1 X.
inline Matrix parameters_of(const Problem& problem, const Matrix& inputs, const Matrix& theta_0,
                            const State& z) {
  const std::size_t n = problem.samples();
  Matrix factor = problem.kernel, theta = theta_0;
  dense::cholesky(factor);
  State change = preactivations(theta_0, inputs);
  for (std::size_t i = 0; i < z.size(); ++i) change[i] = z[i] - change[i];
  for (std::size_t j = 0; j < problem.neurons; ++j) {
    dense::solve_cholesky(factor, std::span(change).subspan(j * n, n));
  }
  add_inputs(theta, 1, change, inputs);
  return theta;
}

} // namespace sharpsweep::label_noise
