// The model sam_quadratic through its keys: maps against theory, bad input, and the same numbers
// however a run is cut up. Mismatches of a map are counted outside the margin that stands with it.

#include <functional>

#include "sharpsweep/models/sam_quadratic_model.hpp"
#include "tests/model_run.hpp"
#include "tests/unit/sam_quadratic_support.hpp"

namespace sharpsweep::sam_quadratic {
namespace {

using Outcome = test::Run;
using test::run_network;
using Experiment = test::Experiment<Model>;

Settings settings(std::initializer_list<std::pair<const char*, const char*>> keys) {
  Settings result;
  for (const auto& [key, text] : keys) result[key] = split_items(text);
  return result;
}
Settings with(Settings base, std::initializer_list<std::pair<const char*, const char*>> keys) {
  for (const auto& [key, text] : keys) base[key] = split_items(text);
  return base;
}

double value(const Experiment& experiment, std::size_t point, const char* axis) {
  const std::vector<std::size_t> index = experiment.index(point);
  return Point(experiment.axes, index)[axis];
}

/// Every network of a sweep, in the arithmetic that it asks for.
std::vector<Outcome> run_all(const Experiment& experiment) {
  const auto steps = parse_integer("steps", experiment.settings.at("steps")[0], 1, 1u << 30);
  const bool single = experiment.settings.at("precision")[0] == "f32";
  std::vector<Outcome> runs;
  for (std::size_t p = 0; p < experiment.points(); ++p) {
    runs.push_back(single ? run_network<float>(experiment, p, steps)
                          : run_network<double>(experiment, p, steps));
  }
  return runs;
}

/// Where a value of a small landscape stands.
enum SmallOrderParameter { position, curvature, amplitude_, drift, excited, exit_ };
constexpr std::size_t slow_time = 4;
enum Prediction { local_rate = kOrderParameters, superstable_ratio, convergence_steps };

TEST(QuadraticSweep, EndsOnThePredictedCycle) {
  // P-b2: every number of the cycle, and the winner, over spectra of 1 to 64 coordinates.
  Worst cycle("cycle", 1e-12), aligned("alignment", 1e-12);
  int wrong = 0, cells = 0;
  for (const char* spectrum : {"2", "1, 0.5", "1, 0.7, 0.3, 0.1", "lin(3, 1, 64)"}) {
    for (const char* arithmetic : {"log", "plain"}) {
      const Experiment experiment(settings({{"spectrum", spectrum},
                                            {"arithmetic", arithmetic},
                                            {"step_size", "0.03, 0.2, 0.35, 0.5, 0.6"},
                                            {"rho", "0.01, 0.3"},
                                            {"start", "ones(0.4)"},
                                            {"steps", "3000"}}));
      for (const Outcome& run : run_all(experiment)) {
        ASSERT_TRUE(run.finished);
        ++cells;
        wrong += run.values[winner] != run.theory[winner];
        for (const int i : {amplitude, gradient_norm, potential}) {
          cycle.relative(run.values[static_cast<std::size_t>(i)],
                         run.theory[static_cast<std::size_t>(i)]);
        }
        aligned.absolute(run.values[alignment], 1);
      }
    }
  }
  EXPECT_EQ(wrong, 0) << "of " << cells;
}

TEST(QuadraticSweep, SlopesFollowTheMultiplier) {
  // P-b1. Near the contour r0 the multiplier crosses zero, and its logarithm magnifies what is left
  // of the approach: relative to |m| + 1e-6.
  const Experiment experiment(settings({{"spectrum", "1, 0.5"},
                                        {"step_size", "lin(0.05, 1.95, 16)"},
                                        {"lambda_2", "lin(0.04, 0.98, 24)"},
                                        {"steps", "4000"}}));
  Worst slope("late_slope", 1e-7);
  int wrong = 0;
  const std::vector<Outcome> runs = run_all(experiment);
  for (std::size_t p = 0; p < runs.size(); ++p) {
    ASSERT_TRUE(runs[p].finished);
    wrong += runs[p].values[winner] != 1;
    const double m = std::exp(runs[p].theory[late_slope]);
    slope.absolute((std::exp(runs[p].values[late_slope]) - m) / (m + 1e-6), 0);
    const double a = value(experiment, p, "step_size");
    EXPECT_DOUBLE_EQ(runs[p].theory[local_rate], std::max(std::fabs(1 - a), m));
    EXPECT_DOUBLE_EQ(runs[p].theory[superstable_ratio], theory::superstable_ratio(a));
  }
  EXPECT_EQ(wrong, 0) << "of " << runs.size();
}

/// P-b3: plain runs end on a wrong axis just where the predicted dip is below `lost`; from `safe`
/// on they do not; logarithms never do. Between the two is the margin.
template <class T>
void expect_winner_map(double lost, double safe) {
  const Experiment experiment(settings({{"arithmetic", "log, plain"},
                                        {"condition", "log(2, 200, 14)"},
                                        {"step_size", "0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.2"},
                                        {"rho", "0.01, 1e-4"},
                                        {"steps", "1000000"}})); // no cell needs more
  int wrong = 0, cells = 0, losses = 0, margin = 0;
  for (std::size_t p = 0; p < experiment.points(); ++p) {
    const double kappa = value(experiment, p, "condition"), a = value(experiment, p, "step_size");
    const bool plain = value(experiment, p, "arithmetic") == 1;
    const auto steps = static_cast<std::uint64_t>(3000 + 60 * kappa / a);

    const Outcome run = run_network<T>(experiment, p, steps);

    ASSERT_TRUE(run.finished);
    const double predicted = run.theory[dip];
    if (plain && predicted > lost && predicted < safe) {
      ++margin;
      continue;
    }
    ++cells;
    const bool loses = plain && predicted <= lost;
    losses += loses;
    wrong += (run.values[winner] == 1) == loses;
  }
  EXPECT_EQ(wrong, 0) << "of " << cells << " cells";
  EXPECT_GT(losses, 20);
  EXPECT_LT(margin, 20);
  testing::Test::RecordProperty("cells", cells);
  testing::Test::RecordProperty("margin_cells", margin);
}

TEST(QuadraticSweep, PlainNumbersLoseTheWinnerThatDips) {
  // The smallest normal number's logarithm, and the prediction's error on both sides.
  expect_winner_map<float>(-87.3 - 5, -87.3 + 5);
  expect_winner_map<double>(-708.4 - 5, -708.4 + 5);
}

TEST(QuadraticSweep, TheRunIsFollowed) {
  // Dip and hitting step against theory where the slowest coordinate leads, and what is not there.
  Worst dips("dip", 3.6), hits("hitting_step", 2);
  const Experiment experiment(settings({{"condition", "5, 10, 30"},
                                        {"spectrum", "1, 0.6, 0.1"},
                                        {"step_size", "0.05, 0.2, 0.45, 0.8"},
                                        {"steps", "30000"}}));
  for (const Outcome& run : run_all(experiment)) {
    dips.absolute(run.values[dip], run.theory[dip]);
    hits.absolute(run.values[hitting_step], run.theory[hitting_step]);
    EXPECT_GT(run.theory[convergence_steps], run.theory[hitting_step]);
  }
  // Beyond a = 2 there is no cycle: no prediction, but the run goes on.
  const Experiment beyond(settings({{"step_size", "2, 2.01, 2.5"}, {"steps", "200"}}));
  for (const Outcome& run : run_all(beyond)) {
    EXPECT_TRUE(run.finished);
    for (const double theory : run.theory) EXPECT_TRUE(std::isnan(theory));
    EXPECT_TRUE(std::isnan(run.values[hitting_step]));
  }
  const Experiment far(
      settings({{"step_size", "2.5"}, {"arithmetic", "plain, log"}, {"steps", "20000"}}));
  for (const Outcome& run : run_all(far)) EXPECT_FALSE(run.finished);
}

TEST(QuadraticSweep, HitsAndDipsBeyondOne) {
  // Within two steps in both arithmetics.
  Worst hits("hitting_step_beyond_one", 2), dips("dip_beyond_one", 0.05);
  int never = 0;
  for (const char* spectrum : {"1, 0.01", "1, 0.9", "1, 0.8, 0.3", "1"}) {
    const Experiment experiment(settings({{"spectrum", spectrum},
                                          {"arithmetic", "log, plain"},
                                          {"step_size", "1.1, 1.5, 1.9, 1.98"},
                                          {"rho", "1e-4, 0.01, 0.1"},
                                          {"steps", "1000"}}));
    for (const Outcome& run : run_all(experiment)) {
      never += std::isnan(run.theory[hitting_step]);
      if (run.theory[hitting_step] <= 1000) {
        hits.absolute(run.values[hitting_step], run.theory[hitting_step]);
      }
      if (run.theory[dip] == run.theory[dip]) dips.absolute(run.values[dip], run.theory[dip]);
    }
  }
  EXPECT_EQ(never, 0);
}

TEST(QuadraticSweep, DipOfARunThatIsTooShortIsNotPredicted) {
  const auto sweep = settings({{"spectrum", "1, 0.01"}, {"step_size", "0.1"}, {"rho", "1e-4"}});
  const Experiment brief(with(sweep, {{"steps", "5000"}})), whole(with(sweep, {{"steps", "9000"}}));
  const Outcome a = run_network<double>(brief, 0, 5000), b = run_network<double>(whole, 0, 9000);
  EXPECT_TRUE(std::isnan(a.theory[dip]));
  EXPECT_GT(a.theory[hitting_step], 5000);
  EXPECT_EQ(a.theory[convergence_steps], b.theory[convergence_steps]);
  EXPECT_NEAR(b.values[dip] / b.theory[dip], 1, 0.01);
}

TEST(QuadraticSweep, TheoryOfManyEigenvaluesIsRightOrNone) {
  // Hits, dips but for their phase, and slopes, of up to 64 eigenvalues.
  Worst hits("hitting_step_many", 2), dips("dip_many", 5), slopes("late_slope_many", 1e-6);
  for (const char* spectrum : {"1, 0.9, 0.3", "1, 0.95, 0.94, 0.2", "lin(1, 0.2, 5)",
                               "lin(1, 0.1, 20)", "lin(1, 0.05, 64)"}) {
    const Experiment experiment(settings({{"spectrum", spectrum},
                                          {"step_size", "0.1, 0.4, 0.9, 1.3, 1.7"},
                                          {"rho", "1e-3, 0.01"},
                                          {"steps", "6000"}}));
    for (const Outcome& run : run_all(experiment)) {
      if (run.theory[hitting_step] == run.theory[hitting_step]) {
        hits.absolute(run.values[hitting_step], run.theory[hitting_step]);
      }
      if (run.theory[dip] == run.theory[dip]) dips.absolute(run.values[dip], run.theory[dip]);
      slopes.absolute(run.values[late_slope], run.theory[late_slope]);
    }
  }
}

/// P-b4, P-b5. Relative errors in units of rho^2: of the drift, and of the position that it adds up
/// to over `power` times the slow time.
void expect_slow_flow(const Settings& sweep, double power, Worst& rate, Worst& place) {
  const Experiment experiment(sweep);
  const std::vector<Outcome> runs = run_all(experiment);
  for (std::size_t p = 0; p < runs.size(); ++p) {
    const auto& [finished, values, theory, state] = runs[p];
    ASSERT_TRUE(finished);
    const double rho2 = value(experiment, p, "rho") * value(experiment, p, "rho");
    const double time = theory[slow_time];
    rate.absolute((values[drift] / theory[drift] - 1) / rho2, 0);
    place.absolute((values[position] / theory[position] - 1) / rho2 / (1 + power * time), 0);
    EXPECT_NEAR(values[curvature] / theory[curvature], 1, 20 * rho2);
  }
}

TEST(ValleySweep, FollowsTheSlowFlow) {
  Worst rate("valley_drift", 1.3), place("valley_v", 1.5);
  const Settings sweep = settings({{"landscape", "valley"},
                                   {"v_0", "-0.9, 0.2, 0.9"},
                                   {"step_size", "0.1, 0.4, 0.6"},
                                   {"rho", "0.02, 0.05"},
                                   {"steps", "1000"}});
  expect_slow_flow(sweep, 2, rate, place);

  Worst time("valley_slow_time", 1e-12), bounce("valley_amplitude", 1);
  const Experiment experiment(sweep);
  for (std::size_t p = 0; p < experiment.points(); ++p) {
    const Outcome run = run_network<double>(experiment, p, 1000);
    const double v_0 = value(experiment, p, "v_0"), rho = value(experiment, p, "rho");
    time.relative(v_0 * std::exp(-2 * run.theory[slow_time]), run.theory[position]);
    bounce.absolute((run.values[amplitude_] / run.theory[amplitude_] - 1) / (rho * rho), 0);
  }
}

TEST(Theory, OfNoCycleIsNone) {
  // eta lambda_1 >= 2 at the start, or no curvature at all.
  for (const Settings& sweep :
       {settings({{"landscape", "valley"}, {"v_0", "-1"}, {"step_size", "1.2"}}),
        settings({{"landscape", "product"}, {"y", "0"}, {"imbalance_0", "0"}}),
        settings({{"landscape", "competing"}, {"v_0", "1"}, {"step_size", "0.7"}})}) {
    for (const double theory : run_network<double>(Experiment(sweep), 0, 0).theory) {
      EXPECT_TRUE(std::isnan(theory));
    }
  }
}

TEST(ProductSweep, FollowsTheSlowFlow) {
  // Largest where eta lambda is: 1.16 at the end of the valley, y = .8.
  Worst rate("product_drift", 12), place("product_imbalance", 12);
  expect_slow_flow(settings({{"landscape", "product"},
                             {"y", "0, 0.8, -0.5"},
                             {"imbalance_0", "-1.1, 0.4, 1.1"},
                             {"step_size", "0.1, 0.3, 0.6"},
                             {"rho", "0.02, 0.05"},
                             {"steps", "1000"}}),
                   4, rate, place);
}

TEST(ProductSweep, BalancesFromAStartOffTheFloor) {
  // The bounce is lopsided: distances alternate by O(rho) around their prediction.
  const Experiment experiment(settings({{"landscape", "product"},
                                        {"imbalance_0", "-0.5, 0.5"},
                                        {"u_0", "-0.1, 0.2"},
                                        {"step_size", "0.3"},
                                        {"rho", "0.01"},
                                        {"steps", "20000"}}));
  const std::vector<Outcome> runs = run_all(experiment);
  for (std::size_t p = 0; p < runs.size(); ++p) {
    const Outcome& run = runs[p];
    EXPECT_NEAR(run.values[amplitude_] / run.theory[amplitude_], 1, 6 * 0.01);
    EXPECT_NEAR(run.values[drift] / run.theory[drift], 1, 3e-4);
    EXPECT_GT(run.values[position] * run.theory[position], 0);
    // D starts at +-.5 (1 - u_0^2 / lambda), lambda^2 = 4.25; one unit of time takes four of ln|D|.
    const double u_0 = value(experiment, p, "u_0");
    const double first = 0.5 * (1 - u_0 * u_0 / std::sqrt(4.25));
    EXPECT_NEAR(std::fabs(run.theory[position]) * std::exp(4 * run.theory[slow_time]), first,
                1e-12);
  }
}

TEST(CompetingSweep, ExitsWhereTheRuleSays) {
  // P-b6. One step of v is 1e-3 at rho = .05; the rule is leading order in rho.
  const auto sweep = settings({{"landscape", "competing"},
                               {"v_0", "0.1, 0.2, 0.3, 0.4, 0.6"},
                               {"weaker", "0.01, 1e-6"},
                               {"step_size", "0.3"}});
  Worst coarse("exit", 3e-3), fine("exit_fine", 2e-4), flow("competing_v", 30);
  const Experiment wide(with(sweep, {{"rho", "0.05"}, {"steps", "20000"}}));
  for (const Outcome& run : run_all(wide)) {
    if (run.theory[exit_] == run.theory[exit_])
      coarse.absolute(run.values[exit_], run.theory[exit_]);
  }
  const Experiment narrow(with(sweep, {{"rho", "0.0125"}, {"steps", "100000"}}));
  for (const Outcome& run : run_all(narrow)) {
    if (run.theory[exit_] == run.theory[exit_]) fine.absolute(run.values[exit_], run.theory[exit_]);
    // The run is over the exit: theory says nothing of where v is.
    for (const int i : {position, curvature, amplitude_, drift, excited}) {
      EXPECT_TRUE(std::isnan(run.theory[static_cast<std::size_t>(i)]));
    }
  }
  // Before the exit v follows the slow flow, and u_1 is what is excited.
  const Experiment before(with(sweep, {{"rho", "0.02"}, {"steps", "400"}}));
  for (const Outcome& run : run_all(before)) {
    EXPECT_EQ(run.values[excited], run.theory[excited]);
    EXPECT_TRUE(std::isnan(run.values[exit_]) && std::isnan(run.theory[exit_]));
    flow.absolute((run.values[position] - run.theory[position]) / (0.02 * 0.02), 0);
    flow.absolute((run.values[drift] / run.theory[drift] - 1) / (0.02 * 0.02), 0);
  }
}

TEST(CompetingSweep, TheoryEndsAtTheExit) {
  // Past the exit nothing but the exit is known, the slow time neither.
  const auto sweep = settings({{"landscape", "competing"}, {"v_0", "0.5"}, {"step_size", "0.6"}});
  const Outcome past = run_network<double>(Experiment(with(sweep, {{"steps", "100000"}})), 0, 0);
  for (std::size_t i = 0; i < past.theory.size(); ++i) {
    EXPECT_EQ(std::isnan(past.theory[i]), i != exit_) << i;
  }
  // Where u_2 starts too weak to come back above v = -2 there is no exit: v is predicted.
  const Experiment none(
      with(sweep, {{"weaker", "1e-300"}, {"rho", "0.5"}, {"step_size", "0.2"}, {"steps", "20"}}));
  const Outcome run = run_network<double>(none, 0, 20);
  EXPECT_TRUE(std::isnan(run.theory[exit_]) && std::isnan(run.values[exit_]));
  EXPECT_EQ(run.theory[excited], 1);
  EXPECT_NEAR(run.theory[position], run.values[position], 0.1);
  EXPECT_EQ(run.theory[exit_ + 1], 0.5 - run.theory[position]);
}

/// A sweep of each kind of state.
std::vector<Settings> all_kinds() {
  std::vector<Settings> kinds;
  for (const char* spectrum :
       {"1", "1, 0.3", "1, 0.6, 0.1", "lin(1, 0.3, 4)", "lin(1, 0.2, 5)", "lin(1, 0.2, 6)",
        "lin(1, 0.2, 7)", "lin(1, 0.2, 8)", "lin(1, 0.2, 11)", "lin(1, 0.2, 64)"}) {
    for (const char* arithmetic : {"log", "plain"}) {
      kinds.push_back(settings({{"spectrum", spectrum}, {"arithmetic", arithmetic}}));
    }
  }
  kinds.push_back(settings({{"landscape", "valley"}}));
  kinds.push_back(settings({{"landscape", "product"}, {"y", "0.7"}}));
  for (const char* arithmetic : {"log", "plain"}) {
    kinds.push_back(settings({{"landscape", "competing"},
                              {"v_0", "0.05"},
                              {"rho", "0.05"},
                              {"arithmetic", arithmetic}}));
  }
  for (Settings& kind : kinds) kind["step_size"] = split_items("0.3, 0.4, 0.45");
  return kinds;
}

TEST(QuadraticSlices, DoNotMatter) {
  for (const Settings& kind : all_kinds()) {
    const Experiment experiment(with(kind, {{"steps", "300"}}));
    const Outcome whole = run_network<double>(experiment, 0, 300, {}, 300);
    for (const std::uint32_t slice : {1u, 7u, 30u, 270u, 299u}) {
      EXPECT_EQ(run_network<double>(experiment, 0, 300, {}, slice).state, whole.state);
    }
  }
}

TEST(Lanes, AreTheNetworksAlone) {
  for (const Settings& kind : all_kinds()) {
    test::expect_lanes_to_be_networks(Experiment(with(kind, {{"steps", "200"}})), 200);
  }
}

TEST(Precision, SinglesFollowDoubles) {
  // In the log domain, where G converges; a drift of 1e-5 of v a step is within reach of floats.
  const Experiment quadratic(settings({{"spectrum", "1, 0.6, 0.1"}, {"steps", "2000"}}));
  const Experiment valley(settings({{"landscape", "valley"}, {"rho", "0.1"}, {"steps", "400"}}));
  for (const Experiment* experiment : {&quadratic, &valley}) {
    const std::uint64_t steps = experiment == &quadratic ? 2000 : 400;
    const Outcome single = run_network<float>(*experiment, 0, steps);
    const Outcome twice = run_network<double>(*experiment, 0, steps);
    for (std::size_t i = 0; i < single.values.size(); ++i) {
      EXPECT_NEAR(single.values[i] / twice.values[i], 1, 2e-3) << i;
    }
  }
}

TEST(Start, GaussianWeightsAreAddressed) {
  // By key, seed and coordinate: another spectrum leaves the old coordinates as they were.
  const Experiment two(settings({{"start", "gaussian(2)"}, {"arithmetic", "plain"}}));
  const Experiment three(
      settings({{"start", "gaussian(2)"}, {"arithmetic", "log"}, {"spectrum", "1, 0.5, 0.1"}}));
  double sum = 0, squares = 0;
  constexpr std::uint32_t kSeeds = 4000;
  for (std::uint32_t seed = 0; seed < kSeeds; ++seed) {
    const std::vector<double> w = run_network<double>(two, 0, 0, {7, seed}).state;
    const std::vector<double> log = run_network<double>(three, 0, 0, {7, seed}).state;
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_DOUBLE_EQ(std::copysign(std::exp(log[i]), log[5 + i]), w[i] * (i == 0 ? 1 : 0.5));
      sum += w[i];
      squares += w[i] * w[i];
    }
    EXPECT_NE(w[0], w[1]);
    EXPECT_NE(w[0], run_network<double>(two, 0, 0, {8, seed}).state[0]);
  }
  EXPECT_NEAR(sum / (2 * kSeeds), 0, 3 * 2 / std::sqrt(2.0 * kSeeds));
  EXPECT_NEAR(squares / (2 * kSeeds) / 4, 1, 3 * std::sqrt(2 / (2.0 * kSeeds)));
  // What depends on the start has no prediction.
  const Outcome run = run_network<double>(two, 0, 2000, {7, 1});
  EXPECT_TRUE(std::isnan(run.theory[dip]) && std::isnan(run.theory[hitting_step]));
  EXPECT_EQ(run.theory[winner], run.values[winner]);
}

TEST(Start, NoCycleIsNoNetwork) {
  for (const Settings& sweep :
       {settings({{"landscape", "valley"}, {"v_0", "1"}, {"step_size", "1"}}),
        settings({{"landscape", "competing"}, {"v_0", "1"}, {"step_size", "0.7"}}),
        settings({{"landscape", "product"}, {"y", "1"}, {"step_size", "1.2"}}),
        settings({{"landscape", "product"}, {"y", "0"}, {"imbalance_0", "0"}})}) {
    EXPECT_FALSE(run_network<double>(Experiment(sweep), 0, 10).finished);
  }
  // Given a distance from the floor there is one.
  EXPECT_TRUE(
      run_network<double>(
          Experiment(settings(
              {{"landscape", "valley"}, {"v_0", "1"}, {"u_0", "0.01"}, {"step_size", "1"}})),
          0, 10)
          .finished);
}

TEST(Record, SlopesWaitForTheEnd) {
  for (const Settings& kind : all_kinds()) {
    const Experiment experiment(with(kind, {{"steps", "300"}}));
    const bool small = kind.contains("landscape");
    const auto slope = static_cast<std::size_t>(small ? int{drift} : int{late_slope});
    EXPECT_TRUE(std::isnan(run_network<double>(experiment, 0, 290).values[slope]));
    const bool none = experiment.settings.at("spectrum").size() == 1;
    EXPECT_EQ(std::isnan(run_network<double>(experiment, 0, 300).values[slope]), none);
  }
  const Experiment one(settings({{"steps", "1"}}));
  EXPECT_TRUE(std::isnan(run_network<double>(one, 0, 1).values[late_slope]));
}

TEST(Keys, DefaultsAreWrittenOut) {
  const Experiment experiment(settings({{"spectrum", "lin(1, 0.5, 3)"}, {"start", "ones(2.50)"}}));
  EXPECT_EQ(experiment.settings.at("spectrum"), (std::vector<std::string>{"1", "0.75", "0.5"}));
  EXPECT_EQ(experiment.settings.at("start"), std::vector<std::string>{"ones(2.5)"});
  EXPECT_EQ(Experiment({}).settings.at("start"), std::vector<std::string>{"ones(1)"});
}

TEST(Keys, BadInputIsOneSentence) {
  const struct {
    Settings sweep;
    const char* sentence;
  } cases[] = {
      {settings({{"spectrum", "1, 0"}}), "spectrum: 0 has to be above 0"},
      {settings({{"spectrum", "1, -0.5"}}), "spectrum: -0.5 has to be above 0"},
      {settings({{"spectrum", "0.5, 1"}}), "spectrum: 1 comes after 0.5; write the largest first"},
      {settings({{"spectrum", "1, 1"}}),
       "spectrum: 1 stands twice; equal eigenvalues move as one coordinate: keep one"},
      {settings({{"spectrum", "lin(2, 1, 65)"}}),
       "spectrum: has 65 eigenvalues; at most 64 are possible"},
      {settings({{"spectrum", "one"}}), "spectrum: 'one' is not a number"},
      {settings({{"spectrum", "1"}, {"lambda_2", "0.5"}}),
       "lambda_2: needs a spectrum of two or more eigenvalues"},
      {settings({{"condition", "10"}, {"lambda_2", "0.5"}}),
       "lambda_2: of two eigenvalues condition already sets the second"},
      {settings({{"lambda_2", "1"}}),
       "lambda_2: 1 has to be between the eigenvalues beside it, 0 and 1"},
      {settings({{"spectrum", "1, 0.5, 0.2"}, {"lambda_2", "0.1"}}),
       "lambda_2: 0.1 has to be between the eigenvalues beside it, 0.2 and 1"},
      {settings({{"condition", "1"}}), "condition: 1 has to be above 1"},
      {settings({{"spectrum", "1, 0.5, 0.2"}, {"condition", "2"}}),
       "condition: 2 has to be above 2"},
      {settings({{"spectrum", "1, 0.9, 0.2"}, {"condition", "3"}, {"lambda_2", "0.5, 0.25"}}),
       "condition: 3 has to be above 4"},
      {settings({{"step_size", "0"}}), "step_size: 0 has to be above 0"},
      {settings({{"rho", "-0.1"}}), "rho: -0.1 has to be above 0"},
      {settings({{"start", "ones(0)"}}), "start: 'ones(0)' needs a number above 0"},
      {settings({{"start", "gaussian"}}), "start: 'gaussian' needs one number: gaussian(s)"},
      {settings({{"start", "one(1)"}}),
       "start: 'one' is not ones or gaussian; did you mean 'ones'?"},
      {settings({{"u_0", "1"}}),
       "u_0: goes with landscape = valley or product or competing, not with quadratic"},
      {settings({{"landscape", "valley"}, {"arithmetic", "log"}}),
       "arithmetic: goes with landscape = quadratic or competing, not with valley"},
      {settings({{"landscape", "product"}, {"spectrum", "1"}}),
       "spectrum: goes with landscape = quadratic, not with product"},
      {settings({{"landscape", "valley"}, {"u_0", "0"}}),
       "u_0: 0 is on the valley's floor, where nothing moves"},
      {settings({{"landscape", "competing"}, {"v_0", "2"}}), "v_0: 2 has to be between -2 and 2"},
      {settings({{"landscape", "competing"}, {"weaker", "1"}}),
       "weaker: 1 has to be between 0 and 1"},
      {settings({{"landscape", "hill"}}),
       "landscape: 'hill' is not quadratic or valley or product or competing"},
      {settings({{"precision", "f32"}, {"steps", "16777217"}}),
       "steps: 16777217 is more than precision = f32 counts, 16777216; use f64"},
  };
  for (const auto& [sweep, sentence] : cases) {
    try {
      const Experiment experiment(sweep);
      ADD_FAILURE() << "accepted: " << sentence;
    } catch (const UsageError& error) {
      EXPECT_STREQ(error.what(), sentence);
    }
  }
}

} // namespace
} // namespace sharpsweep::sam_quadratic
