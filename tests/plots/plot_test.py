#!/usr/bin/python3
"""Every plot script draws a picture of a tiny sweep, and says in one line what it can't draw.

The sharpsweep binary is in the environment variable SHARPSWEEP (default: build/sharpsweep).
"""

import concurrent.futures
import contextlib
import functools
import importlib
import io
import multiprocessing
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import traceback
import types
import unittest
import unittest.mock
import warnings

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLOTS = ROOT / "sweeps" / "plot"
sys.path.insert(0, str(PLOTS))
import style  # noqa: E402
import matplotlib.image  # noqa: E402
import matplotlib.pyplot as plt  # noqa: E402
import netCDF4  # noqa: E402, F401: loaded here, where numpy's filters hide what it warns of
import xarray  # noqa: E402

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
TWO_STARTS = GRID.replace('"balanced(0.3)", ', "").replace(', "zero_last(0.5)"', "")
SWEEPS = {
    "grid": GRID + "record = 20\n",
    "relative": GRID.replace("0.1, 2", "0.5, 4") + 'target_unit = "threshold"\n'
                + 'step_size_unit = "scaled"\nschedule = "robbins_monro(100)"\nrecord = 20\n',
    "negative": TWO_STARTS.replace("log(0.1, 2, 12)", "lin(-1, 2, 13)")
                .replace("[2, 3]", "[1, 2, 3]") + "record = 20\n",
    "no_record": GRID,
    "one_eta": GRID.replace("[0.4, 0.5, 0.6]", "0.5"),
    "one_start": 'model = "ssam"\ndepth = 2\ninit = "balanced(1)"\neta = [0.4, 0.5]\n'
                 'target = [0.1, 0.5, 1]\nsteps = 5000\nseeds = 2\nrecord = 10\n',
    "diverging": TWO_STARTS.replace("[5e-3, 0.01]", "[0.5, 2]") + "record = 20\n",
}


# Axes that a map has no room for, and values that one did not expect.
PLANE = """
model    = "sam_classification"
rule     = ["gd", "linf", "l2"]
clock    = ["rescaled", "logistic"]
alpha_1  = "lin(-0.75, 2.25, 7)"
alpha_2  = "lin(0.2, 2, 7)"
examples = "+(1,2,3)"
steps    = 3000
"""
BUDGET = """
model    = "sam_classification"
rule     = ["gd", "l2"]
alpha    = "log(0.1, 3, 7)"
examples = ["+(1,2)", "-(-0.5,1)"]
steps    = 300
record   = 50
"""
NEURONS = """
model   = "label_noise"
neurons = [2, 3]
steps   = 200
seeds   = 2
record  = 10
"""
SWEEPS |= {
    "plane": PLANE,
    "data_set": BUDGET + 'save = "weights"\n',
    "nine": BUDGET.replace('["+(1,2)", "-(-0.5,1)"]', '"+(1,1.2,1.5,1.8,2.2,2.6,3,3.3,3.6)"'),
    "data_set_plane": PLANE.replace('"+(1,2,3)"', '["+(1,2)", "-(-0.5,1)"]'),
    "deep": BUDGET.replace("log(0.1, 3, 7)", "lin(0.4, 1.1, 7)").replace(
        '["+(1,2)", "-(-0.5,1)"]', '"+(1,2)"') + 'depth = 3\nkappa = "log(1.05, 8, 7)"\n',
    "spectrum": 'model = "sam_quadratic"\nspectrum = [3, 2, 1.1, 0.2]\nsteps = 300\n'
                'lambda_2 = "lin(1.2, 2.9, 6)"\nstep_size = "lin(0.05, 0.6, 6)"\n'
                'rho = [0.01, 0.1]\n',
    "noises": NEURONS + 'batch = ["full", "single"]\nnoise = ["signs", "none"]\n',
    "sigmas": NEURONS.replace("[2, 3]", "[2, 3, 4, 5, 6, 7, 8, 9, 10, 11]")
              + "sigma = [0.1, 0.5]\n",
    "slow_flow": NEURONS + 'label = [0.3, 0.5]\nslow_flow = "yes"\n',
    "quintic": NEURONS + 'activation = "quintic"\nquintic_k = [0, 0.3, 0.6]\n'
               "label = [0.1, 0.3, 0.5]\n",
    "data_seed": NEURONS + 'inputs = "gaussian"\ndata_seed = [0, 1, 2]\n',
    "wells": NEURONS + 'activation = "quintic"\nquintic_k = [0, 0.3, 0.6]\n',
}


@functools.cache
def read(path):
    """All of a result file; the engine that the scripts ask for takes eight times as long."""
    try:
        return xarray.load_dataset(path, engine="netcdf4")
    except OSError:  # what is wrong is for the scripts to hear from theirs
        return xarray.load_dataset(path, engine="h5netcdf")


