"""Accuracy of the integer model against floating point: full test sets, weights of 8, 6 and 4 bits.

The networks in models/ are quantised as they are, and once more after a fine-tuning of five epochs
with weights of that width, on their training set (not the convolutional one by default). Every
sample that they were not trained on is classified; nothing is chosen by the result.

    python benchmarks/integer_accuracy.py                        all networks in models/
    python benchmarks/integer_accuracy.py --models digits        one of them
    python benchmarks/integer_accuracy.py --untuned              fine-tune all of them

Finished rows are kept in --folder, so that a run that was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from _fine_tuning import fine_tuned
from _results import Target, write_results

from sc_neurocore.cli.stages import test_part
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed import quantize
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.storage import JSON_NAME, load_description
from sc_neurocore.training.integer_aware import integer_aware

MODELS = Path(__file__).parent.parent / "models"
FORMAT = "Q8.8"
WEIGHT_BITS = (8, 6, 4)
ASKED_POINTS = 0.3
"""So much may the accuracy at 8 bits lie below that of floats, in points of percent."""


def measure(model: str, tuning: bool, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row for each width of the weights, and one with fine-tuning."""
    description = load_description(MODELS / model)
    data = test_part(description)
    inputs = data.network_inputs()
    floats = run_float(description, inputs)
    float_percent = 100 * floats.accuracy(data.labels)
    for bits, tuned in product(WEIGHT_BITS, (False, True) if tuning else (False,)):
        path = folder / f"{description.content_hash[:12]}-{bits}{'-tuned' if tuned else ''}.json"
        if path.exists():
            yield json.loads(path.read_bytes())
            continue
        network = description
        if tuned:
            network = fine_tuned(description, partial(integer_aware, weight_bits=bits))
        began = time.perf_counter()
        run = quantize(network, FORMAT, bits).run(inputs)
        percent = 100 * run.accuracy(data.labels)
        row = {
            "model": model,
            "sha256": description.content_hash[:12],
            "dataset": data.name,
            "test_size": len(data),
            "steps": description.steps,
            "format": FORMAT,
            "weight_bits": bits,
            "fine_tuned": tuned,
            "float_percent": round(float_percent, 2),
            "integer_percent": round(percent, 2),
            "points_lost": round(float_percent - percent, 2),
            "agreement_percent": round(100 * run.accuracy(floats.classes), 2),
            "seconds": round(time.perf_counter() - began, 1),
        }
        write_atomically(path, json.dumps(row).encode())
        yield row


def main() -> int:
    known = sorted(path.parent.name for path in MODELS.glob(f"*/{JSON_NAME}"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=known, default=known)
    parser.add_argument(
        "--untuned",
        nargs="*",
        choices=known,
        default=["mnist-conv"],
        help="networks that are not fine-tuned (an epoch of the convolutional one takes minutes)",
    )
    parser.add_argument("--folder", type=Path, default=MODELS.parent / "runs/integer_accuracy")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for model in options.models:
        for row in measure(model, model not in options.untuned, options.folder):
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
        if row["weight_bits"] == 8 and not row["fine_tuned"]
    ]
    path = write_results(
        "integer_accuracy",
        seeds=[0],
        rows=rows,
        targets=targets,
        packages=["sc-neurocore", "numpy"],
    )
    print(path)
    return 0 if all(target.is_met for target in targets) else 1


if __name__ == "__main__":
    sys.exit(main())
