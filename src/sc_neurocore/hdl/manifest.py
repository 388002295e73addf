"""The manifest of a design folder, design.json: what was compiled, from what, with which choices.

It holds what a design is made from and the SHA-256 of every file that was made of it. Sizes, tables
and parameters do not stand in it as something to rely on: they follow from the network and the
choices, and proofs take them from the emitted files.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sc_neurocore.errors import UserError
from sc_neurocore.files import read_inside, stays_inside
from sc_neurocore.fixed.numerics import Numerics
from sc_neurocore.fixed.qformat import LEAST_CONSTANT_BITS
from sc_neurocore.hdl.geometry import DEFAULT_OPTIONS, EngineOptions, Schedule
from sc_neurocore.hdl.names import check_identifier

MANIFEST = "design.json"
NEURON_MANIFEST = "neuron.json"
"""What a folder has in place of design.json that holds a single neuron."""
SCHEMA: Literal[1] = 1
_MAXIMUM_BYTES = 1 << 20
_MAXIMUM_FILES = 1000

WeightSource: TypeAlias = Literal["rom", "loaded"]
RamStyle: TypeAlias = Literal["huge", "block"]
BusName: TypeAlias = Literal["none", "axi-stream", "axi-lite", "wishbone", "events"]
BUSES: tuple[BusName, ...] = get_args(BusName)
Role: TypeAlias = Literal[
    "network", "verilog", "memory", "bus", "board", "constraints", "test", "vhdl", "system", "guide"
]

PURPOSES: Mapping[Role | Literal["manifest"], str] = {
    "manifest": "what was chosen",
    "network": "the network",
    "verilog": "Verilog of the core",
    "memory": "contents of a memory",
    "bus": "Verilog between the core and a bus",
    "board": "Verilog of the board's top",
    "constraints": "pins of the board",
    "test": "a test bench with its numbers: make in sim/",
    "vhdl": "a component for VHDL",
    "system": "for a system around the core",
    "guide": "this table, with what to do next",
}
"""What the files of a role are for."""


def _check_path(name: str) -> str:
    """Refuse at once what `files.inside` would refuse when the file is wanted."""
    if not stays_inside(name):
        raise ValueError(f"the path {name!r} does not stay inside the folder")
    if any(character in name for character in " \t\"'`$;{}[]()#&|<>*?!~%"):
        raise ValueError(f"the path {name!r} has characters that our paths never have")
    return name


def _check_name(name: str) -> str:
    return check_identifier(name, "module")


RelativePath: TypeAlias = Annotated[str, AfterValidator(_check_path)]
Identifier: TypeAlias = Annotated[str, AfterValidator(_check_name)]
Digest: TypeAlias = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class NetworkIdentity(_Part):
    """Name and SHA-256 of the network description."""

    name: str
    sha256: Digest


class StreamChoices(_Part):
    """How weights, and values that come in, become streams: see `stochastic.quantize_streams`.

    Attributes:
        length: Bits of a stream.
        source: Where the numbers come from that they are compared with.
        seed: Of other starts and shifts of it than the documented ones.
        sharing: Which streams share a sequence.
        encoding: How weights become probabilities.
        weight_bits: Bits of a weight; None: as many as its number of ones takes.
    """

    length: int = 256
    source: str = "sobol"
    seed: int | None = None
    sharing: str = "shared"
    encoding: str = "sign-magnitude"
    weight_bits: int | None = None


class Choices(_Part):
    """What was chosen for the integers and the engine; with the network, it is the whole design.

    Attributes:
        format: The format of the neurons' states.
        constant_bits: Fraction bits of constants and parameters.
        weight_bits: Bits of a weight for each layer with weights.
        lanes: Neurons whose sums are formed at the same time.
        schedule: The order of work.
        weights: "rom" puts the weights into the bitstream; "loaded" leaves their memory to be
            filled through a write port.
        ram_style: Where loaded weights go: "huge" is the single-port RAM of the iCE40 UP5K, which
            no bitstream can fill, "block" is the block RAM of every device.
        units: See `EngineOptions`, as those after it.
        allow: Kinds of findings that were let pass, see `fixed.numerics.KINDS`.
        bus: What the core stands behind, beside its own ports; see `BUSES`.
        streams: Where the arithmetic is stochastic: what streams there are.
    """

    format: str
    constant_bits: int = LEAST_CONSTANT_BITS
    weight_bits: tuple[int, ...]
    lanes: int
    schedule: Schedule
    weights: WeightSource = "rom"
    ram_style: RamStyle = "huge"
    units: int = 1
    pipeline: int = 0
    inputs_per_beat: int = 1
    multipliers: Mapping[str, int] = {}
    weight_slices: int = 1
    stream_bits: int = 16
    allow: tuple[str, ...] = ()
    bus: BusName = "none"
    streams: StreamChoices | None = None

    @property
    def engine_options(self) -> EngineOptions:
        """The part of the choices that `hdl.planning.plan` takes."""
        return cast(EngineOptions, {name: getattr(self, name) for name in DEFAULT_OPTIONS})


class BoardPart(_Part):
    """The board's part of a design.

    Attributes:
        board: The board's key.
        top: The board top's module.
        device: The device to build for.
        oscillator_mhz: The clock at the pin, in MHz.
        frequency_mhz: The clock of the core, in MHz.
        asked_mhz: The clock that was asked for; None for the board's own choice.
        clocks_per_bit: Clocks that a bit lasts on the serial line.
        baud: Bits per second that the host must ask for.
    """

    board: str
    top: Identifier
    device: str
    oscillator_mhz: float
    frequency_mhz: float
    asked_mhz: float | None
    clocks_per_bit: int
    baud: int


class FileEntry(_Part):
    """A file of a design, with what it is for and the SHA-256 of its content."""

    path: RelativePath
    role: Role
    sha256: Digest


class TraceField(_Part):
    """Where a state stands in the trace port's `trace_state`: bits high down to low."""

    name: str
    high: int
    low: int
    signed: bool = True


