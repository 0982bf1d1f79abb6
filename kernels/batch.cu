#include "kernels/batch.hpp"

#include <algorithm>
#include <chrono>

#include <cub/device/device_reduce.cuh>
#include <thrust/execution_policy.h>
#include <thrust/for_each.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/system_error.h>

#include "kernels/device.hpp"
#include "kernels/launch.hpp"
#include "kernels/training.cuh"
#include "sharpsweep/models/ssam_outcome.hpp"

namespace sharpsweep::cuda {
namespace {

using ssam::CellState;
using ssam::Outcome;

/// A launch lasts about this long: launches cost microseconds, and an interruption waits for one.
constexpr double kSliceSeconds = 0.05;
constexpr std::uint32_t kFirstSlice = 256;
constexpr std::uint64_t kLongestSlice = 1u << 20;

/// What the kernels of a batch know about its configurations.
struct ConfigurationData {
  double eta;
  ssam::Init init;
  std::uint64_t key;
};

/// The device arrays and extents that the functors below share.
template <class T>
struct View {
  T* weights;        ///< [member][layer][lane]
  double* tail;      ///< [member][lane]
  Outcome* outcomes; ///< [member][lane]
  CellState* cells;  ///< [member][target]
  const ConfigurationData* configurations;
  const double* target_values;                         ///< [member][target]
  const std::uint32_t* coordinate;                     ///< [target], counter word 2
  std::uint32_t lanes, coordinates, seeds, first_seed; // those to train
  int depth;
};

/// Sets the starting weights of lane `index` of [member][lane].
template <class T>
struct StartNetwork {
  View<T> view;
  __device__ void operator()(std::size_t index) const {
    const std::size_t member = index / view.lanes, lane = index % view.lanes;
    const ConfigurationData& c = view.configurations[member];
    const auto depth = static_cast<std::size_t>(view.depth);
    for (std::size_t l = 0; l < depth; ++l) {
      float normal = 0;
      if (c.init.kind == ssam::Init::Kind::gaussian) {
        const auto seed = view.first_seed + static_cast<std::uint32_t>(lane / view.coordinates);
        normal = ssam::initial_normal(c.key, view.coordinate[lane % view.coordinates], seed,
                                      static_cast<int>(l));
      }
      view.weights[(member * depth + l) * view.lanes + lane] =
          static_cast<T>(ssam::initial_weight(c.init, view.depth, static_cast<int>(l), normal));
    }
  }
};

/// Finds the order parameters of lane `index` of [member][lane].
template <class T>
struct FindOutcome {
  View<T> view;
  std::uint64_t tail_steps; ///< of the tail average; 0: the product of the weights as they are
  __device__ void operator()(std::size_t index) const {
    const std::size_t member = index / view.lanes, lane = index % view.lanes;
    const T* w = view.weights + member * static_cast<std::size_t>(view.depth) * view.lanes + lane;
    const double product = tail_steps > 0 ? div(view.tail[index], static_cast<double>(tail_steps))
                                          : ssam::product_of(w, view.lanes, view.depth);
    Outcome outcome;
    outcome.finished = ssam::order_parameters(
        w, view.lanes, view.depth, view.configurations[member].eta,
        view.target_values[member * view.coordinates + lane % view.coordinates], product,
        outcome.value);
    view.outcomes[index] = outcome;
  }
};

/// A coupled network diverges as a whole. `network` counts [member][seed].
template <class T>
struct SpreadDivergence {
  View<T> view;
  __device__ void operator()(std::size_t network) const {
    Outcome* first = view.outcomes + network * view.coordinates;
    bool finished = true;
    for (std::uint32_t h = 0; h < view.coordinates; ++h) finished = finished && first[h].finished;
    for (std::uint32_t h = 0; h < view.coordinates; ++h) first[h].finished = finished;
  }
};

/// Reduces a cell over its seeds in ascending order: the order is part of the bits.
template <class T>
struct ReduceSeeds {
  View<T> view;
  double survival_level;
  __device__ void operator()(std::size_t cell) const {
    const Outcome* first =
        view.outcomes + cell / view.coordinates * view.lanes + cell % view.coordinates;
    CellState state = view.cells[cell]; // of the earlier seeds
    for (std::uint32_t s = 0; s < view.seeds; ++s) {
      state.push(first[std::size_t{s} * view.coordinates], (view.first_seed + s) % kSeedBlock,
                 survival_level);
    }
    view.cells[cell] = state;
  }
};

struct IsDiverged {
  __device__ unsigned long long operator()(const Outcome& outcome) const {
    return outcome.finished ? 0 : 1;
  }
};

template <class T>
class BatchTrainer {
public:
  BatchTrainer(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
               Progress& progress)
      : sweep_(sweep), progress_(progress), unit_(units[batch.first_unit]),
        members_(static_cast<std::uint32_t>(batch.configurations)),
        coordinates_(static_cast<std::uint32_t>(sweep.target.size())),
        lanes_(unit_.trained_seeds() * coordinates_) {
    std::vector<ConfigurationData> data;
    std::vector<MemberParameters<T>> parameters;
    std::vector<T> targets;
    std::vector<double> target_values;
    std::vector<std::uint32_t> coordinate;
    for (std::uint32_t m = 0; m < members_; ++m) {
      const Configuration c = sweep.configuration(unit_.first_configuration + m);
      depth_ = c.depth;
      data.push_back({c.eta, c.init, c.key});
      parameters.push_back({static_cast<T>(c.eta), static_cast<T>(-2 * c.alpha), c.key});
      for (std::uint32_t t = 0; t < coordinates_; ++t) {
        target_values.push_back(sweep.target_value(c.depth, c.eta, t));
        targets.push_back(static_cast<T>(target_values.back()));
      }
    }
    for (const double target : sweep.target) coordinate.push_back(coordinate_word(target));
    const std::size_t all = std::size_t{members_} * lanes_;
    configurations_ = {data, stream_};
    parameters_ = {parameters, stream_};
    targets_ = {targets, stream_};
    target_values_ = {target_values, stream_};
    coordinate_ = {coordinate, stream_};
    weights_ = {all * static_cast<std::size_t>(depth_), stream_};
    product_sum_ = {all, stream_};
    tail_ = {all, stream_};
    outcomes_ = {all, stream_};
    cells_ = {std::size_t{members_} * coordinates_, stream_};
    product_sum_.clear();
    tail_.clear();
    for_each(all, StartNetwork<T>{view()});
    check(cudaGetLastError(), "start the networks");
  }

