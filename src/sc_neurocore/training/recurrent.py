"""Neurons whose own spikes come back to them one step later through trainable weights."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.equation.neuron import SPIKE, Neuron
from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.kernels import eager
from sc_neurocore.kernels.arguments import as_whole, check_sequence, shown
from sc_neurocore.kernels.backends import BACK_ENDS
from sc_neurocore.kernels.fused import FusedNeuron, Outputs, Run
from sc_neurocore.kernels.scans import computed_in
from sc_neurocore.training import arguments
from sc_neurocore.training.arguments import are_sizes, check_flag
from sc_neurocore.training.cells import Cell, State


class RecurrentCell(Cell):
    """A recurrent layer: at step t each neuron's current is I[t] + weight @ s[t-1] + bias.

    Recurrence belongs to the layer, so any neuron can be in one. The state is the neuron's and the
    last spikes `s`. Kernels add up the weights of the neurons that fired in the order of the
    neurons, eager in one of PyTorch's: where sums of weights are rounded, currents differ by that.

    The weights start at zero, where the layer is the same without recurrence, and are stored as
    `recurrent`, times `scale`, the power of two next to the square root of `n_neurons`. An
    optimiser such as Adam moves every stored weight alike; many neurons that fire together would
    otherwise get far larger steps here than through the weights in front of the layer.

    Args:
        neuron: The model.
        n_neurons: Number of neurons: the last axis of the current.
        bias: Whether the recurrent connections have a bias of their own, `recurrent_bias`.
        options: What `Cell` takes.

    Raises:
        UserError: If there is no neuron, or an option is unknown.
        ToolMissingError: For a backend that is not here.
    """

    recurrent_bias: nn.Parameter | None

    def __init__(
        self, neuron: Neuron, n_neurons: int, *, bias: bool = False, **options: Any
    ) -> None:
        n_neurons = as_whole("n_neurons", n_neurons)
        self._make(neuron, (n_neurons, n_neurons), bias, options)
        self.n_neurons = n_neurons

    def _make(
        self, neuron: Neuron, shape: tuple[int, ...], bias: bool, options: dict[str, Any]
    ) -> None:
        """Make the cell, with recurrent weights of a shape, outputs first."""
        self._check_backend(options.get("backend", "auto"))
        super().__init__(neuron, **options)
        self.scale = 2.0 ** round(math.log2(math.prod(shape[1:])) / 2)
        self.recurrent = nn.Parameter(torch.zeros(shape))
        self.register_parameter(
            "recurrent_bias",
            nn.Parameter(torch.zeros(shape[0])) if check_flag("bias", bias) else None,
        )

    def _check_frame(self, frame: Tensor) -> None:
        if frame.shape[-1] != self.n_neurons:
            raise UserError(
                f"the layer has {self.n_neurons} neurons, but a current of shape "
                f"{tuple(frame.shape)} arrives: expected (batch, {self.n_neurons})"
            )

    def _fed_back(self, spikes: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Return what the spikes of the step before bring."""
        return functional.linear(spikes, weight, bias)

    @property
    def weight(self) -> Tensor:
        """The weights as they act, (n_neurons, n_neurons): from the spikes of one to another."""
        return self.recurrent / self.scale

    @torch.no_grad()
    def set_weight(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Make the weights, and the bias if there is one, act as these.

        Args:
            weight: In the shape of `weight`, from the spikes of one to another.
            bias: (n_neurons,), or None to leave it as it is.

        Raises:
            UserError: If a shape does not fit, or the layer has no bias.
        """
        for name, value, own in (
            ("weight", weight, self.recurrent),
            ("bias", bias, self.recurrent_bias),
        ):
            if value is None and name == "bias":
                continue
            if own is None:
                raise UserError("the layer has no bias; make it with bias=True")
            if not isinstance(value, Tensor) or value.shape != own.shape:
                found = tuple(value.shape) if isinstance(value, Tensor) else shown(value)
                raise UserError(
                    f"recurrent {name}: found {found}, expected a tensor of shape "
                    f"{tuple(own.shape)}"
                )
            own.copy_(value * self.scale if own is self.recurrent else value)

    @property
    def state_names(self) -> tuple[str, ...]:
        """The neuron's states, and the spikes of the last step, `s`."""
        return (*self.neuron.states, SPIKE)  # not by super(), which torch.compile cannot follow

    def _make_fused(self, **more: Any) -> FusedNeuron | None:
        return super()._make_fused(recurrent=True, **more)

    def _feedback(self) -> Tensor:
        """Return what a fused kernel takes, `kernels.scans.Inputs.feedback`."""
        weight, bias = self.weight, self.recurrent_bias
        last = weight.new_zeros(len(weight)) if bias is None else bias
        return torch.cat([weight.t(), last.unsqueeze(0)])

    def _run(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        outputs: Outputs,
    ) -> Run:
        states = tuple(name for name in outputs.trace if name != SPIKE)
        steps = check_sequence(self.neuron, currents, steps, lengths, states)
        frame = currents if steps is not None else currents[0]
        self._check_frame(frame)
        arguments.check_pooled(outputs.pool, frame)
        chosen = self._back_end(currents)
        if self.fused is None or chosen is None:
            result = self._run_eagerly(currents, state, steps, lengths, outputs)
        else:
            result = self.fused.run(
                currents,
                None if state is None else self._as_mapping(state, frame),
                parameters=self._values(frame),
                steps=steps,
                lengths=lengths,
                feedback=self._feedback(),
                outputs=replace(outputs, pool=False),
                backend=chosen,
            )
        return result.pooled() if outputs.pool else result

    def _run_eagerly(
        self,
        currents: Tensor,
        state: State | None,
        steps: int | None,
        lengths: Tensor | None,
        outputs: Outputs,
    ) -> Run:
        """Run step by step."""
        frames = currents.unbind(0) if steps is None else (currents,) * steps
        stored, computed = currents.dtype, computed_in(currents.dtype)
        algebra = eager.TorchAlgebra(self.surrogate, self.detach_reset, computed, currents.device)
        parameters = {
            name: algebra.as_tensor(value) for name, value in self._values(frames[0]).items()
        }
        weight = self.weight.to(computed)
        bias = None if self.recurrent_bias is None else self.recurrent_bias.to(computed)
        now = self._as_mapping(state, frames[0]) if state is not None else self._rest(frames[0])
        now = {name: value.to(computed) for name, value in now.items()}
        history: dict[str, list[Tensor]] = {name: [] for name in (*outputs.trace, *outputs.sums)}
        spikes: list[Tensor] = []
        for index, frame in enumerate(frames):
            current = (frame + self._fed_back(now[SPIKE], weight, bias)).to(computed)
            spike, new = eager.single_step(self.neuron, current, now, parameters, algebra)
            new[SPIKE] = spike
            if lengths is not None:
                spike, new = eager.skip_padding(index < lengths, spike, new, now)
            now = new
            spikes.append(spike)
            for name, values in history.items():
                values.append(now[name])
        stacked = torch.stack(spikes)
        return Run(
            spikes=stacked,
            counts=stacked.sum(0),
            trace={name: torch.stack(history[name]) for name in outputs.trace},
            sums={name: torch.stack(history[name]).sum(0) for name in outputs.sums},
            state=now,
        ).stored_in(stored)

    def _rest(self, frame: Tensor) -> dict[str, Tensor]:
        return {**eager.initial_state(self.neuron, frame), SPIKE: torch.zeros_like(frame)}


class RecurrentConvCell(RecurrentCell):
    """A recurrent layer of images: spikes of the step before come back through a convolution.

    At step t the current is I[t] + conv(s[t-1]) + bias, with zeros around the image, so that a
    neuron's own place is in the middle of the kernel. All else is as in `RecurrentCell`: weights
    start at zero. The layer runs step by step in PyTorch.

    Args:
        neuron: The model.
        n_channels: Channels of the image: axis -3 of the current.
        kernel_size: Rows and columns, odd: a number, or two.
        bias: Whether the recurrent connections have a bias of their own, one per channel.
        options: What `Cell` takes; `channel_axis` is -3 unless it is given.

    Raises:
        UserError: If a size is not one, or an option is unknown.
        ToolMissingError: For a backend other than "auto" and "eager".
    """

    def __init__(
        self,
        neuron: Neuron,
        n_channels: int,
        kernel_size: int | tuple[int, int] = 3,
        *,
        bias: bool = False,
        **options: Any,
    ) -> None:
        n_channels = as_whole("n_channels", n_channels)
        size = kernel_size if isinstance(kernel_size, tuple | list) else (kernel_size, kernel_size)
        if len(size) != 2 or not are_sizes(*size) or not all(each % 2 for each in size):
            raise UserError(
                f"kernel_size = {shown(kernel_size)}: expected an odd number, or two of them"
            )
        shape = (n_channels, n_channels, int(size[0]), int(size[1]))
        self._make(neuron, shape, bias, {"channel_axis": -3, **options})
        self.n_neurons = self.n_channels = n_channels

    def _check_frame(self, frame: Tensor) -> None:
        if frame.ndim != 4 or frame.shape[1] != self.n_channels:
            raise UserError(
                f"the layer has {self.n_channels} channels, but a current of shape "
                f"{tuple(frame.shape)} arrives: expected (batch, {self.n_channels}, rows, columns)"
            )

    def _check_backend(self, backend: str) -> None:
        if isinstance(backend, str) and backend in BACK_ENDS:
            raise ToolMissingError(
                f"backend={backend!r}: there are no fused kernels for recurrent convolutions; use "
                f"'eager' or 'auto'"
            )
        super()._check_backend(backend)

    def _make_fused(self, **more: Any) -> FusedNeuron | None:
        return None

    def _fed_back(self, spikes: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return functional.conv2d(spikes, weight, bias, padding="same")