class Manifest(_Part):
    """What design.json says.

    Attributes:
        schema_number: Of this form of the manifest.
        generator: The version of sc-neurocore that wrote the design.
        network: The network.
        choices: The formats and the engine.
        device: The key of the FPGA that it was compiled for, if one was named.
        top: The core's top module.
        steps: Time steps per result.
        inputs: Numbers that one frame has.
        outputs: Classes.
        current_format: The format of the currents.
        numerics: What the numbers became, and what is to be known of them.
        states: For each layer, where each state stands in the trace.
        board: The board's top, if one was asked for.
        files: Every file but the manifest itself; of the Verilog, the top first.
    """

    schema_number: Annotated[Literal[1], Field(alias="schema")] = SCHEMA
    generator: str
    network: NetworkIdentity
    choices: Choices
    device: str | None = None
    top: Identifier
    steps: int
    inputs: int
    outputs: int
    current_format: str
    numerics: Numerics | None = None
    states: tuple[tuple[TraceField, ...], ...]
    board: BoardPart | None = None
    files: Annotated[tuple[FileEntry, ...], Field(min_length=1, max_length=_MAXIMUM_FILES)]

    def paths(self, *roles: Role) -> tuple[Path, ...]:
        """Return where the files of these roles lie, relative to the folder, in their order."""
        return tuple(Path(each.path) for each in self.files if each.role in roles)

    def as_bytes(self) -> bytes:
        """Return the content of design.json."""
        return (self.model_dump_json(by_alias=True, indent=2) + "\n").encode()


def parse_manifest(content: bytes, where: Path) -> Manifest:
    """Read the content of a design.json.

    Args:
        content: The content.
        where: Its path, for messages.

    Raises:
        UserError: If it is not a manifest of this schema.
    """
    try:
        manifest = Manifest.model_validate_json(content)
    except (ValidationError, RecursionError) as error:
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            reason = f"{place or 'not JSON'}: {first['msg']}"
        raise UserError(
            f"{where} is not a design.json of schema {SCHEMA} ({reason}): compile the network again"
        ) from None
    names = [each.path for each in manifest.files]
    if len(set(names)) != len(names) or MANIFEST in names:
        raise UserError(f"{where} is damaged (a file is listed twice): compile the network again")
    return manifest


def check_kind(directory: Path) -> None:
    """Refuse a folder that is both a design and a neuron.

    One command would speak of the one, and the next of the other: a certificate of a neuron would
    read like one of the network.

    Raises:
        UserError: If it has both manifests.
    """
    if all(os.path.lexists(directory / name) for name in (MANIFEST, NEURON_MANIFEST)):
        raise UserError(
            f"{directory} has a {MANIFEST} and a {NEURON_MANIFEST}: expected one of them; compile "
            f"into another folder, or remove the one that is not meant"
        )


def read_manifest(directory: Path) -> tuple[Manifest, bytes]:
    """Read a folder's design.json.

    Returns:
        What it says, and its bytes.

    Raises:
        UserError: If there is none, it is damaged, or there is that of a neuron, too.
    """
    check_kind(directory)
    content = read_inside(directory, MANIFEST, _MAXIMUM_BYTES)
    if content is None:
        is_file = ": a file, no folder" if directory.is_file() else ": no such folder"
        lacks = f" holds no {MANIFEST}" if directory.is_dir() else is_file
        raise UserError(
            f"{directory}{lacks}: expected a folder that `sc-neurocore compile` "
            f"wrote; give that one, or compile first"
        )
    return parse_manifest(content, directory / MANIFEST), content
