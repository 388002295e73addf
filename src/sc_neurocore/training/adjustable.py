"""What of a finished cell can be changed, and that it then takes effect on every backend."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from sc_neurocore.equation.neuron import Neuron, Parameter
from sc_neurocore.equation.surrogate import Surrogate
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.backends import BACK_ENDS, BackEnd, candidates, serving
from sc_neurocore.kernels.fused import FusedNeuron
from sc_neurocore.training import arguments
from sc_neurocore.training.fixed import FixedParameters
from sc_neurocore.training.intervals import to_free

Backend: TypeAlias = str
"""One of `kernels.backends.NAMES`."""


class Adjustable(nn.Module):
    """The part of a cell that holds its options and parameters.

    The neuron's parameters are attributes: `cell.beta = 0.8` acts from the next run on, whether
    beta is fixed or learnt. So are surrogate, detach_reset, backend and channel_axis. What cannot
    be changed raises.
    """

    neuron: Neuron
    channels: int | None
    fixed: FixedParameters
    free: nn.ParameterDict
    candidates: tuple[BackEnd, ...]
    fused: FusedNeuron | None
    _surrogate: Surrogate
    _detach_reset: bool
    _backend: Backend
    _channel_axis: int
    _intervals: dict[str, Parameter]

    @property
    def surrogate(self) -> Surrogate:
        """What stands in for the derivative of the spike.

        It can be changed, on every backend alike: `cell.surrogate = cell.surrogate(alpha)` makes it
        narrower, as schedules of the slope do, and compiles nothing.
        """
        return self._surrogate

    @surrogate.setter
    def surrogate(self, surrogate: Surrogate | str) -> None:
        self._surrogate = arguments.as_surrogate(surrogate)
        if self.fused is not None:
            self.fused = self.fused.with_surrogate(self._surrogate)

    @property
    def detach_reset(self) -> bool:
        """Whether the reset sends no gradient to the spike; it can be changed."""
        return self._detach_reset

    @detach_reset.setter
    def detach_reset(self, detach_reset: bool) -> None:
        self._detach_reset = arguments.check_flag("detach_reset", detach_reset)
        self._fuse()

    @property
    def backend(self) -> Backend:
        """Where the cell runs; it can be changed."""
        return self._backend

    @backend.setter
    def backend(self, backend: Backend) -> None:
        self._check_backend(backend)
        self._backend = backend
        self._fuse()

    @property
    def channel_axis(self) -> int:
        """The axis of (batch, ...) that counts channels; it can be changed."""
        return self._channel_axis

    @channel_axis.setter
    def channel_axis(self, axis: int) -> None:
        self._channel_axis = arguments.check_channel_axis(axis)

    def __prepare_scriptable__(self) -> Any:
        raise UserError(
            "torch.jit.script cannot read a cell, whose equation is data: take torch.compile, or "
            "torch.jit.trace of a network made with backend='eager'"
        )

    def __setattr__(self, name: str, value: Any) -> None:
        """Let a parameter be set by its name, and refuse what a finished cell could not follow."""
        own = self.__dict__
        if "_is_made" in own and name not in own and not hasattr(type(self), name):
            neuron: Neuron = own["neuron"]
            if name in neuron.parameters:
                self._set_parameter(name, value)
                return
        if "_is_made" in own:
            arguments.check_change(self.neuron, name)
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        """Return a parameter of the neuron as it acts, which is no attribute otherwise."""
        if "_is_made" in self.__dict__ and name in self.__dict__["neuron"].parameters:
            return self.parameter_values()[name]
        return super().__getattr__(name)

    def _set_parameter(self, name: str, value: Any) -> None:
        """Give a parameter another value, learnt or not."""
        array = arguments.check_value(self.neuron, name, value, self.channels)
        if name not in self.free:
            self.fixed.put(name, array, self.fixed.get_buffer(name).device)
            return
        free = self.free[name]
        if array.ndim and array.shape != tuple(free.shape):
            raise UserError(
                f"{name} has shape {array.shape}, but one for all is learnt: give a number, or "
                f"make the cell with channels={len(array)}"
            )
        spread = torch.from_numpy(np.broadcast_to(array, tuple(free.shape)).copy())
        with torch.no_grad():
            free.copy_(to_free(spread, self._intervals[name]))

    def _check_backend(self, backend: str) -> None:
        arguments.check_backend(backend)

    def _fuse(self) -> None:
        """Take the kernels of what the cell is now."""
        self.candidates = candidates(self.backend)
        self.fused = self._make_fused() if self.candidates else None

    def _make_fused(self, **more: Any) -> FusedNeuron | None:
        """Derive the kernels, or return None where there are none of this kind of cell."""
        learnable = tuple(self.free)
        return FusedNeuron(self.neuron, self.surrogate, self.detach_reset, learnable, **more)

    def _back_end(self, currents: Tensor) -> BackEnd | None:
        """Return what runs these currents; None for the eager kernel.

        Raises:
            UserError: If the backend that was asked for does not run on their device, or somebody
                traces what a trace cannot see.
        """
        chosen = None if self.fused is None else serving(self.candidates, currents.device.type)
        if chosen is None and self.backend in BACK_ENDS:
            devices = " and ".join(BACK_ENDS[self.backend].devices)
            raise UserError(
                f"backend={self.backend!r} runs on {devices}, but the currents are on "
                f"{currents.device}; use backend='auto', or move them"
            )
        if chosen is not None and torch._C._get_tracing_state() is not None:
            raise UserError(
                "torch.jit.trace and ONNX see PyTorch's operations, not a fused kernel: make the "
                "cells with backend='eager', or set cell.backend = 'eager' on each"
            )
        return chosen
