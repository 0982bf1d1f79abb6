/// \file
/// Writes a dataset as one netCDF-4-conformant HDF5 file, complete or not at all.
#pragma once

#include <string>

#include "host/dataset.hpp"

namespace sharpsweep {

enum class Overwrite { no, yes };

/// A place for an output file, claimed before computing: a temporary file of a unique name beside
/// it. Nothing bears the final name until `write` has closed and synced a complete file.
class OutputFile {
public:
  /// Throws FileError when the output exists (unless `overwrite`), when the folder is missing or
  /// can't be written, or when the disk has less than `expected_bytes` free.
  OutputFile(std::string path, Overwrite overwrite, double expected_bytes);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile(); ///< removes the temporary file

  /// Writes, closes, syncs and renames. Throws FileError; then nothing bears the final name that
  /// did not before.
  void write(const Dataset& dataset);

private:
  std::string path_;
  std::string temporary_;
  Overwrite overwrite_;
};

} // namespace sharpsweep
