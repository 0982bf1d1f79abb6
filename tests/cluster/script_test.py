#!/usr/bin/env python3
"""The script that `slurm` prints, without a SLURM: what it says to sbatch, what it refuses, and
what a task does when it is interrupted. Stand-ins take the place of SLURM's commands.

With --print it prints the example that sweeps/slurm has to hold.
"""
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program import BINARY, ENVIRONMENT, ROOT, run, sweep_text

USAGE, FILE, INTERRUPTED = 2, 3, 75
EXAMPLE = ROOT / "sweeps" / "slurm" / "large_gpu.sh"
EXAMPLE_COMMAND = ["slurm", "sweeps/large_gpu.toml", "-o", "out/large_gpu.h5", "--tasks", 64,
                   "--time", 240, "--mem", "8G"]
QUICK = {"steps": 5, "seeds": 640}
ENDLESS = {"steps": 10**12, "seeds": 640}

# Each records its words, then says what $SQUEUE and the like hold.
STAND_INS = {
    "sbatch": """case "$*" in *--dependency=*) kind=MERGE ;; *) kind=ARRAY ;; esac
                 refusal=REFUSE_$kind
                 [ -z "${!refusal-}" ] || { echo "sbatch: error: ${!refusal}" >&2; exit 1; }
                 [ $kind = ARRAY ] && echo "7;cluster" || echo "8;cluster" """,
    "scontrol": """[ "$1" != show ] || printf 'MailProg = x\\nMaxArraySize            = 6\\n'""",
    "squeue": "echo ${SQUEUE-}",
}


