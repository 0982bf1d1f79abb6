/// \file
/// Data sets in files, for models that take a list of examples.
#pragma once

#include <string>

#include "sharpsweep/sweep/keys.hpp"

namespace sharpsweep {

/// The file that the key `data` names; empty where it names none. Throws UsageError for a list of
/// files, and where there are `examples` as well.
std::string data_file_of(const Settings& settings);

/// Where the key `data` names a file, reads its examples into the key `examples` and empties
/// `data`, so that a sweep as it is kept holds all its data. Settings without it stay as they are.
///
/// A CSV file has a row `label, x_1, x_2, ...` for each example; its first line may be a heading,
/// and empty lines count for nothing. An HDF5 file has datasets X [n][d] and y [n] of numbers.
/// Labels are +1 and -1.
///
/// Throws FileError where the file can't be read and UsageError, with the line of a CSV file, where
/// it is not of this form.
Settings inline_data(Settings settings);

} // namespace sharpsweep
