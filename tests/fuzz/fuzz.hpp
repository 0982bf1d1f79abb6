/// \file
/// What the fuzz targets share: a folder to work in, what counts as a defect, and which sweeps are
/// too large to be worth the time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "host/sweep_file.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"
#include "sharpsweep/sweep/sweep.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sharpsweep::fuzz {

/// Ends the program, which is how a fuzzer is told of a defect.
inline void require(bool holds, const std::string& sentence) {
  if (holds) return;
  std::fprintf(stderr, "defect: %s\n", sentence.c_str());
  std::abort();
}

/// Calls something that may refuse its input; every other exception gets through, as a defect.
/// Returns whether it did not refuse.
template <class Call>
bool attempt(Call call) {
  try {
    call();
    return true;
  } catch (const Error& error) {
    require(*error.what() != '\0', "an error without a sentence");
    return false;
  }
}

/// An empty folder, which becomes the current one: relative names lead nowhere else. It is gone at
/// the end of the program.
class Workplace {
public:
  Workplace() {
    std::string name = (std::filesystem::temp_directory_path() / "sharpsweep-fuzz-XXXXXX").string();
    require(::mkdtemp(name.data()) != nullptr, "no folder to work in");
    folder_ = name;
    std::filesystem::current_path(folder_);
  }
  Workplace(const Workplace&) = delete;
  Workplace& operator=(const Workplace&) = delete;
  ~Workplace() {
    std::error_code status;
    std::filesystem::current_path("/", status);
    std::filesystem::remove_all(folder_, status);
  }

private:
  std::filesystem::path folder_;
};

inline void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

inline std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// How many values an item of an axis stands for, as far as that can be told; a bound at least.
inline double extent_of(const std::string& item) {
  double extent = 1;
  attempt([&] {
    const Call call = parse_call("axis", item);
    const auto number = [&](std::size_t i) { return parse_number("axis", call.arguments.at(i)); };
    if (call.arguments.size() == 3 && (call.name == "lin" || call.name == "log"))
      extent = number(2);
    if (call.name != "range" || call.arguments.size() < 2) return;
    extent = std::fabs((number(1) - number(0)) / (call.arguments.size() > 2 ? number(2) : 1)) + 1;
  });
  return extent;
}

/// Whether some axis is so long that a sweep with it takes seconds: allowed, and no use here.
inline bool is_long(const std::vector<std::string>& items) {
  constexpr double kLongest = 20000;
  double extent = 0;
  for (const std::string& item : items) extent += extent_of(item);
  return !(extent <= kLongest);
}

/// A sweep has to come back the same from the text that result files carry.
inline void require_round_trip(const Sweep& sweep) {
  const std::string text = sweep.text();
  const bool readable = attempt([&] {
    const Sweep again = Sweep::from_settings(parse_sweep_text(text, "the text of a sweep"));
    require(again.settings == sweep.settings, "settings change on their way through text");
    require(again.depth == sweep.depth && again.init == sweep.init && again.eta == sweep.eta &&
                again.step_size == sweep.step_size && again.target == sweep.target,
            "axes change on their way through text");
    require(again.seeds == sweep.seeds && again.base_seed == sweep.base_seed &&
                again.steps == sweep.steps && again.schedule == sweep.schedule,
            "keys change on their way through text");
  });
  require(readable, "the text of a sweep can't be read back:\n" + text);
}

} // namespace sharpsweep::fuzz
