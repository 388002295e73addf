"""The fixed-point rule against an oracle: exact fractions, rounded as docs/integers.md says."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sc_neurocore.equation import (
    LIF,
    Constant,
    Expression,
    Neuron,
    Operation,
    Symbol,
    parse_expression,
    parse_neuron,
)
from sc_neurocore.equation.expression import operation
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed import (
    BitVectors,
    FixedPoint,
    NumpyIntegers,
    ParameterPort,
    QFormat,
    evaluate,
    lower,
)

Q8_8 = FixedPoint(QFormat(8, 8))
CONSTANT_UNIT = Fraction(1, 2**15)


def rounded_constant(value: float) -> Fraction:
    return round(Fraction(value) / CONSTANT_UNIT) * CONSTANT_UNIT


def stored(value: Fraction, form: QFormat) -> int:
    """Round to the format's unit, saturate or wrap."""
    half = Fraction(1, 2) if form.rounding == "nearest" else 0
    integer = math.floor(value * 2**form.fraction_bits + half)
    if form.overflow == "wrap":
        return (integer - form.minimum) % 2**form.width + form.minimum
    return max(form.minimum, min(form.maximum, integer))


def exact(expression: Expression, values: dict[str, Fraction]) -> Fraction | float:
    """Exact arithmetic on rationals; constant parts are floats until they meet an input."""
    match expression:
        case Constant(value):
            return value
        case Symbol(name):
            return values[name]
        case Operation(operator, operands):
            parts = [exact(operand, values) for operand in operands]
    if not all(isinstance(part, float) for part in parts):
        parts = [rounded_constant(p) if isinstance(p, float) else p for p in parts]
    meaning = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a - b,
        "*": lambda a, b: a * b,
        "neg": lambda a: -a,
        "abs": abs,
        "min": min,
        "max": max,
        ">=": lambda a, b: a >= b,
        "<": lambda a, b: a < b,
        "select": lambda c, a, b: a if c else b,
    }
    return meaning[operator](*parts)


constants = st.floats(-100, 100).filter(lambda x: x == 0 or abs(x) > 1e-3).map(Constant)
leaves = st.one_of(st.sampled_from(["v", "I"]).map(Symbol), constants)


