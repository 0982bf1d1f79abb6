/// \file
/// Stands in for the project's list of models: the toy alone.
#pragma once

#include <cstddef>

#include "tests/toy/heavy_ball.hpp"

namespace sharpsweep {

template <class... M>
struct ModelList {
  static constexpr std::size_t size = sizeof...(M);
};

using CoupledModels = ModelList<heavy_ball::Model>;

} // namespace sharpsweep
