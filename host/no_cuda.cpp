#include "host/backend.hpp"
#include "sharpsweep/sweep/errors.hpp"

std::unique_ptr<sharpsweep::Backend> sharpsweep::make_cuda_backend() {
  throw DeviceError("this build has no CUDA backend (nvcc was not found)");
}
