"""A training run: from a data set's name to a folder with a trained network.

network.json, network.safetensors    the description
training.json                        options, history and accuracy; `finished` comes last
history.csv                          one line per epoch
results.json                         answers on the test samples and one of them, for the report
tensorboard/                         the same for TensorBoard, if it was asked for
checkpoint/                          while it is not finished: what it goes on from
"""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sc_neurocore.data.catalogue import load_split
from sc_neurocore.data.dataset import Dataset, Split, split
from sc_neurocore.errors import UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.folders import sole_writer
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.kernels.recorded import RESULTS_NAME, plain_answers, plain_image, plain_sample
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.storage import JSON_NAME, load_description, save_description
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.training.assembly import (
    build_network,
    describe_network,
    encoded_dataset,
    taken_by_network,
)
from sc_neurocore.training.distributed import Group, current_group, find_device, joined
from sc_neurocore.training.encoders import find_encoder
from sc_neurocore.training.history import Epoch
from sc_neurocore.training.logs import BOARD_NAME, HISTORY_NAME, Board, rows, write_history
from sc_neurocore.training.loop import BATCH_TO_EVALUATE, evaluate, fit
from sc_neurocore.training.monitoring import activity_report
from sc_neurocore.training.options import RunOptions, check_run_options, difference, plain
from sc_neurocore.training.start import Start

TRAINING_NAME = "training.json"
CHECKPOINT = "checkpoint"
_SAMPLES_TO_WATCH = 1000


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Attributes:
        description: The trained network; its metadata name the split and the accuracy.
        options: How it was trained.
        accuracy: Share of the test samples that it classifies correctly in floating point.
        test_size: Number of test samples.
        epochs: Loss and accuracy of every epoch, in their order.
        kept: The number, from 1, of the epoch whose weights these are.
        activity: How much the neurons of each layer fire on training samples, and how many of them
            never or always do, as plain JSON values; see `ActivityReport.summary`.
        results: What a report shows of the test samples, as plain JSON values; empty for a run
            that was read back.
    """

    description: NetworkDescription
    options: RunOptions
    accuracy: float
    test_size: int
    epochs: tuple[Epoch, ...]
    kept: int
    activity: Sequence[Mapping[str, Any]] = ()
    results: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Wall time of all epochs."""
        return sum(epoch.seconds for epoch in self.epochs)

    def summary(self) -> dict[str, Any]:
        """Return what a summary says of the run, as plain JSON values."""
        metadata = self.description.metadata
        return {
            "accuracy": self.accuracy,
            "float_test_size": self.test_size,
            "dataset": metadata["dataset"],
            "architecture": metadata["architecture"],
            "parameters": metadata["parameters"],
            "epochs": len(self.epochs),
            "steps": self.description.steps,
            "seed": self.options.training.seed,
            "seconds": round(self.seconds, 3),
        }

    def history(self) -> list[dict[str, Any]]:
        """Return one row per epoch, as plain JSON values."""
        return rows(self.epochs)


def train_run(
    dataset: str,
    out: Path,
    options: RunOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    tensorboard: bool = False,
    start: Start | None = None,
) -> TrainedRun:
    """Train on a data set and write the run's folder.

    A finished run is read back at once. One that ended early goes on from its checkpoint. Under
    torchrun all processes train one network, and the first one writes.

    Args:
        dataset: A name in `DATASETS`; that of the start, if there is one.
        out: The folder, made if needed.
        options: What to train and how.
        progress: Receives an event after every epoch.
        tensorboard: Whether to write events for TensorBoard, into a folder of the run's.
        start: The network to train further, in place of a new one; its layers, data and steps are
            not among the options then, see `Start.fitted`.

    Raises:
        UserError: If the folder holds another run or another network, or another process writes
            there, or an option is unknown.
        DataError: If the data set is unknown.
        ToolMissingError: If TensorBoard is asked for and not installed.
        KeyboardInterrupt: On Ctrl-C, saying how to resume.
    """
    options, out = options or RunOptions(), Path(out)
    check_run_options(options)
    began = None if start is None else start.asked()
    asked = {"dataset": dataset, "options": plain(options), "start": began}
    board = Board(out / BOARD_NAME, plain(options)) if tensorboard else None
    with joined(options.device) as device:
        group = current_group()
        record = group.from_first(_read_record(out, asked) if group.is_first else {})
        if record.get("finished"):
            return _read_run(out, record, options)
        parts = _load(dataset, options, group, progress, start)
        # What cannot be is refused here, before the folder is claimed and the time is spent.
        if start is None:
            taken = taken_by_network(parts, options)
            describe_network(build_network(taken, options), taken, options)
        else:
            with start.fitting(start.network(options)):
                pass

        def log(epochs: tuple[Epoch, ...]) -> None:
            write_history(epochs, out / HISTORY_NAME)
            if board is not None:
                board.write(epochs)

        with sole_writer(out, "train") if group.is_first else nullcontext():
            # Who had the folder before us may have finished a run there meanwhile.
            record = group.from_first(_read_record(out, asked) if group.is_first else {})
            if record.get("finished"):
                return _read_run(out, record, options)
            if group.is_first:
                _write_record(out, {**asked, "finished": False})
            place = out / CHECKPOINT
            run = train(
                parts, options, progress, device, checkpoint=place, after_epoch=log, start=start
            )
            if group.is_first:
                _finish(out, asked, run, len(parts.train))
            if board is not None:
                board.close()
    return run


