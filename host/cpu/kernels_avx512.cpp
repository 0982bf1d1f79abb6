#include "host/cpu/kernels_impl.hpp"
#include "sharpsweep/numerics/simd_avx512.hpp"

namespace sharpsweep::cpu {

constinit const Kernels kAvx512Kernels =
    make_kernels<avx512::F32, avx512::F64, 8>("avx512", &fill_normals_avx512);

} // namespace sharpsweep::cpu
