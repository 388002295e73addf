"""The two functions of a back end, `kernels.scans.Kernels`, by Numba."""

from __future__ import annotations

import torch

from sc_neurocore.kernels.numba.call import Call, blocks_of
from sc_neurocore.kernels.scans import Arriving, Gradients, Inputs, Layout, Results


def forward(layout: Layout, inputs: Inputs, results: Results) -> None:
    """Run a scan and fill the results."""
    spikes, counts, trace, sums, final = results
    if layout.plan.counts:
        counts.zero_()
    if layout.plan.sums:
        sums.zero_()
    call = Call(layout, inputs)
    call.add_rows(spikes)
    call.add(counts, (counts.numel(),))
    call.add(trace, (len(trace), layout.sequence[0], layout.neurons))
    call.add(sums, (len(sums), layout.neurons))
    call.add(final, (layout.states, layout.neurons))
    if inputs.feedback is not None:
        call.add(inputs.feedback, inputs.feedback.shape)
    call.run("forward", layout.places)


def backward(layout: Layout, inputs: Inputs, arriving: Arriving, gradients: Gradients) -> None:
    """Run the adjoint and fill the gradients: the same bits whatever the number of threads."""
    chunks, feedback = blocks_of(layout).chunks, inputs.feedback
    partials = torch.zeros(chunks, inputs.values.numel(), dtype=torch.float64)
    call = Call(layout, inputs)
    call.add_rows(arriving.spikes)
    call.add(arriving.counts, (0 if arriving.counts is None else layout.neurons,))
    call.add_stack(arriving.trace)
    call.add_rows(arriving.sums)
    call.add_rows(arriving.final)
    call.add_rows(gradients.currents)
    call.add_rows(gradients.initial)
    call.add(partials, tuple(partials.shape))
    if feedback is not None:
        of_feedback = feedback.new_zeros(chunks, *feedback.shape)
        backwards = feedback[:-1].t().contiguous()
        call.add(feedback, feedback.shape)
        call.add(backwards, backwards.shape)
        call.add(of_feedback, of_feedback.shape)
    nowhere = (-1,) * layout.states
    traced, summed = layout.places
    places = (
        nowhere if arriving.trace is None else traced,
        nowhere if arriving.sums is None else summed,
    )
    call.run("backward", places)
    gradients.values.copy_(torch.from_numpy(partials.numpy().sum(0)))
    if feedback is not None:
        gradients.feedback.copy_(torch.from_numpy(of_feedback.numpy().sum(0)))
