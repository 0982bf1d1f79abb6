/// \file
/// The model `sam_classification`: what a sweep file says of it, its networks and its predictions.
/// The recursion and its source are in sam_classification.hpp, the theory in
/// theory/sam_classification.hpp and theory/sam_classification_l2.hpp.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "host/analysis/max_margin.hpp"
#include "sharpsweep/models/network.hpp"
#include "sharpsweep/models/sam_classification.hpp"
#include "sharpsweep/sweep/key_reader.hpp"
#include "sharpsweep/theory/sam_classification_l2.hpp"

namespace sharpsweep::sam_classification {

/// A data set as `examples` writes it.
struct Examples {
  std::size_t coordinates = 0;
  std::vector<double> signed_examples; ///< y_i x_ij at [i * coordinates + j]
  std::size_t count() const { return signed_examples.size() / coordinates; }
};

/// "+(1,2)" or "-(0.5,1)": the label and the coordinates of an example, one item for each.
/// \param canonical  the same in shortest form
/// Throws UsageError for other labels than +-1, rows of different length, too large a data set, and
/// a coordinate that is zero in every example.
inline Examples parse_examples(std::string_view key, const std::vector<std::string>& items,
                               std::vector<std::string>& canonical) {
  const auto fail = [key](const std::string& sentence) {
    throw UsageError(std::string(key) + ": " + sentence);
  };
  Examples examples;
  for (const std::string& item : items) {
    const Call call = parse_call(key, item);
    const bool plus = call.name == "+" || call.name == "+1" || call.name == "1";
    const bool minus = call.name == "-" || call.name == "-1";
    if ((!plus && !minus) || call.arguments.empty()) {
      fail("'" + item + "' is not a label +1 or -1 with coordinates: write +(1,2) or -(0.5,1)");
    }
    if (canonical.empty()) examples.coordinates = call.arguments.size();
    if (call.arguments.size() != examples.coordinates) {
      fail("'" + item + "' has " + std::to_string(call.arguments.size()) +
           " coordinates, the first example " + std::to_string(examples.coordinates));
    }
    std::string text;
    for (const std::string& argument : call.arguments) {
      const double x = parse_number(key, argument) + 0.0; // -0 is 0
      examples.signed_examples.push_back(plus ? x : 0.0 - x);
      text += (text.empty() ? "" : ",") + format_number(x);
    }
    canonical.push_back((plus ? "+(" : "-(") + text + ")");
    if (examples.signed_examples.size() > kMaxNetworkNumbers) {
      fail("a data set has at most " + std::to_string(kMaxNetworkNumbers) + " numbers");
    }
  }
  for (std::size_t j = 0; j < examples.coordinates; ++j) {
    bool used = false;
    for (std::size_t i = 0; i < examples.count(); ++i) {
      used = used || examples.signed_examples[i * examples.coordinates + j] != 0;
    }
    if (!used) {
      fail("coordinate " + std::to_string(j + 1) + " is 0 in every example: leave it out");
    }
  }
  return examples;
}

/// What a sweep file says of sam_classification.
class Model {
public:
  static constexpr std::string_view name = "sam_classification";
  static constexpr std::string_view title =
      "Phase diagram of SAM on diagonal networks for classification";
  static constexpr std::string_view reference = "C. Moon, D. Si, C. Yun, arXiv 2603.08290 (2026)";
  static constexpr std::string_view summary =
      "GD, l_inf-SAM and l_2-SAM on diagonal networks with logistic loss (arXiv 2603.08290)";

