"""The IDX format of Y. LeCun's data sets, compressed with gzip.

Two zero bytes, the type (8 for unsigned bytes, the only one read here), the number of axes, each
axis' size as 32 big-endian bits, then the values, the last axis varying fastest.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import DataError

_UNSIGNED_BYTES = 8
_MAXIMUM_BYTES = 1 << 30
_REMEDY = "fetch the file again"


def read_gzip(path: Path) -> bytes:
    """Return what a gzip file holds, its checksum verified.

    Raises:
        DataError: If it cannot be read, is not gzip, is damaged, or holds more than a gibibyte.
    """
    try:
        with gzip.open(path) as file:
            content = file.read(_MAXIMUM_BYTES + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: not gzip, or damaged ({error}); {_REMEDY}") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; {_REMEDY}") from None
    if len(content) > _MAXIMUM_BYTES:
        raise DataError(f"{path}: holds more than {_MAXIMUM_BYTES} bytes, which no data set does")
    return content


def parse_idx(content: bytes, name: object) -> NDArray[np.uint8]:
    """Return the array that the content of an IDX file stands for; it cannot be written to.

    Args:
        content: All bytes of the file, uncompressed.
        name: What to call it in errors.

    Raises:
        DataError: If the beginning is not that of IDX with unsigned bytes, or the length is not the
            one that the sizes ask for.
    """
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTES:
        raise DataError(
            f"{name}: begins with {content[:4].hex(' ') or 'nothing'}: expected 00 00 08 and the "
            f"number of axes, an IDX file of unsigned bytes; {_REMEDY}"
        )
    axes = content[3]
    begin = 4 + 4 * axes
    if not axes or len(content) < begin:
        raise DataError(
            f"{name}: {len(content)} bytes cannot hold the sizes of {axes} axes; {_REMEDY}"
        )
    shape = struct.unpack(f">{axes}I", content[4:begin])
    expected = begin + math.prod(shape)
    if len(content) != expected:
        raise DataError(
            f"{name}: {len(content)} bytes: expected {expected} for values of shape {shape}; "
            f"the file is {'cut off' if len(content) < expected else 'too long'}; {_REMEDY}"
        )
    try:
        return np.frombuffer(content, np.uint8, offset=begin).reshape(shape)
    except ValueError as error:  # too many axes, or empty ones beside very long ones
        raise DataError(f"{name}: no array has the shape {shape} ({error}); {_REMEDY}") from None
