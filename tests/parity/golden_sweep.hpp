/// \file
/// Runs the cases of golden_digests.hpp on a backend: shared by the programs that have no test
/// library.
#pragma once

#include <cstring>

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
  backend.train(sweep, units,
                [&](std::size_t index, UnitResult&& result) { results[index] = std::move(result); },
                progress, {});
  return results;
}

/// The same in two goes: a third of each unit's seeds, then the rest after them.
inline std::vector<UnitResult> results_in_two_goes(const Sweep& sweep, Backend& backend) {
  std::vector<WorkUnit> units = plan_work_units(sweep);
  std::vector<UnitResult> first(units.size()), second(units.size());
  Progress progress;
  std::vector<WorkUnit> beginnings;
  std::vector<std::size_t> of_unit;
  for (std::size_t i = 0; i < units.size(); ++i) {
    units[i].earlier_seeds = units[i].seeds / 3;
    if (units[i].earlier_seeds == 0) continue;
    beginnings.push_back(units[i]);
    beginnings.back().seeds = units[i].earlier_seeds;
    beginnings.back().earlier_seeds = 0;
    of_unit.push_back(i);
  }
  backend.train(sweep, beginnings,
                [&](std::size_t i, UnitResult&& result) { first[of_unit[i]] = std::move(result); },
                progress, {});
  backend.train(
      sweep, units, [&](std::size_t i, UnitResult&& result) { second[i] = std::move(result); },
      progress, [&](std::size_t i) { return first[i]; });
  return second;
}

/// How many cells, along the paths too, differ in any bit; a missing one differs.
inline std::size_t differing_cells(const std::vector<UnitResult>& a,
                                   const std::vector<UnitResult>& b, std::size_t& cells) {
  std::size_t different = 0;
  for (std::size_t u = 0; u < a.size(); ++u) {
    for (const auto list : {&UnitResult::cells, &UnitResult::path}) {
      const CellStates &left = a[u].*list, &right = b[u].*list;
      cells += left.size();
      for (std::size_t i = 0; i < left.size(); ++i) {
        const bool same =
            i < right.size() && left.parameters == right.parameters &&
            left.finished[i] == right.finished[i] && left.diverged[i] == right.diverged[i] &&
            left.survivors[i] == right.survivors[i] &&
            std::memcmp(left.of(i), right.of(i), left.parameters * sizeof(Moments)) == 0;
        different += same ? 0 : 1;
      }
    }
  }
  return different;
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
    outcomes.update(result.outcomes.data(), result.outcomes.size() * sizeof(double));
  }
  return weights.hex() == c.weights && outcomes.hex() == c.outcomes;
}

} // namespace sharpsweep
