/// \file
/// The training kernel: a thread is one coordinate, a thread block one or several networks, whole
/// ones where they are projected.
///
/// A thread holds the weights of its coordinate for K configurations that share their noise, all in
/// registers, and draws each normal once for all of them. A launch makes one slice of the steps;
/// state rests in global memory between slices, so slices change no bit.
#pragma once

#include <curand_philox4x32_x.h>

#include <cstdint>
#include <type_traits>

#include "kernels/slice.hpp"
#include "sharpsweep/models/ssam.hpp"
#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/streams.hpp"
#include "sharpsweep/numerics/sums.hpp"
#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep::cuda {

/// Threads of a block at most: a bundle needs more registers, a projected network more threads.
template <int K>
inline constexpr unsigned kMaxThreads = K > 1 ? 128 : kMaxCoupledCoordinates;

/// Blocks of a multiprocessor at least: they bound the registers, where weights leave a choice.
template <int L, int K, class T>
inline constexpr unsigned kMinBlocks = K == 1                    ? 0
                                       : K* L * sizeof(T) <= 128 ? 3
                                                                 : 2;

/// Rounds of a turn of the usual loop: those of four blocks share the generator's round keys.
template <int L, int K>
inline constexpr int kUnroll = K > 1 || L > 8 ? 1
                               : L % 4 == 0   ? 16 / L
                               : L % 2 == 0   ? 8 / L + 2
                                              : 2;

/// Four normals of one Philox block, in cuRAND's words.
__device__ __forceinline__ void draw_block(std::uint64_t key, std::uint32_t block_lo,
                                           std::uint32_t block_hi, std::uint32_t coordinate,
                                           std::uint32_t stream, float (&z)[4]) {
  const uint4 words = curand_Philox4x32_10(
      make_uint4(block_lo, block_hi, coordinate, stream),
      make_uint2(static_cast<unsigned>(key), static_cast<unsigned>(key >> 32)));
  normal_pair<float, std::uint32_t>(words.x, words.y, z[0], z[1]);
  normal_pair<float, std::uint32_t>(words.z, words.w, z[2], z[3]);
}

/// Sum over the coordinates of a network by the fixed tree of pairwise_sum: neighbours first,
/// absent values zero. All threads of the block call it; `scratch` holds a value a thread.
template <class T>
__device__ T network_sum(T value, T* scratch, std::uint32_t coordinates) {
  const std::uint32_t within = threadIdx.x % coordinates;
  scratch[threadIdx.x] = value;
  __syncthreads();
  for (std::uint32_t step = 1; step < coordinates; step *= 2) {
    const bool adds = within % (2 * step) == 0 && within + step < coordinates &&
                      threadIdx.x + step < blockDim.x; // threads past the last network are padding
    if (adds) scratch[threadIdx.x] = add(scratch[threadIdx.x], scratch[threadIdx.x + step]);
    __syncthreads();
  }
  const T sum = scratch[threadIdx.x - within];
  __syncthreads();
  return sum;
}

template <int L, int K, class T>
struct ThreadState {
  T w[K][L];
  T target[K];
  T eta[K];
  T minus_two_alpha[K];
};

/// One step of all K configurations on the same normals, as any run may need it.
template <int L, int K, class T>
__device__ __forceinline__ void step_bundle(ThreadState<L, K, T>& state, const T (&z)[L],
                                            const Slice<T>& slice, std::uint32_t k, bool active,
                                            T* scratch) {
  const T factor = slice.schedule ? slice.schedule[k] : T(1);
#pragma unroll
  for (int m = 0; m < K; ++m) {
    const T minus_two_alpha = mul(state.minus_two_alpha[m], factor);
    if (K > 1 || slice.noisy) {
      ssam::step(ssam::Depth<L>{}, state.w[m], z, state.eta[m], minus_two_alpha, state.target[m]);
    } else {
      ssam::step_noise_free(ssam::Depth<L>{}, state.w[m], state.eta[m], minus_two_alpha,
                            state.target[m]);
    }
    if (K == 1 && slice.radius > T(0)) {
      T square = 0;
#pragma unroll
      for (int l = 0; l < L; ++l) square = fmadd(state.w[m][l], state.w[m][l], square);
      const T norm = network_sum(active ? square : T(0), scratch, slice.coordinates);
      const T scale = ssam::projection_scale(norm, slice.radius);
      if (scale != T(1)) {
#pragma unroll
        for (int l = 0; l < L; ++l) state.w[m][l] = mul(state.w[m][l], scale);
      }
    }
  }
}

