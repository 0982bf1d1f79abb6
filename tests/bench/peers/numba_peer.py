"""S-SAM in numba: a compiled loop over coordinates, in parallel over seeds."""
import numba
import numpy as np

from work import cores

NAMES = ("numba",)


@numba.njit(parallel=True, fastmath=True)
def train(w, eta, alpha, target, steps):
    depth, seeds, configurations, targets = w.shape
    for s in numba.prange(seeds):
        p = np.empty(depth, np.float32)
        own = np.empty(depth, np.float32)
        for c in range(configurations):
            noise, rate = eta[c, 0], np.float32(2) * alpha[c, 0]
            for t in range(targets):
                for l in range(depth):
                    own[l] = w[l, s, c, t]
                for _ in range(steps):
                    product = np.float32(1)
                    for l in range(depth):
                        p[l] = own[l] + noise * np.float32(np.random.standard_normal())
                        product *= p[l]
                    factor = rate * (product - target[c, t])
                    for l in range(depth):
                        rest = np.float32(1)
                        for m in range(depth):
                            if m != l:
                                rest *= p[m]
                        own[l] -= factor * rest
                for l in range(depth):
                    w[l, s, c, t] = own[l]


def load(_, work):
    numba.set_num_threads(cores())
    eta, alpha, target = (x.astype(np.float32) for x in (work.eta, work.alpha, work.target))

    def run(steps):
        w = work.weights()
        train(w, eta, alpha, target, steps)
        return w.prod(axis=0)

    return "numba " + numba.__version__, run
