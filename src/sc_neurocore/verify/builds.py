"""Kept builds: what was compiled once, in the user's cache, under the hash of what went into it.

A build is executed, so it is taken from nowhere else than a folder that only this user can have
filled. It is made in a private folder and renamed into its place when it is whole.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from sc_neurocore.errors import ToolFailedError, UserError
from sc_neurocore.files import cache_folder
from sc_neurocore.tools import programs

EXECUTABLE = "simulator"
"""What a build must hold."""

MOST_BYTES = 512 << 20
"""The cache's size; when there is more, the builds go that were not used for longest."""
SECONDS_IN_USE = 900.0
"""A build that was used within this time stays in any case: it may be about to run."""

_PART = "simulators"
_DRAFT = ".draft-"


def kept_build(
    name: str,
    sources: Mapping[str, bytes],
    recipe: Iterable[str],
    tools: Iterable[str],
    build: Callable[[Path], None],
    keep: Iterable[str] = (),
) -> Path:
    """Build something, unless the same is there already from an earlier call.

    Args:
        name: How its folder's name begins.
        sources: Everything that goes into it, by file name.
        recipe: The arguments that it is built with.
        tools: Programs that it depends on; their places and versions count.
        build: Builds `EXECUTABLE` in a private folder that holds the sources.
        keep: Sources that the executable wants beside it.

    Returns:
        The folder that holds `EXECUTABLE` and what is to be kept.

    Raises:
        UserError: If the cache is not this user's alone.
        ToolFailedError: If a program fails, or leaves no executable.
    """
    cache = _cache()
    place = cache / f"{name}-{_digest(sources, recipe, tools)}"
    if not _is_whole(place):
        with programs.workshop() as workshop:
            for path, content in sources.items():
                (workshop / path).write_bytes(content)
            build(workshop)
            _put(workshop, place, (EXECUTABLE, *keep))
        _make_room(cache, place)
    note_use(place)
    return place


def note_use(place: Path) -> None:
    """Note that a build is used now.

    Raises:
        ToolFailedError: If it is not there any more.
    """
    try:
        os.utime(place)
    except OSError:
        raise ToolFailedError(
            f"{place} was removed from the cache while it was needed: start this again"
        ) from None


def _digest(sources: Mapping[str, bytes], recipe: Iterable[str], tools: Iterable[str]) -> str:
    versions = (f"{tool} {programs.locate(tool)} {programs.version(tool)}" for tool in tools)
    lines = [platform.platform(), *versions, *recipe]
    digest = hashlib.sha256("\0".join(lines).encode())
    for path, content in sorted(sources.items()):
        digest.update(f"\0{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _cache() -> Path:
    """Return the cache's folder, which is this user's alone."""
    cache = cache_folder(_PART)
    try:
        cache.parent.mkdir(parents=True, exist_ok=True)
        cache.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"simulators are kept in {cache}, which cannot be made ({error.strerror}): set "
            f"SC_NEUROCORE_CACHE to a folder of yours"
        ) from None
    if not _is_private(cache):
        raise UserError(
            f"{cache}, whose simulators would be run, is not a folder that only you can write to: "
            f"remove it, or set SC_NEUROCORE_CACHE to another folder"
        )
    return cache


def _is_private(folder: Path) -> bool:
    """Tell whether this is a folder of the user's that nobody else can enter."""
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return False
    return os.name == "nt" or (found.st_uid == os.getuid() and not found.st_mode & 0o077)


def _is_whole(place: Path) -> bool:
    """Tell whether a build is there that this user made."""
    try:
        found = (place / EXECUTABLE).lstat()
        if not _is_private(place) or not stat.S_ISREG(found.st_mode) or not found.st_size:
            return False
    except OSError:
        return False
    return os.name == "nt" or (found.st_uid == os.getuid() and not found.st_mode & 0o022)


def _put(workshop: Path, place: Path, names: Iterable[str]) -> None:
    """Move what was built into its place, as a whole."""
    if not (workshop / EXECUTABLE).is_file():
        raise ToolFailedError(f"building {place.name} ended without an error and without a program")
    draft = Path(tempfile.mkdtemp(dir=place.parent, prefix=_DRAFT))  # only the user may enter it
    try:
        for name in names:
            shutil.copy(workshop / name, draft / name)
            os.chmod(draft / name, 0o700 if name == EXECUTABLE else 0o600)
        if not _is_whole(place):
            _discard(place)
            draft.rename(place)
    except OSError:
        if not _is_whole(place):  # otherwise another run was faster, and built the same
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _make_room(cache: Path, newest: Path) -> None:
    """Remove the builds that were not used for longest, and drafts of runs that were killed."""
    now = time.time()
    found = []
    for entry in cache.iterdir():
        try:
            used = entry.lstat().st_mtime
            size = sum(file.lstat().st_size for file in entry.iterdir())
        except OSError:
            continue  # another run has just removed it
        if entry != newest:
            found.append((used, size, entry))
    room = MOST_BYTES - sum(file.lstat().st_size for file in newest.iterdir())
    for used, size, entry in sorted(found, reverse=True):
        room -= size
        is_done = now - used > SECONDS_IN_USE
        if is_done and (room < 0 or entry.name.startswith(_DRAFT)):
            _discard(entry)


def _discard(place: Path) -> None:
    """Remove an entry of the cache, whatever it is."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)
    else:
        place.unlink(missing_ok=True)