  /// False when stopped. \param earlier  states of the earlier seeds, or empty: [time][cell]
  bool run(std::vector<std::vector<CellState>>& path,
           const std::vector<std::vector<CellState>>& earlier) {
    const std::vector<std::uint64_t> record_steps = sweep_.record_steps();
    const std::uint64_t tail = sweep_.first_tail_step();
    std::size_t next_record = 0;
    std::uint64_t longest = kFirstSlice;
    for (std::uint64_t step = 0; step < sweep_.steps;) {
      if (progress_.stop.load()) return false;
      std::uint64_t end = std::min(sweep_.steps, step + longest);
      if (step < tail) end = std::min(end, tail);
      if (next_record < record_steps.size()) end = std::min(end, record_steps[next_record]);
      const auto begin = std::chrono::steady_clock::now();
      make_slice(step, end, step >= tail);
      check(cudaStreamSynchronize(stream_), "train");
      const double seconds =
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
      if (end - step == longest && seconds < kSliceSeconds / 2) {
        longest = std::min(2 * longest, kLongestSlice);
      }
      progress_.updates.fetch_add(static_cast<double>(end - step) * depth_ *
                                  static_cast<double>(lanes_) * members_);
      step = end;
      if (next_record < record_steps.size() && step == record_steps[next_record]) {
        find_outcomes(0);
        path.push_back(reduce(earlier.empty() ? std::vector<CellState>{} : earlier[next_record]));
        ++next_record;
      }
    }
    find_outcomes(sweep_.steps - tail);
    return true;
  }

