"""Stochastic hardware counts the bits that `SCDenseLayer` counts, and every tool accepts it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sc_neurocore import load_description
from sc_neurocore.cli.stages import test_part as part_for_testing
from sc_neurocore.equation import CATALOGUE
from sc_neurocore.errors import DataError, EquationError, UserError
from sc_neurocore.hdl.stochastic_layer import emit_layer
from sc_neurocore.hdl.stochastic_network import emit_network
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.network.encoding import ENCODINGS, encode_weights
from sc_neurocore.stochastic import LFSR16, Halton, SCDenseLayer, SourcePair
from sc_neurocore.tools import programs
from sc_neurocore.verify.simulators import SIMULATORS
from sc_neurocore.verify.stochastic_simulation import cosimulate_layer, cosimulate_network

RequireTool = Callable[..., None]

SOURCES = ("lfsr", "sobol", "halton", "counter")
SHARINGS = ("shared", "rotated", "per-input")
DIGITS = Path(__file__).parents[2] / "models" / "digits"

# Each source, policy and encoding; lengths that are powers of two and others, weights as both.
LAYERS = [
    (source, sharing, encoding, (37, 64, 1, 96)[index % 4], ("constants", "ports")[index % 2])
    for index, (source, sharing, encoding) in enumerate(product(SOURCES, SHARINGS, ENCODINGS))
]
# Sizes, the neuron, the length; each source and each policy with neurons in integers.
NETWORKS = [
    ([5, 4, 3], "LIF", 8, "lfsr", "shared"),
    ([4, 6], "ALIF", 16, "lfsr", "rotated"),
    ([3, 5, 2], "LIF", 32, "lfsr", "per-input"),
    ([5, 9], "ALIF", 16, "sobol", "rotated"),
    ([6, 3, 4], "LIF", 64, "sobol", "per-input"),
    ([3, 7, 2, 1], "Synaptic", 4, "halton", "per-input"),
    ([2, 2], "LIF", 128, "halton", "shared"),
    ([1, 1], "LIF", 1, "counter", "shared"),
    ([4, 3, 3], "LIF", 16, "counter", "per-input"),
]


def make_layer(
    source: str | SourcePair,
    sharing: Any,
    encoding: Any,
    length: int,
    shape: tuple[int, int] = (3, 5),
    seed: int = 0,
) -> SCDenseLayer:
    weights = np.random.default_rng(seed).normal(size=shape)
    weights[0, 0] = 0.0
    return SCDenseLayer(encode_weights(weights, None, encoding), length, source, sharing=sharing)


def make_description(sizes: list[int], neuron: str, seed: int = 0) -> NetworkDescription:
    """A network of random weights; LIF neurons differ in their parameters."""
    random = np.random.default_rng(seed)
    model = CATALOGUE[neuron]  # type: ignore[index]
    layers: list[Any] = []
    for inputs, outputs in pairwise(sizes):
        weight = random.normal(0, 1.5, (outputs, inputs))
        layers.append(Dense(weight=weight, bias=random.normal(0, 0.3, outputs)))
        parameters: dict[str, Any] = {n: p.default for n, p in model.parameters.items()}
        if neuron == "LIF":
            parameters = {
                "beta": random.uniform(0.5, 0.99, outputs),
                "threshold": random.uniform(0.5, 1.5, outputs),
            }
        layers.append(Population(neuron=model, parameters=parameters))
    encoding = InputEncoding(shape=(sizes[0],), bits=5, fraction_bits=4)
    return NetworkDescription(name="tiny", steps=6, input=encoding, layers=layers)


@pytest.mark.parametrize(("source", "sharing", "encoding", "length", "weights"), LAYERS)
def test_a_layer_counts_what_the_python_layer_counts(
    source: str,
    sharing: str,
    encoding: str,
    length: int,
    weights: Any,
    require_tool: RequireTool,
    lint_clean: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("iverilog", "verilator")
    verilog = emit_layer(make_layer(source, sharing, encoding, length), weights=weights)
    one = 1 << verilog.fraction_bits
    values = np.random.default_rng(1).integers(0, one, (4, 5), endpoint=True)
    values[0], values[1] = 0, one
    result = cosimulate_layer(verilog, values, "icarus")
    assert result.holds, result.first_mismatch
    assert result.compared == 4 * (3 + (encoding == "unipolar"))
    verilog.write(tmp_path)
    lint_clean(tmp_path, verilog.top, verilog.files)


@pytest.mark.parametrize("seed", range(4))
def test_sources_with_other_constants(seed: int, require_tool: RequireTool) -> None:
    require_tool("iverilog")
    random = np.random.default_rng(seed)
    first = LFSR16(int(random.integers(1, 1 << 16)), (16, 15, 13, 4))
    second = Halton((5, 7, 11, 13)[seed], int(random.integers(0, 1 << 16)))
    sharing: Any = SHARINGS[seed % 3]
    layer = make_layer(SourcePair(first, second, sharing), None, "sign-magnitude", 200, seed=seed)
    verilog = emit_layer(layer, bits=5, fraction_bits=4)
    result = cosimulate_layer(verilog, random.integers(0, 17, (3, 5)))
    assert result.holds, result.first_mismatch


def test_a_broken_layer_is_found(require_tool: RequireTool) -> None:
    require_tool("iverilog")
    verilog = emit_layer(make_layer("lfsr", "shared", "sign-magnitude", 64))
    comparators = verilog.files["sc_comparators.v"]
    broken = comparators.replace("is_below = INCLUSIVE != 0;", "is_below = 1'b0;")
    assert broken != comparators
    verilog.files["sc_comparators.v"] = broken
    values = np.full((20, 5), 1 << 15) + np.arange(100).reshape(20, 5) * 300
    result = cosimulate_layer(verilog, values)
    assert not result.holds
    assert result.first_mismatch is not None and "in the module and" in result.first_mismatch


@pytest.mark.parametrize(("sizes", "neuron", "length", "source", "sharing"), NETWORKS)
def test_a_network_has_the_spikes_and_states_of_python(
    sizes: list[int],
    neuron: str,
    length: int,
    source: str,
    sharing: Any,
    require_tool: RequireTool,
    lint_clean: Callable[..., None],
    tmp_path: Path,
) -> None:
    require_tool("iverilog", "verilator")
    description = make_description(sizes, neuron, seed=len(sizes))
    verilog = emit_network(description, length, source, sharing=sharing)
    frames = np.random.default_rng(2).integers(0, 17, (4, sizes[0]))
    frames[0], frames[1] = 0, 16
    result = cosimulate_network(verilog, frames)
    assert result.holds, result.first_mismatch
    # Five numbers for each update of a neuron; a class and the spike counts for each frame.
    assert result.compared == 4 * (5 * 6 * sum(sizes[1:]) + 1 + sizes[-1])
    verilog.write(tmp_path)
    lint_clean(tmp_path, verilog.top, verilog.files)


def test_the_digits_network(require_tool: RequireTool) -> None:
    require_tool("iverilog")
    description = load_description(DIGITS)
    verilog = emit_network(description, 16, "sobol")
    result = cosimulate_network(verilog, part_for_testing(description).inputs[:1], "icarus")
    assert result.holds, result.first_mismatch
    assert result.compared == 5 * 25 * 138 + 11


@pytest.mark.parametrize("simulator", ["verilator", "cxxrtl"])
def test_every_simulator_runs_the_same_benches(simulator: Any, require_tool: RequireTool) -> None:
    require_tool(*SIMULATORS[simulator].tools)
    verilog = emit_network(make_description([5, 4, 3], "LIF"), 32, "sobol", sharing="rotated")
    result = cosimulate_network(verilog, np.arange(10).reshape(2, 5), simulator)
    assert result.holds, result.first_mismatch
    layer = emit_layer(make_layer("lfsr", "shared", "unipolar", 32), weights="ports")
    values = np.random.default_rng(1).integers(0, 1 << layer.fraction_bits, (4, 5))
    counts = cosimulate_layer(layer, values, simulator)
    assert counts.holds, counts.first_mismatch
    assert counts.simulator == simulator


def test_a_layer_that_takes_longer_is_found(require_tool: RequireTool) -> None:
    require_tool("iverilog")
    verilog = emit_layer(make_layer("lfsr", "shared", "sign-magnitude", 64))
    name = f"{verilog.top}.v"
    late = "    wire early;\n    always @(posedge clk) done <= early;\n"
    broken = verilog.files[name].replace("output wire done\n);\n", f"output reg done\n);\n{late}")
    verilog.files[name] = broken.replace(".done  (done)", ".done  (early)")
    assert late in broken != verilog.files[name]
    result = cosimulate_layer(verilog, np.full((4, 5), 1000))
    assert result.first_mismatch == "frame 0: done after more clocks, not 67"


def test_yosys_finds_one_clock_and_no_latch(require_tool: RequireTool, tmp_path: Path) -> None:
    require_tool("yosys")
    verilog = emit_network(make_description([4, 3, 2], "LIF"), 16, "lfsr", sharing="rotated")
    verilog.write(tmp_path)
    script = (
        f"read_verilog {' '.join(verilog.files)}; hierarchy -check -top {verilog.top}; proc; "
        f"select -assert-none t:$dlatch t:$adff t:$adffe; "
        f"flatten; opt_clean; check -assert; "
        f"select -assert-none t:$dff %ci1:+[CLK] w:* %i w:clk %d"
    )
    programs.run("yosys", ["-q", "-p", script], tmp_path)


def test_the_same_layer_gives_the_same_bytes() -> None:
    one, two = (
        emit_layer(make_layer("halton", "per-input", "bipolar", 64)).files for _ in range(2)
    )
    assert one == two


def test_equal_streams_have_one_comparator() -> None:
    layer = make_layer("sobol", "shared", "sign-magnitude", 8, shape=(20, 30))
    text = emit_layer(layer, "many").files["many_gates.v"]
    different = np.unique(layer.weight_thresholds())
    assert different.size <= 9
    assert f".COUNT({np.count_nonzero(different)})" in text
    assert text.count("sc_comparators #(") == 1


def test_displaced_sobol_sequences_need_one_generator_and_lfsrs_many() -> None:
    for source, count in (("sobol", 2), ("halton", 2), ("counter", 2), ("lfsr", 10)):
        layer = make_layer(source, "per-input", "sign-magnitude", 64)
        numbers = emit_layer(layer, "layer").files["layer_numbers.v"]
        assert numbers.count("_generator_") == count


def test_what_hardware_does_not_have_is_refused() -> None:
    layer = make_layer("bernoulli", "shared", "sign-magnitude", 64)
    with pytest.raises(UserError, match="Bernoulli in hardware: expected LFSR16, Sobol"):
        emit_layer(layer)
    with pytest.raises(UserError, match="rotated streams of 2048 bits in hardware"):
        emit_layer(make_layer("sobol", "rotated", "sign-magnitude", 2048))
    layer = make_layer("sobol", "shared", "bipolar", 64)
    with pytest.raises(UserError, match="bipolar streams are compared with values of at most 15"):
        emit_layer(layer, fraction_bits=16)
    with pytest.raises(UserError, match="weights='rom': expected"):
        emit_layer(layer, weights="rom")  # type: ignore[arg-type]
    with pytest.raises(EquationError, match="reserved word"):
        emit_layer(layer, "module")
    with pytest.raises(UserError, match="'sc_pass': a circuit is called so"):
        emit_layer(layer, "sc_pass")
    description = make_description([4, 3], "LIF")
    with pytest.raises(UserError, match="needs a power of two"):
        emit_network(description, 48)
    with pytest.raises(UserError, match="class is read from the membrane"):
        emit_network(description.model_copy(update={"readout": "membrane"}), 64)
    signed = description.input.model_copy(update={"signed": True})
    with pytest.raises(UserError, match="its inputs have a sign: stochastic hardware takes"):
        emit_network(description.model_copy(update={"input": signed}), 64)


def test_values_that_do_not_fit_are_refused() -> None:
    verilog = emit_layer(make_layer("sobol", "shared", "sign-magnitude", 16), fraction_bits=4)
    with pytest.raises(DataError, match=r"expected integers of shape \(batch, 5\)"):
        cosimulate_layer(verilog, np.ones((2, 4), dtype=int))
    with pytest.raises(DataError, match="values from 0 to 16"):
        cosimulate_layer(verilog, np.full((2, 5), 17))
    with pytest.raises(UserError, match="'vcs': expected auto, verilator, cxxrtl, icarus"):
        cosimulate_layer(verilog, np.ones((2, 5), dtype=int), "vcs")
