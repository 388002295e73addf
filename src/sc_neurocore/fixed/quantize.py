"""From a network description to integers: weights, biases, scales and parameter tables."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.evaluate import NumpyIntegers
from sc_neurocore.fixed.lowering import MAXIMUM_CONSTANT, ParameterPort, lower
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.network.description import Dense, Flatten, NetworkDescription, Population

MAXIMUM_ACCUMULATOR_BITS = 48
MINIMUM_WEIGHT = 2.0**-40
"""A layer whose weights are all smaller than this has no weights."""


def quantize(
    description: NetworkDescription,
    format: str | QFormat = "Q8.8",
    weight_bits: int = 8,
    current_extra_bits: int = 4,
) -> IntegerNetwork:
    """Turn a trained network into the integers that the hardware computes with.

    Each layer's weights become signed integers of `weight_bits` bits with one scale 2 ** -s, the
    finest for which the largest weight still fits. Biases are kept at the accumulator's scale.

    Args:
        description: A feed-forward network of dense layers, each followed by neurons.
        format: The format of the neurons' states.
        weight_bits: 2 to 16.
        current_extra_bits: Integer bits that the current has beyond the state.

    Raises:
        UserError: If the network has something that integers do not have yet, or a number does
            not fit.
    """
    if not isinstance(weight_bits, int) or not 2 <= weight_bits <= 16:
        raise UserError(f"weight_bits={weight_bits!r}: expected 2 to 16, whole")
    formats = FixedPoint(QFormat.parse(format), current_extra_bits)
    pairs = _dense_pairs(description)
    neuron = pairs[0][1].neuron
    for index, (_, population) in enumerate(pairs):
        if population.neuron != neuron:
            raise UserError(
                f"neuron layer {index + 1} is {population.neuron.name}, the first is "
                f"{neuron.name}: the integer model has one equation for all layers so far"
            )
    values, ports = _parameters([population for _, population in pairs], formats)
    layers = []
    static = description.input.kind == "static"
    for index, (dense, population) in enumerate(pairs):
        is_first = index == 0
        layers.append(
            _layer(
                dense,
                population,
                formats,
                ports,
                weight_bits=weight_bits,
                input_maximum=(1 << description.input.bits) - 1 if is_first else 1,
                input_fraction_bits=description.input.fraction_bits if is_first else 0,
                is_static=static and is_first,
                name=f"dense layer {index + 1}",
            )
        )
    program = lower(neuron, formats, values, ports)
    NumpyIntegers(program.program)  # refuses what the integer model could not run
    return IntegerNetwork(
        name=description.name,
        content_hash=description.content_hash,
        steps=description.steps,
        input_bits=description.input.bits,
        readout=description.readout,
        layers=tuple(layers),
        program=program,
        initial_state={
            name: int(formats.state.quantize(value)) for name, value in neuron.states.items()
        },
    )


def _dense_pairs(description: NetworkDescription) -> list[tuple[Dense, Population]]:
    layers = [layer for layer in description.layers if not isinstance(layer, Flatten)]
    for layer, wanted in zip(layers, (Dense, Population) * len(layers), strict=False):
        if type(layer) is not wanted:
            raise UserError(
                f"{description.name}: a {layer.kind} layer where the integer model expects "
                f"{'a dense layer' if wanted is Dense else 'neurons'}: it covers dense layers, "
                f"each followed by neurons, so far"
            )
    dense = [layer for layer in layers if isinstance(layer, Dense)]
    populations = [layer for layer in layers if isinstance(layer, Population)]
    return list(zip(dense, populations, strict=True))


def _parameters(
    populations: list[Population], formats: FixedPoint
) -> tuple[dict[str, float], list[ParameterPort]]:
    """Fold the parameters that are equal everywhere; make ports of those that differ."""
    values: dict[str, float] = {}
    ports: list[ParameterPort] = []
    for name in populations[0].neuron.parameters:
        numbers = np.unique(np.concatenate([np.ravel(p.values()[name]) for p in populations]))
        if numbers.size == 1:
            values[name] = float(numbers[0])
            continue
        if np.abs(numbers).max() >= MAXIMUM_CONSTANT:
            raise UserError(
                f"parameter {name} = {np.abs(numbers).max():g}: expected less than "
                f"{MAXIMUM_CONSTANT:.0f} for a number in fixed point"
            )
        integers = np.round(np.ldexp(numbers, formats.constant_fraction_bits))
        largest = int(np.abs(integers).max())
        width = max(largest.bit_length(), formats.constant_fraction_bits) + 1
        ports.append(ParameterPort(name, width))
    return values, ports


def _layer(
    dense: Dense,
    population: Population,
    formats: FixedPoint,
    ports: list[ParameterPort],
    *,
    weight_bits: int,
    input_maximum: int,
    input_fraction_bits: int,
    is_static: bool,
    name: str,
) -> IntegerLayer:
    weight = np.asarray(dense.weight, dtype=np.float64)
    largest_weight = (1 << (weight_bits - 1)) - 1
    scale_bits = _scale_bits(weight, largest_weight)
    if scale_bits is None:  # no weight: the bias alone sets the unit, which is the current's
        scale_bits = max(formats.state.fraction_bits - input_fraction_bits, 0)
    integers = np.round(np.ldexp(weight, scale_bits)).astype(np.int64)
    accumulator_fraction_bits = scale_bits + input_fraction_bits
    bias = np.zeros(len(weight)) if dense.bias is None else np.asarray(dense.bias, dtype=np.float64)
    scaled_bias = np.round(np.ldexp(bias, accumulator_fraction_bits))
    # The exact range of every partial sum: the bias, then any subset of the inputs.
    low = scaled_bias + input_maximum * np.minimum(integers, 0).sum(axis=1)
    high = scaled_bias + input_maximum * np.maximum(integers, 0).sum(axis=1)
    bound = max(float(np.abs(low).max()), float(np.abs(high).max()), 1.0)
    accumulator_bits = math.floor(math.log2(bound)) + 2
    shift = accumulator_fraction_bits - formats.state.fraction_bits
    if accumulator_bits + max(-shift, 0) > MAXIMUM_ACCUMULATOR_BITS:
        raise UserError(
            f"{name}: sums of {accumulator_bits} bits, shifted left by {max(-shift, 0)} (largest "
            f"weight {np.abs(weight).max():g}, largest bias {np.abs(bias).max():g}): at most "
            f"{MAXIMUM_ACCUMULATOR_BITS} bits are supported; scale the network's weights down"
        )
    return IntegerLayer(
        weight=integers,
        bias=scaled_bias.astype(np.int64),
        weight_bits=weight_bits,
        scale_bits=scale_bits,
        shift=shift,
        accumulator_bits=accumulator_bits,
        parameters=_table(population, ports, formats, len(weight)),
        is_static=is_static,
    )


def _scale_bits(weight: NDArray[np.float64], largest_integer: int) -> int | None:
    """Return the largest s for which every weight times 2 ** s rounds into the range.

    None if all weights are zero, or so small that their scale means nothing.
    """
    largest = float(np.abs(weight).max())
    if largest < MINIMUM_WEIGHT:
        return None
    scale_bits = math.floor(math.log2(largest_integer / largest)) + 1
    while round(math.ldexp(largest, scale_bits)) > largest_integer:
        scale_bits -= 1
    return scale_bits


def _table(
    population: Population, ports: list[ParameterPort], formats: FixedPoint, neurons: int
) -> NDArray[np.int64]:
    """Return the integers of the parameter ports, (neurons, ports)."""
    values: dict[str, Any] = population.values()
    columns = [
        np.broadcast_to(
            np.round(np.ldexp(values[port.name], formats.constant_fraction_bits)), (neurons,)
        )
        for port in ports
    ]
    return np.array(columns, dtype=np.int64).reshape(len(ports), neurons).T
