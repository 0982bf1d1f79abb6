/// \file
/// Stands in for the project's list of models: the toy alone.
#pragma once

#include "sharpsweep/models/model_list.hpp"
#include "tests/toy/heavy_ball.hpp"

namespace sharpsweep {

using CoupledModels = ModelList<heavy_ball::Model>;

} // namespace sharpsweep
