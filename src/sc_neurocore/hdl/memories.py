"""The contents of an accelerator's memories: weights, and what each neuron has of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.geometry import COLUMN_BITS, Geometry

# Integers (words, fields) of a memory, and the width of each field.
Words: TypeAlias = tuple[NDArray[np.int64], list[int]]


def weight_image(network: IntegerNetwork, geometry: Geometry) -> bytes:
    """Return what fills the weight memory of a design with `weights="loaded"`.

    The image is a sequence of words of 16 bits, each with its low byte first, in the order of the
    addresses 0, 1, 2, ... of the port `weight_address`; behind the last word stands the CRC-32 of
    all bytes before it (that of zlib and of IEEE 802.3), 4 bytes, low byte first. A loader may
    therefore count: the address of a word is its number in the image.

    A row of the memory has one weight per lane, lane 0 in the low bits, each in two's complement.
    It takes `2 ** geometry.column_bits` words, its low bits first; bits above the row are zero.
    Rows come group by group, layer by layer, one row per input of the layer.

    Args:
        network: The network.
        geometry: The sizes of the design, from `plan` or a design that was read back.
    """
    words, widths = weight_rows(network, geometry)
    columns = 1 << geometry.column_bits
    rows = np.zeros((geometry.rows, columns), dtype="<u2")
    mask = (1 << COLUMN_BITS) - 1
    for number, word in enumerate(_packed(words, widths)):
        for column in range(columns):
            rows[number, column] = word >> (COLUMN_BITS * column) & mask
    image = rows.tobytes()
    return image + zlib.crc32(image).to_bytes(4, "little")


def weights_texts(network: IntegerNetwork, geometry: Geometry) -> list[bytes]:
    """Return the $readmemh files of the weight memory, one for each slice."""
    words, widths = weight_rows(network, geometry)
    lanes = geometry.lanes // geometry.weight_slices
    return [
        memory_text(words[:, first : first + lanes], widths[:lanes], geometry.rows)
        for first in range(0, geometry.lanes, lanes)
    ]


def neurons_text(network: IntegerNetwork, geometry: Geometry) -> bytes:
    """Return the $readmemh file of the neuron memory."""
    return memory_text(*neuron_slots(network, geometry), geometry.slots)


def weight_rows(network: IntegerNetwork, geometry: Geometry) -> Words:
    """Lay out the weights: for each group of each layer, for each input, one weight per lane."""
    blocks = []
    for layer, form in zip(network.layers, geometry.layers, strict=True):
        groups = padded(layer.weight, form.groups, geometry.lanes)
        blocks.append(groups.transpose(0, 2, 1).reshape(-1, geometry.lanes))
    return np.concatenate(blocks), [geometry.weight_bits] * geometry.lanes


def neuron_slots(network: IntegerNetwork, geometry: Geometry) -> Words:
    """Lay out what each neuron has of its own: bias and parameters, a word for each turn."""
    blocks = []
    for layer, form in zip(network.layers, geometry.layers, strict=True):
        own = np.column_stack([layer.bias, layer.parameters])
        if not network.program.parameters:  # one zero bit stands where none differ
            own = np.column_stack([own, np.zeros(len(own), dtype=np.int64)])
        groups = padded(own, form.groups, geometry.lanes)
        blocks.append(groups.reshape(-1, geometry.units * own.shape[1]))
    ports = [port.width for port in network.program.parameters] or [1]
    return np.concatenate(blocks), [geometry.bias_bits, *ports] * geometry.units


def padded(values: NDArray[np.int64], groups: int, lanes: int) -> NDArray[np.int64]:
    """Bring (neurons, columns) to (groups, lanes, columns), zeros where there is no neuron."""
    padded = np.zeros((groups * lanes, values.shape[1]), dtype=values.dtype)
    padded[: len(values)] = values
    return padded.reshape(groups, lanes, -1)


def memory_text(words: NDArray[np.int64], widths: list[int], depth: int) -> bytes:
    """Write a $readmemh file of `depth` words."""
    digits = -(-sum(widths) // 4)
    lines = [f"{word:0{digits}x}\n" for word in _packed(words, widths)]
    lines += [f"{0:0{digits}x}\n"] * (depth - len(words))
    return "".join(lines).encode()


def _packed(words: NDArray[np.int64], widths: list[int]) -> Iterator[int]:
    """Yield each word as one number, its first field in the low bits."""
    for values in words.tolist():
        word = 0
        for value, width in zip(reversed(values), reversed(widths), strict=True):
            word = word << width | (value & ((1 << width) - 1))
        yield word
