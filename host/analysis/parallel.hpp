/// \file
/// A loop on all cores.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// Calls work(i) for i < n on all cores; work must write to places of its own. Throws what it
/// throws first, and Interrupted when `stop` is set.
template <class Work>
void parallel_for(std::size_t n, const std::atomic<bool>& stop, Work work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::exception_ptr failure;
  const auto loop = [&] {
    try {
      for (std::size_t i = next++; i < n; i = next++) {
        stop_if_asked(stop);
        work(i);
      }
    } catch (...) {
      next = n;
      const std::lock_guard lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  {
    std::vector<std::jthread> pool;
    const std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t i = 1; i < std::min(threads, n); ++i) pool.emplace_back(loop);
    loop();
  }
  if (failure) std::rethrow_exception(failure);
}

} // namespace sharpsweep
