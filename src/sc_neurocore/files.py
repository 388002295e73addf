"""Files and folders: written whole or not at all, inside their folder, by one program at a time.

A folder's files are replaced together: the new ones are laid out beside them first, then a journal
says what is to be done, then it is done. Whoever comes to the folder after a crash does the rest of
a journal that is there, so that a folder holds what was or what is to be, and never some of both.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from filelock import FileLock, Timeout

from sc_neurocore.errors import UserError

CACHE_VARIABLE = "SC_NEUROCORE_CACHE"

OWN_FOLDER = ".sc-neurocore"
"""The folder inside a folder of ours that holds its lock, the list of the files that were written
there with their SHA-256, and, for moments, what replaces files."""
_LOCK, _STAGED, _JOURNAL, _WRITTEN = "lock", "staged", "journal.json", "written.json"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that no reader sees half of it.

    A symbolic link at its place is replaced, never followed.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def cache_folder(part: str) -> Path:
    """Return a part of $SC_NEUROCORE_CACHE, or else of a cache folder of the user's own."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen) / part
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sc_neurocore" / part


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def stays_inside(name: str) -> bool:
    """Tell whether a name is a relative path with forward slashes that leads downwards only."""
    pure = PurePosixPath(name)
    is_usual = name.isprintable() and "\\" not in name and pure.as_posix() == name
    return is_usual and bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, if that is where its name leads.

    Args:
        folder: The folder.
        name: A relative path with forward slashes, such as a manifest holds.

    Raises:
        UserError: If the name is absolute, goes upwards, is written unusually, or passes through a
            symbolic link.
    """
    if not stays_inside(name):
        raise UserError(f"{folder}: the name {name!r} does not stay inside the folder: refused")
    path = folder
    for part in PurePosixPath(name).parts:
        path = path / part
        if path.is_symlink():
            raise UserError(f"{path} is a symbolic link: expected a file of the folder itself")
    return path


def read_inside(folder: Path, name: str) -> bytes | None:
    """Return the content of a plain file in a folder; None if there is none.

    Raises:
        UserError: If the name leads out of the folder, or the file cannot be read.
    """
    path = inside(folder, name)
    try:
        return path.read_bytes() if path.is_file() else None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None


@contextmanager
def sole_writer(folder: Path, purpose: str) -> Iterator[None]:
    """Be the only one that writes to a folder, which is made if needed, and settle it first.

    Args:
        folder: The folder.
        purpose: What is being done, for whoever comes second: "compile", say.

    Raises:
        UserError: If another process of ours writes there, or the folder cannot be made.
    """
    own = folder / OWN_FOLDER
    try:
        if own.is_symlink():
            raise UserError(f"{own} is a symbolic link, which is not ours: remove it")
        own.mkdir(parents=True, exist_ok=True)
        lock = FileLock(own / _LOCK, timeout=0)
        with lock:
            settle(folder)
            yield
    except Timeout:
        raise UserError(
            f"{folder}: another sc-neurocore command is writing there: wait until it ends, or give "
            f"{purpose} another folder"
        ) from None
    except FileExistsError:
        raise UserError(f"{folder} is a file: expected a folder") from None


def written_files(folder: Path) -> dict[str, str]:
    """Return what `replace_files` wrote into a folder and did not remove: name and SHA-256.

    A list that somebody damaged counts as none: then nothing is known to be ours.
    """
    path = folder / OWN_FOLDER / _WRITTEN
    try:
        if path.is_symlink():
            return {}
        found = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in found.items() if stays_inside(str(name))}
    except (OSError, ValueError, AttributeError, RecursionError):
        return {}


def settled(folder: Path) -> None:
    """Finish what an interrupted command left, if it left anything, before a folder is read.

    Raises:
        UserError: As `sole_writer` and `settle` do.
    """
    if (folder / OWN_FOLDER / _JOURNAL).exists():
        with sole_writer(folder, "this command"):
            pass


def replace_files(folder: Path, contents: Mapping[str, bytes], remove: Iterable[str] = ()) -> None:
    """Write files into a folder and remove others, all of it or nothing.

    To be called as the folder's `sole_writer`. Only what was written so and is still as it was
    written is removed: what somebody else put there, or changed, stays.

    Args:
        folder: The folder.
        contents: Name and content of each file; a name is what `inside` takes.
        remove: Names of files that go.

    Raises:
        UserError: If a name leads out of the folder.
    """
    known = written_files(folder)
    gone = {name: known[name] for name in remove if name in known and name not in contents}
    for name in (*contents, *gone):
        inside(folder, name)
    own = folder / OWN_FOLDER
    shutil.rmtree(own / _STAGED, ignore_errors=True)
    (own / _STAGED).mkdir(parents=True)
    for number, content in enumerate(contents.values()):
        (own / _STAGED / str(number)).write_bytes(content)
    kept = {name: digest for name, digest in known.items() if name not in gone}
    written = kept | {name: sha256(content) for name, content in contents.items()}
    journal = {"write": list(contents), "remove": gone, "written": written}
    write_atomically(own / _JOURNAL, json.dumps(journal).encode())
    settle(folder)


def settle(folder: Path) -> None:
    """Do the rest of a replacement that was interrupted, or forget one that had not begun.

    To be called as the folder's `sole_writer`.

    Raises:
        UserError: If the journal is damaged or a name in it leads out of the folder.
    """
    own = folder / OWN_FOLDER
    journal, staged = own / _JOURNAL, own / _STAGED
    if any(path.is_symlink() for path in (own, journal, staged, own / _WRITTEN)):
        raise UserError(f"{own} is or holds a symbolic link, which is not ours: remove {own}")
    if journal.exists():
        try:
            content = json.loads(journal.read_text(encoding="utf-8"))
            written = [str(name) for name in content["write"]]
            removed = {str(name): str(digest) for name, digest in content["remove"].items()}
            known = json.dumps(content["written"], indent=1).encode()
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UserError(f"{journal} is damaged: remove {own} and start again") from None
        for name in (*written, *removed):
            inside(folder, name)
        for number, name in enumerate(written):
            new = staged / str(number)
            if new.is_file() and not new.is_symlink():
                place = inside(folder, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                os.replace(new, place)
        for name, digest in removed.items():
            place = inside(folder, name)
            if place.is_file() and sha256(place.read_bytes()) == digest:
                place.unlink()
                _remove_empty(place.parent, folder)
        write_atomically(own / _WRITTEN, known)
        journal.unlink()
    shutil.rmtree(staged, ignore_errors=True)


def _remove_empty(place: Path, folder: Path) -> None:
    """Remove a folder that has become empty, and those around it, up to `folder`."""
    while place != folder and not any(place.iterdir()):
        place.rmdir()
        place = place.parent
