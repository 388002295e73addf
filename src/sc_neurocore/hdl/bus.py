"""The core behind a bus: hand-written Verilog beside the engine, and a top that joins the two.

The core stays as it is, and so does what is proved and simulated of it. What a bus does beside it
is one more contract, in the file of the hand-written module.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from sc_neurocore.hdl.geometry import index_bits
from sc_neurocore.hdl.manifest import BusName


def bus_top(accelerator: Accelerator, bus: BusName) -> str:
    """Return the name of the module that is the core behind a bus."""
    return f"{accelerator.top}_{BUS_MODULES[bus].removeprefix('snn_')}"


def bus_files(accelerator: Accelerator, bus: BusName) -> dict[str, bytes]:
    """Return the Verilog of a bus by its paths in the design's folder, its top first.

    Raises:
        UserError: If the core's inputs are none that the bus can bring.
    """
    if bus == "none":
        return {}
    module, top = BUS_MODULES[bus], bus_top(accelerator, bus)
    parameters_of = {"axi-stream": axis_parameters, "events": event_parameters}[bus]
    values = {
        "name": top,
        "top": accelerator.top,
        "content_hash": accelerator.content_hash,
        "weights": accelerator.weights,
        "g": accelerator.geometry,
        "parameters": parameters_of(accelerator),
        "frames": accelerator.frames_per_sample,
    }
    text = render_verilog(f"{module.removeprefix('snn_')}.v.j2", values)
    source = engine_files(SOURCES)[f"{module}.v"]
    return in_sources({f"{top}.v": text, f"{module}.v": source})


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
        "ENDS_EARLY": int(g.count_threshold > 0 and not g.is_static),
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


def behind_bus(accelerator: Accelerator, bus: BusName) -> Accelerator:
    """Return the core together with what stands between it and the bus, as one design."""
    top = bus_top(accelerator, bus)
    paths: tuple[Path, ...] = source_paths((f"{top}.v", f"{BUS_MODULES[bus]}.v"))
    return replace(accelerator, top=top, verilog=(*paths, *accelerator.verilog))


def _whole_bytes(bits: int) -> int:
    return -(-bits // 8) * 8
