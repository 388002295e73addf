"""The narrowest formats in which the integers of a network do what its floats do.

The integer bits are those that each state of the floats asks for. The fraction bits are sought: for
all at once, doubled or halved until one number is good enough and one is not, then by halves; then
constants, each state and local, and the current give up those that the others do not miss. Each
that is tried stands in the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.equation.expression import Operation, Symbol
from sc_neurocore.equation.neuron import Assignment
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.choosing_neuron import choose_for_neuron, is_sound, largest_constants
from sc_neurocore.fixed.logic import luts
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.narrowing import (
    Change,
    fewer_bits_of,
    fewer_constants,
    fewer_current_bits,
    given_up,
)
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.network_comparison import NetworkComparison, compare_network
from sc_neurocore.fixed.qformat import MAXIMUM_WIDTH, FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.trials import (
    AUTO_FORMAT,
    CLOSE_TARGET,
    USUAL_TARGET,
    WEIGHT_CHOICES,
    Chosen,
    Target,
    Tried,
    integer_bits,
    is_auto,
)
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.layers import Population

__all__ = [
    "AUTO_FORMAT",
    "CLOSE_TARGET",
    "USUAL_TARGET",
    "Chosen",
    "Target",
    "Tried",
    "choose_for_network",
    "choose_for_neuron",
    "is_auto",
]

CURRENT_EXTRA_BITS = 4
_FIRST_GUESS = 8
_APART = 2
_CONFIRMS = 3
"""Every third input."""
_CLEARLY = 0.005
"""Agreements that are this far apart differ by more than chance."""
_MOST_WHOLE = MAXIMUM_WIDTH - CURRENT_EXTRA_BITS - 8


def choose_for_network(
    description: NetworkDescription,
    inputs: ArrayLike,
    origin: str,
    weight_bits: int | Sequence[int] | None = 8,
    format: str = AUTO_FORMAT,
    target: Target = USUAL_TARGET,
    constant_bits: int | None = None,
) -> Chosen:
    """Choose the formats of a network's neurons, and the bits of its weights.

    Each state and local has a format of its own, and so has the current, where that is narrower.

    What the weights' own rounding costs no format brings back: the agreement that is asked for is
    at most that of the widest format, and what was tried says so (`Tried.is_less`). Among many that
    are tried some are enough by chance, so every third input has no part in that: it confirms.

    Args:
        description: The network.
        inputs: Integers of its input encoding; a few dozen.
        origin: What they are.
        weight_bits: Bits of a weight; None for the fewest of `WEIGHT_CHOICES` that are enough.
        format: "auto", and after it `:nearest` or `:wrap` where that is wanted.
        target: What is good enough.
        constant_bits: Fraction bits of constants; by default they follow the format.

    Raises:
        UserError: If floats run away, no format is good enough, or the inputs do not fit.
    """
    whole_inputs = np.asarray(inputs)
    with np.errstate(all="ignore"):  # what runs away is said below
        seen, unseen = (
            (part, run_float(description, part, record=True))
            for part in _parts(whole_inputs, int(description.input.kind != "static"))
        )
    runs = (seen[1], unseen[1])
    largest = float(np.max([0.0, *_largest(description, *runs).values()]))
    if not math.isfinite(largest):
        raise UserError(
            f"{description.name}: floats run away on {origin}, so that no format can be chosen: "
            f"check the network on these inputs, or name a format"
        )

    def attempt(
        form: QFormat | FixedPoint,
        bits: int | Sequence[int],
        wanted: Target,
        part: tuple[NDArray[Any], NetworkRun] = seen,
    ) -> Tried:
        formats = FixedPoint.parse(form, constant_bits)
        network = quantize(description, formats, bits)
        found = compare_network(description, network, part[0], origin, part[1])
        own = bits if weight_bits is None and isinstance(bits, int) else None
        tried = _tried(network, formats, found, own, wanted)
        if isinstance(form, FixedPoint) and not all(map(is_sound, _programs(network))):
            tried = replace(tried, is_enough=False)
        is_less = not target.met_by(found.spike_agreement, found.mean_state_error,
                                    found.equal_spikes)  # fmt: skip
        return replace(tried, is_less=tried.is_enough and is_less)

    choices = WEIGHT_CHOICES if weight_bits is None else (weight_bits,)

    def widest_of(whole: int) -> tuple[int | Sequence[int], Tried, bool]:
        for bits in choices:
            form = _form(format, whole, _widest(whole))
            widest = attempt(form, bits, target)
            # A recurrent network may come out right by chance; hardly twice.
            next_form = _form(format, whole, _widest(whole) - _APART)
            is_enough = widest.is_enough and attempt(next_form, bits, target).is_enough
            is_enough = is_enough and attempt(form, bits, target, unseen).is_enough
            if is_enough:
                break
        return bits, widest, is_enough

    whole = integer_bits(largest)
    bits, widest, is_enough = widest_of(whole)
    if not is_enough:
        # What is recorded is after a reset: up to a threshold, states may need more.
        peak = _largest_before_reset(description, whole_inputs)
        for more in range(whole + 1, min(integer_bits(peak), _MOST_WHOLE) + 1):
            wider = widest_of(more)
            if wider[2] or wider[1].spike_agreement > widest.spike_agreement + _CLEARLY:
                whole, (bits, widest, is_enough) = more, wider
            if is_enough:
                break
    wanted = target
    if not is_enough and widest.spike_agreement > _CLEARLY:
        wanted = _reachable(target, widest)
    best = attempt(_form(format, whole, _widest(whole)), bits, wanted)
    chosen = _search(
        description.name,
        format,
        whole,
        lambda form: attempt(form, bits, wanted),
        wanted,
        {_widest(whole): best} if best.is_enough else {},
    )
    least = chosen.formats.state.fraction_bits
    stored = _stored(quantize(description, chosen.formats, bits))
    narrower = [_own_formats(description, *runs)]
    narrower += [] if constant_bits is not None else [fewer_constants]
    narrower += [fewer_bits_of(name, is_local) for name, is_local in stored]
    narrower += [fewer_current_bits]
    chosen = given_up(chosen, narrower, lambda formats: attempt(formats, bits, wanted))
    confirmed = _reachable(
        target, attempt(_form(format, whole, _widest(whole)), bits, target, unseen)
    )
    return _confirmed(
        replace(chosen, weight_bits=best.weight_bits),
        [_form(format, whole, more) for more in range(least + 1, _widest(whole))],
        lambda form: attempt(form, bits, wanted),
        lambda formats: attempt(formats, bits, confirmed, unseen).is_enough,
    )


def _confirmed(
    chosen: Chosen,
    wider: Sequence[QFormat],
    attempt: Callable[[QFormat], Tried],
    is_confirmed: Callable[[FixedPoint], bool],
) -> Chosen:
    """Take the narrowest that is enough on other inputs, too; the widest of all in any case."""
    tried = list(chosen.tried)
    candidates = [each for each in tried if each.is_enough]
    known = {each.format for each in tried}
    last = candidates.pop()
    more = (attempt(form) for form in wider if str(form) not in known)  # as far as is needed
    for each in chain(candidates, more):
        if each not in tried:
            tried.append(each)
        if not each.is_enough:
            continue
        if is_confirmed(FixedPoint.parse(each.format, each.constant_bits)):
            last = each
            break
        by_chance = replace(each, is_enough=False, is_less=False, is_chance=True)
        tried[tried.index(each)] = by_chance
    tried.sort(key=lambda each: (each.width, not each.is_enough))
    formats = FixedPoint.parse(last.format, last.constant_bits)
    return replace(chosen, formats=formats, tried=tuple(tried))


def _reachable(target: Target, widest: Tried) -> Target:
    """Return what is asked for where the widest format does not reach it, or hardly."""
    return Target(
        agreement=max(min(target.agreement, widest.spike_agreement - _CLEARLY), _CLEARLY),
        state_error=max(target.state_error, 1.1 * widest.mean_state_error),
        equal_spikes=(widest.equal_spikes or 0.0) - (1 - target.equal_spikes),
    )


def _parts(inputs: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the inputs that decide, and those that confirm: every third, where there are three."""
    count = inputs.shape[axis] if inputs.ndim > axis else 0
    third = np.arange(count) % _CONFIRMS == _CONFIRMS - 1
    if not third.any():
        return inputs, inputs
    return inputs.compress(~third, axis), inputs.compress(third, axis)


