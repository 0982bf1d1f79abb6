/// \file
/// `slurm`: the script that runs a sweep as a SLURM job array and merges it. Settings and sweep are
/// printed, the rest of the script is always the same text.
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "host/commands/commands.hpp"
#include "sharpsweep/sweep/work_units.hpp"

namespace sharpsweep {
namespace {

constexpr std::string_view kHead = R"bash(#!/usr/bin/env bash
# Trains a sweep with SLURM: an array of tasks, each a shard of the sweep or several, and then a job
# that merges the shards into the output.
#
#   bash THIS_SCRIPT            on a login node submits both; later again: what is still missing
#   sharpsweep status OUTPUT    how far it is, and what failed
#
# A task that is preempted, or close to its time limit, goes back into the queue and continues where
# it stopped. Shards and logs lie in the folder OUTPUT.shards, on a disk that all nodes see.
# sharpsweep has to be on the PATH, or its place in SHARPSWEEP.

)bash";

constexpr std::string_view kBody = R"bash(
die() { # MESSAGE [EXIT CODE]
    echo "${0##*/}: $1" >&2
    exit "${2:-1}"
}

submit() {
    local script program extend='' earlier limit elements logs both array merge
    case $0 in */slurm_script) die "start this script with bash, not with sbatch" ;; esac
    script=$(realpath -- "$0")
    program=$(command -v -- "${SHARPSWEEP:-sharpsweep}") ||
        die "sharpsweep is not on the PATH; put it there, or set SHARPSWEEP to its place"
    program=$(realpath -- "$program")
    command -v sbatch >/dev/null || die "there is no sbatch here; start this on a login node"
    output=$(realpath -s -- "$output")
    if [ -e "$output" ]; then
        [ "$resume" = yes ] ||
            die "'$output' exists; 'sharpsweep slurm --resume' prints a script that extends it"
        extend=yes
    fi

    { mkdir -p -- "$output.shards/logs" && cd -- "$output.shards"; } ||
        die "the folder '$output.shards' can't be made"
    earlier=$(cat job_ids 2>/dev/null)
    if [ -n "$earlier" ] && [ -n "$(squeue --noheader --jobs="$earlier" 2>/dev/null)" ]; then
        die "jobs $earlier are still at it; scancel them first"
    fi
    # The tasks read a copy of the sweep, which belongs to the shards that are there.
    sweep >sweep.toml.new || die "'$PWD/sweep.toml' can't be written"
    if [ -n "$(ls -d -- *-of-*.h5* 2>/dev/null)" ] && ! cmp -s sweep.toml.new sweep.toml; then
        rm sweep.toml.new
        die "'$PWD' holds shards of another sweep; remove it, or give another output"
    fi
    mv sweep.toml.new sweep.toml

