"""Where samples come from, a batch at a time, in the type in which they come.

A `Dataset` of ours, a data set of PyTorch, a DataLoader, or anything that can be iterated again and
again. Only the batch that is learnt becomes floating-point numbers.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.arguments import check_takes, shown
from sc_neurocore.training.encoders import find_encoder


class Batch(NamedTuple):
    """Samples that are learnt together.

    Attributes:
        inputs: (batch, *shape), or sequences (batch, T, *shape), in the type in which they came.
        targets: (batch, ...).
        lengths: Valid steps of each sequence, (batch,).
    """

    inputs: Tensor
    targets: Tensor
    lengths: Tensor | None = None

    def part(self, part: slice) -> Batch:
        """Return some of the samples."""
        lengths = None if self.lengths is None else self.lengths[part]
        return Batch(self.inputs[part], self.targets[part], lengths)


class BatchLayout(NamedTuple):
    """How the inputs of data that are not our `Dataset` are laid out.

    Attributes:
        time_axis: None for static inputs (batch, ...), 1 for sequences (batch, T, ...), 0 for
            (T, batch, ...).
        packed: The shape of one frame where eight spikes are a byte of the last axis, as
            `numpy.packbits` makes them of the flattened frame; None where they are not packed.
    """

    time_axis: int | None = None
    packed: tuple[int, ...] | None = None


STATIC = BatchLayout()


class Source:
    """Samples, and how a network takes them.

    Args:
        net: Its parameters say where and in which type.
        steps: Time steps of a static sample.
        encoder: A name in `ENCODERS`.

    Attributes:
        samples: How many there are, or None.
        classes: How many classes they have, or None where nobody has counted.
    """

    samples: int | None = None
    classes: int | None = None
    is_sequence = False

    def __init__(self, net: nn.Module, steps: int, encoder: str) -> None:
        parameter = next(net.parameters(), torch.empty(0))
        self.device = parameter.device
        self.dtype = parameter.dtype
        self.steps = steps
        self._encoder = find_encoder(encoder)

    def generator(self, seed: int) -> torch.Generator:
        """Return a generator of random numbers for inputs."""
        return torch.Generator(self.device).manual_seed(seed)

    def batches(self, batch_size: int) -> int | None:
        """Return how many batches an epoch has, or None."""
        return None if self.samples is None else math.ceil(self.samples / batch_size)

    def draw(self) -> Any:
        """Draw, from PyTorch's random numbers, what decides the order of an epoch."""
        raise NotImplementedError

    def epoch(self, drawn: Any, batch_size: int, skip: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, but for the first ones."""
        raise NotImplementedError

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples once, as they are."""
        raise NotImplementedError

    def identity(self) -> dict[str, Any]:
        """Return plain values that tell the data from others, as far as that can be known."""
        raise NotImplementedError

    def numbers(self, inputs: Tensor) -> Tensor:
        """Return inputs as numbers in the network's type, where the network is."""
        return inputs.to(self.device, self.dtype)

    def encoded(
        self, frames: Tensor, generator: torch.Generator, part: slice = slice(None)
    ) -> tuple[Tensor, int | None]:
        """Return what a network takes, of numbers (batch, *shape); sequences (batch, T, *shape).

        Args:
            frames: A batch.
            generator: For encoders that draw at random.
            part: The samples to return; random numbers are drawn for all of them.
        """
        if self.is_sequence:
            x, steps = self._encoder(frames.transpose(0, 1), None, generator)
        else:
            x, steps = self._encoder(frames, self.steps, generator)
        return (x[:, part] if steps is None else x[part]), steps


class Samples(Source):
    """A `Dataset` of ours."""

    def __init__(self, net: nn.Module, dataset: Dataset, steps: int, encoder: str) -> None:
        super().__init__(net, dataset.steps or steps, encoder)
        self._dataset = dataset
        with warnings.catch_warnings():  # of memory that is not to be written, which nobody does
            warnings.simplefilter("ignore", UserWarning)
            self.inputs = _indexable(torch.from_numpy(dataset.inputs)).to(self.device)
            self.labels = torch.from_numpy(dataset.labels).to(self.device, torch.int64)
        self.samples = len(dataset)
        self.classes = dataset.n_classes
        self.is_sequence = dataset.steps is not None
        self._unit = 2.0**-dataset.fraction_bits

    def draw(self) -> Tensor:
        """Return the order of the samples."""
        return torch.randperm(len(self.labels))

    def epoch(self, drawn: Any, batch_size: int, skip: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, but for the first ones."""
        order = drawn.to(self.device)
        for indices in torch.split(order, batch_size)[skip:]:
            yield Batch(self.inputs[indices], self.labels[indices])

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples once, as they are."""
        batches = zip(
            torch.split(self.inputs, batch_size), torch.split(self.labels, batch_size), strict=True
        )
        return (Batch(*each) for each in batches)

    def identity(self) -> dict[str, Any]:
        """Return the name, the size and the content's hash."""
        return {**sizes(self._dataset.name, self.samples), "sha256": self._dataset.sha256()}

    def numbers(self, inputs: Tensor) -> Tensor:
        """Return inputs as numbers in the network's type."""
        return (inputs.to(torch.float32) * self._unit).to(self.dtype)


def augmented(augment: Any, frames: Tensor, generator: torch.Generator) -> Tensor:
    """Return frames that an augmentation has changed.

    Raises:
        UserError: If it does not take what it is given, or answers something else.
    """
    check_takes("augment", augment, "frames", "generator")
    changed = augment(frames, generator)
    if not isinstance(changed, Tensor) or changed.shape != frames.shape:
        found = tuple(changed.shape) if isinstance(changed, Tensor) else shown(changed)
        raise UserError(
            f"augment {shown(augment)}: it made {found} of frames of shape {tuple(frames.shape)}: "
            f"expected a tensor of the same shape"
        )
    if changed.dtype != frames.dtype or changed.device != frames.device:
        raise UserError(
            f"augment {shown(augment)}: it made {changed.dtype} on {changed.device} of frames of "
            f"{frames.dtype} on {frames.device}: expected the same, by .to(frames)"
        )
    return changed


def sizes(name: str, size: int | None) -> dict[str, Any]:
    """Return what is known of any data."""
    return {"name": name, "samples": size}


def _indexable(tensor: Tensor) -> Tensor:
    """Return unsigned numbers of more than 8 bits in a type that PyTorch can index."""
    wider = {torch.uint16: torch.int32, torch.uint32: torch.int64, torch.uint64: torch.int64}
    return tensor.to(wider.get(tensor.dtype, tensor.dtype))
