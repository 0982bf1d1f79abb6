#include "tests/cuda/stand_in.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <utility>

#include "sharpsweep/models/ssam_outcome.hpp"
#include "tests/cuda/ptx_thread.hpp"

namespace sharpsweep::stand_in {
namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "the stand-in for the CUDA runtime: %s\n", what);
  std::abort();
}

struct Array {
  int device;
  std::size_t bytes;
  std::unique_ptr<std::byte[]> memory;
};

struct Work {
  std::function<void()> run;
  bool frees = false;
};

struct Stream {
  int device;
  std::vector<Work> work; ///< what waits, in order
};

struct State {
  std::mutex mutex;
  std::vector<Device> devices;
  std::vector<Usage> usages;
  std::map<const std::byte*, Array> arrays; ///< by address
  std::map<cudaStream_t, std::unique_ptr<Stream>> streams;
  std::map<int, Stream> default_streams;    ///< by device
  std::map<const void*, std::string> names; ///< of kernels, by the host's function
  unsigned wrong_square_roots = 0;
  std::uint64_t calls = 0, errors = 0, fails_from = 0, fails = 0;
};

State& state() {
  static State* const all = new State; // kernels register before main() and leave after it
  return *all;
}

thread_local int current_device = 0;
thread_local cudaError_t last_error = cudaSuccess;

struct Configuration {
  dim3 grid, block;
  std::size_t shared;
  cudaStream_t stream;
};
thread_local Configuration configuration;

cudaError_t failed(cudaError_t status) {
  if (status != cudaSuccess) last_error = status;
  return status;
}

/// Counts a call, and runs it unless it is to fail.
template <class Call>
cudaError_t counted(const Call& call) {
  {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    const std::uint64_t number = all.calls++;
    if (number >= all.fails_from && number - all.fails_from < all.fails) {
      return failed(cudaErrorLaunchFailure);
    }
  }
  const cudaError_t status = failed(call());
  if (status != cudaSuccess) {
    const std::lock_guard lock(state().mutex);
    ++state().errors;
  }
  return status;
}

/// The caller holds the mutex.
Stream& stream_of(cudaStream_t handle) {
  State& all = state();
  if (handle == nullptr) {
    all.default_streams[current_device].device = current_device;
    return all.default_streams[current_device];
  }
  const auto found = all.streams.find(handle);
  require(found != all.streams.end(), "no such stream");
  require(found->second->device == current_device, "the stream is another device's");
  return *found->second;
}

/// Leaves it for whoever waits for the stream.
void put(cudaStream_t handle, std::function<void()> run, bool frees = false) {
  const std::lock_guard lock(state().mutex);
  stream_of(handle).work.push_back({std::move(run), frees});
}

void run_all(const std::vector<Work>& work) {
  for (const Work& each : work) each.run();
}

/// What nobody waits for happens too, in the end.
void settle() {
  std::vector<Work> work;
  {
    const std::lock_guard lock(state().mutex);
    for (auto& [device, stream] : state().default_streams) {
      work.insert(work.end(), stream.work.begin(), stream.work.end());
      stream.work.clear();
    }
  }
  run_all(work);
}

void require_device_memory(const void* address, std::size_t bytes) {
  State& all = state();
  const std::lock_guard lock(all.mutex);
  const auto* const first = static_cast<const std::byte*>(address);
  auto after = all.arrays.upper_bound(first);
  require(after != all.arrays.begin(), "no device memory");
  const Array& array = (--after)->second;
  require(array.device == current_device, "the array is another device's");
  require(first + bytes <= array.memory.get() + array.bytes, "beyond the end of an array");
}

// Kernels.

