#include "host/results.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <numeric>
#include <thread>
#include <unordered_map>

#include "host/analysis/threshold.hpp"
#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

/// The place of each value of axis `from` in axis `into`: of words by the word.
std::vector<std::size_t> places(const Axis& from, const Axis& into) {
  std::vector<std::size_t> list(from.values.size());
  const auto same_bits = [](double a, double b) { return as_bits(a) == as_bits(b); };
  if (from.words == into.words && std::ranges::equal(from.values, into.values, same_bits)) {
    std::iota(list.begin(), list.end(), std::size_t{0});
    return list;
  }
  std::unordered_map<std::string, std::size_t> index;
  const auto name = [](const Axis& axis, std::size_t i) {
    return axis.words.empty() ? format_number(axis.values[i]) : axis.words[i];
  };
  for (std::size_t i = 0; i < into.values.size(); ++i) index.emplace(name(into, i), i);
  for (std::size_t i = 0; i < from.values.size(); ++i) {
    const auto found = index.find(name(from, i));
    list[i] = found == index.end() ? Placement::kNowhere : found->second;
  }
  return list;
}

/// The first value of `old` that `now` lacks, as text; empty when it has all.
std::string lacking(const Axis& old, const Axis& now) {
  const std::vector<std::size_t> list = places(old, now);
  const auto missing = std::find(list.begin(), list.end(), Placement::kNowhere);
  if (missing == list.end()) return "";
  const auto i = static_cast<std::size_t>(missing - list.begin());
  return old.words.empty() ? format_number(old.values[i]) : old.words[i];
}

const Axis* axis_named(const std::vector<Axis>& axes, std::string_view name) {
  for (const Axis& axis : axes) {
    if (axis.name == name) return &axis;
  }
  return nullptr;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

/// Cells of the tables of states: of the end and of the path.
std::array<double, 2> table_cells(const Sweep& sweep) {
  const double cells = static_cast<double>(sweep.configurations()) *
                       static_cast<double>(sweep.cells_per_network()) * seed_blocks(sweep);
  return {cells, cells * sweep.record};
}

template <class List>
auto at(List& list, std::size_t i) {
  return list.begin() + static_cast<std::ptrdiff_t>(i);
}

} // namespace

Placement::Placement(const Sweep& from, const Sweep& into) {
  const std::vector<Axis> ours = from.axes(), theirs = into.axes();
  for (std::size_t i = 0; i < ours.size(); ++i) {
    axes_.push_back(places(ours[i], theirs[i]));
    into_extents_.push_back(theirs[i].values.size());
  }
  target_ = {0};
  if (from.coupled) return;
  target_ = std::move(axes_.back()); // the axis within a network
  axes_.pop_back();
}

std::size_t Placement::configuration(std::size_t index) const {
  std::size_t result = 0, stride = 1;
  for (std::size_t i = axes_.size(); i-- > 0;) {
    const std::size_t place = axes_[i][index % axes_[i].size()];
    if (place == kNowhere) return kNowhere;
    index /= axes_[i].size();
    result += place * stride;
    stride *= into_extents_[i];
  }
  return result;
}

std::string obstacle(const Sweep& old, const Sweep& now, const std::string& name) {
  if (old.model != now.model) {
    return "model: '" + name + "' was made with " + old.model + ", this sweep has " + now.model;
  }
  const auto integer = [](auto value) { return std::to_string(value); };
  const bool projected = now.projection_radius > 0;
  const std::vector<Axis> old_axes = old.axes(), axes = now.axes();
  for (const Key& key : keys_of(now.model)) {
    const std::string key_name(key.name);
    const Axis *before = axis_named(old_axes, key.name), *after = axis_named(axes, key.name);
    std::string lost;
    if (before && after) {
      lost = lacking(*before, *after);
      if (projected && lost.empty() && key.name == "target" && before->values != after->values) {
        return "target: the networks of '" + name + "' have " + std::to_string(old.target.size()) +
               " coordinates, these " + std::to_string(now.target.size()) +
               "; with a projection that makes them other networks";
      }
    } else if (key.name == "first_seed") {
      if (old.first_seed < now.first_seed) lost = integer(old.first_seed);
    } else if (key.name == "seeds") {
      const std::uint64_t end = std::uint64_t{old.first_seed} + old.seeds;
      if (end > std::uint64_t{now.first_seed} + now.seeds) lost = "seed " + integer(end - 1);
    } else if (const std::string was = joined(old.settings.at(key_name)),
               is = joined(now.settings.at(key_name));
               was != is) {
      return key_name + ": '" + name + "' was made with " + (was.empty() ? "nothing" : was) +
             ", this sweep has " + (is.empty() ? "nothing" : is) +
             "; only seeds and axis values can be added";
    }
    if (!lost.empty()) {
      return key_name + ": '" + name + "' has " + lost +
             ", which this sweep leaves out; values can only be added";
    }
  }
  return "";
}

