#include "host/command_line.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <sstream>

#include <CLI/CLI.hpp>

#include "host/commands/commands.hpp"
#include "host/data_file.hpp"
#include "host/sweep_file.hpp"
#include "host/version.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace sharpsweep {
namespace {

constexpr const char* kDescription =
    "sharpsweep trains very many very small networks with sharpness-aware minimisation\n"
    "and its kin, and draws phase diagrams of what is measured beside theory.\n\n"
    "Exit codes: 0 done; 2 the command line or sweep file is wrong; 3 a file can't be read or\n"
    "written; 4 the device failed; 5 verify found other bits; 75 interrupted.";

/// Option help as wide as a terminal, type names without CLI11's notes on validators.
class HelpFormatter final : public CLI::Formatter {
public:
  HelpFormatter() { column_width(kColumn); }
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool bare = option->get_positional() || option->get_type_name().empty();
    return bare ? "" : " " + option->get_type_name();
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    std::string text;
    for (const std::string& line : wrapped(option->get_description(), kWidth - kColumn)) {
      text += (text.empty() ? "" : "\n") + line;
    }
    return text;
  }

private:
  static constexpr std::size_t kWidth = 96, kColumn = 30;
};

constexpr const char* kKeyGroup =
    "Keys of the sweep (each wins over the file; lists as a,b,c; defaults in brackets)";
constexpr const char* kBackendGroup = "Where to run";
constexpr const char* kAxisHelp =
    "An AXIS is a number, a list a,b,c, or lin(first,last,count), log(first,last,count),\n"
    "range(first,last[,stride]); the shell wants quotes: --eta 'lin(0.3,0.7,9)'.";

/// "; did you mean ...?", or where the right names are listed.
std::string suggestion(const std::string& prefix, std::string_view name,
                       std::span<const std::string_view> names) {
  const std::string near = nearest_name(name, names);
  return near.empty() ? "; --help lists them" : "; did you mean '" + prefix + near + "'?";
}

/// Throws UsageError for the first argument that no option of the command took.
void refuse_remaining(const CLI::App& command) {
  const std::vector<std::string> remaining = command.remaining();
  if (remaining.empty()) return;
  const std::string& word = remaining.front();
  if (!word.starts_with('-')) throw UsageError("'" + word + "' is one argument too many");
  std::vector<std::string_view> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back(name);
  }
  const std::string option = word.substr(0, word.find('='));
  const std::size_t dashes = std::min(option.find_first_not_of('-'), option.size());
  throw UsageError("'" + option + "' is not an option" +
                   suggestion("--", option.substr(dashes), names));
}

/// The sentence for a command line without a command.
std::string command_sentence(const CLI::App& app, const std::string& word) {
  std::vector<std::string> owned;
  for (const CLI::App* command : app.get_subcommands({})) owned.push_back(command->get_name());
  const std::vector<std::string_view> names(owned.begin(), owned.end());
  if (word.empty()) {
    std::string list;
    for (const auto name : names) list += (list.empty() ? "" : ", ") + std::string(name);
    return "a command is missing (" + list + "); --help explains them";
  }
  return "'" + word + "' is not a command" + suggestion("", word, names);
}

/// Throws the one sentence for what CLI11 found wrong.
[[noreturn]] void throw_usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  const std::vector<std::string> words = app.remaining();
  const std::string first = words.empty() ? "" : words.front();
  if (chosen.empty() && !first.starts_with('-')) throw UsageError(command_sentence(app, first));
  refuse_remaining(app);
  refuse_remaining(*chosen.front());
  const std::string text = error.what();
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    throw UsageError(text.substr(0, text.find(':')) +
                     ": takes one value, once; a list is one word: a,b,c");
  }
  throw UsageError(text + "; see 'sharpsweep " + chosen.front()->get_name() + " --help'");
}

/// An option that takes one of a few words.
void add_choice(CLI::App& command, const std::string& name, std::string& value,
                const std::vector<std::string_view>& choices, const std::string& help) {
  std::string form;
  for (const auto choice : choices) form += (form.empty() ? "" : " | ") + std::string(choice);
  command
      .add_option_function<std::string>(
          name,
          [=, &value](const std::string& text) {
            if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
              const std::string near = nearest_name(text, choices);
              throw UsageError(name + ": '" + text + "' is not one of " + form +
                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
            }
            value = text;
          },
          help)
      ->type_name(form)
      ->group(kBackendGroup);
}

