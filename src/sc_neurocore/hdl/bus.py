"""The core behind a bus: hand-written Verilog beside the engine, and a top that joins the two.

The core stays as it is, and so does what is proved and simulated of it. What a bus does beside it
is one more contract, in the file of the hand-written module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from sc_neurocore.errors import UserError
from sc_neurocore.hdl.accelerator import (
    BUS_MODULES,
    SOURCES,
    Accelerator,
    engine_files,
    in_sources,
    render_verilog,
    source_paths,
)
from sc_neurocore.hdl.geometry import Geometry, index_bits
from sc_neurocore.hdl.manifest import BusName
from sc_neurocore.hdl.memories import weight_words
from sc_neurocore.hdl.register_map import REGISTER_BITS, REGISTERS


def bus_top(accelerator: Accelerator, bus: BusName) -> str:
    """Return the name of the module that is the core behind a bus."""
    return f"{accelerator.top}_{BUS_MODULES[bus][0].removeprefix('snn_')}"


def bus_files(accelerator: Accelerator, bus: BusName) -> dict[str, bytes]:
    """Return the Verilog of a bus by its paths in the design's folder, its top first.

    Raises:
        UserError: If the core's inputs or scores are none that the bus can bring.
    """
    if bus == "none":
        return {}
    modules, top = BUS_MODULES[bus], bus_top(accelerator, bus)
    template, parameters_of = _TOPS[bus]
    values = {
        "name": top,
        "bus": bus,
        "registers": REGISTERS,
        "top": accelerator.top,
        "content_hash": accelerator.content_hash,
        "weights": accelerator.weights,
        "g": accelerator.geometry,
        "parameters": parameters_of(accelerator),
        "frames": accelerator.frames_per_sample,
    }
    sources = engine_files(SOURCES)
    contents = {f"{top}.v": render_verilog(template, values)}
    return in_sources(contents | {f"{each}.v": sources[f"{each}.v"] for each in modules})


def axis_parameters(accelerator: Accelerator) -> Mapping[str, int]:
    """Return the parameters of snn_axis.v that a core needs."""
    g = accelerator.geometry
    beats, in_bits = g.beats * accelerator.frames_per_sample, g.beat * g.input_bits
    return {
        "BEATS": beats,
        "BEAT_BITS": index_bits(beats),
        "IN_BITS": in_bits,
        "S_BITS": _whole_bytes(in_bits),
        "OUTPUTS": g.layers[-1].outputs,
        "OUTPUT_BITS": g.output_bits,
        "SCORE_BITS": g.count_bits,
        "IS_SIGNED": int(g.membrane_bits > 0),
        "M_BITS": _whole_bytes(max(g.output_bits, g.count_bits)),
        "ENDS_EARLY": _ends_early(g),
    }


def event_parameters(accelerator: Accelerator) -> Mapping[str, int]:
    """Return the parameters of snn_events.v that a core needs.

    Raises:
        UserError: If inputs have a sign, or padding lies between them.
    """
    g = accelerator.geometry
    if g.signed_inputs:
        raise UserError(
            f"{accelerator.top} takes inputs with a sign: events are spikes, and add up. Compile "
            f"with another --bus, or give each input two, one for rises and one for falls"
        )
    if g.walks_frame and g.frame.channels % g.beat:
        raise UserError(
            f"{accelerator.top} takes {g.beat} values per clock, of {g.frame.channels} channels: "
            f"behind events --inputs-per-beat must divide the channels, such as 1"
        )
    return {
        "BEATS": g.beats,
        "BEAT_BITS": index_bits(g.beats),
        "BEAT": g.beat,
        "INPUT_BITS": g.input_bits,
        "INPUTS": g.frame_inputs,
        "NUMBER_BITS": index_bits(g.frame_inputs),
    }


def register_parameters(accelerator: Accelerator) -> Mapping[str, int]:
    """Return the parameters of snn_registers.v that a core needs.

    Raises:
        UserError: If a beat or a score has more bits than a register.
    """
    g = accelerator.geometry
    in_bits = g.beat * g.input_bits
    if in_bits > REGISTER_BITS:
        raise UserError(
            f"{accelerator.top} takes beats of {in_bits} bits, {g.beat} values of {g.input_bits}: "
            f"a register has {REGISTER_BITS}; compile with fewer --inputs-per-beat or another --bus"
        )
    if g.count_bits > REGISTER_BITS:
        raise UserError(
            f"{accelerator.top} has scores of {g.count_bits} bits: a register has {REGISTER_BITS}; "
            f"compile with another --bus, fewer steps, or a --format of fewer bits"
        )
    is_loaded = accelerator.weights == "loaded"
    return {
        "BEATS": g.beats,
        "BEAT_BITS": index_bits(g.beats),
        "PER_SAMPLE": accelerator.frames_per_sample,
        "FRAME_BITS": index_bits(accelerator.frames_per_sample),
        "IN_BITS": in_bits,
        "OUTPUTS": g.layers[-1].outputs,
        "OUTPUT_BITS": g.output_bits,
        "SCORE_BITS": g.count_bits,
        "IS_SIGNED": int(g.membrane_bits > 0),
        "ENDS_EARLY": _ends_early(g),
        "WEIGHT_WORDS": weight_words(g) if is_loaded else 0,
        "WEIGHT_BITS": g.weight_address_bits if is_loaded else 1,
    }


def behind_bus(accelerator: Accelerator, bus: BusName) -> Accelerator:
    """Return the core together with what stands between it and the bus, as one design."""
    if bus == "none":
        return accelerator
    top = bus_top(accelerator, bus)
    paths: tuple[Path, ...] = source_paths(f"{each}.v" for each in (top, *BUS_MODULES[bus]))
    return replace(accelerator, top=top, verilog=(*paths, *accelerator.verilog))


def _whole_bytes(bits: int) -> int:
    return -(-bits // 8) * 8


def _ends_early(g: Geometry) -> int:
    return int(g.count_threshold > 0 and not g.is_static)


_TOPS: Mapping[str, tuple[str, Callable[[Accelerator], Mapping[str, int]]]] = {
    "axi-stream": ("axis.v.j2", axis_parameters),
    "axi-lite": ("registers.v.j2", register_parameters),
    "wishbone": ("registers.v.j2", register_parameters),
    "events": ("events.v.j2", event_parameters),
}
"""The template of each bus's top, and what gives its module the parameters."""
