/// \file
/// Trains a bundle of configurations on one group of lanes, from start to finish, on one core.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/backend.hpp"
#include "host/cpu/kernels.hpp"
#include "sharpsweep/models/ssam_outcome.hpp"

namespace sharpsweep::cpu {

using ssam::CellState;
using ssam::Outcome;

/// What all tasks of a run share.
struct RunContext {
  RunContext(const Sweep& sweep, const Kernels& kernels);

  const Sweep& sweep;
  const Kernels& kernels;
  std::vector<std::uint64_t> record_steps;
  std::uint64_t first_tail_step;
  std::vector<double> schedule_table; ///< factors of the first steps; empty: constant schedule
  bool coupled() const { return sweep.projection_radius > 0; }
};

/// A bundle of configurations that share depth, seeds and noise, on some lanes. A lane is a flat
/// (seed, target) index, seed-major; coupled networks occupy whole tiles or share one.
struct Task {
  std::span<const Configuration> bundle;
  std::uint32_t first_seed;
  std::size_t first_lane; ///< into [seed][target]
  std::size_t lanes;
};

/// Where a task puts what it finds; `lane` is the flat (seed, target) index.
class TaskOutput {
public:
  virtual ~TaskOutput() = default;
  virtual void record(std::size_t time, std::size_t member, std::size_t lane, const Outcome&) = 0;
  virtual void finish(std::size_t member, std::size_t lane, const Outcome&,
                      std::span<const double> weights) = 0;
};

/// Lanes that one task takes: a tile, or for coupled networks as many whole networks as fit into a
/// tile, at least one.
std::size_t lanes_per_task(const RunContext& run);

/// More configurations on one noise save nothing worth having.
inline constexpr std::size_t kMaxBundle = 64;

/// How many configurations a bundle holds at most, by the cache that its weights stay in.
std::size_t bundle_size(const RunContext& run, int depth);

/// Runs a task; returns false when `progress.stop` was set before the end.
bool train(const RunContext& run, const Task& task, TaskOutput& output, Progress& progress);

} // namespace sharpsweep::cpu