  static std::span<const Key> keys() {
    static constexpr std::array<std::string_view, 3> rules{"gd", "linf", "l2"};
    static constexpr std::array<std::string_view, 2> clocks{"logistic", "rescaled"};
    constexpr auto own_scale = [](std::string_view key) {
      return Key{key, "AXIS != 0", "",
                 "scale of this coordinate's start, in place of alpha; below 0 its product starts "
                 "negative",
                 true};
    };
    static constexpr std::array table = {
        Key{"model", "NAME", name, "the dynamics"},
        Key{"depth", "LIST of 1..16", "2", "number of layers L", true},
        Key{"rule", "LIST of gd | linf | l2", "linf",
            "how a step goes up before it descends: not at all, by rho in l_inf, by rho in l_2",
            true, rules},
        Key{"clock", "LIST of logistic | rescaled", "rescaled",
            "rescaled: steps are divided by the mean of q_i, so that the vanishing loss does not "
            "slow them down; the path is the same",
            true, clocks},
        Key{"step_size", "AXIS > 0", "5e-4", "step size eta", true},
        Key{"rho", "AXIS >= 0", "1", "SAM radius rho", true},
        Key{"first_factor", "AXIS > 0", "1", "start of layer 1 in units of alpha", true},
        Key{"last_factor", "AXIS > 0", "1", "start of layer L > 1 in units of alpha", true},
        Key{"alpha", "AXIS > 0", "1", "scale of the start: weights of the layers between", true},
        own_scale("alpha_1"),
        own_scale("alpha_2"),
        own_scale("alpha_3"),
        own_scale("alpha_4"),
        own_scale("alpha_5"),
        own_scale("alpha_6"),
        own_scale("alpha_7"),
        own_scale("alpha_8"),
        Key{"kappa", "AXIS != 0", "",
            "mu_2 / mu_1: replaces the second coordinate of a single example of two", true},
        Key{"examples", "LIST of +(x_1,x_2,...) | -(x_1,x_2,...)", "+(1,2)",
            "label and coordinates of each example of a separable data set; a single example "
            "(mu,+1) has all the predictions"},
        Key{"data", "FILE", "",
            "a file of examples in place of the list, found from the working folder: CSV with rows "
            "label, x_1, x_2, ..., or HDF5 with X [n][d] and y [n]; at most 16384 numbers"},
        Key{"weight_limit", "NUMBER >= 0", "0",
            "a run ends where the l_2 norm of its weights reaches this; 0: 1e12 at L <= 2, 1e4 at "
            "L <= 8, 1e2 beyond"},
        common_key::with_default(common_key::seeds, "1"),
        common_key::first_seed,
        common_key::base_seed,
        common_key::with_default(common_key::steps, "8000"),
        common_key::record,
        common_key::save,
        Key{"precision", "f32 | f64", "f64",
            "arithmetic of weights and steps; f32 stalls in the logistic clock once the loss is "
            "small, and errs on winners next to alpha = rho"},
    };
    return table;
  }

  Model(const KeyReader& keys, std::span<const Axis> axes);

  std::vector<OrderParameterInfo> order_parameters() const;
  std::vector<OrderParameterInfo> predictions() const;

  Shape shape(const Point& at) const {
    Shape shape;
    shape.word[0] = depth(at);
    shape.word[1] = static_cast<std::int32_t>(at["rule"]);
    shape.word[2] = static_cast<std::int32_t>(at["clock"]);
    shape.word[3] = static_cast<std::int32_t>(examples_.coordinates);
    shape.word[4] = static_cast<std::int32_t>(examples_.count());
    return shape;
  }
  static SHARPSWEEP_INLINE Sizes sizes(const Shape& shape) {
    const auto layers = static_cast<std::size_t>(shape.word[0]);
    const auto d = static_cast<std::size_t>(shape.word[3]);
    const auto n = static_cast<std::size_t>(shape.word[4]);
    return {kExamples + n * d, layers * d + kTrack, layers * d,
            Workspace<double>::size(shape.word[0], d, n)};
  }
  /// The shapes that wide tiles train.
  static SHARPSWEEP_INLINE bool few_numbers(const Shape& shape) {
    return shape.word[0] == 2 && static_cast<Rule>(shape.word[1]) == Rule::l2 &&
           shape.word[3] <= 2 && shape.word[4] <= 4;
  }

  bool start(const Point& at, NoiseKey, double* constants, double* state) const;

  template <class R>
  static SHARPSWEEP_INLINE void advance(const Shape& shape, const Steps& steps, const NoiseLanes&,
                                        const R* constants, R* state, R* work) {
    const int depth = shape.word[0];
    const auto d = static_cast<std::size_t>(shape.word[3]);
    const Problem<R> problem{d,
                             static_cast<std::size_t>(shape.word[4]),
                             constants + kExamples,
                             constants[0],
                             constants[1],
                             constants[2]};
    R* const track = state + static_cast<std::size_t>(depth) * d;
    Track<R> now{track[0], track[1], track[2], track[3], track[4]};
    const auto rule = static_cast<Rule>(shape.word[1]);
    const auto clock = static_cast<Clock>(shape.word[2]);
    const Workspace<R> workspace(work, depth, d);
    if constexpr (kWideTile<R>) {
      train<2, Rule::l2>(2, clock, problem, state, now, workspace, steps.count);
    } else {
      train(rule, clock, depth, problem, state, now, workspace, steps.count);
    }
    track[0] = now.tau;
    track[1] = now.tau_excess;
    track[2] = now.phi;
    track[3] = now.phi_excess;
    track[4] = now.running;
  }

