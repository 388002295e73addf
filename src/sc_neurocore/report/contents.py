"""What a run leaves for its report: `summary.json` and `results.json`, read and checked.

Every part may be absent, because a stage may not have run. A part that is there is complete: it
has at least the keys that scripts rely on.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside, stays_inside

SUMMARY_NAME = "summary.json"
RESULTS_NAME = "results.json"
_LARGEST = 1 << 26


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class NeuroBench(_Part):
    """NeuroBench's measures; see `sc_neurocore.kernels.workload.Workload`."""

    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense_operations: float
    samples: int


class Training(_Part):
    """The floating-point network; accuracies are fractions of the test samples, 0 to 1."""

    accuracy: float
    float_test_size: int
    dataset: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    epochs: int | None = None
    steps: int | None = None
    seed: int | None = None
    neurobench: NeuroBench | None = None


class CurvePoint(_Part):
    """The accuracy of stochastic inference at one stream length, in bits."""

    source: str
    length: int = Field(ge=1)
    accuracy: float


class StochasticInference(_Part):
    """The network on stochastic bitstreams."""

    length: int
    source: str
    encoding: str
    accuracy: float
    test_size: int | None = None
    curve: tuple[CurvePoint, ...] = ()


class FixedPointInference(_Part):
    """The network in integers; `agreement` is the share of samples with the float class.

    The spikes of `compared_samples` samples agree with floats' in the share `spike_agreement`.
    `numerics` is the account of what became of the numbers, a line each.
    """

    format: str
    accuracy: float
    weight_bits: int | None = None
    test_size: int | None = None
    agreement: float | None = None
    compared_samples: int | None = None
    spike_agreement: float | None = None
    mean_state_error: float | None = None
    numerics: tuple[str, ...] = ()


class CoSimulation(_Part):
    """The Verilog against the integer model."""

    simulator: str
    samples: int
    steps: int
    spike_mismatches: int
    state_mismatches: int
    class_mismatches: int = 0
    count_mismatches: int = 0
    version: str = ""
    updates: int | None = None
    cycles_per_sample: float | None = None
    seconds: float | None = None

    @property
    def mismatches(self) -> int:
        """All mismatches together."""
        return (
            self.spike_mismatches
            + self.state_mismatches
            + self.class_mismatches
            + self.count_mismatches
        )


class Proof(_Part):
    """One proof attempt; see `sc_neurocore.verify.result.ProofResult`."""

    name: str
    status: str
    engine: str
    seconds: float
    detail: str = ""
    assumptions: tuple[str, ...] = ()
    bound: str = ""

    @property
    def is_proved(self) -> bool:
        """Whether the claim holds for all inputs and without bound."""
        return self.status == "proved"

    @property
    def is_bounded(self) -> bool:
        """Whether the claim was checked within a bound, and held there."""
        return self.status.startswith("bounded")


class Energy(_Part):
    """Energy per sample in nanojoules: an estimate from counted operations, as `basis` says."""

    operations_nj: float
    fpga_nj: float
    basis: str
    images_per_second: float | None = None
    dynamic_mw: float | None = None


class FloorPlan(_Part):
    """Where a design lies on its device; see `sc_neurocore.fpga.placed_design.PlacedDesign`."""

    floor: tuple[int, int]
    parts: tuple[str, ...]
    cells: tuple[tuple[int, int, int | None, int], ...]

    @model_validator(mode="after")
    def _lies_on_the_floor(self) -> Self:
        columns, rows = self.floor
        for column, row, cell, part in self.cells:
            if not (0 <= column < columns and 0 <= row < rows and (cell is None or 0 <= cell < 8)):
                raise ValueError(
                    f"a cell at column {column}, row {row}, {cell}: expected a place on {columns} "
                    f"columns and {rows} rows, and a logic cell from 0 to 7 or null"
                )
            if not 0 <= part < len(self.parts):
                raise ValueError(f"a cell of part {part}: expected one of {len(self.parts)} parts")
        return self


class Build(_Part):
    """The network on a device. Frequencies are in MHz, the latency of a sample in microseconds.

    `layout` is a file's path below the run's folder.
    """

    device: str
    luts: int
    brams: int
    fmax_mhz: float | None
    bitstream: str | None
    flip_flops: int | None = None
    logic_cells: int | None = None
    available: dict[str, int] = {}
    frequency_mhz: float | None = None
    latency_us: float | None = None
    layout: str | None = None
    energy: Energy | None = None

    @property
    def used(self) -> dict[str, int]:
        """The resources that are known, by the names that `available` uses."""
        counts = {
            "logic_cells": self.logic_cells,
            "luts": self.luts,
            "flip_flops": self.flip_flops,
            "brams": self.brams,
        }
        return {name: count for name, count in counts.items() if count is not None}


class Summary(_Part):
    """The figures of a run: what `summary.json` holds.

    `problems` says, by the name of a stage in `seconds`, why it did not finish.
    """

    name: str
    content_hash: str | None = None
    exit_code: int | None = None
    seconds: dict[str, float] = {}
    problems: dict[str, str] = {}
    train: Training | None = None
    sc: StochasticInference | None = None
    fixed: FixedPointInference | None = None
    cosim: CoSimulation | None = None
    proofs: tuple[Proof, ...] = ()
    fpga: Build | None = None
    environment: dict[str, str | None] = {}


