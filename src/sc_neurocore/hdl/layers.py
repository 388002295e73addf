"""A network's layers as the engine sees them: arrays of weights, delays and gains.

Each layer of neurons has one part that comes in, and a second one if its own spikes come back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork
from sc_neurocore.fixed.synapses import Integers, IntegerSynapses
from sc_neurocore.network.description import Delay, DelayDense, Dense, along_channels


@dataclass(frozen=True)
class Part:
    """Inputs of a layer that come from one place, through one matrix of weights.

    Attributes:
        weight: (outputs, inputs), integers.
        bias: (outputs,), in the unit of the part's sums.
        delays: (outputs, inputs) in steps, or None where there are none.
        weight_bits: Width of a weight.
        gain: Left shift that brings the part's sums to the unit of the layer's accumulator.
        largest: The largest input before that.
    """

    weight: Integers
    bias: Integers
    delays: Integers | None
    weight_bits: int
    gain: int
    largest: int

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return int(self.weight.shape[1])

    def range(self) -> tuple[Integers, Integers]:
        """Return the least and the largest sum of each output, over all subsets of the inputs."""
        least, most = np.minimum(self.weight, 0).sum(axis=1), np.maximum(self.weight, 0).sum(axis=1)
        scale = self.largest << self.gain
        return least * scale, most * scale


@dataclass(frozen=True)
class EngineLayer:
    """A layer of neurons.

    Attributes:
        incoming: What comes in, from the frame or from the layer before.
        own: Its own spikes of the step before, if they come back.
        bias: (neurons,), in the unit of the accumulator.
        parameters: (neurons, parameter ports).
    """

    incoming: Part
    own: Part | None
    bias: Integers
    parameters: Integers

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in the order in which they are summed up."""
        return (self.incoming,) if self.own is None else (self.incoming, self.own)

    @property
    def outputs(self) -> int:
        """Number of neurons."""
        return len(self.bias)

    def sum_range(self) -> tuple[int, int]:
        """Return bounds of every partial sum of every neuron, with and without the bias."""
        ranges = [part.range() for part in self.parts]
        low = sum((each[0] for each in ranges), np.zeros_like(self.bias))
        high = sum((each[1] for each in ranges), np.zeros_like(self.bias))
        return int((low + np.minimum(self.bias, 0)).min()), int(
            (high + np.maximum(self.bias, 0)).max()
        )


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
    if network.input.signed:
        raise UserError(
            f"{network.name}: its inputs have a sign: accelerators take unsigned inputs; simulate "
            f"and evaluate take signed ones. Split each into two inputs, one for rises and one for "
            f"falls, whose weights are w and -w"
        )
    return tuple(_engine_layer(network, number) for number in range(len(network.layers)))


def _engine_layer(network: IntegerNetwork, number: int) -> EngineLayer:
    layer = network.layers[number]
    largest = (1 << network.input_bits) - 1 if number == 0 else 1
    name = f"{network.name}: neuron layer {number + 1}"
    if layer.is_integrator:
        raise UserError(
            f"{name} hands on membranes: accelerators pass spikes from layer to layer; neurons "
            f"that never fire can be the last ones, with membranes read out"
        )
    incoming = _incoming(layer, largest, name)
    own = None
    if layer.feedback is not None:
        own = _part(layer, layer.feedback, None, 1)
    bias = sum(
        (part.bias << part.gain for part in (incoming, own) if part is not None),
        np.zeros(layer.outputs, dtype=np.int64),
    )
    return EngineLayer(incoming, own, np.asarray(bias), layer.neuron_parameters)


def _incoming(layer: IntegerLayer, largest: int, name: str) -> Part:
    """Return what comes in; a delay of the inputs goes into the weights behind it."""
    synapses = [each for each in layer.synapses if each.layer.kind != "flatten"]
    if not synapses:  # every neuron has one input, as it is
        weight = np.eye(layer.outputs, dtype=np.int64)
        gain = layer.accumulator.fraction_bits - layer.incoming.fraction_bits
        return Part(weight, np.zeros(layer.outputs, dtype=np.int64), None, 2, gain, largest)
    if len(synapses) == 2 and isinstance(synapses[0].layer, Delay):
        last = synapses[1].layer
        if isinstance(last, Dense):
            late = along_channels(synapses[0].layer.delays, len(layer.input_shape))
            late = np.broadcast_to(late, layer.input_shape).ravel()
            delays = np.broadcast_to(late, last.weight.shape)
            return _part(layer, synapses[1], delays, largest)
    if len(synapses) == 1:
        last = synapses[0].layer
        if isinstance(last, Dense | DelayDense):
            given = last.delays if isinstance(last, DelayDense) else None
            return _part(layer, synapses[0], given, largest)
    raise UserError(
        f"{name} is made of {', '.join(layer.kinds)}: accelerators have layers of neurons, with "
        f"weights of their own or none, a dense or delay-dense layer or nothing in front of each; "
        f"convolutions and pooling are computed in floating point, integers and streams so far"
    )


def _part(
    layer: IntegerLayer, synapses: IntegerSynapses, delays: Integers | None, largest: int
) -> Part:
    return Part(
        weight=synapses.weight,
        bias=synapses.bias,
        delays=delays if delays is not None and delays.any() else None,
        weight_bits=synapses.weight_bits,
        gain=layer.accumulator.fraction_bits - synapses.output.fraction_bits,
        largest=largest,
    )
