"""Noise in integers: the draws of floats, in steps, networks, proofs and hardware."""

from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import Neuron, parse_neuron
from sc_neurocore.equation.noise import PERIOD, later_words
from sc_neurocore.errors import DescriptionError, EquationError
from sc_neurocore.fixed import FixedPoint, lower
from sc_neurocore.fixed.choosing_neuron import choose_for_neuron
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.fixed.stimulus import standard_stimulus
from sc_neurocore.hdl.accelerator import render_accelerator
from sc_neurocore.hdl.equation_compiler import compile_equations, emit_neuron
from sc_neurocore.network import load_description, save_description
from sc_neurocore.network.description import Dense, InputEncoding, NetworkDescription, Population
from sc_neurocore.verify.cosimulation import cosimulate
from sc_neurocore.verify.equivalence import prove_step
from sc_neurocore.verify.step_simulation import simulate_step

NOISY = parse_neuron("""
    neuron Noisy
    state v = 0
    parameter tau = 8
    parameter sigma = 0.3
    noise xi = normal(0, sigma/sqrt(tau)) seed 5
    noise eta = uniform(-0.01, 0.02)
    update v = v + (I - v)/tau + xi + eta
    spike v >= 1
    reset v = 0
""")


@pytest.mark.parametrize("form", ["Q4.12", "Q4.12:nearest", "Q4.12:wrap"])
def test_floats_and_integers_see_the_same_draws(form: str) -> None:
    program = lower(NOISY, FixedPoint.parse(form))
    found = compare_neuron(program, standard_stimulus(NOISY, steps=400))
    for word in NOISY.sources:
        assert found.states[word].largest_error == 0
        assert found.states[word].high > 0.9 * 2**24
    assert found.spike_agreement > 0.9


def test_a_word_has_its_own_format() -> None:
    program = lower(NOISY, FixedPoint.parse("Q4.12"))
    words = {port.name: port.format for port in program.inputs if port.name in NOISY.sources}
    assert words == {"xi_word": "UQ24.0", "eta_word": "UQ24.0"}
    assert str(program.fixed_point.own_current or program.fixed_point.current) == "Q8.12"
    again = lower(NOISY, program.fixed_point)
    assert again.program == program.program
    with pytest.raises(EquationError, match=r"xi_word=Q4\.12: the word of a source"):
        lower(NOISY, FixedPoint.parse("Q4.12:xi_word=Q4.12"))


def test_auto_chooses_around_the_words() -> None:
    chosen = choose_for_neuron(NOISY, standard_stimulus(NOISY, steps=400))
    own = dict(chosen.formats.own)
    assert not {*own} & {*NOISY.sources}
    found = compare_neuron(lower(NOISY, chosen.formats), standard_stimulus(NOISY, steps=400))
    assert found.spike_agreement >= 0.98
    assert chosen.formats.state.width < 20


def test_a_step_is_proved_for_every_word() -> None:
    program = lower(NOISY, FixedPoint.parse("Q4.12"))
    verilog = emit_neuron(program)
    proof = prove_step(program, verilog.step, f"{verilog.name}_step")
    assert proof.status == "proved", proof.detail
    assert "xi_word" in proof.detail


@pytest.mark.parametrize(("right", "wrong"), [(":7]", ":8]"), (" ^ ", " | "), ("5'd0", "4'd0")])
def test_a_generator_that_differs_is_found(right: str, wrong: str) -> None:
    program = lower(NOISY, FixedPoint.parse("Q4.12"))
    verilog = emit_neuron(program)
    assert right in verilog.step
    text = verilog.step.replace(right, wrong, 1)
    assert prove_step(program, text, f"{verilog.name}_step").status == "refuted"


def test_the_verilog_draws_as_floats_do(require_tool) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    program = lower(NOISY, FixedPoint.parse("Q4.12"))
    verilog = emit_neuron(program)
    found = compare_neuron(program, standard_stimulus(NOISY, steps=300))
    before = {
        name: np.concatenate([[0], found.integers.states[name][:-1, 0]]) for name in NOISY.states
    }
    inputs = {
        name: np.round(trace * 2.0 ** (12 if name == "v" else 0)).astype(np.int64)
        for name, trace in before.items()
    }
    inputs["current"] = np.zeros(300, dtype=np.int64)
    results = simulate_step(program, verilog.step, f"{verilog.name}_step", inputs)
    for word in NOISY.sources:
        assert results[f"{word}_next"].tolist() == found.floats.states[word][:, 0].tolist()


def _network(neuron: Neuron = NOISY, **parameters: np.ndarray) -> NetworkDescription:
    chance = np.random.default_rng(0)
    return NetworkDescription(
        name="noisy",
        input=InputEncoding(shape=(5,), bits=4, fraction_bits=3),
        steps=12,
        layers=[
            Dense(weight=chance.normal(size=(6, 5)), bias=np.zeros(6)),
            Population(neuron=neuron, parameters=parameters),
            Dense(weight=chance.normal(size=(3, 6)) + 1, bias=np.zeros(3)),
            Population(neuron=neuron),
        ],
    )


def test_every_neuron_of_a_network_has_draws_of_its_own(tmp_path: Path) -> None:
    network = _network()
    starts = [
        layer.parameters[start]
        for layer in network.layers
        if isinstance(layer, Population)
        for start in NOISY.sources.values()
    ]
    assert [each.shape for each in starts] == [(6,), (6,), (3,), (3,)]
    assert np.unique(np.concatenate(starts)).size == 18
    assert _network() == network
    save_description(network, tmp_path / "saved")
    assert load_description(tmp_path / "saved") == network
    assert network.with_layers(network.layers) == network


def test_starts_that_are_given_stay() -> None:
    network = _network(xi_seed=np.arange(1.0, 7.0))
    assert network.layers[1].parameters["xi_seed"].tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(DescriptionError, match="a whole number from 1"):
        _network(xi_seed=np.arange(6.0) + 0.5)
    same = int(NOISY.parameters["xi_seed"].default)
    text = str(NOISY).replace(
        f"eta_seed = {int(NOISY.parameters['eta_seed'].default)}",
        f"eta_seed = {int(later_words(same, PERIOD - 6))}",  # six neurons before the other one
    )
    with pytest.raises(DescriptionError, match="two neurons would have the same noise"):
        _network(parse_neuron(text))


def test_the_accelerator_draws_what_the_network_draws(require_tool, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    require_tool("iverilog")
    network = _network()
    integers = quantize(network, "Q4.12")
    inputs = np.random.default_rng(1).integers(0, 16, (6, 5))
    both = compare_network(network, integers, inputs, "random")
    assert both.spikes_float > 20
    for layer in both.layers:
        assert layer.states["xi_word"].largest_error == 0
    for lanes, options in ((2, {}), (4, {"pipeline": 2, "units": 2})):
        folder = tmp_path / str(lanes)
        accelerator = render_accelerator(integers, lanes, **options).write(folder)
        result = cosimulate(accelerator, integers, inputs, "icarus")
        assert (result.spike_mismatches, result.state_mismatches) == (0, 0)


def test_the_text_of_a_module_says_where_its_noise_begins() -> None:
    verilog = compile_equations(str(NOISY), "Q4.12")
    start = int(NOISY.parameters["xi_seed"].default)
    assert verilog.name == "noisy_q4_12"
    assert f"xi_seed = {start}" in verilog.step or str(start) in verilog.step
