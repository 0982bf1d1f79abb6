/// \file
/// Turns the reduced results of a sweep into the labelled arrays of the output file, with theory.
#pragma once

#include <atomic>

#include "host/dataset.hpp"
#include "host/results.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// All coordinates and result variables; root attributes are left to the caller.
/// Throws Interrupted when `stop` is set meanwhile.
Dataset phase_diagram(const Sweep& sweep, const Results& results,
                      const std::atomic<bool>& stop = kNeverStopped);

} // namespace sharpsweep
