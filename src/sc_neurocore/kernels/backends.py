"""Which back ends run a derived scan, what each is good for, and whether it is here.

A back end is a package beside this file, with a module whose `forward` and `backward` are as
`scans.Kernels` says, and an entry here. Everything else asks this table: it needs neither torch
nor the back end's own packages.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

AUTO, EAGER = "auto", "eager"
"""Names for the fastest back end of a device, and for PyTorch's operations, step by step."""

_YES = ("1", "true", "True", "yes", "on")


@dataclass(frozen=True)
class BackEnd:
    """One way to run the scans that are derived from equations.

    Attributes:
        name: What users call it.
        package: What must be installed for it.
        purpose: What it is for, in half a line.
        devices: PyTorch's types of the devices on which it runs.
        stored: The types in which it takes currents and gives spikes, as torch names them; others
            are converted on the way.
        exact: Whether it computes exponentials by the sequence of operations in
            `kernels.exponential`, so that the eager kernel on these devices has to take it too.
        module: Where its kernels are.
        interpreter: A variable of the environment. Where it is 1 before Python starts, the back
            end is interpreted, slowly and on the processor too, which is for its tests: `AUTO`
            then leaves it out.
    """

    name: str
    package: str
    purpose: str
    devices: tuple[str, ...]
    stored: tuple[str, ...]
    exact: bool
    module: str
    interpreter: str | None = None

    def is_available(self) -> bool:
        """Whether its package is here."""
        return importlib.util.find_spec(self.package) is not None

    def is_interpreted(self) -> bool:
        """Whether the environment says that it is to be interpreted."""
        return self.interpreter is not None and os.environ.get(self.interpreter, "0") in _YES

    def runs_on(self, device: str) -> bool:
        """Whether it runs on a type of device."""
        return device in self.devices or (device == "cpu" and self.is_interpreted())

    def kernels(self) -> Any:
        """Return its `scans.Kernels`, imported when first asked for."""
        return import_module(self.module)


BACK_ENDS: Mapping[str, BackEnd] = {
    each.name: each
    for each in (
        BackEnd(
            name="numba",
            package="numba",
            purpose="fused training kernels on the processor",
            devices=("cpu",),
            stored=("float32", "float64", "bfloat16"),
            exact=True,
            module="sc_neurocore.kernels.numba.scans",
        ),
        BackEnd(
            name="triton",
            package="triton",
            purpose="fused training kernels on GPUs",
            devices=("cuda",),
            stored=("float32", "float64", "bfloat16", "float16"),
            exact=True,
            module="sc_neurocore.kernels.triton.scans",
            interpreter="TRITON_INTERPRET",
        ),
    )
}
"""All of them, by name, the fastest ones first."""

NAMES = (AUTO, EAGER, *BACK_ENDS)
"""What `backend=` may be."""

EXACT_DEVICES = frozenset(
    device for each in BACK_ENDS.values() if each.exact for device in each.devices
)
"""The devices on which exponentials are a fixed sequence of operations."""


def candidates(name: str) -> tuple[BackEnd, ...]:
    """Return the back ends that `backend=name` may run on, the fastest ones first.

    Of `AUTO` these are all that can run here, of `EAGER` none, and of any other name the one that
    has it.
    """
    if name == AUTO:
        here = (each for each in BACK_ENDS.values() if each.is_available())
        return tuple(each for each in here if not each.is_interpreted())
    return () if name == EAGER else (BACK_ENDS[name],)


def serving(several: Iterable[BackEnd], device: str) -> BackEnd | None:
    """Return the first one that runs on a type of device; None stands for the eager kernel."""
    for each in several:
        if each.runs_on(device):
            return each
    return None
