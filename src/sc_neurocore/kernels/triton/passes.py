"""Some steps of a scan as one launch of a kernel, forward or backward."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from sc_neurocore.kernels.scans import Arriving, Inputs, Layout, scan_of
from sc_neurocore.kernels.triton.runtime import launch


def run_forward(
    layout: Layout,
    inputs: Inputs,
    currents: Tensor,
    initial: Tensor,
    *,
    first: int = 0,
    spikes: Tensor | None = None,
    counts: Tensor | None = None,
    trace: Tensor | Sequence[Tensor | None] | None = None,
    sums: Sequence[Tensor | None] | None = None,
    final: Tensor | None = None,
) -> None:
    """Run steps one after the other.

    Args:
        layout: Of the scan.
        inputs: Its inputs, of which the currents and the initial state are given apart.
        currents: (steps, batch, ...).
        initial: (states, batch, ...), or (states, 1) if all neurons start alike.
        first: The number of the first step.
        spikes: Where the spikes go; a tensor without elements is as good as None.
        counts: Where their numbers go, likewise.
        trace: Where each state goes after every step, (steps, batch, ...).
        sums: Where the sum of each state over the steps goes, (batch, ...).
        final: Where the states go after the last step, (states, batch, ...).
    """
    states = range(layout.states)
    current_row, current_stride = _rows(currents)
    spike_row, spike_stride = _rows(spikes)
    launch(
        layout,
        "forward",
        inputs,
        currents=current_row,
        current_stride=current_stride,
        initial_stride=0 if initial[0].numel() == 1 else 1,
        first=first,
        steps=len(currents),
        spikes=spike_row,
        spike_stride=spike_stride,
        counts=_whole(counts),
        **{f"initial{k}": initial[k].contiguous() for k in states},
        **{f"trace{k}": None if trace is None else trace[k] for k in states},
        **{f"sum{k}": None if sums is None else sums[k] for k in states},
        **{f"final{k}": None if final is None else final[k] for k in states},
    )


def run_backward(
    layout: Layout,
    inputs: Inputs,
    currents: Tensor,
    kept: Tensor,
    arriving: Arriving,
    *,
    first: int = 0,
    grad_currents: Tensor,
    grad_initial: Tensor,
    credits: Tensor,
) -> None:
    """Run the adjoint of steps, the last one first.

    Args:
        layout: Of the scan.
        inputs: Its inputs.
        currents: (steps, batch, ...).
        kept: The states before each step, (states, steps, batch, ...).
        arriving: The gradients towards what these steps gave.
        first: The number of the first step.
        grad_currents: Where the gradient towards the currents goes: of each step, or the sum over
            them if there is room for one, (steps or 1, batch, ...).
        grad_initial: Where that towards the states before the first step goes, (states, batch,
            ...).
        credits: Where each neuron's gradient towards each wanted constant goes, (wanted, batch,
            ...).
    """
    steps, states, scan = len(currents), range(layout.states), scan_of(layout.plan.key)
    traced, summed = layout.places
    wanted = [scan.constants.index(name) for name in scan.wanted]
    current_row, current_stride = _rows(currents, backwards=True)
    spike_row, spike_stride = _rows(arriving.spikes, backwards=True)
    gradient_row, gradient_stride = _rows(grad_currents, backwards=True)
    kept_rows = [_rows(each, backwards=True) for each in kept]
    trace_rows = [_rows(_pick(arriving.trace, k), backwards=True) for k in traced]
    launch(
        layout,
        "backward",
        inputs,
        currents=current_row,
        current_stride=current_stride,
        kept_stride=kept_rows[0][1],
        first=first + steps - 1,
        steps=steps,
        grad_spikes=spike_row,
        spike_stride=spike_stride,
        grad_counts=_whole(arriving.counts),
        trace_stride=max((stride for _, stride in trace_rows), key=abs),
        grad_currents=gradient_row,
        grad_current_stride=gradient_stride,
        STATIC=len(grad_currents) == 1,
        **{f"kept{k}": kept_rows[k][0] for k in states},
        **{f"initial{k}": grad_initial[k] for k in states},
        **{f"trace{k}": trace_rows[k][0] for k in states},
        **{f"sum{k}": _whole(_pick(arriving.sums, summed[k])) for k in states},
        **{f"final{k}": _whole(_pick(arriving.final, k)) for k in states},
        **{f"credit{i}": credit for i, credit in zip(wanted, credits, strict=True)},
    )


def currents_of(layout: Layout, inputs: Inputs) -> Tensor:
    """Return the currents of every step, (T, batch, ...), also where they are static."""
    if layout.plan.steps:
        return inputs.currents.unsqueeze(0).expand(layout.sequence)
    return inputs.currents


def room_for_states(layout: Layout, inputs: Inputs, steps: int) -> Tensor:
    """Return memory for the states, (states, steps, batch, ...), with the initial one in it."""
    kept = inputs.values.new_empty(layout.states, steps, *layout.frame)
    start = inputs.initial
    kept[:, 0] = start if start[0].numel() > 1 else start.view(-1, *(1,) * len(layout.frame))
    return kept


def _rows(tensor: Tensor | None, *, backwards: bool = False) -> tuple[Tensor | None, int]:
    """Return a tensor that begins with the first row that is taken, and the stride to the next.

    That is 0 if the rows are all the same one. A tensor without elements is None.
    """
    if tensor is None or not tensor.numel():
        return None, 0
    if len(tensor) == 1 or tensor.stride(0) == 0:
        return tensor[0].contiguous(), 0
    whole = tensor.contiguous()
    size = whole[0].numel()
    return (whole[-1], -size) if backwards else (whole, size)


def _whole(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None or not tensor.numel() else tensor.contiguous()


def _pick(stack: Tensor | None, place: int) -> Tensor | None:
    return None if stack is None or not stack.numel() or place < 0 else stack[place]
