/// \file
/// Several devices on one queue of batches: all is done once, whatever devices fail.
#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <string>

#include "host/device_queue.hpp"

namespace sharpsweep {
namespace {

/// Counts how often each batch was finished, and by which devices.
struct Log {
  explicit Log(std::size_t batches) : finished(batches, 0) {}
  void add(int device, std::size_t batch) {
    const std::lock_guard lock(mutex);
    ++finished[batch];
    devices.insert(device);
  }
  bool all_once() const {
    return std::all_of(finished.begin(), finished.end(), [](int n) { return n == 1; });
  }
  std::mutex mutex;
  std::vector<int> finished;
  std::set<int> devices;
};

TEST(DeviceQueue, DoesEveryBatchOnce) {
  for (const int devices : {1, 2, 5}) {
    Log log(200);
    std::atomic<bool> stop{false};
    run_on_devices(200, devices, 3, stop, [&](int device, std::size_t b) { log.add(device, b); });
    EXPECT_TRUE(log.all_once());
  }
}

TEST(DeviceQueue, AFailingDeviceHandsItsBatchesToTheOthers) {
  for (const int sick : {0, 1, 2}) {
    Log log(100);
    std::atomic<int> failures{0};
    std::atomic<bool> stop{false};
    run_on_devices(100, 3, 2, stop, [&](int device, std::size_t b) {
      // Let the sick device get hold of a batch before the others are through.
      if (device != sick && failures == 0)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      if (device == sick) {
        ++failures;
        throw DeviceError("sick");
      }
      log.add(device, b);
    });
    EXPECT_TRUE(log.all_once());
    EXPECT_FALSE(log.devices.contains(sick));
    EXPECT_GE(failures, 1) << "the sick device was never asked";
  }
}

TEST(DeviceQueue, ADeviceThatFailsAtTheLastBatchIsStillReplaced) {
  Log log(1);
  std::atomic<bool> failed{false}, stop{false};
  run_on_devices(1, 4, 1, stop, [&](int device, std::size_t b) {
    if (!failed.exchange(true)) throw DeviceError("sick");
    log.add(device, b);
  });
  EXPECT_TRUE(log.all_once());
}

TEST(DeviceQueue, WithNoDeviceLeftTheFailureIsThrown) {
  std::atomic<bool> stop{false};
  const auto fail = [](int device, std::size_t) {
    throw DeviceError("device " + std::to_string(device));
  };
  EXPECT_THROW(run_on_devices(10, 3, 2, stop, fail), DeviceError);
  EXPECT_FALSE(stop);
}

TEST(DeviceQueue, OtherExceptionsEndTheRun) {
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  EXPECT_THROW(run_on_devices(1000, 2, 1, stop,
                              [&](int, std::size_t b) {
                                ++calls;
                                if (b == 5) throw FileError("full");
                              }),
               FileError);
  EXPECT_TRUE(stop);
  EXPECT_LT(calls, 1000);
}

TEST(DeviceQueue, StopsWhenAsked) {
  std::atomic<bool> stop{false};
  std::atomic<int> calls{0};
  run_on_devices(1000, 2, 2, stop, [&](int, std::size_t) {
    if (++calls == 10) stop = true;
  });
  EXPECT_LT(calls, 20);
}

} // namespace
} // namespace sharpsweep
