#!/usr/bin/env python3
"""Files that are not what they should be, and clocks that are wrong.

Whatever happens: one line with the right exit code or a right result, never a wrong or unreadable
file under a final name, and what is right is kept.
"""
import json
import pathlib
import random
import shutil
import unittest

import h5py
from drill import (DIED, DONE, FILE, NAMING, RESULT, SMALL, USAGE, Drill, attribute, bytes_of,
                   contents, difference, names, readable, seal, shim)


class Clock(Drill):
    """The wall clock goes back by hours: during a run, between two runs."""

    KEYS = {**SMALL, "seeds": 2000, "steps": 20000}

    def speed(self):
        """Updates per second of the parts, by their own account."""
        seconds = sum(attribute(part, "wall_seconds") for part in self.finished_parts())
        return self.updates_in_parts() / seconds

    def check_estimate(self, what):
        for form in ([], ["--json"]):
            done = self.go("status", self.output, *form)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""), what)
            told = done.stdout.replace(str(self.output), "")
            self.assertNotRegex(told, r"-\d|\bnan\b|\binf\b|e\+", f"{what}: absurd")
        status = json.loads(done.stdout)
        self.assertTrue(0 < status["fraction_done"] < 1, what)
        if "updates_per_second" in status:
            ratio = status["updates_per_second"] / self.speed()
            self.assertTrue(0.01 < ratio < 100, f"{what}: status tells {ratio:.3g} times the speed "
                            f"at which the parts were made")
            self.assertGreater(status["seconds_left"], 0, what)

    def interrupted(self, *more, after=2, **clock):
        """A run that dies before its next part gets its name."""
        done = self.train(*more, MODE="die", AT=after, **NAMING, **clock)
        self.assertEqual(done.returncode, DIED, done.stderr)

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()

    def test_during_a_run(self):
        self.interrupted(after=6, CLOCK_STEP=-7200)
        self.check_estimate("each reading two hours earlier")
        self.check_resume(self.expected, "a clock that goes back")

    def test_between_runs(self):
        self.interrupted(after=4)
        for hours in (-5, -48):
            self.interrupted("--resume", after=3, CLOCK=3600 * hours)
            self.check_estimate(f"resumed {hours} hours later")
        self.check_resume(self.expected, "clocks that differ")

    def test_a_pause_between_runs(self):
        """Not even wrong: an interrupted run that is resumed days later."""
        self.interrupted(after=4)
        self.interrupted("--resume", after=3, CLOCK=3 * 86400)
        self.check_estimate("resumed three days later")
        self.check_resume(self.expected, "three days later")

    def test_before_the_epoch(self):
        self.interrupted(after=4, CLOCK=-3 * 10**9)
        self.check_estimate("a clock before 1970")
        self.check_resume(self.expected, "a clock before 1970")

    def test_whole_run(self):
        done = self.train(CLOCK_STEP=-7200)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.check_finished(self.expected, "a clock that goes back")


