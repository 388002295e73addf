"""The integer model of a network: exactly what the hardware computes, for many inputs at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from sc_neurocore.array_types import Array, Integers
from sc_neurocore.errors import UserError
from sc_neurocore.fixed.evaluate import NumpyIntegers, evaluate
from sc_neurocore.fixed.lowering import CURRENT, NEXT, SPIKE, NeuronProgram
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.synapses import SPIKE_SIGNAL, IntegerSynapses, Signal
from sc_neurocore.kernels.inference import Chain, NetworkRun
from sc_neurocore.kernels.reference_neurons import Neurons
from sc_neurocore.kernels.wiring import Wires
from sc_neurocore.network.description import InputEncoding, Shape
from sc_neurocore.network.layers import Dense, Join, Runner
from sc_neurocore.progress import ProgressCallback, ignore_progress

SUM = "sum"


def requantize(builder: ProgramBuilder, total: int, shift: int, form: QFormat) -> int:
    """Return the node of the current that an accumulator becomes: shifted and saturated, once.

    Args:
        builder: The program.
        total: The accumulator's node.
        shift: To the right, towards minus infinity; to the left if it is negative.
        form: The current's format.
    """
    bits = form.fraction_bits
    total = builder.apply("<<", total, amount=max(-shift, 0), fraction_bits=bits)
    total = builder.apply(">>", total, amount=max(shift, 0), fraction_bits=bits)
    return builder.clamp(total, form.minimum, form.maximum)


@dataclass(frozen=True)
class IntegerLayer:
    """A population of neurons, and the synapses in front of it, in integers.

    A neuron has a sum, and a current, for each input of its equation: along the first axis come
    those of the first input, one for each neuron or channel, then those of the second.

    What the synapses sum up, and what the neurons' own spikes of the step before bring, meets in
    one accumulator, in the finer of their units. Shifted right by `shift` (left if negative;
    towards minus infinity) and saturated, the accumulator is the current.

    Attributes:
        synapses: The layers since the population before, or since the input.
        feedback: For recurrent neurons their own synapses, else None.
        incoming: What comes in.
        accumulator: The accumulator.
        input_shape: The shape of what comes in, without time and batch.
        shape: The neurons.
        program: One step of a neuron.
        parameters: (channels, parameter ports), where channels are the first axis of the shape,
            or (neurons, parameter ports).
        is_static: Whether the input is one frame for all steps.
        is_integrator: Whether the membrane is handed on instead of the spikes.
        place: Where the neurons stand in the description.
    """

    synapses: tuple[IntegerSynapses, ...]
    feedback: IntegerSynapses | None
    incoming: Signal
    accumulator: Signal
    input_shape: Shape
    shape: Shape
    program: NeuronProgram
    parameters: Integers
    is_static: bool
    is_integrator: bool = False
    place: int = -1

    @property
    def outgoing(self) -> Signal:
        """What the neurons hand on: spikes, or membranes in their format."""
        form = self.program.fixed_point.of(self.program.neuron.membrane)
        if self.is_integrator:
            return Signal(form.fraction_bits, form.minimum, form.maximum)
        return SPIKE_SIGNAL

    @property
    def neuron_parameters(self) -> Integers:
        """The parameters of each neuron, (neurons, parameter ports)."""
        return np.repeat(self.parameters, self.outputs // len(self.parameters), axis=0)

    @property
    def inputs(self) -> int:
        """Number of inputs."""
        return math.prod(self.input_shape)

    @property
    def outputs(self) -> int:
        """Number of neurons."""
        return math.prod(self.shape)

    @property
    def sums_shape(self) -> Shape:
        """The shape of the sums: that of the neurons, once for each input along the first axis."""
        return (len(self.program.currents) * self.shape[0], *self.shape[1:])

    @property
    def sums(self) -> int:
        """Number of sums."""
        return math.prod(self.sums_shape)

    @property
    def shift(self) -> int:
        """From the accumulator's unit to the current's, to the right."""
        current = self.program.fixed_point.current
        return self.accumulator.fraction_bits - current.fraction_bits

    @property
    def accumulator_bits(self) -> int:
        """Enough for every partial sum of every input, with the sign."""
        return self.accumulator.bits

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of the layers that it was made from, without flatten, which changes nothing."""
        between = [each.layer.kind for each in self.synapses if each.layer.kind != "flatten"]
        own = "integrator" if self.is_integrator else "population"
        if self.feedback is not None:
            own = "recurrent" if isinstance(self.feedback.layer, Dense) else "recurrent-conv2d"
        return (*between, own)

    @property
    def dense(self) -> IntegerSynapses:
        """The synapses of a dense layer and its neurons.

        Raises:
            UserError: If it is something else.
        """
        if self.kinds != ("dense", "population"):
            raise UserError(f"{', '.join(self.kinds)}: expected a dense layer and its neurons")
        return next(each for each in self.synapses if each.weight_bits)

    @property
    def weight(self) -> Integers:
        """Of a dense layer (outputs, inputs), each within ±(2 ** (weight_bits - 1) - 1)."""
        return self.dense.weight

    @property
    def bias(self) -> Integers:
        """Of a dense layer (outputs,), in units of the accumulator."""
        return self.dense.bias

    @property
    def weight_bits(self) -> int:
        """Width of a dense layer's weight."""
        return self.dense.weight_bits

    @property
    def scale_bits(self) -> int:
        """A dense layer's weight is worth 2 ** -scale_bits."""
        return self.dense.scale_bits

    @property
    def values_at_work(self) -> int:
        """About how many numbers it holds for one sample while it takes a step."""
        counts = [len(self.program.program.nodes) * self.outputs]
        shape = self.input_shape
        for each in self.synapses:
            after = each.layer.output_shape(shape)
            counts.append(each.layer.values_at_work(shape, after))
            shape = after
        return max(counts)

    def runners(self, record: bool, wires: Wires | None = None) -> Iterator[Runner]:
        """Yield the layer as functions of one step's integers, (batch, ...) to (batch, ...).

        Args:
            record: Whether the neurons keep their history.
            wires: Of the network, where it has joins.
        """
        wires = wires or Wires(())
        for each in self.synapses:
            if isinstance(each.layer, Join):
                yield wires.join(each.layer)
            else:
                yield from each.runners()
            yield from wires.behind(each.place)
        sums = self.synapses[-1].output if self.synapses else self.incoming
        if self.feedback is None:
            yield lambda values: self.current(values.astype(np.int64))
        else:
            yield self._to_accumulator(sums)
        yield _IntegerNeurons(self, record)
        yield from wires.behind(self.place)

    def feedback_runner(self) -> Runner | None:
        """Return what brings the neurons' own spikes to the accumulator, if anything does."""
        if self.feedback is None:
            return None
        to_floats, sums = self.feedback.runners()
        align = self._to_accumulator(self.feedback.output)
        return lambda spikes: align(sums(to_floats(spikes)))

    def _to_accumulator(self, sums: Signal) -> Runner:
        left = self.accumulator.fraction_bits - sums.fraction_bits
        return lambda values: values.astype(np.int64) << left

    @cached_property
    def requantization(self) -> Program:
        """From the accumulator, `sum`, to the current: one shift, saturated."""
        form, sums = self.program.fixed_point.current, self.accumulator
        builder = ProgramBuilder()
        total = builder.input(sums.low, sums.high, sums.fraction_bits)
        node = requantize(builder, total, self.shift, form)
        return Program(
            tuple(builder.nodes),
            tuple(builder.statements),
            ((Port(SUM, sums.bits, sums.fraction_bits), total),),
            ((Port(CURRENT, form.width, form.fraction_bits, form.signed), node),),
        )

    def current(self, accumulator: Integers) -> Integers:
        """Return the currents that the neurons see, which are the accumulators, saturated."""
        program = self.requantization
        current: Integers = evaluate(program, {SUM: accumulator}, NumpyIntegers(program))[CURRENT]
        return current


