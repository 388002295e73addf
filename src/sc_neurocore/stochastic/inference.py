"""Running a whole described network with stochastic synapses.

All synapses share one pair of number sources; the neurons are the equations, stepped in floating
point or in the integers of the hardware. A static input is estimated by streams once, since its
current is the same in every step. The layers behind it see binary spikes, or sums of some after
pooling, for which the streams' counts are known beforehand (`SCDenseLayer.spikes`), so that no
step generates a single bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.kernels.reference import FloatRun, check_inputs, run_layers
from sc_neurocore.kernels.reference_layers import Runner, make_runner
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv2d,
    DelayDense,
    Dense,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.stochastic.convolution import SCConv2dLayer
from sc_neurocore.stochastic.layer import SCDenseLayer, choose_sources, clip_weights
from sc_neurocore.stochastic.neurons import IntegerNeurons, integer_neurons, to_current
from sc_neurocore.stochastic.sharing import Sharing, SourcePair
from sc_neurocore.stochastic.sources import check_length
from sc_neurocore.stochastic.streams import check_values

Array: TypeAlias = NDArray[Any]
SCLayer: TypeAlias = SCDenseLayer | SCConv2dLayer

_FLOATS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}


@dataclass(frozen=True)
class _Arriving:
    """What comes to a layer: values in [0, 1], the means of windows of spikes, or currents."""

    kind: str
    window: int = 1


def run_network(
    description: NetworkDescription,
    inputs: ArrayLike,
    length: int = 256,
    source: str | SourcePair = "lfsr",
    encoding: WeightEncoding = "sign-magnitude",
    seed: int | None = None,
    progress: ProgressCallback = ignore_progress,
    *,
    sharing: Sharing | None = None,
    neurons: str | QFormat = "float64",
    clip: bool = True,
    record: bool = False,
) -> FloatRun:
    """Classify inputs with stochastic synapses.

    Args:
        description: Any network. Layers that see the input itself are dense or convolutional;
            behind the first neurons delays and recurrent layers work too.
        inputs: (batch, *shape) where the input is static, else (T, batch, *shape): unsigned
            integers in the description's input encoding, or real values in [0, 1].
        length: Bits per stream, at least 1.
        source: "lfsr", "sobol", "halton", "counter" or "bernoulli", or a `SourcePair`; all layers
            use the same.
        encoding: How weights become streams: "sign-magnitude", "bipolar" or "unipolar".
        seed: Passed to `make_sources` if `source` is a name.
        progress: Receives the number of samples done.
        sharing: Which streams share a sequence: "shared", "rotated" or "per-input".
        neurons: What the neurons compute in: "float64", "float32", or a Q format such as "Q8.8",
            which needs sign-magnitude weights and a length that is a power of two.
        clip: Whether sign-magnitude weights are first clipped to the power of two at which the
            mean square of clipping and rounding is smallest. Without, the largest weight sets the
            scale, as in `to_sc_weights`, and short streams waste most of their levels; weights
            that were fine-tuned for these streams (`training.sc_aware`) want no clipping.
        record: Whether to keep all spikes and states.

    Returns:
        Classes, spike counts and membrane sums of the last population, as floating-point
        inference returns them; with a Q format, membranes and states are integers.

    Raises:
        UserError: If a layer is not supported where it stands, real inputs do not fit or lie
            outside [0, 1], or the length, source, sharing, encoding or format is unknown.
        DataError: If integer inputs do not have the shape or range of the encoding.
    """
    sources = choose_sources(source, seed, sharing)
    length = check_length(length)
    runners = list(
        _runners(description, _Streams(length, sources, encoding, clip), neurons, record)
    )
    given, unit = _frames(description, inputs)
    return run_layers(
        description,
        runners,
        given,
        unit,
        record=record,
        task=f"stochastic inference, {length} bits",
        progress=progress,
    )


def _frames(description: NetworkDescription, inputs: ArrayLike) -> tuple[Array, np.float64]:
    """Return the inputs and what one unit of them is worth."""
    given = np.asarray(inputs)
    if given.dtype.kind in "ui":
        check_inputs(description.input, given, description.steps)
        return given, np.float64(2.0**-description.input.fraction_bits)
    lead: tuple[Any, ...] = ("batch",)
    if description.input.kind != "static":
        lead = (description.steps, "batch")
    wanted = (*lead, *description.input.shape)
    if given.ndim != len(wanted) or any(
        has != size for has, size in zip(given.shape, wanted, strict=True) if size != "batch"
    ):
        raise UserError(
            f"inputs of shape {given.shape}: {description.name} expects "
            f"({', '.join(map(str, wanted))})"
        )
    return check_values(given), np.float64(1)


@dataclass(frozen=True)
class _Streams:
    """How weights become streams."""

    length: int
    sources: SourcePair
    encoding: WeightEncoding
    clip: bool

    def encoded(self, layer: Dense | Conv2d | DelayDense | Recurrent) -> EncodedWeights:
        weight = np.asarray(layer.weight, dtype=np.float64)
        if self.clip and self.encoding == "sign-magnitude":
            weight = clip_weights(weight, self.length, self.sources)
        return encode_weights(weight, layer.bias, self.encoding)

    def layer(self, layer: Dense | Conv2d) -> SCLayer:
        weights = self.encoded(layer)
        if isinstance(layer, Dense):
            return SCDenseLayer(weights, self.length, self.sources)
        return SCConv2dLayer(
            weights,
            self.length,
            self.sources,
            stride=layer.stride,
            padding=layer.padding,
            dilation=layer.dilation,
            groups=layer.groups,
        )

    def effective(self, layer: Population | DelayDense) -> Layer:
        """Return the layer with the weights that spikes meet in streams."""
        if not isinstance(layer, Recurrent | DelayDense):
            return layer
        streams = SCDenseLayer(self.encoded(layer), self.length, self.sources)
        weight, bias = streams.effective_weights()
        return layer.model_copy(update={"weight": weight, "bias": bias})


def _runners(
    description: NetworkDescription,
    streams: _Streams,
    neurons: str | QFormat,
    record: bool,
) -> Iterator[Runner]:
    """Yield each layer as a function, or raise `UserError` for what is not supported."""
    integers: Iterator[IntegerNeurons] | None = None
    real: type[np.floating[Any]] = np.float64
    if isinstance(neurons, str) and neurons in _FLOATS:
        real = _FLOATS[neurons]
    else:
        form = QFormat.parse(neurons)
        made = integer_neurons(description, form, record)
        program, integers = made[0].program, iter(made)
    arriving = _Arriving("spikes" if description.input.kind == "spikes" else "values")
    for index, layer in enumerate(description.layers):
        if isinstance(layer, Dense | Conv2d):
            _refuse_currents(index, layer, arriving)
            stochastic = streams.layer(layer)
            window = arriving.window if arriving.kind == "spikes" else 0
            convert = None
            if integers is not None:
                convert = to_current(stochastic.weights, streams.length, max(window, 1), program)
            yield _Synapses(stochastic, window, real, convert)
            arriving = _Arriving("currents")
        elif isinstance(layer, Population):
            if integers is not None:
                yield next(integers)
            else:
                yield make_runner(streams.effective(layer), real, record)
            arriving = _Arriving("spikes")
        elif isinstance(layer, DelayDense):
            if arriving.kind != "spikes" or integers is not None:
                raise UserError(
                    f"layers[{index}] is 'delay-dense': stochastic inference has delays of spikes, "
                    f"and in floating point, so far"
                )
            yield make_runner(streams.effective(layer), real, record)
            arriving = _Arriving("currents")
        else:
            if isinstance(layer, AveragePool2d):
                if arriving.kind == "currents" and integers is not None:
                    raise UserError(
                        f"layers[{index}] averages currents: neurons in a Q format take the "
                        f"currents as they are; pool the spikes, or use neurons='float64'"
                    )
                arriving = _Arriving(arriving.kind, arriving.window * math.prod(layer.size))
            yield make_runner(layer, real, record)


class _Synapses:
    """From what arrives to currents.

    Args:
        layer: The synapses.
        window: 0 for values, else how many spikes each number that arrives is the mean of.
        real: The type of currents in floating point.
        convert: From counts to currents that are integers; None for floating point.
    """

    def __init__(
        self, layer: SCLayer, window: int, real: Any, convert: Callable[[Array], Array] | None
    ) -> None:
        self._layer, self._window, self._real, self._convert = layer, window, real, convert

    def __call__(self, values: Array) -> Array:
        counts, ones = self._counts(values)
        if self._convert is not None:
            return self._convert(counts)
        decoded = self._layer.decode(counts, ones, max(self._window, 1))
        return decoded.astype(self._real, copy=False)

    def _counts(self, values: Array) -> tuple[Array, Array]:
        if self._window == 0:
            return self._layer.count(values)
        if self._window > 1:  # means of other windows than 2^k were rounded
            values = np.rint(values * self._window)
        return self._layer.count_spikes(values, self._window)


def _refuse_currents(index: int, layer: Layer, arriving: _Arriving) -> None:
    if arriving.kind == "currents":
        raise UserError(
            f"layers[{index}] is {layer.kind!r} behind a layer with weights: streams hold values "
            f"from 0 to 1, and currents are none; put neurons between them"
        )
