"""Waveforms of one input, with a view that GTKWave opens: ports, trace, and every module below.

The same testbench that co-simulates in Icarus records what every signal does, while nothing is
disturbed. Memories are not among the signals: a simulator's files do not hold them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sc_neurocore.errors import UserError
from sc_neurocore.folders import replace_files, sole_writer, written_files
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.design import Design
from sc_neurocore.tools import programs
from sc_neurocore.verify.core_simulation import core_of, simulate_core
from sc_neurocore.verify.cosimulation import samples_first
from sc_neurocore.verify.simulators import SIMULATORS, TESTBENCH

WAVES = "waves"
_ICARUS = SIMULATORS["icarus"]
_CORE = f"{TESTBENCH}.core"


def write_waves(design: Design, inputs: ArrayLike, number: int) -> str:
    """Record one input in Icarus Verilog, into the folder of the design.

    Args:
        design: What `fpga.folder.opened` yields.
        inputs: Integers, as `cosimulate` takes them.
        number: Which of them.

    Returns:
        The view's path in the folder, waves/input_NUMBER.gtkw; the waves lie beside it as .fst.

    Raises:
        UserError: If there is no such input, or another command writes to the folder.
        ToolMissingError: If Icarus Verilog is not installed.
    """
    assert design.home is not None
    frames = check_waves(design, inputs, number)
    core = core_of(design.accelerator)
    chosen = core.arrange(np.asarray(frames[number : number + 1]))
    waves = simulate_core(core, _ICARUS).waves(chosen.reshape(1, -1))
    name = f"{WAVES}/input_{number}"
    files = {f"{name}.fst": waves, f"{name}.gtkw": _view(design.accelerator, number).encode()}
    with sole_writer(design.home, "verify"):
        earlier = [each for each in written_files(design.home) if each.startswith(f"{WAVES}/")]
        replace_files(design.home, files, remove=earlier)
    return f"{name}.gtkw"


def check_waves(design: Design, inputs: ArrayLike, number: int) -> NDArray[np.integer[Any]]:
    """Refuse what `write_waves` cannot record, before what takes long; return the inputs.

    Raises:
        UserError: If there is no such input.
        ToolMissingError: If Icarus Verilog is not installed.
    """
    frames = samples_first(design.network, inputs)
    if not 0 <= number < len(frames):
        raise UserError(f"--wave {number}: expected the number of an input, 0 to {len(frames) - 1}")
    for tool in _ICARUS.tools:
        programs.version(tool)
    return frames


def _view(accelerator: Accelerator, number: int) -> str:
    """Return a save file of GTKWave: groups of signals, each with its radix."""
    g = accelerator.geometry
    lines = [
        "[*] Written by sc-neurocore; open it in the folder that it lies in.",
        f'[dumpfile] "input_{number}.fst"',
        *_group("clock", [("clk", 1), ("reset", 1)], TESTBENCH),
        *_group("input", [("in_valid", 1), ("in_ready", 1), ("in_data", g.beat * g.input_bits)]),
        *_group(
            "result",
            [
                ("out_valid", 1),
                ("out_ready", 1),
                ("out_class", g.output_bits),
                ("count_address", g.output_bits),
                ("count_value", g.count_bits),
            ],
        ),
        *_group(
            "updates of neurons",
            [
                ("trace_valid", g.units),
                ("trace_layer", g.layer_bits),
                ("trace_neuron", g.neuron_bits),
                ("trace_step", g.step_bits),
                ("trace_spike", g.units),
                ("trace_state", g.units * g.state_bits),
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def _group(title: str, signals: list[tuple[str, int]], scope: str = _CORE) -> list[str]:
    """Return the lines of a group that can be folded; numbers are decimal, states hexadecimal."""
    lines = ["@800200", f"-{title}"]
    for name, width in signals:
        radix = "@28" if width == 1 else "@22" if name == "trace_state" else "@24"
        lines += [radix, f"{scope}.{name}[{width - 1}:0]" if width > 1 else f"{scope}.{name}"]
    return [*lines, "@1000200", f"-{title}"]
