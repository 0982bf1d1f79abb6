#include "host/cpu/kernels.hpp"
#include "sharpsweep/numerics/simd_avx512.hpp"

namespace sharpsweep::cpu {

void fill_normals_avx512(const NoiseAddress& address, std::uint64_t first_block, int blocks,
                         float* z) {
  fill_normals<avx512::Simd, 2>(address, first_block, blocks, z);
}

} // namespace sharpsweep::cpu
