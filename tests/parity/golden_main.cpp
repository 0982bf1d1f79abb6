// The golden digests on the CPU backend, without any test library: what compilers.sh builds with
// several compilers and optimisation levels. Prints one line per instruction set and one for the
// theory; exit 1 if a digest differs. With the argument "few" depths 10 to 15 are left out: from 9
// to 16 the depth is a number in one and the same code.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "host/cpu/kernels.hpp"
#include "tests/parity/coupled_cases.hpp"

int main(int argc, char** argv) {
  using namespace sharpsweep;
  const bool few = argc > 1 && std::string_view(argv[1]) == "few";
  const std::size_t theories = std::size(golden::kCoupledCases);
  const std::size_t agreeing = count_agreeing_theories();
  std::printf("theory  %zu of %zu golden digests\n", agreeing, theories);
  bool agree = agreeing == theories;
  for (const cpu::Kernels* kernels : cpu::available_kernels()) {
    CpuOptions options;
    options.instruction_set = kernels->name;
    const auto backend = make_cpu_backend(options);
    std::size_t cases = 0, equal = 0;
    for (const golden::Case& c : golden::kCases) {
      if (few && c.depth > 9 && c.depth < 16) continue;
      ++cases;
      equal += digests_agree(c, *backend) ? 1 : 0;
    }
    cases += kCoupledDigests;
    equal += count_agreeing(*backend);
    std::printf("%-7s %zu of %zu golden digests\n", options.instruction_set.c_str(), equal, cases);
    agree = agree && equal == cases;
  }
  return agree ? 0 : 1;
}
