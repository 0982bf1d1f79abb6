// What the recursion itself demands: the scaling law, mirror symmetries, schedules, projection,
// divergence, and paths that agree with shorter runs.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/streams.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::diagram;
using test::run;
using test::sweep_of;
using test::values;

TEST(ScalingLaw, HoldsBitForBitForPowersOfTwo) {
  // w = eta w', w* = eta^L w*', alpha' = alpha eta^(2L-2): equal bits up to the exponent.
  struct Group {
    const char* axes;
    int weights; ///< finite ones: no network diverges
  };
  const Group groups[] = {
      {"depth = [2, 3, 4, 5]\nstep_size = [5e-5, 1e-4]\n", (2 + 3 + 4 + 5) * 2 * 3 * 4},
      {"depth = [8, 10]\nstep_size = 1e-7\n", (8 + 10) * 3 * 4},
  };
  for (const Group& group : groups) {
    for (const char* noise : {"gaussian", "none"}) {
      for (const char* precision : {"f32", "f64"}) {
        for (const char* start : {"balanced", "gaussian", "zero_last", "unbalanced"}) {
          const auto weights_at = [&](double eta) {
            const std::string ratio = start == std::string("unbalanced") ? ",1.5" : "";
            const Results results =
                run(sweep_of(std::string(group.axes) + "eta = " + format_number(eta) +
                             "\ninit = \"" + start + "(" + format_number(0.9 * eta) + ratio +
                             ")\"\nstep_size_unit = \"scaled\"\n"
                             "target_unit = \"threshold\"\ntarget = [0.7, 1.3, -2.2]\nseeds = 4\n"
                             "steps = 500\nschedule = \"robbins_monro(300)\"\nsave = \"weights\"\n"
                             "noise = \"" +
                             noise + "\"\nprecision = \"" + precision + "\"\nbase_seed = 5\n"));
            return results.weight;
          };
          const std::vector<double> one = weights_at(1);

          for (const double eta : {0.25, 0.5, 2.0}) {
            const std::vector<double> scaled = weights_at(eta);

            int equal = 0;
            for (std::size_t i = 0; i < one.size(); ++i) {
              equal += is_finite(one[i]) && as_bits(scaled[i] / eta) == as_bits(one[i]);
            }
            EXPECT_EQ(equal, group.weights)
                << group.axes << noise << " " << precision << " " << start << " eta " << eta;
          }
        }
      }
    }
  }
}

/// A sweep's noise-free final weights, of one cell a target, [cell][layer].
std::vector<double> noise_free_weights(int depth, const std::string& init, const char* target) {
  return values(diagram("noise = \"none\"\nseeds = 1\nsave = \"weights\"\nsteps = 500\ndepth = " +
                        std::to_string(depth) + "\ninit = \"" + init + "\"\ntarget = [" + target +
                        "]\n"),
                "weight");
}

TEST(Mirror, NoiseFreeDescentIsSymmetricBitForBit) {
  for (const int depth : {3, 5, 7}) { // (w, w*) -> (-w, -w*)
    const auto plain = noise_free_weights(depth, "balanced(0.8)", "0.5, 1.5, 3");
    const auto mirrored = noise_free_weights(depth, "balanced(-0.8)", "-0.5, -1.5, -3");
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(mirrored[i], -plain[i]) << depth;
  }
  for (const int depth : {2, 4, 6}) { // (w, w*) -> (-w, w*)
    const auto plain = noise_free_weights(depth, "balanced(0.8)", "0.5, 1.5, 3");
    const auto mirrored = noise_free_weights(depth, "balanced(-0.8)", "0.5, 1.5, 3");
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_EQ(mirrored[i], -plain[i]) << depth;
  }
  for (const int depth : {2, 3, 4, 5}) { // the layer at zero takes the sign of the target
    const auto plain = noise_free_weights(depth, "zero_last(0.8)", "0.5, 1.5, 3");
    const auto mirrored = noise_free_weights(depth, "zero_last(0.8)", "-0.5, -1.5, -3");
    const auto layers = static_cast<std::size_t>(depth);
    for (std::size_t i = 0; i < plain.size(); ++i) {
      EXPECT_EQ(mirrored[i], (i + 1) % layers == 0 ? -plain[i] : plain[i]) << depth;
    }
  }
}

