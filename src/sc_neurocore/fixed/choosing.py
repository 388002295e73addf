"""The narrowest format in which integers do what floats do.

The integer bits are those that the floats' states and currents ask for. The fraction bits are
sought: doubled or halved until one is good enough and one is not, then by halves. Each that is
tried stands in the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.choosing_neuron import choose_for_neuron
from sc_neurocore.fixed.logic import luts
from sc_neurocore.fixed.lowering import NeuronProgram
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

    One number of fraction bits for all states; before the point each has what it needs.

    What the weights' own rounding costs no format brings back: the agreement that is asked for is
    at most that of the widest format, and what was tried says so (`Tried.is_less`).

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
    with np.errstate(all="ignore"):  # what runs away is said below
        floats = run_float(description, inputs, record=True)
    largest = max(
        float(np.abs(trace).max()) for states in floats.states for trace in states.values()
    )

    if not math.isfinite(largest):
        raise UserError(
            f"{description.name}: floats run away on {origin}, so that no format can be chosen: "
            f"check the network on these inputs, or name a format"
        )
    whole = integer_bits(largest)
    widest_bits = max(24 - whole, 8)
    widest_form = _form(format, whole, widest_bits)
    next_form = _form(format, whole, widest_bits - _APART)

    def attempt(form: QFormat | FixedPoint, bits: int | Sequence[int], wanted: Target) -> Tried:
        given = None if isinstance(form, FixedPoint) else constant_bits
        network = quantize(description, form, bits, constant_bits=given)
        found = compare_network(description, network, inputs, origin, floats)
        own = bits if weight_bits is None and isinstance(bits, int) else None
        tried = _tried(network.layers[0].program, found, own, wanted)
        is_less = not target.met_by(found.spike_agreement, found.mean_state_error,
                                    found.equal_spikes)  # fmt: skip
        return replace(tried, is_less=tried.is_enough and is_less)

    choices = WEIGHT_CHOICES if weight_bits is None else (weight_bits,)
    for bits in choices:
        widest = attempt(widest_form, bits, target)
        # A recurrent network may come out right by chance; hardly twice.
        is_enough = widest.is_enough and attempt(next_form, bits, target).is_enough
        if is_enough:
            break
    reachable = Target(
        agreement=min(target.agreement, widest.spike_agreement - 0.005),
        state_error=max(target.state_error, 1.1 * widest.mean_state_error),
        equal_spikes=min(target.equal_spikes, (widest.equal_spikes or 0.0) - 0.005),
    )
    wanted = target if is_enough else reachable
    best = attempt(widest_form, bits, wanted)
    chosen = _search(
        description.name,
        format,
        largest,
        lambda form: attempt(form, bits, wanted),
        wanted,
        {widest_bits: best} if best.is_enough else {},
    )
    narrower = _own_formats(chosen.formats, floats)
    if narrower != chosen.formats:
        # Each state with the bits before the point that it needs itself, if nothing is lost.
        found = attempt(narrower, bits, wanted)
        if found.is_enough:
            chosen = Chosen(narrower, (*chosen.tried, found))
    return replace(chosen, weight_bits=best.weight_bits)


def _own_formats(formats: FixedPoint, floats: NetworkRun) -> FixedPoint:
    """Return the formats with those of states that need fewer bits before the point than others."""
    names = dict.fromkeys(name for states in floats.states for name in states)
    own = []
    for name in names:
        traces = [states[name] for states in floats.states if name in states]
        whole = integer_bits(max(float(np.abs(trace).max()) for trace in traces))
        if whole < formats.state.integer_bits and whole + formats.state.fraction_bits > 1:
            own.append((name, replace(formats.state, integer_bits=whole)))
    return replace(formats, own=tuple(own))


def _tried(
    program: NeuronProgram, found: NetworkComparison, weight_bits: int | None, target: Target
) -> Tried:
    formats = program.fixed_point
    agreement, error = found.spike_agreement, found.mean_state_error
    return Tried(
        format=formats.text,
        constant_bits=formats.constant_fraction_bits,
        spike_agreement=agreement,
        mean_state_error=error,
        is_enough=target.met_by(agreement, error, found.equal_spikes),
        width=formats.state.width,
        luts=luts(program.program),
        equal_spikes=found.equal_spikes,
        weight_bits=weight_bits,
    )


def _form(format: str, integer_bits: int, fraction_bits: int) -> QFormat:
    modes = format.removeprefix(AUTO_FORMAT)
    return QFormat.parse(f"Q{integer_bits}.{fraction_bits}{modes}")


def _search(
    name: str,
    format: str,
    largest: float,
    attempt: Callable[[QFormat], Tried],
    target: Target,
    enough: Mapping[int, Tried],
) -> Chosen:
    whole = integer_bits(largest)
    most = MAXIMUM_WIDTH - CURRENT_EXTRA_BITS - whole
    if most < 1:
        raise UserError(
            f"{name}: its numbers go up to {largest:.3g}, for which no format of "
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
