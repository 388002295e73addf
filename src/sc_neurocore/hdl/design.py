"""A design: a network, the choices it was compiled with, and all the files that are made of it.

Everything follows from the network description and the choices in the manifest: `render_design` is
a function of these, so that anyone who has the two can say, byte for byte, what the folder must
hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from sc_neurocore import __version__
from sc_neurocore.errors import CheckFailedError, UserError
from sc_neurocore.files import LARGEST_FILE, read_inside, sha256
from sc_neurocore.fixed.judgement import judge_network
from sc_neurocore.fixed.network import IntegerNetwork
from sc_neurocore.fixed.numerics import refuse
from sc_neurocore.fixed.qformat import FixedPoint, QFormat
from sc_neurocore.fixed.quantize import quantize
from sc_neurocore.folders import read_together, replace_files, sole_writer, written_files
from sc_neurocore.hdl.accelerator import SOURCES, Accelerator, Rendered, render_planned
from sc_neurocore.hdl.bus import bus_files
from sc_neurocore.hdl.geometry import Geometry
from sc_neurocore.hdl.guide import GUIDE, guide, is_guide
from sc_neurocore.hdl.manifest import (
    MANIFEST,
    Choices,
    FileEntry,
    Manifest,
    NetworkIdentity,
    Role,
    StreamChoices,
    TraceField,
    read_manifest,
)
from sc_neurocore.hdl.planning import plan
from sc_neurocore.hdl.self_check import self_check_files
from sc_neurocore.hdl.system import system_files
from sc_neurocore.hdl.vhdl import component
from sc_neurocore.network.description import NetworkDescription
from sc_neurocore.network.storage import (
    JSON_NAME,
    TENSORS_NAME,
    description_files,
    parse_description,
)

CERTIFICATE = "certificate.json"


@dataclass(frozen=True)
class Design:
    """A design in memory.

    Attributes:
        manifest: What it is and what files it has.
        description: The network.
        network: The network in integers.
        accelerator: The core; its directory says where the files lie that tools are to read.
        contents: The content of every file, the manifest included, by its path.
        home: The folder that it was written to or read from.
        edited: The files that are not what network and choices give; None where nobody compared.
        originals: What network and choices give in place of these.
    """

    manifest: Manifest
    description: NetworkDescription
    network: IntegerNetwork
    accelerator: Accelerator
    contents: Mapping[str, bytes]
    home: Path | None = None
    edited: tuple[str, ...] | None = None
    originals: Mapping[str, bytes] = field(default_factory=dict)

    @cached_property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of every file, the manifest included."""
        return {name: sha256(content) for name, content in sorted(self.contents.items())}

    def with_files(
        self, contents: Mapping[str, bytes], roles: Mapping[str, Role], **changes: object
    ) -> Design:
        """Return the design with further files, and with these changes to its manifest."""
        entries = [_entry(name, roles[name], content) for name, content in contents.items()]
        before = (each for each in self.manifest.files if each.role != "guide")
        manifest = self.manifest.model_copy(update={**changes, "files": (*before, *entries)})
        manifest, every = _with_guide(manifest, {**self.contents, **contents})
        return replace(self, manifest=manifest, contents=every)

    def write(self, directory: Path) -> Design:
        """Write the design into a folder in place of an earlier one, all of it or nothing.

        What an earlier design left goes, so that no certificate or bitstream outlives its design:
        the files that were written there by this package and are unchanged.

        Args:
            directory: The folder; made if needed.

        Returns:
            The design, with its files in that folder.

        Raises:
            UserError: If another process writes there, something in the folder is a link, or it has
                a README.md of somebody else.
        """
        with sole_writer(directory, "compile"):
            ours = written_files(directory)
            there = None if GUIDE in ours else read_inside(directory, GUIDE, LARGEST_FILE)
            if there is not None and not is_guide(there):
                raise UserError(
                    f"{directory / GUIDE} is there already, and not of a design: give the design a "
                    f"folder of its own, or move that file away"
                )
            replace_files(directory, self.contents, remove=ours)
        return replace(self.at(directory), home=directory, edited=())

    def at(self, directory: Path) -> Design:
        """Return the design with its files in another folder."""
        return replace(self, accelerator=replace(self.accelerator, directory=directory))

    @property
    def name(self) -> str:
        """Where it is from, for messages."""
        return str(self.home or self.manifest.top)

    def changed_lines(self, name: str) -> tuple[str, ...]:
        """Return what an edited text has that its original has not, and the other way round.

        Lines behind "+" and "-", in their order; blank ones and comments behind # do not count.
        """

        def lines(content: bytes) -> list[str]:
            found = (each.strip() for each in content.decode(errors="replace").split("\n"))
            return [each for each in found if each and not each.startswith("#")]

        ours = lines(self.originals.get(name, self.contents[name]))
        theirs = lines(self.contents[name])
        if sorted(ours) == sorted(theirs):
            return () if ours == theirs else ("+ the same lines in another order",)
        return (
            *(f"- {each}" for each in ours if each not in theirs),
            *(f"+ {each}" for each in theirs if each not in ours),
        ) or ("+ lines that are there twice",)

    def refuse_nonsense(self) -> None:
        """Raise `UserError` for integers that are certainly not what is meant, unless allowed."""
        if self.manifest.numerics is not None:
            refuse(self.manifest.numerics.findings, self.manifest.choices.allow)

    def check_unchanged(self, task: str) -> None:
        """Make sure that the folder still holds what was read from it.

        Args:
            task: What has been done meanwhile.

        Raises:
            CheckFailedError: If a file is another one now.
        """
        assert self.home is not None
        now = find_files(self.home).contents
        changed = sorted(
            name for name in {*now, *self.contents} if now.get(name) != self.contents.get(name)
        )
        if changed:
            raise CheckFailedError(
                f"{self.home}: {', '.join(changed)} changed while {task} ran, which looked at what "
                f"was there before: nothing is written; start {task} again"
            )


