"""A whole network as one integer program: all that it computes of one frame, step by step.

The program has weights and biases as inputs beside the frame, so that a prover can ask about all
of them. It grows with steps x neurons x inputs: it is for small networks.
"""

from __future__ import annotations

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.lowering import CURRENT, NEXT, SPIKE
from sc_neurocore.fixed.network import IntegerLayer, IntegerNetwork, requantize
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder


def unroll(network: IntegerNetwork) -> Program:
    """Write a network out as a program.

    Its inputs are the frame (`x0`, `x1`, …), the weights (`w1_0_2`: layer 1, neuron 0, its input
    2) and the biases (`b1_0`). Its outputs are every update, such as `spike1_3_0` and `v1_3_0`
    (layer 1, step 3, neuron 0), and the spike counts of the output neurons (`count0`, …). Weights
    are free within their width, biases within ± the largest of their layer.

    Args:
        network: Dense layers and their neurons, with a static input.

    Raises:
        UserError: If it has other layers, or an input that changes with the steps.
    """
    if network.input.kind != "static":
        raise UserError(f"{network.name}: expected a static input, not {network.input.kind}")
    return _Unrolling(network).program()


class _Unrolling:
    def __init__(self, network: IntegerNetwork) -> None:
        self._network = network
        self._builder = ProgramBuilder()
        self._inputs: list[tuple[Port, int]] = []
        self._outputs: list[tuple[Port, int]] = []

    def program(self) -> Program:
        network, builder = self._network, self._builder
        coding = network.input
        largest = (1 << coding.bits) - 1
        values = [
            self._input(Port(f"x{index}", coding.bits, coding.fraction_bits, False), 0, largest)
            for index in range(network.layers[0].inputs)
        ]
        # spikes[t] are those of the layer before, at step t.
        spikes: list[list[int]] = []
        for number, layer in enumerate(network.layers):
            spikes = self._layer(number, layer, values, spikes)
        one, zero = builder.constant(1, 0), builder.constant(0, 0)
        for neuron in range(network.layers[-1].outputs):
            builder.begin(f"count{neuron}", f"spikes of output {neuron}")
            count = zero
            for step in spikes:
                counted = builder.apply("select", step[neuron], one, zero)
                count = builder.apply("+", count, counted)
            self._outputs.append((Port(f"count{neuron}", builder.nodes[count].width, 0), count))
        return Program(
            tuple(builder.nodes),
            tuple(builder.statements),
            tuple(self._inputs),
            tuple(self._outputs),
        )

    def _input(self, port: Port, low: int, high: int) -> int:
        node = self._builder.input(low, high, port.fraction_bits)
        self._inputs.append((port, node))
        return node

    def _layer(
        self, number: int, layer: IntegerLayer, values: list[int], before: list[list[int]]
    ) -> list[list[int]]:
        """Write a layer; return its spikes, by step and neuron."""
        bits = layer.dense.scale_bits
        limit = (1 << (layer.weight_bits - 1)) - 1
        bound = max(int(abs(layer.bias).max()), 1)
        spikes: list[list[int]] = [[] for _ in range(self._network.steps)]
        for neuron in range(layer.outputs):
            weights = [
                self._input(
                    Port(f"w{number}_{neuron}_{index}", layer.weight_bits, bits), -limit, limit
                )
                for index in range(layer.inputs)
            ]
            port = Port(f"b{number}_{neuron}", bound.bit_length() + 1, 0)
            bias = self._input(port, -bound, bound)
            state: dict[str, int] = {
                name: self._builder.constant(value, layer.program.fixed_point.state.fraction_bits)
                for name, value in self._network.initial_state.items()
            }
            for step, fired in enumerate(spikes):
                place = f"{number}_{step}_{neuron}"
                self._builder.begin(f"sum{place}", f"layer {number}, step {step}, neuron {neuron}")
                total = bias
                for index, weight in enumerate(weights):
                    total = self._add(total, weight, values, before, step, index)
                current = requantize(
                    self._builder, total, layer.shift, layer.program.fixed_point.current
                )
                inputs = {**state, CURRENT: current}
                for column, parameter in enumerate(layer.program.parameters):
                    value = int(layer.parameters[neuron, column])
                    inputs[parameter.name] = self._builder.constant(value, 0)
                found = self._builder.embed(layer.program.program, inputs)
                state = {name: found[name + NEXT] for name in state}
                fired.append(found[SPIKE])
                self._outputs.append((Port(f"spike{place}", 1, 0, False), found[SPIKE]))
                form = layer.program.fixed_point.state
                self._outputs += [
                    (Port(name + place, form.width, form.fraction_bits, form.signed), node)
                    for name, node in state.items()
                ]
        return spikes

    def _add(
        self,
        total: int,
        weight: int,
        values: list[int],
        before: list[list[int]],
        step: int,
        index: int,
    ) -> int:
        """Add what one input contributes: a value times the weight, or the weight of a spike."""
        builder = self._builder
        if before:
            zero = builder.constant(0, 0)
            added = builder.apply("select", before[step][index], weight, zero)
        else:
            added = builder.apply("*", values[index], weight)
        return builder.apply("+", total, added)
