#include "sharpsweep/sweep/sweep.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "sharpsweep/numerics/sha256.hpp"
#include "sharpsweep/numerics/sums.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/work_units.hpp"
#include "tests/support.hpp"

namespace sharpsweep {
namespace {

using test::sweep_of;

std::vector<double> axis(const std::vector<std::string>& items) {
  return parse_axis("target", items);
}

TEST(Axis, ReadsNumbersListsAndCalls) {
  EXPECT_EQ(axis({"0.5"}), std::vector<double>{0.5});
  EXPECT_EQ(axis({"2", "-1e-3", "+4"}), (std::vector<double>{2, -0.001, 4}));
  EXPECT_EQ(axis({"lin(0,1,5)"}), (std::vector<double>{0, 0.25, 0.5, 0.75, 1}));
  EXPECT_EQ(axis({"lin(1,-1,3)"}), (std::vector<double>{1, 0, -1}));
  EXPECT_EQ(axis({"lin(3,3,1)"}), std::vector<double>{3});
  EXPECT_EQ(axis({"range(2,5)"}), (std::vector<double>{2, 3, 4, 5}));
  EXPECT_EQ(axis({"range(2,5,2)"}), (std::vector<double>{2, 4}));
  EXPECT_EQ(axis({"range(5,2,-1)"}), (std::vector<double>{5, 4, 3, 2}));
  EXPECT_EQ(axis({"7", "range(1,2)", "lin(0,0.5,2)"}), (std::vector<double>{7, 1, 2, 0, 0.5}));
  EXPECT_EQ(axis({"range(0,1,0.1)"}).size(), 11u); // the end is hit but for rounding
}

TEST(Axis, LogIsEvenInTheLogarithmAndExactAtItsEnds) {
  const std::vector<double> values = axis({"log(0.5,8,5)"});

  ASSERT_EQ(values.size(), 5u);
  EXPECT_EQ(values.front(), 0.5);
  EXPECT_EQ(values.back(), 8);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(values[i], std::ldexp(0.5, static_cast<int>(i)), 1e-14 * values[i]);
  }
}

TEST(Axis, HalvingTheSpacingKeepsOldValuesBitForBit) {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> uniform(0.01, 5);
  for (int trial = 0; trial < 300; ++trial) {
    const double first = uniform(random), last = first + uniform(random);
    const int count = 2 + static_cast<int>(random() % 40);
    for (const std::string kind : {"lin", "log"}) {
      const std::string ends = kind + "(" + format_number(first) + "," + format_number(last) + ",";
      const std::vector<double> coarse = axis({ends + std::to_string(count) + ")"});
      const std::vector<double> fine = axis({ends + std::to_string(2 * count - 1) + ")"});

      ASSERT_EQ(fine.size(), 2 * coarse.size() - 1);
      for (std::size_t i = 0; i < coarse.size(); ++i) {
        ASSERT_EQ(as_bits(fine[2 * i]), as_bits(coarse[i])) << ends;
      }
      EXPECT_EQ(coarse.front(), first);
      EXPECT_EQ(coarse.back(), last);
    }
  }
}

TEST(Axis, RejectsWhatIsNotAnAxis) {
  for (const char* text : {"",
                           "x",
                           "nan",
                           "inf",
                           "-inf",
                           "1e999",
                           "lin(0,1)",
                           "lin(0,1,0)",
                           "lin(0,1,1)",
                           "lin(0,1,2.5)",
                           "log(0,1,5)",
                           "log(-1,1,5)",
                           "range(1)",
                           "range(1,2,0)",
                           "range(1,2,-1)",
                           "range(0,1e12)",
                           "lin(0,1,99999999)",
                           "cube(1,2,3)",
                           "lin(0,1,5",
                           "lin(0,1,5))",
                           "1 2",
                           "0x10",
                           "--1",
                           "++1"}) {
    EXPECT_THROW(axis({text}), UsageError) << text;
  }
  EXPECT_THROW(axis({}), UsageError);
  EXPECT_THROW(axis({"1", "1"}), UsageError);
  EXPECT_THROW(axis({"lin(0,1,3)", "0.5"}), UsageError);
  EXPECT_THROW(axis({"0", "-0"}), UsageError);
}

TEST(Axis, ErrorsNameTheKeyAndWhatWouldBeRight) {
  try {
    parse_axis("eta", std::vector<std::string>{"lin(0.1,1)"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "eta: 'lin(0.1,1)' needs three numbers: lin(first,last,count)");
  }
}

TEST(Numbers, AreWrittenAsTheyAreRead) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10000; ++i) {
    const double x = as_double(random());
    if (!is_finite(x)) continue;
    ASSERT_EQ(as_bits(parse_number("target", format_number(x))), as_bits(x));
  }
}

