/// \file
/// RAII for CUDA resources, and the check that every CUDA call goes through.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep::cuda {

/// Throws DeviceError naming what failed and why.
inline void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  cudaGetLastError(); // the error is reported here and must not surface again
  throw DeviceError(std::string("the GPU failed to ") + what + ": " + cudaGetErrorString(status));
}

/// An array in device memory, ordered on one stream.
template <class T>
class DeviceArray {
public:
  DeviceArray() = default;
  DeviceArray(std::size_t size, cudaStream_t stream) : size_(size), stream_(stream) {
    if (size_ > 0) check(cudaMallocAsync(&data_, size_ * sizeof(T), stream_), "allocate memory");
  }
  DeviceArray(std::span<const T> values, cudaStream_t stream) : DeviceArray(values.size(), stream) {
    upload(values);
  }
  DeviceArray(DeviceArray&& other) noexcept { swap(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    swap(other);
    return *this;
  }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;
  ~DeviceArray() {
    if (data_) cudaFreeAsync(data_, stream_);
  }

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  void clear() {
    if (size_ > 0) check(cudaMemsetAsync(data_, 0, size_ * sizeof(T), stream_), "clear memory");
  }
  void upload(std::span<const T> values) {
    if (values.empty()) return;
    check(
        cudaMemcpyAsync(data_, values.data(), values.size_bytes(), cudaMemcpyHostToDevice, stream_),
        "receive data");
    // Pageable memory may be reused by the caller as soon as this returns.
    check(cudaStreamSynchronize(stream_), "receive data");
  }
  /// Waits for everything before it on the stream.
  std::vector<T> download() const {
    std::vector<T> values(size_);
    if (size_ == 0) return values;
    check(cudaMemcpyAsync(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost, stream_),
          "send data");
    check(cudaStreamSynchronize(stream_), "finish its work");
    return values;
  }

private:
  void swap(DeviceArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(stream_, other.stream_);
  }
  T* data_ = nullptr;
  std::size_t size_ = 0;
  cudaStream_t stream_ = nullptr;
};

class CudaStream {
public:
  CudaStream() {
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "open a stream");
  }
  CudaStream(const CudaStream&) = delete;
  CudaStream& operator=(const CudaStream&) = delete;
  ~CudaStream() { cudaStreamDestroy(stream_); }
  operator cudaStream_t() const { return stream_; }

private:
  cudaStream_t stream_ = nullptr;
};

} // namespace sharpsweep::cuda
