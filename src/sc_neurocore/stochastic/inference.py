"""Running a whole described network with stochastic synapses.

The synapses are `SCDenseLayer`s that share one pair of number sources; the neurons are the
equations, stepped in float64. A static input is estimated by streams once, since its current is
the same in every step. The layers behind it see binary spikes, for which the streams' counts are
known beforehand (`SCDenseLayer.spikes`), so that no step generates a single bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.equation import ArrayAlgebra, Neuron, step
from sc_neurocore.errors import UserError
from sc_neurocore.network.description import Dense, Layer, NetworkDescription, Population
from sc_neurocore.network.encoding import WeightEncoding, encode_weights
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress
from sc_neurocore.stochastic.layer import SCDenseLayer
from sc_neurocore.stochastic.sources import SourcePair, make_sources

_SAMPLES_AT_ONCE = 256


@dataclass(frozen=True)
class SCRun:
    """What a network answered.

    Attributes:
        classes: The lowest index among the largest of the readout, int64, shape (batch,).
        spike_counts: Spikes of each output neuron over all steps, int64, (batch, n_out).
        membrane: Sum over the steps of each output neuron's post-reset membrane, float64,
            (batch, n_out).
    """

    classes: NDArray[np.int64]
    spike_counts: NDArray[np.int64]
    membrane: NDArray[np.float64]


@dataclass(frozen=True)
class _Stage:
    """Synapses and the neurons that they feed."""

    synapses: SCDenseLayer
    neuron: Neuron
    parameters: Mapping[str, Any]


def run_network(
    description: NetworkDescription,
    inputs: ArrayLike,
    length: int = 256,
    source: str | SourcePair = "lfsr",
    encoding: WeightEncoding = "sign-magnitude",
    seed: int | None = None,
    progress: ProgressCallback = ignore_progress,
) -> SCRun:
    """Classify inputs with stochastic synapses and float neurons.

    Args:
        description: A network of dense layers, each followed by a population, static input.
        inputs: Shape (batch, n_in), real values in [0, 1]: integers already divided by
            2 ** fraction_bits of the description's input.
        length: Bits per stream, at least 1.
        source: "lfsr", "sobol" or "bernoulli", or a `SourcePair`; all layers use the same.
        encoding: How weights become streams: "sign-magnitude", "bipolar" or "unipolar".
        seed: Passed to `make_sources` if `source` is a name.
        progress: Receives the number of samples done.

    Returns:
        Classes, spike counts and membrane sums of the last population.

    Raises:
        UserError: If a layer or the kind of input is not supported, an input does not fit or
            lies outside [0, 1], or the length, source or encoding is unknown.
    """
    sources = make_sources(source, seed) if isinstance(source, str) else source
    stages = _stages(
        description,
        lambda layer: SCDenseLayer(
            encode_weights(layer.weight, layer.bias, encoding), length, sources
        ),
    )
    values = np.asarray(inputs, dtype=np.float64)
    if values.ndim != 2 or values.shape[1:] != description.input.shape:
        raise UserError(
            f"inputs of shape {values.shape}: {description.name} expects "
            f"(batch, {', '.join(map(str, description.input.shape))})"
        )
    batch = len(values)
    spike_counts = np.zeros((batch, description.outputs), dtype=np.int64)
    membrane = np.zeros((batch, description.outputs))
    task = f"stochastic inference, {length} bits"
    for start in range(0, batch, _SAMPLES_AT_ONCE):
        progress(Progress(task, start, batch))
        rows = slice(start, start + _SAMPLES_AT_ONCE)
        spike_counts[rows], membrane[rows] = _run(stages, values[rows], description.steps)
    progress(Progress(task, batch, batch))
    readout = membrane if description.readout == "membrane" else spike_counts
    return SCRun(readout.argmax(axis=1).astype(np.int64), spike_counts, membrane)


def _stages(
    description: NetworkDescription, dense: Callable[[Dense], SCDenseLayer]
) -> list[_Stage]:
    """Pair each synapse layer with its neurons, or raise `UserError` for what is not supported."""
    if description.input.kind != "static":
        raise UserError(
            f"{description.name} has {description.input.kind!r} input: stochastic inference "
            f"takes static inputs so far"
        )
    stages = []
    for index in range(0, len(description.layers), 2):
        synapses, *population = description.layers[index : index + 2]
        if not isinstance(synapses, Dense):
            raise _unsupported(index, synapses, "dense")
        if type(population[0]) is not Population:
            raise _unsupported(index + 1, population[0], "population")
        stages.append(_Stage(dense(synapses), population[0].neuron, population[0].values()))
    return stages


def _unsupported(index: int, layer: Layer, expected: str) -> UserError:
    return UserError(
        f"layers[{index}] is {layer.kind!r}, where stochastic inference supports "
        f"{expected!r}: dense layers, each followed by a population"
    )


def _run(
    stages: Sequence[_Stage], values: NDArray[np.float64], steps: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the last population's spike counts and membrane sums, both (batch, n_out)."""
    algebra = ArrayAlgebra()
    input_current = stages[0].synapses(values)
    states = [
        {
            name: np.full((len(values), stage.synapses.n_out), initial)
            for name, initial in stage.neuron.states.items()
        }
        for stage in stages
    ]
    shape = (len(values), stages[-1].synapses.n_out)
    spike_counts, membrane = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    observed = stages[-1].neuron.membrane
    for _ in range(steps):
        spikes = np.empty(0)
        for index, stage in enumerate(stages):
            current = stage.synapses.spikes(spikes) if index else input_current
            spikes, states[index] = step(
                stage.neuron, states[index], current, stage.parameters, algebra
            )
        spike_counts += spikes.astype(np.int64)
        membrane += states[-1][observed]
    return spike_counts, membrane