TEST(Numbers, IntegersMayBeWrittenInScientificNotation) {
  EXPECT_EQ(parse_integer("steps", "400000", 1, 1000000), 400000u);
  EXPECT_EQ(parse_integer("steps", "4e5", 1, 1000000), 400000u);
  EXPECT_EQ(parse_integer("base_seed", "18446744073709551615", 0, ~0ull), ~0ull);
  for (const char* text : {"0", "1.5", "-1", "2e6", "1e30", "ten", "", "18446744073709551616"}) {
    EXPECT_THROW(parse_integer("steps", text, 1, 1000000), UsageError) << text;
  }
}

TEST(Init, IsWrittenAsItIsRead) {
  for (const char* text :
       {"balanced(0.2)", "unbalanced(0.5,-2)", "zero_last(1)", "gaussian(0.01)", "balanced(-3)"}) {
    EXPECT_EQ(format_init(parse_init(text)), text);
  }
  EXPECT_EQ(parse_init("unbalanced(0.5,2)").ratio, 2);
  for (const char* text : {"balanced", "balanced(1,2)", "unbalanced(1)", "unbalanced(1,0)",
                           "balance(1)", "gaussian(nan)", "1", "", "balanced(1"}) {
    EXPECT_THROW(parse_init(text), UsageError) << text;
  }
}

TEST(Defaults, AreThoseOfTheDesign) {
  const Sweep sweep = Sweep::from_settings({});

  EXPECT_EQ(sweep.model, "ssam");
  EXPECT_EQ(sweep.depth, std::vector<int>{2});
  EXPECT_EQ(sweep.init, (std::vector<ssam::Init>{{ssam::Init::Kind::balanced, 1, 1}}));
  EXPECT_EQ(sweep.step_size, std::vector<double>{0.01});
  EXPECT_EQ(sweep.step_size_unit, Unit::absolute);
  EXPECT_EQ(sweep.schedule.kind, Schedule::Kind::constant);
  EXPECT_EQ(sweep.eta, std::vector<double>{0.5});
  EXPECT_EQ(sweep.target, std::vector<double>{1});
  EXPECT_EQ(sweep.target_unit, Unit::absolute);
  EXPECT_EQ(sweep.noise, Noise::gaussian);
  EXPECT_EQ(sweep.seeds, 16u);
  EXPECT_EQ(sweep.first_seed, 0u);
  EXPECT_EQ(sweep.base_seed, 0u);
  EXPECT_EQ(sweep.noise_streams, NoiseStreams::shared);
  EXPECT_EQ(sweep.steps, 20000u);
  EXPECT_EQ(sweep.projection_radius, 0);
  EXPECT_EQ(sweep.tail_average, 0.1);
  EXPECT_EQ(sweep.survival_level, 0.2);
  EXPECT_EQ(sweep.record, 0u);
  EXPECT_EQ(sweep.save, Save::mean);
  EXPECT_EQ(sweep.precision, Precision::f32);
}

