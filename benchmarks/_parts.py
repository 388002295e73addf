"""What a long benchmark has measured already: a run that was stopped goes on where it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sc_neurocore.files import write_atomically

RUNS = Path(__file__).parents[1] / "runs"


class Parts:
    """What was measured, by what it was measured of; kept in runs/NAME/parts.json."""

    def __init__(self, name: str) -> None:
        self._path = RUNS / name / "parts.json"
        self.known: dict[str, Any] = (
            json.loads(self._path.read_bytes()) if self._path.exists() else {}
        )

    def get(self, *key: Any) -> Any:
        """Return what is known of this, or None."""
        return self.known.get(self.name(*key))

    def put(self, found: Any, *key: Any) -> Any:
        """Keep it, and write everything."""
        self.known[self.name(*key)] = found
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, (json.dumps(self.known, indent=1) + "\n").encode())
        return found

    @staticmethod
    def name(*key: Any) -> str:
        """Return the name that something is kept under."""
        return " ".join(str(part) for part in key)
