"""A network's layers as the engine sees them: what is seen, arrays of weights, delays and shifts.

Each layer of neurons has one part that comes in, and a second one if its own spikes come back. What
stands between two layers of neurons is one linear map here, whatever it was composed of.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.hdl.composition import Composed, compose
from sc_neurocore.hdl.sight import Axis, Layout


@dataclass(frozen=True)
class Part:
    """Inputs of a layer that come from one place, through one array of weights.

    Attributes:
        sight: Along rows and columns, which inputs are in front of which position of the kernel.
        joins: Whether inputs in front of one position are joined by OR; they are added up if not.
        weight: (places, sums, inputs, kernel rows, kernel columns), integers; sums are those of
            channels and inputs are channels, and where all places share their weights there is one.
        delays: In steps, in the shape of the weight, or None where there are none.
        weight_bits: Width of a weight.
        shift: Left shift that brings the part's sums to the unit of the layer's accumulator.
        limits: The least and the largest input before that; between them is 0.
    """

    sight: tuple[Axis, Axis]
    joins: bool
    weight: Integers
    delays: Integers | None
    weight_bits: int
    shift: int
    limits: tuple[int, int]

    @property
    def inputs(self) -> int:
        """Inputs of the kernel: the rows of weights that a group of neurons has."""
        return math.prod(self.weight.shape[2:])

    @property
    def magnitude_bits(self) -> int:
        """Bits of a shifted input, beside the one for a sign."""
        low, high = self.limits
        return max(high, -low - 1).bit_length() + self.shift

    @property
    def is_window(self) -> bool:
        """Whether not all neurons see all inputs, once each, through weights of their own."""
        return not all(axis.is_plain for axis in self.sight)

    @property
    def is_shared(self) -> bool:
        """Whether all places share their weights."""
        return len(self.weight) == 1

    def with_sums(self, arranged: Callable[[Integers], Integers]) -> Part:
        """Return the part with another order of its sums, the second axis."""
        delays = None if self.delays is None else arranged(self.delays)
        return replace(self, weight=arranged(self.weight), delays=delays)

    def range(self) -> tuple[Integers, Integers]:
        """Return the least and the largest sum over all subsets of the inputs.

        Returns:
            Both (places, sums), the places one where they share their weights.
        """
        low, high = (limit << self.shift for limit in self.limits)
        joined = np.ones(self.weight.shape[3:], dtype=np.int64)
        if not self.joins:
            joined = np.multiply.outer(*(axis.joined() for axis in self.sight))
        signs = (np.minimum(self.weight, 0), np.maximum(self.weight, 0))
        below, above = ((each * joined).sum(axis=(2, 3, 4)) for each in signs)
        return below * high + above * low, above * high + below * low


@dataclass(frozen=True)
class EngineLayer:
    """A layer of neurons.

    A neuron has a sum for each current that neurons of the network have, one behind the other;
    those that its own equation has no input for are zero.

    Attributes:
        layout: Where its neurons stand.
        incoming: What comes in, from the frame or from the layer before.
        recurrent: Its own spikes of the step before, if they come back.
        bias: (places, sums), in the unit of the accumulator; one place where they share it.
        parameters: (places, channels, parameter ports), alike.
    """

    layout: Layout
    incoming: Part
    recurrent: Part | None
    bias: Integers
    parameters: Integers

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in the order in which they are summed up."""
        return (self.incoming,) if self.recurrent is None else (self.incoming, self.recurrent)

    @property
    def outputs(self) -> int:
        """Number of neurons."""
        return self.layout.size

    @property
    def is_shared(self) -> bool:
        """Whether neurons of a channel have the same bias and parameters at all places."""
        return len(self.bias) == 1 and len(self.parameters) == 1

    def sum_ranges(self) -> tuple[Integers, Integers]:
        """Return bounds of every partial sum of the neurons, with and without the bias.

        Returns:
            The least and the largest, (places, sums); one place where all are alike.
        """
        ranges = [part.range() for part in self.parts]
        low = sum((each[0] for each in ranges), np.minimum(self.bias, 0))
        high = sum((each[1] for each in ranges), np.maximum(self.bias, 0))
        return np.asarray(low), np.asarray(high)

    def sum_range(self) -> tuple[int, int]:
        """Return bounds of every partial sum of every neuron, with and without the bias."""
        low, high = self.sum_ranges()
        return int(low.min()), int(high.max())


