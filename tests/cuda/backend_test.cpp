// The CUDA backend without a GPU: its host code as nvcc compiled it, on a stand-in for the CUDA
// runtime that runs the kernels' PTX (stand_in.hpp). Every sweep has the CPU backend's results bit
// for bit, however its units are cut into batches and spread over devices; and every call that
// fails ends in those results or in an error, with nothing left in use.

#include <gtest/gtest.h>

#include <thread>

#include "kernels/launch.hpp"
#include "tests/cuda/results.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using namespace stand_in;
using test::sweep_of;

void expect_equal_to_cpu(const std::string& text, const std::vector<Device>& devices = {{}}) {
  SCOPED_TRACE(text);
  stand_in::expect_equal_to_cpu(sweep_of(text), devices);
}

/// CUB asks once in a process how many devices there are.
class MostDevices : public testing::Environment {
  void SetUp() override {
    set_devices({{}, {}, {}});
    results_of(sweep_of("target = 0.5\nseeds = 1\nsteps = 1\n"), *make_cuda_backend());
  }
};
const auto* const kMostDevices = testing::AddGlobalTestEnvironment(new MostDevices);

/// Two blocks of seeds, of which neither is whole, and as many members as a bundle of each size and
/// one alone; in the first block, bundles of four pay on one multiprocessor, in the second of
/// eight.
std::string sweep_text(const std::string& more) {
  return "depth = 4\ninit = \"gaussian(0.8)\"\neta = \"lin(0.2,0.4,13)\"\ntarget = [0.5, 1.5, "
         "-0.8]\n"
         "seeds = 70\nfirst_seed = 40\nsteps = 41\nstep_size = 0.01\nsave = \"weights\"\n" +
         more;
}

TEST(CudaBackend, TrainsBundlesOfEverySize) {
  cuda::bundles_launched = 0;
  expect_equal_to_cpu(sweep_text(""));
  EXPECT_EQ(cuda::bundles_launched, 1U | 4U | 8U);
}

TEST(CudaBackend, HasTheBitsOfTheCpu) {
  for (const char* precision : {"f32", "f64"}) {
    const std::string all = std::string("precision = \"") + precision +
                            "\"\ndepth = [2, 5]\ninit = \"gaussian(0.8)\"\neta = [0.3, 0.4]\n"
                            "target = [0.5, 1.5, -0.8]\nseeds = 66\nfirst_seed = 40\nsteps = 41\n"
                            "step_size = 0.01\nsave = \"weights\"\n";
    expect_equal_to_cpu(all + "record = 5\ntail_average = 0.3\n");
    expect_equal_to_cpu(all + "schedule = \"power(20,0.6)\"\ntail_average = 1\n");
    expect_equal_to_cpu(all + "noise_streams = \"independent\"\nbase_seed = 123456789012\n");
    expect_equal_to_cpu(all + "noise = \"none\"\nstep_size_unit = \"scaled\"\n");
  }
}

/// The threads of a network meet at barriers, here each in a thread of its own.
TEST(CudaBackend, ProjectsNetworks) {
  for (const char* precision : {"f32", "f64"}) {
    expect_equal_to_cpu(std::string("depth = [2, 3]\nprojection_radius = 1.2\nsteps = 7\n"
                                    "init = \"gaussian(0.9)\"\ntarget = [3, 0.5, 2, -1, 1]\n"
                                    "step_size = [0.01, 40]\nseeds = 9\nsave = \"weights\"\n"
                                    "precision = \"") +
                        precision + "\"\n");
  }
}

