#!/usr/bin/env python3
"""Disks that are full, failing or read-only, and files that are not what they should be.

Whatever happens: one line with the right exit code or a right result, never a wrong or unreadable
file under a final name, and what was finished is taken over when the cause is gone.
"""
import contextlib
import errno
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import unittest

import h5py
from drill import (DIED, DONE, FILE, NAMING, PART, RESULT, USAGE, Drill, attribute, bytes_of,
                   contents, difference, names, readable, seal, shim)

SMALL = {"eta": [0.4, 0.6], "target": [0.8, 1.2], "seeds": 130, "steps": 20000,
         "step_size": 0.02}


class Mounts(Drill):
    """Outputs lie on a small file system of their own."""

    KEYS = SMALL
    OPTIONS = ("--threads", "1")

    def setUp(self):
        super().setUp()
        shim()
        if os.geteuid() != 0:
            self.skipTest("only root may mount a small file system")
        self.mount("size=4m")
        self.expected = self.reference()

    def mount(self, options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "drill", self.work],
                              capture_output=True, text=True, check=False)
        if done.returncode != 0:
            self.skipTest("no file system can be mounted here: " + done.stderr.strip())
        self.addCleanup(subprocess.run, ["umount", "-l", self.work], check=False)

    def remount(self, options):
        subprocess.run(["mount", "-o", "remount," + options, self.work], check=True)

    def fill(self):
        """Takes all space that is left."""
        with open(self.work / "filler", "wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while True:
                    filler.write(bytes(4096))

    def check_full(self, what):
        done = self.finish(self.process)
        self.check_one_line(done, FILE, "No space left|full disk|MB free", what)
        self.assertIn(str(self.output), done.stderr, what)
        self.assertFalse(self.output.exists(), what)
        (self.work / "filler").unlink()
        self.check_files(self.expected, what)
        self.check_status(what)
        return done

    def fill_at(self, number, files):
        """Starts a run whose disk is full from this call to such a file on."""
        self.clear()
        self.process = self.start(*self.run_arguments(), MODE="stop", AT=number, **files)
        if not self.stopped(self.process):
            self.process.communicate()
            return False
        self.fill()
        return True

    def test_full_while_parts_are_written(self):
        hit = kept = 0
        for number in (1, 2, 3, 20, 40, 41, 42, 43, 44, 45, 46, 60, 80, 90, 100):
            if not self.fill_at(number, PART):
                continue
            hit += 1
            what = f"disk full from call {number} to parts on"
            before = len(self.finished_parts())
            done = self.finish(self.process)
            if done.returncode == DONE:  # what was allocated already was enough
                (self.work / "filler").unlink()
                self.check_finished(self.expected, what)
                continue
            self.check_one_line(done, FILE, "No space left|full disk", what)
            self.assertIn(str(self.output), done.stderr, what)
            self.assertGreaterEqual(len(self.finished_parts()), before, f"{what}: parts are lost")
            kept += before > 0
            (self.work / "filler").unlink()
            self.check_files(self.expected, what)
            self.check_status(what)
            self.check_resume(self.expected, what)
        self.assertGreater(hit, 8)
        self.assertGreater(kept, 0, "no case had a finished part")

    def test_full_at_the_assembly(self):
        for number in (1, 2, 10, 50, 100):
            self.assertTrue(self.fill_at(number, RESULT))
            what = f"disk full from call {number} to the result on"
            parts = bytes_of(self.parts).keys()
            self.check_full(what)
            left = {p for p in parts if p.endswith(".h5")}
            self.assertEqual(left, {str(p) for p in self.finished_parts()}, f"{what}: parts lost")
            self.assertAlmostEqual(self.updates_in_parts(), self.total)
            self.check_resume(self.expected, what)

    def test_still_full_at_resume(self):
        self.assertTrue(self.fill_at(1, RESULT))
        self.finish(self.process)
        before = {p: b for p, b in bytes_of(self.work).items() if p.endswith(".h5")}
        done = self.train("--resume")
        self.check_one_line(done, FILE, "No space left|full disk|MB free", "still full")
        after = {p: b for p, b in bytes_of(self.work).items() if p.endswith(".h5")}
        self.assertEqual(after, before, "a --resume on a full disk lost parts")
        self.remount("size=8m")
        (self.work / "filler").unlink()
        self.check_resume(self.expected, "after the disk has grown")

    def test_too_small_from_the_start(self):
        """Refused before any training, with both sizes."""
        self.remount("size=64k")
        self.check_one_line(self.train(), FILE, r"needs up to \d.* MB and the disk has .* MB free")
        self.assertEqual(names(self.work), [])
        self.remount("size=4m")
        self.check_resume(self.expected, "after the disk has grown")

    def test_no_more_files(self):
        """Space but no name left: each file in turn is one too many."""
        free = os.statvfs(self.work).f_ffree
        used = os.statvfs(self.work).f_files - free
        codes = []
        for allowed in range(0, 12):
            self.clear()
            self.remount(f"nr_inodes={used + allowed}")
            done = self.train()
            what = f"{allowed} files allowed"
            codes.append(done.returncode)
            if done.returncode == DONE:
                self.check_finished(self.expected, what)
            else:
                self.check_one_line(done, FILE, "No space left", what)
                self.check_files(self.expected, what)
            self.remount("nr_inodes=1000")
            self.check_resume(self.expected, what)
        self.assertEqual({DONE, FILE}, set(codes))

    def test_read_only(self):
        """A read-only folder: refused in one line, nothing changed; what reads still reads."""
        self.go(*self.run_arguments(), MODE="die", AT=1, **RESULT)
        self.assertGreater(len(self.finished_parts()), 0)
        before = bytes_of(self.work)
        self.remount("ro")
        for more in (["--resume"], ["--overwrite"], []):
            done = self.train(*more)
            self.check_one_line(done, FILE, "Read-only|exists", f"read-only {more}")
            self.assertEqual(bytes_of(self.work), before, f"read-only {more}")
        self.check_status("read-only")
        elsewhere = self.output
        self.use(self.work / "b.h5")
        for more in (["--resume"], ["--overwrite"], []):
            self.check_one_line(self.train(*more), FILE, "Read-only", f"read-only, new {more}")
            self.assertEqual(bytes_of(self.work), before, f"read-only, new {more}")
        self.use(elsewhere)
        self.remount("rw")
        self.check_resume(self.expected, "writable again")
        self.remount("ro")
        done = self.train("--resume")
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), "all is there, read-only")
        for command in ("info", "status"):
            self.assertEqual(self.go(command, self.output).returncode, DONE)

    def test_read_only_in_the_middle(self):
        """As after a disk error: from some call on nothing can be written."""
        for file, files in (("sweep.toml", {"FILE": "/sweep.toml."}), ("parts", PART),
                            ("result", RESULT)):
            self.clear()
            process = self.start(*self.run_arguments(), MODE="stop", AT=1, **files)
            self.assertTrue(self.stopped(process))
            self.remount("ro")
            done = self.finish(process)
            self.check_one_line(done, FILE, "Read-only", f"read-only from {file} on")
            self.remount("rw")
            self.check_files(self.expected, f"read-only from {file} on")
            self.check_resume(self.expected, f"read-only from {file} on")


