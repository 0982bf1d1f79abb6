#include "host/cpu/kernels_impl.hpp"
#include "sharpsweep/numerics/simd_avx2.hpp"

namespace sharpsweep::cpu {
namespace {
// Of its own and never inlined: the register allocator then serves Philox alone.
__attribute__((noinline)) void fill(const NoiseAddress& address, std::uint64_t first_block,
                                    int blocks, float* z) {
  fill_normals<avx2::Simd, 2>(address, first_block, blocks, z);
}
} // namespace

constinit const Kernels kAvx2Kernels = make_kernels<avx2::F32, avx2::F64, 16>("avx2", &fill);

} // namespace sharpsweep::cpu
