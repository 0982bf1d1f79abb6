#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <set>

#include "host/analysis/phase_diagram.hpp"
#include "host/assembly.hpp"
#include "host/commands/commands.hpp"
#include "host/engine.hpp"
#include "host/output/reader.hpp"
#include "host/output/units.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

/// The sweep of one cell alone; a projected network needs all its coordinates.
/// \param at  the cell's indices on the axes
Sweep alone(const Sweep& sweep, const std::vector<std::size_t>& at) {
  std::vector<std::vector<std::size_t>> kept;
  kept.reserve(at.size());
  for (const std::size_t i : at) kept.push_back({i});
  if (sweep.projection_radius > 0) {
    kept.back().resize(sweep.target.size());
    std::iota(kept.back().begin(), kept.back().end(), std::size_t{0});
  }
  return sweep.part(kept);
}

/// Bits of element `index` of a variable, widened to 64.
std::uint64_t bits_at(const Variable& variable, std::size_t index) {
  return std::visit(
      [index](const auto& values) -> std::uint64_t {
        std::uint64_t bits = 0;
        std::memcpy(&bits, &values[index], sizeof values[index]);
        return bits;
      },
      variable.values);
}

/// Whether a dimension is not one of the sweep's axes: seeds, layers, times.
bool is_free(const std::vector<Axis>& axes, const std::string& dimension) {
  return std::none_of(axes.begin(), axes.end(),
                      [&](const Axis& axis) { return axis.name == dimension; });
}

/// How many values a cell has in a variable.
std::size_t values_per_cell(const std::vector<Axis>& axes, const Dataset& data,
                            const Variable& variable) {
  std::size_t count = 1;
  for (const std::string& dimension : variable.dimensions) {
    if (is_free(axes, dimension)) count *= data.extent(dimension);
  }
  return count;
}

/// Where value `index` of a cell of dataset `from` stands in a variable of dataset `data`, which
/// may have more layers. \param cell  the cell's indices on the axes of `data`
std::size_t offset_of(const std::vector<Axis>& axes, const Dataset& data, const Variable& variable,
                      const std::vector<std::size_t>& cell, const Dataset& from,
                      std::size_t index) {
  std::size_t offset = 0, rest = values_per_cell(axes, from, variable);
  for (const std::string& dimension : variable.dimensions) {
    std::size_t at = 0;
    if (is_free(axes, dimension)) {
      rest /= from.extent(dimension);
      at = index / rest;
      index %= rest;
    } else {
      const auto axis = std::find_if(axes.begin(), axes.end(),
                                     [&](const Axis& a) { return a.name == dimension; });
      at = cell[static_cast<std::size_t>(axis - axes.begin())];
    }
    offset = offset * data.extent(dimension) + at;
  }
  return offset;
}

/// Throws FileError unless the file's axes and shapes are those of its own sweep.
void require_consistent(const Dataset& data, const Sweep& sweep, const std::string& path) {
  const Variable* status = data.find("status");
  bool consistent = status && value_count(*status) == sweep.cells();
  for (const Axis& axis : sweep.axes()) {
    const Variable* coordinate = data.find(axis.name);
    consistent = consistent && coordinate && value_count(*coordinate) == axis.values.size();
    for (std::size_t i = 0; consistent && i < axis.values.size(); ++i) {
      consistent = std::visit(
          [&](const auto& values) { return static_cast<double>(values[i]) == axis.values[i]; },
          coordinate->values);
    }
  }
  for (const Variable& variable : data.variables) {
    std::size_t count = 1;
    for (const std::string& dimension : variable.dimensions) count *= data.extent(dimension);
    consistent = consistent && count == value_count(variable);
  }
  if (!consistent) {
    throw FileError("'" + path + "' is damaged: its axes are not those of the sweep it carries");
  }
}

/// Throws FileError unless every value of a recomputed variable has its place in the file's.
void require_same_shape(const std::vector<Axis>& axes, const Dataset& data,
                        const Variable& variable, const Dataset& again, const Variable& recomputed,
                        const std::string& path) {
  const auto& dimensions = variable.dimensions;
  const bool same =
      dimensions == recomputed.dimensions &&
      std::all_of(dimensions.begin(), dimensions.end(), [&](const auto& dimension) {
        return !is_free(axes, dimension) || data.extent(dimension) >= again.extent(dimension);
      });
  if (!same) throw FileError("'" + path + "' is damaged: " + variable.name + " has another shape");
}

} // namespace

ExitCode verify_command(const std::string& path, std::size_t cells, const BackendOptions& options) {
  const Dataset stored = read_dataset(path);
  const Sweep sweep = sweep_of_file(stored, path);
  if (stored.text("shard")) {
    throw FileError("'" + path + "' is a shard: merge the shards, and verify the result");
  }
  if (digest(stored) != root_text(stored, "digest", path)) {
    throw FileError("'" + path + "' is damaged: its results do not match its digest");
  }
  require_consistent(stored, sweep, path);
  const std::unique_ptr<Backend> backend = make_backend(options);
  Results carried(sweep); // the work units in the file, which say what is missing
  take_file(sweep, carried, path);
  const auto is_missing = [&](std::size_t cell) {
    return !carried.complete(sweep, cell) && bits_at(*stored.find("status"), cell) == 0;
  };
  // A stratified sample: one cell from each of `cells` equal stretches of the grid.
  const std::size_t total = sweep.cells();
  cells = std::min(cells, total);
  std::set<std::size_t> sample;
  for (std::size_t i = 0; i < cells; ++i) {
    const std::size_t begin = total / cells * i, length = total / cells;
    const std::size_t cell = begin + mix64(i) % length;
    if (!is_missing(cell)) sample.insert(cell);
  }
  if (sample.empty()) {
    throw FileError("'" + path + "' has nothing to verify: none of the sampled cells is finished");
  }
  const std::vector<Axis> axes = sweep.axes();
  std::size_t values = 0;
  for (const std::size_t index : sample) {
    const std::vector<std::size_t> at = Sweep::indices(axes, index);
    const Sweep one = alone(sweep, at);
    Progress progress;
    const Dataset again = phase_diagram(one, run_sweep(one, *backend, progress), progress.stop);
    std::vector<std::size_t> own(at.size(), 0);
    if (one.cells() > 1) own.back() = at.back();
    for (const Variable& variable : stored.variables) {
      // Thresholds belong to all targets together: a single cell can't have them.
      const auto& dimensions = variable.dimensions;
      const bool per_cell = std::all_of(axes.begin(), axes.end(), [&](const Axis& axis) {
        return std::find(dimensions.begin(), dimensions.end(), axis.name) != dimensions.end();
      });
      const Variable* recomputed = again.find(variable.name);
      if (!per_cell || !recomputed) continue;
      require_same_shape(axes, stored, variable, again, *recomputed, path);
      const std::size_t count = values_per_cell(axes, again, variable);
      for (std::size_t i = 0; i < count; ++i, ++values) {
        const std::uint64_t expected =
            bits_at(*recomputed, offset_of(axes, again, variable, own, again, i));
        const std::uint64_t found =
            bits_at(variable, offset_of(axes, stored, variable, at, again, i));
        if (expected == found) continue;
        std::printf("%s differs at %s:\n"
                    "  file       %016" PRIx64 "\n  recomputed %016" PRIx64 "\n",
                    variable.name.c_str(), sweep.describe(index).c_str(), found, expected);
        return ExitCode::difference;
      }
    }
  }
  std::printf("%zu of %zu cells recomputed on %s: all %zu values have the same bits\n",
              sample.size(), total, backend->device().c_str(), values);
  return ExitCode::done;
}

} // namespace sharpsweep
