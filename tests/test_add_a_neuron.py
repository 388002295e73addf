"""The neuron of docs/add-a-neuron.md goes the whole way from one entry in the catalogue.

What holds for every neuron is tested for this one too where the others are: the fixture `neuron`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from sc_neurocore.data import load_digits, split
from sc_neurocore.equation import Neuron
from sc_neurocore.equation.surrogate import atan_surrogate
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, QFormat, evaluate, lower
from sc_neurocore.hdl.equation_compiler import emit_neuron
from sc_neurocore.training import RunOptions, SpikingNet, TrainingOptions, catalogue, fit, train
from sc_neurocore.verify.equivalence import prove_step

A, B, C, D, GAIN, DT = 0.02, 0.2, -65.0, 8.0, 40.0, 0.5


def by_hand(currents: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Izhikevich's two lines and his reset, step by step."""
    v, u = np.full(currents.shape[1:], -65.0), np.full(currents.shape[1:], -13.0)
    rows = []
    for current in currents:
        dv = 0.04 * v * v + 5 * v + 140 - u + GAIN * current
        du = A * (B * v - u)
        v, u = v + DT * dv, u + DT * du
        fired = v >= 30
        v, u = np.where(fired, C, v), np.where(fired, u + D, u)
        rows.append((fired, v, u))
    return tuple(np.array(column) for column in zip(*rows, strict=True))  # type: ignore[return-value]


@pytest.mark.parametrize("backend", ["eager", "auto"])
def test_its_cell_steps_as_written_by_hand(izhikevich: Neuron, backend: str) -> None:
    cell = catalogue.IzhikevichCell(backend=backend)
    currents = np.random.default_rng(0).uniform(-0.2, 0.6, (400, 2, 3))
    spikes, _, trace = cell.unroll(torch.from_numpy(currents), record=("v", "u"))
    expected_spikes, v, u = by_hand(currents)
    assert 20 < expected_spikes.sum() < 800
    np.testing.assert_array_equal(spikes.numpy(), expected_spikes)
    np.testing.assert_allclose(trace.v.numpy(), v, rtol=1e-6)
    np.testing.assert_allclose(trace.u.numpy(), u, rtol=1e-6)


def test_its_parameters_can_be_learnt_and_a_network_of_it_learns(izhikevich: Neuron) -> None:
    options: dict[str, Any] = {"surrogate": atan_surrogate(0.01), "learn_a": True, "learn_d": True}
    torch.manual_seed(0)
    net = SpikingNet(64, 32, 10, cell=catalogue.IzhikevichCell, **options)
    digits = split(load_digits(), 0)
    history = fit(net, digits.train, options=TrainingOptions(epochs=4))
    assert history.epochs[-1].loss < 0.9 * history.epochs[0].loss
    for cell in (net.layers[1], net.layers[3]):
        assert cell.parameter_values()["d"] != 8
    run = train(digits, RunOptions(8, neuron="Izhikevich", training=TrainingOptions(epochs=1)))
    assert run.description.layers[1].neuron == izhikevich


def test_its_integers_follow_its_floats(izhikevich: Neuron) -> None:
    program = lower(izhikevich, FixedPoint(QFormat(8, 8)))
    currents = np.full((200, 1), 0.3)
    _, v, _ = by_hand(currents)
    state = {"v": np.array([-65 << 8]), "u": np.array([-13 << 8])}
    found = []
    for current in currents:
        inputs = {**state, "current": np.round(current * 256).astype(np.int64)}
        output = evaluate(program.program, inputs, NumpyIntegers(program.program))
        state = {name: output[f"{name}_next"] for name in state}
        found.append(int(state["v"][0]) / 256)
    before = int(np.argmax(v[:, 0] == C))  # rounding shifts later spikes
    assert before > 2
    np.testing.assert_allclose(found[:before], v[:before, 0], atol=1.0)
    assert abs(found.count(C) - int((v == C).sum())) <= 1


def test_its_verilog_is_proved(izhikevich: Neuron, require_tool: Callable[..., None]) -> None:
    require_tool("yosys", "z3")
    program = lower(izhikevich, FixedPoint(QFormat(8, 8)))
    verilog = emit_neuron(program)
    result = prove_step(program, verilog.step, f"{verilog.name}_step")
    assert result.status == "proved", result.detail
