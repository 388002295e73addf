"""Cells, layers and networks that are made, changed or called the wrong way.

Each has a message of our own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.training.mistakes import WARNINGS, Call, check_answer, net, x
from torch import nn

from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.equation.surrogate import Surrogate
from sc_neurocore.equation.syntax import parse_expression
from sc_neurocore.training import (
    Cell,
    ConvSpikingNet,
    DelayLinear,
    LIFCell,
    Normalize,
    RecurrentConvCell,
    RecurrentLIFCell,
    Residual,
    SpikingNet,
    SpikingSequential,
)
from sc_neurocore.training.surrogate import atan_surrogate

pytestmark = WARNINGS


def wrong_alpha() -> Surrogate:
    return Surrogate("mine", parse_expression("1/(1+beta*abs(x))"), 2.0, "", "")


def double_back() -> None:
    """A gradient of a gradient."""
    wanted = x.clone().requires_grad_()
    total = net(backend="numba")(wanted, steps=3).membrane.sum()
    (gradient,) = torch.autograd.grad(total, wanted, create_graph=True)
    gradient.sum().backward()


def cyc() -> Any:
    made = net()
    made.layers.append(nn.Linear(3, 3))
    return made(x, steps=3)


def emptied() -> Any:
    made = net()
    made.layers = nn.ModuleList([])
    return made(x, steps=3)


def deleted() -> Any:
    made = net()
    del made.layers[-1]
    return made(x, steps=3)


CALLS: dict[str, Call] = {
    "class for layer": lambda: SpikingSequential(nn.Linear, LIFCell()),
    "cell class last": lambda: SpikingSequential(nn.Linear(6, 3), LIFCell),
    "lstm": lambda: SpikingSequential(nn.LSTM(6, 5), LIFCell()),
    "lazy call": lambda: SpikingSequential(
        nn.LazyLinear(5), LIFCell(), nn.LazyLinear(3), LIFCell()
    )(x, steps=3),
    "surrogate clash": lambda: (
        net(surrogate=wrong_alpha())(x * 3, steps=3).spike_counts.sum().backward()
    ),
    "surrogate unknown name eager": lambda: (
        net(surrogate=wrong_alpha(), backend="eager")(x * 3, steps=3).spike_counts.sum().backward()
    ),
    "jit trace": lambda: torch.jit.trace(net(), (x, torch.tensor(3))),
    "jit script": lambda: torch.jit.script(net()),
    "jit script cell": lambda: torch.jit.script(LIFCell()),
    "double backward": double_back,
    "spike_grad": lambda: LIFCell(spike_grad=atan_surrogate),
    "no steps": lambda: net()(x),
    "conv one channel": lambda: ConvSpikingNet((28, 28)),
    "delay steps": lambda: DelayLinear(6, 3, 2)(x),
    "delay float": lambda: DelayLinear(6, 3, "2"),
    "state from other": lambda: LIFCell()(x, LIFCell()(torch.rand(3, 6))[1]),
    "trace fused": lambda: torch.jit.trace(net(), (x, torch.tensor(3))),
    "script": lambda: torch.jit.script(net()),
    "Surrogate str derivative": lambda: Surrogate("m", "1/x", 2.0, "", ""),
    "steps bool": lambda: net()(x, steps=True),
    "steps array": lambda: net()(x, steps=np.array([3])),
    "x requires int": lambda: net()(torch.ones(4, 6).int(), steps=3),
    "x list": lambda: net()([[0.1] * 6], steps=3),
    "x 1d": lambda: net()(torch.rand(6), steps=3),
    "lengths list": lambda: net()(torch.rand(3, 4, 6), lengths=[1, 2, 3, 3]),
    "lengths too long": lambda: net()(torch.rand(3, 4, 6), lengths=torch.tensor([1, 2, 3, 9])),
    "unroll state dict": lambda: net().unroll(x, {"v": x}, 3),
    "unroll record int": lambda: net().unroll(x, None, 3, None, 5),
    "net steps None static 2d": lambda: net()(x),
    "mixed positional": lambda: net()(x, x),
    "recurrent width": lambda: SpikingSequential(nn.Linear(6, 5), RecurrentLIFCell(4))(x, steps=3),
    "channels mismatch": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(channels=4, learn="beta")
    )(x, steps=3),
    "SpikingNet cell instance recurrent": lambda: SpikingNet(6, 5, 3, cell=RecurrentLIFCell(5))(
        x, steps=3
    ),
    "SpikingNet beta per layer list": lambda: SpikingNet(6, 5, 3, beta=[0.5, 0.9])(x, steps=3),
    "n_layers list hidden": lambda: SpikingNet(6, [5, 5], 3),
    "neuron str": lambda: SpikingNet(6, 5, 3, cell="LIF"),
    "surrogate alpha kw": lambda: SpikingNet(6, 5, 3, alpha=2.0),
    "tau": lambda: LIFCell(tau=20.0),
    "threshold 0": lambda: LIFCell(threshold=0),
    "init_hidden": lambda: LIFCell(init_hidden=True),
    "reset_mechanism": lambda: LIFCell(reset_mechanism="zero"),
    "v_threshold": lambda: LIFCell(v_threshold=1.0),
    "positional beta": lambda: LIFCell(0.9),
    "cell int tensor": lambda: LIFCell()(x.int()),
    "state tuple wrong": lambda: LIFCell()(x, (x,)),
    "record list none": lambda: LIFCell().unroll(x, steps=3, record=None),
    "linear appended": cyc,
    "layers emptied": emptied,
    "last deleted": deleted,
    "unflatten": lambda: SpikingSequential(nn.Linear(6, 4), nn.Unflatten(1, (2, 3)), LIFCell())(
        x, steps=2
    ),
    "conv to linear without flatten": lambda: SpikingSequential(
        nn.Conv2d(1, 2, 3), LIFCell(), nn.Linear(8, 3), LIFCell()
    )(torch.rand(2, 1, 4, 4), steps=2),
    "conv kernel too big": lambda: SpikingSequential(nn.Conv2d(1, 2, 5), LIFCell())(
        torch.rand(2, 1, 4, 4), steps=2
    ),
    "avgpool on vectors": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), nn.AvgPool2d(2), nn.Linear(2, 3), LIFCell()
    )(x, steps=2),
    "maxpool indices": lambda: SpikingSequential(
        nn.Conv2d(1, 2, 3),
        LIFCell(),
        nn.MaxPool2d(2, return_indices=True),
        nn.Flatten(),
        nn.Linear(2, 3),
        LIFCell(),
    )(torch.rand(2, 1, 4, 4), steps=2),
    "embedding": lambda: SpikingSequential(nn.Embedding(10, 5), LIFCell())(x, steps=2),
    "embedding behind": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), nn.Embedding(10, 5), LIFCell()
    )(x, steps=2),
    "softmax last": lambda: SpikingSequential(nn.Linear(6, 3), LIFCell(), nn.Softmax(dim=1)),
    "bilinear": lambda: SpikingSequential(nn.Bilinear(6, 6, 3), LIFCell())(x, steps=2),
    "groupnorm wrong": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), nn.GroupNorm(2, 4), LIFCell()
    )(x, steps=2),
    "layernorm wrong": lambda: SpikingSequential(nn.Linear(6, 5), nn.LayerNorm(7), LIFCell())(
        x, steps=2
    ),
    "neuron no state": lambda: Cell(parse_neuron("neuron X\nupdate v = I\nspike v >= 1")),
    "neuron reset tuple": lambda: LIFCell(reset=("v", 0)),
    "two membranes": lambda: SpikingNet(
        6,
        5,
        3,
        cell=parse_neuron(
            "neuron X\nstate a = 0\nstate b = 0\nupdate a = a + I\nupdate b = b + a\nspike b >= 1"
        ),
        backend="eager",
    )(x, steps=3),
    "delay range": lambda: DelayLinear(6, 3, 2, delays=5),
    "delay state": lambda: DelayLinear(6, 3, 2).unroll(torch.rand(4, 2, 6), x),
    "delay setting": lambda: DelayLinear(6, 3, 2).load_state_dict(
        DelayLinear(6, 3, 3).state_dict()
    ),
    "param as state": lambda: LIFCell().unroll(x, state=0, steps=3),
    "steps negative": lambda: net()(x, steps=-3),
    "steps huge str": lambda: LIFCell().unroll(x, steps="ten"),
    "seq and steps": lambda: SpikingSequential(nn.Conv2d(1, 2, 3), LIFCell())(
        torch.rand(3, 2, 1, 4, 4), steps=3
    ),
    "image without channel": lambda: ConvSpikingNet((1, 12, 12), (2,), 4, 2, 3)(
        torch.rand(2, 12, 12), steps=2
    ),
    "conv channels last": lambda: ConvSpikingNet((1, 12, 12), (2,), 4, 2, 3)(
        torch.rand(2, 12, 12, 1), steps=2
    ),
    "conv channels none": lambda: ConvSpikingNet((1, 12, 12), None),
    "conv kernel tuple": lambda: ConvSpikingNet((1, 12, 12), (2,), 4, 2, (3, 3)),
    "spikingnet none out": lambda: SpikingNet(6, 5, None),
    "spikingnet two args": lambda: SpikingNet(6, 5.0, 3),
    "spikingnet max_delay": lambda: SpikingNet(6, 5, 3, max_delay=1.5),
    "spikingnet max_delay neg": lambda: SpikingNet(6, 5, 3, max_delay=-1),
    "per_channel str": lambda: SpikingNet(6, 5, 3, per_channel="yes"),
    "bias str": lambda: SpikingNet(6, 5, 3, bias="no"),
    "cell module": lambda: SpikingNet(6, 5, 3, cell=nn.ReLU),
    "learn typo": lambda: SpikingNet(6, 5, 3, learn=("betta",)),
    "backend cuda": lambda: SpikingNet(6, 5, 3, backend="cuda"),
    "surrogate lambda": lambda: LIFCell(surrogate=lambda v: v),
    "surrogate list": lambda: LIFCell(surrogate=["atan_surrogate"]),
    "set surrogate none": lambda: setattr(LIFCell(), "surrogate", None),
    "set backend tpu": lambda: setattr(LIFCell(), "backend", "tpu"),
    "set axis": lambda: setattr(LIFCell(), "channel_axis", 1),
    "set beta str": lambda: setattr(LIFCell(), "beta", "0.5"),
    "set threshold nan": lambda: setattr(LIFCell(), "threshold", float("nan")),
    "set threshold matrix": lambda: setattr(LIFCell(), "threshold", np.ones((2, 2))),
    "del neuron": lambda: setattr(LIFCell(), "neuron", None),
    "cpu meta": lambda: net()(x.to("meta"), steps=3),
    "double vs float": lambda: net()(x.double(), steps=3),
    "requires lengths batch": lambda: net()(torch.rand(3, 4, 6), lengths=torch.tensor([1, 2])),
    "lengths float": lambda: net()(torch.rand(3, 4, 6), lengths=torch.rand(4)),
    "unroll state int": lambda: net().unroll(x, 3, 3),
    "unroll state of cell": lambda: net().unroll(x, LIFCell()(x)[1], 3),
    "unroll state wrong entries": lambda: net().unroll(x, [x] * 4, 3),
    "pooled 3d": lambda: LIFCell().pooled(torch.rand(2, 3, 4), steps=2),
    "readout int": lambda: LIFCell().readout(3),
    "recurrent kw": lambda: RecurrentLIFCell(5, weight=torch.eye(5)),
    "recurrent set": lambda: RecurrentLIFCell(5).set_weight(np.eye(5)),
    "residual class": lambda: Residual(nn.Linear),
    "residual empty": lambda: Residual(),
    "residual list": lambda: Residual([nn.Linear(6, 6), LIFCell()]),
    "residual how": lambda: Residual(nn.Linear(6, 6), LIFCell(), how="or"),
    "residual alone": lambda: Residual(nn.Linear(6, 6), LIFCell())(x),
    "residual last": lambda: SpikingSequential(nn.Linear(6, 6), LIFCell(), Residual(LIFCell())),
    "residual shapes": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), Residual(nn.Linear(5, 4), LIFCell()), LIFCell()
    )(x, steps=2),
    "residual shortcut class": lambda: Residual(nn.Linear(6, 6), shortcut=nn.Identity),
    "residual with lstm": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), Residual(nn.LSTM(5, 5), LIFCell()), LIFCell()
    ),
    "normalize zero": lambda: Normalize(0.5, 0.0),
    "normalize str": lambda: Normalize("mean"),
    "normalize channels": lambda: SpikingSequential(
        Normalize([0.5, 0.5]), nn.Linear(6, 3), LIFCell()
    )(x, steps=2),
    "normalize matrix": lambda: Normalize([[0.5]]),
    "recurrent conv even": lambda: RecurrentConvCell(LIF, 3, 2),
    "recurrent conv no neuron": lambda: RecurrentConvCell(3, 3),
    "recurrent conv on vectors": lambda: SpikingSequential(
        nn.Linear(6, 3), RecurrentConvCell(LIF, 3)
    )(x, steps=2),
    "recurrent conv in SpikingNet": lambda: SpikingNet(6, 5, 3, cell=RecurrentConvCell),
    "recurrent conv numba": lambda: RecurrentConvCell(LIF, 3, backend="numba"),
    "recurrent conv weight": lambda: RecurrentConvCell(LIF, 3).set_weight(torch.zeros(3, 3)),
    "soften": lambda: DelayLinear(6, 3, 2).soften("gaussian", -1.0),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_in_our_own_words(name: str) -> None:
    check_answer(CALLS[name])
