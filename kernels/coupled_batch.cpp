#include <algorithm>
#include <chrono>
#include <map>
#include <memory>

#include "host/coupled/unit_networks.hpp"
#include "kernels/batch.hpp"
#include "kernels/coupled.hpp"
#include "kernels/device.hpp"

namespace sharpsweep::cuda {
namespace {

constexpr double kSliceSeconds = 0.05;
constexpr std::uint32_t kFirstSlice = 64;
constexpr std::uint32_t kLongestSlice = 1u << 20;

/// A network of a batch: the unit and its place there.
struct Member {
  UnitNetworks* unit;
  std::size_t index;
  UnitNetworks::Network& network() const { return unit->networks()[index]; }
};

/// Networks of one shape on the device.
template <class T>
class GroupTrainer {
public:
  GroupTrainer(const std::vector<Member>& members, cudaStream_t stream)
      : members_(members), sizes_(members.front().network().sizes), stream_(stream) {
    std::vector<std::uint64_t> keys;
    std::vector<std::uint32_t> seeds;
    std::vector<T> constants(sizes_.constants * members.size());
    std::vector<T> state(sizes_.state * members.size());
    for (std::size_t n = 0; n < members.size(); ++n) {
      const UnitNetworks::Network& network = members[n].network();
      keys.push_back(network.noise.key);
      seeds.push_back(network.noise.seed);
      for (std::size_t i = 0; i < sizes_.constants; ++i) {
        constants[i * members.size() + n] = static_cast<T>(network.constants[i]);
      }
      for (std::size_t i = 0; i < sizes_.state; ++i) {
        state[i * members.size() + n] = static_cast<T>(network.state[i]);
      }
    }
    key_ = {keys, stream_};
    seed_ = {seeds, stream_};
    constants_ = {constants, stream_};
    state_ = {state, stream_};
    if (sizes_.all() > kLocalNumbers) scratch_ = {sizes_.all() * members.size(), stream_};
  }

  /// False when stopped.
  bool run(const Sweep& sweep, Progress& progress) {
    const std::vector<std::uint64_t> record_steps = sweep.record_steps();
    const double per_step = static_cast<double>(sizes_.weights * members_.size());
    std::size_t next_record = 0;
    std::uint32_t longest = kFirstSlice;
    for (std::uint64_t step = 0; step < sweep.steps;) {
      if (progress.stop.load()) return false;
      std::uint64_t end = std::min<std::uint64_t>(sweep.steps, step + longest);
      const bool records = next_record < record_steps.size() && record_steps[next_record] <= end;
      if (records) end = record_steps[next_record];
      const auto begin = std::chrono::steady_clock::now();
      const CoupledSlice<T> slice{members_.front().network().shape,
                                  sizes_,
                                  {step, static_cast<std::uint32_t>(end - step), sweep.steps},
                                  key_.data(),
                                  seed_.data(),
                                  constants_.data(),
                                  state_.data(),
                                  static_cast<std::uint32_t>(members_.size()),
                                  scratch_.data()};
      check(launch_coupled(sweep.coupled->registered(), slice, stream_), "launch its kernel");
      check(cudaStreamSynchronize(stream_), "train");
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (end - step == longest && seconds < kSliceSeconds / 2) {
        longest = std::min(2 * longest, kLongestSlice);
      }
      progress.updates.fetch_add(per_step * static_cast<double>(end - step));
      step = end;
      if (records) observe(next_record++, step);
    }
    observe(record_steps.size(), sweep.steps);
    return true;
  }

private:
  void observe(std::size_t time, std::uint64_t step) {
    const std::vector<T> state = state_.download();
    for (std::size_t n = 0; n < members_.size(); ++n) {
      std::vector<double>& own = members_[n].network().state;
      for (std::size_t i = 0; i < own.size(); ++i) {
        own[i] = static_cast<double>(state[i * members_.size() + n]);
      }
      members_[n].unit->observe(members_[n].index, time, step);
    }
  }

  const std::vector<Member>& members_;
  Sizes sizes_;
  cudaStream_t stream_;
  DeviceArray<std::uint64_t> key_;
  DeviceArray<std::uint32_t> seed_;
  DeviceArray<T> constants_, state_, scratch_;
};

template <class T>
bool train_groups(const Sweep& sweep, const std::map<Shape, std::vector<Member>>& groups,
                  Progress& progress) {
  const CudaStream stream;
  for (const auto& [shape, members] : groups) {
    GroupTrainer<T> trainer(members, stream);
    if (!trainer.run(sweep, progress)) return false;
  }
  return true;
}

} // namespace

void train_coupled_batch(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
                         const Sink& deliver, Progress& progress, const Earlier& earlier) {
  std::vector<std::unique_ptr<UnitNetworks>> networks;
  std::map<Shape, std::vector<Member>> groups;
  for (std::size_t u = batch.first_unit; u < batch.first_unit + batch.units; ++u) {
    networks.push_back(std::make_unique<UnitNetworks>(sweep, units[u]));
    for (std::size_t i = 0; i < networks.back()->networks().size(); ++i) {
      const UnitNetworks::Network& network = networks.back()->networks()[i];
      if (network.started) groups[network.shape].push_back({networks.back().get(), i});
    }
  }
  const bool done = sweep.precision == Precision::f32
                        ? train_groups<float>(sweep, groups, progress)
                        : train_groups<double>(sweep, groups, progress);
  if (!done) return;
  for (std::size_t i = 0; i < batch.units; ++i) {
    const std::size_t u = batch.first_unit + i;
    progress.diverged.fetch_add(networks[i]->count_diverged());
    deliver(u, networks[i]->reduce(units[u].earlier_seeds > 0 ? earlier(u) : UnitResult{}));
  }
}

} // namespace sharpsweep::cuda
