"""A convolution computed with stochastic bitstreams: `SCDenseLayer` on every patch of an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.array_types import Floats, Integers
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import Conv2d
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding
from sc_neurocore.stochastic.layer import (
    SCDenseLayer,
    check_spikes,
    check_weights,
    choose_sources,
    decode_counts,
    exact_type,
)
from sc_neurocore.stochastic.sharing import Sharing, SourcePair

_VALUES_AT_ONCE = 1 << 22


class SCConv2dLayer:
    """A convolution whose products are made from bitstreams.

    Input j of `SCDenseLayer` is here a position in a patch: channel, row and column, in this
    order. Padding is the value 0. Everything else is as in `SCDenseLayer`.

    Args:
        weights: What `encode_weights` or `to_sc_weights` returns, of shape
            (n_out, n_in / groups, rows, columns).
        length: Bits per stream.
        source: A name or a `SourcePair`.
        seed: Passed to `make_sources` if `source` is a name.
        sharing: Which streams share a sequence.
        encoding: If given, the encoding that the weights must have.
        stride: Rows and columns from one patch to the next.
        padding: Rows and columns of zeros on every side.
        dilation: Rows and columns from one weight to the next.
        groups: Groups of channels that do not see each other.

    Raises:
        UserError: As for `SCDenseLayer`; also for a stride, padding, dilation or number of groups
            that makes no sense.
    """

    def __init__(
        self,
        weights: EncodedWeights,
        length: int,
        source: str | SourcePair = "lfsr",
        seed: int | None = None,
        sharing: Sharing | None = None,
        encoding: WeightEncoding | None = None,
        stride: tuple[int, int] = (1, 1),
        padding: tuple[int, int] = (0, 0),
        dilation: tuple[int, int] = (1, 1),
        groups: int = 1,
    ) -> None:
        check_weights(weights, 4, encoding)
        self.weights = weights
        self.sources = choose_sources(source, seed, sharing)
        self.n_out, per_group, *_ = weights.values.shape
        if groups < 1 or self.n_out % groups:
            raise UserError(f"groups={groups}: expected a divisor of {self.n_out} outputs")
        self.n_in = per_group * groups
        self._groups = [
            SCDenseLayer(part, length, self.sources) for part in _parts(weights, groups)
        ]
        self.length = self._groups[0].length
        self._taps = math.prod(weights.values.shape[2:])
        gains = np.concatenate([layer.spike_gains for layer in self._groups])
        self._largest = int(np.abs(gains).sum(axis=1).max())
        # The description's own convolution checks the geometry and counts spikes, which is one.
        self._geometry = Conv2d(
            weight=gains.reshape(weights.values.shape),
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
        )
        self._counting: dict[Any, Callable[[NDArray[Any]], NDArray[Any]]] = {}

    def __call__(self, x: ArrayLike) -> Floats:
        """Estimate the convolution of x from streams.

        Args:
            x: Shape (batch, n_in, rows, columns), each value in [0, 1].

        Returns:
            Shape (batch, n_out, rows', columns').

        Raises:
            UserError: If the shape does not fit, or a value is NaN or outside [0, 1].
        """
        return self.decode(*self.count(x))

    def counts(self, x: ArrayLike) -> Integers:
        """Return the integer counts that `layer(x)` decodes, (batch, n_out, rows', columns')."""
        return self.count(x)[0]

    def spikes(self, s: ArrayLike, window: int = 1) -> Floats:
        """Return `layer(s / window)` for sums of spikes without making a stream.

        Args:
            s: Shape (batch, n_in, rows, columns), whole numbers from 0 to `window`.
            window: How many neurons each number is the sum of: 4 behind 2 x 2 pooling.

        Returns:
            Shape (batch, n_out, rows', columns').

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
        """Return weights and biases that spikes meet, in the shapes of a convolution's."""
        weight, bias = zip(*(layer.effective_weights() for layer in self._groups), strict=True)
        return np.concatenate(weight).reshape(self.weights.values.shape), np.concatenate(bias)

    def count_spikes(self, s: NDArray[Any], window: int = 1) -> tuple[Integers, Integers]:
        """Return the counts, and what `decode` needs beside them.

        Args:
            s: Shape (batch, n_in, rows, columns): whole numbers from 0 to `window`, not checked.
            window: How many spikes each number is the sum of.
        """
        rest = np.concatenate([layer.count_at_rest for layer in self._groups])
        counts = self._convolved("gains", s, window, self._largest)
        counts += window * rest.reshape(-1, 1, 1)
        ones = np.zeros(1, dtype=np.int64)
        if self.weights.encoding == "unipolar":
            taps = self.weights.values[0].size
            ones = self.length * self._convolved("ones", s, window, taps)
        return counts, ones

    def decode(
        self, counts: Integers, input_ones: Integers, window: int = 1, divisor: int | None = None
    ) -> Floats:
        """Return the numbers that counts stand for.

        Args:
            counts: Shape (batch, n_out, rows', columns').
            input_ones: What `count_spikes` returned with them.
            window: How many streams each input is made of.
            divisor: What their sum is divided by: the window for a mean, 1 for a sum.
        """
        return decode_counts(self.weights, self.length, counts, input_ones, window, divisor)

    def _convolved(self, what: str, s: NDArray[Any], window: int, largest: int) -> Integers:
        """Convolve whole numbers with the gains, or with ones, exactly."""
        real = exact_type(largest * window)
        if (what, real) not in self._counting:
            layer = self._geometry
            if what == "ones":
                layer = layer.model_copy(update={"weight": np.ones_like(layer.weight)})
            self._counting[what, real] = layer.runner(real)
        return self._counting[what, real](s.astype(real, copy=False)).astype(np.int64)

    def count(self, x: ArrayLike) -> tuple[Integers, Integers]:
        """Return the counts of `layer(x)`, and what `decode` needs beside them."""
        images = self._checked(x)
        first = self._groups[0]
        _, rows, columns = self._geometry.output_shape(images.shape[1:])
        # Where all inputs share a sequence each pixel is encoded once, else each tap of a patch.
        is_shared = self.sources.sharing != "per-input"
        if is_shared:
            images = first.levels(images)
        zero = int(first.levels(np.zeros(first.n_in))[0]) if is_shared else 0
        (above, left), batch = self._geometry.padding, len(images)
        around = ((0, 0), (0, 0), (above, above), (left, left))
        images = np.pad(images, around, constant_values=zero)
        counts = np.empty((batch, self.n_out, rows, columns), dtype=np.int64)
        ones = np.empty_like(counts)
        width = self.n_out // len(self._groups)
        at_once = max(1, _VALUES_AT_ONCE // (images[:1].size * self._taps))
        for start in range(0, batch, at_once):
            part = slice(start, start + at_once)
            for index, patches in enumerate(self._patches(images[part])):
                layer, outputs = self._groups[index], slice(index * width, (index + 1) * width)
                found, total = layer.count_levels(patches if is_shared else layer.levels(patches))
                as_images = found.reshape(-1, rows, columns, width).transpose(0, 3, 1, 2)
                counts[part, outputs] = as_images
                ones[part, outputs] = total.reshape(-1, 1, rows, columns)
        return counts, ones

    def _patches(self, images: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """Yield the patches of each group of channels, (batch * rows' * columns', taps)."""
        layer = self._geometry
        span = [
            dilation * (size - 1) + 1
            for size, dilation in zip(layer.weight.shape[2:], layer.dilation, strict=True)
        ]
        windows = sliding_window_view(images, span, axis=(2, 3))
        windows = windows[
            :, :, :: layer.stride[0], :: layer.stride[1], :: layer.dilation[0], :: layer.dilation[1]
        ]
        for channels in np.split(windows, layer.groups, axis=1):
            patches = channels.transpose(0, 2, 3, 1, 4, 5)
            yield patches.reshape(-1, self._groups[0].n_in)

    def _checked(self, x: ArrayLike) -> NDArray[Any]:
        values = np.asarray(x)
        if values.ndim != 4 or values.shape[1] != self.n_in:
            raise UserError(
                f"input of shape {values.shape}: expected (batch, {self.n_in}, rows, columns)"
            )
        try:
            self._geometry.output_shape(values.shape[1:])
        except ValueError as error:
            raise UserError(str(error)) from None
        return values


def _parts(weights: EncodedWeights, groups: int) -> Iterator[EncodedWeights]:
    """Yield each group's weights as those of a dense layer."""
    width = len(weights.values) // groups
    for first in range(0, len(weights.values), width):
        rows = slice(first, first + width)
        yield replace(
            weights,
            values=weights.values[rows].reshape(width, -1),
            sign=None if weights.sign is None else weights.sign[rows].reshape(width, -1),
            bias=None if weights.bias is None else weights.bias[rows],
        )
