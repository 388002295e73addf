"""Numbers that a user gives to a loader."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sc_neurocore.errors import UserError


def check_whole(**values: Any) -> None:
    """Raise unless every value is a whole number of at least 1."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise UserError(f"{name} = {value!r}: expected at least 1, a whole number")


def check_real(**values: Any) -> None:
    """Raise unless every value is a number."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise UserError(f"{name} = {value!r}: expected a number")
