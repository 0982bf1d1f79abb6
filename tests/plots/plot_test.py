#!/usr/bin/python3
"""Every plot script draws a picture of a tiny sweep, and says in one line what it can't draw.

The sharpsweep binary is in the environment variable SHARPSWEEP (default: build/sharpsweep).
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import matplotlib.image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLOTS = ROOT / "sweeps" / "plot"
SHARPSWEEP = os.environ.get("SHARPSWEEP", str(ROOT / "build" / "sharpsweep"))
FAMILY = ("sam_classification", "sam_quadratic", "label_noise")  # a script draws a model's maps
SCRIPTS = sorted(path.name for path in PLOTS.glob("*.py")
                 if path.name != "style.py" and path.stem not in FAMILY)

GRID = """
model     = "ssam"
depth     = [2, 3]
init      = ["balanced(0.3)", "balanced(1)", "unbalanced(0.5,2)", "zero_last(0.5)"]
eta       = [0.4, 0.5, 0.6]
target    = "log(0.1, 2, 12)"
step_size = [5e-3, 0.01]
steps     = 2000
seeds     = 4
"""
SWEEPS = {
    "grid": GRID + "record = 20\n",
    "relative": GRID.replace("0.1, 2", "0.5, 4") + 'target_unit = "threshold"\n'
                + 'step_size_unit = "scaled"\nschedule = "robbins_monro(100)"\nrecord = 20\n',
    "negative": GRID.replace("log(0.1, 2, 12)", "lin(-1, 2, 13)").replace("[2, 3]", "[1, 2, 3]")
                + "record = 20\n",
    "no_record": GRID,
    "one_eta": GRID.replace("[0.4, 0.5, 0.6]", "0.5"),
    "one_start": 'model = "ssam"\ndepth = 2\ninit = "balanced(1)"\neta = [0.4, 0.5]\n'
                 'target = [0.1, 0.5, 1]\nsteps = 5000\nseeds = 2\nrecord = 10\n',
    "diverging": GRID.replace("[5e-3, 0.01]", "[0.5, 2]") + "record = 20\n",
}


def plot(script, *arguments):
    command = [sys.executable, str(PLOTS / script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def each(work, scripts):
    """What work(script) gives for every script; most of their time is importing, so together."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return zip(scripts, pool.map(work, scripts))


class PlotTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name, text in SWEEPS.items():
            sweep = cls.folder / f"{name}.toml"
            sweep.write_text(text)
            subprocess.run([SHARPSWEEP, "run", sweep, "-o", cls.result(name), "--quiet"],
                           check=True, capture_output=True, timeout=60)

    @classmethod
    def result(cls, name):
        return cls.folder / f"{name}.h5"

    def assert_draw(self, scripts, name, *options):
        def picture(script):
            return self.folder / f"{script}.{name}.png"

        outcomes = each(lambda script: plot(script, self.result(name), "-o", picture(script),
                                            *options), scripts)

        for script, outcome in outcomes:
            with self.subTest(script):
                self.assert_drawn(outcome, picture(script))

    def assert_drawn(self, outcome, picture):
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        self.assertEqual(outcome.stderr, "")
        pixels = matplotlib.image.imread(picture)
        self.assertGreater(min(pixels.shape[:2]), 300)
        self.assertGreater(pixels.std(), 0.02, "the picture is blank")
        self.assertLess(picture.stat().st_size, 500_000)

    def assert_refuses(self, outcome, code, *words):
        self.assertEqual(outcome.returncode, code, outcome.stderr)
        self.assertEqual(outcome.stderr.count("\n"), 1, outcome.stderr)
        for word in words:
            self.assertIn(word, outcome.stderr)

    def test_every_script_draws_a_grid(self):
        self.assert_draw(SCRIPTS, "grid")

    def test_every_map_of_the_family(self):
        maps = [path for model in FAMILY for path in sorted(PLOTS.parent.glob(f"{model}_*.toml"))]
        self.assertEqual(len(maps), 15)

        def draw(path):
            model = next(model for model in FAMILY if path.name.startswith(model))
            result, picture = self.result(path.stem), self.folder / f"{path.stem}.png"
            subprocess.run([SHARPSWEEP, "run", path, "-o", result, "--steps", "300", "--quiet"],
                           check=True, capture_output=True, timeout=100)
            return plot(f"{model}.py", result, "-o", picture), picture

        for path, (outcome, picture) in each(draw, maps):
            with self.subTest(path.name):
                self.assert_drawn(outcome, picture)

    def test_every_script_draws_targets_in_threshold_units(self):
        self.assert_draw(SCRIPTS, "relative")

    def test_negative_targets_and_depth_one(self):
        scripts = ["phase_diagram.py", "shrinkage.py", "balancing.py", "sharpness.py"]

        self.assert_draw(scripts, "negative")

    def test_diverged_networks(self):
        scripts = ["phase_diagram.py", "shrinkage.py", "balancing.py", "sharpness.py"]

        self.assert_draw(scripts, "diverging", "--step-size", "1")

    def test_single_values_of_axes(self):
        scripts = ["phase_diagram.py", "shrinkage.py", "threshold.py", "sharpness.py"]

        self.assert_draw(scripts, "one_start")

    def test_the_picture_lies_beside_the_result_by_default(self):
        plot("shrinkage.py", self.result("one_eta"))

        self.assertTrue((self.folder / "one_eta.png").is_file())

    def test_help(self):
        for _, outcome in each(lambda script: plot(script, "--help"), SCRIPTS):
            self.assertEqual(outcome.returncode, 0)
            self.assertIn("RESULT.h5", outcome.stdout)

    def test_missing_file(self):
        for _, outcome in each(lambda script: plot(script, self.folder / "none.h5"), SCRIPTS):
            self.assert_refuses(outcome, 3, "none.h5: no such file")

    def test_a_file_that_is_no_result(self):
        self.assert_refuses(plot("threshold.py", self.folder / "grid.toml"), 3, "grid.toml")

    def test_a_sweep_without_record(self):
        for script in ("balancing.py", "sharpness.py"):
            self.assert_refuses(plot(script, self.result("no_record")), 2, "'record = 100'")

    def test_a_sweep_that_lacks_an_axis(self):
        self.assert_refuses(plot("phase_diagram.py", self.result("one_eta")), 2, "eta")
        self.assert_refuses(plot("starts.py", self.result("one_start")), 2, "balanced starts")
        self.assert_refuses(plot("balancing.py", self.result("one_start")), 2, "balanced")

    def test_an_index_outside_its_axis(self):
        outcome = plot("shrinkage.py", self.result("grid"), "--step-size", "7")

        self.assert_refuses(outcome, 2, "--step-size", "7")

    def test_an_output_that_can_not_be_written(self):
        outcome = plot("shrinkage.py", self.result("grid"), "-o", self.folder / "none" / "a.png")

        self.assert_refuses(outcome, 3, "a.png")


if __name__ == "__main__":
    unittest.main()
