"""A fully connected layer computed with stochastic bitstreams.

A product of two values is the AND (or XNOR) of their streams; the sum over the inputs is binary,
a population count (an accumulative parallel counter in hardware), so that no value is lost in
scaled additions. What a layer returns is decoded and rescaled: an estimate of `x @ w.T + bias`.

| encoding       | weight w =           | bit of a product   | counted                          |
|----------------|----------------------|--------------------|----------------------------------|
| sign-magnitude | sign * scale * value | x AND value        | ones of positive minus negative  |
| unipolar       | offset + scale*value | x AND value        | ones; offset * sum(x) by x's own |
| bipolar        | scale * (2*value-1)  | x' XNOR value      | ones; x' codes (x + 1) / 2       |

Sign-magnitude is the one to use: the errors of its products have the signs of the weights and
cancel, while those of the other two lean one way and add up over the inputs.

Binary spikes take a short cut that gives the very same counts: the stream of a spike is all ones,
and a weight's stream ANDed or XNORed with it is that stream, so that its contribution is a number
known beforehand. A missing spike contributes nothing under AND, and under XNOR the fixed count of
the weight's stream against the stream of 1/2.

References:
    Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
    Alaghi and Hayes 2013, "Survey of stochastic computing", ACM TECS 12 (2s).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import ENCODINGS, EncodedWeights
from sc_neurocore.stochastic.packed_kernels import and_counts
from sc_neurocore.stochastic.sources import SourcePair, check_length, make_sources
from sc_neurocore.stochastic.streams import check_values, encode, popcount, word_count

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_BYTES_AT_ONCE = 1 << 25


class SCDenseLayer:
    """A fully connected layer whose products are made from bitstreams.

    All inputs share one number source and all weights another one (`stochastic.sources`). The
    result depends on nothing but the weights, the length, the sources and the input.

    Args:
        weights: What `encode_weights` or `to_sc_weights` returns, of shape (n_out, n_in).
        length: Bits per stream, at least 1; any number, not only multiples of 64.
        source: "lfsr", "sobol" or "bernoulli", or a `SourcePair` of your own.
        seed: Passed to `make_sources` if `source` is a name.

    Raises:
        UserError: If the weights are no matrix, hold values outside [0, 1], or have an unknown
            encoding; if the length is less than 1; if the source is unknown.
    """

    def __init__(
        self,
        weights: EncodedWeights,
        length: int,
        source: str | SourcePair = "lfsr",
        seed: int | None = None,
    ) -> None:
        if weights.encoding not in ENCODINGS:
            raise UserError(
                f"unknown weight encoding {weights.encoding!r}: expected one of "
                f"{', '.join(ENCODINGS)}"
            )
        if weights.values.ndim != 2:
            raise UserError(
                f"weights of shape {weights.values.shape}: SCDenseLayer takes (n_out, n_in)"
            )
        self.weights = weights
        self.length = check_length(length)
        self.sources = make_sources(source, seed) if isinstance(source, str) else source
        self.n_out, self.n_in = weights.values.shape

        streams = encode(weights.values, self.sources.weights, self.length)
        self._ones = popcount(streams)
        # A negative weight keeps its stream complemented, which the AND kernel counts with the
        # right sign, up to the input's own ones: -ones(x & w) = ones(x & ~w) - ones(x).
        self._negative = np.zeros(weights.values.shape, dtype=np.bool_)
        if weights.encoding == "sign-magnitude":
            if weights.sign is None:
                raise UserError("sign-magnitude weights without signs: use encode_weights")
            self._negative = np.asarray(weights.sign) < 0
        self._streams = np.where(self._negative[..., np.newaxis], ~streams, streams)
        with_spike, without_spike = self._fixed_counts()
        self._gain_of_spikes = with_spike - without_spike
        self._count_at_rest = without_spike.sum(axis=1)

    def __call__(self, x: ArrayLike) -> Floats:
        """Estimate `x @ w.T + bias` from streams.

        Args:
            x: Shape (batch, n_in), each value in [0, 1].

        Returns:
            Shape (batch, n_out).

        Raises:
            UserError: If the shape does not fit, or a value is NaN or outside [0, 1].
        """
        return self._decode(*self._stream_counts(x))

    def counts(self, x: ArrayLike) -> Counts:
        """Return the integer counts that `layer(x)` decodes, shape (batch, n_out).

        They are the ones of all product streams of an output; under sign-magnitude those of
        positive weights minus those of negative ones.
        """
        return self._stream_counts(x)[0]

    def spikes(self, s: ArrayLike) -> Floats:
        """Return `layer(s)` for binary spikes, bit for bit, without making a stream.

        Args:
            s: Shape (batch, n_in), booleans or numbers that are 0 or 1.

        Returns:
            Shape (batch, n_out).

        Raises:
            UserError: If the shape does not fit or a value is neither 0 nor 1.
        """
        return self._decode(*self._spike_counts(s))

    def spike_counts(self, s: ArrayLike) -> Counts:
        """Return `counts(s)` for binary spikes without making a stream."""
        return self._spike_counts(s)[0]

    def _stream_counts(self, x: ArrayLike) -> tuple[Counts, Counts]:
        """Return the counts, (batch, n_out), and the ones of all inputs together, (batch,)."""
        values = check_values(self._checked(x))
        counts = np.empty((len(values), self.n_out), dtype=np.int64)
        input_ones = np.empty(len(values), dtype=np.int64)
        at_once = max(1, _BYTES_AT_ONCE // (8 * word_count(self.length) * max(1, self.n_in)))
        for start in range(0, len(values), at_once):
            rows = slice(start, start + at_once)
            counts[rows], input_ones[rows] = self._count_block(values[rows])
        return counts, input_ones

    def _count_block(self, values: Floats) -> tuple[Counts, Counts]:
        is_bipolar = self.weights.encoding == "bipolar"
        streams = encode(
            (values + 1) / 2 if is_bipolar else values, self.sources.inputs, self.length
        )
        ones = popcount(streams)
        counts = and_counts(streams, self._streams)
        input_ones = ones.sum(axis=1)
        if is_bipolar:
            counts = _xnor_counts(
                self.length * self.n_in, input_ones[:, np.newaxis], self._ones.sum(axis=1), counts
            )
        else:
            counts -= _exact_product(ones, self._negative)
        return counts, input_ones

    def _spike_counts(self, s: ArrayLike) -> tuple[Counts, Counts]:
        spikes = self._checked(s)
        if not ((spikes == 0) | (spikes == 1)).all():
            raise UserError("spikes must be 0 or 1; for values in between call the layer itself")
        counts = _exact_product(spikes, self._gain_of_spikes) + self._count_at_rest
        return counts, self.length * spikes.sum(axis=1).astype(np.int64)

    def _fixed_counts(self) -> tuple[Counts, Counts]:
        """Return what each weight adds to the count with and without a spike."""
        if self.weights.encoding != "bipolar":
            return np.where(self._negative, -self._ones, self._ones), np.zeros_like(self._ones)
        half = encode(0.5, self.sources.inputs, self.length)
        both = popcount(half & self._streams)
        return self._ones, _xnor_counts(self.length, popcount(half), self._ones, both)

    def _decode(self, counts: Counts, input_ones: Counts) -> Floats:
        weights = self.weights
        if weights.encoding == "bipolar":
            counts = 2 * counts - self.length * self.n_in
        result = counts * np.float64(weights.scale / self.length)
        if weights.encoding == "unipolar":
            result += (input_ones * (weights.offset / self.length))[:, np.newaxis]
        if weights.bias is not None:
            result += weights.bias
        return result

    def _checked(self, x: ArrayLike) -> Floats:
        values = np.asarray(x, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != self.n_in:
            raise UserError(f"input of shape {values.shape}: expected (batch, {self.n_in})")
        return values


def _xnor_counts(length: int, x: Counts, w: Counts, both: Counts) -> Counts:
    """Return the ones of x XNOR w from those of x, of w and of x AND w."""
    return length - x - w + 2 * both


def _exact_product(left: NDArray[np.generic], right: NDArray[np.generic]) -> Counts:
    """Return left @ right.T of integers through the float64 BLAS, exact below 2^53."""
    product = left.astype(np.float64) @ right.astype(np.float64).T
    return product.astype(np.int64)
