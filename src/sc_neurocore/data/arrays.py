"""Arrays from a stranger's .npy or .npz file: checked before anything is allocated, and mapped.

An array that is stored as it is stays on disk and is read where it is looked at; one that was
packed is unpacked, up to a limit. Nothing in a file can run code: objects are refused.
"""

from __future__ import annotations

import io
import math
import os
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
from numpy.lib.format import read_array_header_1_0, read_array_header_2_0, read_magic

from sc_neurocore.array_types import Array
from sc_neurocore.errors import DataError

MAXIMUM_UNPACKED = 1 << 30
"""Bytes of an array that was packed, which memory must hold."""
MAXIMUM_ARRAYS = 1000
_MAXIMUM_HEADER = 10_000
"""Bytes at the start of an array that its header must be within; more are not read."""
_MAXIMUM_AXES = 10
_AT_ONCE = 1 << 24
_NPY, _ZIP = b"\x93NUMPY", b"PK"
_ADVICE = "expected a file of np.save or np.savez"
_DAMAGES = (
    ArithmeticError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,  # zipfile, of a compression that it does not know
    OSError,
    RecursionError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,  # NumPy, of a header that is no Python
    zipfile.BadZipFile,
    zlib.error,
)
"""What Python and NumPy raise where bytes are not what they claim to be."""
_READERS = {(1, 0): read_array_header_1_0, (2, 0): read_array_header_2_0}
"""Of headers, by the version of the format."""


