from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp
from torch.nn import functional

from sc_neurocore.interop import from_nir, read_nir
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network import (
    AveragePool2d,
    DelayDense,
    Dense,
    InputEncoding,
    Integrator,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
)

ONES = np.ones(3)


def lif(size: int = 3, **changes: Any) -> nir.LIF:
    ones = np.ones(size)
    fields = {"tau": 5 * ones, "r": 2 * ones, "v_leak": 0 * ones, "v_threshold": ones}
    return nir.LIF(**{**fields, "v_reset": 0 * ones, **changes})


def graph(*nodes: Any, shape: tuple[int, ...] = (3,), type_check: bool = False) -> nir.NIRGraph:
    named = {"input": nir.Input(np.array(shape))}
    named |= {f"n{index}": node for index, node in enumerate(nodes)}
    names = list(named)
    return nir.NIRGraph(named, list(pairwise(names)), type_check=type_check)


def membranes(description: NetworkDescription, inputs: Any) -> np.ndarray:
    """The last membrane (steps, samples, ...)."""
    return np.asarray(run_float(description, inputs, record=True).states[-1]["v"])


def noise(steps: int, shape: tuple[int, ...], bits: int = 4) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 1 << bits, (steps, 2, *shape))


def numbers(shape: tuple[int, ...]) -> InputEncoding:
    return InputEncoding(kind="sequence", shape=shape, bits=4, fraction_bits=2)


# The equations


def test_a_trace_of_the_file_from_norse_against_the_closed_form(shared_data: Path) -> None:
    """One LIF neuron, tau = 2.5 ms, threshold 0.1, dt = 0.1 ms, under a constant current 1/8.

    In continuous time v(t) = 1/8 (1 - exp(-t/tau)) reaches 0.1 after tau ln 5 = 4.02 ms.
    """
    description = read_nir(
        shared_data / "nir" / "lif_norse.nir",
        dt=1e-4,
        steps=100,
        input=InputEncoding(shape=(1,), bits=4, fraction_bits=3),
    )
    exact = read_nir(
        shared_data / "nir" / "lif_norse.nir",
        dt=1e-4,
        steps=100,
        method="exponential-euler",
        input=InputEncoding(shape=(1,), bits=4, fraction_bits=3),
    )
    until = 38  # before the first spike of either
    time_ = 1e-4 * np.arange(1, until + 1)
    closed = 0.125 * (1 - np.exp(-time_ / 0.0025))
    euler = membranes(description, np.array([[1]]))[:until, 0, 0]
    exponential = membranes(exact, np.array([[1]]))[:until, 0, 0]
    np.testing.assert_allclose(exponential, closed, rtol=1e-6)  # the file is in float32
    error = np.abs(euler - closed)
    assert 8e-4 < error.max() < 1e-3  # 0.9 % of the threshold; falls in proportion to dt
    spike = [
        int(run_float(each, [[1]], record=True).spikes[0].argmax()) + 1
        for each in (description, exact)
    ]
    assert spike == [40, 41]
    assert np.log(5) * 25 == pytest.approx(40.2, abs=0.05)


def test_the_net_from_sinabs_is_read_in_well_under_two_seconds(shared_data: Path) -> None:
    before = time.perf_counter()
    description = read_nir(shared_data / "nir" / "cnn_sinabs.nir", dt=1, steps=4)
    assert time.perf_counter() - before < 2  # the promise; it takes a hundredth
    kinds = [layer.kind for layer in description.layers]
    assert (
        kinds
        == ["conv2d", "population"] * 2
        + ["sum-pool2d", "conv2d", "population"]
        + [
            "sum-pool2d",
            "flatten",
        ]
        + ["dense", "population"] * 2
    )
    assert description.layers[1].parameters == {"gain": 1, "v_threshold": 1, "v_reset": 0}