  bool observe(const Point& at, std::uint64_t step, const double* constants, const double* state,
               double* values) const;
  void predict(const Point& at, double* values) const;

private:
  using Numbers = std::vector<double>;

  // Constants are step size, rho, weight limit, examples; state is the weights, then the track.
  static constexpr std::size_t kExamples = 3, kTrack = 5;
  static constexpr std::size_t kOwnScales = 8;
  static constexpr double kResolution = 0.2; ///< of the l2 flow: about 1e-7 of Phi

  // Where `values` has what: single numbers, then one for each coordinate.
  enum Single : std::size_t {
    kLeader,
    kPhase,
    kFate,
    kGradientNorm,
    kTau,
    kPhi,
    kCrossover,
    kCrossoverLeader,
    kMargin,
    kChatter,
    kStopped,
    kCosineL1,
    kCosineL2,
    kSingles
  };
  std::size_t share_at() const { return kSingles; }
  std::size_t log_product_at() const { return kSingles + examples_.coordinates; }
  std::size_t predictions_at() const { return kSingles + 2 * examples_.coordinates; }
  enum Prediction : std::size_t { kLimitPhase, kFirstLeader, kCollapseThreshold, kPredictions };
  enum PredictionOfCoordinate : std::size_t {
    kWindowEdge,
    kSwitchClock,
    kBlowUpClock,
    kHittingClock,
    kTie,
    kPredictionsOfCoordinates
  };

  static int depth(const Point& at) { return static_cast<int>(at["depth"]); }
  static Rule rule(const Point& at) {
    return static_cast<Rule>(static_cast<std::int32_t>(at["rule"]));
  }
  static Start factors(const Point& at) { return {at["first_factor"], at["last_factor"]}; }
  static std::string own_scale(std::size_t j) { return "alpha_" + std::to_string(j + 1); }
  /// alpha_j with its sign.
  static double scale(const Point& at, std::size_t j) {
    const double own = j < kOwnScales ? at[own_scale(j)] : kNone;
    return own == own ? own : at["alpha"];
  }
  double weight_limit(int depth) const {
    return weight_limit_ > 0 ? weight_limit_ : default_weight_limit(depth);
  }
  Numbers signed_examples(const Point& at) const {
    Numbers examples = examples_.signed_examples;
    if (at.has("kappa")) examples[1] = at["kappa"] * examples[0];
    return examples;
  }

  /// A single example (mu, +1) whose products start with the signs of mu, which train as |mu| and
  /// |alpha| do: what the predictions are about.
  struct Positive {
    int depth;
    Rule rule;
    bool rescaled;
    double rho; ///< 0 for gd
    double step_size;
    double clock; ///< eta k: the final tau of clock rescaled, the time of clock logistic
    Numbers mu, alpha;
    Start factors;
    bool balanced() const { return factors == Start{} || depth == 1; }
    bool uniform() const {
      return std::all_of(alpha.begin(), alpha.end(), [&](double a) { return a == alpha[0]; });
    }
    /// Layer 1 and layer L.
    Numbers first() const { return scaled(factors.first); }
    Numbers last() const { return scaled(factors.last); }
    /// ln beta_j of rule l2 at L = 2.
    Numbers l2_log_products(double tau, double phi) const {
      Numbers products;
      for (std::size_t j = 0; j < mu.size(); ++j) {
        products.push_back(theory::l2_log_product(mu[j], factors.first * alpha[j],
                                                  factors.last * alpha[j], rho, tau, phi));
      }
      return products;
    }

  private:
    Numbers scaled(double factor) const {
      Numbers layer = alpha;
      for (double& a : layer) a *= factor;
      return layer;
    }
  };
  std::optional<Positive> positive(const Point& at) const;

  void read_axes(std::span<const Axis> axes) const;
  void predict_one_layer(const Point& at, const Positive& p, double* values) const;
  void predict_linf(const Positive& p, double* values) const;
  void predict_l2(const Positive& p, double* values) const;
  void predict_switches(const Positive& p, const std::vector<std::size_t>& by_mu,
                        double* switch_clock) const;
  /// What follows from the log products, NaN where unknown. Of a run that stops at the weight limit
  /// only the leader is kept, which they give for where it stops.
  void predict_shares(const Positive& p, bool stops, double* values) const;
  /// alpha_c / rho of equal alpha_j.
  double l2_threshold(const Numbers& mu) const;

