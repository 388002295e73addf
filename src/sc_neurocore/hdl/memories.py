"""The contents of an accelerator's memories: weights, and what each neuron has of its own."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.geometry import COLUMN_BITS, Geometry, LayerGeometry
from sc_neurocore.hdl.layers import EngineLayer, Part, engine_layers
from sc_neurocore.hdl.windows import Window

WEIGHT_IMAGE = "weights.bin"

_BITS_AT_ONCE = 1 << 26

# Integers (words, fields) of a memory, and the width of each field.
Words: TypeAlias = tuple[NDArray[np.int64], list[int]]


def memory_files(
    network: IntegerNetwork, geometry: Geometry, weights: str, top: str
) -> dict[str, bytes]:
    """Return the files of a design's memories: name and content.

    What Verilog reads carries the name of the top, so that designs of other names share a folder.

    Args:
        network: The network.
        geometry: The sizes of the design.
        weights: "rom", or "loaded", which gives the weights' image in place of their memory's text.
        top: The design's top.
    """
    slots = neuron_slots(network, engine_layers(network), geometry)
    memories = {neurons_file(top): _memory_text(*slots, geometry.slots)}
    if weights == "rom":
        memories |= zip(weight_files(geometry, top), _weights_texts(network, geometry), strict=True)
    else:
        memories[WEIGHT_IMAGE] = weight_image(network, geometry)
    return memories


def neurons_file(top: str) -> str:
    """Return the name of the file of the neurons' memory."""
    return f"{top}_neurons.hex"


def weight_files(geometry: Geometry, top: str) -> list[str]:
    """Return the names of the files of the weight memory's slices."""
    if geometry.weight_slices == 1:
        return [f"{top}_weights.hex"]
    return [f"{top}_weights_{number}.hex" for number in range(geometry.weight_slices)]


def weight_words(geometry: Geometry) -> int:
    """Return how many words of 16 bits are loaded."""
    return geometry.rows << geometry.column_bits


