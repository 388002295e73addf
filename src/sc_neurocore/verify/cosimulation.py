"""Co-simulation: the generated core against the integer model, in everything that it computes.

Labels are not enough: a core that is wrong in one update in a thousand still gets nearly all of
them right. So the trace port is read, and every update of every neuron must appear exactly once,
with the model's state and spike; then the class and the spike counts.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator, Field
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.programs import stop_running
from sc_neurocore.verify.recording import Integers, Recording, Updates
from sc_neurocore.verify.simulators import Simulator, build_simulator, choose_simulator

MOST_AT_ONCE = 4
"""Simulations that run side by side; each holds the trace of a batch in memory."""


@dataclass(frozen=True)
class CosimulationResult:
    """What was compared, and what differed.

    An update that is missing, or comes a second time, counts as a mismatch of its spike and of
    each of its states.

    Attributes:
        simulator: Which simulator ran the core.
        version: Its version.
        samples: Inputs that went through.
        steps: Time steps of each, at most.
        steps_per_sample: Mean steps that were taken: fewer where the readout ends a sample early.
        updates: Updates of neurons that the model made; each was looked for in the trace.
        spike_mismatches: Updates whose spike differed.
        state_mismatches: States, over all updates, that differed.
        class_mismatches: Inputs whose class differed.
        count_mismatches: Scores of output neurons (spike counts, or membranes summed over the
            steps) that differed.
        cycles_per_sample: Mean clocks from the first input to the result, of an input alone.
        latency_cycles: Mean clocks from the last input to the result, of an input alone.
        interval_cycles: Mean clocks between results while inputs stream in.
        seconds: Wall time, the build included.
        first_mismatch: The first difference in words, or None.
        inputs: What went through, where it was not the samples that were given.
    """

    simulator: str
    version: str
    samples: int
    steps: int
    steps_per_sample: float
    updates: int
    spike_mismatches: int
    state_mismatches: int
    class_mismatches: int
    count_mismatches: int
    cycles_per_sample: float
    latency_cycles: float
    interval_cycles: float
    seconds: float
    first_mismatch: str | None
    inputs: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing differed."""
        return self.first_mismatch is None

    @property
    def cycles_saved_per_sample(self) -> float:
        """Mean clocks that early ends saved: the steps left out, at the cost of those taken."""
        left_out = self.steps - self.steps_per_sample
        return self.cycles_per_sample / self.steps_per_sample * left_out


def cosimulate(
    accelerator: Accelerator,
    network: IntegerNetwork,
    inputs: ArrayLike,
    simulator: str = "auto",
    *,
    back_pressure: int = 0,
    progress: ProgressCallback = ignore_progress,
) -> CosimulationResult:
    """Run inputs through the core and the integer model and compare.

    Args:
        accelerator: The design.
        network: The network that it was written for.
        inputs: Integers, (batch, inputs) or, if they come step by step, (steps, batch, inputs).
        simulator: verilator, cxxrtl, icarus, or auto: the first of these that is installed.
        back_pressure: 0 streams at full speed; another number seeds random pauses of the source of
            the inputs and of the taker of the results.
        progress: Receives how many inputs are done.

    Raises:
        UserError: If the design is not of this network, or the inputs do not fit it.
        ToolMissingError: If the simulator is not installed.
        ToolFailedError: If it refuses the design, or the core gets stuck.
    """
    began = time.perf_counter()
    frames = samples_first(network, inputs)
    if accelerator.content_hash != network.content_hash:
        raise UserError(
            f"{accelerator.directory} was compiled from network {accelerator.content_hash[:12]}…, "
            f"and {network.name} is {network.content_hash[:12]}…: compile this one, or give that "
            f"one"
        )
    chosen = choose_simulator(simulator)
    core = build_simulator(accelerator, chosen)
    tally = _Tally(network, accelerator.states)
    with closing(_run_ahead(core, frames, back_pressure)) as batches:
        for batch, recorded in batches:
            expected = network.run(np.moveaxis(batch, 0, network.batch_axis), record=True)
            tally.add(recorded.result(), expected)
            progress(Progress("co-simulation", tally.samples, len(frames), tally.summary()))
    latency = tally.latency / tally.samples
    # One frame alone: its loading, and the clocks from its last input to its result. Where frames
    # come per step, the clocks since the result before.
    frames_per_sample = accelerator.frames_per_sample
    alone = (
        accelerator.geometry.beats + latency
        if frames_per_sample == 1
        else tally.since / tally.samples
    )
    return CosimulationResult(
        simulator=chosen,
        version=core.version,
        samples=tally.samples,
        steps=network.steps,
        steps_per_sample=tally.steps / max(tally.samples, 1),
        updates=tally.updates,
        spike_mismatches=tally.spikes,
        state_mismatches=tally.states,
        class_mismatches=tally.classes,
        count_mismatches=tally.counts,
        cycles_per_sample=alone,
        latency_cycles=latency,
        interval_cycles=tally.interval / max(tally.intervals, 1),
        seconds=time.perf_counter() - began,
        first_mismatch=tally.first,
    )


