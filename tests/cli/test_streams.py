"""Standard streams that are closed, full or without a reader: right codes, no traceback."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sc_neurocore.cli.app import run as run_line
from sc_neurocore.cli.console import describe_error
from sc_neurocore.errors import UserError
from sc_neurocore.files import write_atomically
from sc_neurocore.folders import replace_files, sole_writer

MODEL = Path(__file__).parents[2] / "models" / "digits"
FULL = Path("/dev/full")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="the shell's ways to close a stream")


def shell(line: str, tmp_path: Path) -> tuple[int, str, str]:
    """Run a line with $S for the program; return code, stdout and stderr."""
    program = f'"{sys.executable}" -m sc_neurocore.cli'
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {line.replace('$S', program)}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "Traceback" not in done.stderr and "a bug" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.sample(2)
@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("$S doctor --nonsense --json >&-", 2, "No such option"),
        ("$S report . --json >&-", 2, "stdout is closed, where --json writes"),
        ("$S --help >&- 2>&- <&-", 0, ""),
        ("$S --version >/dev/full", 2, "stdout: No space left on device"),
        ("$S --nonsense 2>/dev/full", 2, ""),
        ("$S report nowhere --json 2>&1 | head -0", 2, ""),
    ],
)
def test_streams_that_cannot_be_written(line: str, code: int, said: str, tmp_path: Path) -> None:
    if "/dev/full" in line and not FULL.exists():
        pytest.skip("needs /dev/full, which this system does not have")
    found, _, stderr = shell(line, tmp_path)
    assert found == code
    assert said in stderr


def test_a_result_that_nobody_gets_is_an_error_and_a_table_that_nobody_reads_is_none(
    tmp_path: Path,
) -> None:
    export = f"$S export {MODEL} --to sc --out exported"
    code, _, stderr = shell(f"{export} --json | head -0", tmp_path)
    assert (code, "stdout: Broken pipe" in stderr) == (2, True)
    assert shell(f"{export} | head -0", tmp_path)[0] == 0


def test_a_full_disk_names_the_file(tmp_path: Path) -> None:
    """A limit on the size of files stands for it: the system's error names no file either."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    place = tmp_path / "weights"
    with sole_writer(tmp_path / "folder", "test"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))
        try:
            for write in (
                lambda: write_atomically(place, bytes(100)),
                lambda: replace_files(tmp_path / "folder", {"weights": bytes(100)}),
            ):
                with pytest.raises((OSError, UserError), match="too large") as caught:
                    write()
                assert describe_error(caught.value).split(":")[0].endswith("/weights")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line",
    [
        ("export", MODEL, "--to", "sc"),
        ("export", MODEL, "--to", "nir"),
        ("compile", MODEL),
        ("train", "--epochs", 1, "--hidden", 4, "--steps", 2),
    ],
)
@pytest.mark.parametrize("out", ["/proc/nowhere", "/dev/null", "/dev/null/run"])
def test_a_folder_that_cannot_be_written_is_named(
    line: tuple[object, ...], out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/proc/self").exists():
        pytest.skip("needs /proc")
    assert run_line([*map(str, line), "--out", out]) == 2
    assert out in capsys.readouterr().err
