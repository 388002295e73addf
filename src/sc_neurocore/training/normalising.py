"""Normalised values: `Normalize` and BatchNorm, and how exporting folds them into weights.

Both give every channel a factor and a shift. Behind a layer with weights these go into that layer;
in front of one, into that one. In float64, then rounded once to the type of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from sc_neurocore.errors import UserError
from sc_neurocore.network.layers import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    DelayDense,
    Dense,
    Flatten,
    Layer,
    MaxPool2d,
    Weighted,
)
from sc_neurocore.network.schema import Shape

W = TypeVar("W", bound=Weighted)


class Normalize(nn.Module):
    """Values of known mean and deviation made (x - mean) / deviation, in front of a network.

    Inputs of the hardware are whole numbers of 0 and more, each worth 2 ** -fraction_bits. Signed
    values, from -1 to 1, are these with a shift: x = (u - 0.5) / 0.5 of u from 0 to 1.

    Args:
        mean: A number, or one per channel, the first axis of a sample.
        deviation: Likewise, not 0.

    Raises:
        UserError: For other numbers.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Any = 0.0, deviation: Any = 1.0) -> None:
        super().__init__()
        for name, given in (("mean", mean), ("deviation", deviation)):
            try:
                value = torch.as_tensor(given).detach().to(torch.get_default_dtype())
                is_good = value.ndim <= 1 and value.numel() > 0 and bool(value.isfinite().all())
            except (TypeError, ValueError, RuntimeError):
                is_good = False
            if not is_good or (name == "deviation" and not bool((value != 0).all())):
                raise UserError(
                    f"{name} = {given!r}: expected a number, or one for each channel"
                    f"{', none of them 0' if name == 'deviation' else ''}"
                )
            self.register_buffer(name, value.clone())

    def extra_repr(self) -> str:
        """Say the numbers, for printing and for checkpoints."""
        return f"mean={self.mean.tolist()}, deviation={self.deviation.tolist()}"

    def forward(self, x: Tensor) -> Tensor:
        """Return (batch, channels, ...) normalised."""
        mean, deviation = (
            each.view(-1, *(1,) * (x.ndim - 2)) if each.ndim else each
            for each in (self.mean, self.deviation)
        )
        return (x - mean) / deviation


@dataclass(frozen=True)
class Affine:
    """Factors and shifts of channels, or of all values: value * scale + shift.

    Attributes:
        scale: A number, one per channel, or one per value of a row.
        shift: Likewise.
    """

    scale: NDArray[np.float64]
    shift: NDArray[np.float64]

    @classmethod
    def of(cls, module: Normalize | _BatchNorm) -> Affine:
        """Return what a module does when it is evaluated."""
        if isinstance(module, Normalize):
            scale = 1 / _double(module.deviation)
            return cls(scale, -_double(module.mean) * scale)
        mean, variance = module.running_mean, module.running_var
        if mean is None or variance is None:
            raise UserError(
                "track_running_stats=False: it has no statistics to evaluate with, only those of "
                "each batch, which no weights can stand for"
            )
        scale = 1 / np.sqrt(_double(variance) + module.eps)
        shift: Any = 0.0
        if module.affine:
            scale = scale * _double(module.weight)
            shift = _double(module.bias)
        return cls(scale, shift - _double(mean) * scale)

    def before(self, other: Affine) -> Affine:
        """Return both as one, this one first."""
        return Affine(
            np.asarray(self.scale * other.scale),
            np.asarray(self.shift * other.scale + other.shift),
        )

    def check(self, shape: Shape | None) -> None:
        """Raise `UserError` unless there are as many numbers as channels."""
        for each in (self.scale, self.shift):
            if shape is not None and each.ndim and len(each) != shape[0]:
                raise UserError(f"{len(each)} features for values of shape {shape}")

    def through(self, layer: Layer, shape: Shape | None) -> Affine | None:
        """Return the same behind a layer without weights, or None where it does not pass.

        Args:
            layer: The layer.
            shape: What arrives there.
        """
        if isinstance(layer, AveragePool2d):
            return self
        if isinstance(layer, MaxPool2d):
            return self if (self.scale > 0).all() else None
        if not isinstance(layer, Flatten):
            return None
        if not (self.scale.ndim or self.shift.ndim):
            return self
        if shape is None:
            raise UserError(
                "what is behind it needs the shape of the input: describe the network first, by "
                "to_description"
            )
        values = int(np.prod(shape[1:], dtype=np.int64))
        return Affine(
            *(
                np.repeat(np.broadcast_to(each, shape[:1]), values)
                for each in (self.scale, self.shift)
            )
        )

    def into_next(self, layer: W) -> W:
        """Return a layer that takes values as they were before.

        Raises:
            UserError: If it adds zeros of its own, which would not be shifted.
        """
        weight = np.asarray(layer.weight, dtype=np.float64)
        groups = layer.groups if isinstance(layer, Conv1d | Conv2d) else 1
        inputs = weight.shape[1] * groups
        scale, shift = (np.broadcast_to(each, (inputs,)) for each in (self.scale, self.shift))
        adds_zeros = isinstance(layer, DelayDense) and bool(layer.delays.any())
        if isinstance(layer, Conv1d | Conv2d):
            adds_zeros = bool(np.any(layer.padding))
        if adds_zeros and shift.any():
            raise UserError(
                f"its shift is not that of the zeros which the {layer.kind} behind it puts around "
                f"the values, or before the first step: take padding=0 there, or a mean of 0"
            )
        if isinstance(layer, Dense | DelayDense):
            return _with_numbers(layer, weight * scale, layer.bias, weight @ shift)
        rest = (1,) * (weight.ndim - 2)
        each = len(weight) // groups
        own = scale.reshape(groups, -1).repeat(each, axis=0)
        shifts = shift.reshape(groups, -1).repeat(each, axis=0)
        added = (weight.sum(axis=tuple(range(2, weight.ndim))) * shifts).sum(axis=1)
        return _with_numbers(layer, weight * own.reshape(*own.shape, *rest), layer.bias, added)

    def into_last(self, layer: W) -> W:
        """Return a layer whose outputs are what they are behind this."""
        outputs = len(layer.weight)
        for each in (self.scale, self.shift):
            if each.ndim and len(each) != outputs:
                raise UserError(f"{len(each)} features behind a layer with {outputs} outputs")
        scale = np.broadcast_to(self.scale, (outputs,))
        bias = np.zeros(outputs) if layer.bias is None else layer.bias
        weight = layer.weight * scale.reshape(-1, *(1,) * (layer.weight.ndim - 1))
        return _with_numbers(layer, weight, bias * scale, self.shift)


def _with_numbers(layer: W, weight: Any, bias: Any, added: Any) -> W:
    dtype = layer.weight.dtype
    total = np.broadcast_to((0.0 if bias is None else bias) + added, (len(weight),))
    folded = {"weight": weight.astype(dtype), "bias": total.astype(dtype)}
    return type(layer)(**{**dict(layer), **folded})


def _double(tensor: Tensor) -> NDArray[np.float64]:
    return np.asarray(tensor.detach().cpu().double().numpy())
