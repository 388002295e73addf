"""Sound as unsigned integers over time: a log-mel filter bank, and events of its changes.

The bank follows S. B. Davis and P. Mermelstein, Comparison of parametric representations for
monosyllabic word recognition in continuously spoken sentences, IEEE Transactions on Acoustics,
Speech, and Signal Processing 28(4), 1980; the mel scale is D. O'Shaughnessy's, Speech
Communication: Human and Machine, 1987:

    mel(f) = 2595 log10(1 + f / 700)

Taking off the mean spectrum of a recording is B. S. Atal's, Effectiveness of linear prediction
characteristics of the speech wave for automatic speaker identification and verification, Journal of
the Acoustical Society of America 55(6), 1974.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.data.numbers import check_real, check_whole
from sc_neurocore.errors import UserError

Levels = NDArray[np.unsignedinteger[Any]]
_LOUD = 0.5
_CENTRE = 0.35


@dataclass(frozen=True)
class LogMel:
    """A recording as the levels of frequency bands over time.

    Frames of `window` samples, every `hop` samples, are weighted by a periodic Hann window; the
    power spectrum of each, zero-padded to the power of two at or above twice the window, is summed
    under triangles whose corners lie evenly on the mel scale from `lowest` to `highest`. A band's
    level is its power in decibels below the largest power P_max of any band and frame:

        level = clip(1 + 10 log10(P / P_max) / decibels, 0, 1)

    rounded to a multiple of 1 / (2 ** bits - 1). Referring each recording to its own maximum makes
    the levels independent of how loud it was recorded. A recording that ends early is followed by
    frames of zeros; of a longer one the first `steps` frames are kept, and only they count for the
    maximum, so that nothing is squeezed or stretched in time.

    `centred` takes out of it what voice and microphone are all the time:
    each band's mean over the loud frames, those with a band above 1/2, becomes 0.35.

    Attributes:
        bands: Number of bands.
        steps: Number of frames.
        bits: Bits of a level, 1 to 16.
        decibels: The range from level 0 to level 1.
        rate: Samples per second of the recordings.
        window: Samples in a frame; 200 are 25 ms at 8 kHz.
        hop: Samples from one frame to the next; 100 are 12.5 ms at 8 kHz.
        lowest: Where the first triangle begins, in Hz; above the hum of the mains.
        highest: Where the last triangle ends, in Hz, at most half the rate.
        centred: Whether each band is centred at its mean over the loud frames.
    """

    bands: int = 40
    steps: int = 64
    bits: int = 8
    decibels: float = 40.0
    rate: int = 8000
    window: int = 200
    hop: int = 100
    lowest: float = 100.0
    highest: float = 4000.0
    centred: bool = False

    def __post_init__(self) -> None:
        for name in ("bands", "steps", "rate", "window", "hop"):
            check_whole(**{name: getattr(self, name)})
        check_whole(bits=self.bits)
        check_real(decibels=self.decibels, lowest=self.lowest, highest=self.highest)
        if not 1 <= self.bits <= 16:
            raise UserError(f"bits = {self.bits}: expected 1 to 16")
        if not self.decibels > 0:
            raise UserError(f"decibels = {self.decibels}: expected more than 0")
        if not 0 <= self.lowest < self.highest <= self.rate / 2:
            raise UserError(
                f"bands from {self.lowest} Hz to {self.highest} Hz: expected 0 <= lowest < highest "
                f"<= {self.rate / 2} Hz, half the sampling rate"
            )
        empty = np.flatnonzero(~self.filters.any(axis=1))
        if empty.size:
            raise UserError(
                f"{self.bands} bands: band {empty[0]} is narrower than the spectrum's resolution; "
                f"choose fewer bands, or a longer window than {self.window} samples"
            )

    @property
    def transform_size(self) -> int:
        """Samples in the Fourier transform: the power of two at or above twice the window."""
        return 1 << (2 * self.window - 1).bit_length()

    @cached_property
    def corners(self) -> NDArray[np.float64]:
        """Frequencies in Hz, (bands + 2,): a band rises from its own, peaks at the next, ends."""
        return to_hertz(np.linspace(to_mel(self.lowest), to_mel(self.highest), self.bands + 2))

    @cached_property
    def filters(self) -> NDArray[np.float64]:
        """Weight of each spectral line in each band, (bands, lines); the peak of a triangle is 1.

        A line lies every rate / transform_size Hz, from 0 to half the rate.
        """
        lines = np.fft.rfftfreq(self.transform_size, 1 / self.rate)
        begin, peak, end = (self.corners[first : first + self.bands, None] for first in (0, 1, 2))
        rise, fall = (lines - begin) / (peak - begin), (end - lines) / (end - peak)
        return np.maximum(np.minimum(rise, fall), 0.0)

    def power(self, sound: ArrayLike) -> NDArray[np.float64]:
        """Return the power of each band in each frame, (frames, bands).

        Args:
            sound: One recording, (samples,). Its last frame is the first that reaches its end.
        """
        samples = np.asarray(sound, dtype=np.float64)
        beyond = max(samples.size - self.window, 0)
        frames = min(1 + -(-beyond // self.hop), self.steps)
        length = (frames - 1) * self.hop + self.window
        padded = np.pad(samples[:length], (0, max(length - samples.size, 0)))
        cut = np.lib.stride_tricks.sliding_window_view(padded, self.window)[:: self.hop]
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)
        spectrum = np.fft.rfft(cut * hann, self.transform_size)
        return np.asarray((spectrum.real**2 + spectrum.imag**2) @ self.filters.T)

    def __call__(self, sound: ArrayLike) -> Levels:
        """Return the levels of one recording, unsigned integers (steps, bands).

        Args:
            sound: The recording, (samples,), at `rate`, in any unit. Silence has level 0.
        """
        power = self.power(sound)
        largest = power.max()
        if largest > 0:
            floor = largest * 10 ** (-self.decibels / 10)
            level = 1 + 10 * np.log10(np.maximum(power, floor) / largest) / self.decibels
            if self.centred:  # the loudest frame is a loud one, so that there is a mean
                level += _CENTRE - level[level.max(axis=1) > _LOUD].mean(axis=0)
        else:
            level = np.zeros_like(power)
        levels = np.zeros((self.steps, self.bands), np.uint8 if self.bits <= 8 else np.uint16)
        levels[: len(level)] = np.rint(level.clip(0, 1) * (2**self.bits - 1))
        return levels


def to_mel(hertz: ArrayLike) -> NDArray[np.float64]:
    """Return frequencies on the mel scale."""
    return 2595 * np.log10(1 + np.asarray(hertz, dtype=np.float64) / 700)


def to_hertz(mel: ArrayLike) -> NDArray[np.float64]:
    """Return the frequencies at points of the mel scale; the inverse of `to_mel`."""
    return 700 * (10 ** (np.asarray(mel, dtype=np.float64) / 2595) - 1)


def delta_events(levels: Levels, threshold: int) -> NDArray[np.uint8]:
    """Return when levels have risen or fallen: delta modulation, one bit per channel and step.

    Every value has a reference that begins at 0. Where a level is at least `threshold` above its
    reference, a rise is put out and the reference goes up by `threshold`; below, likewise, a fall.
    So the reference is `threshold` times the rises less the falls so far, and follows its level to
    within one threshold as long as that changes by no more than a threshold per step; a greater
    jump is caught up with over the following steps.

    Args:
        levels: Unsigned integers (samples, T, bands).
        threshold: The change that makes an event, at least 1, in units of the levels.

    Returns:
        Zeros and ones (samples, T, 2 * bands): the rises of all bands, then their falls.

    Raises:
        UserError: If the threshold is below 1.
    """
    check_real(threshold=threshold)
    if np.ndim(levels) != 3:
        raise UserError(
            f"levels have shape {np.shape(levels)}: expected (samples, T, bands), such as LogMel "
            f"makes them of one recording each"
        )
    if threshold < 1:
        raise UserError(f"threshold = {threshold}: expected at least 1")
    samples, steps, bands = levels.shape
    events = np.zeros((samples, steps, 2 * bands), np.uint8)
    reference = np.zeros((samples, bands), np.int64)
    for step in range(steps):
        change = levels[:, step] - reference
        rise, fall = change >= threshold, change <= -threshold
        events[:, step, :bands], events[:, step, bands:] = rise, fall
        reference += threshold * (rise.astype(np.int64) - fall)
    return events
