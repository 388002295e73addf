"""The products of recurrent layers, which the emitter puts behind the text of `support`.

Forward, the weights' rows of the neurons that fired are added up, in the order of the neurons, so
that a product costs as much as there are spikes. Backward, gradients are not sparse: they are added
row by row too, four rows to two samples at a time, out of a tile of weights that stays in the first
cache.
"""

from __future__ import annotations

from typing import Any

from sc_neurocore.kernels.numba.support import add_row, arguments_do_not_overlap, contracted

# Where the emitted text begins.


@contracted
def add_one(total: Any, matrix: Any, a: int, of_a: Any) -> None:
    """Add a multiple of one row of a matrix."""
    arguments_do_not_overlap()
    row = matrix[a]
    for x in range(len(total)):
        total[x] += of_a * row[x]


@contracted
def add_four(
    total: Any, matrix: Any, rows: Any, of_a: Any, of_b: Any, of_c: Any, of_d: Any
) -> None:
    """Add multiples of four rows of a matrix, one after the other."""
    arguments_do_not_overlap()
    a, b, c, d = matrix[rows[0]], matrix[rows[1]], matrix[rows[2]], matrix[rows[3]]
    for x in range(len(total)):
        total[x] = (((total[x] + of_a * a[x]) + of_b * b[x]) + of_c * c[x]) + of_d * d[x]


@contracted
def add_tile(one: Any, other: Any, weights: Any, i: int, low: int, g: Any, h: Any) -> None:
    """Add four rows from column `low` on to two totals, each with four factors of its own."""
    arguments_do_not_overlap()
    end = low + len(one)
    a, b = weights[i][low:end], weights[i + 1][low:end]
    c, d = weights[i + 2][low:end], weights[i + 3][low:end]
    g0, g1, g2, g3 = g[0], g[1], g[2], g[3]
    h0, h1, h2, h3 = h[0], h[1], h[2], h[3]
    for x in range(len(one)):
        ax, bx, cx, dx = a[x], b[x], c[x], d[x]
        one[x] = (((one[x] + g0 * ax) + g1 * bx) + g2 * cx) + g3 * dx
        other[x] = (((other[x] + h0 * ax) + h1 * bx) + h2 * cx) + h3 * dx


@contracted
def feed_back(spikes: Any, weights: Any, events: Any, brought: Any, currents: Any) -> None:
    """Add to a block of samples what the spikes of the step before bring.

    Args:
        spikes: 0 or 1 (what a user starts from may be another number), (samples * neurons,).
        weights: From each neuron to all, and a last row that always comes, (neurons + 1, neurons).
        events: Scratch, (neurons,).
        brought: Scratch, (neurons,).
        currents: What is added to, as the spikes.
    """
    count = weights.shape[1]
    for first in range(0, len(spikes), count):
        fired = 0
        for j in range(count):
            events[fired] = j
            fired += spikes[first + j] != 0
        brought[:] = weights[count]
        at = 0
        while at + 4 <= fired:
            rows = events[at : at + 4]
            add_four(
                brought,
                weights,
                rows,
                spikes[first + rows[0]],
                spikes[first + rows[1]],
                spikes[first + rows[2]],
                spikes[first + rows[3]],
            )
            at += 4
        while at < fired:
            add_one(brought, weights, events[at], spikes[first + events[at]])
            at += 1
        sample = currents[first : first + count]
        for x in range(count):
            sample[x] += brought[x]


@contracted
def send_back(gradients: Any, weights: Any, idle: Any, towards: Any) -> None:
    """Add to the gradients towards the last spikes what comes through the weights.

    Args:
        gradients: Towards the currents of a block of samples, (samples * neurons,).
        weights: To each neuron from all, (neurons, neurons).
        idle: Scratch of as many zeros as a tile has columns, at most; not zero afterwards.
        towards: What is added to, as the gradients.
    """
    count = weights.shape[1]
    whole = count // 4 * 4
    columns = min(count, len(idle))
    tile = max(4096 // columns // 4 * 4, 4)
    for low in range(0, count, columns):
        high = min(low + columns, count)
        for top in range(0, count, tile):
            for first in range(0, len(gradients), 2 * count):
                second = first + count
                g = gradients[first:second]
                one = towards[first + low : first + high]
                if second < len(gradients):
                    h = gradients[second : second + count]
                    other = towards[second + low : second + high]
                else:
                    h, other = g, idle[: high - low]
                for i in range(top, min(top + tile, whole), 4):
                    add_tile(one, other, weights, i, low, g[i : i + 4], h[i : i + 4])
        for i in range(whole, count):
            row = weights[i][low:high]
            for first in range(0, len(gradients), count):
                factor = gradients[first + i]
                one = towards[first + low : first + high]
                for x in range(high - low):
                    one[x] += factor * row[x]


@contracted
def credit(spikes: Any, gradients: Any, places: Any, numbers: Any, totals: Any) -> None:
    """Add up the gradient towards the weights of a block: spikes times what they would have moved.

    Args:
        spikes: What came back in each step of each sample, (steps * samples, neurons).
        gradients: Towards the currents that it came into, as the spikes.
        places: Scratch for the rows in which each neuron fired, (neurons, at a time).
        numbers: Scratch for how many these are, (neurons,).
        totals: What is added to, as the weights of `feed_back`.
    """
    count, at_a_time = places.shape
    for top in range(0, len(spikes), at_a_time):
        end = min(top + at_a_time, len(spikes))
        numbers[:] = 0
        for row in range(top, end):
            for j in range(count):
                places[j, numbers[j]] = row
                numbers[j] += spikes[row, j] != 0
            add_row(gradients[row], totals[count])
        for j in range(count):
            total, fired, at = totals[j], numbers[j], 0
            while at + 4 <= fired:
                rows = places[j, at : at + 4]
                add_four(
                    total,
                    gradients,
                    rows,
                    spikes[rows[0], j],
                    spikes[rows[1], j],
                    spikes[rows[2], j],
                    spikes[rows[3], j],
                )
                at += 4
            while at < fired:
                add_one(total, gradients, places[j, at], spikes[places[j, at], j])
                at += 1
