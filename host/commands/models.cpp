#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "host/commands/commands.hpp"
#include "sharpsweep/sweep/sweep.hpp"

namespace sharpsweep {

std::vector<std::string> wrapped(std::string_view text, std::size_t width) {
  std::istringstream words{std::string(text)};
  std::vector<std::string> lines;
  for (std::string word; words >> word;) {
    if (lines.empty() || lines.back().size() + 1 + word.size() > width) {
      lines.push_back(word);
    } else {
      lines.back() += " " + word;
    }
  }
  return lines;
}

namespace {

/// A name and its text, wrapped beside it.
void print_entry(std::string_view name, std::string_view text) {
  constexpr std::size_t kColumn = 21, kWidth = 96;
  std::string line = "  " + std::string(name);
  for (const std::string& words : wrapped(text, kWidth - kColumn)) {
    line.resize(std::max(kColumn, line.size() + 1), ' ');
    std::printf("%s%s\n", line.c_str(), words.c_str());
    line.clear();
  }
}

/// What a sweep of the defaults yields, and what each word of a key adds to it.
void print_outputs(const ModelInfo& info) {
  std::set<std::string> seen;
  const auto list = [&](const std::vector<OrderParameterInfo>& infos, std::string heading) {
    for (const OrderParameterInfo& one : infos) {
      if (!seen.insert(one.name + one.long_name).second) continue;
      if (!heading.empty()) std::printf("\n%s\n\n", heading.c_str());
      heading.clear();
      print_entry(one.name, one.long_name);
    }
  };
  const auto list_sweep = [&](Settings settings, const std::string& outputs,
                              const std::string& theory) {
    settings["model"] = {std::string(info.name)};
    const Sweep sweep = Sweep::from_settings(settings);
    list(sweep.order_parameters(), outputs);
    if (sweep.coupled) list(sweep.coupled->predictions(), theory);
  };
  list_sweep({},
             "Outputs: for each order parameter X the variables X_mean, X_std, and X_theory where "
             "there is one",
             "Further theory");
  for (const Key& key : info.keys) {
    if (key.axis || key.values.find(" | ") == std::string_view::npos) continue;
    std::istringstream words{std::string(key.values)};
    for (std::string word; words >> word;) {
      if (word == "|") continue;
      const std::string where = std::string(key.name) + " = " + word;
      try {
        list_sweep({{std::string(key.name), {word}}}, "Outputs of " + where,
                   "Further theory of " + where);
      } catch (const UsageError&) { // a form such as ones(s), or a word that needs other keys
      }
    }
  }
}

} // namespace

ExitCode models_command(const std::string& model) {
  if (model.empty()) {
    for (const ModelInfo& info : models()) {
      std::printf("%-20s %s\n", std::string(info.name).c_str(), std::string(info.summary).c_str());
    }
    std::printf("\n'sharpsweep models NAME' lists a model's keys and outputs.\n");
    return ExitCode::done;
  }
  const ModelInfo& info = model_named(model);
  std::printf("Keys of %s (each is also an option: --KEY VALUE)\n\n", model.c_str());
  for (const Key& key : info.keys) {
    std::string notes = key.fallback.empty() ? "" : "default " + std::string(key.fallback);
    if (key.axis) notes += notes.empty() ? "an axis" : "; an axis";
    print_entry(key.name, key.values);
    print_entry("", std::string(key.help) + (notes.empty() ? "" : " (" + notes + ")"));
  }
  std::printf(
      "\n  An AXIS is a list of numbers, lin(first,last,count), log(first,last,count) or\n"
      "  range(first,last[,stride]). Axes are the dimensions of the output, in this order.\n");
  print_outputs(info);
  if (info.make) {
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
