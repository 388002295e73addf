"""The narrowest format in which integers do what floats do.

The integer bits are those that the floats' states and currents ask for. The fraction bits are
sought: doubled or halved until one is good enough and one is not, then by halves. Each that is
tried stands in the table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.lowering import NeuronProgram, bits_for, lower
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.fixed.qformat import MAXIMUM_CONSTANT_BITS, MAXIMUM_WIDTH, FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.stimulus import Stimulus, run_neuron
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription

AUTO_FORMAT = "auto"
CURRENT_EXTRA_BITS = 4
_CONSTANT_ERROR = 0.002
_FIRST_GUESS = 8
_APART = 2


@dataclass(frozen=True)
class Target:
    """What is good enough.

    Attributes:
        agreement: Spike counts agree at least so far, as a share.
        state_error: The mean difference of each state is at most this share of its range.
        equal_spikes: Of a network: at least this share of the spikes is in the same step in both.
    """

    agreement: float = 0.98
    state_error: float = 0.01
    equal_spikes: float = 0.0

    def __post_init__(self) -> None:
        if not (0 < self.agreement <= 1 and self.state_error > 0):
            raise UserError(
                f"agreement {self.agreement}, state error {self.state_error}: expected more than "
                f"0, and at most 1 for the agreement"
            )


USUAL_TARGET = Target()
CLOSE_TARGET = Target(agreement=0.99, state_error=0.02, equal_spikes=0.998)
"""For a network from elsewhere, whose floats are what it is known by."""
WEIGHT_CHOICES = (8, 10, 12, 14, 16)


@dataclass(frozen=True)
class Tried:
    """A format that was tried."""

    format: str
    constant_bits: int
    spike_agreement: float
    mean_state_error: float
    is_enough: bool
    equal_spikes: float | None = None
    weight_bits: int | None = None

    @property
    def line(self) -> str:
        """The format in a line."""
        return (
            f"spikes agree in {self.spike_agreement:.1%}{self._equal}, states differ by "
            f"{self.mean_state_error:.2%}{'' if self.is_enough else ': not enough'}"
        )

    @property
    def _equal(self) -> str:
        if self.equal_spikes is None:
            return ""
        weights = f", weights of {self.weight_bits} bits" if self.weight_bits else ""
        return f" ({self.equal_spikes:.1%} are the same{weights})"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Chosen:
    """The format that was chosen, and all that were tried, by width.

    Attributes:
        formats: The format.
        tried: What was tried.
        weight_bits: Bits of a weight, where they were chosen too.
    """

    formats: FixedPoint
    tried: tuple[Tried, ...]
    weight_bits: int | None = None


def is_auto(format: str | QFormat) -> bool:
    """Whether a format is to be chosen: "auto", or "auto:nearest"."""
    return isinstance(format, str) and format.split(":")[0] == AUTO_FORMAT


def choose_for_neuron(
    neuron: Neuron,
    stimulus: Stimulus,
    format: str = AUTO_FORMAT,
    target: Target = USUAL_TARGET,
    constant_bits: int | None = None,
    parameters: Mapping[str, float] = MappingProxyType({}),
) -> Chosen:
    """Choose the format of a neuron: one for all its states.

    Args:
        neuron: The neuron.
        stimulus: The currents on which floats and integers are compared.
        format: "auto", and after it `:nearest` or `:wrap` where that is wanted.
        target: What is good enough.
        constant_bits: Fraction bits of constants; by default as the format and the constants ask.
        parameters: Values of parameters; those not given take their default.

    Raises:
        UserError: If no format of at most 44 bits is good enough.
    """
    floats = run_neuron(neuron, stimulus.currents, parameters)
    finite = np.all([np.isfinite(trace[-1]) for trace in floats.states.values()], axis=0)
    if not finite.any():
        raise UserError(
            f"{neuron.name}: floats run away on {stimulus.origin}, so that no format can be "
            f"chosen: make dt smaller, use method exponential-euler, or name a format"
        )
    largest = [np.abs(trace[:, finite]).max() for trace in floats.states.values()]
    largest += [abs(value) for value in neuron.states.values()]
    largest += [
        values[finite].max() / (1 if name in neuron.states else 2**CURRENT_EXTRA_BITS)
        for name, values in floats.largest.items()
    ]
    largest.append(np.abs(stimulus.currents[:, finite]).max() / 2**CURRENT_EXTRA_BITS)

    def attempt(form: QFormat) -> Tried:
        bits = constant_bits
        if bits is None:
            bits = _constant_bits(neuron, FixedPoint(form), parameters)
        program = lower(neuron, FixedPoint.parse(form, bits), parameters)
        found = compare_neuron(program, stimulus, floats)
        return _tried(program, found.spike_agreement, found.mean_state_error, target)

    return _search(neuron.name, format, max(largest), attempt, target)


def choose_for_network(
    description: NetworkDescription,
    inputs: ArrayLike,
    origin: str,
    weight_bits: int | Sequence[int] | None = 8,
    format: str = AUTO_FORMAT,
    target: Target = USUAL_TARGET,
    constant_bits: int | None = None,
) -> Chosen:
    """Choose the format of a network's neurons, and the bits of its weights.

    What the weights' own rounding costs no format brings back: the agreement that is asked for is
    at most that of the widest format.

    Args:
        description: The network.
        inputs: Integers of its input encoding; a few dozen.
        origin: What they are.
        weight_bits: Bits of a weight; None for the fewest of `WEIGHT_CHOICES` that are enough.
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
    integer_bits = _integer_bits(largest)
    widest_bits = max(24 - integer_bits, 8)
    widest_form = _form(format, integer_bits, widest_bits)
    next_form = _form(format, integer_bits, widest_bits - _APART)

    def attempt(form: QFormat, bits: int | Sequence[int], wanted: Target) -> Tried:
        network = quantize(description, form, bits, constant_bits=constant_bits)
        found = compare_network(description, network, inputs, origin, floats)
        return _tried(
            network.layers[0].program,
            found.spike_agreement,
            found.mean_state_error,
            wanted,
            found.equal_spikes,
            bits if weight_bits is None and isinstance(bits, int) else None,
        )

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
    return replace(chosen, weight_bits=bits if weight_bits is None else None)  # type: ignore[arg-type]  # one number


