"""Synapses in integers: exact sums of whole weights times whole inputs.

A layer between neurons keeps its kind (`network.description`) and has whole numbers in it. Its
sums are computed by the same code as in floating point: where float32 or float64 holds every
partial sum, products and sums of floats are exact, and matrix products are fast.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import best_scale_bits
from sc_neurocore.network.layers import Connection, Join, Runner, Scale, Weighted

MAXIMUM_ACCUMULATOR_BITS = 48
_EXACT_IN_SINGLE = 1 << 24
"""Below it, float32 holds every integer."""

_REFUSED = 2.0**1000
"""A bias of this size is refused; larger ones are cut to it, so that they are numbers at all."""


@dataclass(frozen=True)
class Signal:
    """What is known of the numbers between two layers.

    Attributes:
        fraction_bits: An integer is worth 2 ** -fraction_bits.
        low: No integer is smaller.
        high: No integer is larger.
    """

    fraction_bits: int
    low: int
    high: int

    @property
    def bits(self) -> int:
        """Bits in two's complement that hold every number, as large as its opposite."""
        return math.floor(math.log2(max(-self.low, self.high, 1))) + 2

    def shifted(self, fraction_bits: int) -> Signal:
        """Return the same numbers in a unit that is as fine or finer."""
        left = fraction_bits - self.fraction_bits
        return Signal(fraction_bits, self.low << left, self.high << left)

    def check(self, state_fraction_bits: int, name: str) -> None:
        """Refuse sums too wide for the accumulator, or for their way to the current's unit.

        Raises:
            UserError: Saying so.
        """
        left = max(state_fraction_bits - self.fraction_bits, 0)
        if self.bits + left > MAXIMUM_ACCUMULATOR_BITS:
            raise UserError(
                f"{name}: sums of {self.bits} bits, shifted left by {left}: at most "
                f"{MAXIMUM_ACCUMULATOR_BITS} bits are supported; scale the network's weights down"
            )

    def __add__(self, other: Signal) -> Signal:
        """Return the exact sum, in the finer of the two units."""
        bits = max(self.fraction_bits, other.fraction_bits)
        a, b = self.shifted(bits), other.shifted(bits)
        return Signal(bits, a.low + b.low, a.high + b.high)


SPIKE_SIGNAL = Signal(fraction_bits=0, low=0, high=1)


@dataclass(frozen=True)
class IntegerSynapses:
    """A layer between neurons in integers.

    Attributes:
        layer: The kind of layer; its weight and bias are integers, the bias in units of the sum,
            and so are a scale's factors. An average is a sum, whose division by the window's size
            is in the scales.
        weight_bits: Width of a weight or factor; 0 without.
        scale_bits: A weight or factor is worth 2 ** -scale_bits.
        output: The sums.
        exact: The float type that holds every partial sum exactly.
        place: Where the layer stands in the description.
        weight_shift: Of weights that are not multiplied.
    """

    layer: Connection
    weight_bits: int
    scale_bits: int
    output: Signal
    exact: type[np.floating[Any]]
    place: int = -1

    weight_shift: int = 0
    multiplies: ClassVar[bool] = True
    """Whether what comes in is multiplied by the weights; else no product exceeds
    2 ** `weight_shift` times its weight."""

    @property
    def weight(self) -> Integers:
        """The integers in the layer's own shape.

        Raises:
            UserError: If this kind of layer has none.
        """
        return self._weighted.weight

    @property
    def bias(self) -> Integers:
        """One integer per output, or per channel of it.

        Raises:
            UserError: If this kind of layer has none.
        """
        bias = self._weighted.bias
        assert bias is not None  # `quantize_weights` fills it in
        return bias

    @property
    def arrays(self) -> dict[str, Integers]:
        """The layer's arrays by name: weight, bias, delays, factor, as many as it has."""
        return {name: value for name, value in self.layer if isinstance(value, np.ndarray)}

    @property
    def _weighted(self) -> Weighted:
        if not isinstance(self.layer, Weighted):
            raise UserError(f"a {self.layer.kind} layer has no weights")
        return self.layer

    def runners(self) -> tuple[Runner, Runner]:
        """Return the layer as two functions: to the float type, and to the sums.

        The second may have a memory, which whoever runs it must see.
        """
        return lambda values: values.astype(self.exact, copy=False), self.layer.sums(self.exact)