  Examples examples_;
  Numbers l1_direction_, l2_direction_; ///< of more than one example; l_1: empty if not unique
  double weight_limit_ = 0;
  std::uint64_t steps_ = 0;
  /// By mu: many cells share them.
  mutable std::map<Numbers, double> thresholds_;
  mutable std::mutex thresholds_mutex_;
};

inline Model::Model(const KeyReader& keys, std::span<const Axis> axes) {
  for (const std::string& item : keys.items("data")) {
    if (!item.empty()) throw UsageError("data: files are read by the command line only");
  }
  keys.put("data", std::vector<std::string>{});
  std::vector<std::string> canonical;
  examples_ = parse_examples("examples", keys.list("examples"), canonical);
  keys.put("examples", canonical);
  weight_limit_ = keys.number_between("weight_limit", 0, 1e100);
  steps_ = keys.integer("steps", 1, 1000000000000);
  read_axes(axes);
  if (examples_.count() == 1) return;
  const auto l2 = l2_max_margin(examples_.signed_examples, examples_.coordinates);
  const auto l1 = l1_max_margin(examples_.signed_examples, examples_.coordinates);
  if (!l2 || !l1) {
    throw UsageError("examples: the data set is not separable: no direction has all " +
                     std::to_string(examples_.count()) + " examples on the side of their label");
  }
  l2_direction_ = l2->direction;
  if (l1->unique) l1_direction_ = l1->direction;
}

inline void Model::read_axes(std::span<const Axis> axes) const {
  const std::size_t d = examples_.coordinates, n = examples_.count();
  const auto require = [](const Axis& axis, bool fine, double value, std::string_view right) {
    if (fine) return;
    throw UsageError(axis.name + ": '" + format_number(value) + "' " + std::string(right));
  };
  for (const Axis& axis : axes) {
    for (const double value : axis.values) {
      if (axis.name == "depth") {
        const bool layers = value >= 1 && value <= kMaxDepth && value == static_cast<int>(value);
        require(axis, layers, value, "is not an integer from 1 to 16");
        Shape shape;
        shape.word[0] = static_cast<std::int32_t>(value);
        shape.word[3] = static_cast<std::int32_t>(d);
        shape.word[4] = static_cast<std::int32_t>(n);
        const Sizes size = sizes(shape);
        const std::size_t numbers = size.all();
        if (numbers > kMaxNetworkNumbers) {
          throw UsageError("examples: a network of " + format_number(value) + " layers needs " +
                           std::to_string(numbers) + " numbers for them, more than the " +
                           std::to_string(kMaxNetworkNumbers) + " there are");
        }
      } else if (axis.name == "step_size" || axis.name == "first_factor" ||
                 axis.name == "last_factor" || axis.name == "alpha") {
        require(axis, value > 0, value, "has to be above 0");
      } else if (axis.name == "rho") {
        require(axis, value >= 0, value, "has to be 0 or above");
      } else if (axis.name == "kappa") {
        require(axis, value != 0, value, "would leave a coordinate of 0");
      } else if (axis.name.starts_with("alpha_")) {
        require(axis, value != 0, value, "would never leave 0");
      }
    }
    if (axis.name == "kappa" && (n != 1 || d != 2)) {
      throw UsageError("kappa: takes a single example of two coordinates; there are " +
                       std::to_string(n) + " of " + std::to_string(d));
    }
  }
  for (std::size_t j = d; j < kOwnScales; ++j) {
    for (const Axis& axis : axes) {
      if (axis.name == own_scale(j)) {
        throw UsageError(axis.name + ": the examples have only " + std::to_string(d) +
                         " coordinates");
      }
    }
  }
}

inline std::vector<OrderParameterInfo> Model::order_parameters() const {
  const std::size_t d = examples_.coordinates;
  return {
      {"leader", "1", "coordinate of largest |beta_j|, from 1"},
      {"phase", "1", "0 if the network has collapsed, else its leader"},
      {"fate", "1", "fate: 0 collapsed for good, 1 undecided, 2 escaped for good"},
      {"gradient_norm", "1", "N = |g(w)|_2 / sum_i q_i"},
      {"tau", "1", "tau, the sum of eta s"},
      {"phi", "1", "Phi, the sum of eta s / N of rule l2"},
      {"crossover", "1", "M = tau / (2 rho Phi) of rule l2"},
      {"crossover_leader", "1",
       "leader that theory reads off the run's tau and Phi (rule l2, L=2; not after a collapse)"},
      {"margin", "1", "least margin y_i <beta, x_i>"},
      {"chatter", "1", "largest |w_lj| among coordinates that chatter about 0"},
      {"stopped", "1", "whether the weights reached weight_limit"},
      {"cosine_l1", "1", "cosine of beta and the l_1 max-margin direction"},
      {"cosine_l2", "1", "cosine of beta and the l_2 max-margin direction"},
      {"share", "1", "|beta_j| / sum |beta_j|", d, "coordinate"},
      {"log_product", "1", "ln |beta_j|", d, "coordinate"},
  };
}

inline std::vector<OrderParameterInfo> Model::predictions() const {
  const std::size_t d = examples_.coordinates;
  return {
      {"limit_phase", "1", "phase in the limit of infinite time"},
      {"first_leader", "1", "coordinate that is amplified first (rule l2, L=2, equal alpha_j)"},
      {"collapse_threshold", "1",
       "largest alpha_j of a start of this profile on the separatrix (l2: equal alpha_j)"},
      {"window_edge", "1",
       "alpha up to which a coordinate is amplified first (rule l2, L=2, equal alpha_j)", d,
       "coordinate"},
      {"switch_clock", "1", "tau at which a coordinate overtakes that of the next smaller mu_j", d,
       "coordinate"},
      {"blow_up_clock", "1", "tau at which a coordinate blows up (rules gd and linf, L>2)", d,
       "coordinate"},
      {"hitting_clock", "1", "tau at which a coordinate falls to 0 (rule linf, even L)", d,
       "coordinate"},
      {"tie_alpha", "1", "alpha_j at which a coordinate ties with the first one (linf, gd, L>2)", d,
       "coordinate"},
  };
}

inline bool Model::start(const Point& at, NoiseKey, double* constants, double* state) const {
  const int layers = depth(at);
  const std::size_t d = examples_.coordinates;
  constants[0] = at["step_size"];
  constants[1] = at["rho"];
  constants[2] = weight_limit(layers);
  const Numbers examples = signed_examples(at);
  std::copy(examples.begin(), examples.end(), constants + kExamples);
  for (int l = 0; l < layers; ++l) {
    for (std::size_t j = 0; j < d; ++j) {
      const double alpha = scale(at, j);
      *state++ = initial_weight(factors(at), layers, l, absolute(alpha), alpha < 0 ? -1 : 1);
    }
  }
  const Track<double> track;
  for (const double value :
       {track.tau, track.tau_excess, track.phi, track.phi_excess, track.running}) {
    *state++ = value;
  }
  return true;
}

inline std::optional<Model::Positive> Model::positive(const Point& at) const {
  if (examples_.count() != 1) return std::nullopt;
  const double step_size = at["step_size"];
  Positive p{depth(at),
             rule(at),
             static_cast<Clock>(static_cast<std::int32_t>(at["clock"])) == Clock::rescaled,
             rule(at) == Rule::gd ? 0 : at["rho"],
             step_size,
             step_size * static_cast<double>(steps_),
             signed_examples(at),
             {},
             factors(at)};
  for (std::size_t j = 0; j < p.mu.size(); ++j) {
    const double alpha = scale(at, j);
    if (p.mu[j] * alpha <= 0 && p.depth > 1) return std::nullopt;
    p.mu[j] = absolute(p.mu[j]);
    p.alpha.push_back(absolute(alpha));
  }
  return p;
}

inline bool Model::observe(const Point& at, std::uint64_t /*step*/, const double* constants,
                           const double* state, double* values) const {
  const int layers = depth(at);
  const std::size_t d = examples_.coordinates, n = examples_.count();
  const double* const track = state + static_cast<std::size_t>(layers) * d;
  const Numbers examples = signed_examples(at);
  Numbers l1 = l1_direction_, l2 = l2_direction_;
  if (n == 1) { // mu itself, and the coordinate of largest |mu_j|
    l2 = examples;
    l1.assign(d, 0);
    std::size_t first = 0;
    for (std::size_t j = 1; j < d; ++j) {
      first = absolute(examples[j]) > absolute(examples[first]) ? j : first;
    }
    l1[first] = examples[first] < 0 ? -1 : 1;
    for (std::size_t j = 0; j < d; ++j) {
      if (j != first && absolute(examples[j]) == absolute(examples[first])) l1.clear();
    }
  }
  Numbers buffer(Workspace<double>::size(layers, d, n));
  const FinalState<double> final{rule(at),
                                 layers,
                                 d,
                                 n,
                                 state,
                                 1,
                                 examples.data(),
                                 constants[0],
                                 constants[1],
                                 track[0],
                                 track[2],
                                 l1.empty() ? nullptr : l1.data(),
                                 l2.data()};
  double out[kOrderParameters];
  if (!sam_classification::order_parameters(final, values + share_at(), values + log_product_at(),
                                            out, Workspace<double>(buffer.data(), layers, d))) {
    return false;
  }
  values[kLeader] = out[leader] + 1;
  values[kPhase] = out[fate] == static_cast<double>(Fate::collapsed) ? 0 : values[kLeader];
  values[kFate] = out[fate];
  values[kGradientNorm] = out[gradient_norm];
  values[kTau] = out[clock_tau];
  values[kPhi] = out[clock_phi];
  values[kCrossover] = out[crossover];
  values[kCrossoverLeader] = kNone;
  values[kMargin] = out[margin];
  values[kChatter] = out[chatter];
  values[kStopped] = track[4] > 0 ? 0 : 1;
  values[kCosineL1] = out[cosine_l1];
  values[kCosineL2] = out[cosine_l2];
  const auto p = positive(at);
  if (p && p->rule == Rule::l2 && p->depth == 2 && values[kPhase] != 0) {
    const Numbers score = p->l2_log_products(out[clock_tau], out[clock_phi]);
    values[kCrossoverLeader] = theory::leader_of(score).coordinate + 1;
  }
  return true;
}

inline void Model::predict(const Point& at, double* values) const {
  const std::size_t d = examples_.coordinates;
  std::fill_n(values, predictions_at() + kPredictions + kPredictionsOfCoordinates * d, kNone);
  const auto p = positive(at);
  if (!p) return;
  if (p->depth == 1) return predict_one_layer(at, *p, values);
  if (p->rule != Rule::l2) return predict_linf(*p, values);
  if (p->depth == 2 && p->rho > 0) return predict_l2(*p, values);
}

inline void Model::predict_one_layer(const Point& at, const Positive& p, double* values) const {
  const Numbers x = signed_examples(at);
  double z = 0, square = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    z += x[j] * scale(at, j);
    square += x[j] * x[j];
  }
  const double shift = theory::margin_shift(p.rule, x, p.rho);
  const double last = p.rescaled ? z - shift + square * p.clock
                                 : theory::shifted_margin(z - shift, square, p.clock);
  const double tau = (last + shift - z) / square, limit = weight_limit(1);
  double weight_square = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const double w = scale(at, j) + tau * x[j];
    weight_square += w * w;
  }
  if (weight_square >= limit * limit) return;
  values[kMargin] = last + shift;
  values[kTau] = tau;
}

