"""The work of a comparison: every coordinate of a sweep of ssam, as arrays.

A peer is a module with

    NAMES                 of its variants
    load(name, work)      returns (text with versions, run) where run(steps) trains all networks
                          from their start for so many steps and returns final products

so that a comparison is the same recursion on the same grid, with noise of the peer's own. Shapes
are [seed, configuration, target]; weights have the layer first.
"""
import os
from dataclasses import dataclass

import numpy as np


@dataclass
class Work:
    depth: int
    start: np.ndarray  # [configuration, 1] weight of every layer
    eta: np.ndarray  # [configuration, 1]
    alpha: np.ndarray  # [configuration, 1]
    target: np.ndarray  # [configuration, target], absolute
    seeds: int

    @property
    def networks(self):
        return self.seeds * self.eta.shape[0]

    @property
    def shape(self):
        return (self.seeds,) + self.target.shape

    @property
    def updates(self):
        """Of one step: a normal each, where every network draws its own."""
        return self.depth * int(np.prod(self.shape))

    def weights(self):
        w = np.empty((self.depth,) + self.shape, np.float32)
        w[:] = self.start
        return w


def cores():
    return len(os.sched_getaffinity(0))
