"""Fine-tuning for integer weights of a chosen width.

In the forward pass every weight is what its integer is worth; in the backward pass rounding is the
identity, and clipping stops the gradient: the straight-through estimator of Bengio, Léonard and
Courville, Estimating or propagating gradients through stochastic neurons, arXiv:1308.3432, 2013.

The unit of a layer is a power of two, fixed at the beginning by the rule that `fixed.quantize` has.
When the training ends every weight is a whole number of units, so that quantising loses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.utils import _pair
from torch.nn.utils import parametrize

from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import MAXIMUM_WEIGHT_BITS, best_scale_bits
from sc_neurocore.training.delays import DelayLinear
from sc_neurocore.training.export import flattened
from sc_neurocore.training.layers import Factor
from sc_neurocore.training.networks import SpikingSequential, check_sequential
from sc_neurocore.training.normalising import Normalize
from sc_neurocore.training.recurrent import RecurrentCell
from sc_neurocore.training.straight_through import straight_through

_Net = TypeVar("_Net", bound=SpikingSequential)
_WEIGHTED = (nn.Linear, nn.Conv1d, nn.Conv2d, DelayLinear)


@contextmanager
def integer_aware(net: _Net, weight_bits: int | Sequence[int]) -> Iterator[_Net]:
    """Let a network compute with integer weights as long as the context lasts, to be trained.

        with integer_aware(net, 4):
            fit(net, train, options=options)
        network = quantize(net.to_description(...), weight_bits=4)

    Args:
        net: Linear, convolutional, delayed and recurrent layers with cells between them; BatchNorm
            is folded first, by `SpikingSequential.from_description(net.to_description(...))`.
            When the context ends, its weights are rounded.
        weight_bits: Bits of a weight, 2 to 24: for all layers, or one number for each layer with
            weights, from input to output; recurrent cells are one.

    Raises:
        UserError: If a number of bits is not one, or numbers do not match the layers, or a layer
            scales what its integers are worth by something else than a power of two.
    """
    check_sequential(net)
    layers = list(_weights(net))
    for layer, name in layers:
        if parametrize.is_parametrized(layer, name):
            raise UserError(
                f"{type(layer).__name__}.{name} is computed from something else already, such as "
                f"by another integer_aware or a parametrization of torch: leave that first"
            )
    widths = [weight_bits] * len(layers) if isinstance(weight_bits, int) else list(weight_bits)
    if len(widths) != len(layers):
        raise UserError(
            f"weight_bits={weight_bits!r}: expected one number, or {len(layers)}, one for each "
            f"layer with weights"
        )
    for width in widths:
        if (
            isinstance(width, bool)
            or not isinstance(width, int)
            or not 2 <= width <= MAXIMUM_WEIGHT_BITS
        ):
            raise UserError(
                f"weight_bits={weight_bits!r}: expected 2 to {MAXIMUM_WEIGHT_BITS}, whole"
            )
    entered: list[tuple[nn.Module, str]] = []
    try:
        for (layer, name), width in zip(layers, widths, strict=True):
            rule = _Rounded(getattr(layer, name), width)
            # "unsafe" leaves out a trial run; shape and type stay as they are.
            parametrize.register_parametrization(layer, name, rule, unsafe=True)
            entered.append((layer, name))
        yield net
    finally:
        for layer, name in entered:
            parametrize.remove_parametrizations(layer, name, leave_parametrized=True)


def _weights(net: SpikingSequential) -> Iterator[tuple[nn.Module, str]]:
    """Yield every layer with weights, and their name."""
    for index, layer in enumerate(flattened(net.layers)):
        place = f"layers[{index}] ({type(layer).__name__})"
        if isinstance(layer, _WEIGHTED):
            yield layer, "weight"
        elif isinstance(layer, RecurrentCell):
            yield layer, "recurrent"
        elif isinstance(layer, nn.modules.batchnorm._BatchNorm | Normalize):
            raise UserError(
                f"{place}: its factors change the weights beside it; fold it first, by "
                f"SpikingSequential.from_description(net.to_description(...))"
            )
        elif isinstance(layer, Factor):
            raise UserError(f"{place}: its factors are folded into the integers; fold them first")
        elif isinstance(layer, nn.AvgPool2d):
            taps = math.prod(_pair(layer.kernel_size))
            if taps & (taps - 1):
                raise UserError(
                    f"{place}: it averages {taps} values, and 1/{taps} would be folded into the "
                    f"integers; average over 2 x 2 or 4 x 4"
                )


class _Rounded(nn.Module):
    """Gives what integers of a width are worth: whole numbers of a unit, clipped at a limit."""

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        largest = (1 << (bits - 1)) - 1
        scale_bits = best_scale_bits(weight.detach().cpu().numpy(), largest)
        self.unit = 2.0 ** -(scale_bits or 0)
        self.limit = largest * self.unit

    def extra_repr(self) -> str:
        """Say the unit and the limit, for printing and for checkpoints."""
        return f"unit={self.unit}, limit={self.limit}"

    def forward(self, weight: Tensor) -> Tensor:
        """Return the rounded weights."""
        clipped = weight.clamp(-self.limit, self.limit)
        return straight_through(clipped, torch.round(clipped / self.unit) * self.unit)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return weights that give these."""
        return weight
