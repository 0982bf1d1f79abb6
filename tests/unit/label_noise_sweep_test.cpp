// label_noise as a sweep runs it: keys, networks in lanes and slices, and its order parameters
// against theory. Behind a tolerance stands the largest error found.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tests/label_noise_support.hpp"
#include "tests/model_run.hpp"

namespace sharpsweep::label_noise {
namespace {

using sharpsweep::test::Experiment;
using Network = sharpsweep::test::Run;
using sharpsweep::test::run_network;

using Given = std::vector<std::pair<std::string, std::string>>;

Settings settings_of(const Given& given) {
  Settings settings;
  for (const auto& [key, value] : given) settings[key] = split_items(value);
  return settings;
}

/// A sweep, and the values of its networks by name.
struct Sweep : Experiment<Model> {
  explicit Sweep(const Given& given) : Experiment(settings_of(given)) {
    std::size_t at = 0;
    for (const auto& list : {model->order_parameters(), model->predictions()}) {
      for (const OrderParameterInfo& info : list) place[info.name] = at++;
    }
    steps = std::stoull(settings["steps"].front());
  }
  Network run(std::size_t point = 0, std::uint32_t seed = 0) const {
    return run_network<double>(*this, point, steps, {1, seed});
  }
  double measured(const Network& run, const std::string& name) const {
    return run.values[place.at(name)];
  }
  double theory(const Network& run, const std::string& name) const {
    return run.theory[place.at(name)];
  }
  /// A prediction of one cell without training.
  double theory(std::size_t point, const std::string& name) const {
    std::vector<double> values(place.size());
    const std::vector<std::size_t> at = index(point);
    model->predict(Point(axes, at), values.data());
    return values[place.at(name)];
  }
  std::map<std::string, std::size_t> place;
  std::uint64_t steps;
};

Given with(Given given, const Given& more) {
  given.insert(given.end(), more.begin(), more.end());
  return given;
}

const char* const kNames[] = {"cubic", "quintic", "tanh", "sinh"};

// Networks.

/// Sweeps over everything that advance() tells apart.
std::vector<Given> all_kinds() {
  std::vector<Given> kinds;
  for (const char* activation : kNames) {
    for (const char* batch : {"full", "single"}) {
      for (const char* noise : {"signs", "normal", "none"}) {
        for (const Given& form :
             {Given{{"samples", "1"}, {"neurons", "2"}}, Given{{"samples", "1"}, {"neurons", "4"}},
              Given{{"samples", "1"}, {"neurons", "7"}}, Given{{"samples", "2"}, {"neurons", "2"}},
              Given{{"samples", "2"}, {"neurons", "5"}}, Given{{"samples", "3"}, {"neurons", "3"}},
              Given{{"inputs", "gaussian"}, {"samples", "2"}, {"neurons", "5"}},
              Given{{"inputs", "gaussian"}, {"samples", "3"}, {"neurons", "4"}},
              Given{{"inputs", "gaussian"}, {"samples", "4"}, {"neurons", "3"}},
              Given{{"inputs", "gaussian"}, {"samples", "5"}, {"neurons", "3"}},
              Given{{"inputs", "gaussian"}, {"samples", "2"}, {"form", "parameters"}}}) {
          kinds.push_back(with(form, {{"activation", activation},
                                      {"batch", batch},
                                      {"noise", noise},
                                      {"sigma", "0.2"},
                                      {"steps", "300"},
                                      {"tail_average", "0.4"}}));
        }
      }
    }
  }
  return kinds;
}

TEST(Lanes, AreNetworks) {
  for (const Given& given : all_kinds()) {
    sharpsweep::test::expect_lanes_to_be_networks<Model>(Sweep(given), 300);
  }
}

TEST(Shapes, AreOrderedByTheirWords) {
  const Shape a{{1, 2}}, same{{1, 2}}, b{{1, 3}};
  EXPECT_TRUE(a == same && a < b);
  EXPECT_FALSE(a < same || same < a || b < a);
}

TEST(Slices, DoNotMatter) {
  for (const Given& given : all_kinds()) {
    const Sweep sweep(given);
    const Network whole = run_network<float>(sweep, 0, 300, {5, 3}, 300);
    for (const std::uint32_t slice : {1u, 7u, 32u, 177u}) {
      ASSERT_EQ(run_network<float>(sweep, 0, 300, {5, 3}, slice).state, whole.state);
    }
  }
}

TEST(Networks, FollowTheRecursion) {
  // Every specialisation against the plain loops of z-space, with the noise written once more.
  double worst = 0;
  for (const Given& given : all_kinds()) {
    const Sweep sweep(given);
    const std::vector<std::size_t> index = sweep.index(0);
    const Point at(sweep.axes, index);
    const auto n = static_cast<std::size_t>(at["samples"]);
    const auto m = static_cast<std::size_t>(at["neurons"]);
    const bool single = at["batch"] == 1;
    if (sweep.settings.at("form").front() == "parameters") continue;
    const Network run = sweep.run(0, 9);
    const Sweep untrained(with(given, {{"tail_average", "0"}}));
    State z = run_network<double>(untrained, 0, 0, {1, 9}).state;
    // K from the kernel that a network of the same inputs has in its constants.
    const Shape shape = sweep.model->shape(at);
    std::vector<double> constants(Model::sizes(shape).constants), state(Model::sizes(shape).state);
    ASSERT_TRUE(sweep.model->start(at, {1, 9}, constants.data(), state.data()));
    const Common common(shape);
    const Constants<double> c(common, constants.data());
    std::vector<double> kernel(n * n), labels(n), work(test::work_size(n, m));
    for (std::size_t i = 0; i < n; ++i) kernel[i * n + i] = c.matrix[i];
    if (common.form == Form::dense) std::copy_n(c.matrix, n * n, kernel.begin());
    const Activation phi{static_cast<Activation::Kind>(static_cast<int>(at["activation"]))};
    test::visit<double>(phi, [&](auto own) {
      for (std::uint64_t t = 0; t < 300; ++t) {
        for (std::uint32_t i = 0; i < n; ++i) {
          const float noise = at["noise"] == 0   ? sign_noise(1, 9, i, t)
                              : at["noise"] == 1 ? normal_number(1, Stream::label, 9, i, t)
                                                 : 0.0F;
          labels[i] = noisy_label(c.label[i], 0.2, static_cast<double>(noise));
        }
        const std::size_t drawn =
            single ? test::drawn_sample(1, 9, t, static_cast<std::uint32_t>(n)) : test::kAllSamples;
        test::step(own, n, m, kernel.data(), labels.data(), z.data(), work.data(), drawn);
      }
    });
    for (std::size_t i = 0; i < z.size(); ++i) {
      worst = std::max(worst, std::fabs(z[i] - run.state[i]));
    }
  }
  EXPECT_LT(worst, 1e-14); // 1.3e-15
}

TEST(Networks, AreTheSameInBothForms) {
  double worst = 0;
  for (const char* start : {"near(0.2)", "manifold(0.4)", "random(0.4)"}) {
    for (const char* activation : kNames) {
      const Given given = {{"inputs", "[x(1,0.3,0), x(0.2,0.9,0.1)]"},
                           {"activation", activation},
                           {"start", start},
                           {"label", "0.4"},
                           {"steps", "5000"},
                           {"sigma", "0.2"},
                           {"neurons", "5"}};
      const Sweep z(given), parameters(with(given, {{"form", "parameters"}}));
      const Network a = z.run(), b = parameters.run();
      ASSERT_TRUE(a.finished && b.finished);
      for (std::size_t i = 0; i < a.values.size(); ++i) {
        worst = std::max(worst, std::fabs(a.values[i] - b.values[i]) / std::fabs(a.values[i]));
      }
      EXPECT_EQ(0, std::memcmp(a.theory.data(), b.theory.data(), a.theory.size() * sizeof(double)));
    }
  }
  EXPECT_LT(worst, 1e-12); // 2.8e-14
}

TEST(Networks, InFloatStayNearDouble) {
  const Sweep sweep({{"activation", "[cubic,quintic,tanh,sinh]"},
                     {"inputs", "gaussian"},
                     {"samples", "3"},
                     {"label", "0.7"},
                     {"steps", "20000"}});
  for (std::size_t point = 0; point < 4; ++point) {
    const Network a = sweep.run(point), b = run_network<float>(sweep, point, sweep.steps, {1, 0});
    for (const char* name : {"loss", "hessian_trace", "spread", "effective_rank", "sharpness"}) {
      EXPECT_NEAR(sweep.measured(b, name), sweep.measured(a, name),
                  2e-4 * sweep.measured(a, name)); // 6e-5: the spread of tanh
    }
  }
}

TEST(Networks, ThatDivergeSaySo) {
  const Sweep beyond({{"step_size", "1.3"}, {"step_size_unit", "edge"}, {"steps", "2000"}});
  EXPECT_FALSE(beyond.run().finished);
  const Sweep below({{"step_size", "0.3"}, {"step_size_unit", "edge"}, {"steps", "2000"}});
  EXPECT_TRUE(below.run().finished);
  // Saturated neurons cannot be brought to zero loss.
  const Sweep saturated({{"activation", "tanh"}, {"start", "manifold(1e6)"}, {"steps", "1"}});
  EXPECT_FALSE(saturated.run().finished);
}

// Starts.

TEST(Starts, LieOnTheManifoldWhereTheyShould) {
  for (const char* start : {"near(0.3)", "manifold(0.5)"}) {
    const Sweep sweep({{"start", start}, {"inputs", "gaussian"}, {"tail_average", "0"}});
    EXPECT_LT(sweep.measured(run_network<double>(sweep, 0, 0, {1, 4}), "loss"), 1e-24);
  }
  const Sweep random({{"start", "random(0.5)"}, {"tail_average", "0"}});
  EXPECT_GT(random.measured(run_network<double>(random, 0, 0, {1, 4}), "loss"), 0.1);
  // The mean spread of near(s) is that of the linear theory, here with 2000 deviations each.
  const Sweep near({{"start", "near(1e-3)"}, {"neurons", "40"}, {"tail_average", "0"}});
  double mean = 0;
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    mean += near.measured(run_network<double>(near, 0, 0, {1, seed}), "spread") / 50;
  }
  const double z = inverse(test::kCubic, 0.5);
  EXPECT_NEAR(mean / (1e-6 * 39 / 40 / (z * z)), 1, 3 * std::sqrt(2.0 / (39 * 2 * 50)));
}

// Order parameters.

TEST(OrderParameters, OfTheTailAreMeansOverItsSteps) {
  for (const char* form : {"z", "parameters"}) {
    const Given given = {{"inputs", "gaussian"}, {"neurons", "3"}, {"form", form}};
    const Sweep sweep(with(given, {{"steps", "100"}, {"tail_average", "0.3"}}));
    const Sweep plain(with(given, {{"steps", "100"}, {"tail_average", "0"}}));
    double loss = 0, trace = 0;
    for (std::uint64_t t = 70; t < 100; ++t) {
      const Network run = run_network<double>(plain, 0, t, {1, 0});
      loss += plain.measured(run, "loss") / 30;
      trace += plain.measured(run, "hessian_trace") / 30;
    }
    const Network after = run_network<double>(plain, 0, 100, {1, 0});

    const Network run = sweep.run();

    EXPECT_NEAR(sweep.measured(run, "loss"), loss, 1e-14 * loss);
    EXPECT_NEAR(sweep.measured(run, "hessian_trace"), trace, 1e-14 * trace);
    EXPECT_EQ(sweep.measured(run, "spread"), plain.measured(after, "spread"));
    EXPECT_EQ(std::log(sweep.measured(run, "spread")), sweep.measured(run, "log_spread"));
    EXPECT_TRUE(std::isnan(plain.measured(after, "relaxation_rate")));
  }
}

TEST(OrderParameters, AreSummedWithoutLosingTerms) {
  float sum[2] = {}; // plain sums stagnate: 100958 instead of 100000
  for (int i = 0; i < 1'000'000; ++i) add_compensated(sum, 0.1F);
  EXPECT_FLOAT_EQ(sum[0], 1e6F * 0.1F);
}

TEST(OrderParameters, MeasureTheRateInTheTail) {
  const Sweep sweep({{"steps", "100"}, {"tail_average", "0.3"}, {"samples", "3"}});
  const auto log_deviations = [&](std::uint64_t steps) {
    const State z = run_network<double>(sweep, 0, steps, {1, 0}).state; // z comes first
    double sum = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      double mean = 0;
      for (std::size_t j = 0; j < 8; ++j) mean += z[3 * j + i] / 8;
      for (std::size_t j = 0; j < 8; ++j) sum += (z[3 * j + i] - mean) * (z[3 * j + i] - mean);
    }
    return std::log(sum);
  };
  const double tail = theory::slow_clock(0.05, 0.5, 3, 30);
  EXPECT_NEAR(sweep.measured(sweep.run(), "relaxation_rate"),
              (log_deviations(70) - log_deviations(100)) / (2 * tail), 1e-10);
}

