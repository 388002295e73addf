from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, parse_neuron
from sc_neurocore.errors import DescriptionError, UserError
from sc_neurocore.interop import differences, from_nir, read_nir, to_nir, write_nir
from sc_neurocore.interop.equations import equation
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    Delay,
    DelayDense,
    Dense,
    Flatten,
    InputEncoding,
    Integrator,
    MaxPool2d,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
)

IN_NIR = ("LIF", "IF", "Synaptic", "Lapicque")


def network(shape: tuple[int, ...], *layers: Any, **changes: Any) -> NetworkDescription:
    content: dict[str, Any] = {
        "name": "net",
        "input": InputEncoding(shape=shape, bits=4, fraction_bits=3),
        "steps": 7,
        "layers": layers,
        "metadata": {"dataset": "digits", "accuracy": 0.98, "seed": 3, "tuned": True, "by": None},
    }
    return NetworkDescription(**{**content, **changes})


@st.composite
def dense_networks(draw: st.DrawFn) -> NetworkDescription:
    """Dense, delayed and recurrent layers with neurons that NIR knows."""
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    width = 3
    layers: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        outputs = draw(st.integers(1, 4))
        dtype = draw(st.sampled_from([np.float32, np.float64]))
        weight = random.normal(size=(outputs, width)).astype(dtype)
        weight[random.random(weight.shape) < 0.2] = 0
        bias = random.normal(size=outputs).astype(dtype) if draw(st.booleans()) else None
        kind = draw(st.sampled_from(["dense", "delayed", "scaled", "late"]))
        if kind == "delayed":
            delays = random.integers(0, draw(st.integers(1, 4)), weight.shape) + draw(
                st.integers(0, 2)
            )
            layers.append(DelayDense(weight=weight, delays=delays, bias=bias))
        else:
            layers.append(Dense(weight=weight, bias=bias))
        spread: Any = draw(st.sampled_from([(), (outputs,)]))
        if kind == "scaled":
            layers.append(Scale(factor=random.normal(size=spread).astype(dtype)))
        if kind == "late":
            layers.append(Delay(delays=random.integers(0, 3, spread)))
        neuron = CATALOGUE[draw(st.sampled_from(IN_NIR))]
        if draw(st.booleans()):
            neuron = equation(draw(st.sampled_from(["LIF", "IF", "CubaLIF", "Threshold"])))
        elif draw(st.booleans()):
            neuron = neuron.with_reset(draw(st.sampled_from(["zero", 0.25])))
        parameters = {
            name: random.uniform(0.3, 0.9, spread if spread else None)
            for name in neuron.parameters
            if draw(st.booleans())
        }
        if draw(st.booleans()):
            loops = random.normal(size=(outputs, outputs))
            bias = random.normal(size=outputs) if draw(st.booleans()) else None
            layers.append(Recurrent(neuron=neuron, parameters=parameters, weight=loops, bias=bias))
        else:
            layers.append(Population(neuron=neuron, parameters=parameters))
        width = outputs
    readout = draw(st.sampled_from(["spike-count", "membrane"]))
    return network((3,), *layers, readout=readout)


@settings(max_examples=60, deadline=None)
@given(description=dense_networks(), method=st.sampled_from(["euler", "exponential-euler"]))
def test_a_description_goes_out_and_comes_back_the_same(
    description: NetworkDescription, method: Any
) -> None:
    there = to_nir(description, method=method, allow_differences=True)
    assert from_nir(there) == description


