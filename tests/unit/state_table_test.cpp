#include "host/state_table.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kCells = 64, kParameters = 6;
constexpr std::size_t kLarge = StateTable::kMostInMemory / kCells / (16 + 16 * kParameters) + 1;

/// Numbers that tell row, cell and parameter.
CellStates row_of_states(std::size_t row) {
  CellStates states(kCells, kParameters);
  for (std::size_t i = 0; i < kCells; ++i) {
    states.finished[i] = static_cast<std::uint32_t>(1000 * row + i);
    states.diverged[i] = static_cast<std::uint32_t>(row ^ i);
    states.survivors[i] = ~std::uint64_t{row * kCells + i};
    for (std::size_t x = 0; x < kParameters; ++x) {
      states.moments[i * kParameters + x] = {0.1 * static_cast<double>(row * 100 + x), 1e300};
    }
  }
  return states;
}

class StateTables : public testing::Test {
protected:
  StateTables() : folder_(fs::temp_directory_path() / ("state_table." + std::to_string(getpid()))) {
    fs::create_directory(folder_);
  }
  ~StateTables() override { fs::remove_all(folder_); }
  std::string output() const { return (folder_ / "out.h5").string(); }
  const fs::path folder_;
};

TEST_F(StateTables, RowsComeBackFromMemoryAndFromAFile) {
  for (const std::size_t rows : {std::size_t{7}, kLarge}) {
    for (const std::string& beside : {std::string(), output()}) {
      StateTable table(rows, kCells, kParameters, beside);
      CellStates found(1, 1); // of another size
      table.load(rows - 1, found);
      EXPECT_EQ(found, CellStates(kCells, kParameters)); // nothing was stored yet
      for (std::size_t row = rows; row-- > 1;) table.store(row, row_of_states(row));
      table.store(3, row_of_states(1));
      table.store(3, row_of_states(3)); // again
      for (std::size_t row = 1; row < rows; ++row) {
        table.load(row, found);
        ASSERT_EQ(found, row_of_states(row)) << row;
      }
      table.load(0, found);
      EXPECT_EQ(found, CellStates(kCells, kParameters));
      EXPECT_TRUE(fs::is_empty(folder_)); // the file has no name
    }
  }
}

TEST_F(StateTables, OnlyLargeOnesOfAnOutputNeedAFile) {
  fs::remove(folder_);
  StateTable small(kLarge - 1, kCells, kParameters, output());
  small.store(0, row_of_states(0));
  StateTable alone(kLarge, kCells, kParameters, "");
  alone.store(0, row_of_states(0));
  StateTable large(kLarge, kCells, kParameters, output());
  CellStates row;
  large.load(0, row);
  try {
    large.store(0, row);
    FAIL() << "stored in a folder that is not there";
  } catch (const FileError&) {
    FAIL() << "taken for a damaged part";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code, ExitCode::file);
    EXPECT_EQ(std::string(error.what()).find("'" + output() + "' can't be written: "), 0u);
  }
  EXPECT_EQ(StateTable::file_bytes((kLarge - 1) * kCells, kParameters), 0);
  EXPECT_EQ(StateTable::file_bytes(kLarge * kCells, kParameters), kLarge * kCells * 112);
}

/// Files may have so many bytes and no more, as long as it lives.
class FileLimit {
public:
  explicit FileLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit little{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
  }
  FileLimit(const FileLimit&) = delete;
  FileLimit& operator=(const FileLimit&) = delete;
  ~FileLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST_F(StateTables, ADiskThatEndsIsAnError) {
  StateTable table(kLarge, kCells, kParameters, output());
  table.store(0, row_of_states(0));
  StateTable none(kLarge, kCells, kParameters, output());
  {
    const FileLimit limit(1 << 20);
    table.store(1, row_of_states(1));
    EXPECT_THROW(table.store(kLarge - 1, row_of_states(2)), Error);
    EXPECT_THROW(none.store(0, row_of_states(0)), Error);
    EXPECT_THROW(none.store(0, row_of_states(0)), Error); // no half table stays
  }
  CellStates found;
  none.store(0, row_of_states(7));
  none.load(0, found);
  EXPECT_EQ(found, row_of_states(7));
  table.load(1, found);
  EXPECT_EQ(found, row_of_states(1));
}

} // namespace
} // namespace sharpsweep
