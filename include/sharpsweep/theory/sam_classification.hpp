/// \file
/// Predictions for SAM on diagonal linear networks for classification, in portable double
/// arithmetic.
///
/// Source: Moon, Si, Yun, arXiv 2603.08290 (2026). What is marked "derived here" was derived for
/// this program. Unless said otherwise the data are one example (mu, +1) with all mu_j > 0, starts
/// are balanced, w_j(0) = alpha_j > 0, and the flow is the limit of small steps of the recursion in
/// models/sam_classification.hpp, in the clock tau. A negative mu_j started with the same sign
/// behaves as |mu_j|. Coordinates count from 0, and d of them stand in each span.
///
/// Rule l2 is in theory/sam_classification_l2.hpp; the max-margin directions of a data set are in
/// host/analysis/max_margin.hpp.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "sharpsweep/models/sam_classification.hpp"
#include "sharpsweep/theory/ssam.hpp"

namespace sharpsweep::sam_classification::theory {

using ssam::theory::bisect;
using ssam::theory::kInfinity;

using Values = std::span<const double>;

/// What stands for "no coordinate".
inline constexpr int kNobody = -1;

// --- One layer: SAM is gradient descent on a shifted margin (paper, Theorem 3.1) ---

/// rho |x|_*, by which the margin of one example is shifted at what: |x|_1 under rule linf, |x|_2
/// under l2, 0 under gd. The shifted margin z obeys z' = z + eta |x|_2^2 sigmoid(-z) exactly.
inline double margin_shift(Rule rule, Values x, double rho) {
  double sum = 0;
  for (const double value : x) {
    const double size = absolute(value);
    sum += rule == Rule::linf ? size : size * size;
  }
  return rule == Rule::gd ? 0 : rho * (rule == Rule::linf ? sum : square_root(sum));
}

/// The shifted margin of the flow at time t = eta k (derived here): z + e^z grows by |x|_2^2 t.
/// \param square  |x|_2^2
inline double shifted_margin(double start, double square, double time) {
  const double level = start + portable::exp(start) + square * time;
  // z + e^z = c has its root in [0, ln c] for c >= 1 and in [c - e^c, c] below.
  const double low = level >= 1 ? 0 : level - portable::exp(level);
  const double high = level >= 1 ? portable::log(level) : level;
  return bisect(low, high, [level](double z) { return z + portable::exp(z) > level; });
}

// --- Rule linf; rule gd is its case rho = 0 ---

/// w of a coordinate at L = 2 while it is positive (paper, Theorem 3.2): exact in discrete time
/// with growth = prod over steps of (1 + eta s mu), of the flow with e^(mu tau).
inline double linf_weight(double alpha, double rho, double growth) {
  return rho + (alpha - rho) * growth;
}

/// The tau at which a weight below rho reaches zero and starts to chatter: ln(rho / (rho - alpha))
/// / mu at L = 2; ((rho - alpha)^-(L-2) - rho^-(L-2)) / ((L-2) mu) at even L > 2 (derived here).
/// Infinite for alpha >= rho and for odd L, where such a weight climbs to rho instead.
inline double linf_hitting_clock(int depth, double mu, double alpha, double rho) {
  if (depth % 2 == 1 || alpha >= rho) return kInfinity;
  if (depth == 2) return portable::log(rho / (rho - alpha)) / mu;
  const int k = depth - 2;
  return (1 / portable::power(rho - alpha, k) - 1 / portable::power(rho, k)) / (k * mu);
}

/// The tau at which a weight above rho becomes infinite, 1 / ((L-2) mu (alpha - rho)^(L-2));
/// infinite for alpha <= rho and for L <= 2.
inline double linf_blow_up_clock(int depth, double mu, double alpha, double rho) {
  if (depth <= 2 || alpha <= rho) return kInfinity;
  return 1 / ((depth - 2) * mu * portable::power(alpha - rho, depth - 2));
}

/// The coordinate that wins at depth L >= 2 (paper, Theorem 3.2): the largest mu_j
/// (alpha_j - rho)^(L-2) among alpha_j > rho, of equals the largest alpha_j. kNobody if there is
/// none: then every product goes to zero for even L and to rho^L for odd L.
inline int linf_winner(int depth, Values mu, Values alpha, double rho) {
  int winner = kNobody;
  double best = 0;
  for (std::size_t j = 0; j < mu.size(); ++j) {
    if (alpha[j] <= rho) continue;
    const double speed = mu[j] * portable::power(alpha[j] - rho, depth - 2);
    if (winner == kNobody || speed > best ||
        (speed == best && alpha[j] > alpha[static_cast<std::size_t>(winner)])) {
      winner = static_cast<int>(j);
      best = speed;
    }
  }
  return winner;
}

/// The alpha of another coordinate of data value `mu` that ties with one of (mu_1, alpha_1), for
/// L > 2: mu (alpha - rho)^(L-2) is equal for both. NaN for alpha_1 <= rho.
inline double linf_tie(int depth, double mu_1, double alpha_1, double mu, double rho) {
  if (depth <= 2 || alpha_1 <= rho) return kNone;
  return rho + (alpha_1 - rho) * portable::root(mu_1 / mu, depth - 2);
}

/// what = w - rho sgn(w)^(L-1) of the flow (derived here for L > 2 from w' = mu what^(L-1)). Once
/// the weight chatters this is -rho, of which only even powers matter. Infinite from the blow-up
/// on.
inline double linf_perturbed_weight(int depth, double mu, double alpha, double rho, double tau) {
  const double start = alpha - rho;
  if (tau >= linf_hitting_clock(depth, mu, alpha, rho)) return -rho;
  if (depth == 2) return start * portable::exp(mu * tau);
  if (start == 0) return 0;
  if (tau >= linf_blow_up_clock(depth, mu, alpha, rho)) return kInfinity;
  const int k = depth - 2;
  // For odd L the power keeps the sign of `start`: below rho the distance shrinks.
  const double speed = k * mu * portable::power(depth % 2 == 1 ? start : absolute(start), k);
  return start / portable::root(1 - speed * tau, k);
}

/// The margin z at what along the flow, sum_j mu_j what_j^L.
inline double linf_margin(int depth, Values mu, Values alpha, double rho, double tau) {
  double z = 0;
  for (std::size_t j = 0; j < mu.size(); ++j) {
    const double w = linf_perturbed_weight(depth, mu[j], alpha[j], rho, tau);
    z += mu[j] * portable::power(w, depth);
  }
  return z;
}

/// int_begin^end e^z dtau along the flow, by Gauss-Legendre of order 8 on parts over which z
/// changes by 1/2 at most: z never falls. Infinite where it exceeds `most`.
/// \param halvings  how many are left
inline double linf_exponential(int depth, Values mu, Values alpha, double rho, double begin,
                               double end, double most, int halvings) {
  constexpr double node[] = {0.1834346424956498, 0.5255324099163290, 0.7966664774136267,
                             0.9602898564975363};
  constexpr double weight[] = {0.3626837833783620, 0.3137066458778873, 0.2223810344533745,
                               0.1012285362903763};
  const auto z = [&](double tau) { return linf_margin(depth, mu, alpha, rho, tau); };
  const double middle = 0.5 * (begin + end), half = 0.5 * (end - begin), z_begin = z(begin);
  if (z_begin > 709 || portable::exp(z_begin) * (end - begin) > most) return kInfinity;
  if (halvings > 0 && !(z(end) - z_begin < 0.5)) {
    const double first = linf_exponential(depth, mu, alpha, rho, begin, middle, most, halvings - 1);
    if (first == kInfinity) return first;
    return first + linf_exponential(depth, mu, alpha, rho, middle, end, most, halvings - 1);
  }
  double sum = 0;
  for (int k = 0; k < 4; ++k) {
    sum += half * weight[k] *
           (portable::exp(z(middle - half * node[k])) + portable::exp(z(middle + half * node[k])));
  }
  return sum;
}

/// The ends of the parts of [0, tau] on which z is smooth: it has a kink where a weight reaches
/// zero.
inline std::vector<double> linf_smooth_parts(int depth, Values mu, Values alpha, double rho,
                                             double tau) {
  std::vector<double> ends{tau};
  for (std::size_t j = 0; j < mu.size(); ++j) {
    const double hit = linf_hitting_clock(depth, mu[j], alpha[j], rho);
    if (hit < tau) ends.push_back(hit);
  }
  std::sort(ends.begin(), ends.end());
  return ends;
}

/// The time t = eta k that the logistic clock takes to reach tau (derived here):
/// int_0^tau (1 + e^z) dtau', to about 1e-10, infinite beyond 1e300. At L = 2 hence
/// tau ~ ln ln t / (2 mu_max): directions converge at the pace of an iterated logarithm.
inline double linf_time(int depth, Values mu, Values alpha, double rho, double tau) {
  double time = tau, begin = 0;
  for (const double end : linf_smooth_parts(depth, mu, alpha, rho, tau)) {
    time += linf_exponential(depth, mu, alpha, rho, begin, end, 1e300, 40);
    begin = end;
  }
  return time;
}

/// The tau that the logistic clock has reached at time t, the inverse of linf_time: to 1e-13 of it.
inline double linf_clock(int depth, Values mu, Values alpha, double rho, double time) {
  double last = time; // tau never runs ahead of t
  for (std::size_t j = 0; j < mu.size(); ++j) {
    last = std::min(last, linf_blow_up_clock(depth, mu[j], alpha[j], rho));
  }
  double tau = 0, left = time;
  for (const double end : linf_smooth_parts(depth, mu, alpha, rho, last)) {
    // Widths that double while there is time for them, and halve from the first that is too wide.
    double width = std::min(1e-3 / *std::max_element(mu.begin(), mu.end()), end - tau);
    for (bool grows = true; width > 1e-13 * tau;) {
      const double cost =
          width + linf_exponential(depth, mu, alpha, rho, tau, tau + width, left, 40);
      const bool fits = cost <= left;
      if (fits) {
        tau += width;
        left -= cost;
      }
      grows = grows && fits;
      width = grows ? std::min(2 * width, end - tau) : 0.5 * width;
    }
    if (tau < end * (1 - 1e-12)) return tau;
  }
  return tau;
}

/// Whether a coordinate with positive layers u0, v0 at L = 2 grows for ever under rule linf
/// (derived here, exact in discrete time): u + v - 2 rho grows by (1 + eta s mu) a step while u - v
/// shrinks by (1 - eta s mu), so u0 + v0 = 2 rho separates.
inline bool linf_survives(double u0, double v0, double rho) { return u0 + v0 > 2 * rho; }

} // namespace sharpsweep::sam_classification::theory
