"""The fused scan and its adjoint as PyTorch operators, opaque to `torch.compile`.

Currents are (T, batch, ...), or (batch, ...) with `steps` above 0. What is optional and not asked
for is an empty tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, cached_property, partial
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sc_neurocore.kernels import numba_emitter, numba_runtime
from sc_neurocore.kernels.derive import Scan

Array = NDArray[Any]

_CHUNKS = 64
"""At most so many partial sums per parameter, whatever the number of threads."""

_SCRATCH = 1 << 18
"""Bytes that the states of a block over all steps should fit, an eighth of a common L2 cache."""

_SERIAL = 1 << 20
"""With fewer neuron-steps than this one thread is as fast: PyTorch's own threads, which wait
actively for its next matrix product, hold the other cores."""

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
    trace: Sequence[int]
    sums: Sequence[int]
    sizes: Sequence[int]

    def packed(self) -> list[int]:
        """Return all but the key in one list, the form in which an operator takes it."""
        switches = [self.inner, self.steps, self.pool, int(self.spikes), int(self.counts)]
        lists = [len(self.trace), *self.trace, len(self.sums), *self.sums, *self.sizes]
        return switches + lists

    @classmethod
    def unpacked(cls, key: str, numbers: Sequence[int]) -> Plan:
        """Return the plan of a packed list."""
        inner, steps, pool, spikes, counts, length, *rest = numbers
        trace, (length, *rest) = rest[:length], rest[length:]
        sums, sizes = rest[:length], rest[length:]
        return cls(key, inner, steps, pool, bool(spikes), bool(counts), trace, sums, sizes)


def run_scan(
    currents: Tensor, initial: Tensor, values: Tensor, lengths: Tensor | None, plan: Plan
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Run a scan, differentiably; return spikes, counts, trace, sums and the final state.

    Args:
        currents: (T, batch, ...) or, static, (batch, ...).
        initial: (states, batch, ...), or (states, 1) if all neurons start alike.
        values: The scan's constants, one after the other.
        lengths: Valid steps of each sequence, (batch,).
        plan: What to do.
    """
    arguments = currents, initial, values, lengths, plan.key, plan.packed()
    if torch.compiler.is_compiling() or type(currents) not in (Tensor, torch.nn.Parameter):
        results: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] = scan_forward(*arguments)
    else:
        # The same without the way through PyTorch's dispatcher, which takes 100 µs there and back.
        results = _DirectScan.apply(*arguments)  # type: ignore[no-untyped-call]
    return results


