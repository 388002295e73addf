"""The narrowest format in which integers do what floats do.

The integer bits are those that the floats' states and currents ask for. The fraction bits are
sought: doubled or halved until one is good enough and one is not, then by halves. Each that is
tried stands in the table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.choosing_neuron import choose_for_neuron
from sc_neurocore.fixed.logic import luts
from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.fixed.qformat import MAXIMUM_WIDTH, FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.trials import (
    AUTO_FORMAT,
    USUAL_TARGET,
    Chosen,
    Target,
    Tried,
    integer_bits,
    is_auto,
)
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription

__all__ = ["AUTO_FORMAT", "USUAL_TARGET", "Chosen", "Target", "Tried", "choose_for_network",
           "choose_for_neuron", "is_auto"]  # fmt: skip

CURRENT_EXTRA_BITS = 4
_FIRST_GUESS = 8


def choose_for_network(
    description: NetworkDescription,
    inputs: ArrayLike,
    origin: str,
    weight_bits: int | Sequence[int] = 8,
    format: str = AUTO_FORMAT,
    target: Target = USUAL_TARGET,
    constant_bits: int | None = None,
) -> Chosen:
    """Choose the format of a network's neurons.

    What the weights' own rounding costs no format brings back: the agreement that is asked for is
    at most that of the widest format.

    Args:
        description: The network.
        inputs: Integers of its input encoding; a few dozen.
        origin: What they are.
        weight_bits: Bits of a weight.
        format: "auto", and after it `:nearest` or `:wrap` where that is wanted.
        target: What is good enough.
        constant_bits: Fraction bits of constants; by default they follow the format.

    Raises:
        UserError: If no format is good enough, or the inputs do not fit.
    """
    floats = run_float(description, inputs, record=True)
    largest = max(
        float(np.abs(trace).max()) for states in floats.states for trace in states.values()
    )

    def compared(form: QFormat) -> tuple[NeuronProgram, float, float]:
        network = quantize(description, form, weight_bits, constant_bits=constant_bits)
        found = compare_network(description, network, inputs, origin, floats)
        return network.layers[0].program, found.spike_agreement, found.mean_state_error

    whole = integer_bits(largest)
    _, best, least = compared(_form(format, whole, max(24 - whole, 8)))
    reachable = Target(
        agreement=min(target.agreement, best - 0.005),
        state_error=max(target.state_error, 1.1 * least),
    )

    def attempt(form: QFormat) -> Tried:
        return _tried(*compared(form), reachable)

    return _search(description.name, format, largest, attempt, reachable)


def _tried(program: NeuronProgram, agreement: float, error: float, target: Target) -> Tried:
    formats = program.fixed_point
    return Tried(
        format=str(formats.state),
        constant_bits=formats.constant_fraction_bits,
        spike_agreement=agreement,
        mean_state_error=error,
        is_enough=target.met_by(agreement, error),
        width=formats.state.width,
        luts=luts(program.program),
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
) -> Chosen:
    whole = integer_bits(largest)
    most = MAXIMUM_WIDTH - CURRENT_EXTRA_BITS - whole
    if most < 1:
        raise UserError(
            f"{name}: its numbers go up to {largest:.3g}, for which no format of "
            f"{MAXIMUM_WIDTH - CURRENT_EXTRA_BITS} bits is wide enough: use larger units"
        )
    tried: dict[int, Tried] = {}

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
