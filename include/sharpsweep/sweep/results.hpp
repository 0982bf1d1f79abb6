/// \file
/// What training yields: outcomes of networks, reduced over seeds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sharpsweep/numerics/sums.hpp"

namespace sharpsweep {

/// Cells, each reduced over one block of at most 64 seeds.
struct CellStates {
  std::size_t parameters = 0; ///< numbers of an outcome
  std::vector<std::uint32_t> finished;
  std::vector<std::uint32_t> diverged;
  std::vector<std::uint64_t> survivors; ///< bit i: the block's i-th seed survived (ssam)
  std::vector<Moments> moments;         ///< [cell][parameter], over the seeds that finished

  CellStates() = default;
  CellStates(std::size_t cells, std::size_t count) : parameters(count) { resize(cells); }
  std::size_t size() const { return finished.size(); }
  void resize(std::size_t cells) {
    finished.resize(cells);
    diverged.resize(cells);
    survivors.resize(cells);
    moments.resize(cells * parameters);
  }
  const Moments* of(std::size_t cell) const { return moments.data() + cell * parameters; }

  /// Adds the outcome of a cell's next seed, in ascending order.
  /// \param values  null where the network diverged
  void push(std::size_t cell, const double* values) {
    if (!values) {
      ++diverged[cell];
      return;
    }
    ++finished[cell];
    for (std::size_t i = 0; i < parameters; ++i) {
      moments[cell * parameters + i].push(values[i], finished[cell]);
    }
  }
  /// Sets a cell to one of other states with as many parameters.
  void copy(std::size_t cell, const CellStates& from, std::size_t index) {
    finished[cell] = from.finished[index];
    diverged[cell] = from.diverged[index];
    survivors[cell] = from.survivors[index];
    for (std::size_t i = 0; i < parameters; ++i) {
      moments[cell * parameters + i] = from.moments[index * parameters + i];
    }
  }
  bool operator==(const CellStates&) const = default;
};

/// Bytes of one cell's state in memory.
inline double state_bytes(std::size_t parameters) {
  return 16.0 + sizeof(Moments) * static_cast<double>(parameters);
}

/// The results of one work unit. A unit's cells are [configuration][target]; a coupled model has
/// one target.
struct UnitResult {
  CellStates cells;
  CellStates path;              ///< [record time][configuration][target]
  std::vector<double> outcomes; ///< [configuration][seed][target][parameter]; NaN where the network
                                ///< diverged; empty with save = mean
  std::vector<double> weights;  ///< [configuration][seed][target][weight] with save = weights

  double bytes() const { ///< of memory
    return state_bytes(cells.parameters) * static_cast<double>(cells.size() + path.size()) +
           8 * static_cast<double>(outcomes.size() + weights.size());
  }
};

} // namespace sharpsweep
