// The model sam_classification as sweeps see it: its identities and phase maps, slices, lanes,
// precisions, and what it refuses.

#include <gtest/gtest.h>
#include <hdf5.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "host/data_file.hpp"
#include "sharpsweep/models/sam_classification_model.hpp"
#include "tests/model_run.hpp"
#include "tests/settings.hpp"
#include "tests/unit/sam_classification_run.hpp"

namespace sharpsweep::sam_classification {
namespace {

using Experiment = test::Experiment<Model>;

/// A sweep of which cells are run and read by name.
class Cells {
public:
  explicit Cells(std::string_view text) : experiment_(settings_of(text)) {
    std::size_t at = 0;
    for (const auto& list : {model().order_parameters(), model().predictions()}) {
      for (const OrderParameterInfo& info : list) {
        place_[info.name] = at;
        at += info.count;
      }
    }
  }
  const Model& model() const { return *experiment_.model; }
  std::size_t size() const { return experiment_.points(); }
  std::uint64_t steps() const { return std::stoull(experiment_.settings.at("steps").at(0)); }
  template <class R = double>
  void run(std::size_t cell, std::uint64_t steps = 0, std::uint32_t slice = 100000) {
    cell_ = cell;
    now_ = test::run_network<R>(experiment_, cell, steps ? steps : this->steps(), {0, 0}, slice);
    EXPECT_TRUE(now_.finished);
  }
  double at(const std::string& name, std::size_t j = 0) const {
    return now_.values.at(place_.at(name) + j);
  }
  double theory(const std::string& name, std::size_t j = 0) const {
    return now_.theory.at(place_.at(name) + j);
  }
  double axis(const std::string& name) const {
    const std::vector<std::size_t> index = experiment_.index(cell_);
    return Point(experiment_.axes, index)[name];
  }
  const test::Run& result() const { return now_; }

private:
  Experiment experiment_;
  std::map<std::string, std::size_t> place_;
  std::size_t cell_ = 0;
  test::Run now_;
};

TEST(Sweep, DepthTwoProductsAreExact) {
  // gd and linf in the rescaled clock, unbalanced layers too: in closed form at every step size.
  double worst = 0;
  int compared = 0;
  for (const char* step_size : {"0.05", "1e-3"}) {
    Cells cells(std::string("rule = gd,linf; first_factor = 1,1.5; last_factor = 1,0.8; alpha_1 = "
                            "0.7,1.2; alpha_2 = 1.1,1.9; examples = +(1,2); steps = 150; "
                            "step_size = ") +
                step_size);
    for (std::size_t k = 0; k < cells.size(); ++k) {
      cells.run(k);
      for (std::size_t j = 0; j < 2; ++j) {
        const double predicted = cells.theory("log_product", j);
        if (!std::isfinite(predicted)) continue;
        worst = std::max(worst, std::fabs(cells.at("log_product", j) - predicted));
        ++compared;
        if (!std::isfinite(cells.theory("margin"))) continue;
        worst = std::max(worst, std::fabs(cells.at("margin") / cells.theory("margin") - 1));
        worst = std::max(worst, std::fabs(cells.at("share", j) - cells.theory("share", j)));
      }
      EXPECT_NEAR(cells.at("tau"), cells.theory("tau"), 1e-12);
    }
  }
  EXPECT_GT(compared, 90);
  measured("L=2, gd and linf: ln beta, shares, margin", worst, 1e-11);
}

TEST(Sweep, OneLayerIsAShiftedMargin) {
  Cells cells("depth = 1; rule = gd,linf,l2; clock = rescaled,logistic; rho = 0.7; examples = "
              "+(1,-2,0.5); alpha = 0.4; step_size = 0.01; steps = 2000");
  double exact = 0, flow = 0;
  for (std::size_t k = 0; k < cells.size(); ++k) {
    cells.run(k);
    const Rule rule = static_cast<Rule>(static_cast<int>(cells.axis("rule")));
    const double square = 1 + 4 + 0.25, start = 0.4 * (1 - 2 + 0.5);
    const double shift =
        rule == Rule::gd ? 0 : 0.7 * (rule == Rule::linf ? 3.5 : std::sqrt(square));
    double z = start - shift;
    for (int i = 0; i < 2000; ++i) {
      z += 0.01 * square * (cells.axis("clock") == 1 ? 1 : 1 / (1 + std::exp(z)));
    }
    exact = std::max(exact, std::fabs(cells.at("margin") / (z + shift) - 1));
    flow = std::max(flow, std::fabs(cells.at("margin") / cells.theory("margin") - 1));
  }
  measured("L=1: margin by the shifted recursion", exact, 1e-12);
  measured("L=1: margin of the flow", flow, 2e-3);
}

TEST(Sweep, MapOfTwoStarts) { // P-a1 and its control P-a4
  for (const char* rule : {"linf", "gd"}) {
    for (const char* depth : {"2", "3"}) {
      Cells cells(std::string("alpha_1 = lin(0.25,2.45,23); alpha_2 = lin(0.25,2.45,23); examples "
                              "= +(1,2); step_size = 2e-3; steps = 12000; rule = ") +
                  rule + "; depth = " + depth);
      int checks = 0, wrong = 0, excluded = 0;
      for (std::size_t k = 0; k < cells.size(); ++k) {
        cells.run(k);
        // A tie of the blow-up clocks is decided within the step size.
        const double first = cells.theory("blow_up_clock", 0);
        const double second = cells.theory("blow_up_clock", 1);
        if (std::fabs(first / second - 1) < 0.02) {
          ++excluded;
          continue;
        }
        ++checks;
        wrong += cells.at("phase") != cells.theory("limit_phase");
      }
      counted(std::string(rule) + ", L=" + depth + ": phases, margin 2 % of the clock", checks,
              wrong, excluded);
      EXPECT_GT(checks, 450);
    }
  }
}

TEST(Sweep, BlowUpsEndRunsOnTime) {
  Cells cells("rule = gd,linf; depth = 3,4; examples = +(1,2); alpha_1 = 1.8; alpha_2 = 1.3,1.6; "
              "step_size = 2e-5; steps = 300000");
  double worst = 0;
  for (std::size_t k = 0; k < cells.size(); ++k) {
    cells.run(k);
    EXPECT_EQ(cells.at("stopped"), 1);
    EXPECT_EQ(cells.at("leader"), cells.theory("limit_phase"));
    EXPECT_TRUE(std::isnan(cells.theory("tau")));
    const double end = std::min(cells.theory("blow_up_clock", 0), cells.theory("blow_up_clock", 1));
    worst = std::max(worst, std::fabs(cells.at("tau") / end - 1));
  }
  measured("L=3,4: tau at the end, relative, step 2e-5", worst, 3e-3);
}

TEST(Sweep, LeadersByTheCrossover) { // P-a2
  int checks = 0, wrong = 0, excluded = 0;
  for (const char* examples : {"+(1,2)", "+(1,1.5,2.2,3)", "+(0.8,1,1.3,1.7,2,2.2,2.5,3)"}) {
    Cells cells(std::string("rule = l2; clock = rescaled,logistic; alpha = lin(0.3,1.1,33); "
                            "step_size = 1e-3; examples = ") +
                examples);
    const std::size_t d = cells.model().predictions().back().count;
    for (std::size_t k = 0; k < cells.size(); ++k) {
      for (const std::uint64_t steps : {100u, 700u, 3000u}) {
        cells.run(k, steps);
        const double predicted = cells.at("crossover_leader");
        if (std::isnan(predicted)) {
          EXPECT_EQ(cells.at("phase"), 0);
          continue;
        }
        double lead = INFINITY; // of ln beta over the second
        for (std::size_t j = 0; j < d; ++j) {
          const auto first = static_cast<std::size_t>(cells.at("leader")) - 1;
          if (j == first) continue;
          lead = std::min(lead, cells.at("log_product", first) - cells.at("log_product", j));
        }
        if (lead < 3e-3 * cells.at("tau")) { // first order in the step
          ++excluded;
          continue;
        }
        ++checks;
        wrong += cells.at("leader") != predicted;
      }
    }
  }
  counted("l2: leader is the mu nearest M, margin 3 eta tau of ln beta", checks, wrong, excluded);
  EXPECT_GT(checks, 400);
}

TEST(Sweep, CollapseMinorFirstMajorFirst) { // P-a3
  Cells cells("rule = l2; alpha = lin(0.4025,1.0975,36); kappa = 1.25,2,3,4.5,8; step_size = 1e-3; "
              "steps = 12000");
  int checks = 0, wrong = 0, excluded = 0, first_wrong = 0;
  for (std::size_t k = 0; k < cells.size(); ++k) {
    cells.run(k, 1);
    const double kappa = cells.axis("kappa");
    EXPECT_NEAR(cells.theory("window_edge", 0), (1 + kappa) / std::sqrt(2 + 2 * kappa * kappa),
                1e-14);
    first_wrong += cells.at("leader") != cells.theory("first_leader");
    if (std::fabs(cells.axis("alpha") / cells.theory("collapse_threshold") - 1) < 0.005) {
      ++excluded;
      continue;
    }
    cells.run(k);
    ++checks;
    wrong += (cells.at("phase") == 0) != (cells.theory("limit_phase") == 0);
    wrong += cells.at("phase") != cells.theory("phase");
  }
  counted("l2: collapse by kappa, margin 0.5 % of alpha_c", checks, wrong, excluded);
  counted("l2: first amplified coordinate", static_cast<int>(cells.size()), first_wrong, 0);
  // Next to the edge, which the first step does not blur.
  for (const double side : {1 - 1e-6, 1 + 1e-6}) {
    const double edge = 3 / std::sqrt(10.0);
    Cells cell("rule = l2; examples = +(1,2); steps = 1; alpha = " + format_number(side * edge));
    cell.run(0);
    EXPECT_EQ(cell.theory("first_leader"), side > 1 ? 2 : 1);
    EXPECT_EQ(cell.at("leader"), cell.theory("first_leader"));
  }
  // The table of the notes.
  const double table[][2] = {{1.25, .5029453}, {1.5, .5088033}, {2, .5213213},
                             {3, .5416034},    {4, .5567489},   {8, .5938710}};
  for (const auto& [kappa, threshold] : table) {
    Cells cell("rule = l2; rho = 0.5; steps = 1; kappa = " + format_number(kappa));
    cell.run(0);
    EXPECT_NEAR(cell.theory("collapse_threshold") / 0.5, threshold, 1e-7);
  }
}

TEST(Sweep, UnbalancedLayers) { // P-a5
  Cells cells("rule = linf,l2; first_factor = lin(0.05,2.45,13); last_factor = "
              "lin(0.075,2.475,13); step_size = 2e-3; steps = 8000");
  int checks = 0, wrong = 0, excluded = 0;
  for (std::size_t k = 0; k < cells.size(); ++k) {
    cells.run(k);
    const double sum = cells.axis("first_factor") + cells.axis("last_factor");
    const bool linf = cells.axis("rule") == static_cast<double>(Rule::linf);
    if (linf) {
      EXPECT_EQ(cells.theory("limit_phase") > 0, sum > 2);
      EXPECT_NEAR(cells.theory("collapse_threshold"), 2 / sum, 1e-15);
    }
    if (cells.at("fate") == static_cast<double>(Fate::undecided)) {
      ++excluded;
      continue;
    }
    ++checks;
    wrong += cells.at("phase") != cells.theory("limit_phase");
  }
  counted("unbalanced layers: phases of the decided", checks, wrong, excluded);
  EXPECT_LT(excluded, 3);
}

TEST(Sweep, UnbalancedLayersFromTheFirstStepsOn) {
  // Leaders read off tau and Phi, and the phase 0 of products that are still below rho^2.
  int wrong = 0, small = 0;
  for (const std::uint64_t steps : {3u, 30u, 300u, 1500u}) {
    Cells cells("rule = linf,l2; alpha = lin(0.5,1.5,11); first_factor = 2.4,1.2; last_factor = "
                "0.075,0.5; step_size = 1e-3; steps = " +
                std::to_string(steps));
    for (std::size_t k = 0; k < cells.size(); ++k) {
      cells.run(k);
      wrong += cells.at("phase") != cells.theory("phase");
      if (std::isnan(cells.at("crossover_leader"))) {
        small += cells.at("phase") == 0 && cells.theory("limit_phase") > 0;
      } else {
        wrong += cells.at("crossover_leader") != cells.at("leader");
      }
    }
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(small, 10);
}

TEST(Sweep, FlowPredictionsConvergeInTheStep) {
  // l2, d = 3: Phi, M, ln beta, N in the rescaled clock; tau and ln beta in the logistic one.
  Numbers rescaled, logistic, unbalanced;
  for (const char* steps : {"1000", "2000", "4000"}) {
    const std::string common = std::string("rule = l2; examples = +(1,1.6,2.1); steps = ") + steps +
                               "; step_size = " + format_number(2 / std::stod(steps));
    Cells fast(common + "; alpha_1 = 0.6; alpha_2 = 0.7; alpha_3 = 0.5"), slow(common + "; clock = "
                                                                                        "logistic; "
                                                                                        "alpha = "
                                                                                        "0.7");
    Cells layers(common + "; first_factor = 1.3; last_factor = 0.6; alpha = 0.8");
    fast.run(0);
    slow.run(0);
    layers.run(0);
    rescaled.push_back(0);
    logistic.push_back(std::fabs(slow.at("tau") - slow.theory("tau")));
    unbalanced.push_back(0);
    for (std::size_t j = 0; j < 3; ++j) {
      const auto error = [j](const Cells& c) {
        return std::fabs(c.at("log_product", j) - c.theory("log_product", j));
      };
      rescaled.back() = std::max(rescaled.back(), error(fast));
      logistic.back() = std::max(logistic.back(), error(slow));
      unbalanced.back() = std::max(unbalanced.back(), error(layers));
    }
    EXPECT_NEAR(fast.at("crossover") / fast.theory("crossover"), 1, 0.02);
    EXPECT_NEAR(fast.at("phi") / fast.theory("phi"), 1, 0.02);
    EXPECT_NEAR(fast.at("gradient_norm") / fast.theory("gradient_norm"), 1, 0.02);
    EXPECT_EQ(fast.at("leader"), fast.theory("leader"));
  }
  first_order("l2, rescaled: ln beta, order 1", rescaled, 2e-2);
  first_order("l2, logistic: tau and ln beta, order 1", logistic, 2e-2);
  first_order("l2, unbalanced: ln beta, order 1", unbalanced, 2e-2);
}

TEST(Sweep, SwitchClocks) {
  // mu_j overtakes the next smaller one when the prediction says, up to the step size.
  Cells cells("rule = l2; examples = +(2.2,1,3); alpha = 0.48,0.56; step_size = 1e-3; steps = 1");
  for (std::size_t k = 0; k < cells.size(); ++k) {
    cells.run(k);
    const double clock[] = {cells.theory("switch_clock", 0), cells.theory("switch_clock", 2)};
    EXPECT_TRUE(std::isnan(cells.theory("switch_clock", 1)));
    ASSERT_TRUE(clock[0] > 0 && clock[1] > clock[0]);
    for (const double side : {0.97, 1.03}) {
      cells.run(k, static_cast<std::uint64_t>(std::lround(side * clock[0] / 1e-3)));
      EXPECT_EQ(cells.at("log_product", 0) > cells.at("log_product", 1), side > 1);
      cells.run(k, static_cast<std::uint64_t>(std::lround(side * clock[1] / 1e-3)));
      EXPECT_EQ(cells.at("log_product", 2) > cells.at("log_product", 0), side > 1);
    }
  }
}

TEST(Sweep, EqualDataValuesNeverSwitch) {
  Cells pair("rule = l2; alpha = 1.5; steps = 100; kappa = lin(0.5,1.5,3)");
  pair.run(1);
  EXPECT_EQ(pair.axis("kappa"), 1);
  EXPECT_EQ(pair.theory("limit_phase"), 1);
  EXPECT_TRUE(std::isnan(pair.theory("switch_clock", 1)));
  EXPECT_TRUE(std::isnan(pair.theory("window_edge", 0)));
  // By the larger start, whatever the rule.
  Cells apart("rule = gd,linf,l2; kappa = 1; alpha_1 = 1.2,1.5; alpha_2 = 1.3; steps = 100");
  for (std::size_t k = 0; k < apart.size(); ++k) {
    apart.run(k);
    const bool second = apart.axis("alpha_1") < 1.3;
    EXPECT_EQ(apart.theory("limit_phase"), second ? 2 : 1);
    EXPECT_EQ(apart.at("leader"), apart.theory("leader"));
    if (apart.axis("rule") != static_cast<double>(Rule::l2)) continue;
    EXPECT_EQ(apart.theory("switch_clock", 1) == 0, second);
  }
  // The first two switch as a pair (1, 2) does that feels the third as well.
  Cells three("rule = l2; examples = +(1,2,2); alpha = 1.5,0.5; steps = 1");
  three.run(0);
  EXPECT_EQ(three.theory("switch_clock", 1), 0);
  three.run(1);
  const Numbers mu{1, 2, 2}, alpha(3, 0.5);
  EXPECT_NEAR(three.theory("switch_clock", 1), theory::l2_switch_clock(mu, alpha, 1, 0, 1), 1e-6);
  EXPECT_TRUE(std::isnan(three.theory("switch_clock", 2)));
  // As good as equal: (mu_2 - mu_1) (tau - 2 rho Phi) has to make up for ln 1.5.
  Cells near("rule = l2; kappa = 1.0000000001; alpha_1 = 1.5; alpha_2 = 1; steps = 1");
  near.run(0);
  EXPECT_NEAR(near.theory("switch_clock", 1) * 1e-10 / std::log(1.5), 1, 1e-6);
}

TEST(Sweep, DataSetsTendToTheirMaxMargin) {
  Cells deep("rule = gd,l2; examples = +(1,2,0.3),-(-0.4,-1,1),+(2,0.9,0.8),-(-1,-1.5,-0.6); rho = "
             "0.1; alpha = 0.6; step_size = 5e-3");
  Cells shallow("depth = 1; rule = gd,linf,l2; examples = +(1,2,0.3),-(-0.4,-1,1),+(2,0.9,0.8); "
                "rho = 0.1; alpha = 0.1; step_size = 0.1; steps = 40000");
  for (std::size_t k = 0; k < deep.size(); ++k) {
    deep.run(k, 5000);
    EXPECT_GT(deep.at("cosine_l1"), 0.999);
  }
  for (std::size_t k = 0; k < shallow.size(); ++k) {
    shallow.run(k);
    EXPECT_GT(shallow.at("cosine_l2"), 0.9999);
  }
  // Of one example: mu itself, and the coordinate of its largest entry where that is one.
  Cells one("examples = +(3,4); alpha = 0.5,1.5; steps = 1"), tie("examples = +(2,2); steps = 1");
  one.run(0);
  tie.run(0);
  EXPECT_NEAR(one.at("cosine_l2"), 1.4 / std::sqrt(2.0), 1e-2);
  EXPECT_NEAR(one.at("cosine_l1"), 1 / std::sqrt(2.0), 1e-2);
  EXPECT_TRUE(std::isnan(tie.at("cosine_l1")));
}

/// Expects nothing to be predicted of a run that stopped but its phase.
void expect_nothing(const Cells& cells) {
  EXPECT_EQ(cells.at("stopped"), 1);
  for (const char* name : {"tau", "margin", "gradient_norm", "share", "log_product"}) {
    EXPECT_TRUE(std::isnan(cells.theory(name))) << name;
  }
}

TEST(Sweep, NothingIsPredictedOfARunThatStopped) {
  for (const char* text : {
           "rule = gd,linf,l2; alpha = 1.3; weight_limit = 100; steps = 12000",
           "depth = 3,4; rule = gd,linf; alpha = 1.3,1.7; weight_limit = 10; steps = 12000",
           "depth = 3,5; rule = gd; clock = logistic; alpha = 1.1; weight_limit = 10; step_size = "
           "1; "
           "steps = 12000; examples = +(1e-4,2e-4)",
           // The norm reaches the limit, no weight does.
           "rule = gd; alpha = 1.3; weight_limit = 100; steps = 4160",
           // The leader is that of the end, not of the full time, whose exponentials overflow.
           "rule = gd,linf; alpha = 1.5; step_size = 0.05,0.1",
           "rule = linf; kappa = 1.1; alpha_1 = 1.5; alpha_2 = 1.01; step_size = 5e-3",
           "rule = l2; alpha_1 = 0.9; alpha_2 = 0.7; weight_limit = 2; clock = rescaled,logistic",
       }) {
    Cells cells(text);
    for (std::size_t k = 0; k < cells.size(); ++k) {
      cells.run(k);
      expect_nothing(cells);
      EXPECT_EQ(cells.at("phase"), cells.theory("phase")) << text;
      EXPECT_EQ(cells.at("leader"), cells.theory("leader")) << text;
    }
  }
  Cells shallow("depth = 1; rule = gd,linf,l2; weight_limit = 3; clock = rescaled,logistic");
  for (std::size_t k = 0; k < shallow.size(); ++k) {
    shallow.run(k, shallow.steps());
    if (shallow.at("stopped") == 1) expect_nothing(shallow);
    EXPECT_EQ(std::isnan(shallow.theory("tau")), shallow.at("stopped") == 1);
  }
  Cells creeping("rule = linf; depth = 3; weight_limit = 2; alpha = 0.7; step_size = 0.01");
  creeping.run(0);
  expect_nothing(creeping);
}

TEST(Sweep, WideSteps) {
  // Balanced layers have their closed form at every step size.
  Cells balanced("rule = gd,linf; alpha = 1.5; step_size = 0.6,1.2; steps = 20");
  for (std::size_t k = 0; k < balanced.size(); ++k) {
    balanced.run(k);
    EXPECT_EQ(balanced.at("leader"), balanced.theory("leader"));
    for (std::size_t j = 0; j < 2; ++j) {
      EXPECT_NEAR(balanced.at("log_product", j), balanced.theory("log_product", j), 1e-12);
    }
  }
  // On the threshold itself a weight stands still, even where its factor overflows.
  Cells still("rule = linf; alpha_1 = 1; alpha_2 = 1.5; kappa = 0.001; step_size = 0.1");
  still.run(0);
  EXPECT_EQ(still.theory("log_product", 0), 0);
  EXPECT_NEAR(still.theory("share", 1), still.at("share", 1), 1e-11);
  // Unbalanced layers have none, nor has a weight below rho, which eta mu > 1 throws out again.
  Cells unknown("rule = gd,linf; first_factor = 1.2; step_size = 0.7; alpha = 1.2; steps = 20");
  unknown.run(0);
  EXPECT_TRUE(std::isnan(unknown.theory("leader")));
  Cells thrown("rule = linf; alpha = 0.6; step_size = 0.4,0.7; steps = 60");
  thrown.run(0);
  EXPECT_EQ(thrown.at("phase"), 0);
  EXPECT_EQ(thrown.theory("phase"), 0);
  thrown.run(1);
  EXPECT_EQ(thrown.at("phase"), 2);
  EXPECT_TRUE(std::isnan(thrown.theory("phase")));
}

TEST(Sweep, NegativeEntriesMirror) {
  Cells plain("rule = l2; examples = +(1,2); alpha = 0.7"),
      mirrored("rule = l2; examples = -(-1,2); alpha_1 = 0.7; alpha_2 = -0.7");
  plain.run(0);
  mirrored.run(0);
  for (const char* name : {"leader", "phase", "tau", "phi", "margin", "crossover_leader"}) {
    EXPECT_EQ(plain.at(name), mirrored.at(name)) << name;
    const double theory = plain.theory(name);
    EXPECT_TRUE(theory == mirrored.theory(name) || std::isnan(theory)) << name;
  }
  // A coordinate that starts with the other sign only dies; nothing is predicted.
  Cells other("rule = linf; examples = +(1,-2); alpha = 1.5");
  other.run(0);
  EXPECT_EQ(other.at("leader"), 1);
  EXPECT_TRUE(std::isnan(other.theory("limit_phase")));
  // One that dies from above rho was never to escape.
  Cells dying("rule = linf; alpha_1 = -2; alpha_2 = 0.5; step_size = 0.01; steps = 50");
  for (const std::uint64_t steps : {10u, 50u}) {
    dying.run(0, steps);
    EXPECT_EQ(dying.at("fate"), static_cast<double>(Fate::collapsed));
    EXPECT_EQ(dying.at("phase"), 0);
  }
}

constexpr const char* kAllCodes =
    "depth = 1,2,3,5,16; rule = gd,linf,l2; clock = rescaled,logistic; first_factor = 0.9; "
    "alpha_1 = 0.6,1.2; alpha_2 = 0.9; rho = 0.3; step_size = 0.02; steps = 300; weight_limit = "
    "1e3; examples = ";
constexpr const char* kDataSets[] = {"+(1,2)", "+(1,2),-(0.2,-1),+(0.5,0.1)"};

TEST(Sweep, SlicesDoNotMatter) {
  for (const char* examples : kDataSets) {
    Cells cells(std::string(kAllCodes) + examples);
    for (std::size_t k = 0; k < cells.size(); ++k) {
      cells.run(k);
      const std::vector<double> whole = cells.result().state;
      cells.run(k, 0, 7);
      EXPECT_EQ(cells.result().state, whole);
      cells.run<float>(k);
      const std::vector<double> single = cells.result().state;
      cells.run<float>(k, 0, 1);
      EXPECT_EQ(cells.result().state, single);
    }
  }
}

TEST(Sweep, LanesAreNetworks) {
  for (const char* examples : kDataSets) {
    const Experiment experiment(settings_of(std::string(kAllCodes) + examples));
    test::expect_lanes_to_be_networks(experiment, 300);
  }
}

TEST(Sweep, PrecisionsAgreeWhereNothingTies) {
  Cells cells(
      "rule = gd,linf,l2; alpha_1 = 0.45,0.8,1.3; alpha_2 = 0.45,0.9,1.4; step_size = 2e-3; "
      "steps = 3000");
  double worst = 0;
  for (std::size_t k = 0; k < cells.size(); ++k) {
    cells.run<float>(k);
    const double phase = cells.at("phase"), margin = cells.at("margin"), tau = cells.at("tau");
    cells.run(k);
    EXPECT_EQ(cells.at("phase"), phase);
    EXPECT_NEAR(cells.at("tau"), tau, 1e-5);
    if (phase > 0) worst = std::max(worst, std::fabs(margin / cells.at("margin") - 1));
  }
  measured("margins in f32, relative to f64", worst, 5e-3);
}

/// The sentence of the error.
std::string refusal(const std::string& settings) {
  try {
    Cells cells(settings);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Refusals, AreSentences) {
  EXPECT_EQ(refusal("depth = 17"), "depth: '17' is not an integer from 1 to 16");
  EXPECT_EQ(refusal("depth = 1.5"), "depth: '1.5' is not an integer from 1 to 16");
  EXPECT_EQ(refusal("rule = linf2"), "rule: 'linf2' is not gd or linf or l2; did you mean 'linf'?");
  EXPECT_EQ(refusal("alpha = 0"), "alpha: '0' has to be above 0");
  EXPECT_EQ(refusal("alpha_2 = 0"), "alpha_2: '0' would never leave 0");
  EXPECT_EQ(refusal("alpha_5 = 1"), "alpha_5: the examples have only 2 coordinates");
  EXPECT_EQ(refusal("rho = -1"), "rho: '-1' has to be 0 or above");
  EXPECT_EQ(refusal("step_size = 0"), "step_size: '0' has to be above 0");
  EXPECT_EQ(refusal("kappa = 0"), "kappa: '0' would leave a coordinate of 0");
  EXPECT_EQ(refusal("kappa = 2; examples = +(1,2,3)"),
            "kappa: takes a single example of two coordinates; there are 1 of 3");
  EXPECT_EQ(refusal("examples = +(1,2),+(1)"),
            "examples: '+(1)' has 1 coordinates, the first example 2");
  EXPECT_EQ(refusal("examples = 2(1,2)"), "examples: '2(1,2)' is not a label +1 or -1 with "
                                          "coordinates: write +(1,2) or -(0.5,1)");
  EXPECT_EQ(refusal("examples = (1,2)").find("examples: '(1,2)' is not a label"), 0u);
  EXPECT_EQ(refusal("examples = +(1,x)"), "examples: 'x' is not a number");
  EXPECT_EQ(refusal("examples = +(1,0),-(2,0)"),
            "examples: coordinate 2 is 0 in every example: leave it out");
  EXPECT_EQ(refusal("examples = +(1,2),-(1,2)"),
            "examples: the data set is not separable: no direction has all 2 examples on the side "
            "of their label");
  EXPECT_EQ(refusal("data = x.csv"), "data: files are read by the command line only");
  EXPECT_EQ(refusal("weight_limit = -1").find("weight_limit: -1 has to lie between"), 0u);
  std::string wide = "depth = 16; examples = +(1";
  for (int j = 1; j < 600; ++j) wide += ",1";
  EXPECT_EQ(refusal(wide + ")").find("examples: a network of 16 layers needs "), 0u);
}

TEST(Refusals, SettingsAreKeptInShortestForm) {
  Experiment experiment(settings_of("examples = +1( 1.0, 2e0 ),-1(-0,-1)"));
  EXPECT_EQ(experiment.settings.at("examples"), (std::vector<std::string>{"+(1,2)", "-(0,-1)"}));
}

/// A file that is removed again.
class File {
public:
  explicit File(const std::string& text)
      : path_(testing::TempDir() + "sam_classification_data_" + std::to_string(getpid())) {
    std::ofstream(path_) << text;
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }
  Settings settings() const {
    Settings settings;
    settings["data"].push_back(path_);
    return settings;
  }
  std::string read() const { // the examples, or the sentence of an error without the path
    try {
      const Settings inlined = inline_data(settings());
      std::string all;
      for (const std::string& item : inlined.at("examples")) all += item;
      return all;
    } catch (const UsageError& error) {
      const std::string text = error.what();
      return text.substr(text.find(path_) + path_.size());
    }
  }

private:
  std::string path_;
};

TEST(DataFile, Csv) {
  EXPECT_EQ(File("label,x1,x2\n1, 1.0,2\r\n\n-1,0.5,1e-1\n").read(), "+(1,2)-(0.5,0.1)");
  EXPECT_EQ(File("+1,3\n").read(), "+(3)");
  EXPECT_EQ(File("1,1,2\n1,2\n").read(), ", line 2: has 2 columns, the first row 3");
  EXPECT_EQ(File("1,1,2\n2,1,2\n").read(), ", line 2: the label is 2; it has to be 1 or -1");
  EXPECT_EQ(File("1,1,2\n1,one,2\n").read(), ", line 2: 'one' is not a finite number");
  EXPECT_EQ(File("1,1,nan\n").read(), ", line 1: 'nan' is not a finite number");
  EXPECT_EQ(File("a,b\nc,d\n").read(), ", line 2: 'c' is not a finite number");
  EXPECT_EQ(File("1\n").read(),
            ", line 1: needs a label and at least one coordinate, with commas between");
  EXPECT_EQ(File("y,x\n").read(), ": has no row of a label and coordinates");
  EXPECT_EQ(File("x.csv").read(),
            ", line 1: needs a label and at least one coordinate, with commas between");
  const File file("1,2,3\n");
  Settings settings = file.settings();
  settings["rho"] = {"2"};
  const Settings inlined = inline_data(settings);
  EXPECT_TRUE(inlined.at("data").empty());
  EXPECT_EQ(inlined.at("rho"), settings.at("rho"));
  settings["data"].push_back("another");
  EXPECT_THROW(inline_data(settings), UsageError);
  settings["data"] = {"/no/such/file"};
  EXPECT_THROW(inline_data(settings), FileError);
  settings.erase("data");
  EXPECT_EQ(inline_data(settings), settings);
}

TEST(DataFile, Hdf5) {
  const File file("");
  const auto write = [&](std::vector<double> x, hsize_t columns, std::vector<double> y) {
    const hid_t f = H5Fcreate(file.path().c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const auto put = [f](const char* name, const std::vector<double>& values, int rank,
                         const hsize_t* extent) {
      const hid_t space = H5Screate_simple(rank, extent, nullptr);
      const hid_t set =
          H5Dcreate2(f, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
      H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
      H5Dclose(set);
      H5Sclose(space);
    };
    const hsize_t table[] = {x.size() / columns, columns}, list[] = {y.size()};
    put("X", x, 2, table);
    if (!y.empty()) put("y", y, 1, list);
    H5Fclose(f);
    return file.read();
  };
  EXPECT_EQ(write({1, 2, 0.5, 0.25}, 2, {1, -1}), "+(1,2)-(0.5,0.25)");
  EXPECT_EQ(write({1, 2, 3, 4}, 2, {1}), ": X has 2 rows, y 1 labels");
  EXPECT_EQ(write({1, 2}, 2, {0}), ", row 1: the label is 0; it has to be 1 or -1");
  EXPECT_EQ(write({1, NAN}, 2, {1}), ", row 1: has a number that is not finite");
  EXPECT_EQ(write({1, 2}, 2, {}), ": has no dataset y");
}

} // namespace
} // namespace sharpsweep::sam_classification