def _run_ahead(
    core: Simulator, frames: NDArray[np.integer[Any]], back_pressure: int
) -> Generator[tuple[NDArray[np.integer[Any]], Future[Recording]], None, None]:
    """Yield the batches in order, each with its simulation, while those behind it run already."""
    at_once = min(os.cpu_count() or 1, MOST_AT_ONCE)
    started: deque[tuple[NDArray[np.integer[Any]], Future[Recording]]] = deque()
    simulations = ThreadPoolExecutor(at_once)
    try:
        for start in range(0, len(frames), core.preferred_batch):
            batch = frames[start : start + core.preferred_batch]
            seed = back_pressure + start if back_pressure else 0
            values = batch.reshape(len(batch), -1).astype(np.int64)
            started.append((batch, simulations.submit(core.run, values, seed)))
            if len(started) > at_once:
                yield started[0]
                started.popleft()
        while started:
            yield started[0]
            started.popleft()
    finally:  # there are some left only if the comparison has ended early
        left = [recorded for _, recorded in started if not recorded.cancel()]
        while wait(left, timeout=0.1).not_done:
            stop_running()
        simulations.shutdown()


def samples_first(network: IntegerNetwork, inputs: ArrayLike) -> NDArray[np.integer[Any]]:
    """Return inputs of a network with the samples along the first axis, each frame flat.

    Raises:
        UserError: If they do not have the axes that the network takes, or there is none.
    """
    given = np.asarray(inputs)
    count = network.layers[0].inputs
    axes = network.batch_axis + 1
    if given.ndim < axes + 1 or math.prod(given.shape[axes:]) != count or given.size == 0:
        wanted = "(batch, inputs)" if axes == 1 else f"({network.steps}, batch, inputs)"
        raise UserError(
            f"inputs of shape {given.shape}: expected {wanted} with {count} inputs, not empty"
        )
    return np.moveaxis(given.reshape(*given.shape[:axes], count), network.batch_axis, 0)


def extreme_inputs(network: IntegerNetwork, count: int, seed: int = 0) -> Integers:
    """Return inputs that no data set has: the first is blank, the second saturated.

    The others are random, half of their values zero.

    Returns:
        (batch, inputs) or, if they come step by step, (steps, batch, inputs).
    """
    random = np.random.default_rng(seed)
    limit = 1 << network.input_bits
    steps = (network.steps,) if network.batch_axis else ()
    values = random.integers(0, limit, (count, *steps, network.layers[0].inputs))
    values *= random.random(values.shape) < 0.5
    values[0] = 0
    values[1:2] = limit - 1
    return np.moveaxis(values, 0, network.batch_axis)