TEST(OrderParameters, AreThoseOfTheTheoryOnceTheyHaveRelaxed) {
  // n small steps of one sample, or one of all: to leading order in sigma, and the tail averages
  // over many correlation times.
  for (const char* activation : kNames) {
    for (const char* batch : {"full", "single"}) {
      const Sweep sweep({{"activation", activation},
                         {"batch", batch},
                         {"samples", "2"},
                         {"neurons", "4"},
                         {"label", "0.7"},
                         {"step_size", "0.04"},
                         {"sigma", "0.1"},
                         {"start", "near(1e-3)"},
                         {"tail_average", "0.9"},
                         {"steps", "200000"}});
      const Network run = sweep.run();
      const auto expect = [&](const char* name, double tolerance) {
        EXPECT_NEAR(sweep.measured(run, name) / sweep.theory(run, name), 1, tolerance)
            << name << ' ' << activation << ' ' << batch;
      };
      expect("hessian_trace", 2e-3);
      expect("effective_rank", 1e-5);
      expect("sharpness", 0.05);
      const double b = std::string(batch) == "full" ? 2 : 1;
      EXPECT_NEAR(sweep.measured(run, "slow_clock"), 0.04 * 0.04 * 0.01 / (4 * b) * 200000, 1e-12);
      expect("slow_clock", 1e-15);
      expect("relaxation_rate", std::string(batch) == "full" ? 0.1 : 0.2);
      // The formula of one sample is that of small steps: off by some eta lambda_max.
      expect("loss", std::string(batch) == "full" ? 0.03 : 0.2);
    }
  }
}

