"""Delays through wide kernels: their closed form, their schedule, and what they find."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from sc_neurocore.errors import UserError
from sc_neurocore.network import DelayDense, InputEncoding
from sc_neurocore.progress import Progress
from sc_neurocore.training import (
    DelayLinear,
    LIFCell,
    MembraneError,
    Sharpening,
    SpikingNet,
    SpikingSequential,
    TrainingOptions,
    fit,
    seeded,
)

pytestmark = pytest.mark.filterwarnings("ignore::sc_neurocore.training.health.TrainingWarning")


def layer(width: float | None, kernel: Any = "gaussian") -> DelayLinear:
    with seeded(0):
        made = DelayLinear(3, 2, 6, delays=[[0.2, 1.3, 5.9], [2.6, 4.75, 3]]).double()
    made.soften(kernel, width)
    return made


@pytest.mark.parametrize("width", [0.05, 0.5, 2.0, 6.0])
@pytest.mark.parametrize("kernel", ["gaussian", "triangle"])
def test_a_kernel_is_its_closed_form(kernel: Any, width: float) -> None:
    made = layer(width, kernel)
    steps, delays = np.arange(7), made.delays.detach().numpy()[..., None]
    if kernel == "gaussian":
        shares = np.exp(-0.5 * ((steps - delays) / width) ** 2)
    else:
        shares = np.maximum(1 - np.abs(steps - delays) / max(width, 1.0), 0)
    shares /= shares.sum(-1, keepdims=True)
    wanted = made.weight.detach().numpy()[..., None] * shares
    np.testing.assert_allclose(made.taps().detach(), wanted, atol=1e-12)
    made.eval()
    whole = made.taps().detach()
    assert ((whole != 0).sum(-1) == 1).all()
    torch.testing.assert_close(whole.sum(-1), made.weight.detach())
    assert torch.equal(whole.abs().argmax(-1), made.delays.round().long())


def test_a_triangle_of_a_step_interpolates_and_gradients_are_those_of_differences() -> None:
    made, plain = layer(1.0, "triangle"), layer(None, None)
    torch.testing.assert_close(made.taps(), plain.taps())
    soft = layer(1.5)
    x = torch.randn(9, 2, 3, dtype=torch.float64)

    def run(positions: Any) -> Any:
        return torch.func.functional_call(soft, {"positions": positions}, (x,))

    assert torch.autograd.gradcheck(run, (soft.positions.detach().clone().requires_grad_(),))


def test_rounded_delays_are_whole_and_have_the_gradient_of_interpolation() -> None:
    rounded, held, plain = layer(1.0, "rounded"), layer(None, "rounded"), layer(None, None)
    assert torch.equal(rounded.taps(), held.taps())
    x = torch.randn(9, 2, 3, dtype=torch.float64)
    back = torch.randn(9, 2, 2, dtype=torch.float64)
    for made in (rounded, held, plain):
        made(x).backward(back)
    torch.testing.assert_close(rounded.positions.grad, plain.positions.grad)
    torch.testing.assert_close(rounded.weight.grad, held.weight.grad)
    assert held.positions.grad is None


def test_far_from_its_delay_only_a_wide_kernel_shows_the_way() -> None:
    pulse = torch.zeros(12, 1, 1)
    pulse[0] = 1.0
    for width, is_found in ((0.2, False), (3.0, True)):
        made = DelayLinear(1, 1, 10, bias=False, delays=2.0)
        with torch.no_grad():
            made.weight.fill_(1.0)
        made.soften("gaussian", width)
        wanted = torch.zeros(12, 1, 1)
        wanted[8] = 1.0
        (made(pulse) - wanted).square().sum().backward()
        assert made.positions.grad is not None
        assert (made.positions.grad.item() < -1e-3) == is_found


def test_the_width_falls_and_ends_in_whole_steps() -> None:
    sharpening = Sharpening(end=0.5, hold=0.25)
    widths = [sharpening.width(share / 100, 16) for share in range(101)]
    assert widths[0] == 8.0
    assert widths[75:] == [None] * 26
    learnt = [each for each in widths if each is not None]
    assert all(a > b for a, b in pairwise(learnt))
    assert np.ptp(np.diff(np.log(learnt))) < 1e-12  # in equal parts
    assert learnt[-1] > 0.5
    assert Sharpening(hold=0).width(0.999, 4) == pytest.approx(0.3, rel=0.01)
    assert Sharpening(start=2.0).width(0, 16) == 2.0
    assert Sharpening(end=3.0).width(0, 4) == 3.0


def following(longest: int = 8) -> tuple[SpikingSequential, TensorDataset, torch.Tensor]:
    """A layer of delays, what another one made of random spikes, and that one's delays."""
    with seeded(3):
        whole = torch.randint(0, longest + 1, (3, 6))
        teacher, student = (
            SpikingSequential(each, LIFCell(beta=0.5, threshold=1e9, reset="none"))
            for each in (
                DelayLinear(6, 3, longest, bias=False, delays=whole),
                DelayLinear(6, 3, longest, bias=False),
            )
        )
        with torch.no_grad():
            weight = torch.randn(3, 6)
            teacher.layers[0].weight.copy_(weight.sign() * (0.3 + weight.abs()))
            x = (torch.rand(160, 24, 6) < 0.2).float()
            _, _, trace = teacher.unroll(x.transpose(0, 1), record=("v",))
    return student, TensorDataset(x, trace["v"].transpose(0, 1).contiguous()), whole


