"""NESTML text, as far as it maps."""

import numpy as np
import pytest

from sc_neurocore.equation import parse_neuron
from sc_neurocore.equation.nestml import from_nestml
from sc_neurocore.errors import EquationError
from sc_neurocore.fixed.stimulus import run_neuron

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
        ("a real = 0.02", "a real", "expected a parameter such as"),
        ("U_m' = a *", "U_m' = a + mV *", "takes .* together"),
        ("model izhikevich_neuron:", "izhikevich:", "starts with 'model NAME:'"),
        ("emit_spike()", "U_m = 1", "one onCondition block with emit_spike"),
        ("output:\n        spike\n    update:", "onCondition(a > 0):\n        V_m = c\n    update:",
         "only the condition of a spike"),
    ],
)  # fmt: skip
def test_what_does_not_map_is_refused_by_line(old: str, new: str, message: str) -> None:
    assert old in IZHIKEVICH
    with pytest.raises(EquationError, match=message):
        from_nestml(IZHIKEVICH.replace(old, new))
