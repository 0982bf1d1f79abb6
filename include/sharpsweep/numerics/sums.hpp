/// \file
/// Sums and moments in one fixed order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep {

/// The sum of n values by one fixed tree: neighbours first, then pairs of pairs, and so on; a
/// partner beyond the end is left out. The tree depends on n alone. \param values  overwritten
template <class T>
SHARPSWEEP_INLINE T pairwise_sum(T* values, std::size_t n) {
  for (std::size_t step = 1; step < n; step *= 2) {
    for (std::size_t i = 0; i + step < n; i += 2 * step) {
      values[i] = add(values[i], values[i + step]);
    }
  }
  return values[0];
}

/// A tail average sums this many consecutive products in the precision of the run and adds the
/// group to a sum in double; groups end where the number of steps made is a multiple of it, and at
/// the end.
inline constexpr std::uint32_t kTailGroup = 8;

/// Count, mean and sum of squared deviations, by Welford's recursion: pushing more values later
/// gives the same bits as pushing all at once.
struct Moments {
  double mean = 0;
  double m2 = 0;
  bool operator==(const Moments&) const = default;

  /// \param n  how many values were pushed, this one included
  SHARPSWEEP_INLINE void push(double x, std::uint32_t n) {
    const double before = sub(x, mean);
    mean = add(mean, div(before, static_cast<double>(n)));
    m2 = fmadd(before, sub(x, mean), m2);
  }
  /// Merges the moments of `m` later values into those of `n` earlier ones (Chan et al. 1979).
  SHARPSWEEP_INLINE void merge(std::uint64_t n, const Moments& later, std::uint64_t m) {
    if (m == 0) return;
    if (n == 0) {
      *this = later;
      return;
    }
    const double total = static_cast<double>(n + m);
    const double difference = sub(later.mean, mean);
    const double weight = div(static_cast<double>(m), total);
    mean = fmadd(difference, weight, mean);
    m2 = add(add(m2, later.m2),
             mul(mul(difference, difference), mul(static_cast<double>(n), weight)));
  }
  /// Of a population of n > 0 values.
  double deviation(std::uint64_t n) const { return square_root(div(m2, static_cast<double>(n))); }
};

} // namespace sharpsweep
