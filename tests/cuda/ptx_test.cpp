// The device code without a device: the PTX that nvcc emits for the training kernel, translated to
// C++ by ptx_to_cpp.py (which also refuses arithmetic that rounds freely) and run thread by thread,
// gives the CPU backend's final weights and tail sums bit for bit.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>

#include "kernels/slice.hpp"
#include "tests/cuda/ptx_thread.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

struct Translated {
  int depth, bundle;
  char type;

  PtxKernel kernel() const {
    const std::string name = "_ZN10sharpsweep4cuda11train_sliceILi" + std::to_string(depth) +
                             "ELi" + std::to_string(bundle) + "E" + type + "EEvNS0_5SliceIT1_EE";
    const PtxEntry* const row = kernel_of({launch_f32_kernels, launch_f64_kernels}, name);
    if (row == nullptr) throw std::runtime_error("not translated: " + name);
    return row->kernel;
  }
};
constexpr Translated kTranslated[] = {
    {1, 1, 'f'},  {2, 1, 'f'},  {3, 1, 'f'}, {4, 1, 'f'}, {5, 1, 'f'}, {8, 1, 'f'},
    {16, 1, 'f'}, {1, 8, 'f'},  {2, 8, 'f'}, {3, 4, 'f'}, {4, 8, 'f'}, {6, 4, 'f'},
    {8, 8, 'f'},  {10, 4, 'f'}, {2, 1, 'd'}, {3, 1, 'd'}, {9, 1, 'd'}, {4, 4, 'd'}};

/// Final weights [member][seed][target][layer], and tail sums [member][seed][target].
struct Trained {
  std::vector<double> weights;
  std::vector<double> tail;
};

/// Trains all configurations of a sweep of one depth as one bundle, in slices of uneven length, one
/// thread at a time.
template <class T>
Trained train_translated(const Sweep& sweep, const Translated& translated) {
  const auto bundle = static_cast<std::uint32_t>(translated.bundle);
  const auto depth = static_cast<std::size_t>(translated.depth);
  const auto coordinates = static_cast<std::uint32_t>(sweep.target.size());
  const std::uint32_t lanes = sweep.seeds * coordinates;
  std::vector<T> weights(bundle * depth * lanes), sum(bundle * lanes), targets;
  std::vector<double> tail(bundle * lanes);
  std::vector<cuda::MemberParameters<T>> members;
  std::vector<std::uint32_t> coordinate;
  for (const double target : sweep.target) coordinate.push_back(coordinate_word(target));
  for (std::uint32_t m = 0; m < bundle; ++m) {
    const Configuration c = sweep.configuration(m);
    members.push_back({static_cast<T>(c.eta), static_cast<T>(-2 * c.alpha), c.key});
    for (std::uint32_t t = 0; t < coordinates; ++t) {
      targets.push_back(static_cast<T>(sweep.target_value(c.depth, c.eta, t)));
    }
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      for (std::size_t l = 0; l < depth; ++l) {
        const float normal =
            ssam::initial_normal(c.key, coordinate[lane % coordinates],
                                 sweep.first_seed + lane / coordinates, static_cast<int>(l));
        weights[(m * depth + l) * lanes + lane] =
            static_cast<T>(ssam::initial_weight(c.init, c.depth, static_cast<int>(l), normal));
      }
    }
  }
  cuda::Slice<T> slice{};
  slice.weights = weights.data();
  slice.product_sum = sum.data();
  slice.tail = tail.data();
  slice.targets = targets.data();
  slice.members = members.data();
  slice.coordinate = coordinate.data();
  slice.total_steps = sweep.steps;
  slice.first_seed = sweep.first_seed;
  slice.coordinates = coordinates;
  slice.lanes = lanes;
  slice.block_lanes = sweep.projection_radius > 0 ? 1 : 2 * coordinates;
  slice.noisy = sweep.noise == Noise::gaussian;
  slice.radius = static_cast<T>(sweep.projection_radius);
  const std::uint32_t threads = slice.block_lanes == 1 ? 1 : (slice.block_lanes + 31) / 32 * 32;
  const PtxKernel kernel = translated.kernel();
  PtxBlock alone(1); // for projection, one thread a block
  for (std::uint64_t step = 0, length = 1; step < sweep.steps; length = length * 2 + 1) {
    std::uint64_t end = std::min(sweep.steps, step + length);
    if (step < sweep.first_tail_step()) end = std::min(end, sweep.first_tail_step());
    std::vector<T> factors;
    for (std::uint64_t k = step; k < end; ++k) {
      factors.push_back(static_cast<T>(schedule_factor(sweep.schedule, k)));
    }
    slice.schedule = sweep.schedule.kind == Schedule::Kind::constant ? nullptr : factors.data();
    slice.first_step = step;
    slice.steps = static_cast<std::uint32_t>(end - step);
    slice.tail_active = step >= sweep.first_tail_step();
    const void* const parameters[] = {&slice};
    for (std::uint32_t block = 0; block * slice.block_lanes < lanes; ++block) {
      for (std::uint32_t thread = 0; thread < threads; ++thread) {
        kernel(parameters, {thread, block, 0, threads, &alone});
      }
    }
    step = end;
  }
  Trained trained;
  trained.tail = tail;
  for (std::uint32_t m = 0; m < bundle; ++m) {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      for (std::size_t l = 0; l < depth; ++l) {
        trained.weights.push_back(static_cast<double>(weights[(m * depth + l) * lanes + lane]));
      }
    }
  }
  return trained;
}

