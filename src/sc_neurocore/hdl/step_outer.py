"""From an integer network to an accelerator that works step by step (rtl/step_outer/*.v).

It computes all that the group-stationary one does, and what that cannot: recurrent layers, delays,
inputs that come per step, every readout, and neurons of several equations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import (
    BENCH_MODULES,
    NEURONS_FILE,
    SOURCES,
    WEIGHTS_FILE,
    Accelerator,
    Rendered,
    common_values,
    engine_files,
    in_sources,
    pack,
    render_verilog,
    source_paths,
    top_name,
)
from sc_neurocore.hdl.equation_compiler import default_name, emit_neuron
from sc_neurocore.hdl.memories import Words, memory_text, padded
from sc_neurocore.hdl.step_geometry import StepGeometry, plan_steps
from sc_neurocore.hdl.step_layers import Part, StepLayer, step_layers

STEP_SOURCES = "step_outer"
SHARED = (
    "snn_accumulator.v",
    "snn_carousel.v",
    "snn_ram.v",
    "snn_requantize.v",
    "snn_rom.v",
    "snn_scanner.v",
    "snn_spikes.v",
)
"""What this engine takes from the group-stationary one."""


def render_steps(network: IntegerNetwork, lanes: int = 8) -> Rendered:
    """Make a step-outer accelerator of a network; the same arguments give the same bytes.

    Args:
        network: Dense or delay-dense layers, each with neurons behind it.
        lanes: Neurons whose sums are formed at the same time: a power of two, 1 to 128.

    Raises:
        UserError: If the engine does not have what the network needs.
    """
    geometry = plan_steps(network, lanes)
    common = engine_files(SOURCES)
    engine = engine_files(SOURCES, STEP_SOURCES) | {name: common[name] for name in SHARED}
    del engine["snn_accumulator.v" if geometry.delay_bits else "snn_step_rings.v"]
    neurons = [
        emit_neuron(program, name)
        for program, name in zip(network.programs, _unit_names(network), strict=True)
    ]
    modules = tuple(f"{neuron.name}_step" for neuron in neurons)
    taken = {*modules, *BENCH_MODULES, *(Path(name).stem for name in engine)}
    top = top_name(network.name, taken)
    values = _template_values(network, geometry, top, modules)
    verilog = {
        f"{top}.v": render_verilog("step_top.v.j2", values),
        f"{top}_layers.v": render_verilog("step_layers.v.j2", values),
        **{f"{neuron.name}_step.v": neuron.step.encode() for neuron in neurons},
        **engine,
    }
    memories = memory_contents(network, geometry)
    accelerator = Accelerator(
        directory=Path(),
        top=top,
        verilog=source_paths(verilog),
        memories=source_paths(memories),
        content_hash=network.content_hash,
        steps=network.steps,
        states=tuple(tuple(values["units"][layer.unit]["states"]) for layer in geometry.layers),
        geometry=geometry,
        neuron_modules=modules,
        schedule="step-outer",
    )
    return Rendered(accelerator, in_sources(verilog | memories))


def memory_contents(network: IntegerNetwork, geometry: StepGeometry) -> dict[str, bytes]:
    """Return what the memories hold: name of the $readmemh file, and its text."""
    layers = step_layers(network)
    slots = neuron_slots(network, layers, geometry)
    return {
        WEIGHTS_FILE: memory_text(*weight_rows(layers, geometry), geometry.rows),
        NEURONS_FILE: memory_text(*slots, geometry.slots),
    }


def _unit_names(network: IntegerNetwork) -> Iterator[str]:
    """Yield a name for each program: neurons that share theirs are numbered."""
    seen: dict[str, int] = {}
    for program in network.programs:
        name = default_name(program)
        seen[name] = seen.get(name, 0) + 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


def _template_values(
    network: IntegerNetwork, geometry: StepGeometry, top: str, modules: tuple[str, ...]
) -> dict[str, Any]:
    parameters = geometry.parameters | {
        "WEIGHTS_FILE": f'"{WEIGHTS_FILE}"',
        "NEURONS_FILE": f'"{NEURONS_FILE}"',
    }

    return common_values(network, geometry, top) | {
        "input_kind": network.input.kind,
        "readout": network.readout,
        "units": [
            _unit(program, module, geometry)
            for program, module in zip(network.programs, modules, strict=True)
        ],
        "has_parameters": any(program.parameters for program in network.programs),
        "engine_parameters": list(parameters.items()),
    }


def _unit(program: NeuronProgram, module: str, geometry: StepGeometry) -> dict[str, Any]:
    """Return what the templates say of a neuron unit."""
    form = program.fixed_point.state
    states = pack(port for port in program.inputs if port.name in program.neuron.states)
    initial = sum(
        (int(form.quantize(program.neuron.states[each.name])) % (1 << each.width)) << each.low
        for each in states
    )
    return {
        "name": program.neuron.name,
        "module": module,
        "states": states,
        "parameters": pack(program.parameters),
        "initial": f"{geometry.state_bits}'h{initial:x}",
        "spare_bits": geometry.state_bits - sum(each.width for each in states),
    }


def weight_rows(layers: Sequence[StepLayer], geometry: StepGeometry) -> Words:
    """Lay out the weights: for each group, for each input, a weight and a delay per lane."""
    lanes = geometry.lanes
    blocks = []
    for layer, form in zip(layers, geometry.layers, strict=True):
        parts = [_lane_words(part, form.groups, lanes) for part in layer.parts]
        # A group's rows follow each other: all inputs of its first part, then of its second.
        blocks.append(np.concatenate(parts, axis=1).reshape(-1, lanes * 2))
    words = np.concatenate(blocks).reshape(-1, lanes, 2)
    widths = [geometry.weight_bits, geometry.delay_bits]
    if not geometry.delay_bits:
        return words[:, :, 0], widths[:1] * lanes
    return words.reshape(-1, lanes * 2), widths * lanes


def _lane_words(part: Part, groups: int, lanes: int) -> Any:
    """Return (groups, inputs, lanes, 2): weight and delay."""
    delays = np.zeros_like(part.weight) if part.delays is None else part.delays
    both = [padded(each, groups, lanes).transpose(0, 2, 1) for each in (part.weight, delays)]
    return np.stack(both, axis=-1)


def neuron_slots(
    network: IntegerNetwork, layers: Sequence[StepLayer], geometry: StepGeometry
) -> Words:
    """Lay out what each neuron has of its own: for each lane of each group, bias and parameters.

    A layer packs its parameters from the low bits up, as its own unit reads them.
    """
    blocks = []
    for layer, form, source in zip(layers, geometry.layers, network.layers, strict=True):
        packed = np.zeros(layer.outputs, dtype=object)
        low = 0
        for values, port in zip(layer.parameters.T, source.program.parameters, strict=True):
            packed += (values % (1 << port.width)).astype(object) << low
            low += port.width
        own = np.column_stack([layer.bias.astype(object), packed])
        blocks.append(padded(own, form.groups, geometry.lanes).reshape(-1, 2))
    return np.concatenate(blocks), [geometry.bias_bits, geometry.parameter_bits]
