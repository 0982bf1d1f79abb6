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
#include "sharpsweep/sweep/results.hpp"
#include "sharpsweep/theory/ssam.hpp"

namespace sharpsweep {
namespace {

/// Reads keys one by one. Numbers are put back as the shortest text that says the same: settings
/// are equal just when they mean the same.
class Reader {
public:
  explicit Reader(Settings& settings) : settings_(settings) {}

  const std::vector<std::string>& list(std::string_view key) const {
    const auto& items = settings_.at(std::string(key));
    if (items.empty()) throw UsageError(std::string(key) + ": the list is empty");
    return items;
  }
  const std::string& one(std::string_view key) const {
    const auto& items = list(key);
    if (items.size() != 1) {
      throw UsageError(std::string(key) + ": takes one value, not a list of " +
                       std::to_string(items.size()));
    }
    return items.front();
  }
  double number(std::string_view key) const {
    const double value = parse_number(key, one(key)) + 0.0; // -0 is 0
    put(key, format_number(value));
    return value;
  }
  std::uint64_t integer(std::string_view key, std::uint64_t low, std::uint64_t high) const {
    const std::uint64_t value = parse_integer(key, one(key), low, high);
    put(key, std::to_string(value));
    return value;
  }
  void put(std::string_view key, const std::string& text) const {
    settings_.at(std::string(key)) = {text};
  }
  /// The position of the value among the choices.
  template <std::size_t N>
  std::size_t choice(std::string_view key, const std::array<std::string_view, N>& choices) const {
    return choice_of(key, one(key), choices);
  }
  template <std::size_t N>
  static std::size_t choice_of(std::string_view key, std::string_view text,
                               const std::array<std::string_view, N>& choices) {
    const auto found = std::find(choices.begin(), choices.end(), text);
    if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
    std::string known;
    for (const auto c : choices) known += (known.empty() ? "" : " or ") + std::string(c);
    const std::string near = nearest_name(text, choices);
    throw UsageError(std::string(key) + ": '" + std::string(text) + "' is not " + known +
                     (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }

private:
  Settings& settings_;
};

Schedule parse_schedule(std::string_view text) {
  constexpr std::array<std::string_view, 3> kNames = {"constant", "robbins_monro", "power"};
  const Call call = parse_call("schedule", text);
  Schedule schedule;
  const std::size_t kind = Reader::choice_of("schedule", call.name, kNames);
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

double number_between(const Reader& reader, std::string_view key, double low, double high,
                      bool exclusive) {
  const double value = reader.number(key);
  const bool inside = exclusive ? value > low && value < high : value >= low && value <= high;
  if (!inside) {
    throw UsageError(std::string(key) + ": " + format_number(value) + " has to lie " +
                     (exclusive ? "strictly between " : "between ") + format_number(low) + " and " +
                     format_number(high));
  }
  return value;
}

/// Cells are counted in 64 bits; long before that ends, so does every machine's memory.
void check_size(const Sweep& sweep) {
  constexpr double kMostCells = 0x1p48;
  double cells = 1;
  for (const std::size_t extent : {sweep.depth.size(), sweep.init.size(), sweep.step_size.size(),
                                   sweep.eta.size(), sweep.target.size()}) {
    cells *= static_cast<double>(extent);
  }
  if (cells <= kMostCells) return;
  char sizes[96];
  std::snprintf(sizes, sizeof sizes, "%.3g cells need more than %.3g GiB", cells,
                cells * sizeof(CellState) / 0x1p30);
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

Sweep Sweep::from_settings(const Settings& given) {
  Sweep sweep;
  const auto model = given.find("model");
  if (model != given.end() && model->second.size() == 1) sweep.model = model->second.front();
  for (const auto& [name, items] : given) require_known_key(sweep.model, name);
  sweep.settings = given;
  for (const Key& key : keys_of(sweep.model)) {
    sweep.settings.try_emplace(std::string(key.name), split_items(key.fallback));
  }
  const Reader reader(sweep.settings);

  sweep.model = reader.one("model");
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
  constexpr std::array<std::string_view, 2> kStreams = {"shared", "independent"};
  constexpr std::array<std::string_view, 3> kSaves = {"mean", "seeds", "weights"};
  constexpr std::array<std::string_view, 2> kPrecisions = {"f32", "f64"};
  sweep.step_size = parse_axis("step_size", reader.list("step_size"));
  sweep.step_size_unit = static_cast<Unit>(reader.choice("step_size_unit", kStepUnits));
  sweep.schedule = parse_schedule(reader.one("schedule"));
  reader.put("schedule", format_schedule(sweep.schedule));
  sweep.eta = parse_axis("eta", reader.list("eta"));
  sweep.target = parse_axis("target", reader.list("target"));
  sweep.target_unit = static_cast<Unit>(reader.choice("target_unit", kTargetUnits));
  sweep.noise = static_cast<Noise>(reader.choice("noise", kNoises));
  sweep.seeds = static_cast<std::uint32_t>(reader.integer("seeds", 1, kSeedLimit));
  sweep.first_seed = static_cast<std::uint32_t>(reader.integer("first_seed", 0, kSeedLimit - 1));
  sweep.base_seed = reader.integer("base_seed", 0, ~std::uint64_t{0});
  sweep.noise_streams = static_cast<NoiseStreams>(reader.choice("noise_streams", kStreams));
  sweep.steps = reader.integer("steps", 1, 1000000000000u);
  sweep.projection_radius = reader.number("projection_radius");
  sweep.tail_average = number_between(reader, "tail_average", 0, 1, false);
  sweep.survival_level = number_between(reader, "survival_level", 0, 1, true);
  sweep.record = static_cast<std::uint32_t>(reader.integer("record", 0, 100000));
  sweep.save = static_cast<Save>(reader.choice("save", kSaves));
  sweep.precision = static_cast<Precision>(reader.choice("precision", kPrecisions));

  require_positive("step_size", sweep.step_size);
  require_positive("eta", sweep.eta);
  if (std::uint64_t{sweep.first_seed} + sweep.seeds > kSeedLimit) {
    throw UsageError("seeds: seed numbers end at " + std::to_string(kSeedLimit - 1) +
                     ", but first_seed + seeds goes beyond");
  }
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
  if (sweep.record > sweep.steps) {
    throw UsageError("record: " + std::to_string(sweep.record) + " times do not fit into " +
                     std::to_string(sweep.steps) + " steps");
  }
  check_size(sweep);
  check_coordinates(sweep);
  check_magnitudes(sweep);
  return sweep;
}

std::string Sweep::text() const {
  std::string text;
  for (const Key& key : keys_of(model)) {
    text += sweep_file_line(key, settings.at(std::string(key.name)));
  }
  return text;
}

std::size_t Sweep::configurations_per_depth() const {
  return init.size() * step_size.size() * eta.size();
}
std::size_t Sweep::configurations() const { return depth.size() * configurations_per_depth(); }
std::uint64_t Sweep::networks() const { return std::uint64_t{configurations()} * seeds; }

double Sweep::updates() const {
  double layers = 0;
  for (const int d : depth) layers += d;
  return layers * static_cast<double>(configurations_per_depth()) *
         static_cast<double>(target.size()) * seeds * static_cast<double>(steps);
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
