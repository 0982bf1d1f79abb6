/// \file
/// Turns the reduced results of a sweep into the labelled arrays of the output file, with theory.
#pragma once

#include <atomic>
#include <span>

#include "host/dataset.hpp"
#include "host/results.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// One order parameter as the output file and `sharpsweep models` describe it.
struct OrderParameterInfo {
  const char* name;
  const char* units;
  const char* long_name;
};
/// In the order of ssam::OrderParameter.
std::span<const OrderParameterInfo> order_parameter_info();

/// All coordinates and result variables; root attributes are left to the caller.
/// Throws Interrupted when `stop` is set meanwhile.
Dataset phase_diagram(const Sweep& sweep, const Results& results,
                      const std::atomic<bool>& stop = kNeverStopped);

} // namespace sharpsweep
