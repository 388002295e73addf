"""slope*x + rest is the expression again, for whatever numbers the names stand for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import (
    ArrayAlgebra,
    Constant,
    Expression,
    Symbol,
    evaluate,
    parse_expression,
)
from sc_neurocore.equation.affine import NotAffineError, affine
from sc_neurocore.equation.expression import operation, symbols

factors = st.recursive(
    st.one_of(
        st.sampled_from(["a", "b", "c"]).map(Symbol),
        st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5]).map(Constant),
    ),
    lambda inner: st.one_of(
        st.builds(operation, st.sampled_from(["+", "-", "*"]), inner, inner),
        st.builds(operation, st.just("/"), inner, st.sampled_from(["a", "b"]).map(Symbol)),
        st.builds(operation, st.sampled_from(["neg", "exp"]), inner),
    ),
    max_leaves=4,
)
affine_expressions = st.recursive(
    st.one_of(st.just(Symbol("x")), factors),
    lambda inner: st.one_of(
        st.builds(operation, st.sampled_from(["+", "-"]), inner, inner),
        st.builds(operation, st.just("*"), inner, factors),
        st.builds(operation, st.just("*"), factors, inner),
        st.builds(operation, st.just("/"), inner, st.sampled_from(["a", "b"]).map(Symbol)),
        st.builds(operation, st.just("neg"), inner),
    ),
    max_leaves=8,
)


@given(affine_expressions, st.floats(-3, 3))
def test_the_parts_make_the_whole(expression: Expression, x: float) -> None:
    numbers = {"a": 0.7, "b": -1.3, "c": 0.2, "x": x}
    parts = affine(expression, "x")
    assert "x" not in {*symbols(parts.slope), *symbols(parts.rest)}
    algebra = ArrayAlgebra()
    slope, rest = (float(evaluate(part, numbers, algebra)) for part in (parts.slope, parts.rest))
    whole = float(evaluate(expression, numbers, algebra))
    assert slope * x + rest == pytest.approx(whole, rel=1e-9, abs=1e-9 * (abs(slope * x) + 1))


@pytest.mark.parametrize(
    ("text", "slope", "rest"),
    [
        ("(-(x - a) + b)/c", "-1/c", "(a + b)/c"),
        ("x/a + x/b", "1/a + 1/b", "0"),
        ("(x/a)*a", "1", "0"),
        ("a*b", "0", "a*b"),
        ("x - x", "0", "0"),
        ("x/(-a)", "-1/a", "0"),
        ("2*x/(b/a)", "2*a/b", "0"),
        ("exp(a)*(3 - x)", "-exp(a)", "exp(a)*3"),
    ],
)
def test_parts_are_written_plainly(text: str, slope: str, rest: str) -> None:
    parts = affine(parse_expression(text), "x")
    assert (str(parts.slope), str(parts.rest)) == (slope, rest)


@pytest.mark.parametrize(
    ("text", "culprit"),
    [("x*x + x", "x*x"), ("1/x", "1/x"), ("a*exp(x)", "exp(x)"), ("abs(x) + 1", "abs(x)")],
)
def test_what_is_not_affine_is_named(text: str, culprit: str) -> None:
    with pytest.raises(NotAffineError) as caught:
        affine(parse_expression(text), "x")
    assert str(caught.value.part) == culprit
