"""Accuracy of stochastic inference against stream length, on the full MNIST test set.

Every encoding, source and length, with the documented constants and with five drawn seeds. Runs
are spread over processes or a cluster by joblib; each finished one is kept in --folder, so that a
run that was stopped goes on.

    python benchmarks/sc_fidelity.py --jobs 2
    python benchmarks/sc_fidelity.py --backend dask --address tcp://scheduler:8786
    python benchmarks/sc_fidelity.py --sections tuned          fine-tuning for 16 bits
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any, get_args

import joblib
import numpy as np
from _results import Target, write_results

from sc_neurocore.data.catalogue import split_from_metadata
from sc_neurocore.data.dataset import Dataset
from sc_neurocore.files import write_atomically
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import ENCODINGS, NetworkDescription, WeightEncoding, load_description
from sc_neurocore.stochastic import Sharing, SourceName, make_sources, run_network

ROOT = Path(__file__).parent.parent
NETWORKS = {"dense": "mnist-784-128-128-10", "conv": "mnist-conv"}
LENGTHS = tuple(2**k for k in range(4, 13))
SEEDS = (1, 2, 3, 4, 5)
TUNED_LENGTH = 16
TUNED_EPOCHS = 5


@dataclass(frozen=True)
class Task:
    """One inference of the test set; the seed None stands for the documented constants."""

    network: str
    encoding: WeightEncoding
    source: str
    length: int
    sharing: Sharing = "shared"
    neurons: str = "float64"
    calibrate: bool = True
    seed: int | None = None

    @property
    def name(self) -> str:
        """A name for a file."""
        return "-".join(str(value) for value in asdict(self).values())


def tasks(sections: Sequence[str]) -> Iterator[Task]:
    """Yield every inference of the sections asked for."""
    seeds = (None, *SEEDS)
    sources = get_args(SourceName)
    if "dense" in sections:
        for encoding, source, length, seed in product(ENCODINGS, sources, LENGTHS, seeds):
            yield Task(NETWORKS["dense"], encoding, source, length, seed=seed)
        for source, length in product(sources, LENGTHS):
            yield Task(NETWORKS["dense"], "sign-magnitude", source, length, calibrate=False)
    if "sharing" in sections:
        for sharing, source, length in product(get_args(Sharing)[1:], sources, (16, 64, 256)):
            yield Task(NETWORKS["dense"], "sign-magnitude", source, length, sharing)
    if "integers" in sections:
        for source, length in product(("lfsr", "sobol"), (16, 64, 256, 1024)):
            yield Task(NETWORKS["dense"], "sign-magnitude", source, length, neurons="Q8.8")
    if "conv" in sections:
        for source, length in product(("lfsr", "sobol"), (16, 64, 256)):
            yield Task(NETWORKS["conv"], "sign-magnitude", source, length, neurons="float32")


def test_set(description: NetworkDescription, images: int | None) -> Dataset:
    """Return the test images in the shape that the network takes."""
    part = split_from_metadata(description.metadata).shaped(description.input.shape).test
    return part if images is None else part.take(np.arange(images))


def accuracy(task: Task, models: Path, images: int | None) -> float:
    """Return the share of right answers; this is what runs elsewhere."""
    description = load_description(models / task.network)
    data = test_set(description, images)
    sources = make_sources(task.source, task.seed, task.sharing)
    run = run_network(
        description,
        data.inputs,
        task.length,
        sources,
        task.encoding,
        neurons=task.neurons,
        calibrate=task.calibrate,
    )
    return run.accuracy(data.labels)


def tuned(source: str, models: Path, network: str, images: int | None, epochs: int) -> float:
    """Fine-tune for short streams on the training set; return the accuracy of inference."""
    from _fine_tuning import fine_tuned

    from sc_neurocore.training.sc_aware import stream_aware

    description = load_description(models / network)
    sources = make_sources(source)
    found = fine_tuned(description, lambda net: stream_aware(net, TUNED_LENGTH, sources), epochs)
    data = test_set(description, images)
    run = run_network(found, data.inputs, TUNED_LENGTH, source)
    return run.accuracy(data.labels)


def measured(
    wanted: Sequence[Task], options: argparse.Namespace, folder: Path
) -> Iterable[tuple[Task, float]]:
    """Yield every task with its accuracy, those that are in the folder first."""
    left = []
    for task in wanted:
        path = folder / f"{task.name}.json"
        if path.exists():
            yield task, json.loads(path.read_bytes())
        else:
            left.append(task)
    with ExitStack() as stack:
        backend = {"backend": options.backend}
        if options.backend == "dask":
            from distributed import Client

            where = options.address or {"n_workers": options.jobs, "threads_per_worker": 1}
            client = Client(where) if isinstance(where, str) else Client(**where)
            stack.enter_context(client)
        elif options.backend == "ray":
            from ray.util.joblib import register_ray

            register_ray()
        else:
            backend["inner_max_num_threads"] = max(1, (os.cpu_count() or 1) // options.jobs)
        stack.enter_context(joblib.parallel_config(**backend, n_jobs=options.jobs))
        calls = (joblib.delayed(accuracy)(task, options.models, options.images) for task in left)
        how = "list" if options.backend == "ray" else "generator"
        for task, found in zip(left, joblib.Parallel(return_as=how)(calls), strict=True):
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / f"{task.name}.json", json.dumps(found).encode())
            print(f"{task.name}: {found:.2%}", flush=True)
            yield task, found


def table(found: Iterable[tuple[Task, float]]) -> list[dict[str, Any]]:
    """Return one row per setting: the constants' accuracy, the mean and the worst of the seeds."""
    settings: dict[tuple[Any, ...], dict[int | None, float]] = {}
    for task, share in found:
        key = tuple((name, value) for name, value in asdict(task).items() if name != "seed")
        settings.setdefault(key, {})[task.seed] = round(100 * share, 2)
    rows = []
    for key, by_seed in settings.items():
        row: dict[str, Any] = {**dict(key), "constants_percent": by_seed.get(None)}
        drawn = [share for seed, share in by_seed.items() if seed is not None]
        if drawn:
            row |= {"mean_percent": round(statistics.mean(drawn), 3), "worst_percent": min(drawn)}
        rows.append(row)
    return rows


