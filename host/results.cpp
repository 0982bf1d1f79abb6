#include "host/results.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>

#include "host/analysis/threshold.hpp"
#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

std::size_t deepest(const Sweep& sweep) {
  return static_cast<std::size_t>(*std::max_element(sweep.depth.begin(), sweep.depth.end()));
}

/// The place of each number of `from` in `into`, by its bits.
template <class T>
std::vector<std::size_t> places(const std::vector<T>& from, const std::vector<T>& into) {
  std::unordered_map<std::uint64_t, std::size_t> index;
  const auto name = [](T value) { return as_bits(static_cast<double>(value)); };
  for (std::size_t i = 0; i < into.size(); ++i) index.emplace(name(into[i]), i);
  std::vector<std::size_t> list;
  for (const T value : from) {
    const auto found = index.find(name(value));
    list.push_back(found == index.end() ? Placement::kNowhere : found->second);
  }
  return list;
}

std::vector<std::size_t> places(const std::vector<ssam::Init>& from,
                                const std::vector<ssam::Init>& into) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < into.size(); ++i) index.emplace(format_init(into[i]), i);
  std::vector<std::size_t> list;
  for (const ssam::Init& init : from) {
    const auto found = index.find(format_init(init));
    list.push_back(found == index.end() ? Placement::kNowhere : found->second);
  }
  return list;
}

/// The first value of `old` that `now` lacks, as text; empty when it has all.
template <class T, class Format>
std::string lacking(const std::vector<T>& old, const std::vector<T>& now, Format format) {
  const std::vector<std::size_t> list = places(old, now);
  const auto missing = std::find(list.begin(), list.end(), Placement::kNowhere);
  return missing == list.end() ? "" : format(old[static_cast<std::size_t>(missing - list.begin())]);
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const std::string& item : items) text += (text.empty() ? "" : ",") + item;
  return text;
}

template <class List>
auto at(List& list, std::size_t i) {
  return list.begin() + static_cast<std::ptrdiff_t>(i);
}

} // namespace

Placement::Placement(const Sweep& from, const Sweep& into)
    : depth_(places(from.depth, into.depth)), init_(places(from.init, into.init)),
      step_size_(places(from.step_size, into.step_size)), eta_(places(from.eta, into.eta)),
      target_(places(from.target, into.target)), into_init_(into.init.size()),
      into_step_size_(into.step_size.size()), into_eta_(into.eta.size()) {}

std::size_t Placement::configuration(std::size_t index) const {
  const auto take = [&index](const std::vector<std::size_t>& axis) {
    const std::size_t place = axis[index % axis.size()];
    index /= axis.size();
    return place;
  };
  const std::size_t eta = take(eta_), step_size = take(step_size_), init = take(init_);
  const std::size_t depth = depth_[index];
  if (eta == kNowhere || step_size == kNowhere || init == kNowhere || depth == kNowhere) {
    return kNowhere;
  }
  return ((depth * into_init_ + init) * into_step_size_ + step_size) * into_eta_ + eta;
}

