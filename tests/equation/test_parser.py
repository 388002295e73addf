import ast
import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import (
    LIF,
    ArrayAlgebra,
    Constant,
    Expression,
    Operation,
    Symbol,
    evaluate,
    format_expression,
    parse_assignment,
    parse_expression,
    parse_neuron,
)
from sc_neurocore.equation.expression import OPERATORS, operation
from sc_neurocore.equation.neuron import RESERVED_NAMES
from sc_neurocore.errors import EquationError

names = st.sampled_from(["v", "w", "beta", "tau_m", "I", "x1"])
numbers = st.one_of(
    st.integers(-1000, 1000).map(float),
    st.floats(-1e6, 1e6, allow_nan=False, allow_infinity=False),
)
leaves = st.one_of(names.map(Symbol), numbers.map(Constant))


def _operations(children: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    binary = st.sampled_from(["+", "-", "*", "/", "min", "max"])
    unary = st.sampled_from(["neg", "abs", "exp", "tanh", "sigmoid"])
    comparison = st.sampled_from([">=", ">", "<=", "<"])
    return st.one_of(
        st.builds(operation, binary, children, children),
        st.builds(operation, unary, children),
        st.builds(
            lambda op, a, b, c, d: operation("select", operation(op, a, b), c, d),
            comparison,
            children,
            children,
            children,
            children,
        ),
    )


expressions = st.recursive(leaves, _operations, max_leaves=20)


@given(expressions)
def test_text_and_graph_are_inverse(expression: Expression) -> None:
    assert parse_expression(format_expression(expression)) == expression


arithmetic = st.recursive(
    leaves,
    lambda children: st.builds(
        operation, st.sampled_from(["+", "-", "*", "/"]), children, children
    ),
    max_leaves=12,
)


@given(arithmetic)
def test_text_means_to_python_what_it_means_to_us(expression: Expression) -> None:
    """Python's own reading of the text is the oracle for precedence and associativity."""
    values = {"v": 0.5, "w": -3.0, "beta": 0.9, "tau_m": 20.0, "I": 1.25, "x1": 7.0}
    text = format_expression(expression)
    try:
        expected = eval(compile(ast.parse(text, mode="eval"), "oracle", "eval"), dict(values))
    except (ZeroDivisionError, OverflowError):
        return
    assert evaluate(expression, values, ArrayAlgebra()) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2**3", "2*2*2"),
        ("v**2", "v*v"),
        ("a - (b - c)", "a - (b - c)"),
        ("(a - b) - c", "a - b - c"),
        ("-(a + b)*c", "-(a + b)*c"),
        ("a/(b*c)", "a/(b*c)"),
        (" 1e-3 ", "0.001"),
        ("--1", "1"),
        ("+v", "v"),
    ],
)
def test_minimal_parentheses(text: str, expected: str) -> None:
    assert format_expression(parse_expression(text)) == expected


def test_pi_is_a_constant() -> None:
    assert parse_expression("pi") == Constant(math.pi)


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("beta*v + ", "not an expression", 8),
        ("v + __import__('os')", "unexpected character", 15),
        ("v + a.b", "not part of the equation language", 4),
        ("1 + foo(v)", "unknown function 'foo'; known: abs, min, max", 4),
        ("v[0]", "unexpected character '['", 1),
        ("a < b < c", "not part of the equation language", 0),
        ("1 + (v >= 1)", "+: operand 2 is a comparison, not a number", 0),
        ("select(v, 1, 2)", "operand 1 is a number, not a comparison", 0),
        ("min(v)", "min takes 2 operands, not 1", 0),
        ("v**(1 > 0)", "operand 2 is a comparison", 0),
        ("1 + (((v**8)**8)**8)**8", "too large once it is written out", 5),
        ("3 + 0x10", "'0x10' is not a decimal number", 4),
        ("1_000", "'1_000' is not a decimal number", 0),
        ("1e999", "must be finite", 0),
        ("v == 1", "not part of the equation language", 0),
        ("lambda", "the name 'lambda' is reserved; choose another one, such as lambda_", 0),
        ("v + 2*is", "the name 'is' is reserved", 6),
        ("in + v", "the name 'in' is reserved", 0),
        ("exp(class)", "the name 'class' is reserved", 4),
        ("True", "the name 'True' is reserved", 0),
        ("a if b else c", "there is no 'if' here; use select(condition, a, b)", 2),
        ("select(v > 1 and w > 1, 1, 0)", "there is no 'and' here; use select", 13),
        ("", "found nothing", 0),
    ],
)
def test_error_shows_the_line_and_a_caret(text: str, message: str, column: int) -> None:
    with pytest.raises(EquationError) as caught:
        parse_expression(text)
    head, line, caret = str(caught.value).split("\n")
    assert message in head
    assert line == f"    {text}"
    assert caret.index("^") - 4 == column


