"""Files: written whole or not at all, and read where their names say, within bounds."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PurePosixPath

from sc_neurocore.errors import UserError

CACHE_VARIABLE = "SC_NEUROCORE_CACHE"

_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH

LARGEST_FILE = 1 << 30
"""No file of ours is larger, in bytes; of what is larger, nothing is read."""

# Neither a link that was put there since it was looked for, nor a wait for a pipe's other end.
_READ = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")
)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place and rename it, so that no reader sees half of it.

    A symbolic link at its place is replaced, never followed.
    """
    with naming(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Have every OSError inside name this file: that of a full disk names none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None


def cache_folder(part: str) -> Path:
    """Return a part of $SC_NEUROCORE_CACHE, or else of a cache folder of the user's own."""
    chosen = os.environ.get(CACHE_VARIABLE)
    if chosen:
        return Path(chosen) / part
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "sc_neurocore" / part


def private_folder(folder: Path) -> None:
    """Make a folder that holds what will be executed, or check one: nobody else may write there.

    Raises:
        UserError: If it is a symbolic link, or belongs to another user, who could change what is
            executed. The system's own user is trusted.
        OSError: If it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise UserError(f"{folder} is a symbolic link: expected a folder that holds what is run")
    if not is_own(found):
        raise UserError(
            f"{folder} belongs to another user (number {found.st_uid}), who could change what is "
            f"run from there: set {CACHE_VARIABLE} to a folder of your own"
        )
    if found.st_mode & _OTHERS_MAY_WRITE and os.name == "posix":
        folder.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS_MAY_WRITE)


def is_own(found: os.stat_result) -> bool:
    """Return whether a file belongs to this user or to the system's own."""
    return os.name != "posix" or found.st_uid in (os.geteuid(), 0)


def read_private(path: Path) -> bytes | None:
    """Return the content of a plain file that only this user can have written; else None."""
    try:
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
            found = os.fstat(file.fileno())
            is_shared = os.name == "posix" and found.st_mode & _OTHERS_MAY_WRITE
            if not stat.S_ISREG(found.st_mode) or is_shared or not is_own(found):
                return None
            return file.read()
    except OSError:
        return None


def sha256(content: bytes) -> str:
    """Return the SHA-256 of some bytes in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def stays_inside(name: str) -> bool:
    """Tell whether a name is a relative path with forward slashes that leads downwards only.

    What begins with a dot is not ours to touch: a folder may be a repository, or somebody's home.
    """
    pure = PurePosixPath(name)
    is_usual = name.isprintable() and not {"\\", ":"} & set(name) and pure.as_posix() == name
    is_hidden = any(part.startswith(".") for part in pure.parts)
    return is_usual and bool(pure.parts) and not pure.is_absolute() and not is_hidden


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, if that is where its name leads.

    Args:
        folder: The folder.
        name: A relative path with forward slashes, such as a manifest holds.

    Raises:
        UserError: If the name is absolute, goes upwards, is hidden, is written unusually, or passes
            through a symbolic link.
    """
    if not stays_inside(name):
        raise UserError(f"{folder}: the name {name!r} does not stay inside the folder: refused")
    path = os.fspath(folder)
    try:
        for part in name.split("/"):
            path = os.path.join(path, part)
            if os.path.islink(path):
                raise UserError(f"{path} is a symbolic link: expected a file of the folder itself")
        with suppress(FileNotFoundError, NotADirectoryError):
            os.lstat(path)  # or a name that is too long
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    return folder / name


def read_inside(folder: Path, name: str, largest: int = LARGEST_FILE) -> bytes | None:
    """Return the content of a plain file in a folder; None if there is none.

    Args:
        folder: The folder.
        name: As `inside` takes it.
        largest: How many bytes the file may have.

    Raises:
        UserError: If the name leads out of the folder, or the file cannot be read or is too large.
    """
    path = inside(folder, name)
    try:
        with opened_plain(path) as file:
            content = None if file is None else read_at_most(file, largest)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise UserError(
            f"{path}: more than {largest} bytes, which no such file of ours has"
        ) from None
    return content


def read_at_most(file: BufferedReader, largest: int) -> bytes:
    """Return the content of a file; of one that is too large, nothing is read.

    Raises:
        ValueError: If it has more bytes, or more than it says.
    """
    size = os.fstat(file.fileno()).st_size
    content = file.read(size + 1) if size <= largest else b""
    if size > largest or len(content) > size:
        raise ValueError(f"more than {min(size, largest)} bytes")
    return content


@contextmanager
def opened_plain(path: Path) -> Iterator[BufferedReader | None]:
    """Open a plain file to read; None if there is none: no link, pipe, device or folder."""
    if not path.is_file():
        yield None
        return
    with os.fdopen(os.open(path, _READ), "rb") as file:
        yield file if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
