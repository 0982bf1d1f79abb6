#include "host/cpu/kernels_impl.hpp"
#include "sharpsweep/numerics/simd_avx2.hpp"

namespace sharpsweep::cpu {

constinit const Kernels kAvx2Kernels =
    make_kernels<avx2::F32, avx2::F64, 2>("avx2", &fill_normals_avx2);

} // namespace sharpsweep::cpu
