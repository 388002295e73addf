import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, QFormat

formats = st.builds(
    QFormat,
    st.integers(1, 16),
    st.integers(1, 16),
    signed=st.booleans(),
    rounding=st.sampled_from(["floor", "nearest"]),
    overflow=st.sampled_from(["saturate", "wrap"]),
)


def test_q8_8() -> None:
    form = QFormat.parse("Q8.8")
    assert (form.width, form.minimum, form.maximum, str(form)) == (16, -32768, 32767, "Q8.8")
    np.testing.assert_array_equal(
        form.quantize([1, -128, 128, 0.005, 1 / 512, 3 / 512]), [256, -32768, 32767, 1, 0, 2]
    )


@given(formats, st.data())
def test_integers_survive_the_way_through_floats(form: QFormat, data: st.DataObject) -> None:
    integer = data.draw(st.integers(form.minimum, form.maximum))
    assert form.quantize(form.to_float(integer)) == integer


@given(formats, st.floats(-1e9, 1e9))
def test_rounding_is_to_the_nearest_representable_number(form: QFormat, value: float) -> None:
    low, high = form.to_float(form.minimum), form.to_float(form.maximum)
    error = abs(form.to_float(form.quantize(value)) - np.clip(value, low, high))
    assert error <= 0.5 * 2.0**-form.fraction_bits


def test_an_unsigned_format_has_no_sign_to_count() -> None:
    form = QFormat.parse("UQ8.8")
    assert (form.width, form.minimum, form.maximum, str(form)) == (16, 0, 65535, "UQ8.8")
    assert QFormat.parse("UQ0.8").maximum == 255
    np.testing.assert_array_equal(form.quantize([-1, 256, 1.5]), [0, 65535, 384])
    assert FixedPoint(form).current == QFormat.parse("Q12.8")  # a current can be negative


def test_what_no_float_holds_in_units_of_the_format_is_saturated() -> None:
    extremes = [1e308, -1e308, np.inf, -np.inf]
    wanted = [32767, -32768, 32767, -32768]
    np.testing.assert_array_equal(QFormat(8, 8).quantize(extremes), wanted)


@given(formats)
def test_the_text_of_a_format_is_read_back(form: QFormat) -> None:
    assert QFormat.parse(str(form)) == form


def test_modes_in_text() -> None:
    assert QFormat.parse("Q8.8:wrap:nearest") == QFormat(8, 8, True, "nearest", "wrap")
    assert QFormat.parse("Q8.8:floor:saturate") == QFormat(8, 8)
    assert str(QFormat(8, 8, True, "nearest", "wrap")) == "Q8.8:nearest:wrap"


@pytest.mark.parametrize("arguments", [(8, 8, True, "up"), (8, 8, True, "floor", "trap")])
def test_modes_that_there_are_not(arguments: tuple) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match="expected floor or nearest, and saturate or wrap"):
        QFormat(*arguments)


@pytest.mark.parametrize("bits", [0, 11])
def test_tables_have_a_size(bits: int) -> None:
    with pytest.raises(UserError, match=f"table_bits={bits}: expected 1 to 10"):
        FixedPoint(QFormat(8, 8), table_bits=bits)


NOT_FORMATS = [
    "8.8", "Q8", "Q0.8", "Q60.8", "Q1.0", "Q8.8.8", "", "Q-1.8", "UQ0.1", "SQ8.8", "Q8.8:",
    "Q8.8:up", "Q8.8:floor:nearest", "Q8.8:wrap:wrap", "Q8.8:wrap:saturate", "Q8.8 wrap",
]  # fmt: skip


@pytest.mark.parametrize("text", NOT_FORMATS)
def test_what_is_not_a_format(text: str) -> None:
    with pytest.raises(UserError, match="expected"):
        QFormat.parse(text)


def test_the_current_has_more_integer_bits() -> None:
    assert str(FixedPoint(QFormat(8, 8), current_extra_bits=3).current) == "Q11.8"
    with pytest.raises(UserError, match="current_extra_bits=-1"):
        FixedPoint(QFormat(8, 8), current_extra_bits=-1)


@pytest.mark.parametrize(
    ("text", "bits"), [("Q8.8", 15), ("Q4.4", 15), ("UQ8.8", 15), ("Q8.24", 31), ("Q22.22", 43)]
)
def test_the_fraction_bits_of_constants_follow_the_format(text: str, bits: int) -> None:
    assert FixedPoint.parse(text).constant_fraction_bits == bits
    assert FixedPoint.parse(text, 20) == FixedPoint.parse(f"{text}:constants=20")
    assert FixedPoint.parse(f"{text}:constants=20:nearest").constant_fraction_bits == 20
    assert str(FixedPoint.parse(f"{text}:constants=20:nearest").state) == f"{text}:nearest"


@pytest.mark.parametrize(
    ("text", "bits"),
    [
        ("Q8.8:constants=", None),
        ("Q8.8:constants=x", None),
        ("Q8.8:constants=1:constants=2", None),
        ("Q8.8:constants=20", 20),
        ("Q8.8:constants=48", None),
        ("Q8.8", -1),
        ("Q8.8", 48),
    ],
)
def test_fraction_bits_that_constants_cannot_have(text: str, bits: int | None) -> None:
    with pytest.raises(UserError, match="expected"):
        FixedPoint.parse(text, bits)
