/// \file
/// Files that are complete or not there: written to a unique temporary name, closed, synced,
/// renamed.
#pragma once

#include <atomic>
#include <string>

#include "host/dataset.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

enum class Overwrite { no, yes };

/// The folder of a path, "." for a bare name.
std::string folder_of(const std::string& path);
/// Syncs a folder's names as far as the file system can. Throws FileError, which names the file
/// `shown`, when the disk fails.
void sync_folder(const std::string& folder, const std::string& shown);
/// Writes and syncs a small text file through a temporary name. Throws FileError.
void write_text_file(const std::string& path, const std::string& text);

/// Throws FileError when `path` can't become an output file: a folder, no regular file, in a folder
/// that is missing, or there already (unless `overwrite`).
/// \param ways_out  what to do about a file that is there, for the sentence
void require_output(const std::string& path, Overwrite overwrite, const std::string& ways_out);
/// Throws FileError naming `path` when its folder's disk has less than `bytes` free.
void require_space(const std::string& path, double bytes);

/// A temporary file, gone with this object unless it was published. Where another process removes
/// it, or its folder, the error is a VanishedError.
class TemporaryFile {
public:
  /// \param stem   what its name begins with; host, process and a number make it unique, so that
  ///               processes of several hosts can write side by side
  /// \param shown  the name that errors give: the file that it shall become
  /// Throws FileError when it can't be made.
  TemporaryFile(const std::string& stem, std::string shown);
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  /// Writes the dataset and its checksum, closes and syncs. Throws FileError, and Interrupted when
  /// `stop` is set meanwhile.
  void write(const Dataset& dataset, const std::atomic<bool>& stop = kNeverStopped);
  void write(const std::string& text);
  /// Gives the file its final name. With `Overwrite::no` a name that appeared meanwhile is not
  /// replaced. Throws FileError.
  void publish(const std::string& path, Overwrite overwrite);

private:
  std::string path_;
  std::string shown_;
};

} // namespace sharpsweep
