"""A whole network as one integer program: all that it computes of one sample, step by step.

The program has weights, delays and biases as inputs beside the frames, so that a prover can ask
about all of them. It grows with steps x neurons x inputs: it is for small networks. Sums are formed
in the order in which an accelerator forms them, which spares a prover most of its work.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from sc_neurocore.array_types import Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.lowering import NEXT, SPIKE
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork, requantize
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder
from sc_neurocore.fixed.synapses import IntegerSynapses
from sc_neurocore.network.description import Conv2d, DelayDense

_KINDS = [
    (synapses, neurons)
    for synapses in ("dense", "delay-dense")
    for neurons in ("population", "recurrent")
]
_CONVOLUTION = ("conv2d", "population")


def network_program(network: IntegerNetwork) -> Program:
    """Write a network out as a program.

    Its inputs are the frame (`x0`, `x1`, …; where there is one per step, `x2_0`: step 2, input 0),
    the weights (`w1_0_2`: layer 1, sum 0, its input 2; of a convolution channel 0, and a place in
    its kernel, since all places share weights and biases), where a layer has delays, these in steps
    (`d1_0_2`), the weights of recurrent neurons' own spikes (`r1_0_2`) and the biases (`b1_0`, in
    the accumulator's unit). A neuron has a sum for each input of its equation: first come those of
    the first input, one for each neuron. Its outputs are every update, such as `spike1_3_0` and
    `v1_3_0` (layer 1, step 3, neuron 0), and the spike counts of the output neurons (`count0`, …).
    Weights are free within their width, delays up to the longest of their layer, biases within ±
    the largest of theirs.

    Args:
        network: Layers of neurons of one equation, recurrent or not, each behind a dense layer,
            with delays or without, or not recurrent behind a convolution without groups.

    Raises:
        UserError: If it has other layers, or several equations.
    """
    return _Writer(network).program()


def accumulator_bias(layer: IntegerLayer) -> Integers:
    """Return the bias of each sum of a layer, in the accumulator's unit."""
    parts = [_dense(layer)] if layer.feedback is None else [_dense(layer), layer.feedback]
    bias: Integers = np.sum([part.bias << _left_shift(layer, part) for part in parts], axis=0)
    return bias


def longest_delay(layer: IntegerLayer) -> int:
    """Return the longest delay of a layer, in steps; 0 without delays."""
    dense = _dense(layer).layer
    return int(dense.delays.max()) if isinstance(dense, DelayDense) else 0


def _dense(layer: IntegerLayer) -> IntegerSynapses:
    """Return a layer's own synapses.

    Raises:
        UserError: If they are of another kind, or the neurons hand on something else than spikes.
    """
    if layer.kinds not in [*_KINDS, _CONVOLUTION]:
        raise UserError(
            f"{', '.join(layer.kinds)}: expected a dense layer, with delays or without, or a "
            f"convolution, and neurons"
        )
    return next(each for each in layer.synapses if each.weight_bits)


def _left_shift(layer: IntegerLayer, synapses: IntegerSynapses) -> int:
    """Return the left shift from the synapses' unit to the accumulator's."""
    return layer.accumulator.fraction_bits - synapses.output.fraction_bits


@dataclass(frozen=True)
class _Part:
    """What reaches the neurons of a layer through one matrix of weights.

    Attributes:
        sources: What is sent in each step, by input: nodes of numbers, or of spikes.
        are_spikes: Which of the two.
        lag: Steps that everything takes.
        weights: For each sum the inputs that it sees, in order: their number, the weight's node.
        delays: Nodes of the steps that each takes beyond that; empty without.
        longest: The longest of these.
        shift: Left shift to the unit of the accumulator.
    """

    sources: list[list[int]]
    are_spikes: bool
    lag: int
    weights: list[list[tuple[int, int]]]
    delays: list[list[int]]
    longest: int
    shift: int


def _all(weights: list[list[int]]) -> list[list[tuple[int, int]]]:
    """Return what sums see that see all inputs."""
    return [list(enumerate(each)) for each in weights]


