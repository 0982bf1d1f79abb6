/// \file
/// Outcomes of ssam in fixed size, as its backends reduce them, on devices too.
#pragma once

#include <span>

#include "sharpsweep/models/ssam.hpp"
#include "sharpsweep/sweep/results.hpp"

namespace sharpsweep::ssam {

/// Order parameters of one coordinate of one network.
struct Outcome {
  double value[kOrderParameters];
  bool finished; ///< false: a weight left the finite range, and `value` is void
};

/// One cell (a configuration and a target) reduced over one block of at most 64 seeds.
struct CellState {
  std::uint32_t finished = 0;
  std::uint32_t diverged = 0;
  std::uint64_t survivors = 0; ///< bit i: the block's i-th seed survived
  Moments moments[kOrderParameters];

  /// Adds the outcome of the next seed, in ascending order.
  /// \param bit  position of the seed in its block of 64
  SHARPSWEEP_INLINE void push(const Outcome& outcome, unsigned bit, double survival_level) {
    if (!outcome.finished) {
      ++diverged;
      return;
    }
    ++finished;
    if (outcome.value[shrinkage] >= survival_level) survivors |= std::uint64_t{1} << bit;
    for (int i = 0; i < kOrderParameters; ++i) moments[i].push(outcome.value[i], finished);
  }
};

inline CellState cell_state(const CellStates& states, std::size_t cell) {
  CellState state{states.finished[cell], states.diverged[cell], states.survivors[cell], {}};
  for (std::size_t i = 0; i < kOrderParameters; ++i) state.moments[i] = states.of(cell)[i];
  return state;
}

inline void set_cell_state(CellStates& states, std::size_t cell, const CellState& state) {
  states.finished[cell] = state.finished;
  states.diverged[cell] = state.diverged;
  states.survivors[cell] = state.survivors;
  for (std::size_t i = 0; i < kOrderParameters; ++i) {
    states.moments[cell * kOrderParameters + i] = state.moments[i];
  }
}

/// The numbers of some outcomes, NaN for those that diverged.
inline std::vector<double> outcome_values(std::span<const Outcome> outcomes) {
  std::vector<double> values;
  values.reserve(outcomes.size() * kOrderParameters);
  for (const Outcome& outcome : outcomes) {
    for (const double value : outcome.value) {
      values.push_back(outcome.finished ? value : kNone);
    }
  }
  return values;
}

} // namespace sharpsweep::ssam
