"""The published neurons of examples/gallery, and what each is tried with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from sc_neurocore.equation import Neuron, parse_neuron
from sc_neurocore.fixed.stimulus import STEPS, Stimulus, standard_stimulus

GALLERY = Path(__file__).parents[1] / "examples" / "gallery"


@dataclass(frozen=True)
class Trial:
    """How long the standard currents last, and how large they are, where that needs saying.

    Attributes:
        steps: Length.
        unit: The current in whose units they are; None for the smallest that fires.
        shares: Of several inputs, what each gets of it.
    """

    steps: int = STEPS
    unit: float | None = None
    shares: tuple[float, ...] = ()


TRIALS: Mapping[str, Trial] = {
    "adex": Trial(4000),
    "aeif_cond_exp": Trial(4000, 8.0, (1.0, 0.05)),
    "connor_stevens": Trial(4000),
    "fitzhugh_nagumo": Trial(4000),
    "hodgkin_huxley": Trial(4000),
    "morris_lecar": Trial(4000),
    "resonate_and_fire": Trial(4000, 5.0),
    "rothman_manis": Trial(4000, 500.0),  # it fires where a current begins
    "terman_wang": Trial(4000, 0.4),
    "traub_miles": Trial(4000),
    "tsodyks_markram": Trial(2000, 0.2),  # its input is a share of a spike
    "wang_buzsaki": Trial(4000),
}


def gallery() -> dict[str, Neuron]:
    """Return the neurons by the names of their files."""
    return {path.stem: parse_neuron(path.read_text()) for path in sorted(GALLERY.glob("*.txt"))}


def source_of(name: str) -> str:
    """Return the comment at the head of a neuron's file: what it is, and where from."""
    lines = (GALLERY / f"{name}.txt").read_text().splitlines()
    head = [line for line in lines if line.startswith("#")]
    return " ".join(line.lstrip("# ") for line in head)


def stimulus_of(name: str, neuron: Neuron, unit: float | None = None) -> Stimulus:
    """Return the standard currents of a neuron of the gallery; `unit` if it is known already."""
    trial = TRIALS.get(name, Trial())
    found = standard_stimulus(neuron, steps=trial.steps, unit=trial.unit or unit)
    if not trial.shares:
        return found
    parts = [
        share * np.roll(found.currents, place * trial.steps // 10, axis=0)
        for place, share in enumerate(trial.shares)
    ]
    return replace(found, currents=np.stack(parts, axis=2))
