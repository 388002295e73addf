"""The figures of a run as tables of words: for the report, the command line and the README alike.

Whoever shows a table decides how; what it says stands only here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sc_neurocore.report.contents import (
    Build,
    CoSimulation,
    Energy,
    NeuroBench,
    Proof,
    Results,
    Summary,
    Training,
)
from sc_neurocore.report.ladder import Rung, missing
from sc_neurocore.report.wording import (
    MODELS,
    RESOURCES,
    STAGES,
    count,
    duration,
    percent,
    plural,
    points,
)

Row = tuple[str, ...]
_THREE = ("Quantity", "Value", "Note")


@dataclass(frozen=True)
class Table:
    """A table of words.

    Attributes:
        title: What it is about.
        headings: One per column. Most tables have three: a label, its value and a note.
        rows: The cells; the first of each row names the row. A cell may be empty.
        missing: Why there are no rows; "" where there are.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    missing: str = ""


def ladder_table(rungs: Sequence[Rung]) -> Table:
    """Return the rungs of a verification ladder, the loosest first."""
    return Table("Verification ladder", ("Rung", "Result", "Evidence"), tuple(map(tuple, rungs)))


def accuracy_table(summary: Summary, results: Results) -> Table:
    """Return the accuracy of the network in each of its forms, and on how many samples."""
    rows = [
        *_float_row(summary),
        *_stochastic_row(summary),
        *_integer_row(summary),
        *_rtl_row(summary, results),
    ]
    return Table(
        "Accuracy on the test samples",
        ("Network", "Accuracy", "Note"),
        tuple(rows),
    )


def proof_table(proofs: Sequence[Proof], title: str = STAGES["prove"]) -> Table:
    """Return what was proved, by what, in how long, and what the proof takes for granted."""
    return Table(
        title,
        ("Claim", "Status", "Engine", "Time", "Takes for granted", "Detail"),
        tuple(
            (
                proof.name,
                proof.status,
                proof.engine,
                duration(proof.seconds),
                "; ".join(proof.assumptions) or "nothing",
                f"{proof.detail}; only within: {proof.bound}" if proof.bound else proof.detail,
            )
            for proof in proofs
        ),
    )


def times_table(seconds: Mapping[str, float]) -> Table:
    """Return the wall time of each stage, with its share of the whole."""
    total = seconds.get("total") or sum(seconds.values())
    rows = tuple(
        (
            STAGES.get(stage, stage.capitalize()),
            duration(taken),
            "" if stage == "total" or not total else _share(taken / total),
        )
        for stage, taken in seconds.items()
    )
    return Table(
        "Wall time",
        ("Stage", "Time", "Share"),
        rows,
        "" if rows else "No stage recorded its time.",
    )


def environment_table(environment: Mapping[str, str | None]) -> Table:
    """Return the versions and the machine that made the run."""
    rows = tuple((name, version or "not found") for name, version in environment.items())
    return Table(
        "Environment",
        ("What", "Version"),
        rows,
        "" if rows else "The run recorded no versions.",
    )


def _float_row(summary: Summary) -> list[Row]:
    part = summary.train
    if part is None:
        return [(MODELS["float"], "missing", missing(summary, "train"))]
    return [(MODELS["float"], percent(part.accuracy), _samples(part.float_test_size))]


def _stochastic_row(summary: Summary) -> list[Row]:
    part = summary.sc
    if part is None:
        return [(MODELS["sc"], "missing", missing(summary, "simulate"))]
    streams = f"{part.length}-bit {part.source} streams, {part.encoding} weights"
    return [
        (
            MODELS["sc"],
            percent(part.accuracy),
            _note(_samples(part.test_size), streams, _against_float(summary, part.accuracy)),
        )
    ]


def _integer_row(summary: Summary) -> list[Row]:
    part = summary.fixed
    if part is None:
        return [(MODELS["integers"], "missing", missing(summary, "quantize"))]
    weights = f", {part.weight_bits}-bit weights" if part.weight_bits is not None else ""
    agreement = (
        "" if part.agreement is None else f"same class as float in {percent(part.agreement)}"
    )
    return [
        (
            MODELS["integers"],
            percent(part.accuracy),
            _note(
                _samples(part.test_size),
                f"{part.format} state{weights}",
                _against_float(summary, part.accuracy),
                agreement,
            ),
        )
    ]


def _rtl_row(summary: Summary, results: Results) -> list[Row]:
    classes = results.predictions.get("rtl")
    if not classes:
        why = "Its classes were not recorded." if summary.cosim else missing(summary, "cosimulate")
        return [(MODELS["rtl"], "missing", why)]
    right = sum(a == b for a, b in zip(classes, results.labels, strict=True))
    accuracy = right / len(classes)
    equal = ""
    if integers := results.predictions.get("integers"):
        different = sum(a != b for a, b in zip(classes, integers, strict=True))
        equal = (
            f"another class than the integer model in {plural(different, 'sample')}"
            if different
            else "the class of the integer model in every sample"
        )
    return [
        (
            MODELS["rtl"],
            percent(accuracy),
            _note(_samples(len(classes)), _against_float(summary, accuracy), equal),
        )
    ]