def test_images_and_lines_go_out_and_come_back_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    neurons = equation("LIF")
    by_neuron = {"v_threshold": random.uniform(1, 2, (4, 5, 4)), "gain": random.uniform(1, 2, 4)}
    images = network(
        (2, 9, 8),
        Conv2d(weight=random.normal(size=(4, 1, 3, 3)), padding=(1, 1), groups=2, stride=(2, 2)),
        Population(neuron=neurons, parameters=by_neuron),
        SumPool2d(size=(2, 2), stride=(1, 2), padding=(1, 0)),
        Scale(factor=random.normal(size=4)),
        Delay(delays=random.integers(0, 4, (4, 6, 2))),
        Integrator(neuron=equation("LI"), parameters={"leak": 0.25}),
        AveragePool2d(size=(2, 2), stride=(2, 2)),
        Flatten(),
        Dense(weight=random.normal(size=(3, 12)).astype(np.float32), bias=np.ones(3)),
        Population(neuron=equation("CubaLI")),
        readout="membrane",
    )
    lines = network(
        (2, 9),
        Conv1d(weight=random.normal(size=(4, 2, 3)), bias=random.normal(size=4), dilation=2),
        Population(neuron=neurons, parameters={"decay": random.uniform(0, 1, (4, 5))}),
        Conv1d(weight=random.normal(size=(2, 4, 2)), stride=2, padding=1),
        Flatten(),
        Scale(factor=random.normal(size=6)),
        Population(neuron=equation("Readout")),
        readout="membrane",
    )
    for description in (images, lines):
        assert differences(description) == []
        path = write_nir(description, tmp_path / "net.nir")
        assert read_nir(path) == description
        is_grouped = description is images  # the package takes convolutions to have one group
        assert from_nir(nir.read(path, type_check=not is_grouped)) == description


def test_windows_of_one_value_and_kernels_that_are_no_squares_come_back() -> None:
    description = network(
        (2, 6, 7),
        AveragePool2d(size=(1, 1)),
        SumPool2d(size=(1, 1)),
        Conv2d(weight=np.ones((2, 1, 2, 3)), groups=2, dilation=(2, 1)),
        AveragePool2d(size=(1, 3)),
        Flatten(),
        Population(neuron=equation("IF")),
    )
    assert from_nir(to_nir(description)) == description


def test_a_maximum_has_no_primitive() -> None:
    description = network(
        (2, 4, 4), MaxPool2d(size=(2, 2)), Flatten(), Population(neuron=equation("IF"))
    )
    message = r"layers\[0\] \(max-pool2d\): NIR has no primitive for it: it has sums and averages"
    with pytest.raises(DescriptionError, match=message):
        to_nir(description, allow_differences=True)


def test_the_nodes_alone_compute_the_same_without_the_notes() -> None:
    random = np.random.default_rng(1)
    description = network(
        (3,),
        DelayDense(weight=random.normal(size=(4, 3)), delays=random.integers(0, 3, (4, 3))),
        Recurrent(neuron=equation("CubaLIF"), weight=random.normal(size=(4, 4))),
        Dense(weight=random.normal(size=(2, 4)), bias=random.normal(size=2)),
        Population(neuron=equation("LIF"), parameters={"decay": np.array([0.7, 0.8])}),
    )
    for method in ("euler", "exponential-euler"):
        alone = from_nir(
            to_nir(description, dt=2e-3, method=method),
            use_notes=False,
            dt=2e-3,
            method=method,
            steps=7,
            input=description.input,
        )
        assert alone != description
        inputs = random.integers(0, 16, (50, 3))
        run, wanted = (
            run_float(alone, inputs, record=True),
            run_float(description, inputs, record=True),
        )
        assert wanted.spike_counts.sum() > 10
        for found, spikes in zip(run.spikes, wanted.spikes, strict=True):
            np.testing.assert_array_equal(found, spikes)
        np.testing.assert_allclose(run.membrane, wanted.membrane, atol=1e-9)


def test_the_equations_of_the_catalogue_become_nirs_with_time_constants() -> None:
    description = network(
        (2,), Population(neuron=CATALOGUE["LIF"].with_reset("zero"), parameters={"beta": 0.75})
    )
    node = to_nir(description, dt=1e-3, allow_differences=True).nodes["0"]
    assert isinstance(node, nir.LIF)
    np.testing.assert_allclose(node.tau, 4e-3)  # dt / (1 - beta)
    np.testing.assert_allclose(node.r, 4)
    np.testing.assert_array_equal(node.v_reset, 0)


def test_what_other_readers_would_do_otherwise_is_said_and_not_done_silently() -> None:
    soft = network((2,), Population(neuron=CATALOGUE["LIF"]))
    said = differences(soft)
    assert any("loses its threshold" in each for each in said)
    assert any("at its threshold too" in each for each in said)
    with pytest.raises(DescriptionError, match="allow_differences=True"):
        to_nir(soft)
    started = network((2,), Population(neuron=equation("LIF", initial=0.5)))
    assert differences(started) == ["layer 0 (NIR_LIF): its v starts at 0.5, not at 0"]