class Errors(Drill):
    """Each single call returns an error; no process dies."""

    KEYS = SMALL
    OPTIONS = ("--threads", "1")
    ON_DISK = False
    # Calls that tidy up when the output is there: their failure may leave files, nothing wrong.
    TIDYING = ("unlink", "rmdir")

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()
        self.log = self.folder / "calls"
        self.hits = 0

    def calls(self, *arguments, **options):
        self.log.unlink(missing_ok=True)
        self.assertEqual(self.go(*arguments, LOG=self.log, **options).returncode, DONE)
        calls = [line.split(" ", 2)[1:] for line in self.log.read_text().splitlines()]
        self.clear()
        return calls

    def check_error(self, number, what, **options):
        """One call fails, or all from it on. Whether the run did."""
        self.clear()
        done = self.train(AT=number, LOG=self.log, **options)
        lines = self.log.read_text().splitlines()
        self.log.unlink()
        self.hits += len(lines) >= number
        call = lines[number - 1].split(" ", 2)[1] if len(lines) >= number else "none"
        if done.returncode == DONE:
            self.assertEqual(done.stderr, "", what)
            self.check_files(self.expected, what)
            self.assertTrue(self.output.exists(), what)
            if call not in self.TIDYING and options["MODE"] == "fail":
                self.check_finished(self.expected, f"{what} ({call})")
        else:
            self.check_one_line(done, FILE, r"can't be written", f"{what} ({call})")
            self.assertIn(str(self.output), done.stderr, f"{what} ({call})")
            self.check_files(self.expected, f"{what} ({call})")
        return done.returncode == FILE

    def check_errors(self, stride, **options):
        calls = self.calls(*self.run_arguments())
        failed = tried = resumed = 0
        for number in range(1, len(calls) + 1):
            call = calls[number - 1][0]
            if "write" in call and number % stride:
                continue
            tried += 1
            what = f"{options} at call {number}"
            if self.check_error(number, what, **options):
                failed += 1
                if "write" not in call or failed % 4 == 0:
                    resumed += 1
                    self.check_resume(self.expected, what)
        print(f"{options}: {tried} of {len(calls)} calls tried, {self.hits} errors returned, "
              f"{failed} runs failed, {resumed} of them resumed", file=sys.stderr)
        self.assertGreater(self.hits, tried // 2, "too few errors were returned")
        self.assertGreater(failed, 2)

    def test_input_output_error_once(self):
        self.check_errors(3, MODE="fail", ERROR=errno.EIO)

    def test_no_space_from_then_on(self):
        self.check_errors(5, MODE="fail_on", ERROR=errno.ENOSPC)

    def test_quota_once(self):
        self.check_errors(11, MODE="fail", ERROR=errno.EDQUOT)

    def test_close_fails(self):
        """As network file systems do, which write when a file is closed."""
        options = {"MODE": "fail", "ERROR": errno.EIO, "CALLS": "close"}
        calls = self.calls(*self.run_arguments(), CALLS="close")
        for number in range(1, len(calls) + 1):
            self.check_error(number, f"close {number} fails", **options)
        self.assertGreater(self.hits, 3)

    def test_no_hard_links(self):
        """File systems without hard links: a rename does it."""
        for reason in (errno.EPERM, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS):
            self.clear()
            done = self.train(MODE="fail", AT=1, CALLS="link", ERROR=reason)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""), os.strerror(reason))
            self.check_finished(self.expected, os.strerror(reason))

    def test_short_writes(self):
        """A write may write less than it was given; that is no error."""
        calls = self.calls(*self.run_arguments())
        writes = [i + 1 for i, (call, _) in enumerate(calls) if "write" in call]
        for number in writes[::7]:
            self.clear()
            done = self.train(MODE="short", AT=number)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""), f"short write {number}")
            self.check_finished(self.expected, f"short write {number}")

    def test_errors_when_parts_are_read(self):
        """A part that can't be read is computed again."""
        self.train(MODE="die", AT=1, **RESULT)
        template = self.folder / "template"
        shutil.copytree(self.parts, template)
        read = {"CALLS": "read pread", "FILE": ".h5.parts/"}
        calls = self.calls_of_resume(template, read)
        told = 0
        for number in range(1, len(calls) + 1):
            self.restore(template)
            done = self.go(*self.run_arguments("--resume", quiet=False), MODE="fail", AT=number,
                           ERROR=errno.EIO, **read)
            what = f"reading call {number} of {calls[number - 1]} fails"
            if done.returncode == DONE:
                told += "can't be read" in done.stderr or "not a sharpsweep file" in done.stderr
                self.check_finished(self.expected, what)
                continue
            self.check_one_line(done, FILE, "can't be (read|written)", what)
            self.check_files(self.expected, what)
            self.check_resume(self.expected, what, exact=False)
        self.assertGreater(told, 0, "an unreadable part is not told")

    def calls_of_resume(self, template, read):
        self.restore(template)
        return self.calls(*self.run_arguments("--resume"), **read)

    def restore(self, template):
        self.clear()
        shutil.copytree(template, self.parts)

    def test_the_drill_notices_a_swallowed_error(self):
        """A half-written part that got its name all the same."""
        self.train(MODE="die", AT=1, **RESULT)
        part = self.finished_parts()[0]
        part.write_bytes(part.read_bytes()[:-100])
        with self.assertRaisesRegex(AssertionError, "not complete"):
            self.check_files(self.expected, "planted")
        with self.assertRaisesRegex(AssertionError, "damaged|not count|Lists differ"):
            self.check_status("planted")