inline void Model::predict_shares(const Positive& p, bool stops, double* values) const {
  double* const log_product = values + log_product_at();
  const std::size_t d = p.mu.size();
  std::size_t first = 0;
  bool all = true;
  for (std::size_t j = 0; j < d; ++j) {
    const double most = log_product[first];
    all = all && is_finite(log_product[j]);
    if (log_product[j] > most || most != most) first = j;
  }
  values[kLeader] = values[kPhase] = static_cast<double>(first) + 1;
  if (stops) {
    std::fill_n(log_product, d, kNone);
    values[kTau] = values[kPhi] = values[kCrossover] = values[kGradientNorm] = kNone;
  }
  if (stops || !all) return;
  double total = 0, margin = 0;
  for (std::size_t j = 0; j < d; ++j) {
    total += portable::exp(log_product[j] - log_product[first]);
    margin += p.mu[j] * portable::exp(log_product[j]);
  }
  for (std::size_t j = 0; j < d; ++j) {
    values[share_at() + j] = portable::exp(log_product[j] - log_product[first]) / total;
  }
  values[kMargin] = margin;
}

inline void Model::predict_linf(const Positive& p, double* values) const {
  double* const prediction = values + predictions_at();
  double* const of_coordinate = prediction + kPredictions;
  const std::size_t d = p.mu.size();
  if (!p.balanced() && p.depth > 2) return;
  // Unbalanced layers at L = 2 separate and win by their means.
  Numbers mean = p.alpha;
  for (double& a : mean) a *= 0.5 * (p.factors.first + p.factors.last);
  const int winner = theory::linf_winner(p.depth, p.mu, mean, p.rho);
  prediction[kLimitPhase] = winner + 1;
  const double largest = *std::max_element(p.alpha.begin(), p.alpha.end());
  prediction[kCollapseThreshold] = p.rho * largest / *std::max_element(mean.begin(), mean.end());

  double end = theory::kInfinity; // of the flow
  for (std::size_t j = 0; j < d; ++j) {
    if (!p.balanced()) break;
    const double blow_up = theory::linf_blow_up_clock(p.depth, p.mu[j], p.alpha[j], p.rho);
    const double hit = theory::linf_hitting_clock(p.depth, p.mu[j], p.alpha[j], p.rho);
    end = std::min(end, blow_up);
    if (blow_up < theory::kInfinity) of_coordinate[kBlowUpClock * d + j] = blow_up;
    if (hit < theory::kInfinity) of_coordinate[kHittingClock * d + j] = hit;
    of_coordinate[kTie * d + j] = theory::linf_tie(p.depth, p.mu[0], p.alpha[0], p.mu[j], p.rho);
  }
  if (!p.rescaled && !p.balanced()) return;
  // Steps so wide throw a weight below rho out beyond it, or make u - v change its sign: such runs
  // are not those of the flow.
  for (std::size_t j = 0; j < d; ++j) {
    const double growth = p.step_size * p.mu[j];
    if (mean[j] < p.rho && growth * portable::power(p.rho, p.depth - 2) > 1) return;
    if (!p.balanced() && growth >= 1) return;
  }
  double tau = p.rescaled ? std::min(p.clock, end)
                          : theory::linf_clock(p.depth, p.mu, p.alpha, p.rho, p.clock);

  const double limit = weight_limit(p.depth);
  // u + v and u - v of a coordinate: 2 w and 0 when balanced.
  const auto layers_at = [&](std::size_t j, double clock) -> std::array<double, 2> {
    if (p.depth > 2 || !p.rescaled) {
      const double what = theory::linf_perturbed_weight(p.depth, p.mu[j], p.alpha[j], p.rho, clock);
      return {2 * std::min(p.rho + what, limit), 0};
    }
    // Exact in discrete time. e^700 is far above any limit, and 0 times it is still 0.
    const double k = clock / p.step_size, growth = p.step_size * p.mu[j];
    const double grown = portable::exp(std::min(k * elementary::log1p(growth), 700.0));
    const double sum = theory::linf_weight(2 * mean[j], 2 * p.rho, grown);
    if (p.balanced()) return {sum, 0};
    const double difference = p.alpha[j] * (p.factors.first - p.factors.last);
    return {sum, difference * portable::exp(k * elementary::log1p(-growth))};
  };
  const auto stopped_by = [&](double clock) {
    double square = 0;
    for (std::size_t j = 0; j < d; ++j) {
      const auto [sum, difference] = layers_at(j, clock);
      if (!(sum > absolute(difference))) continue; // chatters
      square += 0.25 * p.depth * sum * sum + 0.5 * difference * difference;
    }
    return square >= limit * limit;
  };
  const bool stops = stopped_by(tau);
  values[kTau] = stops ? kNone : tau;
  if (winner == theory::kNobody) {
    values[kPhase] = 0;
    return; // what chatters or creeps has no closed form at finite steps
  }
  if (stops) tau = theory::bisect(0, tau, stopped_by);

  bool escaped = p.balanced() || p.rho == 0; // see Fate
  for (std::size_t j = 0; j < d; ++j) {
    const auto [sum, difference] = layers_at(j, tau);
    if (!(sum > absolute(difference))) continue;
    const double log_product = (p.depth - 2) * portable::log(0.5 * sum) +
                               portable::log(0.5 * (sum - difference)) +
                               portable::log(0.5 * (sum + difference));
    values[log_product_at() + j] = log_product;
    escaped = escaped || log_product > p.depth * portable::log(p.rho);
  }
  predict_shares(p, stops, values);
  if (!escaped) values[kPhase] = 0;
}

