// The max-margin directions against brute force over all active sets, their dual certificates, and
// known cases.

#include "host/analysis/max_margin.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>
#include <random>
#include <vector>

namespace sharpsweep {
namespace {

using Vector = std::vector<double>;

double least_margin(const Vector& examples, const Vector& v) {
  const std::size_t d = v.size();
  double least = INFINITY;
  for (std::size_t i = 0; i < examples.size() / d; ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < d; ++j) sum += examples[i * d + j] * v[j];
    least = std::min(least, sum);
  }
  return least;
}

/// x with A x = b by Cramer's rule through Leibniz's formula, for n <= 4; nothing if det A = 0.
std::optional<Vector> cramer(const Vector& a, const Vector& b) {
  const std::size_t n = b.size();
  const auto determinant = [n](const Vector& m) {
    std::vector<std::size_t> order(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    double sum = 0;
    do {
      double term = 1;
      for (std::size_t i = 0; i < n; ++i) {
        term *= m[i * n + order[i]];
        for (std::size_t k = 0; k < i; ++k) term = order[k] > order[i] ? -term : term;
      }
      sum += term;
    } while (std::next_permutation(order.begin(), order.end()));
    return sum;
  };
  const double whole = determinant(a);
  if (std::fabs(whole) < 1e-12) return std::nullopt;
  Vector x(n);
  for (std::size_t c = 0; c < n; ++c) {
    Vector replaced = a;
    for (std::size_t i = 0; i < n; ++i) replaced[i * n + c] = b[i];
    x[c] = determinant(replaced) / whole;
  }
  return x;
}

/// All subsets of {0..n-1} as bit masks of `size` elements.
std::vector<std::vector<std::size_t>> subsets(std::size_t n, std::size_t size) {
  std::vector<std::vector<std::size_t>> all;
  for (unsigned mask = 0; mask < 1U << n; ++mask) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < n; ++i) {
      if (mask >> i & 1) members.push_back(i);
    }
    if (members.size() == size) all.push_back(members);
  }
  return all;
}

/// Least |v|_2 with all margins >= 1: over every set of examples held at margin 1, v in their span.
double brute_l2(const Vector& examples, std::size_t d) {
  const std::size_t n = examples.size() / d;
  double best = INFINITY;
  for (std::size_t size = 1; size <= std::min(n, d); ++size) {
    for (const auto& set : subsets(n, size)) {
      Vector gram(size * size, 0);
      for (std::size_t r = 0; r < size; ++r) {
        for (std::size_t c = 0; c < size; ++c) {
          for (std::size_t j = 0; j < d; ++j) {
            gram[r * size + c] += examples[set[r] * d + j] * examples[set[c] * d + j];
          }
        }
      }
      const auto u = cramer(gram, Vector(size, 1));
      if (!u) continue;
      Vector v(d, 0);
      double square = 0;
      for (std::size_t j = 0; j < d; ++j) {
        for (std::size_t r = 0; r < size; ++r) v[j] += (*u)[r] * examples[set[r] * d + j];
        square += v[j] * v[j];
      }
      if (least_margin(examples, v) >= 1 - 1e-9) best = std::min(best, std::sqrt(square));
    }
  }
  return best;
}

/// Least |v|_1 with all margins >= 1: over all vertices, k coordinates from k margins of 1.
double brute_l1(const Vector& examples, std::size_t d) {
  const std::size_t n = examples.size() / d;
  double best = INFINITY;
  for (std::size_t size = 1; size <= std::min(n, d); ++size) {
    for (const auto& rows : subsets(n, size)) {
      for (const auto& columns : subsets(d, size)) {
        Vector a;
        for (const std::size_t i : rows) {
          for (const std::size_t j : columns) a.push_back(examples[i * d + j]);
        }
        const auto x = cramer(a, Vector(size, 1));
        if (!x) continue;
        Vector v(d, 0);
        double norm = 0;
        for (std::size_t k = 0; k < size; ++k) {
          v[columns[k]] = (*x)[k];
          norm += std::fabs((*x)[k]);
        }
        if (least_margin(examples, v) >= 1 - 1e-9) best = std::min(best, norm);
      }
    }
  }
  return best;
}

