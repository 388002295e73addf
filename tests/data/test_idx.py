from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sc_neurocore.data.idx import parse_idx, read_gzip
from sc_neurocore.errors import DataError


def as_idx(values: np.ndarray, kind: int = 8) -> bytes:
    return struct.pack(f">BBBB{values.ndim}I", 0, 0, kind, values.ndim, *values.shape) + bytes(
        values.tobytes()
    )


@given(arrays.arrays(np.uint8, arrays.array_shapes(max_dims=4)))
def test_what_is_written_is_read(values: np.ndarray) -> None:
    np.testing.assert_array_equal(parse_idx(as_idx(values), "x"), values)


@given(arrays.arrays(np.uint8, arrays.array_shapes(max_dims=3)), st.data())
def test_no_cut_or_addition_goes_unnoticed(values: np.ndarray, data: st.DataObject) -> None:
    content = as_idx(values)
    kept = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(DataError, match=r"^a file: .*fetch the file again$"):
        parse_idx(content[:kept], "a file")
    with pytest.raises(DataError, match=r"a file: .*too long"):
        parse_idx(content + b"\0", "a file")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "begins with nothing"),
        (b"PK\x03\x04", "begins with 50 4b 03 04: expected 00 00 08"),
        (as_idx(np.zeros(3, np.uint8), kind=13), "begins with 00 00 0d 01"),
        (b"\0\0\x08\0", "cannot hold the sizes of 0 axes"),
        (b"\0\0\x08\x02\0\0\0\x01", "8 bytes cannot hold the sizes of 2 axes"),
        (as_idx(np.zeros((2, 3), np.uint8))[:-1], r"17 bytes: expected 18 .*\(2, 3\).*cut off"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "16 bytes: expected 79228162458924105385300197391"),
        (b"\0\0\x08\x41" + b"\0\0\0\x01" * 65 + b"\x07", "no array has the shape"),
        (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"\x07", "no array has the shape"),
        (b"\0\0\x08\x04" + b"\xff" * 12 + b"\0" * 4, "no array has the shape"),
    ],
)
def test_the_fault_is_named(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_idx(content, "x")


def test_every_damage_of_a_compressed_file_is_found(tmp_path: Path) -> None:
    content = as_idx(np.random.default_rng(0).integers(0, 256, (5, 7), dtype=np.uint8))
    packed = gzip.compress(content, mtime=0)
    path = tmp_path / "values.gz"
    path.write_bytes(packed)
    assert read_gzip(path) == content
    for kept in range(1, len(packed)):
        path.write_bytes(packed[:kept])
        with pytest.raises(DataError, match=r"values\.gz: not gzip, or damaged"):
            read_gzip(path)
    for index in (0, 1, 15, len(packed) // 2, len(packed) - 8, len(packed) - 1):
        damaged = bytearray(packed)
        damaged[index] ^= 0x40
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"values\.gz: not gzip, or damaged"):
            read_gzip(path)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.gz: No such file"):
        read_gzip(tmp_path / "none.gz")
