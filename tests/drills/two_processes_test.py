#!/usr/bin/env python3
"""Two processes on one output.

Whatever happens: one line with the right exit code or a right result, never a wrong or unreadable
file under a final name.
"""
import random
import unittest

from drill import DONE, FILE, PART, RESULT, SMALL, Drill, shim


class TwoProcesses(Drill):
    """Two processes on one output. The first is stopped at a call; the second runs meanwhile."""

    KEYS = SMALL
    OPTIONS = ("--threads", "1")
    ON_DISK = False

    def setUp(self):
        super().setUp()
        shim()
        self.expected = self.reference()
        self.log = self.folder / "calls"

    def points(self, *arguments, stride=25):
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

    def faults(self, ends, what):
        """What is wrong after runs that had to end well, all of them."""
        faults = [f"{what}: ended with {end.returncode}: {end.stderr}" for end in ends
                  if (end.returncode, end.stderr) != (DONE, "")]
        try:
            self.check_finished(self.expected, what)
        except AssertionError as error:
            faults.append(str(error).splitlines()[-1][:200])
        return faults

    def test_both_resume(self):
        run = self.run_arguments("--resume")
        faults = []
        for number in self.points(*run):
            what = f"a second --resume while the first is at call {number}"
            done, other, _ = self.interleaved(number, run, run)
            faults += self.faults((done, other), what)
        self.assertFalse(faults, f"{len(faults)} faults, the first: " + " ".join(faults[:1]))

    def test_both_resume_stopped_in_turn(self):
        """The first is stopped, then the second; the first ends, then the second."""
        run = self.run_arguments("--resume")
        points = self.points(*run)
        draw = random.Random(3)
        faults = []
        for _ in range(40):
            a, b = draw.choice(points), draw.choice(points)
            what = f"one --resume stopped at call {a}, another at {b}"
            self.clear()
            first = self.start(*run, MODE="stop", AT=a)
            self.stopped(first)
            second = self.start(*run, MODE="stop", AT=b)
            self.stopped(second)
            faults += self.faults((self.finish(first), self.finish(second)), what)
        self.assertFalse(faults, f"{len(faults)} faults, the first: " + " ".join(faults[:1]))

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
            for number in self.points(*first, stride=40):
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
        for number in self.points(*run, stride=40):
            what = f"--overwrite while a run is at call {number}"
            done, other, _ = self.interleaved(number, run, over)
            self.assertEqual((other.returncode, other.stderr), (DONE, ""), what)
            if done.returncode != DONE:
                self.check_one_line(done, FILE, "appeared|can't be written", what)
            self.check_files(self.expected, what)
            self.assertTrue(self.output.exists(), what)
            self.check_resume(self.expected, what, exact=False)


if __name__ == "__main__":
    unittest.main()
