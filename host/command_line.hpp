/// \file
/// The command line: every command and option, turned into something to call.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// What a command line asks for, checked and ready to be called once.
using Command = std::function<ExitCode()>;

/// Parses and validates the words of a command line (the first one is the program's own name),
/// the sweep file that it names included. Computes, writes and prints nothing. Throws UsageError
/// and FileError with the sentence the user reads.
Command parse_command_line(const std::vector<std::string>& words);

} // namespace sharpsweep
