"""The neurons that come with the package: each is a few lines of data.

All are in units in which the threshold is 1 and a current of order 1 makes a neuron fire now and
then, so that they can take each other's place in a network without other settings. `beta`, `alpha`
and `rho` are what is left after one step: exp(-step/time constant).

No finite input makes a NaN: every exponential's exponent has an upper bound, far beyond the
threshold, where the neuron has fired anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import EquationError


def _entry(description: str, text: str) -> Neuron:
    return replace(parse_neuron(text), description=description)


LIF = _entry(
    "Leaky integrate-and-fire in discrete time: the membrane decays by beta, gains the input, and "
    "loses the threshold when it fires. Neftci, Mostafa and Zenke, Surrogate gradient learning in "
    "spiking neural networks, IEEE Signal Processing Magazine 36(6), 2019.",
    """
    neuron LIF
    state v = 0
    parameter beta = 0.9 in (0, 1)
    parameter threshold = 1 in (0, inf)
    input I
    update v = beta*v + I
    spike v >= threshold
    reset v = v - threshold
    """,
)

IF = _entry(
    "Integrate-and-fire without a leak: the membrane adds up its input, so that with the "
    "subtracting reset the spike count is the input in units of the threshold. Rueckauer et al., "
    "Conversion of continuous-valued deep networks to efficient event-driven networks for image "
    "classification, Frontiers in Neuroscience 11, 2017.",
    """
    neuron IF
    state v = 0
    parameter threshold = 1 in (0, inf)
    update v = v + I
    spike v >= threshold
    reset v = v - threshold
    """,
)

SYNAPTIC = _entry(
    "Leaky integrate-and-fire behind a synapse: the input makes a current i that decays by alpha, "
    "and the membrane integrates that current. Neftci, Mostafa and Zenke, Surrogate gradient "
    "learning in spiking neural networks, IEEE Signal Processing Magazine 36(6), 2019.",
    """
    neuron Synaptic
    state i = 0
    state v = 0
    parameter alpha = 0.5 in (0, 1)
    parameter beta = 0.9 in (0, 1)
    parameter threshold = 1 in (0, inf)
    update i = alpha*i + I
    update v = beta*v + i
    spike v >= threshold
    reset v = v - threshold
    """,
)

ALIF = _entry(
    "Adaptive leaky integrate-and-fire: every spike adds 1 to a trace a, which decays by rho and "
    "raises the threshold by beta_adapt*a. Bellec, Salaj, Subramoney, Legenstein and Maass, Long "
    "short-term memory and learning-to-learn in networks of spiking neurons, NeurIPS 2018.",
    """
    neuron ALIF
    state v = 0
    state a = 0
    parameter beta = 0.9 in (0, 1)
    parameter rho = 0.95 in (0, 1)
    parameter beta_adapt = 0.1 in (0, inf)
    parameter threshold = 1 in (0, inf)
    update v = beta*v + I
    spike v >= threshold + beta_adapt*a
    reset v = v - (threshold + beta_adapt*a)
    after a = rho*a + s
    """,
)

EXP_IF = _entry(
    "Exponential integrate-and-fire: above v_T the membrane drives itself upwards, over a range of "
    "width delta_T. The leak is exact over a step, and the exponential is held at e^2. "
    "Fourcaud-Trocmé, Hansel, van Vreeswijk and Brunel, How spike generation mechanisms determine "
    "the neuronal response to fluctuating inputs, Journal of Neuroscience 23(37), 2003.",
    """
    neuron ExpIF
    state v = 0
    parameter beta = 0.9 in (0, 1)
    parameter v_T = 0.8 in (-inf, inf)
    parameter delta_T = 0.2 in (0, inf)
    parameter threshold = 1 in (0, inf)
    update v = beta*v + (1 - beta)*delta_T*exp(min((v - v_T)/delta_T, 2)) + I
    spike v >= threshold
    reset v = v - threshold
    """,
)

ADEX = _entry(
    "Adaptive exponential integrate-and-fire: ExpIF with a current w that holds the membrane back. "
    "It follows a*v, decays by rho, and grows by b with every spike. Brette and Gerstner, Adaptive "
    "exponential integrate-and-fire model as an effective description of neuronal activity, "
    "Journal of Neurophysiology 94(5), 2005.",
    """
    neuron AdEx
    state v = 0
    state w = 0
    parameter beta = 0.9 in (0, 1)
    parameter rho = 0.95 in (0, 1)
    parameter a = 0.02 in (-inf, inf)
    parameter b = 0.02 in (-inf, inf)
    parameter v_T = 0.8 in (-inf, inf)
    parameter delta_T = 0.2 in (0, inf)
    parameter threshold = 1 in (0, inf)
    update local drive = (1 - beta)*delta_T*exp(min((v - v_T)/delta_T, 2)) - w + I
    update w = rho*w + (1 - rho)*a*v
    update v = beta*v + drive
    spike v >= threshold
    reset v = v - threshold
    reset w = w + b
    """,
)

LAPICQUE = _entry(
    "The resistor and capacitor of Lapicque: the membrane tends to v_rest + R*I with the time "
    "constant tau, exactly, whatever the step dt. With the defaults tau/R, the capacitance, is 1. "
    "It starts at 0; give `state` to start elsewhere. Lapicque, Recherches quantitatives sur "
    "l'excitation électrique des nerfs traitée comme une polarisation, Journal de Physiologie et "
    "de Pathologie Générale 9, 1907; translated by Brunel and van Rossum, Biological Cybernetics "
    "97, 2007.",
    """
    neuron Lapicque
    state v = 0
    parameter tau = 10 in (0, inf)
    parameter R = 10 in (0, inf)
    parameter dt = 1 in (0, inf)
    parameter v_rest = 0 in (-inf, inf)
    parameter threshold = 1 in (0, inf)
    method exponential-euler
    dv/dt = (-(v - v_rest) + R*I)/tau
    spike v >= threshold
    reset v = v - threshold
    """,
)

ALPHA = _entry(
    "Leaky integrate-and-fire behind two kinds of synapse: positive input excites through i_exc, "
    "negative input inhibits through i_inh, each with a decay of its own. One input makes the "
    "membrane rise and fall as an alpha function, a difference of exponentials. Rall, "
    "Distinguishing theoretical synaptic potentials computed for different soma-dendritic "
    "distributions of synaptic input, Journal of Neurophysiology 30(5), 1967.",
    """
    neuron Alpha
    state i_exc = 0
    state i_inh = 0
    state v = 0
    parameter alpha_exc = 0.5 in (0, 1)
    parameter alpha_inh = 0.5 in (0, 1)
    parameter beta = 0.9 in (0, 1)
    parameter threshold = 1 in (0, inf)
    update i_exc = alpha_exc*i_exc + max(I, 0)
    update i_inh = alpha_inh*i_inh + max(-I, 0)
    update v = beta*v + i_exc - i_inh
    spike v >= threshold
    reset v = v - threshold
    """,
)

SECOND_ORDER_LIF = _entry(
    "Leaky integrate-and-fire with inertia: the membrane's change per step, a, follows the input "
    "less the leak with the memory alpha, so that the membrane can overshoot and resonate. With "
    "alpha = 0 it is LIF, and its resting level is LIF's, I/(1 - beta). Brunel, Hakim and "
    "Richardson, Firing-rate resonance in a generalized integrate-and-fire neuron with "
    "subthreshold resonance, Physical Review E 67, 051916, 2003.",
    """
    neuron SecondOrderLIF
    state a = 0
    state v = 0
    parameter alpha = 0.5 in (0, 1)
    parameter beta = 0.9 in (0, 1)
    parameter threshold = 1 in (0, inf)
    update a = alpha*a + (1 - alpha)*(I - (1 - beta)*v)
    update v = v + a
    spike v >= threshold
    reset v = v - threshold
    """,
)

CATALOGUE: Mapping[str, Neuron] = {
    neuron.name: neuron
    for neuron in (
        LIF,
        IF,
        SYNAPTIC,
        ALIF,
        EXP_IF,
        ADEX,
        LAPICQUE,
        ALPHA,
        SECOND_ORDER_LIF,
    )
}


def find_neuron(name: str) -> Neuron:
    """Return the catalogue's neuron of that name.

    Raises:
        EquationError: Listing the known names.
    """
    try:
        return CATALOGUE[name]
    except KeyError:
        raise EquationError(
            f"no neuron {name!r} in the catalogue; known: {', '.join(CATALOGUE)}"
        ) from None
