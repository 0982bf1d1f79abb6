/// \file
/// The activations of label_noise: phi and phi' for a step, and with further derivatives and the
/// inverse for the host. All are odd; the theory wants phi' > 0 (is_increasing()).
#pragma once

#include <cstdint>

#include "sharpsweep/numerics/elementary.hpp"

namespace sharpsweep::label_noise {

// Of an activation a step takes two functions. add_value() adds phi(z) to a sum and may write what
// slope() wants to remember of it, which returns phi'(z).

/// phi(z) = z + z^3/3
struct Cubic {
  static constexpr bool kRemembers = false;
  template <class R>
  SHARPSWEEP_INLINE R add_value(R z, R sum, R*) const {
    using T = typename ValueTraits<R>::Scalar;
    return fmadd(z, fmadd(mul(z, z), R(T(1.0 / 3)), R(1)), sum);
  }
  template <class R>
  SHARPSWEEP_INLINE R slope(R z, const R*) const {
    return fmadd(z, z, R(1));
  }
};

/// phi(z) = z - k z^3 + q z^5; increasing where q > 9 k^2 / 20 (or k <= 0 <= q).
template <class R>
struct Quintic {
  static constexpr bool kRemembers = false;
  R minus_k, q, minus_3k, times_5q;
  SHARPSWEEP_INLINE Quintic(R k, R fifth)
      : minus_k(mul(R(-1), k)), q(fifth), minus_3k(mul(R(-3), k)), times_5q(mul(R(5), fifth)) {}
  SHARPSWEEP_INLINE R add_value(R z, R sum, R*) const {
    const R square = mul(z, z);
    return fmadd(z, fmadd(square, fmadd(square, q, minus_k), R(1)), sum);
  }
  SHARPSWEEP_INLINE R slope(R z, const R*) const {
    const R square = mul(z, z);
    return fmadd(square, fmadd(square, times_5q, minus_3k), R(1));
  }
};

/// phi = tanh, phi' = 1 - phi^2: exactly 0, and the neuron at rest, where phi rounds to 1.
struct Tanh {
  static constexpr bool kRemembers = true;
  template <class R>
  SHARPSWEEP_INLINE R add_value(R z, R sum, R* value) const {
    *value = elementary::tanh(z);
    return add(sum, *value);
  }
  template <class R>
  SHARPSWEEP_INLINE R slope(R, const R* value) const {
    return fnmadd(*value, *value, R(1));
  }
};

/// phi = sinh, phi' = cosh = sqrt(1 + phi^2).
struct Sinh {
  static constexpr bool kRemembers = true;
  template <class R>
  SHARPSWEEP_INLINE R add_value(R z, R sum, R* value) const {
    *value = elementary::sinh(z);
    return add(sum, *value);
  }
  template <class R>
  SHARPSWEEP_INLINE R slope(R, const R* value) const {
    return square_root(fmadd(*value, *value, R(1)));
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
    const double t = elementary::tanh(z), e = elementary::exp(mul(z < 0 ? 2 : -2, z));
    const double slope = div(mul(4, e), mul(add(1, e), add(1, e)));
    return {t, slope, mul(mul(-2, t), slope), mul(slope, fmadd(mul(6, t), t, -2))};
  }
  case Activation::Kind::sinh: {
    const double s = elementary::sinh(z), c = square_root(fmadd(s, s, 1));
    return {s, c, s, c};
  }
  }
  return {};
}

/// Calls `use` with the activation's type for values of R. \param k, q  of the quintic
template <class R, class Use>
SHARPSWEEP_INLINE void visit(Activation::Kind kind, R k, R q, const Use& use) {
  switch (kind) {
  case Activation::Kind::cubic:
    return use(Cubic{});
  case Activation::Kind::quintic:
    return use(Quintic<R>(k, q));
  case Activation::Kind::tanh:
    return use(Tanh{});
  case Activation::Kind::sinh:
    return use(Sinh{});
  }
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
  const bool is_tanh = phi.kind == Activation::Kind::tanh;
  if (!is_finite(a) || !is_increasing(phi) || (is_tanh && target >= 1)) return kNone;
  double z = target;
  if (is_tanh && target > 0.5) {
    z = 0.5 * elementary::log((1 + target) / (1 - target));
  } else if (phi.kind == Activation::Kind::sinh && target > 1) {
    z = target < 1e150 ? elementary::log(target + square_root(target * target + 1))
                       : elementary::log(target) + 0x1.62e42fefa39efp-1; // ln 2 a
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
