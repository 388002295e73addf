"""Measure what one thing costs for one size of network; runs in a process of its own.

Reads a size as JSON from the command line, prints processor seconds of this process and of the
programs that it starts, wall seconds, and the most memory that one of them had at a time. What is
imported and prepared does not count, but is in the memory.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sc_neurocore.equation import LIF
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population

FORMAT = "Q8.8"
BITS = 8


def network(size: dict[str, int]) -> NetworkDescription:
    """Return a network of random weights: 784 inputs, hidden layers of a width, 10 outputs."""
    random = np.random.default_rng(0)
    layers: list[Any] = []
    for inputs, outputs in pairwise([784, *[size["width"]] * size["depth"], 10]):
        weight = random.normal(0, 1.2 / np.sqrt(inputs), (outputs, inputs))
        bias = random.normal(0, 0.1, outputs)
        layers += [Dense(weight=weight, bias=bias), Population(neuron=LIF)]
    return NetworkDescription(
        name="random",
        input=InputEncoding(shape=(784,), bits=8, fraction_bits=8),
        steps=size["steps"],
        layers=layers,
    )


def images(size: dict[str, int]) -> np.ndarray:
    """Return images of which a fifth of the pixels is not black, as in MNIST."""
    random = np.random.default_rng(1)
    values = random.integers(1, 256, (size["images"], 784))
    return np.where(random.random(values.shape) < 0.2, values, 0)


def compiled(size: dict[str, int], folder: Path) -> Any:
    """Compile the network into a folder."""
    from sc_neurocore.fpga.compilation import compile_design

    return compile_design(network(size), folder, FORMAT, BITS, size["lanes"], "auto")


def compile_(size: dict[str, int], folder: Path) -> Callable[[], object]:
    compiled({**size, "width": 8, "depth": 1}, folder / "small")
    return lambda: compiled(size, folder / "design")


def verify(size: dict[str, int], folder: Path) -> Callable[[], object]:
    from sc_neurocore.fpga.folder import opened
    from sc_neurocore.verify.certificate import verify_design

    compiled(size, folder / "design")

    def run() -> None:
        with opened(folder / "design") as design:
            found = verify_design(design, images(size), origin="random")
        assert found.holds, found.verdict

    return run


def cosimulation(size: dict[str, int], folder: Path) -> Callable[[], object]:
    from sc_neurocore.verify.cosimulation import cosimulate

    design = compiled(size, folder / "design").design

    def run() -> None:
        found = cosimulate(design.accelerator, design.network, images(size), "verilator")
        assert found.holds, found.first_mismatch

    return run


def simulate(size: dict[str, int], folder: Path) -> Callable[[], object]:
    from sc_neurocore.stochastic.inference import run_network

    description, given = network(size), images(size)
    run_network(network({**size, "width": 8}), given[:2], 64)  # the kernel is compiled before
    return lambda: run_network(description, given, size["length"])


def integer_model(size: dict[str, int], folder: Path) -> Callable[[], object]:
    from sc_neurocore.fixed import quantize

    integers, given = quantize(network(size), FORMAT, BITS), images(size)
    integers.run(given[:2])
    return lambda: integers.run(given)


def training_step(size: dict[str, int], folder: Path) -> Callable[[], object]:
    import sc_neurocore.training as training  # before torch: it says how long waiting threads spin

    import torch  # isort: skip

    net = training.SpikingNet(784, size["width"], 10, n_layers=size["depth"])
    optimiser = torch.optim.Adam(net.parameters())
    given = torch.as_tensor(images(size) / 256, dtype=torch.float32)
    labels = torch.zeros(len(given), dtype=torch.int64)

    def step() -> None:
        optimiser.zero_grad()
        counts = net(given, steps=size["steps"]).spike_counts
        torch.nn.functional.cross_entropy(counts, labels).backward()
        optimiser.step()

    step()
    return step


COSTS = {
    "compile": compile_,
    "verify": verify,
    "co-simulation": cosimulation,
    "simulate": simulate,
    "integer model": integer_model,
    "training step": training_step,
}


def processor_seconds() -> float:
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in each)


def measure(what: str, size: dict[str, int]) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        run = COSTS[what](size, Path(folder))
        before, began = processor_seconds(), time.perf_counter()
        times = 0
        while not times or (what == "training step" and times < 5):
            run()
            times += 1
        used, passed = processor_seconds() - before, time.perf_counter() - began
    most = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {
        "cpu_s": round(used / times, 4),
        "wall_s": round(passed / times, 4),
        "peak_mb": round(most / 1000, 1),
    }


if __name__ == "__main__":
    asked = json.loads(sys.argv[1])
    print(json.dumps(measure(asked["cost"], asked["size"])))
