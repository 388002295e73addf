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
the weight's stream against the stream of 1/2. Behind a sum over a window of spikes, such as the
four of 2 x 2 pooling, each spike of the window meets the weight on its own, so that the counts of
all are added and the decoded result is their mean.

References:
    Gaines 1969, "Stochastic computing systems", Advances in Information Systems Science 2.
    Alaghi and Hayes 2013, "Survey of stochastic computing", ACM TECS 12 (2s).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.array_types import Floats, Integers
from sc_neurocore.errors import UserError
from sc_neurocore.network.encoding import ENCODINGS, EncodedWeights, WeightEncoding
from sc_neurocore.stochastic.packed_kernels import and_counts
from sc_neurocore.stochastic.sharing import Sharing, SourcePair, make_sources
from sc_neurocore.stochastic.sources import Sequence, check_length
from sc_neurocore.stochastic.streams import (
    Packed,
    StreamTable,
    check_values,
    least_thresholds,
    popcount,
    word_count,
)

_BYTES_AT_ONCE = 1 << 25
"""Of inputs' streams."""
_BYTES_KEPT = 1 << 28
"""Weights' streams that take more are made again whenever they are needed, in blocks."""
_BYTES_OF_BLOCK = 1 << 27
_MOST_BYTES = 1 << 30
"""That the streams of one output's weights may take."""