def _grow(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    return st.one_of(
        st.builds(operation, st.sampled_from(["+", "-", "min", "max"]), children, children),
        st.builds(operation, st.just("*"), children, leaves),
        st.builds(operation, st.sampled_from(["neg", "abs"]), children),
        st.builds(
            lambda op, a, b, c: operation("select", operation(op, Symbol("v"), a), b, c),
            st.sampled_from([">=", "<"]),
            children,
            children,
            children,
        ),
    )


expressions = st.recursive(leaves, _grow, max_leaves=6)
tabulated = st.builds(operation, st.sampled_from(["exp", "tanh", "sigmoid"]), expressions)
every_format = st.sampled_from(
    [
        FixedPoint(QFormat.parse(f"{sign}Q8.8:{rounding}:{overflow}"))
        for sign in ("", "U")
        for rounding in ("floor", "nearest")
        for overflow in ("saturate", "wrap")
    ]
)
state_values = st.integers(-32768, 32767)
current_values = st.integers(-(2**19), 2**19 - 1)


def neuron_with(value: Expression) -> Neuron:
    return parse_neuron(f"neuron N\nstate v = 0\nupdate v = {value}\nspike v >= 1")


@settings(max_examples=300)
@given(every_format, expressions, state_values, current_values)
def test_an_assignment_rounds_and_saturates_once(
    formats: FixedPoint, expression: Expression, v: int, current: int
) -> None:
    try:
        program = lower(neuron_with(expression), formats)
    except EquationError as error:
        assert "would round to 0" in str(error)  # a constant part cancelled almost, not quite
        return
    state, inputs = formats.state, {"v": np.array(v), "current": np.array(current)}
    inputs["v"] = np.array(v if state.signed else v + 32768)
    found = evaluate(program.program, inputs, NumpyIntegers(program.program))
    numbers = {"v": Fraction(int(inputs["v"]), 256), "I": Fraction(current, 256)}
    expected = exact(expression, numbers)
    if isinstance(expected, float):
        expected = rounded_constant(expected)
    assert int(found["v_next"]) == stored(expected, state)


@settings(max_examples=60, deadline=None)
@given(every_format, st.one_of(expressions, tabulated), state_values, current_values)
def test_bit_vectors_compute_what_integers_compute(
    formats: FixedPoint, expression: Expression, v: int, current: int
) -> None:
    z3 = pytest.importorskip("z3", reason="z3 comes with the fpga extra")
    try:
        program = lower(neuron_with(expression), formats)
    except UserError:
        return
    unsigned = not formats.state.signed
    v += 32768 * unsigned
    integers = {"v": np.array(v), "current": np.array(current)}
    vectors = {"v": z3.BitVecVal(v, 16 + unsigned), "current": z3.BitVecVal(current, 20)}
    by_numpy = evaluate(program.program, integers, NumpyIntegers(program.program))
    by_z3 = evaluate(program.program, vectors, BitVectors())
    assert z3.simplify(by_z3["v_next"]).as_signed_long() == int(by_numpy["v_next"])
    assert z3.is_true(z3.simplify(by_z3["spike"])) == bool(by_numpy["spike"])


@given(
    st.one_of(expressions, tabulated),
    st.lists(st.tuples(state_values, current_values), min_size=1, max_size=20),
)
def test_every_node_stays_in_its_interval(
    expression: Expression, samples: list[tuple[int, int]]
) -> None:
    """What the widths rest on. The corners of the input ranges are always among the samples."""
    try:
        program = lower(neuron_with(expression), Q8_8).program
    except UserError:
        return
    corners = [(v, i) for v in (-32768, 0, 32767) for i in (-(2**19), 0, 2**19 - 1)]
    v, current = np.array(samples + corners).T
    seen: list[int] = []

    def watch(index: int, value: np.ndarray) -> np.ndarray:
        seen.append(index)
        node = program.nodes[index]
        assert (value >= node.low).all() and (value <= node.high).all()
        return value

    evaluate(program, {"v": v, "current": current}, NumpyIntegers(program), watch)
    assert seen


def lif(v: int, current: int, beta: int = 29491, threshold: int = 32768) -> tuple[int, int]:
    """The LIF step written by hand from docs/integers.md, in plain Python integers."""
    updated = (beta * v + (current << 15)) >> 15
    updated = max(-32768, min(32767, updated))
    if (updated << 7) < threshold:
        return 0, updated
    return 1, max(-32768, ((updated << 7) - threshold) >> 7)


def test_lif_against_the_rule_written_by_hand() -> None:
    rng = np.random.default_rng(0)
    v = np.concatenate([rng.integers(-32768, 32768, 5000), [-32768, 32767, 255, 256, 0, -1]])
    current = np.concatenate(
        [rng.integers(-(2**19), 2**19, 5000), [-(2**19), 2**19 - 1, 0, 0, 256, 0]]
    )
    for values, ports in (
        ({}, ()),
        ({}, (ParameterPort("beta", 16), ParameterPort("threshold", 17))),
    ):
        program = lower(LIF, Q8_8, values, ports)
        inputs = {"v": v, "current": current, "beta": np.array(29491), "threshold": np.array(32768)}
        found = evaluate(program.program, inputs, NumpyIntegers(program.program))
        expected = [lif(int(a), int(b)) for a, b in zip(v, current, strict=True)]
        np.testing.assert_array_equal(found["spike"], [spike for spike, _ in expected])
        np.testing.assert_array_equal(found["v_next"], [state for _, state in expected])


def test_constants_are_folded_in_floats_and_rounded_once() -> None:
    """(1 - beta) with beta = 0.9 is round(0.1 * 2^15), not 2^15 - round(0.9 * 2^15)."""
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nparameter beta = 0.90001\nupdate v = (1 - beta)*I\nspike v >= 1"
    )
    program = lower(neuron, Q8_8).program
    constants = [node.amount for node in program.nodes if node.operator == "constant"]
    assert round((1 - 0.90001) * 2**15) in [c * 2**k for c in constants for k in range(15)]


