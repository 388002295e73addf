"""Calls that people get wrong, and that each have a message of our own.

The lists were written one after the other: every one when the one before it had no foreign error
left. What Python says itself of a missing argument, and PyTorch of sizes in a state dict, stays.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sc_neurocore.data import Dataset, hold_out, load_split, split
from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.equation.surrogate import Surrogate
from sc_neurocore.equation.syntax import parse_expression
from sc_neurocore.errors import ScNeurocoreError
from sc_neurocore.kernels.workload import measure_workload
from sc_neurocore.network import InputEncoding
from sc_neurocore.stochastic import make_sources
from sc_neurocore.training import (
    Cell,
    ConvSpikingNet,
    CrossEntropy,
    DelayLinear,
    LIFCell,
    Normalize,
    RateError,
    RatePenalty,
    Readout,
    RecurrentConvCell,
    RecurrentLIFCell,
    Residual,
    RunOptions,
    Sharpening,
    SpectralDistortion,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    activity_report,
    delta_decode,
    delta_encode,
    evaluate,
    fit,
    latency_encode,
    membrane_loss,
    rate_encode,
    record,
    run_sweep,
    seeded,
    spike_count_loss,
    spike_l1_loss,
    spike_rate_loss,
    train,
    train_epoch,
    train_run,
)
from sc_neurocore.training.augmentation import Distortion
from sc_neurocore.training.integer_aware import integer_aware
from sc_neurocore.training.sc_aware import stream_aware
from sc_neurocore.training.start import Start
from sc_neurocore.training.surrogate import atan_surrogate

pytestmark = [
    pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning"),
    # What PyTorch warns of on the way to the error.
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]
OPT = TrainingOptions(epochs=1, batch_size=6, steps=3)
x = torch.rand(4, 6, generator=torch.Generator().manual_seed(0))
y = torch.arange(4) % 3
enc = InputEncoding(shape=(6,), bits=4, fraction_bits=4)


def ds(**changes: Any) -> Dataset:
    inputs = np.random.default_rng(0).integers(0, 16, (12, 6)).astype(np.uint8)
    values: dict[str, Any] = {"name": "d", "inputs": inputs, "labels": np.arange(12) % 3}
    return Dataset(**{**values, "n_classes": 3, "input_bits": 4, "fraction_bits": 4, **changes})


def net(**options: Any) -> Any:
    return SpikingNet(6, 5, 3, **options)


def frozen() -> Any:
    made = net()
    for parameter in made.parameters():
        parameter.requires_grad_(False)
    return made


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


def setbuf() -> None:
    LIFCell().beta = None


def setlearn() -> None:
    LIFCell(learn_beta=True).beta = 1.5


def setchan() -> None:
    LIFCell(channels=3, learn="beta").beta = [0.1, 0.2]


def fresh() -> str:
    return f"{tempfile.mkdtemp()}/run"


def spoilt(value: float) -> Any:
    made = net()
    made.layers[0].weight.data.fill_(value)
    return made


def needy(answer: Any, targets: Any) -> Any:
    return answer.membrane.mean()


needy.needs = ("u",)  # type: ignore[attr-defined]


class Same:
    """Batches of which nobody knows how many there are."""

    def __iter__(self) -> Any:
        return iter([(x, y)])


class Own(nn.Module):
    """A network of one's own that goes on from no state."""

    def __init__(self) -> None:
        super().__init__()
        self.net = net()

    def forward(self, x: Any, steps: Any = None) -> Any:
        return self.net(x, steps=steps)


class Shift(nn.Module):
    """A layer of one's own that works over time, and cannot be run in parts."""

    over_time = True

    def forward(self, x: Any, steps: Any = None) -> Any:
        return x if steps is None else x.expand(steps, *x.shape)


Call = Callable[[], Any]