def integers_of(
    description: NetworkDescription,
    format: str | QFormat,
    weight_bits: int | Sequence[int],
    constant_bits: int | None,
    streams: StreamChoices | None,
) -> IntegerNetwork:
    """Return a network in integers; where there are streams, its weights are their counts.

    Raises:
        UserError: If the integers do not have what the network needs.
    """
    if streams is None:
        return quantize(description, format, weight_bits, constant_bits=constant_bits)
    # With it comes what counts bits, which takes half a second to begin.
    from sc_neurocore.stochastic.integers import quantize_streams

    return quantize_streams(
        description, format, constant_bits=constant_bits, **streams.model_dump()
    )


def render_core(
    network: IntegerNetwork, choices: Choices, geometry: Geometry | None = None
) -> Rendered:
    """Make the core of a design.

    Args:
        network: The network in integers.
        choices: The engine.
        geometry: What `plan` makes of both, if it is at hand.

    Raises:
        UserError: If the engine does not have what the network needs.
    """
    if geometry is None:
        geometry = plan(network, choices.lanes, choices.schedule, **choices.engine_options)
    return render_planned(network, geometry, weights=choices.weights, ram_style=choices.ram_style)


def render_design(
    description: NetworkDescription,
    choices: Choices,
    device: str | None = None,
    network: IntegerNetwork | None = None,
    geometry: Geometry | None = None,
    generator: str = __version__,
) -> Design:
    """Make a design; the same arguments give the same bytes.

    Args:
        description: The network.
        choices: The formats and the engine.
        device: The key of the FPGA that it is for.
        network: What `quantize` makes of the description with these choices, if it is at hand.
        geometry: What `plan` makes of that, if it is at hand.
        generator: The version that the manifest names.

    Raises:
        UserError: If the integers or the engine do not have what the network needs.
    """
    if not FixedPoint.parse(choices.format).state.signed:
        raise UserError(f"format {choices.format}: the engine's states are signed; expected Qm.n")
    network = network or integers_of(
        description, choices.format, choices.weight_bits, choices.constant_bits, choices.streams
    )
    rendered = render_core(network, choices, geometry)
    accelerator = rendered.accelerator
    own = description_files(description)
    roles: dict[str, Role] = dict.fromkeys(own, "network")
    roles |= dict.fromkeys((path.as_posix() for path in accelerator.verilog), "verilog")
    roles |= dict.fromkeys((path.as_posix() for path in accelerator.memories), "memory")
    bus = bus_files(accelerator, choices.bus)
    roles |= dict.fromkeys(bus, "bus")
    bench = self_check_files(network, accelerator)
    roles |= dict.fromkeys(bench, "test")
    tops = [rendered.contents[f"{SOURCES}/{accelerator.top}.v"], *list(bus.values())[:1]]
    components = dict(component(top.decode()) for top in tops)
    roles |= dict.fromkeys(components, "vhdl")
    system = system_files(accelerator, choices.bus)
    roles |= dict.fromkeys(system, "system")
    contents = {**own, **rendered.contents, **bus, **bench, **components, **system}
    manifest = Manifest(
        generator=generator,
        network=NetworkIdentity(name=network.name, sha256=network.content_hash),
        choices=choices,
        device=device,
        top=accelerator.top,
        steps=network.steps,
        inputs=network.layers[0].inputs,
        outputs=network.layers[-1].outputs,
        current_format=str(network.fixed_point.current),
        numerics=judge_network(network, description),
        states=tuple(
            tuple(TraceField(**vars(each)) for each in layer) for layer in accelerator.states
        ),
        files=tuple(_entry(name, roles[name], contents[name]) for name in roles),
    )
    manifest, contents = _with_guide(manifest, contents)
    return Design(manifest, description, network, accelerator, contents)