class SCDenseLayer:
    """A fully connected layer whose products are made from bitstreams.

    The result depends on nothing but the weights, the length, the sources and the input. Memory is
    bounded: where the weights' streams take more than 256 MiB, some outputs are computed at a time.

    Args:
        weights: What `encode_weights` or `to_sc_weights` returns, of shape (n_out, n_in).
        length: Bits per stream, at least 1; any number, not only multiples of 64.
        source: "lfsr", "sobol", "halton", "counter" or "bernoulli", or a `SourcePair` of your own.
        seed: Passed to `make_sources` if `source` is a name.
        sharing: Which streams share a sequence, see `stochastic.sharing`; "shared" by default, or
            what the `SourcePair` says.
        encoding: If given, the encoding that the weights must have.

    Raises:
        UserError: If the weights are no matrix, hold values outside [0, 1], or have an unknown
            encoding or another one than asked for; if their signs or biases have another shape;
            if the length is less than 1; if the source or the sharing is unknown; if the streams
            of one output's weights take more than 1 GiB.
    """

    def __init__(
        self,
        weights: EncodedWeights,
        length: int,
        source: str | SourcePair = "lfsr",
        seed: int | None = None,
        sharing: Sharing | None = None,
        encoding: WeightEncoding | None = None,
    ) -> None:
        check_weights(weights, 2, encoding)
        self.weights = weights
        self.length = check_length(length)
        self.sources = choose_sources(source, seed, sharing)
        self.n_out, self.n_in = weights.values.shape

        self._row_bytes = 8 * word_count(self.length) * self.n_in
        if self._row_bytes > _MOST_BYTES:
            raise UserError(
                f"streams of {self.length} bits for {self.n_in} inputs: those of one output's "
                f"weights take {self._row_bytes / 2**30:.1f} GiB, and at most "
                f"{_MOST_BYTES / 2**30:g} GiB are taken; make the streams shorter"
            )
        inputs, own = self.sources.sequences(self.n_in, self.length)
        self._inputs, self._own = _tables(inputs), _tables(own)
        self._weight_levels = _levels(weights.values, self._own)
        self._ones = self._weight_levels.astype(np.int64)
        # A negative weight keeps its stream complemented, which the AND kernel counts with the
        # right sign, up to the input's own ones: -ones(x & w) = ones(x & ~w) - ones(x).
        self.negative = np.zeros(weights.values.shape, dtype=np.bool_)
        """Whose products are counted down, (n_out, n_in)."""
        if weights.sign is not None:
            self.negative = np.asarray(weights.sign) < 0
        self._kept: Packed | None = None
        if self._row_bytes * self.n_out <= _BYTES_KEPT:
            self._kept = self._made(slice(None))
        with_spike, without_spike = self._fixed_counts()
        self.spike_gains = with_spike - without_spike
        """What a spike adds to the counts, (n_out, n_in)."""
        self.count_at_rest = without_spike.sum(axis=1)

    def __call__(self, x: ArrayLike) -> Floats:
        """Estimate `x @ w.T + bias` from streams.

        Args:
            x: Shape (batch, n_in), each value in [0, 1].

        Returns:
            Shape (batch, n_out).

        Raises:
            UserError: If the shape does not fit, or a value is NaN or outside [0, 1].
        """
        return self.decode(*self.count(x))

    def counts(self, x: ArrayLike) -> Integers:
        """Return the integer counts that `layer(x)` decodes, shape (batch, n_out).

        They are the ones of all product streams of an output; under sign-magnitude those of
        positive weights minus those of negative ones.
        """
        return self.count(x)[0]

    def spikes(self, s: ArrayLike, window: int = 1) -> Floats:
        """Return `layer(s / window)` for sums of spikes, bit for bit, without making a stream.

        Args:
            s: Shape (batch, n_in), whole numbers from 0 to `window`: spikes, or how many neurons
                of a window fired. Each of these spikes is ANDed or XNORed on its own.
            window: How many neurons each number is the sum of.

        Returns:
            Shape (batch, n_out).

        Raises:
            UserError: If the shape does not fit or a value is none of these.
        """
        return self.decode(
            *self.count_spikes(check_spikes(self._checked(s), window), window), window
        )

    def spike_counts(self, s: ArrayLike, window: int = 1) -> Integers:
        """Return the counts that `spikes` decodes: for binary spikes those of `counts(s)`."""
        return self.count_spikes(check_spikes(self._checked(s), window), window)[0]

    def effective_weights(self) -> tuple[Floats, Floats]:
        """Return the weights and biases that spikes meet: `spikes(s) = s @ weight.T + bias`.

        Under sign-magnitude each weight is rounded to a level of its stream, and the bias is that
        of the layer. The equality holds up to float64's rounding.
        """
        unit = self.weights.scale / self.length * (2 if self.weights.encoding == "bipolar" else 1)
        bias: Floats = np.zeros(self.n_out) if self.weights.bias is None else self.weights.bias
        rest = self.count_at_rest
        if self.weights.encoding == "bipolar":
            bias = bias + np.float64(self.weights.scale) * (2 * rest / self.length - self.n_in)
        weight: Floats = np.float64(unit) * self.spike_gains + self.weights.offset
        return weight, bias

    def weight_thresholds(self) -> NDArray[np.int64]:
        """Return the smallest threshold, 0..65536, that makes each weight's stream, (n_out, n_in).

        What a comparator in hardware is given: weights with equal streams have equal thresholds.
        """
        return least_thresholds(self.sources.sequences(self.n_in, self.length)[1], self._ones)

    def levels(self, values: ArrayLike) -> NDArray[np.int32]:
        """Return the ones of each input's stream; values of shape (..., n_in) in [0, 1].

        Raises:
            UserError: If a value is NaN or outside [0, 1].
        """
        given = check_values(values)
        if self.weights.encoding == "bipolar":
            given = (given + 1) / 2
        return _levels(given, self._inputs)

    def count(self, x: ArrayLike) -> tuple[Integers, Integers]:
        """Return the counts of `layer(x)`, and what `decode` needs beside them."""
        return self.count_levels(self.levels(self._checked(x)))

    def count_levels(self, levels: NDArray[np.int32]) -> tuple[Integers, Integers]:
        """Return the counts, (batch, n_out), and the ones of all inputs together, (batch,).

        Args:
            levels: Shape (batch, n_in): what `levels` returned.
        """
        counts = np.empty((len(levels), self.n_out), dtype=np.int64)
        at_once = max(1, _BYTES_AT_ONCE // self._row_bytes)
        for outputs, streams in self._blocks():
            for start in range(0, len(levels), at_once):
                rows = slice(start, start + at_once)
                counts[rows, outputs] = and_counts(_gathered(levels[rows], self._inputs), streams)
        ones = levels.sum(axis=1, dtype=np.int64)
        if self.weights.encoding == "bipolar":
            counts = _xnor_counts(
                self.length * self.n_in, ones[:, np.newaxis], self._ones.sum(axis=1), counts
            )
        elif self.negative.any():
            counts -= exact_product(levels, self.negative)
        return counts, ones

    def count_spikes(self, s: NDArray[Any], window: int = 1) -> tuple[Integers, Integers]:
        """Return the counts, (batch, n_out), and the ones of all inputs together, (batch,).

        Args:
            s: Shape (batch, n_in): whole numbers from 0 to `window`, which is not checked.
            window: How many spikes each number is the sum of.
        """
        counts = exact_product(s, self.spike_gains) + window * self.count_at_rest
        return counts, self.length * s.sum(axis=1).astype(np.int64)

    def _blocks(self) -> Iterator[tuple[slice, Packed]]:
        """Yield the weights' streams, (outputs, n_in, words), and which outputs these are."""
        if self._kept is not None:
            yield slice(None), self._kept
            return
        at_once = max(1, _BYTES_OF_BLOCK // self._row_bytes)
        for start in range(0, self.n_out, at_once):
            outputs = slice(start, start + at_once)
            yield outputs, self._made(outputs)

    def _made(self, outputs: slice) -> Packed:
        """Make the weights' streams of some outputs, those of negative weights complemented."""
        streams = _gathered(self._weight_levels[outputs], self._own)
        negative = self.negative[outputs, :, np.newaxis]
        return np.bitwise_not(streams, out=streams, where=negative)

    def _fixed_counts(self) -> tuple[Integers, Integers]:
        """Return what each weight adds to the count with and without a spike."""
        if self.weights.encoding != "bipolar":
            return np.where(self.negative, -self._ones, self._ones), np.zeros_like(self._ones)
        levels = _levels(np.full(self.n_in, 0.5), self._inputs)
        halves = _gathered(levels, self._inputs)
        both = np.empty_like(self._ones)
        for outputs, streams in self._blocks():
            both[outputs] = popcount(halves & streams)
        return self._ones, _xnor_counts(self.length, levels.astype(np.int64), self._ones, both)

    def decode(
        self, counts: Integers, input_ones: Integers, window: int = 1, divisor: int | None = None
    ) -> Floats:
        """Return the numbers that counts stand for.

        Args:
            counts: Shape (batch, n_out).
            input_ones: The ones of all input streams together, (batch,).
            window: How many streams each input is made of.
            divisor: What their sum is divided by: the window for a mean, 1 for a sum.
        """
        ones = input_ones[:, np.newaxis]
        return decode_counts(self.weights, self.length, counts, ones, window, divisor)

    def _checked(self, x: ArrayLike) -> NDArray[Any]:
        values = np.asarray(x)
        if values.ndim != 2 or values.shape[1] != self.n_in:
            raise UserError(f"input of shape {values.shape}: expected (batch, {self.n_in})")
        return values


def decode_counts(
    weights: EncodedWeights,
    length: int,
    counts: Integers,
    input_ones: Integers,
    window: int,
    divisor: int | None = None,
) -> Floats:
    """Return the numbers that counts stand for.

    Args:
        weights: The layer's weights.
        length: Bits per stream.
        counts: Shape (batch, n_out, ...).
        input_ones: The ones of all input streams of an output together; only unipolar weights
            ask for them.
        window: How many streams each input is made of.
        divisor: What their sum is divided by: the window for a mean, 1 for a sum.
    """
    if weights.encoding == "bipolar":
        counts = 2 * counts - length * window * weights.values[0].size
    whole = length * (window if divisor is None else divisor)
    result = counts * np.float64(weights.scale / whole)
    if weights.encoding == "unipolar":
        result += input_ones * (weights.offset / whole)
    if weights.bias is not None:
        result += weights.bias.reshape(-1, *(1,) * (counts.ndim - 2))
    return result


def choose_sources(
    source: str | SourcePair, seed: int | None, sharing: Sharing | None
) -> SourcePair:
    """Return the sources that a layer's arguments ask for."""
    if isinstance(source, str):
        return make_sources(source, seed, sharing or "shared")
    if not isinstance(source, SourcePair):
        raise UserError(f"source {source!r}: expected a name or a SourcePair")
    if seed is not None:
        raise UserError(f"seed {seed} beside a SourcePair: the pair's sources have their own")
    return source if sharing is None else SourcePair(source.inputs, source.weights, sharing)


def check_weights(weights: EncodedWeights, axes: int, encoding: WeightEncoding | None) -> None:
    """Raise `UserError` unless the weights are whole and what a layer takes."""
    if not isinstance(weights, EncodedWeights):
        raise UserError(
            f"weights of type {type(weights).__name__}: expected what encode_weights or "
            f"to_sc_weights returns"
        )
    if weights.encoding not in ENCODINGS:
        raise UserError(
            f"unknown weight encoding {weights.encoding!r}: expected one of {', '.join(ENCODINGS)}"
        )
    if encoding not in (None, weights.encoding):
        raise UserError(
            f"weights exported as {weights.encoding} in a layer that is {encoding}: export them "
            f"with encoding={encoding!r}"
        )
    shape = weights.values.shape
    if len(shape) != axes or 0 in shape:
        expected = "(n_out, n_in)" if axes == 2 else "(n_out, n_in / groups, rows, columns)"
        layer = "SCDenseLayer" if axes == 2 else "SCConv2dLayer"
        raise UserError(f"weights of shape {shape}: {layer} takes {expected}, none of them 0")
    if (weights.sign is None) == (weights.encoding == "sign-magnitude"):
        has = "without" if weights.sign is None else "with"
        raise UserError(f"{weights.encoding} weights {has} signs: use encode_weights")
    if weights.sign is not None and weights.sign.shape != shape:
        raise UserError(f"signs of shape {weights.sign.shape} for weights of shape {shape}")
    if weights.bias is not None and weights.bias.shape != shape[:1]:
        raise UserError(f"biases of shape {weights.bias.shape} for {shape[0]} outputs")
    if not np.isfinite([weights.scale, weights.offset]).all() or weights.scale <= 0:
        raise UserError(
            f"weights with scale {weights.scale} and offset {weights.offset}: expected finite "
            f"numbers, the scale above 0"
        )


def check_spikes(s: NDArray[Any], window: int) -> NDArray[Any]:
    """Return sums of spikes; raise `UserError` if one is not a whole number from 0 to window."""
    if s.dtype == np.bool_ and window == 1:
        return s
    if s.dtype.kind not in "biuf" or not ((s >= 0) & (s <= window) & (s == np.rint(s))).all():
        if window == 1:
            raise UserError("spikes must be 0 or 1; for values in between call the layer itself")
        raise UserError(f"sums of {window} spikes must be whole numbers from 0 to {window}")
    return s


def _tables(sequences: Sequence) -> list[StreamTable]:
    """Return the table of each input's sequence, or the one that all share."""
    return [StreamTable(sequence, is_kept=len(sequences) == 1) for sequence in sequences]


def _levels(values: Floats, tables: list[StreamTable]) -> NDArray[np.int32]:
    """Return the ones of the streams of values (..., n), each by the table of its last index."""
    if len(tables) == 1:
        return tables[0].levels(values)
    return np.stack([table.levels(values[..., j]) for j, table in enumerate(tables)], axis=-1)


def _gathered(levels: NDArray[np.int32], tables: list[StreamTable]) -> Packed:
    """Return the streams with so many ones."""
    if len(tables) == 1:
        return tables[0].streams(levels)
    return np.stack([table.streams(levels[..., j]) for j, table in enumerate(tables)], axis=-2)


def _xnor_counts(length: int, x: Integers, w: Integers, both: Integers) -> Integers:
    """Return the ones of x XNOR w from those of x, of w and of x AND w."""
    return length - x - w + 2 * both


def exact_product(left: NDArray[Any], right: NDArray[Any]) -> Integers:
    """Return left @ right.T of integers through the BLAS, in the fastest type that is exact."""
    largest = int(np.abs(left).max(initial=0)) * int(
        np.abs(right).sum(axis=1, dtype=np.int64).max()
    )
    real = exact_type(largest)
    product = left.astype(real) @ right.astype(real).T
    return product.astype(np.int64)


def exact_type(largest: int) -> type[np.floating[Any]]:
    """Return the float type whose sums of integers are exact up to a bound."""
    return np.float32 if largest < 1 << 24 else np.float64