class _IntegerNeurons(Neurons):
    """The neurons of a layer. Without feedback they take currents, with it accumulators."""

    def __init__(self, layer: IntegerLayer, record: bool) -> None:
        program = layer.program
        feedback = layer.feedback_runner()
        super().__init__(
            program.neuron,
            initial_state_of(program),
            np.int64,
            feedback,
            record,
            passes_membrane=layer.is_integrator,
        )
        self._layer = layer
        self._program = program.program
        self._ports = program.currents
        self._algebra = NumpyIntegers(program.program)
        self._parameters = {
            port.name: layer.neuron_parameters[:, index].reshape(layer.shape)
            for index, port in enumerate(program.parameters)
        }

    def _meet(self, currents: Array, fed_back: Array) -> Array:
        return self._layer.current(currents + fed_back)

    def _step(self, currents: Mapping[str, Array]) -> tuple[Array, Mapping[str, Array]]:
        arriving = zip(self._ports, currents.values(), strict=True)
        inputs = {**self.state, **dict(arriving), **self._parameters}
        outputs = evaluate(self._program, inputs, self._algebra)
        return outputs[SPIKE], {name: outputs[name + NEXT] for name in self.state}


def initial_state_of(program: NeuronProgram) -> dict[str, int]:
    """Return each state of a neuron before the first step, in its own format's integers."""
    formats, states = program.fixed_point, program.neuron.states
    return {name: int(formats.of(name).quantize(value)) for name, value in states.items()}