@contextlib.contextmanager
def open_dataset(path, engine):
    """Instead of xarray's in this process: reads a file once."""
    assert engine == "h5netcdf"
    yield read(str(path)).copy()


style.xarray = types.SimpleNamespace(open_dataset=open_dataset)


def plot(script, *arguments):
    """Runs a script in this process: to import what it needs takes longer than to draw."""
    out, errors, code = io.StringIO(), io.StringIO(), 0
    with (unittest.mock.patch.object(sys, "argv", [script, *map(str, arguments)]),
          contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors),
          warnings.catch_warnings()):
        warnings.simplefilter("ignore")
        for kind in (UserWarning, RuntimeWarning):
            warnings.simplefilter("always", kind)
        try:
            importlib.import_module(script.removesuffix(".py")).main()
        except SystemExit as end:
            code = end.code or 0
        except Exception:
            traceback.print_exc()
            code = 1
        finally:
            plt.close("all")
    return types.SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=errors.getvalue())


def plots(jobs):
    """What plot(*job) gives for every job; on all cores, as most of the test's time is theirs."""
    for _, result, *_ in jobs:
        read(str(result))  # for all processes
    fork = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(os.cpu_count(), mp_context=fork) as pool:
        return [running.result() for running in [pool.submit(plot, *job) for job in jobs]]


def room(script, step_size="0.01", eta="0.5", target="2"):
    """Options that leave a script of ssam the axes of the grid that it draws."""
    fixed = {"phase_diagram.py": ["step_size"], "shrinkage.py": ["step_size", "eta"],
             "threshold.py": ["step_size"], "starts.py": ["step_size", "eta"]}
    values = {"step_size": step_size, "eta": eta, "target": target}
    return [f"--at={axis}={values[axis]}" for axis in fixed.get(script, values)]


