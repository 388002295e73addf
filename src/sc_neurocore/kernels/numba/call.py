"""A scan's shapes and memory as the numbers that its compiled kernel reads.

What is optional and not asked for is an empty tensor, or None.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache

from torch import Tensor

from sc_neurocore.kernels.numba import emitter, runtime
from sc_neurocore.kernels.numba.templates import NUMBERS
from sc_neurocore.kernels.scans import Inputs, Layout, scan_of
from sc_neurocore.kernels.threads import thread_count

_CHUNKS = 64
"""At most so many partial sums per parameter, whatever the number of threads."""

_PARTIALS, _LEAST_CHUNKS = 1 << 26, 8
"""Bytes that all partial sums of recurrent weights should fit, and how many there are at least."""

_LEAST_SAMPLES, _MOST_SAMPLES = 4, 32
"""Samples of a recurrent layer in a block: the more, the less often its weights are read."""

_SCRATCH = 1 << 18
"""Bytes that the states of a block over all steps should fit, an eighth of a common L2 cache."""

_SERIAL = 1 << 16
"""With fewer neuron-steps than this one thread is as fast: others take a while to begin."""


class Blocks:
    """How the neurons of a scan are cut into blocks and chunks."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    @cached_property
    def block(self) -> int:
        """Neurons that run through all steps together.

        They are whole squares of pooled images, and whole samples of recurrent layers.
        """
        layout = self.layout
        # Where spikes come back, the currents are kept beside the states.
        rows = layout.states + layout.recurrent
        fitting = _SCRATCH // (rows * layout.sequence[0] * layout.real.itemsize)
        if layout.recurrent:
            sample = layout.frame[-1]
            return sample * min(max(fitting // sample, _LEAST_SAMPLES), _MOST_SAMPLES)
        block = 1 << min(max(fitting.bit_length() - 1, 6), 10)
        squares = 2 * layout.columns * layout.pooled
        return squares * max(1, block // squares) if squares else block

    @cached_property
    def chunk(self) -> int:
        """Neurons that share a partial sum, whatever the number of threads."""
        layout, chunks = self.layout, _CHUNKS
        if layout.recurrent:
            fitting = _PARTIALS // (layout.frame[-1] ** 2 * layout.real.itemsize)
            chunks = min(max(fitting, _LEAST_CHUNKS), _CHUNKS)
        return self.block * max(1, -(-layout.neurons // (self.block * chunks)))

    @cached_property
    def chunks(self) -> int:
        """Number of partial sums."""
        return -(-self.layout.neurons // self.chunk)

    @cached_property
    def numbers(self) -> tuple[int, ...]:
        """The first numbers that a kernel reads, `templates.NUMBERS`."""
        layout = self.layout
        own = {**vars(layout), "steps": layout.sequence[0], "inner": layout.plan.inner, "taken": 0}
        own |= {"block": self.block, "chunk": self.chunk, "chunks": self.chunks}
        own["length_inner"] = layout.neurons // layout.frame[0]
        return tuple(own[name] for name in NUMBERS)


@lru_cache(maxsize=4096)
def blocks_of(layout: Layout) -> Blocks:
    """Return how a layout is cut, worked out once."""
    return Blocks(layout)


class Call:
    """One run of a kernel: the numbers that it reads, and the memory that they point to."""

    def __init__(self, layout: Layout, inputs: Inputs) -> None:
        self.layout = layout
        self.blocks = blocks_of(layout)
        self.held: list[Tensor] = []
        self.numbers: list[int] = []
        initial, lengths = inputs.initial, inputs.lengths
        self.add_rows(inputs.currents)
        self.add(initial, (layout.states, initial.numel() // layout.states))
        self.add(inputs.values, (inputs.values.numel(),))
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
        layout, blocks = self.layout, self.blocks
        work = layout.sequence[0] * layout.neurons
        if not work:
            return
        traced, summed = places
        numbers = array("q", (*blocks.numbers, *traced, *summed, *layout.offsets, *self.numbers))
        stored = str(layout.stored).removeprefix("torch.")
        threads = thread_count() if work >= _SERIAL else 1
        runtime.run_on_threads(
            _entry(layout.plan.key, direction, stored),
            numbers.buffer_info()[0],
            min(threads, blocks.chunks),
        )


@cache
def _entry(key: str, direction: str, stored: emitter.Storage) -> int:
    """Return the address of a kernel, compiled if need be."""
    scan = scan_of(key)
    emit = {"forward": emitter.emit_forward, "backward": emitter.emit_backward}
    name = f"{scan.neuron.name}_{direction}_{stored}"
    address: int = runtime.load(name, emit[direction](scan, stored)).work.address
    return address
