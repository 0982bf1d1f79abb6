#include "host/output/writer.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <limits>

#include <hdf5_hl.h>

#include "host/output/hdf5_handle.hpp"

namespace sharpsweep {
namespace {

namespace fs = std::filesystem;

/// Values per chunk, about half a megabyte: what readers and compression like.
constexpr hsize_t kChunkValues = 65536;
constexpr unsigned kDeflateLevel = 1; // level 4 gains nothing on these numbers

std::string system_reason() { return std::strerror(errno); }

struct StoredType {
  hid_t file;
  hid_t memory;
};
StoredType stored_type(const Variable& variable) {
  switch (variable.values.index()) {
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
  FileWriter(const std::string& path, const std::string& shown_path)
      : what_("'" + shown_path + "' can't be written: HDF5 failed, as on a full disk") {
    const H5Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose, what_);
    // netCDF finds variables in the order in which they were made, and can append only then.
    constexpr unsigned kOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    check(H5Pset_link_creation_order(creation, kOrder));
    check(H5Pset_attr_creation_order(creation, kOrder));
    // Object times would make the bytes of two equal runs differ.
    check(H5Pset_obj_track_times(creation, false));
    file_ =
        H5Handle(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, H5P_DEFAULT), H5Fclose, what_);
  }

  void write(const Dataset& dataset) {
    for (const Attribute& attribute : dataset.attributes) put_attribute(file_, attribute, nullptr);
    std::vector<H5Handle> scales;
    for (const Variable& coordinate : dataset.coordinates) {
      H5Handle id = put_variable(dataset, coordinate);
      check(H5DSset_scale(id, coordinate.name.c_str()));
      scales.push_back(std::move(id));
    }
    for (const Variable& variable : dataset.variables) {
      H5Handle id = put_variable(dataset, variable);
      for (unsigned axis = 0; axis < variable.dimensions.size(); ++axis) {
        check(H5DSattach_scale(id, scale_of(dataset, scales, variable.dimensions[axis]), axis));
      }
      id.close(what_);
    }
    for (H5Handle& scale : scales) scale.close(what_);
    check(H5Fflush(file_, H5F_SCOPE_GLOBAL));
    file_.close(what_);
  }

private:
  template <class Status>
  void check(Status status) const {
    h5_check(status, what_);
  }

  static hid_t scale_of(const Dataset& dataset, const std::vector<H5Handle>& scales,
                        const std::string& dimension) {
    for (std::size_t i = 0; i < scales.size(); ++i) {
      if (dataset.coordinates[i].name == dimension) return scales[i];
    }
    return H5I_INVALID_HID;
  }

