#include "host/sweep_file.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <CLI/CLI.hpp>

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

/// One `key = value` a line, comments gone and lists that span lines joined. Throws UsageError at
/// the first line that is something else.
std::string normalized(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  std::string joined, pending;
  std::size_t number = 0, started = 0;
  const auto fail = [&](std::size_t line, const std::string& sentence) {
    throw UsageError(name + ":" + std::to_string(line) + ": " + sentence);
  };
  for (std::string raw; std::getline(lines, raw);) {
    ++number;
    std::string line = without_comment(raw);
    while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
    line.erase(0, std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) continue;
    if (pending.empty()) {
      started = number;
      if (line.front() == '[') fail(number, "sections are not used; write key = value");
      if (line.find('=') == std::string::npos) fail(number, "'" + line + "' is not key = value");
    }
    pending += (pending.empty() ? "" : " ") + line;
    const auto opened = std::count(pending.begin(), pending.end(), '[');
    const auto closed = std::count(pending.begin(), pending.end(), ']');
    if (opened > closed) continue;
    joined += pending + "\n";
    pending.clear();
  }
  if (!pending.empty()) fail(started, "the list that begins here has no closing ']'");
  return joined;
}

} // namespace

Settings parse_sweep_text(const std::string& text, const std::string& name) {
  const bool binary = std::any_of(text.begin(), text.end(), [](char c) {
    return c == 0 || (static_cast<unsigned char>(c) < 32 && c != '\n' && c != '\r' && c != '\t');
  });
  if (binary) throw UsageError(name + ": is no text file; a sweep file holds key = value lines");
  std::istringstream lines(normalized(text, name));
  Settings settings;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream one(line);
    std::vector<CLI::ConfigItem> items;
    try {
      items = CLI::ConfigTOML().from_config(one);
    } catch (const CLI::Error& error) {
      throw UsageError(name + ": '" + line + "' is not key = value (" + error.what() + ")");
    }
    for (const CLI::ConfigItem& item : items) {
      if (!item.parents.empty()) {
        throw UsageError(name + ": '" + line + "': a key is one word without dots");
      }
      std::vector<std::string> values;
      for (const std::string& input : item.inputs) {
        const auto parts = split_items(input);
        values.insert(values.end(), parts.begin(), parts.end());
      }
      if (values.empty() || std::any_of(values.begin(), values.end(),
                                        [](const std::string& v) { return v.empty(); })) {
        throw UsageError(item.name + ": has no value in " + name);
      }
      if (!settings.emplace(item.name, values).second) {
        throw UsageError(item.name + ": stands twice in " + name);
      }
    }
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
  std::string text(kMaxSweepFileBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (file.bad()) throw FileError("the sweep file '" + path + "' can't be read");
  if (text.size() > kMaxSweepFileBytes) {
    throw UsageError(path + ": is larger than a sweep file can be (64 MiB)");
  }
  return parse_sweep_text(text, path);
}

} // namespace sharpsweep
