"""Parameters of a neuron that are not learnt, as buffers of a module."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sc_neurocore.errors import UserError


class FixedParameters(nn.Module):
    """Values that a state dict holds, a network takes along, and nothing trains.

    One number for all neurons is a buffer of type float64 whatever type the network is moved to:
    0.9 stays 0.9, also in what is exported. Numbers that differ by channel have the network's type.

    A kernel takes numbers, and looking into a tensor waits for its device. So a number is read when
    its buffer was written or replaced, not in every run.
    """

    def __init__(self) -> None:
        super().__init__()
        # By name: the buffer, how often it had been written when it was read, and what it held.
        self._read: dict[str, tuple[Tensor, int | None, float]] = {}

    def put(
        self, name: str, value: NDArray[np.float64], device: torch.device | None = None
    ) -> None:
        """Set a parameter: a number, or one per channel."""
        if value.ndim:
            where: Any = {"dtype": torch.get_default_dtype(), "device": device}
            self._read.pop(name, None)
            self.register_buffer(name, torch.tensor(value, **where))
            return
        self._put_number(name, float(value), device or torch.get_default_device())

    def numbers(self) -> dict[str, float]:
        """Return the parameters that are one number, by name."""
        read = self._read
        # What is compiled reads no tensors: it is compiled anew when a number has changed.
        if not torch.compiler.is_compiling():
            buffers = self._buffers
            for name, (buffer, version, _) in read.items():
                now = buffers[name]
                if now is not buffer or version is None or now._version != version:
                    self._look(name)
        return {name: number for name, (_, _, number) in read.items()}

    def channels(self) -> dict[str, Tensor]:
        """Return the parameters that differ by channel, by name, each (channels,)."""
        return {
            name: buffer
            for name, buffer in self._buffers.items()
            if buffer is not None and name not in self._read
        }

    def _look(self, name: str) -> None:
        buffer = self._buffers[name]
        assert buffer is not None
        if buffer.requires_grad:
            raise UserError(
                f"{name} is fixed, but a tensor that wants a gradient stands in its place: make "
                f"the cell with learn_{name}=True"
            )
        # A buffer without values: what was there before stays.
        has_value = buffer.device.type != "meta"
        number = float(buffer) if has_value else self._read[name][2]
        version = None if buffer.is_inference() else buffer._version
        self._read[name] = buffer, version, number

    def _put_number(self, name: str, number: float, device: torch.device) -> None:
        if device.type == "mps":  # which has no float64
            device = torch.device("cpu")
        self.register_buffer(name, torch.full((), number, dtype=torch.float64, device=device))
        buffer = self._buffers[name]
        assert buffer is not None
        self._read[name] = buffer, None if buffer.is_inference() else buffer._version, number

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> FixedParameters:
        """Move to another device; types are for what differs by channel."""
        numbers = self.numbers()
        for name in numbers:  # float64 would be refused by some devices
            self._buffers[name] = self._buffers[name].float()  # type: ignore[union-attr]
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name, number in numbers.items():
            self._put_number(name, number, self._buffers[name].device)  # type: ignore[union-attr]
        return self
