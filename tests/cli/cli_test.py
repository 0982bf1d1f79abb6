#!/usr/bin/env python3
"""The command line: errors of every kind, interruption, help, options, progress.

Every error is one line on standard error with the right exit code, and leaves nothing behind.
"""
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program import BINARY, ENVIRONMENT, keys_of_ssam, run, sweep_text

QUICK = {"steps": 5, "seeds": 2}
ENDLESS = {"steps": 10**12, "seeds": 64, "target": "lin(0.5,1.5,8)"}
COMMANDS = ["run", "plan", "info", "status", "verify", "merge", "slurm", "models", "bench"]
USAGE, FILE, DEVICE, INTERRUPTED = 2, 3, 4, 75

# What stands in the sweep file -> what the one line on standard error says. Exit code 2.
BAD_SWEEP_FILES = {
    # misspelt and unknown keys
    "etaa = 0.5": r"'etaa'.*did you mean 'eta'\?",
    "Depth = 2": r"'Depth'.*did you mean 'depth'\?",
    "projection = 2": r"'projection' is not a key",
    "zzzzzzzzzzzz = 1": r"'zzzzzzzzzzzz' is not a key.*'sharpsweep models ssam' lists them",
    'model = "sam"': r"model: 'sam' is not a model; .*'ssam'",
    'model = ["ssam", "ssam"]': r"^model: ",
    # malformed axes
    'eta = "lin(0.1,1)"': r"^eta: 'lin\(0\.1,1\)' needs three numbers: lin\(first,last,count\)",
    'eta = "log(0,1,3)"': r"^eta: 'log\(0,1,3\)' needs both ends above 0",
    'eta = "lin(0.1,1,2.5)"': r"^eta: '2\.5' is not an integer",
    'eta = "lin(0.1,1,0)"': r"^eta: '0' is not an integer from 1",
    'eta = "lin(0.1,1,-3)"': r"^eta: '-3' is not an integer from 1",
    'eta = "lin(0.1,1,1)"': r"^eta: .*one value but two ends",
    'eta = "lin(0.1,1,3"': r"^eta: the parentheses of .* do not match",
    'eta = "lin(0.1,1,3))"': r"^eta: the parentheses of .* do not match",
    'eta = "lin(a,1,3)"': r"^eta: 'a' is not a number",
    'eta = "lim(0.1,1,3)"': r"^eta: 'lim\(0\.1,1,3\)' is not an axis",
    'eta = "lin()"': r"^eta: 'lin\(\)' needs three numbers",
    'eta = "range(1,2,-0.1)"': r"^eta: .*never reaches its end",
    'eta = "range(1,2,0)"': r"^eta: .*never reaches its end",
    'eta = "range(1)"': r"^eta: .*needs two or three numbers",
    'eta = "range(1,1e300)"': r"^eta: .*too long",
    'eta = "lin(1,2,1e12)"': r"^eta: '1e12' is not an integer from 1 to 16777216",
    'eta = "0.5x"': r"^eta: '0\.5x' is not a number",
    "eta = 0.5 0.6": r"^eta: '0\.5 0\.6' is not a number",
    "eta = [0.1, [0.2]]": r"^eta: '\[0\.2\]' is not a number",
    "eta = [0.1, 0.2]]": r"^eta: '0\.2\]' is not a number",
    'eta = "0.5': r"^eta: '\"0\.5' is not a number",
    # empty lists and values
    "eta = []": r"^eta: .*(empty|no value)",
    "eta = ": r"^eta: has no value",
    'eta = ""': r"^eta: .*(empty|no value)",
    "eta = [0.1,,0.2]": r"^eta: ",
    "init = []": r"^init: .*(empty|no value)",
    # duplicates
    "eta = [0.5, 0.6, 0.50]": r"^eta: 0\.5 stands twice",
    'init = ["balanced(1)", "balanced(1.0)"]': r"^init: balanced\(1\) stands twice",
    "depth = [2, 2]": r"^depth: 2 stands twice",
    "eta = 0.5\neta = 0.6": r"^eta: stands twice",
    # ranges
    "depth = 0": r"^depth: '0' is not an integer from 1 to 16",
    "depth = 17": r"^depth: '17' is not an integer from 1 to 16",
    "depth = 2.5": r"^depth: '2\.5' is not an integer from 1 to 16",
    "eta = -0.5": r"^eta: -0\.5 has to be above 0",
    "eta = 0": r"^eta: 0 has to be above 0",
    "steps = 0": r"^steps: '0' is not an integer from 1",
    "steps = -5": r"^steps: '-5' is not an integer from 1",
    "steps = 1.5": r"^steps: '1\.5' is not an integer from 1",
    "steps = [10, 20]": r"^steps: takes one value, not a list of 2",
    "steps = 99999999999999999999": r"^steps: ",
    "step_size = 0": r"^step_size: 0 has to be above 0",
    "seeds = 0": r"^seeds: '0' is not an integer from 1",
    "seeds = 268435456\nfirst_seed = 1": r"^seeds: seed numbers end at",
    "base_seed = -1": r"^base_seed: '-1' is not an integer from 0 to 18446744073709551615",
    "base_seed = 18446744073709551616": r"^base_seed: ",
    "tail_average = 1.5": r"^tail_average: 1\.5 has to lie between 0 and 1",
    "survival_level = 1": r"^survival_level: 1 has to lie strictly between 0 and 1",
    "projection_radius = -1": r"^projection_radius: -1 has to be at least 0",
    'projection_radius = 1\ntarget = "lin(1,2,2000)"': r"^projection_radius: .*at most \d+ targets",
    "record = 10\nsteps = 5": r"^record: 10 times do not fit into 5 steps",
    "record = 100001": r"^record: '100001' is not an integer",
    'depth = [1, 2]\ntarget_unit = "threshold"': r"^target_unit: depth 1 has no threshold",
    "target = 1e39": r"^target: .*outside the range of a float",
    # NaN and infinities
    **{f"{key} = {value}": rf"^{key}: '{value}' is not (a finite|an integer|a number)"
       for key in ("eta", "target", "step_size", "steps", "survival_level", "projection_radius")
       for value in ("nan", "inf", "-inf")},
    'eta = "lin(0.1,inf,3)"': r"^eta: 'inf' is not a finite number",
    'init = "balanced(nan)"': r"^init: 'nan' is not a finite number",
    "eta = 1e999": r"^eta: '1e999' is not a number that a double holds",
    # choices
    'init = "balnced(1)"': r"^init: 'balnced\(1\)' is not a start; did you mean 'balanced'\?",
    'init = "balanced"': r"^init: 'balanced' needs one number: balanced\(s\)",
    'init = "unbalanced(1)"': r"^init: .*needs two numbers: unbalanced\(s,r\)",
    'init = "unbalanced(1,0)"': r"^init: .*ratio, which can't be 0",
    'schedule = "power(5)"': r"^schedule: .*power\(k0,g\)",
    'schedule = "robbins_monro(0)"': r"^schedule: k0 has to be above 0",
    'noise = "gausian"': r"^noise: 'gausian' is not .*did you mean 'gaussian'\?",
    'save = "weight"': r"^save: .*did you mean 'weights'\?",
    'precision = "f16"': r"^precision: 'f16' is not f32 or f64",
    'step_size_unit = "relative"': r"^step_size_unit: 'relative' is not absolute or scaled",
    'target_unit = "thresh"': r"^target_unit: .*threshold",
    'noise_streams = "share"': r"^noise_streams: .*did you mean 'shared'\?",
    # no sweep file at all
    "": r"is empty; a sweep file holds key = value lines",
    "\n# only a comment\n\n": r"is empty; a sweep file holds key = value lines",
    "\nsteps": r"s\.toml:2: 'steps' is not key = value",
    "eta = [0.1,\n 0.2\nsteps = 3": r"s\.toml:1: the list that begins here has no closing",
    "= 3": r"s\.toml:1: '= 3' is not key = value",
    "[ssam]\nsteps = 5": r"s\.toml:1: sections are not used",
    "ssam.steps = 5": r"a key is one word without dots",
    "eta = [0.1,\n 0.2": r"s\.toml:1: the list that begins here has no closing '\]'",
    b"\x00\x01\x02binary": r"is no text file",
    b"\x89HDF\r\n\x1a\n" + bytes(64): r"is no text file",
}

