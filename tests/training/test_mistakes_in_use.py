"""What passed in silence, or as somebody else's error: data, targets, functions and optimisers.

Each has a message of our own that names what was given; what is right stays right.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.mistakes import WARNINGS, Call, ds, net, x, y
from torch import nn
from torch.utils.data import TensorDataset

from sc_neurocore.data import LogMel, delta_events, load_shd
from sc_neurocore.equation import parse_neuron
from sc_neurocore.errors import ScNeurocoreError
from sc_neurocore.training import (
    CrossEntropy,
    RateError,
    RatePenalty,
    Readout,
    TrainingOptions,
    activity_report,
    evaluate,
    fit,
    rate_encode,
    spike_rate_loss,
    train_epoch,
)
from sc_neurocore.training.integer_aware import integer_aware
from sc_neurocore.training.optimisers import make_optimiser

pytestmark = WARNINGS
SEQUENCES = torch.rand(4, 5, 6, generator=torch.Generator().manual_seed(1))


def learn(data: Any = None, made: Any = None, **options: Any) -> Any:
    given = {name: options.pop(name) for name in ("augment",) if name in options}
    how = TrainingOptions(**{"epochs": 2, "batch_size": 6, "steps": 3, **given})
    return fit(made or net(), ds() if data is None else data, options=how, **options)


def with_lengths(lengths: Any) -> Any:
    return learn([(SEQUENCES, y, lengths)], time_axis=1)


def with_targets(targets: torch.Tensor) -> Any:
    return learn(TensorDataset(x, targets))


def twice_integer() -> None:
    made = net()
    with integer_aware(made, 4), integer_aware(made, 6):
        made(x, steps=3)


def nan_metric(answer: Any, targets: Any) -> Any:
    return targets * float("nan")


def needy(answer: Any, targets: Any) -> Any:
    return answer.every("membranes").mean()


needy.needs = "membranes"  # type: ignore[attr-defined]


CALLS: dict[str, tuple[Call, str]] = {
    "lengths float": (lambda: with_lengths(torch.tensor([2.7, 3.2, 1.5, 4.9])), "torch.float32"),
    "lengths NaN": (lambda: with_lengths(torch.tensor([float("nan")] * 4)), "torch.float32"),
    "lengths bool": (lambda: with_lengths(torch.ones(4).bool()), "torch.bool"),
    "lengths mask": (lambda: with_lengths(torch.ones(4, 5).long()), r"\(4, 5\).*mask.sum\(1\)"),
    "targets logits": (lambda: with_targets(torch.randn(4, 3) * 5), "probabilities"),
    "targets several": (lambda: with_targets(torch.ones(4, 3)), "add up to 3.*a loss of your own"),
    "targets NaN": (lambda: with_targets(torch.full((4, 3), float("nan"))), "from nan on"),
    "weights all 0": (lambda: CrossEntropy(weight=[0, 0, 0]), "not all 0"),
    "smoothing text": (lambda: CrossEntropy(label_smoothing="0.1"), "expected a number"),  # type: ignore[arg-type]
    "readout text": (lambda: RateError(readout="membrane"), r"Readout\('membrane'\)"),  # type: ignore[arg-type]
    "rates swapped": (lambda: RateError(0.1, 0.9), "to fire more than the others"),
    "rates swapped in a loss": (
        lambda: spike_rate_loss(torch.rand(4, 3), y, 5, 0.1, 0.9),
        "to fire more than the others",
    ),
    "augment double": (lambda: learn(augment=lambda f, g: f.double()), "it made torch.float64"),
    "augment whole": (lambda: learn(augment=lambda f, g: f.byte()), "it made torch.uint8"),
    "penalty below 0": (lambda: RatePenalty(-1.0), "0 or more"),
    "penalty NaN": (lambda: RatePenalty(float("nan")), "finite"),
    "penalty in Hz": (lambda: RatePenalty(1.0, upper=20.0), "spikes per step, from 0 to 1"),
    "loss of torch": (lambda: learn(loss=nn.functional.cross_entropy), r"answer\.spike_counts"),
    "metric of a tensor": (
        lambda: learn(metric=lambda scores, t: scores.argmax(1) == t),
        r"answer\.spike_counts",
    ),
    "metric NaN": (lambda: learn(validation=ds(), metric=nan_metric), "metric .* it is nan"),
    "metric NaN alone": (lambda: evaluate(net(), ds(), 3, metric=nan_metric), "it is nan"),
    "optimiser of another": (
        lambda: train_epoch(net(), ds(), torch.optim.Adam(net().parameters())),
        r"no parameter of this SpikingNet.*net\.parameters",
    ),
    "activity encoder": (lambda: activity_report(net(), ds(), 3, encoder="raet"), "known: direct"),
    "activity progress": (lambda: activity_report(net(), ds(), 3, progress=True), "a function"),  # type: ignore[arg-type]
    "integers twice": (twice_integer, "leave that first"),
    "neuron of a dict": (lambda: parse_neuron({"v": "v + I"}), "found a dict, expected text"),  # type: ignore[arg-type]
    "needs as text": (lambda: learn(loss=needy), "record='membranes'.*it has spikes, membrane"),
    "spikes that nobody kept": (
        lambda: learn(loss=lambda answer, t: answer.spikes.mean()),
        r"None unless its attribute needs",
    ),
    "populations": (
        lambda: learn(TensorDataset(x, y), loss=CrossEntropy(population=2)),
        "3 outputs in populations of 2",
    ),
    "checkpoint nowhere": (lambda: learn(checkpoint="/proc/none"), "it cannot be made"),
    "checkpoint seconds": (lambda: learn(checkpoint_seconds=-1), "0 or more"),
    "meta": (lambda: evaluate(net().to("meta"), ds(), 3), "on the meta device"),
    "events in text": (
        lambda: load_shd("/nowhere", steps="x"),
        "steps = 'x': expected at least 1, a whole",
    ),  # type: ignore[arg-type]
    "bands in text": (lambda: LogMel(bands="x"), "bands = 'x': expected at least 1, a whole"),  # type: ignore[arg-type]
    "threshold in text": (
        lambda: delta_events(np.ones((1, 3, 4), np.uint8), "0.1"),  # type: ignore[arg-type]
        "threshold = '0.1': expected a number",
    ),
    "levels of no sample": (
        lambda: delta_events(np.ones((3, 4), np.uint8), 1),
        r"\(samples, T, bands\)",
    ),
    "spikes as a static input": (lambda: net()(rate_encode(x, 5, 0), steps=5), "leave steps out"),
    "encoded twice": (
        lambda: net()(rate_encode(SEQUENCES.transpose(0, 1), 5, 0)),
        r"expected \(T, batch, 6\)",
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_mistake_is_answered_in_our_own_words(name: str) -> None:
    call, message = CALLS[name]
    with pytest.raises(ScNeurocoreError, match=message):
        call()


def test_what_comes_ready_is_never_written_to() -> None:
    mine = x.clone()
    learn([(mine, y)], augment=lambda frames, generator: frames.mul_(0))
    assert torch.equal(mine, x)


def test_a_checkpoint_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    """Somebody's folder of something else is no less theirs."""
    for name in ("thesis.md", "weights.safetensors", ".hidden"):
        (tmp_path / name).write_text("mine")
    (tmp_path / "images").mkdir()
    for epochs in (1, 2):
        fit(net(), ds(), options=TrainingOptions(epochs=epochs, steps=3), checkpoint=tmp_path)
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept[:2] == [".hidden", "checkpoint.json"] and len(kept) == 6
    assert {"images", "thesis.md", "weights.safetensors"} < set(kept)


def test_no_gradient_goes_back_into_the_data() -> None:
    """Frames that another network made go through twice, whatever graph hangs on them."""
    other = nn.Linear(6, 6)
    assert len(learn([(other(x), y)]).epochs) == 2
    assert other.weight.grad is None


def test_weights_that_integers_are_made_of_decay_too() -> None:
    made = net()
    options = TrainingOptions(weight_decay=0.1)
    before = [len(group["params"]) for group in make_optimiser(made, options).param_groups]
    with integer_aware(made, 4):
        after = [len(group["params"]) for group in make_optimiser(made, options).param_groups]
    assert before == after == [2, 2]


def test_what_is_right_stays_right() -> None:
    assert with_targets(torch.eye(3)[y]).kept == 2
    assert with_targets(torch.softmax(torch.randn(4, 3), 1)).kept == 2
    assert with_lengths(torch.tensor([1, 2, 3, 4], dtype=torch.int16)).kept == 2
    assert learn(loss=RateError(readout=Readout("membrane"))).kept == 2
    assert learn(penalties=RatePenalty(1.0, layers="layers.1")).kept == 2
    by_name = activity_report(net(), ds(), 3, encoder="rate", generator=0)
    assert by_name.layers[0].counts.shape == (5,)
