#include "host/analysis/ssam_diagram.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "host/analysis/parallel.hpp"
#include "host/analysis/threshold.hpp"
#include "sharpsweep/theory/ssam.hpp"

namespace sharpsweep {
namespace {

namespace theory = ssam::theory;
using ssam::kOrderParameters;

const std::vector<std::string> kCellDimensions = {"depth", "init", "step_size", "eta", "target"};
const std::vector<std::string> kConfigurationDimensions = {"depth", "init", "step_size", "eta"};

/// The basin threshold of a start for targets of either sign.
struct Basins {
  double positive = kNone, negative = kNone;
  double of(double target) const { return target < 0 ? negative : positive; }
};

/// Whether the noise-free flow of one coordinate of a Gaussian start survives at the level.
bool gaussian_survives(const Sweep& sweep, const Configuration& c, std::size_t target_index,
                       std::uint32_t seed) {
  const double target = sweep.target_value(c.depth, c.eta, target_index);
  const double magnitude = std::fabs(target);
  if (magnitude < theory::level_threshold(c.eta, c.depth,
                                          theory::existence_threshold(c.eta, c.depth),
                                          sweep.survival_level)) {
    return false;
  }
  double w[ssam::kMaxDepth];
  for (int l = 0; l < c.depth; ++l) {
    const float normal =
        ssam::initial_normal(c.key, coordinate_word(sweep.target[target_index]), seed, l);
    w[l] = ssam::initial_weight(c.init, c.depth, l, normal) / c.eta;
  }
  return theory::flow_survives(c.depth, w, target / portable::power(c.eta, c.depth));
}

/// The threshold of the sweep's own Gaussian starts under the noise-free flow: the same estimator
/// as for the measured one. At most one block of seeds is followed.
double gaussian_threshold(const Sweep& sweep, const Configuration& c,
                          std::span<const double> magnitudes) {
  const std::uint32_t seeds = std::min(sweep.seeds, kSeedBlock - sweep.first_seed % kSeedBlock);
  std::vector<std::uint64_t> masks(magnitudes.size(), 0);
  for (std::size_t t = 0; t < magnitudes.size(); ++t) {
    for (std::uint32_t s = 0; s < seeds; ++s) {
      const bool alive = gaussian_survives(sweep, c, t, sweep.first_seed + s);
      masks[t] |= std::uint64_t{alive} << s;
    }
  }
  return threshold_value(magnitudes, masks, seeds);
}

/// Thresholds, measured and predicted, of every configuration.
class ThresholdTable {
public:
  ThresholdTable(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop)
      : sweep_(sweep), results_(results),
        bootstrap_(sweep.base_seed, sweep.first_seed, sweep.seeds) {
    for (auto& column : columns_) column.resize(sweep.configurations(), kNone);
    basins_.resize(sweep.configurations());
    parallel_for(sweep.configurations(), stop, [this](std::size_t i) { fill(i); });
    for (std::size_t i = 0; i < sweep.configurations(); ++i) {
      columns_[predicted][i] = columns_[predicted][first_step_size(i)];
    }
  }

  const Basins& basins(std::size_t configuration) const { return basins_[configuration]; }

  void add_to(Dataset& data) {
    constexpr std::array<std::pair<const char*, const char*>, kColumns> kNames = {{
        {"threshold", "|w*| at which survival crosses one half"},
        {"threshold_low", "2.5 % bootstrap quantile of the threshold"},
        {"threshold_high", "97.5 % bootstrap quantile of the threshold"},
        {"threshold_theory", "predicted threshold tau_level at the survival level"},
        {"threshold_existence", "existence threshold tau_exist (saddle-node)"},
        {"threshold_basin", "basin threshold tau_basin of the start"},
        {"threshold_maxwell", "equal-loss (Maxwell) threshold"},
    }};
    for (std::size_t i = 0; i < kColumns; ++i) {
      data.variables.push_back({kNames[i].first, kConfigurationDimensions, std::move(columns_[i]),
                                "1", kNames[i].second});
    }
  }

private:
  enum Column : std::size_t { value, low, high, predicted, existence, basin, maxwell, kColumns };

