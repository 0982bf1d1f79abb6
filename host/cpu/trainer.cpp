#include "host/cpu/trainer.hpp"

#include <algorithm>
#include <memory>

#include <unistd.h>

namespace sharpsweep::cpu {
namespace {

constexpr int kMaxChunkRows = 64; ///< rows of normals per buffer: 16 KiB, half of an L1 cache
constexpr std::size_t kScheduleTable = 1u << 20;

/// Steps per buffer of normals; a multiple of 4, so that every chunk starts on a Philox block.
int chunk_steps(int depth) { return depth > 8 ? 4 : kMaxChunkRows / depth / 8 * 8; }

template <class T>
struct alignas(64) Row {
  T lane[kTileLanes];
};

/// The state of one bundle on one tile.
template <class T>
struct Tile {
  NoiseAddress address;
  std::vector<Row<T>> weights;     ///< [member][layer]
  std::vector<Row<T>> targets;     ///< [member]
  std::vector<Row<T>> product_sum; ///< [member], since the last flush
  std::vector<Row<double>> tail;   ///< [member], up to the last flush
};

template <class T>
class Trainer {
public:
  Trainer(const RunContext& run, const Task& task, TaskOutput& output)
      : run_(run), sweep_(run.sweep), task_(task), output_(output),
        depth_(task.bundle.front().depth), tiles_((task.lanes + kTileLanes - 1) / kTileLanes) {
    const std::size_t members = task.bundle.size();
    normals_.resize(tiles_.size() * static_cast<std::size_t>(chunk_steps(depth_) * depth_));
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      Tile<T>& tile = tiles_[i];
      tile.weights.resize(members * static_cast<std::size_t>(depth_));
      tile.targets.resize(members);
      tile.product_sum.resize(members);
      tile.tail.resize(members);
      tile.address.key = task.bundle.front().key;
      for (std::size_t lane = 0; lane < kTileLanes; ++lane) start_lane(tile, i, lane);
    }
  }

  bool run(Progress& progress) {
    const int chunk = chunk_steps(depth_);
    std::size_t next_record = 0;
    std::vector<T> factors;
    for (std::uint64_t begin = 0; begin < sweep_.steps;
         begin += static_cast<std::uint64_t>(chunk)) {
      if (progress.stop.load(std::memory_order_relaxed)) return false;
      const std::uint64_t end = std::min(sweep_.steps, begin + static_cast<std::uint64_t>(chunk));
      if (sweep_.noise == Noise::gaussian) draw(begin, chunk);
      fill_schedule(begin, end, factors);
      for (std::uint64_t step = begin; step < end;) {
        const std::uint64_t stop = next_stop(step, end, next_record);
        const bool tail = step >= run_.first_tail_step;
        advance(begin, step, stop, tail, factors);
        step = stop;
        if (tail && (step % kTailGroup == 0 || step == sweep_.steps)) flush_tail();
        if (next_record < run_.record_steps.size() && step == run_.record_steps[next_record]) {
          for_each_outcome(
              [&](std::size_t member, std::size_t lane, const Outcome& outcome,
                  std::span<const double>) { output_.record(next_record, member, lane, outcome); },
              false);
          ++next_record;
        }
      }
      progress.updates.fetch_add(static_cast<double>(end - begin) * depth_ *
                                     static_cast<double>(task_.lanes * task_.bundle.size()),
                                 std::memory_order_relaxed);
    }
    for_each_outcome(
        [&](std::size_t member, std::size_t lane, const Outcome& outcome,
            std::span<const double> weights) { output_.finish(member, lane, outcome, weights); },
        true);
    return true;
  }

private:
  std::size_t coordinates() const { return sweep_.target.size(); }

  void start_lane(Tile<T>& tile, std::size_t tile_index, std::size_t lane) {
    const std::size_t offset = tile_index * kTileLanes + lane;
    // A lane beyond the task's repeats the first one: cheap, finite, and read by nobody.
    const std::size_t flat = task_.first_lane + (offset < task_.lanes ? offset : 0);
    const std::size_t target = flat % coordinates();
    const auto seed = task_.first_seed + static_cast<std::uint32_t>(flat / coordinates());
    const std::uint32_t coordinate = coordinate_word(sweep_.target[target]);
    tile.address.coordinate[lane] = coordinate;
    tile.address.stream[lane] = stream_word(Stream::training, seed);
    for (std::size_t m = 0; m < task_.bundle.size(); ++m) {
      const Configuration& c = task_.bundle[m];
      tile.targets[m].lane[lane] = static_cast<T>(sweep_.target_value(c.depth, c.eta, target));
      tile.product_sum[m].lane[lane] = 0;
      tile.tail[m].lane[lane] = 0;
      for (int l = 0; l < depth_; ++l) {
        const float normal = c.init.kind == ssam::Init::Kind::gaussian
                                 ? ssam::initial_normal(c.key, coordinate, seed, l)
                                 : 0.0F;
        weight(tile, m, l).lane[lane] =
            static_cast<T>(ssam::initial_weight(c.init, depth_, l, normal));
      }
    }
  }

