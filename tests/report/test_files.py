from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.report.contents import Summary
from sc_neurocore.report.files import list_files


def test_files_are_linked_relative_to_the_run(tmp_path: Path, summary: dict[str, Any]) -> None:
    sources = tmp_path / "design" / "rtl"
    sources.mkdir(parents=True)
    (sources / "a b#.v").write_text("module x; endmodule\n")
    bitstream = tmp_path / "design" / "build" / "hx8k" / "digits.bin"
    bitstream.parent.mkdir(parents=True)
    bitstream.write_bytes(bytes(2048))
    links = list_files(tmp_path, Summary.model_validate(summary))
    assert [(link.kind, link.href, link.size) for link in links] == [
        ("Bitstream", "./design/build/hx8k/digits.bin", "2.0 KiB"),
        ("Verilog", "./design/rtl/a%20b%23.v", "20 bytes"),
    ]


def test_a_bitstream_that_is_not_there_is_listed_but_not_linked(
    tmp_path: Path, summary: dict[str, Any]
) -> None:
    (link,) = list_files(tmp_path, Summary.model_validate(summary))
    assert link.path == "design/build/hx8k/digits.bin"
    assert not link.href


def test_nothing_outside_the_run_is_linked(tmp_path: Path, summary: dict[str, Any]) -> None:
    (tmp_path / "secret").write_text("")
    run = tmp_path / "run"
    run.mkdir()
    for path in ("../secret", str(tmp_path / "secret"), "javascript:alert(1)"):
        summary["fpga"]["bitstream"] = path
        (link,) = list_files(run, Summary.model_validate(summary))
        assert not link.href


def test_links_in_a_circle_are_not_followed(tmp_path: Path, summary: dict[str, Any]) -> None:
    sources = tmp_path / "design" / "rtl"
    sources.mkdir(parents=True)
    (sources / "a.v").symlink_to(sources / "a.v")
    summary["fpga"]["bitstream"] = "design/rtl/a.v"
    assert {link.href for link in list_files(tmp_path, Summary.model_validate(summary))} == {""}


@pytest.mark.parametrize("name", ["a\0b.bin", "/etc/hostname", "../other.bin", "a" * 5000, ""])
def test_a_name_that_cannot_be_a_file_is_listed_without_a_link(
    tmp_path: Path, summary: dict[str, Any], name: str
) -> None:
    summary["fpga"]["bitstream"] = name
    (link,) = list_files(tmp_path, Summary.model_validate(summary))
    assert (link.path, link.href) == (name, "")


@pytest.mark.parametrize("name", ["design", "design/rtl"])
def test_a_folder_that_is_a_link_is_not_looked_into(
    name: str, tmp_path: Path, summary: dict[str, Any]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "rtl").mkdir(parents=True)
    for place in (elsewhere, elsewhere / "rtl"):
        (place / "secret.v").write_text("x")
    run = tmp_path / "run"
    (run / name).parent.mkdir(parents=True)
    (run / name).symlink_to(elsewhere)
    summary["fpga"] = None
    assert list_files(run, Summary.model_validate(summary)) == []
