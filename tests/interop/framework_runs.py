"""Networks of frameworks, with the options that change what their neurons do, and their own runs.

Each case exports a network by the framework's own exporter, runs the framework itself on random
inputs, and says how the file is read. `make_framework_golden.py` records what comes out; the tests
run it where the framework is installed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import nir
import numpy as np
import torch
from numpy.typing import NDArray

SAMPLES, STEPS, INPUTS, HIDDEN, OUTPUTS = 1000, 25, 20, 12, 5
Spikes = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """A network that was exported and run.

    Attributes:
        graph: What the exporter made.
        spikes: What the last neurons sent, (steps, samples, outputs): numbers of spikes, or
            membranes where they do not fire.
        options: What `from_nir` is told.
        is_membrane: Whether the membranes are compared.
    """

    graph: Any
    spikes: Spikes
    options: Mapping[str, Any]
    is_membrane: bool = False

    def content(self) -> bytes:
        """The graph as a .nir file."""
        file = io.BytesIO()
        nir.write(file, self.graph)
        return file.getvalue()


def inputs(size: int = INPUTS) -> NDArray[np.uint8]:
    """Random spikes (steps, samples, size)."""
    return (np.random.default_rng(11).random((STEPS, SAMPLES, size)) < 0.3).astype(np.uint8)


def frames(size: int = INPUTS) -> torch.Tensor:
    return torch.from_numpy(inputs(size)).float()


def linear(
    n_in: int, n_out: int, seed: int, scale: float = 1.0, bias: bool = True, grid: float = 64
) -> torch.nn.Linear:
    """A layer whose weights are multiples of 1/grid: sums are exact, and there are ties."""
    generator = torch.Generator().manual_seed(seed)
    layer = torch.nn.Linear(n_in, n_out, bias=bias)
    with torch.no_grad():
        for part in layer.parameters():
            drawn = torch.randn(part.shape, generator=generator) * scale / n_in**0.5 + scale * 0.05
            part.copy_(torch.round(drawn * grid) / grid)
    return layer


def _snntorch(make: Callable[[Any, int], Any], grid: float = 64, scale: float = 3.0) -> Any:
    """Export and run two layers of neurons of snnTorch."""
    import snntorch
    from snntorch.export_nir import export_to_nir

    network = torch.nn.Sequential(
        linear(INPUTS, HIDDEN, 1, scale, grid=grid),
        make(snntorch, HIDDEN),
        linear(HIDDEN, OUTPUTS, 2, scale, grid=grid),
        make(snntorch, OUTPUTS),
    )
    graph = export_to_nir(network, torch.zeros(1, INPUTS), ignore_dims=[0])
    for part in network:
        if hasattr(part, "reset_mem"):
            part.reset_mem()
    with torch.no_grad():
        spikes = torch.stack([network(frame) for frame in frames()]).double().numpy()
    return graph, spikes


def _leaky(beta: float = 0.9, grid: float = 64, **options: Any) -> Any:
    return _snntorch(
        lambda snn, size: snn.Leaky(
            beta=torch.full((size,), beta),
            threshold=torch.ones(size),
            init_hidden=True,
            **options,
        ),
        grid,
    )


def _synaptic(**options: Any) -> Any:
    return _snntorch(
        lambda snn, size: snn.Synaptic(
            alpha=torch.full((size,), 0.5),
            beta=torch.full((size,), 0.75),
            threshold=torch.ones(size),
            init_hidden=True,
            **options,
        )
    )


def _recurrent(kind: str, **options: Any) -> Any:
    """A recurrent layer of snnTorch, and one that is not, stepped by hand."""
    import snntorch
    from snntorch.export_nir import export_to_nir

    extra = {"alpha": 0.5} if kind == "RSynaptic" else {}

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = linear(INPUTS, HIDDEN, 1, 3.0)
            self.hidden = getattr(snntorch, kind)(
                beta=0.75, linear_features=HIDDEN, init_hidden=True, **extra, **options
            )
            self.hidden.recurrent = linear(HIDDEN, HIDDEN, 3, 1.0)
            self.second = linear(HIDDEN, OUTPUTS, 2, 3.0)
            self.last = snntorch.Leaky(
                beta=torch.full((OUTPUTS,), 0.5), threshold=torch.ones(OUTPUTS), init_hidden=True
            )

        def forward(self, frame: torch.Tensor) -> torch.Tensor:
            return self.last(self.second(self.hidden(self.first(frame))))

    network = Network()
    graph = export_to_nir(network, torch.zeros(1, INPUTS), ignore_dims=[0])
    for part in (network.hidden, network.last):
        part.reset_mem()
    with torch.no_grad():
        spikes = torch.stack([network(frame) for frame in frames()]).double().numpy()
    return graph, spikes


def snntorch_runs() -> dict[str, Callable[[], Run]]:
    """Return each option's run."""
    read = {"framework": "snntorch"}
    at_once = {"reset_delay": False}
    zero = {"reset_mechanism": "zero"}
    return {
        "Leaky": lambda: Run(*_leaky(), read),
        "Leaky, beta 0.5 and ties": lambda: Run(*_leaky(0.5, grid=4), read),
        "Leaky, zero": lambda: Run(*_leaky(**zero), read | {"reset": "delayed-zero"}),
        "Leaky, none": lambda: Run(*_leaky(reset_mechanism="none"), read | {"reset": "none"}),
        "Leaky, subtract, no delay": lambda: Run(
            *_leaky(**at_once), read | {"reset": "subtract-unless-above"}
        ),
        "Leaky, zero, no delay": lambda: Run(*_leaky(**zero, **at_once), read | {"reset": "value"}),
        "Synaptic": lambda: Run(*_synaptic(), read),
        "Synaptic, zero": lambda: Run(*_synaptic(**zero), read | {"reset": "delayed-zero"}),
        "Synaptic, subtract, no delay": lambda: Run(
            *_synaptic(**at_once), read | {"reset": "subtract-unless-above"}
        ),
        "RLeaky": lambda: Run(*_recurrent("RLeaky"), read),
        "RSynaptic": lambda: Run(*_recurrent("RSynaptic"), read),
    }


