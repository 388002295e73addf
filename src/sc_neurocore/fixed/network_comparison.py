"""Floats against integers: a whole network on the same inputs, every spike and state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.fixed.comparison import (
    LEVEL_ERROR,
    STATE_ERROR,
    Divergence,
    StateComparison,
    agreement,
    compare_states,
)
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.kernels.inference import NetworkRun
from sc_neurocore.kernels.reference import run_float
from sc_neurocore.network.description import NetworkDescription

COMPARED_SAMPLES = 32
"""So many inputs are compared, unless more are asked for: every state of every step is kept."""

CLOSE = 0.9
"""A layer whose counts of spikes agree less, neuron by neuron, and answers that do, are warned of.

Rounded weights move single spikes of a sample, so that less is asked than of a neuron alone.
"""

_CURE = "choose a format with more fraction bits or weights with more bits, or --format auto"


@dataclass(frozen=True)
class LayerComparison:
    """A layer of neurons in both.

    Attributes:
        name: Its place and its neuron.
        spikes_float: Spikes of all neurons, samples and steps in floats.
        spikes_integer: In integers.
        spike_agreement: 1 less the sum of the differences of the neurons' counts, sample by
            sample, over the larger of the two.
        equal_spikes: The spikes that are in both, in the same step, over the larger number.
        saturated: How many states of all neurons, samples and steps are at an end of the format.
        unstable: In how many neurons and samples a float is not finite at the end.
        states: Each state, compared until the first spike of the sample that differs anywhere.
    """

    name: str
    spikes_float: int
    spikes_integer: int
    spike_agreement: float
    equal_spikes: float
    saturated: int
    unstable: int
    states: Mapping[str, StateComparison]

    @property
    def apart(self) -> str:
        """How far integers are from floats, where it is too far; else nothing."""
        if self.unstable:
            return (
                f"floats run away in {self.unstable} neurons and samples, so that they tell nothing"
            )
        if self.spikes_float and not self.spikes_integer:
            return f"never fires in integers, and {self.spikes_float} times in floats"
        if self.spike_agreement < CLOSE:
            return (
                f"fires {self.spikes_float} times in floats and {self.spikes_integer} times in "
                f"integers (counts agree in {self.spike_agreement:.1%})"
            )
        for name, each in self.states.items():
            if each.mean_error > STATE_ERROR:
                return (
                    f"{name} differs by {each.mean_error:.1%} of its range in the mean while the "
                    f"spikes agree"
                )
            if each.level_error > LEVEL_ERROR:
                return (
                    f"{name} lies {each.level_error:.1%} of its range apart in the mean over all "
                    f"steps"
                )
        return ""

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            **vars(self),
            "states": {name: each.as_dict() for name, each in self.states.items()},
        }


@dataclass(frozen=True)
class NetworkComparison:
    """A network in floats and in integers on the same inputs.

    Attributes:
        network: The integers.
        origin: What the inputs are.
        samples: How many.
        same_answer: The share of samples with the same class.
        layers: Each layer of neurons.
        first_divergence: The earliest differing spike, if there is one.
        floats: What floats did.
        integers: What integers did.
    """

    network: IntegerNetwork
    origin: str
    samples: int
    same_answer: float
    layers: tuple[LayerComparison, ...]
    first_divergence: Divergence | None
    floats: NetworkRun
    integers: NetworkRun

    @property
    def format(self) -> str:
        """The formats."""
        return self.network.fixed_point.text

    @property
    def spikes_float(self) -> int:
        """Spikes of all layers in floats."""
        return sum(layer.spikes_float for layer in self.layers)

    @property
    def spikes_integer(self) -> int:
        """Spikes of all layers in integers."""
        return sum(layer.spikes_integer for layer in self.layers)

    @property
    def spike_agreement(self) -> float:
        """Of all layers, weighted by their spikes."""
        weights = [max(layer.spikes_float, layer.spikes_integer) for layer in self.layers]
        shares = [layer.spike_agreement for layer in self.layers]
        return float(np.average(shares, weights=weights)) if any(weights) else 1.0

    @property
    def equal_spikes(self) -> float:
        """The share of the spikes of all layers that are in both, in the same step."""
        weights = [max(layer.spikes_float, layer.spikes_integer) for layer in self.layers]
        shares = [layer.equal_spikes for layer in self.layers]
        return float(np.average(shares, weights=weights)) if any(weights) else 1.0

    @property
    def saturated(self) -> int:
        """How many states of all layers are at an end of the format."""
        return sum(layer.saturated for layer in self.layers)

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What a user should know before the integers are trusted."""
        mute = tuple(
            (
                "warning",
                f"{each.name}: never fires on {self.origin}, in floats or integers: is it the "
                f"right data, with the right scale, and for a network that was imported the right "
                f"time step?",
            )
            for each, layer in zip(self.layers, self.network.layers, strict=True)
            if not each.spikes_float and not each.spikes_integer and _can_fire(layer)
        )
        apart = tuple(
            ("warning", f"{each.name}: {each.apart}; {_CURE}") for each in self.layers if each.apart
        )
        if self.same_answer < CLOSE:
            apart += (
                (
                    "warning",
                    f"floats and integers give the same answer for only {self.same_answer:.1%} of "
                    f"{self.samples} inputs; {_CURE}",
                ),
            )
        ends = tuple(
            (
                "warning",
                f"{each.name}: {each.saturated} states are at an end of {self.format}: choose a "
                f"format with more integer bits, or --format auto",
            )
            for each in self.layers
            if each.saturated
        )
        return mute + apart + ends

    @property
    def largest_state_error(self) -> float:
        """The largest difference of any state while the spikes agree."""
        return max(each.largest_error for layer in self.layers for each in layer.states.values())

    @property
    def mean_state_error(self) -> float:
        """Of the worst state, the mean difference while the spikes agree, by what it spans."""
        return max(each.mean_error for layer in self.layers for each in layer.states.values())

    @property
    def line(self) -> str:
        """The comparison in a line."""
        return (
            f"same answer for {self.same_answer:.1%} of {self.samples} inputs; {self.spikes_float} "
            f"spikes in floats, {self.spikes_integer} in integers ({self.equal_spikes:.1%} are the "
            f"same; counts agree in {self.spike_agreement:.1%}); until the first that is not, "
            f"states differ by {self.mean_state_error:.2%} of their range, by "
            f"{self.largest_state_error:.3g} at most; {self.saturated} saturated"
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the comparison as plain JSON values, without the traces."""
        formats = self.network.fixed_point
        first = self.first_divergence
        return {
            "network": self.network.name,
            "content_hash": self.network.content_hash,
            "format": self.format,
            "constant_bits": formats.constant_fraction_bits,
            "weight_bits": list(self.network.weight_bits),
            "inputs": self.origin,
            "samples": self.samples,
            "steps": self.network.steps,
            "same_answer": self.same_answer,
            "spikes_float": self.spikes_float,
            "spikes_integer": self.spikes_integer,
            "spike_agreement": self.spike_agreement,
            "equal_spikes": self.equal_spikes,
            "saturated": self.saturated,
            "largest_state_error": self.largest_state_error,
            "mean_state_error": self.mean_state_error,
            "layers": [layer.as_dict() for layer in self.layers],
            "first_divergence": None if first is None else first.as_dict(),
            "warnings": [text for _, text in self.warnings],
        }


def _can_fire(layer: IntegerLayer) -> bool:
    """Whether the neurons of a layer are meant to fire: others are read out by their membrane."""
    left, right = layer.program.neuron.spike.operands
    return left != right


def compare_network(
    description: NetworkDescription,
    network: IntegerNetwork,
    inputs: ArrayLike,
    origin: str,
    floats: NetworkRun | None = None,
) -> NetworkComparison:
    """Run a network in floats and in integers, and compare every spike and state.

    Args:
        description: The network.
        network: What `quantize` made of it.
        inputs: Integers of its input encoding, as `IntegerNetwork.run` takes them; a few dozen.
        origin: What they are.
        floats: What floats do, if that is known, with everything recorded.

    Raises:
        DataError: If the inputs do not fit the network.
    """
    integers = network.run(inputs, record=True)
    if floats is None:
        with np.errstate(all="ignore"):  # what runs away is said of the layer
            floats = run_float(description, np.asarray(inputs), record=True)
    samples = len(integers.classes)
    different = [
        (a != b).reshape(*a.shape[:2], -1)
        for a, b in zip(floats.spikes, integers.spikes, strict=True)
    ]
    any_different = np.any([each.any(axis=2) for each in different], axis=0)  # (steps, samples)
    agree = ~np.logical_or.accumulate(any_different, axis=0)
    names = [
        f"layer {number + 1}, {layer.program.neuron.name}"
        for number, layer in enumerate(network.layers)
    ]
    layers = tuple(
        _layer(name, network, floats, integers, number, agree) for number, name in enumerate(names)
    )
    return NetworkComparison(
        network=network,
        origin=origin,
        samples=samples,
        same_answer=float((floats.classes == integers.classes).mean()),
        layers=layers,
        first_divergence=_first(names, different, floats, integers, network),
        floats=floats,
        integers=integers,
    )


def _layer(
    name: str,
    network: IntegerNetwork,
    floats: NetworkRun,
    integers: NetworkRun,
    number: int,
    agree: NDArray[np.bool_],
) -> LayerComparison:
    formats = network.fixed_point
    a, b = (run.spikes[number] for run in (floats, integers))
    counts = np.stack([a.sum(axis=0).ravel(), b.sum(axis=0).ravel()], axis=1)
    neurons = a[0, 0].size
    wide = np.repeat(agree, neurons, axis=1)

    def flat(values: NDArray[Any]) -> NDArray[np.float64]:
        return values.reshape(len(values), -1).astype(np.float64)

    def at_the_end(state: str, trace: NDArray[Any]) -> int:
        form = formats.of(state)
        return int((trace == form.maximum).sum() + (form.signed and (trace == form.minimum).sum()))

    return LayerComparison(
        name=name,
        spikes_float=int(a.sum()),
        spikes_integer=int(b.sum()),
        spike_agreement=agreement(counts),
        equal_spikes=float((a & b).sum() / max(a.sum(), b.sum(), 1)) if a.any() or b.any() else 1.0,
        saturated=sum(at_the_end(*each) for each in integers.states[number].items()),
        unstable=int(
            (
                ~np.all([np.isfinite(flat(t)[-1]) for t in floats.states[number].values()], axis=0)
            ).sum()
        ),
        states={
            state: compare_states(
                flat(trace),
                formats.of(state).to_float(flat(integers.states[number][state])),
                wide,
                np.isfinite(flat(trace)[-1]),
                formats.of(state),
            )
            for state, trace in floats.states[number].items()
        },
    )


def _first(
    names: list[str],
    different: list[NDArray[np.bool_]],
    floats: NetworkRun,
    integers: NetworkRun,
    network: IntegerNetwork,
) -> Divergence | None:
    """Return the differing spike of the earliest step, there of the first layer."""
    found = [
        (*(int(place) for place in np.argwhere(each)[0]), layer)
        for layer, each in enumerate(different)
        if each.any()
    ]
    if not found:
        return None
    step, sample, neuron, layer = min(found, key=lambda each: (each[0], each[3]))
    formats = network.fixed_point

    def at(values: NDArray[Any]) -> float:
        return float(values[step, sample].ravel()[neuron])

    return Divergence(
        place=f"{names[layer]}, neuron {neuron}, sample {sample}",
        step=step,
        fired="float" if at(floats.spikes[layer]) else "integer",
        states={
            name: (at(trace), float(formats.of(name).to_float(at(integers.states[layer][name]))))
            for name, trace in floats.states[layer].items()
        },
    )
