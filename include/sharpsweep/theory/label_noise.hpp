/// \file
/// Predictions for gradient descent with label noise, in portable double arithmetic.
///
/// Source: Gatmiry, Li, Reddi, Jegelka, arXiv 2410.16401 (2024): noise drives the network along its
/// zero-loss manifold M = {sum_j phi(z_ij) = y_i} down the trace F of the Hessian, to the state in
/// which all neurons have the same feature. What is marked "derived here" was found for this
/// program.
///
/// Everything is written in z-space (models/label_noise.hpp): with c_ij standing for the parameter
/// direction theta_j = sum_i c_ij x_i, gradients of functions of z, the Jacobian and the projection
/// need K = X X^T alone. F is a sum over samples there, each with its own constraint; K is but the
/// metric: it decides how fast, not where to. Finite steps couple the samples.
///
/// Time is the slow clock S. Arguments `step_size` are the eta of full batches whose effect is
/// included; 0 is the limit of small steps, the same for single samples. All of it holds to leading
/// order in sigma.
#pragma once

#include <limits>

#include "sharpsweep/models/label_noise_start.hpp"

namespace sharpsweep::label_noise::theory {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// S that `steps` steps advance: eta^2 sigma^2 / (4 B) a step, B = n for full batches, 1 for single
/// samples (derived here; the abstract has the flow).
inline double slow_clock(double step_size, double sigma, double batch, double steps) {
  return step_size * step_size * sigma * sigma / (4 * batch) * steps;
}

/// A_ik = (1/n) K_ik sum_j phi'(z_ij) phi'(z_kj): on M the nonzero spectrum of the Hessian.
inline Matrix tangent_kernel(const Problem& problem, const std::vector<Jet>& at) {
  Matrix a = jacobian_gram(problem, at);
  for (double& entry : a.entries()) entry /= static_cast<double>(problem.samples());
  return a;
}

/// The largest eigenvalue of the Hessian on M. Training is unstable where eta times it exceeds 2.
inline double largest_curvature(const Problem& problem, const State& z) {
  return dense::symmetric_eigenvalues(tangent_kernel(problem, jets(problem, z))).back();
}

/// The Cholesky factor of 1 - (eta/2) A. \return false at and beyond the edge of stability
inline bool stability_factor(const Matrix& a, double step_size, Matrix& factor) {
  factor = a;
  for (double& entry : factor.entries()) entry *= -0.5 * step_size;
  for (std::size_t i = 0; i < a.rows(); ++i) factor(i, i) += 1;
  return dense::cholesky(factor);
}

/// W = (1 - (eta/2) A)^-1; all NaN at and beyond the edge of stability.
inline Matrix resolvent(const Matrix& a, double step_size) {
  const std::size_t n = a.rows();
  Matrix factor, w(n, n);
  const bool stable = stability_factor(a, step_size, factor);
  for (std::size_t i = 0; i < n; ++i) {
    w(i, i) = stable ? 1 : kNone;
    dense::solve_cholesky(factor, w.row(i)); // a row of a symmetric inverse
  }
  return w;
}

/// What label noise minimises on M: F = tr A for small steps, and for full batches of finite step
/// size F_eta = -(2/eta) tr log(1 - (eta/2) A) (derived here: the stationary covariance around M is
/// (eta sigma^2/n) (2 - eta H)^-1, and the slow drift -(eta^2 sigma^2/4n) P_T grad F_eta). Infinite
/// at and beyond the edge of stability. For single samples it holds only as eta -> 0, unless n = 1.
inline double sharpness(const Problem& problem, const State& z, double step_size) {
  const Matrix a = tangent_kernel(problem, jets(problem, z));
  double sum = 0;
  if (step_size == 0) {
    for (std::size_t i = 0; i < a.rows(); ++i) sum += a(i, i);
    return sum;
  }
  Matrix factor;
  if (!stability_factor(a, step_size, factor)) return kInfinity;
  for (std::size_t i = 0; i < a.rows(); ++i) sum += 2 * elementary::log(factor(i, i));
  return -2 / step_size * sum;
}

/// The gradient of sharpness() as h with grad_j = sum_i h_ij x_i (derived here):
/// h_ij = (2/n) phi''(z_ij) sum_k W_ik K_ik phi'(z_kj); (2/n) |x_i|^2 phi' phi'' if eta = 0.
inline std::vector<double> sharpness_gradient(const Problem& problem, const std::vector<Jet>& at,
                                              double step_size) {
  const std::size_t n = problem.samples();
  const Matrix w = resolvent(tangent_kernel(problem, at), step_size);
  std::vector<double> h(at.size());
  for (std::size_t j = 0; j < problem.neurons; ++j) {
    for (std::size_t i = 0; i < n; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < n; ++k) {
        sum += w(i, k) * problem.kernel(i, k) * at[j * n + k].slope;
      }
      h[j * n + i] = 2 / static_cast<double>(n) * at[j * n + i].second * sum;
    }
  }
  return h;
}