# Good sweep files that look unusual: all the same sweep.
GOOD_SWEEP_FILES = {
    "plain": "eta = [0.5, 0.6]\nsteps = 5\nseeds = 2\n",
    "comments": "# top\neta = [0.5, 0.6] # of the noise\n  # indented\n\nsteps = 5\n"
                "seeds = 2 # '\n",
    "lists over lines": "eta = [\n  0.5, # first\n  0.6,\n]\nsteps = 5\nseeds = 2",
    "carriage returns": "eta = [0.5, 0.6]\r\nsteps = 5\r\nseeds = 2\r\n",
    "byte order mark": "\ufeffeta = [0.5, 0.6]\nsteps = 5\nseeds = 2\n",
    "no spaces": "eta=[0.5,0.6]\nsteps=5\nseeds=2",
    "quotes": "eta = \"0.5, 0.6\"\nsteps = '5'\nseeds = \"2\"",
    "exponents": "eta = [5e-1, +0.6]\nsteps = 5e0\nseeds = 2.0",
}

# The command line after `run s.toml` -> exit code and what the line says.
BAD_COMMAND_LINES = {
    "": (USAGE, r"--output"),
    "-o": (USAGE, r"--output"),
    "-o a.h5 --etaa 0.5": (USAGE, r"'--etaa'.*did you mean '--eta'\?"),
    "-o a.h5 --etaa=0.5": (USAGE, r"'--etaa.*did you mean '--eta'\?"),
    "-o a.h5 --overwrit": (USAGE, r"'--overwrit'.*did you mean '--overwrite'\?"),
    "-o a.h5 --zzzzzzzzzz": (USAGE, r"'--zzzzzzzzzz' is not an option; --help lists them"),
    "-o a.h5 -x": (USAGE, r"'-x' is not an option"),
    "-o a.h5 more": (USAGE, r"'more' is one argument too many"),
    "-o a.h5 --eta": (USAGE, r"^--eta: .*value"),
    "-o a.h5 --eta=": (USAGE, r"^(--)?eta: .*(empty|no value|value)"),
    "-o a.h5 --eta ": (USAGE, r"^(--)?eta: .*(empty|no value|value)"),
    "-o a.h5 --eta 0.1 --eta 0.2": (USAGE, r"^--eta: .*(once|a,b,c)"),
    "-o a.h5 --eta 0.1,0.1": (USAGE, r"^eta: 0\.1 stands twice"),
    "-o a.h5 --eta lin(0.1,1)": (USAGE, r"^eta: 'lin\(0\.1,1\)' needs three numbers"),
    "-o a.h5 --eta -0.5": (USAGE, r"^eta: -0\.5 has to be above 0"),
    "-o a.h5 --depth 17": (USAGE, r"^depth: '17' is not an integer from 1 to 16"),
    "-o a.h5 --steps nan": (USAGE, r"^steps: 'nan' is not"),
    "-o a.h5 --threads 0": (USAGE, r"^--threads: .*0.* 1 "),
    "-o a.h5 --threads two": (USAGE, r"^--threads: .*two"),
    "-o a.h5 --backend gpu": (USAGE, r"^--backend: .*gpu.*auto.*cpu.*cuda"),
    "-o a.h5 --instruction-set sse": (USAGE, r"^--instruction-set: .*sse.*scalar.*avx2.*avx512"),
    "-o .": (FILE, r"'\.' is a folder; name the output file in it"),
    "-o missing/a.h5": (FILE, r"the folder 'missing' does not exist"),
    "-o s.toml/a.h5": (FILE, r"the folder 's\.toml' is a file"),
    "-o s.toml": (FILE, r"'s\.toml' exists; --resume extends it, --overwrite replaces it"),
    "-o ": (USAGE, r"^--output: .*empty"),
    "-o /dev/null --overwrite": (FILE, r"'/dev/null' is not a regular file"),
    "-o dev/full/a.h5": (FILE, r"'dev/full' does not exist"),
}