/// The same from the CPU backend; tail sums from the averaged product.
void expect_equal_to_cpu(const Sweep& sweep, const Translated& translated) {
  const Trained device = translated.type == 'f' ? train_translated<float>(sweep, translated)
                                                : train_translated<double>(sweep, translated);
  const auto backend = make_cpu_backend({});
  Progress progress;
  std::vector<double> weights, products;
  const auto units = plan_work_units(sweep);
  std::vector<UnitResult> results(units.size());
  backend->train(sweep, units, [&](std::size_t i, UnitResult&& r) { results[i] = std::move(r); },
                 progress, {});
  for (const UnitResult& result : results) {
    weights.insert(weights.end(), result.weights.begin(), result.weights.end());
    for (std::size_t i = ssam::product_; i < result.outcomes.size(); i += ssam::kOrderParameters) {
      products.push_back(result.outcomes[i]);
    }
  }

  ASSERT_EQ(weights.size(), device.weights.size());
  EXPECT_EQ(0, std::memcmp(weights.data(), device.weights.data(), weights.size() * sizeof(double)));
  const auto tail_steps = static_cast<double>(sweep.steps - sweep.first_tail_step());
  for (std::size_t i = 0; i < products.size(); ++i) {
    EXPECT_EQ(products[i], device.tail[i] / tail_steps) << "lane " << i;
  }
}

std::string sweep_text(const Translated& translated, const std::string& more) {
  return "depth = " + std::to_string(translated.depth) +
         "\nstep_size = " + (translated.depth > 8 ? "0.001" : "0.01") + "\neta = \"lin(" +
         (translated.bundle == 1 ? "0.4" : "0.2") + ",0.4," + std::to_string(translated.bundle) +
         ")\"\ntarget = [0.5, 1.5, -0.8, 3, 0.02]\nsteps = 203\nseeds = 5\nfirst_seed = 3\n"
         "save = weights\nprecision = " +
         (translated.type == 'f' ? "f32" : "f64") + "\n" + more;
}

class Ptx : public testing::TestWithParam<Translated> {};

TEST_P(Ptx, GivesTheBitsOfTheCpu) {
  const Translated& translated = GetParam();
  const auto text = [&](const std::string& more) { return sweep_text(translated, more); };

  expect_equal_to_cpu(test::sweep_of(text("init = \"gaussian(0.8)\"")), translated);
  expect_equal_to_cpu(
      test::sweep_of(text("init = \"unbalanced(0.9,1.5)\"\ntail_average = 0.5\n"
                          "schedule = \"power(20,0.6)\"\nbase_seed = 123456789012")),
      translated);
  // The tail being the whole run, slices begin and end within its groups.
  expect_equal_to_cpu(test::sweep_of(text("init = \"balanced(0.3)\"\ntail_average = 1")),
                      translated);
  if (translated.bundle == 1) {
    expect_equal_to_cpu(test::sweep_of(text("noise = none")), translated);
  }
}

/// Projection needs the threads of a network at a barrier; a network of one coordinate is alone.
TEST(Ptx, ProjectsNetworksOfOneCoordinate) {
  for (const Translated& translated : kTranslated) {
    if (translated.bundle != 1) continue;
    expect_equal_to_cpu(
        test::sweep_of("depth = " + std::to_string(translated.depth) +
                       "\nprojection_radius = 1.2\ntarget = 3\ninit = \"gaussian(0.9)\"\n"
                       "step_size = 0.01\nseeds = 9\nsteps = 101\nsave = weights\nprecision = " +
                       (translated.type == 'f' ? "f32" : "f64")),
        translated);
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, Ptx, testing::ValuesIn(kTranslated), [](const auto& info) {
  return "L" + std::to_string(info.param.depth) + "K" + std::to_string(info.param.bundle) +
         (info.param.type == 'f' ? "f32" : "f64");
});

} // namespace
} // namespace sharpsweep