FIRST: dict[str, Call] = {
    "class for layer": lambda: SpikingSequential(nn.Linear, LIFCell()),
    "cell class last": lambda: SpikingSequential(nn.Linear(6, 3), LIFCell),
    "outputs fewer": lambda: fit(SpikingNet(6, 5, 2), ds(), options=OPT),
    "frozen": lambda: fit(frozen(), ds(), options=OPT),
    "bn last one": lambda: fit(
        SpikingSequential(
            nn.Linear(6, 5), nn.BatchNorm1d(5), LIFCell(), nn.Linear(5, 3), LIFCell()
        ),
        ds().take(np.arange(7)),
        options=OPT,
    ),
    "lstm": lambda: SpikingSequential(nn.LSTM(6, 5), LIFCell()),
    "float seed": lambda: TrainingOptions(seed=0.5),
    "lazy": lambda: fit(
        SpikingSequential(nn.LazyLinear(5), LIFCell(), nn.LazyLinear(3), LIFCell()),
        ds(),
        options=OPT,
    ),
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
    "evaluate steps 0": lambda: evaluate(net(), ds(), 0),
    "evaluate str": lambda: evaluate(net(), "digits", 3),
    "fit dict options": lambda: fit(net(), ds(), options={"epochs": 1}),
    "fit swapped": lambda: fit(ds(), net(), options=OPT),
    "fit options as validation": lambda: fit(net(), ds(), OPT),
    "checkpoint file": lambda: fit(
        net(), ds(), options=OPT, checkpoint=Path(tempfile.mkstemp()[1])
    ),
    "progress not callable": lambda: fit(net(), ds(), options=OPT, progress=True),
    "epochs str": lambda: TrainingOptions(epochs="3"),
    "batch float": lambda: TrainingOptions(batch_size=32.0),
    "lr str": lambda: TrainingOptions(learning_rate="1e-3"),
    "optimiser upper": lambda: TrainingOptions(optimiser="Adam"),
    "optimiser class": lambda: TrainingOptions(optimiser=torch.optim.Adam),
    "schedule obj": lambda: TrainingOptions(schedule=torch.optim.lr_scheduler.StepLR),
    "augment str": lambda: TrainingOptions(augment="rotate"),
    "augment returns other": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, augment=lambda f, g: None)
    ),
    "augment one arg": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, augment=lambda f: f)
    ),
    "augment other shape": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, augment=lambda f, g: f[:, :3])
    ),
    "encoder fn": lambda: TrainingOptions(encoder=rate_encode),
    "readout typo evaluate": lambda: evaluate(net(), ds(), 3, readout="count"),
    "loss int steps": lambda: spike_count_loss(torch.rand(4, 3), y, 0),
    "loss labels float": lambda: spike_count_loss(torch.rand(4, 3), y.float(), 5),
    "loss labels out": lambda: spike_count_loss(torch.rand(4, 3), y + 5, 5),
    "loss one-hot": lambda: spike_count_loss(torch.rand(4, 3), torch.eye(3)[y].long(), 5),
    "loss list": lambda: spike_count_loss([[1.0, 2.0]], [0], 5),
    "to_description none": lambda: net().to_description("a", (6,), 5),
    "to_description wrong shape": lambda: net().to_description(
        "a", InputEncoding(shape=(7,), bits=4, fraction_bits=4), 5
    ),
    "to_description name": lambda: net().to_description("my net!", enc, 5),
    "to_description steps float": lambda: net().to_description("a", enc, 2.5),
    "from_description path": lambda: SpikingSequential.from_description("models/digits"),
    "conv one channel": lambda: ConvSpikingNet((28, 28)),
    "delay steps": lambda: DelayLinear(6, 3, 2)(x),
    "delay float": lambda: DelayLinear(6, 3, "2"),
    "record unknown": lambda: record(net(), states=("u",)).__enter__(),
    "activity no steps": lambda: activity_report(net(), ds()),
    "split float": lambda: split(ds(), 0.5),
    "state from other": lambda: LIFCell()(x, LIFCell()(torch.rand(3, 6))[1]),
    "dataset list": lambda: Dataset("d", [[1, 2]], [0], 1, 4, 4),
    "dataset float": lambda: Dataset("d", np.random.rand(3, 2), np.zeros(3, int), 1, 4, 4),
    "dataset neg": lambda: Dataset("d", -np.ones((3, 2), int), np.zeros(3, int), 1, 4, 4),
    "dataset labels -100": lambda: Dataset(
        "d", np.ones((3, 2), np.uint8), np.array([0, -100, 0]), 1, 4, 4
    ),
    "dataset tensor": lambda: Dataset("d", torch.ones(3, 2).byte(), np.zeros(3, int), 1, 4, 4),
    "dataset bits str": lambda: Dataset(
        "d", np.ones((3, 2), np.uint8), np.zeros(3, int), 1, "4", 4
    ),
    "dataset kind": lambda: Dataset(
        "d", np.ones((3, 2), np.uint8), np.zeros(3, int), 1, 4, 4, kind="event"
    ),
}

