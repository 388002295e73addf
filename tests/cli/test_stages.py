from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sc_neurocore.cli import stages
from sc_neurocore.cli.app import app
from sc_neurocore.data import load_digits, load_split
from sc_neurocore.equation import LIF
from sc_neurocore.errors import DataError
from sc_neurocore.network import (
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)


def network(*shape: int, steps: int = 2, **changes: object) -> NetworkDescription:
    """An untrained network with ten outputs."""
    weight = np.random.default_rng(0).normal(0, 0.1, (10, int(np.prod(shape))))
    values = {
        "name": "net",
        "steps": steps,
        "input": InputEncoding(shape=shape, bits=8, fraction_bits=8),
        "layers": [Flatten(), Dense(weight=weight), Population(neuron=LIF)],
    }
    return NetworkDescription(**(values | changes))


@pytest.mark.parametrize("shape", [(784,), (1, 28, 28)])
def test_a_network_for_mnist_is_tested_on_the_official_test_set(
    shared_data: Path, shape: tuple[int, ...]
) -> None:
    part = stages.test_part(network(*shape), "mnist")
    test = load_split("mnist").test
    assert part.inputs.shape == (10000, *shape)
    np.testing.assert_array_equal(part.inputs.reshape(10000, -1), test.flattened().inputs)
    np.testing.assert_array_equal(part.labels, test.labels)
    trained = network(*shape, metadata=dict(load_split("mnist").metadata))
    for again in (stages.test_part(trained), stages.test_part(trained, "mnist")):
        np.testing.assert_array_equal(again.inputs, part.inputs)


def test_evaluate_measures_mnist_on_ten_thousand_images(shared_data: Path, tmp_path: Path) -> None:
    layers = network(784).layers[1:]
    save_description(network(784, layers=layers), tmp_path)
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--dataset", "mnist", "--json"])
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert (content["dataset"], content["test_size"]) == ("mnist", 10000)


def test_a_sequence_is_classified_frame_by_frame(shared_data: Path) -> None:
    test = load_split("spoken-digits", steps=6, bands=8).test
    described = network(8, steps=6, input=test.encoding)
    part = test.take(np.arange(50))
    classes = stages.evaluate_float(described, part)
    assert classes.shape == (50,)
    one = stages.evaluate_float(described, part.take(np.array([7])))
    assert one[0] == classes[7]


def test_data_of_the_wrong_size_or_format_are_refused() -> None:
    metadata = {"dataset": "digits", "split_seed": 0, "test_fraction": 0.2}
    with pytest.raises(DataError, match=r"frames of shape \(64,\), 64 values: they do not fit"):
        stages.test_part(network(63, metadata=metadata))
    with pytest.raises(DataError, match=r"digits does not fit net: .*bits=5"):
        stages.test_part(network(64, metadata=metadata))
    fitting = network(1, 8, 8, metadata=metadata, input=load_digits().shaped((1, 8, 8)).encoding)
    assert len(stages.test_part(fitting)) == 360
