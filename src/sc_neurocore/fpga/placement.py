"""Reading what nextpnr reports about a placed design."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

# "Info: 	         ICESTORM_LC:      13/   7680     0%", printed after packing, before placing.
_UTILISATION = re.compile(r"^Info:\s+(\w+):\s+(\d+)/\s*(\d+)\s+\d+%", re.MULTILINE)
# "Info:        9 LCs used as LUT4 and DFF"
_CELL_USE = re.compile(
    r"^Info:\s+(\d+) LCs used as (LUT4 only|LUT4 and DFF|DFF only)", re.MULTILINE
)


@dataclass(frozen=True)
class Usage:
    """How much of one resource a design takes, in pieces."""

    used: int
    available: int

    @property
    def fits(self) -> bool:
        """Whether there is enough of it."""
        return self.used <= self.available


@dataclass(frozen=True)
class Placement:
    """What nextpnr measured on a placed and routed design.

    Attributes:
        resources: Usage by the placer's own resource names.
        luts: 4-input look-up tables.
        flip_flops: Flip-flops.
        fmax_mhz: The highest frequency of the slowest clock, by nextpnr's delay model, in MHz;
            None for a design without a clock.
    """

    resources: dict[str, Usage]
    luts: int
    flip_flops: int
    fmax_mhz: float | None


def read_placement(report: Path, log: str) -> Placement:
    """Read nextpnr's JSON report, and its log for the LUTs and flip-flops that the report lacks.

    Args:
        report: The file that `--report` named.
        log: The text of nextpnr's log.
    """
    content = json.loads(report.read_text(encoding="utf-8"))
    resources = {
        name: Usage(used=int(entry["used"]), available=int(entry["available"]))
        for name, entry in content["utilization"].items()
    }
    clocks = [float(entry["achieved"]) for entry in content["fmax"].values()]
    uses = {use: int(count) for count, use in _CELL_USE.findall(log)}
    both = uses.get("LUT4 and DFF", 0)
    return Placement(
        resources=resources,
        luts=uses.get("LUT4 only", 0) + both,
        flip_flops=uses.get("DFF only", 0) + both,
        fmax_mhz=min(clocks, default=None),
    )


def read_demand(log: str) -> dict[str, Usage]:
    """Read from the log what the packed design asks for, also when placing it then failed.

    Args:
        log: The text of nextpnr's log.

    Returns:
        Usage by the placer's own resource names; empty when packing did not end.
    """
    return {
        name: Usage(used=int(used), available=int(available))
        for name, used, available in _UTILISATION.findall(log)
    }