bool fits(const Sweep& into, const WorkUnit& unit) {
  if (unit.first_seed < into.first_seed || unit.first_seed >= into.first_seed + into.seeds) {
    return false;
  }
  const std::uint32_t block = seed_block_of(into, unit.first_seed);
  return unit.first_seed == first_seed_of_block(into, block) &&
         unit.seeds <= seeds_of_block(into, block);
}

Results::Results(const Sweep& sweep, const std::string& output)
    : cells(sweep.cells()), configurations(sweep.configurations()), blocks(seed_blocks(sweep)),
      state(configurations * blocks, sweep.cells_per_network(), sweep.outcome_size(), output),
      path(configurations * blocks * sweep.record, sweep.cells_per_network(), sweep.outcome_size(),
           output),
      done(sweep) {
  const std::size_t networks = cells * sweep.seeds;
  if (sweep.save != Save::mean) seed_value.resize(state.parameters() * networks, kNone);
  if (sweep.save == Save::weights) weight.resize(networks * sweep.most_weights(), kNone);
}

std::size_t weights_of_unit(const Sweep& sweep, const WorkUnit& unit) {
  return sweep.coupled ? sweep.most_weights() : sweep.weights(unit.first_configuration);
}

void Results::take(const Sweep& sweep, const Sweep& from, const Placement& place,
                   const WorkUnit& unit, const UnitResult& result) {
  if (!fits(sweep, unit)) return;
  const std::uint32_t block = seed_block_of(sweep, unit.first_seed);
  const std::size_t targets = place.targets(), unit_cells = unit.configurations * targets;
  const bool keeps_weights = sweep.save == Save::weights;
  const std::size_t width = keeps_weights ? weights_of_unit(from, unit) : 0;
  const std::size_t most = keeps_weights ? sweep.most_weights() : 0;
  const std::size_t parameters = state.parameters(), networks = cells * sweep.seeds;
  const std::size_t first_seed = unit.first_seed - sweep.first_seed;
  std::vector<std::size_t> taken; // targets of the unit
  CellStates row(sweep.cells_per_network(), parameters);
  const auto put = [&](StateTable& table, std::size_t index, const CellStates& states,
                       std::size_t first) {
    if (taken.size() < row.size()) table.load(index, row);
    for (const std::size_t t : taken) row.copy(place.target(t), states, first + t);
    table.store(index, row);
  };
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const std::size_t configuration = place.configuration(unit.first_configuration + i);
    if (configuration == Placement::kNowhere) continue;
    const std::size_t first_cell = configuration * sweep.cells_per_network();
    taken.clear();
    for (std::size_t t = 0; t < targets; ++t) {
      if (place.target(t) == Placement::kNowhere) continue;
      if (done.at(block, first_cell + place.target(t)) < unit.seeds) taken.push_back(t);
    }
    if (taken.empty()) continue;
    put(state, row_of(block, configuration), result.cells, i * targets);
    for (std::size_t time = 0; time < sweep.record; ++time) {
      put(path, row_of(block, configuration, time, sweep.record), result.path,
          time * unit_cells + i * targets);
    }
    for (const std::size_t t : taken) {
      const std::size_t cell = first_cell + place.target(t);
      done.at(block, cell) = static_cast<std::uint8_t>(unit.seeds);
      if (sweep.save == Save::mean) continue;
      for (std::size_t s = 0; s < unit.seeds; ++s) {
        const std::size_t source = (i * unit.seeds + s) * targets + t;
        const std::size_t network = cell * sweep.seeds + first_seed + s;
        for (std::size_t x = 0; x < parameters; ++x) {
          seed_value[x * networks + network] = result.outcomes[source * parameters + x];
        }
        if (keeps_weights) {
          std::copy_n(at(result.weights, source * width), std::min(width, most),
                      at(weight, network * most));
        }
      }
    }
  }
}