def quantize_weights(
    layer: Weighted,
    incoming: Signal,
    weight_bits: int,
    state_fraction_bits: int,
    name: str,
    gain: float = 1.0,
    output_gain: float = 1.0,
) -> IntegerSynapses:
    """Quantise a layer's weights with the scale at which clipping and rounding cost least.

    Args:
        layer: The layer.
        incoming: What comes in; 0 may come in too.
        weight_bits: Width of a weight.
        state_fraction_bits: Of the neurons behind; a layer without weights takes it for its unit.
        name: What error messages call the layer.
        gain: A factor of the inputs, folded into the weights.
        output_gain: A factor of the outputs, folded into the weights and the bias.

    Raises:
        UserError: If the sums need more bits than are supported.
    """
    weight = np.asarray(layer.weight, dtype=np.float64) * (gain * output_gain)
    largest_integer = (1 << (weight_bits - 1)) - 1
    scale_bits = best_scale_bits(weight, largest_integer)
    if scale_bits is None:  # no weight: the bias alone sets the unit, which is the current's
        scale_bits = max(state_fraction_bits - incoming.fraction_bits, 0)
    integers = np.round(np.ldexp(weight, scale_bits)).clip(-largest_integer, largest_integer)
    fraction_bits = scale_bits + incoming.fraction_bits
    bias = np.zeros(len(weight))
    if layer.bias is not None:
        bias = np.asarray(layer.bias, dtype=np.float64) * output_gain
    with np.errstate(over="ignore"):
        scaled_bias = np.round(np.ldexp(bias, fraction_bits)).clip(-_REFUSED, _REFUSED)
    # The exact range of every partial sum: the bias, then any subset of the inputs.
    least, most = min(incoming.low, 0), max(incoming.high, 0)
    rows = integers.reshape(len(weight), -1)
    positive, negative = np.maximum(rows, 0).sum(axis=1), np.minimum(rows, 0).sum(axis=1)
    low = float((scaled_bias + most * negative + least * positive).min())
    high = float((scaled_bias + most * positive + least * negative).max())
    output = Signal(fraction_bits, int(low), int(high))
    numbers = f"largest weight {np.abs(weight).max():g}, largest bias {np.abs(bias).max():g}"
    output.check(state_fraction_bits, f"{name} ({numbers})")
    return IntegerSynapses(
        layer=layer.with_weight(integers.astype(np.int64), scaled_bias.astype(np.int64)),
        weight_bits=weight_bits,
        scale_bits=scale_bits,
        output=output,
        exact=_exact_type(output),
    )


def quantize_factors(
    layer: Scale, incoming: Signal, weight_bits: int, state_fraction_bits: int, name: str
) -> IntegerSynapses:
    """Quantise a scale, each of whose values is multiplied by a factor.

    Args:
        layer: The layer.
        incoming: What comes in.
        weight_bits: Width of a factor.
        state_fraction_bits: Of the neurons behind.
        name: What error messages call the layer.

    Raises:
        UserError: If the products need more bits than are supported.
    """
    factors = np.asarray(layer.factor, dtype=np.float64)
    largest_integer = (1 << (weight_bits - 1)) - 1
    scale_bits = best_scale_bits(factors, largest_integer) or 0
    rounded = np.round(np.ldexp(factors, scale_bits)).clip(-largest_integer, largest_integer)
    integers = rounded.astype(np.int64)
    together = int(np.bitwise_or.reduce(integers, axis=None))
    if together:  # zeros at the end of all of them only make the sums wider
        zeros = (together & -together).bit_length() - 1
        integers, scale_bits = integers >> zeros, scale_bits - zeros
    least, most = int(integers.min()), int(integers.max())
    ends = [factor * value for factor in (least, most) for value in (incoming.low, incoming.high)]
    output = Signal(incoming.fraction_bits + scale_bits, min(*ends, 0), max(*ends, 0))
    output.check(state_fraction_bits, f"{name} (largest factor {np.abs(factors).max():g})")
    return IntegerSynapses(
        layer=layer.model_copy(update={"factor": integers}),
        weight_bits=weight_bits,
        scale_bits=scale_bits,
        output=output,
        exact=_exact_type(output),
    )


def add_up(layer: Connection, incoming: Signal) -> IntegerSynapses:
    """Return a layer without weights: an average becomes a sum, the others stay what they are.

    What sums are divided by goes into the unit if it is a power of two. If it is not, the unit
    stays, and whoever calls folds the factor into weights.
    """
    taps, divisor = layer.taps, layer.divisor
    bits = divisor.bit_length() - 1 if is_power_of_two(divisor) else 0
    # Zeros come in around an image, and before what is late.
    low, high = min(incoming.low, 0), max(incoming.high, 0)
    output = Signal(incoming.fraction_bits + bits, taps * low, taps * high)
    return IntegerSynapses(layer, 0, bits, output, _exact_type(output))


def join_up(layer: Join, incoming: Signal, source: Signal) -> IntegerSynapses:
    """Return a join: numbers of spikes stay what they are."""
    output = {
        "add": incoming + source,
        "and-not": SPIKE_SIGNAL,
        "concatenate": Signal(0, min(incoming.low, source.low), max(incoming.high, source.high)),
        "instead": source,
    }[layer.how]
    return IntegerSynapses(layer, 0, 0, output, _exact_type(output))


def is_power_of_two(number: int) -> bool:
    """Whether a number from 1 up is a power of two."""
    return number & (number - 1) == 0


def _exact_type(sums: Signal) -> type[np.floating[Any]]:
    """Return the float type that holds sums exactly, in whichever order they are formed.

    The signal's range has every subset of the inputs in it, with the bias; without the bias, or
    from another start, a sum still stays within the range's width. 48 bits fit into float64.
    """
    width = max(sums.high, 0) - min(sums.low, 0)
    return np.float32 if width < _EXACT_IN_SINGLE else np.float64
