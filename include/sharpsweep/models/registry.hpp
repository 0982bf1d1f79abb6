/// \file
/// The coupled models. A line here registers one, on every backend.
#pragma once

#include "sharpsweep/models/label_noise_model.hpp"
#include "sharpsweep/models/model_list.hpp"
#include "sharpsweep/models/sam_classification_model.hpp"
#include "sharpsweep/models/sam_quadratic_model.hpp"

namespace sharpsweep {

using CoupledModels = ModelList<sam_classification::Model, sam_quadratic::Model, //
                                label_noise::Model>;

} // namespace sharpsweep
