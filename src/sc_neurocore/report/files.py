"""The files of a folder, as links that work wherever it is moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from sc_neurocore.errors import UserError
from sc_neurocore.files import inside
from sc_neurocore.report.wording import size


@dataclass(frozen=True)
class FileLink:
    """One file of a folder.

    Attributes:
        kind: What it is.
        path: Its path below the folder, with forward slashes.
        href: The same as a relative URL; "" if there is no such file there.
        size: Its size in words; "" if there is no such file.
    """

    kind: str
    path: str
    href: str
    size: str


def list_files(folder: Path, patterns: Iterable[tuple[str, str]]) -> list[FileLink]:
    """Return the files of a folder that are there.

    Args:
        folder: The folder.
        patterns: What a file is, and its name, or a pattern of names, below the folder.
    """
    return [
        link(folder, kind, path.relative_to(folder).as_posix())
        for kind, pattern in patterns
        for path in _matches(folder, pattern)
    ]


def below(files: Iterable[FileLink], folder: str) -> list[FileLink]:
    """Return the files of a folder inside another as that one's."""
    return [
        replace(
            each,
            path=f"{folder}/{each.path}",
            href=each.href.replace("./", f"./{quote(folder)}/", 1),
        )
        for each in files
    ]


def _matches(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern; none if one of its folders is a link to elsewhere."""
    parts = PurePosixPath(pattern)
    parent = parts.parent.as_posix()
    try:
        place = folder if parent == "." else inside(folder, parent)
        return sorted(place.glob(parts.name))
    except (UserError, OSError):
        return []


def link(folder: Path, kind: str, path: str) -> FileLink:
    """Describe a file, whether it is there or not; nothing outside the folder is ever linked."""
    try:
        target = inside(folder, path)
        is_there = target.is_file()
    except (UserError, OSError):
        is_there = False
    if not is_there:
        return FileLink(kind, path, "", "")
    return FileLink(kind, path, "./" + quote(path), size(target.stat().st_size))
