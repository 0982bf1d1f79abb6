/// \file
/// A list of coupled models.
#pragma once

#include <cstddef>
#include <type_traits>

namespace sharpsweep {

template <class... M>
struct ModelList {
  static constexpr std::size_t size = sizeof...(M);
  template <class N>
  static constexpr std::size_t index_of() {
    std::size_t index = 0;
    ((std::is_same_v<M, N> ? false : (++index, true)) && ...);
    return index;
  }
};

} // namespace sharpsweep
