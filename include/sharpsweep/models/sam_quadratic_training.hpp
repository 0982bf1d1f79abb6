/// \file
/// Training of the networks of sam_quadratic: how a network's numbers lie in memory, and its steps.
///
/// A network's state is its weights, what is followed along the run, and the weights as they were
/// late_interval() steps before the end:
///
///     quadratic, plain   w_i                    least |v_1|, first step in the ball
///     quadratic, log     ln|v_i|                least ln|v_1|, the same; signs of the v_i
///     valley             u, v
///     product            a, b
///     competing, plain   u_1, u_2, v            v at the exit
///     competing, log     ln|u_1|, ln|u_2|, v    the same; two signs
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sharpsweep/models/network.hpp"
#include "sharpsweep/models/sam_quadratic.hpp"

namespace sharpsweep::sam_quadratic {

enum class Landscape : std::int32_t { quadratic, valley, product, competing };
inline constexpr std::array<std::string_view, 4> kLandscapes = {"quadratic", "valley", "product",
                                                                "competing"};
enum class Arithmetic : std::int32_t { log, plain };
inline constexpr std::array<std::string_view, 2> kArithmetics = {"log", "plain"};

/// What a step number or a v is before there is one: finite, and larger than any.
inline constexpr double kNever = 0x1p60;
/// In float, steps are counted exactly up to here.
inline constexpr std::uint64_t kMaxSingleSteps = 1u << 24;

/// Slopes and drifts are those of the last so many steps, a tenth of the run; an even number, so
/// that what alternates is taken out. 0 for a run of one step.
SHARPSWEEP_INLINE std::uint64_t late_interval(std::uint64_t total) {
  const std::uint64_t interval = total / 20 * 2;
  return interval > 0 || total < 2 ? interval : 2;
}

namespace detail {

/// Where the parts of a state lie: weights, what is followed, earlier weights.
struct Layout {
  Landscape landscape;
  Arithmetic arithmetic;
  int coordinates; ///< of the quadratic; those of a small landscape are its weights
  int weights, followed, constants;

