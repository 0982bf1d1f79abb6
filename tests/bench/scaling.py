#!/usr/bin/env python3
"""How the cost of a sweep grows, as one picture: seconds against networks, coordinates, depth,
steps and threads, and memory against networks, each cost beside that of the last point in proportion.

Usage: scaling.py PROGRAM [-o PICTURE.png] [--rounds R] [--backend cpu|cuda]

One quantity at a time is changed of a sweep like the quickstart; points are medians of whole
processes (start, analysis and file included), memory their largest resident set.
"""
import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "sweeps",
                                "plot"))
import style  # noqa: E402
from style import plt  # noqa: E402

CORES = len(os.sched_getaffinity(0))
SWEEP = {"depth": 2, "init": "balanced(0.6)", "eta": "lin(0.3,0.6,16)", "target": "log(0.5,4,64)",
         "target_unit": "threshold", "seeds": 64, "step_size": 2e-4, "step_size_unit": "scaled",
         "steps": 20000}
TARGETS = "log(0.5,4,%d)"


def quantities():
    """Name, label and points (value, keys, threads) of each panel."""
    return [
        ("networks", [(16 * n, {"seeds": n}, CORES) for n in (16, 64, 256, 1024, 4096, 16384)]),
        ("coordinates", [(n, {"target": TARGETS % n}, CORES) for n in (4, 16, 64, 256, 1024)]),
        ("depth", [(n, {"depth": n}, CORES) for n in (2, 3, 4, 6, 8, 10, 12, 14, 16)]),
        ("steps", [(n, {"steps": n}, CORES) for n in (2000, 8000, 32000, 128000, 512000)]),
        ("threads", [(n, {"steps": 400000}, n) for n in range(1, CORES + 1)]),
    ]


def run(arguments, folder, keys, threads):
    """Seconds and MiB of one process."""
    sweep, output = (os.path.join(folder, name) for name in ("s.toml", "s.h5"))
    with open(sweep, "w", encoding="utf-8") as file:
        for key, value in {**SWEEP, **keys}.items():
            file.write("%s = %s\n" % (key, '"%s"' % value if isinstance(value, str) else value))
    command = [arguments.program, "run", sweep, "-o", output, "--overwrite", "--quiet",
               "--backend", arguments.backend, "--threads", str(threads)]
    begin = time.perf_counter()
    process = subprocess.Popen(command)
    memory = 0
    while process.poll() is None:
        memory = most_memory(process.pid) or memory
        time.sleep(0.02)  # seldom: it takes time of the run's own cores
    if process.returncode != 0:
        sys.exit("scaling: %s failed" % " ".join(command))
    return time.perf_counter() - begin, memory


def most_memory(pid):
    """MiB that a process has had at most; 0 when it has ended. (Its parent's count is of no use: it
    begins with what the parent had.)"""
    try:
        with open("/proc/%d/status" % pid, encoding="ascii") as file:
            line = next((line for line in file if line.startswith("VmHWM:")), "VmHWM: 0")
    except ProcessLookupError:
        return 0
    return int(line.split()[1]) / 1024


def measure(arguments):
    """name -> [(value, seconds, MiB)], rounds over all points so that disturbances hit each."""
    panels = quantities()
    seen = {}
    with tempfile.TemporaryDirectory() as folder:
        run(arguments, folder, {"steps": 100}, CORES)  # reads the program into memory
        for _ in range(arguments.rounds):
            for name, points in panels:
                for value, keys, threads in points:
                    seen.setdefault((name, value), []).append(run(arguments, folder, keys, threads))
    return {name: [(value, *map(statistics.median, zip(*seen[name, value])))
                   for value, _, _ in points] for name, points in panels}


def draw(measured, arguments):
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), layout="constrained")
    places = iter(axes.flat)
    for name, points in measured.items():
        place = next(places)
        values, seconds, _ = zip(*points)
        if name == "threads":
            seconds = [seconds[0] / s for s in seconds]
            place.plot(values, values, "--", color=style.GREY, label="as many times as fast")
            place.set(ylabel="times as fast as one")
            place.set_xticks(values)
        else:
            # The last point hardly knows the fixed costs.
            line = [seconds[-1] * v / values[-1] for v in values]
            place.plot(values, line, "--", color=style.GREY, label="in proportion")
            scale = "linear" if name == "depth" else "log"
            place.set(ylabel="seconds", xscale=scale, yscale=scale)
        place.plot(values, seconds, "o-", color=style.COLOURS[0], label="measured")
        place.set(xlabel=name, ylim=(0, None) if name == "threads" else None)
        place.legend()
    place = next(places)
    values, _, memory = zip(*measured["networks"])
    place.semilogx(values, memory, "o-", color=style.COLOURS[0])
    place.set(xlabel="networks", ylabel="memory (MiB)", ylim=(0, 1.3 * max(memory)))
    figure.suptitle("What a sweep costs: %s, %d core%s" % (arguments.backend, CORES,
                                                            "s" if CORES > 1 else ""))
    figure.savefig(arguments.output)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("-o", "--output", default="out/scaling.png")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--backend", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    os.makedirs(os.path.dirname(arguments.output) or ".", exist_ok=True)
    measured = measure(arguments)
    for name, points in measured.items():
        for value, seconds, memory in points:
            print("%-12s %8d %9.3f s %8.1f MiB" % (name, value, seconds, memory))
    draw(measured, arguments)


if __name__ == "__main__":
    main()
