#!/usr/bin/env python3
"""kill -9 at random moments, again and again: nothing finished is lost, the bytes stay the same.

Moments are drawn from a fixed seed. Half of the kills wait for a random time from the start; the
others wait for a sign on disk first (the first part, the beginning of the assembly, the output), so
that every stage is hit on fast and slow machines alike.
"""
import random
import sys
import time
import unittest

from drill import DONE, Drill, names

KILLS = 200
AIMS = ("time", "part", "time", "assembly", "time", "output")
MOST_IN_A_ROW = 9


class Kill(Drill):
    KEYS = {"eta": [0.4, 0.6], "target": [0.7, 1.0, 1.5], "seeds": 64 * 50, "steps": 4000,
            "step_size": 0.02}

    def sign(self, aim):
        """Whether the moment has come from which on the kill may happen."""
        if aim == "part":
            return bool(self.finished_parts())
        if aim == "assembly":
            return any(name.startswith("a.h5.") for name in names(self.parts))
        if aim == "output":
            return self.output.exists()
        return True

    def stage(self):
        """How far the killed run had come, by what it left."""
        if self.output.exists():
            return "with the output there"
        if self.sign("assembly"):
            return "during assembly"
        return "while parts existed" if self.finished_parts() else "before the first part"

    def kill_once(self, draw, aim, seconds, resume):
        """Starts the run and kills it. Whether it was still running."""
        process = self.start(*self.run_arguments(*resume))
        try:
            if aim == "time":
                time.sleep(draw.uniform(0, 0.7 * seconds))
            else:
                while process.poll() is None and not self.sign(aim):
                    time.sleep(0.0005)
                time.sleep(draw.uniform(0, 0.01))
            process.kill()
        finally:
            out, err = process.communicate()
        if process.returncode == DONE:
            return False
        self.assertEqual((process.returncode, out, err), (-9, "", ""))
        return True

    def test_kills(self):
        begin = time.monotonic()
        expected = self.reference()
        seconds = time.monotonic() - begin
        draw = random.Random(20)
        stages = {"before the first part": 0, "while parts existed": 0, "during assembly": 0,
                  "with the output there": 0}
        kills = finished = sequences = 0
        most_parts = 0
        while kills < KILLS:
            sequences += 1
            self.clear()
            resume = []
            for step in range(draw.randint(1, MOST_IN_A_ROW)):
                aim = AIMS[(sequences + step) % len(AIMS)]
                if not self.kill_once(draw, aim, seconds, resume):
                    finished += 1
                    self.check_finished(expected, f"sequence {sequences}, not hit")
                    break
                kills += 1
                what = f"sequence {sequences}, kill {kills}, aimed at {aim}, {self.stage()}"
                stages[self.stage()] += 1
                most_parts = max(most_parts, len(self.finished_parts()))
                self.check_files(expected, what)
                if kills % 4 == 0:
                    self.check_status(what)
                resume = ["--resume"]
            self.check_resume(expected, f"after sequence {sequences}")
        told = ", ".join(f"{count} {stage}" for stage, count in stages.items())
        print(f"{kills} kills in {sequences} sequences: {told}; at most {most_parts} parts at "
              f"once; {finished} runs ended before their kill; an uninterrupted run took "
              f"{seconds:.2f} s",
              file=sys.stderr)
        for stage, count in stages.items():
            self.assertGreater(count, 0, f"no kill happened {stage}")
        self.assertGreater(most_parts, 5, "the sweep is too small for a drill")

    def test_the_drill_notices_lost_and_changed_results(self):
        """The checks themselves: a run of another seed, a part that disappears, a stray file."""
        expected = self.reference()
        self.go(*self.run_arguments("--base_seed", "1"))
        with self.assertRaisesRegex(AssertionError, "differs"):
            self.check_finished(expected, "other seed")
        self.clear()
        (self.work / "a.h5.tmp").touch()
        self.train()
        with self.assertRaisesRegex(AssertionError, "beside the output"):
            self.check_finished(expected, "stray file")
        data = bytearray(self.output.read_bytes())
        data[len(data) // 2] ^= 1
        self.output.write_bytes(data)
        with self.assertRaisesRegex(AssertionError, "unreadable.*checksum"):
            self.check_files(expected, "flipped bit")


if __name__ == "__main__":
    unittest.main()
