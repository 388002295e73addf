"""Tables of exp, tanh and sigmoid: their error is what they say, in every interpretation."""

import math
import re
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import find_neuron, parse_neuron
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, QFormat, evaluate, lower
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.numerics import refuse
from sc_neurocore.fixed.tables import PiecewiseLinear, approximation, tabulate

Q8_8 = FixedPoint(QFormat(8, 8))
FUNCTIONS = {
    "exp": lambda x: math.exp(min(x, 700.0)),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(min(-x, 700.0))),
}
functions = st.sampled_from(sorted(FUNCTIONS))


def by_hand(table: PiecewiseLinear, x: int) -> int:
    """The rule of docs/integers.md in plain Python integers."""
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
    try:
        table = tabulate(function, low, high, bits, formats)
    except EquationError:
        assert function == "exp" and low * 2.0**-bits > 700  # which floats do not hold
        return
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


@pytest.mark.parametrize("high", [1 << 44, (1 << 63) - 1, 1 << 63, 1 << 68, 1 << 90])
def test_arguments_and_entries_may_have_more_than_63_bits(high: int) -> None:
    formats = FixedPoint(QFormat(22, 22))
    table = tabulate("sqrt", 0, high, 26, formats)
    for x in (0, 1, high // 5, high // 2 + 12345, high):
        found = by_hand(table, x) * 2.0**-table.entry_bits
        for kind in (object, np.int64) if x < 1 << 63 else (object,):
            assert found == approximation(table, np.array([x], kind))[0]
        allowed = max(table.error, table.high_error if x > table.last else 0)
        assert abs(found - math.sqrt(x * 2.0**-26)) <= allowed * (1 + 1e-9)


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
    """What depends on v alone is one table: not only the function, its factors too."""
    text = f"neuron N\nstate v = 0\nupdate v = 16*{function}({scale}*v)\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    (table,) = program.tables
    v = np.concatenate([np.arange(-3000, 3000, 7), [-32768, 32767]])
    inputs = {"v": v, "current": np.array(0)}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    assert table.argument_bits == 8
    assert table.written == f"16*{function}({scale}*v)"
    for x, result in zip(v.tolist(), found.tolist(), strict=True):
        value = Fraction(by_hand(table, x), 2**table.entry_bits)
        assert result == min(32767, max(-32768, math.floor(value * 256)))
        wanted = 16 * FUNCTIONS[function](float(scale) * x / 256)
        if table.first <= x <= table.last:
            assert abs(value - wanted) <= table.error * (1 + 1e-9)


def test_what_depends_on_several_things_is_rounded_before_its_table() -> None:
    text = "neuron N\nstate v = 0\nupdate v = exp(0.25*min(v, I))\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    (table,) = program.tables
    v = np.arange(-3000, 3000, 7)
    inputs = {"v": v, "current": v // 2}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    for x, result in zip(np.minimum(v, v // 2).tolist(), found.tolist(), strict=True):
        assert result == min(32767, by_hand(table, x) >> (table.entry_bits - 8))


HODGKIN_HUXLEY_RATE = "0.1*(v + 40)/(1 - exp(-(v + 40)/10))"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (
            HODGKIN_HUXLEY_RATE,
            lambda v: 1 if v == -40 else 0.1 * (v + 40) / (1 - np.exp(-v / 10 - 4)),
        ),
        ("1/(1 + exp(-(v + 35)/10))", lambda v: 1 / (1 + np.exp(-(v + 35) / 10))),
        ("sqrt(v + 140)", lambda v: np.sqrt(v + 140)),
        ("4*log(v + 130)", lambda v: 4 * np.log(v + 130)),
        ("8*sin(v/16)", lambda v: 8 * np.sin(v / 16)),
        ("8*cos(v/16)", lambda v: 8 * np.cos(v / 16)),
        ("exprel(v/32)", lambda v: 1 if v == 0 else np.expm1(v / 32) / (v / 32)),
        ("cosh(v/32)", lambda v: np.cosh(v / 32)),
        ("(1/(1 + exp(-v/8)))**0.25", lambda v: (1 / (1 + np.exp(-v / 8))) ** 0.25),
        ("100/(v + 150)", lambda v: 100 / (v + 150)),
    ],
)  # fmt: skip
def test_functions_are_tables_with_the_error_that_they_state(text: str, meant: Any) -> None:
    neuron = parse_neuron(
        f"neuron N\nstate v = 0\nupdate local y = {text}\nupdate v = y\nspike v >= 1"
    )
    formats = FixedPoint(QFormat(9, 16), table_bits=9)
    program = lower(neuron, FixedPoint.parse("Q8.16:tables=9"))
    (table,) = program.tables
    v = np.linspace(table.first, table.last, 5000).astype(np.int64)
    v = v[(v >= -(2**23)) & (v < 2**23)]
    inputs = {"v": v, "current": np.array(0)}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    wanted = np.clip([meant(x) for x in v / 2.0**16], -128, 128)
    assert np.abs(found / 2.0**16 - wanted).max() <= table.error * 1.01 + 2.0**-15
    assert table.error < 0.05
    assert formats.table_bits == table_bits_of(table)


