/// \file
/// Predictions for rule l2 at L = 2: the flow of all coordinates hangs on one scalar.
///
/// Conventions as in theory/sam_classification.hpp; all of this is derived here. With the sum and
/// difference p_j = u_j + v_j, q_j = u_j - v_j of the layers (q = 0 when balanced), a step is
/// exactly
///
///     p_j <- p_j (1 + eta s mu_j (1 - rho mu_j / N)),   q_j <- q_j (1 - eta s mu_j (1 + rho mu_j /
///     N)) N^2 = 1/2 sum_k mu_k^2 (p_k^2 + q_k^2)            = 2 sum_k mu_k^2 beta_k when balanced
///
/// so in the flow, with Phi' = 1 / N:
///
///     p_j = p_j(0) exp(mu_j tau - rho mu_j^2 Phi),      q_j = q_j(0) exp(-mu_j tau - rho mu_j^2
///     Phi)
///
/// and beta_j = (p_j^2 - q_j^2) / 4. At given N the coordinate of mu_j nearest N / (2 rho) grows
/// fastest, and j outgrows i (mu_j > mu_i) just when N > rho (mu_i + mu_j).
#pragma once

#include <algorithm>

#include "sharpsweep/theory/sam_classification.hpp"

namespace sharpsweep::sam_classification::theory {

/// ln beta_j of a balanced start at tau and Phi, either of the flow or of a run.
inline double l2_log_product(double mu, double alpha, double rho, double tau, double phi) {
  return 2 * (portable::log(alpha) + mu * tau - rho * mu * mu * phi);
}

/// The same of positive layers u and v.
inline double l2_log_product(double mu, double u, double v, double rho, double tau, double phi) {
  const double ratio = (u - v) / (u + v) * portable::exp(-2 * mu * tau); // q / p
  return l2_log_product(mu, 0.5 * (u + v), rho, tau, phi) + elementary::log1p(-ratio * ratio);
}

/// M = tau / (2 rho Phi), the time-harmonic mean of N over 2 rho.
inline double l2_crossover(double rho, double tau, double phi) { return tau / (2 * rho * phi); }

/// N of balanced weights alpha_j.
inline double l2_gradient_norm(Values mu, Values alpha) {
  double square = 0;
  for (std::size_t j = 0; j < mu.size(); ++j) square += 2 * mu[j] * mu[j] * alpha[j] * alpha[j];
  return square_root(square);
}

/// The coordinate of largest product and its lead over the second, in ln beta; infinite for d = 1.
struct Leader {
  int coordinate;
  double lead;
};

/// Of products exp(score_j).
inline Leader leader_of(Values score) {
  std::size_t first = 0;
  for (std::size_t j = 1; j < score.size(); ++j) first = score[j] > score[first] ? j : first;
  double lead = kInfinity;
  for (std::size_t j = 0; j < score.size(); ++j) {
    if (j != first) lead = std::min(lead, score[first] - score[j]);
  }
  return {static_cast<int>(first), lead};
}

/// Who leads at tau and Phi: the largest ln alpha_j + mu_j tau - rho mu_j^2 Phi.
inline Leader l2_leader(Values mu, Values alpha, double rho, double tau, double phi) {
  std::vector<double> score;
  for (std::size_t j = 0; j < mu.size(); ++j) {
    score.push_back(l2_log_product(mu[j], alpha[j], rho, tau, phi));
  }
  return leader_of(score);
}

/// The same from a uniform start: the mu_j nearest M.
inline int l2_leader(Values mu, double crossover) {
  std::size_t nearest = 0;
  for (std::size_t j = 1; j < mu.size(); ++j) {
    if (absolute(mu[j] - crossover) < absolute(mu[nearest] - crossover)) nearest = j;
  }
  return static_cast<int>(nearest);
}

/// The uniform start alpha at which i and j grow equally fast at first, rho (mu_i + mu_j) /
/// (sqrt 2 |mu|). For neighbours among the sorted mu it is the edge between their windows of first
/// amplification; for the two largest, the start from which on the largest leads at all times.
inline double l2_window_edge(Values mu, std::size_t i, std::size_t j, double rho) {
  double square = 0;
  for (const double value : mu) square += 2 * value * value;
  return rho * (mu[i] + mu[j]) / square_root(square);
}

/// The coordinate that grows fastest, or shrinks slowest, in the first step of a uniform start.
inline int l2_first_amplified(Values mu, double alpha, double rho) {
  const std::vector<double> start(mu.size(), alpha);
  return l2_leader(mu, l2_gradient_norm(mu, start) / (2 * rho));
}

/// The rate of ln w_i next to the saddle in which coordinate j alone is nonzero, at rho / sqrt 2:
/// mu_i (1 - mu_i / mu_j), and for i = j the rate mu_j at which a deviation of w_j grows. Smaller
/// mu are unstable there, larger ones stable.
inline double l2_saddle_rate(Values mu, std::size_t i, std::size_t j) {
  return i == j ? mu[j] : mu[i] * (1 - mu[i] / mu[j]);
}

/// The flow of (tau, Phi, t) from a start, t the time of the logistic clock: dt = (1 + e^z) dtau.
///
/// Its variable sigma has dsigma = dtau + c dPhi, c = rho mu_max: tau stands still where the
/// network collapses (N -> 0 at a finite tau) and Phi where it escapes, and neither is stiff in
/// sigma. The integrator is of order 8; its step is `resolution` over the rate at which N and its
/// distance from a saddle change, so a coordinate that has died does not shorten it. Errors of Phi
/// and of a threshold are about 1e-9.
class L2Flow {
public:
  /// What the steps resolve: the path alone, or also t, whose rate grows as e^z.
  enum class Resolve { path, time };

