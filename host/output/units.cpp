#include "host/output/units.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <numeric>

#include "host/analysis/phase_diagram.hpp"
#include "host/results.hpp"
#include "host/sweep_file.hpp"
#include "host/version.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

constexpr std::size_t kIdentityBytes = 32;
using Integers = std::vector<std::int64_t>;
using Numbers = std::vector<double>;

Variable index_axis(const std::string& name, std::size_t size, const std::string& text) {
  Integers index(size);
  std::iota(index.begin(), index.end(), 0);
  return {name, {name}, std::move(index), "1", text};
}

std::vector<std::uint8_t> identity_bytes(const Sweep& sweep, const WorkUnit& unit) {
  const std::string hex = identity(sweep, unit);
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Sweep stored_sweep(const std::string& text, const std::string& path) {
  try {
    return Sweep::from_settings(parse_sweep_text(text, "the sweep in it"));
  } catch (const UsageError& error) {
    throw FileError("'" + path + "' carries no usable sweep: " + error.what());
  }
}

/// The states of cells, spread into one variable a field.
void put_states(Dataset& group, const std::string& prefix, const std::string& dimension,
                const std::vector<CellState>& states) {
  Integers finished, diverged, survivors;
  Numbers mean, m2;
  for (const CellState& state : states) {
    finished.push_back(state.finished);
    diverged.push_back(state.diverged);
    survivors.push_back(std::bit_cast<std::int64_t>(state.survivors));
    for (const Moments& moments : state.moments) {
      mean.push_back(moments.mean);
      m2.push_back(moments.m2);
    }
  }
  const auto put = [&](const char* name, const std::vector<std::string>& dimensions, auto&& values,
                       const char* text) {
    group.variables.push_back(
        {prefix + name, dimensions, std::forward<decltype(values)>(values), "1", text});
  };
  put("finished", {dimension}, std::move(finished), "number of the unit's seeds that finished");
  put("diverged", {dimension}, std::move(diverged), "number of the unit's seeds that diverged");
  put("survivors", {dimension}, std::move(survivors),
      "bit i: the seed that is i modulo 64 survived");
  put("mean", {dimension, "order_parameter"}, std::move(mean), "mean over the unit's seeds");
  put("m2", {dimension, "order_parameter"}, std::move(m2),
      "sum of squared deviations from the mean");
}

/// Reads one file's group of units; every mismatch is an error that names the file.
class GroupReader {
public:
  GroupReader(const Dataset& file, const Dataset& group, const std::string& path)
      : file_(file), group_(group), what_("'" + path + "' is damaged: its work units ") {
    const std::string* text = group.text("sweep");
    if (!text) throw FileError(what_ + "carry no sweep");
    finished_.sweep = stored_sweep(*text, path);
  }

  FinishedUnits read() {
    read_units();
    read_states("", &UnitResult::cells, 1);
    if (sweep().record > 0) read_states("path_", &UnitResult::path, sweep().record);
    if (sweep().save != Save::mean) read_networks();
    return std::move(finished_);
  }

private:
  const Sweep& sweep() const { return finished_.sweep; }

  template <class List>
  const List& values(const Dataset& from, const std::string& name, std::size_t size) const {
    const Variable* variable = from.find(name);
    const List* list = variable ? std::get_if<List>(&variable->values) : nullptr;
    if (!list || list->size() != size) throw FileError(what_ + "lack '" + name + "'");
    return *list;
  }

  void read_units() {
    const std::size_t count = group_.extent("unit");
    const auto column = [&](const char* name) -> const Integers& {
      return values<Integers>(group_, name, count);
    };
    const Integers &first = column("first_configuration"),
                   &configurations = column("configurations"), &first_seed = column("first_seed"),
                   &seeds = column("seeds");
    const auto& identities =
        values<std::vector<std::uint8_t>>(group_, "identity", count * kIdentityBytes);
    const auto all = static_cast<std::int64_t>(sweep().configurations());
    const auto per_depth = static_cast<std::int64_t>(sweep().configurations_per_depth());
    std::size_t cells = group_.extent("cell"); // that no unit before has taken
    for (std::size_t u = 0; u < count; ++u) {
      const bool inside = first[u] >= 0 && configurations[u] > 0 && first[u] < all &&
                          configurations[u] <= per_depth - first[u] % per_depth &&
                          first_seed[u] >= sweep().first_seed &&
                          first_seed[u] < std::int64_t{sweep().first_seed} + sweep().seeds;
      if (!inside) throw FileError(what_ + "lie outside its sweep");
      WorkUnit unit;
      unit.first_configuration = static_cast<std::size_t>(first[u]);
      unit.configurations = static_cast<std::size_t>(configurations[u]);
      unit.first_seed = static_cast<std::uint32_t>(first_seed[u]);
      const std::uint32_t block = seed_block_of(sweep(), unit.first_seed);
      if (unit.first_seed != first_seed_of_block(sweep(), block) || seeds[u] < 1 ||
          seeds[u] > seeds_of_block(sweep(), block)) {
        throw FileError(what_ + "lie outside its sweep");
      }
      unit.seeds = static_cast<std::uint32_t>(seeds[u]);
      // Before its identity, which takes as long as it says it has configurations.
      if (unit.configurations > cells / sweep().target.size()) {
        throw FileError(what_ + "have more cells than there are in it");
      }
      cells -= cells_of(unit);
      const auto identity = identities.begin() + static_cast<std::ptrdiff_t>(u * kIdentityBytes);
      const std::vector<std::uint8_t> expected = identity_bytes(sweep(), unit);
      if (!std::equal(expected.begin(), expected.end(), identity)) {
        throw FileError(what_ + "have another identity than their place says");
      }
      finished_.units.push_back(unit);
    }
    finished_.results.resize(count);
  }

  std::size_t cells_of(const WorkUnit& unit) const {
    return unit.configurations * sweep().target.size();
  }

  void read_states(const std::string& prefix, std::vector<CellState> UnitResult::*where,
                   std::size_t times) {
    std::size_t total = 0;
    for (const WorkUnit& unit : finished_.units) total += cells_of(unit) * times;
    const auto& finished = values<Integers>(group_, prefix + "finished", total);
    const auto& diverged = values<Integers>(group_, prefix + "diverged", total);
    const auto& survivors = values<Integers>(group_, prefix + "survivors", total);
    const auto& mean = values<Numbers>(group_, prefix + "mean", total * kOrderParameters);
    const auto& m2 = values<Numbers>(group_, prefix + "m2", total * kOrderParameters);
    std::size_t i = 0;
    for (std::size_t u = 0; u < finished_.units.size(); ++u) {
      auto& states = finished_.results[u].*where;
      states.resize(cells_of(finished_.units[u]) * times);
      for (CellState& state : states) {
        state.finished = static_cast<std::uint32_t>(finished[i]);
        state.diverged = static_cast<std::uint32_t>(diverged[i]);
        state.survivors = std::bit_cast<std::uint64_t>(survivors[i]);
        for (std::size_t x = 0; x < kOrderParameters; ++x) {
          state.moments[x] = {mean[i * kOrderParameters + x], m2[i * kOrderParameters + x]};
        }
        if (std::uint64_t{state.finished} + state.diverged != finished_.units[u].seeds) {
          throw FileError(what_ + "do not add up");
        }
        ++i;
      }
    }
  }

  void read_networks() {
    if (group_.find("outcome")) {
      read_kept_networks();
    } else {
      read_networks_of_variables();
    }
  }

  void read_kept_networks() {
    std::size_t networks = 0, weights = 0;
    for (const WorkUnit& unit : finished_.units) {
      networks += cells_of(unit) * unit.seeds;
      weights += cells_of(unit) * unit.seeds * depth_of(unit);
    }
    const auto& outcomes = values<Numbers>(group_, "outcome", networks * kOrderParameters);
    const bool keeps_weights = sweep().save == Save::weights;
    const Numbers none;
    const auto& weight = keeps_weights ? values<Numbers>(group_, "weight", weights) : none;
    auto outcome = outcomes.begin();
    auto next_weight = weight.begin();
    for (std::size_t u = 0; u < finished_.units.size(); ++u) {
      const WorkUnit& unit = finished_.units[u];
      UnitResult& result = finished_.results[u];
      result.outcomes.resize(cells_of(unit) * unit.seeds);
      for (Outcome& o : result.outcomes) {
        o.finished = true; // of one that diverged, all values are NaN
        for (double& value : o.value) value = *outcome++;
      }
      if (!keeps_weights) continue;
      const auto end =
          next_weight + static_cast<std::ptrdiff_t>(result.outcomes.size() * depth_of(unit));
      result.weights.assign(next_weight, end);
      next_weight = end;
    }
  }

  /// A result file keeps single networks in its variables: [cell][seed] and [cell][seed][layer].
  void read_networks_of_variables() {
    const auto layers =
        static_cast<std::size_t>(*std::max_element(sweep().depth.begin(), sweep().depth.end()));
    constexpr double kMost = 0x1p50; // far beyond what a file holds, and no overflow
    if (static_cast<double>(sweep().cells()) * sweep().seeds > kMost) {
      throw FileError(what_ + "lack their networks");
    }
    const std::size_t networks = sweep().cells() * sweep().seeds;
    // That the file has it all comes before any memory for it.
    std::array<const Numbers*, kOrderParameters> lists{};
    for (std::size_t x = 0; x < kOrderParameters; ++x) {
      lists[x] = &values<Numbers>(file_, order_parameter_info()[x].name, networks);
    }
    const Numbers* weight = sweep().save == Save::weights
                                ? &values<Numbers>(file_, "weight", networks * layers)
                                : nullptr;
    Sweep ends = sweep(); // without the paths, which the units have
    ends.record = 0;
    Results results(ends);
    for (std::size_t x = 0; x < kOrderParameters; ++x) {
      std::copy(lists[x]->begin(), lists[x]->end(),
                results.seed_value.begin() + static_cast<std::ptrdiff_t>(x * networks));
    }
    if (weight) results.weight = *weight;
    const Placement in_place(ends, ends);
    for (std::size_t u = 0; u < finished_.units.size(); ++u) {
      const WorkUnit& unit = finished_.units[u];
      UnitResult single = results.extract(ends, ends, in_place, unit, unit.seeds);
      finished_.results[u].outcomes = std::move(single.outcomes);
      finished_.results[u].weights = std::move(single.weights);
    }
  }

  std::size_t depth_of(const WorkUnit& unit) const {
    return static_cast<std::size_t>(sweep().configuration(unit.first_configuration).depth);
  }

  const Dataset& file_;
  const Dataset& group_;
  std::string what_;
  FinishedUnits finished_;
};

} // namespace

