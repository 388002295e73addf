import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sc_neurocore.errors import UserError
from sc_neurocore.fixed import FixedPoint, QFormat

formats = st.builds(QFormat, st.integers(1, 16), st.integers(1, 16))


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


@pytest.mark.parametrize("text", ["8.8", "Q8", "Q0.8", "Q60.8", "Q1.0", "Q8.8.8", "", "Q-1.8"])
def test_what_is_not_a_format(text: str) -> None:
    with pytest.raises(UserError, match="expected"):
        QFormat.parse(text)


def test_the_current_has_more_integer_bits() -> None:
    assert str(FixedPoint(QFormat(8, 8), current_extra_bits=3).current) == "Q11.8"
    with pytest.raises(UserError, match="current_extra_bits=-1"):
        FixedPoint(QFormat(8, 8), current_extra_bits=-1)
