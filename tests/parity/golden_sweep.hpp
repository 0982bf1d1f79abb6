/// \file
/// Runs the cases of golden_digests.hpp on a backend: shared by the programs that have no test
/// library.
#pragma once

#include <iterator>
#include <vector>

#include "host/backend.hpp"
#include "sharpsweep/numerics/sha256.hpp"
#include "tests/parity/golden_digests.hpp"

namespace sharpsweep {

/// Trains all units; results by unit.
inline std::vector<UnitResult> results_of(const Sweep& sweep, Backend& backend) {
  const auto units = plan_work_units(sweep);
  std::vector<UnitResult> results(units.size());
  Progress progress;
  backend.train(
      sweep, units,
      [&](std::size_t index, UnitResult&& result) { results[index] = std::move(result); },
      progress, {});
  return results;
}

inline Sweep sweep_of(const golden::Case& c) {
  const golden::Variation& v = c.variation;
  Sweep sweep;
  sweep.depth = {c.depth};
  sweep.init = {{static_cast<ssam::Init::Kind>(c.init), c.scale, c.ratio}};
  sweep.step_size = {c.alpha};
  sweep.eta = {c.eta};
  sweep.target.assign(std::begin(golden::kGoldenTargets), std::end(golden::kGoldenTargets));
  sweep.schedule = {static_cast<Schedule::Kind>(v.schedule), v.k0, v.gamma};
  sweep.noise = v.noise_free ? Noise::none : Noise::gaussian;
  sweep.noise_streams = v.independent ? NoiseStreams::independent : NoiseStreams::shared;
  sweep.seeds = v.seeds;
  sweep.first_seed = v.first_seed;
  sweep.base_seed = v.base_seed;
  sweep.steps = v.steps;
  sweep.projection_radius = v.projection_radius;
  sweep.tail_average = v.tail_average;
  sweep.save = Save::weights;
  sweep.precision = static_cast<Precision>(c.precision);
  return sweep;
}

/// The two digests of a golden case (golden_digests.hpp says of what).
inline bool digests_agree(const golden::Case& c, Backend& backend) {
  const Sweep sweep = sweep_of(c);
  Sha256 weights, outcomes;
  // One configuration: units are blocks of seeds in ascending order.
  for (const UnitResult& result : results_of(sweep, backend)) {
    for (const double weight : result.weights) {
      const auto narrow = static_cast<float>(weight);
      if (c.precision == golden::Arithmetic::f32) {
        weights.update(&narrow, sizeof narrow);
      } else {
        weights.update(&weight, sizeof weight);
      }
    }
    for (const Outcome& outcome : result.outcomes) {
      outcomes.update(outcome.value, sizeof outcome.value);
    }
  }
  return weights.hex() == c.weights && outcomes.hex() == c.outcomes;
}

} // namespace sharpsweep