  Row<T>& weight(Tile<T>& tile, std::size_t member, int layer) {
    return tile
        .weights[member * static_cast<std::size_t>(depth_) + static_cast<std::size_t>(layer)];
  }

  Row<float>* tile_normals(std::size_t tile) {
    return normals_.data() + tile * static_cast<std::size_t>(chunk_steps(depth_) * depth_);
  }

  void draw(std::uint64_t begin, int chunk) {
    const std::uint64_t first_block = begin * static_cast<std::uint64_t>(depth_) / 4;
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      run_.kernels.fill_normals(tiles_[i].address, first_block, chunk * depth_ / 4,
                                tile_normals(i)->lane);
    }
  }

  void fill_schedule(std::uint64_t begin, std::uint64_t end, std::vector<T>& factors) const {
    factors.clear();
    if (run_.schedule_table.empty()) return;
    for (std::uint64_t k = begin; k < end; ++k) {
      factors.push_back(static_cast<T>(k < run_.schedule_table.size()
                                           ? run_.schedule_table[k]
                                           : schedule_factor(sweep_.schedule, k)));
    }
  }

  /// The next step at which something else than a plain update happens.
  std::uint64_t next_stop(std::uint64_t step, std::uint64_t end, std::size_t next_record) const {
    std::uint64_t stop = end;
    if (run_.coupled()) stop = step + 1;
    if (next_record < run_.record_steps.size()) {
      stop = std::min(stop, run_.record_steps[next_record]);
    }
    if (step < run_.first_tail_step) {
      stop = std::min(stop, run_.first_tail_step);
    } else {
      stop = std::min(stop, (step / kTailGroup + 1) * kTailGroup);
    }
    return stop;
  }

  void advance(std::uint64_t begin, std::uint64_t step, std::uint64_t stop, bool tail,
               const std::vector<T>& factors) {
    const StepKernels<T>& kernels = step_kernels();
    const bool noisy = sweep_.noise == Noise::gaussian;
    // The tail sum of a coupled network follows its projection.
    const bool sum = tail && !run_.coupled();
    const Advance<T> kernel = noisy ? (sum ? kernels.noisy_tail : kernels.noisy)
                                    : (sum ? kernels.noise_free_tail : kernels.noise_free);
    const std::size_t offset = step - begin;
    for (std::size_t i = 0; i < tiles_.size(); ++i) {
      Tile<T>& tile = tiles_[i];
      const float* z = tile_normals(i)[offset * static_cast<std::size_t>(depth_)].lane;
      for (std::size_t m = 0; m < task_.bundle.size(); ++m) {
        const Configuration& c = task_.bundle[m];
        const Member<T> member{weight(tile, m, 0).lane, tile.targets[m].lane,
                               tile.product_sum[m].lane, static_cast<T>(c.eta),
                               static_cast<T>(-2 * c.alpha)};
        kernel(depth_, member, z, factors.empty() ? nullptr : factors.data() + offset,
               static_cast<int>(stop - step));
      }
    }
    if (run_.coupled()) {
      for (std::size_t m = 0; m < task_.bundle.size(); ++m) project(m);
      if (tail) add_products();
    }
  }

  const StepKernels<T>& step_kernels() const {
    const auto index = static_cast<std::size_t>(depth_ - 1);
    if constexpr (std::is_same_v<T, float>) {
      return run_.kernels.f32[index];
    } else {
      return run_.kernels.f64[index];
    }
  }

  T& weight_at(std::size_t member, int layer, std::size_t lane) {
    return weight(tiles_[lane / kTileLanes], member, layer).lane[lane % kTileLanes];
  }

  /// Scales every network of a member back into the ball of the projection radius.
  void project(std::size_t member) {
    const T radius = static_cast<T>(sweep_.projection_radius);
    std::vector<T>& squares = squares_;
    squares.resize(coordinates());
    for (std::size_t first = 0; first < task_.lanes; first += coordinates()) {
      for (std::size_t h = 0; h < coordinates(); ++h) {
        T square = 0;
        for (int l = 0; l < depth_; ++l) {
          const T w = weight_at(member, l, first + h);
          square = fmadd(w, w, square);
        }
        squares[h] = square;
      }
      const T scale = ssam::projection_scale(pairwise_sum(squares.data(), coordinates()), radius);
      if (scale == T(1)) continue;
      for (std::size_t h = 0; h < coordinates(); ++h) {
        for (int l = 0; l < depth_; ++l) {
          T& w = weight_at(member, l, first + h);
          w = mul(w, scale);
        }
      }
    }
  }

  void add_products() {
    for (Tile<T>& tile : tiles_) {
      for (std::size_t m = 0; m < task_.bundle.size(); ++m) {
        for (std::size_t lane = 0; lane < kTileLanes; ++lane) {
          T p = weight(tile, m, 0).lane[lane];
          for (int l = 1; l < depth_; ++l) p = mul(p, weight(tile, m, l).lane[lane]);
          tile.product_sum[m].lane[lane] = add(tile.product_sum[m].lane[lane], p);
        }
      }
    }
  }

