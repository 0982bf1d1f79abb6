"""S-SAM in JAX: one coordinate's step, vmap over everything, scan over steps, jitted."""
import functools

import jax
import jax.numpy as jnp
import numpy as np

NAMES = ("jax",)


def train(w, key, eta, alpha, target, steps):
    """One coordinate: w has a number a layer."""
    def step(w, key):
        p = w + eta * jax.random.normal(key, w.shape, jnp.float32)
        residual = jnp.prod(p) - target
        rest = jnp.stack([jnp.prod(jnp.delete(p, l, assume_unique_indices=True))
                          for l in range(w.shape[0])])
        return w - 2 * alpha * residual * rest, None

    def draw_and_step(carry, _):
        w, key = carry
        key, own = jax.random.split(key)
        return (step(w, own)[0], key), None

    return jnp.prod(jax.lax.scan(draw_and_step, (w, key), None, length=steps)[0][0])


def load(_, work):
    eta, alpha = (np.broadcast_to(x.astype(np.float32), work.target.shape)
                  for x in (work.eta, work.alpha))
    target = work.target.astype(np.float32)

    @functools.partial(jax.jit, static_argnums=1)
    def all_networks(keys, steps):
        train_one = functools.partial(train, steps=steps)
        over_targets = jax.vmap(train_one)
        over_configurations = jax.vmap(over_targets)
        over_seeds = jax.vmap(over_configurations, in_axes=(0, 0, None, None, None))
        w = jnp.moveaxis(jnp.asarray(work.weights()), 0, -1)
        return over_seeds(w, keys, eta, alpha, target)

    keys = jax.random.split(jax.random.key(1), work.shape)

    def run(steps):
        return np.asarray(all_networks(keys, steps))

    return "jax %s (%s)" % (jax.__version__, jax.devices()[0].device_kind), run
