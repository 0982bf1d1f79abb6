#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>

#include "host/command_line.hpp"

using namespace sharpsweep;

int main(int argc, char** argv) {
  // Beyond a limit on file sizes a write is then an error like any other, reported and cleaned up.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const ExitCode code = parse_command_line({argv, argv + argc})();
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
      throw FileError("standard output can't be written");
    }
    return static_cast<int>(code);
  } catch (const Error& error) {
    std::fprintf(stderr, "sharpsweep: %s\n", error.what());
    return static_cast<int>(error.exit_code);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "sharpsweep: out of memory; 'sharpsweep plan' says what a sweep needs\n");
    return static_cast<int>(ExitCode::usage);
  } catch (const std::filesystem::filesystem_error& error) {
    std::fprintf(stderr, "sharpsweep: %s\n", error.what());
    return static_cast<int>(ExitCode::file);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sharpsweep: %s\n", error.what());
    return static_cast<int>(ExitCode::device);
  }
}
