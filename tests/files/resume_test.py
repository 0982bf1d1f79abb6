#!/usr/bin/env python3
"""Resuming, extending, sharding and merging: whatever way a sweep is computed, the same bytes.

Every file is compared with one run of the whole sweep: all result variables byte for byte, and the
digest. What was computed is counted by the attribute `updates_computed`.
"""
import json
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time
import unittest

import h5py
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program import BINARY, ENVIRONMENT, run, scratch_folder, sweep_text

BASE = dict(depth=[2, 3], init=["balanced(0.4)", "gaussian(0.5)"], step_size=[0.01, 0.02],
            eta="lin(0.5,1,3)", target="lin(0.75,2.25,4)", seeds=16, steps=60, base_seed=7)
KINDS = {
    "plain": dict(),
    "weights": dict(save="weights", record=3),
    "seeds in double": dict(save="seeds", precision="f64", noise_streams="independent"),
    "projected": dict(projection_radius=1.5, record=2, save="weights"),
    "thresholds": dict(target_unit="threshold", schedule="power(10,0.5)"),
    "late seeds": dict(first_seed=60, save="seeds", record=2),  # blocks 60..63, 64.. from the start
}
# What a sweep is extended by -> the share of the new sweep's updates that is new.
EXTENSIONS = {
    "twice the seeds": (dict(seeds=32), 1 / 2),
    "seeds beyond a block": (dict(seeds=150), 134 / 150),
    "finer eta": (dict(eta="lin(0.5,1,5)"), 2 / 5),
    "targets appended": (dict(target=[0.75, 1.25, 1.75, 2.25, 3]), 1 / 5),
    "finer target": (dict(target="lin(0.75,2.25,7)"), 3 / 7),
    "a depth added": (dict(depth=[5, 2, 3]), 1 / 2),
    "a start added": (dict(init=["zero_last(1)", "balanced(0.4)", "gaussian(0.5)"]), 1 / 3),
    "a step size added": (dict(step_size=[0.02, 0.03, 0.01]), 1 / 3),
    "seeds and targets": (dict(seeds=20, target=[0.75, 1.25, 1.75, 2.25, 3]), 1 - 64 / 100),
    "everything": (dict(depth=[2, 3, 1], init=["gaussian(0.5)", "zero_last(2)", "balanced(0.4)"],
                        step_size=[0.02, 0.01, 0.005], eta="lin(0.5,1,5)", seeds=70,
                        target="lin(0.75,2.25,7)"),
                   1 - 5 / 6 * 2 / 3 * 2 / 3 * 3 / 5 * 4 / 7 * 16 / 70),
}
# A model whose networks are coupled -> its sweep, and what extends it by which share.
COUPLED = {
    "sam_classification": (dict(depth=2, rule=["gd", "l2"], alpha="lin(0.7,1.1,9)", steps=50),
                           dict(depth=[4, 2], rule=["l2", "linf", "gd"]), 1 - 4 / 18),
    "sam_quadratic": (dict(start="gaussian(1)", lambda_2="lin(0.1,0.9,5)", seeds=20, steps=50),
                      dict(lambda_2="lin(0.1,0.9,9)", seeds=70), 1 - 5 / 9 * 20 / 70),
    "label_noise": (dict(activation=["cubic", "tanh"], step_size=[0.02, 0.05], seeds=10, steps=50),
                    dict(step_size=[0.05, 0.03, 0.02], seeds=70), 1 - 2 / 3 * 10 / 70),
}


def results(path):
    """The bytes of all variables by name, and the digest."""
    with h5py.File(path) as file:
        return ({name: data[...].tobytes() for name, data in file.items()
                 if isinstance(data, h5py.Dataset)}, file.attrs["digest"])


def attribute(path, name):
    with h5py.File(path) as file:
        return file.attrs[name]


