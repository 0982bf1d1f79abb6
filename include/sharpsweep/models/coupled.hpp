/// \file
/// A coupled model behind one interface, whatever its class: what the host does with it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "sharpsweep/models/network.hpp"
#include "sharpsweep/sweep/key_reader.hpp"

namespace sharpsweep {

/// A model as a sweep has set it up. See network.hpp for what the functions do.
class Coupled {
public:
  virtual ~Coupled() = default;
  /// The model's place in the list of registered ones (registry.hpp), and in tables of kernels.
  virtual std::size_t registered() const = 0;
  virtual Shape shape(const Point& point) const = 0;
  virtual Sizes sizes(const Shape& shape) const = 0;
  virtual bool start(const Point& point, NoiseKey noise, double* constants,
                     double* state) const = 0;
  virtual bool observe(const Point& point, std::uint64_t step, const double* constants,
                       const double* state, double* values) const = 0;
  virtual void predict(const Point& point, double* values) const = 0;
  const std::vector<OrderParameterInfo>& order_parameters() const { return order_parameters_; }
  const std::vector<OrderParameterInfo>& predictions() const { return predictions_; }

protected:
  std::vector<OrderParameterInfo> order_parameters_, predictions_;
};

template <class M>
class CoupledOf final : public Coupled {
public:
  CoupledOf(std::size_t registered, const KeyReader& keys, std::span<const Axis> axes)
      : registered_(registered), model_(keys, axes) {
    order_parameters_ = model_.order_parameters();
    predictions_ = model_.predictions();
  }
  std::size_t registered() const override { return registered_; }
  Shape shape(const Point& point) const override { return model_.shape(point); }
  Sizes sizes(const Shape& shape) const override { return M::sizes(shape); }
  bool start(const Point& point, NoiseKey noise, double* constants, double* state) const override {
    return model_.start(point, noise, constants, state);
  }
  bool observe(const Point& point, std::uint64_t step, const double* constants, const double* state,
               double* values) const override {
    return model_.observe(point, step, constants, state, values);
  }
  void predict(const Point& point, double* values) const override { model_.predict(point, values); }

private:
  std::size_t registered_;
  M model_;
};

/// What is known of a model without a sweep.
struct ModelInfo {
  std::string_view name;
  std::string_view title;     ///< of a result file
  std::string_view reference; ///< the paper
  std::string_view summary;   ///< one line
  std::span<const Key> keys;
  /// Null for ssam, the one model that is not coupled.
  std::unique_ptr<const Coupled> (*make)(const KeyReader& keys, std::span<const Axis> axes);
};

/// All models, ssam first.
std::span<const ModelInfo> models();
/// Throws UsageError for an unknown name, naming the known ones.
const ModelInfo& model_named(std::string_view name);

} // namespace sharpsweep
