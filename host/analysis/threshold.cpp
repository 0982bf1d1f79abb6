#include "host/analysis/threshold.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "sharpsweep/numerics/arithmetic.hpp"
#include "sharpsweep/numerics/streams.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {

std::vector<double> isotonic_fit(std::span<const double> values, std::span<const double> weights) {
  struct Pool {
    double sum, weight;
    std::size_t size;
    double mean() const { return sum / weight; }
  };
  std::vector<Pool> pools;
  for (std::size_t i = 0; i < values.size(); ++i) {
    pools.push_back({values[i] * weights[i], weights[i], 1});
    while (pools.size() > 1 && pools[pools.size() - 2].mean() >= pools.back().mean()) {
      const Pool last = pools.back();
      pools.pop_back();
      pools.back().sum += last.sum;
      pools.back().weight += last.weight;
      pools.back().size += last.size;
    }
  }
  std::vector<double> fit;
  for (const Pool& pool : pools) fit.insert(fit.end(), pool.size, pool.mean());
  return fit;
}

double half_crossing(std::span<const double> magnitudes, std::span<const double> values,
                     std::span<const double> weights, double level) {
  const std::vector<double> fit = isotonic_fit(values, weights);
  const auto above = std::find_if(fit.begin(), fit.end(), [=](double f) { return f >= level; });
  if (above == fit.begin()) return -std::numeric_limits<double>::infinity();
  if (above == fit.end()) return std::numeric_limits<double>::infinity();
  const auto i = static_cast<std::size_t>(above - fit.begin());
  const double t = (level - fit[i - 1]) / (fit[i] - fit[i - 1]);
  return magnitudes[i - 1] + t * (magnitudes[i] - magnitudes[i - 1]);
}

Bootstrap::Bootstrap(std::uint64_t base_seed, std::uint32_t first_seed, std::uint32_t seeds) {
  const std::uint32_t offset = first_seed % kSeedBlock;
  blocks_ = (offset + seeds - 1) / kSeedBlock + 1;
  std::vector<std::uint32_t> multiplicity;
  for (std::uint32_t r = 0; r < kReplicates; ++r) {
    multiplicity.assign(seeds, 0);
    PhiloxBlock words{};
    for (std::uint32_t draw = 0; draw < seeds; ++draw) {
      if (draw % 4 == 0) {
        words = stream_block(base_seed, draw / 4, 0, stream_word(Stream::bootstrap, r));
      }
      ++multiplicity[std::uint64_t{words.word[draw % 4]} * seeds >> 32];
    }
    const std::uint32_t largest = *std::max_element(multiplicity.begin(), multiplicity.end());
    while (planes_.size() < static_cast<std::size_t>(std::bit_width(largest))) {
      planes_.emplace_back(std::size_t{kReplicates} * blocks_);
    }
    for (std::uint32_t s = 0; s < seeds; ++s) {
      const std::uint32_t place = offset + s;
      for (std::uint32_t p = 0; multiplicity[s] >> p != 0; ++p) {
        const std::uint64_t bit = multiplicity[s] >> p & 1;
        planes_[p][std::size_t{r} * blocks_ + place / kSeedBlock] |= bit << place % kSeedBlock;
      }
    }
  }
}

std::uint32_t Bootstrap::count(std::uint32_t replicate, const std::uint64_t* masks,
                               std::size_t stride) const {
  std::uint32_t total = 0;
  for (std::size_t p = 0; p < planes_.size(); ++p) {
    const std::uint64_t* plane = planes_[p].data() + std::size_t{replicate} * blocks_;
    for (std::uint32_t b = 0; b < blocks_; ++b) {
      total += static_cast<std::uint32_t>(std::popcount(masks[b * stride] & plane[b])) << p;
    }
  }
  return total;
}

namespace {

double finite_or_none(double value) { return std::isfinite(value) ? value : kNone; }

/// The survival curve of one configuration over ascending |target|, equal ones pooled.
class SurvivalCurve {
public:
  SurvivalCurve(std::span<const double> magnitudes, std::uint32_t seeds)
      : magnitudes_(magnitudes), seeds_(seeds), order_(magnitudes.size()) {
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return magnitudes[a] < magnitudes[b]; });
    for (const std::size_t t : order_) {
      if (x_.empty() || magnitudes[t] != x_.back()) {
        x_.push_back(magnitudes[t]);
        weight_.push_back(0);
      }
      weight_.back() += 1;
    }
  }

  /// Where it crosses one half. \param survivors_of  number of survivors of target t
  template <class Survivors>
  double crossing(Survivors survivors_of) {
    survivors_.assign(x_.size(), 0);
    std::size_t pool = 0;
    for (const std::size_t t : order_) {
      if (magnitudes_[t] != x_[pool]) ++pool;
      survivors_[pool] += survivors_of(t);
    }
    for (std::size_t i = 0; i < x_.size(); ++i) survivors_[i] = survivors_[i] / weight_[i];
    return half_crossing(x_, survivors_, weight_, 0.5 * seeds_);
  }

  double measured(std::span<const std::uint64_t> masks) {
    const std::size_t targets = magnitudes_.size();
    return crossing([&](std::size_t t) {
      double count = 0;
      for (std::size_t i = t; i < masks.size(); i += targets) count += std::popcount(masks[i]);
      return count;
    });
  }

private:
  std::span<const double> magnitudes_;
  std::uint32_t seeds_;
  std::vector<std::size_t> order_;
  std::vector<double> x_, survivors_, weight_;
};

} // namespace

double threshold_value(std::span<const double> magnitudes, std::span<const std::uint64_t> masks,
                       std::uint32_t seeds) {
  return finite_or_none(SurvivalCurve(magnitudes, seeds).measured(masks));
}

Threshold estimate_threshold(std::span<const double> magnitudes,
                             std::span<const std::uint64_t> masks, std::uint32_t seeds,
                             const Bootstrap& bootstrap) {
  SurvivalCurve curve(magnitudes, seeds);
  const double value = curve.measured(masks);
  if (!std::isfinite(value)) return {kNone, kNone, kNone};
  std::vector<double> replicates;
  for (std::uint32_t r = 0; r < Bootstrap::kReplicates; ++r) {
    replicates.push_back(curve.crossing([&](std::size_t t) {
      return static_cast<double>(bootstrap.count(r, &masks[t], magnitudes.size()));
    }));
  }
  std::sort(replicates.begin(), replicates.end());
  constexpr std::size_t kTail = Bootstrap::kReplicates / 40; // 2.5 %
  return {value, finite_or_none(replicates[kTail]),
          finite_or_none(replicates[Bootstrap::kReplicates - 1 - kTail])};
}

} // namespace sharpsweep
