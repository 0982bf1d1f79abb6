#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "host/commands/commands.hpp"
#include "host/cpu/kernels.hpp"
#include "host/engine.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Calls work() until `seconds` have passed; units of work per second, work() being worth `units`.
template <class Work>
double rate(double seconds, double units, Work work) {
  work(); // warms caches and tables
  const auto begin = std::chrono::steady_clock::now();
  std::size_t calls = 0;
  do {
    work();
    ++calls;
  } while (seconds_since(begin) < seconds);
  return static_cast<double>(calls) * units / seconds_since(begin);
}

/// Normals per second of the bare generator of an instruction set, one core.
double bare_generator_rate(const cpu::Kernels& kernels, double seconds) {
  constexpr int kBlocks = 12;
  NoiseAddress address;
  address.key = 1;
  for (std::uint32_t lane = 0; lane < kTileLanes; ++lane) address.coordinate[lane] = lane;
  struct alignas(64) Buffer {
    float z[kBlocks * 4 * kTileLanes];
  };
  const auto buffer = std::make_unique<Buffer>();
  std::uint64_t block = 0;
  return rate(seconds, kBlocks * 4.0 * kTileLanes, [&] {
    kernels.fill_normals(address, block, kBlocks, buffer->z);
    block += kBlocks;
  });
}

/// Updates per second of what one would write first: a loop over std::normal_distribution<float>.
double plain_loop_rate(int depth, double seconds) {
  std::mt19937_64 engine(1);
  std::normal_distribution<float> normal;
  const auto layers = static_cast<std::size_t>(depth);
  std::vector<float> w(layers, 0.8F), p(layers);
  volatile float keep = 0;
  const double result = rate(seconds, 1000.0 * depth, [&] {
    for (int k = 0; k < 1000; ++k) {
      float product = 1;
      for (std::size_t l = 0; l < layers; ++l) {
        p[l] = w[l] + 0.3F * normal(engine);
        product *= p[l];
      }
      const float residual = product - 1.0F;
      for (std::size_t l = 0; l < layers; ++l) {
        float others = 1;
        for (std::size_t m = 0; m < layers; ++m) others *= m == l ? 1.0F : p[m];
        w[l] -= 2e-4F * residual * others;
      }
    }
    keep = w[0];
  });
  return result;
}

/// Networks like the quickstart's, of one depth: 32 configurations (or more) on 48 targets.
Sweep engine_sweep(int depth, std::uint64_t seeds, double steps, int etas = 16) {
  return Sweep::from_settings(
      {{"depth", {std::to_string(depth)}},
       {"init", {"balanced(0.15)", "balanced(0.6)"}},
       {"eta", {"lin(0.2,0.8," + std::to_string(etas) + ")"}},
       {"target", {"log(0.7,2.5,48)"}},
       {"target_unit", {"threshold"}},
       {"seeds", {std::to_string(seeds)}},
       {"step_size", {"5e-5"}},
       {"step_size_unit", {"scaled"}},
       {"steps", {std::to_string(static_cast<std::uint64_t>(std::max(steps, 8.0)))}}});
}

/// Updates per second of whole runs of the engine, tails and order parameters included.
double engine_rate(const Sweep& sweep, Backend& backend, double seconds) {
  return rate(seconds, sweep.updates(), [&] {
    Progress progress;
    run_sweep(sweep, backend, progress);
  });
}

constexpr std::uint64_t kSeeds = 4; ///< of one core's runs: whole tiles

/// Steps with which one core draws a normal for every update in about `seconds`, however slow the
/// instruction set.
double steps_of(const cpu::Kernels& kernels, int depth, double seconds) {
  const Sweep sweep = engine_sweep(depth, kSeeds, 8);
  const double updates_a_step = sweep.updates() / static_cast<double>(sweep.steps);
  return seconds * bare_generator_rate(kernels, seconds) / updates_a_step;
}

constexpr std::size_t kRounds = 5;

