"""Training speed and memory against the peers, side by side in one run.

Each measurement is a process of its own; the frameworks take turns, so that a noisy moment hits
all of them. Peers that are not installed are left out, and the table says so. Give the interpreter
of an environment that has them with --peers-python. With --device cuda it all runs on a GPU, peers
with the kernels that they have for it too, and the memory is that of tensors there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _results import Target, write_results

WORKER = Path(__file__).with_name("_speed_worker.py")
JAX_WORKER = Path(__file__).with_name("_speed_worker_jax.py")
PEERS = ("snntorch", "spikingjelly", "norse", "spyx")
ON_TORCH = PEERS[:3]
KERNELS_OF_PEERS = [
    {"framework": "spikingjelly", "backend": "cupy"},
    {"framework": "spikingjelly", "backend": "triton"},
]
"""What peers have for GPUs beside PyTorch's operations."""
COMPILED = {"framework": "snntorch", "backend": "compiled"}
"""Under torch.compile."""

CELLS = (
    "LIFCell", "IFCell", "SynapticCell", "ALIFCell", "ExpIFCell", "AdExCell", "LapicqueCell",
    "AlphaCell", "SecondOrderLIFCell",
)  # fmt: skip
COMMON = {"width": 128, "steps": 25, "batch": 128, "precision": "float32", "repeats": 20}
OURS = {"framework": "sc-neurocore", "backend": "auto", "cell": "LIFCell"}
RECURRENT = {**OURS, "cell": "RecurrentLIFCell"}
REPEATS = {"ff": 40, "recurrent": 20, "conv": 4}
SECTIONS = ("ff", "recurrent", "conv", "inference", "latency", "cells", "growth")


def requests(sections: list[str], device: str) -> Iterator[dict[str, Any]]:
    """Yield every measurement of the sections asked for."""
    eager = {**OURS, "backend": "eager"}
    peers = [{"framework": name} for name in PEERS if device == "cpu" or name in ON_TORCH]
    if device == "cuda":
        peers += KERNELS_OF_PEERS
    for net, repeats in REPEATS.items():
        asked = {**COMMON, "section": net, "net": net, "repeats": repeats}
        if net in sections:
            ours = RECURRENT if net == "recurrent" else OURS
            for which in (ours, *([] if net == "recurrent" else [eager]), *peers, COMPILED):
                yield {**asked, **which}
    for net in ("ff", "conv") if device == "cuda" or has_bfloat16() else ():
        if net in sections:
            for which in (OURS, *peers[: len(ON_TORCH)]):
                yield {**COMMON, **which, "section": net, "net": net, "precision": "bfloat16",
                       "repeats": REPEATS[net]}  # fmt: skip
    if "inference" in sections:
        for which in (OURS, *peers, COMPILED):
            yield {**COMMON, **which, "section": "inference", "net": "conv", "repeats": 6}
    if "latency" in sections:
        for which in (OURS, *peers, COMPILED):
            yield {**COMMON, **which, "section": "latency", "net": "ff", "batch": 1}
    if "cells" in sections:
        for cell in CELLS:
            yield {**COMMON, **OURS, "section": "cells", "net": "ff", "cell": cell}
    if "growth" in sections:
        for steps in (8, 25, 100, 400):
            yield {**COMMON, **OURS, "section": "growth", "net": "ff", "steps": steps}
        for batch in (32, 512, 2048):
            yield {**COMMON, **OURS, "section": "growth", "net": "ff", "batch": batch}
        for width in (128, 512, 2048, 4096):
            yield {**COMMON, **OURS, "section": "growth", "net": "ff", "width": width,
                   "repeats": 8}  # fmt: skip


