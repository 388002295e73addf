"""Spoken digits of unheard speakers: whole delays, augmentation, at most 20,000 trained numbers.

Four speakers are heard, the other two are the test. A recipe is chosen on the speakers that are
heard, each held out in turn, and never on the test:

    python benchmarks/spoken_digits.py --choose [RECIPE ...]     each recipe on held-out speakers
    python benchmarks/spoken_digits.py                           the recipe CHOSEN, five seeds, test

The test set is looked at once, after each training. Delays are whole steps in every accuracy.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from _results import Target, write_results
from delays import BUDGET, DROPOUT, LEARNT, SPOKEN, plain_or_delayed, size, within_budget
from torch import nn

from sc_neurocore.data import Dataset, Split, hold_out, load_split
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.training import (
    DelayLinear,
    LIFCell,
    Sharpening,
    SpectralDistortion,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    seeded,
)

SEEDS = range(5)
VOICES = SpectralDistortion(warp=0.12, tilt=2, band_mask=6, step_mask=8, noise=0.05, gain=0.1)
BANDS, LENGTH, STRIDE = 40, 8, 2
NARROW = Sharpening(start=2.0, hold=0.3)


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes:
        options: How.
        max_delay: Its longest delay.
        loss: What is minimised, and what decides.
        centred: Whether each band of a recording is centred at its mean.
        kernels: Of a convolution along the bands in front, which moves with the voice; 0 without.
    """

    options: TrainingOptions
    max_delay: int = 8
    loss: str = "spike-count"
    centred: bool = False
    kernels: int = 0

    def network(self, hidden: int, max_delay: int) -> SpikingSequential:
        """Return an untrained network whose hidden layers are so wide."""
        if not self.kernels:
            return plain_or_delayed(hidden, max_delay)
        bands = (BANDS - LENGTH) // STRIDE + 1
        inputs = self.kernels * (bands // STRIDE)
        kernel = nn.Conv2d(1, self.kernels, (LENGTH, 1), stride=(STRIDE, 1))
        pool = nn.AvgPool2d((STRIDE, 1))
        layers: list[nn.Module] = [kernel, LIFCell(**LEARNT), pool, nn.Flatten()]
        for taken in (inputs, hidden):
            layers += [DelayLinear(taken, hidden, max_delay), LIFCell(channels=hidden, **LEARNT)]
            layers += [nn.Dropout(DROPOUT)]
        return SpikingSequential(*layers, nn.Linear(hidden, 10), LIFCell(channels=10, **LEARNT))

    def parts(self) -> Split:
        """Return the recordings, speakers apart: (samples, T, bands), or (..., 1, bands, 1)."""
        parts = load_split("spoken-digits", "speakers", centred=self.centred)
        if not self.kernels:
            return parts

        def image(data: Dataset) -> Dataset:
            return replace(data, inputs=data.inputs[:, :, np.newaxis, :, np.newaxis])

        return replace(parts, train=image(parts.train), test=image(parts.test))


RECIPES: Mapping[str, Recipe] = {
    "as before": Recipe(SPOKEN),
    "centred": Recipe(SPOKEN, centred=True),
    "centred, convolution": Recipe(SPOKEN, centred=True, kernels=12),
    "sharpened": Recipe(replace(SPOKEN, sharpen=NARROW)),
    "voices": Recipe(replace(SPOKEN, augment=VOICES, epochs=60)),
    "voices, sharpened": Recipe(replace(SPOKEN, augment=VOICES, epochs=60, sharpen=NARROW)),
    "voices, sharpened, membrane": Recipe(
        replace(SPOKEN, augment=VOICES, epochs=60, sharpen=NARROW), loss="membrane"
    ),
    "voices, sharpened, 16": Recipe(
        replace(SPOKEN, augment=VOICES, epochs=60, sharpen=NARROW), max_delay=16
    ),
}
CHOSEN = "centred, convolution"


def trained(recipe: Recipe, data: Dataset, seed: int) -> SpikingSequential:
    """Return a network that has learnt, its delays whole."""
    width = within_budget(recipe.network, recipe.max_delay)
    with seeded(seed):
        net = recipe.network(width, recipe.max_delay)
    fit(net, data, options=replace(recipe.options, seed=seed), loss=recipe.loss)
    return net.rounded()


def choose(names: list[str]) -> None:
    """Print what each recipe makes of each speaker that it has not heard."""
    for name in names:
        heard, found = RECIPES[name].parts().train, {}
        for speaker in np.unique(np.asarray(heard.groups)).tolist():
            rest, held = hold_out(heard, [speaker])
            net = trained(RECIPES[name], rest, 0)
            found[speaker] = round(100 * evaluate(net, held, loss=RECIPES[name].loss), 1)
            print(f"{name}: {found}", flush=True)
        print(f"{name}: mean {statistics.mean(found.values()):.2f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--choose", nargs="*", metavar="RECIPE", choices=list(RECIPES))
    chosen = parser.parse_args().choose
    if chosen is not None:
        choose(chosen or list(RECIPES))
        return 0
    recipe = RECIPES[CHOSEN]
    parts = recipe.parts()
    rows: list[dict[str, Any]] = []
    width = within_budget(recipe.network, recipe.max_delay)
    numbers = size(recipe.network(width, recipe.max_delay))
    readout = "membrane" if recipe.loss == "membrane" else "spike-count"
    for seed in SEEDS:
        net = trained(recipe, parts.train, seed)
        encoding, steps = parts.test.encoding, parts.test.steps
        assert steps is not None
        description = net.to_description("spoken_digits", encoding, steps, readout)
        accuracy = run_float(description, parts.test.network_inputs()).accuracy(parts.test.labels)
        rows.append(
            {"recipe": CHOSEN, "seed": seed, "parameters": numbers,
             "accuracy_percent": round(100 * accuracy, 2)}
        )  # fmt: skip
        print(rows[-1], flush=True)
    mean = statistics.mean(row["accuracy_percent"] for row in rows)
    targets = [
        Target("spoken digits of unheard speakers, mean percent", ">=", 90.0, round(mean, 2)),
        Target("trained numbers", "<=", BUDGET, max(row["parameters"] for row in rows)),
    ]
    packages = ["sc-neurocore", "torch", "numpy", "numba"]
    write_results("spoken_digits", seeds=SEEDS, rows=rows, targets=targets, packages=packages)
    for target in targets:
        print(f"{target.what}: {target.measured} (asked {target.op} {target.asked})")
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
