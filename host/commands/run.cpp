#include <chrono>
#include <cstdio>
#include <ctime>

#include "host/analysis/phase_diagram.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/progress.hpp"
#include "host/engine.hpp"
#include "host/version.hpp"

namespace sharpsweep {
namespace {

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  char text[32] = "";
  if (::gmtime_r(&now, &utc)) std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

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
  std::string notice;
  const std::unique_ptr<Backend> backend = make_backend(options.backend, &notice);
  require_memory(sweep, *backend);
  OutputFile output(options.output, options.overwrite, predicted_file_bytes(sweep));
  // Only now: an error is one line.
  if (!options.quiet && !notice.empty()) std::fprintf(stderr, "sharpsweep: %s\n", notice.c_str());

  const auto begin = std::chrono::steady_clock::now();
  Progress progress;
  const SignalGuard signals(progress);
  Results results = [&] {
    const ProgressMeter meter(progress, sweep.updates(), options.quiet);
    try {
      return run_sweep(sweep, *backend, progress);
    } catch (const Interrupted&) {
      throw Interrupted("interrupted; nothing was written to '" + options.output +
                        "'; start the same command again");
    }
  }();
  Dataset data = phase_diagram(sweep, results);
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const std::string sum = digest(data);
  data.attributes = {
      {"Conventions", "CF-1.8"},
      {"title", "Phase diagram of stochastic SAM on diagonal linear networks"},
      {"history", timestamp() + " " + options.command_line},
      {"references", "G. Clara, S. Langer, J. Schmidt-Hieber, arXiv 2503.11891 (2025)"},
      {"model", sweep.model},
      {"sweep", sweep.text()},
      {"sharpsweep_version", kVersion},
      {"numeric_version", std::vector<std::int64_t>{kNumericVersion}},
      {"git_revision", git_revision()},
      {"backend", backend->name()},
      {"device", backend->device()},
      {"digest", sum},
      {"updates", sweep.updates()},
      {"wall_seconds", seconds},
  };
  output.write(data);
  if (!options.quiet) {
    const double diverged = static_cast<double>(progress.diverged.load());
    std::printf("%s: %s networks of %zu coordinates, %s updates in %s (%s)\n",
                options.output.c_str(), human(static_cast<double>(sweep.networks()), "").c_str(),
                sweep.target.size(), human(sweep.updates(), "").c_str(),
                human_seconds(seconds).c_str(),
                human(sweep.updates() / seconds, "updates/s").c_str());
    if (diverged > 0) {
      std::printf(
          "%.3g %% of the coordinates diverged; see the variable 'diverged'\n",
          100 * diverged /
              (static_cast<double>(sweep.networks()) * static_cast<double>(sweep.target.size())));
    }
    std::printf("digest %s\n", sum.c_str());
  }
  return ExitCode::done;
}

} // namespace sharpsweep
