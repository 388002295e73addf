from __future__ import annotations

import pytest
import torch
from torch.optim import lr_scheduler

from sc_neurocore.training.schedules import SCHEDULES

TOTAL = 40


def rates_of_torch(make: object) -> list[float]:
    """Return the rates that a scheduler of PyTorch gives to an optimiser whose rate is 1."""
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    scheduler = make(optimiser)  # type: ignore[operator]
    rates = []
    for _ in range(TOTAL):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    return rates


def test_cosine_is_the_one_of_torch() -> None:
    wanted = rates_of_torch(lambda each: lr_scheduler.CosineAnnealingLR(each, TOTAL))
    found = [SCHEDULES["cosine"](step, TOTAL) for step in range(TOTAL)]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_one_cycle_is_the_one_of_torch_but_for_where_it_counts_from() -> None:
    # PyTorch reaches its ends at steps 0.3 n - 1 and n - 1, this schedule at 0.3 n and n.
    wanted = rates_of_torch(
        lambda each: lr_scheduler.OneCycleLR(
            each, 1.0, TOTAL, pct_start=0.3, final_div_factor=4e3, cycle_momentum=False
        )
    )
    found = [SCHEDULES["one-cycle"](step, TOTAL) for step in range(TOTAL + 1)]
    assert found[0] == pytest.approx(wanted[0])
    assert found[12] == pytest.approx(max(wanted)) == 1.0
    assert found[-1] == pytest.approx(wanted[-1]) == 1e-5
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=False)) < 0.12
    assert found[:13] == sorted(found[:13]) and found[12:] == sorted(found[12:], reverse=True)


def test_a_training_of_one_step_has_a_rate() -> None:
    for schedule in SCHEDULES.values():
        assert 0 < schedule(0, 1) <= 1
