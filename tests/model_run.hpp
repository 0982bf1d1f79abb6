/// \file
/// Runs networks of a coupled model without the engine around its kernels.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "host/cpu/coupled.hpp"
#include "host/cpu/kernels.hpp"
#include "sharpsweep/models/network.hpp"
#include "sharpsweep/models/registry.hpp"
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

/// Rows of numbers as kernels want them.
template <class T>
class Rows {
public:
  explicit Rows(std::size_t size)
      : values_(
            static_cast<T*>(std::aligned_alloc(
                cpu::kTileAlignment, size * sizeof(T) / cpu::kTileAlignment * cpu::kTileAlignment +
                                         cpu::kTileAlignment)),
            &std::free) {}
  T& operator[](std::size_t i) { return values_.get()[i]; }
  std::byte* bytes() { return reinterpret_cast<std::byte*>(values_.get()); }

private:
  std::unique_ptr<T[], decltype(&std::free)> values_;
};

/// The kernel of M in the arithmetic of T.
template <class M, class T>
const cpu::CoupledKernel& kernel_of(const cpu::CoupledKernels& kernels) {
  return (sizeof(T) == sizeof(float) ? kernels.f32 : kernels.f64)[CoupledModels::index_of<M>()];
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
  Rows<R> c(sizes.constants), s(sizes.state), work(sizes.work);
  for (std::size_t i = 0; i < sizes.constants; ++i) c[i] = static_cast<R>(constants[i]);
  for (std::size_t i = 0; i < sizes.state; ++i) s[i] = static_cast<R>(state[i]);
  const auto [width, advance] = kernel_of<M, R>(cpu::kScalarCoupledKernels).narrow;
  const NoiseLanes lanes{&noise.key, &noise.seed};
  for (std::uint64_t step = 0; step < steps; step += slice) {
    const auto count = static_cast<std::uint32_t>(std::min<std::uint64_t>(slice, steps - step));
    advance(shape, {step, count, steps}, lanes, c.bytes(), s.bytes(), work.bytes());
  }
  for (std::size_t i = 0; i < sizes.state; ++i) run.state.push_back(static_cast<double>(s[i]));
  run.finished = model.observe(at, steps, constants.data(), run.state.data(), run.values.data());
  return run;
}

/// The lanes of a tile are the networks that scalars train, bit for bit: those of the grid, and
/// again of other seeds where there are more lanes.
template <class T, class M>
void expect_lanes_to_be_networks(const Experiment<M>& experiment, std::uint32_t steps,
                                 const cpu::CoupledKernels& kernels, bool wide) {
  const cpu::CoupledKernel& kernel = kernel_of<M, T>(kernels);
  std::map<Shape, std::vector<std::size_t>> alike;
  for (std::size_t p = 0; p < experiment.points(); ++p) {
    const std::vector<std::size_t> index = experiment.index(p);
    alike[experiment.model->shape(Point(experiment.axes, index))].push_back(p);
  }
  for (const auto& [shape, points] : alike) {
    const auto [width, advance] = kernel.for_tile(shape, wide ? kernel.wide.width : 1);
    const Sizes sizes = M::sizes(shape);
    Rows<T> c(sizes.constants * width), s(sizes.state * width), work(sizes.work * width);
    std::vector<std::uint64_t> key(width);
    std::vector<std::uint32_t> seed(width);
    for (std::size_t lane = 0; lane < width; ++lane) {
      key[lane] = 1 + lane / 3;
      seed[lane] = static_cast<std::uint32_t>(lane);
      const std::vector<std::size_t> index = experiment.index(points[lane % points.size()]);
      std::vector<double> constants(sizes.constants), state(sizes.state);
      ASSERT_TRUE(experiment.model->start(Point(experiment.axes, index), {key[lane], seed[lane]},
                                          constants.data(), state.data()));
      for (std::size_t i = 0; i < sizes.constants; ++i) {
        c[i * width + lane] = static_cast<T>(constants[i]);
      }
      for (std::size_t i = 0; i < sizes.state; ++i) {
        s[i * width + lane] = static_cast<T>(state[i]);
      }
    }
    advance(shape, {0, steps, steps}, {key.data(), seed.data()}, c.bytes(), s.bytes(),
            work.bytes());
    for (std::size_t lane = 0; lane < width; ++lane) {
      const Run alone = run_network<T>(experiment, points[lane % points.size()], steps,
                                       {key[lane], seed[lane]}, 64);
      for (std::size_t i = 0; i < sizes.state; ++i) {
        ASSERT_EQ(static_cast<double>(s[i * width + lane]), alone.state[i])
            << kernels.name << (wide ? ", wide" : "") << ", lane " << lane << ", number " << i;
      }
    }
  }
}

/// On every instruction set of this machine, in both precisions.
template <class M>
void expect_lanes_to_be_networks(const Experiment<M>& experiment, std::uint32_t steps) {
  for (const cpu::Kernels* set : cpu::available_kernels()) {
    const cpu::CoupledKernels& kernels = cpu::coupled_kernels_named(set->name);
    for (const bool wide : {false, true}) {
      expect_lanes_to_be_networks<float>(experiment, steps, kernels, wide);
      expect_lanes_to_be_networks<double>(experiment, steps, kernels, wide);
    }
  }
}

} // namespace sharpsweep::test
