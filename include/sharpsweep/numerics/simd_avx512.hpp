/// \file
/// The SIMD value types of AVX-512 (F, DQ, BW, VL): 16 floats or 8 doubles a register.
#pragma once

#include <immintrin.h>

#include <cstdint>

#include "sharpsweep/numerics/pack.hpp"

namespace sharpsweep::avx512 {

struct U32 {
  static constexpr int width = 16;
  __m512i v;
  U32() = default;
  SHARPSWEEP_INLINE U32(__m512i x) : v(x) {}
  SHARPSWEEP_INLINE explicit U32(std::uint32_t x) : v(_mm512_set1_epi32(static_cast<int>(x))) {}
};

struct F32 {
  static constexpr int width = 16;
  using Scalar = float;
  __m512 v;
  F32() = default;
  SHARPSWEEP_INLINE F32(__m512 x) : v(x) {}
  SHARPSWEEP_INLINE explicit F32(float x) : v(_mm512_set1_ps(x)) {}
  static SHARPSWEEP_INLINE F32 load(const float* p) { return _mm512_load_ps(p); }
  SHARPSWEEP_INLINE void store(float* p) const { _mm512_store_ps(p, v); }
};

struct F64 {
  static constexpr int width = 8;
  using Scalar = double;
  __m512d v;
  F64() = default;
  SHARPSWEEP_INLINE F64(__m512d x) : v(x) {}
  SHARPSWEEP_INLINE explicit F64(double x) : v(_mm512_set1_pd(x)) {}
  static SHARPSWEEP_INLINE F64 load(const double* p) { return _mm512_load_pd(p); }
  static SHARPSWEEP_INLINE F64 load(const float* p) { return _mm512_cvtps_pd(_mm256_load_ps(p)); }
  SHARPSWEEP_INLINE void store(double* p) const { _mm512_store_pd(p, v); }
};

/// One random word in each 64-bit lane; the upper half of a lane is arbitrary.
struct Words {
  static constexpr int width = 8;
  __m512i v;
  Words() = default;
  SHARPSWEEP_INLINE Words(__m512i x) : v(x) {}
  SHARPSWEEP_INLINE explicit Words(std::uint32_t x) : v(_mm512_set1_epi64(x)) {}
  static SHARPSWEEP_INLINE Words load(const std::uint64_t* p) { return _mm512_load_si512(p); }
  /// Of pairs of words the first ones, and the second ones in the upper halves.
  static SHARPSWEEP_INLINE Words load(const std::uint32_t* p) { return _mm512_load_si512(p); }
  SHARPSWEEP_INLINE void store(std::uint64_t* p) const { _mm512_store_si512(p, v); }
};

SHARPSWEEP_INLINE F32 fmadd(F32 a, F32 b, F32 c) { return _mm512_fmadd_ps(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F32 fnmadd(F32 a, F32 b, F32 c) { return _mm512_fnmadd_ps(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F32 mul(F32 a, F32 b) { return _mm512_mul_ps(a.v, b.v); }
SHARPSWEEP_INLINE F32 add(F32 a, F32 b) { return _mm512_add_ps(a.v, b.v); }
SHARPSWEEP_INLINE F32 sub(F32 a, F32 b) { return _mm512_sub_ps(a.v, b.v); }
SHARPSWEEP_INLINE F32 square_root(F32 a) { return _mm512_sqrt_ps(a.v); }
SHARPSWEEP_INLINE F64 fmadd(F64 a, F64 b, F64 c) { return _mm512_fmadd_pd(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F64 fnmadd(F64 a, F64 b, F64 c) { return _mm512_fnmadd_pd(a.v, b.v, c.v); }
SHARPSWEEP_INLINE F64 mul(F64 a, F64 b) { return _mm512_mul_pd(a.v, b.v); }
SHARPSWEEP_INLINE F64 add(F64 a, F64 b) { return _mm512_add_pd(a.v, b.v); }
SHARPSWEEP_INLINE F64 sub(F64 a, F64 b) { return _mm512_sub_pd(a.v, b.v); }

SHARPSWEEP_INLINE U32 as_bits(F32 a) { return _mm512_castps_si512(a.v); }
SHARPSWEEP_INLINE F32 as_float(U32 a) { return _mm512_castsi512_ps(a.v); }
SHARPSWEEP_INLINE F32 signed_to_float(U32 a) { return _mm512_cvtepi32_ps(a.v); }
SHARPSWEEP_INLINE U32 shift_right_signed_23(U32 a) { return _mm512_srai_epi32(a.v, 23); }
SHARPSWEEP_INLINE U32 shift_left_23(U32 a) { return _mm512_slli_epi32(a.v, 23); }
SHARPSWEEP_INLINE U32 bit_and(U32 a, U32 b) { return _mm512_and_si512(a.v, b.v); }
SHARPSWEEP_INLINE U32 bit_xor(U32 a, U32 b) { return _mm512_xor_si512(a.v, b.v); }
SHARPSWEEP_INLINE U32 subtract(U32 a, U32 b) { return _mm512_sub_epi32(a.v, b.v); }

/// The 64-bit products of the lanes' words.
SHARPSWEEP_INLINE Words multiply_wide(Words a, Words b) { return _mm512_mul_epu32(a.v, b.v); }
SHARPSWEEP_INLINE Words high_word(Words a) { return _mm512_srli_epi64(a.v, 32); }
SHARPSWEEP_INLINE Words bit_xor(Words a, Words b) { return _mm512_xor_si512(a.v, b.v); }
SHARPSWEEP_INLINE Words xor3(Words a, Words b, Words c) {
  return _mm512_ternarylogic_epi64(a.v, b.v, c.v, 0x96);
}
/// Lane 2i from even lane i, lane 2i+1 from odd lane i.
SHARPSWEEP_INLINE U32 interleave(Words even, Words odd) {
  return _mm512_mask_shuffle_epi32(even.v, 0xAAAA, odd.v, _MM_PERM_CCAA);
}

// The operations of select.hpp.
SHARPSWEEP_INLINE F32 div(F32 a, F32 b) { return _mm512_div_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 div(F64 a, F64 b) { return _mm512_div_pd(a.v, b.v); }
SHARPSWEEP_INLINE F64 square_root(F64 a) { return _mm512_sqrt_pd(a.v); }
struct Mask32 {
  __mmask16 v;
};
struct Mask64 {
  __mmask8 v;
};
SHARPSWEEP_INLINE Mask32 less(F32 a, F32 b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
SHARPSWEEP_INLINE Mask64 less(F64 a, F64 b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
SHARPSWEEP_INLINE F32 select(Mask32 mask, F32 yes, F32 no) {
  return _mm512_mask_mov_ps(no.v, mask.v, yes.v);
}
SHARPSWEEP_INLINE F64 select(Mask64 mask, F64 yes, F64 no) {
  return _mm512_mask_mov_pd(no.v, mask.v, yes.v);
}
SHARPSWEEP_INLINE F32 minimum(F32 a, F32 b) { return _mm512_min_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 minimum(F64 a, F64 b) { return _mm512_min_pd(a.v, b.v); }
SHARPSWEEP_INLINE F32 maximum(F32 a, F32 b) { return _mm512_max_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 maximum(F64 a, F64 b) { return _mm512_max_pd(a.v, b.v); }
SHARPSWEEP_INLINE F32 absolute(F32 a) { return _mm512_andnot_ps(_mm512_set1_ps(-0.0F), a.v); }
SHARPSWEEP_INLINE F64 absolute(F64 a) { return _mm512_andnot_pd(_mm512_set1_pd(-0.0), a.v); }
SHARPSWEEP_INLINE F32 copy_sign(F32 magnitude, F32 sign) {
  const __m512 sign_bit = _mm512_set1_ps(-0.0F);
  return _mm512_or_ps(_mm512_andnot_ps(sign_bit, magnitude.v), _mm512_and_ps(sign_bit, sign.v));
}
SHARPSWEEP_INLINE F64 copy_sign(F64 magnitude, F64 sign) {
  const __m512d sign_bit = _mm512_set1_pd(-0.0);
  return _mm512_or_pd(_mm512_andnot_pd(sign_bit, magnitude.v), _mm512_and_pd(sign_bit, sign.v));
}
SHARPSWEEP_INLINE F32 add_bits(F32 a, F32 b) {
  return _mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)));
}
SHARPSWEEP_INLINE F64 add_bits(F64 a, F64 b) {
  return _mm512_castsi512_pd(_mm512_add_epi64(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v)));
}
SHARPSWEEP_INLINE F32 subtract_bits(F32 a, F32 b) {
  return _mm512_castsi512_ps(_mm512_sub_epi32(_mm512_castps_si512(a.v), _mm512_castps_si512(b.v)));
}
SHARPSWEEP_INLINE F64 subtract_bits(F64 a, F64 b) {
  return _mm512_castsi512_pd(_mm512_sub_epi64(_mm512_castpd_si512(a.v), _mm512_castpd_si512(b.v)));
}
SHARPSWEEP_INLINE F32 and_bits(F32 a, F32 b) { return _mm512_and_ps(a.v, b.v); }
SHARPSWEEP_INLINE F64 and_bits(F64 a, F64 b) { return _mm512_and_pd(a.v, b.v); }
SHARPSWEEP_INLINE F32 low_bits_to_exponent(F32 a) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a.v), 23));
}
SHARPSWEEP_INLINE F64 low_bits_to_exponent(F64 a) {
  return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(a.v), 52));
}
SHARPSWEEP_INLINE F32 exponent_to_low_bits(F32 a) {
  return _mm512_castsi512_ps(_mm512_srli_epi32(_mm512_castps_si512(a.v), 23));
}
SHARPSWEEP_INLINE F64 exponent_to_low_bits(F64 a) {
  return _mm512_castsi512_pd(_mm512_srli_epi64(_mm512_castpd_si512(a.v), 52));
}
/// One instruction here, with the rounding of the two products of select.hpp.
SHARPSWEEP_INLINE F32 times_power_of_two(F32 a, F32 n) { return _mm512_scalef_ps(a.v, n.v); }
SHARPSWEEP_INLINE F64 times_power_of_two(F64 a, F64 n) { return _mm512_scalef_pd(a.v, n.v); }

/// The value types by role, for generators and tiles.
struct Simd {
  using F32 = avx512::F32;
  using F64 = avx512::F64;
  using U32 = avx512::U32;
  using Words = avx512::Words;
};

} // namespace sharpsweep::avx512