class Case(unittest.TestCase):
    def setUp(self):
        holder = scratch_folder()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def run_here(self, *words, code=0, **more):
        done = run(*words, cwd=self.folder, **more)
        self.assertEqual(done.returncode, code, done.stderr)
        if code:
            self.assertRegex(done.stderr, r"\Asharpsweep: [^\n]+\n\Z")
            self.assertEqual(done.stdout, "")
        return done

    def train(self, output, *options, code=0, **keys):
        (self.folder / "s.toml").write_text(sweep_text(**keys))
        return self.run_here("run", "s.toml", "-o", output, "--backend", "cpu", *options,
                             code=code)

    def assert_same(self, name, reference):
        found, expected = results(self.folder / name), results(self.folder / reference)
        self.assertEqual(list(found[0]), list(expected[0]))
        for variable, values in expected[0].items():
            self.assertEqual(found[0][variable], values, variable)
        self.assertEqual(found[1], expected[1])

    def computed(self, name):
        return attribute(self.folder / name, "updates_computed")

    def files(self):
        return sorted(p.name for p in self.folder.iterdir())


class Extension(Case):
    def test_an_extended_file_is_that_of_the_larger_sweep(self):
        for kind, more in KINDS.items():
            self.train("old.h5", "--overwrite", **BASE, **more)
            for name, (change, new) in EXTENSIONS.items():
                if kind == "projected" and "target" in change:
                    continue  # other coordinates make other networks
                if kind == "thresholds" and 1 in change.get("depth", []):
                    continue  # depth 1 has no threshold
                with self.subTest(kind, extension=name):
                    shutil.copy(self.folder / "old.h5", self.folder / "a.h5")
                    whole = {**BASE, **more, **change}
                    self.train("whole.h5", "--overwrite", **whole)
                    self.train("a.h5", "--resume", **whole)
                    self.assert_same("a.h5", "whole.h5")
                    total = attribute(self.folder / "whole.h5", "updates")
                    self.assertEqual(self.computed("whole.h5"), total)
                    self.assertAlmostEqual(self.computed("a.h5") / total, new, 12)
                    self.assertEqual(self.files(), ["a.h5", "old.h5", "s.toml", "whole.h5"])

    def test_coupled_models(self):
        for model, (keys, change, new) in COUPLED.items():
            for more in (dict(), dict(save="weights", record=3, precision="f32")):
                with self.subTest(model, more=more):
                    old = {"model": model, **keys, **more}
                    whole = {**old, **change}
                    self.train("a.h5", "--overwrite", **old)
                    self.train("whole.h5", "--overwrite", **whole)
                    self.train("a.h5", "--resume", **whole)
                    self.assert_same("a.h5", "whole.h5")
                    total = attribute(self.folder / "whole.h5", "updates")
                    self.assertAlmostEqual(self.computed("a.h5") / total, new, 12)
                    for i in (3, 1, 2):
                        self.train(f"{i}.h5", "--overwrite", "--shard", f"{i}/3", **whole)
                    self.run_here("merge", "-o", "merged.h5", "--overwrite", "2.h5", "3.h5", "1.h5")
                    self.assert_same("merged.h5", "whole.h5")
                    self.run_here("verify", "merged.h5")

    def test_step_by_step(self):
        keys = {**BASE, **KINDS["weights"]}
        self.train("a.h5", **{**keys, "seeds": 1})
        for seeds in (2, 3, 63, 64, 65, 129):
            self.train("a.h5", "--resume", **{**keys, "seeds": seeds})
        self.train("whole.h5", **{**keys, "seeds": 129})
        self.assert_same("a.h5", "whole.h5")

    def test_sixteen_seeds_then_thirty_two(self):
        done = self.train("a.h5", **BASE)
        half = attribute(self.folder / "a.h5", "updates")
        done = self.train("a.h5", "--resume", **{**BASE, "seeds": 32})
        self.assertEqual(self.computed("a.h5"), half)
        self.assertIn("updates were there already", done.stdout)

    def test_nothing_to_do(self):
        self.train("a.h5", **BASE)
        before = (self.folder / "a.h5").read_bytes()
        done = self.train("a.h5", "--resume", **BASE)
        self.assertEqual(done.stderr, "sharpsweep: nothing to do: 'a.h5' has it all\n")
        self.assertEqual((self.folder / "a.h5").read_bytes(), before)
        self.assertEqual(self.files(), ["a.h5", "s.toml"])

    def test_resume_of_nothing_starts(self):
        self.train("a.h5", "--resume", **BASE)
        self.train("b.h5", **BASE)
        self.assert_same("a.h5", "b.h5")

    def test_another_sweep_is_refused_naming_the_key(self):
        self.train("a.h5", **BASE)
        before = (self.folder / "a.h5").read_bytes()
        for key, value in dict(
                first_seed=1, step_size_unit="scaled", schedule="power(10,0.5)", target_unit="threshold",
                noise="none", base_seed=8, noise_streams="independent", steps=61,
                projection_radius=1.5, tail_average=0.2, survival_level=0.3, record=1,
                save="seeds", precision="f64", seeds=15, depth=2,
                init="balanced(0.4)", step_size=0.01, eta="lin(0.5,1,2)", target=[1, 2]).items():
            with self.subTest(key):
                done = self.train("a.h5", "--resume", code=2, **{**BASE, key: value})
                self.assertRegex(done.stderr, rf"\Asharpsweep: {key}: 'a\.h5' ")
                self.assertEqual((self.folder / "a.h5").read_bytes(), before)
                self.assertEqual(self.files(), ["a.h5", "s.toml"])
        # Other words for the same are no other sweep.
        self.train("a.h5", "--resume", **{**BASE, "steps": "6e1", "eta": [0.5, 0.75, "1.0"]})

    def test_targets_of_a_projected_network_belong_together(self):
        keys = {**BASE, **KINDS["projected"]}
        self.train("a.h5", **keys)
        done = self.train("a.h5", "--resume", code=2, **{**keys, "target": "lin(0.75,2.25,7)"})
        self.assertRegex(done.stderr, r"target: .*projection")


