"""Compile the kernels of a neuron for a GPU, without one, and look at the code.

    TRITON_INTERPRET=0 python compile_triton.py NEURON

Before, it says what a launch on the processor says. `test_triton.py` runs it in a process of its
own, since Triton either interprets or compiles in one.
"""

from __future__ import annotations

import re
import sys
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from sc_neurocore.equation import CATALOGUE, SURROGATES
from sc_neurocore.errors import UserError
from sc_neurocore.kernels.backends import BACK_ENDS
from sc_neurocore.kernels.fused import FusedNeuron, Outputs
from sc_neurocore.kernels.triton import runtime

TARGET = GPUTarget("cuda", 80, 32)
POINTERS = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bfloat16: "*bf16",
    torch.float16: "*fp16",
}
FORBIDDEN = {
    "contraction": r"\bfma\.rn\.f",
    "approximate division": r"\bdiv\.(full|approx)",
    "atomics": r"\b(atom|red)\.",
}


class Compiled:
    """Stands for a kernel: a launch compiles it as it would be compiled there."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __getitem__(self, grid: tuple[int, ...]) -> Compiled:
        return self

    def __call__(self, *, enable_fp_fusion: bool, **arguments: Any) -> None:
        arguments["BLOCK"] = runtime.BLOCK  # not the interpreter's
        signature, constants = {}, {}
        flags = {each.name for each in self.function.params if each.is_constexpr}
        for place, name in enumerate(self.function.arg_names):
            value = arguments.pop(name)
            if isinstance(value, torch.Tensor):
                signature[name] = POINTERS[value.dtype]
            elif value is None or name in flags or (value == 1 and name != "first"):
                signature[name], constants[(place,)] = "constexpr", value
            else:
                signature[name] = "i32"
        assert not arguments, f"the kernel does not take {[*arguments]}"
        source = ASTSource(self.function, signature, constants)
        options = {"enable_fp_fusion": enable_fp_fusion}
        code = triton.compile(source, target=TARGET, options=options).asm["ptx"]
        for what, pattern in FORBIDDEN.items():
            found = re.search(pattern, code)
            assert found is None, f"{what}: {found and found[0]}"


def run(name: str, stored: torch.dtype, *, pool: bool = False, masked: bool = False) -> None:
    """Go through one run of a neuron, forward and backward; nothing is computed."""
    neuron = CATALOGUE[name]
    surrogate = [*SURROGATES.values()][([*CATALOGUE].index(name) + 3) % len(SURROGATES)]
    currents = torch.rand(3, 2, 4, 6, 8, dtype=torch.float32).to(stored).requires_grad_()
    real = torch.float64 if stored == torch.float64 else torch.float32
    parameters = {
        key: torch.full((4, 1, 1), each.default, dtype=real, requires_grad=True)
        for key, each in neuron.parameters.items()
    }
    names = tuple(neuron.states)
    given = FusedNeuron(neuron, surrogate, False, tuple(parameters)).run(
        currents,
        parameters=parameters,
        lengths=torch.tensor([3, 1]) if masked else None,
        outputs=Outputs(pool=pool, counts=True, trace=names, sums=names),
        backend=BACK_ENDS["triton"],
    )
    results = given.spikes, given.counts, *given.trace.values(), *given.sums.values()
    total: Any = sum(each.sum() for each in results)
    total.backward()


def main(name: str) -> None:
    try:
        run(name, torch.float32)
    except UserError as error:
        print(error)
    kernel = runtime.kernel
    runtime.kernel = lambda *of: Compiled(kernel(*of))  # type: ignore[assignment]
    run(name, torch.bfloat16, pool=True)
    run(name, torch.float64, masked=True)
    print("all compiled")


if __name__ == "__main__":
    main(sys.argv[1])
