"""Neurons whose own spikes come back to them one step later through trainable weights."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sc_neurocore.equation.neuron import SPIKE, Neuron
from sc_neurocore.errors import ToolMissingError, UserError
from sc_neurocore.kernels import eager
from sc_neurocore.kernels.arguments import as_whole, check_sequence, shown
from sc_neurocore.kernels.fused import Outputs, Run
from sc_neurocore.kernels.numba_call import computed_in
from sc_neurocore.training.arguments import check_flag
from sc_neurocore.training.cells import Cell, State


class RecurrentCell(Cell):
    """A recurrent layer: at step t each neuron's current is I[t] + weight @ s[t-1] + bias.

    Recurrence belongs to the layer, so any neuron can be in one. The state is the neuron's and the
    last spikes `s`. A step needs the spikes of the step before through a matrix product, so the
    layer runs step by step in PyTorch.

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
        ToolMissingError: For a backend other than "auto" and "eager".
    """

    recurrent_bias: nn.Parameter | None

    def __init__(
        self, neuron: Neuron, n_neurons: int, *, bias: bool = False, **options: Any
    ) -> None:
        n_neurons = as_whole("n_neurons", n_neurons)
        self._check_backend(options.get("backend", "auto"))
        super().__init__(neuron, **options)
        self.n_neurons = n_neurons
        self.scale = 2.0 ** round(math.log2(n_neurons) / 2)
        self.recurrent = nn.Parameter(torch.zeros(n_neurons, n_neurons))
        self.register_parameter(
            "recurrent_bias",
            nn.Parameter(torch.zeros(n_neurons)) if check_flag("bias", bias) else None,
        )

    @property
    def weight(self) -> Tensor:
        """The weights as they act, (n_neurons, n_neurons): from the spikes of one to another."""
        return self.recurrent / self.scale

    @torch.no_grad()
    def set_weight(self, weight: Tensor, bias: Tensor | None = None) -> None:
        """Make the weights, and the bias if there is one, act as these.

        Args:
            weight: (n_neurons, n_neurons), from the spikes of one to another.
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

    def _check_backend(self, backend: str) -> None:
        if isinstance(backend, str) and backend == "numba":
            raise ToolMissingError(
                "backend='numba': there is no numba kernel for recurrent layers, whose currents "
                "depend on their own spikes; use 'eager' or 'auto'"
            )
        super()._check_backend(backend)

    def _fuse(self) -> None:
        self.fused = None

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
        frames = currents.unbind(0) if steps is None else (currents,) * steps
        if frames[0].shape[-1] != self.n_neurons:
            raise UserError(
                f"the layer has {self.n_neurons} neurons, but a current of shape "
                f"{tuple(frames[0].shape)} arrives: expected (batch, {self.n_neurons})"
            )
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
            current = (frame + functional.linear(now[SPIKE], weight, bias)).to(computed)
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
