"""Finding and running programs: what callers rely on, with stand-ins and the real tools."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sc_neurocore.errors import ToolFailedError, ToolMissingError, UserError
from sc_neurocore.tools import programs
from sc_neurocore.tools.catalogue import PROGRAMS, Program
from sc_neurocore.tools.programs import ToolTimeoutError, is_available, locate, run, version

SLEEP_WITH_CHILD = """
import subprocess, sys
print("child started", flush=True)
subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
"""


@pytest.fixture
def python_as_tool(monkeypatch: pytest.MonkeyPatch) -> str:
    """Register the running Python as a program; code is its argument."""
    program = Program(
        key="stand-in",
        candidates=("no-such-program-at-all", "python"),
        purpose="tests",
        remedy="sing a song",
        leading_arguments=("-c",),
    )
    monkeypatch.setitem(PROGRAMS, program.key, program)
    return program.key


@pytest.fixture
def absent_tool(monkeypatch: pytest.MonkeyPatch) -> str:
    program = Program("absent", ("no-such-program-at-all",), "flying to Mars", "apt install rocket")
    monkeypatch.setitem(PROGRAMS, program.key, program)
    return program.key


def test_run_captures_both_streams_in_the_given_folder(python_as_tool: str, tmp_path: Path) -> None:
    code = "import os, sys; print(os.getcwd()); print('careful', file=sys.stderr)"
    completed = run(python_as_tool, [code], cwd=tmp_path)
    assert Path(completed.stdout.strip()) == tmp_path.resolve()
    assert completed.stderr == "careful\n"


def test_failure_names_command_folder_status_and_last_lines(
    python_as_tool: str, tmp_path: Path
) -> None:
    code = "for i in range(1000): print('line', i)\nraise SystemExit(7)"
    with pytest.raises(ToolFailedError) as caught:
        run(python_as_tool, [code], cwd=tmp_path)
    message = str(caught.value)
    assert "python" in message and str(tmp_path) in message and "exit status 7" in message
    assert "line 999" in message and "line 9\n" not in message
    assert caught.value.exit_code == 1


def test_unchecked_failure_is_returned(python_as_tool: str, tmp_path: Path) -> None:
    assert run(python_as_tool, ["raise SystemExit(7)"], tmp_path, check=False).returncode == 7


def test_log_keeps_the_output_of_a_failure(python_as_tool: str, tmp_path: Path) -> None:
    log = tmp_path / "tool.log"
    with pytest.raises(ToolFailedError):
        run(python_as_tool, ["print('the reason'); raise SystemExit(1)"], tmp_path, log=log)
    first, rest = log.read_text().split("\n", 1)
    assert first.startswith("$ ") and rest == "the reason\n"


def test_timeout_ends_the_children_too(python_as_tool: str, tmp_path: Path) -> None:
    # The child holds the pipe: unless it ends as well, reading the output lasts ten minutes.
    log = tmp_path / "tool.log"
    with pytest.raises(ToolTimeoutError, match="no answer in 2 s"):
        run(python_as_tool, [SLEEP_WITH_CHILD], tmp_path, timeout=2, log=log)
    assert "child started" in log.read_text()


@pytest.mark.parametrize(("own", "users"), [(1.0, None), (600.0, "1")])
def test_a_program_that_hangs_is_stopped_with_a_reason(
    own: float,
    users: str | None,
    python_as_tool: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slow = replace(PROGRAMS[python_as_tool], time_limit=own)
    monkeypatch.setitem(PROGRAMS, python_as_tool, slow)
    if users is not None:
        monkeypatch.setenv(programs.TIME_LIMIT_VARIABLE, users)
    with pytest.raises(ToolTimeoutError) as caught:
        run(python_as_tool, ["import time; print('busy', flush=True); time.sleep(600)"], tmp_path)
    message = str(caught.value)
    assert "python -c" in message and str(tmp_path) in message and "busy" in message
    assert "got no answer in 1 s and was stopped" in message
    assert "set SC_NEUROCORE_TIME_LIMIT" in message


def test_the_users_limit_can_be_none_but_not_nonsense(
    python_as_tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = replace(PROGRAMS[python_as_tool], time_limit=0.1)
    monkeypatch.setitem(PROGRAMS, python_as_tool, slow)
    monkeypatch.setenv(programs.TIME_LIMIT_VARIABLE, "0")
    assert run(python_as_tool, ["import time; time.sleep(0.5); print(1)"], tmp_path).stdout == "1\n"
    for nonsense in ("soon", "-1", "inf", "nan"):
        monkeypatch.setenv(programs.TIME_LIMIT_VARIABLE, nonsense)
        with pytest.raises(UserError, match="expected seconds, or 0 for no limit"):
            run(python_as_tool, ["1"], tmp_path)


def test_a_program_has_a_plain_temporary_folder_that_ends_with_it(
    python_as_tool: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "a b'c $(x)"
    odd.mkdir()
    for folder in (odd, tmp_path):
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        code = "import tempfile; print(tempfile.mkdtemp()); 1 / 0"
        place = Path(run(python_as_tool, [code], tmp_path, check=False).stdout.strip())
        assert programs._PLAIN_PATH.fullmatch(str(place))
        assert not place.exists() and not place.parent.exists()
    assert place.is_relative_to(tmp_path.resolve())
    monkeypatch.setattr(programs, "_TEMPORARY_FOLDERS", ())
    monkeypatch.setattr("tempfile.tempdir", str(odd))
    with pytest.raises(UserError, match="set TMPDIR to a folder"):
        run(python_as_tool, ["1"], tmp_path)


def test_interrupt_ends_the_program(tmp_path: Path) -> None:
    sleeper = (
        "import os, pathlib, time;"
        "pathlib.Path('partial').write_text(str(os.getpid()));"
        "os.rename('partial', 'pid'); time.sleep(600)"
    )
    caller = f"""
