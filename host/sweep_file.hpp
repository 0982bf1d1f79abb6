/// \file
/// Reads a sweep file: the part of TOML that sweeps need, `key = value` lines without sections.
#pragma once

#include <string>

#include "sharpsweep/sweep/keys.hpp"

namespace sharpsweep {

/// Throws FileError when the file can't be read; UsageError, naming file and line, when it is a
/// folder, binary, empty, malformed, has sections, or gives a key twice. Keys are not judged here.
Settings read_sweep_file(const std::string& path);

/// The same for a text in memory; `name` stands for the file in errors.
Settings parse_sweep_text(const std::string& text, const std::string& name);

} // namespace sharpsweep