def weight_image(network: IntegerNetwork, geometry: Geometry) -> bytes:
    """Return what fills the weight memory of a design with `weights="loaded"`.

    The image is a sequence of words of 16 bits, each with its low byte first, in the order of the
    addresses 0, 1, 2, ... of the port `weight_address`; behind the last word stands the CRC-32 of
    all bytes before it (that of zlib and of IEEE 802.3), 4 bytes, low byte first. A loader may
    therefore count: the address of a word is its number in the image.

    A row of the memory has one weight per lane, lane 0 in the low bits (or, of neurons with several
    inputs, one for each of them, side by side), each in two's complement,
    with its delay above it where there are delays. It takes `2 ** geometry.column_bits` words, its
    low bits first; bits above the row are zero. Rows come group by group, layer by layer, one row
    per input of the layer.

    Args:
        network: The network.
        geometry: The sizes of the design, from `plan` or a design that was read back.
    """
    words, widths = weight_rows(engine_layers(network), geometry)
    packed = _packed(words, widths)
    rows = np.zeros((geometry.rows, COLUMN_BITS // 8 << geometry.column_bits), dtype=np.uint8)
    rows[: packed.shape[0], : packed.shape[1]] = packed
    image = rows.tobytes()
    return image + zlib.crc32(image).to_bytes(4, "little")


def _weights_texts(network: IntegerNetwork, geometry: Geometry) -> list[bytes]:
    """Return the $readmemh files of the weight memory, one for each slice."""
    words, widths = weight_rows(engine_layers(network), geometry)
    fields = len(widths) // geometry.weight_slices
    return [
        _memory_text(words[:, first : first + fields], widths[:fields], geometry.rows)
        for first in range(0, len(widths), fields)
    ]


def weight_rows(layers: Sequence[EngineLayer], geometry: Geometry) -> Words:
    """Lay out the weights: for each group, for each input, a weight per sum, with its delay.

    Where all places share their weights, there are groups of one place. The inputs of a kernel come
    row by row, column by column, channel by channel.
    """
    sums = geometry.group_sums
    blocks = []
    for layer, form in zip(layers, geometry.layers, strict=True):
        parts = [_lane_words(layer.incoming, form, geometry)]
        if layer.recurrent is not None:
            parts.append(_lane_words(layer.recurrent, replace(form, window=None), geometry))
        # A group's rows follow each other: all inputs of its first part, then of its second.
        blocks.append(np.concatenate(parts, axis=1).reshape(-1, sums * 2))
    words = np.concatenate(blocks).reshape(-1, sums, 2)
    widths = [geometry.weight_bits, geometry.delay_bits]
    if not geometry.delay_bits:
        return words[:, :, 0], widths[:1] * sums
    return words.reshape(-1, sums * 2), widths * sums


def _lane_words(part: Part, form: LayerGeometry, geometry: Geometry) -> Any:
    """Return (groups, rows of weights, sums, 2): weight and delay."""
    delays = np.zeros_like(part.weight) if part.delays is None else part.delays
    sums = geometry.group_sums
    both = []
    for each in (part.weight, delays):
        places = len(each)
        # (blocks, sums, places, channels, rows, columns), then in the order of the walk.
        padded = _padded(each.swapaxes(0, 1), form.blocks, sums)
        walked = padded.transpose(2, 0, 4, 5, 3, 1)
        blocks = [
            _seen_channels(walked[:, block], form.window, block, geometry.word_width(form))
            for block in range(form.blocks)
        ]
        both.append(np.stack(blocks, axis=1).reshape(places * form.blocks, -1, sums))
    return np.stack(both, axis=-1)


def _seen_channels(kernel: Any, window: Window | None, block: int, width: int) -> Any:
    """Cut (places, rows, columns, channels, sums) to the channels that a block's words have."""
    if window is None:
        return kernel
    first, count = block * window.first_channel(width), window.kernel_inputs
    seen = kernel[..., first : first + count, :]
    missing = count - seen.shape[-2]
    return np.pad(seen, ((0, 0), (0, 0), (0, 0), (0, missing), (0, 0)))


def neuron_slots(
    network: IntegerNetwork, layers: Sequence[EngineLayer], geometry: Geometry
) -> Words:
    """Lay out what each neuron has of its own: biases and parameters, a word for each turn.

    A layer packs its parameters from the low bits up, as its own unit reads them.
    """
    blocks = []
    for layer, form, source in zip(layers, geometry.layers, network.layers, strict=True):
        places = form.slot_groups // form.blocks
        shape = (places, form.layout.channels)
        packed = np.zeros(shape, dtype=object)
        low = 0
        ports = source.program.parameters
        for values, port in zip(np.moveaxis(layer.parameters, -1, 0), ports, strict=True):
            packed = packed + ((values % (1 << port.width)).astype(object) << low)
            low += port.width
        currents = geometry.currents
        biases = layer.bias.astype(object).reshape(len(layer.bias), -1, currents)
        biases = np.broadcast_to(biases, (*shape, currents))
        own = np.concatenate([biases, packed[..., np.newaxis]], axis=-1).swapaxes(0, 1)
        # (channels, places, numbers), then in the order of groups.
        groups = _padded(own, form.blocks, geometry.lanes).transpose(2, 0, 1, 3)
        blocks.append(groups.reshape(-1, geometry.units * (currents + 1)))
    of_a_neuron = [geometry.bias_bits] * geometry.currents + [geometry.parameter_bits]
    return np.concatenate(blocks), of_a_neuron * geometry.units


def _padded(values: NDArray[Any], groups: int, width: int) -> NDArray[Any]:
    """Bring (channels, ...) to (groups, width, ...), zeros where there is no channel."""
    padded = np.zeros((groups * width, *values.shape[1:]), dtype=values.dtype)
    padded[: len(values)] = values
    return padded.reshape(groups, width, *values.shape[1:])


def _memory_text(words: NDArray[Any], widths: list[int], depth: int) -> bytes:
    """Write a $readmemh file of `depth` words."""
    digits = -(-sum(widths) // 4)
    packed = _packed(words, widths)
    lines = np.full((depth, digits + 1), ord("0"), dtype=np.uint8)
    lines[:, digits] = ord("\n")
    written = np.frombuffer(packed[:, ::-1].tobytes().hex().encode(), dtype=np.uint8)
    lines[: len(words), :digits] = written.reshape(len(words), -1)[:, -digits:]
    return lines.tobytes()


def _packed(words: NDArray[Any], widths: list[int]) -> NDArray[np.uint8]:
    """Return each word as bytes, the low one first, its first field in the low bits.

    Fields are cut to their widths, of two's complement.
    """
    packed = np.empty((len(words), -(-sum(widths) // 8)), dtype=np.uint8)
    at_once = max(1, _BITS_AT_ONCE // sum(widths))
    for start in range(0, len(words), at_once):
        part = words[start : start + at_once]
        bits = np.empty((len(part), sum(widths)), dtype=np.uint8)
        low = 0
        for values, width in zip(part.T, widths, strict=True):
            for first in range(0, width, 8):  # numbers may be of any size, and then are Python's
                octets = ((values >> first) & 0xFF).astype(np.uint8)[:, np.newaxis]
                count = min(8, width - first)
                bits[:, low : low + count] = np.unpackbits(octets, 1, count, "little")
                low += count
        packed[start : start + at_once] = np.packbits(bits, axis=1, bitorder="little")
    return packed
