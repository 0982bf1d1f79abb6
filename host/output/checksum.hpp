/// \file
/// The checksum that ends every file of ours: SHA-256 over all bytes before it, as one line of
/// text. HDF5 readers never look beyond the end that the file's own header names.
#pragma once

#include <string>

namespace sharpsweep {

/// Appends the checksum to a file. Throws FileError, which names the file as `shown`.
void append_checksum(const std::string& path, const std::string& shown);

/// Throws FileError unless the file ends with the checksum of its bytes.
void check_checksum(const std::string& path);

} // namespace sharpsweep
