"""Augmentation of sounds: levels of frequency bands over time, changed at random."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Generator, Tensor

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import check_numbers


@dataclass(frozen=True)
class SpectralDistortion:
    """Random changes of sequences (batch, T, bands), new ones for each.

    Voices differ in the length of the vocal tract, which stretches the spectrum: the bands are
    warped by a factor, after Jaitly and Hinton, Vocal tract length perturbation improves speech
    recognition, ICML workshop 2013. Blocks of bands and of steps are silenced, after Park and
    others, SpecAugment, Interspeech 2019. All is drawn uniformly; bands and steps between two are
    interpolated, and what comes from outside is 0.

    Attributes:
        warp: Largest change of the factor of the bands' axis, a share below 1.
        tilt: Largest number of bands that everything moves up or down.
        stretch: Largest change of the speed, a share below 1.
        shift: Largest number of steps that everything moves later or earlier.
        band_mask: Largest number of bands in a row that are silenced.
        step_mask: Largest number of steps in a row that are silenced.
        masks: How many blocks of each.
        noise: Largest standard deviation of Gaussian noise; the levels stay 0 or more.
        gain: Largest change of the levels' factor, a share below 1.
    """

    warp: float = 0.0
    tilt: float = 0.0
    stretch: float = 0.0
    shift: float = 0.0
    band_mask: int = 0
    step_mask: int = 0
    masks: int = 1
    noise: float = 0.0
    gain: float = 0.0

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            check_numbers(**{item.name: value})
            is_share = item.name in ("warp", "stretch", "gain")
            if not 0 <= value < (1 if is_share else 1e6):
                wanted = "a share from 0 to below 1" if is_share else "0 or more"
                raise UserError(f"{item.name} = {value}: expected {wanted}")

    def __call__(self, frames: Tensor, generator: Generator) -> Tensor:
        """Return the changed sequences.

        Args:
            frames: (batch, T, bands), 0 or more.
            generator: Decides all that is random.

        Raises:
            UserError: For another number of axes.
        """
        if frames.ndim != 3:
            raise UserError(
                f"SpectralDistortion takes sequences (batch, T, bands), not {tuple(frames.shape)}"
            )
        batch, steps, bands = frames.shape

        def drawn(most: float) -> Tensor:
            where: Any = {"device": frames.device, "dtype": frames.dtype}
            return (2 * torch.rand(batch, generator=generator, **where) - 1) * most

        x = _resampled(frames, 2, 1 + drawn(self.warp), drawn(self.tilt))
        x = _resampled(x, 1, 1 + drawn(self.stretch), drawn(self.shift))
        x = x * (1 + drawn(self.gain).view(-1, 1, 1))
        if self.noise:
            size = drawn(self.noise).abs().view(-1, 1, 1)
            noise = torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)
            x = (x + size * noise).clamp(min=0)
        for axis, length, most in ((2, bands, self.band_mask), (1, steps, self.step_mask)):
            for _ in range(self.masks if most else 0):
                width = (drawn(0.5) + 0.5) * (most + 1)
                start = (drawn(0.5) + 0.5) * (length - width.floor() + 1).clamp(min=1)
                places = torch.arange(length, device=x.device)
                first = start.floor().unsqueeze(1)
                inside = (places >= first) & (places < first + width.floor().unsqueeze(1))
                x = x.masked_fill(inside.unsqueeze(3 - axis), 0.0)
        return x


def _resampled(x: Tensor, axis: int, factor: Tensor, shift: Tensor) -> Tensor:
    """Return x read at place / factor - shift along an axis, between two places in proportion."""
    if not shift.any() and bool((factor == 1).all()):
        return x
    length = x.shape[axis]
    places = torch.arange(length, device=x.device, dtype=x.dtype)
    read = places / factor.unsqueeze(1) - shift.unsqueeze(1)
    before = read.floor()
    share = read - before
    total = torch.zeros_like(x)
    for index, weight in ((before.long(), 1 - share), (before.long() + 1, share)):
        inside = (index >= 0) & (index < length)
        shape = (len(x), -1, 1) if axis == 1 else (len(x), 1, -1)
        taken = index.clamp(0, length - 1).view(shape).expand(x.shape)
        total = total + x.gather(axis, taken) * (weight * inside).view(shape)
    return total
