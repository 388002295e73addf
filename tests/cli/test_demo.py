"""The whole road, once: what the summary promises must be there, and true."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.network import load_description

MADE = "SC_NEUROCORE_DEMO"
"""Names the folder of a demo that these sources have just made: it is looked at, not made again."""


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if made := os.environ.get(MADE):
        return Path(made)
    folder = tmp_path_factory.mktemp("a folder with a space") / "demo"
    result = CliRunner().invoke(app, ["demo", "--out", str(folder), "--json"])
    if result.exit_code == 3:
        # The demo itself names what is missing; in CI nothing may be missing.
        report = pytest.fail if os.environ.get("CI") else pytest.skip
        report(result.stderr)
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout) == json.loads((folder / "summary.json").read_text())
    return folder


@pytest.fixture
def summary(demo: Path) -> Any:
    return json.loads((demo / "summary.json").read_text())


def test_every_key_of_the_contract_is_there(summary: Any) -> None:
    contract = {
        "train": ["accuracy", "float_test_size"],
        "sc": ["length", "source", "encoding", "accuracy"],
        "fixed": ["format", "accuracy"],
        "cosim": ["simulator", "samples", "steps", "spike_mismatches", "state_mismatches"],
        "fpga": ["device", "luts", "brams", "fmax_mhz", "bitstream"],
    }
    for part, keys in contract.items():
        assert set(keys) <= summary[part].keys()
    assert summary["proofs"]
    for proof in summary["proofs"]:
        assert {"name", "status", "engine", "seconds"} <= proof.keys()
    assert {"python", "torch", "yosys", "z3", "nextpnr-ice40"} <= summary["environment"].keys()


def test_everything_held(summary: Any) -> None:
    cosim = summary["cosim"]
    assert (cosim["samples"], cosim["steps"]) == (360, 25)
    assert cosim["updates"] == 360 * 25 * (128 + 10)
    assert [value for name, value in cosim.items() if name.endswith("mismatches")] == [0, 0, 0, 0]
    assert {proof["status"] for proof in summary["proofs"]} == {"proved", "bounded(200)"}
    assert summary["problems"] == {}
    assert abs(summary["train"]["accuracy"] - summary["sc"]["accuracy"]) <= 0.01
    assert abs(summary["train"]["accuracy"] - summary["fixed"]["accuracy"]) <= 0.005


def test_the_bitstream_is_one(demo: Path, summary: Any) -> None:
    bitstream = (demo / summary["fpga"]["bitstream"]).read_bytes()
    assert bitstream[:2] == b"\xff\x00" and b"\x7e\xaa\x99\x7e" in bitstream[:128]


def test_one_hash_from_the_network_to_the_certificate(demo: Path, summary: Any) -> None:
    name = load_description(demo / "training").content_hash
    certificate = json.loads((demo / "design" / "certificate.json").read_text())
    assert summary["content_hash"] == certificate["network"]["sha256"] == name
    top = (demo / "design" / "rtl" / f"{certificate['design']['top']}.v").read_text()
    assert all(f"32'h{name[8 * i : 8 * i + 8]}" in top for i in range(8))


def test_the_certificate_tells_proved_from_sampled(demo: Path) -> None:
    certificate = json.loads((demo / "design" / "certificate.json").read_text())
    assert certificate["holds"] is True
    assert {proof["status"] for proof in certificate["proved_for_all_inputs"]} == {"proved"}
    assert len(certificate["proved_for_all_inputs"]) == 22
    assert [proof["status"] for proof in certificate["checked_within_a_bound"]] == ["bounded(200)"]
    assert certificate["sampled"][0]["samples"] == certificate["inputs"]["samples"] == 360
    for name, digest in certificate["design"]["files"].items():
        content = (demo / "design" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


def test_the_report_shows_the_figures(demo: Path, summary: Any) -> None:
    page = (demo / "report.html").read_text()
    assert "Every stage holds" in page
    assert f"{100 * summary['train']['accuracy']:.2f}" in page
    assert summary["content_hash"] in page
    assert page.count("<svg") >= 7


def test_integers_and_rtl_share_the_membrane(demo: Path) -> None:
    membrane = json.loads((demo / "results.json").read_text())["sample"]["membrane"]
    assert len(membrane["rtl"]) == 25
    assert membrane["rtl"] == membrane["integers"]
