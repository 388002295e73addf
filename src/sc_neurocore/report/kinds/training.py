"""A training run: its curves, what its neurons do, and what it gets right and wrong."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from sc_neurocore.files import read_inside
from sc_neurocore.kernels.recorded import RESULTS_NAME
from sc_neurocore.network.storage import JSON_NAME
from sc_neurocore.report.contents import Epoch, Results, Training
from sc_neurocore.report.files import list_files
from sc_neurocore.report.illustrations import (
    class_name,
    confusion,
    history,
    membrane,
    mistakes,
    raster,
)
from sc_neurocore.report.ladder import Verdict
from sc_neurocore.report.reading import LARGEST, Part, read_part
from sc_neurocore.report.sections import Account, Section, section
from sc_neurocore.report.stepper import stepper
from sc_neurocore.report.tables import Table, training_table
from sc_neurocore.report.wording import count, percent, plural

RECORD, HISTORY = "training.json", "history.csv"
_FILES = (
    ("Network", JSON_NAME),
    ("Network", "network.safetensors"),
    ("Record of the training", RECORD),
    ("Epochs, for spreadsheets", HISTORY),
    ("Figures of this page", RESULTS_NAME),
)


class LayerActivity(Part):
    """How much the neurons of a layer fire; rates are spikes per step, 0 to 1."""

    layer: str
    neuron: str
    neurons: int
    mean_rate: float
    dead: int
    saturated: int


class _Trained(Part):
    seed: int | None = None


class _Options(Part):
    training: _Trained = _Trained()


class RecordFile(Part):
    """What is read of training.json."""

    dataset: str
    finished: bool = False
    options: _Options = _Options()
    accuracy: float | None = None
    test_size: int = 0
    seconds: float | None = None
    kept_epoch: int | None = None
    history: tuple[Epoch, ...] = ()
    activity: tuple[LayerActivity, ...] = ()
    network: str | None = None


class _Input(Part):
    kind: str = "static"
    shape: tuple[int, ...] = ()


class NetworkFacts(Part):
    """What is read of network.json: no weight, and no file that it may name."""

    name: str
    steps: int
    input: _Input
    metadata: dict[str, Any] = Field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """What the network does, in one sentence."""
        shape = "x".join(map(str, self.input.shape))
        what = f"numbers of shape {shape}"
        if self.input.kind != "static":
            what = f"a frame of shape {shape} in every step"
        architecture, dataset = (self.metadata.get(key) for key in ("architecture", "dataset"))
        network = f"a spiking network {architecture}" if architecture else "a spiking network"
        learnt = f", learnt from {dataset}" if dataset else ""
        return (
            f"{self.name} is {network}: it takes {what}, runs for {plural(self.steps, 'step')}, "
            f"and answers with a class{learnt}."
        )


def training_account(folder: Path, *, with_answers: bool = True) -> Account | None:
    """Return what a training run says of itself; None where there is none.

    Args:
        folder: The run's folder.
        with_answers: Whether to show what it gets right and wrong, and one sample.

    Raises:
        UserError: If a file of it is damaged.
    """
    writer = f"sc-neurocore train --out {folder}"
    record = read_part(RecordFile, folder, RECORD, writer)
    if record is None:
        return None
    network = read_part(NetworkFacts, folder, JSON_NAME, writer)
    results = Results()
    if with_answers:
        results = read_part(Results, folder, RESULTS_NAME, writer) or results
    epochs = record.history or _epochs_so_far(folder)
    name = network.name if network else record.dataset
    return Account(
        name=name,
        sentence=network.sentence if network else f"A training on {record.dataset}.",
        verdict=_verdict(record, len(epochs)),
        sections=(
            _training_section(record, network, epochs),
            *activity_sections(record.activity),
            *answer_sections(results),
            *sample_sections(results),
        ),
        files=list_files(folder, _FILES),
        content_hash=record.network,
    )


def _verdict(record: RecordFile, epochs: int) -> Verdict:
    if not record.finished or record.accuracy is None:
        reason = f"{plural(epochs, 'epoch')} so far; the same command goes on from there."
        return Verdict("missing", "This training has not finished", reason)
    reason = f"{percent(record.accuracy)} of {plural(record.test_size, 'test sample')} right."
    dead = [each for each in record.activity if each.dead == each.neurons]
    if dead:
        silent = ", ".join(each.layer for each in dead)
        return Verdict(
            "bad", "A layer is silent", f"No neuron of {silent} fires on training samples. {reason}"
        )
    return Verdict("good", "This network is trained", reason)


def _training_section(
    record: RecordFile, network: NetworkFacts | None, epochs: tuple[Epoch, ...]
) -> Section:
    metadata = network.metadata if network else {}
    drawn = history("training-history", epochs) if epochs else None
    table = None
    if record.accuracy is not None:
        facts = {key: metadata.get(key) for key in ("architecture", "parameters")}
        kept = f"the weights are those after epoch {record.kept_epoch}"
        try:
            part = Training(
                accuracy=record.accuracy,
                float_test_size=record.test_size,
                dataset=record.dataset,
                epochs=len(epochs),
                kept=kept if record.kept_epoch not in (None, len(epochs)) else "",
                steps=network.steps if network else None,
                seed=record.options.training.seed,
                seconds=record.seconds,
                **facts,
            )
        except ValidationError:  # metadata may be anything
            part = Training(accuracy=record.accuracy, float_test_size=record.test_size)
        table = training_table(part)
    beside = tuple(each for each in (table, drawn) if each is not None)
    return section("training", "Training", beside or None)


def _epochs_so_far(folder: Path) -> tuple[Epoch, ...]:
    """Return the epochs of a run that has not finished; none where the table is damaged."""
    content = read_inside(folder, HISTORY, LARGEST)
    try:
        rows = csv.DictReader(io.StringIO((content or b"").decode()))
        plain = ({name: value or None for name, value in row.items()} for row in rows)
        return tuple(Epoch.model_validate(row) for row in plain)
    except (ValidationError, UnicodeDecodeError, csv.Error, TypeError):
        return ()


def activity_sections(layers: tuple[LayerActivity, ...]) -> list[Section]:
    """Return how much the neurons fire, and how many never or always do."""
    rows = tuple(
        (
            each.layer,
            each.neuron,
            count(each.neurons),
            f"{each.mean_rate:.4f}",
            count(each.dead),
            count(each.saturated),
        )
        for each in layers
    )
    headings = ("Layer", "Neuron", "Neurons", "Spikes per step", "Never fire", "Always fire")
    table = Table("What the neurons do on training samples", headings, rows)
    return [section("activity", table.title, table)] if rows else []


def answer_sections(results: Results) -> list[Section]:
    """Return which classes were given, and samples that were given a wrong one."""
    found = []
    matrix = confusion("answers-confusion", results)
    wrong = mistakes("answers-mistakes", results)
    beside = tuple(each for each in (matrix, wrong) if each is not None)
    if beside:
        found.append(section("answers", "Right and wrong answers", beside))
    return found


def sample_sections(results: Results) -> list[Section]:
    """Return one sample on its way through the network."""
    sample = results.sample
    if sample is None:
        return []
    steps = stepper(sample, class_name(results, sample.label), results.class_names)
    spikes, trace = raster("sample-raster", results, sample), membrane("sample-membrane", sample)
    return [section("sample", "One sample", (spikes, trace) if trace else spikes, steps)]
