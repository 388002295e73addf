"""Ctrl-C while solvers work: z3 takes the signal for itself, the others are processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from sc_neurocore.progress import ignore_progress
from sc_neurocore.tools import programs
from sc_neurocore.verify.equivalence import _Comparison
from sc_neurocore.verify.model_checking import first_failure
from sc_neurocore.verify.result import ProofResult
from sc_neurocore.verify.workers import prove_all

pytestmark = pytest.mark.skipif(os.name != "posix", reason="sends a signal to itself")
MODEL = Path(__file__).parents[2] / "models" / "digits"


@pytest.fixture
def soon() -> Iterator[None]:
    # From another process: a solver keeps the threads of its own from running.
    with subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -INT {os.getpid()}"]):
        yield


def test_proofs_side_by_side_end_with_it(
    soon: None, tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    """The solver is at work in a process of its own, and not left behind."""
    require_tool("yosys")
    pytest.importorskip("pysat")
    # A product of two primes of 31 bits: no solver finds them in time.
    bench = """\
module top (input wire clk, output wire found);
    wire [31:0] a = $anyconst, b = $anyconst;
    assign found = {32'd0, a} * b == 64'd4611685975477714963 && a > 1 && b > a;
endmodule
"""
    (tmp_path / "top.v").write_text(bench)

    def prove() -> ProofResult:
        first_failure(tmp_path, "top", ["top.v"], 2)
        raise AssertionError("the solver answered")

    with pytest.raises(KeyboardInterrupt):
        prove_all([[("a", prove)], [("b", prove)]], ["a", "b"], ignore_progress)
    ends = time.monotonic() + 20
    while programs._RUNNING and time.monotonic() < ends:
        time.sleep(0.05)
    assert not programs._RUNNING


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
    # Python itself answers with 1 while it starts, which takes long on a busy machine.
    code = "print('begun', flush=True); from sc_neurocore.cli import main; main()"
    line = [sys.executable, "-c", code]
    if command == "verify":
        subprocess.run([*line, *COMMANDS["compile"]], cwd=tmp_path, check=True)
    began = time.monotonic()
    subprocess.run([*line, *COMMANDS[command]], cwd=tmp_path, check=True)
    lasts = time.monotonic() - began
    moments = Random(0)
    ends = []
    for _ in range(20):
        process = subprocess.Popen(
            [*line, *COMMANDS[command]],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell starts what runs in the background without Ctrl-C, and so would these be.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert process.stdout is not None and process.stdout.readline() == "begun\n"
        time.sleep(moments.uniform(0, lasts))
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=900)
        ends.append(process.returncode)
        # Before `main` begins, the signal itself ends it, which a shell calls 130.
        assert process.returncode in (0, 130, -signal.SIGINT), said
        assert "a bug" not in said
    assert 130 in ends  # not all came too late
