#include "sharpsweep/numerics/elementary.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <initializer_list>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "tests/unit/elementary_forms.hpp"

namespace sharpsweep {
namespace {

using namespace test;

static_assert(std::numeric_limits<long double>::digits >= 64,
              "the reference needs extended precision");

/// What references are computed in: libm's own errors are below 2^-9 units of a T's last place.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, float>, double, long double>;

template <class Real>
Real exact(int function, Real x) {
  switch (function) {
  case exp_:
    return std::exp(x);
  case expm1_:
    return std::expm1(x);
  case log_:
    return std::log(x);
  case log1p_:
    return std::log1p(x);
  case tanh_:
    return std::tanh(x);
  case sinh_:
    return std::sinh(x);
  default: // sigmoid
    return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x));
  }
}

/// The bounds that the header states.
template <class T>
constexpr double kBound[kElementary]{};
template <>
constexpr double kBound<float>[kElementary] = {1.04, 1.11, 0.96, 1.06, 1.96, 1.10, 2.00};
template <>
constexpr double kBound<double>[kElementary] = {1.05, 1.35, 0.97, 1.10, 2.20, 1.50, 2.05};

/// The distance of `value` from `truth` in units of truth's last place (that of subnormals below);
/// infinity stands one such unit beyond the largest number.
template <class T>
double ulps(T value, Wide<T> truth) {
  using Limits = std::numeric_limits<T>;
  if (std::isnan(truth) || std::isnan(value)) {
    return std::isnan(truth) && std::isnan(value) ? 0 : Limits::infinity();
  }
  const Wide<T> beyond = std::ldexp(Wide<T>(1), Limits::max_exponent);
  const Wide<T> found = std::clamp(static_cast<Wide<T>>(value), -beyond, beyond);
  const Wide<T> expected = std::clamp(truth, -beyond, beyond);
  int exponent;
  std::frexp(expected, &exponent);
  const int place =
      std::clamp(exponent, Limits::min_exponent, Limits::max_exponent) - Limits::digits;
  return static_cast<double>(std::ldexp(std::fabs(found - expected), -place));
}

template <class T>
bool same_bits(T a, T b) {
  return as_bits(a) == as_bits(b) || (std::isnan(a) && std::isnan(b));
}

/// The forms that this machine runs; the first is the scalar one.
template <class T>
std::vector<Form<T>> forms() {
  std::vector<Form<T>> list;
  constexpr bool single = std::is_same_v<T, float>;
  const auto push = [&list](const auto& floats, const auto& doubles) {
    if constexpr (single) list.insert(list.end(), std::begin(floats), std::end(floats));
    if constexpr (!single) list.insert(list.end(), std::begin(doubles), std::end(doubles));
  };
  push(kScalarFloats, kScalarDoubles);
#ifdef SHARPSWEEP_HAVE_X86_KERNELS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    push(kAvx2Floats, kAvx2Doubles);
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
    push(kAvx512Floats, kAvx512Doubles);
  }
#endif
  return list;
}

template <class T>
T from_word(std::uint64_t word) {
  if constexpr (std::is_same_v<T, float>) return as_float(static_cast<std::uint32_t>(word));
  if constexpr (std::is_same_v<T, double>) return as_double(word);
}

/// As many values as a form takes at a time.
template <class T>
struct Block {
  static constexpr std::size_t size = 4096;
  static_assert(size % kChunk == 0);
  alignas(64) T value[size];

  /// f of every x by `form`
  void evaluate(const Form<T>& form, int function, const Block& x) {
    form.function[function](x.value, x.value, value, size);
  }
};

/// Where the formulas change, and numbers of every kind.
template <class T>
std::vector<T> edges() {
  using Limits = std::numeric_limits<T>;
  std::vector<T> list = {0,
                         Limits::denorm_min(),
                         Limits::min(),
                         std::nextafter(Limits::min(), T(0)),
                         Limits::max(),
                         Limits::infinity(),
                         Limits::quiet_NaN()};
  const auto around = [&list](T x) {
    for (const T y : {x, std::nextafter(x, T(0)), std::nextafter(x, Limits::infinity())}) {
      list.push_back(y);
    }
  };
  // Boundaries of the reduction by ln 2, of exp and (halved) of tanh.
  for (int n = 0; n <= 2 * Limits::max_exponent; ++n) {
    around(static_cast<T>((n + 0.5L) * 0.693147180559945309417L));
    around(static_cast<T>((n + 0.5L) * 0.693147180559945309417L / 2));
  }
  // Powers of two, sqrt 2 times them, and less 1 for log1p.
  for (int e = Limits::min_exponent - Limits::digits; e < Limits::max_exponent; ++e) {
    for (const T m : {T(1), T(1.41421356237309504880L), T(1.5)}) {
      around(std::ldexp(m, e));
      around(std::ldexp(m, e) - 1);
    }
  }
  for (const double x : {1.0,   0.5,   9.01,   17.3,  17.5,   18.0,  19.0,  19.07,  37.4,
                         38.0,  87.3,  88.0,   88.73, 89.0,   89.42, 89.5,  103.3,  103.98,
                         104.0, 708.4, 709.79, 710.0, 710.48, 710.5, 744.5, 745.14, 746.0}) {
    around(static_cast<T>(x));
  }
  const std::size_t positive = list.size();
  for (std::size_t i = 0; i < positive; ++i) list.push_back(-list[i]);
  return list;
}