def training_table(part: Training) -> Table:
    """Return what was trained, on what, and how well it does."""
    rows: list[Row] = []
    if part.architecture is not None:
        parameters = (
            "" if part.parameters is None else f"{plural(part.parameters, 'trained parameter')}"
        )
        rows.append(("Architecture", part.architecture, parameters))
    if part.dataset is not None:
        rows.append(("Data set", part.dataset, f"{_samples(part.float_test_size)} held out"))
    if part.epochs is not None:
        rows.append(("Epochs", count(part.epochs), part.kept))
    if part.steps is not None:
        rows.append(("Steps", count(part.steps), "time steps for one sample"))
    if part.seed is not None:
        rows.append(("Seed", str(part.seed), "of the split and the first weights"))
    rows.append(("Accuracy", percent(part.accuracy), _samples(part.float_test_size)))
    if part.seconds is not None:
        rows.append(("Time", duration(part.seconds), "of all epochs"))
    return Table(STAGES["train"], _THREE, tuple(rows))


def work_table(part: NeuroBench) -> Table:
    """Return NeuroBench's measures of the work that a sample makes."""
    operations = round(part.effective_macs + part.effective_acs)
    zeros = f"of all spikes that could be; {percent(part.connection_sparsity)} of the weights"
    return Table(
        "Work for a sample (NeuroBench)",
        _THREE,
        (
            ("Footprint", f"{count(part.footprint)} bytes", "of all numbers, in floating point"),
            ("Activation sparsity", percent(part.activation_sparsity), zeros),
            (
                "Synaptic operations",
                count(operations),
                f"per sample, {count(round(part.effective_acs))} of them additions, of "
                f"{count(round(part.dense_operations))} if nothing were 0",
            ),
        ),
    )


def cosimulation_table(runs: Sequence[CoSimulation]) -> Table:
    """Return what was run in simulators, and what differed."""
    return Table(
        STAGES["cosimulate"],
        ("Simulator", "Inputs", "Updates compared", "Mismatches", "Clocks per sample", "Detail"),
        tuple(
            (
                f"{run.simulator} {run.version}".strip(),
                f"{plural(run.samples, 'sample')} of {plural(run.steps, 'step')}",
                "" if run.updates is None else count(run.updates),
                count(run.mismatches),
                "" if run.cycles_per_sample is None else count(run.cycles_per_sample),
                run.detail,
            )
            for run in runs
        ),
    )


def build_table(part: Build) -> Table:
    """Return what a design takes of a device."""
    rows: list[Row] = []
    for name, number in part.used.items():
        available = part.available.get(name)
        share = f"of {count(available)}, {100 * number / available:.0f} %" if available else ""
        rows.append((RESOURCES[name], count(number), share))
    if part.fmax_mhz is not None:
        aim = "asked for" if part.is_asked else "aimed at"
        asked = "" if part.frequency_mhz is None else f"{part.frequency_mhz:g} MHz {aim}"
        rows.append(("Highest clock", f"{part.fmax_mhz:.1f} MHz", asked))
    if part.bitstream is None:
        rows.append(("Bitstream", "missing", "no open tool made one"))
    else:
        rows.append(("Bitstream", PurePosixPath(part.bitstream).name, part.bitstream))
    return Table(f"On {part.device}", _THREE, tuple(rows))


def speed_table(part: Build) -> Table:
    """Return how long a sample takes, and what it costs."""
    rows: list[Row] = []
    if part.latency_us is not None:
        rows.append(("Latency", f"{part.latency_us:,.1f} µs", "per sample"))
    rows += _energy_rows(part.energy)
    return Table("Speed and energy", _THREE, tuple(rows))


def _energy_rows(part: Energy | None) -> list[Row]:
    if part is None:
        return []
    rows: list[Row] = []
    if part.samples_per_second is not None:
        rows.append(("Throughput", f"{part.samples_per_second:,.0f} samples/s", "at that clock"))
    span = f"{part.operations_nj:,.1f} to {part.fpga_nj:,.0f} nJ"
    rows.append(("Energy per sample, estimated", span, part.basis))
    if part.dynamic_mw is not None:
        power = f"at most {part.dynamic_mw:.2g} mW"
        rows.append(("Dynamic power, estimated", power, "at that throughput"))
    return rows


def _share(fraction: float) -> str:
    return "under 1 %" if fraction < 0.005 else f"{100 * fraction:.0f} %"


def _samples(number: int | None) -> str:
    return "" if number is None else plural(number, "test sample")


def _against_float(summary: Summary, accuracy: float) -> str:
    if summary.train is None:
        return ""
    return f"{points(accuracy - summary.train.accuracy)} against float"


def _note(*facts: str) -> str:
    return "; ".join(fact for fact in facts if fact)