# Whole command lines that are wrong.
BAD_COMMANDS = {
    "": (USAGE, r"command.*run"),
    "rn": (USAGE, r"'rn' is not a command; did you mean 'run'\?"),
    "frobnicate s.toml": (USAGE, r"'frobnicate' is not a command"),
    "--verison": (USAGE, r"'--verison'.*did you mean '--version'\?"),
    "run": (USAGE, r"SWEEP"),
    "run missing.toml -o a.h5": (FILE, r"'missing\.toml' does not exist"),
    "run folder -o a.h5": (USAGE, r"folder: is a folder, not a sweep file"),
    "plan": (USAGE, r"SWEEP"),
    "plan s.toml --jsn": (USAGE, r"'--jsn'.*did you mean '--json'\?"),
    "plan s.toml --eta 0": (USAGE, r"^eta: 0 has to be above 0"),
    "info": (USAGE, r"FILE"),
    "info missing.h5": (FILE, r"'missing\.h5' does not exist"),
    "info s.toml": (FILE, r"'s\.toml' is no complete sharpsweep file"),
    "info folder": (FILE, r"'folder' is a folder"),
    "info s.toml --jsn": (USAGE, r"'--jsn'.*did you mean '--json'\?"),
    "verify missing.h5": (FILE, r"'missing\.h5' does not exist"),
    "verify s.toml --cells 0": (USAGE, r"^--cells: .*0"),
    "verify s.toml --cells many": (USAGE, r"^--cells: .*many"),
    "models ssan": (USAGE, r"'ssan' is not a model.*'ssam'"),
    "bench --seconds 0": (USAGE, r"^--seconds: "),
    "bench --seconds nan": (USAGE, r"^--seconds: "),
}