template <class T>
class Elementary : public testing::Test {
protected:
  using Limits = std::numeric_limits<T>;

  double uniform(double low, double high) {
    return low + (high - low) * (static_cast<double>(random_() >> 11) * 0x1p-53);
  }
  /// Arguments of every kind, also outside a function's domain.
  T argument(int function, int kind) {
    const bool single = std::is_same_v<T, float>;
    switch (kind % 4) {
    case 0: // any bits
      return from_word<T>(random_());
    case 1: // wherever results of exp are finite
      return static_cast<T>(single ? uniform(-105, 90) : uniform(-750, 712));
    case 2: { // the common sizes
      const bool logarithm = function == log_ || function == log1p_;
      return static_cast<T>(logarithm ? uniform(0.25, 4) - (function == log1p_) : uniform(-5, 5));
    }
    default: // many magnitudes
      const double mantissa = uniform(1, 2);
      const double x = std::ldexp(mantissa, static_cast<int>(uniform(-70, 11)));
      return static_cast<T>(random_() & 1 ? x : -x);
    }
  }
  void fill(Block<T>& x, int function) {
    for (std::size_t i = 0; i < x.size; ++i) x.value[i] = argument(function, static_cast<int>(i));
  }

  struct Worst {
    double error = 0;
    T at = 0;
    void add(T x, double found) {
      if (found <= error) return;
      error = found;
      at = x;
    }
  };
  void add_errors(int function, const Block<T>& x, const Block<T>& y, Worst& worst) {
    for (std::size_t i = 0; i < x.size; ++i) {
      worst.add(x.value[i], ulps(y.value[i], exact(function, static_cast<Wide<T>>(x.value[i]))));
    }
  }
  void expect_within_bound(int function, const Worst& worst) {
    EXPECT_LE(worst.error, kBound<T>[function]) << kNames[function] << " of " << worst.at;
  }

  std::mt19937_64 random_{20260311};
};

using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(Elementary, Precisions);

TYPED_TEST(Elementary, RandomArgumentsAreWithinTheBounds) {
  const auto scalar = forms<TypeParam>().front();
  Block<TypeParam> x, y;

  for (int function = 0; function < kElementary; ++function) {
    typename TestFixture::Worst worst;
    for (int i = 0; i < 400; ++i) {
      this->fill(x, function);
      y.evaluate(scalar, function, x);
      this->add_errors(function, x, y, worst);
    }
    this->expect_within_bound(function, worst);
  }
}

TYPED_TEST(Elementary, EdgesAreWithinTheBounds) {
  const auto scalar = forms<TypeParam>().front();

  for (int function = 0; function < kElementary; ++function) {
    typename TestFixture::Worst worst;
    for (const TypeParam x : edges<TypeParam>()) {
      TypeParam y;
      scalar.function[function](&x, &x, &y, 1);
      worst.add(x, ulps(y, exact(function, static_cast<Wide<TypeParam>>(x))));
    }
    this->expect_within_bound(function, worst);
  }
}

TYPED_TEST(Elementary, EveryFormHasTheSameBits) {
  const auto list = forms<TypeParam>();
  Block<TypeParam> x, expected, found;
  const auto compare = [&](int function) {
    expected.evaluate(list.front(), function, x);
    for (const auto& form : list) {
      found.evaluate(form, function, x);
      for (std::size_t i = 0; i < x.size; ++i) {
        ASSERT_TRUE(same_bits(found.value[i], expected.value[i]))
            << form.name << ": " << kNames[function] << " of " << x.value[i] << " is "
            << found.value[i] << ", not " << expected.value[i];
      }
    }
  };

  for (int function = 0; function < kElementary; ++function) {
    for (int i = 0; i < 50; ++i) {
      this->fill(x, function);
      compare(function);
    }
    std::vector<TypeParam> rest = edges<TypeParam>();
    rest.resize((rest.size() + x.size - 1) / x.size * x.size);
    for (std::size_t i = 0; i < rest.size(); i += x.size) {
      std::copy_n(rest.begin() + static_cast<std::ptrdiff_t>(i), x.size, x.value);
      compare(function);
    }
  }
}

