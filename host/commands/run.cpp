#include <chrono>
#include <cstdio>
#include <filesystem>
#include <new>

#include "host/assembly.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/progress.hpp"
#include "host/engine.hpp"
#include "host/output/reader.hpp"

namespace sharpsweep {
namespace {

/// One run: what is there already is taken over, the rest is trained into parts, and all of it
/// becomes the output.
class Run {
public:
  /// \param notice  about the backend, to be said once all is well; may be empty
  Run(const Sweep& sweep, const RunOptions& options, Backend& backend, std::string notice,
      Progress& progress)
      : sweep_(sweep), options_(options), backend_(backend), notice_(std::move(notice)),
        progress_(progress), folder_(parts_folder(options.output)) {}

  ExitCode execute() {
    const bool may_exist = options_.existing != Existing::refuse;
    require_output(options_.output, may_exist ? Overwrite::yes : Overwrite::no,
                   "--resume extends it, --overwrite replaces it, or give another name");
    // Reading comes first: an output or parts of another sweep are left as they are.
    const std::vector<Work> work = [this] {
      try {
        return plan();
      } catch (const Interrupted& error) {
        give_up(error);
      }
    }();
    if (output_is_complete_) {
      remove_parts(folder_); // of a run that ended just after it had written its output
      say("nothing to do: '" + options_.output + "' has it all");
      return ExitCode::done;
    }
    claim_parts(options_.output, sweep_, options_.existing);
    try {
      require_space(options_.output,
                    predicted_disk_bytes(sweep_, 1.0 / options_.shard.count, updates_));
      // Only now: an error is one line.
      if (!notice_.empty()) say(notice_);
      for (const std::string& sentence : damaged_) {
        std::fprintf(stderr, "sharpsweep: %s; it will be computed again\n", sentence.c_str());
      }
      train(work);
      write();
    } catch (const Error& error) {
      give_up(error);
    } catch (const std::bad_alloc&) {
      give_up(Error(ExitCode::usage, "out of memory; 'sharpsweep plan' says what a sweep needs"));
    } catch (...) {
      remove_empty_parts(folder_);
      throw;
    }
    remove_parts(folder_);
    if (!options_.quiet) summarise();
    return ExitCode::done;
  }

private:
  bool is_shard() const { return options_.shard.count > 1; }

  void say(const std::string& sentence) const {
    if (!options_.quiet) std::fprintf(stderr, "sharpsweep: %s\n", sentence.c_str());
  }

  /// Takes over what is there and says what remains to be trained.
  std::vector<Work> plan() {
    for (const std::string& base : options_.bases) take_finished(base);
    std::vector<Work> work = missing_work(sweep_, results_.done);
    if (is_shard()) {
      base_ = results_.done;
      work = shard_of(work, options_.shard);
    }
    const double wanted = updates(work);
    if (options_.existing == Existing::resume) {
      const bool extends = !replaces_output(folder_);
      if (extends && std::filesystem::exists(options_.output)) {
        take_finished(options_.output);
        output_is_complete_ = missing_of(work).empty();
      }
      take_parts(
          sweep_, results_, folder_,
          [this](const std::string& sentence) { damaged_.push_back(sentence); }, progress_.stop);
      work = missing_of(work);
    }
    updates_ = updates(work);
    taken_over_ = (is_shard() ? wanted : sweep_.updates()) - updates_;
    return work;
  }

  /// Takes over a file of a whole sweep, if there is memory to read it.
  void take_finished(const std::string& path) {
    const Sweep finished = sweep_of_file(read_root_attributes(path), path);
    require_memory(sweep_, reading_memory(finished));
    take_file(sweep_, results_, path);
  }

  /// What is still missing of some work.
  std::vector<Work> missing_of(const std::vector<Work>& work) const {
    if (!is_shard()) return missing_work(sweep_, results_.done);
    Coverage done(sweep_); // all that the shard does not want counts as done
    for (std::uint32_t block = 0; block < results_.blocks; ++block) {
      for (std::size_t cell = 0; cell < results_.cells; ++cell) {
        done.at(block, cell) = static_cast<std::uint8_t>(seeds_of_block(sweep_, block));
      }
    }
    for (const Work& piece : work) {
      const Placement place(piece.sweep, sweep_);
      for (const WorkUnit& unit : piece.units) {
        for_each_cell(sweep_, place, unit, [&](std::uint32_t block, std::size_t cell) {
          done.at(block, cell) = results_.done.at(block, cell);
        });
      }
    }
    return missing_work(sweep_, done);
  }

