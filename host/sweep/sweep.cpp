#include "sharpsweep/sweep/sweep.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "sharpsweep/numerics/portable_math.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/key_reader.hpp"
#include "sharpsweep/sweep/results.hpp"
#include "sharpsweep/theory/ssam.hpp"

namespace sharpsweep {
namespace {

Schedule parse_schedule(std::string_view text) {
  constexpr std::array<std::string_view, 3> kNames = {"constant", "robbins_monro", "power"};
  const Call call = parse_call("schedule", text);
  Schedule schedule;
  const std::size_t kind = KeyReader::choice_of("schedule", call.name, kNames);
  schedule.kind = static_cast<Schedule::Kind>(kind);
  if (call.arguments.size() != kind) {
    throw UsageError("schedule: '" + std::string(text) +
                     "' is not constant, robbins_monro(k0) or power(k0,g)");
  }
  if (kind >= 1) schedule.k0 = parse_number("schedule", call.arguments[0]);
  if (kind == 2) schedule.gamma = parse_number("schedule", call.arguments[1]);
  if (!(schedule.k0 > 0)) throw UsageError("schedule: k0 has to be above 0");
  if (!(schedule.gamma >= 0)) throw UsageError("schedule: the exponent has to be at least 0");
  return schedule;
}

/// The text that parse_schedule reads back to the same value.
std::string format_schedule(const Schedule& schedule) {
  switch (schedule.kind) {
  case Schedule::Kind::robbins_monro:
    return "robbins_monro(" + format_number(schedule.k0) + ")";
  case Schedule::Kind::power:
    return "power(" + format_number(schedule.k0) + "," + format_number(schedule.gamma + 0.0) + ")";
  default:
    return "constant";
  }
}

void require_positive(std::string_view key, const std::vector<double>& values) {
  for (const double value : values) {
    if (!(value > 0)) {
      throw UsageError(std::string(key) + ": " + format_number(value) + " has to be above 0");
    }
  }
}

/// Cells are counted in 64 bits; long before that ends, so does every machine's memory.
void check_size(const Sweep& sweep) {
  constexpr double kMostCells = 0x1p48;
  double cells = 1;
  for (const Axis& axis : sweep.axes()) cells *= static_cast<double>(axis.values.size());
  if (cells <= kMostCells) return;
  char sizes[96];
  std::snprintf(sizes, sizeof sizes, "%.3g cells need more than %.3g GiB", cells,
                cells * state_bytes(sweep.outcome_size()) / 0x1p30);
  throw UsageError("the grid is too large for any machine's memory: " + std::string(sizes));
}

/// Targets name their noise by their value as a float (streams.hpp): two that round to the same
/// float would see the same noise within one network.
void check_coordinates(const Sweep& sweep) {
  std::vector<std::pair<std::uint32_t, double>> words;
  for (const double target : sweep.target) {
    if (std::fabs(target) > std::numeric_limits<float>::max()) {
      throw UsageError("target: " + format_number(target) + " is outside the range of a float");
    }
    words.emplace_back(coordinate_word(target), target);
  }
  std::sort(words.begin(), words.end());
  for (std::size_t i = 1; i < words.size(); ++i) {
    if (words[i].first != words[i - 1].first) continue;
    throw UsageError("target: " + format_number(words[i - 1].second) + " and " +
                     format_number(words[i].second) +
                     " are the same number in single precision, which names a coordinate's noise");
  }
}

/// Where the float path would leave its range before the first step, say so instead of diverging.
/// Magnitudes are monotone in eta and in the target: the ends of the axes stand for all.
void check_magnitudes(const Sweep& sweep) {
  const double largest = sweep.precision == Precision::f32 ? 3e38 : 1e300;
  const auto [eta_low, eta_high] = std::minmax_element(sweep.eta.begin(), sweep.eta.end());
  const double step = *std::max_element(sweep.step_size.begin(), sweep.step_size.end());
  std::vector<std::size_t> targets; // those of least and of greatest magnitude, zero left out
  for (std::size_t t = 0; t < sweep.target.size(); ++t) {
    const auto magnitude = [&](std::size_t i) { return std::fabs(sweep.target[i]); };
    if (sweep.target[t] == 0) continue;
    if (targets.empty()) targets.assign(2, t);
    if (magnitude(t) < magnitude(targets[0])) targets[0] = t;
    if (magnitude(t) > magnitude(targets[1])) targets[1] = t;
  }
  const double radius = sweep.projection_radius;
  if (radius > 0 && !(radius < largest && radius > 1 / largest)) {
    throw UsageError("projection_radius: " + format_number(radius) +
                     " is outside the range of its precision");
  }
  for (const int depth : sweep.depth) {
    for (const double eta : {*eta_low, *eta_high}) {
      const std::string where =
          "at depth " + std::to_string(depth) + ", eta " + format_number(eta) + " ";
      for (const std::size_t t : targets) {
        const double value = sweep.target_value(depth, eta, t);
        if (std::fabs(value) > largest || std::fabs(value) < 1 / largest) {
          throw UsageError("target: " + where + "it is " + format_number(value) +
                           ", outside the range of its precision");
        }
      }
      const double alpha = sweep.step_size_unit == Unit::relative
                               ? step / portable::power(eta, 2 * depth - 2)
                               : step;
      if (!(eta < largest && eta > 1 / largest)) {
        throw UsageError("eta: " + format_number(eta) + " is outside the range of its precision");
      }
      if (!(2 * alpha < largest)) {
        throw UsageError("step_size: " + where + "alpha leaves the range of its precision");
      }
    }
  }
}

} // namespace

double schedule_factor(const Schedule& schedule, std::uint64_t step) {
  const double ratio = 1 + static_cast<double>(step) / schedule.k0;
  switch (schedule.kind) {
  case Schedule::Kind::constant:
    return 1;
  case Schedule::Kind::robbins_monro:
    return 1 / ratio;
  case Schedule::Kind::power:
    return portable::exp(-schedule.gamma * portable::log(ratio));
  }
  return 1;
}

namespace {

void read_common_keys(const KeyReader& reader, Sweep& sweep) {
  constexpr std::array<std::string_view, 2> kStreams = {"shared", "independent"};
  constexpr std::array<std::string_view, 3> kSaves = {"mean", "seeds", "weights"};
  constexpr std::array<std::string_view, 2> kPrecisions = {"f32", "f64"};
  sweep.seeds = static_cast<std::uint32_t>(reader.integer("seeds", 1, kSeedLimit));
  sweep.first_seed = static_cast<std::uint32_t>(reader.integer("first_seed", 0, kSeedLimit - 1));
  sweep.base_seed = reader.integer("base_seed", 0, ~std::uint64_t{0});
  if (sweep.settings.contains("noise_streams")) { // a model without noise has no such key
    sweep.noise_streams = static_cast<NoiseStreams>(reader.choice("noise_streams", kStreams));
  }
  sweep.steps = reader.integer("steps", 1, 1000000000000u);
  sweep.record = static_cast<std::uint32_t>(reader.integer("record", 0, 100000));
  sweep.save = static_cast<Save>(reader.choice("save", kSaves));
  sweep.precision = static_cast<Precision>(reader.choice("precision", kPrecisions));
  if (std::uint64_t{sweep.first_seed} + sweep.seeds > kSeedLimit) {
    throw UsageError("seeds: seed numbers end at " + std::to_string(kSeedLimit - 1) +
                     ", but first_seed + seeds goes beyond");
  }
  if (sweep.record > sweep.steps) {
    throw UsageError("record: " + std::to_string(sweep.record) + " times do not fit into " +
                     std::to_string(sweep.steps) + " steps");
  }
}

void read_ssam_keys(const KeyReader& reader, Sweep& sweep) {
  for (const double value : parse_axis("depth", reader.list("depth"))) {
    sweep.depth.push_back(
        static_cast<int>(parse_integer("depth", format_number(value), 1, ssam::kMaxDepth)));
  }
  std::set<std::string> seen;
  for (const std::string& item : reader.list("init")) {
    const ssam::Init init = parse_init(item);
    if (!seen.insert(format_init(init)).second) {
      throw UsageError("init: " + format_init(init) + " stands twice on the axis");
    }
    sweep.init.push_back(init);
  }
  constexpr std::array<std::string_view, 2> kStepUnits = {"absolute", "scaled"};
  constexpr std::array<std::string_view, 2> kTargetUnits = {"absolute", "threshold"};
  constexpr std::array<std::string_view, 2> kNoises = {"gaussian", "none"};
  sweep.step_size = parse_axis("step_size", reader.list("step_size"));
  sweep.step_size_unit = static_cast<Unit>(reader.choice("step_size_unit", kStepUnits));
  sweep.schedule = parse_schedule(reader.one("schedule"));
  reader.put("schedule", format_schedule(sweep.schedule));
  sweep.eta = parse_axis("eta", reader.list("eta"));
  sweep.target = parse_axis("target", reader.list("target"));
  sweep.target_unit = static_cast<Unit>(reader.choice("target_unit", kTargetUnits));
  sweep.noise = static_cast<Noise>(reader.choice("noise", kNoises));
  sweep.projection_radius = reader.number("projection_radius");
  sweep.tail_average = reader.number_between("tail_average", 0, 1);
  sweep.survival_level = reader.number_between("survival_level", 0, 1, true);

  require_positive("step_size", sweep.step_size);
  require_positive("eta", sweep.eta);
  if (sweep.projection_radius < 0) {
    throw UsageError("projection_radius: " + format_number(sweep.projection_radius) +
                     " has to be at least 0 (0: never project)");
  }
  if (sweep.projection_radius > 0 && sweep.target.size() > kMaxCoupledCoordinates) {
    throw UsageError("projection_radius: it couples all coordinates of a network, so at most " +
                     std::to_string(kMaxCoupledCoordinates) + " targets are possible, not " +
                     std::to_string(sweep.target.size()));
  }
  if (sweep.target_unit == Unit::relative &&
      std::find(sweep.depth.begin(), sweep.depth.end(), 1) != sweep.depth.end()) {
    throw UsageError("target_unit: depth 1 has no threshold to measure targets in; use absolute");
  }
}

/// Finds the largest network of a coupled model; refuses those that do not fit into a GPU thread.
void measure_networks(Sweep& sweep) {
  sweep.coupled_weights = sweep.coupled_numbers = 0;
  for (std::size_t i = 0; i < sweep.configurations(); ++i) {
    const Sizes sizes = sweep.with_point(
        i, [&](const Point& point) { return sweep.coupled->sizes(sweep.coupled->shape(point)); });
    sweep.coupled_weights = std::max(sweep.coupled_weights, sizes.weights);
    const std::size_t numbers = sizes.all();
    sweep.coupled_numbers = std::max(sweep.coupled_numbers, numbers);
    if (numbers <= kMaxNetworkNumbers) continue;
    throw UsageError("model: a network of " + sweep.describe(i) + " takes " +
                     std::to_string(numbers) + " numbers, more than " +
                     std::to_string(kMaxNetworkNumbers) + ": use smaller networks");
  }
}

/// A number as TOML knows it, which is not .1, 1. or 01; other items as they are.
std::string toml_number(const std::string& item) {
  const auto digit = [&item](std::size_t i) {
    return i < item.size() && item[i] >= '0' && item[i] <= '9';
  };
  const std::size_t first = item.find_first_not_of("+-"), dot = item.find('.');
  const bool known = first != std::string::npos && digit(first) &&
                     (item[first] != '0' || !digit(first + 1)) &&
                     (dot == std::string::npos || digit(dot + 1));
  if (known) return item;
  try {
    return format_number(parse_number("", item));
  } catch (const UsageError&) {
    return item;
  }
}

} // namespace

Sweep Sweep::from_settings(const Settings& given) {
  Sweep sweep;
  const auto model = given.find("model");
  if (model != given.end() && model->second.size() == 1) sweep.model = model->second.front();
  const ModelInfo& info = model_named(sweep.model);
  for (const auto& [name, items] : given) require_known_key(sweep.model, name);
  sweep.settings = given;
  for (const Key& key : info.keys) {
    auto& items =
        sweep.settings.try_emplace(std::string(key.name), split_items(key.fallback)).first->second;
    if (!key.axis) continue;
    for (std::string& item : items) item = toml_number(item);
  }
  const KeyReader reader(sweep.settings);
  sweep.model = reader.one("model");
  read_common_keys(reader, sweep);
  if (info.make) {
    sweep.coupled_axes = read_axes(info.keys, reader);
    sweep.coupled = info.make(reader, sweep.coupled_axes);
    check_size(sweep);
    measure_networks(sweep);
  } else {
    read_ssam_keys(reader, sweep);
    check_size(sweep);
    check_coordinates(sweep);
    check_magnitudes(sweep);
  }
  return sweep;
}

std::string Sweep::text() const {
  std::string text;
  for (const Key& key : keys_of(model)) {
    const std::vector<std::string>& items = settings.at(std::string(key.name));
    if (!items.empty()) text += sweep_file_line(key, items);
  }
  return text;
}

namespace {

std::vector<Axis> ssam_axes(const Sweep& sweep) {
  std::vector<Axis> axes(5);
  axes[0] = {"depth", {sweep.depth.begin(), sweep.depth.end()}, {}, "number of layers L"};
  axes[1] = {"init", {}, {}, "how the weights start"};
  for (std::size_t i = 0; i < sweep.init.size(); ++i) {
    axes[1].values.push_back(static_cast<double>(i));
    axes[1].words.push_back(format_init(sweep.init[i]));
  }
  const bool scaled = sweep.step_size_unit == Unit::relative;
  const bool relative = sweep.target_unit == Unit::relative;
  axes[2] = {"step_size",
             sweep.step_size,
             {},
             scaled ? "scaled step size alpha eta^(2L-2)" : "step size alpha"};
  axes[3] = {"eta", sweep.eta, {}, "standard deviation eta of the parameter noise"};
  axes[4] = {"target",
             sweep.target,
             {},
             relative ? "target w* in units of the existence threshold" : "target w*"};
  return axes;
}

const std::vector<OrderParameterInfo>& ssam_order_parameters() {
  static const std::vector<OrderParameterInfo> list = {
      {"shrinkage", "1", "shrinkage lambda = (p sign(w*) / |w*|)^(1/L)"},
      {"product", "1", "product p = w_1 ... w_L, averaged over the tail of the run"},
      {"imbalance", "1", "imbalance, max over l of |w_l^2 - w_(l+1)^2|"},
      {"loss", "1", "loss (w* - p)^2 at the final weights"},
      {"average_sharpness", "1", "average sharpness prod (w_l^2 + eta^2) - prod w_l^2"},
      {"hessian_trace", "1", "Hessian trace, sum over l of 2 prod_(m!=l) w_m^2"},
  };
  return list;
}

template <class T>
std::vector<T> chosen(const std::vector<T>& values, const std::vector<std::size_t>& kept) {
  std::vector<T> list;
  list.reserve(kept.size());
  for (const std::size_t i : kept) list.push_back(values[i]);
  return list;
}

} // namespace

std::vector<std::size_t> Sweep::indices(const std::vector<Axis>& axes, std::size_t index) {
  std::vector<std::size_t> at(axes.size());
  for (std::size_t i = axes.size(); i-- > 0;) {
    at[i] = index % axes[i].values.size();
    index /= axes[i].values.size();
  }
  return at;
}

std::vector<Axis> Sweep::axes() const { return coupled ? coupled_axes : ssam_axes(*this); }

std::vector<OrderParameterInfo> Sweep::order_parameters() const {
  return coupled ? coupled->order_parameters() : ssam_order_parameters();
}

std::size_t Sweep::outcome_size() const {
  if (!coupled) return ssam::kOrderParameters;
  std::size_t count = 0;
  for (const OrderParameterInfo& info : coupled->order_parameters()) count += info.count;
  return count;
}

Sweep Sweep::part(const std::vector<std::vector<std::size_t>>& kept) const {
  Sweep sweep = *this;
  const std::vector<Axis> all = axes();
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<std::string>& items = sweep.settings[all[i].name];
    items.clear();
    for (const std::size_t k : kept[i]) {
      items.push_back(all[i].words.empty() ? format_number(all[i].values[k]) : all[i].words[k]);
    }
    if (!coupled) continue;
    sweep.coupled_axes[i].values = chosen(all[i].values, kept[i]);
    if (!all[i].words.empty()) sweep.coupled_axes[i].words = chosen(all[i].words, kept[i]);
  }
  if (coupled) {
    measure_networks(sweep);
    return sweep;
  }
  sweep.depth = chosen(depth, kept[0]);
  sweep.init = chosen(init, kept[1]);
  sweep.step_size = chosen(step_size, kept[2]);
  sweep.eta = chosen(eta, kept[3]);
  sweep.target = chosen(target, kept[4]);
  return sweep;
}