  /// \param earlier  the cells' states of the earlier seeds; empty: there are none
  std::vector<CellState> reduce(std::vector<CellState> earlier) {
    earlier.resize(cells_.size());
    cells_ = {earlier, stream_};
    for_each(cells_.size(), ReduceSeeds<T>{view(), sweep_.survival_level});
    check(cudaGetLastError(), "reduce over seeds");
    return cells_.download();
  }

  std::vector<Outcome> outcomes() const { return outcomes_.download(); }

  /// Final weights as doubles, [member][seed][target][layer]; NaN where diverged.
  std::vector<double> final_weights(std::span<const Outcome> outcomes) const {
    const std::vector<T> weights = weights_.download();
    const auto depth = static_cast<std::size_t>(depth_);
    std::vector<double> result(weights.size());
    for (std::size_t m = 0; m < members_; ++m) {
      for (std::size_t lane = 0; lane < lanes_; ++lane) {
        for (std::size_t l = 0; l < depth; ++l) {
          result[(m * lanes_ + lane) * depth + l] =
              outcomes[m * lanes_ + lane].finished
                  ? static_cast<double>(weights[(m * depth + l) * lanes_ + lane])
                  : kNone;
        }
      }
    }
    return result;
  }

  /// How many coordinates diverged: integers, so that any order of summing will do.
  std::uint64_t count_diverged() {
    const auto flags = thrust::make_transform_iterator(outcomes_.data(), IsDiverged{});
    DeviceArray<unsigned long long> total(1, stream_);
    std::size_t bytes = 0;
    const auto count = static_cast<std::int64_t>(outcomes_.size());
    check(cub::DeviceReduce::Sum(nullptr, bytes, flags, total.data(), count, stream_), "count");
    DeviceArray<unsigned char> scratch(bytes, stream_);
    check(cub::DeviceReduce::Sum(scratch.data(), bytes, flags, total.data(), count, stream_),
          "count");
    return total.download().front();
  }

  int depth() const { return depth_; }
  std::size_t lanes() const { return lanes_; }

private:
  View<T> view() const {
    return {
        weights_.data(),        tail_.data(),          outcomes_.data(),           cells_.data(),
        configurations_.data(), target_values_.data(), coordinate_.data(),         lanes_,
        coordinates_,           unit_.trained_seeds(), unit_.first_trained_seed(), depth_};
  }

  template <class Functor>
  void for_each(std::size_t count, const Functor& functor) const {
    try {
      thrust::for_each_n(thrust::cuda::par_nosync.on(stream_),
                         thrust::counting_iterator<std::size_t>(0), count, functor);
    } catch (const thrust::system_error& error) {
      throw DeviceError(std::string("the GPU failed to reduce: ") + error.what());
    }
  }

  /// Lanes of a block: shared evenly among as few blocks as hold them; of coupled coordinates, as
  /// many whole networks as leave the fewest threads idle.
  std::uint32_t block_lanes(unsigned most) const {
    const auto whole_warps = [](std::uint32_t lanes) { return parts(lanes, 32u) * 32; };
    if (sweep_.projection_radius == 0) { // coordinates that do not talk may lie in any block
      return whole_warps(parts(lanes_, parts(lanes_, std::min(most, 256u))));
    }
    const std::uint32_t largest = std::min(std::max(coordinates_, 128u), lanes_);
    std::uint32_t best = coordinates_, least_threads = ~0u;
    for (std::uint32_t lanes = coordinates_; lanes <= largest; lanes += coordinates_) {
      const std::uint32_t threads = parts(lanes_, lanes) * whole_warps(lanes);
      if (threads <= least_threads) { // of equals the larger one: fewer blocks
        best = lanes;
        least_threads = threads;
      }
    }
    return best;
  }

