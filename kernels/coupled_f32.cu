#include "kernels/coupled_impl.cuh"

namespace sharpsweep::cuda {

template <>
cudaError_t launch_coupled<float>(std::size_t model, const CoupledSlice<float>& slice,
                                  cudaStream_t stream) {
  return launch_of(CoupledModels(), model, slice, stream);
}

} // namespace sharpsweep::cuda
