#include "sharpsweep/sweep/work_units.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "sharpsweep/numerics/sha256.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

/// Coordinates that a unit has at least where configurations are small: enough to occupy a core for
/// a moment, few enough to lose little with an interruption.
constexpr std::size_t kUnitCoordinates = 4096;
constexpr std::size_t kMaxUnitConfigurations = 16;

/// Networks that a unit of a coupled model has at least, where seeds allow it.
constexpr std::size_t kUnitNetworks = 256;

/// The sweep with some of the cells of its networks only.
Sweep with_targets(const Sweep& sweep, const std::vector<std::uint32_t>& targets) {
  if (targets.size() == sweep.cells_per_network()) return sweep;
  std::vector<std::vector<std::size_t>> kept;
  for (const Axis& axis : sweep.axes()) {
    std::vector<std::size_t>& indices = kept.emplace_back(axis.values.size());
    std::iota(indices.begin(), indices.end(), std::size_t{0});
  }
  kept.back().assign(targets.begin(), targets.end());
  return sweep.part(kept);
}

/// Gathers cells with equal fate into units: of one configuration and seed block those targets of
/// which as many seeds are done.
class Gatherer {
public:
  /// Makes the unit of a seed block from how many of its seeds are done; 0 seeds: no unit.
  using Cut = std::function<WorkUnit(std::uint32_t block, std::uint8_t done)>;
  Gatherer(const Sweep& sweep, Cut cut) : sweep_(sweep), cut_(std::move(cut)) {}

  void add(std::uint32_t block, std::size_t configuration, const std::uint8_t* done) {
    const std::size_t targets = sweep_.cells_per_network();
    std::uint8_t least = done[0];
    for (std::size_t t = 1; t < targets; ++t) least = std::min(least, done[t]);
    const bool coupled = sweep_.projection_radius > 0; // a network is done as a whole
    const bool uniform = coupled || std::all_of(done, done + targets,
                                                [=](std::uint8_t seeds) { return seeds == least; });
    if (uniform) {
      if (all_.empty()) {
        for (std::uint32_t t = 0; t < targets; ++t) all_.push_back(t);
      }
      append(all_, block, configuration, least);
      return;
    }
    std::map<std::uint8_t, std::vector<std::uint32_t>> groups;
    for (std::uint32_t t = 0; t < targets; ++t) groups[done[t]].push_back(t);
    for (const auto& [seeds, group] : groups) append(group, block, configuration, seeds);
  }

  std::vector<Work> work;

private:
  void append(const std::vector<std::uint32_t>& targets, std::uint32_t block,
              std::size_t configuration, std::uint8_t done) {
    WorkUnit unit = cut_(block, done);
    if (unit.seeds == 0) return;
    unit.first_configuration = configuration;
    unit.configurations = 1;
    const auto [place, is_new] = index_.try_emplace(targets, work.size());
    if (is_new) work.push_back({with_targets(sweep_, targets), {}});
    Work& of_targets = work[place->second];
    std::vector<WorkUnit>& units = of_targets.units;
    if (!units.empty() && continues(sweep_, units.back(), unit) &&
        units.back().configurations < configurations_per_unit(of_targets.sweep)) {
      ++units.back().configurations;
    } else {
      units.push_back(unit);
    }
  }

  const Sweep& sweep_;
  Cut cut_;
  std::vector<std::uint32_t> all_;
  std::map<std::vector<std::uint32_t>, std::size_t> index_; ///< place in `work` of some targets
};

std::vector<Work> gather(const Sweep& sweep, const Coverage& done, const Gatherer::Cut& cut) {
  Gatherer gatherer(sweep, cut);
  const std::size_t per_group = sweep.configurations_per_group();
  const std::size_t targets = sweep.cells_per_network();
  std::vector<std::uint8_t> seeds(targets);
  for (std::size_t first = 0; first < sweep.configurations(); first += per_group) {
    for (std::uint32_t block = 0; block < seed_blocks(sweep); ++block) {
      for (std::size_t c = first; c < first + per_group; ++c) {
        for (std::size_t t = 0; t < targets; ++t) seeds[t] = done.at(block, c * targets + t);
        gatherer.add(block, c, seeds.data());
      }
    }
  }
  return std::move(gatherer.work);
}

} // namespace

