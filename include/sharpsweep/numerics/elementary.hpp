/// \file
/// exp, log and hyperbolic functions for the inner loops, with the same bits on every backend.
///
/// libm's versions differ between C libraries and between host and device. These are templates over
/// the value type V (float, double, the SIMD types, Packs of them). Each lane is computed in its
/// own precision, without branches or tables, from correctly rounded operations (arithmetic.hpp)
/// and exact ones (select.hpp) alone.
///
/// Every argument is allowed. NaN gives NaN, of unspecified bits; nothing else does but a logarithm
/// outside its domain. Subnormal arguments and results are full ones. All are monotone: over all
/// floats, and wherever doubles were compared.
///
/// The largest error in units of the exact value's last place stays below
///
///               exp  expm1    log  log1p   tanh   sinh  sigmoid
///     float    1.04   1.11   0.96   1.06   1.96   1.10     2.00
///     double   1.05   1.35   0.97   1.10   2.20   1.50     2.05
///
/// measured against extended precision (tests/unit/elementary_test.cpp): over all floats, and over
/// 1e8 doubles a function and 1e7 around each of its worst places.
///
/// Polynomials come from Sollya's fpminimax with coefficients of the precision, derived here; each
/// comment names the largest relative error of the function that the polynomial is part of.
#pragma once

#include <limits>

#include "sharpsweep/numerics/select.hpp"

namespace sharpsweep::elementary {

namespace detail {

template <class V>
using Scalar = typename ValueTraits<V>::Scalar;

/// The polynomial of x with these coefficients, from the highest power down, by Horner's rule.
template <class V, class T, class... Rest>
SHARPSWEEP_INLINE V polynomial(V x, T highest, Rest... rest) {
  V sum(highest);
  ((sum = fmadd(sum, x, V(rest))), ...);
  return sum;
}

/// What depends on the precision T.
template <class T>
struct Format;

template <>
struct Format<float> {
  static constexpr float infinity = std::numeric_limits<float>::infinity();
  static constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  static constexpr float bias = 127;
  static constexpr float largest_power = 0x1p127F;
  static constexpr float smallest_normal = 0x1p-126F;
  static constexpr float unit_spacing = 0x1p23F; ///< from here to twice this, floats are integers
  static constexpr float far = 0x1p64F;          ///< a power of two amid the range
  static constexpr float far_log2 = 64;
  static constexpr float sqrt_half = 0x1.6a09e6p-1F;

  static constexpr float log2_e = 0x1.715476p0F;
  static constexpr float ln2_high = 0x1.62e4p-1F; ///< n times it is exact for |n| < 2^9
  static constexpr float ln2_low = 0x1.7f7d1cp-20F;

  // Arguments beyond which a result does not change.
  static constexpr float exp_zero = -104;
  static constexpr float exp_infinite = 89;
  static constexpr float sinh_infinite = 89.5F;
  static constexpr float negligible = -18;  ///< 1 + e^x = 1
  static constexpr float linear = 0x1p-30F; ///< f(x) = x below, for expm1, log1p, sinh

  /// (e^r - 1 - r) / r^2 for |r| <= 0.3467: e^r - 1 to 1.4e-8, e^r to 5.3e-9.
  template <class V>
  static SHARPSWEEP_INLINE V exp_tail(V r) {
    return polynomial(r, 0x1.6b7376p-10F, 0x1.12279ep-7F, 0x1.555716p-5F, 0x1.5554bp-3F,
                      0x1.fffffep-2F);
  }
  /// (sinh r - r) / r^3, z = r^2, |r| <= 0.3467: sinh r to 1.3e-8.
  template <class V>
  static SHARPSWEEP_INLINE V sinh_tail(V z) {
    return polynomial(z, 0x1.1227ap-7F, 0x1.5554bp-3F);
  }
  /// (cosh r - 1) / r^2, z = r^2, |r| <= 0.3467: cosh r to 1.0e-10.
  template <class V>
  static SHARPSWEEP_INLINE V cosh_tail(V z) {
    return polynomial(z, 0x1.6d5152p-10F, 0x1.5554e4p-5F, 0x1p-1F);
  }
  /// (2 atanh s - 2 s) / s^3, z = s^2, |s| <= 0.1716: 2 atanh s to 2.7e-9.
  template <class V>
  static SHARPSWEEP_INLINE V atanh_tail(V z) {
    return polynomial(z, 0x1.2ef7bcp-2F, 0x1.997b94p-2F, 0x1.55555cp-1F);
  }
};

template <>
struct Format<double> {
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  static constexpr double bias = 1023;
  static constexpr double largest_power = 0x1p1023;
  static constexpr double smallest_normal = 0x1p-1022;
  static constexpr double unit_spacing = 0x1p52;
  static constexpr double far = 0x1p512;
  static constexpr double far_log2 = 512;
  static constexpr double sqrt_half = 0x1.6a09e667f3bcdp-1;

