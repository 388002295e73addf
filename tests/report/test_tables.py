from __future__ import annotations

from typing import Any

from sc_neurocore.report.contents import Results, Summary
from sc_neurocore.report.tables import Table, tables


def _tables(summary: dict[str, Any], results: dict[str, Any]) -> dict[str, Table]:
    return tables(Summary.model_validate(summary), Results.model_validate(results))


def _notes(table: Table) -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in table.rows}


def test_every_row_has_a_cell_for_every_heading(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    for each in ((summary, results), ({"name": "empty"}, {})):
        for table in _tables(*each).values():
            assert all(len(row) == len(table.headings) for row in table.rows)
            assert bool(table.rows) != bool(table.missing)


def test_accuracy_of_the_rtl_is_counted_from_its_classes(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    rows = _notes(_tables(summary, results)["accuracy"])
    assert rows["RTL (Verilog)"] == (
        "97.50 %",
        "360 test samples; +0.28 points against float; "
        "the class of the integer model in every sample",
    )
    wrong = (results["labels"][0] + 1) % 10
    results["predictions"]["rtl"][0] = wrong
    value, note = _notes(_tables(summary, results)["accuracy"])["RTL (Verilog)"]
    assert value == "97.22 %"
    assert "another class than the integer model in 1 sample" in note


def test_accuracies_name_their_formats(summary: dict[str, Any], results: dict[str, Any]) -> None:
    rows = _notes(_tables(summary, results)["accuracy"])
    assert rows["Float (PyTorch)"] == ("97.22 %", "360 test samples")
    assert rows["Stochastic bitstreams"][0] == "96.94 %"
    assert "256-bit sobol streams, sign-magnitude weights" in rows["Stochastic bitstreams"][1]
    assert "Q8.8 state, 8-bit weights" in rows["Integer model"][1]
    assert "same class as float in 99.17 %" in rows["Integer model"][1]


def test_resources_are_put_against_the_device(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    rows = _notes(_tables(summary, results)["fpga"])
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


def test_a_missing_stage_says_why(summary: dict[str, Any], results: dict[str, Any]) -> None:
    del summary["cosim"], results["predictions"]["rtl"]
    summary["problems"] = {"cosimulate": "no C++ compiler"}
    found = _tables(summary, results)
    assert found["cosimulation"].missing == "Co-simulation did not finish: no C++ compiler"
    assert _notes(found["accuracy"])["RTL (Verilog)"][0] == "missing"


def test_a_tool_without_a_version_was_not_found(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    assert ("verilator", "not found") in _tables(summary, results)["environment"].rows


def test_what_became_of_the_numbers_is_told(
    summary: dict[str, Any], results: dict[str, Any]
) -> None:
    assert _tables(summary, results)["numerics"].rows == (
        ("Constants", "15 fraction bits", ""),
        ("Warning", "v: can rest below <its level>", ""),
    )
    del summary["fixed"]["numerics"]
    assert "not recorded" in _tables(summary, results)["numerics"].missing


def test_neurobench_measures_are_told(summary: dict[str, Any], results: dict[str, Any]) -> None:
    rows = _notes(_tables(summary, results)["training"])
    assert rows["Footprint"][0] == "38,504 bytes"
    assert rows["Activation sparsity"][0].startswith("87.5")
    operations, note = rows["Synaptic operations"]
    assert operations == "8,001" and "3,900 of them additions, of 40,192" in note
    del summary["train"]["neurobench"]
    assert "Footprint" not in _notes(_tables(summary, results)["training"])