def engine_layers(network: IntegerNetwork) -> tuple[EngineLayer, ...]:
    """Take a network apart.

    Raises:
        UserError: If a layer is made of what the engine does not build.
    """
    for number, layer in enumerate(network.layers):
        if layer.kinds[-1] == "recurrent-conv2d":
            raise UserError(
                f"{network.name}: neuron layer {number + 1} gets its own spikes back through a "
                f"convolution: accelerators have dense recurrent weights; it is computed in "
                f"floating point, integers and streams so far"
            )
        if "join" in layer.kinds:
            raise UserError(
                f"{network.name}: neuron layer {number + 1} has a join in front of it: "
                f"accelerators pass spikes from each layer to the next one only; networks with a "
                f"second path are computed in floating point, integers and streams so far"
            )
    return tuple(_engine_layer(network, number) for number in range(len(network.layers)))


def _engine_layer(network: IntegerNetwork, number: int) -> EngineLayer:
    layer = network.layers[number]
    limits = network.factors(number)
    name = f"{network.name}: neuron layer {number + 1}"
    if layer.is_integrator:
        raise UserError(
            f"{name} hands on membranes: accelerators pass spikes from layer to layer; let "
            f"network.integrators.without_integrators move it into the neurons behind, as "
            f"compile does"
        )
    is_last = number == len(network.layers) - 1
    largest = max(limits[1], -limits[0])
    composed = compose(layer, largest, name, is_first=number == 0, is_last=is_last)
    incoming = _incoming(layer, composed, limits)
    bias = composed.bias << incoming.shift
    recurrent = None
    if layer.feedback is not None:
        feedback = layer.feedback
        recurrent = Part(
            sight=(Axis.whole(1), Axis.whole(1)),
            joins=False,
            weight=feedback.weight[np.newaxis, :, :, np.newaxis, np.newaxis],
            delays=None,
            weight_bits=feedback.weight_bits,
            shift=layer.accumulator.fraction_bits - feedback.output.fraction_bits,
            limits=(0, 1),
        )
        bias = bias + (feedback.bias << recurrent.shift)
    inputs, currents = len(layer.program.currents), most_currents(network)

    def arranged(sums: Integers) -> Integers:
        return by_neuron(sums, inputs, currents)

    layout = replace(composed.layout, channels=composed.layout.channels // inputs)
    return EngineLayer(
        layout=layout,
        incoming=incoming.with_sums(arranged),
        recurrent=None if recurrent is None else recurrent.with_sums(arranged),
        bias=arranged(bias),
        parameters=_parameters(layer, layout),
    )


def most_currents(network: IntegerNetwork) -> int:
    """Return how many currents each of the engine's neurons has: the most that any equation has."""
    return max(len(program.currents) for program in network.programs)


def by_neuron(sums: Integers, inputs: int, currents: int) -> Integers:
    """Put the sums of a neuron one behind the other.

    Args:
        sums: (places, inputs * channels, ...), those of the first input first.
        inputs: Inputs of a neuron.
        currents: The sums that it gets, zeros where it has no input.

    Returns:
        (places, channels * currents, ...).
    """
    places, count, *rest = sums.shape
    apart = sums.reshape(places, inputs, count // inputs, *rest).swapaxes(1, 2)
    around = [(0, 0)] * apart.ndim
    around[2] = (0, currents - inputs)
    return np.pad(apart, around).reshape(places, -1, *rest)


def _incoming(layer: IntegerLayer, composed: Composed, limits: tuple[int, int]) -> Part:
    sums = layer.synapses[-1].output if layer.synapses else layer.incoming
    delays = composed.delays
    return Part(
        sight=composed.sight,
        joins=composed.joins,
        weight=composed.weight,
        delays=delays if delays is not None and delays.any() else None,
        weight_bits=composed.weight_bits,
        shift=layer.accumulator.fraction_bits - sums.fraction_bits,
        limits=limits,
    )


def _parameters(layer: IntegerLayer, layout: Layout) -> Integers:
    """Return (places, channels, ports), one place where a channel's neurons are alike."""
    if len(layer.parameters) == layout.channels:
        return layer.parameters[np.newaxis]
    own = layer.neuron_parameters.reshape(layout.channels, layout.positions, -1)
    return own.swapaxes(0, 1)


def frame_layout(network: IntegerNetwork, layers: Sequence[EngineLayer]) -> Layout:
    """Return where the values of a frame stand: at one place if a dense layer takes them."""
    layout = Layout.of(network.layers[0].input_shape)
    return layout if layers[0].incoming.is_window else layout.flat()
