"""Augmentation: images turned, moved, scaled, sheared and bent at random, a batch at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import check_numbers

MAXIMUM_SMOOTHNESS = 64


@dataclass(frozen=True)
class Distortion:
    """Random affine and elastic distortions, a new one for each image of a batch.

    Every affine number is drawn uniformly and independently: the angle from [-rotation, rotation],
    each of the two shifts from [-shift, shift], the factor from [1 - scale, 1 + scale], the angle
    of the shear from [-shear, shear]. The elastic part displaces every pixel by a smooth random
    field: see `elastic_field`. See `transform` for what they do. Distorted copies of the training
    images are the classical remedy for small training sets: P. Y. Simard, D. Steinkraus and
    J. C. Platt, Best practices for convolutional neural networks applied to visual document
    analysis, ICDAR 2003.

    Attributes:
        image_shape: Rows and columns of an image.
        rotation: Largest rotation either way, in degrees, 0 to 180.
        shift: Largest shift in each direction, in pixels, 0 or more.
        scale: Largest change of size, as a part of it, from 0 to below 1.
        shear: Largest shear either way, in degrees, from 0 to below 90.
        elastic: Standard deviation of a pixel's elastic displacement along either axis, in pixels,
            0 or more.
        smoothness: Width of the Gaussian that smooths the field of displacements, in pixels, above
            0 and at most 64: noise is drawn so far beyond the edges.
    """

    image_shape: tuple[int, int] = (28, 28)
    rotation: float = 0.0
    shift: float = 0.0
    scale: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    smoothness: float = 5.0

    def __post_init__(self) -> None:
        if len(self.image_shape) != 2 or min(self.image_shape) < 1:
            raise UserError(
                f"image_shape = {self.image_shape}: expected (rows, columns), 1 or more"
            )
        names = ("rotation", "shift", "scale", "shear", "elastic", "smoothness")
        check_numbers(**{name: getattr(self, name) for name in names})
        for name, holds, wanted in (
            ("rotation", 0 <= self.rotation <= 180, "0 to 180 degrees"),
            ("shift", 0 <= self.shift < math.inf, "0 pixels or more"),
            ("scale", 0 <= self.scale < 1, "0 or more, below 1"),
            ("shear", 0 <= self.shear < 90, "0 or more, below 90 degrees"),
            ("elastic", 0 <= self.elastic < math.inf, "0 pixels or more"),
            ("smoothness", 0 < self.smoothness <= MAXIMUM_SMOOTHNESS, "above 0 pixels, at most 64"),
        ):
            if not holds:
                raise UserError(f"{name} = {getattr(self, name)}: expected {wanted}")

    def __call__(self, frames: Tensor, generator: torch.Generator) -> Tensor:
        """Transform each image of a batch by a draw of its own.

        Args:
            frames: Floating-point images (batch, rows * columns) or (batch, channels, rows,
                columns); all channels of an image are transformed alike.
            generator: Its state alone decides what is drawn, on whatever device it is. Five numbers
                are drawn per image, whichever ranges are zero, and then the elastic field, where
                there is one; none if all are.

        Returns:
            Images of the same shape, type and device; `frames` itself if all ranges are zero.

        Raises:
            UserError: If the frames are not floating-point images of the size.
        """
        images = self._as_images(frames)
        if not any((self.rotation, self.shift, self.scale, self.shear, self.elastic)):
            return frames
        draws = torch.rand(len(frames), 5, generator=generator, device=generator.device)
        rotation, right, down, scale, shear = (2 * draws - 1).to(frames.device).unbind(1)
        moved = transform(
            images,
            rotation=rotation * self.rotation,
            shift=torch.stack([right, down], dim=1) * self.shift,
            scale=1 + scale * self.scale,
            shear=shear * self.shear,
            displacement=self._displacement(len(frames), generator, images.device),
        )
        return moved.reshape(frames.shape)

    def _displacement(
        self, count: int, generator: torch.Generator, device: torch.device
    ) -> Tensor | None:
        if not self.elastic:
            return None
        field = elastic_field(count, self.image_shape, self.smoothness, generator)
        return (field * self.elastic).to(device)

    def _as_images(self, frames: Tensor) -> Tensor:
        rows, columns = self.image_shape
        is_flat = frames.dim() == 2 and frames.shape[1] == rows * columns
        is_image = frames.dim() == 4 and frames.shape[2:] == (rows, columns)
        if not (is_flat or is_image) or not frames.is_floating_point():
            raise UserError(
                f"frames have shape {tuple(frames.shape)} and type {frames.dtype}: expected "
                f"floating-point (batch, {rows * columns}) or (batch, channels, {rows}, {columns})"
            )
        return frames.reshape(len(frames), 1, rows, columns) if is_flat else frames


def elastic_field(
    count: int, image_shape: tuple[int, int], smoothness: float, generator: torch.Generator
) -> Tensor:
    """Draw smooth random displacements of standard deviation 1: Gaussian noise, smoothed.

    Simard et al. (2003) smooth uniform noise from [-1, 1] and scale it by alpha, which comes to a
    standard deviation of alpha / (2 sqrt(3 pi) smoothness) pixels. The noise here reaches past the
    edges, so that pixels at the edge move as far as any other.

    Args:
        count: Number of fields.
        image_shape: Rows and columns.
        smoothness: Width (standard deviation) of the Gaussian, pixels, above 0.
        generator: Draws the noise, on its own device.

    Returns:
        (count, rows, columns, 2), float32: displacements to the right and down.
    """
    smooth = [_gaussian_band(size, smoothness).to(generator.device) for size in image_shape]
    noisy = (count, 2, *(len(band.T) for band in smooth))
    noise = torch.randn(noisy, generator=generator, device=generator.device)
    with torch.autocast(generator.device.type, enabled=False):
        field = smooth[0] @ noise @ smooth[1].T
    return field.permute(0, 2, 3, 1)


def _gaussian_band(size: int, width: float) -> Tensor:
    """Return the matrix (size, size + 2 reach) whose rows smooth white noise to variance 1."""
    reach = math.ceil(3 * width)
    distance = torch.arange(size + 2 * reach) - reach - torch.arange(size)[:, None]
    band = torch.exp(-(distance.square()) / (2 * width**2)) * (distance.abs() <= reach)
    return band / band.square().sum(dim=1, keepdim=True).sqrt()


def transform(
    images: Tensor,
    *,
    rotation: Tensor,
    shift: Tensor,
    scale: Tensor,
    shear: Tensor,
    displacement: Tensor | None = None,
) -> Tensor:
    """Shear, scale and turn each image about its centre, then shift it.

    With x to the right and y down, both in pixels from the centre of the image, what was at p
    arrives at

        R(rotation) diag(scale, scale) [[1, tan(shear)], [0, 1]] p + shift

    where R turns counter-clockwise as one looks at the image. With a displacement d, the pixel at q
    of the result shows what would have arrived at q + d(q) without it. Pixels of the result are
    interpolated bilinearly; what lies outside the image is zero. Grids and samples are computed in
    float32, or in float64 for float64 images.

    Args:
        images: (batch, channels, rows, columns).
        rotation: Degrees, (batch,).
        shift: Pixels to the right and down, (batch, 2).
        scale: Factors above 0, (batch,).
        shear: Degrees between -90 and 90, (batch,): what is below the centre moves to the right.
        displacement: Pixels to the right and down, (batch, rows, columns, 2); None is none.
    """
    dtype = torch.float64 if images.dtype == torch.float64 else torch.float32
    angle, lean = (torch.deg2rad(each.to(dtype)) for each in (rotation, shear))
    cosine, sine, slope = torch.cos(angle), torch.sin(angle), torch.tan(lean)
    # From a pixel of the result back to its origin: [[1, -slope], [0, 1]] R(-rotation) / scale. On
    # a screen, with y down, counter-clockwise is [[cos, sin], [-sin, cos]].
    back = torch.stack([cosine - slope * sine, -sine - slope * cosine, sine, cosine], dim=1)
    back = back.reshape(-1, 2, 2) / scale.to(dtype)[:, None, None]
    offset = -(back * shift.to(dtype)[:, None, :]).sum(dim=2, keepdim=True)
    # affine_grid measures both axes from -1 to 1, edge to edge.
    rows, columns = images.shape[2:]
    half = torch.tensor([columns / 2, rows / 2], dtype=dtype, device=images.device)
    theta = torch.cat([back * half / half[:, None], offset / half[:, None]], dim=2)
    with torch.autocast(images.device.type, enabled=False):  # bfloat16 misplaces pixels
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        if displacement is not None:
            linear = theta[:, None, None, :, :2] / half
            grid = grid + (linear @ displacement.to(dtype)[..., None]).squeeze(-1)
        moved = functional.grid_sample(
            images.to(dtype), grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )
    return moved.to(images.dtype)
