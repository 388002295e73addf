"""Try a number of hostile design folders, and watch what the commands do with each.

    python tests/fpga/attack_folders.py FIRST COUNT

A process of its own: the hook that watches it cannot be taken away again. No program is started;
what would have been started is looked at. Prints a summary as JSON; ends with 1 and a report of the
first failures if any command touched what it must not, raised what is no error of ours, took too
long or too much memory.
"""

from __future__ import annotations

import contextlib
import copyreg
import gc
import io
import json
import os
import pickle
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

os.environ["SC_NEUROCORE_DEBUG"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))

import hostile_changes  # noqa: E402
import numpy as np  # noqa: E402
import typer  # noqa: E402
from sklearn import datasets  # noqa: E402

import sc_neurocore  # noqa: E402
from sc_neurocore.cli import boards, hardware, upkeep  # noqa: E402
from sc_neurocore.cli.building import build as build_command  # noqa: E402
from sc_neurocore.equation import LIF  # noqa: E402
from sc_neurocore.errors import ScNeurocoreError, ToolFailedError  # noqa: E402
from sc_neurocore.fixed import judgement  # noqa: E402
from sc_neurocore.fpga import boards as fpga_boards  # noqa: E402
from sc_neurocore.fpga import build as building  # noqa: E402
from sc_neurocore.fpga import compilation  # noqa: E402
from sc_neurocore.fpga.boards import board_of  # noqa: E402
from sc_neurocore.fpga.compilation import compile_design  # noqa: E402
from sc_neurocore.fpga.flow import Job, Product, _synthesise  # noqa: E402
from sc_neurocore.fpga.folder import opened  # noqa: E402
from sc_neurocore.fpga.placement import Placement  # noqa: E402
from sc_neurocore.fpga.sources import sources_of  # noqa: E402
from sc_neurocore.fpga.vivado import write_project  # noqa: E402
from sc_neurocore.hdl import design as designs  # noqa: E402
from sc_neurocore.hdl.neuron_folder import compile_neuron, load_neuron  # noqa: E402
from sc_neurocore.network import (  # noqa: E402
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    Recurrent,
    save_description,
)
from sc_neurocore.report import illustrations  # noqa: E402
from sc_neurocore.report.kinds import builds, demo, training  # noqa: E402
from sc_neurocore.tools import programs  # noqa: E402
from sc_neurocore.tools.catalogue import PROGRAMS  # noqa: E402
from sc_neurocore.verify import certificate as certificates  # noqa: E402
from sc_neurocore.verify import neuron_certificate as neurons  # noqa: E402
from sc_neurocore.verify import verilog_reader  # noqa: E402
from sc_neurocore.verify.certificate import certify  # noqa: E402
from sc_neurocore.verify.cosimulation import CosimulationResult  # noqa: E402
from sc_neurocore.verify.result import ProofResult  # noqa: E402
from sc_neurocore.verify.standing import standing  # noqa: E402
from sc_neurocore.verify.verilog_modules import ModuleReader  # noqa: E402

SECONDS = 30
"""Of the processor; a command that waits may wait ten times as long."""
BYTES = 3 << 30
PLAIN_SCRIPT = re.compile(r"[\w./:;,=+ \-\n]*", re.ASCII)
OUR_SELECTIONS = re.compile(
    r"t:\$mem_v2 r:RD_CLK_ENABLE=1'0 %i|t:\* t:\$mul %d"
    r"|blackbox \*snn_(?:rom|ram|column)\*\n|delete =\*(?: =\w+ %d)+\n",
    re.ASCII,
)
"""Of cells and modules by their kind, in scripts that otherwise hold plain names."""
READABLE = tuple(
    os.path.realpath(each)
    for each in (
        *(sys.prefix, sys.base_prefix, sys.exec_prefix, os.path.dirname(os.__file__)),
        *(os.path.dirname(sc_neurocore.__file__), os.path.dirname(os.path.abspath(__file__))),
        *(
            os.path.dirname(np.__file__),
            "/proc",
            "/dev/null",
            "/dev/urandom",
            "/usr",
            "/etc/localtime",
        ),
    )
)
RUN = CosimulationResult("icarus", "11", 2, 4, 4, 64, 0, 0, 0, 0, 1, 1, 1, 0, None)
_HOP = {"delay": 1.0, "type": "logic", "to": {"cell": "engine.x"}}
PROVED = ProofResult("claim", "proved", "none", 0.0)


