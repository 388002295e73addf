"""Every number stands where the engine looks for it; any that does not is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.hdl.more_inputs import with_more_inputs
from tests.verify.test_every_design import draw

from sc_neurocore.equation import LIF
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.network import (
    AveragePool2d,
    Conv2d,
    Dense,
    Flatten,
    InputEncoding,
    NetworkDescription,
    Population,
)
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.verify.contents import WITH_WINDOWS, check_contents

MakeNetwork = Callable[..., IntegerNetwork]
RequireTool = Callable[..., None]

WEIGHTS, NEURONS = "tiny_weights.hex", "tiny_neurons.hex"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("delayed", {"units": 2, "weights": "loaded"}),
        ("recurrent", {"units": 4, "weight_slices": 2}),
        ("two neurons", {}),
    ],
)
def test_every_number_is_found(
    kind: str,
    options: dict[str, Any],
    make_step_outer_network: MakeNetwork,
    require_tool: RequireTool,
    tmp_path: Path,
) -> None:
    require_tool("yosys")
    network = make_step_outer_network(kind)
    accelerator = render_accelerator(network, 4, "step-outer", **options).write(tmp_path)
    result = check_contents(accelerator, network)
    assert (result.status, result.detail[:12]) == ("proved", "checked, all")
    numbers = sum(
        part.weight.size * (2 if accelerator.geometry.delay_bits else 1)
        for layer in network.layers
        for part in (*layer.synapses, layer.feedback)
        if part is not None and part.weight_bits
    )
    own = sum(layer.sums + layer.neuron_parameters.size for layer in network.layers)
    assert result.figures["numbers"] == numbers + own


def _drawn(make_network: MakeNetwork, folder: Path) -> tuple[Accelerator, IntegerNetwork]:
    network = make_network([6, 9, 3], per_channel=True, steps=5, weight_bits=5)
    return render_accelerator(network, 4, units=2).write(folder), network


@pytest.mark.parametrize(
    ("file", "says"), [(WEIGHTS, "layer 0, weight ("), (NEURONS, "layer 0, bias (")]
)
def test_words_in_another_order_are_named(
    file: str, says: str, make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    accelerator, network = _drawn(make_network, tmp_path)
    path = tmp_path / "rtl" / file
    first, second, *rest = path.read_text().split()
    assert first != second
    path.write_text("\n".join([second, first, *rest, ""]))
    result = check_contents(accelerator, network)
    assert result.status == "refuted"
    assert result.detail.startswith(says)


def test_another_network_than_that_of_the_files_is_refuted(
    make_network: MakeNetwork, require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    accelerator, _ = _drawn(make_network, tmp_path)
    other = make_network([6, 9, 3], per_channel=True, steps=5, weight_bits=5, seed=9)
    assert check_contents(accelerator, other).status == "refuted"


def test_neurons_with_several_inputs_have_each_weight_in_its_own_lane(
    require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    description, compiled, _ = draw(7)
    network = quantize(with_more_inputs(description, 7), compiled["format"], 5)
    accelerator = render_accelerator(network, 4).write(tmp_path)
    assert accelerator.geometry.currents > 1
    assert check_contents(accelerator, network).status == "proved"


def _convolution() -> NetworkDescription:
    random = np.random.default_rng(4)
    thresholds = random.uniform(0.5, 1.5, 5)
    return NetworkDescription(
        name="tiny",
        input=InputEncoding(shape=(1, 4, 3), bits=2, fraction_bits=1),
        steps=2,
        layers=(
            Conv2d(weight=random.normal(0, 0.5, (5, 1, 2, 2)), bias=random.normal(0, 0.3, 5)),
            Population(neuron=LIF, parameters={"threshold": thresholds}),
            Flatten(),
            Dense(weight=random.normal(0, 0.4, (3, 30)), bias=random.normal(0, 0.3, 3)),
            Population(neuron=LIF),
        ),
    )


def test_with_windows_each_place_finds_the_numbers_of_its_channel(
    require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    network = quantize(one_map_each(_convolution()), "Q8.8", 6)
    accelerator = render_accelerator(network, 2).write(tmp_path)
    found = check_contents(accelerator, network)
    assert found.status == "proved" and found.name == WITH_WINDOWS
    assert found.figures["numbers"] == 2 * (30 + 3)  # a bias and a threshold
    path = tmp_path / "rtl" / NEURONS
    first, second, *rest = path.read_text().split()
    assert first != second
    path.write_text("\n".join([second, first, *rest, ""]))
    found = check_contents(accelerator, network)
    assert found.status == "refuted" and found.detail.startswith("layer 0, ")


def test_a_bias_behind_or_before_pooling_is_what_the_model_makes_of_it(
    require_tool: RequireTool, tmp_path: Path
) -> None:
    require_tool("yosys")
    random = np.random.default_rng(5)
    description = NetworkDescription(
        name="tiny",
        input=InputEncoding(shape=(1, 5, 5), bits=2, fraction_bits=1),
        steps=2,
        layers=(
            Conv2d(weight=random.normal(0, 0.5, (3, 1, 2, 2)), bias=random.normal(0, 0.5, 3)),
            AveragePool2d(size=(2, 2)),
            Population(neuron=LIF),
            AveragePool2d(size=(2, 2)),
            Flatten(),
            Dense(weight=random.normal(0, 0.4, (2, 3)), bias=random.normal(0, 0.3, 2)),
            Population(neuron=LIF),
        ),
    )
    network = quantize(description, "Q8.8", 6)
    accelerator = render_accelerator(network, 2).write(tmp_path)
    found = check_contents(accelerator, network)
    assert found.status == "proved", found.detail
    path = tmp_path / "rtl" / NEURONS
    first, second, *rest = path.read_text().split()
    assert first != second
    path.write_text("\n".join([second, first, *rest, ""]))
    assert check_contents(accelerator, network).status == "refuted"