  /// The configuration that differs from this one at most by having the first step size, and the
  /// same prediction: theory knows no step size. A Gaussian start of its own noise stream is its
  /// own.
  std::size_t first_step_size(std::size_t index) const {
    if (sweep_.noise_streams == NoiseStreams::independent) return index;
    const std::size_t etas = sweep_.eta.size(), steps = sweep_.step_size.size();
    return index / (etas * steps) * (etas * steps) + index % etas;
  }

  /// With noise, two layers leave the zero state towards either sign.
  bool sign_matters(const Configuration& c) const {
    return c.depth > 2 || sweep_.noise == Noise::none;
  }

  double basin_of(const Configuration& c, int sign) const {
    const bool stays_on_the_diagonal = c.depth == 2 && sign_matters(c) &&
                                       c.init.kind == ssam::Init::Kind::balanced &&
                                       theory::start_sign(c.init, c.depth) != sign;
    return stays_on_the_diagonal ? theory::kInfinity
                                 : theory::basin_threshold(c.eta, c.depth, c.init, sign);
  }

  void fill(std::size_t index) {
    const Configuration c = sweep_.configuration(index);
    const bool any_negative =
        std::any_of(sweep_.target.begin(), sweep_.target.end(), [](double t) { return t < 0; });
    Basins& b = basins_[index];
    b.positive = basin_of(c, 1);
    if (any_negative) b.negative = basin_of(c, -1);

    // Where a start has a sign that matters, the threshold is that of the targets of its sign, as
    // far as there are any: those of the other sign have one of their own, if at all.
    const int sign = sign_matters(c) ? theory::start_sign(c.init, c.depth) : 0;
    const auto has_sign = [](double target, int wanted) { return target * wanted > 0; };
    const bool some_match = std::any_of(sweep_.target.begin(), sweep_.target.end(),
                                        [&](double t) { return has_sign(t, sign); });
    std::vector<double> magnitudes;
    std::vector<std::size_t> kept;
    for (std::size_t t = 0; t < sweep_.target.size(); ++t) {
      if (some_match && !has_sign(sweep_.target[t], sign)) continue;
      magnitudes.push_back(std::fabs(sweep_.target_value(c.depth, c.eta, t)));
      kept.push_back(t);
    }
    if (c.depth < 2) return;
    measure(index, magnitudes, kept);
    const bool all_negative =
        std::all_of(kept.begin(), kept.end(), [&](std::size_t t) { return sweep_.target[t] < 0; });
    const double own_basin = all_negative ? b.negative : b.positive;
    if (first_step_size(index) == index) {
      const double level =
          c.init.kind == ssam::Init::Kind::gaussian
              ? gaussian_threshold(sweep_, c, magnitudes)
              : theory::level_threshold(c.eta, c.depth, own_basin, sweep_.survival_level);
      columns_[predicted][index] = std::isfinite(level) ? level : kNone;
    }
    columns_[existence][index] = theory::existence_threshold(c.eta, c.depth);
    columns_[basin][index] = std::isfinite(own_basin) ? own_basin : kNone;
    columns_[maxwell][index] = theory::maxwell_threshold(c.eta, c.depth);
  }

  /// The measured threshold and its interval over the targets `kept`.
  void measure(std::size_t index, const std::vector<double>& magnitudes,
               const std::vector<std::size_t>& kept) {
    const std::size_t first = index * sweep_.target.size();
    const bool complete = std::all_of(kept.begin(), kept.end(), [&](std::size_t t) {
      return results_.complete(sweep_, first + t);
    });
    if (!complete) return;
    std::vector<std::uint64_t> masks;
    masks.reserve(kept.size() * results_.blocks);
    CellStates row;
    for (std::uint32_t block = 0; block < results_.blocks; ++block) {
      results_.state.load(results_.row_of(block, index), row);
      for (const std::size_t t : kept) masks.push_back(row.survivors[t]);
    }
    const Threshold measured = estimate_threshold(magnitudes, masks, sweep_.seeds, bootstrap_);
    columns_[value][index] = measured.value;
    columns_[low][index] = measured.low;
    columns_[high][index] = measured.high;
  }

