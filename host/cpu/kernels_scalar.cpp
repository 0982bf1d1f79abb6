#include "host/cpu/kernels_impl.hpp"

namespace sharpsweep::cpu {
namespace {
void fill(const NoiseAddress& address, std::uint64_t first_block, int blocks, float* z) {
  fill_normals_scalar(address, first_block, blocks, z);
}
} // namespace

constinit const Kernels kScalarKernels = make_kernels<float, double, 8>("scalar", &fill);

} // namespace sharpsweep::cpu
