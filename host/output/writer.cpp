#include "host/output/writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <hdf5_hl.h>

#include "host/output/hdf5_handle.hpp"
#include "sharpsweep/numerics/arithmetic.hpp"

namespace sharpsweep {
namespace {

/// Values per chunk, about half a megabyte: what readers and compression like.
constexpr hsize_t kChunkValues = 65536;
/// netCDF finds variables in the order in which they were made, and can append only then.
constexpr unsigned kCreationOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
constexpr unsigned kDeflateLevel = 1; // level 4 gains nothing on these numbers

struct StoredType {
  hid_t file;
  hid_t memory;
};
StoredType stored_type(const Values& values) {
  switch (values.index()) {
  case 0:
    return {H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE};
  case 1:
    return {H5T_STD_I64LE, H5T_NATIVE_INT64};
  default:
    return {H5T_STD_U8LE, H5T_NATIVE_UINT8};
  }
}

class FileWriter {
public:
  FileWriter(const std::string& path, const std::string& shown_path, const std::atomic<bool>& stop)
      : stop_(stop),
        what_("'" + shown_path + "' can't be written: HDF5 failed, as on a full disk") {
    const H5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, what_);
    check(H5Pset_link_creation_order(creation, kCreationOrder));
    check(H5Pset_attr_creation_order(creation, kCreationOrder));
    // Object times would make the bytes of two equal runs differ.
    check(H5Pset_obj_track_times(creation, false));
    file_ =
        H5Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT), H5Fclose, what_);
  }

  void write(const Dataset& dataset) {
    put_group(file_, dataset);
    check(H5Fflush(file_, H5F_SCOPE_GLOBAL));
    file_.close(what_);
  }

