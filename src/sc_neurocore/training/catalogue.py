"""The catalogue's neurons as cells: `<Name>Cell` for every entry, made when it is first asked for.

A new entry in the catalogue needs nothing here.
"""

from __future__ import annotations

import inspect
import textwrap
import types
from functools import cache
from typing import Any, ClassVar

from sc_neurocore.equation.catalogue import CATALOGUE, LIF
from sc_neurocore.equation.latex import latex_neuron
from sc_neurocore.equation.neuron import SPIKE, Neuron
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.recurrent import RecurrentCell

_KEYWORD = inspect.Parameter.KEYWORD_ONLY


class CatalogueCell(Cell):
    """A cell whose neuron is known; `class MyCell(CatalogueCell, neuron=MINE)` is complete.

    The signature and the documentation are made from the neuron.
    """

    catalogue_neuron: ClassVar[Neuron]

    def __init_subclass__(cls, neuron: Neuron | None = None, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if neuron is None:  # a subclass of a class that has one
            return
        cls.catalogue_neuron = neuron
        states = tuple(neuron.states)
        cls.__doc__ = _documentation(neuron, states, neuron.description, latex_neuron(neuron))
        cls.__signature__ = _signature(neuron)  # type: ignore[attr-defined]

    def __init__(self, *unnamed: Any, **options: Any) -> None:
        if unnamed:
            first = next(iter(self.catalogue_neuron.parameters), "surrogate")
            raise UserError(
                f"{type(self).__name__}({shown(unnamed[0])}): a cell's options are given by name, "
                f"such as {first}={shown(unnamed[0])}"
            )
        super().__init__(self.catalogue_neuron, **options)


def _documentation(neuron: Neuron, states: tuple[str, ...], lead: str, formula: str) -> str:
    parameters = "\n".join(
        f"    {name}: A number in ({parameter.low:g}, {parameter.high:g}), or one per channel; "
        f"by default {parameter.default:g}.\n"
        f"    learn_{name}: Whether it is learnt, within that interval."
        for name, parameter in neuron.parameters.items()
    )
    return (
        f"{textwrap.fill(lead, 96, break_on_hyphens=False)}\n\n{formula}\n\n"
        f"States: {', '.join(states)}. The reset is the one above unless `reset` gives another one "
        f"for the state that fires, and sends no gradient to the spike unless "
        f"`detach_reset=False`.\n\n"
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


class RecurrentLIFCell(RecurrentCell):
    """LIF in a recurrent layer; its documentation is made from LIF's equation, below."""

    def __init__(self, n_neurons: int, *, bias: bool = False, **options: Any) -> None:
        super().__init__(LIF, n_neurons, bias=bias, **options)


RecurrentLIFCell.__doc__ = _documentation(
    LIF,
    (*LIF.states, SPIKE),
    "Leaky integrate-and-fire in a recurrent layer of `n_neurons`: the spikes of the step before "
    "come back through the trainable matrix W (see `RecurrentCell`). Bellec, Salaj, Subramoney, "
    "Legenstein and Maass, Long short-term memory and learning-to-learn in networks of spiking "
    "neurons, NeurIPS 2018.",
    latex_neuron(LIF).replace("\n", "\nI &\\leftarrow I + W \\, s \\\\\n", 1),
)


@cache
def _make(name: str, neuron: Neuron) -> type[CatalogueCell]:
    def fill(body: dict[str, Any]) -> None:
        body["__module__"] = __name__  # where pickle looks

    return types.new_class(name, (CatalogueCell,), {"neuron": neuron}, fill)


def __getattr__(name: str) -> Any:
    """Return the cell class of a catalogue neuron."""
    neuron = CATALOGUE.get(name.removesuffix("Cell"))
    if neuron is None or not name.endswith("Cell"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _make(name, neuron)


def __dir__() -> list[str]:
    return sorted({*globals(), *(f"{name}Cell" for name in CATALOGUE)})
