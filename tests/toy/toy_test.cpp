// A model of one header, registered in one line, runs with all that the engine does for it.
#include <gtest/gtest.h>

#include <cmath>

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

TEST(Toy, RefusesBadInput) {
  EXPECT_THROW(test::sweep_of("model = heavy_ball\ncurvature = 0\n"), UsageError);
  EXPECT_THROW(test::sweep_of("model = heavy_ball\nmomentum = -0.1\n"), UsageError);
  EXPECT_THROW(test::sweep_of("model = sam_quadratic\n"), UsageError); // not in this list
}

} // namespace
} // namespace sharpsweep