inline double Model::l2_threshold(const Numbers& mu) const {
  const std::lock_guard lock(thresholds_mutex_);
  const auto known = thresholds_.find(mu);
  if (known != thresholds_.end()) return known->second;
  return thresholds_[mu] = theory::l2_collapse_threshold(mu, 1);
}

inline void Model::predict_switches(const Positive& p, const std::vector<std::size_t>& by_mu,
                                    double* switch_clock) const {
  // ln beta_j / 2 - ln beta_i / 2 of neighbours i, j.
  const auto lead = [&](const theory::L2Flow& f, std::size_t k) {
    const std::size_t i = by_mu[k], j = by_mu[k + 1];
    const double difference = p.mu[j] - p.mu[i], sum = p.mu[j] + p.mu[i];
    return portable::log(p.alpha[j] / p.alpha[i]) + difference * (f.tau() - p.rho * sum * f.phi());
  };
  theory::L2Flow flow(p.mu, p.alpha, p.alpha, p.rho, kResolution);
  std::vector<std::size_t> open; // neighbours that have yet to switch
  for (std::size_t k = 0; k + 1 < by_mu.size(); ++k) {
    const double low = p.mu[by_mu[k]], high = p.mu[by_mu[k + 1]], ahead = lead(flow, k);
    const bool first = high > low && flow.gradient_norm() > p.rho * (low + high);
    if (ahead > 0 || (ahead == 0 && first)) {
      switch_clock[by_mu[k + 1]] = 0;
    } else if (high > low) { // equals stay as they are
      open.push_back(k);
    }
  }
  // Beyond so large an N Phi stands still and leads are linear in tau.
  const double large = 1e11 * p.rho * p.mu[by_mu.back()];
  for (int step = 0; !open.empty() && flow.gradient_norm() < large; ++step) {
    if (flow.collapsed() || step == 1000000) return; // on the separatrix but for rounding
    const theory::L2Flow before = flow;
    flow.advance();
    std::erase_if(open, [&](std::size_t k) {
      if (!(lead(flow, k) > 0)) return false;
      theory::L2Flow exact = before;
      exact.advance_to([&](const theory::L2Flow& f) { return lead(f, k); });
      switch_clock[by_mu[k + 1]] = exact.tau();
      return true;
    });
  }
  for (const std::size_t k : open) {
    const std::size_t i = by_mu[k], j = by_mu[k + 1];
    switch_clock[j] = flow.tau() - lead(flow, k) / (p.mu[j] - p.mu[i]);
  }
}

