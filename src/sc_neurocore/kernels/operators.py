"""The fused scan and its adjoint as PyTorch operators, opaque to `torch.compile`.

Currents are (T, batch, ...), or (batch, ...) with `steps` above 0. What is optional and not asked
for is an empty tensor.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.backends import BACK_ENDS
from sc_neurocore.kernels.scans import (
    Arriving,
    Gradients,
    Inputs,
    Kernels,
    Layout,
    Plan,
    Results,
    layout_of,
)


def run_scan(inputs: Inputs, plan: Plan) -> Results:
    """Run a scan on the plan's back end, differentiably."""
    if torch.compiler.is_compiling() or type(inputs.currents) not in (Tensor, torch.nn.Parameter):
        results = scan_forward(*inputs, plan.backend, plan.key, plan.packed())
    else:
        # The same without the way through PyTorch's dispatcher, which takes 100 µs there and back.
        results = _DirectScan.apply(*inputs, plan)  # type: ignore[no-untyped-call]
    return Results(*results)


def _forward(inputs: Inputs, plan: Plan) -> Results:
    layout = layout_of(plan, inputs.currents.shape, inputs.currents.dtype)
    results = layout.results(inputs.currents)
    kernels: Kernels = BACK_ENDS[plan.backend].kernels()
    kernels.forward(layout, inputs, results)
    return results


def _backward(arriving: Arriving, inputs: Inputs, plan: Plan) -> Gradients:
    layout = layout_of(plan, inputs.currents.shape, inputs.currents.dtype)
    gradients = layout.gradients(inputs)
    kernels: Kernels = BACK_ENDS[plan.backend].kernels()
    kernels.backward(layout, inputs, arriving, gradients)
    return gradients


def _remember(ctx: Any, tensors: Sequence[Tensor | None], plan: Plan) -> None:
    ctx.plan = plan
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)


def _towards(ctx: Any, gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Return the gradients towards the inputs of a scan, None where nobody wants one."""
    plan: Plan = ctx.plan
    # Where somebody wants to differentiate again, the operator says that it cannot.
    if torch.compiler.is_compiling() or torch.is_grad_enabled():
        names = plan.backend, plan.key
        found = scan_backward(*gradients, *ctx.saved_tensors, *names, plan.packed())
    else:
        found = _backward(Arriving(*gradients), Inputs(*ctx.saved_tensors), plan)
    currents, initial, values, feedback = found
    needed = zip((currents, initial, values, None, feedback), ctx.needs_input_grad, strict=False)
    return tuple(gradient if wanted else None for gradient, wanted in needed)


class _DirectScan(torch.autograd.Function):
    # Not with `setup_context`, for which PyTorch inspects the signature at every call.
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        *tensors, plan = inputs
        _remember(ctx, tensors, plan)
        return tuple(_forward(Inputs(*tensors), plan))

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return (*_towards(ctx, gradients), None)


def _scan_forward(
    currents: Tensor,
    initial: Tensor,
    values: Tensor,
    lengths: Tensor | None,
    feedback: Tensor | None,
    backend: str,
    key: str,
    plan: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    inputs = Inputs(currents, initial, values, lengths, feedback)
    return (*_forward(inputs, Plan.unpacked(backend, key, plan)),)


def _scan_backward(
    grad_spikes: Tensor | None,
    grad_counts: Tensor | None,
    grad_trace: Tensor | None,
    grad_sums: Tensor | None,
    grad_final: Tensor | None,
    currents: Tensor,
    initial: Tensor,
    values: Tensor,
    lengths: Tensor | None,
    feedback: Tensor | None,
    backend: str,
    key: str,
    plan: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    arriving = Arriving(grad_spikes, grad_counts, grad_trace, grad_sums, grad_final)
    inputs = Inputs(currents, initial, values, lengths, feedback)
    return (*_backward(arriving, inputs, Plan.unpacked(backend, key, plan)),)


def _refuse_twice(ctx: Any, *gradients: Any) -> Any:
    raise UserError(
        "a fused kernel is differentiable once, and something asked for the gradient of a gradient "
        "(create_graph=True, a gradient penalty, torch.autograd.gradgradcheck): make the cells "
        "with backend='eager', which is as often differentiable as you like"
    )


def _empty_results(*arguments: Any) -> tuple[Tensor, ...]:
    *tensors, backend, key, plan = arguments
    currents = tensors[0]
    layout = Layout(Plan.unpacked(backend, key, plan), currents.shape, currents.dtype)
    return tuple(layout.results(currents))


def _empty_gradients(*arguments: Any) -> tuple[Tensor, ...]:
    *tensors, backend, key, plan = arguments
    inputs = Inputs(*tensors[len(Arriving._fields) :])
    layout = Layout(Plan.unpacked(backend, key, plan), inputs.currents.shape, inputs.currents.dtype)
    return tuple(layout.gradients(inputs))


def _remember_inputs(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, backend, key, plan = inputs
    _remember(ctx, tensors, Plan.unpacked(backend, key, plan))


def _differentiate(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
    return (*_towards(ctx, gradients), None, None, None)


_operator: Any = partial(torch.library.custom_op, mutates_args=())
scan_forward: Any = _operator("sc_neurocore::scan_forward", _scan_forward)
scan_backward: Any = _operator("sc_neurocore::scan_backward", _scan_backward)
scan_forward.register_fake(_empty_results)
scan_backward.register_fake(_empty_gradients)
scan_forward.register_autograd(_differentiate, setup_context=_remember_inputs)
scan_backward.register_autograd(_refuse_twice)