def test_known_delays_are_recovered_and_rounding_costs_nothing() -> None:
    net, data, whole = following()
    options = TrainingOptions(
        epochs=40, batch_size=16, learning_rate=0.05, sharpen=Sharpening(), seed=1
    )
    history = fit(net, data, options=options, loss=MembraneError(), time_axis=1)
    delays = net.layers[0].delays
    assert isinstance(delays, torch.Tensor)
    assert torch.equal(delays, delays.round())
    assert (delays == whole).float().mean() >= 0.95
    assert history.epochs[-1].loss < 0.05 * history.epochs[0].loss


OPTIONS = TrainingOptions(
    epochs=4, batch_size=40, learning_rate=0.05, sharpen=Sharpening(hold=0.3), seed=1
)


def test_an_interrupted_training_goes_on_with_the_width_that_it_had(tmp_path: Path) -> None:
    def interrupt(event: Progress) -> None:
        if event.done == 2:
            raise KeyboardInterrupt

    unbroken, data, _ = following()
    broken = copy.deepcopy(unbroken)
    how: Any = {"loss": MembraneError(), "time_axis": 1}
    fit(unbroken, data, options=OPTIONS, **how)
    with pytest.raises(KeyboardInterrupt):
        fit(broken, data, options=OPTIONS, progress=interrupt, checkpoint=tmp_path, **how)
    broken = following()[0]
    fit(broken, data, options=OPTIONS, checkpoint=tmp_path, **how)
    for ours, theirs in zip(broken.parameters(), unbroken.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    with pytest.raises(UserError, match=r"options\.epochs is 4 there, 5 here"):
        longer = replace(OPTIONS, epochs=5)
        fit(following()[0], data, options=longer, checkpoint=tmp_path, **how)


def test_the_best_epoch_is_returned_with_whole_delays_as_it_was_validated() -> None:
    net, data, _ = following()
    errors = {}
    for average in (None, 0.9):
        other = copy.deepcopy(net)
        options = replace(OPTIONS, average=average)
        history = fit(other, data, data, options, loss=MembraneError(), time_axis=1)
        best = history.epochs[history.kept - 1].validation_accuracy
        with torch.no_grad():
            x, wave = (each.transpose(0, 1) for each in data.tensors)
            _, _, trace = other.unroll(x, record=("v",))
        errors[average] = float((trace["v"] - wave).square().mean())
        assert errors[average] == pytest.approx(best, rel=1e-4)
        delays = other.layers[0].delays
        assert torch.equal(delays, delays.round())  # type: ignore[arg-type]


def test_a_state_dict_holds_the_kernel() -> None:
    other = layer(None, None)
    other.load_state_dict(layer(1.5).state_dict())
    torch.testing.assert_close(other.taps(), layer(1.5).taps())
    state = layer(1.5).state_dict()
    state["_extra_state"] = torch.tensor(6)  # as releases before wrote it
    other.load_state_dict(state)
    torch.testing.assert_close(other.taps(), layer(None, None).taps())


def test_exporting_takes_whole_delays() -> None:
    net = SpikingNet(6, 5, 3, max_delay=4)
    data = TensorDataset(torch.rand(12, 6), torch.arange(12) % 3)
    fit(net, data, options=TrainingOptions(epochs=2, steps=6, sharpen=Sharpening()))
    description = net.to_description("d", InputEncoding(shape=(6,), bits=4, fraction_bits=4), 6)
    first = description.layers[0]
    assert isinstance(first, DelayDense)
    assert (first.delays == net.layers[0].delays.detach().numpy()).all()  # type: ignore[operator]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "box"}, "kernel = 'box': expected one of gaussian, triangle, rounded"),
        ({"end": 0}, "end = 0: expected a width above 0"),
        ({"start": 0.1}, "start = 0.1: expected at least end"),
        ({"hold": 1.0}, "hold = 1.0: expected 0 or more, and less than 1"),
        ({"end": "x"}, "expected a number"),
    ],
)
def test_other_schedules_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Sharpening(**options)


def test_a_network_without_delays_is_told() -> None:
    data = TensorDataset(torch.rand(4, 6), torch.arange(4) % 3)
    with pytest.raises(UserError, match=r"has no delays to learn: give it a DelayLinear"):
        fit(SpikingNet(6, 5, 3), data, options=TrainingOptions(sharpen=Sharpening()))
    held = SpikingSequential(nn.Linear(6, 3), DelayLinear(3, 3, 2, learn_delays=False), LIFCell())
    with pytest.raises(UserError, match=r"has no delays to learn"):
        fit(held, data, options=TrainingOptions(sharpen=Sharpening()))
    with pytest.raises(UserError, match=r"sharpen = True: expected Sharpening\(\)"):
        TrainingOptions(sharpen=True)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"width = 0: expected a number above 0"):
        DelayLinear(6, 3, 2).soften("gaussian", 0)
    with pytest.raises(UserError, match=r"kernel = 'box'"):
        DelayLinear(6, 3, 2).soften("box", 1.0)  # type: ignore[arg-type]
