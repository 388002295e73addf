"""Data that are not ours: data sets of PyTorch, DataLoaders, and anything that can be iterated."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, default_collate
from torch.utils.data import Dataset as TorchDataset

from sc_neurocore.data.dataset import Dataset
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.kernels.arguments import shown
from sc_neurocore.training.sources import STATIC, Batch, BatchLayout, Samples, Source, sizes

_T = TypeVar("_T")
_END: Any = object()
_WHAT = (
    "a Dataset of sc_neurocore.data, a torch Dataset, a DataLoader, or batches (inputs, targets) "
    "or (inputs, targets, lengths) that can be iterated again"
)


class _Foreign(Source):
    """Data that are not ours."""

    def __init__(
        self, net: nn.Module, data: Any, layout: BatchLayout, steps: int, encoder: str, name: str
    ) -> None:
        super().__init__(net, steps, encoder)
        self.data = data
        self.name = name
        self.layout = layout
        self.is_sequence = layout.time_axis is not None

    def numbers(self, inputs: Tensor) -> Tensor:
        """Return inputs as numbers in the network's type, where the network is."""
        shape = self.layout.packed
        if shape is None:  # a copy, which augmentations and networks may write to
            return inputs.detach().to(self.device, self.dtype, copy=True)
        inputs = inputs.to(self.device)
        places = torch.arange(7, -1, -1, device=self.device, dtype=torch.uint8)
        bits = (inputs.unsqueeze(-1) >> places) & 1
        bits = bits.flatten(-2)[..., : math.prod(shape)]
        return bits.to(self.dtype).reshape(*inputs.shape[:-1], *shape)

    def batch(self, item: Any) -> Batch:
        """Return what came as a batch.

        Raises:
            DataError: If it is none.
        """
        if not isinstance(item, tuple | list) or len(item) not in (2, 3):
            found = f"{len(item)} parts" if isinstance(item, tuple | list) else _described(item)
            raise DataError(
                f"{self.name}: a batch is {found}: expected (inputs, targets) or (inputs, targets, "
                f"lengths); two tensors of all samples become batches by DataLoader("
                f"TensorDataset(x, y), batch_size=32, shuffle=True)"
            )
        names = ("inputs", "targets", "lengths")
        inputs, targets, *more = (
            _tensor(f"{self.name}: {name}", each) for name, each in zip(names, item, strict=False)
        )
        return self._checked(inputs, targets, more[0] if more else None)

    def _checked(self, inputs: Tensor, targets: Tensor, lengths: Tensor | None) -> Batch:
        shape, axis = tuple(inputs.shape), self.layout.time_axis
        if inputs.is_complex():
            raise DataError(
                f"{self.name}: inputs of type {inputs.dtype}: expected real numbers; "
                f"torch.view_as_real(x) makes two channels of them"
            )
        least = 1 if axis is None else 2
        if inputs.ndim <= least:
            raise DataError(
                f"{self.name}: inputs have shape {shape}: expected "
                f"{'(batch, ...)' if axis is None else 'a batch, a time'} and one axis more"
            )
        if axis == 0:
            inputs = inputs.transpose(0, 1)
            if targets.ndim > 2 and targets.shape[:2] == shape[:2]:
                targets = targets.transpose(0, 1)
        if self.layout.packed is not None:
            wanted = math.ceil(math.prod(self.layout.packed) / 8)
            if inputs.dtype != torch.uint8 or inputs.shape[-1] != wanted:
                raise DataError(
                    f"{self.name}: packed frames of shape {self.layout.packed} have {wanted} "
                    f"bytes, but inputs of shape {shape} and type {inputs.dtype} came"
                )
        if not targets.ndim or len(targets) != len(inputs) or not len(inputs):
            raise DataError(
                f"{self.name}: inputs of shape {shape} and targets of shape "
                f"{tuple(targets.shape)}: expected as many of both, and one at least"
                f"{self._axis_advice(inputs, targets)}"
            )
        if lengths is not None:
            if axis is None:
                raise DataError(
                    f"{self.name}: lengths came, but the inputs are taken for static ones: give "
                    f"time_axis=1 for inputs (batch, T, ...), 0 for (T, batch, ...)"
                )
            steps = inputs.shape[1]
            found = None
            if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
                found = f"of type {lengths.dtype}"
            elif lengths.shape != (len(inputs),):
                found = f"of shape {tuple(lengths.shape)}"
            elif int(lengths.min()) < 1 or int(lengths.max()) > steps:
                found = shown(lengths.tolist())
            if found is not None:
                advice = "; a mask (batch, T) has them in mask.sum(1)" * (lengths.ndim == 2)
                raise DataError(
                    f"{self.name}: lengths {found}: expected {len(inputs)} whole numbers from 1 to "
                    f"{steps}, one per sequence{advice}"
                )
            lengths = lengths.to(self.device, torch.int64)
        return Batch(inputs, targets.detach().to(self.device), lengths)

    def _axis_advice(self, inputs: Tensor, targets: Tensor) -> str:
        if self.layout.time_axis == 1 and inputs.shape[1] == len(targets):
            return "; inputs (T, batch, ...) take time_axis=0"
        if self.layout.time_axis == 0 and targets.ndim and inputs.shape[1] == len(targets):
            return "; inputs (batch, T, ...) take time_axis=1"
        return ""


