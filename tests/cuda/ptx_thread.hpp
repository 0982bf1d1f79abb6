/// \file
/// What a translated kernel (ptx_to_cpp.py) knows of its place in the grid, and its table's
/// entries.
#pragma once

#include <barrier>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

/// What the threads of a block share.
struct PtxBlock {
  explicit PtxBlock(unsigned threads) : barrier(threads) {}
  std::barrier<> barrier;
  alignas(16) unsigned char shared[16384];
};

struct PtxThread {
  std::uint32_t tid, ctaid_x, ctaid_y, ntid;
  /// For kernels that meet a barrier: each thread of the block then runs in one of its own.
  PtxBlock* block = nullptr;
};
/// \param parameters  the addresses of the kernel's parameters
using PtxKernel = void (*)(const void* const* parameters, PtxThread thread);

/// A row of a translated file's table, whose last one has no name.
struct PtxEntry {
  const char* name; ///< mangled
  PtxKernel kernel;
  unsigned most_threads;          ///< of a block
  std::size_t parameter_bytes[8]; ///< up to a zero
};
extern const PtxEntry launch_f32_kernels[], launch_f64_kernels[], coupled_f32_kernels[],
    coupled_f64_kernels[], batch_kernels[];

/// The row of this name; null: in none of the tables.
inline const PtxEntry* kernel_of(std::initializer_list<const PtxEntry*> tables,
                                 std::string_view name) {
  for (const PtxEntry* row : tables) {
    for (; row->name != nullptr; ++row) {
      if (row->name == name) return row;
    }
  }
  return nullptr;
}