def targets(rows: list[dict[str, Any]], floats: dict[str, float]) -> Iterator[Target]:
    """Yield what was asked for, in points below floating point.

    With the documented constants, which hardware has, and for the worst of the drawn seeds.
    """
    asked = {("dense", 64): 0.5, ("dense", 256): 0.1, ("conv", 256): 0.2}
    for row in rows:
        section = next((name for name, n in NETWORKS.items() if n == row["network"]), "")
        is_plain = row["encoding"] == "sign-magnitude" and row["sharing"] == "shared"
        is_plain = is_plain and row["neurons"] != "Q8.8" and row["calibrate"]
        points = asked.get((section, row["length"]))
        if row.get("is_tuned"):
            points, is_plain = 0.5, True
        if is_plain and points is not None and row["source"] in ("lfsr", "sobol"):
            tuned_for = ", fine-tuned" if row.get("is_tuned") else ""
            what = f"{row['network']}, {row['source']}, {row['length']} bits{tuned_for}"
            for share, which in (("constants", "documented constants"), ("worst", "worst seed")):
                if f"{share}_percent" in row:
                    lost = round(floats[row["network"]] - row[f"{share}_percent"], 2)
                    yield Target(f"{what}, {which}: points lost", "<=", points, lost)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    choices = ("dense", "sharing", "integers", "conv", "tuned")
    parser.add_argument("--sections", nargs="+", choices=choices, default=list(choices))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--backend", choices=("loky", "dask", "ray"), default="loky")
    parser.add_argument("--address", help="of a Dask scheduler; by default a local cluster")
    parser.add_argument("--models", type=Path, default=ROOT / "models")
    parser.add_argument("--network", help="another folder in --models, for a trial")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "sc_fidelity")
    parser.add_argument("--images", type=int, help="fewer test images, for a trial")
    parser.add_argument("--lengths", type=int, nargs="+", help="only these lengths, for a trial")
    parser.add_argument("--epochs", type=int, default=TUNED_EPOCHS, help="of fine-tuning")
    options = parser.parse_args()
    needed = {"dask": "distributed", "ray": "ray"}.get(options.backend)
    if needed and find_spec(needed) is None:
        parser.error(
            f"--backend {options.backend} needs the package {needed}: pip install {needed}"
        )
    if options.network:
        NETWORKS["dense"] = options.network
    wanted = [
        task
        for task in tasks(options.sections)
        if not options.lengths or task.length in options.lengths
    ]
    folder = options.folder / ("all" if options.images is None else f"first-{options.images}")
    rows = table(measured(wanted, options, folder))
    if "tuned" in options.sections:
        network = NETWORKS["dense"]
        for source in ("lfsr", "sobol"):
            share = tuned(source, options.models, network, options.images, options.epochs)
            task = Task(network, "sign-magnitude", source, TUNED_LENGTH)
            rows.append({**asdict(task), "is_tuned": True, "epochs": options.epochs,
                         "constants_percent": round(100 * share, 2)})  # fmt: skip
    floats = {}
    for network in {row["network"] for row in rows}:
        description = load_description(options.models / network)
        data = test_set(description, options.images)
        floats[network] = round(100 * run_float(description, data.inputs).accuracy(data.labels), 2)
        rows.append({"network": network, "encoding": "float", "constants_percent": floats[network],
                     "images": len(data)})  # fmt: skip
    stochastic = [row for row in rows if row["encoding"] != "float"]
    for target in targets(stochastic, floats):
        print(f"{target.what}: {target.measured} (asked {target.op} {target.asked})")
    if options.images or options.network or options.lengths:
        print("a trial: nothing is written")
        return 0
    path = write_results(
        "sc_fidelity",
        seeds=SEEDS,
        rows=rows,
        targets=list(targets(stochastic, floats)),
        packages=["sc-neurocore", "numpy", "numba", "joblib"],
    )
    print(f"written: {path}")
    return 0


if __name__ == "__main__":
    main()
