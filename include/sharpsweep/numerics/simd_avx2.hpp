/// \file
/// The SIMD value types of AVX2 with FMA: 8 floats or 4 doubles a register.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "sharpsweep/numerics/pack.hpp"

namespace sharpsweep::avx2 {

struct U32 {
  static constexpr int width = 8;
  __m256i v;
  U32() = default;
  SHARPSWEEP_INLINE U32(__m256i x) : v(x) {}
  SHARPSWEEP_INLINE explicit U32(std::uint32_t x) : v(_mm256_set1_epi32(static_cast<int>(x))) {}
};

struct F32 {
  static constexpr int width = 8;
  using Scalar = float;
  __m256 v;
  F32() = default;
  SHARPSWEEP_INLINE F32(__m256 x) : v(x) {}
  SHARPSWEEP_INLINE explicit F32(float x) : v(_mm256_set1_ps(x)) {}
  static SHARPSWEEP_INLINE F32 load(const float* p) { return _mm256_load_ps(p); }
  SHARPSWEEP_INLINE void store(float* p) const { _mm256_store_ps(p, v); }
};

struct F64 {
  static constexpr int width = 4;
  using Scalar = double;
  __m256d v;
  F64() = default;
  SHARPSWEEP_INLINE F64(__m256d x) : v(x) {}
  SHARPSWEEP_INLINE explicit F64(double x) : v(_mm256_set1_pd(x)) {}
  static SHARPSWEEP_INLINE F64 load(const double* p) { return _mm256_load_pd(p); }
  static SHARPSWEEP_INLINE F64 load(const float* p) { return _mm256_cvtps_pd(_mm_load_ps(p)); }
  SHARPSWEEP_INLINE void store(double* p) const { _mm256_store_pd(p, v); }
};

/// One random word in each 64-bit lane; the upper half of a lane is arbitrary.
struct Words {
  static constexpr int width = 4;
  __m256i v;
  Words() = default;
  SHARPSWEEP_INLINE Words(__m256i x) : v(x) {}
  SHARPSWEEP_INLINE explicit Words(std::uint32_t x) : v(_mm256_set1_epi64x(x)) {}
  static SHARPSWEEP_INLINE Words load(const std::uint64_t* p) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
  }
  SHARPSWEEP_INLINE void store(std::uint64_t* p) const {
    _mm256_store_si256(reinterpret_cast<__m256i*>(p), v);
  }
};

SHARPSWEEP_INLINE F32 fmadd(F32 a, F32 b, F32 c) { return _mm256_fmadd_ps(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F32 fnmadd(F32 a, F32 b, F32 c) { return _mm256_fnmadd_ps(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F32 mul(F32 a, F32 b) { return _mm256_mul_ps(a.v, b.v); }
SHARPSWEEP_INLINE F32 add(F32 a, F32 b) { return _mm256_add_ps(a.v, b.v); }
SHARPSWEEP_INLINE F32 sub(F32 a, F32 b) { return _mm256_sub_ps(a.v, b.v); }
SHARPSWEEP_INLINE F32 square_root(F32 a) { return _mm256_sqrt_ps(a.v); }
SHARPSWEEP_INLINE F64 fmadd(F64 a, F64 b, F64 c) { return _mm256_fmadd_pd(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F64 fnmadd(F64 a, F64 b, F64 c) { return _mm256_fnmadd_pd(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F64 mul(F64 a, F64 b) { return _mm256_mul_pd(a.v, b.v); }
SHARPSWEEP_INLINE F64 add(F64 a, F64 b) { return _mm256_add_pd(a.v, b.v); }
SHARPSWEEP_INLINE F64 sub(F64 a, F64 b) { return _mm256_sub_pd(a.v, b.v); }

SHARPSWEEP_INLINE U32 as_bits(F32 a) { return _mm256_castps_si256(a.v); }
SHARPSWEEP_INLINE F32 as_float(U32 a) { return _mm256_castsi256_ps(a.v); }
SHARPSWEEP_INLINE F32 signed_to_float(U32 a) { return _mm256_cvtepi32_ps(a.v); }
SHARPSWEEP_INLINE U32 shift_right_signed_23(U32 a) { return _mm256_srai_epi32(a.v, 23); }
SHARPSWEEP_INLINE U32 shift_left_23(U32 a) { return _mm256_slli_epi32(a.v, 23); }
SHARPSWEEP_INLINE U32 bit_and(U32 a, U32 b) { return _mm256_and_si256(a.v, b.v); }
SHARPSWEEP_INLINE U32 bit_xor(U32 a, U32 b) { return _mm256_xor_si256(a.v, b.v); }
SHARPSWEEP_INLINE U32 subtract(U32 a, U32 b) { return _mm256_sub_epi32(a.v, b.v); }

/// The 64-bit products of the lanes' words.
SHARPSWEEP_INLINE Words multiply_wide(Words a, Words b) { return _mm256_mul_epu32(a.v, b.v); }
SHARPSWEEP_INLINE Words high_word(Words a) { return _mm256_srli_epi64(a.v, 32); }
SHARPSWEEP_INLINE Words bit_xor(Words a, Words b) { return _mm256_xor_si256(a.v, b.v); }
SHARPSWEEP_INLINE Words xor3(Words a, Words b, Words c) {
  return _mm256_xor_si256(_mm256_xor_si256(a.v, b.v), c.v);
}
/// Lane 2i from even lane i, lane 2i+1 from odd lane i.
SHARPSWEEP_INLINE U32 interleave(Words even, Words odd) {
  return _mm256_blend_epi32(even.v, _mm256_slli_epi64(odd.v, 32), 0xAA);
}

/// The value types by role, for generators and tiles.
struct Simd {
  using F32 = avx2::F32;
  using F64 = avx2::F64;
  using U32 = avx2::U32;
  using Words = avx2::Words;
};

} // namespace sharpsweep::avx2
