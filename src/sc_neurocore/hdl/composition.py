"""Layers between two populations as one linear map, in integers: sight, weights, delays, bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer
from sc_neurocore.fixed.program import signed_width
from sc_neurocore.fixed.synapses import IntegerSynapses
from sc_neurocore.hdl.sight import Axis, Layout
from sc_neurocore.network.description import (
    AveragePool2d,
    Connection,
    Conv2d,
    Delay,
    DelayDense,
    Flatten,
    MaxPool2d,
    SumPool2d,
    Weighted,
    along_channels,
)
from sc_neurocore.network.folding import composed_convolutions
from sc_neurocore.network.layers.windows import Windows
from sc_neurocore.network.schema import Shape

_MAXIMUM_WEIGHTS = 1 << 24


@dataclass(frozen=True)
class Composed:
    """A linear map from values that stand in a layout to the sums of neurons in another one.

    Attributes:
        layout: Where the sums stand; neurons with several inputs have those of the first one in the
            first channels, then those of the second.
        sight: See `hdl.layers.Part`, as the next four.
        joins: Whether inputs in front of one position of the kernel are joined by OR.
        weight: (places or one, outputs, inputs, kernel rows, kernel columns).
        delays: In the shape of the weight, or None.
        weight_bits: Width of a weight.
        bias: (places or one, outputs), in the unit of the sums.
    """

    layout: Layout
    sight: tuple[Axis, Axis]
    joins: bool
    weight: Integers
    delays: Integers | None
    weight_bits: int
    bias: Integers


def compose(
    layer: IntegerLayer, largest: int, name: str, *, is_first: bool, is_last: bool
) -> Composed:
    """Compose what stands in front of neurons.

    Args:
        layer: The neurons and what stands before them.
        largest: The largest magnitude of an input.
        name: What error messages call the layer.
        is_first: Whether a frame comes in.
        is_last: Whether the neurons are read out: they are numbered as in the description then.

    Raises:
        UserError: If the engine has no such map.
    """
    try:
        run = _Run.of(layer, largest)
        outputs = Layout.of(layer.sums_shape)
        if is_last and outputs.positions > 1:
            return _in_a_row(_expanded(run, layer, is_last=True), outputs)
        kernel = run.kernel()
        if kernel is None:
            return _expanded(run, layer)
        return (kernel.of_values() if is_first and kernel.is_dense else kernel).finished(layer)
    except _NoMapError as error:
        kinds = ", ".join(layer.kinds)
        raise UserError(f"{name} is made of {kinds}: {error}") from None


class _NoMapError(Exception):
    """Why layers are no linear map of what comes in."""


@dataclass(frozen=True)
class _Kernel:
    """A map whose weights all places share.

    Attributes:
        layout: Where the outputs stand.
        sight: What they see.
        joins: Whether inputs in front of one position are joined by OR.
        weight: (1, outputs, inputs, kernel rows, kernel columns).
        delays: In the weight's shape, or None.
        is_dense: Whether one place sees the whole image, without pooling.
    """

    layout: Layout
    sight: tuple[Axis, Axis]
    joins: bool
    weight: Integers
    delays: Integers | None
    is_dense: bool

    def of_values(self) -> _Kernel:
        """Return a dense kernel for values at one place: the frame's active ones, in its order."""
        shape = (1, self.weight.shape[1], -1, 1, 1)
        delays = None if self.delays is None else self.delays.reshape(shape)
        plain = Axis.whole(1), Axis.whole(1)
        return replace(self, sight=plain, weight=self.weight.reshape(shape), delays=delays)

    def finished(self, layer: IntegerLayer) -> Composed:
        """Return it with its bias, which is what it makes of nothing."""
        nothing = np.zeros((1, *layer.input_shape))
        bias = _applied(layer.synapses, nothing).reshape(self.layout.channels, -1).T
        if (bias == bias[0]).all():
            bias = bias[:1]
        return Composed(
            layout=self.layout,
            sight=self.sight,
            joins=self.joins,
            weight=self.weight,
            delays=self.delays,
            weight_bits=_width(self.weight, layer),
            bias=np.round(bias).astype(np.int64),
        )


