"""The module around a step: registers for the states, and the handshake of a pipelined step."""

from __future__ import annotations

from dataclasses import replace

from sc_neurocore.fixed.lowering import NEXT, SPIKE, NeuronProgram
from sc_neurocore.hdl.verilog_text import as_file, declaration, literal

_INSTANCE = "datapath"
OWN_NAMES = frozenset({"clk", "reset", "enable", "ready", "pending", "unused", _INSTANCE})
"""What the generated modules name themselves."""


def registered_module(program: NeuronProgram, module: str, latency: int) -> str:
    """Write the module that holds the states; `latency` is that of the step."""
    values = reset_values(program)
    inputs = [port for port in program.inputs if port.name not in values]
    registers = [replace(port, name=port.name.removesuffix(NEXT)) for port in program.outputs]
    ports = ["    input  wire clk", "    input  wire reset", "    input  wire enable"]
    ports += ["    output wire ready"] * (latency > 0)
    ports += [declaration("input  wire", port) for port in inputs]
    ports += [declaration("output reg ", port) for port in registers]
    nexts = {port.name: port.name + NEXT for port in registers}
    connected = {"clk": "clk"} if latency else {}
    connected |= {port.name: port.name for port in program.inputs}
    connected |= {
        port.name: nexts[register.name]
        for port, register in zip(program.outputs, registers, strict=True)
    }
    connections = [f"        .{name}({wire})" for name, wire in connected.items()]
    about = [f"{module}_step with registers: each clock with `enable` is one time step."]
    if latency:
        about = [
            f"{module}_step with registers: a clock with `enable` and `ready` starts a time",
            f"step, whose results are there {latency + 1} clocks later.",
        ]
    results = [f"{port.name} <= {nexts[port.name]};" for port in registers]
    text = "\n".join(
        [
            f"module {module} (",
            ",\n".join(ports),
            ");",
            *(
                declaration("wire", replace(port, name=nexts[port.name])) + ";"
                for port in registers
            ),
            "",
            f"    {module}_step {_INSTANCE} (",
            ",\n".join(connections),
            "    );",
            "",
            *(_handshake(latency) if latency else []),
            "    always @(posedge clk) begin",
            "        if (reset) begin",
            *(f"            {port.name} <= {values[port.name]};" for port in registers),
            *([f"            pending <= {latency}'d0;"] if latency else []),
            "        end else begin" if latency else "        end else if (enable) begin",
            *(_captured(latency, results) if latency else [f"            {x}" for x in results]),
            "        end",
            "    end",
            "endmodule",
            "",
        ]
    )
    return as_file(about, text)


def reset_values(program: NeuronProgram) -> dict[str, str]:
    """Return what reset puts into each register, as Verilog."""

    def number(name: str, value: float) -> str:
        form = program.fixed_point.of(name)
        integer = int(form.quantize(value))
        return literal(integer, form.width) if form.signed else f"{form.width}'d{integer}"

    states = {name: number(name, value) for name, value in program.neuron.states.items()}
    return {SPIKE: "1'b0"} | states


def _handshake(latency: int) -> list[str]:
    size = f" [{latency - 1}:0]" if latency > 1 else ""
    return [
        "    // A one travels with the step through the pipeline.",
        f"    reg{size} pending;",
        f"    assign ready = {'!(|pending)' if latency > 1 else '!pending'};",
        "",
    ]


def _captured(latency: int, results: list[str]) -> list[str]:
    start = "enable && ready"
    moved = f"{{pending[{latency - 2}:0], {start}}}" if latency > 2 else f"{{pending[0], {start}}}"
    return [
        f"            pending <= {moved if latency > 1 else start};",
        f"            if (pending{f'[{latency - 1}]' if latency > 1 else ''}) begin",
        *(f"                {result}" for result in results),
        "            end",
    ]