TEST(Mirror, NoisyRunsAreSymmetricInLaw) {
  // Mirrored coordinates have noise of their own (a coordinate is named by its target), so means
  // over 2000 seeds agree to 5 standard errors: 24 comparisons, false alarm 1e-5.
  struct Twin {
    int depth;
    const char* init;
    const char* target;
    const char* mirrored_init;
    const char* mirrored_target;
  };
  const Twin twins[] = {
      {3, "balanced(0.7)", "1.2", "balanced(-0.7)", "-1.2"},
      {5, "balanced(0.9)", "2", "balanced(-0.9)", "-2"},
      {2, "balanced(0.7)", "0.8", "balanced(-0.7)", "0.8"},
      {2, "zero_last(0.7)", "0.8", "zero_last(0.7)", "-0.8"},
      {3, "zero_last(0.9)", "1.2", "zero_last(0.9)", "-1.2"},
      {4, "gaussian(0.9)", "1.5", "gaussian(0.9)", "-1.5"},
  };
  for (const Twin& twin : twins) {
    const auto side = [&](const char* init, const char* target) {
      return diagram("depth = " + std::to_string(twin.depth) + "\ninit = \"" + init +
                     "\"\ntarget = " + target +
                     "\nseeds = 2000\nsteps = 2000\nstep_size = 2e-3\neta = 0.4\n");
    };
    const Dataset plain = side(twin.init, twin.target);
    const Dataset mirrored = side(twin.mirrored_init, twin.mirrored_target);

    const bool turned = (twin.target[0] == '-') != (twin.mirrored_target[0] == '-');
    for (const std::string name : {"product", "shrinkage", "average_sharpness", "imbalance"}) {
      const double sign = turned && name == "product" ? -1 : 1;
      const double a = values(plain, name + "_mean")[0];
      const double b = sign * values(mirrored, name + "_mean")[0];
      const double error =
          std::hypot(values(plain, name + "_std")[0], values(mirrored, name + "_std")[0]) /
          std::sqrt(2000.0);
      EXPECT_NEAR(a, b, 5 * error) << name << ", L = " << twin.depth << ", " << twin.init;
      EXPECT_GT(error, 0);
    }
  }
}

/// The paper's recursion in double, written from its formula, with the sweep's normals.
std::vector<std::vector<double>> simulate(const Sweep& sweep, const Configuration& cfg,
                                          std::uint32_t seed) {
  const auto depth = static_cast<std::size_t>(cfg.depth);
  std::vector<std::vector<double>> w(sweep.target.size(),
                                     std::vector<double>(depth, cfg.init.scale));
  for (std::uint64_t k = 0; k < sweep.steps; ++k) {
    double alpha = cfg.alpha;
    if (sweep.schedule.kind == Schedule::Kind::robbins_monro) {
      alpha /= 1 + static_cast<double>(k) / sweep.schedule.k0;
    } else if (sweep.schedule.kind == Schedule::Kind::power) {
      alpha /= std::pow(1 + static_cast<double>(k) / sweep.schedule.k0, sweep.schedule.gamma);
    }
    double norm_squared = 0;
    for (std::size_t h = 0; h < w.size(); ++h) {
      const double target = sweep.target_value(cfg.depth, cfg.eta, h);
      std::vector<double> p(depth);
      double product = 1;
      for (std::size_t l = 0; l < depth; ++l) {
        const std::uint64_t n = k * depth + l;
        const PhiloxBlock block = stream_block(cfg.key, n / 4, coordinate_word(sweep.target[h]),
                                               stream_word(Stream::training, seed));
        float z[2];
        const std::size_t pair = n % 4 / 2;
        normal_pair<float, std::uint32_t>(block.word[2 * pair], block.word[2 * pair + 1], z[0],
                                          z[1]);
        p[l] = w[h][l] + cfg.eta * static_cast<double>(z[n % 2]);
        product *= p[l];
      }
      for (std::size_t l = 0; l < depth; ++l) {
        double rest = 1;
        for (std::size_t m = 0; m < depth; ++m) rest *= m == l ? 1 : p[m];
        w[h][l] -= alpha * 2 * (product - target) * rest;
        norm_squared += w[h][l] * w[h][l];
      }
    }
    const double radius = sweep.projection_radius;
    if (radius > 0 && norm_squared > radius * radius) {
      for (auto& coordinate : w) {
        for (double& x : coordinate) x *= radius / std::sqrt(norm_squared);
      }
    }
  }
  return w;
}

