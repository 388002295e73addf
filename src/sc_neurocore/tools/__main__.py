"""Run every WebAssembly program once, so that its compilation waits in the machine's cache.

`make setup` calls this; without it the first build would stand still for a minute.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sc_neurocore.tools.catalogue import PROGRAMS, Program
from sc_neurocore.tools.programs import is_available, run


def compile_programs() -> None:
    """Let all installed WebAssembly programs compile themselves, side by side."""

    def start(program: Program) -> None:
        run(program.key, program.version_arguments, Path(), check=False)

    waiting = [each for each in PROGRAMS.values() if each.webassembly and is_available(each.key)]
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(start, waiting):
            pass


if __name__ == "__main__":
    compile_programs()