@dataclass
class _Tally:
    """Compares batch after batch and adds up."""

    network: IntegerNetwork
    fields: tuple[tuple[Field, ...], ...]
    samples: int = 0
    steps: int = 0
    updates: int = 0
    spikes: int = 0
    states: int = 0
    classes: int = 0
    counts: int = 0
    latency: int = 0
    since: int = 0
    interval: int = 0
    intervals: int = 0
    first: str | None = None
    _offsets: NDArray[np.int64] = field(init=False)
    _steps: NDArray[np.int64] = field(init=False)
    _state_counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Number the updates of a sample by layer, step and neuron."""
        layers, steps = self.network.layers, self.network.steps
        sizes = [steps * layer.outputs for layer in layers]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        each = [np.repeat(np.arange(steps), layer.outputs) for layer in layers]
        self._steps = np.concatenate(each).astype(np.int64)
        self._state_counts = np.repeat([len(names) for names in self.fields], sizes)

    def summary(self) -> str:
        """Say where the comparison stands."""
        wrong = self.spikes + self.states + self.classes + self.counts
        return f"{self.updates} updates, {wrong} mismatches"

    def add(self, seen: Recording, expected: NetworkRun) -> None:
        """Compare one batch."""
        if seen.content_hash != self.network.content_hash:
            raise UserError(
                f"the core says that it computes network {seen.content_hash[:12]}…, not "
                f"{self.network.content_hash[:12]}…: compile the network again"
            )
        self._compare_updates(seen.updates, expected)
        by_membrane = self.network.readout == "membrane"
        scores = expected.membrane if by_membrane else expected.spike_counts
        what = "summed membrane" if by_membrane else "spike count"
        self.counts += self._compare(seen.scores, scores, f"{what} of output {{}}")
        self.classes += self._compare(
            seen.classes[:, np.newaxis], expected.classes[:, np.newaxis], "class"
        )
        self.samples += len(seen.classes)
        self.steps += int(expected.steps.sum())
        self.latency += int(seen.latency.sum())
        self.since += int(seen.interval.sum())
        # Of one input alone, and of the first of a batch, the interval begins with its first input.
        intervals = seen.interval[1:] if len(seen.interval) > 1 else seen.interval
        self.interval += int(intervals.sum())
        self.intervals += len(intervals)

    def _compare(self, got: NDArray[np.int64], wanted: NDArray[np.int64], what: str) -> int:
        """Return how many of (batch, outputs) differ."""
        wrong = np.argwhere(got != wanted)
        if len(wrong):
            sample, output = wrong[0].tolist()
            self._note(
                f"input {self.samples + sample}: {what.format(output)} is {got[sample, output]}, "
                f"the integer model has {wanted[sample, output]}"
            )
        return len(wrong)

    def _compare_updates(self, seen: Updates, expected: NetworkRun) -> None:
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
        known = key >= 0
        times = np.bincount(key[known], minlength=batch * per_sample)
        unknown = int((~known).sum())
        surplus = np.where(made, abs(times - 1), 0)
        if unknown or surplus.any():
            self._note_lost(np.where(made, times, 1), unknown, batch)

        # An update that came twice counts as surplus, whatever it says; the others are compared.
        once = np.flatnonzero(known)[times[key[known]] == 1]
        key, spike, got = key[once], seen.spike[once], seen.states[once]
        spike_differs = spike != spikes[key, 0]
        state_differs = got != states[key]
        self.spikes += int(spike_differs.sum() + surplus.sum()) + unknown
        counts = np.tile(self._state_counts, batch)
        self.states += int(state_differs.sum() + (surplus * counts).sum())
        self.states += unknown * int(counts.max())

        wrong = np.flatnonzero(spike_differs | state_differs.any(axis=1))
        if len(wrong):
            first = wrong[0]
            wanted = states[key[first]]
            values = ", ".join(
                f"{place.name} is {got[first, i]} (integer model {wanted[i]})"
                for i, place in enumerate(self.fields[int(seen.layer[once[first]])])
            )
            self._note(
                f"{self._place(int(key[first]))}: {values}, spike is "
                f"{int(spike[first])} (integer model {int(spikes[key[first], 0])})"
            )

    def _keys(self, seen: Updates, batch: int) -> NDArray[np.int64]:
        """Return for each traced update which of the model's it is, or -1."""
        sizes = np.array([each.outputs for each in self.network.layers])
        layer = np.minimum(seen.layer, len(sizes) - 1)
        exists = (
            (seen.sample < batch)
            & (seen.layer == layer)
            & (seen.step < self.network.steps)
            & (seen.neuron < sizes[layer])
        )
        key = seen.sample * self._offsets[-1] + self._offsets[layer]
        key += seen.step * sizes[layer] + seen.neuron
        return np.where(exists, key, -1)

    def _place(self, key: int) -> str:
        sample, rest = divmod(key, int(self._offsets[-1]))
        layer = int(np.searchsorted(self._offsets, rest, side="right")) - 1
        step, neuron = divmod(rest - int(self._offsets[layer]), self.network.layers[layer].outputs)
        return f"input {self.samples + sample}, layer {layer}, neuron {neuron}, step {step}"

    def _note_lost(self, times: NDArray[np.int64], unknown: int, batch: int) -> None:
        odd = np.flatnonzero(times != 1)
        if len(odd):
            self._note(f"{self._place(int(odd[0]))}: {times[odd[0]]} updates instead of one")
        else:
            self._note(
                f"inputs {self.samples} to {self.samples + batch - 1}: {unknown} updates of "
                f"neurons or steps that do not exist"
            )

    def _note(self, text: str) -> None:
        if self.first is None:
            self.first = text


def _columns(states: list[NDArray[np.integer[Any]]], width: int) -> NDArray[np.integer[Any]]:
    """Bring states of a layer, each (steps, batch, ...), to (steps, batch, neurons, width)."""
    flat = [each.reshape(*each.shape[:2], -1) for each in states]
    return np.stack(flat + [np.zeros_like(flat[0])] * (width - len(flat)), axis=-1)


def _in_trace_order(layers: list[NDArray[np.generic]]) -> NDArray[np.generic]:
    """Bring (steps, batch, neurons, values) of each layer to (batch * updates, values)."""
    batch, values = layers[0].shape[1], layers[0].shape[3]
    flat = [layer.swapaxes(0, 1).reshape(batch, -1, values) for layer in layers]
    return np.concatenate(flat, axis=1).reshape(-1, values)
