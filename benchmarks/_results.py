"""What every benchmark script writes: benchmarks/results/NAME.json.

Whether a target is met is computed from what was asked and measured, never written by hand.
"""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from _page import PAGE, RESULTS, render

from sc_neurocore.files import write_atomically


@dataclass(frozen=True)
class Target:
    """A figure that was asked for, beside the one that was measured."""

    what: str
    op: Literal[">=", "<="]
    asked: float
    measured: float

    @property
    def is_met(self) -> bool:
        return self.measured >= self.asked if self.op == ">=" else self.measured <= self.asked


def write_results(
    name: str,
    *,
    seeds: Sequence[int],
    rows: Sequence[dict[str, Any]],
    targets: Sequence[Target],
    packages: Sequence[str],
    figure: str = "",
    script: str = "",
) -> Path:
    """Write a table with all that is needed to measure it again, and the page; return the file.

    Args:
        name: The table's name.
        seeds: Every seed that was used.
        rows: The table, one dictionary per row.
        targets: What was asked for.
        packages: The distributions whose versions matter.
        figure: What docs/images/NAME.png shows, if the script has drawn one.
        script: The script's name without its suffix, where the table has another one.
    """
    result = {
        "name": name,
        "command": shlex.join(["python", f"benchmarks/{script or name}.py", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "processor": _processor(),
            "cores": os.cpu_count(),
            "system": platform.platform(),
        },
        "versions": {
            "python": platform.python_version(),
            **{package: version(package) for package in packages},
        },
        "seeds": list(seeds),
        "rows": list(rows),
        "targets": [asdict(target) for target in targets],
        **({"figure": figure} if figure else {}),
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    write_atomically(path, (json.dumps(result, indent=2) + "\n").encode())
    write_atomically(PAGE, render().encode())
    return path


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
