#include <algorithm>
#include <chrono>
#include <cstdio>
#include <thread>

#include <nlohmann/json.hpp>

#include "host/commands/commands.hpp"
#include "host/engine.hpp"

namespace sharpsweep {
namespace {

constexpr double kCalibrationSeconds = 0.3;

/// Updates per second on a small piece of the sweep.
double measure_rate(Sweep piece, Backend& backend) {
  std::vector<std::vector<std::size_t>> kept;
  for (const Axis& axis : piece.axes()) {
    // Depths cost differently: all of them. Else enough to fill a device.
    const std::size_t most = axis.name == "depth"       ? axis.values.size()
                             : axis.name == "init"      ? 4
                             : axis.name == "step_size" ? 2
                             : axis.name == "target"    ? 256
                                                        : 16;
    std::vector<std::size_t>& indices = kept.emplace_back(std::min(axis.values.size(), most));
    // Spread over the axis: of a coupled model the ends may cost differently, too.
    for (std::size_t i = 0; i < indices.size(); ++i) {
      indices[i] = i * axis.values.size() / indices.size();
    }
  }
  piece = piece.part(kept);
  piece.seeds = std::min(piece.seeds, kSeedBlock);
  piece.record = 0;
  piece.save = Save::mean;
  const std::vector<WorkUnit> units = plan_work_units(piece);
  Progress progress;
  const auto begin = std::chrono::steady_clock::now();
  std::jthread timer([&](const std::stop_token& token) {
    for (int i = 0; i < 30 && !token.stop_requested(); ++i) {
      std::this_thread::sleep_for(std::chrono::duration<double>(kCalibrationSeconds / 30));
    }
    progress.stop = true;
  });
  backend.train(piece, units, [](std::size_t, UnitResult&&) {}, progress, {});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  timer.request_stop();
  return std::max(progress.updates.load(), 1.0) / seconds;
}

} // namespace

double predicted_file_bytes(const Sweep& sweep) {
  const double cells =
      static_cast<double>(sweep.configurations()) * static_cast<double>(sweep.cells_per_network());
  const auto parameters = static_cast<double>(sweep.outcome_size());
  double values = cells * (3 * parameters + 3 + 2 * parameters * sweep.record) +
                  7.0 * static_cast<double>(sweep.configurations());
  if (sweep.coupled) {
    for (const OrderParameterInfo& info : sweep.coupled->predictions()) {
      values += cells * static_cast<double>(info.count);
    }
  }
  if (sweep.save != Save::mean) values += cells * sweep.seeds * parameters;
  if (sweep.save == Save::weights) {
    values += cells * sweep.seeds * static_cast<double>(sweep.most_weights());
  }
  // The work units: of each cell and seed block three counts, two moments a parameter, an index.
  const double states = cells * seed_blocks(sweep) * (1.0 + sweep.record);
  values += states * (4 + 2 * parameters);
  const double units = static_cast<double>(count_work_units(sweep)) * 80;
  constexpr double kOverhead = 131072; // headers, scales and attributes
  return 8 * values + cells + units + kOverhead + 2.0 * static_cast<double>(sweep.text().size());
}

double predicted_disk_bytes(const Sweep& sweep, double share, double updates) {
  const double to_come = updates / sweep.updates();
  return predicted_file_bytes(sweep) * (share + to_come) + table_bytes(sweep) * to_come;
}

ExitCode plan_command(const Sweep& sweep, const BackendOptions& options, Format format) {
  const std::unique_ptr<Backend> backend = make_backend(options);
  const double memory = result_memory(sweep) + backend->working_memory(sweep);
  const double disk = predicted_disk_bytes(sweep, 1, sweep.updates());
  const double rate = measure_rate(sweep, *backend);
  const double seconds = sweep.updates() / rate;
  if (format == Format::json) {
    const nlohmann::ordered_json plan = {{"model", sweep.model},
                                         {"configurations", sweep.configurations()},
                                         {"networks", sweep.networks()},
                                         {"coordinates", sweep.cells_per_network()},
                                         {"steps", sweep.steps},
                                         {"updates", sweep.updates()},
                                         {"memory_bytes", memory},
                                         {"available_memory_bytes", available_memory()},
                                         {"file_bytes_at_most", predicted_file_bytes(sweep)},
                                         {"disk_bytes_at_most", disk},
                                         {"work_units", count_work_units(sweep)},
                                         {"backend", backend->name()},
                                         {"device", backend->device()},
                                         {"updates_per_second", rate},
                                         {"seconds", seconds}};
    std::printf("%s\n", plan.dump(2).c_str());
    return ExitCode::done;
  }
  std::printf("model          %s\n", sweep.model.c_str());
  std::string grid;
  for (const Axis& axis : sweep.axes()) {
    grid += (grid.empty() ? "" : " x ") + axis.name + " " + std::to_string(axis.values.size());
  }
  std::printf("grid           %s, seeds %u\n", grid.c_str(), sweep.seeds);
  const std::string coordinates =
      sweep.coupled ? "" : " of " + std::to_string(sweep.target.size()) + " coordinates";
  std::printf("networks       %llu%s, %llu steps each\n",
              static_cast<unsigned long long>(sweep.networks()), coordinates.c_str(),
              static_cast<unsigned long long>(sweep.steps));
  std::printf("updates        %.4g\n", sweep.updates());
  std::printf("work units     %llu\n", static_cast<unsigned long long>(count_work_units(sweep)));
  std::printf("memory         %s (%s free)\n", human(memory, "B").c_str(),
              human(available_memory(), "B").c_str());
  std::printf("file           at most %s; %s of disk while it is computed\n",
              human(predicted_file_bytes(sweep), "B").c_str(), human(disk, "B").c_str());
  std::printf("backend        %s: %s\n", backend->name().c_str(), backend->device().c_str());
  std::printf("time           about %s at %s (measured for %.1f s on this machine)\n",
              human_seconds(seconds).c_str(), human(rate, "updates/s").c_str(),
              kCalibrationSeconds);
  if (memory > available_memory()) {
    std::printf("this sweep does not fit into this machine's memory\n");
  }
  return ExitCode::done;
}

} // namespace sharpsweep
