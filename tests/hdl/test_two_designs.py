"""Several networks in one FPGA: their modules and memories do not take each other's names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sc_neurocore.equation import LIF, find_neuron, parse_neuron
from sc_neurocore.fixed import IntegerNetwork, quantize
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population

FRAMES = 3
SLOWER = parse_neuron(str(LIF).replace("beta = 0.9", "beta = 0.25"))
"""A neuron of the same name and format, with another number in it."""

CORE = """
    wire {n}_ready, {n}_valid;
    wire [{bits}:0] {n}_class;
    reg  [4:0] {n}_data;
    reg  {n}_sends;
    integer {n}_sent, {n}_got;
    reg [4:0] {n}_frames [0:{last}];
    initial $readmemh("{n}_frames.hex", {n}_frames);
    {n} #(.MEMORY_FOLDER("memories")) {n}_core (
        .clk(clk), .reset(reset), .in_valid({n}_sends), .in_ready({n}_ready), .in_data({n}_data),
        .out_valid({n}_valid), .out_ready(1'b1), .out_class({n}_class), .count_address(0),
        .hash_address(3'd0)
    );
    always @(posedge clk)
        if (reset) begin
            {n}_sent <= 0; {n}_got <= 0; {n}_sends <= 1; {n}_data <= {n}_frames[0];
        end else begin
            if ({n}_sends && {n}_ready) begin
                {n}_sent  <= {n}_sent + 1;
                {n}_sends <= {n}_sent < {last};
                {n}_data  <= {n}_frames[{n}_sent < {last} ? {n}_sent + 1 : 0];
            end
            if ({n}_valid) begin
                $display("{n} %0d", {n}_class);
                {n}_got <= {n}_got + 1;
            end
        end
"""
TOP = """
module both;
    reg clk = 0, reset = 1;
    always #1 clk = !clk;
    initial #6 reset = 0;
    initial #400000 begin $display("too long"); $finish; end
{cores}
    always @(posedge clk)
        if (!reset && first_got == {frames} && second_got == {frames} && third_got == {frames})
            $finish;
endmodule
"""


MIXED = "Q6.10:i=Q4.13:current=Q9.11"
"""A format for each state, and one for the current that is neither's."""


def make(
    name: str, neuron: object, seed: int, sizes: tuple[int, int, int], form: str = "Q8.8"
) -> IntegerNetwork:
    random = np.random.default_rng(seed)
    inputs, hidden, outputs = sizes
    layers = [
        Dense(weight=random.normal(0, 0.8, (hidden, inputs))),
        Population(neuron=neuron),
        Dense(weight=random.normal(0, 0.8, (outputs, hidden))),
        Population(neuron=neuron),
    ]
    encoding = InputEncoding(shape=(inputs,), bits=5, fraction_bits=4)
    description = NetworkDescription(name=name, input=encoding, steps=10, layers=layers)
    return quantize(description, form)


def modules(core: Accelerator) -> set[str]:
    return {path.stem for path in core.verilog if not path.stem.startswith("snn_")}


def test_networks_with_different_neurons_run_in_one_top(
    require_tool: Callable[..., None], tmp_path: Path
) -> None:
    require_tool("iverilog", "vvp")
    networks = {
        "first": make("first", LIF, 0, (6, 8, 3)),
        "second": make("second", SLOWER, 1, (5, 6, 4)),
        "third": make("third", find_neuron("Synaptic"), 3, (4, 8, 5), MIXED),
    }
    cores, verilog, expected, taken = [], {}, {}, []
    for name, network in networks.items():
        core = render_accelerator(network, lanes=2).write(tmp_path / name)
        taken.append(modules(core))
        for path in core.memories:  # all in one folder
            (tmp_path / "memories").mkdir(exist_ok=True)
            assert not (tmp_path / "memories" / path.name).exists()
            (tmp_path / name / path).rename(tmp_path / "memories" / path.name)
        verilog |= {path.name: f"{name}/{path.as_posix()}" for path in core.verilog}
        frames = np.random.default_rng(2).integers(0, 32, (FRAMES, network.layers[0].inputs))
        (tmp_path / f"{name}_frames.hex").write_text("\n".join(f"{x:x}" for x in frames.ravel()))
        expected[name] = network.run(frames).classes.tolist()
        bits = core.geometry.output_bits - 1
        cores.append(CORE.format(n=name, bits=bits, last=frames.size - 1))
    assert not taken[0] & taken[1] | taken[1] & taken[2] | taken[2] & taken[0]
    assert networks["third"].fixed_point.text == MIXED
    (tmp_path / "both.v").write_text(TOP.format(cores="".join(cores), frames=FRAMES))
    command = ["iverilog", "-g2005", "-s", "both", "-o", "bench", "both.v", *verilog.values()]
    subprocess.run(command, check=True, cwd=tmp_path)
    done = subprocess.run(
        ["vvp", "bench"], check=True, cwd=tmp_path, capture_output=True, text=True
    )
    told = [line.split() for line in done.stdout.splitlines()]
    assert "too long" not in done.stdout
    for name, classes in expected.items():
        assert [int(line[1]) for line in told if line[0] == name] == classes
    assert expected["first"] != expected["second"]
