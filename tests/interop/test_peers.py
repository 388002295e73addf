"""Other frameworks' own importers, and networks that they exported, against ours.

`make_golden.py` asked Norse, Sinabs, SpikingJelly and snnTorch; snnTorch is asked here too.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sc_neurocore.interop import from_nir, read_nir, to_nir
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import NetworkDescription

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden" / "peers.json").read_text())


def load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


graphs = load("peer_graphs")
CASES = graphs.cases()


def spikes(description: NetworkDescription, inputs: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The spikes of the last neurons, (steps, samples, outputs)."""
    last = run_float(description, inputs, record=True).spikes[-1]
    return last.reshape(*last.shape[:2], -1)


def digest(spikes: NDArray[np.bool_]) -> str:
    return hashlib.sha256(np.packbits(spikes).tobytes()).hexdigest()


@pytest.mark.parametrize("name", CASES)
def test_the_same_spikes_as_the_importers_of_other_frameworks(name: str) -> None:
    case = CASES[name]
    found = spikes(from_nir(case.graph(), steps=case.steps, **case.options), case.inputs())
    answers = [row for row in GOLDEN["imported"] if row["graph"] == name]
    assert {row["peer"] for row in answers} == set(case.peers)
    assert 0.02 < found.mean() < 0.9  # spikes that could be wrong
    for row in answers:
        assert (row["peer"], row["sha256"]) == (row["peer"], digest(found))


@pytest.mark.parametrize("peer", GOLDEN["exported"])
def test_the_same_spikes_as_networks_that_other_frameworks_exported(peer: str) -> None:
    answer = GOLDEN["exported"][peer]
    description = read_nir(HERE / "golden" / f"{peer}.nir", steps=25, **answer["options"])
    found = spikes(description, graphs.exported_inputs(tuple(answer["shape"])))
    assert 0.02 < found.mean() < 0.9
    assert (int(found.sum()), digest(found)) == (answer["spikes"], answer["sha256"])


@pytest.fixture
def snntorch() -> Iterator[Any]:
    """SnnTorch in float64; its warnings, and those of what it traces with, are its own."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield importlib.import_module("snntorch")
    torch.set_default_dtype(before)


def in_double(network: Any) -> Any:
    """The network with float64 between its layers; its neurons hand on spikes in float32."""
    for part in network.modules():
        if isinstance(part, torch.nn.Linear):
            part.register_forward_pre_hook(lambda _, given: tuple(each.double() for each in given))
    return network.double()


def test_a_network_of_snntorch_comes_in(snntorch: Any) -> None:
    from snntorch.export_nir import export_to_nir

    torch.manual_seed(0)
    options = {"init_hidden": True, "reset_mechanism": "zero", "reset_delay": False}
    layers = (
        torch.nn.Linear(20, 12),
        snntorch.Leaky(beta=torch.full((12,), 0.8), threshold=torch.ones(12), **options),
        torch.nn.Linear(12, 5, bias=False),
        snntorch.Synaptic(
            alpha=torch.full((5,), 0.6),
            beta=torch.full((5,), 0.7),
            threshold=torch.ones(5),
            **options,
        ),
    )
    network = in_double(torch.nn.Sequential(*layers))
    for index, scale in ((0, 2.0), (2, 1.5)):
        torch.nn.init.normal_(network[index].weight, 0.0, scale / 4)
    graph = export_to_nir(network, torch.zeros(1, 20), ignore_dims=[0])
    description = from_nir(graph, dt=1e-4, steps=25)
    found = spikes(description, graphs.exported_inputs((20,)))
    assert 0.02 < found.mean() < 0.9
    for part in (network[1], network[3]):
        part.reset_mem()
    frames = torch.from_numpy(graphs.exported_inputs((20,))).double()
    with torch.no_grad():
        wanted = torch.stack([network(frame) for frame in frames]).numpy() > 0
    np.testing.assert_array_equal(found, wanted)


def test_a_network_of_ours_goes_out_to_snntorch(snntorch: Any) -> None:
    from snntorch.import_nir import import_from_nir

    description = from_nir(CASES["lif"].graph(), dt=1e-4, steps=25)
    graph = to_nir(description)
    assert isinstance(graph, nir.NIRGraph)
    module = in_double(import_from_nir(graph))
    inputs = CASES["lif"].inputs()
    state, outputs = None, []
    with torch.no_grad():
        for frame in torch.from_numpy(inputs).double():
            output, state = module(frame, state)
            outputs.append(output)
    found = torch.stack(outputs).numpy() > 0
    np.testing.assert_array_equal(found, spikes(description, inputs))
