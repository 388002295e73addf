"""Many runs over a grid of options, side by side, each in a folder of its own.

sweep.json, sweep.csv     one row per finished trial, and what was asked
trials/NAME/              its run, see `train_run`; the name is a hash of data and options

A trial depends on its options alone, so that the rows are the same however many processes there
are, and wherever they are. The same call goes on where an earlier one ended; with more values in
the grid, what is finished stays.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from sc_neurocore.data.catalogue import DATASETS
from sc_neurocore.errors import ScNeurocoreError, ToolMissingError, UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.folders import sole_writer
from sc_neurocore.kernels.arguments import as_whole, shown
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.training.options import RunOptions, TrainingOptions, check_run_options, plain
from sc_neurocore.training.run import train_run

SWEEP_NAME = "sweep.json"
TABLE_NAME = "sweep.csv"
TRIALS = "trials"

Backend: TypeAlias = Literal["loky", "threading", "dask", "ray"]
_WITHOUT_SCHEDULER = ("loky", "threading")
_NOT_HERE = {"training", "data"}


@dataclass(frozen=True)
class Trial:
    """One point of the grid.

    Attributes:
        values: Its options by name, as the grid has them.
        options: All options.
        name: Of its folder.
    """

    values: Mapping[str, Any]
    options: RunOptions
    name: str


def trials(dataset: str, options: RunOptions, grid: Mapping[str, Sequence[Any]]) -> list[Trial]:
    """Return the points of a grid, the last option changing fastest.

    Args:
        dataset: A name in `DATASETS`.
        options: Of all trials, but for those in the grid.
        grid: Values of fields of `TrainingOptions` and `RunOptions`, such as {"seed": (0, 1),
            "n_hidden": (64, 128)}.

    Raises:
        UserError: For a name that is no option, an option without values, a value that is wrong, or
            two points of which one is the other.
    """
    if dataset not in DATASETS:
        raise UserError(f"no data set {shown(dataset)}; known: {', '.join(DATASETS)}")
    if not isinstance(grid, Mapping):
        raise UserError(
            f"grid = {shown(grid)}: expected lists of values by name, such as {{'seed': [0, 1]}}"
        )
    of_training = {item.name for item in fields(TrainingOptions)}
    of_run = {item.name for item in fields(RunOptions)} - _NOT_HERE
    for name, values in grid.items():
        if name not in of_training | of_run:
            known = ", ".join(sorted(of_training | of_run))
            raise UserError(f"grid: no option {name!r}; known: {known}")
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise UserError(f"grid: {name} = {shown(values)}: expected a list of values")
    found: dict[str, Trial] = {}
    for point in itertools.product(*grid.values()):
        chosen: dict[str, Any] = dict(zip(grid, point, strict=True))
        training = {name: value for name, value in chosen.items() if name in of_training}
        run = {name: value for name, value in chosen.items() if name in of_run}
        each = replace(options, training=replace(options.training, **training), **run)
        text = json.dumps([dataset, plain(each)], sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:12]
        if name in found:  # they would share a folder, and one be taken for the other
            raise UserError(
                f"grid: {shown(found[name].values)} and {shown(chosen)} are the same run: give "
                f"each value once; functions are told apart by their names alone"
            )
        found[name] = Trial(chosen, each, name)
    return list(found.values())


def run_sweep(
    dataset: str,
    out: Path,
    options: RunOptions,
    grid: Mapping[str, Sequence[Any]],
    jobs: int = 1,
    backend: Backend = "loky",
    scheduler: str | None = None,
    progress: ProgressCallback = ignore_progress,
) -> list[dict[str, Any]]:
    """Train every point of a grid and return the table, in the order of the grid.

    Args:
        dataset: A name in `DATASETS`.
        out: The sweep's folder, made if needed. On a cluster, all workers see it.
        options: Of all trials, but for those in the grid.
        grid: See `trials`. With "seed" in it, rows of one setting can be averaged.
        jobs: Trials side by side, each on the threads that its options say.
        backend: "loky", processes on this machine; "threading"; "dask" or "ray", a cluster.
        scheduler: The address of Dask's scheduler or of a Ray cluster; without, a cluster of `jobs`
            processes is started here and ended.
        progress: Receives an event after every trial.

    Returns:
        One row per trial: the options in the grid, accuracy (on the test), validation_accuracy (of
        the epoch that was kept; None without a validation set), loss, parameters, epochs, seconds,
        folder, and error, None where the trial went well. Choose by the validation accuracy: the
        best of many test accuracies is better than the network is.

    Raises:
        UserError: For a wrong option, or a folder in which another process writes.
        ToolMissingError: If the backend's package is not installed.
    """
    import joblib

    check_run_options(options)
    jobs = as_whole("jobs", jobs)
    if backend not in get_args(Backend):
        raise UserError(f"backend = {shown(backend)}: expected {', '.join(get_args(Backend))}")
    if scheduler is not None and backend in _WITHOUT_SCHEDULER:
        raise UserError(
            f"scheduler = {shown(scheduler)}: backend {backend!r} has none; take 'dask' or 'ray', "
            f"or leave it out"
        )
    out = Path(out)
    points = trials(dataset, options, grid)
    rows: list[dict[str, Any] | None] = [None] * len(points)
    asked = {"dataset": dataset, "options": plain(options), "grid": plain(dict(grid))}
    with sole_writer(out, "sweep"), ExitStack() as stack:
        alone = jobs == 1 and backend in _WITHOUT_SCHEDULER
        if not alone:
            stack.enter_context(_cluster(backend, jobs, scheduler))
            stack.enter_context(joblib.parallel_config(backend=backend, n_jobs=jobs))
        work = (
            (number, dataset, point.values, point.options, out / TRIALS / point.name)
            for number, point in enumerate(points)
        )
        if alone:
            finished: Iterator[Any] = (_trial(*each) for each in work)
        else:
            calls = (joblib.delayed(_trial)(*each) for each in work)
            finished = iter(joblib.Parallel(return_as="generator_unordered")(calls))
        progress(Progress("sweep", 0, len(points)))
        for done, (number, row) in enumerate(finished, start=1):
            rows[number] = row
            known = [each for each in rows if each is not None]
            _write(out, asked, known)
            progress(Progress("sweep", done, len(points), _shown(row)))
    return [each for each in rows if each is not None]


def _trial(
    number: int, dataset: str, values: Mapping[str, Any], options: RunOptions, folder: Path
) -> tuple[int, dict[str, Any]]:
    """Train one point and return its row; what cannot be trained says so in it."""
    row: dict[str, Any] = dict(plain(dict(values)))
    try:
        run = train_run(dataset, folder, options)
    except ScNeurocoreError as error:
        nothing = dict.fromkeys(("accuracy", "validation_accuracy", "loss", "parameters", "epochs"))
        return number, {
            **row,
            **nothing,
            "seconds": 0.0,
            "folder": folder.name,
            "error": str(error),
        }
    kept = run.epochs[run.kept - 1]
    return number, {
        **row,
        "accuracy": run.accuracy,
        "validation_accuracy": kept.validation_accuracy,
        "loss": kept.loss,
        "parameters": run.description.metadata["parameters"],
        "epochs": len(run.epochs),
        "seconds": round(run.seconds, 3),
        "folder": folder.name,
        "error": None,
    }


@contextmanager
def _cluster(backend: str, jobs: int, scheduler: str | None) -> Iterator[None]:
    """Have the workers of a backend ready."""
    if backend == "dask":
        try:
            import distributed
        except ImportError as error:
            raise _missing("dask", "distributed", error) from None
        where: dict[str, Any] = {
            "n_workers": jobs,
            "threads_per_worker": 1,
            "dashboard_address": None,
        }
        client: Any = distributed.Client
        with client(scheduler) if scheduler else client(**where):
            yield
    elif backend == "ray":
        try:
            import ray
            from ray.util.joblib import register_ray
        except ImportError as error:
            raise _missing("ray", "ray", error) from None
        ray.init(address=scheduler, num_cpus=None if scheduler else jobs)
        register_ray()
        try:
            yield
        finally:
            ray.shutdown()
    else:
        yield


def _missing(backend: str, package: str, error: ImportError) -> ToolMissingError:
    return ToolMissingError(
        f"backend {backend!r} needs the package {package} ({error}): pip install {package}, or "
        f"take 'loky'"
    )


def _write(out: Path, asked: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    write_atomically(
        out / SWEEP_NAME, (json.dumps({**asked, "rows": rows}, indent=2) + "\n").encode()
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(out / TABLE_NAME, text.getvalue().encode())


def _shown(row: Mapping[str, Any]) -> str:
    if row["error"] is not None:
        return f"a trial failed: {row['error']}"
    tried = row["validation_accuracy"]
    return f"accuracy {row['accuracy']:.2%}" if tried is None else f"validation {tried:.2%}"
