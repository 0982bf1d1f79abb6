/// \file
/// Predictions for S-SAM on diagonal linear networks, in portable double arithmetic.
///
/// Source: Clara, Langer, Schmidt-Hieber, arXiv 2503.11891 (2025). What is marked "derived here"
/// follows from the expected loss E loss(w + eta z) = (w* - p)^2 + R, where the average sharpness
/// is R = prod_l (w_l^2 + eta^2) - prod_l w_l^2. At a balanced critical point |w_l| = u and
///
///     (u^2 + eta^2)^(L-1) = |w*| u^(L-2),
///
/// so with u = lambda |w*|^(1/L): lambda^2 - lambda^((L-2)/(L-1)) + eta^2 / |w*|^(2/L) = 0.
/// Thresholds are values of |w*|. They are NaN for L = 1, which shrinks nothing.
#pragma once

#include <limits>

#include "sharpsweep/models/ssam.hpp"
#include "sharpsweep/numerics/portable_math.hpp"

namespace sharpsweep::ssam::theory {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// The root of an increasing function's sign change in [low, high], to the last bit.
template <class Above>
double bisect(double low, double high, Above above) {
  for (;;) {
    const double middle = 0.5 * (low + high);
    if (!(middle > low && middle < high)) return high;
    (above(middle) ? high : low) = middle;
  }
}

/// Smallest |w*| with a nonzero critical point, a saddle-node (the paper's threshold):
/// eta^L (2(L-1))^(L-1) / ((L-2)^((L-2)/2) L^(L/2)), 0^0 = 1.
inline double existence_threshold(double eta, int depth) {
  if (depth < 2) return kNone;
  const double layers = depth;
  // The half-integer powers are square roots of integer powers.
  const double denominator =
      square_root(portable::power(layers - 2, depth - 2) * portable::power(layers, depth));
  return portable::power(eta, depth) * (portable::power(2 * (layers - 1), depth - 1) / denominator);
}

/// The weight at the saddle-node, eta sqrt((L-2)/L).
inline double saddle_node_weight(double eta, int depth) {
  return depth < 3 ? 0.0 : eta * square_root(static_cast<double>(depth - 2) / depth);
}

/// The shrinkage at the saddle-node: 0 for L = 2 (a continuous transition), 0.397 for L = 3, ...
inline double saddle_node_shrinkage(double eta, int depth) {
  if (depth < 3) return 0;
  return saddle_node_weight(eta, depth) / portable::root(existence_threshold(eta, depth), depth);
}

/// |w*| at which the zero and the nonzero minimum have equal expected loss (derived here):
/// eta^L (1+s)^(L-1) / s^((L-2)/2), s the root in (0,1] of (1+s)^(L-1) (1-s) = 1.
inline double maxwell_threshold(double eta, int depth) {
  if (depth < 2) return kNone;
  if (depth == 2) return eta * eta; // s = 0
  // (1+s)^(L-1) (1-s) exceeds 1 from s = 0 on and falls to 0 at s = 1.
  const double s = bisect(
      0.1, 1.0, [depth](double x) { return portable::power(1 + x, depth - 1) * (1 - x) < 1; });
  return portable::power(eta, depth) * portable::power(1 + s, depth - 1) /
         square_root(portable::power(s, depth - 2));
}

/// |w*| at which the stable root has shrinkage `level`, 0 < level < 1 (derived here): there
/// u^2 = eta^2 / (level^(-L/(L-1)) - 1) and w* = (u / level)^L; eta^2 / (1 - level^2) for L = 2.
inline double target_at_level(double eta, int depth, double level) {
  if (depth < 2) return kNone;
  const double inverse = 1 / portable::root(portable::power(level, depth), depth - 1);
  const double u = eta / square_root(inverse - 1);
  return portable::power(u / level, depth);
}

/// The weight u > 0 of the stable balanced point, the larger root of the equation above;
/// 0 where there is none. For L = 1 it is |w*|.
inline double stable_weight(double eta, int depth, double target_magnitude) {
  if (depth == 1) return target_magnitude;
  if (!(target_magnitude > existence_threshold(eta, depth))) return 0;
  if (depth == 2) return square_root(target_magnitude - eta * eta);
  // In units of eta: (v^2 + 1)^(L-1) / v^(L-2) grows for v above the saddle-node's.
  const double scaled = target_magnitude / portable::power(eta, depth);
  const auto above = [depth, scaled](double v) {
    return portable::power(v * v + 1, depth - 1) > scaled * portable::power(v, depth - 2);
  };
  const double low = saddle_node_weight(1, depth);
  // Above it u < |w*|^(1/L): the stable root always shrinks.
  return eta * bisect(low, portable::root(scaled, depth) * (1 + 1e-12), above);
}

/// The sign of the product that a start has: +1 or -1; 0 if the start is zero or random.
inline int start_sign(const Init& init, int depth) {
  const bool definite = init.kind == Init::Kind::balanced || init.kind == Init::Kind::unbalanced;
  if (!definite || init.scale == 0) return 0;
  return init.scale < 0 && depth % 2 == 1 ? -1 : 1;
}

/// Whether gradient flow of the expected loss, in units eta = 1, ends at the stable product of the
/// target's sign (derived here). Fourth-order Runge-Kutta; a step stays below the inverse stiffness
/// of the penalty and moves no weight by more than a tenth of the largest.
///
/// Among factorisations of a product p the balanced one has the least expected loss, so every point
/// has a loss of at least f(p), f having two wells with its barrier at the unstable balanced root.
/// The flow descends: once its loss is below the barrier, the side that p lies on is for good.
/// \param w  the start; overwritten
inline bool flow_survives(int depth, double (&w)[kMaxDepth], double target) {
  const double magnitude = target < 0 ? -target : target;
  if (!(magnitude > existence_threshold(1, depth))) return false;
  if (depth == 2)
    return true; // zero is a saddle: no start but an exactly balanced zero stays there
  // (v^2 + 1)^(L-1) / v^(L-2) falls below the saddle-node's weight: there is the unstable root.
  const double unstable = bisect(0, saddle_node_weight(1, depth), [&](double v) {
    return portable::power(v * v + 1, depth - 1) < magnitude * portable::power(v, depth - 2);
  });
  const double barrier_product = portable::power(unstable, depth);
  const auto expected_loss = [magnitude](double product, double noisy_squares) {
    const double residual = magnitude - product;
    return residual * residual + (noisy_squares - product * product);
  };
  const double barrier =
      expected_loss(barrier_product, portable::power(unstable * unstable + 1, depth));

  double all = 1;     // prod (w^2 + 1) and
  double product = 1; // p sign(w*) at the latest point where `force` was asked
  double stiffness = 0;
  const auto force = [&](const double* x, double* f) {
    all = 1;
    product = target < 0 ? -1 : 1;
    stiffness = 0;
    for (int l = 0; l < depth; ++l) {
      all = all * (x[l] * x[l] + 1);
      product = product * x[l];
    }
    for (int l = 0; l < depth; ++l) {
      double rest = 1;
      for (int m = 0; m < depth; ++m) rest = m == l ? rest : rest * x[m];
      f[l] = 2 * (target * rest - x[l] * (all / (x[l] * x[l] + 1)));
      stiffness += 2 * all;
    }
  };
  constexpr int kMaxSteps = 100000; // only a start on the separatrix itself comes near
  for (int k = 0; k < kMaxSteps; ++k) {
    double f1[kMaxDepth], f2[kMaxDepth], f3[kMaxDepth], f4[kMaxDepth], x[kMaxDepth];
    force(w, f1);
    if (expected_loss(product, all) < barrier) break;
    double size = 0.01, speed = 0;
    for (int l = 0; l < depth; ++l) {
      size = w[l] > size ? w[l] : -w[l] > size ? -w[l] : size;
      speed = f1[l] > speed ? f1[l] : -f1[l] > speed ? -f1[l] : speed;
    }
    const double h = speed * 0.5 > 0.1 * size * stiffness ? 0.1 * size / speed : 0.5 / stiffness;
    for (int l = 0; l < depth; ++l) x[l] = w[l] + 0.5 * h * f1[l];
    force(x, f2);
    for (int l = 0; l < depth; ++l) x[l] = w[l] + 0.5 * h * f2[l];
    force(x, f3);
    for (int l = 0; l < depth; ++l) x[l] = w[l] + h * f3[l];
    force(x, f4);
    for (int l = 0; l < depth; ++l) {
      w[l] = w[l] + h / 6 * (f1[l] + 2 * f2[l] + 2 * f3[l] + f4[l]);
    }
  }
  return product > barrier_product;
}

/// Smallest |w*| that noise-free training from `init` keeps away from zero; `sign` is that of w*.
///
/// A balanced start u0 > 0 has it in closed form (derived here): (u0^2 + eta^2)^(L-1) / u0^(L-2)
/// if u0 lies below the saddle-node's weight, else the existence threshold. For L = 2 it is eta^2
/// for every start, since zero is no minimum above it. `unbalanced` and `zero_last` are integrated
/// and bisected to 1e-7 relative. Infinite where no target up to 1e6 eta^L survives (a start of the
/// wrong sign, or at zero); NaN for `gaussian`, whose threshold depends on the draws.
inline double basin_threshold(double eta, int depth, const Init& init, int sign) {
  if (depth < 2 || init.kind == Init::Kind::gaussian) return kNone;
  const double existence = existence_threshold(eta, depth);
  if (depth == 2) return existence;
  if (init.scale == 0) return kInfinity;
  if (init.kind == Init::Kind::balanced) {
    if (start_sign(init, depth) != sign) return kInfinity;
    const double u0 = init.scale < 0 ? -init.scale : init.scale;
    if (u0 >= saddle_node_weight(eta, depth)) return existence;
    return portable::power(u0 * u0 + eta * eta, depth - 1) / portable::power(u0, depth - 2);
  }
  Init scaled = init;
  scaled.scale = init.scale / eta;
  const double unit = existence_threshold(1, depth);
  const auto survives = [&](double magnitude) {
    double w[kMaxDepth];
    for (int l = 0; l < depth; ++l) w[l] = initial_weight(scaled, depth, l, 0.0F);
    return flow_survives(depth, w, sign * magnitude);
  };
  if (survives(unit * (1 + 1e-7))) return existence;
  double high = 2 * unit;
  while (!survives(high)) {
    high *= 2;
    if (high > 1e6) return kInfinity;
  }
  double low = high / 2;
  while (high - low > 1e-7 * high) {
    const double middle = 0.5 * (low + high);
    (survives(middle) ? high : low) = middle;
  }
  return high * portable::power(eta, depth);
}

/// |w*| at which the shrinkage crosses `level` in theory, given the start's basin threshold: the
/// basin threshold itself where the transition jumps over the level, else the target at the level.
inline double level_threshold(double eta, int depth, double basin, double level) {
  if (depth < 2 || level <= saddle_node_shrinkage(eta, depth)) return basin;
  const double at_level = target_at_level(eta, depth, level);
  return basin > at_level ? basin : at_level;
}

/// The order parameters that noise-free training tends to; NaN where there is no prediction.
/// \param basin  the start's basin threshold for targets of this sign
/// \param time   sum of the step sizes, for the balancing law at L = 2 (derived here, exact for
///               gradient flow): w_1^2 - w_2^2 decays as exp(-4 eta^2 t)
inline void predict(const Init& init, double eta, int depth, double target, double basin,
                    double time, double (&out)[kOrderParameters]) {
  for (double& value : out) value = kNone;
  const double magnitude = target < 0 ? -target : target;
  const bool known = depth == 1 || basin == basin; // no basin is known for a random start
  const double two_eta2_time = 2 * eta * eta * time;
  const bool equal_layers = init.kind == Init::Kind::balanced || depth == 1;
  if (equal_layers) out[imbalance] = 0;
  if (depth == 2 && init.kind != Init::Kind::gaussian) {
    const double w1 = initial_weight(init, depth, 0, 0.0F);
    const double w2 = initial_weight(init, depth, 1, 0.0F);
    const double start = w1 * w1 - w2 * w2;
    // A NaN that went through arithmetic may have either sign; results have one NaN.
    out[imbalance] =
        time == time ? (start < 0 ? -start : start) * portable::exp(-2 * two_eta2_time) : kNone;
  }
  if (!known) return;
  const double u = depth == 1 || magnitude > basin ? stable_weight(eta, depth, magnitude) : 0.0;
  double weights[kMaxDepth];
  for (int l = 0; l < depth; ++l) weights[l] = l == 0 && target < 0 ? -u : u;
  double values[kOrderParameters];
  double p = 1;
  for (int l = 0; l < depth; ++l) p = p * weights[l];
  order_parameters(weights, 1, depth, eta, target, p, values);
  out[shrinkage] = values[shrinkage];
  out[product_] = p;
  out[loss] = values[loss];
  out[average_sharpness] = values[average_sharpness];
  out[hessian_trace] = values[hessian_trace];
}

/// Stationary variances of constant-step S-SAM around the balanced point u, to leading order in
/// alpha (derived here); exact for L = 1: alpha eta^2 / (1 - alpha).
struct StationaryVariance {
  double along;  ///< of the weights' component along (1,...,1)/sqrt(L)
  double across; ///< in each of the L-1 orthogonal directions; NaN for L = 1
};

/// With m_j = E p^j, p ~ N(u, eta^2), A = u^2 + eta^2, q = L - 2: Hessian h_d = 2 A^(L-1),
/// h_o = 4 u^2 A^q - 2 |w*| u^q; gradient covariance c_d, c_o below; along (1,..,1):
/// h = h_d + (L-1) h_o, c = c_d + (L-1) c_o, across: h_d - h_o, c_d - c_o; variance
/// alpha c / (2h - alpha h^2). \param target  |w*|
inline StationaryVariance stationary_variance(double eta, int depth, double target, double alpha) {
  if (depth == 1) return {alpha * eta * eta / (1 - alpha), kNone};
  using portable::power;
  const double u = stable_weight(eta, depth, target);
  const double e2 = eta * eta, a = u * u + e2;
  const int q = depth - 2;
  const double m1 = u, m2 = a, m3 = u * (u * u + 3 * e2);
  const double m4 = power(u, 4) + 6 * u * u * e2 + 3 * e2 * e2;
  const double mean = 2 * u * power(a, depth - 1) - 2 * target * power(u, depth - 1);
  const double hd = 2 * power(a, depth - 1);
  const double ho = 4 * u * u * power(a, q) - 2 * target * power(u, q);
  const double cd = 4 * (m2 * power(m4, depth - 1) - 2 * target * m1 * power(m3, depth - 1) +
                         target * target * power(m2, depth - 1)) -
                    mean * mean;
  const double co = 4 * (m3 * m3 * power(m4, q) - 2 * target * m2 * m2 * power(m3, q) +
                         target * target * m1 * m1 * power(m2, q)) -
                    mean * mean;
  const auto variance = [alpha](double h, double c) { return alpha * c / (2 * h - alpha * h * h); };
  return {variance(hd + (depth - 1) * ho, cd + (depth - 1) * co), variance(hd - ho, cd - co)};
}

} // namespace sharpsweep::ssam::theory
