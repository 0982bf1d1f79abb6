/// \file
/// The tiles of coupled models as templates over the value types of an instruction set. Included by
/// one source file per instruction set, which alone is compiled with that set's flags.
#pragma once

#include "host/cpu/coupled.hpp"
#include "sharpsweep/models/registry.hpp"

namespace sharpsweep::cpu {

template <class M, class R>
void advance_tile(const Shape& shape, const Steps& steps, const NoiseLanes& noise,
                  const std::byte* constants, std::byte* state, std::byte* work) {
  M::template advance<R>(shape, steps, noise, reinterpret_cast<const R*>(constants),
                         reinterpret_cast<R*>(state), reinterpret_cast<R*>(work));
}

template <class M, class R>
constexpr TileCode tile_code() {
  return {static_cast<std::size_t>(ValueTraits<R>::width), &advance_tile<M, R>};
}

/// Keyed by R, as all code of an instruction set: the linker must not share it with others.
template <class M, class R>
bool has_few_numbers(const Shape& shape) {
  return M::few_numbers(shape);
}

template <class M, class Narrow, class Wide>
constexpr CoupledKernel make_coupled_kernel() {
  CoupledKernel kernel{tile_code<M, Narrow>(), {}, nullptr};
  if constexpr (kWideTile<Wide> && requires(const Shape& shape) { M::few_numbers(shape); }) {
    kernel.wide = tile_code<M, Wide>();
    kernel.wide_serves = &has_few_numbers<M, Wide>;
  }
  return kernel;
}

/// A table of every model, and one more entry so that it is never empty.
template <class Narrow, class Wide, class List>
struct CoupledTable;
template <class Narrow, class Wide, class... M>
struct CoupledTable<Narrow, Wide, ModelList<M...>> {
  static constexpr CoupledKernel entries[] = {make_coupled_kernel<M, Narrow, Wide>()..., {}};
};

/// \tparam F32, F64  of narrow tiles; the same where there are no wide ones
template <class F32, class F64, class WideF32 = F32, class WideF64 = F64>
constexpr CoupledKernels make_coupled_kernels(std::string_view name) {
  return {name, std::span<const CoupledKernel>(CoupledTable<F32, WideF32, CoupledModels>::entries),
          std::span<const CoupledKernel>(CoupledTable<F64, WideF64, CoupledModels>::entries)};
}

} // namespace sharpsweep::cpu
