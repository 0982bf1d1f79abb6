/// \file
/// Mini-sweeps of every coupled model and the digest of each, in both precisions: shared by the
/// tests and by programs that have no test library.
#pragma once

#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "host/backend.hpp"
#include "sharpsweep/numerics/sha256.hpp"
#include "tests/parity/golden_coupled.hpp"
#include "tests/parity/golden_sweep.hpp"
#include "tests/settings.hpp"

namespace sharpsweep {

inline Sweep sweep_of(const golden::CoupledCase& c, const char* precision) {
  Settings settings = settings_of(c.settings);
  settings["precision"] = {precision};
  settings["save"] = {"weights"};
  settings["record"] = {"3"};
  return Sweep::from_settings(settings);
}

/// Over all that training hands to the analysis.
inline std::string digest_of(const std::vector<UnitResult>& results) {
  Sha256 hash;
  const auto put = [&hash](const auto& list) {
    hash.update(list.data(), list.size() * sizeof list[0]);
  };
  for (const UnitResult& result : results) {
    for (const CellStates* states : {&result.cells, &result.path}) {
      put(states->finished);
      put(states->diverged);
      put(states->moments);
    }
    put(result.outcomes);
    put(result.weights);
  }
  return hash.hex();
}

/// Over what theory says of every cell, in the order of the output.
inline std::string digest_of_theory(const Sweep& sweep) {
  std::size_t size = sweep.outcome_size();
  for (const OrderParameterInfo& info : sweep.coupled->predictions()) size += info.count;
  std::vector<double> values(size);
  Sha256 hash;
  for (std::size_t i = 0; i < sweep.configurations(); ++i) {
    sweep.with_point(i, [&](const Point& point) { sweep.coupled->predict(point, values.data()); });
    for (double& value : values) { // one NaN for all
      if (value != value) value = std::numeric_limits<double>::quiet_NaN();
    }
    hash.update(values.data(), values.size() * sizeof(double));
  }
  return hash.hex();
}

/// How many of the golden digests of coupled models agree, of two for each case.
inline std::size_t count_agreeing(Backend& backend) {
  std::size_t count = 0;
  for (const golden::CoupledCase& c : golden::kCoupledCases) {
    count += digest_of(results_of(sweep_of(c, "f32"), backend)) == c.f32 ? 1 : 0;
    count += digest_of(results_of(sweep_of(c, "f64"), backend)) == c.f64 ? 1 : 0;
  }
  return count;
}
inline constexpr std::size_t kCoupledDigests = 2 * std::size(golden::kCoupledCases);

/// How many of those of their theory agree, which no backend computes.
inline std::size_t count_agreeing_theories() {
  std::size_t count = 0;
  for (const golden::CoupledCase& c : golden::kCoupledCases) {
    count += digest_of_theory(sweep_of(c, "f64")) == c.theory ? 1 : 0;
  }
  return count;
}

} // namespace sharpsweep
