#include <algorithm>
#include <cstdio>
#include <optional>
#include <set>

#include "host/assembly.hpp"
#include "host/commands/commands.hpp"
#include "host/commands/progress.hpp"
#include "host/engine.hpp"
#include "host/output/output_file.hpp"
#include "host/output/reader.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

/// What the root attributes of the inputs say together.
struct Inputs {
  std::optional<Sweep> sweep; ///< the one that all inputs' sweeps are part of
  std::set<std::string> backends, devices;
  std::set<std::uint32_t> shards; ///< that are there
  std::uint32_t shard_count = 0;  ///< of how many; 0: the inputs are no shards of one split
  double updates_computed = 0, wall_seconds = 0;
};

void add_shard(const std::string& text, const std::string& path, Inputs& inputs) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  try {
    inputs.shard_count = static_cast<std::uint32_t>(
        parse_integer("shard", text.substr(std::min(slash + 1, text.size())), 1, kMaxShards));
    inputs.shards.insert(static_cast<std::uint32_t>(
        parse_integer("shard", text.substr(0, slash), 1, inputs.shard_count)));
  } catch (const UsageError& error) {
    throw FileError("'" + path + "' is damaged: " + error.what());
  }
}

Inputs survey(const std::vector<std::string>& paths) {
  Inputs inputs;
  std::string widest; // the file whose sweep is the widest so far
  for (const std::string& path : paths) {
    const Dataset file = read_root_attributes(path);
    const Sweep sweep = sweep_of_file(file, path);
    // Of two with the same values in another order the smaller text wins: no matter which comes
    // first.
    if (!inputs.sweep ||
        (obstacle(*inputs.sweep, sweep, widest).empty() &&
         (!obstacle(sweep, *inputs.sweep, path).empty() || sweep.text() < inputs.sweep->text()))) {
      inputs.sweep = sweep;
      widest = path;
    }
    if (const std::string* text = file.text("backend")) inputs.backends.insert(*text);
    if (const std::string* text = file.text("device")) inputs.devices.insert(*text);
    if (const std::string* text = file.text("shard")) add_shard(*text, path, inputs);
    inputs.updates_computed += file.number("updates_computed");
    inputs.wall_seconds += file.number("wall_seconds");
  }
  return inputs;
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : "; ") + word;
  return text;
}

/// "; shards 3, 7 of 8 are not among the inputs", or nothing.
std::string absent_shards(const Inputs& inputs) {
  std::string list;
  for (std::uint32_t i = 1; i <= inputs.shard_count; ++i) {
    if (!inputs.shards.contains(i)) list += (list.empty() ? "" : ", ") + std::to_string(i);
  }
  return list.empty() ? ""
                      : "; not among the inputs: of " + std::to_string(inputs.shard_count) +
                            " shards " + list;
}

ExitCode merge(const MergeOptions& options, Progress& progress) {
  const Overwrite overwrite = options.overwrite ? Overwrite::yes : Overwrite::no;
  require_output(options.output, overwrite, "--overwrite replaces it, or give another name");
  const Inputs inputs = survey(options.inputs);
  const Sweep& sweep = *inputs.sweep;
  require_space(options.output, predicted_file_bytes(sweep) + table_bytes(sweep));
  require_memory(sweep, reading_memory(sweep) / std::max(1u, inputs.shard_count));
  Results results(sweep, options.output);
  for (const std::string& path : options.inputs) {
    stop_if_asked(progress.stop);
    take_file(sweep, results, path);
  }
  const std::string missing = missing_sentence(sweep, results.done);
  if (!missing.empty() && !options.allow_incomplete) {
    throw FileError("the sweep is not complete: " + missing + absent_shards(inputs) +
                    "; --allow-incomplete writes NaN there");
  }
  TemporaryFile file(options.output, options.output);
  const Dataset data =
      result_file(sweep, results,
                  {options.command_line, joined(inputs.backends), joined(inputs.devices),
                   inputs.updates_computed, inputs.wall_seconds},
                  progress.stop);
  stop_if_asked(progress.stop);
  file.write(data, progress.stop);
  file.publish(options.output, overwrite);
  if (!options.quiet) {
    std::printf("%s: merged from %zu files\n", options.output.c_str(), options.inputs.size());
    if (!missing.empty()) std::printf("%s\n", missing.c_str());
    std::printf("digest %s\n", data.text("digest")->c_str());
  }
  return ExitCode::done;
}

} // namespace

ExitCode merge_command(const MergeOptions& options) {
  Progress progress;
  const SignalGuard signals(progress);
  try {
    return merge(options, progress);
  } catch (const Interrupted&) {
    throw Interrupted("interrupted; nothing was written to '" + options.output +
                      "', start the same command again");
  }
}

} // namespace sharpsweep
