"""Windows that move over images: where they stand, and what they see."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sc_neurocore.array_types import Array
from sc_neurocore.network.schema import Shape


@dataclass(frozen=True)
class Windows:
    """How windows move over an image; each field is for rows and for columns.

    Attributes:
        size: Positions in a window.
        stride: From one window to the next.
        padding: Rows and columns around the image, on each side.
        dilation: From one position in a window to the next.
    """

    size: Shape
    stride: tuple[int, int]
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def taps(self) -> int:
        """How many values a window sees."""
        return math.prod(self.size)

    @property
    def span(self) -> Shape:
        """Rows and columns from the first position in a window to the last one, both counted."""
        return tuple(
            dilation * (size - 1) + 1
            for size, dilation in zip(self.size, self.dilation, strict=True)
        )

    def counts(self, image: Shape, what: str) -> Shape:
        """Return how many windows stand below and beside each other.

        Args:
            image: Rows and columns.
            what: What the windows are, for the message.

        Raises:
            ValueError: If there is room for none.
        """
        room = tuple(size + 2 * pad for size, pad in zip(image, self.padding, strict=True))
        if any(span > size for span, size in zip(self.span, room, strict=True)):
            spread = f" when it is spread over {self.span}" if self.span != self.size else ""
            around = f" with {self.padding} around" if any(self.padding) else ""
            most = tuple(
                max(1, (size - 1) // dilation + 1)
                for size, dilation in zip(room, self.dilation, strict=True)
            )
            raise ValueError(
                f"{what} {self.size} is larger than {image}{around}{spread}: no output is left; "
                f"at most {most} has room"
            )
        return tuple(
            (size - span) // stride + 1
            for size, span, stride in zip(room, self.span, self.stride, strict=True)
        )

    def left_over(self, image: Shape) -> Shape:
        """Return how many of the last rows and columns no window sees; zeros around count too."""
        return tuple(
            (size + 2 * pad - span) % stride
            for size, pad, span, stride in zip(
                image, self.padding, self.span, self.stride, strict=True
            )
        )

    def padded(self, shape: Shape) -> int:
        """Return how many values (channels, rows, columns) has with the padding around it."""
        (above, left), (channels, rows, columns) = self.padding, shape
        return channels * (rows + 2 * above) * (columns + 2 * left)

    def check_divides(self, image: Shape, what: str) -> None:
        """Raise ValueError, naming the windows as `what`, unless they see the whole image."""
        left = self.left_over(image)
        if any(left):
            seen = tuple(size - rest for size, rest in zip(image, left, strict=True))
            raise ValueError(
                f"{what} {self.size}, {self.stride} apart, does not divide {image}: the last "
                f"{left[0]} rows and {left[1]} columns would be left out; crop to {seen}, pad, or "
                f"take windows that divide"
            )

    def views(self, images: Array, counts: Shape) -> Iterator[Array]:
        """Yield, for each position in a window, what all windows see there.

        Args:
            images: (..., rows, columns), the padding included.
            counts: Windows below and beside each other; the last axes of what is yielded.
        """
        for position in np.ndindex(*self.size):
            rows, columns = (
                slice(index * apart, index * apart + (count - 1) * jump + 1, jump)
                for index, apart, count, jump in zip(
                    position, self.dilation, counts, self.stride, strict=True
                )
            )
            yield images[..., rows, columns]


def expect_image(shape: Shape, what: str) -> None:
    """Raise ValueError unless a shape is channels, rows and columns."""
    if len(shape) != 3:
        raise ValueError(f"{what} expects an input (channels, height, width), but {shape} arrives")