  const Sweep& sweep_;
  const Results& results_;
  Bootstrap bootstrap_;
  std::array<std::vector<double>, kColumns> columns_;
  std::vector<Basins> basins_;
};

void add_theory(const Sweep& sweep, const ThresholdTable& thresholds, const std::atomic<bool>& stop,
                Dataset& data) {
  std::array<std::vector<double>, kOrderParameters> values;
  for (auto& list : values) list.resize(sweep.cells());
  double schedule_sum = static_cast<double>(sweep.steps);
  if (sweep.schedule.kind != Schedule::Kind::constant) {
    // The balancing law wants the sum of the step sizes; beyond 2^20 steps the rest is left out of
    // the prediction for lack of a closed form.
    schedule_sum = sweep.steps <= (1u << 20) ? 0 : kNone;
    for (std::uint64_t k = 0; k < sweep.steps && schedule_sum == schedule_sum; ++k) {
      schedule_sum = schedule_sum + schedule_factor(sweep.schedule, k);
    }
  }
  const std::size_t targets = sweep.target.size();
  parallel_for(sweep.configurations(), stop, [&](std::size_t index) {
    const Configuration c = sweep.configuration(index);
    for (std::size_t t = 0; t < targets; ++t) {
      const double target = sweep.target_value(c.depth, c.eta, t);
      double prediction[kOrderParameters];
      theory::predict(c.init, c.eta, c.depth, target, thresholds.basins(index).of(target),
                      c.alpha * schedule_sum, prediction);
      for (std::size_t x = 0; x < kOrderParameters; ++x) {
        values[x][index * targets + t] = prediction[x];
      }
    }
  });
  const std::vector<OrderParameterInfo> infos = sweep.order_parameters();
  for (std::size_t x = 0; x < kOrderParameters; ++x) {
    const OrderParameterInfo& info = infos[x];
    data.variables.push_back({info.name + "_theory", kCellDimensions, std::move(values[x]),
                              info.units, "noise-free prediction of " + info.long_name});
  }
}

} // namespace

void add_ssam_coordinates(const Sweep& sweep, Dataset& data) {
  std::vector<double> scales, ratios;
  for (const ssam::Init& init : sweep.init) {
    scales.push_back(init.scale);
    ratios.push_back(init.kind == ssam::Init::Kind::unbalanced ? init.ratio : 1);
  }
  data.variables.push_back({"init_scale", {"init"}, scales, "1", "scale s of the start"});
  data.variables.push_back(
      {"init_ratio", {"init"}, ratios, "1", "ratio r of an unbalanced start, else 1"});
  std::vector<double> values;
  for (const int depth : sweep.depth) {
    for (const double eta : sweep.eta) {
      for (std::size_t t = 0; t < sweep.target.size(); ++t) {
        values.push_back(sweep.target_value(depth, eta, t));
      }
    }
  }
  data.variables.push_back({"target_value",
                            {"depth", "eta", "target"},
                            std::move(values),
                            "1",
                            "target w* in absolute units"});
}

void add_ssam_theory(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop,
                     Dataset& data) {
  ThresholdTable thresholds(sweep, results, stop);
  add_theory(sweep, thresholds, stop, data);
  thresholds.add_to(data);
}

void name_ssam_coordinates(Dataset& data) {
  constexpr std::array<std::string_view, 3> kAuxiliary = {"init_scale", "init_ratio",
                                                          "target_value"};
  const auto is_auxiliary = [&](const std::string& name) {
    return std::find(kAuxiliary.begin(), kAuxiliary.end(), name) != kAuxiliary.end();
  };
  for (Variable& variable : data.variables) {
    if (is_auxiliary(variable.name)) continue;
    std::string names;
    for (const auto auxiliary : kAuxiliary) {
      const auto& needed = data.find(std::string(auxiliary))->dimensions;
      const auto& has = variable.dimensions;
      const bool covered = std::all_of(needed.begin(), needed.end(), [&](const auto& dimension) {
        return std::find(has.begin(), has.end(), dimension) != has.end();
      });
      if (covered) names += (names.empty() ? "" : " ") + std::string(auxiliary);
    }
    if (!names.empty()) variable.attributes.emplace_back("coordinates", names);
  }
}

} // namespace sharpsweep
