"""A scan's shapes and memory as the numbers that its compiled kernel reads.

What is optional and not asked for is an empty tensor, or None.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from itertools import accumulate
from typing import NamedTuple

import torch
from torch import Tensor

from sc_neurocore.kernels import numba_emitter, numba_runtime
from sc_neurocore.kernels.derive import Scan
from sc_neurocore.kernels.numba_templates import NUMBERS
from sc_neurocore.kernels.threads import thread_count

_CHUNKS = 64
"""At most so many partial sums per parameter, whatever the number of threads."""

_SCRATCH = 1 << 18
"""Bytes that the states of a block over all steps should fit, an eighth of a common L2 cache."""

_SERIAL = 1 << 16
"""With fewer neuron-steps than this one thread is as fast: others take a while to begin."""

_scans: dict[str, Scan] = {}


def register(key: str, scan: Scan) -> None:
    """Make a scan known to the operators by a name."""
    _scans[key] = scan


def computed_in(stored: torch.dtype) -> torch.dtype:
    """Return the type in which currents of that type are computed."""
    return torch.float64 if stored == torch.float64 else torch.float32


class Plan(NamedTuple):
    """What a scan does, apart from the tensors.

    Attributes:
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
        """Return all but the key in one list, the form in which an operator takes it."""
        switches = [self.inner, self.steps, self.pool, int(self.spikes), int(self.counts)]
        lists = [len(self.trace), *self.trace, len(self.sums), *self.sums, *self.sizes]
        return switches + lists

    @classmethod
    def unpacked(cls, key: str, numbers: Sequence[int]) -> Plan:
        """Return the plan of a packed list."""
        inner, steps, pool, spikes, counts, length, *rest = numbers
        trace, (length, *rest) = tuple(rest[:length]), rest[length:]
        sums, sizes = tuple(rest[:length]), tuple(rest[length:])
        return cls(key, inner, steps, pool, bool(spikes), bool(counts), trace, sums, sizes)


class ScanShape:
    """The shapes of a scan, and how its neurons are cut into blocks and chunks.

    Args:
        plan: What the scan does.
        shape: The shape of the currents.
        stored: Their type.
    """

    def __init__(self, plan: Plan, shape: Sequence[int], stored: torch.dtype) -> None:
        self.plan = plan
        self.stored = stored
        self.real = computed_in(stored)
        self.frame = tuple(shape if plan.steps else shape[1:])
        self.sequence = (plan.steps or shape[0], *self.frame)
        self.states = len(_scans[plan.key].neuron.states)
        self.neurons = math.prod(self.frame)
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

    @cached_property
    def block(self) -> int:
        """Neurons that run through all steps together: whole squares of pooled images."""
        fitting = _SCRATCH // (self.states * self.sequence[0] * self.real.itemsize)
        block = 1 << min(max(fitting.bit_length() - 1, 6), 10)
        squares = 2 * self.columns * self.pooled
        return squares * max(1, block // squares) if squares else block

    @cached_property
    def chunk(self) -> int:
        """Neurons that share a partial sum, whatever the number of threads."""
        return self.block * max(1, -(-self.neurons // (self.block * _CHUNKS)))

    @cached_property
    def chunks(self) -> int:
        """Number of partial sums."""
        return -(-self.neurons // self.chunk)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The first numbers that a kernel reads, `numba_templates.NUMBERS`."""
        own = {**vars(self), "steps": self.sequence[0], "inner": self.plan.inner, "taken": 0}
        own |= {"block": self.block, "chunk": self.chunk, "chunks": self.chunks}
        own["length_inner"] = self.neurons // self.frame[0]
        return tuple(own[name] for name in NUMBERS)

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Where each constant begins, and where the last one ends."""
        return tuple(accumulate(self.plan.sizes, initial=0))

    def results(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return empty tensors for what the forward scan gives."""

        def make(*shape: int) -> Tensor:
            return like.new_empty(shape, dtype=self.real)

        plan, nothing = self.plan, (0, *self.spike_sequence[1:])
        return (
            like.new_empty(self.spike_sequence if plan.spikes else nothing),
            make(*self.frame) if plan.counts else make(0),
            make(len(plan.trace), *self.sequence),
            make(len(plan.sums), *self.frame),
            make(self.states, *self.frame),
        )

    def gradients(self, currents: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return empty tensors for what the backward scan gives."""
        return (
            currents.new_empty(currents.shape),
            values.new_empty((self.states, *self.frame)),
            values.new_empty(values.shape),
        )


@lru_cache(maxsize=4096)
def shape_of(plan: Plan, shape: torch.Size, stored: torch.dtype) -> ScanShape:
    """Return the layout of a scan, made once; not for shapes that are symbols."""
    return ScanShape(plan, shape, stored)


class Call:
    """One run of a kernel: the numbers that it reads, and the memory that they point to."""

    def __init__(
        self,
        layout: ScanShape,
        currents: Tensor,
        initial: Tensor,
        values: Tensor,
        lengths: Tensor | None,
    ) -> None:
        self.layout = layout
        self.held: list[Tensor] = []
        self.numbers: list[int] = []
        self.add_rows(currents)
        self.add(initial, (layout.states, initial.numel() // layout.states))
        self.add(values, (values.numel(),))
        self.add(lengths, (0 if lengths is None else len(lengths),))

    def add(self, tensor: Tensor | None, shape: Sequence[int]) -> None:
        """Add an array; None is one without elements."""
        if tensor is None:
            self.numbers += (0, *shape)
            return
        if not tensor.is_contiguous():
            tensor = tensor.contiguous()
        self.held.append(tensor)
        self.numbers += (tensor.data_ptr(), *shape)

    def add_rows(self, tensor: Tensor | None) -> None:
        """Add rows of all neurons; rows that are all the same one come as one."""
        if tensor is None or not tensor.numel():
            self.add(None, (0, self.layout.neurons))
            return
        is_static = tensor.ndim == len(self.layout.frame)
        if not is_static and tensor.stride(0) == 0:
            tensor = tensor[:1]
        rows = 1 if is_static else len(tensor)
        self.add(tensor, (rows, tensor.numel() // rows))

    def add_stack(self, tensor: Tensor | None) -> None:
        """Add states, each over all steps, or over one if the steps are all the same one."""
        if tensor is None or not tensor.numel():
            self.add(None, (0, 1, self.layout.neurons))
            return
        if tensor.stride(1) == 0:
            tensor = tensor[:, :1]
        self.add(tensor, (*tensor.shape[:2], self.layout.neurons))

    def run(self, direction: str, places: Sequence[Sequence[int]]) -> None:
        """Run the kernel over all chunks, on as many threads as `thread_count` says."""
        layout = self.layout
        work = layout.sequence[0] * layout.neurons
        if not work:
            return
        traced, summed = places
        numbers = array("q", (*layout.numbers, *traced, *summed, *layout.offsets, *self.numbers))
        stored = str(layout.stored).removeprefix("torch.")
        threads = thread_count() if work >= _SERIAL else 1
        numba_runtime.run_on_threads(
            _entry(layout.plan.key, direction, stored),
            numbers.buffer_info()[0],
            min(threads, layout.chunks),
        )


@cache
def _entry(key: str, direction: str, stored: numba_emitter.Storage) -> int:
    """Return the address of a kernel, compiled if need be."""
    scan = _scans[key]
    emit = {"forward": numba_emitter.emit_forward, "backward": numba_emitter.emit_backward}
    name = f"{scan.neuron.name}_{direction}_{stored}"
    address: int = numba_runtime.load(name, emit[direction](scan, stored)).work.address
    return address
