from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import signal

from sc_neurocore.data.features import LogMel, delta_events, to_hertz, to_mel
from sc_neurocore.errors import UserError


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1000, samples)


def test_the_mel_scale_has_its_known_points() -> None:
    assert to_mel(0) == 0
    assert to_mel(1000) == pytest.approx(1000, abs=0.02)  # the point that defines the unit
    assert to_mel(700) == pytest.approx(2595 * np.log10(2))
    frequencies = np.linspace(0, 4000, 50)
    np.testing.assert_allclose(to_hertz(to_mel(frequencies)), frequencies, atol=1e-9)


def test_triangles_hand_over_from_one_to_the_next() -> None:
    """From the first peak to the last, the weights of a line sum to one; no band is empty."""
    bank = LogMel()
    assert bank.filters.shape == (40, 257)
    assert bank.filters.min() == 0
    lines = np.fft.rfftfreq(bank.transform_size, 1 / bank.rate)
    inside = (lines >= bank.corners[1]) & (lines <= bank.corners[-2])
    np.testing.assert_allclose(bank.filters[:, inside].sum(axis=0), 1)
    outside = (lines <= bank.lowest) | (lines >= bank.highest)
    assert not bank.filters[:, outside].any()
    assert bank.filters.any(axis=1).all()
    np.testing.assert_allclose(np.diff(to_mel(bank.corners), n=2), 0, atol=1e-9)


def test_power_is_scipys_spectrogram_under_the_triangles() -> None:
    bank = LogMel(steps=1000)
    sound = noise(200 + 100 * 37)
    transform = signal.ShortTimeFFT(
        signal.windows.hann(200, sym=False), hop=100, fs=8000, mfft=512, phase_shift=None
    )
    frames = transform.spectrogram(sound, p0=1, p1=39)  # slice p is centred on sample 100 p
    np.testing.assert_allclose(bank.power(sound), (bank.filters @ frames).T, rtol=1e-9)


@pytest.mark.parametrize("band", [0, 7, 20, 39])
def test_a_tone_is_loudest_in_its_own_band(band: int) -> None:
    bank = LogMel()
    frequency = bank.corners[band + 1]
    tone = np.sin(2 * np.pi * frequency * np.arange(6500) / bank.rate)
    levels = bank(tone)
    np.testing.assert_array_equal(levels[:60].argmax(axis=1), band)
    assert levels.max() == 255


@pytest.mark.parametrize(
    ("samples", "frames"), [(2, 1), (200, 1), (201, 2), (300, 2), (301, 3), (100_000, 64)]
)
def test_frames_cover_every_sample_and_zeros_follow(samples: int, frames: int) -> None:
    bank = LogMel()
    sound = noise(samples)
    sound[-1] = 1e4
    assert bank.power(sound).shape == (frames, 40)
    levels = bank(sound)
    assert (levels.shape, levels.dtype) == ((64, 40), np.uint8)
    assert not levels[frames:].any()
    assert levels.max() == 255


@given(gain=st.floats(1e-3, 1e3), seed=st.integers(0, 1000))
def test_loudness_does_not_matter(gain: float, seed: int) -> None:
    """Rounding may turn a half either way, but no further."""
    bank = LogMel(steps=8)
    sound = noise(900, seed)
    difference = bank(sound).astype(int) - bank(gain * sound)
    assert abs(difference).max() <= 1
    assert (difference != 0).mean() < 0.01


def test_a_level_is_decibels_below_the_maximum() -> None:
    """A tone, then the same at a tenth and at a hundredth of the amplitude: 20 and 40 dB less."""
    bank = LogMel(decibels=60, steps=30)
    tone = np.sin(2 * np.pi * bank.corners[21] * np.arange(1000) / bank.rate)
    levels = bank(np.concatenate([tone, tone / 10, tone / 100]))[:, 20]
    assert levels[4] == 255
    assert levels[14] == pytest.approx(255 * (1 - 20 / 60), abs=1)
    assert levels[24] == pytest.approx(255 * (1 - 40 / 60), abs=1)
    assert LogMel(decibels=40, steps=30)(np.concatenate([tone, tone / 200]))[14, 20] == 0


