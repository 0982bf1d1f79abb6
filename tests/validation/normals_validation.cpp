// The distribution of the noise as training draws it: tiles of lanes, blocks of steps and layers.
// Runs alone for as long as one likes: `normals_validation --draws 1e11`.
//
// Every statistic is compared with its law at 6 standard deviations (two-sided 2e-9 each; some 50
// statistics: a false alarm once in 1e7 choices of the key, and the key is fixed).

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstring>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

#include "host/cpu/kernels.hpp"
#include "sharpsweep/numerics/streams.hpp"

namespace sharpsweep {
namespace {

double g_draws = 1e9;

constexpr double kSigmas = 6;
constexpr double kChance = 2e-9; ///< two-sided probability beyond 6 sigma
constexpr int kBlocks = 16;      ///< of four rows: 4096 normals at a time stay in the L1 cache
constexpr int kRows = 4 * kBlocks;
constexpr int kMoments = 8;
constexpr int kBinsPerUnit = 4096;
constexpr int kReach = 7; ///< no normal is larger in magnitude
constexpr std::size_t kBins = 2 * kReach * kBinsPerUnit;
/// Distances in rows: 1 within a Box-Muller pair or between pairs, 2 between pairs, 4 to the next
/// block: at depths 1 to 4 these are steps and layers.
constexpr std::array kRowLags = {1, 2, 3, 4, 8};
/// Distances in lanes: neighbouring coordinates, and coordinates of another seed.
constexpr std::array kLaneLags = {1, 2, 16, 32};
constexpr std::size_t kLags = kRowLags.size() + kLaneLags.size();

struct Statistics {
  double count = 0;
  std::array<double, kMoments> power{};   ///< sums of z^k, k = 1..8
  std::array<double, kLags> product{};    ///< sums of z z'
  std::array<double, kLags> of_squares{}; ///< sums of (z^2 - 1) (z'^2 - 1)
  std::array<double, kLags> pairs{};
  std::vector<std::uint64_t> bins = std::vector<std::uint64_t>(kBins);

  void merge(const Statistics& other) {
    count += other.count;
    for (std::size_t i = 0; i < power.size(); ++i) power[i] += other.power[i];
    for (std::size_t i = 0; i < kLags; ++i) {
      product[i] += other.product[i];
      of_squares[i] += other.of_squares[i];
      pairs[i] += other.pairs[i];
    }
    for (std::size_t i = 0; i < kBins; ++i) bins[i] += other.bins[i];
  }