UnitResult Results::extract(const Sweep& sweep, const Sweep& from, const Placement& place,
                            const WorkUnit& unit, std::uint32_t seeds, Wanted wanted) const {
  const std::uint32_t block = seed_block_of(sweep, unit.first_seed);
  const std::size_t targets = place.targets(), unit_cells = unit.configurations * targets;
  const auto wants = [wanted](Wanted one) { return wanted == one || wanted == Wanted::all; };
  const bool keeps_values = wants(Wanted::networks) && sweep.save != Save::mean;
  const bool keeps_weights = keeps_values && sweep.save == Save::weights;
  const std::size_t width = keeps_weights ? weights_of_unit(from, unit) : 0;
  const std::size_t most = keeps_weights ? sweep.most_weights() : 0;
  const std::size_t parameters = state.parameters(), all = cells * sweep.seeds;
  const std::size_t first_seed = unit.first_seed - sweep.first_seed;
  UnitResult result;
  const std::size_t times = wants(Wanted::path) ? sweep.record : 0;
  result.cells = CellStates(wants(Wanted::cells) ? unit_cells : 0, parameters);
  result.path = CellStates(times * unit_cells, parameters);
  if (keeps_values) result.outcomes.resize(unit_cells * seeds * parameters);
  if (keeps_weights) result.weights.resize(unit_cells * seeds * width);
  CellStates row;
  const auto get = [&](const StateTable& table, std::size_t index, CellStates& into,
                       std::size_t first) {
    table.load(index, row);
    for (std::size_t t = 0; t < targets; ++t) into.copy(first + t, row, place.target(t));
  };
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const std::size_t configuration = place.configuration(unit.first_configuration + i);
    if (wants(Wanted::cells)) get(state, row_of(block, configuration), result.cells, i * targets);
    for (std::size_t time = 0; time < times; ++time) {
      get(path, row_of(block, configuration, time, sweep.record), result.path,
          time * unit_cells + i * targets);
    }
    if (!keeps_values) continue;
    for (std::size_t t = 0; t < targets; ++t) {
      const std::size_t cell = configuration * sweep.cells_per_network() + place.target(t);
      for (std::size_t s = 0; s < seeds; ++s) {
        const std::size_t network = cell * sweep.seeds + first_seed + s;
        const std::size_t source = (i * seeds + s) * targets + t;
        for (std::size_t x = 0; x < parameters; ++x) {
          result.outcomes[source * parameters + x] = seed_value[x * all + network];
        }
        if (keeps_weights) {
          std::copy_n(at(weight, network * most), std::min(width, most),
                      at(result.weights, source * width));
        }
      }
    }
  }
  return result;
}

bool Results::has(const Sweep& sweep, const Placement& place, const WorkUnit& unit) const {
  // A unit is taken as a whole: its first cell stands for all.
  const std::size_t cell =
      place.configuration(unit.first_configuration) * sweep.cells_per_network() + place.target(0);
  return done.at(seed_block_of(sweep, unit.first_seed), cell) >= unit.seeds;
}

bool Results::complete(const Sweep& sweep, std::size_t cell) const {
  for (std::uint32_t block = 0; block < blocks; ++block) {
    if (done.at(block, cell) < seeds_of_block(sweep, block)) return false;
  }
  return true;
}

void complete_networks(const Sweep& sweep, const WorkUnit& unit, const UnitResult& earlier,
                       UnitResult& result) {
  const auto interleave = [&](const auto& first, auto& second, std::size_t width) {
    std::decay_t<decltype(second)> both;
    const std::size_t a = unit.earlier_seeds * width, b = unit.trained_seeds() * width;
    for (std::size_t i = 0; i < unit.configurations; ++i) {
      both.insert(both.end(), at(first, i * a), at(first, (i + 1) * a));
      both.insert(both.end(), at(second, i * b), at(second, (i + 1) * b));
    }
    second = std::move(both);
  };
  const std::size_t targets = sweep.cells_per_network();
  if (sweep.save != Save::mean) {
    interleave(earlier.outcomes, result.outcomes, targets * sweep.outcome_size());
  }
  if (sweep.save == Save::weights) {
    interleave(earlier.weights, result.weights, targets * weights_of_unit(sweep, unit));
  }
}

double result_memory(const Sweep& sweep) {
  const double cells =
      static_cast<double>(sweep.configurations()) * static_cast<double>(sweep.cells_per_network());
  const auto parameters = static_cast<double>(sweep.outcome_size());
  // The coverage: what is done, what a shard began with, and what it adds. The masks of a threshold
  // on each core.
  double bytes = 3 * cells * seed_blocks(sweep);
  bytes += 16.0 * std::thread::hardware_concurrency() * seed_blocks(sweep) *
           static_cast<double>(sweep.cells_per_network());
  for (const double table : table_cells(sweep)) {
    bytes += std::min(table * state_bytes(sweep.outcome_size()),
                      static_cast<double>(StateTable::kMostInMemory));
  }
  bytes += cells * 8 * (3 * parameters + 5 + 2.0 * parameters * sweep.record);
  if (sweep.save != Save::mean) bytes += 4 * cells * sweep.seeds * 8 * parameters;
  if (sweep.save == Save::weights) {
    bytes += 4 * cells * sweep.seeds * 8 * static_cast<double>(sweep.most_weights());
  }
  if (!sweep.coupled) bytes += Bootstrap::memory(sweep.seeds);
  // Units: to be trained, finished, and as columns of the file.
  return bytes + static_cast<double>(count_work_units(sweep)) * 6 * sizeof(WorkUnit);
}

double reading_memory(const Sweep& sweep) {
  // The states, and as the file's columns of numbers of 8 bytes.
  const auto [state, path] = table_cells(sweep);
  return (state + path) * (2 * state_bytes(sweep.outcome_size()) + 16);
}

double table_bytes(const Sweep& sweep) {
  double bytes = 0;
  for (const double table : table_cells(sweep)) {
    bytes += StateTable::file_bytes(table, sweep.outcome_size());
  }
  return bytes;
}

} // namespace sharpsweep
