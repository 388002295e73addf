"""Measure the training step of one network in one framework; runs in a process of its own.

Reads a request as JSON from the command line, prints the result as JSON. Imports nothing of this
project unless it is asked to measure it, so that any interpreter with a peer can run it.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

if __name__ == "__main__" and json.loads(sys.argv[1])["framework"] == "sc-neurocore":
    import sc_neurocore  # noqa: F401  before torch: it says how long waiting threads spin

import torch
from torch import Tensor, nn

BETA = 0.9

Forward = Callable[[nn.Module, Tensor], Tensor]
"""Spike counts of a static input."""


def layers(request: dict, cell: Callable[[], nn.Module], wrap=lambda layer: layer) -> list:
    """Return the layers of a network with a framework's own cells."""
    if request["net"] == "ff":
        width = request["width"]
        pairs = [(784, width), (width, width), (width, 10)]
        return [module for a, b in pairs for module in (wrap(nn.Linear(a, b)), cell())]
    return [
        wrap(nn.Conv2d(1, 32, 5)), cell(), wrap(nn.AvgPool2d(2)),
        wrap(nn.Conv2d(32, 64, 5)), cell(), wrap(nn.AvgPool2d(2)),
        wrap(nn.Flatten()), wrap(nn.Linear(1024, 128)), cell(), wrap(nn.Linear(128, 10)), cell(),
    ]  # fmt: skip


def make_ours(request: dict) -> tuple[nn.Module, Forward]:
    import sc_neurocore.training as training

    cell = getattr(training, request["cell"])
    options = {"cell": cell, "backend": request["backend"]}
    if request["net"] == "ff":
        net = training.SpikingNet(784, request["width"], 10, n_layers=2, **options)
    else:
        net = training.ConvSpikingNet(**options)
    return net, lambda net, x: net(x, steps=request["steps"]).spike_counts


def make_snntorch(request: dict) -> tuple[nn.Module, Forward]:
    import snntorch

    net = nn.ModuleList(
        layers(
            request,
            lambda: snntorch.Leaky(beta=BETA, spike_grad=snntorch.surrogate.atan(alpha=2.0)),
        )
    )

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        states = [m.init_leaky() if isinstance(m, snntorch.Leaky) else None for m in net]  # type: ignore[attr-defined]
        counts = 0
        for _ in range(request["steps"]):
            hidden = x
            for index, module in enumerate(net):
                if states[index] is None:
                    hidden = module(hidden)
                else:
                    hidden, states[index] = module(hidden, states[index])
            counts = counts + hidden
        return counts

    return net, forward


def make_spikingjelly(request: dict) -> tuple[nn.Module, Forward]:
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    net = nn.Sequential(
        *layers(
            request,
            lambda: neuron.LIFNode(
                tau=1 / (1 - BETA),
                decay_input=False,
                v_reset=None,
                detach_reset=True,
                surrogate_function=surrogate.ATan(alpha=2.0),
                step_mode="m",
                backend=request.get("backend", "torch"),
            ),
            layer.SeqToANNContainer,
        )
    )

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        functional.reset_net(net)
        return net(x.expand(request["steps"], *x.shape)).sum(0)

    return net, forward


def make_norse(request: dict) -> tuple[nn.Module, Forward]:
    from norse.torch import LIFBoxCell, SequentialState
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.functional.reset import reset_subtract

    # Norse has no arctangent; its own default pulse costs about the same.
    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor(1000 * (1 - BETA)), reset_method=reset_subtract
    )
    net = SequentialState(*layers(request, lambda: LIFBoxCell(parameters)))

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        state, counts = None, 0
        for _ in range(request["steps"]):
            spikes, state = net(x, state)
            counts = counts + spikes
        return counts

    return net, forward


MAKERS = {
    "sc-neurocore": make_ours,
    "snntorch": make_snntorch,
    "spikingjelly": make_spikingjelly,
    "norse": make_norse,
}


def measure(request: dict) -> dict:
    device = request["device"]
    torch.set_num_threads(request["threads"])
    torch.manual_seed(0)
    imports = _peak(device)
    net, forward = MAKERS[request["framework"]](request)
    net.to(device)
    shape = (784,) if request["net"] == "ff" else (1, 28, 28)
    x = torch.rand(request["batch"], *shape).to(device)
    y = torch.randint(10, (request["batch"],)).to(device)
    optimiser = torch.optim.Adam(net.parameters())
    autocast = torch.autocast(device, torch.bfloat16, enabled=request["precision"] == "bfloat16")

    def step() -> None:
        optimiser.zero_grad()
        with autocast:
            counts = forward(net, x)
        nn.functional.cross_entropy(counts.float(), y).backward()
        optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()

    began = time.perf_counter()
    step()
    first = time.perf_counter() - began
    step()
    times = []
    while len(times) < request["repeats"]:
        began = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - began))
    return {
        "ms": statistics.median(times),
        "fastest_ms": min(times),
        "first_step_s": first,
        "peak_mb": _peak(device),
        "peak_after_imports_mb": imports,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "version": version(request["framework"]),
        "torch": torch.__version__,
    }


def _peak(device: str) -> float:
    """Return the most memory so far in MB: of the process, or of its tensors on a GPU."""
    if device == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