TEST(OrderParameters, OfReplicasAreExact) {
  const Sweep sweep({{"start", "near(0)"}, {"inputs", "gaussian"}, {"tail_average", "0"}});
  const Network run = run_network<double>(sweep, 0, 0, {1, 0});
  EXPECT_EQ(sweep.measured(run, "spread"), 0);
  EXPECT_TRUE(std::isnan(sweep.measured(run, "log_spread")));
  EXPECT_NEAR(sweep.measured(run, "effective_rank"), 1, 1e-14);
  EXPECT_LT(sweep.measured(run, "distance"), 1e-14);
  EXPECT_NEAR(sweep.measured(run, "hessian_trace"), sweep.theory(run, "least_trace"), 1e-12);
  EXPECT_NEAR(sweep.measured(run, "sharpness"), sweep.theory(run, "sharpness"), 1e-12);
}

TEST(Theory, WithoutNoiseNothingIsDrivenToTheReplicatedState) {
  for (const Given& quiet : {Given{{"noise", "none"}}, Given{{"sigma", "0"}}}) {
    for (const char* start : {"near(0.1)", "random(0.5)"}) {
      const Sweep sweep(with(quiet, {{"start", start}, {"steps", "100"}}));
      for (const char* name : {"loss", "hessian_trace", "effective_rank", "distance", "sharpness",
                               "relaxation_rate"}) {
        EXPECT_TRUE(std::isnan(sweep.theory(0, name))) << name;
      }
      EXPECT_EQ(sweep.theory(0, "slow_clock"), 0);
      EXPECT_GT(sweep.theory(0, "least_trace"), 0);
    }
  }
}