/// Whether the direction has its margin and the support weights prove that there is no larger one.
void expect_certified(const MaxMargin& result, const Vector& examples, bool l1, double tolerance) {
  const std::size_t d = result.direction.size();
  double norm = 0, total = 0, dual = 0;
  for (const double value : result.direction) norm += l1 ? std::fabs(value) : value * value;
  for (const double value : result.support) {
    EXPECT_GE(value, 0);
    total += value;
  }
  for (std::size_t j = 0; j < d; ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < result.support.size(); ++i) {
      sum += result.support[i] * examples[i * d + j];
    }
    dual = l1 ? std::max(dual, std::fabs(sum)) : std::hypot(dual, sum);
  }
  EXPECT_NEAR(norm, 1, 1e-12);
  EXPECT_NEAR(total, 1, 1e-12);
  EXPECT_NEAR(least_margin(examples, result.direction), result.margin, 1e-12);
  EXPECT_NEAR(dual, result.margin, tolerance);
}

Vector random_examples(std::mt19937_64& random, std::size_t n, std::size_t d, double shift) {
  std::normal_distribution<double> normal;
  Vector examples;
  for (std::size_t k = 0; k < n * d; ++k) examples.push_back(shift + normal(random));
  return examples;
}

TEST(MaxMargin, OfOneExample) {
  const Vector mu{1, -3, 2};

  const auto l2 = l2_max_margin(mu, 3), l1 = l1_max_margin(mu, 3);

  ASSERT_TRUE(l2 && l1);
  EXPECT_NEAR(l2->margin, std::sqrt(14.0), 1e-14);
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_NEAR(l2->direction[j], mu[j] / std::sqrt(14.0), 1e-15);
  }
  EXPECT_EQ(l1->direction, (Vector{0, -1, 0}));
  EXPECT_EQ(l1->margin, 3);
  EXPECT_TRUE(l1->unique);
}

TEST(MaxMargin, OfTwoExamplesByHand) {
  // (2,0) and (0,1): the hull's nearest point is (2,4)/5, margin 2/sqrt 5; in l_1 both margins are
  // equal at (1,2)/3.
  const Vector examples{2, 0, 0, 1};

  const auto l2 = l2_max_margin(examples, 2), l1 = l1_max_margin(examples, 2);

  ASSERT_TRUE(l2 && l1);
  EXPECT_NEAR(l2->margin, 2 / std::sqrt(5.0), 1e-15);
  EXPECT_NEAR(l2->direction[0], 1 / std::sqrt(5.0), 1e-15);
  EXPECT_NEAR(l1->direction[0], 1 / 3.0, 1e-15);
  EXPECT_NEAR(l1->margin, 2 / 3.0, 1e-15);
  EXPECT_TRUE(l1->unique);
}

TEST(MaxMargin, ATieInL1IsNotCalledUnique) {
  const auto l1 = l1_max_margin(Vector{1, 1}, 2);

  ASSERT_TRUE(l1);
  EXPECT_EQ(l1->margin, 1);
  EXPECT_FALSE(l1->unique);
}

TEST(MaxMargin, RepeatedExamplesChangeNothing) {
  std::mt19937_64 random(3);
  const Vector once = random_examples(random, 5, 3, 1.5);
  Vector thrice = once;
  thrice.insert(thrice.end(), once.begin(), once.end());
  thrice.insert(thrice.end(), once.begin(), once.end());

  const auto a2 = l2_max_margin(once, 3), b2 = l2_max_margin(thrice, 3);
  const auto a1 = l1_max_margin(once, 3), b1 = l1_max_margin(thrice, 3);

  ASSERT_TRUE(a2 && b2 && a1 && b1);
  EXPECT_NEAR(a2->margin, b2->margin, 1e-13);
  EXPECT_NEAR(a1->margin, b1->margin, 1e-13);
}

