r"""Leaky integrators inside a network, moved into the neurons behind them.

Streams and accelerators pass spikes from layer to layer, and an integrator hands on its membrane.
But it is a filter, the same for each of its neurons, and filters and weighted sums can change
places: where $v_{t+1} = a v_t + b u_t + c$ for each neuron, $w = W v$ obeys
$w_{t+1} = a w_t + b (W u_t) + c\,W 1$. So the weights behind it join those before it, and the
neurons that they lead to get the filter for a current: one equation, with a state more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import NoReturn

import numpy as np

from sc_neurocore.array_types import Array
from sc_neurocore.equation.affine import NotAffineError, QuotientAlgebra, affine
from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.expression import (
    Expression,
    Operation,
    Symbol,
    evaluate,
    substituted,
    symbols,
)
from sc_neurocore.equation.neuron import Assignment, Neuron, Parameter
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import NetworkDescription, Stage
from sc_neurocore.network.layers import (
    BaseLayer,
    Connection,
    Integrator,
    Join,
    Population,
    RecurrentConv2d,
    Weighted,
)
from sc_neurocore.network.layers.base import along_channels
from sc_neurocore.network.layers.populations import Recurrent

_MEMBRANE = "v"


def without_integrators(description: NetworkDescription) -> NetworkDescription:
    """Return a network that computes the same, in which neurons hand on spikes alone.

    The content changes, and with it the hash; a network without integrators stays as it is.

    Raises:
        UserError: Naming the layer with which that cannot be done, and why.
    """
    while any(isinstance(layer, Integrator) for layer in description.layers):
        description = _with_one_less(description)
    return description


def _with_one_less(description: NetworkDescription) -> NetworkDescription:
    stages = list(description.stages())
    number = next(i for i, each in enumerate(stages) if isinstance(each.population, Integrator))
    filtering, behind = stages[number], stages[number + 1]
    for place, layer in behind.between:
        if isinstance(layer, Join) or not layer.is_linear:
            _refuse(filtering, f"layers[{place}] behind it is {layer.kind!r}, which is not linear")
    if isinstance(behind.population, Recurrent | RecurrentConv2d):
        what = "to which spikes come back that do not pass it"
        _refuse(filtering, f"layers[{behind.place}] behind it are recurrent neurons, {what}")
    layers: list[BaseLayer] = list(description.layers)
    for place, layer in behind.between:
        if isinstance(layer, Weighted):
            layers[place] = layer.with_weight(layer.weight, None)
    layers[behind.place] = _joined(filtering, behind)
    del layers[filtering.place]
    for place, each in enumerate(layers):
        if isinstance(each, Join) and each.source > filtering.place:
            layers[place] = each.model_copy(update={"source": each.source - 1})
    return description.with_layers(layers)


def _refuse(stage: Stage, why: str) -> NoReturn:
    raise UserError(
        f"layers[{stage.place}] hands on membranes, and {why}: accelerators and streams pass "
        f"spikes from layer to layer, and take such a layer only where its filter can be moved "
        f"behind the weights that follow; end the network there, with the readout 'membrane', or "
        f"put neurons that fire in its place"
    )


def _joined(filtering: Stage, behind: Stage) -> Population:
    """Return the neurons behind with the filter before their current."""
    first, second = filtering.population.neuron, behind.population.neuron
    if len(first.inputs) > 1 or len(second.inputs) > 1:
        many = first if len(first.inputs) > 1 else second
        _refuse(filtering, f"{many.name} has the inputs {', '.join(many.inputs)}")
    connections = [layer for _, layer in behind.between]
    offset = _passed(connections, np.zeros(filtering.shape))
    has_memory = any(layer.has_memory for layer in connections)

    second = _with_membrane_v(second)
    taken = {*second.states, *second.parameters, *second.inputs, *_locals(second)}
    new: dict[str, str] = {}
    for name in (*first.states, *first.parameters, *_locals(first)):
        new[name] = _free(f"filter_{name}", taken)
    names = {old: Symbol(name) for old, name in new.items()} | {first.input: Symbol(second.input)}

    values = _values(filtering)
    lines, constants = _filter_lines(filtering, first, values)
    if has_memory and constants:
        _refuse(filtering, "a delay behind it lets its leak arrive late")
    parameters: dict[str, float | Array] = dict(behind.population.parameters)
    declared = dict(second.parameters)
    update: list[Assignment] = []
    for number, line in enumerate(lines):
        value = substituted(line.value, names)
        if number in constants:
            leak = _free("filter_constant", taken)
            declared[leak] = Parameter(0.0)
            parameters[leak] = _passed(connections, constants[number]) - offset
            value = value + Symbol(leak)
        update.append(replace(line, target=new[line.target], value=value))
    current: Expression = Symbol(new[first.membrane])
    if np.any(offset):
        name = _free("offset", taken)
        declared[name], parameters[name] = Parameter(0.0), offset
        current = current + Symbol(name)
    used = {name for line in update for name in symbols(line.value)}
    for old, parameter in first.parameters.items():
        if new[old] in used:
            declared[new[old]] = replace(parameter, default=_one(filtering, old, values))

    def behind_filter(line: Assignment) -> Assignment:
        return replace(line, value=substituted(line.value, {second.input: current}))

    neuron = replace(
        second,
        name=f"{second.name}_behind_{first.name}"[:64],
        states={new[name]: 0.0 for name in first.states} | dict(second.states),
        parameters=declared,
        update=(*update, *map(behind_filter, second.update)),
        spike=_condition(second.spike, {second.input: current}),
        reset=tuple(map(behind_filter, second.reset)),
        after=tuple(map(behind_filter, second.after)),
    )
    return type(behind.population)(neuron=neuron, parameters=parameters)


def _passed(layers: Sequence[Connection], values: Array) -> Array:
    """Return what layers make of the values of one sample, in their first step."""
    runners = (layer.runner(np.float64) for layer in layers)
    found: Array = reduce(lambda now, run: run(now), runners, values[np.newaxis])[0]
    return found


def _condition(spike: Operation, values: Mapping[str, Expression]) -> Operation:
    found = substituted(spike, values)
    assert isinstance(found, Operation)  # a comparison stays one
    return found


def _locals(neuron: Neuron) -> list[str]:
    return [line.target for line in neuron.update if line.is_local]


def _free(name: str, taken: set[str]) -> str:
    """Return a name that is not taken, and take it."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _with_membrane_v(neuron: Neuron) -> Neuron:
    """Return a neuron whose membrane is called v, so that it stays the membrane among more."""
    old = neuron.membrane
    if old == _MEMBRANE:
        return neuron
    free = _free(_MEMBRANE, {*neuron.states, *neuron.parameters, *neuron.inputs, *_locals(neuron)})
    if free != _MEMBRANE:
        raise UserError(
            f"{neuron.name}: call its membrane {old!r} {_MEMBRANE!r}, and what has that name "
            f"otherwise: an integrator before it brings states of its own"
        )
    names = {old: Symbol(free)}

    def renamed(line: Assignment) -> Assignment:
        target = free if line.target == old else line.target
        return replace(line, target=target, value=substituted(line.value, names))

    return replace(
        neuron,
        states={free if name == old else name: at for name, at in neuron.states.items()},
        update=tuple(map(renamed, neuron.update)),
        spike=_condition(neuron.spike, names),
        reset=tuple(map(renamed, neuron.reset)),
        after=tuple(map(renamed, neuron.after)),
    )