class Epoch(_Part):
    """One epoch of training: mean loss, and accuracy as a fraction."""

    epoch: int
    loss: float
    accuracy: float


class Membrane(_Part):
    """One neuron's state after each step, in the same real units for all three models."""

    layer: int
    neuron: int
    float_: tuple[float, ...] = Field(alias="float")
    integers: tuple[float, ...]
    rtl: tuple[float, ...] | None = None
    threshold: float | None = None


class Sample(_Part):
    """One test sample on its way through the network; a spike is (step, neuron), from 0."""

    index: int
    label: int
    image: tuple[float, ...]
    shape: tuple[int, ...]
    spikes: tuple[tuple[tuple[int, int], ...], ...]
    layer_sizes: tuple[int, ...]
    steps: int = Field(ge=1)
    membrane: Membrane | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if math.prod(self.shape) != len(self.image):
            raise ValueError(f"{len(self.image)} pixels do not fill the shape {self.shape}")
        if len(self.spikes) != len(self.layer_sizes):
            raise ValueError(
                f"spikes of {len(self.spikes)} layers, but {len(self.layer_sizes)} layer sizes"
            )
        for layer, (spikes, size) in enumerate(zip(self.spikes, self.layer_sizes, strict=True)):
            for step, neuron in spikes:
                if not (0 <= step < self.steps and 0 <= neuron < size):
                    raise ValueError(
                        f"layer {layer} has a spike at step {step} of neuron {neuron}: expected "
                        f"steps below {self.steps} and neurons below {size}"
                    )
        if self.membrane is not None:
            self._check_membrane(self.membrane)
        return self

    def _check_membrane(self, membrane: Membrane) -> None:
        if not 0 <= membrane.layer < len(self.layer_sizes):
            raise ValueError(f"the membrane is of layer {membrane.layer}, which does not exist")
        series = {"float": membrane.float_, "integers": membrane.integers, "rtl": membrane.rtl}
        for name, values in series.items():
            if values is not None and len(values) != self.steps:
                raise ValueError(
                    f"membrane.{name} has {len(values)} values, expected {self.steps}, one per step"
                )


class Results(_Part):
    """What the figures of a run are drawn from: what `results.json` holds."""

    history: tuple[Epoch, ...] = ()
    labels: tuple[int, ...] = ()
    predictions: dict[str, tuple[int, ...]] = {}
    sample: Sample | None = None
    class_names: tuple[str, ...] = Field(default=(), max_length=1000)  # a picture has their square

    @model_validator(mode="after")
    def _classes_exist(self) -> Self:
        for model, classes in self.predictions.items():
            if len(classes) != len(self.labels):
                raise ValueError(
                    f"predictions.{model} has {len(classes)} classes for {len(self.labels)} labels"
                )
        if self.predictions and not self.class_names:
            raise ValueError("there are predictions, but no class_names")
        named = range(len(self.class_names))
        for classes in (self.labels, *self.predictions.values()) if self.class_names else ():
            strangers = sorted(set(classes) - set(named))
            if strangers:
                raise ValueError(f"class {strangers[0]} is not among {len(named)} class_names")
        return self


def read_summary(folder: Path) -> Summary:
    """Read the summary of a run.

    Raises:
        UserError: `summary.json` is missing or damaged.
    """
    content = read_inside(folder, SUMMARY_NAME, _LARGEST)
    if content is None:
        reason = "Not a directory" if folder.is_file() else "No such file"
        raise UserError(
            f"{folder / SUMMARY_NAME}: {reason}; a report needs a folder that "
            f"'sc-neurocore demo --out {folder}' has written"
        )
    return _parse(Summary, content, folder / SUMMARY_NAME)


def read_results(folder: Path) -> Results:
    """Read the results of a run; empty results where there is no `results.json`.

    Raises:
        UserError: `results.json` is damaged or cannot be read.
    """
    return _read_optional(Results, folder, RESULTS_NAME) or Results()


def read_floor_plan(folder: Path, summary: Summary) -> FloorPlan | None:
    """Read the floor plan of a run's build; None where there is none in the run's folder.

    Raises:
        UserError: The file is damaged or cannot be read.
    """
    if summary.fpga is None or summary.fpga.layout is None:
        return None
    name = summary.fpga.layout
    return _read_optional(FloorPlan, folder, name) if stays_inside(name) else None


_Model = TypeVar("_Model", bound=_Part)


def _read_optional(model: type[_Model], folder: Path, name: str) -> _Model | None:
    content = read_inside(folder, name, _LARGEST)
    return None if content is None else _parse(model, content, folder / name)


def _parse(model: type[_Model], content: bytes, path: Path) -> _Model:
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        complaints = "; ".join(_complaint(each) for each in error.errors()[:3])
        raise UserError(
            f"{path} is not what a run writes: {complaints}; restore it, or run "
            f"'sc-neurocore demo --out {path.parent}' again"
        ) from None


def _complaint(error: Any) -> str:
    """Say where in the file something is wrong, what was expected and what was found."""
    place = ".".join(str(step) for step in error["loc"])
    found = error["input"]
    # Of an object or the whole file only the message is of use.
    given = f" (found {found!r:.60})" if isinstance(found, str | int | float) and place else ""
    return f"{place or 'the file'}: {error['msg']}{given}"
