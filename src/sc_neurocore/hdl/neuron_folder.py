"""A neuron's folder: its modules, and neuron.json, which says what they are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sc_neurocore import __version__
from sc_neurocore.equation.neuron import Neuron
from sc_neurocore.equation.parser import parse_neuron
from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside, sha256
from sc_neurocore.fixed.judgement import judge_program
from sc_neurocore.fixed.lowering import NeuronProgram, lower
from sc_neurocore.fixed.numerics import Numerics, check_kinds, refuse
from sc_neurocore.fixed.qformat import LEAST_CONSTANT_BITS, FixedPoint, QFormat
from sc_neurocore.folders import read_together, replace_files, sole_writer, written_files
from sc_neurocore.hdl.equation_compiler import NeuronVerilog, emit_neuron
from sc_neurocore.hdl.manifest import NEURON_MANIFEST, Identifier, check_kind

_MAXIMUM_BYTES = 1 << 24


class NeuronManifest(BaseModel):
    """What neuron.json says: with the version of the generator, it is the whole folder."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    schema_number: Annotated[Literal[1], Field(alias="schema")] = 1
    generator: str
    module: Identifier
    format: str
    constant_bits: int = LEAST_CONSTANT_BITS
    pipeline: int
    allow: tuple[str, ...] = ()
    device: str | None = None
    equations: str
    numerics: Numerics | None = None

    def as_bytes(self) -> bytes:
        """Return the content of neuron.json."""
        return (self.model_dump_json(by_alias=True, indent=2) + "\n").encode()


@dataclass(frozen=True)
class CompiledNeuron:
    """A neuron's folder, as it was written or read back.

    Attributes:
        verilog: Its modules as they stand in the folder.
        program: The integers that they must compute.
        numerics: What the equation's numbers became.
        contents: The content of every file by its name.
        edited: The files that are not what this version makes of the equations.
        home: The folder.
        device: The FPGA that it was compiled for, if one was named; what `build` takes.
    """

    verilog: NeuronVerilog
    program: NeuronProgram
    numerics: Numerics
    contents: Mapping[str, bytes]
    edited: tuple[str, ...]
    home: Path
    device: str | None = None

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every file."""
        return {name: sha256(content) for name, content in sorted(self.contents.items())}


def compile_neuron(
    neuron: Neuron | str,
    directory: Path,
    format: str | QFormat | FixedPoint = "Q8.8",
    pipeline: int = 0,
    constant_bits: int | None = None,
    allow: Sequence[str] = (),
    device: str | None = None,
) -> CompiledNeuron:
    """Compile one neuron into a folder, in place of what was compiled there before.

    Args:
        neuron: The neuron, or its text as `parse_neuron` reads it.
        directory: Where the files go; made if needed.
        format: The format of the states, or all formats as `FixedPoint.parse` reads them.
        pipeline: Register stages inside the step.
        constant_bits: Fraction bits of constants; by default they follow the format.
        allow: Kinds of findings to let pass that are refused otherwise, see `fixed.numerics.KINDS`.
        device: The key of an FPGA that `build` is to take.

    Raises:
        EquationError: If the text cannot be read, or uses what integers do not have.
        UserError: If the integers are certainly not what is meant.
    """
    check_kinds(allow)
    model = parse_neuron(neuron) if isinstance(neuron, str) else neuron
    formats = FixedPoint.parse(format, constant_bits)
    program = lower(model, formats)
    numerics = judge_program(program)
    refuse(numerics.findings, allow)
    verilog, contents = _render(program, pipeline, numerics, tuple(sorted(set(allow))), device)
    with sole_writer(directory, "compile"):
        replace_files(directory, contents, remove=written_files(directory))
    return CompiledNeuron(verilog, program, numerics, contents, (), directory, device)


def load_neuron(directory: Path) -> CompiledNeuron:
    """Read a neuron's folder back, each file once, and all of one compilation.

    Raises:
        UserError: If neuron.json is missing or damaged, a module is missing, or there is a design
            in the folder, too.
    """
    return read_together(directory, lambda: _load_neuron(directory))


def _load_neuron(directory: Path) -> CompiledNeuron:
    path = directory / NEURON_MANIFEST
    check_kind(directory)
    content = read_inside(directory, NEURON_MANIFEST, _MAXIMUM_BYTES)
    if content is None:
        raise UserError(f"{path} is missing: compile the equations first")
    try:
        manifest = NeuronManifest.model_validate_json(content)
        model = parse_neuron(manifest.equations)
        program = lower(model, FixedPoint.parse(manifest.format, manifest.constant_bits))
        numerics = judge_program(program)
        verilog, expected = _render(
            program, manifest.pipeline, numerics, manifest.allow, manifest.device
        )
    except (ValidationError, UserError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is damaged ({reason}): compile the equations again") from None
    contents = {}
    for name in expected:
        found = read_inside(directory, name, _MAXIMUM_BYTES)
        if found is None:
            raise UserError(
                f"{directory / name}, a module of the neuron, is missing: compile again"
            )
        contents[name] = found
    name = verilog.name
    try:
        step, module = (contents[f"{each}.v"].decode() for each in (f"{name}_step", name))
    except UnicodeDecodeError:
        raise UserError(f"{directory}: a module is not UTF-8 text: compile again") from None
    return CompiledNeuron(
        NeuronVerilog(name, step, module, verilog.latency),
        program,
        numerics,
        contents,
        tuple(each for each in expected if contents[each] != expected[each]),
        directory,
        manifest.device,
    )


def _render(
    program: NeuronProgram,
    pipeline: int,
    numerics: Numerics,
    allow: tuple[str, ...],
    device: str | None,
) -> tuple[NeuronVerilog, dict[str, bytes]]:
    """Return a neuron's modules, and all the files of its folder."""
    verilog = emit_neuron(program, pipeline=pipeline)
    manifest = NeuronManifest(
        generator=__version__,
        module=verilog.name,
        format=program.fixed_point.text,
        constant_bits=program.fixed_point.constant_fraction_bits,
        pipeline=pipeline,
        allow=allow,
        device=device,
        equations=str(program.neuron),
        numerics=numerics,
    )
    contents = {name: text.encode() for name, text in verilog.files.items()}
    return verilog, {**contents, NEURON_MANIFEST: manifest.as_bytes()}
