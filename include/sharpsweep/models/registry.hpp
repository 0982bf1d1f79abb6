/// \file
/// The coupled models. A line here registers one, on every backend.
#pragma once

#include <cstddef>

#include "sharpsweep/models/sam_quadratic_model.hpp"

namespace sharpsweep {

template <class... M>
struct ModelList {
  static constexpr std::size_t size = sizeof...(M);
};

using CoupledModels = ModelList<sam_quadratic::Model>;

} // namespace sharpsweep
