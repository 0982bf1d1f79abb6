/// \file
/// Counts that some code knows when it is compiled, and other code when it runs.
#pragma once

#include "sharpsweep/numerics/platform.hpp"

namespace sharpsweep {

/// A count that is known when compiled, so that a small network stays in registers. Where a
/// function takes a Count it is one of these, or an int.
template <int D>
struct Fixed {
  SHARPSWEEP_INLINE constexpr operator int() const { return D; }
};

/// D, or where that is 0 the count that is known at run time.
template <int D>
SHARPSWEEP_INLINE auto fixed_or(int at_run_time) {
  if constexpr (D > 0) {
    return Fixed<D>();
  } else {
    return at_run_time;
  }
}

/// f(first), ..., f(d - 1) in turn.
template <int D, class F>
SHARPSWEEP_INLINE void each(Fixed<D>, F f, int first = 0) {
  SHARPSWEEP_UNROLL
  for (int i = first; i < D; ++i) f(i);
}
template <class F>
SHARPSWEEP_INLINE void each(int d, F f, int first = 0) {
  for (int i = first; i < d; ++i) f(i);
}

} // namespace sharpsweep
