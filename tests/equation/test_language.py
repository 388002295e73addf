"""Equations as their authors write them: functions, refractory times, time itself, units."""

import re

import numpy as np
import pytest

from sc_neurocore.equation import Neuron, parse_neuron
from sc_neurocore.equation.units import UNITS
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.stimulus import run_neuron


def run(neuron: Neuron, current: float, steps: int, **states: float) -> dict[str, np.ndarray]:
    found = run_neuron(neuron, np.full((steps, 1), current))
    assert parse_neuron(str(neuron)) == neuron  # the text form says it all
    return {"spikes": found.spikes[:, 0], **{n: t[:, 0] for n, t in found.states.items()}}


def lif(*lines: str) -> Neuron:
    return parse_neuron(
        "\n".join(
            ["neuron N", "state v = 0", "parameter dt = 0.1", "parameter t_ref = 0.5", *lines,
             "update v = v + I", "spike v >= 1", "reset v = 0"]
        )
    )  # fmt: skip


@pytest.mark.parametrize("held", ["", " holds v"])
def test_a_refractory_neuron_is_silent_for_its_time(held: str) -> None:
    found = run(lif(f"refractory t_ref{held}"), 1.0, 40)
    fired = np.flatnonzero(found["spikes"])
    # Five steps of 0.1 in which it cannot fire, and then it fires at once.
    assert fired.tolist() == list(range(0, 40, 6))
    after = found["v"][1:6]
    assert after.tolist() == ([0] * 5 if held else [1, 2, 3, 4, 5])


def test_a_refractory_time_is_rounded_to_steps() -> None:
    for time, steps in ((0.0, 0), (0.04, 0), (0.06, 1), (0.3, 3)):
        fired = np.flatnonzero(run(lif(f"refractory {time}"), 1.0, 40)["spikes"])
        assert np.diff(fired).tolist() == [steps + 1] * (len(fired) - 1)


def test_refractory_while_a_condition_holds_fires_once_per_crossing() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nrefractory while v > 0.2\nupdate v = sin(t/5)\nspike v > 0.5"
    )
    found = run(neuron, 0.0, 200)
    rises = np.flatnonzero((found["v"][1:] > 0.5) & (found["v"][:-1] <= 0.5)) + 1
    assert np.flatnonzero(found["spikes"]).tolist() == rises.tolist()
    assert len(rises) >= 6


def test_time_is_a_state_where_nobody_declares_it() -> None:
    neuron = parse_neuron("neuron N\nstate v = 0\nparameter dt = 0.5\nupdate v = t\nspike v > 9")
    assert run(neuron, 0.0, 5)["v"].tolist() == [0, 0.5, 1, 1.5, 2]
    declared = parse_neuron("neuron N\nstate v = 0\nparameter t = 3\nupdate v = t\nspike v > 9")
    assert run(declared, 0.0, 2)["v"].tolist() == [3, 3]
    assert set(declared.states) == {"v"}


def test_functions_are_written_out_and_stay_at_the_ends_of_their_range() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nparameter k = 2\nfunction f(x) = k*x**2 in [-1, 3]\n"
        "local y = f(v + I)\nupdate v = y\nspike v > 99"
    )
    assert str(neuron.update[0]) == ("local y = k*(min(max(v + I, -1), 3)*min(max(v + I, -1), 3))")
    assert run(neuron, 2.0, 2)["v"].tolist() == [8, 18]


def test_powers_of_any_exponent() -> None:
    neuron = parse_neuron("neuron N\nstate v = 16\nupdate v = v**0.5 + 2**(I - 1)\nspike v > 99")
    assert run(neuron, 3.0, 1)["v"].tolist() == [8]


def test_several_inputs() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\ninput g_e, g_i\nupdate v = v + g_e - 2*g_i\nspike v >= 9"
    )
    assert neuron.inputs == ("g_e", "g_i")
    assert parse_neuron(str(neuron)) == neuron
    with pytest.raises(EquationError, match="a network has one current"):
        neuron.need_one_input("a network")


HH = """
    neuron HH
    parameter area = 20000*umetre**2
    parameter Cm = 1*ufarad*cm**-2 * area
    parameter gl = 5e-5*siemens*cm**-2 * area
    parameter El = -65*mV
    parameter EK = -90*mV
    parameter ENa = 50*mV
    parameter g_na = 100*msiemens*cm**-2 * area
    parameter g_kd = 30*msiemens*cm**-2 * area
    parameter VT = -63*mV
    parameter dt = 0.01*ms
    state v = El
    state m = 0
    state n = 0
    state h = 0
    input I : amp
    local a_m = 0.32*(mV**-1)*4*mV/exprel((13*mV - v + VT)/(4*mV))/ms : Hz
    local b_m = 0.28*(mV**-1)*5*mV/exprel((v - VT - 40*mV)/(5*mV))/ms : Hz
    local a_h = 0.128*exp((17*mV - v + VT)/(18*mV))/ms : Hz
    local b_h = 4./(1 + exp((40*mV - v + VT)/(5*mV)))/ms : Hz
    local a_n = 0.032*(mV**-1)*5*mV/exprel((15*mV - v + VT)/(5*mV))/ms : Hz
    local b_n = .5*exp((10*mV - v + VT)/(40*mV))/ms : Hz
    dv/dt = (gl*(El-v) - g_na*(m*m*m)*h*(v-ENa) - g_kd*(n*n*n*n)*(v-EK) + I)/Cm : volt
    dm/dt = a_m*(1-m) - b_m*m : 1
    dn/dt = a_n*(1-n) - b_n*n : 1
    dh/dt = a_h*(1-h) - b_h*h : 1
    spike v > -40*mV
    refractory while v > -40*mV
"""