std::string units_group_name(std::size_t i) {
  return i == 0 ? "units" : "units_" + std::to_string(i);
}

Dataset units_to_group(FinishedUnits finished, Networks networks) {
  Integers first, configurations, first_seed, seeds;
  std::vector<std::uint8_t> identities;
  std::vector<CellState> cells, path;
  Numbers outcomes, weights;
  for (std::size_t u = 0; u < finished.units.size(); ++u) {
    const WorkUnit& unit = finished.units[u];
    first.push_back(static_cast<std::int64_t>(unit.first_configuration));
    configurations.push_back(static_cast<std::int64_t>(unit.configurations));
    first_seed.push_back(unit.first_seed);
    seeds.push_back(unit.seeds);
    const auto bytes = identity_bytes(finished.sweep, unit);
    identities.insert(identities.end(), bytes.begin(), bytes.end());
    const UnitResult result = std::move(finished.results[u]); // gone once it is copied
    cells.insert(cells.end(), result.cells.begin(), result.cells.end());
    path.insert(path.end(), result.path.begin(), result.path.end());
    if (networks == Networks::left_out) continue;
    for (const Outcome& outcome : result.outcomes) {
      for (const double value : outcome.value) {
        outcomes.push_back(outcome.finished ? value : std::numeric_limits<double>::quiet_NaN());
      }
    }
    weights.insert(weights.end(), result.weights.begin(), result.weights.end());
  }
  Dataset group;
  group.attributes = {
      {"title", "finished work units: what resuming and merging take over"},
      {"sweep", finished.sweep.text()},
  };
  group.coordinates.push_back(index_axis("unit", finished.units.size(), "number of the work unit"));
  group.coordinates.push_back(index_axis("byte", kIdentityBytes, "byte of a SHA-256"));
  group.coordinates.push_back(
      index_axis("cell", cells.size(),
                 "cell: of each unit in turn, [configuration][target], targets fastest"));
  Variable parameters = index_axis("order_parameter", kOrderParameters, "which order parameter");
  std::string meanings;
  for (const OrderParameterInfo& info : order_parameter_info()) {
    meanings += (meanings.empty() ? "" : " ") + std::string(info.name);
  }
  parameters.attributes = {{"flag_values", std::get<Integers>(parameters.values)},
                           {"flag_meanings", meanings}};
  group.coordinates.push_back(std::move(parameters));
  const auto column = [&](const char* name, Integers&& values, const char* text) {
    group.variables.push_back({name, {"unit"}, std::move(values), "1", text});
  };
  column("first_configuration", std::move(first),
         "first configuration: index over (depth, init, step_size, eta), eta fastest");
  column("configurations", std::move(configurations), "number of consecutive configurations");
  column("first_seed", std::move(first_seed), "number of the first seed");
  column("seeds", std::move(seeds), "number of seeds");
  group.variables.push_back({"identity",
                             {"unit", "byte"},
                             std::move(identities),
                             "1",
                             "SHA-256 of all that determines the unit's numbers"});
  put_states(group, "", "cell", cells);
  if (!path.empty()) {
    group.coordinates.push_back(index_axis("path_cell", path.size(),
                                           "of each unit in turn, [time][configuration][target]"));
    put_states(group, "path_", "path_cell", path);
  }
  if (!outcomes.empty()) {
    group.coordinates.push_back(index_axis("network", outcomes.size() / kOrderParameters,
                                           "of each unit in turn, [configuration][seed][target]"));
    group.variables.push_back({"outcome",
                               {"network", "order_parameter"},
                               std::move(outcomes),
                               "1",
                               "order parameters of one coordinate of one network"});
  }
  if (!weights.empty()) {
    group.coordinates.push_back(
        index_axis("weight_number", weights.size(),
                   "of each unit in turn, [configuration][seed][target][layer]"));
    group.variables.push_back(
        {"weight", {"weight_number"}, std::move(weights), "1", "final weights"});
  }
  return group;
}

