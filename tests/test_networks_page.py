"""The Python of docs/networks.md runs, and its table is true."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sc_neurocore import ConvSpikingNet, SpikingNet

PAGE = Path(__file__).parent.parent / "docs" / "networks.md"


def test_the_blocks_of_the_page_run_one_after_the_other(
    run_page: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    run_page(PAGE.name, folder=tmp_path / "network")


def test_the_parameters_in_its_table_are_those_of_the_networks() -> None:
    text = PAGE.read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+\(.*\))` \| ([\d,]+) \|$", text, re.MULTILINE)
    names = {"SpikingNet": SpikingNet, "ConvSpikingNet": ConvSpikingNet}
    for network, said in table:
        found = sum(parameter.numel() for parameter in eval(network, names).parameters())
        assert found == int(said.replace(",", "")), network
    assert len(table) >= 7
