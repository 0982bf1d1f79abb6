#include "host/output/parts.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <filesystem>

#include "sharpsweep/numerics/sha256.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

/// Results on their way to the disk may take this much memory.
constexpr std::size_t kMaxPendingBytes = 256u << 20;
/// Between two parts passes this share of the time since the run began, and at most the longest:
/// enough to keep long runs from filling a folder with small files.
constexpr double kPauseShare = 0.01;
constexpr std::chrono::duration<double> kLongestPause{1.0};

constexpr const char* kSweepFile = "sweep.toml";
constexpr const char* kReplaceFile = "replace";
constexpr const char* kErrorLog = "errors.log";

bool is_part(const fs::path& path) { return path.extension() == ".h5"; }

/// What a run puts into the folder, and nothing else.
bool is_ours(const fs::path& path) {
  const std::string name = path.filename().string();
  return is_part(path) || path.extension() == ".tmp" || name == kSweepFile ||
         name == kReplaceFile || name == kErrorLog;
}

std::string reason() { return std::strerror(errno); }

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[32] = "";
  if (::gmtime_r(&now, &utc)) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string host_and_process() {
  char host[256] = "host";
  if (::gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "host");
  return std::string(host) + " process " + std::to_string(::getpid());
}

/// Makes a folder and syncs its name. Returns false when it is there already.
bool make_folder(const std::string& folder, const std::string& shown) {
  if (::mkdir(folder.c_str(), 0777) == 0) {
    sync_folder(folder_of(folder), shown);
    return true;
  }
  if (errno != EEXIST) throw FileError("'" + shown + "' can't be written: " + reason());
  return false;
}

/// Calls write(), and calls it again in the folder made anew where what it wrote vanished: a second
/// process with the same output has finished meanwhile and removed the folder.
template <class Write>
void write_into(const std::string& output, const Write& write) {
  constexpr int kAttempts = 9; // as many processes would have to finish just then
  for (int attempt = 1;; ++attempt) {
    try {
      write();
      return;
    } catch (const VanishedError&) {
      if (attempt == kAttempts) throw;
      make_folder(parts_folder(output), output);
    }
  }
}

} // namespace

std::string parts_folder(const std::string& output) { return output + ".parts"; }

std::vector<std::string> list_parts(const std::string& folder) {
  std::vector<std::string> list;
  std::error_code status;
  for (fs::directory_iterator entry(folder, status), end; !status && entry != end;
       entry.increment(status)) {
    if (is_part(entry->path())) list.push_back(entry->path().string());
  }
  if (status && status != std::errc::no_such_file_or_directory) {
    throw FileError("'" + folder + "' can't be read: " + status.message());
  }
  std::sort(list.begin(), list.end());
  return list;
}

bool replaces_output(const std::string& folder) {
  std::error_code status;
  return fs::exists(folder + "/" + kReplaceFile, status);
}

void claim_parts(const std::string& output, const Sweep& sweep, Existing existing) {
  const std::string folder = parts_folder(output);
  const bool made = make_folder(folder, output);
  if (!made && existing == Existing::refuse) {
    throw FileError("'" + folder +
                    "' exists: another run is writing there, or one was interrupted; --resume goes "
                    "on with it, --overwrite starts afresh");
  }
  if (!made && existing == Existing::overwrite) {
    for (const std::string& part : list_parts(folder)) ::unlink(part.c_str());
    ::unlink((folder + "/" + kErrorLog).c_str());
  }
  try {
    write_into(output, [&] {
      write_text_file(folder + "/" + kSweepFile, sweep.text());
      if (existing == Existing::overwrite) write_text_file(folder + "/" + kReplaceFile, "");
    });
  } catch (const FileError&) {
    if (made) remove_parts(folder);
    throw;
  }
}

void remove_parts(const std::string& folder) {
  std::vector<std::string> files;
  std::error_code status;
  for (fs::directory_iterator entry(folder, status), end; !status && entry != end;
       entry.increment(status)) {
    if (is_ours(entry->path())) files.push_back(entry->path().string());
  }
  for (const std::string& file : files) ::unlink(file.c_str());
  ::rmdir(folder.c_str());
}