private:
  template <class Status>
  void check(Status status) const {
    h5_check(status, what_);
  }

  void put_group(hid_t where, const Dataset& dataset) {
    for (const Attribute& attribute : dataset.attributes) put_attribute(where, attribute, nullptr);
    std::vector<H5Handle> scales;
    for (const Variable& coordinate : dataset.coordinates) {
      H5Handle id = put_variable(where, dataset, coordinate);
      check(H5DSset_scale(id, coordinate.name.c_str()));
      scales.push_back(std::move(id));
    }
    for (const Variable& variable : dataset.variables) {
      stop_if_asked(stop_);
      H5Handle id = put_variable(where, dataset, variable);
      for (unsigned axis = 0; axis < variable.dimensions.size(); ++axis) {
        check(H5DSattach_scale(id, scale_of(dataset, scales, variable.dimensions[axis]), axis));
      }
      id.close(what_);
    }
    for (H5Handle& scale : scales) scale.close(what_);
    for (const auto& [name, group] : dataset.groups) {
      const H5Handle creation(H5Pcreate(H5P_GROUP_CREATE), H5Pclose, what_);
      check(H5Pset_link_creation_order(creation, kCreationOrder));
      check(H5Pset_attr_creation_order(creation, kCreationOrder));
      check(H5Pset_obj_track_times(creation, false));
      H5Handle inner(H5Gcreate2(where, name.c_str(), H5P_DEFAULT, creation, H5P_DEFAULT), H5Gclose,
                     what_);
      put_group(inner, group);
      inner.close(what_);
    }
  }

  static hid_t scale_of(const Dataset& dataset, const std::vector<H5Handle>& scales,
                        const std::string& dimension) {
    for (std::size_t i = 0; i < scales.size(); ++i) {
      if (dataset.coordinates[i].name == dimension) return scales[i];
    }
    return H5I_INVALID_HID;
  }

  H5Handle put_variable(hid_t where, const Dataset& dataset, const Variable& variable) {
    std::vector<hsize_t> shape;
    for (const std::string& dimension : variable.dimensions) {
      shape.push_back(dataset.extent(dimension));
    }
    const auto rank = static_cast<int>(shape.size());
    const H5Handle space(H5Screate_simple(rank, shape.data(), nullptr), H5Sclose, what_);
    const H5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what_);
    check(H5Pset_attr_creation_order(creation, kCreationOrder));
    check(H5Pset_obj_track_times(creation, false));
    const bool floating = variable.values.index() == 0;
    const double missing = kNone;
    if (floating) check(H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &missing));
    hsize_t values = 1;
    for (const hsize_t extent : shape) values *= extent;
    if (values > 512) {
      std::vector<hsize_t> chunk = shape;
      for (std::size_t axis = 0; axis < chunk.size() && values > kChunkValues; ++axis) {
        values /= chunk[axis];
        chunk[axis] = std::max<hsize_t>(1, std::min(chunk[axis], kChunkValues / values));
        values *= chunk[axis];
      }
      check(H5Pset_chunk(creation, rank, chunk.data()));
      check(H5Pset_shuffle(creation));
      check(H5Pset_deflate(creation, kDeflateLevel));
      check(H5Pset_fletcher32(creation));
    }
    const StoredType type = stored_type(variable.values);
    H5Handle id(H5Dcreate2(where, variable.name.c_str(), type.file, space, H5P_DEFAULT, creation,
                           H5P_DEFAULT),
                H5Dclose, what_);
    if (variable.pieces.count > 0) {
      put_pieces(id, space, shape, variable.pieces);
    } else {
      check(H5Dwrite(id, type.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                     value_bytes(variable.values).first));
    }
    put_text(id, "units", variable.units);
    put_text(id, "long_name", variable.long_name);
    if (floating && variable.dimensions != std::vector<std::string>{variable.name}) {
      put_numbers(id, "_FillValue", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &missing, 1);
    }
    for (const Attribute& attribute : variable.attributes) put_attribute(id, attribute, &variable);
    return id;
  }

  /// Writes values as they are made, at least a chunk at a time while there are as many.
  void put_pieces(hid_t id, hid_t space, std::vector<hsize_t> extent, const Pieces& pieces) {
    std::vector<hsize_t> start(extent.size(), 0);
    hsize_t row = 1; // values of one place of the first dimension
    for (std::size_t axis = 1; axis < extent.size(); ++axis) row *= extent[axis];
    for (std::size_t next = 0; next < pieces.count;) {
      stop_if_asked(stop_);
      Values values = pieces.make(next++);
      std::visit(
          [&](auto& list) {
            while (list.size() < kChunkValues && next < pieces.count) {
              stop_if_asked(stop_);
              const Values more = pieces.make(next++);
              const auto& tail = std::get<std::decay_t<decltype(list)>>(more);
              list.insert(list.end(), tail.begin(), tail.end());
            }
            extent[0] = list.size() / row;
          },
          values);
      check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start.data(), nullptr, extent.data(),
                                nullptr));
      const H5Handle memory(
          H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose,
          what_);
      check(H5Dwrite(id, stored_type(values).memory, memory, space, H5P_DEFAULT,
                     value_bytes(values).first));
      start[0] += extent[0];
    }
  }

  void put_attribute(hid_t object, const Attribute& attribute, const Variable* owner) {
    const auto& [name, value] = attribute;
    if (const auto* text = std::get_if<std::string>(&value)) {
      put_text(object, name, *text);
      return;
    }
    if (const auto* number = std::get_if<double>(&value)) {
      put_numbers(object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, number, 1);
      return;
    }
    const auto& numbers = std::get<std::vector<std::int64_t>>(value);
    // Flag values have the type of their variable.
    const hid_t type = owner ? stored_type(owner->values).file : H5T_STD_I64LE;
    put_numbers(object, name, type, H5T_NATIVE_INT64, numbers.data(), numbers.size());
  }

  void put_text(hid_t object, const std::string& name, const std::string& text) {
    const H5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, what_);
    check(H5Tset_size(type, H5T_VARIABLE));
    check(H5Tset_cset(type, H5T_CSET_UTF8));
    const H5Handle space(H5Screate(H5S_SCALAR), H5Sclose, what_);
    H5Handle id(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                what_);
    const char* pointer = text.c_str();
    check(H5Awrite(id, type, &pointer));
    id.close(what_);
  }

  void put_numbers(hid_t object, const std::string& name, hid_t file_type, hid_t memory_type,
                   const void* numbers, hsize_t count) {
    const H5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose, what_);
    H5Handle id(H5Acreate2(object, name.c_str(), file_type, space, H5P_DEFAULT, H5P_DEFAULT),
                H5Aclose, what_);
    check(H5Awrite(id, memory_type, numbers));
    id.close(what_);
  }

  const std::atomic<bool>& stop_;
  std::string what_;
  H5Handle file_;
};

} // namespace

void write_hdf5(const std::string& path, const std::string& shown, const Dataset& dataset,
                const std::atomic<bool>& stop) {
  begin_hdf5();
  errno = 0;
  try {
    FileWriter(path, shown, stop).write(dataset);
  } catch (const FileError&) {
    // HDF5 does not say why, but the system call that failed has left its reason.
    if (errno == 0) throw;
    throw FileError("'" + shown + "' can't be written: " + std::strerror(errno));
  }
}

} // namespace sharpsweep
