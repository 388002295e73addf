"""The part of HDF5 that NIR files are written in, read without trusting a byte of it.

The HDF5 library is made for files of one's own: a few changed bytes in a NIR file can crash the
process, which no exception tells. This reader is plain Python. Every address is checked against
the file, every size before memory is taken for it, and the work is counted, so that a file from a
stranger either gives arrays and text or raises.

It reads what h5py writes by default: superblock 0 or 1, groups as symbol tables, object headers of
version 1, numbers and strings, contiguous, compact or chunked, deflated and shuffled. (The HDF
Group, HDF5 File Format Specification Version 3.0.)
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAXIMUM_BYTES = 1 << 29
"""Of a file, and of all its arrays together."""
MAXIMUM_DEPTH = 24
MAXIMUM_NAME = 4096
MAXIMUM_WORK = 1 << 20
"""Structures of the file that are looked at, and strings that are read."""
_MAXIMUM_DEFLATION = 1040  # deflate packs at most 1032 bytes into one
_MAXIMUM_OVERHEAD = 1 << 12  # far more than deflate adds to what it cannot pack
_UNDEFINED = (1 << 64) - 1

_FILTERS = {3: "fletcher32", 4: "szip", 5: "nbit", 6: "scale-offset", 32000: "lzf"}
_CLASSES = {
    5: " (opaque bytes)",
    6: " (a compound)",
    7: " (a reference)",
    8: " (an enumeration, as h5py writes booleans)",
}

Tree: TypeAlias = dict[str, Any]
"""Groups as dictionaries; data sets as arrays, or as text where they hold one string."""


class FormatError(ValueError):
    """The file is damaged, or uses a part of HDF5 that this reader does not know."""


@dataclass(frozen=True)
class Unreadable:
    """Stands for a data set of a kind that NIR does not use."""

    reason: str


@dataclass(frozen=True)
class _Type:
    """An element: NumPy's type of numbers, or a string (`dtype` holds its bytes in the file)."""

    dtype: np.dtype[Any]
    is_string: bool = False
    is_variable: bool = False


