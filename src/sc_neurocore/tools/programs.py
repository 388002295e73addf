"""Finding and running external programs.

Callers name a program by its key in `sc_neurocore.tools.catalogue.PROGRAMS` and give arguments
with relative paths and the folder that they are relative to; everything else about the program
is handled here. A program gets a process group and a temporary folder of its own, both of which end
with it, and a limit on its time.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from sc_neurocore.errors import ToolFailedError, ToolMissingError, UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.tools.catalogue import PROGRAMS, Program

TIME_LIMIT_VARIABLE = "SC_NEUROCORE_TIME_LIMIT"
"""Seconds that replace every program's own limit; 0 lets programs run for ever."""

_PLAIN_PATH = re.compile(r"[\w+./:\\-]+" if os.name == "nt" else r"[\w+./-]+", re.ASCII)
_TEMPORARY_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")
_LINES_SHOWN = 20
_SECONDS_TO_END = 2.0
_RUNNING: set[subprocess.Popen[str]] = set()
_VERSION_NUMBER = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")


class ToolTimeoutError(ToolFailedError):
    """An external program was stopped because its time had run out."""


def is_available(name: str) -> bool:
    """Tell whether the program and all that it needs are installed.

    Args:
        name: A key of the program table.
    """
    return _first_missing(_program(name)) is None


def locate(name: str) -> tuple[str, ...] | None:
    """Find the program's command: the executable, and arguments where `$CXX` carries some.

    The folder of the running Python comes first, so that a virtual environment need not be
    activated; then `PATH`.

    Args:
        name: A key of the program table.

    Returns:
        The command, or None when the program is not installed.
    """
    program = _program(name)
    chosen = os.environ.get(program.variable or "")
    commands = [shlex.split(chosen)] if chosen else []
    commands += [[candidate] for candidate in program.candidates]
    for command in commands:
        executable = shutil.which(command[0], path=_search_path()) if command else None
        if executable is not None:
            return (executable, *command[1:])
    return None


