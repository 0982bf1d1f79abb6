#include "host/output/reader.hpp"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include <hdf5_hl.h>

#include "host/output/checksum.hpp"
#include "host/output/hdf5_handle.hpp"

namespace sharpsweep {
namespace {

/// More dimensions or bytes than any file of ours has: such a file is refused before it is read.
constexpr int kMaxRank = 16;
constexpr int kMaxLevel = 1; ///< of groups below the root
constexpr hsize_t kMaxValues = hsize_t{1} << 36;

class FileReader {
public:
  explicit FileReader(const std::string& path) : what_("'" + path + "' is not a sharpsweep file") {
    std::error_code status;
    if (!std::filesystem::exists(path, status)) {
      throw FileError("'" + path + "' does not exist");
    }
    if (std::filesystem::is_directory(path, status)) {
      throw FileError("'" + path + "' is a folder, not a result file");
    }
    // Before HDF5 sees it: the library can crash on a damaged structure.
    check_checksum(path);
    const std::uintmax_t size = std::filesystem::file_size(path, status);
    if (status) throw FileError("'" + path + "' can't be read: " + status.message());
    budget_ = most_bytes(size);
    begin_hdf5();
    const H5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, what_);
    // Closes what the library itself leaves open where an attribute of its own is not as it wants.
    h5_check(H5Pset_fclose_degree(access, H5F_CLOSE_STRONG), what_);
    file_ = H5Handle(H5Fopen(path.c_str(), H5F_ACC_RDONLY, access), H5Fclose,
                     "'" + path + "' can't be read: it is no complete HDF5 file");
  }

  Dataset read() { return read_group(file_, 0); }
  Dataset read_root_attributes() {
    Dataset dataset;
    read_attributes(file_, dataset.attributes);
    return dataset;
  }

private:
  Dataset read_group(hid_t where, int level) {
    Dataset dataset;
    read_attributes(where, dataset.attributes);
    H5G_info_t group{};
    h5_check(H5Gget_info(where, &group), what_);
    for (hsize_t i = 0; i < group.nlinks; ++i) {
      char name[256];
      h5_check(H5Lget_name_by_idx(where, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, name, sizeof name,
                                  H5P_DEFAULT),
               what_);
      H5L_info_t link{};
      h5_check(H5Lget_info(where, name, &link, H5P_DEFAULT), what_);
      if (link.type != H5L_TYPE_HARD) continue; // the checksum is not of what lies elsewhere
      H5O_info_t object{};
      h5_check(H5Oget_info_by_name2(where, name, &object, H5O_INFO_BASIC, H5P_DEFAULT), what_);
      if (object.type == H5O_TYPE_DATASET) read_variable(where, name, dataset);
      if (object.type == H5O_TYPE_GROUP && level < kMaxLevel) {
        const H5Handle inner(H5Gopen2(where, name, H5P_DEFAULT), H5Gclose, what_);
        dataset.groups.push_back({name, read_group(inner, level + 1)});
      }
    }
    return dataset;
  }

  void read_variable(hid_t where, const std::string& name, Dataset& dataset) {
    const H5Handle id(H5Dopen2(where, name.c_str(), H5P_DEFAULT), H5Dclose, what_);
    require_own_values(id);
    const H5Handle space(H5Dget_space(id), H5Sclose, what_);
    const int rank = h5_check(H5Sget_simple_extent_ndims(space), what_);
    const hssize_t points = H5Sget_simple_extent_npoints(space);
    if (rank > kMaxRank || points < 0 || static_cast<hsize_t>(points) > kMaxValues) {
      throw FileError(what_);
    }
    Variable variable;
    variable.name = name;
    const bool scale = is_scale(id);
    if (scale) {
      variable.dimensions = {name};
    } else {
      require_scale_list(id, rank);
      for (unsigned axis = 0; axis < static_cast<unsigned>(rank); ++axis) {
        h5_check(H5DSiterate_scales(id, axis, nullptr, &add_scale_name, &variable.dimensions),
                 what_);
      }
      if (variable.dimensions.size() != static_cast<std::size_t>(rank)) throw FileError(what_);
    }
    const H5Handle type(H5Dget_type(id), H5Tclose, what_);
    const auto count = static_cast<std::size_t>(points);
    if (H5Tget_class(type) == H5T_FLOAT) {
      variable.values = read_values<double>(id, count, H5T_NATIVE_DOUBLE);
    } else if (H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1) {
      variable.values = read_values<std::uint8_t>(id, count, H5T_NATIVE_UINT8);
    } else if (H5Tget_class(type) == H5T_INTEGER) {
      variable.values = read_values<std::int64_t>(id, count, H5T_NATIVE_INT64);
    } else {
      throw FileError(what_);
    }
    read_attributes(id, variable.attributes);
    take_text(variable.attributes, "units", variable.units);
    take_text(variable.attributes, "long_name", variable.long_name);
    (scale ? dataset.coordinates : dataset.variables).push_back(std::move(variable));
  }

  /// The bytes that so many in the file can become: deflate gains at most 1032 to 1.
  static double most_bytes(std::uintmax_t stored) {
    return 1100.0 * static_cast<double>(stored) + 64;
  }

  /// Throws FileError unless the values are in this file, in chunks no larger than they can be.
  void require_own_values(hid_t id) const {
    const H5Handle creation(H5Dget_create_plist(id), H5Pclose, what_);
    const H5D_layout_t layout = H5Pget_layout(creation);
    if (layout == H5D_VIRTUAL || H5Pget_external_count(creation) != 0) throw FileError(what_);
    const hsize_t stored = H5Dget_storage_size(id);
    if (layout != H5D_CHUNKED || stored == 0) return;
    hsize_t chunk[H5S_MAX_RANK];
    const int rank = h5_check(H5Pget_chunk(creation, H5S_MAX_RANK, chunk), what_);
    const H5Handle type(H5Dget_type(id), H5Tclose, what_);
    auto bytes = static_cast<double>(H5Tget_size(type));
    for (int axis = 0; axis < rank; ++axis) bytes *= static_cast<double>(chunk[axis]);
    if (bytes > most_bytes(stored)) throw FileError(what_ + ", or not a complete one");
  }

