"""What the drills share: a folder to work in, the shim that makes the file system fail, files in a
form that compares, and what has to hold after every accident."""
import atexit
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import h5py
import numpy
from program import BINARY, ENVIRONMENT, sweep_text

DONE, USAGE, FILE, INTERRUPTED, DIED = 0, 2, 3, 75, 137
PATIENCE = 120  # seconds that a command may take on a loaded machine
# A sweep of three seed blocks.
SMALL = {"eta": [0.4, 0.6], "target": [0.8, 1.2], "seeds": 130, "steps": 4000,
         "step_size": 0.02}
# What may differ between two runs of one sweep.
PROVENANCE = {b"history", b"updates_computed", b"wall_seconds", b"device"}
REFERENCES = {b"REFERENCE_LIST", b"DIMENSION_LIST"}  # addresses
IN_PARTS = re.compile(r"sweep\.toml|shard|errors\.log|[0-9a-f]{32}\.h5|.*\.tmp")
# For the shim: temporary files that become the output a.h5, or parts; names among the parts.
RESULT = {"FILE": ".h5.parts/a.h5."}
PART = {"FILE": ".tmp", "EXCEPT": ".parts/a.h5. .parts/sweep.toml. .parts/shard."}
NAMING = {"CALLS": "rename", "FILE": ".h5.parts/"}
TRAILER = re.compile(rb"\nsharpsweep sha256 ([0-9a-f]{64})\n\Z")


@functools.cache
def shim():
    """The path of the compiled shim; skips the test where it can't work."""
    if not sys.platform.startswith("linux") or not shutil.which("cc"):
        raise unittest.SkipTest("the shim needs Linux and a C compiler 'cc'")
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder)
    library = pathlib.Path(folder) / "shim.so"
    source = pathlib.Path(__file__).resolve().parent / "shim.c"
    subprocess.run(["cc", "-std=gnu11", "-O1", "-shared", "-fPIC", "-o", library, source],
                   check=True)
    probe = subprocess.run([BINARY, "--version"], capture_output=True, text=True, check=False,
                           env={**ENVIRONMENT, "LD_PRELOAD": str(library), "DRILL_UNDER": "/-/"})
    if probe.returncode != 0:
        raise unittest.SkipTest("the shim does not work here: " + probe.stderr.strip())
    return library


def trailer_of(path):
    """(digest that the last line tells, digest of the bytes before it)."""
    data = pathlib.Path(path).read_bytes()
    found = TRAILER.search(data)
    if not found:
        return None, hashlib.sha256(data).hexdigest()
    return found[1].decode(), hashlib.sha256(data[:found.start()]).hexdigest()


def readable(path):
    """Whether the file is complete: its checksum is that of its bytes."""
    told, digest = trailer_of(path)
    return told == digest


def seal(path):
    """Gives a file that was changed the checksum of its bytes."""
    data = TRAILER.sub(b"", pathlib.Path(path).read_bytes())
    end = b"\nsharpsweep sha256 " + hashlib.sha256(data).hexdigest().encode() + b"\n"
    pathlib.Path(path).write_bytes(data + end)


def contents(path):
    """All that has to be equal between two runs, as bytes with type and shape: datasets, and
    attributes but provenance.

    HDF5's own calls: h5py's dictionaries take twice as long, and there are thousands to read.
    """
    everything = {}

    def put(name):
        item, attributes = h5py.h5o.open(file.id, name), []
        h5py.h5a.iterate(item, attributes.append)
        for attribute in attributes:
            if attribute not in PROVENANCE and attribute not in REFERENCES:
                everything[name + b"@" + attribute] = raw(h5py.h5a.open(item, attribute))
        if isinstance(item, h5py.h5d.DatasetID):
            everything[name] = raw(item, h5py.h5s.ALL, h5py.h5s.ALL)

    def raw(item, *selections):
        kind, shape = item.get_type(), item.shape
        text = kind.get_class() == h5py.h5t.STRING and kind.is_variable_str()
        values = numpy.zeros(shape or (), item.dtype if text else (numpy.void, kind.get_size()))
        item.read(*selections, values, *([] if text else [kind]))
        return kind.encode(), shape, values.tolist() if text else values.tobytes()

    with h5py.File(path) as file:
        put(b".")
        h5py.h5o.visit(file.id, put)
    assert b".@digest" in everything, f"{path} is no result file"
    return everything


def difference(left, right):
    """The first thing in which two contents differ, in words; empty when they are equal."""
    for name in sorted(left.keys() | right.keys()):
        if left.get(name) != right.get(name):
            return f"'{name.decode()}' differs"
    return ""


def attribute(path, name):
    with h5py.File(path) as file:
        return file.attrs[name].item()