class Script(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory(prefix="it's \"100%A\" ")
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.output = self.folder / "o u't.h5"
        self.shards = self.folder / "o u't.h5.shards"
        (self.folder / "bin").mkdir()
        for name, body in STAND_INS.items():
            path = self.folder / "bin" / name
            path.write_text('#!/bin/bash\npython3 -c "import json, sys; print(json.dumps('
                            f'sys.argv[1:]))" {name} "$@" >>"$CALLS"\n{body}\n')
            path.chmod(0o755)
        self.environment = {**ENVIRONMENT, "SHARPSWEEP": BINARY,
                            "CALLS": str(self.folder / "calls"),
                            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def calls(self, name):
        """The words of each call of a stand-in."""
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [words[1:] for words in map(json.loads, lines) if words[0] == name]

    def print_script(self, *options, sweep=QUICK, gpus=0):
        (self.folder / "s.toml").write_text(sweep_text(**sweep), encoding="utf-8")
        done = run("slurm", "s.toml", "-o", self.output.name, "--gpus-per-task", gpus, *options,
                   cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        (self.folder / "a script.sh").write_text(done.stdout, encoding="utf-8")
        return done.stdout

    def bash(self, *arguments, script="a script.sh", code=0, **environment):
        done = subprocess.run(["bash", script, *map(str, arguments)], cwd=self.folder, text=True,
                              env={**self.environment, **environment}, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, code, done)
        return done


class Printing(Script):
    def test_the_example_is_what_the_command_prints(self):
        self.assertEqual(EXAMPLE.read_text(encoding="utf-8"), example())

    def test_the_shell_understands_it(self):
        self.print_script("--tasks", 2, "--partition", "a b", "--sbatch=--comment=it's; $(x)")
        for script in (EXAMPLE, self.folder / "a script.sh"):
            subprocess.run(["bash", "-n", script], check=True)
        if shutil.which("shellcheck"):
            subprocess.run(["shellcheck", EXAMPLE], check=True)

    def test_what_is_wrong_is_refused(self):
        (self.folder / "s.toml").write_text(sweep_text(**QUICK), encoding="utf-8")
        for words, pattern in {
                "-o a.h5": r"--tasks",
                "--tasks 2": r"--output",
                "-o a.h5 --tasks 0": r"^--tasks: ",
                "-o a.h5 --tasks 1000": r"^--tasks: .* only 10 work units .* 1000 tasks",
                "-o a.h5 --tasks 2 --sbatch qos=long": r"^--sbatch: 'qos=long' is not an option",
                "-o a\\b.h5 --tasks 2": r"^--output: .*backslashes",
                "-o a.h5 --tasks 2 --eta 0": r"^eta: "}.items():
            with self.subTest(words):
                done = run("slurm", "s.toml", *words.split(), cwd=self.folder)
                self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
                self.assertRegex(done.stderr.removeprefix("sharpsweep: "), pattern)


class Submission(Script):
    def test_the_words_that_sbatch_gets(self):
        self.print_script("--tasks", 3, "--time", 30, "--cpus-per-task", 2, "--mem", "8G",
                          "--partition", "p", "--account", "a b", "--sbatch=--qos=long",
                          "--sbatch=--comment=it's; $(x)", "--eta", "0.3", gpus=2)
        done = self.bash()
        self.assertIn("submitted: 3 tasks for 3 shards as job 7, the merge as 8", done.stdout)
        array, merge = self.calls("sbatch")
        for words in (array, merge):
            for word in ("--time=30", "--cpus-per-task=2", "--mem=8G", "--partition=p", "--requeue",
                         "--account=a b", "--qos=long", "--comment=it's; $(x)",
                         "--open-mode=append"):
                self.assertIn(word, words)
        for word in ("--array=1-3", "--gres=gpu:2", "--signal=B:USR1@60"):
            self.assertIn(word, array)
            self.assertNotIn(word, merge)
        self.assertIn("--dependency=afterany:7", merge)
        self.assertIn("--kill-on-invalid-dep=yes", merge)
        script = str(self.folder / "a script.sh")
        program = os.path.realpath(BINARY)
        self.assertEqual(array[array.index(script):],
                         [script, "task", program, str(self.output), "", "3"])
        self.assertEqual(merge[merge.index(script):],
                         [script, "merge", program, str(self.output), ""])
        self.assertIn("eta = 0.3\n", (self.shards / "sweep.toml").read_text())

    def test_an_array_stays_below_the_limit(self):
        for options, array in (((), "--array=1-5"), (("--array-limit", 2), "--array=1-2"),
                               (("--array-limit", 9), "--array=1-8")):
            self.print_script("--tasks", 8, *options)
            self.bash()
            self.assertIn(array, self.calls("sbatch")[-2])

    def test_an_output_or_another_sweep_in_the_way(self):
        self.print_script("--tasks", 2)
        self.output.write_text("")
        self.assertRegex(self.bash(code=1).stderr, r"o u't\.h5' exists; .*--resume")
        self.output.unlink()
        self.bash()
        self.assertRegex(self.bash(code=1, SQUEUE="7 RUNNING").stderr, "jobs 7,8 are still at it")

        self.print_script("--tasks", 2, "--seeds", 641)
        self.bash()  # nothing was trained yet
        (self.shards / "1-of-2.h5.parts").mkdir()
        self.bash()
        self.print_script("--tasks", 2, "--seeds", 642)
        self.assertIn("holds shards of another sweep", self.bash(code=1).stderr)
        self.assertIn("seeds = 641\n", (self.shards / "sweep.toml").read_text())
        self.assertEqual(len(self.calls("sbatch")), 6)

    def test_what_is_missing(self):
        self.print_script("--tasks", 2)
        done = self.bash(code=1, SHARPSWEEP=str(self.folder / "gone"))
        self.assertIn("sharpsweep is not on the PATH", done.stderr)
        (self.folder / "bin" / "realpath").symlink_to(shutil.which("realpath"))
        (self.folder / "bin" / "bash").symlink_to(shutil.which("bash"))
        (self.folder / "bin" / "sbatch").unlink()
        done = self.bash(code=1, PATH=str(self.folder / "bin"))
        self.assertIn("start this on a login node", done.stderr)
        shutil.copy(self.folder / "a script.sh", self.folder / "slurm_script")
        done = self.bash(script=str(self.folder / "slurm_script"), code=1)
        self.assertIn("with bash, not with sbatch", done.stderr)

    def test_what_sbatch_refuses(self):
        self.print_script("--tasks", 2)
        done = self.bash(code=1, REFUSE_ARRAY="no such account")
        self.assertIn("sbatch: error: no such account\n", done.stderr)
        self.assertIn("nothing was submitted", done.stderr)

        done = self.bash(code=1, REFUSE_MERGE="too many jobs")
        self.assertIn("sbatch: error: too many jobs\n", done.stderr)
        self.assertIn("the tasks run as job 7", done.stderr)
        command = shlex.split(done.stderr.splitlines()[-1])
        done = self.bash(*command[2:], code=FILE)  # no shard is there yet
        for i in (1, 2):
            done = run("run", self.shards / "sweep.toml", "-o", self.shards / f"{i}-of-2.h5",
                       "--shard", f"{i}/2", "--backend", "cpu")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.bash(*command[2:])
        self.assertTrue(self.output.exists())
        self.assertEqual([path.name for path in self.shards.iterdir()], ["logs"])


class Task(Script):
    """Interrupted tasks, as SLURM runs them."""

    def interrupt(self, code, minutes="minutes=60", number=signal.SIGTERM, **environment):
        """A task that gets a signal while it trains; what it says."""
        text = self.print_script("--tasks", 4, sweep=ENDLESS)
        (self.folder / "a script.sh").write_text(text.replace("minutes=60", minutes))
        self.shards.mkdir()
        shutil.copy(self.folder / "s.toml", self.shards / "sweep.toml")
        environment = {**self.environment, "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3",
                       "SLURMD_NODENAME": "n1", "SLURM_CPUS_PER_TASK": "1",
                       "SQUEUE": "RUNNING n1", **environment}
        task = subprocess.Popen(["bash", "a script.sh", "task", BINARY, self.output, "", "4"],
                                cwd=self.folder, env=environment, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)
        end = time.monotonic() + 20
        while not (self.shards / "3-of-4.h5.parts").exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.3)  # it trains
        task.send_signal(number)
        said = task.communicate(timeout=20)[0]
        self.assertEqual(task.returncode, code, said)
        self.assertIn("sharpsweep: interrupted", said)
        return said

    def check_requeued(self, *names):
        self.assertEqual(self.calls("scontrol"), [["requeue", name] for name in names])

    def test_close_to_the_time_limit_it_goes_back_into_the_queue(self):
        self.interrupt(INTERRUPTED, number=signal.SIGUSR1)
        self.check_requeued("7_3")

    def test_preemption_that_SLURM_leaves_to_the_task(self):
        self.interrupt(INTERRUPTED)
        self.check_requeued("7_3")

    def test_cancelled_or_preempted_by_SLURM(self):
        self.interrupt(INTERRUPTED, SQUEUE="COMPLETING n1")
        self.check_requeued()

    def test_moved_to_another_node(self):
        self.interrupt(INTERRUPTED, SQUEUE="RUNNING n2")
        self.check_requeued()

    def test_it_gives_up_after_many_restarts(self):
        said = self.interrupt(INTERRUPTED, SLURM_RESTART_COUNT="100")
        self.assertIn("failed: restarted 100 times", said)
        self.check_requeued()

    def test_it_gives_up_without_progress_in_its_time(self):
        said = self.interrupt(INTERRUPTED, minutes="minutes=0")
        self.assertRegex(said, r"failed: no work unit was finished in \d+ s; .*--time")
        self.check_requeued()


def example():
    done = run(*EXAMPLE_COMMAND, cwd=ROOT)
    assert done.returncode == 0, done
    return done.stdout


if __name__ == "__main__":
    if "--print" in sys.argv:
        print(example(), end="")
    else:
        unittest.main()
