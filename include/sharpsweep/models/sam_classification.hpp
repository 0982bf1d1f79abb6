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
#include <limits>

#include "sharpsweep/numerics/pack.hpp"
#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/numerics/sums.hpp"

namespace sharpsweep::sam_classification {

inline constexpr int kMaxDepth = 16;

/// What a value type must offer beyond add, sub, mul, div, fmadd, fnmadd and square_root: these
/// names by unqualified calls, and R(x) from a scalar. Here they are for float and double.
namespace detail {

SHARPSWEEP_INLINE bool less(float a, float b) { return a < b; }
SHARPSWEEP_INLINE bool less(double a, double b) { return a < b; }
SHARPSWEEP_INLINE float select(bool mask, float a, float b) { return mask ? a : b; }
SHARPSWEEP_INLINE double select(bool mask, double a, double b) { return mask ? a : b; }
SHARPSWEEP_INLINE float absolute(float x) { return x < 0 ? -x : x; }
SHARPSWEEP_INLINE double absolute(double x) { return x < 0 ? -x : x; }

SHARPSWEEP_INLINE double exp(double x) { return portable::exp(x); }

/// ln(1 + x) for finite x > -1; at most 4 ulp from the exact value.
SHARPSWEEP_INLINE double log1p(double x) {
  // ln(u) / (u - 1) varies slowly, so the rounding of u = 1 + x cancels in the quotient.
  const double u = add(1, x);
  return u == 1 ? x : mul(portable::log(u), div(x, sub(u, 1)));
}

/// 1 / (1 + e^-x); at most 4 ulp from the exact value while that is not subnormal.
SHARPSWEEP_INLINE double sigmoid(double x) {
  const double e = portable::exp(x < 0 ? x : -x);
  return div(x < 0 ? e : 1.0, add(1, e));
}

// Through double: within half an ulp, and the same bits wherever double has them.
SHARPSWEEP_INLINE float exp(float x) { return static_cast<float>(exp(static_cast<double>(x))); }
SHARPSWEEP_INLINE float log1p(float x) { return static_cast<float>(log1p(static_cast<double>(x))); }
SHARPSWEEP_INLINE float sigmoid(float x) {
  return static_cast<float>(sigmoid(static_cast<double>(x)));
}

} // namespace detail

using detail::absolute;
using detail::exp;
using detail::less;
using detail::log1p;
using detail::select;
using detail::sigmoid;

/// How a step goes up before it descends: not at all, or by rho in the l_inf or the l_2 norm.
enum class Rule { gd, linf, l2 };

/// What a step of descent is scaled with: the mean of the residuals q_i, or nothing.
enum class Clock { logistic, rescaled };

/// The weight that no step may reach: a rescaled run ends there (Track::running), since beyond
/// depth 2 it blows up at a finite tau. By then shares and leaders have settled.
SHARPSWEEP_INLINE double default_weight_limit(int depth) { return depth > 2 ? 1e4 : 1e6; }

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

/// A sum that carries what its roundings lost (Kahan).
template <class R>
struct CompensatedSum {
  R sum{0};
  R excess{0}; ///< by how much `sum` is too large

  /// Adds x in those lanes where `mask` is set.
  template <class Mask>
  SHARPSWEEP_INLINE void push(R x, Mask mask) {
    const R y = sub(x, excess);
    const R total = add(sum, y);
    excess = select(mask, sub(sub(total, sum), y), excess);
    sum = select(mask, total, sum);
  }
};

/// How far a network has come.
template <class R>
struct Track {
  CompensatedSum<R> tau; ///< sum of eta s
  CompensatedSum<R> phi; ///< sum of eta s / N under rule `l2`, else 0
  /// 1, or 0 from the first step on that would have taken a weight to weight_limit or out of the
  /// finite range. That step and later ones change nothing.
  R running{1};
};

/// The arrays that a step works in, laid out in a buffer of the caller's.
template <class R>
struct Workspace {
  R* perturbed; ///< what: [depth][coordinates]
  R* gradient;  ///< g(w): [depth][coordinates]
  R* slope;     ///< beta, then sum_i q_i y_i x_ij / sum_i q_i: [coordinates]
  R* residual;  ///< margins, then q_i / sum_i q_i: [examples]
  R* terms;     ///< summands: [max(coordinates, examples)]