def _values(stage: Stage) -> dict[str, Array]:
    """Return the parameters of an integrator, each with a number for every neuron."""
    axes = len(stage.shape)
    return {
        name: np.broadcast_to(along_channels(np.asarray(value, np.float64), axes), stage.shape)
        for name, value in stage.population.values().items()
    }


def _one(stage: Stage, name: str, values: Mapping[str, Array]) -> float:
    """Return a parameter that all neurons share."""
    numbers = np.unique(values[name])
    if len(numbers) > 1:
        _refuse(
            stage,
            f"its neurons differ in {name}, from {numbers[0]:g} to {numbers[-1]:g}, so that they "
            f"are no single filter",
        )
    return float(numbers[0])


def _filter_lines(
    stage: Stage, neuron: Neuron, values: Mapping[str, Array]
) -> tuple[list[Assignment], dict[int, Array]]:
    """Return the update without what it adds by itself, and, where that is not 0, what that is."""
    left, right = neuron.spike.operands
    if left != right or neuron.after or neuron.sources:
        _refuse(stage, f"{neuron.name} is no filter: it fires, or draws noise")
    if any(neuron.states.values()):
        _refuse(stage, f"{neuron.name} does not start at 0")
    apply = QuotientAlgebra().apply
    variables = [neuron.input, *neuron.states, *_locals(neuron)]
    lines, constants = [], {}
    for number, line in enumerate(neuron.update):
        rest, terms = line.value, []
        for name in variables:
            try:
                part = affine(rest, name)
            except NotAffineError:
                _refuse(stage, f"{neuron.name} is not linear: {line}")
            if not {*symbols(part.slope)}.isdisjoint(variables):
                _refuse(stage, f"{neuron.name} is not linear: {line}")
            rest = part.rest
            terms.append(apply("*", (part.slope, Symbol(name))))
        whole = reduce(lambda one, other: apply("+", (one, other)), terms)
        lines.append(replace(line, value=whole))
        constant = np.broadcast_to(evaluate(rest, dict(values), Doubles()), stage.shape)
        if np.any(constant):
            constants[number] = constant
    return lines, constants
