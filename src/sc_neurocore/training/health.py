"""What a training looks at while it runs: numbers that are none, and layers that never fire."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from sc_neurocore.kernels.fused import Outputs, Run
from sc_neurocore.training.cells import Cell
from sc_neurocore.training.recording import observed


class TrainingWarning(UserWarning):
    """A training that goes on, but to no good end."""


class Watch:
    """Sees every run of a network's cells in a training.

    A comparison hides NaN: a membrane that is NaN never fires, and a loss made of spikes stays
    finite. So the last states of all cells are added up, one sum for each state and batch: what is
    not finite makes the sum so, at the price of a few microseconds. Which it was is looked for when
    it has happened.

    Args:
        net: What is trained. What `torch.compile` has made of a network is not looked into.
    """

    def __init__(self, net: nn.Module) -> None:
        self._cells = {
            name: each
            for name, each in net.named_modules()
            if isinstance(each, Cell) and "_orig_mod" not in name
        }
        self._silent = dict.fromkeys(self._cells, True)
        self._ran: set[str] = set()
        self._largest: dict[str, float] = {}
        self._states: dict[str, Mapping[str, Tensor]] = {}
        self._looks_for_spikes = True

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what runs inside."""
        with ExitStack() as stack:
            for name, cell in self._cells.items():
                stack.enter_context(observed(cell, self._observer(name, cell)))
            yield

    def _observer(self, name: str, cell: Cell) -> Callable[..., Run]:
        def observe(
            run: Callable[..., Run],
            currents: Tensor,
            state: Any,
            steps: int | None,
            lengths: Tensor | None,
            outputs: Outputs,
        ) -> Run:
            result = run(currents, state, steps, lengths, outputs)
            self._states[name] = result.state
            if self._looks_for_spikes and self._silent[name]:
                self._look(name, cell, result, outputs)
            return result

        return observe

    @torch.no_grad()
    def _look(self, name: str, cell: Cell, run: Run, outputs: Outputs) -> None:
        seen = run.counts if outputs.counts else run.spikes
        self._ran.add(name)
        self._silent[name] = not bool(seen.any())
        if self._silent[name]:
            largest = float(run.state[cell.neuron.membrane].amax())
            self._largest[name] = max(largest, self._largest.get(name, -math.inf))

    def total(self) -> Tensor | None:
        """Return the sum of all states that the last run ended with: finite if all of them are."""
        values = [
            each.detach().sum() for states in self._states.values() for each in states.values()
        ]
        return torch.stack(values).sum() if values else None

    def forget(self) -> None:
        """Let go of the last run."""
        self._states.clear()

    def first_bad_state(self) -> str | None:
        """Return which cell's state was not finite, in words."""
        for name, states in self._states.items():
            for state, value in states.items():
                if not value.isfinite().all():
                    neuron = self._cells[name].neuron.name
                    kind = "NaN" if value.isnan().any() else "infinite"
                    return f"the state {state} of {name or 'the cell'} ({neuron}) became {kind}"
        return None

    def after_first_epoch(self, outputs_matter: bool, says: bool = True) -> None:
        """Warn of the first layer that has never fired, and stop looking for spikes.

        Args:
            outputs_matter: Whether a silent output layer teaches nothing.
            says: Whether this is the process that speaks.
        """
        self._looks_for_spikes = False
        names = [name for name in self._cells if name in self._ran]
        if not outputs_matter:
            names = names[:-1]
        for name in names:
            if self._silent[name] and says:
                neuron = self._cells[name].neuron
                warnings.warn(
                    f"no neuron of {name or 'the cell'} ({neuron.name}) fired in the whole first "
                    f"epoch, so that no sample can be told from another: its largest "
                    f"{neuron.membrane} after the last step was {self._largest[name]:.3g}, and it "
                    f"fires when {neuron.spike}. Scale the inputs or the weights before it up, put "
                    f"BatchNorm before it, lower the threshold, or take more steps",
                    TrainingWarning,
                    stacklevel=2,
                )
                return


def bad_tensor(tensors: Mapping[str, Tensor | None]) -> str | None:
    """Return the name of the first tensor that holds something not finite."""
    for name, tensor in tensors.items():
        if tensor is not None and tensor.is_floating_point() and not tensor.isfinite().all():
            return name
    return None


def cause(net: nn.Module, watch: Watch, frames: Tensor, loss: float) -> str:
    """Say in words what is not finite, the first thing on the way, and what to change."""
    parameters = dict(net.named_parameters())
    if not frames.isfinite().all():
        return "the inputs hold NaN or infinity: clean the data, or the augmentation"
    bad = bad_tensor(parameters)
    if bad is not None:
        dtype = parameters[bad].dtype
        half = dtype in (torch.float16, torch.bfloat16)
        return f"the weights {bad} hold NaN or infinity, type {dtype}: " + (
            "train in float32, net.float(), and take precision='bfloat16' for speed"
            if half
            else "choose a lower learning_rate, or clip gradients with max_norm"
        )
    state = watch.first_bad_state()
    if state is not None:
        return (
            f"{state}, though inputs and weights are finite: its equation is unbounded for these "
            f"currents, or they overflow; bound it (such as min(v, 10)), scale the currents down, "
            f"or take a shorter time step"
        )
    if not math.isfinite(loss):
        return (
            f"the loss became {loss}: choose a lower learning_rate, or clip gradients with max_norm"
        )
    bad = bad_tensor({name: each.grad for name, each in parameters.items()})
    return (
        f"the gradient of {bad or 'a parameter'} is not finite: clip gradients with max_norm does "
        f"not help where they are infinite; choose a surrogate with a lower alpha, fewer steps, or "
        f"a neuron whose states stay small"
    )
