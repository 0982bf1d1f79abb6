#include "host/state_table.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "host/output/output_file.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

/// Moves all bytes by calls that may move fewer; errno is set when it returns false.
template <class Call>
bool move_all(std::size_t bytes, const Call& call) {
  for (std::size_t done = 0; done < bytes;) {
    const ssize_t moved = call(done, bytes - done);
    if (moved < 0 && errno == EINTR) continue;
    if (moved == 0) errno = EIO; // the file is shorter than it was made
    if (moved <= 0) return false;
    done += static_cast<std::size_t>(moved);
  }
  return true;
}

/// A file that no folder names; below 0 when it can't be made.
int open_unnamed(const std::string& folder) {
#ifdef O_TMPFILE
  const int unnamed = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (unnamed >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return unnamed;
#endif
  std::string name = folder + "/sharpsweep.XXXXXX"; // as on some network file systems
  const int named = ::mkstemp(name.data());
  if (named >= 0) ::unlink(name.c_str());
  return named;
}

/// Calls visit(pointer, bytes) for every list of some states.
template <class States, class Visit>
void for_each_list(States& states, Visit visit) {
  const auto list = [&](auto& values) { visit(values.data(), values.size() * sizeof(values[0])); };
  list(states.finished);
  list(states.diverged);
  list(states.survivors);
  list(states.moments);
}

} // namespace

StateTable::Descriptor::~Descriptor() { ::close(number); }

double StateTable::file_bytes(double cells, std::size_t parameters) {
  const double bytes = cells * state_bytes(parameters);
  return bytes > static_cast<double>(kMostInMemory) ? bytes : 0;
}

StateTable::StateTable(std::size_t rows, std::size_t cells_per_row, std::size_t parameters,
                       std::string output)
    : rows_(rows), cells_per_row_(cells_per_row), parameters_(parameters),
      row_bytes_(static_cast<std::size_t>(state_bytes(parameters)) * cells_per_row),
      output_(std::move(output)) {}

void StateTable::fail(const char* what) const {
  throw FileError("'" + output_ + "' " + what + ": " + std::strerror(errno));
}

void StateTable::make() {
  if (output_.empty() || rows_ * row_bytes_ <= kMostInMemory) {
    memory_.resize(rows_ * row_bytes_);
    return;
  }
  const int descriptor = open_unnamed(folder_of(output_));
  if (descriptor < 0) fail("can't be written: no file for states of its cells beside it");
  file_ = std::make_unique<Descriptor>(descriptor);
  if (::ftruncate(descriptor, static_cast<off_t>(rows_ * row_bytes_)) != 0) {
    fail("can't be written: no room for states of its cells beside it");
  }
}

void StateTable::load(std::size_t row, CellStates& cells) const {
  cells.parameters = parameters_;
  cells.resize(cells_per_row_);
  std::size_t offset = row * row_bytes_;
  for_each_list(cells, [&](void* list, std::size_t bytes) {
    auto* to = static_cast<std::byte*>(list);
    if (file_) {
      const bool read = move_all(bytes, [&](std::size_t done, std::size_t rest) {
        return ::pread(file_->number, to + done, rest, static_cast<off_t>(offset + done));
      });
      if (!read) fail("can't be written: states of its cells beside it can't be read");
    } else if (memory_.empty()) {
      std::memset(to, 0, bytes);
    } else {
      std::memcpy(to, memory_.data() + offset, bytes);
    }
    offset += bytes;
  });
}

void StateTable::store(std::size_t row, const CellStates& cells) {
  if (!file_ && memory_.empty()) make();
  std::size_t offset = row * row_bytes_;
  for_each_list(cells, [&](const void* list, std::size_t bytes) {
    const auto* from = static_cast<const std::byte*>(list);
    if (file_) {
      const bool written = move_all(bytes, [&](std::size_t done, std::size_t rest) {
        return ::pwrite(file_->number, from + done, rest, static_cast<off_t>(offset + done));
      });
      if (!written) fail("can't be written");
    } else {
      std::memcpy(memory_.data() + offset, from, bytes);
    }
    offset += bytes;
  });
}

} // namespace sharpsweep
