"""Neurons as PyTorch modules.

A cell is a pure function of a current and a state: it holds parameters, never a state.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sc_neurocore.equation.neuron import Neuron, ResetKind
from sc_neurocore.equation.surrogate import Surrogate, atan_surrogate
from sc_neurocore.errors import UserError
from sc_neurocore.kernels import eager
from sc_neurocore.kernels.arguments import as_whole, check_sequence
from sc_neurocore.kernels.backends import BackEnd
from sc_neurocore.kernels.fused import FusedNeuron, Outputs, Run, can_pool
from sc_neurocore.kernels.scans import computed_in
from sc_neurocore.training import arguments
from sc_neurocore.training.adjustable import Adjustable, Backend
from sc_neurocore.training.fixed import FixedParameters
from sc_neurocore.training.hooks import has_hooks
from sc_neurocore.training.intervals import from_free, to_free
from sc_neurocore.training.loading import check_loading

SPIKES, MEMBRANE = "spikes", "membrane"
"""Names of what can be recorded of any cell, beside its states; the membrane is one of these."""

State: TypeAlias = Any
"""A named tuple with one tensor (batch, ...) per state, such as `state.v`."""


@dataclass
class _Asked:
    """Many steps in place of one, on the way through PyTorch's hooks, and what came of it."""

    steps: int | None
    lengths: Tensor | None
    outputs: Outputs
    run: Run | None = None


_tuple_types: dict[tuple[str, ...], Any] = {}
"""One type per name and fields, in a dictionary through which torch.compile can see."""