def test_units_are_checked_and_taken_out() -> None:
    """The Hodgkin-Huxley neuron of Brian2's examples: nobody's numbers were converted by hand."""
    neuron = parse_neuron(HH)
    assert neuron.parameters["El"].default == -65
    assert neuron.states["v"] == -65
    assert "mV" not in str(neuron)
    found = run(neuron, 200.0, 5000)  # pA, for 50 ms
    assert 2 <= found["spikes"].sum() <= 8
    assert -95 < found["v"].min() < -60 < 20 < found["v"].max() < 60


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("(1-m) - b_m*m : 1", "(1-m) - b_m : volt", r"takes pA and pA\*mV\^3 together"),
        ("gl*(El-v)", "gl*El*v", r"takes pA and mV\*pA together|takes .* together"),
        ("exp((10*mV - v + VT)/(40*mV))", "exp(10*mV - v + VT)", "exp of what is in mV"),
        ("+ I)/Cm", "+ I)", r"dv/dt times dt is in"),
        ("spike v > -40*mV", "spike v > -40", "> takes mV and no unit together"),
        ("state v = El", "state v = El*Cm", r"dv/dt times dt is in mV: expected|v is in"),
        ("parameter VT = -63*mV", "parameter VT = -63*mA", "takes .* together"),
    ],
)  # fmt: skip
def test_units_that_do_not_fit_are_refused_by_line(old: str, new: str, message: str) -> None:
    assert old in HH
    with pytest.raises(EquationError, match=message) as caught:
        parse_neuron(HH.replace(old, new))
    assert re.search(r"line \d+: .*\n.*\n\s*\^", str(caught.value))


@pytest.mark.parametrize("line", [": volt", "  : 1", ":mV", "\t: volt # of nothing"])
def test_a_unit_of_nothing_is_refused(line: str) -> None:
    with pytest.raises(EquationError, match="line 3: a unit of nothing"):
        parse_neuron(f"neuron N\nstate v = 0\n{line}\nupdate v = I\nspike v >= 1")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("input I : amp", "input I : nA", "what comes in is in pA, and this says 1000 times that"),
        ("input I : amp", "input I : 5*amp", "says 5 times that"),
        ("dt = 0.01*ms", "dt = 0.01", "dt is in no unit, and other numbers have units"),
        ("dt = 0.01*ms", "dt = 0.01*mV", "dt is in mV"),
        ("parameter VT", "parameter pV = 3\n    parameter VT", "declared below|is in no unit"),
    ],
)
def test_numbers_in_other_units_than_they_are_read_in_are_refused(
    old: str, new: str, message: str
) -> None:
    assert old in HH
    text = HH.replace(old, new).replace("-90*mV", "-90*mV + 0*pV")
    with pytest.raises(EquationError, match=message):
        parse_neuron(text)


def test_inputs_in_our_units_and_steps_beside_units() -> None:
    assert parse_neuron(HH.replace("input I : amp", "input I : pA")) == parse_neuron(HH)
    text = HH.replace("    parameter dt = 0.01*ms\n", "")
    assert Neuron.from_equations(text, dt=0.01).parameters["dt"].default == 0.01


def test_a_local_may_be_called_like_a_unit() -> None:
    neuron = parse_neuron("neuron N\nstate v = 1\nlocal mS = v + I\nupdate v = mS\nspike v >= 99")
    assert run(neuron, 2.0, 2)["v"].tolist() == [3, 5]


def test_one_coherent_set_of_units() -> None:
    def size(text: str) -> float:
        neuron = parse_neuron(f"neuron N\nparameter p = {text}\nstate v = 0\nspike v > p")
        return neuron.parameters["p"].default

    assert size("1*pF*mV/ms") == pytest.approx(size("1*pA"))
    assert size("1*nS*mV") == size("1*pA") == 1
    assert size("1*mV/pA") == pytest.approx(size("1*Gohm"))
    assert size("1*mS/cm2*mV") == pytest.approx(size("1*uA/cm**2")) == pytest.approx(1)
    assert size("1000/second") == pytest.approx(size("1*kHz")) == pytest.approx(1)
    assert all(np.isfinite(each) and each > 0 for each, _ in UNITS.values())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("refractory", "expected something like: refractory"),
        ("refractory 2\nrefractory 2", "already given above"),
        ("refractory v > 2", "expected a time, or 'while'"),
        ("refractory while 2", "expected a time, or 'while'"),
        ("refractory 2 holds w", "'w' is no state"),
        ("refractory z", "unknown name 'z'"),
        ("function f(x) = y", "unknown name 'y'"),
        ("function f(x) = k*x", "; known: x, units such as mV, ms and pA\n"),
        ("function f(x, y) = y", "expected something like: function"),
        ("function exp(x) = x", "the name 'exp' is reserved"),
        ("function f(x) = x in [3, 2]", "from low to high"),
        ("function f(x) = x\nfunction f(x) = x", "is taken"),
        ("function f(x) = x\nupdate v = f(1, 2)", "unknown function 'f'|takes"),
        ("function f(x) = x*x*x*x*x*x\nupdate v = f(f(f(f(f(v)))))", "too large"),
        ("update v = v + furlong", "unknown name 'furlong'"),
        ("update v = v : furlong", "unknown name 'furlong'"),
        ("input I\ninput J", "write 'input I, J' for both"),
        ("input I, I", "declared twice"),
        ("input I, 2", "not a usable name"),
    ],
)
def test_what_cannot_be_is_refused(line: str, message: str) -> None:
    with pytest.raises(EquationError, match=message):
        parse_neuron(f"neuron N\nstate v = 0\n{line}\nspike v >= 1")