/// A rate and its ratio to the first that was measured beside it: medians of several rounds.
struct Compared {
  double rate = 0, ratio = 0;
};

/// Measures several rates in turn, so that a machine that changes its pace does so for all of them.
std::vector<Compared> compare(const std::vector<std::function<double()>>& measures) {
  std::vector<std::array<double, kRounds>> rates(measures.size()), ratios(measures.size());
  for (std::size_t round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < measures.size(); ++i) {
      rates[i][round] = measures[i]();
      ratios[i][round] = rates[i][round] / rates[0][round];
    }
  }
  std::vector<Compared> medians;
  for (std::size_t i = 0; i < measures.size(); ++i) {
    std::sort(rates[i].begin(), rates[i].end());
    std::sort(ratios[i].begin(), ratios[i].end());
    medians.push_back({rates[i][kRounds / 2], ratios[i][kRounds / 2]});
  }
  return medians;
}

/// One core against its generator, with and without bundles.
void bench_core(const cpu::Kernels& kernels, int depth, double seconds) {
  const Sweep sweep = engine_sweep(depth, kSeeds, steps_of(kernels, depth, seconds));
  CpuOptions options;
  options.threads = 1;
  options.instruction_set = kernels.name;
  const std::unique_ptr<Backend> bundled = make_cpu_backend(options);
  options.bundle = 1;
  const std::unique_ptr<Backend> single = make_cpu_backend(options);
  const std::vector<Compared> rates =
      compare({[&] { return bare_generator_rate(kernels, seconds); },
               [&] { return engine_rate(sweep, *single, seconds); },
               [&] { return engine_rate(sweep, *bundled, seconds); }});
  std::printf("%-11s %6d %9.3f %9.3f %5.2fx %9.3f %5.2fx\n", std::string(kernels.name).c_str(),
              depth, rates[0].rate / 1e9, rates[1].rate / 1e9, rates[1].ratio, rates[2].rate / 1e9,
              rates[2].ratio);
  std::fflush(stdout);
}

/// One core against a plain loop, and all cores against one; bundles of one configuration.
void bench_whole(double seconds) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  CpuOptions options;
  options.bundle = 1;
  options.threads = 1;
  const std::unique_ptr<Backend> one = make_cpu_backend(options);
  options.threads = cores;
  const std::unique_ptr<Backend> all = make_cpu_backend(options);
  const double steps = steps_of(*cpu::available_kernels().back(), 2, seconds);
  const Sweep sweep = engine_sweep(2, kSeeds, steps);
  const Sweep larger = engine_sweep(2, kSeeds * cores, steps); // the same work for each core
  const std::vector<Compared> rates = compare({[&] { return engine_rate(sweep, *one, seconds); },
                                               [&] { return engine_rate(larger, *all, seconds); },
                                               [&] { return plain_loop_rate(2, seconds); }});
  std::printf("\nplain loop over std::mt19937_64 + std::normal_distribution<float>, depth 2: %.4f; "
              "the engine is %.0f times as fast (bundle 1)\n",
              rates[2].rate / 1e9, 1 / rates[2].ratio);
  if (cores > 1) {
    std::printf("%u cores: %.3f, %.2f times one\n", cores, rates[1].rate / 1e9, rates[1].ratio);
  }
}

/// All GPUs of the host: more networks than one holds at once, as long as a launch is worth.
void bench_gpus(double seconds) {
  try {
    const std::unique_ptr<Backend> backend = make_cuda_backend();
    std::printf("\n%s: 10^9 updates/s\n\n", backend->device().c_str());
    for (const int depth : {2, 3, 4, 8}) {
      const Sweep sweep = engine_sweep(depth, 64, 20000, 1024);
      std::printf("depth %d: %.1f\n", depth, engine_rate(sweep, *backend, seconds) / 1e9);
      std::fflush(stdout);
    }
  } catch (const DeviceError& error) {
    std::printf("\nGPU: %s\n", error.what());
  }
}

