/// \file
/// label_noise as a model of sweeps: its keys, its networks and their order parameters. The
/// recursion stands in label_noise.hpp, its training in label_noise_training.hpp, its starts in
/// label_noise_start.hpp, what is predicted in theory/label_noise.hpp.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sharpsweep/models/label_noise_training.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/key_reader.hpp"
#include "sharpsweep/theory/label_noise.hpp"

namespace sharpsweep::label_noise {

class Model {
public:
  static constexpr std::string_view name = "label_noise";
  static constexpr std::string_view title =
      "Phase diagram of two-layer networks under gradient descent with label noise";
  static constexpr std::string_view reference =
      "K. Gatmiry, Z. Li, S. Reddi, S. Jegelka, arXiv 2410.16401 (2024)";
  static constexpr std::string_view summary =
      "gradient descent with label noise on two-layer networks (arXiv 2410.16401)";

  static constexpr std::string_view kActivations[] = {"cubic", "quintic", "tanh", "sinh"};
  static constexpr std::string_view kBatches[] = {"full", "single"};
  static constexpr std::string_view kNoises[] = {"signs", "normal", "none"};
  static constexpr std::string_view kForms[] = {"z", "parameters"};
  static constexpr std::string_view kStepSizeUnits[] = {"absolute", "edge"};
  static constexpr std::string_view kSigmaUnits[] = {"absolute", "neuron"};
  static constexpr std::string_view kYesNo[] = {"no", "yes"};

  static std::span<const Key> keys() {
    static constexpr Key table[] = {
        {"model", "NAME", name, "the dynamics"},
        {"activation", "LIST of cubic | quintic | tanh | sinh", "cubic",
         "phi: z + z^3/3, z - k z^3 + q z^5, tanh z, sinh z", true, kActivations},
        {"quintic_k", "AXIS", "", "k of the quintic (default 0.5)", true},
        {"samples", "AXIS of 1..64", "", "number of samples n (default 2, or the rows of 'inputs')",
         true},
        {"dimension", "AXIS of integers >= n", "",
         "dimension d of the inputs (default n; of gaussian ones 2 n)", true},
        {"data_seed", "AXIS of integers >= 0", "", "number of the gaussian data set (default 0)",
         true},
        {"neurons", "AXIS of integers >= 1", "8", "number of neurons m", true},
        {"batch", "LIST of full | single", "full", "samples a step sees: all, or one at random",
         true, kBatches},
        {"noise", "LIST of signs | normal | none", "signs", "label noise: +-1, N(0,1), or none",
         true, kNoises},
        {"step_size", "AXIS > 0", "0.05", "step size eta", true},
        {"sigma", "AXIS >= 0", "0.5", "standard deviation of the label noise", true},
        {"label", "AXIS", "0.5", "label per neuron, y/m", true},
        {"labels", "LIST of n numbers", "", "factors: y_i/m = label * labels_i (default: all 1)"},
        {"quintic_q", "NUMBER", "0.25", "q of the quintic"},
        {"inputs", "orthonormal | gaussian | rows x(1,0), x(0,1), ...", "orthonormal",
         "the x_i; gaussian: entries N(0, 1/d)"},
        {"step_size_unit", "absolute | edge", "absolute",
         "edge: step_size is a fraction of 2 / lambda_max(Hessian) at the replicated state"},
        {"sigma_unit", "absolute | neuron", "absolute", "neuron: the noise is m * sigma"},
        {"form", "z | parameters", "z",
         "what is trained: the preactivations, or the parameters; both are the same recursion"},
        {"start", "near(s) | manifold(s) | random(s)", "near(0.1)",
         "near: equal neurons, N(0, s^2) added to each preactivation; manifold, random: parameters "
         "N(0, s^2); near and manifold are then brought to zero loss"},
        {"tail_average", "0..1", "0.1",
         "last fraction of the run: loss and trace are means over it, the rate is measured in it"},
        {"slow_flow", "no | yes", "no", "follows the slow flow from every network's own start"},
        common_key::seeds,
        common_key::first_seed,
        common_key::base_seed,
        common_key::noise_streams,
        common_key::steps,
        common_key::record,
        common_key::save,
        common_key::precision,
    };
    return table;
  }

