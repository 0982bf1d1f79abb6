/// \file
/// Trains work units on a backend and takes their results.
#pragma once

#include <functional>
#include <vector>

#include "host/backend.hpp"
#include "host/results.hpp"

namespace sharpsweep {

/// Bytes of memory free for this process.
double available_memory();
/// Throws UsageError, saying how large, when the results of a sweep, and as many bytes more as a
/// backend wants, do not fit into memory.
void require_memory(const Sweep& sweep, double working_bytes);

/// Receives each finished unit of `sweep` with its results, complete from the block's first seed
/// on; one call at a time.
using Keep = std::function<void(const Sweep& sweep, const WorkUnit& unit, UnitResult&& result)>;

/// Trains work of a sweep and takes its results. Throws Interrupted when `progress.stop` was set
/// before the end. \param keep  may be empty
void train_work(const Sweep& sweep, const std::vector<Work>& work, Results& results,
                Backend& backend, Progress& progress, const Keep& keep);

/// Trains a whole sweep. Throws Interrupted as train_work does.
Results run_sweep(const Sweep& sweep, Backend& backend, Progress& progress);

} // namespace sharpsweep
