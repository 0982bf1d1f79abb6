#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstring>
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

/// A cell as indices into the axes, slowest first.
struct Cell {
  std::size_t depth, init, step_size, eta, target;
};

Cell cell_at(const Sweep& sweep, std::size_t index) {
  Cell cell{};
  const auto take = [&index](std::size_t extent) {
    const std::size_t i = index % extent;
    index /= extent;
    return i;
  };
  cell.target = take(sweep.target.size());
  cell.eta = take(sweep.eta.size());
  cell.step_size = take(sweep.step_size.size());
  cell.init = take(sweep.init.size());
  cell.depth = take(sweep.depth.size());
  return cell;
}

/// The sweep of one cell alone; a projected network needs all its coordinates.
Sweep alone(Sweep sweep, const Cell& cell) {
  sweep.depth = {sweep.depth[cell.depth]};
  sweep.init = {sweep.init[cell.init]};
  sweep.step_size = {sweep.step_size[cell.step_size]};
  sweep.eta = {sweep.eta[cell.eta]};
  if (sweep.projection_radius == 0) sweep.target = {sweep.target[cell.target]};
  return sweep;
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

bool is_free(const std::string& dimension) {
  return dimension == "seed" || dimension == "layer" || dimension == "step";
}

/// How many values a cell has in a variable: seeds, layers, times.
std::size_t values_per_cell(const Dataset& data, const Variable& variable) {
  std::size_t count = 1;
  for (const std::string& dimension : variable.dimensions) {
    if (is_free(dimension)) count *= data.extent(dimension);
  }
  return count;
}

/// Where value `index` of a cell of dataset `from` stands in a variable of dataset `data`, which
/// may have more layers.
std::size_t offset_of(const Dataset& data, const Variable& variable, const Cell& cell,
                      const Dataset& from, std::size_t index) {
  std::size_t offset = 0, rest = values_per_cell(from, variable);
  for (const std::string& dimension : variable.dimensions) {
    std::size_t at = dimension == "depth"       ? cell.depth
                     : dimension == "init"      ? cell.init
                     : dimension == "step_size" ? cell.step_size
                     : dimension == "eta"       ? cell.eta
                                                : cell.target;
    if (is_free(dimension)) {
      rest /= from.extent(dimension);
      at = index / rest;
      index %= rest;
    }
    offset = offset * data.extent(dimension) + at;
  }
  return offset;
}

/// Throws FileError unless the file's axes and shapes are those of its own sweep.
void require_consistent(const Dataset& data, const Sweep& sweep, const std::string& path) {
  const auto same = [&](const char* name, const auto& values) {
    const Variable* axis = data.find(name);
    if (!axis || value_count(*axis) != values.size()) return false;
    for (std::size_t i = 0; i < values.size(); ++i) {
      std::uint64_t bits = 0;
      std::memcpy(&bits, &values[i], sizeof values[i]);
      if (bits != bits_at(*axis, i)) return false;
    }
    return true;
  };
  const std::vector<std::int64_t> depths(sweep.depth.begin(), sweep.depth.end());
  std::vector<std::int64_t> codes(sweep.init.size());
  for (std::size_t i = 0; i < codes.size(); ++i) codes[i] = static_cast<std::int64_t>(i);
  const Variable* status = data.find("status");
  bool consistent = status && value_count(*status) == sweep.cells() && same("depth", depths) &&
                    same("init", codes) && same("step_size", sweep.step_size) &&
                    same("eta", sweep.eta) && same("target", sweep.target);
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
void require_same_shape(const Dataset& data, const Variable& variable, const Dataset& again,
                        const Variable& recomputed, const std::string& path) {
  const auto& dimensions = variable.dimensions;
  const bool same =
      dimensions == recomputed.dimensions &&
      std::all_of(dimensions.begin(), dimensions.end(), [&](const auto& dimension) {
        return !is_free(dimension) || data.extent(dimension) >= again.extent(dimension);
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
  std::size_t values = 0;
  for (const std::size_t index : sample) {
    const Cell cell = cell_at(sweep, index);
    const Sweep one = alone(sweep, cell);
    Progress progress;
    const Dataset again = phase_diagram(one, run_sweep(one, *backend, progress), progress.stop);
    const Cell own{0, 0, 0, 0, one.target.size() > 1 ? cell.target : 0};
    for (const Variable& variable : stored.variables) {
      // Thresholds belong to all targets together: a single cell can't have them.
      const bool per_cell = std::find(variable.dimensions.begin(), variable.dimensions.end(),
                                      "target") != variable.dimensions.end();
      const Variable* recomputed = again.find(variable.name);
      if (!per_cell || !recomputed) continue;
      require_same_shape(stored, variable, again, *recomputed, path);
      const std::size_t count = values_per_cell(again, variable);
      for (std::size_t i = 0; i < count; ++i, ++values) {
        const std::uint64_t expected =
            bits_at(*recomputed, offset_of(again, variable, own, again, i));
        const std::uint64_t found = bits_at(variable, offset_of(stored, variable, cell, again, i));
        if (expected == found) continue;
        std::printf("%s differs at depth %d, init %s, step_size %s, eta %s, target %s:\n"
                    "  file       %016" PRIx64 "\n  recomputed %016" PRIx64 "\n",
                    variable.name.c_str(), sweep.depth[cell.depth],
                    format_init(sweep.init[cell.init]).c_str(),
                    format_number(sweep.step_size[cell.step_size]).c_str(),
                    format_number(sweep.eta[cell.eta]).c_str(),
                    format_number(sweep.target[cell.target]).c_str(), found, expected);
        return ExitCode::difference;
      }
    }
  }
  std::printf("%zu of %zu cells recomputed on %s: all %zu values have the same bits\n",
              sample.size(), total, backend->device().c_str(), values);
  return ExitCode::done;
}

} // namespace sharpsweep
