"""Several processes that train one network: each learns from its part of every batch.

`torchrun --nproc-per-node=N` starts the processes. All of them hold the same weights and draw the
same order of samples; gradients are averaged by PyTorch's DistributedDataParallel, so that the
training is that of one process with the same batches, up to the rounding of sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from sc_neurocore.errors import UserError

_T = TypeVar("_T")


@dataclass(frozen=True)
class Group:
    """The processes that train together. Its methods are called by all of them at the same moment.

    Attributes:
        rank: This process's number, from 0; the first one reports and writes files.
        size: Number of processes.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this is the process that reports and writes files."""
        return self.rank == 0

    def part(self, number: int) -> slice:
        """Return which of a number of things are this process's; sizes differ by one at most."""
        return slice(self.rank * number // self.size, (self.rank + 1) * number // self.size)

    def wrapped(self, net: nn.Module, device: torch.device, all_used: bool = True) -> nn.Module:
        """Return the network to call, whose backward averages gradients over the group.

        Args:
            net: The network.
            device: Of this process.
            all_used: Whether every parameter has a gradient in every step.
        """
        if self.size == 1:
            return net
        devices = [device] if device.type == "cuda" else None
        return DistributedDataParallel(net, devices, find_unused_parameters=not all_used)

    def added(self, values: Tensor) -> Tensor:
        """Return the sum over the processes."""
        if self.size == 1:
            return values
        total = values.clone()
        distributed.all_reduce(total)
        return total

    def follow_first(self, tensors: Iterable[Tensor]) -> None:
        """Give tensors the values that they have in the first process."""
        if self.size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, 0)

    def any(self, *flags: bool, device: torch.device) -> tuple[bool, ...]:
        """Return, for each flag, whether it is set in a process."""
        if self.size == 1:
            return flags
        return tuple(count > 0 for count in self.added(torch.tensor(flags, device=device).int()))

    def gathered(self, value: _T) -> list[_T]:
        """Return the values of all processes."""
        if self.size == 1:
            return [value]
        values: list[_T] = [value] * self.size
        distributed.all_gather_object(values, value)
        return values

    def from_first(self, value: _T) -> _T:
        """Return the first process's value."""
        if self.size == 1:
            return value
        values: list[_T] = [value]
        distributed.broadcast_object_list(values)
        return values[0]


ALONE = Group()


def current_group() -> Group:
    """Return the group that this process belongs to."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return ALONE
    return Group(distributed.get_rank(), distributed.get_world_size())


def is_first_process() -> bool:
    """Whether this process is alone or the first that torchrun started: the one that speaks."""
    return not is_started_by_torchrun() or os.environ["RANK"] == "0"


def is_started_by_torchrun() -> bool:
    """Whether this process is one of several that torchrun started."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


@contextmanager
def joined(device: str) -> Iterator[torch.device]:
    """Join the group that torchrun started, if it did, and leave it at the end.

    Args:
        device: "cpu", or "cuda" for the GPU that is this process's.

    Yields:
        The device of this process.

    Raises:
        UserError: If there is no such device.
    """
    place = find_device(device)
    if not is_started_by_torchrun() or distributed.is_initialized():
        yield place
        return
    if place.type == "cuda":
        place = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(place)
    distributed.init_process_group("nccl" if place.type == "cuda" else "gloo")
    try:
        yield place
    finally:
        distributed.destroy_process_group()


def find_device(device: str) -> torch.device:
    """Return the device of that name.

    Raises:
        UserError: If PyTorch has none here.
    """
    try:
        place = torch.device(device)
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        known: Sequence[str] = ("cpu", "cuda") if torch.cuda.is_available() else ("cpu",)
        reason = str(error).splitlines()[0]
        raise UserError(
            f"device {device!r}: {reason}; PyTorch sees {', '.join(known)} here"
        ) from None
    return place
