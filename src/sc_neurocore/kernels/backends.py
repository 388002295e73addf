"""Which back ends run a derived scan, what each is good for, and whether it is here.

A back end is a package beside this file, with a module whose `forward` and `backward` are as
`scans.Kernels` says, and an entry here. Everything else asks this table: it needs neither torch
nor the back end's own packages.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

AUTO, EAGER = "auto", "eager"
"""Names for the fastest back end of a device, and for PyTorch's operations, step by step."""


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
    """

    name: str
    package: str
    purpose: str
    devices: tuple[str, ...]
    stored: tuple[str, ...]
    exact: bool
    module: str

    def is_available(self) -> bool:
        """Whether it can run here."""
        return importlib.util.find_spec(self.package) is not None

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
        return tuple(each for each in BACK_ENDS.values() if each.is_available())
    return () if name == EAGER else (BACK_ENDS[name],)


def serving(several: Iterable[BackEnd], device: str) -> BackEnd | None:
    """Return the first one that runs on a type of device; None stands for the eager kernel."""
    for each in several:
        if device in each.devices:
            return each
    return None
