"""Which back ends the kernels' tests run on."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from sc_neurocore.kernels.backends import BACK_ENDS, BackEnd

# Before anything imports Triton: what has no device here runs under its interpreter.
for _each in BACK_ENDS.values():
    if _each.interpreter is not None:
        os.environ.setdefault(_each.interpreter, "1")


@pytest.hookimpl(tryfirst=True)  # before -m looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave to the soak what runs kernels so often that an interpreted back end takes too long."""
    for item in items:
        if item.get_closest_marker("often"):
            one = item.callspec.params.get("backend")  # type: ignore[attr-defined]
            if isinstance(one, BackEnd) and one.is_interpreted():
                item.add_marker(pytest.mark.soak)


class Carried:
    """The kernels of a back end for other devices, on tensors of the processor: there and back."""

    def __init__(self, one: BackEnd) -> None:
        self.kernels = one.kernels()
        self.device = one.devices[0]

    def forward(self, layout: Any, inputs: Any, results: Any) -> None:
        self._run(self.kernels.forward, results, layout, inputs)

    def backward(self, layout: Any, inputs: Any, arriving: Any, gradients: Any) -> None:
        self._run(self.kernels.backward, gradients, layout, inputs, arriving)

    def _run(self, run: Any, here: Any, layout: Any, *given: Any) -> None:
        there = self._there(here)
        run(layout, *map(self._there, given), there)
        for mine, theirs in zip(here, there, strict=True):
            mine.copy_(theirs)

    def _there(self, tensors: Any) -> Any:
        move = (None if each is None else each.to(self.device) for each in tensors)
        return type(tensors)(*move)


def _is_there(device: str) -> bool:
    module: Any = torch.get_device_module(device)
    return bool(module.is_available())


@pytest.fixture(
    scope="module",
    params=[
        each for each in BACK_ENDS.values() if each.runs_on("cpu") or _is_there(each.devices[0])
    ],
    ids=lambda each: each.name,
)
def backend(request: pytest.FixtureRequest) -> Iterator[BackEnd]:
    """Each back end that runs here, on the processor or carried; in CI all must be there."""
    one: BackEnd = request.param
    if not one.is_available() and not os.environ.get("CI"):
        pytest.skip(f"needs {one.package}, which make setup installs")
    if one.runs_on("cpu"):
        yield one
        return
    carried = replace(one, devices=("cpu",), module=f"carried_{one.name}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, carried.module, Carried(one))  # type: ignore[arg-type]
        patch.setitem(BACK_ENDS, one.name, carried)  # type: ignore[arg-type]
        yield carried
