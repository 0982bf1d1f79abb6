/// \file
/// Normals for a tile of 64 lanes at once, the bare generator of the CPU backend.
///
/// A lane is one coordinate of one network (any flat index of networks and coordinates), so that
/// narrow networks run at full speed. All lanes of a tile share the key and the block counter; they
/// differ in counter words 2 and 3. Rounds 1 and 2 of Philox then fold to what is constant per lane
/// or uniform over the tile: 17 of 20 multiplications per lane and block are left.
#pragma once

#include <cstddef>
#include <cstdint>

#include "sharpsweep/numerics/normals.hpp"
#include "sharpsweep/numerics/pack.hpp"
#include "sharpsweep/numerics/philox.hpp"

namespace sharpsweep {

inline constexpr int kTileLanes = 64;

/// What names the noise of a tile: its key and counter words 2 and 3 of every lane.
struct alignas(64) NoiseAddress {
  std::uint32_t coordinate[kTileLanes] = {}; ///< aligned for SIMD registers, as is `stream`
  std::uint32_t stream[kTileLanes] = {};
  std::uint64_t key = 0;
};

/// Per-lane constants of Philox rounds 1 and 2 for a fixed block_hi, one 64-bit slot a lane, in
/// the order in which an instruction set takes lanes. Upper halves are arbitrary, as in Words.
struct alignas(64) FoldedRounds {
  std::uint64_t word2[kTileLanes]; ///< stream ^ key1: word 2 after round 1, less hi(M0 block_lo)
  std::uint64_t mix0[kTileLanes];  ///< what round 2 xors into word 0
  std::uint64_t mix2[kTileLanes];  ///< what round 2 xors into word 2, less lo(M0 block_lo)
  std::uint64_t word3[kTileLanes]; ///< word 3 after round 2
};

/// Folds rounds 1 and 2. Slot order: groups of 2w lanes, w being the width of Words, first their
/// even lanes, then the odd ones.
template <class Simd>
SHARPSWEEP_INLINE void fold_rounds(const NoiseAddress& address, std::uint32_t block_hi,
                                   FoldedRounds& folded) {
  using W = typename Simd::Words;
  const std::uint32_t key0 = static_cast<std::uint32_t>(address.key);
  const std::uint32_t key1 = static_cast<std::uint32_t>(address.key >> 32);
  const W multiplier0(kPhiloxMultiplier0), multiplier1(kPhiloxMultiplier1);
  const auto fold = [&](W coordinate, W stream, int slot) SHARPSWEEP_INLINED {
    const W product1 = multiply_wide(multiplier1, coordinate);
    const W product0 = multiply_wide(multiplier0, bit_xor(high_word(product1), W(block_hi ^ key0)));
    bit_xor(stream, W(key1)).store(folded.word2 + slot);
    bit_xor(product1, W(key0 + kPhiloxWeyl0)).store(folded.mix0 + slot);
    bit_xor(high_word(product0), W(key1 + kPhiloxWeyl1)).store(folded.mix2 + slot);
    product0.store(folded.word3 + slot);
  };
  for (int slot = 0; slot < kTileLanes; slot += 2 * W::width) {
    const W coordinates = W::load(address.coordinate + slot);
    const W streams = W::load(address.stream + slot);
    fold(coordinates, streams, slot);
    fold(high_word(coordinates), high_word(streams), slot + W::width);
  }
}

/// Fills rows of normals: row 4 b + i, lane h of `z` (row-major, kTileLanes a row) is normal number
/// 4 (first_block + b) + i of lane h, for b < blocks.
/// \tparam Simd   the value types of an instruction set: F32, U32, Words
/// \tparam Groups  registers of F32 filled together: 2 * Groups independent Philox chains
template <class Simd, int Groups>
SHARPSWEEP_INLINE void fill_normals(const NoiseAddress& address, std::uint64_t first_block,
                                    int blocks, float* z) {
  using F = typename Simd::F32;
  using U = typename Simd::U32;
  using W = typename Simd::Words;
  constexpr int kWidth = W::width;
  constexpr int kChains = 2 * Groups;
  const std::uint32_t key0 = static_cast<std::uint32_t>(address.key);
  const std::uint32_t key1 = static_cast<std::uint32_t>(address.key >> 32);
  const W multiplier0(kPhiloxMultiplier0), multiplier1(kPhiloxMultiplier1);

  FoldedRounds folded;
  std::uint32_t block_hi = static_cast<std::uint32_t>(first_block >> 32);
  fold_rounds<Simd>(address, block_hi, folded);

  for (int b = 0; b < blocks; ++b, z += 4 * kTileLanes) {
    const std::uint64_t block = first_block + static_cast<std::uint64_t>(b);
    if (static_cast<std::uint32_t>(block >> 32) != block_hi) {
      block_hi = static_cast<std::uint32_t>(block >> 32);
      fold_rounds<Simd>(address, block_hi, folded);
    }
    const std::uint64_t product =
        std::uint64_t{kPhiloxMultiplier0} * static_cast<std::uint32_t>(block);
    const W product_high(static_cast<std::uint32_t>(product >> 32));
    const W product_low(static_cast<std::uint32_t>(product));

    for (int slot = 0; slot < kTileLanes; slot += kChains * kWidth) {
      W c0[kChains], c1[kChains], c2[kChains], c3[kChains];
      SHARPSWEEP_UNROLL
      for (int i = 0; i < kChains; ++i) {
        const int at = slot + i * kWidth;
        const W word2 = bit_xor(W::load(folded.word2 + at), product_high);
        c1[i] = multiply_wide(multiplier1, word2);
        c0[i] = bit_xor(high_word(c1[i]), W::load(folded.mix0 + at));
        c2[i] = bit_xor(W::load(folded.mix2 + at), product_low);
        c3[i] = W::load(folded.word3 + at);
      }
      SHARPSWEEP_UNROLL
      for (int round = 2; round < kPhiloxRounds; ++round) {
        const W round_key0(key0 + static_cast<std::uint32_t>(round) * kPhiloxWeyl0);
        const W round_key1(key1 + static_cast<std::uint32_t>(round) * kPhiloxWeyl1);
        SHARPSWEEP_UNROLL
        for (int i = 0; i < kChains; ++i) {
          const W product0 = multiply_wide(multiplier0, c0[i]);
          const W product1 = multiply_wide(multiplier1, c2[i]);
          c0[i] = xor3(high_word(product1), c1[i], round_key0);
          c1[i] = product1;
          c2[i] = xor3(high_word(product0), c3[i], round_key1);
          c3[i] = product0;
        }
      }
      SHARPSWEEP_UNROLL
      for (int i = 0; i < Groups; ++i) {
        float* out = z + slot + i * 2 * kWidth;
        F first, second;
        normal_pair<F, U>(interleave(c0[2 * i], c0[2 * i + 1]),
                          interleave(c1[2 * i], c1[2 * i + 1]), first, second);
        first.store(out);
        second.store(out + kTileLanes);
        normal_pair<F, U>(interleave(c2[2 * i], c2[2 * i + 1]),
                          interleave(c3[2 * i], c3[2 * i + 1]), first, second);
        first.store(out + 2 * kTileLanes);
        second.store(out + 3 * kTileLanes);
      }
    }
  }
}

/// The same rows, lane by lane: the reference for every instruction set.
SHARPSWEEP_INLINE void fill_normals_scalar(const NoiseAddress& address, std::uint64_t first_block,
                                           int blocks, float* z) {
  for (int b = 0; b < blocks; ++b, z += 4 * kTileLanes) {
    const std::uint64_t block = first_block + static_cast<std::uint64_t>(b);
    for (int lane = 0; lane < kTileLanes; ++lane) {
      const PhiloxBlock words =
          philox({{static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32),
                   address.coordinate[lane], address.stream[lane]}},
                 address.key);
      float* out = z + lane;
      normal_pair<float, std::uint32_t>(words.word[0], words.word[1], out[0], out[kTileLanes]);
      normal_pair<float, std::uint32_t>(words.word[2], words.word[3], out[2 * kTileLanes],
                                        out[3 * kTileLanes]);
    }
  }
}

} // namespace sharpsweep
