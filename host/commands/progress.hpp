/// \file
/// Shows the progress of a run on standard error, and turns signals into a stop.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "host/backend.hpp"

namespace sharpsweep {

/// From construction to destruction, prints done / total, updates per second and time left: a bar
/// on a terminal, sparse lines elsewhere.
class ProgressMeter {
public:
  ProgressMeter(Progress& progress, double total_updates, bool quiet);
  ~ProgressMeter();

private:
  void loop(const std::stop_token& token);
  void show(double seconds, bool terminal) const;

  Progress& progress_;
  double total_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

/// While it lives, SIGINT, SIGTERM, SIGUSR1 and SIGHUP set `progress.stop`; a second SIGINT ends at
/// once.
class SignalGuard {
public:
  explicit SignalGuard(Progress& progress);
  ~SignalGuard();
};

} // namespace sharpsweep
