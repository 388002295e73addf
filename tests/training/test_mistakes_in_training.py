"""Options, data and losses that cannot be trained with, and what looks like that and can be.

Each has a message of our own.
"""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.mistakes import OPT, WARNINGS, Call, check_answer, ds, enc, net, x, y
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from sc_neurocore.data import load_split, split
from sc_neurocore.training import (
    CrossEntropy,
    LIFCell,
    RateError,
    RatePenalty,
    Readout,
    Sharpening,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    evaluate,
    fit,
    membrane_loss,
    spike_count_loss,
    spike_l1_loss,
    spike_rate_loss,
    train_epoch,
)

pytestmark = WARNINGS


def frozen() -> Any:
    made = net()
    for parameter in made.parameters():
        parameter.requires_grad_(False)
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


CALLS: dict[str, Call] = {
    "outputs fewer": lambda: fit(SpikingNet(6, 5, 2), ds(), options=OPT),
    "frozen": lambda: fit(frozen(), ds(), options=OPT),
    "bn last one": lambda: fit(
        SpikingSequential(
            nn.Linear(6, 5), nn.BatchNorm1d(5), LIFCell(), nn.Linear(5, 3), LIFCell()
        ),
        ds().take(np.arange(7)),
        options=OPT,
    ),
    "float seed": lambda: TrainingOptions(seed=0.5),
    "lazy": lambda: fit(
        SpikingSequential(nn.LazyLinear(5), LIFCell(), nn.LazyLinear(3), LIFCell()),
        ds(),
        options=OPT,
    ),
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
    "readout typo evaluate": lambda: evaluate(net(), ds(), 3, readout="count"),
    "loss int steps": lambda: spike_count_loss(torch.rand(4, 3), y, 0),
    "loss labels float": lambda: spike_count_loss(torch.rand(4, 3), y.float(), 5),
    "loss labels out": lambda: spike_count_loss(torch.rand(4, 3), y + 5, 5),
    "loss one-hot": lambda: spike_count_loss(torch.rand(4, 3), torch.eye(3)[y].long(), 5),
    "loss list": lambda: spike_count_loss([[1.0, 2.0]], [0], 5),
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
    "spike_l1 2d": lambda: spike_l1_loss(x),
    "spike_l1 int": lambda: spike_l1_loss(torch.ones(2, 3, 4).int()),
    "spike_l1 np": lambda: spike_l1_loss(np.ones((2, 3, 4))),
    "membrane_loss steps str": lambda: membrane_loss(torch.rand(4, 3), y, "5"),
    "spike_rate rates": lambda: spike_rate_loss(torch.rand(4, 3), y, 5, "high"),
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
}


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_in_our_own_words(name: str) -> None:
    check_answer(CALLS[name])


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
