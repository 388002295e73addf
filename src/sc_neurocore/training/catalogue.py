"""The catalogue's neurons as cells; a new entry takes two lines here."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

from sc_neurocore.equation.catalogue import LIF
from sc_neurocore.equation.latex import latex_neuron
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.training.cells import Cell

_KEYWORD = inspect.Parameter.KEYWORD_ONLY


class CatalogueCell(Cell):
    """A cell whose neuron is in the catalogue; subclasses name it and are then complete.

    Their signature and their documentation are made from the neuron.
    """

    catalogue_neuron: ClassVar[Neuron]

    def __init_subclass__(cls, neuron: Neuron, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls.catalogue_neuron = neuron
        cls.__doc__ = _documentation(neuron)
        cls.__signature__ = _signature(neuron)  # type: ignore[attr-defined]

    def __init__(self, **options: Any) -> None:
        super().__init__(self.catalogue_neuron, **options)


def _documentation(neuron: Neuron) -> str:
    parameters = "\n".join(
        f"    {name}: A number in ({parameter.low:g}, {parameter.high:g}), or one per channel; "
        f"by default {parameter.default:g}.\n"
        f"    learn_{name}: Whether it is learnt, within that interval."
        for name, parameter in neuron.parameters.items()
    )
    return (
        f"{neuron.description}\n\n{latex_neuron(neuron)}\n\n"
        f"States: {', '.join(neuron.states)}. The reset is the one above unless `reset` gives "
        f"another one, and sends no gradient to the spike unless `detach_reset=False`.\n\n"
        f"Args:\n{parameters}\n"
        f"    surrogate, reset, detach_reset, channels, channel_axis, learn, backend: See `Cell`.\n"
    )


def _signature(neuron: Neuron) -> inspect.Signature:
    numbers = [
        inspect.Parameter(name, _KEYWORD, default=parameter.default)
        for name, parameter in neuron.parameters.items()
    ]
    flags = [
        inspect.Parameter(f"learn_{name}", _KEYWORD, default=False) for name in neuron.parameters
    ]
    of_cell = inspect.signature(Cell).parameters.values()
    return inspect.Signature([*numbers, *flags, *(p for p in of_cell if p.kind is _KEYWORD)])


class LIFCell(CatalogueCell, neuron=LIF):
    """Leaky integrate-and-fire."""