# Sweeps that no machine holds: refused at once, with their size.
TOO_LARGE = {
    "cells": {"eta": "lin(0.1,1,100000)", "target": "lin(1,2,1000000)"},
    "long axes": {"eta": "lin(0.1,1,4000000)", "target": "lin(1,2,4000000)"},
    "cells beyond 64 bits": {"eta": "lin(0.1,1,4194304)", "target": "lin(1,2,4194304)",
                             "step_size": "lin(1e-3,1e-2,4194304)"},
    "seeds": {"target": "lin(1,2,100000)", "seeds": 2**28},
    "saved seeds": {"target": "lin(1,2,100000)", "seeds": 1000000, "save": "seeds"},
    "record": {"target": "lin(1,2,100000)", "record": 100000, "steps": 100000},
}

# For each key a value other than the default.
OTHER_VALUES = {
    "model": "ssam", "depth": "3,2", "init": "balanced(0.4),unbalanced(1,2)", "step_size": "0.02",
    "step_size_unit": "scaled", "schedule": "power(10,0.5)", "eta": "lin(0.25,0.5,2)",
    "target": "-1,2", "target_unit": "threshold", "noise": "none", "seeds": "3",
    "first_seed": "63", "base_seed": "18446744073709551615", "noise_streams": "independent",
    "steps": "30", "projection_radius": "0.7", "tail_average": "0.5", "survival_level": "0.3",
    "record": "2", "save": "seeds", "precision": "f64",
}


