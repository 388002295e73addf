"""From a design directory to a bitstream: synthesis, place and route, packing.

The tools work in a private folder. When all are done, their files go to DIRECTORY/build/DEVICE/:
the netlist, the placed design and its floor plan, the bitstream, each tool's log, and build.json,
which holds the report that `build` returns. Where there are no open tools after synthesis, the flow
ends with the netlist and a project for the vendor's tools.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.files import LARGEST_FILE, read_inside, sha256
from sc_neurocore.folders import replace_files, sole_writer, written_files
from sc_neurocore.fpga.capacity import check_room
from sc_neurocore.fpga.constraints import check_constraints
from sc_neurocore.fpga.flow import Job, Product, run_steps, start_job
from sc_neurocore.fpga.sources import Sources, sources_of, with_own_top
from sc_neurocore.hdl.design import Design
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.tools.devices import find_device
from sc_neurocore.tools.programs import version
from sc_neurocore.verify.standing import Certified, standing

BUILDS, BUILD_REPORT = "build", "build.json"
_BESIDE = "; this is of the core alone, not of the top of your own"
LEAST_MHZ, MOST_MHZ = 0.001, 10_000.0
_LARGEST_REPORT = 1 << 24


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
        frequency_mhz: The frequency that was aimed at, in MHz.
        is_asked: Whether it was asked for, so that missing it is a failure.
        bitstream: The bitstream's path, relative to the design directory, with forward slashes;
            None where there is no open tool that makes one.
        bitstream_bytes: Its size.
        layout: The path of a `placed_design.PlacedDesign` as JSON; None without a placer.
        project: The path of the project for the vendor's tools, or None where none is needed. It
            is written, not run.
        seed: The placer's seed.
        seconds: Wall time by step.
        versions: Version by tool.
        edited: Files that are not what the network and the choices give, and were built as they
            are.
        kept: Constraints that lay in the build's folder and were used as they are: somebody
            assigned pins there.
        verification: Whether the design is verified, in a line.
        design: The SHA-256 of every file of the design that was built.
        files: The SHA-256 of every file that the build made.
        own: That of every file of the user's own top.
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
    is_asked: bool = True
    edited: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    verification: str = ""
    design: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)

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
    *,
    is_asked: bool = True,
    own_top: Sequence[Path] = (),
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
        is_asked: Whether missing that frequency is a failure, for the report.
        own_top: Files of a top of your own around the core, see `with_own_top`.

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
    if own_top:
        sources = with_own_top(design, own_top, find_device(device).family.constraint_format)
    else:
        sources = sources_of(design, top)
    choices = design.manifest.choices
    if top is None and not design.edited and choices.weights == "rom":
        check_room(
            design.network,
            find_device(device),
            choices.lanes,
            choices.weights,
            choices.schedule,
            **choices.engine_options,
        )

    def completed(report: BuildReport) -> BuildReport:
        design.check_unchanged("build")
        return replace(
            report,
            is_asked=is_asked,
            edited=design.edited or (),
            verification=standing(design).line + (_BESIDE if own_top else ""),
            design=design.hashes,
            own={path.name: sha256(sources.contents[path.name]) for path in own_top},
        )

    return build_sources(
        sources, design.home, device, frequency_mhz, seed, few_pins, progress, completed
    )


def _as_it_is(report: BuildReport) -> BuildReport:
    return report


def build_sources(
    sources: Sources,
    directory: Path,
    device: str,
    frequency_mhz: float = 50.0,
    seed: int = 1,
    few_pins: bool = False,
    progress: ProgressCallback = ignore_progress,
    completed: Callable[[BuildReport], BuildReport] = _as_it_is,
) -> BuildReport:
    """Build Verilog, whatever it is of.

    Args:
        sources: What is built.
        directory: Where build/DEVICE/ goes.
        device: As `build` takes it, like the rest.
        frequency_mhz: As `build` takes it.
        seed: As `build` takes it.
        few_pins: As `build` takes it.
        progress: As `build` takes it.
        completed: Adds to the report what is known of the sources, or raises an error if they are
            not in the folder any more: called when all is done and nothing is written yet.

    Raises:
        ScNeurocoreError: As `build` does.
    """
    with sole_writer(directory, "build"):
        report, files = _build(sources, device, directory, frequency_mhz, seed, few_pins, progress)
        report = completed(report)
        _keep(report, files, directory)
    return report


class Built(BaseModel):
    """What a build.json says of a build, as far as others ask: see `BuildReport`."""

    top: str
    bitstream: str | None
    project: str | None
    fmax_mhz: float | None
    design: dict[str, str]
    files: dict[str, str]


def check_build(design: Certified, device: str) -> str:
    """Say whether what lies in build/DEVICE was made of this design or neuron, in a line.

    Returns:
        Nothing if it was, and no file of it was changed since.
    """
    try:
        find_build(design, device)
    except CheckFailedError as error:
        return str(error)
    return ""


def find_build(design: Certified, device: str) -> Built:
    """Return what lies in build/DEVICE.

    Raises:
        CheckFailedError: If there is nothing, it was made of other files than those of this design
            or neuron, or was changed since.
    """
    assert design.home is not None
    name = f"{BUILDS}/{device}/{BUILD_REPORT}"
    try:
        text = read_inside(design.home, name, _LARGEST_REPORT) or b""
        built = Built.model_validate_json(text)
        if built.design != design.hashes:
            raise CheckFailedError(
                f"{name}: built of other files than are in the folder now: build again"
            )
        left = LARGEST_FILE
        for file, digest in built.files.items():
            found = read_inside(design.home, file, left) or b""
            left -= len(found)
            if sha256(found) != digest:
                raise CheckFailedError(f"{file} is not the file that was built: build again")
    except (UserError, ValueError, RecursionError):
        raise CheckFailedError(
            f"{design.home / name} is missing, damaged or of another version: run "
            f"`sc-neurocore build {design.home} --device {device}`"
        ) from None
    return built


def check_frequency(frequency_mhz: float) -> None:
    """Refuse a frequency to aim at that no device of ours could have.

    Raises:
        UserError: If it is not from 0.001 to 10,000 MHz.
    """
    if not LEAST_MHZ <= frequency_mhz <= MOST_MHZ:  # not a number is not, either
        raise UserError(
            f"frequency {frequency_mhz:g} MHz: expected a number from {LEAST_MHZ:g} to {MOST_MHZ:g}"
        )


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
    check_frequency(frequency_mhz)
    target = find_device(device)
    with tempfile.TemporaryDirectory(prefix="sc-neurocore-") as place:
        job = start_job(sources, target, Path(place), few_pins, frequency_mhz, seed, progress)
        name = f"build/{target.key}/{job.sources.top}.xdc"
        earlier = None if target.family.place_and_route else read_inside(home, name)
        if earlier is not None:  # somebody may have assigned pins in it
            check_constraints(earlier, home / name)
            (Path(place) / name).write_bytes(earlier)
        product = run_steps(job)
        files = {
            path.relative_to(place).as_posix(): path.read_bytes()
            for path in sorted(job.folder.iterdir())
        }
        report = _report(job, product)
        if earlier is not None and files.get(name) == earlier:
            report = replace(report, kept=(name,))
    made = {name: sha256(content) for name, content in files.items()}
    return replace(report, files=made), files


def _keep(report: BuildReport, files: dict[str, bytes], home: Path) -> None:
    """Put the files of a build and its report into their folder, in place of an earlier build."""
    folder = f"{BUILDS}/{report.device}/"
    report_text = (json.dumps(report.as_dict(), indent=2) + "\n").encode()
    earlier = [name for name in written_files(home) if name.startswith(folder)]
    replace_files(home, {**files, f"{folder}{BUILD_REPORT}": report_text}, remove=earlier)


def _report(job: Job, product: Product) -> BuildReport:
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
        versions={name: version(name) for name in job.device.family.programs},
    )


def _relative(job: Job, path: Path | None) -> str | None:
    return path.relative_to(job.folder_of_sources.parent).as_posix() if path else None
