"""Measure one network in one framework on PyTorch; runs in a process of its own.

Reads a request as JSON from the command line, prints the result as JSON. Imports nothing of this
project unless it is asked to measure it, so that any interpreter with a peer can run it. What runs
on JAX has `_speed_worker_jax.py`.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable
from importlib.metadata import version

from _timed import timed

if __name__ == "__main__" and json.loads(sys.argv[1])["framework"] == "sc-neurocore":
    import sc_neurocore  # noqa: F401  before torch: it says how long waiting threads spin

import torch
from torch import Tensor, nn

BETA = 0.9

Forward = Callable[[nn.Module, Tensor], Tensor]
"""Spike counts of a static input."""


def layers(
    request: dict,
    cell: Callable[[], nn.Module],
    wrap=lambda layer: layer,
    recurrent: Callable[[int], nn.Module] | None = None,
) -> list:
    """Return the layers of a network with a framework's own cells."""
    if request["net"] != "conv":
        width = request["width"]
        hidden = cell if recurrent is None else lambda: recurrent(width)
        return [
            wrap(nn.Linear(784, width)), hidden(), wrap(nn.Linear(width, width)), hidden(),
            wrap(nn.Linear(width, 10)), cell(),
        ]  # fmt: skip
    return [
        wrap(nn.Conv2d(1, 32, 5)), cell(), wrap(nn.AvgPool2d(2)),
        wrap(nn.Conv2d(32, 64, 5)), cell(), wrap(nn.AvgPool2d(2)),
        wrap(nn.Flatten()), wrap(nn.Linear(1024, 128)), cell(), wrap(nn.Linear(128, 10)), cell(),
    ]  # fmt: skip


def make_ours(request: dict) -> tuple[nn.Module, Forward]:
    import sc_neurocore.training as training

    cell = getattr(training, request["cell"])
    options = {"cell": cell, "backend": request["backend"]}
    if request["net"] == "recurrent":
        modules = layers(
            request,
            lambda: training.LIFCell(backend=request["backend"]),
            recurrent=lambda width: cell(width, backend=request["backend"]),
        )
        net = training.SpikingSequential(*modules)
    elif request["net"] == "ff":
        net = training.SpikingNet(784, request["width"], 10, n_layers=2, **options)
    else:
        net = training.ConvSpikingNet(**options)
    return net, lambda net, x: net(x, steps=request["steps"]).spike_counts


def make_snntorch(request: dict) -> tuple[nn.Module, Forward]:
    import snntorch

    options = {"beta": BETA, "spike_grad": snntorch.surrogate.atan(alpha=2.0)}
    recurrent = None
    if request["net"] == "recurrent":

        def recurrent(width: int) -> nn.Module:
            return snntorch.RLeaky(linear_features=width, **options)

    net = nn.ModuleList(layers(request, lambda: snntorch.Leaky(**options), recurrent=recurrent))

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        states: list = []
        for module in net:  # type: ignore[attr-defined]
            if isinstance(module, snntorch.RLeaky):
                states.append(module.init_rleaky())
            elif isinstance(module, snntorch.Leaky):
                states.append((module.init_leaky(),))
            else:
                states.append(None)
        counts = 0
        for _ in range(request["steps"]):
            hidden = x
            for index, module in enumerate(net):  # type: ignore[arg-type]
                if states[index] is None:
                    hidden = module(hidden)
                elif len(states[index]) == 1:
                    hidden, state = module(hidden, *states[index])
                    states[index] = (state,)
                else:
                    hidden, state = module(hidden, *states[index])
                    states[index] = (hidden, state)
            counts = counts + hidden
        return counts

    return net, forward


def make_spikingjelly(request: dict) -> tuple[nn.Module, Forward]:
    from spikingjelly.activation_based import functional, layer, neuron, surrogate

    kernels = {"backend": request["backend"]} if "backend" in request else {}  # older versions

    def cell(step_mode: str = "m") -> nn.Module:
        return neuron.LIFNode(
            tau=1 / (1 - BETA),
            decay_input=False,
            v_reset=None,
            detach_reset=True,
            surrogate_function=surrogate.ATan(alpha=2.0),
            step_mode=step_mode,
            **(kernels if step_mode == "m" else {}),
        )

    recurrent = None
    if request["net"] == "recurrent":

        def recurrent(width: int) -> nn.Module:
            return layer.LinearRecurrentContainer(cell("s"), width, width, step_mode="m")

    net = nn.Sequential(*layers(request, cell, layer.SeqToANNContainer, recurrent))

    def forward(net: nn.Module, x: Tensor) -> Tensor:
        functional.reset_net(net)
        return net(x.expand(request["steps"], *x.shape)).sum(0)

    return net, forward


def make_norse(request: dict) -> tuple[nn.Module, Forward]:
    from norse.torch import LIFBoxCell, LIFRecurrentCell, SequentialState
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.functional.reset import reset_subtract

    # Norse has no arctangent; its own default pulse costs about the same. Its recurrent cell has
    # weights of its own in front, so it takes the place of the layer there, too.
    parameters = LIFBoxParameters(
        tau_mem_inv=torch.tensor(1000 * (1 - BETA)), reset_method=reset_subtract
    )

    def cell() -> nn.Module:
        return LIFBoxCell(parameters)

    if request["net"] == "recurrent":
        width = request["width"]
        hidden = LIFRecurrentCell(784, width), LIFRecurrentCell(width, width)
        net = SequentialState(*hidden, nn.Linear(width, 10), cell())
    else:
        net = SequentialState(*layers(request, cell))

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
    if request.get("backend") == "compiled":
        forward = torch.compile(forward)
    shape = (1, 28, 28) if request["net"] == "conv" else (784,)
    x = torch.rand(request["batch"], *shape).to(device)
    y = torch.randint(10, (request["batch"],)).to(device)
    optimiser = torch.optim.Adam(net.parameters())
    autocast = torch.autocast(device, torch.bfloat16, enabled=request["precision"] == "bfloat16")

    def infer() -> None:
        with torch.no_grad(), autocast:
            forward(net, x)
        if device == "cuda":
            torch.cuda.synchronize()

    def train() -> None:
        optimiser.zero_grad()
        with autocast:
            counts = forward(net, x)
        nn.functional.cross_entropy(counts.float(), y).backward()
        optimiser.step()
        if device == "cuda":
            torch.cuda.synchronize()

    step = infer if request["section"] == "inference" else train
    if step is infer:
        net.eval()
    return {
        **timed(step, request["repeats"]),
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
