"""S-SAM in numpy: whole arrays, a step at a time."""
import numpy as np

NAMES = ("numpy", "numpy, noise shared")


def load(name, work):
    shared = name.endswith("shared")
    eta, alpha, target = (x.astype(np.float32) for x in (work.eta, work.alpha, work.target))
    # Shared noise: one draw for all configurations of a seed, as sharpsweep does.
    noise = (work.depth, work.seeds, 1 if shared else work.shape[1], work.shape[2])
    rng = np.random.default_rng(1)

    def run(steps):
        w = work.weights()
        for _ in range(steps):
            p = w + eta * rng.standard_normal(noise, dtype=np.float32)
            residual = p.prod(axis=0) - target
            for l in range(work.depth):
                rest = np.delete(p, l, axis=0).prod(axis=0)
                w[l] -= 2 * alpha * residual * rest
        return w.prod(axis=0)

    return "numpy " + np.__version__, run