def _largest(description: NetworkDescription, *runs: NetworkRun) -> dict[str, float]:
    """Return how large each state of the populations becomes, but for the words of noise."""
    found: dict[str, float] = {}
    populations = [layer for layer in description.layers if isinstance(layer, Population)]
    traces = [zip(populations, floats.states, strict=True) for floats in runs]
    for population, states in chain.from_iterable(traces):
        sizes = {name: float(np.abs(trace).max()) for name, trace in states.items()}
        constants = largest_constants(population.neuron, population.values())
        for name in sizes.keys() - population.neuron.sources:
            size = max(sizes[name], constants.get(name, 0.0))
            found[name] = float(np.maximum(found.get(name, 0.0), size))
    return found


def _largest_before_reset(description: NetworkDescription, inputs: ArrayLike) -> float:
    """Return how large states become, also before a reset: each population notes it itself."""
    peaks: dict[str, Symbol] = {}

    def noting(layer: Any) -> Any:
        if not isinstance(layer, Population):
            return layer
        neuron = layer.neuron
        names = [name for name in neuron.states if name not in neuron.sources]
        noted = {f"before_reset_{index}": Symbol(name) for index, name in enumerate(names)}
        lines = [
            Assignment(peak, Operation("max", (Symbol(peak), Operation("abs", (state,)))))
            for peak, state in noted.items()
        ]
        peaks.update(noted)
        states = {**neuron.states, **dict.fromkeys(noted, 0.0)}
        watched = replace(neuron, states=states, update=(*neuron.update, *lines))
        return layer.model_copy(update={"neuron": watched})

    layers = [noting(layer) for layer in description.layers]
    run = run_float(description.model_copy(update={"layers": layers}), inputs, record=True)
    noted = [trace for states in run.states for name, trace in states.items() if name in peaks]
    return max((float(trace[-1].max()) for trace in noted if trace.size), default=0.0)


