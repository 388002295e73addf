"""The neurons that come with the package: each is a few lines of data."""

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

CATALOGUE: Mapping[str, Neuron] = {neuron.name: neuron for neuron in (LIF,)}


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
