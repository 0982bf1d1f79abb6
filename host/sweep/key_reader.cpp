#include "sharpsweep/sweep/key_reader.hpp"

namespace sharpsweep {

const std::vector<std::string>& KeyReader::list(std::string_view key) const {
  const auto& items = settings_.at(std::string(key));
  if (items.empty()) throw UsageError(std::string(key) + ": the list is empty");
  return items;
}

const std::string& KeyReader::one(std::string_view key) const {
  const auto& items = list(key);
  if (items.size() != 1) {
    throw UsageError(std::string(key) + ": takes one value, not a list of " +
                     std::to_string(items.size()));
  }
  return items.front();
}

double KeyReader::number(std::string_view key) const {
  const double value = parse_number(key, one(key)) + 0.0; // -0 is 0
  put(key, format_number(value));
  return value;
}

double KeyReader::number_between(std::string_view key, double low, double high,
                                 bool exclusive) const {
  const double value = number(key);
  const bool inside = exclusive ? value > low && value < high : value >= low && value <= high;
  if (!inside) {
    throw UsageError(std::string(key) + ": " + format_number(value) + " has to lie " +
                     (exclusive ? "strictly between " : "between ") + format_number(low) + " and " +
                     format_number(high));
  }
  return value;
}

std::uint64_t KeyReader::integer(std::string_view key, std::uint64_t low,
                                 std::uint64_t high) const {
  const std::uint64_t value = parse_integer(key, one(key), low, high);
  put(key, std::to_string(value));
  return value;
}

std::size_t KeyReader::choice(std::string_view key,
                              std::span<const std::string_view> choices) const {
  return choice_of(key, one(key), choices);
}

std::size_t KeyReader::choice_of(std::string_view key, std::string_view text,
                                 std::span<const std::string_view> choices) {
  const auto found = std::find(choices.begin(), choices.end(), text);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  std::string known;
  for (const auto c : choices) known += (known.empty() ? "" : " or ") + std::string(c);
  const std::string near = nearest_name(text, choices);
  throw UsageError(std::string(key) + ": '" + std::string(text) + "' is not " + known +
                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::vector<Axis> read_axes(std::span<const Key> keys, const KeyReader& reader) {
  std::vector<Axis> axes;
  for (const Key& key : keys) {
    if (!key.axis) continue;
    if (key.fallback.empty() && reader.items(key.name).empty()) continue; // left out
    Axis axis{std::string(key.name), {}, {}, std::string(key.help)};
    if (key.words.empty()) {
      axis.values = parse_axis(key.name, reader.list(key.name));
    } else {
      for (const std::string& word : reader.list(key.name)) {
        const auto code = static_cast<double>(KeyReader::choice_of(key.name, word, key.words));
        if (std::find(axis.values.begin(), axis.values.end(), code) != axis.values.end()) {
          throw UsageError(axis.name + ": " + word + " stands twice on the axis");
        }
        axis.values.push_back(code);
        axis.words.push_back(word);
      }
    }
    axes.push_back(std::move(axis));
  }
  return axes;
}

} // namespace sharpsweep
