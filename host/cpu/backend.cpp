#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <mutex>
#include <thread>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "host/cpu/coupled.hpp"
#include "host/cpu/trainer.hpp"

namespace sharpsweep::cpu {
namespace {

/// Bytes that outcomes of units in flight may take per batch.
constexpr std::size_t kBatchBytes = 64u << 20;
constexpr std::size_t kMaxBatchConfigurations = 256;

/// Consecutive units of one depth and seed block, whose configurations can share bundles.
struct Batch {
  std::size_t first_unit = 0;
  std::size_t units = 0;
  std::size_t configurations = 0;
  std::size_t bundle = 1;
  std::size_t first_task = 0;
  std::size_t lane_groups = 0;
};

/// The outcomes of a batch in flight, and its reduction to unit results.
class BatchOutput {
public:
  BatchOutput(const RunContext& run, const Batch& batch, const WorkUnit& unit)
      : run_(run), seeds_(unit.trained_seeds()), coordinates_(run.sweep.target.size()) {
    const std::size_t outcomes = batch.configurations * seeds_ * coordinates_;
    final_.resize(outcomes);
    path_.resize(run.record_steps.size() * outcomes);
    if (run.sweep.save == Save::weights) {
      depth_ = static_cast<std::size_t>(run.sweep.configuration(unit.first_configuration).depth);
      weights_.resize(outcomes * depth_);
    }
    for (std::size_t i = 0; i < batch.configurations; ++i) {
      configurations_.push_back(run.sweep.configuration(unit.first_configuration + i));
    }
  }

  const std::vector<Configuration>& configurations() const { return configurations_; }
  Outcome* outcomes(std::size_t configuration) {
    return final_.data() + configuration * seeds_ * coordinates_;
  }
  Outcome* path(std::size_t time, std::size_t configuration) {
    return path_.data() + (time * configurations_.size() + configuration) * seeds_ * coordinates_;
  }
  double* weights(std::size_t configuration) {
    return weights_.data() + configuration * seeds_ * coordinates_ * depth_;
  }
  bool keeps_weights() const { return !weights_.empty(); }

  /// The results of a unit of the batch that begins at configuration `first` of the batch.
  /// \param result  the states of the unit's earlier seeds, if it has any
  UnitResult reduce(const WorkUnit& unit, std::size_t first, UnitResult result) {
    const std::size_t cells = unit.configurations * coordinates_;
    result.cells.parameters = result.path.parameters = ssam::kOrderParameters;
    result.cells.resize(cells);
    result.path.resize(run_.record_steps.size() * cells);
    for (std::size_t i = 0; i < unit.configurations; ++i) {
      reduce_cells(outcomes(first + i), unit, result.cells, i * coordinates_);
    }
    for (std::size_t time = 0; time < run_.record_steps.size(); ++time) {
      for (std::size_t i = 0; i < unit.configurations; ++i) {
        reduce_cells(path(time, first + i), unit, result.path, time * cells + i * coordinates_);
      }
    }
    const std::size_t per_configuration = seeds_ * coordinates_;
    if (run_.sweep.save != Save::mean) {
      result.outcomes =
          ssam::outcome_values({outcomes(first), unit.configurations * per_configuration});
    }
    if (keeps_weights()) {
      result.weights.assign(weights(first),
                            weights(first) + unit.configurations * per_configuration * depth_);
    }
    return result;
  }

private:
  /// Seeds are pushed in ascending order: the order is part of the bits.
  void reduce_cells(const Outcome* outcomes, const WorkUnit& unit, CellStates& cells,
                    std::size_t first) const {
    for (std::size_t t = 0; t < coordinates_; ++t) {
      CellState state = ssam::cell_state(cells, first + t);
      for (std::uint32_t s = 0; s < seeds_; ++s) {
        state.push(outcomes[s * coordinates_ + t], (unit.first_trained_seed() + s) % kSeedBlock,
                   run_.sweep.survival_level);
      }
      ssam::set_cell_state(cells, first + t, state);
    }
  }