  /// \param u,v  positive layers 1 and 2
  L2Flow(Values mu, Values u, Values v, double rho, double resolution = 0.1)
      : rho_(rho), resolution_(resolution) {
    for (std::size_t j = 0; j < mu.size(); ++j) {
      const double p = u[j] + v[j], q = u[j] - v[j];
      coordinates_.push_back({mu[j], p * p, q * q});
    }
    largest_ = *std::max_element(mu.begin(), mu.end());
    smallest_ = *std::min_element(mu.begin(), mu.end());
    now_ = look(at_);
  }
  /// A balanced start.
  L2Flow(Values mu, Values alpha, double rho) : L2Flow(mu, alpha, alpha, rho) {}

  double tau() const { return at_.tau; }
  double phi() const { return at_.phi; }
  double time() const { return at_.time; }
  double gradient_norm() const { return now_.norm; }
  double product(std::size_t j) const {
    return 0.25 * (p_square(coordinates_[j], at_) - q_square(coordinates_[j], at_));
  }
  /// The square of the l_2 norm of all weights.
  double weight_square() const {
    double square = 0;
    for (const Coordinate& c : coordinates_) {
      square += 0.5 * (p_square(c, at_) + q_square(c, at_));
    }
    return square;
  }
  /// z at what.
  double margin() const { return now_.margin; }

  /// Sure signs: from here on every p_j grows, or all p_j and q_j shrink.
  bool escaped() const { return now_.norm_of_sums > rho_ * largest_; }
  bool collapsed() const { return now_.norm < rho_ * smallest_; }

  void advance(Resolve resolve = Resolve::path) {
    const double z = resolve == Resolve::time ? now_.margin : 0;
    move(at_, resolution_ / (pace() * (z > 0 ? 1 + z : 1)), resolve);
  }

  /// Goes to where value(*this), negative from the first step on, becomes zero. Returns false,
  /// having collapsed or made a million steps, where it does not.
  template <class F>
  bool advance_to(F value, Resolve resolve = Resolve::path) {
    for (int k = 0; k < kMostSteps; ++k) {
      const Point before = at_;
      advance(resolve);
      if (!(value(*this) < 0)) {
        const auto reaches = [&](double part) {
          move(before, part, resolve);
          return !(value(*this) < 0);
        };
        reaches(bisect(0, at_.sigma - before.sigma, reaches));
        return true;
      }
      if (now_.norm < 1e-30 * rho_ * smallest_) return false;
    }
    return false;
  }

