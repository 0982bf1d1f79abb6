// The engine's bits: equal to a plain reference (reference.hpp), equal to the golden digests, and
// equal for every instruction set, thread count, bundle and cut into work units. Nothing here has a
// tolerance. `parity_test --print-golden` prints the rows of golden_digests.hpp as this build
// computes them.

#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "host/cpu/kernels.hpp"
#include "sharpsweep/numerics/sha256.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "tests/parity/golden_digests.hpp"
#include "tests/parity/golden_sweep.hpp"
#include "tests/parity/reference.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::run;
using test::sweep_of;

/// Final weights and order parameters of every network of a sweep, in an order of its own.
struct Bits {
  std::vector<double> weights;  ///< [configuration][seed][target][layer]
  std::vector<double> outcomes; ///< [configuration][seed][target][order parameter]

  bool operator==(const Bits& other) const {
    const auto same = [](const std::vector<double>& a, const std::vector<double>& b) {
      return a.size() == b.size() && std::memcmp(a.data(), b.data(), 8 * a.size()) == 0;
    };
    return same(weights, other.weights) && same(outcomes, other.outcomes);
  }
};

Bits engine_bits(const Sweep& sweep, const CpuOptions& options = {}) {
  const Results results = run(sweep, options);
  const auto layers =
      static_cast<std::size_t>(*std::max_element(sweep.depth.begin(), sweep.depth.end()));
  const std::size_t networks = results.cells * sweep.seeds;
  Bits bits;
  for (std::size_t c = 0; c < sweep.configurations(); ++c) {
    const auto depth = static_cast<std::size_t>(sweep.configuration(c).depth);
    for (std::size_t s = 0; s < sweep.seeds; ++s) {
      for (std::size_t t = 0; t < sweep.target.size(); ++t) {
        const std::size_t network = (c * sweep.target.size() + t) * sweep.seeds + s;
        for (std::size_t l = 0; l < depth; ++l) {
          bits.weights.push_back(results.weight[network * layers + l]);
        }
        for (std::size_t x = 0; x < ssam::kOrderParameters; ++x) {
          bits.outcomes.push_back(results.seed_value[x * networks + network]);
        }
      }
    }
  }
  return bits;
}

Bits reference_bits(const Sweep& sweep) {
  Bits bits;
  for (std::size_t c = 0; c < sweep.configurations(); ++c) {
    for (std::uint32_t s = 0; s < sweep.seeds; ++s) {
      for (const auto& outcome :
           reference::train(sweep, sweep.configuration(c), sweep.first_seed + s)) {
        bits.weights.insert(bits.weights.end(), outcome.weights.begin(), outcome.weights.end());
        bits.outcomes.insert(bits.outcomes.end(), outcome.values.begin(), outcome.values.end());
      }
    }
  }
  return bits;
}

std::string sha256(const std::vector<double>& values, Precision precision = Precision::f64) {
  Sha256 hash;
  for (const double value : values) {
    const auto single = static_cast<float>(value);
    if (precision == Precision::f32) {
      hash.update(&single, sizeof single);
    } else {
      hash.update(&value, sizeof value);
    }
  }
  return hash.hex();
}

constexpr const char* kStarts[] = {"balanced", "unbalanced", "zero_last", "gaussian"};
constexpr const char* kDecays[] = {"constant", "robbins_monro", "power"};
constexpr const char* kArithmetics[] = {"f32", "f64"};

template <std::size_t N, class E>
const char* name_of(const char* const (&names)[N], E value) {
  return names[static_cast<std::size_t>(value)];
}

/// The sweep of a golden case, as a sweep file.
std::string sweep_text(const golden::Case& c) {
  const golden::Variation& v = c.variation;
  std::ostringstream text;
  text << "depth = " << c.depth << "\ninit = \"" << name_of(kStarts, c.init) << "("
       << format_number(c.scale);
  if (c.init == golden::Start::unbalanced) text << "," << format_number(c.ratio);
  text << ")\"\nschedule = \"" << name_of(kDecays, v.schedule);
  if (v.schedule != golden::Decay::constant) text << "(" << format_number(v.k0);
  if (v.schedule == golden::Decay::power) text << "," << format_number(v.gamma);
  text << (v.schedule != golden::Decay::constant ? ")" : "")
       << "\"\nstep_size = " << format_number(c.alpha) << "\neta = " << format_number(c.eta)
       << "\ntarget = [";
  for (const double target : golden::kGoldenTargets) {
    text << (target == golden::kGoldenTargets[0] ? "" : ", ") << format_number(target);
  }
  text << "]\nnoise = \"" << (v.noise_free ? "none" : "gaussian") << "\"\nseeds = " << v.seeds
       << "\nfirst_seed = " << v.first_seed << "\nbase_seed = " << v.base_seed
       << "\nnoise_streams = \"" << (v.independent ? "independent" : "shared")
       << "\"\nsteps = " << v.steps
       << "\nprojection_radius = " << format_number(v.projection_radius)
       << "\ntail_average = " << format_number(v.tail_average)
       << "\nsave = \"weights\"\nprecision = \"" << name_of(kArithmetics, c.precision) << "\"\n";
  return text.str();
}