  explicit SHARPSWEEP_INLINE Layout(const Shape& shape)
      : landscape(static_cast<Landscape>(shape.word[0])),
        arithmetic(static_cast<Arithmetic>(shape.word[1])), coordinates(shape.word[2]) {
    const bool logs = arithmetic == Arithmetic::log;
    switch (landscape) {
    case Landscape::quadratic:
      weights = coordinates;
      followed = logs ? 2 + coordinates : 2;
      constants = logs ? 1 + 2 * coordinates : 3 + coordinates;
      break;
    case Landscape::competing:
      weights = 3;
      followed = logs ? 3 : 1;
      constants = 2;
      break;
    default:
      weights = 2;
      followed = 0;
      constants = landscape == Landscape::product ? 3 : 2;
    }
  }
  SHARPSWEEP_INLINE int earlier() const { return weights + followed; }
  SHARPSWEEP_INLINE int state() const { return earlier() + weights; }
};

/// Steps first, ..., last - 1 of one run.
struct Span {
  std::uint64_t first, last;
};

template <class R>
SHARPSWEEP_INLINE R step_number(std::uint64_t step) {
  return R(static_cast<ScalarOf<R>>(step));
}

/// The quadratic with constants eta, rho, absorbing radius, lambda_i, or 1 / radius, decay_i,
/// pull_i. D coordinates, in local variables; 0: as many as `layout` says, where they are.
template <bool kLog, int D, class R>
SHARPSWEEP_SLICE void train_quadratic(const Layout& layout, Span span, const R* constants,
                                      R* state) {
  constexpr bool kLocal = D > 0;
  constexpr int kOwn = kLocal ? (kLog ? 2 * D : D) : 1;
  const auto d = fixed_or<D>(layout.coordinates);
  R* const followed = state + d;
  R own[kOwn];
  R* const w = kLocal ? own : state;
  R* const sign = kLocal ? own + (kLog ? D : 0) : followed + 2;
  if constexpr (kLocal) {
    SHARPSWEEP_UNROLL
    for (int i = 0; i < D; ++i) {
      w[i] = state[i];
      if (kLog) sign[i] = followed[2 + i];
    }
  }
  Track<R> track(followed[0], followed[1]);
  R now = step_number<R>(span.first);
  for (std::uint64_t k = span.first; k < span.last; ++k) {
    const R first = w[0];
    if constexpr (kLog) {
      const R inverse_g = log_step(w, sign, constants + 1, constants + 1 + d, d);
      track.observe(first, constants[0], inverse_g, now);
    } else {
      const R* const lambda = constants + 3;
      const R g = step(w, lambda, d, constants[0], constants[1]);
      track.observe(absolute(mul(lambda[0], first)), g, constants[2], now);
    }
    now = add(now, R(1));
  }
  followed[0] = track.dip;
  followed[1] = track.hitting_step;
  if constexpr (kLocal) {
    SHARPSWEEP_UNROLL
    for (int i = 0; i < D; ++i) {
      state[i] = w[i];
      if (kLog) followed[2 + i] = sign[i];
    }
  }
}

/// A small quadratic stays in registers.
template <class R>
SHARPSWEEP_INLINE void train_quadratic(const Layout& layout, Span span, const R* constants,
                                       R* state) {
  if (layout.arithmetic == Arithmetic::log) {
    if (layout.coordinates == 2) {
      return train_quadratic<true, 2>(layout, span, constants, state);
    }
    if constexpr (!kWideTile<R>) {
      switch (layout.coordinates) {
      case 3:
        return train_quadratic<true, 3>(layout, span, constants, state);
      case 4:
        return train_quadratic<true, 4>(layout, span, constants, state);
      default:
        return train_quadratic<true, 0>(layout, span, constants, state);
      }
    }
    return;
  }
  switch (layout.coordinates) {
  case 1:
    return train_quadratic<false, 1>(layout, span, constants, state);
  case 2:
    return train_quadratic<false, 2>(layout, span, constants, state);
  case 3:
    return train_quadratic<false, 3>(layout, span, constants, state);
  case 4:
    return train_quadratic<false, 4>(layout, span, constants, state);
  case 8:
    if constexpr (!kWideTile<R>) train_quadratic<false, 8>(layout, span, constants, state);
    return;
  default:
    if constexpr (!kWideTile<R>) train_quadratic<false, 0>(layout, span, constants, state);
  }
}

template <bool kLog, class R>
SHARPSWEEP_SLICE void train_competing(Span span, R eta, R rho, R* state) {
  R u[2] = {state[0], state[1]}, v = state[2], exit = state[3];
  R sign[2] = {R(1), R(1)};
  if constexpr (kLog) {
    sign[0] = state[4];
    sign[1] = state[5];
  }
  for (std::uint64_t k = span.first; k < span.last; ++k) {
    R magnitude[2];
    if constexpr (kLog) {
      competing_log_step(u, sign, v, eta, rho);
      magnitude[0] = u[0];
      magnitude[1] = u[1];
    } else {
      competing_step(u, v, eta, rho);
      magnitude[0] = absolute(u[0]);
      magnitude[1] = absolute(u[1]);
    }
    const R candidate = select_less(magnitude[0], magnitude[1], v, R(ScalarOf<R>(kNever)));
    exit = select_less(exit, R(ScalarOf<R>(kNever)), exit, candidate);
  }
  state[0] = u[0];
  state[1] = u[1];
  state[2] = v;
  state[3] = exit;
  if constexpr (kLog) {
    state[4] = sign[0];
    state[5] = sign[1];
  }
}

template <class R>
SHARPSWEEP_INLINE void train(const Layout& layout, Span span, const R* constants, R* state) {
  if (layout.landscape == Landscape::quadratic) {
    return train_quadratic(layout, span, constants, state);
  }
  const R eta = constants[0], rho = constants[1];
  if (layout.landscape == Landscape::competing) {
    if (layout.arithmetic == Arithmetic::plain) {
      return train_competing<false>(span, eta, rho, state);
    }
    if constexpr (!kWideTile<R>) train_competing<true>(span, eta, rho, state);
    return;
  }
  R x = state[0], y = state[1];
  if (layout.landscape == Landscape::valley) {
    for (std::uint64_t k = span.first; k < span.last; ++k) valley_step(x, y, eta, rho);
  } else {
    const R target = constants[2];
    for (std::uint64_t k = span.first; k < span.last; ++k) product_step(x, y, target, eta, rho);
  }
  state[0] = x;
  state[1] = y;
}

} // namespace detail

/// Model::advance.
template <class R>
SHARPSWEEP_INLINE void advance(const Shape& shape, const Steps& steps, const R* constants,
                               R* state) {
  const detail::Layout layout(shape);
  const std::uint64_t end = steps.first + steps.count;
  const std::uint64_t late = steps.total - late_interval(steps.total);
  for (std::uint64_t k = steps.first; k < end;) {
    if (k == late) {
      for (int i = 0; i < layout.weights; ++i) state[layout.earlier() + i] = state[i];
    }
    const std::uint64_t next = k < late && late < end ? late : end;
    detail::train(layout, {k, next}, constants, state);
    k = next;
  }
}

} // namespace sharpsweep::sam_quadratic
