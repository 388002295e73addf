"""The table of back ends: what it says of each, and that naming one needs nothing of it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sc_neurocore.kernels import backends
from sc_neurocore.kernels.backends import AUTO, BACK_ENDS, EAGER, candidates, serving
from sc_neurocore.kernels.numba import scans as numba_scans
from sc_neurocore.training import LIFCell

NUMBA = BACK_ENDS["numba"]


def test_the_table_needs_neither_torch_nor_a_back_end() -> None:
    code = (
        "import sys, sc_neurocore.kernels.backends as table; table.candidates('auto'); "
        "sys.exit(bool({'torch', 'numba'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_type_is_one_of_torch_and_every_module_has_both_functions() -> None:
    for name, each in BACK_ENDS.items():
        assert each.name == name
        assert all(isinstance(getattr(torch, stored), torch.dtype) for stored in each.stored)
        if each.is_available():
            assert callable(each.kernels().forward) and callable(each.kernels().backward)


def test_what_serves_is_the_first_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    assert candidates(EAGER) == ()
    assert serving(candidates(AUTO), "cpu") is NUMBA
    assert serving(candidates(AUTO), "meta") is None
    absent = replace(NUMBA, name="absent", package="no-such-package-at-all")
    quick = replace(NUMBA, name="quick", devices=("meta", "cpu"))
    monkeypatch.setattr(backends, "BACK_ENDS", {"absent": absent, "quick": quick, "numba": NUMBA})
    assert candidates("absent") == (absent,)
    assert candidates(AUTO) == (quick, NUMBA)
    assert serving(candidates(AUTO), "cpu") is quick


def test_another_back_end_is_an_entry_and_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cell runs on an entry that is put into the table, forward and backward."""
    seen = []

    class Watched:
        @staticmethod
        def forward(*arguments: object) -> None:
            seen.append("forward")
            numba_scans.forward(*arguments)  # type: ignore[arg-type]

        @staticmethod
        def backward(*arguments: object) -> None:
            seen.append("backward")
            numba_scans.backward(*arguments)  # type: ignore[arg-type]

    watched = replace(NUMBA, name="watched", stored=("float64",), module="watched_kernels")
    monkeypatch.setitem(sys.modules, "watched_kernels", Watched)  # type: ignore[arg-type]
    monkeypatch.setitem(BACK_ENDS, "watched", watched)  # type: ignore[arg-type]
    monkeypatch.setattr("sc_neurocore.training.arguments.NAMES", (*backends.NAMES, "watched"))

    def answer(name: str) -> tuple[Tensor, ...]:
        currents = torch.linspace(-1, 3, 24, dtype=torch.float64).view(4, 3, 2).requires_grad_()
        spikes, _ = LIFCell(backend=name).unroll(currents)
        assert spikes.any()
        return spikes, *torch.autograd.grad(spikes.square().sum(), currents)

    assert all(map(torch.equal, answer("watched"), answer("numba")))
    assert seen == ["forward", "backward"]
