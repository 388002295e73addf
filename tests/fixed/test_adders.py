"""Products with constants as shifts and adders: the same integers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import CATALOGUE, find_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, NumpyIntegers, QFormat, evaluate, lower
from sc_neurocore.fixed.adders import adders, multiplied
from sc_neurocore.fixed.program import Port, Program, ProgramBuilder


@given(st.integers(-(2**46), 2**46).filter(bool), st.lists(st.integers(-(2**15), 2**15 - 1)))
def test_a_product_is_a_product(constant: int, values: list[int]) -> None:
    builder = ProgramBuilder()
    operand = builder.input(-(2**15), 2**15 - 1, 8)
    node = multiplied(builder, operand, constant, 8)
    low, high = sorted((-(2**15) * constant, (2**15 - 1) * constant))
    assert (builder.nodes[node].low, builder.nodes[node].high) == (low, high)
    assert "*" not in {each.operator for each in builder.nodes}
    sums = [each for each in builder.nodes if each.operator in ("+", "-", "neg")]
    assert len(sums) <= adders(constant)
    ports = ((Port("x", 16, 8), operand),), ((Port("y", 64, 8), node),)
    program = Program(tuple(builder.nodes), tuple(builder.statements), *ports)
    x = np.array([*values, -(2**15), 2**15 - 1, 0, 1, -1])
    found = evaluate(program, {"x": x}, NumpyIntegers(program))["y"]
    assert found.tolist() == [int(value) * constant for value in x]


@pytest.mark.parametrize(
    ("constant", "count"),
    [(1, 0), (64, 0), (3, 1), (15, 1), (-8, 1), (17, 1), (45, 2), (255, 1), (105, 2), (29491, 4)],
)
def test_few_adders_are_enough(constant: int, count: int) -> None:
    assert adders(constant) <= count


@pytest.mark.parametrize("name", CATALOGUE)
def test_both_ways_to_multiply_give_the_same_step(name: str) -> None:
    ways = [
        lower(find_neuron(name), FixedPoint(QFormat(8, 8), multipliers=way))
        for way in ("products", "adders")
    ]
    random = np.random.default_rng(0)
    inputs = {
        port.name: random.integers(-(1 << (port.width - 1)), 1 << (port.width - 1), 2000)
        for port in ways[0].inputs
    }
    one, other = (evaluate(way.program, inputs, NumpyIntegers(way.program)) for way in ways)
    for port in one:
        np.testing.assert_array_equal(one[port], other[port])
    assert ways[0].program.overflows == ways[1].program.overflows


def test_there_are_two_ways() -> None:
    with pytest.raises(UserError, match="multipliers='shifts': expected products or adders"):
        FixedPoint(QFormat(8, 8), multipliers="shifts")  # type: ignore[arg-type]