TEST(Theory, OfLabelsZeroHasNoRank) {
  const Sweep sweep({{"label", "0, 0.5"}, {"steps", "100"}});
  EXPECT_TRUE(std::isnan(sweep.theory(0, "effective_rank")));
  EXPECT_GT(sweep.theory(0, "hessian_trace"), 0);
  EXPECT_NEAR(sweep.theory(1, "effective_rank"), 1, 1e-12);
}

// Against theory.

TEST(Relaxation, HasThePredictedRate) {
  // Mean rates over 40 seeds against eig(2KQ) of finite steps: 3 standard errors. The limit of
  // small steps is far off.
  for (const Given& inputs : {Given{{"samples", "1"}}, Given{{"samples", "2"}},
                              Given{{"inputs", "[x(1,0), x(0.25,1.1)]"}, {"steps", "150000"}}}) {
    const Sweep sweep(with({{"neurons", "4"},
                            {"label", "0.5"},
                            {"step_size", "0.3"},
                            {"step_size_unit", "edge"},
                            {"sigma", "0.1"},
                            {"start", "near(1e-3)"},
                            {"tail_average", "0.3"},
                            {"steps", "40000"}},
                           inputs));
    double sum = 0, squares = 0;
    constexpr std::uint32_t kSeeds = 40;
    double theory = 0, small_steps = 0;
    for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
      const Network run = sweep.run(0, seed);
      const double rate = sweep.measured(run, "relaxation_rate");
      sum += rate / kSeeds;
      squares += rate * rate / kSeeds;
      theory = sweep.theory(run, "relaxation_rate");
      small_steps = sweep.theory(run, "small_step_rate");
    }
    const double error = std::sqrt((squares - sum * sum) / (kSeeds - 1));
    EXPECT_LT(std::fabs(sum - theory), 3 * error) << theory;
    EXPECT_LT(error, 0.02 * theory);
    EXPECT_GT(std::fabs(small_steps - theory), 6 * error);
  }
}

