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

/// A table of every model, and one more entry so that it is never empty.
template <class R, class List>
struct CoupledTable;
template <class R, class... M>
struct CoupledTable<R, ModelList<M...>> {
  static constexpr AdvanceTile entries[] = {&advance_tile<M, R>..., nullptr};
};

template <class F32, class F64>
constexpr CoupledKernels make_coupled_kernels(std::string_view name) {
  return {name, static_cast<std::size_t>(ValueTraits<F32>::width),
          static_cast<std::size_t>(ValueTraits<F64>::width),
          std::span<const AdvanceTile>(CoupledTable<F32, CoupledModels>::entries),
          std::span<const AdvanceTile>(CoupledTable<F64, CoupledModels>::entries)};
}

} // namespace sharpsweep::cpu
