/// \file
/// The correctly rounded operations that every result is made of, for scalars on host and device.
///
/// The SIMD value types (simd_avx2.hpp, simd_avx512.hpp) overload the same names. All are IEEE 754
/// round-to-nearest operations with one rounding each, so a formula written with them has the same
/// bits on every backend. On the device they map to the `_rn` intrinsics, which the compiler never
/// contracts; host code is built with -ffp-contract=off.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "sharpsweep/numerics/platform.hpp"

namespace sharpsweep {

/// What results and predictions hold where there is no value.
inline constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// fmadd(a, b, c) = a b + c and fnmadd(a, b, c) = c - a b round once.
#ifdef __CUDA_ARCH__
SHARPSWEEP_INLINE float fmadd(float a, float b, float c) { return __fmaf_rn(a, b, c); }
SHARPSWEEP_INLINE float fnmadd(float a, float b, float c) { return __fmaf_rn(-a, b, c); }
SHARPSWEEP_INLINE float mul(float a, float b) { return __fmul_rn(a, b); }
SHARPSWEEP_INLINE float add(float a, float b) { return __fadd_rn(a, b); }
SHARPSWEEP_INLINE float sub(float a, float b) { return __fsub_rn(a, b); }
SHARPSWEEP_INLINE float div(float a, float b) { return __fdiv_rn(a, b); }
SHARPSWEEP_INLINE float square_root(float a) { return __fsqrt_rn(a); }
SHARPSWEEP_INLINE double fmadd(double a, double b, double c) { return __fma_rn(a, b, c); }
SHARPSWEEP_INLINE double fnmadd(double a, double b, double c) { return __fma_rn(-a, b, c); }
SHARPSWEEP_INLINE double mul(double a, double b) { return __dmul_rn(a, b); }
SHARPSWEEP_INLINE double add(double a, double b) { return __dadd_rn(a, b); }
SHARPSWEEP_INLINE double sub(double a, double b) { return __dsub_rn(a, b); }
SHARPSWEEP_INLINE double div(double a, double b) { return __ddiv_rn(a, b); }
SHARPSWEEP_INLINE double square_root(double a) { return __dsqrt_rn(a); }
SHARPSWEEP_INLINE float as_float(std::uint32_t bits) { return __uint_as_float(bits); }
SHARPSWEEP_INLINE std::uint32_t as_bits(float x) { return __float_as_uint(x); }
/// The signed 32-bit integer with these bits, rounded to float.
SHARPSWEEP_INLINE float signed_to_float(std::uint32_t x) {
  return __int2float_rn(static_cast<int>(x));
}
#else
SHARPSWEEP_INLINE float fmadd(float a, float b, float c) { return std::fma(a, b, c); }
SHARPSWEEP_INLINE float fnmadd(float a, float b, float c) { return std::fma(-a, b, c); }
SHARPSWEEP_INLINE float mul(float a, float b) { return a * b; }
SHARPSWEEP_INLINE float add(float a, float b) { return a + b; }
SHARPSWEEP_INLINE float sub(float a, float b) { return a - b; }
SHARPSWEEP_INLINE float div(float a, float b) { return a / b; }
SHARPSWEEP_INLINE float square_root(float a) { return std::sqrt(a); }
SHARPSWEEP_INLINE double fmadd(double a, double b, double c) { return std::fma(a, b, c); }
SHARPSWEEP_INLINE double fnmadd(double a, double b, double c) { return std::fma(-a, b, c); }
SHARPSWEEP_INLINE double mul(double a, double b) { return a * b; }
SHARPSWEEP_INLINE double add(double a, double b) { return a + b; }
SHARPSWEEP_INLINE double sub(double a, double b) { return a - b; }
SHARPSWEEP_INLINE double div(double a, double b) { return a / b; }
SHARPSWEEP_INLINE double square_root(double a) { return std::sqrt(a); }
SHARPSWEEP_INLINE float as_float(std::uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}
SHARPSWEEP_INLINE std::uint32_t as_bits(float x) {
  std::uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
/// The signed 32-bit integer with these bits, rounded to float.
SHARPSWEEP_INLINE float signed_to_float(std::uint32_t x) {
  return static_cast<float>(static_cast<std::int32_t>(x));
}
#endif

/// The square root of a normal float from an estimate of its reciprocal, in the operations of
/// CUDA's own square root. It rounds correctly if the estimate lies within the error that PTX
/// states for rsqrt.approx, 2^-22.9, but for two fractions of which one such estimate each fails
/// (tests/unit/normals_test.cpp).
SHARPSWEEP_INLINE float root_from_estimate(float a, float estimate) {
  const float root = mul(a, estimate);
  return fmadd(fnmadd(root, root, a), mul(0.5F, estimate), root);
}

inline constexpr float kBareRootLow = 0x1p-24F, kBareRootHigh = 0x1p6F;

/// square_root of a in [kBareRootLow, kBareRootHigh): on the device without the check that its
/// argument is usual, which costs as much as the root. The CUDA backend tries every a on a device
/// before it trains there.
template <class F>
SHARPSWEEP_INLINE F bare_square_root(F a) {
  return square_root(a);
}
#ifdef __CUDA_ARCH__
SHARPSWEEP_INLINE float bare_square_root(float a) {
  float estimate;
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(estimate) : "f"(a));
  return root_from_estimate(a, estimate);
}
#endif

SHARPSWEEP_INLINE std::uint64_t as_bits(double x) {
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
SHARPSWEEP_INLINE double as_double(std::uint64_t bits) {
  double x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

/// x >> 23 with the sign copied in: the exponent field of a float's bits as a signed integer.
SHARPSWEEP_INLINE std::uint32_t shift_right_signed_23(std::uint32_t x) {
  return static_cast<std::uint32_t>(static_cast<std::int32_t>(x) >> 23);
}
SHARPSWEEP_INLINE std::uint32_t shift_left_23(std::uint32_t x) { return x << 23; }
SHARPSWEEP_INLINE std::uint32_t bit_and(std::uint32_t a, std::uint32_t b) { return a & b; }
SHARPSWEEP_INLINE std::uint32_t bit_xor(std::uint32_t a, std::uint32_t b) { return a ^ b; }
SHARPSWEEP_INLINE std::uint32_t subtract(std::uint32_t a, std::uint32_t b) { return a - b; }

/// Whether x is neither infinite nor NaN.
SHARPSWEEP_INLINE bool is_finite(float x) { return (as_bits(x) & 0x7f800000u) != 0x7f800000u; }
SHARPSWEEP_INLINE bool is_finite(double x) {
  constexpr std::uint64_t exponent = 0x7ff0000000000000u;
  return (as_bits(x) & exponent) != exponent;
}

} // namespace sharpsweep
