"""Folders whose files are replaced together, by one program at a time.

The new files are laid out beside the old ones first, then a journal says what is to be done, then
it is done. Whoever comes to the folder after a crash does the rest of a journal that is there, so
that a folder holds what was or what is to be, and never some of both.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from sc_neurocore.errors import UserError
from sc_neurocore.files import (
    LARGEST_FILE,
    inside,
    opened_plain,
    read_at_most,
    sha256,
    stays_inside,
)

OWN_FOLDER = ".sc-neurocore"
"""The folder inside a folder of ours that holds its lock, the list of the files that were written
there with their SHA-256, and, for moments, what replaces files."""
_LOCK, _STAGED, _JOURNAL, _WRITTEN = "lock", "staged", "journal.json", "written.json"
_LARGEST_LIST = 1 << 22
_ATTEMPTS = 5
_PATIENCE = 1.0
"""Seconds: a program that a killed command was about to start holds the lock until it has begun."""

_Result = TypeVar("_Result")


@contextmanager
def sole_writer(folder: Path, purpose: str, patience: float = _PATIENCE) -> Iterator[None]:
    """Be the only one that writes to a folder, which is made if needed, and settle it first.

    Folders that were made for it and in which nothing was written go again.

    Args:
        folder: The folder.
        purpose: What is being done, for whoever comes second: "compile", say.
        patience: Seconds to wait for another.

    Raises:
        UserError: If another process of ours writes there, or the folder cannot be made.
    """
    own = folder / OWN_FOLDER
    made = [each for each in (own, *own.parents) if not os.path.lexists(each)]
    try:
        _check_own(own)
        own.mkdir(parents=True, exist_ok=True)
        lock = FileLock(own / _LOCK, timeout=patience)
        lock.acquire()
    except Timeout:
        raise UserError(
            f"{folder}: another sc-neurocore command is writing there: wait until it ends, or give "
            f"{purpose} another folder"
        ) from None
    except OSError as error:
        _take_back(made)
        raise UserError(
            f"{folder}: {error.strerror}; give a place that can be read and written"
        ) from None
    try:
        settle(folder)
        yield
    finally:
        _take_back(made)  # while the lock is held: whoever waits for it sees that it is gone
        lock.release()


def _take_back(made: Iterable[Path]) -> None:
    """Remove folders, the innermost first, as long as there is nothing in them but a lock."""
    with suppress(OSError):  # the first that holds something; or Windows, where the lock is open
        for folder in made:
            if folder.name == OWN_FOLDER and [each.name for each in folder.iterdir()] == [_LOCK]:
                (folder / _LOCK).unlink()
            folder.rmdir()


def _check_own(own: Path) -> None:
    """Refuse what is not as this package would have made it: a folder, and plain files in it."""
    for path in (own, *(own / name for name in (_STAGED, _LOCK, _JOURNAL, _WRITTEN))):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        if stat.S_ISLNK(found.st_mode):
            raise UserError(f"{path} is a symbolic link, which is not ours: remove {own}")
        wanted = stat.S_ISDIR if path.name in (OWN_FOLDER, _STAGED) else stat.S_ISREG
        is_lock_of_more = path.name == _LOCK and found.st_nlink > 1 and found.st_size > 0
        if not wanted(found.st_mode) or is_lock_of_more:
            raise UserError(f"{path} is not what is kept there, and not ours: remove {own}")


def written_files(folder: Path) -> dict[str, str]:
    """Return what `replace_files` wrote into a folder and did not remove: name and SHA-256.

    A list that somebody damaged counts as none: then nothing is known to be ours.
    """
    try:
        found = json.loads(_read_own(folder, _WRITTEN) or b"{}")
        return {str(name): str(digest) for name, digest in found.items() if stays_inside(str(name))}
    except (OSError, UserError, ValueError, AttributeError, RecursionError):
        return {}


def _read_own(folder: Path, name: str) -> bytes | None:
    own = folder / OWN_FOLDER
    _check_own(own)
    with opened_plain(own / name) as file:
        try:
            return read_at_most(file, _LARGEST_LIST) if file else None
        except ValueError as error:
            raise UserError(f"{own / name}: {error}: remove {own}") from None


def read_together(folder: Path, read: Callable[[], _Result]) -> _Result:
    """Read several files of a folder that are of one replacement, not some of them of the next.

    What an interrupted command left is finished first.

    Args:
        folder: The folder.
        read: Reads the files.

    Raises:
        UserError: As `read`, `sole_writer` and `settle` do; or if the files do not come to rest.
    """
    for _ in range(_ATTEMPTS):
        if os.path.lexists(folder / OWN_FOLDER / _JOURNAL):
            with sole_writer(folder, "this command", patience=0):
                pass
        before = _state(folder)
        try:
            found = read()
        except UserError:
            if _state(folder) == before:
                raise
            continue
        if _state(folder) == before:
            return found
    raise UserError(f"{folder}: its files are replaced all the time: wait until that ends")


def _state(folder: Path) -> object:
    """Return what changes with every replacement of files, and equals nothing during one."""
    own = folder / OWN_FOLDER
    if os.path.lexists(own / _JOURNAL):
        return object()
    try:
        found = (own / _WRITTEN).lstat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns)


def replace_files(folder: Path, contents: Mapping[str, bytes], remove: Iterable[str] = ()) -> None:
    """Write files into a folder and remove others, all of it or nothing.

    To be called as the folder's `sole_writer`. Only what was written so and is still as it was
    written is removed: what somebody else put there, or changed, stays.

    Args:
        folder: The folder.
        contents: Name and content of each file; a name is what `inside` takes.
        remove: Names of files that go.

    Raises:
        UserError: If a name leads out of the folder or to a folder, or nothing can be written.
    """
    known = written_files(folder)
    gone = {name: known[name] for name in remove if name in known and name not in contents}
    for name in (*contents, *gone):
        _place(folder, name)
    kept = {name: digest for name, digest in known.items() if name not in gone}
    written = kept | {name: sha256(content) for name, content in contents.items()}
    journal = {"write": list(contents), "remove": gone}
    staged = folder / OWN_FOLDER / _STAGED
    place = staged
    try:
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True)
        for number, (name, content) in enumerate(contents.items()):
            place = folder / name
            (staged / str(number)).write_bytes(content)
        place = staged
        (staged / _WRITTEN).write_bytes(json.dumps(written, indent=1).encode())
        (staged / _JOURNAL).write_bytes(json.dumps(journal).encode())
        os.replace(staged / _JOURNAL, folder / OWN_FOLDER / _JOURNAL)
    except OSError as error:  # a full disk, say: nothing has happened yet
        shutil.rmtree(staged, ignore_errors=True)
        full = "; make room there" if error.errno == errno.ENOSPC else ""
        raise UserError(
            f"{place}: {error.strerror}: nothing was written to {folder}{full}"
        ) from None
    settle(folder)


def _place(folder: Path, name: str) -> Path:
    """Return where a file goes, if a file can be there."""
    path = inside(folder, name)
    if path.is_dir():
        raise UserError(f"{path} is a folder, where a file is to be: remove it")
    for parent in path.relative_to(folder).parents:
        if (folder / parent).exists() and not (folder / parent).is_dir():
            raise UserError(f"{folder / parent} is a file, where a folder is to be: remove it")
    return path


def settle(folder: Path) -> None:
    """Do the rest of a replacement that was interrupted, or forget one that had not begun.

    To be called as the folder's `sole_writer`. Every part can be done twice: whoever is killed
    here leaves the rest to the next.

    Raises:
        UserError: If the journal is damaged, a name in it leads out of the folder, or the disk does
            not let the rest be done.
    """
    own = folder / OWN_FOLDER
    journal, staged = own / _JOURNAL, own / _STAGED
    _check_own(own)
    content = _read_own(folder, _JOURNAL)
    if content is not None:
        try:
            entries = json.loads(content)
            written = [str(name) for name in entries["write"]]
            removed = {str(name): str(digest) for name, digest in entries["remove"].items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise UserError(f"{journal} is damaged: remove {own} and start again") from None
        places = {name: _place(folder, name) for name in (*written, *removed)}
        try:
            for number, name in enumerate(written):
                _move(staged / str(number), places[name])
            for name, digest in removed.items():
                if _has_digest(places[name], digest):
                    places[name].unlink()
                    _remove_empty(places[name].parent, folder)
            _move(staged / _WRITTEN, own / _WRITTEN)
            journal.unlink()
        except OSError as error:
            raise UserError(
                f"{error.filename or folder}: {error.strerror}: an earlier command was interrupted "
                f"while it replaced files of {folder}, and the rest cannot be done"
            ) from None
    shutil.rmtree(staged, ignore_errors=True)


def _move(new: Path, place: Path) -> None:
    """Put a staged file in its place, if that has not been done already."""
    if new.is_file() and not new.is_symlink():
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(new, place)


def _has_digest(path: Path, digest: str) -> bool:
    with opened_plain(path) as file:
        if file is None or os.fstat(file.fileno()).st_size > LARGEST_FILE:
            return False
        return hashlib.file_digest(file, "sha256").hexdigest() == digest


def _remove_empty(place: Path, folder: Path) -> None:
    """Remove a folder that has become empty, and those around it, up to `folder`."""
    with suppress(OSError):
        while place != folder and not any(place.iterdir()):
            place.rmdir()
            place = place.parent
