"""What a page is made of: for each kind of folder a verdict, a sentence, and sections.

A page is the sum of what `report.kinds` finds in a folder: each of them reads one kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sc_neurocore.report.files import FileLink
from sc_neurocore.report.illustrations import Illustration
from sc_neurocore.report.ladder import Verdict
from sc_neurocore.report.stepper import Stepper
from sc_neurocore.report.tables import Table
from sc_neurocore.verify.standing import Standing


@dataclass(frozen=True)
class Note:
    """A sentence; one that says why something is missing looks so."""

    text: str
    is_missing: bool = False


@dataclass(frozen=True)
class Listing:
    """Lines of text as they are, such as equations."""

    title: str
    text: str


Block = Table | Illustration | Stepper | Note | Listing


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        key: What it is about; of two sections of one key, a page has the first.
        title: Its heading.
        rows: What stands in it, from top to bottom; what is in one row stands side by side.
    """

    key: str
    title: str
    rows: tuple[tuple[Block, ...], ...]


@dataclass(frozen=True)
class Account:
    """What one kind of folder says of itself.

    Attributes:
        name: What it is called.
        sentence: What it is, in one sentence.
        verdict: Whether it holds.
        sections: In the order in which a reader wants them.
        files: What there is to open.
        content_hash: The SHA-256 of the network, if it is known.
        standing: How its design stands to the certificate, if there is one.
    """

    name: str
    sentence: str
    verdict: Verdict
    sections: tuple[Section, ...]
    files: list[FileLink] = field(default_factory=list)
    content_hash: str | None = None
    standing: Standing | None = None


def section(key: str, title: str, *rows: Block | tuple[Block, ...] | None) -> Section:
    """Return a section; a row of one block may be given as it is, and one of None is left out."""
    given = (row if isinstance(row, tuple) else (row,) for row in rows if row is not None)
    return Section(key, title, tuple(given))


def once_each(sections: Iterable[Section]) -> tuple[Section, ...]:
    """Return the sections, of each key the first."""
    found: dict[str, Section] = {}
    for each in sections:
        found.setdefault(each.key, each)
    return tuple(found.values())
