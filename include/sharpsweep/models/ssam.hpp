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

/// How many layers there are: as a constant, whose loops are unrolled so that arrays of weights are
/// registers, or as an int, whose loops are short code over weights in memory. Weights and normals
/// are arrays of R then, or what looks like one: w[l] reads as an R and takes one.
template <int L>
struct Depth {
  SHARPSWEEP_INLINE constexpr operator int() const { return L; }
};

template <class D>
inline constexpr int kMostLayers = kMaxDepth;
template <int L>
inline constexpr int kMostLayers<Depth<L>> = L;

/// Calls visit(l) for the layers after the first, l = 1, ..., depth - 1.
template <int L, class Visit>
SHARPSWEEP_INLINE void ascend(Depth<L>, Visit visit) {
  SHARPSWEEP_UNROLL
  for (int l = 1; l < L; ++l) visit(l);
}
template <class Visit>
SHARPSWEEP_INLINE void ascend(int depth, Visit visit) {
  for (int l = 1; l < depth; ++l) visit(l);
}

/// The same backwards, l = depth - 1, ..., 1.
template <int L, class Visit>
SHARPSWEEP_INLINE void descend(Depth<L>, Visit visit) {
  SHARPSWEEP_UNROLL
  for (int l = L - 1; l > 0; --l) visit(l);
}
template <class Visit>
SHARPSWEEP_INLINE void descend(int depth, Visit visit) {
  for (int l = depth - 1; l > 0; --l) visit(l);
}

/// One step of S-SAM in 4L operations, and L - 1 more where a compiler computes the perturbed
/// weights again instead of keeping them: equal operands give equal bits. The order written here
/// defines those.
///
/// \param w  weights of layers 1..L, updated in place
/// \param z  standard normals of this step, one a layer
/// \param eta  standard deviation of the parameter noise
/// \param minus_two_alpha  -2 times the step size of this step
/// \param target  w* of the coordinate
template <class D, class Weights, class Normals, class R>
SHARPSWEEP_INLINE void step(D depth, Weights& w, const Normals& z, const R& eta,
                            const R& minus_two_alpha, const R& target) {
  const auto perturbed = [&](int l, const R& weight)
                             SHARPSWEEP_INLINED { return fmadd(eta, R(z[l]), weight); };
  R prefix[kMostLayers<D>]; // p_1 ... p_l
  R product = perturbed(0, w[0]);
  prefix[0] = product;
  ascend(depth, [&](int l) SHARPSWEEP_INLINED {
    product = mul(product, perturbed(l, w[l]));
    prefix[l] = product;
  });
  // s = -2 alpha (p_1 ... p_L - w*) p_L ... p_{l+1}, going backwards
  R s = mul(minus_two_alpha, sub(product, target));
  descend(depth, [&](int l) SHARPSWEEP_INLINED {
    const R old = w[l];
    w[l] = fmadd(s, prefix[l - 1], old);
    s = mul(s, perturbed(l, old));
  });
  const R first = w[0];
  w[0] = add(first, s);
}

/// One step of descent on the expected loss (`noise = none`), the noise-free limit of S-SAM:
/// w_l <- w_l - 2 alpha [ w_l prod_{m != l} (w_m^2 + eta^2) - w* prod_{m != l} w_m ].
template <class D, class Weights, class R>
SHARPSWEEP_INLINE void step_noise_free(D depth, Weights& w, const R& eta, const R& minus_two_alpha,
                                       const R& target) {
  const R eta2 = mul(eta, eta);
  const auto a = [&](const R& weight)
                     SHARPSWEEP_INLINED { return fmadd(weight, weight, eta2); }; // w_l^2 + eta^2
  R a_prefix[kMostLayers<D>];                                                    // a_1 ... a_l
  R w_prefix[kMostLayers<D>];                                                    // w_1 ... w_l
  w_prefix[0] = w[0];
  a_prefix[0] = a(w_prefix[0]);
  ascend(depth, [&](int l) SHARPSWEEP_INLINED {
    const R weight = w[l];
    a_prefix[l] = mul(a_prefix[l - 1], a(weight));
    w_prefix[l] = mul(w_prefix[l - 1], weight);
  });
  R a_suffix(1), w_suffix(1);
  const auto descended = [&](const R& weight, const R& a_rest, const R& w_rest) SHARPSWEEP_INLINED {
    return fmadd(minus_two_alpha, fnmadd(target, w_rest, mul(weight, a_rest)), weight);
  };
  descend(depth, [&](int l) SHARPSWEEP_INLINED {
    const R old = w[l];
    w[l] = descended(old, mul(a_prefix[l - 1], a_suffix), mul(w_prefix[l - 1], w_suffix));
    a_suffix = mul(a_suffix, a(old));
    w_suffix = mul(w_suffix, old);
  });
  const R first = w[0];
  w[0] = descended(first, a_suffix, w_suffix);
}

/// p = w_1 ... w_L
template <class R, class D, class Weights>
SHARPSWEEP_INLINE R product(D depth, const Weights& w) {
  R p = w[0];
  ascend(depth, [&](int l) SHARPSWEEP_INLINED { p = mul(p, R(w[l])); });
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