/// P_T = 1 - J^T (J J^T)^-1 J, the projection onto the tangent space of M, of the direction
/// sum_i c_ij x_i. \return its coefficients, NaN where J J^T is singular
inline std::vector<double> tangential(const Problem& problem, const std::vector<Jet>& at,
                                      std::vector<double> c) {
  const std::size_t n = problem.samples();
  Matrix gram = jacobian_gram(problem, at);
  const bool regular = dense::cholesky(gram);
  std::vector<double> pull(n, 0.0); // J c, then (J J^T)^-1 J c
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < problem.neurons; ++j) {
      double along = 0;
      for (std::size_t k = 0; k < n; ++k) along += problem.kernel(i, k) * c[j * n + k];
      pull[i] += at[j * n + i].slope * along;
    }
    if (!regular) pull[i] = kNone;
  }
  dense::solve_cholesky(gram, pull);
  for (std::size_t j = 0; j < problem.neurons; ++j) {
    for (std::size_t i = 0; i < n; ++i) c[j * n + i] -= pull[i] * at[j * n + i].slope;
  }
  return c;
}

/// The slow flow dTheta/dS = -P_T grad F as dz/dS (derived here).
inline State slow_velocity(const Problem& problem, const State& z, double step_size) {
  const std::vector<Jet> at = jets(problem, z);
  const std::vector<double> c = tangential(problem, at, sharpness_gradient(problem, at, step_size));
  return moved(problem, State(z.size(), 0.0), -1, c);
}

/// The same for orthonormal inputs and eta = 0, where samples decouple (derived here):
/// dz_ij/dS = -(2/n) phi'(z_ij) (phi''(z_ij) - <phi''>_i), the mean over neurons weighted by
/// phi'^2.
inline State orthonormal_velocity(const Activation& phi, std::size_t samples, const State& z) {
  const std::size_t neurons = z.size() / samples;
  State velocity(z.size());
  for (std::size_t i = 0; i < samples; ++i) {
    double weights = 0, weighted = 0;
    for (std::size_t j = 0; j < neurons; ++j) {
      const Jet at = jet(phi, z[j * samples + i]);
      weights += at.slope * at.slope;
      weighted += at.slope * at.slope * at.second;
    }
    for (std::size_t j = 0; j < neurons; ++j) {
      const Jet at = jet(phi, z[j * samples + i]);
      velocity[j * samples + i] =
          -2 / static_cast<double>(samples) * at.slope * (at.second - weighted / weights);
    }
  }
  return velocity;
}

/// One fourth-order Runge-Kutta step of the slow flow, not retracted.
inline State runge_kutta(const Problem& problem, const State& z, double h, double step_size) {
  const auto ahead = [&z](double by, const State& velocity) {
    State x = z;
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += by * velocity[i];
    return x;
  };
  const State v1 = slow_velocity(problem, z, step_size);
  const State v2 = slow_velocity(problem, ahead(0.5 * h, v1), step_size);
  const State v3 = slow_velocity(problem, ahead(0.5 * h, v2), step_size);
  const State v4 = slow_velocity(problem, ahead(h, v3), step_size);
  State next = z;
  for (std::size_t i = 0; i < z.size(); ++i) {
    next[i] += h / 6 * (v1[i] + 2 * v2[i] + 2 * v3[i] + v4[i]);
  }
  return next;
}

