"""The frames of the generated Numba modules; `emitter` fills in what a neuron adds.

`$name` alone on its line becomes lines of that indentation, elsewhere a word.

A module's `work` takes the address of int64 numbers, so that any thread can call it without the
interpreter: first those of `NUMBERS`; then for each state where it stands among the traced ones,
or -1; likewise for the summed ones; then where each constant begins and the last one ends; then
for every array its address and its shape.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

Element: TypeAlias = Literal["real", "stored", "double"]
"""What an array holds: what the kernel computes in, what currents and spikes are stored in, or
float64."""

NUMBERS = (
    "taken", "chunks", "chunk", "block", "neurons", "steps", "inner", "columns", "pooled",
    "length_inner",
)  # fmt: skip
"""The next chunk that a thread can take, what `Layout` and `Blocks` say, and a sample's neurons."""

_INPUTS: tuple[tuple[str, int, Element], ...] = (
    ("currents", 2, "stored"),
    ("initial", 2, "real"),
    ("values", 1, "real"),
    ("lengths", 1, "real"),
)

FORWARD_ARRAYS = (
    *_INPUTS,
    ("spikes", 2, "stored"),
    ("counts", 1, "real"),
    ("trace", 3, "real"),
    ("sums", 2, "real"),
    ("final", 2, "real"),
)
"""Name, number of axes and elements of every array of the forward scan, in the order of the
numbers."""

BACKWARD_ARRAYS = (
    *_INPUTS,
    ("grad_spikes", 2, "stored"),
    ("grad_counts", 1, "real"),
    ("grad_trace", 3, "real"),
    ("grad_sums", 2, "real"),
    ("grad_final", 2, "real"),
    ("grad_currents", 2, "stored"),
    ("grad_initial", 2, "real"),
    ("partials", 2, "double"),
)
"""Likewise for the backward scan."""

FORWARD_FEEDBACK: tuple[tuple[str, int, Element], ...] = (("feedback", 2, "real"),)
"""What comes behind them where spikes come back."""

BACKWARD_FEEDBACK: tuple[tuple[str, int, Element], ...] = (
    ("feedback", 2, "real"),
    ("backwards", 2, "real"),
    ("feedback_partials", 3, "real"),
)
"""Likewise for the backward scan; the second one are the weights to each neuron from all."""

FORWARD = '''

@inner
def scan_block(
    start, steps, columns, pooled, currents, spikes, counts, trace, traced, sums, summed, wide,
    spike_row, pooled_row,
    $fed
    $rows
):
    """Run one block of neurons, whose states are in their rows, through all steps."""
    arguments_do_not_overlap()
    size = len(spike_row)
    for t in range(steps):
        $begin
        for j in range(size):
            $step
        if len(spikes) and columns:
            pool_row(spike_row, columns, pooled, pooled_row)
            $write(pooled_row, spikes[t, start // 4 : (start + size) // 4])
        elif len(spikes):
            $write(spike_row, spikes[t, start : start + size])
        if len(counts):
            add_row(spike_row, counts[start : start + size])
        $record


@entry
def work(numbers):
    """Run chunks of neurons from their initial state, until all are taken."""
    $unpack
    wide = np.empty(block, np.$real)
    spike_row = np.empty(block, np.$real)
    pooled_row = np.empty(block, np.$real)
    $scratch
    $allocate
    while True:
        index = take_one(numbers)
        if index >= chunks:
            return
        for start in range(index * chunk, min((index + 1) * chunk, neurons), block):
            size = min(block, neurons - start)
            $load
            scan_block(
                start, steps, columns, pooled, currents, spikes, counts, trace, traced, sums,
                summed, wide[:size], spike_row[:size], pooled_row[: size // 4],
                $fed
                $cut_rows
            )
            $finish
'''

BACKWARD = '''

@inner
def scan_block(
    start, steps, columns, pooled, currents, history, grad_spikes, grad_counts, grad_trace,
    traced, grad_sums, summed, grad_currents, wide, total_row, spike_row, pooled_row,
    current_gradient_row,
    $fed
    $rows
):
    """Run one block forward, then back; rows hold the states and the gradients towards them."""
    arguments_do_not_overlap()
    size = len(spike_row)
    for t in range(steps):
        $kept_rows
        $begin
        for j in range(size):
            $keep
            $step
    for t in range(steps - 1, -1, -1):
        $kept_rows
        $begin_reverse
        if len(grad_counts):
            copy_row(grad_counts[start : start + size], spike_row)
        else:
            spike_row[:] = ZERO
        if len(grad_spikes):
            r = t if len(grad_spikes) > 1 else 0
            if columns:
                pooled_row[:] = ZERO
                $add(grad_spikes[r, start // 4 : (start + size) // 4], pooled_row)
                unpool_row(pooled_row, columns, pooled, spike_row)
            else:
                $add(grad_spikes[r, start : start + size], spike_row)
        $arrive
        for j in range(size):
            $adjoint
        $send
        if len(grad_currents) == 1:
            add_row(current_gradient_row, total_row)
        else:
            $write(current_gradient_row, grad_currents[t, start : start + size])
    if len(grad_currents) == 1:
        $write(total_row, grad_currents[0, start : start + size])


@entry
def work(numbers):
    """Compute the gradients of chunks of neurons, until all are taken."""
    $unpack
    history = np.empty(($state_count, steps, block), np.$real)
    wide = np.empty(block, np.$real)
    total_row = np.empty(block, np.$real)
    spike_row = np.empty(block, np.$real)
    pooled_row = np.empty(block, np.$real)
    current_gradient_row = np.empty(block, np.$real)
    $scratch
    $allocate
    while True:
        index = take_one(numbers)
        if index >= chunks:
            return
        for start in range(index * chunk, min((index + 1) * chunk, neurons), block):
            size = min(block, neurons - start)
            $load
            total_row[:] = ZERO
            $zero
            scan_block(
                start, steps, columns, pooled, currents, history, grad_spikes, grad_counts,
                grad_trace, traced, grad_sums, summed, grad_currents, wide[:size],
                total_row[:size], spike_row[:size], pooled_row[: size // 4],
                current_gradient_row[:size],
                $fed
                $cut_rows
            )
            $credit
            $finish
'''
