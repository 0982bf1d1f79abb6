/// \file
/// What every backend does: train work units and hand over their results.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "sharpsweep/sweep/results.hpp"
#include "sharpsweep/sweep/sweep.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {

/// Shared between a running backend and whoever watches or stops it.
struct Progress {
  std::atomic<double> updates{0};         ///< done so far
  std::atomic<std::uint64_t> diverged{0}; ///< coordinates of networks that diverged so far
  std::atomic<bool> stop{false};          ///< set to end the run; units in flight are dropped
};

/// Receives finished units, one call at a time, in any order. `index` is the unit's place in the
/// span that was handed to train(). Of a unit with earlier seeds, `cells` and `path` cover all its
/// seeds, `outcomes` and `weights` those that were trained.
using Sink = std::function<void(std::size_t index, UnitResult&& result)>;

/// Tells `cells` and `path` of a unit's earlier seeds; called from any thread, for units that have
/// some.
using Earlier = std::function<UnitResult(std::size_t index)>;

class Backend {
public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;   ///< "cpu" or "cuda"
  virtual std::string device() const = 0; ///< what it runs on, in words
  /// Trains the units. Returns early, without error, when `progress.stop` is set. Throws
  /// DeviceError when a device fails, and what the sink throws.
  /// \param earlier  may be empty when no unit has earlier seeds
  virtual void train(const Sweep& sweep, std::span<const WorkUnit> units, const Sink& sink,
                     Progress& progress, const Earlier& earlier) = 0;
  /// Bytes of memory that train() will take for this sweep beyond its results.
  virtual double working_memory(const Sweep& sweep) const = 0;
};

struct CpuOptions {
  unsigned threads = 0;        ///< 0: all cores of this process
  std::string instruction_set; ///< "scalar", "avx2", "avx512"; empty: the fastest
  std::size_t bundle = 0; ///< configurations trained on one noise; 0: chosen. Never in the bits
};
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options);

/// All usable GPUs of this host. Throws DeviceError when there is none, or no CUDA in this build.
std::unique_ptr<Backend> make_cuda_backend();

} // namespace sharpsweep
