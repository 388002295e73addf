"""DelayLinear against its sum written out, and its gradients."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.training import (
    DelayLinear,
    LIFCell,
    RoundingWarning,
    SpikingNet,
    SpikingSequential,
)


def layer(**options: Any) -> DelayLinear:
    torch.manual_seed(0)
    return DelayLinear(3, 2, **{"max_delay": 4, **options}).double()


def by_hand(module: DelayLinear, x: Tensor) -> np.ndarray:
    """Interpolate each input at t - delay, zero before the start, and sum up."""
    inputs = np.concatenate([np.zeros((1, *x.shape[1:])), x.detach().numpy()])
    times = np.arange(-1.0, len(x))
    weight, delays = module.weight.detach().numpy(), module.delays.detach().numpy()
    currents = np.zeros((len(x), x.shape[1], len(weight)))
    for t, sample, out, j in np.ndindex(*currents.shape, x.shape[2]):
        value = np.interp(t - delays[out, j], times, inputs[:, sample, j])
        currents[t, sample, out] += weight[out, j] * value
    return currents if module.bias is None else currents + module.bias.detach().numpy()


@pytest.mark.parametrize("steps", [1, 3, 9])
@pytest.mark.parametrize("bias", [True, False])
def test_currents_are_the_weighted_inputs_of_the_past(steps: int, bias: bool) -> None:
    module = layer(bias=bias, delays=[[0, 0.25, 4], [3.5, 1, 2.75]])
    x = torch.randn(steps, 5, 3, dtype=torch.float64)
    expected = by_hand(module, x)
    np.testing.assert_allclose(module(x).detach(), expected, rtol=1e-12, atol=1e-12)
    still = x[:1].expand(steps, 5, 3)
    np.testing.assert_allclose(
        module(x[0], steps=steps).detach(), by_hand(module, still), atol=1e-12
    )


@pytest.mark.parametrize("static", [False, True])
@pytest.mark.parametrize("start", [None, 0.0, 1.0, 4.0])
def test_gradients_reach_weights_delays_and_inputs(static: bool, start: float | None) -> None:
    module = layer(delays=start)
    if start is not None:
        with torch.no_grad():  # a whole delay has a kink: look beside it, on the side it takes
            module.positions += -1e-3 if start == 4 else 1e-3
    shape = (2, 3) if static else (6, 2, 3)
    x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    names = ("weight", "bias", "positions")
    values = tuple(getattr(module, name).detach().clone().requires_grad_() for name in names)

    def run(x: Tensor, *values: Tensor) -> Any:
        options = {"steps": 7} if static else {}
        parameters = dict(zip(names, values, strict=True))
        return torch.func.functional_call(module, parameters, (x,), options)

    assert torch.autograd.gradcheck(run, (x, *values))
    (gradient,) = torch.autograd.grad(run(x, *values).square().sum(), values[2])
    assert (gradient != 0).all()


def test_whole_delays_have_a_gradient_too() -> None:
    for start in (0.0, 2.0, 4.0):
        module = layer(delays=start)
        module(torch.randn(6, 2, 3, dtype=torch.float64)).square().sum().backward()
        assert (module.positions.grad != 0).all(), start


def test_a_delay_finds_the_delay_of_its_data() -> None:
    torch.manual_seed(1)
    pulses = torch.exp(-((torch.arange(30.0)[:, None, None] - 8) ** 2) / 18)
    target = DelayLinear(1, 1, 8, bias=False, delays=6.5)
    module = DelayLinear(1, 1, 8, bias=False, delays=1.0)
    with torch.no_grad():
        target.weight.fill_(1.0)
        module.weight.fill_(1.0)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(300):
        loss = (module(pulses) - target(pulses).detach()).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert module.delays.item() == pytest.approx(6.5, abs=0.05)


@given(st.lists(st.floats(-100, 100), min_size=6, max_size=6), st.sampled_from([1, 3, 4, 10]))
def test_delays_stay_in_their_range_wherever_training_leads(
    positions: list[float], max_delay: int
) -> None:
    module = layer(max_delay=max_delay)
    with torch.no_grad():
        module.positions.copy_(torch.tensor(positions).view(2, 3))
    assert (module.delays >= 0).all()
    assert (module.delays <= max_delay).all()
    assert module.scale / 2 < max_delay <= module.scale
    assert torch.isfinite(module(torch.ones(2, 3, dtype=torch.float64), steps=3)).all()
    module.delays.sum().backward()
    assert (module.positions.grad.abs() == module.scale).all()


def test_delays_begin_where_they_are_told_or_spread_evenly() -> None:
    start = torch.tensor([[0, 1, 2.5], [7, 3, 6.75]])
    assert torch.equal(DelayLinear(3, 2, 7, delays=start).delays, start)
    drawn = DelayLinear(100, 100, 6).delays
    assert np.histogram(drawn.detach(), 6, (0, 6))[0].min() > 10_000 / 6 * 0.8
    plain = nn.Linear(3, 2)
    without = DelayLinear(3, 2, 1, delays=0)
    without.load_state_dict({**plain.state_dict(), "positions": torch.zeros(2, 3)})
    x = torch.randn(4, 5, 3)
    torch.testing.assert_close(without(x), plain(x))


def test_rounded_is_a_copy_with_whole_delays_that_stay() -> None:
    module = layer(delays=[[0.4, 0.6, 1], [3.9, 2.2, 0]])
    # Moved by 0.4, 0.4, 0, 0.1, 0.2 and 0 steps.
    with pytest.warns(RoundingWarning, match=r"by 0.18 steps on average and 0.40 at most.*rounded"):
        rounded = module.rounded()
    assert rounded.delays.tolist() == [[0, 1, 1], [4, 2, 0]]
    assert torch.equal(rounded.weight, module.weight)
    assert dict(rounded.named_parameters()).keys() == {"weight", "bias"}
    assert rounded.state_dict().keys() == module.state_dict().keys()
    assert module.delays[0, 0].item() == pytest.approx(0.4)
    again = copy.deepcopy(rounded).rounded()
    assert torch.equal(again.delays, rounded.delays)
    assert "learn_delays=False" in repr(again)
    fixed = DelayLinear(3, 2, 4, learn_delays=False)
    assert "positions" in dict(fixed.named_buffers())


def test_a_network_takes_it_anywhere_and_learns_through_it() -> None:
    torch.manual_seed(0)
    net = SpikingSequential(
        DelayLinear(3, 8, 4),
        LIFCell(threshold=0.3),
        nn.Dropout(0.1),
        DelayLinear(8, 8, 2),
        LIFCell(threshold=0.3),
        nn.Linear(8, 2),
        LIFCell(threshold=0.3),
    ).eval()
    x = torch.rand(4, 3) * 4
    still, moving = net(x, steps=9), net(x.expand(9, 4, 3))
    assert still.spike_counts.sum() > 0
    torch.testing.assert_close(still, moving)
    still.spike_counts.sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_spiking_net_with_max_delay_has_delays_in_all_layers() -> None:
    net = SpikingNet(6, 12, 3, n_layers=2, max_delay=5)
    delayed = [module for module in net.layers if isinstance(module, DelayLinear)]
    assert [module.max_delay for module in delayed] == [5, 5, 5]
    assert not any(isinstance(module, nn.Linear) for module in net.modules())
    weights = 6 * 12 + 12 * 12 + 12 * 3
    assert sum(p.numel() for p in net.parameters()) == 2 * weights + 12 + 12 + 3


def test_torch_compile_sees_through_it() -> None:
    torch.manual_seed(0)
    net = SpikingNet(6, 8, 3, max_delay=3)
    compiled = torch.compile(net, fullgraph=True, backend="aot_eager")
    static, sequence = torch.rand(4, 6) * 3, torch.rand(5, 4, 6) * 3
    for x, options in ((static, {"steps": 5}), (sequence, {})):
        torch.testing.assert_close(compiled(x, **options), net(x, **options))


@pytest.mark.parametrize("static", [False, True])
def test_autocast_gives_bfloat16_near_the_currents(static: bool) -> None:
    module = DelayLinear(40, 8, 6)
    x = torch.rand(30, 40) if static else torch.rand(12, 30, 40)
    options = {"steps": 12} if static else {}
    exact = module(x, **options)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = module(x, **options)
    assert found.dtype == torch.bfloat16
    assert (found.float() - exact).abs().max() < 0.02


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_delay": 0}, "max_delay=0: each must be a whole number, at least 1"),
        ({"max_delay": 2.5}, r"max_delay=2\.5: each must be a whole"),
        ({"delays": 4.5}, "range from 4.5 to 4.5: expected 0 to max_delay=4"),
        ({"delays": -1}, "expected 0 to max_delay=4"),
        ({"delays": float("nan")}, "expected 0 to max_delay=4"),
        ({"delays": [1.0, 2.0]}, r"delays of shape \(2,\): expected a number, or \(2, 3\)"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        layer(**options)


def test_a_static_input_needs_the_number_of_steps() -> None:
    with pytest.raises(UserError, match=r"\(batch, 3\) with steps=T, but \(5, 3\) arrives"):
        layer()(torch.zeros(5, 3, dtype=torch.float64))
    with pytest.raises(UserError, match=r"\(6, 5, 3\) arrives with steps=6"):
        layer()(torch.zeros(6, 5, 3, dtype=torch.float64), steps=6)