/// An option that takes an integer in [low, high].
template <class T>
CLI::Option* add_integer(CLI::App& command, const std::string& name, T& value, std::uint64_t low,
                         std::uint64_t high, const std::string& help) {
  return command
      .add_option_function<std::string>(
          name,
          [=, &value](const std::string& text) {
            value = static_cast<T>(parse_integer(name, text, low, high));
          },
          help)
      ->type_name("N");
}

/// The sweep of a subcommand: a file, and options that win over it.
struct SweepArguments {
  std::string file;
  std::map<std::string, std::string> given; ///< by key name

  Sweep resolve() const {
    Settings settings = read_sweep_file(file);
    // Examples of an option win over those of the file, whichever way they are given.
    const auto option = [this](const char* name) {
      const auto found = given.find(name);
      return found != given.end() && !found->second.empty();
    };
    if (option("data")) settings.erase("examples");
    if (option("examples")) settings.erase("data");
    for (const auto& [name, text] : given) {
      const std::vector<std::string> items = split_items(text);
      // No value is the way back to a default that is none.
      if (items.empty() && !text.empty()) throw UsageError(name + ": the list is empty");
      settings[name] = items;
    }
    const std::string data = data_file_of(settings);
    settings = inline_data(std::move(settings));
    if (data.empty()) return Sweep::from_settings(settings);
    try {
      return Sweep::from_settings(settings);
    } catch (const UsageError& error) { // the user knows the file, not the key it was read into
      const std::string_view text = error.what(), key = "examples: ";
      if (!text.starts_with(key)) throw;
      throw UsageError("data: " + data + ": " + std::string(text.substr(key.size())));
    }
  }
};

void add_sweep_arguments(CLI::App& command, SweepArguments& arguments) {
  command.add_option("SWEEP", arguments.file, "the sweep file: key = value lines")->required();
  std::set<std::string_view> seen;
  for (const ModelInfo& model : models()) {
    for (const Key& key : model.keys) {
      if (!seen.insert(key.name).second) continue;
      const std::string name(key.name);
      command
          .add_option_function<std::string>(
              "--" + name,
              [&arguments, name](const std::string& text) { arguments.given[name] = text; },
              std::string(key.help) + " [" + std::string(key.fallback) + "]")
          ->type_name(std::string(key.values))
          ->group(model.make ? "" : kKeyGroup); // help has ssam's; 'models' lists the others'
    }
  }
  command.footer(
      std::string("The keys above are those of the model ssam; 'sharpsweep models NAME' ") +
      "lists another model's.\n" + kAxisHelp);
}

void add_backend_arguments(CLI::App& command, BackendOptions& backend) {
  add_choice(command, "--backend", backend.backend, {"auto", "cpu", "cuda"},
             "where to train; auto: on the GPU where there is one [auto]");
  add_integer(command, "--threads", backend.cpu.threads, 1, 4096, "CPU threads [all cores]")
      ->group(kBackendGroup);
  add_choice(command, "--instruction-set", backend.cpu.instruction_set,
             {"scalar", "avx2", "avx512"},
             "CPU instructions; the results are the same [the fastest]");
}

/// "3/8" as a shard. Throws UsageError.
Shard parse_shard(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) {
    throw UsageError("--shard: '" + text + "' is not I/N, such as 1/8 for the first of eight");
  }
  const std::uint64_t count = parse_integer("--shard", text.substr(slash + 1), 1, kMaxShards);
  const std::uint64_t index = parse_integer("--shard", text.substr(0, slash), 1, count);
  return {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(count)};
}

void add_output(CLI::App& command, std::string& output) {
  command
      .add_option_function<std::string>(
          "-o,--output",
          [&output](const std::string& text) {
            if (text.empty()) throw UsageError("--output: the name of the file is empty");
            output = text;
          },
          "the HDF5 file to write (required)")
      ->required()
      ->type_name("OUT.h5");
}

