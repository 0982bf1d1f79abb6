/// \file
/// The sweep: everything that determines the result variables, validated, and nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "sharpsweep/models/coupled.hpp"
#include "sharpsweep/models/ssam.hpp"
#include "sharpsweep/sweep/keys.hpp"

namespace sharpsweep {

/// A projected network lives in one thread block, a thread a coordinate.
inline constexpr std::size_t kMaxCoupledCoordinates = 512;

enum class Unit { absolute, relative }; ///< relative: `scaled` steps, `threshold` targets
enum class Noise { gaussian, none };
enum class NoiseStreams { shared, independent };
enum class Save { mean, seeds, weights };
enum class Precision { f32, f64 };

/// Step size at step k (0-based): alpha times schedule_factor(k).
struct Schedule {
  enum class Kind { constant, robbins_monro, power };
  Kind kind = Kind::constant;
  double k0 = 1;    ///< steps until the step size falls visibly
  double gamma = 1; ///< exponent of `power`
  bool operator==(const Schedule&) const = default;
};

/// (1 + k/k0)^-gamma (gamma = 1 for robbins_monro, 0 for constant).
double schedule_factor(const Schedule& schedule, std::uint64_t step);

/// A configuration of ssam: a value for every axis but the seed (and the target: its coordinates).
struct Configuration {
  int depth = 2;
  ssam::Init init;
  double step_size = 0; ///< the axis value
  double alpha = 0;     ///< the absolute step size
  double eta = 0;
  std::uint64_t key = 0; ///< Philox key of its noise
};

/// A cell of the output is a value for every axis but the seed; cells are counted with the last
/// axis fastest. The cells of one network are those of its configuration: of ssam one for each
/// target, of a coupled model a single one.
struct Sweep {
  std::string model = "ssam";
  // Keys of every model.
  std::uint32_t seeds = 16;
  std::uint32_t first_seed = 0;
  std::uint64_t base_seed = 0;
  NoiseStreams noise_streams = NoiseStreams::shared;
  std::uint64_t steps = 20000;
  std::uint32_t record = 0;
  Save save = Save::mean;
  Precision precision = Precision::f32;
  // Keys of ssam.
  std::vector<int> depth;
  std::vector<ssam::Init> init;
  std::vector<double> step_size;
  Unit step_size_unit = Unit::absolute;
  Schedule schedule;
  std::vector<double> eta;
  std::vector<double> target;
  Unit target_unit = Unit::absolute;
  Noise noise = Noise::gaussian;
  double projection_radius = 0;
  double tail_average = 0.1;
  double survival_level = 0.2;
  // Any other model, with its keys; null for ssam.
  std::shared_ptr<const Coupled> coupled;
  std::vector<Axis> coupled_axes;
  std::size_t coupled_weights = 0; ///< of its largest network
  std::size_t coupled_numbers = 0; ///< the same with constants, state and work

  Settings settings; ///< as given, defaults included: what `text()` writes

  /// Validates settings of any origin. Throws UsageError with the sentence the user reads.
  static Sweep from_settings(const Settings& settings);
  /// The whole resolved sweep as a sweep file that reruns it.
  std::string text() const;

  /// The axes but the seed, slowest first: the dimensions of a cell.
  std::vector<Axis> axes() const;
  /// The sweep with some values of its axes only. \param kept  indices of values, for every axis
  Sweep part(const std::vector<std::vector<std::size_t>>& kept) const;
  /// A cell in words: "depth 2, init balanced(0.5), ..."
  std::string describe(std::size_t cell) const;

  std::size_t configurations() const;
  /// Consecutive configurations that may share a work unit: those of one depth of ssam, else all.
  std::size_t configurations_per_group() const;
  std::size_t cells_per_network() const { return coupled ? 1 : target.size(); }
  std::size_t cells() const { return configurations() * cells_per_network(); }
  std::uint64_t networks() const;
  /// Trained weights of a cell: layers of ssam, all weights of a coupled network.
  std::size_t weights(std::size_t configuration) const;
  std::size_t most_weights() const;
  /// networks * coordinates * layers * steps
  double updates() const;
  std::vector<OrderParameterInfo> order_parameters() const;
  /// Numbers that an outcome has: the order parameters with all their counts.
  std::size_t outcome_size() const;
  /// Calls use(const Point&) with the values of configuration `index` of a coupled model.
  template <class Use>
  auto with_point(std::size_t index, const Use& use) const {
    const std::vector<std::size_t> at = indices(coupled_axes, index);
    return use(Point(coupled_axes, at));
  }
  /// The indices on some axes, the last one fastest.
  static std::vector<std::size_t> indices(const std::vector<Axis>& axes, std::size_t index);
  /// Philox key of the noise of a configuration.
  std::uint64_t noise_key(std::size_t configuration) const;
  /// Log-spaced steps after which order parameters are recorded: `record` of them, the last
  /// `steps`.
  std::vector<std::uint64_t> record_steps() const;

  // Of ssam.
  /// The configuration with this index; depth varies slowest, eta fastest.
  Configuration configuration(std::size_t index) const;
  /// w* of coordinate `target_index` in absolute units.
  double target_value(int depth, double eta, std::size_t target_index) const;
  /// The step from which products are averaged: products after steps first_tail_step+1..steps.
  std::uint64_t first_tail_step() const;
};

} // namespace sharpsweep