  Model(const KeyReader& keys, std::span<const Axis> axes);

  std::vector<OrderParameterInfo> order_parameters() const {
    std::vector<OrderParameterInfo> list = {
        {"loss", "1", "loss L = (1/2n) sum_i (f(x_i) - y_i)^2, mean over the tail"},
        {"hessian_trace", "1", "F = (1/n) sum_i |x_i|^2 sum_j phi'(z_ij)^2, mean over the tail"},
        {"spread", "1", "sum_ij (z_ij - mean_i)^2 / sum_ij z_ij^2"},
        {"log_spread", "1", "ln of the spread; NaN where neurons are equal"},
        {"effective_rank", "1", "(sum s^2)^2 / sum s^4 of the singular values of Theta P_X"},
        {"distance", "1",
         "max_ij |z_ij - phi^-1(y_i/m)|, to the replicated state; carries the noise of a step"},
        {"sharpness", "1",
         "step size times largest eigenvalue of the Hessian (1/n) J^T J; carries the noise of a "
         "step"},
        {"relaxation_rate", "1",
         "half the fall of ln sum_ij (z_ij - mean_i)^2 per unit of S since the tail began; NaN "
         "where neurons were equal by then"},
        {"slow_clock", "1", "S = eta^2 sigma^2 steps / 4B, B = n or 1 samples a step"}};
    if (slow_flow_) {
      list.push_back({"flow_hessian_trace", "1", "F on the slow flow, limit of small steps"});
      list.push_back({"flow_spread", "1", "spread on the slow flow, limit of small steps"});
      list.push_back({"finite_flow_hessian_trace", "1", "F on the slow flow of this step size"});
      list.push_back({"finite_flow_spread", "1", "spread on the slow flow of this step size"});
    }
    return list;
  }
  std::vector<OrderParameterInfo> predictions() const {
    return {
        {"step_size_value", "1", "step size eta"},
        {"least_trace", "1", "F of the replicated state"},
        {"unstable_modes", "1", "number of growing modes of the replicated state"},
        {"stability_line", "1", "|y/m| above which the replicated state is stable, small steps"},
        {"small_step_rate", "1", "slowest relaxation rate per unit of S, limit of small steps"},
        {"fastest_rate", "1", "fastest relaxation rate per unit of S"}};
  }

  Shape shape(const Point& point) const { return common(point).shape(); }
  static Sizes sizes(const Shape& shape) { return sizes(Common(shape)); }
  /// The shapes that wide tiles train.
  static SHARPSWEEP_INLINE bool few_numbers(const Shape& shape) {
    const Common common(shape);
    const auto [n, m, inputs] = common.extent;
    return common.form == Form::diagonal && common.activation <= Activation::Kind::quintic &&
           ((n <= 2 && m == 2) || (n == 1 && m == 4));
  }
  bool start(const Point& point, NoiseKey noise, double* constants, double* state) const;
  template <class R>
  static SHARPSWEEP_INLINE void advance(const Shape& shape, const Steps& steps,
                                        const NoiseLanes& noise, const R* constants, R* state,
                                        R* work);
  bool observe(const Point& point, std::uint64_t step, const double* constants, const double* state,
               double* values) const;
  void predict(const Point& point, double* values) const;

private:
  enum class Inputs { orthonormal, gaussian, rows };
  enum class Start { near, manifold, random };

