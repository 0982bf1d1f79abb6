// The bits of coupled models: one digest for every instruction set, thread count, cut into units
// and place in a grid. `coupled_test --print-golden` prints the digests of golden_coupled.hpp.
#include <gtest/gtest.h>

#include <cstdio>

#include "host/cpu/kernels.hpp"
#include "tests/parity/coupled_cases.hpp"

namespace sharpsweep {
namespace {

using golden::CoupledCase;
using golden::kCoupledCases;

std::string digest_on(const Sweep& sweep, const CpuOptions& options) {
  return digest_of(results_of(sweep, *make_cpu_backend(options)));
}

class CoupledBits : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Precision, CoupledBits, testing::Values("f32", "f64"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(CoupledBits, GoldenDigestsOnEveryInstructionSet) {
  for (const CoupledCase& c : kCoupledCases) {
    SCOPED_TRACE(c.settings);
    const Sweep sweep = sweep_of(c, GetParam());
    const char* expected = std::string_view(GetParam()) == "f32" ? c.f32 : c.f64;
    for (const cpu::Kernels* kernels : cpu::available_kernels()) {
      EXPECT_EQ(digest_on(sweep, {1, std::string(kernels->name), 0}), expected) << kernels->name;
    }
    EXPECT_EQ(digest_on(sweep, {3, "", 0}), expected) << "three threads";
  }
}

TEST(CoupledTheory, GoldenDigests) {
  for (const CoupledCase& c : kCoupledCases) {
    EXPECT_EQ(digest_of_theory(sweep_of(c, "f64")), c.theory) << c.settings;
    EXPECT_EQ(digest_of_theory(sweep_of(c, "f32")), c.theory) << c.settings;
  }
}

TEST_P(CoupledBits, SeedsInTwoGoes) {
  const auto backend = make_cpu_backend({});
  for (const CoupledCase& c : kCoupledCases) {
    SCOPED_TRACE(c.settings);
    Sweep sweep = sweep_of(c, GetParam());
    sweep.save = Save::mean; // saved networks are joined by the engine, not by the backend
    std::size_t cells = 0;

    EXPECT_EQ(
        differing_cells(results_of(sweep, *backend), results_in_two_goes(sweep, *backend), cells),
        0u);
    EXPECT_GT(cells, 0u);
  }
}

TEST_P(CoupledBits, ACellIsItself) {
  const auto backend = make_cpu_backend({});
  for (const CoupledCase& c : kCoupledCases) {
    SCOPED_TRACE(c.settings);
    Sweep sweep = sweep_of(c, GetParam());
    sweep.save = Save::mean;
    const std::vector<Axis> axes = sweep.axes();
    const auto all = results_of(sweep, *backend);
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t cell = i * (sweep.cells() - 1) / 4;
      std::vector<std::vector<std::size_t>> kept;
      for (const std::size_t k : Sweep::indices(axes, cell)) kept.push_back({k});
      const auto alone = results_of(sweep.part(kept), *backend);

      const auto units = plan_work_units(sweep);
      for (std::size_t u = 0; u < units.size(); ++u) {
        if (cell < units[u].first_configuration ||
            cell >= units[u].first_configuration + units[u].configurations) {
          continue;
        }
        const std::size_t at = cell - units[u].first_configuration;
        const std::uint32_t block = seed_block_of(sweep, units[u].first_seed);
        for (std::size_t x = 0; x < sweep.outcome_size(); ++x) {
          const Moments &expected = all[u].cells.of(at)[x], &found = alone[block].cells.of(0)[x];
          EXPECT_EQ(std::memcmp(&expected, &found, sizeof found), 0)
              << sweep.describe(cell) << ", number " << x;
        }
      }
    }
  }
}

int print_golden() {
  for (const CoupledCase& c : kCoupledCases) {
    std::printf("    {\"%s\",\n     \"%s\",\n     \"%s\",\n     \"%s\"},\n", c.settings,
                digest_on(sweep_of(c, "f32"), {}).c_str(),
                digest_on(sweep_of(c, "f64"), {}).c_str(),
                digest_of_theory(sweep_of(c, "f64")).c_str());
  }
  return 0;
}

} // namespace
} // namespace sharpsweep

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "--print-golden") return sharpsweep::print_golden();
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
