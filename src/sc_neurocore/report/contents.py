"""What a run leaves for its report: `summary.json` and `results.json`, read and checked.

Every part may be absent, because a stage may not have run. A part that is there is complete: it
has at least the keys that scripts rely on.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside
from sc_neurocore.kernels.recorded import RESULTS_NAME
from sc_neurocore.report.reading import LARGEST, Part, parse, read_part
from sc_neurocore.report.samples import Mistake, Sample
from sc_neurocore.report.wording import RESOURCES

SUMMARY_NAME = "summary.json"
_TILES = 1000


class NeuroBench(Part):
    """NeuroBench's measures; see `sc_neurocore.kernels.workload.Workload`."""

    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense_operations: float
    samples: int


class Training(Part):
    """The floating-point network; accuracies are fractions of the test samples, 0 to 1.

    `kept` says in words of which epoch the weights are.
    """

    accuracy: float
    float_test_size: int
    dataset: str | None = None
    architecture: str | None = None
    parameters: int | None = None
    epochs: int | None = None
    steps: int | None = None
    seed: int | None = None
    seconds: float | None = None
    kept: str = ""
    neurobench: NeuroBench | None = None


class CurvePoint(Part):
    """The accuracy of stochastic inference at one stream length, in bits."""

    source: str
    length: int = Field(ge=1)
    accuracy: float


class StochasticInference(Part):
    """The network on stochastic bitstreams."""

    length: int
    source: str
    encoding: str
    accuracy: float
    test_size: int | None = None
    curve: tuple[CurvePoint, ...] = ()


class FixedPointInference(Part):
    """The network in integers; `agreement` is the share of samples with the float class.

    The spikes of `compared_samples` samples agree with floats' in the share `spike_agreement`.
    """

    format: str
    accuracy: float
    weight_bits: int | None = None
    test_size: int | None = None
    agreement: float | None = None
    compared_samples: int | None = None
    spike_agreement: float | None = None
    mean_state_error: float | None = None


class CoSimulation(Part):
    """The Verilog against the integer model; `inputs` says what ran, where it was not the samples.

    So many of them as `disturbed` says ran again, with stalls and resets.
    """

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
    inputs: str = ""
    disturbed: int = 0
    first_mismatch: str | None = None

    @property
    def detail(self) -> str:
        """What ran, and the first thing that differed."""
        again = f"{self.disturbed} again, with stalls and resets" if self.disturbed else ""
        return "; ".join(filter(None, (self.inputs, again, self.first_mismatch)))

    @property
    def mismatches(self) -> int:
        """All mismatches together."""
        return (
            self.spike_mismatches
            + self.state_mismatches
            + self.class_mismatches
            + self.count_mismatches
        )


class Proof(Part):
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


class Energy(Part):
    """Energy per sample in nanojoules: an estimate from counted operations, as `basis` says."""

    operations_nj: float
    fpga_nj: float
    basis: str
    samples_per_second: float | None = None
    dynamic_mw: float | None = None


class FloorPlan(Part):
    """Where a design lies on its device; see `sc_neurocore.fpga.placed_design.PlacedDesign`."""

    floor: tuple[int, int]
    parts: tuple[str, ...]
    cells: tuple[tuple[int, int, int | None, int], ...]

    @model_validator(mode="after")
    def _lies_on_the_floor(self) -> Self:
        columns, rows = self.floor
        if not (1 <= columns <= _TILES and 1 <= rows <= _TILES):
            raise ValueError(
                f"a floor of {columns} columns and {rows} rows: expected 1 to {_TILES} of each"
            )
        for column, row, cell, part in self.cells:
            if not (0 <= column < columns and 0 <= row < rows and (cell is None or 0 <= cell < 8)):
                raise ValueError(
                    f"a cell at column {column}, row {row}, {cell}: expected a place on {columns} "
                    f"columns and {rows} rows, and a logic cell from 0 to 7 or null"
                )
            if not 0 <= part < len(self.parts):
                raise ValueError(f"a cell of part {part}: expected one of {len(self.parts)} parts")
        return self


class Build(Part):
    """The network on a device. Frequencies are in MHz, the latency of a sample in microseconds.

    Paths are below the folder whose file this is.
    """

    device: str
    luts: float
    brams: float
    fmax_mhz: float | None
    bitstream: str | None
    flip_flops: float | None = None
    logic_cells: float | None = None
    sprams: float | None = None
    dsps: float | None = None
    available: dict[str, int] = Field(default_factory=dict)
    frequency_mhz: float | None = None
    is_asked: bool = True
    project: str | None = None
    latency_us: float | None = None
    layout: str | None = None
    energy: Energy | None = None

    @property
    def used(self) -> dict[str, float]:
        """The resources that are known and there, by the names that `available` uses."""
        counts = {name: getattr(self, name) for name in RESOURCES}
        return {
            name: count
            for name, count in counts.items()
            if count is not None and (count or self.available.get(name))
        }


class Summary(Part):
    """The figures of a run: what `summary.json` holds.

    `problems` says, by the name of a stage in `seconds`, why it did not finish.
    """

    name: str
    content_hash: str | None = None
    exit_code: int | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    problems: dict[str, str] = Field(default_factory=dict)
    train: Training | None = None
    sc: StochasticInference | None = None
    fixed: FixedPointInference | None = None
    cosim: CoSimulation | None = None
    proofs: tuple[Proof, ...] = ()
    fpga: Build | None = None
    environment: dict[str, str | None] = Field(default_factory=dict)


class Epoch(Part):
    """One epoch of training: mean loss, and accuracies as fractions."""

    epoch: int
    loss: float
    accuracy: float
    validation_accuracy: float | None = None


class Results(Part):
    """What the figures of a run are drawn from: what `results.json` holds."""

    history: tuple[Epoch, ...] = ()
    labels: tuple[int, ...] = ()
    predictions: dict[str, tuple[int, ...]] = Field(default_factory=dict)
    sample: Sample | None = None
    mistakes: tuple[Mistake, ...] = Field(default=(), max_length=100)
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
        told = [each for mistake in self.mistakes for each in (mistake.label, mistake.given)]
        every: tuple[Sequence[int], ...] = (self.labels, told, *self.predictions.values())
        for given in every if self.class_names else ():
            strangers = sorted(set(given) - set(named))
            if strangers:
                raise ValueError(f"class {strangers[0]} is not among {len(named)} class_names")
        return self


def read_summary(folder: Path) -> Summary:
    """Read the summary of a run.

    Raises:
        UserError: `summary.json` is missing or damaged.
    """
    content = read_inside(folder, SUMMARY_NAME, LARGEST)
    if content is None:
        reason = "Not a directory" if folder.is_file() else "No such file"
        raise UserError(
            f"{folder / SUMMARY_NAME}: {reason}; a report needs a folder that "
            f"'sc-neurocore demo --out {folder}' has written"
        )
    return parse(Summary, content, folder / SUMMARY_NAME, _writer(folder))


def read_results(folder: Path) -> Results:
    """Read the results of a run; empty results where there is no `results.json`.

    Raises:
        UserError: `results.json` is damaged or cannot be read.
    """
    return read_part(Results, folder, RESULTS_NAME, _writer(folder)) or Results()


def _writer(folder: Path) -> str:
    return f"sc-neurocore demo --out {folder}"