  static constexpr std::size_t size(int depth, std::size_t coordinates, std::size_t examples) {
    return (2 * static_cast<std::size_t>(depth) + 1) * coordinates + examples +
           (coordinates > examples ? coordinates : examples);
  }
  /// \param buffer  room for size(...) values
  SHARPSWEEP_INLINE Workspace(R* buffer, int depth, std::size_t coordinates, std::size_t examples) {
    perturbed = buffer;
    gradient = perturbed + static_cast<std::size_t>(depth) * coordinates;
    slope = gradient + static_cast<std::size_t>(depth) * coordinates;
    residual = slope + coordinates;
    terms = residual + examples;
  }
};

/// rest_l = prod_{k != l} w_k by prefixes and suffixes: a weight may be zero.
template <int L, class R>
SHARPSWEEP_INLINE void leave_one_out(const R (&w)[L], R (&rest)[L]) {
  rest[0] = R(1);
  SHARPSWEEP_UNROLL
  for (int l = 1; l < L; ++l) rest[l] = l == 1 ? w[0] : mul(rest[l - 1], w[l - 1]);
  R suffix = w[L - 1];
  SHARPSWEEP_UNROLL
  for (int l = L - 2; l >= 0; --l) {
    rest[l] = l == 0 ? suffix : mul(rest[l], suffix);
    suffix = mul(suffix, w[l]);
  }
}

/// The weights of one coordinate in order of layers.
template <int L, class R>
SHARPSWEEP_INLINE void load_coordinate(const R* weights, std::size_t stride, R (&w)[L]) {
  SHARPSWEEP_UNROLL
  for (int l = 0; l < L; ++l) w[l] = weights[static_cast<std::size_t>(l) * stride];
}

/// m_i = y_i <beta, x_i> of `weights`, into s.residual.
template <int L, class R>
SHARPSWEEP_INLINE void margins(const Problem<R>& problem, const R* weights, const Workspace<R>& s) {
  const std::size_t d = problem.coordinates;
  for (std::size_t j = 0; j < d; ++j) {
    R beta = weights[j];
    SHARPSWEEP_UNROLL
    for (int l = 1; l < L; ++l) beta = mul(beta, weights[static_cast<std::size_t>(l) * d + j]);
    s.slope[j] = beta;
  }
  for (std::size_t i = 0; i < problem.examples; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      s.terms[j] = mul(problem.signed_examples[i * d + j], s.slope[j]);
    }
    s.residual[i] = pairwise_sum(s.terms, d);
  }
}

/// ln(1 + e^x), which is -ln q for the margin x, for every finite x.
template <class R>
SHARPSWEEP_INLINE R softplus(R x) {
  const R positive = select(less(x, R(0)), R(0), x);
  return add(positive, log1p(exp(sub(R(0), absolute(x)))));
}

/// The mean of q_i over the examples, from margins in s.residual.
template <class R>
SHARPSWEEP_INLINE R mean_residual(const Problem<R>& problem, const Workspace<R>& s) {
  for (std::size_t i = 0; i < problem.examples; ++i) {
    s.terms[i] = sigmoid(sub(R(0), s.residual[i]));
  }
  using Scalar = typename ValueTraits<R>::Scalar;
  return div(pairwise_sum(s.terms, problem.examples), R(static_cast<Scalar>(problem.examples)));
}

/// sum_i q_i y_i x_ij / sum_i q_i, into s.slope, from margins in s.residual. The q_i are taken in
/// units of their largest: they underflow from margins of about 90 in float, their squares from 44.
template <class R>
SHARPSWEEP_INLINE void loss_slope(const Problem<R>& problem, const Workspace<R>& s) {
  const std::size_t d = problem.coordinates, n = problem.examples;
  if (n == 1) { // its share is exactly 1
    for (std::size_t j = 0; j < d; ++j) s.slope[j] = problem.signed_examples[j];
    return;
  }
  R least = s.residual[0] = softplus(s.residual[0]);
  for (std::size_t i = 1; i < n; ++i) {
    s.residual[i] = softplus(s.residual[i]);
    least = select(less(s.residual[i], least), s.residual[i], least);
  }
  for (std::size_t i = 0; i < n; ++i) {
    s.residual[i] = s.terms[i] = exp(sub(least, s.residual[i]));
  }
  const R total = pairwise_sum(s.terms, n);
  for (std::size_t i = 0; i < n; ++i) s.residual[i] = div(s.residual[i], total);
  for (std::size_t j = 0; j < d; ++j) {
    for (std::size_t i = 0; i < n; ++i) {
      s.terms[i] = mul(s.residual[i], problem.signed_examples[i * d + j]);
    }
    s.slope[j] = pairwise_sum(s.terms, n);
  }
}

