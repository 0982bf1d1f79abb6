#!/usr/bin/env python3
"""Result files: readable by every tool, labelled, right, and the same numbers again.

Small sweeps are trained once and looked at with xarray (both engines), ncdump, Octave and h5py;
means, order parameters, theory and digest are recomputed here with numpy and hashlib.
"""
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
import xarray as xr

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from program import run, seal, sweep_text

ORDER_PARAMETERS = ["shrinkage", "product", "imbalance", "loss", "average_sharpness",
                    "hessian_trace"]
AXES = ("depth", "init", "step_size", "eta", "target")
THRESHOLDS = ["threshold" + x for x in ("", "_low", "_high", "_theory", "_existence", "_basin",
                                        "_maxwell")]
ROOT_TEXTS = ["Conventions", "title", "history", "model", "sweep", "sharpsweep_version",
              "git_revision", "backend", "device", "digest"]

SWEEPS = {
    "plain": dict(steps=50),
    "single": dict(depth=3, init="gaussian(0.5)", target=2, seeds=1, steps=1, record=1,
                   save="weights"),
    "seeds": dict(depth=[2, 3, 5], init=["balanced(0.4)", "unbalanced(0.5,2)", "zero_last(1)"],
                  step_size=[0.01, 0.02], eta="lin(0.2,0.4,3)", target="log(0.5,4,7)",
                  target_unit="threshold", seeds=100, first_seed=37, steps=100, record=4,
                  save="seeds"),
    "weights": dict(depth=[1, 4, 2], init=["balanced(0.6)", "unbalanced(0.5,-2)", "zero_last(1)",
                                           "gaussian(0.5)"],
                    eta="lin(0.5,0.7,2)", target=[-2, 0.5, 1, 3], seeds=70, first_seed=130,
                    steps=200, tail_average=0, survival_level=0.5, save="weights"),
    "double": dict(depth=[16, 2], init="balanced(0.9)", eta=0.1, target=[0.5, 2], seeds=9,
                   steps=100, tail_average=0, precision="f64", schedule="power(10,0.5)",
                   noise_streams="independent", base_seed=2**64 - 1, save="weights"),
    # most networks of the larger step diverge, all of the largest
    "diverging": dict(depth=[2, 4], init="balanced(1.5)", step_size=[0.001, 0.03, 50], eta=0.7,
                      target=[1, 3], seeds=65, steps=200, tail_average=0, save="weights"),
    "projected": dict(depth=[2, 3], init="gaussian(0.5)", target="lin(0.5,2,5)", seeds=66,
                      projection_radius=1.5, steps=100, tail_average=0, save="weights", record=3,
                      step_size_unit="scaled"),
    "noise-free": dict(depth=[2, 3], init=["balanced(0.7)", "unbalanced(0.4,3)"], noise="none",
                       seeds=2, steps=2000, step_size=0.05, target="lin(0.1,1,10)",
                       tail_average=0, save="weights"),
}

folder = None   # of all files
plain = None    # name -> the dataset, values as they are stored


def setUpModule():
    global folder, plain
    holder = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(holder.cleanup)
    folder = pathlib.Path(holder.name)
    plain = {name: load(train(name, **keys)) for name, keys in SWEEPS.items()}


def path_of(name):
    return folder / f"{name}.h5"


