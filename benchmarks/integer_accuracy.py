"""Accuracy of the integer model against floating point: full test sets, weights of 8, 6 and 4 bits.

Nothing is trained or tuned here: the networks in models/ are quantised as they are, each layer with
the finest power-of-two scale that its weights allow, and every sample that they were not trained on
is classified.

    python benchmarks/integer_accuracy.py                        all networks in models/
    python benchmarks/integer_accuracy.py --models digits        one of them
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _results import Target, write_results
from rich.console import Console

from sc_neurocore.cli.stages import test_part
from sc_neurocore.fixed import quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.storage import JSON_NAME, load_description
from sc_neurocore.progress import Progress

MODELS = Path(__file__).parent.parent / "models"
FORMAT = "Q8.8"
WEIGHT_BITS = (8, 6, 4)
ASKED_POINTS = 0.3
"""So much may the accuracy at 8 bits lie below that of floats, in points of percent."""


def measure(model: str) -> Iterator[dict[str, Any]]:
    """Yield one row for each width of the weights."""
    console = Console(stderr=True)

    def show(event: Progress) -> None:
        console.print(f"{model}: {event.task} {event.done}/{event.total}", end="\r")

    description = load_description(MODELS / model)
    data = test_part(description)
    inputs = data.network_inputs()
    floats = run_float(description, inputs, progress=show)
    float_percent = 100 * floats.accuracy(data.labels)
    for bits in WEIGHT_BITS:
        began = time.perf_counter()
        run = quantize(description, FORMAT, bits).run(inputs, progress=show)
        percent = 100 * run.accuracy(data.labels)
        yield {
            "model": model,
            "sha256": description.content_hash[:12],
            "dataset": data.name,
            "test_size": len(data),
            "steps": description.steps,
            "format": FORMAT,
            "weight_bits": bits,
            "float_percent": round(float_percent, 2),
            "integer_percent": round(percent, 2),
            "points_lost": round(float_percent - percent, 2),
            "agreement_percent": round(100 * run.accuracy(floats.classes), 2),
            "seconds": round(time.perf_counter() - began, 1),
        }


def main() -> int:
    known = sorted(path.parent.name for path in MODELS.glob(f"*/{JSON_NAME}"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=known, default=known)
    rows = []
    for model in parser.parse_args().models:
        for row in measure(model):
            print(row, flush=True)
            rows.append(row)
    targets = [
        Target(
            f"{row['model']}, 8-bit weights: points below floating point",
            "<=",
            ASKED_POINTS,
            row["points_lost"],
        )
        for row in rows
        if row["weight_bits"] == 8
    ]
    path = write_results(
        "integer_accuracy",
        seeds=[],
        rows=rows,
        targets=targets,
        packages=["sc-neurocore", "numpy"],
    )
    print(path)
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
