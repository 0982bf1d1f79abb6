/// \file
/// The folder OUT.h5.parts beside an output: the finished work units of a run that has not written
/// its output yet.
///
///     sweep.toml          the whole sweep of the run
///     replace             there when the run replaces an output instead of extending it
///     errors.log          a line for each run that failed
///     <digest>.h5         finished units, named by their identities
///     *.tmp               being written, or left by a killed process
///
/// A part is written under a temporary name, closed, synced and renamed: whoever reads the folder,
/// at any moment, sees complete parts only. Two processes that write the same units are harmless.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "host/output/output_file.hpp"
#include "host/output/units.hpp"

namespace sharpsweep {

/// What a run does about an output, or parts, that are there already.
enum class Existing { refuse, resume, overwrite };

/// OUT.h5.parts
std::string parts_folder(const std::string& output);
/// The complete parts in a folder, in the order of their names; empty where there is no folder.
/// Throws FileError when it can't be read.
std::vector<std::string> list_parts(const std::string& folder);

/// Claims the folder. Throws FileError when another run, or an interrupted one, holds it and
/// `existing` is `refuse`; with `overwrite` it is emptied.
void claim_parts(const std::string& output, const Sweep& sweep, Existing existing);
/// Whether the parts in a folder are of a run that replaces the output which is there.
bool replaces_output(const std::string& folder);
/// Removes the folder with all that a run puts there; another file in it stays, and so does the
/// folder.
void remove_parts(const std::string& folder);
/// Removes the folder when it holds no part. Returns how many there are.
std::size_t remove_empty_parts(const std::string& folder);
/// Adds a line to the folder's errors.log, if it can.
void log_error(const std::string& folder, const std::string& sentence);

/// Writes a file under a temporary name in the folder of parts, and publishes it as `path`: a part,
/// or the output itself. Throws FileError, and Interrupted when `stop` is set meanwhile.
void write_beside_parts(const std::string& output, const std::string& path, Overwrite overwrite,
                        const Dataset& data, const std::atomic<bool>& stop = kNeverStopped);

/// Writes finished units into a folder while others are computed. Units that are handed over while
/// one part is being written go into the next one together, so that a slow disk makes fewer and
/// larger parts.
class PartWriter {
public:
  /// \param output      the output beside which the folder of parts lies
  /// \param on_failure  called once, from the writing thread, when a part can't be written
  PartWriter(std::string output, std::function<void()> on_failure);
  PartWriter(const PartWriter&) = delete;
  PartWriter& operator=(const PartWriter&) = delete;
  ~PartWriter();

  /// Takes a finished unit; waits only while too much is on its way to the disk. `sweep` has to
  /// outlive the writer.
  void add(const Sweep& sweep, const WorkUnit& unit, UnitResult&& result);
  /// Waits until all is on disk. Throws what made a part fail.
  void finish();

private:
  void loop();
  void write(const Sweep& sweep, const std::vector<WorkUnit>& units,
             const std::vector<UnitResult>& results);

  struct Pending {
    const Sweep* sweep;
    WorkUnit unit;
    UnitResult result;
    std::size_t bytes;
  };
  std::string output_, folder_;
  std::function<void()> on_failure_;
  std::chrono::steady_clock::time_point last_part_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  bool finishing_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

} // namespace sharpsweep