def test_only_the_frames_that_are_kept_count() -> None:
    sound = noise(20_000)
    bank = LogMel(steps=10)
    np.testing.assert_array_equal(bank(sound), bank(np.concatenate([sound[:1100], sound * 50])))


def test_silence_is_zero_and_bits_choose_the_type() -> None:
    assert not LogMel()(np.zeros(500)).any()
    levels = LogMel(bits=12)(noise(3000))
    assert (levels.dtype, levels.max()) == (np.uint16, 4095)
    coarse = LogMel(bits=1)(noise(3000))
    assert set(np.unique(coarse)) == {0, 1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bands": 0}, "bands = 0: expected at least 1"),
        ({"steps": 0}, "steps = 0"),
        ({"bits": 17}, "bits = 17: expected 1 to 16"),
        ({"decibels": 0.0}, "decibels = 0.0"),
        ({"highest": 5000.0}, "lowest < highest <= 4000.0 Hz"),
        ({"bands": 500}, "500 bands: band 0 is narrower than the spectrum's resolution"),
    ],
)
def test_features_that_cannot_be_are_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        LogMel(**changes)


LEVELS = arrays.arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 30), st.just(3)))


@given(levels=LEVELS, threshold=st.integers(1, 300))
def test_events_are_bits_and_never_both_ways(levels: np.ndarray, threshold: int) -> None:
    events = delta_events(levels, threshold)
    assert (events.shape, events.dtype) == ((2, levels.shape[1], 6), np.uint8)
    assert set(np.unique(events)) <= {0, 1}
    assert not (events[..., :3] & events[..., 3:]).any()
    # The reference never leaves the levels' range by a threshold or more.
    reference = threshold * np.cumsum(events[..., :3].astype(int) - events[..., 3:], axis=1)
    assert reference.min() > -threshold
    assert reference.max() <= levels.max()


@given(
    changes=arrays.arrays(np.int64, (2, 40, 3), elements=st.integers(-9, 9)),
    threshold=st.integers(9, 20),
)
def test_events_reconstruct_levels_that_change_slowly(changes: np.ndarray, threshold: int) -> None:
    levels = np.cumsum(changes, axis=1).clip(0, 255).astype(np.uint8)
    events = delta_events(levels, threshold).astype(int)
    reconstruction = threshold * np.cumsum(events[..., :3] - events[..., 3:], axis=1)
    assert abs(levels - reconstruction).max() < threshold


def test_a_jump_is_caught_up_with() -> None:
    levels = np.array([0, 10, 10, 10, 10, 0, 0, 0, 0], np.uint8).reshape(1, 9, 1)
    events = delta_events(levels, 4)[0]
    assert events[:, 0].tolist() == [0, 1, 1, 0, 0, 0, 0, 0, 0]
    assert events[:, 1].tolist() == [0, 0, 0, 0, 0, 1, 1, 0, 0]
    with pytest.raises(UserError, match="threshold = 0: expected at least 1"):
        delta_events(levels, 0)


def test_what_stays_the_same_all_the_time_is_taken_off_a_centred_recording() -> None:
    """Another microphone is a factor of each band: within the range of levels nothing is left."""
    sound = noise(4000) * np.linspace(0.6, 1, 4000)
    coloured = signal.lfilter([1, 0.5], 1, sound)
    plain, centred = LogMel(bits=16), LogMel(bits=16, centred=True)
    both = [
        np.stack([each(one) / 65535.0 for one in (sound, coloured)]) for each in (plain, centred)
    ]
    frames = len(plain.power(sound))
    apart = [np.abs(one - other)[:frames].mean() for one, other in both]
    assert apart[1] < apart[0] / 3
    loud = both[1][0][:frames]
    assert loud[both[0][0][:frames].max(axis=1) > 0.5].mean(axis=0) == pytest.approx(0.35, abs=0.02)
    assert not both[1][0][frames:].any()
    assert not LogMel(centred=True)(np.zeros(800)).any()
