#include "sharpsweep/numerics/portable_math.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace sharpsweep {
namespace {

static_assert(std::numeric_limits<long double>::digits >= 64,
              "the reference needs extended precision");

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kSmallest = std::numeric_limits<double>::denorm_min();
constexpr double kLargest = std::numeric_limits<double>::max();

/// The distance of `value` from `truth` in units of truth's last place (that of subnormals below).
double ulps(double value, long double truth) {
  int exponent;
  std::frexp(truth, &exponent);
  const int place = std::max(exponent, std::numeric_limits<double>::min_exponent) - 53;
  return static_cast<double>(std::fabs(static_cast<long double>(value) - truth) /
                             std::ldexp(1.0L, place));
}

/// The root in extended precision: powl and one Newton step.
long double root_of(double x, int n) {
  const long double y = std::pow(static_cast<long double>(x), 1.0L / n);
  const long double power = std::pow(y, n - 1);
  return y - (power * y - static_cast<long double>(x)) / (n * power);
}

class PortableMath : public testing::Test {
protected:
  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(random_() >> 11) * 0x1p-53);
  }
  /// Any positive finite double, subnormal ones included: uniform in its bits.
  double any_positive() {
    for (;;) {
      const double x = as_double(random_() >> 1);
      if (is_finite(x) && x > 0) return x;
    }
  }
  std::mt19937_64 random_{20250311};
};

// Each tolerance is the bound that the header states; the largest errors found, over 5e7 points,
// are named beside it.

TEST_F(PortableMath, LogIsWithinOneUlp) { // 0.957
  double worst = 0;

  for (int i = 0; i < 1'000'000; ++i) {
    const double anywhere = any_positive();
    const double near_one = uniform(0.5, 2);
    const double at_one = 1 + uniform(-0.5, 0.5) * std::ldexp(1.0, -(i % 50));
    for (const double x : {anywhere, near_one, at_one}) {
      worst = std::max(worst, ulps(portable::log(x), std::log(static_cast<long double>(x))));
    }
  }

  EXPECT_LE(worst, 1);
}

TEST_F(PortableMath, LogAtTheEdges) {
  EXPECT_EQ(portable::log(1), 0);
  for (const double x : {kSmallest, 0x1p-1022, std::nextafter(0x1p-1022, 0), kLargest,
                         0x1.6a09e667f3bccp-1, 0x1.6a09e667f3bcdp-1, 0x1.6a09e667f3bcep-1,
                         std::nextafter(1.0, 0), std::nextafter(1.0, 2), 2.0, 0.5}) {
    EXPECT_LE(ulps(portable::log(x), std::log(static_cast<long double>(x))), 1) << x;
  }
  EXPECT_EQ(portable::log(0.0), -kInfinity);
  EXPECT_EQ(portable::log(-0.0), -kInfinity);
  EXPECT_EQ(portable::log(kInfinity), kInfinity);
  for (const double x : {-kSmallest, -1.0, -kInfinity, std::nan("")}) {
    EXPECT_TRUE(std::isnan(portable::log(x))) << x;
  }
}

TEST_F(PortableMath, ExpIsWithinOneUlp) { // 0.844, 0.824 among subnormal results
  double worst = 0;

  for (int i = 0; i < 1'000'000; ++i) {
    const double anywhere = uniform(-708, 709.78), small = uniform(-4, 4);
    const double subnormal = uniform(-745.13, -708);
    for (const double x : {anywhere, small, subnormal}) {
      worst = std::max(worst, ulps(portable::exp(x), std::exp(static_cast<long double>(x))));
    }
  }

  EXPECT_LE(worst, 1);
}

TEST_F(PortableMath, ExpAtTheEdges) {
  EXPECT_EQ(portable::exp(0), 1);
  EXPECT_EQ(portable::exp(-0.0), 1);
  EXPECT_EQ(portable::exp(kSmallest), 1);
  EXPECT_LE(ulps(portable::exp(0x1.62e42fefa39efp+9), std::exp(0x1.62e42fefa39efp+9L)), 1);
  EXPECT_EQ(portable::exp(0x1.62e42fefa39fp+9), kInfinity); // the first to exceed the range
  EXPECT_EQ(portable::exp(710), kInfinity);
  EXPECT_EQ(portable::exp(kInfinity), kInfinity);
  EXPECT_EQ(portable::exp(-745.13), kSmallest);
  EXPECT_EQ(portable::exp(-745.2), 0);
  EXPECT_EQ(portable::exp(-1e300), 0);
  EXPECT_EQ(portable::exp(-kInfinity), 0);
  EXPECT_TRUE(std::isnan(portable::exp(std::numeric_limits<double>::quiet_NaN())));
}

TEST_F(PortableMath, ExpAndLogAreInverse) {
  for (int i = 0; i < 100'000; ++i) {
    const double x = uniform(-700, 700);

    const double there_and_back = portable::log(portable::exp(x));

    // exp's relative error of 2^-53 is an absolute one of its logarithm.
    ASSERT_NEAR(there_and_back, x, 0x1p-52 * std::max(1.0, std::fabs(x)));
  }
}

TEST_F(PortableMath, RootIsWithinTwoUlp) { // 1.07
  double worst = 0;

  for (int n = 1; n <= 64; ++n) {
    for (int i = 0; i < 10'000; ++i) {
      const double usual = std::exp(uniform(-20, 20));
      const double wide = std::ldexp(uniform(1, 2), static_cast<int>(uniform(-900, 899)));
      for (const double x : {usual, wide}) {
        worst = std::max(worst, ulps(portable::root(x, n), root_of(x, n)));
      }
    }
  }

  EXPECT_LE(worst, 2);
}

TEST_F(PortableMath, RootOfAnyNumberIsWithin256Ulp) { // 181
  double worst = 0;

  for (int n = 1; n <= 64; ++n) {
    for (int i = 0; i < 5'000; ++i) {
      const double x = any_positive();
      worst = std::max(worst, ulps(portable::root(x, n), root_of(x, n)));
    }
    for (const double x : {kSmallest, kLargest, 0x1p-1022}) {
      worst = std::max(worst, ulps(portable::root(x, n), root_of(x, n)));
    }
  }

  EXPECT_LE(worst, 256);
}

TEST_F(PortableMath, RootsOfOneAreOne) {
  for (int n = 1; n <= 64; ++n) EXPECT_EQ(portable::root(1, n), 1) << n;
}

TEST_F(PortableMath, PowerIsWithinNUlp) { // 48 for n = 63
  for (int n = 0; n <= 64; ++n) {
    double worst = 0;
    for (int i = 0; i < 20'000; ++i) {
      const double x = uniform(-2, 2);
      // n products in extended precision are within n / 2048 ulp.
      long double truth = 1;
      for (int k = 0; k < n; ++k) truth *= static_cast<long double>(x);
      if (std::fabs(truth) < 0x1p-500L) continue;
      worst = std::max(worst, ulps(portable::power(x, n), truth));
    }
    EXPECT_LE(worst, n) << n;
  }
}

TEST_F(PortableMath, PowersOfTwoAreExact) {
  for (int n = 0; n <= 64; ++n) {
    for (int e = -15; e <= 15; ++e) {
      EXPECT_EQ(portable::power(std::ldexp(1.0, e), n), std::ldexp(1.0, e * n));
    }
  }
  EXPECT_EQ(portable::power(0, 0), 1);
  EXPECT_EQ(portable::power(0, 3), 0);
}

} // namespace
} // namespace sharpsweep
