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

Each is written in [examples/gallery](../examples/gallery) as its authors write it, but for
syntax, with its source and its units; `sc-neurocore compile examples/gallery/NAME.txt --format
auto --out DIR` compiles it. The formats are those that `--format auto` chose on the standard
currents (steps, a ramp, noise and pulses), for some neurons longer or larger ones, as in
benchmarks/_gallery.py. Spikes are counted over all of these, in floating
point and in integers. The Verilog of the step is proved equal to the integers for all inputs
(step), and what the registered module does over time is proved by induction (registers): so the
traces of the integers below are those of the hardware. LUTs and multipliers are estimates of the
step, enough to compare; `compile --device` measures them.

![Membranes of all neurons in floating point and in integers](images/gallery.png)

Floating point is the grey line, integers the blue one on top of it: each neuron's first state on
the current "{channel}".

"""


def page(rows: list[dict[str, Any]]) -> str:
    """Return the page."""
    lines = [_HEAD.format(channel=CHANNEL)]
    lines += [
        "| neuron | spikes, float and integer | state bits | LUTs, about | multipliers | step | "
        "registers |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = f"[{row['about']['name']}](../examples/gallery/{row['neuron']}.txt)"
        if "spikes_float" not in row:
            lines.append(f"| {name} | {row['about'].get('error', 'not measured')} | | | | | |")
            continue
        lines.append(
            f"| {name} | {row['spikes_float']}, {row['spikes_integer']} | {row['state_bits']} | "
            f"{row['estimated_luts']} | {row['multipliers']} | {row.get('step', 'not run')} | "
            f"{row.get('properties', 'not run')} |"
        )
    lines += ["", "## Where they are from, and their formats", ""]
    for row in rows:
        about = row["about"]
        source = re.sub(r"\s+", " ", about["source"])
        lines.append(f"- **{about['name']}.** {source}")
        if "formats" in about:
            lines.append(f"  Formats: `{about['formats']}`.")
    return "\n".join(lines) + "\n"


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
