#!/usr/bin/env python3
"""SIGINT, SIGTERM and SIGUSR1 at any moment: a quick end, one line that says how to go on, nothing
finished is lost.

Where a signal arrives is not left to chance: the shim stops the process before a call that changes
files, the signal is sent, and the process goes on. The program has to be gone one second later; the
drill allows half a second more for a loaded machine. Random moments come on top.
"""
import random
import signal
import sys
import time
import unittest

from drill import (DONE, FILE, INTERRUPTED, NAMING, PART, RESULT, SMALL, Drill, attribute, names,
                   shim, sweep_text)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
AT_ONCE = 1.0 + 0.5  # seconds; the half is for a loaded machine
RANDOM_MOMENTS = 30
GO_ON = r"\Asharpsweep: interrupted; .*\.parts'.*--resume.*\n\Z"
AGAIN = r"\Asharpsweep: interrupted; nothing .*was finished yet, start .* again\n\Z"


def masks(process):
    """{'ShdPnd': ..., 'SigCgt': ...}: the kernel's sets of pending and caught signals."""
    with open(f"/proc/{process.pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {key: int(lines[key], 16) for key in ("SigPnd", "ShdPnd", "SigCgt")}


def catches(process, number):
    try:
        return bool(masks(process)["SigCgt"] >> (number - 1) & 1)
    except (OSError, KeyError):  # it has ended
        return False


class Signals(Drill):
    """A run of many units, of which the shim lets some finish."""

    KEYS = {"eta": [0.4, 0.6], "target": [0.7, 1.0, 1.5], "seeds": 64 * 100, "steps": 8000,
            "step_size": 0.02}
    OPTIONS = ("--threads", "4")  # with a thread for each unit it would end before a signal

    def setUp(self):
        super().setUp()
        shim()

    def signalled(self, number, *more, at=4, quiet=True):
        """A run that gets a signal when it is about to give its at-th part its name."""
        process = self.start(*self.run_arguments(*more, quiet=quiet), MODE="stop", AT=at,
                             **NAMING)
        self.assertTrue(self.stopped(process))
        before = len(self.finished_parts())
        begin = time.monotonic()
        done = self.finish(process, number)
        seconds = time.monotonic() - begin
        self.assertGreaterEqual(len(self.finished_parts()), before, "parts were removed")
        return done, seconds

    def test_in_the_middle(self):
        expected = self.reference()
        longest = 0
        for number in SIGNALS:
            for quiet in (True, False):
                with self.subTest(number.name, quiet=quiet):
                    self.clear()
                    done, seconds = self.signalled(number, quiet=quiet)
                    what = f"{number.name} in the middle of a run"
                    self.check_one_line(done, INTERRUPTED, GO_ON, what)
                    self.assertLess(seconds, AT_ONCE, f"{what}: it took {seconds:.2f} s to end")
                    self.assertFalse(self.output.exists(), what)
                    kept = self.updates_in_parts()
                    self.assertTrue(0 < kept < self.total, what)
                    longest = max(longest, seconds)
                    self.check_files(expected, what)
                    self.check_status(what)
                    # Once more while it resumes, and then to the end.
                    done, seconds = self.signalled(number, "--resume")
                    self.check_one_line(done, INTERRUPTED, GO_ON, what + ", again")
                    self.assertLess(seconds, AT_ONCE, f"{what}: it took {seconds:.2f} s to end")
                    self.assertGreater(self.updates_in_parts(), kept, what)
                    self.check_resume(expected, what)
        print(f"the slowest end came {longest:.3f} s after its signal", file=sys.stderr)

    def test_all_threads_and_one(self):
        expected = self.reference()
        for threads in (1, 2, 5):
            self.clear()
            self.OPTIONS = ("--threads", threads)
            done, seconds = self.signalled(signal.SIGTERM)
            self.check_one_line(done, INTERRUPTED, GO_ON, f"{threads} threads")
            self.assertLess(seconds, AT_ONCE, f"{threads} threads: it took {seconds:.2f} s")
            self.check_resume(expected, f"{threads} threads")

    def test_second_interrupt_ends_at_once(self):
        """It stops before each call after the first one; the handler has run when SIGINT is no
        longer caught."""
        expected = self.reference()
        process = self.start(*self.run_arguments(), MODE="stop_on", AT=1, **PART)
        self.assertTrue(self.stopped(process))
        self.assertTrue(catches(process, signal.SIGINT))
        process.send_signal(signal.SIGINT)
        while catches(process, signal.SIGINT):
            process.send_signal(signal.SIGCONT)
            self.assertTrue(self.stopped(process), "it ended before the second signal")
        done = self.finish(process, signal.SIGINT)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (-signal.SIGINT, "", ""))
        self.check_files(expected, "after two interrupts")
        self.check_resume(expected, "after two interrupts")

    def test_ignored_signals_stay_ignored(self):
        """As SIGHUP is under nohup, and SIGINT in the background of a script."""
        expected = self.reference()
        for number in (signal.SIGHUP, signal.SIGINT):
            self.clear()
            old = signal.signal(number, signal.SIG_IGN)
            try:
                process = self.start(*self.run_arguments(), MODE="stop", AT=2, **NAMING)
            finally:
                signal.signal(number, old)
            self.assertTrue(self.stopped(process))
            done = self.finish(process, number)
            self.assertEqual((done.returncode, done.stderr), (DONE, ""), number)
            self.check_finished(expected, f"{number.name}, which is ignored")

    def test_before_any_unit_is_finished(self):
        self.sweep.write_text(sweep_text(**{**self.KEYS, "steps": 10**12}))
        for number in SIGNALS:
            for more in ([], ["--resume"], ["--overwrite"]):
                what = f"{number.name} before any unit is finished {more}"
                process = self.start(*self.run_arguments(*more))
                while not catches(process, number) and process.poll() is None:
                    time.sleep(0.001)
                begin = time.monotonic()
                done = self.finish(process, number)
                seconds = time.monotonic() - begin
                self.check_one_line(done, INTERRUPTED, AGAIN, what)
                self.assertLess(seconds, AT_ONCE, f"{what}: it took {seconds:.2f} s to end")
                self.assertEqual(names(self.work), [], what)

    def test_random_moments(self):
        begin = time.monotonic()
        expected = self.reference()
        whole = time.monotonic() - begin
        draw = random.Random(30)
        codes = {}
        for turn in range(RANDOM_MOMENTS):
            if turn % 3 == 0 or self.output.exists():
                self.clear()
            number = draw.choice(SIGNALS)
            what = f"{number.name} at random moment {turn}"
            process = self.start(*self.run_arguments("--resume"))
            time.sleep(draw.uniform(0, whole) if turn % 2 else draw.uniform(0, 0.05))
            caught = catches(process, number)
            done = self.finish(process, number)
            codes[done.returncode] = codes.get(done.returncode, 0) + 1
            if done.returncode == -number:
                # Whoever catches it now may not have done so a moment ago, but not the reverse.
                self.assertFalse(caught, f"{what}: it died by the signal that it catches")
            elif done.returncode == DONE:
                self.check_finished(expected, what)
            else:
                self.check_one_line(done, INTERRUPTED, f"{GO_ON}|{AGAIN}", what)
            self.check_files(expected, what)
            if turn % 3 == 2:
                self.check_resume(expected, what)
        print(f"{RANDOM_MOMENTS} random moments over {whole:.2f} s: exit codes {codes}",
              file=sys.stderr)
        self.assertIn(INTERRUPTED, codes)


