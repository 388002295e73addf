"""Neurons as they are written for Brian2 and in NESTML: read, or refused with their line.

Both are hostile input too: whatever is typed, the answer is a neuron or our error.
"""

import random
import re

import numpy as np
import pytest

from sc_neurocore.equation import Neuron, parse_neuron
from sc_neurocore.equation.brian import from_brian2
from sc_neurocore.equation.nestml import from_nestml
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.stimulus import run_neuron

ADEX = """
    dv/dt = (gL*(EL-v)+gL*DeltaT*exp((clip(v, -200*mV, Vcut)-VT)/DeltaT)+I-w)/C : volt (unless refractory)
    dw/dt = (a*(v-EL)-w)/tauw : amp   # adaptation
    taum = C/gL : second
    I : amp
"""  # noqa: E501 - as it is written there
NUMBERS = {
    "C": "281*pF", "gL": "30*nS", "EL": "-70.6*mV", "VT": "-50.4*mV", "DeltaT": "2*mV",
    "Vcut": "VT + 5*DeltaT", "tauw": "144*ms", "a": "4*nS", "b": "0.0805*nA", "Vr": "-70.6*mV",
}  # fmt: skip


def adex(**changes: object) -> Neuron:
    arguments = {
        "equations": ADEX, "threshold": "v > Vcut", "reset": "v = Vr; w += b", "refractory": "2*ms",
        "namespace": NUMBERS, "initial": {"v": "EL"},
    } | changes  # fmt: skip
    return from_brian2(**arguments)


def test_a_neuron_of_brian2_is_the_one_that_is_written_here() -> None:
    ours = parse_neuron("""
        neuron Ours
        parameter dt = 0.1
        state v = -70.6
        state w = 0
        dv/dt = (30*(-70.6 - v) + 60*exp((clamp(v, -200, -40.4) + 50.4)/2) + I - w)/281
        dw/dt = (4*(v + 70.6) - w)/144
        spike v > -40.4
        reset v = -70.6
        reset w = w + 80.5
        refractory 1.9 holds v
    """)
    currents = np.full((5000, 1), 800.0)
    theirs, written = run_neuron(adex(), currents), run_neuron(ours, currents)
    assert 3 < theirs.spikes.sum() == written.spikes.sum()
    assert np.flatnonzero(theirs.spikes).tolist() == np.flatnonzero(written.spikes).tolist()
    np.testing.assert_allclose(theirs.states["w"], written.states["w"], rtol=1e-6)


def test_a_neuron_of_brian2_fires_in_the_steps_in_which_it_does_there() -> None:
    """Brian2 2.9.0, target numpy, with I = 800*pA for 500*ms: its SpikeMonitor, and the last w."""
    found = run_neuron(adex(), np.full((5000, 1), 800.0))
    steps = [177, 424, 747, 1185, 1750, 2389, 3050, 3716, 4382]
    assert np.flatnonzero(found.spikes).tolist() == steps
    assert found.states["w"][-1, 0] == pytest.approx(208.75678304499723, rel=1e-9)


@pytest.mark.parametrize(("refractory", "apart"), [("", 1), ("0.1*ms", 1), ("0.3*ms", 3)])
def test_the_step_of_a_spike_is_part_of_brian2s_refractory_time(
    refractory: str, apart: int
) -> None:
    """What Brian2 does with these: the first spike is in step 0, the next so many steps later."""
    neuron = from_brian2(
        "dv/dt = 1/(0.1*ms) : 1 (unless refractory)", threshold="v > 0.5", reset="v = 0",
        refractory=refractory,
    )  # fmt: skip
    fired = np.flatnonzero(run_neuron(neuron, np.zeros((20, 1))).spikes)
    assert fired.tolist() == list(range(0, 20, apart))


def test_intermediate_results_may_come_in_any_order() -> None:
    neuron = from_brian2(
        "dv/dt = -v/tau + x/ms : 1\nx = 2*y : 1\ny = v + I : 1", threshold="v > 1", reset="v = 0",
        namespace={"tau": "10*ms"}, method="euler",
    )  # fmt: skip
    assert [line.target for line in neuron.update] == ["y", "x", "v"]