  void make_slice(std::uint64_t begin, std::uint64_t end, bool tail) {
    Slice<T> slice{};
    slice.weights = weights_.data();
    slice.product_sum = product_sum_.data();
    slice.tail = tail_.data();
    slice.targets = targets_.data();
    slice.members = parameters_.data();
    slice.coordinate = coordinate_.data();
    slice.first_step = begin;
    slice.total_steps = sweep_.steps;
    slice.steps = static_cast<std::uint32_t>(end - begin);
    slice.first_seed = unit_.first_trained_seed();
    slice.coordinates = coordinates_;
    slice.lanes = lanes_;
    slice.noisy = sweep_.noise == Noise::gaussian;
    slice.tail_active = tail;
    slice.radius = static_cast<T>(sweep_.projection_radius);
    DeviceArray<T> schedule;
    if (sweep_.schedule.kind != Schedule::Kind::constant) {
      std::vector<T> factors;
      for (std::uint64_t k = begin; k < end; ++k) {
        factors.push_back(static_cast<T>(schedule_factor(sweep_.schedule, k)));
      }
      schedule = {factors, stream_};
      slice.schedule = schedule.data();
    }
    // The largest bundles first; what is left over takes smaller ones.
    const auto sizes = bundle_sizes<T>(depth_);
    std::uint32_t done = 0;
    for (auto size = sizes.rbegin(); size != sizes.rend(); ++size) {
      const auto bundle = static_cast<std::uint32_t>(*size);
      if (bundle > 1 && !bundle_pays(bundle)) continue;
      const std::uint32_t bundles = (members_ - done) / bundle;
      if (bundles == 0) continue;
      slice.block_lanes = block_lanes(max_block_threads(*size));
      constexpr std::uint32_t kGridLimit = 65535;
      for (std::uint32_t b = 0; b < bundles; b += kGridLimit) {
        slice.first_member = done + b * bundle;
        check(launch(slice, depth_, *size, std::min(kGridLimit, bundles - b), stream_),
              "launch the training kernel");
      }
      bundles_launched |= bundle;
      done += bundles * bundle;
    }
  }

  /// Bundles share noise, so streams must be shared; and a GPU must stay full.
  bool bundle_pays(std::uint32_t bundle) const {
    if (sweep_.noise_streams == NoiseStreams::independent || sweep_.noise == Noise::none ||
        sweep_.projection_radius > 0) {
      return false;
    }
    int device = 0, processors = 0;
    check(cudaGetDevice(&device), "name itself");
    check(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, device),
          "tell its size");
    // Threads of a multiprocessor that the registers of a bundle leave room for; other batches are
    // in flight beside this one.
    const double resident = kMaxThreads<2> * 3.0 * processors / kStreams;
    return static_cast<double>(lanes_) * members_ / bundle >= resident;
  }

  /// \param tail_steps  steps of the tail average; 0: the product of the weights as they are
  void find_outcomes(std::uint64_t tail_steps) {
    for_each(outcomes_.size(), FindOutcome<T>{view(), tail_steps});
    if (sweep_.projection_radius > 0) {
      for_each(outcomes_.size() / coordinates_, SpreadDivergence<T>{view()});
    }
    check(cudaGetLastError(), "find order parameters");
  }

