"""Every neuron of the catalogue against the closed forms that its paper gives it."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, ArrayAlgebra, Neuron, find_neuron, parse_neuron, step
from sc_neurocore.errors import EquationError

STATES = {
    "LIF": ("v",),
    "IF": ("v",),
    "Synaptic": ("i", "v"),
    "ALIF": ("v", "a"),
    "ExpIF": ("v",),
    "AdEx": ("v", "w"),
    "Lapicque": ("v",),
    "Alpha": ("i_exc", "i_inh", "v"),
    "SecondOrderLIF": ("a", "v"),
}
NEVER = 1e9


def run(name: str, currents: Any, dtype: type = np.float64, **values: float) -> dict[str, Any]:
    """Return the spikes `s` and every state after each step."""
    neuron = find_neuron(name)
    parameters = neuron.resolve(values)
    state = {key: dtype(value) for key, value in neuron.states.items()}
    history: dict[str, list[Any]] = {key: [] for key in ("s", *neuron.states)}
    for current in np.asarray(currents, dtype):
        spike, state = step(neuron, state, current, parameters, ArrayAlgebra())
        history["s"].append(spike)
        for key, value in state.items():
            history[key].append(value)
    return {key: np.array(values) for key, values in history.items()}


def impulse(steps: int) -> np.ndarray:
    return np.eye(1, steps)[0]


def test_the_catalogue_has_nine_equations_with_these_states_in_this_order() -> None:
    assert {name: tuple(neuron.states) for name, neuron in CATALOGUE.items()} == STATES


def test_every_entry_is_text_with_a_source_and_can_be_read_out(neuron: Neuron) -> None:
    assert parse_neuron(str(neuron)) == neuron
    assert re.search(r"\b(19|20)\d\d\b", neuron.description)
    assert neuron.membrane == "v"
    for kind in ("subtract", "zero", "none", -0.5):
        assert parse_neuron(str(neuron.with_reset(kind))).name == neuron.name


@pytest.mark.parametrize("name", STATES)
def test_a_current_of_one_makes_it_fire_and_none_keeps_it_at_rest(name: str) -> None:
    assert 0.2 < run(name, np.full(100, 1.0))["s"].mean() <= 1
    assert 0 < run(name, np.full(100, 0.15))["s"].sum() < 60
    assert run(name, np.zeros(100))["s"].sum() == 0
    assert run(name, np.full(100, -1.0))["s"].sum() == 0


huge = st.one_of(
    st.floats(-(2.0**100), 2.0**100, width=32), st.sampled_from([2.0**100, 1.0, -1.0, 89.0])
)


@given(st.lists(huge, min_size=1, max_size=30))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_input_makes_a_nan_or_an_infinity(neuron: Neuron, currents: list[float]) -> None:
    with np.errstate(over="ignore"):  # what overflows on the way must be cut off
        found = run(neuron.name, currents, dtype=np.float32)
    for key, values in found.items():
        assert np.isfinite(values).all(), key


def test_if_fires_once_for_every_threshold_of_input() -> None:
    currents = np.random.default_rng(0).uniform(0, 1, 500)
    found = run("IF", currents)
    np.testing.assert_array_equal(np.cumsum(found["s"]), np.floor(np.cumsum(currents)))


def test_synaptic_answers_an_impulse_with_a_difference_of_exponentials() -> None:
    alpha, beta = 0.7, 0.9
    found = run("Synaptic", impulse(40), alpha=alpha, beta=beta, threshold=NEVER)
    n = np.arange(40)
    np.testing.assert_allclose(found["i"], alpha**n, rtol=1e-12)
    expected = (beta ** (n + 1) - alpha ** (n + 1)) / (beta - alpha)
    np.testing.assert_allclose(found["v"], expected, rtol=1e-12)


def test_alif_counts_its_spikes_in_a_and_fires_where_the_raised_threshold_says() -> None:
    rho, beta_adapt = 0.9, 0.5
    found = run("ALIF", np.full(200, 0.4), rho=rho, beta_adapt=beta_adapt)
    n = np.arange(200)
    trace = np.array([(rho ** (t - n[: t + 1]) * found["s"][: t + 1]).sum() for t in n])
    np.testing.assert_allclose(found["a"], trace, rtol=1e-12, atol=1e-15)
    level = 1 + beta_adapt * np.concatenate([[0], trace[:-1]])
    before_reset = found["v"] + level * found["s"]
    np.testing.assert_array_equal(found["s"], before_reset >= level)
    times = np.flatnonzero(found["s"])
    assert np.diff(times)[0] < np.diff(times)[-1]  # it adapts
    assert run("LIF", np.full(200, 0.4))["s"].sum() > found["s"].sum()


def test_exp_if_fires_above_its_rheobase_and_rests_below() -> None:
    """The rheobase, v_T - delta_T in units of the membrane, is Fourcaud-Trocmé's."""
    beta, v_T, delta_T = 0.8, 0.7, 0.1
    values = {"beta": beta, "v_T": v_T, "delta_T": delta_T}
    rheobase = (1 - beta) * (v_T - delta_T)
    below = run("ExpIF", np.full(3000, rheobase * 0.999), **values)
    assert below["s"].sum() == 0
    v = below["v"][-1]
    drive = (1 - beta) * (v - delta_T * np.exp((v - v_T) / delta_T))
    assert drive == pytest.approx(rheobase * 0.999)
    assert v < v_T
    assert run("ExpIF", np.full(3000, rheobase * 1.001), **values)["s"].sum() > 1


