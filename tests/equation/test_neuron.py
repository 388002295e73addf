import copy
import pickle

import numpy as np
import pytest

from sc_neurocore.equation import (
    LIF,
    ArrayAlgebra,
    Neuron,
    latex_expression,
    latex_neuron,
    parse_expression,
    parse_neuron,
    step,
)
from sc_neurocore.errors import EquationError


def run(
    neuron: Neuron, current: float, steps: int, **values: float
) -> tuple[list[int], list[float]]:
    state = {name: np.array(value) for name, value in neuron.states.items()}
    spikes, trace = [], []
    for _ in range(steps):
        spike, state = step(
            neuron, state, np.array(current), neuron.resolve(values), ArrayAlgebra()
        )
        spikes.append(int(spike))
        trace.append(float(state["v"]))
    return spikes, trace


def test_lif_below_threshold_is_a_geometric_series() -> None:
    """v[t] = I (1 - beta^t) / (1 - beta) without a spike."""
    beta, current, steps = 0.8, 0.15, 40
    spikes, trace = run(LIF, current, steps, beta=beta)
    t = np.arange(1, steps + 1)
    np.testing.assert_allclose(trace, current * (1 - beta**t) / (1 - beta), rtol=1e-12)
    assert not any(spikes)


def test_lif_first_spike_time() -> None:
    """The series crosses 1 first at t = ceil(log(1 - (1 - beta)/I) / log(beta))."""
    beta, current = 0.9, 0.13
    spikes, _ = run(LIF, current, 60, beta=beta)
    assert spikes.index(1) + 1 == np.ceil(np.log(1 - (1 - beta) / current) / np.log(beta))


def test_reaching_the_threshold_exactly_fires() -> None:
    spikes, trace = run(LIF, 1.0, 1)
    assert (spikes, trace) == ([1], [0.0])


@pytest.mark.parametrize(
    ("kind", "after_spike"), [("subtract", 0.5), ("zero", 0.0), ("none", 1.5), (-0.25, -0.25)]
)
def test_reset_kinds(kind: str | float, after_spike: float) -> None:
    spikes, trace = run(LIF.with_reset(kind), 1.5, 1)
    assert (spikes, trace) == ([1], [after_spike])


def test_unknown_reset_names_the_choices() -> None:
    with pytest.raises(EquationError, match="'subtract', 'zero', 'none' or a finite number"):
        LIF.with_reset("soft")  # type: ignore[arg-type]


def test_later_lines_see_earlier_results_and_after_sees_the_spike() -> None:
    neuron = parse_neuron(
        """
        neuron Order
        state v = 0
        state w = 0
        update v = v + I
        update w = w + v
        spike w >= 2
        reset w = w - 2
        reset v = v + w
        after v = v + 10*s
        """
    )
    state = {"v": np.array(1.0), "w": np.array(0.5)}
    spike, new = step(neuron, state, np.array(0.75), {}, ArrayAlgebra())
    # v = 1.75, w = 2.25, fires; w = 0.25, v = 2.0; after: v = 12
    assert (float(spike), float(new["w"]), float(new["v"])) == (1.0, 0.25, 12.0)


def test_parameters_are_checked() -> None:
    assert LIF.resolve({"beta": 0.5}) == {"beta": 0.5, "threshold": 1.0}
    with pytest.raises(EquationError, match=r"beta = 1.0: the parameter must lie in \(0, 1\)"):
        LIF.resolve({"beta": 1.0})
    with pytest.raises(EquationError, match="no parameter 'tau'; it has beta, threshold"):
        LIF.resolve({"tau": 2.0})


def test_neurons_are_values() -> None:
    assert pickle.loads(pickle.dumps(LIF)) == LIF
    assert copy.deepcopy(LIF) == LIF
    assert hash(parse_neuron(str(LIF))) == hash(LIF)
    with pytest.raises(TypeError):
        LIF.states["v"] = 1.0  # type: ignore[index]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("beta*v + I", r"\beta \, v + I"),
        ("(v - v_rest)/tau_m", r"\frac{v - v_{\mathrm{rest}}}{\tau_{\mathrm{m}}}"),
        ("2*(a + b)", r"2 \, \left(a + b\right)"),
        ("v*2", r"v \cdot 2"),
        ("exp(-(v/2))", r"\exp\left(-\frac{v}{2}\right)"),
        ("abs(threshold)", r"\left|\mathrm{threshold}\right|"),
        (
            "select(v >= 1, a, 1e-9)",
            r"\begin{cases}a & v \ge 1 \\ 1 \cdot 10^{-9} & \text{otherwise}\end{cases}",
        ),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert latex_expression(parse_expression(text)) == latex


def test_latex_of_a_neuron_has_a_row_per_line_in_order() -> None:
    rows = latex_neuron(LIF).splitlines()[1:-1]
    assert rows == [
        r"v &\leftarrow \beta \, v + I \\",
        r"s &= \left[\,v \ge \mathrm{threshold}\,\right] \\",
        r"v &\leftarrow v - \mathrm{threshold} && \text{where } s = 1",
    ]