/// Compares final weights with simulate(). The dynamics is contracting here, so rounding errors of
/// single steps (1e-16, 6e-8 relative) add up to no more than the tolerance.
void expect_equal_to_simulation(const std::string& text, double tolerance) {
  const Sweep sweep = sweep_of(text + "save = \"weights\"\n");
  const Results results = run(sweep);
  ASSERT_EQ(sweep.depth.size(), 1u);
  const auto depth = static_cast<std::size_t>(sweep.depth[0]);
  for (std::size_t c = 0; c < sweep.configurations(); ++c) {
    for (std::size_t s = 0; s < sweep.seeds; ++s) {
      const auto expected =
          simulate(sweep, sweep.configuration(c), sweep.first_seed + static_cast<std::uint32_t>(s));
      for (std::size_t t = 0; t < sweep.target.size(); ++t) {
        const std::size_t network = (c * sweep.target.size() + t) * sweep.seeds + s;
        for (std::size_t l = 0; l < depth; ++l) {
          ASSERT_NEAR(results.weight[network * depth + l], expected[t][l], tolerance) << text;
        }
      }
    }
  }
}

TEST(Schedules, EqualAnIndependentSimulation) {
  for (const char* schedule :
       {"constant", "robbins_monro(100)", "power(50,0.6)", "power(10,1.5)"}) {
    const std::string text = "depth = 3\nseeds = 3\nsteps = 1000\nstep_size = [0.01, 0.003]\n"
                             "eta = [0.3, 0.4]\ninit = \"balanced(0.9)\"\ntarget = [1, -1, 2]\n"
                             "first_seed = 7\nbase_seed = 99\nschedule = \"" +
                             std::string(schedule) + "\"\n";
    expect_equal_to_simulation(text + "precision = \"f64\"\n", 1e-11);
    expect_equal_to_simulation(text + "precision = \"f32\"\n", 1e-4);
  }
}

TEST(Schedules, DifferFromEachOther) {
  std::vector<double> products;
  for (const char* schedule :
       {"constant", "robbins_monro(100)", "power(50,0.6)", "power(10,1.5)"}) {
    products.push_back(values(
        diagram("steps = 300\nschedule = \"" + std::string(schedule) + "\"\n"), "product_mean")[0]);
  }
  for (std::size_t i = 0; i < products.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_GT(std::fabs(products[i] - products[j]), 1e-4);
  }
}

TEST(Schedules, PowerOfOneIsRobbinsMonroAndPowerOfZeroIsConstant) {
  const auto product = [](const std::string& schedule) {
    return values(diagram("steps = 300\nprecision = \"f64\"\nschedule = \"" + schedule + "\"\n"),
                  "product_mean")[0];
  };

  EXPECT_NEAR(product("power(40,1)"), product("robbins_monro(40)"), 1e-12);
  EXPECT_EQ(product("power(40,0)"), product("constant"));
}

TEST(Projection, EqualsAnIndependentSimulation) {
  for (const char* radius : {"1.2", "2", "2.6", "100"}) {
    const std::string text = "depth = 3\nseeds = 3\nsteps = 400\nstep_size = 0.005\neta = 0.3\n"
                             "init = \"balanced(0.8)\"\ntarget = [1, 1.7, 2]\n"
                             "projection_radius = " +
                             std::string(radius) + "\n";
    expect_equal_to_simulation(text + "precision = \"f64\"\n", 1e-11);
    expect_equal_to_simulation(text + "precision = \"f32\"\n", 1e-4);
  }
}

TEST(Projection, KeepsEveryNetworkInItsBall) {
  // 37 coordinates, so that networks straddle tiles; a few roundings may exceed the radius.
  for (const char* precision : {"f32", "f64"}) {
    const Sweep sweep = sweep_of("depth = 2\nseeds = 40\nsteps = 150\nstep_size = 0.02\n"
                                 "target = \"lin(1,4,37)\"\nprojection_radius = 6\n"
                                 "save = \"weights\"\nprecision = \"" +
                                 std::string(precision) + "\"\n");
    const Results results = run(sweep);
    const double slack = precision == std::string("f32") ? 1e-6 : 1e-14;
    int on_the_sphere = 0;

    for (std::size_t s = 0; s < sweep.seeds; ++s) {
      double norm_squared = 0;
      for (std::size_t t = 0; t < sweep.target.size(); ++t) {
        for (std::size_t l = 0; l < 2; ++l) {
          const double w = results.weight[(t * sweep.seeds + s) * 2 + l];
          norm_squared += w * w;
        }
      }
      EXPECT_LE(std::sqrt(norm_squared), 6 * (1 + slack)) << precision << " " << s;
      on_the_sphere += std::sqrt(norm_squared) > 6 * (1 - 1e-5);
    }
    EXPECT_GT(on_the_sphere, 0) << precision;
  }
}

