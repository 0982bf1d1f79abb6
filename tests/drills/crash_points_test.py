#!/usr/bin/env python3
"""The process dies at every single call that changes files, one run for each.

The shim ends the process at the N-th such call below the output's folder, before the call and, for
writes, after half of the bytes. Whatever N is, no unreadable file bears a final name, every part
that bears one is counted as finished, and --resume computes only the rest and gives the same bytes.

The calls of an uninterrupted run are checked for what no such crash shows, the order that a power
failure needs: a file is synced before it gets its final name, and names are synced before what they
replace is removed.
"""
import pathlib
import sys
import unittest

from drill import DIED, DONE, RESULT, SMALL, Drill, contents, difference, names, shim

PARTIAL_STRIDE = 8  # half-written bytes, all of them in temporary files: a sample will do


class CrashPoints(Drill):
    KEYS = SMALL
    OPTIONS = ("--threads", "1")
    ON_DISK = False

    def setUp(self):
        super().setUp()
        shim()
        self.log = self.folder / "calls"
        self.there = None

    def calls(self, *arguments):
        """[(call, path)] of an uninterrupted run of the program."""
        self.log.unlink(missing_ok=True)
        done = self.go(*arguments, LOG=self.log)
        self.assertEqual((done.returncode, done.stderr), (DONE, ""))
        lines = [line.split(" ", 2) for line in self.log.read_text().splitlines()]
        self.assertEqual([int(line[0]) for line in lines], list(range(1, len(lines) + 1)))
        return [(call, path) for _, call, path in lines]

    def die_at(self, number, mode, *arguments):
        """Whether the process died; else it has ended before, and well."""
        done = self.go(*arguments, MODE=mode, AT=number)
        if done.returncode == DIED:
            return True
        self.assertEqual((done.returncode, done.stderr), (DONE, ""), f"{mode} at {number}")
        return False

    def each_point(self, mode, numbers, check):
        """Dies at each of these calls, and at further ones while there are any."""
        deaths = 0
        number = 0
        numbers = set(numbers)
        last = max(numbers)
        while number < last + 1:
            number += 1
            if number not in numbers and number <= last:
                continue
            self.clear()
            died = self.die_at(number, mode, *self.run_arguments())
            deaths += died
            check(f"{mode} at call {number}")
            if died and number >= last:
                last += 1  # more parts than in the counted run
        return deaths

    def check_all(self, what):
        self.check_files(self.expected, what)
        there = [name for name in (*names(self.work), *names(self.parts))
                 if not name.endswith(".tmp")]
        if there != self.there:  # status reads nothing else
            self.check_status(what)
        self.there = there
        self.check_resume(self.expected, what)

    def test_every_call(self):
        self.expected = self.reference()
        calls = self.calls(*self.run_arguments())
        self.assertGreater(len(calls), 100, "the shim sees too few calls")
        deaths = self.each_point("die", range(1, len(calls) + 1), self.check_all)
        self.assertGreater(deaths, 100, "runs ended before they died")
        writes = [i + 1 for i, (call, _) in enumerate(calls) if "write" in call]
        halves = self.each_point("partial", writes[::PARTIAL_STRIDE], self.check_all)
        parts = sum(call == "rename" and path.endswith(".h5") for call, path in calls)
        print(f"an uninterrupted run has {len(calls)} calls, {len(writes)} of them writes, and "
              f"{parts} parts; {deaths} deaths before a call, {halves} within a write "
              f"(every {PARTIAL_STRIDE}th)", file=sys.stderr)

    def test_deaths_during_resume_and_again(self):
        """Dies early, then again in each --resume, a little later each time."""
        self.expected = self.reference()
        deaths = 0
        for number in range(20, 2000, 20):
            done = self.go(*self.run_arguments("--resume"), MODE="after", AT=number)
            self.check_files(self.expected, f"resume dies after call {number}")
            self.check_status(f"resume dies after call {number}")
            if done.returncode == DONE:
                break
            self.assertEqual(done.returncode, DIED, done.stderr)
            deaths += 1
        self.check_finished(self.expected, f"after {deaths} deaths")
        self.assertGreater(deaths, 3)

    def test_deaths_of_overwrite(self):
        """The file that is to be replaced stays as it was, or the new one is there."""
        self.expected = self.reference()
        self.train("--steps", "100", "--save", "seeds")
        old_bytes = self.output.read_bytes()
        old = contents(self.output)
        calls = self.calls(*self.run_arguments("--overwrite"))
        for number in range(1, len(calls) + 1, 9):
            self.clear()
            self.output.write_bytes(old_bytes)
            self.die_at(number, "die", *self.run_arguments("--overwrite"))
            what = f"--overwrite dies at call {number}"
            now = contents(self.output)
            if difference(now, old):
                self.assertEqual(difference(now, self.expected), "", what)
            done = self.train("--overwrite")
            self.assertEqual((done.returncode, done.stderr), (DONE, ""), what)
            self.check_finished(self.expected, what)

    def test_deaths_of_merge(self):
        """merge leaves a right output or none, and a second merge is no worse for the first."""
        self.expected = self.reference()
        merge = ("merge", "-o", self.output, *self.shards(), "--quiet")
        calls = self.calls(*merge)
        self.clear()
        for number in range(1, len(calls) + 1, 6):
            what = f"merge dies at call {number}"
            if not self.die_at(number, "die", *merge):
                break
            if self.output.exists():
                self.assertEqual(difference(contents(self.output), self.expected), "", what)
            for name in names(self.work):
                self.assertTrue(name == "a.h5" or name.endswith(".tmp"), f"{what}: {name}")
            again = self.go(*merge, "--overwrite")
            self.assertEqual((again.returncode, again.stderr), (DONE, ""), what)
            self.assertEqual(difference(contents(self.output), self.expected), "", what)
            self.clear()


