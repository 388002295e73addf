"""The neurons that the tables of the equation compiler are about."""

from __future__ import annotations

from pathlib import Path

from sc_neurocore.equation import CATALOGUE, Neuron, parse_neuron

EXAMPLES = Path(__file__).parents[1] / "examples" / "neurons"


def neurons() -> dict[str, Neuron]:
    """Return the catalogue and the published ODE neurons of the examples, by name."""
    examples = {
        path.stem: parse_neuron(path.read_text()) for path in sorted(EXAMPLES.glob("*.txt"))
    }
    return {**CATALOGUE, **examples}
