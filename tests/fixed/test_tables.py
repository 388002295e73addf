"""Tables of exp, tanh and sigmoid: their error is what they say, in every interpretation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import find_neuron, parse_neuron
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, QFormat, evaluate, lower
from sc_neurocore.fixed.tables import PiecewiseLinear, approximation, tabulate

Q8_8 = FixedPoint(QFormat(8, 8))
FUNCTIONS = {
    "exp": lambda x: math.exp(min(x, 700.0)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(min(-x, 700.0))),
}
functions = st.sampled_from(sorted(FUNCTIONS))


def by_hand(table: PiecewiseLinear, x: int) -> int:
    """The rule of docs/semantics.md in plain Python integers."""
    size = 2**table.segment_bits
    last = table.first + (len(table.entries) - 1) * size - 1
    position = min(max(x, table.first), last) - table.first
    index, offset = position // size, position % size
    here, there = table.entries[index], table.entries[index + 1]
    return here + (there - here) * offset // size


@settings(max_examples=200)
@given(
    functions,
    st.integers(-(2**15), 2**15),
    st.integers(0, 2**15),
    st.integers(0, 12),
    st.integers(1, 8),
    st.lists(st.integers(-(2**17), 2**17), min_size=1),
)
def test_the_largest_error_is_what_the_table_says(
    function: str, low: int, span: int, bits: int, table_bits: int, arguments: list[int]
) -> None:
    high = low + span
    formats = FixedPoint(QFormat(8, 8), table_bits=table_bits)
    table = tabulate(function, low, high, bits, formats)
    assert len(table.entries) - 1 <= 2**table_bits
    unit = 2.0**-bits
    for x in [*(min(max(x, low), high) for x in arguments), low, high]:
        found = by_hand(table, x) * 2.0**-table.entry_bits
        assert found == approximation(table, np.array([x]))[0]
        wanted = FUNCTIONS[function](x * unit)
        allowed = table.error
        allowed = max(allowed, table.low_error) if x < table.first else allowed
        allowed = max(allowed, table.high_error) if x > table.last else allowed
        assert abs(found - wanted) <= allowed * (1 + 1e-9) + 1e-15  # float64 itself


@pytest.mark.parametrize(
    ("function", "argument", "value"),
    [("exp", 0, 1), ("tanh", 0, 0), ("sigmoid", 0, 0.5), ("exp", 1, math.e), ("tanh", 3, 0.99505)],
)
def test_entries_are_exact(function: str, argument: float, value: float) -> None:
    table = tabulate(function, -(8 << 12), 8 << 12, 12, Q8_8)
    found = approximation(table, np.array([round(argument * 2**12)]))[0]
    assert abs(found - value) <= 2.0 ** -(Q8_8.constant_fraction_bits + 1) + 1e-5 * (argument == 3)


@given(functions, st.integers(-(2**16), 2**16), st.integers(0, 2**12))
def test_a_table_never_falls(function: str, x: int, step: int) -> None:
    """The functions increase; so must their tables, beyond the ends too."""
    table = tabulate(function, -(2**16), 2**16, 12, Q8_8)
    assert by_hand(table, x) <= by_hand(table, x + step)


def test_twice_the_segments_have_a_quarter_of_the_error() -> None:
    coarse, fine = (
        tabulate("tanh", -(4 << 12), 4 << 12, 12, FixedPoint(QFormat(8, 8), table_bits=bits))
        for bits in (4, 5)
    )
    assert len(fine.entries) - 1 == 2 * (len(coarse.entries) - 1)
    assert fine.error == pytest.approx(coarse.error / 4, rel=0.15)


def test_the_range_of_the_argument_bounds_the_table() -> None:
    """exp(min(…, 2)) of ExpIF needs no entries beyond e^2."""
    (table,) = lower(find_neuron("ExpIF"), Q8_8).tables
    unit = 2.0 ** (table.segment_bits - table.argument_bits)
    assert table.entries[-1] <= round(math.exp(2 + unit) * 2**15)
    assert table.high_error == 0 or table.high_error <= table.error


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("scale", ["1", "0.25", "3"])
def test_the_program_computes_the_rule(function: str, scale: str) -> None:
    text = f"neuron N\nstate v = 0\nupdate v = 16*{function}({scale}*v)\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    (table,) = program.tables
    v = np.concatenate([np.arange(-3000, 3000, 7), [-32768, 32767]])
    inputs = {"v": v, "current": np.array(0)}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    for x, result in zip(v.tolist(), found.tolist(), strict=True):
        argument = math.floor(Fraction(scale) * x * Fraction(2**table.argument_bits, 256))
        value = Fraction(16 * by_hand(table, argument), 2**table.entry_bits)
        assert result == min(32767, max(-32768, math.floor(value * 256)))


def test_one_value_everywhere_is_a_constant() -> None:
    text = "neuron N\nstate v = 0\nupdate v = v + tanh(max(v, 0) + 100) + I\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    inputs = {"v": np.array([0, 256]), "current": np.array(0)}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))
    assert np.abs(found["v_next"] - np.array([256, 512])).max() <= 1


def test_arguments_may_have_more_bits_than_a_machine_word() -> None:
    text = "neuron N\nstate v = 0\nupdate v = I + tanh(v**5)\nspike v >= 1"
    program = lower(parse_neuron(text), FixedPoint(QFormat(16, 16)))
    (table,) = program.tables
    argument = max(node.high for node in program.program.nodes)
    assert argument.bit_length() > 63
    assert table.high_error <= 2**-15  # tanh has come to its end long before
    inputs = {"v": np.array([7 << 16]), "current": np.array([0])}
    (result,) = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    assert abs(int(result) - 65536) <= 2