std::size_t remove_empty_parts(const std::string& folder) {
  try {
    const std::size_t count = list_parts(folder).size();
    if (count == 0) remove_parts(folder);
    return count;
  } catch (const FileError&) {
    return 1; // it can't be read: nothing says that it is empty
  }
}

void log_error(const std::string& folder, const std::string& sentence) {
  std::FILE* file = std::fopen((folder + "/" + kErrorLog).c_str(), "a");
  if (!file) return;
  std::fprintf(file, "%s %s: %s\n", utc_now().c_str(), host_and_process().c_str(),
               sentence.c_str());
  std::fclose(file);
}

void write_beside_parts(const std::string& output, const std::string& path, Overwrite overwrite,
                        const Dataset& data, const std::atomic<bool>& stop) {
  const std::string folder = parts_folder(output);
  write_into(output, [&] {
    TemporaryFile temporary(folder + "/" + fs::path(path).filename().string(), output);
    temporary.write(data, stop);
    temporary.publish(path, overwrite);
  });
}

PartWriter::PartWriter(std::string output, std::function<void()> on_failure)
    : output_(std::move(output)), folder_(parts_folder(output_)),
      on_failure_(std::move(on_failure)) {
  thread_ = std::thread([this] { loop(); });
}

PartWriter::~PartWriter() {
  {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void PartWriter::add(const Sweep& sweep, const WorkUnit& unit, UnitResult&& result) {
  const auto bytes = static_cast<std::size_t>(result.bytes());
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return pending_bytes_ < kMaxPendingBytes || failure_; });
  if (failure_) return; // finish() tells
  pending_.push_back({&sweep, unit, std::move(result), bytes});
  pending_bytes_ += bytes;
  changed_.notify_all();
}

void PartWriter::finish() {
  std::unique_lock lock(mutex_);
  finishing_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return pending_bytes_ == 0 || failure_; });
  if (failure_) std::rethrow_exception(failure_);
}

void PartWriter::loop() {
  const auto begin = Clock::now();
  last_part_ = begin;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return !pending_.empty() || finishing_; });
    if (pending_.empty()) return;
    std::vector<Pending> taken;
    taken.swap(pending_);
    std::size_t bytes = 0;
    for (const Pending& one : taken) bytes += one.bytes;
    lock.unlock();
    try {
      // One part holds units of one sweep; they come in its order.
      for (std::size_t i = 0; i < taken.size();) {
        const Sweep* sweep = taken[i].sweep;
        std::vector<WorkUnit> units;
        std::vector<UnitResult> results;
        for (; i < taken.size() && taken[i].sweep == sweep; ++i) {
          units.push_back(taken[i].unit);
          results.push_back(std::move(taken[i].result));
        }
        write(*sweep, units, results);
      }
    } catch (...) {
      lock.lock();
      failure_ = std::current_exception();
      changed_.notify_all();
      on_failure_();
      return;
    }
    lock.lock();
    pending_bytes_ -= bytes;
    changed_.notify_all();
    const std::chrono::duration<double> pause =
        std::min(kPauseShare * std::chrono::duration<double>(Clock::now() - begin), kLongestPause);
    changed_.wait_for(lock, pause,
                      [&] { return finishing_ || pending_bytes_ >= kMaxPendingBytes; });
  }
}

void PartWriter::write(const Sweep& sweep, const std::vector<WorkUnit>& units,
                       const std::vector<UnitResult>& results) {
  Sha256 hash;
  for (const WorkUnit& unit : units) hash.update(identity(sweep, unit));
  double trained = 0;
  for (const WorkUnit& unit : units) trained += updates(sweep, unit);
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_part_).count();
  last_part_ = now;
  Dataset file;
  file.attributes = provenance(sweep);
  file.attributes.insert(file.attributes.end(),
                         {{"updates_computed", trained}, {"wall_seconds", seconds}});
  const auto result_of = [&](std::size_t u, Wanted) -> const UnitResult& { return results[u]; };
  file.groups.push_back(
      {units_group_name(0), units_to_group(sweep, units, result_of, Networks::kept)});
  write_beside_parts(output_, folder_ + "/" + hash.hex().substr(0, 32) + ".h5", Overwrite::yes,
                     file);
}

} // namespace sharpsweep
