"""Compiling a network for a device or a board: what the command line's `compile` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

from sc_neurocore.errors import UserError
from sc_neurocore.fixed.numerics import check_kinds
from sc_neurocore.fixed.qformat import QFormat
from sc_neurocore.fpga.boards import add_board, device_for_core, plan_line
from sc_neurocore.fpga.capacity import Assessment, choose
from sc_neurocore.fpga.known_boards import find_board
from sc_neurocore.fpga.protocol import DEFAULT_BAUD
from sc_neurocore.hdl.design import Design, integers_of, render_design
from sc_neurocore.hdl.geometry import AUTO, EngineOptions
from sc_neurocore.hdl.manifest import (
    BUSES,
    BusName,
    Choices,
    RamStyle,
    StreamChoices,
    WeightSource,
)
from sc_neurocore.hdl.planning import plan, without_multipliers
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.folding import one_map_each
from sc_neurocore.network.integrators import without_integrators
from sc_neurocore.network.layers.pooling import Pool2d
from sc_neurocore.tools.devices import find_device


@dataclass(frozen=True)
class Compiled:
    """A design, and how its lanes were found.

    Attributes:
        design: The design, with its files in the folder.
        considered: What each number of lanes takes of the device; empty if none was named.
    """

    design: Design
    considered: tuple[Assessment, ...]


def compile_design(
    description: NetworkDescription,
    directory: Path,
    format: str | QFormat = "Q8.8",
    weight_bits: int | Sequence[int] = 8,
    lanes: int | Literal["auto"] = 8,
    schedule: str = AUTO,
    *,
    device: str | None = None,
    board: str | None = None,
    clock_mhz: float | None = None,
    baud: int = DEFAULT_BAUD,
    weights: WeightSource | None = None,
    ram_style: RamStyle = "huge",
    constant_bits: int | None = None,
    allow: Sequence[str] = (),
    bus: BusName = "none",
    streams: StreamChoices | None = None,
    **options: Unpack[EngineOptions],
) -> Compiled:
    """Compile a network into a design folder.

    Args:
        description: The network. Layers with weights that have no neurons between them become one,
            and the design is of that network.
        directory: Where the design goes, in place of an earlier one.
        format: The format of the neurons' states.
        weight_bits: Bits of a weight, 2 to 24.
        lanes: Multiply-accumulate lanes, a power of two; "auto": as many as the device has room
            for.
        schedule: group-stationary, step-outer, or auto: the first that fits.
        device: The FPGA, a key of `tools.devices.DEVICES`. Where the weights go and which lanes
            multiply in logic is chosen for it.
        board: A board, a key of `fpga.boards.BOARDS`: then the design has its top.
        clock_mhz: The core's clock on the board, in MHz, instead of its usual.
        baud: Bits per second of the board's serial line.
        weights: Where the weights are, see `Choices`; by default in the bitstream, or where the
            device has more room for them.
        ram_style: Where loaded weights go, see `Choices`.
        constant_bits: Fraction bits of constants; by default they follow the format.
        allow: Kinds of findings to let pass that are refused otherwise, see `fixed.numerics.KINDS`.
        bus: What the core stands behind, beside its own ports: see `hdl.bus`.
        streams: For stochastic arithmetic, what streams there are: weights are their counts then,
            of as many bits as these have, and no lane has a multiplier.
        options: See `EngineOptions`.

    Raises:
        UserError: If an option is not possible, the engine does not have what the network needs,
            pooling does not divide what comes in, or the integers are certainly not what is meant.
        CheckFailedError: If the network does not fit the device; the message has the sums.
    """
    # All that can be refused is refused before anything is replaced.
    check_kinds(allow)
    if bus not in BUSES:
        raise UserError(f"--bus {bus}: there is no such bus; expected one of {', '.join(BUSES)}")
    if not {"left-over", "all"} & set(allow):
        _check_pooling(description)
    target = None if device is None else find_device(device)
    if board is not None:
        wanted = find_board(board)
        plan_line(wanted, clock_mhz, baud)
        if device not in (None, wanted.device):
            raise UserError(f"--board {board} has {wanted.device}, not {device}: leave one out")
        target = device_for_core(wanted)
    description = one_map_each(without_integrators(description))
    network = integers_of(description, format, weight_bits, constant_bits, streams)
    placed: Assessment | None = None
    considered: tuple[Assessment, ...] = ()
    if target is not None:
        wanted_lanes = None if lanes == "auto" else lanes
        placed, considered = choose(network, target, wanted_lanes, schedule, **options)
    elif lanes == "auto":
        raise UserError("--lanes auto: name the FPGA too, with --device, or a board")
    geometry = placed.geometry if placed else plan(network, int(lanes), schedule, **options)
    if streams is not None:
        geometry = without_multipliers(geometry)
    options["multipliers"] = geometry.chosen_multipliers
    choices = Choices(
        format=network.fixed_point.text,
        constant_bits=network.fixed_point.constant_fraction_bits,
        weight_bits=tuple(network.weight_bits),
        lanes=geometry.lanes,
        schedule=geometry.schedule,
        weights=weights or (placed.weights if placed else "rom"),
        ram_style=ram_style,
        allow=tuple(sorted(set(allow))),
        bus=bus,
        streams=streams,
        **options,
    )
    device = target.key if target else None
    design = render_design(description, choices, device, network, geometry)
    design.refuse_nonsense()
    if board is not None:
        design = add_board(design, board, clock_mhz, baud)
    return Compiled(design.write(directory), considered)


def _check_pooling(description: NetworkDescription) -> None:
    """Raise for pooling that leaves out rows or columns: rarely meant, and easily overlooked."""
    for place, (layer, shape) in enumerate(
        zip(description.layers, description.shapes(), strict=False)
    ):
        if isinstance(layer, Pool2d):
            try:
                layer.windows.check_divides(shape[1:], f"{layer.kind}: the window")
            except ValueError as error:
                raise UserError(
                    f"layers[{place}]: {error} (--allow left-over compiles it all the same)"
                ) from error
