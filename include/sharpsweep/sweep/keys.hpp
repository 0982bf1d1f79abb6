/// \file
/// The keys of a sweep file: one table gives the options, their help, their defaults, the text that
/// a result file carries, and the README's table of keys.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sharpsweep {

/// One key of a sweep file and, by the same name, one long option of the command line.
struct Key {
  std::string_view name;
  std::string_view values;   ///< the form of its value, as help shows it
  std::string_view fallback; ///< the default, written as a user would write it
  std::string_view help;     ///< one sentence, with the unit where there is one
  bool axis = false;         ///< takes a list of values: a dimension of the output
  /// Of an axis of words: those there are. With an empty default the key, and as an axis its
  /// dimension, may be left out.
  std::span<const std::string_view> words = {};
};

/// Keys that models have in common. A model's table may give them another default.
namespace common_key {
inline constexpr Key seeds{"seeds", "1..268435456", "16",
                           "number of replicates of every configuration"};
inline constexpr Key first_seed{"first_seed", "0..268435455", "0", "number of the first replicate"};
inline constexpr Key base_seed{"base_seed", "0..2^64-1", "0", "key of all noise"};
inline constexpr Key noise_streams{
    "noise_streams", "shared | independent", "shared",
    "shared: configurations of the same seed see the same noise; independent: each its own"};
inline constexpr Key steps{"steps", "1..10^12", "20000", "number of updates"};
inline constexpr Key record{
    "record", "0..100000", "0",
    "number of log-spaced times at which order parameters are kept along the run"};
inline constexpr Key save{
    "save", "mean | seeds | weights", "mean",
    "seeds: keep every network's order parameters; weights: and its final weights"};
inline constexpr Key precision{"precision", "f32 | f64", "f32", "arithmetic of weights and steps"};
/// `key` with another default.
constexpr Key with_default(Key key, std::string_view fallback) {
  key.fallback = fallback;
  return key;
}
} // namespace common_key

/// Settings by key name; a value is the list of items as written ("0.5", "lin(0,1,5)", ...).
using Settings = std::map<std::string, std::vector<std::string>>;

/// The keys that a model's sweep file may hold, `model` included, in the order of the output.
/// Throws UsageError for an unknown model, naming the known ones.
std::span<const Key> keys_of(std::string_view model);
/// The keys of ssam.
std::span<const Key> ssam_keys();

/// Splits "[a, b(1,2), c]" or "a, b(1,2), c" at commas outside parentheses; quotes are taken off.
std::vector<std::string> split_items(std::string_view text);

/// The candidate nearest to `name` by edit distance, or empty if none is near.
std::string nearest_name(std::string_view name, std::span<const std::string_view> candidates);

/// `key = value` lines of a sweep file. Throws UsageError when `name` is not a key of `model`.
void require_known_key(std::string_view model, std::string_view name);

/// One line of a sweep file: numbers bare, everything else quoted, lists in brackets.
std::string sweep_file_line(const Key& key, const std::vector<std::string>& items);

} // namespace sharpsweep
