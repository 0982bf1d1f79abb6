/// \file
/// The empirical threshold: where the survival curve, made monotone in |target|, crosses one half.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace sharpsweep {

/// The non-decreasing sequence nearest to `values` in weighted least squares (pool adjacent
/// violators). \param weights  positive, as many
std::vector<double> isotonic_fit(std::span<const double> values, std::span<const double> weights);

/// Where the isotonic fit of values over ascending magnitudes crosses `level`, interpolated
/// linearly. -infinity when all of it lies at or above, +infinity when all lies below. Counts of
/// survivors with half the seeds as level decide "at or above" exactly.
double half_crossing(std::span<const double> magnitudes, std::span<const double> values,
                     std::span<const double> weights, double level = 0.5);

/// Resamples of `seeds` replicates with replacement, the same for every configuration of a sweep.
/// The words come from the stream Stream::bootstrap under key `base_seed`.
class Bootstrap {
public:
  static constexpr std::uint32_t kReplicates = 400;
  Bootstrap(std::uint64_t base_seed, std::uint32_t first_seed, std::uint32_t seeds);

  /// How many of replicate r's seeds, counted with multiplicity, are set in the masks.
  /// \param masks  one 64-bit mask per seed block, `stride` apart
  std::uint32_t count(std::uint32_t replicate, const std::uint64_t* masks,
                      std::size_t stride) const;
  std::uint32_t blocks() const { return blocks_; }
  /// Bytes that a bootstrap of so many seeds takes: a bit per bit of a seed's multiplicity.
  static double memory(std::uint32_t seeds) { return kReplicates * 5.0 / 8 * seeds; }

private:
  std::uint32_t blocks_ = 0;
  /// [bit plane of the multiplicity][replicate][block]: bit of the seed at its place in the block.
  std::vector<std::vector<std::uint64_t>> planes_;
};

struct Threshold {
  double value; ///< NaN when the swept targets do not bracket it
  double low;   ///< 2.5 % quantile of the bootstrap; NaN when outside the swept targets
  double high;  ///< 97.5 %
};

/// The value alone, without its interval. Parameters as below.
double threshold_value(std::span<const double> magnitudes, std::span<const std::uint64_t> masks,
                       std::uint32_t seeds);

/// \param magnitudes  |w*| of each target, in any order; equal ones are pooled
/// \param masks       survivors: mask of block b, target t at masks[b * magnitudes.size() + t]
Threshold estimate_threshold(std::span<const double> magnitudes,
                             std::span<const std::uint64_t> masks, std::uint32_t seeds,
                             const Bootstrap& bootstrap);

} // namespace sharpsweep
