"""Changes of sounds: what each number does, and that nothing else happens."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from sc_neurocore.errors import UserError
from sc_neurocore.training import SpectralDistortion


def changed(frames: torch.Tensor, seed: int = 0, **options: Any) -> torch.Tensor:
    return SpectralDistortion(**options)(frames, torch.Generator().manual_seed(seed))


def ridge(batch: int = 200, steps: int = 30, bands: int = 20) -> torch.Tensor:
    """One band sounds, in the middle of the time."""
    frames = torch.zeros(batch, steps, bands)
    frames[:, 10:20, 12] = 1.0
    return frames


def centre(frames: torch.Tensor, axis: int) -> np.ndarray:
    weight = frames.sum(3 - axis)
    places = torch.arange(frames.shape[axis], dtype=torch.float32)
    return ((weight * places).sum(1) / weight.sum(1)).numpy()


def test_nothing_asked_changes_nothing_and_the_seed_decides() -> None:
    frames = torch.rand(4, 9, 7)
    assert torch.equal(changed(frames), frames)
    every: dict[str, Any] = {"warp": 0.2, "stretch": 0.1, "band_mask": 2, "noise": 0.1}
    assert torch.equal(changed(frames, 3, **every), changed(frames, 3, **every))
    assert not torch.equal(changed(frames, 3, **every), changed(frames, 4, **every))


def test_bands_and_steps_are_warped_and_moved_as_far_as_asked() -> None:
    for axis, factor, shift, place in ((2, "warp", "tilt", 12.0), (1, "stretch", "shift", 14.5)):
        warped = centre(changed(ridge(), **{factor: 0.2}), axis)
        assert 0.8 * place - 0.6 <= warped.min() < 0.85 * place
        assert 1.15 * place < warped.max() <= 1.2 * place + 0.6
        moved = centre(changed(ridge(), **{shift: 3.0}), axis)
        assert np.abs(moved - place).max() <= 3.01
        assert moved.std() == pytest.approx(3 / 3**0.5, rel=0.15)  # evenly


def test_blocks_are_silenced_whole_and_evenly() -> None:
    ones = torch.ones(4000, 8, 10)
    silent = changed(ones, band_mask=3) == 0
    assert (silent.all(1) == silent.any(1)).all()  # for all steps
    widths = silent[:, 0].sum(1)
    assert widths.unique().tolist() == [0, 1, 2, 3]
    assert np.ptp(np.bincount(widths)) < 0.15 * 4000
    edges = np.diff(np.pad(silent[:, 0].numpy().astype(int), ((0, 0), (1, 1))), axis=1)
    assert (np.abs(edges).sum(1) <= 2).all()  # one block
    several = changed(ones, step_mask=2, masks=2) == 0
    assert (several.all(2) == several.any(2)).all()
    assert several[:, :, 0].sum(1).max() > 2


def test_noise_and_gain_keep_levels_at_least_0() -> None:
    frames = torch.full((500, 10, 10), 0.5)
    loud = changed(frames, gain=0.5).amax((1, 2))
    assert 0.25 <= loud.min() < 0.3 and 0.7 < loud.max() <= 0.75
    noisy = changed(frames, noise=2.0)
    assert noisy.min() == 0 and noisy.std((1, 2)).min() < 0.1 < noisy.std((1, 2)).max()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"warp": 1.0}, "warp = 1.0: expected a share from 0 to below 1"),
        ({"tilt": -1}, "tilt = -1: expected 0 or more"),
        ({"gain": "loud"}, "expected a number"),
    ],
)
def test_other_numbers_are_refused(options: Any, message: str) -> None:
    with pytest.raises(UserError, match=message):
        SpectralDistortion(**options)
    with pytest.raises(UserError, match=r"takes sequences \(batch, T, bands\), not \(2, 3\)"):
        changed(torch.rand(2, 3))
