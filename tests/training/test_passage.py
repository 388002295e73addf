"""Steps of time and samples of a batch never mix, and layers that do not fit are named."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.training import DelayLinear, LIFCell, RecurrentLIFCell, SpikingSequential
from sc_neurocore.training.layers import Later
from sc_neurocore.training.networks import detached


class Block(nn.Module):
    """A residual block as people write it, which does not say how time passes."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class OverTime(nn.Module):
    """The same, declared."""

    over_time = True

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear, self.cell = nn.Linear(width, width), LIFCell()

    def forward(self, x: Tensor, steps: int | None = None) -> Tensor:
        x = x if steps is None else x.expand(steps, *x.shape)
        return x + self.cell.unroll(self.linear(x))[0]


MIXING: list[nn.Module] = [
    Block(LIFCell()),
    Block(nn.Sequential(nn.Linear(8, 8), RecurrentLIFCell(8))),
    Block(SpikingSequential(nn.Linear(8, 8), LIFCell())),
    Block(DelayLinear(8, 8, 3)),
    Block(Later(2)),
    Block(OverTime(8)),
    nn.LSTM(8, 8),
    Block(nn.GRU(8, 8)),
    nn.TransformerEncoderLayer(8, 2),
    nn.ModuleList([LIFCell()]),
]


@pytest.mark.parametrize("module", MIXING, ids=lambda module: type(module).__name__)
def test_a_module_that_would_mix_samples_with_steps_is_refused(module: nn.Module) -> None:
    message = r"layers\[2\] .*mixed. Declare it: .*over_time = True.*cell.unroll"
    front, back = [nn.Linear(8, 8), LIFCell()], [nn.Linear(8, 3), LIFCell()]
    with pytest.raises(UserError, match=message):
        SpikingSequential(*front, module, *back)
    with pytest.raises(UserError, match=r"layers\[0\]"):
        SpikingSequential(module, *back)
    net = SpikingSequential(*front, nn.Identity(), *back)
    net(torch.ones(2, 8), steps=3)
    net.layers[2] = module
    with pytest.raises(UserError, match=message):
        net(torch.ones(2, 8), steps=3)