TYPED_TEST(Elementary, EveryFormOfTheOperationsHasTheSameBits) {
  const auto list = forms<TypeParam>();
  const auto kinds = edges<TypeParam>();
  Block<TypeParam> x, y, expected, found;

  for (int function = kElementary; function < kFunctions; ++function) {
    for (int i = 0; i < 20; ++i) {
      for (std::size_t k = 0; k < x.size; ++k) {
        const bool any = k % 2 == 0;
        x.value[k] =
            any ? from_word<TypeParam>(this->random_()) : kinds[this->random_() % kinds.size()];
        y.value[k] = k % 5 == 0 ? x.value[k] : from_word<TypeParam>(this->random_());
        if (k % 3 == 0) y.value[k] = kinds[this->random_() % kinds.size()];
        if (function == times_power_of_two_) {
          const double range = 1.5 * TestFixture::Limits::max_exponent - 2;
          x.value[k] = static_cast<TypeParam>(this->uniform(0.5, 2));
          y.value[k] = static_cast<TypeParam>(std::floor(this->uniform(-range, range)));
          if (any) x.value[k] = static_cast<TypeParam>(k % 4 == 0 ? -1.5 : 1.25); // ties
        }
      }
      list.front().function[function](x.value, y.value, expected.value, x.size);
      for (const auto& form : list) {
        form.function[function](x.value, y.value, found.value, x.size);
        for (std::size_t k = 0; k < x.size; ++k) {
          ASSERT_TRUE(same_bits(found.value[k], expected.value[k]))
              << form.name << ": " << kNames[function] << " of " << x.value[k] << " and "
              << y.value[k] << " is " << found.value[k] << ", not " << expected.value[k];
        }
      }
    }
  }
}

TYPED_TEST(Elementary, OperationsMeanWhatTheySay) {
  using T = TypeParam;
  const T nan = std::numeric_limits<T>::quiet_NaN(), infinity = std::numeric_limits<T>::infinity();
  const T smallest = std::numeric_limits<T>::denorm_min();

  EXPECT_EQ(minimum(T(1), T(2)), 1);
  EXPECT_EQ(maximum(T(1), T(2)), 2);
  EXPECT_TRUE(std::isnan(minimum(T(1), nan)) && std::isnan(maximum(T(1), nan)));
  EXPECT_EQ(minimum(nan, T(1)), 1);
  EXPECT_EQ(maximum(nan, T(1)), 1);
  EXPECT_TRUE(same_bits(minimum(T(-0.0), T(0)), T(0)));
  EXPECT_TRUE(same_bits(maximum(T(0), T(-0.0)), T(-0.0)));
  EXPECT_EQ(select_less(T(1), T(2), T(3), T(4)), 3);
  EXPECT_EQ(select_less(T(2), T(2), T(3), T(4)), 4);
  EXPECT_EQ(select_less(nan, T(2), T(3), T(4)), 4);
  EXPECT_EQ(select_less(T(2), nan, T(3), T(4)), 4);
  EXPECT_TRUE(same_bits(absolute(T(-0.0)), T(0)));
  EXPECT_EQ(absolute(-infinity), infinity);
  EXPECT_TRUE(same_bits(copy_sign(T(0), T(-3)), T(-0.0)));
  EXPECT_EQ(copy_sign(T(-2), T(3)), 2);
  for (int n = -149; n <= 160; ++n) {
    const T power = static_cast<T>(std::ldexp(1.0L, n));
    EXPECT_EQ(times_power_of_two(T(1), static_cast<T>(n)), power) << n;
    EXPECT_EQ(times_power_of_two(T(-1.5), static_cast<T>(n)), static_cast<T>(std::ldexp(-1.5L, n)))
        << n;
  }
  constexpr int lowest = std::numeric_limits<T>::min_exponent - std::numeric_limits<T>::digits;
  EXPECT_EQ(times_power_of_two(T(1), T(lowest)), smallest);
  EXPECT_EQ(times_power_of_two(T(1), T(lowest - 1)), 0); // a tie
  EXPECT_EQ(times_power_of_two(T(1.25), T(lowest - 1)), smallest);
  EXPECT_TRUE(std::isnan(times_power_of_two(nan, nan)));
}