def run(
    name: str,
    arguments: Sequence[str | os.PathLike[str]],
    cwd: str | os.PathLike[str],
    timeout: float | None = None,
    check: bool = True,
    log: str | os.PathLike[str] | None = None,
    confined: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end and capture what it prints.

    When this call is interrupted or its time runs out, the program and all its children end.

    Args:
        name: A key of the program table.
        arguments: What follows the command; paths relative to `cwd`.
        cwd: The folder to run in.
        timeout: Seconds after which the program is stopped; None for the limit of the table, or of
            $SC_NEUROCORE_TIME_LIMIT.
        check: Whether a non-zero exit status is an error.
        log: A file that keeps the command line and the whole output, also when the run fails.
        confined: Show a program in WebAssembly no other folder than `cwd`: for files that strangers
            may have written.

    Returns:
        The completed process, with stdout and stderr as text.

    Raises:
        ToolMissingError: The program, or one that it needs, is not installed.
        ToolTimeoutError: The time ran out.
        ToolFailedError: The program could not be started, or failed and `check` was set.
    """
    program = _program(name)
    missing = _first_missing(program)
    command = locate(name)
    if missing is not None or command is None:
        raise ToolMissingError(_explain_missing(program, missing or program))
    line = [*command, *program.leading_arguments, *(os.fspath(each) for each in arguments)]
    extra = {"YOWASP_MOUNT": "/=."} if confined and program.webassembly else {}
    completed = execute(line, cwd, timeout, limit=program.time_limit, log=log, environment=extra)
    if check and completed.returncode != 0:
        reason = f"failed with exit status {completed.returncode}"
        raise ToolFailedError(_explain_failure(completed, cwd, reason))
    return completed


def execute(
    line: Sequence[str],
    cwd: str | os.PathLike[str],
    timeout: float | None = None,
    *,
    limit: float = 3600,
    log: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command line, of a program that is not in the table, as `run` does.

    Args:
        line: The executable and its arguments.
        cwd: The folder to run in.
        timeout: As `run` takes it.
        limit: Seconds that are allowed if neither `timeout` nor the user says how many.
        log: As `run` takes it.
        environment: Variables that are set for it beside those of this process.

    Raises:
        ToolTimeoutError: The time ran out.
        ToolFailedError: The program could not be started.
    """
    allowed = timeout if timeout is not None else _limit_of_user(limit)
    with workshop() as temporary:
        folder = {name: str(temporary) for name in ("TMPDIR", "TMP", "TEMP")}
        variables = {**_environment(), **folder, **(environment or {})}
        completed, timed_out = _communicate(line, Path(cwd), variables, allowed)
    if log is not None:
        shown = f"$ {shlex.join(line)}\n{completed.stdout}{completed.stderr}"
        write_atomically(Path(log), shown.encode())
    if timed_out:
        reason = f"got no answer in {allowed:g} s and was stopped"
        if timeout is None:
            reason += (
                f"; if it only needs longer, set {TIME_LIMIT_VARIABLE} to more seconds, or to 0"
            )
        raise ToolTimeoutError(_explain_failure(completed, cwd, reason))
    return completed


@contextmanager
def workshop() -> Iterator[Path]:
    """Yield a private temporary folder whose path every program can work in.

    Blanks and quotes in `$TMPDIR` break make and Icarus, which hand it to a shell: then the folder
    is made elsewhere.

    Raises:
        UserError: If there is no such place.
    """
    with tempfile.TemporaryDirectory(dir=_temporary_folder(), prefix="sc-neurocore-") as folder:
        yield Path(folder)


@cache
def version(name: str) -> str:
    """Return the program's version as it or its Python distribution states it.

    Args:
        name: A key of the program table.

    Returns:
        A version number such as "5.006", or "unknown" when the program states none.

    Raises:
        ToolMissingError: The program is not installed.
    """
    program = _program(name)
    command = locate(name)
    if command is None:
        raise ToolMissingError(_explain_missing(program, program))
    if program.distribution is not None and _is_beside_python(command[0]):
        try:
            return metadata.version(program.distribution)
        except metadata.PackageNotFoundError:
            pass  # installed by other means than pip: the program itself is asked
    completed = execute([*command, *program.version_arguments], Path(), limit=120)
    number = _VERSION_NUMBER.search(completed.stdout) or _VERSION_NUMBER.search(completed.stderr)
    return number.group() if number else "unknown"


def _program(name: str) -> Program:
    """Look the key up; an unknown one is a programming mistake, not the user's."""
    try:
        return PROGRAMS[name]
    except KeyError:
        raise ValueError(
            f"no program {name!r} in the table; it has {', '.join(PROGRAMS)}"
        ) from None


def _first_missing(program: Program) -> Program | None:
    """Return the first of the program and its needs that is not installed."""
    for each in (program, *(PROGRAMS[key] for key in program.needs)):
        if locate(each.key) is None:
            return each
    return None


def _search_path() -> str:
    """List the folders to search, the running Python's own (a link not followed) first."""
    return os.pathsep.join((str(_python_folder()), os.environ.get("PATH", os.defpath)))


def _python_folder() -> Path:
    return Path(sys.executable).parent


def _is_beside_python(executable: str) -> bool:
    return Path(executable).parent == _python_folder()


def _environment() -> Mapping[str, str]:
    """Let programs find each other where we find them, and speak the language that we parse."""
    return {**os.environ, "PATH": _search_path(), "LC_ALL": "C", "PYTHONUTF8": "1"}


def _temporary_folder() -> str:
    chosen = tempfile.gettempdir()
    for folder in (chosen, *_TEMPORARY_FOLDERS):
        real = os.path.realpath(folder)
        is_usable = os.path.isdir(real) and os.access(real, os.W_OK | os.X_OK)
        if _PLAIN_PATH.fullmatch(real) and is_usable:
            return real
    raise UserError(
        f"the folder for temporary files is {chosen!r}, where make and Icarus cannot work: set "
        f"TMPDIR to a folder whose path has only letters, digits, and any of _ + . / -"
    )


def _limit_of_user(limit: float) -> float | None:
    """Return how many seconds a program may take: the user's limit, or else its own."""
    text = os.environ.get(TIME_LIMIT_VARIABLE)
    try:
        seconds = float(text) if text else limit
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise UserError(f"{TIME_LIMIT_VARIABLE}={text!r}: expected seconds, or 0 for no limit")
    return seconds or None


def _communicate(
    line: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float | None
) -> tuple[subprocess.CompletedProcess[str], bool]:
    """Run a command line; the flag tells whether it was stopped because its time ran out."""
    try:
        process = subprocess.Popen(
            line,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        raise ToolFailedError(
            f"{shlex.join(line)} could not be started in {cwd}: {error}"
        ) from error
    timed_out = False
    _RUNNING.add(process)
    with process:
        try:
            stdout, stderr = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _end_group(process)
            stdout, stderr = process.communicate()
        except BaseException:
            _end_group(process)
            raise
        finally:
            _RUNNING.discard(process)
    return subprocess.CompletedProcess(list(line), process.returncode, stdout, stderr), timed_out


def stop_running() -> None:
    """End every program that runs, in whatever thread: only the main thread hears of Ctrl-C."""
    for process in tuple(_RUNNING):
        _end_group(process)


def _end_group(process: subprocess.Popen[str]) -> None:
    """End the process and its children: politely, and then for certain."""
    for final in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, final)
        except (ProcessLookupError, PermissionError):
            return
        try:
            process.wait(timeout=_SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            continue


def _explain_missing(wanted: Program, missing: Program) -> str:
    through = "" if missing is wanted else f", which {wanted.key} needs,"
    return (
        f"{missing.key}{through} is not installed. It is for {missing.purpose}. "
        f"To get it: {missing.remedy}"
    )


def _explain_failure(
    completed: subprocess.CompletedProcess[str], cwd: str | os.PathLike[str], reason: str
) -> str:
    output = f"{completed.stdout}\n{completed.stderr}".split("\n")
    last = [text.rstrip() for text in output if text.strip()][-_LINES_SHOWN:]
    return "\n  ".join((f"{shlex.join(completed.args)} in {os.fspath(cwd)} {reason}", *last))
