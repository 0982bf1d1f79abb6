/// \file
/// What can go wrong and the exit code of each. The text of an exception is the one line that the
/// user reads: it names the key, file or device and says what would be right.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>

namespace sharpsweep {

enum class ExitCode : int {
  done = 0,
  usage = 2,        ///< the command line or sweep file is wrong
  file = 3,         ///< a file can't be read or written
  device = 4,       ///< the device failed
  difference = 5,   ///< `verify` found a cell with other bits
  interrupted = 75, ///< stopped by a signal
};

class Error : public std::runtime_error {
public:
  Error(ExitCode code, const std::string& sentence)
      : std::runtime_error(sentence), exit_code(code) {}
  const ExitCode exit_code;
};

class UsageError : public Error {
public:
  explicit UsageError(const std::string& sentence) : Error(ExitCode::usage, sentence) {}
};
class FileError : public Error {
public:
  explicit FileError(const std::string& sentence) : Error(ExitCode::file, sentence) {}
};
/// A file of another numeric version: whole, but its numbers differ from ours on purpose.
class VersionError : public FileError {
public:
  using FileError::FileError;
};
/// A file of ours that another process removed while it was being written.
class VanishedError : public FileError {
public:
  using FileError::FileError;
};
class DeviceError : public Error {
public:
  explicit DeviceError(const std::string& sentence) : Error(ExitCode::device, sentence) {}
};
class Interrupted : public Error {
public:
  explicit Interrupted(const std::string& sentence) : Error(ExitCode::interrupted, sentence) {}
};

/// What a signal sets; and one for whom no signal stops. Throws Interrupted when it is set.
inline const std::atomic<bool> kNeverStopped{false};
inline void stop_if_asked(const std::atomic<bool>& stop) {
  if (stop) throw Interrupted("interrupted");
}

} // namespace sharpsweep
