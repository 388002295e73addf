"""Floats against integers, and the format that is chosen by it."""

from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.equation import CATALOGUE, LIF, Neuron, parse_neuron
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.fixed import FixedPoint, lower, quantize
from sc_neurocore.fixed.choosing import Target, choose_for_network, choose_for_neuron
from sc_neurocore.fixed.comparison import NeuronComparison, agreement, compare_neuron
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.network_comparison import compare_network
from sc_neurocore.fixed.numerics import refuse
from sc_neurocore.fixed.stimulus import (
    firing_current,
    given_stimulus,
    run_neuron,
    standard_stimulus,
)
from sc_neurocore.network import Dense, InputEncoding, NetworkDescription, Population

NEURONS = Path(__file__).parents[1] / "neurons"


def published(name: str) -> Neuron:
    return parse_neuron((NEURONS / f"{name}.txt").read_text(encoding="utf-8"))


def compared(neuron: Neuron, form: str, steps: int = 600) -> NeuronComparison:
    return compare_neuron(
        lower(neuron, FixedPoint.parse(form)), standard_stimulus(neuron, steps=steps)
    )


def test_the_firing_current_is_where_the_neuron_starts_to_fire() -> None:
    found = firing_current(LIF, {})  # v rests at 10 I, so that 0.1 is never quite enough
    assert found is not None and 0.1 < found < 0.11
    assert firing_current(LIF, {"threshold": 2}) == pytest.approx(2 * found, rel=0.06)
    assert firing_current(parse_neuron("neuron N\nstate v = 0\nspike v >= 1"), {}) is None
    backwards = parse_neuron(str(LIF).replace("beta*v + I", "beta*v - I"))
    assert firing_current(backwards, {}) == -found
    without_leak = firing_current(CATALOGUE["IF"], {})
    assert without_leak is not None and 1 / 32 < without_leak < 1 / 8


@pytest.mark.parametrize("ohms", [1e8, 1e-6])
def test_currents_are_found_in_amperes_and_in_smaller_units(ohms: float) -> None:
    """It fires where R I reaches the threshold's distance of 20 mV."""
    neuron = parse_neuron(
        f"neuron Volts\nparameter R = {ohms}\nparameter dt = 0.0001\nstate v = -0.07\n"
        "dv/dt = (-0.07 - v + R*I)/0.02\nspike v >= -0.05\nreset v = -0.07"
    )
    assert firing_current(neuron, {}) == pytest.approx(0.02 / ohms, rel=0.1)


def test_a_float_run_is_the_closed_form() -> None:
    run = run_neuron(LIF, np.full((6, 1), 0.05))
    assert run.states["v"][:, 0] == pytest.approx([0.5 * (1 - 0.9**n) for n in range(1, 7)])
    fired = run_neuron(LIF, np.full((1, 1), 1.5))
    # After the reset 0.5 is left; the format must hold the 1.5 of before.
    assert (fired.states["v"][0, 0], fired.most["v"][0]) == (0.5, 1.5)


def test_a_local_of_several_lines_is_what_the_last_made_of_it() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nlocal x = I\nlocal x = 3*x\nupdate v = x\nspike v >= 99"
    )
    run = run_neuron(neuron, np.array([[1.0], [2.0], [4.0]]))
    assert run.locals["x"][:, 0].tolist() == [3, 6, 12]


@pytest.mark.parametrize("name", ["iaf_psc_exp", "iaf_psc_alpha", "mat2"])
def test_integers_that_never_fire_where_floats_do_are_refused(name: str) -> None:
    found = compared(published(name), "Q8.8")
    assert found.spikes_float > 10
    assert (found.spikes_integer, found.spike_agreement) == (0, 0)
    worst = found.findings[0]
    assert (worst.kind, worst.severity) == ("disagreement", "error")
    with pytest.raises(UserError, match=r"times in floats and 0 times in Q8\.8; --format auto"):
        refuse(found.findings)
    first = found.first_divergence
    assert first is not None and first.fired == "float"
    assert first.states["i_syn"][0] > 128 > first.states["i_syn"][1]


