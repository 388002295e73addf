"""Neurons as they are written for Brian2, line by line, or refused with the line."""

import numpy as np
import pytest

from sc_neurocore.equation import parse_neuron
from sc_neurocore.equation.brian import from_brian2
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


def adex(**changes: object):
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
        refractory 2 holds v
    """)
    currents = np.full((5000, 1), 800.0)
    theirs, written = run_neuron(adex(), currents), run_neuron(ours, currents)
    assert 3 < theirs.spikes.sum() == written.spikes.sum()
    assert np.flatnonzero(theirs.spikes).tolist() == np.flatnonzero(written.spikes).tolist()
    np.testing.assert_allclose(theirs.states["w"], written.states["w"], rtol=1e-6)


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
        ({"equations": ADEX + "    du/dt = -u/ms + xi*ms**-0.5 : 1"}, r"line 6: noise \(xi\)"),
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
def test_what_does_not_map_is_refused_by_line(changes: dict[str, object], message: str) -> None:
    with pytest.raises(EquationError, match=message):
        adex(**changes)
