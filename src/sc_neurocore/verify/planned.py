"""The plan is the network's, and every module of the engine has the sizes that the plan gives it.

Most proofs take an accelerator's sizes and its layers' table from its plan, or from the files,
which are compared with the plan. So a number that was planned wrongly would stand alike on both
sides. Here it is worked out once more, from the integer network, without the functions that plan.

A module's contract is proved with the parameters that the emitted engine gives it. That these are
the engine's own is compared here, and that memories have every word that an address can name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import Geometry, LayerGeometry
from sc_neurocore.network import DelayDense
from sc_neurocore.network.description import spikes_that_suffice
from sc_neurocore.verify.elaborated import Elaboration, Value

_Numbers = Mapping[str, int]


def other_plan(accelerator: Accelerator, network: IntegerNetwork) -> Iterator[str]:
    """Yield what was planned otherwise than the integer network says.

    With windows, what each place sees is left out: see `verify.taps`.
    """
    g = accelerator.geometry
    if len(g.layers) != len(network.layers):
        yield f"{len(g.layers)} layers are planned, the network has {len(network.layers)}"
        return
    yield from _different("the plan", _whole(accelerator), _needed_of_all(g, network))
    row = slot = 0
    for form, layer in zip(g.layers, network.layers, strict=True):
        place = f"the plan of layer {form.number}"
        yield from _different(place, _planned(form), _needed(layer, form.number, network))
        if network.programs[form.unit] is not layer.program:
            yield f"{place} says equation {form.unit}, which is not the layer's"
        if form.shift - g.left_shift != layer.shift:
            yield f"{place} shifts by {form.shift - g.left_shift}, expected {layer.shift}"
        if g.windows:
            needed = _needed_with_windows(accelerator, layer, form, row)
            yield from _different(place, _placed_with_windows(form), needed)
            row += form.rows
            continue
        yield from _different(place, _placed(form), _needed_places(g, network, form.number))
        yield from _different(
            place,
            {"first_row": form.first_row, "first_slot": form.first_slot},
            {"first_row": row, "first_slot": slot},
        )
        groups = -(-layer.outputs // g.lanes)
        own = layer.outputs if layer.feedback is not None else 0
        row += groups * (layer.inputs + own)
        slot += groups * (g.lanes // g.units)
        if (form.layout.numbers(g.lanes) != np.arange(layer.outputs)).any():
            yield f"{place} has neurons in another order than the network"


def _whole(accelerator: Accelerator) -> _Numbers:
    g = accelerator.geometry
    found = {
        "steps": accelerator.steps,
        "is_static": g.is_static,
        "input_bits": g.input_bits,
        "signed_inputs": g.signed_inputs,
        "count_threshold": g.count_threshold,
        "has_rings": g.delay_bits > 0,
    }
    return found | {"beats": g.beats}


def _needed_of_all(g: Geometry, network: IntegerNetwork) -> _Numbers:
    enough = spikes_that_suffice(network.readout) or 0
    return {
        "steps": network.steps,
        "is_static": int(network.input.kind == "static"),
        "input_bits": network.input_bits,
        "signed_inputs": int(network.input.signed),
        "count_threshold": enough if enough <= network.steps else 0,
        # Where there are no bits for a delay, none is read back from the memories.
        "has_rings": any(map(_is_delayed, network.layers)),
        "beats": (
            g.frame.positions * g.frame.words(g.beat)
            if g.walks_frame
            else -(-network.layers[0].inputs // g.beat)
        ),
    }


def _planned(form: LayerGeometry) -> _Numbers:
    return {
        "outputs": form.outputs,
        "takes_frame": form.takes_frame,
        "is_recurrent": form.is_recurrent,
        "is_last": form.is_last,
        "input_shift": form.input_shift,
        "recurrent_shift": form.recurrent_shift,
    }


def _needed(layer: IntegerLayer, number: int, network: IntegerNetwork) -> _Numbers:
    """Return what the network says of a layer, wherever it stands in memories."""
    sums = layer.synapses[-1].output if layer.synapses else layer.incoming
    unit, own = layer.accumulator.fraction_bits, layer.feedback
    return {
        "outputs": layer.outputs,
        "takes_frame": number == 0,
        "is_recurrent": own is not None,
        "is_last": number == len(network.layers) - 1,
        "input_shift": unit - sums.fraction_bits,
        "recurrent_shift": 0 if own is None else unit - own.output.fraction_bits,
    }


def _placed(form: LayerGeometry) -> _Numbers:
    found = {
        "inputs": form.inputs,
        "groups": form.groups,
        "last_lane": form.last_lane,
        "is_delayed": form.is_delayed,
    }
    return found if form.takes_frame else found | {"words": form.words}


def _needed_places(g: Geometry, network: IntegerNetwork, number: int) -> _Numbers:
    """Return the same of a dense layer: groups of lanes, and the words that those before fill."""
    layer = network.layers[number]
    return {
        "inputs": layer.inputs,
        "groups": -(-layer.outputs // g.lanes),
        "last_lane": (layer.outputs - 1) % g.lanes,
        "is_delayed": _is_delayed(layer),
        "words": -(-network.layers[number - 1].outputs // g.lanes),
    }


def _placed_with_windows(form: LayerGeometry) -> _Numbers:
    assert form.window is not None
    return {
        "neurons": form.layout.size,
        "places": form.layout.positions,
        "blocks": form.blocks,
        "groups": form.groups,
        "last_lane": form.last_lane,
        "is_delayed": form.is_delayed,
        "first_row": form.first_row,
        "first_input": form.window.first_input,
        "word_step": form.window.word_step,
    }


def _needed_with_windows(
    accelerator: Accelerator, layer: IntegerLayer, form: LayerGeometry, row: int
) -> _Numbers:
    """Return the same of a layer with windows, wherever its neurons stand.

    Its words are those that the layer before it hands on, and its rows of weights come behind those
    of that layer, as the controller counts them.
    """
    g, layout = accelerator.geometry, form.layout
    before = g.layers[form.number - 1].window if form.number else None
    blocks = layout.words(g.lanes)
    inside = 1 if g.step_outer or before is None else accelerator.steps
    return {
        "neurons": layer.outputs,
        "places": 1 if form.is_last else layout.positions,
        "blocks": blocks,
        "groups": layout.positions * blocks,
        "last_lane": (layout.channels - 1) % g.lanes,
        "is_delayed": _is_delayed(layer),
        "first_row": row,
        "first_input": before.first_output if before else 0,
        "word_step": inside,
    }


def _is_delayed(layer: IntegerLayer) -> bool:
    late = [each.layer for each in layer.synapses if isinstance(each.layer, DelayDense)]
    return any(np.asarray(each.delays).any() for each in late)


def _different(what: str, found: _Numbers, needed: _Numbers) -> Iterator[str]:
    for name, number in found.items():
        if number != needed[name]:
            yield f"{what} says {name} = {int(number)}, the network needs {int(needed[name])}"


def parameters_inside(design: Elaboration, engine: str) -> dict[str, dict[str, Value]]:
    """Return the parameters that modules inside an engine must have, by their paths.

    Args:
        design: The design.
        engine: The path of the engine, whose own parameters say what those of its modules are.
    """
    own = design.instances[engine].parameters
    e = {name: value for name, value in own.items() if isinstance(value, int)}
    has_windows, walks_frame = bool(e["WINDOWS"]), bool(e["WALKS_FRAME"])
    beat_bits = 0 if walks_frame else e["EVENT_BITS"]
    flags = e["BEAT"] if e["BEAT"] > 1 or walks_frame else 0
    place_bits = e["LAYER_BITS"] if e["STEP_OUTER"] else e["STEP_BITS"]
    store_bits = (
        e["ADDRESS_BITS"] + e["STEP_OUTER"] if has_windows else 1 + place_bits + e["GROUP_BITS"]
    )
    banks = e["STEP_OUTER"] << e["ADDRESS_BITS"]
    other: dict[str, dict[str, Value]] = {
        "loader": {"EVERY_BEAT": e["WALKS_FRAME"]},
        "controller": {
            "HAS_RINGS": e["DELAY_BITS"],
            "CLEAR_BITS": e["RING_BITS"] + e["DELAY_BITS"],
            "INDEX_BITS": e["WALK_BITS"],
        },
        "events": {
            "WIDTH": flags + beat_bits + e["BEAT"] * e["INPUT_BITS"],
            "ADDRESS_BITS": 1 + e["EVENT_BITS"],
        },
        "scanner": {"EVENT_BITS": 1 if walks_frame else e["EVENT_BITS"]},
        "accumulator": {
            "LANES": e["LANES"] * e["CURRENTS"],
            "SIGNED_VALUES": e["SIGNED_INPUTS"],
        },
        "neuron_memory": {
            "WIDTH": e["UNITS"] * (e["PARAMETER_BITS"] + e["CURRENTS"] * e["BIAS_BITS"]),
            "DEPTH": e["SLOTS"],
            "ADDRESS_BITS": e["SLOT_BITS"],
            "CONTENTS": own["NEURONS_FILE"],
        },
        "neurons": {},
        "places": {
            "FETCH_BITS": e["ADDRESS_BITS"] if has_windows else e["WALK_BITS"],
            "STORE_BITS": store_bits,
        },
        "spike_store": {
            "ADDRESS_BITS": store_bits,
            "DEPTH": e["SPIKE_WORDS"] + banks if has_windows else 1 << store_bits,
        },
        "readout": {"SCORE_BITS": e["COUNT_BITS"]},
    }
    if has_windows:
        other["walked.window"] = {"STEPS_INSIDE": int(not e["STEP_OUTER"])}
    found: dict[str, dict[str, Value]] = {}
    for path, needed in other.items():
        inside = design.instances.get(f"{engine}.{path}")
        names = inside.parameters if inside else {}
        found[f"{engine}.{path}"] = {name: own[name] for name in names if name in own} | needed
    # The contracts of the modules around them say that every word is there in these two alone.
    shown = (".states", ".spike_store.memory")
    for path, instance in design.instances.items():
        if instance.module == "snn_ram" and not path.endswith(shown):
            bits = instance.parameters["ADDRESS_BITS"]
            assert isinstance(bits, int)
            found.setdefault(path, {})["DEPTH"] = 1 << bits
    return found
