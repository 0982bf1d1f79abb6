#include "host/output/units.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

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
  static constexpr std::size_t kPiece = 65536;
  const auto piece = [size](std::size_t i) -> Values {
    Integers index(std::min(kPiece, size - i * kPiece));
    std::iota(index.begin(), index.end(), static_cast<std::int64_t>(i * kPiece));
    return index;
  };
  return {name, {name}, Integers{}, "1",
          text, {},     false,      {size, (size + kPiece - 1) / kPiece, piece}};
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

/// The variables of a group that units fill in turn, made one unit at a time while they are
/// written.
class UnitColumns {
public:
  UnitColumns(std::size_t units, ResultOfUnit result_of, Dataset& group)
      : units_(units), result_of_(std::move(result_of)), group_(group) {}

  /// \param values  of a unit's result, of which they need what is wanted
  template <Wanted wanted, class List>
  void add(const std::string& name, const std::vector<std::string>& dimensions,
           const std::string& text, List (*values)(const UnitResult&)) {
    const auto make = [result_of = result_of_, values](std::size_t u) -> Values {
      return values(result_of(u, wanted));
    };
    group_.variables.push_back({name, dimensions, List{}, "1", text, {}, false, {0, units_, make}});
  }

  /// The variables of states.
  template <CellStates UnitResult::*states, Wanted wanted>
  void add_states(const std::string& prefix, const std::string& dimension) {
    add<wanted, Integers>(
        prefix + "finished", {dimension}, "number of the unit's seeds that finished",
        [](const UnitResult& result) { return integers((result.*states).finished); });
    add<wanted, Integers>(
        prefix + "diverged", {dimension}, "number of the unit's seeds that diverged",
        [](const UnitResult& result) { return integers((result.*states).diverged); });
    add<wanted, Integers>(
        prefix + "survivors", {dimension}, "bit i: the seed that is i modulo 64 survived",
        [](const UnitResult& result) { return integers((result.*states).survivors); });
    add<wanted, Numbers>(
        prefix + "mean", {dimension, "order_parameter"}, "mean over the unit's seeds",
        [](const UnitResult& result) { return numbers((result.*states).moments, &Moments::mean); });
    add<wanted, Numbers>(
        prefix + "m2", {dimension, "order_parameter"}, "sum of squared deviations from the mean",
        [](const UnitResult& result) { return numbers((result.*states).moments, &Moments::m2); });
  }

private:
  template <class T>
  static Integers integers(const std::vector<T>& list) {
    Integers values(list.size());
    std::transform(list.begin(), list.end(), values.begin(),
                   [](T value) { return static_cast<std::int64_t>(value); });
    return values;
  }
  static Numbers numbers(const std::vector<Moments>& list, double Moments::*which) {
    Numbers values(list.size());
    std::transform(list.begin(), list.end(), values.begin(),
                   [which](const Moments& moments) { return moments.*which; });
    return values;
  }

  std::size_t units_;
  ResultOfUnit result_of_;
  Dataset& group_;
};