def test_a_state_that_saturates_is_named_with_the_format_that_holds_it() -> None:
    found = compared(published("adex"), "Q8.8:constants=20")
    assert found.states["w"].saturated > 0
    (message,) = [str(each) for each in found.findings if "w saturates in" in each.message]
    assert "Q12.8 would hold that" in message
    assert [each.severity for each in found.findings] == ["warning"] * len(found.findings)


def test_a_wide_format_agrees() -> None:
    found = compared(published("adex"), "Q13.16")
    assert (found.spike_agreement, found.findings) == (1.0, ())
    assert found.mean_state_error < 1e-3
    content = found.as_dict()
    assert content["spikes_float"] == content["spikes_integer"] == found.spikes_float
    assert content["format"] == "Q13.16"


def test_floats_that_run_away_are_said_and_left_out() -> None:
    neuron = parse_neuron("neuron N\nstate v = 0.5\nupdate v = v*v*v + I\nspike v >= 1")
    found = compared(neuron, "Q4.8")
    assert "no input" not in found.unstable and "step x4" in found.unstable
    assert set(found.counts) == set(found.stimulus.names) - set(found.unstable)
    assert "floats run away" in found.findings[0].message


def test_agreement_counts_differences_in_both_directions() -> None:
    assert agreement([(3, 3), (0, 0)]) == 1
    assert agreement([]) == 1
    assert agreement([(4, 2), (2, 4)]) == pytest.approx(1 - 4 / 6)
    assert agreement([(5, 0)]) == 0


@pytest.mark.parametrize("bad", [np.zeros((2, 2, 2)), np.array(["a"]), np.array([np.nan]), []])
def test_currents_that_are_none(bad: object) -> None:
    with pytest.raises(DataError, match=r"expected numbers|not finite"):
        given_stimulus(bad)


@pytest.mark.parametrize("name", ["iaf_psc_exp", "adex", "lif_fine_step"])
def test_the_chosen_formats_are_enough_and_the_narrowest_that_were_tried(name: str) -> None:
    neuron = published(name)
    stimulus = standard_stimulus(neuron, steps=600)
    chosen = choose_for_neuron(neuron, stimulus)
    found = compare_neuron(lower(neuron, chosen.formats), stimulus)
    assert found.spike_agreement >= 0.98 and found.mean_state_error <= 0.01
    assert not [each for each in found.findings if "saturates" in each.message]
    (taken,) = [
        each
        for each in chosen.tried
        if each.format == chosen.formats.text
        and each.constant_bits == chosen.formats.constant_fraction_bits
    ]
    assert taken.is_enough
    assert taken.width == min(each.width for each in chosen.tried if each.is_enough)
    assert any(not each.is_enough for each in chosen.tried)
    assert all(each.luts > 0 for each in chosen.tried)
    assert FixedPoint.parse(str(chosen.formats)) == chosen.formats
    if name == "iaf_psc_exp":  # pA beside mV beside a counter
        assert chosen.formats.of("refractory").fraction_bits == 0
        widths = {chosen.formats.of(state) for state in neuron.states}
        assert len(widths) == 3


def test_tables_cover_what_was_seen() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = -65\nparameter dt = 0.1\n"
        "dv/dt = (-65 - v)/10 + 2/(1 + exp(-(v + 50)/3)) + I\nspike v >= -40\nreset v = -65"
    )
    stimulus = standard_stimulus(neuron, steps=400)
    chosen = choose_for_neuron(neuron, stimulus)
    ((name, low, high),) = chosen.formats.ranges
    assert name == "v"
    assert -90 < low < -65
    assert -40 < high < -20
    (table,) = lower(neuron, chosen.formats).tables
    assert table.relative_error < 0.01