class Cell(Adjustable):
    """A population of neurons, as many as its input has values.

    `spike, state = cell(current, state)` is one step and `cell.unroll` is many. States are
    explicit: named tuples that go in and come out; None starts from rest.

    Args:
        neuron: The model.
        surrogate: What stands in for the derivative of the spike, or its name.
        reset: "subtract", "zero", "none", a number to which the membrane is set, or None for the
            reset lines of the neuron itself.
        detach_reset: Whether the reset sends no gradient to the spike.
        channels: With a number, every learnable parameter has one value per channel; without it,
            one for all.
        channel_axis: The axis of (batch, ...) that counts channels: -1 for dense layers, -3 for
            images.
        learn: The names of the parameters to learn. They keep to their open interval, by a
            logistic map where it is finite and an exponential one where it has one end.
        backend: "eager" steps through PyTorch operations, on every device and as often
            differentiable as you like. "numba" on the CPU and "triton" on GPUs run all steps in one
            kernel derived from the equation: differentiable once, with the spikes of eager, on the
            CPU bit for bit. "auto" takes the one for the device, if it is here, else eager.
        options: The neuron's parameters by name, each a number or one number per channel.
            `learn_NAME=True` is another way to put NAME into `learn`.

    Raises:
        UserError: For an unknown parameter or surrogate, a value outside its interval, or an option
            that is not what it should be.
        ToolMissingError: For a backend that is not here.
    """

    _version = 2  # since then a state dict holds fixed parameters and the equation
    passes_on: ClassVar[str] = "spikes"

    def __init__(
        self,
        neuron: Neuron,
        *,
        surrogate: Surrogate | str = atan_surrogate,
        reset: ResetKind | None = None,
        detach_reset: bool = True,
        channels: int | None = None,
        channel_axis: int = -1,
        learn: Sequence[str] = (),
        backend: Backend = "auto",
        **options: Any,
    ) -> None:
        super().__init__()
        arguments.check_backend(backend)
        arguments.check_neuron(neuron)
        arguments.check_parameter_names(neuron, type(self), Cell)
        self.neuron = neuron if reset is None else neuron.with_reset(reset)
        self.channels = None if channels is None else as_whole("channels", channels)
        self._surrogate = arguments.as_surrogate(surrogate)
        self._detach_reset = arguments.check_flag("detach_reset", detach_reset)
        self._channel_axis = arguments.check_channel_axis(channel_axis)
        self._backend: Backend = backend
        # Each is called instead of `_run`, with it and its arguments; see `recording.record`.
        self.observers: tuple[Callable[..., Run], ...] = ()
        given, learnt = arguments.separate(neuron, options, learn)
        self.fixed = FixedParameters()
        self.free = nn.ParameterDict()
        where: Any = {"dtype": torch.get_default_dtype(), "device": torch.get_default_device()}
        for name, interval in neuron.parameters.items():
            value = given.get(name, interval.default)
            value = arguments.check_value(neuron, name, value, self.channels)
            if name in learnt:
                count = value.shape if self.channels is None else (self.channels,)
                spread = np.broadcast_to(value, count).copy()
                free = to_free(torch.from_numpy(spread), interval).to(**where)
                self.free[name] = nn.Parameter(free)
            else:
                self.fixed.put(name, value)
        # torch.compile does not follow changes beside read-only mappings, so both are made here.
        self._intervals = {name: neuron.parameters[name] for name in self.free}
        _tuple_type(f"{self.neuron.name}State", self.state_names)
        self.candidates: tuple[BackEnd, ...] = ()
        self.fused: FusedNeuron | None = None
        self._fuse()
        self._is_made = True  # from here on, see `Adjustable`

    @property
    def state_names(self) -> tuple[str, ...]:
        """What a state holds, in order."""
        return tuple(self.neuron.states)

    def forward(
        self, current: Tensor, state: State | None = None, asked: _Asked | None = None
    ) -> tuple[Tensor, State]:
        """Advance by one step.

        Args:
            current: Input current (batch, ...).
            state: What the step before returned, or None for rest.
            asked: Not for callers: with it, this is many steps, watched by PyTorch's hooks.

        Returns:
            The spikes, 0 or 1, in the shape of the current, and the new state.
        """
        if asked is None:
            run = self._observed(current, state, 1, None, Outputs())
            return run.spikes.squeeze(0), self._as_tuple("State", run.state)
        asked.run = self._observed(current, state, asked.steps, asked.lengths, asked.outputs)
        return asked.run.spikes, self._as_tuple("State", asked.run.state)

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
        names = arguments.names_of("record", record, self.state_names)
        result = self._hooked(currents, state, steps, lengths, Outputs(trace=names))
        new = self._as_tuple("State", result.state)
        if not names:
            return result.spikes, new
        return result.spikes, new, self._as_tuple("Trace", result.trace)

    def readout(
        self,
        currents: Tensor,
        state: State | None = None,
        steps: int | None = None,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Run over time and return only what a network reads out.

        Args:
            currents: As for `unroll`.
            state: As for `unroll`.
            steps: As for `unroll`.
            lengths: As for `unroll`; later steps are not counted.

        Returns:
            The number of spikes of each neuron, and the sum of its membrane after reset over all
            steps, each (batch, ...).
        """
        counts, membrane, _, _ = self.read_out(currents, state, steps, lengths, None)
        return counts, membrane

    def read_out(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        record: Sequence[str] | None,
    ) -> tuple[Tensor, Tensor, State, dict[str, Tensor]]:
        """Return what `readout` does, the new state, and a trace of "spikes" and states by name."""
        membrane = self.neuron.membrane
        names = () if record is None else arguments.names_of("record", record, self.recorded)
        states = {name: membrane if name == MEMBRANE else name for name in names if name != SPIKES}
        for name, each in states.items():
            if each not in self.state_names:
                raise UserError(
                    f"record={name!r}: {self.neuron.name} has no such state; it has "
                    f"{', '.join(self.recorded)}"
                )
        traced = tuple(dict.fromkeys(states.values()))
        more = traced if lengths is None else tuple(dict.fromkeys((*traced, membrane)))
        outputs = Outputs(
            spikes=SPIKES in names,
            counts=True,
            trace=more,
            sums=() if lengths is not None else (membrane,),
        )
        run = self._hooked(currents, state, steps, lengths, outputs)
        if lengths is None:
            total = run.sums[membrane]
        else:  # behind its end a sequence keeps its last membrane, which is not to be counted
            values = run.trace[membrane]
            time = torch.arange(len(values), device=values.device)
            counted = (time.unsqueeze(1) < lengths).view(
                *values.shape[:2], *(1,) * (values.ndim - 2)
            )
            total = torch.where(counted, values, 0.0).sum(0)
        trace = {name: run.spikes if name == SPIKES else run.trace[states[name]] for name in names}
        return run.counts, total, self._as_tuple("State", run.state), trace

    @property
    def recorded(self) -> tuple[str, ...]:
        """What can be recorded of every step."""
        return (SPIKES, MEMBRANE, *self.state_names)

    def pooled(
        self, currents: Tensor, state: State | None = None, steps: int | None = None
    ) -> Tensor:
        """Run over time and return the spikes averaged over squares of 2 x 2.

        Args:
            currents: Images (T, batch, channels, rows, columns), or (batch, channels, rows,
                columns) with `steps`; otherwise as for `unroll`.
            state: As for `unroll`.
            steps: As for `unroll`.

        Returns:
            (T, batch, channels, rows // 2, columns // 2); a last odd row or column is left out.
        """
        return self.passed(currents, state, steps, None, pool=True)[0]

    def passed(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        pool: bool,
    ) -> tuple[Tensor, State]:
        """Return what the layer behind is given, averaged over squares if asked, and the state."""
        run = self._hooked(currents, state, steps, lengths, Outputs(pool=pool))
        return run.spikes, self._as_tuple("State", run.state)

    def _hooked(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        outputs: Outputs,
    ) -> Run:
        """Run over time; where there are hooks, PyTorch calls them as if the cell were called.

        They get `(currents, state)`, and as the output `(spikes, state)` of all steps. Spikes that
        nobody looks at are never stored, so that only hooks pay for what they are shown.
        """
        if not has_hooks(self):
            return self._observed(currents, state, steps, lengths, outputs)
        asked = _Asked(steps, lengths, replace(outputs, spikes=True, pool=False))
        spikes, new = self(currents, state, asked=asked)
        assert asked.run is not None
        run = replace(asked.run, state=self._as_mapping(new, spikes[0]))
        if spikes is not run.spikes:  # a hook has put others in their place
            run = replace(run, spikes=spikes, counts=spikes.to(run.counts.dtype).sum(0))
        return run.pooled() if outputs.pool else run

    def _observed(self, *arguments: Any) -> Run:
        """Run over time under the eyes of the observers."""
        run: Callable[..., Run] = self._run
        for observer in self.observers:
            run = partial(observer, run)
        return run(*arguments)

    def _run(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        outputs: Outputs,
    ) -> Run:
        """Run over time on the backend; what else a cell computes is made from this."""
        steps = check_sequence(self.neuron, currents, steps, lengths, outputs.trace)
        frame = currents if steps is not None else currents[0]
        arguments.check_pooled(outputs.pool, frame)
        options: dict[str, Any] = {
            "state": None if state is None else self._as_mapping(state, frame),
            "parameters": self._values(frame),
            "steps": steps,
            "lengths": lengths,
        }
        stored, chosen = currents.dtype, self._back_end(currents)
        if self.fused is not None and chosen is not None:
            on_the_way = replace(outputs, pool=outputs.pool and can_pool(frame))
            result = self.fused.run(currents, outputs=on_the_way, backend=chosen, **options)
            return result.pooled() if outputs.pool and not on_the_way.pool else result
        unrolled = eager.unroll(
            self.neuron,
            currents.to(computed_in(stored)),
            surrogate=self.surrogate,
            detach_reset=self.detach_reset,
            record=tuple(dict.fromkeys((*outputs.trace, *outputs.sums))),
            **options,
        )
        result = Run.of(unrolled).stored_in(stored)
        return result.pooled() if outputs.pool else result

    def parameter_values(self) -> dict[str, float | NDArray[np.float64]]:
        """Return every parameter of the neuron as it acts: a number, or one per channel."""
        values: dict[str, float | NDArray[np.float64]] = {}
        numbers = self.fixed.numbers()
        for name, interval in self.neuron.parameters.items():
            if name in numbers:
                values[name] = numbers[name]
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
        numbers = "".join(f", {name}={n:g}" for name, n in self.fixed.numbers().items())
        learnt = f", learn={tuple(self.free)}" if self.free else ""
        channels = f", channels={self.channels}" if self.channels is not None else ""
        surrogate = f"{self.surrogate.name}({self.surrogate.alpha:g})"
        return f"{self.neuron.name}{numbers}{learnt}{channels}, surrogate={surrogate}"

    def get_extra_state(self) -> Tensor:
        """Return for the state dict what the numbers are numbers of: the equation, as text."""
        return torch.tensor(list(self.get_equation().encode()), dtype=torch.uint8, device="cpu")

    def set_extra_state(self, state: Tensor) -> None:
        """Do nothing: `_load_from_state_dict` has compared it, and knows the cell's name."""

    def get_equation(self) -> str:
        """Return as text what decides, beside the numbers, what the cell computes."""
        has_channels = bool(self.fixed.channels()) or any(p.ndim for p in self.free.values())
        axis = f"\nchannel_axis {self.channel_axis}" if has_channels else ""
        return f"{type(self).passes_on}{axis}\n{self.neuron}"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        check_loading(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def _values(self, frame: Tensor) -> dict[str, Tensor | float]:
        """Return the parameters, shaped to broadcast against one step's current."""
        values: dict[str, Tensor | float] = {**self.fixed.numbers()}
        for name, buffer in self.fixed.channels().items():
            values[name] = self._along_channels(buffer, frame)
        for name, free in self.free.items():
            bounded = from_free(free, self._intervals[name])
            values[name] = self._along_channels(bounded, frame)
        return values

    def _along_channels(self, value: Tensor, frame: Tensor) -> Tensor:
        value = value.to(computed_in(frame.dtype))
        if not value.ndim:
            return value
        if frame.ndim < -self.channel_axis or frame.shape[self.channel_axis] != len(value):
            raise UserError(
                f"{self.neuron.name} has {len(value)} channels along axis {self.channel_axis}, but "
                f"a current of shape {tuple(frame.shape)} arrives"
            )
        return value.view(-1, *(1,) * (-self.channel_axis - 1))

    def _as_mapping(self, state: State, frame: Tensor) -> dict[str, Tensor]:
        real = computed_in(frame.dtype)
        found = arguments.check_state(self.neuron, self.state_names, state, frame)
        return {name: value.to(real) for name, value in found.items()}

    def _as_tuple(self, kind: str, values: Mapping[str, Tensor]) -> Any:
        return _tuple_type(f"{self.neuron.name}{kind}", tuple(values))(**values)


def _tuple_type(name: str, fields: tuple[str, ...]) -> Any:
    key = (name, *fields)
    if key not in _tuple_types:
        _tuple_types[key] = namedtuple(name, fields)
    return _tuple_types[key]
