/// \file
/// Runs a sweep on a backend and keeps the reduced results of all its units.
#pragma once

#include <functional>
#include <vector>

#include "host/backend.hpp"

namespace sharpsweep {

/// The reduced results of a whole sweep. A cell is [configuration][target].
struct Results {
  explicit Results(const Sweep& sweep);

  std::size_t cells = 0;
  std::uint32_t blocks = 0;
  std::vector<CellState> state;   ///< [seed block][cell]
  std::vector<CellState> path;    ///< [seed block][record time][cell]
  std::vector<double> seed_value; ///< [order parameter][cell][seed] with save = seeds or weights
  std::vector<double> weight;     ///< [cell][seed][layer], layers to the deepest; save = weights

  void take(const Sweep& sweep, const WorkUnit& unit, const UnitResult& result);
};

/// Bytes that the results of a sweep take in memory, the arrays of the output file included.
double result_memory(const Sweep& sweep);
/// Bytes of memory free for this process.
double available_memory();
/// Throws UsageError, saying how large, when the sweep does not fit into memory.
void require_memory(const Sweep& sweep, const Backend& backend);

/// Trains all work units. Throws Interrupted when `progress.stop` was set from outside.
Results run_sweep(const Sweep& sweep, Backend& backend, Progress& progress);

} // namespace sharpsweep