def read_tree(content: bytes) -> Tree:
    """Read a whole file.

    Raises:
        FormatError: If it is not HDF5, damaged, larger than the limits, or laid out in a way that
            this reader does not know.
    """
    if not content.startswith(SIGNATURE):
        raise FormatError(_named(content))
    if len(content) > MAXIMUM_BYTES:
        raise FormatError(f"{len(content)} bytes, {MAXIMUM_BYTES} at most")
    try:
        return _Reader(content).root()
    except FormatError:
        raise
    except (struct.error, zlib.error, ValueError, IndexError, OverflowError) as error:
        raise FormatError(f"damaged: {error}") from None


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.work = 0
        self.bytes_left = MAXIMUM_BYTES
        self.heaps: dict[int, dict[int, bytes]] = {}

    def root(self) -> Tree:
        version, offset_size, length_size = (self.content[place] for place in (8, 13, 14))
        if version > 1 or (offset_size, length_size) != (8, 8):
            raise FormatError(
                f"superblock version {version}{_of_libver(version)}: this reader knows versions 0 "
                f"and 1 with addresses of 8 bytes; write the file again with h5py's default "
                f"settings"
            )
        start = 24 + 4 * version
        base, _, end = self.unpack("<QQQ", start)
        if base:
            raise FormatError(f"base address {base}: expected 0")
        if end > len(self.content):
            raise FormatError(f"cut short: {len(self.content)} of {end} bytes are there")
        (header,) = self.unpack("<Q", start + 40)
        content = self.read_object(header, 0)
        if not isinstance(content, dict):
            raise FormatError("the root is not a group")
        return content

    def slice(self, start: int, length: int) -> bytes:
        if not 0 <= start <= start + length <= len(self.content):
            raise FormatError(f"{length} bytes at {start} lie outside the file")
        return self.content[start : start + length]

    def unpack(self, form: str, start: int) -> tuple[Any, ...]:
        return struct.unpack(form, self.slice(start, struct.calcsize(form)))

    def expect(self, signature: bytes, start: int) -> None:
        self.count()
        if self.slice(start, len(signature)) != signature:
            raise FormatError(f"no {signature.decode()} at {start}")

    def count(self) -> None:
        self.work += 1
        if self.work > MAXIMUM_WORK:
            raise FormatError(f"more than {MAXIMUM_WORK} structures, or structures in a circle")

    def take(self, size: int) -> None:
        """Count bytes that are about to be made."""
        if size > _MAXIMUM_DEFLATION * len(self.content):
            raise FormatError(f"an array of {size} bytes cannot come from {len(self.content)}")
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise FormatError(f"arrays of more than {MAXIMUM_BYTES} bytes")

    def read_object(self, address: int, depth: int) -> Any:
        if depth > MAXIMUM_DEPTH:
            raise FormatError(f"groups nested deeper than {MAXIMUM_DEPTH}, or in a circle")
        messages = dict(self.messages(address))
        if 0x11 in messages:
            tree, heap = struct.unpack("<QQ", messages[0x11][:16])
            return {
                name: self.read_object(child, depth + 1) for name, child in self.links(tree, heap)
            }
        if 0x01 in messages and 0x03 in messages and 0x08 in messages:
            return self.read_dataset(messages)
        raise FormatError(f"the object at {address} is neither a group nor a data set")

    def messages(self, address: int) -> Iterator[tuple[int, bytes]]:
        """Yield the type and the body of each header message that says something to us."""
        version, _, left, _, size = self.unpack("<BBHII", address)
        if version != 1:
            raise FormatError(
                f"object header version {version} at {address}: expected 1; write the file again "
                f"with h5py's default settings"
            )
        blocks: list[tuple[int, ...]] = [(address + 16, size)]
        while blocks:
            place, size = blocks.pop(0)
            end = place + size
            while left and place + 8 <= end:
                self.count()
                left -= 1
                kind, length, flags = self.unpack("<HHB", place)
                start, place = place + 8, place + 8 + length
                if kind == 0x10:
                    blocks.append(self.unpack("<QQ", start))
                elif kind in (0x01, 0x03, 0x08, 0x0B, 0x11):
                    if flags & 2:
                        raise FormatError("shared header messages are not read")
                    yield kind, self.slice(start, length)

    def links(self, tree: int, heap: int) -> Iterator[tuple[str, int]]:
        """Yield the name and the address of each member of a group."""
        self.expect(b"HEAP", heap)
        size, _, names = self.unpack("<QQQ", heap + 8)
        self.take(size)
        text = self.slice(names, size)
        for leaf in self.leaves(tree, 0, 8):
            self.expect(b"SNOD", leaf)
            (entries,) = self.unpack("<H", leaf + 6)
            for index in range(entries):
                self.count()
                name, address, cache = self.unpack("<QQI", leaf + 8 + 40 * index)
                if cache == 2:
                    raise FormatError("symbolic links are not followed")
                end = text.find(b"\0", name, name + MAXIMUM_NAME + 1)
                if not 0 <= name < end:
                    raise FormatError(
                        f"no name of at most {MAXIMUM_NAME} bytes at {name} of the heap at {heap}"
                    )
                self.take(end - name)
                yield text[name:end].decode(), address

    def leaves(self, tree: int, kind: int, key_size: int) -> Iterator[int]:
        """Yield the addresses that a B-tree (version 1) holds."""
        for _, child in self.entries(tree, kind, key_size):
            yield child

    def entries(self, tree: int, kind: int, key_size: int) -> Iterator[tuple[int, int]]:
        """Yield the place of each key of a B-tree's leaves, and the address beside it."""
        stack = [(tree, -1)]
        while stack:
            node, above = stack.pop()
            self.expect(b"TREE", node)
            found, level, used = self.unpack("<BBH", node + 4)
            if found != kind or (above >= 0 and level != above - 1):
                raise FormatError(f"the B-tree node at {node} does not belong here")
            children = []
            for index in range(used):
                self.count()
                key = node + 24 + index * (key_size + 8)
                children.append((key, self.unpack("<Q", key + key_size)[0]))
            if level:
                stack += [(child, level) for _, child in reversed(children)]
            else:
                yield from children

    def read_dataset(self, messages: dict[int, bytes]) -> Any:
        shape = _shape(messages[0x01])
        kind = _element(messages[0x03])
        if isinstance(kind, Unreadable):
            return kind
        size = math.prod(shape) * kind.dtype.itemsize
        self.take(size)
        raw = self.raw(messages, shape, kind.dtype, size)
        if kind.is_string:
            return self.strings(raw, shape, kind)
        array: NDArray[Any] = np.frombuffer(raw, kind.dtype).reshape(shape)
        return array.astype(kind.dtype.newbyteorder("="), copy=False)

    def raw(
        self, messages: dict[int, bytes], shape: tuple[int, ...], dtype: np.dtype[Any], size: int
    ) -> bytes:
        layout = messages[0x08]
        version, form = layout[0], layout[1]
        if version != 3 or form > 2:
            raise FormatError(f"data layout version {version}, class {form}: not read")
        if form == 0:
            (length,) = struct.unpack_from("<H", layout, 2)
            return _exactly(layout[4 : 4 + length], size)
        if form == 1:
            address, length = struct.unpack_from("<QQ", layout, 2)
            if address == _UNDEFINED:
                return _exactly(b"", size)
            return _exactly(self.slice(address, length), size)
        axes = layout[2]
        (tree,) = struct.unpack_from("<Q", layout, 3)
        *chunk, element = struct.unpack_from(f"<{axes}I", layout, 11)
        if element != dtype.itemsize or len(chunk) != len(shape) or 0 in chunk:
            raise FormatError(f"chunks {(*chunk, element)} do not fit the shape {shape}")
        filters = _filters(messages.get(0x0B))
        return self.chunked(tree, tuple(chunk), shape, dtype, filters)

    def chunked(
        self,
        tree: int,
        chunk: tuple[int, ...],
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        filters: list[int],
    ) -> bytes:
        size = math.prod(chunk) * dtype.itemsize
        wanted = math.prod(-(-total // part) for total, part in zip(shape, chunk, strict=True))
        result = np.zeros(shape, dtype)
        done = set()
        axes = len(shape)
        if math.prod(shape) == 0:
            return b""
        for key, address in self.entries(tree, 1, 8 + 8 * (axes + 1)):
            stored, mask, *offset = self.unpack(f"<II{axes}Q", key)
            if mask:
                raise FormatError("chunks without their filters are not read")
            where = tuple(
                slice(start, start + part) for start, part in zip(offset, chunk, strict=True)
            )
            target = result[where]
            if any(start % part for start, part in zip(offset, chunk, strict=True)):
                raise FormatError(f"a chunk at {offset} does not lie on the grid of {chunk}")
            self.take(size)
            if stored > 2 * size + _MAXIMUM_OVERHEAD:
                raise FormatError(f"a chunk of {stored} bytes for {size}")
            raw = _unfiltered(self.slice(address, stored), filters, size, dtype.itemsize)
            values = np.frombuffer(raw, dtype).reshape(chunk)
            target[...] = values[tuple(slice(0, extent) for extent in target.shape)]
            done.add(tuple(offset))
        if len(done) != wanted:
            raise FormatError(f"{len(done)} of {wanted} chunks are there")
        return result.tobytes()

    def strings(self, raw: bytes, shape: tuple[int, ...], kind: _Type) -> Any:
        size = kind.dtype.itemsize
        texts = []
        for start in range(0, len(raw), size):
            self.count()
            piece = raw[start : start + size]
            if kind.is_variable:
                piece = self.from_heap(*struct.unpack("<IQI", piece))
            texts.append(piece.split(b"\0", 1)[0].decode())
        if not shape:
            return texts[0]
        return np.array(texts, dtype=object).reshape(shape)

    def from_heap(self, length: int, address: int, index: int) -> bytes:
        """Return a string of variable length."""
        if not length:
            return b""
        if address not in self.heaps:
            self.heaps[address] = self.heap(address)
        content = self.heaps[address].get(index, b"")
        if len(content) < length:
            raise FormatError(f"string {index} of the heap at {address} is not there")
        self.take(length)
        return content[:length]

    def heap(self, address: int) -> dict[int, bytes]:
        self.expect(b"GCOL", address)
        (size,) = self.unpack("<Q", address + 8)
        end = address + size
        place, content = address + 16, {}
        while place + 16 <= end:
            self.count()
            index, _, _, length = self.unpack("<HHIQ", place)
            if index == 0:
                break
            content[index] = self.slice(place + 16, length)
            self.take(length)
            place += 16 + -(-length // 8) * 8
        return content


def _shape(message: bytes) -> tuple[int, ...]:
    version, rank, _ = message[:3]
    if version not in (1, 2) or rank > 32:
        raise FormatError(f"dataspace version {version} with {rank} axes: not read")
    if version == 2 and message[3] == 2:
        raise FormatError("a data set without a value")
    return struct.unpack_from(f"<{rank}Q", message, 8 if version == 1 else 4)


def _element(message: bytes) -> _Type | Unreadable:
    kind, bits = message[0] & 15, message[1]
    (size,) = struct.unpack_from("<I", message, 4)
    order = ">" if bits & 1 else "<"
    if kind == 0 and size in (1, 2, 4, 8):
        offset, precision = struct.unpack_from("<HH", message, 8)
        if (offset, precision) == (0, 8 * size):
            return _Type(np.dtype(f"{order}{'i' if bits & 8 else 'u'}{size}"))
    if kind == 1 and size in (2, 4, 8) and not bits & 64:
        layout = struct.unpack_from("<HHBBBBI", message, 8)
        mantissa = {2: 10, 4: 23, 8: 52}[size]
        exponent = 8 * size - 1 - mantissa
        bias = (1 << (exponent - 1)) - 1
        if layout == (0, 8 * size, mantissa, exponent, 0, mantissa, bias):
            return _Type(np.dtype(f"{order}f{size}"))
    if kind == 3 and size:
        return _Type(np.dtype(f"V{size}"), is_string=True)
    if kind == 9 and bits & 15 == 1 and size == 16:
        return _Type(np.dtype("V16"), is_string=True, is_variable=True)
    known = _CLASSES.get(kind, "")
    return Unreadable(f"HDF5 data type of class {kind}{known}, {size} bytes")


def _named(content: bytes) -> str:
    """Say what a file is that is not HDF5."""
    if not content:
        return "an empty file"
    if content.startswith(b"version https://git-lfs"):
        return "a Git LFS pointer, and not the file that it stands for: run git lfs pull"
    if content.startswith(b"\x93NUMPY") or content.startswith(b"PK\x03\x04"):
        return "a file of NumPy or a zip archive, not an HDF5 file"
    if content[:512].isascii() and b"\0" not in content[:512]:
        return "a text, not an HDF5 file"
    return "not an HDF5 file"


def _of_libver(version: int) -> str:
    return " (h5py's libver='latest')" if version in (2, 3) else ""


def _filters(message: bytes | None) -> list[int]:
    """Return the identifiers of the filters, in the order in which they were applied."""
    if message is None:
        return []
    version, count = message[:2]
    if version not in (1, 2) or count > 8:
        raise FormatError(f"filter pipeline version {version} of {count} filters: not read")
    place, filters = (8 if version == 1 else 2), []
    for _ in range(count):
        (identifier,) = struct.unpack_from("<H", message, place)
        place += 2
        name = 0
        if version == 1 or identifier >= 256:
            (name,) = struct.unpack_from("<H", message, place)
            place += 2
        _, values = struct.unpack_from("<HH", message, place)
        place += 4
        if version == 1:
            name, values = -(-name // 8) * 8, values + values % 2
        place += name + 4 * values
        if identifier not in (1, 2):
            known = _FILTERS.get(identifier, "an unknown filter")
            raise FormatError(
                f"filter {identifier} ({known}): only deflate (gzip) and shuffle are read; write "
                f"the file again with nir.write's defaults, or compression='gzip'"
            )
        filters.append(identifier)
    return filters


def _unfiltered(raw: bytes, filters: list[int], size: int, element: int) -> bytes:
    for identifier in reversed(filters):
        if identifier == 1:
            raw = zlib.decompressobj().decompress(raw, size + 1)
        else:
            raw = _exactly(raw, size)
            raw = np.frombuffer(raw, np.uint8).reshape(element, -1).T.tobytes()
    return _exactly(raw, size)


def _exactly(raw: bytes, size: int) -> bytes:
    if len(raw) != size:
        raise FormatError(f"{len(raw)} bytes where the shape needs {size}")
    return raw
