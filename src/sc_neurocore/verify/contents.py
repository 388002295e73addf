"""Every number of a network stands in the memories where the engine looks for it.

The words are read back through Yosys, or from the image of weights that are loaded. Where the
engine looks follows from the modules' contracts: rows of weights follow each other, layer by layer,
group by group, input by input, a lane for each neuron of a group; of the neurons' words there is
one for each turn, of each group or, where places share them, of each block of channels. With
windows weights are not looked for: what is in front of which, the tables say (`verify.taps`). It is
compared with the integer model's own arrays, number by number, whoever laid them out.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.geometry import COLUMN_BITS, Geometry, LayerGeometry
from sc_neurocore.network import DelayDense
from sc_neurocore.verify.emitted import elaborated
from sc_neurocore.verify.result import ProofResult

NAME = "contents: each weight, delay, bias and parameter stands where the engine looks for it"
WITH_WINDOWS = "contents: each bias and parameter stands where the engine looks for it"
_NEURONS = "engine.neuron_memory"
_Bits = NDArray[np.uint8]


def check_contents(accelerator: Accelerator, network: IntegerNetwork) -> ProofResult:
    """Compare every number that the engine finds in its memories with the network's own.

    Args:
        accelerator: The design.
        network: Its network.

    Returns:
        `proved`, or `refuted` with the first number that is another one.

    Raises:
        ToolMissingError, ToolFailedError: As `elaborate`.
    """
    began = time.perf_counter()
    count, wrong = 0, ""
    try:
        for what, found, needed in _numbers(accelerator, network):
            count += needed.size
            if not wrong and (found.shape != needed.shape or (found != needed).any()):
                wrong = _first(what, found, needed)
    except CheckFailedError as error:
        wrong = str(error)
    return ProofResult(
        name=WITH_WINDOWS if accelerator.geometry.windows else NAME,
        status="refuted" if wrong else "proved",
        engine="exact comparison (NumPy)",
        seconds=round(time.perf_counter() - began, 3),
        detail=wrong or f"checked, all {count} numbers",
        assumptions=("rows, lanes and turns are counted as “controller” and “neurons” say",),
        figures={"numbers": count},
    )


def _first(what: str, found: Integers, needed: Integers) -> str:
    if found.shape != needed.shape:
        return f"{what}: {found.shape} are there, the network has {needed.shape}"
    place = tuple(int(each[0]) for each in np.nonzero(found != needed))
    return f"{what} {place} is {found[place]}, the network has {needed[place]}"


def _numbers(
    accelerator: Accelerator, network: IntegerNetwork
) -> Iterator[tuple[str, Integers, Integers]]:
    """Yield what numbers are, those of the memories, and the network's."""
    g = accelerator.geometry
    slots = _words(accelerator, _NEURONS)
    for layer, form in zip(network.layers, g.layers, strict=True):
        yield from _of_neurons(slots, g, form, layer)
    if not g.windows:
        yield from _of_weights(_rows(accelerator), g, network)


