"""What lies in build/DEVICE/: utilisation, floor plan and critical path, device by device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from sc_neurocore.files import stays_inside
from sc_neurocore.fpga.build import BUILD_REPORT, BUILDS
from sc_neurocore.report.contents import Build, FloorPlan
from sc_neurocore.report.files import FileLink, link
from sc_neurocore.report.illustrations import floor, utilisation
from sc_neurocore.report.reading import Part, read_part
from sc_neurocore.report.sections import Block, Note, Section, section
from sc_neurocore.report.tables import Table, build_table
from sc_neurocore.report.wording import plural
from sc_neurocore.tools.devices import DEVICES

_CLOCK = "posedge"  # so nextpnr's names of clocks begin


class BuildFile(Build):
    """What is read of build.json."""

    top: str
    verification: str = ""


class _Port(Part):
    cell: str


class _Hop(Part):
    """A piece of a path: through a cell, or from one to the next; the delay in nanoseconds."""

    delay: float
    type: str
    to: _Port


class _Path(Part):
    """A path of nextpnr's report, between clocks or asynchronous ends."""

    to: str = ""
    path: tuple[_Hop, ...] = ()


class _Timing(Part):
    critical_paths: tuple[_Path, ...] = ()

    @property
    def slowest(self) -> _Path | None:
        """The slowest path between two clock edges."""
        paths = [each for each in self.critical_paths if each.path and each.to.startswith(_CLOCK)]
        return max(paths, key=lambda each: sum(hop.delay for hop in each.path), default=None)


@dataclass(frozen=True)
class Placed:
    """A build, and what its placer left."""

    build: BuildFile
    layout: FloorPlan | None
    slowest: _Path | None


def read_builds(folder: Path) -> list[Placed]:
    """Read the builds of all devices that are known.

    Raises:
        UserError: If a file of a build is damaged.
    """
    found = []
    writer = f"sc-neurocore build {folder}"
    for device in DEVICES:
        place = f"{BUILDS}/{device}"
        build = read_part(BuildFile, folder, f"{place}/{BUILD_REPORT}", writer)
        if build is None:
            continue
        build = build.model_copy(update={"device": device})
        layout = None
        if build.layout is not None and stays_inside(build.layout):
            layout = read_part(FloorPlan, folder, build.layout, writer)
        timing = None
        name = f"{place}/{build.top}.report.json"
        if stays_inside(name):
            timing = read_part(_Timing, folder, name, writer)
        found.append(Placed(build, layout, timing.slowest if timing else None))
    return found


def bitstream_links(folder: Path, builds: Sequence[Placed]) -> list[FileLink]:
    """Return where the bitstreams are, of builds that made one."""
    paths = [each.build.bitstream for each in builds if each.build.bitstream is not None]
    return [link(folder, "Bitstream", path) for path in paths]


def build_section(builds: Sequence[Placed], problems: Sequence[str] = ()) -> Section:
    """Return what the builds take, where they lie and what slows them down.

    Args:
        builds: One or more.
        problems: For each, why it is not of the design that is there; "" where it is.
    """
    rows: list[Block | tuple[Block, ...] | None] = []
    for number, (each, problem) in enumerate(
        zip(builds, problems or ("",) * len(builds), strict=True)
    ):
        taken = utilisation(f"build{number}-utilisation", each.build)
        table = build_table(each.build)
        if problem:
            rows.append(Note(problem, is_missing=True))
        rows.append((table, taken) if taken else table)
        plan = floor(f"build{number}-floor", each.build, each.layout) if each.layout else None
        slowest = path_table(each.slowest) if each.slowest else None
        beside = tuple(block for block in (plan, slowest) if block is not None)
        rows.append(beside or None)
    return section("build", "FPGA build", *rows)


def path_table(slowest: _Path) -> Table:
    """Return the parts of a design that its slowest path leads through, and the time in each."""
    rows = []
    for name, hops in groupby(slowest.path, lambda hop: _instance(hop.to.cell)):
        spent = list(hops)
        logic = sum(hop.type == "logic" for hop in spent)
        rows.append(
            (
                name,
                f"{sum(hop.delay for hop in spent):.2f} ns",
                plural(logic, "level") + " of logic",
            )
        )
    total = sum(hop.delay for hop in slowest.path)
    wires = sum(hop.delay for hop in slowest.path if hop.type == "routing")
    rows.append(("in all", f"{total:.2f} ns", f"{wires:.2f} ns of it in wires"))
    return Table("Critical path", ("Part", "Delay", "Of that"), tuple(rows))


def _instance(cell: str) -> str:
    """Return the instance that a cell belongs to, as far as its name says."""
    parts = cell.split(".")[:-1]
    return ".".join(parts) or "in no module"