  /// Whether the network escapes; otherwise it collapses to zero. Goes to where that is sure.
  bool escapes() {
    for (int k = 0; k < kMostSteps; ++k) { // only a start on the separatrix itself needs many
      if (escaped()) return true;
      if (collapsed()) return false;
      advance();
    }
    return false;
  }

private:
  static constexpr int kMostSteps = 1000000;

  struct Coordinate {
    double mu, p_square, q_square; ///< at the start
  };
  struct Point {
    double tau = 0, phi = 0, time = 0, sigma = 0;
  };
  struct View {
    double norm;         ///< N
    double norm_of_sums; ///< its part from the p_j
    double margin;       ///< z at what
  };

  double p_square(const Coordinate& c, const Point& at) const {
    return c.p_square * portable::exp(2 * c.mu * (at.tau - rho_ * c.mu * at.phi));
  }
  double q_square(const Coordinate& c, const Point& at) const {
    if (c.q_square == 0) return 0;
    return c.q_square * portable::exp(-2 * c.mu * (at.tau + rho_ * c.mu * at.phi));
  }

  View look(const Point& at) const {
    // z = 1/4 sum_j mu_j (p_j^2 (1 - rho mu_j / N)^2 - q_j^2 (1 + rho mu_j / N)^2), by powers of N.
    double p_sum = 0, q_sum = 0, z0 = 0, z1 = 0, z2 = 0;
    for (const Coordinate& c : coordinates_) {
      const double p = p_square(c, at), q = q_square(c, at), radius = rho_ * c.mu;
      p_sum += 0.5 * c.mu * c.mu * p;
      q_sum += 0.5 * c.mu * c.mu * q;
      z0 += 0.25 * c.mu * (p - q);
      z1 -= 0.5 * c.mu * radius * (p + q);
      z2 += 0.25 * c.mu * radius * radius * (p - q);
    }
    const double norm = square_root(p_sum + q_sum);
    return {norm, square_root(p_sum), z0 + (z1 + z2 / norm) / norm};
  }

  /// The rate, in sigma, at which N changes or leaves a saddle. A coordinate of less than 1e-12 of
  /// N^2 sets no pace.
  double pace() const {
    const double norm = now_.norm, least = 2e-12 * norm * norm;
    double fastest = smallest_; // the rate in tau
    for (const Coordinate& k : coordinates_) {
      const double radius = rho_ * k.mu / norm, mu_square = k.mu * k.mu;
      if (mu_square * p_square(k, at_) > least) {
        fastest = std::max(fastest, k.mu * absolute(1 - radius));
      }
      if (mu_square * q_square(k, at_) > least) fastest = std::max(fastest, k.mu * (1 + radius));
    }
    return fastest * tau_rate(norm);
  }
  /// dtau / dsigma, 1 where N overflows.
  double tau_rate(double norm) const { return 1 / (1 + rho_ * largest_ / norm); }

  Point rates(const Point& at, Resolve resolve) const {
    const View view = look(at);
    const double tau = tau_rate(view.norm);
    const double time = resolve == Resolve::time ? tau * (1 + portable::exp(view.margin)) : 0;
    return {tau, 1 / (view.norm + rho_ * largest_), time, 1};
  }
  static Point along(const Point& at, const Point& rate, double h) {
    return {at.tau + h * rate.tau, at.phi + h * rate.phi, at.time + h * rate.time,
            at.sigma + h * rate.sigma};
  }
  static Point difference(const Point& a, const Point& b) {
    return {a.tau - b.tau, a.phi - b.phi, a.time - b.time, a.sigma - b.sigma};
  }
  /// Gragg's midpoint rule with 2, 4, 6 and 8 parts, extrapolated to order 8.
  void move(const Point& from, double h, Resolve resolve) {
    const Point first = rates(from, resolve);
    Point last[4]; // the latest row of Neville's table, in the square of a part
    for (int k = 0; k < 4; ++k) {
      const int parts = 2 * (k + 1);
      const double part = h / parts;
      Point before = from, at = along(from, first, part);
      for (int i = 1; i < parts; ++i) {
        const Point after = along(before, rates(at, resolve), 2 * part);
        before = at;
        at = after;
      }
      for (int j = 0; j < k; ++j) {
        const double ratio = (k + 1.0) / (k - j);
        const Point better = along(at, difference(at, last[j]), 1 / (ratio * ratio - 1));
        last[j] = at;
        at = better;
      }
      last[k] = at;
    }
    at_ = last[3];
    now_ = look(at_);
  }