def test_powers_of_two_need_no_multiplier() -> None:
    neuron = neuron_with(parse_expression("v*0.5 + I/4"))
    assert "*" not in {node.operator for node in lower(neuron, Q8_8).program.nodes}


def test_locals_have_the_format_of_the_current() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nupdate local x = 16*v\nupdate v = x/16\nspike v >= 1"
    )
    program = lower(neuron, Q8_8).program
    inputs = {"v": np.array([32767, -32768, 77]), "current": np.array(0)}
    found = evaluate(program, inputs, NumpyIntegers(program))
    np.testing.assert_array_equal(found["v_next"], [32767, -32768, 77])


def test_the_spike_counts_as_a_number_afterwards() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nstate a = 0\nupdate v = v + I\nspike v >= 1\nreset v = 0\n"
        "after a = 0.5*a + s"
    )
    program = lower(neuron, Q8_8).program
    inputs = {"v": np.array([0, 0]), "a": np.array([256, 256]), "current": np.array([300, 200])}
    found = evaluate(program, inputs, NumpyIntegers(program))
    np.testing.assert_array_equal(found["a_next"], [384, 128])
    np.testing.assert_array_equal(found["v_next"], [0, 200])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("v = I/v", "N, in 'v = I/v': 1/v has no finite value where v is about 0"),
        ("v = I/0", "division by zero"),
        ("v = 1e-9*v", "would round to 0 with 15 fraction bits"),
        ("v = 1e12*v", "does not fit"),
    ],
)
def test_what_integers_do_not_have(line: str, message: str) -> None:
    neuron = parse_neuron(f"neuron N\nstate v = 0\nupdate {line}\nspike v >= 1")
    with pytest.raises(EquationError, match=message):
        lower(neuron, Q8_8)


def test_a_condition_without_inputs_is_refused() -> None:
    with pytest.raises(EquationError, match="firing condition does not depend"):
        lower(parse_neuron("neuron N\nstate v = 0\nspike 1 >= 2"), Q8_8)


@given(st.lists(state_values, min_size=1, max_size=10))
def test_what_64_bits_do_not_hold_is_computed_in_longer_integers(values: list[int]) -> None:
    program = lower(neuron_with(parse_expression("v*v*v*v*v - I")), Q8_8).program
    assert program.width > 63
    inputs = {"v": np.array(values), "current": np.array(77)}
    found = evaluate(program, inputs, NumpyIntegers(program))
    expected = [stored(Fraction(v, 256) ** 5 - Fraction(77, 256), Q8_8.state) for v in values]
    assert found["v_next"].tolist() == expected
    assert found["v_next"].dtype == np.int64


@pytest.mark.parametrize("name", ["current", "spike", "w_next"])
def test_names_of_the_ports_are_taken(name: str) -> None:
    neuron = parse_neuron(f"neuron N\nstate {name} = 0\nupdate {name} = I\nspike {name} >= 1")
    with pytest.raises(EquationError, match=f"the name '{name}' is taken"):
        lower(neuron, Q8_8)


def test_an_initial_state_outside_the_format_is_refused() -> None:
    neuron = parse_neuron("neuron N\nstate v = -200\nupdate v = I\nspike v >= 1")
    with pytest.raises(EquationError, match=r"state v = -200 lies outside Q8.8"):
        lower(neuron, Q8_8)


def test_a_constant_that_saturates_stays_a_constant() -> None:
    neuron = parse_neuron(
        "neuron N\nstate v = 0\nupdate local x = 5000\nupdate v = v + I - x/4000\n"
        "spike v >= 1\nreset v = 200"
    )
    program = lower(neuron, Q8_8).program
    inputs = {"v": np.array([0]), "current": np.array([600])}
    found = evaluate(program, inputs, NumpyIntegers(program))
    assert found["v_next"].tolist() == [32767]


def test_a_result_that_no_hardware_would_hold_is_refused() -> None:
    text = "neuron N\nstate v = 0\nupdate v = I + (v**8)**8\nspike v >= 1"
    with pytest.raises(EquationError, match=r"v = .*: an intermediate result needs \d+ bits"):
        lower(parse_neuron(text), FixedPoint(QFormat(22, 22)))
