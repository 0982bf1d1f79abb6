/// \file
/// From finished units to files: taking over what files hold, and assembling result files and
/// shards. `run` and `merge` share all of it.
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "host/dataset.hpp"
#include "host/output/units.hpp"
#include "host/results.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// How a file came about: what may differ between equal runs, and is not part of the results.
struct Origin {
  std::string command_line;
  std::string backend, device;
  double updates_computed = 0; ///< by this run; less than the sweep's where results were taken over
  double wall_seconds = 0;
};

/// Takes over the units of one file. Throws FileError when it can't be read or is damaged;
/// UsageError, naming the key, when it was made by a sweep that `sweep` does not extend.
void take_file(const Sweep& sweep, Results& results, const std::string& path);

/// Takes over the units of all parts in a folder. A damaged part is reported to `damaged` with the
/// sentence of its error, and left out. Throws UsageError as take_file does, VersionError, and
/// Interrupted when `stop` is set.
void take_parts(const Sweep& sweep, Results& results, const std::string& folder,
                const std::function<void(const std::string&)>& damaged,
                const std::atomic<bool>& stop);

/// The result file: phase diagram, theory, thresholds, and the finished units that a larger sweep
/// can go on from. Cells that are not complete are NaN and have the status `missing`. Refers to the
/// sweep and the results until it is written. Throws Interrupted when `stop` is set.
Dataset result_file(const Sweep& sweep, const Results& results, const Origin& origin,
                    const std::atomic<bool>& stop = kNeverStopped);

/// The file of a shard: finished units only, without those that were in its bases already. Refers
/// to the sweep and the results until it is written.
Dataset shard_file(const Sweep& sweep, const Results& results, const Coverage& base, Shard shard,
                   const Origin& origin);

/// What is missing from a sweep, in words: how much, and the first cell. Empty when it is complete.
std::string missing_sentence(const Sweep& sweep, const Coverage& done);

} // namespace sharpsweep
