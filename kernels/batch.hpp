/// \file
/// A batch of work units on one GPU: its state in device memory, its slices, its reduction.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/backend.hpp"

namespace sharpsweep::cuda {

/// How many parts of a size hold all.
template <class T>
constexpr T parts(T all, T size) {
  return (all + size - 1) / size;
}

/// Consecutive work units of one depth and one block of seeds.
struct Batch {
  std::size_t first_unit = 0;
  std::size_t units = 0;
  std::size_t configurations = 0;
};

/// Batches in flight on each device: the next ones fill it while one reduces or tapers off.
inline constexpr unsigned kStreams = 3;

/// Bytes of device memory that one configuration of a sweep takes at a depth.
double device_bytes_per_configuration(const Sweep& sweep, int depth, std::uint32_t seeds);

/// Trains a batch on the current device and hands its units to `deliver(unit index, result)`.
/// Returns early when `progress.stop` is set. Throws DeviceError. \param earlier  see Earlier
void train_batch(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
                 const Sink& deliver, Progress& progress, const Earlier& earlier);

/// The same for a coupled model.
void train_coupled_batch(const Sweep& sweep, std::span<const WorkUnit> units, const Batch& batch,
                         const Sink& deliver, Progress& progress, const Earlier& earlier);

} // namespace sharpsweep::cuda