SECOND: dict[str, Call] = {
    "trace fused": lambda: torch.jit.trace(net(), (x, torch.tensor(3))),
    "script": lambda: torch.jit.script(net()),
    "double backward": double_back,
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
    "rate_encode out of range": lambda: rate_encode(x * 3, 5, 0),
    "rate_encode no gen": lambda: rate_encode(x, 5, None),
    "rate_encode np": lambda: rate_encode(x.numpy(), 5, 0),
    "latency steps str": lambda: latency_encode(x, "5"),
    "delta threshold neg": lambda: delta_encode(torch.rand(3, 2, 2), -1),
    "delta list": lambda: delta_encode([[1.0]], 0.1),
    "activity net None": lambda: activity_report(None, x, 3),
    "activity np": lambda: activity_report(net(), x.numpy(), 3),
    "activity batch 0": lambda: activity_report(net(), x, 3, batch_size=0),
    "record twice layers str": lambda: record(net(), layers="layers.9").__enter__(),
    "record not net": lambda: record(3).__enter__(),
    "distortion shape": lambda: Distortion((28, 28), rotation="x"),
    "distortion 6": lambda: fit(
        net(),
        ds(),
        options=TrainingOptions(epochs=1, steps=3, augment=Distortion((28, 28), shift=1)),
    ),
    "RunOptions neuron": lambda: train_run("digits", Path(fresh()), RunOptions(neuron="LIFF")),
    "train_run dataset obj": lambda: train_run(ds(), Path(fresh())),
    "RunOptions hidden 0": lambda: train_run("digits", Path(fresh()), RunOptions(n_hidden=0)),
    "RunOptions dropout str": lambda: RunOptions(dropout="x"),
    "RunOptions training dict": lambda: RunOptions(training={"epochs": 1}),
    "RunOptions device": lambda: train_run("digits", Path(fresh()), RunOptions(device="gpu")),
    "RunOptions channels int": lambda: train_run(
        "digits", Path(fresh()), RunOptions(net="conv", channels=8)
    ),
    "train dataset": lambda: train(ds()),
    "evaluate net class": lambda: evaluate(SpikingNet, ds(), 3),
    "evaluate description": lambda: evaluate(net().to_description("a", enc, 3), ds(), 3),
    "evaluate batch_size 0": lambda: evaluate(net(), ds(), 3, batch_size=0),
    "evaluate seed float": lambda: evaluate(net(), ds(), 3, seed=0.5),
    "evaluate encoder": lambda: evaluate(net(), ds(), 3, encoder="x"),
    "fit wrong width": lambda: fit(SpikingNet(7, 5, 3), ds(), options=OPT),
    "fit validation other width": lambda: fit(
        net(), ds(), ds(inputs=np.ones((12, 7), np.uint8)), OPT
    ),
    "fit checkpoint_seconds": lambda: fit(net(), ds(), options=OPT, checkpoint_seconds="1"),
    "fit sequential torch": lambda: fit(nn.Sequential(nn.Linear(6, 3)), ds(), options=OPT),
    "train_epoch optimiser name": lambda: train_epoch(net(), ds(), "adam", OPT),
    "train_epoch optimiser none": lambda: train_epoch(net(), ds(), None, OPT),
    "seeded str": lambda: seeded("x").__enter__(),
    "seeded float": lambda: seeded(0.5).__enter__(),
    "to_sc_weights enc": lambda: net().to_sc_weights("signed"),
    "spike_l1 2d": lambda: spike_l1_loss(x),
    "spike_l1 int": lambda: spike_l1_loss(torch.ones(2, 3, 4).int()),
    "spike_l1 np": lambda: spike_l1_loss(np.ones((2, 3, 4))),
    "membrane_loss steps str": lambda: membrane_loss(torch.rand(4, 3), y, "5"),
    "spike_rate rates": lambda: spike_rate_loss(torch.rand(4, 3), y, 5, "high"),
    "dataset take str": lambda: ds().take("a"),
    "dataset take out": lambda: ds().take(np.array([99])),
    "dataset shaped": lambda: ds().shaped((5,)),
    "split too small": lambda: split(ds(), 0, 0.01),
    "split str seed": lambda: split(ds(), "a"),
    "load_split name": lambda: load_split("mnst"),
}

