"""What accelerators of many sizes take on every family: the data behind `compile --lanes auto`.

Each design is synthesised and packed, not placed, with few pins. The rows go to
src/sc_neurocore/fpga/measured_builds.json, from which `sc_neurocore.fpga.capacity` fits its linear
estimate of logic; run it again when the engine or the tools change.

    python benchmarks/logic_estimate.py            what is not measured yet of this engine
    python benchmarks/logic_estimate.py --again    everything
    python benchmarks/logic_estimate.py --layers convolutions
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
from _engine import engine_hash

from sc_neurocore.equation import CATALOGUE
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.fpga.capacity import MEASURED, features, plan_for
from sc_neurocore.fpga.flow import measure
from sc_neurocore.fpga.memory_blocks import plan_memories, ram_blocks
from sc_neurocore.fpga.sources import sources_of_core
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.tools.devices import DEVICES
from sc_neurocore.tools.families import FAMILIES

DEVICES_MEASURED = tuple(family.representative for family in FAMILIES.values())
Layers = Literal["dense", "recurrent", "delayed", "convolutions"]
# Sizes (of convolutions channels, then outputs), lanes, bits of a weight and of an input, neuron,
# kind of its layers, and what else is chosen of the engine.
DESIGNS: tuple[tuple[list[int], int, int, int, str, Layers, EngineOptions], ...] = (
    ([64, 32, 10], 2, 8, 5, "LIF", "delayed", {}),
    ([32, 16, 8], 4, 8, 5, "LIF", "delayed", {}),
    ([64, 64, 10], 8, 8, 5, "LIF", "delayed", {}),
    ([128, 64, 10], 16, 8, 8, "LIF", "delayed", {"units": 4, "pipeline": 2, "inputs_per_beat": 4}),
    ([64, 64, 10], 32, 8, 5, "LIF", "delayed", {}),
    ([64, 32, 10], 4, 8, 5, "LIF", "recurrent", {}),
    ([64, 64, 10], 16, 8, 8, "LIF", "recurrent", {}),
    ([16, 8, 4], 1, 8, 5, "LIF", "dense", {}),
    ([64, 32, 10], 2, 8, 5, "LIF", "dense", {}),
    ([64, 32, 10], 4, 6, 5, "LIF", "dense", {}),
    ([64, 64, 10], 4, 8, 5, "LIF", "dense", {"pipeline": 2}),
    ([784, 32, 10], 2, 8, 8, "LIF", "dense", {}),
    ([64, 64, 10], 8, 8, 8, "LIF", "dense", {}),
    ([64, 64, 10], 8, 8, 8, "LIF", "dense", {"multipliers": {"logic": 8}}),
    ([128, 32, 32, 10], 8, 8, 5, "IF", "dense", {}),
    ([128, 64, 10], 8, 8, 8, "LIF", "dense", {"units": 4, "pipeline": 2, "inputs_per_beat": 4}),
    ([64, 32, 10], 16, 4, 5, "LIF", "dense", {}),
    ([128, 64, 10], 16, 8, 8, "LIF", "dense", {"units": 4, "pipeline": 2, "inputs_per_beat": 4}),
    ([64, 64, 10], 32, 8, 8, "LIF", "dense", {}),
    ([64, 128, 10], 128, 8, 5, "LIF", "dense", {}),
    ([1, 8, 16, 10], 4, 8, 5, "LIF", "convolutions", {}),
    ([2, 16, 16, 10], 8, 8, 4, "LIF", "convolutions", {"pipeline": 1}),
    ([1, 16, 32, 10], 16, 8, 8, "LIF", "convolutions", {"units": 4, "pipeline": 1}),
    ([2, 16, 16, 16, 10], 16, 8, 4, "LIF", "convolutions", {"units": 4, "inputs_per_beat": 2}),
)
STEPS, LONGEST_DELAY = 25, 7
IMAGE = 12  # rows and columns of what goes into convolutions
SEED = 0


def make_network(
    sizes: list[int], weight_bits: int, input_bits: int, name: str, kind: Layers
) -> IntegerNetwork:
    """Make a network of random weights."""
    random = np.random.default_rng(SEED)
    if kind == "convolutions":
        layers, shape = _convolutions(sizes, CATALOGUE[name], random), (sizes[0], IMAGE, IMAGE)
        return _quantised(layers, shape, weight_bits, input_bits)
    layers = []
    for inputs, outputs in pairwise(sizes):
        weight = random.normal(0, 2 / np.sqrt(inputs), (outputs, inputs))
        bias = random.normal(0, 0.2, outputs)
        if kind == "delayed":
            delays = random.integers(0, LONGEST_DELAY + 1, weight.shape)
            layers.append(DelayDense(weight=weight, bias=bias, delays=delays))
        else:
            layers.append(Dense(weight=weight, bias=bias))
        if kind == "recurrent":
            own = random.normal(0, 1 / np.sqrt(outputs), (outputs, outputs))
            layers.append(Recurrent(neuron=CATALOGUE[name], weight=own))
        else:
            layers.append(Population(neuron=CATALOGUE[name]))
    return _quantised(layers, (sizes[0],), weight_bits, input_bits)


def _convolutions(sizes: list[int], neuron: Any, random: Any) -> list[Any]:
    """Return convolutions 3x3, average pooling behind the first, and a linear layer."""
    layers: list[Any] = []
    side = IMAGE
    for number, (inputs, outputs) in enumerate(pairwise(sizes[:-1])):
        weight = random.normal(0, 2 / np.sqrt(9 * inputs), (outputs, inputs, 3, 3))
        layers += [Conv2d(weight=weight, bias=random.normal(0, 0.2, outputs))]
        layers += [Population(neuron=neuron)]
        side -= 2
        if number == 0:
            layers += [AveragePool2d(size=(2, 2))]
            side //= 2
    inputs = sizes[-2] * side * side
    weight = random.normal(0, 2 / np.sqrt(inputs), (sizes[-1], inputs))
    return [*layers, Flatten(), Dense(weight=weight), Population(neuron=neuron)]


def _quantised(
    layers: list[Any], shape: tuple[int, ...], weight_bits: int, input_bits: int
) -> IntegerNetwork:
    encoding = InputEncoding(shape=shape, bits=input_bits, fraction_bits=input_bits - 1)
    description = NetworkDescription(name="measured", input=encoding, steps=STEPS, layers=layers)
    return quantize(one_map_each(description), "Q8.8", weight_bits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", nargs="+", choices=DEVICES_MEASURED, default=DEVICES_MEASURED)
    parser.add_argument("--layers", nargs="+", choices=get_args(Layers), default=get_args(Layers))
    parser.add_argument("--again", action="store_true", help="also what is there already")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = [] if arguments.again else json.loads(MEASURED.read_bytes())
    engine = engine_hash()
    for sizes, lanes, weight_bits, input_bits, neuron, kind, options in DESIGNS:
        network = make_network(sizes, weight_bits, input_bits, neuron, kind)
        for key in arguments.devices:
            device = DEVICES[key]
            geometry = plan_for(network, device, lanes, **options)
            blocks = ram_blocks(plan_memories(geometry), device.family)
            about = {"device": key, "sizes": sizes, "lanes": lanes, "weight_bits": weight_bits}
            about |= {
                "input_bits": input_bits,
                "neuron": neuron,
                "layers": kind,
                "options": options,
            }
            same = [row for row in rows if about.items() <= row.items()]
            sizes_of_logic = features(network, geometry, device.family)
            for row in same:  # what the estimate counts may have changed, and is not measured
                row["features"] = sizes_of_logic
            is_there = any(row["engine"] == engine for row in same)
            if is_there or kind not in arguments.layers or not device.fits(blocks):
                continue
            made: EngineOptions = {**options, "multipliers": geometry.chosen_multipliers}
            core = sources_of_core(render_accelerator(network, lanes, **made))
            used = measure(core, key, few_pins=True)
            row = {
                "engine": engine,
                **about,
                "features": sizes_of_logic,
                "used": {name: number for name, number in used.items() if name != "pins"},
            }
            print(row, file=sys.stderr, flush=True)
            rows = [*(each for each in rows if each not in same), row]
            _write(rows)
    _write(rows)


def _write(rows: list[dict[str, Any]]) -> None:
    write_atomically(MEASURED, (json.dumps(rows, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
