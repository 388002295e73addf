from __future__ import annotations

from pathlib import Path

import pytest

from sc_neurocore.report.files import below, link, list_files

VERILOG = (("Verilog", "rtl/*.v"),)


def test_files_are_linked_relative_to_the_folder(tmp_path: Path) -> None:
    sources = tmp_path / "design" / "rtl"
    sources.mkdir(parents=True)
    (sources / "a b#.v").write_text("module x; endmodule\n")
    (tmp_path / "digits.bin").write_bytes(bytes(2048))
    links = list_files(tmp_path / "design", (*VERILOG, ("Certificate", "certificate.json")))
    assert [(each.kind, each.href, each.size) for each in links] == [
        ("Verilog", "./rtl/a%20b%23.v", "20 bytes")
    ]
    (inner,) = below(links, "design")
    assert (inner.path, inner.href) == ("design/rtl/a b#.v", "./design/rtl/a%20b%23.v")
    found = link(tmp_path, "Bitstream", "digits.bin")
    assert (found.href, found.size) == ("./digits.bin", "2.0 KiB")


def test_a_bitstream_that_is_not_there_is_described_but_not_linked(tmp_path: Path) -> None:
    found = link(tmp_path, "Bitstream", "build/hx8k/digits.bin")
    assert (found.path, found.href) == ("build/hx8k/digits.bin", "")


def test_nothing_outside_the_folder_is_linked(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("")
    run = tmp_path / "run"
    run.mkdir()
    for path in ("../secret", str(tmp_path / "secret"), "javascript:alert(1)"):
        assert not link(run, "Bitstream", path).href


def test_links_in_a_circle_are_not_followed(tmp_path: Path) -> None:
    sources = tmp_path / "rtl"
    sources.mkdir()
    (sources / "a.v").symlink_to(sources / "a.v")
    assert not link(tmp_path, "Bitstream", "rtl/a.v").href
    assert {each.href for each in list_files(tmp_path, VERILOG)} == {""}


@pytest.mark.parametrize("name", ["a\0b.bin", "/etc/hostname", "../other.bin", "a" * 5000, ""])
def test_a_name_that_cannot_be_a_file_has_no_link(name: str, tmp_path: Path) -> None:
    found = link(tmp_path, "Bitstream", name)
    assert (found.path, found.href) == (name, "")


def test_a_folder_that_is_a_link_is_not_looked_into(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.v").write_text("x")
    run = tmp_path / "run"
    run.mkdir()
    (run / "rtl").symlink_to(elsewhere)
    assert list_files(run, VERILOG) == []