void run_kernel(const PtxEntry& entry, const Configuration& launch,
                const std::vector<std::vector<std::byte>>& values) {
  std::vector<const void*> parameters;
  for (const auto& value : values) parameters.push_back(value.data());
  const unsigned threads = launch.block.x;
  for (unsigned y = 0; y < launch.grid.y; ++y) {
    for (unsigned x = 0; x < launch.grid.x; ++x) {
      if (launch.shared == 0) {
        for (unsigned t = 0; t < threads; ++t) entry.kernel(parameters.data(), {t, x, y, threads});
        continue;
      }
      require(launch.shared <= sizeof PtxBlock::shared, "more shared memory than a block has");
      PtxBlock block(threads);
      std::vector<std::jthread> all;
      for (unsigned t = 0; t < threads; ++t) {
        all.emplace_back([&, t] { entry.kernel(parameters.data(), {t, x, y, threads, &block}); });
      }
    }
  }
}

template <class T>
T value_of(void** arguments, int index) {
  T value;
  std::memcpy(&value, arguments[index], sizeof value);
  return value;
}

/// Work of the kernels that are not translated; nothing for any other.
std::function<void()> replaced(std::string_view name, void** arguments,
                               const Configuration& launch) {
  const auto is = [&](const char* part) { return name.find(part) != std::string_view::npos; };
  if (is("count_wrong_roots")) {
    auto* const wrong = value_of<unsigned*>(arguments, 1);
    return [=, count = state().wrong_square_roots] { *wrong += count; };
  }
  // Of a sum in two stages the first one finds it all, and the second adds the zeros of the rest.
  const bool whole = is("DeviceReduceSingleTileKernel"), part = is("DeviceReduceKernel");
  if ((whole || part) && is("IsDiverged")) {
    const auto* const outcomes = value_of<const ssam::Outcome*>(arguments, 0);
    auto* const sum = value_of<unsigned long long*>(arguments, 1);
    const auto count = value_of<std::uint64_t>(arguments, 2);
    const std::size_t sums = part ? launch.grid.x : 1;
    require_device_memory(outcomes, count * sizeof *outcomes);
    require_device_memory(sum, sums * sizeof *sum);
    return [=] {
      std::fill_n(sum, sums, 0ull);
      for (std::uint64_t i = 0; i < count; ++i) *sum += outcomes[i].finished ? 0 : 1;
    };
  }
  if (whole) {
    const auto* const values = value_of<const unsigned long long*>(arguments, 0);
    auto* const sum = value_of<unsigned long long*>(arguments, 1);
    const int count = value_of<int>(arguments, 2);
    return [=] {
      *sum = 0;
      for (int i = 0; i < count; ++i) *sum += values[i];
    };
  }
  return {};
}

cudaError_t launch_kernel(const void* function, void** arguments, const Configuration& launch) {
  State& all = state();
  const std::string& name = all.names.at(function);
  require(launch.grid.x > 0 && launch.grid.y > 0 && launch.grid.y <= 65535 && launch.block.x > 0 &&
              launch.block.x <= 1024 && launch.shared <= 48 * 1024,
          "a launch that no GPU takes");
  std::function<void()> work = replaced(name, arguments, launch);
  if (!work) {
    const PtxEntry* const entry =
        kernel_of({launch_f32_kernels, launch_f64_kernels, coupled_f32_kernels, coupled_f64_kernels,
                   batch_kernels},
                  name);
    if (entry == nullptr) {
      std::fprintf(stderr, "not translated: %s\n", name.c_str());
      return cudaErrorInvalidDeviceFunction;
    }
    require(launch.block.x <= entry->most_threads, "more threads than the kernel's launch bounds");
    std::vector<std::vector<std::byte>> values;
    for (int i = 0; entry->parameter_bytes[i] > 0; ++i) {
      const auto* const first = static_cast<const std::byte*>(arguments[i]);
      values.emplace_back(first, first + entry->parameter_bytes[i]);
    }
    work = [=] { run_kernel(*entry, launch, values); };
  }
  put(launch.stream, std::move(work));
  const std::lock_guard lock(all.mutex);
  Usage& usage = all.usages[static_cast<std::size_t>(current_device)];
  ++usage.launches;
  if (name.find("train_slice") != std::string::npos) {
    ++usage.training_launches;
    usage.training_threads += std::uint64_t{launch.grid.x} * launch.grid.y * launch.block.x;
  }
  return cudaSuccess;
}

} // namespace

