"""A training's history as files: CSV for spreadsheets, events for TensorBoard."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sc_neurocore.errors import ToolMissingError
from sc_neurocore.files import write_atomically
from sc_neurocore.training.history import Epoch

HISTORY_NAME = "history.csv"
BOARD_NAME = "tensorboard"


def rows(epochs: Sequence[Epoch]) -> list[dict[str, Any]]:
    """Return one row per epoch, numbered from 1, as plain JSON values."""
    return [{"epoch": number, **asdict(epoch)} for number, epoch in enumerate(epochs, start=1)]


def write_history(epochs: Sequence[Epoch], path: Path) -> None:
    """Write the epochs as CSV, one line each below a header, in place of what is there.

    The file is whole at every moment. Numbers are written so that they are read back exactly.
    """
    text = io.StringIO()
    columns = ["epoch", *(field.name for field in fields(Epoch))]
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(epochs))
    write_atomically(path, text.getvalue().encode())


class Board:
    """Writes events for TensorBoard into a folder, which is emptied when the first ones come.

    Args:
        folder: What `tensorboard --logdir` is given.
        facts: What was trained and how, shown as text.

    Raises:
        ToolMissingError: If the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, facts: Mapping[str, object]) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise ToolMissingError(
                "events for TensorBoard need the package tensorboard, which is not installed: "
                "pip install tensorboard, or do without --tensorboard; history.csv holds the same "
                "numbers"
            ) from None
        self._make: Any = SummaryWriter
        self._folder = folder
        self._facts = facts
        self._writer: Any = None
        self._written = 0

    def write(self, epochs: Sequence[Epoch]) -> None:
        """Write the epochs that have not been written."""
        if self._writer is None:
            # A resumed training has all its epochs at hand; events of before would be doubles.
            shutil.rmtree(self._folder, ignore_errors=True)
            self._writer = self._make(str(self._folder))
            facts = "\n".join(f"    {name}: {value}" for name, value in self._facts.items())
            self._writer.add_text("options", facts)
        for row in rows(epochs)[self._written :]:
            number = row.pop("epoch")
            for name, value in row.items():
                if value is not None:
                    self._writer.add_scalar(name, value, number)
        self._written = len(epochs)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
