"""How time passes through the layers of a network, and what cannot pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.training.adjustable import Adjustable
from sc_neurocore.training.hooks import has_hooks
from sc_neurocore.training.paths import Join, Mark

_OVER_SEQUENCES = (nn.RNNBase, nn.MultiheadAttention)
"""Modules that take one of their axes for time, or for places between which they mix."""


def check_layer(layer: Any, index: int) -> None:
    """Raise unless a network can run the layer.

    A layer that does not say how time passes sees the steps as further samples. What is in it must
    not look from one to the next.
    """
    place = f"layers[{index}]"
    if isinstance(layer, type) and issubclass(layer, nn.Module):
        raise UserError(
            f"{place}: found the class {layer.__name__}, expected a layer: {layer.__name__}(...)"
        )
    if not isinstance(layer, nn.Module):
        raise UserError(
            f"{place}: found {shown(layer)}, expected a torch module, such as nn.Linear(784, 128), "
            f"or a cell; networks take their layers one by one, or in an nn.Sequential"
        )
    if isinstance(layer, Adjustable) or getattr(layer, "over_time", False):
        return
    for name, inner in layer.named_modules():
        holds = _holds(inner)
        if holds:
            kind, what = type(layer).__name__, f" {name!r}" if name else ""
            raise UserError(
                f"{place} ({kind}): its {type(inner).__name__}{what} {holds}, but {kind} does not "
                f"say how time passes through it, so that steps of time and samples of the batch "
                f"would be mixed. Declare it: the class attribute over_time = True, and "
                f"forward(self, x, steps=None) that takes (T, batch, ...), runs its cells by "
                f"cell.unroll(x)[0], and returns (T, batch, ...)"
            )


def check_last(layers: Sequence[nn.Module]) -> None:
    """Raise unless the last of the layers is a cell."""
    if not layers or not isinstance(layers[-1], Adjustable):
        last = type(layers[-1]).__name__ if layers else "nothing"
        raise UserError(f"a spiking network ends with a cell, not with {last}")


def _holds(module: nn.Module) -> str | None:
    if isinstance(module, Adjustable):
        return "is a cell, which runs over time"
    if getattr(module, "over_time", False):
        return "works over time"
    if isinstance(module, _OVER_SEQUENCES):
        return "takes an axis for a sequence"
    return None


def of_one_frame(layer: nn.Module, index: int, x: Tensor) -> Tensor:
    """Return what an ordinary layer makes of samples (n, ...), some of which may be later steps."""
    try:
        y = layer(x)
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError, ValueError, IndexError) as error:
        if isinstance(error, UserError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        raise UserError(
            f"layers[{index}] ({type(layer).__name__}) cannot take {tuple(x.shape)}, type "
            f"{x.dtype}: {reason}{_advice(layer, x)}"
        ) from error
    if not isinstance(y, Tensor) or y.ndim < 2 or len(y) != len(x):
        found = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else shown(y)
        raise UserError(
            f"layers[{index}] ({type(layer).__name__}) answered {tuple(x.shape)} with {found}: "
            f"expected a tensor of the same first axis, the samples, and one axis more at least"
        )
    return y


def _advice(layer: nn.Module, x: Tensor) -> str:
    if isinstance(layer, nn.modules.batchnorm._BatchNorm) and len(x) == 1:
        return (
            "; of a batch of one there are no statistics: choose a batch_size that leaves no "
            "single sample over, or leave the last batch out"
        )
    if isinstance(layer, nn.Linear) and x.ndim > 2 and x[0].numel() == layer.in_features:
        return f"; nn.Flatten() before it makes {layer.in_features} of {tuple(x.shape[1:])}"
    if isinstance(layer, nn.Linear):
        return f"; it takes {layer.in_features} values in the last axis"
    if isinstance(layer, nn.Conv2d):
        return f"; it takes (n, {layer.in_channels}, rows, columns)"
    return ""


def over_time(
    layer: nn.Module,
    index: int,
    x: Tensor,
    state: Any,
    steps: int | None,
    goes_on: bool,
    keeps: bool,
) -> tuple[Tensor, Any]:
    """Return what a layer makes of a whole sequence, and its state where it has one.

    Args:
        layer: Declares `over_time`.
        index: Its place.
        x: As for the layer.
        state: Of this layer, or None.
        steps: As for the layer.
        goes_on: Whether the network has a state, so that a layer that forgot its own would begin
            anew in the middle of a sequence.
        keeps: Whether the state is asked for.
    """
    place = f"layers[{index}] ({type(layer).__name__})"
    length = len(x) if steps is None else steps
    after = None
    unroll: Any = getattr(layer, "unroll", None)
    if unroll is not None and (goes_on or keeps):
        y, after = unroll(x, state, steps)
    elif goes_on:
        raise UserError(
            f"{place} works over time and cannot go on from a state: give it a method "
            f"unroll(x, state=None, steps=None) that returns (y, state)"
        )
    else:
        y = layer(x, steps=steps)
    if not isinstance(y, Tensor) or y.ndim < 2 or len(y) != length:
        found = f"shape {tuple(y.shape)}" if isinstance(y, Tensor) else shown(y)
        raise UserError(
            f"{place} works over time and answered {length} steps with {found}: expected "
            f"({length}, batch, ...)"
        )
    return y, after


def joined(
    join: Join,
    index: int,
    x: Tensor,
    steps: int | None,
    seen: Mapping[Mark, tuple[Tensor, int | None]],
) -> tuple[Tensor, int | None]:
    """Return what goes on behind a join, and the steps where all of it is static.

    Args:
        join: The join.
        index: Its place.
        x: What arrives.
        steps: How long it acts, where it is static.
        seen: What marks have seen, and for how many steps where that is static.
    """
    if join.mark not in seen:
        raise UserError(
            f"layers[{index}] (a join): its mark is not among the layers before it: replace blocks "
            f"as a whole"
        )
    other, static = seen[join.mark]
    if steps is not None and static is not None:  # no neurons so far
        return join.joined(x.unsqueeze(0), other.unsqueeze(0), index).squeeze(0), steps
    if join.how == "instead":
        return other, static
    if steps is not None:
        x = x.expand(steps, *x.shape)
    if static is not None:
        other = other.expand(static, *other.shape)
    return join.joined(x, other, index), None


def name_marks(layers: Sequence[nn.Module]) -> None:
    """Tell marks where they stand."""
    for index, layer in enumerate(layers):
        if isinstance(layer, Mark):
            layer.index = index


def averages_squares(module: nn.Module) -> bool:
    """Whether a layer averages over squares of 2 x 2, which a cell can do on the way."""
    if not isinstance(module, nn.AvgPool2d) or has_hooks(module):
        return False
    size, stride, padding = (
        value if isinstance(value, tuple) else (value, value)
        for value in (module.kernel_size, module.stride, module.padding)
    )
    plain = not module.ceil_mode and module.divisor_override is None
    return size == stride == (2, 2) and padding == (0, 0) and plain