std::vector<FinishedUnits> units_of_file(const Dataset& file, const std::string& path) {
  std::vector<FinishedUnits> list;
  for (const auto& [name, group] : file.groups) {
    if (name == units_group_name(list.size()))
      list.push_back(GroupReader(file, group, path).read());
  }
  return list;
}

std::vector<Attribute> provenance(const Sweep& sweep) {
  return {
      {"Conventions", "CF-1.8"},
      {"references", "G. Clara, S. Langer, J. Schmidt-Hieber, arXiv 2503.11891 (2025)"},
      {"model", sweep.model},
      {"sweep", sweep.text()},
      {"sharpsweep_version", version()},
      {"numeric_version", Integers{kNumericVersion}},
      {"git_revision", git_revision()},
  };
}

Sweep sweep_of_file(const Dataset& file, const std::string& path) {
  const std::string* text = file.text("sweep");
  if (!text)
    throw FileError("'" + path + "' has no attribute 'sweep': it is not a sharpsweep file");
  const std::int64_t version = file.integer("numeric_version", kNumericVersion);
  if (version != kNumericVersion) {
    throw VersionError("'" + path + "' has numeric version " + std::to_string(version) +
                       ", this program " + std::to_string(kNumericVersion) +
                       ": their numbers differ on purpose");
  }
  return stored_sweep(*text, path);
}

} // namespace sharpsweep
