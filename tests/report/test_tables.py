from __future__ import annotations

from typing import Any

from sc_neurocore.report.contents import Build, Results, Summary, Training
from sc_neurocore.report.ladder import ladder
from sc_neurocore.report.tables import (
    Table,
    accuracy_table,
    build_table,
    cosimulation_table,
    environment_table,
    ladder_table,
    proof_table,
    speed_table,
    times_table,
    training_table,
    work_table,
)


def _accuracy(summary: dict[str, Any], results: dict[str, Any]) -> Table:
    return accuracy_table(Summary.model_validate(summary), Results.model_validate(results))


def _notes(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def test_every_row_has_a_cell_for_every_heading(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    run = Summary.model_validate(summary)
    assert run.train and run.train.neurobench and run.cosim and run.fpga
    for table in (
        ladder_table(ladder(run)),
        _accuracy(summary, results),
        training_table(run.train),
        work_table(run.train.neurobench),
        cosimulation_table([run.cosim]),
        proof_table(run.proofs),
        build_table(run.fpga),
        speed_table(run.fpga),
        times_table(run.seconds),
        environment_table(run.environment),
    ):
        assert table.rows
        assert all(len(row) == len(table.headings) for row in table.rows)


def test_accuracy_of_the_rtl_is_counted_from_its_classes(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    rows = _notes(_accuracy(summary, results))
    assert rows["RTL (Verilog)"] == (
        "97.50 %",
        "360 test samples; +0.28 points against float; "
        "the class of the integer model in every sample",
    )
    wrong = (results["labels"][0] + 1) % 10
    results["predictions"]["rtl"][0] = wrong
    value, note = _notes(_accuracy(summary, results))["RTL (Verilog)"]
    assert value == "97.22 %"
    assert "another class than the integer model in 1 sample" in note


def test_accuracies_name_their_formats(summary: dict[str, Any], results: dict[str, Any]) -> None:
    rows = _notes(_accuracy(summary, results))
    assert rows["Float (PyTorch)"] == ("97.22 %", "360 test samples")
    assert rows["Stochastic bitstreams"][0] == "96.94 %"
    assert "256-bit sobol streams, sign-magnitude weights" in rows["Stochastic bitstreams"][1]
    assert "Q8.8 state, 8-bit weights" in rows["Integer model"][1]
    assert "same class as float in 99.17 %" in rows["Integer model"][1]


def test_resources_are_put_against_the_device(summary: dict[str, Any]) -> None:
    build = Build.model_validate(summary["fpga"])
    rows = _notes(build_table(build)) | _notes(speed_table(build))
    assert rows["Logic cells"] == ("3,112", "of 7,680, 41 %")
    assert rows["Flip-flops"] == ("1,204", "")
    assert rows["Highest clock"][0] == "58.4 MHz"
    assert rows["Throughput"][0] == "2,726 samples/s"
    assert rows["Energy per sample, estimated"] == (
        "12.3 to 173 nJ",
        "estimate: counted operations",
    )
    assert rows["Dynamic power, estimated"][0] == "at most 0.47 mW"
    assert rows["Bitstream"] == ("digits.bin", "design/build/hx8k/digits.bin")


def test_half_a_block_of_memory_is_told_as_such(summary: dict[str, Any]) -> None:
    build = Build.model_validate({**summary["fpga"], "brams": 2.5, "dsps": 0, "sprams": 3})
    rows = _notes(build_table(build))
    assert rows["Block RAMs"][0] == "2.5" and rows["Single-port RAMs"][0] == "3"
    assert "Multipliers" not in rows


def test_a_missing_stage_says_why(summary: dict[str, Any], results: dict[str, Any]) -> None:
    del summary["cosim"], results["predictions"]["rtl"]
    summary["problems"] = {"cosimulate": "no C++ compiler"}
    assert _notes(_accuracy(summary, results))["RTL (Verilog)"] == (
        "missing",
        "Co-simulation did not finish: no C++ compiler",
    )


def test_a_tool_without_a_version_was_not_found() -> None:
    assert environment_table({"verilator": None}).rows == (("verilator", "not found"),)


def test_neurobench_measures_are_told(summary: dict[str, Any]) -> None:
    part = Training.model_validate(summary["train"]).neurobench
    assert part is not None
    rows = _notes(work_table(part))
    assert rows["Footprint"][0] == "38,504 bytes"
    assert rows["Activation sparsity"][0].startswith("87.5")
    operations, note = rows["Synaptic operations"]
    assert operations == "8,001" and "3,900 of them additions, of 40,192" in note
