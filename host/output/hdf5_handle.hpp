/// \file
/// RAII for HDF5 identifiers, and the check that every HDF5 call goes through.
#pragma once

#include <hdf5.h>

#include <string>
#include <utility>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {

/// Call before any other HDF5 function. Our sentence is the one that is read, not HDF5's stack of
/// errors; and its own tidying at exit is off, because it crashes after a write that failed
/// (1.10.8).
inline void begin_hdf5() {
  H5dont_atexit();
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

/// Owns one HDF5 identifier. `close()` reports failure; the destructor closes quietly.
class H5Handle {
public:
  using Closer = herr_t (*)(hid_t);
  H5Handle() = default;
  H5Handle(hid_t id, Closer closer, const std::string& what) : id_(id), closer_(closer) {
    if (id < 0) throw FileError(what);
  }
  H5Handle(H5Handle&& other) noexcept
      : id_(std::exchange(other.id_, H5I_INVALID_HID)), closer_(other.closer_) {}
  H5Handle& operator=(H5Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    return *this;
  }
  H5Handle(const H5Handle&) = delete;
  H5Handle& operator=(const H5Handle&) = delete;
  ~H5Handle() {
    if (id_ >= 0) closer_(id_);
  }
  operator hid_t() const { return id_; }
  /// Closes now. Throws FileError(what) when that fails.
  void close(const std::string& what) {
    if (id_ >= 0 && closer_(std::exchange(id_, H5I_INVALID_HID)) < 0) throw FileError(what);
  }

private:
  hid_t id_ = H5I_INVALID_HID;
  Closer closer_ = nullptr;
};

/// Throws FileError(what) for a negative HDF5 return value.
template <class Status>
Status h5_check(Status status, const std::string& what) {
  if (status < 0) throw FileError(what);
  return status;
}

} // namespace sharpsweep
