// The device code of coupled models without a device: PTX of their kernels, translated to C++ by
// ptx_to_cpp.py (which also refuses arithmetic that rounds freely) and run thread by thread in
// slices of uneven length, gives every number of every network's state as the scalar CPU kernels
// do in one go, bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>

#include "host/coupled/unit_networks.hpp"
#include "host/cpu/coupled.hpp"
#include "kernels/coupled.hpp"
#include "tests/parity/coupled_cases.hpp"
#include "tests/parity/ptx_thread.hpp"

#define PTX_NAME(M, T)                                                                             \
  _ZN10sharpsweep4cuda16advance_networksINS_##M##5ModelE##T##EEvNS0_12CoupledSliceIT0_EE
#define PTX_KERNELS(DO)                                                                            \
  DO(18sam_classification)                                                                         \
  DO(13sam_quadratic)                                                                              \
  DO(11label_noise)
#define PTX_DECLARE(M)                                                                             \
  extern "C" void PTX_NAME(M, f)(const void*, PtxThread);                                          \
  extern "C" void PTX_NAME(M, d)(const void*, PtxThread);
PTX_KERNELS(PTX_DECLARE)

namespace sharpsweep {
namespace {

struct Translated {
  std::string_view model; ///< with the length of its name before it
  PtxKernel f32, f64;
};
#define PTX_ROW(M) Translated{#M, &PTX_NAME(M, f), &PTX_NAME(M, d)},
constexpr Translated kTranslated[] = {PTX_KERNELS(PTX_ROW)};

template <class T>
PtxKernel kernel_of(const Sweep& sweep) {
  for (const Translated& each : kTranslated) {
    if (each.model.ends_with(sweep.model)) {
      return sizeof(T) == sizeof(float) ? each.f32 : each.f64;
    }
  }
  throw std::runtime_error("no kernel of " + sweep.model);
}

using Network = UnitNetworks::Network;

/// The final states [number][network] of networks of one shape.
template <class T>
std::vector<T> train_translated(const Sweep& sweep, const std::vector<const Network*>& networks) {
  const std::size_t count = networks.size();
  const Sizes sizes = networks.front()->sizes;
  std::vector<T> constants(sizes.constants * count), state(sizes.state * count);
  std::vector<std::uint64_t> keys;
  std::vector<std::uint32_t> seeds;
  for (std::size_t n = 0; n < count; ++n) {
    keys.push_back(networks[n]->noise.key);
    seeds.push_back(networks[n]->noise.seed);
    for (std::size_t i = 0; i < sizes.constants; ++i) {
      constants[i * count + n] = static_cast<T>(networks[n]->constants[i]);
    }
    for (std::size_t i = 0; i < sizes.state; ++i) {
      state[i * count + n] = static_cast<T>(networks[n]->state[i]);
    }
  }
  constexpr std::uint32_t kThreads = 64;
  const PtxKernel kernel = kernel_of<T>(sweep);
  const std::size_t numbers = sizes.all();
  std::vector<T> scratch(numbers > cuda::kLocalNumbers ? numbers * count : 0);
  for (std::uint64_t step = 0, length = 1; step < sweep.steps; length = 2 * length + 1) {
    const std::uint64_t end = std::min(sweep.steps, step + length);
    const cuda::CoupledSlice<T> slice{networks.front()->shape,
                                      sizes,
                                      {step, static_cast<std::uint32_t>(end - step), sweep.steps},
                                      keys.data(),
                                      seeds.data(),
                                      constants.data(),
                                      state.data(),
                                      static_cast<std::uint32_t>(count),
                                      scratch.empty() ? nullptr : scratch.data()};
    for (std::uint32_t block = 0; block * kThreads < count; ++block) {
      for (std::uint32_t t = 0; t < kThreads; ++t) kernel(&slice, {t, block, 0, kThreads});
    }
    step = end;
  }
  return state;
}

/// Numbers aligned as a tile has to be.
template <class T>
class Aligned {
public:
  explicit Aligned(std::size_t size)
      : bytes_(size * sizeof(T) + cpu::kTileAlignment), size_(size) {}
  std::byte* bytes() {
    void* begin = bytes_.data();
    std::size_t space = bytes_.size();
    return static_cast<std::byte*>(
        std::align(cpu::kTileAlignment, size_ * sizeof(T), begin, space));
  }
  void put(const std::vector<double>& numbers) {
    const std::vector<T> rounded(numbers.begin(), numbers.end());
    std::memcpy(bytes(), rounded.data(), rounded.size() * sizeof(T));
  }
  std::vector<T> get() {
    std::vector<T> numbers(size_);
    std::memcpy(numbers.data(), bytes(), size_ * sizeof(T));
    return numbers;
  }

private:
  std::vector<std::byte> bytes_;
  std::size_t size_;
};

template <class T>
std::vector<T> train_scalar(const Sweep& sweep, const Network& network) {
  const auto& kernels =
      sizeof(T) == sizeof(float) ? cpu::kScalarCoupledKernels.f32 : cpu::kScalarCoupledKernels.f64;
  Aligned<T> constants(network.sizes.constants), state(network.sizes.state),
      work(network.sizes.work);
  constants.put(network.constants);
  state.put(network.state);
  kernels[sweep.coupled->registered()].narrow.advance(
      network.shape, {0, static_cast<std::uint32_t>(sweep.steps), sweep.steps},
      {&network.noise.key, &network.noise.seed}, constants.bytes(), state.bytes(), work.bytes());
  return state.get();
}

/// The payload of a NaN is a processor's own.
template <class T>
bool same(T a, T b) {
  return (a != a && b != b) || std::memcmp(&a, &b, sizeof a) == 0;
}

template <class T>
void expect_equal_to_cpu(const Sweep& sweep) {
  std::vector<std::unique_ptr<UnitNetworks>> units;
  std::map<std::array<std::int32_t, 8>, std::vector<const Network*>> groups;
  for (const WorkUnit& unit : plan_work_units(sweep)) {
    units.push_back(std::make_unique<UnitNetworks>(sweep, unit));
    for (const Network& network : units.back()->networks()) {
      if (network.started) groups[std::to_array(network.shape.word)].push_back(&network);
    }
  }
  std::size_t numbers = 0, finite = 0, different = 0;
  for (const auto& [shape, networks] : groups) {
    const std::vector<T> device = train_translated<T>(sweep, networks);
    for (std::size_t n = 0; n < networks.size(); ++n) {
      const std::vector<T> host = train_scalar<T>(sweep, *networks[n]);
      for (std::size_t i = 0; i < host.size(); ++i) {
        ++numbers;
        finite += is_finite(host[i]) ? 1 : 0;
        different += same(host[i], device[i * networks.size() + n]) ? 0 : 1;
      }
    }
  }
  EXPECT_EQ(different, 0u) << "of " << numbers;
  EXPECT_GT(finite, numbers / 3);
}

void expect_equal_to_cpu(const std::string& settings) {
  SCOPED_TRACE(settings);
  const golden::CoupledCase c{settings.c_str(), "", "", ""};
  expect_equal_to_cpu<float>(sweep_of(c, "f32"));
  expect_equal_to_cpu<double>(sweep_of(c, "f64"));
}

TEST(CoupledPtx, MiniSweepsOfEveryModel) {
  for (const golden::CoupledCase& c : golden::kCoupledCases) expect_equal_to_cpu(c.settings);
}

/// So many numbers of the sign of the first one, in brackets.
std::string example(int numbers, int first) {
  std::string text = "(";
  for (int i = 0; i < numbers; ++i) {
    text +=
        (i > 0 ? "," : "") + std::to_string((first > 0 ? first - i : first + i) / (1.0 + i % 7));
  }
  return text + ")";
}

TEST(CoupledPtx, SamClassification) {
  const std::string all = "model = sam_classification; rule = gd,linf,l2; clock = "
                          "logistic,rescaled; step_size = 0.01; ";
  for (const int coordinates : {1, 2, 3, 4, 5, 9}) {
    const std::string one = "examples = +" + example(coordinates, 100);
    const std::string two = one + ",+" + example(coordinates, 60);
    std::string eight = two + ",-" + example(coordinates, -30);
    for (int i = 0; i < 5; ++i) eight += ",+" + example(coordinates, 9 + 7 * i);
    expect_equal_to_cpu(all + "steps = 75; depth = 1,2,3,4,5,6,8,16; alpha = 0.02; " + one);
    for (const std::string& several : {two, eight}) {
      expect_equal_to_cpu(all + "steps = 75; depth = 1,2,3,5; alpha = 0.02,0.1; " + several);
    }
  }
  expect_equal_to_cpu(all + "depth = 1,2,4,7; alpha_2 = -0.5; first_factor = 2; weight_limit = 3; "
                            "rho = 0,0.1; steps = 301");
  expect_equal_to_cpu(all + "depth = 16; steps = 40; examples = +" + example(40, 100));
}

TEST(CoupledPtx, SamQuadratic) {
  const std::string all = "model = sam_quadratic; seeds = 2; step_size = 0.3,1.7; ";
  for (const int coordinates : {2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 33, 64}) {
    expect_equal_to_cpu(all + "start = gaussian(0.5); arithmetic = log,plain; steps = 101; " +
                        "spectrum = lin(1,0.1," + std::to_string(coordinates) + ")");
  }
  expect_equal_to_cpu(all + "spectrum = 1; arithmetic = log,plain; steps = 101");
  for (const char* landscape : {"valley", "product", "competing"}) {
    expect_equal_to_cpu(all + "steps = 333; rho = 0.01,0.2; landscape = " + landscape);
  }
  expect_equal_to_cpu(all + "steps = 333; landscape = competing; arithmetic = log,plain");
}

TEST(CoupledPtx, LabelNoise) {
  const std::string all = "model = label_noise; activation = cubic,quintic,tanh,sinh; noise = "
                          "signs,normal,none; batch = full,single; label = 0.2; step_size = 0.01; ";
  expect_equal_to_cpu(all + "samples = 1,2,3,7; neurons = 1,2,3,4,5,7; steps = 16");
  for (const char* inputs : {"inputs = gaussian; samples = 1,2,3,4,7; ",
                             "inputs = gaussian; samples = 1,2,3,4,7; form = parameters; "}) {
    expect_equal_to_cpu(all + inputs + "neurons = 1,2,3,7,9; steps = 16; tail_average = 0.5");
  }
  expect_equal_to_cpu(all + "neurons = 3; steps = 70; tail_average = 0; slow_flow = yes");
  expect_equal_to_cpu(all + "samples = 4; neurons = 70; start = manifold(0.4); steps = 131");
  expect_equal_to_cpu(all + "samples = 1; neurons = 1100; steps = 5");
}

} // namespace
} // namespace sharpsweep
