"""The figures of a comparison of floats and integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import FigureBase
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import ArrayLike

from sc_neurocore.report.style import BLUE, ORANGE, SOFT, drawing


@drawing(height=4.2)
def both_over_time(
    target: FigureBase,
    title: str,
    rows: Mapping[str, tuple[ArrayLike, ArrayLike]],
    spikes: tuple[ArrayLike, ArrayLike] | None = None,
    divergence: int | None = None,
) -> None:
    """Draw floats and integers over the steps, a row for each quantity.

    Args:
        target: The figure.
        title: What came in.
        rows: By name, the numbers in floats and in integers, one a step.
        spikes: The steps of the spikes in floats and in integers, in a row of their own on top.
        divergence: The step in which the two first differ.
    """
    count = len(rows) + (spikes is not None)
    heights = [0.5] * (spikes is not None) + [1.0] * len(rows)
    axes = target.subplots(
        count, 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": heights}
    )[:, 0]
    if spikes is not None:
        for place, (steps, colour) in enumerate(zip(spikes, (ORANGE, BLUE), strict=True)):
            axes[0].eventplot(
                np.asarray(steps), lineoffsets=1 - place, linelengths=0.8, colors=colour
            )
        axes[0].set_yticks([0, 1], ["integer", "float"])
        axes[0].grid(visible=False)
    for row, (name, (floats, integers)) in zip(
        axes[count - len(rows) :], rows.items(), strict=True
    ):
        row.plot(np.asarray(floats), color=ORANGE, label="float", linewidth=1.8)
        row.plot(np.asarray(integers), color=BLUE, label="integer", linewidth=1.0, linestyle="--")
        row.set_ylabel(name)
    if divergence is not None:
        for row in axes:
            row.axvline(divergence, color=SOFT, linewidth=0.8, linestyle=":")
    axes[0].set_title(title)
    axes[-1].legend(loc="upper left")
    axes[-1].set_xlabel("Step")


@drawing(height=2.8)
def error_by_width(
    target: FigureBase,
    widths: Sequence[int],
    disagreements: Sequence[float],
    errors: Sequence[float],
    luts: Sequence[int],
    chosen: int,
) -> None:
    """Draw what each width costs: spikes that differ and the mean error of states, as fractions.

    Args:
        target: The figure.
        widths: The bits of the formats that were tried: of states, currents and constants together.
        disagreements: 1 less the agreement of the spike counts.
        errors: The mean error of the worst state.
        luts: About how many look-up tables a step takes.
        chosen: Which of them was chosen.
    """
    axes = target.subplots()
    axes.plot(widths, disagreements, color=ORANGE, marker="s", linestyle="", label="spikes differ")
    axes.plot(widths, errors, color=BLUE, marker="o", linestyle="", label="mean error of states")
    axes.axvline(widths[chosen], color=SOFT, linewidth=0.8, linestyle=":")
    axes.set(title=f"{widths[chosen]} bits, about {luts[chosen]} LUTs chosen", xlabel="Bits")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    cost = axes.twinx()
    cost.plot(widths, luts, color=SOFT, marker=".", linestyle="", label="LUTs, about")
    cost.set_ylabel("LUTs, about")
    cost.set_ylim(bottom=0)
    axes.legend()