/// Cells of a map whose measured rate has another sign than predicted, further than `margin` in
/// |y/m| from the line, and all cells there.
struct Mismatches {
  int wrong, cells;
};
Mismatches stability_map(const Given& given, double margin) {
  const Sweep sweep(with({{"samples", "1"},
                          {"neurons", "3"},
                          {"step_size", "0.1"},
                          {"step_size_unit", "edge"},
                          {"sigma", "0.3"},
                          {"sigma_unit", "neuron"},
                          {"start", "near(1e-4)"},
                          {"tail_average", "0.9"},
                          {"steps", "4000"}},
                         given));
  Mismatches found{0, 0};
  for (std::size_t point = 0; point < sweep.points(); ++point) {
    const std::vector<std::size_t> index = sweep.index(point);
    const double label = std::fabs(Point(sweep.axes, index)["label"]);
    const double line = sweep.theory(point, "stability_line");
    if (std::fabs(label - line) < margin) continue;
    const double rate = sweep.measured(sweep.run(point, 2), "relaxation_rate");
    EXPECT_EQ(sweep.theory(point, "unstable_modes"), label < line ? 2 : 0);
    found.wrong += (rate < 0) != (label < line);
    ++found.cells;
  }
  return found;
}

TEST(Stability, ChangesWhereTheThirdDerivativeDoes) {
  const Mismatches tanh =
      stability_map({{"activation", "tanh"}, {"label", "lin(-0.8,0.8,33)"}}, 0.02);
  EXPECT_EQ(tanh.wrong, 0);
  EXPECT_EQ(tanh.cells, 33);
  const Mismatches quintic = stability_map(
      {{"activation", "quintic"}, {"quintic_k", "lin(-0.2,0.7,10)"}, {"label", "lin(0.05,0.8,16)"}},
      0.02);
  EXPECT_EQ(quintic.wrong, 0);
  EXPECT_GT(quintic.cells, 140);
  const Mismatches stable =
      stability_map({{"activation", "[cubic,sinh]"}, {"label", "lin(0.1,1,10)"}}, 0.02);
  EXPECT_EQ(stable.wrong, 0);
}

