"""Kill commands at chosen moments, and look at what they leave.

    python tests/cli/killed_commands.py COMMAND TRIALS SEED [real]

The command works on a folder that holds another design, certificate, build or report. Half of the
trials end it right before one of the operations by which it touches the folder, the others after a
part of the time that it takes. Without `real`, what simulates, proves and builds only pretends to.
With it, all tools run that ever do; only the proof of the small network is one of a single sample.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sc_neurocore.cli import hardware, upkeep
from sc_neurocore.cli.building import build as build_command
from sc_neurocore.equation import LIF
from sc_neurocore.files import sha256
from sc_neurocore.folders import OWN_FOLDER, sole_writer, written_files
from sc_neurocore.fpga import build as building
from sc_neurocore.fpga.compilation import compile_design
from sc_neurocore.fpga.flow import Job, Product
from sc_neurocore.fpga.folder import opened
from sc_neurocore.fpga.placement import Placement
from sc_neurocore.network import (
    Dense,
    InputEncoding,
    NetworkDescription,
    Population,
    save_description,
)
from sc_neurocore.tools import programs
from sc_neurocore.tools.catalogue import PROGRAMS
from sc_neurocore.verify import certificate as certificates
from sc_neurocore.verify import small_network
from sc_neurocore.verify.cosimulation import CosimulationResult
from sc_neurocore.verify.result import ProofResult

RUN = CosimulationResult("icarus", "11", 2, 4, 4, 64, 0, 0, 0, 0, 1, 1, 1, 0, None)
REFUTED = ProofResult("claim", "refuted", "none", 0.0, "a counterexample")
TOUCHES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
RESULTS = {"verify": "certificate.json", "build": "build/hx8k/build.json"}


def describe(seed: int) -> NetworkDescription:
    numbers = np.random.default_rng(seed)
    return NetworkDescription(
        name=f"tiny{seed}",
        steps=3,
        input=InputEncoding(shape=(4,), bits=5, fraction_bits=4),
        layers=[Dense(weight=numbers.normal(0, 1, (2, 4))), Population(neuron=LIF)],
    )


def pretend() -> None:
    """Let everything before the writing take a moment, and come out differently every time."""
    shown = str(time.monotonic_ns())

    def prove(design: Any, *_: Any) -> tuple[ProofResult, ...]:
        bench = design.accelerator.directory / "proof" / f"{shown[-1]}.v"
        bench.parent.mkdir(exist_ok=True)
        bench.write_text(shown)
        return (replace(REFUTED, detail=shown),)  # or the same second gives the same certificate

    def steps(job: Job) -> Product:
        for suffix in (".json", ".log", f".{shown[-1]}"):
            job.file(suffix).write_text(shown)
        job.file(".bin").write_text(shown)
        used = dict.fromkeys(("luts", "flip_flops", "logic_cells", "brams"), 1)
        return Product(Placement({}, used, 99), job.file(".bin"))

    certificates.cosimulate_design = lambda *_, **__: (RUN,)
    certificates.prove_design = prove
    building.run_steps = steps


def commands(root: Path) -> dict[str, Callable[[], None]]:
    folder = root / "design"
    return {
        "compile": lambda: hardware.compile_(root / "network", folder, lanes="2", as_json=True),
        "verify": lambda: hardware.verify(folder, "icarus", 2, as_json=True),
        "build": lambda: build_command(folder, "hx8k", as_json=True),
        "report": lambda: upkeep.report(folder, as_json=True),
    }


def in_child(work: Callable[[], object], seconds: float | None = None) -> tuple[int, float]:
    """Do work in a process and group of its own; kill it after some seconds.

    Returns:
        How it ended, negative for a signal, and the seconds that it took.
    """
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.setsid()
        code = 1
        try:
            with Path(os.devnull).open("w") as sink, contextlib.redirect_stdout(sink):
                work()
            code = 0
        except SystemExit as error:
            code = int(error.code or 0)
        except BaseException as error:
            code = getattr(error, "exit_code", 70)
            if code == 70:
                traceback.print_exc()
        finally:
            os._exit(code)
    if seconds is not None:
        time.sleep(seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), time.monotonic() - start


def watched(work: Callable[[], None], root: Path, fatal: int, note: Path) -> Callable[[], None]:
    """Return the work, to end itself right before the touch of that number; count them."""
    touches = 0
    place = str(root / "design")

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal touches
        is_touch = event in TOUCHES or (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_ACCMODE
        )
        if is_touch and str(arguments[0]).startswith(place):
            touches += 1
            if touches == fatal:
                os.killpg(0, signal.SIGKILL)

    def watched_work() -> None:
        sys.addaudithook(hook)
        try:
            work()
        finally:
            count = touches
            note.write_text(str(count))

    return watched_work


def left(folder: Path) -> dict[str, str]:
    """Return what a folder holds after another command has come to it: names and SHA-256."""
    with sole_writer(folder, "test"):
        listed = written_files(folder)
    files = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in files}
    own = {name for name in names if name.startswith(f"{OWN_FOLDER}/")}
    assert own <= {f"{OWN_FOLDER}/lock", f"{OWN_FOLDER}/written.json"}, own
    there = {name: sha256(path.read_bytes()) for name, path in names.items() if name not in own}
    summary = {"summary.json"} & set(there)  # which no command writes here
    assert {name: there[name] for name in there if name not in summary} == listed, (there, listed)
    return there


def main(name: str, trials: int, seed: int, *options: str) -> None:
    """Kill the command in every trial, and check what is left."""
    choice = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="killed-") as place:
        root = Path(place)
        tempfile.tempdir = str(root / "tmp")
        os.environ["TMPDIR"] = tempfile.tempdir
        (root / "tmp").mkdir()
        save_description(describe(1), root / "network")
        folder, old, note = root / "design", root / "old", root / "touches"
        command = commands(root)[name]
        if "real" in options:
            for program in PROGRAMS:
                with contextlib.suppress(Exception):
                    programs.version(program)
        compile_design(describe(0), folder, lanes=2)
        if name == "report":
            (folder / "summary.json").write_text(json.dumps({"name": "tiny"}))

        def prepared(work: Callable[[], None]) -> Callable[[], None]:
            def do() -> None:
                if "real" in options:
                    small_network.Kind.samples = 1
                else:
                    pretend()
                work()

            return do

        for each in {"verify", "build", name} - ({"compile"} if name == "compile" else set()):
            if each == name or "real" not in options:  # the folder has something to lose
                code, _ = in_child(prepared(commands(root)[each]))
                assert code in (0, 1), f"{each} ended with {code}"
        if name == "report":
            (folder / "summary.json").write_text(json.dumps({"name": "another"}))
        before = left(folder)
        shutil.copytree(folder, old)

        def again() -> None:
            shutil.rmtree(folder)
            shutil.copytree(old, folder)

        code, seconds = in_child(watched(prepared(command), root, 0, note))
        assert code in (0, 1), code
        touches, after = int(note.read_text()), left(folder)
        assert after != before and touches > 3, (touches, after)
        ends = {"old": 0, "new": 0}
        for trial in range(trials):
            again()
            if trial % 2:
                moment = f"after {seconds * choice.random():.3f} s"
                in_child(prepared(command), float(moment.split()[1]))
            else:
                fatal = choice.randrange(choice.choice((1, touches // 2)), touches + 1)
                moment = f"before touch {fatal} of {touches}"
                code, _ = in_child(watched(prepared(command), root, fatal, note))
                assert code in (-signal.SIGKILL, 0, 1), (moment, code)
            found = left(folder)
            if found != before and name in ("compile", "report"):
                assert found == after, moment
            elif found != before:
                kept = {each for each in found if found[each] == before.get(each)}
                assert RESULTS[name] not in kept, moment
                is_of_old = name == "build" and "real" not in options
                assert not is_of_old or not any(each.startswith("build/") for each in kept), (
                    moment,
                    kept,
                )
            ends["old" if found == before else "new"] += 1
            with opened(folder) as design:
                assert design.edited == (), moment
            code, _ = in_child(lambda: (pretend(), command()))
            assert code in (0, 1), (moment, code)
            left(folder)
            print(trial + 1, "of", trials, moment, file=sys.stderr, flush=True)
        print(json.dumps({"command": name, "trials": trials, "touches": touches, **ends}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