class EveryCall(Drill):
    """A small sweep that is signalled at every call that changes files."""

    KEYS = SMALL
    OPTIONS = ("--threads", "1")
    ON_DISK = False
    STRIDE = 10  # of writes

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()
        log = self.folder / "calls"
        self.assertEqual(self.go(*self.run_arguments(), LOG=log).returncode, DONE)
        self.clear()
        calls = [line.split(" ", 2)[1] for line in log.read_text().splitlines()]
        self.points = [n for n in range(1, len(calls) + 1)
                       if "write" not in calls[n - 1] or n % self.STRIDE == 0]

    def check_end(self, done, number, installed, what):
        if installed or done.returncode != -number:
            self.assertIn(done.returncode, (DONE, INTERRUPTED), f"{what}: {done.stderr}")
        if done.returncode == DONE:
            self.check_finished(self.expected, what)
        elif done.returncode == INTERRUPTED:
            self.check_one_line(done, INTERRUPTED, f"{GO_ON}|{AGAIN}", what)
            if "was finished yet" in done.stderr:
                self.assertEqual(names(self.work), [], what)
            else:
                self.assertGreater(len(self.finished_parts()), 0, what)
                self.assertFalse(self.output.exists(), what)

    def test_every_call(self):
        """Before the handler is installed the signal kills; from then on the end is 75 or 0. How
        many calls there are depends on how many units share a part, so the last ones may be missed
        here: those have the next test."""
        codes = {}
        installed = False
        for turn, point in enumerate(self.points):
            self.clear()
            number = SIGNALS[turn % len(SIGNALS)]
            what = f"{number.name} at call {point}"
            process = self.start(*self.run_arguments(), MODE="stop", AT=point)
            if self.stopped(process):
                installed = installed or catches(process, number)
                last = ", after the output was there" if self.output.exists() else ""
                what += f" ({'after' if installed else 'before'} handlers were installed{last})"
            done = self.finish(process, number)
            codes[done.returncode] = codes.get(done.returncode, 0) + 1
            with self.subTest(what):
                self.check_end(done, number, installed, what)
            self.check_files(self.expected, what)
            self.check_resume(self.expected, what)
        print(f"signals at {len(self.points)} calls: exit codes {codes}", file=sys.stderr)
        self.assertIn(INTERRUPTED, codes)

    def test_while_parts_are_removed(self):
        """The output is there: a signal can't make the run fail any more."""
        stops = 0
        for turn in range(1, 7):
            for number in SIGNALS:
                self.clear()
                process = self.start(*self.run_arguments(), MODE="stop", AT=turn,
                                     CALLS="unlink rmdir")
                if not self.stopped(process):
                    self.finish(process)
                    continue
                what = f"{number.name} at removal {turn}"
                done = self.finish(process, number)
                stops += 1
                with self.subTest(what):
                    self.assertEqual((done.returncode, done.stderr), (DONE, ""), what)
                    self.check_finished(self.expected, what)
        self.assertGreater(stops, len(SIGNALS))  # the part, or several, and their folder

    def test_interrupted_on_a_failing_disk(self):
        """The disk's error wins over the signal: it says what has to be mended."""
        process = self.start(*self.run_arguments(), MODE="fail_on", AT=1, CALLS="pwrite",
                             ERROR=28, **PART)
        while not catches(process, signal.SIGINT) and process.poll() is None:
            time.sleep(0.001)
        done = self.finish(process, signal.SIGINT)
        self.assertIn(done.returncode, (FILE, INTERRUPTED), done.stderr)
        self.check_one_line(done, done.returncode, "can't be written|interrupted")
        self.check_resume(self.expected, "a signal and a full disk")

    def test_the_drill_notices_lost_parts(self):
        """Were a part computed again that is there, the check would say so."""
        self.train(MODE="die", AT=1, **RESULT)
        self.total += attribute(self.finished_parts()[0], "updates_computed")
        with self.assertRaisesRegex(AssertionError, "lost finished units"):
            self.check_resume(self.expected, "planted")


if __name__ == "__main__":
    unittest.main()
