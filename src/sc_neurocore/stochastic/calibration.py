"""Weights that suit the streams they will become.

Weights are known beforehand, so nothing is left to chance with them:

- The scale of sign-magnitude weights is a power of two, which a single large weight can double,
  and with it the distance of all levels. They are clipped at the power of two at which the mean
  square of clipping and rounding together is smallest.
- A comparator makes of a value the number of ones that the source happens to give it: for a short
  prefix of a pseudo-random sequence about the square root of the length too many or too few. The
  threshold stored for a weight is instead one that gives the number of ones nearest to its value.
  The bits are still made by a comparison; only the number in the memory is another one.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import (
    EncodedWeights,
    WeightEncoding,
    clipping_limit,
    encode_weights,
)
from sc_neurocore.stochastic.sharing import SourcePair
from sc_neurocore.stochastic.sources import LEVELS, check_length
from sc_neurocore.stochastic.streams import least_thresholds


def calibrate_weights(
    weight: ArrayLike,
    bias: ArrayLike | None,
    encoding: WeightEncoding,
    length: int,
    sources: SourcePair,
    weight_bits: int | None = None,
) -> EncodedWeights:
    """Encode a layer's weights as `encode_weights` does, for streams of one length and source.

    Args:
        weight: Real weights; the first axis counts the outputs, what follows are the inputs.
        bias: One number per output, or None.
        encoding: How weights become probabilities.
        length: Bits per stream.
        sources: What the streams will be made from.
        weight_bits: Bits of a sign-magnitude weight's number of ones, with its sign, where a memory
            has fewer than that takes, from 2 up: the numbers of ones are multiples of a power of
            two then, see `weight_shift`.

    Returns:
        Probabilities whose streams have as many ones as is nearest to length times the exact one
        (where numbers of the sequence repeat, a few more).

    Raises:
        UserError: As `encode_weights`; also if the length is less than 1, or bits of weights are
            given that are less than 2, or not for sign-magnitude.
    """
    length = check_length(length)
    shift = weight_shift(length, weight_bits)
    if weight_bits is not None and encoding != "sign-magnitude":
        raise UserError(f"weight_bits={weight_bits} with {encoding} weights: for sign-magnitude")
    weights = np.asarray(weight, dtype=np.float64)
    encoded = encode_weights(weights, bias, encoding)
    if encoding == "sign-magnitude":
        limit = clipping_limit(weights, max(1, length >> shift))
        encoded = encode_weights(np.clip(weights, -limit, limit), bias, encoding)
    rows = encoded.values.reshape(len(weights), -1)
    ones = np.rint(rows * (length / (1 << shift))).astype(np.int64)
    if weight_bits is not None:
        ones = np.minimum(ones, (1 << (weight_bits - 1)) - 1)
    ones <<= shift
    thresholds = least_thresholds(sources.sequences(ones.shape[1], length)[1], ones)
    return replace(encoded, values=(thresholds / LEVELS).reshape(weights.shape))


def weight_shift(length: int, weight_bits: int | None) -> int:
    """Return how many low bits of a weight's number of ones are zero, and are not stored.

    Args:
        length: Bits of a stream.
        weight_bits: Bits of a number of ones with its sign; None for as many as it takes.

    Raises:
        UserError: If there are fewer than 2 bits.
    """
    if weight_bits is None:
        return 0
    if weight_bits < 2:
        raise UserError(f"weight_bits={weight_bits}: expected 2 or more, a sign and a magnitude")
    return max(0, (length - 1).bit_length() - (weight_bits - 1))
