"""Folders that the commands write, each with a page of its own, and the demo that is their sum."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.report.page import Page

from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.build import BuildReport
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.neuron_folder import compile_neuron
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.report.html import write_report
from sc_neurocore.verify.certificate import certify
from sc_neurocore.verify.cosimulation import CosimulationResult
from sc_neurocore.verify.result import ProofResult

RUN = CosimulationResult("icarus", "11", 7, 4, 4, 64, 0, 0, 0, 0, 33, 1, 1, 0, None)
PROVED = ProofResult("sums: none wraps", "proved", "z3 5", 1.5, "for all", ("Yosys reads well",))
LAYOUT = {"floor": [34, 34], "parts": ["neurons", "pins"], "cells": [[1, 2, 3, 0], [0, 1, None, 1]]}


def hop(kind: str, delay: float, cell: str) -> dict[str, Any]:
    return {"type": kind, "delay": delay, "from": {"cell": "a"}, "to": {"cell": cell}}


TIMING = {
    "critical_paths": [
        {"from": "<async>", "to": "<async>", "path": [hop("logic", 90.0, "x.y")]},
        {
            "from": "posedge clk",
            "to": "posedge clk",
            "path": [
                hop("clk-to-q", 0.5, "engine.neurons.v"),
                hop("routing", 2.0, "engine.neurons.w"),
                hop("logic", 0.25, "engine.neurons.w"),
                hop("logic", 0.5, "engine.readout.x"),
            ],
        },
    ]
}


def network() -> NetworkDescription:
    numbers = np.random.default_rng(0)
    return NetworkDescription(
        name="tiny",
        steps=3,
        input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
        layers=[
            Dense(weight=numbers.normal(0.3, 1, (3, 4))),
            Population(neuron=LIF),
            Dense(weight=numbers.normal(0.3, 1, (2, 3))),
            Population(neuron=LIF),
        ],
        metadata={"architecture": "4-3-2", "dataset": "digits"},
    )


def pretend_build(folder: Path, top: str, hashes: dict[str, str]) -> None:
    place = folder / "build" / "hx8k"
    place.mkdir(parents=True, exist_ok=True)
    used = {"luts": 120, "flip_flops": 50, "logic_cells": 140, "brams": 2, "sprams": 0, "dsps": 0}
    report = BuildReport(
        device="hx8k",
        device_title="Lattice",
        top=top,
        **used,
        available={"logic_cells": 7680, "brams": 32},
        cells={},
        fmax_mhz=51.5,
        frequency_mhz=50.0,
        bitstream="build/hx8k/tiny.bin",
        bitstream_bytes=1,
        layout="build/hx8k/layout.json",
        project=None,
        seed=1,
        seconds={},
        versions={},
        design=hashes,
    )
    contents = (("build", report.as_dict()), ("layout", LAYOUT), (f"{top}.report", TIMING))
    for name, content in contents:
        (place / f"{name}.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kinds") / "design"
    compile_design(network(), folder, lanes=2, allow=["silent"])
    return folder


@pytest.fixture
def design(compiled: Path, tmp_path: Path) -> Path:
    shutil.copytree(compiled, tmp_path / "design")
    return tmp_path / "design"


def verified(folder: Path, *proofs: ProofResult) -> Path:
    with opened(folder) as found:
        certify(found, (RUN,), proofs or (PROVED,), np.zeros((2, 4), dtype=np.int64), "zeros")
    return folder


def built(folder: Path) -> Path:
    with opened(folder) as found:
        pretend_build(folder, found.manifest.top, found.hashes)
    return folder


def page_of(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def kinds_of_verdicts(page: Page) -> Iterator[str]:
    for tag, attributes in page.elements:
        if tag == "div" and str(attributes.get("class")).startswith("verdict"):
            yield str(attributes["class"]).split()[1]


def test_a_compiled_design_shows_numbers_memories_sizes_and_estimates(design: Path) -> None:
    page = page_of(design)
    assert list(kinds_of_verdicts(page)) == ["missing"]
    words = page.words
    assert "no certificate; `sc-neurocore verify` makes one" in words
    assert words[words.index("layers[1] LIF: v") + 1].startswith("-")  # its range
    assert words[words.index("weights") + 1].endswith("x 16")  # two lanes of 8 bits
    assert words[words.index("hx8k") + 1] == "fits"
    assert any("4-3-2: it takes numbers of shape 4, runs for 3 steps" in each for each in words)
    assert not {"proofs", "build", "cosimulation"} & {a.get("id") for _, a in page.elements}


def test_a_verified_design_shows_what_is_proved_and_by_what(design: Path) -> None:
    bounded = ProofResult("small", "bounded(9)", "sat", 2.0, "same", bound="9 clocks")
    page = page_of(verified(design, PROVED, bounded))
    assert list(kinds_of_verdicts(page)) == ["good"]
    words = page.words
    row = words.index(PROVED.name)
    assert words[row : row + 6] == [
        PROVED.name,
        "proved",
        "z3 5",
        "1.5 s",
        "Yosys reads well",
        "for all",
    ]
    assert words.count(PROVED.name) == 1  # proofs once
    assert "same; only within: 9 clocks" in words
    assert "0 mismatches in 7 samples of 4 steps, 64 neuron updates, icarus" in words


def test_a_refuted_claim_is_bad_and_shows_its_counterexample(design: Path) -> None:
    refuted = ProofResult("step", "refuted", "z3", 1.0, "v = 127.996, current = 3.5")
    page = page_of(verified(design, refuted))
    assert list(kinds_of_verdicts(page)) == ["bad"]
    assert "v = 127.996, current = 3.5" in page.words


def test_an_edited_design_is_not_what_was_verified(design: Path) -> None:
    path = verified(design) / "rtl" / "snn_accumulator.v"
    path.write_text(path.read_text() + "// edited\n")
    page = page_of(design)
    assert list(kinds_of_verdicts(page)) == ["bad"]
    assert "Changed since it was verified" in page.words
    assert "Edited by hand" in page.words
    assert any("rtl/snn_accumulator.v" in each and "Not what" in each for each in page.words)


def test_a_built_design_shows_utilisation_floor_plan_and_critical_path(design: Path) -> None:
    page = page_of(built(verified(design)))
    assert list(kinds_of_verdicts(page)) == ["good"]
    words = page.words
    assert page.count("svg") == 2
    assert words[words.index("Logic cells") + 1 : words.index("Logic cells") + 3] == [
        "140",
        "of 7,680, 2 %",
    ]
    # The slowest between clocks: 3.25 ns of which 2 in wires; not the asynchronous one.
    row = words.index("engine.neurons")
    assert words[row : row + 3] == ["engine.neurons", "2.75 ns", "1 level of logic"]
    assert words[row + 3 : row + 6] == ["engine.readout", "0.50 ns", "1 level of logic"]
    assert "2.00 ns of it in wires" in words


def test_a_build_of_other_files_says_so(design: Path) -> None:
    pretend_build(verified(design), "tiny", {"other": "0" * 64})
    page = page_of(design)
    assert list(kinds_of_verdicts(page)) == ["bad"]
    problem = "build/hx8k/build.json: built of other files than are in the folder now: build again"
    assert problem in page.words


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([34, 0, 0, 0], "a cell at column 34, row 0, 0: expected a place on 34 columns"),
        ([0, -1, None, 0], "a cell at column 0, row -1"),
        ([0, 0, 8, 0], "a logic cell from 0 to 7"),
        ([0, 0, 0, 2], "a cell of part 2: expected one of 2 parts"),
    ],
)
def test_a_damaged_floor_plan_is_named(cell: list[int | None], message: str, design: Path) -> None:
    layout = built(design) / "build" / "hx8k" / "layout.json"
    layout.write_text(json.dumps(LAYOUT | {"cells": [cell]}))
    with pytest.raises(UserError, match=message):
        write_report(design)


@pytest.mark.parametrize("path", ["../layout.json", "/etc/hostname", "absent.json"])
def test_no_floor_plan_is_read_from_outside_of_the_folder(path: str, design: Path) -> None:
    report = built(design) / "build" / "hx8k" / "build.json"
    report.write_text(json.dumps(json.loads(report.read_text()) | {"layout": path}))
    (design.parent / "layout.json").write_text("not a layout")
    assert page_of(design).count("svg") == 1


def test_a_design_that_does_not_open_says_why_and_nothing_else(design: Path) -> None:
    text = json.loads((verified(design) / "network.json").read_text())
    (design / "network.json").write_text(json.dumps(text | {"name": "another"}))
    page = page_of(design)
    assert list(kinds_of_verdicts(page)) == ["bad"]
    assert "This design does not open" in page.words
    assert PROVED.name not in page.words


def test_a_neuron_shows_its_equations_and_whether_its_files_are_those(tmp_path: Path) -> None:
    compiled = compile_neuron(LIF, tmp_path)
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["missing"]
    assert any(each.startswith("neuron LIF") for each in page.words)
    certificate: dict[str, Any] = {
        "verdict": "holds: it is said",
        "holds": True,
        "proved_for_all_inputs": [PROVED.as_dict()],
        "sampled": [{"module": "lif", "simulator": "icarus", "steps": 9, "mismatches": 0}],
        "files": compiled.hashes,
    }
    (tmp_path / "certificate.json").write_text(json.dumps(certificate))
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["good"]
    assert "0 mismatches in 9 inputs, icarus" in page.words
    pretend_build(tmp_path, compiled.verilog.name, compiled.hashes)
    assert list(kinds_of_verdicts(page_of(tmp_path))) == ["good"]
    pretend_build(tmp_path, compiled.verilog.name, {})  # of other files
    assert list(kinds_of_verdicts(page_of(tmp_path))) == ["bad"]
    pretend_build(tmp_path, compiled.verilog.name, compiled.hashes)
    certificate["files"] = {"other.v": "0" * 64}
    (tmp_path / "certificate.json").write_text(json.dumps(certificate))
    assert list(kinds_of_verdicts(page_of(tmp_path))) == ["bad"]


def record(**changes: Any) -> dict[str, Any]:
    epoch = {"epoch": 1, "loss": 1.5, "accuracy": 0.5, "validation_accuracy": 0.25}
    layer = {"layer": "layers.1", "neuron": "LIF", "neurons": 8, "mean_rate": 0.125}
    return {
        "dataset": "digits",
        "finished": True,
        "accuracy": 0.75,
        "test_size": 360,
        "options": {"training": {"seed": 4}},
        "history": [epoch, epoch | {"epoch": 2}],
        "kept_epoch": 1,
        "activity": [layer | {"dead": 2, "saturated": 1}],
    } | changes


def test_a_training_shows_curves_rates_dead_neurons_and_answers(
    tmp_path: Path, results: dict[str, Any]
) -> None:
    (tmp_path / "training.json").write_text(json.dumps(record()))
    (tmp_path / "results.json").write_text(json.dumps(results))
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["good"]
    assert page.count("svg") == 5  # history, confusion, gallery, raster, membrane
    words = page.words
    row = words.index("layers.1")
    assert words[row : row + 6] == ["layers.1", "LIF", "8", "0.1250", "2", "1"]
    assert "the weights are those after epoch 1" in words
    assert "75.00 % of 360 test samples right." in words


def test_a_training_with_a_silent_layer_is_not_good(tmp_path: Path) -> None:
    activity = [record()["activity"][0] | {"dead": 8}]
    (tmp_path / "training.json").write_text(json.dumps(record(activity=activity)))
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["bad"]
    assert any("No neuron of layers.1 fires" in each for each in page.words)


def test_a_training_that_has_not_finished_shows_its_epochs_so_far(tmp_path: Path) -> None:
    begun = {"dataset": "digits", "options": {}, "start": None, "finished": False}
    (tmp_path / "training.json").write_text(json.dumps(begun))
    columns = "epoch,loss,accuracy,validation_accuracy,largest_gradient,seconds"
    (tmp_path / "history.csv").write_text(f"{columns}\n1,1.5,0.5,,3.0,1.0\n")
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["missing"]
    assert page.count("svg") == 1
    assert "1 epoch so far; the same command goes on from there." in page.words


def test_a_sweep_shows_every_trial_and_the_best(tmp_path: Path) -> None:
    trial = {"validation_accuracy": None, "loss": 1.0, "seconds": 1.0, "error": None}
    rows = [
        trial | {"seed": 0, "accuracy": 0.75, "folder": "a"},
        trial | {"seed": 1, "accuracy": 0.875, "folder": "b"},
    ]
    content = {"dataset": "digits", "grid": {"seed": [0, 1]}, "rows": rows}
    (tmp_path / "sweep.json").write_text(json.dumps(content))
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["good"]
    assert "Best by test accuracy, 87.50 %: seed = 1, in trials/b." in page.words
    assert page.count("svg") == 1
    failed = trial | {"seed": 2, "accuracy": None, "folder": "c", "error": "seed: no"}
    (tmp_path / "sweep.json").write_text(json.dumps(content | {"rows": [*rows, failed]}))
    page = page_of(tmp_path)
    assert list(kinds_of_verdicts(page)) == ["bad"]
    assert "seed: no" in page.words


def test_a_demo_is_the_sum_of_its_parts(
    design: Path, summary: dict[str, Any], results: dict[str, Any]
) -> None:
    run = design.parent
    built(verified(design))
    (run / "training").mkdir()
    (run / "training" / "training.json").write_text(json.dumps(record()))
    (run / "training" / "results.json").write_text(json.dumps(results))
    for name, content in (("summary", summary), ("results", results)):
        (run / f"{name}.json").write_text(json.dumps(content))
    page = page_of(run)
    assert list(kinds_of_verdicts(page)) == ["good"]
    keys = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert keys == [
        *("ladder", "accuracy", "answers", "sample", "training", "activity", "numbers"),
        *("engine", "cosimulation", "proofs", "build", "cost", "times", "environment", "files"),
    ]
    assert page.words.count(PROVED.name) == 1
    links = {attributes.get("href") for tag, attributes in page.elements if tag == "a"}
    assert "./design/certificate.json" in links
    inside = {each for each in links if each and each.startswith("./")}
    assert all((run / each).is_file() for each in inside)


@pytest.mark.parametrize("name", ["training", "design"])
def test_a_part_of_a_demo_that_is_a_link_is_not_followed(
    name: str, design: Path, summary: dict[str, Any]
) -> None:
    run = design.parent / "run"
    run.mkdir()
    (verified(design) / "training.json").write_text(json.dumps(record()))
    (run / name).symlink_to(design)
    (run / "summary.json").write_text(json.dumps(summary))
    words = page_of(run).words
    assert PROVED.name not in words and "layers.1" not in words