def table_bits_of(table: PiecewiseLinear) -> int:
    return max(9, (len(table.entries) - 2).bit_length())


def test_a_sum_with_a_polynomial_keeps_it_exact() -> None:
    """V + exp(v) is no table of v + exp(v), which would lose v beyond the ends of exp's."""
    text = "neuron N\nstate v = 0\nupdate v = 0.5*(exp(-abs(v)) - v + exp(v))\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    assert [table.written for table in program.tables] == ["exp(-abs(v))", "exp"]
    text = "neuron N\nstate v = 0\nupdate v = 0.5*(v + exp(v))\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    inputs = {"v": np.array([-100 * 256]), "current": np.array(0)}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    assert found.tolist() == [-50 * 256]


def test_locals_are_written_into_larger_tables() -> None:
    text = """
        neuron N
        state v = 0
        update local a = exp(v/10)
        update local b = 4*exp(-v/10)
        update local m = a/(a + b)
        update v = min(m, b)
        spike v >= 1
    """
    tables = [table.written for table in lower(parse_neuron(text), Q8_8).tables]
    assert tables == ["exp(v/10)/(exp(v/10) + 4*exp(-v/10))", "4*exp(-v/10)"]


@pytest.mark.parametrize("line", ["v = I/v", "v = log(v*0) + v", "v = 1/(v - 3)"])
def test_what_has_no_value_is_refused_by_line(line: str) -> None:
    neuron = parse_neuron(f"neuron N\nstate v = 0\nupdate {line}\nspike v >= 1")
    with pytest.raises(EquationError, match=f"N, in '{re.escape(line)}': .*no "):
        lower(neuron, Q8_8)


def test_a_chosen_range_is_what_the_table_covers() -> None:
    neuron = parse_neuron("neuron N\nstate v = 0\nupdate v = I + 1/(v - 3)\nspike v >= 1")
    formats = FixedPoint.parse("Q8.8:range 4.0..20.0=v")
    (table,) = lower(neuron, formats).tables
    assert (table.first, table.last) == (4 * 256, 20 * 256 - 1)
    assert FixedPoint.parse(str(formats)) == formats


def test_a_range_that_no_table_covers_is_refused() -> None:
    neuron = parse_neuron("neuron N\nstate v = 0\nupdate v = I + exp(v/8)\nspike v >= 1")
    typo = lower(neuron, FixedPoint.parse("Q8.8:range -9.0..4.0=vv"))
    findings = [each for each in judge_program(typo).findings if each.kind == "table"]
    assert [each.severity for each in findings] == ["error"]
    with pytest.raises(UserError, match=r"no table is over vv, .* -9 to 4; expected one of: v"):
        refuse(findings)
    with pytest.raises(EquationError, match=r"from 200 to 300 lies beside what v can be, -128 to"):
        lower(neuron, FixedPoint.parse("Q8.8:range 200.0..300.0=v"))
    with pytest.raises(UserError, match="two ranges for the tables over v"):
        FixedPoint.parse("Q8.8:range 0.0..3.0=v:range 0.0..5.0=v")


def test_one_value_everywhere_is_a_constant() -> None:
    text = "neuron N\nstate v = 0\nupdate v = v + tanh(max(v, 0) + 100) + I\nspike v >= 1"
    program = lower(parse_neuron(text), Q8_8)
    inputs = {"v": np.array([0, 256]), "current": np.array(0)}
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))
    assert np.abs(found["v_next"] - np.array([256, 512])).max() <= 1


def test_arguments_may_have_more_bits_than_a_machine_word() -> None:
    text = "neuron N\nstate v = 0\nupdate v = I + tanh(abs(v)**5*I)\nspike v >= 1"
    program = lower(parse_neuron(text), FixedPoint(QFormat(16, 16)))
    (table,) = program.tables
    argument = max(node.high for node in program.program.nodes)
    assert argument.bit_length() > 63
    assert table.high_error <= 2**-15  # tanh has come to its end long before
    inputs = {"v": np.array([7 << 16]), "current": np.array([1 << 16])}
    (result,) = evaluate(program.program, inputs, NumpyIntegers(program.program))["v_next"]
    assert abs(int(result) - 2 * 65536) <= 2
