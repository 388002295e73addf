"""Equations on PyTorch tensors, one step at a time: the floating-point reference with gradients.

Any float type and any device. Everything is differentiable by autograd; only the spike, whose
derivative is zero almost everywhere, takes the surrogate's expression for its derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sc_neurocore.equation.algebra import ArrayAlgebra
from sc_neurocore.equation.expression import evaluate
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.step import step
from sc_neurocore.equation.surrogate import Surrogate, atan_surrogate
from sc_neurocore.kernels.exponential import exponential, sigmoid


class _Spike(torch.autograd.Function):
    """1 where the excess over the threshold is positive, else 0; backward, the surrogate."""

    @staticmethod
    def forward(excess: Tensor, surrogate: Surrogate, is_strict: bool) -> Tensor:
        return _above(excess, is_strict)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Surrogate, bool], output: Tensor) -> None:
        excess, ctx.surrogate, _ = inputs
        ctx.save_for_backward(excess)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (excess,) = ctx.saved_tensors
        return gradients[0] * surrogate_gradient(ctx.surrogate, excess), None, None


class _SpikeWithSlope(torch.autograd.Function):
    """The spike, with its slope towards the excess given as a tensor."""

    @staticmethod
    def forward(excess: Tensor, slope: Tensor, is_strict: bool) -> Tensor:
        return _above(excess, is_strict)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return gradients[0] * slope, None, None


class _Reset(torch.autograd.Function):
    """`value` where the spike is 1 and `kept` where it is 0, linear in the spike between."""

    @staticmethod
    def forward(spike: Tensor, value: Tensor, kept: Tensor) -> Tensor:
        return torch.where(spike > 0, value, kept)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        spike, value, kept = ctx.saved_tensors
        (gradient,) = gradients
        return gradient * (value - kept), gradient * spike, gradient * (1 - spike)


def _above(excess: Tensor, is_strict: bool) -> Tensor:
    return (excess > 0 if is_strict else excess >= 0).to(excess.dtype)


def _apply(function: type[torch.autograd.Function], *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)  # type: ignore[no-untyped-call]
    return result


def _minimum(left: Any, right: Any) -> Tensor:
    return torch.where(left <= right, left, right)


def _maximum(left: Any, right: Any) -> Tensor:
    return torch.where(left >= right, left, right)


def _exprel(x: Tensor) -> Tensor:
    small = torch.abs(x) < _SERIES
    safe = torch.where(small, 1.0, x)
    # Also its derivative needs the series near 0, where the quotient's loses its digits.
    series = 1 + x * (0.5 + x * (1 / 6 + x * (1 / 24 + x / 120)))
    return torch.where(small, series, torch.expm1(safe) / safe)


_SERIES = 1e-3

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **ArrayAlgebra.functions,  # Python's operators work on tensors as they are
    "abs": torch.abs,
    "min": _minimum,  # at a tie the whole gradient goes to the first operand
    "max": _maximum,
    "exp": exponential,
    "tanh": torch.tanh,
    "sigmoid": sigmoid,
    "exprel": _exprel,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "power": torch.pow,
    "select": torch.where,
}


class TorchAlgebra:
    """Interpret equations on tensors; numbers stay Python floats until they meet a tensor.

    Args:
        surrogate: What stands in for the derivative of the spike.
        detach_reset: Whether the gradient passes the reset by as if the set of neurons that fire
            were given. If not, the reset also sends a gradient to the spike. The values are the
            same either way, bit for bit.
        dtype: The type of the tensors; PyTorch's default type where it is not given.
        device: Where the tensors are.
    """

    def __init__(
        self,
        surrogate: Surrogate = atan_surrogate,
        detach_reset: bool = True,
        dtype: torch.dtype | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.surrogate = surrogate
        self.detach_reset = detach_reset
        self.dtype = dtype
        self.device = device

    def constant(self, value: float) -> Any:
        """Return the Python float, which takes the tensor's type in arithmetic."""
        return value

    def apply(self, operator: str, operands: tuple[Any, ...]) -> Any:
        """Apply the torch function of the operator; fold numbers in double precision."""
        if not any(isinstance(operand, Tensor) for operand in operands):
            folded = ArrayAlgebra.functions[operator](*operands)
            return bool(folded) if isinstance(folded, bool) else float(folded)
        if operator == "/" and not isinstance(operands[0], Tensor):
            # PyTorch would multiply the number by a rounded reciprocal.
            operands = (operands[1].new_full((), operands[0]), operands[1])
        if operator == "select" and isinstance(operands[0], bool):
            return operands[1] if operands[0] else operands[2]
        if operator == "select" and not any(isinstance(branch, Tensor) for branch in operands[1:]):
            # torch.where would give two plain numbers the default type.
            condition, *branches = operands
            operands = (condition, *map(self.as_tensor, branches))
        return _FUNCTIONS[operator](*operands)

    def assign(self, target: str, value: Any, *, is_local: bool) -> Any:
        """Return the value: floats are stored as they are."""
        return self.as_tensor(value)

    def fire(self, operator: str, left: Any, right: Any) -> Tensor:
        """Return 1 where the condition holds, else 0, with the surrogate's gradient."""
        excess = self.as_tensor(left - right if operator.startswith(">") else right - left)
        is_strict = "=" not in operator
        if torch.compiler.is_compiling():
            # A graph passes tensors on, not a surrogate. What need not be kept the compiler drops.
            slope = surrogate_gradient(self.surrogate, excess)
            return _apply(_SpikeWithSlope, excess, slope, is_strict)
        return _apply(_Spike, excess, self.surrogate, is_strict)

    def reset(self, spike: Tensor, value: Any, kept: Tensor) -> Tensor:
        """Return `value` where the spike is 1."""
        if self.detach_reset:
            return torch.where(spike > 0, value, kept)
        spread: Any = torch.broadcast_tensors  # which has no types
        return _apply(_Reset, *spread(spike, value, kept))

    def as_tensor(self, value: Tensor | float) -> Tensor:
        """Return a tensor as it is, and a number as a tensor without axes."""
        if isinstance(value, Tensor):
            return value
        return torch.full(
            (), value, dtype=self.dtype or torch.get_default_dtype(), device=self.device
        )


