"""What a network costs to run, in the measures of NeuroBench.

J. Yik and others, The NeuroBench framework for benchmarking neuromorphic computing algorithms and
systems, Nature Communications 16, 2025. Counted is what the description computes: a layer before
the first neurons, whose input is static, works once, not in every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.array_types import Array
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.inference import Chain
from sc_neurocore.kernels.reference import float_runners
from sc_neurocore.kernels.reference_neurons import Neurons
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.layers import Population, Runner, Weighted, WithMemory
from sc_neurocore.progress import ProgressCallback, ignore_progress


@dataclass(frozen=True)
class Workload:
    """NeuroBench's measures of a network.

    Attributes:
        footprint: Bytes of all weights, biases and neurons' parameters, as the description holds
            them.
        connection_sparsity: The share of the weights that are 0.
        activation_sparsity: The share of 0 among all that neurons handed on: one minus the mean
            spikes per neuron and step.
        effective_macs: Synaptic operations with values of several bits, for a sample: pairs of a
            weight and an input of which neither is 0.
        effective_acs: The same where all inputs of a layer in a step are spikes: additions.
        dense_operations: Operations of both kinds if nothing were 0.
        samples: On so many samples it was measured.
    """

    footprint: int
    connection_sparsity: float
    activation_sparsity: float
    effective_macs: float
    effective_acs: float
    dense_operations: float
    samples: int

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def measure_workload(
    description: NetworkDescription,
    inputs: ArrayLike,
    progress: ProgressCallback = ignore_progress,
) -> Workload:
    """Run a network in floating point and count.

    Args:
        description: The network.
        inputs: As for `run_float`; a few hundred samples.
        progress: Receives an event after every slice.

    Raises:
        DataError: If the inputs do not fit, or there are none.
    """
    given_network: Any = description
    if not isinstance(given_network, NetworkDescription):
        raise UserError(
            f"description: found a {type(given_network).__name__}, expected a NetworkDescription, "
            f"as to_description makes it of a network"
        )
    counts = _Counts()
    unit = 2.0**-description.input.fraction_bits
    shapes = pairwise(description.shapes())
    runners = list(_counting(description, counts))
    chain = Chain(
        encoding=description.input,
        steps=description.steps,
        readout=description.readout if description.readout == "membrane" else "spike-count",
        convert=lambda frame: frame.astype(np.float64) * unit,
        runners=runners,
        values_at_work=2
        * max(
            layer.values_at_work(*each)
            for layer, each in zip(description.layers, shapes, strict=True)
        ),
    )
    given = np.asarray(inputs)
    samples = given.shape[0 if description.input.kind == "static" else 1] if given.ndim > 1 else 0
    if not samples:
        raise DataError(f"inputs of shape {given.shape}: expected at least one sample")
    chain.run(given, "counting operations", progress)
    weights = [
        each.weight
        for layer in description.layers
        for each in (layer, getattr(layer, "feedback", None))
        if isinstance(each, Weighted)
    ]
    zeros = sum(int((each == 0).sum()) for each in weights)
    return Workload(
        footprint=sum(_bytes(layer) for layer in description.layers),
        connection_sparsity=zeros / max(sum(each.size for each in weights), 1),
        activation_sparsity=1 - counts.spikes / max(counts.neurons, 1),
        effective_macs=counts.macs / samples,
        effective_acs=counts.acs / samples,
        dense_operations=counts.dense / samples,
        samples=samples,
    )


@dataclass
class _Counts:
    spikes: int = 0
    neurons: int = 0
    macs: float = 0.0
    acs: float = 0.0
    dense: float = 0.0


def _counting(description: NetworkDescription, counts: _Counts) -> Iterator[Runner]:
    """Yield the layers, with what counts in front of weights and behind neurons."""
    runners = float_runners(description, np.float64, False)
    for layer, group in zip(description.layers, runners, strict=True):
        if isinstance(layer, Weighted):
            counting = _Operations(layer, counts)
            yield counting if layer.has_memory else counting.__call__
        if not isinstance(layer, Population):
            yield from group
            continue
        neurons, *behind = group
        assert isinstance(neurons, Neurons)
        yield _Watched(neurons, layer, counts)
        yield from behind


class _Operations(WithMemory):
    """Counts the pairs of a weight and an input on the way into a layer."""

    def __init__(self, layer: Weighted, counts: _Counts) -> None:
        weight = layer.weight
        self._counts = counts
        self._there = layer.with_weight((weight != 0).astype(np.float64), None).runner(np.float64)
        self._all = layer.with_weight(np.ones(weight.shape), None).runner(np.float64)
        self.restart()

    def restart(self) -> None:
        for each in (self._there, self._all):
            if isinstance(each, WithMemory):
                each.restart()

    def __call__(self, values: Array) -> Array:
        self.count(values)
        return values

    def count(self, values: Array) -> None:
        """Count what one step takes."""
        done = float(self._there((values != 0).astype(np.float64)).sum())
        if np.isin(values, (-1, 0, 1)).all():
            self._counts.acs += done
        else:
            self._counts.macs += done
        self._counts.dense += float(self._all(np.ones_like(values, dtype=np.float64)).sum())


class _Watched(Neurons):
    """Neurons whose spikes are counted, and what these bring back through their own weights."""

    def __init__(self, neurons: Neurons, layer: Population, counts: _Counts) -> None:
        self._inner, self._counts = neurons, counts
        self._passes_membrane = layer.passes_membrane
        self._back = None if layer.feedback is None else _Operations(layer.feedback, counts)
        self.neuron, self.record = neurons.neuron, False
        self._before: Array | None = None

    @property
    def state(self) -> dict[str, Array]:  # type: ignore[override]
        """The state of the neurons."""
        return self._inner.state

    def restart(self) -> None:
        self._inner.restart()
        self._before = None

    def __call__(self, current: Array) -> Array:
        if self._back is not None and self._before is not None:
            self._back.count(self._before)
        passed = self._inner(current)
        if not self._passes_membrane:
            self._counts.spikes += int(np.count_nonzero(passed))
            self._counts.neurons += passed.size
        self._before = np.asarray(passed, dtype=np.float64)
        return passed


def _bytes(layer: Any) -> int:
    arrays = [value for _, value in layer if isinstance(value, np.ndarray)]
    total = sum(each.nbytes for each in arrays)
    if isinstance(layer, Population):
        total += sum(np.asarray(each, dtype=np.float64).nbytes for each in layer.values().values())
    return total
