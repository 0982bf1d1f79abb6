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
/// network. Nothing in a step branches on a value.
#pragma once

#include <cstddef>

#include "sharpsweep/numerics/elementary.hpp"
#include "sharpsweep/numerics/fixed.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/numerics/select.hpp"
#include "sharpsweep/numerics/sums.hpp"

namespace sharpsweep::sam_quadratic {

/// The largest number of coordinates of a network.
inline constexpr int kMaxCoordinates = 64;

// By name and not by namespace: these hide the global ::exp and ::log of <cmath>.
using elementary::exp;
using elementary::log;

namespace detail {

/// The largest power of two below D.
template <int D>
inline constexpr int kPowerBelow = 2 * kPowerBelow<(D + 1) / 2>;
template <>
inline constexpr int kPowerBelow<2> = 1;

/// f(first) + ... + f(first + D - 1) by the tree of pairwise_sum (sums.hpp).
template <int D, class F>
SHARPSWEEP_INLINE auto tree_sum(Fixed<D>, F f, int first = 0) {
  if constexpr (D == 1) {
    return f(first);
  } else {
    // Its last addition joins the largest power of two below D to the rest.
    constexpr int half = kPowerBelow<D>;
    return add(tree_sum(Fixed<half>(), f, first), tree_sum(Fixed<D - half>(), f, first + half));
  }
}
/// The same sum of d terms, d >= 1: blocks of 8, then the rest, then their sums.
template <class F>
SHARPSWEEP_INLINE auto tree_sum(int d, F f) {
  constexpr int kBlock = 8, kBlocks = kMaxCoordinates / kBlock;
  using R = decltype(f(0));
  R sums[kBlocks], rest[kBlock];
  sums[0] = rest[0] = R(0); // the compiler does not know that d >= 1
  int blocks = 0;
  for (; (blocks + 1) * kBlock <= d; ++blocks) {
    sums[blocks] = tree_sum(Fixed<kBlock>(), f, blocks * kBlock);
  }
  const int left = d - blocks * kBlock;
  if (left > 0) {
    for (int i = 0; i < left; ++i) rest[i] = f(blocks * kBlock + i);
    sums[blocks++] = pairwise_sum(rest, static_cast<std::size_t>(left));
  }
  return pairwise_sum(sums, static_cast<std::size_t>(blocks));
}

/// Limits of the scalar T behind a value type.
template <class T>
inline constexpr bool kSingle = sizeof(T) == 4;
/// The smallest normal number.
template <class T>
inline constexpr T kLeastNormal = static_cast<T>(kSingle<T> ? 0x1p-126 : 0x1p-1022);
/// The least |m| that rounding resolves: an fma near 1 returns nothing smaller but zero.
template <class T>
inline constexpr T kLeastMultiplier = static_cast<T>(kSingle<T> ? 0x1p-48 : 0x1p-106);
/// Below it e^(2 x) vanishes beside 1, but it is no subnormal number.
template <class T>
inline constexpr T kLeastOffset = static_cast<T>(kSingle<T> ? -40 : -300);
/// ln of the smallest positive number, which stands for ln 0.
template <class T>
inline constexpr double kLeastLog = kSingle<T> ? -103.27892990343185 : -744.44007192138122;

template <class R>
using ScalarOf = typename ValueTraits<R>::Scalar;

/// |gradient|, but no less than the square root of the smallest normal number: below, SAM's
/// perturbation shrinks with the gradient, so that an exact zero stays where it is.
template <class R>
SHARPSWEEP_INLINE R gradient_norm(R norm_squared) {
  return square_root(maximum(norm_squared, R(kLeastNormal<ScalarOf<R>>)));
}

/// x, but 0 in the place of a subnormal number. Those go no further down, since rounding holds them
/// where they are, and arithmetic on them takes several times as long.
template <class R>
SHARPSWEEP_INLINE R normal_or_zero(R x) {
  return select_less(absolute(x), R(kLeastNormal<ScalarOf<R>>), R(0), x);
}

/// l += ln|m|, sign *= sgn m
template <class R>
SHARPSWEEP_INLINE void multiply_log(R& log_magnitude, R& sign, R m) {
  sign = mul(sign, copy_sign(R(1), m));
  log_magnitude = add(log_magnitude, log(maximum(absolute(m), R(kLeastMultiplier<ScalarOf<R>>))));
}

} // namespace detail

/// One step of SAM on the quadratic, as it is usually trained.
///
/// A weight that falls below the smallest normal number on the way is lost for good, and the run
/// ends on the cycle of a wrong axis (theory: descent). G itself has to stay above 1e-19 (float)
/// or 1e-154 (double), where its square underflows.
/// \param w  weights of the d coordinates, d >= 1, updated in place
/// \param lambda  spectrum, largest first
/// \return the gradient's norm G before the step
template <class R, class Count>
SHARPSWEEP_INLINE R step(R* w, const R* lambda, Count d, R step_size, R rho) {
  const R norm_squared = detail::tree_sum(d, [=](int i) SHARPSWEEP_INLINED {
    const R v = mul(lambda[i], w[i]);
    return mul(v, v);
  });
  const R norm = detail::gradient_norm(norm_squared);
  const R scale = div(rho, norm);
  each(d, [=](int i) SHARPSWEEP_INLINED {
    const R perturbed = fmadd(scale, mul(lambda[i], w[i]), w[i]);
    w[i] = detail::normal_or_zero(fnmadd(step_size, mul(lambda[i], perturbed), w[i]));
  });
  return norm;
}

/// What a coordinate's multiplier m(G) = decay - pull / G is made of: prepared once in double.
struct Coefficients {
  double decay; ///< 1 - eta lambda
  double pull;  ///< eta rho lambda^2
};

SHARPSWEEP_INLINE Coefficients coefficients(double step_size, double rho, double lambda) {
  return {fnmadd(step_size, lambda, 1), mul(mul(step_size, rho), mul(lambda, lambda))};
}

/// G^2 = sum v_i^2 of the gradients with logarithms log_v, as ln of the largest |v_i| and G^2 in
/// its units: no square underflows which matters.
template <class R>
struct LogNorm {
  R top;     ///< max ln|v_i|
  R squares; ///< sum (v_i / e^top)^2
};
template <class R, class Count>
SHARPSWEEP_INLINE LogNorm<R> split_norm(const R* log_v, Count d) {
  R top = log_v[0];
  each(d, [&](int i) SHARPSWEEP_INLINED { top = maximum(log_v[i], top); });
  // The bound leaves the sum as it is, and keeps the terms out of the subnormal numbers, which are
  // slow.
  const R bound(detail::kLeastOffset<detail::ScalarOf<R>>);
  const R squares = detail::tree_sum(d, [=](int i) SHARPSWEEP_INLINED {
    const R offset = maximum(bound, sub(log_v[i], top));
    return exp(add(offset, offset));
  });
  return {top, squares};
}
/// ln G
template <class R, class Count>
SHARPSWEEP_INLINE R log_norm(const R* log_v, Count d) {
  const auto [top, squares] = split_norm(log_v, d);
  return fmadd(R(0.5), log(squares), top);
}

/// The same step in ln|v_i| and signs, v_i = lambda_i w_i: no dip underflows.
///
/// ln G has to stay above -87 (float) or -700 (double); the ln|v_i| are free. In float an increment
/// below 2^-25 |ln|v_i|| is lost: late slopes want double beyond a million steps.
/// \param log_v  ln|v_i|, updated in place
/// \param sign  +1 or -1, the signs of v_i and of w_i, updated in place
/// \param decay, pull  each coordinate's Coefficients
/// \return 1 / G before the step
template <class R, class Count>
SHARPSWEEP_INLINE R log_step(R* log_v, R* sign, const R* decay, const R* pull, Count d) {
  const auto [top, squares] = split_norm(log_v, d);
  const R inverse_g = div(exp(sub(R(0), top)), square_root(squares));
  each(d, [=](int i) SHARPSWEEP_INLINED {
    detail::multiply_log(log_v[i], sign[i], fnmadd(pull[i], inverse_g, decay[i]));
  });
  return inverse_g;
}

/// What is followed along a run of the quadratic: observe() once a step with the state before it,
/// and once at the end.
template <class R>
struct Track {
  R dip;          ///< least |v_1| or ln|v_1|, as given
  R hitting_step; ///< first step with G below the radius; never: as given

