"""What is Triton's alone: its choice, its functions, and the code that it compiles for a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from sc_neurocore.equation import CATALOGUE, atan_surrogate, parse_neuron
from sc_neurocore.kernels.backends import AUTO, BACK_ENDS, candidates, serving
from sc_neurocore.kernels.eager import unroll
from sc_neurocore.kernels.exponential import exponential
from sc_neurocore.kernels.fused import FusedNeuron, Outputs, Run

TRITON = BACK_ENDS["triton"]
COMPILE = Path(__file__).with_name("compile_triton.py")


@pytest.fixture(autouse=True)
def _needs_triton() -> None:
    if not TRITON.is_available() and not os.environ.get("CI"):
        pytest.skip("needs triton, which make setup installs on Linux")


def test_auto_takes_it_on_a_gpu_and_never_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TRITON not in candidates(AUTO)  # the tests' own setting
    assert serving(candidates("triton"), "cpu") is TRITON
    monkeypatch.setenv("TRITON_INTERPRET", "0")
    assert serving(candidates(AUTO), "cuda") is TRITON
    assert serving(candidates(AUTO), "cpu") is BACK_ENDS["numba"]
    assert serving(candidates("triton"), "cpu") is None


APPLY = """
import triton
import triton.language as tl

from sc_neurocore.kernels.triton.support import {name}

@triton.jit
def apply(x, y, out, SIZE: tl.constexpr):
    at = tl.arange(0, SIZE)
    if y is None:
        tl.store(out + at, {name}(tl.load(x + at)))
    else:
        tl.store(out + at, {name}(tl.load(x + at), tl.load(y + at)))
