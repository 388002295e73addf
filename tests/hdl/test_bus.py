"""The core behind a bus, under cocotb, is the integers; models of AXI4-Stream are not ours.

What a wrapper does for any core and any stream is proved: see tests/verify/test_contracts.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.hdl.bus import axis_parameters, behind_bus, bus_files, event_parameters
from sc_neurocore.hdl.manifest import BUSES, BusName, parse_manifest
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


def written(
    network: IntegerNetwork, folder: Path, bus: BusName = "axi-stream", **options: Any
) -> Accelerator:
    """Write a core with its bus; return the two as one design."""
    accelerator = render_accelerator(network, **options).write(folder)
    for name, content in bus_files(accelerator, bus).items():
        (folder / name).write_bytes(content)
    return behind_bus(accelerator, bus)


def simulated(accelerator: Accelerator, folder: Path, bench: str, plan: dict[str, Any]) -> Any:
    """Run one of the benches in Icarus; return what it says of itself."""
    from cocotb_tools.runner import get_results, get_runner

    plan = plan | {"said": str(folder / "said.json")}
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    runner = get_runner("icarus")
    runner.build(
        sources=[accelerator.directory / path for path in accelerator.verilog],
        hdl_toplevel=accelerator.top,
        build_dir=folder / "build",
        build_args=["-g2005"],
        timescale=("1ns", "1ns"),
    )
    found = runner.test(
        test_module=bench,
        hdl_toplevel=accelerator.top,
        test_dir=folder / "rtl",
        build_dir=folder / "build",
        results_xml=str(folder / "results.xml"),
        seed=1,
        extra_env={
            f"{bench.upper()}_PLAN": str(folder / "plan.json"),
            "COCOTB_LOG_LEVEL": "ERROR",
        },
    )
    assert get_results(found) == (1, 0)
    return json.loads((folder / "said.json").read_text(encoding="utf-8"))


def streamed(
    network: IntegerNetwork, accelerator: Accelerator, folder: Path, **plan: int
) -> dict[str, int]:
    """Send random packets through AXI4-Stream."""
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
    }
    said: dict[str, int] = simulated(accelerator, folder, "axi_stream", content)
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


EVENTS = {
    "frames of integers": ("feed-forward", {"lanes": 4, "inputs_per_beat": 2}),
    "recurrent": ("recurrent", {"lanes": 2}),
    "signed scores": ("membrane", {"lanes": 2, "weights": "rom"}),
}


@pytest.mark.parametrize("way", EVENTS)
def test_events_give_the_integers_whatever_comes_between(
    way: str,
    make_network: MakeNetwork,
    make_step_outer_network: MakeNetwork,
    tmp_path: Path,
) -> None:
    kind, options = EVENTS[way]
    network = make_step_outer_network(kind)
    if kind == "feed-forward":
        network = make_network([7, 5, 3], steps=4)
    accelerator = written(network, tmp_path, "events", **options)
    random = np.random.default_rng(1)
    most = (1 << network.input_bits) - 1
    steps = (network.steps,) if network.batch_axis else ()
    values = random.integers(0, most, (12, *steps, *network.input.shape), endpoint=True)
    values *= random.random(values.shape) < 0.4
    _, results = vectors(network, accelerator, values)
    sizes, g = event_parameters(accelerator), accelerator.geometry
    scores = results.astype(np.int64)
    scores[:, 1:] &= (1 << g.count_bits) - 1
    plan = {
        "seed": 1,
        "pauses": 0.3,
        "most": most,
        "inputs": sizes["INPUTS"],
        "not_there": [*range(sizes["INPUTS"], 1 << sizes["NUMBER_BITS"])],
        "samples": values.reshape(12, -1, sizes["INPUTS"]).tolist(),
        "results": scores.tolist(),
        "outputs": g.layers[-1].outputs,
        "most_clocks": accelerator.clock_limit,
    }
    assert simulated(accelerator, tmp_path, "events", plan) == {"results": 12}


def test_what_events_cannot_bring_is_refused(make_network: MakeNetwork, tmp_path: Path) -> None:
    network = make_network([7, 5, 3], steps=4)
    signed = replace(network, input=network.input.model_copy(update={"signed": True}))
    with pytest.raises(UserError, match="inputs with a sign: events are spikes"):
        written(signed, tmp_path, "events")


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
        for bus in BUSES[1:]:
            folder = tmp_path / kind / bus
            accelerator = written(make_step_outer_network(kind), folder, bus, weights=weights)
            names = [path.name for path in accelerator.verilog]
            lint_clean(folder / "rtl", accelerator.top, names, "-Wno-timescale")


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