class Folder(unittest.TestCase):
    """Each test works in a folder of its own that holds a good sweep file s.toml."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.write("s.toml", sweep_text(**QUICK))

    def write(self, name, content):
        if isinstance(content, str):
            content = content.encode()
        (self.folder / name).write_bytes(content)

    def contents(self):
        return {p.name: p.read_bytes() if p.is_file() else None for p in self.folder.iterdir()}

    def run_here(self, *arguments, **more):
        return run(*arguments, cwd=self.folder, **more)

    def check_error(self, done, code, pattern):
        """One line, the exit code, and nothing on standard output."""
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("sharpsweep: "), done.stderr)
        self.assertRegex(done.stderr[len("sharpsweep: "):], pattern)
        self.assertEqual(done.stdout, "")

    def check_refused(self, arguments, code, pattern, **more):
        """The error, and that the folder is as it was."""
        before = self.contents()
        self.check_error(self.run_here(*arguments, **more), code, pattern)
        self.assertEqual(self.contents(), before)


class Errors(Folder):
    def test_sweep_files(self):
        for text, pattern in BAD_SWEEP_FILES.items():
            with self.subTest(text=text):
                self.write("s.toml", text)
                self.check_refused(["run", "s.toml", "-o", "a.h5"], USAGE, pattern, timeout=5)

    def test_command_lines_of_run(self):
        for line, (code, pattern) in BAD_COMMAND_LINES.items():
            with self.subTest(line=line):
                words = line.split(" ") if line else []
                self.check_refused(["run", "s.toml", *words], code, pattern, timeout=5)

    def test_commands(self):
        (self.folder / "folder").mkdir()
        for line, (code, pattern) in BAD_COMMANDS.items():
            with self.subTest(line=line):
                self.check_refused(line.split(), code, pattern, timeout=5)

    def test_grids_too_large(self):
        for name, keys in TOO_LARGE.items():
            with self.subTest(name):
                self.write("s.toml", sweep_text(**{**QUICK, **keys}))
                self.check_refused(["run", "s.toml", "-o", "a.h5"], USAGE,
                                   r"too large.*\d.* (cells|networks).*[KMGTPEiB]+", timeout=5)

    def test_existing_output_is_refused_and_untouched(self):
        self.write("a.h5", b"precious")
        self.check_refused(["run", "s.toml", "-o", "a.h5"], FILE,
                           r"'a\.h5' exists; --resume extends it, --overwrite replaces it")
        (self.folder / "link.h5").symlink_to("nowhere")  # a name that is taken, too
        self.check_refused(["run", "s.toml", "-o", "link.h5"], FILE, r"'link\.h5' exists")
        done = self.run_here("run", "s.toml", "-o", "a.h5", "--overwrite")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue((self.folder / "a.h5").read_bytes().startswith(b"\x89HDF"))

    def test_error_under_overwrite_keeps_the_old_file(self):
        self.write("a.h5", b"precious")
        self.check_refused(["run", "s.toml", "-o", "a.h5", "--overwrite", "--eta", "0"],
                           USAGE, r"^eta: ")

    def test_standard_output_that_is_full(self):
        for words in (["models", "ssam"], ["--help"], ["plan", "s.toml"]):
            with self.subTest(words=words), open("/dev/full", "w") as full:
                done = subprocess.run([BINARY, *words], cwd=self.folder, stdout=full, text=True,
                                      stderr=subprocess.PIPE, timeout=10)
                self.assertEqual(done.returncode, FILE, done.stderr)
                self.assertEqual(done.stderr,
                                 "sharpsweep: standard output can't be written\n")


class Disks(Folder):
    def mounted(self, options, script):
        """Runs a shell script with `disk` on a file system of its own; lists what is left."""
        if os.geteuid() != 0 or subprocess.run(
                ["unshare", "-m", "true"], stderr=subprocess.DEVNULL).returncode != 0:
            self.skipTest("mounting a small disk needs root")
        (self.folder / "disk").mkdir(exist_ok=True)
        return subprocess.run(
            ["unshare", "-m", "sh", "-c", f"mount -t tmpfs -o {options} none disk || exit 99\n"
             f"{script}\nrc=$?; ls -A disk; exit $rc"], cwd=self.folder, text=True, timeout=60,
            env={**ENVIRONMENT, "P": BINARY}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def check(self, done, pattern, left):
        self.assertEqual(done.returncode, FILE, done.stderr)
        self.assertRegex(done.stderr, r"\Asharpsweep: [^\n]*" + pattern + r"[^\n]*\n\Z")
        self.assertEqual(done.stdout.split(), left)

    def test_folder_that_cannot_be_written(self):
        if os.geteuid() == 0:
            done = self.mounted("ro", '"$P" run s.toml -o disk/a.h5 --backend cpu')
        else:
            (self.folder / "disk").mkdir(mode=0o555)
            done = self.run_here("run", "s.toml", "-o", "disk/a.h5", "--backend", "cpu")
        self.check(done, "'disk/a.h5' can't be written: ", [])

    def test_disk_too_small_is_found_before_computing(self):
        self.write("s.toml", sweep_text(**ENDLESS))
        done = self.mounted("size=32k", '"$P" run s.toml -o disk/a.h5 --backend cpu')
        self.check(done, r"'disk/a.h5' can't be written: it needs up to .* MB and the disk has "
                         r".* MB", [])

    def test_disk_that_fills_up_during_the_run(self):
        self.write("s.toml", sweep_text(steps=5 * 10**5, seeds=64, target="lin(0.5,1.5,40)"))
        done = self.mounted("size=2m", """
            echo precious > disk/a.h5
            "$P" run s.toml -o disk/a.h5 --overwrite --backend cpu --quiet --threads 1 &
            pid=$!
            while ! ls disk/a.h5.parts/sweep.toml >/dev/null 2>&1; do sleep 0.01; done
            dd if=/dev/zero of=disk/filler bs=4k 2>/dev/null
            wait $pid; rc=$?
            [ "$(cat disk/a.h5)" = precious ] || echo lost
            (exit $rc)""")
        self.check(done, r"'disk/a.h5' can't be written", ["a.h5", "filler"])

    def test_limit_on_file_size(self):
        self.write("a.h5", b"precious")
        before = self.contents()
        done = subprocess.run(["sh", "-c", 'ulimit -f 8; exec "$0" run s.toml -o a.h5 --overwrite '
                               '--backend cpu --quiet', BINARY], cwd=self.folder, text=True,
                              timeout=20, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.check(done, r"'a.h5' can't be written", [])
        self.assertEqual(self.contents(), before)


class Devices(Folder):
    def has_gpu(self):
        return os.path.exists("/dev/nvidiactl")

    def test_cuda_without_a_gpu(self):
        if self.has_gpu():
            self.skipTest("this machine has a GPU")
        for command in ("run s.toml -o a.h5", "plan s.toml"):
            with self.subTest(command):
                self.check_refused([*command.split(), "--backend", "cuda"], DEVICE, r"CUDA|GPU")

    def test_auto_falls_back_and_says_so(self):
        if self.has_gpu():
            self.skipTest("this machine has a GPU")
        done = self.run_here("run", "s.toml", "-o", "a.h5")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, r"\Asharpsweep: using the CPU; .*\n\Z")
        done = self.run_here("run", "s.toml", "-o", "b.h5", "--quiet")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))


class Interruption(Folder):
    def start(self, *more, **how):
        self.write("s.toml", sweep_text(**ENDLESS))
        process = subprocess.Popen([BINARY, "run", "s.toml", "-o", "a.h5", "--backend", "cpu",
                                    *more],
                                   cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=ENVIRONMENT, **how)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 10
        while not list(self.folder.glob("*.parts/sweep.toml")):
            self.assertLess(time.monotonic(), deadline, "the run did not begin")
            time.sleep(0.01)
        time.sleep(0.1)
        return process

    def test_signals(self):
        self.write("s.toml", sweep_text(**ENDLESS))
        for name in ("SIGINT", "SIGTERM", "SIGUSR1"):
            for extra in ([], ["--noise", "none"], ["--projection_radius", "2"], ["--overwrite"]):
                with self.subTest(name, extra=extra):
                    if extra == ["--overwrite"]:
                        self.write("a.h5", b"precious")
                    before = self.contents()
                    process = self.start(*extra)
                    process.send_signal(getattr(signal, name))
                    out, err = process.communicate(timeout=10)
                    self.assertEqual(process.returncode, INTERRUPTED, err)
                    self.assertRegex(err, r"\Asharpsweep: interrupted; .*'a\.h5'.*\n\Z")
                    self.assertEqual(out, "")
                    self.assertEqual(self.contents(), before)
                    (self.folder / "a.h5").unlink(missing_ok=True)

    def test_sparse_lines_elsewhere_than_on_a_terminal(self):
        process = self.start("--threads", "1")
        process.send_signal(signal.SIGSTOP)  # time passes, and no core is taken for it
        time.sleep(9)
        process.send_signal(signal.SIGCONT)
        readable, _, _ = select.select([process.stderr], [], [], 15)
        self.assertTrue(readable, "no line of progress after 15 s")
        self.assertRegex(process.stderr.readline(),
                         r"\Asharpsweep: +\d+ % done, [\d.]+ \w?updates/s, .* left\n\Z")
        process.terminate()
        _, err = process.communicate(timeout=10)
        self.assertRegex(err, r"\Asharpsweep: interrupted; .*\n\Z")


class Progress(Folder):
    def test_bar_on_a_terminal(self):
        self.write("s.toml", sweep_text(steps=4 * 10**5, seeds=64, target="lin(0.5,1.5,40)"))
        ours, theirs = pty.openpty()
        process = subprocess.Popen([BINARY, "run", "s.toml", "-o", "a.h5", "--backend", "cpu"],
                                   cwd=self.folder, stdout=subprocess.PIPE, stderr=theirs)
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 4096):
                shown += chunk
        except OSError:  # the other end closed
            pass
        os.close(ours)
        out, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0)
        self.assertRegex(shown, rb"\r\[#*\.*\] +\d+ %  [\d.]+ \w?updates/s  .* left\x1b\[K")
        self.assertTrue(shown.endswith(b"\r\x1b[K"), "the bar is wiped at the end")
        self.assertNotIn(b"\n", shown)
        self.assertRegex(out.decode(), r"\Aa\.h5: 64 networks of 40 coordinates, (.*\n)+"
                                       r"digest \w{64}\n\Z")


class Options(Folder):
    def test_help_of_every_command(self):
        for words in ([], *([c] for c in COMMANDS)):
            with self.subTest(words=words):
                for option in ("--help", "-h"):
                    done = self.run_here(*words, option)
                    self.assertEqual((done.returncode, done.stderr), (0, ""))
                    self.assertIn("Usage: sharpsweep", done.stdout)
                    self.assertLessEqual(max(map(len, done.stdout.splitlines())), 100)
        top = self.run_here("--help").stdout
        for command in COMMANDS:
            self.assertIn(f"\n  {command} ", top)
        for code in ("0", "2", "3", "4", "75"):
            self.assertRegex(top, rf"\b{code} \w")
        for command in ("run", "plan"):
            text = self.run_here(command, "--help").stdout
            for key, default in keys_of_ssam().items():
                self.assertRegex(text, rf"\n  --{key} ")
                self.assertIn(f"[{default}]", re.sub(r"\s+", " ", text))
            self.assertIn("lin(first,last,count)", text)

    def test_version(self):
        done = self.run_here("--version")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"\Asharpsweep \d+\.\d+\.\d+ \(\S+\)\n\Z")

    def sweep_of(self, *options, **keys):
        """The sweep and the digest that a run's file carries."""
        import h5py
        self.write("s.toml", sweep_text(**keys))
        done = self.run_here("run", "s.toml", "-o", "a.h5", "--overwrite", "--quiet", *options)
        self.assertEqual(done.returncode, 0, done.stderr)
        with h5py.File(self.folder / "a.h5") as file:
            return file.attrs["sweep"], file.attrs["digest"]

    def test_every_key_is_an_option_and_wins_over_the_file(self):
        defaults = keys_of_ssam()
        self.assertEqual(set(defaults), set(OTHER_VALUES))
        for key, value in OTHER_VALUES.items():
            with self.subTest(key):
                base = {"steps": 20, "seeds": 2, "target": "0.5,1.5"}
                in_file = self.sweep_of(**{**base, key: value})
                default = {**defaults, **base}[key]
                as_option = self.sweep_of(f"--{key}", value, **{**base, key: default})
                self.assertEqual(in_file, as_option)
                if key != "model":
                    self.assertNotEqual(in_file, self.sweep_of(**{**base, key: default}))
                self.assertRegex(in_file[0], rf"(?m)^{key} = ")

    def test_forms_of_sweep_files(self):
        expected = None
        for name, text in GOOD_SWEEP_FILES.items():
            with self.subTest(name):
                self.write("s.toml", text)
                done = self.run_here("run", "s.toml", "-o", "a.h5", "--overwrite")
                self.assertEqual(done.returncode, 0, done.stderr)
                digest = re.search(r"digest (\w{64})", done.stdout)[1]
                expected = expected or digest
                self.assertEqual(digest, expected)

    def test_plan_says_how_large(self):
        import json
        self.write("s.toml", sweep_text(depth=[2, 3], eta="lin(0.1,1,10)", target="lin(1,2,7)",
                                        seeds=5, steps=1000))
        done = self.run_here("plan", "s.toml", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        plan = json.loads(done.stdout)
        expected = {"model": "ssam", "configurations": 20, "networks": 100, "coordinates": 7,
                    "steps": 1000, "updates": 5 * 10 * 7 * 5 * 1000}
        self.assertEqual({k: plan[k] for k in expected}, expected)
        for key in ("memory_bytes", "file_bytes_at_most", "disk_bytes_at_most", "work_units",
                    "seconds"):
            self.assertGreater(plan[key], 0)
        text = self.run_here("plan", "s.toml").stdout
        for word in ("networks", "updates", "memory", "file", "time", "work units"):
            self.assertRegex(text, rf"(?m)^{word} ")

    def test_bench_measures_every_instruction_set_and_depth(self):
        done = self.run_here("bench", "--seconds", "0.01")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = re.findall(r"(?m)^(\w+) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+)x +([\d.]+) +([\d.]+)x$",
                          done.stdout)
        sets = {row[0] for row in rows}
        self.assertIn("scalar", sets)
        self.assertEqual(sorted((row[0], int(row[1])) for row in rows),
                         sorted((s, depth) for s in sets for depth in (2, 3, 4, 8, 16)))
        for row in rows:
            self.assertGreater(min(map(float, row[2:])), 0, row)
        for line in (r"depth 2: [\d.]+; the engine is \d+ times as fast", r"\d+ cores?: [\d.]+, ",
                     r"label_noise, cubic +f64( +[\d.]+){4}$"):
            self.assertRegex(done.stdout, rf"(?m){line}")


if __name__ == "__main__":
    unittest.main()
