/// \file
/// The changes that are made through HDF5: types, shapes, attributes and links that no file of ours
/// has. What HDF5 itself refuses is left out.
#include <hdf5.h>
#include <hdf5_hl.h>

#include <array>

#include "host/output/hdf5_handle.hpp"
#include "tests/fuzz/recipe.hpp"

namespace sharpsweep::fuzz {
namespace {

/// An identifier that may be none.
class Id {
public:
  Id(hid_t id, H5Handle::Closer closer) : id_(id), closer_(closer) {}
  Id(Id&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  Id(const Id&) = delete;
  Id& operator=(const Id&) = delete;
  ~Id() {
    if (id_ >= 0) closer_(id_);
  }
  operator hid_t() const { return id_; }

private:
  hid_t id_;
  H5Handle::Closer closer_;
};

/// Where a step takes place: the root, or a group of units.
Id place_of(hid_t file, const Step& step) {
  const char* const kNames[] = {"/", "/units", "/units_1", "/units/deeper"};
  Id group(H5Gopen2(file, kNames[step.where % 4], H5P_DEFAULT), H5Gclose);
  if (group >= 0) return group;
  return {H5Gopen2(file, "/", H5P_DEFAULT), H5Gclose};
}

/// The name of a link there.
std::string name_of(hid_t group, std::uint8_t which) {
  H5G_info_t info{};
  if (H5Gget_info(group, &info) < 0 || info.nlinks == 0) return word_of(which);
  char name[64] = "";
  if (H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, which % info.nlinks, name,
                         sizeof name, H5P_DEFAULT) < 0) {
    return word_of(which);
  }
  return name;
}

Id copied(hid_t type) { return {H5Tcopy(type), H5Tclose}; }

Id text_type(std::size_t size, H5T_str_t end) {
  Id type = copied(H5T_C_S1);
  H5Tset_size(type, size);
  H5Tset_strpad(type, end);
  return type;
}

/// Types that HDF5 has, and a file of ours mostly not.
Id type_of(std::uint8_t how) {
  const hid_t kPlain[] = {H5T_IEEE_F64LE,    H5T_IEEE_F32BE, H5T_STD_I64LE,   H5T_STD_U64BE,
                          H5T_STD_I32LE,     H5T_STD_U8LE,   H5T_STD_I8LE,    H5T_STD_I16BE,
                          H5T_STD_B64LE,     H5T_STD_B8LE,   H5T_STD_REF_OBJ, H5T_STD_REF_DSETREG,
                          H5T_NATIVE_LDOUBLE};
  constexpr std::size_t kPlains = std::size(kPlain);
  const std::size_t i = how % (kPlains + 12);
  if (i < kPlains) return copied(kPlain[i]);
  const hsize_t three = 3;
  switch (i - kPlains) {
  case 0:
    return text_type(H5T_VARIABLE, H5T_STR_NULLTERM);
  case 1:
    return text_type(16, H5T_STR_NULLTERM);
  case 2:
    return text_type(1, H5T_STR_SPACEPAD);
  case 3:
    return {H5Tvlen_create(H5T_STD_REF_OBJ), H5Tclose};
  case 4:
    return {H5Tvlen_create(H5T_STD_U8LE), H5Tclose};
  case 5:
    return {H5Tarray_create2(H5T_STD_I64LE, 1, &three), H5Tclose};
  case 6:
    return {H5Tcreate(H5T_OPAQUE, 5), H5Tclose};
  case 7: {
    Id type(H5Tcreate(H5T_COMPOUND, 16), H5Tclose);
    H5Tinsert(type, "dataset", 0, H5T_STD_REF_OBJ);
    H5Tinsert(type, "dimension", 8, H5T_STD_I32LE);
    return type;
  }
  case 8: {
    Id type(H5Tenum_create(H5T_STD_I8LE), H5Tclose);
    const std::int8_t one = 1;
    H5Tenum_insert(type, "one", &one);
    return type;
  }
  case 9: { // an integer of 3 bits somewhere in 16 bytes
    Id type = copied(H5T_STD_U64LE);
    H5Tset_size(type, 16);
    H5Tset_precision(type, 3);
    H5Tset_offset(type, 7);
    return type;
  }
  case 10: { // half precision
    Id type = copied(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_precision(type, 16);
    H5Tset_ebias(type, 15);
    H5Tset_size(type, 2);
    return type;
  }
  default:
    return text_type(1000, H5T_STR_NULLPAD);
  }
}

/// Spaces from none at all to far beyond any memory.
Id space_of(std::uint32_t number) {
  if (number % 8 == 0) return {H5Screate(H5S_SCALAR), H5Sclose};
  if (number % 64 == 1) return {H5Screate(H5S_NULL), H5Sclose};
  const auto rank = static_cast<int>(number % 64 == 2 ? 32 : number % 8 == 3 ? 9 : number % 8);
  constexpr std::array<hsize_t, 16> kExtents = {
      1, 2, 1, 3, 4, 6, 1, 2, 16, 64, 1, 0, 2, 1u << 20, hsize_t{1} << 33, hsize_t{1} << 61};
  std::array<hsize_t, 32> shape{};
  for (std::size_t i = 0; i < shape.size(); ++i) {
    shape[i] = kExtents[number >> (6 + 4 * (i % 6)) & 15];
  }
  return {H5Screate_simple(rank, shape.data(), nullptr), H5Sclose};
}

/// Something to write for any type: what holds pointers, points to something.
class Payload {
public:
  Payload(hid_t group, hid_t type, std::size_t count, std::uint32_t number)
      : bytes_(count * H5Tget_size(type)) {
    for (std::size_t i = 0; i < bytes_.size(); ++i) {
      bytes_[i] = static_cast<unsigned char>(number >> 8 * (i % 4));
    }
    const std::string target = name_of(group, static_cast<std::uint8_t>(number >> 8));
    const char* const kTargets[] = {target.c_str(), "/", "/units", "/eta"};
    // A reference to nothing, or to an object of the file; one that is unlinked afterwards, maybe.
    H5Rcreate(&reference_, group, kTargets[number % 4], H5R_OBJECT, -1);
    const H5T_class_t kind = H5Tget_class(type);
    const bool of_text = kind == H5T_STRING;
    for (std::size_t i = 0; i < count; ++i) {
      unsigned char* at = bytes_.data() + i * H5Tget_size(type);
      if (kind == H5T_VLEN) {
        const hvl_t list{number % 3, number % 2 ? &reference_ : static_cast<void*>(twice_)};
        std::memcpy(at, &list, sizeof list);
        if (number % 2 && list.len > 1) std::memset(at, 0, sizeof(std::size_t));
      } else if (kind == H5T_REFERENCE) {
        std::memset(at, 0, H5Tget_size(type));
        if (H5Tequal(type, H5T_STD_REF_OBJ) > 0) std::memcpy(at, &reference_, sizeof reference_);
      } else if (kind == H5T_COMPOUND) {
        std::memset(at, 0, H5Tget_size(type));
      } else if (of_text && H5Tis_variable_str(type) > 0) {
        text_ = word_of(static_cast<std::uint8_t>(number >> 8));
        const char* pointer = text_.c_str();
        std::memcpy(at, &pointer, sizeof pointer);
      } else if (of_text && H5Tget_size(type) == 16) {
        std::memcpy(at, "DIMENSION_SCALE", 16);
      }
    }
    twice_[0] = twice_[1] = reference_;
  }
  const void* data() const { return bytes_.data(); }

private:
  std::vector<unsigned char> bytes_;
  hobj_ref_t reference_ = 0;
  hobj_ref_t twice_[2] = {0, 0};
  std::string text_;
};

constexpr hssize_t kMostWritten = 4096;

void put_dataset(hid_t group, const std::string& name, const Step& step) {
  const Id type = type_of(step.how);
  const Id space = space_of(step.number);
  const Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (points > kMostWritten) H5Pset_alloc_time(creation, H5D_ALLOC_TIME_LATE);
  const Id id(H5Dcreate2(group, name.c_str(), type, space, H5P_DEFAULT, creation, H5P_DEFAULT),
              H5Dclose);
  if (id < 0) return;
  if (points > 0 && points <= kMostWritten) {
    const Payload payload(group, type, static_cast<std::size_t>(points), step.number);
    H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, payload.data());
  }
  // With scales, as every variable of ours has them.
  const int rank = H5Sget_simple_extent_ndims(space);
  for (int axis = 0; axis < rank && step.number >> 31 == 0; ++axis) {
    const std::string scale_name = name_of(group, static_cast<std::uint8_t>(step.which + axis));
    const Id scale(H5Dopen2(group, scale_name.c_str(), H5P_DEFAULT), H5Dclose);
    if (scale >= 0) H5DSattach_scale(id, scale, static_cast<unsigned>(axis));
  }
}

/// Datasets whose values are elsewhere, or in chunks far larger than themselves.
void put_odd_dataset(hid_t group, const std::string& name, const Step& step) {
  const hsize_t extent = step.number % 8 + 1, unlimited = H5S_UNLIMITED, chunk = 1u << 20;
  const Id space(H5Screate_simple(1, &extent, step.how % 4 == 0 ? &unlimited : nullptr), H5Sclose);
  const Id creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_attr_creation_order(creation, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
  if (step.how % 4 == 0) {
    H5Pset_chunk(creation, 1, &chunk);
    H5Pset_deflate(creation, 1);
    H5Pset_deflate(creation, 1);
  } else if (step.how % 4 == 1) {
    H5Pset_external(creation, "in.h5", 0, H5F_UNLIMITED);
  } else {
    H5Pset_virtual(creation, space, step.how % 4 == 2 ? "in.h5" : ".", "/eta", space);
  }
  const Id id(
      H5Dcreate2(group, name.c_str(), H5T_IEEE_F64LE, space, H5P_DEFAULT, creation, H5P_DEFAULT),
      H5Dclose);
  const double values[8] = {};
  if (id < 0) return;
  if (step.how % 4 == 0) H5Dwrite(id, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5DSset_scale(id, name.c_str());
}

void put_attribute(hid_t object, hid_t group, const std::string& name, const Step& step) {
  const Id type = type_of(step.how);
  const Id space = space_of(step.number);
  const hssize_t points = H5Sget_simple_extent_npoints(space);
  if (points > kMostWritten) return; // an attribute is always all there
  H5Adelete(object, name.c_str());
  const Id id(H5Acreate2(object, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (id < 0 || points <= 0) return;
  const Payload payload(group, type, static_cast<std::size_t>(points), step.number);
  H5Awrite(id, type, payload.data());
}

void change(hid_t file, const Step& step) {
  const Id group = place_of(file, step);
  const std::string name = name_of(group, step.which);
  const std::string word = word_of(step.how);
  switch (step.what % 16) {
  case 0:
  case 1:
  case 2: // a dataset of the same name, of another type and shape
    H5Ldelete(group, name.c_str(), H5P_DEFAULT);
    put_dataset(group, name, step);
    return;
  case 3:
    put_odd_dataset(group, word_of(step.which), step);
    return;
  case 4:
  case 5:
  case 6: { // an attribute of an object, the ones that dimension scales live on above all
    const Id object(H5Oopen(group, name.c_str(), H5P_DEFAULT), H5Oclose);
    const char* const kReserved[] = {"CLASS", "DIMENSION_LIST", "NAME", "REFERENCE_LIST"};
    const std::string attribute = step.what % 16 == 6
                                      ? word_of(static_cast<std::uint8_t>(step.number >> 16))
                                      : kReserved[step.number >> 5 & 3];
    if (object >= 0) put_attribute(object, group, attribute, step);
    return;
  }
  case 7: // an attribute of a group
    put_attribute(group, group, word_of(static_cast<std::uint8_t>(step.which)), step);
    return;
  case 8: // one object under many names; a group within itself
    for (std::uint32_t i = 0; i <= step.number / 256 % 64; ++i) {
      const std::string more = i == 0 ? word : word + std::to_string(i);
      H5Lcreate_hard(group, step.number % 2 ? name.c_str() : "/", group, more.c_str(), H5P_DEFAULT,
                     H5P_DEFAULT);
    }
    return;
  case 9:
    H5Ldelete(group, word.c_str(), H5P_DEFAULT);
    if (step.number % 4 == 3) {
      H5Lcreate_external("in.h5", "/units", group, word.c_str(), H5P_DEFAULT, H5P_DEFAULT);
      return;
    }
    H5Lcreate_soft(step.number % 2 ? name.c_str() : word.c_str(), group, word.c_str(), H5P_DEFAULT,
                   H5P_DEFAULT);
    return;
  case 10:
    H5Ldelete(group, name.c_str(), H5P_DEFAULT);
    return;
  case 11: { // a group without an order, with groups within
    const Id inner(H5Gcreate2(group, word.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                   H5Gclose);
    hid_t outer = inner;
    std::vector<Id> levels;
    for (std::uint32_t i = 0; i < step.number % 64 && outer >= 0; ++i) {
      levels.emplace_back(H5Gcreate2(outer, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
      outer = levels.back();
    }
    return;
  }
  case 12: {
    const Id id(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (id >= 0) H5DSset_scale(id, word.c_str());
    return;
  }
  case 13: { // one scale more, or less, for an axis
    const Id id(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose);
    const Id scale(H5Dopen2(group, word.c_str(), H5P_DEFAULT), H5Dclose);
    if (id < 0 || scale < 0) return;
    (step.number % 2 ? H5DSattach_scale : H5DSdetach_scale)(id, scale, step.number / 2 % 5);
    return;
  }
  case 14: {
    const Id type = type_of(step.which);
    H5Tcommit2(group, word.c_str(), type, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    return;
  }
  default:
    H5Lmove(group, name.c_str(), group, word.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  }
}

} // namespace

void change_hdf5(const std::string& path, const Recipe& recipe) {
  begin_hdf5();
  const Id file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
  if (file < 0) return;
  for (const Step& step : recipe.steps) {
    if (step.what >= kFileSteps) change(file, step);
  }
}

void put_digest(const std::string& path, const std::string& digest) {
  const Id file(H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT), H5Fclose);
  if (file < 0) return;
  H5Adelete(file, "digest");
  const Id type = text_type(H5T_VARIABLE, H5T_STR_NULLTERM);
  const Id space(H5Screate(H5S_SCALAR), H5Sclose);
  const Id id(H5Acreate2(file, "digest", type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const char* pointer = digest.c_str();
  if (id >= 0) H5Awrite(id, type, &pointer);
}

} // namespace sharpsweep::fuzz
