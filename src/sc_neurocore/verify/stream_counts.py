"""Lanes count what the simulator of stochastic computing counts, for every value and weight.

Of the modules it is proved that a lane adds up, over the parts of a stream, the places at which the
number of the value's source is below the value and that of the weight's below the weight
(“streams”, “multipliers”, “accumulator”). Which numbers these are, two tables of the emitted files
say. Here every count that follows from the tables is compared with that of the simulator, whose
streams are made in the order of its sources, and the weights in the memory with its own.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.network.encoding import EncodedWeights
from sc_neurocore.verify.emitted import only_parameters_of
from sc_neurocore.verify.result import ProofResult

if TYPE_CHECKING:
    from sc_neurocore.stochastic.integers import StreamSynapses

NAME = "counts: lanes count what the simulator's streams have in common"
_VALUES_AT_ONCE = 1 << 12


def check_counts(accelerator: Accelerator, network: IntegerNetwork) -> ProofResult:
    """Compare the counts of the emitted tables with the simulator's, all of them.

    Args:
        accelerator: A design whose values become streams.
        network: Its network.

    Returns:
        `proved`, or `refuted` with the first value and weight that are counted otherwise.

    Raises:
        CheckFailedError: If the design has several kinds of such lanes, or none.
        ToolMissingError, ToolFailedError: As `elaborate`.
    """
    began = time.perf_counter()
    streams, lanes = (
        only_parameters_of(accelerator, module) for module in ("snn_streams", "snn_product")
    )
    (synapses,) = (each for each in network.layers[0].synapses if not each.multiplies)
    weights = np.arange(1 - (1 << (lanes["WEIGHT_BITS"] - 1)), 1 << (lanes["WEIGHT_BITS"] - 1))
    values = np.arange(1 << streams["VALUE_BITS"])
    wrong = _other_weights(synapses, lanes["WEIGHT_SHIFT"])  # type: ignore[arg-type]
    for start in range(0, len(values), _VALUES_AT_ONCE):
        some = values[start : start + _VALUES_AT_ONCE]
        found = _of_tables(some, weights, streams, lanes["WEIGHT_SHIFT"])
        needed = _of_simulator(some, weights, synapses, lanes["WEIGHT_SHIFT"])  # type: ignore[arg-type]
        if not wrong and (found != needed).any():
            value, weight = np.argwhere(found != needed)[0]
            wrong = (
                f"value {some[value]} and weight {weights[weight]} are counted as "
                f"{found[value, weight]}, the simulator counts {needed[value, weight]}"
            )
    return ProofResult(
        name=NAME,
        status="refuted" if wrong else "proved",
        engine="exact comparison (NumPy)",
        seconds=round(time.perf_counter() - began, 3),
        detail=wrong or f"compared, all {len(values)} values with all {len(weights)} weights",
        assumptions=(
            "lanes count as “streams”, “multipliers” and “accumulator” say",
            "the simulator's compiled kernel counts as its tests say",
        ),
        figures={"values": len(values), "weights": len(weights)},
    )


def _other_weights(synapses: StreamSynapses, shift: int) -> str:
    """Return how a weight of the network is another one than the simulator's, or nothing."""
    assert synapses.streams is not None
    found, needed = synapses.weight << shift, synapses.streams.spike_gains
    if (found == needed).all():
        return ""
    place = tuple(int(each) for each in np.argwhere(found != needed)[0])
    return f"weight {place} has {found[place]} ones, in the simulator {needed[place]}"


def _of_tables(
    values: Integers, weights: Integers, streams: dict[str, int], shift: int
) -> Integers:
    """Return the counts (values, weights) that the contracts of the lanes give with the tables."""
    part_bits, width_bits = streams["PART_BITS"], streams["STREAM_SHIFT"]
    parts, width = 1 << part_bits, 1 << width_bits
    fraction_bits = streams["STREAM_FRACTION"]
    low_bits = max(fraction_bits - width_bits, 1)
    high = _fields(streams["STREAM_PLACES"], width_bits, parts * width).reshape(parts, width)
    low = _fields(streams["STREAM_LOWS"], low_bits, parts)
    numbers = ((high << low_bits) + low[:, np.newaxis]).ravel()
    own = np.arange(width) << part_bits
    own_numbers = (own + _fields(streams["WEIGHT_LOWS"], part_bits, parts)[:, np.newaxis]).ravel()
    finer = width_bits + low_bits - fraction_bits
    bits = numbers < (values << finer)[:, np.newaxis]
    own_bits = own_numbers < (np.abs(weights) << shift)[:, np.newaxis]
    return _together(bits, own_bits) * np.sign(weights)


def _of_simulator(
    values: Integers, weights: Integers, synapses: StreamSynapses, shift: int
) -> Integers:
    """Return the same of streams that are made as the simulator makes them, bit after bit."""
    from sc_neurocore.stochastic.layer import SCDenseLayer
    from sc_neurocore.stochastic.sources import LEVELS
    from sc_neurocore.stochastic.streams import least_thresholds

    layer = synapses.streams
    assert layer is not None
    _, sequence = layer.sources.sequences(1, layer.length)
    ones = np.minimum(np.abs(weights) << shift, layer.length)[:, np.newaxis]
    encoded = EncodedWeights(
        encoding="sign-magnitude",
        values=least_thresholds(sequence, ones) / LEVELS,
        sign=np.where(weights < 0, -1, 1).astype(np.int8)[:, np.newaxis],
        scale=1.0,
        offset=0.0,
        bias=None,
    )
    shares = np.minimum(np.ldexp(values.astype(np.float64), -synapses.fraction_bits), 1)
    return SCDenseLayer(encoded, layer.length, layer.sources).counts(shares[:, np.newaxis])


def _together(bits: NDArray[np.bool_], others: NDArray[np.bool_]) -> Integers:
    """Return how many places both have, (first, second); a stream is short enough for float32."""
    both: Integers = (bits.astype(np.float32) @ others.astype(np.float32).T).astype(np.int64)
    return both


def _fields(packed: int, width: int, count: int) -> Integers:
    """Return numbers that stand side by side, the first in the low bits."""
    mask = (1 << width) - 1
    return np.array([packed >> (width * place) & mask for place in range(count)], dtype=np.int64)