/// Threads beyond the networks of a block repeat one of them.
TEST(CudaBackend, LaunchesFewIdleThreads) {
  const struct {
    const char* keys;
    std::uint64_t threads;
  } cases[] = {
      {"eta = 0.3\nseeds = 3\ntarget = [0.5, 1]\n", 32},
      {"eta = 0.3\nseeds = 5\ntarget = \"lin(0.5,1.5,60)\"\n", 320}, // two blocks
      {"eta = 0.3\nseeds = 64\ntarget = \"lin(0.5,1.5,8)\"\n", 512},
      {"eta = 0.3\nseeds = 3\ntarget = [0.5, 1]\nprojection_radius = 2\n", 32},
      {"eta = 0.3\nseeds = 5\ntarget = \"lin(0.5,1.5,32)\"\nprojection_radius = 2\n", 160},
      // A bundle of eight has blocks of 128 threads at most.
      {"eta = \"lin(0.2,0.4,8)\"\nseeds = 64\ntarget = [0.5, 1, 2]\n", 192},
  };
  for (const auto& c : cases) {
    expect_equal_to_cpu(std::string("depth = 2\nsteps = 2\ntail_average = 0\n") + c.keys);
    EXPECT_EQ(usage(0).training_threads, c.threads) << c.keys;
  }
}

/// One launch takes 65535 bundles at most; here each of three streams has more, of one.
TEST(CudaBackend, TrainsMoreConfigurationsThanALaunchTakes) {
  expect_equal_to_cpu("depth = 1\neta = \"lin(0.2,0.4,200000)\"\ntarget = 0.5\nsteps = 1\n"
                      "seeds = 1\nnoise_streams = \"independent\"\n");
  EXPECT_EQ(usage(0).training_launches, 6U);
}

TEST(CudaBackend, CountsWhatDiverges) {
  const Sweep sweep = sweep_of("depth = 2\nstep_size = [0.01, 30]\ntarget = [0.5, 2]\n"
                               "seeds = 70\nsteps = 300\nsave = \"seeds\"\n");
  stand_in::set_devices({{}});
  const auto diverged = [&](Backend& backend) {
    Progress progress;
    backend.train(sweep, plan_work_units(sweep), [](std::size_t, UnitResult&&) {}, progress, {});
    EXPECT_EQ(progress.updates, sweep.updates());
    return progress.diverged.load();
  };
  const std::uint64_t expected = diverged(*make_cpu_backend({}));

  EXPECT_GT(expected, 100U);
  EXPECT_EQ(diverged(*make_cuda_backend()), expected);
}

TEST(CudaBackend, ContinuesWithFurtherSeeds) {
  const Sweep sweep = sweep_of(sweep_text("record = 3\n"));
  stand_in::set_devices({{}});
  const auto backend = make_cuda_backend();

  std::size_t cells = 0;
  EXPECT_EQ(differing_cells(of_cpu(sweep), results_in_two_goes(sweep, *backend), cells), 0U);
  EXPECT_GT(cells, 0U);
}

// Devices.

const std::string kMany = "depth = 4\neta = \"lin(0.2,0.4,300)\"\ntarget = [0.5, 1.5, -0.8]\n"
                          "seeds = 130\nsteps = 20\nsave = \"seeds\"\n";

TEST(Devices, ShareTheWork) {
  expect_equal_to_cpu(kMany, {{}, {}, {}});
  for (int d = 0; d < 3; ++d) {
    EXPECT_GT(usage(d).training_launches, 0U) << "device " << d;
    EXPECT_LE(usage(d).most_streams, 3U);
  }
}

/// To ask for more is an error, which expect_equal_to_cpu does not allow.
TEST(Devices, AreNotAskedForMoreMemoryThanTheyHave) {
  expect_equal_to_cpu(kMany, {{}});
  const std::uint64_t before = usage(0).launches;
  const std::size_t memory = usage(0).most_bytes / 4;
  expect_equal_to_cpu(kMany, {{.memory = memory}});
  EXPECT_LT(usage(0).most_bytes, memory);
  EXPECT_GT(usage(0).launches, before); // in more batches
}

TEST(Devices, ThatAreTooSmallAreToldBefore) {
  const Sweep sweep = sweep_of(kMany);
  stand_in::set_devices({{.memory = 20000}});
  const auto backend = make_cuda_backend();
  try {
    results_of(sweep, *backend);
    FAIL() << "trained in 20 kB";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("does not fit into the GPU's memory"),
              std::string::npos);
  }
  EXPECT_EQ(usage(0).launches, 1U); // the square roots
}

