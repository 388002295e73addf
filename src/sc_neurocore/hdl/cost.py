"""What a design will take of a device, before anything is synthesised.

Memories are counted exactly, from their depth and width and the shapes that a block RAM has.
Logic is an estimate: linear in the lanes, the units and the widths, with coefficients from builds
of the digits and MNIST networks. It is meant to choose the number of lanes, within about 15 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Unpack

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.hdl.accelerator import WeightSource
from sc_neurocore.hdl.geometry import MAXIMUM_LANES, EngineOptions, Geometry, plan

SAFE_SHARE = 0.85
"""Of the logic of a device, at most this much: the estimate errs, and a full device is slow."""

_FIXED_CELLS = 440
"""Loader, controller, scanner, readout, the network's hash."""


@dataclass(frozen=True)
class Budget:
    """What a device has.

    Attributes:
        logic_cells: 4-input look-up tables, each with a flip-flop.
        block_rams: Block RAMs.
        block_shapes: Every (depth, width) that one block RAM can have.
        multipliers: DSP blocks that multiply two numbers of 16 bits or more.
        single_port_rams: RAMs of 16,384 words of 16 bits that loaded weights may go to.
    """

    logic_cells: int
    block_rams: int
    block_shapes: tuple[tuple[int, int], ...]
    multipliers: int = 0
    single_port_rams: int = 0


@dataclass(frozen=True)
class Cost:
    """What a design takes.

    Attributes:
        logic_cells: An estimate.
        block_rams: Exact for this choice of block shapes.
        multipliers: DSP blocks.
        single_port_rams: RAMs of the weights that are loaded.
        soft_lanes: Lanes whose multiplier is counted as logic.
    """

    logic_cells: int
    block_rams: int
    multipliers: int
    single_port_rams: int
    soft_lanes: int

    def excess(self, budget: Budget) -> str:
        """Say what is too much, with the sums; empty if it fits."""
        wanted = (
            ("logic cells (estimated)", self.logic_cells, int(budget.logic_cells * SAFE_SHARE)),
            ("block RAMs", self.block_rams, budget.block_rams),
            ("single-port RAMs", self.single_port_rams, budget.single_port_rams),
        )
        return ", ".join(f"{needs} {what} of {has}" for what, needs, has in wanted if needs > has)


def memories(geometry: Geometry) -> Mapping[str, tuple[int, int]]:
    """Return the (depth, width) of each memory of a design."""
    g = geometry
    return {
        "weights": (g.rows, g.lanes * g.weight_bits),
        "events": (2 << g.event_bits, g.event_bits + g.beat * g.input_bits),
        "spikes": (2 << (g.step_bits + g.group_bits), g.lanes),
        "neurons": (g.slots, g.units * (g.bias_bits + g.parameter_bits)),
        "states": (1 << g.turn_bits, g.units * g.state_bits),
        "scores": (1 << (g.output_bits - g.unit_shift), g.units * g.count_bits),
    }


def blocks(depth: int, width: int, shapes: tuple[tuple[int, int], ...]) -> int:
    """Return the block RAMs that a memory takes at least, all of one shape."""
    return min(-(-depth // deep) * -(-width // wide) for deep, wide in shapes)


def cost(
    network: IntegerNetwork,
    budget: Budget,
    lanes: int,
    weights: WeightSource = "rom",
    **options: Unpack[EngineOptions],
) -> Cost:
    """Work out what a design of so many lanes takes; multipliers that are missing become logic.

    Raises:
        UserError: If the engine does not have what the network needs.
    """
    g = plan(network, lanes, **options)
    sizes = dict(memories(g))
    single_port_rams = 0
    if weights == "loaded" and budget.single_port_rams:
        depth, _ = sizes.pop("weights")
        single_port_rams = g.weight_columns * -(-depth // (1 << 14))
    in_units = _multiplications(network) * g.units
    hard_lanes = max(0, min(lanes, budget.multipliers - in_units))
    soft_units = max(0, in_units - budget.multipliers)
    lane = 2 * g.sum_bits
    soft = g.weight_bits + (g.input_bits + 1) * (g.weight_bits + 3)
    unit = 2 * g.sum_bits + 2 * g.current_bits + 2 * g.parameter_bits + 10 * g.state_bits
    unit += g.unit_latency * (g.parameter_bits + 2 * g.state_bits)
    cells = _FIXED_CELLS + lanes * (lane + 3) + (lanes - hard_lanes) * soft + g.units * unit
    cells += soft_units * 18 * g.state_bits
    return Cost(
        logic_cells=cells,
        block_rams=sum(blocks(*size, budget.block_shapes) for size in sizes.values()),
        multipliers=min(in_units, budget.multipliers) + hard_lanes,
        single_port_rams=single_port_rams,
        soft_lanes=lanes - hard_lanes,
    )


def largest_lanes(
    network: IntegerNetwork,
    budget: Budget,
    weights: WeightSource = "rom",
    **options: Unpack[EngineOptions],
) -> tuple[int, Mapping[int, Cost]]:
    """Return the most lanes that fit, and what every number of lanes would take.

    Raises:
        UserError: If not even one lane fits, with the sums.
    """
    units = options.get("units", 1)
    choices = [1 << shift for shift in range(MAXIMUM_LANES.bit_length())]
    costs = {
        lanes: cost(network, budget, lanes, weights, **options)
        for lanes in choices
        if lanes >= units
    }
    fitting = [lanes for lanes, each in costs.items() if not each.excess(budget)]
    if not fitting:
        least = min(costs)
        raise UserError(
            f"{network.name} does not fit: with lanes={least} it takes "
            f"{costs[least].excess(budget)}; give smaller weights, or a larger device"
        )
    return max(fitting), costs


def _multiplications(network: IntegerNetwork) -> int:
    """Return the multipliers of a neuron unit, by constants too."""
    return sum(node.operator == "*" for node in network.program.program.nodes)
