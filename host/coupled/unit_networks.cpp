#include "host/coupled/unit_networks.hpp"

#include <algorithm>

#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep {

UnitNetworks::UnitNetworks(const Sweep& sweep, const WorkUnit& unit)
    : sweep_(sweep), unit_(unit), times_(sweep.record + std::size_t{1}),
      parameters_(sweep.outcome_size()), networks_(unit.configurations * unit.trained_seeds()),
      values_(times_ * networks_.size() * parameters_), finished_(times_ * networks_.size()) {
  const Coupled& model = *sweep.coupled;
  auto network = networks_.begin();
  for (std::size_t i = 0; i < unit.configurations; ++i) {
    const std::size_t configuration = unit.first_configuration + i;
    sweep.with_point(configuration, [&](const Point& point) {
      const Shape shape = model.shape(point);
      const Sizes sizes = model.sizes(shape);
      const std::uint64_t key = sweep.noise_key(configuration);
      for (std::uint32_t s = 0; s < unit.trained_seeds(); ++s, ++network) {
        network->shape = shape;
        network->sizes = sizes;
        network->noise = {key, unit.first_trained_seed() + s};
        network->constants.resize(sizes.constants);
        network->state.resize(sizes.state);
        network->started =
            model.start(point, network->noise, network->constants.data(), network->state.data());
      }
    });
  }
}

const double* UnitNetworks::outcome(std::size_t time, std::size_t index) const {
  const std::size_t at = time * networks_.size() + index;
  return finished_[at] ? values_.data() + at * parameters_ : nullptr;
}

void UnitNetworks::observe(std::size_t index, std::size_t time, std::uint64_t step) {
  const Network& network = networks_[index];
  const std::size_t at = time * networks_.size() + index;
  const std::size_t configuration = unit_.first_configuration + index / unit_.trained_seeds();
  finished_[at] = sweep_.with_point(configuration, [&](const Point& point) {
    return sweep_.coupled->observe(point, step, network.constants.data(), network.state.data(),
                                   values_.data() + at * parameters_);
  });
}

std::size_t UnitNetworks::count_diverged() const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < networks_.size(); ++i) count += outcome(times_ - 1, i) ? 0 : 1;
  return count;
}

UnitResult UnitNetworks::reduce(UnitResult result) const {
  const std::size_t cells = unit_.configurations, seeds = unit_.trained_seeds();
  result.cells.parameters = result.path.parameters = parameters_;
  result.cells.resize(cells);
  result.path.resize((times_ - 1) * cells);
  for (std::size_t time = 0; time < times_; ++time) {
    const bool end = time + 1 == times_;
    CellStates& states = end ? result.cells : result.path;
    for (std::size_t i = 0; i < cells; ++i) {
      // Seeds are pushed in ascending order: the order is part of the bits.
      for (std::size_t s = 0; s < seeds; ++s) {
        states.push((end ? 0 : time * cells) + i, outcome(time, i * seeds + s));
      }
    }
  }
  // Means go on from the seeds that were trained before; single networks are the new ones alone.
  result.outcomes.clear();
  result.weights.clear();
  if (sweep_.save == Save::mean) return result;
  const std::size_t most = sweep_.most_weights();
  for (std::size_t i = 0; i < networks_.size(); ++i) {
    const double* values = outcome(times_ - 1, i);
    for (std::size_t x = 0; x < parameters_; ++x) {
      result.outcomes.push_back(values ? values[x] : kNone);
    }
    if (sweep_.save != Save::weights) continue;
    for (std::size_t w = 0; w < most; ++w) {
      result.weights.push_back(values && w < networks_[i].sizes.weights ? networks_[i].state[w]
                                                                        : kNone);
    }
  }
  return result;
}

} // namespace sharpsweep
