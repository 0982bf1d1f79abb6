/// \file
/// What several test programs need: sweeps from text, runs, and variables by name.
#pragma once

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include "host/analysis/phase_diagram.hpp"
#include "host/backend.hpp"
#include "host/engine.hpp"
#include "host/sweep_file.hpp"
#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep::test {

/// A sweep from the text of a sweep file.
inline Sweep sweep_of(const std::string& text) {
  return Sweep::from_settings(parse_sweep_text(text, "test"));
}

inline Results run(const Sweep& sweep, const CpuOptions& options = {}) {
  const auto backend = make_cpu_backend(options);
  Progress progress;
  return run_sweep(sweep, *backend, progress);
}

inline Dataset diagram(const std::string& text, const CpuOptions& options = {}) {
  const Sweep sweep = sweep_of(text);
  return phase_diagram(sweep, run(sweep, options));
}

/// The values of a floating-point variable.
inline const std::vector<double>& values(const Dataset& data, const std::string& name) {
  const Variable* variable = data.find(name);
  if (variable == nullptr) throw std::runtime_error("no variable " + name);
  return std::get<std::vector<double>>(variable->values);
}

/// A positive integer from the environment: how a program that runs alone is made longer.
inline double environment(const char* name, double fallback) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::stod(text) : fallback;
}

} // namespace sharpsweep::test
