// A model of one header, registered in one line, runs with all that the engine does for it.
#include <gtest/gtest.h>

#include <cmath>

#include "host/cpu/coupled_impl.hpp"
#include "host/cpu/kernels.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

const std::string kGrid = "model = heavy_ball\nstep_size = \"lin(0.1,1.9,10)\"\n"
                          "momentum = \"lin(0,0.9,7)\"\nsteps = 250\n";

TEST(Toy, ConvergesAtThePredictedRate) {
  const Dataset data = test::diagram(kGrid);
  const auto& measured = test::values(data, "rate_mean");
  const auto& theory = test::values(data, "rate_theory");
  ASSERT_EQ(measured.size(), 70u);
  for (std::size_t i = 0; i < measured.size(); ++i) {
    if (!std::isfinite(measured[i])) continue; // exactly zero at the end
    // The prefactor (a multiple of the number of steps where roots meet) and the phase of complex
    // roots cost up to ln(250) / 250 and a little more.
    EXPECT_NEAR(measured[i], theory[i], 0.03) << i;
  }
  EXPECT_EQ(data.find("weight_theory"), nullptr);
}

TEST(Toy, HasTheSameBitsOnEveryInstructionSet) {
  for (const char* precision : {"f32", "f64"}) {
    const std::string text = kGrid + "record = 5\nsave = weights\nprecision = " + precision + "\n";
    const std::string expected = digest(test::diagram(text, {1, "scalar", 0}));
    for (const cpu::Kernels* kernels : cpu::available_kernels()) {
      EXPECT_EQ(digest(test::diagram(text, {2, std::string(kernels->name), 0})), expected);
    }
  }
}

/// The unit's networks, trained in tiles.
UnitResult trained(const Sweep& sweep, const WorkUnit& unit, const cpu::CoupledKernel& kernel) {
  const cpu::CoupledKernels kernels{"test", {}, {&kernel, 1}};
  Progress progress;
  UnitResult result;
  EXPECT_TRUE(cpu::train_coupled_unit(sweep, unit, kernels, progress, {}, result));
  return result;
}

TEST(Toy, TilesOfAnyWidthHoldTheSameNetworks) {
  using M = heavy_ball::Model;
  const Sweep sweep = test::sweep_of(kGrid + "record = 5\nsave = weights\nprecision = f64\n");
  const cpu::TileCode three = cpu::tile_code<M, Pack<double, 3>>();
  const cpu::CoupledKernel alone{cpu::tile_code<M, double>(), {}, nullptr},
      narrow{three, {}, nullptr};
  // Of 70 networks 64 fill wide tiles, and narrow ones take the rest.
  const cpu::CoupledKernel wide{three, cpu::tile_code<M, Pack<double, 16>>(),
                                [](const Shape&) { return true; }};
  for (const WorkUnit& unit : plan_work_units(sweep)) {
    const UnitResult expected = trained(sweep, unit, alone);
    EXPECT_EQ(expected.cells.size(), 70u);
    for (const cpu::CoupledKernel& kernel : {narrow, wide}) {
      const UnitResult result = trained(sweep, unit, kernel);
      EXPECT_EQ(result.cells, expected.cells);
      EXPECT_EQ(result.path, expected.path);
      EXPECT_EQ(result.weights, expected.weights);
    }
  }
}

TEST(Toy, RefusesBadInput) {
  EXPECT_THROW(test::sweep_of("model = heavy_ball\ncurvature = 0\n"), UsageError);
  EXPECT_THROW(test::sweep_of("model = heavy_ball\nmomentum = -0.1\n"), UsageError);
  EXPECT_THROW(test::sweep_of("model = sam_quadratic\n"), UsageError); // not in this list
}

} // namespace
} // namespace sharpsweep
