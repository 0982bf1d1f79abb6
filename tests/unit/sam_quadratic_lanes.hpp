// Training of sam_quadratic in the lanes of a value type: compiled for one instruction set each,
// and compared in sam_quadratic_sweep_test.cpp.
#pragma once

#include <vector>

#include "sharpsweep/models/sam_quadratic_training.hpp"

namespace sharpsweep::test {

/// Trains networks side by side, repeated over the lanes. \return the final state of every lane
template <class T>
using TrainLanes = std::vector<std::vector<T>> (*)(const Shape&, const Steps&,
                                                   const std::vector<std::vector<T>>& constants,
                                                   const std::vector<std::vector<T>>& states);

template <class V>
std::vector<std::vector<typename ValueTraits<V>::Scalar>>
train_lanes(const Shape& shape, const Steps& steps,
            const std::vector<std::vector<typename ValueTraits<V>::Scalar>>& constants,
            const std::vector<std::vector<typename ValueTraits<V>::Scalar>>& states) {
  using T = typename ValueTraits<V>::Scalar;
  static constexpr std::size_t width = ValueTraits<V>::width;
  const auto pack = [](const std::vector<std::vector<T>>& networks) {
    std::vector<V> packed;
    for (std::size_t i = 0; i < networks[0].size(); ++i) {
      alignas(64) T lanes[width];
      for (std::size_t k = 0; k < width; ++k) lanes[k] = networks[k % networks.size()][i];
      packed.push_back(ValueTraits<V>::load(lanes));
    }
    return packed;
  };
  const std::vector<V> packed = pack(constants);
  std::vector<V> state = pack(states);
  sam_quadratic::advance(shape, steps, packed.data(), state.data());

  std::vector<std::vector<T>> result(width);
  for (const V& one : state) {
    alignas(64) T lanes[width];
    ValueTraits<V>::store(lanes, one);
    for (std::size_t k = 0; k < width; ++k) result[k].push_back(lanes[k]);
  }
  return result;
}

extern const TrainLanes<float> kAvx2Lanes32, kAvx512Lanes32;
extern const TrainLanes<double> kAvx2Lanes64, kAvx512Lanes64;

} // namespace sharpsweep::test
