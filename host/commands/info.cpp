#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <sstream>

#include <nlohmann/json.hpp>

#include "host/commands/commands.hpp"
#include "host/output/reader.hpp"

namespace sharpsweep {
namespace {

using Json = nlohmann::ordered_json;

std::string shape_text(const Dataset& data, const Variable& variable) {
  std::string text;
  for (const std::string& dimension : variable.dimensions) {
    text += (text.empty() ? "" : ", ") + dimension + " " + std::to_string(data.extent(dimension));
  }
  return text;
}

/// The meanings of the flags that a variable of flags holds, in their own order; empty for others.
std::string flags_present(const Variable& variable) {
  const std::vector<std::int64_t>* flags = nullptr;
  const std::string* meanings = nullptr;
  for (const auto& [name, value] : variable.attributes) {
    if (name == "flag_values") flags = std::get_if<std::vector<std::int64_t>>(&value);
    if (name == "flag_meanings") meanings = std::get_if<std::string>(&value);
  }
  if (!flags || !meanings) return "";
  std::istringstream words(*meanings);
  std::string text, word;
  for (const std::int64_t flag : *flags) {
    words >> word;
    const bool present = std::visit(
        [flag](const auto& values) {
          return std::any_of(values.begin(), values.end(), [flag](auto value) {
            return static_cast<double>(value) == static_cast<double>(flag);
          });
        },
        variable.values);
    if (present) text += (text.empty() ? "" : ", ") + word;
  }
  return text;
}

std::string range_text(const Variable& variable) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  std::size_t missing = 0;
  std::visit(
      [&](const auto& values) {
        for (const auto value : values) {
          const auto x = static_cast<double>(value);
          if (std::isnan(x)) {
            ++missing;
          } else {
            low = std::min(low, x);
            high = std::max(high, x);
          }
        }
      },
      variable.values);
  char text[96];
  if (low > high) return "all NaN";
  if (auto words = flags_present(variable); !words.empty()) return words;
  std::snprintf(text, sizeof text, low == high ? "%.5g" : "%.5g .. %.5g", low, high);
  return text + (missing ? ", " + std::to_string(missing) + " NaN" : "");
}

std::pair<std::size_t, std::size_t> completeness(const Dataset& data) {
  const Variable* status = data.find("status");
  if (!status) return {0, 0};
  const auto* flags = std::get_if<std::vector<std::uint8_t>>(&status->values);
  if (!flags) return {0, 0};
  return {static_cast<std::size_t>(std::count(flags->begin(), flags->end(), 1)), flags->size()};
}

/// Work units that the file carries.
std::size_t count_units(const Dataset& data) {
  std::size_t count = 0;
  for (const auto& [name, group] : data.groups) {
    for (const Variable& axis : group.coordinates) {
      if (axis.name == "unit") count += value_count(axis);
    }
  }
  return count;
}

Json attribute_json(const Attribute& attribute) {
  return std::visit(
      [](const auto& value) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::vector<std::int64_t>>) {
          if (value.size() == 1) return value.front();
        }
        return value;
      },
      attribute.second);
}

} // namespace

ExitCode info_command(const std::string& path, Format format) {
  const Dataset data = read_dataset(path);
  root_text(data, "sweep", path);
  const bool shard = data.text("shard") != nullptr;
  const bool intact = shard || digest(data) == root_text(data, "digest", path);
  const auto [done, cells] = completeness(data);
  const std::size_t units = count_units(data);
  if (format == Format::json) {
    Json json;
    for (const Attribute& attribute : data.attributes) {
      json["attributes"][attribute.first] = attribute_json(attribute);
    }
    if (!shard) {
      json["digest_matches"] = intact;
      json["cells"] = cells;
      json["cells_done"] = done;
    }
    json["work_units"] = units;
    for (const auto* list : {&data.coordinates, &data.variables}) {
      for (const Variable& variable : *list) {
        Json entry = {{"long_name", variable.long_name}, {"units", variable.units}};
        for (const std::string& dimension : variable.dimensions) {
          entry["dimensions"].push_back({{"name", dimension}, {"size", data.extent(dimension)}});
        }
        json[list == &data.coordinates ? "axes" : "variables"][variable.name] = entry;
      }
    }
    std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    std::printf("%s\n", path.c_str());
    for (const auto& [name, value] : data.attributes) {
      if (const auto* text = std::get_if<std::string>(&value)) {
        if (name != "sweep") std::printf("  %-19s %s\n", name.c_str(), text->c_str());
      } else if (const auto* number = std::get_if<double>(&value)) {
        std::printf("  %-19s %.6g\n", name.c_str(), *number);
      } else {
        std::printf("  %-19s %lld\n", name.c_str(),
                    static_cast<long long>(std::get<std::vector<std::int64_t>>(value).front()));
      }
    }
    if (!shard) std::printf("  %-19s %zu of %zu cells done\n", "complete", done, cells);
    std::printf("  %-19s %zu finished\n", "work units", units);
    if (!shard) std::printf("axes\n");
    for (const Variable& axis : data.coordinates) {
      std::printf("  %-19s %zu values, %s   %s\n", axis.name.c_str(), value_count(axis),
                  range_text(axis).c_str(), axis.long_name.c_str());
    }
    if (!shard) std::printf("variables\n");
    for (const Variable& variable : data.variables) {
      std::printf("  %-23s (%s)  %s\n", variable.name.c_str(), shape_text(data, variable).c_str(),
                  range_text(variable).c_str());
    }
    std::printf("sweep (a sweep file that reruns it)\n");
    std::string line;
    for (const char c : root_text(data, "sweep", path)) {
      if (c == '\n') {
        std::printf("  %s\n", line.c_str());
        line.clear();
      } else {
        line += c;
      }
    }
  }
  if (!intact) throw FileError("'" + path + "' is damaged: its results do not match its digest");
  return ExitCode::done;
}

} // namespace sharpsweep
