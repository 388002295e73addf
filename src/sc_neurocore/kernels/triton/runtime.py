"""Generated Triton kernels: made from their text, and launched over all neurons."""

from __future__ import annotations

import linecache
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, Literal

import numpy as np
import torch
import triton

from sc_neurocore.errors import UserError
from sc_neurocore.kernels.scans import Inputs, Layout, scan_of
from sc_neurocore.kernels.text import Real
from sc_neurocore.kernels.triton.emitter import emit_backward, emit_forward

Direction = Literal["forward", "backward"]

BLOCK = 128
"""Neurons of a program, one to a thread."""

LARGEST_BLOCK_INTERPRETED = 4096
"""Neurons of a program at most where every operation takes the interpreter a while."""


@cache
def kernel(key: str, direction: Direction, real: Real) -> Any:
    """Return a kernel of a registered scan, which Triton compiles when it is first launched."""
    emit = emit_forward if direction == "forward" else emit_backward
    return load(f"{key}_{direction}_{real}", emit(scan_of(key), real))["scan"]


def load(name: str, text: str) -> dict[str, Any]:
    """Execute a generated module, and return its names."""
    # Triton reads the text of what it compiles, and looks for it here.
    file = f"<{name}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    module = {"__name__": f"{__name__}.{name}"}
    exec(compile(text, file, "exec"), module)
    return module


def launch(layout: Layout, direction: Direction, inputs: Inputs, **arguments: Any) -> None:
    """Run a kernel over all neurons.

    Args:
        layout: Of the scan.
        direction: Which of its kernels.
        inputs: The inputs of the scan, of which the constants and the lengths are taken.
        arguments: What else the kernel takes.
    """
    plan, scan = layout.plan, scan_of(layout.plan.key)
    run = kernel(plan.key, direction, "float64" if layout.real == torch.float64 else "float32")
    of = scan.forward if direction == "forward" else scan.backward
    for index, name in enumerate(scan.constants):
        if name in of.constants:
            arguments[f"place{index}"] = layout.offsets[index]
            arguments[f"size{index}"] = plan.sizes[index]
    block, device = BLOCK, inputs.values.device
    if not isinstance(run, triton.JITFunction):
        block = min(max(4, triton.next_power_of_2(layout.neurons)), LARGEST_BLOCK_INTERPRETED)
    elif device.type == "cpu":
        raise UserError(
            "backend='triton' on the processor needs TRITON_INTERPRET=1 before Triton is imported, "
            "which something has done already: set it before Python starts"
        )
    grid = (-(-layout.neurons // block),)
    with _on(device):
        run[grid](
            values=inputs.values.contiguous(),
            lengths=inputs.lengths,
            inner=plan.inner,
            length_inner=layout.neurons // layout.frame[0],
            neurons=layout.neurons,
            columns=layout.columns,
            pooled=layout.pooled,
            POOL=bool(layout.columns),
            BLOCK=block,
            # A product and a sum are rounded each, as PyTorch's operations are.
            enable_fp_fusion=False,
            **arguments,
        )


def _on(device: torch.device) -> AbstractContextManager[Any]:
    if device.type == "cuda":
        return torch.cuda.device(device)
    # The interpreter computes with NumPy, which warns of what floats are there for.
    return np.errstate(all="ignore")
