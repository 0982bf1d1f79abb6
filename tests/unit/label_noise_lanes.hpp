/// \file
/// The steps of label_noise as compiled for one instruction set: what label_noise_sweep_test.cpp
/// compares with scalars.
#pragma once

#include "sharpsweep/models/label_noise_model.hpp"

namespace sharpsweep::test {

/// Advances a value type's networks; numbers in rows of `width`, a lane each, aligned to 64 bytes.
template <class T>
struct LaneForm {
  int width;
  void (*advance)(const Shape&, const Steps&, const NoiseLanes&, const T* constants, T* state,
                  T* work);
};

template <class R, class T = typename ValueTraits<R>::Scalar>
void advance_rows(const Shape& shape, const Steps& steps, const NoiseLanes& noise,
                  const T* constants, T* state, T* work) {
  label_noise::Model::advance<R>(shape, steps, noise, reinterpret_cast<const R*>(constants),
                                 reinterpret_cast<R*>(state), reinterpret_cast<R*>(work));
}
template <class R>
constexpr LaneForm<typename ValueTraits<R>::Scalar> lane_form() {
  return {ValueTraits<R>::width, &advance_rows<R>};
}

extern const LaneForm<float> kAvx2FloatLanes, kAvx512FloatLanes;
extern const LaneForm<double> kAvx2DoubleLanes, kAvx512DoubleLanes;

} // namespace sharpsweep::test
