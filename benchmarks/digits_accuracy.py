"""Test accuracy on digits: 64-128-10, LIF, T = 25, 10 epochs, Adam 2e-3, five stratified splits.

The options are the package's defaults, which were chosen on validation sets carved from training
data; the test set of each split is looked at once, after its training.
"""

from __future__ import annotations

import statistics
import sys

from _results import Target, write_results

from sc_neurocore.data import load_digits, split
from sc_neurocore.training import RunOptions, TrainingOptions, train

SEEDS = range(5)


def main() -> int:
    digits = load_digits()
    rows = []
    for seed in SEEDS:
        training = TrainingOptions(epochs=10, learning_rate=2e-3, steps=25, seed=seed)
        run = train(split(digits, seed), RunOptions(n_hidden=128, n_layers=1, training=training))
        row = {
            "seed": seed,
            "accuracy_percent": round(100 * run.accuracy, 2),
            "test_size": run.test_size,
            "seconds_per_epoch": round(run.seconds / len(run.epochs), 3),
        }
        print(row, flush=True)
        rows.append(row)
    mean = statistics.mean(row["accuracy_percent"] for row in rows)
    target = Target("mean test accuracy over the five splits, percent", ">=", 96.5, round(mean, 2))
    path = write_results(
        "digits_accuracy",
        seeds=SEEDS,
        rows=rows,
        targets=[target],
        packages=["sc-neurocore", "torch", "numpy", "scikit-learn"],
    )
    print(f"mean {mean:.2f} %, target {'met' if target.is_met else 'missed'}: {path}")
    return 0 if target.is_met else 1


if __name__ == "__main__":
    sys.exit(main())
