/// \file
/// Hostile files: a recipe (the bytes that a fuzzer varies) names one of a few files of ours and
/// what is changed in it, first in memory, then through HDF5. What comes out is well-formed HDF5
/// with the right checksum, so that the program reads it all.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "host/dataset.hpp"

namespace sharpsweep::fuzz {

/// The first byte of a recipe; other inputs are files as they are.
inline constexpr std::uint8_t kRecipeMark = '!';

/// One change, 8 bytes of the recipe.
struct Step {
  std::uint8_t what;  ///< which kind of change
  std::uint8_t where; ///< in which group
  std::uint8_t which; ///< of its variables or attributes
  std::uint8_t how;
  std::uint32_t number;
};

/// What is done with the file.
enum class Use { take_over, info, info_json, status, merge, merge_incomplete, verify, count };

struct Recipe {
  std::uint8_t base = 0;
  bool stale_digest = false;     ///< else the digest is made to match again
  bool stale_identities = false; ///< else those of work units are
  Use use = Use::take_over;
  std::vector<Step> steps;
};

/// How many files recipes begin with; their number is the rest of `base` by this.
inline constexpr std::size_t kBases = 5;

inline Recipe recipe_of(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t kMostSteps = 16;
  Recipe recipe;
  if (size > 1) recipe.base = data[1];
  if (size > 2) {
    recipe.stale_digest = data[2] & 1;
    recipe.stale_identities = data[2] & 2;
    recipe.use = static_cast<Use>((data[2] >> 2) % static_cast<unsigned>(Use::count));
  }
  for (std::size_t i = 3; i + 8 <= size && recipe.steps.size() < kMostSteps; i += 8) {
    Step step{data[i], data[i + 1], data[i + 2], data[i + 3], 0};
    std::memcpy(&step.number, data + i + 4, 4);
    recipe.steps.push_back(step);
  }
  return recipe;
}

/// Steps of this kind and above change the HDF5 file, those below the dataset.
inline constexpr std::uint8_t kFileSteps = 128;

/// A word that names something in files of ours, or nearly.
std::string word_of(std::uint8_t which);

/// The dataset that a recipe begins with, with the recipe's changes to it. Throws Error when it
/// can't be changed so.
Dataset cooked(const Recipe& recipe);

/// Makes the digest of the results match again, where there is one.
void renew_digest(Dataset& file);

/// Applies the recipe's changes to an HDF5 file that has no checksum yet, as far as HDF5 does them.
void change_hdf5(const std::string& path, const Recipe& recipe);

/// Writes the text as the root attribute `digest`.
void put_digest(const std::string& path, const std::string& digest);

} // namespace sharpsweep::fuzz
