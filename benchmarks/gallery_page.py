"""docs/gallery.md and its picture, from benchmarks/results/neuron_gallery.json.

python benchmarks/gallery_page.py
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from _gallery import gallery, stimulus_of

from sc_neurocore.fixed import FixedPoint, lower
from sc_neurocore.fixed.comparison import compare_neuron

matplotlib.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).parents[1]
PAGE, PICTURE = ROOT / "docs" / "gallery.md", ROOT / "docs" / "images" / "gallery.png"
RESULT = ROOT / "benchmarks" / "results" / "neuron_gallery.json"
CHANNEL = "step x2"
COLUMNS = 4

_HEAD = """# Published neurons

Each is written in [examples/gallery](../examples/gallery) as its authors write it, but for syntax.
The head of its file has the full source, the units and the authors' numbers.

    sc-neurocore compile examples/gallery/adex.txt --format auto --out DIR

Spikes are counted in floating point and in integers, over steps, a ramp, noise and pulses, for some
neurons longer or larger ones (`benchmarks/_gallery.py`). The integers have the formats that
`--format auto` chose there; [the results](../benchmarks/results/neuron_gallery.json) name them.
{proofs}
LUTs and multipliers are estimates of the step, good enough to compare; `compile --device` measures
them.

![Membranes of all neurons in floating point and in integers](images/gallery.png)

Floating point is the grey line, integers the blue one on top of it: each neuron's first state on
the current "{channel}".

"""

_PROVED = """The Verilog of each step is proved equal to the integers for all inputs, and what
the registered module does over time by induction: the integers are what the hardware computes."""

_AUTHORS = re.compile(
    r"((?:(?:[A-Z][\w-]+|van [A-Z]\w+),? )*(?:and (?:van )?[A-Z][\w-]+|et al\.|[A-Z][\w-]+)),"
    r"[^;]*?\b((?:19|20)\d\d)\b"
)
"""Whom a source names first, and the year: what follows is in the neuron's file."""


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    unproved = [
        row["about"]["name"]
        for row in rows
        if (row.get("step"), row.get("properties")) != ("proved", "proved")
    ]
    proofs = f"Not proved: {', '.join(unproved)}." if unproved else _PROVED
    lines = [
        _HEAD.format(channel=CHANNEL, proofs=proofs)
        + "| neuron | what it is, and who described it | spikes in floats, integers | "
        "state bits; LUTs, about; multipliers |",
        "|---|---|---|---|",
    ]
    for row in rows:
        name = f"[{row['about']['name']}](../examples/gallery/{row['neuron']}.txt)"
        if "spikes_float" not in row:
            lines.append(f"| {name} | {row['about'].get('error', 'not measured')} | | |")
            continue
        lines.append(
            f"| {name} | {_described(row['about']['source'])} | {row['spikes_float']}, "
            f"{row['spikes_integer']} | {row['state_bits']}; {row['estimated_luts']}; "
            f"{row['multipliers']} |"
        )
    return "\n".join(lines) + "\n"


def _described(source: str) -> str:
    """Shorten the head of a neuron's file to its first sentence, and to authors and year."""
    about, _, rest = re.sub(r"\s+", " ", source).partition(". ")
    found = _AUTHORS.search(rest)
    return f"{about}. {found[1]}, {found[2]}" if found else f"{about}. {rest}"


def picture(rows: list[dict[str, Any]]) -> None:
    """Draw one panel for each neuron."""
    drawn = [row for row in rows if "formats" in row["about"]]
    height = -(-len(drawn) // COLUMNS)
    figure, axes = plt.subplots(height, COLUMNS, figsize=(12, 1.3 * height), squeeze=False)
    for axis in axes.flat[len(drawn) :]:
        axis.axis("off")
    neurons = gallery()
    for axis, row in zip(axes.flat, drawn, strict=False):
        neuron = neurons[row["neuron"]]
        stimulus = stimulus_of(row["neuron"], neuron, row["unit_current"])
        channel = stimulus.names.index(CHANNEL)
        alone = stimulus.currents[:, channel : channel + 1]
        stimulus = replace(stimulus, names=(CHANNEL,), currents=alone)
        program = lower(neuron, FixedPoint.parse(row["about"]["formats"]))
        found = compare_neuron(program, stimulus)
        state = next(iter(neuron.states))
        steps = np.arange(len(stimulus.currents))
        axis.plot(steps, found.floats.states[state][:, 0], color="0.7", linewidth=2.2)
        axis.plot(steps, found.integers.states[state][:, 0], color="tab:blue", linewidth=0.7)
        axis.set_title(neuron.name, fontsize=7, pad=2)
        axis.set_xticks([])
        axis.tick_params(labelsize=5, length=2, pad=1)
    figure.tight_layout(pad=0.4)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    rows = json.loads(RESULT.read_bytes())["rows"]
    PAGE.write_text(page(rows))
    picture(rows)


if __name__ == "__main__":
    main()