class WrongFiles(Drill):
    """Parts, shards and outputs that are damaged or belong to something else."""

    KEYS = SMALL
    OPTIONS = ("--threads", "1")
    ON_DISK = False
    FLIPS = 50

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()
        self.template = self.folder / "template"
        self.make_parts()
        shutil.copytree(self.parts, self.template)

    def make_parts(self, *more):
        self.clear()
        done = self.train(*more, MODE="die", AT=1, **RESULT)
        self.assertEqual(done.returncode, DIED, done.stderr)

    def restore(self):
        self.clear()
        shutil.copytree(self.template, self.parts)

    def check_refused(self, key, part, what):
        before = bytes_of(self.work)
        done = self.train("--resume")
        self.check_one_line(done, USAGE, rf"^sharpsweep: {key}: ", what)
        self.assertIn(str(part), done.stderr, what)
        self.assertEqual(bytes_of(self.work), before, f"{what}: files were changed")

    def test_parts_of_another_sweep(self):
        """One line that names the key and the file; nothing is touched."""
        others = {"steps": "20001", "base_seed": "7", "survival_level": "0.3", "precision": "f64",
                  "noise": "none", "noise_streams": "independent", "save": "seeds",
                  "schedule": "robbins_monro(100)", "tail_average": "0.2", "record": "3",
                  "projection_radius": "5", "first_seed": "1", "seeds": "131", "eta": "0.4,0.7",
                  "target": "0.8,1.2,1.3", "depth": "3", "init": "balanced(0.9)",
                  "step_size": "0.03"}
        for key, value in others.items():
            self.make_parts(f"--{key}", value)
            # The first in order of name would be read first; take the last one.
            alien = self.finished_parts()[-1]
            moved = self.folder / ("f" * 32 + ".h5")
            shutil.move(alien, moved)
            self.restore()
            alien = pathlib.Path(shutil.move(moved, self.parts))
            # Of seeds another number may be the one that is missed.
            said = "(first_)?seeds?" if "seed" in key and key != "base_seed" else key
            self.check_refused(said, alien, f"a part with {key} = {value}")
            alien.unlink()
        self.check_resume(self.expected, "without the part of another sweep")

    def test_part_of_another_numeric_version(self):
        """Its numbers may not be taken over; they may not be thrown away unasked either."""
        part = self.finished_parts()[-1]
        with h5py.File(part, "r+") as file:
            file.attrs.modify("numeric_version", file.attrs["numeric_version"] + 1)
        seal(part)
        before = bytes_of(self.work)
        done = self.go(*self.run_arguments("--resume", quiet=False))
        self.assertIn(str(part), done.stderr)
        self.assertRegex(done.stderr, "numeric version")
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(done.returncode, (USAGE, FILE), "a part of another numeric version was "
                      "computed again and removed: " + done.stderr)
        self.assertEqual(bytes_of(self.work), before, "files were changed")

    def check_damaged(self, damage, what):
        """A damaged part is told in one line, and computed again."""
        self.restore()
        part = self.finished_parts()[len(self.finished_parts()) // 2]
        lost = attribute(part, "updates_computed")
        data = part.read_bytes()
        part.write_bytes(damage(data))
        status = json.loads(self.go("status", self.output, "--json").stdout)
        self.assertEqual(len(status["damaged"]), 1, what)
        self.assertIn(str(part), status["damaged"][0], what)
        self.assertLess(status["fraction_done"], 1, what)
        done = self.go(*self.run_arguments("--resume", quiet=False))
        self.assertEqual(done.returncode, DONE, f"{what}: {done.stderr}")
        self.assertEqual(done.stderr.count("\n"), 1, f"{what}: not one line: {done.stderr}")
        self.assertIn(str(part), done.stderr, what)
        self.check_finished(self.expected, what)
        self.assertEqual(attribute(self.output, "updates_computed"), lost, what)

    def test_damaged_parts(self):
        size = min(p.stat().st_size for p in self.finished_parts())
        for left in (0, 1, 8, 100, size // 2, size - 85, size - 84, size - 83, size - 1):
            self.check_damaged(lambda data: data[:left - size or None] if left else b"",
                               f"a part cut to about {left} of {size} bytes")
        draw = random.Random(11)
        for _ in range(self.FLIPS):
            place, bit = draw.random(), 1 << draw.randrange(8)
            self.check_damaged(lambda data: flipped(data, int(place * len(data)), bit),
                               f"a part with bit {bit} flipped at {place:.4f} of its length")
        self.check_damaged(lambda data: data + b"\n", "a part with a byte more")
        self.check_damaged(lambda data: bytes(len(data)), "a part of zeros")
        self.check_damaged(lambda data: b"#!/bin/sh\n", "a script with a part's name")

    def test_damage_is_told_by_quiet_runs_too(self):
        part = self.finished_parts()[0]
        part.write_bytes(b"")
        done = self.train("--resume")
        self.assertEqual(done.returncode, DONE)
        self.assertIn(str(part), done.stderr, "--quiet hides that a part is damaged")

    def test_all_parts_damaged(self):
        for part in self.finished_parts():
            part.write_bytes(part.read_bytes()[:-1])
        self.assertEqual(self.train("--resume").returncode, DONE)
        self.check_finished(self.expected, "all parts damaged")
        self.assertEqual(attribute(self.output, "updates_computed"), self.total)

    def test_damaged_manifest(self):
        """sweep.toml among the parts informs `status`; no run depends on it."""
        for text in (b"", b"\0\1\2", b"steps = ", b"nonsense\n", None):
            self.restore()
            manifest = self.parts / "sweep.toml"
            manifest.unlink() if text is None else manifest.write_bytes(text)
            self.assertIn(self.go("status", self.output).returncode, (USAGE, FILE))
            self.check_resume(self.expected, f"a manifest {text}")

    def test_other_things_among_the_parts(self):
        """What is none of ours stays, and so does the folder."""
        self.restore()
        (self.parts / "notes.txt").write_text("mine")
        done = self.train("--resume")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertEqual(names(self.parts), ["notes.txt"])
        self.assertEqual(difference(contents(self.output), self.expected), "")

    def test_a_file_in_place_of_the_folder(self):
        for more in (["--resume"], ["--overwrite"], []):
            self.clear()
            self.parts.write_bytes(b"precious")
            self.check_one_line(self.train(*more), FILE, "a\\.h5", f"a file a.h5.parts {more}")
            self.assertEqual(bytes_of(self.work), {str(self.parts): b"precious"})

    def test_damaged_shards(self):
        first, second = self.shards()
        self.clear()
        good = second.read_bytes()
        draw = random.Random(12)
        cases = {f"cut to {left}": good[:left] for left in (0, 1, 100, len(good) // 2,
                                                           len(good) - 1)}
        for _ in range(20):
            place = draw.randrange(len(good))
            cases[f"flipped at {place}"] = flipped(good, place, 1 << draw.randrange(8))
        for what, data in cases.items():
            second.write_bytes(data)
            for more in ([], ["--allow-incomplete"]):
                done = self.go("merge", "-o", self.output, first, second, *more)
                self.check_one_line(done, FILE, str(second), f"a shard {what}")
                self.assertEqual(names(self.work), [], f"a shard {what}")
        second.write_bytes(good)
        self.assertEqual(self.go("merge", "-o", self.output, first, second).returncode, DONE)
        self.check_finished(self.expected, "good shards")

    def test_damaged_output(self):
        """--resume on a damaged output says so and leaves it alone, with parts and without."""
        self.clear()
        self.train()
        good = self.output.read_bytes()
        draw = random.Random(13)
        cases = [good[:left] for left in (0, 1, 100, len(good) // 2, len(good) - 1)]
        cases += [flipped(good, draw.randrange(len(good)), 1 << draw.randrange(8))
                  for _ in range(20)]
        for number, data in enumerate(cases):
            what = f"damaged output {number}"
            self.clear()
            if number % 2:
                self.restore()
            self.output.write_bytes(data)
            before = bytes_of(self.work)
            done = self.train("--resume")
            self.check_one_line(done, FILE, str(self.output), what)
            self.assertEqual(bytes_of(self.work), before, f"{what}: files were changed")
            done = self.train()
            self.check_one_line(done, FILE, "exists", what)
            self.assertEqual(bytes_of(self.work), before, f"{what}: files were changed")
        self.assertEqual(self.train("--overwrite").returncode, DONE)
        self.check_finished(self.expected, "--overwrite of a damaged output")

    def test_the_drill_notices_damage_that_is_taken_over(self):
        """A part whose numbers were changed and sealed again gives other bytes, and is seen."""
        part = self.finished_parts()[0]
        with h5py.File(part, "r+") as file:
            file["units/mean"][...] *= 1.5
        seal(part)
        self.assertTrue(readable(part))
        self.train("--resume")
        with self.assertRaisesRegex(AssertionError, "other bytes"):
            self.check_finished(self.expected, "planted")


def flipped(data, place, bit):
    data = bytearray(data)
    data[place] ^= bit
    return bytes(data)


if __name__ == "__main__":
    unittest.main()