"""


def applied(name: str, x: Tensor, y: Tensor | None = None) -> Tensor:
    """Apply a function of the support to as many numbers as a power of two."""
    from sc_neurocore.kernels.triton.runtime import load

    out = torch.empty_like(x)
    with np.errstate(all="ignore"):
        load(f"apply_{name}", APPLY.format(name=name))["apply"][(1,)](x, y, out, SIZE=len(x))
    return out


SPECIAL = [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-30, -1e-30, 1e-4]


def spread(low: float, high: float, dtype: torch.dtype) -> Tensor:
    """1024 numbers between two, the special ones among them."""
    values = torch.linspace(low, high, 1024, dtype=torch.float64)
    values[: len(SPECIAL)] = torch.tensor(SPECIAL, dtype=torch.float64)
    return values.to(dtype)


in_both_types = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


@in_both_types
def test_the_exponential_is_that_of_eager_bit_for_bit(dtype: torch.dtype) -> None:
    for low, high in ((-120, 120), (-1000, 1000), (-1, 1)):
        x = spread(low, high, dtype)
        torch.testing.assert_close(
            applied("exp", x), exponential(x), rtol=0, atol=0, equal_nan=True
        )


@in_both_types
@pytest.mark.parametrize(
    ("name", "oracle", "low", "high"),
    [
        ("expm1", np.expm1, -50, 80),
        ("tanh", np.tanh, -25, 25),
        ("cosh", np.cosh, -50, 50),
        ("sigmoid", lambda x: 1 / (1 + np.exp(-x)), -50, 50),
        ("exprel", lambda x: np.where(x == 0, 1, np.expm1(x) / x), -50, 80),
        ("root", np.sqrt, -1, 1e6),
        ("negative", np.negative, -1, 1),
    ],
)
def test_functions_are_close_to_exact(
    name: str,
    oracle: Callable[[Any], NDArray[np.longdouble]],
    low: float,
    high: float,
    dtype: torch.dtype,
) -> None:
    x = spread(low, high, dtype)
    with np.errstate(all="ignore"):
        exact = oracle(x.numpy().astype(np.longdouble))
    expected = torch.from_numpy(exact.astype(np.float64)).to(dtype)
    if name == "exprel":  # which nothing calls with an infinite argument
        x, expected = x.nan_to_num(0, 0, 0), torch.where(x.isfinite(), expected, 1)
    found = applied(name, x)
    torch.testing.assert_close(
        found, expected, rtol=8 * torch.finfo(dtype).eps, atol=1e-30, equal_nan=True
    )
    if name == "negative":
        assert torch.equal(found[:2].signbit(), torch.tensor([True, False]))


@in_both_types
def test_powers_are_those_of_torch(dtype: torch.dtype) -> None:
    x = spread(-4, 4, dtype).nan_to_num(3, 3, -3).abs()
    x[512:] *= -1
    for exponent in (0.0, 1.0, 2.0, 3.0, 0.5, -1.0, -2.0, 2.5):
        p = torch.full_like(x, exponent)
        found, expected = applied("power", x, p), x.pow(p)
        torch.testing.assert_close(
            found, expected, rtol=128 * torch.finfo(dtype).eps, atol=1e-26, equal_nan=True
        )


STRANGE = """
neuron Strange
state total = 0.25
state size = 0.5
state v = 0
parameter at = 0.9 in (0, 1)
parameter count = 2.5 in (0, 4)
update total = tanh(total + I)*cosh(size/4) + exprel(v - 1)
update size = sqrt(abs(total)) + sin(v)*cos(I) + min(size, 2) - max(-size, -3)
update v = at*v + I + sigmoid(total) + 0.1*log(1 + abs(size)) + abs(0.1 + v)**0.3
spike v >= count
reset v = v - count
"""
"""Every function, and names that kernels use themselves."""


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 2e-3)], ids=str
)
def test_every_function_equals_eager(dtype: torch.dtype, tolerance: float) -> None:
    neuron = parse_neuron(STRANGE)
    parameters = {
        name: torch.tensor(each.default, dtype=dtype, requires_grad=True)
        for name, each in neuron.parameters.items()
    }
    generator = torch.Generator().manual_seed(0)
    currents = torch.rand(4, 3, 5, generator=generator, dtype=dtype).requires_grad_()
    names = tuple(neuron.states)
    fused = FusedNeuron(neuron, atan_surrogate, False, tuple(parameters)).run(
        currents, parameters=parameters, outputs=Outputs(trace=names), backend=TRITON
    )
    options: Any = {"parameters": parameters, "detach_reset": False, "record": names}
    eager = Run.of(unroll(neuron, currents, **options))
    assert eager.spikes.any() and not eager.spikes.all()
    assert torch.equal(fused.spikes, eager.spikes)
    found = []
    for run in (fused, eager):
        total: Any = sum(
            (values * (place + 1)).sum() for place, values in enumerate(run.trace.values())
        )
        gradients = torch.autograd.grad(total, [currents, *parameters.values()])
        found.append([*run.trace.values(), *gradients])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)


def test_float16_is_read_and_written_but_computed_in_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    half = (torch.rand(5, 3, 7, generator=generator) * 2).half().requires_grad_()
    wide = half.detach().float().requires_grad_()
    found = []
    for currents in (half, wide):
        run = FusedNeuron(CATALOGUE["LIF"], atan_surrogate).run(
            currents, parameters={"beta": 0.9, "threshold": 1.0}, backend=TRITON
        )
        assert run.spikes.dtype == currents.dtype and run.state["v"].dtype == torch.float32
        weight = torch.linspace(0.5, 1, 7).half().to(currents.dtype)
        (gradient,) = torch.autograd.grad((run.spikes * weight).sum(), currents)
        found.append((run.spikes.float(), run.state["v"], gradient.half()))
    assert found[0][0].any()
    assert all(map(torch.equal, *found))


@pytest.mark.sample(1)
@pytest.mark.parametrize("name", CATALOGUE)
def test_kernels_compile_for_a_gpu(name: str, tmp_path: Path) -> None:
    """One need not be here. Nothing is contracted, no quotient approximate, and nothing atomic."""
    done = subprocess.run(
        [sys.executable, str(COMPILE), name],
        env={**os.environ, "TRITON_INTERPRET": "0", "TRITON_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused, compiled = done.stdout.splitlines()
    assert "needs TRITON_INTERPRET=1" in refused and "set it before Python starts" in refused
    assert compiled == "all compiled"
