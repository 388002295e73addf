"""Scans whose spikes come back: a launch for each step, and PyTorch's products between them."""

from __future__ import annotations

import torch
from torch import Tensor

from sc_neurocore.kernels.scans import Arriving, Gradients, Inputs, Layout, Results
from sc_neurocore.kernels.triton.passes import (
    currents_of,
    room_for_states,
    run_backward,
    run_forward,
)


def forward(layout: Layout, inputs: Inputs, results: Results) -> None:
    """Run a scan and fill the results."""
    plan = layout.plan
    spikes = results.spikes if plan.spikes else results.final.new_empty(layout.sequence)
    states, _ = _run(layout, inputs, spikes)
    if plan.counts:
        torch.sum(spikes, 0, dtype=layout.real, out=results.counts)
    for place, state in enumerate(plan.trace):
        results.trace[place] = states[state, 1:]
    for place, state in enumerate(plan.sums):
        results.sums[place] = states[state, 1:].sum(0)
    results.final.copy_(states[:, -1])


def backward(
    layout: Layout, inputs: Inputs, arriving: Arriving, gradients: Gradients, credits: Tensor
) -> None:
    """Run the adjoint and fill the gradients, but those towards the constants.

    Args:
        layout: Of the scan.
        inputs: Its inputs.
        arriving: What comes from behind.
        gradients: What is filled.
        credits: Where each neuron's gradient towards each wanted constant goes, (wanted, batch,
            ...).
    """
    assert inputs.feedback is not None
    states, driven = _run(layout, inputs, None)
    to_all = inputs.feedback[:-1].t()
    towards_currents, of_step = torch.empty_like(driven), torch.empty_like(credits)
    credits.zero_()
    final = arriving.final
    for t in reversed(range(len(driven))):
        now = slice(t, t + 1)
        before = torch.empty_like(gradients.initial)
        run_backward(
            layout,
            inputs,
            driven[now],
            states[:, now],
            arriving._replace(
                spikes=None if arriving.spikes is None else arriving.spikes[now],
                trace=None if arriving.trace is None else arriving.trace[:, now],
                final=final,
            ),
            first=t,
            grad_currents=towards_currents[now],
            grad_initial=before,
            credits=of_step,
        )
        before[-1] += towards_currents[t] @ to_all
        credits += of_step
        final = before
    gradients.initial.copy_(before)
    by_sample = towards_currents.flatten(0, -2)
    gradients.feedback[:-1] = states[-1, :-1].flatten(0, -2).t() @ by_sample
    gradients.feedback[-1] = by_sample.sum(0)
    is_static = layout.plan.steps > 0
    gradients.currents.copy_(towards_currents.sum(0) if is_static else towards_currents)


def _run(layout: Layout, inputs: Inputs, spikes: Tensor | None) -> tuple[Tensor, Tensor]:
    """Run all steps.

    Args:
        layout: Of the scan.
        inputs: Its inputs.
        spikes: Where the spikes go, if anywhere.

    Returns:
        The states before the first step and after each, (states, T + 1, batch, ...), and the
        currents together with what spikes brought, (T, batch, ...).
    """
    assert inputs.feedback is not None
    currents, weights, always = (
        currents_of(layout, inputs),
        inputs.feedback[:-1],
        inputs.feedback[-1],
    )
    states = room_for_states(layout, inputs, len(currents) + 1)
    driven = states.new_empty(layout.sequence)
    for t in range(len(currents)):
        now, after = slice(t, t + 1), slice(t + 1, t + 2)
        torch.add(currents[t], states[-1, t] @ weights + always, out=driven[t])
        run_forward(
            layout,
            inputs,
            driven[now],
            states[:, t],
            first=t,
            spikes=None if spikes is None else spikes[now],
            trace=states[:, after],
        )
    return states, driven
