"""From a design directory to a bitstream: synthesis, place and route, packing.

All files are written under DIRECTORY/build/DEVICE/: the netlist, the placed design, the
bitstream, each tool's log, and build.json, which holds the report that `build` returns.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from sc_neurocore.errors import CheckFailedError, ToolFailedError, UserError
from sc_neurocore.fpga.design import Design, read_design
from sc_neurocore.fpga.placement import Placement, Usage, read_demand, read_placement
from sc_neurocore.network.storage import write_atomically
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.devices import Device, find_device
from sc_neurocore.tools.programs import run, version

_TASK = "build"
_STEPS = ("synthesis", "place and route", "bitstream")


@dataclass(frozen=True)
class BuildReport:
    """What a build made and what it takes, as the tools report it.

    Attributes:
        device: The device's key.
        device_title: The name on the chip.
        top: The module that was built.
        luts: 4-input look-up tables.
        flip_flops: Flip-flops.
        logic_cells: Logic cells, each a LUT, a flip-flop, a carry or several of these.
        logic_cells_available: Logic cells of the device.
        brams: Block RAMs.
        brams_available: Block RAMs of the device.
        resources: Usage of all resources by the placer's own names.
        fmax_mhz: Highest clock frequency by the placer's delay model, in MHz; None without a clock.
        frequency_mhz: The frequency that was asked for, in MHz.
        bitstream: The bitstream's path, relative to the design directory, with forward slashes.
        bitstream_bytes: Its size.
        seed: The placer's seed.
        seconds: Wall time by step.
        versions: Version by tool.
        changed: Files that were changed since the design was compiled, and built as they are.
    """

    device: str
    device_title: str
    top: str
    luts: int
    flip_flops: int
    logic_cells: int
    logic_cells_available: int
    brams: int
    brams_available: int
    resources: dict[str, Usage]
    fmax_mhz: float | None
    frequency_mhz: float
    bitstream: str
    bitstream_bytes: int
    seed: int
    seconds: dict[str, float]
    versions: dict[str, str]
    changed: tuple[str, ...] = ()

    @property
    def meets_timing(self) -> bool:
        """Whether the design runs at the frequency that was asked for."""
        return self.fmax_mhz is None or self.fmax_mhz >= self.frequency_mhz

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return {**asdict(self), "meets_timing": self.meets_timing}


def build(
    directory: str | os.PathLike[str],
    device: str,
    top: str | None = None,
    frequency_mhz: float = 50.0,
    seed: int = 1,
    progress: ProgressCallback = ignore_progress,
) -> BuildReport:
    """Build a bitstream from a design directory.

    The same design, device, seed and tool versions give the same bitstream. A design that misses
    the frequency is still built; the report says so.

    Args:
        directory: A folder with design.json and the Verilog and memory files under rtl/.
        device: A device's key, such as "hx8k".
        top: The module to build; by default design.json's "board_top", or else its "top".
        frequency_mhz: The clock frequency to aim at, in MHz.
        seed: The placer's seed.
        progress: Called when a step begins and when all are done.

    Returns:
        The report, which is also written to build/DEVICE/build.json.

    Raises:
        UserError: The device is unknown, the frequency is not one, or the directory is not a
            design.
        CheckFailedError: The design does not fit the device; the message has the sums.
        ToolMissingError: A tool is not installed.
        ToolFailedError: A tool reports an error in the design.
    """
    if not 0 < frequency_mhz < math.inf:
        raise UserError(f"frequency {frequency_mhz} MHz: expected a number above 0")
    target = find_device(device)
    design = read_design(Path(directory), top)
    job = _Job(design, target, frequency_mhz, seed, progress)
    job.folder.mkdir(parents=True, exist_ok=True)
    report = _report(job, *_run_steps(job))
    text = json.dumps(report.as_dict(), indent=2) + "\n"
    write_atomically(job.folder / "build.json", text.encode())
    return report


@dataclass
class _Job:
    """One build in progress: its names, its settings and the time that its steps took."""

    design: Design
    device: Device
    frequency_mhz: float
    seed: int
    progress: ProgressCallback
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return self.design.directory / "build" / self.device.key

    def file(self, suffix: str) -> Path:
        """Return the path of a result."""
        return self.folder / f"{self.design.top}{suffix}"

    def argument(self, suffix: str) -> str:
        """Return the path of a result as the tools see it from the folder of the sources."""
        return Path(os.path.relpath(self.file(suffix), self.design.sources)).as_posix()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and take its time."""
        done = len(self.seconds)
        self.progress(Progress(_TASK, done=done, total=len(_STEPS), detail=name))
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