/// One setting that differs from the default for every key but `model`.
const std::map<std::string, std::string>& other_settings() {
  static const std::map<std::string, std::string> settings = {
      {"depth", "[3, 1]"},
      {"init", "[\"gaussian(0.5)\", \"unbalanced(1,2)\"]"},
      {"step_size", "\"log(1e-3,1e-2,3)\""},
      {"step_size_unit", "\"scaled\""},
      {"schedule", "\"power(100,0.75)\""},
      {"eta", "\"lin(0.3,0.7,9)\""},
      {"target", "[0.5, -2, 3]"},
      {"target_unit", "\"threshold\""},
      {"noise", "\"none\""},
      {"seeds", "100"},
      {"first_seed", "7"},
      {"base_seed", "18446744073709551615"},
      {"noise_streams", "\"independent\""},
      {"steps", "1e5"},
      {"projection_radius", "2.5"},
      {"tail_average", "0.25"},
      {"survival_level", "0.3"},
      {"record", "12"},
      {"save", "\"weights\""},
      {"precision", "\"f64\""},
  };
  return settings;
}

TEST(Text, RerunsTheSweep) {
  std::string everything;
  for (const auto& [key, value] : other_settings()) {
    if (key != "target_unit") everything += key + " = " + value + "\n"; // depth 1 forbids it
    const std::string one = key + " = " + value + "\n";
    const Sweep sweep = sweep_of(one + (key == "depth" ? "" : "depth = 3\n"));

    const Sweep again = sweep_of(sweep.text());

    EXPECT_EQ(again.text(), sweep.text());
    EXPECT_NE(sweep.text(), Sweep::from_settings({}).text()) << key;
  }
  const Sweep sweep = sweep_of(everything);
  const Sweep again = sweep_of(sweep.text());
  EXPECT_EQ(again.text(), sweep.text());
  const auto units = plan_work_units(sweep), same = plan_work_units(again);
  ASSERT_EQ(units.size(), same.size());
  for (std::size_t i = 0; i < units.size(); ++i) {
    EXPECT_EQ(identity(sweep, units[i]), identity(again, same[i]));
  }
  EXPECT_EQ(other_settings().size() + 1, keys_of("ssam").size());
}

TEST(Configurations, VaryEtaFastestAndDepthSlowest) {
  const Sweep sweep = sweep_of("depth = [2, 4]\ninit = [\"balanced(1)\", \"gaussian(1)\"]\n"
                               "step_size = [0.1, 0.2, 0.3]\neta = [0.5, 0.25]\n"
                               "step_size_unit = \"scaled\"\n");
  std::size_t index = 0;

  for (const int depth : sweep.depth) {
    for (const ssam::Init& init : sweep.init) {
      for (const double step : sweep.step_size) {
        for (const double eta : sweep.eta) {
          const Configuration c = sweep.configuration(index++);
          EXPECT_EQ(c.depth, depth);
          EXPECT_EQ(c.init, init);
          EXPECT_EQ(c.step_size, step);
          EXPECT_EQ(c.eta, eta);
          EXPECT_DOUBLE_EQ(c.alpha, step / std::pow(eta, 2 * depth - 2));
        }
      }
    }
  }
  EXPECT_EQ(index, sweep.configurations());
  EXPECT_EQ(sweep.networks(), index * 16);
}

TEST(NoiseStreams, SharedHaveOneKeyIndependentOnesDiffer) {
  const std::string axes = "depth = [2, 3]\neta = [0.3, 0.5]\nstep_size = [0.1, 0.2]\n"
                           "init = [\"balanced(1)\", \"balanced(2)\"]\nbase_seed = 77\n";
  const Sweep shared = sweep_of(axes);
  const Sweep independent = sweep_of(axes + "noise_streams = \"independent\"\n");
  std::set<std::uint64_t> keys;

  for (std::size_t i = 0; i < shared.configurations(); ++i) {
    EXPECT_EQ(shared.configuration(i).key, 77u);
    keys.insert(independent.configuration(i).key);
  }

  EXPECT_EQ(keys.size(), 16u);
  EXPECT_EQ(keys.count(77), 0u);
}