  /// A cell of the sweep: everything that does not depend on the seed.
  struct Cell {
    Problem problem;
    Matrix inputs;
    double step_size, sigma;
    Batch batch;
    Noise noise;
    /// S that `steps` steps advance.
    double slow_clock(double steps) const {
      const double b = batch == Batch::full ? static_cast<double>(problem.samples()) : 1;
      return theory::slow_clock(step_size, noise == Noise::none ? 0 : sigma, b, steps);
    }
    /// The step size that theory accounts for: it knows finite ones of full batches alone.
    double theory_step_size() const {
      return batch == Batch::full || problem.samples() == 1 ? step_size : 0;
    }
  };

  static Sizes sizes(const Common& common) {
    return {Constants<double>::count(common), TrainingState<double>::count(common),
            common.weights(),
            NoiseAhead<double>::work(common.extent.samples) + common.preactivations() +
                common.extent.samples};
  }
  static std::size_t index_of(double x) { return static_cast<std::size_t>(x); }
  std::size_t samples(const Point& point) const {
    return inputs_ == Inputs::rows ? rows_.rows()
           : point.has("samples")  ? index_of(point["samples"])
                                   : 2;
  }
  std::size_t dimension(const Point& point) const {
    return inputs_ == Inputs::rows       ? rows_.columns()
           : point.has("dimension")      ? index_of(point["dimension"])
           : inputs_ == Inputs::gaussian ? 2 * samples(point)
                                         : samples(point);
  }
  Activation activation(const Point& point) const {
    return {static_cast<Activation::Kind>(index_of(point["activation"])),
            point.has("quintic_k") ? point["quintic_k"] : 0.5, quintic_q_};
  }
  Matrix inputs(const Point& point) const;
  Common common(const Point& point) const;
  Cell cell(const Point& point) const;
  static bool is_diagonal(const Matrix& a);
  void read_inputs(const KeyReader& keys, std::span<const Axis> axes);
  void read_start(const KeyReader& keys);
  void check_cells(std::span<const Axis> axes) const;
  /// The state's z of weights in this model's form.
  State z_of(const Cell& cell, const double* weights) const;
  void follow(const Cell& cell, double clock, const double* start, double* values) const;

