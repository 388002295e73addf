"""What a state dict says of a cell, compared with the cell before anything is loaded."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from torch import Tensor, nn

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.errors import UserError

EQUATION = "_extra_state"


class Loadable(Protocol):
    """What is asked of a cell."""

    neuron: Neuron
    free: nn.ParameterDict
    fixed: Any

    def get_extra_state(self) -> Tensor:
        """Return its equation."""
        ...


def check_loading(cell: Loadable, state_dict: dict[str, Any], prefix: str) -> None:
    """Refuse the numbers of another neuron, which might fit by their names and shapes.

    A state dict from before releases wrote fixed parameters into it holds no numbers for them: the
    cell keeps its own, and a warning says which.

    Args:
        cell: The cell.
        state_dict: What is loaded; for those of before, it is completed.
        prefix: The cell's name and a dot.

    Raises:
        UserError: If the equation, a shape or the range of a number is another one.
    """
    name = prefix.rstrip(".") or "the cell"
    mine = _text(cell.get_extra_state())
    theirs = state_dict.get(f"{prefix}{EQUATION}")
    if isinstance(theirs, Tensor) and _text(theirs) != mine:
        there, here = _first_difference(_text(theirs), mine)
        raise UserError(
            f"{name}: the state dict is of another neuron, which has {there!r} where this one has "
            f"{here!r}: make the cell as it was made there"
        )
    numbers = cell.fixed.numbers()
    if theirs is None:
        state_dict[f"{prefix}{EQUATION}"] = cell.get_extra_state()
        missing = [each for each in numbers if f"{prefix}fixed.{each}" not in state_dict]
        for each in missing:
            state_dict[f"{prefix}fixed.{each}"] = cell.fixed.get_buffer(each)
        if missing:
            kept = ", ".join(f"{each} = {numbers[each]:g}" for each in missing)
            warnings.warn(
                f"{name}: the state dict does not say {', '.join(missing)}, as those of releases "
                f"before did not; the cell keeps {kept}: make sure that it was trained with this, "
                f"and save it anew",
                stacklevel=2,
            )
    for key, value in _own(cell):
        loaded = state_dict.get(f"{prefix}{key}")
        # PyTorch would load the first of several into a single number.
        if isinstance(loaded, Tensor) and loaded.shape != value.shape:
            raise UserError(
                f"{name}: {key} has shape {tuple(loaded.shape)} in the state dict and "
                f"{tuple(value.shape)} here: make the cell with the channels that it had there"
            )
    for each in numbers:
        loaded = state_dict.get(f"{prefix}fixed.{each}")
        if isinstance(loaded, Tensor) and loaded.device.type != "meta":
            cell.neuron.parameters[each].check(f"{name}: {each}", float(loaded))


def _own(cell: Loadable) -> Iterator[tuple[str, Tensor]]:
    values: Mapping[str, Mapping[str, Tensor]] = {
        "fixed": dict(cell.fixed.named_buffers()),
        "free": dict(cell.free.items()),
    }
    for group, tensors in values.items():
        for name, tensor in tensors.items():
            yield f"{group}.{name}", tensor


def _text(stored: Tensor) -> str:
    return bytes(int(each) for each in stored.flatten().tolist()).decode(errors="replace")


def _first_difference(there: str, here: str) -> tuple[str, str]:
    lines = [text.splitlines() for text in (there, here)]
    longest = max(map(len, lines))
    padded = [[*each, *["nothing"] * (longest - len(each))] for each in lines]
    return next(pair for pair in zip(*padded, strict=True) if pair[0] != pair[1])
