#include <cstdio>

#include "host/analysis/phase_diagram.hpp"
#include "host/commands/commands.hpp"

namespace sharpsweep {

ExitCode models_command(const std::string& model) {
  if (model.empty()) {
    std::printf("ssam   stochastic SAM on diagonal linear networks (arXiv 2503.11891)\n\n"
                "'sharpsweep models NAME' lists a model's keys and outputs.\n");
    return ExitCode::done;
  }
  const auto keys = keys_of(model);
  std::printf("Keys of %s (each is also an option: --KEY VALUE)\n\n", model.c_str());
  for (const Key& key : keys) {
    std::printf("  %-18s %.*s\n", std::string(key.name).c_str(),
                static_cast<int>(key.values.size()), key.values.data());
    std::printf("  %-18s %.*s (default %s%s)\n", "", static_cast<int>(key.help.size()),
                key.help.data(), std::string(key.fallback).c_str(), key.axis ? "; an axis" : "");
  }
  std::printf(
      "\n  An AXIS is a list of numbers, lin(first,last,count), log(first,last,count) or\n"
      "  range(first,last[,stride]). Axes are the dimensions of the output, in this order.\n");
  std::printf("\nOutputs: for each order parameter X the variables X_mean, X_std, X_theory\n\n");
  for (const OrderParameterInfo& info : order_parameter_info()) {
    std::printf("  %-18s %s\n", info.name, info.long_name);
  }
  std::printf(
      "\nAlso survival, diverged, seeds_finished, status over the same dimensions, and per\n"
      "(depth, init, step_size, eta): threshold, threshold_low, threshold_high,\n"
      "threshold_theory, threshold_existence, threshold_basin, threshold_maxwell.\n"
      "record adds X_path_mean and X_path_std; save = seeds adds X; save = weights weight.\n");
  return ExitCode::done;
}

} // namespace sharpsweep