def _with_guide(
    manifest: Manifest, contents: Mapping[str, bytes]
) -> tuple[Manifest, dict[str, bytes]]:
    """Return a manifest that lists the guide to its files, too, and the content of every file."""
    text = guide(manifest, contents)
    entries = (*manifest.files, _entry(GUIDE, "guide", text))
    manifest = manifest.model_copy(update={"files": entries})
    return manifest, {**contents, GUIDE: text, MANIFEST: manifest.as_bytes()}


def _entry(name: str, role: Role, content: bytes) -> FileEntry:
    return FileEntry(path=name, role=role, sha256=sha256(content))


@dataclass(frozen=True)
class Found:
    """The files of a design folder as they are.

    Attributes:
        directory: The folder.
        manifest: What design.json says.
        contents: The content of every file that it lists, and its own.
    """

    directory: Path
    manifest: Manifest
    contents: Mapping[str, bytes]

    def render_again(self) -> Design:
        """Make the design again that the manifest and the network in the folder speak of.

        Of a board, which is not the core's, nothing is made.

        Raises:
            UserError: If the network is damaged, or the choices are not possible.
            CheckFailedError: If the network is another one than the manifest's.
        """
        description = parse_description(
            self._content(JSON_NAME), self._content(TENSORS_NAME), self.directory
        )
        wanted = self.manifest.network.sha256
        if description.content_hash != wanted:
            raise CheckFailedError(
                f"{self.directory}: the saved network is {description.content_hash[:12]}…, but "
                f"{MANIFEST} was made of {wanted[:12]}…: compile the network again"
            )
        manifest = self.manifest
        return render_design(
            description, manifest.choices, manifest.device, generator=manifest.generator
        )

    def _content(self, name: str) -> bytes:
        if name not in self.contents:
            raise UserError(f"{self.directory / MANIFEST} lists no {name}: compile again")
        return self.contents[name]


def find_files(directory: Path) -> Found:
    """Read the files of a design folder, each once, and all of one compilation.

    Raises:
        UserError: If the folder is not a design, a file is missing or a link, or they are more than
            a design of ours can have.
    """
    return read_together(directory, lambda: _find_files(directory))


def _find_files(directory: Path) -> Found:
    manifest, content = read_manifest(directory)
    contents = {MANIFEST: content}
    left = LARGEST_FILE
    for each in manifest.files:
        found = read_inside(directory, each.path, left)
        if found is None:
            raise UserError(
                f"{directory / each.path}, which {MANIFEST} names, is missing: compile again"
            )
        left -= len(found)
        contents[each.path] = found
    return Found(directory, manifest, contents)


def load_design(directory: Path) -> Design:
    """Read a design folder, as it is and whatever it holds, and work out its integers again.

    Whether the files are those that would be written is not looked at here: `fpga.folder.opened`
    does that.

    Raises:
        UserError: If the folder is not a design, or a file is damaged.
        CheckFailedError: If the saved network is not the one that the accelerator was made of.
    """
    found = find_files(directory)
    again = found.render_again()
    found_design = replace(again, manifest=found.manifest, contents=found.contents)
    return replace(found_design, home=directory).at(directory)
