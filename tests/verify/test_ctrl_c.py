"""Ctrl-C while a solver works: both solvers take the signal for themselves."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sc_neurocore.verify.equivalence import _Comparison
from sc_neurocore.verify.unrolling import _solver, _Unrolled

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends a signal to itself")
MODEL = Path(__file__).parents[2] / "models" / "digits"


@pytest.fixture
def soon() -> Iterator[None]:
    # From another process: a solver keeps the threads of its own from running.
    with subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -INT {os.getpid()}"]):
        yield


def test_the_solver_of_the_small_network_passes_it_on(soon: None) -> None:
    pytest.importorskip("pysat")
    unrolled = object.__new__(_Unrolled)
    unrolled._solver = _solver()
    holes = 13  # one pigeon more than that: no solver without counting decides it in time

    def variable(pigeon: int, hole: int) -> int:
        return pigeon * holes + hole + 1

    for pigeon in range(holes + 1):
        unrolled._solver.add_clause([variable(pigeon, hole) for hole in range(holes)])
    for hole in range(holes):
        for pair in itertools.combinations(range(holes + 1), 2):
            unrolled._solver.add_clause([-variable(pigeon, hole) for pigeon in pair])
    with pytest.raises(KeyboardInterrupt):
        unrolled._solve([])


def test_the_solver_of_steps_passes_it_on(soon: None) -> None:
    z3 = pytest.importorskip("z3")
    comparison = object.__new__(_Comparison)
    comparison._z3 = z3
    left, right = z3.BitVecs("left right", 64)
    solver = z3.Then("simplify", "solve-eqs", "bit-blast", "sat").solver()
    solver.set("timeout", 20_000)
    prime = 2**64 - 59
    solver.add(left * right == prime, z3.UGT(left, 1), z3.ULT(left, right))
    solver.add(z3.BVMulNoOverflow(left, right, False))
    with pytest.raises(KeyboardInterrupt):
        comparison._check(solver)


COMMANDS = {
    "compile": ("compile", str(MODEL), "--out", "design"),
    "export": ("export", str(MODEL), "--to", "fixed", "--out", "exported"),
    "evaluate": ("evaluate", str(MODEL)),
    "simulate": ("simulate", str(MODEL), "--length", "64"),
    "train": ("train", "--epochs", "3", "--out", "run"),
    "verify": ("verify", "design", "--samples", "2", "--icarus-samples", "0"),
}


@pytest.mark.soak
@pytest.mark.parametrize("command", COMMANDS)
def test_ctrl_c_at_any_moment_of_any_command_is_130(command: str, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "sc_neurocore.cli"]
    if command == "verify":
        subprocess.run([*line, *COMMANDS["compile"]], cwd=tmp_path, check=True)
    began = time.monotonic()
    subprocess.run([*line, *COMMANDS[command]], cwd=tmp_path, check=True)
    lasts = time.monotonic() - began
    moments = Random(0)
    for _ in range(20):
        process = subprocess.Popen(
            [*line, *COMMANDS[command]],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        time.sleep(moments.uniform(0.1, lasts))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        # Before Python runs a line of ours, the signal itself ends it, which a shell calls 130.
        assert process.returncode in (0, 130, -signal.SIGINT), said
        assert "a bug" not in said