TEST(Divergence, IsCountedAndKeptOutOfMeans) {
  for (const char* precision : {"f32", "f64"}) {
    for (const char* extra : {"", "projection_radius = 0\nrecord = 5\n", "noise = \"none\"\n"}) {
      const Dataset data = diagram("depth = [2, 3, 16]\nstep_size = 100\nsteps = 300\nseeds = 5\n"
                                   "target = [1.5, 2]\nprecision = \"" +
                                   std::string(precision) + "\"\n" + extra);

      const auto& finished =
          std::get<std::vector<std::int64_t>>(data.find("seeds_finished")->values);
      for (std::size_t cell = 0; cell < 6; ++cell) {
        EXPECT_EQ(values(data, "diverged")[cell], 1) << precision << extra;
        EXPECT_EQ(values(data, "survival")[cell], 0);
        EXPECT_EQ(finished[cell], 0);
        for (const char* name : {"product_mean", "product_std", "shrinkage_mean", "loss_mean"}) {
          EXPECT_TRUE(std::isnan(values(data, name)[cell])) << name;
        }
      }
      EXPECT_TRUE(std::isnan(values(data, "threshold")[0]));
    }
  }
}

TEST(Divergence, OfSomeSeedsLeavesTheMeanOfTheOthers) {
  // At this step size a good part of the networks overflows.
  const std::string text = "depth = 4\neta = 0.5\nstep_size = 0.06\nsteps = 2000\nseeds = 200\n"
                           "target = 1\nsave = \"weights\"\n";
  const Dataset data = diagram(text);
  const auto& products = values(data, "product");
  double sum = 0;
  int finished = 0;

  for (std::size_t s = 0; s < products.size(); ++s) {
    const bool lost = std::isnan(products[s]);
    EXPECT_EQ(std::isnan(values(data, "weight")[4 * s]), lost);
    if (lost) continue;
    sum += products[s];
    ++finished;
  }

  EXPECT_GT(finished, 10);
  EXPECT_LT(finished, 190);
  EXPECT_NEAR(values(data, "diverged")[0], 1 - finished / 200.0, 1e-12);
  EXPECT_EQ(std::get<std::vector<std::int64_t>>(data.find("seeds_finished")->values)[0], finished);
  EXPECT_NEAR(values(data, "product_mean")[0], sum / finished, 1e-12 * std::fabs(sum));
}

TEST(Paths, EqualSeparateShorterRuns) {
  for (const char* extra : {"", "projection_radius = 2.2\n", "noise = \"none\"\n",
                            "schedule = \"robbins_monro(20)\"\nprecision = \"f64\"\n"}) {
    const std::string base =
        "depth = [2, 3]\ninit = [\"balanced(0.9)\", \"unbalanced(1,1.4)\"]\n"
        "eta = [0.3, 0.5]\ntarget = [0.6, 1.8]\nseeds = 70\nfirst_seed = 60\n" +
        std::string(extra);
    const Sweep whole = sweep_of(base + "steps = 333\nrecord = 9\ntail_average = 0.3\n");
    const Dataset path = phase_diagram(whole, run(whole));
    const std::vector<std::uint64_t> times = whole.record_steps();

    for (std::size_t i = 0; i < times.size(); ++i) {
      const Dataset shorter =
          diagram(base + "tail_average = 0\nsteps = " + std::to_string(times[i]) + "\n");
      for (const std::string name :
           {"product", "shrinkage", "imbalance", "loss", "hessian_trace", "average_sharpness"}) {
        for (const std::string kind : {"mean", "std"}) {
          const auto& end = values(shorter, name + "_" + kind);
          const auto& along = values(path, name + "_path_" + kind);
          for (std::size_t cell = 0; cell < end.size(); ++cell) {
            ASSERT_EQ(as_bits(along[cell * times.size() + i]), as_bits(end[cell]))
                << name << "_" << kind << " after " << times[i] << " " << extra;
          }
        }
      }
    }
  }
}

TEST(TailAverage, IsTheMeanProductOverTheLastFractionOfTheRun) {
  // A run of one step more differs from the run before by the last product alone.
  const std::string base = "depth = 3\nprecision = \"f64\"\nseeds = 2\nsave = \"seeds\"\n";
  std::vector<double> products(2, 0);
  for (int k = 31; k <= 60; ++k) {
    const auto last =
        values(diagram(base + "tail_average = 0\nsteps = " + std::to_string(k) + "\n"), "product");
    for (std::size_t s = 0; s < 2; ++s) products[s] += last[s] / 30;
  }

  const auto averaged = values(diagram(base + "tail_average = 0.5\nsteps = 60\n"), "product");

  for (std::size_t s = 0; s < 2; ++s) EXPECT_NEAR(averaged[s], products[s], 1e-14);
}

} // namespace
} // namespace sharpsweep
