/// \file
/// Numbers and axes as a sweep file writes them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sharpsweep/models/ssam.hpp"

namespace sharpsweep {

/// One dimension of a sweep.
struct Axis {
  std::string name;
  std::vector<double> values;          ///< numbers; of an axis of words, a code for each
  std::vector<std::string> words = {}; ///< what the codes mean; empty: an axis of numbers
  std::string long_name = {};
};

/// No axis is longer: a longer one is a slip of the pen.
inline constexpr std::size_t kMaxAxisLength = 1u << 24;

/// A finite number. Throws UsageError naming `key` for anything else (NaN and infinities too).
double parse_number(std::string_view key, std::string_view text);

/// An integer in [low, high]. Throws UsageError naming `key`, the text and the range. Integers may
/// be written as 1e6 as long as they are exact.
std::uint64_t parse_integer(std::string_view key, std::string_view text, std::uint64_t low,
                            std::uint64_t high);

/// The values of an axis: numbers, lin(first,last,count), log(first,last,count) and
/// range(first,last[,stride]) (last included when it is hit), concatenated. The values of a lin
/// axis are first + i (last - first) / (count - 1), so halving the spacing keeps the old values bit
/// for bit. Throws UsageError when malformed, empty, too long or with a value that stands twice.
std::vector<double> parse_axis(std::string_view key, std::span<const std::string> items);

/// balanced(s), unbalanced(s,r), zero_last(s) or gaussian(s).
ssam::Init parse_init(std::string_view text);

/// The text that parse_init reads back to the same value.
std::string format_init(const ssam::Init& init);

/// The shortest text that parses back to the same double.
std::string format_number(double value);

/// "name(a,b)" split into its name and arguments; arguments is empty for a bare name.
struct Call {
  std::string name;
  std::vector<std::string> arguments;
};
/// Throws UsageError when the parentheses do not match.
Call parse_call(std::string_view key, std::string_view text);

} // namespace sharpsweep
