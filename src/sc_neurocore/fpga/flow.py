"""The tools that make a bitstream of Verilog, one after the other, in a private folder."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sc_neurocore.errors import CheckFailedError, ToolFailedError
from sc_neurocore.fpga.constraints import Pin, constraints
from sc_neurocore.fpga.pins import read_ports, with_few_pins
from sc_neurocore.fpga.placed_design import read_placed_design
from sc_neurocore.fpga.placement import (
    Placement,
    read_demand,
    read_placement,
    read_statistics,
)
from sc_neurocore.fpga.sources import Sources, quoted
from sc_neurocore.fpga.vivado import write_project
from sc_neurocore.hdl.accelerator import SOURCES
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.tools.devices import Device, find_device
from sc_neurocore.tools.families import Counts, PlaceAndRoute
from sc_neurocore.tools.programs import run

_TASK = "build"
_STEPS = ("synthesis", "place and route", "bitstream")
_STEPS_TO_PROJECT = ("synthesis", "project")
# How a design asks for memory that only the UP5K has (hdl/rtl/snn_column.v).
_SINGLE_PORT = 'RAM_STYLE("huge")'


def start_job(
    sources: Sources,
    device: Device,
    place: Path,
    few_pins: bool,
    frequency_mhz: float,
    seed: int,
    progress: ProgressCallback,
) -> Job:
    """Lay the sources out in a private folder.

    Raises:
        UserError: If the top's name is not one for scripts.
        CheckFailedError: If they want memory that the device does not have.
    """
    quoted(sources.top)
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
    return Job(sources, device, folder, place / SOURCES, frequency_mhz, seed, progress)


@dataclass
class Job:
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
        return _STEPS if self.device.family.place_and_route else _STEPS_TO_PROJECT

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step and take its time."""
        done, total = len(self.seconds), len(self.steps)
        self.progress(Progress(_TASK, done=done, total=total, detail=name))
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 2)


@dataclass(frozen=True)
class Product:
    """What the tools made: files, or None for those that this family's tools do not make."""

    placement: Placement
    bitstream: Path | None = None
    layout: Path | None = None
    project: Path | None = None


def run_steps(job: Job) -> Product:
    """Run the tools one after the other."""
    last = job.device.family.place_and_route
    with job.step("synthesis"):
        _synthesise(job)
    product = _finish(job, last) if last else _hand_over(job)
    job.progress(Progress(_TASK, done=len(job.steps), total=len(job.steps)))
    return product


def _synthesise(job: Job) -> None:
    # -defer: a module's default parameters may name memory files that only its user replaces.
    lines = [f"read_verilog -defer {' '.join(quoted(name) for name in job.sources.verilog)}"]
    arguments = " ".join(job.device.synthesis_arguments)
    lines += [
        line.format(top=job.sources.top, arguments=arguments, base=job.argument(""))
        for line in job.device.family.synthesis
    ]
    job.file(".ys").write_text("\n".join([*lines, ""]), encoding="utf-8")
    run(
        "yosys",
        ["-q", "-l", job.argument(".yosys.log"), "-s", job.argument(".ys")],
        cwd=job.folder_of_sources,
    )


def _finish(job: Job, tools: PlaceAndRoute) -> Product:
    """Place, route and pack."""
    bitstream = job.file(tools.bitstream_suffix)
    with job.step("place and route"):
        placement = _place(job, tools)
    with job.step("bitstream"):
        names = {
            "placed": job.argument(tools.placed_suffix),
            "bitstream": job.argument(tools.bitstream_suffix),
        }
        words = [word.format(**names) for word in tools.packer_arguments]
        run(tools.packer, [*job.device.packer_arguments, *words], cwd=job.folder_of_sources)
    return Product(placement, bitstream, _write_layout(job))


def _write_layout(job: Job) -> Path:
    """Keep where the cells lie, and not the megabytes of the placed netlist."""
    placed, path = job.file(".placed.json"), job.folder / "layout.json"
    layout = read_placed_design(placed, job.device)
    path.write_bytes((json.dumps(layout.as_dict()) + "\n").encode())
    placed.unlink()
    return path


