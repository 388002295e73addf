"""The figures of a run as tables of words: for the report, the command line and the README alike.

Whoever shows a table decides how; what it says stands only here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from sc_neurocore.report.contents import (
    Build,
    CoSimulation,
    Energy,
    NeuroBench,
    Results,
    Summary,
    Training,
)
from sc_neurocore.report.ladder import ladder, missing
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


def tables(summary: Summary, results: Results) -> dict[str, Table]:
    """Return all tables of a run by name, in the order in which a reader wants them."""
    return {
        "ladder": Table(
            "Verification ladder",
            ("Rung", "Result", "Evidence"),
            tuple(tuple(rung) for rung in ladder(summary)),
        ),
        "accuracy": accuracy_table(summary, results),
        "numerics": _numerics_table(summary),
        "training": _stage_table(summary, "train", _training_rows(summary.train)),
        "cosimulation": _stage_table(summary, "cosimulate", _cosimulation_rows(summary.cosim)),
        "proofs": proof_table(summary),
        "fpga": _stage_table(summary, "build", _fpga_rows(summary.fpga)),
        "times": times_table(summary),
        "environment": environment_table(summary),
    }


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


def proof_table(summary: Summary) -> Table:
    """Return what was proved, by what, in how long, and what the proof takes for granted."""
    rows = tuple(
        (
            proof.name,
            proof.status,
            proof.engine,
            duration(proof.seconds),
            "; ".join(proof.assumptions) or "nothing",
            f"{proof.detail}; only within: {proof.bound}" if proof.bound else proof.detail,
        )
        for proof in summary.proofs
    )
    return Table(
        STAGES["prove"],
        ("Claim", "Status", "Engine", "Time", "Takes for granted", "Detail"),
        rows,
        "" if rows else missing(summary, "prove"),
    )


def times_table(summary: Summary) -> Table:
    """Return the wall time of each stage, with its share of the whole."""
    total = summary.seconds.get("total") or sum(summary.seconds.values())
    rows = tuple(
        (
            STAGES.get(stage, stage.capitalize()),
            duration(seconds),
            "" if stage == "total" or not total else _share(seconds / total),
        )
        for stage, seconds in summary.seconds.items()
    )
    return Table(
        "Wall time",
        ("Stage", "Time", "Share"),
        rows,
        "" if rows else "No stage recorded its time.",
    )


def environment_table(summary: Summary) -> Table:
    """Return the versions and the machine that made the run."""
    rows = tuple((name, version or "not found") for name, version in summary.environment.items())
    return Table(
        "Environment",
        ("What", "Version"),
        rows,
        "" if rows else "The run recorded no versions.",
    )


def _stage_table(summary: Summary, stage: str, rows: list[Row]) -> Table:
    return Table(
        STAGES[stage],
        ("Quantity", "Value", "Note"),
        tuple(rows),
        "" if rows else missing(summary, stage),
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


def _numerics_table(summary: Summary) -> Table:
    """Return what is known of the way from real numbers to integers."""
    part, headings = summary.fixed, ("About", "What became of them", "")
    if part is None:
        return Table("Numbers", headings, (), missing(summary, "quantize"))
    lines = [line.partition(": ") for line in part.numerics]
    rows = tuple((about.capitalize(), text, "") for about, _, text in lines)
    return Table("Numbers", headings, rows, "" if rows else "What became of them is not recorded.")


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


def _training_rows(part: Training | None) -> list[Row]:
    if part is None:
        return []
    rows: list[Row] = []
    if part.architecture is not None:
        parameters = (
            "" if part.parameters is None else f"{plural(part.parameters, 'trained parameter')}"
        )
        rows.append(("Architecture", part.architecture, parameters))
    if part.dataset is not None:
        rows.append(("Data set", part.dataset, f"{_samples(part.float_test_size)} held out"))
    if part.epochs is not None:
        rows.append(("Epochs", count(part.epochs), ""))
    if part.steps is not None:
        rows.append(("Steps", count(part.steps), "time steps for one sample"))
    if part.seed is not None:
        rows.append(("Seed", str(part.seed), "of the split and the first weights"))
    rows.append(("Accuracy", percent(part.accuracy), _samples(part.float_test_size)))
    return rows if part.neurobench is None else [*rows, *_neurobench_rows(part.neurobench)]


def _neurobench_rows(part: NeuroBench) -> list[Row]:
    operations = round(part.effective_macs + part.effective_acs)
    zeros = f"of all spikes that could be; {percent(part.connection_sparsity)} of the weights"
    return [
        ("Footprint", f"{count(part.footprint)} bytes", "of all numbers, in floating point"),
        ("Activation sparsity", percent(part.activation_sparsity), zeros),
        (
            "Synaptic operations",
            count(operations),
            f"per sample, {count(round(part.effective_acs))} of them additions, of "
            f"{count(round(part.dense_operations))} if nothing were 0",
        ),
    ]


def _cosimulation_rows(part: CoSimulation | None) -> list[Row]:
    if part is None:
        return []
    rows: list[Row] = [
        ("Simulator", f"{part.simulator} {part.version}".strip(), ""),
        ("Samples", count(part.samples), f"{plural(part.steps, 'step')} each"),
    ]
    if part.updates is not None:
        rows.append(("Neuron updates", count(part.updates), "each compared, spike and state"))
    rows += [
        ("Spike mismatches", count(part.spike_mismatches), "over all layers and steps"),
        ("State mismatches", count(part.state_mismatches), "over all layers and steps"),
        ("Class mismatches", count(part.class_mismatches), "one class per sample"),
        ("Spike count mismatches", count(part.count_mismatches), "of the output neurons"),
    ]
    if part.cycles_per_sample is not None:
        rows.append(("Clock cycles", count(part.cycles_per_sample), "per sample"))
    if part.seconds is not None:
        rows.append(("Time", duration(part.seconds), ""))
    return rows


def _fpga_rows(part: Build | None) -> list[Row]:
    if part is None:
        return []
    rows: list[Row] = [("Device", part.device, "")]
    for name, number in part.used.items():
        available = part.available.get(name)
        share = f"of {count(available)}, {100 * number / available:.0f} %" if available else ""
        rows.append((RESOURCES[name], count(number), share))
    if part.fmax_mhz is not None:
        asked = "" if part.frequency_mhz is None else f"{part.frequency_mhz:g} MHz asked for"
        rows.append(("Highest clock", f"{part.fmax_mhz:.1f} MHz", asked))
    if part.latency_us is not None:
        rows.append(("Latency", f"{part.latency_us:,.1f} µs", "per sample"))
    rows += _energy_rows(part.energy)
    if part.bitstream is None:
        return [*rows, ("Bitstream", "missing", "")]
    return [*rows, ("Bitstream", PurePosixPath(part.bitstream).name, part.bitstream)]


def _energy_rows(part: Energy | None) -> list[Row]:
    if part is None:
        return []
    rows: list[Row] = []
    if part.images_per_second is not None:
        rows.append(("Throughput", f"{part.images_per_second:,.0f} samples/s", "at that clock"))
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
