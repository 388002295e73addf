"""The emitted top joins engine, tables, weights and equations as the network needs.

Engine, memories and equations answer with anything; what is real is what is generated: the top, the
tables and the module of the weights. So whatever the engine asks, what it gets is shown to be that
layer's row, that row of the memories, and what that layer's equation makes of its own states,
currents and parameters.
"""

from __future__ import annotations

from collections.abc import Iterator

from sc_neurocore.fixed.lowering import NeuronProgram
from sc_neurocore.fixed.network import IntegerNetwork, initial_state_of
from sc_neurocore.hdl.accelerator import Accelerator, window_ports
from sc_neurocore.hdl.geometry import COLUMN_BITS
from sc_neurocore.verify.bench import prove, stage
from sc_neurocore.verify.emitted import row_of_layer
from sc_neurocore.verify.result import ProofResult

NAME = "top: the engine is joined with this network's tables, weights and equations"
_BENCH, _ENGINE = "wiring", "snn_engine"


def prove_wiring(
    accelerator: Accelerator, network: IntegerNetwork, *, depth: int = 2, timeout: float = 600
) -> ProofResult:
    """Prove how the emitted top connects its parts, whatever these do.

    Args:
        accelerator: The design; the bench goes to its folder proof/wiring.
        network: Its network, whose programs, steps and sizes say what must be joined.
        depth: Clocks that are searched for a counterexample, and the longest induction.
        timeout: Seconds after which the answer is `unknown`.

    Raises:
        CheckFailedError: If a file does not hold the module of its name.
        ToolMissingError: If Yosys or python-sat is not installed.
        ToolFailedError: If one of them cannot read the design.
    """
    top, free = accelerator.top, {_ENGINE, *accelerator.neuron_modules, "snn_rom", "snn_column"}
    real = {top, f"{top}_layers", f"{top}_windows", f"{top}_weights"}
    folder = stage(accelerator, _BENCH, real, free)
    bench = _Bench(accelerator, network)
    (folder / f"{_BENCH}.v").write_text(bench.text(), encoding="utf-8")
    claims = (
        f"for everything that the engine may ask, in each of {len(network.layers)} layers: it gets "
        f"this layer's entries of the tables, the state at rest, and what this layer's equation "
        f"makes of its unit's own states, currents and parameters; a row of weights is made of all "
        f"of its memories, asked for the same row; last beat, step and output are the network's; "
        f"ports are the engine's own"
    )
    return prove(folder, NAME, claims, (), depth, timeout)


