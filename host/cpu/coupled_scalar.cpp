#include "host/cpu/coupled_impl.hpp"

namespace sharpsweep::cpu {

constinit const CoupledKernels kScalarCoupledKernels =
    make_coupled_kernels<float, double>("scalar");

} // namespace sharpsweep::cpu