THIRD: dict[str, Call] = {
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
    "export relu": lambda: SpikingSequential(nn.Linear(6, 5), nn.ReLU(), LIFCell()).to_description(
        "a", enc, 3
    ),
    "export bn first": lambda: SpikingSequential(
        nn.BatchNorm1d(6), LIFCell(), nn.Linear(6, 5), LIFCell()
    ).to_description("a", enc, 3),
    "export lazy": lambda: SpikingSequential(nn.LazyLinear(5), LIFCell()).to_description(
        "a", enc, 3
    ),
    "export nan": lambda: spoilt(float("nan")).to_description("a", enc, 3),
    "export readout": lambda: net().to_description("a", enc, 3, readout="votes"),
    "export metadata obj": lambda: net().to_description("a", enc, 3, metadata={"x": object()}),
    "export steps none": lambda: net().to_description("a", enc, None),
    "sc weights inf": lambda: spoilt(float("inf")).to_sc_weights(),
    "from_description option": lambda: SpikingSequential.from_description(
        net().to_description("a", enc, 3), tau=3
    ),
    "from_description dtype": lambda: SpikingSequential.from_description(
        net().to_description("a", enc, 3), "float64"
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
    "fit two nets": lambda: fit([net(), net()], ds(), options=OPT),
    "fit none data": lambda: fit(net(), None, options=OPT),
    "fit generator": lambda: fit(
        net(), ((x, y) for _ in range(2)), options=TrainingOptions(epochs=2, steps=3)
    ),
    "fit ints": lambda: fit(net(), range(4), options=OPT),
    "fit loader strings": lambda: fit(net(), DataLoader(["a", "b"]), options=OPT),
    "fit complex": lambda: fit(net(), [(x + 0j, y)], options=OPT),
    "fit labels none": lambda: fit(net(), [(x, None)], options=OPT),
    "fit labels text": lambda: fit(net(), [(x, ["a"] * 4)], options=OPT),
    "fit ragged": lambda: fit(net(), [([[1.0] * 6, [1.0] * 5], [0, 1])], options=OPT),
    "fit loss returns vector": lambda: fit(net(), ds(), options=OPT, loss=lambda a, t: a.membrane),
    "fit loss returns float": lambda: fit(net(), ds(), options=OPT, loss=lambda a, t: 0.5),
    "fit loss detached": lambda: fit(
        net(), ds(), options=OPT, loss=lambda a, t: a.membrane.detach().mean()
    ),
    "fit loss one arg": lambda: fit(net(), ds(), options=OPT, loss=lambda a: a.membrane.mean()),
    "fit metric scalar": lambda: fit(
        net(), ds(), options=OPT, metric=lambda a, t: a.membrane.mean()
    ),
    "fit needs unknown": lambda: fit(net(), ds(), options=OPT, loss=needy),
    "fit penalty on nothing": lambda: fit(net(), ds(), options=OPT, penalties=RatePenalty("x")),
    "penalty lower above upper": lambda: fit(
        net(), ds(), options=OPT, penalties=RatePenalty(1.0, lower=0.5, upper=0.1)
    ),
    "fit packed wrong": lambda: fit(net(), TensorDataset(x.byte(), y), options=OPT, packed=6),
    "fit time axis str": lambda: fit(net(), TensorDataset(x, y), options=OPT, time_axis="batch"),
    "fit checkpoint_seconds str": lambda: fit(
        net(), ds(), options=OPT, checkpoint=tempfile.mkdtemp(), checkpoint_seconds="60"
    ),
    "fit threads 0": lambda: TrainingOptions(threads=0),
    "keep worst": lambda: TrainingOptions(keep="worst"),
    "precision half": lambda: TrainingOptions(precision="float16"),
    "lr bool": lambda: TrainingOptions(learning_rate=True),
    "max_norm inf": lambda: TrainingOptions(max_norm=float("inf")),
    "average 1": lambda: TrainingOptions(average=1.5),
    "options positional": lambda: TrainingOptions("10"),
    "evaluate other outputs": lambda: evaluate(SpikingNet(6, 5, 2), ds(), 3),
    "evaluate empty": lambda: evaluate(net(), ds().take(np.arange(0)), 3),
    "evaluate shape": lambda: evaluate(SpikingNet(7, 5, 3), ds(), 3),
    "evaluate metric": lambda: evaluate(net(), ds(), 3, metric=lambda a, t: None),
    "readout population": lambda: evaluate(net(), ds(), 3, readout=Readout("spike-count", 2)),
    "record state typo": lambda: record(LIFCell(), states=("u",)).__enter__(),
    "record join": lambda: record(net(), join="steps").__enter__(),
    "delay range": lambda: DelayLinear(6, 3, 2, delays=5),
    "delay state": lambda: DelayLinear(6, 3, 2).unroll(torch.rand(4, 2, 6), x),
    "delay setting": lambda: DelayLinear(6, 3, 2).load_state_dict(
        DelayLinear(6, 3, 3).state_dict()
    ),
    "dataset 1d": lambda: ds(inputs=np.arange(12).astype(np.uint8)),
    "dataset n_classes float": lambda: ds(n_classes=3.0),
    "dataset object": lambda: ds(inputs=np.array([[None] * 6] * 12)),
    "dataset labels str": lambda: ds(labels=np.array(["a"] * 12)),
    "dataset labels 1-based": lambda: ds(labels=np.arange(12) % 3 + 1),
    "dataset one-hot": lambda: ds(labels=np.eye(3, dtype=int)[np.arange(12) % 3]),
    "dataset groups list": lambda: ds(groups=["a"] * 12),
    "dataset name none": lambda: ds(name=None),
    "seeded none": lambda: seeded(None).__enter__(),
    "hold_out": lambda: hold_out(ds(), ["a"]),
}

FOURTH: dict[str, Call] = {
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
    "set backend triton": lambda: setattr(LIFCell(), "backend", "triton"),
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
    "fit data split": lambda: fit(
        net(), split(load_split("digits").train.take(np.arange(200)), 0), options=OPT
    ),
    "fit net descr": lambda: fit(net().to_description("a", enc, 3), ds(), options=OPT),
    "fit options none lr": lambda: TrainingOptions(learning_rate=None),
    "fit label smoothing str": lambda: TrainingOptions(label_smoothing="0.1"),
    "fit weight decay neg": lambda: TrainingOptions(weight_decay=-1),
    "fit seed none": lambda: TrainingOptions(seed=None),
    "fit seed huge": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=2, seed=2**70)
    ),
    "fit steps none": lambda: TrainingOptions(steps=None),
    "fit encoder none": lambda: TrainingOptions(encoder=None),
    "fit encoder rate on big": lambda: fit(
        net(), TensorDataset(x * 5, y), options=TrainingOptions(epochs=1, steps=2, encoder="rate")
    ),
    "fit encoder latency seq": lambda: fit(
        net(),
        TensorDataset(torch.rand(4, 3, 6), y),
        options=TrainingOptions(epochs=1, encoder="latency"),
        time_axis=1,
    ),
    "fit bf16 net": lambda: fit(
        net(backend="eager").bfloat16(), [(x * float("nan"), y)], options=OPT
    ),
    "fit targets seq": lambda: fit(
        net(), TensorDataset(x, torch.zeros(4, 3, 2).long()), options=OPT
    ),
    "fit prob wrong": lambda: fit(net(), TensorDataset(x, torch.rand(4, 2)), options=OPT),
    "spike-rate soft": lambda: fit(
        net(), TensorDataset(x, torch.rand(4, 3)), options=OPT, loss="spike-rate"
    ),
    "membrane-error ints": lambda: fit(
        net(), TensorDataset(x, y), options=OPT, loss="membrane-error"
    ),
    "weight str": lambda: CrossEntropy(weight="balanced"),
    "weight nested": lambda: CrossEntropy(weight=[[1, 2]]),
    "sharpness str": lambda: fit(net(), ds(), options=OPT, loss=CrossEntropy(sharpness="x")),
    "sharpness neg": lambda: CrossEntropy(sharpness=-1.0),
    "rate error range": lambda: fit(net(), ds(), options=OPT, loss=RateError(correct_rate=2)),
    "metric returns np": lambda: evaluate(net(), ds(), 3, metric=lambda a, t: np.ones(len(t))),
    "metric arity": lambda: evaluate(net(), ds(), 3, metric=lambda a: a),
    "readout class": lambda: evaluate(net(), ds(), 3, readout=Readout),
    "dataset bits 0": lambda: ds(input_bits=0),
    "dataset bits few": lambda: ds(input_bits=2),
    "dataset seq 2d": lambda: ds(kind="sequence"),
    "dataset bool": lambda: ds(labels=np.ones(12, bool)),
    "dataset uint64 labels": lambda: ds(labels=np.full(12, 2**63, np.uint64)),
    "split fraction": lambda: split(ds(), 0, 1.5),
    "load_split option": lambda: load_split("digits", bands=3),
    "activity report dataset width": lambda: activity_report(SpikingNet(7, 5, 3), ds(), 3),
    "record states int": lambda: record(net(), states=3).__enter__(),
    "record layers int": lambda: record(net(), layers=3).__enter__(),
    "rate gen str": lambda: rate_encode(x, 5, "seed"),
    "rate process": lambda: rate_encode(x, 5, 0, "gauss"),
    "latency tau": lambda: latency_encode(x, 5, "logarithmic", tau=-1),
    "latency tau str": lambda: latency_encode(x, 5, "logarithmic", tau="x"),
    "delta nan": lambda: delta_encode(torch.full((3, 2, 2), float("nan")), 0.1),
    "delta thr str": lambda: delta_encode(torch.rand(3, 2, 2), "x"),
    "decode": lambda: delta_decode(torch.rand(3, 2, 2).int(), 0.1),
    "run options surrogate": lambda: train_run(
        "digits", Path(fresh()), RunOptions(surrogate="relu")
    ),
    "run options split": lambda: train_run("digits", Path(fresh()), RunOptions(split="official")),
    "run options frac": lambda: train_run("digits", Path(fresh()), RunOptions(test_fraction=0)),
    "run options frac str": lambda: train_run(
        "digits", Path(fresh()), RunOptions(test_fraction="a")
    ),
    "run options delay": lambda: RunOptions(max_delay=2.5),
    "run options net": lambda: RunOptions(net="rnn"),
    "run options learn int": lambda: train_run("digits", Path(fresh()), RunOptions(learn=3)),
    "run options neuron obj": lambda: train_run("digits", Path(fresh()), RunOptions(neuron=LIF)),
    "run options channels": lambda: train_run(
        "digits", Path(fresh()), RunOptions(net="conv", channels=(0,))
    ),
    "run opts dict": lambda: train_run("digits", Path(fresh()), {"n_hidden": 3}),
}