def test_a_choice_keeps_the_rounding_and_the_constants_that_are_asked_for() -> None:
    stimulus = standard_stimulus(LIF, steps=300)
    chosen = choose_for_neuron(LIF, stimulus, "auto:nearest", constant_bits=17)
    assert (chosen.formats.state.rounding, chosen.formats.constant_fraction_bits) == ("nearest", 17)
    coarse = choose_for_neuron(LIF, stimulus, target=Target(0.7, 0.2))
    assert coarse.formats.state.width < choose_for_neuron(LIF, stimulus).formats.state.width


def test_each_input_of_a_neuron_has_currents_of_its_own() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\ninput up, down\nupdate v = 0.5*v + up - down\nspike v >= 1\n"
        "reset v = 0"
    )
    currents = np.full((40, 2), [0.75, 0.0])
    stimulus = given_stimulus(currents, neuron.inputs)
    # 0.75, then 0.375 + 0.75 >= 1: every other step; halted by as much the other way.
    assert run_neuron(neuron, stimulus.currents).spikes.sum() == 20
    both = np.stack([currents, np.full((40, 2), 0.75)], axis=1)
    found = compare_neuron(
        lower(neuron, FixedPoint.parse("Q8.8")), given_stimulus(both, neuron.inputs)
    )
    assert found.counts == {"channel 0": (20, 20), "channel 1": (0, 0)}
    for shape in [(40,), (40, 3), (40, 2, 1)]:
        with pytest.raises(DataError, match=r"expected numbers, \(steps, 2\) or .* for up, down"):
            given_stimulus(np.ones(shape), neuron.inputs)


def test_what_no_format_reaches_is_said() -> None:
    stimulus = given_stimulus(np.full(50, 1e13))
    with pytest.raises(UserError, match="use larger units"):
        choose_for_neuron(
            parse_neuron(str(LIF).replace("threshold = 1", "threshold = 2")), stimulus
        )
    with pytest.raises(UserError, match="expected more than 0"):
        Target(agreement=1.2)


def test_a_state_that_only_spikes_move_is_compared_although_they_come_a_step_later() -> None:
    text = (Path(__file__).parents[2] / "examples/gallery/force_lif.txt").read_text("utf-8")
    both = compare_neuron(lower(parse_neuron(text), FixedPoint.parse("Q8.8")),
                          standard_stimulus(parse_neuron(text)))  # fmt: skip
    assert both.spike_agreement == 1.0 and both.mean_state_error < 0.02
    assert both.integers.states["r"].max() == 0 < both.floats.states["r"].max()
    (said,) = [each for each in both.findings if "though the spikes agree" in each.message]
    assert said.message.startswith("r lies ") and both.level_error == both.states["r"].level_error
    # Nor is such a format chosen.
    assert _level_of_the_chosen(parse_neuron(text)) <= 0.03


def _level_of_the_chosen(neuron: Neuron) -> float:
    stimulus = standard_stimulus(neuron)
    formats = choose_for_neuron(neuron, stimulus).formats
    return compare_neuron(lower(neuron, formats), stimulus).level_error


def test_a_neuron_that_does_nothing_on_the_currents_says_so() -> None:
    onset = parse_neuron(  # it fires where a current of more than a hundred million begins
        "neuron Onset\nstate v = 0\nstate u = 0\nupdate local d = I - u\n"
        "update u = 0.9*u + 0.1*I\nupdate v = 0.5*v + d\nspike v >= 1e9"
    )
    (said,) = compared(onset, "Q31.8").findings
    assert (said.severity, "never fires, in floats or integers" in said.message) == (
        "warning",
        True,
    )
    assert "--data" in said.cure


def test_currents_that_the_format_cuts_off_are_said() -> None:
    program = lower(LIF, FixedPoint.parse("Q8.8"))  # the current in Q12.8, up to 2048
    currents = np.array([0.0, 3000.0, 0.0, -2048.0])
    found = compare_neuron(program, given_stimulus(currents))
    assert found.clipped == 0.25
    (said,) = [each for each in found.findings if "cut off" in each.message]
    assert "go from -2048 to 3000" in said.message and "current=Q13.8" in said.cure
    wider = lower(LIF, FixedPoint.parse("Q8.8:current=Q13.8"))
    assert compare_neuron(wider, given_stimulus(currents)).clipped == 0


