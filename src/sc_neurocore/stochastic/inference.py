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
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.kernels.inference import Chain, NetworkRun, check_inputs
from sc_neurocore.kernels.reference_layers import Runner, make_runner, values_at_work
from sc_neurocore.network.description import (
    AveragePool2d,
    Conv1d,
    Conv2d,
    DelayDense,
    Dense,
    InputEncoding,
    Integrator,
    Layer,
    NetworkDescription,
    Population,
    Recurrent,
    Scale,
    SumPool2d,
)
from sc_neurocore.network.encoding import EncodedWeights, WeightEncoding, encode_weights
from sc_neurocore.progress import ProgressCallback, ignore_progress
from sc_neurocore.stochastic.calibration import calibrate_weights
from sc_neurocore.stochastic.convolution import SCConv2dLayer
from sc_neurocore.stochastic.layer import SCDenseLayer, choose_sources
from sc_neurocore.stochastic.neurons import integer_layers, to_current
from sc_neurocore.stochastic.sharing import Sharing, SourcePair
from sc_neurocore.stochastic.sources import check_length
from sc_neurocore.stochastic.streams import check_values

Array: TypeAlias = NDArray[Any]
SCLayer: TypeAlias = SCDenseLayer | SCConv2dLayer

_FLOATS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}


@dataclass(frozen=True)
class _Arriving:
    """What comes to a layer.

    Attributes:
        kind: "values" in [0, 1], "spikes" or sums of some, or "numbers" of any kind.
        window: How many spikes each number is made of.
        divisor: What their sum is divided by.
    """

    kind: Literal["values", "spikes", "numbers"]
    window: int = 1
    divisor: int = 1


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
    calibrate: bool = True,
    record: bool = False,
) -> NetworkRun:
    """Classify inputs with stochastic synapses.

    Args:
        description: Layers that see the input itself are dense or convolutional; behind the first
            spiking neurons delays and recurrent layers work too.
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
        calibrate: Whether weights are suited to their streams, see `stochastic.calibration`.
            Without, they are encoded as `to_sc_weights` does.
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
    given, unit = np.asarray(inputs), 2.0**-description.input.fraction_bits
    is_real = given.dtype.kind not in "ui"
    if is_real:
        unit = 1.0
    chain = Chain(
        encoding=description.input,
        steps=description.steps,
        readout=description.readout,
        convert=lambda frame: frame * np.float64(unit),
        runners=list(
            _runners(description, _Streams(length, sources, encoding, calibrate), neurons, record)
        ),
        values_at_work=max(
            values_at_work(layer, *shapes)
            for layer, shapes in zip(
                description.layers, pairwise(description.shapes()), strict=True
            )
        ),
        check=_check_values if is_real else check_inputs,
    )
    return chain.run(given, f"stochastic inference, {length} bits", progress)


def _check_values(encoding: InputEncoding, values: Array, steps: int) -> None:
    lead: tuple[Any, ...] = ("batch",) if encoding.kind == "static" else (steps, "batch")
    wanted = (*lead, *encoding.shape)
    if values.ndim != len(wanted) or any(
        has != size for has, size in zip(values.shape, wanted, strict=True) if size != "batch"
    ):
        raise UserError(f"inputs of shape {values.shape}: expected ({', '.join(map(str, wanted))})")
    check_values(values)


@dataclass(frozen=True)
class _Streams:
    """How weights become streams."""

    length: int
    sources: SourcePair
    encoding: WeightEncoding
    calibrate: bool

    def encoded(self, layer: Dense | Conv2d | DelayDense | Recurrent) -> EncodedWeights:
        """Return the layer's weights as probabilities."""
        if not self.calibrate:
            return encode_weights(layer.weight, layer.bias, self.encoding)
        return calibrate_weights(layer.weight, layer.bias, self.encoding, self.length, self.sources)

    def layer(self, layer: Dense | Conv2d) -> SCLayer:
        """Return the layer that counts bits."""
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
        """Return the layer with the weights, if it has some, that spikes meet in streams."""
        if not isinstance(layer, Recurrent | DelayDense):
            return layer
        streams = SCDenseLayer(self.encoded(layer), self.length, self.sources)
        weight, bias = streams.effective_weights()
        return layer.model_copy(update={"weight": weight, "bias": bias})


