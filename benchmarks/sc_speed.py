"""Stochastic layers against the Rust engine of the PyPI package and against the machine's limit.

The peer runs in an environment of its own (its package has our name):

    python -m venv PEER && PEER/bin/pip install sc-neurocore==3.16 sc-neurocore-engine
    python benchmarks/sc_speed.py --peer-python PEER/bin/python

Ours and the peer's take turns, so that a noisy moment hits both. A bit-operation is one AND of two
bits and its count: batch x inputs x outputs x length of them per call.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from _results import Target, write_results

from sc_neurocore.data import load_split
from sc_neurocore.kernels.numba.runtime import run_on_threads
from sc_neurocore.kernels.numba.support import entry
from sc_neurocore.network import encode_weights, load_description
from sc_neurocore.stochastic import SCDenseLayer, run_network
from sc_neurocore.stochastic.packed_kernels import _ones, and_counts
from sc_neurocore.stochastic.streams import encode

ROOT = Path(__file__).parent.parent
WORKER = Path(__file__).with_name("_sc_peer_worker.py")
MNIST = ROOT / "models" / "mnist-784-128-128-10"
BASE = {"inputs": 784, "outputs": 128, "length": 1024, "batch": 256}
LIMIT_ROUNDS = 4000


def requests() -> Iterator[dict[str, Any]]:
    """Yield the shapes: those of the target, then growing lengths and widths."""
    for source in ("streams", "values"):
        yield {**BASE, "section": "peer", "from": source}
    for length in (64, 256, 1024, 4096, 16384):
        yield {**BASE, "section": "length", "from": "values", "length": length}
    for width in (128, 512, 2048):
        yield {**BASE, "section": "width", "from": "values", "outputs": width, "batch": 64}


def timed(call: Callable[[], Any], repeats: int) -> float:
    """Return the median seconds of a call after a warm-up."""
    call()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def ours(request: dict[str, Any], repeats: int, threads: int) -> float:
    """Return the seconds of one batch, from packed streams or from values."""
    rng = np.random.default_rng(0)
    values = rng.random((request["batch"], request["inputs"]))
    weight = rng.uniform(-1, 1, (request["outputs"], request["inputs"]))
    layer = SCDenseLayer(encode_weights(weight), request["length"])
    if request["from"] == "values":
        return timed(lambda: layer(values), repeats)
    x = encode(values, layer.sources.inputs, layer.length)
    w = encode(layer.weights.values, layer.sources.weights, layer.length)
    return timed(lambda: and_counts(x, w, threads), repeats)


def peer(request: dict[str, Any], repeats: int, threads: int, interpreter: str) -> dict[str, Any]:
    """Run the peer's measurement in a process of its own."""
    asked = {**request, "repeats": repeats, "threads": threads}
    done = subprocess.run(
        [interpreter, str(WORKER), json.dumps(asked)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{interpreter}: {done.stderr}")
    return dict(json.loads(done.stdout))


def _limit(numbers: Any) -> None:
    """Count the ones of 256 words ANDed with one word, again and again: nothing leaves the L1."""
    words = np.empty(256, np.uint64)
    for k in range(256):
        words[k] = np.uint64(k) * np.uint64(0x9E3779B97F4A7C15)
    total = 0
    for turn in range(numbers[0]):
        mask = np.uint64(turn)
        for k in range(256):
            total += _ones(words[k] & mask)
    numbers[1] = total


@cache
def _limit_address() -> int:
    return int(entry(_limit).address)


def popcount_limit(threads: int) -> float:
    """Return how many Gbit-op/s an AND and a count of words in the first cache reach."""
    numbers = np.array([LIMIT_ROUNDS * 256, 0])
    seconds = timed(lambda: run_on_threads(_limit_address(), numbers.ctypes.data, threads), 5)
    return threads * LIMIT_ROUNDS * 256 * 256 * 64 / seconds / 1e9


def whole_inference(limit: int | None) -> dict[str, Any] | None:
    """Time the 10,000 test images of MNIST, 256 bits, after a warm-up; None without the model."""
    if not MNIST.exists():
        return None
    description, data = load_description(MNIST), load_split("mnist").flattened().test
    inputs = data.inputs[:limit]
    run_network(description, inputs[:100], 256)
    began = time.perf_counter()
    run = run_network(description, inputs, 256)
    seconds = time.perf_counter() - began
    return {
        "section": "inference",
        "network": MNIST.name,
        "length": 256,
        "steps": description.steps,
        "images": len(inputs),
        "seconds": round(seconds, 3),
        "accuracy_percent": round(100 * run.accuracy(data.labels[:limit]), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="an interpreter that has sc-neurocore-engine")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=3, help="turns that each of both gets")
    parser.add_argument("--repeats", type=int, default=7, help="calls in a turn")
    parser.add_argument("--images", type=int, help="fewer test images, for a trial")
    options = parser.parse_args()
    numba.config.NUMBA_NUM_THREADS = options.threads  # type: ignore[attr-defined]
    rows: list[dict[str, Any]] = []
    limits = [popcount_limit(options.threads) for _ in range(options.rounds)]
    limit = statistics.median(limits)
    rows.append({"section": "limit", "threads": options.threads, "gbitops": round(limit, 1)})
    for request in requests():
        mine, theirs, about = [], [], {}
        for _ in range(options.rounds):
            mine.append(ours(request, options.repeats, options.threads))
            if request["section"] == "peer" and options.peer_python:
                about = peer(request, options.repeats, options.threads, options.peer_python)
                theirs.append(about["seconds"])
        operations = request["batch"] * request["inputs"] * request["outputs"] * request["length"]
        row = {**request, "threads": options.threads, "seconds": statistics.median(mine)}
        row["gbitops"] = round(operations / row["seconds"] / 1e9, 1)
        row["share_of_limit"] = round(row["gbitops"] / limit, 3)
        if theirs:
            row["peer_gbitops"] = round(operations / statistics.median(theirs) / 1e9, 1)
            row["times_faster"] = round(row["gbitops"] / row["peer_gbitops"], 2)
            row |= {"peer_version": about["version"], "peer_simd": about["simd"]}
        rows.append(row)
        print(row, flush=True)
    inference = whole_inference(options.images)
    if inference:
        rows.append(inference)
        print(inference, flush=True)
    for target in targets(rows):
        print(f"{target.what}: {target.measured} (asked {target.op} {target.asked})")
    if options.images:
        print("a trial: nothing is written")
        return
    path = write_results(
        "sc_speed",
        seeds=[0],
        rows=rows,
        targets=list(targets(rows)),
        packages=["sc-neurocore", "numba", "numpy"],
    )
    print(f"written: {path}")


def targets(rows: list[dict[str, Any]]) -> Iterator[Target]:
    """Yield what was asked for, beside what was measured."""
    for row in rows:
        if "times_faster" in row:
            what = f"784 to 128 at 1024 bits from {row['from']}: times faster than the Rust engine"
            yield Target(what, ">=", 5.0, row["times_faster"])
        if row["section"] == "inference" and row["images"] == 10_000:
            what = "10,000 images, 256 bits, T = 25, two cores, seconds"
            yield Target(what, "<=", 8.0, row["seconds"])


if __name__ == "__main__":
    main()