class StatesInAFile(Drill):
    """So many seeds that the states of their blocks lie in a file without a name."""

    KEYS = {"eta": "lin(0.3,0.6,16)", "target": "lin(0.5,2,64)", "seeds": 2496, "steps": 2}
    OPTIONS = ("--threads", "2")
    ON_DISK = False
    NAMELESS = {"FILE": "(deleted)"}

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()

    def test_it_fails(self):
        """While it is made, written and read; in a run and in one that is resumed."""
        for call, numbers, more in (("ftruncate", (1,), ()), ("pwrite", (1, 50, 600), ()),
                                    ("pread", (1, 700), ()), ("pwrite", (1, 300), ("--resume",))):
            for number in numbers:
                what = f"{call} {number} and all after it, {more}"
                self.clear()
                if more:
                    self.train(MODE="die", AT=1, **RESULT)
                    self.assertGreater(len(self.finished_parts()), 0)
                before = {part: part.read_bytes() for part in self.finished_parts()}
                done = self.train(*more, MODE="fail_on", AT=number, CALLS=call,
                                  ERROR=errno.ENOSPC, **self.NAMELESS)
                self.check_one_line(done, FILE, "a.h5' can't be written: the temporary file in its "
                                    "folder can't be .*: No space left", what)
                self.check_files(self.expected, what)
                for part, content in before.items():
                    self.assertEqual(part.read_bytes(), content, f"{what}: a part was lost")
                self.check_resume(self.expected, what)

    def test_folders_that_know_no_nameless_files(self):
        """As on some network file systems: a file with a name that goes at once."""
        log = self.folder / "calls"
        self.train(MODE="fail", CALLS="open", AT=0, LOG=log)
        opened = log.read_text().splitlines()
        number = next(i for i, line in enumerate(opened, 1) if line.endswith(str(self.work)))
        self.clear()
        log.unlink()
        done = self.train(MODE="fail", CALLS="open", ERROR=errno.EOPNOTSUPP, AT=number, LOG=log)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        self.assertIn("/sharpsweep.", log.read_text())
        self.check_finished(self.expected, "no nameless file")


