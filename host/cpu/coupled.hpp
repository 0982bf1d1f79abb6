/// \file
/// Trains coupled models on a CPU: every lane of a SIMD tile is one network.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "host/backend.hpp"
#include "sharpsweep/models/network.hpp"

namespace sharpsweep::cpu {

/// Advances a tile of networks of one shape. Arrays hold rows of `width` numbers of the precision,
/// a lane each, aligned to kTileAlignment.
using AdvanceTile = void (*)(const Shape& shape, const Steps& steps, const NoiseLanes& noise,
                             const std::byte* constants, std::byte* state, std::byte* work);
inline constexpr std::size_t kTileAlignment = 64;

/// Code for tiles of so many lanes.
struct TileCode {
  std::size_t width = 0;
  AdvanceTile advance = nullptr;
};

/// One model in one precision.
struct CoupledKernel {
  TileCode narrow; ///< for networks of every shape
  TileCode wide;   ///< for those that wide_serves(); width 0: there is none
  bool (*wide_serves)(const Shape&) = nullptr;

  /// The code for the next tile of `networks` of one shape: wide where it fills half a tile.
  const TileCode& for_tile(const Shape& shape, std::size_t networks) const {
    return 2 * networks > wide.width && wide.width > 0 && wide_serves(shape) ? wide : narrow;
  }
};

/// The kernels of one instruction set, by the models' places in registry.hpp.
struct CoupledKernels {
  std::string_view name;
  std::span<const CoupledKernel> f32, f64;
};
extern const CoupledKernels kScalarCoupledKernels, kAvx2CoupledKernels, kAvx512CoupledKernels;
/// \param name  of an instruction set that this machine has
const CoupledKernels& coupled_kernels_named(std::string_view name);

/// Trains one unit from start to finish on the calling thread.
/// \param earlier  the states of the unit's earlier seeds, if it has any
/// \return false when `progress.stop` was set before the end
bool train_coupled_unit(const Sweep& sweep, const WorkUnit& unit, const CoupledKernels& kernels,
                        Progress& progress, UnitResult earlier, UnitResult& result);

} // namespace sharpsweep::cpu
