"""How many threads work at once, here and in the BLAS behind NumPy."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractContextManager
from functools import cache
from typing import Any


def usable_cores() -> int:
    """Return how many cores this process may use: those of its affinity mask, if it has one."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_count() -> int:
    """Return how many threads kernels use: the usable cores, or fewer if PyTorch was told so."""
    torch = sys.modules.get("torch")
    cores = usable_cores()
    return cores if torch is None else min(cores, torch.get_num_threads())


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which products of NumPy's matrices use one thread.

    A step of a network has many small products. The BLAS's other threads wait for the next one by
    spinning, and beside another busy process all wait for the one that has lost its core: ten
    thousand images then take ten times as long. With one thread, rounding does not depend on the
    number of cores either.
    """
    context: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return context


@cache
def _controller() -> Any:
    """Find the libraries once; NumPy's is loaded by then."""
    # Takes a while: only where something is computed.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
