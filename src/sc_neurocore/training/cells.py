"""Neurons as PyTorch modules.

A cell is a pure function of a current and a state: it holds parameters, never a state.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sc_neurocore.equation.neuron import Neuron, ResetKind
from sc_neurocore.equation.surrogate import Surrogate, atan_surrogate
from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.kernels import eager
from sc_neurocore.training.intervals import from_free, to_free

Backend: TypeAlias = Literal["auto", "eager"]
State: TypeAlias = Any
"""A named tuple with one tensor (batch, ...) per state, such as `state.v`."""

_named_tuple = cache(namedtuple)
_PLANNED_BACKENDS = ("numba", "triton")


class Cell(nn.Module):
    """A population of neurons, as many as its input has values.

    `spike, state = cell(current, state)` is one step and `cell.unroll` is many. States are
    explicit: named tuples that go in and come out; None starts from rest.

    Args:
        neuron: The model.
        surrogate: What stands in for the derivative of the spike.
        reset: "subtract", "zero", "none", a number to which the membrane is set, or None for the
            reset lines of the neuron itself.
        detach_reset: Whether the reset sends no gradient to the spike.
        channels: With a number, every learnable parameter has one value per channel; without it,
            one for all.
        channel_axis: The axis of (batch, ...) that counts channels: -1 for dense layers, -3 for
            images.
        learn: The names of the parameters to learn. They keep to their open interval, by a
            logistic map where it is finite and an exponential one where it has one end.
        backend: "eager" steps through PyTorch operations; "auto" takes the fastest backend that
            is here, at present eager.
        options: The neuron's parameters by name, each a number or one number per channel.
            `learn_NAME=True` is another way to put NAME into `learn`.

    Raises:
        UserError: For an unknown parameter, or a value outside its interval.
        ToolMissingError: For a backend that is not here.
    """

    def __init__(
        self,
        neuron: Neuron,
        *,
        surrogate: Surrogate = atan_surrogate,
        reset: ResetKind | None = None,
        detach_reset: bool = True,
        channels: int | None = None,
        channel_axis: int = -1,
        learn: Sequence[str] = (),
        backend: Backend = "auto",
        **options: Any,
    ) -> None:
        super().__init__()
        _check_backend(backend)
        self.neuron = neuron if reset is None else neuron.with_reset(reset)
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self.channels = channels
        self.channel_axis = channel_axis
        self.backend = backend
        given, learnt = _separate(neuron, options, learn)
        # A number that is fixed stays exact; what differs by channel moves with the module.
        self.numbers: dict[str, float] = {}
        self.fixed = nn.Module()
        self.free = nn.ParameterDict()
        for name, interval in neuron.parameters.items():
            value = _checked(neuron, name, given.get(name, interval.default), channels)
            if name in learnt:
                spread = value if channels is None else np.broadcast_to(value, (channels,)).copy()
                free = to_free(torch.from_numpy(spread), interval)
                self.free[name] = nn.Parameter(free.to(torch.get_default_dtype()))
            elif value.ndim:
                default = torch.get_default_dtype()
                self.fixed.register_buffer(name, torch.tensor(value, dtype=default))
            else:
                self.numbers[name] = float(value)

    def forward(self, current: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Advance by one step.

        Args:
            current: Input current (batch, ...).
            state: What the step before returned, or None for rest.

        Returns:
            The spikes, 0 or 1, in the shape of the current, and the new state.
        """
        spikes, new = self.unroll(current, state, steps=1)
        return spikes.squeeze(0), new

    def unroll(
        self,
        currents: Tensor,
        state: State | None = None,
        steps: int | None = None,
        lengths: Tensor | None = None,
        record: Sequence[str] = (),
    ) -> Any:
        """Run over time.

        Args:
            currents: Input currents (T, batch, ...); with `steps`, one static current (batch, ...).
            state: The state to start from, or None for rest.
            steps: Number of steps T for which a static current acts.
            lengths: Valid steps of each sequence, integers (batch,); later steps change nothing
                and do not spike.
            record: Names of states to trace.

        Returns:
            `(spikes, state)`, spikes (T, batch, ...); with `record`, `(spikes, state, trace)`,
            the trace a named tuple of (T, batch, ...), states after reset.

        Raises:
            UserError: If the shapes, the type or a name do not fit.
        """
        eager.check_sequence(self.neuron, currents, steps, lengths, record)
        frame = currents if steps is not None else currents[0]
        result = eager.unroll(
            self.neuron,
            currents,
            None if state is None else self._as_mapping(state, frame),
            parameters=self._values(frame),
            steps=steps,
            lengths=lengths,
            surrogate=self.surrogate,
            detach_reset=self.detach_reset,
            record=record,
        )
        new = self._as_tuple("State", result.state)
        if not record:
            return result.spikes, new
        return result.spikes, new, self._as_tuple("Trace", result.trace)

    def parameter_values(self) -> dict[str, float | NDArray[np.float64]]:
        """Return every parameter of the neuron as it acts: a number, or one per channel."""
        values: dict[str, float | NDArray[np.float64]] = {}
        for name, interval in self.neuron.parameters.items():
            if name in self.numbers:
                values[name] = self.numbers[name]
                continue
            with torch.no_grad():
                tensor = (
                    from_free(self.free[name], interval)
                    if name in self.free
                    else self.fixed.get_buffer(name)
                )
            array = tensor.detach().cpu().double().numpy()
            values[name] = array if array.ndim else float(array)
        return values

    def extra_repr(self) -> str:
        """Say which neuron it is and what is learnt, for printing."""
        learnt = f", learn={tuple(self.free)}" if self.free else ""
        channels = f", channels={self.channels}" if self.channels is not None else ""
        return f"{self.neuron.name}{learnt}{channels}, surrogate={self.surrogate.name}"

    def _values(self, frame: Tensor) -> dict[str, Tensor | float]:
        """Return the parameters, shaped to broadcast against one step's current."""
        values: dict[str, Tensor | float] = dict(self.numbers)
        for name, buffer in self.fixed.named_buffers():
            values[name] = self._along_channels(buffer, frame)
        for name, free in self.free.items():
            bounded = from_free(free, self.neuron.parameters[name])
            values[name] = self._along_channels(bounded, frame)
        return values

    def _along_channels(self, value: Tensor, frame: Tensor) -> Tensor:
        value = value.to(frame.dtype)
        if not value.ndim:
            return value
        if frame.ndim < -self.channel_axis or frame.shape[self.channel_axis] != len(value):
            raise UserError(
                f"{self.neuron.name} has {len(value)} channels along axis {self.channel_axis}, but "
                f"a current of shape {tuple(frame.shape)} arrives"
            )
        return value.view(-1, *(1,) * (-self.channel_axis - 1))

    def _as_mapping(self, state: State, frame: Tensor) -> dict[str, Tensor]:
        fields: Mapping[str, Tensor] = state if isinstance(state, Mapping) else state._asdict()
        for name in self.neuron.states:
            if name not in fields or fields[name].shape != frame.shape:
                found = f"shape {tuple(fields[name].shape)}" if name in fields else "none"
                raise UserError(
                    f"state {name!r} of {self.neuron.name}: found {found}, expected the shape of "
                    f"the current of one step, {tuple(frame.shape)}"
                )
        return {name: fields[name] for name in self.neuron.states}

    def _as_tuple(self, kind: str, values: Mapping[str, Tensor]) -> Any:
        return _named_tuple(f"{self.neuron.name}{kind}", tuple(values))(**values)