  void train(const std::vector<Work>& work) {
    const auto begin = std::chrono::steady_clock::now();
    PartWriter parts(options_.output, [this] { progress_.stop = true; });
    {
      const ProgressMeter meter(progress_, updates_, options_.quiet);
      try {
        train_work(sweep_, work, results_, backend_, progress_,
                   [&](const Sweep& sweep, const WorkUnit& unit, UnitResult&& result) {
                     parts.add(sweep, unit, std::move(result));
                   });
      } catch (...) {
        parts.finish(); // what is finished is kept, whatever happened
        throw;
      }
      parts.finish();
    }
    seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  /// The share of networks that diverged, of all that are there.
  double diverged_share() const {
    double diverged = 0, all = 0;
    CellStates row;
    for (std::size_t r = 0; r < results_.state.rows(); ++r) {
      results_.state.load(r, row);
      for (std::size_t t = 0; t < row.size(); ++t) {
        diverged += row.diverged[t];
        all += row.finished[t] + row.diverged[t];
      }
    }
    return all > 0 ? diverged / all : 0;
  }

  void write() {
    stop_if_asked(progress_.stop);
    diverged_ = diverged_share(); // now: when the output is there nothing may fail
    const Origin origin{options_.command_line, backend_.name(), backend_.device(), updates_,
                        seconds_};
    const Dataset data = is_shard() ? shard_file(sweep_, results_, base_, options_.shard, origin)
                                    : result_file(sweep_, results_, origin, progress_.stop);
    stop_if_asked(progress_.stop);
    write_beside_parts(options_.output, options_.output,
                       options_.existing == Existing::refuse ? Overwrite::no : Overwrite::yes, data,
                       progress_.stop);
    if (const std::string* text = data.text("digest")) digest_ = *text;
  }

  /// Ends a run that failed: says what is kept and how to go on.
  [[noreturn]] void give_up(const Error& error) const {
    if (error.exit_code != ExitCode::interrupted) log_error(folder_, error.what());
    const std::size_t kept = remove_empty_parts(folder_);
    std::string go_on;
    if (kept > 0) {
      go_on = "; what is finished is kept in '" + folder_ + "', and --resume goes on with it";
    } else if (error.exit_code == ExitCode::interrupted) {
      go_on =
          "; nothing of '" + options_.output + "' was finished yet, start the same command again";
    }
    throw Error(error.exit_code, error.what() + go_on);
  }

  void summarise() const {
    std::string what = human(static_cast<double>(sweep_.networks()), "") + " networks";
    const std::string coordinates =
        sweep_.coupled ? "" : " of " + std::to_string(sweep_.target.size()) + " coordinates";
    if (is_shard()) what = "shard " + shard_text(options_.shard) + " of " + what;
    std::printf("%s: %s%s, %s updates in %s (%s)\n", options_.output.c_str(), what.c_str(),
                coordinates.c_str(), human(updates_, "").c_str(), human_seconds(seconds_).c_str(),
                human(updates_ / seconds_, "updates/s").c_str());
    if (taken_over_ > 0) {
      std::printf("%s updates were there already\n", human(taken_over_, "").c_str());
    }
    if (diverged_ > 0) {
      std::printf("%.3g %% of the %s diverged; see the variable 'diverged'\n", 100 * diverged_,
                  sweep_.coupled ? "networks" : "coordinates");
    }
    if (!digest_.empty()) std::printf("digest %s\n", digest_.c_str());
  }

  const Sweep& sweep_;
  const RunOptions& options_;
  Backend& backend_;
  std::string notice_;
  Progress& progress_;
  std::string folder_;
  Results results_{sweep_, options_.output};
  Coverage base_;
  std::vector<std::string> damaged_;
  bool output_is_complete_ = false;
  double updates_ = 0, taken_over_ = 0, seconds_ = 0, diverged_ = 0;
  std::string digest_;
};

} // namespace

std::string human(double value, const char* unit) {
  constexpr const char* kPrefix[] = {"", "k", "M", "G", "T", "P"};
  std::size_t i = 0;
  while (value >= 999.5 && i + 1 < std::size(kPrefix)) {
    value /= 1000;
    ++i;
  }
  char text[64];
  std::snprintf(text, sizeof text,
                value < 99.95 && (i > 0 || value != static_cast<int>(value)) ? "%.3g %s%s"
                                                                             : "%.0f %s%s",
                value, kPrefix[i], unit);
  const std::string result = text;
  return result.ends_with(' ') ? result.substr(0, result.size() - 1) : result;
}

std::string human_seconds(double seconds) {
  char text[64];
  if (seconds < 10) {
    std::snprintf(text, sizeof text, "%.1f s", seconds);
  } else if (seconds < 120) {
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  } else if (seconds < 7200) {
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  } else if (seconds < 172800) {
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  } else {
    std::snprintf(text, sizeof text, "%.1f days", seconds / 86400);
  }
  return text;
}

std::unique_ptr<Backend> make_backend(const BackendOptions& options, std::string* notice) {
  if (options.backend != "cpu") {
    try {
      return make_cuda_backend();
    } catch (const DeviceError& error) {
      if (options.backend == "cuda") {
        throw DeviceError(std::string(error.what()) + "; --backend cpu gives the same results");
      }
      if (notice) *notice = std::string("using the CPU; ") + error.what();
    }
  }
  return make_cpu_backend(options.cpu);
}

ExitCode run_command(const Sweep& sweep, const RunOptions& options) {
  Progress progress;
  const SignalGuard signals(progress);
  std::string notice;
  const std::unique_ptr<Backend> backend = make_backend(options.backend, &notice);
  require_memory(sweep, backend->working_memory(sweep));
  return Run(sweep, options, *backend, notice, progress).execute();
}

} // namespace sharpsweep
