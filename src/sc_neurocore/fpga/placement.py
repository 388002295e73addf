"""Reading what the tools report about a synthesised or placed design."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from sc_neurocore.tools.devices import Device
from sc_neurocore.tools.families import Counts, Family

# "Info: 	         ICESTORM_LC:      13/   7680     0%", printed after packing, before placing.
_UTILISATION = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*\d+\s+\d+%", re.MULTILINE)


@dataclass(frozen=True)
class Placement:
    """What the tools measured on a design.

    Attributes:
        cells: How many of each cell it takes, by the tools' own names.
        used: The same, as resources.
        fmax_mhz: The highest frequency of the slowest clock, by nextpnr's delay model and what the
            device says that it leaves out, in MHz; None for a design without a clock, and for one
            that was not placed.
    """

    cells: Counts
    used: Counts
    fmax_mhz: float | None


def read_placement(device: Device, report: Path, log: str) -> Placement:
    """Read nextpnr's JSON report, and its log for what the report lacks.

    Args:
        device: The device.
        report: The file that `--report` named.
        log: The text of nextpnr's log.
    """
    family = device.family
    content = json.loads(report.read_text(encoding="utf-8"))
    cells = {name: int(entry["used"]) for name, entry in content["utilization"].items()}
    fmax = min((float(entry["achieved"]) for entry in content["fmax"].values()), default=None)
    if fmax is not None and device.untimed_ns:
        fmax = 1000 / (1000 / fmax + device.untimed_ns)
    used = {**family.used(cells), **_logged(family, log)}
    return Placement(_present(cells), used, fmax)


def read_statistics(family: Family, statistics: Path) -> Placement:
    """Read Yosys' count of the cells of a netlist.

    Args:
        family: The family.
        statistics: The file that `stat -json` wrote.
    """
    content = json.loads(statistics.read_text(encoding="utf-8"))
    cells = {name: int(count) for name, count in content["design"]["num_cells_by_type"].items()}
    return Placement(_present(cells), family.used(cells), None)


def read_demand(family: Family, log: str) -> dict[str, float]:
    """Read from the log what the packed design asks for, also when placing it then failed.

    Args:
        family: The family.
        log: The text of nextpnr's log.

    Returns:
        Resources by name; empty when packing did not end.
    """
    cells = {name: int(used) for name, used in _UTILISATION.findall(log)}
    return {**family.used(cells), **_logged(family, log)} if cells else {}


def _logged(family: Family, log: str) -> dict[str, int]:
    patterns = family.place_and_route.logged if family.place_and_route else {}
    return {
        name: sum(int(number) for number in re.findall(pattern, log, re.MULTILINE))
        for name, pattern in patterns.items()
    }


def _present(cells: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in cells.items() if count and not name.startswith("$")}