void set_devices(std::vector<Device> devices) {
  settle();
  State& all = state();
  const std::lock_guard lock(all.mutex);
  require(all.arrays.empty() && all.streams.empty(), "something is still in use");
  all.usages.assign(devices.size(), {});
  all.devices = std::move(devices);
  all.default_streams.clear();
  all.wrong_square_roots = 0;
  all.calls = all.errors = all.fails = 0;
  current_device = 0;
  last_error = cudaSuccess;
}

void set_wrong_square_roots(unsigned count) { state().wrong_square_roots = count; }

Usage usage(int device) {
  settle();
  const std::lock_guard lock(state().mutex);
  return state().usages.at(static_cast<std::size_t>(device));
}

std::uint64_t calls() {
  const std::lock_guard lock(state().mutex);
  return state().calls;
}

std::uint64_t errors() {
  const std::lock_guard lock(state().mutex);
  return state().errors;
}

void fail_calls(std::uint64_t first, std::uint64_t count) {
  const std::lock_guard lock(state().mutex);
  state().fails_from = first;
  state().fails = count;
}

} // namespace sharpsweep::stand_in

// The runtime's functions that the backend, Thrust and CUB call.

using namespace sharpsweep::stand_in;

extern "C" {

void** __cudaRegisterFatBinary(void*) {
  static void* handle = nullptr;
  return &handle;
}
void __cudaRegisterFatBinaryEnd(void**) {}
void __cudaUnregisterFatBinary(void**) {}
void __cudaRegisterVar(void**, char*, char*, const char*, int, std::size_t, int, int) {}
void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*,
                            dim3*, dim3*, int*) {
  state().names[host] = name;
}

unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, std::size_t shared,
                                     cudaStream_t stream) {
  configuration = {grid, block, shared, stream};
  return 0;
}
cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, std::size_t* shared, void* stream) {
  *grid = configuration.grid;
  *block = configuration.block;
  *shared = configuration.shared;
  std::memcpy(stream, &configuration.stream, sizeof configuration.stream);
  return cudaSuccess;
}
cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) {
  std::memcpy(kernel, &function, sizeof function);
  return cudaSuccess;
}
cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void** arguments,
                               std::size_t shared, cudaStream_t stream) {
  return counted([&] {
    const void* function = nullptr;
    std::memcpy(&function, &kernel, sizeof function);
    return launch_kernel(function, arguments, {grid, block, shared, stream});
  });
}

