"""What is said of the numbers of a neuron or network is so, and what would be silent is said."""

from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF, Neuron, parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, ParameterPort, evaluate, lower, quantize
from sc_neurocore.fixed.comparison import compare_neuron
from sc_neurocore.fixed.judgement import judge_network, judge_neuron, judge_program
from sc_neurocore.fixed.numerics import Finding, Numerics, refuse
from sc_neurocore.fixed.stimulus import given_stimulus
from sc_neurocore.network import Dense, InputEncoding, Integrator, NetworkDescription, Population

NEURONS = Path(__file__).parents[1] / "neurons"


def published(name: str) -> Neuron:
    return parse_neuron((NEURONS / f"{name}.txt").read_text(encoding="utf-8"))


def account(neuron: Neuron, form: str = "Q8.8", **changes: object) -> Numerics:
    return judge_program(lower(neuron, FixedPoint.parse(form), **changes))  # type: ignore[arg-type]


def small(update: str, spike: str = "v >= 1", more: str = "") -> Neuron:
    return parse_neuron(f"neuron N\nstate v = 0\n{more}update v = {update}\nspike {spike}")


def only(numerics: Numerics, kind: str) -> Finding:
    (found,) = [each for each in numerics.findings if each.kind == kind]
    return found


@pytest.mark.parametrize("name", ["iaf_psc_exp", "iaf_psc_alpha", "mat2"])
def test_a_published_neuron_in_picoamperes_cannot_fire_in_q8_8(name: str) -> None:
    found = only(account(published(name)), "silent")
    assert found.severity == "error"
    assert "can never fire" in found.message
    assert "i_syn" in found.cure and "--format auto" in found.cure
    with pytest.raises(UserError, match=r"can never fire.*--allow silent"):
        refuse([found])
    refuse([found], ["silent"])
    assert not [
        each for each in account(published(name), "Q13.14").findings if each.kind == "silent"
    ]


def test_a_step_far_below_the_time_constant_is_lost_in_rounding() -> None:
    neuron = published("lif_fine_step")
    found = only(account(neuron), "rounding")
    assert (found.severity, found.message.startswith("v can rest up to 0.781 below")) == (
        "warning",
        True,
    )
    # That is so: with a current of 1 it rests where the bound says, and not at 1.
    program = lower(neuron, FixedPoint.parse("Q8.8"))
    v, algebra = np.array(0), NumpyIntegers(program.program)
    for _ in range(3000):
        v = evaluate(program.program, {"v": v, "current": np.array(250)}, algebra)["v_next"]
    assert 250 / 256 - 0.782 <= v / 256 <= 250 / 256 - 0.7
    assert "Q8.12" in found.cure
    assert not account(neuron, "Q8.12").findings
    assert not account(neuron, "Q8.13:nearest").findings


def test_the_published_adex_is_warned_of_its_constants() -> None:
    numerics = account(published("adex"))
    off = [each for each in numerics.findings if each.kind == "constant"]
    assert [each.severity for each in off] == ["warning", "warning"]
    assert "dt/C = 0.000355872 becomes 0.000366211, 2.9% off" in off[0].message
    assert "--constant-bits 18" in off[0].cure
    assert not account(published("adex"), "Q8.8:constants=18").findings
    (w,) = [each for each in numerics.neurons[0].assignments if each.line.startswith("w = w + b")]
    assert (w.saturation, w.needs) == ("possible", "Q9.8")


def test_a_network_whose_threshold_is_above_its_largest_number_is_refused() -> None:
    encoding = InputEncoding(shape=(2,), bits=4, fraction_bits=4)
    layers = [Dense(weight=np.eye(2)), Population(neuron=LIF, parameters={"threshold": 1.5})]
    network = NetworkDescription(name="net", input=encoding, steps=2, layers=layers)
    found = only(judge_network(quantize(network, "Q1.15"), network), "silent")
    assert found.where == "layers[1], LIF, in 'v >= threshold'"
    assert "right side in 1.5" in found.message
    # One that fits, but that the layer's weights never reach, says what the left side is.
    weak = network.model_copy(update={"layers": (Dense(weight=np.eye(2) / 64), layers[1])})
    found = only(judge_network(quantize(weak, "Q8.8"), weak), "silent")
    assert "a larger current" in found.cure
    assert not judge_network(quantize(network, "Q8.8"), network).findings