from sc_neurocore.tools.catalogue import PROGRAMS, Program
from sc_neurocore.tools.programs import run
PROGRAMS["stand-in"] = Program("stand-in", ("python",), "tests", "")
run("stand-in", ["-c", {sleeper!r}], cwd=".")
"""
    process = subprocess.Popen(
        [sys.executable, "-c", caller], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    pid_file = tmp_path / "pid"
    with process:
        while not pid_file.exists():
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate()
    assert "KeyboardInterrupt" in errors
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


def test_output_that_is_not_utf8_is_kept_readable(python_as_tool: str, tmp_path: Path) -> None:
    code = r"import sys; sys.stdout.buffer.write(b'caf\xe9 open\n')"
    assert run(python_as_tool, [code], tmp_path).stdout.endswith(" open\n")


def test_missing_program_says_what_for_and_how_to_get_it(absent_tool: str, tmp_path: Path) -> None:
    assert not is_available(absent_tool)
    assert locate(absent_tool) is None
    with pytest.raises(
        ToolMissingError, match=r"absent is not .*flying to Mars.*install rocket"
    ) as e:
        run(absent_tool, [], tmp_path)
    assert e.value.exit_code == 3


def test_program_whose_need_is_missing_is_not_available(
    absent_tool: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    needy = Program("needy", ("python",), "tests", "", needs=(absent_tool,))
    monkeypatch.setitem(PROGRAMS, "needy", needy)
    assert locate("needy") is not None
    assert not is_available("needy")
    with pytest.raises(ToolMissingError, match="absent, which needy needs, is not installed"):
        run("needy", [], tmp_path)


def test_programs_beside_python_come_before_those_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside, elsewhere = tmp_path / "environment", tmp_path / "elsewhere"
    for folder in (beside, elsewhere):
        folder.mkdir()
        (folder / "z3").write_text("#!/bin/sh\n")
        (folder / "z3").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", str(elsewhere))
    assert locate("z3") == (str(beside / "z3"),)
    (beside / "z3").unlink()
    assert locate("z3") == (str(elsewhere / "z3"),)


def test_cxx_may_name_a_compiler_with_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", f"{shlex.quote(sys.executable)} -O3")
    assert locate("c++") == (sys.executable, "-O3")
    monkeypatch.setenv("CXX", "no-such-compiler")
    located = locate("c++")
    assert located is None or "no-such-compiler" not in located


def test_unknown_key_is_a_programming_mistake() -> None:
    with pytest.raises(ValueError, match="no program 'vivado'"):
        is_available("vivado")


def test_every_entry_explains_itself() -> None:
    for key, program in PROGRAMS.items():
        assert program.key == key
        assert program.purpose and program.remedy and program.candidates
        assert set(program.needs) <= set(PROGRAMS)


# What loads bitstreams is of no use without a board; tests/cli/test_flash.py has stand-ins.
@pytest.mark.parametrize("name", sorted(set(PROGRAMS) - {"iceprog", "openFPGALoader"}))
def test_version_is_a_number(name: str, require_tool: Callable[..., None]) -> None:
    require_tool(name)
    programs.version.cache_clear()
    assert version(name)[0].isdigit()


def test_yosys_reads_and_writes_below_the_temporary_folder(
    tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("yosys")
    (tmp_path / "wire.v").write_text("module wire_only(input a, output b); assign b = a; endmodule")
    run("yosys", ["-q", "-p", "read_verilog wire.v; write_json wire.json"], tmp_path)
    assert "wire_only" in (tmp_path / "wire.json").read_text()


@pytest.mark.parametrize(("limit", "verdict"), [(9, "PASS"), (5, "FAIL")])
def test_sby_proves_and_refutes(
    limit: int, verdict: str, tmp_path: Path, require_tool: Callable[..., None]
) -> None:
    require_tool("sby")
    (tmp_path / "digit.v").write_text(
        "module digit(input clk); reg [3:0] d = 0;"
        " always @(posedge clk) d <= d == 9 ? 0 : d + 1;"
        f" always @* assert (d <= {limit}); endmodule\n"
    )
    (tmp_path / "digit.sby").write_text(
        "[options]\nmode prove\ndepth 12\n[engines]\nsmtbmc z3\n"
        "[script]\nread -formal digit.v\nprep -top digit\n[files]\ndigit.v\n"
    )
    completed = run("sby", ["-f", "digit.sby"], tmp_path, check=False)
    assert (tmp_path / "digit" / verdict).exists(), completed.stdout
    assert (completed.returncode == 0) == (verdict == "PASS")
