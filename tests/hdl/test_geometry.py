"""The engine's sizes."""

from collections.abc import Callable

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.geometry import index_bits
from sc_neurocore.hdl.planning import plan
from sc_neurocore.network import (
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)

MakeNetwork = Callable[..., IntegerNetwork]


def test_index_bits_hold_every_index() -> None:
    assert [index_bits(count) for count in (1, 2, 3, 4, 5, 256, 257)] == [1, 1, 2, 2, 3, 8, 9]


def test_sums_are_exactly_as_wide_as_the_weights_ask(make_network: MakeNetwork) -> None:
    for seed in range(20):
        network = make_network([40, 7, 3], seed=seed, scale=8.0, input_bits=8)
        bounds = []
        for layer in network.layers:
            largest = 255 if layer.is_static else 1
            # The worst inputs of a neuron switch on the weights of one sign.
            for chosen in (layer.weight > 0, layer.weight < 0):
                extreme = largest * np.where(chosen, layer.weight, 0).sum(axis=1)
                bounds += [*extreme.tolist(), *(extreme + layer.bias).tolist()]
        bits = plan(network, 4).sum_bits
        assert -(1 << (bits - 1)) <= min(bounds) and max(bounds) < 1 << (bits - 1)
        half = 1 << (bits - 2)
        assert bits == 8 + 8 + 1 or not (-half <= min(bounds) and max(bounds) < half)


@pytest.mark.parametrize("lanes", [1, 2, 8, 64])
def test_layers_lie_one_after_the_other_in_both_memories(
    lanes: int, make_network: MakeNetwork
) -> None:
    geometry = plan(make_network([64, 128, 20, 10]), lanes)
    row = slot = 0
    for layer in geometry.layers:
        assert (layer.first_row, layer.first_slot) == (row, slot)
        assert (layer.groups - 1) * lanes + layer.last_lane == layer.outputs - 1
        row += layer.groups * layer.inputs
        slot += layer.groups * lanes
    assert geometry.rows >= row and geometry.slots >= slot


def test_one_left_shift_serves_all_layers(make_network: MakeNetwork) -> None:
    network = make_network([64, 128, 10], scale=0.5)
    shifts = [layer.shift for layer in network.layers]
    geometry = plan(network, 8)
    assert [layer.shift - geometry.left_shift for layer in geometry.layers] == shifts
    assert min(layer.shift for layer in geometry.layers) >= 0


def test_what_the_group_stationary_order_cannot_do_is_named() -> None:
    image = InputEncoding(shape=(1, 4, 4), bits=5, fraction_bits=4)
    lif = Population(neuron=LIF)
    recurrent = Recurrent(neuron=LIF, weight=np.eye(3))
    delayed = DelayDense(weight=np.eye(3), delays=np.eye(3))
    for layers, message in (
        (
            [Flatten(), Dense(weight=np.ones((3, 16))), lif, Dense(weight=np.eye(3)), recurrent],
            "2 .* recurrent",
        ),
        ([Flatten(), Dense(weight=np.ones((3, 16))), lif, delayed, lif], "2 has delays"),
    ):
        network = quantize(NetworkDescription(name="net", input=image, steps=2, layers=layers))
        with pytest.raises(UserError, match=message):
            plan(network, 4, "group-stationary")


def test_layers_of_several_equations_have_units_of_their_own_in_both_orders() -> None:
    neurons = [Population(neuron=LIF), Population(neuron=CATALOGUE["ALIF"])]
    layers = [layer for each in neurons for layer in (Dense(weight=np.eye(3)), each)]
    encoding = InputEncoding(shape=(3,), bits=5, fraction_bits=4)
    network = quantize(NetworkDescription(name="net", input=encoding, steps=2, layers=layers))
    for order in ("group-stationary", "step-outer"):
        geometry = plan(network, 4, order)
        assert [layer.unit for layer in geometry.layers] == [0, 1]
        assert geometry.state_bits == 32  # those of ALIF, the larger ones
