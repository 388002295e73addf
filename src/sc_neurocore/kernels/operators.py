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
from sc_neurocore.kernels.numba_call import Call, Plan, ScanShape, shape_of


def run_scan(
    currents: Tensor, initial: Tensor, values: Tensor, lengths: Tensor | None, plan: Plan
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Run a scan, differentiably; return spikes, counts, trace, sums and the final state.

    Args:
        currents: (T, batch, ...) or, static, (batch, ...).
        initial: (states, batch, ...), or (states, 1) if all neurons start alike.
        values: The scan's constants, one after the other.
        lengths: Valid steps of each sequence, (batch,).
        plan: What to do.
    """
    if torch.compiler.is_compiling() or type(currents) not in (Tensor, torch.nn.Parameter):
        results: tuple[Tensor, Tensor, Tensor, Tensor, Tensor] = scan_forward(
            currents, initial, values, lengths, plan.key, plan.packed()
        )
    else:
        # The same without the way through PyTorch's dispatcher, which takes 100 µs there and back.
        results = _DirectScan.apply(currents, initial, values, lengths, plan)  # type: ignore[no-untyped-call]
    return results


def _forward(
    currents: Tensor, initial: Tensor, values: Tensor, lengths: Tensor | None, plan: Plan
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    layout = shape_of(plan, currents.shape, currents.dtype)
    results = layout.results(currents)
    spikes, counts, trace, sums, final = results
    if plan.counts:
        counts.zero_()
    if plan.sums:
        sums.zero_()
    call = Call(layout, currents, initial, values, lengths)
    call.add_rows(spikes)
    call.add(counts, (counts.numel(),))
    call.add(trace, (len(trace), layout.sequence[0], layout.neurons))
    call.add(sums, (len(sums), layout.neurons))
    call.add(final, (layout.states, layout.neurons))
    call.run("forward", layout.places)
    return results


def _backward(
    gradients: Sequence[Tensor | None],
    currents: Tensor,
    initial: Tensor,
    values: Tensor,
    lengths: Tensor | None,
    plan: Plan,
) -> tuple[Tensor, Tensor, Tensor]:
    layout = shape_of(plan, currents.shape, currents.dtype)
    grad_spikes, grad_counts, grad_trace, grad_sums, grad_final = gradients
    results = layout.gradients(currents, values)
    grad_currents, grad_initial, grad_values = results
    partials = torch.zeros(layout.chunks, values.numel(), dtype=torch.float64)
    call = Call(layout, currents, initial, values, lengths)
    call.add_rows(grad_spikes)
    call.add(grad_counts, (0 if grad_counts is None else layout.neurons,))
    call.add_stack(grad_trace)
    call.add_rows(grad_sums)
    call.add_rows(grad_final)
    call.add_rows(grad_currents)
    call.add_rows(grad_initial)
    call.add(partials, tuple(partials.shape))
    nowhere = (-1,) * layout.states
    traced, summed = layout.places
    call.run(
        "backward",
        (nowhere if grad_trace is None else traced, nowhere if grad_sums is None else summed),
    )
    # In a fixed order: the same bits whatever the number of threads.
    grad_values.copy_(torch.from_numpy(partials.numpy().sum(0)))
    return results


def _remember(ctx: Any, tensors: Sequence[Tensor | None], plan: Plan) -> None:
    ctx.plan = plan
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*tensors)


def _towards(ctx: Any, gradients: Sequence[Tensor | None]) -> tuple[Tensor | None, ...]:
    """Return the gradients towards the inputs of a scan, None where nobody wants one."""
    plan: Plan = ctx.plan
    # Where somebody wants to differentiate again, the operator says that it cannot.
    if torch.compiler.is_compiling() or torch.is_grad_enabled():
        found = scan_backward(*gradients, *ctx.saved_tensors, plan.key, plan.packed())
    else:
        currents, initial, values, lengths = ctx.saved_tensors
        found = _backward(gradients, currents, initial, values, lengths, plan)
    needed = zip(found, ctx.needs_input_grad, strict=False)
    return tuple(gradient if wanted else None for gradient, wanted in needed)


class _DirectScan(torch.autograd.Function):
    # Not with `setup_context`, for which PyTorch inspects the signature at every call.
    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Any:
        *tensors, plan = inputs
        _remember(ctx, tensors, plan)
        return _forward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return (*_towards(ctx, gradients), None, None)


def _scan_forward(
    currents: Tensor,
    initial: Tensor,
    values: Tensor,
    lengths: Tensor | None,
    key: str,
    plan: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return _forward(currents, initial, values, lengths, Plan.unpacked(key, plan))


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
    key: str,
    plan: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    gradients = grad_spikes, grad_counts, grad_trace, grad_sums, grad_final
    return _backward(gradients, currents, initial, values, lengths, Plan.unpacked(key, plan))


def _refuse_twice(ctx: Any, *gradients: Any) -> Any:
    raise UserError(
        "a fused kernel is differentiable once, and something asked for the gradient of a gradient "
        "(create_graph=True, a gradient penalty, torch.autograd.gradgradcheck): make the cells "
        "with backend='eager', which is as often differentiable as you like"
    )


def _empty_results(*arguments: Any) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    currents, _, _, _, key, plan = arguments
    return ScanShape(Plan.unpacked(key, plan), currents.shape, currents.dtype).results(currents)


def _empty_gradients(*arguments: Any) -> tuple[Tensor, Tensor, Tensor]:
    currents, _, values, _, key, plan = arguments[5:]
    layout = ScanShape(Plan.unpacked(key, plan), currents.shape, currents.dtype)
    return layout.gradients(currents, values)


def _remember_inputs(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    *tensors, key, plan = inputs
    _remember(ctx, tensors, Plan.unpacked(key, plan))


def _differentiate(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
    return (*_towards(ctx, gradients), None, None, None)


_operator: Any = partial(torch.library.custom_op, mutates_args=(), device_types="cpu")
scan_forward: Any = _operator("sc_neurocore::scan_forward", _scan_forward)
scan_backward: Any = _operator("sc_neurocore::scan_backward", _scan_backward)
scan_forward.register_fake(_empty_results)
scan_backward.register_fake(_empty_gradients)
scan_forward.register_autograd(_differentiate, setup_context=_remember_inputs)
scan_backward.register_autograd(_refuse_twice)