def test_a_refractory_condition() -> None:
    neuron = adex(refractory="v > -45*mV")
    assert "refractory" in neuron.states


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"equations": ADEX + "    x = xi*ms**0.5 : 1"}, r"line 6: noise \(xi\) belongs"),
        ({"equations": ADEX + "    x = rand() : 1"}, "line 6: random numbers"),
        ({"equations": ADEX + "    x : 1 (shared)"}, r"line 6: \(shared\) has no counterpart"),
        ({"equations": ADEX + "    x : volt"}, "line 6: x has no value"),
        ({"equations": ADEX + "    x == 3"}, "line 6: expected 'dv/dt"),
        ({"equations": ADEX + "    x = y : 1\n    y = x : 1"}, "line 6: x depends on itself"),
        ({"equations": ADEX.replace(": volt", ": amp")}, "line 2: .*expected"),
        ({"threshold": "v > Vcut and w > 0*pA"}, "no logic in conditions"),
        ({"reset": "v == 3"}, "expected a statement"),
        ({"reset": "v += w"}, r"\+ takes"),
        ({"method": "rk4"}, "method 'rk4': expected one of exact"),
        ({"refractory": "2*mV"}, "a time is expected"),
    ],
)
def test_what_does_not_map_from_brian2_is_refused_by_line(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(EquationError, match=message):
        adex(**changes)


IZHIKEVICH = '''
"""The quadratic neuron of 2003."""
model izhikevich_neuron:
    state:
        V_m mV = V_m_init   # Membrane potential
        U_m real = b * V_m_init / (1 mV)
    equations:
        inline drive mV = 5 * V_m + 140 mV
        V_m' = (0.04 * V_m * V_m / mV + drive - U_m * mV + ((I_e + I_stim) * GOhm)) / ms
        U_m' = a * (b * V_m - U_m * mV) / (mV * ms)
    parameters:
        a real = 0.02
        b real = 0.2
        c mV = -65 mV
        d real = 8.0
        V_m_init mV = -65 mV
        V_th mV = 30 mV
        I_e pA = 0 pA
    input:
        I_stim pA <- continuous
    output:
        spike
    update:
        integrate_odes()
    onCondition(V_m >= V_th):
        V_m = c
        U_m += d
        emit_spike()
'''.strip()


def test_a_model_of_nestml_is_the_neuron_that_is_written_here() -> None:
    theirs = from_nestml(IZHIKEVICH, dt="0.5*ms")
    ours = parse_neuron(
        "neuron Ours\nparameter dt = 0.5\nstate v = -65\nstate u = -13\n"
        "dv/dt = 0.04*v*v + 5*v + 140 - u + I\ndu/dt = 0.02*(0.2*v - u)\n"
        "spike v >= 30\nreset v = -65\nreset u = u + 8"
    )
    currents = np.full((1000, 1), 10.0)
    a, b = run_neuron(theirs, currents), run_neuron(ours, currents)
    assert 5 < a.spikes.sum() == b.spikes.sum()
    np.testing.assert_allclose(a.states["V_m"], b.states["v"], rtol=1e-6)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("equations:\n", "equations:\n        kernel g = exp(-t)\n", "line 7: kernels"),
        ("        integrate_odes()", "        if a > 0:\n            integrate_odes()",
         "line 23: expected an assignment"),
        ("integrate_odes()", "a = 2", "no integrate_odes|not a state"),
        ("V_m >= V_th", "V_m >= V_th and a > 0", "no logic in conditions"),
        ("    input:", "    function f(x real) real:\n        return x\n    input:",
         "block 'function"),
        ("I_stim pA <- continuous", "I_stim pA", "expected an input"),
        ("I_stim pA <- continuous", "I_stim nA <- continuous", "line 19: .* says 1000 times that"),
        ("I_stim pA <- continuous", "f Hz <- continuous", "in 1/ms, and this says 0.001 times"),
        ("I_stim pA <- continuous", "I_stim pA <- continuous\n        g uS <- continuous",
         "line 20: .* says 1000 times that"),
        ("    output:", "    onReceive(spikes):\n        V_m += 5 mV\n    output:",
         "line 20: what arrives has no block of its own"),
        ("a real = 0.02", "a real", "expected a parameter such as"),
        ("U_m' = a *", "U_m' = a + mV *", "takes .* together"),
        ("model izhikevich_neuron:", "izhikevich:", "starts with 'model NAME:'"),
        ("emit_spike()", "U_m = 1", "one onCondition block with emit_spike"),
        ("I_stim pA <-", "I_stim pA+ms <-", "takes pA and ms together"),
        ("output:\n        spike\n    update:", "onCondition(a > 0):\n        V_m = c\n    update:",
         "only the condition of a spike"),
    ],
)  # fmt: skip
def test_what_does_not_map_from_nestml_is_refused_by_line(old: str, new: str, message: str) -> None:
    assert old in IZHIKEVICH
    with pytest.raises(EquationError, match=message):
        from_nestml(IZHIKEVICH.replace(old, new))


WORDS = """
    v w u I s t pi dt xi rand() i N d / * ** - + = == ( ) : ; , . ' '' "" # mV pA volt 1 0 -1 1e400
    (unless refractory) (constant) (shared) (event-driven) inline kernel convolve( integrate_odes()
    emit_spike() onCondition( state: parameters: update: input: function real boolean if else return
    xi_1 xi*tau**-0.5 sqrt(2/tau)*xi dx/dt sigma*xi random_normal( noise normal( seed
    __import__('os') lambda eval \t \x0b \u2028 \u03b2 exp( exprel( refractory function input neuron
    """.split(" ")  # noqa: SIM905


def damaged(chance: random.Random, text: str) -> str:
    for _ in range(chance.randint(1, 4)):
        parts = re.split(r"(\s+|[-+*/(),=<>:]+)", text)
        at = chance.randrange(len(parts))
        match chance.randrange(4):
            case 0:
                parts[at] = chance.choice(WORDS)
            case 1:
                parts.insert(at, chance.choice(WORDS))
            case 2:
                parts[at] = ""
            case 3:
                parts[at] = parts[chance.randrange(len(parts))] * chance.choice([1, 1, 60])
        text = "".join(parts)
    return text


def explore(count: int, number: int) -> int:
    chance, accepted = random.Random(number), 0
    for _ in range(count):
        try:
            if chance.random() < 0.5:
                from_nestml(damaged(chance, IZHIKEVICH))
            else:
                from_brian2(
                    damaged(chance, ADEX), threshold=damaged(chance, "v > Vcut"),
                    reset=damaged(chance, "v = Vr; w += b"), namespace=NUMBERS,
                )  # fmt: skip
            accepted += 1
        except EquationError as error:
            assert str(error)
    return accepted


def test_damaged_notations() -> None:
    assert explore(600, 0) > 10


@pytest.mark.soak
@pytest.mark.parametrize("number", range(1, 5))
def test_many_damaged_notations(number: int) -> None:
    assert explore(50_000, number) > 1000
