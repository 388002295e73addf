"""What parts of a number format can do without: constants, states, locals and the current."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.trials import Chosen, Tried

_MOST_GIVEN_UP = 10
"""So many trials are for what single states, the current and constants can do without."""

Change: TypeAlias = Callable[[FixedPoint, int], FixedPoint]
"""Makes formats narrower, by so many bits where it can."""


def given_up(
    chosen: Chosen, changes: Sequence[Change], attempt: Callable[[FixedPoint], Tried]
) -> Chosen:
    """Let single formats lose bits, as long as it is enough."""
    formats, tried = chosen.formats, list(chosen.tried)
    refused: set[FixedPoint] = set()
    for amount in (3, 1):
        for change in changes:
            fewer = change(formats, amount)
            if fewer == formats or fewer in refused or len(refused) >= _MOST_GIVEN_UP:
                continue
            try:
                found = attempt(fewer)
            except UserError:  # a constant became 0
                refused.add(fewer)
                continue
            tried.append(found)
            if found.is_enough:
                formats = fewer
            else:
                refused.add(fewer)
    tried.sort(key=lambda each: (each.width, not each.is_enough))
    return Chosen(formats, tuple(tried))


def fewer_constants(formats: FixedPoint, amount: int) -> FixedPoint:
    """Make constants narrower."""
    bits = max(formats.constant_fraction_bits - amount, 1)
    return replace(formats, constant_fraction_bits=bits)


def fewer_current_bits(formats: FixedPoint, amount: int) -> FixedPoint:
    """Make the current narrower."""
    return replace(formats, own_current=_narrower(formats.current, amount))


def fewer_bits_of(name: str, is_local: bool) -> Change:
    """Return what makes a state or local narrower."""

    def change(formats: FixedPoint, amount: int) -> FixedPoint:
        form = formats.of(name, is_local=is_local)
        own = {**dict(formats.own), name: _narrower(form, amount)}
        return formats if own[name] == form else replace(formats, own=tuple(own.items()))

    return change


def _narrower(form: QFormat, amount: int) -> QFormat:
    least = min(max(2 - form.integer_bits, 0), form.fraction_bits)
    return replace(form, fraction_bits=max(form.fraction_bits - amount, least))
