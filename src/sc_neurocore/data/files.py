"""Finding the files of a data set: in the user's own folder, in the cache, or on a mirror.

$SC_NEUROCORE_DATA names a folder of data sets that are there already; what it does not have is
downloaded, once, into the part `data` of the cache folder.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sc_neurocore.errors import DataError
from sc_neurocore.files import CACHE_VARIABLE, cache_folder, write_atomically
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress

DATA_VARIABLE = "SC_NEUROCORE_DATA"
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class DataFile:
    """A file that a data set consists of.

    Attributes:
        path: Its place below the folder of data sets.
        urls: Where it can be downloaded, in order of preference.
        sha256: Of the file as the URLs give it; None where a server packs it anew each time, so
            that only its content can be checked.
    """

    path: str
    urls: tuple[str, ...]
    sha256: str | None = None


def find_file(file: DataFile, progress: ProgressCallback = ignore_progress) -> Path:
    """Return where a file is, after downloading it if need be.

    Raises:
        DataError: If it is nowhere, naming the places and URLs, and where to put it by hand.
    """
    folder = os.environ.get(DATA_VARIABLE)
    if folder and (own := Path(folder) / file.path).is_file():
        return own
    place = cache_folder("data") / file.path
    _make_folder(place.parent)
    failures = []
    for url in file.urls:
        try:
            return _download(url, place, file.sha256, progress)
        except (OSError, ValueError) as error:  # requests' own errors are OSErrors
            failures.append(f"{url} ({_reason(error)})")
    raise DataError(
        f"{file.path}: not in ${DATA_VARIABLE} ({folder or 'not set'}), not at {place}, and not to "
        f"be downloaded: {'; '.join(failures)}. Fetch it from one of these by hand and put it "
        f"at {place}, or set {DATA_VARIABLE} to a folder that has {file.path}"
    )


def read_cached(name: str) -> bytes | None:
    """Return what the cache has under a name, None if nothing."""
    try:
        return (cache_folder("data") / name).read_bytes()
    except OSError:
        return None


def write_cached(name: str, content: bytes) -> None:
    """Put a file into the cache, whole or not at all.

    Raises:
        DataError: If the cache cannot be written.
    """
    path = cache_folder("data") / name
    _make_folder(path.parent)
    try:
        write_atomically(path, content)
    except OSError as error:
        raise _unwritable(path.parent, error) from None


def _download(url: str, place: Path, sha256: str | None, progress: ProgressCallback) -> Path:
    import pooch  # only whoever downloads needs it and the HTTP client that it brings

    fetch = pooch.HTTPDownloader(
        progressbar=_Bar(f"downloading {place.name}", progress), timeout=_TIMEOUT_SECONDS
    )
    with _quiet(pooch.get_logger()):
        pooch.retrieve(
            url, known_hash=sha256, fname=place.name, path=place.parent, downloader=fetch
        )
    return place


class _Bar:
    """What pooch reports while it downloads, as `Progress` events."""

    def __init__(self, task: str, progress: ProgressCallback) -> None:
        self.task, self.progress = task, progress
        self.total, self.done = 0, 0

    def update(self, amount: int) -> None:
        # pooch counts whole chunks, so the last one may overshoot.
        self.done = min(self.done + amount, self.total) if self.total else self.done + amount
        self.progress(Progress(self.task, self.done, self.total or None))

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """Keep what is not a warning from the terminal; the library never prints."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _reason(error: Exception) -> str:
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return "what came has the wrong SHA-256"
    status = getattr(getattr(error, "response", None), "status_code", None)
    return type(error).__name__ if status is None else f"HTTP status {status}"


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(folder: Path, error: OSError) -> DataError:
    return DataError(
        f"{folder}: cannot write there ({error.strerror}); set {CACHE_VARIABLE} to a folder that "
        f"can be written"
    )