def test_a_layer_that_is_read_by_its_membrane_need_not_fire() -> None:
    encoding = InputEncoding(shape=(2,), bits=4, fraction_bits=4)
    silent = {"neuron": LIF, "parameters": {"threshold": 1000}}
    layers = [Dense(weight=np.eye(2)), Integrator(**silent), Dense(weight=np.eye(2))]
    network = NetworkDescription(
        name="net", input=encoding, steps=2, layers=[*layers, Population(**silent)]
    )
    read = network.model_copy(update={"readout": "membrane"})
    assert [each.where[:9] for each in judge_network(quantize(network), network).findings] == [
        "layers[3]"
    ]
    assert not judge_network(quantize(read), read).findings


@pytest.mark.parametrize("neuron", CATALOGUE.values(), ids=CATALOGUE)
def test_the_catalogue_is_sound_in_the_default_format(neuron: Neuron) -> None:
    numerics = account(neuron)
    assert not numerics.findings
    assert {each.name for each in numerics.neurons[0].states} == set(neuron.states)
    assert Numerics.model_validate_json(numerics.model_dump_json()) == numerics


def test_constants_are_listed_with_what_they_became() -> None:
    numerics = account(LIF)
    facts = {each.expression: each for each in numerics.neurons[0].constants}
    assert facts["beta"].became == 29491 / 2**15
    assert facts["beta"].relative_error == pytest.approx((0.9 - 29491 / 2**15) / 0.9, rel=1e-3)
    assert facts["threshold"].relative_error == 0


@pytest.mark.parametrize(
    ("neuron", "kind", "severity", "message"),
    [
        (small("v + 4e-5*I"), "constant", "error", "4e-05 becomes 3.05176e-05, 23.7% off"),
        (small("v + 0.001*I"), "constant", "", ""),
        (small("0.99999*v + I"), "leak", "error", "becomes 1: nothing decays"),
        (small("0.9995*v + I"), "leak", "warning", "its leak is 2.3% off"),
        (small("0.9*v + I", "v >= -200"), "always", "error", "fires in every step"),
        (small("0.9*v + I", "v >= 200"), "silent", "error", "the right side in 200"),
        (
            small("300 + 0.1*v"),
            "saturation",
            "error",
            "always saturates: it computes [300, 312.797]",
        ),
        (
            small("select(v > 150, 0, v + I)"),
            "branch",
            "warning",
            "a condition in it never holds",
        ),
        (
            small("v + I", "v >= 0.05"),
            "rounding",
            "warning",
            "v fires 0.05 from where it starts, which is 13 steps of Q8.8",
        ),
    ],
)
def test_each_kind_of_finding(neuron: Neuron, kind: str, severity: str, message: str) -> None:
    found = [each for each in account(neuron).findings if each.kind == kind]
    assert [each.severity for each in found] == [severity] * bool(severity)
    assert all(message in each.message and each.cure for each in found)


@pytest.mark.parametrize(
    ("beta", "kinds"),
    [
        (1 - 2**-23, {8: set(), 40000: {"leak"}}),
        (1 - 2**-10, {8: set(), 400: {"rounding"}}),
        (0.9, {8: set(), 400: set()}),
    ],
)
def test_what_takes_longer_than_a_network_runs_is_not_said(
    beta: float, kinds: dict[int, set[str]]
) -> None:
    layers = (
        Dense(weight=np.eye(3)),
        Population(neuron=CATALOGUE["LIF"], parameters={"beta": beta}),
    )
    for steps, wanted in kinds.items():
        network = NetworkDescription(
            name="net",
            input=InputEncoding(shape=(3,), bits=4, fraction_bits=3),
            steps=steps,
            layers=layers,
        )
        (neuron,) = judge_network(quantize(network), network).neurons
        assert {each.kind for each in neuron.findings} == wanted


@pytest.mark.parametrize(
    ("lines", "where", "message"),
    [
        ("input a, b\nupdate v = 0.5*v + a", "in 'input a, b'", "nothing depends on b"),
        ("update v = 0.5*v + 1", "in 'input I'", "nothing depends on I"),
        ("input a, b\nupdate local x = a*b\nupdate v = v + a", "in 'input a, b'", "on b"),
        ("input a, b\nupdate v = v + a*b", "", ""),
        ("update v = select(I >= 1, 1, 0)", "", ""),
    ],
)
def test_an_input_that_nothing_depends_on_is_named(lines: str, where: str, message: str) -> None:
    neuron = parse_neuron(f"neuron N\nstate v = 0\n{lines}\nspike v >= 1\nreset v = 0")
    found = [each for each in account(neuron).findings if each.kind == "input"]
    assert [each.severity for each in found] == ["warning"] * bool(where)
    assert all(where in each.where and message in each.message for each in found)


