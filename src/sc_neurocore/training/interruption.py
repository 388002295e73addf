"""Ctrl-C, kept away from what must not stop half-way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class Interruptions:
    """Within this context, Ctrl-C waits for the end of a `held` block.

    Elsewhere than in the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._depth = 0
        self._before: Any = None

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Finish what is inside; a Ctrl-C that came meanwhile is raised at the end."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
        self.raise_if_asked()

    def raise_if_asked(self) -> None:
        """Raise the Ctrl-C that came meanwhile, if this is not a held block."""
        if self.asked and not self._depth:
            self.asked = False
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        self.raise_if_asked()
