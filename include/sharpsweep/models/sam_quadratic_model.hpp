/// \file
/// The model `sam_quadratic`: what a sweep file says of it, its networks and its predictions. The
/// recursions and their source are in sam_quadratic.hpp, the theory in theory/sam_quadratic.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sharpsweep/models/sam_quadratic_training.hpp"
#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/streams.hpp"
#include "sharpsweep/sweep/key_reader.hpp"
#include "sharpsweep/theory/sam_quadratic.hpp"

namespace sharpsweep::sam_quadratic {

/// What a sweep file says of sam_quadratic.
class Model {
public:
  static constexpr std::string_view name = "sam_quadratic";
  static constexpr std::string_view title = "Phase diagram of SAM on quadratics";
  static constexpr std::string_view reference =
      "P. Bartlett, P. Long, O. Bousquet, arXiv 2210.01513 (2023)";
  static constexpr std::string_view summary =
      "SAM's 2-cycle on quadratics and its drift along valleys (arXiv 2210.01513)";

  static std::span<const Key> keys() {
    static constexpr std::array table = {
        Key{"model", "NAME", name, "the dynamics"},
        Key{"landscape", "quadratic | valley | product | competing", "quadratic",
            "f = sum lambda_i w_i^2 / 2, (1+v^2) u^2 / 2, (ab-y)^2 / 2, or "
            "((2+v) u_1^2 + (2-v) u_2^2) / 2"},
        Key{"arithmetic", "LIST of log | plain", "",
            "quadratic, competing: steps in ln|w_i| and signs (log, the default), or in w_i: what "
            "wins dips by hundreds of nats first, where plain numbers lose it and end on a wrong "
            "axis",
            true, kArithmetics},
        Key{"spectrum", "LIST of numbers > 0", "",
            "quadratic: the eigenvalues lambda_i, largest first, at most 64 (default 1, 0.5)"},
        Key{"condition", "AXIS > 1", "",
            "quadratic: condition number kappa; the last eigenvalue becomes lambda_1 / kappa",
            true},
        Key{"lambda_2", "AXIS > 0", "", "quadratic: takes the place of the second eigenvalue",
            true},
        Key{"start", "ones(s) | gaussian(s)", "",
            "quadratic: every w_i = s, or N(0,s^2) (default ones(1))"},
        Key{"y", "AXIS", "", "product: the target y (default 1)", true},
        Key{"imbalance_0", "AXIS", "",
            "product: a^2 - b^2 on the valley's floor at the start (default 1)", true},
        Key{"v_0", "AXIS", "", "valley, competing: v at the start (default 0.5)", true},
        Key{"u_0", "AXIS != 0", "",
            "valley, product, competing: distance from the valley's floor at the start (default: "
            "that of the 2-cycle)",
            true},
        Key{"weaker", "AXIS in (0,1)", "", "competing: u_2 / u_1 at the start (default 0.01)",
            true},
        Key{"step_size", "AXIS > 0", "0.4", "step size eta", true},
        Key{"rho", "AXIS > 0", "0.01", "SAM radius rho", true},
        common_key::with_default(common_key::seeds, "1"),
        common_key::first_seed,
        common_key::base_seed,
        common_key::steps,
        common_key::record,
        common_key::save,
        common_key::with_default(common_key::precision, "f64"),
    };
    return table;
  }

  Model(const KeyReader& keys, std::span<const Axis> axes);

  std::vector<OrderParameterInfo> order_parameters() const;
  std::vector<OrderParameterInfo> predictions() const;

  Shape shape(const Point& at) const {
    Shape shape;
    shape.word[0] = static_cast<std::int32_t>(landscape_);
    shape.word[1] = static_cast<std::int32_t>(arithmetic(at));
    shape.word[2] = static_cast<std::int32_t>(spectrum_.size());
    return shape;
  }
  static SHARPSWEEP_INLINE Sizes sizes(const Shape& shape) {
    const detail::Layout layout(shape);
    return {static_cast<std::size_t>(layout.constants), static_cast<std::size_t>(layout.state()),
            static_cast<std::size_t>(layout.weights), 0};
  }

