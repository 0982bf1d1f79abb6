/// \file
/// Results of the CUDA backend on the stand-in for its runtime, compared with the CPU backend's.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/cuda/stand_in.hpp"
#include "tests/parity/golden_sweep.hpp"

namespace sharpsweep::stand_in {

using UnitResults = std::vector<UnitResult>;

/// The payload of a NaN is a processor's own.
inline bool same(const std::vector<double>& a, const std::vector<double>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return (x != x && y != y) || std::memcmp(&x, &y, sizeof x) == 0;
  });
}

inline void expect_same(const UnitResults& found, const UnitResults& expected) {
  ASSERT_EQ(found.size(), expected.size());
  std::size_t cells = 0, finished = 0;
  EXPECT_EQ(differing_cells(expected, found, cells), 0U);
  for (std::size_t u = 0; u < found.size(); ++u) {
    for (const auto count : expected[u].cells.finished) finished += count;
    EXPECT_EQ(found[u].path.size(), expected[u].path.size()) << "unit " << u;
    EXPECT_TRUE(same(found[u].outcomes, expected[u].outcomes)) << "unit " << u;
    EXPECT_TRUE(same(found[u].weights, expected[u].weights)) << "unit " << u;
  }
  EXPECT_GT(finished, 0U) << "all networks diverged";
}

inline UnitResults of_cpu(const Sweep& sweep) { return results_of(sweep, *make_cpu_backend({})); }

inline void expect_nothing_in_use(int devices) {
  for (int d = 0; d < devices; ++d) {
    EXPECT_EQ(usage(d).bytes, 0U) << "device " << d;
    EXPECT_EQ(usage(d).streams, 0U) << "device " << d;
  }
}

/// Trains a sweep on new devices; expects the CPU's results, and that no call failed.
inline void expect_equal_to_cpu(const Sweep& sweep, const std::vector<Device>& devices = {{}}) {
  set_devices(devices);
  expect_same(results_of(sweep, *make_cuda_backend()), of_cpu(sweep));
  EXPECT_EQ(errors(), 0U);
  expect_nothing_in_use(static_cast<int>(devices.size()));
}

} // namespace sharpsweep::stand_in
