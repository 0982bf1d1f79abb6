/// \file
/// The sweep: everything that determines the result variables, validated, and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

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

/// One configuration: a value for every axis but the seed (and the target: its coordinates).
struct Configuration {
  int depth = 2;
  ssam::Init init;
  double step_size = 0; ///< the axis value
  double alpha = 0;     ///< the absolute step size
  double eta = 0;
  std::uint64_t key = 0; ///< Philox key of its noise
};

struct Sweep {
  std::string model = "ssam";
  std::vector<int> depth;
  std::vector<ssam::Init> init;
  std::vector<double> step_size;
  Unit step_size_unit = Unit::absolute;
  Schedule schedule;
  std::vector<double> eta;
  std::vector<double> target;
  Unit target_unit = Unit::absolute;
  Noise noise = Noise::gaussian;
  std::uint32_t seeds = 16;
  std::uint32_t first_seed = 0;
  std::uint64_t base_seed = 0;
  NoiseStreams noise_streams = NoiseStreams::shared;
  std::uint64_t steps = 20000;
  double projection_radius = 0;
  double tail_average = 0.1;
  double survival_level = 0.2;
  std::uint32_t record = 0;
  Save save = Save::mean;
  Precision precision = Precision::f32;
  Settings settings; ///< as given, defaults included: what `text()` writes

  /// Validates settings of any origin. Throws UsageError with the sentence the user reads.
  static Sweep from_settings(const Settings& settings);
  /// The whole resolved sweep as a sweep file that reruns it.
  std::string text() const;

  std::size_t configurations() const;
  std::size_t configurations_per_depth() const;
  std::size_t cells() const { return configurations() * target.size(); }
  std::uint64_t networks() const;
  /// networks * coordinates * layers * steps
  double updates() const;
  /// The configuration with this index; depth varies slowest, eta fastest.
  Configuration configuration(std::size_t index) const;
  /// w* of coordinate `target_index` in absolute units.
  double target_value(int depth, double eta, std::size_t target_index) const;
  /// The step from which products are averaged: products after steps first_tail_step+1..steps.
  std::uint64_t first_tail_step() const;
  /// Log-spaced steps after which order parameters are recorded: `record` of them, the last
  /// `steps`.
  std::vector<std::uint64_t> record_steps() const;
};

} // namespace sharpsweep
