"""The figure of a sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase

from sc_neurocore.errors import DataError
from sc_neurocore.report.figures import show_accuracies
from sc_neurocore.report.style import BLUE, ORANGE, drawing


@drawing(height=3.2)
def sweep_overview(
    target: FigureBase, rows: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> None:
    """Draw the accuracy of every trial over each option that was swept.

    Points are the validation accuracies where there are some, else those on the test; the line is
    their mean.

    Args:
        target: The figure.
        rows: Those of a sweep.
        names: The options, at least one.

    Raises:
        DataError: If no trial went well.
    """
    good = [row for row in rows if row["error"] is None]
    if not good or not names:
        raise DataError("no trial of the sweep went well: there is nothing to draw")
    is_validated = all(row["validation_accuracy"] is not None for row in good)
    key = "validation_accuracy" if is_validated else "accuracy"
    grid = target.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for name, axes in zip(names, grid, strict=True):
        labels = list(dict.fromkeys(str(row[name]) for row in good))
        found = [[row[key] for row in good if str(row[name]) == label] for label in labels]
        places = np.arange(len(labels))
        for place, values in zip(places, found, strict=True):
            axes.plot([place] * len(values), values, color=BLUE, marker="o", linestyle="none")
        means = [float(np.mean(values)) for values in found]
        axes.plot(places, means, color=ORANGE, marker="s")
        axes.set_xticks(places, labels)
        axes.set(xlabel=name, xlim=(-0.5, len(labels) - 0.5))
    show_accuracies(grid[0], [row[key] for row in good])
    grid[0].set(ylabel="Validation accuracy" if is_validated else "Test accuracy")
