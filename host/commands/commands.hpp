/// \file
/// The subcommands. Each returns an exit code or throws sharpsweep::Error.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "host/backend.hpp"
#include "host/output/parts.hpp"
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
  Existing existing = Existing::refuse;
  Shard shard;
  std::vector<std::string> bases; ///< finished files to take over from
  bool quiet = false;
  std::string command_line; ///< for the file's history
  BackendOptions backend;
};
ExitCode run_command(const Sweep& sweep, const RunOptions& options);

struct MergeOptions {
  std::string output;
  std::vector<std::string> inputs;
  bool overwrite = false;
  bool allow_incomplete = false;
  bool quiet = false;
  std::string command_line; ///< for the file's history
};
ExitCode merge_command(const MergeOptions& options);

struct SlurmOptions {
  std::string output;
  std::uint32_t tasks = 1;
  unsigned gpus_per_task = 1; ///< 0: train on the CPU
  unsigned cpus_per_task = 4;
  unsigned minutes = 60;
  std::uint32_t array_limit = 0; ///< the site's largest array index; 0: asked at submission
  std::string partition, account, memory;
  std::vector<std::string> directives; ///< for sbatch, word for word
  bool resume = false;                 ///< extend a finished output
};
ExitCode slurm_command(const Sweep& sweep, const SlurmOptions& options);

/// The words of a text, broken into lines of at most `width` columns.
std::vector<std::string> wrapped(std::string_view text, std::size_t width);

enum class Format { text, json };
ExitCode plan_command(const Sweep& sweep, const BackendOptions& backend, Format format);
ExitCode info_command(const std::string& path, Format format);
ExitCode status_command(const std::string& path, Format format);
ExitCode verify_command(const std::string& path, std::size_t cells, const BackendOptions& backend);
ExitCode models_command(const std::string& model);
ExitCode bench_command(double seconds);

/// Bytes that the output file of a sweep takes at most.
double predicted_file_bytes(const Sweep& sweep);
/// Bytes at most that a run needs on the disk of its output: the output, or a shard's `share` of
/// it, and of the updates that remain parts and states.
double predicted_disk_bytes(const Sweep& sweep, double share, double updates);

/// "1.25e6" style numbers for people: 3 digits and a unit prefix.
std::string human(double value, const char* unit);
/// "2 h 5 min", "34 s", "0.2 s".
std::string human_seconds(double seconds);

} // namespace sharpsweep
