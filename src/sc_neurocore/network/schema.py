"""Checked, immutable data for descriptions, and the arrays in them."""

from __future__ import annotations

import reprlib
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
)
from pydantic_core import ErrorDetails

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import DescriptionError

MAXIMUM_STEPS = 65535
"""Time steps of a sample, and of a delay."""
MAXIMUM_AXES = 8
MAXIMUM_VALUES = 1 << 24
"""Values of one sample that go from a layer to the next."""
MAXIMUM_AT_WORK = 1 << 28
"""Numbers that a layer holds for one sample while it takes a step."""
MAXIMUM_LENGTH = 1 << 16
"""Of a padding, stride, dilation or window along an axis; no image is longer in practice."""
MAXIMUM_LAYERS = 1000

Shape: TypeAlias = tuple[int, ...]
Length: TypeAlias = Annotated[int, Field(ge=1, le=MAXIMUM_LENGTH)]
Padding: TypeAlias = Annotated[int, Field(ge=0, le=MAXIMUM_LENGTH)]


def _as_array(value: Any, info: ValidationInfo) -> NDArray[Any]:
    """Accept numbers, nested lists and arrays; keep float32 as it is, make the rest float64."""
    try:
        array = np.array(value)
    except (TypeError, ValueError):
        raise ValueError(f"{shown(value)}: expected numbers, in lists of equal lengths") from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{info.field_name} has type {array.dtype}: expected numbers")
    if array.dtype not in (np.float32, np.int32, np.int64):
        array = array.astype(np.float64)
    if not np.isfinite(array).all():
        where = np.argwhere(~np.isfinite(array))[0].tolist()
        raise ValueError(
            f"{info.field_name}{where} is {array[tuple(where)]}: expected finite numbers"
        )
    array.setflags(write=False)
    return array


def _as_delays(value: Any, info: ValidationInfo) -> NDArray[np.int64]:
    """Accept whole numbers of steps; equal delays are equal content, whatever type they came in."""
    array = _as_array(value, info)
    if (array < 0).any() or (array != np.round(array)).any():
        raise ValueError("delays are whole numbers of steps, 0 or more")
    if array.size and array.max() > MAXIMUM_STEPS:
        raise ValueError(f"a delay of {array.max():.0f} steps: expected at most {MAXIMUM_STEPS}")
    return _as_array(array.astype(np.int64), info)


def _as_parameter(value: Any, info: ValidationInfo) -> float | NDArray[np.float64]:
    """Accept a number, or several, which become float64."""
    if not np.ndim(value):
        return value  # type: ignore[no-any-return]  # checked as a float next
    return _as_array(_as_array(value, info).astype(np.float64), info)


def _as_pair(value: Any) -> Any:
    """Accept two numbers, for rows and for columns, or one for both."""
    if isinstance(value, int):
        return value, value
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ValueError(
            f"{shown(value)}: expected two whole numbers, for rows and for columns, or one for both"
        )
    return value


def _as_neuron(value: Any) -> Neuron:
    if isinstance(value, Neuron):
        return value
    if isinstance(value, str):
        return parse_neuron(value)
    raise ValueError(f"a neuron is equation text or a Neuron, not {type(value).__name__}")


Pair: TypeAlias = Annotated[tuple[Padding, Padding], BeforeValidator(_as_pair)]
PositivePair: TypeAlias = Annotated[tuple[Length, Length], BeforeValidator(_as_pair)]
CheckedArray = Annotated[NDArray[Any], BeforeValidator(_as_array)]
Delays = Annotated[NDArray[np.int64], BeforeValidator(_as_delays)]
Parameter = Annotated[float | NDArray[np.float64], BeforeValidator(_as_parameter)]
NeuronText = Annotated[Neuron, BeforeValidator(_as_neuron), PlainSerializer(str)]


class Model(BaseModel):
    """Checked, immutable data; what does not hold raises `DescriptionError`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __init__(self, /, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise DescriptionError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Put pydantic's findings in one sentence each: the place, what stands there, what is asked."""
    findings = []
    for finding in error.errors(include_url=False):
        place = ""
        for part in finding["loc"]:
            place += f"[{part}]" if isinstance(part, int) else f".{part}" if place else str(part)
        findings.append(_finding(place, finding))
    return "; ".join(findings)


_LIMITS = {
    "greater_than_equal": "at least {ge}",
    "greater_than": "more than {gt}",
    "less_than_equal": "at most {le}",
    "less_than": "less than {lt}",
    "missing": "a value",
    "string_pattern_mismatch": "text that matches {pattern}",
    "tuple_type": "several values",
    "too_long": "at most {max_length} of them",
    "too_short": "at least {min_length} of them",
}


def _finding(place: str, finding: ErrorDetails) -> str:
    kind, message, context = finding["type"], finding["msg"], finding.get("ctx", {})
    if kind == "value_error":  # a sentence of ours
        message = message.removeprefix("Value error, ")
        return f"{place}: {message}" if place else message
    if kind == "extra_forbidden":
        return f"{place} = {shown(finding['input'])}: there is no such field"
    if kind == "union_tag_not_found":
        return f"{place}: {context['discriminator']} is missing: expected the name of a kind"
    if kind == "union_tag_invalid":
        name, tag = context["discriminator"], context["tag"]
        return f"{place}: {name} = {tag!r}: expected one of {context['expected_tags']}"
    given = "missing" if kind == "missing" else shown(finding["input"])
    known = _LIMITS.get(kind)
    expected = known.format(**context) if known else message.removeprefix("Input should be ")
    return f"{place or 'it'} is {given}: expected {expected}"


def shown(value: Any) -> str:
    """Return a value in a few words: it may be large."""
    return reprlib.repr(value)
