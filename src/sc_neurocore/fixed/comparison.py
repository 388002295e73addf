"""Floats against integers: one neuron on a stimulus.

Spikes are counted for each channel of the stimulus. States are compared until the spikes of the
channel first differ: from there on the two tell different stories, and a difference of states says
when they fired rather than how exact they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Floats
from sc_neurocore.fixed.compiled import CompiledSteps
from sc_neurocore.fixed.findings import format_for
from sc_neurocore.fixed.lowering import NEXT, SPIKE, NeuronProgram
from sc_neurocore.fixed.numerics import Finding, Kind, Severity
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.fixed.stimulus import NeuronRun, Stimulus, currents_of, run_neuron

AGREEMENT = 0.98
"""Integers that fire as often as floats to within this share are not warned of."""

STATE_ERROR = 0.02
"""A state that differs in the mean by more than this share of its range is warned of."""

LEVEL_ERROR = 0.03
"""A state whose mean over all steps is apart by more than this share of its range is warned of."""

_UNITS = "no format is wide enough for that: use larger units"
_NOISE = 3
"""A neuron that fires fewer times than this in floats is not missed in integers."""


@dataclass(frozen=True)
class Divergence:
    """The first step in which one fired and the other did not.

    Attributes:
        place: The channel of the stimulus, or the sample, layer and neuron.
        step: The step, from 0.
        fired: Which of the two fired.
        states: Each state after that step, float and integer.
    """

    place: str
    step: int
    fired: str
    states: Mapping[str, tuple[float, float]]

    def __str__(self) -> str:
        values = ", ".join(f"{name} {a:.6g} and {b:.6g}" for name, (a, b) in self.states.items())
        after = f" (after it: {values}, float and integer)" if values else ""
        return f"{self.place}, step {self.step}: only the {self.fired} fired{after}"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        states = {name: {"float": a, "integer": b} for name, (a, b) in self.states.items()}
        return {"place": self.place, "step": self.step, "fired": self.fired, "states": states}


@dataclass(frozen=True)
class StateComparison:
    """One state in both.

    Attributes:
        low: The least that floats reach.
        high: The most.
        largest_error: The largest difference while the spikes agree.
        relative_error: The same, as a share of what floats span, or of the largest if that is 0.
        mean_error: The mean difference while the spikes agree, as such a share.
        level_error: The difference of the means over all steps, as such a share: what moves only
            after spikes, of which one may come a step later, differs nowhere else.
        saturated: The share of steps in which the integer stands at an end of its range, and the
            float is beyond it.
    """

    low: float
    high: float
    largest_error: float
    relative_error: float
    mean_error: float
    level_error: float
    saturated: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return dict(vars(self))


@dataclass(frozen=True)
class NeuronComparison:
    """A neuron in floats and in integers on the same currents.

    Attributes:
        program: The integers.
        stimulus: The currents.
        floats: What floats did.
        integers: What integers did, as numbers.
        states: Each state, compared.
        first_divergence: The earliest step of all channels in which the spikes differ, if any.
        unstable: The channels in which a float is not finite at the end, which are left out.
    """

    program: NeuronProgram
    stimulus: Stimulus
    floats: NeuronRun
    integers: NeuronRun
    states: Mapping[str, StateComparison]
    first_divergence: Divergence | None
    unstable: tuple[str, ...]

    @property
    def format(self) -> str:
        """The formats."""
        return self.program.fixed_point.text

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Spikes in floats and in integers, by channel, without unstable ones."""
        pairs = zip(self.floats.spikes.sum(axis=0), self.integers.spikes.sum(axis=0), strict=True)
        return {
            name: (int(a), int(b))
            for name, (a, b) in zip(self.stimulus.names, pairs, strict=True)
            if name not in self.unstable
        }

    @property
    def spikes_float(self) -> int:
        """Spikes in floats, all channels together."""
        return sum(a for a, _ in self.counts.values())

    @property
    def spikes_integer(self) -> int:
        """Spikes in integers, all channels together."""
        return sum(b for _, b in self.counts.values())

    @property
    def spike_agreement(self) -> float:
        """1 less the sum of the channels' differences over the larger sum of spikes."""
        return agreement(self.counts.values())

    @property
    def largest_state_error(self) -> float:
        """The largest difference of any state while the spikes agree."""
        return max((each.largest_error for each in self.states.values()), default=0.0)

    @property
    def mean_state_error(self) -> float:
        """Of the worst state, the mean difference while the spikes agree, by what it spans."""
        return max((each.mean_error for each in self.states.values()), default=0.0)

    @property
    def level_error(self) -> float:
        """Of the worst state, the difference of the means over all steps, by what it spans."""
        return max((each.level_error for each in self.states.values()), default=0.0)

    @property
    def clipped(self) -> float:
        """The share of the currents that the format of the current cannot hold."""
        form, currents = self.program.fixed_point.current, self.stimulus.currents
        least, most = (float(form.to_float(end)) for end in (form.minimum, form.maximum))
        unit = 2.0**-form.fraction_bits
        return float(((currents > most + unit) | (currents < least - unit)).mean())

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values, without the traces."""
        formats = self.program.fixed_point
        return {
            "neuron": self.program.neuron.name,
            "format": self.format,
            "constant_bits": formats.constant_fraction_bits,
            "stimulus": self.stimulus.origin,
            "firing_current": self.stimulus.threshold,
            "steps": len(self.stimulus.currents),
            "spikes_float": self.spikes_float,
            "spikes_integer": self.spikes_integer,
            "spike_agreement": self.spike_agreement,
            "largest_state_error": self.largest_state_error,
            "mean_state_error": self.mean_state_error,
            "level_error": self.level_error,
            "currents_clipped": self.clipped,
            "channels": {
                name: {"spikes_float": a, "spikes_integer": b}
                for name, (a, b) in self.counts.items()
            },
            "states": {name: each.as_dict() for name, each in self.states.items()},
            "first_divergence": None
            if self.first_divergence is None
            else self.first_divergence.as_dict(),
            "unstable": list(self.unstable),
            "findings": [each.model_dump(mode="json") for each in self.findings],
        }

    @property
    def line(self) -> str:
        """The comparison in a line."""
        return (
            f"{self.spikes_float} spikes in floats, {self.spikes_integer} in integers (they agree "
            f"in {self.spike_agreement:.1%}); while they do, states differ by "
            f"{self.mean_state_error:.2%} of their range"
        )

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is worth a warning, or refused."""
        return tuple(self._findings())

    def _findings(self) -> Iterator[Finding]:
        name, auto = (
            self.program.neuron.name,
            "--format auto looks for a format in which they agree",
        )

        def finding(kind: Kind, severity: Severity, message: str, cure: str = auto) -> Finding:
            where = f"{name}, on {self.stimulus.origin}"
            return Finding(kind=kind, severity=severity, where=where, message=message, cure=cure)

        if self.unstable:
            yield finding(
                "disagreement",
                "warning",
                f"floats run away in {', '.join(self.unstable)}, which tells nothing of integers",
                "a smaller dt, or method exponential-euler",
            )
        if not (self.spikes_float or self.spikes_integer or self.unstable):
            yield finding(
                "disagreement",
                "warning",
                "never fires, in floats or integers, so that nothing is known of its spikes",
                "--data with currents that make it fire",
            )
        if min(self.spikes_float, self.spikes_integer) == 0 and (
            max(self.spikes_float, self.spikes_integer) >= _NOISE
        ):
            yield finding(
                "disagreement",
                "error",
                f"fires {self.spikes_float} times in floats and {self.spikes_integer} times in "
                f"{self.format}",
            )
        elif self.spike_agreement < AGREEMENT:
            yield finding(
                "disagreement",
                "warning",
                f"fires {self.spikes_float} times in floats and {self.spikes_integer} times in "
                f"{self.format}",
            )
        if self.clipped:
            form, currents = self.program.fixed_point.current, self.stimulus.currents
            low, high = float(currents.min()), float(currents.max())
            wider = _format_for(low, high, form)
            yield finding(
                "disagreement",
                "warning",
                f"{self.clipped:.1%} of the currents, which go from {low:.6g} to {high:.6g}, are "
                f"cut off in {form.plain}, the format of the current",
                f"current={wider} behind the format would hold them" if wider else _UNITS,
            )
        for state, each in self.states.items():
            if each.saturated:
                wider = _format_for(each.low, each.high, self.program.fixed_point.of(state))
                yield finding(
                    "disagreement",
                    "warning",
                    f"{state} saturates in {each.saturated:.1%} of the steps in {self.format}; "
                    f"floats go from {each.low:.6g} to {each.high:.6g}",
                    f"{wider} would hold that" if wider else _UNITS,
                )
        worst = max(self.states, key=lambda state: self.states[state].mean_error)
        if self.states[worst].mean_error > STATE_ERROR:
            each = self.states[worst]
            yield finding(
                "disagreement",
                "warning",
                f"{worst} differs by {each.mean_error:.1%} of its range in the mean while the "
                f"spikes agree, by up to {each.largest_error:.4g}",
            )
        away = max(self.states, key=lambda state: self.states[state].level_error)
        level = self.states[away].level_error
        if level > LEVEL_ERROR and self.spike_agreement >= AGREEMENT:
            yield finding(
                "disagreement",
                "warning",
                f"{away} lies {level:.1%} of its range apart in the mean over all steps, though "
                f"the spikes agree",
            )


