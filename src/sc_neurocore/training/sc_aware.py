"""Fine-tuning for stochastic streams of a chosen length.

A stream of L bits holds L + 1 values. In the forward pass every weight becomes the nearest one,
sign-magnitude, and a layer that sees the input itself counts the very bits of the
product streams, so that the network answers as stochastic inference with these sources does. In
the backward pass all this is the identity: the straight-through estimator of Bengio, Léonard and
Courville, Estimating or propagating gradients through stochastic neurons, arXiv:1308.3432, 2013.

The scale of a layer is fixed at the beginning: the power of two at which clipping and rounding
together cost least, as `stochastic.calibration` chooses it for inference.

Everything is ordinary torch operations: where the network is, the bits are counted, with the same
result on every device.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.network.encoding import clipping_limit
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.networks import SpikingSequential, check_sequential
from sc_neurocore.training.paths import Join, Mark
from sc_neurocore.training.recurrent import RecurrentCell
from sc_neurocore.training.straight_through import straight_through

_Net = TypeVar("_Net", bound=SpikingSequential)
Products: TypeAlias = Literal["streams", "levels"]

_RESOLUTION = 65536
_BITS_AT_ONCE = 1 << 24
_MAXIMUM_LENGTH = 1 << 16
_WITHOUT_WEIGHTS = (
    nn.AvgPool2d, nn.MaxPool2d, nn.Flatten, nn.Identity,
    nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d,
)  # fmt: skip


class StreamSources(Protocol):
    """Where the numbers come from that values are compared with: a `stochastic.SourcePair`."""

    def sequences(
        self, n_inputs: int, length: int, /
    ) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Return those of the inputs and of their weights, each (n_inputs or 1, length)."""
        ...


@contextmanager
def stream_aware(
    net: _Net, length: int, sources: StreamSources, products: Products = "streams"
) -> Iterator[_Net]:
    """Let a network compute with streams as long as the context lasts, to be trained or evaluated.

        with stream_aware(net, 16, make_sources("sobol")):
            fit(net, train, options=options)

    In the context the network cannot be exported. When it ends the layers are what they were
    before, with their weights rounded to what the streams were worth; `run_network` with this
    length and these sources gives the same answers.

    Args:
        net: Linear and convolutional layers with cells between them; BatchNorm is folded first,
            by `SpikingSequential.from_description(net.to_description(...))`. Weights are clipped
            on entering, and rounded on leaving.
        length: Bits per stream, 1 to 65536.
        sources: `stochastic.make_sources(...)`; those of the inference that is trained for.
        products: What layers do that see the input. "streams" counts the bits of each product,
            exactly and in time that grows with the length. "levels" multiplies the rounded values,
            which is as good where the length is large.

    Raises:
        UserError: If a layer cannot be computed with streams, or the length or the products are
            unknown. Later, in the forward pass, if an input is not in [0, 1].
    """
    if (
        isinstance(length, bool)
        or not isinstance(length, int)
        or not 1 <= length <= _MAXIMUM_LENGTH
    ):
        raise UserError(f"stream length {length!r}: expected 1 to {_MAXIMUM_LENGTH}, whole")
    if products not in ("streams", "levels"):
        raise UserError(f"products={products!r}: expected streams or levels")
    check_sequential(net)
    given: Any = sources
    if not hasattr(given, "sequences"):
        raise UserError(
            f"sources: found {shown(given)}, expected stochastic.make_sources('sobol') or the like"
        )
    before = list(net.layers)
    replaced = list(_replaced(before, length, sources, products))
    try:
        for index, layer in enumerate(replaced):
            net.layers[index] = layer
        yield net
    finally:
        for index, layer in enumerate(before):
            net.layers[index] = layer
        for layer in replaced:
            if isinstance(layer, StreamLayer):
                layer.finish()


