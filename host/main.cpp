#include <algorithm>
#include <csignal>
#include <cstdio>
#include <sstream>

#include <CLI/CLI.hpp>

#include "host/commands/commands.hpp"
#include "host/sweep_file.hpp"
#include "host/version.hpp"
#include "sharpsweep/sweep/axis.hpp"

namespace {

using namespace sharpsweep;

constexpr const char* kDescription =
    "sharpsweep trains very many very small networks with stochastic sharpness-aware\n"
    "minimisation and draws phase diagrams of the measured threshold beside theory.\n\n"
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
    std::istringstream words(option->get_description());
    std::string text;
    std::size_t length = 0;
    for (std::string word; words >> word; length += word.size()) {
      const bool next_line = length + 1 + word.size() > kWidth - kColumn;
      if (!text.empty()) text += next_line ? '\n' : ' ';
      length = next_line ? 0 : length + 1;
      text += word;
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
    for (const auto& [name, text] : given) settings[name] = split_items(text);
    return Sweep::from_settings(settings);
  }
};

void add_sweep_arguments(CLI::App& command, SweepArguments& arguments) {
  command.add_option("SWEEP", arguments.file, "the sweep file: key = value lines")->required();
  for (const Key& key : keys_of("ssam")) {
    const std::string name(key.name);
    command
        .add_option_function<std::string>(
            "--" + name,
            [&arguments, name](const std::string& text) { arguments.given[name] = text; },
            std::string(key.help) + " [" + std::string(key.fallback) + "]")
        ->type_name(std::string(key.values))
        ->group(kKeyGroup);
  }
  command.footer(kAxisHelp);
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

int run_program(int argc, char** argv) {
  CLI::App app(kDescription, "sharpsweep");
  app.set_version_flag("--version",
                       std::string("sharpsweep ") + kVersion + " (" + git_revision() + ")");
  app.require_subcommand(1);
  app.fallthrough(false);
  app.formatter(std::make_shared<HelpFormatter>()); // commands inherit it
  ExitCode code = ExitCode::done;

  SweepArguments run_sweep_arguments, plan_sweep_arguments;
  RunOptions run;
  CLI::App* run_app = app.add_subcommand("run", "train a sweep and write its phase diagram");
  add_sweep_arguments(*run_app, run_sweep_arguments);
  run_app->add_option("-o,--output", run.output, "the HDF5 file to write (required)")
      ->required()
      ->type_name("OUT.h5");
  bool overwrite = false;
  run_app->add_flag("--overwrite", overwrite, "replace an output that exists");
  run_app->add_flag("--quiet", run.quiet, "no progress, no summary");
  add_backend_arguments(*run_app, run.backend);
  run_app->callback([&] {
    for (int i = 0; i < argc; ++i) run.command_line += (i ? " " : "") + std::string(argv[i]);
    run.overwrite = overwrite ? Overwrite::yes : Overwrite::no;
    if (run.output.empty()) throw UsageError("--output: the name of the file is empty");
    code = run_command(run_sweep_arguments.resolve(), run);
  });

  BackendOptions plan_backend;
  bool plan_json = false;
  CLI::App* plan_app = app.add_subcommand(
      "plan", "networks, updates, memory, file size, predicted time, work units");
  add_sweep_arguments(*plan_app, plan_sweep_arguments);
  plan_app->add_flag("--json", plan_json, "print JSON");
  add_backend_arguments(*plan_app, plan_backend);
  plan_app->callback([&] {
    code = plan_command(plan_sweep_arguments.resolve(), plan_backend,
                        plan_json ? Format::json : Format::text);
  });

  std::string info_file;
  bool info_json = false;
  CLI::App* info_app = app.add_subcommand("info", "what is inside a result file");
  info_app->add_option("FILE", info_file, "the result file")->required();
  info_app->add_flag("--json", info_json, "print JSON");
  info_app->callback(
      [&] { code = info_command(info_file, info_json ? Format::json : Format::text); });

  std::string verify_file;
  std::size_t verify_cells = 16;
  BackendOptions verify_backend;
  CLI::App* verify_app = app.add_subcommand(
      "verify", "recompute sampled cells of a result file and compare them bit for bit");
  verify_app->add_option("FILE", verify_file, "the result file")->required();
  add_integer(*verify_app, "--cells", verify_cells, 1, std::uint64_t{1} << 40,
              "how many cells to recompute [16]");
  add_backend_arguments(*verify_app, verify_backend);
  verify_app->callback([&] { code = verify_command(verify_file, verify_cells, verify_backend); });

  std::string model;
  CLI::App* models_app =
      app.add_subcommand("models", "the models, their keys with defaults and units, their outputs");
  models_app->add_option("NAME", model, "the model to list: ssam");
  models_app->callback([&] { code = models_command(model); });

  double bench_seconds = 0.5;
  CLI::App* bench_app =
      app.add_subcommand("bench", "throughput of this machine against its own noise generator");
  bench_app
      ->add_option_function<std::string>(
          "--seconds",
          [&](const std::string& text) {
            bench_seconds = parse_number("--seconds", text);
            if (bench_seconds < 0.01 || bench_seconds > 60) {
              throw UsageError("--seconds: '" + text + "' is not between 0.01 and 60");
            }
          },
          "length of each measurement [0.5]")
      ->type_name("S");
  bench_app->callback([&] { code = bench_command(bench_seconds); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error); // --help, --version
    throw_usage_error(app, error);
  }
  return static_cast<int>(code);
}

} // namespace

int main(int argc, char** argv) {
  // Beyond a limit on file sizes a write is then an error like any other, reported and cleaned up.
  std::signal(SIGXFSZ, SIG_IGN);
  try {
    const int code = run_program(argc, argv);
    if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
      throw FileError("standard output can't be written");
    }
    return code;
  } catch (const Error& error) {
    std::fprintf(stderr, "sharpsweep: %s\n", error.what());
    return static_cast<int>(error.exit_code);
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "sharpsweep: out of memory; 'sharpsweep plan' says what a sweep needs\n");
    return static_cast<int>(ExitCode::usage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sharpsweep: %s\n", error.what());
    return static_cast<int>(ExitCode::device);
  }
}