def _of_weights(
    rows: _Bits, g: Geometry, network: IntegerNetwork
) -> Iterator[tuple[str, Integers, Integers]]:
    """Yield the weights and delays of dense layers."""
    first_row = 0
    for layer, form in zip(network.layers, g.layers, strict=True):
        dense = next(each for each in layer.synapses if each.weight_bits)
        parts = [(f"layer {form.number}, weight", dense)]
        if layer.feedback is not None:
            parts.append((f"layer {form.number}, recurrent weight", layer.feedback))
        of_group = sum(part.weight.shape[1] for _, part in parts)
        groups = -(-layer.outputs // g.lanes)
        of_layer = rows[first_row : first_row + groups * of_group]
        fields = of_layer.reshape(groups, of_group, g.lanes, g.currents, g.word_bits)
        first_row += groups * of_group
        low = 0
        for name, part in parts:
            inputs = part.weight.shape[1]
            # (groups, inputs, lanes, currents, bits) to (currents of all neurons, inputs, bits).
            mine = fields[:, low : low + inputs].transpose(3, 0, 2, 1, 4)
            mine = mine.reshape(g.currents, groups * g.lanes, inputs, g.word_bits)
            mine = mine[: len(layer.program.currents), : layer.outputs]
            mine = mine.reshape(-1, inputs, g.word_bits)
            low += inputs
            yield name, _signed(mine[..., : g.weight_bits]), part.weight
            if g.delay_bits:
                late = np.zeros_like(part.weight)
                if isinstance(part.layer, DelayDense):
                    late = np.asarray(part.layer.delays, dtype=np.int64)
                yield f"{name}'s delay", _unsigned(mine[..., g.weight_bits :]), late


def _of_neurons(
    slots: _Bits, g: Geometry, form: LayerGeometry, layer: IntegerLayer
) -> Iterator[tuple[str, Integers, Integers]]:
    """Yield a layer's biases and parameters."""
    group, lane = np.divmod(form.layout.numbers(g.lanes), g.lanes)
    slot_group = group % form.blocks if form.shares_slots else group
    turns = g.lanes // g.units
    of_layer = slots[form.first_slot : form.first_slot + form.slot_groups * turns]
    mine = of_layer.reshape(form.slot_groups * g.lanes, -1)[slot_group * g.lanes + lane]
    currents = len(layer.program.currents)
    biases = mine[:, : g.currents * g.bias_bits].reshape(layer.outputs, g.currents, g.bias_bits)
    found = _signed(biases.swapaxes(0, 1)[:currents]).ravel()
    yield f"layer {form.number}, bias", found, _bias(layer)
    low = g.currents * g.bias_bits
    for number, port in enumerate(layer.program.parameters):
        bits = mine[:, low : low + port.width]
        low += port.width
        values = _signed(bits) if port.signed else _unsigned(bits)
        yield f"layer {form.number}, {port.name}", values, layer.neuron_parameters[:, number]


def _bias(layer: IntegerLayer) -> Integers:
    """Return the bias of each sum: what the integer model sums up where nothing comes in.

    Whatever stands in front of the neurons: of pooling that weighs, a bias is what it makes of it.
    """
    values = np.zeros((1, *layer.input_shape), dtype=np.int64)
    for each in layer.synapses:
        for run in each.runners():
            values = run(values)
    sums = layer.synapses[-1].output if layer.synapses else layer.incoming
    bias = values.astype(np.int64) << (layer.accumulator.fraction_bits - sums.fraction_bits)
    if (own := layer.feedback_runner()) is not None:
        bias = bias + own(np.zeros((1, *layer.shape), dtype=np.int64))
    total: Integers = bias.ravel()
    return total


def _rows(accelerator: Accelerator) -> _Bits:
    """Return the bits of each row of weights, the low one first."""
    g = accelerator.geometry
    if accelerator.weights == "loaded":
        image = (accelerator.directory / accelerator.memories[-1]).read_bytes()
        words = np.frombuffer(image, dtype="<u2", count=g.rows << g.column_bits)
        octets = words.reshape(g.rows, -1).view(np.uint8)
        bits = np.unpackbits(octets, axis=1, bitorder="little")
        assert bits.shape[1] == COLUMN_BITS << g.column_bits
        return bits[:, : g.group_sums * g.word_bits]
    slices = g.weight_slices
    names = ["memory"] if slices == 1 else [f"memory_{each}" for each in range(slices)]
    return np.concatenate([_words(accelerator, f"weight_memory.{each}") for each in names], axis=1)


def weights_and_delays(accelerator: Accelerator) -> tuple[Integers, Integers]:
    """Return the weights that stand in a design's memory, and their delays.

    Returns:
        Both (rows, sums of a group).

    Raises:
        CheckFailedError: If no file fills the memory.
        ToolMissingError, ToolFailedError: As `elaborate`.
    """
    g = accelerator.geometry
    fields = _rows(accelerator).reshape(-1, g.group_sums, g.word_bits)
    late = fields[..., g.weight_bits :]
    return _signed(fields[..., : g.weight_bits]), _unsigned(late)


def _words(accelerator: Accelerator, path: str) -> _Bits:
    """Return the bits of each word of a memory that a file fills, the low one first."""
    instance = elaborated(accelerator).instances.get(path)
    filled = [each for each in instance.memories if each.words is not None] if instance else []
    if len(filled) != 1 or min(filled[0].words or (-1,)) < 0:
        raise CheckFailedError(f"{path} is no memory that one file fills")
    (memory,) = filled
    octets = -(-memory.width // 8)
    text = b"".join(word.to_bytes(octets, "little") for word in memory.words or ())
    shaped = np.frombuffer(text, dtype=np.uint8).reshape(-1, octets)
    return np.unpackbits(shaped, axis=1, bitorder="little")[:, : memory.width]


def _unsigned(bits: _Bits) -> Integers:
    """Return the numbers of which the last axis holds the bits, the low one first."""
    powers = np.int64(1) << np.arange(bits.shape[-1], dtype=np.int64)
    numbers: Integers = bits.astype(np.int64) @ powers
    return numbers


def _signed(bits: _Bits) -> Integers:
    """Return the same in two's complement."""
    numbers: Integers = _unsigned(bits) - (bits[..., -1].astype(np.int64) << bits.shape[-1])
    return numbers