def network() -> tuple[NetworkDescription, np.ndarray]:
    random = np.random.default_rng(0)
    layers = [
        Dense(weight=random.normal(0, 0.5, (6, 5))),
        Population(neuron=LIF),
        Dense(weight=random.normal(0, 1, (3, 6))),
        Population(neuron=LIF),
    ]
    encoding = InputEncoding(shape=(5,), bits=5, fraction_bits=4)
    description = NetworkDescription(name="net", input=encoding, steps=20, layers=layers)
    return description, random.integers(0, 32, (8, 5))


def test_a_network_compares_every_spike() -> None:
    description, inputs = network()
    found = compare_network(description, quantize(description, "Q8.16", 16), inputs, "random")
    assert found.first_divergence is None
    assert (found.spike_agreement, found.same_answer, found.samples) == (1.0, 1.0, 8)
    coarse = compare_network(description, quantize(description, "Q8.2", 3), inputs, "random")
    assert coarse.spike_agreement < 0.98
    assert coarse.as_dict()["largest_state_error"] > found.largest_state_error
    first = coarse.first_divergence
    assert first is not None and first.place.startswith("layer ")
    layer, step = int(first.place[6]) - 1, first.step
    neuron, sample = (int(part.split()[-1]) for part in first.place.split(",")[-2:])
    a, b = (run.spikes[layer][step, sample, neuron] for run in (coarse.floats, coarse.integers))
    assert (a, b) == (first.fired == "float", first.fired == "integer")
    before = [(x[:step] != y[:step]).any() for x, y in zip(coarse.floats.spikes, coarse.integers.spikes, strict=True)]  # fmt: skip  # noqa: E501
    assert not any(before)


def warned(layers: list[object], inputs: np.ndarray, steps: int, form: str = "Q8.8") -> list[str]:
    encoding = InputEncoding(shape=inputs.shape[1:], bits=5, fraction_bits=4)
    found = NetworkDescription(name="net", input=encoding, steps=steps, layers=layers)
    both = compare_network(found, quantize(found, form), inputs, "random")
    assert both.as_dict()["warnings"] == [text for _, text in both.warnings]
    return [text for _, text in both.warnings]


def test_a_network_whose_integers_fire_otherwise_is_warned_of() -> None:
    inputs = np.full((4, 2), 16)
    # An adaptation that decays in 500 steps: gone in 26 in Q8.8.
    adapting = parse_neuron(
        "neuron A\nstate v = 0\nstate w = 0\ndv/dt = (I - v - w)/10\ndw/dt = -w/500\n"
        "spike v >= 1\nreset v = 0\nreset w = w + 0.1"
    )
    dense = Dense(weight=np.full((3, 2), 0.7))
    (said,) = warned([dense, Population(neuron=adapting)], inputs, 300)[:1]
    assert said.startswith("layer 1, A: fires ") and "times in integers (counts agree" in said
    assert not warned([dense, Population(neuron=adapting)], inputs, 300, "Q8.16")
    running = parse_neuron("neuron R\nstate v = 0\nupdate v = 9*v*v*v + I\nspike v >= 1e9")
    assert "floats run away in 12 neurons" in warned([dense, Population(neuron=running)], inputs, 20)[0]  # fmt: skip  # noqa: E501
    assert not warned([dense, Population(neuron=LIF)], inputs, 20)


def test_a_networks_format_is_the_narrowest_that_loses_no_more_than_its_weights() -> None:
    description, inputs = network()
    chosen = choose_for_network(description, inputs, "random", 8)
    best = compare_network(description, quantize(description, "Q8.16", 8), inputs, "random")
    (found,) = [
        each
        for each in chosen.tried
        if FixedPoint.parse(each.format, each.constant_bits) == chosen.formats
    ]
    assert found.spike_agreement >= min(0.98, best.spike_agreement - 0.01)
    assert found.width == min(each.width for each in chosen.tried if each.is_enough)
    assert chosen.formats.state.width < 16


