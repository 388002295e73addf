"""Whole networks with stochastic synapses as Verilog, bit-exact with `stochastic.run_network`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.lowering import NeuronProgram, ParameterPort
from sc_neurocore.fixed.network import IntegerLayer
from sc_neurocore.fixed.program import Port
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.hdl.accelerator import Field
from sc_neurocore.hdl.equation_compiler import default_name, emit_neuron
from sc_neurocore.hdl.names import check_identifier
from sc_neurocore.hdl.registers import reset_values
from sc_neurocore.hdl.render import render
from sc_neurocore.hdl.stochastic_layer import (
    StochasticVerilog,
    check_input_format,
    gates_module,
    numbers_module,
    starting_sums,
    stream_values,
    with_circuits,
)
from sc_neurocore.network.description import Dense, NetworkDescription
from sc_neurocore.network.encoding import encode_weights
from sc_neurocore.stochastic.calibration import calibrate_weights
from sc_neurocore.stochastic.layer import SCDenseLayer, choose_sources
from sc_neurocore.stochastic.neurons import CountsToCurrent, integer_layers, to_current
from sc_neurocore.stochastic.sharing import Sharing, SourcePair
from sc_neurocore.stochastic.sources import check_length

ENGINE_CIRCUITS = ("snn_rotating_buffer.v", "snn_ram.v", "snn_requantize.v")
"""The circuits of the accelerator (rtl/) that serve here too."""


@dataclass(frozen=True)
class StochasticNetworkVerilog(StochasticVerilog):
    """A whole network.

    Attributes:
        description: What it computes.
        length: Bits per stream.
        sources: What the streams are made from.
        format: Of the neurons' states.
        is_calibrated: Whether weights are suited to their streams.
        sizes: Inputs, then the neurons of each layer.
        states: For each layer where its states stand in the trace port's `trace_state`.
        clocks: From the first value of a frame to its result.
    """

    description: NetworkDescription
    length: int
    sources: SourcePair
    format: QFormat
    is_calibrated: bool
    sizes: tuple[int, ...]
    states: tuple[tuple[Field, ...], ...]
    clocks: int


@dataclass(frozen=True)
class _Stage:
    """A layer: its synapses in streams, and its neurons in integers."""

    index: int
    layer: SCDenseLayer
    currents: CountsToCurrent

    @property
    def neurons(self) -> IntegerLayer:
        return self.currents.layer

    @property
    def program(self) -> NeuronProgram:
        return self.neurons.program

    @property
    def states(self) -> tuple[Field, ...]:
        names = self.program.neuron.states
        return _fields(port for port in self.program.inputs if port.name in names)

    @property
    def parameters(self) -> tuple[Field, ...]:
        return _fields(self.program.parameters)


def emit_network(
    description: NetworkDescription,
    length: int = 256,
    source: str | SourcePair = "lfsr",
    seed: int | None = None,
    *,
    sharing: Sharing | None = None,
    neurons: str | QFormat = "Q8.8",
    calibrate: bool = True,
    name: str | None = None,
) -> StochasticNetworkVerilog:
    """Write a network with stochastic synapses as Verilog.

    The arguments are those of `stochastic.run_network`, whose spikes and states the hardware has.

    Args:
        description: Dense layers and populations in turn, with a static input; the class is read
            from spike counts.
        length: Bits per stream, a power of two.
        source: "lfsr", "sobol", "halton" or "counter", or a `SourcePair`.
        seed: Passed to `make_sources` if `source` is a name.
        sharing: Which streams share a sequence: "shared", "rotated" or "per-input".
        neurons: The format of the neurons' states.
        calibrate: Whether weights are suited to their streams.
        name: The top module's name; the network's by default.

    Returns:
        The modules. The same arguments give the same bytes.

    Raises:
        UserError: If the network has other layers, or something of it has no hardware.
        EquationError: If Verilog cannot use a name.
    """
    sources = choose_sources(source, seed, sharing)
    length = check_length(length)
    form = QFormat.parse(neurons)
    top = check_identifier(name or description.name, "module name")
    stages = list(_stages(description, length, sources, form, calibrate))
    first = stages[0].layer
    check_input_format(description.input.bits, description.input.fraction_bits, first)
    widest = max(stage.layer.n_in for stage in stages)
    streams = stream_values(sources, widest, length)
    # The first layer alone has streams of values; the others need the weights' numbers only.
    streams["input_numbers"] = stream_values(sources, first.n_in, length)["input_numbers"]
    units: dict[int, tuple[NeuronProgram, str]] = {}
    for stage in stages:
        unit = default_name(stage.program)
        taken = {other for program, other in units.values() if program is not stage.program}
        units[stage.index] = (stage.program, f"{unit}_{stage.index}" if unit in taken else unit)
    layers = [_layer_values(stage, top, units[stage.index][1], stages) for stage in stages]
    values = _values(description, top, stages, layers, streams)
    modules = {
        top: render("sc_neurocore.hdl", "templates", "sc_network.v.j2", values),
        **numbers_module(f"{top}_numbers", streams),
    }
    for stage, each in zip(stages, layers, strict=True):
        starts = stage.currents.bias + starting_sums(stage.layer)
        modules |= gates_module(each["module"], stage.layer, starts, each["sum_bits"], is_ring=True)
    for program, unit in units.values():
        modules[f"{unit}_step"] = emit_neuron(program, unit).step
    engine = {
        each: (files("sc_neurocore.hdl") / "rtl" / each).read_text(encoding="utf-8")
        for each in ENGINE_CIRCUITS
    }
    return StochasticNetworkVerilog(
        top=top,
        files=with_circuits(modules) | engine,
        description=description,
        length=length,
        sources=sources,
        format=form,
        is_calibrated=calibrate,
        sizes=(first.n_in, *(stage.layer.n_out for stage in stages)),
        states=tuple(stage.states for stage in stages),
        clocks=values["clocks"],
    )


def _stages(
    description: NetworkDescription,
    length: int,
    sources: SourcePair,
    form: QFormat,
    calibrate: bool,
) -> Iterator[_Stage]:
    if description.input.kind != "static" or description.readout != "spike-count":
        raise UserError(
            f"{description.name} has {description.input.kind} inputs and its class is read from "
            f"the {description.readout}: stochastic hardware has static inputs and spike counts"
        )
    if description.input.signed:
        raise UserError(
            f"{description.name}: its inputs have a sign: stochastic hardware takes unsigned ones. "
            f"Give each two inputs, one for rises and one for falls, with weights w and -w"
        )
    dense = [layer for layer in description.layers if isinstance(layer, Dense)]
    integers = list(integer_layers(description, form))
    for index, neurons in enumerate(integers):
        _ = neurons.dense  # refuses other layers
        neurons.program.neuron.need_one_input("a network of streams in hardware")
        weight, bias = dense[index].weight, dense[index].bias
        if calibrate:
            encoded = calibrate_weights(weight, bias, "sign-magnitude", length, sources)
        else:
            encoded = encode_weights(weight, bias)
        currents = to_current(encoded, length, 1, 1, neurons)
        yield _Stage(index, SCDenseLayer(encoded, length, sources), currents)


def _layer_values(stage: _Stage, top: str, unit: str, stages: list[_Stage]) -> dict[str, Any]:
    """Return what the template says of a layer."""
    shift = stage.neurons.shift
    state_bits = stage.states[0].high + 1
    trace_bits = max(each.states[0].high + 1 for each in stages)
    resets = reset_values(stage.program)
    initial = ", ".join(resets[state.name] for state in stage.states)
    padding = trace_bits - state_bits
    state = f"next_state_{stage.index}"
    numbers = stage.layer.n_in if stage.layer.sources.sharing != "shared" else 1
    widths = [port.width for port in stage.program.parameters]
    return {
        "index": stage.index,
        "name": f"layer_{stage.index}",
        "module": f"{top}_layer_{stage.index}",
        "unit": f"{unit}_step",
        "inputs": stage.layer.n_in,
        "outputs": stage.layer.n_out,
        "sequences": numbers,
        "sum_bits": stage.neurons.accumulator_bits,
        "left_shift": max(-shift, 0),
        "right_shift": max(shift, 0),
        "shift_bits": max(1, max(shift, 0).bit_length()),
        "current_bits": stage.program.fixed_point.current.width,
        "states": stage.states,
        "state_bits": state_bits,
        "initial_state": f"{{{initial}}}",
        "trace": f"{{{padding}'d0, {state}}}" if padding else state,
        "parameters": stage.parameters,
        "parameter_words": [
            "{"
            + ", ".join(f"{w}'d{value % (1 << w)}" for value, w in zip(row, widths, strict=True))
            + "}"
            for row in stage.neurons.parameters.tolist()
        ],
    }


def _values(
    description: NetworkDescription,
    top: str,
    stages: list[_Stage],
    layers: list[dict[str, Any]],
    streams: dict[str, Any],
) -> dict[str, Any]:
    inputs, outputs = stages[0].layer.n_in, stages[-1].layer.n_out
    steps, content = description.steps, description.content_hash
    a_pass = streams["length"] + 4  # from pass_start to the first turn
    in_each_step = sum(stage.layer.n_out for stage in stages) + a_pass * (len(stages) - 1)

    def index_bits(count: int) -> int:
        return max(1, (count - 1).bit_length())

    return {
        **streams,
        "top": top,
        "network_name": description.name,
        "content_hash": content,
        "hash_words": [content[8 * i : 8 * i + 8] for i in range(8)],
        "sizes": "-".join(str(size) for size in (inputs, *(stage.layer.n_out for stage in stages))),
        "steps": steps,
        "clocks": inputs + a_pass + steps * in_each_step,
        "inputs": inputs,
        "bits": description.input.bits,
        "fraction_bits": description.input.fraction_bits,
        "is_bipolar": 0,
        "input_bits": index_bits(inputs),
        "output_bits": index_bits(outputs),
        "count_bits": steps.bit_length(),
        "layer_bits": index_bits(len(stages)),
        "neuron_bits": index_bits(max(stage.layer.n_out for stage in stages)),
        "step_bits": index_bits(steps),
        "state_bits": max(each["state_bits"] for each in layers),
        "layers": layers,
        "numbers_module": f"{top}_numbers",
        "x_enable": "run && is_layer_0",
    }


def _fields(ports: Iterable[Port | ParameterPort]) -> tuple[Field, ...]:
    """Pack ports into a word, the last one lowest."""
    fields: list[Field] = []
    low = 0
    for port in reversed(list(ports)):
        fields.append(Field(port.name, low + port.width - 1, low, port.signed))
        low += port.width
    return tuple(reversed(fields))
