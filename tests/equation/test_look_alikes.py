"""Characters that look like others, or like nothing: refused by name, wherever text is read."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.equation import LIF, parse_neuron
from sc_neurocore.equation.syntax import parse_assignment, parse_expression
from sc_neurocore.errors import EquationError, UserError
from sc_neurocore.fixed import QFormat

TEXT = str(LIF)
DIGITS = [
    character
    for character in map(chr, range(0x80, 0x11000))
    if unicodedata.category(character) in ("Nd", "No", "Nl")
]
LETTERS = [
    "\uff56",
    "\u0432",
    "\u03bd",
    "\U0001d463",
    "v\u0301",
]  # full-width, Cyrillic, Greek v, ...
BLANKS = ["\xa0", "\u2003", "\u3000", "\u200b", "\u200d", "\ufeff", "\x0b", "\x0c"]
LINE_ENDS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("parameter beta = 0.9", "parameter beta = 0.\u0669"),
        TEXT.replace("in (0, 1)", "in (\uff10, 1)"),
        TEXT.replace("state v = 0", "state v = \u0660"),
        TEXT.replace("update v = beta*v + I", "update v = beta*v + \u0661"),
        TEXT.replace("update v = beta*v + I", "update v = beta*v + 1e\u0661"),
        *(TEXT.replace("state v", f"state {letter}") for letter in LETTERS),
        *(TEXT.replace("update v", f"update {letter}") for letter in LETTERS),
        *(TEXT.replace("neuron LIF", f"neuron L{letter}F") for letter in LETTERS),
        *(TEXT.replace("update v", f"update{blank}v") for blank in BLANKS),
        *(TEXT.replace("state v", f"{blank}state v") for blank in BLANKS),
    ],
)
def test_what_is_not_ascii_is_named_with_its_place(text: str) -> None:
    with pytest.raises(EquationError, match=r"line \d+: unexpected character '\\") as caught:
        parse_neuron(text)
    _, line, caret = str(caught.value).split("\n")
    assert line[caret.index("^")] == "?" or not line[caret.index("^")].isascii()


@given(st.sampled_from(DIGITS))
def test_no_other_digit_is_a_number_anywhere(digit: str) -> None:
    for text in (
        digit,
        f"1{digit}",
        f"v + {digit}.5",
        f"2.5e{digit}",
        f"1e-{digit}",
        f"v**{digit}",
    ):
        with pytest.raises(EquationError, match="unexpected character"):
            parse_expression(text)
    with pytest.raises(EquationError, match="unexpected character"):
        parse_assignment(f"v{digit} = 1")
    for format in (f"Q{digit}.8", f"Q8.{digit}", f"Q1{digit}.8"):
        with pytest.raises(UserError, match="number format"):
            QFormat.parse(format)


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_line_ends_where_an_editor_shows_that_it_ends(end: str) -> None:
    """Else a comment could hide a line that counts."""
    hidden = f"# harmless{end}reset v = 0\n"
    with pytest.raises(EquationError, match="unexpected character"):
        parse_neuron(TEXT + hidden)
    for usual in ("\n", "\r\n", "\r"):
        assert parse_neuron(TEXT.replace("\n", usual)) == LIF


@pytest.mark.parametrize("turn", ["\u202e", "\u2066", "\u2067", "\u202d"])
def test_a_comment_does_not_turn_the_direction_of_what_is_read(turn: str) -> None:
    with pytest.raises(EquationError, match="unexpected character"):
        parse_neuron(TEXT + f"# {turn}v = 0\n")
    assert parse_neuron(TEXT + "# \u03c4 \u2248 20 ms, \u4e0d\u9519 \U0001f9e0\n") == LIF


@given(st.text(max_size=30))
def test_an_error_shows_nothing_that_a_terminal_obeys(text: str) -> None:
    try:
        parse_neuron(f"neuron A\n{text}\x1b[2J")
    except EquationError as error:
        shown = str(error).replace("\n", "").replace("\t", "")
        assert all(unicodedata.category(each) not in ("Cc", "Zl", "Zp") for each in shown)
    else:
        raise AssertionError("an escape sequence was read")