def _norse(cell: Callable[[Any, int], Any], dt: float | None = None, scale: float = 6.0) -> Any:
    import norse.torch as norse
    from norse.torch.utils.export_nir import to_nir

    network = norse.SequentialState(
        linear(INPUTS, HIDDEN, 1, scale),
        cell(norse, HIDDEN),
        linear(HIDDEN, OUTPUTS, 2, scale),
        cell(norse, OUTPUTS),
    )
    graph = to_nir(network, torch.zeros(1, INPUTS), **({} if dt is None else {"dt": dt}))
    state, outputs = None, []
    with torch.no_grad():
        for frame in frames():
            output, state = network(frame, state)
            outputs.append(output)
    return graph, torch.stack(outputs).double().numpy()


def norse_runs() -> dict[str, Callable[[], Run]]:
    """Return each option's run."""
    read = {"framework": "norse"}

    def box(norse: Any, size: int, **parameters: Any) -> Any:
        return norse.LIFBoxCell(
            norse.LIFBoxParameters(
                tau_mem_inv=torch.full((size,), 100.0),
                v_th=torch.full((size,), 1.0),
                v_leak=torch.zeros(size),
                **parameters,
            )
        )

    def lif(norse: Any, size: int) -> Any:
        return norse.LIFCell(
            norse.LIFParameters(
                tau_mem_inv=torch.full((size,), 100.0),
                tau_syn_inv=torch.full((size,), 200.0),
                v_th=torch.full((size,), 1.0),
                v_leak=torch.zeros(size),
            )
        )

    def iaf(norse: Any, size: int) -> Any:
        from norse.torch.functional.iaf import IAFParameters

        return norse.IAFCell(IAFParameters(v_th=torch.full((size,), 1.0)))

    return {
        "LIFBoxCell": lambda: Run(*_norse(box, scale=20.0), read | {"dt": 1e-6}),
        "LIFBoxCell, to_nir(dt=1)": lambda: Run(*_norse(box, 1, 20.0), read | {"dt": 1e-3}),
        "LIFCell": lambda: Run(*_norse(lif), read | {"dt": 1e-6}),
        "IAFCell": lambda: Run(*_norse(iaf, scale=1.0), read | {"dt": 1e-3}),
    }


