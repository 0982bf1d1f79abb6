/// \file
/// Work units: fixed, device-independent slices of a sweep; what is scheduled, written and checked.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep {

/// Seeds are reduced in blocks of this many, aligned to multiples of it by seed number; a cell's
/// survivors of one block are one 64-bit mask.
inline constexpr std::uint32_t kSeedBlock = 64;

/// Consecutive configurations of one group (Sweep::configurations_per_group: one depth of ssam),
/// with all their cells, for one block of seeds.
struct WorkUnit {
  std::size_t first_configuration = 0;
  std::size_t configurations = 0;
  std::uint32_t first_seed = 0;    ///< absolute seed number
  std::uint32_t seeds = 0;         ///< that its results cover
  std::uint32_t earlier_seeds = 0; ///< of these, how many first ones were trained before

  std::uint32_t first_trained_seed() const { return first_seed + earlier_seeds; }
  std::uint32_t trained_seeds() const { return seeds - earlier_seeds; }
};

/// The work units of a sweep, in the order in which they are best computed. They cover every
/// network exactly once; their cut depends on the sweep alone.
std::vector<WorkUnit> plan_work_units(const Sweep& sweep);

/// Configurations of a unit at most.
std::size_t configurations_per_unit(const Sweep& sweep);

/// Whether `next` holds the configurations that follow those of `previous`, of the same group and
/// for the same seeds: the two can be trained as one batch, and share bundles.
bool continues(const Sweep& sweep, const WorkUnit& previous, const WorkUnit& next);

/// How many there are, without listing them.
std::uint64_t count_work_units(const Sweep& sweep);

/// The number of seed blocks that a sweep's seeds touch, and the block of a seed.
std::uint32_t seed_blocks(const Sweep& sweep);
std::uint32_t seed_block_of(const Sweep& sweep, std::uint32_t seed);
/// The first seed of the sweep in a block, and how many it has there.
std::uint32_t first_seed_of_block(const Sweep& sweep, std::uint32_t block);
std::uint32_t seeds_of_block(const Sweep& sweep, std::uint32_t block);

/// A digest of everything that determines the unit's numbers (model, numeric version, training
/// keys, axis values, seeds) and of nothing else: never of its place in a grid.
std::string identity(const Sweep& sweep, const WorkUnit& unit);

/// Updates that training the unit takes: weights * steps of the seeds to train.
double updates(const Sweep& sweep, const WorkUnit& unit);

/// What of a sweep is done: for every seed block and cell, how many first seeds of the block.
class Coverage {
public:
  Coverage() = default;
  explicit Coverage(const Sweep& sweep)
      : cells_(sweep.cells()), seeds_(cells_ * seed_blocks(sweep), 0) {}
  std::uint8_t& at(std::size_t block, std::size_t cell) { return seeds_[block * cells_ + cell]; }
  std::uint8_t at(std::size_t block, std::size_t cell) const {
    return seeds_[block * cells_ + cell];
  }

private:
  std::size_t cells_ = 0;
  std::vector<std::uint8_t> seeds_;
};

/// Work units of a sweep, or of the same sweep with some of its targets left out: a cell is itself
/// in any grid.
struct Work {
  Sweep sweep; ///< whose configurations and targets the units index
  std::vector<WorkUnit> units;
};

/// What is missing: the units that, after what is done, complete the sweep.
std::vector<Work> missing_work(const Sweep& sweep, const Coverage& done);
/// What is there: units that cover just what is done.
std::vector<Work> finished_work(const Sweep& sweep, const Coverage& done);

/// The I-th of N parts of a sweep; 1/1 is all of it.
struct Shard {
  std::uint32_t index = 1; ///< from 1
  std::uint32_t count = 1;
};
/// "I/N".
std::string shard_text(Shard shard);
inline constexpr std::uint32_t kMaxShards = 1u << 20;

/// The part of some work that a shard does: consecutive configurations, so that shards cost about
/// the same and configurations that share their noise stay together.
std::vector<Work> shard_of(const std::vector<Work>& work, Shard shard);

/// The number of units of some work, and the updates it takes.
std::size_t count_units(const std::vector<Work>& work);
double updates(const std::vector<Work>& work);

/// Raised whenever the bits of any result change on purpose. Recorded in files and identities.
inline constexpr int kNumericVersion = 1;

} // namespace sharpsweep