template <int L, int K, class T>
__global__ void __launch_bounds__(kMaxThreads<K>, kMinBlocks<L, K, T>)
    train_slice(const Slice<T> slice) {
  extern __shared__ unsigned char shared_bytes[];
  T* scratch = reinterpret_cast<T*>(shared_bytes);
  // Threads beyond the block's networks repeat its first lane and store nothing: they must reach
  // the barriers of a projection.
  const std::uint32_t in_block = threadIdx.x < slice.block_lanes ? threadIdx.x : 0;
  const std::uint32_t wanted = blockIdx.x * slice.block_lanes + in_block;
  const bool active = threadIdx.x < slice.block_lanes && wanted < slice.lanes;
  const std::uint32_t lane = wanted < slice.lanes ? wanted : blockIdx.x * slice.block_lanes;
  const std::uint32_t target = lane % slice.coordinates;
  const std::uint32_t member = slice.first_member + blockIdx.y * K;

  const std::uint32_t coordinate = slice.coordinate[target];
  const std::uint32_t stream =
      stream_word(Stream::training, slice.first_seed + lane / slice.coordinates);
  const std::uint64_t key = slice.members[member].key;
  const std::size_t lanes = slice.lanes;

  ThreadState<L, K, T> state;
#pragma unroll
  for (int m = 0; m < K; ++m) {
    const MemberParameters<T> parameters = slice.members[member + m];
    state.eta[m] = parameters.eta;
    state.minus_two_alpha[m] = parameters.minus_two_alpha;
    state.target[m] = slice.targets[(member + m) * slice.coordinates + target];
#pragma unroll
    for (int l = 0; l < L; ++l) {
      state.w[m][l] =
          slice.weights[((member + m) * static_cast<std::size_t>(L) + l) * lanes + lane];
    }
  }

  // A round of steps uses up whole blocks of four normals; all indices into z are then constants.
  constexpr std::uint32_t kRound = L % 4 == 0 ? 1 : L % 2 == 0 ? 2 : 4;
  static_assert(kTailGroup % kRound == 0);
  const auto make_round = [&](std::uint64_t round, bool noisy, auto make_step) {
    const std::uint64_t block = round * (kRound * L / 4);
    float normals[4] = {};
#pragma unroll
    for (int j = 0; j < static_cast<int>(kRound); ++j) {
      T z[L];
#pragma unroll
      for (int l = 0; l < L; ++l) {
        const int n = j * L + l;
        if (n % 4 == 0 && (K > 1 || noisy)) {
          const std::uint64_t here = block + static_cast<std::uint64_t>(n / 4);
          draw_block(key, static_cast<std::uint32_t>(here), static_cast<std::uint32_t>(here >> 32),
                     coordinate, stream, normals);
        }
        z[l] = static_cast<T>(normals[n % 4]);
      }
      make_step(round * kRound + static_cast<std::uint64_t>(j), z);
    }
  };
  const auto sum_of = [&](int m) -> T& { return slice.product_sum[(member + m) * lanes + lane]; };
  const auto tail_of = [&](int m) -> double& { return slice.tail[(member + m) * lanes + lane]; };
  const std::uint64_t end = slice.first_step + slice.steps;
  const auto ends_tail_group = [&](std::uint64_t done) {
    return done % kTailGroup == 0 || done == slice.total_steps;
  };
  // Serves every run (with its sums in memory: registers are short), and rounds of which only some
  // steps belong to the slice.
  const auto any_step = [&](std::uint64_t step, const T(&z)[L]) {
    if (step < slice.first_step || step >= end) return;
    const auto k = static_cast<std::uint32_t>(step - slice.first_step);
    step_bundle<L, K, T>(state, z, slice, k, active, scratch);
    if (!slice.tail_active || !active) return;
    const bool flush = ends_tail_group(step + 1);
#pragma unroll
    for (int m = 0; m < K; ++m) {
      const T sum = add(sum_of(m), ssam::product<T>(ssam::Depth<L>{}, state.w[m]));
      if (flush) tail_of(m) = add(tail_of(m), static_cast<double>(sum));
      sum_of(m) = flush ? T(0) : sum;
    }
  };
  // The usual run makes whole rounds without asking what it does.
  const auto plain_step = [&](std::uint64_t, const T(&z)[L]) {
#pragma unroll
    for (int m = 0; m < K; ++m) {
      ssam::step(ssam::Depth<L>{}, state.w[m], z, state.eta[m], state.minus_two_alpha[m],
                 state.target[m]);
    }
  };
  const bool plain = (K > 1 || slice.noisy) && !slice.schedule && !(slice.radius > T(0));
  const std::uint64_t last = end / kRound;
  for (std::uint64_t round = slice.first_step / kRound; round * kRound < end;) {
    if (!plain || round * kRound < slice.first_step || round == last) {
      make_round(round++, slice.noisy, any_step);
    } else if (!slice.tail_active) {
#pragma unroll kUnroll < L, K>
      for (; round < last; ++round) make_round(round, true, plain_step);
    } else {
      T sum[K];
      double total[K];
#pragma unroll
      for (int m = 0; m < K; ++m) {
        sum[m] = sum_of(m);
        total[m] = tail_of(m);
      }
      for (; round < last; ++round) {
        make_round(round, true, [&](std::uint64_t step, const T(&z)[L]) {
          plain_step(step, z);
#pragma unroll
          for (int m = 0; m < K; ++m)
            sum[m] = add(sum[m], ssam::product<T>(ssam::Depth<L>{}, state.w[m]));
        });
        if (!ends_tail_group((round + 1) * kRound)) continue;
#pragma unroll
        for (int m = 0; m < K; ++m) {
          total[m] = add(total[m], static_cast<double>(sum[m]));
          sum[m] = 0;
        }
      }
#pragma unroll
      for (int m = 0; active && m < K; ++m) {
        sum_of(m) = sum[m];
        tail_of(m) = total[m];
      }
    }
  }

  if (!active) return;
#pragma unroll
  for (int m = 0; m < K; ++m) {
#pragma unroll
    for (int l = 0; l < L; ++l) {
      slice.weights[((member + m) * static_cast<std::size_t>(L) + l) * lanes + lane] =
          state.w[m][l];
    }
  }
}

} // namespace sharpsweep::cuda
