/// \file
/// Writes a dataset as one netCDF-4-conformant HDF5 file.
#pragma once

#include <atomic>
#include <string>

#include "host/dataset.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// Writes and closes the file `path`, replacing it. Throws FileError naming the file as `shown`,
/// and Interrupted when `stop` is set before the last variable.
void write_hdf5(const std::string& path, const std::string& shown, const Dataset& dataset,
                const std::atomic<bool>& stop = kNeverStopped);

} // namespace sharpsweep
