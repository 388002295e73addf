"""The core behind AXI4-Stream: under cocotb, with bus models that are not ours, it is the integers.

What the wrapper does for any core and any stream is proved: see tests/verify/test_contracts.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.hdl.bus import axis_parameters, behind_bus, bus_files
from sc_neurocore.hdl.manifest import parse_manifest
from sc_neurocore.hdl.self_check import vectors
from sc_neurocore.network.storage import load_description
from sc_neurocore.tools import programs

MakeNetwork = Callable[..., IntegerNetwork]

BENCHES = Path(__file__).parent / "benches"
WAYS = {
    "static": ("feed-forward", {"lanes": 4, "inputs_per_beat": 2}),
    "signed scores": ("membrane", {"lanes": 2}),
    "early answers": ("first-to-2", {"lanes": 4}),
}


def written(network: IntegerNetwork, folder: Path, **options: Any) -> Accelerator:
    """Write a core with its bus; return the two as one design."""
    accelerator = render_accelerator(network, **options).write(folder)
    for name, content in bus_files(accelerator, "axi-stream").items():
        (folder / name).write_bytes(content)
    return behind_bus(accelerator, "axi-stream")


def streamed(
    network: IntegerNetwork, accelerator: Accelerator, folder: Path, **plan: int
) -> dict[str, int]:
    """Run the bench in Icarus; return what it says of itself."""
    from cocotb_tools.runner import get_results, get_runner

    random = np.random.default_rng(plan["seed"])
    steps = () if network.input.kind == "static" else (network.steps,)
    shape = (48, *steps, *network.input.shape)
    values = random.integers(0, 1 << network.input_bits, shape)
    values *= random.random(shape) < random.random((48, *(1 for _ in shape[1:])))
    beats, results = vectors(network, accelerator, values)
    sizes = axis_parameters(accelerator)
    content = plan | {
        "beats": beats.tolist(),
        "results": (results & ((1 << sizes["M_BITS"]) - 1)).tolist(),
        "in_bits": sizes["IN_BITS"],
        "s_bits": sizes["S_BITS"],
        "most_clocks": accelerator.clock_limit,
        "said": str(folder / "said.json"),
    }
    (folder / "plan.json").write_text(json.dumps(content), encoding="utf-8")
    runner = get_runner("icarus")
    runner.build(
        sources=[accelerator.directory / path for path in accelerator.verilog],
        hdl_toplevel=accelerator.top,
        build_dir=folder / "build",
        build_args=["-g2005"],
        timescale=("1ns", "1ns"),
    )
    found = runner.test(
        test_module="axi_stream",
        hdl_toplevel=accelerator.top,
        test_dir=folder / "rtl",
        build_dir=folder / "build",
        results_xml=str(folder / "results.xml"),
        seed=1,
        extra_env={
            "AXI_STREAM_PLAN": str(folder / "plan.json"),
            "COCOTB_LOG_LEVEL": "ERROR",
        },
    )
    assert get_results(found) == (1, 0)
    said: dict[str, int] = json.loads((folder / "said.json").read_text(encoding="utf-8"))
    return said


@pytest.fixture(autouse=True)
def _bench(
    require_tool: Callable[..., None],
    require_package: Callable[[str], Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    require_tool("iverilog")
    require_package("cocotbext.axi")
    monkeypatch.syspath_prepend(BENCHES)  # the simulator's Python looks where ours does


@pytest.mark.parametrize("way", ["signed scores", "early answers"])
def test_packets_give_the_integers_whatever_the_stream_does(
    way: str,
    make_step_outer_network: MakeNetwork,
    tmp_path: Path,
) -> None:
    kind, options = WAYS[way]
    network = make_step_outer_network(kind, steps=4)
    accelerator = written(network, tmp_path, **options)
    said = streamed(
        network, accelerator, tmp_path, seed=1, least_beats=0, least_rounds=4, packets_a_round=12
    )
    assert said["rounds"] == 4 and said["results"] > 20


def test_a_manifest_from_before_there_were_buses_reads(tmp_path: Path) -> None:
    digits = load_description(Path(__file__).parents[2] / "models/digits")
    manifest = compile_design(digits, tmp_path, bus="axi-stream").design.manifest
    assert [each.name for each in manifest.paths("bus")] == [f"{manifest.top}_axis.v", "snn_axis.v"]
    content = json.loads(manifest.as_bytes())
    assert content["choices"].pop("bus") == "axi-stream"
    assert parse_manifest(json.dumps(content).encode(), tmp_path).choices.bus == "none"


def test_it_takes_few_cells(
    make_step_outer_network: MakeNetwork, require_tool: Callable[..., None], tmp_path: Path
) -> None:
    """For the widest beats and scores that a core usually has: it is counters, and one register."""
    require_tool("yosys")
    network = make_step_outer_network("first-to-2", steps=100)
    accelerator = written(network, tmp_path, lanes=4, inputs_per_beat=4)
    sizes = axis_parameters(accelerator) | {"SCORE_BITS": 24, "M_BITS": 24, "IS_SIGNED": 1}
    given = " ".join(f"-chparam {name} {value}" for name, value in sizes.items())
    script = (
        f"read_verilog -defer snn_axis.v; hierarchy -top snn_axis {given}; "
        f"synth_ice40 -top snn_axis; select -assert-max 250 t:SB_LUT4"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path / "rtl")


def test_lints_have_nothing_to_say(
    make_step_outer_network: MakeNetwork,
    require_tool: Callable[..., None],
    lint_clean: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("verilator")
    for kind, weights in (("membrane", "rom"), ("first-to-2", "loaded")):
        accelerator = written(make_step_outer_network(kind), tmp_path / kind, weights=weights)
        names = [path.name for path in accelerator.verilog]
        lint_clean(tmp_path / kind / "rtl", accelerator.top, names, "-Wno-timescale")


@pytest.mark.soak
@pytest.mark.parametrize("way", [*WAYS, "long samples"])
def test_a_million_beats_lose_and_invent_nothing(
    way: str,
    make_step_outer_network: MakeNetwork,
    make_network: MakeNetwork,
    tmp_path: Path,
) -> None:
    kind, options = WAYS.get(way, ("", {"lanes": 4}))
    long = make_network([64, 3], steps=2)
    network = make_step_outer_network(kind, steps=4) if kind else long
    accelerator = written(network, tmp_path, **options)
    said = streamed(
        network,
        accelerator,
        tmp_path,
        seed=2,
        least_beats=1_000_000,
        least_rounds=4,
        packets_a_round=200,
    )
    assert said["beats"] >= 1_000_000
