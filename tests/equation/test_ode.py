"""Differential equations against SciPy's solver, closed forms, and what a stranger gets wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sc_neurocore.equation import ArrayAlgebra, Neuron, Parameter, parse_neuron, step
from sc_neurocore.errors import EquationError

CURRENT = 0.7


def integrate(
    neuron: Neuron, duration: float, dt: float, current: float = CURRENT
) -> dict[str, float]:
    state: Mapping[str, Any] = {name: np.float64(value) for name, value in neuron.states.items()}
    parameters = neuron.resolve({"dt": dt})
    for _ in range(round(duration / dt)):
        _, state = step(neuron, state, np.float64(current), parameters, ArrayAlgebra())
    return {name: float(value) for name, value in state.items()}


def fitzhugh(method: str = "euler") -> Neuron:
    """FitzHugh's model: cubic, and each equation reads the other's state."""
    return Neuron.from_equations(
        """
        dv/dt = v - v**3/3 - w + I
        dw/dt = (v + a - b*w)/tau
        """,
        states={"v": -1.0, "w": -0.5},
        parameters={"a": 0.7, "b": 0.8, "tau": 12.5},
        spike="v >= 1000",
        method=method,  # type: ignore[arg-type]
    )


def coupled(method: str) -> Neuron:
    """A membrane, its synapse and its adaptation: affine, each reading the others."""
    return Neuron.from_equations(
        """
        dv/dt = (-(v - v_rest) + R*(i - w))/tau_m
        di/dt = -i/tau_s + I
        dw/dt = (a*(v - v_rest) - w)/tau_w
        """,
        states={"v": -0.5, "i": 0.3, "w": 0.1},
        parameters={"v_rest": -0.2, "R": 2, "tau_m": 10, "tau_s": 4, "tau_w": 30, "a": 0.4},
        spike="v >= 1000",
        method=method,  # type: ignore[arg-type]
    )


def exact(neuron: str, duration: float) -> dict[str, float]:
    def fitzhugh_rates(t: float, y: np.ndarray) -> list[float]:
        v, w = y
        return [v - v**3 / 3 - w + CURRENT, (v + 0.7 - 0.8 * w) / 12.5]

    def coupled_rates(t: float, y: np.ndarray) -> list[float]:
        v, i, w = y
        return [
            (-(v + 0.2) + 2 * (i - w)) / 10,
            -i / 4 + CURRENT,
            (0.4 * (v + 0.2) - w) / 30,
        ]

    rates, start, names = {
        "fitzhugh": (fitzhugh_rates, [-1.0, -0.5], ("v", "w")),
        "coupled": (coupled_rates, [-0.5, 0.3, 0.1], ("v", "i", "w")),
    }[neuron]
    solution = solve_ivp(rates, (0, duration), start, rtol=1e-11, atol=1e-12)
    return dict(zip(names, solution.y[:, -1].tolist(), strict=True))


@pytest.mark.parametrize(
    ("name", "neuron"),
    [
        ("fitzhugh", fitzhugh()),
        ("coupled", coupled("euler")),
        ("coupled", coupled("exponential-euler")),
    ],
)
def test_both_methods_converge_with_order_one(name: str, neuron: Neuron) -> None:
    """Halving the step halves the error of every state."""
    duration = 8.0
    expected = exact(name, duration)
    errors = [
        {key: value - expected[key] for key, value in integrate(neuron, duration, dt).items()}
        for dt in (1 / 64, 1 / 128)
    ]
    for key in expected:
        assert abs(errors[1][key]) < 0.02
        if abs(errors[0][key]) > 1e-9:  # i depends on no other state: exact
            assert errors[0][key] / errors[1][key] == pytest.approx(2, rel=0.06)


@pytest.mark.parametrize(
    ("equation", "tau", "level"),
    [
        ("(-(v - v_rest) + R*I)/tau", 20, -0.3 + 4 * CURRENT),
        ("-v/tau + I/C", 20, 20 * CURRENT / 2),
        ("(v_rest - v)*k + I", 1 / 0.03, -0.3 + CURRENT / 0.03),
        ("-(k*v) - k*v + I", 1 / 0.06, CURRENT / 0.06),
        ("I - 0.1*v", 10, 10 * CURRENT),
        ("-(v*2)/tau", 10, 0),
        ("-v/(tau*C) + (I - v_rest)/(C*2)", 40, 40 * (CURRENT + 0.3) / 4),
    ],
)
@pytest.mark.parametrize("dt", [0.01, 1.0, 500.0])
def test_exponential_euler_is_exact_for_an_affine_equation(
    equation: str, tau: float, level: float, dt: float
) -> None:
    neuron = Neuron.from_equations(
        f"dv/dt = {equation}",
        states={"v": 0.4},
        parameters={"v_rest": -0.3, "R": 4, "tau": 20, "C": 2, "k": 0.03},
        spike="v >= 1000",
        method="exponential-euler",
    )
    found = integrate(neuron, 7 * dt, dt)["v"]
    assert found == pytest.approx(level + (0.4 - level) * np.exp(-7 * dt / tau), rel=1e-11)


def test_without_a_leak_both_methods_are_the_same() -> None:
    for method in ("euler", "exponential-euler"):
        neuron = parse_neuron(
            f"neuron N\nstate v = 0\nmethod {method}\ndv/dt = 3*I\nspike v >= 1000"
        )
        assert integrate(neuron, 5, 0.5) == {"v": pytest.approx(5 * 3 * CURRENT)}


@pytest.mark.parametrize("order", [("dx/dt = y", "dy/dt = -x"), ("dy/dt = -x", "dx/dt = y")])
def test_every_right_hand_side_reads_the_old_states(order: tuple[str, str]) -> None:
    neuron = Neuron.from_equations(
        "\n".join(order), states={"x": 1, "y": 2}, spike="x >= 99", dt=0.5
    )
    assert integrate(neuron, 0.5, 0.5) == {"x": 1 + 0.5 * 2, "y": 2 - 0.5 * 1}
    assert parse_neuron(str(neuron)) == neuron


def test_the_update_is_what_one_would_write() -> None:
    def update(equation: str, method: str) -> list[str]:
        text = f"""
            neuron N
            state v = 0
            parameter tau = 20 in (0, inf)
            parameter v_rest = 0
            parameter R = 1
            method {method}
            dv/dt = {equation}
            spike v >= 1
            """
        return [str(line) for line in parse_neuron(text).update]

    equation = "(-(v - v_rest) + R*I)/tau"
    assert update(equation, "euler") == ["v = v + dt/tau*(-(v - v_rest) + R*I)"]
    assert update(equation, "exponential-euler") == [
        "v = v*exp(-dt/tau) + (v_rest + R*I)*(1 - exp(-dt/tau))"
    ]
    assert update("-v/tau", "exponential-euler") == ["v = v*exp(-dt/tau)"]
    assert update("I", "exponential-euler") == ["v = v + dt*I"]


def test_only_what_would_be_read_too_late_becomes_a_local() -> None:
    lines = [str(line) for line in coupled("exponential-euler").update]
    assert [line.split(" = ")[0] for line in lines] == ["local v_new", "i", "w", "v"]
    taken = Neuron.from_equations(
        "dv/dt = w\ndw/dt = v",
        states={"v": 0, "w": 0, "v_new": 0},
        spike="v >= 1",
    )
    assert str(taken.update[0]) == "local v_new_ = v + dt*w"


def test_lines_around_the_equations_keep_their_order() -> None:
    neuron = parse_neuron(
        """
        neuron N
        state v = 0
        state u = 0
        update local drive = I*I
        dv/dt = drive - u
        du/dt = v
        update u = min(u, 5)
        spike v >= 1
        reset v = 0
        after u = u + s
        """
    )
    assert [line.target for line in neuron.update] == ["drive", "v_new", "u", "v", "u"]
    assert neuron.parameters["dt"] == Parameter(1.0, 0.0)


def test_keywords_and_lines_say_the_same() -> None:
    by_keyword = Neuron.from_equations(
        "dv/dt = (-v + R*I)/tau  # the membrane",
        name="Membrane",
        states={"v": 0},
        parameters={"tau": Parameter(20, low=0), "R": np.float32(2)},
        spike="v >= 1",
        reset=["v = 0"],
        method="exponential-euler",
        dt=0.5,
        description="A membrane.",
    )
    by_line = Neuron.from_equations(
        """
        neuron Membrane
        state v = 0
        parameter tau = 20 in (0, inf)
        parameter R = 2
        parameter dt = 0.5 in (0, inf)
        method exponential-euler
        dv/dt = (-v + R*I)/tau
        spike v >= 1
        reset v = 0
        """
    )
    assert by_keyword == by_line
    assert by_keyword.description == "A membrane."
    assert by_line.resolve({"dt": 2.0})["dt"] == 2.0


GOOD: dict[str, Any] = {
    "states": {"v": 0},
    "parameters": {"tau": 20, "v_rest": 0, "k": 0},
    "spike": "v >= 1",
}


@pytest.mark.parametrize(
    ("text", "changes", "message", "column"),
    [
        ("dv/dt = (v_rst - v)/tau", {}, r"line 1: unknown name 'v_rst' \(did you mean 'v_rest'", 9),
        ("\n dw/dt = v", {}, "line 2: 'w' has an equation but no initial value; add: state w", 2),
        ("dv/dt = v\ndv/dt = 1", {}, "line 2: a second equation for 'v'", 1),
        ("dv/dt = v^2", {}, "line 1: unexpected character", 9),
        ("dv/dt = (v", {}, "line 1: this is not an expression", 8),
        ("dv/dt = -v : 1", {}, "line 1: dv/dt times dt is in ms: expected no unit", 7),
        ("dv/dt = v", {"spike": "v >= vt"}, "unknown name 'vt'", 11),
        ("dv/dt = v", {"reset": "v == 0"}, "expected an assignment", 6),
        ("dv/dt = v", {"method": "rk4"}, "unknown method 'rk4'; known: euler, exponential", 7),
        (
            "dv/dt = -v + v*v",
            {"method": "exponential-euler"},
            r"affine in v, and v\*v is not; use method euler",
            9,
        ),
        ("dv/dt = 1/v", {"method": "exponential-euler"}, "1/v is not; use method euler", 10),
        ("dv/dt = min(v, 1)", {"method": "exponential-euler"}, r"min\(v, 1\) is not", 12),
        ("dv/dt = -v*I", {"method": "exponential-euler"}, "-I moves with I; use method euler", 9),
        ("dv/dt = -k*v", {"method": "exponential-euler"}, "-k is 0 with the default", 11),
        ("dv/dt = -v/0", {"method": "exponential-euler"}, "-1/0 is inf with the default", 9),
        (
            "dv/dt = v\nupdate v = 0\ndw/dt = w",
            {"states": {"v": 0, "w": 0}},
            "line 3: the differential equations are one step taken together",
            0,
        ),
    ],
)
def test_errors_show_the_line_and_a_caret(
    text: str, changes: dict[str, Any], message: str, column: int
) -> None:
    with pytest.raises(EquationError, match=message) as caught:
        Neuron.from_equations(text, **GOOD | changes)
    line, caret = str(caught.value).split("\n")[-2:]
    assert caret.index("^") - 4 == column, line


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("dv/dt = v", {"spike": None}, "no 'spike CONDITION' line"),
        ("dv/dt = v", {"states": {"v": "x"}}, "v = 'x': expected a number"),
        ("dv/dt = v", {"states": {"v": float("nan")}}, "'nan' is not a finite number"),
        ("dv/dt = v", {"dt": 0.0}, r"dt = 0.0: the parameter must lie in \(0, inf\)"),
        ("dv/dt = v", {"dt": 1.0, "parameters": {"k": [1]}}, r"k = \[1\]: expected a number"),
        ("update v = I", {"method": "euler"}, "no differential equation, such as dv/dt"),
        ("state v = 1\ndv/dt = v", {}, "'v' is declared twice"),
        ("dv/dt = v", {"reset": "w = 0"}, "'w' is not a state of Custom"),
    ],
)
def test_what_is_missing_is_named(text: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(EquationError, match=message):
        Neuron.from_equations(text, **GOOD | changes)