MEMORY = "/dev/shm"
"""Where folders are made that are gone in milliseconds; elsewhere the system's own place."""


class TooLongError(BaseException):
    """A command did not end."""


class Watch:
    """The audit hook: what was touched outside the places that are allowed."""

    def __init__(self, writable: Sequence[Path]) -> None:
        self.writable = tuple(os.path.realpath(each) for each in writable)
        self.readable = READABLE
        self.found: list[str] = []
        self.is_on = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.is_on:
            return
        if event == "open":
            self._open(*arguments)
        elif event in ("os.listdir", "os.scandir"):
            self._check(event, arguments[0], follows=True, only_reads=True)
        elif event in ("os.remove", "os.rmdir"):
            self._check(event, arguments[0], arguments[1])
        elif event == "os.mkdir":
            self._check(event, arguments[0], arguments[2])
        elif event == "os.chmod":
            self._check(event, arguments[0], arguments[2], follows=True)
        elif event in ("os.rename", "os.link"):
            self._check(event, arguments[0], arguments[2])
            self._check(event, arguments[1], arguments[3])
        elif event == "os.symlink":
            self._check(event, arguments[1], arguments[2])
        elif event in ("os.truncate", "os.utime", "os.chown", "os.setxattr"):
            self._check(event, arguments[0], follows=True)
        elif event.split(".")[0] in (
            "socket",
            "subprocess",
            "pty",
            "urllib",
            "ftplib",
        ) or event in (
            *("os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty"),
            *("os.startfile", "pickle.find_class", "ctypes.dlopen", "webbrowser.open", "os.kill"),
        ):
            self.found.append(f"{event} {arguments!r:.300}")

    def _open(self, path: Any, mode: Any, flags: Any) -> None:
        for_writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND)
        is_single = isinstance(path, str) and os.sep not in path
        if is_single and not for_writing and sys._getframe(2).f_code.co_filename == shutil.__file__:
            return  # relative to a folder that it has open: so whole trees are removed
        follows = not flags & (os.O_NOFOLLOW | os.O_EXCL)
        self._check("open", path, follows=follows, only_reads=not for_writing)

    def _check(
        self, event: str, path: Any, base: int = -1, follows: bool = False, only_reads: bool = False
    ) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor, whose file was looked at when it was opened
        self.is_on = False
        try:
            start = os.getcwd() if base == -1 else os.readlink(f"/proc/self/fd/{base}")
            name = os.path.join(start, os.fsdecode(path))
            if follows:
                real = self._real(name)
            else:
                real = os.path.join(self._real(os.path.dirname(name)), os.path.basename(name))
            allowed = self.writable + (self.readable if only_reads else ())
            if not any(real == each or real.startswith(each + os.sep) for each in allowed):
                self.found.append(f"{event} {name!r:.300} which is {real!r:.300}")
        except ValueError:
            pass  # a name that no system takes
        finally:
            self.is_on = True

    def _real(self, name: str) -> str:
        """Return what `os.path.realpath` does, sooner where nothing below our places is a link."""
        for place in self.writable:
            if name.startswith(place + os.sep):
                parts = name[len(place) + 1 :].split(os.sep)
                if not {"", ".", ".."} & set(parts) and not any(
                    os.path.islink(os.path.join(place, *parts[:count]))
                    for count in range(1, len(parts) + 1)
                ):
                    return name
                break
        return os.path.realpath(name)