  double quintic_q_ = 0.25, start_scale_ = 0;
  std::vector<double> labels_;
  Inputs inputs_ = Inputs::orthonormal;
  Matrix rows_;
  bool edge_unit_ = false, neuron_unit_ = false, parameters_ = false, slow_flow_ = false;
  Start start_ = Start::near;
  std::uint64_t steps_ = 0, first_tail_ = 0;
};

template <class R>
SHARPSWEEP_INLINE void Model::advance(const Shape& shape, const Steps& steps,
                                      const NoiseLanes& noise, const R* constants, R* state,
                                      R* work) {
  const Common common(shape);
  const Constants<const R> c(common, constants);
  visit(common.activation, *c.k, *c.q, [&](const auto& phi) {
    using Phi = std::remove_cvref_t<decltype(phi)>;
    const std::size_t n = common.extent.samples;
    const auto run = [&](auto recursion) {
      train<decltype(recursion), Phi, R>(phi, common, steps, noise, constants, state, work);
    };
    if constexpr (kWideTile<R>) {
      if constexpr (!Phi::kRemembers) {
        if (n == 2) return run(Diagonal<2, 2>());
        if (common.extent.neurons == 2) return run(Diagonal<1, 2>());
        run(Diagonal<1, 4>());
      }
    } else {
      if (common.form == Form::parameters) return run(Parameters());
      // Code for so many samples and neurons; where there are hyperbolic functions little else
      // counts.
      constexpr bool kOwnCode = !Phi::kRemembers;
      if (common.form == Form::diagonal) {
        if constexpr (kOwnCode) {
          const std::size_t m = common.extent.neurons;
          if (n == 1 && m == 2) return run(Diagonal<1, 2>());
          if (n == 1 && m == 4) return run(Diagonal<1, 4>());
          if (n == 2 && m == 2) return run(Diagonal<2, 2>());
          if (n == 2) return run(Diagonal<2, 0>());
        }
        return n == 1 ? run(Diagonal<1, 0>()) : run(Diagonal<0, 0>());
      }
      if constexpr (kOwnCode) {
        if (n == 2) return run(Dense<2>());
        if (n == 3) return run(Dense<3>());
        if (n == 4) return run(Dense<4>());
      }
      run(Dense<0>());
    }
  });
}

inline Model::Model(const KeyReader& keys, std::span<const Axis> axes) {
  quintic_q_ = keys.number("quintic_q");
  edge_unit_ = keys.choice("step_size_unit", kStepSizeUnits) == 1;
  neuron_unit_ = keys.choice("sigma_unit", kSigmaUnits) == 1;
  parameters_ = keys.choice("form", kForms) == 1;
  slow_flow_ = keys.choice("slow_flow", kYesNo) == 1;
  steps_ = keys.integer("steps", 1, 1'000'000'000'000);
  const double fraction = keys.number_between("tail_average", 0, 1);
  const auto tail = static_cast<std::uint64_t>(fraction * static_cast<double>(steps_));
  first_tail_ =
      fraction == 0 ? Common::kNever : steps_ - std::clamp<std::uint64_t>(tail, 1, steps_);
  std::vector<std::string> written;
  for (const std::string& item : keys.items("labels")) {
    labels_.push_back(parse_number("labels", item) + 0.0);
    written.push_back(format_number(labels_.back()));
  }
  keys.put("labels", written);
  read_inputs(keys, axes);
  read_start(keys);
  check_cells(axes);
}

inline void Model::read_start(const KeyReader& keys) {
  static constexpr std::string_view names[] = {"near", "manifold", "random"};
  const Call call = parse_call("start", keys.one("start"));
  start_ = static_cast<Start>(KeyReader::choice_of("start", call.name, names));
  if (call.arguments.size() != 1) {
    throw UsageError("start: '" + keys.one("start") + "' needs one number: " + call.name + "(s)");
  }
  start_scale_ = parse_number("start", call.arguments[0]);
  if (start_scale_ < 0)
    throw UsageError("start: the scale of " + keys.one("start") + " is below 0");
  if (slow_flow_ && start_ == Start::random) {
    throw UsageError("slow_flow: needs a start of zero loss: near(s) or manifold(s)");
  }
  keys.put("start", call.name + "(" + format_number(start_scale_) + ")");
}

inline void Model::read_inputs(const KeyReader& keys, std::span<const Axis> axes) {
  const std::string& first = keys.list("inputs").front();
  if (first == "orthonormal" || first == "gaussian") {
    inputs_ = keys.one("inputs") == "gaussian" ? Inputs::gaussian : Inputs::orthonormal;
  } else {
    inputs_ = Inputs::rows;
    std::vector<std::string> written;
    std::vector<double> entries;
    std::size_t columns = 0;
    for (const std::string& item : keys.list("inputs")) {
      const Call call = parse_call("inputs", item);
      if (call.name != "x" || call.arguments.empty()) {
        throw UsageError("inputs: '" + item +
                         "' is not orthonormal, gaussian or a list of rows x(1,0), x(0,1), ...");
      }
      if (written.empty()) columns = call.arguments.size();
      if (call.arguments.size() != columns) {
        throw UsageError("inputs: '" + item + "' has not " + std::to_string(columns) +
                         " entries as the first row has");
      }
      std::string text;
      for (const std::string& argument : call.arguments) {
        entries.push_back(parse_number("inputs", argument) + 0.0);
        text += (text.empty() ? "" : ",") + format_number(entries.back());
      }
      written.push_back("x(" + text + ")");
    }
    rows_ = Matrix(written.size(), columns);
    std::copy(entries.begin(), entries.end(), rows_.entries().begin());
    keys.put("inputs", written);
  }
  for (const Axis& axis : axes) {
    const bool is_count = axis.name == "samples" || axis.name == "dimension";
    if (inputs_ == Inputs::rows && is_count) {
      throw UsageError(axis.name + ": follows from the rows of 'inputs': leave it out");
    }
    if (inputs_ != Inputs::gaussian && axis.name == "data_seed") {
      throw UsageError("data_seed: inputs are not gaussian: leave it out");
    }
  }
}

/// Checks every cell for what may be wrong with it, axis by axis where axes don't meet.
inline void Model::check_cells(std::span<const Axis> axes) const {
  const auto values = [axes](std::string_view key, double fallback) {
    for (const Axis& axis : axes) {
      if (axis.name == key) return axis.values;
    }
    return std::vector<double>{fallback};
  };
  const auto require = [](bool good, std::string_view key, double value, const std::string& right) {
    if (!good) throw UsageError(std::string(key) + ": " + format_number(value) + " " + right);
  };
  const auto require_integers = [&](std::string_view key, double low, double high) {
    for (const double value : values(key, low)) {
      require(value >= low && value <= high && value == static_cast<double>(index_of(value)), key,
              value, "is not an integer from " + format_number(low) + " to " + format_number(high));
    }
  };
  require_integers("samples", 1, kMaxSamples);
  require_integers("dimension", 1, kMaxNetworkNumbers);
  require_integers("data_seed", 0, kSeedLimit - 1);
  require_integers("neurons", 1, kMaxNetworkNumbers);
  for (const double eta : values("step_size", 1))
    require(eta > 0, "step_size", eta, "is not above 0");
  for (const double s : values("sigma", 0)) require(s >= 0, "sigma", s, "is below 0");

  // The activation and the labels.
  const bool has_k = std::any_of(axes.begin(), axes.end(),
                                 [](const Axis& axis) { return axis.name == "quintic_k"; });
  const std::vector<double> kinds = values("activation", 0);
  const auto quintic = static_cast<double>(Activation::Kind::quintic);
  if (has_k && std::find(kinds.begin(), kinds.end(), quintic) == kinds.end()) {
    throw UsageError("quintic_k: no activation is quintic: leave it out");
  }
  for (const double kind : kinds) {
    for (const double k : values("quintic_k", 0.5)) {
      const Activation phi{static_cast<Activation::Kind>(index_of(kind)), k, quintic_q_};
      require(is_increasing(phi), "quintic_k", k,
              "makes a quintic that is not increasing, with 'quintic_q' " +
                  format_number(quintic_q_) + ": q > 9 k^2 / 20 is needed, or k <= 0 <= q");
      for (const double label : values("label", 0.5)) {
        for (const double factor : labels_.empty() ? std::vector<double>{1} : labels_) {
          const double a = label * factor;
          require(is_finite(inverse(phi, a)), "label", a,
                  "per neuron is out of reach of " + std::string(kActivations[index_of(kind)]) +
                      (phi.kind == Activation::Kind::tanh ? ": |y/m| < 1 is needed" : ""));
        }
      }
    }
  }

  // The inputs, and the size of the networks.
  const std::vector<double> many_neurons = values("neurons", 1);
  const double most_neurons = *std::max_element(many_neurons.begin(), many_neurons.end());
  std::vector<Axis> of_inputs;
  for (const Axis& axis : axes) {
    if (axis.name == "samples" || axis.name == "dimension" || axis.name == "data_seed") {
      of_inputs.push_back(axis);
    }
  }
  std::vector<std::size_t> index(of_inputs.size(), 0);
  for (bool more = true; more;) {
    const Point point(of_inputs, index);
    const std::size_t n = samples(point), d = dimension(point);
    if (!labels_.empty() && labels_.size() != n) {
      throw UsageError("labels: has " + std::to_string(labels_.size()) + " numbers for " +
                       std::to_string(n) + " samples");
    }
    if (n > kMaxSamples) {
      throw UsageError("inputs: has " + std::to_string(n) + " rows; there can be 64");
    }
    if (d < n) {
      throw UsageError(std::string(point.has("dimension") ? "dimension" : "inputs") + ": " +
                       std::to_string(n) + " inputs of dimension " + std::to_string(d) +
                       " are not linearly independent");
    }
    Common common{};
    common.form = parameters_ ? Form::parameters : Form::dense;
    common.extent = {n, index_of(most_neurons), d};
    common.keeps_start = slow_flow_;
    common.first_tail = first_tail_;
    const Sizes size = sizes(common);
    const std::size_t numbers = size.all();
    if (numbers > kMaxNetworkNumbers) {
      throw UsageError("neurons: a network of " + format_number(most_neurons) + " neurons and " +
                       std::to_string(n) + " samples needs " + std::to_string(numbers) +
                       " numbers; " + std::to_string(kMaxNetworkNumbers) + " is the limit");
    }
    Matrix factor = dense::gram(inputs(point));
    double largest = 0, smallest = theory::kInfinity;
    const bool definite = dense::cholesky(factor);
    for (std::size_t i = 0; i < n; ++i) {
      largest = std::max(largest, factor(i, i));
      smallest = std::min(smallest, factor(i, i));
    }
    if (!definite || !(smallest > 1e-6 * largest)) {
      throw UsageError(inputs_ == Inputs::gaussian
                           ? "data_seed: the inputs of data set " +
                                 format_number(point.has("data_seed") ? point["data_seed"] : 0) +
                                 " are all but linearly dependent: give them a larger dimension"
                           : "inputs: the rows are not linearly independent");
    }
    more = false;
    for (std::size_t a = 0; a < index.size() && !more; ++a) {
      more = ++index[a] < of_inputs[a].values.size();
      if (!more) index[a] = 0;
    }
  }
}

inline Matrix Model::inputs(const Point& point) const {
  if (inputs_ == Inputs::rows) return rows_;
  const std::size_t n = samples(point), d = dimension(point);
  Matrix x(n, d);
  if (inputs_ == Inputs::orthonormal) {
    for (std::size_t i = 0; i < n; ++i) x(i, i) = 1;
    return x;
  }
  const double scale = 1 / square_root(static_cast<double>(d));
  const auto seed =
      static_cast<std::uint32_t>(point.has("data_seed") ? index_of(point["data_seed"]) : 0);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t k = 0; k < d; ++k) {
      x(i, k) = scale * static_cast<double>(normal_number(0, Stream::inputs, seed,
                                                          static_cast<std::uint32_t>(i), k));
    }
  }
  return x;
}

