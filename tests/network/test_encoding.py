import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sc_neurocore.errors import UserError
from sc_neurocore.network import ENCODINGS, WeightEncoding, encode_weights

finite = st.floats(-1e6, 1e6, width=32)  # what training gives
weights = arrays.arrays(np.float64, arrays.array_shapes(min_dims=1, max_dims=3), elements=finite)


@given(weights, st.sampled_from(ENCODINGS))
def test_the_way_back_is_within_the_stated_bound(
    weight: np.ndarray, encoding: WeightEncoding
) -> None:
    encoded = encode_weights(weight, encoding=encoding)
    assert encoded.values.min() >= 0 and encoded.values.max() <= 1
    assert np.abs(encoded.decode() - weight).max() <= encoded.error_bound


@given(weights)
def test_sign_magnitude_is_exact_with_the_smallest_power_of_two(weight: np.ndarray) -> None:
    encoded = encode_weights(weight)
    np.testing.assert_array_equal(encoded.decode(), weight)
    assert np.frexp(encoded.scale)[0] == 0.5
    if weight.any():
        assert encoded.values.max() > 0.5


@pytest.mark.parametrize("largest", [1.0, 0.5, np.nextafter(1.0, 2), np.nextafter(1.0, 0)])
def test_scale_at_the_edge_of_a_power_of_two(largest: float) -> None:
    encoded = encode_weights([[largest, 0.1]])
    assert encoded.values.max() <= 1
    assert encoded.decode()[0, 0] == largest


def test_closed_forms() -> None:
    weight = np.array([[-1.0, 0.0, 0.5]])
    bipolar = encode_weights(weight, encoding="bipolar")
    np.testing.assert_array_equal(bipolar.values, [[0, 0.5, 0.75]])
    unipolar = encode_weights(weight, encoding="unipolar")
    np.testing.assert_allclose(unipolar.values, [[0, 2 / 3, 1]])
    assert (unipolar.offset, unipolar.scale) == (-1.0, 1.5)
    magnitude = encode_weights(weight, bias=[0.25])
    np.testing.assert_array_equal(magnitude.values, [[1, 0, 0.5]])
    np.testing.assert_array_equal(magnitude.sign, [[-1, 1, 1]])
    np.testing.assert_array_equal(magnitude.bias, [0.25])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [0.0, 0.75])
def test_equal_weights(encoding: WeightEncoding, value: float) -> None:
    np.testing.assert_array_equal(encode_weights([[value] * 3], encoding=encoding).decode(), value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weight": [[np.nan]]}, "NaN or infinity"),
        ({"weight": [[1.0]], "bias": [np.inf]}, "NaN or infinity"),
        ({"weight": []}, "at least one weight"),
        ({"weight": [[1.0]], "bias": [1.0, 2.0]}, r"expected \(1,\), one per output"),
        ({"weight": [[1.0]], "encoding": "ternary"}, "expected one of unipolar, bipolar"),
    ],
)
def test_errors(arguments: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        encode_weights(**arguments)
