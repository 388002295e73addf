"""One sample, step by step: the data of the page's only script.

The script is ours and the same on every page; what a run left comes to it as data.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sc_neurocore.report.samples import Sample


@dataclass(frozen=True)
class Stepper:
    """What the script shows.

    Attributes:
        data: Plain JSON values.
    """

    data: dict[str, Any]

    @property
    def text(self) -> str:
        """The data as JSON that can stand inside a page's script element."""
        # "<" may not stand there as it is: "</script>" would end the element.
        return json.dumps(self.data, separators=(",", ":")).replace("<", "\\u003c")


def stepper(sample: Sample, label: str, class_names: tuple[str, ...]) -> Stepper:
    """Return a sample for the script.

    Args:
        sample: The sample.
        label: What its class is called.
        class_names: Names of the output neurons, if they are known.
    """
    width = sample.shape[-1] if sample.shape else 1
    last = len(sample.layer_sizes) - 1
    layers = []
    for layer, (size, spikes) in enumerate(zip(sample.layer_sizes, sample.spikes, strict=True)):
        fired: list[list[int]] = [[] for _ in range(sample.steps)]
        for step, neuron in spikes:
            fired[step].append(neuron)
        name = "Output" if layer == last else "Hidden" if last == 1 else f"Hidden {layer + 1}"
        states = sample.states[layer] if sample.states else None
        layers.append({"name": name, "size": size, "fired": fired, "states": states})
    is_named = len(class_names) == sample.layer_sizes[-1]
    return Stepper(
        {
            "steps": sample.steps,
            "label": label,
            "image": sample.image,
            "width": width,
            "layers": layers,
            "classes": class_names if is_named else None,
        }
    )


@cache
def script() -> str:
    """Return the script."""
    place = files("sc_neurocore.report") / "templates" / "stepper.js"
    return place.read_text(encoding="utf-8").strip()


def script_source(text: str) -> str:
    """Return what a page's policy calls a script, so that it runs this one and no other."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