class Indexed(_Foreign):
    """A data set of PyTorch whose samples have numbers: read one by one, collated by PyTorch."""

    def __init__(
        self, net: nn.Module, data: Any, layout: BatchLayout, steps: int, encoder: str
    ) -> None:
        super().__init__(net, data, layout, steps, encoder, type(data).__name__)
        self.samples = len(data)

    def draw(self) -> tuple[Tensor, int]:
        """Return the order of the samples, and a seed for what is random in reading them."""
        return torch.randperm(len(self.data)), int(torch.randint(1 << 62, ()))

    def epoch(self, drawn: Any, batch_size: int, skip: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, but for the first ones, which are not even read."""
        order, seed = drawn
        for number, indices in enumerate(torch.split(order, batch_size)):
            if number >= skip:
                yield self._read(indices.tolist(), seed + number)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield all samples once, as they are."""
        for start in range(0, len(self.data), batch_size):
            stop = min(start + batch_size, len(self.data))
            yield self._read(list(range(start, stop)), start)

    def identity(self) -> dict[str, Any]:
        """Return the kind and the size: the content is not looked at."""
        return {**sizes(self.name, self.samples), "layout": list(map(str, self.layout))}

    def _read(self, indices: list[int], seed: int) -> Batch:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            samples = [self.data[index] for index in indices]
        try:
            return self.batch(default_collate(samples))
        except (RuntimeError, TypeError) as error:
            raise DataError(
                f"{self.name}: samples {indices[:3]} ... cannot be put together: "
                f"{str(error).splitlines()[0]}; give a DataLoader with a collate_fn of your own, "
                f"which may pad sequences and return their lengths"
            ) from None


class Stream(_Foreign):
    """Batches that come from a DataLoader or another iterable."""

    def __init__(
        self, net: nn.Module, data: Any, layout: BatchLayout, steps: int, encoder: str
    ) -> None:
        super().__init__(net, data, layout, steps, encoder, type(data).__name__)
        try:
            self._number: int | None = len(data)
        except TypeError:
            self._number = None

    def batches(self, batch_size: int) -> int | None:
        """Return how many batches come, or None where nobody can know."""
        return self._number

    def draw(self) -> int:
        """Return a seed for all that is random in the stream."""
        return int(torch.randint(1 << 62, ()))

    def epoch(self, drawn: Any, batch_size: int, skip: int) -> Iterator[Batch]:
        """Yield the batches of an epoch, but for the first ones, which come and are dropped.

        The stream draws from PyTorch's random numbers as if it were alone, so that it comes again
        as it came, wherever the network draws.
        """
        for name in ("", "sampler.", "batch_sampler.sampler."):
            generator: Any = self.data
            for part in f"{name}generator".split("."):
                generator = getattr(generator, part, None)
            if isinstance(generator, torch.Generator):
                generator.manual_seed(drawn)
        random = torch.Generator().manual_seed(drawn).get_state()

        def alone(run: Callable[[], _T]) -> _T:
            nonlocal random
            before = torch.random.get_rng_state()
            torch.random.set_rng_state(random)
            try:
                return run()
            finally:
                random = torch.random.get_rng_state()
                torch.random.set_rng_state(before)

        iterator = alone(lambda: iter(self.data))
        number = 0
        while (item := alone(lambda: next(iterator, _END))) is not _END:
            if number >= skip:
                yield self.batch(item)
            number += 1

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Yield what comes, once; what is random in it comes the same every time."""
        return self.epoch(0, batch_size, 0)

    def identity(self) -> dict[str, Any]:
        """Return the kind and the length: the content is not looked at."""
        return {**sizes(self.name, self._number), "layout": list(map(str, self.layout))}


def make_source(
    net: nn.Module,
    data: Any,
    steps: int,
    encoder: str,
    batch_size: int,
    layout: BatchLayout = STATIC,
    passes: int = 1,
) -> Source:
    """Return the source of anything that holds samples.

    Args:
        net: As for `Source`.
        data: See `fit`.
        steps: As for `Source`.
        encoder: As for `Source`.
        batch_size: Of an iterable data set of PyTorch, which comes sample by sample.
        layout: Of what is not our `Dataset`.
        passes: How often it is read.

    Raises:
        UserError: If it is nothing of that kind.
        DataError: If it is empty.
    """
    if layout.time_axis not in (None, 0, 1) or isinstance(layout.time_axis, bool):
        raise UserError(
            f"time_axis = {shown(layout.time_axis)}: expected None for static inputs, 1 for "
            f"(batch, T, ...), 0 for (T, batch, ...)"
        )
    if isinstance(data, Dataset):
        if layout != STATIC:
            raise UserError(f"{data.name} knows its axes itself: leave time_axis and packed out")
        source: Source = Samples(net, data, steps, encoder)
    elif isinstance(data, Tensor | np.ndarray | str | Mapping | type | nn.Module) or not (
        hasattr(data, "__iter__") or hasattr(data, "__getitem__")
    ):
        advice = "; TensorDataset(x, y) makes one of tensors" * isinstance(
            data, Tensor | np.ndarray
        )
        raise UserError(f"data: found {_described(data)}, expected {_WHAT}{advice}")
    elif isinstance(data, IterableDataset):
        source = Stream(net, DataLoader(data, batch_size=batch_size), layout, steps, encoder)
        source.name = type(data).__name__
    elif isinstance(data, TorchDataset) and hasattr(data, "__len__"):
        source = Indexed(net, data, layout, steps, encoder)
    else:
        if passes > 1 and iter(data) is data:
            raise UserError(
                f"data: found a {type(data).__name__}, which can be read once, for {passes} "
                f"epochs: give a list, a DataLoader, or an object whose __iter__ begins anew"
            )
        source = Stream(net, data, layout, steps, encoder)
    if source.samples == 0 or source.batches(batch_size) == 0:
        name = getattr(data, "name", type(data).__name__)
        raise DataError(f"{name}: the training set is empty")
    return source


def _tensor(what: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.to_dense() if value.layout != torch.strided else value
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{what}: found {_described(value)}, expected a tensor or an array ("
            f"{str(error).splitlines()[0]}); images become tensors by a transform such as ToTensor"
        ) from None


def _described(value: Any) -> str:
    if isinstance(value, Tensor | np.ndarray):
        return f"a {type(value).__name__} of shape {tuple(value.shape)}"
    return f"a {type(value).__name__}"
