"""What lanes that count streams need of a source: two tables in place of its numbers.

Hardware takes a power of two of both streams' bits per clock, a part. Where a source has low
discrepancy, the numbers of a part lie one in each interval of their range: their low bits are the
same, and the weights' high bits are all that there are. Then a lane needs no comparator for each
bit (rtl/snn_streams.v). Other sources, and sequences of its own for each input, would take one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork

if TYPE_CHECKING:  # it counts bits with a compiled kernel, which takes half a second to begin
    from sc_neurocore.stochastic.integers import StreamSynapses

MAXIMUM_STREAM_BITS = 64
"""Bits of a stream that are taken in a clock."""
MAXIMUM_LENGTH = 1024
"""Bits of a stream of values: the table of their places has as many entries."""
_NUMBER_BITS = 16
_LEAST_LENGTH = 4


@dataclass(frozen=True)
class StreamPlan:
    """The parameters of rtl/snn_streams.v; all zero, or the least, where no values come in.

    Attributes:
        part_bits: Logarithm of the parts of a stream.
        stream_shift: Logarithm of the bits of a part.
        stream_fraction: A value is worth 2 ** -stream_fraction.
        stream_places: High bits of the inputs' numbers, in the order of the weights'.
        stream_lows: Low bits of the inputs' numbers, by part.
        weight_lows: Low bits of the weights' numbers, by part.
        weight_shift: A weight is worth 2 ** weight_shift ones.
    """

    part_bits: int = 0
    stream_shift: int = 1
    stream_fraction: int = 1
    stream_places: int = 0
    stream_lows: int = 0
    weight_lows: int = 0
    weight_shift: int = 0


def plan_streams(network: IntegerNetwork, stream_bits: int) -> StreamPlan | None:
    """Return the tables of a network whose values become streams; None where none do.

    Args:
        network: The network.
        stream_bits: Bits of both streams that are taken in a clock.

    Raises:
        UserError: If hardware does not have what the streams need.
    """
    found = [each for each in network.layers[0].synapses if not each.multiplies]
    if not found:
        return None
    synapses: StreamSynapses = found[0]  # type: ignore[assignment]
    counting, fraction_bits = synapses.streams, synapses.fraction_bits
    assert counting is not None
    length, sources = counting.length, counting.sources
    if length > MAXIMUM_LENGTH:
        raise UserError(
            f"{network.name}: streams of {length} bits for values that come in: hardware has a "
            f"table of at most {MAXIMUM_LENGTH}; make them shorter, or give the network spikes"
        )
    if length < _LEAST_LENGTH:
        raise UserError(
            f"{network.name}: streams of {length} bits for values that come in: hardware takes two "
            f"bits in a clock at least, in two clocks at least; expected {_LEAST_LENGTH} or more"
        )
    most = min(MAXIMUM_STREAM_BITS, length // 2)
    if not 2 <= stream_bits <= most or stream_bits & (stream_bits - 1):
        raise UserError(
            f"stream_bits={stream_bits}: expected a power of two from 2 to {most}, half of the "
            f"streams' {length} bits, and at most {MAXIMUM_STREAM_BITS}"
        )
    if sources.sharing != "shared":
        raise UserError(
            f"{network.name}: sharing {sources.sharing!r} for values that come in: each input has "
            f"numbers of its own then, and hardware one pair of sources for all; use shared"
        )
    if fraction_bits > _NUMBER_BITS:
        raise UserError(
            f"{network.name}: values of {fraction_bits} fraction bits, which are finer than the "
            f"{_NUMBER_BITS} bits of the numbers that they are compared with"
        )
    shift = stream_bits.bit_length() - 1
    part_bits = length.bit_length() - 1 - shift
    low_bits = max(fraction_bits - shift, 1)
    inputs, weights = (
        numbers[0].astype(np.int64).reshape(-1, stream_bits)
        for numbers in sources.sequences(1, length)
    )
    inputs >>= _NUMBER_BITS - shift - low_bits
    weights >>= _NUMBER_BITS - shift - part_bits
    low, weight_low = inputs % (1 << low_bits), weights % (1 << part_bits)
    high = weights >> part_bits
    is_spread = (np.sort(high, axis=1) == np.arange(stream_bits)).all()
    if not is_spread or (np.ptp(low, axis=1) > 0).any() or (np.ptp(weight_low, axis=1) > 0).any():
        raise UserError(
            f"{network.name}: inputs {sources.inputs}, weights {sources.weights}: of {stream_bits} "
            f"numbers in a row not each lies in an interval of its own, so that a lane would need "
            f"a comparator for each bit; for values that come in hardware has sobol"
        )
    order = np.argsort(high, axis=1)
    places = np.take_along_axis(inputs >> low_bits, order, axis=1)
    return StreamPlan(
        part_bits=part_bits,
        stream_shift=shift,
        stream_fraction=fraction_bits,
        stream_places=_packed(places.ravel(), shift),
        stream_lows=_packed(low[:, 0], low_bits),
        weight_lows=_packed(weight_low[:, 0], part_bits),
        weight_shift=synapses.weight_shift,
    )


def _packed(numbers: Integers, width: int) -> int:
    """Put numbers side by side, the first in the low bits."""
    return sum(number << (width * place) for place, number in enumerate(numbers.tolist()))
