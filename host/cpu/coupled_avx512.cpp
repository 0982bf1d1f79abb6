#include "host/cpu/coupled_impl.hpp"
#include "sharpsweep/numerics/simd_avx512.hpp"

namespace sharpsweep::cpu {

constinit const CoupledKernels kAvx512CoupledKernels =
    make_coupled_kernels<Pack<avx512::F32, 2>, Pack<avx512::F64, 2>, Pack<avx512::F32, 4>,
                         Pack<avx512::F64, 4>>("avx512");

} // namespace sharpsweep::cpu
