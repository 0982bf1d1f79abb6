/// \file
/// exp, log and roots in double, from correctly rounded operations alone.
///
/// libm's versions differ between C libraries and between host and device, so nothing on the way
/// from a sweep to a result variable may call them. Errors were measured against extended precision
/// (tests/unit/portable_math_test.cpp); all are scalar and run a few times per network.
#pragma once

#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep::portable {

/// ln x, subnormal x included; at most 1 ulp from the exact value. -infinity for 0, infinity for
/// infinity, NaN for NaN and below 0.
SHARPSWEEP_INLINE double log(double x) {
  if (!(x > 0)) return as_double(x == 0 ? 0xfff0000000000000u : 0x7ff8000000000000u);
  if (!is_finite(x)) return x;
  // x = m 2^e with m in [sqrt(1/2), sqrt 2); ln m = 2 atanh(s), s = (m - 1) / (m + 1).
  double shift = 0;
  if (x < 0x1p-1022) {
    x = mul(x, 0x1p54);
    shift = -54;
  }
  const std::uint64_t bits = as_bits(x);
  constexpr std::uint64_t sqrt_half = 0x3fe6a09e667f3bcdu;
  const std::int64_t exponent = static_cast<std::int64_t>(bits - sqrt_half) >> 52;
  const double m = as_double(bits - (static_cast<std::uint64_t>(exponent) << 52));
  const double e = add(static_cast<double>(exponent), shift);
  const double f = sub(m, 1); // exact
  const double s = div(f, add(2, f));
  const double s2 = mul(s, s);
  // 2 atanh(s) = 2s + s^3 (2/3 + 2/5 s^2 + ...); |s| < 0.1716
  double tail = 2.0 / 23;
  for (int k = 21; k >= 3; k -= 2) tail = fmadd(tail, s2, 2.0 / k);
  // 2s = f - s f, so ln m = f - s (f - s^2 tail): the rounding of s enters at second order only.
  const double correction = mul(s, sub(f, mul(s2, tail)));
  constexpr double ln2_high = 0x1.62e42fefa38p-1; // the low bits are zero: e times it is exact
  constexpr double ln2_low = 0x1.ef35793c7673p-45;
  return add(mul(e, ln2_high), sub(f, fnmadd(e, ln2_low, correction)));
}

/// e^x; 0 below -745.2 and infinity above 709.79; at most 1 ulp from the exact value.
SHARPSWEEP_INLINE double exp(double x) {
  if (!(x < 709.79)) return x == x ? as_double(0x7ff0000000000000u) : x;
  if (x < -745.2) return 0;
  constexpr double ln2_high = 0x1.62e42fefa38p-1;
  constexpr double ln2_low = 0x1.ef35793c7673p-45;
  constexpr double round_to_integer = 0x1.8p52;
  const double n = sub(fmadd(x, 0x1.71547652b82fep0, round_to_integer), round_to_integer);
  const double high = fnmadd(n, ln2_high, x);
  const double r = fnmadd(n, ln2_low, high);
  const double r_low = fnmadd(n, ln2_low, sub(high, r)); // what rounding r lost
  // e^r = 1 + r + r^2 (1/2 + r/6 + ...), |r| < 0.347
  constexpr double inverse_factorial[] = {
      1.0 / 6227020800.0, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320,
      1.0 / 5040,         1.0 / 720,       1.0 / 120,      1.0 / 24,      1.0 / 6,      1.0 / 2};
  double series = 1.0 / 87178291200.0; // 1/14!
  for (const double coefficient : inverse_factorial) series = fmadd(series, r, coefficient);
  const double value = add(1, add(r, fmadd(mul(r, r), series, r_low)));
  // Two factors of two keep subnormal results and 2^1024 in range.
  const std::int64_t k = static_cast<std::int64_t>(n);
  const std::int64_t half = k / 2;
  const double scale1 = as_double(static_cast<std::uint64_t>(1023 + half) << 52);
  const double scale2 = as_double(static_cast<std::uint64_t>(1023 + (k - half)) << 52);
  return mul(mul(value, scale1), scale2);
}

/// x^n for integer n in 0..64, by repeated squaring: exact for powers of two, otherwise at most n
/// ulp from the exact value while no square leaves the normal range.
SHARPSWEEP_INLINE double power(double x, int n) {
  double result = 1;
  for (double square = x; n > 0; n >>= 1) {
    if (n & 1) result = mul(result, square);
    if (n > 1) square = mul(square, square);
  }
  return result;
}

/// The positive n-th root of finite x > 0, n in 1..64; at most 2 ulp from the exact value for x in
/// [2^-900, 2^900], at most 256 ulp beyond.
SHARPSWEEP_INLINE double root(double x, int n) {
  if (n == 1) return x;
  if (n == 2) return square_root(x);
  const double order = static_cast<double>(n);
  double y = exp(div(log(x), order));
  const double y_power = power(y, n - 1);
  // One Newton step takes away the error that ln x / n carries for large |ln x|.
  if (y_power > 0x1p-900 && y_power < 0x1p900) {
    y = add(y, div(fnmadd(y_power, y, x), mul(order, y_power)));
  }
  return y;
}

} // namespace sharpsweep::portable
