"""How long work tells its caller where it stands.

The library never prints. A function that takes long accepts `progress`, a callable that receives
`Progress` events; the command line renders them, a notebook may ignore them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """One report of a running task.

    Attributes:
        task: What is being done, in a few words; constant while the task runs.
        done: Units finished so far.
        total: Units in all, or None where nobody can know.
        detail: What a reader would like to see beside the bar, such as a loss.
    """

    task: str
    done: int
    total: int | None = None
    detail: str = ""


ProgressCallback = Callable[[Progress], None]


def ignore_progress(event: Progress) -> None:
    """Drop the event: the default for callers that do not watch."""
