#include "host/engine.hpp"

#include <algorithm>
#include <fstream>
#include <limits>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

std::size_t deepest(const Sweep& sweep) {
  return static_cast<std::size_t>(*std::max_element(sweep.depth.begin(), sweep.depth.end()));
}

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g GiB", bytes / (1024.0 * 1024.0 * 1024.0));
  return text;
}

} // namespace

Results::Results(const Sweep& sweep) : cells(sweep.cells()), blocks(seed_blocks(sweep)) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  state.resize(cells * blocks);
  path.resize(cells * blocks * sweep.record);
  if (sweep.save != Save::mean) seed_value.resize(kOrderParameters * cells * sweep.seeds, kMissing);
  if (sweep.save == Save::weights) weight.resize(cells * sweep.seeds * deepest(sweep), kMissing);
}

void Results::take(const Sweep& sweep, const WorkUnit& unit, const UnitResult& result) {
  const std::size_t coordinates = sweep.target.size();
  const std::size_t block = seed_block_of(sweep, unit.first_seed);
  const std::size_t first_cell = unit.first_configuration * coordinates;
  const std::size_t unit_cells = unit.configurations * coordinates;
  const auto at = [](auto& list, std::size_t i) {
    return list.begin() + static_cast<std::ptrdiff_t>(i);
  };
  std::copy(result.cells.begin(), result.cells.end(), at(state, block * cells + first_cell));
  for (std::size_t time = 0; time < sweep.record; ++time) {
    std::copy_n(at(result.path, time * unit_cells), unit_cells,
                at(path, (block * sweep.record + time) * cells + first_cell));
  }
  const auto depth = static_cast<std::size_t>(sweep.configuration(unit.first_configuration).depth);
  const std::size_t layers = deepest(sweep);
  const std::size_t first_seed = unit.first_seed - sweep.first_seed;
  for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
    // outcomes are [configuration][seed][target]
    const std::size_t target = i % coordinates, seed = i / coordinates % unit.seeds;
    const std::size_t cell = first_cell + i / coordinates / unit.seeds * coordinates + target;
    const std::size_t network = cell * sweep.seeds + first_seed + seed;
    const Outcome& outcome = result.outcomes[i];
    for (std::size_t x = 0; x < kOrderParameters && outcome.finished; ++x) {
      seed_value[x * cells * sweep.seeds + network] = outcome.value[x];
    }
    if (!result.weights.empty()) {
      std::copy_n(at(result.weights, i * depth), depth, at(weight, network * layers));
    }
  }
}

double result_memory(const Sweep& sweep) {
  const double cells =
      static_cast<double>(sweep.configurations()) * static_cast<double>(sweep.target.size());
  const double states = static_cast<double>(seed_blocks(sweep)) * (1.0 + sweep.record);
  double bytes = cells * states * sizeof(CellState);
  bytes += cells * 8 * (3 * kOrderParameters + 5 + 2.0 * kOrderParameters * sweep.record);
  if (sweep.save != Save::mean) bytes += 2 * cells * sweep.seeds * 8 * kOrderParameters;
  if (sweep.save == Save::weights) {
    bytes += 2 * cells * sweep.seeds * 8 * static_cast<double>(deepest(sweep));
  }
  // Bit planes of the bootstrap's multiplicities: up to five, one bit a seed and replicate.
  bytes += 400.0 * 5 / 8 * sweep.seeds;
  return bytes + static_cast<double>(count_work_units(sweep)) * sizeof(WorkUnit);
}

double available_memory() {
  double available = std::numeric_limits<double>::infinity();
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("MemAvailable:")) available = std::stod(line.substr(13)) * 1024;
  }
  // A container or a batch job may be allowed less ("max" where it is not).
  double limit = 0, used = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit &&
      std::ifstream("/sys/fs/cgroup/memory.current") >> used) {
    available = std::min(available, std::max(0.0, limit - used));
  }
  return available;
}

void require_memory(const Sweep& sweep, const Backend& backend) {
  const double needed = result_memory(sweep) + backend.working_memory(sweep);
  const double available = available_memory();
  if (needed <= available) return;
  throw UsageError("the grid is too large for this machine's memory: " +
                   std::to_string(sweep.cells()) + " cells need " + gibibytes(needed) + ", " +
                   gibibytes(available) + " are free; use fewer targets, etas or record times");
}

Results run_sweep(const Sweep& sweep, Backend& backend, Progress& progress) {
  Results results(sweep);
  const std::vector<WorkUnit> units = plan_work_units(sweep);
  std::size_t delivered = 0;
  backend.train(
      sweep, units,
      [&](std::size_t index, UnitResult&& result) {
        results.take(sweep, units[index], result);
        ++delivered;
      },
      progress);
  if (delivered < units.size()) throw Interrupted("interrupted");
  return results;
}

} // namespace sharpsweep