  H5Handle put_variable(const Dataset& dataset, const Variable& variable) {
    std::vector<hsize_t> shape;
    for (const std::string& dimension : variable.dimensions) {
      shape.push_back(dataset.extent(dimension));
    }
    const auto rank = static_cast<int>(shape.size());
    const H5Handle space(H5Screate_simple(rank, shape.data(), nullptr), H5Sclose, what_);
    const H5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, what_);
    constexpr unsigned kOrder = H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED;
    check(H5Pset_attr_creation_order(creation, kOrder));
    check(H5Pset_obj_track_times(creation, false));
    const bool floating = variable.values.index() == 0;
    const double missing = std::numeric_limits<double>::quiet_NaN();
    if (floating) check(H5Pset_fill_value(creation, H5T_NATIVE_DOUBLE, &missing));
    if (value_count(variable) > 512) {
      std::vector<hsize_t> chunk = shape;
      hsize_t values = value_count(variable);
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
    const StoredType type = stored_type(variable);
    H5Handle id(H5Dcreate2(file_, variable.name.c_str(), type.file, space, H5P_DEFAULT, creation,
                           H5P_DEFAULT),
                H5Dclose, what_);
    check(H5Dwrite(id, type.memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, value_bytes(variable).first));
    put_text(id, "units", variable.units);
    put_text(id, "long_name", variable.long_name);
    if (floating && variable.dimensions != std::vector<std::string>{variable.name}) {
      put_numbers(id, "_FillValue", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &missing, 1);
    }
    for (const Attribute& attribute : variable.attributes) put_attribute(id, attribute, &variable);
    return id;
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
    const hid_t type = owner ? stored_type(*owner).file : H5T_STD_I64LE;
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

  std::string what_;
  H5Handle file_;
};

void sync(const std::string& path, const std::string& shown) {
  const int descriptor = ::open(path.c_str(), O_RDONLY);
  const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
  const std::string reason = system_reason();
  const bool closed = descriptor < 0 || ::close(descriptor) == 0;
  if (!synced || !closed) throw FileError("'" + shown + "' can't be written: " + reason);
}

} // namespace

OutputFile::OutputFile(std::string path, Overwrite overwrite, double expected_bytes)
    : path_(std::move(path)), overwrite_(overwrite) {
  begin_hdf5();
  const fs::path output(path_);
  std::error_code status;
  if (output.filename().empty() || fs::is_directory(output, status)) {
    throw FileError("'" + path_ + "' is a folder; name the output file in it");
  }
  if (fs::exists(output, status) && !fs::is_regular_file(output, status)) {
    throw FileError("'" + path_ + "' is not a regular file; name another output file");
  }
  // A link that leads nowhere is a name that is taken, too.
  if (overwrite == Overwrite::no && fs::exists(fs::symlink_status(output, status))) {
    throw FileError("'" + path_ + "' exists; give another name or --overwrite");
  }
  const std::string folder = output.has_parent_path() ? output.parent_path().string() : ".";
  if (!fs::is_directory(folder, status)) {
    throw FileError("the folder '" + folder + "' " +
                    (fs::exists(folder, status) ? "is a file" : "does not exist"));
  }
  char host[256] = "host";
  if (::gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "host");
  // A process that was killed may have left a file under the same host and process id.
  int descriptor = -1;
  for (int attempt = 0; attempt < 1000 && descriptor < 0; ++attempt) {
    temporary_ = path_ + "." + host + "." + std::to_string(::getpid()) +
                 (attempt ? "." + std::to_string(attempt) : "") + ".tmp";
    descriptor = ::open(temporary_.c_str(), O_CREAT | O_EXCL | O_WRONLY, 0666);
    if (descriptor < 0 && errno != EEXIST) break;
  }
  if (descriptor < 0) {
    const std::string reason = system_reason();
    temporary_.clear();
    throw FileError("'" + path_ + "' can't be written: " + reason);
  }
  ::close(descriptor);
  struct statvfs disk {};
  if (::statvfs(folder.c_str(), &disk) == 0) {
    const double free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    if (free < expected_bytes) {
      ::unlink(temporary_.c_str());
      char sizes[128];
      std::snprintf(sizes, sizeof sizes, "it needs up to %.3g MB and the disk has %.3g MB free",
                    expected_bytes / 1e6, free / 1e6);
      throw FileError("'" + path_ + "' can't be written: " + sizes);
    }
  }
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::write(const Dataset& dataset) {
  FileWriter(temporary_, path_).write(dataset);
  sync(temporary_, path_);
  if (overwrite_ == Overwrite::yes) {
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      throw FileError("'" + path_ + "' can't be written: " + system_reason());
    }
  } else {
    // link() refuses a name that appeared meanwhile; rename() would silently replace it.
    if (::link(temporary_.c_str(), path_.c_str()) != 0) {
      const bool exists = errno == EEXIST;
      const std::string reason = system_reason();
      if (exists) throw FileError("'" + path_ + "' appeared during the run; nothing was replaced");
      if (::rename(temporary_.c_str(), path_.c_str()) != 0) { // a file system without hard links
        throw FileError("'" + path_ + "' can't be written: " + reason);
      }
    } else {
      ::unlink(temporary_.c_str());
    }
  }
  temporary_.clear();
  // The file is complete; syncing its name may be impossible (no right to read the folder, a
  // network file system) and is no failure of the run.
  const fs::path output(path_);
  const std::string folder = output.has_parent_path() ? output.parent_path().string() : ".";
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (descriptor >= 0) {
    ::fsync(descriptor);
    ::close(descriptor);
  }
}

} // namespace sharpsweep
