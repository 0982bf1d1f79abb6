/// \file
/// Stochastic sharpness-aware minimisation (S-SAM) on diagonal linear networks.
///
/// G. Clara, S. Langer, J. Schmidt-Hieber, "Training Diagonal Linear Networks with Stochastic
/// Sharpness-Aware Minimization", arXiv 2503.11891 (2025). A network of depth L has weights w_l per
/// coordinate, product p = prod_l w_l and target w*; with whitened data its loss is
/// sum over coordinates of (w* - p)^2, so the coordinates decouple exactly. Each step perturbs
/// every weight by eta z_l, z_l ~ N(0,1), and descends the gradient taken there:
///
///     p_l  = w_l + eta z_l
///     w_l <- w_l - 2 alpha (prod_m p_m - w*) prod_{m != l} p_m
///
/// Here stand the recursion, the starts and the order parameters of one coordinate. Everything is
/// templated on the value type: one text for CUDA, scalar, AVX2 and AVX-512, with the same bits.
#pragma once

#include <cstdint>

#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/numerics/streams.hpp"

namespace sharpsweep::ssam {

inline constexpr int kMaxDepth = 16;

/// One step of S-SAM in 4L operations: the order written here defines the bits.
///
/// \param w  weights of layers 1..L, updated in place
/// \param z  standard normals of this step, one a layer
/// \param eta  standard deviation of the parameter noise
/// \param minus_two_alpha  -2 times the step size of this step
/// \param target  w* of the coordinate
template <int L, class R>
SHARPSWEEP_INLINE void step(R (&w)[L], const R (&z)[L], R eta, R minus_two_alpha, R target) {
  R p[L];      // perturbed weights
  R prefix[L]; // p_1 ... p_l
  p[0] = prefix[0] = fmadd(eta, z[0], w[0]);
  SHARPSWEEP_UNROLL
  for (int l = 1; l < L; ++l) {
    p[l] = fmadd(eta, z[l], w[l]);
    prefix[l] = mul(prefix[l - 1], p[l]);
  }
  // s = -2 alpha (p_1 ... p_L - w*) p_L ... p_{l+1}, going backwards
  R s = mul(minus_two_alpha, sub(prefix[L - 1], target));
  SHARPSWEEP_UNROLL
  for (int l = L - 1; l > 0; --l) {
    w[l] = fmadd(s, prefix[l - 1], w[l]);
    s = mul(s, p[l]);
  }
  w[0] = add(w[0], s);
}

/// One step of descent on the expected loss (`noise = none`), the noise-free limit of S-SAM:
/// w_l <- w_l - 2 alpha [ w_l prod_{m != l} (w_m^2 + eta^2) - w* prod_{m != l} w_m ].
template <int L, class R>
SHARPSWEEP_INLINE void step_noise_free(R (&w)[L], R eta, R minus_two_alpha, R target) {
  const R eta2 = mul(eta, eta);
  R a[L];        // w_m^2 + eta^2
  R a_prefix[L]; // a_1 ... a_{l-1}
  R w_prefix[L]; // w_1 ... w_{l-1}
  a[0] = fmadd(w[0], w[0], eta2);
  SHARPSWEEP_UNROLL
  for (int l = 1; l < L; ++l) {
    a[l] = fmadd(w[l], w[l], eta2);
    a_prefix[l] = l == 1 ? a[0] : mul(a_prefix[l - 1], a[l - 1]);
    w_prefix[l] = l == 1 ? w[0] : mul(w_prefix[l - 1], w[l - 1]);
  }
  R a_suffix(1), w_suffix(1);
  SHARPSWEEP_UNROLL
  for (int l = L - 1; l >= 0; --l) {
    const R a_rest = l == 0 ? a_suffix : mul(a_prefix[l], a_suffix);
    const R w_rest = l == 0 ? w_suffix : mul(w_prefix[l], w_suffix);
    const R old = w[l];
    const R gradient_half = fnmadd(target, w_rest, mul(old, a_rest));
    w[l] = fmadd(minus_two_alpha, gradient_half, old);
    a_suffix = mul(a_suffix, a[l]);
    w_suffix = mul(w_suffix, old);
  }
}

/// p = w_1 ... w_L
template <int L, class R>
SHARPSWEEP_INLINE R product(const R (&w)[L]) {
  R p = w[0];
  SHARPSWEEP_UNROLL
  for (int l = 1; l < L; ++l) p = mul(p, w[l]);
  return p;
}

/// The same, from L weights `stride` apart, in double.
template <class T>
SHARPSWEEP_INLINE double product_of(const T* w, std::size_t stride, int depth) {
  double p = 1;
  for (int l = 0; l < depth; ++l) {
    p = mul(p, static_cast<double>(w[static_cast<std::size_t>(l) * stride]));
  }
  return p;
}

/// Projected S-SAM: what the weights of a network are multiplied by to bring them back into the
/// ball of radius r, 1 inside it. A norm beyond the finite range gives NaN: the network has
/// diverged. \param norm_squared  sum over layers and coordinates of w^2
template <class T>
SHARPSWEEP_INLINE T projection_scale(T norm_squared, T radius) {
  if (norm_squared <= mul(radius, radius)) return T(1);
  if (!is_finite(norm_squared)) return sub(norm_squared, norm_squared); // inf - inf
  return div(radius, square_root(norm_squared));
}

/// How the weights of a network start.
struct Init {
  enum class Kind : std::int32_t { balanced, unbalanced, zero_last, gaussian };
  Kind kind = Kind::balanced;
  double scale = 1; ///< s
  double ratio = 1; ///< r of `unbalanced`
  bool operator==(const Init&) const = default;
};

/// The starting weight of layer `layer` (0-based) of a network of depth `depth`. A network of one
/// layer starts at s under `unbalanced` (its product is s^L at every depth).
/// \param normal  the coordinate's standard normal for this layer; used by `gaussian` alone
SHARPSWEEP_INLINE double initial_weight(const Init& init, int depth, int layer, float normal) {
  switch (init.kind) {
  case Init::Kind::balanced:
    return init.scale;
  case Init::Kind::unbalanced:
    if (depth == 1) return init.scale;
    if (layer == 0) return mul(init.scale, init.ratio);
    return layer == depth - 1 ? div(init.scale, init.ratio) : init.scale;
  case Init::Kind::zero_last:
    return layer == depth - 1 ? 0.0 : init.scale;
  case Init::Kind::gaussian:
    return mul(init.scale, static_cast<double>(normal));
  }
  return init.scale;
}

/// The standard normal that starts `layer` of a coordinate under `gaussian`.
SHARPSWEEP_INLINE float initial_normal(std::uint64_t key, std::uint32_t coordinate,
                                       std::uint32_t seed, int layer) {
  const PhiloxBlock block = stream_block(key, static_cast<std::uint64_t>(layer / 4), coordinate,
                                         stream_word(Stream::initial, seed));
  float normal[2];
  const int pair = layer % 4 / 2;
  normal_pair<float, std::uint32_t>(block.word[2 * pair], block.word[2 * pair + 1], normal[0],
                                    normal[1]);
  return normal[layer % 2];
}

/// The order parameters of one coordinate of one network, in the order of the output file.
enum OrderParameter : int {
  shrinkage,
  product_,
  imbalance,
  loss,
  average_sharpness,
  hessian_trace,
  kOrderParameters
};

/// The shrinkage lambda_hat = (p sign(w*) / |w*|)^(1/L) when positive, else 0.
SHARPSWEEP_INLINE double shrinkage_of(double product, double target, int depth) {
  const double ratio = div(product, target);
  return ratio > 0 && is_finite(ratio) ? portable::root(ratio, depth) : 0.0;
}

/// Order parameters of one coordinate. `w` holds its L final weights, `stride` apart.
/// \param averaged_product  the product averaged over the tail of the run, or the final product
/// \return false, and nothing in `out`, when a weight or an order parameter is not finite
template <class T>
SHARPSWEEP_INLINE bool order_parameters(const T* w, std::size_t stride, int depth, double eta,
                                        double target, double averaged_product,
                                        double (&out)[kOrderParameters]) {
  // Layer by layer and without cancellation, with S = w_1^2 ... w_{l-1}^2:
  // average sharpness R = prod (w^2 + eta^2) - prod w^2:  R <- R (w_l^2 + eta^2) + S eta^2,
  // half the Hessian trace sum_l prod_{m != l} w_m^2:     T <- T w_l^2 + S.
  const double eta2 = mul(eta, eta);
  double p = 1, squares = 1, excess = 0, trace = 0, largest = 0, previous = 0;
  for (int l = 0; l < depth; ++l) {
    const double weight = static_cast<double>(w[static_cast<std::size_t>(l) * stride]);
    const double square = mul(weight, weight);
    p = mul(p, weight);
    trace = fmadd(trace, square, squares);
    excess = fmadd(excess, add(square, eta2), mul(squares, eta2));
    squares = mul(squares, square);
    const double step = sub(square, previous);
    const double magnitude = step < 0 ? -step : step;
    if (l > 0 && !(magnitude <= largest)) largest = magnitude;
    previous = square;
  }
  const double residual = sub(target, p);
  out[shrinkage] = shrinkage_of(averaged_product, target, depth);
  out[product_] = averaged_product;
  out[imbalance] = largest;
  out[loss] = mul(residual, residual);
  out[average_sharpness] = excess;
  out[hessian_trace] = mul(2, trace);
  bool finite = true;
  for (const double value : out) finite = finite && is_finite(value);
  return finite;
}

} // namespace sharpsweep::ssam
