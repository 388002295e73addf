"""From a design directory to a bitstream: synthesis, place and route, packing.

The tools work in a private folder. When all are done, their files go to DIRECTORY/build/DEVICE/:
the netlist, the placed design and its floor plan, the bitstream, each tool's log, and build.json,
which holds the report that `build` returns. Where there are no open tools after synthesis, the flow
ends with the netlist and a project for the vendor's tools.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from sc_neurocore.errors import CheckFailedError, ToolFailedError, UserError
from sc_neurocore.files import read_inside, replace_files, sole_writer, written_files
from sc_neurocore.fpga.layout import read_layout
from sc_neurocore.fpga.pins import read_ports, with_few_pins
from sc_neurocore.fpga.placement import (
    Placement,
    read_demand,
    read_placement,
    read_statistics,
)
from sc_neurocore.fpga.sources import Sources, quoted, sources_of
from sc_neurocore.fpga.vivado import write_project
from sc_neurocore.hdl.accelerator import SOURCES
from sc_neurocore.hdl.design import Design
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.devices import Counts, Device, PlaceAndRoute, find_device
from sc_neurocore.tools.programs import run, version
from sc_neurocore.verify.standing import standing

_TASK = "build"
_STEPS = ("synthesis", "place and route", "bitstream")
_STEPS_TO_PROJECT = ("synthesis", "project")
# How the Verilog asks for memory that only the UP5K has.
_SINGLE_PORT = 'ram_style = "huge"'


@dataclass(frozen=True)
class BuildReport:
    """What a build made and what it takes, as the tools report it.

    Attributes:
        device: The device's key.
        device_title: The name on the chip.
        top: The module that was built.
        luts: Look-up tables, those used as memory, shift register or carry included.
        flip_flops: Flip-flops.
        logic_cells: Logic cells, each a LUT, a flip-flop, a carry or several of these; of Xilinx
            devices look-up tables.
        brams: Block RAMs; of Xilinx devices in units of 36 kbit.
        sprams: Single-port RAMs, which only the UltraPlus has.
        dsps: Hardware multipliers.
        available: How much of each the device has.
        cells: Every kind of cell that the design takes, by the tools' own names.
        fmax_mhz: Highest clock frequency by the placer's delay model, in MHz; None without a clock
            or without a placer.
        frequency_mhz: The frequency that was asked for, in MHz.
        bitstream: The bitstream's path, relative to the design directory, with forward slashes;
            None where there is no open tool that makes one.
        bitstream_bytes: Its size.
        layout: The path of the floor plan, a `fpga.layout.Layout` as JSON; None without a placer.
        project: The path of the project for the vendor's tools, or None where none is needed. It
            is written, not run.
        seed: The placer's seed.
        seconds: Wall time by step.
        versions: Version by tool.
        edited: Files that are not what the network and the choices give, and were built as they
            are.
        verification: Whether the design is verified, in a line.
        design: The SHA-256 of every file of the design that was built.
    """

    device: str
    device_title: str
    top: str
    luts: float
    flip_flops: float
    logic_cells: float
    brams: float
    sprams: float
    dsps: float
    available: dict[str, int]
    cells: dict[str, float]
    fmax_mhz: float | None
    frequency_mhz: float
    bitstream: str | None
    bitstream_bytes: int | None
    layout: str | None
    project: str | None
    seed: int
    seconds: dict[str, float]
    versions: dict[str, str]
    edited: tuple[str, ...] = ()
    verification: str = ""
    design: dict[str, str] = field(default_factory=dict)

    @property
    def meets_timing(self) -> bool:
        """Whether nothing says that the design misses the frequency that was asked for."""
        return self.fmax_mhz is None or self.fmax_mhz >= self.frequency_mhz

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain data for JSON."""
        return {**asdict(self), "meets_timing": self.meets_timing}