    # An array takes indices below MaxArraySize; where that is too few, a task has several shards.
    limit=$array_limit
    [ "$limit" -gt 0 ] ||
        limit=$(scontrol show config | awk '$1 == "MaxArraySize" { print $3 - 1 }')
    [ -n "$limit" ] || die "SLURM did not tell its MaxArraySize; print this with --array-limit"
    elements=$((shards < limit ? shards : limit))
    logs=${PWD//%/%%}/logs # SLURM replaces a single % and what follows it
    both=(--parsable --open-mode=append --requeue --time="$minutes" "${options[@]}")

    # sbatch says itself why it refuses.
    array=$(sbatch "${task_options[@]}" "${both[@]}" --array="1-$elements" \
        --output="$logs/%A_%a.log" "$script" task "$program" "$output" "$extend" "$elements") ||
        die "sbatch refused the tasks (see above); nothing was submitted"
    array=${array%%;*} # a federation adds the cluster
    echo "$array" >job_ids
    merge=$(sbatch "${both[@]}" --dependency="afterany:$array" --kill-on-invalid-dep=yes \
        --output="$logs/merge_%j.log" "$script" merge "$program" "$output" "$extend") ||
        die "sbatch refused the merge (see above), but the tasks run as job $array; after them:
  bash $(printf %q "$script") merge $(printf '%q ' "$program" "$output" "$extend")"
    echo "$array,${merge%%;*}" >job_ids
    echo "submitted: $elements tasks for $shards shards as job $array, the merge as ${merge%%;*}"
    echo "  sharpsweep status $(printf %q "$output")"
    echo "  logs in $PWD/logs"
}

# An element of the array: the shards element, element + elements and so on, one after the other.
task() { # PROGRAM OUTPUT EXTEND ELEMENTS
    local program=$1 output=$2 extend=$3 elements=$4
    local name=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID restarts=${SLURM_RESTART_COUNT:-0}
    local i shard before code pid='' stopped='' progress=''
    cd -- "$output.shards" || die "failed: this node does not see the folder" 3

    # Only this shell is sure to get SLURM's signals. It passes them on, and runs sharpsweep in the
    # background, because bash is deaf as long as something runs in the foreground.
    trap 'stopped=yes; kill "$pid" 2>/dev/null' TERM USR1
    for ((i = SLURM_ARRAY_TASK_ID; i <= shards; i += elements)); do
        shard=$i-of-$shards.h5
        before=$(finished "$shard")
        echo "$(date '+%F %T') shard $i/$shards on $SLURMD_NODENAME, restart $restarts"
        "$program" run sweep.toml -o "$shard" --shard "$i/$shards" --resume \
            ${extend:+--base "$output"} "${backend[@]}" &
        pid=$!
        [ -z "$stopped" ] || kill "$pid"
        while kill -0 "$pid" 2>/dev/null; do wait "$pid"; done # a signal ends a wait early
        wait "$pid"
        code=$?
        [ "$before" = "$(finished "$shard")" ] || progress=yes
        [ "$code" -ne 0 ] || continue
        [ "$code" -eq 75 ] || [ -n "$stopped" ] ||
            die "failed: shard $i/$shards ended with exit code $code" "$code"

        # Interrupted. If SLURM cancelled or preempted this task, or moved it to another node, it
        # has decided what becomes of it; otherwise the task goes back into the queue by itself.
        [ "$(squeue --noheader --jobs="$name" --format='%T %B')" = "RUNNING $SLURMD_NODENAME" ] ||
            exit 75
        [ -n "$progress" ] || [ "$SECONDS" -lt $((minutes * 30)) ] ||
            die "failed: no work unit was finished in $SECONDS s; print this with more --time" 75
        [ "$restarts" -lt 100 ] || die "failed: restarted $restarts times; submit it again" 75
        scontrol requeue "$name" || die "failed: could not go back into the queue" 75
        exit 75
    done
}

# Names that tell whether a shard came on: its file, and how many parts it has.
finished() { # SHARD
    ls -- "$1" 2>/dev/null
    find "$1.parts" -name '*.h5' 2>/dev/null | wc -l
}

# Takes all shards or fails with the names of those that are missing.
merge() { # PROGRAM OUTPUT EXTEND
    local program=$1 output=$2 extend=$3
    cd -- "$output.shards" || die "failed: this node does not see the folder" 3
    "$program" merge -o "$output" ${extend:+--overwrite "$output"} ./*"-of-$shards.h5" || exit
    rm -rf -- *-of-*.h5* sweep.toml job_ids # the output holds all of it
}

case ${1-submit} in
submit | task | merge) "${@:-submit}" ;;
*) die "no such step: '$1'" ;;
esac
)bash";

/// A word that the shell reads as this text.
std::string shell_quoted(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return std::isalnum(c) ||
           std::string_view("_@%+=:,./-").find(static_cast<char>(c)) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// A line that sets a variable and says what it means.
std::string setting(const std::string& name, const std::string& value, const std::string& meaning) {
  std::string line = name + "=" + value;
  line.resize(std::max<std::size_t>(line.size(), 24), ' ');
  return line + " # " + meaning + "\n";
}

/// A shell array of these words, one a line.
std::string list(const std::string& name, const std::vector<std::string>& words) {
  std::string text = name + "=(\n";
  for (const std::string& word : words) text += "    " + shell_quoted(word) + "\n";
  return text + ")\n";
}

void check(const Sweep& sweep, const SlurmOptions& options) {
  const std::uint64_t units = count_work_units(sweep);
  if (options.tasks > units) {
    throw UsageError("--tasks: the sweep has only " + std::to_string(units) +
                     " work units to share among " + std::to_string(options.tasks) + " tasks");
  }
  for (const char c : options.output) {
    if (std::iscntrl(static_cast<unsigned char>(c)) || c == '\\') {
      throw UsageError("--output: SLURM takes no names with backslashes or control characters");
    }
  }
  for (const std::string& word : options.directives) {
    if (word.starts_with('-')) continue;
    throw UsageError("--sbatch: '" + word + "' is not an option; one is --sbatch=--qos=long");
  }
}

} // namespace

ExitCode slurm_command(const Sweep& sweep, const SlurmOptions& options) {
  check(sweep, options);
  const bool on_gpu = options.gpus_per_task > 0;
  std::vector<std::string> both = {"--job-name=" +
                                       std::filesystem::path(options.output).stem().string(),
                                   "--cpus-per-task=" + std::to_string(options.cpus_per_task)};
  if (!options.memory.empty()) both.push_back("--mem=" + options.memory);
  if (!options.partition.empty()) both.push_back("--partition=" + options.partition);
  if (!options.account.empty()) both.push_back("--account=" + options.account);
  both.insert(both.end(), options.directives.begin(), options.directives.end());
  // Time to stop in; SLURM may send the signal up to a minute earlier.
  const unsigned notice = std::min(60u, 15 * options.minutes);
  std::vector<std::string> task = {"--signal=B:USR1@" + std::to_string(notice)};
  if (on_gpu) task.push_back("--gres=gpu:" + std::to_string(options.gpus_per_task));

  std::string text(kHead);
  text +=
      setting("output", shell_quoted(options.output), "relative to where this script is started");
  text += setting("shards", std::to_string(options.tasks), "parts of the sweep, one for each task");
  text += setting("minutes", std::to_string(options.minutes), "time limit of a task");
  text += setting("array_limit", std::to_string(options.array_limit),
                  "the site's largest array index; 0: SLURM is asked");
  text += setting("resume", options.resume ? "yes" : "no", "yes: extends an output that exists");
  text += "# Options of sbatch for all jobs, and for the tasks alone.\n";
  text += list("options", both) + list("task_options", task);
  text += "# Options of sharpsweep run.\nbackend=(--backend ";
  text += on_gpu ? "cuda)\n" : "cpu --threads \"$SLURM_CPUS_PER_TASK\")\n";
  text += "\nsweep() {\n    cat <<'END_OF_SWEEP'\n" + sweep.text() + "END_OF_SWEEP\n}\n";
  text += kBody;
  std::fputs(text.c_str(), stdout);
  return ExitCode::done;
}

} // namespace sharpsweep