EQUATIONS: dict[str, tuple[Any, Callable[[np.ndarray, float], list[float]]]] = {
    "I": (nir.I(r=np.array([0.7])), lambda y, current: [0.7 * current]),
    "LI": (
        nir.LI(tau=np.array([8.0]), r=np.array([0.7]), v_leak=np.array([0.3])),
        lambda y, current: [(0.3 - y[0] + 0.7 * current) / 8],
    ),
    "CubaLI": (
        nir.CubaLI(
            tau_mem=np.array([8.0]),
            tau_syn=np.array([3.0]),
            r=np.array([0.7]),
            v_leak=np.array([0.3]),
            w_in=np.array([1.5]),
        ),
        lambda y, current: [(0.3 - y[0] + 0.7 * y[1]) / 8, (1.5 * current - y[1]) / 3],
    ),
}


@pytest.mark.parametrize("kind", EQUATIONS)
def test_both_rules_approach_the_differential_equation(kind: str) -> None:
    """Forward Euler's error halves with dt; exponential Euler's is there in CubaLI only."""
    node, slopes = EQUATIONS[kind]
    silent = np.zeros(len(slopes(np.zeros(2), 0.0)))
    solution = solve_ivp(lambda _, y: slopes(y, 0.75), (0, 12), silent, rtol=1e-11, atol=1e-12).y[
        0, -1
    ]

    def error(method: Any, dt: float) -> float:
        description = from_nir(
            graph(node, shape=(1,)),
            dt=dt,
            steps=round(12 / dt),
            method=method,
            input=InputEncoding(shape=(1,), bits=2, fraction_bits=2),
        )
        return float(membranes(description, [[3]])[-1, 0, 0] - solution)

    if kind == "I":
        assert error("euler", 0.1) == pytest.approx(0, abs=1e-12)
    else:
        assert error("euler", 0.05) / error("euler", 0.1) == pytest.approx(0.5, abs=0.02)
    if kind == "LI":
        assert error("exponential-euler", 1.0) == pytest.approx(0, abs=1e-9)
    if kind == "CubaLI":
        ratio = error("exponential-euler", 0.05) / error("exponential-euler", 0.1)
        assert ratio == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("kind", ["LIF", "IF", "CubaLIF"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_neurons_step_as_their_definition_written_out(kind: str, reset: Any) -> None:
    """Forward Euler in plain loops, with other numbers in each neuron."""
    random = np.random.default_rng(1)
    tau, tau_syn, r, leak, theta, back, w_in = random.uniform(0.5, 2, (7, 3))
    tau, tau_syn, dt = 5 * tau, 3 * tau_syn, 0.5
    node = {
        "LIF": nir.LIF(tau=tau, r=r, v_leak=leak - 1, v_threshold=theta, v_reset=back - 1.5),
        "IF": nir.IF(r=r, v_threshold=theta, v_reset=back - 1.5),
        "CubaLIF": nir.CubaLIF(
            tau_mem=tau,
            tau_syn=tau_syn,
            r=r,
            v_leak=leak - 1,
            v_threshold=theta,
            v_reset=back - 1.5,
            w_in=w_in,
        ),
    }[kind]
    description = from_nir(graph(node), dt=dt, steps=30, reset=reset, input=numbers((3,)))
    inputs = noise(30, (3,))
    run = run_float(description, inputs, record=True)
    v, i = np.zeros((2, 3)), np.zeros((2, 3))
    for t, given in enumerate(inputs / 4):
        if kind == "CubaLIF":
            i = i + dt / tau_syn * (w_in * given - i)
        drive = i if kind == "CubaLIF" else given
        v = v + dt * r * drive if kind == "IF" else v + dt / tau * (leak - 1 - v + r * drive)
        spike = v > theta
        v = np.where(spike, back - 1.5 if reset == "value" else v - theta, v)
        np.testing.assert_array_equal(run.spikes[0][t], spike)
        np.testing.assert_allclose(run.states[0]["v"][t], v, atol=1e-12)
    assert 15 < run.spike_counts.sum() < 160


def test_a_threshold_has_no_memory_and_is_strict() -> None:
    description = from_nir(
        graph(nir.Threshold(threshold=np.array([0.5, 1.0, 2.0]))),
        dt=1,
        steps=1,
        input=numbers((3,)),
    )
    inputs = np.array([[[2, 4, 9], [3, 5, 8]]])
    spikes = run_float(description, inputs, record=True).spikes[0]
    np.testing.assert_array_equal(spikes, inputs / 4 > [0.5, 1.0, 2.0])


def test_a_state_starts_where_it_is_told() -> None:
    node = nir.LI(tau=np.array([4.0]), r=np.array([1.0]), v_leak=np.array([0.0]))
    description = from_nir(graph(node, shape=(1,)), dt=1, steps=3, initial=2.0, input=numbers((1,)))
    found = membranes(description, np.zeros((3, 1, 1), int))[:, 0, 0]
    np.testing.assert_allclose(found, 2 * 0.75 ** np.arange(1, 4))


def test_old_files_without_v_reset_reset_to_zero() -> None:
    tree = graph(lif()).to_dict()
    del tree["nodes"]["n0"]["v_reset"]
    found = from_nir(tree, dt=1, steps=2)
    assert found == from_nir(graph(lif()), dt=1, steps=2)


def test_one_number_stands_for_all_neurons_as_snntorch_and_sinabs_write_it() -> None:
    node = lif(1)
    layers = from_nir(graph(nir.Linear(np.ones((4, 3))), node), dt=1, steps=1).layers
    assert layers[1].output_shape((4,)) == (4,)
    assert layers[1].parameters["decay"] == pytest.approx(0.8)


def test_numbers_that_differ_by_neuron_are_kept_in_as_few_axes_as_hold_them() -> None:
    shape = (2, 3, 3)
    by_channel = np.broadcast_to(np.array([1.0, 2.0])[:, None, None], shape)
    by_neuron = np.arange(1.0, 19.0).reshape(shape)
    node = nir.IF(r=np.ones(shape), v_threshold=by_channel, v_reset=by_neuron - 100)
    layer = from_nir(graph(node, shape=shape), dt=1, steps=1).layers[0]
    assert isinstance(layer, Population)
    assert layer.parameters["gain"] == 1.0
    np.testing.assert_array_equal(layer.parameters["v_threshold"], [1, 2])
    np.testing.assert_array_equal(layer.parameters["v_reset"], by_neuron - 100)
    spikes = run_float(
        from_nir(graph(node, shape=shape), dt=1, steps=9, input=numbers(shape)),
        noise(9, shape),
        record=True,
    )
    v = np.zeros((2, *shape))
    for t, given in enumerate(noise(9, shape) / 4):
        fires = v + given > by_channel
        v = np.where(fires, by_neuron - 100, v + given)
        np.testing.assert_array_equal(spikes.spikes[0][t], fires)


# Layers without neurons, read out as they are


def outputs(
    *nodes: Any, shape: tuple[int, ...], dt: float = 1.0
) -> tuple[np.ndarray, torch.Tensor]:
    """What nodes answer to noise, and the noise."""
    inputs = noise(4, shape)
    description = from_nir(graph(*nodes, shape=shape), dt=dt, steps=4, input=numbers(shape))
    assert description.readout == "membrane"
    return membranes(description, inputs), torch.from_numpy(inputs / 4)


@pytest.mark.parametrize(("padding", "stride"), [((1, 0), (2, 1)), ("same", (1, 1)), ("valid", 2)])
def test_images_are_convolved_as_by_torch(padding: Any, stride: Any) -> None:
    random = np.random.default_rng(2)
    weight, bias = random.normal(size=(4, 1, 3, 3)), random.normal(size=4)
    node = nir.Conv2d(None, weight, stride, padding, (1, 1), 2, bias)
    found, given = outputs(node, shape=(2, 7, 6))
    wanted = [
        functional.conv2d(
            frame, torch.from_numpy(weight), torch.from_numpy(bias), stride, padding, groups=2
        )
        for frame in given
    ]
    np.testing.assert_allclose(found, torch.stack(wanted), atol=1e-12)


@pytest.mark.parametrize(("padding", "dilation"), [(2, 1), ("same", 2), ("valid", 1)])
def test_lines_are_convolved_as_by_torch(padding: Any, dilation: int) -> None:
    random = np.random.default_rng(3)
    weight, bias = random.normal(size=(4, 2, 3)), random.normal(size=4)
    node = nir.Conv1d(9, weight, 1, padding, dilation, 1, bias)
    found, given = outputs(node, shape=(2, 9))
    wanted = [
        functional.conv1d(
            frame, torch.from_numpy(weight), torch.from_numpy(bias), 1, padding, dilation
        )
        for frame in given
    ]
    np.testing.assert_allclose(found, torch.stack(wanted), atol=1e-12)


@pytest.mark.parametrize("padding", [(0, 0), (1, 1)])
def test_windows_are_summed_and_averaged_as_by_torch(padding: tuple[int, int]) -> None:
    size, stride = np.array([3, 2]), np.array([2, 2])
    totals, given = outputs(nir.SumPool2d(size, stride, np.array(padding)), shape=(2, 7, 6))
    means, _ = outputs(nir.AvgPool2d(size, stride, np.array(padding)), shape=(2, 7, 6))
    wanted = torch.stack([functional.avg_pool2d(frame, (3, 2), (2, 2), padding) for frame in given])
    np.testing.assert_allclose(means, wanted, atol=1e-12)
    np.testing.assert_allclose(totals, 6 * wanted, atol=1e-12)


def test_averages_with_zeros_around_are_sums_that_are_scaled() -> None:
    def layers(padding: int) -> list[type]:
        node = nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([padding, padding]))
        found = from_nir(graph(node, shape=(1, 4, 4)), dt=1, steps=1).layers
        return [type(each) for each in found]

    assert layers(0) == [AveragePool2d, Population]
    assert layers(1) == [SumPool2d, Scale, Population]


def test_values_are_scaled_and_delayed_each_by_its_own() -> None:
    factor, delay = np.array([1.0, -2.0, 0.5]), np.array([0.0, 0.3, 0.1])
    found, given = outputs(nir.Scale(factor), nir.Delay(delay), shape=(3,), dt=0.1)
    wanted = np.zeros_like(found)
    for index, steps in enumerate((0, 3, 1)):
        wanted[steps:, :, index] = factor[index] * given.numpy()[: 4 - steps, :, index]
    np.testing.assert_array_equal(found, wanted)


def test_images_become_lines_row_by_row() -> None:
    node = nir.Flatten(np.array([2, 3, 2]), 0, -1)
    found, given = outputs(node, shape=(2, 3, 2))
    np.testing.assert_array_equal(found, given.flatten(2))


def test_integrators_inside_a_network_hand_on_their_membrane() -> None:
    random = np.random.default_rng(4)
    first, second = random.normal(size=(2, 3)), random.normal(size=(4, 2))
    node = nir.LI(tau=np.full(2, 4.0), r=np.ones(2), v_leak=np.zeros(2))
    found, given = outputs(nir.Linear(first), node, nir.Linear(second), shape=(3,))
    v = np.zeros((2, 2))
    for t, frame in enumerate(given.numpy()):
        v = v + (frame @ first.T - v) / 4
        np.testing.assert_allclose(found[t], v @ second.T, atol=1e-12)
    description = from_nir(graph(nir.Linear(first), node, nir.Linear(second)), dt=1, steps=4)
    assert isinstance(description.layers[1], Integrator)


# Graphs


def test_the_order_of_nodes_and_edges_and_repeated_edges_change_nothing() -> None:
    straight = graph(nir.Linear(np.eye(3)), lif(), nir.Linear(2 * np.eye(3)), lif())
    nodes = dict(reversed(straight.nodes.items()))
    edges = [*reversed(straight.edges), straight.edges[1]]
    mixed = nir.NIRGraph(nodes, edges, type_check=False)
    assert from_nir(mixed, dt=1, steps=3) == from_nir(straight, dt=1, steps=3)


def test_graphs_in_graphs_are_opened() -> None:
    inner = nir.NIRGraph.from_list(nir.Linear(np.eye(3)), lif())
    outer = nir.NIRGraph.from_list(inner, nir.Linear(np.ones((2, 3))), lif(2))
    flat = graph(nir.Linear(np.eye(3)), lif(), nir.Linear(np.ones((2, 3))), lif(2))
    assert from_nir(outer, dt=1, steps=3) == from_nir(flat, dt=1, steps=3)
    twice = nir.NIRGraph.from_list(outer)
    assert from_nir(twice, dt=1, steps=3) == from_nir(flat, dt=1, steps=3)


def test_edges_may_name_the_ports_of_a_graph() -> None:
    inner = nir.NIRGraph.from_list(lif())
    tree = {
        "type": "NIRGraph",
        "nodes": {"a": inner.to_dict(), "b": nir.Linear(np.ones((2, 3))).to_dict()},
        "edges": [("a.output", "b")],
    }
    found = from_nir(tree, dt=1, steps=3)
    assert [layer.kind for layer in found.layers] == ["population", "dense", "population"]


def recurrent(loop: Any, size: int = 3) -> nir.NIRGraph:
    """As snnTorch exports a recurrent layer: a graph of the neurons and their weights."""
    return nir.NIRGraph(
        nodes={
            "input": nir.Input(np.array([size])),
            "lif": lif(size),
            "w_rec": loop,
            "output": nir.Output(np.array([size])),
        },
        edges=[("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )


def test_a_neurons_own_spikes_come_back_one_step_later() -> None:
    random = np.random.default_rng(6)
    weight, bias = random.normal(size=(3, 3)), random.normal(size=3)
    nested = graph(nir.Linear(2 * np.eye(3)), recurrent(nir.Affine(weight, bias)))
    description = from_nir(nested, dt=1, steps=20, input=numbers((3,)))
    layer = description.layers[1]
    assert isinstance(layer, Recurrent)
    run = run_float(description, noise(20, (3,)), record=True)
    v, spike = np.zeros((2, 3)), np.zeros((2, 3))
    for t, given in enumerate(noise(20, (3,)) / 4):
        current = 2 * given + spike @ weight.T + bias
        v = v + (2 * current - v) / 5
        spike = (v > 1).astype(float)
        v = np.where(spike > 0, 0, v)
        np.testing.assert_array_equal(run.spikes[0][t], spike > 0)


def test_a_loop_may_run_through_the_weights_of_the_input() -> None:
    weight, bias = np.random.default_rng(7).normal(size=(3, 3)), np.array([0.1, 0.2, 0.3])
    nodes = {"input": nir.Input(np.array([3])), "w": nir.Affine(weight, bias), "lif": lif()}
    edges = [("input", "w"), ("w", "lif"), ("lif", "w"), ("lif", "output")]
    nodes["output"] = nir.Output(np.array([3]))
    dense, neurons = from_nir(nir.NIRGraph(nodes, edges), dt=1, steps=3).layers
    assert isinstance(dense, Dense)
    assert isinstance(neurons, Recurrent)
    np.testing.assert_array_equal(neurons.weight, dense.weight)
    np.testing.assert_array_equal(dense.bias, bias)
    assert neurons.bias is None


def test_branches_with_delays_become_synapses_with_delays() -> None:
    weights = np.random.default_rng(8).normal(size=(4, 3))
    early = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]], bool)
    nodes = {
        "input": nir.Input(np.array([3])),
        "late": nir.Delay(np.full(3, 0.2)),
        "w_late": nir.Linear(np.where(early, 0, weights)),
        "w_early": nir.Affine(np.where(early, weights, 0), np.full(4, 0.5)),
        "lif": lif(4),
    }
    edges = [
        ("input", "late"),
        ("input", "w_early"),
        ("late", "w_late"),
        ("w_late", "lif"),
        ("w_early", "lif"),
    ]
    layer = from_nir(nir.NIRGraph(nodes, edges, type_check=False), dt=0.1, steps=3).layers[0]
    assert isinstance(layer, DelayDense)
    np.testing.assert_array_equal(layer.weight, weights)
    np.testing.assert_array_equal(layer.delays, np.where(early, 0, 2))
    np.testing.assert_array_equal(layer.bias, np.full(4, 0.5))