def _replaced(
    layers: list[nn.Module], length: int, sources: StreamSources, products: Products
) -> Iterator[nn.Module]:
    arriving = "values"
    marks: dict[nn.Module, str] = {}
    for index, layer in enumerate(layers):
        place = f"layers[{index}] ({type(layer).__name__})"
        if isinstance(layer, nn.Linear | nn.Conv2d):
            if arriving == "currents":
                raise UserError(f"{place}: streams hold no currents; put a cell before it")
            yield StreamLayer(layer, length, sources, products if arriving == "values" else None)
            arriving = "currents"
        elif isinstance(layer, Cell) and not isinstance(layer, RecurrentCell):
            yield layer
            arriving = "spikes"
        elif isinstance(layer, _WITHOUT_WEIGHTS):
            yield layer
        elif isinstance(layer, Mark):
            marks[layer] = arriving
            yield layer
        elif isinstance(layer, Join):
            met = {marks[layer.mark]} | (set() if layer.how == "instead" else {arriving})
            if met != {"spikes"}:
                raise UserError(f"{place}: streams join spikes; put cells before it, on both paths")
            arriving = "spikes"
            yield layer
        else:
            raise UserError(
                f"{place}: fine-tuning for streams takes Linear, Conv2d, AvgPool2d, MaxPool2d, "
                f"Flatten, Dropout, Residual and cells that are not recurrent; fold BatchNorm first"
            )


