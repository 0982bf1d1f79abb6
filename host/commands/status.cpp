#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include <nlohmann/json.hpp>

#include "host/assembly.hpp"
#include "host/commands/commands.hpp"
#include "host/output/reader.hpp"
#include "host/sweep_file.hpp"

namespace sharpsweep {
namespace {

namespace fs = std::filesystem;

/// The shards of a job array lie in this folder beside the output they will become.
std::string shards_folder(const std::string& output) { return output + ".shards"; }

/// Everything that is known about a sweep on disk.
class Survey {
public:
  explicit Survey(const std::string& output) : output_(output) {
    find_sweep();
    done_ = Coverage(*sweep_);
    Pace finished;
    if (output_exists() && !replaces_output(parts_folder(output_))) take(output_, finished);
    finished = {}; // its pace is not that of the run that goes on from it
    take_folder(parts_folder(output_));
    for (const std::string& shard : list_parts(shards_folder(output_))) take(shard, finished);
    std::error_code status;
    for (const auto& entry : fs::directory_iterator(shards_folder(output_), status)) {
      if (entry.path().extension() == ".parts") take_folder(entry.path().string());
    }
    if (speed_ == 0) speed_ = finished.speed(); // as if one of the shards were left
    for (const auto& entry : fs::directory_iterator(shards_folder(output_) + "/logs", status)) {
      take_log(entry.path(), "failed: "); // what the tasks of a job array say
    }
    total_units_ = count_work_units(*sweep_);
    missing_ = missing_work(*sweep_, done_);
    if (missing_.empty()) failures_.clear();
  }

  ExitCode print(Format format) const {
    const double missing = updates(missing_), total = sweep_->updates();
    const double fraction = std::max(0.0, 1 - missing / total);
    const std::size_t units = std::min<std::size_t>(count_units(missing_), total_units_);
    const double speed = speed_;
    if (format == Format::json) {
      nlohmann::ordered_json json = {{"work_units", total_units_},
                                     {"work_units_missing", units},
                                     {"fraction_done", fraction},
                                     {"updates_missing", missing},
                                     {"output_exists", output_exists()},
                                     {"failures", failures_},
                                     {"damaged", damaged_}};
      if (speed > 0 && missing > 0) {
        json["updates_per_second"] = speed;
        json["seconds_left"] = missing / speed;
      }
      std::printf("%s\n",
                  json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
      return ExitCode::done;
    }
    std::printf("%s: %.1f %% done, %zu of %llu work units missing\n", output_.c_str(),
                100 * fraction, units, static_cast<unsigned long long>(total_units_));
    if (missing > 0 && speed > 0) {
      std::printf("about %s left at the speed seen, %s\n", human_seconds(missing / speed).c_str(),
                  human(speed, "updates/s").c_str());
    }
    if (missing > 0 && speed <= 0) std::printf("no speed was seen yet\n");
    if (missing <= 0 && !output_exists()) {
      std::printf("all is computed; what remains is to assemble '%s'\n", output_.c_str());
    }
    for (const std::string& line : damaged_) std::printf("damaged: %s\n", line.c_str());
    for (const std::string& line : failures_) std::printf("failed: %s\n", line.c_str());
    return ExitCode::done;
  }

private:
  /// Updates, and the seconds of computing that they took: pauses between runs do not count.
  struct Pace {
    double updates = 0, seconds = 0;
    double speed() const { return seconds > 0 ? updates / seconds : 0; }
  };

  bool output_exists() const {
    std::error_code status;
    return fs::exists(output_, status);
  }

  /// A run in progress says what is wanted; else the finished file does.
  void find_sweep() {
    for (const std::string& folder : {parts_folder(output_), shards_folder(output_)}) {
      const std::string path = folder + "/sweep.toml";
      std::error_code status;
      if (sweep_ || !fs::exists(path, status)) continue;
      sweep_ = Sweep::from_settings(read_sweep_file(path));
    }
    if (!sweep_ && output_exists()) sweep_ = sweep_of_file(read_root_attributes(output_), output_);
    if (!sweep_) {
      throw FileError("'" + output_ + "' does not exist, and no run has begun it: there is no '" +
                      parts_folder(output_) + "/sweep.toml' nor '" + shards_folder(output_) +
                      "/sweep.toml'");
    }
  }

  void take(const std::string& path, Pace& pace) {
    try {
      const Dataset file = read_dataset(path);
      for (const FinishedUnits& finished : units_of_file(file, path)) {
        const std::string problem = obstacle(finished.sweep, *sweep_, path);
        if (!problem.empty()) throw FileError(problem);
        mark(finished);
      }
      pace.updates += file.number("updates_computed");
      pace.seconds += file.number("wall_seconds");
    } catch (const FileError& error) {
      std::error_code status;
      if (!fs::exists(path, status)) return; // its run has ended meanwhile
      damaged_.emplace_back(error.what());
    }
  }

  void mark(const FinishedUnits& finished) {
    const Placement place(finished.sweep, *sweep_);
    for (const WorkUnit& unit : finished.units) {
      if (!fits(*sweep_, unit)) continue;
      for_each_cell(*sweep_, place, unit, [&](std::uint32_t block, std::size_t cell) {
        std::uint8_t& seeds = done_.at(block, cell);
        seeds = std::max(seeds, static_cast<std::uint8_t>(unit.seeds));
      });
    }
  }

  void take_folder(const std::string& folder) {
    Pace pace;
    for (const std::string& part : list_parts(folder)) take(part, pace);
    speed_ += pace.speed(); // folders of several shards are written side by side
    take_log(folder + "/errors.log", "");
  }

  /// The lines of a log with `word` in them; when all is done they are history.
  void take_log(const fs::path& path, const std::string& word) {
    std::ifstream log(path);
    for (std::string line; std::getline(log, line);) {
      if (line.find(word) != std::string::npos) failures_.push_back(line);
    }
  }

  std::string output_;
  std::optional<Sweep> sweep_;
  Coverage done_;
  std::uint64_t total_units_ = 0;
  std::vector<Work> missing_;
  double speed_ = 0; ///< updates per second
  std::vector<std::string> failures_, damaged_;
};

} // namespace

ExitCode status_command(const std::string& path, Format format) {
  return Survey(path).print(format);
}

} // namespace sharpsweep
