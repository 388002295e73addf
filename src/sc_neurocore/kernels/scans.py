"""A scan that is to be run: what it does, its shapes, and what a back end has to offer for it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from sc_neurocore.kernels.derive import Scan

_scans: dict[str, Scan] = {}


def register(scan: Scan) -> str:
    """Make a scan known to the operators, and return the name by which it is."""
    digest = hashlib.sha256(repr(scan).encode()).hexdigest()[:16]
    key = f"{scan.neuron.name}_{digest}"
    _scans[key] = scan
    return key


def scan_of(key: str) -> Scan:
    """Return the scan that was registered under a name."""
    return _scans[key]


def computed_in(stored: torch.dtype) -> torch.dtype:
    """Return the type in which currents of that type are computed."""
    return torch.float64 if stored == torch.float64 else torch.float32


class Plan(NamedTuple):
    """What a scan does, apart from the tensors.

    Attributes:
        backend: The name of the back end.
        key: The name of the scan.
        inner: Neighbours that share a channel.
        steps: Number of steps of a static current, else 0.
        pool: Where the columns of images are, counted from the last axis, rows before them; the
            spikes come averaged over squares of 2 x 2. Without images, 0.
        spikes: Whether to return the spikes.
        counts: Whether to return the number of spikes of each neuron.
        trace: Indices of the states to return after every step.
        sums: Indices of the states to return summed over the steps.
        sizes: How many values each constant has: 1, or one per channel.
    """

    backend: str
    key: str
    inner: int
    steps: int
    pool: int
    spikes: bool
    counts: bool
    trace: tuple[int, ...]
    sums: tuple[int, ...]
    sizes: tuple[int, ...]

    def packed(self) -> list[int]:
        """Return all but the names in one list, the form in which an operator takes it."""
        switches = [self.inner, self.steps, self.pool, int(self.spikes), int(self.counts)]
        lists = [len(self.trace), *self.trace, len(self.sums), *self.sums, *self.sizes]
        return switches + lists

    @classmethod
    def unpacked(cls, backend: str, key: str, numbers: Sequence[int]) -> Plan:
        """Return the plan of a packed list."""
        inner, steps, pool, spikes, counts, length, *rest = numbers
        trace, (length, *rest) = tuple(rest[:length]), rest[length:]
        sums, sizes = tuple(rest[:length]), tuple(rest[length:])
        return cls(backend, key, inner, steps, pool, bool(spikes), bool(counts), trace, sums, sizes)


class Inputs(NamedTuple):
    """What a scan reads.

    Attributes:
        currents: (T, batch, ...) or, static, (batch, ...), in a stored type.
        initial: (states, batch, ...), or (states, 1) if all neurons start alike, in the computed
            type, as all that follows.
        values: The scan's constants, one after the other.
        lengths: Valid steps of each sequence, (batch,), or None.
        feedback: What a spike brings to the currents of its sample in the next step, from each
            neuron to all, and in a last row what always comes: (neurons + 1, neurons), the neurons
            the last axis of the currents. None where the scan is not recurrent.
    """

    currents: Tensor
    initial: Tensor
    values: Tensor
    lengths: Tensor | None
    feedback: Tensor | None


class Results(NamedTuple):
    """What the forward scan gives; what is not asked for is a tensor without elements.

    Attributes:
        spikes: (T, batch, ...), averaged if the plan says so, in the stored type.
        counts: (batch, ...), in the computed type, as all that follows.
        trace: (traced states, T, batch, ...).
        sums: (summed states, batch, ...).
        final: (states, batch, ...).
    """

    spikes: Tensor
    counts: Tensor
    trace: Tensor
    sums: Tensor
    final: Tensor


class Arriving(NamedTuple):
    """The gradients towards `Results`; None where there is none."""

    spikes: Tensor | None
    counts: Tensor | None
    trace: Tensor | None
    sums: Tensor | None
    final: Tensor | None


class Gradients(NamedTuple):
    """The gradients towards `Inputs`, each in its type and shape.

    That towards the initial state is always of all neurons, (states, batch, ...); that towards the
    feedback has no elements where there is none.
    """

    currents: Tensor
    initial: Tensor
    values: Tensor
    feedback: Tensor


class Layout:
    """The shapes of a scan.

    Args:
        plan: What the scan does.
        shape: The shape of the currents.
        stored: Their type.

    Attributes:
        real: The type that is computed in.
        frame: The shape of one step, (batch, ...).
        sequence: (T, *frame).
        spike_sequence: The shape of the spikes.
        neurons: How many there are in a frame.
        states: How many each of them has.
        recurrent: Whether spikes come back; those of a sample, the last axis, to one another.
        columns: Columns of images that are averaged, or 0.
        pooled: Values in each place of a column.
        places: Where each state stands among the traced and the summed ones, or -1.
    """

    def __init__(self, plan: Plan, shape: Sequence[int], stored: torch.dtype) -> None:
        self.plan = plan
        self.stored = stored
        self.real = computed_in(stored)
        self.frame = tuple(shape if plan.steps else shape[1:])
        self.sequence = (plan.steps or shape[0], *self.frame)
        self.states = len(_scans[plan.key].states)
        self.neurons = math.prod(self.frame)
        self.recurrent = _scans[plan.key].recurrent
        self.columns, self.pooled, self.spike_sequence = 0, 0, self.sequence
        if plan.pool:
            end = len(self.sequence) - plan.pool + 1
            rows, self.columns = self.sequence[end - 2 : end]
            after = self.sequence[end:]
            self.pooled = math.prod(after)
            half = rows // 2, self.columns // 2
            self.spike_sequence = (*self.sequence[: end - 2], *half, *after)
        self.places = tuple(
            tuple(asked.index(state) if state in asked else -1 for state in range(self.states))
            for asked in (plan.trace, plan.sums)
        )
        self.offsets = tuple(accumulate(plan.sizes, initial=0))

    def results(self, like: Tensor) -> Results:
        """Return empty tensors for what the forward scan gives."""

        def make(*shape: int) -> Tensor:
            return like.new_empty(shape, dtype=self.real)

        plan, nothing = self.plan, (0, *self.spike_sequence[1:])
        return Results(
            like.new_empty(self.spike_sequence if plan.spikes else nothing),
            make(*self.frame) if plan.counts else make(0),
            make(len(plan.trace), *self.sequence),
            make(len(plan.sums), *self.frame),
            make(self.states, *self.frame),
        )

    def gradients(self, inputs: Inputs) -> Gradients:
        """Return empty tensors for what the backward scan gives."""
        currents, _, values, _, feedback = inputs
        return Gradients(
            currents.new_empty(currents.shape),
            values.new_empty((self.states, *self.frame)),
            values.new_empty(values.shape),
            values.new_empty((0, 0) if feedback is None else feedback.shape),
        )


@lru_cache(maxsize=4096)
def layout_of(plan: Plan, shape: torch.Size, stored: torch.dtype) -> Layout:
    """Return the layout of a scan, made once; not for shapes that are symbols."""
    return Layout(plan, shape, stored)


class Kernels(Protocol):
    """What a back end computes; a module with these two functions is one."""

    def forward(self, layout: Layout, inputs: Inputs, results: Results) -> None:
        """Run a scan and fill the results, whose memory holds anything before."""
        ...

    def backward(
        self, layout: Layout, inputs: Inputs, arriving: Arriving, gradients: Gradients
    ) -> None:
        """Run the adjoint and fill the gradients.

        Sums over neurons have a fixed order, so that two runs give the same bits.
        """
        ...
