#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>
#include <numeric>

#include "host/device_queue.hpp"
#include "kernels/batch.hpp"
#include "kernels/device.hpp"
#include "kernels/launch.hpp"
#include "sharpsweep/models/ssam_outcome.hpp"

namespace sharpsweep::cuda {
namespace {

/// Share of a device's free memory that its batches may take together.
constexpr double kMemoryShare = 0.8;
/// A batch of fewer lanes does not fill a large device even in bundles of eight.
constexpr double kFillingLanes = 4e6;
/// The same for coupled networks, of which one is a thread.
constexpr double kFillingNetworks = 262144;
/// Host memory that the results of one batch may take.
constexpr double kBatchHostBytes = 1e9;
/// The kernels are compiled for 8.0 (kernels/CMakeLists.txt) and later ones.
constexpr int kLeastComputeCapability = 8;
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
    std::string problem = "none of compute capability 8.0 or later";
    for (int id = 0; id < count; ++id) {
      try {
        add_device(id);
      } catch (const DeviceError& error) {
        problem = error.what(); // the others may do
        cudaGetLastError();
      }
    }
    if (devices_.empty()) throw DeviceError("no usable GPU: " + problem);
    for (const Device& device : devices_) {
      check(cudaSetDevice(device.id), "be selected");
      if (const unsigned wrong = wrong_square_roots(); wrong > 0) {
        throw DeviceError("GPU " + std::to_string(device.id) + " (" + device.name +
                          ") rounds the square roots of " + std::to_string(wrong) +
                          " numbers otherwise; leave it out of CUDA_VISIBLE_DEVICES");
      }
    }
  }

  std::string name() const override { return "cuda"; }
  std::string device() const override {
    std::string text;
    for (const Device& device : devices_) text += (text.empty() ? "" : ", ") + device.name;
    return text;
  }
  double working_memory(const Sweep& sweep) const override {
    if (sweep.coupled) {
      const double networks = static_cast<double>(sweep.configurations()) * sweep.seeds;
      const auto streams = static_cast<double>(devices_.size()) * kStreams;
      return std::min(networks, streams * kFillingNetworks) * host_bytes_per_network(sweep);
    }
    double one = 0;
    for (const int depth : sweep.depth) one = std::max(one, host_bytes(sweep, depth));
    const double unit = one * static_cast<double>(configurations_per_unit(sweep));
    return static_cast<double>(devices_.size()) * kStreams *
           std::min(std::max(unit, kBatchHostBytes),
                    one * static_cast<double>(sweep.configurations()));
  }

  void train(const Sweep& sweep, std::span<const WorkUnit> units, const Sink& sink,
             Progress& progress, const Earlier& earlier) override {
    const std::vector<Batch> batches =
        sweep.coupled ? plan_coupled(sweep, units) : plan(sweep, units);
    std::mutex mutex;
    const Sink deliver = [&](std::size_t unit, UnitResult&& result) {
      const std::lock_guard lock(mutex);
      sink(unit, std::move(result));
    };
    run_on_devices(batches.size(), static_cast<int>(devices_.size()), kStreams, progress.stop,
                   [&](int device, std::size_t batch) {
                     check(cudaSetDevice(devices_[static_cast<std::size_t>(device)].id),
                           "be selected");
                     const auto& train = sweep.coupled ? train_coupled_batch : train_batch;
                     train(sweep, units, batches[batch], deliver, progress, earlier);
                   });
  }

private:
  struct Device {
    int id;
    std::string name;
  };