/// The ascent of rule l2, from s.gradient into s.perturbed. \return N
template <int L, class R>
SHARPSWEEP_INLINE R ascend_l2(const Problem<R>& problem, const R* w, const Workspace<R>& s) {
  using Scalar = typename ValueTraits<R>::Scalar;
  // In units of its largest entry no gradient's squares leave the normal range. A gradient below
  // `least` is zero for all purposes; the lower bound of the norm then keeps 0 / 0 away.
  constexpr Scalar least = sizeof(Scalar) == 4 ? Scalar(0x1p-120) : Scalar(0x1p-1000);
  const std::size_t d = problem.coordinates;
  R largest(least);
  for (std::size_t k = 0; k < L * d; ++k) {
    const R size = absolute(s.gradient[k]);
    largest = select(less(largest, size), size, largest);
  }
  const R inverse = div(R(1), largest);
  for (std::size_t j = 0; j < d; ++j) {
    R squares(0);
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) {
      const std::size_t k = static_cast<std::size_t>(l) * d + j;
      s.gradient[k] = mul(s.gradient[k], inverse);
      squares = fmadd(s.gradient[k], s.gradient[k], squares);
    }
    s.terms[j] = squares;
  }
  const R half(Scalar(0.5));
  R square = pairwise_sum(s.terms, d);
  square = select(less(square, half), half, square);
  const R norm = square_root(square);
  const R radius = div(problem.rho, norm);
  for (std::size_t k = 0; k < L * d; ++k) s.perturbed[k] = fnmadd(radius, s.gradient[k], w[k]);
  return mul(largest, norm);
}

/// The point what where the descent takes its gradient, into s.perturbed. \return N, or 1 where
/// the rule has no use for it
template <int L, class R>
SHARPSWEEP_INLINE R ascend(Rule rule, const Problem<R>& problem, const R* w,
                           const Workspace<R>& s) {
  const std::size_t d = problem.coordinates;
  if (rule == Rule::gd) {
    for (std::size_t k = 0; k < L * d; ++k) s.perturbed[k] = w[k];
    return R(1);
  }
  if (problem.examples > 1) margins<L>(problem, w, s);
  loss_slope(problem, s);
  for (std::size_t j = 0; j < d; ++j) {
    R layer[L], rest[L];
    load_coordinate<L>(w + j, d, layer);
    leave_one_out<L>(layer, rest);
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) {
      s.gradient[static_cast<std::size_t>(l) * d + j] = mul(s.slope[j], rest[l]);
    }
  }
  if (rule == Rule::l2) return ascend_l2<L>(problem, w, s);
  // The gradient is minus g and sgn(0) = +1: a weight that chatters about zero isn't caught there.
  const R minus_rho = sub(R(0), problem.rho);
  for (std::size_t k = 0; k < L * d; ++k) {
    s.perturbed[k] = add(w[k], select(less(R(0), s.gradient[k]), minus_rho, problem.rho));
  }
  return R(1);
}

