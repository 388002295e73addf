"""A described network in floating point, without torch: what other inferences are held against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import DataError
from sc_neurocore.kernels.reference_layers import (
    Neurons,
    Runner,
    WithMemory,
    make_runner,
    values_at_work,
)
from sc_neurocore.network.description import InputEncoding, NetworkDescription
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress

Array: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class FloatRun:
    """What a network answered.

    Attributes:
        classes: The answer for each sample, int64 (batch,).
        spike_counts: Spikes of each output neuron over all steps, int64 (batch, outputs).
        membrane: The sum of its membrane after reset over all steps, (batch, outputs).
        spikes: Recorded spikes of each population, bool (T, batch, ...); empty if not recorded.
        states: Recorded states after reset, likewise, by name.
    """

    classes: NDArray[np.int64]
    spike_counts: NDArray[np.int64]
    membrane: Array
    spikes: tuple[NDArray[np.bool_], ...] = ()
    states: tuple[Mapping[str, Array], ...] = ()

    def accuracy(self, labels: NDArray[np.integer[Any]]) -> float:
        """Return the share of answers that equal the labels."""
        return float(np.mean(self.classes == labels))


_VALUES_AT_WORK = 1 << 20
"""So many numbers of the largest layer are computed at once: they fit into the caches."""


def run_float(
    description: NetworkDescription,
    inputs: ArrayLike,
    *,
    dtype: type[np.floating[Any]] = np.float64,
    record: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> FloatRun:
    """Run a network in floating point.

    Samples are taken in slices, so that memory does not grow with their number, beyond what is
    returned. Layers before the first one with a memory are computed once where the input is static.

    Args:
        description: The network.
        inputs: Unsigned integers in its input encoding: (batch, *shape) where it is static, else
            (T, batch, *shape), zeros and ones where it is spikes.
        dtype: `numpy.float64` or `numpy.float32`.
        record: Whether to keep all spikes and states.
        progress: Receives an event after every slice.

    Raises:
        DataError: If the inputs do not have the shape, type or range of the encoding.
    """
    given = np.asarray(inputs)
    check_inputs(description.input, given, description.steps)
    runners = [make_runner(layer, dtype, record) for layer in description.layers]
    unit = dtype(2.0**-description.input.fraction_bits)
    task = "floating-point inference"
    return run_layers(
        description, runners, given, unit, record=record, task=task, progress=progress
    )


def run_layers(
    description: NetworkDescription,
    runners: Sequence[Runner],
    given: Array,
    unit: np.floating[Any],
    *,
    record: bool,
    task: str,
    progress: ProgressCallback,
) -> FloatRun:
    """Run a network whose layers are given as functions, such as other interpretations make them.

    Args:
        description: The network.
        runners: One for each of its layers; the last one is of the kind `Neurons`.
        given: The inputs, of its shape.
        unit: What one unit of an input is worth; frames come to the first layer in its type.
        record: Whether to return what the neurons recorded.
        task: What progress events call it.
        progress: Receives an event after every slice.
    """
    batch_axis = 0 if description.input.kind == "static" else 1
    samples = given.shape[batch_axis]
    size = _samples_at_once(description)
    slices: list[FloatRun] = []
    progress(Progress(task, 0, samples))
    for start in range(0, max(samples, 1), size):
        part = given[(slice(None),) * batch_axis + (slice(start, start + size),)]
        slices.append(_run_slice(description, runners, part, unit, record))
        progress(Progress(task, min(start + size, samples), samples))
    return _joined(slices)


def _samples_at_once(description: NetworkDescription) -> int:
    largest = max(
        values_at_work(layer, *shapes)
        for layer, shapes in zip(description.layers, pairwise(description.shapes()), strict=True)
    )
    return max(1, _VALUES_AT_WORK // largest)


def _run_slice(
    description: NetworkDescription,
    runners: Sequence[Runner],
    inputs: Array,
    unit: np.floating[Any],
    record: bool,
) -> FloatRun:
    for runner in runners:
        if isinstance(runner, WithMemory):
            runner.restart()
    output = runners[-1]
    assert isinstance(output, Neurons)  # a description ends with neurons
    counts: Any = 0
    membrane: Any = 0
    later, frames = _frames(description, runners, inputs, unit)
    for values in frames:
        for runner in later:
            values = runner(values)
        counts = counts + (values > 0)
        membrane = membrane + output.state[output.neuron.membrane]
    outputs = (len(values), description.outputs)
    counts, membrane = np.reshape(counts, outputs), np.reshape(membrane, outputs)
    scores = membrane if description.readout == "membrane" else counts
    populations = [runner for runner in runners if record and isinstance(runner, Neurons)]
    return FloatRun(
        classes=scores.argmax(axis=1),  # the first of equals
        spike_counts=counts,
        membrane=membrane,
        spikes=tuple(np.stack([spike for spike, _ in each.history]) for each in populations),
        states=tuple(
            {
                name: np.stack([state[name] for _, state in each.history])
                for name in each.neuron.states
            }
            for each in populations
        ),
    )


def _joined(slices: Sequence[FloatRun]) -> FloatRun:
    """Return the runs of slices of a batch as one."""
    if len(slices) == 1:
        return slices[0]
    first = slices[0]
    return FloatRun(
        classes=np.concatenate([run.classes for run in slices]),
        spike_counts=np.concatenate([run.spike_counts for run in slices]),
        membrane=np.concatenate([run.membrane for run in slices]),
        spikes=tuple(
            np.concatenate([run.spikes[index] for run in slices], axis=1)
            for index in range(len(first.spikes))
        ),
        states=tuple(
            {
                name: np.concatenate([run.states[index][name] for run in slices], axis=1)
                for name in first.states[index]
            }
            for index in range(len(first.states))
        ),
    )


def _frames(
    description: NetworkDescription, runners: Sequence[Runner], inputs: Array, unit: Any
) -> tuple[Sequence[Runner], Iterator[Array]]:
    """Return the layers that run in every step, and what goes into them, step by step."""
    if description.input.kind != "static":
        return runners, (frame.astype(unit.dtype) * unit for frame in inputs)
    values = inputs.astype(unit.dtype) * unit
    first = next(i for i, runner in enumerate(runners) if isinstance(runner, WithMemory))
    for runner in runners[:first]:
        values = runner(values)
    return runners[first:], repeat(values, description.steps)


def check_inputs(encoding: InputEncoding, inputs: Array, steps: int) -> None:
    """Raise `DataError` unless the inputs have the encoding's shape, type and range."""
    lead = ("batch",) if encoding.kind == "static" else (steps, "batch")
    wanted = f"({', '.join(str(size) for size in (*lead, *encoding.shape))})"
    if inputs.dtype.kind not in "ui":
        raise DataError(f"inputs have type {inputs.dtype}: expected unsigned integers {wanted}")
    has_shape = inputs.ndim == len(lead) + len(encoding.shape)
    has_shape = has_shape and inputs.shape[len(lead) :] == encoding.shape
    if not has_shape or (encoding.kind != "static" and inputs.shape[0] != steps):
        raise DataError(f"inputs have shape {inputs.shape}: expected {wanted}")
    if inputs.size and (inputs.min() < 0 or int(inputs.max()) >= 2**encoding.bits):
        raise DataError(
            f"inputs range from {inputs.min()} to {inputs.max()}: expected 0 to "
            f"{2**encoding.bits - 1} ({encoding.bits} bits)"
        )
