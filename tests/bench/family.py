#!/usr/bin/env python3
"""Coupled models against numpy: networks x steps a second on one core, in the same run.

Usage: family.py PROGRAM [--seconds S]

The numpy versions are the recursions as one writes them: arrays over the coordinates of a network
(`one`), or over networks and coordinates (`batch`, 256 networks at once). Where a run has no noise
its end is compared with the engine's.
"""
import argparse
import os
import subprocess
import tempfile
import time

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
import h5py  # noqa: E402
import numpy as np  # noqa: E402

SIZES = (2, 4, 8, 64)
NETWORKS = 256


def classification(rule):
    """Depth 2, one example (mu, +1), the rescaled clock; alpha differs between networks."""
    def settings(d, mu):
        return {"model": "sam_classification", "rule": rule, "depth": 2, "rho": 1,
                "step_size": 5e-4, "precision": "f64", "alpha": "lin(0.7,0.9,%d)" % NETWORKS,
                "examples": "+(" + ",".join(map(repr, mu)) + ")"}

    def step(w, mu, rho=1.0, eta=5e-4):
        u, v = w
        gu, gv = -mu * v, -mu * u
        if rule == "linf":
            pu, pv = u + rho * np.sign(gu), v + rho * np.sign(gv)
        else:
            norm = np.sqrt(np.sum(gu * gu + gv * gv, axis=-1, keepdims=True))
            pu, pv = u + rho * gu / norm, v + rho * gv / norm
        return u + eta * mu * pv, v + eta * mu * pu

    def init(d, networks):
        alpha = np.repeat(np.linspace(0.7, 0.9, NETWORKS)[:networks, None], d, axis=1)
        return (alpha, alpha.copy()), np.array(spectrum_up(d))

    return settings, init, step, spectrum_up


def spectrum_up(d):
    return [float(x) for x in 1 + 0.5 / d * np.arange(d)]


def spectrum_down(d):
    return [float(x) for x in 1 - 0.5 / d * np.arange(d)]


def quadratic(arithmetic):
    etas = np.linspace(0.2, 0.4, NETWORKS)

    def settings(d, lam):
        return {"model": "sam_quadratic", "arithmetic": arithmetic, "precision": "f64",
                "spectrum": ",".join(map(repr, lam)), "rho": 0.01,
                "step_size": "lin(0.2,0.4,%d)" % NETWORKS}

    def init(d, networks):
        lam = np.array(spectrum_down(d))
        w = np.ones((networks, d))
        if arithmetic == "log":
            w = (np.log(lam * w), np.ones_like(w))
        return w, (lam, etas[:networks, None])

    def plain(w, problem, rho=0.01):
        lam, eta = problem
        v = lam * w
        norm = np.sqrt(np.sum(v * v, axis=-1, keepdims=True))
        return w - eta * lam * (w + rho * v / norm)

    def log(state, problem, rho=0.01):
        lam, eta = problem
        l, sign = state
        top = np.max(l, axis=-1, keepdims=True)
        log_g = top + 0.5 * np.log(np.sum(np.exp(2 * (l - top)), axis=-1, keepdims=True))
        m = 1 - eta * lam - eta * rho * lam * lam * np.exp(-log_g)
        return l + np.log(np.abs(m)), sign * np.sign(m)

    return settings, init, log if arithmetic == "log" else plain, spectrum_down


def label_noise():
    random = np.random.default_rng(1)

    def shape(d):
        return 1, d

    def settings(d, _):
        n, m = shape(d)
        return {"model": "label_noise", "samples": n, "neurons": m, "seeds": NETWORKS,
                "precision": "f64", "step_size": 0.4 / d, "sigma": 0.5}

    def init(d, networks):
        n, m = shape(d)
        return 0.4 + 0.1 * random.standard_normal((networks, m, n)), (n, m)

    def step(z, problem, sigma=0.5):
        n, m = problem
        eta = 0.4 / (n * m)
        slope = 1 + z * z
        noise = random.integers(0, 2, (len(z), n)) * 2.0 - 1
        error = np.sum(z + z ** 3 / 3, axis=-2) - 0.5 * m - sigma * noise
        return z - eta / n * error[..., None, :] * slope

    return settings, init, step, lambda d: None


CASES = {
    "sam_classification, linf": classification("linf"),
    "sam_classification, l2": classification("l2"),
    "sam_quadratic, log": quadratic("log"),
    "sam_quadratic, plain": quadratic("plain"),
    "label_noise, cubic": label_noise(),
}


def numpy_rate(init, step, d, networks, seconds):
    state, problem = init(d, networks)
    count, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        for _ in range(50):
            state = step(state, problem)
        count += 50
    return networks * count / (time.perf_counter() - begin)


def engine_run(program, settings, steps, folder):
    path, output = os.path.join(folder, "s.toml"), os.path.join(folder, "o.h5")
    with open(path, "w") as file:
        for key, value in {**settings, "steps": steps, "save": "weights"}.items():
            quoted = value if isinstance(value, (int, float)) else '"%s"' % value
            if key == "spectrum":
                quoted = "[%s]" % value
            file.write("%s = %s\n" % (key, quoted))
    subprocess.run([program, "run", path, "-o", output, "--overwrite", "--quiet", "--backend",
                    "cpu", "--threads", "1"], check=True, stdout=subprocess.DEVNULL)
    with h5py.File(output) as file:
        return float(file.attrs["wall_seconds"]), file["weight"][...]


def check(name, init, step, weights, d, steps=200):
    """The engine's weights after some steps are numpy's."""
    state, problem = init(d, NETWORKS)
    for _ in range(steps):
        state = step(state, problem)
    mine = weights.reshape(NETWORKS, -1)
    if name.endswith("log"):
        theirs = state[0]  # the engine's weights are the logarithms of the gradient, too
    elif name.startswith("sam_classification"):
        theirs = np.concatenate(state, axis=-1)
    else:
        theirs = state
    error = np.max(np.abs(mine[:, :theirs.shape[-1]] - theirs) / (1 + np.abs(theirs)))
    if not error < 1e-9:
        raise SystemExit("%s, d = %d: the engine's end differs from numpy's by %g" %
                         (name, d, error))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--seconds", type=float, default=0.5)
    arguments = parser.parse_args()
    worst = np.inf
    print("10^6 networks x steps/s on one core, f64; numpy %s" % np.__version__)
    print("%-26s %5s %10s %10s %10s %8s %8s" %
          ("", "d", "engine", "one", "batch", "x one", "x batch"))
    with tempfile.TemporaryDirectory() as folder:
        for name, (settings, init, step, vector) in CASES.items():
            for d in SIZES:
                chosen = settings(d, vector(d))
                if not name.startswith("label_noise"):
                    check(name, init, step, engine_run(arguments.program, chosen, 200, folder)[1],
                          d)
                steps, seconds = 1000, 0.0
                while seconds < arguments.seconds:
                    steps *= 2 if seconds == 0 else max(2, int(1.2 * arguments.seconds / seconds))
                    seconds = engine_run(arguments.program, chosen, steps, folder)[0]
                engine = NETWORKS * steps / seconds
                one = numpy_rate(init, step, d, 1, arguments.seconds)
                batch = numpy_rate(init, step, d, NETWORKS, arguments.seconds)
                worst = min(worst, engine / one)
                print("%-26s %5d %10.2f %10.4f %10.3f %8.0f %8.0f" %
                      (name, d, engine / 1e6, one / 1e6, batch / 1e6, engine / one, engine / batch),
                      flush=True)
    print("least ratio to numpy over one network: %.0f" % worst)


if __name__ == "__main__":
    main()