def test_a_block_that_declares_time_is_the_same_whatever_the_batch() -> None:
    torch.manual_seed(0)
    net = SpikingSequential(nn.Linear(6, 8), LIFCell(), OverTime(8), nn.Linear(8, 3), LIFCell())
    x = torch.rand(5, 6) * 3
    whole = net(x, steps=7)
    assert whole.spike_counts.any()
    for sample in range(5):
        alone = net(x[sample : sample + 1], steps=7)
        assert torch.equal(alone.spike_counts[0], whole.spike_counts[sample])


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ((nn.Linear(6, 8), LIFCell, nn.Linear(8, 3), LIFCell()), r"layers\[1\]: found the class L"),
        ((nn.Linear, LIFCell()), r"layers\[0\]: found the class Linear, .*: Linear\(\.\.\.\)"),
        (([nn.Linear(6, 8), LIFCell()],), r"layers\[0\]: found a list, expected a torch module"),
        ((nn.Linear(6, 8), torch.relu, LIFCell()), r"layers\[1\]: found a builtin_function"),
        ((nn.Linear(6, 8), None, LIFCell()), r"layers\[1\]: found None"),
    ],
)
def test_what_is_no_layer_is_refused(modules: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SpikingSequential(*modules)


class Strange(nn.Module):
    """Answers what nothing can go on with."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x: Tensor) -> Any:
        return self.answer(x)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (nn.Linear(9, 3), r"layers\[2\] \(Linear\) cannot take \(8, 8\).*it takes 9 values in the"),
        (
            nn.Conv2d(1, 2, 3),
            r"\(Conv2d\) cannot take \(8, 8\), .*it takes \(n, 1, rows",
        ),
        (nn.BatchNorm2d(8), r"\(BatchNorm2d\) cannot take \(8, 8\)"),
        (nn.Unflatten(1, (3, 3)), r"\(Unflatten\) cannot take"),
        (Strange(lambda x: (x, x)), r"\(Strange\) answered \(8, 8\) with a tuple"),
        (Strange(lambda x: None), "with None"),
        (
            Strange(lambda x: x[:1]),
            r"with shape \(1, 8\): expected a tensor of",
        ),
        (Strange(lambda x: x.sum(1)), r"with shape \(8,\)"),
        (Strange(lambda x: x + "1"), r"\(Strange\) cannot take"),
    ],
)
def test_a_layer_that_does_not_fit_is_named(layer: nn.Module, message: str) -> None:
    net = SpikingSequential(nn.Linear(6, 8), LIFCell(), layer, nn.Linear(3, 3), LIFCell())
    with pytest.raises(UserError, match=message):
        net(torch.ones(2, 6), steps=4)


def test_one_sample_gives_batch_norm_no_statistics() -> None:
    net = SpikingSequential(nn.Linear(6, 8), nn.BatchNorm1d(8), LIFCell())
    with pytest.raises(UserError, match=r"layers\[1\] \(BatchNorm1d\).*leaves no single sample"):
        net(torch.ones(1, 6), steps=4)
    net.eval()(torch.ones(1, 6), steps=4)


def streaming() -> SpikingSequential:
    torch.manual_seed(0)
    return SpikingSequential(
        DelayLinear(6, 12, 5),
        LIFCell(),
        Later(2),
        nn.Linear(12, 10),
        RecurrentLIFCell(10),
        DelayLinear(10, 4, 3),
        LIFCell(),
    ).double()


@pytest.mark.parametrize("parts", [(1,) * 12, (5, 7), (11, 1), (2, 3, 7)])
def test_parts_of_a_sequence_are_the_whole(parts: tuple[int, ...]) -> None:
    net, x = streaming(), torch.rand(12, 3, 6).double() * 4
    whole, last, trace = net.unroll(x, record=("spikes", "v"))
    assert whole.spike_counts.any()
    assert torch.equal(net(x).spike_counts, whole.spike_counts)
    assert torch.equal(trace["spikes"].sum(0), whole.spike_counts)
    torch.testing.assert_close(trace["v"].sum(0), whole.membrane)
    state, counts, membranes = None, torch.zeros(3, 4), torch.zeros(3, 4)
    for part in torch.split(x, parts):
        output, state = net.unroll(part, state)
        counts, membranes = counts + output.spike_counts, membranes + output.membrane
    assert torch.equal(counts, whole.spike_counts)
    torch.testing.assert_close(membranes, whole.membrane)
    for ours, theirs in zip(state, last, strict=True):
        if theirs is not None:
            torch.testing.assert_close(ours, theirs)
    static = net.unroll(x[0], None, 4)[0]
    first, state = net.unroll(x[0], None, 3)
    second, _ = net.unroll(x[0], state, 1)
    assert torch.equal(first.spike_counts + second.spike_counts, static.spike_counts)


def test_truncated_backpropagation_cuts_the_way_of_the_gradient() -> None:
    net, x = streaming(), (torch.rand(12, 3, 6).double() * 4).requires_grad_()
    _, state = net.unroll(x[:8])
    output, _ = net.unroll(x[8:], detached(state))
    (gradient,) = torch.autograd.grad(output.membrane.sum(), x)
    assert not gradient[:8].any() and gradient[8:].any()
    output, _ = net.unroll(x[8:], state)
    (gradient,) = torch.autograd.grad(output.membrane.sum(), x)
    assert gradient[:8].any()


def test_lengths_are_shorter_sequences() -> None:
    net, x = streaming(), torch.rand(12, 3, 6).double() * 4
    lengths = torch.tensor([12, 7, 1])
    output = net(x, lengths=lengths)
    for sample, length in enumerate(lengths.tolist()):
        alone = net(x[:length, sample : sample + 1])
        assert torch.equal(output.spike_counts[sample], alone.spike_counts[0])
        torch.testing.assert_close(output.membrane[sample], alone.membrane[0])


def test_a_state_that_does_not_fit_is_refused() -> None:
    net = SpikingSequential(nn.Linear(6, 8), LIFCell(), OverTime(8), nn.Linear(8, 3), LIFCell())
    x = torch.ones(4, 2, 6)
    _, state = net.unroll(x)
    with pytest.raises(UserError, match=r"layers\[2\] \(OverTime\) .*cannot go on from a state"):
        net.unroll(x, state)
    net = SpikingSequential(nn.Linear(6, 8), LIFCell(), nn.Linear(8, 8), nn.Linear(8, 3), LIFCell())
    _, state = net.unroll(x)
    with pytest.raises(UserError, match="one entry for each of its 5 layers"):
        net.unroll(x, state[:2])
    with pytest.raises(UserError, match="state 'v' of LIF"):
        net.unroll(x[:, :1], state)
    with pytest.raises(UserError, match="LIF has no such state; it has spikes, membrane, v"):
        net.unroll(x, record="u")
    with pytest.raises(UserError, match=r"state of DelayLinear: found \(2, 3, 6\), expected \(5,"):
        streaming().layers[0].unroll(x.double(), torch.ones(2, 3, 6))