def train(
    parts: Split,
    options: RunOptions | None = None,
    progress: ProgressCallback = ignore_progress,
    device: torch.device | None = None,
    checkpoint: Path | None = None,
    after_epoch: Callable[[tuple[Epoch, ...]], None] = lambda epochs: None,
    start: Start | None = None,
) -> TrainedRun:
    """Train on a split and test once, at the end.

    Args:
        parts: What to train on, and what to test on.
        options: What to train and how.
        progress: Receives an event after every epoch.
        device: In place of the options' device, such as the second GPU.
        checkpoint: As for `fit`; without it nothing is written.
        after_epoch: As for `fit`.
        start: As for `train_run`.
    """
    options = options or RunOptions()
    check_run_options(options)
    given: object = parts
    if not isinstance(given, Split):
        kind = type(given).__name__
        raise UserError(f"parts: found a {kind}, expected a Split: split(dataset, seed) draws one")
    parts = taken_by_network(parts, options) if start is None else parts
    learnt, validation = parts.train, None
    if options.validation_fraction:
        inner = split(parts.train, options.training.seed, options.validation_fraction)
        learnt, validation = inner.train, inner.test
    net = build_network(parts, options) if start is None else start.network(options)
    net = net.to(device or find_device(options.device))
    with nullcontext() if start is None else start.fitting(net):
        history = fit(
            net,
            learnt,
            validation,
            options.training,
            progress,
            checkpoint,
            after_epoch=after_epoch,
            loss=options.loss,
        )

    def describe(**measured: float) -> NetworkDescription:
        if start is None:
            return describe_network(net, parts, options, **measured)
        return start.describe(net, **measured)

    group = current_group()
    accuracy, activity = 0.0, []
    measured: dict[str, float] = {}
    results: dict[str, Any] = {}
    asked = options.training
    if group.is_first:
        untested = describe()
        test = encoded_dataset(parts.test, asked.encoder, asked.steps, asked.seed)
        answers = run_float(untested, test.network_inputs())
        accuracy = answers.accuracy(test.labels)
        results = _results(untested, test, answers)
        if options.max_delay:  # what the network had learnt, before its delays were rounded
            how = (asked.steps, None, BATCH_TO_EVALUATE, asked.encoder, asked.seed)
            before = evaluate(net, parts.test, *how, loss=options.loss)
            measured["accuracy_before_rounding"] = before
        activity = activity_report(
            net,
            learnt.take(np.arange(min(len(learnt), _SAMPLES_TO_WATCH))),
            asked.steps,
            encoder=find_encoder(asked.encoder),
            generator=asked.seed,
        ).summary()
    accuracy, activity, measured = group.from_first((accuracy, activity, measured))
    description = describe(test_accuracy=accuracy, **measured)
    return TrainedRun(
        description,
        options,
        accuracy,
        len(parts.test),
        history.epochs,
        history.kept,
        activity,
        results,
    )


