/// \file
/// Sharpness-aware minimisation (SAM) on diagonal linear networks for binary classification.
///
/// C. Moon, D. Si, C. Yun, "Minor First, Major Last: A Depth-Induced Implicit Bias of
/// Sharpness-Aware Minimization", arXiv 2603.08290 (2026). A network of depth L has weights w_lj,
/// product beta_j = prod_l w_lj in each of d coordinates, and examples (x_i, y_i), y_i = +-1, of
/// margin m_i = y_i <beta, x_i>; its loss is the mean of log(1 + exp(-m_i)). Each step goes up by
/// rho along the gradient and descends the gradient taken there:
///
///     q_i      = sigmoid(-m_i)
///     g_lj     = sum_i q_i y_i x_ij prod_{k != l} w_kj              minus n times the gradient
///     what_lj  = w_lj                                               rule gd
///                w_lj - rho sgn(g_lj)                               rule linf
///                w_lj - rho g_lj / sqrt(sum over l, j of g_lj^2)    rule l2
///     w_lj    <- w_lj + eta / n          g_lj(what)                 clock logistic
///                w_lj + eta / sum_i q_i  g_lj(what)                 clock rescaled, q at what
///
/// eta is the step size. The clocks run through the same path; the rescaled one is not slowed down
/// as the loss vanishes. tau = sum over steps of eta s counts it, s = 1 or, in the logistic clock,
/// the mean of q_i at what; under rule l2 also Phi = sum of eta s / N, N = |g(w)| / sum_i q_i(w).
///
/// Here stand the recursion, the starts and the order parameters. The recursion is templated on a
/// value type of which each lane is one network: coordinates and examples are looped over, nothing
/// branches on a value, and the order of operations written here defines the bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "sharpsweep/numerics/elementary.hpp"
#include "sharpsweep/numerics/portable_math.hpp"

namespace sharpsweep::sam_classification {

inline constexpr int kMaxDepth = 16;

using elementary::exp;
using elementary::log1p;
using elementary::sigmoid;

/// How a step goes up before it descends: not at all, or by rho in the l_inf or the l_2 norm.
enum class Rule { gd, linf, l2 };

/// What a step of descent is scaled with: the mean of the residuals q_i, or nothing.
enum class Clock { logistic, rescaled };

/// The l_2 norm of all weights that no step may reach: a run ends there (Track::running), since
/// beyond depth 2 the rescaled flow blows up at a finite tau. By then shares and leaders have
/// settled but for near ties. Powers of the limit stay in the range of floats.
SHARPSWEEP_INLINE double default_weight_limit(int depth) {
  return depth <= 2 ? 1e12 : depth <= 8 ? 1e4 : 1e2;
}

/// The data and constants of a network.
template <class R>
struct Problem {
  std::size_t coordinates;  ///< d, at least 1
  std::size_t examples;     ///< n, at least 1
  const R* signed_examples; ///< y_i x_ij at [i * coordinates + j]
  R step_size;              ///< eta > 0
  R rho;                    ///< SAM radius, >= 0; not used by `gd`
  R weight_limit;           ///< see default_weight_limit
};

/// How far a network has come. In single precision tau and Phi carry what their roundings lost
/// (Kahan): by how much the sum is too large.
template <class R>
struct Track {
  R tau{0}; ///< sum of eta s
  R tau_excess{0};
  R phi{0}; ///< sum of eta s / N under rule `l2`, else 0
  R phi_excess{0};
  /// 1, or 0 from the first step on that would have taken the weights to weight_limit or out of the
  /// finite range. That step and later ones change nothing.
  R running{1};
};

/// Adds x to a sum.
template <class R>
SHARPSWEEP_INLINE void push(R x, R& sum, R& excess) {
  if constexpr (sizeof(typename ValueTraits<R>::Scalar) == 8) {
    sum = add(sum, x);
  } else {
    const R y = sub(x, excess), total = add(sum, y);
    excess = sub(sub(total, sum), y);
    sum = total;
  }
}

/// The arrays that a step works in, laid out in a buffer of the caller's.
template <class R>
struct Workspace {
  R* next;     ///< the weights that a step makes: [depth][coordinates]
  R* product;  ///< beta: [coordinates]
  R* ascent;   ///< sum_i q_i y_i x_ij / sum_i q_i at w: [coordinates]
  R* descent;  ///< the same at what: [coordinates]
  R* residual; ///< margins, then q_i / sum_i q_i: [examples]

