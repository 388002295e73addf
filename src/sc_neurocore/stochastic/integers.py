"""Networks whose weights are streams, in integers: what hardware with stochastic arithmetic does.

A spike's stream is all ones, so that its AND with a weight's stream is that stream. Behind spikes a
layer therefore multiplies nothing: its weights are the numbers of ones, counted down where a weight
is negative, and an integer network with these weights is the stochastic one. Only values of a frame
have streams of their own; they are counted bit by bit (`StreamSynapses`).

Spikes, states and classes are those of `stochastic.inference.run_network` with neurons in the same
format.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, cast

import numpy as np

from sc_neurocore.array_types import Array, Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.synapses import IntegerSynapses, Signal
from sc_neurocore.network.description import NetworkDescription, along_channels
from sc_neurocore.network.encoding import ENCODINGS
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.network.integrators import without_integrators
from sc_neurocore.network.layers import Dense, Runner, Weighted
from sc_neurocore.stochastic.calibration import weight_shift
from sc_neurocore.stochastic.inference import check_layers, what_arrives
from sc_neurocore.stochastic.layer import SCDenseLayer, choose_sources
from sc_neurocore.stochastic.neurons import check_neurons, to_current
from sc_neurocore.stochastic.sharing import Sharing, SourcePair
from sc_neurocore.stochastic.sources import check_length
from sc_neurocore.stochastic.synapses import Streams


@dataclass(frozen=True)
class StreamSynapses(IntegerSynapses):
    """A dense layer that sees values: each product is the ones that two streams have in common.

    The weights are those of spikes, the ones of each weight's stream. A value above 1 is taken
    for 1, whose stream is all ones.

    Attributes:
        streams: The layer that counts.
        fraction_bits: A value is worth 2 ** -fraction_bits.
    """

    streams: SCDenseLayer | None = None
    fraction_bits: int = 0

    multiplies: ClassVar[bool] = False

    def runners(self) -> tuple[Runner, Runner]:
        """Return the layer as two functions: the values as they are, and their counts."""
        return lambda values: values, self._counts

    def _counts(self, values: Array) -> Integers:
        assert self.streams is not None
        shares = np.minimum(np.ldexp(values.astype(np.float64), -self.fraction_bits), 1)
        counts, _ = self.streams.count(shares)
        return counts + along_channels(self.bias, counts.ndim - 1)


def quantize_streams(
    description: NetworkDescription,
    format: str | QFormat | FixedPoint = "Q8.8",
    length: int = 256,
    source: str | SourcePair = "lfsr",
    seed: int | None = None,
    *,
    sharing: str = "shared",
    encoding: str = "sign-magnitude",
    weight_bits: int | None = None,
    constant_bits: int | None = None,
) -> IntegerNetwork:
    """Turn a network into integers as `quantize` does, its weights into the counts of streams.

    The arguments are those of `run_network`, and so are spikes, states and classes of what is
    returned. Weights are suited to their streams (`stochastic.calibration`).

    Args:
        description: A trained network. Values come in to a dense layer; spikes to layers of any
            kind that streams know.
        format: The format of the neurons' states, or all formats as `FixedPoint.parse` reads them.
        length: Bits of a stream: a power of two, up to 2 ** 14.
        source: "lfsr", "sobol", "halton", "counter" or "bernoulli", or a `SourcePair`.
        seed: Passed to `make_sources` if `source` is a name.
        sharing: Which streams share a sequence; "shared" by default.
        encoding: How weights become streams.
        weight_bits: Bits of a weight, up to 16; by default as many as a number of ones takes. With
            fewer the numbers of ones are multiples of a power of two, see `calibrate_weights`.
        constant_bits: Fraction bits of constants; by default they follow the format.

    Raises:
        UserError: If streams or neurons in integers do not have what the network needs.
    """
    length = check_length(length)
    bits = length.bit_length() + 1  # of a count with its sign
    if length & (length - 1) or bits > 16:
        raise UserError(
            f"streams of {length} bits: a count becomes a current by a shift, and has at most 16 "
            f"bits with its sign; expected a power of two, up to {1 << 14}"
        )
    if weight_bits is not None:
        weight_shift(length, weight_bits)  # refuses what is too few
        bits = min(bits, weight_bits)
    if encoding != "sign-magnitude":
        known = f"unknown encoding {encoding!r}" if encoding not in ENCODINGS else encoding
        raise UserError(
            f"{known}: a count becomes the current of neurons in integers by a shift, which only "
            f"sign-magnitude weights allow, whose scale is a power of two; `simulate` takes all "
            f"of {', '.join(ENCODINGS)}, with neurons in floating point"
        )
    pair = choose_sources(source, seed, cast(Sharing, sharing))
    arriving = what_arrives(description.input)
    if arriving.kind == "values" and arriving.is_signed:
        raise UserError(
            f"{description.name} takes values below 0: streams in integers hold values from 0 to 1"
        )
    description = one_map_each(without_integrators(description))
    streams = Streams(length, pair, "sign-magnitude", True, np.float64, weight_bits)
    network = quantize(description, format, weight_bits=bits, constant_bits=constant_bits)
    check_neurons(network)
    check_layers(description, streams, network)
    first, *others = network.layers
    layers = [_counted(first, description, streams, arriving.kind == "values")]
    layers += [_counted(layer, description, streams, False) for layer in others]
    return replace(network, layers=tuple(layers))


def _counted(
    layer: IntegerLayer, description: NetworkDescription, streams: Streams, takes_values: bool
) -> IntegerLayer:
    """Return neurons behind synapses whose weights are counts; without weights as they are."""
    weighted = [each for each in layer.synapses if isinstance(each.layer, Weighted)]
    if not weighted:
        return layer
    (synapses,) = weighted  # of several, one was made before
    place = layer.synapses.index(synapses)
    incoming = layer.synapses[place - 1].output if place else layer.incoming
    real = description.layers[synapses.place]
    assert isinstance(real, Weighted)
    if takes_values and not isinstance(real, Dense):
        raise UserError(
            f"layers[{synapses.place}] is {real.kind!r}, and what comes in are values: streams in "
            f"integers are counted by dense layers; give the network spikes, or put spiking "
            f"neurons before the layer"
        )
    if takes_values and incoming != layer.incoming:
        raise UserError(
            f"layers[{synapses.place}] is {real.kind!r} behind sums of values, which are above 1: "
            f"streams in integers are counted of values as they come in"
        )
    encoded = streams.encoded(real)
    counting = streams.rows(encoded)
    shift = streams.weight_shift
    gains = counting.spike_gains >> shift
    least, most, divisor = min(incoming.low, 0), max(incoming.high, 0), 1 << incoming.fraction_bits
    unit = streams.length >> shift
    if takes_values:  # whose products are counts
        least, most, divisor, unit = 0, 1 << shift, 1, streams.length
    currents = to_current(encoded, unit, most, divisor, layer)
    bias = currents.bias
    up, down = np.maximum(gains, 0).sum(axis=1), np.minimum(gains, 0).sum(axis=1)
    output = Signal(
        currents.layer.accumulator.fraction_bits,
        int(min(0, (bias + most * down + least * up).min())),
        int(max(0, (bias + most * up + least * down).max())),
    )
    parts: dict[str, Any] = {
        "layer": real.with_weight(gains.reshape(real.weight.shape), bias),
        "weight_bits": synapses.weight_bits,
        "scale_bits": round(math.log2((streams.length >> shift) / encoded.scale)),
        "output": output,
        "exact": np.float64,
        "place": synapses.place,
    }
    made = IntegerSynapses(**parts)
    if takes_values:
        made = StreamSynapses(
            **parts,
            streams=counting,
            fraction_bits=layer.incoming.fraction_bits,
            weight_shift=shift,
        )
    behind = (replace(each, output=output) for each in layer.synapses[place + 1 :])
    return replace(layer, synapses=(*layer.synapses[:place], made, *behind), accumulator=output)