def _check_backend(backend: str) -> None:
    if backend in _PLANNED_BACKENDS:
        raise ToolMissingError(
            f"backend={backend!r}: this release has no {backend} kernels; use 'eager' or 'auto'"
        )
    if backend not in ("auto", "eager"):
        raise UserError(f"backend={backend!r}: expected 'auto' or 'eager'")


def _separate(
    neuron: Neuron, options: Mapping[str, Any], learn: Sequence[str]
) -> tuple[dict[str, Any], set[str]]:
    """Tell parameter values from `learn_NAME` flags; refuse names that do not exist."""
    given, learnt = dict(options), {learn} if isinstance(learn, str) else set(learn)
    for name in neuron.parameters:
        if given.pop(f"learn_{name}", False):
            learnt.add(name)
    unknown = sorted((set(given) | learnt) - set(neuron.parameters))
    if unknown:
        known = ", ".join(neuron.parameters) or "none"
        raise UserError(f"{neuron.name} has no parameter {unknown[0]!r}; it has {known}")
    return given, learnt


def _checked(neuron: Neuron, name: str, value: Any, channels: int | None) -> NDArray[np.float64]:
    """Return a parameter's value as an array of no axis or of one, the channels."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{name} = {value!r}: expected a number, or one per channel") from None
    if array.ndim > 1 or (array.ndim and channels is not None and len(array) != channels):
        wanted = "a number, or one per channel"
        wanted += f" ({channels})" if channels is not None else ""
        raise UserError(f"{name} has shape {array.shape}: expected {wanted}")
    for number in np.unique(array):
        neuron.parameters[name].check(name, float(number))
    return array