@dataclass(frozen=True)
class _Run:
    """The layers in front of neurons: pooling first, then delays, then what has weights.

    Attributes:
        layout: Where the inputs stand.
        output_shape: That of the neurons' sums.
        pools: Windows whose inputs are joined, if there are any.
        joins: Whether by OR.
        late: Delays of what is pooled, in the shape of channels, rows and columns, or None.
        rest: The layers behind, with their integers; none of them is flatten.
        shape: What comes to them.
    """

    layout: Layout
    output_shape: Shape
    pools: Windows | None
    joins: bool
    late: Integers | None
    rest: tuple[Connection, ...]
    shape: Shape

    @classmethod
    def of(cls, layer: IntegerLayer, largest: int) -> _Run:
        left = [each.layer for each in layer.synapses]
        shape = layer.input_shape
        layout = Layout.of(shape)
        pools, joins = None, False
        front = left[0] if left else None
        if isinstance(front, MaxPool2d):
            if largest > 1:
                raise _NoMapError(
                    f"max pooling of numbers up to {largest}: accelerators pool spikes, and frames "
                    f"of single bits; put neurons in front of it"
                )
            joins = True
        is_sum = isinstance(front, AveragePool2d | SumPool2d) and len(left) > 1
        if isinstance(front, AveragePool2d | SumPool2d | MaxPool2d) and (joins or is_sum):
            pools = front.windows
            shape = front.output_shape(shape)
            left = left[1:]
        late, rest = None, list[Connection]()
        at = shape
        for each in left:
            if not each.is_linear:
                raise _NoMapError(
                    f"a {each.kind} of sums: accelerators pool the spikes of neurons; put it "
                    f"directly behind them"
                )
            if isinstance(each, Delay):
                if rest or late is not None:
                    raise _NoMapError("a delay of sums: put it behind neurons")
                late = np.broadcast_to(along_channels(each.delays, len(at)), at)
            elif not isinstance(each, Flatten):
                rest.append(each)
            at = each.output_shape(at)
        return cls(layout, layer.sums_shape, pools, joins, late, tuple(rest), shape)

    def kernel(self) -> _Kernel | None:
        """Return the map if all places share their weights, else None."""
        inputs = Layout.of(self.shape)
        outputs = Layout.of(self.output_shape)
        dense = self._dense(inputs)
        if dense is not None:
            return dense
        last = self._convolution(inputs.channels)
        if last is None:
            return None
        windows = last.windows
        axes = (
            Axis.windows(inputs.rows, windows, 0),
            Axis.windows(inputs.columns, windows, 1),
        )
        return self._seen(outputs, axes, _of_all_inputs(last)[np.newaxis], is_dense=False)

    def _dense(self, inputs: Layout) -> _Kernel | None:
        """Return the map if a dense layer takes the whole image, or nothing has weights."""
        if len(self.rest) != 1 or not isinstance(self.rest[0], Weighted):
            return None
        last = self.rest[0]
        if last.weight.ndim != 2:
            return None
        shape = (1, len(last.weight), inputs.channels, inputs.rows, inputs.columns)
        axes = Axis.whole(inputs.rows), Axis.whole(inputs.columns)
        given = last.delays.reshape(shape) if isinstance(last, DelayDense) else None
        outputs = Layout(len(last.weight))
        return self._seen(outputs, axes, last.weight.reshape(shape), given, is_dense=True)

    def _seen(
        self,
        outputs: Layout,
        axes: tuple[Axis, Axis],
        weight: Integers,
        delays: Integers | None = None,
        *,
        is_dense: bool,
    ) -> _Kernel | None:
        """Put pooling and delays in front of a kernel; None where places differ through them."""
        if self.late is not None:
            if delays is not None:
                raise _NoMapError("a delay in front of delays: make them one")
            delays = self._delays(weight.shape, is_dense)
            if delays is None:
                return None
        if self.pools is not None:
            sizes = self.layout.rows, self.layout.columns
            rows, columns = (Axis.pooled(sizes[axis], self.pools, axis) for axis in (0, 1))
            axes = axes[0].behind(rows), axes[1].behind(columns)
        axes = axes[0].seeing(), axes[1].seeing()
        weight = _with_nothing(weight, axes)
        delays = None if delays is None else _with_nothing(delays, axes)
        return _Kernel(outputs, axes, self.joins, weight, delays, is_dense and self.pools is None)

    def _delays(self, shape: tuple[int, ...], is_dense: bool) -> Integers | None:
        late = Layout.of(self.shape)
        assert self.late is not None
        by_place = self.late.reshape(late.channels, late.rows, late.columns)
        if is_dense:
            return np.broadcast_to(by_place, shape)
        of_channel = by_place[:, :1, :1]
        return np.broadcast_to(of_channel, shape) if (by_place == of_channel).all() else None

    def _convolution(self, channels: int) -> Conv2d | None:
        """Return the layers behind pooling as one convolution, in whole numbers."""
        if len(self.output_shape) == 1 and len(self.shape) != 1:
            return None  # flatten changes the order
        if not self.rest:
            return Conv2d(weight=np.ones((channels, 1, 1, 1), dtype=np.int64), groups=channels)
        found: list[Conv2d] = []
        for each in self.rest:
            one = each.as_convolution(channels)
            # Zeros around sums are zeros around the image only where sums are of one place each.
            if one is None or (any(one.padding) and not all(map(_is_of_one_place, found))):
                return None
            whole = np.round(one.weight * each.divisor)  # an average is a sum here
            found.append(one.model_copy(update={"weight": whole, "bias": None}))
            channels = len(one.weight)
        plain = [each.model_copy(update={"padding": (0, 0)}) for each in found[1:]]
        padding = next((each.padding for each in found if any(each.padding)), (0, 0))
        composed: Conv2d = reduce(composed_convolutions, plain, found[0])
        return composed.model_copy(update={"padding": padding})