/// One step of training. \param w  weights [layer][coordinate], updated in place
template <int L, class R>
SHARPSWEEP_INLINE void step(Rule rule, Clock clock, const Problem<R>& problem, R* w,
                            Track<R>& track, const Workspace<R>& s) {
  const std::size_t d = problem.coordinates;
  const R norm = ascend<L>(rule, problem, w, s);
  R rate = problem.step_size;
  if (clock == Clock::logistic || problem.examples > 1) margins<L>(problem, s.perturbed, s);
  if (clock == Clock::logistic) rate = mul(rate, mean_residual(problem, s));
  loss_slope(problem, s);
  R running = track.running;
  for (std::size_t j = 0; j < d; ++j) {
    R layer[L], rest[L];
    load_coordinate<L>(s.perturbed + j, d, layer);
    leave_one_out<L>(layer, rest);
    const R speed = mul(rate, s.slope[j]);
    SHARPSWEEP_UNROLL
    for (int l = 0; l < L; ++l) {
      const std::size_t k = static_cast<std::size_t>(l) * d + j;
      s.perturbed[k] = fmadd(speed, rest[l], w[k]);
      // False for NaN as well.
      running = select(less(absolute(s.perturbed[k]), problem.weight_limit), running, R(0));
    }
  }
  const auto made = less(R(0), running);
  for (std::size_t k = 0; k < L * d; ++k) w[k] = select(made, s.perturbed[k], w[k]);
  track.tau.push(rate, made);
  if (rule == Rule::l2) track.phi.push(div(rate, norm), made);
  track.running = running;
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

/// Whether some coordinate can still grow. Exact for a balanced start and one example: under rule
/// linf no weight below rho ever leaves; under rule l2 and L = 2 all weights shrink for good once
/// N < rho min |mu_j|, and all grow for good once N > rho max |mu_j|. Else this is only what the
/// same inequalities say of the mean signed example sum_i q_i y_i x_i / sum_i q_i. Rule l2 beyond
/// depth 2 is always undecided.
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
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  if (b == nullptr) return none;
  double largest = 0; // so that squares of a stay in range
  for (std::size_t j = 0; j < size; ++j) {
    const double x = absolute(a[j]);
    if (x > largest) largest = x;
  }
  if (largest == 0) return none;
  double dot = 0, a_square = 0, b_square = 0;
  for (std::size_t j = 0; j < size; ++j) {
    const double x = div(a[j], largest);
    dot = fmadd(x, b[j], dot);
    a_square = fmadd(x, x, a_square);
    b_square = fmadd(b[j], b[j], b_square);
  }
  return b_square > 0 ? div(dot, square_root(mul(a_square, b_square))) : none;
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
  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::size_t d = state.coordinates, n = state.examples;
  const int depth = state.depth;
  const auto weight = [&](int l, std::size_t j) {
    return static_cast<double>(state.weights[(static_cast<std::size_t>(l) * d + j) * state.stride]);
  };
  double* const beta = s.perturbed;
  double* const largest = s.gradient; // max over layers of |w_lj|
  double total = 0;
  out[leader] = 0;
  for (std::size_t j = 0; j < d; ++j) {
    beta[j] = 1;
    log_product[j] = largest[j] = 0;
    for (int l = 0; l < depth; ++l) {
      const double w = weight(l, j), size = absolute(w);
      if (!is_finite(w)) return false;
      beta[j] = mul(beta[j], w);
      log_product[j] = add(log_product[j], size > 0 ? portable::log(size) : -infinity);
      if (size > largest[j]) largest[j] = size;
    }
    total = add(total, absolute(beta[j]));
    if (log_product[j] > log_product[static_cast<std::size_t>(out[leader])]) {
      out[leader] = static_cast<double>(j);
    }
  }
  for (std::size_t j = 0; j < d; ++j) share[j] = total > 0 ? div(absolute(beta[j]), total) : none;
  out[clock_tau] = state.tau;
  out[clock_phi] = state.phi;
  out[crossover] =
      state.rule == Rule::l2 ? div(state.tau, mul(2, mul(state.rho, state.phi))) : none;
  out[cosine_l1] = cosine(beta, state.l1_direction, d);
  out[cosine_l2] = cosine(beta, state.l2_direction, d);

  const Problem<double> problem{d, n, state.signed_examples, 0, 0, 0};
  out[margin] = infinity;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) s.terms[j] = mul(state.signed_examples[i * d + j], beta[j]);
    s.residual[i] = pairwise_sum(s.terms, d);
    if (s.residual[i] < out[margin]) out[margin] = s.residual[i];
  }
  loss_slope(problem, s);
  double square = 0, steepest = 0, flattest = infinity;
  out[chatter] = 0;
  for (std::size_t j = 0; j < d; ++j) {
    const double slope = absolute(s.slope[j]);
    for (int l = 0; l < depth; ++l) {
      double g = slope;
      for (int k = 0; k < depth; ++k) g = k == l ? g : mul(g, weight(k, j));
      square = fmadd(g, g, square);
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
    end = log_product[static_cast<std::size_t>(out[leader])] > log_radius ? Fate::escaped
                                                                          : Fate::collapsed;
  } else if (state.rule == Rule::l2 && depth > 1) {
    const bool grows = out[gradient_norm] > mul(state.rho, steepest);
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