TEST(Schedule, FactorsFollowTheFormulas) {
  // exp and log of the power are each within an ulp; 1e-14 leaves room for large exponents.
  for (const std::uint64_t k : {0ull, 1ull, 10ull, 12345ull, 1000000000ull}) {
    const double x = 1 + static_cast<double>(k) / 40;
    EXPECT_EQ(schedule_factor({Schedule::Kind::constant, 40, 1}, k), 1);
    EXPECT_DOUBLE_EQ(schedule_factor({Schedule::Kind::robbins_monro, 40, 1}, k), 1 / x);
    const double power = std::pow(x, -0.7);
    EXPECT_NEAR(schedule_factor({Schedule::Kind::power, 40, 0.7}, k), power, 1e-14 * power);
  }
}

TEST(RecordSteps, IncreaseStrictlyAndEndWithTheRun) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> cases;
  for (std::uint64_t steps = 1; steps <= 40; ++steps) {
    for (std::uint64_t record = 1; record <= steps; ++record) cases.emplace_back(record, steps);
  }
  for (const std::uint64_t steps : {100ull, 1000ull, 20000ull, 400000ull, 1000000000000ull}) {
    for (const std::uint64_t record : {1ull, 2ull, 3ull, 10ull, 60ull, 99ull, 100ull}) {
      cases.emplace_back(record, steps);
    }
  }
  cases.emplace_back(1000, 1000);
  cases.emplace_back(100000, 100000);
  cases.emplace_back(100000, 100001);
  for (const auto& [record, steps] : cases) {
    const Sweep sweep = sweep_of("steps = " + std::to_string(steps) +
                                 "\nrecord = " + std::to_string(record) + "\n");

    const std::vector<std::uint64_t> times = sweep.record_steps();

    ASSERT_EQ(times.size(), record);
    EXPECT_GE(times.front(), 1u);
    EXPECT_EQ(times.back(), steps) << record;
    for (std::size_t i = 1; i < times.size(); ++i) {
      ASSERT_GT(times[i], times[i - 1]) << record << " of " << steps;
    }
  }
}

TEST(RecordSteps, AreSpacedEvenlyInTheLogarithm) {
  const std::vector<std::uint64_t> times = sweep_of("steps = 1000000\nrecord = 7\n").record_steps();

  EXPECT_EQ(times, (std::vector<std::uint64_t>{1, 10, 100, 1000, 10000, 100000, 1000000}));
}

TEST(WorkUnits, CoverEveryNetworkExactlyOnce) {
  for (const char* seeds : {"seeds = 1\n", "seeds = 16\n", "seeds = 64\nfirst_seed = 64\n",
                            "seeds = 200\nfirst_seed = 50\n", "seeds = 2\nfirst_seed = 63\n"}) {
    for (const char* axes : {"", "depth = [2, 5, 1]\neta = \"lin(0.1,0.9,37)\"\n",
                             "target = \"lin(0.1,1,2000)\"\nstep_size = [0.1, 0.2]\n",
                             "target = \"lin(0.1,1,9)\"\neta = \"lin(0.1,0.9,100)\"\n"}) {
      const Sweep sweep = sweep_of(std::string(seeds) + axes);
      std::map<std::pair<std::size_t, std::uint32_t>, int> visits;

      const std::vector<WorkUnit> units = plan_work_units(sweep);

      for (const WorkUnit& unit : units) {
        ASSERT_GT(unit.configurations, 0u);
        ASSERT_GT(unit.seeds, 0u);
        // One seed block and one depth.
        ASSERT_EQ(unit.first_seed / kSeedBlock, (unit.first_seed + unit.seeds - 1) / kSeedBlock);
        ASSERT_EQ(sweep.configuration(unit.first_configuration).depth,
                  sweep.configuration(unit.first_configuration + unit.configurations - 1).depth);
        ASSERT_LT(seed_block_of(sweep, unit.first_seed), seed_blocks(sweep));
        for (std::size_t c = 0; c < unit.configurations; ++c) {
          for (std::uint32_t s = 0; s < unit.seeds; ++s) {
            ++visits[{unit.first_configuration + c, unit.first_seed + s}];
          }
        }
      }
      EXPECT_EQ(units.size(), count_work_units(sweep));
      EXPECT_EQ(visits.size(), sweep.networks());
      for (const auto& [network, count] : visits) {
        ASSERT_EQ(count, 1);
        ASSERT_LT(network.first, sweep.configurations());
        ASSERT_GE(network.second, sweep.first_seed);
        ASSERT_LT(network.second, sweep.first_seed + sweep.seeds);
      }
    }
  }
}

