"""A training run: from a data set's name to a folder with a trained network.

network.json, network.safetensors    the description
training.json                        options, history and accuracy; `finished` comes last
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sc_neurocore.data.catalogue import load_dataset
from sc_neurocore.data.dataset import Split, split
from sc_neurocore.equation.catalogue import find_neuron
from sc_neurocore.equation.surrogate import SURROGATES
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.storage import (
    JSON_NAME,
    load_description,
    save_description,
    write_atomically,
)
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.training.history import Epoch
from sc_neurocore.training.loop import fit, seeded
from sc_neurocore.training.networks import SpikingNet
from sc_neurocore.training.options import RunOptions, difference, plain

TRAINING_NAME = "training.json"


@dataclass(frozen=True)
class TrainedRun:
    """A finished run.

    Attributes:
        description: The trained network; its metadata name the split and the accuracy.
        options: How it was trained.
        accuracy: Share of the test samples that it classifies correctly in floating point.
        test_size: Number of test samples.
        epochs: Loss and accuracy of every epoch, in their order.
    """

    description: NetworkDescription
    options: RunOptions
    accuracy: float
    test_size: int
    epochs: tuple[Epoch, ...]

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
        return [
            {"epoch": number, **asdict(epoch)} for number, epoch in enumerate(self.epochs, start=1)
        ]


def train_run(
    dataset: str,
    out: Path,
    options: RunOptions | None = None,
    progress: ProgressCallback = ignore_progress,
) -> TrainedRun:
    """Train on a data set and write the run's folder; a finished run is read back at once.

    Args:
        dataset: A name in `DATASETS`.
        out: The folder, made if needed.
        options: What to train and how.
        progress: Receives an event after every epoch.

    Raises:
        UserError: If the folder holds another run or another network, or an option is unknown.
        DataError: If the data set is unknown.
    """
    options = options or RunOptions()
    asked = {"dataset": dataset, "options": plain(options)}
    record = _read_record(out, asked)
    if record.get("finished"):
        return _read_run(out, record, options)
    parts = split(load_dataset(dataset), options.training.seed, options.test_fraction)
    # What cannot be is refused here, before the folder is claimed and the time is spent.
    describe_network(build_network(parts, options), parts, options)
    out.mkdir(parents=True, exist_ok=True)
    _write_record(out, {**asked, "finished": False})
    run = train(parts, options, progress)
    save_description(run.description, out)
    _write_record(
        out,
        {
            **asked,
            "finished": True,
            "accuracy": run.accuracy,
            "test_size": run.test_size,
            "train_size": len(parts.train),
            "seconds": run.seconds,
            "history": run.history(),
            "network": run.description.content_hash,
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
        },
    )
    return run


def train(
    parts: Split,
    options: RunOptions | None = None,
    progress: ProgressCallback = ignore_progress,
) -> TrainedRun:
    """Train on a split and test once, at the end; nothing is written."""
    options = options or RunOptions()
    net = build_network(parts, options)
    history = fit(net, parts.train, options=options.training, progress=progress)
    untested = describe_network(net, parts, options)
    accuracy = run_float(untested, parts.test.inputs).accuracy(parts.test.labels)
    description = describe_network(net, parts, options, test_accuracy=accuracy)
    return TrainedRun(description, options, accuracy, len(parts.test), history.epochs)


def describe_network(
    net: SpikingNet, parts: Split, options: RunOptions, **measured: float
) -> NetworkDescription:
    """Return the network's description, with the split, the sizes and what was measured."""
    widths = (parts.train.inputs[0].size, *(options.n_hidden,) * options.n_layers)
    architecture = "-".join(map(str, (*widths, parts.train.n_classes)))
    short = f"{widths[0]}-{options.n_layers}x{options.n_hidden}-{parts.train.n_classes}"
    name = f"{parts.train.name}-{architecture if len(architecture) < 40 else short}"
    return net.to_description(
        name.replace("-", "_"),
        parts.train.encoding,
        options.training.steps,
        metadata={
            **parts.metadata,
            "architecture": architecture,
            "parameters": sum(parameter.numel() for parameter in net.parameters()),
            **measured,
        },
    )


def build_network(parts: Split, options: RunOptions) -> SpikingNet:
    """Return the untrained network, its first weights drawn from the seed."""
    if options.surrogate not in SURROGATES:
        raise UserError(f"no surrogate {options.surrogate!r}; known: {', '.join(SURROGATES)}")
    with seeded(options.training.seed):
        return SpikingNet(
            parts.train.inputs[0].size,
            options.n_hidden,
            parts.train.n_classes,
            options.n_layers,
            cell=find_neuron(options.neuron),
            per_channel=options.per_channel,
            surrogate=SURROGATES[options.surrogate],
            learn=options.learn,
        )


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
        found = {key: record[key] for key in asked}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: not the record of a training run ({error!r}); remove the folder, or choose "
            f"another one"
        ) from None
    if found != asked and record.get("finished"):
        raise UserError(
            f"{out} holds a run with other options ({difference(found, asked)}); choose another "
            f"folder, or remove this one"
        )
    return dict(record) if found == asked else {}


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
        return TrainedRun(description, options, record["accuracy"], record["test_size"], epochs)
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{out / TRAINING_NAME}: the record is incomplete ({error!r}); remove the folder and "
            f"train again"
        ) from None


def _write_record(out: Path, record: Mapping[str, Any]) -> None:
    write_atomically(out / TRAINING_NAME, (json.dumps(record, indent=2) + "\n").encode())
