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
  /// Of pairs of words the first ones, and the second ones in the upper halves.
  static SHARPSWEEP_INLINE Words load(const std::uint32_t* p) {
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

// The operations of select.hpp.
SHARPSWEEP_INLINE F32 div(F32 a, F32 b) { return _mm256_div_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 div(F64 a, F64 b) { return _mm256_div_pd(a.v, b.v); }
SHARPSWEEP_INLINE F64 square_root(F64 a) { return _mm256_sqrt_pd(a.v); }
struct Mask32 {
  __m256 v;
};
struct Mask64 {
  __m256d v;
};
SHARPSWEEP_INLINE Mask32 less(F32 a, F32 b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
SHARPSWEEP_INLINE Mask64 less(F64 a, F64 b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
SHARPSWEEP_INLINE F32 select(Mask32 mask, F32 yes, F32 no) {
  return _mm256_blendv_ps(no.v, yes.v, mask.v);
}
SHARPSWEEP_INLINE F64 select(Mask64 mask, F64 yes, F64 no) {
  return _mm256_blendv_pd(no.v, yes.v, mask.v);
}
SHARPSWEEP_INLINE F32 minimum(F32 a, F32 b) { return _mm256_min_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 minimum(F64 a, F64 b) { return _mm256_min_pd(a.v, b.v); }
SHARPSWEEP_INLINE F32 maximum(F32 a, F32 b) { return _mm256_max_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 maximum(F64 a, F64 b) { return _mm256_max_pd(a.v, b.v); }
SHARPSWEEP_INLINE F32 absolute(F32 a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a.v); }
SHARPSWEEP_INLINE F64 absolute(F64 a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v); }
SHARPSWEEP_INLINE F32 copy_sign(F32 magnitude, F32 sign) {
  const __m256 sign_bit = _mm256_set1_ps(-0.0F);
  return _mm256_or_ps(_mm256_andnot_ps(sign_bit, magnitude.v), _mm256_and_ps(sign_bit, sign.v));
}
SHARPSWEEP_INLINE F64 copy_sign(F64 magnitude, F64 sign) {
  const __m256d sign_bit = _mm256_set1_pd(-0.0);
  return _mm256_or_pd(_mm256_andnot_pd(sign_bit, magnitude.v), _mm256_and_pd(sign_bit, sign.v));
}
SHARPSWEEP_INLINE F32 add_bits(F32 a, F32 b) {
  return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a.v), _mm256_castps_si256(b.v)));
}
SHARPSWEEP_INLINE F64 add_bits(F64 a, F64 b) {
  return _mm256_castsi256_pd(_mm256_add_epi64(_mm256_castpd_si256(a.v), _mm256_castpd_si256(b.v)));
}
SHARPSWEEP_INLINE F32 subtract_bits(F32 a, F32 b) {
  return _mm256_castsi256_ps(_mm256_sub_epi32(_mm256_castps_si256(a.v), _mm256_castps_si256(b.v)));
}
SHARPSWEEP_INLINE F64 subtract_bits(F64 a, F64 b) {
  return _mm256_castsi256_pd(_mm256_sub_epi64(_mm256_castpd_si256(a.v), _mm256_castpd_si256(b.v)));
}
SHARPSWEEP_INLINE F32 and_bits(F32 a, F32 b) { return _mm256_and_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 and_bits(F64 a, F64 b) { return _mm256_and_pd(a.v, b.v); }
SHARPSWEEP_INLINE F32 low_bits_to_exponent(F32 a) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a.v), 23));
}
SHARPSWEEP_INLINE F64 low_bits_to_exponent(F64 a) {
  return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a.v), 52));
}
SHARPSWEEP_INLINE F32 exponent_to_low_bits(F32 a) {
  return _mm256_castsi256_ps(_mm256_srli_epi32(_mm256_castps_si256(a.v), 23));
}
SHARPSWEEP_INLINE F64 exponent_to_low_bits(F64 a) {
  return _mm256_castsi256_pd(_mm256_srli_epi64(_mm256_castpd_si256(a.v), 52));
}

/// The value types by role, for generators and tiles.
struct Simd {
  using F32 = avx2::F32;
  using F64 = avx2::F64;
  using U32 = avx2::U32;
  using Words = avx2::Words;
};

} // namespace sharpsweep::avx2