def test_adex_rests_on_its_nullclines_and_adds_b_with_every_spike() -> None:
    beta, rho, a, b = 0.9, 0.95, 0.05, 0.3
    values = {"beta": beta, "rho": rho, "a": a, "b": b}
    rest = run("AdEx", np.full(2000, 0.05), **values)
    v, w = rest["v"][-1], rest["w"][-1]
    assert rest["s"].sum() == 0
    assert w == pytest.approx(a * v)
    leak = (1 - beta) * (v - 0.2 * np.exp((v - 0.8) / 0.2))
    assert leak + w == pytest.approx(0.05)
    found = run("AdEx", np.full(60, 0.5), **values)
    old = {key: np.concatenate([[0], found[key][:-1]]) for key in ("v", "w")}
    expected = rho * old["w"] + (1 - rho) * a * old["v"] + b * found["s"]
    np.testing.assert_allclose(found["w"], expected, rtol=1e-12)
    assert found["s"].sum() > 1


def test_lapicque_charges_as_a_resistor_and_a_capacitor_whatever_the_step() -> None:
    tau, R, v_rest, current = 7.0, 3.0, -0.2, 0.4
    values = {"tau": tau, "R": R, "v_rest": v_rest, "threshold": NEVER}
    for dt in (0.1, 1.0, 30.0):
        found = run("Lapicque", np.full(20, current), dt=dt, **values)
        t = dt * np.arange(1, 21)
        level = v_rest + R * current
        expected = level + (0 - level) * np.exp(-t / tau)
        np.testing.assert_allclose(found["v"], expected, rtol=1e-12)


def test_alpha_answers_an_impulse_with_an_alpha_function_of_either_sign() -> None:
    decays = {"alpha_exc": 0.8, "alpha_inh": 0.6, "beta": 0.8, "threshold": NEVER}
    n = np.arange(40)
    excited = run("Alpha", 2 * impulse(40), **decays)
    np.testing.assert_allclose(excited["v"], 2 * (n + 1) * 0.8**n, rtol=1e-12)
    assert not excited["i_inh"].any()
    inhibited = run("Alpha", -2 * impulse(40), **decays)
    expected = -2 * (0.8 ** (n + 1) - 0.6 ** (n + 1)) / (0.8 - 0.6)
    np.testing.assert_allclose(inhibited["v"], expected, rtol=1e-12)
    np.testing.assert_allclose(inhibited["i_inh"], 2 * 0.6**n, rtol=1e-12)
    assert not inhibited["i_exc"].any()


def test_second_order_lif_is_a_damped_oscillator_and_without_inertia_it_is_lif() -> None:
    alpha, beta, current = 0.95, 0.8, 0.1
    found = run("SecondOrderLIF", np.full(400, current), alpha=alpha, beta=beta, threshold=NEVER)
    level = current / (1 - beta)
    # (a, v) turns by one matrix per step around (0, level).
    pull = (1 - alpha) * (1 - beta)
    matrix = np.array([[alpha, -pull], [alpha, 1 - pull]])
    deviations = [np.linalg.matrix_power(matrix, n) @ [0, -level] for n in (1, 10, 100, 400)]
    expected = [level + deviation[1] for deviation in deviations]
    np.testing.assert_allclose(found["v"][[0, 9, 99, 399]], expected, rtol=1e-10)
    assert found["v"].max() > 1.2 * level  # it overshoots
    currents = np.random.default_rng(1).normal(0.1, 0.3, 200)
    inert = run("SecondOrderLIF", currents, alpha=1e-14)
    np.testing.assert_allclose(inert["v"], run("LIF", currents)["v"], atol=1e-9)


def test_a_reset_kind_is_about_the_state_that_fires() -> None:
    adex = find_neuron("AdEx")
    assert [str(line) for line in adex.with_reset("zero").reset] == ["v = 0", "w = w + b"]
    assert [str(line) for line in adex.with_reset("none").reset] == ["w = w + b"]
    again = adex.with_reset("none").with_reset("subtract")
    assert [str(line) for line in again.reset] == ["v = v - threshold", "w = w + b"]


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(EquationError, match="no neuron 'LIFE' in the catalogue; known: LIF, IF"):
        find_neuron("LIFE")