class StreamLayer(nn.Module):
    """A linear or convolutional layer that computes with streams; it shares its parameters.

    Args:
        layer: The layer, whose weights are clipped.
        length: Bits per stream.
        sources: Where the numbers come from.
        products: How values in [0, 1] are multiplied; None where spikes arrive.

    Raises:
        UserError: If the layer is a convolution that pads with something else than zeros, or one
            whose inputs do not share a sequence.
    """

    input_numbers: Tensor
    weight_numbers: Tensor

    def __init__(
        self,
        layer: nn.Linear | nn.Conv2d,
        length: int,
        sources: StreamSources,
        products: Products | None,
    ) -> None:
        super().__init__()
        self.weight = layer.weight
        self.bias: Any = layer.bias
        self.length = length
        self.products = products
        self.convolution: dict[str, Any] | None = None
        if isinstance(layer, nn.Conv2d):
            if layer.padding_mode != "zeros":
                raise UserError(f"padding_mode={layer.padding_mode!r}: streams pad with zeros")
            names = ("stride", "padding", "dilation", "groups")
            self.convolution = {name: getattr(layer, name) for name in names}
        inputs, weights = sources.sequences(math.prod(layer.weight.shape[1:]), length)
        if products == "streams" and self.convolution is not None and len(inputs) > 1:
            raise UserError(
                "a convolution whose inputs do not share a sequence: take products='levels', or "
                "sources with sharing='shared' or 'rotated'"
            )
        for name, numbers in (("input", inputs), ("weight", weights)):
            tensor = torch.tensor(numbers.astype(np.float32), device=layer.weight.device)
            self.register_buffer(f"{name}_numbers", tensor, persistent=False)
        self.limit = clipping_limit(layer.weight.detach().cpu().numpy(), length)
        with torch.no_grad():
            self.weight.clamp_(-self.limit, self.limit)

    def extra_repr(self) -> str:
        """Say what the streams are, for printing and for checkpoints."""
        return (
            f"length={self.length}, products={self.products}, limit={self.limit}, "
            f"convolution={self.convolution}"
        )

    @torch.no_grad()
    def finish(self) -> None:
        """Round the weights to what their streams are worth."""
        self.weight.copy_(self._levels(self.weight.clamp(-self.limit, self.limit)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the currents of values in [0, 1], or of spikes or their means."""
        weight = self.weight.clamp(-self.limit, self.limit)
        if self.products is None:
            return self._apply_weight(x, straight_through(weight, self._levels(weight)), self.bias)
        if x.numel() and not bool((x.amin() >= 0) & (x.amax() <= 1)):
            raise UserError(
                f"inputs from {float(x.amin()):g} to {float(x.amax()):g}: streams hold values from "
                f"0 to 1; scale the data first"
            )
        if self.products == "levels":
            levels = straight_through(x, self._input_levels(x))
            met = straight_through(weight, self._levels(weight))
            return self._apply_weight(levels, met, self.bias)
        exact = self._count(x.detach(), weight.detach())
        if not torch.is_grad_enabled():
            return exact
        return straight_through(self._apply_weight(x, weight, self.bias), exact)

    def _apply_weight(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        if self.convolution is None:
            return functional.linear(x, weight, bias)
        return functional.conv2d(x, weight, bias, **self.convolution)

    @torch.no_grad()
    def _input_levels(self, x: Tensor) -> Tensor:
        """Return what the streams of values are worth."""
        numbers = self.input_numbers
        if self.convolution is not None:  # the positions in a patch may have others than the first
            numbers = numbers[:1]
        return _ones(_thresholds(x), numbers) / self.length

    @torch.no_grad()
    def _levels(self, weight: Tensor) -> Tensor:
        """Return what the streams of weights are worth."""
        thresholds = self._weight_thresholds(weight)
        ones = _ones(thresholds, self.weight_numbers).reshape(weight.shape)
        return (weight.sign() * ones * (self.limit / self.length)).to(weight.dtype)

    def _weight_thresholds(self, weight: Tensor) -> Tensor:
        """Return thresholds that give the nearest number of ones, (outputs, inputs)."""
        share = (weight.abs().double() / self.limit).flatten(1)
        ones = torch.round(share * self.length).long()
        ordered = self.weight_numbers.sort(dim=1).values.expand(share.shape[1], -1)
        below = ordered.gather(1, (ones - 1).clamp(min=0).T).T
        return torch.where(ones > 0, below + 1, torch.zeros_like(below))

    @torch.no_grad()
    def _count(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the currents that the bits of the product streams make, counted exactly."""
        magnitude = self._weight_thresholds(weight).unsqueeze(-1)
        sign = weight.sign().reshape(len(weight), -1, 1)
        value = _thresholds(x).unsqueeze(-1)
        counts: Tensor | None = None
        at_once = max(1, _BITS_AT_ONCE // max(1, x.numel()))
        # The counts are whole numbers, which lower precision would round.
        with torch.autocast(x.device.type, enabled=False):
            for start in range(0, self.length, at_once):
                part = slice(start, start + at_once)
                weight_bits = (self.weight_numbers[:, part] < magnitude).to(x.dtype) * sign
                input_bits = (self.input_numbers[:, part].to(x.dtype) < value).to(x.dtype)
                added = self._multiplied(input_bits, weight_bits)
                counts = added if counts is None else counts + added
        assert counts is not None
        current = counts * (self.limit / self.length)
        if self.bias is not None:
            current = current + self.bias.reshape(-1, *(1,) * (current.ndim - 2))
        return current

    def _multiplied(self, x: Tensor, weight: Tensor) -> Tensor:
        """Return the sums over inputs and bits, the last axis, of x and weight (outputs, n, bits).

        The bits become inputs of their own, behind each other.
        """
        if self.convolution is None:
            return functional.linear(x.flatten(1), weight.flatten(1))
        outputs, channels, *size = self.weight.shape
        images = x.movedim(-1, 2).flatten(1, 2)
        by_tap = weight.reshape(outputs, channels, *size, -1).movedim(-1, 2).flatten(1, 2)
        return functional.conv2d(images, by_tap, **self.convolution)


def _thresholds(values: Tensor) -> Tensor:
    """Return the comparator thresholds of values in [0, 1], whole numbers in the same type."""
    return torch.round(values * _RESOLUTION)


def _ones(thresholds: Tensor, numbers: Tensor) -> Tensor:
    """Return the ones of streams: thresholds (..., n), each compared with the numbers of n.

    Where all share one sequence, (1, length), the thresholds may have any shape.
    """
    ordered = numbers.to(thresholds.dtype).sort(dim=1).values
    if len(ordered) == 1:
        return torch.searchsorted(ordered[0], thresholds.contiguous()).to(thresholds.dtype)
    by_input = thresholds.flatten(0, -2).T.contiguous()
    found = torch.searchsorted(ordered, by_input)
    return found.T.reshape(thresholds.shape).to(thresholds.dtype)
