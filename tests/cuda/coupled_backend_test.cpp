// Coupled models on the CUDA backend, on the stand-in for its runtime (stand_in.hpp): the PTX of
// their kernels, run in the backend's slices, gives the CPU backend's results bit for bit.
#include <gtest/gtest.h>

#include <string>

#include "tests/cuda/results.hpp"
#include "tests/parity/coupled_cases.hpp"

namespace sharpsweep {
namespace {

using namespace stand_in;

TEST(CoupledOnCuda, MiniSweepsHaveTheirGoldenDigests) {
  set_devices({{}});
  const auto backend = make_cuda_backend();
  EXPECT_EQ(count_agreeing(*backend), kCoupledDigests);
  expect_nothing_in_use(1);
}

/// In both precisions.
void expect_both_equal_to_cpu(const std::string& settings) {
  SCOPED_TRACE(settings);
  const golden::CoupledCase c{settings.c_str(), "", "", ""};
  stand_in::expect_equal_to_cpu(sharpsweep::sweep_of(c, "f32"));
  stand_in::expect_equal_to_cpu(sharpsweep::sweep_of(c, "f64"));
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

TEST(CoupledOnCuda, SamClassification) {
  const std::string all = "model = sam_classification; rule = gd,linf,l2; clock = "
                          "logistic,rescaled; step_size = 0.01; ";
  for (const int coordinates : {1, 2, 3, 4, 5, 9}) {
    const std::string one = "examples = +" + example(coordinates, 100);
    const std::string two = one + ",+" + example(coordinates, 60);
    std::string eight = two + ",-" + example(coordinates, -30);
    for (int i = 0; i < 5; ++i) eight += ",+" + example(coordinates, 9 + 7 * i);
    expect_both_equal_to_cpu(all + "steps = 75; depth = 1,2,3,4,5,6,8,16; alpha = 0.02; " + one);
    for (const std::string& several : {two, eight}) {
      expect_both_equal_to_cpu(all + "steps = 75; depth = 1,2,3,5; alpha = 0.02,0.1; " + several);
    }
  }
  expect_both_equal_to_cpu(all +
                           "depth = 1,2,4,7; alpha_2 = -0.5; first_factor = 2; weight_limit = 3; "
                           "rho = 0,0.1; steps = 301");
  expect_both_equal_to_cpu(all + "depth = 16; steps = 40; examples = +" + example(40, 100));
}

TEST(CoupledOnCuda, SamQuadratic) {
  const std::string all = "model = sam_quadratic; seeds = 2; step_size = 0.3,1.7; ";
  for (const int coordinates : {2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 33, 64}) {
    expect_both_equal_to_cpu(all + "start = gaussian(0.5); arithmetic = log,plain; steps = 101; " +
                             "spectrum = lin(1,0.1," + std::to_string(coordinates) + ")");
  }
  expect_both_equal_to_cpu(all + "spectrum = 1; arithmetic = log,plain; steps = 101");
  for (const char* landscape : {"valley", "product", "competing"}) {
    expect_both_equal_to_cpu(all + "steps = 333; rho = 0.01,0.2; landscape = " + landscape);
  }
  expect_both_equal_to_cpu(all + "steps = 333; landscape = competing; arithmetic = log,plain");
}

TEST(CoupledOnCuda, LabelNoise) {
  const std::string all = "model = label_noise; activation = cubic,quintic,tanh,sinh; noise = "
                          "signs,normal,none; batch = full,single; label = 0.2; step_size = 0.01; "
                          "seeds = 2; ";
  expect_both_equal_to_cpu(all + "samples = 1,2,3,7; neurons = 1,2,3,4,5,7; steps = 16");
  for (const char* inputs : {"inputs = gaussian; samples = 1,2,3,4,7; ",
                             "inputs = gaussian; samples = 1,2,3,4,7; form = parameters; "}) {
    expect_both_equal_to_cpu(all + inputs + "neurons = 1,2,3,7,9; steps = 16; tail_average = 0.5");
  }
  expect_both_equal_to_cpu(all + "neurons = 3; steps = 70; tail_average = 0; slow_flow = yes");
  expect_both_equal_to_cpu(all + "samples = 4; neurons = 70; start = manifold(0.4); steps = 131");
  expect_both_equal_to_cpu(all + "samples = 1; neurons = 1100; steps = 5");
}

/// To ask for more is an error, which expect_equal_to_cpu does not allow.
TEST(CoupledOnCuda, AsksForNoMoreMemoryThanThereIs) {
  const golden::CoupledCase c{"model = sam_quadratic; steps = 3; spectrum = lin(1,0.1,64); "
                              "step_size = lin(0.2,0.4,4000)",
                              "", "", ""};
  const Sweep sweep = sharpsweep::sweep_of(c, "f64");
  stand_in::expect_equal_to_cpu(sweep);
  const std::size_t memory = usage(0).most_bytes / 2;
  const std::uint64_t before = usage(0).launches;
  stand_in::expect_equal_to_cpu(sweep, {{.memory = memory}});
  EXPECT_GT(usage(0).launches, before); // in more batches
}

} // namespace
} // namespace sharpsweep