@pytest.mark.parametrize("text", ["-" * 900 + "v", "(" * 41 + "v" + ")" * 41, "v+" * 400 + "v"])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(EquationError, match="nested"):
        parse_expression(text)


def test_long_text_is_refused() -> None:
    with pytest.raises(EquationError, match="1001 characters"):
        parse_expression("v" * 1001)


@given(st.text(max_size=60))
def test_any_text_gives_a_graph_or_our_error(text: str) -> None:
    try:
        expression = parse_expression(text)
    except EquationError:
        return
    assert parse_expression(format_expression(expression)) == expression


fragments = st.lists(
    st.sampled_from(
        [*OPERATORS, "(", ")", ",", "v", "1", ".", "e", "**", "=", "select", " ", "in"]
    ),
    max_size=25,
).map("".join)


@given(fragments)
def test_almost_equations_give_a_graph_or_our_error(text: str) -> None:
    with contextlib.suppress(EquationError):
        parse_expression(text)


def test_assignment() -> None:
    line = parse_assignment("local dv = I - v")
    assert (line.target, line.is_local, str(line)) == ("dv", True, "local dv = I - v")
    assert isinstance(line.value, Operation)


def test_assignment_without_target_points_at_the_line() -> None:
    with pytest.raises(EquationError, match="expected an assignment"):
        parse_assignment("v == 2")


def test_neuron_text_round_trip() -> None:
    assert parse_neuron(str(LIF)) == LIF


IZHIKEVICH = """
neuron Izhikevich        # two states and two reset lines
state v = -65
state u = -13
parameter a = 0.02
parameter d = 8 in (0, inf)
update local dv = 0.04*v**2 + 5*v + 140 - u + I
update v = v + dv
update u = u + a*(0.2*v - u)
spike v >= 30
reset v = -65
reset u = u + d
after u = u - s/8
"""


def test_every_kind_of_line() -> None:
    neuron = parse_neuron(IZHIKEVICH)
    assert dict(neuron.states) == {"v": -65, "u": -13}
    assert [line.target for line in neuron.reset] == ["v", "u"]
    assert neuron.parameters["d"].low == 0
    assert neuron.parameters["a"].high == math.inf
    assert parse_neuron(str(neuron)) == neuron


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("update v = beta*(v + I", r"line 3: .*not an expression"),
        ("updat v = I", r"line 3: .*'updat'; expected one of: neuron, state"),
        ("update v = gamma*v", r"unknown name 'gamma'; known: I, v"),
        ("update w = v", r"'w' is not a state of A \(states: v\)"),
        ("state v = 1", r"line 3: 'v' is declared twice"),
        ("state w = one", r"line 3: unknown name 'one'; known: none"),
        ("parameter p", r"line 3: expected something like: parameter beta"),
        ("parameter p = 2 in (0, 1)", r"p = 2.0: the parameter must lie in \(0, 1\)"),
        ("spike v", r"expected a comparison"),
        ("reset local x = 1", r"locals belong to the update lines"),
        ("update v = s", r"unknown name 's'"),
        *(
            (line, r"line 3: the name '(s|lambda|class|is|in|yield|exp)' is reserved")
            for line in (
                "state s = 0",
                "state lambda = 0",
                "parameter class = 1",
                "parameter in = 1 in (0, 2)",
                "input is",
                "update lambda = v",
                "update local yield = v",
                "update v = lambda*v",
                "dlambda/dt = v",
                "dv/dt = v - is",
                "reset exp = v",
                "after v = v + class",
                "spike lambda >= 1",
            )
        ),
        ("update v = (v >= 1)", r"a comparison is not a number"),
    ],
)
def test_neuron_errors_name_the_line_or_the_name(line: str, message: str) -> None:
    spike = "" if line.startswith("spike") else "\nspike v >= 1"
    with pytest.raises(EquationError, match=message):
        parse_neuron(f"neuron A\nstate v = 0\n{line}{spike}")


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES))
def test_no_reserved_name_can_be_declared_and_the_suggested_one_can(name: str) -> None:
    with pytest.raises(EquationError, match="is reserved; choose another one") as caught:
        parse_neuron(f"neuron {name}\nstate v = 0\nspike v >= 1")
    assert str(caught.value).endswith(" " * 11 + "^")
    assert parse_neuron(f"neuron {name}_\nstate {name}_ = 0\nspike {name}_ >= 1").name == f"{name}_"


