"""How long a step takes; imports no framework, so that a worker in any environment can use it."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable


def timed(step: Callable[[], None], repeats: int) -> dict[str, float]:
    """Return milliseconds of a step, median and fastest, and seconds of the first one."""
    began = time.perf_counter()
    step()
    first = time.perf_counter() - began
    step()
    times = []
    while len(times) < repeats:
        began = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - began))
    return {"ms": statistics.median(times), "fastest_ms": min(times), "first_step_s": first}