std::size_t configurations_per_unit(const Sweep& sweep) {
  // A path weighs like as many outcomes: units with long ones hold fewer configurations.
  const double outcomes = static_cast<double>(sweep.cells_per_network()) *
                          std::min(sweep.seeds, kSeedBlock) * (1.0 + sweep.record / 16.0);
  if (sweep.coupled) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(kUnitNetworks / outcomes));
  }
  const double fit = static_cast<double>(kUnitCoordinates) / outcomes;
  return fit < 1 ? 1 : std::min(static_cast<std::size_t>(fit), kMaxUnitConfigurations);
}

std::uint32_t seed_blocks(const Sweep& sweep) {
  return seed_block_of(sweep, sweep.first_seed + sweep.seeds - 1) + 1;
}

std::uint32_t seed_block_of(const Sweep& sweep, std::uint32_t seed) {
  return seed / kSeedBlock - sweep.first_seed / kSeedBlock;
}

std::uint32_t first_seed_of_block(const Sweep& sweep, std::uint32_t block) {
  return std::max(sweep.first_seed, (sweep.first_seed / kSeedBlock + block) * kSeedBlock);
}

std::uint32_t seeds_of_block(const Sweep& sweep, std::uint32_t block) {
  const std::uint32_t next = (sweep.first_seed / kSeedBlock + block + 1) * kSeedBlock;
  return std::min(sweep.first_seed + sweep.seeds, next) - first_seed_of_block(sweep, block);
}

bool continues(const Sweep& sweep, const WorkUnit& previous, const WorkUnit& next) {
  const std::size_t per_group = sweep.configurations_per_group();
  return next.first_configuration == previous.first_configuration + previous.configurations &&
         next.first_configuration / per_group == previous.first_configuration / per_group &&
         next.first_seed == previous.first_seed && next.seeds == previous.seeds &&
         next.earlier_seeds == previous.earlier_seeds;
}

std::uint64_t count_work_units(const Sweep& sweep) {
  const std::size_t per_unit = configurations_per_unit(sweep);
  const std::size_t per_group = sweep.configurations_per_group();
  return std::uint64_t{sweep.configurations() / per_group} *
         ((per_group + per_unit - 1) / per_unit) * seed_blocks(sweep);
}

std::vector<WorkUnit> plan_work_units(const Sweep& sweep) {
  std::vector<WorkUnit> units;
  units.reserve(count_work_units(sweep));
  const std::size_t per_unit = configurations_per_unit(sweep);
  const std::size_t per_group = sweep.configurations_per_group();
  for (std::size_t first = 0; first < sweep.configurations(); first += per_group) {
    for (std::uint32_t block = 0; block < seed_blocks(sweep); ++block) {
      for (std::size_t c = 0; c < per_group; c += per_unit) {
        units.push_back({first + c, std::min(per_unit, per_group - c),
                         first_seed_of_block(sweep, block), seeds_of_block(sweep, block)});
      }
    }
  }
  return units;
}

double updates(const Sweep& sweep, const WorkUnit& unit) {
  double weights = 0;
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    weights += static_cast<double>(sweep.weights(unit.first_configuration + i));
  }
  return weights * static_cast<double>(sweep.cells_per_network()) * unit.trained_seeds() *
         static_cast<double>(sweep.steps);
}

std::vector<Work> missing_work(const Sweep& sweep, const Coverage& done) {
  return gather(sweep, done, [&](std::uint32_t block, std::uint8_t seeds) {
    WorkUnit unit;
    if (seeds < seeds_of_block(sweep, block)) {
      unit.first_seed = first_seed_of_block(sweep, block);
      unit.seeds = seeds_of_block(sweep, block);
      unit.earlier_seeds = seeds;
    }
    return unit;
  });
}

