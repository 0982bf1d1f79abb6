/// \file
/// One queue of batches for several devices: each takes the next one, and a device that fails hands
/// its batch to the others.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// Calls work(device, batch) for every batch below `batches`, from `streams` threads a device. A
/// DeviceError retires the thread that met it and puts its batch back; when none is left, it is
/// thrown. Any other exception sets `stop` and is thrown. Returns early when `stop` is set.
template <class Work>
void run_on_devices(std::size_t batches, int devices, unsigned streams, std::atomic<bool>& stop,
                    const Work& work) {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::size_t> waiting; // batches that no device is working on
  for (std::size_t b = 0; b < batches; ++b) waiting.push_back(b);
  std::size_t open = batches; // not finished yet
  std::exception_ptr failure, device_failure;

  // False when all is done or stopped. While batches are in flight elsewhere it waits: a device
  // that fails hands its own back.
  const auto take = [&](std::size_t& batch) {
    std::unique_lock lock(mutex);
    while (waiting.empty() && open > 0 && !stop) {
      changed.wait_for(lock, std::chrono::milliseconds(100)); // nobody announces a stop
    }
    if (waiting.empty() || stop) return false;
    batch = waiting.front();
    waiting.pop_front();
    return true;
  };
  const auto serve = [&](int device) {
    std::size_t batch = 0;
    while (take(batch)) {
      std::exception_ptr thrown;
      bool device_failed = false;
      try {
        work(device, batch);
      } catch (const DeviceError&) {
        thrown = std::current_exception();
        device_failed = true;
      } catch (...) {
        thrown = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      changed.notify_all();
      if (!thrown) {
        --open;
      } else if (device_failed) {
        waiting.push_back(batch);
        device_failure = thrown;
        return;
      } else {
        if (!failure) failure = thrown;
        stop = true;
        return;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (int device = 0; device < devices; ++device) {
      for (unsigned i = 0; i < streams; ++i) threads.emplace_back(serve, device);
    }
  }
  if (failure) std::rethrow_exception(failure);
  if (!stop && open > 0) std::rethrow_exception(device_failure);
}

} // namespace sharpsweep