def _runners(
    description: NetworkDescription, streams: _Streams, neurons: str | QFormat, record: bool
) -> Iterator[Runner]:
    """Yield each layer as a function, or raise `UserError` for what is not supported."""
    integers: Iterator[IntegerLayer] | None = None
    if isinstance(neurons, str) and neurons in _FLOATS:
        real = _FLOATS[neurons]
    else:
        real, integers = np.float64, integer_layers(description, QFormat.parse(neurons))
    are_spikes = description.input.kind == "spikes" and description.input.fraction_bits == 0
    arriving = _Arriving("spikes" if are_spikes else "values")
    held = None  # the neurons in integers that the layers so far lead to
    for index, layer in enumerate(description.layers):
        place = f"layers[{index}] is {layer.kind!r}"
        if integers is not None and held is None:
            held = next(integers)
        if isinstance(layer, Dense | Conv1d | Conv2d):
            if arriving.kind == "numbers":
                raise UserError(
                    f"{place}, and what arrives are no spikes and no values from 0 to 1, which "
                    f"streams hold; put spiking neurons before it"
                )
            yield from _synapses(layer, streams, arriving, real, held)
            arriving = _Arriving("numbers")
        elif isinstance(layer, Population):
            if held is None:
                yield make_runner(streams.effective(layer), real, record)
            else:
                yield from _integer_neurons(held, arriving, place, record)
            held = None
            arriving = _Arriving("numbers" if isinstance(layer, Integrator) else "spikes")
        elif isinstance(layer, DelayDense) and arriving.kind == "spikes" and held is None:
            yield make_runner(streams.effective(layer), real, record)
            arriving = _Arriving("numbers")
        elif isinstance(layer, DelayDense):
            raise UserError(
                f"{place}: stochastic inference has synapses with delays for spikes only, and for "
                f"neurons in floating point"
            )
        elif isinstance(layer, AveragePool2d | SumPool2d | Scale) and arriving.kind == "numbers":
            if held is not None:
                raise UserError(
                    f"{place}, behind weights: neurons in a Q format take counts as they are; pool "
                    f"the spikes, or use neurons='float64'"
                )
            yield make_runner(layer, real, record)
        elif isinstance(layer, AveragePool2d | SumPool2d):
            size = math.prod(layer.size)
            arriving = replace(arriving, window=arriving.window * size)
            if isinstance(layer, AveragePool2d):
                arriving = replace(arriving, divisor=arriving.divisor * size)
            yield lambda values: values.astype(real, copy=False)
            yield make_runner(layer, real, record)
        elif isinstance(layer, Scale):
            raise UserError(
                f"{place}: streams hold values from 0 to 1; multiply the weights behind it instead"
            )
        else:
            yield make_runner(layer, real, record)


def _integer_neurons(
    held: IntegerLayer, arriving: _Arriving, place: str, record: bool
) -> Iterator[Runner]:
    """Yield neurons in integers as functions, of currents or of spikes as they are."""
    if arriving.kind == "numbers":
        *_, stepped = held.runners(record)
        yield stepped
    elif arriving == _Arriving("spikes") and len(held.kinds) == 1:
        yield from held.runners(record)
    else:
        origin = "neurons before" if arriving.kind == "spikes" else "input"
        raise UserError(
            f"{place}, and no weights are between it and the {origin}: neurons in a "
            f"Q format take counts of streams, or spikes as they are; use neurons='float64'"
        )


def _synapses(
    layer: Dense | Conv1d | Conv2d,
    streams: _Streams,
    arriving: _Arriving,
    real: Any,
    held: IntegerLayer | None,
) -> Iterator[Runner]:
    """Yield synapses as functions: from what arrives to currents."""
    if isinstance(layer, Conv1d):
        yield lambda values: values[:, :, np.newaxis]
    stochastic = streams.layer(layer.in_two_dimensions() if isinstance(layer, Conv1d) else layer)
    convert = None
    if held is not None:
        convert = to_current(
            stochastic.weights, streams.length, arriving.window, arriving.divisor, held
        )
    yield _Synapses(stochastic, arriving, real, convert)
    if isinstance(layer, Conv1d):
        yield lambda values: values[:, :, 0]


class _Synapses:
    """From what arrives to currents.

    Args:
        layer: The synapses.
        arriving: What arrives.
        real: The type of currents in floating point.
        convert: From counts to currents that are integers; None for floating point.
    """

    def __init__(
        self,
        layer: SCLayer,
        arriving: _Arriving,
        real: Any,
        convert: Callable[[Array], Array] | None,
    ) -> None:
        self._layer, self._arriving, self._real, self._convert = layer, arriving, real, convert

    def __call__(self, values: Array) -> Array:
        window, divisor = 1, 1
        if self._arriving.kind == "values":
            counts, ones = self._layer.count(values)
        else:
            window, divisor = self._arriving.window, self._arriving.divisor
            if divisor > 1:  # means of other windows than 2^k were rounded
                values = np.rint(values * divisor)
            counts, ones = self._layer.count_spikes(values, window)
        if self._convert is not None:
            return self._convert(counts)
        decoded = self._layer.decode(counts, ones, window, divisor)
        return decoded.astype(self._real, copy=False)
