#include "host/cpu/coupled.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <new>

#include "host/coupled/unit_networks.hpp"

namespace sharpsweep::cpu {
namespace {

/// Weights of all lanes times steps that a tile advances by before it looks at the stop flag.
constexpr double kSliceUpdates = 2e6;

/// Rows of numbers of type T, a lane each.
template <class T>
class LaneRows {
public:
  LaneRows(std::size_t rows, std::size_t width)
      : width_(width), size_(std::max<std::size_t>(1, rows) * width * sizeof(T)),
        bytes_(static_cast<std::byte*>(::operator new(size_, std::align_val_t(kTileAlignment)))) {
    std::memset(bytes_, 0, size_);
  }
  ~LaneRows() { ::operator delete(bytes_, std::align_val_t(kTileAlignment)); }
  LaneRows(const LaneRows&) = delete;
  LaneRows& operator=(const LaneRows&) = delete;

  std::byte* bytes() { return bytes_; }
  void put(std::size_t lane, const std::vector<double>& numbers) {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      const T number = static_cast<T>(numbers[i]);
      std::memcpy(bytes_ + (i * width_ + lane) * sizeof(T), &number, sizeof number);
    }
  }
  void get(std::size_t lane, std::vector<double>& numbers) const {
    for (std::size_t i = 0; i < numbers.size(); ++i) {
      T number;
      std::memcpy(&number, bytes_ + (i * width_ + lane) * sizeof(T), sizeof number);
      numbers[i] = static_cast<double>(number);
    }
  }

private:
  std::size_t width_, size_;
  std::byte* bytes_;
};

/// Some networks of one shape, side by side in a tile.
template <class T>
class NetworkTile {
public:
  NetworkTile(UnitNetworks& unit, std::span<const std::size_t> members, std::size_t width)
      : unit_(unit), members_(members), sizes_(network(0).sizes),
        constants_(sizes_.constants, width), state_(sizes_.state, width), work_(sizes_.work, width),
        key_(width), seed_(width) {
    for (std::size_t lane = 0; lane < width; ++lane) {
      // Lanes beyond the last network repeat the first.
      const UnitNetworks::Network& one = network(lane < members.size() ? lane : 0);
      constants_.put(lane, one.constants);
      state_.put(lane, one.state);
      key_[lane] = one.noise.key;
      seed_[lane] = one.noise.seed;
    }
  }

  /// False when stopped.
  bool run(const Sweep& sweep, AdvanceTile advance, std::span<const std::uint64_t> record_steps,
           Progress& progress) {
    const Shape shape = network(0).shape;
    const double per_step = static_cast<double>(sizes_.weights * members_.size());
    const auto longest =
        static_cast<std::uint64_t>(std::clamp(kSliceUpdates / (per_step + 1), 1.0, 65536.0));
    std::size_t next_record = 0;
    for (std::uint64_t step = 0; step < sweep.steps;) {
      if (progress.stop.load(std::memory_order_relaxed)) return false;
      std::uint64_t end = std::min(sweep.steps, step + longest);
      const bool records = next_record < record_steps.size() && record_steps[next_record] <= end;
      if (records) end = record_steps[next_record];
      advance(shape, {step, static_cast<std::uint32_t>(end - step), sweep.steps},
              {key_.data(), seed_.data()}, constants_.bytes(), state_.bytes(), work_.bytes());
      progress.updates.fetch_add(per_step * static_cast<double>(end - step),
                                 std::memory_order_relaxed);
      step = end;
      if (records) observe(next_record++, step);
    }
    observe(record_steps.size(), sweep.steps);
    return true;
  }

private:
  UnitNetworks::Network& network(std::size_t i) { return unit_.networks()[members_[i]]; }
  void observe(std::size_t time, std::uint64_t step) {
    for (std::size_t lane = 0; lane < members_.size(); ++lane) {
      state_.get(lane, network(lane).state);
      unit_.observe(members_[lane], time, step);
    }
  }

  UnitNetworks& unit_;
  std::span<const std::size_t> members_;
  Sizes sizes_;
  LaneRows<T> constants_, state_, work_;
  std::vector<std::uint64_t> key_;
  std::vector<std::uint32_t> seed_;
};

template <class T>
bool train_as(const Sweep& sweep, UnitNetworks& unit, const CoupledKernel& kernel,
              Progress& progress) {
  std::map<Shape, std::vector<std::size_t>> groups;
  for (std::size_t i = 0; i < unit.networks().size(); ++i) {
    if (unit.networks()[i].started) groups[unit.networks()[i].shape].push_back(i);
  }
  const std::vector<std::uint64_t> record_steps = sweep.record_steps();
  for (const auto& [shape, members] : groups) {
    for (std::size_t first = 0; first < members.size();) {
      const std::size_t left = members.size() - first;
      const auto [width, advance] = kernel.for_tile(shape, left);
      NetworkTile<T> tile(unit, std::span(members).subspan(first, std::min(width, left)), width);
      if (!tile.run(sweep, advance, record_steps, progress)) return false;
      first += width;
    }
  }
  return true;
}

} // namespace

const CoupledKernels& coupled_kernels_named([[maybe_unused]] std::string_view name) {
#ifdef SHARPSWEEP_HAVE_X86_KERNELS
  if (name == kAvx2CoupledKernels.name) return kAvx2CoupledKernels;
  if (name == kAvx512CoupledKernels.name) return kAvx512CoupledKernels;
#endif
  return kScalarCoupledKernels;
}

bool train_coupled_unit(const Sweep& sweep, const WorkUnit& unit, const CoupledKernels& kernels,
                        Progress& progress, UnitResult earlier, UnitResult& result) {
  UnitNetworks networks(sweep, unit);
  const std::size_t model = sweep.coupled->registered();
  const bool done = sweep.precision == Precision::f32
                        ? train_as<float>(sweep, networks, kernels.f32[model], progress)
                        : train_as<double>(sweep, networks, kernels.f64[model], progress);
  if (!done) return false;
  progress.diverged.fetch_add(networks.count_diverged(), std::memory_order_relaxed);
  result = networks.reduce(std::move(earlier));
  return true;
}

} // namespace sharpsweep::cpu