  /// The shapes that wide tiles train.
  static SHARPSWEEP_INLINE bool few_numbers(const Shape& shape) {
    const detail::Layout layout(shape);
    const bool logs = layout.arithmetic == Arithmetic::log;
    return logs ? layout.weights == 2 : layout.weights <= 4;
  }

  /// False on a small landscape that has no 2-cycle to start on: eta lambda >= 2, or a = b = 0.
  bool start(const Point& at, NoiseKey noise, double* constants, double* state) const;

  template <class R>
  static SHARPSWEEP_INLINE void advance(const Shape& shape, const Steps& steps, const NoiseLanes&,
                                        const R* constants, R* state, R* /*work*/) {
    sam_quadratic::advance(shape, steps, constants, state);
  }

  bool observe(const Point& at, std::uint64_t step, const double* constants, const double* state,
               double* values) const;
  void predict(const Point& at, double* values) const;

private:
  /// Where a network of a small landscape starts: a point on the floor of its valley, and how far
  /// from it.
  struct Floor {
    double x, y;      ///< u = 0 and v, or a and b
    double curvature; ///< lambda
    double distance;  ///< along the steepest direction
  };
  /// What a small landscape does in a time: v, or D of the product, before any exit.
  double slow_position(const Point& at, double steps) const;
  /// The sum of 2 eta rho^2 / (2 - eta lambda)^2 over the steps that lead to a position.
  double slow_time(const Point& at, double position) const;
  double curvature_at(const Point& at, double position) const;

  static double value_or(const Point& at, std::string_view axis, double otherwise) {
    const double value = at[axis];
    return value == value ? value : otherwise;
  }
  Arithmetic arithmetic(const Point& at) const {
    if (landscape_ == Landscape::valley || landscape_ == Landscape::product) {
      return Arithmetic::plain;
    }
    return static_cast<Arithmetic>(static_cast<std::int32_t>(value_or(at, "arithmetic", 0)));
  }
  std::vector<double> spectrum(const Point& at) const;
  Floor floor(const Point& at) const;
  std::array<double, 2> off_floor(const Floor& floor) const;
  double log_of(double weight, double lambda) const {
    return single_ ? log_gradient(static_cast<float>(weight), lambda)
                   : log_gradient(weight, lambda);
  }

  void read_quadratic(const KeyReader& keys);
  void require_axes(std::span<const Axis> axes) const;
  void start_quadratic(const Point& at, NoiseKey noise, double* constants, double* state) const;
  bool observe_quadratic(const Point& at, std::uint64_t step, const double* state,
                         double* values) const;
  void predict_quadratic(const Point& at, double* values) const;

