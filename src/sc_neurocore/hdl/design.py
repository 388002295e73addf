"""A design folder: a network, the formats it was compiled with, and the accelerator made of it.

The folder is complete: from the saved network description and the formats in design.json, anyone
can work out again the integers that the hardware must compute.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.fixed.lowering import NeuronProgram, lower
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.hdl.accelerator import (
    BOARD_SOURCES,
    MANIFEST,
    SOURCES,
    Accelerator,
    RamStyle,
    WeightSource,
    generate,
    load_accelerator,
)
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, compile_equations
from sc_neurocore.hdl.geometry import AUTO, EngineOptions, plan
from sc_neurocore.hdl.names import check_identifier
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.storage import load_description, save_description

CERTIFICATE = "certificate.json"
NEURON_MANIFEST = "neuron.json"
BUILD_REPORTS = "build/*/build.json"


def compile_network(
    description: NetworkDescription,
    directory: Path,
    format: str | QFormat = "Q8.8",
    weight_bits: int | Sequence[int] = 8,
    lanes: int = 8,
    schedule: str = AUTO,
    *,
    weights: WeightSource = "rom",
    ram_style: RamStyle = "huge",
    **options: Unpack[EngineOptions],
) -> tuple[Accelerator, IntegerNetwork]:
    """Compile a network into a design folder.

    Args:
        description: A network of dense or delay-dense layers with neurons behind each.
        directory: Where network.json, design.json and rtl/ go; made if needed.
        format: The format of the neurons' states.
        weight_bits: Width of a weight, 2 to 16: for all layers, or one number for each.
        lanes: Multiply-accumulate lanes: a power of two.
        schedule: group-stationary, step-outer, or auto: the first of them that fits.
        weights: Where the weights are, see `generate`.
        ram_style: Where loaded weights go, see `generate`.
        options: See `EngineOptions`.

    Raises:
        UserError: If the integers or the engine do not have what the network needs.
    """
    if not QFormat.parse(format).signed:
        raise UserError(f"format {format}: the engine's states are signed; expected Qm.n")
    network = quantize(description, format, weight_bits)
    # Refuses what cannot be done before anything is removed.
    plan(network, lanes, schedule, **options)
    _clear(directory)
    accelerator = generate(
        network,
        directory,
        lanes,
        schedule=schedule,
        weights=weights,
        ram_style=ram_style,
        **options,
    )
    save_description(description, directory)
    return accelerator, network


def _clear(directory: Path) -> None:
    """Remove what an earlier design left: no certificate or bitstream may outlive its design.

    Only what this package wrote: the files that the earlier design.json lists, its certificate,
    and the builds made of it.
    """
    try:
        earlier = load_accelerator(directory)
    except UserError:
        return  # no design of ours, or one that is damaged
    (directory / CERTIFICATE).unlink(missing_ok=True)
    for path in (*earlier.verilog, *earlier.memories):
        (directory / path).unlink(missing_ok=True)
    shutil.rmtree(directory / SOURCES / BOARD_SOURCES, ignore_errors=True)
    for report in directory.glob(BUILD_REPORTS):
        shutil.rmtree(report.parent)


@dataclass(frozen=True)
class CompiledNeuron:
    """A neuron's folder, read back.

    Attributes:
        verilog: Its modules as they stand in the folder.
        program: The integers that they must compute.
    """

    verilog: NeuronVerilog
    program: NeuronProgram


def compile_neuron(
    neuron: Neuron | str, directory: Path, format: str | QFormat = "Q8.8", pipeline: int = 0
) -> NeuronVerilog:
    """Compile one neuron into a folder: its modules, and neuron.json, which says what they are.

    Args:
        neuron: The neuron, or its text as `parse_neuron` reads it.
        directory: Where the files go; made if needed.
        format: The format of the states.
        pipeline: Register stages inside the step.

    Raises:
        EquationError: If the text cannot be read, or uses what integers do not have.
    """
    model = parse_neuron(neuron) if isinstance(neuron, str) else neuron
    verilog = compile_equations(model, format, pipeline=pipeline)
    manifest = {
        "module": verilog.name,
        "format": str(format),
        "pipeline": pipeline,
        "equations": str(model),
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / CERTIFICATE).unlink(missing_ok=True)
    for name, text in verilog.files.items():
        write_atomically(directory / name, text.encode())
    write_atomically(directory / NEURON_MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    return verilog


def load_neuron(directory: Path) -> CompiledNeuron:
    """Read a neuron's folder back.

    Raises:
        UserError: If neuron.json is missing or damaged, or a module is missing.
    """
    path = directory / NEURON_MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        formats = FixedPoint(QFormat.parse(manifest["format"]))
        program = lower(parse_neuron(manifest["equations"]), formats)
        name, latency = check_identifier(manifest["module"], "module"), int(manifest["pipeline"])
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; compile the equations first") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{path} is damaged ({error}): compile the equations again") from None
    texts = {}
    for file in (f"{name}_step.v", f"{name}.v"):
        source = directory / file
        if not source.is_file():
            raise UserError(f"{source}, a module of the neuron, is missing: compile again")
        texts[file] = source.read_text(encoding="utf-8")
    verilog = NeuronVerilog(name, texts[f"{name}_step.v"], texts[f"{name}.v"], latency)
    return CompiledNeuron(verilog, program)


def load_design(directory: Path) -> tuple[Accelerator, IntegerNetwork]:
    """Read a design folder back, and work out its integers again.

    Raises:
        UserError: If the folder is not a design, or a file is damaged.
        CheckFailedError: If the saved network is not the one that the accelerator was made of.
    """
    accelerator = load_accelerator(directory)
    description = load_description(directory)
    if description.content_hash != accelerator.content_hash:
        raise CheckFailedError(
            f"{directory}: the saved network is {description.content_hash[:12]}…, but {MANIFEST} "
            f"was made of {accelerator.content_hash[:12]}…: compile the network again"
        )
    manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    try:
        state = QFormat.parse(manifest["state_format"])
        current = QFormat.parse(manifest["current_format"])
        weight_bits = [int(bits) for bits in manifest["weight_bits"]]
    except (KeyError, TypeError, ValueError, UserError) as error:
        raise UserError(
            f"{directory / MANIFEST} names no number formats ({error}): compile again"
        ) from None
    extra_bits = current.integer_bits - state.integer_bits
    return accelerator, quantize(description, state, weight_bits, extra_bits)