  static constexpr SHARPSWEEP_INLINE std::size_t size(int depth, std::size_t coordinates,
                                                      std::size_t examples) {
    return (static_cast<std::size_t>(depth) + 3) * coordinates + examples;
  }
  /// \param buffer  room for size(...) values
  SHARPSWEEP_INLINE Workspace(R* buffer, int depth, std::size_t coordinates) {
    next = buffer;
    product = next + static_cast<std::size_t>(depth) * coordinates;
    ascent = product + coordinates;
    descent = ascent + coordinates;
    residual = descent + coordinates;
  }
};

/// The depth of code that serves every depth; common depths have code of their own.
inline constexpr int kAnyDepth = 0;

/// A number for each layer of one coordinate, in code for depth L.
template <int L, class R>
struct Layers {
  R at[L == kAnyDepth ? kMaxDepth : L];
  SHARPSWEEP_INLINE R& operator[](int l) { return at[l]; }
  SHARPSWEEP_INLINE const R& operator[](int l) const { return at[l]; }
};

/// The weights of one coordinate. \param stride  between layers
template <int L, class R>
SHARPSWEEP_INLINE void load_layers(int depth, const R* weights, std::size_t stride,
                                   Layers<L, R>& w) {
  for (int l = 0; l < depth; ++l) w[l] = weights[static_cast<std::size_t>(l) * stride];
}

/// rest_l = prod_{k != l} w_k by prefixes and suffixes: a weight may be zero. \return prod_k w_k
template <int L, class R>
SHARPSWEEP_INLINE R leave_one_out(int depth, const Layers<L, R>& w, Layers<L, R>& rest) {
  rest[0] = R(1);
  for (int l = 1; l < depth; ++l) rest[l] = l == 1 ? w[0] : mul(rest[l - 1], w[l - 1]);
  R suffix = w[depth - 1];
  for (int l = depth - 2; l >= 0; --l) {
    rest[l] = l == 0 ? suffix : mul(rest[l], suffix);
    suffix = mul(suffix, w[l]);
  }
  return suffix;
}

/// what of one coordinate, from its weights.
/// \param slope   sum_i q_i y_i x_ij / sum_i q_i
/// \param radius  rho; of rule l2 rho / N
template <Rule kRule, int L, class R>
SHARPSWEEP_INLINE void ascend(int depth, R slope, R radius, Layers<L, R>& w) {
  if constexpr (kRule == Rule::gd) return;
  Layers<L, R> rest;
  leave_one_out(depth, w, rest);
  if constexpr (kRule == Rule::linf) {
    // The gradient is minus g and sgn(0) = +1: a weight that chatters about 0 isn't caught there.
    const R minus = sub(R(0), radius);
    for (int l = 0; l < depth; ++l) {
      w[l] = add(w[l], select_less(R(0), mul(slope, rest[l]), minus, radius));
    }
  }
  if constexpr (kRule == Rule::l2) {
    const R length = mul(radius, slope);
    for (int l = 0; l < depth; ++l) w[l] = fnmadd(length, rest[l], w[l]);
  }
}

/// sum_j a_j b_j in one order that depends on `count` alone: four sums, j modulo 4, then pairs.
/// \param stride  of b
template <class R>
SHARPSWEEP_INLINE R dot(const R* a, const R* b, std::size_t stride, std::size_t count) {
  R sum0(0), sum1(0), sum2(0), sum3(0);
  std::size_t j = 0;
  for (; j + 3 < count; j += 4) {
    sum0 = fmadd(a[j], b[j * stride], sum0);
    sum1 = fmadd(a[j + 1], b[(j + 1) * stride], sum1);
    sum2 = fmadd(a[j + 2], b[(j + 2) * stride], sum2);
    sum3 = fmadd(a[j + 3], b[(j + 3) * stride], sum3);
  }
  if (j < count) sum0 = fmadd(a[j], b[j * stride], sum0);
  if (j + 1 < count) sum1 = fmadd(a[j + 1], b[(j + 1) * stride], sum1);
  if (j + 2 < count) sum2 = fmadd(a[j + 2], b[(j + 2) * stride], sum2);
  return add(add(sum0, sum1), add(sum2, sum3));
}

/// m_i = y_i <beta, x_i> from s.product, into s.residual.
template <class R>
SHARPSWEEP_INLINE void margins(const Problem<R>& problem, const Workspace<R>& s) {
  const std::size_t d = problem.coordinates;
  for (std::size_t i = 0; i < problem.examples; ++i) {
    s.residual[i] = dot(s.product, problem.signed_examples + i * d, 1, d);
  }
}

/// ln(1 + e^x), which is -ln q for the margin x, for every finite x.
template <class R>
SHARPSWEEP_INLINE R softplus(R x) {
  return add(maximum(x, R(0)), log1p(exp(sub(R(0), absolute(x)))));
}

/// The mean of q_i over the examples, from margins in s.residual.
template <class R>
SHARPSWEEP_INLINE R mean_residual(const Problem<R>& problem, const Workspace<R>& s) {
  R sum = sigmoid(sub(R(0), s.residual[0]));
  if (problem.examples == 1) return sum;
  for (std::size_t i = 1; i < problem.examples; ++i) {
    sum = add(sum, sigmoid(sub(R(0), s.residual[i])));
  }
  using Scalar = typename ValueTraits<R>::Scalar;
  return div(sum, R(static_cast<Scalar>(problem.examples)));
}

/// sum_i q_i y_i x_ij / sum_i q_i from margins in s.residual. The q_i are taken in units of their
/// largest: they underflow from margins of about 90 in float, their squares from 44.
template <class R>
SHARPSWEEP_NOINLINE void loss_slope(const Problem<R>& problem, const Workspace<R>& s, R* slope) {
  const std::size_t d = problem.coordinates, n = problem.examples;
  R least = s.residual[0] = softplus(s.residual[0]);
  for (std::size_t i = 1; i < n; ++i) {
    s.residual[i] = softplus(s.residual[i]);
    least = minimum(s.residual[i], least);
  }
  R total(0);
  for (std::size_t i = 0; i < n; ++i) {
    s.residual[i] = exp(sub(least, s.residual[i]));
    total = add(total, s.residual[i]);
  }
  const R inverse = div(R(1), total);
  for (std::size_t i = 0; i < n; ++i) s.residual[i] = mul(s.residual[i], inverse);
  for (std::size_t j = 0; j < d; ++j) {
    slope[j] = dot(s.residual, problem.signed_examples + j, d, n);
  }
}

/// The sum of g^2 over all parameters. Beyond depth 2 products of weights leave the range in which
/// floats have squares; what is too small is then summed in another unit.
template <int L, class R>
struct GradientSquare {
  using Scalar = typename ValueTraits<R>::Scalar;
  static constexpr bool kScaled = sizeof(Scalar) == 4 && L != 2;
  R sum{0};
  R small{0}; ///< of (2^60 g)^2

