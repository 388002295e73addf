"""Generated kernels as compiled modules, on disk and on both cores.

Numba caches compiled code beside the source file, so every generated module is written to the
user's cache folder under a name made from its text and Numba's version. What is executed is the
generated text, never what lies there; compiled code is taken from there, so that the folder must be
one into which nobody else writes.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from sc_neurocore.errors import UserError
from sc_neurocore.files import (
    CACHE_VARIABLE,
    cache_folder,
    private_folder,
    read_private,
    write_atomically,
)
from sc_neurocore.kernels.threads import usable_cores

_SETTINGS_FILE = ".numba_config.yaml"

_loading = threading.Lock()
_listeners: list[Callable[[str], None]] = []


@contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Tell the listener the name of every module that is compiled inside, before it is."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


def say_compiling(name: str) -> None:
    """Tell the listeners that a module is compiled now, which takes some seconds."""
    for listener in tuple(_listeners):
        listener(name)


def check_settings() -> None:
    """Refuse to compile where a file in the current folder would have its say.

    Numba reads its settings from there, among them the folder from which it takes compiled code;
    and the current folder may be one that somebody sent.

    Raises:
        UserError: If there is such a file.
    """
    path = Path(_SETTINGS_FILE).absolute()
    if os.path.lexists(path):
        raise UserError(
            f"{path}: Numba would take settings from it, such as where compiled code lies that it "
            f"runs: start in another folder, or remove it and set variables NUMBA_... instead"
        )


def load(name: str, text: str) -> ModuleType:
    """Write a generated module, unless it is there, and execute it.

    Args:
        name: What the module is, for people who look into the folder.
        text: The whole source.

    Raises:
        UserError: If the folder cannot be written or belongs to another user, or as
            `check_settings` does.
    """
    check_settings()
    digest = hashlib.sha256(f"{version('numba')}\n{text}".encode()).hexdigest()[:16]
    module_name = f"{name}_{digest}"
    path = cache_folder("kernels") / f"{module_name}.py"
    with _loading:
        if module_name in sys.modules:
            return sys.modules[module_name]
        try:
            private_folder(path.parent)
            _distrust(path.parent / "__pycache__", module_name)
            # A file that is there keeps its time stamp, by which Numba knows its compiled code; one
            # with another content gets a new one, so that what was compiled of it is of no use.
            if read_private(path) != text.encode():
                write_atomically(path, text.encode())
        except OSError as error:
            raise UserError(
                f"{path.parent}: cannot write generated kernels there ({error}); set "
                f"{CACHE_VARIABLE} to a folder that can be written, or use backend='eager'"
            ) from None
        if _listeners and not list((path.parent / "__pycache__").glob(f"{module_name}.*.nbi")):
            say_compiling(name)
        module = ModuleType(module_name)
        module.__file__ = str(path)
        sys.modules[module_name] = module
        try:
            exec(compile(text, path, "exec"), module.__dict__)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module


def _distrust(folder: Path, module_name: str) -> None:
    """Remove compiled code that somebody else could have put there."""
    if not folder.exists():
        return
    private_folder(folder)
    for path in folder.glob(f"{module_name}*"):
        if read_private(path) is None:
            path.unlink()


def run_on_threads(function: int, argument: int, threads: int) -> None:
    """Call a compiled function on several threads at once, every one with the same argument.

    Args:
        function: Address of a C function of one pointer, which shares the work out itself.
        argument: The pointer.
        threads: How many calls, one of them on this thread.
    """
    team = _team_of_torch() if threads > 1 else None
    if team is not None:
        team(function, argument, threads, 0)
        return
    call = _Function(function)
    others = [_workers(os.getpid()).submit(call, argument) for _ in range(threads - 1)]
    call(argument)
    for other in others:
        other.result()


_Function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def _team_of_torch() -> Any:
    """Return the function that runs work on the threads which PyTorch's own operations use.

    After every operation these wait actively for the next one, so they start at once, where other
    threads would have to compete with them for a core. None where PyTorch does not use GNU OpenMP.
    """
    try:
        loaded = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines()}
        paths = [path for path in loaded if Path(path).name.startswith("libgomp")]
        team = ctypes.CDLL(paths[0]).GOMP_parallel if len(paths) == 1 else None
    except (OSError, AttributeError):
        return None
    if team is not None:
        team.argtypes = ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
        team.restype = None
    return team


@cache
def _workers(process: int) -> ThreadPoolExecutor:
    # Threads do not survive a fork, so each process has its own.
    return ThreadPoolExecutor(usable_cores(), thread_name_prefix="sc_neurocore")
