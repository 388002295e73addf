"""What happens around a training while it runs: reports, checkpoints, and Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sc_neurocore.errors import UserError
from sc_neurocore.progress import Progress, ProgressCallback
from sc_neurocore.training.checkpoint import load_checkpoint, save_checkpoint
from sc_neurocore.training.identity import prolonged
from sc_neurocore.training.interruption import Interruptions
from sc_neurocore.training.learner import Learner

_SECONDS_BETWEEN_REPORTS = 10.0
_BATCHES_BETWEEN_AGREEMENTS = 16
"""Processes agree on when to save and to stop; every agreement costs them a message."""


class Keeper:
    """Reports on a learner, saves it in time, and saves it when Ctrl-C comes.

    Only the first process of a group reports and writes, but all of them call the same methods at
    the same moments, because a checkpoint is of all of them.

    Args:
        learner: What is reported on and saved.
        interruptions: Where Ctrl-C arrives. With several processes it waits for an agreement.
        progress: Receives the reports.
        folder: Of the checkpoint, or None.
        seconds: Between checkpoints.
    """

    def __init__(
        self,
        learner: Learner,
        interruptions: Interruptions,
        progress: ProgressCallback,
        folder: Path | None,
        seconds: float,
    ) -> None:
        self._learner = learner
        self._group = learner.group
        self._interruptions = interruptions
        self._progress = progress
        self._folder = folder
        self._seconds = seconds
        self._saved = self._reported = time.perf_counter()
        self._identity: Mapping[str, Any] = {}

    def resume(self, identity: Mapping[str, Any]) -> None:
        """Go on from the checkpoint, if there is one.

        Args:
            identity: Plain values that say what is trained, how, and on what.

        Raises:
            UserError: If the checkpoint has another identity.
            DataError: If it is damaged.
        """
        assert self._folder is not None
        self._identity = identity
        if self._group.is_first:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UserError(
                    f"checkpoint = {self._folder}: it cannot be made ({error.strerror}): expected "
                    f"a folder that this user may write to"
                ) from None
        found = load_checkpoint(self._folder) if self._group.is_first else None
        found = self._group.from_first(found)
        if found is None:
            return
        content, tensors = found
        differs = prolonged(content.get("training", {}), identity, len(content.get("epochs", ())))
        if differs:
            raise UserError(
                f"{self._folder} holds a checkpoint of another training ({differs}); train as it "
                f"did, or choose another folder, or remove this one"
            )
        self._learner.restore(content, tensors)

    def save(self) -> None:
        """Make a checkpoint now, if there is a folder."""
        if self._folder is None:
            return
        content, tensors = self._learner.state()
        if self._group.is_first:
            save_checkpoint(self._folder, {"training": self._identity, **content}, tensors)
        self._saved = time.perf_counter()

    def say_compiling(self, name: str) -> None:
        """Report that a kernel is being compiled, which happens once per machine."""
        self.report(f"compiling {name}, once: it is kept for the next time")

    def report(self, detail: str = "") -> None:
        """Report how many epochs are done."""
        self._reported = time.perf_counter()
        if self._group.is_first:
            done, total = len(self._learner.epochs), self._learner.options.epochs
            self._progress(Progress("training", done, total, detail))

    def between_batches(self) -> None:
        """Report and save when it is time to, and raise the Ctrl-C that came meanwhile."""
        learner = self._learner
        now = time.perf_counter()
        if now - self._reported >= _SECONDS_BETWEEN_REPORTS:
            loss = f"loss {learner.mean_loss:.4f}"
            self.report(f"batch {learner.place}, {loss}")
        if self._group.size > 1 and learner.batch % _BATCHES_BETWEEN_AGREEMENTS:
            return
        is_time = self._folder is not None and now - self._saved >= self._seconds
        if self._agree(is_time):
            self.save()

    def between_epochs(self) -> None:
        """Raise the Ctrl-C that came to any process meanwhile."""
        self._agree(False)

    @contextmanager
    def saving_when_interrupted(self) -> Iterator[None]:
        """Save when Ctrl-C ends what is inside, and say how to resume."""
        try:
            if self._group.size == 1:
                yield
            else:
                with self._interruptions.held():
                    yield
        except KeyboardInterrupt:
            if self._folder is None:
                raise
            with self._interruptions.held():
                self.save()
                self._interruptions.asked = False  # impatience changes nothing
            learner = self._learner
            raise KeyboardInterrupt(
                f"interrupted after {len(learner.epochs)} of {learner.options.epochs} epochs and "
                f"{learner.place} batches; saved in {self._folder}: the same "
                f"command goes on from there"
            ) from None

    def _agree(self, is_time: bool) -> bool:
        """Return whether it is time for any process; raise the Ctrl-C of any of them."""
        if self._group.size == 1:
            return is_time
        device = self._learner.samples.device
        is_time, is_asked = self._group.any(is_time, self._interruptions.asked, device=device)
        if is_asked:
            self._interruptions.asked = False
            raise KeyboardInterrupt
        return is_time