inline bool Model::is_diagonal(const Matrix& a) {
  for (std::size_t i = 0; i < a.rows(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (a(i, k) != 0) return false;
    }
  }
  return true;
}

inline Common Model::common(const Point& point) const {
  Common common{};
  common.activation = activation(point).kind;
  common.batch = static_cast<Batch>(index_of(point["batch"]));
  common.noise = static_cast<Noise>(index_of(point["noise"]));
  common.form = parameters_                               ? Form::parameters
                : is_diagonal(dense::gram(inputs(point))) ? Form::diagonal
                                                          : Form::dense;
  common.extent = {samples(point), index_of(point["neurons"]),
                   parameters_ ? dimension(point) : std::size_t{0}};
  common.keeps_start = slow_flow_;
  common.first_tail = first_tail_;
  return common;
}

inline Model::Cell Model::cell(const Point& point) const {
  Cell cell{};
  cell.inputs = inputs(point);
  cell.problem = {activation(point), index_of(point["neurons"]), dense::gram(cell.inputs), {}};
  const auto m = static_cast<double>(cell.problem.neurons);
  for (std::size_t i = 0; i < cell.inputs.rows(); ++i) {
    cell.problem.labels.push_back(m * (point["label"] * (labels_.empty() ? 1 : labels_[i])));
  }
  cell.batch = static_cast<Batch>(index_of(point["batch"]));
  cell.noise = static_cast<Noise>(index_of(point["noise"]));
  cell.sigma = point["sigma"] * (neuron_unit_ ? m : 1);
  cell.step_size = point["step_size"];
  if (edge_unit_) {
    cell.step_size *=
        2 / theory::largest_curvature(cell.problem, theory::replicated_state(cell.problem));
  }
  return cell;
}