TEST(Devices, ThatAreOldAreLeftOut) {
  stand_in::set_devices({{.name = "old", .major = 7}, {.name = "new"}});
  EXPECT_EQ(make_cuda_backend()->device(), "new");
}

std::string complaint() {
  try {
    make_cuda_backend();
  } catch (const DeviceError& error) {
    return error.what();
  }
  return "";
}

TEST(Devices, ThatCannotBeUsedAreNamed) {
  stand_in::set_devices({});
  EXPECT_EQ(complaint(), "no usable GPU: no CUDA-capable device is detected");
  stand_in::set_devices({{.major = 7}});
  EXPECT_EQ(complaint(), "no usable GPU: none of compute capability 8.0 or later");
  stand_in::set_devices({{}});
  stand_in::set_wrong_square_roots(3);
  EXPECT_EQ(complaint(),
            "GPU 0 (Stand-in) rounds the square roots of 3 numbers otherwise; leave it "
            "out of CUDA_VISIBLE_DEVICES");
  expect_nothing_in_use(1);
}

// What goes wrong.

TEST(Stop, EndsAfterTheSliceAndLeavesNothing) {
  for (const char* text : {"model = \"label_noise\"\nsteps = 100000000\n",
                           "depth = 4\ntarget = [0.5, 1]\nseeds = 70\nsteps = 100000000\n"}) {
    const Sweep sweep = sweep_of(text);
    set_devices({{}});
    const auto backend = make_cuda_backend();
    Progress progress;
    std::size_t delivered = 0;
    const std::jthread stopper([&](const std::stop_token& ended) {
      while (progress.updates == 0 && !ended.stop_requested()) std::this_thread::yield();
      progress.stop = true;
    });
    backend->train(sweep, plan_work_units(sweep), [&](std::size_t, UnitResult&&) { ++delivered; },
                   progress, {});
    EXPECT_EQ(delivered, 0U);
    EXPECT_GT(progress.updates, 0);
    EXPECT_LT(progress.updates, sweep.updates() / 100);
    expect_nothing_in_use(1);
  }
}

/// Each call fails in its turn, alone and with all that follow.
void expect_errors(const Sweep& sweep) {
  const UnitResults expected = of_cpu(sweep);
  for (int i = 0; i < 2; ++i) { // the first time, Thrust asks for what it then knows
    stand_in::set_devices({{}});
    results_of(sweep, *make_cuda_backend());
  }
  const std::uint64_t calls = stand_in::calls();
  EXPECT_GT(calls, 30U);
  std::uint64_t errors = 0, recovered = 0;
  for (const std::uint64_t last : {std::uint64_t{1}, std::uint64_t{1} << 40}) {
    for (std::uint64_t call = 0; call < calls; ++call) {
      SCOPED_TRACE("call " + std::to_string(call) + (last > 1 ? " and all that follow" : " alone"));
      stand_in::set_devices({{}});
      stand_in::fail_calls(call, last);
      UnitResults found;
      try {
        found = results_of(sweep, *make_cuda_backend());
        ++recovered;
      } catch (const DeviceError& error) {
        ++errors;
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("GPU"), std::string::npos) << error.what();
      }
      if (!found.empty()) {
        EXPECT_EQ(last, 1U) << "nobody noticed";
        expect_same(found, expected);
      }
      stand_in::fail_calls(0, 0);
      expect_nothing_in_use(1);
    }
  }
  EXPECT_GT(errors, calls); // all of the second round, some of the first
  EXPECT_GT(recovered, 0U); // another stream takes the batch over
}

TEST(Failures, EndInAnErrorOrInTheRightResults) {
  expect_errors(sweep_of("depth = 2\ntarget = [0.5, 1]\nseeds = 3\nsteps = 9\nrecord = 2\n"
                         "save = \"weights\"\nschedule = \"robbins_monro(30)\"\n"));
}

TEST(Failures, OfCoupledModelsToo) {
  expect_errors(sweep_of("model = \"sam_quadratic\"\nsteps = 9\nrecord = 2\n"));
}

} // namespace
} // namespace sharpsweep