/// Follows the slow flow from z on M for a time `duration`, retracting to M after every step. Steps
/// are doubled and halved so that a step's error is at most `tolerance` of its displacement: decay
/// rates keep that relative accuracy while the differences themselves vanish.
/// \return false when it met the edge of stability or made too many steps (a tanh that saturates
/// takes forever); z is then where it stopped
inline bool follow_slow_flow(const Problem& problem, State& z, double duration, double step_size,
                             double tolerance) {
  const auto magnitude = [](double x) { return x < 0 ? -x : x; };
  constexpr int kMaxSteps = 1000000;
  double done = 0, h = duration;
  for (int k = 0; k < kMaxSteps && done < duration; ++k) {
    const bool last = done + h >= duration;
    if (last) h = duration - done;
    const State whole = runge_kutta(problem, z, h, step_size);
    State halves = runge_kutta(problem, z, 0.5 * h, step_size);
    halves = runge_kutta(problem, halves, 0.5 * h, step_size);
    double error = 0, displacement = 0, size = 0;
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double difference = magnitude(whole[i] - halves[i]) / 15;
      if (difference > error) error = difference;
      if (!is_finite(difference)) error = kInfinity; // a NaN must count as too large
      displacement = std::max(displacement, magnitude(halves[i] - z[i]));
      size = std::max(size, magnitude(z[i]));
    }
    const double allowed = tolerance * displacement + 1e-15 * size;
    if (error > allowed) {
      if (h < 1e-12 * duration) return false;
      h *= 0.5;
      continue;
    }
    State next = halves;
    if (!retract(problem, next)) return false;
    z = std::move(next);
    done = last ? duration : done + h;
    if (error < allowed / 32) h *= 2;
  }
  return done >= duration;
}

/// z_i* = phi^-1(y_i/m): the preactivations of every neuron of the replicated state, the only
/// critical point of F on M if phi''' > 0 everywhere, and the end of training. NaN if out of reach.
inline std::vector<double> replicated_preactivations(const Problem& problem) {
  std::vector<double> z(problem.samples());
  for (std::size_t i = 0; i < z.size(); ++i) {
    z[i] = inverse(problem.activation, problem.labels[i] / static_cast<double>(problem.neurons));
  }
  return z;
}

/// The replicated state itself, [neuron][sample].
inline State replicated_state(const Problem& problem) {
  const std::vector<double> one = replicated_preactivations(problem);
  State z;
  for (std::size_t j = 0; j < problem.neurons; ++j) z.insert(z.end(), one.begin(), one.end());
  return z;
}

/// theta* = X^+ phi^-1(y/m): the one feature that all neurons share in the span of the inputs.
inline std::vector<double> replicated_feature(const Problem& problem, const Matrix& inputs) {
  std::vector<double> weights = replicated_preactivations(problem);
  Matrix factor = problem.kernel;
  dense::cholesky(factor);
  dense::solve_cholesky(factor, weights);
  std::vector<double> feature(inputs.columns(), 0.0);
  for (std::size_t i = 0; i < inputs.rows(); ++i) {
    for (std::size_t k = 0; k < inputs.columns(); ++k) feature[k] += weights[i] * inputs(i, k);
  }
  return feature;
}

/// max_ij |z_ij - z_i*|
inline double distance_to_replicated(const Problem& problem, const State& z) {
  const std::vector<double> one = replicated_preactivations(problem);
  double largest = 0;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const double difference = z[i] - one[i % one.size()];
    const double distance = difference < 0 ? -difference : difference;
    if (!(distance <= largest)) largest = distance;
  }
  return largest;
}

/// sharpness() of the replicated state; for eta = 0 F_min = (m/n) sum_i |x_i|^2 phi'(z_i*)^2.
inline double replicated_sharpness(const Problem& problem, double step_size) {
  return sharpness(problem, replicated_state(problem), step_size);
}

/// Q, of which differences between the neurons of the replicated state decay as dz/dS = -2 K Q z
/// (derived here: linearise slow_velocity() for differences that sum to zero over neurons):
/// Q = diag(q) + (1/n) (W o K) o (phi'' phi''^T),
/// q_i = (1/n) sum_k W_ik K_ik phi'_k (phi'''_i - phi''_i^2 / phi'_i).
/// For eta = 0 it is the diagonal (1/n) |x_i|^2 phi'_i phi'''_i.
inline Matrix stability_form(const Problem& problem, double step_size) {
  const std::size_t n = problem.samples();
  const std::vector<double> z = replicated_preactivations(problem);
  std::vector<Jet> at(n);
  Matrix a(n, n), form(n, n);
  for (std::size_t i = 0; i < n; ++i) at[i] = jet(problem.activation, z[i]);
  const double samples = static_cast<double>(n), neurons = static_cast<double>(problem.neurons);
  if (step_size == 0) {
    for (std::size_t i = 0; i < n; ++i) {
      form(i, i) = problem.kernel(i, i) * at[i].slope * at[i].third / samples;
    }
    return form;
  }
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < n; ++k) {
      a(i, k) = neurons / samples * problem.kernel(i, k) * at[i].slope * at[k].slope;
    }
  }
  const Matrix w = resolvent(a, step_size);
  for (std::size_t i = 0; i < n; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const double weight = w(i, k) * problem.kernel(i, k) / samples;
      form(i, k) = weight * at[i].second * at[k].second;
      sum += weight * at[k].slope;
    }
    form(i, i) += sum * (at[i].third - at[i].second * at[i].second / at[i].slope);
  }
  return form;
}

