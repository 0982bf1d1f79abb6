/// \file
/// Fuzz target: command lines, a word a line. They are parsed and validated, the sweep file they
/// name included; what they ask for is never done.
#include "host/command_line.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz.hpp"

using namespace sharpsweep;
using namespace sharpsweep::fuzz;

namespace {

/// Whether a word may name something outside the folder.
bool leads_out(const std::string& word) {
  return word.find("..") != std::string::npos || word.starts_with('/');
}

/// The words of an input: a line each. A byte 1 stands for a line break within a word.
std::vector<std::string> words_of(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> words(1);
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n' || data[i] == '\0') {
      words.emplace_back();
    } else {
      words.back() += data[i] == 1 ? '\n' : static_cast<char>(data[i]);
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

/// The options among the words, as --key=value or --key and value, whatever they mean.
Settings options_of(const std::vector<std::string>& words) {
  Settings settings;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (!words[i].starts_with("--")) continue;
    const std::size_t equals = words[i].find('=');
    const bool next = equals == std::string::npos;
    if (next && i + 1 == words.size()) break;
    settings[words[i].substr(2, next ? equals : equals - 2)] =
        split_items(next ? words[i + 1] : words[i].substr(equals + 1));
  }
  return settings;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Workplace folder;
  static const bool prepared = [] {
    write_file("a.toml", "depth = [1, 2]\neta = \"lin(0.3,0.5,3)\"\nseeds = 4\nsteps = 100\n");
    write_file("bad.toml", "depth = 17\n");
    return std::filesystem::create_directory("folder");
  }();
  require(prepared, "the folder can't be filled");
  std::vector<std::string> words = words_of(data, size);
  const Settings options = options_of(words);
  if (std::any_of(words.begin(), words.end(), leads_out)) return 0;
  for (const auto& [key, items] : options) {
    if (is_long(items)) return 0;
  }
  words.insert(words.begin(), "sharpsweep");
  attempt([&] {
    const Command command = parse_command_line(words);
    require(command != nullptr, "a command line is accepted and asks for nothing");
  });
  // What a command makes of its options can't be seen from here; this is the same by hand.
  attempt([&] { require_round_trip(Sweep::from_settings(options)); });
  return 0;
}
