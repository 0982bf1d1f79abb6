// GPU acceptance: builds with nvcc alone and says whether this GPU gives the promised bits, and how
// fast. Exit 0: all bits agree; 1: some differ; 77: no usable GPU.
//
// 1. The square roots of the normals are correctly rounded, cuRAND's own generator yields the words
//    of our counters, and the device's normals are the CPU's, bit for bit.
// 2. Mini-sweeps of every depth, start and precision have the golden digests of the CPU tests.
//    Likewise those of every coupled model.
// 3. Bundles, wide networks, path records and projections: every reduced cell equals the CPU's.
// 4. Updates per second beside the bare generators (skipped with --no-timing).
#include <curand_kernel.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "host/backend.hpp"
#include "kernels/device.hpp"
#include "kernels/launch.hpp"
#include "kernels/training.cuh"
#include "tests/parity/coupled_cases.hpp"

namespace sharpsweep {
namespace {

using cuda::check;
using cuda::DeviceArray;

int failures = 0;

void report(bool passed, const std::string& what) {
  if (!passed) ++failures;
  std::printf("%s  %s\n", passed ? "ok  " : "FAIL", what.c_str());
  std::fflush(stdout);
}

constexpr std::uint64_t kKey = 0x123456789abcdef0u;
constexpr unsigned kThreads = 256;

/// Words and normals of one counter a thread, and cuRAND's words by its documented interface.
__global__ void draw(std::uint32_t count, PhiloxBlock* curand_words, PhiloxBlock* words,
                     float4* normals) {
  const std::uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= count) return;
  const std::uint32_t coordinate = i * 2654435761u;
  const std::uint32_t stream = stream_word(Stream::training, i % kSeedLimit);
  const std::uint64_t block = std::uint64_t{i} << (i % 30);
  curandStatePhilox4_32_10_t state;
  curand_init(kKey, std::uint64_t{stream} << 32 | coordinate, 4 * block, &state);
  const uint4 c = curand4(&state);
  curand_words[i] = {{c.x, c.y, c.z, c.w}};
  words[i] = stream_block(kKey, block, coordinate, stream);
  float z[4];
  cuda::draw_block(kKey, static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                   coordinate, stream, z);
  normals[i] = make_float4(z[0], z[1], z[2], z[3]);
}

void check_noise() {
  constexpr std::uint32_t kCount = 1u << 22;
  DeviceArray<PhiloxBlock> curand_words(kCount, nullptr), words(kCount, nullptr);
  DeviceArray<float4> normals(kCount, nullptr);
  draw<<<kCount / kThreads, kThreads>>>(kCount, curand_words.data(), words.data(), normals.data());
  check(cudaGetLastError(), "draw");
  const auto theirs = curand_words.download();
  const auto ours = words.download();
  const auto z = normals.download();
  report(std::memcmp(theirs.data(), ours.data(), kCount * sizeof(PhiloxBlock)) == 0,
         "cuRAND's words at our counters, 2^22 blocks");
  std::size_t different = 0;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    float host[4];
    normal_pair<float, std::uint32_t>(ours[i].word[0], ours[i].word[1], host[0], host[1]);
    normal_pair<float, std::uint32_t>(ours[i].word[2], ours[i].word[3], host[2], host[3]);
    if (std::memcmp(host, &z[i], sizeof host) != 0) ++different;
  }
  report(different == 0, "the device's normals are the CPU's, 2^24 normals");
}

void check_golden(Backend& backend) {
  std::size_t cases = 0, different = 0;
  for (const golden::Case& c : golden::kCases) {
    ++cases;
    if (digests_agree(c, backend)) continue;
    if (++different <= 10) {
      std::printf("      depth %d, start %d, precision %d differs\n", c.depth,
                  static_cast<int>(c.init), static_cast<int>(c.precision));
    }
  }
  report(different == 0,
         std::to_string(cases - different) + " of " + std::to_string(cases) + " golden digests");
  const std::size_t agreeing = count_agreeing(backend);
  report(agreeing == kCoupledDigests, std::to_string(agreeing) + " of " +
                                          std::to_string(kCoupledDigests) +
                                          " golden digests of coupled models");
}

