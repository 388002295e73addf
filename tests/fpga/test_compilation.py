"""Networks that compiling refuses, and what it says would fit."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import LIF
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    MaxPool2d,
    NetworkDescription,
    Population,
    SumPool2d,
)


def _pooled(pool: Any, columns: int = 7) -> NetworkDescription:
    """Return a network whose pooling gets 4 channels of 6 rows and 2 columns less."""
    random = np.random.default_rng(0)
    return NetworkDescription(
        name="pooled",
        input=InputEncoding(shape=(2, 8, columns), bits=3, fraction_bits=2),
        steps=2,
        layers=(
            Conv2d(weight=random.normal(0, 0.5, (4, 2, 3, 3))),
            Population(neuron=LIF),
            pool(size=(2, 2)),
            Flatten(),
            Dense(weight=random.normal(0, 0.5, (3, 4 * 3 * ((columns - 2) // 2)))),
            Population(neuron=LIF),
        ),
    )


@pytest.mark.parametrize("pool", [AveragePool2d, SumPool2d, MaxPool2d])
def test_pooling_that_leaves_something_out_must_be_allowed(pool: Any, tmp_path: Path) -> None:
    described = _pooled(pool)
    with pytest.raises(UserError) as refused:
        compile_design(described, tmp_path)
    said = str(refused.value)
    assert said.startswith("layers[2]: ") and "does not divide (6, 5)" in said
    assert "0 rows and 1 columns" in said and "crop to (6, 4)" in said
    assert not list(tmp_path.iterdir())
    compile_design(described, tmp_path / "meant", allow=["left-over"])
    compile_design(_pooled(pool, columns=8), tmp_path / "divides")


@pytest.mark.parametrize(
    ("layer", "most"),
    [
        (Conv2d(weight=np.ones((4, 2, 9, 3))), "(9, 3) is larger than (8, 7)"),
        (Conv2d(weight=np.ones((4, 2, 9, 3))), "at most (8, 7) has room"),
        (Conv2d(weight=np.ones((4, 2, 3, 3)), dilation=(4, 4)), "at most (2, 2) has room"),
        (MaxPool2d(size=(3, 8)), "at most (8, 7) has room"),
    ],
)
def test_windows_without_room_say_what_has_room(layer: Any, most: str) -> None:
    described = _pooled(MaxPool2d)
    with pytest.raises(DescriptionError) as refused:
        described.with_layers((layer, *described.layers[1:]))
    said = str(refused.value)
    assert said.startswith("layers[0]: ") and "no output is left" in said and most in said
