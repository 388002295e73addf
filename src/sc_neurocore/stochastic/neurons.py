"""Integer neurons behind stochastic synapses: the ones of the integer model.

A count is an integer; it becomes the current in one shift, as the accumulator of the integer model
does. For this one count must be worth a power of two, which it is under sign-magnitude, where the
scale of the weights is a power of two, if the length is one too.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.synapses import Signal
from sc_neurocore.network.description import NetworkDescription, along_channels
from sc_neurocore.network.encoding import EncodedWeights


def integer_layers(description: NetworkDescription, format: QFormat) -> Iterator[IntegerLayer]:
    """Yield the populations of a network as the integer model has them.

    Raises:
        UserError: If the network has recurrent layers, or the integer model refuses
            it.
    """
    network = quantize(description, format)
    check_neurons(network)
    yield from network.layers


def check_neurons(network: IntegerNetwork) -> None:
    """Refuse neurons in integers that are not run behind streams.

    Raises:
        UserError: If the network has recurrent layers.
    """
    for layer in network.layers:
        format = layer.program.fixed_point.state
        if layer.feedback is not None:
            raise UserError(
                f"{network.name} has a recurrent layer: stochastic synapses feed neurons in "
                f"{format} from the layer before so far; use neurons='float64'"
            )


@dataclass(frozen=True)
class CountsToCurrent:
    """Makes currents of counts: adds the bias, shifts, saturates.

    Attributes:
        bias: In counts, one for each output.
        layer: The neurons, behind an accumulator of counts.
    """

    bias: Integers
    layer: IntegerLayer

    def __call__(self, counts: NDArray[Any]) -> Integers:
        """Return the currents of counts, (batch, outputs, ...)."""
        return self.layer.current(counts + along_channels(self.bias, counts.ndim - 1))


def to_current(
    weights: EncodedWeights, length: int, window: int, divisor: int, layer: IntegerLayer
) -> CountsToCurrent:
    """Return what makes currents of counts: add the bias, shift, saturate.

    Args:
        weights: The synapses' weights, of which the bias is rounded to whole counts.
        length: What a weight of 1 is worth: bits per stream, or fewer where a count is of several.
        window: How many spikes each input is made of.
        divisor: What their sum is divided by.
        layer: The neurons in integers.

    Raises:
        UserError: If a count is not worth a power of two, or the sums are too wide.
    """
    state = layer.program.fixed_point.current
    if weights.encoding != "sign-magnitude":
        raise UserError(
            f"neurons in {state} with {weights.encoding} weights: a count becomes their current by "
            f"a shift, which only sign-magnitude weights allow"
        )
    for what, number in (("length", length), ("pooling window", divisor)):
        if number & (number - 1):
            raise UserError(
                f"neurons in {state} with a {what} of {number}: a count becomes their current by a "
                f"shift, which needs a power of two"
            )
    fraction_bits = round(math.log2(length * divisor / weights.scale))
    bias = np.zeros(len(weights.values)) if weights.bias is None else weights.bias
    whole_bias = np.round(np.ldexp(bias, fraction_bits)).astype(np.int64)
    most = length * window * weights.values[0].size + int(np.abs(whole_bias).max())
    accumulator = Signal(fraction_bits, -most, most)
    accumulator.check(state.fraction_bits, "counts of streams")
    return CountsToCurrent(whole_bias, replace(layer, accumulator=accumulator))