  const Sweep& sweep_;
  Progress& progress_;
  const WorkUnit& unit_;
  std::uint32_t members_, coordinates_, lanes_;
  int depth_ = 1;
  CudaStream stream_;
  DeviceArray<ConfigurationData> configurations_;
  DeviceArray<MemberParameters<T>> parameters_;
  DeviceArray<T> targets_, weights_, product_sum_;
  DeviceArray<double> target_values_, tail_;
  DeviceArray<std::uint32_t> coordinate_;
  DeviceArray<Outcome> outcomes_;
  DeviceArray<CellState> cells_;
};

/// The states of the earlier seeds of a batch's units, one after the other; empty when its units
/// have none.
struct EarlierStates {
  EarlierStates(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
                const Earlier& earlier) {
    if (units[batch.first_unit].earlier_seeds == 0) return;
    path.resize(sweep.record);
    for (std::size_t u = batch.first_unit; u < batch.first_unit + batch.units; ++u) {
      const UnitResult unit = earlier(u);
      for (std::size_t i = 0; i < unit.cells.size(); ++i) {
        cells.push_back(ssam::cell_state(unit.cells, i));
        for (std::size_t time = 0; time < path.size(); ++time) {
          path[time].push_back(ssam::cell_state(unit.path, time * unit.cells.size() + i));
        }
      }
    }
  }
  std::vector<CellState> cells;
  std::vector<std::vector<CellState>> path; ///< [time][cell]
};

template <class T>
void train_batch_as(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
                    const Sink& deliver, Progress& progress, const Earlier& earlier) {
  const EarlierStates before(sweep, units, batch, earlier);
  BatchTrainer<T> trainer(sweep, units, batch, progress);
  std::vector<std::vector<CellState>> path;
  if (!trainer.run(path, before.path)) return;
  const std::vector<CellState> cells = trainer.reduce(before.cells);
  progress.diverged.fetch_add(trainer.count_diverged());
  std::vector<Outcome> outcomes;
  std::vector<double> weights;
  if (sweep.save != Save::mean) outcomes = trainer.outcomes();
  if (sweep.save == Save::weights) weights = trainer.final_weights(outcomes);

  const auto slice_of = [](const auto& all, std::size_t first, std::size_t count) {
    using List = std::decay_t<decltype(all)>;
    if (all.empty()) return List{};
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
    return List(begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  std::size_t first = 0;
  const std::size_t depth = static_cast<std::size_t>(trainer.depth());
  for (std::size_t u = batch.first_unit; u < batch.first_unit + batch.units; ++u) {
    const std::size_t n = units[u].configurations, targets = sweep.target.size();
    UnitResult result;
    result.cells = CellStates(n * targets, ssam::kOrderParameters);
    result.path = CellStates(path.size() * n * targets, ssam::kOrderParameters);
    for (std::size_t i = 0; i < n * targets; ++i) {
      ssam::set_cell_state(result.cells, i, cells[first * targets + i]);
      for (std::size_t time = 0; time < path.size(); ++time) {
        ssam::set_cell_state(result.path, time * n * targets + i, path[time][first * targets + i]);
      }
    }
    const std::size_t lanes = trainer.lanes();
    result.outcomes = ssam::outcome_values(slice_of(outcomes, first * lanes, n * lanes));
    result.weights = slice_of(weights, first * lanes * depth, n * lanes * depth);
    deliver(u, std::move(result));
    first += n;
  }
}

} // namespace

std::atomic<unsigned> bundles_launched = 0;

unsigned max_block_threads(int bundle) { return bundle > 1 ? kMaxThreads<2> : kMaxThreads<1>; }

double device_bytes_per_configuration(const Sweep& sweep, int depth, std::uint32_t seeds) {
  const double scalar = sweep.precision == Precision::f32 ? sizeof(float) : sizeof(double);
  const auto targets = static_cast<double>(sweep.target.size());
  return targets * seeds * (scalar * (depth + 1) + sizeof(double) + sizeof(Outcome)) +
         targets * (scalar + sizeof(double) + sizeof(CellState)) + sizeof(ConfigurationData);
}

void train_batch(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
                 const Sink& deliver, Progress& progress, const Earlier& earlier) {
  if (sweep.precision == Precision::f32) {
    train_batch_as<float>(sweep, units, batch, deliver, progress, earlier);
  } else {
    train_batch_as<double>(sweep, units, batch, deliver, progress, earlier);
  }
}

} // namespace sharpsweep::cuda
