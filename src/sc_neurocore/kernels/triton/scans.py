"""The two functions of a back end, `kernels.scans.Kernels`, by Triton.

Forward is one launch. Backward it is two: the states before each step, which the forward scan did
not keep, and the adjoint. Where spikes come back, `recurrent` takes a launch for each step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from sc_neurocore.kernels.scans import Arriving, Gradients, Inputs, Layout, Results, scan_of
from sc_neurocore.kernels.triton import recurrent
from sc_neurocore.kernels.triton.passes import (
    currents_of,
    room_for_states,
    run_backward,
    run_forward,
)


def forward(layout: Layout, inputs: Inputs, results: Results) -> None:
    """Run a scan and fill the results."""
    if not layout.neurons:
        return
    if inputs.feedback is not None:
        recurrent.forward(layout, inputs, results)
        return
    traced, summed = layout.places
    run_forward(
        layout,
        inputs,
        currents_of(layout, inputs),
        inputs.initial,
        spikes=results.spikes,
        counts=results.counts,
        trace=[None if place < 0 else results.trace[place] for place in traced],
        sums=[None if place < 0 else results.sums[place] for place in summed],
        final=results.final,
    )


def backward(layout: Layout, inputs: Inputs, arriving: Arriving, gradients: Gradients) -> None:
    """Run the adjoint and fill the gradients: the same bits in every run."""
    wanted = scan_of(layout.plan.key).wanted
    credits = gradients.initial.new_empty(len(wanted), *layout.frame)
    if not layout.neurons:
        gradients.feedback.zero_()
    elif inputs.feedback is not None:
        recurrent.backward(layout, inputs, arriving, gradients, credits)
    else:
        currents = currents_of(layout, inputs)
        is_static = layout.plan.steps > 0
        run_backward(
            layout,
            inputs,
            currents,
            _kept(layout, inputs, currents),
            arriving,
            grad_currents=gradients.currents.unsqueeze(0) if is_static else gradients.currents,
            grad_initial=gradients.initial,
            credits=credits,
        )
    _add_up(layout, credits, gradients.values)


def _kept(layout: Layout, inputs: Inputs, currents: Tensor) -> Tensor:
    """Return the states before each step, (states, T, batch, ...)."""
    kept = room_for_states(layout, inputs, layout.sequence[0])
    if len(currents) > 1:
        run_forward(layout, inputs, currents[:-1], inputs.initial, trace=kept[:, 1:])
    return kept


def _add_up(layout: Layout, credits: Tensor, values: Tensor) -> None:
    """Sum each neuron's gradients towards the constants over what shares a value, in fixed order.

    Args:
        layout: Of the scan.
        credits: (wanted, batch, ...).
        values: Where the sums go, those of what is not wanted 0.
    """
    scan, plan = scan_of(layout.plan.key), layout.plan
    values.zero_()
    if not layout.neurons:
        return
    for name, credit in zip(scan.wanted, credits, strict=True):
        index = scan.constants.index(name)
        by_channel = credit.view(-1, plan.sizes[index], plan.inner)
        total = by_channel.sum((0, 2), dtype=torch.float64)
        values[layout.offsets[index] : layout.offsets[index + 1]] = total
