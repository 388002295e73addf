"""Accuracy on MNIST when bits are wrong: stochastic streams beside binary weights and sums.

Each bit of a stream, or of a weight in two's complement, is inverted at one rate wherever it is
used, and so are, in two of the four series, the bits of every finished sum. The full test set; what
is done is kept in runs/sc_errors/. Writes sc_errors.json and docs/images/sc_errors.png.

    python benchmarks/sc_errors.py
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from _parts import Parts
from _results import Target, write_results
from matplotlib.figure import FigureBase

from sc_neurocore.cli.stages import test_part
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.network.storage import load_description
from sc_neurocore.report.style import SERIES, drawing
from sc_neurocore.stochastic.integers import quantize_streams
from sc_neurocore.stochastic.wrong_bits import with_wrong_stream_bits, with_wrong_weight_bits

ROOT = Path(__file__).parents[1]
NETWORK, FORMAT, LENGTH, SOURCE, WEIGHT_BITS = "mnist-784-128-10", "Q8.8", 256, "sobol", 8
RATES = (0.0, 0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)
SEED = 0
SERIES_NAMES = ("streams", "streams and sums", "binary weights", "binary weights and sums")
ASKED_RATE, ASKED_POINTS = 0.01, 0.5
PICTURE = ROOT / "docs" / "images" / "sc_errors.png"


def series() -> Mapping[str, Callable[[float], IntegerNetwork]]:
    """Return what makes the network of each series with wrong bits at a rate."""
    description = load_description(ROOT / "models" / NETWORK)
    counted = quantize_streams(description, FORMAT, LENGTH, SOURCE)
    binary = quantize(description, FORMAT, WEIGHT_BITS)

    def of_streams(in_sums: bool) -> Callable[[float], IntegerNetwork]:
        return lambda rate: with_wrong_stream_bits(counted, LENGTH, rate, SEED, in_sums=in_sums)

    def of_weights(in_sums: bool) -> Callable[[float], IntegerNetwork]:
        return lambda rate: with_wrong_weight_bits(binary, rate, SEED, in_sums=in_sums)

    makers = (of_streams(False), of_streams(True), of_weights(False), of_weights(True))
    return dict(zip(SERIES_NAMES, makers, strict=True))


def measure(parts: Parts) -> Iterator[dict[str, Any]]:
    """Yield a row for each rate: the accuracy of each series in percent."""
    data = test_part(load_description(ROOT / "models" / NETWORK))
    inputs, makers = data.network_inputs(), series()
    for rate in RATES:
        row: dict[str, Any] = {"rate": rate}
        for name, make in makers.items():
            found = parts.get(name, rate)
            if found is None:
                found = parts.put(make(rate).run(inputs).accuracy(data.labels), name, rate)
            row[name] = round(100 * found, 2)
        print(row, file=sys.stderr, flush=True)
        yield {**row, "test_size": len(data)}


@drawing(height=2.9)
def draw(figure: FigureBase, rows: list[dict[str, Any]]) -> None:
    """Draw accuracy over the rate."""
    axes = figure.subplots()
    for name, (colour, marker) in zip(SERIES_NAMES, SERIES, strict=False):
        seen = [(row["rate"], row[name]) for row in rows if row["rate"]]
        dash = "--" if "sums" in name else "-"
        axes.plot(*zip(*seen, strict=True), dash, color=colour, marker=marker, label=name)
    axes.set(
        xscale="log",
        ylim=(0, 101),
        xlabel="probability of a bit to be wrong",
        ylabel="accuracy, %",
        title=f"MNIST, {NETWORK.removeprefix('mnist-')}, 10,000 images",
    )
    axes.legend()


def main() -> int:
    """Measure, draw, and write sc_errors.json."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    rows = list(measure(Parts("sc_errors")))
    at_rest = rows[0]
    asked = next(row for row in rows if row["rate"] == ASKED_RATE)
    lost = {name: round(at_rest[name] - asked[name], 2) for name in SERIES_NAMES}
    what = f"streams of {LENGTH} bits, {ASKED_RATE:.0%} of their bits wrong: points lost"
    print(
        write_results(
            "sc_errors",
            seeds=[SEED],
            rows=rows,
            targets=[Target(what, "<=", ASKED_POINTS, lost["streams"])],
            packages=["numpy"],
            figure="accuracy over the probability of a bit to be wrong",
        )
    )
    draw(rows).savefig(PICTURE, dpi=110)
    return 0


if __name__ == "__main__":
    sys.exit(main())