FIFTH: dict[str, Call] = {
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
    "residual of currents": lambda: SpikingSequential(
        nn.Linear(6, 5), LIFCell(), Residual(nn.Linear(5, 5)), LIFCell()
    ).to_description("a", enc, 3),
    "and-not of counts": lambda: SpikingSequential(
        nn.Linear(6, 5),
        LIFCell(),
        Residual(nn.Linear(5, 5), LIFCell()),
        Residual(nn.Linear(5, 5), LIFCell(), how="and-not"),
        nn.Linear(5, 3),
        LIFCell(),
    ).to_description("a", enc, 3),
    "normalize zero": lambda: Normalize(0.5, 0.0),
    "normalize str": lambda: Normalize("mean"),
    "normalize channels": lambda: SpikingSequential(
        Normalize([0.5, 0.5]), nn.Linear(6, 3), LIFCell()
    )(x, steps=2),
    "normalize matrix": lambda: Normalize([[0.5]]),
    "normalize padded": lambda: SpikingSequential(
        Normalize(0.5), nn.Conv2d(1, 2, 3, padding=1), LIFCell()
    ).to_description("a", InputEncoding(shape=(1, 4, 4), bits=4, fraction_bits=4), 2),
    "recurrent conv even": lambda: RecurrentConvCell(LIF, 3, 2),
    "recurrent conv no neuron": lambda: RecurrentConvCell(3, 3),
    "recurrent conv on vectors": lambda: SpikingSequential(
        nn.Linear(6, 3), RecurrentConvCell(LIF, 3)
    )(x, steps=2),
    "recurrent conv in SpikingNet": lambda: SpikingNet(6, 5, 3, cell=RecurrentConvCell),
    "recurrent conv numba": lambda: RecurrentConvCell(LIF, 3, backend="numba"),
    "recurrent conv weight": lambda: RecurrentConvCell(LIF, 3).set_weight(torch.zeros(3, 3)),
    "sharpen true": lambda: TrainingOptions(sharpen=True),
    "sharpen nothing": lambda: fit(
        net(), ds(), options=TrainingOptions(epochs=1, steps=3, sharpen=Sharpening())
    ),
    "sharpen class": lambda: TrainingOptions(sharpen=Sharpening),
    "sharpen start": lambda: Sharpening(start="wide"),
    "sharpen kernel class": lambda: Sharpening(kernel=["gaussian"]),
    "sharpen hold": lambda: Sharpening(hold=1.5),
    "sharpen stream": lambda: fit(
        net(max_delay=2),
        Same(),
        options=TrainingOptions(epochs=1, steps=3, sharpen=Sharpening()),
    ),
    "soften": lambda: DelayLinear(6, 3, 2).soften("gaussian", -1.0),
    "truncate 0": lambda: TrainingOptions(truncate=0),
    "truncate float": lambda: TrainingOptions(truncate=2.5),
    "truncate own": lambda: fit(
        Own(), ds(), options=TrainingOptions(epochs=1, steps=4, truncate=2)
    ),
    "truncate own over time": lambda: fit(
        SpikingSequential(nn.Linear(6, 3), Shift(), LIFCell()),
        ds(),
        options=TrainingOptions(epochs=1, steps=4, truncate=2),
    ),
    "run loss": lambda: RunOptions(loss="mse"),
    "run loss object": lambda: RunOptions(loss=CrossEntropy()),
    "run data": lambda: RunOptions(data="root"),
    "run data unknown": lambda: train_run("digits", Path(fresh()), RunOptions(data={"bands": 3})),
    "run data type": lambda: train_run(
        "spoken-digits", Path(fresh()), RunOptions(data={"bands": "many"})
    ),
    "events nowhere": lambda: train_run(
        "shd", Path(fresh()), RunOptions(data={"root": "/nonexistent"})
    ),
    "events root path": lambda: load_split("shd", root=Path("/nonexistent")),
    "sweep grid": lambda: run_sweep("digits", Path(fresh()), RunOptions(), {"hidden": [1]}),
    "sweep grid list": lambda: run_sweep("digits", Path(fresh()), RunOptions(), [1]),
    "sweep grid value": lambda: run_sweep("digits", Path(fresh()), RunOptions(), {"seed": 3}),
    "sweep options": lambda: run_sweep("digits", Path(fresh()), TrainingOptions(), {"seed": [1]}),
    "sweep jobs": lambda: run_sweep(
        "digits", Path(fresh()), RunOptions(), {"seed": [1]}, jobs="all"
    ),
    "sweep backend": lambda: run_sweep(
        "digits", Path(fresh()), RunOptions(), {"seed": [1]}, backend="multiprocessing"
    ),
    "sweep dataset": lambda: run_sweep("digit", Path(fresh()), RunOptions(), {"seed": [1]}),
    "start both": lambda: Start(net().to_description("a", enc, 3), 4, 16),
    "start no sources": lambda: Start(net().to_description("a", enc, 3), None, 16),
    "start network": lambda: Start(net(), 4),
    "start no data": lambda: train_run(
        "digits", Path(fresh()), RunOptions(), start=Start(net().to_description("a", enc, 3), 4)
    ),
    "weight bits str": lambda: integer_aware(net(), "4").__enter__(),
    "weight bits net": lambda: integer_aware(nn.Linear(3, 3), 4).__enter__(),
    "stream net": lambda: stream_aware(nn.Linear(3, 3), 16, make_sources("sobol")).__enter__(),
    "stream source name": lambda: stream_aware(net(), 16, "sobol").__enter__(),
    "spectral on images": lambda: SpectralDistortion(warp=0.1)(
        torch.rand(2, 1, 4, 4), torch.Generator()
    ),
    "spectral share": lambda: SpectralDistortion(warp=1.5),
    "spectral str": lambda: SpectralDistortion(noise="white"),
    "workload float": lambda: measure_workload(net().to_description("a", enc, 3), x.numpy()),
    "workload net": lambda: measure_workload(net(), x.numpy()),
    "workload none": lambda: measure_workload(
        net().to_description("a", enc, 3), np.zeros((0, 6), np.uint8)
    ),
}


