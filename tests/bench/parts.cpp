// What the parts of a sweep cost, each alone: Google Benchmark, one core. `items` are words,
// normals, updates (of one weight by one step), seeds, thresholds, or cells of the diagram.
//
//     build/tests/parts_bench --benchmark_filter=avx512
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "host/analysis/phase_diagram.hpp"
#include "host/analysis/threshold.hpp"
#include "host/cpu/kernels.hpp"
#include "host/engine.hpp"
#include "host/output/hdf5_handle.hpp"
#include "host/output/writer.hpp"
#include "sharpsweep/models/ssam_outcome.hpp"
#include "sharpsweep/numerics/philox.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

constexpr int kBlocks = 16; ///< of four normals a lane: what the trainer keeps in half an L1 cache
constexpr int kRows = 4 * kBlocks;

/// Weights of `members` configurations at depth L and the noise that they share, on one tile.
template <class T>
struct Bundle {
  struct alignas(64) Row {
    T lane[kTileLanes];
  };
  struct alignas(64) FloatRow {
    float lane[kTileLanes];
  };

  Bundle(int the_depth, int members) : depth(the_depth) {
    for (std::uint32_t lane = 0; lane < kTileLanes; ++lane) address.coordinate[lane] = lane;
    Row weight, target, zero{};
    std::fill_n(weight.lane, kTileLanes, T(0.8));
    std::fill_n(target.lane, kTileLanes, T(1));
    weights.assign(static_cast<std::size_t>(members * depth), weight);
    targets.assign(static_cast<std::size_t>(members), target);
    sums.assign(static_cast<std::size_t>(members), zero);
  }
  void draw(const cpu::Kernels& kernels) {
    kernels.fill_normals(address, block, kBlocks, normals[0].lane);
    block += kBlocks;
  }
  void advance(const cpu::Kernels& kernels, bool tail) {
    const auto& table = [&]() -> const auto& {
      if constexpr (sizeof(T) == 4) {
        return kernels.f32;
      } else {
        return kernels.f64;
      }
    }
    ();
    const cpu::StepKernels<T>& steps = table[depth - 1];
    for (std::size_t m = 0; m < targets.size(); ++m) {
      const cpu::Member<T> member{weights[m * static_cast<std::size_t>(depth)].lane,
                                  targets[m].lane, sums[m].lane, T(0.4), T(-2e-4)};
      (tail ? steps.noisy_tail : steps.noisy)(depth, member, normals[0].lane, nullptr,
                                              kRows / depth);
    }
  }
  std::int64_t updates() const {
    return std::int64_t{kRows / depth * depth} * kTileLanes *
           static_cast<std::int64_t>(targets.size());
  }

  int depth;
  std::uint64_t block = 0;
  NoiseAddress address;
  std::vector<Row> weights, targets, sums;
  std::vector<FloatRow> normals{kRows};
};

void words(benchmark::State& state) {
  PhiloxBlock counter{};
  for (auto _ : state) {
    ++counter.word[0];
    benchmark::DoNotOptimize(philox(counter, 1));
  }
  state.SetItemsProcessed(4 * state.iterations());
}
BENCHMARK(words);

void normals(benchmark::State& state, const cpu::Kernels& kernels) {
  Bundle<float> bundle(2, 1);
  for (auto _ : state) bundle.draw(kernels);
  state.SetItemsProcessed(state.iterations() * kRows * kTileLanes);
}

template <class T>
void step(benchmark::State& state, const cpu::Kernels& kernels, int depth, bool tail) {
  Bundle<T> bundle(depth, 1);
  bundle.draw(kernels);
  for (auto _ : state) bundle.advance(kernels, tail);
  state.SetItemsProcessed(state.iterations() * bundle.updates());
}

void bundle(benchmark::State& state, const cpu::Kernels& kernels, int depth, int members) {
  Bundle<float> bundle(depth, members);
  for (auto _ : state) {
    bundle.draw(kernels);
    bundle.advance(kernels, false);
  }
  state.SetItemsProcessed(state.iterations() * bundle.updates());
}

/// Whole runs of the engine on one core, tail averages and reductions included.
void run(benchmark::State& state, std::string_view set, int depth, std::size_t members,
         const char* precision) {
  const Sweep sweep = test::sweep_of(
      "depth = " + std::to_string(depth) +
      "\ninit = balanced(0.6)\neta = \"lin(0.3,0.6,64)\"\ntarget = \"log(0.5,4,64)\"\n"
      "seeds = 2\nstep_size = 2e-4\nstep_size_unit = scaled\n"
      "steps = 1000\nprecision = " +
      precision + "\n");
  CpuOptions options;
  options.threads = 1;
  options.instruction_set = set;
  options.bundle = members;
  const auto backend = make_cpu_backend(options);
  for (auto _ : state) {
    Progress progress;
    benchmark::DoNotOptimize(run_sweep(sweep, *backend, progress));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(sweep.updates()));
}