  void flush_tail() {
    for (Tile<T>& tile : tiles_) {
      for (std::size_t m = 0; m < task_.bundle.size(); ++m) {
        for (std::size_t lane = 0; lane < kTileLanes; ++lane) {
          double& total = tile.tail[m].lane[lane];
          total = total + static_cast<double>(tile.product_sum[m].lane[lane]);
          tile.product_sum[m].lane[lane] = 0;
        }
      }
    }
  }

  /// \param averaged  whether the product is the tail average (where one is asked for)
  template <class Visit>
  void for_each_outcome(Visit visit, bool averaged) {
    const std::uint64_t tail_steps = sweep_.steps - run_.first_tail_step;
    std::vector<double> weights(static_cast<std::size_t>(depth_));
    std::vector<Outcome> outcomes(task_.lanes);
    for (std::size_t m = 0; m < task_.bundle.size(); ++m) {
      const Configuration& c = task_.bundle[m];
      for (std::size_t lane = 0; lane < task_.lanes; ++lane) {
        Tile<T>& tile = tiles_[lane / kTileLanes];
        const std::size_t in_tile = lane % kTileLanes;
        const std::size_t target = (task_.first_lane + lane) % coordinates();
        const double product =
            averaged && tail_steps > 0
                ? div(tile.tail[m].lane[in_tile], static_cast<double>(tail_steps))
                : ssam::product_of(&weight(tile, m, 0).lane[in_tile], kTileLanes, depth_);
        outcomes[lane].finished = ssam::order_parameters(
            &weight(tile, m, 0).lane[in_tile], kTileLanes, depth_, c.eta,
            sweep_.target_value(c.depth, c.eta, target), product, outcomes[lane].value);
      }
      if (run_.coupled()) spread_divergence(outcomes);
      for (std::size_t lane = 0; lane < task_.lanes; ++lane) {
        for (int l = 0; l < depth_; ++l) {
          weights[static_cast<std::size_t>(l)] =
              outcomes[lane].finished ? static_cast<double>(weight_at(m, l, lane)) : kNone;
        }
        visit(m, task_.first_lane + lane, outcomes[lane], std::span<const double>(weights));
      }
    }
  }

  /// A coupled network diverges as a whole.
  void spread_divergence(std::vector<Outcome>& outcomes) const {
    for (std::size_t first = 0; first < outcomes.size(); first += coordinates()) {
      const auto begin = outcomes.begin() + static_cast<std::ptrdiff_t>(first);
      const auto end = begin + static_cast<std::ptrdiff_t>(coordinates());
      const bool finished =
          std::all_of(begin, end, [](const Outcome& outcome) { return outcome.finished; });
      std::for_each(begin, end, [finished](Outcome& outcome) { outcome.finished = finished; });
    }
  }

  const RunContext& run_;
  const Sweep& sweep_;
  const Task& task_;
  TaskOutput& output_;
  int depth_;
  std::vector<Tile<T>> tiles_;
  std::vector<Row<float>> normals_;
  std::vector<T> squares_;
};

} // namespace

RunContext::RunContext(const Sweep& the_sweep, const Kernels& the_kernels)
    : sweep(the_sweep), kernels(the_kernels), record_steps(the_sweep.record_steps()),
      first_tail_step(the_sweep.first_tail_step()) {
  if (sweep.schedule.kind == Schedule::Kind::constant) return;
  const std::size_t entries = std::min<std::uint64_t>(sweep.steps, kScheduleTable);
  for (std::size_t k = 0; k < entries; ++k) {
    schedule_table.push_back(schedule_factor(sweep.schedule, k));
  }
}

std::size_t lanes_per_task(const RunContext& run) {
  const std::size_t coordinates = run.sweep.target.size();
  if (!run.coupled()) return kTileLanes;
  return coordinates * std::max<std::size_t>(1, kTileLanes / coordinates);
}

std::size_t bundle_size(const RunContext& run, int depth) {
  const Sweep& sweep = run.sweep;
  if (sweep.noise_streams == NoiseStreams::independent) return 1;
  // A chunk of steps (with a projection: each step) reads and writes a weight once. The L2 cache
  // keeps up with that, and a normal drawn for 64 costs next to nothing. Cores may share the cache.
  const long cache = sysconf(_SC_LEVEL2_CACHE_SIZE); // 0 or -1: not known
  const std::size_t weights = static_cast<std::size_t>(std::max(cache, 262144L)) / 4;
  const std::size_t scalar = sweep.precision == Precision::f32 ? sizeof(float) : sizeof(double);
  const std::size_t lanes = (lanes_per_task(run) + kTileLanes - 1) / kTileLanes * kTileLanes;
  const std::size_t member = scalar * lanes * static_cast<std::size_t>(depth);
  return std::clamp<std::size_t>(weights / member, 1, kMaxBundle);
}

bool train(const RunContext& run, const Task& task, TaskOutput& output, Progress& progress) {
  if (run.sweep.precision == Precision::f32) return Trainer<float>(run, task, output).run(progress);
  return Trainer<double>(run, task, output).run(progress);
}

} // namespace sharpsweep::cpu