def _forward(
    currents: Tensor,
    initial: Tensor,
    values: Tensor,
    lengths: Tensor | None,
    key: str,
    plan: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    run = _Run(currents, initial, values, lengths, Plan.unpacked(key, plan))
    results = run.results()
    spikes, counts, trace, sums, final = results
    counts.zero_()
    sums.zero_()
    run.call(
        "forward",
        run.rows(spikes),
        _array(counts.view(-1)),
        run.stack(trace),
        _places(tuple(run.plan.trace), run.states),
        run.rows(sums),
        _places(tuple(run.plan.sums), run.states),
        run.rows(final),
    )
    return results


def _backward(
    grad_spikes: Tensor | None,
    grad_counts: Tensor | None,
    grad_trace: Tensor | None,
    grad_sums: Tensor | None,
    grad_final: Tensor | None,
    currents: Tensor,
    initial: Tensor,
    values: Tensor,
    lengths: Tensor | None,
    key: str,
    plan: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    run = _Run(currents, initial, values, lengths, Plan.unpacked(key, plan))
    results = run.gradients()
    grad_currents, grad_initial, grad_values = results
    partials = np.zeros((run.chunks, values.numel()))
    nothing = currents.new_empty(0, dtype=run.real)
    run.call(
        "backward",
        run.rows(nothing.to(currents.dtype) if grad_spikes is None else grad_spikes),
        _array((nothing if grad_counts is None else grad_counts).contiguous().view(-1)),
        run.stack(nothing if grad_trace is None else grad_trace),
        _places(() if grad_trace is None else tuple(run.plan.trace), run.states),
        run.rows(nothing if grad_sums is None else grad_sums),
        _places(() if grad_sums is None else tuple(run.plan.sums), run.states),
        run.rows(nothing if grad_final is None else grad_final),
        run.rows(run.over_time(grad_currents)),
        run.rows(grad_initial),
        partials,
    )
    # In a fixed order: the same bits whatever the number of threads.
    grad_values.copy_(torch.from_numpy(partials.sum(0)))
    return results


def _remember(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, ctx.key, ctx.plan = inputs
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)


def _differentiate(ctx: Any, *gradients: Any) -> tuple[Any, ...]:
    # Where somebody wants to differentiate again, the operator says that it cannot.
    direct = not (torch.compiler.is_compiling() or torch.is_grad_enabled())
    backward: Callable[..., Any] = _backward if direct else scan_backward
    towards = backward(*gradients, *ctx.saved_tensors, ctx.key, ctx.plan)
    needed = zip(towards, ctx.needs_input_grad, strict=False)
    return (*(gradient if wanted else None for gradient, wanted in needed), None, None, None)


class _DirectScan(torch.autograd.Function):
    # Not with `setup_context`, for which PyTorch inspects the signature at every call.
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        _remember(ctx, inputs, ())
        return _forward(*inputs)

    backward = staticmethod(_differentiate)


_operator: Any = partial(torch.library.custom_op, mutates_args=(), device_types="cpu")
scan_forward: Any = _operator("sc_neurocore::scan_forward", _forward)
scan_backward: Any = _operator("sc_neurocore::scan_backward", _backward)
scan_forward.register_autograd(_differentiate, setup_context=_remember)


def _empty_results(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    currents, initial, values, lengths, key, plan = arguments
    return _Run(currents, initial, values, lengths, Plan.unpacked(key, plan)).results()


def _empty_gradients(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    currents, initial, values, lengths, key, plan = arguments[5:]
    return _Run(currents, initial, values, lengths, Plan.unpacked(key, plan)).gradients()


scan_forward.register_fake(_empty_results)
scan_backward.register_fake(_empty_gradients)


class _Run:
    """The arguments that both directions share, and what follows from them."""

    def __init__(
        self,
        currents: Tensor,
        initial: Tensor,
        values: Tensor,
        lengths: Tensor | None,
        plan: Plan,
    ) -> None:
        self.tensors = currents, initial, values, lengths
        self.plan = plan
        self.frame = tuple(currents.shape if plan.steps else currents.shape[1:])
        self.sequence = (plan.steps or currents.shape[0], *self.frame)
        self.real = computed_in(currents.dtype)
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

    @property
    def chunks(self) -> int:
        """Number of partial sums."""
        return -(-self.neurons // self.chunk)

    def results(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return empty tensors for what the forward scan gives."""
        currents = self.tensors[0]

        def make(*shape: int) -> Tensor:
            return currents.new_empty(shape, dtype=self.real)

        plan, nothing = self.plan, (0, *self.spike_sequence[1:])
        return (
            currents.new_empty(self.spike_sequence if plan.spikes else nothing),
            make(*self.frame) if plan.counts else make(0),
            make(len(plan.trace), *self.sequence),
            make(len(plan.sums), *self.frame),
            make(self.states, *self.frame),
        )

    def gradients(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return empty tensors for what the backward scan gives."""
        currents, _, values, _ = self.tensors
        return (
            currents.new_empty(currents.shape),
            values.new_empty((self.states, *self.frame)),
            values.new_empty(values.shape),
        )

    def over_time(self, currents: Tensor) -> Tensor:
        """Give a static current, or the gradient towards it, an axis of one step."""
        return currents if currents.ndim > len(self.frame) else currents.unsqueeze(0)

    def rows(self, tensor: Tensor) -> Array:
        """Return rows of all neurons; rows that are all the same one come as one."""
        if tensor.ndim > 1 and len(tensor) > 1 and tensor.stride(0) == 0:
            tensor = tensor[:1]
        length = len(tensor) if tensor.numel() else 0
        return _array(tensor.contiguous().view(length, -1 if length else self.neurons))

    def stack(self, tensor: Tensor) -> Array:
        """Return (states, T, neurons), or (states, 1, neurons) if all steps are the same one."""
        if not tensor.numel():
            return _array(tensor.new_empty(0, 1, self.neurons))
        if tensor.stride(1) == 0:
            tensor = tensor[:, :1]
        return _array(tensor.contiguous().view(*tensor.shape[:2], self.neurons))

    def call(self, direction: str, *arrays: Array) -> None:
        """Run a kernel over all chunks, on as many threads as PyTorch uses."""
        currents, initial, values, lengths = self.tensors
        steps, neurons = self.sequence[0], self.neurons
        work = steps * neurons
        if not work:
            return
        stored = str(currents.dtype).removeprefix("torch.")
        numba_runtime.run_chunks(
            _module(self.plan.key, direction, stored).run,
            self.chunks,
            torch.get_num_threads() if work >= _SERIAL else 1,
            self.chunk,
            self.block,
            steps,
            self.plan.inner,
            self.columns,
            self.pooled,
            self.rows(self.over_time(currents)),
            _array(initial.contiguous().view(self.states, -1)),
            _array(values),
            _offsets(tuple(self.plan.sizes)),
            _array(values.new_empty(0) if lengths is None else lengths),
            neurons // self.frame[0],
            *arrays,
        )


@cache
def _places(asked: tuple[int, ...], states: int) -> Array:
    """Return for each state where it stands among those asked for, or -1."""
    places = np.full(states, -1, dtype=np.int64)
    places[list(asked)] = np.arange(len(asked))
    return places


@cache
def _offsets(sizes: tuple[int, ...]) -> Array:
    """Return where each constant begins, and where the last one ends."""
    return np.cumsum((0, *sizes))


def _array(tensor: Tensor) -> Array:
    """Return a tensor's memory; bfloat16 as uint16."""
    if tensor.dtype == torch.bfloat16:
        return tensor.detach().view(torch.int16).numpy().view(np.uint16)
    return tensor.detach().numpy()


@cache
def _module(key: str, direction: str, stored: numba_emitter.Storage) -> ModuleType:
    scan = _scans[key]
    emit = {"forward": numba_emitter.emit_forward, "backward": numba_emitter.emit_backward}
    name = f"{scan.neuron.name}_{direction}_{stored}"
    return numba_runtime.load(name, emit[direction](scan, stored))
