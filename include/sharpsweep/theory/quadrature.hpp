/// \file
/// Integrals by fixed composite rules, in portable double arithmetic: the same nodes and the same
/// order of summation everywhere, and nothing that adapts.
#pragma once

namespace sharpsweep {

/// Gauss-Legendre nodes and weights of order 16 on [-1, 1], the positive half.
inline constexpr double kGaussNode[8] = {
    0.09501250983763744019, 0.28160355077925891323, 0.45801677765722738634, 0.61787624440264374845,
    0.75540440835500303390, 0.86563120238783174388, 0.94457502307323257608, 0.98940093499164993260};
inline constexpr double kGaussWeight[8] = {
    0.18945061045506849629, 0.18260341504492358887, 0.16915651939500253819, 0.14959598881657673208,
    0.12462897125553387205, 0.09515851168249278481, 0.06225352393864789286, 0.02715245941175409485};

/// The integral of f from `low` to `high`, by 16 nodes on each of `panels` equal panels: exact for
/// polynomials up to degree 31. `high` may lie below `low`. No end is evaluated.
template <class F>
double integrate(F f, double low, double high, int panels) {
  const double half = 0.5 * (high - low) / panels;
  double sum = 0;
  for (int p = 0; p < panels; ++p) {
    const double middle = low + half * (2 * p + 1);
    for (int k = 0; k < 8; ++k) {
      const double offset = half * kGaussNode[k];
      sum = sum + kGaussWeight[k] * (f(middle - offset) + f(middle + offset));
    }
  }
  return half * sum;
}

/// The integral of f from `singular` to `end`, where f may diverge at `singular` like a logarithm:
/// x = singular + (end - singular) s^4 leaves an integrand like s^3 ln s.
template <class F>
double integrate_from_singular(F f, double singular, double end, int panels) {
  const double width = end - singular;
  const auto substituted = [&](double s) {
    const double s3 = s * s * s;
    return 4 * width * s3 * f(singular + width * (s3 * s));
  };
  return integrate(substituted, 0, 1, panels);
}

} // namespace sharpsweep
