/// \file
/// Sharpness-aware minimisation (SAM) on quadratics, and on valleys whose curvature varies.
///
/// P. Bartlett, P. Long, O. Bousquet, "The Dynamics of Sharpness-Aware Minimization: Bouncing
/// Across Ravines and Drifting Towards Wide Minima", JMLR 24 (2023), arXiv 2210.01513. With step
/// size eta and radius rho a step is
///
///     w <- w - eta grad f( w + rho grad f(w) / |grad f(w)| ).
///
/// On f = 1/2 sum_i lambda_i w_i^2, lambda_1 > lambda_2 >= ... > 0, the gradient v_i = lambda_i w_i
/// obeys, exactly, v_i <- m_i(G) v_i with G = |v| and m_i(G) = 1 - eta lambda_i - eta rho
/// lambda_i^2 / G: coordinates talk through G alone. On the way to the 2-cycle along w_1 the winner
/// v_1 dips by hundreds to thousands of nats, so the recursion stands here twice: in w, and in
/// ln|v_i| and signs.
///
/// Then the three small landscapes on which SAM drifts towards lower curvature:
///
///     valley      f = 1/2 (1 + v^2) u^2
///     product     f = 1/2 (a b - y)^2
///     competing   f = 1/2 (2 + v) u_1^2 + 1/2 (2 - v) u_2^2
///
/// Everything is a template over a value type R: a number, or a pack of which each lane is one
/// network. Nothing in a step branches on a value. A step needs of R:
///
///     fmadd fnmadd mul add sub div square_root, and construction R(scalar)
///     absolute copy_sign minimum maximum select_less
///     exp log                                          (the log-domain steps alone)
///
/// For scalars they stand in arithmetic.hpp and in `detail`, below; a pack brings overloads of the
/// same names in its own namespace.
#pragma once

#include <cstddef>

#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/numerics/pack.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/numerics/sums.hpp"

