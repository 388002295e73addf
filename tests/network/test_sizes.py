"""Sizes that nothing should be asked for: refused when the description is made, at once."""

from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DescriptionError
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    SumPool2d,
)
from sc_neurocore.network.layers import Conv1d, Layer

HUGE = 10**9
WEIGHT = np.ones((1, 1, 1, 1))
TWO = np.ones((1, 1, 2, 2))
IMAGE = (1, 8, 8)
neurons = Population(neuron=LIF)


def network(*layers: Layer, shape: tuple[int, ...] = IMAGE, **changes: Any) -> NetworkDescription:
    fields = {
        "name": "sizes",
        "input": InputEncoding(shape=shape, bits=5, fraction_bits=4),
        "steps": 3,
        "layers": [*layers, neurons],
    }
    return NetworkDescription(**(fields | changes))


@pytest.mark.parametrize("size", [2**16 + 1, HUGE, 10**30])
def test_no_length_of_a_window_is_beyond_every_image(size: int) -> None:
    pair = (size, size)
    for make in (
        lambda: Conv2d(weight=WEIGHT, padding=pair, stride=pair),
        lambda: Conv2d(weight=WEIGHT, stride=pair),
        lambda: Conv2d(weight=WEIGHT, dilation=pair),
        lambda: SumPool2d(size=(2, 2), padding=pair, stride=pair),
        lambda: SumPool2d(size=pair),
        lambda: AveragePool2d(size=(2, 2), stride=pair),
        lambda: AveragePool2d(size=(1, size)),
        lambda: Conv1d(weight=WEIGHT[0], padding=size),
        lambda: Conv1d(weight=WEIGHT[0], stride=size),
        lambda: Conv1d(weight=WEIGHT[0], dilation=size),
    ):
        with pytest.raises(DescriptionError, match="65536"):
            make()
    with pytest.raises(DescriptionError):
        network(Conv2d(weight=WEIGHT, groups=size))


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        # Each result is small: it is what lies between that is not.
        ([SumPool2d(size=(1, 1), padding=(60000, 60000), stride=(60000, 60000))], "at once"),
        ([Conv2d(weight=WEIGHT, padding=(60000, 60000), stride=(60000, 60000))], "at once"),
        ([Conv2d(weight=TWO, padding=(2100, 2100))], "at most 16777216"),
        ([Conv2d(weight=np.ones((1, 1, 9, 9)), padding=(1500, 1500))], "at once"),
        ([SumPool2d(size=(1, 1), padding=(60000, 0))], None),
        ([Delay(delays=np.array(65535))], None),
        ([Flatten()] * 1000, "at most 1000"),
    ],
)
def test_what_a_layer_holds_is_bounded(layers: list[Layer], message: str | None) -> None:
    if message is None:
        network(*layers)
        return
    with pytest.raises(DescriptionError, match=message):
        network(*layers)


@pytest.mark.parametrize("steps", [65536, 10**9, 1e30])
def test_no_delay_is_longer_than_a_sample(steps: float) -> None:
    for make in (
        lambda: Delay(delays=np.array(steps)),
        lambda: DelayDense(weight=np.ones((1, 1)), delays=np.full((1, 1), steps)),
    ):
        with pytest.raises(DescriptionError, match="expected at most 65535"):
            make()


def test_delays_of_many_weights_are_bounded() -> None:
    weight = np.ones((64, 65))
    with pytest.raises(DescriptionError, match="delays of up to 65535 steps for 4160 weights"):
        DelayDense(weight=weight, delays=np.full(weight.shape, 65535))


@pytest.mark.parametrize(
    "shape", [(2**24 + 1,), (HUGE, HUGE), (10**30,), (2**63, 2), (1,) * 9, (1,) * 65]
)
def test_an_input_has_few_axes_and_not_too_many_values(shape: tuple[int, ...]) -> None:
    with pytest.raises(DescriptionError, match=r"at most (16777216|8)"):
        network(shape=shape)


def test_between_two_layers_are_not_too_many_values() -> None:
    wide = Dense(weight=np.ones((1 << 12, 1)))
    grown = [wide, Dense(weight=np.broadcast_to(1.0, (1, 1 << 12)))] * 2
    network(*grown, shape=(1,))
    image = Conv2d(weight=np.ones((1 << 10, 1, 1, 1)))
    with pytest.raises(DescriptionError, match=r"layers\[0\]: conv2d has values of shape"):
        network(image, shape=(1, 256, 256))


@pytest.mark.parametrize("steps", [0, -1, 65536, 10**30])
def test_steps_are_bounded(steps: int) -> None:
    with pytest.raises(DescriptionError, match="steps"):
        network(steps=steps)