def _sinabs(make: Callable[[Any, int], Any], scale: float = 2.0, grid: float = 64) -> Any:
    import sinabs.layers as layers
    from sinabs.nir import to_nir

    network = torch.nn.Sequential(
        linear(INPUTS, HIDDEN, 1, scale, grid=grid),
        make(layers, HIDDEN),
        linear(HIDDEN, OUTPUTS, 2, scale, grid=grid),
        make(layers, OUTPUTS),
    )

    def run(values: torch.Tensor) -> torch.Tensor:
        for part in network:
            values = part(values)
        return values

    with torch.no_grad():
        run(torch.zeros(1, STEPS, INPUTS))  # the layers learn their shape
        graph = to_nir(network, torch.zeros(1, STEPS, INPUTS))
        for part in network:
            if hasattr(part, "reset_states"):
                part.reset_states()
        spikes = run(frames().transpose(0, 1)).transpose(0, 1).double().numpy()
    return graph, spikes


def sinabs_runs() -> dict[str, Callable[[], Run]]:
    """Return each option's run."""
    from sinabs.activation import MembraneReset, SingleSpike

    read = {"framework": "sinabs"}
    one = {"spike_fn": SingleSpike}
    return {
        "IAF": lambda: Run(*_sinabs(lambda sl, n: sl.IAF(), 0.6), read | {"spikes": 8}),
        "IAF, ties": lambda: Run(
            *_sinabs(lambda sl, n: sl.IAF(), 0.7, grid=4), read | {"spikes": 8}
        ),
        "IAF, SingleSpike": lambda: Run(
            *_sinabs(lambda sl, n: sl.IAF(**one), grid=4), read | {"spikes": 1}
        ),
        "IAF, min_v_mem": lambda: Run(
            *_sinabs(lambda sl, n: sl.IAF(min_v_mem=-1.0, **one)),
            read | {"spikes": 1, "floor": -1.0},
        ),
        "IAF, MultiSpike, min_v_mem": lambda: Run(
            *_sinabs(lambda sl, n: sl.IAF(min_v_mem=-0.5), 0.6), read | {"spikes": 8, "floor": -0.5}
        ),
        "IAF, SingleSpike, MembraneReset": lambda: Run(
            *_sinabs(lambda sl, n: sl.IAF(reset_fn=MembraneReset(), **one)),
            read | {"spikes": 1, "reset": "value"},
        ),
        "LIF": lambda: Run(
            *_sinabs(
                lambda sl, n: sl.LIF(tau_mem=torch.full((n,), 10.0), spike_threshold=torch.ones(n)),
                scale=15.0,
            ),
            read | {"spikes": 8},
        ),
        "LIF, SingleSpike": lambda: Run(
            *_sinabs(
                lambda sl, n: sl.LIF(
                    tau_mem=torch.full((n,), 10.0), spike_threshold=torch.ones(n), **one
                ),
                scale=15.0,
            ),
            read | {"spikes": 1},
        ),
        "LIF, SingleSpike, norm_input=False": lambda: Run(
            *_sinabs(
                lambda sl, n: sl.LIF(
                    tau_mem=torch.full((n,), 10.0),
                    spike_threshold=torch.ones(n),
                    norm_input=False,
                    **one,
                )
            ),
            read | {"spikes": 1, "gain": "one"},
        ),
    }


