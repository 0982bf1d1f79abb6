#include <array>
#include <string>

#include "host/cpu/kernels.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep::cpu {

std::span<const Kernels* const> available_kernels() {
  static const auto found = [] {
    std::pair<std::array<const Kernels*, 3>, std::size_t> list{{&kScalarKernels}, 1};
#ifdef SHARPSWEEP_HAVE_X86_KERNELS
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
      list.first[list.second++] = &kAvx2Kernels;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")) {
      list.first[list.second++] = &kAvx512Kernels;
    }
#endif
    return list;
  }();
  return {found.first.data(), found.second};
}

const Kernels& kernels_named(std::string_view name) {
  const auto available = available_kernels();
  if (name.empty()) return *available.back();
  std::string known;
  for (const Kernels* kernels : available) {
    if (kernels->name == name) return *kernels;
    known += " " + std::string(kernels->name);
  }
  throw UsageError("instruction-set: '" + std::string(name) +
                   "' is not one this machine runs:" + known);
}

} // namespace sharpsweep::cpu