def test_a_refractory_time_at_the_end_of_a_format_is_held() -> None:
    # The reset assigns 32, of which the same step takes one: nothing ever reads 32.
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nparameter dt = 0.1 in (0, inf)\ndv/dt = (I - v)/20\n"
        "spike v >= 1\nreset v = 0\nrefractory 3.1 holds v"
    )
    chosen = choose_for_neuron(neuron, standard_stimulus(neuron))
    assert chosen.formats.of("refractory").integer_bits == 7
    refuse(judge_program(lower(neuron, chosen.formats)).findings)


def test_a_neuron_that_fires_once_is_tried_with_a_current_that_makes_it() -> None:
    once = parse_neuron(
        "neuron N\nstate v = 0\nupdate v = 0.9*v + I\nspike v >= 1\nrefractory while v > 0.5"
    )
    assert 0.1 < (firing_current(once, {}) or 0) <= 0.2
    never = parse_neuron("neuron N\nstate v = 0\nspike v >= 1\nrefractory while v > 0.5")
    chosen = choose_for_neuron(never, standard_stimulus(never, steps=100))
    refuse([each for each in judge_program(lower(never, chosen.formats)).findings
            if each.kind == "saturation"])  # fmt: skip


@pytest.mark.parametrize("threshold", [1, 64])
def test_a_networks_format_holds_what_a_reset_takes_away(threshold: int) -> None:
    # After a reset to 0 no membrane is as large as the threshold, which a format has to hold.
    resetting = parse_neuron(
        f"neuron N\nstate v = 0\nupdate v = 0.5*v + {threshold}*I\nspike v >= {threshold}\n"
        f"reset v = 0"
    )
    weight = np.random.default_rng(2).uniform(0, 1, (4, 5))
    layers = [Dense(weight=weight), Population(neuron=resetting)]
    description, inputs = network()
    description = NetworkDescription(name="n", input=description.input, steps=20, layers=layers)
    chosen = choose_for_network(description, inputs, "random", 8)
    found = compare_network(description, quantize(description, chosen.formats, 8), inputs, "random")
    assert found.floats.spike_counts.sum() > 100
    assert found.spike_agreement >= 0.98


def test_a_format_that_is_enough_only_for_want_of_a_better_one_says_so() -> None:
    description, inputs = network()
    chosen = choose_for_network(description, inputs, "random", 2)
    taken = [each for each in chosen.tried if each.is_enough]
    assert taken and all(each.spike_agreement < 0.98 or each.is_less for each in taken)
    assert all(("less than asked for" in each.line) == each.is_less for each in chosen.tried)
    assert any(each.is_less for each in taken)
    fine = choose_for_network(description, inputs, "random", 12)
    assert not any(each.is_less for each in fine.tried)


def test_a_network_whose_floats_run_away_has_no_format() -> None:
    description, inputs = network()
    wild = parse_neuron("neuron N\nstate v = 2\nupdate v = v*v + I\nspike v >= 1")
    layers = [description.layers[0], Population(neuron=wild)]
    runaway = NetworkDescription(name="w", input=description.input, steps=20, layers=layers)
    with pytest.raises(UserError, match="w: floats run away on random, so that no format"):
        choose_for_network(runaway, inputs, "random")


def test_what_was_enough_by_chance_is_not_taken_and_says_so() -> None:
    """Every third input has no part in the search; what fails on it gives way to a bit more."""
    description, inputs = network()
    chosen = choose_for_network(description, inputs, "random", 12)
    taken = next(each for each in chosen.tried if each.is_enough)
    assert chosen.formats.text == taken.format
    chance = [each for each in chosen.tried if each.is_chance]
    assert chance and all(each.width < taken.width for each in chance)
    assert all(each.line.endswith("not enough on the inputs that confirm") for each in chance)
    assert not any(each.is_enough or each.is_less for each in chance)
    # As many bits as are needed, not as many as there are: one more than was too few.
    bits = [FixedPoint.parse(each.format).state.fraction_bits for each in (taken, *chance)]
    assert bits[0] == max(bits[1:]) + 1
