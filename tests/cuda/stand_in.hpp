/// \file
/// A stand-in for the CUDA runtime, with which the CUDA backend runs where there is no GPU: the
/// objects that nvcc made are linked with it in the runtime's place.
///
/// Device memory is host memory, filled with NaNs; kernels are run from their PTX (ptx_to_cpp.py),
/// those of CUB's sum, and the trial of all square roots, by functions of our own. What is put on a
/// stream happens no sooner than somebody waits for that stream or ends it, so that a forgotten
/// wait shows. What no program may do ends this one: a copy beyond an array, an array freed twice
/// or on a device that is not the current one, a launch on another device's stream.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sharpsweep::stand_in {

struct Device {
  std::string name = "Stand-in";
  int major = 9; ///< of its compute capability
  int multiprocessors = 1;
  std::size_t memory = std::size_t{1} << 30; ///< bytes
};

/// What there is from now on; counts begin anew. Nothing may be in use.
void set_devices(std::vector<Device> devices);

/// The GPU rounds this many square roots wrongly.
void set_wrong_square_roots(unsigned count);

/// What was asked of a device.
struct Usage {
  std::uint64_t launches = 0;
  std::uint64_t training_launches = 0, training_threads = 0; ///< of ssam's training kernels
  std::size_t bytes = 0, most_bytes = 0;                     ///< in use now, and at most
  unsigned streams = 0, most_streams = 0;
};
Usage usage(int device);

/// Calls that may fail, so far: all but those that free, and those that ask for the last error.
std::uint64_t calls();
/// Calls that failed without having been told to.
std::uint64_t errors();
/// Makes call number `first` fail, counted from 0 like calls(), and `count` - 1 calls after it.
void fail_calls(std::uint64_t first, std::uint64_t count = 1);

} // namespace sharpsweep::stand_in
