#include "kernels/launch_impl.cuh"

namespace sharpsweep::cuda {

template std::span<const int> bundle_sizes<float>(int);
template cudaError_t launch<float>(const Slice<float>&, int, int, std::uint32_t, cudaStream_t);

} // namespace sharpsweep::cuda