def _run_steps(job: _Job) -> tuple[Placement, Path]:
    """Run the three tools; return what the placer reports, and the bitstream."""
    bitstream = job.file(job.device.flow.bitstream_suffix)
    # Nothing may pass for the result of this build if it fails.
    bitstream.unlink(missing_ok=True)
    synthesis, place_and_route, packing = _STEPS
    with job.step(synthesis):
        _synthesise(job)
    with job.step(place_and_route):
        placement = _place(job)
    with job.step(packing):
        _pack(job)
    job.progress(Progress(_TASK, done=len(_STEPS), total=len(_STEPS)))
    return placement, bitstream


def _synthesise(job: _Job) -> None:
    # -defer: a module's default parameters may name memory files that only its user replaces.
    read = f"read_verilog -defer {' '.join(path.as_posix() for path in job.design.verilog)}"
    arguments = " ".join(job.device.synthesis_arguments)
    netlist = job.argument(".json")
    synthesise = f"{job.device.flow.synthesis} -top {job.design.top} {arguments} -json {netlist}"
    script = job.file(".ys")
    script.write_text(f"{read}\n{synthesise}\n", encoding="utf-8")
    run(
        "yosys",
        ["-q", "-l", job.argument(".yosys.log"), "-s", job.argument(".ys")],
        cwd=job.design.sources,
    )


def _place(job: _Job) -> Placement:
    flow = job.device.flow
    log = job.file(f".{flow.placer}.log")
    report = job.file(".report.json")
    report.unlink(missing_ok=True)
    try:
        run(
            flow.placer,
            [
                *job.device.placer_arguments,
                *flow.placer_arguments,
                *("--json", job.argument(".json")),
                *(flow.placed_option, job.argument(flow.placed_suffix)),
                *("--report", job.argument(".report.json")),
                *("--freq", f"{job.frequency_mhz:g}"),
                *("--seed", str(job.seed)),
                # A miss is not an error here: the report says what was reached.
                "--timing-allow-fail",
                *("--quiet", "--log", job.argument(f".{flow.placer}.log")),
            ],
            cwd=job.design.sources,
        )
    except ToolFailedError as error:
        demand = read_demand(_read_text(log))
        if all(usage.fits for usage in demand.values()):
            raise
        raise CheckFailedError(_explain_misfit(job, demand)) from error
    return read_placement(report, _read_text(log))


def _pack(job: _Job) -> None:
    flow = job.device.flow
    files = [job.argument(flow.placed_suffix), job.argument(flow.bitstream_suffix)]
    run(flow.packer, files, cwd=job.design.sources)


def _report(job: _Job, placement: Placement, bitstream: Path) -> BuildReport:
    flow = job.device.flow
    logic_cells = placement.resources[flow.logic_cell]
    block_rams = placement.resources[flow.block_ram]
    return BuildReport(
        device=job.device.key,
        device_title=job.device.title,
        top=job.design.top,
        luts=placement.luts,
        flip_flops=placement.flip_flops,
        logic_cells=logic_cells.used,
        logic_cells_available=logic_cells.available,
        brams=block_rams.used,
        brams_available=block_rams.available,
        resources=placement.resources,
        fmax_mhz=placement.fmax_mhz,
        frequency_mhz=job.frequency_mhz,
        bitstream=bitstream.relative_to(job.design.directory).as_posix(),
        bitstream_bytes=bitstream.stat().st_size,
        seed=job.seed,
        seconds=dict(job.seconds),
        versions={name: version(name) for name in ("yosys", flow.placer, flow.packer)},
        changed=job.design.changed,
    )


def _explain_misfit(job: _Job, demand: dict[str, Usage]) -> str:
    flow = job.device.flow
    words = {flow.logic_cell: "logic cells", flow.block_ram: "block RAMs", flow.pin: "pins"}
    sums = ", ".join(
        f"{usage.used} {words.get(name, name)} of {usage.available}"
        f" ({usage.used - usage.available} too many)"
        for name, usage in demand.items()
        if not usage.fits
    )
    return (
        f"{job.design.top} in {job.design.directory} does not fit {job.device.title}: it takes "
        f"{sums}. Compile with fewer lanes or smaller weights, or build for a larger device"
    )


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