/// The relaxation rates of the replicated state per unit of S, ascending; each is (m-1)-fold. They
/// are the eigenvalues of 2 K Q: those of 2 L^T Q L with K = L L^T. Negative ones grow. The spread
/// decays with twice the first. NaN where labels are out of reach or the step size beyond the edge.
inline std::vector<double> relaxation_rates(const Problem& problem, double step_size) {
  Matrix factor = problem.kernel;
  if (!dense::cholesky(factor)) return std::vector<double>(problem.samples(), kNone);
  std::vector<double> rates =
      dense::symmetric_eigenvalues(dense::congruent(stability_form(problem, step_size), factor));
  for (double& rate : rates) rate *= 2;
  return rates;
}

/// The spread at time S, averaged over starts: those of neurons replicated but for small
/// differences of the preactivations of standard deviation s each, brought onto M (derived here).
/// Differences between neurons, which the retraction leaves alone to first order, change by E =
/// exp(-2 K Q S), so that the spread is s^2 (1 - 1/m) |E|^2 / |z*|^2. NaN where that is no longer
/// small (beyond 0.1), and without a replicated state.
inline double linear_spread(const Problem& problem, double step_size, double s, double duration) {
  const std::size_t n = problem.samples();
  const auto product = [n](const Matrix& a, const Matrix& b) {
    Matrix c(n, n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        for (std::size_t k = 0; k < n; ++k) c(i, j) += a(i, k) * b(k, j);
      }
    }
    return c;
  };
  Matrix exponent = product(problem.kernel, stability_form(problem, step_size)), e(n, n);
  for (double& entry : exponent.entries()) entry *= -2 * duration;
  double size = dense::dot(exponent.entries(), exponent.entries());
  if (!is_finite(size)) return kNone;
  int doublings = 0; // e^X = (e^(X/2))^2, until a short series does
  while (size > 0.01) {
    size /= 4;
    ++doublings;
  }
  for (double& entry : exponent.entries()) entry *= times_power_of_two(1.0, -1.0 * doublings);
  constexpr int kTerms = 12;          // 0.1^13 / 13! is nothing
  for (int k = kTerms; k >= 0; --k) { // nested: 1 + X (1 + X/2 (1 + ...))
    if (k < kTerms) e = product(exponent, e);
    for (double& entry : e.entries()) entry /= k < kTerms ? k + 1 : 1;
    for (std::size_t i = 0; i < n; ++i) e(i, i) += 1;
  }
  for (; doublings > 0; --doublings) e = product(e, e);
  const std::vector<double> z = replicated_preactivations(problem);
  const double spread = s * s * (1 - 1 / static_cast<double>(problem.neurons)) *
                        dense::dot(e.entries(), e.entries()) / dense::dot(z, z);
  return spread <= 0.1 ? spread : kNone;
}

/// The number of growing modes of the replicated state, whatever the pace of K (Sylvester): m-1
/// times the negative eigenvalues of Q; for eta = 0 these are #{i: phi'''(z_i*) < 0}. 0 where the
/// rates are NaN.
inline std::size_t unstable_modes(const Problem& problem, double step_size) {
  std::size_t negative = 0;
  for (const double eigenvalue : dense::symmetric_eigenvalues(stability_form(problem, step_size))) {
    negative += eigenvalue < 0;
  }
  return (problem.neurons - 1) * negative;
}

/// The |y/m| above which the replicated state is stable, phi'''(phi^-1(y/m)) = 0: 1/sqrt 3 for
/// tanh, phi(sqrt(k/10q)) for the quintic, and 0 where phi''' is nowhere negative. The line of
/// small steps, and of every step size if the samples' inputs are orthogonal (or n = 1); else
/// finite steps move it, mostly up: unstable_modes() with the step size tells.
inline double stability_line(const Activation& phi) {
  if (!is_increasing(phi)) return kNone;
  if (phi.kind == Activation::Kind::tanh) return square_root(1.0 / 3);
  if (phi.kind != Activation::Kind::quintic || phi.k <= 0) return 0;
  return jet(phi, square_root(phi.k / (10 * phi.q))).value;
}

/// The two phases between which neurons split below the stability line.
struct Coexistence {
  double z;         ///< the wells lie at +-z
  double value;     ///< phi(z): a sample splits without cost where |y/m| is below it
  double sharpness; ///< phi'(z)^2, the convex hull of phi'^2 as a function of phi between the wells
};

