"""What a simulated core showed against what the integer model computes, in everything.

Every update of every neuron must appear exactly once, with the model's state and spike; then the
class and the scores. Of an attempt at a sample that a reset ended, each update may appear once or
not at all, and what appears must be right too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.hdl.accelerator import Field
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.verify.recording import Narrow, Recording, Updates


class Mismatches:
    """How much differed, counted by what it was."""

    spike_mismatches: int
    state_mismatches: int
    class_mismatches: int
    count_mismatches: int

    @property
    def mismatches(self) -> int:
        """Everything that differed."""
        return (
            self.spike_mismatches
            + self.state_mismatches
            + self.class_mismatches
            + self.count_mismatches
        )


@dataclass
class Comparison(Mismatches):
    """Compares batch after batch and adds up.

    Attributes:
        content_hash: Of the network, which the core should give.
        sizes: Neurons of each layer.
        steps: Time steps, at most.
        readout: What the class is read from.
        fields: For each layer, its states on the trace port.
        numbering: Which neuron each number on the trace port is, see `Core`.
        samples: Inputs that went through, so far.
        steps_taken: Time steps that the model took.
        updates: Updates that the model made.
        spike_mismatches: Updates whose spike differed, that are missing, or came twice.
        state_mismatches: The same of each state.
        class_mismatches: Classes that differed.
        count_mismatches: Scores that differed.
        latency: Clocks from the last input to the result, added up.
        latencies: The least and the most of one sample.
        since: Clocks since the result before, added up.
        interval: The same of samples that stream in, of which there are `intervals`.
        withheld: Clocks in which an input was withheld.
        waited: Clocks in which a result had to wait.
        resets: Attempts that a reset ended.
        first: The first mismatch in words.
        first_sample: The input that showed it.
    """

    content_hash: str
    sizes: Sequence[int]
    steps: int
    readout: str
    fields: tuple[tuple[Field, ...], ...]
    numbering: tuple[Integers, ...] | None = None
    samples: int = 0
    steps_taken: int = 0
    updates: int = 0
    spike_mismatches: int = 0
    state_mismatches: int = 0
    class_mismatches: int = 0
    count_mismatches: int = 0
    latency: int = 0
    latencies: tuple[int, int] = (1 << 62, 0)
    since: int = 0
    interval: int = 0
    intervals: int = 0
    withheld: int = 0
    waited: int = 0
    resets: int = 0
    first: str | None = None
    first_sample: int | None = None
    _offsets: Integers = field(init=False)
    _steps: Integers = field(init=False)
    _state_counts: Integers = field(init=False)

    def __post_init__(self) -> None:
        """Number the updates of a sample by layer, step and neuron."""
        sizes = [self.steps * neurons for neurons in self.sizes]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        each = [np.repeat(np.arange(self.steps), neurons) for neurons in self.sizes]
        self._steps = np.concatenate(each).astype(np.int64)
        self._state_counts = np.repeat([len(names) for names in self.fields], sizes)

    @property
    def mean_interval(self) -> float:
        """Mean clocks between results; of one sample alone, those since its first input."""
        return self.interval / self.intervals if self.intervals else self.since / self.samples

    def add(self, seen: Recording, expected: NetworkRun, numbers: Integers) -> None:
        """Compare one batch.

        Args:
            seen: What the core showed.
            expected: What the model computed.
            numbers: (batch,): what to call the samples.

        Raises:
            UserError: If the core says that it computes another network.
        """
        if seen.content_hash != self.content_hash:
            raise UserError(
                f"the core says that it computes network {seen.content_hash[:12]}…, not "
                f"{self.content_hash[:12]}…: compile the network again"
            )
        self._compare_updates(seen.updates, expected, numbers)
        by_membrane = self.readout == "membrane"
        scores = expected.membrane if by_membrane else expected.spike_counts
        scores = np.where(seen.were_read[:, np.newaxis], scores, 0)
        what = "summed membrane" if by_membrane else "spike count"
        self.count_mismatches += self._compare(
            seen.scores, scores, f"{what} of output {{}}", numbers
        )
        self.class_mismatches += self._compare(
            seen.classes[:, np.newaxis], expected.classes[:, np.newaxis], "class", numbers
        )
        self.samples += len(seen.classes)
        self.steps_taken += int(expected.steps.sum())
        self.latency += int(seen.latency.sum())
        least, most = self.latencies
        self.latencies = (min(least, int(seen.latency.min())), max(most, int(seen.latency.max())))
        self.since += int(seen.interval.sum())
        # That of the first of a batch begins with its first input: no other came before.
        self.interval += int(seen.interval[1:].sum())
        self.intervals += len(seen.interval) - 1
        self.withheld += seen.withheld
        self.waited += seen.waited
        self.resets += seen.resets

    def _compare(self, got: Integers, wanted: Integers, what: str, numbers: Integers) -> int:
        """Return how many of (batch, outputs) differ."""
        wrong = np.argwhere(got != wanted)
        if len(wrong):
            sample, output = wrong[0].tolist()
            self._note(
                int(numbers[sample]),
                f"input {numbers[sample]}: {what.format(output)} is {got[sample, output]}, "
                f"the integer model has {wanted[sample, output]}",
            )
        return len(wrong)

    def _compare_updates(self, seen: Updates, expected: NetworkRun, numbers: Integers) -> None:
        batch, per_sample = len(expected.steps), int(self._offsets[-1])
        # A sample that ended early has no updates after its last step.
        made = (self._steps < expected.steps[:, np.newaxis]).ravel()
        self.updates += int(made.sum())
        spikes = _in_trace_order([each.reshape(*each.shape[:2], -1, 1) for each in expected.spikes])
        states = _in_trace_order(
            [
                _columns([each[field.name] for field in fields], max(map(len, self.fields)))
                for each, fields in zip(expected.states, self.fields, strict=True)
            ]
        )

        key = self._keys(seen, batch)
        key = np.where((key >= 0) & made[key], key, -1)
        known, was_aborted = key >= 0, seen.aborted > 0
        times = np.bincount(key[known & ~was_aborted], minlength=batch * per_sample)
        surplus = np.where(made, abs(times - 1), 0)
        # An attempt that a reset ended shows each update at most once.
        ended = known & was_aborted
        of_attempt, times_ended = np.unique(
            seen.aborted[ended].astype(np.int64) * (batch * per_sample) + key[ended],
            return_counts=True,
        )
        repeated = of_attempt[times_ended > 1] % (batch * per_sample)
        np.add.at(surplus, repeated, times_ended[times_ended > 1] - 1)
        unknown = int((~known).sum())
        if unknown or surplus.any():
            self._note_lost(surplus, np.where(made, times, 1), unknown, numbers)

        # An update that came twice counts as surplus, whatever it says; the others are compared.
        once = np.flatnonzero(known & (was_aborted | (times[key] == 1)))
        key, spike, got = key[once], seen.spike[once], seen.states[once]
        spike_differs = spike != spikes[key, 0]
        state_differs = got != states[key]
        self.spike_mismatches += int(spike_differs.sum() + surplus.sum()) + unknown
        counts = np.tile(self._state_counts, batch)
        self.state_mismatches += int(state_differs.sum() + (surplus * counts).sum())
        self.state_mismatches += unknown * int(counts.max())

        wrong = np.flatnonzero(spike_differs | state_differs.any(axis=1))
        if len(wrong):
            first = wrong[0]
            wanted = states[key[first]]
            values = ", ".join(
                f"{place.name} is {got[first, i]} (integer model {wanted[i]})"
                for i, place in enumerate(self.fields[int(seen.layer[once[first]])])
            )
            self._note(
                self._sample(int(key[first]), numbers),
                f"{self._place(int(key[first]), numbers)}: {values}, spike is "
                f"{int(spike[first])} (integer model {int(spikes[key[first], 0])})",
            )

    def _keys(self, seen: Updates, batch: int) -> Integers:
        """Return for each traced update which of the model's it is, or -1."""
        sizes = np.array(self.sizes)
        layer = np.minimum(seen.layer, np.int32(len(sizes) - 1))
        neuron = self._neurons(seen.neuron, layer)
        exists = (
            (seen.sample < batch)
            & (seen.layer == layer)
            & (seen.step < self.steps)
            & (neuron >= 0)
            & (neuron < sizes[layer])
        )
        key = seen.sample * self._offsets[-1] + self._offsets[layer]
        key += seen.step * sizes[layer] + neuron
        return np.where(exists, key, -1)

    def _neurons(self, seen: Narrow, layer: Narrow) -> Narrow:
        """Return the description's numbers of neurons, -1 where there is none."""
        if self.numbering is None:
            return seen
        found = np.full_like(seen, -1)
        for number, neurons in enumerate(self.numbering):
            here = np.flatnonzero((layer == number) & (seen < len(neurons)))
            found[here] = neurons[seen[here]]
        return found

    def _sample(self, key: int, numbers: Integers) -> int:
        return int(numbers[key // int(self._offsets[-1])])

    def _place(self, key: int, numbers: Integers) -> str:
        sample, rest = divmod(key, int(self._offsets[-1]))
        layer = int(np.searchsorted(self._offsets, rest, side="right")) - 1
        step, neuron = divmod(rest - int(self._offsets[layer]), self.sizes[layer])
        return f"input {numbers[sample]}, layer {layer}, neuron {neuron}, step {step}"

    def _note_lost(
        self, surplus: Integers, times: Integers, unknown: int, numbers: Integers
    ) -> None:
        odd = np.flatnonzero(surplus)
        if len(odd):
            number = times[odd[0]]
            often = f"{number} updates instead of one" if number != 1 else "two before a reset"
            place = int(odd[0])
            self._note(self._sample(place, numbers), f"{self._place(place, numbers)}: {often}")
        else:
            self._note(
                int(numbers[0]),
                f"inputs {numbers[0]} to {numbers[-1]}: {unknown} updates of neurons or steps that "
                f"do not exist",
            )

    def _note(self, sample: int, text: str) -> None:
        if self.first is None:
            self.first, self.first_sample = text, sample


def _columns(states: list[NDArray[np.integer[Any]]], width: int) -> NDArray[np.integer[Any]]:
    """Bring states of a layer, each (steps, batch, ...), to (steps, batch, neurons, width)."""
    steps, batch, *shape = states[0].shape
    fit = np.iinfo(np.int32)
    is_narrow = all(each.min() >= fit.min and each.max() <= fit.max for each in states if each.size)
    kind = np.int32 if is_narrow else np.int64
    columns = np.zeros((steps, batch, math.prod(shape), width), dtype=kind)
    for column, each in enumerate(states):
        columns[..., column] = each.reshape(columns.shape[:3])
    return columns


def _in_trace_order(layers: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    """Bring (steps, batch, neurons, values) of each layer to (batch * updates, values)."""
    batch, values = layers[0].shape[1], layers[0].shape[3]
    flat = [layer.swapaxes(0, 1).reshape(batch, -1, values) for layer in layers]
    return np.concatenate(flat, axis=1).reshape(-1, values)