TEST(WorkUnits, IdentityIsThatOfTheNumbersNotOfTheirPlace) {
  const std::string rest = "target = [1, 2]\nseeds = 10\n";
  for (const char* streams : {"", "noise_streams = \"independent\"\n"}) {
    const Sweep alone = sweep_of(rest + streams + "depth = 3\neta = 0.5\nstep_size = 0.1\n");
    const Sweep among =
        sweep_of(rest + streams + "depth = [2, 3]\neta = [0.1, 0.5]\nstep_size = [0.3, 0.1]\n");
    int found = 0;

    for (std::size_t c = 0; c < among.configurations(); ++c) {
      const Configuration configuration = among.configuration(c);
      const bool same =
          configuration.depth == 3 && configuration.eta == 0.5 && configuration.step_size == 0.1;
      EXPECT_EQ(identity(among, {c, 1, 0, 10}) == identity(alone, {0, 1, 0, 10}), same);
      found += same;
    }

    EXPECT_EQ(found, 1);
  }
}

TEST(WorkUnits, IdentityChangesWithEverySettingThatChangesTheNumbers) {
  const Sweep usual = sweep_of("depth = 3\n");
  std::set<std::string> identities = {identity(usual, {0, 1, 0, 16})};
  std::size_t changes = 0;

  for (const auto& [key, value] : other_settings()) {
    if (key == "seeds" || key == "first_seed" || key == "depth") continue; // the unit says those
    const Sweep sweep = sweep_of("depth = 3\n" + key + " = " + value + "\n");
    EXPECT_TRUE(identities.insert(identity(sweep, {0, 1, 0, 16})).second) << key;
    ++changes;
  }
  EXPECT_TRUE(identities.insert(identity(usual, {0, 1, 1, 16})).second);
  EXPECT_TRUE(identities.insert(identity(usual, {0, 1, 0, 15})).second);
  EXPECT_TRUE(identities.insert(identity(sweep_of("depth = 2\n"), {0, 1, 0, 16})).second);
  EXPECT_EQ(identities.size(), changes + 4);
}

