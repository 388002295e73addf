"""The induction over layers, steps and groups holds; with a fault in the machine it does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

if not os.environ.get("CI"):  # there nothing may be skipped: the imports below fail
    pytest.importorskip("z3", reason="needs z3, which make setup installs")

from sc_neurocore.fixed import IntegerNetwork
from sc_neurocore.hdl.accelerator import Accelerator, render_accelerator
from sc_neurocore.verify.machine import Kind
from sc_neurocore.verify.schedule import first_gap, prove_schedule

MakeNetwork = Callable[..., IntegerNetwork]

GROUPS = Kind(step_outer=False, is_static=True)
STEPS = Kind(step_outer=True, is_static=True)
FRAMES = Kind(step_outer=True, is_static=False)
RINGS = replace(FRAMES, ring=2)
LONG_RINGS = replace(FRAMES, ring=64)


@pytest.mark.parametrize(
    "kind",
    [
        GROUPS,
        FRAMES,
        RINGS,
        pytest.param(STEPS, marks=pytest.mark.soak),
        pytest.param(LONG_RINGS, marks=pytest.mark.soak),
    ],
)
def test_the_lemmas_make_the_model(kind: Kind) -> None:
    gap, shown = first_gap(kind)
    assert gap == ""
    assert shown > 80


@pytest.mark.sample(5)
@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ("one bank", GROUPS, "spikes"),  # the layer behind is overwritten while it is read
        pytest.param(*("one bank", STEPS, "spikes"), marks=pytest.mark.soak),
        ("one state", STEPS, "states"),
        ("other events", GROUPS, "sums"),
        ("own spikes of now", FRAMES, "sums"),
        pytest.param(*("same half", FRAMES, "events"), marks=pytest.mark.soak),
        pytest.param(*("sum stays", GROUPS, "sums"), marks=pytest.mark.soak),
        ("sum stays", RINGS, "sums"),
        ("own spikes left out", STEPS, "jobs"),
        ("no rest", GROUPS, "state"),
        ("not drained", GROUPS, "spikes"),
        pytest.param(*("not drained", STEPS, "spikes"), marks=pytest.mark.soak),
        ("not emptied", RINGS, "sums"),
    ],
)
def test_a_fault_of_the_machine_is_found(fault: str, kind: Kind, says: str) -> None:
    gap, _ = first_gap(replace(kind, fault=fault))
    assert gap.endswith("not so") and says in gap


@pytest.fixture
def accelerator(make_network: MakeNetwork, tmp_path: Path) -> Accelerator:
    network = make_network([6, 9, 3], steps=5)
    return render_accelerator(network, 4, schedule="step-outer").write(tmp_path)


def test_a_design_has_its_kind_and_its_numbers(accelerator: Accelerator) -> None:
    found = prove_schedule(accelerator)
    assert found.status == "proved" and not found.bound
    assert "2 layers are apart" in found.detail


@pytest.mark.parametrize(
    ("layer", "bits", "says"),
    [
        ({"first_slot": 1}, {}, "layers 0 and 1 share places of states"),
        ({"takes_frame": True}, {}, "layer 1: only the first layer"),
        ({"is_recurrent": True}, {"schedule": "group-stationary"}, "layer 1: own spikes"),
        ({}, {"step_bits": 2}, "5 steps have no room in 2 bits"),
        ({}, {"group_bits": 1}, "3 groups have no room in 1 bits"),
        (
            {"is_delayed": True, "groups": 2, "first_ring": 1},
            {"ring_bits": 1},
            "3 rings have no room in 1 bits",
        ),
        ({"input_shift": 9}, {}, "a shifted value needs"),
    ],
)
def test_numbers_that_overlap_or_wrap_are_refuted(
    layer: dict[str, Any], bits: dict[str, Any], says: str, accelerator: Accelerator
) -> None:
    g = accelerator.geometry
    changed = (g.layers[0], replace(g.layers[1], **layer))
    other = replace(accelerator, geometry=replace(g, layers=changed, **bits))
    found = prove_schedule(other)
    assert found.status == "refuted" and says in found.detail