def _tried(
    program: NeuronProgram,
    agreement: float,
    error: float,
    target: Target,
    equal_spikes: float | None = None,
    weight_bits: int | None = None,
) -> Tried:
    formats = program.fixed_point
    is_equal = equal_spikes is None or equal_spikes >= target.equal_spikes
    return Tried(
        format=str(formats.state),
        constant_bits=formats.constant_fraction_bits,
        spike_agreement=agreement,
        mean_state_error=error,
        is_enough=agreement >= target.agreement and error <= target.state_error and is_equal,
        equal_spikes=equal_spikes,
        weight_bits=weight_bits,
    )


def _constant_bits(neuron: Neuron, formats: FixedPoint, parameters: Mapping[str, float]) -> int:
    """Return the format's fraction bits of constants, or more where a constant needs them."""
    widest = FixedPoint(formats.state, constant_fraction_bits=MAXIMUM_CONSTANT_BITS)
    program = lower(neuron, widest, parameters)
    needed = [formats.constant_fraction_bits]
    for each in program.constants:
        leak = 1 - abs(each.value)
        if each.value:
            needed.append(bits_for(each.value, _CONSTANT_ERROR))
        if each.multiplies and 0 < leak < 0.5:
            needed.append(bits_for(leak, _CONSTANT_ERROR))
    return min(max(needed), MAXIMUM_CONSTANT_BITS)


def _integer_bits(largest: float) -> int:
    """Return the bits before the point, the sign counted, for numbers up to the largest."""
    return max(1, math.frexp(largest)[1] + 1) if largest > 0 else 1


def _form(format: str, integer_bits: int, fraction_bits: int) -> QFormat:
    modes = format.removeprefix(AUTO_FORMAT)
    return QFormat.parse(f"Q{integer_bits}.{fraction_bits}{modes}")


def _search(
    name: str,
    format: str,
    largest: float,
    attempt: Callable[[QFormat], Tried],
    target: Target,
    enough: Mapping[int, Tried] = MappingProxyType({}),
) -> Chosen:
    integer_bits = _integer_bits(largest)
    most = MAXIMUM_WIDTH - CURRENT_EXTRA_BITS - integer_bits
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
            tried[bits] = attempt(_form(format, integer_bits, bits))
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
