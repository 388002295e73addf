"""Designs with stochastic arithmetic: the same engine, whose weights are counts of streams."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.equation import LIF
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.design import Design
from sc_neurocore.hdl.manifest import StreamChoices
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)
from sc_neurocore.stochastic import run_network
from sc_neurocore.verify.certificate import certify
from sc_neurocore.verify.contents import check_contents
from sc_neurocore.verify.cosimulation import cosimulate
from sc_neurocore.verify.sums import prove_sums

STEPS = 6


def network(kind: str = "sequence", bits: int = 1, sizes: tuple[int, ...] = (12, 9, 4)) -> Any:
    draw = np.random.default_rng(4)
    layers: list[Any] = []
    for before, after in pairwise(sizes):
        weight = draw.normal(0, 0.6, (after, before))
        layers += [Dense(weight=weight, bias=draw.normal(0, 0.3, after))]
        layers += [Population(neuron=LIF, parameters={"beta": 0.75})]
    coding = InputEncoding(shape=sizes[:1], bits=bits, fraction_bits=bits - 1, kind=kind)
    return NetworkDescription(name="streams", input=coding, steps=STEPS, layers=layers)


def inputs(description: NetworkDescription, count: int = 6) -> np.ndarray:
    coding = description.input
    lead = (count,) if coding.kind == "static" else (STEPS, count)
    high = max(1, 1 << coding.fraction_bits)
    return np.random.default_rng(1).integers(0, high + 1, (*lead, *coding.shape))


def compiled(
    folder: Path, description: NetworkDescription, lanes: int = 4, **streams: Any
) -> Design:
    choices = StreamChoices(**streams)
    return compile_design(
        description, folder, "Q8.8:multipliers=adders", lanes=lanes, streams=choices
    ).design


def test_a_network_of_spikes_is_the_engine_with_counts_for_weights(
    require_tool: Any, tmp_path: Path
) -> None:
    require_tool("iverilog")
    description = network()
    design = compiled(tmp_path, description, length=64, source="lfsr", seed=5, sharing="rotated")
    given = inputs(description)
    run = cosimulate(design.accelerator, design.network, given, "icarus", disturbed=1.0)
    assert run.holds and run.updates == 6 * STEPS * 13
    expected = run_network(
        description, given, 64, "lfsr", seed=5, sharing="rotated", neurons="Q8.8"
    )
    assert np.array_equal(design.network.run(given).spike_counts, expected.spike_counts)
    assert expected.spike_counts.any()
    assert design.accelerator.geometry.multipliers == {"block": 0, "logic": 4}
    step = (tmp_path / "rtl" / "streams_lif_q8_8_step.v").read_text()
    lines = [line.split("//")[0] for line in step.splitlines()]
    assert not any(" * " in line for line in lines)


def test_a_certificate_says_that_it_is_stochastic(require_tool: Any, tmp_path: Path) -> None:
    require_tool("iverilog", "yosys")
    description = network(sizes=(5, 4, 3))
    compiled(tmp_path, description, length=32, source="halton")
    with opened(tmp_path, allow_edited=False) as design:
        assert design.edited == ()
        run = cosimulate(design.accelerator, design.network, inputs(description), "icarus")
        proofs = (
            check_contents(design.accelerator, design.network),
            prove_sums(design.accelerator, design.network),
        )
        assert {proof.status for proof in proofs} == {"proved"}
        certificate = certify(design, (run,), proofs, inputs(description), "random")
    written = json.loads((tmp_path / "certificate.json").read_text())
    assert written["design"]["streams"] == {
        "length": 32, "source": "halton", "seed": None, "sharing": "shared",
        "encoding": "sign-magnitude",
    }  # fmt: skip
    assert "stochastic" in certificate.verdict and "32 bits" in certificate.verdict
    assert any("streams" in each for each in written["theorem"]["trusted"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--arithmetic", "ternary"], "--arithmetic ternary: expected one of integer, stochastic"),
        (["--length", "64"], "--length: for streams; give --arithmetic stochastic too"),
        (["--arithmetic", "stochastic", "--weight-bits", "8"], "--weight-bits 8 with"),
        (["--arithmetic", "stochastic", "--format", "auto"], "--format auto with"),
        (["--arithmetic", "stochastic", "--length", "48"], "48 bits"),
        (["--arithmetic", "stochastic", "--encoding", "bipolar"], "bipolar"),
        (["--arithmetic", "stochastic", "--sharing", "all"], "unknown sharing 'all'"),
    ],
)
def test_what_compile_cannot_do_with_streams_it_says(
    given: list[str], says: str, tmp_path: Path
) -> None:
    save_description(network(), tmp_path / "network")
    line = ["compile", str(tmp_path / "network"), "--out", str(tmp_path / "design"), *given]
    result = CliRunner().invoke(app, [*line, "--json"])
    assert result.exit_code == 2 and says in json.loads(result.stdout)["error"]
    assert not (tmp_path / "design").exists()


def test_compile_says_what_streams_there_are(tmp_path: Path) -> None:
    save_description(network(), tmp_path / "network")
    line = ["compile", str(tmp_path / "network"), "--out", str(tmp_path / "design")]
    line += ["--arithmetic", "stochastic", "--length", "64", "--source", "counter", "--seed", "1"]
    found = json.loads(CliRunner().invoke(app, [*line, "--json"]).stdout)
    assert found["streams"]["length"] == 64 and found["weight_bits"] == 8
    assert found["format"] == "Q8.8:multipliers=adders"
    read = CliRunner().invoke(app, line, env={"COLUMNS": "300"}).output
    assert "stochastic: streams of 64 bits, counter, seed 1, shared" in read
