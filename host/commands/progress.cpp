#include "host/commands/progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>

#include "host/commands/commands.hpp"

namespace sharpsweep {
namespace {

constexpr int kStopSignals[] = {SIGINT, SIGTERM, SIGUSR1, SIGHUP};
std::atomic<Progress*> watched{nullptr};

extern "C" void stop_on_signal(int signal) {
  if (Progress* progress = watched.load()) progress->stop.store(true);
  if (signal == SIGINT) std::signal(SIGINT, SIG_DFL);
}

} // namespace

ProgressMeter::ProgressMeter(Progress& progress, double total_updates, bool quiet)
    : progress_(progress), total_(total_updates) {
  if (!quiet) thread_ = std::jthread([this](const std::stop_token& token) { loop(token); });
}

ProgressMeter::~ProgressMeter() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  wake_.notify_all();
}

void ProgressMeter::loop(const std::stop_token& token) {
  using clock = std::chrono::steady_clock;
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto begin = clock::now();
  // Elsewhere than on a terminal: lines after 10 s, 20 s, 40 s, ..., at most 10 minutes apart.
  auto pause = std::chrono::milliseconds(terminal ? 200 : 10000);
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, token, pause, [&] { return token.stop_requested(); })) {
    show(std::chrono::duration<double>(clock::now() - begin).count(), terminal);
    if (!terminal) pause = std::min(2 * pause, std::chrono::milliseconds(600000));
  }
  if (terminal) std::fputs("\r\x1b[K", stderr);
}

void ProgressMeter::show(double seconds, bool terminal) const {
  const double done = progress_.updates.load();
  const double fraction = std::min(1.0, done / total_);
  const double rate = done / seconds;
  const std::string left =
      rate > 0 ? human_seconds(std::max(0.0, total_ - done) / rate) + " left" : "starting";
  const std::string speed = human(rate, "updates/s");
  if (terminal) {
    constexpr int kWidth = 30;
    const int filled = static_cast<int>(fraction * kWidth);
    const std::string bar = std::string(static_cast<std::size_t>(filled), '#') +
                            std::string(static_cast<std::size_t>(kWidth - filled), '.');
    std::fprintf(stderr, "\r[%s] %3.0f %%  %s  %s\x1b[K", bar.c_str(), 100 * fraction,
                 speed.c_str(), left.c_str());
  } else {
    std::fprintf(stderr, "sharpsweep: %3.0f %% done, %s, %s\n", 100 * fraction, speed.c_str(),
                 left.c_str());
  }
  std::fflush(stderr);
}

SignalGuard::SignalGuard(Progress& progress) {
  watched = &progress;
  for (const int signal : kStopSignals) {
    // What is ignored, as SIGHUP under nohup, stays so.
    if (std::signal(signal, &stop_on_signal) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
}

SignalGuard::~SignalGuard() {
  for (const int signal : kStopSignals) {
    if (std::signal(signal, SIG_DFL) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
  watched = nullptr;
}

} // namespace sharpsweep
