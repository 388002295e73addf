from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from sc_neurocore.kernels.backends import BACK_ENDS
from sc_neurocore.tools import doctor
from sc_neurocore.tools.catalogue import PROGRAMS, Program


def test_every_program_has_a_row_and_what_is_missing_a_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    absent = Program("absent", ("no-such-program-at-all",), "flying", "apt install rocket")
    monkeypatch.setitem(PROGRAMS, "absent", absent)
    findings = {finding.name: finding for finding in doctor.examine()}
    assert set(PROGRAMS) <= set(findings)
    assert findings["absent"].remedy == "apt install rocket"
    assert not findings["absent"].found
    for finding in findings.values():
        assert finding.purpose and finding.remedy
        assert finding.found == bool(finding.version)


def test_running_python_and_numpy_are_found() -> None:
    findings = {finding.name: finding for finding in doctor.examine()}
    assert findings["python"].path == sys.executable
    assert findings["numpy"].version == np.__version__


def test_every_back_end_of_the_kernels_has_a_row() -> None:
    rows = {finding.name: finding for finding in doctor.examine() if finding.kind == "backend"}
    for name, back_end in BACK_ENDS.items():
        assert rows[f"backend={name!r}"].found == back_end.is_available()


def test_what_lies_in_the_current_folder_is_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder that somebody sent may hold a file that is named like a package."""
    (tmp_path / "torch.py").write_text("open('witness', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    doctor.examine()
    assert not (tmp_path / "witness").exists()


def test_a_torch_that_breaks_on_import_is_only_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_BACKENDS", (("cpu", "p", "raise ImportError('torn')", "r"),))
    (finding,) = [each for each in doctor.examine() if each.name == "cpu"]
    assert not finding.found
