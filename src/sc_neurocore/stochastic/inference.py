"""Running a whole described network with stochastic synapses.

All synapses share one pair of number sources; the neurons are the equations, stepped in floating
point or in the integers of the hardware. A static input is estimated by streams once, since its
current is the same in every step. The layers behind it see binary spikes, or sums of some after
pooling, for which the streams' counts are known beforehand (`SCDenseLayer.spikes`), so that no
step generates a single bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.array_types import Array
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.kernels.inference import Chain, NetworkRun, check_inputs
from sc_neurocore.kernels.numba.runtime import telling
from sc_neurocore.kernels.reference_neurons import make_runner
from sc_neurocore.kernels.wiring import Wires
from sc_neurocore.network.description import InputEncoding, NetworkDescription
from sc_neurocore.network.encoding import WeightEncoding
from sc_neurocore.network.folding import folded_layers
from sc_neurocore.network.integrators import without_integrators
from sc_neurocore.network.layers import Connection, Join, Population, Runner, Weighted
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.stochastic.layer import choose_sources
from sc_neurocore.stochastic.neurons import integer_layers
from sc_neurocore.stochastic.sharing import Sharing, SourcePair
from sc_neurocore.stochastic.sources import check_length
from sc_neurocore.stochastic.streams import check_values
from sc_neurocore.stochastic.synapses import Arriving, Streams, stream_synapses

_FLOATS: Mapping[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32}


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
    weight_bits: int | None = None,
    record: bool = False,
) -> NetworkRun:
    """Classify inputs with stochastic synapses.

    Layers with weights that have no neurons between them are folded into one first.

    Args:
        description: Layers that see the input itself are dense or convolutional; behind the first
            spiking neurons delays and recurrent layers work too.
        inputs: (batch, *shape) where the input is static, else (T, batch, *shape): integers in
            the description's input encoding, or real values in [0, 1]. Integers that are not
            static and worth 1 each are so many spikes in a step.
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
        weight_bits: Bits of a sign-magnitude weight's number of ones, with its sign, where a
            memory has fewer than that takes; such weights are suited to their streams.
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
    integers: Iterator[IntegerLayer] | None = None
    description = without_integrators(description)
    places, layers = zip(*folded_layers(description), strict=True)
    folded = description.with_layers(layers)
    if isinstance(neurons, str) and neurons in _FLOATS:
        real = _FLOATS[neurons]
    else:
        real, integers = np.float64, integer_layers(folded, QFormat.parse(neurons))
    if weight_bits is not None and not calibrate:
        raise UserError(f"weight_bits={weight_bits} with calibrate=False: leave one of them out")
    streams = Streams(length, sources, encoding, calibrate, real, weight_bits)
    chain = Chain(
        encoding=description.input,
        steps=description.steps,
        readout=description.readout,
        convert=lambda frame: frame * np.float64(unit),
        runners=list(_runners(folded, places, streams, integers, record, is_real)),
        values_at_work=max(
            layer.values_at_work(*shapes)
            for layer, shapes in zip(layers, pairwise(folded.shapes()), strict=True)
        ),
        check=_check_values if is_real else check_inputs,
    )
    task = f"stochastic inference, {length} bits"

    def say_compiling(kernel: str) -> None:
        progress(Progress(task, 0, None, f"compiling {kernel}, once: it is kept for the next time"))

    with telling(say_compiling):
        return chain.run(given, task, progress)


def what_arrives(coding: InputEncoding, is_real: bool = False) -> Arriving:
    """Return what comes in to a network: values, or numbers of spikes.

    Args:
        coding: The input.
        is_real: Whether it is given in real numbers.
    """
    are_counts = coding.kind == "sequence" and coding.fraction_bits == 0 and not is_real
    if are_counts or (coding.kind == "spikes" and coding.fraction_bits == 0):
        return Arriving("spikes", window=coding.high, is_signed=coding.signed)
    return Arriving("values", is_signed=coding.signed)


def check_layers(
    description: NetworkDescription, streams: Streams, network: IntegerNetwork
) -> None:
    """Refuse what `run_network` does, with neurons in integers.

    Args:
        description: The network.
        streams: How its weights become streams.
        network: Its neurons, in integers.

    Raises:
        UserError: If a layer is not supported where it stands.
    """
    places, layers = zip(*folded_layers(description), strict=True)
    folded = description.with_layers(layers)
    for _ in _runners(folded, places, streams, iter(network.layers), record=False, is_real=False):
        pass


