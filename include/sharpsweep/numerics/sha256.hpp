/// \file
/// SHA-256 (FIPS 180-4): the digest of results and the identity of work units.
///
/// Written here because the GPU acceptance program builds with nvcc alone. Any other tool gives
/// the same digest (`sha256sum`, Python's hashlib).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sharpsweep {

class Sha256 {
public:
  void update(const void* data, std::size_t size);
  void update(std::string_view text) { update(text.data(), text.size()); }

  /// The digest in lower-case hexadecimal. Call once, last.
  std::string hex();

private:
  void compress();

  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  unsigned char buffer_[64] = {};
  std::size_t filled_ = 0;
  std::uint64_t length_ = 0;
};

} // namespace sharpsweep