  /// Takes a device into use, unless it is older than the kernels were compiled for.
  void add_device(int id) {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, id), "describe itself");
    if (properties.major < kLeastComputeCapability) return;
    check(cudaSetDevice(id), "be selected");
    std::size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "tell its memory");
    devices_.push_back({id, properties.name});
    free_bytes_ = std::min(free_bytes_, static_cast<double>(free));
  }

  /// Bytes on the host per configuration of a batch: what is downloaded, and its copy in results.
  static double host_bytes(const Sweep& sweep, int depth) {
    const auto targets = static_cast<double>(sweep.target.size());
    const double lanes = targets * std::min(sweep.seeds, kSeedBlock);
    double bytes = 2 * targets * sizeof(ssam::CellState) * (1.0 + sweep.record);
    if (sweep.save != Save::mean) bytes += 2 * lanes * sizeof(ssam::Outcome);
    if (sweep.save == Save::weights) bytes += 3 * lanes * sizeof(double) * depth;
    return bytes;
  }

  /// Bytes on the host per network of a coupled model.
  static double host_bytes_per_network(const Sweep& sweep) {
    return 8 * (2.0 * static_cast<double>(sweep.coupled_numbers) +
                static_cast<double>(sweep.outcome_size()) * (1.0 + sweep.record));
  }

  /// Units of a coupled model: as many networks as fill a device, as far as memory allows, and few
  /// enough that every stream of every device gets some.
  std::vector<Batch> plan_coupled(const Sweep& sweep, std::span<const WorkUnit> units) const {
    double all = 0;
    for (const WorkUnit& unit : units) {
      all += static_cast<double>(unit.configurations) * unit.trained_seeds();
    }
    const double share = std::ceil(all / (kStreams * static_cast<double>(devices_.size())));
    const double scalar = sweep.precision == Precision::f32 ? sizeof(float) : sizeof(double);
    // Its numbers lie in arrays and, while they are trained, in scratch memory.
    const double memory = kMemoryShare * free_bytes_ / kStreams /
                          (2 * scalar * static_cast<double>(sweep.coupled_numbers));
    const double most = std::min(
        {kFillingNetworks, share, memory, kBatchHostBytes / host_bytes_per_network(sweep)});
    std::vector<Batch> batches;
    double networks = most; // of the last batch
    for (std::size_t u = 0; u < units.size(); ++u) {
      const double own = static_cast<double>(units[u].configurations) * units[u].trained_seeds();
      if (networks + own > most) {
        batches.push_back({u, 0, 0});
        networks = 0;
      }
      ++batches.back().units;
      batches.back().configurations += units[u].configurations;
      networks += own;
    }
    return batches;
  }

  static std::size_t largest_bundle(const Sweep& sweep, int depth) {
    if (sweep.noise_streams == NoiseStreams::independent) return 1;
    return static_cast<std::size_t>(sweep.precision == Precision::f32
                                        ? bundle_sizes<float>(depth).back()
                                        : bundle_sizes<double>(depth).back());
  }

  /// Units of one depth and seed block together, as many as fit into memory beside the other
  /// streams, but no more than fill a device, because a batch that is lost is lost as a whole, and
  /// few enough that every stream of every device gets some. What may share batches is divided
  /// evenly: a small one left over would not fill a device.
  std::vector<Batch> plan(const Sweep& sweep, std::span<const WorkUnit> units) const {
    const std::size_t share = parts(units.size(), kStreams * devices_.size());
    std::vector<Batch> batches;
    for (std::size_t u = 0; u < units.size();) {
      const WorkUnit& first = units[u];
      std::size_t end = u + 1, largest = first.configurations;
      for (; end < units.size() && continues(sweep, units[end - 1], units[end]); ++end) {
        largest = std::max(largest, units[end].configurations);
      }
      const int depth = sweep.configuration(first.first_configuration).depth;
      const double bytes = device_bytes_per_configuration(sweep, depth, first.trained_seeds());
      const double lanes = static_cast<double>(sweep.target.size()) * first.trained_seeds();
      const auto least = static_cast<double>(largest); // a unit is not cut
      const double memory = kMemoryShare * free_bytes_ / kStreams / bytes;
      const double most = std::min({memory, kMaxBatchLanes / lanes,
                                    std::max(least, kBatchHostBytes / host_bytes(sweep, depth)),
                                    std::max(least, kFillingLanes / lanes)});
      if (least > most) {
        throw UsageError("target: a work unit of " + std::to_string(first.seeds) + " seeds and " +
                         std::to_string(sweep.target.size()) +
                         " targets does not fit into the GPU's memory; use fewer targets");
      }
      const auto most_units = static_cast<std::size_t>(most / least);
      std::size_t each = parts(end - u, parts(end - u, std::min(most_units, share)));
      // Whole bundles: what is left over trains at several times the cost.
      const std::size_t bundle = largest_bundle(sweep, depth);
      const std::size_t whole = bundle / std::gcd(bundle, largest);
      if (parts(each, whole) * whole <= most_units) each = parts(each, whole) * whole;
      while (u < end) {
        Batch batch{u, std::min(each, end - u), 0};
        while (u < batch.first_unit + batch.units) {
          batch.configurations += units[u++].configurations;
        }
        batches.push_back(batch);
      }
    }
    return batches;
  }

  std::vector<Device> devices_;
  double free_bytes_ = std::numeric_limits<double>::infinity(); ///< of the fullest device
};

} // namespace
} // namespace sharpsweep::cuda

std::unique_ptr<sharpsweep::Backend> sharpsweep::make_cuda_backend() {
  return std::make_unique<cuda::CudaBackend>();
}