namespace sharpsweep::sam_quadratic {

/// The largest number of coordinates of a network.
inline constexpr int kMaxCoordinates = 64;

namespace detail {

SHARPSWEEP_INLINE float absolute(float x) { return as_float(as_bits(x) & 0x7fffffffu); }
SHARPSWEEP_INLINE double absolute(double x) { return as_double(as_bits(x) & 0x7fffffffffffffffu); }

/// |magnitude| with the sign bit of `sign`.
SHARPSWEEP_INLINE float copy_sign(float magnitude, float sign) {
  return as_float((as_bits(magnitude) & 0x7fffffffu) | (as_bits(sign) & 0x80000000u));
}
SHARPSWEEP_INLINE double copy_sign(double magnitude, double sign) {
  constexpr std::uint64_t sign_bit = 0x8000000000000000u;
  return as_double((as_bits(magnitude) & ~sign_bit) | (as_bits(sign) & sign_bit));
}

/// a < b ? x : y; a NaN in a or b selects y.
SHARPSWEEP_INLINE float select_less(float a, float b, float x, float y) { return a < b ? x : y; }
SHARPSWEEP_INLINE double select_less(double a, double b, double x, double y) {
  return a < b ? x : y;
}

/// The smaller and the larger of a and b; b where one is NaN, as in the x86 instructions.
SHARPSWEEP_INLINE float minimum(float a, float b) { return a < b ? a : b; }
SHARPSWEEP_INLINE double minimum(double a, double b) { return a < b ? a : b; }
SHARPSWEEP_INLINE float maximum(float a, float b) { return a > b ? a : b; }
SHARPSWEEP_INLINE double maximum(double a, double b) { return a > b ? a : b; }

SHARPSWEEP_INLINE double exp(double x) { return portable::exp(x); }
SHARPSWEEP_INLINE double log(double x) { return portable::log(x); }
SHARPSWEEP_INLINE float exp(float x) {
  return static_cast<float>(portable::exp(static_cast<double>(x)));
}
SHARPSWEEP_INLINE float log(float x) {
  return static_cast<float>(portable::log(static_cast<double>(x)));
}

/// Limits of the scalar T behind a value type.
template <class T>
inline constexpr bool kSingle = sizeof(T) == 4;
/// The least squared norm that divides a gradient: the smallest normal number.
template <class T>
inline constexpr T kLeastSquare = static_cast<T>(kSingle<T> ? 0x1p-126 : 0x1p-1022);
/// The least |m| that rounding resolves: an fma near 1 returns nothing smaller but zero.
template <class T>
inline constexpr T kLeastMultiplier = static_cast<T>(kSingle<T> ? 0x1p-48 : 0x1p-106);
/// ln of the smallest positive number, which stands for ln 0.
template <class T>
inline constexpr double kLeastLog = kSingle<T> ? -103.27892990343185 : -744.44007192138122;

template <class R>
using ScalarOf = typename ValueTraits<R>::Scalar;

/// rho / |gradient|. Below the square root of the smallest normal number the perturbation shrinks
/// with the gradient, so that an exact zero stays where it is.
template <class R>
SHARPSWEEP_INLINE R perturbation_scale(R rho, R norm_squared) {
  return div(rho, square_root(maximum(norm_squared, R(kLeastSquare<ScalarOf<R>>))));
}

/// l += ln|m|, sign *= sgn m
template <class R>
SHARPSWEEP_INLINE void multiply_log(R& log_magnitude, R& sign, R m) {
  sign = mul(sign, copy_sign(R(1), m));
  log_magnitude = add(log_magnitude, log(maximum(absolute(m), R(kLeastMultiplier<ScalarOf<R>>))));
}

} // namespace detail

// By name and not by namespace: these hide the global ::exp and ::log of <cmath>.
using detail::absolute;
using detail::copy_sign;
using detail::exp;
using detail::log;
using detail::maximum;
using detail::minimum;
using detail::select_less;

/// One step of SAM on the quadratic, as it is usually trained.
///
/// A coordinate that underflows on the way is lost for good, and the run ends on the cycle of a
/// wrong axis (theory: dip_minimum). G itself has to stay above 1e-19 (float) or 1e-154 (double),
/// where its square underflows. \param w  weights of the d coordinates, d >= 1, updated in place
/// \param lambda  spectrum, largest first
/// \return the gradient's norm G before the step
template <class R>
SHARPSWEEP_INLINE R step(R* w, const R* lambda, int d, R step_size, R rho) {
  R v[kMaxCoordinates], squares[kMaxCoordinates];
  squares[0] = R(0); // the compiler does not know that d >= 1
  for (int i = 0; i < d; ++i) {
    v[i] = mul(lambda[i], w[i]);
    squares[i] = mul(v[i], v[i]);
  }
  const R norm_squared = pairwise_sum(squares, static_cast<std::size_t>(d));
  const R scale = detail::perturbation_scale(rho, norm_squared);
  for (int i = 0; i < d; ++i) {
    const R perturbed = fmadd(scale, v[i], w[i]);
    w[i] = fnmadd(step_size, mul(lambda[i], perturbed), w[i]);
  }
  return square_root(norm_squared);
}

/// What a coordinate's multiplier m(G) = decay - pull / G is made of: prepared once in double.
struct Coefficients {
  double decay; ///< 1 - eta lambda
  double pull;  ///< eta rho lambda^2
};

SHARPSWEEP_INLINE Coefficients coefficients(double step_size, double rho, double lambda) {
  return {fnmadd(step_size, lambda, 1), mul(mul(step_size, rho), mul(lambda, lambda))};
}

/// ln G of the gradients with logarithms log_v. The largest is taken out, so that no square
/// underflows which matters.
template <class R>
SHARPSWEEP_INLINE R log_norm(const R* log_v, int d) {
  R top = log_v[0];
  for (int i = 1; i < d; ++i) top = maximum(top, log_v[i]);
  R squares[kMaxCoordinates];
  squares[0] = R(0);
  for (int i = 0; i < d; ++i) {
    const R offset = sub(log_v[i], top);
    squares[i] = exp(add(offset, offset));
  }
  return fmadd(R(0.5), log(pairwise_sum(squares, static_cast<std::size_t>(d))), top);
}

/// The same step in ln|v_i| and signs, v_i = lambda_i w_i: no dip underflows.
///
/// ln G has to stay above -87 (float) or -700 (double); the ln|v_i| are free. In float an increment
/// below 2^-25 |ln|v_i|| is lost: late slopes want double beyond a million steps.
/// \param log_v  ln|v_i|, updated in place
/// \param sign  +1 or -1, the signs of v_i and of w_i, updated in place
/// \param decay, pull  each coordinate's Coefficients
/// \return ln G before the step
template <class R>
SHARPSWEEP_INLINE R log_step(R* log_v, R* sign, const R* decay, const R* pull, int d) {
  const R log_g = log_norm(log_v, d);
  const R inverse_g = exp(sub(R(0), log_g));
  for (int i = 0; i < d; ++i) {
    detail::multiply_log(log_v[i], sign[i], fnmadd(pull[i], inverse_g, decay[i]));
  }
  return log_g;
}

/// What is followed along a run of the quadratic: observe() once a step with the state before it,
/// and once at the end. One kind of number throughout: both magnitudes, or both logarithms.
template <class R>
struct Track {
  R dip;          ///< least |v_1| or ln|v_1|
  R hitting_step; ///< first step with G below the radius; never: as given