/// What a row of the table holds for the case in this build.
std::string printed_row(const golden::Case& c) {
  const Sweep sweep = sweep_of(sweep_text(c));
  const Bits bits = engine_bits(sweep);
  const golden::Variation& v = c.variation;
  const golden::Variation usual;
  std::string variation;
  const auto put = [&](const char* name, const std::string& value, bool differs) {
    if (!differs) return;
    variation += variation.empty() ? "." : ", .";
    variation += name;
    variation += " = ";
    variation += value;
  };
  const std::uint64_t key = sweep.configuration(0).key;
  put("steps", std::to_string(v.steps), v.steps != usual.steps);
  put("seeds", std::to_string(v.seeds), v.seeds != usual.seeds);
  put("first_seed", std::to_string(v.first_seed), v.first_seed != usual.first_seed);
  put("base_seed", std::to_string(v.base_seed) + "u", v.base_seed != usual.base_seed);
  put("key", std::to_string(key) + "u", key != usual.key);
  put("independent", "true", v.independent);
  put("noise_free", "true", v.noise_free);
  put("schedule", std::string("Decay::") + name_of(kDecays, v.schedule),
      v.schedule != usual.schedule);
  put("k0", format_number(v.k0), v.k0 != usual.k0);
  put("gamma", format_number(v.gamma), v.gamma != usual.gamma);
  put("projection_radius", format_number(v.projection_radius), v.projection_radius != 0);
  put("tail_average", format_number(v.tail_average), v.tail_average != usual.tail_average);
  std::ostringstream row;
  row << "    {" << c.depth << ", Start::" << name_of(kStarts, c.init) << ", "
      << format_number(c.scale) << ", " << format_number(c.ratio)
      << ", Arithmetic::" << name_of(kArithmetics, c.precision) << ", " << format_number(c.alpha)
      << ", " << format_number(c.eta) << ",\n     \"" << sha256(bits.weights, sweep.precision)
      << "\",\n     \"" << sha256(bits.outcomes) << "\"";
  if (!variation.empty()) row << ",\n     {" << variation << "}";
  row << "},\n";
  return row.str();
}

TEST(Golden, EveryCaseHasItsDigestsAndEqualsTheReference) {
  for (const golden::Case& c : golden::kCases) {
    SCOPED_TRACE(sweep_text(c));
    const Sweep sweep = sweep_of(sweep_text(c));

    const Bits bits = engine_bits(sweep);
    const Bits plain = reference_bits(sweep);

    EXPECT_TRUE(bits == plain);
    EXPECT_EQ(sha256(bits.weights, sweep.precision), c.weights);
    EXPECT_EQ(sha256(bits.outcomes), c.outcomes);
    EXPECT_EQ(sweep.configuration(0).key, c.variation.key);
  }
}

TEST(Golden, CoversEveryDepthStartAndPrecisionAndNoNetworkDiverges) {
  std::set<std::tuple<int, int, int>> seen;
  for (const golden::Case& c : golden::kCases) {
    seen.insert({c.depth, static_cast<int>(c.init), static_cast<int>(c.precision)});
    const Bits bits = engine_bits(sweep_of(sweep_text(c)));
    for (const double w : bits.weights) ASSERT_TRUE(std::isfinite(w)) << sweep_text(c);
  }
  EXPECT_EQ(seen.size(), 16u * 4 * 2);
}

TEST(Golden, DigestsDiffer) {
  // A digest that two cases share would mean that a setting does nothing.
  std::set<std::string> outcomes;
  std::map<std::string, int> weights;
  for (const golden::Case& c : golden::kCases) {
    EXPECT_TRUE(outcomes.insert(c.outcomes).second) << sweep_text(c);
    EXPECT_EQ(++weights[c.weights], 1) << sweep_text(c);
  }
}

