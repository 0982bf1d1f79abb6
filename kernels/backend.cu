#include <algorithm>
#include <mutex>
#include <thread>

#include "kernels/batch.cuh"
#include "kernels/device.cuh"

namespace sharpsweep::cuda {
namespace {

/// Batches in flight on each device: the next ones fill it while one reduces or tapers off.
constexpr unsigned kStreams = 3;
/// Share of a device's free memory that its batches may take together.
constexpr double kMemoryShare = 0.8;
constexpr std::size_t kMaxBatchConfigurations = 1u << 16;
/// Lanes are counted in 32 bits on the device.
constexpr double kMaxBatchLanes = 1e9;

class CudaBackend final : public Backend {
public:
  CudaBackend() {
    int count = 0;
    const cudaError_t status = cudaGetDeviceCount(&count);
    if (status != cudaSuccess || count == 0) {
      cudaGetLastError();
      const char* reason = status == cudaSuccess ? "none found"
                           : status == cudaErrorInsufficientDriver
                               ? "the NVIDIA driver is missing or too old"
                               : cudaGetErrorString(status);
      throw DeviceError(std::string("no usable GPU: ") + reason);
    }
    for (int device = 0; device < count; ++device) {
      cudaDeviceProp properties{};
      check(cudaGetDeviceProperties(&properties, device), "describe itself");
      names_.emplace_back(properties.name);
      check(cudaSetDevice(device), "be selected");
      std::size_t free = 0, total = 0;
      check(cudaMemGetInfo(&free, &total), "tell its memory");
      free_bytes_ = device == 0 ? static_cast<double>(free)
                                : std::min(free_bytes_, static_cast<double>(free));
    }
  }

  std::string name() const override { return "cuda"; }
  std::string device() const override {
    std::string text = names_.front();
    for (std::size_t i = 1; i < names_.size(); ++i) text += ", " + names_[i];
    return text;
  }
  double working_memory(const Sweep& sweep) const override {
    const double unit = static_cast<double>(sweep.target.size()) *
                        std::min(sweep.seeds, kSeedBlock) * sizeof(Outcome);
    return static_cast<double>(names_.size()) * kStreams * unit;
  }

  void train(const Sweep& sweep, std::span<const WorkUnit> units, const Sink& sink,
             Progress& progress) override {
    const std::vector<Batch> batches = plan(sweep, units);
    std::mutex mutex;
    std::size_t next = 0;
    std::vector<std::size_t> returned; // by a device that failed
    std::exception_ptr sink_failure, device_failure;
    std::size_t done = 0;

    const Sink deliver = [&](std::size_t unit, UnitResult&& result) {
      const std::lock_guard lock(mutex);
      if (sink_failure) return;
      try {
        sink(unit, std::move(result));
      } catch (...) {
        sink_failure = std::current_exception();
        progress.stop = true;
      }
    };
    const auto take = [&](std::size_t& batch) {
      const std::lock_guard lock(mutex);
      if (!returned.empty()) {
        batch = returned.back();
        returned.pop_back();
        return true;
      }
      batch = next;
      return next < batches.size() && ++next;
    };
    const auto work = [&](int device) {
      std::size_t batch = 0;
      while (!progress.stop.load() && take(batch)) {
        try {
          check(cudaSetDevice(device), "be selected");
          train_batch(sweep, units, batches[batch], deliver, progress);
          const std::lock_guard lock(mutex);
          ++done;
        } catch (const DeviceError&) {
          // The other devices take over; with none left the run fails below.
          const std::lock_guard lock(mutex);
          returned.push_back(batch);
          device_failure = std::current_exception();
          return;
        }
      }
    };
    {
      std::vector<std::jthread> threads;
      for (int device = 0; device < static_cast<int>(names_.size()); ++device) {
        for (unsigned i = 0; i < kStreams; ++i) threads.emplace_back(work, device);
      }
    }
    if (sink_failure) std::rethrow_exception(sink_failure);
    if (!progress.stop && done < batches.size()) std::rethrow_exception(device_failure);
  }

private:
  /// Units of one depth and seed block together, as many as fit into memory beside the other
  /// streams, but few enough that every stream of every device gets some.
  std::vector<Batch> plan(const Sweep& sweep, std::span<const WorkUnit> units) const {
    std::vector<Batch> batches;
    for (std::size_t u = 0; u < units.size();) {
      const WorkUnit& first = units[u];
      const int depth = sweep.configuration(first.first_configuration).depth;
      const double bytes = device_bytes_per_configuration(sweep, depth, first.seeds);
      const double lanes = static_cast<double>(sweep.target.size()) * first.seeds;
      const double most =
          std::min({kMemoryShare * free_bytes_ / kStreams / bytes, kMaxBatchLanes / lanes,
                    static_cast<double>(kMaxBatchConfigurations)});
      if (static_cast<double>(first.configurations) > most) {
        throw UsageError("target: a work unit of " + std::to_string(first.seeds) + " seeds and " +
                         std::to_string(sweep.target.size()) +
                         " targets does not fit into the GPU's memory; use fewer targets");
      }
      Batch batch;
      batch.first_unit = u;
      do {
        batch.configurations += units[u].configurations;
        ++batch.units;
        ++u;
      } while (u < units.size() && continues(sweep, units[u - 1], units[u]) &&
               static_cast<double>(batch.configurations + units[u].configurations) <= most);
      batches.push_back(batch);
    }
    return batches;
  }

  std::vector<std::string> names_;
  double free_bytes_ = 0;
};

} // namespace
} // namespace sharpsweep::cuda

std::unique_ptr<sharpsweep::Backend> sharpsweep::make_cuda_backend() {
  return std::make_unique<cuda::CudaBackend>();
}