inline State Model::z_of(const Cell& cell, const double* weights) const {
  const std::size_t m = cell.problem.neurons;
  if (!parameters_) return State(weights, weights + m * cell.problem.samples());
  Matrix theta(m, cell.inputs.columns());
  std::copy_n(weights, theta.entries().size(), theta.entries().begin());
  return preactivations(theta, cell.inputs);
}

inline bool Model::start(const Point& point, NoiseKey noise, double* constants,
                         double* state) const {
  const Cell cell = this->cell(point);
  const Problem& problem = cell.problem;
  const Common common = this->common(point);
  const std::size_t n = problem.samples(), m = problem.neurons, d = cell.inputs.columns();

  Matrix theta;
  State z;
  if (start_ == Start::near) {
    z = theory::replicated_state(problem);
    const Matrix kick =
        gaussian_parameters(noise.key, Stream::initial, noise.seed, m, n, start_scale_);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] += kick.entries()[i];
    if (!retract(problem, z)) return false;
    theta = parameters_of(problem, cell.inputs, Matrix(m, d), z);
  } else {
    theta = gaussian_parameters(noise.key, Stream::initial, noise.seed, m, d, start_scale_);
    if (start_ == Start::manifold && !retract(problem, cell.inputs, theta)) return false;
    z = preactivations(theta, cell.inputs);
  }

  const double minus_step =
      -cell.step_size / (cell.batch == Batch::full ? static_cast<double>(n) : 1);
  const Constants<double> c(common, constants);
  *c.k = problem.activation.k;
  *c.q = problem.activation.q;
  *c.sigma = cell.sigma;
  *c.minus_step = minus_step;
  for (std::size_t i = 0; i < n; ++i) {
    c.label[i] = problem.labels[i];
    c.weight[i] = problem.kernel(i, i) / static_cast<double>(n);
    if (common.form == Form::diagonal) c.matrix[i] = minus_step * problem.kernel(i, i);
  }
  for (std::size_t i = 0; i < n * n && common.form == Form::dense; ++i) {
    c.matrix[i] = minus_step * problem.kernel.entries()[i];
  }
  if (parameters_) std::copy_n(cell.inputs.entries().begin(), n * d, c.matrix);
  if (slow_flow_) std::copy(z.begin(), z.end(), c.start);

  std::fill_n(state, TrainingState<double>::count(common), 0.0);
  if (parameters_) {
    std::copy(theta.entries().begin(), theta.entries().end(), state);
  } else {
    std::copy(z.begin(), z.end(), state);
  }
  return true;
}