class Bench:
    """The folders that are changed, and everything around them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "design"
        self.outside = root / hostile_changes.OUTSIDE
        self.scripts: list[str] = []
        for name in ("tmp", "cache", "cwd", "bases", hostile_changes.OUTSIDE, "new"):
            (root / name).mkdir()
        (self.outside / "rtl").mkdir()
        (self.outside / "precious").write_text("precious")
        (self.outside / "rtl" / "top.v").write_text("module top; endmodule")
        tempfile.tempdir = str(root / "tmp")
        os.environ |= {"SC_NEUROCORE_CACHE": str(root / "cache"), "TMPDIR": tempfile.tempdir}
        os.chdir(root / "cwd")
        self.bases = sorted(_make_bases(root / "bases"))
        self.contents = {
            base: {
                path.relative_to(base): path.read_bytes() if path.is_file() else None
                for path in sorted(base.rglob("*"))
            }
            for base in self.bases
        }
        self.network = root / "new" / "network"
        save_description(_describe(9), self.network)

    def set_up(self, base: Path) -> None:
        self.clean()
        self.folder.mkdir()
        for name, content in self.contents[base].items():
            if content is None:
                (self.folder / name).mkdir()
            else:
                (self.folder / name).write_bytes(content)

    def clean(self) -> None:
        for name in ("design", "away", "new/out"):
            _remove(self.root / name)
        for path in (self.root / "tmp").iterdir():
            _remove(path)

    def problems(self) -> Iterator[str]:
        """What is not as it was around the folder."""
        there = {
            path.relative_to(self.outside).as_posix(): path.read_text() if path.is_file() else None
            for path in self.outside.rglob("*")
        }
        whole = {"precious": "precious", "rtl": None, "rtl/top.v": "module top; endmodule"}
        if there != whole:
            yield f"the folder outside holds {there}"
            _remove(self.outside)
            (self.outside / "rtl").mkdir(parents=True)
            (self.outside / "precious").write_text("precious")
            (self.outside / "rtl" / "top.v").write_text("module top; endmodule")
        for name in ("cwd", "tmp"):
            left = sorted(each.name for each in (self.root / name).iterdir())
            if left:
                yield f"{name} holds {left}"
        hidden = {".git", ".bashrc"} & {each.name for each in self.folder.iterdir()}
        if hidden:
            yield f"the design holds {hidden}"

    def record(self, line: Sequence[str], cwd: Path, *_: Any, **__: Any) -> Any:
        """Look at what would be started, and do not start it."""
        place = Path(os.path.realpath(cwd))
        private = (self.root / "tmp", self.root / "cache")
        if not any(place.is_relative_to(each) for each in private):
            self.scripts.append(f"{line} would run in {cwd}")
        for word in line[1:]:
            if hostile_changes.WITNESS in word or not re.fullmatch(
                r"[\w./:=+,@; \-]+", word, re.ASCII
            ):
                self.scripts.append(f"the argument {word!r} of {line}")
            if word.startswith("/") and not any(map(word.startswith, (str(self.root), *READABLE))):
                self.scripts.append(f"the path {word!r} of {line}")
        for script in place.rglob("*.ys"):
            text = OUR_SELECTIONS.sub("", script.read_text())
            if not PLAIN_SCRIPT.fullmatch(text):
                self.scripts.append(f"the script {text!r}")
        raise ToolFailedError("recorded")

    def look_at_tcl(self, path: Path) -> None:
        text = path.read_text()
        if hostile_changes.WITNESS in text:
            self.scripts.append(f"the script {text!r}")


def _remove(path: Path) -> None:
    """Remove whatever is there, folders without permissions too."""
    if path.is_dir() and not path.is_symlink():
        path.chmod(0o700)
        for each in os.scandir(path):
            if each.is_dir(follow_symlinks=False):
                _remove(Path(each.path))
        shutil.rmtree(path)
    elif os.path.lexists(path):
        path.unlink()


def _describe(seed: int, is_recurrent: bool = False, **metadata: Any) -> NetworkDescription:
    numbers = np.random.default_rng(seed)
    last: Any = Population(neuron=LIF)
    if is_recurrent:
        last = Recurrent(neuron=LIF, weight=numbers.normal(0, 1, (2, 2)))
    return NetworkDescription(
        name="tiny",
        steps=3,
        input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
        layers=[
            Dense(weight=numbers.normal(0, 1, (3, 4))),
            Population(neuron=LIF),
            Dense(weight=numbers.normal(0, 1, (2, 3))),
            last,
        ],
        metadata=metadata,
    )


def _make_bases(root: Path) -> Iterator[Path]:
    """Make what is attacked: designs of every kind, with certificates that hold, and a neuron."""
    metadata = {"dataset": "digits", "split": "stratified", "split_seed": 0, "test_fraction": 0.2}
    for name, description, options in (
        ("ulx3s", _describe(0), {"board": "ulx3s"}),
        ("arty", _describe(1, **metadata), {"board": "arty-a7"}),
        ("up5k", _describe(2), {"device": "xc7a35t"}),
        ("step", _describe(3, is_recurrent=True), {}),
        ("run/design", _describe(4), {"board": "icebreaker"}),
    ):
        folder = root / name
        compile_design(description, folder, lanes=2, allow=["silent"], **options)
        with opened(folder) as design:
            certify(design, (RUN,), (PROVED,), np.zeros((2, 4), dtype=np.int64), "zeros")
        yield root / name.split("/")[0]
    proofs = [{"name": "x", "status": "proved", "engine": "z3", "seconds": 1.0}]
    fpga = {"device": "hx8k", "luts": 1, "brams": 1, "fmax_mhz": 1.0, "bitstream": "design/x.bit"}
    fpga |= {"available": {"logic_cells": 7680, "brams": 32}}
    summary = {"name": "tiny", "proofs": proofs, "fpga": fpga, "seconds": {"train": 1.0}}
    (root / "run" / "summary.json").write_text(json.dumps(summary))
    history = [{"epoch": 1, "loss": 0.5, "accuracy": 0.5}]
    labels = {"labels": [0, 1], "predictions": {"float": [0, 1]}, "class_names": ["a", "b"]}
    (root / "run" / "results.json").write_text(json.dumps({"history": history, **labels}))
    layout = {"floor": [4, 4], "parts": ["engine"], "cells": [[1, 1, 0, 0]]}
    build = {**fpga, "top": "tiny", "bitstream": None, "layout": "build/hx8k/layout.json"}
    timing = {"critical_paths": [{"to": "posedge clk", "path": [_HOP]}]}
    place = root / "run" / "design" / "build" / "hx8k"
    place.mkdir(parents=True)
    for name, content in (("layout", layout), ("build", build), ("tiny.report", timing)):
        (place / f"{name}.json").write_text(json.dumps(content))
    save_description(_describe(5), root / "run" / "training")
    record = {"dataset": "digits", "finished": True, "accuracy": 0.5, "history": history}
    (root / "run" / "training" / "training.json").write_text(json.dumps(record))
    (root / "run" / "sweep.json").write_text(json.dumps({"dataset": "digits", "rows": []}))
    compile_neuron(str(LIF), root / "neuron")
    yield root / "neuron"


def _look(folder: Path, allow_edited: bool) -> None:
    with opened(folder, allow_edited=allow_edited) as design:
        standing(design)
        sources = sources_of(design)
        assert all(re.fullmatch(r"[\w./-]+", name, re.ASCII) for name in sources.contents)
        board_of(design)


def _commands(bench: Bench) -> dict[str, Callable[[random.Random], object]]:
    folder = bench.folder
    devices = (None, None, "hx8k", "xc7a35t", "ecp5-85k")

    def build(choice: random.Random) -> None:
        options = {"verified": choice.random() < 0.3, "allow_edited": choice.random() < 0.5}
        build_command(folder, choice.choice(devices), None, as_json=True, **options)

    def verify(choice: random.Random) -> None:
        simulator = choice.choice(("icarus", "cxxrtl", "verilator"))
        netlist = choice.choice(("", "ice40,ecp5"))
        allow_edited = choice.random() < 0.5
        hardware.verify(
            folder, simulator, 2, 0, netlist, 1, allow_edited=allow_edited, as_json=True
        )

    return {
        "look": lambda choice: _look(folder, choice.random() < 0.5),
        "look at a neuron": lambda _: load_neuron(folder),
        "verify": verify,
        "build": build,
        "compile over it": lambda _: hardware.compile_(bench.network, folder, as_json=True),
        "compile it": lambda _: hardware.compile_(
            folder, bench.root / "new" / "out", lanes="2", as_json=True
        ),
        "run": lambda _: boards.run(folder, boards.SIMULATED, samples=1, as_json=True),
        "report": lambda _: upkeep.report(folder, as_json=True),
    }


class RememberingReader:
    """Reads a Verilog file once, for the same modules of ours."""

    known: ClassVar[dict[Any, Any]] = {}

    def __init__(self, name: str, text: bytes, ours: Any = (), *by_module: Any) -> None:
        of_ours = pickle.dumps(by_module)
        self.key = (name, text, type(ours), frozenset(ours), of_ours)
        self.arguments = (name, text, ours, *by_module)

    def read(self) -> Any:
        if self.key not in self.known:
            if len(self.known) > 2000:
                self.known.clear()
            self.known[self.key] = ModuleReader(*self.arguments).read()
        return self.known[self.key]


def _remember() -> None:
    """Compute once what depends on its arguments alone, touches no file, and takes most of a case.

    A folder that was changed comes to arguments that were not there before; what follows from
    those is computed. Errors are not kept.
    """
    copyreg.pickle(MappingProxyType, lambda each: (dict, (dict(each),)))

    def once(owner: Any, name: str) -> None:
        real = getattr(owner, name)
        known: dict[Any, Any] = {}

        def remembered(*arguments: Any, **options: Any) -> Any:
            key = pickle.dumps((arguments, options))
            if key not in known:
                if len(known) > 2000:
                    known.clear()
                known[key] = real(*arguments, **options)
            return known[key]

        setattr(owner, name, remembered)

    once(judgement, "judge_neuron")
    once(designs, "render_design")
    once(compilation, "render_design")
    once(fpga_boards, "clocks_up_to")
    once(fpga_boards, "plan_clock")
    once(datasets, "load_digits")
    for name in ("history", "confusion", "utilisation", "floor", "times"):
        drawn = getattr(illustrations, name)
        once(illustrations, name)
        for kind in (demo, training, builds):
            if getattr(kind, name, None) is drawn:
                setattr(kind, name, getattr(illustrations, name))
    verilog_reader.ModuleReader = RememberingReader  # type: ignore[misc, assignment]


@contextmanager
def _pretending(bench: Bench, is_on: bool) -> Iterator[None]:
    """Let simulations, proofs and tools end well, so that commands go on and write."""
    real = building.run_steps
    saved = (certificates.cosimulate_design, certificates.prove_design, neurons._verify_neuron)

    def steps(job: Job) -> Product:
        with contextlib.suppress(ToolFailedError):
            _synthesise(job)
        placement = Placement(
            {}, dict.fromkeys(("luts", "flip_flops", "logic_cells", "brams"), 1), 9
        )
        if job.device.family.place_and_route is None:
            path = write_project(
                job.sources, job.device, job.folder, job.folder_of_sources, job.frequency_mhz
            )
            bench.look_at_tcl(path)
            bench.look_at_tcl(path.with_suffix(".xdc")) if path.with_suffix(
                ".xdc"
            ).exists() else None
            return Product(placement, project=path)
        job.file(".bit").write_bytes(b"bits")
        return Product(placement, job.file(".bit"))

    if is_on:
        building.run_steps = steps
        certificates.cosimulate_design = lambda *_, **__: (RUN,)
        certificates.prove_design = lambda *_: (PROVED,)
        neurons._verify_neuron = lambda *_: neurons.NeuronCertificate({}, (), (), (), (), {})
    try:
        yield
    finally:
        building.run_steps = real
        certificates.cosimulate_design, certificates.prove_design = saved[:2]
        neurons._verify_neuron = saved[2]


def _run(command: Callable[[random.Random], object], choice: random.Random) -> tuple[str, str]:
    """Return how it ended, and what is wrong with that."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.setitimer(signal.ITIMER_REAL, 10 * SECONDS)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            command(choice)
    except ScNeurocoreError as error:
        if not str(error):
            return "refused", "an error that says nothing"
        return ("stopped" if str(error) == "recorded" else "refused"), ""
    except typer.Exit:
        return "fails", ""
    except TooLongError:
        return "too long", f"more than {SECONDS} s"
    except BaseException:
        return "raised", traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "worked", ""


