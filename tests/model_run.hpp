/// \file
/// Runs a coupled model without the engine: one network at a time, in the arithmetic of R.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sharpsweep/models/network.hpp"
#include "sharpsweep/sweep/key_reader.hpp"

namespace sharpsweep::test {

/// A model read from settings, and its grid. Throws UsageError as the engine does.
template <class M>
struct Experiment {
  explicit Experiment(const Settings& given) : settings(given) {
    for (const Key& key : M::keys()) {
      settings.try_emplace(std::string(key.name), split_items(key.fallback));
    }
    const KeyReader reader(settings);
    axes = read_axes(M::keys(), reader);
    model = std::make_unique<M>(reader, axes);
  }
  Settings settings;
  std::vector<Axis> axes;
  std::unique_ptr<M> model;

  std::size_t points() const {
    std::size_t count = 1;
    for (const Axis& axis : axes) count *= axis.values.size();
    return count;
  }
  std::vector<std::size_t> index(std::size_t point) const {
    std::vector<std::size_t> at(axes.size());
    for (std::size_t i = axes.size(); i-- > 0;) {
      at[i] = point % axes[i].values.size();
      point /= axes[i].values.size();
    }
    return at;
  }
};

/// What one network ended with.
struct Run {
  bool finished = false;
  std::vector<double> values; ///< of observe()
  std::vector<double> theory; ///< of predict()
  std::vector<double> state;
};

inline std::size_t count_values(const std::vector<OrderParameterInfo>& list) {
  std::size_t count = 0;
  for (const OrderParameterInfo& info : list) count += info.count;
  return count;
}

/// Trains the network of grid point number `point` (the last axis fastest) in scalars of type R.
template <class R, class M>
Run run_network(const Experiment<M>& experiment, std::size_t point, std::uint64_t steps,
                NoiseKey noise = {0, 0}, std::uint32_t slice = 1000) {
  const M& model = *experiment.model;
  const std::vector<std::size_t> index = experiment.index(point);
  const Point at(experiment.axes, index);
  const Shape shape = model.shape(at);
  const Sizes sizes = M::sizes(shape);
  std::vector<double> constants(sizes.constants), state(sizes.state);
  Run run;
  run.values.resize(count_values(model.order_parameters()));
  run.theory.resize(run.values.size() + count_values(model.predictions()));
  model.predict(at, run.theory.data());
  if (!model.start(at, noise, constants.data(), state.data())) return run;
  std::vector<R> c(constants.begin(), constants.end()), s(state.begin(), state.end()),
      work(sizes.work);
  const NoiseLanes lanes{&noise.key, &noise.seed};
  for (std::uint64_t step = 0; step < steps; step += slice) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(slice, steps - step));
    M::template advance<R>(shape, {step, count, steps}, lanes, c.data(), s.data(), work.data());
  }
  run.state.assign(s.begin(), s.end());
  run.finished = model.observe(at, steps, constants.data(), run.state.data(), run.values.data());
  return run;
}

} // namespace sharpsweep::test