def _in_windows(
    layer: IntegerLayer, convolution: Conv2d, weights: list[list[int]]
) -> Iterator[list[tuple[int, int]]]:
    """Yield what each sum of a convolution sees, in the order in which an accelerator walks."""
    channels, *size = layer.input_shape
    windows = convolution.windows
    kernel = windows.size
    for number, at in np.ndindex(len(weights), math.prod(layer.sums_shape[1:])):
        place = np.unravel_index(at, layer.sums_shape[1:])
        seen = []
        for tap in np.ndindex(*kernel):
            where = [
                int(each) * windows.stride[axis]
                - windows.padding[axis]
                + tap[axis] * windows.dilation[axis]
                for axis, each in enumerate(place)
            ]
            if all(0 <= each < count for each, count in zip(where, size, strict=True)):
                seen += [
                    (
                        int(np.ravel_multi_index((channel, *where), layer.input_shape)),
                        weights[number][
                            int(np.ravel_multi_index((channel, *tap), (channels, *kernel)))
                        ],
                    )
                    for channel in range(channels)
                ]
        yield seen


class _Writer:
    def __init__(self, network: IntegerNetwork) -> None:
        self._network = network
        self._builder = ProgramBuilder()
        self._zero = self._builder.constant(0, 0)
        self._inputs: list[tuple[Port, int]] = []
        self._outputs: list[tuple[Port, int]] = []

    def program(self) -> Program:
        network, builder = self._network, self._builder
        sent = self._frames()
        for number, layer in enumerate(network.layers):
            sent = self._layer(number, layer, sent)
        one = builder.constant(1, 0)
        for neuron in range(network.layers[-1].outputs):
            builder.begin(f"count{neuron}", f"spikes of output {neuron}")
            count = self._zero
            for step in sent:
                counted = builder.apply("select", step[neuron], one, self._zero)
                count = builder.apply("+", count, counted)
            self._outputs.append((Port(f"count{neuron}", builder.nodes[count].width, 0), count))
        return Program(
            tuple(builder.nodes),
            tuple(builder.statements),
            tuple(self._inputs),
            tuple(self._outputs),
        )

    def _frames(self) -> list[list[int]]:
        """Return what comes in at each step."""
        coding, steps = self._network.input, self._network.steps
        is_static = coding.kind == "static"
        form = Port("", coding.bits, coding.fraction_bits, coding.signed)
        frames = [
            [
                self._input(replace(form, name=f"x{place}{index}"), coding.low, coding.high)
                for index in range(self._network.layers[0].inputs)
            ]
            for place in ([""] if is_static else [f"{step}_" for step in range(steps)])
        ]
        return frames * steps if is_static else frames

    def _input(self, port: Port, low: int, high: int) -> int:
        node = self._builder.input(low, high, port.fraction_bits)
        self._inputs.append((port, node))
        return node

    def _layer(self, number: int, layer: IntegerLayer, sent: list[list[int]]) -> list[list[int]]:
        """Write a layer; return its spikes, by step and neuron."""
        spikes: list[list[int]] = []
        parts = [self._incoming(number, layer, sent)]
        if layer.feedback is not None:
            weights = _all(self._weights(f"r{number}", layer.feedback))
            shift = _left_shift(layer, layer.feedback)
            parts.append(_Part(spikes, True, 1, weights, [], 0, shift))
        bound = max(int(np.abs(accumulator_bias(layer)).max()), 1)
        places = layer.sums // len(_dense(layer).weight)  # places share the bias of a channel
        of_channels = [
            self._input(Port(f"b{number}_{channel}", bound.bit_length() + 1, 0), -bound, bound)
            for channel in range(layer.sums // places)
        ]
        biases = [node for node in of_channels for _ in range(places)]
        formats = layer.program.fixed_point
        initial = {
            name: self._builder.constant(value, formats.of(name).fraction_bits)
            for name, value in self._network.initial_state.items()
        }
        states = [initial] * layer.outputs
        for step in range(self._network.steps):
            fired = []
            for neuron in range(layer.outputs):
                place = f"{number}_{step}_{neuron}"
                self._builder.begin(f"sum{place}", f"layer {number}, step {step}, neuron {neuron}")
                totals = [
                    self._total(parts, step, each, biases[each])
                    for each in range(neuron, layer.sums, layer.outputs)
                ]
                found = self._update(layer, neuron, totals, states[neuron])
                states[neuron] = {name: found[name + NEXT] for name in initial}
                fired.append(found[SPIKE])
                self._outputs.append((Port(f"spike{place}", 1, 0, False), found[SPIKE]))
                for name, node in states[neuron].items():
                    form = formats.of(name)
                    port = Port(name + place, form.width, form.fraction_bits, form.signed)
                    self._outputs.append((port, node))
            spikes.append(fired)
        return spikes

    def _total(self, parts: list[_Part], step: int, place: int, bias: int) -> int:
        """Write a sum of a step, with its bias."""
        total = self._zero
        for part in parts:
            for node in self._arriving(part, step, place):
                total = self._builder.apply("+", total, node)
        return self._builder.apply("+", total, bias)

    def _incoming(self, number: int, layer: IntegerLayer, sent: list[list[int]]) -> _Part:
        dense, longest = _dense(layer), longest_delay(layer)
        free = self._weights(f"w{number}", dense)
        weights = _all(free)
        if isinstance(dense.layer, Conv2d):
            weights = list(_in_windows(layer, dense.layer, free))
        delays: list[list[int]] = []
        if longest:
            form = Port("", longest.bit_length(), 0, False)
            delays = self._matrix(f"d{number}", dense, form, 0, longest)
        return _Part(sent, number > 0, 0, weights, delays, longest, _left_shift(layer, dense))

    def _weights(self, name: str, synapses: IntegerSynapses) -> list[list[int]]:
        limit = (1 << (synapses.weight_bits - 1)) - 1
        form = Port("", synapses.weight_bits, synapses.scale_bits)
        return self._matrix(name, synapses, form, -limit, limit)

    def _matrix(
        self, name: str, synapses: IntegerSynapses, form: Port, low: int, high: int
    ) -> list[list[int]]:
        """Make an input for each synapse; return their nodes by sum and input."""
        outputs, *kernel = synapses.weight.shape
        inputs = math.prod(kernel)
        return [
            [
                self._input(replace(form, name=f"{name}_{place}_{index}"), low, high)
                for index in range(inputs)
            ]
            for place in range(outputs)
        ]

    def _arriving(self, part: _Part, step: int, place: int) -> Iterator[int]:
        """Yield what each input brings to a sum in a step, what is late first."""
        builder, zero = self._builder, self._zero
        for late in range(min(part.longest, step - part.lag), -1, -1):
            for index, seen in enumerate(part.weights[place]):
                node = self._product(part, step - part.lag - late, *seen)
                steps = builder.constant(late, 0)
                if late > 0:
                    enough = builder.apply(">=", part.delays[place][index], steps)
                    node = builder.apply("select", enough, node, zero)
                if late < part.longest:
                    no_more = builder.apply("<=", part.delays[place][index], steps)
                    node = builder.apply("select", no_more, node, zero)
                yield builder.apply("<<", node, amount=part.shift)

    def _product(self, part: _Part, step: int, index: int, weight: int) -> int:
        """Return an input of a step times its weight."""
        source = part.sources[step][index]
        if part.are_spikes:
            return self._builder.apply("select", source, weight, self._zero)
        return self._builder.apply("*", source, weight)

    def _update(
        self, layer: IntegerLayer, neuron: int, totals: list[int], state: dict[str, int]
    ) -> dict[str, int]:
        """Write a neuron's step, of the sum of each input; return the node of each output."""
        program, builder = layer.program, self._builder
        form = program.fixed_point.current
        inputs = dict(state)
        for name, total in zip(program.currents, totals, strict=True):
            inputs[name] = requantize(builder, total, layer.shift, form)
        for column, parameter in enumerate(program.parameters):
            value = int(layer.neuron_parameters[neuron, column])
            inputs[parameter.name] = builder.constant(value, 0)
        return builder.embed(program.program, inputs)