cudaError_t cudaGetDeviceCount(int* count) {
  return counted([&] {
    *count = static_cast<int>(state().devices.size());
    return *count > 0 ? cudaSuccess : cudaErrorNoDevice;
  });
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int id) {
  return counted([&] {
    const Device& device = state().devices.at(static_cast<std::size_t>(id));
    *properties = {};
    std::snprintf(properties->name, sizeof properties->name, "%s", device.name.c_str());
    properties->major = device.major;
    return cudaSuccess;
  });
}
cudaError_t cudaSetDevice(int id) {
  return counted([&] {
    if (id < 0 || id >= static_cast<int>(state().devices.size())) return cudaErrorInvalidDevice;
    current_device = id;
    return cudaSuccess;
  });
}
cudaError_t cudaGetDevice(int* id) {
  return counted([&] {
    *id = current_device;
    return cudaSuccess;
  });
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int id) {
  return counted([&] {
    const Device& device = state().devices.at(static_cast<std::size_t>(id));
    switch (attribute) {
    case cudaDevAttrMultiProcessorCount:
      *value = device.multiprocessors;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = device.major;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = 0;
      return cudaSuccess;
    default:
      return cudaErrorNotSupported;
    }
  });
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  return counted([&] {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    const auto device = static_cast<std::size_t>(current_device);
    *total = all.devices[device].memory;
    *free = *total - all.usages[device].bytes;
    return cudaSuccess;
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* handle, unsigned) {
  return counted([&] {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    auto stream = std::make_unique<Stream>();
    stream->device = current_device;
    *handle = reinterpret_cast<cudaStream_t>(stream.get());
    all.streams[*handle] = std::move(stream);
    Usage& usage = all.usages[static_cast<std::size_t>(current_device)];
    usage.most_streams = std::max(usage.most_streams, ++usage.streams);
    return cudaSuccess;
  });
}
cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  std::vector<Work> work;
  {
    const std::lock_guard lock(state().mutex);
    work.swap(stream_of(handle).work);
  }
  const cudaError_t status = counted([] { return cudaSuccess; });
  // Where it fails, what was to happen does not: its arrays on the host may be gone.
  if (status != cudaSuccess) std::erase_if(work, [](const Work& each) { return !each.frees; });
  run_all(work);
  return status;
}
cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  State& all = state();
  std::vector<Work> work;
  {
    const std::lock_guard lock(all.mutex);
    work.swap(stream_of(handle).work);
    all.streams.erase(handle);
    --all.usages[static_cast<std::size_t>(current_device)].streams;
  }
  run_all(work);
  return cudaSuccess;
}

cudaError_t cudaMallocAsync(void** address, std::size_t bytes, cudaStream_t stream) {
  return counted([&] {
    State& all = state();
    const std::lock_guard lock(all.mutex);
    stream_of(stream);
    const auto device = static_cast<std::size_t>(current_device);
    Usage& usage = all.usages[device];
    if (usage.bytes + bytes > all.devices[device].memory) return cudaErrorMemoryAllocation;
    Array array{current_device, bytes, std::make_unique<std::byte[]>(bytes)};
    std::memset(array.memory.get(), 0xff, bytes);
    *address = array.memory.get();
    all.arrays[array.memory.get()] = std::move(array);
    usage.bytes += bytes;
    usage.most_bytes = std::max(usage.most_bytes, usage.bytes);
    return cudaSuccess;
  });
}
cudaError_t cudaFreeAsync(void* address, cudaStream_t stream) {
  put(
      stream,
      [address, device = current_device] {
        State& all = state();
        const std::lock_guard lock(all.mutex);
        const auto found = all.arrays.find(static_cast<std::byte*>(address));
        require(found != all.arrays.end(), "freed what is no array");
        require(found->second.device == device, "freed another device's array");
        all.usages[static_cast<std::size_t>(device)].bytes -= found->second.bytes;
        all.arrays.erase(found);
      },
      true);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return counted([&] {
    require(kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToHost, "an unusual copy");
    require_device_memory(kind == cudaMemcpyHostToDevice ? to : from, bytes);
    put(stream, [=] { std::memcpy(to, from, bytes); });
    return cudaSuccess;
  });
}
cudaError_t cudaMemsetAsync(void* address, int value, std::size_t bytes, cudaStream_t stream) {
  return counted([&] {
    require_device_memory(address, bytes);
    put(stream, [=] { std::memset(address, value, bytes); });
    return cudaSuccess;
  });
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  return counted([&] {
    *attributes = {};
    attributes->ptxVersion = attributes->binaryVersion = 80;
    attributes->maxThreadsPerBlock = 1024;
    return cudaSuccess;
  });
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* blocks, const void*, int,
                                                                   std::size_t, unsigned) {
  return counted([&] {
    *blocks = 2;
    return cudaSuccess;
  });
}

cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }
cudaError_t cudaPeekAtLastError() { return last_error; }
const char* cudaGetErrorName(cudaError_t) { return "cudaErrorOfTheStandIn"; }
const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory"
         : status == cudaErrorNoDevice       ? "no CUDA-capable device is detected"
                                             : "an error of the stand-in";
}

} // extern "C"
