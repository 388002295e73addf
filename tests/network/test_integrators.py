"""Integrators moved into the neurons behind them: the same numbers, or a no that says why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.interop.equations import equation
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import InputEncoding, NetworkDescription
from sc_neurocore.network import layers as kinds
from sc_neurocore.network.integrators import without_integrators
from sc_neurocore.stochastic.inference import run_network
from sc_neurocore.verify.certificate import cosimulate_design

LIF = CATALOGUE["LIF"]


def network(*layers: Any, shape: tuple[int, ...] = (4,), steps: int = 9) -> NetworkDescription:
    encoding = InputEncoding(kind="spikes", shape=shape, bits=1, fraction_bits=0)
    return NetworkDescription(name="net", input=encoding, steps=steps, layers=layers)


def integrator(random: np.random.Generator, kind: str) -> kinds.Integrator:
    neuron = equation(kind)
    about = {name: random.uniform(0.3, 0.95) for name in neuron.parameters}
    if "leak" in about:
        about["leak"] = random.choice([0.0, 0.2])
    return kinds.Integrator(neuron=neuron, parameters=about)


def dense(random: np.random.Generator, outputs: int, inputs: int) -> kinds.Dense:
    bias = random.normal(size=outputs) if random.random() < 0.7 else None
    return kinds.Dense(weight=random.normal(0, 0.8, (outputs, inputs)), bias=bias)


def check_equal(description: NetworkDescription) -> NetworkDescription:
    moved = without_integrators(description)
    assert not any(layer.kind == "integrator" for layer in moved.layers)
    shape = (description.steps, 5, *description.input.shape)
    inputs = np.random.default_rng(0).integers(0, 2, shape)
    wanted, found = (run_float(each, inputs, record=True) for each in (description, moved))
    np.testing.assert_array_equal(found.spike_counts, wanted.spike_counts)
    np.testing.assert_allclose(found.membrane, wanted.membrane, rtol=1e-9, atol=1e-9)
    assert 0 < wanted.spike_counts.sum() < wanted.spike_counts.size * description.steps
    return moved


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    kinds_=st.lists(st.sampled_from(["LI", "I", "CubaLI"]), min_size=1, max_size=3),
    last=st.sampled_from(["LIF", "Synaptic", "ALIF", "IF"]),
)
def test_a_filter_may_stand_behind_the_weights(seed: int, kinds_: list[str], last: str) -> None:
    random = np.random.default_rng(seed)
    layers: list[Any] = [dense(random, 6, 4)]
    for number, kind in enumerate(kinds_):
        layers.append(integrator(random, kind))
        if random.random() < 0.3:
            layers.append(kinds.Scale(factor=random.normal(size=6)))
        layers.append(dense(random, 6, 6))
        if random.random() < 0.4 and number < len(kinds_) - 1:
            layers += [kinds.Population(neuron=LIF), dense(random, 6, 6)]
    layers += [kinds.Population(neuron=CATALOGUE[last]), dense(random, 3, 6)]
    moved = without_integrators(network(*layers, kinds.Population(neuron=LIF)))
    inputs = random.integers(0, 2, (9, 5, 4))
    wanted = run_float(network(*layers, kinds.Population(neuron=LIF)), inputs, record=True)
    found = run_float(moved, inputs, record=True)
    assert not any(layer.kind == "integrator" for layer in moved.layers)
    np.testing.assert_array_equal(found.spike_counts, wanted.spike_counts)
    np.testing.assert_allclose(found.membrane, wanted.membrane, rtol=1e-9, atol=1e-9)


def test_pooled_images_and_a_filter_in_front_of_all_weights() -> None:
    random = np.random.default_rng(1)
    convolution = kinds.Conv2d(weight=random.normal(size=(3, 2, 3, 3)), bias=random.normal(size=3))
    moved = check_equal(
        network(
            integrator(random, "LI"),
            convolution,
            integrator(random, "CubaLI"),
            kinds.SumPool2d(size=(2, 2), stride=(2, 2)),
            kinds.Population(neuron=LIF),
            kinds.Flatten(),
            kinds.Dense(weight=random.normal(size=(2, 12))),
            kinds.Population(neuron=LIF),
            shape=(2, 6, 6),
        )
    )
    (neuron,) = (layer.neuron for layer in moved.layers[:4] if isinstance(layer, kinds.Population))
    assert neuron.membrane == "v" and len(neuron.states) == 4


def test_a_delay_lets_the_filter_through() -> None:
    random = np.random.default_rng(2)
    delayed = kinds.DelayDense(
        weight=random.normal(size=(3, 4)), delays=random.integers(0, 4, (3, 4)), bias=np.ones(3)
    )
    filtered = kinds.Integrator(neuron=equation("LI"), parameters={"gain": 0.7})
    check_equal(network(filtered, delayed, kinds.Population(neuron=LIF)))


def leaky(**parameters: Any) -> kinds.Integrator:
    return kinds.Integrator(neuron=equation("LI"), parameters=parameters)


WEIGHT = kinds.Dense(weight=np.eye(4))
FIRES = kinds.Population(neuron=LIF)
SQUARE = parse_neuron("neuron Square\nstate v = 0\nupdate v = v*v + I\nspike v > v")
EARLY = parse_neuron("neuron Early\nstate v = 1\nupdate v = 0.5*v + I\nspike v > v")


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([leaky(decay=np.full(4, 0.5) + np.eye(4)[0] / 4), WEIGHT, FIRES], r"differ in decay, fro"),
        ([kinds.Integrator(neuron=SQUARE), WEIGHT, FIRES], r"Square is not linear: v = v\*v \+ I"),
        ([kinds.Integrator(neuron=EARLY), WEIGHT, FIRES], "Early does not start at 0"),
        ([kinds.Integrator(neuron=LIF), WEIGHT, FIRES], "LIF is no filter: it fires"),
        (
            [leaky(leak=1.0), kinds.DelayDense(weight=np.eye(4), delays=np.eye(4)), FIRES],
            "a delay behind it lets its leak arrive late",
        ),
        (
            [leaky(), WEIGHT, kinds.Recurrent(neuron=LIF, weight=np.eye(4))],
            r"layers\[2\] behind it are recurrent neurons",
        ),
    ],
)
def test_what_is_no_single_filter_is_refused(layers: list[Any], message: str) -> None:
    with pytest.raises(UserError, match=r"layers\[0\] hands on membranes, and .*" + message):
        without_integrators(network(*layers))


def test_it_reaches_hardware_and_streams(tmp_path: Path, require_tool: Callable[..., None]) -> None:
    require_tool("iverilog")
    random = np.random.default_rng(4)
    description = network(
        kinds.Dense(weight=random.normal(size=(6, 4)), bias=random.normal(size=6)),
        leaky(decay=0.8, gain=0.3, leak=0.05),
        kinds.Dense(weight=random.normal(size=(5, 6)), bias=random.normal(size=5)),
        FIRES,
        kinds.Dense(weight=random.normal(size=(3, 5))),
        FIRES,
    )
    inputs = random.integers(0, 2, (9, 8, 4))
    design = compile_design(description, tmp_path, lanes=2, allow=["all"]).design
    run, *_ = cosimulate_design(design, inputs, "icarus")
    assert run.holds and run.samples >= 8
    wanted = run_float(description, inputs).spike_counts
    # Counts of long streams come near the floats that they stand for.
    found = run_network(description, inputs, 1 << 14, "sobol").spike_counts
    assert np.mean(found == wanted) > 0.9