def test_missing_lines_are_named() -> None:
    with pytest.raises(EquationError, match="no 'spike CONDITION' line"):
        parse_neuron("neuron A\nstate v = 0")
    with pytest.raises(EquationError, match="no 'neuron NAME' line"):
        parse_neuron("state v = 0\nspike v >= 1")


DERIVED = """neuron N
parameter C = 281
parameter g_L = 30
parameter tau = C/g_L
parameter E_L = -70.6
parameter slow = 2*tau
parameter third = 1/3 in (0, 1)
state v = E_L + 3/6
spike v >= slow
reset v = v - tau
update v = v + I/tau
"""


def test_parameters_and_first_values_are_expressions_of_parameters() -> None:
    neuron = parse_neuron(DERIVED)
    assert set(neuron.parameters) == {"C", "g_L", "E_L", "third"}
    assert neuron.parameters["third"].default == 1 / 3
    assert neuron.states == {"v": -70.6 + 0.5}
    # They follow the parameters that they are made of.
    assert [str(line) for line in (*neuron.update, *neuron.reset)] == [
        "v = v + I/(C/g_L)",
        "v = v - C/g_L",
    ]
    assert str(neuron.spike) == "v >= 2*(C/g_L)"
    assert parse_neuron(str(neuron)) == neuron


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("parameter g = h/2", "line 2: unknown name 'h'; known: C"),
        ("parameter g = C/0", "g = inf with the parameters' defaults"),
        ("parameter g = 2*C in (0, 1)", "'g' follows from other parameters: give them intervals"),
        ("state g = v", "unknown name 'v'"),
        ("parameter C = 2", "'C' is declared twice"),
        ("parameter g = C/2\nparameter g = 1", "'g' is declared twice"),
        ("parameter v = C/2", "the name 'v' is declared twice"),
        ("parameter g = C/2\nupdate g = v", "the name 'g' is declared twice"),
        ("parameter g = (C", "this is not an expression"),
        (
            "input I\ninput J",
            "a line starts with 'input' (already given above: write 'input I, J' for both)",
        ),
    ],
)
def test_what_a_derived_parameter_cannot_be(line: str, message: str) -> None:
    text = f"parameter C = 1\n{line}\nneuron N\nstate v = 0\nspike v >= 1"
    with pytest.raises(EquationError) as caught:
        parse_neuron(text)
    assert message in str(caught.value)


@pytest.mark.parametrize("line", ["a{0} + a{0}", "-(" * 38 + "a{0}" + ")" * 38])
def test_definitions_of_definitions_do_not_explode(line: str) -> None:
    lines = [f"parameter a{i + 1} = {line.format(i)}" for i in range(190)]
    text = "\n".join(["neuron N", "state v = 0", "parameter a0 = 1", *lines, "spike v >= a190"])
    with pytest.raises(EquationError, match="too large once the parameters' expressions"):
        parse_neuron(text)
