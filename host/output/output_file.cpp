#include "host/output/output_file.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "host/output/checksum.hpp"
#include "host/output/writer.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(const std::string& shown, int reason) {
  const std::string sentence = "'" + shown + "' can't be written: " + std::strerror(reason);
  if (reason == ENOENT) throw VanishedError(sentence);
  throw FileError(sentence);
}

void sync(const std::string& path, const std::string& shown) {
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  if (descriptor < 0) fail(shown, errno);
  const bool synced = ::fsync(descriptor) == 0;
  const int reason = errno;
  const bool closed = ::close(descriptor) == 0;
  if (!synced || !closed) fail(shown, synced ? errno : reason);
}

} // namespace

std::string folder_of(const std::string& path) {
  const fs::path file(path);
  return file.has_parent_path() ? file.parent_path().string() : ".";
}

void sync_folder(const std::string& folder, const std::string& shown) {
  // Syncing names may be impossible (no right to read the folder, a network file system); that is
  // no failure. A disk that fails is.
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) return;
  const bool failed = ::fsync(descriptor) != 0 && errno != EINVAL && errno != ENOTSUP;
  const int reason = errno;
  ::close(descriptor);
  if (failed) fail(shown, reason);
}

void require_output(const std::string& path, Overwrite overwrite, const std::string& ways_out) {
  const fs::path output(path);
  std::error_code status;
  if (output.filename().empty() || fs::is_directory(output, status)) {
    throw FileError("'" + path + "' is a folder; name the output file in it");
  }
  if (fs::exists(output, status) && !fs::is_regular_file(output, status)) {
    throw FileError("'" + path + "' is not a regular file; name another output file");
  }
  // A link that leads nowhere is a name that is taken, too.
  if (overwrite == Overwrite::no && fs::exists(fs::symlink_status(output, status))) {
    throw FileError("'" + path + "' exists; " + ways_out);
  }
  const std::string folder = folder_of(path);
  if (!fs::is_directory(folder, status)) {
    throw FileError("the folder '" + folder + "' " +
                    (fs::exists(folder, status) ? "is a file" : "does not exist"));
  }
}

void require_space(const std::string& path, double bytes) {
  struct statvfs disk {};
  if (::statvfs(folder_of(path).c_str(), &disk) != 0) return;
  const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
  if (free >= bytes) return;
  char sizes[128];
  std::snprintf(sizes, sizeof sizes, "it needs up to %.3g MB and the disk has %.3g MB free",
                bytes / 1e6, free / 1e6);
  throw FileError("'" + path + "' can't be written: " + sizes);
}

void write_text_file(const std::string& path, const std::string& text) {
  TemporaryFile file(path, path);
  file.write(text);
  file.publish(path, Overwrite::yes);
}

TemporaryFile::TemporaryFile(const std::string& stem, std::string shown)
    : shown_(std::move(shown)) {
  static std::atomic<unsigned> count{0};
  char host[256] = "host";
  if (::gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "host");
  const std::string begin = stem + "." + host + "." + std::to_string(::getpid()) + ".";
  // A process that was killed may have left a file under the same host and process id.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    path_ = begin + std::to_string(count++) + ".tmp";
    const int descriptor = ::open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0666);
    if (descriptor >= 0) {
      ::close(descriptor);
      return;
    }
    if (errno != EEXIST) break;
  }
  const int reason = errno;
  path_.clear();
  fail(shown_, reason);
}

TemporaryFile::~TemporaryFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

void TemporaryFile::write(const Dataset& dataset, const std::atomic<bool>& stop) {
  try {
    write_hdf5(path_, shown_, dataset, stop);
    stop_if_asked(stop);
    append_checksum(path_, shown_);
  } catch (const FileError&) {
    std::error_code status;
    if (!fs::exists(path_, status)) fail(shown_, ENOENT); // whatever the library made of it
    throw;
  }
  sync(path_, shown_);
}

void TemporaryFile::write(const std::string& text) {
  std::FILE* file = std::fopen(path_.c_str(), "wb");
  const bool written = file && std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int reason = errno;
  const bool closed = file && std::fclose(file) == 0;
  if (!written || !closed) fail(shown_, written ? errno : reason);
  sync(path_, shown_);
}

void TemporaryFile::publish(const std::string& path, Overwrite overwrite) {
  // link() refuses a name that appeared meanwhile; rename() would silently replace it.
  if (overwrite == Overwrite::no && ::link(path_.c_str(), path.c_str()) == 0) {
    ::unlink(path_.c_str());
  } else {
    if (overwrite == Overwrite::no && errno == EEXIST) {
      throw FileError("'" + path + "' appeared during the run; nothing was replaced");
    }
    // Asked for, or a file system without hard links.
    if (::rename(path_.c_str(), path.c_str()) != 0) fail(shown_, errno);
  }
  path_.clear();
  sync_folder(folder_of(path), shown_);
}

} // namespace sharpsweep