def labels(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


class PlotTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name, text in SWEEPS.items():
            cls.train(name, text)

    @classmethod
    def train(cls, name, text, *options):
        sweep = cls.folder / f"{name}.toml"
        sweep.write_text(text)
        subprocess.run([SHARPSWEEP, "run", sweep, "-o", cls.result(name), "--quiet", *options],
                       check=True, capture_output=True, timeout=100)

    @classmethod
    def result(cls, name):
        return cls.folder / f"{name}.h5"

    def data(self, name, *at, **options):
        choices = types.SimpleNamespace(result=str(self.result(name)), at=at)
        return style.open_result(choices, **options)

    def assert_draw(self, *jobs):
        """jobs: (script, name of the result, options...)"""
        pictures = [self.folder / f"{script}.{name}.png" for script, name, *_ in jobs]
        outcomes = plots([(script, self.result(name), "-o", picture, *options)
                          for (script, name, *options), picture in zip(jobs, pictures)])
        for job, outcome, picture in zip(jobs, outcomes, pictures):
            with self.subTest(job):
                self.assert_drawn(outcome, picture)

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
        self.assert_draw(*((script, "grid", *room(script)) for script in SCRIPTS))

    def test_every_map_of_the_family(self):
        maps = [path for model in FAMILY for path in sorted(PLOTS.parent.glob(f"{model}_*.toml"))]
        self.assertEqual(len(maps), 15)

        for path in maps:  # with a third of the values of each axis
            sweep = re.sub(r"((?:lin|log)\([^()]*,) *(\d+)\)",
                           lambda axis: f"{axis[1]}{int(axis[2]) // 3 + 1})", path.read_text())
            self.train(path.stem, sweep, "--steps", "300")

        self.assert_draw(*((f"{model}.py", path.stem) for path in maps for model in FAMILY
                           if path.name.startswith(model)))

    def test_an_axis_without_room_is_refused(self):
        refused = [("sam_classification", "plane", "--at clock=rescaled"),
                   ("sam_quadratic", "spectrum", "--at rho=0.01"),
                   ("label_noise", "noises", "--at batch=full --at noise=signs"),
                   ("label_noise", "sigmas", "--at sigma=0.1"),
                   ("label_noise", "slow_flow", "--at neurons=2 --at label=0.3"),
                   ("label_noise", "quintic", "--at neurons=2"),
                   ("balancing", "grid", "--at step_size=0.005 --at eta=0.4 --at target=0.1")]
        outcomes = plots([(f"{script}.py", self.result(name)) for script, name, _ in refused])
        for (_, name, hint), outcome in zip(refused, outcomes):
            with self.subTest(name):
                self.assert_refuses(outcome, 2, hint)

    def test_a_chosen_value_makes_room(self):
        chosen = [("sam_classification", "plane", "clock=logistic"),
                  ("sam_quadratic", "spectrum", "rho=0.1"),
                  ("label_noise", "noises", "batch=single", "noise=signs"),
                  ("label_noise", "sigmas", "sigma=0.5"),
                  ("label_noise", "slow_flow", "neurons=3", "label=0.5"),
                  ("label_noise", "quintic", "neurons=3")]
        self.assert_draw(*((f"{script}.py", name, *(f"--at={choice}" for choice in choices))
                           for script, name, *choices in chosen))

    def test_the_value_chosen_is_the_one_drawn(self):
        data = self.data("plane", "clock=logistic", "alpha_2=0.5", model="sam_classification")

        self.assertEqual(style.words(data, "clock"), ["logistic"])
        self.assertEqual(style.words(data, "alpha_2"), ["0.5"])
        self.assertEqual(data.attrs["at"], ["clock = logistic", "alpha_2 = 0.5"])
        self.assertEqual(style.words(self.data("grid", "init=zero_last(0.5)"), "init"),
                         ["zero_last(0.5)"])

    def test_a_choice_that_is_not_there(self):
        for choice, hint in [("clock=sun", "rescaled, logistic"), ("rho=2", "rho has 1"),
                             ("tea=2", "rule, clock"), ("coordinate=1", "no such axis")]:
            outcome = plot("sam_classification.py", self.result("plane"), "--at", choice)

            self.assert_refuses(outcome, 2, f"--at {choice}", hint)

    def test_winners_and_lines_are_those_of_the_file(self):
        classification = importlib.import_module("sam_classification")

        def drawn(name):
            data = self.data(name, "rule=l2", "clock=rescaled", model="sam_classification")
            data = style.only(data, None, ["alpha_1", "alpha_2", "rule", "depth"])
            return labels(classification.draw_starts(data))

        self.assertIn("$e_{3}$ wins", drawn("plane"))
        self.assertIn("(no prediction)", drawn("data_set_plane"))
        self.assertNotIn("theory", drawn("data_set_plane"))
        plt.close("all")

    def test_data_sets_and_many_coordinates(self):
        self.assert_draw(*(("sam_classification.py", name)
                           for name in ("data_set", "nine", "deep")),
                         ("label_noise.py", "data_seed"),
                         ("label_noise.py", "wells", "--at=quintic_k=0.3"))

    def test_what_is_no_map(self):
        outcome = plot("label_noise.py", self.result("noises"), "--at=batch=full",
                       "--at=noise=none")

        self.assert_refuses(outcome, 2, "slow clock")
        self.assert_refuses(plot("label_noise.py", self.result("plane")), 2, "not label_noise")

    def test_every_script_draws_targets_in_threshold_units(self):
        self.assert_draw(*((script, "relative", *room(script, target="4")) for script in SCRIPTS))

    def test_negative_targets_and_depth_one(self):
        scripts = ["phase_diagram.py", "shrinkage.py", "balancing.py", "sharpness.py"]

        self.assert_draw(*((script, "negative", *room(script)) for script in scripts))

    def test_diverged_networks(self):
        scripts = ["phase_diagram.py", "shrinkage.py", "balancing.py", "sharpness.py"]

        self.assert_draw(*((script, "diverging", *room(script, "2")) for script in scripts))

    def test_single_values_of_axes(self):
        self.assert_draw(("phase_diagram.py", "one_start"), ("shrinkage.py", "one_start"),
                         ("threshold.py", "one_start"),
                         ("sharpness.py", "one_start", "--at=eta=0.4", "--at=target=1"))

    def test_the_picture_lies_beside_the_result_by_default(self):
        subprocess.run([sys.executable, PLOTS / "shrinkage.py", self.result("one_eta"), "--at",
                        "step_size=0.01"], check=True, timeout=60)

        self.assertTrue((self.folder / "one_eta.png").is_file())

    def test_help(self):
        for script in SCRIPTS:
            outcome = plot(script, "--help")

            self.assertEqual(outcome.returncode, 0)
            self.assertIn("RESULT.h5", outcome.stdout)

    def test_missing_file(self):
        for script in SCRIPTS:
            self.assert_refuses(plot(script, self.folder / "none.h5"), 3, "none.h5: no such file")

    def test_a_file_that_is_no_result(self):
        self.assert_refuses(plot("threshold.py", self.folder / "grid.toml"), 3, "grid.toml")

    def test_a_sweep_without_record(self):
        for script in ("balancing.py", "sharpness.py"):
            self.assert_refuses(plot(script, self.result("no_record")), 2, "'record = 250'")

    def test_a_sweep_that_lacks_an_axis(self):
        self.assert_refuses(plot("phase_diagram.py", self.result("one_eta")), 2, "eta")
        self.assert_refuses(plot("starts.py", self.result("one_start")), 2, "balanced starts")
        self.assert_refuses(plot("balancing.py", self.result("one_start")), 2, "balanced")

    def test_an_output_that_can_not_be_written(self):
        outcome = plot("threshold.py", self.result("one_start"), "-o",
                       self.folder / "none" / "a.png")

        self.assert_refuses(outcome, 3, "a.png")


if __name__ == "__main__":
    unittest.main()
