#include "sharpsweep/sweep/work_units.hpp"

#include <algorithm>

#include "sharpsweep/numerics/sha256.hpp"

namespace sharpsweep {
namespace {

/// Coordinates that a unit has at least where configurations are small: enough to occupy a core for
/// a moment, few enough to lose little with an interruption.
constexpr std::size_t kUnitCoordinates = 4096;
constexpr std::size_t kMaxUnitConfigurations = 16;

} // namespace

std::size_t configurations_per_unit(const Sweep& sweep) {
  // A path weighs like as many outcomes: units with long ones hold fewer configurations.
  const double outcomes = static_cast<double>(sweep.target.size()) *
                          std::min(sweep.seeds, kSeedBlock) * (1.0 + sweep.record / 16.0);
  const double fit = static_cast<double>(kUnitCoordinates) / outcomes;
  return fit < 1 ? 1 : std::min(static_cast<std::size_t>(fit), kMaxUnitConfigurations);
}

std::uint32_t seed_blocks(const Sweep& sweep) {
  return seed_block_of(sweep, sweep.first_seed + sweep.seeds - 1) + 1;
}

std::uint32_t seed_block_of(const Sweep& sweep, std::uint32_t seed) {
  return seed / kSeedBlock - sweep.first_seed / kSeedBlock;
}

bool continues(const Sweep& sweep, const WorkUnit& previous, const WorkUnit& next) {
  const std::size_t per_depth = sweep.configurations_per_depth();
  return next.first_configuration == previous.first_configuration + previous.configurations &&
         next.first_configuration / per_depth == previous.first_configuration / per_depth &&
         next.first_seed == previous.first_seed && next.seeds == previous.seeds;
}

std::uint64_t count_work_units(const Sweep& sweep) {
  const std::size_t per_unit = configurations_per_unit(sweep);
  const std::size_t per_depth = (sweep.configurations_per_depth() + per_unit - 1) / per_unit;
  return std::uint64_t{sweep.depth.size()} * per_depth * seed_blocks(sweep);
}

std::vector<WorkUnit> plan_work_units(const Sweep& sweep) {
  std::vector<WorkUnit> units;
  units.reserve(count_work_units(sweep));
  const std::size_t per_unit = configurations_per_unit(sweep);
  const std::size_t per_depth = sweep.configurations_per_depth();
  const std::uint32_t end = sweep.first_seed + sweep.seeds;
  for (std::size_t d = 0; d < sweep.depth.size(); ++d) {
    for (std::uint32_t seed = sweep.first_seed; seed < end;) {
      const std::uint32_t next = std::min(end, (seed / kSeedBlock + 1) * kSeedBlock);
      for (std::size_t c = 0; c < per_depth; c += per_unit) {
        units.push_back({d * per_depth + c, std::min(per_unit, per_depth - c), seed, next - seed});
      }
      seed = next;
    }
  }
  return units;
}

std::string identity(const Sweep& sweep, const WorkUnit& unit) {
  Sha256 hash;
  const auto put = [&hash](const auto& value) { hash.update(&value, sizeof value); };
  hash.update(sweep.model);
  put(kNumericVersion);
  for (const int setting :
       {static_cast<int>(sweep.noise), static_cast<int>(sweep.noise_streams),
        static_cast<int>(sweep.precision), static_cast<int>(sweep.schedule.kind),
        static_cast<int>(sweep.save), static_cast<int>(sweep.record)}) {
    put(setting);
  }
  for (const double number : {sweep.schedule.k0, sweep.schedule.gamma, sweep.projection_radius,
                              sweep.tail_average, sweep.survival_level}) {
    put(number);
  }
  put(sweep.steps);
  put(unit.first_seed);
  put(unit.seeds);
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const Configuration c = sweep.configuration(unit.first_configuration + i);
    put(c.depth);
    put(c.init.kind);
    for (const double number : {c.init.scale, c.init.ratio, c.alpha, c.eta}) put(number);
    put(c.key);
    for (std::size_t t = 0; t < sweep.target.size(); ++t) {
      put(sweep.target[t]);
      put(sweep.target_value(c.depth, c.eta, t));
    }
  }
  return hash.hex();
}

} // namespace sharpsweep
