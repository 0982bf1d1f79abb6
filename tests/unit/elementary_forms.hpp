/// \file
/// The functions of elementary.hpp and the operations of select.hpp over arrays, as compiled for
/// one instruction set: what elementary_test.cpp compares.
#pragma once

#include <cstddef>

#include "sharpsweep/numerics/elementary.hpp"

namespace sharpsweep::test {

enum Function : int {
  exp_,
  expm1_,
  log_,
  log1p_,
  tanh_,
  sinh_,
  sigmoid_,
  kElementary, ///< the functions of x alone come before, operations on x and y from here
  minimum_ = kElementary,
  maximum_,
  select_less_, ///< x < y ? 1 : y
  absolute_,
  copy_sign_,
  div_,
  square_root_,
  add_bits_,
  subtract_bits_,
  and_bits_,
  low_bits_to_exponent_,
  exponent_to_low_bits_,
  times_power_of_two_,
  kFunctions
};
inline constexpr const char* kNames[kFunctions] = {"exp",
                                                   "expm1",
                                                   "log",
                                                   "log1p",
                                                   "tanh",
                                                   "sinh",
                                                   "sigmoid",
                                                   "minimum",
                                                   "maximum",
                                                   "select_less",
                                                   "absolute",
                                                   "copy_sign",
                                                   "div",
                                                   "square_root",
                                                   "add_bits",
                                                   "subtract_bits",
                                                   "and_bits",
                                                   "low_bits_to_exponent",
                                                   "exponent_to_low_bits",
                                                   "times_power_of_two"};

/// Arrays start at multiples of 64 bytes, and their lengths are multiples of this.
inline constexpr std::size_t kChunk = 64;

/// How one value type evaluates all functions.
template <class T>
struct Form {
  const char* name;
  void (*function[kFunctions])(const T* x, const T* y, T* out, std::size_t count);
};

template <Function kFunction, class V>
SHARPSWEEP_INLINE V apply(V x, V y) {
  if constexpr (kFunction == exp_) return elementary::exp(x);
  if constexpr (kFunction == expm1_) return elementary::expm1(x);
  if constexpr (kFunction == log_) return elementary::log(x);
  if constexpr (kFunction == log1p_) return elementary::log1p(x);
  if constexpr (kFunction == tanh_) return elementary::tanh(x);
  if constexpr (kFunction == sinh_) return elementary::sinh(x);
  if constexpr (kFunction == sigmoid_) return elementary::sigmoid(x);
  if constexpr (kFunction == minimum_) return minimum(x, y);
  if constexpr (kFunction == maximum_) return maximum(x, y);
  if constexpr (kFunction == select_less_) return select_less(x, y, V(1), y);
  if constexpr (kFunction == absolute_) return absolute(x);
  if constexpr (kFunction == copy_sign_) return copy_sign(x, y);
  if constexpr (kFunction == div_) return div(x, y);
  if constexpr (kFunction == square_root_) return square_root(x);
  if constexpr (kFunction == add_bits_) return add_bits(x, y);
  if constexpr (kFunction == subtract_bits_) return subtract_bits(x, y);
  if constexpr (kFunction == and_bits_) return and_bits(x, y);
  if constexpr (kFunction == low_bits_to_exponent_) return low_bits_to_exponent(x);
  if constexpr (kFunction == exponent_to_low_bits_) return exponent_to_low_bits(x);
  if constexpr (kFunction == times_power_of_two_) return times_power_of_two(x, y);
}

template <Function kFunction, class V>
void evaluate(const typename ValueTraits<V>::Scalar* x, const typename ValueTraits<V>::Scalar* y,
              typename ValueTraits<V>::Scalar* out, std::size_t count) {
  using Traits = ValueTraits<V>;
  for (std::size_t i = 0; i < count; i += Traits::width) {
    Traits::store(out + i, apply<kFunction, V>(Traits::load(x + i), Traits::load(y + i)));
  }
}

template <class V, int kFunction = 0>
constexpr void fill_form(Form<typename ValueTraits<V>::Scalar>& form) {
  form.function[kFunction] = &evaluate<static_cast<Function>(kFunction), V>;
  if constexpr (kFunction + 1 < kFunctions) fill_form<V, kFunction + 1>(form);
}
template <class V>
constexpr Form<typename ValueTraits<V>::Scalar> form_of(const char* name) {
  Form<typename ValueTraits<V>::Scalar> form{};
  form.name = name;
  fill_form<V>(form);
  return form;
}

/// A number or register, and a Pack of them.
template <class T>
using TwoForms = Form<T>[2];
extern const TwoForms<float> kScalarFloats, kAvx2Floats, kAvx512Floats;
extern const TwoForms<double> kScalarDoubles, kAvx2Doubles, kAvx512Doubles;

} // namespace sharpsweep::test
