"""Currents to try a neuron with: steps, a ramp, noise and pulses, as large as the neuron asks for.

How large that is, is found in floating point: the smallest constant current, of either sign, that
makes it fire more often than it does without any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Floats
from sc_neurocore.equation.algebra import Doubles
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.step import step
from sc_neurocore.errors import DataError

STEPS = 2000
SEED = 0
_DECADES: Floats = 2.0 ** np.arange(-12.0, 18.0)
_SMALLER: Floats = 2.0 ** np.arange(-60.0, -11.0)
"""Where the smallest of the others fires: equations in amperes and volts, say."""
_FINER = 12
_GROWS = 1.6
"""Where twice the current fires fewer times this, more current says nothing more."""
_FIRES = 3
"""So many spikes more than without input are called firing; one, where nothing brings as many."""

_REST = 0.05
"""The share of the time in which nothing comes in yet."""


@dataclass(frozen=True)
class Stimulus:
    """Currents over time.

    Attributes:
        names: What each channel is.
        currents: (steps, channels), or (steps, channels, inputs): each its own.
        threshold: The smallest constant current that makes the neuron fire; None if none does, or
            where the currents are the user's.
        origin: What they are, for people.
    """

    names: tuple[str, ...]
    currents: Floats
    threshold: float | None = None
    origin: str = "the user's currents"


def given_stimulus(currents: Any, inputs: Sequence[str] = ("I",)) -> Stimulus:
    """Take a user's currents.

    Args:
        currents: (steps,) or (steps, channels); of a neuron with several inputs, which share
            nothing, (steps, inputs) or (steps, channels, inputs).
        inputs: The names of the neuron's inputs.

    Raises:
        DataError: If they are not finite numbers of such a shape.
    """
    numbers = np.asarray(currents)
    several = len(inputs) > 1
    fits = numbers.shape[-1:] == (len(inputs),) if several else True
    dimensions = (2, 3) if several else (1, 2)
    if (
        numbers.dtype.kind not in "fiub"
        or numbers.ndim not in dimensions
        or not (numbers.size and fits)
    ):
        expected = "(steps,) or (steps, channels)"
        if several:
            expected = (
                f"(steps, {len(inputs)}) or (steps, channels, {len(inputs)}), the last axis for "
                f"{', '.join(inputs)}"
            )
        raise DataError(
            f"currents of type {numbers.dtype} and shape {numbers.shape}: expected numbers, "
            f"{expected}"
        )
    each = (len(inputs),) if several else ()
    numbers = numbers.astype(np.float64).reshape(len(numbers), -1, *each)
    if not np.isfinite(numbers).all():
        raise DataError("the currents have values that are not finite: clean them first")
    names = tuple(f"channel {index}" for index in range(numbers.shape[1]))
    return Stimulus(names, numbers)


def standard_stimulus(
    neuron: Neuron,
    parameters: Mapping[str, float] = MappingProxyType({}),
    steps: int = STEPS,
    unit: float | None = None,
) -> Stimulus:
    """Make the standard currents for a neuron: the same each time.

    Args:
        neuron: The neuron.
        parameters: Values of parameters; those not given take their default.
        steps: Length.
        unit: The current in whose units the channels are; by default the smallest that fires.
    """
    threshold = firing_current(neuron, parameters, steps) if unit is None else None
    is_found = threshold is not None or unit is not None
    unit = unit or threshold or 1.0
    on = np.arange(steps) >= _REST * steps
    random = np.random.default_rng(SEED)
    held = np.repeat(random.normal(size=-(-steps // 10)), 10)[:steps]  # ten steps each
    pulses = (random.random(steps) < 0.05) * 8.0
    channels = {
        "no input": np.zeros(steps),
        "step x1.2": on * 1.2,
        "step x2": on * 2.0,
        "step x4": on * 4.0,
        "ramp to x3": np.linspace(0, 3, steps),
        "noise": on * (1 + held),
        "pulses": on * pulses,
    }
    return Stimulus(
        names=tuple(channels),
        currents=unit * np.stack(list(channels.values()), axis=1),
        threshold=threshold,
        origin="steps, ramp, noise and pulses"
        + ("" if is_found else ", in units of 1: no constant current made it fire"),
    )


def firing_current(
    neuron: Neuron, parameters: Mapping[str, float], steps: int = STEPS
) -> float | None:
    """Return the constant current nearest to 0 that makes a neuron fire; None if there is none.

    Found to within a few percent, where there is an onset. A neuron without a leak fires with any
    current, if one waits: then it is one with which it fires once in about twenty steps.
    """
    for decades in (_DECADES, _SMALLER):
        counts = _counts(neuron, parameters, np.concatenate([[0.0], decades, -decades]), steps)
        more = counts[1:] - counts[0]
        sides = ((decades, more[: len(decades)]), (-decades, more[len(decades) :]))
        found = next(
            (
                (signed, index, firing, enough)
                for enough in (_FIRES, 1)
                for index in range(len(decades))
                for signed, firing in sides
                if firing[index] >= enough
            ),
            None,
        )
        if found is None:
            return None
        signed, index, firing, enough = found
        if index > 0:
            break
    return _onset(neuron, parameters, steps, signed, index, firing, enough)


def _onset(
    neuron: Neuron,
    parameters: Mapping[str, float],
    steps: int,
    decades: Floats,
    index: int,
    firing: NDArray[np.int64],
    enough: int,
) -> float:
    """Return a current a little larger than the onset, which lies below the one at the index."""
    finer = decades[index] * 2.0 ** (-np.arange(_FINER) / _FINER)
    counts = _counts(neuron, parameters, np.concatenate([[0.0], finer, 2 * finer]), steps)
    counts -= counts[0]
    last = int(np.flatnonzero(counts[1 : 1 + _FINER] >= enough)[-1])
    if counts[1 + _FINER + last] < 2.5 * counts[1 + last]:
        # As many spikes as current: there is no onset.
        while (
            index + 1 < len(firing)
            and firing[index] < steps / 20
            and firing[index + 1] > _GROWS * firing[index]
        ):
            index += 1
        return float(decades[index])
    return float(f"{float(finer[last]):.3g}")


def _counts(
    neuron: Neuron, parameters: Mapping[str, float], currents: Floats, steps: int
) -> NDArray[np.int64]:
    """Return how often a neuron fires with each of several constant currents; not if it bursts."""
    constant = np.broadcast_to(currents, (steps, len(currents)))
    run = run_neuron(neuron, constant, parameters)
    finite = np.all([np.isfinite(trace[-1]) for trace in run.states.values()], axis=0)
    counts: NDArray[np.int64] = np.where(finite, run.spikes.sum(axis=0), 0)
    return counts


@dataclass(frozen=True)
class NeuronRun:
    """What a neuron did.

    Attributes:
        spikes: Bool, (steps, channels).
        states: Each state after the step, likewise.
        least: The least that each state or local was, also before a reset, by channel; empty where
            it was not looked at.
        most: The most.
        locals: Each local after the step, (steps, channels).
    """

    spikes: NDArray[np.bool_]
    states: Mapping[str, Floats]
    least: Mapping[str, Floats] = field(default_factory=dict)
    most: Mapping[str, Floats] = field(default_factory=dict)
    locals: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def finite(self) -> NDArray[np.bool_]:
        """The channels in which every state is finite at the end."""
        found: NDArray[np.bool_] = np.all(
            [np.isfinite(trace[-1]) for trace in self.states.values()], axis=0
        )
        return found


def currents_of(neuron: Neuron, currents: Floats, name: str) -> Floats:
    """Return what one input of a neuron gets of currents.

    Of currents that do not say it, the inputs behind the first get half, each a tenth of the time
    later than the one before.

    Args:
        neuron: The neuron.
        currents: (steps, channels), or (steps, channels, inputs): each its own.
        name: The input.
    """
    place = neuron.inputs.index(name)
    if currents.ndim == 3:
        return currents[:, :, place]
    if place == 0:
        return currents
    return np.roll(currents, place * (len(currents) // 10), axis=0) / 2


class _Watching(Doubles):
    """Arithmetic that remembers how large the results of lines were, and what locals are."""

    def __init__(self, shape: tuple[int, ...], first: Mapping[str, float]) -> None:
        self.least = {name: np.full(shape, value) for name, value in first.items()}
        self.most = dict(self.least)
        self.locals: dict[str, list[Any]] = {}
        self.is_updating = True
        self._none = np.full(shape, np.nan)

    def assign(self, target: str, value: Any, *, is_local: bool) -> Any:
        """Return the value."""
        if self.is_updating:  # what a reset line would make counts only where it fired
            self.least[target] = np.fmin(self.least.get(target, self._none), value)
            self.most[target] = np.fmax(self.most.get(target, self._none), value)
        if is_local:
            self.locals.setdefault(target, []).append(np.broadcast_to(value, self._none.shape))
        return value

    def fire(self, operator: str, left: Any, right: Any) -> Any:
        """Return the spikes; the update lines are over."""
        self.is_updating = False
        return super().fire(operator, left, right)


def run_neuron(
    neuron: Neuron,
    currents: Floats,
    parameters: Mapping[str, float] = MappingProxyType({}),
) -> NeuronRun:
    """Run a neuron in floating point.

    Args:
        neuron: The neuron.
        currents: (steps, channels).
        parameters: Values of parameters; those not given take their default.
    """
    shape = currents.shape[1:2]
    algebra = _Watching(shape, neuron.states)
    values = {name: np.float64(value) for name, value in neuron.resolve(parameters).items()}
    state: Mapping[str, Any] = {
        name: np.full(shape, value) for name, value in neuron.states.items()
    }
    spikes = np.zeros(currents.shape[:2], dtype=bool)
    states = {name: np.zeros(currents.shape[:2]) for name in state}
    with np.errstate(all="ignore"):
        inputs = {name: currents_of(neuron, currents, name) for name in neuron.inputs}
        for number in range(len(currents)):
            algebra.is_updating = True
            arriving = {name: current[number] for name, current in inputs.items()}
            spike, state = step(neuron, state, arriving, values, algebra)
            spikes[number] = np.asarray(spike) > 0
            for name, trace in states.items():
                trace[number] = state[name]
        for name, trace in states.items():
            algebra.least[name] = np.fmin(algebra.least[name], trace.min(axis=0))
            algebra.most[name] = np.fmax(algebra.most[name], trace.max(axis=0))
    # A local that several lines assign is, after the step, what the last of them made of it.
    lines = {name: len(values) // len(currents) for name, values in algebra.locals.items()}
    locals_ = {
        name: np.stack(values[lines[name] - 1 :: lines[name]])
        for name, values in algebra.locals.items()
    }
    return NeuronRun(spikes, states, algebra.least, algebra.most, locals_)
