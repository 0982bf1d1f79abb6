/// \file
/// The subcommands. Each returns an exit code or throws sharpsweep::Error.
#pragma once

#include <cstddef>
#include <string>

#include "host/backend.hpp"
#include "host/output/writer.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep {

/// How a command finds its backend.
struct BackendOptions {
  std::string backend = "auto"; ///< auto, cpu or cuda
  CpuOptions cpu;
};
/// `auto` takes CUDA where a GPU is usable, else the CPU, and says so in `notice`,
/// if there is one to fill. Throws DeviceError for `cuda` without one.
std::unique_ptr<Backend> make_backend(const BackendOptions& options, std::string* notice = nullptr);

struct RunOptions {
  std::string output;
  Overwrite overwrite = Overwrite::no;
  bool quiet = false;
  std::string command_line; ///< for the file's history
  BackendOptions backend;
};
ExitCode run_command(const Sweep& sweep, const RunOptions& options);

enum class Format { text, json };
ExitCode plan_command(const Sweep& sweep, const BackendOptions& backend, Format format);
ExitCode info_command(const std::string& path, Format format);
ExitCode verify_command(const std::string& path, std::size_t cells, const BackendOptions& backend);
ExitCode models_command(const std::string& model);
ExitCode bench_command(double seconds);

/// Bytes that the output file of a sweep takes at most.
double predicted_file_bytes(const Sweep& sweep);

/// "1.25e6" style numbers for people: 3 digits and a unit prefix.
std::string human(double value, const char* unit);
/// "2 h 5 min", "34 s", "0.2 s".
std::string human_seconds(double seconds);

} // namespace sharpsweep
