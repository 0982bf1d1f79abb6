/// \file
/// A list of coupled models.
#pragma once

#include <cstddef>

namespace sharpsweep {

template <class... M>
struct ModelList {
  static constexpr std::size_t size = sizeof...(M);
};

} // namespace sharpsweep
