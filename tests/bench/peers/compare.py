#!/usr/bin/env python3
"""The same recursion as one writes it in numpy, numba, PyTorch and JAX, beside sharpsweep.

Usage: compare.py PROGRAM [--cores N] [--seconds S] [--rounds R] [--backend cpu|cuda]
       [--python PYTHON] [--sweep FILE]

All train the grid of the sweep file in float32, on the same N cores, one after the other, R times
round, the engine also without sharing noise among configurations; printed are medians of updates
(steps of a weight) per second, and of the ratios of each round. Every peer is warmed up before, and
its mean final products have to be sharpsweep's within 6 standard errors in every cell. A peer that
is not installed is left out.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
SWEEP = os.path.join(HERE, "..", "..", "..", "sweeps", "quickstart.toml")
PEERS = {"numpy": "numpy_peer", "numpy, noise shared": "numpy_peer", "numba": "numba_peer",
         "torch": "torch_peer", "torch.compile": "torch_peer", "jax": "jax_peer"}
# A short run in which products move by more than their noise.
CHECK = {"steps": 400, "step_size": 2e-4, "tail_average": 0}


class Engine:
    def __init__(self, arguments, depth, folder, *options):
        self.output = os.path.join(folder, "engine.h5")
        self.command = [arguments.program, "run", arguments.sweep, "-o", self.output, "--quiet",
                        "--overwrite", "--backend", arguments.backend, "--depth", str(depth), *options]
        if arguments.backend == "cpu":
            self.command += ["--threads", str(arguments.cores)]

    def run(self, settings):
        options = [x for key, value in settings.items() for x in ("--" + key, repr(value))]
        subprocess.run(self.command + options, check=True)

    def attribute(self, name):
        return float(np.ravel(read(self.output)[1][name])[0])

    def seconds(self, steps):
        self.run({"steps": steps})
        return self.attribute("wall_seconds")


def read(path):
    import h5py
    with h5py.File(path) as file:
        data = {name: x[...] for name, x in file.items() if isinstance(x, h5py.Dataset)}
        return data, dict(file.attrs)


def work_of(path, depth, step_size):
    """What the engine trained at one depth, as arguments of Work."""
    data, attributes = read(path)
    seeds = int(data["seeds_finished"].max())
    grid = [(scale, k) for scale in data["init_scale"] for k in range(len(data["eta"]))]
    eta = np.array([[data["eta"][k]] for _, k in grid])
    assert 'step_size_unit = "scaled"' in attributes["sweep"]
    return {"depth": depth, "start": np.array([[scale] for scale, _ in grid]), "eta": eta,
            "alpha": step_size / eta ** (2 * depth - 2),
            "target": np.array([data["target_value"][0, k] for _, k in grid]), "seeds": seeds}


class Peer:
    """A peer in a process of its own."""
    def __init__(self, python, name, files):
        self.process = subprocess.Popen([python, __file__, "--worker", name] + files, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.about = json.loads(self.process.stdout.readline() or '{"missing": "no answer"}')

    def run(self, kind, steps, output=""):
        self.process.stdin.write(json.dumps([kind, steps, output]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


def worker(name, files):
    """Trains what standard input asks for; answers with seconds."""
    import importlib
    answers = os.dup(1)
    os.dup2(2, 1)  # a library's chatter is no answer

    def answer(what):
        os.write(answers, (json.dumps(what) + "\n").encode())

    from work import Work
    try:
        module = importlib.import_module(PEERS[name])
    except ImportError as error:
        return answer({"missing": str(error)})
    runs = {}
    for kind, path in zip(("check", "time"), files):
        arrays = dict(np.load(path))
        arrays.update({key: int(arrays[key]) for key in ("depth", "seeds")})
        about, runs[kind] = module.load(name, Work(**arrays))
    answer({"about": about})
    for line in sys.stdin:
        kind, steps, output = json.loads(line)
        begin = time.perf_counter()
        products = runs[kind](steps)
        answer(time.perf_counter() - begin)
        if output:
            np.save(output, products)


def check(peer, name, engine_file, folder):
    data, _ = read(engine_file)
    path = os.path.join(folder, "products.npy")
    peer.run("check", CHECK["steps"], path)
    peer.run("check", 1)  # only so that the file is complete
    products = np.load(path).astype(float)
    mean, deviation = (data["product_" + x].reshape(products.shape[1:]) for x in ("mean", "std"))
    error = deviation * np.sqrt(2 / len(products))
    worst = np.max(np.abs(products.mean(axis=0) - mean) / error)
    if not worst < 6:
        raise SystemExit("%s is not the same recursion: off by %.1f standard errors" % (name, worst))


def long_enough(run, seconds):
    """Steps that take so long, the run with so many made once before."""
    steps = 8
    while True:
        run(steps)
        taken = run(steps)
        if taken >= seconds:
            return steps
        steps *= max(2, min(32, int(1.5 * seconds / max(taken, 1e-6))))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--backend", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--python", default=sys.executable, help="one that has the peers")
    parser.add_argument("--sweep", default=SWEEP)
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:arguments.cores])
    os.environ["OMP_NUM_THREADS"] = str(arguments.cores)

    print("10^6 updates/s, %d core%s, float32, backend %s" %
          (arguments.cores, "s" * (arguments.cores > 1), arguments.backend))
    with tempfile.TemporaryDirectory() as folder:
        first = Engine(arguments, 2, folder)
        first.run({"steps": 1})
        data, _ = read(first.output)
        step_size = float(data["step_size"][0])
        for depth in (2, 3):
            engine = Engine(arguments, depth, folder)
            engine.run(CHECK)
            checked = os.path.join(folder, "check.h5")
            os.replace(engine.output, checked)
            files = [os.path.join(folder, kind + ".npz") for kind in ("check", "time")]
            for path, size in zip(files, (CHECK["step_size"], step_size)):
                np.savez(path, **work_of(checked, depth, size))
            alone = Engine(arguments, depth, folder, "--noise_streams", "independent")
            runs = {"sharpsweep": engine.seconds, "sharpsweep, own noise": alone.seconds}
            steps = {name: long_enough(run, arguments.seconds) for name, run in runs.items()}
            peers = []
            for name in PEERS:
                peer = Peer(arguments.python, name, files)
                if "missing" in peer.about:
                    print("  %-22s left out: %s" % (name, peer.about["missing"]))
                    continue
                check(peer, name, checked, folder)
                runs[name] = lambda n, peer=peer: peer.run("time", n)
                steps[name] = long_enough(runs[name], arguments.seconds)
                peers.append(peer)
                if depth == 2:
                    print("  %-22s %s" % (name, peer.about["about"]))
            engine.run({"steps": 1})
            updates = engine.attribute("updates")
            rates = {name: [] for name in runs}
            for _ in range(arguments.rounds):
                for name, run in runs.items():
                    rates[name].append(updates * steps[name] / run(steps[name]))
            print("depth %d" % depth)
            for name, own in rates.items():
                ratio = statistics.median(a / b for a, b in zip(rates["sharpsweep"], own))
                print("  %-22s %10.2f   %8.0f x" % (name, statistics.median(own) / 1e6, ratio),
                      flush=True)
            for peer in peers:
                peer.stop()


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], sys.argv[3:])
    else:
        main()
