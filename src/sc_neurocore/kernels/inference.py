"""Running a chain of layers over time for many samples: the same for floats and integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.array_types import Array
from sc_neurocore.errors import DataError
from sc_neurocore.kernels.reference_neurons import Neurons
from sc_neurocore.kernels.threads import one_blas_thread
from sc_neurocore.network.description import InputEncoding, spikes_that_suffice
from sc_neurocore.network.layers import Runner, WithMemory
from sc_neurocore.progress import Progress, ProgressCallback

_VALUES_AT_WORK = 1 << 20
"""So many numbers of the largest layer are computed at once: they fit into the caches."""


@dataclass(frozen=True)
class NetworkRun:
    """What a network answered. In floats, numbers are values; in integers, units of the format.

    Attributes:
        classes: The answer for each sample, int64 (batch,): the lowest index among the largest.
        spike_counts: Spikes of each output neuron over the steps taken, int64 (batch, outputs).
        membrane: The sum of its membrane after reset over the steps taken, (batch, outputs).
        steps: Steps taken for each sample, int64 (batch,): with the readout "first-to-N" as many as
            the answer needs, else all. What is recorded goes on to the last step.
        spikes: Recorded spikes of each population, bool (T, batch, ...); empty if not recorded.
        states: Recorded states after reset, likewise, by name.
    """

    classes: NDArray[np.int64]
    spike_counts: NDArray[np.int64]
    membrane: Array
    steps: NDArray[np.int64]
    spikes: tuple[NDArray[np.bool_], ...] = ()
    states: tuple[Mapping[str, Array], ...] = ()

    def accuracy(self, labels: NDArray[np.integer[Any]]) -> float:
        """Return the share of answers that equal the labels."""
        return float(np.mean(self.classes == labels))


def check_inputs(encoding: InputEncoding, inputs: Array, steps: int) -> None:
    """Raise `DataError` unless inputs have the shape, the type and the range of the encoding."""
    lead = ("batch",) if encoding.kind == "static" else (steps, "batch")
    wanted = f"({', '.join(str(size) for size in (*lead, *encoding.shape))})"
    if inputs.dtype.kind not in "ui":
        kind = "integers" if encoding.signed else "unsigned integers"
        raise DataError(
            f"inputs have type {inputs.dtype}: expected {kind} {wanted}; multiply "
            f"values by 2 ** fraction_bits of the input encoding and round them"
        )
    has_shape = inputs.ndim == len(lead) + len(encoding.shape)
    has_shape = has_shape and inputs.shape[len(lead) :] == encoding.shape
    if not has_shape or (encoding.kind != "static" and inputs.shape[0] != steps):
        raise DataError(f"inputs have shape {inputs.shape}: expected {wanted}")
    if not inputs.size:
        return
    if int(inputs.min()) < encoding.low or int(inputs.max()) > encoding.high:
        raise DataError(
            f"inputs range from {inputs.min()} to {inputs.max()}: expected {encoding.low} to "
            f"{encoding.high} ({encoding.bits} bits{', signed' if encoding.signed else ''})"
        )


@dataclass(frozen=True)
class Chain:
    """A network whose layers are functions of one step's values.

    Attributes:
        encoding: What comes in.
        steps: Time steps per sample.
        readout: What the class is read from.
        convert: From integers of the encoding to what the first layer takes.
        runners: The layers, the last one neurons.
        values_at_work: Numbers that the largest of them holds for one sample.
        check: Refuses inputs that the network does not take.
    """

    encoding: InputEncoding
    steps: int
    readout: str
    convert: Callable[[Array], Array]
    runners: Sequence[Runner]
    values_at_work: int
    check: Callable[[InputEncoding, Array, int], None] = check_inputs

    def run(self, inputs: ArrayLike, task: str, progress: ProgressCallback) -> NetworkRun:
        """Run samples in slices, so that memory grows only with what is returned.

        Layers before the first one with a memory are computed once where the input is static. All
        of it is on one thread (`kernels.threads`).

        Args:
            inputs: Integers in the encoding: (batch, *shape) where it is static, else
                (T, batch, *shape).
            task: What the progress is reported as.
            progress: Receives how many samples are done, after every slice.

        Raises:
            DataError: If the inputs do not have the shape, type or range of the encoding.
        """
        given = np.asarray(inputs)
        self.check(self.encoding, given, self.steps)
        with one_blas_thread():
            return self._run_slices(given, task, progress)

    def _run_slices(self, given: Array, task: str, progress: ProgressCallback) -> NetworkRun:
        batch_axis = 0 if self.encoding.kind == "static" else 1
        samples = given.shape[batch_axis]
        size = max(1, _VALUES_AT_WORK // self.values_at_work)
        slices: list[NetworkRun] = []
        progress(Progress(task, 0, samples))
        for start in range(0, max(samples, 1), size):
            part = given[(slice(None),) * batch_axis + (slice(start, start + size),)]
            slices.append(self._run_slice(part))
            progress(Progress(task, min(start + size, samples), samples))
        return _joined(slices)

    def _run_slice(self, inputs: Array) -> NetworkRun:
        for runner in self.runners:
            if isinstance(runner, WithMemory):
                runner.restart()
        output = self.runners[-1]
        assert isinstance(output, Neurons)  # a description ends with neurons
        counts: Any = 0
        membrane: Any = 0
        suffice = spikes_that_suffice(self.readout)
        later, frames = self._frames(inputs)
        running = np.ones(inputs.shape[self.encoding.kind != "static"], dtype=bool)
        taken = np.zeros(len(running), dtype=np.int64)
        for values in frames:
            for runner in later:
                values = runner(values)
            flat = (len(values), math.prod(values.shape[1:]))
            spikes, state = values > 0, output.state[output.neuron.membrane]
            taken += running
            if suffice is None:
                counts = counts + spikes.reshape(flat)
                membrane = membrane + state.reshape(flat)
                continue
            # A sample that has its answer adds nothing more.
            counts = counts + (spikes.reshape(flat) & running[:, np.newaxis])
            membrane = membrane + np.where(running[:, np.newaxis], state.reshape(flat), 0)
            running = running & (counts < suffice).all(axis=1)
            if not (running.any() or output.record):
                break
        scores = membrane if self.readout == "membrane" else counts
        recorded = [each for each in self.runners if isinstance(each, Neurons) and each.record]
        return NetworkRun(
            classes=scores.argmax(axis=1),  # the first of equals
            spike_counts=counts,
            membrane=membrane,
            steps=taken,
            spikes=tuple(np.stack([spike for spike, _ in each.history]) for each in recorded),
            states=tuple(
                {
                    name: np.stack([state[name] for _, state in each.history])
                    for name in each.neuron.states
                }
                for each in recorded
            ),
        )

    def _frames(self, inputs: Array) -> tuple[Sequence[Runner], Iterator[Array]]:
        """Return the layers that run in every step, and what goes into them, step by step."""
        if self.encoding.kind != "static":
            return self.runners, map(self.convert, inputs)
        values = self.convert(inputs)
        first = next(i for i, runner in enumerate(self.runners) if isinstance(runner, WithMemory))
        for runner in self.runners[:first]:
            values = runner(values)
        return self.runners[first:], repeat(values, self.steps)


def _joined(slices: Sequence[NetworkRun]) -> NetworkRun:
    """Return the runs of slices of a batch as one."""
    if len(slices) == 1:
        return slices[0]
    first = slices[0]
    return NetworkRun(
        classes=np.concatenate([run.classes for run in slices]),
        spike_counts=np.concatenate([run.spike_counts for run in slices]),
        membrane=np.concatenate([run.membrane for run in slices]),
        steps=np.concatenate([run.steps for run in slices]),
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