TEST(SlowFlow, IsWhatTrainingFollows) {
  // From far apart, at a tenth of the edge: spread and trace after S = 0.5 against the flow from
  // each network's own start. Means over 30 seeds; 3 standard errors.
  const Sweep sweep({{"samples", "2"},
                     {"neurons", "4"},
                     {"start", "manifold(0.6)"},
                     {"step_size", "0.1"},
                     {"sigma", "0.05"},
                     {"slow_flow", "yes"},
                     {"tail_average", "0"},
                     {"steps", "160000"}});
  double off[2] = {}, squares[2] = {}, limit = 0;
  constexpr std::uint32_t kSeeds = 30;
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    const Network run = sweep.run(0, seed);
    const double ratio[] = {
        sweep.measured(run, "log_spread") - std::log(sweep.measured(run, "finite_flow_spread")),
        sweep.measured(run, "hessian_trace") / sweep.measured(run, "finite_flow_hessian_trace") -
            1};
    for (int i = 0; i < 2; ++i) {
      off[i] += ratio[i] / kSeeds;
      squares[i] += ratio[i] * ratio[i] / kSeeds;
    }
    limit +=
        (sweep.measured(run, "log_spread") - std::log(sweep.measured(run, "flow_spread"))) / kSeeds;
  }
  for (int i = 0; i < 2; ++i) {
    const double error = std::sqrt((squares[i] - off[i] * off[i]) / (kSeeds - 1));
    EXPECT_LT(std::fabs(off[i]), 3 * error) << i;
    EXPECT_LT(error, 0.02) << i;
  }
  EXPECT_GT(std::fabs(limit), 0.05); // the limit of small steps is another flow
}

TEST(LinearSpread, IsThatOfTheSlowFlow) {
  // Mean over 200 starts, each a sum of 15 squares: 3 standard errors.
  const Matrix x = test::random_inputs(3, 6, 5);
  const Problem problem = test::problem_of(test::kCubic, 6, x, test::some_labels(3));
  for (const double eta : {0.0, 0.1}) {
    const double duration = 1 / theory::relaxation_rates(problem, eta)[1];
    double sum = 0, squares = 0;
    for (unsigned seed = 0; seed < 200; ++seed) {
      State z = test::random_state(problem, 1e-4, seed);
      ASSERT_TRUE(theory::follow_slow_flow(problem, z, duration, eta, 1e-4));
      const double value = spread(3, 6, z.data());
      sum += value / 200;
      squares += value * value / 200;
    }
    const double error = std::sqrt((squares - sum * sum) / 199);
    EXPECT_NEAR(theory::linear_spread(problem, eta, 1e-4, duration), sum, 3 * error);
    EXPECT_LT(error, 0.05 * sum);
  }
  // One sample: the exponential itself.
  const Problem one = test::problem_of(test::kSinh, 4, test::random_inputs(1, 2, 1), {0.4});
  const double rate = theory::relaxation_rates(one, 0.1)[0], z = inverse(test::kSinh, 0.4);
  for (const double s : {0.0, 0.3, 30.0}) {
    const double expected = 1e-6 * 0.75 / (z * z) * std::exp(-2 * rate * s);
    EXPECT_NEAR(theory::linear_spread(one, 0.1, 1e-3, s) / expected, 1, 1e-11);
  }
}