class TwoProcesses(Drill):
    """Two processes on one output. The first is stopped at a call; the second runs meanwhile."""

    KEYS = {**SMALL, "steps": 4000}
    OPTIONS = ("--threads", "1")
    ON_DISK = False

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()
        self.log = self.folder / "calls"

    def points(self, *arguments, stride=9):
        """Numbers of calls: all but writes, of which some."""
        self.clear()
        self.log.unlink(missing_ok=True)
        self.assertEqual(self.go(*arguments, LOG=self.log).returncode, DONE)
        calls = [line.split(" ", 2)[1] for line in self.log.read_text().splitlines()]
        self.clear()
        return [n for n in range(1, len(calls) + 1)
                if "write" not in calls[n - 1] or n % stride == 0]

    def interleaved(self, number, first, second):
        """Both commands' ends: the second one runs while the first is stopped at a call."""
        self.clear()
        process = self.start(*first, MODE="stop", AT=number)
        was_stopped = self.stopped(process)
        try:
            other = self.go(*second)
        finally:
            done = self.finish(process)
        return done, other, was_stopped

    def check_one_wins(self, done, other, what):
        codes = sorted((done.returncode, other.returncode))
        self.assertEqual(codes, [DONE, FILE], f"{what}: {done.stderr}{other.stderr}")
        loser = done if done.returncode == FILE else other
        self.check_one_line(loser, FILE, "exists|appeared", what)
        self.assertTrue(self.output.exists(), what)
        self.check_files(self.expected, what)

    def test_both_plain(self):
        run = self.run_arguments()
        for number in self.points(*run):
            what = f"a second run while the first is at call {number}"
            done, other, was_stopped = self.interleaved(number, run, run)
            if was_stopped:
                self.check_one_wins(done, other, what)
                self.check_resume(self.expected, what)

    def test_both_resume(self):
        run = self.run_arguments("--resume")
        failures = []
        for number in self.points(*run):
            what = f"a second --resume while the first is at call {number}"
            done, other, _ = self.interleaved(number, run, run)
            for which, one in (("first", done), ("second", other)):
                if (one.returncode, one.stderr) != (DONE, ""):
                    failures.append(f"{what}: the {which} ended with {one.returncode}: "
                                    + one.stderr)
            try:
                self.check_finished(self.expected, what)
            except AssertionError as error:
                failures.append(str(error).splitlines()[-1][:200])
        self.assertFalse(failures, f"{len(failures)} failures, the first: "
                         + " ".join(failures[:1]))

    def test_both_resume_stopped_in_turn(self):
        """The first is stopped, then the second; the first ends, then the second."""
        run = self.run_arguments("--resume")
        points = self.points(*run)
        draw = random.Random(3)
        failures = []
        for _ in range(40):
            a, b = draw.choice(points), draw.choice(points)
            what = f"one --resume stopped at call {a}, another at {b}"
            self.clear()
            first = self.start(*run, MODE="stop", AT=a)
            self.stopped(first)
            second = self.start(*run, MODE="stop", AT=b)
            self.stopped(second)
            ends = (self.finish(first), self.finish(second))
            for one in ends:
                if (one.returncode, one.stderr) != (DONE, ""):
                    failures.append(f"{what}: ended with {one.returncode}: {one.stderr}")
            try:
                self.check_finished(self.expected, what)
            except AssertionError as error:
                failures.append(str(error).splitlines()[-1][:200])
        self.assertFalse(failures, f"{len(failures)} failures, the first: "
                         + " ".join(failures[:1]))

    def test_at_the_same_time(self):
        """No stopping: three processes started together."""
        for more, codes in (([], [DONE, FILE, FILE]), (["--resume"], [DONE, DONE, DONE])):
            for turn in range(8):
                self.clear()
                what = f"three at once {more}, turn {turn}"
                started = [self.start(*self.run_arguments(*more)) for _ in range(3)]
                ends = [self.finish(process) for process in started]
                told = "".join(end.stderr for end in ends)
                self.assertEqual(sorted(end.returncode for end in ends), codes,
                                 f"{what}: {told}")
                for end in ends:
                    if end.returncode == FILE:
                        self.check_one_line(end, FILE, "exists|appeared", what)
                self.check_files(self.expected, what)
                if more:
                    self.check_finished(self.expected, what)
                self.check_resume(self.expected, what)

    def test_a_name_that_goes_while_its_file_is_written(self):
        """The first is about to append a checksum when the second, at its end, removes the file
        from the folder, which itself stays a moment longer."""
        run = self.run_arguments("--resume")
        for file, files in (("result", RESULT), ("part", PART)):
            for number in (1, 2, 3):
                self.clear()
                what = f"the first at opening {number} of {file}, the second before its rmdir"
                first = self.start(*run, MODE="stop", CALLS="open", AT=number, **files)
                self.stopped(first)
                second = self.start(*run, MODE="stop", CALLS="rmdir", AT=1)
                self.stopped(second)
                ends = (self.finish(first), self.finish(second))
                self.check_files(self.expected, what)
                self.check_finished(self.expected, what)
                for end in ends:
                    self.assertEqual((end.returncode, end.stderr), (DONE, ""), what)

    def test_run_and_merge(self):
        """Both want one name, and none may replace it."""
        run = self.run_arguments()
        merge = ("merge", "-o", self.output, *self.shards(), "--quiet")
        for first, second, name in ((run, merge, "merge while a run"),
                                    (merge, run, "run while a merge")):
            for number in self.points(*first, stride=17):
                what = f"{name} is at call {number}"
                done, other, was_stopped = self.interleaved(number, first, second)
                if not was_stopped:
                    continue
                codes = sorted((done.returncode, other.returncode))
                if self.output.exists() and codes == [DONE, DONE]:
                    # The first had its name already; the second was refused at once else.
                    self.fail(f"{what}: both ended well")
                self.check_one_wins(done, other, what)

    def test_run_and_overwriting_run(self):
        """--overwrite beside a plain run: whatever the end, the file is right."""
        run, over = self.run_arguments(), self.run_arguments("--overwrite")
        for number in self.points(*run, stride=17):
            what = f"--overwrite while a run is at call {number}"
            done, other, _ = self.interleaved(number, run, over)
            self.assertEqual((other.returncode, other.stderr), (DONE, ""), what)
            if done.returncode != DONE:
                self.check_one_line(done, FILE, "appeared|can't be written", what)
            self.check_files(self.expected, what)
            self.assertTrue(self.output.exists(), what)
            self.check_resume(self.expected, what, exact=False)


class Clock(Drill):
    """The wall clock goes back by hours: during a run, between two runs."""

    KEYS = SMALL
    OPTIONS = ("--threads", "1")

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
        self.OPTIONS = ()
        self.sweep.write_text(self.sweep.read_text().replace("seeds = 130", "seeds = 2000"))
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