def _format_for(low: float, high: float, form: QFormat) -> str:
    """Return the narrowest format like another one that holds two numbers; "" if none does."""
    ends = math.floor(low * 2.0**form.fraction_bits), math.ceil(high * 2.0**form.fraction_bits)
    return format_for(ends, form) if max(map(abs, ends)) < 1 << 62 else ""


def compare_neuron(
    program: NeuronProgram, stimulus: Stimulus, floats: NeuronRun | None = None
) -> NeuronComparison:
    """Run a neuron in floats and in integers on the same currents.

    Args:
        program: The neuron in integers, all of whose parameters are constants.
        stimulus: The currents.
        floats: What floats do, if that is known.
    """
    floats = floats or run_neuron(program.neuron, stimulus.currents, program.folded)
    integers = run_integers(program, stimulus.currents)
    finite = np.all([np.isfinite(trace[-1]) for trace in floats.states.values()], axis=0)
    unstable = tuple(name for name, good in zip(stimulus.names, finite, strict=True) if not good)
    agree = np.logical_and.accumulate(floats.spikes == integers.spikes, axis=0) & finite
    formats = program.fixed_point
    states = {
        name: compare_states(trace, integers.states[name], agree, finite, formats.of(name))
        for name, trace in floats.states.items()
    }
    return NeuronComparison(
        program, stimulus, floats, integers, states, _first(floats, integers, stimulus, finite),
        unstable,
    )  # fmt: skip


