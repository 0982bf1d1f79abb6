#include <cstdio>
#include <iostream>

#include <CLI/CLI.hpp>

#include "host/commands/commands.hpp"
#include "host/sweep_file.hpp"
#include "host/version.hpp"

namespace {

using namespace sharpsweep;

constexpr const char* kDescription =
    "sharpsweep trains very many very small networks with stochastic sharpness-aware\n"
    "minimisation and draws phase diagrams of the measured threshold beside theory.\n\n"
    "Exit codes: 0 done; 2 the command line or sweep file is wrong; 3 a file can't be read or\n"
    "written; 4 the device failed; 5 verify found other bits; 75 interrupted.";

/// The sweep of a subcommand: a file, and options that win over it.
struct SweepArguments {
  std::string file;
  std::map<std::string, std::string> given; ///< by key name

  Sweep resolve(const std::vector<std::string>& unknown) const {
    Settings settings = read_sweep_file(file);
    std::string model = "ssam";
    if (const auto m = settings.find("model"); m != settings.end()) model = m->second.front();
    for (const auto& [name, text] : given) {
      if (!text.empty()) settings[name] = split_items(text);
    }
    refuse(unknown);
    return Sweep::from_settings(settings);
  }

  /// Throws UsageError for the first argument that no option took, with the nearest option.
  static void refuse(const std::vector<std::string>& unknown) {
    if (unknown.empty()) return;
    const std::string& word = unknown.front();
    if (!word.starts_with("--")) throw UsageError("'" + word + "' is one argument too many");
    std::vector<std::string_view> names = {"backend", "threads", "instruction-set", "output",
                                           "overwrite", "quiet", "json"};
    for (const Key& key : keys_of("ssam")) names.push_back(key.name);
    const std::string name = word.substr(2, word.find('=') - 2);
    const std::string near = nearest_name(name, names);
    throw UsageError("'" + word + "' is not an option" +
                     (near.empty() ? "; --help lists them" : "; did you mean '--" + near + "'?"));
  }
};

void add_sweep_arguments(CLI::App& command, SweepArguments& arguments) {
  command.add_option("SWEEP", arguments.file, "the sweep file: key = value lines")
      ->required()
      ->type_name("FILE");
  for (const Key& key : keys_of("ssam")) {
    const std::string name(key.name);
    command
        .add_option("--" + name, arguments.given[name],
                    std::string(key.help) + " [" + std::string(key.fallback) + "]")
        ->type_name(std::string(key.values))
        ->group("Keys of the sweep (each wins over the file; lists as a,b,c)");
  }
  command.allow_extras();
}

void add_backend_arguments(CLI::App& command, BackendOptions& backend) {
  command.add_option("--backend", backend.backend, "where to train")
      ->type_name("auto | cpu | cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->group("Where to run");
  command.add_option("--threads", backend.cpu.threads, "CPU threads [all cores]")
      ->type_name("N")
      ->check(CLI::Range(1, 4096))
      ->group("Where to run");
  command
      .add_option("--instruction-set", backend.cpu.instruction_set,
                  "CPU instructions [the fastest]; the results are the same")
      ->type_name("scalar | avx2 | avx512")
      ->check(CLI::IsMember({"scalar", "avx2", "avx512"}))
      ->group("Where to run");
}

int run_program(int argc, char** argv) {
  CLI::App app(kDescription, "sharpsweep");
  app.set_version_flag("--version", std::string("sharpsweep ") + kVersion + " (" + git_revision() +
                                        ")");
  app.require_subcommand(1);
  app.fallthrough(false);
  ExitCode code = ExitCode::done;

  SweepArguments run_sweep_arguments, plan_sweep_arguments;
  RunOptions run;
  CLI::App* run_app = app.add_subcommand("run", "train a sweep and write its phase diagram");
  add_sweep_arguments(*run_app, run_sweep_arguments);
  run_app->add_option("-o,--output", run.output, "the HDF5 file to write")
      ->required()
      ->type_name("OUT.h5");
  bool overwrite = false;
  run_app->add_flag("--overwrite", overwrite, "replace an output that exists");
  run_app->add_flag("--quiet", run.quiet, "no progress, no summary");
  add_backend_arguments(*run_app, run.backend);
  run_app->callback([&] {
    for (int i = 0; i < argc; ++i) run.command_line += (i ? " " : "") + std::string(argv[i]);
    run.overwrite = overwrite ? Overwrite::yes : Overwrite::no;
    code = run_command(run_sweep_arguments.resolve(run_app->remaining()), run);
  });

  BackendOptions plan_backend;
  bool plan_json = false;
  CLI::App* plan_app = app.add_subcommand(
      "plan", "networks, updates, memory, file size, predicted time, work units");
  add_sweep_arguments(*plan_app, plan_sweep_arguments);
  plan_app->add_flag("--json", plan_json, "print JSON");
  add_backend_arguments(*plan_app, plan_backend);
  plan_app->callback([&] {
    code = plan_command(plan_sweep_arguments.resolve(plan_app->remaining()), plan_backend,
                        plan_json ? Format::json : Format::text);
  });

  std::string info_file;
  bool info_json = false;
  CLI::App* info_app = app.add_subcommand("info", "what is inside a result file");
  info_app->add_option("FILE", info_file, "the result file")->required()->type_name("FILE.h5");
  info_app->add_flag("--json", info_json, "print JSON");
  info_app->callback(
      [&] { code = info_command(info_file, info_json ? Format::json : Format::text); });

  std::string verify_file;
  std::size_t verify_cells = 16;
  BackendOptions verify_backend;
  CLI::App* verify_app = app.add_subcommand(
      "verify", "recompute sampled cells of a result file and compare them bit for bit");
  verify_app->add_option("FILE", verify_file, "the result file")->required()->type_name("FILE.h5");
  verify_app->add_option("--cells", verify_cells, "how many cells to recompute [16]")
      ->type_name("N")
      ->check(CLI::Range(std::size_t{1}, std::size_t{1} << 40));
  add_backend_arguments(*verify_app, verify_backend);
  verify_app->callback([&] { code = verify_command(verify_file, verify_cells, verify_backend); });

  std::string model;
  CLI::App* models_app = app.add_subcommand(
      "models", "the models, their keys with defaults and units, their outputs");
  models_app->add_option("NAME", model, "a model")->type_name("NAME");
  models_app->callback([&] { code = models_command(model); });

  double bench_seconds = 0.5;
  CLI::App* bench_app = app.add_subcommand(
      "bench", "throughput of this machine against its own noise generator");
  bench_app->add_option("--seconds", bench_seconds, "length of each measurement [0.5]")
      ->type_name("S")
      ->check(CLI::Range(0.01, 60.0));
  bench_app->callback([&] { code = bench_command(bench_seconds); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error); // --help, --version
    throw UsageError(error.what());
  }
  return static_cast<int>(code);
}

} // namespace

int main(int argc, char** argv) {
  try {
    const int code = run_program(argc, argv);
    if (std::fflush(stdout) != 0) throw FileError("standard output can't be written");
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