def build(
    design: Design,
    device: str,
    top: str | None = None,
    frequency_mhz: float = 50.0,
    seed: int = 1,
    few_pins: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> BuildReport:
    """Build a bitstream of a design, or a netlist and a project for the vendor's tools.

    The same design, device, seed and tool versions give the same bitstream. A design that misses
    the frequency is still built; the report says so.

    Args:
        design: What `fpga.folder.opened` yields, or `compile_design` returned.
        device: A device's key, such as "hx8k".
        top: The module to build; by default the board's top, or else the core's.
        frequency_mhz: The clock frequency to aim at, in MHz.
        seed: The placer's seed.
        few_pins: Whether the ports that a board does not need are left open, as `fpga.pins` says.
            A core without a board is always built so where the device has too few pins for it.
        progress: Called when a step begins and when all are done.

    Returns:
        The report, which is also written to build/DEVICE/build.json in the design's folder.

    Raises:
        UserError: The device is unknown, the frequency is not one, or another command writes to the
            folder.
        CheckFailedError: The design does not fit the device; the message has the sums. Or its files
            changed while it was built.
        ToolMissingError: A tool is not installed.
        ToolFailedError: A tool reports an error in the design.
    """
    assert design.home is not None
    sources = sources_of(design, top)
    with sole_writer(design.home, "build"):
        report, files = _build(
            sources, device, design.home, frequency_mhz, seed, few_pins, progress
        )
        design.check_unchanged("build")
        report = replace(
            report,
            edited=design.edited or (),
            verification=standing(design).line,
            design=design.hashes,
        )
        _keep(report, files, design.home)
    return report


def build_sources(
    sources: Sources,
    directory: Path,
    device: str,
    frequency_mhz: float = 50.0,
    seed: int = 1,
    few_pins: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> BuildReport:
    """Build Verilog that is no design of ours.

    Args:
        sources: What is built.
        directory: Where build/DEVICE/ goes.
        device: As `build` takes it, like the rest.
        frequency_mhz: As `build` takes it.
        seed: As `build` takes it.
        few_pins: As `build` takes it.
        progress: As `build` takes it.

    Raises:
        ScNeurocoreError: As `build` does.
    """
    with sole_writer(directory, "build"):
        report, files = _build(sources, device, directory, frequency_mhz, seed, few_pins, progress)
        _keep(report, files, directory)
    return report


def measure(sources: Sources, device: str, few_pins: bool = False) -> Counts:
    """Return what sources take, without placing them: after synthesis and packing.

    It takes seconds where `build` takes minutes, and writes no report. Nothing is said of whether
    they fit.

    Args:
        sources: What is built.
        device: As `build` takes it.
        few_pins: As `build` takes it.

    Returns:
        Resources by the names of `tools.devices.RESOURCES`.
    """
    with tempfile.TemporaryDirectory(prefix="sc-neurocore-") as place:
        target = find_device(device)
        job = _start(sources, target, Path(place), few_pins, 50.0, 1, ignore_progress)
        _synthesise(job)
        flow = job.device.flow
        tools = flow.place_and_route
        if tools is None:
            return read_statistics(flow, job.file(".statistics.json")).used
        log = job.file(f".{tools.placer}.log")
        arguments = [
            *job.device.placer_arguments,
            *tools.arguments,
            "--json",
            job.argument(".json"),
        ]
        arguments += ["--pack-only", "--quiet", "--log", job.argument(f".{tools.placer}.log")]
        run(tools.placer, arguments, cwd=job.folder_of_sources)
        return read_demand(flow, _read_text(log))


def _build(
    sources: Sources,
    device: str,
    home: Path,
    frequency_mhz: float,
    seed: int,
    few_pins: bool,
    progress: ProgressCallback,
) -> tuple[BuildReport, dict[str, bytes]]:
    """Build in a private folder; return the report, and the files by their paths from `home`."""
    if not 0 < frequency_mhz < math.inf:
        raise UserError(f"frequency {frequency_mhz} MHz: expected a number above 0")
    target = find_device(device)
    with tempfile.TemporaryDirectory(prefix="sc-neurocore-") as place:
        job = _start(sources, target, Path(place), few_pins, frequency_mhz, seed, progress)
        name = f"build/{target.key}/{job.sources.top}.xdc"
        earlier = None if target.flow.place_and_route else read_inside(home, name)
        if earlier is not None:  # somebody may have assigned pins in it
            (Path(place) / name).write_bytes(earlier)
        report = _report(job, _run_steps(job))
        files = {
            path.relative_to(place).as_posix(): path.read_bytes()
            for path in sorted(job.folder.iterdir())
        }
    return report, files


def _keep(report: BuildReport, files: dict[str, bytes], home: Path) -> None:
    """Put the files of a build and its report into their folder, in place of an earlier build."""
    folder = f"build/{report.device}/"
    report_text = (json.dumps(report.as_dict(), indent=2) + "\n").encode()
    earlier = [name for name in written_files(home) if name.startswith(folder)]
    replace_files(home, {**files, f"{folder}build.json": report_text}, remove=earlier)


def _start(
    sources: Sources,
    device: Device,
    place: Path,
    few_pins: bool,
    frequency_mhz: float,
    seed: int,
    progress: ProgressCallback,
) -> _Job:
    texts = (sources.contents[name].decode(errors="replace") for name in sources.verilog)
    if "sprams" not in device.available and any(_SINGLE_PORT in text for text in texts):
        raise CheckFailedError(
            f"{sources.top} in {sources.origin} loads its weights into single-port RAM, of which "
            f"{device.title} has none: compile it with --device {device.key}"
        )
    folder = place / "build" / device.key
    folder.mkdir(parents=True)
    pins = sum(port.width for port in read_ports(sources))
    if few_pins or (sources.is_core and pins > device.available["pins"]):
        sources = with_few_pins(sources, f"../build/{device.key}")
    sources.write(place / SOURCES)
    return _Job(sources, device, folder, place / SOURCES, frequency_mhz, seed, progress)


@dataclass
class _Job:
    """One build in progress: its names, its settings and the time that its steps took."""

    sources: Sources
    device: Device
    folder: Path
    folder_of_sources: Path
    frequency_mhz: float
    seed: int
    progress: ProgressCallback
    seconds: dict[str, float] = field(default_factory=dict)

    def file(self, suffix: str) -> Path:
        """Return the path of a result."""
        return self.folder / f"{self.sources.top}{suffix}"

    def argument(self, suffix: str) -> str:
        """Return the path of a result as the tools see it from the folder of the sources."""
        return Path(os.path.relpath(self.file(suffix), self.folder_of_sources)).as_posix()

    @property
    def steps(self) -> tuple[str, ...]:
        """The names of the steps."""
        return _STEPS if self.device.flow.place_and_route else _STEPS_TO_PROJECT

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and take its time."""
        done, total = len(self.seconds), len(self.steps)
        self.progress(Progress(_TASK, done=done, total=total, detail=name))
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


@dataclass(frozen=True)
class _Product:
    """What the tools made: files, or None for those that this family's tools do not make."""

    placement: Placement
    bitstream: Path | None = None
    layout: Path | None = None
    project: Path | None = None


def _run_steps(job: _Job) -> _Product:
    """Run the tools one after the other."""
    last = job.device.flow.place_and_route
    with job.step("synthesis"):
        _synthesise(job)
    product = _finish(job, last) if last else _hand_over(job)
    job.progress(Progress(_TASK, done=len(job.steps), total=len(job.steps)))
    return product


def _synthesise(job: _Job) -> None:
    # -defer: a module's default parameters may name memory files that only its user replaces.
    lines = [f"read_verilog -defer {' '.join(quoted(name) for name in job.sources.verilog)}"]
    arguments = " ".join(job.device.synthesis_arguments)
    lines += [
        line.format(top=job.sources.top, arguments=arguments, base=job.argument(""))
        for line in job.device.flow.synthesis
    ]
    job.file(".ys").write_text("\n".join([*lines, ""]), encoding="utf-8")
    run(
        "yosys",
        ["-q", "-l", job.argument(".yosys.log"), "-s", job.argument(".ys")],
        cwd=job.folder_of_sources,
    )


def _finish(job: _Job, tools: PlaceAndRoute) -> _Product:
    """Place, route and pack."""
    bitstream = job.file(tools.bitstream_suffix)
    with job.step("place and route"):
        placement = _place(job, tools)
    with job.step("bitstream"):
        files = [job.argument(tools.placed_suffix), job.argument(tools.bitstream_suffix)]
        run(tools.packer, [*tools.packer_arguments, *files], cwd=job.folder_of_sources)
    return _Product(placement, bitstream, _write_layout(job, tools))


def _write_layout(job: _Job, tools: PlaceAndRoute) -> Path:
    """Keep where the cells lie, and not the megabytes of the placed netlist."""
    placed, path = job.file(".placed.json"), job.folder / "layout.json"
    layout = read_layout(placed, tools.floors[job.device.key])
    path.write_bytes((json.dumps(layout.as_dict()) + "\n").encode())
    placed.unlink()
    return path


def _place(job: _Job, tools: PlaceAndRoute) -> Placement:
    flow = job.device.flow
    log = job.file(f".{tools.placer}.log")
    report = job.file(".report.json")
    try:
        run(
            tools.placer,
            [
                *job.device.placer_arguments,
                *tools.arguments,
                *("--json", job.argument(".json")),
                *(tools.placed_option, job.argument(tools.placed_suffix)),
                *("--report", job.argument(".report.json")),
                *("--write", job.argument(".placed.json")),
                *_constraints(job, tools),
                *("--freq", f"{job.frequency_mhz:g}"),
                *("--seed", str(job.seed)),
                # A miss is not an error here: the report says what was reached.
                "--timing-allow-fail",
                *("--quiet", "--log", job.argument(f".{tools.placer}.log")),
            ],
            cwd=job.folder_of_sources,
        )
    except ToolFailedError as error:
        demand = read_demand(flow, _read_text(log))
        if job.device.fits(demand):
            raise
        raise CheckFailedError(_explain_misfit(job, demand)) from error
    return read_placement(flow, report, _read_text(log))


def _constraints(job: _Job, tools: PlaceAndRoute) -> list[str]:
    """Return the placer's arguments for a board's pins and clock."""
    path = job.sources.constraints
    return [tools.constraints_option, path] if path else []


def _hand_over(job: _Job) -> _Product:
    """Write the project that goes on from here."""
    with job.step("project"):
        placement = read_statistics(job.device.flow, job.file(".statistics.json"))
        if not job.device.fits(placement.used):
            raise CheckFailedError(_explain_misfit(job, placement.used))
        project = write_project(
            job.sources, job.device, job.folder, job.folder_of_sources, job.frequency_mhz
        )
    return _Product(placement, project=project)


def _report(job: _Job, product: _Product) -> BuildReport:
    used = product.placement.used
    bitstream = product.bitstream
    return BuildReport(
        device=job.device.key,
        device_title=job.device.title,
        top=job.sources.top,
        luts=used["luts"],
        flip_flops=used["flip_flops"],
        logic_cells=used["logic_cells"],
        brams=used["brams"],
        sprams=used.get("sprams", 0),
        dsps=used.get("dsps", 0),
        available=dict(job.device.available),
        cells=dict(product.placement.cells),
        fmax_mhz=product.placement.fmax_mhz,
        frequency_mhz=job.frequency_mhz,
        bitstream=_relative(job, bitstream),
        bitstream_bytes=bitstream.stat().st_size if bitstream else None,
        layout=_relative(job, product.layout),
        project=_relative(job, product.project),
        seed=job.seed,
        seconds=dict(job.seconds),
        versions={name: version(name) for name in job.device.flow.programs},
    )


def _relative(job: _Job, path: Path | None) -> str | None:
    return path.relative_to(job.folder_of_sources.parent).as_posix() if path else None


def _explain_misfit(job: _Job, demand: Counts) -> str:
    return (
        f"{job.sources.top} in {job.sources.origin} does not fit {job.device.title}: it takes "
        f"{job.device.sums(demand)}. Compile with fewer lanes or smaller weights, or build for a "
        f"larger device"
    )


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
