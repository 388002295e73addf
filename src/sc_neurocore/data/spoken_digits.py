"""Spoken digits: 3,000 recordings at 8 kHz, 50 of each English digit from each of six speakers.

Z. Jackson and others, Free Spoken Digit Dataset (FSDD), https://doi.org/10.5281/zenodo.1342401.
The recordings are read out of the archive as it was downloaded; nothing is unpacked to disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tarfile
import wave
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.data.dataset import Dataset, Inputs
from sc_neurocore.data.features import LogMel, delta_events
from sc_neurocore.data.files import DataFile, find_file, read_cached, write_cached
from sc_neurocore.errors import DataError, UserError
from sc_neurocore.progress import Progress, ProgressCallback, ignore_progress

RATE = 8000
SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
DIGITS = 10
TAKES = 50
"""Recordings of a digit by a speaker, numbered from 0."""

_COMMIT = "26eb9aaf76e81b692f806f9140c2d2777410d7a1"
ARCHIVE = DataFile(
    "free-spoken-digit-dataset.tar.gz",
    tuple(
        f"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/{version}.tar.gz"
        for version in (_COMMIT, "refs/tags/v1.0.10")
    ),
)
# GitHub may compress the same files anew at any time, so it is the recordings that are checked.
_CONTENT = "6dd22fd67a828c538242226b1d7b64e7b54d0e818c20f6cb8ad29290b7fcd96c"
_RECORDING = re.compile(r"(?:[^/]+/)*recordings/([0-9])_([a-z]+)_([0-9]+)\.wav")
_MAXIMUM_BYTES = 1 << 28
_FEATURES_VERSION = 1


@dataclass(frozen=True)
class Recording:
    """One file of the archive.

    Attributes:
        speaker: Who spoke.
        digit: What was said.
        take: Which of the speaker's recordings of the digit it is, from 0.
        samples: Signed 16-bit integers (samples,) at 8 kHz.
    """

    speaker: str
    digit: int
    take: int
    samples: NDArray[np.int16]


def load_spoken_digits(
    form: Literal["currents", "spikes"] = "currents",
    bands: int = LogMel.bands,
    steps: int = LogMel.steps,
    bits: int = LogMel.bits,
    threshold: int = 32,
    centred: bool = False,
    progress: ProgressCallback = ignore_progress,
) -> Dataset:
    """Return all recordings in the order of speaker, digit and take; its groups are the speakers.

    The inputs of "currents" are the levels of `LogMel`, (3000, steps, bands), worth 0 to just below
    1; those of "spikes" are the `delta_events` of the levels, (3000, steps, 2 * bands). The levels
    are computed once and kept in the cache.

    Args:
        form: What comes in at each step.
        bands: Number of frequency bands.
        steps: Time steps of 12.5 ms. The 64 of the default hold 98 % of the recordings whole.
        bits: Bits of a level.
        threshold: The change of a level that makes a spike; only for "spikes".
        centred: Whether each band of a recording is centred at its mean, as `LogMel` says.
        progress: Receives events while the archive is downloaded and the levels are computed.

    Raises:
        DataError: If the archive cannot be had, is damaged, or does not hold the recordings.
        UserError: If an argument is out of its range.
    """
    if form not in ("currents", "spikes"):
        raise UserError(f"form = {form!r}: expected 'currents' or 'spikes'")
    features = LogMel(bands=bands, steps=steps, bits=bits, rate=RATE, centred=bool(centred))
    levels = _levels(features, progress)
    options: dict[str, str | int | float] = {
        "form": form,
        "bands": bands,
        "steps": steps,
        "bits": bits,
    }
    if centred:
        options["centred"] = True
    spikes = form == "spikes"
    each = np.arange(len(SPEAKERS) * DIGITS * TAKES)
    return Dataset(
        name="spoken-digits",
        inputs=delta_events(levels, threshold) if spikes else levels,
        labels=each // TAKES % DIGITS,
        n_classes=DIGITS,
        input_bits=1 if spikes else bits,
        fraction_bits=0 if spikes else bits,
        kind="spikes" if spikes else "sequence",
        groups=np.array(SPEAKERS)[each // (TAKES * DIGITS)],
        options=options | ({"threshold": threshold} if spikes else {}),
    )


def read_recordings(path: Path) -> list[Recording]:
    """Read the recordings of an archive, in the order of speaker, digit and take.

    Only files named recordings/DIGIT_SPEAKER_TAKE.wav are read, in any folder; all else is passed
    over.

    Raises:
        DataError: If the archive is damaged, holds one recording twice, or a recording is not
            16-bit mono at 8 kHz.
    """
    found: dict[tuple[str, int, int], Recording] = {}
    total = 0
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                total += member.size
                if total > _MAXIMUM_BYTES:
                    raise DataError(f"{path}: holds more than {_MAXIMUM_BYTES} bytes")
                match = _RECORDING.fullmatch(member.name)
                if match is None or not member.isfile():
                    continue
                file = archive.extractfile(member)
                assert file is not None  # a regular file has content
                digit, speaker, take = match.groups()
                recording = Recording(
                    speaker, int(digit), int(take), _samples(file.read(), f"{path}: {member.name}")
                )
                key = (speaker, recording.digit, recording.take)
                if key in found:
                    raise DataError(f"{path}: holds {member.name} twice")
                found[key] = recording
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: not a gzipped tar archive, or damaged ({error}); fetch it again"
        ) from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; fetch it again") from None
    return [found[key] for key in sorted(found)]


def _samples(content: bytes, name: str) -> NDArray[np.int16]:
    try:
        with wave.open(io.BytesIO(content)) as file:
            form = (file.getnchannels(), 8 * file.getsampwidth(), file.getframerate())
            count = file.getnframes()
            raw = file.readframes(count)
    except (wave.Error, EOFError) as error:
        raise DataError(f"{name}: not a wav file, or cut off ({error})") from None
    if form != (1, 16, RATE):
        raise DataError(
            f"{name}: {form[0]} channels of {form[1]} bits at {form[2]} Hz: expected 1 of 16 bits "
            f"at {RATE} Hz"
        )
    if not count or len(raw) != 2 * count:
        raise DataError(f"{name}: {len(raw)} bytes of sound: expected {2 * count}, and more than 0")
    return np.frombuffer(raw, "<i2").astype(np.int16)


def _levels(features: LogMel, progress: ProgressCallback) -> Inputs:
    """Return the levels of all recordings, from the cache where it has them."""
    path = find_file(ARCHIVE, progress)
    key = {
        "archive": hashlib.sha256(path.read_bytes()).hexdigest(),
        "features": asdict(features),
        "version": _FEATURES_VERSION,
    }
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    name = f"spoken-digits-{digest[:16]}.npz"
    levels = _unpack(read_cached(name))
    if levels is None:
        recordings = read_recordings(path)
        _check_content(path, recordings)
        levels = _compute(features, recordings, progress)
        packed = io.BytesIO()
        np.savez_compressed(packed, levels=levels)
        write_cached(name, packed.getvalue())
    return levels


def _unpack(content: bytes | None) -> Inputs | None:
    """Return the levels in a cached file; None without one, or where it is damaged."""
    if content is None:
        return None
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return np.asarray(arrays["levels"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None


def _compute(features: LogMel, recordings: list[Recording], progress: ProgressCallback) -> Inputs:
    levels = []
    for number, recording in enumerate(recordings, start=1):
        levels.append(features(recording.samples))
        if number % 100 == 0:
            progress(Progress("computing the features", number, len(recordings)))
    return np.stack(levels)


def _check_content(path: Path, recordings: list[Recording]) -> None:
    digest = hashlib.sha256()
    for each in recordings:
        digest.update(f"{each.speaker} {each.digit} {each.take} {each.samples.size}\n".encode())
        digest.update(each.samples.astype("<i2").tobytes())
    if digest.hexdigest() != _CONTENT:
        raise DataError(
            f"{path}: holds {len(recordings)} recordings with the SHA-256 {digest.hexdigest()}: "
            f"expected {len(SPEAKERS) * DIGITS * TAKES} with {_CONTENT} (FSDD at commit "
            f"{_COMMIT[:8]}); remove the file, and it is downloaded again"
        )
