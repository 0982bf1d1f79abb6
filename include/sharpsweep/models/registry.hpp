/// \file
/// The coupled models. A line here registers one, on every backend.
#pragma once

#include <cstddef>

#include "sharpsweep/models/label_noise_model.hpp"
#include "sharpsweep/models/sam_classification_model.hpp"
#include "sharpsweep/models/sam_quadratic_model.hpp"

namespace sharpsweep {

template <class... M>
struct ModelList {
  static constexpr std::size_t size = sizeof...(M);
};

using CoupledModels = ModelList<sam_classification::Model, sam_quadratic::Model, //
                                label_noise::Model>;

} // namespace sharpsweep