TEST(MaxMargin, NonSeparableDataHaveNone) {
  EXPECT_FALSE(l2_max_margin(Vector{1, -1}, 1));
  EXPECT_FALSE(l1_max_margin(Vector{1, -1}, 1));
  EXPECT_FALSE(l2_max_margin(Vector{1, 0, -1, 1, -1, -1}, 2));
  EXPECT_FALSE(l1_max_margin(Vector{1, 0, -1, 1, -1, -1}, 2));
  // The origin on the hull's edge: no positive margin either.
  EXPECT_FALSE(l2_max_margin(Vector{1, 0, -1, 0, 0, 1}, 2));
  EXPECT_FALSE(l1_max_margin(Vector{1, 0, -1, 0, 0, 1}, 2));
  EXPECT_FALSE(l2_max_margin(Vector{0, 0}, 2));
  EXPECT_FALSE(l1_max_margin(Vector{0, 0}, 2));
}

TEST(MaxMargin, EqualsBruteForceOnSmallData) {
  // Cramer's determinants lose a few digits near singular sets: 1e-9 of the margin.
  std::mt19937_64 random(5);
  int separable = 0, apart = 0;
  double worst_l2 = 0, worst_l1 = 0;
  for (int trial = 0; trial < 600; ++trial) {
    const std::size_t d = 1 + random() % 4, n = 1 + random() % 6;
    const Vector examples = random_examples(random, n, d, trial % 3 * 0.6);
    const double expected_l2 = 1 / brute_l2(examples, d), expected_l1 = 1 / brute_l1(examples, d);

    const auto l2 = l2_max_margin(examples, d), l1 = l1_max_margin(examples, d);

    ASSERT_EQ(l2.has_value(), expected_l2 > 0) << trial;
    ASSERT_EQ(l1.has_value(), expected_l1 > 0) << trial;
    apart += !l2;
    if (!l2) continue;
    ++separable;
    worst_l2 = std::max(worst_l2, std::fabs(l2->margin / expected_l2 - 1));
    worst_l1 = std::max(worst_l1, std::fabs(l1->margin / expected_l1 - 1));
    expect_certified(*l2, examples, false, 1e-12);
    expect_certified(*l1, examples, true, 1e-12);
  }
  std::printf("             %d separable, %d not; margins within %.1e (l2), %.1e (l1)\n", separable,
              apart, worst_l2, worst_l1);
  EXPECT_GT(separable, 200);
  EXPECT_GT(apart, 100);
  EXPECT_LT(worst_l2, 1e-9);
  EXPECT_LT(worst_l1, 1e-9);
}

TEST(MaxMargin, IsCertifiedOnLargerData) {
  std::mt19937_64 random(7);
  int found = 0;
  for (const auto& [n, d] : {std::pair{40, 10}, {20, 30}, {100, 60}, {10, 64}, {64, 64}}) {
    for (int trial = 0; trial < 10; ++trial) {
      const auto rows = static_cast<std::size_t>(n), columns = static_cast<std::size_t>(d);
      const Vector examples = random_examples(random, rows, columns, trial % 2 * 1.0);

      const auto l2 = l2_max_margin(examples, columns), l1 = l1_max_margin(examples, columns);

      ASSERT_EQ(l2.has_value(), l1.has_value()) << n << " " << d;
      if (!l2) continue;
      ++found;
      expect_certified(*l2, examples, false, 1e-10);
      expect_certified(*l1, examples, true, 1e-10);
    }
  }
  EXPECT_GT(found, 30);
}

TEST(MaxMargin, SmallMarginsAreFoundAndTinyOnesAreNone) {
  // (1, h) and (-1, h): the direction is (0, 1), the margin h. The l_2 direction is a combination
  // of the examples of length h: their rounding turns it by 1e-16 / h.
  for (const double h : {1e-2, 1e-4, 1e-6, 1e-8}) {
    const Vector examples{1, h, -1, h};

    const auto l2 = l2_max_margin(examples, 2), l1 = l1_max_margin(examples, 2);

    ASSERT_TRUE(l2 && l1) << h;
    EXPECT_NEAR(l2->direction[0], 0, 1e-15 / h);
    EXPECT_NEAR(l2->margin, h, 1e-15 / h);
    EXPECT_NEAR(l1->margin, h, 1e-15);
  }
  EXPECT_FALSE(l2_max_margin(Vector{1, 1e-10, -1, 1e-10}, 2));
  EXPECT_FALSE(l1_max_margin(Vector{1, 1e-10, -1, 1e-10}, 2));
}

} // namespace
} // namespace sharpsweep
