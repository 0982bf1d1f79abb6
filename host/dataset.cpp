#include "host/dataset.hpp"

#include "sharpsweep/numerics/sha256.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

std::size_t value_count(const Variable& variable) {
  return std::visit([](const auto& values) { return values.size(); }, variable.values);
}

std::pair<const void*, std::size_t> value_bytes(const Values& values) {
  return std::visit(
      [](const auto& list) -> std::pair<const void*, std::size_t> {
        return {list.data(), list.size() * sizeof(list[0])};
      },
      values);
}

const Variable* Dataset::find(const std::string& name) const {
  for (const auto* list : {&coordinates, &variables}) {
    for (const Variable& variable : *list) {
      if (variable.name == name) return &variable;
    }
  }
  return nullptr;
}

const std::string* Dataset::text(const std::string& name) const {
  for (const auto& [key, value] : attributes) {
    if (key == name) return std::get_if<std::string>(&value);
  }
  return nullptr;
}

double Dataset::number(const std::string& name) const {
  for (const auto& [key, value] : attributes) {
    const double* found = std::get_if<double>(&value);
    if (key == name && found) return *found;
  }
  return 0;
}

std::int64_t Dataset::integer(const std::string& name, std::int64_t otherwise) const {
  for (const auto& [key, value] : attributes) {
    const auto* numbers = std::get_if<std::vector<std::int64_t>>(&value);
    if (key == name && numbers && !numbers->empty()) return numbers->front();
  }
  return otherwise;
}

std::size_t Dataset::extent(const std::string& dimension) const {
  for (const Variable& coordinate : coordinates) {
    if (coordinate.name != dimension) continue;
    return coordinate.pieces.count > 0 ? coordinate.pieces.extent : value_count(coordinate);
  }
  throw FileError("the file has no dimension '" + dimension + "'");
}

std::string digest(const Dataset& dataset) {
  Sha256 hash;
  for (const auto* list : {&dataset.coordinates, &dataset.variables}) {
    for (const Variable& variable : *list) {
      if (!variable.is_result) continue;
      hash.update(variable.name.data(), variable.name.size() + 1);
      const auto [data, size] = value_bytes(variable.values);
      hash.update(data, size);
    }
  }
  return hash.hex();
}

} // namespace sharpsweep
