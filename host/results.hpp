/// \file
/// The reduced results of a sweep in memory, and how results of one grid are taken over into
/// another: a cell is itself wherever it stands.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "host/state_table.hpp"
#include "sharpsweep/sweep/results.hpp"
#include "sharpsweep/sweep/sweep.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {

/// Where the cells of one sweep lie in another.
class Placement {
public:
  static constexpr std::size_t kNowhere = ~std::size_t{0};
  Placement(const Sweep& from, const Sweep& into);

  /// The index of configuration or target `index` of `from` in `into`, or kNowhere.
  std::size_t configuration(std::size_t index) const;
  std::size_t target(std::size_t index) const { return target_[index]; }
  std::size_t targets() const { return target_.size(); }

private:
  std::vector<std::vector<std::size_t>> axes_; ///< of configurations: the place of every value
  std::vector<std::size_t> into_extents_;
  std::vector<std::size_t> target_;
};

/// Why results of sweep `old` can't be taken over into sweep `now`: the first key in which they
/// differ otherwise than by seeds and axis values that `now` adds. Empty when they can.
/// \param name  of the file with `old`, for the sentence
std::string obstacle(const Sweep& old, const Sweep& now, const std::string& name);

/// What of a unit's result is wanted: the states of its cells, those of their paths, or single
/// networks.
enum class Wanted { cells, path, networks, all };

/// The reduced results of a whole sweep. A cell is [configuration][target].
struct Results {
  /// \param output  beside which large tables of states lie; empty: all is kept in memory
  explicit Results(const Sweep& sweep, const std::string& output = "");

  std::size_t cells = 0, configurations = 0;
  std::uint32_t blocks = 0;
  StateTable state;               ///< rows: [seed block][configuration]; of a cell for each target
  StateTable path;                ///< rows: [seed block][record time][configuration]
  std::vector<double> seed_value; ///< [number of an outcome][cell][seed]; save = seeds or weights
  std::vector<double> weight;     ///< [cell][seed][weight], to the most weights; save = weights
  Coverage done;

  /// Takes over what a unit of the sweep `from` holds, as far as it has a place here and is more
  /// than what there is already. \param place  from `from` into this sweep
  void take(const Sweep& sweep, const Sweep& from, const Placement& place, const WorkUnit& unit,
            const UnitResult& result);

  /// The reverse: the first `seeds` seeds of a unit of the sweep `from`, which lies wholly here.
  UnitResult extract(const Sweep& sweep, const Sweep& from, const Placement& place,
                     const WorkUnit& unit, std::uint32_t seeds, Wanted wanted = Wanted::all) const;

  /// Whether all seeds of a unit, which lies wholly here, are done.
  bool has(const Sweep& sweep, const Placement& place, const WorkUnit& unit) const;
  /// Whether all seeds of a cell are done.
  bool complete(const Sweep& sweep, std::size_t cell) const;
  /// The row of a configuration at a time in a table of so many times.
  std::size_t row_of(std::uint32_t block, std::size_t configuration, std::size_t time = 0,
                     std::size_t times = 1) const {
    return (block * times + time) * configurations + configuration;
  }
};

/// Weights that a unit's results have for each cell and seed.
std::size_t weights_of_unit(const Sweep& sweep, const WorkUnit& unit);

/// Whether the results of a unit, which begin at its first seed, can stand in a sweep: they have to
/// begin at the sweep's first seed of the block, because a block is reduced in ascending order.
bool fits(const Sweep& into, const WorkUnit& unit);

/// Calls visit(seed block, cell) for every cell of a unit of another sweep that has a place here.
template <class Visit>
void for_each_cell(const Sweep& into, const Placement& place, const WorkUnit& unit, Visit visit) {
  const std::uint32_t block = seed_block_of(into, unit.first_seed);
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const std::size_t configuration = place.configuration(unit.first_configuration + i);
    for (std::size_t t = 0; t < place.targets(); ++t) {
      if (configuration == Placement::kNowhere || place.target(t) == Placement::kNowhere) continue;
      visit(block, configuration * into.cells_per_network() + place.target(t));
    }
  }
}

/// Puts the outcomes and weights of a unit's earlier seeds before those that were trained.
void complete_networks(const Sweep& sweep, const WorkUnit& unit, const UnitResult& earlier,
                       UnitResult& result);

/// Bytes that the results of a sweep take in memory until they are written.
double result_memory(const Sweep& sweep);
/// Bytes that the finished units of a whole sweep take in memory when their file is read.
double reading_memory(const Sweep& sweep);
/// Bytes that tables of states take on the disk of the output.
double table_bytes(const Sweep& sweep);

} // namespace sharpsweep
