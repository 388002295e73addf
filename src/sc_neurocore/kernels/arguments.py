"""What kernels are given, checked before they run."""

from __future__ import annotations

import inspect
import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import UserError

FLOATS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


def check_sequence(
    neuron: Neuron, currents: Any, steps: Any, lengths: Any, record: Sequence[str]
) -> int | None:
    """Raise `UserError` for arguments that no kernel could run; return the number of steps.

    Args:
        neuron: The model.
        currents: See `eager.unroll`, as the others.
        steps: None, or a whole number of any type.
        lengths: None, or whole numbers from 0 to T. Only those on the CPU are looked at: others
            would have to be waited for.
        record: Names of states.
    """
    number = check_currents("currents", currents, steps)
    unknown = [name for name in record if name not in neuron.states]
    if unknown:
        raise UserError(
            f"record={unknown[0]!r}: {neuron.name} has no such state; it has "
            f"{', '.join(neuron.states)}"
        )
    if lengths is not None:
        size, batch = currents.shape[:2] if number is None else (number, currents.shape[0])
        _check_lengths(lengths, batch, size, currents)
    return number


def check_currents(what: str, currents: Any, steps: Any) -> int | None:
    """Raise `UserError` unless it is a sequence, or with steps one frame; return the steps."""
    if not isinstance(currents, Tensor):
        raise UserError(
            f"{what}: found {shown(currents)}, expected a torch tensor of floats; torch.as_tensor "
            f"makes one of arrays and lists"
        )
    if currents.dtype not in FLOATS:
        raise UserError(
            f"{what}: found type {currents.dtype}, expected a float type of 16 bits or more; use "
            f".float()"
        )
    if currents.layout != torch.strided:
        raise UserError(f"{what}: found a sparse tensor, expected a dense one; use .to_dense()")
    if steps is None and (currents.ndim < 2 or currents.shape[0] < 1):
        raise UserError(
            f"{what}: found shape {tuple(currents.shape)}, expected (T, batch, ...) with T >= 1; "
            f"for what is the same at every step give steps=T"
        )
    if steps is not None and currents.ndim < 1:
        raise UserError(f"{what}: found a single number, expected (batch, ...) with steps=T")
    return None if steps is None else as_whole("steps", steps)


def as_whole(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number of at least `least`; numpy's count too, truth values do not."""
    number = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif not isinstance(value, bool) and hasattr(type(value), "__index__"):
        try:
            number = operator.index(value)
        except TypeError:  # an array or a tensor of several values, or of fractions
            number = None
    if number is None or number < least:
        raise UserError(f"{name} = {shown(value)}: expected a whole number of at least {least}")
    return number


def as_seed(name: str, value: Any) -> int:
    """Return a whole number that PyTorch's generators take for a seed."""
    seed = as_whole(name, value, -(1 << 63))
    if seed >= 1 << 63:
        raise UserError(f"{name} = {seed}: expected a whole number below 2 ** 63")
    return seed


def check_numbers(**values: Any) -> None:
    """Raise unless every value is a number; truth values and texts are none."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, Real):
            raise UserError(f"{name} = {shown(value)}: expected a number")


def check_called(**callbacks: Any) -> None:
    """Raise unless every one is a function."""
    for name, value in callbacks.items():
        if not callable(value):
            raise UserError(f"{name} = {shown(value)}: expected a function that is called with it")


def check_takes(option: str, function: Any, *names: str) -> None:
    """Raise unless a function can be called with arguments of these names, in their order."""
    try:
        inspect.signature(function).bind(*names)
    except TypeError as error:
        raise UserError(
            f"{option}={shown(function)}: {error}; it is called as {option}({', '.join(names)})"
        ) from None
    except ValueError:  # a function without a signature
        pass


def shown(value: Any) -> str:
    """Return what a message says of a value: short ones as they are, others by their type."""
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"a {type(value).__name__}"


def _check_lengths(lengths: Any, batch: int, steps: int, currents: Tensor) -> None:
    expected = f"a tensor of {batch} whole numbers from 0 to {steps}, one per sequence"
    found = None
    if not isinstance(lengths, Tensor):
        found = f"{shown(lengths)}; torch.tensor makes one"
    elif lengths.shape != (batch,):
        found = f"shape {tuple(lengths.shape)}"
    elif lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        found = f"type {lengths.dtype}"
    elif lengths.device != currents.device:
        found = f"device {lengths.device} for currents on {currents.device}"
    elif batch and lengths.device.type == "cpu" and not torch.compiler.is_compiling():
        least, most = int(lengths.min()), int(lengths.max())
        found = f"{least} to {most}" if least < 0 or most > steps else None
    if found is not None:
        raise UserError(f"lengths: expected {expected}, found {found}")
