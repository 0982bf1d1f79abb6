#include "host/cpu/kernels_impl.hpp"
#include "sharpsweep/numerics/simd_avx512.hpp"

namespace sharpsweep::cpu {
namespace {
// Of its own and never inlined: the register allocator then serves Philox alone.
__attribute__((noinline)) void fill(const NoiseAddress& address, std::uint64_t first_block,
                                    int blocks, float* z) {
  fill_normals<avx512::Simd, 2>(address, first_block, blocks, z);
}
} // namespace

constinit const Kernels kAvx512Kernels =
    make_kernels<avx512::F32, avx512::F64, 32>("avx512", &fill);

} // namespace sharpsweep::cpu
