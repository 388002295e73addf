"""Ask other frameworks for the spikes of the graphs in `peer_graphs.py`; write `golden/`.

Run it where they are installed, which the tests do not need:

    pip install torch nir nirtorch snntorch norse spikingjelly
    pip install --no-deps sinabs        # it asks for drivers of chips and an older nir
    python tests/interop/make_golden.py

All compute in float64. Where an importer departs from NIR, what it departs in is set right here,
and said in docs/nir.md.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from peer_graphs import DT, Case, cases, exported_inputs

GOLDEN = Path(__file__).parent / "golden" / "peers.json"
Spikes = NDArray[np.bool_]


def digest(spikes: Spikes) -> str:
    """Return the SHA-256 of spikes (steps, samples, outputs) as packed bits."""
    return hashlib.sha256(np.packbits(spikes).tobytes()).hexdigest()


def run_steps(module: torch.nn.Module, inputs: torch.Tensor) -> Spikes:
    """Run a module of nirtorch that takes and returns one state."""
    state, outputs = None, []
    for frame in inputs:
        output, state = module(frame, state)
        outputs.append(output)
    return torch.stack(outputs).detach().numpy() > 0


def ordered(graph: nir.NIRGraph) -> list[str]:
    """Return the nodes of a chain from input to output."""
    following = dict(graph.edges)
    names = ["input"]
    while names[-1] in following:
        names.append(following[names[-1]])
    return names


class ResetAtOnce(torch.nn.Module):
    """snnTorch's RSynaptic with the reset right after the spike.

    With reset_delay=False, which its importer asks for, it takes the reset from an argument.
    """

    def __init__(self, neurons: torch.nn.Module) -> None:
        super().__init__()
        self.neurons, self.state = neurons, None

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        before = self.state or (torch.zeros_like(current),) * 3
        spike, synapse, membrane = self.neurons(current, *before)
        self.state = spike, synapse, membrane * (1 - spike)
        return spike


def in_double(module: torch.nn.Module) -> torch.nn.Module:
    """Return a module in float64, though some neurons hand on spikes in float32."""

    def widen(part: torch.nn.Module, arguments: Any) -> Any:
        return tuple(
            each.double() if isinstance(each, torch.Tensor) else each for each in arguments
        )

    for part in module.modules():
        if isinstance(part, torch.nn.Linear | torch.nn.Conv2d):
            part.register_forward_pre_hook(widen)
    return module.double()


def snntorch(case: Case) -> Spikes:
    from snntorch import import_nir

    if "recurrent" in " ".join(case.nodes):
        # Its importer replaces the loop by a graph, which its executor then cannot run.
        graph = import_nir._replace_rnn_subgraph_with_nirgraph(case.graph())
        parts = []
        for name in ordered(graph):
            loop = isinstance(graph.nodes[name], nir.NIRGraph)
            part = import_nir._nir_to_snntorch_module(graph.nodes[name], init_hidden=not loop)
            parts.append(ResetAtOnce(part) if loop else part)
        module = in_double(torch.nn.Sequential(*filter(None, parts)))
        frames = torch.from_numpy(case.inputs()).double()
        return torch.stack([module(frame) for frame in frames]).detach().numpy() > 0
    module = in_double(import_nir.import_from_nir(case.graph()))
    return run_steps(module, torch.from_numpy(case.inputs()).double())


def norse(case: Case) -> Spikes:
    from norse.torch.utils.import_nir import from_nir

    module = from_nir(case.graph(), ignore_warnings=True, dt=case.options["dt"])
    for part in module.modules():
        if isinstance(part, torch.nn.Flatten):
            part.start_dim = 1  # its importer counts the batch, NIR does not
        if hasattr(part, "p"):  # parameters that are no module's, and therefore stay float32
            part.p = type(part.p)(
                *(value.double() if isinstance(value, torch.Tensor) else value for value in part.p)
            )
    return run_steps(in_double(module), torch.from_numpy(case.inputs()).double())


def spikingjelly(case: Case) -> Spikes:
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    module = import_from_nir(case.graph(), dt=case.options["dt"])
    return run_steps(in_double(module), torch.from_numpy(case.inputs()).double())


def sinabs(case: Case) -> Spikes:
    import sinabs.layers as sl
    from sinabs.activation import MembraneReset, SingleSpike
    from sinabs.nir import from_nir

    steps, samples = case.inputs().shape[:2]
    module = from_nir(case.graph(), batch_size=samples)
    for part in module.modules():
        if isinstance(part, sl.StatefulLayer):
            # Its importer makes neurons that fire several times a step, lose their threshold and
            # stay above minus it; and LIF whose input is not scaled. NIR defines none of this.
            part.spike_fn, part.reset_fn, part.min_v_mem = SingleSpike, MembraneReset(), None
        if type(part) is sl.LIFSqueeze:
            part.norm_input = True
    inputs = torch.from_numpy(case.inputs()).double().transpose(0, 1).flatten(0, 1)
    output = in_double(module)(inputs)
    output = output[0] if isinstance(output, tuple) else output
    return output.detach().numpy().reshape(samples, steps, -1).swapaxes(0, 1) > 0


PEERS: dict[str, Callable[[Case], Spikes]] = {
    "snntorch": snntorch,
    "norse": norse,
    "spikingjelly": spikingjelly,
    "sinabs": sinabs,
}


def export_norse(folder: Path) -> dict[str, Any]:
    """Export a network from Norse and return what it answers."""
    import norse.torch as norse_torch
    from norse.torch.utils.export_nir import to_nir

    def cell(size: int, tau: float) -> torch.nn.Module:
        parameters = norse_torch.LIFBoxParameters(  # nir.write does not take numbers alone
            tau_mem_inv=torch.full((size,), 1 / tau),
            v_th=torch.full((size,), 0.3),
            v_leak=torch.zeros(size),
        )
        return norse_torch.LIFBoxCell(parameters, dt=1e-3)

    network = norse_torch.SequentialState(
        torch.nn.Linear(20, 12), cell(12, 0.01), torch.nn.Linear(12, 5), cell(5, 0.02)
    )
    for weights in network.parameters():
        torch.nn.init.normal_(weights, 0.2, 3.0)
    # Its exporter multiplies time constants by dt: dt=1 leaves them in seconds.
    nir.write(folder / "norse.nir", to_nir(network, torch.zeros(1, 20), dt=1))
    inputs = exported_inputs((20,))
    spikes = run_steps(in_double(network), torch.from_numpy(inputs).double())
    return {"options": {"dt": 1e-3}, "shape": [20], **answer(spikes)}


def export_sinabs(folder: Path) -> dict[str, Any]:
    """Export a network from Sinabs and return what it answers."""
    import sinabs.layers as sl
    from sinabs.activation import SingleSpike
    from sinabs.nir import to_nir

    def neurons(count: int) -> torch.nn.Module:
        return sl.IAFSqueeze(batch_size=count, spike_fn=SingleSpike, min_v_mem=None)

    def network(count: int) -> torch.nn.Sequential:
        torch.manual_seed(3)
        modules = torch.nn.Sequential(
            torch.nn.Conv2d(2, 4, 3, padding=1),
            neurons(count),
            sl.SumPool2d(2),
            torch.nn.Flatten(),
            torch.nn.Linear(64, 5),
            neurons(count),
        )
        for index in (0, 4):
            torch.nn.init.normal_(modules[index].weight, 0.0, 0.2)
        return in_double(modules)

    graph = to_nir(network(1), torch.zeros(1, 2, 8, 8))
    graph.infer_types()  # it leaves the sizes of images open, which nir.write does not take
    nir.write(folder / "sinabs.nir", graph)
    inputs = torch.from_numpy(exported_inputs((2, 8, 8))).double()
    flat = inputs.transpose(0, 1).flatten(0, 1)
    output = network(inputs.shape[1])(flat).detach().numpy()
    spikes = output.reshape(inputs.shape[1], inputs.shape[0], -1).swapaxes(0, 1) > 0
    options = {"dt": 1.0, "reset": "subtract"}
    return {"options": options, "shape": [2, 8, 8], **answer(spikes)}


def export_spikingjelly(folder: Path) -> dict[str, Any]:
    """Export a network from SpikingJelly and return what it answers."""
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    network = torch.nn.Sequential(
        layer.Linear(20, 12),
        neuron.LIFNode(tau=5.0, v_reset=0.0),
        layer.Linear(12, 5, bias=False),
        neuron.IFNode(v_reset=0.0),
    )
    for weights in network.parameters():
        torch.nn.init.normal_(weights, 0.1, 1.0)
    graph = export_to_nir(network, torch.zeros(1, 20), dt=DT)
    nir.write(folder / "spikingjelly.nir", graph)
    for part in network:
        if hasattr(part, "reset"):
            part.reset()
    frames = torch.from_numpy(exported_inputs((20,))).double()
    spikes = torch.stack([network(frame) for frame in frames]).detach().numpy() > 0
    return {"options": {"dt": DT}, "shape": [20], **answer(spikes)}


EXPORTERS = {
    "norse": export_norse,
    "sinabs": export_sinabs,
    "spikingjelly": export_spikingjelly,
}


def answer(spikes: Spikes) -> dict[str, Any]:
    return {"spikes": int(spikes.sum()), "sha256": digest(spikes)}


def main() -> None:
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(1)
    rows: list[dict[str, Any]] = []
    for name, case in cases().items():
        for peer in case.peers:
            spikes = PEERS[peer](case).reshape(case.steps, case.inputs().shape[1], -1)
            rows.append({"graph": name, "peer": peer, **answer(spikes)})
    exports = {peer: export(GOLDEN.parent) for peer, export in EXPORTERS.items()}
    packages = ("nir", "nirtorch", "torch", *PEERS)
    versions = {each: importlib.metadata.version(each) for each in packages}
    content = {"versions": versions, "imported": rows, "exported": exports}
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