def read_arrays(
    path: str | os.PathLike[str], names: Sequence[str], instead: str | None = None
) -> dict[str, Array]:
    """Read arrays of numbers from a file.

    Args:
        path: An .npy file, which has one array, or an .npz file.
        names: The arrays that are wanted. The first is what an .npy file, or an .npz file with one
            array of another name, has.
        instead: Of `names`, one that an .npz file may have in place of the first.

    Returns:
        Those that are there, by name, read-only.

    Raises:
        DataError: If the file cannot be read, is damaged, has no array of the first name, or holds
            something else than numbers.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            start = file.read(len(_NPY))
            size = file.seek(0, os.SEEK_END)
            if start == _NPY:
                return {names[0]: _mapped(path, file, 0, size, str(path))}
            if start.startswith(_ZIP):
                return _members(path, file, names, instead)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; {_ADVICE}") from None
    except _DAMAGES as error:
        raise DataError(f"{path}: damaged ({_said(error)}); {_ADVICE}") from None
    raise DataError(f"{path}: {_named(start)}; {_ADVICE}")


def blocks(array: Array) -> Iterator[Array]:
    """Yield an array's rows in parts of some megabytes, so that a mapped one stays on disk."""
    row = max(1, math.prod(array.shape[1:]) * array.itemsize)
    size = max(1, _AT_ONCE // row)
    for start in range(0, len(array), size):
        yield array[start : start + size]


def _members(
    path: Path, file: IO[bytes], names: Sequence[str], instead: str | None
) -> dict[str, Array]:
    with zipfile.ZipFile(file) as archive:
        members = {
            info.filename.removesuffix(".npy"): info
            for info in archive.infolist()
            if info.filename.endswith(".npy")
        }
        if len(archive.infolist()) > MAXIMUM_ARRAYS or not members:
            raise DataError(
                f"{path}: a zip file with {len(archive.infolist())} entries, {len(members)} of "
                f"them arrays; {_ADVICE}"
            )
        is_there = names[0] in members or instead in members
        if not is_there and len(members) == 1:
            members, is_there = {names[0]: next(iter(members.values()))}, True
        if not is_there:
            found = ", ".join(map(repr, list(members)[:10]))
            raise DataError(
                f"{path}: it holds {found}, and no {names[0]!r}: expected np.savez(FILE, "
                f"{', '.join(f'{name}=…' for name in names)}), of which {names[0]} must be there"
            )
        return {
            name: _member(path, file, archive, members[name]) for name in names if name in members
        }


def _member(path: Path, file: IO[bytes], archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    where = f"{path}, {info.filename!r}"
    if info.flag_bits & 1:
        raise DataError(f"{where}: it is encrypted; {_ADVICE}")
    if info.compress_type != zipfile.ZIP_STORED:
        if info.file_size > MAXIMUM_UNPACKED:
            raise DataError(
                f"{where}: packed, and {info.file_size} bytes unpacked: at most {MAXIMUM_UNPACKED} "
                f"are unpacked; write it with np.savez, or as .npy, which is read where it lies"
            )
        with archive.open(info) as packed:
            content = packed.read(info.file_size + 1)
        shape, order, dtype, length = _header(content[:_MAXIMUM_HEADER], len(content), where)
        array = np.frombuffer(content, dtype, math.prod(shape), length)
        return array.reshape(shape, order=order)
    # The archive's own reader has no place of a member's first byte to map.
    file.seek(info.header_offset)
    signature, name, extra = struct.unpack("<4s22xHH", file.read(30))
    if signature != b"PK\x03\x04":
        raise DataError(f"{where}: no entry where the zip file says one is; {_ADVICE}")
    start = info.header_offset + 30 + name + extra
    total = file.seek(0, os.SEEK_END)
    if start + info.file_size > total:
        raise DataError(f"{where}: cut short; {_ADVICE}")
    file.seek(start)
    check, left = 0, info.file_size
    while left:
        part = file.read(min(left, _AT_ONCE))
        check, left = zlib.crc32(part, check), left - len(part)
        if not part:
            raise DataError(f"{where}: cut short; {_ADVICE}")
    if check != info.CRC:
        raise DataError(f"{where}: its checksum is not that of the zip file: damaged; {_ADVICE}")
    return _mapped(path, file, start, start + info.file_size, where)


def _mapped(path: Path, file: IO[bytes], start: int, end: int, where: str) -> Array:
    file.seek(start)
    header = file.read(min(end - start, _MAXIMUM_HEADER))
    shape, order, dtype, length = _header(header, end - start, where)
    if not math.prod(shape):
        return np.zeros(shape, dtype)
    return np.memmap(path, dtype, "r", start + length, shape, order)


def _header(
    start: bytes, size: int, where: str
) -> tuple[tuple[int, ...], Literal["C", "F"], np.dtype[Any], int]:
    """Return what an .npy file's header says, and its length; that the data are there is checked.

    Args:
        start: Its first `_MAXIMUM_HEADER` bytes.
        size: Of the whole file, in bytes.
        where: What it is called.
    """
    stream = io.BytesIO(start)
    reader = _READERS.get(read_magic(stream))
    if reader is None:
        raise DataError(
            f"{where}: starts with {start[:8]!r}: expected .npy of version 1.0 or 2.0; {_ADVICE}"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of damaged literals, and of Python 2
        shape, fortran, dtype = reader(stream)
    if dtype.hasobject:
        raise DataError(f"{where}: it holds Python objects, which are not read; {_of_numbers()}")
    if dtype.kind not in "buif" or dtype.itemsize > 8:
        raise DataError(f"{where}: it holds {dtype}; {_of_numbers()}")
    if len(shape) > _MAXIMUM_AXES or any(not 0 <= each < 1 << 48 for each in shape):
        raise DataError(f"{where}: shape {shape}: expected at most {_MAXIMUM_AXES} axes; damaged?")
    needed, there = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if needed > there:
        raise DataError(
            f"{where}: shape {shape} of {dtype} is {needed} bytes, and {there} are there: cut short"
        )
    return shape, "F" if fortran else "C", dtype, stream.tell()


def _of_numbers() -> str:
    return "expected whole numbers, bools or floats of up to 64 bits"


def _said(error: BaseException) -> str:
    text = str(error).splitlines()
    return f"{type(error).__name__}: {text[0][:200]}" if text else type(error).__name__


def _named(start: bytes) -> str:
    """Say what a file is that starts so."""
    if not start:
        return "an empty file"
    if start == b"versio":
        return "a Git LFS pointer: the file itself was not fetched (git lfs pull)"
    if start == b"\x89HDF\r\n":
        return "an HDF5 file"
    if start[:1] in b"0123456789-+.#[({" or start[:1].isalpha():
        return "a text"
    return f"a file that starts with {start!r}"