def train(name, *options, **keys):
    """Runs a sweep; the path of its file."""
    (folder / f"{name}.toml").write_text(sweep_text(**keys))
    done = run("run", f"{name}.toml", "-o", f"{name}.h5", "--backend", "cpu", "--quiet", *options,
               cwd=folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done
    return path_of(name)


def load(path):
    """The dataset with its values as stored, and names on the axis `init`."""
    with xr.open_dataset(path, engine="netcdf4", decode_cf=False) as data:
        return data.load()


def arrays(path):
    """Dimensions and values of every variable; starts by name, to be matched between files."""
    with h5py.File(path) as file:
        found = {name: (tuple(d[0].name.lstrip("/") for d in data.dims if len(d)) or (name,),
                        data[...]) for name, data in file.items()
                 if isinstance(data, h5py.Dataset)}
        found["init"] = ("init",), np.array(file["init"].attrs["flag_meanings"].split())
        return found


def settings(name):
    keys = dict(step_size_unit="absolute", survival_level=0.2, seeds=16, target_unit="absolute")
    return {**keys, **SWEEPS[name]}


def variables_in_file_order(file):
    names = []
    file.id.links.iterate(lambda name: names.append(name.decode()),
                          idx_type=h5py.h5.INDEX_CRT_ORDER)
    return [name for name in names if isinstance(file[name], h5py.Dataset)]


def digest_of(path):
    """SHA-256 over name, a zero byte and the values of every coordinate and variable."""
    total = hashlib.sha256()
    with h5py.File(path) as file:
        for name in variables_in_file_order(file):
            total.update(name.encode() + b"\0" + file[name][...].tobytes())
        return total.hexdigest(), file.attrs["digest"]


def existence_threshold(eta, depth):
    L = depth
    return eta**L * (2.0 * (L - 1))**(L - 1) / (float(L - 2)**((L - 2) / 2) * float(L)**(L / 2))


class Case(unittest.TestCase):
    def assert_close(self, found, expected, relative, absolute=0.0):
        np.testing.assert_allclose(found, expected, rtol=relative, atol=absolute, equal_nan=True)

    def check(self, done, code, out, error):
        self.assertEqual(done.returncode, code, done)
        self.assertRegex(done.stdout, out)
        self.assertRegex(done.stderr, error)


class Layout(Case):
    def expected(self, name):
        """Every variable of a sweep's file with its dimensions and type, in the file's order."""
        keys = SWEEPS[name]
        seeds = keys.get("save", "mean") != "mean"
        weights = keys.get("save") == "weights"
        record = "record" in keys
        f, i = "<f8", "<i8"
        layout = {"depth": i, "init": i, "step_size": f, "eta": f, "target": f}
        layout = {axis: ((axis,), kind) for axis, kind in layout.items()}
        layout |= {axis: ((axis,), i) for axis, present in
                   (("seed", seeds), ("layer", weights), ("step", record)) if present}
        layout |= {"init_scale": (("init",), f), "init_ratio": (("init",), f),
                   "target_value": (("depth", "eta", "target"), f)}
        for x in ORDER_PARAMETERS:
            layout |= {x + "_mean": (AXES, f), x + "_std": (AXES, f)}
        layout |= {"survival": (AXES, f), "diverged": (AXES, f), "seeds_finished": (AXES, i),
                   "status": (AXES, "|u1")}
        layout |= {x + "_theory": (AXES, f) for x in ORDER_PARAMETERS}
        layout |= {x: (AXES[:4], f) for x in THRESHOLDS}
        if record:
            for x in ORDER_PARAMETERS:
                layout |= {x + "_path_mean": (AXES + ("step",), f),
                           x + "_path_std": (AXES + ("step",), f)}
        if seeds:
            layout |= {x: (AXES + ("seed",), f) for x in ORDER_PARAMETERS}
        if weights:
            layout["weight"] = AXES + ("seed", "layer"), f
        return layout

    def test_h5py(self):
        for name, _ in plain.items():
            with self.subTest(name):
                with h5py.File(path_of(name)) as file:
                    found = {}
                    for variable in variables_in_file_order(file):
                        data = file[variable]
                        dims = (variable,) if h5py.h5ds.is_scale(data.id) else tuple(
                            d[0].name.lstrip("/") for d in data.dims if len(d) == 1)
                        self.assertEqual(len(dims), data.ndim, variable)
                        found[variable] = (dims, data.dtype.str)
                        for attribute in ("units", "long_name"):
                            self.assertGreater(len(data.attrs[attribute]), 0, variable)
                        if data.dtype.kind == "f":
                            self.assertTrue(np.isnan(data.fillvalue), variable)
                    self.assertEqual(list(found.items()), list(self.expected(name).items()))
                    for attribute in ROOT_TEXTS:
                        self.assertIsInstance(file.attrs[attribute], str)
                    self.assertGreater(file.attrs["wall_seconds"], 0)
                    axes = [file[a].shape[0] for a in AXES]
                    depths = int(file["depth"][...].sum())
                    self.assertEqual(file.attrs["updates"], depths * np.prod(axes[1:])
                                     * settings(name)["seeds"] * SWEEPS[name]["steps"])

    def test_xarray_with_both_engines(self):
        for name, _ in plain.items():
            with self.subTest(name):
                kinds = {"<f8": "float64", "<i8": "int64", "|u1": "uint8"}
                expected = {n: (d, kinds[t]) for n, (d, t) in self.expected(name).items()}
                both = [xr.load_dataset(path_of(name), engine=engine)
                        for engine in ("h5netcdf", "netcdf4")]
                xr.testing.assert_identical(*both)
                for data in both:
                    found = {n: (v.dims, str(v.dtype)) for n, v in data.variables.items()}
                    self.assertEqual(found, expected)
                    self.assertEqual(set(data.coords), {n for n, (d, _) in expected.items()
                                                        if d == (n,)}
                                     | {"init_scale", "init_ratio", "target_value"})
                    for variable in data.variables:
                        self.assertTrue(data[variable].attrs["units"])
                        self.assertTrue(data[variable].attrs["long_name"])

    def test_ncdump(self):
        kinds = {"<f8": "double", "<i8": "int64", "|u1": "ubyte"}
        for name, _ in plain.items():
            with self.subTest(name):
                done = subprocess.run(["ncdump", "-h", path_of(name)], text=True,
                                      capture_output=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for variable, (dims, kind) in self.expected(name).items():
                    self.assertIn(f"\t{kinds[kind]} {variable}({', '.join(dims)}) ;", done.stdout)

    def test_octave(self):
        if not shutil.which("octave-cli"):
            self.skipTest("Octave is not installed")
        script = "".join(
            f"s = load('{path_of(name)}'); d = double(s.status); x = s.shrinkage_mean;"
            f"printf('%s %d %d %.17g %.17g\\n', '{name}', numel(fieldnames(s)), numel(d),"
            f"sum(d(:)), sum(x(~isnan(x))));" for name in plain)
        done = subprocess.run(["octave-cli", "--no-gui", "--norc", "--eval", script], text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 0, done.stderr)  # Octave 7 grumbles while it exits
        lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
        for name, data in plain.items():
            with self.subTest(name):
                fields, cells, done_cells, total = map(float, lines[name].split())
                self.assertEqual(fields, len(data.variables) + 1)  # and the group of work units
                self.assertEqual([cells, done_cells], [data.status.size] * 2)
                self.assert_close(total, float(data.shrinkage_mean.sum()), 1e-12)

    def test_octave_has_the_dimensions_reversed(self):
        if not shutil.which("octave-cli"):
            self.skipTest("Octave is not installed")
        script = (f"s = load('{path_of('seeds')}'); printf('%d ', size(s.loss)); "
                  "printf('%.17g', s.loss(3, 2, 3, 2, 1, 2));")
        done = subprocess.run(["octave-cli", "--no-gui", "--norc", "--eval", script], text=True,
                              capture_output=True)
        *sizes, value = done.stdout.split()
        loss = plain["seeds"].loss
        self.assertEqual([int(s) for s in sizes], list(loss.shape[::-1]), done)
        self.assertEqual(float(value), loss.values[1, 0, 1, 2, 1, 2])

    def test_coordinates_and_flags(self):
        for name, data in plain.items():
            with self.subTest(name):
                keys = settings(name)
                for axis in ("init", "status"):
                    values = np.atleast_1d(data[axis].attrs["flag_values"])
                    self.assertEqual(len(values), len(data[axis].attrs["flag_meanings"].split()))
                    self.assertTrue(set(data[axis].values.ravel()) <= set(values))
                self.assertTrue((data.status == 1).all())
                starts = keys.get("init", "balanced(1)")
                starts = [starts] if isinstance(starts, str) else starts
                arguments = [[float(x) for x in re.findall(r"-?[\d.]+", s)] for s in starts]
                self.assertEqual(list(data.init_scale.values), [a[0] for a in arguments])
                self.assertEqual(list(data.init_ratio.values), [(a + [1.0])[1] for a in arguments])
                if "seed" in data.dims:
                    first = keys.get("first_seed", 0)
                    self.assertEqual(list(data.seed), list(range(first, first + keys["seeds"])))
                if "layer" in data.dims:
                    self.assertEqual(list(data.layer), list(range(1, int(data.depth.max()) + 1)))
                if "step" in data.dims:
                    self.assertEqual(len(data.step), keys["record"])
                    self.assertEqual(data.step[-1], keys["steps"])
                    self.assertTrue((np.diff(data.step) > 0).all())


class Numbers(Case):
    def with_seeds(self):
        return {name: data for name, data in plain.items() if "seed" in data.dims}.items()

    def test_mean_and_deviation_over_seeds(self):
        for name, data in self.with_seeds():
            with self.subTest(name):
                for x in ORDER_PARAMETERS:
                    values = data[x].values
                    finished = np.isfinite(values)
                    n = finished.sum(-1)
                    kept = np.where(finished, values, 0.0)
                    with np.errstate(invalid="ignore", over="ignore"):
                        mean = kept.sum(-1) / np.where(n, n, np.nan)
                        deviations = np.where(finished, values - mean[..., None], 0.0)
                        std = np.sqrt((deviations**2).sum(-1) / np.where(n, n, np.nan))
                    scale = np.abs(kept).max(-1)
                    self.assert_close(data[x + "_mean"] / np.where(scale, scale, 1),
                                      mean / np.where(scale, scale, 1), 1e-12, 1e-14)
                    self.assert_close(data[x + "_std"] / np.where(scale, scale, 1),
                                      std / np.where(scale, scale, 1), 1e-12, 1e-14)

    def test_survival_and_divergence(self):
        for name, data in self.with_seeds():
            with self.subTest(name):
                lost = np.isnan(data.shrinkage.values)
                for x in ORDER_PARAMETERS:
                    self.assertTrue((np.isnan(data[x].values) == lost).all(), x)
                seeds = lost.shape[-1]
                self.assertTrue((data.seeds_finished.values == seeds - lost.sum(-1)).all())
                self.assert_close(data.diverged, lost.sum(-1) / seeds, 0)
                alive = data.shrinkage.values >= settings(name)["survival_level"]
                self.assert_close(data.survival, alive.sum(-1) / seeds, 0)
        lost = plain["diverging"].diverged.values
        self.assertEqual((lost.min(), lost.max()), (0, 1))
        self.assertTrue(((lost > 0) & (lost < 1)).any())
        self.assertTrue(np.isnan(plain["diverging"].loss_mean.values[lost == 1]).all())

    def test_order_parameters_from_weights(self):
        for name, data in self.with_seeds():
            with self.subTest(name):
                if "weight" not in data or SWEEPS[name].get("tail_average") != 0:
                    continue
                finished = np.isfinite(data.shrinkage.values)
                for d, depth in enumerate(data.depth.values):
                    w = data.weight.values[d][..., :depth]
                    self.assertTrue(np.isnan(data.weight.values[d][..., depth:]).all())
                    self.assertTrue((np.isfinite(w).all(-1) | ~finished[d]).all())
                    eta2 = (data.eta.values**2)[None, None, :, None, None]
                    target = data.target_value.values[d][None, None, :, :, None]
                    p = w.prod(-1)
                    squares = w**2
                    ratio = np.maximum(p / target, 0)
                    others = [np.delete(squares, l, -1).prod(-1) for l in range(depth)]
                    expected = {
                        "product": p, "loss": (target - p)**2, "shrinkage": ratio**(1 / depth),
                        "imbalance": np.abs(np.diff(squares)).max(-1) if depth > 1 else 0 * p,
                        "average_sharpness": (squares + eta2[..., None]).prod(-1)
                        - squares.prod(-1),
                        "hessian_trace": 2 * np.sum(others, 0)}
                    for x, values in expected.items():
                        found = data[x].values[d]
                        values = np.where(finished[d], values, np.nan)
                        # A difference of near numbers is exact to their own last digits only.
                        with np.errstate(invalid="ignore"):
                            size = {"loss": np.abs(target * (target - p)),
                                    "imbalance": squares.max(-1),
                                    "average_sharpness": squares.prod(-1)}.get(x, 0 * p)
                            error = np.abs(found - values) - 1e-9 * np.abs(values) - 4e-15 * size
                        self.assertTrue((np.isnan(found) == np.isnan(values)).all(), x)
                        self.assertLessEqual(np.nanmax(error, initial=0), 0, x)

    def test_targets_and_existence_thresholds(self):
        for name, data in plain.items():
            with self.subTest(name):
                for d, depth in enumerate(data.depth.values):
                    for e, eta in enumerate(data.eta.values):
                        found = data.threshold_existence.values[d, :, :, e]
                        unit = 1.0
                        if depth == 1:
                            self.assertTrue(np.isnan(found).all())
                        else:
                            tau = existence_threshold(eta, depth)
                            self.assert_close(found, tau, 1e-13)
                            if settings(name)["target_unit"] == "threshold":
                                unit = tau
                        self.assert_close(data.target_value.values[d, e], data.target * unit, 1e-13)

    def test_last_record_is_the_final_value_without_averaging(self):
        data = plain["projected"]
        for x in ORDER_PARAMETERS:
            for kind in ("_mean", "_std"):
                last = data[x + "_path" + kind].values[..., -1]
                self.assertEqual(last.tobytes(), data[x + kind].values.tobytes(), x)


class Digest(Case):
    def test_recomputed(self):
        for name, _ in plain.items():
            with self.subTest(name):
                own, stored = digest_of(path_of(name))
                self.assertEqual(own, stored)

    def test_equal_runs_have_equal_bytes(self):
        differing = {"history", "wall_seconds", "device"}
        for name, data in plain.items():
            with self.subTest(name):
                train("again", "--overwrite", "--threads", "1", "--instruction-set", "scalar",
                      **SWEEPS[name])
                again = load(path_of("again"))
                self.assertEqual(list(again.variables), list(data.variables))
                for variable in data.variables:
                    self.assertEqual(again[variable].values.tobytes(),
                                     data[variable].values.tobytes(), variable)
                    self.assertEqual(str(again[variable].attrs), str(data[variable].attrs))
                changed = {k for k in data.attrs if again.attrs[k] != data.attrs[k]}
                self.assertEqual(changed - differing,
                                 set())

    def test_the_sweep_inside_a_file_reruns_it(self):
        for name, data in plain.items():
            with self.subTest(name):
                (folder / "inside.toml").write_text(data.attrs["sweep"])
                done = run("run", "inside.toml", "-o", "inside.h5", "--overwrite",
                           "--backend", "cpu", cwd=folder)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(f"digest {data.attrs['digest']}\n", done.stdout)
                self.assertEqual(load(path_of("inside")).attrs["sweep"], data.attrs["sweep"])


class Promise2(Case):
    """A cell is itself: other grids give the old cells' numbers bit for bit."""

    BASE = dict(depth=[2, 3], init=["balanced(0.4)", "gaussian(0.5)"], step_size=[0.01, 0.02],
                eta="lin(0.5,1,2)", target="lin(0.75,2.25,4)", seeds=70, first_seed=10, steps=60,
                record=3, save="weights", base_seed=7)
    VARIANTS = {
        "more seeds": dict(seeds=150),
        "earlier seeds": dict(first_seed=0, seeds=80),
        "one seed": dict(first_seed=64, seeds=1),
        "finer eta": dict(eta="lin(0.5,1,5)"),
        "finer target": dict(target="lin(0.75,2.25,10)"),
        "target in another order": dict(target=[2.25, 0.75, 1.75, 1.25]),
        "more of everything": dict(depth=[5, 3, 2], step_size=[0.02, 0.03, 0.01],
                                   init=["zero_last(1)", "gaussian(0.5)", "balanced(0.4)"]),
        "one cell": dict(depth=3, init="gaussian(0.5)", step_size=0.02, eta=0.5, target=1.75),
        "another survival level": dict(survival_level=0.5),
    }

    def test_old_cells_have_their_old_bits(self):
        for more in (dict(), dict(precision="f64", noise_streams="independent"),
                     dict(target_unit="threshold")):
            old = arrays(train("base", "--overwrite", **self.BASE, **more))
            for name, change in self.VARIANTS.items():
                with self.subTest(name, **more):
                    keys = {**self.BASE, **more, **change}
                    self.compare(old, arrays(train("variant", "--overwrite", **keys)), change)

    def compare(self, old, new, change):
        # For each dimension the places of the common values in the one and in the other file.
        places = {d: np.intersect1d(old[d][1], new[d][1], return_indices=True)[1:]
                  for d in (*AXES, "seed", "layer", "step")}
        compared = 0
        for name, (dims, values) in old.items():
            over_seeds = "seed" not in dims and not name.endswith("_theory")
            if name == "init" or over_seeds and ("seeds" in change or "first_seed" in change):
                continue  # the code of a start is its place; a mean is over other seeds
            if name in THRESHOLDS[:4] and not change.keys() <= set(AXES[:4]):
                continue  # made from all targets and seeds
            if name == "survival" and "survival_level" in change:
                continue
            ours = values[np.ix_(*(places[d][0] for d in dims))]
            theirs = new[name][1][np.ix_(*(places[d][1] for d in dims))]
            self.assertGreater(ours.size, 0, name)
            self.assertEqual(ours.tobytes(), theirs.tobytes(), name)
            compared += 1
        self.assertGreater(compared, 12)


class Inspection(Case):
    """`info` and `verify`."""

    def damaged(self, name, change):
        path = folder / "damaged.h5"
        shutil.copy(path_of(name), path)
        with h5py.File(path, "r+") as file:
            change(file)
        seal(path)
        return path

    def test_info(self):
        for name, data in plain.items():
            with self.subTest(name):
                text = run("info", path_of(name))
                self.check(text, 0, r"complete +(\d+) of \1 cells done", r"\A\Z")
                for word in [*data.variables, *ROOT_TEXTS]:
                    self.assertRegex(text.stdout, rf"(?m)^(  )?{word} ")
                found = json.loads(run("info", "--json", path_of(name)).stdout,
                                   parse_constant=lambda x: self.fail(f"{x} is not JSON"))
                self.assertIs(found["digest_matches"], True)
                self.assertEqual(found["cells"], data.status.size)
                self.assertEqual(found["cells_done"], data.status.size)
                self.assertEqual(found["attributes"]["sweep"], data.attrs["sweep"])
                self.assertEqual(list(found["axes"]), [d for d in data.variables if d in data.dims])
                for variable, entry in found["variables"].items():
                    dims = [(d["name"], d["size"]) for d in entry["dimensions"]]
                    self.assertEqual(dims, list(data[variable].sizes.items()))
                    self.assertEqual(entry["long_name"], data[variable].attrs["long_name"])

    def test_verify_recomputes_the_same_bits(self):
        for name, data in plain.items():
            with self.subTest(name):
                cells = data.status.size
                sample = min(cells, 120)
                self.check(run("verify", path_of(name), "--cells", 120), 0,
                           rf"\A{sample} of {cells} cells recomputed on .*: all \d+ values have "
                           r"the same bits\n\Z", r"\A\Z")

    def test_verify_takes_a_sample(self):
        self.check(run("verify", path_of("seeds")), 0, r"\A16 of 378 cells", r"\A\Z")

    def test_a_changed_value_does_not_match_the_digest(self):
        path = self.damaged("plain", lambda f: f["loss_mean"].write_direct(
            np.nextafter(f["loss_mean"][...], 9)))
        for words in (["info"], ["info", "--json"], ["verify"]):
            done = run(*words, path)
            self.assertEqual(done.returncode, 3)
            self.assertEqual(done.stderr, f"sharpsweep: '{path}' is damaged: its results do not "
                                          "match its digest\n")

    def test_verify_names_the_changed_cell(self):
        index = (1, 2, 1, 0, 3)
        for variable, position in (("product_std", index), ("survival", index),
                                   ("seeds_finished", index),
                                   ("hessian_trace_path_mean", index + (2,)),
                                   ("imbalance", index + (99,)), ("status", index)):
            with self.subTest(variable):
                def change(file):
                    values = file[variable][...]
                    bits = values.view(f"u{values.dtype.itemsize}")
                    bits[position] ^= bits.dtype.type(1)
                    file[variable][...] = values
                path = self.damaged("seeds", change)
                own, _ = digest_of(path)
                with h5py.File(path, "r+") as file:
                    file.attrs["digest"] = own
                    target = repr(float(file["target"][3]))
                seal(path)
                self.check(run("verify", path, "--cells", 378), 5,
                           rf"\A{variable} differs at depth 3, init zero_last\(1\), step_size "
                           rf"0\.02, eta 0\.2, target {re.escape(target)}:\n  file       [0-9a-f]{{16}}\n"
                           r"  recomputed [0-9a-f]{16}\n\Z", r"\A\Z")

    def test_files_that_are_none_of_ours(self):
        whole = path_of("seeds").read_bytes()
        foreign = folder / "foreign.h5"
        with h5py.File(foreign, "w") as file:
            file["x"] = [1.0]
        for name, content in {"empty": b"", "text": b"hello", "half": whole[:len(whole) // 2],
                              "foreign": foreign.read_bytes()}.items():
            for command in ("info", "verify"):
                with self.subTest(name, command=command):
                    foreign.write_bytes(content)
                    self.check(run(command, foreign), 3, r"\A\Z",
                               r"\Asharpsweep: '.*foreign\.h5' [^\n]+\n\Z")

    def test_a_flipped_byte_is_found(self):
        # In the file's own structure a flip can crash HDF5 1.10.8, which sees no such file.
        whole = path_of("seeds").read_bytes()
        with h5py.File(path_of("seeds")) as file:
            places = {name: data.id.get_chunk_info(0).byte_offset if data.chunks
                      else data.id.get_offset() for name, data in file.items()
                      if isinstance(data, h5py.Dataset)}
        places |= {f"byte {i}": i for i in range(0, len(whole), len(whole) // 50)}
        path = folder / "flipped.h5"
        for name, place in places.items():
            with self.subTest(name):
                path.write_bytes(whole[:place] + bytes([whole[place] ^ 64]) + whole[place + 1:])
                done = run("info", path)
                self.assertEqual(done.returncode, 3, done)
                self.assertRegex(done.stderr,
                                 r"\Asharpsweep: '.*flipped\.h5' [^\n]*damaged[^\n]*\n\Z")


if __name__ == "__main__":
    unittest.main()
