"""How many threads work, and how they wait."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from threadpoolctl import threadpool_info

from sc_neurocore import SPINS
from sc_neurocore.kernels.threads import one_blas_thread, thread_count, usable_cores

UNSET = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}


@pytest.mark.parametrize(
    ("imports", "given", "expected"),
    [
        ("sc_neurocore", {}, {"GOMP_SPINCOUNT": SPINS}),
        ("sc_neurocore", {"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
        ("sc_neurocore", {"OMP_WAIT_POLICY": "active"}, {"OMP_WAIT_POLICY": "active"}),
        ("torch, sc_neurocore", {}, {}),  # too late
    ],
)
def test_torch_is_told_to_wait_briefly_unless_the_user_says_how(
    imports: str, given: dict[str, str], expected: dict[str, str]
) -> None:
    code = f"import os, {imports}; print({{k: v for k, v in os.environ.items() if k in {UNSET}}})"
    environment = {name: value for name, value in os.environ.items() if name not in UNSET}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment | given, capture_output=True, check=True)
    assert eval(done.stdout) == expected


def test_threads_follow_the_affinity_mask_and_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(5)), raising=False)
    before = torch.get_num_threads()
    try:
        for wanted, expected in ((1, 1), (3, 3), (9, 5)):
            torch.set_num_threads(wanted)
            assert (usable_cores(), thread_count()) == (5, expected)
    finally:
        torch.set_num_threads(before)
    monkeypatch.delattr(os, "sched_getaffinity")
    assert usable_cores() == os.cpu_count()


def test_numpy_has_one_thread_for_a_while() -> None:
    def threads() -> list[int]:
        return [each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"]

    before = threads()
    with one_blas_thread():
        assert set(threads()) <= {1}
    assert threads() == before