  /// \param never  more than any step number; in float steps are exact up to 2^24
  explicit SHARPSWEEP_INLINE Track(R first, R never) : dip(first), hitting_step(never) {}

  SHARPSWEEP_INLINE void observe(R first, R norm, R radius, R step) {
    dip = minimum(first, dip);
    hitting_step = select_less(norm, radius, minimum(step, hitting_step), hitting_step);
  }
};

/// The order parameters of one network on the quadratic, in the order of the output file.
enum OrderParameter : int {
  winner,        ///< argmax |w_i|, from 1 on
  amplitude,     ///< |w_1| over its cycle's, eta rho lambda_1 / (2 - eta lambda_1); NaN: no cycle
  alignment,     ///< v_1^2 / G^2
  gradient_norm, ///< G
  potential,     ///< J = 1/2 sum (2 - eta lambda_i) w_i^2 / (eta rho) - G, least at -beta_1 / 2
  late_slope,    ///< largest slope of ln|v_j| a step over all j but the winner; NaN for d = 1, 0
                 ///< where a plain coordinate has underflowed
  hitting_step,  ///< first step with G below the absorbing radius; NaN: never
  dip,           ///< least ln|v_1| along the run
  kOrderParameters
};

/// ln|v| of a plain weight, with the smallest positive number of T in the place of zero; a weight
/// that is not finite gives a value that is not.
template <class T>
SHARPSWEEP_INLINE double log_gradient(T w, double lambda) {
  const double v = mul(absolute(static_cast<double>(w)), lambda);
  if (!is_finite(v)) return v;
  return v > 0 ? maximum(portable::log(v), detail::kLeastLog<T>) : detail::kLeastLog<T>;
}

/// Order parameters of the final state, in double. What the run followed (hitting_step, dip) is the
/// caller's to fill in.
/// \param log_v  ln|v_i| at the end
/// \param earlier  ln|v_i| `interval` steps before: the late slope lies between the two. An even
///                 interval takes out what alternates
/// \return false, and nothing in `out`, when a ln|v_i| is not finite
SHARPSWEEP_INLINE bool order_parameters(const double* log_v, const double* earlier, double interval,
                                        const double* lambda, int d, double step_size, double rho,
                                        double (&out)[kOrderParameters]) {
  const double none = as_double(0x7ff8000000000000u);
  for (int i = 0; i < d; ++i) {
    if (!is_finite(log_v[i])) return false;
  }
  const double log_g = log_norm(log_v, d);
  int best = 0;
  double largest = 0, quadratic[kMaxCoordinates] = {};
  for (int i = 0; i < d; ++i) {
    // Relative to G nothing overflows: |w_i| / G = e^(ln|v_i| - ln G) / lambda_i.
    const double weight = div(portable::exp(sub(log_v[i], log_g)), lambda[i]);
    if (weight > largest) best = i;
    largest = maximum(largest, weight);
    quadratic[i] = mul(mul(fnmadd(step_size, lambda[i], 2), weight), weight);
  }
  double slope = none;
  for (int i = 0; i < d; ++i) {
    if (i == best) continue;
    const double own = div(sub(log_v[i], earlier[i]), interval);
    slope = own < slope ? slope : own;
  }
  const double g = portable::exp(log_g);
  const double gap = fnmadd(step_size, lambda[0], 2);
  const double beta = div(mul(mul(step_size, rho), mul(lambda[0], lambda[0])), gap);
  const double sum = pairwise_sum(quadratic, static_cast<std::size_t>(d));
  out[winner] = best + 1;
  out[amplitude] = gap > 0 ? div(portable::exp(log_v[0]), beta) : none;
  out[alignment] = portable::exp(mul(2, sub(log_v[0], log_g)));
  out[gradient_norm] = g;
  out[potential] = mul(g, sub(mul(div(mul(0.5, g), mul(step_size, rho)), sum), 1));
  out[late_slope] = slope;
  return true;
}

/// lambda(v) = 1 + v^2, the curvature of the valley.
template <class R>
SHARPSWEEP_INLINE R valley_curvature(R v) {
  return fmadd(v, v, R(1));
}

/// One step of SAM in the valley f = 1/2 lambda(v) u^2, gradient (lambda(v) u, v u^2).
template <class R>
SHARPSWEEP_INLINE void valley_step(R& u, R& v, R step_size, R rho) {
  const R gu = mul(valley_curvature(v), u);
  const R gv = mul(v, mul(u, u));
  const R scale = detail::perturbation_scale(rho, fmadd(gu, gu, mul(gv, gv)));
  const R pu = fmadd(scale, gu, u);
  const R pv = fmadd(scale, gv, v);
  u = fnmadd(step_size, mul(valley_curvature(pv), pu), u);
  v = fnmadd(step_size, mul(pv, mul(pu, pu)), v);
}

/// One step of SAM on f = 1/2 (a b - y)^2, gradient (a b - y) (b, a).
template <class R>
SHARPSWEEP_INLINE void product_step(R& a, R& b, R y, R step_size, R rho) {
  const R residual = fmadd(a, b, sub(R(0), y));
  const R ga = mul(residual, b);
  const R gb = mul(residual, a);
  const R scale = detail::perturbation_scale(rho, fmadd(ga, ga, mul(gb, gb)));
  const R pa = fmadd(scale, ga, a);
  const R pb = fmadd(scale, gb, b);
  const R pulled = mul(step_size, fmadd(pa, pb, sub(R(0), y)));
  a = fnmadd(pulled, pb, a);
  b = fnmadd(pulled, pa, b);
}

/// D = a^2 - b^2
template <class R>
SHARPSWEEP_INLINE R product_imbalance(R a, R b) {
  return mul(sub(a, b), add(a, b));
}

/// sqrt(D^2 + 4 y^2): the largest Hessian eigenvalue a^2 + b^2 at the minimum of this imbalance.
template <class R>
SHARPSWEEP_INLINE R product_curvature(R imbalance, R y) {
  const R twice = add(y, y);
  return square_root(fmadd(imbalance, imbalance, mul(twice, twice)));
}

/// What one step on the competing curvatures multiplies u_1 and u_2 by, exactly:
/// m_i = 1 - eta lambda_i(p_v) (1 + rho lambda_i(v) / G), p_v the perturbed v, which is updated.
/// \param square  u_1^2 and u_2^2
template <class R>
SHARPSWEEP_INLINE void competing_multipliers(const R (&square)[2], R& v, R step_size, R rho,
                                             R (&m)[2]) {
  const R lambda[2] = {add(R(2), v), sub(R(2), v)};
  const R gv = mul(R(0.5), sub(square[0], square[1]));
  const R norm_squared = fmadd(mul(lambda[0], lambda[0]), square[0],
                               fmadd(mul(lambda[1], lambda[1]), square[1], mul(gv, gv)));
  const R scale = detail::perturbation_scale(rho, norm_squared);
  const R pv = fmadd(scale, gv, v);
  const R stretch[2] = {fmadd(scale, lambda[0], R(1)), fmadd(scale, lambda[1], R(1))};
  m[0] = fnmadd(step_size, mul(add(R(2), pv), stretch[0]), R(1));
  m[1] = fnmadd(step_size, mul(sub(R(2), pv), stretch[1]), R(1));
  const R pushed =
      sub(mul(mul(stretch[0], stretch[0]), square[0]), mul(mul(stretch[1], stretch[1]), square[1]));
  v = fnmadd(mul(R(0.5), step_size), pushed, v);
}

/// One step of SAM on f = 1/2 (2 + v) u_1^2 + 1/2 (2 - v) u_2^2.
template <class R>
SHARPSWEEP_INLINE void competing_step(R (&u)[2], R& v, R step_size, R rho) {
  const R square[2] = {mul(u[0], u[0]), mul(u[1], u[1])};
  R m[2];
  competing_multipliers(square, v, step_size, rho, m);
  u[0] = mul(u[0], m[0]);
  u[1] = mul(u[1], m[1]);
}

/// The same in ln|u_i| and signs: the weaker direction falls by hundreds to thousands of nats while
/// the stronger one bounces.
template <class R>
SHARPSWEEP_INLINE void competing_log_step(R (&log_u)[2], R (&sign)[2], R& v, R step_size, R rho) {
  const R square[2] = {exp(add(log_u[0], log_u[0])), exp(add(log_u[1], log_u[1]))};
  R m[2];
  competing_multipliers(square, v, step_size, rho, m);
  detail::multiply_log(log_u[0], sign[0], m[0]);
  detail::multiply_log(log_u[1], sign[1], m[1]);
}

/// max(2 + v, 2 - v), the spectral norm of the competing curvatures at u = 0.
template <class R>
SHARPSWEEP_INLINE R competing_curvature(R v) {
  return add(R(2), absolute(v));
}

} // namespace sharpsweep::sam_quadratic
