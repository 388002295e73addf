"""Delays that learn: known ones recovered, and what rounding to whole steps costs.

Recovery: a layer of synapses with random weights and whole delays is the teacher; its currents are
leakily integrated. A layer with other weights and delays learns to give the same membranes, from
random spikes. Counted are the synapses whose delay ends within half a step of the teacher's.

Intervals: one input fires twice; the class is the number of steps between, one of eight. A network
with two layers of delays learns it, with narrow interpolation, through wide Gaussians that narrow,
and with interpolation for half of the training and whole delays for the rest; given are the
accuracies on new samples before and after the delays are rounded to whole steps. What whole delays
cost is counted from what interpolation had before it was rounded.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import warnings
from typing import Any

import numpy as np
import torch
from _results import Target, write_results
from torch.utils.data import TensorDataset

from sc_neurocore.data import Dataset
from sc_neurocore.training import (
    DelayLinear,
    LIFCell,
    MembraneError,
    RoundingWarning,
    Sharpening,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
)

SEEDS = range(5)
INPUTS, OUTPUTS, LONGEST, STEPS = 16, 8, 16, 64
FIRST, CLASSES, INTERVAL_STEPS = 8, 8, 24
RECOVERY = {"epochs": 40, "batch_size": 32, "learning_rate": 0.05}
INTERVALS = {"epochs": 60, "batch_size": 32, "learning_rate": 0.01}
WAYS: dict[str, Sharpening | None] = {
    "interpolation between two steps": None,
    "Sharpening()": Sharpening(),
    "interpolation, then whole": Sharpening("triangle", start=1.0, end=1.0, hold=0.5),
}


def integrator(delays: DelayLinear) -> SpikingSequential:
    """Return a layer of delays, whose currents are leakily integrated."""
    return SpikingSequential(delays, LIFCell(beta=0.5, threshold=1e9, reset="none"))


def recovered(way: Sharpening | None, seed: int) -> float:
    """Return the share of delays that are found within half a step."""
    with seeded(seed):
        weight = torch.randn(OUTPUTS, INPUTS)
        whole = torch.randint(0, LONGEST + 1, (OUTPUTS, INPUTS))
        teacher = integrator(DelayLinear(INPUTS, OUTPUTS, LONGEST, bias=False, delays=whole))
        with torch.no_grad():
            teacher.layers[0].weight.copy_(weight.sign() * (0.3 + weight.abs()))
            x = (torch.rand(512, STEPS, INPUTS) < 0.2).float()
            _, _, trace = teacher.unroll(x.transpose(0, 1), record=("v",))
        student = integrator(DelayLinear(INPUTS, OUTPUTS, LONGEST, bias=False))
    data = TensorDataset(x, trace["v"].transpose(0, 1).contiguous())
    options = TrainingOptions(seed=seed, sharpen=way, **RECOVERY)
    fit(student, data, options=options, loss=MembraneError(), time_axis=1)
    return float(((student.layers[0].delays - whole).abs() <= 0.5).float().mean())


def intervals(samples: int, seed: int) -> Dataset:
    """Return two spikes each; the class is how many steps are between them."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, samples)
    first = generator.integers(0, FIRST, samples)
    inputs = np.zeros((samples, INTERVAL_STEPS, 1), np.uint8)
    inputs[np.arange(samples), first] = 1
    inputs[np.arange(samples), first + 1 + labels] = 1
    return Dataset("intervals", inputs, labels, CLASSES, 1, 0, kind="spikes")


def interval_task(way: Sharpening | None, seed: int) -> tuple[float, float]:
    """Return the accuracy in percent as it was learnt, and with whole delays."""
    with seeded(seed):
        net = SpikingNet(1, 48, CLASSES, max_delay=10, per_channel=True, learn=("beta",))
    options = TrainingOptions(seed=seed, sharpen=way, **INTERVALS)
    fit(net, intervals(2000, seed), options=options)
    test = intervals(2000, 1000 + seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RoundingWarning)
        return 100 * evaluate(net, test), 100 * evaluate(net.rounded(), test)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="so many, for a look")
    seeds = range(parser.parse_args().seeds)
    rows: list[dict[str, Any]] = []
    for name, way in WAYS.items():
        found = [100 * recovered(way, seed) for seed in seeds]
        tried = [interval_task(way, seed) for seed in seeds]
        learnt, whole = ([each[index] for each in tried] for index in (0, 1))
        rows.append(
            {
                "name": name,
                "recovered_percent": round(statistics.mean(found), 2),
                "recovered_of_each_percent": [round(each, 2) for each in found],
                "interval_percent": round(statistics.mean(learnt), 2),
                "interval_whole_percent": round(statistics.mean(whole), 2),
                "rounding_costs_points": round(statistics.mean(learnt) - statistics.mean(whole), 2),
                "interval_of_each_percent": [round(each, 2) for each in whole],
            }
        )
        print(rows[-1], flush=True)
    between, wide, held = rows
    targets = [
        Target("delays recovered within half a step, percent", ">=", 95.0,
               wide["recovered_percent"]),
        Target("points that whole delays cost on intervals", "<=", 1.0,
               round(between["interval_percent"] - held["interval_whole_percent"], 2)),
    ]  # fmt: skip
    if seeds == SEEDS:
        packages = ["sc-neurocore", "torch", "numpy", "numba"]
        write_results("delay_learning", seeds=seeds, rows=rows, targets=targets, packages=packages)
    for target in targets:
        print(f"{target.what}: {target.measured} (asked {target.op} {target.asked})")
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