class _Bench:
    """A module that looks at the ports of the top's parts."""

    def __init__(self, accelerator: Accelerator, network: IntegerNetwork) -> None:
        self._accelerator, self._network = accelerator, network
        self._geometry = accelerator.geometry
        self._widths: dict[str, int] = {}
        self._claims: list[str] = []

    def text(self) -> str:
        """Return its text."""
        g, is_loaded = self._geometry, self._accelerator.weights == "loaded"
        inputs = {"reset": 1, "in_valid": 1, "in_data": g.beat * g.input_bits, "out_ready": 1}
        inputs["count_address"] = g.output_bits
        outputs = {
            "in_ready": 1,
            "out_valid": 1,
            "out_class": g.output_bits,
            "count_value": g.count_bits,
            "trace_valid": g.units,
            "trace_layer": g.layer_bits,
            "trace_neuron": g.neuron_bits,
            "trace_step": g.step_bits,
            "trace_state": g.units * g.state_bits,
            "trace_spike": g.units,
        }
        for name, width in {**inputs, **outputs}.items():
            self._claim(f"{self._at(f'engine.{name}', width)} == {name}")
        if is_loaded:
            inputs |= {"weight_write": 1, "weight_address": g.weight_address_bits}
            inputs["weight_data"] = COLUMN_BITS
        self._claim_tables()
        self._claim_weights()
        self._claim_equations()
        ports = ", ".join(f"input wire [{width - 1}:0] {name}" for name, width in inputs.items())
        given = ", ".join(f".{name}({name})" for name in ("clk", *inputs, *outputs))
        return "\n".join(
            [
                f"module {_BENCH} (input wire clk, {ports});",
                *(f"    wire [{width - 1}:0] {name};" for name, width in outputs.items()),
                f"    {self._accelerator.top} accelerator (",
                f"        {given}, .hash_address(3'd0), .hash_word());",
                *self._wires(),
                "    always @(posedge clk) begin",
                *(f"        {claim}" for claim in self._claims),
                "    end",
                "endmodule",
                "",
            ]
        )

    def _at(self, path: str, width: int) -> str:
        """Return what a wire inside the top is called in the bench."""
        self._widths[path] = width
        return f"\\accelerator.{path} "

    def _wires(self) -> Iterator[str]:
        for path, width in self._widths.items():
            yield f"    (* hierconn *) wire [{width - 1}:0] \\accelerator.{path} ;"

    def _claim(self, claim: str, condition: str = "") -> None:
        self._claims.append(
            f"if ({condition}) assert ({claim});" if condition else f"assert ({claim});"
        )

    def _in_layer(self, number: int) -> str:
        return f"{self._at('engine.layer', self._geometry.layer_bits)} == {number}"

    def _claim_tables(self) -> None:
        """Claim that the engine gets its layer's entries, and what is the same in all layers."""
        g = self._geometry
        widths = {
            "last_word": g.index_bits,
            "last_group": g.group_bits,
            "last_lane": g.lane_bits,
            "inputs": g.row_bits,
            "outputs": g.row_bits,
            "input_shift": g.input_shift_bits,
            "recurrent_shift": g.input_shift_bits,
            "first_ring": g.ring_bits,
            "first_slot": g.slot_bits,
            "shift": g.shift_bits,
        }
        for number in range(len(g.layers)):
            for name, value in row_of_layer(g, number).items():
                if name != "equation":  # the engine does not see it
                    entry = self._at(f"engine.layer_{name}", widths.get(name, 1))
                    self._claim(f"{entry} == {value}", self._in_layer(number))
        for name, width, value in (
            ("last_beat", g.event_bits, g.beats - 1),
            ("last_step", g.step_bits, self._accelerator.steps - 1),
            ("last_output", g.output_bits, g.layers[-1].outputs - 1),
        ):
            self._claim(f"{self._at(f'engine.{name}', width)} == {value}")
        if g.windows:
            asked = {"layer": ("engine.layer", g.layer_bits)}
            asked |= {
                f"{axis}{tap}": (f"engine.window_{axis}{tap}", width)
                for axis in ("row", "column")
                for tap, width in (("", g.coordinate_bits), ("_tap", g.tap_bits))
            }
            given = {name: (f"engine.{port}", w) for port, name, w in window_ports(g) if w}
            for name, (path, width) in (asked | given).items():
                self._claim(f"{self._at(path, width)} == {self._at(f'windows.{name}', width)}")

    def _claim_weights(self) -> None:
        """Claim that a row is made of all memories of the weights, which are asked for it."""
        g, is_loaded = self._geometry, self._accelerator.weights == "loaded"
        row, bits = (
            self._at("engine.weights", g.group_sums * g.word_bits),
            g.group_sums * g.word_bits,
        )
        asks = self._at("engine.weights_read", 1)
        place = self._at("engine.weights_row", g.row_bits)
        if is_loaded:
            names = [f"column_{number}" for number in range(g.weight_columns)]
            widths = [
                min(COLUMN_BITS, bits - COLUMN_BITS * each) for each in range(g.weight_columns)
            ]
        else:
            slices = g.weight_slices
            names = ["memory"] if slices == 1 else [f"memory_{each}" for each in range(slices)]
            widths = [bits // slices] * slices
        low = 0
        for number, (name, width) in enumerate(zip(names, widths, strict=True)):
            memory = f"weight_memory.{name}"
            read = self._at(f"{memory}.read_data", width)
            self._claim(f"{row}[{low} +: {width}] == {read}")
            low += width
            address = "address" if is_loaded else "read_address"
            here, reads = self._at(f"{memory}.{address}", g.row_bits), self._at(f"{memory}.read", 1)
            reading = "!weight_write" if is_loaded else ""
            self._claim(f"{here} == {place} && {reads} == {asks}", reading)
            if is_loaded:
                columns = (1 << g.column_bits) - 1
                writes = self._at(f"{memory}.write", 1)
                data = self._at(f"{memory}.write_data", width)
                mine = f"(weight_address & {columns}) == {number}"
                self._claim(f"{writes} == (weight_write && {mine})")
                self._claim(f"{here} == weight_address >> {g.column_bits}", "weight_write")
                self._claim(f"{data} == weight_data[{width - 1}:0]")

    def _claim_equations(self) -> None:
        """Claim what units get and give, of each unit and each equation."""
        g, network = self._geometry, self._network
        for number, layer in enumerate(g.layers):
            rest = _at_rest(network.programs[layer.unit])
            self._claim(
                f"{self._at('engine.unit_initial', g.state_bits)} == {rest}", self._in_layer(number)
            )
        for unit in range(g.units):
            for equation, program in enumerate(network.programs):
                self._claim_inputs(unit, equation, program)
            for number, layer in enumerate(g.layers):
                self._claim_outputs(unit, number, layer.unit)

    def _claim_inputs(self, unit: int, equation: int, program: NeuronProgram) -> None:
        g, here = self._geometry, f"neuron_units[{unit}].equation_{equation}"
        low = {"unit_state": 0, "unit_parameters": 0}
        bits = {"unit_state": g.state_bits, "unit_parameters": g.parameter_bits}
        states = [each for each in program.inputs if each.name in program.neuron.states]
        of_units = [(each.name, each.width, "unit_state") for each in states]
        of_units += [(each.name, each.width, "unit_parameters") for each in program.parameters]
        for port, width, name in of_units:
            whole = self._at(f"engine.{name}", g.units * bits[name])
            part = f"{whole}[{unit * bits[name] + low[name]} +: {width}]"
            self._claim(f"{self._at(f'{here}.{port}', width)} == {part}")
            low[name] += width
        currents = [each for each in program.inputs if each.name in program.currents]
        whole = self._at("engine.unit_current", g.units * g.currents * g.current_bits)
        for number, current in enumerate(currents):
            place = (unit * g.currents + number) * g.current_bits
            gets = self._at(f"{here}.{current.name}", current.width)
            self._claim(f"{gets} == {whole}[{place} +: {current.width}]")

    def _claim_outputs(self, unit: int, number: int, equation: int) -> None:
        g, here = self._geometry, f"neuron_units[{unit}].equation_{equation}"
        program, in_layer = self._network.programs[equation], self._in_layer(number)
        states = [each for each in program.inputs if each.name in program.neuron.states]
        next_states = [self._at(f"{here}.{each.name}_next", each.width) for each in states]
        whole = self._at("engine.unit_next_state", g.units * g.state_bits)
        made = f"{{{', '.join(reversed(next_states))}}}"  # beyond these, zeros
        self._claim(f"{whole}[{unit * g.state_bits} +: {g.state_bits}] == {made}", in_layer)
        spike = self._at(f"{here}.spike", 1)
        spikes = self._at("engine.unit_spike", g.units)
        self._claim(f"{spikes}[{unit}] == {spike}", in_layer)


def _at_rest(program: NeuronProgram) -> int:
    """Return the integer model's states before the first step, packed as equations get them."""
    rest, packed, low = initial_state_of(program), 0, 0
    for port in program.inputs:
        if port.name in program.neuron.states:
            packed |= (rest[port.name] % (1 << port.width)) << low
            low += port.width
    return packed
