r"""Weights as probabilities: what stochastic computing needs of a trained layer, and the way back.

A bitstream carries a probability, a number in [0, 1]. Three encodings say how a real weight
becomes one (Gaines, Stochastic computing systems, Advances in Information Systems Science 2,
1969, for the first two):

=============== ============================ ====================================================
encoding        weight                       exact?
=============== ============================ ====================================================
unipolar        offset + scale * p           within `error_bound`
bipolar         scale * (2 p - 1)            within `error_bound`
sign-magnitude  sign * scale * p             exactly, since the scale is a power of two
=============== ============================ ====================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError

WeightEncoding = Literal["unipolar", "bipolar", "sign-magnitude"]
ENCODINGS: tuple[WeightEncoding, ...] = get_args(WeightEncoding)
MINIMUM_WEIGHT = 2.0**-40
"""A layer whose weights are all smaller than this has no weights."""
MAXIMUM_WEIGHT_BITS = 24
"""Of an integer weight: as many as the weights of single precision have digits."""


@dataclass(frozen=True)
class EncodedWeights:
    """One layer's weights as probabilities, with all that is needed to get the weights back.

    Attributes:
        encoding: One of `ENCODINGS`.
        values: Probabilities in [0, 1], float64, in the shape of the weight.
        sign: +1 or -1 as int8 in the same shape (sign-magnitude), else None.
        scale: What a probability of 1 is worth.
        offset: The weight of probability 0 (unipolar), else 0.
        bias: One float64 number per output, or None.
    """

    encoding: WeightEncoding
    values: NDArray[np.float64]
    sign: NDArray[np.int8] | None
    scale: float
    offset: float
    bias: NDArray[np.float64] | None

    def decode(self) -> NDArray[np.float64]:
        """Return the true weights, up to `error_bound`."""
        if self.encoding == "bipolar":
            return self.scale * (2 * self.values - 1)
        if self.sign is not None:
            return self.sign * (self.scale * self.values)
        return self.offset + self.scale * self.values

    @property
    def error_bound(self) -> float:
        """Largest difference between a weight and its decoded value: 0 for sign-magnitude.

        (A weight that is 2 ** 1000 times smaller than the largest would underflow; float32
        weights cannot be.)
        The other encodings round twice on the way in and twice on the way back, each time by
        at most half a unit in the last place of a number no larger than scale + |offset|.
        """
        if self.encoding == "sign-magnitude":
            return 0.0
        return 4 * math.ulp(self.scale + abs(self.offset))


def clipping_limit(weight: ArrayLike, levels: int, halvings: int = 8) -> float:
    """Return the power of two at which weights are best clipped before they are rounded.

    A single large weight sets the scale of its layer, and thereby the distance of all levels. At
    the limit returned the mean square error of clipping and rounding together is smallest; of
    equals it is the largest.

    Args:
        weight: A layer's weights.
        levels: Steps from 0 to the limit, to the nearest of which magnitudes are rounded.
        halvings: How often the scale of the largest weight may be halved.
    """
    largest = encode_weights(weight).scale
    return largest / 2.0 ** _best_halving(weight, levels, largest, halvings)


def _best_halving(weight: ArrayLike, levels: int, limit: float, halvings: int = 8) -> int:
    """Return how often a limit is best halved before weights are clipped there and rounded.

    Args:
        weight: A layer's weights.
        levels: Steps from 0 to the limit, to the nearest of which magnitudes are rounded.
        limit: The largest limit.
        halvings: How often it may be halved.
    """
    shares = np.asarray(weight, dtype=np.float64) / limit

    def error(halving: int) -> float:
        bound = 0.5**halving
        rounded = np.rint(np.clip(shares, -bound, bound) / bound * levels) / levels * bound
        return float(np.square(rounded - shares).mean())

    return min(range(halvings + 1), key=error)


def best_scale_bits(weight: ArrayLike, largest_integer: int) -> int | None:
    """Return the s for which weights times 2 ** s are best clipped to the range and rounded.

    Best is the least mean square error; of equals the smallest s. The first that is tried is the
    finest unit in which every weight fits. None if all weights are zero, or so small that their
    scale means nothing.
    """
    weights = np.asarray(weight, dtype=np.float64)
    largest = float(np.abs(weights).max())
    if largest < MINIMUM_WEIGHT:
        return None
    scale_bits = math.floor(math.log2(largest_integer / largest)) + 1
    while round(math.ldexp(largest, scale_bits)) > largest_integer:
        scale_bits -= 1
    limit = math.ldexp(largest_integer, -scale_bits)
    return scale_bits + _best_halving(weights, largest_integer, limit)


def encode_weights(
    weight: ArrayLike,
    bias: ArrayLike | None = None,
    encoding: WeightEncoding = "sign-magnitude",
) -> EncodedWeights:
    """Encode a layer's weights as probabilities.

    Args:
        weight: Real weights of any shape; the first axis counts the outputs.
        bias: One number per output, or None.
        encoding: One of `ENCODINGS`.

    Raises:
        UserError: If the encoding is unknown, a number is not finite, or the shapes disagree.
    """
    weights = np.asarray(weight, dtype=np.float64)
    biases = None if bias is None else np.asarray(bias, dtype=np.float64)
    if encoding not in ENCODINGS:
        raise UserError(f"encoding {encoding!r}: expected one of {', '.join(ENCODINGS)}")
    if weights.size == 0:
        raise UserError(f"weights of shape {weights.shape}: expected at least one weight")
    if not np.isfinite(weights).all() or (biases is not None and not np.isfinite(biases).all()):
        raise UserError("the weights or biases hold NaN or infinity: train again or clean them")
    if biases is not None and biases.shape != weights.shape[:1]:
        raise UserError(
            f"bias of shape {biases.shape}: expected {weights.shape[:1]}, one per output"
        )
    largest = float(np.abs(weights).max())
    if encoding == "sign-magnitude":
        scale = 2.0 ** math.ceil(math.log2(largest)) if largest else 1.0
        if scale < largest:  # log2 rounded down at the edge of a power of two
            scale *= 2
        sign = np.where(weights < 0, -1, 1).astype(np.int8)
        return EncodedWeights(encoding, np.abs(weights) / scale, sign, scale, 0.0, biases)
    if encoding == "bipolar":
        scale = largest or 1.0
        return EncodedWeights(encoding, (weights / scale + 1) / 2, None, scale, 0.0, biases)
    offset = float(weights.min())
    scale = float(weights.max() - offset) or 1.0
    values = np.clip((weights - offset) / scale, 0, 1)
    return EncodedWeights(encoding, values, None, scale, offset, biases)