/// Reads one file's group of units; every mismatch is an error that names the file.
class GroupReader {
public:
  GroupReader(const Dataset& file, const Dataset& group, const std::string& path)
      : file_(file), group_(group), what_("'" + path + "' is damaged: its work units ") {
    const std::string* text = group.text("sweep");
    if (!text) throw FileError(what_ + "carry no sweep");
    finished_.sweep = stored_sweep(*text, path);
    parameters_ = finished_.sweep.outcome_size();
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
    const auto per_group = static_cast<std::int64_t>(sweep().configurations_per_group());
    std::size_t cells = group_.extent("cell"); // that no unit before has taken
    for (std::size_t u = 0; u < count; ++u) {
      const bool inside = first[u] >= 0 && configurations[u] > 0 && first[u] < all &&
                          configurations[u] <= per_group - first[u] % per_group &&
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
      if (unit.configurations > cells / sweep().cells_per_network()) {
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
    return unit.configurations * sweep().cells_per_network();
  }

  void read_states(const std::string& prefix, CellStates UnitResult::*where, std::size_t times) {
    std::size_t total = 0;
    for (const WorkUnit& unit : finished_.units) total += cells_of(unit) * times;
    const auto& finished = values<Integers>(group_, prefix + "finished", total);
    const auto& diverged = values<Integers>(group_, prefix + "diverged", total);
    const auto& survivors = values<Integers>(group_, prefix + "survivors", total);
    const auto& mean = values<Numbers>(group_, prefix + "mean", total * parameters_);
    const auto& m2 = values<Numbers>(group_, prefix + "m2", total * parameters_);
    std::size_t i = 0;
    for (std::size_t u = 0; u < finished_.units.size(); ++u) {
      CellStates& states = finished_.results[u].*where;
      states = CellStates(cells_of(finished_.units[u]) * times, parameters_);
      for (std::size_t cell = 0; cell < states.size(); ++cell, ++i) {
        states.finished[cell] = static_cast<std::uint32_t>(finished[i]);
        states.diverged[cell] = static_cast<std::uint32_t>(diverged[i]);
        states.survivors[cell] = std::bit_cast<std::uint64_t>(survivors[i]);
        for (std::size_t x = 0; x < parameters_; ++x) {
          states.moments[cell * parameters_ + x] = {mean[i * parameters_ + x],
                                                    m2[i * parameters_ + x]};
        }
        if (std::uint64_t{states.finished[cell]} + states.diverged[cell] !=
            finished_.units[u].seeds) {
          throw FileError(what_ + "do not add up");
        }
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
    const bool keeps_weights = sweep().save == Save::weights;
    std::size_t networks = 0, weights = 0;
    for (const WorkUnit& unit : finished_.units) {
      networks += cells_of(unit) * unit.seeds;
      if (keeps_weights) weights += cells_of(unit) * unit.seeds * weights_of_unit(sweep(), unit);
    }
    const auto& outcomes = values<Numbers>(group_, "outcome", networks * parameters_);
    const Numbers none;
    const auto& weight = keeps_weights ? values<Numbers>(group_, "weight", weights) : none;
    auto outcome = outcomes.begin();
    auto next_weight = weight.begin();
    for (std::size_t u = 0; u < finished_.units.size(); ++u) {
      const WorkUnit& unit = finished_.units[u];
      UnitResult& result = finished_.results[u];
      const std::size_t own = cells_of(unit) * unit.seeds;
      const auto last = outcome + static_cast<std::ptrdiff_t>(own * parameters_);
      result.outcomes.assign(outcome, last);
      outcome = last;
      if (!keeps_weights) continue;
      const auto end =
          next_weight + static_cast<std::ptrdiff_t>(own * weights_of_unit(sweep(), unit));
      result.weights.assign(next_weight, end);
      next_weight = end;
    }
  }

  /// A result file keeps single networks in its variables: [cell][seed][number] of each order
  /// parameter, and [cell][seed][weight].
  void read_networks_of_variables() {
    const std::size_t layers = sweep().most_weights();
    constexpr double kMost = 0x1p50; // far beyond what a file holds, and no overflow
    if (static_cast<double>(sweep().cells()) * sweep().seeds > kMost) {
      throw FileError(what_ + "lack their networks");
    }
    const std::size_t networks = sweep().cells() * sweep().seeds;
    // That the file has it all comes before any memory for it.
    const std::vector<OrderParameterInfo> infos = sweep().order_parameters();
    std::vector<const Numbers*> lists;
    lists.reserve(infos.size());
    for (const OrderParameterInfo& info : infos) {
      lists.push_back(&values<Numbers>(file_, info.name, networks * info.count));
    }
    const Numbers* weight = sweep().save == Save::weights
                                ? &values<Numbers>(file_, "weight", networks * layers)
                                : nullptr;
    Sweep ends = sweep(); // without the paths, which the units have
    ends.record = 0;
    Results results(ends);
    std::size_t number = 0;
    for (std::size_t x = 0; x < infos.size(); ++x) {
      for (std::size_t i = 0; i < infos[x].count; ++i, ++number) {
        for (std::size_t n = 0; n < networks; ++n) {
          results.seed_value[number * networks + n] = (*lists[x])[n * infos[x].count + i];
        }
      }
    }
    if (weight) results.weight = *weight;
    const Placement in_place(ends, ends);
    for (std::size_t u = 0; u < finished_.units.size(); ++u) {
      const WorkUnit& unit = finished_.units[u];
      UnitResult single = results.extract(ends, ends, in_place, unit, unit.seeds, Wanted::networks);
      finished_.results[u].outcomes = std::move(single.outcomes);
      finished_.results[u].weights = std::move(single.weights);
    }
  }

  const Dataset& file_;
  const Dataset& group_;
  std::string what_;
  std::size_t parameters_ = 0; ///< numbers of an outcome
  FinishedUnits finished_;
};

} // namespace

std::string units_group_name(std::size_t i) {
  return i == 0 ? "units" : "units_" + std::to_string(i);
}

Dataset units_to_group(const Sweep& sweep, const std::vector<WorkUnit>& units,
                       const ResultOfUnit& result_of, Networks networks) {
  Integers first, configurations, first_seed, seeds;
  std::vector<std::uint8_t> identities;
  const std::size_t parameters = sweep.outcome_size();
  std::size_t cells = 0, all_networks = 0, weights = 0;
  for (const WorkUnit& unit : units) {
    first.push_back(static_cast<std::int64_t>(unit.first_configuration));
    configurations.push_back(static_cast<std::int64_t>(unit.configurations));
    first_seed.push_back(unit.first_seed);
    seeds.push_back(unit.seeds);
    const auto bytes = identity_bytes(sweep, unit);
    identities.insert(identities.end(), bytes.begin(), bytes.end());
    const std::size_t own = unit.configurations * sweep.cells_per_network();
    cells += own;
    if (networks == Networks::left_out || sweep.save == Save::mean) continue;
    all_networks += own * unit.seeds;
    if (sweep.save == Save::weights) weights += own * unit.seeds * weights_of_unit(sweep, unit);
  }
  Dataset group;
  group.attributes = {
      {"title", "finished work units: what resuming and merging take over"},
      {"sweep", sweep.text()},
  };
  group.coordinates.push_back(index_axis("unit", units.size(), "number of the work unit"));
  group.coordinates.push_back(index_axis("byte", kIdentityBytes, "byte of a SHA-256"));
  group.coordinates.push_back(index_axis(
      "cell", cells, "cell: of each unit in turn, [configuration][target], targets fastest"));
  Integers codes(parameters);
  std::iota(codes.begin(), codes.end(), 0);
  Variable numbers = {"order_parameter", {"order_parameter"}, codes, "1", "which order parameter"};
  std::string meanings;
  for (const OrderParameterInfo& info : sweep.order_parameters()) {
    for (std::size_t i = 0; i < info.count; ++i) {
      meanings += (meanings.empty() ? "" : " ") + info.name;
      if (!info.dimension.empty()) meanings += "_" + std::to_string(i + 1);
    }
  }
  numbers.attributes = {{"flag_values", codes}, {"flag_meanings", meanings}};
  group.coordinates.push_back(std::move(numbers));
  const auto column = [&](const char* name, Integers&& values, const char* text) {
    group.variables.push_back({name, {"unit"}, std::move(values), "1", text});
  };
  column("first_configuration", std::move(first),
         "first configuration: index over the axes, the last one fastest");
  column("configurations", std::move(configurations), "number of consecutive configurations");
  column("first_seed", std::move(first_seed), "number of the first seed");
  column("seeds", std::move(seeds), "number of seeds");
  group.variables.push_back({"identity",
                             {"unit", "byte"},
                             std::move(identities),
                             "1",
                             "SHA-256 of all that determines the unit's numbers"});
  UnitColumns columns(units.size(), result_of, group);
  columns.add_states<&UnitResult::cells, Wanted::cells>("", "cell");
  if (sweep.record > 0 && cells > 0) {
    group.coordinates.push_back(index_axis("path_cell", cells * sweep.record,
                                           "of each unit in turn, [time][configuration][target]"));
    columns.add_states<&UnitResult::path, Wanted::path>("path_", "path_cell");
  }
  if (all_networks > 0) {
    group.coordinates.push_back(
        index_axis("network", all_networks, "of each unit in turn, [configuration][seed][target]"));
    columns.add<Wanted::networks, Numbers>(
        "outcome", {"network", "order_parameter"},
        "order parameters of a network, NaN where it diverged",
        [](const UnitResult& result) { return result.outcomes; });
  }
  if (weights > 0) {
    group.coordinates.push_back(index_axis(
        "weight_number", weights, "of each unit in turn, [configuration][seed][target][layer]"));
    columns.add<Wanted::networks, Numbers>("weight", {"weight_number"}, "final weights",
                                           [](const UnitResult& result) { return result.weights; });
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
      {"references", std::string(model_named(sweep.model).reference)},
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