/// "1,0.9,..." and the like: n numbers from `first` in equal steps, between parentheses or not.
std::string numbers(std::size_t n, double first, double step) {
  std::string text;
  for (std::size_t i = 0; i < n; ++i) {
    text += (i ? "," : "") + format_number(first + step * static_cast<double>(i));
  }
  return text;
}

/// A coupled model at work on networks of d coordinates.
struct FamilyCase {
  std::string what;
  Settings settings;
};

std::vector<FamilyCase> family_cases(std::size_t d) {
  const double gap = 0.5 / static_cast<double>(d);
  const std::string example = "+(" + numbers(d, 1, gap) + ")";
  const Settings classification = {{"model", {"sam_classification"}},
                                   {"examples", {example}},
                                   {"alpha", {"lin(0.7,0.9,256)"}},
                                   {"steps", {"5000"}}};
  const Settings quadratic = {{"model", {"sam_quadratic"}},
                              {"spectrum", split_items(numbers(d, 1, -gap))},
                              {"step_size", {"lin(0.2,0.4,256)"}},
                              {"steps", {"5000"}}};
  const Settings noise = {{"model", {"label_noise"}},
                          {"samples", {"1"}},
                          {"neurons", {std::to_string(d)}},
                          {"step_size", {format_number(0.4 / static_cast<double>(d))}},
                          {"seeds", {"256"}},
                          {"steps", {"50000"}}};
  const auto with = [](Settings settings, const char* key, const char* value) {
    settings[key] = {value};
    return settings;
  };
  return {{"sam_classification, linf", with(classification, "rule", "linf")},
          {"sam_classification, l2", with(classification, "rule", "l2")},
          {"sam_quadratic, log", with(quadratic, "arithmetic", "log")},
          {"sam_quadratic, plain", with(quadratic, "arithmetic", "plain")},
          {"label_noise, cubic", noise}};
}

/// Networks times steps a second on one core.
double family_rate(Settings settings, const char* precision, double seconds) {
  settings["precision"] = {precision};
  const Sweep sweep = Sweep::from_settings(settings);
  CpuOptions options;
  options.threads = 1;
  const std::unique_ptr<Backend> backend = make_cpu_backend(options);
  return rate(seconds, static_cast<double>(sweep.networks()) * static_cast<double>(sweep.steps),
              [&] {
                Progress progress;
                run_sweep(sweep, *backend, progress);
              });
}

void bench_family(double seconds) {
  std::printf("\ncoupled models, one core: 10^6 networks x steps/s for networks of d "
              "coordinates\n\n%-27s",
              "");
  constexpr std::array<std::size_t, 4> kSizes = {2, 4, 8, 64};
  for (const std::size_t d : kSizes) std::printf(" %5s%-3zu", "d = ", d);
  std::printf("\n");
  for (std::size_t i = 0; i < family_cases(2).size(); ++i) {
    for (const char* precision : {"f32", "f64"}) {
      std::printf("%-23s %s", family_cases(2)[i].what.c_str(), precision);
      for (const std::size_t d : kSizes) {
        std::printf(" %7.2f", family_rate(family_cases(d)[i].settings, precision, seconds) / 1e6);
        std::fflush(stdout);
      }
      std::printf("\n");
    }
  }
}

} // namespace

ExitCode bench_command(double seconds) {
  std::printf("%s\n\n", make_cpu_backend({})->device().c_str());
  std::printf("one core: 10^9 normals/s of the bare generator; 10^9 updates/s (networks x "
              "coordinates x layers x steps)\n\n");
  std::printf("%-11s %6s %9s %16s %16s\n", "", "depth", "bare", "bundle 1", "bundle chosen");
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    for (const int depth : {2, 3, 4, 8, 16}) bench_core(*kernels, depth, seconds / kRounds);
  }
  bench_whole(seconds / kRounds);
  bench_gpus(seconds);
  bench_family(seconds);
  return ExitCode::done;
}

} // namespace sharpsweep
