"""What layers with weights become where stochastic streams hold their weights.

One function for each kind: adding one is to register it with `stream_synapses`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any, Literal

import numpy as np

from sc_neurocore.array_types import Array
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.network.layers import (
    Conv1d,
    Conv2d,
    DelayDense,
    Dense,
    Population,
    Runner,
    Weighted,
    WeightedLayer,
)
from sc_neurocore.stochastic.calibration import calibrate_weights, weight_shift
from sc_neurocore.stochastic.convolution import SCConv2dLayer
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.neurons import to_current
from sc_neurocore.stochastic.sharing import SourcePair


@dataclass(frozen=True)
class Arriving:
    """What comes to a layer.

    Attributes:
        kind: "values" in [0, 1], "spikes" or sums of some, or "numbers" of any kind.
        window: How many spikes each number is made of.
        divisor: What their sum is divided by.
        is_signed: Whether there are numbers below 0: then a stream holds the magnitude, and the
            sign stands beside it, as with sign-magnitude weights.
    """

    kind: Literal["values", "spikes", "numbers"]
    window: int = 1
    divisor: int = 1
    is_signed: bool = False


@dataclass(frozen=True)
class Streams:
    """How weights become streams.

    Attributes:
        length: Bits per stream.
        sources: Where the numbers come from.
        encoding: How weights become probabilities.
        calibrate: Whether they are suited to their streams.
        real: The type of currents in floating point.
        weight_bits: Bits of a weight's number of ones, see `calibrate_weights`; None: all.
    """

    length: int
    sources: SourcePair
    encoding: WeightEncoding
    calibrate: bool
    real: type[np.floating[Any]]
    weight_bits: int | None = None

    @property
    def weight_shift(self) -> int:
        """How many low bits of a weight's number of ones are zero."""
        return weight_shift(self.length, self.weight_bits)

    def encoded(self, layer: WeightedLayer) -> EncodedWeights:
        """Return a layer's weights as probabilities."""
        if not self.calibrate:
            return encode_weights(layer.weight, layer.bias, self.encoding)
        return calibrate_weights(
            layer.weight, layer.bias, self.encoding, self.length, self.sources, self.weight_bits
        )

    def dense(self, layer: WeightedLayer) -> SCDenseLayer:
        """Return weights (outputs, inputs) as the layer that counts bits."""
        return SCDenseLayer(self.encoded(layer), self.length, self.sources)

    def neurons(self, layer: Population) -> Population:
        """Return neurons with the weights that their own spikes meet in streams, if they do."""
        if layer.feedback is None:
            return layer
        weight, bias = self.rows(self.encoded(layer.feedback)).effective_weights()
        weight = weight.reshape(layer.feedback.weight.shape)
        return layer.model_copy(update={"weight": weight, "bias": bias})

    def rows(self, encoded: EncodedWeights) -> SCDenseLayer:
        """Return weights of any shape, in a row for each output, as the layer that counts bits."""
        sign = None if encoded.sign is None else encoded.sign.reshape(len(encoded.sign), -1)
        rows = replace(encoded, values=encoded.values.reshape(len(encoded.values), -1), sign=sign)
        return SCDenseLayer(rows, self.length, self.sources)


@singledispatch
def stream_synapses(
    layer: Weighted, streams: Streams, arriving: Arriving, neurons: IntegerLayer | None
) -> Iterator[Runner]:
    """Yield a layer as functions, from what arrives to currents.

    Args:
        layer: The layer.
        streams: How its weights become streams.
        arriving: What arrives: values, or spikes.
        neurons: The neurons behind, where these compute in integers.

    Raises:
        UserError: If streams do not do it.
    """
    raise UserError("stochastic inference has no streams for weights of its kind")


@stream_synapses.register
def _(
    layer: Dense, streams: Streams, arriving: Arriving, neurons: IntegerLayer | None
) -> Iterator[Runner]:
    yield _Currents(streams.dense(layer), streams, arriving, neurons)


@stream_synapses.register
def _(
    layer: Conv2d, streams: Streams, arriving: Arriving, neurons: IntegerLayer | None
) -> Iterator[Runner]:
    counting = SCConv2dLayer(
        streams.encoded(layer),
        streams.length,
        streams.sources,
        stride=layer.stride,
        padding=layer.padding,
        dilation=layer.dilation,
        groups=layer.groups,
    )
    yield _Currents(counting, streams, arriving, neurons)


@stream_synapses.register
def _(
    layer: Conv1d, streams: Streams, arriving: Arriving, neurons: IntegerLayer | None
) -> Iterator[Runner]:
    yield lambda values: values[:, :, np.newaxis]
    yield from stream_synapses(layer.in_two_dimensions(), streams, arriving, neurons)
    yield lambda values: values[:, :, 0]


@stream_synapses.register
def _(
    layer: DelayDense, streams: Streams, arriving: Arriving, neurons: IntegerLayer | None
) -> Iterator[Runner]:
    if arriving.kind != "spikes" or neurons is not None:
        raise UserError(
            "stochastic inference has synapses with delays for spikes only, and for neurons in "
            "floating point"
        )
    yield layer.with_weight(*streams.dense(layer).effective_weights()).runner(streams.real)


class _Currents:
    """From what arrives to currents.

    Args:
        layer: The synapses.
        streams: How their weights became streams.
        arriving: What arrives.
        neurons: The neurons behind, where these compute in integers.
    """

    def __init__(
        self,
        layer: SCDenseLayer | SCConv2dLayer,
        streams: Streams,
        arriving: Arriving,
        neurons: IntegerLayer | None,
    ) -> None:
        if arriving.is_signed and layer.weights.encoding == "bipolar":
            raise UserError(
                "signed inputs with bipolar weights: a stream that is XNORed has no sign beside "
                "it; use sign-magnitude or unipolar"
            )
        self._layer, self._arriving, self._real = layer, arriving, streams.real
        self._convert: Callable[[Array], Array] | None = None
        # Behind spikes counts are whole multiples of what a stored weight is worth: their unit.
        self._shift = 0 if arriving.kind == "values" else streams.weight_shift
        if neurons is not None:
            unit = layer.length >> self._shift
            self._convert = to_current(
                layer.weights, unit, arriving.window, arriving.divisor, neurons
            )

    def __call__(self, values: Array) -> Array:
        window, divisor = 1, 1
        if self._arriving.kind == "values":
            counts, ones = self._layer.count(np.maximum(values, 0))
            if self._arriving.is_signed:
                down, down_ones = self._layer.count(np.maximum(-values, 0))
                counts, ones = counts - down, ones - down_ones
        else:
            window, divisor = self._arriving.window, self._arriving.divisor
            if divisor > 1:  # means of other windows than 2^k were rounded
                values = np.rint(values * divisor)
            counts, ones = self._layer.count_spikes(values, window)
        if self._convert is not None:
            return self._convert(counts >> self._shift)
        decoded = self._layer.decode(counts, ones, window, divisor)
        return decoded.astype(self._real, copy=False)
