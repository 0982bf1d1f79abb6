#include "kernels/launch_impl.cuh"

namespace sharpsweep::cuda {

template std::span<const int> bundle_sizes<double>(int);
template cudaError_t launch<double>(const Slice<double>&, int, int, std::uint32_t, cudaStream_t);

} // namespace sharpsweep::cuda
