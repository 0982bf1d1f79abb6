/// \file
/// Labelled arrays in memory: what goes into the output file, and the digest over it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace sharpsweep {

/// An attribute: text, integers (flag values), or a number.
using Attribute =
    std::pair<std::string, std::variant<std::string, std::vector<std::int64_t>, double>>;

using Values =
    std::variant<std::vector<double>, std::vector<std::int64_t>, std::vector<std::uint8_t>>;

/// Values that are made while they are written, so that they are never all in memory: pieces along
/// the first dimension, which is `extent` long.
struct Pieces {
  std::size_t extent = 0;
  std::size_t count = 0;                        ///< 0: the values are there
  std::function<Values(std::size_t)> make = {}; ///< of the type of the variable's `values`
};

struct Variable {
  std::string name;
  std::vector<std::string> dimensions; ///< slowest first
  Values values;                       ///< where there are pieces only their type counts
  std::string units;
  std::string long_name;
  std::vector<Attribute> attributes = {};
  bool is_result = true; ///< counts in the digest; then it has no pieces
  Pieces pieces = {};
};

struct Dataset {
  /// Coordinate variables by dimension order; each is a 1-D variable named like its dimension.
  std::vector<Variable> coordinates;
  std::vector<Variable> variables;
  std::vector<Attribute> attributes;
  /// Groups within this one, by name; their dimensions are their own.
  struct Group;
  std::vector<Group> groups;

  /// Throws FileError when there is no such dimension.
  std::size_t extent(const std::string& dimension) const;
  const Variable* find(const std::string& name) const;
  /// The text of a root attribute, or null.
  const std::string* text(const std::string& name) const;
  /// A root attribute that is a number, or 0.
  double number(const std::string& name) const;
  /// The first integer of a root attribute, or `otherwise`.
  std::int64_t integer(const std::string& name, std::int64_t otherwise) const;
};

struct Dataset::Group {
  std::string name;
  Dataset data;
};

/// The number of values that a variable holds, and the bytes of values as they go into the file.
std::size_t value_count(const Variable& variable);
std::pair<const void*, std::size_t> value_bytes(const Values& values);

/// SHA-256 over the bytes of all result variables, groups left out: for each coordinate and each
/// result, in file order, its name, a zero byte, and its values (little-endian, as stored).
std::string digest(const Dataset& dataset);

} // namespace sharpsweep