std::string obstacle(const Sweep& old, const Sweep& now, const std::string& name) {
  if (old.model != now.model) {
    return "model: '" + name + "' was made with " + old.model + ", this sweep has " + now.model;
  }
  const auto number = [](auto value) { return format_number(static_cast<double>(value)); };
  const auto integer = [](auto value) { return std::to_string(value); };
  const bool coupled = now.projection_radius > 0;
  for (const Key& key : keys_of(now.model)) {
    std::string lost;
    if (key.name == "depth") {
      lost = lacking(old.depth, now.depth, integer);
    } else if (key.name == "init") {
      lost = lacking(old.init, now.init, format_init);
    } else if (key.name == "step_size") {
      lost = lacking(old.step_size, now.step_size, number);
    } else if (key.name == "eta") {
      lost = lacking(old.eta, now.eta, number);
    } else if (key.name == "target") {
      lost = lacking(old.target, now.target, number);
      if (coupled && lost.empty() && old.target != now.target) {
        return "target: the networks of '" + name + "' have " + std::to_string(old.target.size()) +
               " coordinates, these " + std::to_string(now.target.size()) +
               "; with a projection that makes them other networks";
      }
    } else if (key.name == "first_seed") {
      if (old.first_seed < now.first_seed) lost = integer(old.first_seed);
    } else if (key.name == "seeds") {
      const std::uint64_t end = std::uint64_t{old.first_seed} + old.seeds;
      if (end > std::uint64_t{now.first_seed} + now.seeds) lost = "seed " + integer(end - 1);
    } else {
      const std::string name_of_key(key.name);
      const std::string before = joined(old.settings.at(name_of_key));
      const std::string after = joined(now.settings.at(name_of_key));
      if (before != after) {
        return name_of_key + ": '" + name + "' was made with " + before + ", this sweep has " +
               after + "; only seeds and axis values can be added";
      }
    }
    if (!lost.empty()) {
      return std::string(key.name) + ": '" + name + "' has " + lost +
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

Results::Results(const Sweep& sweep)
    : cells(sweep.cells()), blocks(seed_blocks(sweep)), done(sweep) {
  constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
  state.resize(cells * blocks);
  path.resize(cells * blocks * sweep.record);
  if (sweep.save != Save::mean) seed_value.resize(kOrderParameters * cells * sweep.seeds, kMissing);
  if (sweep.save == Save::weights) weight.resize(cells * sweep.seeds * deepest(sweep), kMissing);
}

void Results::take(const Sweep& sweep, const Sweep& from, const Placement& place,
                   const WorkUnit& unit, const UnitResult& result) {
  if (!fits(sweep, unit)) return;
  const std::uint32_t block = seed_block_of(sweep, unit.first_seed);
  const std::size_t targets = place.targets(), unit_cells = unit.configurations * targets;
  const auto depth = static_cast<std::size_t>(from.configuration(unit.first_configuration).depth);
  const std::size_t layers = deepest(sweep), first_seed = unit.first_seed - sweep.first_seed;
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const std::size_t configuration = place.configuration(unit.first_configuration + i);
    if (configuration == Placement::kNowhere) continue;
    for (std::size_t t = 0; t < targets; ++t) {
      if (place.target(t) == Placement::kNowhere) continue;
      const std::size_t cell = configuration * sweep.target.size() + place.target(t);
      if (done.at(block, cell) >= unit.seeds) continue;
      done.at(block, cell) = static_cast<std::uint8_t>(unit.seeds);
      state[block * cells + cell] = result.cells[i * targets + t];
      for (std::size_t time = 0; time < sweep.record; ++time) {
        path[(block * sweep.record + time) * cells + cell] =
            result.path[time * unit_cells + i * targets + t];
      }
      if (sweep.save == Save::mean) continue;
      for (std::size_t s = 0; s < unit.seeds; ++s) {
        const std::size_t source = (i * unit.seeds + s) * targets + t;
        const std::size_t network = cell * sweep.seeds + first_seed + s;
        const Outcome& outcome = result.outcomes[source];
        for (std::size_t x = 0; x < kOrderParameters && outcome.finished; ++x) {
          seed_value[x * cells * sweep.seeds + network] = outcome.value[x];
        }
        if (sweep.save == Save::weights) {
          std::copy_n(at(result.weights, source * depth), depth, at(weight, network * layers));
        }
      }
    }
  }
}

UnitResult Results::extract(const Sweep& sweep, const Sweep& from, const Placement& place,
                            const WorkUnit& unit, std::uint32_t seeds, bool networks) const {
  const std::uint32_t block = seed_block_of(sweep, unit.first_seed);
  const std::size_t targets = place.targets(), unit_cells = unit.configurations * targets;
  const auto depth = static_cast<std::size_t>(from.configuration(unit.first_configuration).depth);
  const std::size_t layers = deepest(sweep), first_seed = unit.first_seed - sweep.first_seed;
  UnitResult result;
  result.cells.resize(unit_cells);
  result.path.resize(sweep.record * unit_cells);
  if (networks && sweep.save != Save::mean) result.outcomes.resize(unit_cells * seeds);
  if (networks && sweep.save == Save::weights) result.weights.resize(unit_cells * seeds * depth);
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const std::size_t configuration = place.configuration(unit.first_configuration + i);
    for (std::size_t t = 0; t < targets; ++t) {
      const std::size_t cell = configuration * sweep.target.size() + place.target(t);
      result.cells[i * targets + t] = state[block * cells + cell];
      for (std::size_t time = 0; time < sweep.record; ++time) {
        result.path[time * unit_cells + i * targets + t] =
            path[(block * sweep.record + time) * cells + cell];
      }
      if (!networks || sweep.save == Save::mean) continue;
      for (std::size_t s = 0; s < seeds; ++s) {
        const std::size_t network = cell * sweep.seeds + first_seed + s;
        const std::size_t source = (i * seeds + s) * targets + t;
        Outcome& outcome = result.outcomes[source];
        outcome.finished = true; // of one that diverged, all values are NaN
        for (std::size_t x = 0; x < kOrderParameters; ++x) {
          outcome.value[x] = seed_value[x * cells * sweep.seeds + network];
        }
        if (sweep.save == Save::weights) {
          std::copy_n(at(weight, network * layers), depth, at(result.weights, source * depth));
        }
      }
    }
  }
  return result;
}

bool Results::has(const Sweep& sweep, const Placement& place, const WorkUnit& unit) const {
  // A unit is taken as a whole: its first cell stands for all.
  const std::size_t cell =
      place.configuration(unit.first_configuration) * sweep.target.size() + place.target(0);
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
  const auto depth = static_cast<std::size_t>(sweep.configuration(unit.first_configuration).depth);
  const auto interleave = [&](const auto& first, auto& second, std::size_t width) {
    std::decay_t<decltype(second)> both;
    const std::size_t a = unit.earlier_seeds * width, b = unit.trained_seeds() * width;
    for (std::size_t i = 0; i < unit.configurations; ++i) {
      both.insert(both.end(), at(first, i * a), at(first, (i + 1) * a));
      both.insert(both.end(), at(second, i * b), at(second, (i + 1) * b));
    }
    second = std::move(both);
  };
  if (sweep.save != Save::mean) interleave(earlier.outcomes, result.outcomes, sweep.target.size());
  if (sweep.save == Save::weights) {
    interleave(earlier.weights, result.weights, sweep.target.size() * depth);
  }
}

double result_memory(const Sweep& sweep) {
  const double cells =
      static_cast<double>(sweep.configurations()) * static_cast<double>(sweep.target.size());
  const double states = static_cast<double>(seed_blocks(sweep)) * (1.0 + sweep.record);
  // The states themselves, and on their way to the file as units and twice as columns.
  double bytes = cells * states * sizeof(CellState) * 4;
  bytes += cells * seed_blocks(sweep); // the coverage
  bytes += cells * 8 * (3 * kOrderParameters + 5 + 2.0 * kOrderParameters * sweep.record);
  if (sweep.save != Save::mean) bytes += 4 * cells * sweep.seeds * 8 * kOrderParameters;
  if (sweep.save == Save::weights) {
    bytes += 4 * cells * sweep.seeds * 8 * static_cast<double>(deepest(sweep));
  }
  bytes += Bootstrap::memory(sweep.seeds);
  return bytes + static_cast<double>(count_work_units(sweep)) * sizeof(WorkUnit);
}

} // namespace sharpsweep
