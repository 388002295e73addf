"""Derivatives against finite differences, autograd's conventions, and closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import (
    SURROGATES,
    ArrayAlgebra,
    Constant,
    Expression,
    Symbol,
    evaluate,
    parse_expression,
)
from sc_neurocore.equation.derivative import ADJOINTS, gradient, simplify, substitute
from sc_neurocore.equation.expression import OPERATORS, operation
from sc_neurocore.kernels.eager import TorchAlgebra

NAMES = ("x", "y", "z")


def value(expression: Expression, environment: dict[str, Any]) -> Any:
    return evaluate(expression, environment, ArrayAlgebra())


def autograd(expression: Expression, environment: dict[str, Any]) -> dict[str, Any]:
    leaves = {name: torch.tensor(x, requires_grad=True) for name, x in environment.items()}
    result: Any = evaluate(expression, leaves, TorchAlgebra(dtype=torch.float64))
    gradients = torch.autograd.grad(
        result.sum(), list(leaves.values()), allow_unused=True, materialize_grads=True
    )
    return dict(zip(leaves, (g.numpy() for g in gradients), strict=True))


def test_every_operator_has_a_rule_per_operand() -> None:
    for name, operator in OPERATORS.items():
        if not operator.is_condition and name != "select":
            assert len(ADJOINTS[name]) == operator.arity


expressions = st.recursive(
    st.one_of(
        st.sampled_from([Symbol(name) for name in NAMES]),
        st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]).map(Constant),
    ),
    lambda inner: st.one_of(
        st.builds(operation, st.sampled_from(["+", "-", "*", "min", "max"]), inner, inner),
        st.builds(operation, st.sampled_from(["neg", "abs", "tanh", "sigmoid"]), inner),
        st.builds(
            lambda a, b, c, d: operation("select", operation("<", a, b), c, d),
            inner,
            inner,
            inner,
            inner,
        ),
        st.builds(lambda a, b: a / (operation("abs", b) + 1), inner, inner),
        st.builds(lambda a: operation("exp", operation("min", a, Constant(2.0))), inner),
    ),
    max_leaves=12,
)


@given(expression=expressions, seed=st.integers(0, 100))
@settings(deadline=None, max_examples=200)
def test_gradients_equal_autograd(expression: Expression, seed: int) -> None:
    expression = expression + 0.0 * Symbol("x")  # so that autograd has something to follow
    random = np.random.default_rng(seed)
    environment = {name: random.normal(size=20) for name in NAMES}
    expected = autograd(expression, environment)
    found = gradient(expression)
    for name in NAMES:
        derivative = found.get(name, Constant(0.0))
        ours = np.broadcast_to(value(derivative, environment), 20)
        np.testing.assert_allclose(ours, expected[name], rtol=1e-10, atol=1e-12)


@given(expression=expressions, seed=st.integers(0, 100))
@settings(deadline=None, max_examples=100)
def test_simplification_keeps_the_value(expression: Expression, seed: int) -> None:
    random = np.random.default_rng(seed)
    environment = {name: random.normal(size=20) for name in NAMES}
    simple = simplify(expression)
    before, after = (np.broadcast_to(value(each, environment), 20) for each in (expression, simple))
    np.testing.assert_allclose(after, before, rtol=1e-12, atol=1e-14)
    assert simplify(simple) == simple


@pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=str)
def test_surrogates_can_be_differentiated(surrogate: Any) -> None:
    # Away from the corners, against central differences.
    x = np.linspace(-2.03, 2.07, 173)
    alpha, step = np.float64(surrogate.alpha), 1e-6
    pulse = surrogate.derivative
    slope = gradient(pulse).get("x", Constant(0.0))
    ours = np.broadcast_to(value(slope, {"x": x, "alpha": alpha}), x.shape)
    left, right = (value(pulse, {"x": x + d, "alpha": alpha}) for d in (-step, step))
    np.testing.assert_allclose(ours, (right - left) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        ("min(x, y)", (1.0, 1.0), (1, 0)),
        ("max(x, y)", (1.0, 1.0), (1, 0)),
        ("abs(x) + y", (0.0, 1.0), (0, 1)),
        ("select(x >= y, 2*x, 3*y)", (1.0, 1.0), (2, 0)),
        ("select(x > y, 2*x, 3*y)", (1.0, 1.0), (0, 3)),
    ],
)
def test_ties_go_where_the_eager_kernel_sends_them(
    text: str, at: tuple[float, float], expected: tuple[float, float]
) -> None:
    expression = parse_expression(text)
    environment = dict(zip("xy", map(np.array, at), strict=True))
    found = gradient(expression)
    ours = [float(value(found.get(name, Constant(0.0)), environment)) for name in "xy"]
    assert ours == list(expected)
    assert [float(g) for g in autograd(expression, environment).values()] == list(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0*x + 1*y", "y"),
        ("x - 0 + 0", "x"),
        ("0 - x", "-x"),
        ("x + -y", "x - y"),
        ("x - -y", "x + y"),
        ("x*(-1)", "-x"),
        ("select(x > 0, y, y)", "y"),
        ("select(1 > 0, x, y)", "x"),
        ("2*3 + x/1", "6 + x"),
        ("-(-x)*exp(0)", "x"),
    ],
)
def test_trivial_terms_vanish(text: str, expected: str) -> None:
    assert str(simplify(parse_expression(text))) == expected


def test_generated_gradients_are_what_one_would_write() -> None:
    found = gradient(parse_expression("beta*v + I"), Symbol("g"))
    assert {name: str(share) for name, share in found.items()} == {
        "beta": "g*v",
        "v": "g*beta",
        "I": "g",
    }
    assert str(substitute(parse_expression("a*x + b"), {"a": Constant(0.0)})) == "b"
