"""Training steps beside other processes that never rest, for several ways of waiting.

Each busy process is a session of its own (setsid), as another terminal's would be: Linux shares the
cores between sessions. Each measurement is a process of its own too, and the ways take turns. The
machine should be idle otherwise.

    python benchmarks/busy_machine.py [--rounds 3] [--nets ff conv]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from _results import Target, write_results
from training_speed import COMMON, OURS, WORKER

from sc_neurocore import SPINS

REPEATS = {"ff": 40, "conv": 4}
WAYS: Mapping[str, Mapping[str, str]] = {
    f"ours, {SPINS} spins": {},
    "OpenMP's own": {"GOMP_SPINCOUNT": "300000"},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "500 spins": {"GOMP_SPINCOUNT": "500"},
    "20000 spins": {"GOMP_SPINCOUNT": "20000"},
}
BUSY = (0, 1, 2)


@contextmanager
def busy() -> Iterator[None]:
    """Have a process in a session of its own that keeps a core busy."""
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    try:
        yield
    finally:
        loop.kill()
        loop.wait()


def measure(net: str, way: str, others: int, threads: int) -> dict[str, Any]:
    """Return what the worker measured beside so many busy processes."""
    request = {**COMMON, **OURS, "net": net, "repeats": REPEATS[net], "threads": threads}
    unset = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    with ExitStack() as stack:
        for _ in range(others):
            stack.enter_context(busy())
        done = subprocess.run(
            [sys.executable, str(WORKER), json.dumps(request)],
            env=environment | WAYS[way],
            capture_output=True,
            text=True,
            check=True,
        )
    return dict(json.loads(done.stdout))


def targets(rows: list[dict[str, Any]]) -> Iterator[Target]:
    """Yield what was asked for: little is lost to a busy process, and nothing without one."""
    own = next(iter(WAYS))
    ms = {(row["net"], row["waiting"], row["busy_processes"]): row["ms"] for row in rows}
    for net in sorted({row["net"] for row in rows}):
        idle, beside = ms[net, own, 0], ms[net, own, 1]
        yield Target(f"{net}: beside one, times idle", "<=", 2, round(beside / idle, 2))
        others = ms[net, "OpenMP's own", 0]
        yield Target(f"{net}: idle, times OpenMP's own", "<=", 1.05, round(idle / others, 3))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--nets", nargs="+", choices=list(REPEATS), default=list(REPEATS))
    options = parser.parse_args()
    keys = [(net, way, others) for net in options.nets for others in BUSY for way in WAYS]
    found: dict[Any, list[dict[str, Any]]] = {key: [] for key in keys}
    for turn in range(options.rounds):
        for key in keys:
            found[key].append(measure(*key, options.threads))
            print(turn + 1, *key, f"{found[key][-1]['ms']:.2f} ms", file=sys.stderr, flush=True)
    rows = [
        {
            "net": net,
            "waiting": way,
            "busy_processes": others,
            "threads": options.threads,
            "ms": round(statistics.median(each["ms"] for each in results), 3),
            "fastest_ms": round(min(each["fastest_ms"] for each in results), 3),
        }
        for (net, way, others), results in found.items()
    ]
    path = write_results(
        "busy_machine",
        seeds=[0],
        rows=rows,
        targets=list(targets(rows)),
        packages=["sc-neurocore", "torch", "numba", "numpy"],
    )
    print(f"written: {path}")


if __name__ == "__main__":
    main()
