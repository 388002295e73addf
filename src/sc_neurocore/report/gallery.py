"""The samples that a network gets wrong, as pictures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import FigureBase
from numpy.typing import ArrayLike

from sc_neurocore.report.figures import draw_image
from sc_neurocore.report.style import drawing
from sc_neurocore.report.wording import shorten

COLUMNS = 8
MOST = 3 * COLUMNS
HEIGHT_OF_A_ROW = 0.95
"""In inches."""


@drawing(height=3 * HEIGHT_OF_A_ROW)
def gallery(
    target: FigureBase,
    images: Sequence[ArrayLike],
    labels: Sequence[str],
    given: Sequence[str],
) -> None:
    """Draw inputs, each below its class and the one that the network gave it.

    Args:
        target: The figure.
        images: Numbers of two dimensions or more; at most `MOST` are drawn.
        labels: What they are.
        given: What the network took them for.
    """
    shown = list(zip(images, labels, given, strict=True))[:MOST]
    rows = -(-len(shown) // COLUMNS)
    grid = target.subplots(rows, COLUMNS, squeeze=False)
    for axes, (image, label, answer) in zip(grid.flat, shown, strict=False):
        draw_image(axes, np.asarray(image), "")
        axes.set_title(
            f"{shorten(label, 6)} \N{RIGHTWARDS ARROW} {shorten(answer, 6)}", fontsize=7.5, pad=3
        )
    for axes in grid.flat[len(shown) :]:
        axes.remove()
