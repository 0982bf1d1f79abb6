/// \file
/// The activations of label_noise: phi and phi' for a step, and with further derivatives and the
/// inverse for the host. All are odd; the theory wants phi' > 0 (is_increasing()).
///
/// tanh and sinh are called without naming their namespace: a pack brings its own, scalars find
/// those of `detail`.
#pragma once

#include <cstdint>
#include <limits>

#include "sharpsweep/numerics/pack.hpp"
#include "sharpsweep/numerics/portable_math.hpp"

namespace sharpsweep::label_noise {

namespace detail {

/// x (1 + x^2/3! + ... + x^20/21!), sinh x for |x| < 1 to the last place.
SHARPSWEEP_INLINE double sinh_series(double x) {
  constexpr double ratio[] = {1.0 / 420, 1.0 / 342, 1.0 / 272, 1.0 / 210, 1.0 / 156,
                              1.0 / 110, 1.0 / 72,  1.0 / 42,  1.0 / 20,  1.0 / 6};
  const double square = mul(x, x);
  double series = 1; // nested: 1 + x^2/6 (1 + x^2/20 (1 + ...))
  for (int k = 0; k < 9; ++k) series = fmadd(mul(square, ratio[k]), series, 1);
  return fmadd(mul(x, mul(square, ratio[9])), series, x);
}

/// sinh x, odd bit for bit; at most 2.5 ulp from the exact value, infinite beyond 709.78.
SHARPSWEEP_INLINE double sinh(double x) {
  const double magnitude = x < 0 ? -x : x;
  if (magnitude < 1) return sinh_series(x);
  const double growing = portable::exp(magnitude);
  const double value = mul(0.5, sub(growing, div(1, growing)));
  return x < 0 ? -value : value;
}

/// tanh x, odd bit for bit; at most 3 ulp from the exact value, also near zero.
SHARPSWEEP_INLINE double tanh(double x) {
  const double magnitude = x < 0 ? -x : x;
  if (magnitude < 0.5) {
    const double s = sinh_series(x);
    return div(s, square_root(fmadd(s, s, 1)));
  }
  const double value = sub(1, div(2, add(portable::exp(mul(2, magnitude)), 1)));
  return x < 0 ? -value : value;
}

// Through double: all but one in about 10^8 results are correctly rounded.
SHARPSWEEP_INLINE float sinh(float x) { return static_cast<float>(sinh(static_cast<double>(x))); }
SHARPSWEEP_INLINE float tanh(float x) { return static_cast<float>(tanh(static_cast<double>(x))); }

/// The number x as a value of type R.
template <class R>
SHARPSWEEP_INLINE R constant(double x) {
  return R(static_cast<typename ValueTraits<R>::Scalar>(x));
}

} // namespace detail

/// phi and phi' at one preactivation.
template <class R>
struct Activated {
  R value;
  R slope;
};

/// phi(z) = z + z^3/3
struct Cubic {
  template <class R>
  SHARPSWEEP_INLINE Activated<R> operator()(R z) const {
    const R square = mul(z, z);
    return {mul(z, fmadd(square, detail::constant<R>(1.0 / 3), R(1))), add(square, R(1))};
  }
};

/// phi(z) = z - k z^3 + q z^5; increasing where q > 9 k^2 / 20 (or k <= 0 <= q).
template <class R>
struct Quintic {
  R minus_k, q, minus_3k, times_5q;
  SHARPSWEEP_INLINE Quintic(R k, R fifth)
      : minus_k(mul(R(-1), k)), q(fifth), minus_3k(mul(R(-3), k)), times_5q(mul(R(5), fifth)) {}
  SHARPSWEEP_INLINE Activated<R> operator()(R z) const {
    const R square = mul(z, z);
    return {mul(z, fmadd(square, fmadd(square, q, minus_k), R(1))),
            fmadd(square, fmadd(square, times_5q, minus_3k), R(1))};
  }
};

/// phi = tanh, phi' = 1 - phi^2: exactly 0, and the neuron at rest, where phi rounds to 1.
struct Tanh {
  template <class R>
  SHARPSWEEP_INLINE Activated<R> operator()(R z) const {
    using detail::tanh;
    const R t = tanh(z);
    return {t, fnmadd(t, t, R(1))};
  }
};

/// phi = sinh, phi' = cosh = sqrt(1 + phi^2).
struct Sinh {
  template <class R>
  SHARPSWEEP_INLINE Activated<R> operator()(R z) const {
    using detail::sinh;
    const R s = sinh(z);
    return {s, square_root(fmadd(s, s, R(1)))};
  }
};

/// Which activation a network has. The host's view of it, in double.
struct Activation {
  enum class Kind : std::int32_t { cubic, quintic, tanh, sinh };
  Kind kind = Kind::cubic;
  double k = 0.5;  ///< of `quintic`
  double q = 0.25; ///< of `quintic`
  bool operator==(const Activation&) const = default;
};

/// phi and its first three derivatives at one point.
struct Jet {
  double value, slope, second, third;
};

SHARPSWEEP_INLINE Jet jet(const Activation& phi, double z) {
  const double square = mul(z, z);
  switch (phi.kind) {
  case Activation::Kind::cubic:
    return {mul(z, fmadd(square, 1.0 / 3, 1)), add(square, 1), mul(2, z), 2};
  case Activation::Kind::quintic:
    return {mul(z, fmadd(square, fmadd(square, phi.q, -phi.k), 1)),
            fmadd(square, fmadd(square, mul(5, phi.q), mul(-3, phi.k)), 1),
            mul(z, fmadd(square, mul(20, phi.q), mul(-6, phi.k))),
            fmadd(square, mul(60, phi.q), mul(-6, phi.k))};
  case Activation::Kind::tanh: {
    // phi' = 4 e / (1 + e)^2 with e = exp(-2|z|) keeps its digits where tanh rounds to 1.
    const double t = detail::tanh(z), e = portable::exp(mul(z < 0 ? 2 : -2, z));
    const double slope = div(mul(4, e), mul(add(1, e), add(1, e)));
    return {t, slope, mul(mul(-2, t), slope), mul(slope, fmadd(mul(6, t), t, -2))};
  }
  case Activation::Kind::sinh: {
    const double s = detail::sinh(z), c = square_root(fmadd(s, s, 1));
    return {s, c, s, c};
  }
  }
  return {};
}

/// Calls `use` with the activation's type for values of R.
template <class R, class Use>
inline auto visit(const Activation& phi, const Use& use) {
  switch (phi.kind) {
  case Activation::Kind::cubic:
    return use(Cubic{});
  case Activation::Kind::quintic:
    return use(Quintic<R>(detail::constant<R>(phi.k), detail::constant<R>(phi.q)));
  case Activation::Kind::tanh:
    return use(Tanh{});
  case Activation::Kind::sinh:
    break;
  }
  return use(Sinh{});
}

/// Whether phi' > 0 everywhere, as the theory wants; true but for some quintics.
inline bool is_increasing(const Activation& phi) {
  if (phi.kind != Activation::Kind::quintic) return true;
  return phi.k > 0 ? 20 * phi.q > 9 * phi.k * phi.k : phi.q >= 0;
}

/// phi^-1(a): a few units of the last place; NaN where there is none (tanh: |a| >= 1) and for an
/// activation that is not increasing.
inline double inverse(const Activation& phi, double a) {
  if (a == 0) return a;
  const double target = a < 0 ? -a : a;
  const double none = std::numeric_limits<double>::quiet_NaN();
  const bool is_tanh = phi.kind == Activation::Kind::tanh;
  if (!is_finite(a) || !is_increasing(phi) || (is_tanh && target >= 1)) return none;
  double z = target;
  if (is_tanh && target > 0.5) {
    z = 0.5 * portable::log((1 + target) / (1 - target));
  } else if (phi.kind == Activation::Kind::sinh && target > 1) {
    z = target < 1e150 ? portable::log(target + square_root(target * target + 1))
                       : portable::log(target) + 0x1.62e42fefa39efp-1; // ln 2 a
  } else {
    // Newton's method, kept inside a shrinking bracket.
    double low = 0, high = target;
    while (jet(phi, high).value < target) high *= 2;
    for (int k = 0; k < 200; ++k) {
      const Jet at = jet(phi, z);
      (at.value < target ? low : high) = z;
      const double newton = z - (at.value - target) / at.slope;
      const double next = newton > low && newton < high ? newton : 0.5 * (low + high);
      if (next == z || at.value == target) break;
      z = next;
    }
  }
  return a < 0 ? -z : z;
}

} // namespace sharpsweep::label_noise
