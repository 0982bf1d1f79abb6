/// \file
/// The states of a sweep's cells, of every seed block: what grows with the number of seeds though
/// they are reduced. A small table lies in memory, a large one in a file.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "sharpsweep/sweep/results.hpp"

namespace sharpsweep {

/// Rows of cells, read and written as a whole. Several threads may load at the same time.
class StateTable {
public:
  /// A table of more bytes lies in a file, where it is told of one.
  static constexpr std::size_t kMostInMemory = std::size_t{4} << 20;
  /// Bytes of a file that a table of so many cells needs.
  static double file_bytes(double cells, std::size_t parameters);

  /// \param parameters  numbers of an outcome
  /// \param output      the table's file, which has no name and is gone with the process, lies on
  ///                    the disk of this one, and errors name it; empty: all lies in memory
  StateTable(std::size_t rows, std::size_t cells_per_row, std::size_t parameters,
             std::string output);

  std::size_t rows() const { return rows_; }
  std::size_t parameters() const { return parameters_; }

  /// Reads a row; cells that were never stored are zero. Throws Error with ExitCode::file.
  void load(std::size_t row, CellStates& cells) const;
  /// Throws Error with ExitCode::file, as on a full disk.
  void store(std::size_t row, const CellStates& cells);

private:
  struct Descriptor {
    int number;
    explicit Descriptor(int open) : number(open) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor();
  };
  void make();
  [[noreturn]] void fail(const char* what) const;

  std::size_t rows_, cells_per_row_, parameters_, row_bytes_;
  std::string output_;
  std::vector<std::byte> memory_;    ///< empty until something is stored
  std::unique_ptr<Descriptor> file_; ///< the same, for a large table
};

} // namespace sharpsweep