  SHARPSWEEP_INLINE void push(int depth, R slope, const Layers<L, R>& w) {
    Layers<L, R> rest;
    leave_one_out(depth, w, rest);
    R squares(0), smalls(0);
    const R scaled = kScaled ? mul(slope, R(Scalar(0x1p60))) : slope;
    for (int l = 0; l < depth; ++l) {
      const R g = mul(slope, rest[l]);
      squares = l == 0 ? mul(g, g) : fmadd(g, g, squares);
      if constexpr (kScaled) {
        const R h = mul(scaled, rest[l]);
        smalls = fmadd(h, h, smalls);
      }
    }
    sum = add(sum, squares);
    if constexpr (kScaled) small = add(small, smalls);
  }
  /// 1 / N, but 1 / N_0 where N < N_0, so that nothing is divided by zero. There an ascent is only
  /// rho N / N_0 long, though the recursion's is rho long however small N is. N_0 is 2^-500 in
  /// double, 2^-120 in float but 2^-60 at depth 2. Weights are then below about N_0^(1/(L-1)): at
  /// L = 16 1e-10 in double and 4e-3 in float.
  SHARPSWEEP_INLINE R inverse_norm() const {
    constexpr Scalar least = sizeof(Scalar) == 4 ? Scalar(0x1p-120) : Scalar(0x1p-1000);
    const R plain = div(R(1), square_root(maximum(sum, R(least))));
    if constexpr (!kScaled) return plain;
    const R unit(Scalar(0x1p60));
    const R tiny = mul(unit, div(R(1), square_root(maximum(small, R(least)))));
    return select_less(sum, R(Scalar(0x1p-80)), tiny, plain);
  }
};

/// Steps of training by one rule, in code for depth L.
/// \param w  weights [layer][coordinate], updated in place
template <int L, Rule kRule, class R>
SHARPSWEEP_INLINE void train(int any_depth, Clock clock, const Problem<R>& problem, R* w,
                             Track<R>& track, const Workspace<R>& s, std::uint32_t steps) {
  const int depth = L == kAnyDepth ? any_depth : L;
  const std::size_t d = problem.coordinates;
  const bool single = problem.examples == 1;
  const R* const ascent = single ? problem.signed_examples : s.ascent;
  const R* const descent = single ? problem.signed_examples : s.descent;
  const R limit = mul(problem.weight_limit, problem.weight_limit);
  for (; steps > 0; --steps) {
    Layers<L, R> layer, rest;
    if (!single && kRule != Rule::gd) {
      for (std::size_t j = 0; j < d; ++j) {
        load_layers(depth, w + j, d, layer);
        s.product[j] = leave_one_out(depth, layer, rest);
      }
      margins(problem, s);
      loss_slope(problem, s, s.ascent);
    }

    R inverse_norm(1), radius = problem.rho;
    if constexpr (kRule == Rule::l2) {
      GradientSquare<L, R> square;
      for (std::size_t j = 0; j < d; ++j) {
        load_layers(depth, w + j, d, layer);
        square.push(depth, ascent[j], layer);
      }
      inverse_norm = square.inverse_norm();
      radius = mul(radius, inverse_norm);
    }

    R rate = problem.step_size;
    if (!single || clock == Clock::logistic) {
      for (std::size_t j = 0; j < d; ++j) {
        load_layers(depth, w + j, d, layer);
        ascend<kRule>(depth, ascent[j], radius, layer);
        s.product[j] = leave_one_out(depth, layer, rest);
      }
      margins(problem, s);
      if (clock == Clock::logistic) rate = mul(rate, mean_residual(problem, s));
      if (!single) loss_slope(problem, s, s.descent);
    }

    R size(0);
    for (std::size_t j = 0; j < d; ++j) {
      load_layers(depth, w + j, d, layer);
      ascend<kRule>(depth, ascent[j], radius, layer);
      leave_one_out(depth, layer, rest);
      const R speed = mul(rate, descent[j]);
      R squares(0);
      for (int l = 0; l < depth; ++l) {
        const std::size_t k = static_cast<std::size_t>(l) * d + j;
        const R next = fmadd(speed, rest[l], w[k]);
        squares = l == 0 ? mul(next, next) : fmadd(next, next, squares);
        s.next[k] = next;
      }
      size = add(size, squares);
    }
    // The comparison is false for NaN as well.
    track.running = select_less(size, limit, track.running, R(0));
    const auto made = less(R(0), track.running);
    for (std::size_t k = 0; k < static_cast<std::size_t>(depth) * d; ++k) {
      w[k] = select(made, s.next[k], w[k]);
    }
    rate = select(made, rate, R(0));
    push(rate, track.tau, track.tau_excess);
    if constexpr (kRule == Rule::l2) push(mul(rate, inverse_norm), track.phi, track.phi_excess);
  }
}

/// The same at any depth and by any rule.
template <class R>
SHARPSWEEP_INLINE void train(Rule rule, Clock clock, int depth, const Problem<R>& problem, R* w,
                             Track<R>& track, const Workspace<R>& s, std::uint32_t steps) {
  const auto by_rule = [&](auto code) {
    constexpr int L = decltype(code)::value;
    if (rule == Rule::gd) train<L, Rule::gd>(depth, clock, problem, w, track, s, steps);
    if (rule == Rule::linf) train<L, Rule::linf>(depth, clock, problem, w, track, s, steps);
    if (rule == Rule::l2) train<L, Rule::l2>(depth, clock, problem, w, track, s, steps);
  };
  switch (depth) {
  case 2:
    return by_rule(std::integral_constant<int, 2>());
  case 3:
    return by_rule(std::integral_constant<int, 3>());
  default:
    return by_rule(std::integral_constant<int, kAnyDepth>());
  }
}

/// How the layers of a network start, in units of the coordinate's scale alpha_j: (1, 1) is
/// balanced, (r, 1/r) unbalanced with the same product.
struct Start {
  double first = 1; ///< of layer 1
  double last = 1;  ///< of layer L; layers between start at alpha_j
  bool operator==(const Start&) const = default;
};

/// The starting weight of layer `layer` (0-based); a network of one layer starts at alpha_j.
/// \param scale  alpha_j
/// \param sign   +1 or -1, of the product: with the sign of mu_j a single example (mu, +1) trains
///               like (|mu|, +1); a coordinate of the other sign only dies
SHARPSWEEP_INLINE double initial_weight(const Start& start, int depth, int layer, double scale,
                                        int sign) {
  const double factor = depth == 1           ? 1.0
                        : layer == 0         ? start.first
                        : layer == depth - 1 ? start.last
                                             : 1.0;
  const double weight = mul(scale, factor);
  return layer == 0 && sign < 0 ? -weight : weight;
}

/// The order parameters of a network, in the order of the output file.
enum OrderParameter : int {
  leader,        ///< the coordinate of largest |beta_j|, the first of equals, from 0
  fate,          ///< see Fate
  gradient_norm, ///< N
  clock_tau,     ///< tau
  clock_phi,     ///< Phi
  crossover,     ///< M = tau / (2 rho Phi) under rule l2, else NaN
  margin,        ///< the least m_i
  chatter,       ///< largest |w_lj| among coordinates in their chatter band, 0 if there is none
  cosine_l1,     ///< of beta to the l_1 max-margin direction; NaN without one or for beta = 0
  cosine_l2,     ///< the same, l_2
  kOrderParameters
};

/// Whether some coordinate can still grow. Exact for a balanced start and one example: a coordinate
/// of beta_j mu_j <= 0 only dies; under rule linf no weight below rho ever leaves; under rule l2
/// and L = 2 all weights shrink for good once N < rho min |mu_j|, and all of beta_j mu_j > 0 grow
/// for good once their part of N is above rho max |mu_j|. Else this is only what the same
/// inequalities say of the mean signed example sum_i q_i y_i x_i / sum_i q_i, whatever the signs if
/// there are several examples. Rule l2 beyond depth 2 is always undecided; rule gd, and one layer,
/// always count as escaped.
enum class Fate { collapsed, undecided, escaped };

/// A network at the end of its training.
template <class T>
struct FinalState {
  Rule rule;
  int depth;
  std::size_t coordinates, examples;
  const T* weights; ///< [layer][coordinate], `stride` apart
  std::size_t stride;
  const double* signed_examples; ///< [example][coordinate]
  double step_size, rho, tau, phi;
  const double* l1_direction; ///< the max-margin direction, or null where there is none
  const double* l2_direction;
};

/// <a, b> / (|a| |b|), NaN where a vector is missing or zero.
inline double cosine(const double* a, const double* b, std::size_t size) {
  if (b == nullptr) return kNone;
  double largest = 0; // so that squares of a stay in range
  for (std::size_t j = 0; j < size; ++j) {
    const double x = absolute(a[j]);
    if (x > largest) largest = x;
  }
  if (largest == 0) return kNone;
  double dot = 0, a_square = 0, b_square = 0;
  for (std::size_t j = 0; j < size; ++j) {
    const double x = div(a[j], largest);
    dot = fmadd(x, b[j], dot);
    a_square = fmadd(x, x, a_square);
    b_square = fmadd(b[j], b[j], b_square);
  }
  return b_square > 0 ? div(dot, square_root(mul(a_square, b_square))) : kNone;
}

/// The order parameters of a network and of its coordinates, in double.
/// \param share        [coordinate] |beta_j| / sum |beta_j|; NaN for beta = 0
/// \param log_product  [coordinate] ln |beta_j|, -infinity for 0: it tells products apart that
///                     underflow
/// \param s            a workspace; overwritten
/// \return false, and nothing useful in the outputs, when a weight is not finite
template <class T>
inline bool order_parameters(const FinalState<T>& state, double* share, double* log_product,
                             double (&out)[kOrderParameters], const Workspace<double>& s) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::size_t d = state.coordinates, n = state.examples;
  const int depth = state.depth;
  const auto weight = [&](int l, std::size_t j) {
    return static_cast<double>(state.weights[(static_cast<std::size_t>(l) * d + j) * state.stride]);
  };
  double* const beta = s.product;
  double* const largest = s.next; // max over layers of |w_lj|
  double* const sign = s.descent; // of beta_j, which may underflow
  double total = 0;
  out[leader] = 0;
  for (std::size_t j = 0; j < d; ++j) {
    beta[j] = sign[j] = 1;
    log_product[j] = largest[j] = 0;
    for (int l = 0; l < depth; ++l) {
      const double w = weight(l, j), size = absolute(w);
      if (!is_finite(w)) return false;
      beta[j] = mul(beta[j], w);
      if (w < 0) sign[j] = -sign[j];
      log_product[j] = add(log_product[j], size > 0 ? portable::log(size) : -infinity);
      if (size > largest[j]) largest[j] = size;
    }
    total = add(total, absolute(beta[j]));
    if (log_product[j] > log_product[static_cast<std::size_t>(out[leader])]) {
      out[leader] = static_cast<double>(j);
    }
  }
  for (std::size_t j = 0; j < d; ++j) share[j] = total > 0 ? div(absolute(beta[j]), total) : kNone;
  out[clock_tau] = state.tau;
  out[clock_phi] = state.phi;
  out[crossover] =
      state.rule == Rule::l2 ? div(state.tau, mul(2, mul(state.rho, state.phi))) : kNone;
  out[cosine_l1] = cosine(beta, state.l1_direction, d);
  out[cosine_l2] = cosine(beta, state.l2_direction, d);

