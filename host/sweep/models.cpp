#include <vector>

#include "sharpsweep/models/coupled.hpp"
#include "sharpsweep/models/registry.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

template <class M, std::size_t kIndex>
std::unique_ptr<const Coupled> make(const KeyReader& keys, std::span<const Axis> axes) {
  return std::make_unique<const CoupledOf<M>>(kIndex, keys, axes);
}

template <class... M, std::size_t... I>
std::vector<ModelInfo> describe(ModelList<M...>, std::index_sequence<I...>) {
  return {{"ssam", "Phase diagram of stochastic SAM on diagonal linear networks",
           "G. Clara, S. Langer, J. Schmidt-Hieber, arXiv 2503.11891 (2025)",
           "stochastic SAM on diagonal linear networks (arXiv 2503.11891)", ssam_keys(), nullptr},
          {M::name, M::title, M::reference, M::summary, M::keys(), &make<M, I>}...};
}

} // namespace

std::span<const ModelInfo> models() {
  static const std::vector<ModelInfo> list =
      describe(CoupledModels(), std::make_index_sequence<CoupledModels::size>());
  return list;
}

const ModelInfo& model_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ModelInfo& model : models()) {
    if (model.name == name) return model;
    names.push_back(model.name);
  }
  std::string known;
  for (const auto other : names) known += " '" + std::string(other) + "'";
  const std::string near = nearest_name(name, names);
  throw UsageError("model: '" + std::string(name) + "' is not a model; there is" + known +
                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::span<const Key> keys_of(std::string_view model) { return model_named(model).keys; }

} // namespace sharpsweep