@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(place, name, id=name)
        for place, calls in enumerate((FIRST, SECOND, THIRD, FOURTH, FIFTH))
        for name in calls
    ],
)
def test_a_mistake_is_answered_in_our_own_words(place: int, name: str) -> None:
    with pytest.raises(ScNeurocoreError) as caught:
        (FIRST, SECOND, THIRD, FOURTH, FIFTH)[place][name]()
    message = str(caught.value)
    assert len(message) > 20


def test_what_looks_like_a_mistake_and_is_none() -> None:
    assert net()(x, steps=np.int64(3)).spike_counts.shape == (4, 3)
    numbers = TrainingOptions(epochs=np.int64(1), steps=np.int32(3))  # type: ignore[arg-type]
    assert len(fit(net(), ds(), options=numbers).epochs) == 1
    assert spike_count_loss(torch.rand(4, 3), y.int(), 5).isfinite()
    assert fit(net(), ds(), options=OPT, checkpoint=tempfile.mkdtemp()).kept == 1
    traced = torch.jit.trace(net(backend="eager"), (x, torch.tensor(3)), check_trace=False)
    assert traced(x, torch.tensor(3))[0].shape == (4, 3)
    assert torch.export.export(net(), (x, 3)) is not None
    assert copy.deepcopy(net())(x, steps=3).membrane.shape == (4, 3)