def _check_values(encoding: InputEncoding, values: Array, steps: int) -> None:
    lead: tuple[Any, ...] = ("batch",) if encoding.kind == "static" else (steps, "batch")
    wanted = (*lead, *encoding.shape)
    if values.ndim != len(wanted) or any(
        has != size for has, size in zip(values.shape, wanted, strict=True) if size != "batch"
    ):
        raise UserError(f"inputs of shape {values.shape}: expected ({', '.join(map(str, wanted))})")
    check_values(values)


def _runners(
    description: NetworkDescription,
    places: Sequence[int],
    streams: Streams,
    integers: Iterator[IntegerLayer] | None,
    record: bool,
    is_real: bool,
) -> Iterator[Runner]:
    """Yield each layer as a function, or raise `UserError` for what is not supported."""
    arriving = what_arrives(description.input, is_real)
    held = None  # the neurons in integers that the layers so far lead to
    wires, behind = Wires(description.layers), list[Arriving]()
    for number, (index, layer) in enumerate(zip(places, description.layers, strict=True)):
        place = f"layers[{index}] is {layer.kind!r}"
        if integers is not None and held is None:
            held = next(integers)
        if isinstance(layer, Population):
            if held is None:
                yield make_runner(streams.neurons(layer), streams.real, record)
            else:
                yield from _integer_neurons(held, arriving, place, record)
            held = None
            arriving = Arriving("numbers" if layer.passes_membrane else "spikes")
        elif isinstance(layer, Weighted):
            yield from _synapses(layer, streams, arriving, place, held)
            arriving = Arriving("numbers")
        elif isinstance(layer, Join):
            yield wires.join(layer)
            arriving = _joined(layer, arriving, behind[layer.source])
        else:
            yield from _without_weights(layer, streams, arriving, place, held)
            arriving = replace(
                arriving,
                window=arriving.window * layer.taps,
                divisor=arriving.divisor * layer.divisor,
            )
        behind.append(arriving)
        yield from wires.behind(number)


def _joined(layer: Join, arriving: Arriving, source: Arriving) -> Arriving:
    """Return of how many spikes numbers are made behind a join."""
    windows = {
        "add": arriving.window + source.window,
        "concatenate": max(arriving.window, source.window),
        "and-not": 1,
        "instead": source.window,
    }
    return Arriving("spikes", windows[layer.how])


def _synapses(
    layer: Weighted, streams: Streams, arriving: Arriving, place: str, held: IntegerLayer | None
) -> Iterator[Runner]:
    """Yield a layer with weights as functions, from what arrives to currents."""
    if arriving.kind == "numbers":
        raise UserError(
            f"{place}, and what arrives are no spikes and no values from 0 to 1, which streams "
            f"hold; put spiking neurons before it"
        )
    try:
        yield from stream_synapses(layer, streams, arriving, held)
    except UserError as error:
        raise UserError(f"{place}: {error}") from None


def _without_weights(
    layer: Connection, streams: Streams, arriving: Arriving, place: str, held: IntegerLayer | None
) -> Iterator[Runner]:
    """Yield a layer without weights as functions: of currents, or of what streams hold."""
    keeps_all = layer.taps == 1 and layer.keeps_counts
    if arriving.kind == "numbers" and held is not None and not keeps_all:
        raise UserError(
            f"{place}, behind weights: neurons in a Q format take counts as they are; pool the "
            f"spikes, or use neurons='float64'"
        )
    if arriving.kind != "numbers" and not layer.keeps_counts:
        raise UserError(
            f"{place}: streams hold values from 0 to 1; multiply the weights behind it instead"
        )
    if layer.taps > 1:
        yield lambda values: values.astype(streams.real, copy=False)
    yield layer.runner(streams.real)


def _integer_neurons(
    held: IntegerLayer, arriving: Arriving, place: str, record: bool
) -> Iterator[Runner]:
    """Yield neurons in integers as functions, of currents or of spikes as they are."""
    if arriving.kind == "numbers":
        *_, stepped = held.runners(record)
        yield stepped
    elif arriving == Arriving("spikes") and len(held.kinds) == 1:
        yield from held.runners(record)
    else:
        origin = "neurons before" if arriving.kind == "spikes" else "input"
        raise UserError(
            f"{place}, and no weights are between it and the {origin}: neurons in a "
            f"Q format take counts of streams, or spikes as they are; use neurons='float64'"
        )