/// The common tangent of psi(a) = phi'(phi^-1(a))^2 (derived here): F on M is the sum of
/// psi(phi(z_ij)) at fixed sums of phi(z_ij). The wells of an even psi are minima of phi': for the
/// quintic at z^2 = 3k/10q, for tanh at infinity. NaN where psi is convex.
inline Coexistence coexistence(const Activation& phi) {
  if (phi.kind == Activation::Kind::tanh) return {kInfinity, 1, 0};
  if (!(stability_line(phi) > 0)) return {kNone, kNone, kNone};
  const double z = square_root(3 * phi.k / (10 * phi.q));
  const Jet at = jet(phi, z);
  return {z, at.value, at.slope * at.slope};
}

/// Neurons of one sample in two groups: critical for F when phi'' is the same in both.
struct Split {
  double high, low; ///< preactivations of the two groups
  double sharpness; ///< mean over neurons of phi'(z)^2: F/m for one sample of |x| = 1
};

/// The critical point of a quintic in which a part of the neurons (0 to 1) sits on the upper outer
/// branch of phi'' and the rest on the lower one, at mean phi(z) = mean (derived here). A local
/// minimum of F: with psi as above psi' = 2 phi'' and psi'' = 2 phi'''/phi' > 0 on these branches.
/// NaN where there is none.
inline Split split_state(const Activation& phi, double part, double mean) {
  const Split none = {kNone, kNone, kNone};
  if (phi.kind != Activation::Kind::quintic || !(stability_line(phi) > 0)) return none;
  // Both outer branches have the slopes phi'' between its local extremes, at +-edge.
  const double edge = square_root(phi.k / (10 * phi.q));
  const double extreme = -jet(phi, edge).second;
  const auto upper = [&](double second) {
    double low = edge, high = 4 * edge + 1;
    while (jet(phi, high).second < second) high *= 2;
    for (;;) {
      const double middle = 0.5 * (low + high);
      if (!(middle > low && middle < high)) return high;
      (jet(phi, middle).second > second ? high : low) = middle;
    }
  };
  const auto at_second = [&](double second) {
    const double high = upper(second), low = -upper(-second);
    const Jet a = jet(phi, high), b = jet(phi, low);
    return std::pair(part * a.value + (1 - part) * b.value,
                     Split{high, low, part * a.slope * a.slope + (1 - part) * b.slope * b.slope});
  };
  double low = -extreme, high = extreme;
  if (!(at_second(low).first <= mean && mean <= at_second(high).first)) return none;
  for (;;) {
    const double middle = 0.5 * (low + high);
    if (!(middle > low && middle < high)) return at_second(high).second;
    (at_second(middle).first > mean ? high : low) = middle;
  }
}

/// The effective rank (sum s^2)^2 / sum s^4 over the singular values s of Theta P_X, from traces
/// (derived here): s^2 are the eigenvalues of G = L^-1 Z Z^T L^-T, K = L L^T, Z the n x m matrix of
/// z, so it is (tr G)^2 / tr G^2. The part of Theta orthogonal to the inputs never moves and is
/// left out. 0 for z = 0.
inline double effective_rank(const Problem& problem, const State& z) {
  const std::size_t n = problem.samples();
  Matrix factor = problem.kernel;
  if (!dense::cholesky(factor)) return kNone;
  Matrix g(n, n);
  for (std::size_t j = 0; j < problem.neurons; ++j) {
    std::vector<double> column(z.begin() + static_cast<std::ptrdiff_t>(j * n),
                               z.begin() + static_cast<std::ptrdiff_t>((j + 1) * n));
    dense::solve_lower(factor, column);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < n; ++k) g(i, k) += column[i] * column[k];
    }
  }
  double trace = 0, squares = 0;
  for (std::size_t i = 0; i < n; ++i) trace += g(i, i);
  for (const double entry : g.entries()) squares += entry * entry;
  return squares > 0 ? trace * trace / squares : 0.0;
}

/// The mean loss of full-batch training around a point of M, to leading order in sigma (derived
/// here from the covariance above): (eta sigma^2 / 2n) tr A (2 - eta A)^-1, with
/// A (2 - eta A)^-1 = (W - 1) / eta.
inline double stationary_loss(const Problem& problem, const State& z, double step_size,
                              double sigma) {
  const std::size_t n = problem.samples();
  const Matrix w = resolvent(tangent_kernel(problem, jets(problem, z)), step_size);
  double trace = 0;
  for (std::size_t i = 0; i < n; ++i) trace += w(i, i) - 1;
  return sigma * sigma / (2 * static_cast<double>(n)) * trace;
}

} // namespace sharpsweep::label_noise::theory