inline void Model::predict_l2(const Positive& p, double* values) const {
  double* const prediction = values + predictions_at();
  double* const of_coordinate = prediction + kPredictions;
  const std::size_t d = p.mu.size();
  std::vector<std::size_t> by_mu(d);
  for (std::size_t j = 0; j < d; ++j) by_mu[j] = j;
  std::sort(by_mu.begin(), by_mu.end(), [&](std::size_t i, std::size_t j) {
    return p.mu[i] < p.mu[j] || (p.mu[i] == p.mu[j] && i < j);
  });
  const bool alike = p.balanced() && p.uniform();
  bool escapes;
  if (alike) {
    const double threshold = prediction[kCollapseThreshold] = p.rho * l2_threshold(p.mu);
    escapes = p.alpha[0] > threshold;
  } else {
    escapes = theory::L2Flow(p.mu, p.first(), p.last(), p.rho).escapes();
  }
  // Of equal mu_j the larger start stays ahead.
  std::size_t major = 0;
  for (std::size_t j = 1; j < d; ++j) {
    const bool tie = p.mu[j] == p.mu[major];
    if (tie ? p.alpha[j] > p.alpha[major] : p.mu[j] > p.mu[major]) major = j;
  }
  prediction[kLimitPhase] = escapes ? static_cast<double>(major) + 1 : 0;
  if (alike) {
    prediction[kFirstLeader] = theory::l2_first_amplified(p.mu, p.alpha[0], p.rho) + 1;
  }
  for (std::size_t k = 0; k + 1 < d && alike; ++k) {
    if (p.mu[by_mu[k]] == p.mu[by_mu[k + 1]]) continue; // no edge: always alike
    of_coordinate[kWindowEdge * d + by_mu[k]] =
        theory::l2_window_edge(p.mu, by_mu[k], by_mu[k + 1], p.rho);
  }
  if (escapes && p.balanced()) predict_switches(p, by_mu, of_coordinate + kSwitchClock * d);

  // The end of the run, or of the flow where that collapses or reaches the weight limit before.
  const double limit = weight_limit(2);
  theory::L2Flow flow(p.mu, p.first(), p.last(), p.rho, kResolution);
  const auto stopped = [&](const theory::L2Flow& f) { return f.weight_square() >= limit * limit; };
  const auto late = [&](const theory::L2Flow& f) {
    if (f.collapsed() || stopped(f)) return 0.0;
    return (p.rescaled ? f.tau() : f.time()) - p.clock;
  };
  using Resolve = theory::L2Flow::Resolve;
  if (!flow.advance_to(late, p.rescaled ? Resolve::path : Resolve::time)) return;
  if (flow.collapsed()) {
    values[kPhase] = 0;
    return;
  }
  const double tau = flow.tau();
  values[kTau] = tau;
  values[kPhi] = flow.phi();
  values[kCrossover] = theory::l2_crossover(p.rho, tau, flow.phi());
  values[kGradientNorm] = flow.gradient_norm();
  const Numbers log_products = p.l2_log_products(tau, flow.phi());
  std::copy(log_products.begin(), log_products.end(), values + log_product_at());
  predict_shares(p, stopped(flow), values);
}

} // namespace sharpsweep::sam_classification