def run_integers(program: NeuronProgram, currents: Floats) -> NeuronRun:
    """Run a neuron's integers on currents, (steps, channels); the states come back as numbers."""
    formats, neuron = program.fixed_point, program.neuron
    steps, channels = currents.shape[:2]
    compiled = CompiledSteps(program.program, {name: name + NEXT for name in neuron.states}, SPIKE)
    inputs = {
        port: formats.current.quantize(currents_of(neuron, currents, name))
        for name, port in zip(neuron.inputs, program.currents, strict=True)
    }
    initial = {name: int(formats.of(name).quantize(value)) for name, value in neuron.states.items()}
    spikes = np.zeros((steps, channels), dtype=bool)
    states = {name: np.zeros((steps, channels)) for name in neuron.states}
    for channel in range(channels):
        arriving = {port: current[:, channel].tolist() for port, current in inputs.items()}
        fired, traces = compiled.run(initial, arriving, steps)
        spikes[:, channel] = fired
        for name, trace in traces.items():
            states[name][:, channel] = formats.of(name).to_float(trace)
    return NeuronRun(spikes, states)


def agreement(pairs: Any) -> float:
    """Return 1 less the sum of differences over the larger of both sums; 1 where nothing fires."""
    counts = np.array(list(pairs), dtype=np.int64).reshape(-1, 2)
    largest = int(counts.sum(axis=0).max())
    return 1.0 if largest == 0 else 1 - int(np.abs(counts[:, 0] - counts[:, 1]).sum()) / largest


def compare_states(
    floats: Floats,
    integers: Floats,
    agree: NDArray[np.bool_],
    finite: NDArray[np.bool_],
    form: QFormat,
) -> StateComparison:
    """Compare one state.

    Args:
        floats: The state in floats, (steps, channels).
        integers: The state in integers, as numbers.
        agree: Where the spikes have agreed so far.
        finite: The channels in which floats stay finite.
        form: The format.
    """
    kept = floats[:, finite]
    low, high = (float(kept.min()), float(kept.max())) if kept.size else (0.0, 0.0)
    with np.errstate(all="ignore"):
        errors = np.abs(floats - integers)[agree]
    error, mean = (float(errors.max()), float(errors.mean())) if errors.size else (0.0, 0.0)
    span = high - low or max(abs(low), abs(high)) or 1.0
    least, most = (float(form.to_float(end)) for end in (form.minimum, form.maximum))
    unit = 2.0**-form.fraction_bits
    ends = (integers >= most) & (floats >= most + unit) | (integers <= least) & (floats < least)
    if not kept.size:
        return StateComparison(low, high, error, error / span, mean / span, 0.0, 0.0)
    level = abs(float(kept.mean()) - float(integers[:, finite].mean()))
    saturated = float(ends[:, finite].mean())
    return StateComparison(low, high, error, error / span, mean / span, level / span, saturated)


def _first(
    floats: NeuronRun, integers: NeuronRun, stimulus: Stimulus, finite: NDArray[np.bool_]
) -> Divergence | None:
    different = (floats.spikes != integers.spikes) & finite
    if not different.any():
        return None
    step, channel = (int(place) for place in np.argwhere(different)[0])
    return Divergence(
        place=stimulus.names[channel],
        step=step,
        fired="float" if floats.spikes[step, channel] else "integer",
        states={
            name: (float(trace[step, channel]), float(integers.states[name][step, channel]))
            for name, trace in floats.states.items()
        },
    )