std::string Sweep::describe(std::size_t cell) const {
  const std::vector<Axis> all = axes();
  const std::vector<std::size_t> index = indices(all, cell);
  std::string text;
  for (std::size_t i = 0; i < all.size(); ++i) {
    text +=
        (i == 0 ? "" : ", ") + all[i].name + " " +
        (all[i].words.empty() ? format_number(all[i].values[index[i]]) : all[i].words[index[i]]);
  }
  return text;
}

std::size_t Sweep::configurations() const {
  std::size_t count = 1;
  if (coupled) {
    for (const Axis& axis : coupled_axes) count *= axis.values.size();
    return count;
  }
  return depth.size() * configurations_per_group();
}
std::size_t Sweep::configurations_per_group() const {
  return coupled ? configurations() : init.size() * step_size.size() * eta.size();
}
std::uint64_t Sweep::networks() const { return std::uint64_t{configurations()} * seeds; }

std::size_t Sweep::weights(std::size_t index) const {
  if (!coupled) return static_cast<std::size_t>(depth[index / configurations_per_group()]);
  return with_point(
      index, [&](const Point& point) { return coupled->sizes(coupled->shape(point)).weights; });
}

std::size_t Sweep::most_weights() const {
  return coupled ? coupled_weights
                 : static_cast<std::size_t>(*std::max_element(depth.begin(), depth.end()));
}