  const RunContext& run_;
  std::size_t seeds_, coordinates_, depth_ = 0;
  std::vector<Configuration> configurations_;
  std::vector<Outcome> final_, path_;
  std::vector<double> weights_;
};

/// A batch being computed: its output, and how many tasks each of its units still waits for.
struct BatchInFlight {
  BatchInFlight(const RunContext& run, const Batch& batch, std::span<const WorkUnit> units)
      : output(run, batch, units[batch.first_unit]), open_units(batch.units) {
    std::size_t first = 0;
    for (std::size_t u = 0; u < batch.units; ++u) {
      const std::size_t end = first + units[batch.first_unit + u].configurations;
      const std::size_t bundles = (end - 1) / batch.bundle - first / batch.bundle + 1;
      first_configuration.push_back(first);
      open_tasks.push_back(bundles * batch.lane_groups);
      first = end;
    }
    first_configuration.push_back(first);
  }

  /// Counts a finished task of bundle `bundle`; appends the units that it completed to `finished`.
  void finish_task(const Batch& batch, std::size_t bundle, std::vector<std::size_t>& finished) {
    const std::size_t begin = bundle * batch.bundle, end = begin + batch.bundle;
    for (std::size_t u = 0; u < open_tasks.size(); ++u) {
      if (first_configuration[u] >= end || first_configuration[u + 1] <= begin) continue;
      if (--open_tasks[u] == 0) finished.push_back(u);
    }
  }

  BatchOutput output;
  std::vector<std::size_t> first_configuration; ///< of each unit, and the end
  std::vector<std::size_t> open_tasks;          ///< of each unit
  std::size_t open_units;
};

/// Puts what a task finds into its batch.
class BundleOutput final : public TaskOutput {
public:
  BundleOutput(BatchOutput& batch, std::size_t first, std::size_t depth, Progress& progress)
      : batch_(batch), first_(first), depth_(depth), progress_(progress) {}
  void record(std::size_t time, std::size_t member, std::size_t lane,
              const Outcome& outcome) override {
    batch_.path(time, first_ + member)[lane] = outcome;
  }
  void finish(std::size_t member, std::size_t lane, const Outcome& outcome,
              std::span<const double> weights) override {
    batch_.outcomes(first_ + member)[lane] = outcome;
    if (!outcome.finished) progress_.diverged.fetch_add(1, std::memory_order_relaxed);
    if (batch_.keeps_weights()) {
      std::copy(weights.begin(), weights.end(), batch_.weights(first_ + member) + lane * depth_);
    }
  }

private:
  BatchOutput& batch_;
  std::size_t first_, depth_;
  Progress& progress_;
};

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "CPU";
}

/// The floating-point state that the promised bits need: round to nearest, no flush to zero.
void set_floating_point_state() {
#ifdef __x86_64__
  _mm_setcsr(0x1f80);
#endif
}

/// Runs `work` on up to `threads` threads, no more than there are tasks. Throws what it throws
/// first, when all have ended; the others are asked to stop.
template <class Work>
void run_on_threads(unsigned threads, std::size_t tasks, Progress& progress, const Work& work) {
  std::mutex mutex;
  std::exception_ptr failure;
  const auto guarded = [&] {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
      progress.stop = true;
    }
  };
  {
    std::vector<std::jthread> pool;
    for (unsigned i = 1; i < threads && i < tasks; ++i) pool.emplace_back(guarded);
    std::jthread(guarded).join(); // the caller's floating-point state stays its own
  }
  if (failure) std::rethrow_exception(failure);
}

class CpuBackend final : public Backend {
public:
  explicit CpuBackend(const CpuOptions& options)
      : options_(options), kernels_(kernels_named(options.instruction_set)) {
    threads_ =
        options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  }

  std::string name() const override { return "cpu"; }
  std::string device() const override {
    return cpu_model() + ", " + std::to_string(threads_) +
           (threads_ == 1 ? " thread, " : " threads, ") + std::string(kernels_.name);
  }