class Shards(Case):
    def test_shards_merge_to_the_whole(self):
        generator = random.Random(1)
        for kind, more in KINDS.items():
            keys = {**BASE, **more, "seeds": 70}
            self.train("whole.h5", "--overwrite", **keys)
            total = attribute(self.folder / "whole.h5", "updates")
            for count in (1, 2, 5, 100) if kind == "plain" else (3,):
                with self.subTest(kind, count=count):
                    names = [f"{i}-of-{count}.h5" for i in range(1, count + 1)]
                    for i, name in enumerate(names, 1):
                        self.train(name, "--shard", f"{i}/{count}", "--quiet", **keys)
                    parts = [self.computed(name) for name in names]
                    self.assertEqual(sum(parts), total)
                    # Balanced to one configuration and seed block at either end.
                    self.assertLessEqual(max(parts) - min(parts), 2 * 3 * 4 * 64 * keys["steps"])
                    generator.shuffle(names)
                    self.run_here("merge", "-o", "m.h5", "--overwrite", *names)
                    self.assert_same("m.h5", "whole.h5")
                    self.assertEqual(self.computed("m.h5"), total)
                    for name in names:
                        (self.folder / name).unlink()

    def test_merged_and_extended_by_shards(self):
        old = {**BASE, **KINDS["weights"]}
        new = {**old, "seeds": 40, "eta": "lin(0.5,1,5)"}
        for i in (1, 2):
            self.train(f"{i}.h5", "--shard", f"{i}/2", **old)
        self.run_here("merge", "-o", "a.h5", "1.h5", "2.h5")
        for i in (1, 2, 3):
            self.train(f"new{i}.h5", "--shard", f"{i}/3", "--base", "a.h5", **new)
        self.run_here("merge", "-o", "b.h5", "new3.h5", "a.h5", "new1.h5", "new2.h5")
        self.train("whole.h5", **new)
        self.assert_same("b.h5", "whole.h5")
        total = attribute(self.folder / "whole.h5", "updates")
        computed = sum(self.computed(f"new{i}.h5") for i in (1, 2, 3))
        self.assertAlmostEqual(computed / total, 1 - 3 / 5 * 16 / 40, 12)
        self.train("c.h5", "--base", "a.h5", **new)
        self.assert_same("c.h5", "whole.h5")

    def test_what_is_missing_is_named(self):
        for i in (1, 2, 3, 4):
            self.train(f"{i}.h5", "--shard", f"{i}/4", **BASE)
        done = self.run_here("merge", "-o", "a.h5", "1.h5", "4.h5", code=3)
        self.assertRegex(done.stderr, r"not complete: 768 of 1536 coordinates of networks are "
                                      r"missing, the first at depth \d.* target .*, seed 0; not "
                                      r"among the inputs: of 4 shards 2, 3;")
        self.assertFalse((self.folder / "a.h5").exists())
        done = self.run_here("merge", "-o", "a.h5", "1.h5", "4.h5", "--allow-incomplete")
        self.train("whole.h5", **BASE)
        with h5py.File(self.folder / "a.h5") as some, h5py.File(self.folder / "whole.h5") as all_:
            there = some["status"][...] == 1
            self.assertEqual(there.sum(), there.size / 2)
            for name, data in all_.items():
                if not isinstance(data, h5py.Dataset) or data.shape != there.shape:
                    continue
                if name.endswith("_theory"):
                    self.assertEqual(some[name][...].tobytes(), data[...].tobytes())
                elif name == "seeds_finished":
                    self.assertTrue((some[name][~there] == 0).all())
                elif name != "status":
                    self.assertEqual(some[name][there].tobytes(), data[there].tobytes())
                    self.assertTrue(np.isnan(some[name][~there]).all())
            whole_lines = there.all(-1)
            self.assertEqual(some["threshold"][whole_lines].tobytes(),
                             all_["threshold"][whole_lines].tobytes())
            self.assertTrue(np.isnan(some["threshold"][~whole_lines]).all())
        self.assertIn("768 of 1536", done.stdout)
        self.assertRegex(self.run_here("info", "a.h5").stdout, r"complete +48 of 96 cells done")
        self.assertRegex(self.run_here("verify", "a.h5").stdout, "all .* values have the same bits")
        # The file can be gone on with.
        self.train("a.h5", "--resume", **BASE)
        self.assert_same("a.h5", "whole.h5")

    def test_bad_inputs(self):
        self.train("1.h5", "--shard", "1/2", **BASE)
        self.train("other.h5", "--shard", "2/2", **{**BASE, "steps": 61})
        self.assertRegex(self.run_here("merge", "-o", "a.h5", "1.h5", "other.h5", code=2).stderr,
                         r"steps: '(1|other)\.h5' was made with 6\d, this sweep has 6\d")
        self.run_here("merge", "-o", "a.h5", "1.h5", "s.toml", code=3)
        self.run_here("merge", "-o", "a.h5", "1.h5", "nowhere.h5", code=3)
        self.run_here("merge", "-o", "1.h5", "1.h5", code=3)
        self.run_here("verify", "1.h5", code=3)
        for shard in ("0/2", "3/2", "1", "1/0", "a/b", "1/2/3", "-1/2"):
            with self.subTest(shard):
                done = self.run_here("run", "s.toml", "-o", "b.h5", "--shard", shard, code=2)
                self.assertIn("--shard", done.stderr)
        self.run_here("run", "s.toml", "-o", "b.h5", "--resume", "--overwrite", code=2)
        self.assertEqual(self.files(), ["1.h5", "other.h5", "s.toml"])


