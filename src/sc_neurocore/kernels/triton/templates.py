"""The frames of the generated Triton kernels; `emitter` fills in what a neuron adds.

`$name` alone on its line becomes lines of that indentation, elsewhere a word. What is optional and
not asked for comes as None, for which Triton compiles a kernel without it. Pointers to what changes
with time stand at the first step that is run, and move by a stride: it is 0 for what is the same
at every step, and below 0 for what is run through backwards.
"""

from __future__ import annotations

IMPORTS = """import triton
import triton.language as tl

from sc_neurocore.kernels.triton.support import (
    $used
)


"""

FORWARD = '''@triton.jit(do_not_specialize=["first"])
def scan(
    currents, current_stride, initial_stride, values, inner, lengths, length_inner, first, steps,
    neurons, columns, pooled, spikes, spike_stride, counts,
    $arguments
    POOL: tl.constexpr, BLOCK: tl.constexpr,
):
    """Run a block of neurons from their initial state through all steps."""
    at, spikes_at, inside = places(neurons, columns, pooled, POOL, BLOCK)
    $numbers
    $load
    count = ZERO
    for _ in range(steps):
        $current = tl.load(currents + at, mask=inside, other=0.0).to(tl.$real)
        currents += current_stride
        $step
        if spikes is not None:
            if POOL:
                put_squares(spikes, $spike, neurons, BLOCK)
            else:
                put(spikes + at, $spike, inside)
            spikes += spike_stride
        if counts is not None:
            count += $spike
        $record
    if counts is not None:
        put(counts + at, count, inside)
    $finish
'''

BACKWARD = '''@triton.jit(do_not_specialize=["first"])
def scan(
    kept_stride, currents, current_stride, values, inner, lengths, length_inner, first, steps,
    neurons, columns, pooled, grad_spikes, spike_stride, grad_counts, trace_stride,
    grad_currents, grad_current_stride,
    $arguments
    STATIC: tl.constexpr, POOL: tl.constexpr, BLOCK: tl.constexpr,
):
    """Run a block of neurons backwards, from the states before each step, which were kept."""
    at, spikes_at, inside = places(neurons, columns, pooled, POOL, BLOCK)
    $numbers
    $load
    total = ZERO
    from_count = ZERO
    if grad_counts is not None:
        from_count = tl.load(grad_counts + at, mask=inside, other=0.0)
    for _ in range(steps):
        $kept
        $current = tl.load(currents + at, mask=inside, other=0.0).to(tl.$real)
        currents += current_stride
        $spike_gradient = from_count
        if grad_spikes is not None:
            arriving = tl.load(grad_spikes + spikes_at, mask=inside, other=0.0).to(tl.$real)
            if POOL:
                arriving *= 0.25
            $spike_gradient += arriving
            grad_spikes += spike_stride
        $arrive
        $adjoint
        if STATIC:
            total += $current_gradient
        else:
            put(grad_currents + at, $current_gradient, inside)
            grad_currents += grad_current_stride
    if STATIC:
        put(grad_currents + at, total, inside)
    $finish
'''
