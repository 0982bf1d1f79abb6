/// \file
/// Fuzz target: the text of a sweep file. A sweep that is accepted has to come back the same from
/// the text that result files carry, and everything derived from it has to hold together.
#include "sharpsweep/sweep/work_units.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace sharpsweep;
using namespace sharpsweep::fuzz;

namespace {

void require_ranges(const Sweep& sweep) {
  require(sweep.cells() > 0 && sweep.networks() > 0 && sweep.updates() > 0, "an empty sweep");
  require(sweep.first_tail_step() <= sweep.steps, "the tail begins beyond the end");
  for (const std::size_t index : {std::size_t{0}, sweep.configurations() - 1}) {
    const Configuration c = sweep.configuration(index);
    require(c.depth >= 1 && c.depth <= ssam::kMaxDepth, "a depth out of range");
    require(std::isfinite(c.alpha) && c.eta > 0, "a configuration out of range");
    for (const std::size_t t : {std::size_t{0}, sweep.target.size() - 1}) {
      require(std::isfinite(sweep.target_value(c.depth, c.eta, t)), "a target out of range");
    }
  }
}

void require_times(const Sweep& sweep) {
  const std::vector<std::uint64_t> times = sweep.record_steps();
  require(times.size() == sweep.record, "a wrong number of record times");
  std::uint64_t last = 0;
  for (const std::uint64_t time : times) {
    require(time > last && time <= sweep.steps, "record times do not ascend within the run");
    last = time;
  }
  require(times.empty() || times.back() == sweep.steps, "the last record time is not the end");
}

void require_units(const Sweep& sweep) {
  constexpr std::uint64_t kFew = 1000;
  const std::uint64_t count = count_work_units(sweep);
  require(count > 0, "a sweep without work units");
  if (count > kFew) return;
  const std::vector<WorkUnit> units = plan_work_units(sweep);
  require(units.size() == count, "work units are miscounted");
  std::uint64_t networks = 0;
  for (const WorkUnit& unit : units) networks += std::uint64_t{unit.configurations} * unit.seeds;
  require(networks == sweep.networks(), "work units do not cover the sweep");
  if (sweep.target.size() <= kFew) {
    require(identity(sweep, units.front()).size() == 64, "an identity is no SHA-256");
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  attempt([&] {
    const Settings settings = parse_sweep_text(text, "fuzz");
    for (const auto& [key, items] : settings) {
      if (is_long(items)) return;
    }
    const Sweep sweep = Sweep::from_settings(settings);
    require_round_trip(sweep);
    require_ranges(sweep);
    require_times(sweep);
    require_units(sweep);
  });
  return 0;
}