def _own_formats(description: NetworkDescription, *runs: NetworkRun) -> Change:
    """Return what gives each state no more bits before the point than it needs itself."""
    largest = _largest(description, *runs)

    def change(formats: FixedPoint, amount: int) -> FixedPoint:
        own = dict(formats.own)
        for name, value in largest.items():
            form, whole = formats.of(name), integer_bits(value)
            if whole < form.integer_bits and whole + form.fraction_bits > 1:
                own[name] = replace(form, integer_bits=whole)
        return replace(formats, own=tuple(own.items()))

    return change


def _programs(network: IntegerNetwork) -> list[NeuronProgram]:
    """Return the program of each equation, once."""
    return [*{id(layer.program): layer.program for layer in network.layers}.values()]


def _stored(network: IntegerNetwork) -> list[tuple[str, bool]]:
    """Return each state and local that is stored, but for the words of noise; which of the two."""
    found: dict[tuple[str, bool], None] = {}
    for program in _programs(network):
        neuron = program.neuron
        found |= {(name, False): None for name in neuron.states if name not in neuron.sources}
        found |= {(store.target, True): None for store in program.stores if store.is_local}
    return list(found)


def _tried(
    network: IntegerNetwork,
    formats: FixedPoint,
    found: NetworkComparison,
    weight_bits: int | None,
    target: Target,
) -> Tried:
    stored = [formats.of(name, is_local=is_local).width for name, is_local in _stored(network)]
    agreement, error = found.spike_agreement, found.mean_state_error
    return Tried(
        format=formats.text,
        constant_bits=formats.constant_fraction_bits,
        spike_agreement=agreement,
        mean_state_error=error,
        is_enough=target.met_by(agreement, error, found.equal_spikes),
        width=sum(stored) + formats.current.width + formats.constant_fraction_bits,
        luts=sum(luts(program.program) for program in _programs(network)),
        equal_spikes=found.equal_spikes,
        weight_bits=weight_bits,
    )


def _widest(whole: int) -> int:
    """Return the fraction bits of the widest format that is looked at."""
    return max(30 - whole, 8)


def _form(format: str, integer_bits: int, fraction_bits: int) -> QFormat:
    modes = format.removeprefix(AUTO_FORMAT)
    return QFormat.parse(f"Q{integer_bits}.{fraction_bits}{modes}")


def _search(
    name: str,
    format: str,
    whole: int,
    attempt: Callable[[QFormat], Tried],
    target: Target,
    enough: Mapping[int, Tried],
) -> Chosen:
    most = MAXIMUM_WIDTH - CURRENT_EXTRA_BITS - whole
    if most < 1:
        raise UserError(
            f"{name}: its numbers go up to {2.0 ** (whole - 1):.3g}, for which no format of "
            f"{MAXIMUM_WIDTH - CURRENT_EXTRA_BITS} bits is wide enough: use larger units"
        )
    tried: dict[int, Tried] = dict(enough)
    if enough:  # more fraction bits than are known to be enough are not looked at
        most = min(most, *enough)

    def is_enough(bits: int) -> bool:
        if bits not in tried:
            tried[bits] = attempt(_form(format, whole, bits))
        return tried[bits].is_enough

    low, high = 0, min(_FIRST_GUESS, most)  # low is not enough, high is to be
    while not is_enough(high):
        if high == most:
            raise UserError(
                f"{name}: not even {tried[most].format} is good enough ({tried[most].line}; "
                f"asked for: {target.agreement:.1%} and {target.state_error:.2%}): ask for less, "
                f"or name a format"
            )
        low, high = high, min(high + max(high // 2, 2), most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    chosen = tried[high]
    return Chosen(
        FixedPoint.parse(chosen.format, chosen.constant_bits),
        tuple(each for _, each in sorted(tried.items())),
    )