void add_json(CLI::App& command, Format& format) {
  command.add_flag_callback(
      "--json", [&format] { format = Format::json; }, "print JSON");
}

/// The parts of a command line that commands share, and each command's own. Lives as long as the
/// parser; the chosen command copies what it needs.
class Parser {
public:
  explicit Parser(const std::vector<std::string>& words) : words_(words) {
    app_.set_version_flag("--version",
                          std::string("sharpsweep ") + version() + " (" + git_revision() + ")");
    app_.require_subcommand(1);
    app_.fallthrough(false);
    app_.formatter(std::make_shared<HelpFormatter>()); // commands inherit it
    add_run();
    add_plan();
    add_info();
    add_status();
    add_verify();
    add_merge();
    add_slurm();
    add_models();
    add_bench();
  }

  Command parse() {
    // CLI11 takes the words in reverse, without the program's name.
    std::vector<std::string> reversed(words_.rbegin(), words_.rend());
    if (!reversed.empty()) reversed.pop_back();
    try {
      app_.parse(std::move(reversed));
    } catch (const CLI::ParseError& error) {
      if (error.get_exit_code() != 0) throw_usage_error(app_, error);
      std::ostringstream text; // --help, --version
      app_.exit(error, text, text);
      return [text = text.str()] {
        std::fputs(text.c_str(), stdout);
        return ExitCode::done;
      };
    }
    return command_;
  }

private:
  /// A sweep with its options, for `run`, `plan` and `slurm`.
  CLI::App* add_sweep_command(const std::string& name, const std::string& help) {
    CLI::App* command = app_.add_subcommand(name, help);
    add_sweep_arguments(*command, sweep_);
    return command;
  }

  std::string command_line() const {
    std::string text;
    for (const std::string& word : words_) text += (text.empty() ? "" : " ") + word;
    return text;
  }

  void add_run() {
    CLI::App* command = add_sweep_command("run", "train a sweep and write its phase diagram");
    add_output(*command, run_.output);
    CLI::Option* resume = command->add_flag_callback(
        "--resume", [this] { run_.existing = Existing::resume; },
        "go on where a run left off, or extend a finished file by seeds and axis values");
    command
        ->add_flag_callback(
            "--overwrite", [this] { run_.existing = Existing::overwrite; },
            "replace an output that exists, and what an interrupted run left")
        ->excludes(resume);
    command
        ->add_option_function<std::string>(
            "--shard", [this](const std::string& text) { run_.shard = parse_shard(text); },
            "train only the I-th of N balanced parts; 'merge' puts them together")
        ->type_name("I/N");
    command
        ->add_option("--base", run_.bases,
                     "take over what this finished file holds (may be given several times)")
        ->type_name("FILE.h5")
        ->allow_extra_args(false);
    command->add_flag("--quiet", run_.quiet, "no progress, no summary");
    add_backend_arguments(*command, run_.backend);
    command->callback([this] {
      run_.command_line = command_line();
      command_ = [sweep = sweep_.resolve(), run = run_] { return run_command(sweep, run); };
    });
  }

  void add_plan() {
    CLI::App* command = add_sweep_command(
        "plan", "networks, updates, memory, file size, predicted time, work units");
    add_json(*command, format_);
    add_backend_arguments(*command, run_.backend);
    command->callback([this] {
      command_ = [sweep = sweep_.resolve(), backend = run_.backend, format = format_] {
        return plan_command(sweep, backend, format);
      };
    });
  }

  void add_info() {
    CLI::App* command = app_.add_subcommand("info", "what is inside a result file");
    command->add_option("FILE", file_, "the result file, or a shard")->required();
    add_json(*command, format_);
    command->callback([this] {
      command_ = [file = file_, format = format_] { return info_command(file, format); };
    });
  }

  void add_status() {
    CLI::App* command =
        app_.add_subcommand("status", "how far a sweep is, how long it will take, what failed");
    command->add_option("FILE", file_, "the output of the run, there already or not")->required();
    add_json(*command, format_);
    command->callback([this] {
      command_ = [file = file_, format = format_] { return status_command(file, format); };
    });
  }

