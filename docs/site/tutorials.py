"""Tutorials: the examples, which are notebooks as text, as pages and as notebooks.

    python docs/site/tutorials.py

runs them and keeps the pictures that they make beside the pages, in docs/tutorials/.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jupytext

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FOLDER = "tutorials"
_PICTURE = re.compile(r"^# !\[.*\]\((\w+\.png)\)$", re.MULTILINE)


def tutorial_files() -> Iterator[tuple[str, str]]:
    """Yield the page and the notebook of every tutorial: where it goes, and its content."""
    for path in sorted(EXAMPLES.glob("0*.py")):
        notebook = jupytext.reads(path.read_text("utf-8"), fmt="py:percent")
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        cells = (
            cell.source if cell.cell_type == "markdown" else f"```python\n{cell.source}\n```"
            for cell in notebook.cells
        )
        title, *rest = cells
        heading, _, text = title.partition("\n")
        said = (
            f"[Notebook]({path.stem}.ipynb), or the same as a program: "
            f"[examples/{path.name}](../../examples/{path.name})."
        )
        yield f"{FOLDER}/{path.stem}.md", "\n\n".join([heading, said, text.strip(), *rest]) + "\n"
        for number, cell in enumerate(notebook.cells):
            cell["id"] = f"cell{number}"  # jupytext draws them at random
        yield f"{FOLDER}/{path.stem}.ipynb", jupytext.writes(notebook, fmt="ipynb")


def main() -> int:
    """Run every tutorial in a folder of its own."""
    place = ROOT / "docs" / FOLDER
    place.mkdir(exist_ok=True)
    for path in sorted(EXAMPLES.glob("0*.py")):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "models").symlink_to(ROOT / "models")
            subprocess.run([sys.executable, str(path)], cwd=folder, env=os.environ, check=True)
            for name in _PICTURE.findall(path.read_text("utf-8")):
                (place / name).write_bytes((Path(folder) / name).read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
