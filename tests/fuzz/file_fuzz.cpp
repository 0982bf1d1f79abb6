/// \file
/// Fuzz target: the files that `info`, `status`, `merge`, `verify` and a run that takes them over
/// are given. An input is a recipe for a hostile file (recipe.hpp), or a file as it is, which has
/// to be refused before HDF5 sees it unless its checksum is right.
#include <hdf5.h>

#include <algorithm>
#include <cstdio>
#include <map>

#include "host/assembly.hpp"
#include "host/commands/commands.hpp"
#include "host/output/checksum.hpp"
#include "host/output/reader.hpp"
#include "host/output/writer.hpp"
#include "sharpsweep/numerics/sha256.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "tests/fuzz/recipe.hpp"

using namespace sharpsweep;
using namespace sharpsweep::fuzz;

namespace {

constexpr const char* kFile = "in.h5";

/// Whether a file ends with the checksum of what is before it; told without the program's own
/// check.
bool is_sealed(const std::string& bytes) {
  constexpr std::string_view kMark = "\nsharpsweep sha256 ";
  const std::size_t trailer = kMark.size() + 65;
  if (bytes.size() < trailer || bytes.back() != '\n') return false;
  const std::size_t end = bytes.size() - trailer;
  Sha256 hash;
  hash.update(bytes.data(), end);
  return bytes.compare(end, kMark.size(), kMark) == 0 &&
         bytes.compare(end + kMark.size(), 64, hash.hex()) == 0;
}

/// A sweep that costs nothing to hold and to train.
bool is_small(const Sweep& sweep) {
  return result_memory(sweep) + reading_memory(sweep) < 16e6 && sweep.cells() <= 64 &&
         sweep.seeds <= 128 && sweep.updates() < 1e5 && sweep.record <= 64;
}

/// What a run does that takes the file over: into the sweep of the file, and into a wider one.
void take_over(const Sweep& sweep, const std::vector<FinishedUnits>& units) {
  Settings wider = sweep.settings;
  wider["eta"].emplace_back("0.123");
  wider["seeds"] = {std::to_string(sweep.seeds + 1)};
  for (const Settings& settings : {sweep.settings, wider}) {
    attempt([&] {
      const Sweep into = Sweep::from_settings(settings);
      Results results(into);
      for (const FinishedUnits& finished : units) {
        if (!obstacle(finished.sweep, into, kFile).empty()) continue;
        const Placement place(finished.sweep, into);
        for (std::size_t u = 0; u < finished.units.size(); ++u) {
          results.take(into, finished.sweep, place, finished.units[u], finished.results[u]);
        }
      }
      const std::vector<Work> missing = missing_work(into, results.done);
      for (std::uint32_t i = 1; i <= 2; ++i) shard_of(missing, {i, 2});
      finished_work(into, results.done);
      missing_sentence(into, results.done);
    });
  }
}

void merge(bool allow_incomplete) {
  MergeOptions options;
  options.output = "out.h5";
  options.inputs = {kFile};
  options.overwrite = true;
  options.allow_incomplete = allow_incomplete;
  merge_command(options);
}

void verify() {
  BackendOptions backend;
  backend.backend = "cpu";
  backend.cpu.threads = 1;
  backend.cpu.instruction_set = "scalar";
  verify_command(kFile, 4, backend);
}

void take_over_file() {
  const Dataset file = read_dataset(kFile);
  std::vector<FinishedUnits> units;
  attempt([&] { units = units_of_file(file, kFile); });
  const Sweep sweep = sweep_of_file(file, kFile);
  if (is_small(sweep)) take_over(sweep, units);
}

void use_file(Use use) {
  if (use == Use::take_over) return take_over_file();
  if (use == Use::info) info_command(kFile, Format::text);
  if (use == Use::info_json) info_command(kFile, Format::json);
  // What a file says of its sweep costs as much as it says, where it is taken at its word.
  if (!is_small(sweep_of_file(read_root_attributes(kFile), kFile))) return;
  if (use == Use::status) status_command(kFile, Format::text);
  if (use == Use::merge) merge(false);
  if (use == Use::merge_incomplete) merge(true);
  if (use == Use::verify) verify();
}

void fuzz_bytes(const std::string& bytes) {
  write_file(kFile, bytes);
  if (is_sealed(bytes)) {
    for (int use = 0; use < static_cast<int>(Use::count); ++use) {
      attempt([&] { use_file(static_cast<Use>(use)); });
    }
    return;
  }
  for (const bool whole : {true, false}) {
    std::string sentence;
    try {
      whole ? read_dataset(kFile) : read_root_attributes(kFile);
    } catch (const FileError& error) {
      sentence = error.what();
    }
    require(sentence.find("checksum") != std::string::npos,
            "a file without its checksum is not refused for that");
  }
}

/// Writes the recipe's dataset. Those that are not changed are written once.
void write_cooked(const Recipe& recipe) {
  static std::map<unsigned, std::string> plain;
  const auto in_memory = [](const Step& step) { return step.what < kFileSteps; };
  const bool changed = std::any_of(recipe.steps.begin(), recipe.steps.end(), in_memory);
  std::string& bytes = plain[recipe.base % kBases];
  if (changed || bytes.empty()) write_hdf5(kFile, kFile, cooked(recipe));
  if (changed) return;
  if (bytes.empty()) bytes = read_file(kFile);
  write_file(kFile, bytes);
}

void fuzz_recipe(const Recipe& recipe) {
  if (!attempt([&] { write_cooked(recipe); })) return;
  const auto in_file = [](const Step& step) { return step.what >= kFileSteps; };
  const bool changed = std::any_of(recipe.steps.begin(), recipe.steps.end(), in_file);
  if (changed) change_hdf5(kFile, recipe);
  if (changed && recipe.use == Use::verify && !recipe.stale_digest) {
    const std::string bare = read_file(kFile);
    append_checksum(kFile, kFile);
    std::string renewed;
    attempt([&] { renewed = digest(read_dataset(kFile)); });
    write_file(kFile, bare);
    if (!renewed.empty()) put_digest(kFile, renewed);
  }
  append_checksum(kFile, kFile);
  attempt([&] { use_file(recipe.use); });
}

} // namespace

/// HDF5 itself leaks a little where it meets what it does not expect; of ours nothing may leak.
extern "C" const char* __lsan_default_suppressions() { return "leak:libhdf5\n"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Workplace folder;
  static const bool silent = std::freopen("/dev/null", "w", stdout) != nullptr;
  require(silent, "standard output can't be silenced");
  if (size > 0 && data[0] == kRecipeMark) {
    fuzz_recipe(recipe_of(data, size));
  } else {
    fuzz_bytes({reinterpret_cast<const char*>(data), size});
  }
  require(H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL) == 0, "an HDF5 object stays open");
  return 0;
}
