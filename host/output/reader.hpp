/// \file
/// Reads a file that sharpsweep wrote back into a dataset.
#pragma once

#include <string>

#include "host/dataset.hpp"

namespace sharpsweep {

/// Throws FileError when the file is missing, is no HDF5 file, or is not one of ours.
Dataset read_dataset(const std::string& path);

/// The root attributes alone. Throws as read_dataset does.
Dataset read_root_attributes(const std::string& path);

/// The text of a root attribute. Throws FileError naming the file when it is not there.
const std::string& root_text(const Dataset& dataset, const std::string& name,
                             const std::string& path);

} // namespace sharpsweep
