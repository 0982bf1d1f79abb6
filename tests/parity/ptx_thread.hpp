/// \file
/// What a translated kernel (ptx_to_cpp.py) knows of its place in the grid.
#pragma once

#include <cstdint>

struct PtxThread {
  std::uint32_t tid, ctaid_x, ctaid_y, ntid;
};
using PtxKernel = void (*)(const void* parameters, PtxThread thread);
