/// \file
/// Settings of a sweep from one line of text.
#pragma once

#include <string>
#include <string_view>

#include "sharpsweep/sweep/keys.hpp"

namespace sharpsweep {

/// Settings from "key = value; key = value".
inline Settings settings_of(std::string_view text) {
  Settings settings;
  const auto trimmed = [](std::string_view part) {
    const std::size_t begin = part.find_first_not_of(' ');
    return std::string(begin == std::string_view::npos ? "" : part.substr(begin));
  };
  while (!text.empty()) {
    const std::size_t end = text.find(';');
    const std::string_view line = text.substr(0, end);
    const std::size_t equals = line.find('=');
    std::string key = trimmed(line.substr(0, equals));
    key.erase(key.find_last_not_of(' ') + 1);
    settings[key] = split_items(trimmed(line.substr(equals + 1)));
    text = end == std::string_view::npos ? "" : text.substr(end + 1);
  }
  return settings;
}

} // namespace sharpsweep