double Sweep::updates() const {
  double all = 0;
  if (coupled) {
    for (std::size_t i = 0; i < configurations(); ++i) all += static_cast<double>(weights(i));
    return all * seeds * static_cast<double>(steps);
  }
  for (const int d : depth) all += d;
  return all * static_cast<double>(configurations_per_group()) *
         static_cast<double>(target.size()) * seeds * static_cast<double>(steps);
}

std::uint64_t Sweep::noise_key(std::size_t index) const {
  if (!coupled) return configuration(index).key;
  if (noise_streams == NoiseStreams::shared) return base_seed;
  // The values of the configuration name its noise, never its place in the grid.
  const std::vector<std::size_t> at = indices(coupled_axes, index);
  std::uint64_t digest = 0;
  for (std::size_t i = 0; i < at.size(); ++i) {
    digest = mix64(digest ^ as_bits(coupled_axes[i].values[at[i]]));
  }
  return independent_key(base_seed, digest);
}

Configuration Sweep::configuration(std::size_t index) const {
  Configuration c;
  c.eta = eta[index % eta.size()];
  index /= eta.size();
  c.step_size = step_size[index % step_size.size()];
  index /= step_size.size();
  c.init = init[index % init.size()];
  c.depth = depth[index / init.size()];
  c.alpha = step_size_unit == Unit::relative ? c.step_size / portable::power(c.eta, 2 * c.depth - 2)
                                             : c.step_size;
  c.key = base_seed;
  if (noise_streams == NoiseStreams::independent) {
    // The values of the configuration name its noise, never its place in the grid.
    std::uint64_t digest = mix64(static_cast<std::uint64_t>(c.depth));
    digest = mix64(digest ^ static_cast<std::uint64_t>(c.init.kind));
    for (const double value : {c.init.scale, c.init.ratio, c.step_size, c.eta}) {
      digest = mix64(digest ^ as_bits(value));
    }
    c.key = independent_key(base_seed, digest);
  }
  return c;
}

double Sweep::target_value(int depth_value, double eta_value, std::size_t target_index) const {
  const double value = target[target_index];
  if (target_unit == Unit::absolute) return value;
  return value * ssam::theory::existence_threshold(eta_value, depth_value);
}

std::uint64_t Sweep::first_tail_step() const {
  const double tail = std::floor(tail_average * static_cast<double>(steps));
  return steps - static_cast<std::uint64_t>(tail);
}

std::vector<std::uint64_t> Sweep::record_steps() const {
  std::vector<std::uint64_t> times;
  const double log_steps = portable::log(static_cast<double>(steps));
  for (std::uint32_t i = 0; i < record; ++i) {
    const double fraction = record == 1 ? 1 : static_cast<double>(i) / (record - 1);
    auto time = static_cast<std::uint64_t>(std::floor(portable::exp(fraction * log_steps) + 0.5));
    if (!times.empty()) time = std::max(time, times.back() + 1);
    // Leave room for the times still to come.
    times.push_back(std::min(time, steps - (record - 1 - i)));
  }
  return times;
}

} // namespace sharpsweep
