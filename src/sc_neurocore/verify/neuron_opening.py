"""Opening a compiled neuron's folder: is it what its equations give, and if not, what was edited?

What `fpga.folder` is for designs. Each file is read once, into memory; tools see copies of these.
"""

from __future__ import annotations

from pathlib import Path

from sc_neurocore.errors import CheckFailedError
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, emit_neuron
from sc_neurocore.hdl.manifest import NEURON_MANIFEST
from sc_neurocore.hdl.neuron_folder import CompiledNeuron, load_neuron
from sc_neurocore.verify.verilog_reader import check_design


def open_neuron(directory: Path, *, allow_edited: bool = False) -> CompiledNeuron:
    """Read a neuron's folder, whose files may then be given to tools.

    Args:
        directory: What `compile_neuron` wrote.
        allow_edited: Whether files may differ from what the equations give.

    Raises:
        UserError: If the folder is not a compiled neuron, or an edited module holds what may not be
            given to tools; see `verify.verilog_reader`.
        CheckFailedError: If a file was edited and that is not allowed.
    """
    compiled = load_neuron(directory)
    if compiled.edited and not allow_edited:
        raise CheckFailedError(
            f"{directory}: edited by hand: {', '.join(compiled.edited)}. This is not what the "
            f"equations in {NEURON_MANIFEST} give: compile again, or say --allow-edited"
        )
    if compiled.edited:
        check_design(files_of(compiled.verilog), files_of(generated(compiled)).values())
    return compiled


def check_unchanged(compiled: CompiledNeuron, task: str) -> None:
    """Make sure that the folder still holds what was read from it.

    Args:
        compiled: What `open_neuron` returned.
        task: What has been done meanwhile.

    Raises:
        CheckFailedError: If a file is another one now.
    """
    if load_neuron(compiled.home).contents != compiled.contents:
        raise CheckFailedError(
            f"{compiled.home}: a file changed while {task} ran: nothing is written; start it again"
        )


def generated(compiled: CompiledNeuron) -> NeuronVerilog:
    """Return the modules that this version makes of the equations."""
    return emit_neuron(compiled.program, pipeline=compiled.verilog.latency)


def files_of(verilog: NeuronVerilog) -> dict[str, bytes]:
    """Return the content of each module's file by its name."""
    return {name: text.encode() for name, text in verilog.files.items()}