def names(folder):
    """Of what lies in a folder; none where there is no folder, or no longer: a run that is watched
    removes its own at any moment."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def bytes_of(folder):
    """Every file below a folder with its bytes."""
    return {str(p): p.read_bytes() for p in pathlib.Path(folder).rglob("*") if p.is_file()}


class Drill(unittest.TestCase):
    """Works in a folder of its own: the sweep file lies in it, all outputs in its folder `work`."""

    KEYS = {}
    OPTIONS = ()
    ON_DISK = True  # else in memory where possible: a process's death is the same there, quicker

    def setUp(self):
        in_memory = "/dev/shm" if not self.ON_DISK and os.access("/dev/shm", os.W_OK) else None
        holder = tempfile.TemporaryDirectory(prefix="drill-", dir=in_memory)
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.work = self.folder / "work"
        self.work.mkdir()
        self.use(self.work / "a.h5")
        self.sweep = self.folder / "s.toml"
        self.sweep.write_text(sweep_text(**self.KEYS))

    def use(self, output):
        self.output = output
        self.parts = output.with_name(output.name + ".parts")

    # Running.

    def environment(self, shim_options):
        if not shim_options:
            return ENVIRONMENT
        options = {"UNDER": self.output.parent, **shim_options}
        return {**ENVIRONMENT, "LD_PRELOAD": str(shim()),
                **{f"DRILL_{key}": str(value) for key, value in options.items()}}

    def start(self, *arguments, **shim_options):
        process = subprocess.Popen([BINARY, *map(str, arguments)], text=True,
                                   env=self.environment(shim_options), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(self.end, process)
        return process

    @staticmethod
    def end(process):
        """For tests that fail: no process, least of all a stopped one, outlives its test."""
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
        process.stderr.close()

    def go(self, *arguments, **shim_options):
        with self.start(*arguments, **shim_options) as process:
            try:
                out, err = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def run_arguments(self, *more, quiet=True):
        return ("run", self.sweep, "-o", self.output, "--backend", "cpu",
                *(["--quiet"] if quiet else []), *self.OPTIONS, *more)

    def train(self, *more, **shim_options):
        return self.go(*self.run_arguments(*more), **shim_options)

    def reference(self):
        """Contents of the uninterrupted run, which is then removed."""
        done = self.train()
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.total = attribute(self.output, "updates")
        self.assertEqual(attribute(self.output, "updates_computed"), self.total)
        expected = contents(self.output)
        self.clear()
        return expected

    def shards(self):
        """Two shards of the sweep, outside the folder of outputs."""
        output, paths = self.output, []
        for i in (1, 2):
            self.use(self.folder / f"shard{i}.h5")
            self.assertEqual(self.train("--shard", f"{i}/2").returncode, DONE)
            paths.append(self.output)
        self.use(output)
        return paths

    def clear(self):
        for path in self.work.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def stopped(self, process):
        """Waits until the process has stopped itself (True) or ended (False)."""
        result = os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return result.si_code == os.CLD_STOPPED

    def finish(self, process, *signals):
        """Sends signals to a stopped process, lets it go on and waits for its end."""
        for number in signals:
            process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        return subprocess.CompletedProcess((), process.returncode, out, err)

    # What there is.

    def finished_parts(self):
        return [self.parts / name for name in names(self.parts) if name.endswith(".h5")]

    def updates_in_parts(self):
        return sum(attribute(part, "updates_computed") for part in self.finished_parts())

    # What has to hold.

    def check_one_line(self, done, code, pattern="", what=""):
        self.assertEqual(done.returncode, code, f"{what}: {done.stderr}")
        self.assertEqual(done.stderr.count("\n"), 1, f"{what}: not one line: {done.stderr}")
        self.assertTrue(done.stderr.startswith("sharpsweep: "), f"{what}: {done.stderr}")
        self.assertRegex(done.stderr, pattern, what)
        self.assertEqual(done.stdout, "", what)

    def check_files(self, expected, what):
        """No unreadable file under a final name, no file that nobody knows."""
        if self.output.exists():
            info = self.go("info", self.output)
            self.assertEqual(info.returncode, DONE, f"{what}: the output is there but unreadable: "
                             + info.stderr)
            self.assertEqual(difference(contents(self.output), expected), "",
                             f"{what}: the output is there, but not the right one")
        for name in names(self.work):
            self.assertIn(name, (self.output.name, self.parts.name), f"{what}: a stray file")
        for name in names(self.parts):
            self.assertRegex(name, rf"\A({IN_PARTS.pattern})\Z", f"{what}: a stray file")
        for part in self.finished_parts():
            self.assertTrue(readable(part), f"{what}: the part {part.name} is not complete")

    def check_status(self, what):
        """What `status` says counts every part that is there."""
        done = self.go("status", self.output, "--json")
        if not self.output.exists() and not (self.parts / "sweep.toml").exists():
            self.check_one_line(done, FILE, "does not exist", what + ": status")
            return
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), f"{what}: status")
        status = json.loads(done.stdout)
        self.assertEqual(status["damaged"], [], f"{what}: status")
        self.assertEqual(status["output_exists"], self.output.exists(), f"{what}: status")
        kept = 1.0 if self.output.exists() else self.updates_in_parts() / self.total
        self.assertGreaterEqual(status["fraction_done"], kept - 1e-9,
                                f"{what}: status does not count all parts")
        self.assertLessEqual(status["fraction_done"], 1, f"{what}: status")

    def check_resume(self, expected, what, *more, exact=True):
        """--resume gives the bytes of the uninterrupted run, computes only what was missing and
        leaves nothing else."""
        before = self.output.read_bytes() if self.output.exists() else None
        kept = self.total if before else self.updates_in_parts()
        done = self.train("--resume", *more)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), f"{what}: resume")
        self.check_finished(expected, what)
        computed = attribute(self.output, "updates_computed")
        if exact and self.output.read_bytes() != before:
            self.assertEqual(computed + kept, self.total, f"{what}: resume lost finished units: "
                             f"{kept:g} of {self.total:g} updates were kept, {computed:g} computed")
        return done

    def check_finished(self, expected, what):
        """The right output and nothing beside it."""
        self.assertEqual(names(self.work), [self.output.name], f"{what}: files beside the output")
        self.assertTrue(readable(self.output), f"{what}: the output's checksum is wrong")
        self.assertEqual(difference(contents(self.output), expected), "", f"{what}: other bytes")
