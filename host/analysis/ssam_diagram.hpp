/// \file
/// What the output file of ssam has beyond every model's: its coordinates, thresholds and theory.
#pragma once

#include <atomic>

#include "host/dataset.hpp"
#include "host/results.hpp"

namespace sharpsweep {

/// Appends init_scale, init_ratio and target_value.
void add_ssam_coordinates(const Sweep& sweep, Dataset& data);
/// Appends X_theory, and the measured and the predicted thresholds.
void add_ssam_theory(const Sweep& sweep, const Results& results, const std::atomic<bool>& stop,
                     Dataset& data);
/// Names the auxiliary coordinates in every variable that has their dimensions, as CF does it.
void name_ssam_coordinates(Dataset& data);

} // namespace sharpsweep