def surrogate_gradient(surrogate: Surrogate, excess: Tensor) -> Tensor:
    """Return the surrogate's pulse at `excess`, the distance by which the threshold is passed."""
    environment = {"x": excess, "alpha": surrogate.alpha}
    # The surrogate for torch.compile, which cannot read a default that is an object.
    algebra = TorchAlgebra(surrogate, dtype=excess.dtype, device=excess.device)
    pulse: Tensor = evaluate(surrogate.derivative, environment, algebra)
    return pulse


@dataclass(frozen=True)
class Unrolled:
    """What a neuron did over time.

    Attributes:
        spikes: 0 or 1 in the type of the current, shape (T, batch, ...).
        state: Each state after the last step, shape (batch, ...).
        trace: Each recorded state after every step (after reset), shape (T, batch, ...).
    """

    spikes: Tensor
    state: dict[str, Tensor]
    trace: dict[str, Tensor]


def single_step(
    neuron: Neuron,
    current: Tensor,
    state: Mapping[str, Tensor],
    parameters: Mapping[str, Tensor],
    algebra: TorchAlgebra,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Advance a neuron by one step; spike and states have the shape of the current."""
    spike, new = step(neuron, state, current, parameters, algebra)
    return _spread(spike, current), {name: _spread(value, current) for name, value in new.items()}


def initial_state(neuron: Neuron, current: Tensor) -> dict[str, Tensor]:
    """Return the state at rest for a current of one step, shape (batch, ...)."""
    return {name: torch.full_like(current, value) for name, value in neuron.states.items()}


def unroll(
    neuron: Neuron,
    currents: Tensor,
    state: Mapping[str, Tensor] | None = None,
    *,
    parameters: Mapping[str, Tensor | float],
    steps: int | None = None,
    lengths: Tensor | None = None,
    surrogate: Surrogate = atan_surrogate,
    detach_reset: bool = True,
    record: Sequence[str] = (),
) -> Unrolled:
    """Run a neuron over time.

    Args:
        neuron: The model.
        currents: Input current (T, batch, ...); with `steps`, a static current (batch, ...).
        state: The state before the first step, each (batch, ...); None starts from rest.
        parameters: The value of each parameter, a number or a tensor that broadcasts against
            (batch, ...).
        steps: Number of steps T for which a static current is applied.
        lengths: Valid steps of each sequence, integers (batch,). Later steps are padding: the
            state keeps its value and no spike comes.
        surrogate: What stands in for the derivative of the spike.
        detach_reset: Whether the reset sends no gradient to the spike.
        record: The states to trace.
    """
    frames = currents.unbind(0) if steps is None else (currents,) * steps
    algebra = TorchAlgebra(surrogate, detach_reset, currents.dtype, currents.device)
    tensors = {name: algebra.as_tensor(value) for name, value in parameters.items()}
    now = dict(state) if state is not None else initial_state(neuron, frames[0])
    spikes: list[Tensor] = []
    trace: dict[str, list[Tensor]] = {name: [] for name in record}
    for index, current in enumerate(frames):
        spike, new = single_step(neuron, current, now, tensors, algebra)
        if lengths is not None:
            spike, new = skip_padding(index < lengths, spike, new, now)
        now = new
        spikes.append(spike)
        for name, values in trace.items():
            values.append(now[name])
    stacked = {name: torch.stack(values) for name, values in trace.items()}
    return Unrolled(torch.stack(spikes), now, stacked)


def skip_padding(
    valid: Tensor, spike: Tensor, new: Mapping[str, Tensor], before: Mapping[str, Tensor]
) -> tuple[Tensor, dict[str, Tensor]]:
    """Undo a step where it was padding: the state keeps its value and no spike comes.

    Args:
        valid: Whether the step counts, (batch,).
        spike: The step's spikes, (batch, ...).
        new: The states after the step.
        before: The states before it.
    """
    valid = valid.view(-1, *(1,) * (spike.ndim - 1))
    kept = {name: torch.where(valid, value, before[name]) for name, value in new.items()}
    return torch.where(valid, spike, 0.0), kept


def _spread(value: Tensor, current: Tensor) -> Tensor:
    """Give a value that does not depend on the current the current's shape."""
    return value if value.shape == current.shape else value.expand_as(current)
