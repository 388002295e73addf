"""benchmarks/sc_fidelity.py spreads its runs over processes and goes on where it was stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.sample(1)
@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_runs_are_spread_and_kept(backend: str, tmp_path: Path) -> None:
    command = [
        sys.executable, str(ROOT / "benchmarks" / "sc_fidelity.py"), "--network", "digits",
        "--sections", "integers", "--lengths", "64", "--images", "40", "--jobs", "2",
        "--backend", backend, "--folder", str(tmp_path),
    ]  # fmt: skip
    path = os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])
    names = [
        f"digits-sign-magnitude-{source}-64-shared-Q8.8-True-None" for source in ("lfsr", "sobol")
    ]
    kept = tmp_path / "first-40"
    kept.mkdir()
    (kept / f"{names[0]}.json").write_text("0.5")  # what is there is not measured again
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    measured = done.stdout.splitlines()[0]
    assert measured.startswith(f"{names[1]}: ")
    assert not any(line.startswith(names[0]) for line in done.stdout.splitlines())
    assert float((kept / f"{names[1]}.json").read_text()) > 0.9
    assert (kept / f"{names[0]}.json").read_text() == "0.5"
