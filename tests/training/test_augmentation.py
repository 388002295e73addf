from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from sc_neurocore.errors import UserError
from sc_neurocore.training.augmentation import Distortion, elastic_field, transform


def random_images(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def apply(
    images: Tensor,
    rotation: float = 0.0,
    right: float = 0.0,
    down: float = 0.0,
    scale: float = 1.0,
    shear: float = 0.0,
) -> Tensor:
    count = len(images)
    return transform(
        images,
        rotation=torch.full((count,), rotation),
        shift=torch.tensor([[right, down]]).expand(count, 2),
        scale=torch.full((count,), scale),
        shear=torch.full((count,), shear),
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("turns", [-1, 0, 1, 2, 3])
@pytest.mark.parametrize("size", [7, 8])
def test_quarter_turns_are_those_of_rot90(turns: int, size: int) -> None:
    images = random_images(3, 2, size, size)
    torch.testing.assert_close(
        apply(images, rotation=90 * turns), torch.rot90(images, turns, dims=(2, 3))
    )


@pytest.mark.parametrize(("right", "down"), [(0, 0), (2, 0), (0, -3), (-1, 4)])
def test_whole_shifts_roll_zeros_in(right: int, down: int) -> None:
    images = random_images(2, 1, 6, 9)
    padded = torch.nn.functional.pad(images, (5, 5, 5, 5))
    rolled = torch.roll(padded, (down, right), dims=(2, 3))[:, :, 5:-5, 5:-5]
    torch.testing.assert_close(apply(images, right=right, down=down), rolled)


def test_half_a_pixel_is_the_mean_of_two() -> None:
    images = random_images(2, 1, 4, 6)
    moved = apply(images, right=0.5)
    torch.testing.assert_close(moved[..., 1:], (images[..., 1:] + images[..., :-1]) / 2)


def test_shear_moves_the_rows_below_the_centre_to_the_right() -> None:
    images = random_images(1, 1, 5, 11)
    sheared = apply(images, shear=45.0)[0, 0]
    for row in range(5):
        expected = apply(images, right=row - 2)[0, 0, row]
        torch.testing.assert_close(sheared[row], expected)


@given(
    rotation=st.floats(-180, 180),
    right=st.floats(-6, 6),
    down=st.floats(-6, 6),
    scale=st.floats(0.6, 1.5),
    shear=st.floats(-50, 50),
    shape=st.sampled_from([(9, 9), (8, 13), (12, 7)]),
)
def test_scipy_computes_the_same_image(
    rotation: float,
    right: float,
    down: float,
    scale: float,
    shear: float,
    shape: tuple[int, int],
) -> None:
    """SciPy maps (row, column) of the result to the origin; here from the documented formula."""
    images = random_images(1, 1, *shape)
    angle, slope = math.radians(rotation), math.tan(math.radians(shear))
    turn = np.array(
        [[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]]  # y points down
    )
    forward = scale * turn @ np.array([[1, slope], [0, 1]])
    swap = np.array([[0, 1], [1, 0]])  # (x, y) to (row, column)
    back = swap @ np.linalg.inv(forward) @ swap
    centre = (np.array(shape) - 1) / 2
    expected = ndimage.affine_transform(
        images[0, 0].numpy(),
        back,
        centre - back @ (centre + np.array([down, right])),
        order=1,
        mode="grid-constant",
    )
    moved = transform(
        images,
        rotation=torch.tensor([rotation], dtype=torch.float64),
        shift=torch.tensor([[right, down]], dtype=torch.float64),
        scale=torch.tensor([scale], dtype=torch.float64),
        shear=torch.tensor([shear], dtype=torch.float64),
    )
    np.testing.assert_allclose(moved[0, 0].numpy(), expected, atol=1e-9)


def test_shifts_stay_in_their_range_and_are_uniform_and_independent() -> None:
    """Bilinear interpolation keeps the centre of mass, which therefore tells the shift."""
    blob = torch.zeros(4000, 1, 15, 15)
    blob[:, :, 6:9, 6:9] = 1 / 9
    moved = Distortion((15, 15), shift=3.0)(blob, generator())
    pixels = torch.arange(15.0) - 7
    shifts = torch.stack([moved.sum(dim=(1, 2)) @ pixels, moved.sum(dim=(1, 3)) @ pixels])
    assert 2.99 < shifts.abs().max() < 3.0001
    for order in (1, 2, 3, 4):  # moments of the uniform distribution
        moment = 3**order / (order + 1) if order % 2 == 0 else 0.0
        error = 3**order / math.sqrt(4000)
        assert ((shifts**order).mean(dim=1) - moment).abs().max() < 4 * error
    assert abs(float(torch.corrcoef(shifts)[0, 1])) < 4 / math.sqrt(4000)


def test_the_mean_of_many_rotations_is_centred_and_upright() -> None:
    """A bar turned by up to 30 degrees either way: symmetric, and as wide as the angle says."""
    bar = torch.zeros(3000, 1, 21, 21)
    bar[:, :, 2:19, 10] = 1.0
    turned = Distortion((21, 21), rotation=30.0)(bar, generator(1))
    mean = turned.mean(dim=(0, 1))
    torch.testing.assert_close(mean, mean.flip(1), atol=0.05, rtol=0)
    torch.testing.assert_close(mean, mean.flip(0).flip(1), atol=1e-5, rtol=0)
    reach = int((mean[3] > 1e-4).nonzero().min())  # seven above the centre, tan(30) * 7 = 4.04
    assert 10 - 6 <= reach <= 10 - 4
    assert torch.unique(turned, dim=0).shape[0] == 3000  # a new draw for each image


def test_scale_changes_the_area_by_its_square() -> None:
    image = torch.zeros(2000, 1, 41, 41)
    image[:, :, 13:28, 13:28] = 1.0
    area = Distortion((41, 41), scale=0.2)(image, generator(2)).sum(dim=(1, 2, 3)) / 15**2
    assert area.min() > 0.8**2 - 0.03
    assert area.max() < 1.2**2 + 0.03
    # E[(1 + u)**2] = 1 + 0.2**2 / 3 for u uniform in [-0.2, 0.2]
    assert float(area.mean()) == pytest.approx(1 + 0.2**2 / 3, abs=0.03)


def test_a_displacement_picks_pixels_from_where_it_points() -> None:
    images = random_images(2, 1, 6, 9)
    displacement = torch.zeros(2, 6, 9, 2)
    displacement[1, 2, 3] = torch.tensor([2.0, -1.0])  # to the right, and up
    still = torch.zeros(2)
    bent = transform(
        images, rotation=still, shift=torch.zeros(2, 2), scale=still + 1, shear=still,
        displacement=displacement,
    )  # fmt: skip
    expected = images.clone()
    expected[1, 0, 2, 3] = images[1, 0, 1, 5]
    torch.testing.assert_close(bent, expected)


def test_a_constant_displacement_is_a_shift_of_the_result() -> None:
    images = random_images(3, 1, 8, 11)
    turn = {"rotation": torch.full((3,), 90.0), "scale": torch.ones(3), "shear": torch.zeros(3)}
    origin = torch.zeros(3, 2)
    there = torch.tensor([2.0, 1.0]).expand(3, 8, 11, 2)
    shifted = transform(images, shift=origin - torch.tensor([2.0, 1.0]), **turn)
    torch.testing.assert_close(transform(images, shift=origin, displacement=there, **turn), shifted)


@pytest.mark.parametrize("smoothness", [1.5, 5.0])
def test_elastic_fields_have_the_variance_and_correlation_of_smoothed_noise(
    smoothness: float,
) -> None:
    field = elastic_field(4000, (13, 20), smoothness, generator(5)).double()
    assert field.shape == (4000, 13, 20, 2)
    torch.testing.assert_close(field.std(dim=0), torch.ones(13, 20, 2).double(), atol=0.06, rtol=0)
    # White noise smoothed by a Gaussian: correlation exp(-(d / (2 width))**2) at distance d.
    for distance in (1, 3):
        along = (field[:, 0, 0] * field[:, 0, distance]).mean(dim=0)
        down = (field[:, 0, 0] * field[:, distance, 0]).mean(dim=0)
        expected = math.exp(-((distance / (2 * smoothness)) ** 2))
        torch.testing.assert_close(
            torch.stack([along, down]), torch.full((2, 2), expected).double(), atol=0.06, rtol=0
        )
    across = (field[..., 0] * field[..., 1]).mean(dim=0)
    assert across.abs().max() < 0.08


@pytest.mark.parametrize("shape", [(5, 12 * 10), (5, 3, 12, 10)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("elastic", [0.0, 1.0])
def test_the_generator_decides_and_shape_and_type_stay(
    shape: tuple[int, ...], dtype: torch.dtype, elastic: float
) -> None:
    distortion = Distortion((12, 10), rotation=10, shift=2, scale=0.1, shear=5, elastic=elastic)
    frames = random_images(*shape, dtype=dtype)
    first, again = distortion(frames, generator(7)), distortion(frames, generator(7))
    assert (first.shape, first.dtype) == (frames.shape, dtype)
    assert torch.equal(first, again)
    assert not torch.equal(first, distortion(frames, generator(8)))
    assert not torch.equal(first, frames)


def test_flat_frames_and_images_are_the_same_images() -> None:
    distortion = Distortion((6, 5), rotation=40, shift=1, scale=0.2, shear=10)
    images = random_images(4, 1, 6, 5)
    flat = distortion(images.reshape(4, 30), generator(3))
    assert torch.equal(flat.reshape(4, 1, 6, 5), distortion(images, generator(3)))


def test_autocast_does_not_move_the_pixels() -> None:
    distortion = Distortion(rotation=10, shift=2, elastic=1.5)
    frames = random_images(4, 784, dtype=torch.float32)
    with torch.autocast("cpu", torch.bfloat16):
        inside = distortion(frames, generator())
    assert torch.equal(inside, distortion(frames, generator()))


def test_zero_ranges_change_nothing_and_draw_nothing() -> None:
    frames, source = random_images(3, 784), generator(4)
    before = source.get_state()
    assert torch.equal(Distortion()(frames, source), frames)
    assert torch.equal(source.get_state(), before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rotation": -1.0}, "rotation = -1.0: expected 0 to 180 degrees"),
        ({"rotation": 181.0}, "rotation = 181.0"),
        ({"shift": -0.5}, "shift = -0.5: expected 0 pixels or more"),
        ({"shift": math.inf}, "shift = inf"),
        ({"scale": 1.0}, "scale = 1.0: expected 0 or more, below 1"),
        ({"shear": 90.0}, "shear = 90.0: expected 0 or more, below 90 degrees"),
        ({"elastic": -1.0}, "elastic = -1.0: expected 0 pixels or more"),
        ({"smoothness": 0.0}, "smoothness = 0.0: expected above 0 pixels"),
        ({"smoothness": 65.0}, "at most 64"),
        ({"scale": math.nan}, "scale = nan"),
        ({"image_shape": (0, 3)}, r"image_shape = \(0, 3\): expected \(rows, columns\)"),
    ],
)
def test_ranges_that_cannot_be_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Distortion(**changes)


@pytest.mark.parametrize(
    "frames",
    [
        torch.zeros(2, 783),
        torch.zeros(2, 28, 28),
        torch.zeros(2, 1, 28, 27),
        torch.zeros(2, 784, dtype=torch.uint8),
    ],
)
def test_frames_that_do_not_fit_are_refused(frames: Tensor) -> None:
    with pytest.raises(UserError, match=r"expected floating-point \(batch, 784\) or"):
        Distortion(rotation=5)(frames, generator())


def test_half_turns_are_the_largest() -> None:
    Distortion(rotation=180.0)