void compare_with_cpu(const Sweep& sweep, Backend& gpu, const std::string& what) {
  const auto cpu = make_cpu_backend({});
  const auto expected = results_of(sweep, *cpu);
  for (const bool in_two_goes : {false, true}) {
    std::size_t cells = 0;
    const auto found = in_two_goes ? results_in_two_goes(sweep, gpu) : results_of(sweep, gpu);
    const std::size_t different = differing_cells(expected, found, cells);
    report(different == 0, what + (in_two_goes ? " in two goes" : "") + ": " +
                               std::to_string(cells - different) + " of " + std::to_string(cells) +
                               " cells equal the CPU's");
  }
}

Sweep grid(int depth, std::size_t etas, std::size_t targets) {
  Sweep sweep;
  sweep.depth = {depth};
  sweep.init = {{ssam::Init::Kind::balanced, 0.7, 1}};
  sweep.step_size = {2e-3};
  sweep.eta.clear();
  for (std::size_t i = 0; i < etas; ++i) sweep.eta.push_back(0.2 + 0.02 * static_cast<double>(i));
  sweep.target.clear();
  for (std::size_t i = 0; i < targets; ++i) {
    sweep.target.push_back(0.25 + 3 * static_cast<double>(i) / static_cast<double>(targets));
  }
  sweep.seeds = 64;
  sweep.steps = 61;
  return sweep;
}

void check_shapes(Backend& gpu) {
  for (const Precision precision : {Precision::f32, Precision::f64}) {
    for (int depth = 1; depth <= ssam::kMaxDepth; ++depth) {
      // Enough lanes for bundles; 13 configurations make one of each size.
      Sweep bundles = grid(depth, 13, 1000);
      bundles.precision = precision;
      if (depth > 8) bundles.step_size = {1e-4};
      compare_with_cpu(bundles, gpu, "bundles at depth " + std::to_string(depth));
    }
  }
  Sweep wide = grid(2, 5, 3001);
  wide.record = 7;
  wide.schedule = {Schedule::Kind::power, 20, 0.7};
  compare_with_cpu(wide, gpu, "networks of 3001 coordinates with a path");
  Sweep narrow = grid(3, 40, 1);
  narrow.seeds = 200;
  narrow.first_seed = 50;
  compare_with_cpu(narrow, gpu, "networks of one coordinate, 200 seeds");
  Sweep projected = grid(3, 2, 300);
  projected.projection_radius = 9;
  compare_with_cpu(projected, gpu, "projected networks of 300 coordinates");
  for (const Precision precision : {Precision::f32, Precision::f64}) {
    // Several slices, cut inside tail groups by the record; a target of zero; a tail of its own.
    Sweep slices = grid(3, 13, 700);
    slices.precision = precision;
    slices.steps = 1511;
    slices.tail_average = 0.3;
    slices.record = 9;
    slices.target[5] = 0;
    slices.step_size = {1e-4};
    compare_with_cpu(slices, gpu, "several slices with path and tail");
    Sweep whole = grid(2, 9, 50);
    whole.precision = precision;
    whole.steps = 1203;
    whole.tail_average = 1;
    whole.projection_radius = 5;
    whole.schedule = {Schedule::Kind::robbins_monro, 100, 1};
    compare_with_cpu(whole, gpu, "projected networks in shared blocks, the tail being the run");
  }
  Sweep diverging = grid(4, 4, 40);
  diverging.step_size = {0.9};
  diverging.steps = 3000;
  compare_with_cpu(diverging, gpu, "diverging networks");
  report(cuda::bundles_launched == (1 | 4 | 8), "bundles of 1, 4 and 8 were among these");
}