  double working_memory(const Sweep& sweep) const override {
    if (sweep.coupled) {
      const double networks =
          static_cast<double>(configurations_per_unit(sweep)) * std::min(sweep.seeds, kSeedBlock);
      const double numbers = static_cast<double>(sweep.outcome_size()) * (1.0 + sweep.record) +
                             static_cast<double>(sweep.coupled_numbers);
      return (threads_ + 1.0) * networks * 8 * numbers;
    }
    const double lanes =
        static_cast<double>(sweep.target.size()) * std::min(sweep.seeds, kSeedBlock);
    const double weights = sweep.save == Save::weights ? 8.0 * ssam::kMaxDepth : 0;
    const double unit = static_cast<double>(configurations_per_unit(sweep)) * lanes *
                        (sizeof(Outcome) * (1.0 + sweep.record) + weights);
    const double all = static_cast<double>(sweep.configurations()) * lanes *
                       (sizeof(Outcome) * (1.0 + sweep.record) + weights);
    // Every thread may work on a batch of its own; a unit's results are copied once on the way out.
    const double batch = std::max(unit, static_cast<double>(kBatchBytes));
    return std::min(all * seed_blocks(sweep), (threads_ + 1) * batch) + unit;
  }

  void train(const Sweep& sweep, std::span<const WorkUnit> units, const Sink& sink,
             Progress& progress, const Earlier& earlier) override {
    if (sweep.coupled) return train_coupled(sweep, units, sink, progress, earlier);
    const RunContext run(sweep, kernels_);
    const std::vector<Batch> batches = plan_batches(run, units);
    if (batches.empty()) return;
    const Batch& last = batches.back();
    const std::size_t tasks = last.first_task + task_count(last);

    std::atomic<std::size_t> next_task{0};
    std::vector<std::unique_ptr<BatchInFlight>> in_flight(batches.size());
    std::mutex mutex; // of in_flight and the sink

    const auto work = [&] {
      set_floating_point_state();
      for (;;) {
        const std::size_t index = next_task.fetch_add(1);
        if (index >= tasks || progress.stop.load()) return;
        const auto after = std::upper_bound(
            batches.begin(), batches.end(), index,
            [](std::size_t task, const Batch& batch) { return task < batch.first_task; });
        const auto b = static_cast<std::size_t>(after - batches.begin()) - 1;
        const Batch& batch = batches[b];
        const WorkUnit& unit = units[batch.first_unit];
        BatchInFlight* flight = nullptr;
        {
          const std::lock_guard lock(mutex);
          if (!in_flight[b]) in_flight[b] = std::make_unique<BatchInFlight>(run, batch, units);
          flight = in_flight[b].get();
        }
        const std::size_t task = index - batch.first_task;
        if (!run_task(run, batch, unit, task, flight->output, progress)) return;
        std::vector<std::size_t> finished;
        {
          const std::lock_guard lock(mutex);
          flight->finish_task(batch, task / batch.lane_groups, finished);
        }
        for (const std::size_t i : finished) {
          const std::size_t u = batch.first_unit + i;
          UnitResult result =
              flight->output.reduce(units[u], flight->first_configuration[i],
                                    units[u].earlier_seeds > 0 ? earlier(u) : UnitResult{});
          const std::lock_guard lock(mutex);
          sink(u, std::move(result));
          if (--flight->open_units == 0) in_flight[b].reset();
        }
      }
    };
    run_on_threads(threads_, tasks, progress, work);
  }

private:
  /// Units are the tasks: each is trained by one thread.
  void train_coupled(const Sweep& sweep, std::span<const WorkUnit> units, const Sink& sink,
                     Progress& progress, const Earlier& earlier) const {
    const CoupledKernels& kernels = coupled_kernels_named(kernels_.name);
    std::atomic<std::size_t> next_unit{0};
    std::mutex mutex; // of the sink
    run_on_threads(threads_, units.size(), progress, [&] {
      set_floating_point_state();
      for (std::size_t u = next_unit++; u < units.size(); u = next_unit++) {
        UnitResult result;
        if (!train_coupled_unit(sweep, units[u], kernels, progress,
                                units[u].earlier_seeds > 0 ? earlier(u) : UnitResult{}, result)) {
          return;
        }
        const std::lock_guard lock(mutex);
        sink(u, std::move(result));
      }
    });
  }

