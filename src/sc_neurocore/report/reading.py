"""Reading what lies in a folder that may come from a stranger: JSON of a known form, within bounds.

Nothing is followed through a link, and of a file that is too large nothing is read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside

LARGEST = 1 << 26
"""Bytes that a file of figures may have."""


class Part(BaseModel):
    """A part of such a file: what is not known of it is left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


Model = TypeVar("Model", bound=Part)


def read_part(model: type[Model], folder: Path, name: str, writer: str) -> Model | None:
    """Read a file of a folder; None if there is none.

    Args:
        model: Its form.
        folder: The folder.
        name: As `files.inside` takes it.
        writer: The command that writes it again, for messages.

    Raises:
        UserError: If it is damaged, or cannot be read.
    """
    content = read_inside(folder, name, LARGEST)
    return None if content is None else parse(model, content, folder / name, writer)


def parse(model: type[Model], content: bytes, path: Path, writer: str) -> Model:
    """Read the content of a file.

    Args:
        model: Its form.
        content: The content.
        path: Where it is from, for messages.
        writer: The command that writes it again.

    Raises:
        UserError: If it has another form.
    """
    try:
        return model.model_validate_json(content)
    except (ValidationError, RecursionError) as error:
        complaints = "nested too deeply"
        if isinstance(error, ValidationError):
            complaints = "; ".join(_complaint(each) for each in error.errors()[:3])
        raise UserError(
            f"{path} is not what a run writes: {complaints}; restore it, or run '{writer}' again"
        ) from None


def _complaint(error: Any) -> str:
    """Say where in the file something is wrong, what was expected and what was found."""
    place = ".".join(str(step) for step in error["loc"])
    found = error["input"]
    # Of an object or the whole file only the message is of use.
    given = f" (found {found!r:.60})" if isinstance(found, str | int | float) and place else ""
    return f"{place or 'the file'}: {error['msg']}{given}"