def main(first: int, count: int) -> int:
    """Try the cases, and print what came of them."""
    memory = MEMORY if os.path.isdir(MEMORY) else None
    with tempfile.TemporaryDirectory(prefix="attack-", dir=memory) as place:
        bench = Bench(Path(os.path.realpath(place)))
        for name in PROGRAMS:
            with contextlib.suppress(ScNeurocoreError):
                programs.version(name)
        programs.execute = bench.record
        _remember()
        commands = _commands(bench)
        for base in bench.bases:  # whatever is imported, compiled and cached at first use
            for is_pretending in (False, True):
                for name, command in commands.items():
                    bench.set_up(base)
                    with _pretending(bench, is_pretending):
                        how, problem = _run(command, random.Random(0))
                    if problem or bench.scripts:
                        print(f"unchanged {base.name}, {name}: {how} {problem} {bench.scripts}")
                        return 1
        watch = Watch([bench.folder, bench.root / "tmp", bench.root / "cache", bench.root / "new"])
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, resource.RLIM_INFINITY))

        def too_long(*_: object) -> None:
            raise TooLongError

        signal.signal(signal.SIGALRM, too_long)
        signal.signal(signal.SIGPROF, too_long)
        gc.collect()
        gc.freeze()  # what was imported is not looked through again and again
        ends: Counter[str] = Counter()
        slowest = (0.0, "")
        failures: list[str] = []
        start = time.monotonic()
        for seed in range(first, first + count):
            choice = random.Random(seed)
            bench.set_up(choice.choice(bench.bases))
            done = hostile_changes.change(choice, bench.folder)
            for name in choice.sample(sorted(commands), 2):
                began = time.monotonic()
                with _pretending(bench, choice.random() < 0.5):
                    # A network to compile may be links into a store elsewhere; a design may not.
                    links: tuple[str, ...] = ()
                    if name == "compile it":
                        links = (str(bench.outside), str(bench.root / "away"))
                    watch.readable = (*READABLE, *links)
                    watch.is_on = True
                    try:
                        how, problem = _run(commands[name], choice)
                    finally:
                        watch.is_on = False
                ends[f"{name}: {how}"] += 1
                slowest = max(slowest, (time.monotonic() - began, f"{seed} {name}"))
                problems = [problem] if problem else []
                problems += [*watch.found, *bench.scripts, *bench.problems()]
                watch.found.clear()
                bench.scripts.clear()
                if problems:
                    failures.append(
                        f"case {seed} ({', '.join(done)}), {name}:\n" + "\n".join(problems[:9])
                    )
                    print(failures[-1], end="\n\n", flush=True)
                    for path in (bench.root / "tmp", bench.root / "cwd"):
                        for each in path.iterdir():
                            _remove(each)
            if len(failures) >= 20:
                break
            if (seed - first + 1) % 500 == 0:
                print(seed - first + 1, "cases,", len(failures), "failures", file=sys.stderr)
        bench.clean()
        os.chdir("/")
    summary = {"cases": count, "failures": len(failures), "seconds": time.monotonic() - start}
    print(json.dumps({**summary, "slowest": slowest, "ends": dict(sorted(ends.items()))}))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
