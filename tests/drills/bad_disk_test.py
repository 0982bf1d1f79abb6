#!/usr/bin/env python3
"""Disks that are full, failing or read-only.

Whatever happens: one line with the right exit code or a right result, never a wrong or unreadable
file under a final name, and what was finished is taken over when the cause is gone.
"""
import contextlib
import errno
import os
import shutil
import subprocess
import sys
import unittest

from drill import DONE, FILE, PART, RESULT, SMALL, Drill, bytes_of, names, shim


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

    def remount(self, options, check=True):
        return subprocess.run(["mount", "-o", "remount," + options, self.work],
                              capture_output=True, check=check).returncode == 0

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
            # Busy, where a file is open for writing just then; another time there is none.
            for _ in range(20):
                self.clear()
                process = self.start(*self.run_arguments(), MODE="stop", AT=1, **files)
                self.assertTrue(self.stopped(process))
                if self.remount("ro", check=False):
                    break
                self.finish(process)
            else:
                self.fail(f"{file}: the mount is always busy")
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


if __name__ == "__main__":
    unittest.main()