  template <class T>
  std::vector<T> read_values(hid_t id, std::size_t count, hid_t memory_type) {
    // A header may promise more than the file can hold, and links the same again and again.
    const double bytes = static_cast<double>(count) * sizeof(T);
    budget_ -= bytes;
    if (bytes > most_bytes(H5Dget_storage_size(id)) || budget_ < 0) {
      throw FileError(what_ + ", or not a complete one");
    }
    std::vector<T> values(count);
    h5_check(H5Dread(id, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()),
             what_ + ", or it is damaged");
    return values;
  }

  /// Whether an attribute holds so many values of a type.
  template <class Fits>
  bool attribute_is(hid_t object, const char* name, hssize_t count, Fits fits) const {
    const H5Handle id(H5Aopen(object, name, H5P_DEFAULT), H5Aclose, what_);
    const H5Handle type(H5Aget_type(id), H5Tclose, what_);
    const H5Handle space(H5Aget_space(id), H5Sclose, what_);
    return H5Sget_simple_extent_npoints(space) == count && fits(type);
  }

  // The library takes the attributes that dimension scales live on to be right, and reads and
  // writes outside its memory where they have another type or length.
  bool is_scale(hid_t id) const {
    const auto is_text = [](hid_t type) {
      return H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
             H5Tget_strpad(type) == H5T_STR_NULLTERM;
    };
    return h5_check(H5Aexists(id, "CLASS"), what_) > 0 && attribute_is(id, "CLASS", 1, is_text) &&
           H5DSis_scale(id) > 0;
  }
  void require_scale_list(hid_t id, int rank) const {
    const auto is_list_of_references = [this](hid_t type) {
      if (H5Tget_class(type) != H5T_VLEN) return false;
      const H5Handle element(H5Tget_super(type), H5Tclose, what_);
      return H5Tequal(element, H5T_STD_REF_OBJ) > 0;
    };
    if (h5_check(H5Aexists(id, "DIMENSION_LIST"), what_) > 0 &&
        !attribute_is(id, "DIMENSION_LIST", rank, is_list_of_references)) {
      throw FileError(what_);
    }
  }

  static herr_t add_scale_name(hid_t, unsigned, hid_t scale, void* list) {
    char name[256] = "";
    const ssize_t size = H5Iget_name(scale, name, sizeof name);
    if (size <= 1) return -1;
    // The last word of the path: a dimension belongs to the group of its variables.
    static_cast<std::vector<std::string>*>(list)->emplace_back(std::strrchr(name, '/') + 1);
    return 0;
  }

  static void take_text(std::vector<Attribute>& attributes, const std::string& name,
                        std::string& text) {
    const auto found = std::find_if(attributes.begin(), attributes.end(),
                                    [&](const Attribute& a) { return a.first == name; });
    if (found == attributes.end()) return;
    if (const auto* value = std::get_if<std::string>(&found->second)) text = *value;
    attributes.erase(found);
  }

  /// Text, integers and single numbers; what netCDF and dimension scales keep of their own is
  /// passed by.
  void read_attributes(hid_t object, std::vector<Attribute>& attributes) {
    H5O_info_t info{};
    h5_check(H5Oget_info2(object, &info, H5O_INFO_NUM_ATTRS), what_);
    for (hsize_t i = 0; i < info.num_attrs; ++i) {
      const H5Handle id(
          H5Aopen_by_idx(object, ".", H5_INDEX_CRT_ORDER, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT),
          H5Aclose, what_);
      char name[256];
      h5_check(H5Aget_name(id, sizeof name, name), what_);
      const H5Handle type(H5Aget_type(id), H5Tclose, what_);
      const H5Handle space(H5Aget_space(id), H5Sclose, what_);
      const hssize_t points = H5Sget_simple_extent_npoints(space);
      if (H5Tis_variable_str(type) > 0 && points == 1) {
        char* text = nullptr;
        h5_check(H5Aread(id, type, &text), what_);
        attributes.emplace_back(name, std::string(text ? text : ""));
        H5free_memory(text);
      } else if (H5Tget_class(type) == H5T_INTEGER && points > 0 && points <= (1 << 24)) {
        std::vector<std::int64_t> numbers(static_cast<std::size_t>(points));
        h5_check(H5Aread(id, H5T_NATIVE_INT64, numbers.data()), what_);
        attributes.emplace_back(name, std::move(numbers));
      } else if (H5Tget_class(type) == H5T_FLOAT && points == 1) {
        double number = 0;
        h5_check(H5Aread(id, H5T_NATIVE_DOUBLE, &number), what_);
        attributes.emplace_back(name, number);
      }
    }
  }

  std::string what_;
  double budget_ = 0; ///< of bytes that may still be read
  H5Handle file_;
};

} // namespace

Dataset read_dataset(const std::string& path) { return FileReader(path).read(); }

Dataset read_root_attributes(const std::string& path) {
  return FileReader(path).read_root_attributes();
}

const std::string& root_text(const Dataset& dataset, const std::string& name,
                             const std::string& path) {
  if (const std::string* text = dataset.text(name)) return *text;
  throw FileError("'" + path + "' has no attribute '" + name + "': it is not a sharpsweep file");
}

} // namespace sharpsweep