def _results(description: NetworkDescription, test: Dataset, answers: NetworkRun) -> dict[str, Any]:
    """Return the answers to the test samples, and the first of these step by step."""
    inputs, encoding = test.network_inputs(), description.input
    given = {"float": answers.classes}
    results = plain_answers(encoding, inputs, test.labels, given, test.n_classes)
    image = plain_image(encoding, inputs, 0)
    if image is not None and int(test.labels[0]) < description.outputs:
        one = inputs[:1] if encoding.kind == "static" else inputs[:, :1]
        run = run_float(description, one, record=True)
        populations = (stage.population for stage in description.stages())
        names = [population.neuron.membrane for population in populations]
        membranes = [states[name] for states, name in zip(run.states, names, strict=True)]
        label = int(test.labels[0])
        sample = plain_sample(image, 0, label, run.spikes, membranes)
        if sample is not None:
            traced = [
                float(value) for value in membranes[-1].reshape(len(membranes[-1]), -1)[:, label]
            ]
            last = len(membranes) - 1
            membrane = {"layer": last, "neuron": label, "float": traced}
            results["sample"] = {**sample, "membrane": membrane}
    return results


def _read_record(out: Path, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `training.json` says; refuse a folder that belongs to something else."""
    path = out / TRAINING_NAME
    if not path.exists():
        if (out / JSON_NAME).exists():
            raise UserError(
                f"{out} holds a network that no training run wrote there; choose another folder"
            )
        return {}
    try:
        record = json.loads(path.read_bytes())
        record.setdefault("start", None)  # which releases before did not know
        found = {key: record[key] for key in asked}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not the record of a training run ({error!r}); remove the folder, or choose "
            f"another one"
        ) from None
    # What a release did not know yet when it wrote the record was as it is by default now.
    found["options"] = _with_defaults(found["options"], plain(RunOptions()))
    differs = difference(found, asked)
    is_begun = record.get("finished") or (out / CHECKPOINT).exists()
    if differs and is_begun:
        raise UserError(
            f"{out} holds a run with other options ({differs}); choose another folder, or remove "
            f"this one"
        )
    return {} if differs else dict(record)


def _with_defaults(found: Any, defaults: Any) -> Any:
    if not isinstance(found, dict) or not isinstance(defaults, dict):
        return found
    filled = {name: _with_defaults(value, defaults.get(name)) for name, value in found.items()}
    return {**defaults, **filled}


def _read_run(out: Path, record: Mapping[str, Any], options: RunOptions) -> TrainedRun:
    description = load_description(out)
    if description.content_hash != record.get("network"):
        raise UserError(
            f"{out}: {JSON_NAME} is not the network that {TRAINING_NAME} is about; remove the "
            f"folder and train again"
        )
    names = [item.name for item in fields(Epoch)]
    try:
        epochs = tuple(Epoch(**{name: row[name] for name in names}) for row in record["history"])
        return TrainedRun(
            description,
            options,
            record["accuracy"],
            record["test_size"],
            epochs,
            record.get("kept_epoch", len(epochs)),
            record.get("activity", []),
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{out / TRAINING_NAME}: the record is incomplete ({error!r}); remove the folder and "
            f"train again"
        ) from None


def _load(
    dataset: str,
    options: RunOptions,
    group: Group,
    progress: ProgressCallback,
    start: Start | None,
) -> Split:
    """Return the data; the first process downloads what is missing before the others look."""
    for is_turn in (group.is_first, not group.is_first):
        if is_turn and start is not None:
            parts = start.parts(progress if group.is_first else ignore_progress)
        elif is_turn:
            parts = load_split(
                dataset,
                options.split,
                options.training.seed,
                options.test_fraction,
                progress if group.is_first else ignore_progress,
                **options.data,
            )
        group.from_first(None)
    return parts


def _finish(out: Path, asked: Mapping[str, Any], run: TrainedRun, train_size: int) -> None:
    """Write the network, then the record that says so, then remove the checkpoint."""
    save_description(run.description, out)
    write_atomically(out / RESULTS_NAME, (json.dumps(run.results) + "\n").encode())
    _write_record(
        out,
        {
            **asked,
            "finished": True,
            "accuracy": run.accuracy,
            "test_size": run.test_size,
            "train_size": train_size,
            "seconds": run.seconds,
            "kept_epoch": run.kept,
            "history": run.history(),
            "activity": run.activity,
            "network": run.description.content_hash,
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
        },
    )
    shutil.rmtree(out / CHECKPOINT, ignore_errors=True)


def _write_record(out: Path, record: Mapping[str, Any]) -> None:
    write_atomically(out / TRAINING_NAME, (json.dumps(record, indent=2) + "\n").encode())