std::string sha256(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

TEST(Sha256Test, KnownAnswers) { // FIPS 180-4 and NIST's examples
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(
      sha256("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
             "klmnopqrlmnopqrsmnopqrstnopqrstu"),
      "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
  EXPECT_EQ(sha256(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256Test, PiecesGiveTheDigestOfTheWhole) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  for (std::size_t piece = 1; piece <= 130; ++piece) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      hash.update(std::string_view(text).substr(at, piece));
    }
    EXPECT_EQ(hash.hex(), sha256(text)) << piece;
  }
}

std::vector<double> sample(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(3, 2);
  std::vector<double> values(n);
  for (double& x : values) x = normal(random);
  return values;
}

TEST(MomentsTest, PushingGivesMeanAndSquaredDeviations) {
  for (const std::size_t n : {1u, 2u, 7u, 64u, 1000u}) {
    const std::vector<double> values = sample(n, n);
    long double mean = 0, m2 = 0;
    for (const double x : values) mean += static_cast<long double>(x) / static_cast<long double>(n);
    for (const double x : values) m2 += (x - mean) * (x - mean);
    Moments moments;
    std::uint32_t count = 0;

    for (const double x : values) moments.push(x, ++count);

    EXPECT_NEAR(moments.mean, static_cast<double>(mean), 1e-14 * 10);
    EXPECT_NEAR(moments.m2, static_cast<double>(m2), 1e-13 * static_cast<double>(m2) + 1e-30);
  }
}

TEST(MomentsTest, MergingEqualsPushingAll) {
  const std::vector<double> values = sample(200, 9);
  Moments all;
  for (std::uint32_t i = 0; i < 200; ++i) all.push(values[i], i + 1);
  for (const std::uint32_t cut : {1u, 2u, 64u, 100u, 199u}) {
    Moments early, late;
    for (std::uint32_t i = 0; i < cut; ++i) early.push(values[i], i + 1);
    for (std::uint32_t i = cut; i < 200; ++i) late.push(values[i], i - cut + 1);

    early.merge(cut, late, 200 - cut);

    EXPECT_NEAR(early.mean, all.mean, 1e-14 * 10);
    EXPECT_NEAR(early.m2, all.m2, 1e-13 * all.m2);
  }
}

TEST(MomentsTest, MergingNothingChangesNothingAndIntoNothingCopies) {
  Moments some, none;
  some.push(1.5, 1);
  some.push(4, 2);
  Moments kept = some, copied = none;

  kept.merge(2, none, 0);
  copied.merge(0, some, 2);

  EXPECT_EQ(kept.mean, some.mean);
  EXPECT_EQ(kept.m2, some.m2);
  EXPECT_EQ(copied.mean, some.mean);
  EXPECT_EQ(copied.m2, some.m2);
  EXPECT_EQ(some.mean, 2.75);
  EXPECT_EQ(some.m2, 3.125);
}

TEST(MomentsTest, EqualValuesHaveNoSpread) {
  Moments moments;

  for (std::uint32_t i = 1; i <= 100; ++i) moments.push(0.1, i);

  EXPECT_EQ(moments.mean, 0.1);
  EXPECT_EQ(moments.m2, 0);
}

/// The tree by its definition: padded with zeros to a power of two, halves added.
float tree(const std::vector<float>& values, std::size_t first, std::size_t size) {
  if (size == 1) return first < values.size() ? values[first] : 0;
  return tree(values, first, size / 2) + tree(values, first + size / 2, size / 2);
}

TEST(PairwiseSum, IsTheButterflysTree) {
  std::mt19937_64 random(4);
  std::normal_distribution<float> normal;
  int differs_from_left_to_right = 0;
  for (std::size_t n = 1; n <= 1100; n = n < 70 ? n + 1 : n * 3 / 2) {
    std::vector<float> values(n);
    for (float& x : values) x = normal(random);
    std::size_t padded = 1;
    while (padded < n) padded *= 2;
    const float expected = tree(values, 0, padded);
    float left_to_right = 0;
    for (const float x : values) left_to_right += x;

    std::vector<float> work = values;
    const float sum = pairwise_sum(work.data(), n);

    EXPECT_EQ(as_bits(sum), as_bits(expected)) << n;
    differs_from_left_to_right += sum != left_to_right;
  }
  EXPECT_GT(differs_from_left_to_right, 20);
}

/// With independent streams no two configurations share a key; with shared ones all do.
TEST(NoiseStreams, IndependentKeysDiffer) {
  const std::string grid = "depth = \"range(1,16)\"\neta = [0.3, 0.4]\nstep_size = [0.01, 0.02]\n"
                           "init = [\"balanced(1)\", \"gaussian(1)\", \"zero_last(1)\", "
                           "\"unbalanced(1,1)\", \"unbalanced(1,2)\", \"balanced(2)\"]\n";
  for (const bool independent : {false, true}) {
    const Sweep sweep = test::sweep_of(grid + (independent ? "noise_streams = independent" : ""));

    std::set<std::uint64_t> keys;
    for (std::size_t i = 0; i < sweep.configurations(); ++i) {
      keys.insert(sweep.configuration(i).key);
    }

    EXPECT_EQ(keys.size(), independent ? sweep.configurations() : 1u);
  }
}

} // namespace
} // namespace sharpsweep
