"""Which program, tools and machine a certificate was made with."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sc_neurocore
from sc_neurocore import __version__
from sc_neurocore.tools.programs import version

_PACKAGE = Path(sc_neurocore.__file__).parent
_SECONDS_FOR_GIT = 10
_GIT = ("git", "--no-optional-locks", "-c", "core.fsmonitor=false")
"""The repository around an installation may be anybody's: none of its programs are run."""
PROVERS = ("yosys", "z3", "sby")


@cache
def package_sha256() -> str:
    """Return the SHA-256 over the names and contents of all files of this package.

    It names the code that ran, from a wheel as from a checkout, whatever git says.
    """
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            name = path.relative_to(_PACKAGE).as_posix().encode()
            content = path.read_bytes()
            digest.update(b"%d %s %d " % (len(name), name, len(content)) + content)
    return digest.hexdigest()


@cache
def package_commit() -> str:
    """Return the commit of the checkout that this package runs from, or nothing.

    "+changes" follows where the package's files are not those of the commit.
    """

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(
                [*_GIT, "-C", str(_PACKAGE), *arguments],
                capture_output=True,
                text=True,
                timeout=_SECONDS_FOR_GIT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    # A checkout of something else may have this package installed below it.
    if git("ls-files", "--error-unmatch", "__init__.py") is None:
        return ""
    commit = git("rev-parse", "HEAD")
    if not commit:
        return ""
    return commit + ("+changes" if git("status", "--porcelain", "--", ".") else "")


def environment(simulators: Mapping[str, str]) -> dict[str, str]:
    """Return versions, machine and date.

    Args:
        simulators: The version of each simulator that ran.
    """
    return {
        "sc_neurocore": __version__,
        "sc_neurocore_commit": package_commit(),
        "sc_neurocore_sha256": package_sha256(),
        "python": platform.python_version(),
        **simulators,
        **{name: version(name) for name in PROVERS},
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
