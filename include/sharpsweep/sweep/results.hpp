/// \file
/// What training yields: outcomes of single coordinates, and their reduction over seeds.
#pragma once

#include <cstdint>
#include <vector>

#include "sharpsweep/models/ssam.hpp"
#include "sharpsweep/numerics/sums.hpp"

namespace sharpsweep {

inline constexpr int kOrderParameters = ssam::kOrderParameters;

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
    if (outcome.value[ssam::shrinkage] >= survival_level) survivors |= std::uint64_t{1} << bit;
    for (int i = 0; i < kOrderParameters; ++i) moments[i].push(outcome.value[i], finished);
  }
};

/// The results of one work unit. A unit's cells are [configuration][target].
struct UnitResult {
  std::vector<CellState> cells;
  std::vector<CellState> path;   ///< [record time][configuration][target]
  std::vector<Outcome> outcomes; ///< [configuration][seed][target]; empty with save = mean
  std::vector<double> weights;   ///< [configuration][seed][target][layer] with save = weights

  std::size_t bytes() const { ///< of memory
    return (cells.size() + path.size()) * sizeof(CellState) + outcomes.size() * sizeof(Outcome) +
           weights.size() * sizeof(double);
  }
};

} // namespace sharpsweep
