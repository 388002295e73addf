"""The memories that an engine has, and the blocks that synthesis makes of them: exactly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

from sc_neurocore.hdl.geometry import COLUMN_BITS, Geometry
from sc_neurocore.hdl.manifest import WeightSource
from sc_neurocore.tools.families import Family, Memory

_MULTIPLEXER_BIT = 0.5


@dataclass(frozen=True)
class PlannedMemory:
    """A memory of the engine.

    Attributes:
        name: What it holds.
        words: Its depth.
        bits: Bits of a word.
        is_written: Whether something is written to it, or all it holds is in the bitstream.
        is_loaded: Whether it is filled at run time, and asks for single-port RAM.
    """

    name: str
    words: int
    bits: int
    is_written: bool = True
    is_loaded: bool = False


def plan_memories(geometry: Geometry, weights: WeightSource = "rom") -> tuple[PlannedMemory, ...]:
    """List the memories that the engine's Verilog has.

    Args:
        geometry: The engine's sizes.
        weights: Whether the weights are in the bitstream or loaded at run time.
    """
    row = geometry.group_sums * geometry.word_bits
    is_loaded = weights == "loaded"
    slices = geometry.weight_slices
    columns = _columns(row) if is_loaded else [row // slices] * slices
    # One bit stands for no parameters at all; it is always zero, and synthesis leaves it out.
    own = geometry.currents * geometry.bias_bits
    own += geometry.parameter_bits if geometry.parameter_bits > 1 else 0
    # Of several values in a beat, and where each beat has its place, it is kept which are not zero.
    flags = geometry.beat if geometry.beat > 1 or geometry.walks_frame else 0
    number = 0 if geometry.walks_frame else geometry.event_bits
    event = number + geometry.beat * geometry.input_bits + flags
    scores = 1 << (geometry.output_bits - geometry.unit_shift)
    of_units = (
        # A single state stands in a register.
        *(
            [PlannedMemory("states", geometry.state_words, geometry.state_bits)]
            if geometry.state_words > 1
            else []
        ),
        PlannedMemory("scores", scores, geometry.count_bits),
    )
    rings = [PlannedMemory("rings", geometry.clear_clocks, geometry.sum_bits)]
    return (
        *(PlannedMemory("weights", geometry.rows, bits, is_loaded, is_loaded) for bits in columns),
        PlannedMemory("neurons", geometry.slots, geometry.units * own, is_written=False),
        PlannedMemory("events", 2 << geometry.event_bits, event),
        PlannedMemory("spikes", geometry.spike_store_words, geometry.lanes),
        *(rings * geometry.group_sums if geometry.delay_bits else []),
        *(of_units * geometry.units),
    )


def _columns(row: int) -> list[int]:
    return [min(COLUMN_BITS, row - start) for start in range(0, row, COLUMN_BITS)]


def ram_blocks(memories: tuple[PlannedMemory, ...], family: Family) -> dict[str, float]:
    """Return how many blocks of each kind the memories take on a family."""
    blocks: dict[str, float] = {}
    for memory in memories:
        found = arrange(memory, family)
        if found is not None:
            kind, deep, wide = found
            blocks[kind.resource] = blocks.get(kind.resource, 0) + deep * wide * kind.pieces
    return blocks


def arrange(memory: PlannedMemory, family: Family) -> tuple[Memory, int, int] | None:
    """Return the blocks that Yosys makes a memory of: kind, rows and columns; None for logic."""
    for kind in family.memories:
        if kind.is_initialised == memory.is_loaded:
            continue
        grids = [(*_grid(memory, shape), kind.cost) for shape in kind.shapes]
        prices = [_price(memory, *grid) for grid in grids]
        price = min(prices)
        words, bits, cost = kind.lut_ram
        # Read-only memories ask for blocks (rtl/snn_rom.v).
        if memory.is_written and _price(memory, *_grid(memory, (words, bits)), cost) < price:
            return None
        deep, wide, _ = grids[prices.index(price)]
        return kind, deep, wide
    # Loaded weights on a device without single-port RAM lie in block RAM.
    return arrange(replace(memory, is_loaded=False), family) if memory.is_loaded else None


def _grid(memory: PlannedMemory, shape: tuple[int, int]) -> tuple[int, int]:
    """Return how many pieces of a shape cover a memory, in depth and in width."""
    return ceil(memory.words / shape[0]), ceil(memory.bits / shape[1])


def _price(memory: PlannedMemory, deep: int, wide: int, cost: float) -> float:
    return deep * wide * cost + _MULTIPLEXER_BIT * (deep - 1) * memory.bits