@pytest.mark.parametrize("name", sorted(set(CATALOGUE) - set(IN_NIR)))
def test_neurons_that_nir_does_not_know_are_named(name: str) -> None:
    description = network((2,), Population(neuron=CATALOGUE[name]))
    with pytest.raises(DescriptionError, match=rf"layers\[0\] \(population\): .* {name}: "):
        to_nir(description, allow_differences=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("update v = v + I\nspike v >= 1", "its reset is none"),
        ("update v = 1.5*v + I\nspike v > 1\nreset v = 0", "of its state 1.5 to 1.5 is left"),
        ("update v = v*v + I\nspike v > 1\nreset v = 0", r"is not linear in v"),
        ("update v = v + I\nspike 2*v > 1\nreset v = 0", r"fires when 2\*v > 1"),
        ("update v = v + I\nspike v > v*I\nreset v = 0", r"its threshold v\*I moves"),
        ("update v = v + I\nspike v > 1\nreset v = v/2", r"its reset is v = v/2"),
        ("update v = v + I\nspike v > 1\nreset v = 0\nafter v = v - 0.1*s", "after the reset"),
        ("update local x = I\nupdate v = v + x\nspike v > 1\nreset v = 0", "other lines than one"),
    ],
)
def test_equations_that_are_no_neuron_of_nir_say_why(text: str, message: str) -> None:
    neuron = parse_neuron(f"neuron Odd\nstate v = 0\n{text}")
    with pytest.raises(DescriptionError, match=message):
        to_nir(network((2,), Population(neuron=neuron)), allow_differences=True)


def test_a_graph_that_was_changed_does_not_go_with_its_notes() -> None:
    graph = to_nir(network((2,), Population(neuron=equation("LIF"))))
    graph.nodes["0"].tau = graph.nodes["0"].tau * 2
    with pytest.raises(DescriptionError, match="use_notes=False to read the fields"):
        from_nir(graph)
    read = from_nir(graph, use_notes=False, dt=1e-4, steps=3)
    assert read.layers[0].parameters["decay"] == pytest.approx(0.95)
    with pytest.raises(UserError, match=r"dt=0\.1: the graph's notes say dt=0\.0001"):
        from_nir(to_nir(network((2,), Population(neuron=equation("LIF")))), dt=0.1)


@pytest.mark.parametrize(
    "note",
    ["{", "[]", "3", json.dumps({"dt": "soon"}), json.dumps({"dt": 1, "steps": "x"})]
    + [json.dumps({"dt": 1.0, "steps": 2, "input": each}) for each in (5, {"bits": 99}, {"a": 1})]
    + [json.dumps({"dt": 1.0, "steps": 2, "name": each}) for each in (5, "", [])]
    + [json.dumps({"dt": 1.0, "steps": 2, "metadata": 5}), "[" * 100_000]
    + [json.dumps({"dt": [], "steps": 2}), json.dumps({"dt": 1.0, "steps": 2, "method": []})],
)
def test_notes_of_strangers_are_not_trusted(note: str) -> None:
    graph = to_nir(network((2,), Population(neuron=equation("LIF"))))
    graph.metadata = {"sc_neurocore": note}
    with pytest.raises(UserError):
        from_nir(graph)


@pytest.mark.parametrize(
    "note",
    [{"neuron": 5}, {"neuron": "neuron A"}, {"neuron": str(equation("IF"))}]
    + [
        {"neuron": str(equation("LIF")), "parameters": each}
        for each in (5, {"x": 1}, {"gain": "a"})
    ]
    + [{"neuron": str(equation("LIF")), "parameters": {"gain": [[[1.0]]]}}],
)
def test_notes_of_strangers_on_neurons_are_not_trusted(note: dict[str, Any]) -> None:
    graph = to_nir(network((2,), Population(neuron=equation("LIF"))))
    graph.nodes["0"].metadata = {"sc_neurocore": json.dumps(note)}
    with pytest.raises(DescriptionError, match="node '0'"):
        from_nir(graph)


def test_an_unusable_time_step_is_refused() -> None:
    with pytest.raises(UserError, match="dt=0"):
        to_nir(network((2,), Population(neuron=equation("LIF"))), dt=0)
    with pytest.raises(UserError, match="method='exact'"):
        to_nir(network((2,), Population(neuron=equation("LIF"))), method="exact")  # type: ignore[arg-type]
