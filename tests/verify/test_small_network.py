"""The whole engine against the integer model, for all weights and inputs of a small network."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sc_neurocore.hdl.accelerator import Accelerator
from sc_neurocore.verify import small_network
from sc_neurocore.verify.small_network import prove_small_network


@pytest.mark.parametrize(
    "shape", [{"lanes": 2}, {"lanes": 2, "units": 2, "pipeline": 1, "inputs_per_beat": 2}]
)
def test_the_engine_computes_what_the_integer_model_does(
    require_tool: Callable[[str], None], tmp_path: Path, shape: dict[str, Any]
) -> None:
    require_tool("yosys")
    result = prove_small_network(tmp_path / "proof", **shape)
    assert result.status == "bounded(60)", result.detail


def broken(
    monkeypatch: pytest.MonkeyPatch, file: str, pattern: str, replacement: str
) -> Callable[..., Accelerator]:
    """Return a generator whose engine has one line changed."""
    generate = small_network.generate

    def changed(*arguments: Any, **options: Any) -> Accelerator:
        accelerator = generate(*arguments, **options)
        path = accelerator.directory / "rtl" / file
        text, times = re.subn(pattern, replacement, path.read_text(encoding="utf-8"))
        assert times == 1
        path.write_text(text, encoding="utf-8")
        return accelerator

    monkeypatch.setattr(small_network, "generate", changed)
    return changed


@pytest.mark.parametrize(
    ("file", "pattern", "replacement", "claim"),
    [
        # Sums that are not cleared between jobs.
        (
            "snn_accumulator.v",
            r"advance && multiplied_handover\)\) sum",
            "1'b0)) sum",
            "a state that differs",
        ),
    ],
)
def test_a_broken_engine_is_refuted(
    require_tool: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    pattern: str,
    replacement: str,
    claim: str,
) -> None:
    require_tool("yosys")
    broken(monkeypatch, file, pattern, replacement)
    result = prove_small_network(tmp_path / "proof")
    assert result.status == "refuted"
    assert claim in result.detail
