#include <cstdio>

#include "host/commands/commands.hpp"
#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep {

ExitCode models_command(const std::string& model) {
  if (model.empty()) {
    for (const ModelInfo& info : models()) {
      std::printf("%-20s %s\n", std::string(info.name).c_str(), std::string(info.summary).c_str());
    }
    std::printf("\n'sharpsweep models NAME' lists a model's keys and outputs.\n");
    return ExitCode::done;
  }
  const ModelInfo& info = model_named(model);
  const auto keys = info.keys;
  std::printf("Keys of %s (each is also an option: --KEY VALUE)\n\n", model.c_str());
  for (const Key& key : keys) {
    std::printf("  %-18s %.*s\n", std::string(key.name).c_str(),
                static_cast<int>(key.values.size()), key.values.data());
    std::string notes = key.fallback.empty() ? "" : "default " + std::string(key.fallback);
    if (key.axis) notes += notes.empty() ? "an axis" : "; an axis";
    std::printf("  %-18s %.*s%s\n", "", static_cast<int>(key.help.size()), key.help.data(),
                notes.empty() ? "" : (" (" + notes + ")").c_str());
  }
  std::printf(
      "\n  An AXIS is a list of numbers, lin(first,last,count), log(first,last,count) or\n"
      "  range(first,last[,stride]). Axes are the dimensions of the output, in this order.\n");
  std::printf("\nOutputs: for each order parameter X the variables X_mean, X_std, and X_theory "
              "where there is one\n\n");
  const Sweep sweep = Sweep::from_settings({{"model", {model}}});
  const auto list = [](const std::vector<OrderParameterInfo>& infos) {
    for (const OrderParameterInfo& one : infos) {
      std::printf("  %-18s %s\n", one.name.c_str(), one.long_name.c_str());
    }
  };
  list(sweep.order_parameters());
  if (sweep.coupled) {
    if (!sweep.coupled->predictions().empty()) std::printf("\nFurther theory\n\n");
    list(sweep.coupled->predictions());
    std::printf("\nAlso diverged, seeds_finished and status. record adds X_path_mean and "
                "X_path_std;\nsave = seeds adds X; save = weights weight.\n");
    return ExitCode::done;
  }
  std::printf(
      "\nAlso survival, diverged, seeds_finished, status over the same dimensions, and per\n"
      "(depth, init, step_size, eta): threshold, threshold_low, threshold_high,\n"
      "threshold_theory, threshold_existence, threshold_basin, threshold_maxwell.\n"
      "record adds X_path_mean and X_path_std; save = seeds adds X; save = weights weight.\n");
  return ExitCode::done;
}

} // namespace sharpsweep
