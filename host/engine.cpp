#include "host/engine.hpp"

#include <algorithm>
#include <fstream>
#include <limits>
#include <mutex>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

std::string gibibytes(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g GiB", bytes / (1024.0 * 1024.0 * 1024.0));
  return text;
}

} // namespace

double available_memory() {
  double available = std::numeric_limits<double>::infinity();
  std::ifstream info("/proc/meminfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("MemAvailable:")) available = std::stod(line.substr(13)) * 1024;
  }
  // A container or a batch job may be allowed less ("max" where it is not).
  double limit = 0, used = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit &&
      std::ifstream("/sys/fs/cgroup/memory.current") >> used) {
    available = std::min(available, std::max(0.0, limit - used));
  }
  return available;
}

void require_memory(const Sweep& sweep, double working_bytes) {
  const double needed = result_memory(sweep) + working_bytes;
  const double available = available_memory();
  if (needed <= available) return;
  throw UsageError(
      "the grid is too large for this machine's memory: " + std::to_string(sweep.cells()) +
      " cells need " + gibibytes(needed) + ", " + gibibytes(available) +
      " are free; use fewer values on its axes, record times or seeds");
}

void train_work(const Sweep& sweep, const std::vector<Work>& work, Results& results,
                Backend& backend, Progress& progress, const Keep& keep) {
  std::size_t delivered = 0;
  for (const Work& piece : work) {
    const Placement place(piece.sweep, sweep);
    std::mutex mutex; // `earlier` is asked from any thread while the sink takes results
    const auto earlier_of = [&](std::size_t index) {
      const WorkUnit& unit = piece.units[index];
      return results.extract(sweep, piece.sweep, place, unit, unit.earlier_seeds);
    };
    backend.train(
        piece.sweep, piece.units,
        [&](std::size_t index, UnitResult&& result) {
          const std::lock_guard lock(mutex);
          const WorkUnit& unit = piece.units[index];
          // A device that failed may have handed it over before another one trained it again.
          if (results.has(sweep, place, unit)) return;
          if (unit.earlier_seeds > 0) {
            complete_networks(piece.sweep, unit, earlier_of(index), result);
          }
          results.take(sweep, piece.sweep, place, unit, result);
          if (keep) keep(piece.sweep, unit, std::move(result));
          ++delivered;
        },
        progress,
        [&](std::size_t index) {
          const std::lock_guard lock(mutex);
          return earlier_of(index);
        });
  }
  if (delivered < count_units(work)) throw Interrupted("interrupted");
}

Results run_sweep(const Sweep& sweep, Backend& backend, Progress& progress) {
  Results results(sweep);
  train_work(sweep, missing_work(sweep, results.done), results, backend, progress, {});
  return results;
}

} // namespace sharpsweep
