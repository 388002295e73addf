"""Measure one network in Spyx, on JAX; runs in a process of its own.

Takes and gives what `_speed_worker.py` does. The first layer, whose input is static, is computed
once for all steps; then Spyx' own `run`; all of a step is compiled by `nnx.jit`.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from importlib.metadata import version
from typing import Any

from _timed import timed

REQUEST = json.loads(sys.argv[1])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: REQUEST["threads"]])  # before JAX counts

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
import optax  # noqa: E402
import spyx  # noqa: E402
from flax import nnx  # noqa: E402

BETA = 0.9


class Pool(nnx.Module):
    """Average pooling of 2 x 2."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return nnx.avg_pool(x, (2, 2), (2, 2))


class Net(nnx.Module):
    """The layer in front, and what is stepped."""

    def __init__(self, request: dict[str, Any], rngs: nnx.Rngs) -> None:
        def cell(*shape: int) -> nnx.Module:
            return spyx.nn.LIF(shape, beta=BETA, activation=spyx.axn.arctan(2), rngs=rngs)

        self.steps = request["steps"]
        if request["net"] == "conv":
            self.first = nnx.Conv(1, 32, (5, 5), padding="VALID", rngs=rngs)
            self.rest = spyx.nn.Sequential(
                cell(24, 24, 32), Pool(), nnx.Conv(32, 64, (5, 5), padding="VALID", rngs=rngs),
                cell(8, 8, 64), Pool(), spyx.nn.Flatten(), nnx.Linear(1024, 128, rngs=rngs),
                cell(128), nnx.Linear(128, 10, rngs=rngs), cell(10),
            )  # fmt: skip
            return
        width = request["width"]

        def hidden() -> nnx.Module:
            if request["net"] != "recurrent":
                return cell(width)
            act = spyx.axn.arctan(2)
            return spyx.nn.RLIF((width,), beta=BETA, activation=act, rngs=rngs)

        self.first = nnx.Linear(784, width, rngs=rngs)
        self.rest = spyx.nn.Sequential(
            hidden(), nnx.Linear(width, width, rngs=rngs), hidden(),
            nnx.Linear(width, 10, rngs=rngs), cell(10),
        )  # fmt: skip

    def __call__(self, x: jax.Array) -> jax.Array:
        current = self.first(x)
        spikes, _ = spyx.nn.run(self.rest, jnp.broadcast_to(current, (self.steps, *current.shape)))
        return spikes.sum(0)


def measure(request: dict[str, Any]) -> dict[str, Any]:
    imports = _peak()
    net = Net(request, nnx.Rngs(0))
    shape = (28, 28, 1) if request["net"] == "conv" else (784,)
    random = np.random.default_rng(0)
    x = jnp.asarray(random.random((request["batch"], *shape)), jnp.float32)
    y = jnp.asarray(random.integers(0, 10, request["batch"]))
    optimiser = nnx.Optimizer(net, optax.adam(1e-3), wrt=nnx.Param)

    @nnx.jit
    def train(net: Net, optimiser: nnx.Optimizer) -> jax.Array:
        def loss(net: Net) -> jax.Array:
            counts = net(x)
            return optax.softmax_cross_entropy_with_integer_labels(counts, y).mean()

        value, gradients = nnx.value_and_grad(loss)(net)
        optimiser.update(net, gradients)
        return value

    infer = nnx.jit(lambda net: net(x))

    def step() -> None:
        found = infer(net) if request["section"] == "inference" else train(net, optimiser)
        jax.block_until_ready(found)

    parameters = jax.tree.leaves(nnx.state(net, nnx.Param))
    return {
        **timed(step, request["repeats"]),
        "peak_mb": _peak(),
        "peak_after_imports_mb": imports,
        "parameters": sum(each.size for each in parameters),
        "version": version("spyx"),
        "torch": f"jax {jax.__version__}",
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(measure(REQUEST)))
