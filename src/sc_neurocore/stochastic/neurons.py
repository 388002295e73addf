"""Integer neurons behind stochastic synapses: the ones of the integer model, step by step.

A count is an integer; it becomes the current in one shift, as the accumulator of the integer model
does. For this one count must be worth a power of two, which it is under sign-magnitude, where the
scale of the weights is a power of two, if the length is one too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.lowering import CURRENT, NEXT, SPIKE, NeuronProgram
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.kernels.reference_layers import Neurons
from sc_neurocore.network.description import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
)
from sc_neurocore.network.encoding import EncodedWeights

Integers = NDArray[np.int64]


class IntegerNeurons(Neurons):
    """A population in the integers of the hardware.

    Args:
        layer: The population.
        program: One step in integers.
        parameters: The program's parameter ports by name, one integer per channel.
        initial: Each state before the first step.
        record: Whether to keep the history.
    """

    def __init__(
        self,
        layer: Population,
        program: NeuronProgram,
        parameters: Mapping[str, Integers],
        initial: Mapping[str, int],
        record: bool,
    ) -> None:
        super().__init__(layer, np.float64, record)
        self.initial = initial
        self.program = program
        self._algebra = NumpyIntegers(program.program)
        self._parameters = parameters

    def advance(self, current: NDArray[Any]) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
        """Return the spikes and the new states of one step; everything is an integer."""
        axes = (-1, *(1,) * (current.ndim - 2))
        parameters = {name: value.reshape(axes) for name, value in self._parameters.items()}
        inputs = {**self.state, CURRENT: current, **parameters}
        outputs = evaluate(self.program.program, inputs, self._algebra)
        spikes = np.asarray(outputs[SPIKE]).astype(np.float32)
        return spikes, {name: outputs[name + NEXT] for name in self.neuron.states}


def integer_neurons(
    description: NetworkDescription, format: QFormat, record: bool
) -> list[IntegerNeurons]:
    """Return the populations of a network as the integer model has them.

    Args:
        description: The network.
        format: The format of the states.
        record: Whether they keep their history.

    Raises:
        UserError: If the network has recurrent layers, or the integer model does not cover it.
    """
    populations = [layer for layer in description.layers if isinstance(layer, Population)]
    for layer in populations:
        if isinstance(layer, Recurrent):
            raise UserError(
                f"{description.name} has a recurrent layer: neurons in {format} are fed by dense "
                f"and convolutional layers so far; use neurons='float64'"
            )
    # The neurons depend on nothing but their equation and parameters, so one for each channel,
    # behind synapses without weight, tells all that there is to know.
    channels = [
        shape[0]
        for layer, shape in zip(description.layers, list(description.shapes())[1:], strict=True)
        if isinstance(layer, Population)
    ]
    layers: list[Dense | Population] = []
    for width, before, layer in zip(channels, [1, *channels], populations, strict=False):
        layers += [Dense(weight=np.zeros((width, before))), layer]
    skeleton = description.model_copy(
        update={
            "layers": tuple(layers),
            "input": InputEncoding(shape=(1,), bits=1, fraction_bits=0),
        }
    )
    network = quantize(skeleton, format)
    ports = [port.name for port in network.program.parameters]
    return [
        IntegerNeurons(
            population,
            network.program,
            {name: layer.parameters[:, index] for index, name in enumerate(ports)},
            network.initial_state,
            record,
        )
        for population, layer in zip(populations, network.layers, strict=True)
    ]


def to_current(
    weights: EncodedWeights, length: int, window: int, program: NeuronProgram
) -> Callable[[Integers], Integers]:
    """Return what makes currents of counts: add the bias, shift, saturate.

    Args:
        weights: The layer's weights, of which the bias is rounded to whole counts.
        length: Bits per stream.
        window: How many spikes are averaged.
        program: The neurons' step, which knows the format of the current.

    Raises:
        UserError: If a count is not worth a power of two.
    """
    form = program.fixed_point.current
    if weights.encoding != "sign-magnitude":
        raise UserError(
            f"neurons in {program.fixed_point.state} with {weights.encoding} weights: a count "
            f"becomes their current by a shift, which only sign-magnitude weights allow"
        )
    for what, number in (("length", length), ("pooling window", window)):
        if number & (number - 1):
            raise UserError(
                f"neurons in {program.fixed_point.state} with a {what} of {number}: a count "
                f"becomes their current by a shift, which needs a power of two"
            )
    fraction_bits = round(math.log2(length * window / weights.scale))
    shift = fraction_bits - form.fraction_bits
    left, right = max(-shift, 0), max(shift, 0)
    bias = np.zeros(len(weights.values)) if weights.bias is None else weights.bias
    whole_bias = np.round(np.ldexp(bias, fraction_bits)).astype(np.int64)

    def convert(counts: Integers) -> Integers:
        accumulator = counts + whole_bias.reshape(-1, *(1,) * (counts.ndim - 2))
        current: Integers = np.clip((accumulator << left) >> right, form.minimum, form.maximum)
        return current

    return convert
