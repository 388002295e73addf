"""From a network description to integers: weights, biases, scales and parameter tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.evaluate import NumpyIntegers
from sc_neurocore.fixed.lowering import MAXIMUM_CONSTANT, NeuronProgram, ParameterPort, lower
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.synapses import (
    SPIKE_SIGNAL,
    IntegerSynapses,
    Signal,
    add_up,
    is_power_of_two,
    join_up,
    quantize_factors,
    quantize_weights,
)
from sc_neurocore.network.description import NetworkDescription, Shape, Stage
from sc_neurocore.network.encoding import MAXIMUM_WEIGHT_BITS
from sc_neurocore.network.layers import (
    Connection,
    Join,
    Population,
    Scale,
    Weighted,
    WeightedLayer,
    along_channels,
)

_BITS_OF_FACTOR = 16
"""Of a scale's factors, and of an average's, where they go into no weights."""


def quantize(
    description: NetworkDescription,
    format: str | QFormat | FixedPoint = "Q8.8",
    weight_bits: int | Sequence[int] = 8,
    current_extra_bits: int = 4,
    constant_bits: int | None = None,
) -> IntegerNetwork:
    """Turn a trained network into the integers that the hardware computes with.

    Each layer's weights become signed integers with one scale 2 ** -s: that at which clipping large
    weights and rounding all of them cost least together, in mean square. Biases are kept at the
    accumulator's scale.

    Args:
        description: A trained network.
        format: The format of the neurons' states, or all formats as `FixedPoint.parse` reads them.
        weight_bits: Bits of a weight, 2 to 24: for all layers, or one number for each layer with
            weights, from input to output; recurrent neurons are one.
        current_extra_bits: Integer bits that the current has beyond the state.
        constant_bits: Fraction bits of constants; by default they follow the format.

    Raises:
        UserError: If a number does not fit, or a layer needs sums that are too wide.
    """
    formats = FixedPoint.parse(format, constant_bits, current_extra_bits)
    chosen = _widths(description, weight_bits)
    widths = iter(chosen)
    stages = list(description.stages())
    programs = _programs([stage.population for stage in stages], formats)
    coding = description.input
    incoming = Signal(coding.fraction_bits, coding.low, coding.high)
    layers: list[IntegerLayer] = []
    signals: dict[int, Signal] = {}  # what each layer hands on, by its place
    for stage in stages:
        program = programs[_equation(stage.population, formats)]
        layers.append(
            _integer_layer(
                stage,
                incoming,
                widths,
                program,
                is_static=not layers and coding.kind == "static",
                signals=signals,
            )
        )
        incoming = signals[stage.place] = layers[-1].outgoing
    return IntegerNetwork(
        name=description.name,
        content_hash=description.content_hash,
        steps=description.steps,
        input=coding,
        readout=description.readout,
        layers=tuple(layers),
        weight_bits=tuple(chosen),
    )


def _widths(description: NetworkDescription, weight_bits: int | Sequence[int]) -> list[int]:
    """Return one width for each layer with weights."""
    count = sum(isinstance(layer, WeightedLayer) for layer in description.layers)
    widths = [weight_bits] * count if isinstance(weight_bits, int) else list(weight_bits)
    if not isinstance(weight_bits, int) and len(widths) != count:
        raise UserError(
            f"weight_bits={weight_bits!r}: expected one number, or {count}, one for each layer "
            f"of {description.name} that has weights"
        )
    for width in widths:
        if not isinstance(width, int) or not 2 <= width <= MAXIMUM_WEIGHT_BITS:
            raise UserError(
                f"weight_bits={weight_bits!r}: expected 2 to {MAXIMUM_WEIGHT_BITS}, whole"
            )
    return widths


def _programs(populations: Sequence[Population], formats: FixedPoint) -> dict[str, NeuronProgram]:
    """Return one program for each equation, as `_equation` tells them apart."""
    programs: dict[str, NeuronProgram] = {}
    known = {name for each in populations for name in _stored(each.neuron)}
    unknown = sorted({name for name, _ in formats.own} - known)
    if unknown:
        raise UserError(f"no neuron has a state or local {unknown[0]!r}, which has a format")
    texts = [_equation(population, formats) for population in populations]
    for text in dict.fromkeys(texts):
        alike = [each for each, other in zip(populations, texts, strict=True) if other == text]
        values, ports = _parameters(alike, formats)
        neuron = alike[0].neuron
        own = tuple(each for each in formats.own if each[0] in _stored(neuron))
        programs[text] = lower(neuron, replace(formats, own=own), values, ports)
        NumpyIntegers(programs[text].program)  # refuses what the integer model could not run
    return programs


def _equation(population: Population, formats: FixedPoint) -> str:
    """Return what tells equations apart: their text.

    Where no product is to have a multiplier, also the parameters that all neurons of a layer share,
    which are constants of its own equation then, and no numbers that come from a table.
    """
    text = str(population.neuron)
    if formats.multipliers != "adders":
        return text
    return text + repr(
        {name: float(value) for name, value in population.values().items() if np.ndim(value) == 0}
    )


def _stored(neuron: Neuron) -> set[str]:
    """Return the names of states and locals."""
    return {*neuron.states, *(line.target for line in neuron.update)}


def _parameters(
    populations: Sequence[Population], formats: FixedPoint
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


def _integer_layer(
    stage: Stage,
    incoming: Signal,
    widths: Iterator[int],
    program: NeuronProgram,
    is_static: bool,
    signals: dict[int, Signal],
) -> IntegerLayer:
    formats = program.fixed_point
    bits = formats.current.fraction_bits
    synapses = _synapses(stage, incoming, widths, bits, signals)
    accumulator = synapses[-1].output if synapses else incoming
    feedback = None
    population, name = stage.population, f"layers[{stage.place}], {stage.population.kind}"
    if population.feedback is not None:
        own = quantize_weights(population.feedback, SPIKE_SIGNAL, next(widths), bits, name)
        feedback = replace(own, place=stage.place)
        accumulator += feedback.output
    accumulator.check(bits, name)
    return IntegerLayer(
        synapses=synapses,
        feedback=feedback,
        incoming=incoming,
        accumulator=accumulator,
        input_shape=stage.input_shape,
        shape=stage.shape,
        program=program,
        parameters=_table(population, program.parameters, formats, stage.shape),
        is_static=is_static,
        is_integrator=population.passes_membrane,
        place=stage.place,
    )


def _synapses(
    stage: Stage,
    incoming: Signal,
    widths: Iterator[int],
    state_fraction_bits: int,
    signals: dict[int, Signal],
) -> tuple[IntegerSynapses, ...]:
    """Quantise the layers of a stage.

    A scale by one factor, and the 1 / size of an average that no unit can carry, go into the next
    layer's weights; behind the last weights, into these and their bias. Where there are none, an
    average becomes weights, and a scale multiplies, as one with several factors always does, and
    as a negative one does where a maximum is: the largest of opposites is the smallest.
    """
    layers = list(stage.between)
    weighted = [place for place, layer in layers if isinstance(layer, Weighted)]
    if not weighted:
        channels = stage.input_shape[0]
        layers = [(place, _with_weights(layer, channels)) for place, layer in layers]
    is_linear = all(layer.is_linear for _, layer in layers)
    stays = {
        place
        for place, layer in layers
        if isinstance(layer, Scale)
        and (layer.factor.ndim or not weighted or not (is_linear or layer.gain >= 0))
    }
    moved = {place: 1.0 if place in stays else _factor_left(layer) for place, layer in layers}
    rest = math.prod(moved[place] for place, _ in layers if weighted and place > weighted[-1])
    gain = 1.0
    synapses: list[IntegerSynapses] = []
    for place, layer in layers:
        name = f"layers[{place}], {layer.kind}"
        if isinstance(layer, Weighted):
            each = quantize_weights(
                layer,
                incoming,
                next(widths) if weighted else _BITS_OF_FACTOR,
                state_fraction_bits,
                name,
                gain,
                rest if weighted and place == weighted[-1] else 1.0,
            )
            gain = 1.0
        elif isinstance(layer, Scale):
            gain *= moved[place]
            if place not in stays:
                continue
            each = quantize_factors(layer, incoming, _BITS_OF_FACTOR, state_fraction_bits, name)
        elif isinstance(layer, Join):
            each = join_up(layer, incoming, signals[layer.source])
        else:
            gain *= moved[place]
            each = add_up(layer, incoming)
        synapses.append(replace(each, place=place))
        incoming = signals[place] = each.output
    return tuple(synapses)


def _factor_left(layer: Connection) -> float:
    """Return the factor of a layer that neither its unit nor a multiplication carries."""
    return layer.gain if is_power_of_two(layer.divisor) else layer.gain / layer.divisor


def _with_weights(layer: Connection, channels: int) -> Connection:
    """Return an average whose unit does not carry its factor as a convolution of each channel."""
    if is_power_of_two(layer.divisor):
        return layer
    return layer.as_convolution(channels) or layer


def _table(
    population: Population,
    ports: Sequence[ParameterPort],
    formats: FixedPoint,
    shape: Shape,
) -> NDArray[np.int64]:
    """Return the integers of the parameter ports, (channels or neurons, ports)."""
    values: dict[str, Any] = population.values()
    numbers = [np.asarray(values[port.name]) for port in ports]
    if any(each.ndim > 1 for each in numbers):  # one of them has a number for each neuron
        numbers = [along_channels(each, len(shape)) for each in numbers]
    else:
        shape = shape[:1]
    columns = [
        np.broadcast_to(np.round(np.ldexp(each, formats.constant_fraction_bits)), shape).ravel()
        for each in numbers
    ]
    return np.array(columns, dtype=np.int64).reshape(len(ports), math.prod(shape)).T
