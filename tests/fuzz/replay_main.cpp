/// \file
/// Feeds files, or the files of folders, to a fuzz target: its corpus as a test, with any compiler.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "tests/fuzz/fuzz.hpp"

namespace fs = std::filesystem;

int main(int argc, char** argv) {
  std::vector<std::string> inputs;
  for (int i = 1; i < argc; ++i) {
    if (!fs::is_directory(argv[i])) {
      inputs.emplace_back(fs::absolute(argv[i]));
      continue;
    }
    for (const auto& entry : fs::directory_iterator(fs::absolute(argv[i]))) {
      inputs.push_back(entry.path().string());
    }
  }
  std::sort(inputs.begin(), inputs.end());
  for (const std::string& path : inputs) {
    const std::string bytes = sharpsweep::fuzz::read_file(path);
    // Which one it was, for whoever reads the output of a crash; the target may silence stdout.
    std::fprintf(stderr, "%s\n", path.c_str());
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  }
  std::fprintf(stderr, "%zu inputs\n", inputs.size());
  return inputs.empty() ? 1 : 0;
}