// Keys.

std::string sentence(const Given& given) {
  try {
    Sweep sweep(given);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Keys, RefuseWhatMakesNoSense) {
  EXPECT_EQ(sentence({}), "accepted");
  EXPECT_EQ(sentence({{"activation", "tanh"}, {"label", "[0.5, 1]"}}),
            "label: 1 per neuron is out of reach of tanh: |y/m| < 1 is needed");
  EXPECT_EQ(sentence({{"activation", "quintic"}, {"quintic_k", "[0.5, 1]"}}),
            "quintic_k: 1 makes a quintic that is not increasing, with 'quintic_q' 0.25: "
            "q > 9 k^2 / 20 is needed, or k <= 0 <= q");
  EXPECT_EQ(sentence({{"quintic_k", "0.5"}}), "quintic_k: no activation is quintic: leave it out");
  EXPECT_EQ(sentence({{"neurons", "2.5"}}), "neurons: 2.5 is not an integer from 1 to 16384");
  EXPECT_EQ(sentence({{"neurons", "9000"}}),
            "neurons: a network of 9000 neurons and 2 samples needs 54030 numbers; 16384 is the "
            "limit");
  EXPECT_EQ(sentence({{"samples", "0"}}), "samples: 0 is not an integer from 1 to 64");
  EXPECT_EQ(sentence({{"samples", "4"}, {"dimension", "3"}}),
            "dimension: 4 inputs of dimension 3 are not linearly independent");
  EXPECT_EQ(sentence({{"inputs", "[x(1,0), x(2,0)]"}}),
            "inputs: the rows are not linearly independent");
  EXPECT_EQ(sentence({{"inputs", "[x(1,0), x(2)]"}}),
            "inputs: 'x(2)' has not 2 entries as the first row has");
  EXPECT_EQ(sentence({{"inputs", "[x(1,0), x(0,1), x(1,1)]"}}),
            "inputs: 3 inputs of dimension 2 are not linearly independent");
  EXPECT_EQ(sentence({{"inputs", "[x(1,0), 3]"}}),
            "inputs: '3' is not orthonormal, gaussian or a list of rows x(1,0), x(0,1), ...");
  EXPECT_EQ(sentence({{"inputs", "x(1,0)"}, {"samples", "1"}}),
            "samples: follows from the rows of 'inputs': leave it out");
  EXPECT_EQ(sentence({{"data_seed", "3"}}), "data_seed: inputs are not gaussian: leave it out");
  EXPECT_EQ(sentence({{"labels", "[1,2,3]"}}), "labels: has 3 numbers for 2 samples");
  EXPECT_EQ(sentence({{"step_size", "0"}}), "step_size: 0 is not above 0");
  EXPECT_EQ(sentence({{"sigma", "-1"}}), "sigma: -1 is below 0");
  EXPECT_EQ(sentence({{"start", "near"}}), "start: 'near' needs one number: near(s)");
  EXPECT_EQ(sentence({{"start", "random(1)"}, {"slow_flow", "yes"}}),
            "slow_flow: needs a start of zero loss: near(s) or manifold(s)");
  EXPECT_EQ(sentence({{"batch", "half"}}), "batch: 'half' is not full or single");
}

TEST(Keys, AreWrittenBackInTheirShortestForm) {
  const Sweep sweep(
      {{"inputs", "[x(1.0, 0), x(0,+2)]"}, {"labels", "[1.0, -0.5]"}, {"start", "near(1e-1)"}});
  EXPECT_EQ(sweep.settings.at("inputs"), (std::vector<std::string>{"x(1,0)", "x(0,2)"}));
  EXPECT_EQ(sweep.settings.at("labels"), (std::vector<std::string>{"1", "-0.5"}));
  EXPECT_EQ(sweep.settings.at("start"), std::vector<std::string>{"near(0.1)"});
}

} // namespace
} // namespace sharpsweep::label_noise
