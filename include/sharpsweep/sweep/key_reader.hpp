/// \file
/// Reads the keys of a sweep one by one, each with its validation.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/keys.hpp"

namespace sharpsweep {

/// Keys are put back as the shortest text that says the same: settings are equal just when they
/// mean the same. Every member throws UsageError with the sentence the user reads.
class KeyReader {
public:
  explicit KeyReader(Settings& settings) : settings_(settings) {}

  /// All items; at least one.
  const std::vector<std::string>& list(std::string_view key) const;
  /// The items of a key that may be left empty.
  const std::vector<std::string>& items(std::string_view key) const {
    return settings_.at(std::string(key));
  }
  const std::string& one(std::string_view key) const;
  double number(std::string_view key) const;
  /// \param exclusive  whether low and high themselves are refused
  double number_between(std::string_view key, double low, double high,
                        bool exclusive = false) const;
  std::uint64_t integer(std::string_view key, std::uint64_t low, std::uint64_t high) const;
  /// The position of the value among the choices.
  std::size_t choice(std::string_view key, std::span<const std::string_view> choices) const;
  static std::size_t choice_of(std::string_view key, std::string_view text,
                               std::span<const std::string_view> choices);
  void put(std::string_view key, const std::string& text) const {
    settings_.at(std::string(key)) = {text};
  }
  void put(std::string_view key, std::vector<std::string> items) const {
    settings_.at(std::string(key)) = std::move(items);
  }

private:
  Settings& settings_;
};

/// The axes among some keys, in their order: numbers, and words by their codes. An axis whose
/// default is empty has no dimension when it is not given.
std::vector<Axis> read_axes(std::span<const Key> keys, const KeyReader& reader);

} // namespace sharpsweep