  Landscape landscape_;
  std::vector<double> spectrum_; ///< before lambda_2 and condition; empty on a small landscape
  bool gaussian_ = false;
  double scale_ = 1;
  bool single_ = false;
  std::uint64_t steps_ = 0;
};

namespace detail {

/// The keys that go with some landscapes alone.
struct OwnKey {
  std::string_view name;
  std::array<bool, 4> of; ///< in the order of kLandscapes
};
inline constexpr OwnKey kOwnKeys[] = {
    {"arithmetic", {true, false, false, true}},   {"spectrum", {true, false, false, false}},
    {"condition", {true, false, false, false}},   {"lambda_2", {true, false, false, false}},
    {"start", {true, false, false, false}},       {"y", {false, false, true, false}},
    {"imbalance_0", {false, false, true, false}}, {"v_0", {false, true, false, true}},
    {"u_0", {false, true, true, true}},           {"weaker", {false, false, false, true}},
};

inline void require_own_keys(const KeyReader& keys, Landscape landscape) {
  for (const OwnKey& key : kOwnKeys) {
    if (key.of[static_cast<std::size_t>(landscape)] || keys.items(key.name).empty()) continue;
    std::string owners;
    for (std::size_t i = 0; i < key.of.size(); ++i) {
      if (key.of[i]) owners += (owners.empty() ? "" : " or ") + std::string(kLandscapes[i]);
    }
    throw UsageError(std::string(key.name) + ": goes with landscape = " + owners + ", not with " +
                     std::string(kLandscapes[static_cast<std::size_t>(landscape)]));
  }
}

/// Throws where a value of an axis, if there is such an axis, is not in (low, high).
inline void require_between(std::span<const Axis> axes, std::string_view name, double low,
                            double high, const std::string& what) {
  for (const Axis& axis : axes) {
    if (axis.name != name) continue;
    for (const double value : axis.values) {
      if (value > low && value < high) continue;
      throw UsageError(axis.name + ": " + format_number(value) + " has to be " + what);
    }
  }
}

/// ln |x|; NaN unless x is finite and not 0.
inline double log_magnitude(double x) {
  return x != 0 && is_finite(x) ? portable::log(absolute(x)) : kNone;
}

} // namespace detail

inline Model::Model(const KeyReader& keys, std::span<const Axis> axes)
    : landscape_(static_cast<Landscape>(keys.choice("landscape", kLandscapes))) {
  detail::require_own_keys(keys, landscape_);
  constexpr std::string_view precisions[] = {"f32", "f64"};
  single_ = keys.choice("precision", precisions) == 0;
  steps_ = keys.integer("steps", 1, 1000000000000);
  if (landscape_ == Landscape::quadratic) read_quadratic(keys);
  require_axes(axes);
}

inline void Model::read_quadratic(const KeyReader& keys) {
  if (single_ && steps_ > kMaxSingleSteps) {
    throw UsageError("steps: " + std::to_string(steps_) + " is more than precision = f32 counts, " +
                     std::to_string(kMaxSingleSteps) + "; use f64");
  }
  if (keys.items("spectrum").empty()) keys.put("spectrum", std::vector<std::string>{"1", "0.5"});
  std::vector<std::string> numbers;
  for (const std::string& item : keys.list("spectrum")) {
    for (const double lambda : parse_axis("spectrum", std::span(&item, 1))) {
      numbers.push_back(format_number(lambda));
      if (!(lambda > 0)) throw UsageError("spectrum: " + numbers.back() + " has to be above 0");
      if (!spectrum_.empty() && lambda > spectrum_.back()) {
        throw UsageError("spectrum: " + numbers.back() + " comes after " +
                         format_number(spectrum_.back()) + "; write the largest first");
      }
      if (!spectrum_.empty() && lambda == spectrum_.back()) {
        throw UsageError("spectrum: " + numbers.back() +
                         " stands twice; equal eigenvalues move as one coordinate: keep one");
      }
      spectrum_.push_back(lambda);
    }
  }
  if (spectrum_.size() > static_cast<std::size_t>(kMaxCoordinates)) {
    throw UsageError("spectrum: has " + std::to_string(spectrum_.size()) +
                     " eigenvalues; at most " + std::to_string(kMaxCoordinates) + " are possible");
  }
  keys.put("spectrum", std::move(numbers));

  if (keys.items("start").empty()) keys.put("start", "ones(1)");
  const std::string& text = keys.one("start");
  const Call call = parse_call("start", text);
  constexpr std::string_view forms[] = {"ones", "gaussian"};
  gaussian_ = KeyReader::choice_of("start", call.name, forms) == 1;
  if (call.arguments.size() != 1) {
    throw UsageError("start: '" + text + "' needs one number: " + call.name + "(s)");
  }
  scale_ = parse_number("start", call.arguments[0]);
  if (!(scale_ > 0)) throw UsageError("start: '" + text + "' needs a number above 0");
  keys.put("start", call.name + "(" + format_number(scale_) + ")");
}

inline void Model::require_axes(std::span<const Axis> axes) const {
  constexpr double infinity = theory::kInfinity;
  detail::require_between(axes, "step_size", 0, infinity, "above 0");
  detail::require_between(axes, "rho", 0, infinity, "above 0");
  detail::require_between(axes, "weaker", 0, 1, "between 0 and 1");
  if (landscape_ == Landscape::competing) {
    detail::require_between(axes, "v_0", -2, 2, "between -2 and 2");
  }
  const auto named = [&](std::string_view name) {
    return std::find_if(axes.begin(), axes.end(), [=](const Axis& a) { return a.name == name; });
  };
  if (const auto u_0 = named("u_0"); u_0 != axes.end()) {
    for (const double u : u_0->values) {
      if (u == 0) throw UsageError("u_0: 0 is on the valley's floor, where nothing moves");
    }
  }
  const bool condition = named("condition") != axes.end();
  const bool second = named("lambda_2") != axes.end();
  const std::size_t d = spectrum_.size();
  if ((condition || second) && d < 2) {
    throw UsageError(std::string(condition ? "condition" : "lambda_2") +
                     ": needs a spectrum of two or more eigenvalues");
  }
  if (condition && second && d == 2) {
    throw UsageError("lambda_2: of two eigenvalues condition already sets the second");
  }
  if (condition) {
    // lambda_2 may be what the last eigenvalue has to stay below.
    const double above = second && d == 3 ? *std::min_element(named("lambda_2")->values.begin(),
                                                              named("lambda_2")->values.end())
                                          : spectrum_[d - 2];
    const double least = spectrum_[0] / above;
    detail::require_between(axes, "condition", least, infinity, "above " + format_number(least));
  }
  if (second) {
    const double below = d == 2 || (condition && d == 3) ? 0 : spectrum_[2];
    detail::require_between(axes, "lambda_2", below, spectrum_[0],
                            "between the eigenvalues beside it, " + format_number(below) + " and " +
                                format_number(spectrum_[0]));
  }
}

inline std::vector<OrderParameterInfo> Model::order_parameters() const {
  if (landscape_ == Landscape::quadratic) {
    return {{"winner", "1", "coordinate i of the largest |w_i|, counted from 1"},
            {"amplitude", "1", "|w_1|"},
            {"alignment", "1", "share v_1^2 / G^2 of the gradient v"},
            {"gradient_norm", "1", "gradient norm G"},
            {"potential", "1", "potential J = sum lambda_i^2 w_i^2 / (2 beta_i) - G"},
            {"late_slope", "1/step",
             "largest slope of ln|v_j| over the last tenth of the run, of all but the winner"},
            {"hitting_step", "step", "first step with G inside the absorbing ball"},
            {"dip", "1", "least ln|v_1| along the run"}};
  }
  const bool product = landscape_ == Landscape::product;
  const bool competing = landscape_ == Landscape::competing;
  const std::string position = product ? "imbalance" : "v";
  const std::string meaning = product ? "imbalance D = a^2 - b^2" : "position v along the valley";
  const std::string drifting = competing ? "v" : product ? "ln|D|" : "ln|v|";
  std::vector<OrderParameterInfo> list = {
      {position, "1", meaning},
      {"curvature", "1", "largest Hessian eigenvalue on the valley's floor"},
      {"amplitude", "1",
       std::string("distance from the valley's floor") +
           (product ? "; the cycle's two points lie a few per cent to either side of the prediction"
                    : "")},
      {"drift", "1/step",
       "change of " + drifting + " a step, over the last tenth of the run; NaN for ln 0"}};
  if (competing) {
    list.push_back({"excited", "1", "direction i of the larger |u_i|"});
    list.push_back({"exit", "1", "v at which |u_2| first exceeds |u_1|"});
  }
  return list;
}

inline std::vector<OrderParameterInfo> Model::predictions() const {
  if (landscape_ == Landscape::quadratic) {
    return {{"local_rate", "1", "factor a step by which a network nears the 2-cycle along w_1"},
            {"superstable_ratio", "1", "lambda_j / lambda_1 at which coordinate j decays at once"},
            {"convergence_steps", "step",
             "estimated steps from start = ones until 1e-6 of the 2-cycle along w_1"}};
  }
  return {{"slow_time", "1",
           "time of gradient flow on the curvature: 2 eta rho^2 / (2 - eta lambda)^2 summed"}};
}

inline std::vector<double> Model::spectrum(const Point& at) const {
  std::vector<double> lambda = spectrum_;
  if (at.has("lambda_2")) lambda[1] = at["lambda_2"];
  if (at.has("condition")) lambda.back() = lambda[0] / at["condition"];
  return lambda;
}

inline Model::Floor Model::floor(const Point& at) const {
  Floor result{};
  if (landscape_ == Landscape::product) {
    const double y = value_or(at, "y", 1), d = value_or(at, "imbalance_0", 1);
    result.curvature = product_curvature(d, y);
    // Of a and b the larger is free of cancellation.
    const double larger = square_root(0.5 * (result.curvature + absolute(d)));
    const double smaller = larger > 0 ? y / larger : 0;
    result.x = d < 0 ? smaller : larger;
    result.y = d < 0 ? larger : smaller;
  } else {
    result.y = value_or(at, "v_0", 0.5);
    result.curvature = curvature_at(at, result.y);
  }
  result.distance =
      value_or(at, "u_0", theory::cycle_amplitude(at["step_size"], at["rho"], result.curvature));
  return result;
}

/// The two numbers of the valley's or the product's start.
inline std::array<double, 2> Model::off_floor(const Floor& floor) const {
  if (landscape_ != Landscape::product) return {floor.distance, floor.y};
  const double along = floor.distance / square_root(floor.curvature);
  return {floor.x + along * floor.y, floor.y + along * floor.x};
}

inline bool Model::start(const Point& at, NoiseKey noise, double* constants, double* state) const {
  const detail::Layout layout(shape(at));
  if (landscape_ == Landscape::quadratic) {
    start_quadratic(at, noise, constants, state);
  } else {
    const Floor from = floor(at);
    if (!(from.curvature > 0) || !is_finite(from.distance)) return false;
    constants[0] = at["step_size"];
    constants[1] = at["rho"];
    if (landscape_ == Landscape::product) constants[2] = value_or(at, "y", 1);
    const std::array<double, 2> first = off_floor(from);
    state[0] = first[0];
    state[1] = first[1];
    if (landscape_ == Landscape::competing) {
      state[1] = from.distance * value_or(at, "weaker", 0.01);
      state[2] = from.y;
      state[3] = kNever;
      if (layout.arithmetic == Arithmetic::log) {
        for (int i = 0; i < 2; ++i) {
          state[4 + i] = copy_sign(1.0, state[i]);
          state[i] = log_gradient(state[i], 1);
        }
      }
    }
  }
  for (int i = 0; i < layout.weights; ++i) state[layout.earlier() + i] = state[i];
  return true;
}

inline void Model::start_quadratic(const Point& at, NoiseKey noise, double* constants,
                                   double* state) const {
  const std::vector<double> lambda = spectrum(at);
  const std::size_t d = lambda.size();
  const double eta = at["step_size"], rho = at["rho"];
  const bool logs = arithmetic(at) == Arithmetic::log;
  const double radius = theory::absorbing_radius(eta, rho, lambda[0]);
  if (logs) {
    constants[0] = radius > 0 ? 1 / radius : theory::kInfinity;
  } else {
    constants[0] = eta;
    constants[1] = rho;
    constants[2] = radius > 0 ? radius : 0;
  }
  for (std::size_t i = 0; i < d; ++i) {
    double w = scale_;
    if (gaussian_) {
      // Normal number 0 of the coordinate.
      const PhiloxBlock block = stream_block(noise.key, 0, static_cast<std::uint32_t>(i),
                                             stream_word(Stream::initial, noise.seed));
      float first, second;
      normal_pair<float, std::uint32_t>(block.word[0], block.word[1], first, second);
      w *= static_cast<double>(first);
    }
    if (logs) {
      const Coefficients c = coefficients(eta, rho, lambda[i]);
      constants[1 + i] = c.decay;
      constants[1 + d + i] = c.pull;
      state[i] = log_gradient(w, lambda[i]);
      state[d + 2 + i] = copy_sign(1.0, w);
    } else {
      constants[3 + i] = lambda[i];
      state[i] = w;
    }
  }
  state[d] = logs ? state[0] : absolute(lambda[0] * state[0]);
  state[d + 1] = kNever;
}

inline bool Model::observe(const Point& at, std::uint64_t step, const double*, const double* state,
                           double* values) const {
  if (landscape_ == Landscape::quadratic) return observe_quadratic(at, step, state, values);
  const detail::Layout layout(shape(at));
  for (int i = 0; i < layout.weights; ++i) {
    if (!is_finite(state[i])) return false;
  }
  const double* const earlier = state + layout.earlier();
  const double interval = static_cast<double>(late_interval(steps_));
  const bool late = step == steps_ && interval > 0;
  const bool logs = layout.arithmetic == Arithmetic::log;
  double position = state[1], before = earlier[1];
  double amplitude = absolute(state[0]);
  if (landscape_ == Landscape::competing) {
    position = state[2];
    before = earlier[2];
    const double u[2] = {logs ? state[0] : absolute(state[0]),
                         logs ? state[1] : absolute(state[1])};
    const double larger = maximum(u[0], u[1]);
    amplitude = logs ? portable::exp(larger) : larger;
    values[4] = u[1] > u[0] ? 2 : 1;
    values[5] = state[3] < kNever ? state[3] : kNone;
  } else if (landscape_ == Landscape::product) {
    const double a = state[0], b = state[1];
    position = product_imbalance(a, b);
    before = product_imbalance(earlier[0], earlier[1]);
    amplitude = absolute(a * b - value_or(at, "y", 1)) / square_root(a * a + b * b);
  }
  values[0] = position;
  values[1] = curvature_at(at, position);
  values[2] = amplitude;
  values[3] = kNone;
  if (late) {
    const double change = landscape_ == Landscape::competing
                              ? position - before
                              : detail::log_magnitude(position) - detail::log_magnitude(before);
    values[3] = change / interval;
  }
  return is_finite(values[1]) && is_finite(amplitude);
}

inline bool Model::observe_quadratic(const Point& at, std::uint64_t step, const double* state,
                                     double* values) const {
  const detail::Layout layout(shape(at));
  const std::vector<double> lambda = spectrum(at);
  const bool logs = layout.arithmetic == Arithmetic::log;
  const int d = layout.coordinates;
  const double eta = at["step_size"], rho = at["rho"];
  double log_v[kMaxCoordinates] = {}, earlier[kMaxCoordinates] = {};
  for (int i = 0; i < d; ++i) {
    const double own = lambda[static_cast<std::size_t>(i)];
    const double before = state[layout.earlier() + i];
    log_v[i] = logs ? state[i] : log_of(state[i], own);
    earlier[i] = logs ? before : log_of(before, own);
  }
  double out[kOrderParameters];
  const double interval = static_cast<double>(late_interval(steps_));
  if (!sam_quadratic::order_parameters(log_v, earlier, interval, lambda.data(), d, eta, rho, out))
    return false;
  if (step != steps_ || interval == 0) out[late_slope] = kNone;
  const double followed = logs ? state[d] : log_of(state[d], 1);
  out[dip] = minimum(log_v[0], followed);
  out[hitting_step] = kNone;
  if (state[d + 1] < kNever) {
    out[hitting_step] = state[d + 1];
  } else if (out[gradient_norm] < theory::absorbing_radius(eta, rho, lambda[0])) {
    out[hitting_step] = static_cast<double>(step);
  }
  std::copy(out, out + kOrderParameters, values);
  return true;
}

inline void Model::predict(const Point& at, double* values) const {
  if (landscape_ == Landscape::quadratic) return predict_quadratic(at, values);
  const double eta = at["step_size"], rho = at["rho"];
  const double steps = static_cast<double>(steps_);
  const double interval = static_cast<double>(late_interval(steps_));
  const bool competing = landscape_ == Landscape::competing;
  double position = slow_position(at, steps), exit = kNone;
  if (competing) {
    const Floor from = floor(at);
    exit = theory::competing_exit(
        eta, rho, from.y,
        portable::log(value_or(at, "weaker", 0.01) * absolute(from.distance) /
                      theory::cycle_amplitude(eta, rho, from.curvature)));
    // The slow flow tells nothing beyond the exit: SAM leaves u_1 there.
    if (!(position > exit)) position = kNone;
  }
  const bool before_exit = position > exit;
  const double before = slow_position(at, steps - interval);
  const double change = competing ? position - before
                                  : detail::log_magnitude(position) - detail::log_magnitude(before);
  *values++ = position;
  *values++ = curvature_at(at, position);
  *values++ = theory::cycle_amplitude(eta, rho, curvature_at(at, position));
  *values++ = interval > 0 ? change / interval : kNone;
  if (competing) {
    *values++ = before_exit ? 1 : kNone;
    *values++ = !before_exit && exit > -2 ? exit : kNone;
  }
  *values = slow_time(at, position);
}

inline double Model::curvature_at(const Point& at, double position) const {
  switch (landscape_) {
  case Landscape::product:
    return product_curvature(position, value_or(at, "y", 1));
  case Landscape::competing:
    return competing_curvature(position);
  default:
    return valley_curvature(position);
  }
}

inline double Model::slow_position(const Point& at, double steps) const {
  const double eta = at["step_size"], rho = at["rho"];
  const Floor from = floor(at);
  if (!is_finite(from.distance)) return kNone;
  const std::array<double, 2> first = off_floor(from);
  switch (landscape_) {
  case Landscape::product:
    return theory::imbalance(eta, rho, product_imbalance(first[0], first[1]), value_or(at, "y", 1),
                             steps);
  case Landscape::competing:
    return theory::competing_position(eta, rho, from.y, steps);
  default:
    return theory::valley_position(eta, rho, from.y, steps);
  }
}

inline double Model::slow_time(const Point& at, double position) const {
  const double start = slow_position(at, 0);
  switch (landscape_) {
  case Landscape::product:
    return 0.25 * (detail::log_magnitude(start) - detail::log_magnitude(position));
  case Landscape::competing:
    return start - position;
  default:
    return 0.5 * (detail::log_magnitude(start) - detail::log_magnitude(position));
  }
}

inline void Model::predict_quadratic(const Point& at, double* values) const {
  const std::vector<double> lambda = spectrum(at);
  const std::size_t d = lambda.size();
  const double eta = at["step_size"], rho = at["rho"], a = eta * lambda[0];
  std::fill(values, values + kOrderParameters + 3, kNone);
  if (!(a < 2)) return;
  values[winner] = 1;
  values[amplitude] = theory::cycle_amplitude(eta, rho, lambda[0]);
  values[alignment] = 1;
  values[gradient_norm] = theory::cycle_gradient_norm(eta, rho, lambda[0]);
  values[potential] = theory::cycle_potential(eta, rho, lambda[0]);
  if (d > 1) {
    double factor = 0;
    for (std::size_t j = 1; j < d; ++j) {
      factor = maximum(absolute(theory::multiplier(eta, lambda[j], lambda[0])), factor);
    }
    values[late_slope] = detail::log_magnitude(factor);
  }
  double* const more = values + kOrderParameters;
  more[0] = theory::local_rate(eta, lambda);
  more[1] = theory::superstable_ratio(a);
  if (gaussian_) return; // what follows depends on the start
  if (d == 1) {
    values[hitting_step] = theory::axis_hit(eta, rho, lambda[0], lambda[0] * scale_);
    return;
  }
  const std::vector<double> ones(d, scale_);
  const theory::Descent in = theory::descent(eta, rho, lambda, ones);
  values[hitting_step] = in.hit;
  if (in.turn <= static_cast<double>(steps_)) values[dip] = in.dip;
  constexpr double tolerance = 1e-6;
  more[2] = theory::convergence_steps(eta, rho, lambda, scale_, in, tolerance);
}

} // namespace sharpsweep::sam_quadratic
