"""What a design is, as Yosys elaborates its files: parameters, memories, registers, clocks.

Proofs that take a parameter from what the generator meant prove what it meant. These facts are read
from the files themselves, edited or not, and never from design.json.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sc_neurocore.errors import CheckFailedError, ToolFailedError, UserError
from sc_neurocore.files import inside
from sc_neurocore.tools import programs
from sc_neurocore.verify.clocks import circuit_faults

Value = int | str

TIMEOUT = 300.0
_MOST_INSTANCES = 100_000
_LARGEST_NETLIST = 1 << 29
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_NETLIST = "netlist.json"
_BITS = re.compile(r"[01xz]+")
_FAULTY_WARNING = re.compile(
    r"used but has no driver|conflicting drivers|logic loop|Resizing cell port|out of bounds"
    r"|[Ll]atch inferred|implicitly declared|Replacing memory|not part of the design"
    r"|assigned in a block|Ignoring"
)
_REGISTER = re.compile(r"\$(?:[as]|al)?(?:dff|dlatch)(?:e|ce|sr|sre)?|\$sr|\$ff")
_RESULT = re.compile(r"^Eval result: \\?(\S+) = (?:\d+'([01xz-]+)|(\d+))\.$", re.MULTILINE)
"""Bits; or a decimal number, of 32 bits."""


@dataclass(frozen=True)
class Memory:
    """An array of words in an instance.

    Attributes:
        name: Its name in the module.
        width: Bits of a word.
        depth: Words.
        words: What it holds before the first clock, if a file fills it; None if nothing does.
    """

    name: str
    width: int
    depth: int
    words: tuple[int, ...] | None


@dataclass(frozen=True)
class Instance:
    """A module in its place.

    Attributes:
        path: Names of the instances from the top down to it, with dots; "" for the top.
        module: The module's name in the files.
        file: The file in which it is instantiated, and its parameters are given.
        parameters: The value of each: an integer, or text for a string. An integer of 32 bits is
            signed, as in Verilog; others are not.
        memories: Its own memories.
        registers: Its own registers, bit by bit: all names of each, with the place in the name.
        elaborated: The module's name in Yosys.
        ports: The bits of each port.
    """

    path: str
    module: str
    file: str
    parameters: Mapping[str, Value]
    memories: tuple[Memory, ...]
    registers: tuple[frozenset[tuple[str, int]], ...]
    elaborated: str
    ports: Mapping[str, int] = field(default_factory=dict)

    @property
    def texts(self) -> tuple[str, ...]:
        """The strings among its parameters: names of memories' files, styles of memories."""
        return tuple(each for each in self.parameters.values() if isinstance(each, str) and each)


@dataclass(frozen=True)
class Elaboration:
    """A design as Yosys elaborates it.

    Attributes:
        top: Its top module.
        instances: All instances by path, the top first.
        faults: What no design of ours has, in words: latches, falling edges, a second clock,
            asynchronous resets, black boxes, wires with no driver or several.
        warnings: What else Yosys warned of.
    """

    top: str
    instances: Mapping[str, Instance]
    faults: tuple[str, ...] = field(default=())
    warnings: tuple[str, ...] = field(default=())


