#include "host/data_file.hpp"

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "host/output/hdf5_handle.hpp"
#include "sharpsweep/models/network.hpp"
#include "sharpsweep/sweep/axis.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

[[noreturn]] void malformed(const std::string& where, const std::string& sentence) {
  throw UsageError("data: " + where + ": " + sentence);
}

/// "+(1,2)" of an example.
std::string example(const std::string& where, double label, const std::vector<double>& x) {
  if (label != 1 && label != -1) {
    malformed(where, "the label is " + format_number(label) + "; it has to be 1 or -1");
  }
  std::string text;
  for (const double value : x) text += (text.empty() ? "" : ",") + format_number(value);
  return (label > 0 ? "+(" : "-(") + text + ")";
}

std::vector<std::string_view> fields_of(std::string_view line) {
  const auto trimmed = [](std::string_view text) {
    constexpr std::string_view space = " \t\r";
    const std::size_t first = text.find_first_not_of(space);
    if (first == std::string_view::npos) return std::string_view();
    return text.substr(first, text.find_last_not_of(space) - first + 1);
  };
  std::vector<std::string_view> fields;
  for (std::size_t comma = 0; comma != std::string_view::npos;) {
    comma = line.find(',');
    fields.push_back(trimmed(line.substr(0, comma)));
    if (comma != std::string_view::npos) line.remove_prefix(comma + 1);
  }
  return fields;
}

bool is_number(std::string_view text) {
  try {
    parse_number("", text);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

std::vector<std::string> read_csv(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw FileError(path + ": can't be read");
  std::vector<std::string> examples;
  std::string line;
  std::size_t number = 0, columns = 0, values = 0;
  bool heading = true; // may still come
  while (std::getline(file, line)) {
    const std::string where = path + ", line " + std::to_string(++number);
    const std::vector<std::string_view> fields = fields_of(line);
    if (fields.size() == 1 && fields[0].empty()) continue;
    if (heading && fields.size() > 1 && !is_number(fields[0])) {
      heading = false;
      continue;
    }
    heading = false;
    if (columns == 0) columns = fields.size();
    if (fields.size() < 2) {
      malformed(where, "needs a label and at least one coordinate, with commas between");
    }
    if (fields.size() != columns) {
      malformed(where, "has " + std::to_string(fields.size()) + " columns, the first row " +
                           std::to_string(columns));
    }
    std::vector<double> row;
    for (const std::string_view field : fields) {
      if (!is_number(field)) {
        malformed(where, "'" + std::string(field) + "' is not a finite number");
      }
      row.push_back(parse_number("data", field) + 0.0); // -0 is 0
    }
    values += columns;
    if (values > kMaxNetworkNumbers) {
      malformed(where, "a data set has at most " + std::to_string(kMaxNetworkNumbers) + " numbers");
    }
    examples.push_back(example(where, row[0], {row.begin() + 1, row.end()}));
  }
  if (file.bad()) throw FileError(path + ": can't be read");
  if (examples.empty()) malformed(path, "has no row of a label and coordinates");
  return examples;
}

struct NumberTable {
  std::vector<hsize_t> extent;
  std::vector<double> values;
};

NumberTable read_dataset(const std::string& path, const H5Handle& file, const char* name,
                         int rank) {
  const std::string what = std::string("dataset ") + name;
  if (H5Lexists(file, name, H5P_DEFAULT) <= 0) malformed(path, "has no " + what);
  const H5Handle dataset(H5Dopen2(file, name, H5P_DEFAULT), H5Dclose,
                         path + ": " + what + " can't be read");
  const H5Handle space(H5Dget_space(dataset), H5Sclose, path + ": " + what + " can't be read");
  const H5Handle type(H5Dget_type(dataset), H5Tclose, path + ": " + what + " can't be read");
  const H5T_class_t kind = H5Tget_class(type);
  if (H5Sget_simple_extent_ndims(space) != rank || (kind != H5T_FLOAT && kind != H5T_INTEGER)) {
    malformed(path, what + " has to be " + (rank == 2 ? "a table" : "a list") + " of numbers");
  }
  NumberTable result;
  result.extent.resize(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, result.extent.data(), nullptr);
  hsize_t count = 1;
  for (const hsize_t extent : result.extent) {
    if (extent == 0) malformed(path, what + " is empty");
    if (extent > kMaxNetworkNumbers / count) {
      malformed(path, what + " has more than " + std::to_string(kMaxNetworkNumbers) + " numbers");
    }
    count *= extent;
  }
  result.values.resize(count);
  h5_check(H5Dread(dataset, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, result.values.data()),
           path + ": " + what + " can't be read");
  return result;
}

std::vector<std::string> read_hdf5(const std::string& path) {
  const H5Handle file(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose,
                      path + ": can't be read");
  const NumberTable x = read_dataset(path, file, "X", 2), y = read_dataset(path, file, "y", 1);
  const auto rows = static_cast<std::size_t>(x.extent[0]);
  const auto columns = static_cast<std::size_t>(x.extent[1]);
  if (y.values.size() != rows) {
    malformed(path, "X has " + std::to_string(rows) + " rows, y " +
                        std::to_string(y.values.size()) + " labels");
  }
  std::vector<std::string> examples;
  for (std::size_t i = 0; i < rows; ++i) {
    const std::string where = path + ", row " + std::to_string(i + 1);
    std::vector<double> row;
    for (std::size_t j = 0; j < columns; ++j) {
      const double value = x.values[i * columns + j];
      if (!is_finite(value)) malformed(where, "has a number that is not finite");
      row.push_back(value + 0.0); // -0 is 0
    }
    examples.push_back(example(where, y.values[i], row));
  }
  return examples;
}

} // namespace

std::string data_file_of(const Settings& settings) {
  const auto data = settings.find("data");
  if (data == settings.end() || data->second.empty()) return "";
  if (data->second.size() != 1) {
    throw UsageError("data: takes one file, not a list of " + std::to_string(data->second.size()));
  }
  if (settings.contains("examples")) {
    throw UsageError("data: 'examples' are given too; leave out one of the two");
  }
  return data->second.front();
}

Settings inline_data(Settings settings) {
  const std::string path = data_file_of(settings);
  if (path.empty()) return settings;
  settings["data"].clear();
  std::error_code status;
  if (std::filesystem::is_directory(path, status) || !std::ifstream(path)) {
    throw FileError("data: the file '" + path + "' " +
                    (std::filesystem::exists(path, status) ? "can't be read" : "does not exist"));
  }
  begin_hdf5();
  settings["examples"] = H5Fis_hdf5(path.c_str()) > 0 ? read_hdf5(path) : read_csv(path);
  return settings;
}

} // namespace sharpsweep
