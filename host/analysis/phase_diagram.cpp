#include "host/analysis/phase_diagram.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <exception>
#include <limits>
#include <mutex>
#include <thread>

#include "host/analysis/threshold.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/theory/ssam.hpp"

namespace sharpsweep {
namespace {

namespace theory = ssam::theory;
constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

constexpr std::array kOrderParameterInfo = {
    OrderParameterInfo{"shrinkage", "1", "shrinkage lambda = (p sign(w*) / |w*|)^(1/L)"},
    OrderParameterInfo{"product", "1",
                       "product p = w_1 ... w_L, averaged over the tail of the run"},
    OrderParameterInfo{"imbalance", "1", "imbalance, max over l of |w_l^2 - w_(l+1)^2|"},
    OrderParameterInfo{"loss", "1", "loss (w* - p)^2 at the final weights"},
    OrderParameterInfo{"average_sharpness", "1",
                       "average sharpness prod (w_l^2 + eta^2) - prod w_l^2"},
    OrderParameterInfo{"hessian_trace", "1", "Hessian trace, sum over l of 2 prod_(m!=l) w_m^2"},
};
static_assert(kOrderParameterInfo.size() == kOrderParameters);

const std::vector<std::string> kCellDimensions = {"depth", "init", "step_size", "eta", "target"};
const std::vector<std::string> kConfigurationDimensions = {"depth", "init", "step_size", "eta"};

std::vector<std::string> with(std::vector<std::string> dimensions, const std::string& last) {
  dimensions.push_back(last);
  return dimensions;
}

template <class T, class From>
std::vector<T> converted(const From& from) {
  return {from.begin(), from.end()};
}

/// Calls work(i) for i < n on all cores; work must write to places of its own. Throws what it
/// throws first, and Interrupted when `stop` is set.
template <class Work>
void parallel_for(std::size_t n, const std::atomic<bool>& stop, Work work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto loop = [&] {
    try {
      for (std::size_t i = next++; i < n; i = next++) {
        stop_if_asked(stop);
        work(i);
      }
    } catch (...) {
      next = n;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> pool;
    const std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t i = 1; i < std::min(threads, n); ++i) pool.emplace_back(loop);
    loop();
  }
  if (failure) std::rethrow_exception(failure);
}

void add_coordinates(const Sweep& sweep, Dataset& data) {
  const bool relative = sweep.target_unit == Unit::relative;
  data.coordinates.push_back(
      {"depth", {"depth"}, converted<std::int64_t>(sweep.depth), "1", "number of layers L"});
  std::vector<std::int64_t> codes(sweep.init.size());
  std::vector<double> scales, ratios;
  std::string meanings;
  for (std::size_t i = 0; i < sweep.init.size(); ++i) {
    codes[i] = static_cast<std::int64_t>(i);
    scales.push_back(sweep.init[i].scale);
    ratios.push_back(sweep.init[i].kind == ssam::Init::Kind::unbalanced ? sweep.init[i].ratio : 1);
    // CF allows letters, digits and _-.+@ in a flag's meaning: balanced(0.2) reads balanced_0.2.
    std::string meaning = format_init(sweep.init[i]);
    std::replace_if(
        meaning.begin(), meaning.end(), [](char c) { return c == '(' || c == ','; }, '_');
    meaning.pop_back();
    meanings += (i ? " " : "") + meaning;
  }
  data.coordinates.push_back({"init",
                              {"init"},
                              codes,
                              "1",
                              "how the weights start",
                              {{"flag_values", codes}, {"flag_meanings", meanings}}});
  data.coordinates.push_back({"step_size",
                              {"step_size"},
                              sweep.step_size,
                              "1",
                              sweep.step_size_unit == Unit::relative
                                  ? "scaled step size alpha eta^(2L-2)"
                                  : "step size alpha"});
  data.coordinates.push_back(
      {"eta", {"eta"}, sweep.eta, "1", "standard deviation eta of the parameter noise"});
  data.coordinates.push_back(
      {"target",
       {"target"},
       sweep.target,
       "1",
       relative ? "target w* in units of the existence threshold" : "target w*"});
  if (sweep.save != Save::mean) {
    std::vector<std::int64_t> seeds(sweep.seeds);
    for (std::size_t i = 0; i < seeds.size(); ++i) {
      seeds[i] = sweep.first_seed + static_cast<std::int64_t>(i);
    }
    data.coordinates.push_back({"seed", {"seed"}, seeds, "1", "number of the replicate"});
  }
  if (sweep.save == Save::weights) {
    std::vector<std::int64_t> layers(
        static_cast<std::size_t>(*std::max_element(sweep.depth.begin(), sweep.depth.end())));
    for (std::size_t l = 0; l < layers.size(); ++l) layers[l] = static_cast<std::int64_t>(l) + 1;
    data.coordinates.push_back({"layer", {"layer"}, layers, "1", "layer l, from 1"});
  }
  if (sweep.record > 0) {
    data.coordinates.push_back({"step",
                                {"step"},
                                converted<std::int64_t>(sweep.record_steps()),
                                "1",
                                "number of updates made"});
  }
  data.variables.push_back({"init_scale", {"init"}, scales, "1", "scale s of the start"});
  data.variables.push_back(
      {"init_ratio", {"init"}, ratios, "1", "ratio r of an unbalanced start, else 1"});
}

/// w* of every (depth, eta, target) in absolute units.
void add_target_values(const Sweep& sweep, Dataset& data) {
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

/// Mean and standard deviation of the merged seed blocks of each cell.
/// \param block_stride  distance between the blocks of one cell
void merge_blocks(const CellState* first, std::size_t block_stride, std::uint32_t blocks,
                  double (&mean)[kOrderParameters], double (&deviation)[kOrderParameters]) {
  for (int x = 0; x < kOrderParameters; ++x) {
    Moments total;
    std::uint64_t n = 0;
    for (std::uint32_t b = 0; b < blocks; ++b) {
      const CellState& state = first[b * block_stride];
      total.merge(n, state.moments[x], state.finished);
      n += state.finished;
    }
    mean[x] = n > 0 ? total.mean : kNone;
    deviation[x] = n > 0 ? square_root(div(total.m2, static_cast<double>(n))) : kNone;
  }
}

void add_order_parameters(const Sweep& sweep, const Results& results, Dataset& data) {
  std::array<std::vector<double>, kOrderParameters> mean, deviation;
  for (auto* list : {&mean, &deviation}) {
    for (auto& values : *list) values.resize(results.cells);
  }
  std::vector<double> survival, diverged;
  std::vector<std::int64_t> finished;
  std::vector<std::uint8_t> status;
  const double seeds = sweep.seeds;
  for (std::size_t cell = 0; cell < results.cells; ++cell) {
    status.push_back(results.complete(sweep, cell) ? 1 : 0);
    if (status.back() == 0) {
      for (std::size_t x = 0; x < kOrderParameters; ++x) {
        mean[x][cell] = deviation[x][cell] = kNone;
      }
      survival.push_back(kNone);
      diverged.push_back(kNone);
      finished.push_back(0);
      continue;
    }
    double m[kOrderParameters], d[kOrderParameters];
    merge_blocks(&results.state[cell], results.cells, results.blocks, m, d);
    for (std::size_t x = 0; x < kOrderParameters; ++x) {
      mean[x][cell] = m[x];
      deviation[x][cell] = d[x];
    }
    std::uint64_t survivors = 0, lost = 0, done = 0;
    for (std::uint32_t b = 0; b < results.blocks; ++b) {
      const CellState& state = results.state[b * results.cells + cell];
      survivors += static_cast<unsigned>(__builtin_popcountll(state.survivors));
      lost += state.diverged;
      done += state.finished;
    }
    survival.push_back(static_cast<double>(survivors) / seeds);
    diverged.push_back(static_cast<double>(lost) / seeds);
    finished.push_back(static_cast<std::int64_t>(done));
  }
  for (std::size_t x = 0; x < kOrderParameters; ++x) {
    const auto& info = kOrderParameterInfo[x];
    const std::string name = info.name, text = info.long_name;
    data.variables.push_back({name + "_mean", kCellDimensions, std::move(mean[x]), info.units,
                              "mean over seeds of " + text});
    data.variables.push_back({name + "_std", kCellDimensions, std::move(deviation[x]), info.units,
                              "standard deviation over seeds of " + text});
  }
  data.variables.push_back({"survival", kCellDimensions, std::move(survival), "1",
                            "fraction of the seeds with shrinkage of at least survival_level"});
  data.variables.push_back({"diverged", kCellDimensions, std::move(diverged), "1",
                            "fraction of the seeds whose weights left the finite range"});
  data.variables.push_back({"seeds_finished", kCellDimensions, std::move(finished), "1",
                            "number of seeds that finished"});
  data.variables.push_back(
      {"status",
       kCellDimensions,
       std::move(status),
       "1",
       "state of the cell",
       {{"flag_values", std::vector<std::int64_t>{0, 1}}, {"flag_meanings", "missing done"}}});
}

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
    std::vector<std::uint64_t> masks;
    for (std::uint32_t block = 0; block < results_.blocks; ++block) {
      for (const std::size_t t : kept) {
        masks.push_back(results_.state[block * results_.cells + first + t].survivors);
      }
    }
    const bool complete = std::all_of(kept.begin(), kept.end(), [&](std::size_t t) {
      return results_.complete(sweep_, first + t);
    });
    if (!complete) return;
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
  for (std::size_t x = 0; x < kOrderParameters; ++x) {
    const auto& info = kOrderParameterInfo[x];
    data.variables.push_back({std::string(info.name) + "_theory", kCellDimensions,
                              std::move(values[x]), info.units,
                              "noise-free prediction of " + std::string(info.long_name)});
  }
}

void add_paths(const Sweep& sweep, const Results& results, Dataset& data) {
  if (sweep.record == 0) return;
  std::array<std::vector<double>, kOrderParameters> mean, deviation;
  for (auto* list : {&mean, &deviation}) {
    for (auto& values : *list) values.resize(results.cells * sweep.record);
  }
  for (std::size_t cell = 0; cell < results.cells; ++cell) {
    for (std::size_t time = 0; time < sweep.record; ++time) {
      double m[kOrderParameters], d[kOrderParameters];
      std::fill(m, std::end(m), kNone);
      std::fill(d, std::end(d), kNone);
      if (results.complete(sweep, cell))
        merge_blocks(&results.path[time * results.cells + cell], results.cells * sweep.record,
                     results.blocks, m, d);
      for (std::size_t x = 0; x < kOrderParameters; ++x) {
        mean[x][cell * sweep.record + time] = m[x];
        deviation[x][cell * sweep.record + time] = d[x];
      }
    }
  }
  const auto dimensions = with(kCellDimensions, "step");
  for (std::size_t x = 0; x < kOrderParameters; ++x) {
    const auto& info = kOrderParameterInfo[x];
    data.variables.push_back({std::string(info.name) + "_path_mean", dimensions, std::move(mean[x]),
                              info.units,
                              std::string("mean over seeds along the run of ") + info.name});
    data.variables.push_back(
        {std::string(info.name) + "_path_std", dimensions, std::move(deviation[x]), info.units,
         std::string("standard deviation over seeds along the run of ") + info.name});
  }
}

void add_seed_values(const Sweep& sweep, const Results& results, Dataset& data) {
  if (sweep.save == Save::mean) return;
  const auto dimensions = with(kCellDimensions, "seed");
  const std::size_t networks = results.cells * sweep.seeds;
  for (std::size_t x = 0; x < kOrderParameters; ++x) {
    const auto first = results.seed_value.begin() + static_cast<std::ptrdiff_t>(x * networks);
    const auto& info = kOrderParameterInfo[x];
    data.variables.push_back(
        {info.name, dimensions,
         std::vector<double>(first, first + static_cast<std::ptrdiff_t>(networks)), info.units,
         info.long_name});
  }
  if (sweep.save == Save::weights) {
    data.variables.push_back({"weight", with(dimensions, "layer"), results.weight, "1",
                              "final weight w_l; NaN beyond the network's depth or if diverged"});
  }
}

/// Names the auxiliary coordinates in every variable that has their dimensions, as CF does it.
void name_auxiliary_coordinates(Dataset& data) {
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

} // namespace

std::span<const OrderParameterInfo> order_parameter_info() { return kOrderParameterInfo; }

Dataset phase_diagram(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop) {
  Dataset data;
  add_coordinates(sweep, data);
  add_target_values(sweep, data);
  add_order_parameters(sweep, results, data);
  ThresholdTable thresholds(sweep, results, stop);
  add_theory(sweep, thresholds, stop, data);
  thresholds.add_to(data);
  add_paths(sweep, results, data);
  add_seed_values(sweep, results, data);
  name_auxiliary_coordinates(data);
  return data;
}

} // namespace sharpsweep
