"""Figures of a comparison of floats with integers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from sc_neurocore.fixed.choosing import Chosen
from sc_neurocore.fixed.comparison import NeuronComparison
from sc_neurocore.fixed.network_comparison import NetworkComparison
from sc_neurocore.fixed.qformat import FixedPoint
from sc_neurocore.report.comparison import both_over_time, error_by_width
from sc_neurocore.report.style import to_svg


def drawings(found: NeuronComparison | NetworkComparison, chosen: Chosen) -> dict[str, str]:
    """Return SVG texts by name: what was compared, and the formats that were tried."""
    if isinstance(found, NeuronComparison):
        figures = _neuron_figures(found)
    else:
        figures = _network_figures(found)
    if chosen.tried:
        figures["formats"] = _trade_off(chosen)
    return {
        name: to_svg(figure, name, f"Floats and integers: {name}")
        for name, figure in figures.items()
    }


def _neuron_figures(found: NeuronComparison) -> dict[str, Figure]:
    """Draw every channel of the stimulus."""
    figures = {}
    for channel, name in enumerate(found.stimulus.names):
        both = found.floats, found.integers
        different = np.flatnonzero(both[0].spikes[:, channel] != both[1].spikes[:, channel])
        figures[name.replace(" ", "-")] = both_over_time(
            f"{found.program.neuron.name} in {found.format}: {name}",
            {
                state: (trace[:, channel], both[1].states[state][:, channel])
                for state, trace in both[0].states.items()
            },
            (
                np.flatnonzero(both[0].spikes[:, channel]),
                np.flatnonzero(both[1].spikes[:, channel]),
            ),
            int(different[0]) if different.size else None,
        )
    return figures


def _network_figures(found: NetworkComparison) -> dict[str, Figure]:
    """Draw how many spikes each layer has in each step, all samples together."""
    rows = {
        layer.name.split(",")[0]: tuple(
            run.spikes[number].reshape(len(run.spikes[number]), -1).sum(axis=1)
            for run in (found.floats, found.integers)
        )
        for number, layer in enumerate(found.layers)
    }
    first = found.first_divergence
    figure = both_over_time(
        f"{found.network.name} in {found.format}: spikes of {found.samples} inputs",
        {name: (floats, integers) for name, (floats, integers) in rows.items()},
        divergence=first.step if first else None,
    )
    return {"spikes": figure}


def _trade_off(chosen: Chosen) -> Figure:
    tried = chosen.tried
    return error_by_width(
        [each.width for each in tried],
        [1 - each.spike_agreement for each in tried],
        [each.mean_state_error for each in tried],
        [each.luts for each in tried],
        next(
            index
            for index, each in enumerate(tried)
            if FixedPoint.parse(each.format, each.constant_bits) == chosen.formats
        ),
    )
