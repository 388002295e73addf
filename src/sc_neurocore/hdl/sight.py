"""What neurons see of the neurons before them: where they stand, and through which windows.

Neurons of an image stand in rows and columns, with all their channels at each place. A window sees
rows and columns independently of each other, so that a layer's sight is two lists, one for each
axis: a dense layer sees all places, a convolution those of its kernel, and pooling joins several
places in front of a position of the kernel.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.network.layers.windows import Windows
from sc_neurocore.network.schema import Shape

Seen: TypeAlias = tuple[int, int, int]
"""A position of the kernel, and the first and the last place in front of it."""


@dataclass(frozen=True)
class Layout:
    """Where values stand: `channels` of them at each of the places of an image."""

    channels: int
    rows: int = 1
    columns: int = 1

    @classmethod
    def of(cls, shape: Shape) -> Layout:
        """Return that of a description's shape; a line is an image of one row."""
        if len(shape) == 3:
            return cls(*shape)
        if len(shape) == 2:
            return cls(shape[0], 1, shape[1])
        return cls(math.prod(shape))

    @property
    def positions(self) -> int:
        """Number of places."""
        return self.rows * self.columns

    @property
    def size(self) -> int:
        """Number of values."""
        return self.channels * self.positions

    def flat(self) -> Layout:
        """Return all values at one place, in the description's order."""
        return Layout(self.size)

    def words(self, width: int) -> int:
        """Return how many words of so many channels one place has."""
        return -(-self.channels // width)

    def numbers(self, width: int) -> NDArray[np.int64]:
        """Return each value's number in the engine, in the description's order.

        The engine goes from place to place, row by row, and at each place from word to word of
        `width` channels, the last one padded. The description goes from channel to channel.

        Args:
            width: Channels of a word: lanes, or values of a beat.

        Returns:
            (size,); the numbers that are missing belong to padding.
        """
        place = np.arange(self.positions) * self.words(width) * width
        return np.add.outer(np.arange(self.channels), place).ravel()


@dataclass(frozen=True)
class Axis:
    """How the outputs along one axis see the inputs along it.

    Attributes:
        size: Inputs along the axis.
        taps: Positions of the kernel.
        step: Inputs from what one output sees to what the next one sees, inside the image.
        seen: For each output what it sees, in order.
    """

    size: int
    taps: int
    step: int
    seen: tuple[tuple[Seen, ...], ...]

    @classmethod
    def whole(cls, size: int) -> Axis:
        """One output that sees every input."""
        return cls(size, size, 0, (tuple((place, place, place) for place in range(size)),))

    @classmethod
    def windows(cls, size: int, windows: Windows, axis: int) -> Axis:
        """Windows of single inputs; what lies outside of the image is not seen.

        Args:
            size: Inputs along the axis.
            windows: The windows.
            axis: 0 for rows, 1 for columns.
        """
        taps, step, around, apart = (
            each[axis] for each in (windows.size, windows.stride, windows.padding, windows.dilation)
        )
        count = (size + 2 * around - apart * (taps - 1) - 1) // step + 1
        places = [
            [(tap, output * step - around + tap * apart) for tap in range(taps)]
            for output in range(count)
        ]
        inside = [[(tap, at) for tap, at in each if 0 <= at < size] for each in places]
        return cls(size, taps, step, tuple(tuple((t, a, a) for t, a in each) for each in inside))

    @classmethod
    def pooled(cls, size: int, windows: Windows, axis: int) -> Axis:
        """Windows whose inputs are joined."""
        one_by_one = cls.windows(size, windows, axis)
        seen = tuple(((0, each[0][1], each[-1][1]),) if each else () for each in one_by_one.seen)
        return cls(size, 1, one_by_one.step, seen)

    def behind(self, pooled: Axis) -> Axis:
        """Return how it sees the inputs of what is pooled in front of it."""
        seen = tuple(
            tuple((tap, first, last) for tap, at, _ in each for _, first, last in pooled.seen[at])
            for each in self.seen
        )
        return Axis(pooled.size, self.taps, self.step * pooled.step, seen)

    def seeing(self) -> Axis:
        """Return an axis on which every output sees something.

        What saw nothing sees the first input through a position of the kernel that is added at its
        end, and is to have no weight.
        """
        if all(self.seen):
            return self
        nothing = ((self.taps, 0, 0),)
        return Axis(self.size, self.taps + 1, self.step, tuple(e or nothing for e in self.seen))

    def everywhere(self, outputs: int) -> Axis:
        """Return the sight of the one output for several."""
        return Axis(self.size, self.taps, 0, self.seen * outputs)

    @property
    def outputs(self) -> int:
        """Outputs along the axis."""
        return len(self.seen)

    @property
    def is_plain(self) -> bool:
        """Whether there is one output that sees one input."""
        return self.seen == (((0, 0, 0),),)

    def joined(self) -> NDArray[np.int64]:
        """Return for each position of the kernel the most inputs that are joined there."""
        most = np.zeros(self.taps, dtype=np.int64)
        for each in self.seen:
            for tap, first, last in each:
                most[tap] = max(most[tap], last - first + 1)
        return most
