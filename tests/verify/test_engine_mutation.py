"""The faults of benchmarks/engine_mutation.py: each one change, of code and of nothing else."""

from __future__ import annotations

import importlib.util
import re
import sys
from importlib.resources import files
from pathlib import Path
from types import ModuleType

import pytest

from sc_neurocore.verify.bench import blocks

_PLACE = Path(__file__).parents[2] / "benchmarks" / "_engine_faults.py"
_RTL = files("sc_neurocore.hdl") / "rtl"


@pytest.fixture(scope="module")
def engine_faults() -> ModuleType:
    specification = importlib.util.spec_from_file_location("_engine_faults", _PLACE)
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    specification.loader.exec_module(module)
    return module


def _code(text: bytes) -> str:
    return "".join(re.sub(r"//[^\n]*", "", text.decode()).split())


def test_every_kind_of_fault_is_one_change_of_code(engine_faults: ModuleType) -> None:
    kinds = set()
    for name in ("snn_loader.v", "snn_requantize.v", "snn_readout.v", "snn_spikes.v"):
        content = (_RTL / name).read_bytes()
        faults = engine_faults.faults_of(name, content)
        assert len({fault.text for fault in faults} | {content}) == len(faults) + 1
        kinds |= {fault.kind for fault in faults}
        for fault in faults:
            assert blocks(fault.text.decode()) == blocks(content.decode())
            assert _code(fault.text) != _code(content)
    assert kinds == set(engine_faults.KINDS)


def test_a_bit_or_the_order_of_words_is_changed(engine_faults: ModuleType) -> None:
    faults = engine_faults.faults_of("weights.hex", b"0f\n10\n10\n")
    texts = {fault.text for fault in faults}
    assert b"0e\n10\n10\n" in texts and b"10\n0f\n10\n" in texts
    assert all(text != b"0f\n10\n10\n" and len(text) == 9 for text in texts)


def test_a_sample_is_even_and_the_same_for_the_same_seed(engine_faults: ModuleType) -> None:
    faults = [
        fault
        for name in ("snn_loader.v", "snn_engine.v")
        for fault in engine_faults.faults_of(name, (_RTL / name).read_bytes())
    ]
    chosen = engine_faults.sample(faults, 40, 3)
    assert chosen == engine_faults.sample(faults, 40, 3) != engine_faults.sample(faults, 40, 4)
    counts = [
        sum(each.file == name for each in chosen) for name in ("snn_loader.v", "snn_engine.v")
    ]
    assert sum(counts) == 40 and min(counts) >= 10  # though one has forty times as many faults
