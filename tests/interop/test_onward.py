"""Imported networks go down the road like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from sc_neurocore.cli.app import run as command
from sc_neurocore.equation import CATALOGUE
from sc_neurocore.fixed import FixedPoint, QFormat, lower, quantize
from sc_neurocore.hdl.design import load_design
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.interop import from_nir
from sc_neurocore.interop.equations import equation
from sc_neurocore.interop.neurons import KINDS
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    load_description,
)
from sc_neurocore.verify.cosimulation import cosimulate
from sc_neurocore.verify.equivalence import prove_step

MODEL = Path(__file__).parents[2] / "models" / "digits"


@pytest.mark.parametrize("kind", [*KINDS, "Readout"])
def test_every_equation_has_integers_close_to_its_floats(kind: str) -> None:
    random = np.random.default_rng(1)
    neuron = equation(kind)
    small = {"decay": 0.75, "synapse_decay": 0.5, "gain": 0.5, "leak": 0.0625, "v_reset": -0.5}
    description = NetworkDescription(
        name="net",
        input=InputEncoding(shape=(6,), bits=4, fraction_bits=4),
        steps=8,
        layers=[
            Dense(weight=random.integers(-8, 8, (5, 6)) / 8),
            Population(
                neuron=neuron,
                parameters={name: small[name] for name in neuron.parameters if name in small},
            ),
        ],
        readout="membrane",
    )
    inputs = random.integers(0, 16, (40, 6))
    floats = run_float(description, inputs, record=True)
    integers = quantize(description, "Q8.8").run(inputs, record=True)
    same = integers.spikes[0] == floats.spikes[0]
    assert same.mean() > 0.98
    assert floats.spikes[0].any() == (kind in ("IF", "LIF", "CubaLIF", "Threshold"))
    exact = same.all(axis=0)  # one spike apart, and the membranes are apart
    error = np.abs(integers.states[0]["v"] / 256 - floats.states[0]["v"])[:, exact]
    assert error.max() < 8 / 256 * 8  # a rounding per step, and what it does later


IMAGES = (
    nir.Conv2d((6, 6), np.full((3, 2, 3, 3), 0.125), 1, 1, 1, 1, np.array([0, -0.5, 0.25])),
    nir.IF(r=np.ones((3, 6, 6)), v_threshold=np.ones((3, 6, 6)), v_reset=np.zeros((3, 6, 6))),
    nir.Delay(np.full((3, 6, 6), 2.0)),
    nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])),
    nir.Scale(np.full((3, 4, 4), 0.5)),
    nir.Flatten(np.array([3, 4, 4]), 0, -1),
    nir.Linear(np.arange(-48, 48).reshape(2, 48) / 64),
    nir.LIF(
        tau=np.full(2, 4.0),
        r=np.full(2, 4.0),
        v_leak=np.zeros(2),
        v_threshold=np.ones(2),
        v_reset=np.full(2, -0.5),
    ),
)
LINES = (
    nir.Conv1d(8, np.full((4, 1, 3), 0.25), 1, 1, 1, 2, np.zeros(4)),
    nir.Scale(np.full((4, 8), 2.0)),
    nir.IF(r=np.ones((4, 8)), v_threshold=np.ones((4, 8)), v_reset=np.zeros((4, 8))),
)


WITHIN = (
    nir.Linear(np.array([[1, -0.5, 0.25], [0.5, 1, -1]])),
    nir.LI(tau=np.full(2, 2.0), r=np.ones(2), v_leak=np.array([0, 0.25])),
    nir.Scale(np.array([2.0, -0.5])),
    nir.Linear(np.array([[1, 2], [-1, 4], [2, 0]])),
    nir.CubaLI(*np.full((4, 3), 2.0), w_in=np.ones(3)),
    nir.I(r=np.ones(3)),
    nir.IF(r=np.ones(3), v_threshold=np.array([1, 2, 2.5]), v_reset=np.zeros(3)),
)
BY_NEURON = (
    nir.Scale(np.arange(1.0, 9).reshape(2, 2, 2) / 8),
    nir.IF(
        r=np.ones((2, 2, 2)),
        v_threshold=np.arange(2.0, 10).reshape(2, 2, 2) / 8,
        v_reset=-np.arange(8.0).reshape(2, 2, 2) / 4,
    ),
)
GRAPHS = {(2, 6, 6): IMAGES, (2, 8): LINES, (3,): WITHIN, (2, 2, 2): BY_NEURON}


@pytest.mark.parametrize(("shape", "nodes"), GRAPHS.items())
def test_integers_that_need_no_rounding_are_the_floats(shape: Any, nodes: Any) -> None:
    named = {"input": nir.Input(np.array(shape))}
    named |= {str(index): node for index, node in enumerate(nodes)}
    graph = nir.NIRGraph(named, list(pairwise(named)), type_check=False)
    description = from_nir(graph, dt=1, steps=12)
    inputs = (np.random.default_rng(0).random((12, 20, *shape)) < 0.3).astype(np.uint8)
    floats = run_float(description, inputs)
    integers = quantize(description, "Q8.24", weight_bits=6).run(inputs)
    assert floats.spike_counts.sum() > 20
    np.testing.assert_array_equal(integers.spike_counts, floats.spike_counts)


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF", "LI", "Threshold"])
def test_the_hardware_of_every_equation_is_proved(
    kind: str, require_tool: Callable[..., None]
) -> None:
    require_tool("yosys", "z3")
    program = lower(equation(kind), FixedPoint(QFormat(8, 8)))
    verilog = emit_neuron(program)
    result = prove_step(program, verilog.step, f"{verilog.name}_step")
    assert result.status == "proved", result.detail


def lif(size: int) -> nir.LIF:
    ones = np.ones(size)
    return nir.LIF(
        tau=1e-3 * ones, r=10 * ones, v_leak=0 * ones, v_threshold=ones, v_reset=0 * ones
    )


def lif_graph() -> nir.NIRGraph:
    random = np.random.default_rng(0)
    return nir.NIRGraph.from_list(
        nir.Affine(random.normal(0, 0.3, (8, 64)), np.zeros(8)),
        lif(8),
        nir.Linear(random.normal(0, 0.8, (10, 8))),
        lif(10),
    )


def recurrent_graph() -> nir.NIRGraph:
    random = np.random.default_rng(1)
    ones = np.ones(6)
    nodes = {
        "input": nir.Input(np.array([64])),
        "in": nir.Linear(random.normal(0, 0.2, (6, 64))),
        "hidden": nir.CubaLIF(
            tau_mem=1e-3 * ones,
            tau_syn=4e-4 * ones,
            r=10 * ones,
            v_leak=0 * ones,
            v_threshold=ones,
            v_reset=0 * ones,
            w_in=ones,
        ),
        "back": nir.Linear(random.normal(0, 0.5, (6, 6))),
        "out": nir.Affine(random.normal(0, 0.8, (10, 6)), np.full(10, 0.1)),
        "neurons": lif(10),
        "output": nir.Output(np.array([10])),
    }
    edges = [("input", "in"), ("in", "hidden"), ("hidden", "back"), ("back", "hidden")]
    edges += [("hidden", "out"), ("out", "neurons"), ("neurons", "output")]
    return nir.NIRGraph(nodes, edges)


def conv_graph() -> nir.NIRGraph:
    random = np.random.default_rng(2)
    shape = (4, 8, 8)
    return nir.NIRGraph.from_list(
        nir.Conv2d((8, 8), random.normal(0.1, 0.4, (4, 1, 3, 3)), 1, 1, 1, 1, np.zeros(4)),
        nir.IF(r=np.full(shape, 1e4), v_threshold=np.ones(shape), v_reset=np.zeros(shape)),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.Delay(np.full((4, 4, 4), 2e-4)),
        nir.Flatten(np.array([4, 4, 4]), 0, -1),
        nir.Linear(random.normal(0, 0.3, (10, 64))),
        nir.Scale(np.linspace(0.5, 1, 10)),
        lif(10),
    )


def called(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = command([*map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("graph", "layers", "schedule"),
    [
        (lif_graph, ["dense", "population"] * 2, "group-stationary"),
        (recurrent_graph, ["dense", "recurrent", "dense", "population"], "step-outer"),
    ],
)
def test_a_file_from_elsewhere_is_imported_evaluated_compiled_and_proved(
    graph: Callable[[], nir.NIRGraph],
    layers: list[str],
    schedule: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    require_tool: Callable[..., None],
) -> None:
    require_tool("iverilog", "vvp", "yosys", "z3")
    monkeypatch.chdir(tmp_path)
    nir.write("net.nir", graph())
    code, result = called(capsys, "compile", "net.nir", "--out", "design")
    assert code == 2
    assert "sc-neurocore import FILE.nir --dt" in result["error"]
    options = ("--dt", 1e-4, "--steps", 5, "--dataset", "digits")
    code, result = called(capsys, "import", "net.nir", *options, "--out", "net")
    assert code == 0
    assert result["layers"] == layers
    assert load_description("net").input.bits == 5
    code, result = called(capsys, "evaluate", "net", "--dataset", "digits")
    assert (code, result["test_size"]) == (0, 1797)
    code, result = called(capsys, "simulate", "net", "--dataset", "digits", "--length", 32)
    assert (code, result["test_size"]) == (0, 1797)
    code, result = called(capsys, "compile", "net", "--out", "design")
    assert (code, result["schedule"]) == (0, schedule)
    design = load_design(Path("design"))
    network = design.network
    inputs = np.random.default_rng(3).integers(0, 17, (4, 64))
    assert cosimulate(design.accelerator, network, inputs, "icarus").holds
    assert network.run(inputs).spike_counts.any()
    for program in network.programs:
        step = emit_neuron(program)
        assert prove_step(program, step.step, f"{step.name}_step").status == "proved"


def test_a_convolutional_file_is_imported_evaluated_and_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    nir.write("net.nir", conv_graph())
    options = ("--dt", 1e-4, "--steps", 5, "--dataset", "digits")
    code, result = called(capsys, "import", "net.nir", *options, "--out", "net")
    assert code == 0, result
    assert result["layers"][:3] == ["conv2d", "population", "sum-pool2d"]
    for name, more in (("evaluate", ()), ("simulate", ("--length", 32))):
        code, result = called(capsys, name, "net", "--dataset", "digits", *more)
        assert code == 0, result
        assert (code, result["test_size"]) == (0, 1797)
    code, result = called(capsys, "export", "net", "--to", "fixed", "--out", "out")
    assert code == 0
    code, result = called(capsys, "compile", "net", "--out", "design")
    assert code == 2
    assert "delays in front of weights that differ from place to place" in result["error"]


def test_a_network_of_ours_goes_out_and_every_command_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, result = called(capsys, "export", MODEL, "--to", "nir", "--out", "out")
    assert (code, result["files"]) == (0, ["out/nir.json", "out/network.nir"])
    said = json.loads(Path("out/nir.json").read_text())
    assert len(said["a_reader_that_ignores_our_notes_differs_in"]) == 4
    code, result = called(capsys, "import", "out/network.nir", "--out", "back")
    assert code == 0
    assert load_description("back") == load_description(MODEL)
    code, result = called(capsys, "evaluate", "out/network.nir")
    assert (code, result["content_hash"]) == (0, load_description(MODEL).content_hash)


def test_a_neuron_that_nir_does_not_know_is_the_users_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from sc_neurocore.network import save_description

    monkeypatch.chdir(tmp_path)
    layer = Population(neuron=CATALOGUE["AdEx"])
    encoding = InputEncoding(shape=(2,), bits=4, fraction_bits=4)
    net = NetworkDescription(name="net", input=encoding, steps=2, layers=[layer])
    save_description(net, "net")
    code, result = called(capsys, "export", "net", "--to", "nir")
    assert code == 2
    assert "NIR has no primitive for it: AdEx" in result["error"]
    assert not list(tmp_path.glob("**/*.nir"))


def test_an_imported_network_trains_further() -> None:
    import torch

    from sc_neurocore.training import SpikingSequential

    description = from_nir(
        lif_graph(), dt=1e-4, steps=10, input=InputEncoding(shape=(64,), bits=5, fraction_bits=4)
    )
    torch.manual_seed(0)
    network = SpikingSequential.from_description(description, backend="eager")
    x, labels = torch.rand(64, 64), torch.randint(10, (64,))
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.cross_entropy(network(x, steps=10).membrane, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
    back = network.to_description("net", description.input, 10)
    assert from_nir(write_back(back)) == back


def write_back(description: NetworkDescription) -> Any:
    from sc_neurocore.interop import to_nir

    return to_nir(description)