template <int kGenerator>
__global__ void generate(std::uint32_t blocks, float* sink) {
  const std::uint32_t thread = blockIdx.x * blockDim.x + threadIdx.x;
  float sum = 0;
  if constexpr (kGenerator == 0) {
    curandStatePhilox4_32_10_t state;
    curand_init(kKey, thread, 0, &state);
    for (std::uint32_t b = 0; b < blocks; ++b) {
      const float4 z = curand_normal4(&state);
      sum += z.x + z.y + z.z + z.w;
    }
  } else {
    for (std::uint32_t b = 0; b < blocks; ++b) {
      float z[4];
      cuda::draw_block(kKey, b, 0, thread, 0, z);
      sum += z[0] + z[1] + z[2] + z[3];
    }
  }
  if (sum == 1234567.0F) *sink = sum; // never true, and the compiler can't know it
}

/// Median seconds of five runs, after one to warm up.
double median_seconds(const std::function<void()>& work) {
  work();
  std::vector<double> seconds;
  for (int i = 0; i < 5; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[2];
}

double generator_rate(void (*kernel)(std::uint32_t, float*)) {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "describe itself");
  const unsigned grid_size = static_cast<unsigned>(properties.multiProcessorCount) * 32;
  constexpr std::uint32_t kBlocks = 20000;
  DeviceArray<float> sink(1, nullptr);
  const double seconds = median_seconds([&] {
    kernel<<<grid_size, kThreads>>>(kBlocks, sink.data());
    check(cudaGetLastError(), "generate");
    check(cudaDeviceSynchronize(), "generate");
  });
  return 4.0 * kBlocks * kThreads * grid_size / seconds;
}

double engine_rate(Backend& gpu, int depth, NoiseStreams streams) {
  Sweep sweep = grid(depth, 32, 1024);
  sweep.noise_streams = streams;
  sweep.step_size = {1e-6};
  sweep.steps = 20000;
  return sweep.updates() / median_seconds([&] { results_of(sweep, gpu); });
}

void time_it(Backend& gpu) {
  const double theirs = generator_rate(&generate<0>), ours = generator_rate(&generate<1>);
  std::printf("\n10^9 a second on %s\n", gpu.device().c_str());
  std::printf("  curand_normal4, bare    %8.1f normals\n", theirs / 1e9);
  std::printf("  our normals, bare       %8.1f normals   %.2f of curand_normal4\n", ours / 1e9,
              ours / theirs);
  std::printf(
      "  whole runs: 2.1e6 coordinates, 20000 steps, tail average and reduction included\n");
  for (const int depth : {2, 3, 4, 8}) {
    const double single = engine_rate(gpu, depth, NoiseStreams::independent);
    const double bundled = engine_rate(gpu, depth, NoiseStreams::shared);
    std::printf("  depth %d   bundle 1      %8.1f updates   %.2f of our bare generator\n", depth,
                single / 1e9, single / ours);
    std::printf("  depth %d   bundles       %8.1f updates   %.2f of our bare generator\n", depth,
                bundled / 1e9, bundled / ours);
  }
}

int run(bool timing) {
  std::unique_ptr<Backend> gpu;
  try {
    int devices = 0;
    if (cudaGetDeviceCount(&devices) != cudaSuccess) devices = 0;
    for (int device = 0; device < devices; ++device) {
      check(cudaSetDevice(device), "be selected");
      report(cuda::wrong_square_roots() == 0,
             "GPU " + std::to_string(device) + ": every bare square root is the rounded one");
    }
    gpu = make_cuda_backend(); // refuses such a GPU
  } catch (const DeviceError& error) {
    if (failures > 0) throw;
    std::printf("skipped: %s\n", error.what());
    return 77;
  }
  std::printf("GPU: %s\n", gpu->device().c_str());
  check_noise();
  check_golden(*gpu);
  check_shapes(*gpu);
  if (timing) time_it(*gpu);
  std::printf("\n%s\n", failures == 0 ? "all bits agree" : "SOME BITS DIFFER");
  return failures == 0 ? 0 : 1;
}

} // namespace
} // namespace sharpsweep

int main(int argc, char** argv) {
  try {
    return sharpsweep::run(!(argc > 1 && std::string(argv[1]) == "--no-timing"));
  } catch (const std::exception& error) {
    std::printf("FAIL  %s\n", error.what());
    return 1;
  }
}