  std::vector<Coordinate> coordinates_;
  double rho_, largest_, smallest_, resolution_;
  Point at_;
  View now_;
};

/// The collapse threshold alpha_c of starts w_j = alpha profile_j: above it the network escapes. It
/// is rho times a function of mu / mu_1 and the profile, about 1e-9 accurate.
inline double l2_collapse_threshold(Values mu, Values profile, double rho) {
  const double unit = l2_gradient_norm(mu, profile);
  const double low = rho * *std::min_element(mu.begin(), mu.end()) / unit;
  const double high = rho * *std::max_element(mu.begin(), mu.end()) / unit;
  return bisect(low, high, [&](double alpha) {
    std::vector<double> start;
    for (const double value : profile) start.push_back(alpha * value);
    return L2Flow(mu, start, rho).escapes();
  });
}

/// The same of uniform starts.
inline double l2_collapse_threshold(Values mu, double rho) {
  return l2_collapse_threshold(mu, std::vector<double>(mu.size(), 1.0), rho);
}

/// The flow at clock tau, or where it collapses before (then its Phi is infinite in the limit).
inline L2Flow l2_at_clock(Values mu, Values alpha, double rho, double tau) {
  L2Flow flow(mu, alpha, rho);
  flow.advance_to([tau](const L2Flow& f) { return f.tau() - tau; });
  return flow;
}

/// The flow at time t of the logistic clock; t is about 1e-6 accurate.
inline L2Flow l2_at_time(Values mu, Values alpha, double rho, double time) {
  L2Flow flow(mu, alpha, rho);
  flow.advance_to([time](const L2Flow& f) { return f.time() - time; }, L2Flow::Resolve::time);
  return flow;
}

/// The tau at which coordinate j overtakes i, where ln(alpha_j / alpha_i) + (mu_j - mu_i) (tau -
/// rho (mu_i + mu_j) Phi) becomes positive: tau / Phi = rho (mu_i + mu_j) for equal starts. 0 if j
/// leads from the start, infinite if it never leads, as in a tie of mu_i = mu_j.
inline double l2_switch_clock(Values mu, Values alpha, double rho, std::size_t i, std::size_t j) {
  const double ahead = portable::log(alpha[j]) - portable::log(alpha[i]);
  L2Flow flow(mu, alpha, rho);
  const double at_first = (mu[j] - mu[i]) * (flow.gradient_norm() - rho * (mu[i] + mu[j]));
  if (ahead > 0 || (ahead == 0 && at_first > 0)) return 0;
  if (mu[i] == mu[j]) return kInfinity;
  const auto lead = [&](const L2Flow& f) {
    return ahead + (mu[j] - mu[i]) * (f.tau() - rho * (mu[i] + mu[j]) * f.phi());
  };
  return flow.advance_to(lead) ? flow.tau() : kInfinity;
}

/// The uniform start, for d = 2, from which on the larger mu leads at time t of the logistic clock:
/// the boundary between minor first and major first under a budget of t / eta steps. It falls with
/// t, from the window edge towards the collapse threshold.
inline double l2_boundary_at_time(Values mu, double rho, double time) {
  const int major = mu[1] > mu[0] ? 1 : 0;
  return bisect(l2_collapse_threshold(mu, rho), l2_window_edge(mu, 0, 1, rho), [&](double alpha) {
    const double start[] = {alpha, alpha};
    const L2Flow flow = l2_at_time(mu, start, rho, time);
    return l2_leader(mu, start, rho, flow.tau(), flow.phi()).coordinate == major;
  });
}

} // namespace sharpsweep::sam_classification::theory
