"""What goes wrong in a training is said: where, why, and what to change."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from sc_neurocore.data import Dataset
from sc_neurocore.equation import Neuron, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.progress import Progress
from sc_neurocore.training import (
    Cell,
    LIFCell,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    TrainingWarning,
    fit,
)
from sc_neurocore.training.checkpoint import load_checkpoint

OPTIONS = TrainingOptions(epochs=3, batch_size=16, steps=6)
QUIET = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")


def stripes(samples: int = 48) -> Dataset:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 3, samples)
    inputs = generator.integers(0, 6, (samples, 9)) + 10 * (np.arange(9) // 3 == labels[:, None])
    return Dataset("stripes", inputs.astype(np.uint8), labels, 3, 4, 4)


def spoilt(data: Dataset, value: float) -> TensorDataset:
    """The same as tensors, with one value that is none in the 20th sample."""
    frames = torch.from_numpy(data.frames())
    frames[20, 4] = value
    return TensorDataset(frames, torch.from_numpy(data.labels))


def explosive() -> Neuron:
    """A neuron of one's own whose state grows without bound where it does not fire."""
    return parse_neuron(
        "neuron Explosive\nstate v = 0\nparameter threshold = 1e30 in (0, inf)\n"
        "update v = v*v + I + 2\nspike v >= threshold\nreset v = v - threshold"
    )


class Window(nn.Module):
    """Passes values on, and spoils one after some calls, as a diverging layer does."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def forward(self, x: Tensor) -> Tensor:
        self.left -= 1
        return x * float("inf") if self.left == 0 else x


def sequential(*front: nn.Module, surrogate: str = "atan_surrogate") -> SpikingSequential:
    torch.manual_seed(0)
    return SpikingSequential(
        *front,
        nn.Linear(9, 8),
        LIFCell(threshold=0.3, surrogate=surrogate),
        nn.Linear(8, 3),
        LIFCell(threshold=0.3, surrogate=surrogate),
    )


@QUIET
@pytest.mark.parametrize("surrogate", ["atan_surrogate", "straight_through", "triangular"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_inputs_that_are_no_numbers_stop_the_training(surrogate: str, value: float) -> None:
    """With a window for a surrogate neither the loss nor a gradient would show it."""
    net = sequential(surrogate=surrogate)
    with pytest.raises(UserError, match=r"stops in epoch 1, batch \d of 3 .*the inputs hold NaN"):
        fit(net, spoilt(stripes(), value), options=OPTIONS)
    assert all(each.isfinite().all() for each in net.parameters())


@QUIET
@pytest.mark.parametrize("surrogate", ["atan_surrogate", "straight_through"])
def test_a_neuron_without_bounds_is_named(surrogate: str) -> None:
    net = SpikingSequential(
        nn.Linear(9, 8),
        Cell(explosive(), surrogate=surrogate),
        nn.Linear(8, 3),
        LIFCell(surrogate=surrogate),
    )
    message = r"batch 1 of 3 .*state v of layers.1 \(Explosive\) became .*unbounded"
    with pytest.raises(UserError, match=message):
        fit(net, stripes(), options=TrainingOptions(epochs=1, batch_size=16, steps=12))
    assert all(each.isfinite().all() for each in net.parameters())


@QUIET
def test_weights_in_half_precision_that_adam_spoils_are_named() -> None:
    net = sequential().half()
    message = r"the weights layers.\d.\w+ hold NaN or infinity, type torch.float16: train in float"
    with pytest.raises(UserError, match=message):
        fit(net, stripes(), options=OPTIONS)


@QUIET
def test_a_learning_rate_far_too_high_is_named() -> None:
    net = sequential()
    options = TrainingOptions(epochs=9, batch_size=16, steps=6, learning_rate=3e37)
    with pytest.raises(
        UserError, match=r"stops in epoch \d, batch \d .*: (the weights|the state|the grad)"
    ):
        fit(net, stripes(), options=options)


@QUIET
def test_the_last_checkpoint_is_good(tmp_path: Path) -> None:
    net = sequential(Window(6))
    with pytest.raises(UserError, match=r"stops in epoch 2, batch 3 of 3"):
        fit(net, stripes(), options=OPTIONS, checkpoint=tmp_path, checkpoint_seconds=0)
    found = load_checkpoint(tmp_path)
    assert found is not None
    content, tensors = found
    assert (len(content["epochs"]), content["batch"]) == (1, 2)
    assert all(each.isfinite().all() for each in tensors.values() if each.is_floating_point())
    broken, whole = sequential(Window(0)), sequential(Window(0))
    fit(broken, stripes(), options=OPTIONS, checkpoint=tmp_path)  # without what spoilt it
    fit(whole, stripes(), options=OPTIONS)
    assert all(map(torch.equal, broken.parameters(), whole.parameters()))


def dead(place: int, **options: Any) -> SpikingSequential:
    net = sequential(**options)
    with torch.no_grad():
        net.layers[place].weight.zero_()
        net.layers[place].bias.fill_(-1.0)
    return net


@pytest.mark.parametrize(("place", "name"), [(0, "layers.1"), (2, "layers.3")])
def test_the_first_layer_that_never_fires_is_named_after_the_first_epoch(
    place: int, name: str
) -> None:
    message = rf"no neuron of {name} \(LIF\) fired in the whole first epoch.*v >= threshold.*lower"
    epochs: list[int] = []
    with pytest.warns(TrainingWarning, match=message) as caught:
        fit(
            dead(place, surrogate="triangular"),
            stripes(),
            options=TrainingOptions(epochs=2, batch_size=16, steps=6, learning_rate=1e-9),
            after_epoch=lambda all: epochs.append(len(all)),
        )
    assert len(caught) == 1 and epochs == [1, 2]


def test_a_layer_that_fires_and_outputs_that_need_not_are_no_cause_for_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(sequential(), stripes(), options=OPTIONS)
        net = dead(2)
        fit(net, stripes(), options=TrainingOptions(epochs=1, steps=6), loss="membrane")


def test_an_epoch_spent_compiling_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SC_NEUROCORE_CACHE", str(tmp_path))
    text = (
        "neuron Fresh\nstate v = 0\nparameter threshold = 0.37 in (0, inf)\n"
        "update v = 0.81237*v + I\nspike v >= threshold\nreset v = 0"
    )
    events: list[Progress] = []
    net = SpikingNet(9, 4, 3, cell=parse_neuron(text))
    options = TrainingOptions(epochs=1, batch_size=48, steps=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TrainingWarning)
        fit(net, stripes(), options=options, progress=events.append)
    told = [event.detail for event in events if "compiling Fresh_" in event.detail]
    assert told and all("once" in each for each in told)
