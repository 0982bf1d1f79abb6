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

static_assert(sizeof(off_t) == 8 && sizeof(std::size_t) == 8, "tables grow beyond 4 GB");

/// A file that no folder names; below 0 when it can't be made.
int open_unnamed(const std::string& folder) {
#ifdef O_TMPFILE
  const int unnamed = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (unnamed >= 0) return unnamed;
#endif
  std::string name = folder + "/sharpsweep.XXXXXX"; // as on some network file systems
  const int named = ::mkostemp(name.data(), O_CLOEXEC);
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

double StateTable::file_bytes(double cells, std::size_t parameters) {
  const double bytes = cells * state_bytes(parameters);
  return bytes > static_cast<double>(kMostInMemory) ? bytes : 0;
}

StateTable::Descriptor::~Descriptor() { ::close(number); }

StateTable::StateTable(std::size_t rows, std::size_t cells_per_row, std::size_t parameters,
                       std::string output)
    : rows_(rows), cells_per_row_(cells_per_row), parameters_(parameters),
      row_bytes_(static_cast<std::size_t>(state_bytes(parameters)) * cells_per_row),
      output_(std::move(output)) {}

void StateTable::fail(const char* what) const {
  // No FileError, which may mean a damaged part: this one ends a run.
  throw Error(ExitCode::file, "'" + output_ +
                                  "' can't be written: the temporary file in its folder "
                                  "can't be " +
                                  what + ": " + std::strerror(errno));
}

void StateTable::make() {
  if (output_.empty() ||
      file_bytes(static_cast<double>(rows_ * cells_per_row_), parameters_) == 0) {
    memory_.resize(rows_ * row_bytes_);
    return;
  }
  auto file = std::make_unique<Descriptor>(open_unnamed(folder_of(output_)));
  if (file->number < 0) fail("made");
  if (::ftruncate(file->number, static_cast<off_t>(rows_ * row_bytes_)) != 0) fail("made");
  file_ = std::move(file);
}

void StateTable::load(std::size_t row, CellStates& cells) const {
  if (!file_ && memory_.empty()) {
    cells = CellStates(cells_per_row_, parameters_);
    return;
  }
  cells.parameters = parameters_;
  cells.resize(cells_per_row_);
  const std::size_t offset = row * row_bytes_;
  std::vector<std::byte> bytes(file_ ? row_bytes_ : 0);
  if (file_) {
    const bool read = move_all(row_bytes_, [&](std::size_t done, std::size_t rest) {
      return ::pread(file_->number, bytes.data() + done, rest, static_cast<off_t>(offset + done));
    });
    if (!read) fail("read");
  }
  const std::byte* from = file_ ? bytes.data() : memory_.data() + offset;
  for_each_list(cells, [&](void* list, std::size_t size) {
    std::memcpy(list, from, size);
    from += size;
  });
}

void StateTable::store(std::size_t row, const CellStates& cells) {
  if (!file_ && memory_.empty()) make();
  const std::size_t offset = row * row_bytes_;
  std::vector<std::byte> bytes(file_ ? row_bytes_ : 0);
  std::byte* to = file_ ? bytes.data() : memory_.data() + offset;
  for_each_list(cells, [&](const void* list, std::size_t size) {
    std::memcpy(to, list, size);
    to += size;
  });
  if (!file_) return;
  const bool written = move_all(row_bytes_, [&](std::size_t done, std::size_t rest) {
    return ::pwrite(file_->number, bytes.data() + done, rest, static_cast<off_t>(offset + done));
  });
  if (!written) fail("written");
}

} // namespace sharpsweep
