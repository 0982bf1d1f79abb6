#include "host/cpu/coupled_impl.hpp"
#include "sharpsweep/numerics/simd_avx2.hpp"

namespace sharpsweep::cpu {

constinit const CoupledKernels kAvx2CoupledKernels =
    make_coupled_kernels<Pack<avx2::F32, 2>, Pack<avx2::F64, 2>, Pack<avx2::F32, 8>,
                         Pack<avx2::F64, 8>>("avx2");

} // namespace sharpsweep::cpu
