/// \file
/// Work units: fixed, device-independent slices of a sweep; what is scheduled, written and checked.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep {

/// Seeds are reduced in blocks of this many, aligned to multiples of it by seed number; a cell's
/// survivors of one block are one 64-bit mask.
inline constexpr std::uint32_t kSeedBlock = 64;

/// Consecutive configurations of one depth, with all their targets, for one block of seeds.
struct WorkUnit {
  std::size_t first_configuration = 0;
  std::size_t configurations = 0;
  std::uint32_t first_seed = 0; ///< absolute seed number
  std::uint32_t seeds = 0;
};

/// The work units of a sweep, in the order in which they are best computed. They cover every
/// network exactly once; their cut depends on the sweep alone.
std::vector<WorkUnit> plan_work_units(const Sweep& sweep);

/// Configurations of a unit at most.
std::size_t configurations_per_unit(const Sweep& sweep);

/// Whether `next` holds the configurations that follow those of `previous`, of the same depth and
/// for the same seeds: the two can be trained as one batch, and share bundles.
bool continues(const Sweep& sweep, const WorkUnit& previous, const WorkUnit& next);

/// How many there are, without listing them.
std::uint64_t count_work_units(const Sweep& sweep);

/// The number of seed blocks that a sweep's seeds touch, and the block of a seed.
std::uint32_t seed_blocks(const Sweep& sweep);
std::uint32_t seed_block_of(const Sweep& sweep, std::uint32_t seed);

/// A digest of everything that determines the unit's numbers (model, numeric version, training
/// keys, axis values, seeds) and of nothing else: never of its place in a grid.
std::string identity(const Sweep& sweep, const WorkUnit& unit);

/// Raised whenever the bits of any result change on purpose. Recorded in files and identities.
inline constexpr int kNumericVersion = 1;

} // namespace sharpsweep