class Status(Case):
    def test_of_a_finished_sweep_and_of_none(self):
        self.run_here("status", "a.h5", code=3)
        self.train("a.h5", **BASE)
        self.assertRegex(self.run_here("status", "a.h5").stdout,
                         r"\Aa\.h5: 100\.0 % done, 0 of \d+ work units missing\n\Z")
        found = json.loads(self.run_here("status", "a.h5", "--json").stdout)
        self.assertEqual((found["fraction_done"], found["work_units_missing"]), (1, 0))

    def test_of_shards(self):
        keys = {**BASE, "seeds": 70}
        shards = self.folder / "a.h5.shards"
        shards.mkdir()
        (shards / "sweep.toml").write_text(sweep_text(**keys))
        self.train("a.h5.shards/1-of-2.h5", "--shard", "1/2", **keys)
        found = json.loads(self.run_here("status", "a.h5", "--json").stdout)
        self.assertAlmostEqual(found["fraction_done"], 0.5, delta=0.05)
        self.train("a.h5.shards/2-of-2.h5", "--shard", "2/2", **keys)
        done = self.run_here("status", "a.h5")
        self.assertIn("what remains is to assemble 'a.h5'", done.stdout)


class Scale(Case):
    def peak_of(self, *words):
        """The largest resident set of the program, in MiB, as long as it was watched."""
        process = subprocess.Popen([BINARY, *words], cwd=self.folder, env=ENVIRONMENT,
                                   stdout=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except ProcessLookupError:
                continue
            peak = max([peak, *map(int, re.findall(r"VmHWM:\s*(\d+)", status))])
            time.sleep(0.005)
        self.assertEqual(process.returncode, 0)
        self.assertGreater(peak, 0)
        return peak / 1024

    def test_plan_of_1e9_networks(self):
        (self.folder / "s.toml").write_text(sweep_text(
            depth=[2, 3, 4, 5], init=[f"balanced({i})" for i in range(1, 26)],
            step_size="log(1e-5,1e-3,10)", eta="lin(0.1,1,1000)", target="lin(0.5,2,9)",
            seeds=1000, steps=1000))
        begin = time.monotonic()
        plan = json.loads(self.run_here("plan", "s.toml", "--json", "--backend", "cpu").stdout)
        seconds = time.monotonic() - begin
        self.assertEqual(plan["networks"], 1000 * 1000 * 1000)
        self.assertLess(seconds, 5)  # a second, and room for a busy machine
        self.assertLess(self.peak_of("plan", "s.toml", "--backend", "cpu"), 200)

    def test_twenty_thousand_units(self):
        # A unit has 16 configurations at most; seeds 63 and 64 lie in two blocks.
        keys = dict(eta="lin(0.1,1,160000)", target=0.5, first_seed=63, seeds=2, steps=1)
        (self.folder / "s.toml").write_text(sweep_text(**keys))
        plan = json.loads(self.run_here("plan", "s.toml", "--json", "--backend", "cpu").stdout)
        self.assertEqual(plan["work_units"], 20000)
        self.train("whole.h5", **keys)
        for i in (1, 2):
            self.train(f"{i}.h5", "--shard", f"{i}/2", **keys)
        self.run_here("merge", "-o", "m.h5", "1.h5", "2.h5")
        self.assert_same("m.h5", "whole.h5")

    def test_memory_does_not_grow_with_the_seeds(self):
        def peak_of(seeds):
            (self.folder / "s.toml").write_text(sweep_text(
                eta="lin(0.3,0.6,8)", target="lin(0.5,2,64)", seeds=seeds, steps=2))
            return self.peak_of("run", "s.toml", "-o", "a.h5", "--backend", "cpu", "--threads", "2",
                                "--overwrite", "--quiet")
        few, many = peak_of(2048), peak_of(32768)
        # It grew by 12 (an idle machine): the bootstrap, and for a while what waits for a slow disk.
        # With the states of all seed blocks and the file's columns in memory it grew by 140 for
        # twice as many seeds.
        self.assertLess(many - few, 45)
        self.run_here("verify", "a.h5", "--cells", "2")


if __name__ == "__main__":
    unittest.main()
