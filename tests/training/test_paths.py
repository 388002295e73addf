"""Blocks with a second path: the same in torch, floats, integers and streams."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.hdl.layers import engine_layers
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    Join,
    NetworkDescription,
    Population,
    load_description,
    save_description,
)
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.training import (
    DelayLinear,
    IFCell,
    LIFCell,
    Residual,
    SpikingSequential,
    TrainingOptions,
    fit,
    seeded,
)

STEPS = 6


def exact(net: SpikingSequential) -> SpikingSequential:
    """Round all weights to quarters, which every number format here holds."""
    generator = torch.Generator().manual_seed(26)
    with torch.no_grad():
        for each in net.parameters():
            each.copy_(torch.randint(-3, 4, each.shape, generator=generator) / 4)
    return net


def dense(how: Any) -> SpikingSequential:
    wide = 16 if how == "concatenate" else 8
    return SpikingSequential(
        nn.Linear(12, 8),
        IFCell(),
        Residual(nn.Linear(8, 8), IFCell(), how=how),
        nn.Dropout(0.5),
        nn.Linear(wide, 5),
        IFCell(),
    )


def images(how: Any) -> SpikingSequential:
    """A block within a block, one that makes images smaller, pooling of counts."""
    wide = 8 if how == "concatenate" else 4
    inner = Residual(nn.Conv2d(4, 4, 3, padding=1), IFCell(threshold=2.0), how=how)
    return SpikingSequential(
        nn.Conv2d(2, 4, 3, padding=1),
        IFCell(threshold=2.0),
        Residual(inner, nn.Conv2d(wide, 4, 3, padding=1), IFCell(threshold=2.0), how="add"),
        Residual(
            nn.Conv2d(4, 6, 3, stride=2, padding=1),
            IFCell(threshold=2.0),
            shortcut=nn.Sequential(nn.Conv2d(4, 6, 1, stride=2), IFCell(threshold=2.0)),
        ),
        nn.MaxPool2d(2),
        Residual(nn.Conv2d(6, 6, 1), IFCell(threshold=2.0), how="add"),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(6, 5),
        IFCell(threshold=0.5),
    )


HOWS = ("add", "and-not", "concatenate")
NETWORKS: dict[str, tuple[Callable[[Any], SpikingSequential], tuple[int, ...]]] = {
    "dense": (dense, (12,)),
    "images": (images, (2, 8, 8)),
}


def spikes(shape: tuple[int, ...], samples: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return (torch.rand(STEPS, samples, *shape, generator=generator) < 0.5).float()


def described(net: SpikingSequential, shape: tuple[int, ...]) -> NetworkDescription:
    coding = InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0)
    return net.to_description("blocks", coding, STEPS)


@pytest.fixture(params=[f"{name} {how}" for name in NETWORKS for how in HOWS])
def case(request: pytest.FixtureRequest) -> Iterator[tuple[SpikingSequential, tuple[int, ...]]]:
    name, how = request.param.split()
    make, shape = NETWORKS[name]
    with seeded(0):
        yield exact(make(how)).eval(), shape


def test_torch_floats_integers_and_streams_agree_exactly(
    case: tuple[SpikingSequential, tuple[int, ...]], tmp_path: Any
) -> None:
    net, shape = case
    x = spikes(shape)
    wanted = net(x).spike_counts.detach()
    assert wanted.unique().numel() > 2
    description = described(net, shape)
    inputs = x.numpy().astype(np.uint8)
    floats = run_float(description, inputs, record=True)
    assert (floats.spike_counts == wanted.numpy()).all()
    network = quantize(description, "Q12.8")
    integers = network.run(inputs, record=True)
    for ours, theirs in zip(integers.spikes, floats.spikes, strict=True):
        assert (ours == theirs).all()
    for neurons in ("float64", "Q12.8"):
        streams = run_network(description, inputs, 256, "sobol", neurons=neurons)
        assert (streams.spike_counts == wanted.numpy()).all()

    save_description(description, tmp_path)
    again = load_description(tmp_path)
    assert again == description
    back = SpikingSequential.from_description(again)
    assert (back(x).spike_counts == wanted).all()
    assert described(back, shape) == description
    with pytest.raises(UserError, match="join"):
        engine_layers(network)


def test_several_weights_before_a_block_are_folded_and_its_source_is_found(tmp_path: Any) -> None:
    with seeded(0):
        net = exact(
            SpikingSequential(
                nn.Linear(12, 4),
                nn.Linear(4, 8),
                IFCell(),
                Residual(nn.Linear(8, 4, bias=False), nn.Linear(4, 8), IFCell()),
                nn.Linear(8, 3),
                IFCell(),
            )
        )
    x = spikes((12,))
    streams = run_network(described(net, (12,)), x.numpy().astype(np.uint8), 1024, "sobol")
    assert (streams.spike_counts == net(x).spike_counts.detach().numpy()).all()


def test_gradients_are_those_of_the_two_paths_written_out() -> None:
    with seeded(0):
        net = images("add")
    x = spikes((2, 8, 8)).requires_grad_()
    net(x).membrane.square().sum().backward()
    found = [each.grad for each in net.parameters()]
    other = copy.deepcopy(net)
    other.zero_grad()
    layers = [each for each in other.layers if next(each.parameters(), None) is not None]
    cells = [each for each in other.layers if isinstance(each, IFCell)]

    def conv(index: int, values: Tensor) -> Tensor:
        return layers[index](values.flatten(0, 1)).unflatten(0, values.shape[:2])

    def fire(index: int, values: Tensor) -> Tensor:
        return cells[index].unroll(values)[0]

    first = fire(0, conv(0, x))
    inner = first + fire(1, conv(1, first))
    second = first + fire(2, conv(2, inner))
    shortcut = fire(3, conv(3, second))
    third = shortcut + fire(4, conv(4, second))
    pooled = nn.functional.max_pool2d(third.flatten(0, 1), 2).unflatten(0, x.shape[:2])
    fourth = pooled + fire(5, conv(5, pooled))
    flat = nn.functional.avg_pool2d(fourth.flatten(0, 1), 2).flatten(1).unflatten(0, x.shape[:2])
    _, membrane = cells[6].readout(conv(6, flat))
    membrane.square().sum().backward()
    for ours, theirs in zip(found, (each.grad for each in other.parameters()), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_parts_of_a_sequence_are_the_whole_and_copies_have_marks_of_their_own() -> None:
    with seeded(0):
        net = dense("add").eval()
    x = spikes((12,))
    whole, _ = net.unroll(x)
    first, state = copy.deepcopy(net).unroll(x[:2])
    second, _ = net.unroll(x[2:], state)
    assert (first.spike_counts + second.spike_counts == whole.spike_counts).all()
    other = dense("add")
    other.layers[5] = net.layers[5]
    with pytest.raises(UserError, match="its mark is not among the layers before it"):
        other(x)


def test_a_block_at_the_input_trains_and_is_refused_by_the_description() -> None:
    net = SpikingSequential(Residual(nn.Linear(12, 12), LIFCell()), nn.Linear(12, 3), LIFCell())
    x, y = torch.rand(8, 12), torch.arange(8) % 3
    data = torch.utils.data.TensorDataset(x, y)
    assert fit(net, data, options=TrainingOptions(epochs=1, steps=3)).kept == 1
    with pytest.raises(UserError, match="its shortcut starts at the input: expected a cell"):
        described(net, (12,))


def test_shapes_that_do_not_meet_are_named() -> None:
    net = SpikingSequential(
        nn.Linear(12, 8),
        LIFCell(),
        Residual(nn.Linear(8, 4), LIFCell()),
        nn.Linear(4, 3),
        LIFCell(),
    )
    with pytest.raises(
        UserError, match=r"layers\[5\] .*\(4,\) arrives, and .* \(8,\): .*shortcut="
    ):
        net(spikes((12,)))


POPULATION = Population(neuron="neuron N\nstate v=0\nupdate v=v+I\nspike v >= 1")
WEIGHT = Dense(weight=np.ones((4, 4)))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((WEIGHT, Join(source=0, source_shape=(4,))), r"layers\[0\] hands on numbers"),
        ((POPULATION, WEIGHT, Join(source=0, source_shape=(4,))), "what arrives hands on numbers"),
        ((POPULATION, Join(source=1, source_shape=(4,))), r"expected a layer before it"),
        ((POPULATION, POPULATION, Join(source=0, source_shape=(5,))), r"layers\[0\] hands on \(4,"),
        (
            (POPULATION, POPULATION, Join(how="instead", source=0, source_shape=(4,))),
            "no later join takes it up",
        ),
        (
            (
                POPULATION,
                POPULATION,
                Join(source=0, source_shape=(4,)),
                Join(how="and-not", source=0, source_shape=(4,)),
            ),
            "what arrives hands on counts, expected spikes",
        ),
    ],
)
def test_what_cannot_meet_is_refused(layers: Any, message: str) -> None:
    with pytest.raises(DescriptionError, match=message):
        NetworkDescription(
            name="net",
            input=InputEncoding(shape=(4,), bits=1, fraction_bits=0),
            steps=1,
            layers=(*layers, POPULATION),
        )


def test_delays_inside_a_block_keep_their_state() -> None:
    with seeded(0):
        net = SpikingSequential(
            nn.Linear(12, 8), LIFCell(), Residual(DelayLinear(8, 8, 3), LIFCell()), LIFCell()
        )
    x = spikes((12,))
    whole, _ = net.unroll(x)
    first, state = net.unroll(x[:3])
    second, _ = net.unroll(x[3:], state)
    assert (first.spike_counts + second.spike_counts == whole.spike_counts).all()
