from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from sc_neurocore.errors import UserError
from sc_neurocore.fpga.design import read_design

COMPLETE = {"top": "core", "board_top": "board", "verilog": ["rtl/core.v"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "rtl/core.v").touch()
    (tmp_path / "elsewhere.v").touch()
    return tmp_path


def test_board_top_goes_before_top_and_the_caller_before_both(folder: Path) -> None:
    manifest = folder / "design.json"
    manifest.write_text(json.dumps(COMPLETE))
    assert read_design(folder).top == "board"
    assert read_design(folder, "core").top == "core"
    manifest.write_text(json.dumps({"top": "core", "verilog": ["rtl/core.v"]}))
    design = read_design(folder)
    assert design.top == "core"
    assert (design.sources / design.verilog[0]).is_file()


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "no JSON object"),
        (json.dumps({"verilog": ["rtl/core.v"]}), 'under "top"'),
        (json.dumps({"top": "core"}), 'under "verilog"'),
        (json.dumps({**COMPLETE, "verilog": []}), 'under "verilog"'),
        (json.dumps({**COMPLETE, "verilog": [1]}), 'under "verilog"'),
        (json.dumps({**COMPLETE, "verilog": ["rtl/lost.v"]}), r"rtl/lost\.v, which is not in"),
        (json.dumps({**COMPLETE, "verilog": ["elsewhere.v"]}), "outside"),
        (json.dumps({**COMPLETE, "device": 5}), "device"),
    ],
)
def test_damaged_manifest_is_refused_with_its_path(
    folder: Path, content: str, complaint: str
) -> None:
    (folder / "design.json").write_text(content)
    with pytest.raises(UserError, match=complaint) as caught:
        read_design(folder)
    assert "design.json" in str(caught.value)


def test_folder_without_manifest_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="sc-neurocore compile"):
        read_design(tmp_path)


def test_memories_are_looked_for_and_changes_are_told(tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    files = {"rtl/a.v": b"module a; endmodule", "rtl/w.hex": b"00"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"top": "a", "verilog": ["rtl/a.v"], "memories": ["rtl/w.hex"], "sha256": digests}
    (tmp_path / "design.json").write_text(json.dumps(manifest))
    assert read_design(tmp_path).changed == ()
    (tmp_path / "rtl" / "w.hex").write_bytes(b"01")
    assert read_design(tmp_path).changed == ("rtl/w.hex",)
    (tmp_path / "rtl" / "w.hex").unlink()
    with pytest.raises(UserError, match=r"lists rtl/w\.hex, which is not in"):
        read_design(tmp_path)
