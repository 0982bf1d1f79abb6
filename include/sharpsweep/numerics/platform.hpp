/// \file
/// What a translation unit is compiled for, and what it must never be compiled with.
///
/// Headers under numerics/ and models/ are compiled several times: by the host compiler for scalar
/// code, for AVX2+FMA and for AVX-512, and by nvcc for the device. Templates over SIMD value types
/// get their own symbols from those types; everything else in these headers is force-inlined, so
/// that no symbol compiled with AVX instructions can replace its baseline twin at link time.
#pragma once

#if defined(__FAST_MATH__) || defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__
#error "sharpsweep promises the same bits everywhere: build it without -ffast-math"
#endif
#if defined(__CUDA_FTZ) && __CUDA_FTZ || defined(__USE_FAST_MATH__) && __USE_FAST_MATH__
#error "sharpsweep promises the same bits everywhere: build it without --use_fast_math or -ftz"
#endif

// SHARPSWEEP_NOINLINE is for large templates over a value type that are called from many places.
// SHARPSWEEP_SLICE is for those that train a slice where one function would hold many of them, over
// which g++ takes almost twice as long; a device has them inline. SHARPSWEEP_INLINED, after its
// parameters, is for a lambda of an inner loop. Without optimisation, forced inlining takes several
// times as long to compile as calls: SHARPSWEEP_CALLS asks for those, where scalar code is alone or
// its objects come first at link time.
#ifdef __CUDACC__
#define SHARPSWEEP_INLINE __host__ __device__ __forceinline__
#define SHARPSWEEP_NOINLINE __host__ __device__ __noinline__
#define SHARPSWEEP_SLICE SHARPSWEEP_INLINE
#define SHARPSWEEP_INLINED
#else
#if defined(SHARPSWEEP_CALLS) && !defined(__OPTIMIZE__)
#define SHARPSWEEP_INLINE inline
#else
#define SHARPSWEEP_INLINE inline __attribute__((always_inline))
#endif
#define SHARPSWEEP_NOINLINE __attribute__((noinline))
#define SHARPSWEEP_SLICE SHARPSWEEP_NOINLINE
#define SHARPSWEEP_INLINED __attribute__((always_inline))
#endif

/// Unrolls the loop that follows; trip counts are template constants of at most 16. Host code of a
/// CUDA source file does without: nvcc's front end knows neither pragma there.
#if defined(__CUDACC__) && !defined(__CUDA_ARCH__)
#define SHARPSWEEP_UNROLL
#elif defined(__clang__) || defined(__CUDA_ARCH__)
#define SHARPSWEEP_UNROLL _Pragma("unroll")
#else
#define SHARPSWEEP_UNROLL _Pragma("GCC unroll 16")
#endif