  static constexpr double log2_e = 0x1.71547652b82fep0;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1; ///< n times it is exact for |n| < 2^12
  static constexpr double ln2_low = 0x1.ef35793c7673p-45;

  static constexpr double exp_zero = -746;
  static constexpr double exp_infinite = 710;
  static constexpr double sinh_infinite = 710.5;
  static constexpr double negligible = -38;
  static constexpr double linear = 0x1p-60;

  /// As above: e^r - 1 to 2.0e-17, e^r to 7.4e-18.
  template <class V>
  static SHARPSWEEP_INLINE V exp_tail(V r) {
    return polynomial(r, 0x1.ae77aa725952p-26, 0x1.28a2a1b44ce5dp-22, 0x1.71de80fa2caa5p-19,
                      0x1.a019a6914ba3ap-16, 0x1.a01a0177f3cc8p-13, 0x1.6c16c17f336c1p-10,
                      0x1.1111111118834p-7, 0x1.5555555552101p-5, 0x1.555555555553bp-3,
                      0x1.0000000000005p-1);
  }
  /// sinh r to 2.8e-19.
  template <class V>
  static SHARPSWEEP_INLINE V sinh_tail(V z) {
    return polynomial(z, 0x1.af5f36d4558a4p-26, 0x1.71ddf80a06ecbp-19, 0x1.a01a01b0053f2p-13,
                      0x1.111111110f652p-7, 0x1.5555555555559p-3);
  }
  /// cosh r to 3.4e-18.
  template <class V>
  static SHARPSWEEP_INLINE V cosh_tail(V z) {
    return polynomial(z, 0x1.28af86d3c2f79p-22, 0x1.a019978142bd4p-16, 0x1.6c16c1854231ap-10,
                      0x1.5555555550259p-5, 0x1.000000000000bp-1);
  }
  /// 2 atanh s to 4.6e-18.
  template <class V>
  static SHARPSWEEP_INLINE V atanh_tail(V z) {
    return polynomial(z, 0x1.2b5c8473672f9p-3, 0x1.39fe05b51b5aep-3, 0x1.7462b770e3e72p-3,
                      0x1.c71c62dc14d9fp-3, 0x1.2492492df75c8p-2, 0x1.99999999952d9p-2,
                      0x1.5555555555558p-1);
  }
};

/// x = n ln 2 + r + r_low with |r| <= 0.3467; r_low is what rounding r lost.
template <class V>
struct Reduced {
  V n, r, r_low;
  V power; ///< 2^(n + shift)
};

/// \param shift  an integer: where 2^(n + shift) is in range, `power` costs one shift of words
template <class V>
SHARPSWEEP_INLINE Reduced<V> reduce(V x, Scalar<V> shift) {
  using F = Format<Scalar<V>>;
  const V offset(kIntegerToLowBits<Scalar<V>> + shift);
  const V sum = fmadd(x, V(F::log2_e), offset);
  const V n = sub(sum, offset);
  const V high = fnmadd(n, V(F::ln2_high), x); // exact
  const V r = fnmadd(n, V(F::ln2_low), high);
  return {n, r, fnmadd(n, V(F::ln2_low), sub(high, r)), low_bits_to_exponent(sum)};
}

/// x within these limits; NaN stays NaN.
template <class V>
SHARPSWEEP_INLINE V clamp(Scalar<V> low, V x, Scalar<V> high) {
  return maximum(V(low), minimum(V(high), x));
}

/// x = m 2^e with m in [sqrt(1/2), sqrt 2).
template <class V>
struct Split {
  V e;
  V power; ///< 2^(e - shift)
};

/// Splits positive, normal, finite x; of others it makes anything.
/// \param unit  2^-shift
/// \param offset  unit_spacing + bias - shift, or k more, which makes e the exponent of 2^-k x
template <class V>
SHARPSWEEP_INLINE Split<V> split(V x, V unit, V offset) {
  using F = Format<Scalar<V>>;
  // The exponent field rises by one where the mantissa of x reaches that of sqrt(1/2).
  const V word = add_bits(subtract_bits(x, V(F::sqrt_half)), unit);
  const V exponent = add_bits(exponent_to_low_bits(word), V(F::unit_spacing));
  return {sub(exponent, offset), and_bits(word, V(F::infinity))};
}

/// f - ln(1 + f) for f in [sqrt(1/2) - 1, sqrt 2 - 1].
template <class V>
SHARPSWEEP_INLINE V log_correction(V f) {
  // ln(1 + f) = 2 atanh s = 2 s + s^3 R with s = f / (2 + f). As 2 s = f - s f, the rounding of s
  // enters at second order only.
  const V s = div(f, add(f, V(2)));
  const V z = mul(s, s);
  return mul(s, fnmadd(z, Format<Scalar<V>>::atanh_tail(z), f));
}

/// `result` where 0 < argument, minus infinity where it is zero, NaN where it is below.
template <class V>
SHARPSWEEP_INLINE V log_of_sign(V argument, V result) {
  using F = Format<Scalar<V>>;
  const V otherwise = select_less(argument, V(0), V(F::nan), V(-F::infinity));
  return select_less(V(0), argument, result, otherwise);
}

} // namespace detail

/// e^x: 1 at 0, 0 below -103.98 (double -745.14), infinity above 88.73 (709.79).
template <class V>
SHARPSWEEP_INLINE V exp(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  const auto [n, r, r_low, power] =
      detail::reduce(detail::clamp<V>(F::exp_zero, x, F::exp_infinite), T(0));
  const V p = fmadd(mul(r, r), F::exp_tail(r), r);
  return times_power_of_two(add(V(1), p), n);
}

/// e^x - 1: x for tiny x and zeros, -1 below -17.4 (double -37.5), infinity above 88.73 (709.79).
template <class V>
SHARPSWEEP_INLINE V expm1(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  const auto [n, r, r_low, half] = detail::reduce(
      detail::clamp<V>(F::negligible, x, F::exp_infinite), T(-1)); // half = 2^(n - 1)
  // (e^x - 1) / 2, as 2^n may overflow: (half - 1/2) + half r, with its rounding error, and
  // half (r_low + r^2 q).
  const V first = sub(half, V(T(0.5)));
  const V high = fmadd(half, r, first);
  const V low = fmadd(half, r, sub(first, high));
  const V tail = fmadd(mul(r, r), F::exp_tail(r), r_low);
  const V result = add(high, fmadd(half, tail, low));
  return select_less(absolute(x), V(F::linear), x, add(result, result));
}

/// ln x: exact at 1, minus infinity at both zeros, NaN below, infinity at infinity.
template <class V>
SHARPSWEEP_INLINE V log(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  const V least(F::smallest_normal); // subnormal numbers are scaled into the normal range
  const V scaled = select_less(x, least, mul(x, V(F::far)), x);
  constexpr T offset = F::unit_spacing + F::bias;
  const auto [e, power] =
      detail::split(scaled, V(1), select_less(x, least, V(offset + F::far_log2), V(offset)));
  const V m = add_bits(subtract_bits(scaled, power), V(1));
  const V f = sub(m, V(1)); // exact
  const V low = fnmadd(e, V(F::ln2_low), detail::log_correction(f));
  const V result = fmadd(e, V(F::ln2_high), sub(f, low));
  return select_less(x, V(F::infinity), detail::log_of_sign(x, result), x);
}

/// ln(1 + x): x for tiny x and zeros, minus infinity at -1, NaN below, infinity at infinity.
template <class V>
SHARPSWEEP_INLINE V log1p(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  const V u = add(x, V(1));
  constexpr T offset = F::unit_spacing + (F::bias - F::far_log2);
  const auto [e, power] = detail::split(u, V(1 / F::far), V(offset));
  // 2^-e; where e = 128 (1024) it is subnormal.
  const V inverse = mul(subtract_bits(V(F::largest_power), power), V(1 / F::far));
  // f = (1 + x) 2^-e - 1 from x itself, with its rounding error.
  const V first = sub(inverse, V(1));
  const V f = fmadd(inverse, x, first);
  const V f_low = fmadd(inverse, x, sub(first, f));
  const V low = sub(fnmadd(e, V(F::ln2_low), detail::log_correction(f)), f_low);
  const V result = fmadd(e, V(F::ln2_high), sub(f, low));
  const V of_finite = select_less(absolute(x), V(F::linear), x, detail::log_of_sign(u, result));
  return select_less(x, V(F::infinity), of_finite, x);
}

/// tanh x: odd bit for bit, x for tiny x and zeros, never beyond 1, 1 from 8.50 (double 18.55) on.
template <class V>
SHARPSWEEP_INLINE V tanh(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  // (1 - e^-2|x|) / (1 + e^-2|x|)
  const auto [n, r, r_low, power] =
      detail::reduce(maximum(V(F::negligible), mul(V(-2), absolute(x))), T(0));
  const V p = fmadd(mul(r, r), F::exp_tail(r), r); // e^-2|x| = power (1 + p)
  const V numerator = fnmadd(power, p, sub(V(1), power));
  const V denominator = fmadd(power, p, add(V(1), power));
  return copy_sign(div(numerator, denominator), x);
}

/// sinh x: odd bit for bit, x for tiny x and zeros, infinite beyond 89.42 (double 710.48).
template <class V>
SHARPSWEEP_INLINE V sinh(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  const V a = absolute(x);
  // sinh(n ln 2 + r) = sinh(n ln 2) cosh r + cosh(n ln 2) sinh r; halves, as 2^(n - 1) may overflow
  const auto [n, r, r_low, quarter] = detail::reduce(minimum(V(F::sinh_infinite), a), T(-2));
  constexpr T offset = kIntegerToLowBits<T> + (F::far_log2 - 2);
  const V inverse = low_bits_to_exponent(sub(V(offset), n)); // 2^-(n + 2) far
  const V h = fnmadd(inverse, V(1 / F::far), quarter);       // sinh(n ln 2) / 2
  const V g = fmadd(inverse, V(1 / F::far), quarter);        // cosh(n ln 2) / 2
  const V z = mul(r, r);
  const V high = fmadd(g, r, h);
  const V low = fmadd(g, r, sub(h, high)); // what rounding high lost
  const V tail = fmadd(h, F::cosh_tail(z), mul(mul(g, r), F::sinh_tail(z)));
  const V half = add(high, fmadd(z, tail, low));
  return copy_sign(select_less(a, V(F::linear), a, add(half, half)), x);
}

/// 1 / (1 + e^-x): 1/2 at zeros, 0 below -103.7 (double -744.8), 1 above 17.4 (37.5). For x >= 0 it
/// is 1 - sigmoid(-x) bit for bit.
template <class V>
SHARPSWEEP_INLINE V sigmoid(V x) {
  using T = detail::Scalar<V>;
  using F = detail::Format<T>;
  // 1 / (1 + e^a) = 2^-n / (2^-n + e^r): where e^a grows the divisor does.
  const V a = absolute(x);
  const auto [n, r, r_low, ignored] = detail::reduce(minimum(V(-F::exp_zero), a), T(0));
  const V power = times_power_of_two(V(1), sub(V(0), n));
  const V p = fmadd(mul(r, r), F::exp_tail(r), r);
  const V below = div(power, add(V(1), add(p, power))); // of -a
  return select_less(x, V(0), below, sub(V(1), below));
}

} // namespace sharpsweep::elementary
