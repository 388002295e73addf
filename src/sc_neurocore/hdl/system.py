"""What a system around the core takes: the registers in C, and the core as a module of LiteX."""

from __future__ import annotations

from sc_neurocore.hdl.accelerator import BUS_MODULES, Accelerator, source_paths
from sc_neurocore.hdl.bus import bus_top, register_parameters
from sc_neurocore.hdl.manifest import BusName
from sc_neurocore.hdl.register_map import REGISTERS, VERSION, WINDOW_BYTES, Control, Status
from sc_neurocore.hdl.render import render

FOLDER = "system"


def system_files(accelerator: Accelerator, bus: BusName) -> dict[str, bytes]:
    """Return the files by their paths in the design's folder; a bus without registers has none."""
    if bus not in ("axi-lite", "wishbone"):
        return {}
    top = bus_top(accelerator, bus)
    sources = source_paths(f"{each}.v" for each in (top, *BUS_MODULES[bus]))
    values = {
        "name": accelerator.top,
        "top": top,
        "hash_words": [accelerator.content_hash[at : at + 8] for at in range(0, 64, 8)],
        "verilog": [path.as_posix() for path in (*sources, *accelerator.verilog)],
        "registers": REGISTERS,
        "version": VERSION,
        "bytes": WINDOW_BYTES,
        "bits": {"STATUS": tuple(Status), "CONTROL": tuple(Control)},
        "parameters": register_parameters(accelerator),
    }
    templates = {".h": "registers.h.j2"} | ({".py": "litex.py.j2"} if bus == "wishbone" else {})
    return {
        f"{FOLDER}/{accelerator.top}{suffix}": render(
            "sc_neurocore.hdl", "templates", template, values
        ).encode()
        for suffix, template in templates.items()
    }