def _place(job: Job, tools: PlaceAndRoute) -> Placement:
    family = job.device.family
    log = job.file(f".{tools.placer}.log")
    report = job.file(".report.json")
    pins = _constraints(job, tools)
    has_own = bool(tools.placed_option)
    try:
        run(
            tools.placer,
            [
                *job.device.placer_arguments,
                *tools.arguments,
                *("--json", job.argument(".json")),
                *([tools.placed_option, job.argument(tools.placed_suffix)] * has_own),
                *("--report", job.argument(".report.json")),
                *("--write", job.argument(".placed.json")),
                *pins,
                *("--freq", f"{job.frequency_mhz:g}"),
                *("--seed", str(job.seed)),
                # A miss is not an error here: the report says what was reached.
                "--timing-allow-fail",
                *("--quiet", "--log", job.argument(f".{tools.placer}.log")),
            ],
            cwd=job.folder_of_sources,
        )
    except ToolFailedError as error:
        demand = read_demand(family, _read_text(log))
        if job.device.fits(demand):
            raise
        raise CheckFailedError(_explain_misfit(job, demand)) from error
    return read_placement(job.device, report, _read_text(log))


def _constraints(job: Job, tools: PlaceAndRoute) -> list[str]:
    """Return the placer's arguments for a board's pins and clock, or for pins of no board."""
    path = job.sources.constraints
    if path is None and job.device.sites:
        path = _put_on_pins(job)
    return [word.format(file=path) for word in tools.constraints_arguments] if path else []


def _put_on_pins(job: Job) -> str:
    """Write constraints that put each port of the top on a pin, for a placer that chooses none."""
    netlist = json.loads(job.file(".json").read_text(encoding="utf-8"))
    ports = netlist["modules"][job.sources.top]["ports"]
    names = [
        name if len(port["bits"]) == 1 else f"{name}[{bit}]"
        for name, port in ports.items()
        for bit in range(len(port["bits"]))
    ]
    sites = job.device.sites
    if len(names) > len(sites):
        raise CheckFailedError(
            f"{job.sources.top} in {job.sources.origin} has {len(names)} pins, and "
            f"{job.device.title} {len(sites)} that do not configure it: build it with a board's top"
        )
    form = job.device.family.constraint_format
    pins = {name: Pin(site) for name, site in zip(names, sites, strict=False)}
    text = constraints(form, pins, job.frequency_mhz)
    job.file(f".{form}").write_text(text, encoding="utf-8")
    return job.argument(f".{form}")


def _hand_over(job: Job) -> Product:
    """Write the project that goes on from here."""
    with job.step("project"):
        placement = read_statistics(job.device.family, job.file(".statistics.json"))
        if not job.device.fits(placement.used):
            raise CheckFailedError(_explain_misfit(job, placement.used))
        project = write_project(
            job.sources, job.device, job.folder, job.folder_of_sources, job.frequency_mhz
        )
    return Product(placement, project=project)


def _explain_misfit(job: Job, demand: Counts) -> str:
    return (
        f"{job.sources.top} in {job.sources.origin} does not fit {job.device.title}: it takes "
        f"{job.device.sums(demand)}. Compile a network with fewer lanes or smaller weights, a "
        f"neuron in a narrower format or with :multipliers=adders behind it, or build for a larger "
        f"device"
    )


def _read_text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


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
        job = start_job(sources, target, Path(place), few_pins, 50.0, 1, ignore_progress)
        _synthesise(job)
        family = job.device.family
        tools = family.place_and_route
        if tools is None:
            return read_statistics(family, job.file(".statistics.json")).used
        log = job.file(f".{tools.placer}.log")
        arguments = [
            *job.device.placer_arguments,
            *tools.arguments,
            "--json",
            job.argument(".json"),
            *_constraints(job, tools),
        ]
        arguments += ["--pack-only", "--quiet", "--log", job.argument(f".{tools.placer}.log")]
        run(tools.placer, arguments, cwd=job.folder_of_sources)
        return read_demand(family, _read_text(log))
