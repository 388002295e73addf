"""Every surrogate against its published closed form, written out by hand in float64."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from sc_neurocore.equation import SURROGATES, ArrayAlgebra, evaluate
from sc_neurocore.errors import EquationError

CLOSED_FORMS: dict[str, Callable[[Any, float], Any]] = {
    "atan_surrogate": lambda x, a: a / (2 * (1 + (np.pi / 2 * a * x) ** 2)),
    "fast_sigmoid": lambda x, k: k / (1 + k * np.abs(x)) ** 2,
    "superspike": lambda x, b: (b * np.abs(x) + 1) ** -2.0,
    "sigmoid_surrogate": lambda x, k: k / (2 + 2 * np.cosh(k * x)),
    "straight_through": lambda x, k: np.where(np.abs(x) <= 1 / k, 1.0, 0.0),
    "triangular": lambda x, k: np.clip(1 - k * np.abs(x), 0, None),
    "gaussian": lambda x, k: np.exp(-((x * k) ** 2) / 2) / np.sqrt(2 * np.pi / k**2),
    "piecewise_quadratic": lambda x, k: np.where(k * np.abs(x) < 1, k - k**2 * np.abs(x), 0),
}
AREAS = {
    "atan_surrogate": lambda alpha: 1,
    "fast_sigmoid": lambda alpha: 2,
    "superspike": lambda alpha: 2 / alpha,
    "sigmoid_surrogate": lambda alpha: 1,
    "straight_through": lambda alpha: 2 / alpha,
    "triangular": lambda alpha: 1 / alpha,
    "gaussian": lambda alpha: 1,
    "piecewise_quadratic": lambda alpha: 1,
}
X = np.concatenate([np.linspace(-4, 4, 801), [-30.0, 30.0, 1e-9, -1e-9]])


def pulse(name: str, alpha: float, x: Any) -> Any:
    environment = {"x": x, "alpha": alpha}
    return evaluate(SURROGATES[name].derivative, environment, ArrayAlgebra())


def test_there_are_eight() -> None:
    assert list(SURROGATES) == list(CLOSED_FORMS)


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("alpha", [None, 0.3, 1.0, 5.5])
def test_a_surrogate_is_its_closed_form(name: str, alpha: float | None) -> None:
    alpha = alpha or SURROGATES[name].alpha
    # At an edge of the window one rounding decides the side.
    inside = np.abs(np.abs(X) * alpha - 1) > 1e-9
    found, expected = pulse(name, alpha, X), CLOSED_FORMS[name](X, alpha)
    np.testing.assert_allclose(found[inside], expected[inside], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_a_surrogate_is_an_even_pulse_that_a_larger_alpha_makes_narrower(name: str) -> None:
    found = pulse(name, 2.0, X)
    np.testing.assert_allclose(found, pulse(name, 2.0, -X), rtol=1e-15)
    assert (np.diff(pulse(name, 2.0, np.linspace(0, 10, 999))) <= 0).all()
    widths = [pulse(name, alpha, 0.4) / pulse(name, alpha, 0.0) for alpha in (0.5, 2.0, 8.0)]
    assert widths == sorted(widths, reverse=True) and widths[0] > widths[-1]


@pytest.mark.parametrize("name", CLOSED_FORMS)
@pytest.mark.parametrize("alpha", [0.5, 2.0])
def test_its_area_is_as_documented(name: str, alpha: float) -> None:
    from scipy.integrate import quad

    edges = (0, 1 / alpha, 1e3, np.inf)
    half = sum(
        quad(lambda x: float(pulse(name, alpha, np.float64(x))), low, high)[0]
        for low, high in pairwise(edges)
    )
    assert 2 * half == pytest.approx(AREAS[name](alpha), rel=1e-6)


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_the_far_tails_are_numbers(name: str) -> None:
    with np.errstate(over="ignore", under="ignore"):
        for x in (np.float32(1e38), np.float32(-1e38), np.float64(1e300)):
            assert 0 <= pulse(name, SURROGATES[name].alpha, x) < 1e-4


@pytest.mark.parametrize("name", CLOSED_FORMS)
def test_it_says_what_its_number_means_and_where_it_comes_from(name: str) -> None:
    surrogate = SURROGATES[name]
    assert surrogate(5.0).alpha == 5.0 and surrogate(5.0).derivative == surrogate.derivative
    assert re.search(r"\b20\d\d\b", surrogate.reference)
    for wrong in (0, -1, float("nan"), float("inf")):
        message = f"{name}: alpha = {wrong}: .*{surrogate.meaning[:9]}"
        with pytest.raises(EquationError, match=message):
            surrogate(wrong)
