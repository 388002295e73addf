"""The files that a run leaves, as links that work wherever its folder is moved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from sc_neurocore.errors import UserError
from sc_neurocore.files import inside
from sc_neurocore.report.contents import RESULTS_NAME, SUMMARY_NAME, Summary
from sc_neurocore.report.wording import size

# What a reader may want to open, as patterns below the run's folder.
_PATTERNS = (
    ("Verilog", "design/rtl/*.v"),
    ("Certificate", "design/certificate.json"),
    ("Network", "training/network.json"),
    ("Network", "training/network.safetensors"),
    ("Design", "design/design.json"),
    ("Figures of this page", SUMMARY_NAME),
    ("Figures of this page", RESULTS_NAME),
)


@dataclass(frozen=True)
class FileLink:
    """One file of a run.

    Attributes:
        kind: What it is.
        path: Its path below the run's folder, with forward slashes.
        href: The same as a relative URL; "" if there is no such file there.
        size: Its size in words; "" if there is no such file.
    """

    kind: str
    path: str
    href: str
    size: str


def list_files(folder: Path, summary: Summary) -> list[FileLink]:
    """Return the files of a run that are there, and its bitstream whether it is there or not."""
    links = []
    if summary.fpga is not None and summary.fpga.bitstream is not None:
        links.append(_link(folder, "Bitstream", summary.fpga.bitstream))
    for kind, pattern in _PATTERNS:
        for path in _matches(folder, pattern):
            links.append(_link(folder, kind, path.relative_to(folder).as_posix()))
    return links


def _matches(folder: Path, pattern: str) -> list[Path]:
    """Return the files of a pattern; none if one of its folders is a link to elsewhere."""
    parts = PurePosixPath(pattern)
    parent = parts.parent.as_posix()
    try:
        place = folder if parent == "." else inside(folder, parent)
        return sorted(place.glob(parts.name))
    except (UserError, OSError):
        return []


def _link(folder: Path, kind: str, path: str) -> FileLink:
    """Describe a file; nothing outside the folder is ever linked."""
    try:
        target = inside(folder, path)
        is_there = target.is_file()
    except (UserError, OSError):
        is_there = False
    if not is_there:
        return FileLink(kind, path, "", "")
    return FileLink(kind, path, "./" + quote(path), size(target.stat().st_size))