  const Problem<double> problem{d, n, state.signed_examples, 0, 0, 0};
  out[margin] = infinity;
  margins(problem, s);
  for (std::size_t i = 0; i < n; ++i) {
    if (s.residual[i] < out[margin]) out[margin] = s.residual[i];
  }
  loss_slope(problem, s, s.ascent);
  const auto may_grow = [&](std::size_t j) { return n > 1 || sign[j] * s.ascent[j] > 0; };
  double square = 0, growing = 0, steepest = 0, flattest = infinity;
  out[chatter] = 0;
  for (std::size_t j = 0; j < d; ++j) {
    const double slope = absolute(s.ascent[j]);
    for (int l = 0; l < depth; ++l) {
      double g = slope;
      for (int k = 0; k < depth; ++k) g = k == l ? g : mul(g, weight(k, j));
      square = fmadd(g, g, square);
      if (may_grow(j)) growing = fmadd(g, g, growing);
    }
    steepest = slope > steepest ? slope : steepest;
    flattest = slope < flattest ? slope : flattest;
    // A weight that chatters moves by at most eta |y x_j| rho^(L-1) a step; twice that allows for
    // the last step of its fall.
    const double band = mul(mul(2 * state.step_size, slope), portable::power(state.rho, depth - 1));
    if (largest[j] <= band && largest[j] > out[chatter]) out[chatter] = largest[j];
  }
  out[gradient_norm] = square_root(square);

  Fate end = Fate::escaped;
  if (state.rule == Rule::linf && depth > 1) {
    const double log_radius =
        state.rho > 0 ? mul(static_cast<double>(depth), portable::log(state.rho)) : -infinity;
    end = Fate::collapsed;
    for (std::size_t j = 0; j < d; ++j) {
      if (may_grow(j) && log_product[j] > log_radius) end = Fate::escaped;
    }
  } else if (state.rule == Rule::l2 && depth > 1) {
    const bool grows = square_root(growing) > mul(state.rho, steepest);
    const bool shrinks = out[gradient_norm] < mul(state.rho, flattest);
    end = depth > 2 ? Fate::undecided
          : grows   ? Fate::escaped
          : shrinks ? Fate::collapsed
                    : Fate::undecided;
  }
  out[fate] = static_cast<double>(end);
  return true;
}

} // namespace sharpsweep::sam_classification
