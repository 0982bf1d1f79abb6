/// \file
/// Writes a dataset as one netCDF-4-conformant HDF5 file.
#pragma once

#include <string>

#include "host/dataset.hpp"

namespace sharpsweep {

/// Writes and closes the file `path`, replacing it. Throws FileError naming the file as `shown`.
void write_hdf5(const std::string& path, const std::string& shown, const Dataset& dataset);

} // namespace sharpsweep
