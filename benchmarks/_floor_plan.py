"""The picture of where the parts of a design lie."""

from __future__ import annotations

import json
from pathlib import Path

from sc_neurocore.report import figures


def draw(layout: Path, title: str, picture: Path) -> None:
    """Draw the floor plan that a build left."""
    plan = json.loads(layout.read_text(encoding="utf-8"))
    figure = figures.floor_plan(plan["floor"], plan["parts"], plan["cells"], title)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=110)
