#!/usr/bin/env python3
"""The printed script under a real SLURM: tasks at their time limit, preempted, cancelled, on nodes
that fail, and the merge. Whatever happens, the result has the bits of one undisturbed run.

Skipped, with the reason, where SLURM is not installed or does not start.
"""
import glob
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import unittest

import h5py

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program import BINARY, run, sweep_text
from slurm_cluster import Cluster, Unavailable

SKIPPED, DEVICE = 77, 4
MAX_ARRAY_SIZE = 9  # indices up to 8
TIMEOUT = 120  # seconds, for what takes a fraction of it on an idle machine
UNITS = 40  # work units of this sweep
SWEEP = {"depth": [2, 3], "init": ["balanced(0.2)", "unbalanced(0.4,2)"], "step_size": 1e-4,
         "step_size_unit": "scaled", "eta": "lin(0.3,0.7,5)", "target": "lin(0.8,2,7)",
         "target_unit": "threshold", "seeds": 640}


def results(path):
    """The digest and the bytes of every variable."""
    with h5py.File(path) as file:
        return file.attrs["digest"], {name: (data.shape, data.dtype, data[()].tobytes())
                                      for name, data in file.items()
                                      if isinstance(data, h5py.Dataset)}


def cpu_seconds():
    """That the finished children of this process have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Slurm(unittest.TestCase):
    cluster = None

    @classmethod
    def setUpClass(cls):
        """Sweeps of a known length on this machine, however busy it is."""
        cls.place = pathlib.Path(tempfile.mkdtemp(dir=cls.cluster.folder))
        steps, seconds = 10000, -cpu_seconds()
        cls.train_alone({**SWEEP, "steps": steps}, "--threads", 1)
        seconds += cpu_seconds()
        second = steps * UNITS / seconds
        cls.long = {**SWEEP, "steps": int(0.25 * second)}  # a work unit takes a core 0.25 s
        cls.quick = {**SWEEP, "steps": int(0.04 * second)}
        cls.more = {**cls.quick, "seeds": 700}

    @classmethod
    def train_alone(cls, sweep, *options):
        """The result of one undisturbed run."""
        output = cls.place / f"{sweep['steps']}_{sweep['seeds']}.h5"
        if not output.exists():
            (cls.place / "s.toml").write_text(sweep_text(**sweep), encoding="utf-8")
            done = run("run", cls.place / "s.toml", "-o", output, "--backend", "cpu", *options,
                       timeout=TIMEOUT)
            assert done.returncode == 0, done
        return output

    def setUp(self):
        # A name that every careless quoting stumbles over.
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=self.place, prefix="it's \"100%A\" "))
        self.output = self.folder / "phase diagram.h5"
        self.shards = self.folder / "phase diagram.h5.shards"

    def start(self, sweep, tasks, *options, gpus=0, succeeds=True):
        """Prints the script and starts it."""
        (self.folder / "sweep.toml").write_text(sweep_text(**sweep), encoding="utf-8")
        printed = run("slurm", "sweep.toml", "-o", self.output.name, "--tasks", tasks,
                      "--gpus-per-task", gpus, "--cpus-per-task", 1, *options, cwd=self.folder)
        self.assertEqual(printed.returncode, 0, printed.stderr)
        (self.folder / "the script.sh").write_text(printed.stdout, encoding="utf-8")
        done = subprocess.run(["bash", "the script.sh"], cwd=self.folder, text=True, timeout=60,
                              env={**self.cluster.environment, "SHARPSWEEP": BINARY},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0 if succeeds else 1, done)
        if succeeds:
            self.array, self.merge = (self.shards / "job_ids").read_text().strip().split(",")
        return done

    def element(self, index):
        return self.cluster.job(f"{self.array}_{index}")

    def log(self, name):
        path = self.shards / "logs" / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def wait(self, what, condition):
        end = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > end:
                logs = "".join(f"--- {path.name}\n{path.read_text()}"
                               for path in sorted(self.shards.glob("logs/*")))
                self.fail(f"not within {TIMEOUT} s: {what}\n{logs}"
                          + self.cluster.call("squeue", "--states=all"))
            time.sleep(0.05)

    def progressing(self, *indices):
        """Which of these tasks have trained something and are still at it."""
        # Not by pathlib, which raises when a folder that it saw is gone before it looks inside.
        return [i for i in indices if glob.glob(f"{i}-of-*.h5.parts/*.h5", root_dir=self.shards)]

    def running(self, node):
        return [int(i) for i in self.cluster.call(
            "squeue", "--noheader", f"--jobs={self.array}", "--states=RUNNING",
            f"--nodelist={node}", "--format=%K").split()]

    def restarts(self, index):
        return int(self.element(index)["Restarts"])

    def wait_for_merge(self, state="COMPLETED"):
        self.wait(f"merge is {state}", lambda: self.cluster.job(self.merge)["JobState"] == state)

    def check_result(self, sweep):
        """The bits of one undisturbed run, and nothing left but logs."""
        self.assertEqual(results(self.output), results(self.train_alone(sweep)))
        self.assertEqual([path.name for path in self.shards.iterdir()], ["logs"])

    def test_time_limit_and_failing_node(self):
        self.start(self.long, 8)
        self.wait("progress", lambda: self.progressing(*self.running("n2")))

        # All of n2 hangs, and SLURM gives it up.
        self.cluster.freeze("n2")
        on_n2 = self.running("n2")
        self.cluster.call("scontrol", "update", "nodename=n2", "state=down", "reason=drill")

        # Tasks on n1 come close to their time limit, one after the other: some may just finish.
        warned = set()

        def warn():
            for i in set(self.progressing(*self.running("n1"))) - warned:
                self.cluster.warn(f"{self.array}_{i}")
                warned.add(i)
            return any(map(self.restarts, warned))

        self.wait("a warned task restarts", warn)
        self.cluster.end_warnings()
        self.assertRegex(run("status", self.output).stdout, r"\d % done")

        # n2 comes back when its tasks have been started elsewhere: the same shards are then trained
        # twice at the same time.
        self.wait("a task of n2 starts on n1", lambda: any(
            "on n1, restart 1" in self.log(f"{self.array}_{i}") for i in on_n2))
        self.cluster.thaw()
        self.cluster.call("scontrol", "update", "nodename=n2", "state=resume")

        self.wait_for_merge()
        for i in range(1, 9):
            self.assertEqual(self.element(i)["JobState"], "COMPLETED")
            self.assertLessEqual(self.restarts(i), int(i in warned or i in on_n2), self.log(
                f"{self.array}_{i}"))
            self.assertIn(f"restart {self.restarts(i)}\n", self.log(f"{self.array}_{i}"))
        self.assertEqual([self.restarts(i) for i in on_n2], [1] * len(on_n2))
        self.check_result(self.long)

    def test_preempted_tasks_continue_and_cancelled_ones_do_not(self):
        self.start(self.long, 3)
        self.wait("progress", lambda: len(self.progressing(1, 2, 3)) == 3)
        self.cluster.call("scancel", f"{self.array}_2")
        self.cluster.call("sbatch", "--partition=urgent", "--nodes=2", "--exclusive",
                          "--output=/dev/null", "--wrap=sleep 1")
        self.wait("preemption", lambda: self.restarts(1) and self.restarts(3))
        self.wait_for_merge("FAILED")
        self.assertEqual(self.element(2)["JobState"], "CANCELLED")
        self.assertEqual([self.restarts(i) for i in (1, 2, 3)], [1, 0, 1])
        self.assertRegex(self.log(f"merge_{self.merge}"), r"not complete.* of 3 shards 2\b")
        self.assertFalse(self.output.exists())

        self.start(self.long, 3)  # trains the rest
        self.wait_for_merge()
        self.check_result(self.long)

    def test_more_tasks_than_indices_and_an_extension(self):
        done = self.start(self.quick, 11)
        self.assertRegex(done.stdout, r"submitted: 8 tasks for 11 shards as job \d+")
        again = self.start(self.quick, 11, succeeds=False)
        self.assertRegex(again.stderr, r"jobs \d+,\d+ are still at it")
        self.wait_for_merge()
        self.assertIn("shard 11/11", self.log(f"{self.array}_3"))
        self.check_result(self.quick)

        self.start(self.more, 3, "--resume", "--array-limit", 2)
        self.wait_for_merge()
        self.assertIn("shard 3/3", self.log(f"{self.array}_1"))
        self.check_result(self.more)

    def test_task_with_a_gpu(self):
        if not self.cluster.has_gpus:
            self.skipTest("the device that stands for a GPU can't be made here")
        (self.folder / "s.toml").write_text("steps = 1\n", encoding="utf-8")
        alone = run("run", "s.toml", "-o", "gpu.h5", "--backend", "cuda", cwd=self.folder)
        self.start(self.quick, 2, gpus=1)
        if alone.returncode == 0:
            self.wait_for_merge()
            self.check_result(self.quick)
            return
        self.wait_for_merge("FAILED")  # a failure is seen
        self.assertEqual(self.element(1)["JobState"], "FAILED")
        self.assertEqual(self.element(1)["ExitCode"], f"{DEVICE}:0")
        self.assertIn("failed: shard 1/2 ended with exit code 4", self.log(f"{self.array}_1"))
        self.assertIn("no usable GPU", self.log(f"{self.array}_1"))

    def test_what_sbatch_refuses_is_told(self):
        done = self.start(self.quick, 2, "--partition", "bogus", succeeds=False)
        self.assertIn("invalid partition specified: bogus", done.stderr)
        self.assertIn("nothing was submitted", done.stderr)


if __name__ == "__main__":
    try:
        Slurm.cluster = Cluster(MAX_ARRAY_SIZE)
    except Unavailable as reason:
        print(f"skipped: no SLURM here ({reason})")
        sys.exit(SKIPPED)
    with Slurm.cluster:
        unittest.main()