TYPED_TEST(Elementary, ExactPoints) {
  using T = TypeParam;
  namespace e = elementary;

  for (const T zero : {T(0), T(-0.0)}) {
    EXPECT_EQ(e::exp(zero), 1);
    EXPECT_EQ(e::sigmoid(zero), T(0.5));
    EXPECT_TRUE(same_bits(e::expm1(zero), zero));
    EXPECT_TRUE(same_bits(e::log1p(zero), zero));
    EXPECT_TRUE(same_bits(e::tanh(zero), zero));
    EXPECT_TRUE(same_bits(e::sinh(zero), zero));
  }
  EXPECT_TRUE(same_bits(e::log(T(1)), T(0)));
  using Limits = std::numeric_limits<T>;
  for (int power = Limits::min_exponent - Limits::digits; power < -2 * Limits::digits; ++power) {
    const T tiny = std::ldexp(T(1.625), power);
    EXPECT_EQ(e::exp(tiny), 1);
    EXPECT_EQ(e::expm1(-tiny), -tiny);
    EXPECT_EQ(e::log1p(-tiny), -tiny);
    EXPECT_EQ(e::tanh(tiny), tiny);
    EXPECT_EQ(e::sinh(tiny), tiny);
    EXPECT_EQ(e::sigmoid(tiny), T(0.5));
  }
}

TYPED_TEST(Elementary, OutOfRangeAndNotANumber) {
  using T = TypeParam;
  namespace e = elementary;
  const T infinity = std::numeric_limits<T>::infinity(), largest = std::numeric_limits<T>::max();
  const T overflow = static_cast<T>(std::log(static_cast<long double>(largest)));

  for (const T x : {overflow + 1, largest, infinity}) {
    EXPECT_EQ(e::exp(x), infinity);
    EXPECT_EQ(e::exp(-x * T(1.3)), 0);
    EXPECT_EQ(e::expm1(x), infinity);
    EXPECT_EQ(e::expm1(-x), -1);
    EXPECT_EQ(e::tanh(x), 1);
    EXPECT_EQ(e::tanh(-x), -1);
    EXPECT_EQ(e::sinh(x + 1), infinity);
    EXPECT_EQ(e::sinh(-x - 1), -infinity);
    EXPECT_EQ(e::sigmoid(x), 1);
    EXPECT_EQ(e::sigmoid(-x * T(1.3)), 0);
  }
  EXPECT_EQ(e::log(T(0)), -infinity);
  EXPECT_EQ(e::log(T(-0.0)), -infinity);
  EXPECT_EQ(e::log(infinity), infinity);
  EXPECT_EQ(e::log1p(T(-1)), -infinity);
  EXPECT_EQ(e::log1p(infinity), infinity);
  for (const T x : {-std::numeric_limits<T>::denorm_min(), T(-1), -largest, -infinity}) {
    EXPECT_TRUE(std::isnan(e::log(x))) << x;
  }
  for (const T x : {std::nextafter(T(-1), T(-2)), T(-2), -largest, -infinity}) {
    EXPECT_TRUE(std::isnan(e::log1p(x))) << x;
  }
  for (const auto& form : forms<T>()) {
    Block<T> x, y;
    std::fill_n(x.value, x.size, std::numeric_limits<T>::quiet_NaN());
    for (std::size_t i = 0; i < x.size; i += 2) x.value[i] = -x.value[i];
    for (int function = 0; function < kElementary; ++function) {
      y.evaluate(form, function, x);
      EXPECT_TRUE(std::all_of(y.value, y.value + y.size, [](T v) { return std::isnan(v); }))
          << form.name << ' ' << kNames[function];
    }
  }
}

TEST(ElementaryRange, EndsWhereTheHeaderSays) {
  namespace e = elementary;

  EXPECT_GT(e::exp(-103.97F), 0);
  EXPECT_EQ(e::exp(-103.98F), 0);
  EXPECT_GT(e::exp(-745.13), 0);
  EXPECT_EQ(e::exp(-745.14), 0);
  EXPECT_TRUE(is_finite(e::exp(88.72F)) && is_finite(e::expm1(88.72F)));
  EXPECT_FALSE(is_finite(e::exp(88.73F)) || is_finite(e::expm1(88.73F)));
  EXPECT_TRUE(is_finite(e::exp(709.78)) && is_finite(e::expm1(709.78)));
  EXPECT_FALSE(is_finite(e::exp(709.79)) || is_finite(e::expm1(709.79)));
  EXPECT_GT(e::expm1(-16.5F), -1);
  EXPECT_EQ(e::expm1(-17.4F), -1);
  EXPECT_GT(e::expm1(-36.5), -1);
  EXPECT_EQ(e::expm1(-37.5), -1);
  EXPECT_LT(e::tanh(8.48F), 1);
  EXPECT_EQ(e::tanh(8.50F), 1);
  EXPECT_LT(e::tanh(18.53), 1);
  EXPECT_EQ(e::tanh(18.55), 1);
  EXPECT_TRUE(is_finite(e::sinh(89.41F)) && !is_finite(e::sinh(89.42F)));
  EXPECT_TRUE(is_finite(e::sinh(710.47)) && !is_finite(e::sinh(710.48)));
  EXPECT_GT(e::sigmoid(-103.6F), 0);
  EXPECT_EQ(e::sigmoid(-103.7F), 0);
  EXPECT_GT(e::sigmoid(-744.7), 0);
  EXPECT_EQ(e::sigmoid(-744.8), 0);
  EXPECT_LT(e::sigmoid(16.5F), 1);
  EXPECT_EQ(e::sigmoid(17.4F), 1);
  EXPECT_LT(e::sigmoid(36.5), 1);
  EXPECT_EQ(e::sigmoid(37.5), 1);
}