/// The four numbers of the slow flow after a time `clock` from the kept start.
inline void Model::follow(const Cell& cell, double clock, const double* start,
                          double* values) const {
  const Problem& problem = cell.problem;
  const std::size_t n = problem.samples(), m = problem.neurons;
  for (const double step_size : {0.0, cell.theory_step_size()}) {
    State z(start, start + n * m);
    constexpr double kTolerance = 1e-4; // of each step's displacement
    const bool arrived =
        retract(problem, z) &&
        (clock == 0 || theory::follow_slow_flow(problem, z, clock, step_size, kTolerance));
    *values++ = arrived ? theory::sharpness(problem, z, 0) : kNone;
    *values++ = arrived ? spread(n, m, z.data()) : kNone;
  }
}

inline bool Model::observe(const Point& point, std::uint64_t step, const double* constants,
                           const double* state, double* values) const {
  const Common common = this->common(point);
  for (std::size_t i = 0; i < common.weights(); ++i) {
    if (!is_finite(state[i])) return false;
  }
  const Cell cell = this->cell(point);
  const Problem& problem = cell.problem;
  const std::size_t n = problem.samples(), m = problem.neurons;
  const State z = z_of(cell, state);
  const auto log_of = [](double value) { return value > 0 ? elementary::log(value) : kNone; };
  double mean_loss = loss(problem.activation, n, m, problem.labels.data(), z.data());
  double trace = hessian_trace(problem.activation, n, m, problem.kernel.entries().data(), z.data());
  double rate = kNone;
  if (first_tail_ != Common::kNever && step > first_tail_) {
    const TrainingState<const double> tail(common, state);
    const auto count = static_cast<double>(step - first_tail_);
    mean_loss = tail.squares[0] / (2 * static_cast<double>(n) * count);
    trace = tail.squares[2] / count;
    const double fall = log_of(deviations(n, m, z_of(cell, tail.begin).data())) -
                        log_of(deviations(n, m, z.data()));
    rate = cell.slow_clock(count) > 0 ? fall / (2 * cell.slow_clock(count)) : kNone;
  }
  const double clock = cell.slow_clock(static_cast<double>(step));
  *values++ = mean_loss;
  *values++ = trace;
  *values++ = spread(n, m, z.data());
  *values++ = log_of(spread(n, m, z.data()));
  *values++ = theory::effective_rank(problem, z);
  *values++ = theory::distance_to_replicated(problem, z);
  *values++ = cell.step_size * theory::largest_curvature(problem, z);
  *values++ = rate;
  *values++ = clock;
  if (slow_flow_) follow(cell, clock, Constants<const double>(common, constants).start, values);
  return is_finite(mean_loss) && is_finite(trace);
}

