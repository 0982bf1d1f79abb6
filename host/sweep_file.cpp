#include "host/sweep_file.hpp"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

constexpr std::size_t kMaxSweepFileBytes = 64u << 20;

/// The line up to a comment sign outside quotes.
std::string without_comment(const std::string& line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '#') {
      return line.substr(0, i);
    }
  }
  return line;
}

/// A `key = value` with its comments gone and a list that spans lines joined.
struct Entry {
  std::size_t line = 0; ///< where it begins, from 1
  std::string text;
};

[[noreturn]] void fail(const std::string& name, std::size_t line, const std::string& sentence) {
  throw UsageError(name + ":" + std::to_string(line) + ": " + sentence);
}

/// The entries of a sweep file, each with an equals sign. Throws UsageError at the first line that
/// is something else.
std::vector<Entry> entries_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::vector<Entry> entries;
  std::ptrdiff_t open = 0; // brackets of the last entry that are not closed yet
  std::size_t number = 0;
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    std::string line = without_comment(raw);
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) continue;
    if (open > 0) {
      entries.back().text += " " + line;
    } else {
      if (line.front() == '[') fail(name, number, "sections are not used; write key = value");
      if (line.front() == '=' || line.find('=') == std::string::npos) {
        fail(name, number, "'" + line + "' is not key = value");
      }
      entries.push_back({number, line});
    }
    open = std::max<std::ptrdiff_t>(open, 0) + std::count(line.begin(), line.end(), '[') -
           std::count(line.begin(), line.end(), ']');
  }
  if (open > 0) fail(name, entries.back().line, "the list that begins here has no closing ']'");
  return entries;
}

} // namespace

Settings parse_sweep_text(const std::string& text, const std::string& name) {
  const bool binary = std::any_of(text.begin(), text.end(), [](char c) {
    return c == 0 || (static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\r' && c != '\t');
  });
  if (binary) throw UsageError(name + ": is no text file; a sweep file holds key = value lines");
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf"; // some editors begin with it
  const bool marked = text.starts_with(kByteOrderMark);
  Settings settings;
  for (const Entry& entry : entries_of(marked ? text.substr(kByteOrderMark.size()) : text, name)) {
    const std::size_t equals = entry.text.find('=');
    const std::string key =
        entry.text.substr(0, entry.text.find_last_not_of(" \t", equals - 1) + 1);
    if (key.find('.') != std::string::npos) {
      fail(name, entry.line, "'" + key + "': a key is one word without dots");
    }
    const std::vector<std::string> items = split_items(entry.text.substr(equals + 1));
    if (items.empty() || std::find(items.begin(), items.end(), "") != items.end()) {
      throw UsageError(key + ": has no value, or an empty one in its list, in " + name);
    }
    if (!settings.emplace(key, items).second) throw UsageError(key + ": stands twice in " + name);
  }
  if (settings.empty()) {
    throw UsageError(name + ": is empty; a sweep file holds key = value lines");
  }
  return settings;
}

Settings read_sweep_file(const std::string& path) {
  std::error_code status;
  if (std::filesystem::is_directory(path, status)) {
    throw UsageError(path + ": is a folder, not a sweep file");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw FileError("the sweep file '" + path + "' " +
                    (std::filesystem::exists(path, status) ? "can't be read" : "does not exist"));
  }
  std::string text;
  char piece[4096];
  while (text.size() <= kMaxSweepFileBytes && (file.read(piece, sizeof piece), file.gcount() > 0)) {
    text.append(piece, static_cast<std::size_t>(file.gcount()));
  }
  if (file.bad()) throw FileError("the sweep file '" + path + "' can't be read");
  if (text.size() > kMaxSweepFileBytes) {
    throw UsageError(path + ": is larger than a sweep file can be (64 MiB)");
  }
  return parse_sweep_text(text, path);
}

} // namespace sharpsweep