/// Seeds of one cell into its moments and survivors.
void reduction(benchmark::State& state) {
  ssam::Outcome outcome;
  outcome.finished = true;
  std::fill_n(outcome.value, ssam::kOrderParameters, 0.5);
  for (auto _ : state) {
    ssam::CellState cell;
    for (unsigned seed = 0; seed < 64; ++seed) cell.push(outcome, seed, 0.2);
    benchmark::DoNotOptimize(cell);
  }
  state.SetItemsProcessed(64 * state.iterations());
}
BENCHMARK(reduction);

/// A threshold among 64 targets with its bootstrap interval.
void threshold(benchmark::State& state) {
  const auto seeds = static_cast<std::uint32_t>(state.range(0));
  const Bootstrap bootstrap(0, 0, seeds);
  std::vector<double> magnitudes(64);
  std::vector<std::uint64_t> masks(64 * bootstrap.blocks());
  for (std::size_t t = 0; t < magnitudes.size(); ++t) {
    magnitudes[t] = 0.5 + 0.02 * static_cast<double>(t);
    for (std::uint32_t b = 0; b < bootstrap.blocks(); ++b) { // survivors grow with the target
      const unsigned set = static_cast<unsigned>(t) * std::min(seeds, 64u) / 64;
      masks[b * magnitudes.size() + t] = (std::uint64_t{1} << set) - 1;
    }
  }
  for (auto _ : state) {
    benchmark::DoNotOptimize(estimate_threshold(magnitudes, masks, seeds, bootstrap));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(threshold)->Arg(16)->Arg(64)->Arg(1024);

/// Results of 16,384 cells; few steps, because the numbers do not matter.
const Results& results_of_grid(const Sweep& sweep) {
  static const Results results = [&] {
    Progress progress;
    return run_sweep(sweep, *make_cpu_backend({}), progress);
  }();
  return results;
}
const Sweep& grid() {
  static const Sweep sweep = test::sweep_of("depth = [2, 3]\neta = \"lin(0.3,0.6,128)\"\n"
                                            "target = \"log(0.5,4,64)\"\ntarget_unit = threshold\n"
                                            "seeds = 8\nsteps = 8\n");
  return sweep;
}

void diagram(benchmark::State& state) {
  const Results& results = results_of_grid(grid());
  for (auto _ : state) benchmark::DoNotOptimize(phase_diagram(grid(), results));
  state.SetItemsProcessed(state.iterations() * 2 * 128 * 64);
}
BENCHMARK(diagram)->Unit(benchmark::kMillisecond);

void writer(benchmark::State& state) {
  const Dataset dataset = phase_diagram(grid(), results_of_grid(grid()));
  const std::string path =
      std::filesystem::temp_directory_path() / ("parts_bench." + std::to_string(getpid()) + ".h5");
  begin_hdf5();
  for (auto _ : state) write_hdf5(path, path, dataset);
  std::filesystem::remove(path);
  state.SetItemsProcessed(state.iterations() * 2 * 128 * 64);
}
BENCHMARK(writer)->Unit(benchmark::kMillisecond);

void register_kernels() {
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    const std::string set = "/" + std::string(kernels->name);
    const auto add = [](const std::string& name, auto run) {
      benchmark::RegisterBenchmark(name.c_str(), run)
          ->Unit(benchmark::kMicrosecond)
          ->UseRealTime(); // a run has a thread of its own
    };
    add("normals" + set, [=](benchmark::State& state) { normals(state, *kernels); });
    for (const int depth : {1, 2, 3, 4, 8, 9, 12, 16}) {
      const std::string name = "step" + set + "/L:" + std::to_string(depth);
      add(name + "/f32",
          [=](benchmark::State& state) { step<float>(state, *kernels, depth, false); });
      add(name + "/f32/tail",
          [=](benchmark::State& state) { step<float>(state, *kernels, depth, true); });
      add(name + "/f64",
          [=](benchmark::State& state) { step<double>(state, *kernels, depth, false); });
    }
    for (const int depth : {2, 4, 8, 16}) {
      for (const std::size_t members : {0u, 1u, 8u, 16u, 32u, 64u}) { // 0: as the engine chooses
        for (const char* precision : {"f32", "f64"}) {
          add("run" + set + "/L:" + std::to_string(depth) + "/K:" + std::to_string(members) + "/" +
                  precision,
              [=](benchmark::State& state) {
                run(state, kernels->name, depth, members, precision);
              });
        }
      }
    }
    for (const int depth : {2, 4, 8}) {
      for (const int members : {1, 4, 8, 16, 32}) {
        add("bundle" + set + "/L:" + std::to_string(depth) + "/K:" + std::to_string(members),
            [=](benchmark::State& state) { bundle(state, *kernels, depth, members); });
      }
    }
  }
}

} // namespace
} // namespace sharpsweep

int main(int argc, char** argv) {
  sharpsweep::register_kernels();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