  void add_verify() {
    CLI::App* command = app_.add_subcommand(
        "verify", "recompute sampled cells of a result file and compare them bit for bit");
    command->add_option("FILE", file_, "the result file")->required();
    add_integer(*command, "--cells", cells_, 1, std::uint64_t{1} << 40,
                "how many cells to recompute [16]");
    add_backend_arguments(*command, run_.backend);
    command->callback([this] {
      command_ = [file = file_, cells = cells_, backend = run_.backend] {
        return verify_command(file, cells, backend);
      };
    });
  }

  void add_merge() {
    CLI::App* command =
        app_.add_subcommand("merge", "one complete file from the shards of a sweep");
    command->add_option("SHARD", merge_.inputs, "shards, or other result files, in any order")
        ->required();
    add_output(*command, merge_.output);
    command->add_flag("--overwrite", merge_.overwrite, "replace an output that exists");
    command->add_flag("--allow-incomplete", merge_.allow_incomplete,
                      "write NaN where results are missing, instead of refusing");
    command->add_flag("--quiet", merge_.quiet, "no summary");
    command->callback([this] {
      merge_.command_line = command_line();
      command_ = [merge = merge_] { return merge_command(merge); };
    });
  }

  void add_slurm() {
    CLI::App* command =
        add_sweep_command("slurm", "the batch script that runs a sweep as a SLURM job array");
    add_output(*command, slurm_.output);
    add_integer(*command, "--tasks", slurm_.tasks, 1, kMaxShards, "tasks of the array (required)")
        ->required();
    add_integer(*command, "--gpus-per-task", slurm_.gpus_per_task, 0, 64,
                "GPUs of a task; 0: train on the CPU [1]");
    add_integer(*command, "--cpus-per-task", slurm_.cpus_per_task, 1, 4096, "cores of a task [4]");
    add_integer(*command, "--time", slurm_.minutes, 1, 1u << 20,
                "minutes that a task may take before it is requeued [60]");
    add_integer(*command, "--array-limit", slurm_.array_limit, 1, kMaxShards,
                "the site's largest array index [asked of the site at submission]");
    const auto text = [&](const std::string& name, std::string& value, const std::string& form,
                          const std::string& help) {
      command->add_option(name, value, help)->type_name(form);
    };
    command->add_flag("--resume", slurm_.resume,
                      "extend a finished output by seeds and axis values");
    text("--partition", slurm_.partition, "NAME", "partition to run in [the site's default]");
    text("--account", slurm_.account, "NAME", "account to charge [the site's default]");
    text("--mem", slurm_.memory, "SIZE", "memory of a task, as sbatch takes it [the default]");
    command->add_option("--sbatch", slurm_.directives, "a further option for sbatch, word for word")
        ->type_name("OPTION")
        ->allow_extra_args(false);
    command->callback([this] {
      command_ = [sweep = sweep_.resolve(), slurm = slurm_] { return slurm_command(sweep, slurm); };
    });
  }

  void add_models() {
    CLI::App* command = app_.add_subcommand(
        "models", "the models, their keys with defaults and units, their outputs");
    command->add_option("NAME", model_, "the model to list");
    command->callback([this] { command_ = [model = model_] { return models_command(model); }; });
  }

  void add_bench() {
    CLI::App* command =
        app_.add_subcommand("bench", "throughput of this machine against its own noise generator");
    command
        ->add_option_function<std::string>(
            "--seconds",
            [this](const std::string& text) {
              seconds_ = parse_number("--seconds", text);
              if (seconds_ < 0.01 || seconds_ > 60) {
                throw UsageError("--seconds: '" + text + "' is not between 0.01 and 60");
              }
            },
            "time of each measurement, in five rounds [0.5]")
        ->type_name("S");
    command->callback(
        [this] { command_ = [seconds = seconds_] { return bench_command(seconds); }; });
  }

  const std::vector<std::string>& words_;
  CLI::App app_{kDescription, "sharpsweep"};
  SweepArguments sweep_;
  RunOptions run_;
  MergeOptions merge_;
  SlurmOptions slurm_;
  std::string file_, model_;
  Format format_ = Format::text;
  std::size_t cells_ = 16;
  double seconds_ = 0.5;
  Command command_;
};

} // namespace

Command parse_command_line(const std::vector<std::string>& words) { return Parser(words).parse(); }

} // namespace sharpsweep
