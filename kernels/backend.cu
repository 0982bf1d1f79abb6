#include <algorithm>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <deque>
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
/// A batch of fewer lanes does not fill a large device even in bundles of eight.
constexpr double kFillingLanes = 4e6;
/// Host memory that the results of one batch may take.
constexpr double kBatchHostBytes = 1e9;
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
    double one = 0;
    for (const int depth : sweep.depth) one = std::max(one, host_bytes(sweep, depth));
    const double unit = one * static_cast<double>(configurations_per_unit(sweep));
    return static_cast<double>(names_.size()) * kStreams *
           std::min(std::max(unit, kBatchHostBytes),
                    one * static_cast<double>(sweep.configurations()));
  }

  void train(const Sweep& sweep, std::span<const WorkUnit> units, const Sink& sink,
             Progress& progress, const Earlier& earlier) override {
    const std::vector<Batch> batches = plan(sweep, units);
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<std::size_t> waiting; // batches that no device is working on
    for (std::size_t b = 0; b < batches.size(); ++b) waiting.push_back(b);
    std::size_t open = batches.size(); // not finished yet
    std::exception_ptr failure, device_failure;

    const Sink deliver = [&](std::size_t unit, UnitResult&& result) {
      const std::lock_guard lock(mutex);
      sink(unit, std::move(result));
    };
    // False when all is done or stopped. While batches are in flight elsewhere it waits: a device
    // that fails hands its own back.
    const auto take = [&](std::size_t& batch) {
      std::unique_lock lock(mutex);
      while (waiting.empty() && open > 0 && !progress.stop) {
        changed.wait_for(lock, std::chrono::milliseconds(100));
      }
      if (waiting.empty() || progress.stop) return false;
      batch = waiting.front();
      waiting.pop_front();
      return true;
    };
    const auto work = [&](int device) {
      std::size_t batch = 0;
      while (take(batch)) {
        std::exception_ptr thrown;
        bool device_failed = false;
        try {
          check(cudaSetDevice(device), "be selected");
          train_batch(sweep, units, batches[batch], deliver, progress, earlier);
        } catch (const DeviceError&) {
          thrown = std::current_exception();
          device_failed = true;
        } catch (...) {
          thrown = std::current_exception();
        }
        const std::lock_guard lock(mutex);
        changed.notify_all();
        if (!thrown) {
          --open;
        } else if (device_failed) {
          waiting.push_back(batch); // for other devices and streams; with none left the run fails
          device_failure = thrown;
          return;
        } else {
          if (!failure) failure = thrown;
          progress.stop = true;
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
    if (failure) std::rethrow_exception(failure);
    if (!progress.stop && open > 0) std::rethrow_exception(device_failure);
  }

private:
  /// Bytes on the host per configuration of a batch: what is downloaded, and its copy in results.
  static double host_bytes(const Sweep& sweep, int depth) {
    const auto targets = static_cast<double>(sweep.target.size());
    const double lanes = targets * std::min(sweep.seeds, kSeedBlock);
    double bytes = 2 * targets * sizeof(CellState) * (1.0 + sweep.record);
    if (sweep.save != Save::mean) bytes += 2 * lanes * sizeof(Outcome);
    if (sweep.save == Save::weights) bytes += 3 * lanes * sizeof(double) * depth;
    return bytes;
  }

  /// Units of one depth and seed block together, as many as fit into memory beside the other
  /// streams, but few enough that every stream of every device gets some.
  std::vector<Batch> plan(const Sweep& sweep, std::span<const WorkUnit> units) const {
    std::vector<Batch> batches;
    for (std::size_t u = 0; u < units.size();) {
      const WorkUnit& first = units[u];
      const int depth = sweep.configuration(first.first_configuration).depth;
      const double bytes = device_bytes_per_configuration(sweep, depth, first.trained_seeds());
      const double lanes = static_cast<double>(sweep.target.size()) * first.trained_seeds();
      const double share = std::ceil(static_cast<double>(sweep.configurations_per_depth()) /
                                     (kStreams * static_cast<double>(names_.size())));
      const double least = static_cast<double>(first.configurations); // a unit is not cut
      const double memory = kMemoryShare * free_bytes_ / kStreams / bytes;
      const double most = std::min({memory, kMaxBatchLanes / lanes,
                                    std::max(least, kBatchHostBytes / host_bytes(sweep, depth)),
                                    std::max({least, share, kFillingLanes / lanes})});
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
