"""What became of the numbers on the way to integers, of a network or of one neuron."""

from __future__ import annotations

from sc_neurocore.fixed.numerics import NeuronNumerics, Numerics
from sc_neurocore.report.sections import Section, section
from sc_neurocore.report.tables import Row, Table


def numbers_section(numerics: Numerics) -> Section:
    """Return the account in a few lines, and each state's range, step and rounding."""
    lines = Table(
        "What became of them",
        ("About", "Said"),
        tuple((about.capitalize(), text) for about, text in numerics.lines()),
    )
    states = Table(
        f"States in {numerics.format}, currents in {numerics.current_format}",
        ("State", "Range", "Step", "Leak in a step", "Rests below its level by at most"),
        tuple(row for neuron in numerics.neurons for row in _states(neuron)),
    )
    tables = Table(
        "Tables for functions",
        ("Where", "Table"),
        tuple((_place(each), table) for each in numerics.neurons for table in each.tables),
    )
    return section("numbers", "Numbers", lines, states, tables if tables.rows else None)


def _states(neuron: NeuronNumerics) -> list[Row]:
    return [
        (
            f"{_place(neuron)}: {each.name}",
            f"{each.low:.6g} to {each.high:.6g}",
            f"{each.step:.4g}",
            "none" if each.leak is None else f"{each.leak:.2%}",
            "not known" if each.lost is None else f"{each.lost:.3g}",
        )
        for each in neuron.states
    ]


def _place(neuron: NeuronNumerics) -> str:
    return f"{neuron.where} {neuron.neuron}".strip()