/// Sweeps with several configurations of every axis: what bundles and units can get wrong.
const std::vector<std::string>& grids() {
  static const std::vector<std::string> list = [] {
    const std::string axes =
        "depth = [1, 2, 3, 9]\n"
        "init = [\"balanced(0.9)\", \"gaussian(0.7)\", \"unbalanced(0.8,2)\"]\n"
        "step_size = [0.003, 0.001]\neta = \"lin(0.2,0.4,3)\"\n"
        "target = [0.7, -1.1, 2.5]\nseeds = 70\nfirst_seed = 40\n"
        "base_seed = 12345678901234567890\nsteps = 29\n"
        "save = \"weights\"\ntail_average = 0.4\n";
    std::vector<std::string> all;
    for (const char* precision : {"f32", "f64"}) {
      const std::string base = axes + "precision = \"" + precision + "\"\n";
      all.push_back(base);
      all.push_back(base + "noise_streams = \"independent\"\n");
      all.push_back(base + "projection_radius = 2.5\nschedule = \"robbins_monro(30)\"\n");
      all.push_back(base + "noise = \"none\"\nschedule = \"power(10,0.7)\"\n");
      all.push_back(base + "target_unit = \"threshold\"\nstep_size_unit = \"scaled\"\n");
      all.back().replace(all.back().find("[1, 2,"), 6, "[2,");
      // So many coordinates that a network fills more than one tile.
      all.push_back(base + "projection_radius = 9\n");
      all.back().replace(all.back().find("[0.7, -1.1, 2.5]"), 16, "\"lin(0.5,1.5,131)\"");
      all.back().replace(all.back().find("seeds = 70"), 10, "seeds = 3");
    }
    return all;
  }();
  return list;
}

TEST(Parity, GridsEqualTheReference) {
  for (const std::string& text : grids()) {
    SCOPED_TRACE(text);
    const Sweep sweep = sweep_of(text);

    const bool equal = engine_bits(sweep) == reference_bits(sweep);

    EXPECT_TRUE(equal);
  }
}

TEST(Parity, DivergedNetworksEqualTheReference) {
  // alpha is so large that most coordinates overflow; with a ball around them they do not.
  for (const char* precision : {"f32", "f64"}) {
    for (const char* radius : {"0", "1.7"}) {
      const Sweep sweep = sweep_of(std::string("depth = [2, 5]\nstep_size = [0.02, 30]\n"
                                               "target = [0.5, 2]\nseeds = 9\nsteps = 300\n"
                                               "save = \"weights\"\nprecision = \"") +
                                   precision + "\"\nprojection_radius = " + radius + "\n");

      const Bits bits = engine_bits(sweep);

      EXPECT_TRUE(bits == reference_bits(sweep)) << precision << " " << radius;
      const bool any_lost = std::any_of(bits.weights.begin(), bits.weights.end(),
                                        [](double w) { return std::isnan(w); });
      EXPECT_TRUE(any_lost || radius != std::string("0")) << precision;
    }
  }
}

/// Over everything that training hands to the analysis.
std::string digest_of(const Results& results) {
  Sha256 hash;
  const auto put = [&hash](const auto& list) {
    hash.update(list.data(), list.size() * sizeof list.front());
  };
  CellStates row;
  for (const StateTable* table : {&results.state, &results.path}) {
    for (std::size_t r = 0; r < table->rows(); ++r) {
      table->load(r, row);
      put(row.finished);
      put(row.diverged);
      put(row.survivors);
      put(row.moments);
    }
  }
  put(results.seed_value);
  put(results.weight);
  return hash.hex();
}

TEST(Parity, BackendsGiveOneDigest) {
  for (std::string text : grids()) {
    SCOPED_TRACE(text);
    text += "record = 7\n";
    const Sweep sweep = sweep_of(text);
    const std::string expected = digest_of(run(sweep, {1, "scalar", 1}));
    std::vector<CpuOptions> all;
    for (const cpu::Kernels* kernels : cpu::available_kernels()) {
      const std::string name(kernels->name);
      all.push_back({1, name, 0});
      all.push_back({3, name, 5});
      all.push_back({2, name, 16});
    }
    for (const std::size_t bundle : {1u, 2u, 5u, 16u}) all.push_back({2, "", bundle});

    for (const CpuOptions& options : all) {
      const std::string found = digest_of(run(sweep, options));

      EXPECT_EQ(found, expected) << options.instruction_set << ", " << options.threads
                                 << " threads, bundle " << options.bundle;
    }
  }
}

TEST(Parity, PhaseDiagramsHaveOneDigest) {
  // What the file's `digest` attribute says, thresholds and theory included.
  const std::string text = "depth = [2, 3]\ninit = [\"balanced(0.5)\", \"unbalanced(0.5,1.5)\"]\n"
                           "eta = [0.4, 0.5]\ntarget = \"log(0.5,3,9)\"\ntarget_unit = threshold\n"
                           "steps = 400\nstep_size = 0.02\nrecord = 5\nseeds = 70\n";
  const std::string expected = digest(test::diagram(text, {1, "scalar", 1}));

  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    for (const unsigned threads : {1u, 2u}) {
      const CpuOptions options{threads, std::string(kernels->name), 3 * threads};

      EXPECT_EQ(digest(test::diagram(text, options)), expected) << kernels->name;
    }
  }
  EXPECT_NE(digest(test::diagram(text + "base_seed = 1\n")), expected);
}