@dataclass(frozen=True)
class IntegerNetwork:
    """A network in integers; `fixed.quantize` makes it from a description.

    Attributes:
        name: The network's name.
        content_hash: SHA-256 of the description it was made from.
        steps: Time steps per input.
        input: What comes in.
        readout: What the class is read from.
        layers: The layers: as many as there are populations of neurons.
        weight_bits: Width of the weights of each of the description's layers that has some, from
            input to output: with these it is quantised to the same integers again.
    """

    name: str
    content_hash: str
    steps: int
    input: InputEncoding
    readout: str
    layers: tuple[IntegerLayer, ...]
    weight_bits: tuple[int, ...]

    @property
    def input_bits(self) -> int:
        """Inputs are integers of this many bits."""
        return self.input.bits

    def factors(self, number: int) -> tuple[int, int]:
        """Return the least and the largest number that weights of a layer are multiplied by.

        Spikes are 1. Products of values that have streams are no larger than the ones of weights,
        which are that many times the numbers in the memory.
        """
        if number > 0:
            return 0, 1
        counted = [each for each in self.layers[0].synapses if not each.multiplies]
        if counted:
            return 0, 1 << counted[0].weight_shift
        return self.input.low, self.input.high

    @property
    def batch_axis(self) -> int:
        """Where the samples lie in what `run` takes: behind the time, where it has one."""
        return 0 if self.input.kind == "static" else 1

    @property
    def fixed_point(self) -> FixedPoint:
        """The number formats, the same for all neurons but for their states' names."""
        own = {name: form for program in self.programs for name, form in program.fixed_point.own}
        return replace(self.layers[0].program.fixed_point, own=tuple(own.items()))

    @property
    def programs(self) -> tuple[NeuronProgram, ...]:
        """The neurons' programs; layers with the same equation share one."""
        return tuple({id(layer.program): layer.program for layer in self.layers}.values())

    @property
    def program(self) -> NeuronProgram:
        """The one program of all neurons.

        Raises:
            UserError: If there are several equations.
        """
        if len(self.programs) > 1:
            names = ", ".join(program.neuron.name for program in self.programs)
            raise UserError(f"{self.name}: neurons {names}: expected one equation for all layers")
        return self.programs[0]

    @property
    def initial_state(self) -> dict[str, int]:
        """Each state before the first step, where all neurons have one equation."""
        return initial_state_of(self.program)

    def run(
        self,
        inputs: ArrayLike,
        *,
        record: bool = False,
        progress: ProgressCallback = ignore_progress,
    ) -> NetworkRun:
        """Run the network on a batch of inputs.

        Samples are taken in slices: memory grows only with what is returned.

        Args:
            inputs: Integers in the input encoding: (batch, *shape) where it is static,
                else (steps, batch, *shape). Each frame may also be flat, row by row.
            record: Keep every spike and state.
            progress: Receives how many inputs are done.

        Raises:
            DataError: If the shape, type or range is wrong.
        """
        given = np.asarray(inputs)
        lead = self.batch_axis + 1
        if given.shape[lead:] == (self.layers[0].inputs,):
            given = given.reshape(*given.shape[:lead], *self.input.shape)
        wires = Wires(each.layer for layer in self.layers for each in layer.synapses)
        chain = Chain(
            encoding=self.input,
            steps=self.steps,
            readout=self.readout,
            convert=lambda frame: frame,
            runners=[runner for layer in self.layers for runner in layer.runners(record, wires)],
            values_at_work=max(layer.values_at_work for layer in self.layers),
        )
        return chain.run(given, "integer model", progress)