std::vector<Work> finished_work(const Sweep& sweep, const Coverage& done) {
  return gather(sweep, done, [&](std::uint32_t block, std::uint8_t seeds) {
    WorkUnit unit;
    unit.first_seed = first_seed_of_block(sweep, block);
    unit.seeds = seeds;
    return unit;
  });
}

std::string shard_text(Shard shard) {
  return std::to_string(shard.index) + "/" + std::to_string(shard.count);
}

std::vector<Work> shard_of(const std::vector<Work>& work, Shard shard) {
  const double total = updates(work);
  double before = 0;
  std::vector<Work> part;
  for (const Work& piece : work) {
    Work kept{piece.sweep, {}};
    for (const WorkUnit& unit : piece.units) {
      const double cost = updates(piece.sweep, unit) / static_cast<double>(unit.configurations);
      WorkUnit own = unit; // the configurations of the unit that the shard gets
      own.configurations = 0;
      for (std::size_t i = 0; i < unit.configurations; ++i) {
        const double middle = (before + cost / 2) / total * shard.count;
        before += cost;
        if (std::min(static_cast<std::uint32_t>(middle) + 1, shard.count) != shard.index) continue;
        if (own.configurations++ == 0) own.first_configuration = unit.first_configuration + i;
      }
      if (own.configurations > 0) kept.units.push_back(own);
    }
    if (!kept.units.empty()) part.push_back(std::move(kept));
  }
  return part;
}

std::size_t count_units(const std::vector<Work>& work) {
  std::size_t count = 0;
  for (const Work& piece : work) count += piece.units.size();
  return count;
}

double updates(const std::vector<Work>& work) {
  double total = 0;
  for (const Work& piece : work) {
    for (const WorkUnit& unit : piece.units) total += updates(piece.sweep, unit);
  }
  return total;
}

namespace {

template <class T>
void put(Sha256& hash, const T& value) {
  hash.update(&value, sizeof value);
}

void put_ssam(Sha256& hash, const Sweep& sweep, const WorkUnit& unit) {
  for (const int setting :
       {static_cast<int>(sweep.noise), static_cast<int>(sweep.noise_streams),
        static_cast<int>(sweep.precision), static_cast<int>(sweep.schedule.kind),
        static_cast<int>(sweep.save), static_cast<int>(sweep.record)}) {
    put(hash, setting);
  }
  for (const double number : {sweep.schedule.k0, sweep.schedule.gamma, sweep.projection_radius,
                              sweep.tail_average, sweep.survival_level}) {
    put(hash, number);
  }
  put(hash, sweep.steps);
  put(hash, unit.first_seed);
  put(hash, unit.seeds);
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const Configuration c = sweep.configuration(unit.first_configuration + i);
    put(hash, c.depth);
    put(hash, c.init.kind);
    for (const double number : {c.init.scale, c.init.ratio, c.alpha, c.eta}) put(hash, number);
    put(hash, c.key);
    for (std::size_t t = 0; t < sweep.target.size(); ++t) {
      put(hash, sweep.target[t]);
      put(hash, sweep.target_value(c.depth, c.eta, t));
    }
  }
}

void put_coupled(Sha256& hash, const Sweep& sweep, const WorkUnit& unit) {
  for (const Key& key : keys_of(sweep.model)) {
    if (key.axis || key.name == "seeds" || key.name == "first_seed") continue;
    hash.update(sweep_file_line(key, sweep.settings.at(std::string(key.name))));
  }
  put(hash, unit.first_seed);
  put(hash, unit.seeds);
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    hash.update(sweep.describe(unit.first_configuration + i)); // the shortest exact texts
    hash.update("\n");
  }
}

} // namespace

std::string identity(const Sweep& sweep, const WorkUnit& unit) {
  Sha256 hash;
  hash.update(sweep.model);
  put(hash, kNumericVersion);
  if (sweep.coupled) {
    put_coupled(hash, sweep, unit);
  } else {
    put_ssam(hash, sweep, unit);
  }
  return hash.hex();
}

} // namespace sharpsweep