TYPED_TEST(Elementary, Symmetries) {
  using T = TypeParam;
  const auto check = [](T x) {
    ASSERT_TRUE(same_bits(elementary::tanh(-x), -elementary::tanh(x))) << x;
    ASSERT_TRUE(same_bits(elementary::sinh(-x), -elementary::sinh(x))) << x;
    const T magnitude = std::fabs(x);
    ASSERT_TRUE(same_bits(elementary::sigmoid(magnitude), 1 - elementary::sigmoid(-magnitude)))
        << x;
  };

  for (int i = 0; i < 200'000; ++i) check(this->argument(sinh_, i));
  for (const T x : edges<T>()) check(x);
}

TYPED_TEST(Elementary, NeighboursAreInOrder) {
  using T = TypeParam;
  const auto scalar = forms<T>().front();
  const auto starts = edges<T>();
  Block<T> x, y;

  for (int function = 0; function < kElementary; ++function) {
    std::size_t edge = 0;
    while (edge < starts.size()) {
      for (std::size_t i = 0; i < x.size; i += 16) { // 16 values up from a start
        T start = i % 32 == 0 ? this->argument(function, static_cast<int>(i / 16 * 3))
                              : starts[edge++ % starts.size()];
        const auto word = as_bits(start);
        for (std::size_t k = 0; k < 16; ++k) x.value[i + k] = from_word<T>(word + k);
      }
      y.evaluate(scalar, function, x);
      for (std::size_t i = 1; i < x.size; ++i) {
        if (i % 16 == 0 || std::isnan(y.value[i]) || std::isnan(y.value[i - 1])) continue;
        const bool down = std::signbit(x.value[i]); // words of negative numbers run downwards
        ASSERT_TRUE(down ? y.value[i] <= y.value[i - 1] : y.value[i] >= y.value[i - 1])
            << kNames[function] << " of " << x.value[i];
      }
    }
  }
}

// The measurements behind the table in elementary.hpp, ten minutes long:
// elementary_test --gtest_also_run_disabled_tests --gtest_filter='*DISABLED*'

TYPED_TEST(Elementary, DISABLED_ErrorsAtLength) {
  using T = TypeParam;
  const auto form = forms<T>().back();
  Block<T> x, y;

  for (int function = 0; function < kElementary; ++function) {
    typename TestFixture::Worst worst;
    std::uint64_t out_of_order = 0;
    if constexpr (std::is_same_v<T, float>) {
      T last = 0;
      for (std::uint64_t word = 0; word < std::uint64_t{1} << 32; word += x.size) {
        for (std::size_t i = 0; i < x.size; ++i) x.value[i] = from_word<T>(word + i);
        y.evaluate(form, function, x);
        this->add_errors(function, x, y, worst);
        for (std::size_t i = 0; i < x.size; ++i) {
          const bool down = std::signbit(x.value[i]), first = (word + i) << 1 << 32 == 0;
          if (!first && (down ? y.value[i] > last : y.value[i] < last)) ++out_of_order;
          last = y.value[i];
        }
      }
    } else {
      for (int i = 0; i < 25'000; ++i) {
        this->fill(x, function);
        y.evaluate(form, function, x);
        this->add_errors(function, x, y, worst);
      }
    }
    std::printf("%-8s %.4f ulp at %a, %llu out of order\n", kNames[function], worst.error,
                static_cast<double>(worst.at), static_cast<unsigned long long>(out_of_order));
    std::fflush(stdout);
    this->expect_within_bound(function, worst);
    EXPECT_EQ(out_of_order, 0u);
  }
}

} // namespace
} // namespace sharpsweep
