#include "host/output/checksum.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "sharpsweep/numerics/sha256.hpp"
#include "sharpsweep/sweep/errors.hpp"

namespace sharpsweep {
namespace {

constexpr std::string_view kMark = "\nsharpsweep sha256 ";
constexpr std::size_t kHexDigits = 64;
constexpr std::size_t kTrailer = kMark.size() + kHexDigits + 1; // a line feed ends it

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Closer>;

/// The digest of the file's bytes but the last `kept` ones, which it returns through `tail`.
std::string digest_of(std::FILE* file, std::size_t kept, std::string& tail) {
  Sha256 hash;
  std::vector<char> buffer(1u << 20);
  tail.clear();
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), file)) {
    tail.append(buffer.data(), size);
    if (tail.size() > kept) {
      hash.update(tail.data(), tail.size() - kept);
      tail.erase(0, tail.size() - kept);
    }
  }
  return hash.hex();
}

} // namespace

void append_checksum(const std::string& path, const std::string& shown) {
  std::string none;
  std::string digest;
  bool good = false;
  if (const File file{std::fopen(path.c_str(), "rb")}) {
    digest = digest_of(file.get(), 0, none);
    good = std::ferror(file.get()) == 0;
  }
  if (good) {
    const std::string trailer = std::string(kMark) + digest + "\n";
    // Not "a", which would make a file of nothing else if another process has just removed this
    // one.
    std::FILE* file = std::fopen(path.c_str(), "r+b");
    good = file && std::fseek(file, 0, SEEK_END) == 0 &&
           std::fwrite(trailer.data(), 1, trailer.size(), file) == trailer.size();
    if (file) good = std::fclose(file) == 0 && good;
  }
  if (!good) throw FileError("'" + shown + "' can't be written: " + std::strerror(errno));
}

void check_checksum(const std::string& path) {
  const File file{std::fopen(path.c_str(), "rb")};
  if (!file) throw FileError("'" + path + "' can't be read: " + std::strerror(errno));
  std::string tail;
  const std::string digest = digest_of(file.get(), kTrailer, tail);
  if (std::ferror(file.get()) != 0) {
    throw FileError("'" + path + "' can't be read: " + std::strerror(errno));
  }
  if (tail.size() < kTrailer || !tail.starts_with(kMark)) {
    throw FileError("'" + path +
                    "' is no complete sharpsweep file: the checksum that ends it is not there");
  }
  if (tail.substr(kMark.size(), kHexDigits) != digest || tail.back() != '\n') {
    throw FileError("'" + path +
                    "' is damaged or was changed: its checksum is not that of its bytes");
  }
}

} // namespace sharpsweep
