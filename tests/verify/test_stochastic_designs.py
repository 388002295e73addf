"""Designs with stochastic arithmetic: the same engine, whose weights are counts of streams."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli.app import app
from sc_neurocore.equation import LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.folder import opened
from sc_neurocore.hdl.design import Design, render_core
from sc_neurocore.hdl.manifest import StreamChoices
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)
from sc_neurocore.stochastic import run_network
from sc_neurocore.verify.certificate import certify, verify_design
from sc_neurocore.verify.contents import check_contents
from sc_neurocore.verify.contract_table import CONTRACTS
from sc_neurocore.verify.contracts import prove_contract
from sc_neurocore.verify.cosimulation import cosimulate
from sc_neurocore.verify.joined import prove_joined
from sc_neurocore.verify.stream_counts import check_counts
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
    folder: Path,
    description: NetworkDescription,
    lanes: int = 4,
    stream_bits: int = 16,
    **streams: Any,
) -> Design:
    return compile_design(
        description,
        folder,
        "Q8.8:multipliers=adders",
        lanes=lanes,
        streams=StreamChoices(**streams),
        stream_bits=stream_bits,
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
    assert design.accelerator.geometry.chosen_multipliers == {"logic": 4}
    step = (tmp_path / "rtl" / "streams_lif_q8_8_step.v").read_text()
    lines = [line.split("//")[0] for line in step.splitlines()]
    assert not any(" * " in line for line in lines)


@pytest.mark.parametrize(
    ("lanes", "stream_bits", "streams", "bits"),
    [
        (4, 16, {"length": 64}, 5),
        (2, 2, {"length": 16, "weight_bits": 4}, 5),
        (1, 8, {"length": 32, "seed": 9, "weight_bits": 5}, 2),
        (8, 64, {"length": 256, "weight_bits": 8}, 8),
        (2, 32, {"length": 64, "weight_bits": 2}, 1),
    ],
)
def test_values_become_streams_that_lanes_count(
    lanes: int,
    stream_bits: int,
    streams: dict[str, Any],
    bits: int,
    require_tool: Any,
    tmp_path: Path,
) -> None:
    require_tool("iverilog")
    description = network("static", bits)
    design = compiled(tmp_path, description, lanes, stream_bits, source="sobol", **streams)
    assert design.accelerator.geometry.chosen_multipliers == {"streams": lanes}
    given = inputs(description)
    expected = run_network(
        description,
        given,
        streams["length"],
        "sobol",
        seed=streams.get("seed"),
        weight_bits=streams.get("weight_bits"),
        neurons="Q8.8",
    )
    # On the wires there may be values above 1, too.
    wide = np.random.default_rng(7).integers(0, 1 << bits, (4, 12))
    wide[0], wide[1] = 0, (1 << bits) - 1
    wired = np.concatenate([np.minimum(given, (1 << bits) - 1), wide])
    run = cosimulate(design.accelerator, design.network, wired, "icarus", disturbed=0.5)
    assert run.holds and run.updates == 10 * STEPS * 13
    assert np.array_equal(design.network.run(given).spike_counts, expected.spike_counts)
    assert expected.spike_counts.any()
    # Nothing is multiplied anywhere: the lanes count, and decays are shifts and additions.
    for path in (tmp_path / "rtl").glob("*_step.v"):
        lines = [line.split("//")[0] for line in path.read_text().splitlines()]
        assert not any(" * " in line for line in lines)


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("static", {"source": "lfsr"}, "a comparator for each bit"),
        ("static", {"source": "halton"}, "a comparator for each bit"),
        ("static", {"source": "counter"}, "a comparator for each bit"),
        ("static", {"sharing": "rotated"}, "sharing 'rotated' for values that come in"),
        ("static", {"length": 2048}, "streams of 2048 bits for values that come in"),
        ("static", {"stream_bits": 3}, "stream_bits=3: expected a power of two from 2 to 32"),
        ("static", {"stream_bits": 64}, "stream_bits=64: expected a power of two from 2 to 32"),
        ("static", {"stream_bits": 1}, "stream_bits=1: expected a power of two from 2 to 32"),
        ("values", {}, "needs another order"),
    ],
)
def test_what_lanes_do_not_count_is_refused(
    kind: str, options: dict[str, Any], says: str, tmp_path: Path
) -> None:
    description = network("static", 5) if kind == "static" else network("sequence", 5)
    with pytest.raises(UserError, match=says):
        compiled(tmp_path / "design", description, **({"length": 64} | options))
    assert not (tmp_path / "design").exists()


def test_the_modules_of_streams_keep_their_contracts(require_tool: Any, tmp_path: Path) -> None:
    require_tool("yosys")
    description = network("static", 3, sizes=(5, 4, 3))
    design = compiled(tmp_path, description, 2, 4, length=16, weight_bits=4)
    for module in ("snn_product", "snn_streams", "snn_accumulator"):
        found = prove_contract(design.accelerator, CONTRACTS[module])
        assert found.status == "proved", (module, found.detail)
    assert prove_joined(design.accelerator).status == "proved"


def test_every_count_of_the_tables_is_the_simulators(
    require_tool: Any, change: Any, tmp_path: Path
) -> None:
    require_tool("yosys")
    description = network("static", 5)
    design = compiled(tmp_path, description, 4, 8, length=64, seed=3)
    found = check_counts(design.accelerator, design.network)
    assert found.status == "proved" and found.figures == {"values": 32, "weights": 255}
    g = design.accelerator.geometry
    for table in ("stream_places", "stream_lows", "weight_lows"):
        one = replace(g, **{table: getattr(g, table) ^ 1 << 4})
        other = render_core(design.network, design.manifest.choices, one).write(tmp_path / table)
        wrong = check_counts(other, design.network)
        assert wrong.status == "refuted" and "the simulator counts" in wrong.detail


@pytest.mark.soak
def test_every_claim_of_a_design_with_streams_is_proved(require_tool: Any, tmp_path: Path) -> None:
    require_tool("yosys", "iverilog")
    description = network("static", 5)
    compiled(tmp_path, description, 2, 8, length=32, weight_bits=5)
    with opened(tmp_path, allow_edited=False) as design:
        certificate = verify_design(design, inputs(description), origin="random")
    assert certificate.holds and certificate.theorem["status"] == "holds"


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
        "encoding": "sign-magnitude", "weight_bits": None,
    }  # fmt: skip
    assert "stochastic" in certificate.verdict and "32 bits" in certificate.verdict
    assert any("streams" in each for each in written["theorem"]["trusted"])


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["--arithmetic", "ternary"], "--arithmetic ternary: expected one of integer, stochastic"),
        (["--length", "64"], "--length: for streams; give --arithmetic stochastic too"),
        (["--stream-bits", "8"], "--stream-bits: for streams; give --arithmetic stochastic too"),
        (["--arithmetic", "stochastic", "--weight-bits", "1"], "weight_bits=1"),
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