def _spikingjelly(make: Callable[[Any], Any], scale: float = 3.0, grid: float = 64) -> Any:
    from spikingjelly.activation_based import layer, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    parts: list[Any] = []
    for number, (n_in, n_out) in enumerate(((INPUTS, HIDDEN), (HIDDEN, OUTPUTS))):
        own = layer.Linear(n_in, n_out)
        own.load_state_dict(linear(n_in, n_out, 1 + number, scale, grid=grid).state_dict())
        parts += [own, make(neuron)]
    network = torch.nn.Sequential(*parts)
    graph = export_to_nir(network, torch.zeros(1, INPUTS))
    for part in network:
        if hasattr(part, "reset"):
            part.reset()
    with torch.no_grad():
        spikes = torch.stack([network(frame) for frame in frames()]).double().numpy()
    return graph, spikes


def spikingjelly_runs() -> dict[str, Callable[[], Run]]:
    """Return each option's run."""
    read = {"framework": "spikingjelly"}
    hard = {"v_reset": 0.0}
    return {
        "LIFNode": lambda: Run(*_spikingjelly(lambda n: n.LIFNode(**hard), scale=6.0), read),
        "LIFNode, ties": lambda: Run(
            *_spikingjelly(lambda n: n.LIFNode(**hard), scale=6.0, grid=4), read
        ),
        "LIFNode, tau 5": lambda: Run(
            *_spikingjelly(lambda n: n.LIFNode(tau=5.0, **hard), scale=10.0), read
        ),
        "LIFNode, decay_input=False": lambda: Run(
            *_spikingjelly(lambda n: n.LIFNode(tau=4.0, decay_input=False, **hard)), read
        ),
        "LIFNode, v_reset": lambda: Run(
            *_spikingjelly(lambda n: n.LIFNode(v_reset=-0.25), scale=6.0), read
        ),
        "IFNode": lambda: Run(*_spikingjelly(lambda n: n.IFNode(**hard), grid=4), read),
        "ParametricLIFNode": lambda: Run(
            *_spikingjelly(lambda n: n.ParametricLIFNode(**hard), scale=6.0), read
        ),
        "CUBALIFNode": lambda: Run(*_spikingjelly(lambda n: n.CUBALIFNode(**hard)), read),
    }


def _rockpool(make: Callable[[Any, int], Any], scale: float) -> Any:
    import rockpool.nn.modules as modules
    from rockpool.nn.combinators import Sequential
    from rockpool.nn.modules.torch.nir import to_nir

    parts: list[Any] = []
    for number, (n_in, n_out) in enumerate(((INPUTS, HIDDEN), (HIDDEN, OUTPUTS))):
        own = linear(n_in, n_out, 1 + number, scale, grid=2.0**16)
        parts += [
            modules.LinearTorch(
                (n_in, n_out),
                weight=own.weight.detach().T.clone(),
                bias=own.bias.detach().clone(),
                has_bias=True,
            ),
            make(modules, n_out),
        ]
    network = Sequential(*parts)
    graph = to_nir(network)
    with torch.no_grad():
        network.reset_state()
        output, _, _ = network(frames().transpose(0, 1))
    return graph, output.transpose(0, 1).double().numpy()


def rockpool_runs() -> dict[str, Callable[[], Run]]:
    """Return each option's run."""
    read = {"framework": "rockpool", "spikes": 8}
    one = torch.tensor(1)
    return {
        "LIFTorch": lambda: Run(*_rockpool(lambda m, n: m.LIFTorch(n), 0.1), read),
        "LIFTorch, max_spikes_per_dt=1": lambda: Run(
            *_rockpool(lambda m, n: m.LIFTorch(n, max_spikes_per_dt=one), 0.5),
            read | {"spikes": 1},
        ),
        "LIFNeuronTorch": lambda: Run(*_rockpool(lambda m, n: m.LIFNeuronTorch(n), 0.6), read),
    }


FRAMEWORKS: Mapping[str, Callable[[], dict[str, Callable[[], Run]]]] = {
    "snntorch": snntorch_runs,
    "norse": norse_runs,
    "sinabs": sinabs_runs,
    "spikingjelly": spikingjelly_runs,
    "rockpool": rockpool_runs,
}