  static std::size_t bundles(const Batch& batch) {
    return (batch.configurations + batch.bundle - 1) / batch.bundle;
  }
  static std::size_t task_count(const Batch& batch) { return bundles(batch) * batch.lane_groups; }

  /// The size of bundles with which the last core ends first: a larger one shares its noise among
  /// more configurations, and leaves fewer tasks for the cores.
  std::size_t quickest_bundle(std::size_t alone) const {
    constexpr std::size_t kNoise = 8; // cost of a normal, in steps of a weight
    std::size_t best = 1, best_cost = ~std::size_t{0};
    for (std::size_t size = 1; size <= kMaxBundle; ++size) {
      const std::size_t tasks = (alone + size - 1) / size;
      const std::size_t cost = (tasks + threads_ - 1) / threads_ * (kNoise + size);
      if (cost <= best_cost) best = size, best_cost = cost;
    }
    return best;
  }

  /// Bundles of a batch as equal as they can be.
  std::size_t bundle_of(const RunContext& run, const Batch& batch, int depth,
                        std::size_t most) const {
    const bool shared = run.sweep.noise_streams == NoiseStreams::shared;
    if (options_.bundle && shared) return options_.bundle;
    const std::size_t largest = std::min(bundle_size(run, depth), most);
    const std::size_t bundles = (batch.configurations + largest - 1) / largest;
    return (batch.configurations + bundles - 1) / bundles;
  }

  std::vector<Batch> plan_batches(const RunContext& run, std::span<const WorkUnit> units) const {
    const Sweep& sweep = run.sweep;
    std::vector<Batch> batches;
    std::size_t next_task = 0;
    std::size_t alone = 0; // tasks of single configurations
    for (const WorkUnit& unit : units) {
      const std::size_t lanes = unit.trained_seeds() * sweep.target.size();
      alone += unit.configurations * ((lanes + lanes_per_task(run) - 1) / lanes_per_task(run));
    }
    const std::size_t largest_bundle = quickest_bundle(alone);
    for (std::size_t u = 0; u < units.size();) {
      const WorkUnit& first = units[u];
      const std::size_t lanes = first.trained_seeds() * sweep.target.size();
      const std::size_t bytes = lanes * sizeof(Outcome) * (1 + run.record_steps.size());
      const std::size_t limit =
          std::clamp<std::size_t>(kBatchBytes / bytes, 1, kMaxBatchConfigurations);
      Batch batch;
      batch.first_unit = u;
      batch.first_task = next_task;
      const int depth = sweep.configuration(first.first_configuration).depth;
      batch.lane_groups = (lanes + lanes_per_task(run) - 1) / lanes_per_task(run);
      do {
        batch.configurations += units[u].configurations;
        ++batch.units;
        ++u;
      } while (u < units.size() && continues(sweep, units[u - 1], units[u]) &&
               batch.configurations + units[u].configurations <= limit);
      batch.bundle = bundle_of(run, batch, depth, largest_bundle);
      next_task += task_count(batch);
      batches.push_back(batch);
    }
    return batches;
  }

  static bool run_task(const RunContext& run, const Batch& batch, const WorkUnit& unit,
                       std::size_t index, BatchOutput& output, Progress& progress) {
    const std::size_t first = index / batch.lane_groups * batch.bundle;
    const std::size_t members = std::min(batch.bundle, batch.configurations - first);
    const std::size_t lanes = unit.trained_seeds() * run.sweep.target.size();
    const std::size_t first_lane = index % batch.lane_groups * lanes_per_task(run);
    const std::span bundle = std::span(output.configurations()).subspan(first, members);
    const Task task{bundle, unit.first_trained_seed(), first_lane,
                    std::min(lanes_per_task(run), lanes - first_lane)};
    BundleOutput sink(output, first, static_cast<std::size_t>(bundle.front().depth), progress);
    return cpu::train(run, task, sink, progress);
  }

  CpuOptions options_;
  const Kernels& kernels_;
  unsigned threads_;
};

} // namespace
} // namespace sharpsweep::cpu

std::unique_ptr<sharpsweep::Backend> sharpsweep::make_cpu_backend(const CpuOptions& options) {
  return std::make_unique<cpu::CpuBackend>(options);
}