class Order(CrashPoints):
    """What a power failure needs, from the order of the calls."""

    def check_order(self, calls):
        synced, dirty = set(), {}
        self.assertTrue(any(call == "fsync" for call, _ in calls))
        last_temporary = None
        for i, (call, path) in enumerate(calls):
            if call in ("write", "pwrite", "ftruncate"):
                dirty[path] = i
                synced.discard(path)
                last_temporary = path
            elif call == "fsync":
                synced.add(path)
            elif call in ("rename", "link"):
                self.assertIn(last_temporary, synced,
                              f"call {i + 1}: {path} gets its name before its bytes are synced")

    def test_bytes_are_synced_before_names(self):
        self.check_order(self.calls(*self.run_arguments()))

    def test_the_output_is_synced_before_parts_go(self):
        calls = self.calls(*self.run_arguments())
        published = next(i for i, (call, path) in enumerate(calls)
                         if call in ("rename", "link") and path == str(self.output))
        removed = next(i for i, (call, path) in enumerate(calls) if i > published
                       and call == "unlink" and path.endswith(".h5"))
        self.assertTrue(("fsync", str(self.work)) in calls[published:removed],
                        "parts go before the output's name is synced")

    def test_the_parts_folder_is_synced_before_parts_count(self):
        calls = self.calls(*self.run_arguments())
        made = calls.index(("mkdir", str(self.parts)))
        first = next(i for i, (call, path) in enumerate(calls)
                     if call == "rename" and pathlib.Path(path).parent == self.parts
                     and path.endswith(".h5"))
        self.assertTrue(("fsync", str(self.work)) in calls[made:first],
                        "the name of the parts folder is not synced: a power failure may lose it "
                        "with all parts")

    def test_the_drill_notices_a_missing_sync(self):
        calls = self.calls(*self.run_arguments())
        without = [(call, path) for call, path in calls
                   if call != "fsync" or not path.endswith(".tmp")]
        with self.assertRaisesRegex(AssertionError, "before its bytes are synced"):
            self.check_order(without)


# Order's own tests only.
for _name in dir(CrashPoints):
    if _name.startswith("test_"):
        setattr(Order, _name, None)


class Planted(Drill):
    """A byte that the disk wrote wrongly: the checks have to see it."""

    KEYS = {"target": [0.8, 1.2], "seeds": 4, "steps": 200}
    OPTIONS = ("--threads", "1")

    def test_wrong_bytes_are_noticed(self):
        expected = self.reference()
        noticed = deaths = 0
        for number in range(1, 400, 3):
            self.clear()
            done = self.train(MODE="corrupt", AT=number, CALLS="pwrite", **RESULT)
            if done.returncode != DONE:
                deaths += 1
                continue
            try:
                self.check_finished(expected, "")
            except (AssertionError, OSError, RuntimeError, KeyError):
                noticed += 1
            else:
                if number > 150:
                    break
        self.assertGreater(noticed, 5, "wrong bytes in the output go unnoticed")


if __name__ == "__main__":
    unittest.main()
