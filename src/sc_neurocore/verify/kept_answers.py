"""Answers that are kept: what was asked once of the same content is not worked out again.

An answer stands for a proof, so it is taken from nowhere else than a folder of the user's cache
that only this user can have filled. Where there can be no such folder, nothing is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

from sc_neurocore.errors import UserError
from sc_neurocore.files import cache_folder, private_folder, read_private, write_atomically

PART = "proofs"
MOST = 20_000
"""So many are kept; then a quarter goes, those that were made first."""


def kept_answer(question: Iterable[bytes], ask: Callable[[], str]) -> str:
    """Return the answer to a question: a kept one, or what `ask` returns, which is kept.

    Args:
        question: All that the answer depends on.
        ask: Works it out. What it raises is not kept.
    """
    digest = hashlib.sha256()
    for part in question:
        digest.update(len(part).to_bytes(8, "big") + part)
    key = digest.hexdigest()
    folder = cache_folder(PART)
    try:
        private_folder(folder)
    except (OSError, UserError):
        return ask()
    place, head = folder / key, f"{key}\n"
    found = (read_private(place) or b"").decode(errors="replace")
    if found.startswith(head):
        return found.removeprefix(head)
    answer = ask()
    try:
        write_atomically(place, (head + answer).encode())
        _make_room(folder)
    except (OSError, UserError):
        place.unlink(missing_ok=True)
    return answer


def _make_room(folder: Path) -> None:
    places = list(folder.iterdir())
    if len(places) <= MOST:
        return
    for place in sorted(places, key=lambda each: each.lstat().st_mtime)[: MOST // 4]:
        place.unlink(missing_ok=True)