def test_an_integrator_that_drops_bits_is_warned_of_slow_drives() -> None:
    integrator = small("v + 0.01*I")
    found = only(account(integrator), "rounding")
    assert "v has no leak" in found.message and "takes 26 steps to make it fire" in found.message
    # So it is: 0.01*0.3 a step is less than a unit, and floats fire from step 334 on.
    both = compare_neuron(lower(integrator, FixedPoint.parse("Q8.8")),
                          given_stimulus(np.full(1000, 0.3)))  # fmt: skip
    assert (both.spikes_float, both.integers.states["v"].max()) == (667, 0)
    assert "Q8.11 allows 200 steps" in found.cure
    assert not account(integrator, "Q8.11").findings
    for exact in (small("v + I"), small("v + I - 0.5")):  # nothing is rounded there
        assert not account(exact).findings


def test_what_a_spike_adds_is_not_rounded_away_unsaid() -> None:
    text = (
        "neuron N\nstate v = 0\nstate w = 0\nparameter tau = {}\ndv/dt = (I - v - w)/10\n"
        "dw/dt = -w/tau\nspike v >= 1\nreset v = 0\nreset w = w + 0.05"
    )
    slow, quick = (parse_neuron(text.format(tau)) for tau in (500, 10))
    (found,) = [each for each in account(slow).findings if "a spike moves w" in each.message]
    assert "by 0.05, and every step may round 0.00391 of that away: then it lasts 13 steps" in str(
        found
    )
    assert (found.kind, "Q8.17 loses 10% of it" in found.cure) == ("rounding", True)
    # So it is: 0.05 is 12 units, and each step takes one.
    program = lower(slow, FixedPoint.parse("Q8.8"))
    w, steps = np.array(12), 0
    while w > 0:
        given = {"v": np.array(0), "w": w, "current": np.array(0)}
        w, steps = (
            evaluate(program.program, given, NumpyIntegers(program.program))["w_next"],
            steps + 1,
        )
    assert steps == 12
    for form, neuron in (("Q8.17", slow), ("Q8.8", quick)):
        assert not [each for each in account(neuron, form).findings if each.kind == "rounding"]


def test_saturation_is_possible_only_where_a_value_goes() -> None:
    program = lower(LIF, FixedPoint.parse("Q8.8"))
    for current, expected in (((-256, 256), "impossible"), ((-4000, 256), "possible")):
        facts = judge_neuron(program, current=current).assignments
        assert [each.saturation for each in facts] == [expected, "impossible"]
    # With at most 1 a step and nothing lost, v stays below the threshold plus 1.
    assert judge_neuron(program, current=(0, 256)).states[0].high < 1


def test_parameters_from_a_table_are_judged_by_their_values() -> None:
    program = lower(LIF, FixedPoint.parse("Q8.8"), {}, [ParameterPort("beta", 17)])
    values = {"beta": np.array([0.5, 0.9, 0.99998])}
    numerics = judge_neuron(program, parameters=values)
    assert [each.kind for each in numerics.findings] == ["leak", "rounding"]
    assert "parameter beta" in numerics.findings[0].where


def test_what_can_be_allowed() -> None:
    with pytest.raises(UserError, match="--allow dreams: expected one of constant, leak"):
        refuse([], ["dreams"])
    refuse(account(small("0.9*v + I", "v >= 200")).findings, ["all"])


def test_a_slow_time_constant_needs_constants_that_follow_the_format() -> None:
    neuron = parse_neuron(
        "neuron Slow\nstate v = 0\nparameter tau = 6000\nparameter dt = 0.1\n"
        "dv/dt = (I - v)/tau\nspike v >= 1"
    )
    fact = account(neuron, "Q8.24").neurons[0].constants[0]
    assert (fact.expression, fact.relative_error < 2e-5) == ("dt/tau", True)
    found = only(account(neuron, "Q8.24:constants=15"), "constant")
    assert (found.severity, "83.1% off" in found.message) == ("error", True)
