from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sc_neurocore.interop import hdf5
from sc_neurocore.interop.hdf5 import FormatError, Unreadable, read_tree

GOLDEN = Path(__file__).parent / "golden"
DTYPES = ["<f4", "<f8", ">f8", "<f2", "<i8", ">i4", "<i2", "u1", "<u4"]


def as_h5py_says(group: h5py.Group) -> dict[str, object]:
    """The same tree through the HDF5 library."""
    tree: dict[str, object] = {}
    for name, item in group.items():
        if isinstance(item, h5py.Group):
            tree[name] = as_h5py_says(item)
        else:
            value = item[()]
            if isinstance(value, bytes):
                value = value.decode()
            elif value.dtype.kind in "OS":
                value = np.array([each.decode() for each in value.ravel()], object).reshape(
                    value.shape
                )
            tree[name] = value
    return tree


def assert_same(found: dict[str, object], wanted: dict[str, object]) -> None:
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if isinstance(value, dict):
            assert_same(found[name], value)
        elif isinstance(value, str):
            assert found[name] == value
        else:
            np.testing.assert_array_equal(found[name], value)
            assert np.asarray(found[name]).dtype == np.asarray(value).dtype.newbyteorder("=")


def written(**content: object) -> bytes:
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        for name, value in content.items():
            folder.create_dataset(name, data=value)
    return file.getvalue()


@pytest.mark.parametrize("name", ["norse.nir", "sinabs.nir", "spikingjelly.nir"])
def test_files_of_other_frameworks_are_read_as_the_library_reads_them(name: str) -> None:
    with h5py.File(GOLDEN / name) as file:
        assert_same(read_tree((GOLDEN / name).read_bytes()), as_h5py_says(file))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_numbers_in_any_layout_are_read_as_the_library_reads_them(data: st.DataObject) -> None:
    shapes = arrays.array_shapes(min_dims=0, max_dims=3, min_side=1, max_side=6)
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        for number in range(data.draw(st.integers(1, 12), "arrays")):
            array = data.draw(arrays.arrays(data.draw(st.sampled_from(DTYPES)), shapes))
            options: dict[str, object] = {}
            if array.ndim and data.draw(st.booleans(), "packed"):
                chunks = tuple(data.draw(st.integers(1, side)) for side in array.shape)
                options = {
                    "compression": "gzip",
                    "chunks": chunks,
                    "shuffle": data.draw(st.booleans()),
                }
            folder.create_dataset(f"group{number % 3}/array {number}", data=array, **options)
        folder["text"] = "ein Wort"
        folder.create_dataset("words", data=[["a", "bc"], ["", "ä"]], dtype=h5py.string_dtype())
        folder.create_dataset("fixed", data=np.array([b"ab", b"c"]))
        wanted = as_h5py_says(folder)
    assert_same(read_tree(file.getvalue()), wanted)


def test_what_nir_has_no_use_for_is_marked_and_not_read() -> None:
    tree = read_tree(written(complex=np.array([1j]), number=2.0))
    assert isinstance(tree["complex"], Unreadable)
    assert tree["number"] == 2.0


def test_an_array_larger_than_its_file_can_hold_is_refused_before_memory_is_taken() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        folder.create_dataset("a", (1 << 27,), "f8", chunks=(1 << 27,), compression="gzip")
    tracemalloc.start()
    with pytest.raises(FormatError, match="cannot come from"):
        read_tree(file.getvalue())
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


def test_a_chunk_that_unpacks_to_more_than_its_size_is_cut_off() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        folder.create_dataset(
            "a", data=np.zeros(1 << 21, "u1"), compression="gzip", chunks=(1 << 21,)
        )
    content = bytearray(file.getvalue())
    # The sizes in dataspace and layout say 1 KiB; the packed data say 2 MiB.
    for size in (struct.pack("<Q", 1 << 21), struct.pack("<I", 1 << 21)):
        while size in content:
            place = content.index(size)
            content[place : place + len(size)] = (1 << 10).to_bytes(len(size), "little")
    tracemalloc.start()
    with pytest.raises(FormatError, match="1025 bytes where the shape needs 1024"):
        read_tree(bytes(content))
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_chunk_that_is_far_larger_than_what_it_holds_is_not_read() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        folder.create_dataset("a", data=np.zeros(64, "u1"), compression="gzip", chunks=(64,))
        folder["b"] = np.zeros(100_000, "u1")
    content = bytearray(file.getvalue())
    stored = content.index(b"TREE\x01\x00\x01\x00") + 24  # of the first chunk, in its key
    content[stored : stored + 4] = struct.pack("<I", 50_000)
    with pytest.raises(FormatError, match="a chunk of 50000 bytes for 64"):
        read_tree(bytes(content))


def test_names_without_end_are_refused() -> None:
    with pytest.raises(FormatError, match="no name of at most 4096 bytes"):
        read_tree(written(**{"a" * 5000: 1.0}))


def test_the_names_of_groups_count_as_bytes_that_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    content = written(**{f"{index}{'a' * 3000}": 1.0 for index in range(8)})
    assert len(read_tree(content)) == 8
    monkeypatch.setattr(hdf5._Reader, "take", lambda self, size: taken.append(size))
    taken: list[int] = []
    read_tree(content)
    assert sum(taken) > 2 * 8 * 3000  # each name as it lies in the file, and as it was made


def test_groups_in_a_circle_end() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        folder.create_group("inner")["again"] = folder["/"]
    with pytest.raises(FormatError, match="in a circle"):
        read_tree(file.getvalue())


def test_many_ways_to_one_group_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "MAXIMUM_WORK", 10_000)
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        group = folder
        for _ in range(20):
            inner = group.create_group("a")
            group["b"] = inner  # twice as many ways at every level
            group = inner
    with pytest.raises(FormatError, match="more than 10000 structures"):
        read_tree(file.getvalue())


def test_links_out_of_the_file_are_not_followed() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w") as folder:
        folder["a"] = h5py.SoftLink("/b")
        folder["b"] = 1
    with pytest.raises(FormatError, match="symbolic links are not followed"):
        read_tree(file.getvalue())


def test_other_layouts_of_hdf5_are_named() -> None:
    file = io.BytesIO()
    with h5py.File(file, "w", libver="latest") as folder:
        folder["a"] = 1
    with pytest.raises(FormatError, match="write the file again with h5py's default settings"):
        read_tree(file.getvalue())


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"PK\x03\x04" * 10])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(FormatError, match=r"not an HDF5 file|damaged|an empty file"):
        read_tree(content)
