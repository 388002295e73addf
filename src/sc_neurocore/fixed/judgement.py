"""What becomes of an equation's real numbers: each constant, each assignment, each condition.

All of it follows from the integer program and from what can come in: it says what is possible in
any number of steps. How far floats and integers part on a stimulus is found by running both
(`fixed.comparison`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from sc_neurocore.array_types import Floats
from sc_neurocore.fixed.findings import Judge, rounded
from sc_neurocore.fixed.lowering import NEXT, NeuronProgram
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.numerics import (
    ConstantFact,
    NeuronNumerics,
    Numerics,
)
from sc_neurocore.fixed.program import Interval
from sc_neurocore.fixed.ranges import reachable
from sc_neurocore.fixed.resolution import resolutions
from sc_neurocore.network.description import NetworkDescription, Population


def judge_neuron(
    program: NeuronProgram,
    *,
    current: Interval | None = None,
    parameters: Mapping[str, Floats] | None = None,
    where: str = "",
    must_fire: bool = True,
    tables_elsewhere: Collection[str] = (),
    steps: int | None = None,
) -> NeuronNumerics:
    """Give the account of a neuron.

    Args:
        program: The neuron in integers.
        current: The least and the largest current, as integers; by default its format's range.
        parameters: The values of the parameters that are ports, an array for each.
        where: The layer, for messages.
        must_fire: Whether it is an error that it never fires.
        tables_elsewhere: What tables of other neurons in the same formats are over.
        steps: How many steps it runs from its initial state on, if it is known.
    """
    formats, given = program.fixed_point, parameters or {}
    form = formats.current
    inputs: dict[str, Interval] = dict.fromkeys(
        program.currents, current or (form.minimum, form.maximum)
    )
    for port in program.parameters:
        limit = 1 << (port.width - 1)
        inputs[port.name] = (-limit, limit - 1)
        if port.name in given:
            integers = [
                round(float(end) * 2.0**formats.constant_fraction_bits)
                for end in (given[port.name].min(), given[port.name].max())
            ]
            inputs[port.name] = (integers[0], integers[1])
    names = program.neuron.states
    initial = {name: int(formats.of(name).quantize(value)) for name, value in names.items()}
    reached = reachable(program.program, initial, {name: name + NEXT for name in names}, inputs)
    constants = [*_constants(program, given)]
    judge = Judge(program, reached, where, steps)
    resolved = resolutions(program, given)
    findings = [
        *judge.constants(constants),
        *judge.assignments(),
        *judge.firing(must_fire),
        *judge.branches(),
        *judge.tables(),
        *judge.ranges(tables_elsewhere),
        *judge.inputs(),
        *judge.rounding(resolved),
    ]
    return NeuronNumerics(
        where=where,
        neuron=program.neuron.name,
        constants=tuple(constants),
        assignments=tuple(judge.fact(store) for store in program.stores),
        states=tuple(judge.states(resolved)),
        tables=tuple(str(table) for table in program.tables),
        findings=tuple(findings),
    )


def judge_program(program: NeuronProgram) -> Numerics:
    """Give the account of a neuron alone, for every current of its format."""
    return numerics_of(program, (judge_neuron(program),))


def judge_network(network: IntegerNetwork, description: NetworkDescription) -> Numerics:
    """Give the account of a network, layer by layer, for every input of its encoding.

    Args:
        network: The network in integers.
        description: What it was made of.
    """
    populations = [
        (place, layer)
        for place, layer in enumerate(description.layers)
        if isinstance(layer, Population)
    ]
    over = {str(table.of) for layer in network.layers for table in layer.program.tables}
    neurons = []
    for layer, (place, population) in zip(network.layers, populations, strict=True):
        is_last = layer is network.layers[-1]
        values = population.values()
        neurons.append(
            judge_neuron(
                layer.program,
                current=_current(layer),
                parameters={
                    port.name: np.asarray(values[port.name], dtype=np.float64)
                    for port in layer.program.parameters
                },
                where=f"layers[{place}]",
                must_fire=not (layer.is_integrator or (is_last and network.readout == "membrane")),
                tables_elsewhere=over,
                steps=description.steps,
            )
        )
    return numerics_of(network.layers[0].program, tuple(neurons))


def _current(layer: IntegerLayer) -> Interval:
    """Return the least and the largest current that the layer's sums can make."""
    program = layer.requantization
    node = program.nodes[program.outputs[0][1]]
    return node.low, node.high


def numerics_of(program: NeuronProgram, neurons: tuple[NeuronNumerics, ...]) -> Numerics:
    """Put accounts together that are in the formats of one program."""
    formats = program.fixed_point
    return Numerics(
        format=formats.text,
        current_format=str(formats.current),
        constant_bits=formats.constant_fraction_bits,
        neurons=neurons,
    )


def _constants(program: NeuronProgram, given: Mapping[str, Floats]) -> Iterator[ConstantFact]:
    """Yield each constant once a line, and of each table of parameters the worst one."""
    seen: set[tuple[int, str]] = set()
    for each in program.constants:
        key = each.statement, str(each.expression)
        if key not in seen and each.value:
            seen.add(key)
            yield _constant(
                program.program.statements[each.statement].text, key[1], each.value, each.integer,
                each.fraction_bits,
            )  # fmt: skip
    bits = program.fixed_point.constant_fraction_bits
    for name, numbers in given.items():
        facts = [
            _constant(
                f"parameter {name}", name, float(value), round(float(value) * 2.0**bits), bits
            )
            for value in {*numbers.ravel().tolist()}
            if value
        ]
        if facts:
            yield max(facts, key=lambda each: (each.relative_error, each.value))


def _constant(line: str, expression: str, value: float, integer: int, bits: int) -> ConstantFact:
    became = math.ldexp(integer, -bits)
    return ConstantFact(
        line=line,
        expression=expression,
        value=rounded(value),
        became=became,
        relative_error=rounded(abs(became - value) / abs(value), 4),
    )
