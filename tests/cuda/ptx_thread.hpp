/// \file
/// What a translated kernel (ptx_to_cpp.py) knows of its place in the grid, and its table's
/// entries.
#pragma once

#include <barrier>
#include <cstddef>
#include <cstdint>

/// What the threads of a block share.
struct PtxBlock {
  explicit PtxBlock(unsigned threads) : barrier(threads) {}
  std::barrier<> barrier;
  alignas(16) unsigned char shared[16384];
};

struct PtxThread {
  std::uint32_t tid, ctaid_x, ctaid_y, ntid;
  PtxBlock* block =
      nullptr; ///< for kernels that meet a barrier, each of whose threads runs in its own
};
/// \param parameters  the addresses of the kernel's parameters
using PtxKernel = void (*)(const void* const* parameters, PtxThread thread);

/// A row of a translated file's table, whose last one has no name.
struct PtxEntry {
  const char* name;
  PtxKernel kernel;
  std::size_t parameter_bytes[8];
};