def elaborate(
    files: Mapping[str, bytes],
    top: str,
    *,
    library: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> Elaboration:
    """Elaborate a design and return what it is.

    Args:
        files: The design's files by name, relative to where tools run: Verilog (*.v) and memories.
        top: The module to begin with.
        library: Files of Yosys with cells that may be black boxes: "+/ice40/cells_sim.v".
        timeout: Seconds for Yosys.

    Raises:
        UserError: If a name is unusual or the design is larger than any of ours.
        ToolMissingError: If Yosys is not installed.
        ToolTimeoutError: If it takes longer than that.
        ToolFailedError: If it does not read the files.
    """
    commands = [f"write_json {_NETLIST}", "flatten", "check"]
    netlist, said = _run(files, top, commands, library, timeout)
    warnings = tuple(line for line in said if line.startswith("Warning: "))
    faults = [each for each in warnings if _FAULTY_WARNING.search(each)]
    modules = netlist["modules"]
    return Elaboration(
        top=top,
        instances=_instances(modules, top),
        faults=(*circuit_faults(modules, top, has_library=bool(library)), *faults),
        warnings=tuple(each for each in warnings if each not in faults),
    )


def compare(design: Elaboration, plan: Mapping[str, Mapping[str, Value]]) -> list[str]:
    """Compare the parameters of a design with what a network needs.

    Args:
        design: The design.
        plan: For instances by their path, the value of each parameter that matters.

    Returns:
        The differences in words; none if there is none.
    """
    differences = []
    for path, parameters in plan.items():
        instance = design.instances.get(path)
        if instance is None:
            differences.append(f"{design.top} has no instance {path}")
            continue
        for name, needed in parameters.items():
            found = instance.parameters.get(name)
            if found is None:
                differences.append(f"{instance.module} ({path}) has no parameter {name}")
            elif not _equal(found, needed):
                differences.append(
                    f"{name} of {path or design.top} is {found!r} in {instance.file}, "
                    f"the network needs {needed!r}"
                )
    return differences


def table(
    files: Mapping[str, bytes],
    design: Elaboration,
    path: str,
    inputs: Sequence[str],
    rows: int,
    *,
    timeout: float = TIMEOUT,
) -> list[dict[str, int]]:
    """Evaluate a module without registers for the numbers 0, 1, 2, ... at its inputs.

    However the table is written: what counts is what comes out.

    Args:
        files: The design's files.
        design: The same, elaborated.
        path: The instance.
        inputs: The inputs that get the number, all the same one. It has no others.
        rows: How many numbers.
        timeout: Seconds for Yosys.

    Returns:
        For each number the value of each output.

    Raises:
        CheckFailedError: If an output does not depend on these inputs alone, or is not defined.
        UserError, ToolFailedError: As `elaborate`.
    """
    settings = [dict.fromkeys(inputs, number) for number in range(rows)]
    return evaluate(files, design, path, settings, timeout=timeout)


def evaluate(
    files: Mapping[str, bytes],
    design: Elaboration,
    path: str,
    settings: Sequence[Mapping[str, int]],
    *,
    outputs: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> list[dict[str, int]]:
    """Evaluate a module without registers where its inputs are set in so many ways.

    Args:
        files: The design's files.
        design: The same, elaborated.
        path: The instance.
        settings: The number at each of its inputs; it has no others.
        outputs: Only these, which the module itself makes of those inputs, whatever else it holds.
        timeout: Seconds for Yosys.

    Returns:
        For each setting the value of each output.

    Raises:
        CheckFailedError: If an output does not depend on these inputs alone, or is not defined.
        UserError, ToolFailedError: As `elaborate`.
    """
    instance = design.instances[path]
    commands = [f"hierarchy -top {instance.elaborated}"]
    commands += [f"cd {instance.elaborated}"] if outputs else ["flatten", "opt_clean"]
    shown = " ".join(f"-show {name}" for name in outputs)
    for number, setting in enumerate(settings):
        sets = " ".join(f"-set {name} {value}" for name, value in setting.items())
        commands += [f"log row {number}", f"eval {sets} {shown}"]
    inputs = ", ".join(settings[0])
    try:
        _, said = _run(files, design.top, commands, (), timeout, is_quiet=False)
    except programs.ToolTimeoutError:
        raise
    except ToolFailedError as error:
        raise CheckFailedError(f"{instance.module} is no table of {inputs}: {error}") from None
    result: list[dict[str, int]] = []
    for part in "\n".join(said).split("\nrow ")[1:]:
        row = {}
        for name, bits, decimal in _RESULT.findall(part):
            if set(bits) - set("01"):
                raise CheckFailedError(
                    f"{instance.module}: {name} is not defined in row {len(result)}"
                )
            row[name] = int(bits, 2) if bits else int(decimal)
        result.append(row)
    if len(result) != len(settings) or not all(result):
        raise CheckFailedError(f"{instance.module} is no table of {inputs}")
    return result


def netlist(
    files: Mapping[str, bytes],
    top: str,
    *,
    library: Sequence[str] = (),
    timeout: float = TIMEOUT,
) -> Any:
    """Elaborate a design and return the JSON that Yosys writes of it, as it is read.

    Raises:
        UserError, ToolMissingError, ToolTimeoutError, ToolFailedError: As `elaborate`.
    """
    return _run(files, top, [f"write_json {_NETLIST}"], library, timeout)[0]


def _run(
    files: Mapping[str, bytes],
    top: str,
    commands: Sequence[str],
    library: Sequence[str],
    timeout: float,
    is_quiet: bool = True,
) -> tuple[Any, list[str]]:
    """Run Yosys on a copy of the files; return the netlist, if one is written, and what it said."""
    for name in (*files, top):
        if not _FILE_NAME.fullmatch(name):
            raise UserError(f"{name!r}: expected letters, digits, '_', '-', '.' and '/'")
    sources = [name for name in files if name.endswith(".v")]
    script = [f"read_verilog -defer {name}" for name in sources]
    script += [f"read_verilog -lib {each}" for each in library]
    script += [f"hierarchy -check -purge_lib -top {top}", "proc -norom", *commands]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, content in files.items():
            place = inside(folder, name)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        (folder / "elaborate.ys").write_text("\n".join(script) + "\n", encoding="utf-8")
        quiet = ["-q"] if is_quiet else []
        done = programs.run("yosys", [*quiet, "-s", "elaborate.ys"], folder, timeout=timeout)
        said = re.sub(r"^\S+:\d+: Warning", "Warning", done.stdout + done.stderr, flags=re.M)
        written = folder / _NETLIST
        if not written.exists():
            return None, said.split("\n")
        if written.stat().st_size > _LARGEST_NETLIST:
            raise UserError(f"{top} elaborates to more than {_LARGEST_NETLIST >> 20} MiB of cells")
        return json.loads(written.read_bytes()), said.split("\n")


def _instances(modules: Mapping[str, Any], top: str) -> dict[str, Instance]:
    found: dict[str, Instance] = {}
    waiting = [("", top, str(modules[top]["attributes"].get("src", "")))]
    while waiting:
        path, elaborated, source = waiting.pop()
        module = modules[elaborated]
        if len(found) >= _MOST_INSTANCES:
            raise UserError(f"{top} has more than {_MOST_INSTANCES} instances")
        values = module.get("parameter_default_values", {})
        found[path] = Instance(
            path=path,
            module=str(module["attributes"].get("hdlname", elaborated)),
            file=source.split("|")[0].rsplit(":", 1)[0],
            parameters={name: _value(each) for name, each in values.items()},
            memories=_memories(module),
            registers=_registers(module),
            elaborated=elaborated,
            ports={name: len(port["bits"]) for name, port in module["ports"].items()},
        )
        for name, cell in sorted(module["cells"].items(), reverse=True):
            if cell["type"] in modules:
                place = f"{path}.{name}" if path else name
                waiting.append((place, cell["type"], str(cell["attributes"].get("src", ""))))
    return found


def _memories(module: Mapping[str, Any]) -> tuple[Memory, ...]:
    contents: dict[str, tuple[int, ...]] = {}
    for cell in module["cells"].values():
        if cell["type"] in ("$meminit", "$meminit_v2"):
            parameters = cell["parameters"]
            width, words = int(parameters["WIDTH"], 2), int(parameters["WORDS"], 2)
            bits = "".join(str(bit) for bit in cell["connections"]["DATA"])
            name = str(parameters["MEMID"]).removeprefix("\\")
            first = [str(bit) for bit in cell["connections"]["ADDR"]]
            is_plain = not bits.strip("01") and set(first) <= {"0"} and name not in contents
            contents[name] = tuple(
                int(bits[width * word : width * (word + 1)][::-1], 2) if is_plain else -1
                for word in range(words)
            )
    return tuple(
        Memory(name, int(each["width"]), int(each["size"]), contents.get(name))
        for name, each in module.get("memories", {}).items()
    )


def _registers(module: Mapping[str, Any]) -> tuple[frozenset[tuple[str, int]], ...]:
    bits = [
        bit
        for cell in module["cells"].values()
        if _REGISTER.fullmatch(cell["type"])
        for bit in cell["connections"]["Q"]
        if isinstance(bit, int)
    ]
    names: dict[int, set[tuple[str, int]]] = {bit: set() for bit in bits}
    for name, net in module["netnames"].items():
        for place, bit in enumerate(net["bits"]):
            if bit in names and not net.get("hide_name"):
                names[bit].add((name, place))
    return tuple(frozenset(names[bit]) for bit in bits)


def _value(text: str) -> Value:
    """Decode a parameter: Yosys writes bits, or the text of a string."""
    if not _BITS.fullmatch(text):
        return text.removesuffix(" ") if _BITS.fullmatch(text.strip()) else text
    if set(text) - set("01"):
        return text
    value = int(text, 2)
    return value - (1 << 32) if len(text) == 32 and text[0] == "1" else value


def _equal(found: Value, needed: Value) -> bool:
    """Compare; where the file's integer is signed, so is the needed one."""
    if isinstance(found, int) and isinstance(needed, int) and found < 0:
        return (found - needed) % (1 << 32) == 0
    return found == needed