/// Order parameters: of the replicated state, where training ends if it is stable and there is
/// noise; the spread by the linear theory around it.
inline void Model::predict(const Point& point, double* values) const {
  const Cell cell = this->cell(point);
  const Problem& problem = cell.problem;
  const double eta = cell.theory_step_size();
  const double clock = cell.slow_clock(static_cast<double>(steps_));
  const State z = theory::replicated_state(problem);
  const std::vector<double> rates = theory::relaxation_rates(problem, eta);
  const bool reached = rates.front() > 0 && clock > 0;
  const double least_trace = theory::sharpness(problem, z, 0);
  // One sample at a time: small steps, with n times the covariance.
  const double loss = eta > 0 ? theory::stationary_loss(problem, z, eta, cell.sigma)
                              : cell.step_size * cell.sigma * cell.sigma / 4 * least_trace;
  const double linear =
      start_ == Start::near ? theory::linear_spread(problem, eta, start_scale_, clock) : kNone;
  const double rank = theory::effective_rank(problem, z);
  const auto if_reached = [reached](double value) { return reached ? value : kNone; };
  *values++ = if_reached(loss);
  *values++ = if_reached(least_trace);
  *values++ = linear;
  *values++ = linear > 0 ? elementary::log(linear) : kNone;
  *values++ = if_reached(rank > 0 ? rank : kNone); // of z = 0 only a limit
  *values++ = if_reached(0);
  *values++ = if_reached(cell.step_size * theory::largest_curvature(problem, z));
  *values++ = clock > 0 ? rates.front() : kNone;
  *values++ = clock;
  for (int i = 0; i < (slow_flow_ ? 4 : 0); ++i) *values++ = kNone;
  *values++ = cell.step_size;
  *values++ = least_trace;
  *values++ = static_cast<double>(theory::unstable_modes(problem, eta));
  *values++ = theory::stability_line(problem.activation);
  *values++ = theory::relaxation_rates(problem, 0).front();
  *values++ = rates.back();
}

} // namespace sharpsweep::label_noise
