/// \file
/// Predictions for SAM on quadratics and on valleys of varying curvature, in portable double
/// arithmetic.
///
/// Source: Bartlett, Long, Bousquet, JMLR 24 (2023), arXiv 2210.01513: marked [P]. What is marked
/// [D] was derived for this program; the derivation stands beside it. Everything follows from
///
///     v_i' = m_i(G) v_i,    m_i(G) = 1 - eta lambda_i - eta rho lambda_i^2 / G,
///
/// v = grad f and G = |v| on f = 1/2 sum lambda_i w_i^2. Below a = eta lambda_1, the step size is
/// eta, the radius rho, both positive; spectra come largest first. Norms and amplitudes are in the
/// units of v and w, times in steps. NaN where there is no prediction.
#pragma once

#include <algorithm>
#include <limits>
#include <span>

#include "sharpsweep/models/sam_quadratic.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/theory/quadrature.hpp"
#include "sharpsweep/theory/ssam.hpp"

namespace sharpsweep::sam_quadratic::theory {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

namespace detail {

inline constexpr double kPi2Over6 = 1.6449340668482264365;

/// ln(1 + x) for x > -1, without the cancellation of adding 1; at most 3 ulp.
inline double log1p(double x) {
  const double sum = 1 + x;
  // ln(1 + x) / x varies slowly: its value at the rounded sum serves x itself.
  return sum == 1 ? x : portable::log(sum) * (x / (sum - 1));
}

/// Re Li2(x), the dilogarithm's real part, for every real x; absolute error below 2e-15 times
/// 1 + ln^2|x|.
inline double dilogarithm(double x) {
  if (x > 1) {
    const double l = portable::log(x);
    return 2 * kPi2Over6 - 0.5 * l * l - dilogarithm(1 / x);
  }
  if (x == 1) return kPi2Over6;
  if (x > 0.5) return kPi2Over6 - portable::log(x) * log1p(-x) - dilogarithm(1 - x);
  if (x < -1) {
    const double l = portable::log(-x);
    return -kPi2Over6 - 0.5 * l * l - dilogarithm(1 / x);
  }
  if (x < -0.5) {
    const double l = log1p(-x);
    return -dilogarithm(x / (x - 1)) - 0.5 * l * l;
  }
  // sum x^k / k^2, small terms first; 2^-48 / 48^2 is below the rounding of the sum.
  double sum = 0;
  for (int k = 48; k >= 1; --k) sum = (sum + 1.0 / (k * k)) * x;
  return sum;
}

} // namespace detail

/// G on the 2-cycle along an axis of curvature lambda, where m = -1:
/// beta = eta rho lambda^2 / (2 - eta lambda), 0 < eta lambda < 2. [P Thm 1, 2]
inline double cycle_gradient_norm(double step_size, double rho, double lambda) {
  const double gap = 2 - step_size * lambda;
  return gap > 0 ? step_size * rho * lambda * lambda / gap : kNone;
}

/// |w| there: eta rho lambda / (2 - eta lambda). [P Thm 1, 2]
inline double cycle_amplitude(double step_size, double rho, double lambda) {
  return cycle_gradient_norm(step_size, rho, lambda) / lambda;
}

/// The loss there, 1/2 lambda |w|^2; it is the same on both points. [P Thm 2]
inline double cycle_loss(double step_size, double rho, double lambda) {
  const double w = cycle_amplitude(step_size, rho, lambda);
  return 0.5 * lambda * w * w;
}

/// m(G) of an axis of curvature lambda. [P eq. 3]
inline double multiplier_at(double step_size, double rho, double lambda, double norm) {
  return 1 - step_size * lambda - step_size * rho * lambda * lambda / norm;
}

/// m_{j|i}, what v_j is multiplied by each step on the cycle along e_i:
/// 1 - eta lambda_j - (lambda_j / lambda_i)^2 (2 - eta lambda_i), whatever rho. [D: m_j(beta_i)]
inline double multiplier(double step_size, double lambda_j, double lambda_i) {
  const double r = lambda_j / lambda_i;
  return 1 - step_size * lambda_j - r * r * (2 - step_size * lambda_i);
}

/// What the distance of |w_i| from its cycle is multiplied by: -(1 - eta lambda_i).
/// [D: |w_i|' = |(1 - eta lambda_i) |w_i| - eta rho lambda_i|]
inline double radial_multiplier(double step_size, double lambda_i) {
  return -(1 - step_size * lambda_i);
}

/// The factor by which a network nears the cycle along e_1 each step, the larger of |1 - a| and
/// max_{j > 1} |m_{j|1}|, for 0 < a < 2 and a single largest eigenvalue. [D]
///
/// It is that of the slowest coordinate; |v_1| alone follows with max(|1 - a|, max m_{j|1}^2),
/// since it feels the others through G^2.
inline double local_rate(double step_size, std::span<const double> lambda) {
  double rate = absolute(radial_multiplier(step_size, lambda[0]));
  for (std::size_t j = 1; j < lambda.size(); ++j) {
    rate = maximum(rate, absolute(multiplier(step_size, lambda[j], lambda[0])));
  }
  return rate;
}

/// The ratio r0 = lambda_j / lambda_1 whose multiplier 1 - a r - (2 - a) r^2 is zero:
/// (sqrt((a-2)^2 + 4) - a) / (2 (2-a)), written without the cancellation at a = 2. [D]
inline double superstable_ratio(double a) { return 2 / (a + square_root((a - 2) * (a - 2) + 4)); }

/// |m_{1|i}| > 1: how fast e_1 grows out of the cycle along e_i, which is a saddle. [D]
inline double escape_factor(double step_size, double lambda_1, double lambda_i) {
  return absolute(multiplier(step_size, lambda_1, lambda_i));
}

/// gamma = eta rho lambda^2 / (1 - eta lambda), where m(G) is zero; NaN for eta lambda >= 1, where
/// m is negative at every G. [P Lemma 5]
inline double zero_threshold(double step_size, double rho, double lambda) {
  const double gap = 1 - step_size * lambda;
  return gap > 0 ? step_size * rho * lambda * lambda / gap : kNone;
}

/// alpha_i: v_1 gains on v_i in a step iff G < alpha_i.
///
/// The paper's ((1 - eta l_1) gamma_1 + (1 - eta l_i) gamma_i) / (2 - eta l_1 - eta l_i) is
/// eta rho (l_1^2 + l_i^2) / (2 - eta l_1 - eta l_i), which holds for eta l >= 1 as well [D: m_1 <
/// m_i, so |m_1| > |m_i| iff m_1 + m_i < 0]. Infinite for eta (l_1 + l_i) >= 2. [P Lemma 5]
inline double gain_threshold(double step_size, double rho, double lambda_1, double lambda_i) {
  const double gap = 2 - step_size * (lambda_1 + lambda_i);
  if (!(gap > 0)) return kInfinity;
  return step_size * rho * (lambda_1 * lambda_1 + lambda_i * lambda_i) / gap;
}

/// b = eta rho lambda_1^2: once in the ball G <= b a network stays there, for a <= 1/2. [P Lemma 5]
inline double ball_radius(double step_size, double rho, double lambda_1) {
  return step_size * rho * lambda_1 * lambda_1;
}

/// The same for 0 < a < 2: max(b, beta_1), and from a = 1 on, where G nears beta_1 from outside and
/// would pass it by rounding alone, 1e-4 more. [D: |m_i| G <= max(G, b_i) where
/// eta lambda_i <= 1; else |m_i| G = (eta lambda_i - 1) G + b_i, at most (a - 1) beta_1 + b =
/// beta_1 for G <= beta_1]
inline double absorbing_radius(double step_size, double rho, double lambda_1) {
  const double a = step_size * lambda_1;
  if (!(a < 2)) return kNone;
  return ball_radius(step_size, rho, lambda_1) / (a > 1 ? 2 - a : 1) * (a < 1 ? 1 : 1 + 1e-4);
}

/// J(u) = 1/2 sum lambda_i^2 u_i^2 / beta_i - |Lambda u|, u_t = (-1)^t w_t: a step of SAM is
/// u' = u - eta rho grad J(u). [P Prop 8, Lemma 10] J is even, so w serves as well as u.
inline double potential(double step_size, double rho, std::span<const double> lambda,
                        std::span<const double> w) {
  double quadratic = 0, norm_squared = 0;
  for (std::size_t i = 0; i < lambda.size(); ++i) {
    const double v = lambda[i] * w[i];
    // lambda^2 / beta = (2 - eta lambda) / (eta rho), finite at eta lambda = 2
    quadratic += (2 - step_size * lambda[i]) / (step_size * rho) * w[i] * w[i];
    norm_squared += v * v;
  }
  return 0.5 * quadratic - square_root(norm_squared);
}

/// J on the cycle along e_i, -beta_i / 2: least for e_1. [D]
inline double cycle_potential(double step_size, double rho, double lambda) {
  return -0.5 * cycle_gradient_norm(step_size, rho, lambda);
}

/// What J falls by in a step, at least: (eta^2 rho / 2) grad J^T Lambda grad J, for every eta > 0.
/// [D: -|Lambda u| is concave, so J(u') - J(u) <= g.s + 1/2 s^T M s with s = -eta rho g and
/// M = (2 - eta Lambda) / (eta rho)]
inline double potential_descent(double step_size, double rho, std::span<const double> lambda,
                                std::span<const double> w) {
  double norm_squared = 0, sum = 0;
  for (std::size_t i = 0; i < lambda.size(); ++i) {
    norm_squared += lambda[i] * lambda[i] * w[i] * w[i];
  }
  const double norm = square_root(norm_squared);
  for (std::size_t i = 0; i < lambda.size(); ++i) {
    const double gradient =
        ((2 - step_size * lambda[i]) / (step_size * rho) - lambda[i] * lambda[i] / norm) * w[i];
    sum += lambda[i] * gradient * gradient;
  }
  return 0.5 * step_size * step_size * rho * sum;
}

/// |w_1| on the axis after `steps` steps from `magnitude` > 0, exactly, for a >= 1: 2 rho more each
/// step at a = 2; geometric with factor a - 1 above; towards the cycle below.
/// [D: |w|' = (a - 1) |w| + a rho there]
inline double axis_amplitude(double step_size, double rho, double lambda_1, double magnitude,
                             double steps) {
  const double a = step_size * lambda_1;
  if (!(a >= 1)) return kNone;
  if (a == 2) return magnitude + 2 * rho * steps;
  if (steps == 0) return magnitude;
  const double fixed = a * rho / (2 - a);
  if (a == 1) return fixed;
  return fixed + (magnitude - fixed) * portable::exp(steps * detail::log1p(a - 2));
}

/// ln|m(G)|, finite at the zero of m.
inline double log_multiplier_at(double step_size, double rho, double lambda, double norm) {
  const double pull = step_size * lambda + step_size * rho * lambda * lambda / norm;
  if (pull < 0.5) return detail::log1p(-pull);
  return portable::log(maximum(absolute(1 - pull), 1e-300));
}

/// The integral over ln G from `from` down to `to` of ln|m_1(G)| times steps_per_log(ln G), the
/// number of steps that ln G takes to fall by 1; the zero of m_1 may lie between.
template <class F>
double winner_gain(double step_size, double rho, double lambda_1, double from, double to,
                   F steps_per_log) {
  constexpr int kPanels = 16;
  const auto gain = [=](double log_norm) {
    return log_multiplier_at(step_size, rho, lambda_1, portable::exp(log_norm)) *
           steps_per_log(log_norm);
  };
  const double zero = zero_threshold(step_size, rho, lambda_1);
  const double log_zero = zero == zero ? portable::log(zero) : -kInfinity;
  if (!(log_zero > to)) return integrate(gain, to, from, kPanels);
  if (!(log_zero < from)) return -integrate_from_singular(gain, from, to, kPanels);
  return integrate_from_singular(gain, log_zero, from, kPanels) -
         integrate_from_singular(gain, log_zero, to, kPanels);
}

/// The dip: the change of ln|v_1| while the slow coordinate d, leading with v_1 << v_d, takes G
/// from `norm` down to beta_1, where v_1 turns; 0 if G starts below. [D]
///
/// To leading order it is the integral over ln G of ln|m_1| / h with h = -ln m_d, the fall of ln G
/// in a step. The sum over steps differs by ln|m_1(norm)| / 2 (Euler-Maclaurin; ln|m_1| is zero at
/// beta_1), and by the flow that interpolates the steps: 1 / h becomes 1 / h - h' / (2h), where
/// h' = dh / dln G = -eta rho lambda_d^2 / (G m_d). What remains is where the steps fall around the
/// zero of m_1 if a < 1: ln|2 sin(pi phase)|, at most 0.7, below -3 once in 60.
///
/// For 0 < a < 2 and lambda_d / lambda_1 below superstable_ratio(a), else NaN: G has to pass beta_1
/// slowly.
inline double dip(double step_size, double rho, double lambda_1, double lambda_d, double norm) {
  const double beta = cycle_gradient_norm(step_size, rho, lambda_1);
  if (!(lambda_d < lambda_1 * superstable_ratio(step_size * lambda_1)) || !(beta > 0)) return kNone;
  if (!(norm > beta)) return 0;
  const auto steps_per_log = [=](double log_norm) {
    const double g = portable::exp(log_norm);
    const double m_d = multiplier_at(step_size, rho, lambda_d, g);
    return (1 + 0.5 * step_size * rho * lambda_d * lambda_d / (g * m_d)) /
           -log_multiplier_at(step_size, rho, lambda_d, g);
  };
  return winner_gain(step_size, rho, lambda_1, portable::log(norm), portable::log(beta),
                     steps_per_log) +
         0.5 * log_multiplier_at(step_size, rho, lambda_1, norm);
}

/// The dip for small eta lambda_d, kappa a >> 1, with kappa = lambda_1 / lambda_d:
///
///     -(kappa / a) [ -ln|1-a| x + Re Li2(z) - Re Li2(z e^-x) ],  x = ln(G0 / beta_1),
///
/// z = (2-a) / (1-a). [D: -ln m_d ~ a / kappa, and with s = gamma_1 / G the integral of
/// ln|1 - s| ds / s is -Re Li2(s).] The last term vanishes for a long descent. At a = 1, where
/// m_1 = -b / G, it is -(kappa / a) x^2 / 2.
inline double dip_small_step(double a, double kappa, double log_ratio) {
  if (!(a > 0 && a < 2)) return kNone;
  if (a == 1) return -kappa * 0.5 * log_ratio * log_ratio;
  const double z = (2 - a) / (1 - a);
  return -kappa / a *
         (-portable::log(absolute(1 - a)) * log_ratio + detail::dilogarithm(z) -
          detail::dilogarithm(z * portable::exp(-log_ratio)));
}

/// How a network comes in.
struct Descent {
  double hit;  ///< first step with G below the absorbing radius
  double turn; ///< first step with G below beta_1, where v_1 turns, or with v_1 on its cycle
  double dip;  ///< least ln|v_1| until then: a float run loses e_1 below -87, a double one -708
  bool leads;  ///< |v_1| is the largest at the turn
};

/// The descent from nonzero weights w, 0 < a < 2 and d > 1: the recursion itself until G is |v_d|,
/// then quadratures, of d ln G / -ln m_d(G) for the steps, within two steps. The dip has the range
/// and the accuracy of dip(). All NaN where the recursion takes too long. [D]
inline Descent descent(double step_size, double rho, std::span<const double> lambda,
                       std::span<const double> w) {
  const Descent none = {kNone, kNone, kNone, false};
  const int d = static_cast<int>(lambda.size());
  const double beta = cycle_gradient_norm(step_size, rho, lambda[0]);
  if (!(beta > 0)) return none;
  const double log_beta = portable::log(beta);
  const double log_radius = portable::log(absorbing_radius(step_size, rho, lambda[0]));
  double decay[kMaxCoordinates], pull[kMaxCoordinates], log_v[kMaxCoordinates] = {};
  double sign[kMaxCoordinates] = {}; // of no interest
  for (std::size_t i = 0; i < lambda.size(); ++i) {
    const Coefficients c = coefficients(step_size, rho, lambda[i]);
    decay[i] = c.decay;
    pull[i] = c.pull;
    log_v[i] = log_gradient(w[i], lambda[i]);
  }
  const bool slow = lambda.back() < lambda[0] * superstable_ratio(step_size * lambda[0]);
  double hit = kNone, least = log_v[0];
  const auto turned = [&](int k) {
    return Descent{hit, static_cast<double>(k), slow ? least : kNone,
                   std::max_element(log_v, log_v + d) == log_v};
  };
  const int most = (1 << 21) / d; // a = 1e-4 needs a tenth of it if d = 2
  int k = 0;
  double log_g = log_norm(log_v, d);
  for (; log_g > log_v[d - 1] + 1e-3; ++k) {
    if (k == most) return none;
    if (!(hit >= 0) && log_g < log_radius) hit = k;
    if (log_g < log_beta) return turned(k);
    const double before = log_v[0];
    log_step(log_v, sign, decay, pull, d);
    log_g = log_norm(log_v, d);
    least = minimum(log_v[0], least);
    if (absolute(log_v[0] - before) < 1e-12) return turned(k + 1); // on its cycle
  }
  const auto steps_to = [&](double to) {
    const auto steps_per_log = [&](double l) {
      return -1 / log_multiplier_at(step_size, rho, lambda.back(), portable::exp(l));
    };
    return log_g > to ? k + integrate(steps_per_log, to, log_g, 16) : k;
  };
  const double fall = dip(step_size, rho, lambda[0], lambda.back(), portable::exp(log_g));
  return {hit >= 0 ? hit : steps_to(log_radius), steps_to(log_beta),
          slow ? minimum(log_v[0] + fall, least) : kNone, false};
}

/// First step with G below the absorbing radius on the axis of v_1, from G = `norm`, within one
/// step, 0 < a < 2. [D: |v|' = |(1 - a) |v| - b|]
inline double axis_hit(double step_size, double rho, double lambda_1, double norm) {
  const double a = step_size * lambda_1, b = ball_radius(step_size, rho, lambda_1);
  const double radius = absorbing_radius(step_size, rho, lambda_1), beta = b / (2 - a);
  if (norm < radius) return 0;
  if (!(a < 1)) return portable::log((norm - beta) / (radius - beta)) / -detail::log1p(a - 2);
  return portable::log((a * norm + b) / ((1 + a) * b)) / -detail::log1p(-a);
}

/// Steps from G = `norm` down to the absorbing radius, at most: ln(norm / radius) /
/// -ln(1 - eta lambda_d), 0 from inside; eta lambda_d < 1. [P]
inline double descent_bound(double step_size, double rho, double lambda_1, double lambda_d,
                            double norm) {
  const double radius = absorbing_radius(step_size, rho, lambda_1);
  return norm > radius ? portable::log(norm / radius) / -detail::log1p(-step_size * lambda_d) : 0;
}

/// How v_1 comes back from its dip.
struct Regrowth {
  double steps;    ///< from where G enters the absorbing radius, or from the start inside it
  double log_norm; ///< ln G where v_1 has caught up with it
};

/// The regrowth of v_1 from ln|v_1| = `log_dip` until it is as large as G, which d goes on taking
/// down from `norm`. Below the zero of m_d, G jumps onto the cycle along e_d, and v_1 grows by
/// ln|m_{1|d}| a step. Range as for dip(). [D: winner_gain from beta_1 down to where it meets ln G]
inline Regrowth regrowth(double step_size, double rho, double lambda_1, double lambda_d,
                         double norm, double log_dip) {
  const double beta = cycle_gradient_norm(step_size, rho, lambda_1);
  const double floor = zero_threshold(step_size, rho, lambda_d);
  if (!(floor < beta)) return {kNone, kNone};
  const double log_floor = portable::log(floor);
  const double start = portable::log(minimum(norm, absorbing_radius(step_size, rho, lambda_1)));
  const double turn = minimum(start, portable::log(beta));
  if (log_dip >= turn) return {0, start};
  const auto steps_per_log = [=](double log_norm) {
    return -1 / log_multiplier_at(step_size, rho, lambda_d, portable::exp(log_norm));
  };
  const auto behind = [=](double log_norm) { // by how much v_1 is still below G
    return log_norm - log_dip -
           winner_gain(step_size, rho, lambda_1, turn, log_norm, steps_per_log);
  };
  if (!(start > log_floor)) {
    const double growth = portable::log(escape_factor(step_size, lambda_1, lambda_d));
    return {(start - log_dip) / growth, start};
  }
  const double still = behind(log_floor);
  if (still > 0) {
    const double growth = portable::log(escape_factor(step_size, lambda_1, lambda_d));
    const double onto = portable::log(cycle_gradient_norm(step_size, rho, lambda_d));
    return {integrate(steps_per_log, log_floor, start, 16) + still / growth, onto};
  }
  const double caught =
      ssam::theory::bisect(log_floor, turn, [&](double l) { return behind(l) > 0; });
  return {integrate(steps_per_log, caught, start, 16), caught};
}

/// Steps until a network of d > 1 equal weights has |v_1| and every other |v_j| within `tolerance`
/// beta_1 of the cycle along e_1: descent, regrowth of v_1 from its dip, and decay at the local
/// rates. There the radial distance and the v_j between count from beta_1, v_d from the G at which
/// v_1 caught up. Where a > 1 and v_1 leads all the way, it comes down with factor a - 1 and each
/// v_j with |1 - eta lambda_j|, to 2 beta_1. NaN where v_1 does not lead and a coordinate between
/// is the slowest: it may lead before v_1 does. [D, an estimate: to some per cent, a third at
/// worst]
inline double convergence_steps(double step_size, double rho, std::span<const double> lambda,
                                double weight, const Descent& in, double tolerance) {
  const double first = lambda.front();
  const double log_beta = portable::log(cycle_gradient_norm(step_size, rho, first));
  const auto log_of = [](double x) { return portable::log(maximum(absolute(x), 1e-300)); };
  const auto decay_steps = [=](double log_distance, double factor) {
    return maximum(log_distance - portable::log(tolerance), 0) / -log_of(factor);
  };
  const auto log_start = [=](double own) { return portable::log(own * weight) - log_beta; };
  const bool leads = in.leads && step_size * first > 1;
  const double radial = radial_multiplier(step_size, first);
  const Regrowth back =
      regrowth(step_size, rho, first, lambda.back(), lambda.back() * weight, in.dip);
  double arrival = in.hit + back.steps, settling = decay_steps(0, radial);
  if (leads) {
    arrival = maximum(log_start(first), 0) / -log_of(radial);
    settling = decay_steps(minimum(log_of(portable::exp(log_start(first)) - 1), 0), radial);
  }
  for (std::size_t j = lambda.size() - 1; j > 0; --j) {
    const bool last = j + 1 == lambda.size();
    const double ahead = leads  ? log_start(lambda[j]) + arrival * log_of(1 - step_size * lambda[j])
                         : last ? back.log_norm - log_beta
                                : 0;
    const double own = decay_steps(ahead, multiplier(step_size, lambda[j], first));
    if (!leads && !last && own > settling) return kNone;
    settling = maximum(settling, own);
  }
  return arrival + settling;
}

/// The change of a parameter v each step while the network bounces in direction 1:
/// -2 eta rho^2 / (2 - eta lambda)^2 d lambda/dv, to leading order in rho; it is the paper's
/// -(eta rho^2 / 2) (1 + eta lambda / (2 - eta lambda))^2 grad lambda_max. [P Thm 21; D: the
/// perturbed point lies 2 rho / (2 - eta lambda) off the valley's floor]
/// \param slope  d lambda / dv
inline double drift(double step_size, double rho, double lambda, double slope) {
  const double gap = 2 - step_size * lambda;
  return gap > 0 ? -2 * step_size * rho * rho / (gap * gap) * slope : kNone;
}

/// v(t) after `steps` steps in the valley lambda = 1 + v^2, from v_0 with eta (1 + v_0^2) < 2;
/// relative error O(rho^2). [D: drift separates, (2-eta)^2 ln v - (2-eta) eta v^2 + eta^2 v^4 / 4
/// falls by 4 eta rho^2 a step]
inline double valley_position(double step_size, double rho, double v_0, double steps) {
  const double gap = 2 - step_size;
  const double steepest = 2 - step_size * (1 + v_0 * v_0);
  if (v_0 == 0) return 0;
  if (!(steepest > 0)) return kNone;
  const auto conserved = [=](double log_v) {
    const double v2 = portable::exp(2 * log_v);
    return gap * gap * log_v - gap * step_size * v2 + 0.25 * step_size * step_size * v2 * v2;
  };
  const double start = portable::log(absolute(v_0));
  const double fall = 4 * step_size * rho * rho * steps;
  const double level = conserved(start) - fall;
  // The rate of ln v is greatest at v_0.
  const double low = start - fall / (steepest * steepest) - 1e-9;
  const double log_v =
      ssam::theory::bisect(low, start, [&](double l) { return conserved(l) > level; });
  return copy_sign(portable::exp(log_v), v_0);
}

/// v' / v on the cycle at the flat point v -> 0 of that valley, exact in rho and eta < 2:
/// 1 - eta (1 + rho c) (c + rho)^2 with c = eta rho / (2 - eta). [D: p_v = v (1 + rho c) and
/// p_u = c + rho to first order in v]
inline double flat_point_multiplier(double step_size, double rho) {
  if (!(step_size < 2)) return kNone;
  const double c = step_size * rho / (2 - step_size);
  return 1 - step_size * (1 + rho * c) * (c + rho) * (c + rho);
}

/// D' / D of f = 1/2 (a b - y)^2 with D = a^2 - b^2, exact at any state with r = a b - y != 0:
/// 1 - 2 eta rho sgn(r) q / n - eta^2 q^2 (1 - rho^2 / n^2), where n = |(a, b)| and q is the
/// residual at the perturbed point, r + rho sgn(r) n + rho^2 a b / n^2. [D: a p_b - b p_a =
/// rho sgn(r) D / n and p_a^2 - p_b^2 = D (1 - rho^2 / n^2)]
inline double imbalance_multiplier(double step_size, double rho, double a, double b, double y) {
  const double r = a * b - y;
  const double n2 = a * a + b * b, n = square_root(n2);
  const double signed_rho = copy_sign(rho, r);
  const double q = r + signed_rho * n + rho * rho * (a * b / n2);
  const double eta_q = step_size * q;
  return 1 - 2 * signed_rho * eta_q / n - eta_q * eta_q * (1 - rho * rho / n2);
}

/// The same on the cycle across the valley a b = y, to leading order in rho:
/// 1 - 8 eta rho^2 / (2 - eta lambda)^2, lambda = sqrt(D^2 + 4 y^2). [D]
inline double cycle_imbalance_multiplier(double step_size, double rho, double imbalance, double y) {
  const double gap = 2 - step_size * product_curvature(imbalance, y);
  return gap > 0 ? 1 - 8 * step_size * rho * rho / (gap * gap) : kNone;
}

/// D(t) after `steps` steps along that valley, from D_0 with eta lambda(D_0) < 2; relative error
/// O(rho^2). [D: the rate separates; with q = 2|y|, (2 - eta q)^2 ln D - 4 eta (lambda -
/// q ln(lambda + q)) + eta^2 D^2 / 2 falls by 8 eta rho^2 a step]
inline double imbalance(double step_size, double rho, double d_0, double y, double steps) {
  const double q = 2 * absolute(y);
  const double steepest = 2 - step_size * product_curvature(d_0, y);
  if (d_0 == 0) return 0;
  if (!(steepest > 0)) return kNone;
  const double gap = 2 - step_size * q;
  const auto conserved = [=](double log_d) {
    const double d = portable::exp(log_d);
    const double lambda = product_curvature(d, y);
    const double valley = q > 0 ? q * portable::log(lambda + q) : 0;
    return gap * gap * log_d - 4 * step_size * (lambda - valley) +
           0.5 * step_size * step_size * d * d;
  };
  const double start = portable::log(absolute(d_0));
  const double fall = 8 * step_size * rho * rho * steps;
  const double level = conserved(start) - fall;
  const double low = start - fall / (steepest * steepest) - 1e-9;
  const double log_d =
      ssam::theory::bisect(low, start, [&](double l) { return conserved(l) > level; });
  return copy_sign(portable::exp(log_d), d_0);
}

/// -dv/dt on the competing curvatures while the network bounces in u_1, of curvature 2 + v:
/// (eta / 2) (2 rho / (2 - eta (2 + v)))^2. [D: drift with slope 1]
inline double competing_speed(double step_size, double rho, double v) {
  return -drift(step_size, rho, 2 + v, 1);
}

/// v(t) after `steps` steps of bouncing in u_1, from v_0 with eta (2 + v_0) < 2, as long as it
/// does; relative error O(rho^2). [D: with s = 2 - eta (2 + v), drift is s' = s + 2 eta^2 rho^2 /
/// s^2, so s^3 grows by 6 eta^2 rho^2 a step]
inline double competing_position(double step_size, double rho, double v_0, double steps) {
  const double gap = 2 - step_size * (2 + v_0);
  if (!(gap > 0)) return kNone;
  const double cube = gap * gap * gap + 6 * step_size * step_size * rho * rho * steps;
  return (2 - portable::root(cube, 3)) / step_size - 2;
}

/// v_x < 0 at which the bounce leaves u_1 for u_2, having entered at v_0 >= 0: SAM descends the
/// excited eigenvalue, and switches only when u_2 has regrown,
///
///     log_ratio + integral from v_x to v_0 of ln|m_{2|1}(v)| / speed(v) dv = 0.
///
/// [D] -2 if there is none above it; NaN for v_0 < 0, eta (2 + v_0) >= 2 or log_ratio >= 0.
/// \param log_ratio  ln(|u_2| / c) < 0 at v_0, c the amplitude in u_1. With a noise floor under u_2
///                   that was reached, v_0 = 0 and log_ratio = ln(floor / c)
inline double competing_exit(double step_size, double rho, double v_0, double log_ratio) {
  constexpr int kPanels = 16;
  if (!(v_0 >= 0 && step_size * (2 + v_0) < 2 && log_ratio < 0)) return kNone;
  const auto multiplier_of = [=](double v) { return multiplier(step_size, 2 - v, 2 + v); };
  const auto rate = [=](double v) {
    return portable::log(maximum(absolute(multiplier_of(v)), 1e-300)) /
           competing_speed(step_size, rho, v);
  };
  double depth = -log_ratio; // how far u_2 is down at v = 0, in nats
  if (multiplier_of(v_0) > 0) {
    // m grows with v from -1 at v = 0: it has one zero below v_0.
    const double zero =
        ssam::theory::bisect(0.0, v_0, [&](double v) { return multiplier_of(v) > 0; });
    depth -= integrate_from_singular(rate, zero, v_0, kPanels) -
             integrate_from_singular(rate, zero, 0, kPanels);
  } else if (v_0 > 0) {
    depth -= integrate(rate, 0, v_0, kPanels);
  }
  const auto regrown = [&](double v) { return integrate(rate, v, 0, kPanels) > depth; };
  constexpr double kLowest = -1.999;
  if (!regrown(kLowest)) return -2;
  return ssam::theory::bisect(kLowest, -1e-300, [&](double v) { return !regrown(v); });
}

} // namespace sharpsweep::sam_quadratic::theory
