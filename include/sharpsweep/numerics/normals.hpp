/// \file
/// Two random words to two standard normals, in operations that round equally on every machine.
///
/// Box-Muller in its half-circle form: with u uniform on (0, 1) from 31 bits of x, the radius is
/// sqrt(-2 ln u); the angle pi t / 2 with t uniform on [-1, 1] from y covers half a circle, and the
/// 32nd bit of x gives the cosine a random sign.
///
///     u = fma(x & 0x7fffffff, (1 - 2^-24) 2^-31, 2^-32)
///     u = m 2^e with m in [2/3, 4/3), g = 2 - 2m:  -2 ln u = -2 ln 2 e + g (1 + g C(g))
///     sin(pi t / 2) = t S(t^2),    cos(pi t / 2) = (1 - t^2) Q(t^2)
///
/// C, S, Q are minimax polynomials with float coefficients (Sollya's fpminimax, derived here):
/// relative errors 3.9e-7 for g (1 + g C) on |g| <= 2/3, 2.8e-8 for S, 1.3e-9 for Q on [0, 1].
/// Against the exact Box-Muller transform of these u and t, the words rounded to float, the results
/// are within kNormalMaxUlp units of the last place and kNormalMaxError in absolute terms: bounds
/// from an exhaustive search of each factor, all but attained (6.22 and 1.49e-6; typical random
/// words reach 5.2 and 9e-7; tests/unit/normals_test.cpp). |z| <= 6.6605.
#pragma once

#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep {

inline constexpr double kNormalMaxUlp = 6.5;
inline constexpr double kNormalMaxError = 1.51e-6;
inline constexpr double kNormalBound = 6.67; ///< no normal is larger in magnitude

/// \tparam F float, or a SIMD type of floats (constructible from float)
/// \tparam U uint32_t, or the SIMD type of as many 32-bit words
template <class F, class U>
SHARPSWEEP_INLINE void normal_pair(U x, U y, F& first, F& second) {
  const F u = fmadd(signed_to_float(bit_and(x, U(0x7fffffffu))), F(0x1.fffffep-32F), F(0x1p-32F));

  // Subtracting the bits of 2/3 before taking the exponent field puts the mantissa in [2/3, 4/3).
  const U u_bits = as_bits(u);
  const U exponent = shift_right_signed_23(subtract(u_bits, U(0x3f2aaaabu)));
  const F mantissa = as_float(subtract(u_bits, shift_left_23(exponent)));
  const F g = fmadd(mantissa, F(-2.0F), F(2.0F));
  F c = fmadd(F(0x1.3b907p-10F), g, F(0x1.569e7ap-9F));
  c = fmadd(c, g, F(0x1.5051cap-8F));
  c = fmadd(c, g, F(0x1.96b49ap-7F));
  c = fmadd(c, g, F(0x1.001186p-5F));
  c = fmadd(c, g, F(0x1.555a96p-4F));
  c = fmadd(c, g, F(0x1.ffffecp-3F));
  const F series = fmadd(g, c, F(1.0F));
  const F minus_two_log = fmadd(g, series, mul(signed_to_float(exponent), F(-0x1.62e43p0F)));
  const F radius = bare_square_root(minus_two_log); // of 2^-23 to 44.4

  const F t = mul(signed_to_float(y), F(0x1p-31F));
  const F t2 = mul(t, t);
  F s = fmadd(F(0x1.407998p-13F), t2, F(-0x1.328004p-8F));
  s = fmadd(s, t2, F(0x1.466b26p-4F));
  s = fmadd(s, t2, F(-0x1.4abbd8p-1F));
  s = fmadd(s, t2, F(0x1.921fb6p0F));
  F q = fmadd(F(0x1.8c0ca8p-16F), t2, F(-0x1.d47ab8p-11F));
  q = fmadd(q, t2, F(0x1.472a7cp-6F));
  q = fmadd(q, t2, F(-0x1.de9e6p-3F));
  q = fmadd(q, t2, F(1.0F));
  const F cosine = mul(fnmadd(t, t, F(1.0F)), q);

  first = mul(radius, mul(t, s));
  second = as_float(bit_xor(as_bits(mul(radius, cosine)), bit_and(x, U(0x80000000u))));
}

} // namespace sharpsweep