def has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; one that does not takes many times as long."""
    path = Path("/proc/cpuinfo")
    said = path.read_text() if path.exists() else ""
    return "avx512_bf16" in said or "amx_bf16" in said


def measure(request: dict[str, Any], interpreter: str) -> dict[str, Any] | None:
    """Run one measurement in a process of its own; None where the framework is missing."""
    worker = JAX_WORKER if request["framework"] == "spyx" else WORKER
    command = [interpreter, str(worker), json.dumps(request)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:]
        if any("No module named" in line for line in last):
            return None
        raise SystemExit(f"{request}: {done.stderr}")
    return dict(json.loads(done.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", default=sys.executable, help="an interpreter with peers")
    parser.add_argument("--rounds", type=int, default=3, help="turns that each framework gets")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), choices=SECTIONS)
    options = parser.parse_args()

    is_cpu = options.device == "cpu"
    rows = []
    for request in requests(options.sections, options.device):
        rows.append({**request, "threads": options.threads, "device": options.device})
    results: list[list[dict[str, Any]]] = [[] for _ in rows]
    for turn in range(options.rounds):
        for row, found in zip(rows, results, strict=True):
            is_peer = row["framework"] in PEERS
            result = measure(row, options.peers_python if is_peer else sys.executable)
            label = " ".join(str(row.get(k, "")) for k in ("section", "framework", "backend",
                             "cell", "precision", "steps", "width", "batch"))  # fmt: skip
            print(f"{turn + 1}: {label}: {result and round(result['ms'], 2)} ms", flush=True)
            if result:
                found.append(result)
    table = [summary(row, found) for row, found in zip(rows, results, strict=True)]
    path = write_results(
        "training_speed" if is_cpu else "training_speed_cuda",
        seeds=[0],
        rows=table,
        targets=list(targets(table)),
        packages=["sc-neurocore", "torch", "numpy", "numba" if is_cpu else "triton"],
        script="training_speed",
    )
    for target in targets(table):
        print(f"{target.what}: {target.measured} (asked {target.op} {target.asked})")
    print(f"written: {path}")


def summary(row: dict[str, Any], found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one row of the table: the median over turns of each median."""
    if not found:
        return {**row, "measured": False}
    return {
        **row,
        "measured": True,
        **{name: statistics.median(each[name] for each in found)
           for name in ("ms", "fastest_ms", "peak_mb", "peak_after_imports_mb")},
        "first_step_s": found[0]["first_step_s"],
        **{name: found[0][name] for name in ("parameters", "version", "torch")},
    }  # fmt: skip


def targets(table: list[dict[str, Any]]) -> Iterator[Target]:
    """Yield what was asked for, beside what was measured."""

    def pick(**wanted: Any) -> list[dict[str, Any]]:
        return [
            row
            for row in table
            if row["measured"] and all(row.get(name) == value for name, value in wanted.items())
        ]

    def ahead(
        ours: list[dict[str, Any]], others: list[dict[str, Any]], times: float
    ) -> Iterator[Target]:
        if ours and others:
            fastest = min(others, key=lambda row: row["ms"])
            ratio = round(fastest["ms"] / ours[0]["ms"], 2)
            name = f"{fastest['framework']} {fastest.get('backend') or ''}".strip()
            what = f"{ours[0]['section']}, {ours[0]['precision']}: times faster than {name}"
            yield Target(what, ">=", times, ratio)

    def peers(**wanted: Any) -> list[dict[str, Any]]:
        return [row for row in pick(**wanted) if row["framework"] in PEERS]

    single = {"precision": "float32"}
    lif = pick(section="ff", backend="auto", **single)
    yield from ahead(lif, peers(section="ff"), 1.5)
    short = pick(section="ff", backend="auto", precision="bfloat16")
    yield from ahead(short, peers(section="ff"), 2.0)
    conv = pick(section="conv", backend="auto", **single)
    yield from ahead(conv, peers(section="conv", **single), 3.0)
    recurrent = pick(section="recurrent", backend="auto")
    yield from ahead(recurrent, peers(section="recurrent"), 4.0)
    inference = pick(section="inference", backend="auto")
    yield from ahead(
        inference, [row for row in peers(section="inference") if row["framework"] in ON_TORCH], 3.0
    )
    on_torch = [row for row in peers(section="conv", **single) if row["framework"] in ON_TORCH]
    if conv and on_torch:
        leanest = min(on_torch, key=lambda row: row["peak_mb"])
        ratio = round(conv[0]["peak_mb"] / leanest["peak_mb"], 3)
        yield Target(f"conv, peak memory against {leanest['framework']}", "<=", 0.333, ratio)
    for row in (*recurrent, *pick(section="cells")):
        if lif and row["cell"] != "LIFCell":
            ratio = round(row["ms"] / lif[0]["ms"], 2)
            yield Target(f"{row['cell']}, step time against LIFCell", "<=", 2.0, ratio)


if __name__ == "__main__":
    main()