def _is_of_one_place(layer: Conv2d) -> bool:
    return layer.weight.shape[2:] == (1, 1) and layer.stride == (1, 1) and layer.padding == (0, 0)


def _with_nothing(kernel: Integers, axes: tuple[Axis, Axis]) -> Integers:
    """Return the kernel with zeros at the positions that the axes have beyond it."""
    missing = [axis.taps - taps for axis, taps in zip(axes, kernel.shape[3:], strict=True)]
    around = [(0, 0)] * 3 + [(0, each) for each in missing]
    return np.pad(kernel, around) if any(missing) else kernel


def _of_all_inputs(layer: Conv2d) -> Integers:
    """Return (outputs, inputs, ...), zeros where groups do not see each other."""
    outputs, inputs, *size = layer.weight.shape
    width = outputs // layer.groups
    weight = np.zeros((outputs, inputs * layer.groups, *size), dtype=np.int64)
    for group in range(layer.groups):
        rows = slice(group * width, (group + 1) * width)
        weight[rows, group * inputs : (group + 1) * inputs] = np.round(layer.weight[rows])
    return weight


def _width(weight: Integers, layer: IntegerLayer) -> int:
    """Return the bits of a weight: those chosen, or what was composed takes."""
    chosen = max((each.weight_bits for each in layer.synapses), default=0)
    return max(2, chosen, signed_width(int(weight.min()), int(weight.max())))


def _expanded(run: _Run, layer: IntegerLayer, *, is_last: bool = False) -> Composed:
    """Return the map with weights of their own for each place, which sees the whole image."""
    cure = "put neurons between them, or leave out the padding inside"
    if is_last:
        cure = "an image that is read out has its own for each place; put a dense layer behind it"
    if run.joins or run.late is not None or any(each.has_memory for each in run.rest):
        what = "max pooling" if run.joins else "delays"
        raise _NoMapError(f"{what} in front of weights that differ from place to place: {cure}")
    inputs, outputs = run.layout, Layout.of(run.output_shape)
    if inputs.size * outputs.size > _MAXIMUM_WEIGHTS:
        raise _NoMapError(
            f"its weights differ from place to place, which makes {inputs.size * outputs.size} of "
            f"them (at most {_MAXIMUM_WEIGHTS}); {cure}"
        )
    bias = _applied(layer.synapses, np.zeros((1, *layer.input_shape)))[0].ravel()
    columns = []
    at_once = max(1, (1 << 22) // max(inputs.size, outputs.size))
    for first in range(0, inputs.size, at_once):
        ones = np.eye(min(at_once, inputs.size - first), inputs.size, first)
        sums = _applied(layer.synapses, ones.reshape(-1, *layer.input_shape))
        columns.append(sums.reshape(len(sums), -1) - bias)
    matrix = np.round(np.concatenate(columns)).astype(np.int64)  # (inputs, outputs)
    shape = (inputs.channels, inputs.rows, inputs.columns, outputs.channels, outputs.positions)
    weight = matrix.reshape(shape).transpose(4, 3, 0, 1, 2)
    sight = (
        Axis.whole(inputs.rows).everywhere(outputs.rows),
        Axis.whole(inputs.columns).everywhere(outputs.columns),
    )
    whole = np.round(bias).astype(np.int64).reshape(outputs.channels, outputs.positions).T
    return Composed(outputs, sight, False, weight, None, _width(weight, layer), whole)


def _in_a_row(composed: Composed, layout: Layout) -> Composed:
    """Return a map whose outputs stand at one place, in the description's order."""
    weight = composed.weight.swapaxes(0, 1).reshape(1, layout.size, *composed.weight.shape[2:])
    sight = tuple(Axis.whole(axis.size) for axis in composed.sight)
    return replace(
        composed,
        layout=layout.flat(),
        sight=(sight[0], sight[1]),
        weight=weight,
        bias=composed.bias.T.reshape(1, -1),
    )


def _applied(synapses: Sequence[IntegerSynapses], values: NDArray[Any]) -> NDArray[Any]:
    for each in synapses:
        values = each.layer.sums(np.float64)(values)
    return values