/// Trains the units in groups of `group`, in the given order, one call of train() a group.
std::string digest_of_partition(const Sweep& sweep, std::vector<WorkUnit> units,
                                std::size_t group) {
  const auto backend = make_cpu_backend({2, "", 0});
  Results results(sweep);
  const Placement in_place(sweep, sweep);
  for (std::size_t first = 0; first < units.size(); first += group) {
    const std::span<const WorkUnit> some =
        std::span(units).subspan(first, std::min(group, units.size() - first));
    Progress progress;
    backend->train(sweep, some,
                   [&](std::size_t i, UnitResult&& result) {
                     results.take(sweep, sweep, in_place, some[i], result);
                   },
                   progress, {});
  }
  return digest_of(results);
}

TEST(Parity, UnitsInTwoGoesGiveTheSameStates) {
  for (const std::string& text : grids()) {
    SCOPED_TRACE(text);
    const Sweep sweep = sweep_of(text + "record = 3\n");
    for (const std::size_t bundle : {1u, 4u}) {
      const auto backend = make_cpu_backend({2, "", bundle});
      std::size_t cells = 0;
      EXPECT_EQ(
          differing_cells(results_of(sweep, *backend), results_in_two_goes(sweep, *backend), cells),
          0U);
      EXPECT_GT(cells, 0U);
    }
  }
}

TEST(Parity, AnyPartitionOfTheUnitsGivesOneDigest) {
  for (const std::string& text : grids()) {
    SCOPED_TRACE(text);
    const Sweep sweep = sweep_of(text + "record = 3\n");
    const std::string expected = digest_of(run(sweep));
    const std::vector<WorkUnit> units = plan_work_units(sweep);
    std::vector<WorkUnit> reversed(units.rbegin(), units.rend());
    std::vector<WorkUnit> single;
    for (const WorkUnit& unit : units) {
      for (std::size_t c = 0; c < unit.configurations; ++c) {
        single.push_back({unit.first_configuration + c, 1, unit.first_seed, unit.seeds});
      }
    }

    EXPECT_GT(single.size(), units.size());
    EXPECT_EQ(digest_of_partition(sweep, units, 1), expected);
    EXPECT_EQ(digest_of_partition(sweep, reversed, 2), expected);
    EXPECT_EQ(digest_of_partition(sweep, single, 5), expected);
    EXPECT_EQ(digest_of_partition(sweep, single, single.size()), expected);
  }
}

TEST(Parity, ACellIsItself) {
  // A finer grid, more seeds and other company leave a cell's networks as they were.
  for (const char* streams : {"shared", "independent"}) {
    const std::string rest = std::string("steps = 70\nsave = \"weights\"\nnoise_streams = \"") +
                             streams + "\"\ninit = \"gaussian(0.8)\"\n";
    const Sweep coarse =
        sweep_of(rest + "depth = 3\neta = [0.25, 0.5]\ntarget = [1, 2]\nseeds = 3\n"
                        "first_seed = 62\n");
    const Sweep fine = sweep_of(rest + "depth = [3, 2]\neta = \"lin(0.125,0.5,4)\"\n"
                                       "step_size = [0.03, 0.01]\ntarget = \"lin(0.5,2,7)\"\n"
                                       "seeds = 90\nfirst_seed = 1\n");

    const Results a = run(coarse), b = run(fine);

    int compared = 0;
    for (std::size_t c = 0; c < coarse.configurations(); ++c) {
      for (std::size_t d = 0; d < fine.configurations(); ++d) {
        const Configuration one = coarse.configuration(c), other = fine.configuration(d);
        if (one.depth != other.depth || one.eta != other.eta || one.alpha != other.alpha) continue;
        EXPECT_EQ(one.key, other.key);
        for (std::size_t t = 0; t < coarse.target.size(); ++t) {
          const auto u = static_cast<std::size_t>(
              std::find(fine.target.begin(), fine.target.end(), coarse.target[t]) -
              fine.target.begin());
          ASSERT_LT(u, fine.target.size());
          for (std::size_t s = 0; s < coarse.seeds; ++s) {
            for (std::size_t l = 0; l < 3; ++l) {
              const std::size_t i = ((c * coarse.target.size() + t) * coarse.seeds + s) * 3 + l;
              const std::size_t j = ((d * fine.target.size() + u) * fine.seeds + s + 61) * 3 + l;
              EXPECT_EQ(a.weight[i], b.weight[j]);
              ++compared;
            }
          }
        }
      }
    }
    EXPECT_EQ(compared, 2 * 2 * 3 * 3);
  }
}

} // namespace
} // namespace sharpsweep

int main(int argc, char** argv) {
  if (argc == 2 && std::string(argv[1]) == "--print-golden") {
    for (const auto& c : sharpsweep::golden::kCases) std::cout << sharpsweep::printed_row(c);
    return 0;
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