  /// \param never  more than any step number; in float steps are exact up to 2^24
  explicit SHARPSWEEP_INLINE Track(R first, R never) : dip(first), hitting_step(never) {}

  /// \param norm, radius  G and the absorbing radius; or 1 / radius and 1 / G
  SHARPSWEEP_INLINE void observe(R first, R norm, R radius, R step) {
    dip = minimum(first, dip);
    hitting_step = select_less(norm, radius, minimum(step, hitting_step), hitting_step);
  }
};

/// The order parameters of one network on the quadratic, in the order of the output file.
enum OrderParameter : int {
  winner,        ///< argmax |w_i|, from 1 on
  amplitude,     ///< |w_1|
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
/// \return false, and nothing in `out`, when a ln|v_i| or G is not finite
SHARPSWEEP_INLINE bool order_parameters(const double* log_v, const double* earlier, double interval,
                                        const double* lambda, int d, double step_size, double rho,
                                        double (&out)[kOrderParameters]) {
  const double none = as_double(0x7ff8000000000000u);
  for (int i = 0; i < d; ++i) {
    if (!is_finite(log_v[i])) return false;
  }
  const double log_g = log_norm(log_v, d), g = portable::exp(log_g);
  if (!is_finite(g)) return false;
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
  const double sum = pairwise_sum(quadratic, static_cast<std::size_t>(d));
  out[winner] = best + 1;
  out[amplitude] = div(portable::exp(log_v[0]), lambda[0]);
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
  const R scale = div(rho, detail::gradient_norm(fmadd(gu, gu, mul(gv, gv))));
  const R pu = fmadd(scale, gu, u);
  const R pv = fmadd(scale, gv, v);
  u = detail::normal_or_zero(fnmadd(step_size, mul(valley_curvature(pv), pu), u));
  v = detail::normal_or_zero(fnmadd(step_size, mul(pv, mul(pu, pu)), v));
}

/// One step of SAM on f = 1/2 (a b - y)^2, gradient (a b - y) (b, a).
template <class R>
SHARPSWEEP_INLINE void product_step(R& a, R& b, R y, R step_size, R rho) {
  const R residual = fmadd(a, b, sub(R(0), y));
  const R ga = mul(residual, b);
  const R gb = mul(residual, a);
  const R scale = div(rho, detail::gradient_norm(fmadd(ga, ga, mul(gb, gb))));
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
  const R scale = div(rho, detail::gradient_norm(norm_squared));
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
  u[0] = detail::normal_or_zero(mul(u[0], m[0]));
  u[1] = detail::normal_or_zero(mul(u[1], m[1]));
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