  void add(const float* z) {
    constexpr std::size_t n = std::size_t{kRows} * kTileLanes;
    constexpr std::size_t kWays = 8; // independent sums, so that the loops vectorise
    double sums[kMoments][kWays] = {};
    for (std::size_t i = 0; i < n; i += kWays) {
      for (std::size_t j = 0; j < kWays; ++j) {
        const double x = static_cast<double>(z[i + j]), x2 = x * x, x4 = x2 * x2;
        sums[0][j] += x;
        sums[1][j] += x2;
        sums[2][j] += x2 * x;
        sums[3][j] += x4;
        sums[4][j] += x4 * x;
        sums[5][j] += x4 * x2;
        sums[6][j] += x4 * x2 * x;
        sums[7][j] += x4 * x4;
      }
    }
    for (std::size_t k = 0; k < kMoments; ++k) {
      for (const double sum : sums[k]) power[k] += sum;
    }
    for (std::size_t i = 0; i < n; ++i) {
      ++bins[static_cast<std::size_t>((z[i] + kReach) * kBinsPerUnit)];
    }
    std::size_t lag = 0;
    for (const int rows : kRowLags) add_pairs(z, z + rows * kTileLanes, kRows - rows, 64, lag++);
    for (const int lanes : kLaneLags) add_pairs(z, z + lanes, kRows, kTileLanes - lanes, lag++);
    count += static_cast<double>(n);
  }

private:
  void add_pairs(const float* a, const float* b, int rows, int lanes, std::size_t lag) {
    float sum[4] = {}, squares[4] = {};
    double total = 0, total_squares = 0;
    for (int r = 0; r < rows; ++r) {
      // Single precision over one row loses 1e-6 of a statistic that is read to 1e-2 of its spread.
      std::memset(sum, 0, sizeof sum);
      std::memset(squares, 0, sizeof squares);
      const int whole = lanes / 4 * 4;
      for (int h = 0; h < whole; h += 4) {
        for (int j = 0; j < 4; ++j) {
          const float x = a[r * kTileLanes + h + j], y = b[r * kTileLanes + h + j];
          sum[j] += x * y;
          squares[j] += (x * x - 1) * (y * y - 1);
        }
      }
      total += (sum[0] + sum[1]) + (sum[2] + sum[3]);
      total_squares += (squares[0] + squares[1]) + (squares[2] + squares[3]);
      pairs[lag] += whole;
    }
    product[lag] += total;
    of_squares[lag] += total_squares;
  }
};

/// Draws what training draws: tiles of 16 coordinates (float bits of targets) of 4 seeds.
Statistics draw(double draws) {
  const cpu::Kernels& kernels = cpu::kernels_named("");
  constexpr std::uint64_t kFillsPerTile = 256;
  const auto tiles =
      static_cast<std::uint64_t>(std::ceil(draws / (kFillsPerTile * kRows * kTileLanes)));
  std::atomic<std::uint64_t> next{0};
  Statistics all;
  std::mutex mutex;
  const auto work = [&] {
    Statistics own;
    alignas(64) static thread_local float z[kRows * kTileLanes];
    for (std::uint64_t tile = next++; tile < tiles; tile = next++) {
      NoiseAddress address;
      address.key = 20250311891u;
      for (std::uint32_t lane = 0; lane < kTileLanes; ++lane) {
        address.coordinate[lane] = coordinate_word(0.5 + 0.125 * (lane % 16));
        address.stream[lane] = stream_word(
            Stream::training, static_cast<std::uint32_t>((4 * tile + lane / 16) % kSeedLimit));
      }
      for (std::uint64_t f = 0; f < kFillsPerTile; ++f) {
        kernels.fill_normals(address, f * kBlocks, kBlocks, z);
        own.add(z);
      }
    }
    const std::lock_guard lock(mutex);
    all.merge(own);
  };
  {
    std::vector<std::jthread> pool;
    const unsigned threads = std::max(2u, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < threads; ++i) pool.emplace_back(work);
  }
  return all;
}

const Statistics& statistics() {
  static const Statistics all = draw(g_draws);
  return all;
}

double normal_above(double x) { return 0.5 * std::erfc(x / std::sqrt(2.0)); }

/// (2k - 1)!! = E z^(2k)
double even_moment(int k) { return k <= 0 ? 1 : (2 * k - 1) * even_moment(k - 1); }

/// Probability that a Poisson variable of this mean is as far out as `count`, two-sided.
double poisson_chance(double mean, double count) {
  if (mean > 1000) return std::erfc(std::fabs(count - mean) / std::sqrt(2 * mean));
  double below = 0, above = 0, term = std::exp(-mean);
  for (int k = 0; k < 3000; ++k) {
    if (k <= count) below += term;
    if (k >= count) above += term;
    term *= mean / (k + 1);
  }
  return 2 * std::min(below, above);
}

TEST(NormalsValidation, Moments) {
  const Statistics& s = statistics();

  for (int k = 1; k <= kMoments; ++k) {
    const double expected = k % 2 == 1 ? 0 : even_moment(k / 2);
    const double spread = std::sqrt((even_moment(k) - expected * expected) / s.count);
    const double found = s.power[static_cast<std::size_t>(k - 1)] / s.count;

    EXPECT_NEAR(found, expected, kSigmas * spread) << "moment " << k;
    std::cout << "moment " << k << ": " << (found - expected) / spread << " sigma\n";
  }
}

TEST(NormalsValidation, KolmogorovSmirnov) {
  // The largest distance at bin edges is at most the statistic over all points, whose tail is
  // 2 exp(-2 t^2): 3.22 leaves 2e-9.
  const Statistics& s = statistics();
  double below = 0, distance = 0;

  for (std::size_t i = 0; i + 1 < kBins; ++i) {
    below += static_cast<double>(s.bins[i]);
    const double edge = static_cast<double>(i + 1) / kBinsPerUnit - kReach;
    distance = std::max(distance, std::fabs(below / s.count - normal_above(-edge)));
  }

  EXPECT_LT(distance * std::sqrt(s.count), 3.22);
  std::cout << "sqrt(n) D = " << distance * std::sqrt(s.count) << "\n";
}

TEST(NormalsValidation, TailCounts) {
  const Statistics& s = statistics();

  for (int sigma = 1; sigma <= 6; ++sigma) {
    for (const int sign : {-1, 1}) {
      double count = 0;
      for (int i = sigma * kBinsPerUnit; i < kReach * kBinsPerUnit; ++i) {
        const int bin = kReach * kBinsPerUnit + (sign > 0 ? i : -i - 1);
        count += static_cast<double>(s.bins[static_cast<std::size_t>(bin)]);
      }
      const double chance = normal_above(sigma);
      const double mean = s.count * chance;
      // Common counts are binomial; rare ones Poisson.
      const double p = chance > 1e-3
                           ? std::erfc(std::fabs(count - mean) / std::sqrt(2 * mean * (1 - chance)))
                           : poisson_chance(mean, count);

      EXPECT_GT(p, kChance) << "beyond " << sign * sigma << ": " << count << " of " << mean;
      std::cout << "beyond " << sign * sigma << ": " << count << ", expected " << mean << "\n";
    }
  }
}

TEST(NormalsValidation, Correlations) {
  const Statistics& s = statistics();

  for (std::size_t i = 0; i < kLags; ++i) {
    const bool rows = i < kRowLags.size();
    const int lag = rows ? kRowLags[i] : kLaneLags[i - kRowLags.size()];
    const double root = std::sqrt(s.pairs[i]);
    // z z' has variance 1, (z^2 - 1)(z'^2 - 1) has variance 4.
    const double first = s.product[i] / root, second = s.of_squares[i] / (2 * root);

    EXPECT_LT(std::fabs(first), kSigmas) << (rows ? "rows " : "lanes ") << lag;
    EXPECT_LT(std::fabs(second), kSigmas) << (rows ? "rows " : "lanes ") << lag;
    std::cout << (rows ? "rows " : "lanes ") << lag << " apart: " << first << ", squares " << second
              << " sigma\n";
  }
}

} // namespace
} // namespace sharpsweep

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc == 3 && std::strcmp(argv[1], "--draws") == 0) {
    sharpsweep::g_draws = std::stod(argv[2]);
  } else if (argc != 1) {
    std::cerr << "usage: normals_validation [--draws N]\n";
    return 2;
  }
  return RUN_ALL_TESTS();
}
